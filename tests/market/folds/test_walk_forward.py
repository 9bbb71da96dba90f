"""Folds of a walk-forward as pure index logic, on a panel with a halt and a late listing."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.errors import ConfigError, DataError
from forecasting.market.folds.audit import FoldLeak, audit_fold, audit_walk_forward
from forecasting.market.folds.fold import Fold
from forecasting.market.folds.walk_forward import WalkForwardSettings, walk_forward_folds
from forecasting.market.panel import Panel
from forecasting.market.sequences import Sequences, make_sequences

HORIZONS = (1, 5, 21)


@pytest.fixture(scope="module")
def sequences(prices: Panel) -> Sequences:
    return make_sequences(prices, variant="close", horizons=HORIZONS)


def folds_of(prices: Panel, start: str | float = 0.6, **settings) -> tuple[Fold, ...]:
    return walk_forward_folds(prices, WalkForwardSettings(start, **settings), HORIZONS)


def test_hand_made_blocks(prices: Panel) -> None:
    """600 bars, tested from bar 450: blocks of 60 bars, the last one is shorter."""
    folds = folds_of(prices, 0.75, refit_every=60, validation=50)
    bars = [(f.train_start, f.validation_start, f.test_start, f.test_end) for f in folds]
    assert bars == [(0, 400, 450, 510), (0, 460, 510, 570), (0, 520, 570, 600)]
    rolling = folds_of(prices, 0.75, refit_every=60, validation=0.1, window_bars=300)
    bars = [(f.train_start, f.validation_start, f.test_start, f.test_end) for f in rolling]
    assert bars == [(150, 420, 450, 510), (210, 480, 510, 570), (270, 540, 570, 600)]
    assert [fold.index for fold in folds] == [0, 1, 2]
    assert folds[1].describe(prices.times) == "fold 1 (2011-12-19 to 2012-03-09)"
    assert folds[1].dates(prices.times).test_start == prices.times[510]


def test_a_start_between_bars_is_the_next_bar(prices: Panel) -> None:
    [saturday] = [str(t)[:10] for t in [prices.times[424] + np.timedelta64(1, "D")]]
    assert saturday not in {str(t)[:10] for t in prices.times}
    assert folds_of(prices, saturday)[0].test_start == 425


@settings(deadline=None, max_examples=25)
@given(
    start=st.floats(0.4, 0.9),
    refit_every=st.integers(1, 300),
    validation=st.one_of(st.floats(0.2, 0.5), st.integers(40, 60)),
    rolling=st.booleans(),
)
def test_every_label_ends_before_it_could_tell(
    prices, sequences, start, refit_every, validation, rolling
) -> None:
    window = 230 if rolling else None
    folds = folds_of(
        prices, start, refit_every=refit_every, validation=validation, window_bars=window
    )
    splits = [fold.split(sequences) for fold in folds]
    origin, end = sequences.origin, sequences.label_end.max(axis=1)
    for fold, split in zip(folds, splits, strict=True):
        assert end[split.train].max() < fold.validation_start <= origin[split.validation].min()
        assert end[split.validation].max() < fold.test_start <= origin[split.test].min()
        assert origin[split.train].min() >= fold.train_start
        assert not (split.train & split.validation).any()
        if rolling:
            assert fold.test_start - fold.train_start == 230
    tested = np.sum([split.test for split in splits], axis=0)
    np.testing.assert_array_equal(tested, origin >= folds[0].test_start)
    audits = audit_walk_forward(splits, origin, sequences.last_label)
    assert min(audit.smallest_gap for audit in audits) >= 1
    assert [audit.test_rows for audit in audits] == [split.test.sum() for split in splits]


def test_a_halt_widens_the_purge(prices, sequences) -> None:
    """CCC halts for ten bars: its labels that span the halt end later than 21 panel bars."""
    halt = int(np.flatnonzero(~prices.mask[:, 2])[0])
    fold = Fold(0, 0, halt + 5, halt + 60, halt + 80)
    split = fold.split(sequences)
    ccc = sequences.ticker == 2
    assert sequences.origin[split.train & ~ccc].max() == halt + 5 - 22
    assert sequences.origin[split.train & ccc].max() == halt - 22
    assert fold.audit(sequences).smallest_gap == 1


def test_training_prices_end_before_the_test_and_know_no_later_listing(prices: Panel) -> None:
    fold = Fold(0, 0, 100, 140, 200)
    training, test = fold.training_prices(prices), fold.test_prices(prices)
    assert training.tickers == test.tickers == ("AAA", "BBB", "CCC")  # DDD is listed at bar 150
    assert training.times[-1] == prices.times[139]
    assert test.times[-1] == prices.times[199]
    rolling = Fold(0, 160, 300, 400, 500)
    assert rolling.training_prices(prices).times[0] == prices.times[160]
    assert rolling.in_history() == Fold(0, 0, 140, 240, 340)


def test_with_a_universe_only_members_are_known(prices: Panel) -> None:
    member = np.ones(prices.mask.shape, dtype=bool)
    member[:450, 1] = False
    universe = replace(prices, member=member)
    assert Fold(0, 0, 350, 440, 500).training_prices(universe).tickers == ("AAA", "CCC", "DDD")
    assert Fold(0, 0, 350, 460, 500).training_prices(universe).tickers == prices.tickers


def test_the_rows_of_a_fold_are_those_of_its_own_history(prices, sequences) -> None:
    """What is known at the test start gives the same rows as the whole panel."""
    for fold in folds_of(prices, 0.6, refit_every=100):
        own = make_sequences(fold.training_prices(prices), variant="close", horizons=HORIZONS)
        whole, alone = fold.split(sequences), fold.split(own)
        assert alone.train.sum() == whole.train.sum()
        assert alone.validation.sum() == whole.validation.sum()
        assert not alone.test.any()


@pytest.mark.parametrize(
    ("wrong", "error", "words"),
    [
        ({"refit_every": 0}, ConfigError, "refit every 0 bars: expected at least 1"),
        ({"window_bars": 1}, ConfigError, "a rolling window of 1 bars"),
        ({"validation": 1.0}, ConfigError, "validation 1: expected"),
        ({"validation": 0}, ConfigError, "validation 0: expected"),
        ({"start": 1.5}, ConfigError, "start 1.5: expected a date"),
        ({"start": "2009-01-01"}, DataError, "starts on 2009-01-01: expected a day after"),
        ({"start": "2031-01-01"}, DataError, "starts on 2031-01-01: expected a day after"),
        ({"start": 0.97}, DataError, "the test span has 18 bars .* more than 21"),
        ({"window_bars": 500}, DataError, "fold 0 tests from .* expected 500 bars before it"),
        ({"validation": 400}, DataError, "fold 0 has no training data: its window from 2010-01-04"),
    ],
)
def test_folds_that_cannot_be(prices: Panel, wrong, error, words) -> None:
    with pytest.raises(error, match=words):
        folds_of(prices, **({"start": 0.6} | wrong))


@pytest.mark.parametrize(
    ("fold", "words"),
    [
        (Fold(3, 0, 20, 300, 400), "fold 3 has no training rows: from 2010-01-04 to 2010-01-29"),
        (Fold(3, 0, 280, 300, 400), "fold 3 has no validation rows: from 2011-01-31"),
    ],
)
def test_folds_without_rows_name_themselves(sequences, fold, words) -> None:
    with pytest.raises(DataError, match=words):
        fold.split(sequences)


def test_audit_measures_the_gap(sequences) -> None:
    split = Fold(0, 0, 300, 400, 500).split(sequences)
    wide = replace(split, train=split.train & (sequences.last_label < 290))
    tight = replace(split, validation=split.validation & (sequences.last_label < 399))
    origin, end = sequences.origin, sequences.last_label
    assert audit_fold(split, origin, end).smallest_gap == 1
    assert audit_fold(replace(wide, validation=tight.validation), origin, end).smallest_gap == 2


def planted(sequences: Sequences, kind: str) -> tuple[object, int]:
    """A bad fold, and how many rows are wrong in it."""
    fold = Fold(0, 0, 300, 400, 500)
    split, origin, end = fold.split(sequences), sequences.origin, sequences.last_label
    if kind == "validation returns test rows":
        return replace(split, validation=split.test), int(split.test.sum())
    if kind == "missing purge":
        bad = replace(split, train=origin < 300, validation=(origin >= 300) & (origin < 400))
        return bad, int(((origin < 300) & (end >= 300)).sum())
    if kind == "one row too many":
        row = int(np.flatnonzero((origin == 299) & (end >= 300))[0])
        train = split.train.copy()
        train[row] = True
        return replace(split, train=train), 1
    return replace(split, train=split.train | (origin >= 520)), int((origin >= 520).sum())


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("validation returns test rows", "validation labels reach into the test rows"),
        ("missing purge", "training labels reach into the validation rows"),
        ("one row too many", "fold 7: 1 training labels reach into the validation rows"),
        ("trained after the test", "training labels reach into the validation rows"),
    ],
)
def test_audit_catches_what_somebody_else_made(sequences, kind, words) -> None:
    bad, n_wrong = planted(sequences, kind)
    with pytest.raises(FoldLeak, match=words) as caught:
        audit_fold(bad, sequences.origin, sequences.last_label, fold=7)
    assert caught.value.fold == 7
    assert len(caught.value.rows) == n_wrong


def test_audit_wants_disjoint_ordered_and_covering_tests(prices, sequences) -> None:
    folds = folds_of(prices, 0.6, refit_every=80)
    splits = [fold.split(sequences) for fold in folds]
    arrays = (sequences.origin, sequences.last_label)
    with pytest.raises(FoldLeak, match=r"fold 1: .* earlier test"):
        audit_walk_forward([splits[0], splits[0]], *arrays)
    with pytest.raises(FoldLeak, match=r"fold 0: .* never tested"):
        audit_walk_forward([splits[0], splits[2]], *arrays)
    with pytest.raises(ValueError, match="tests no row"):
        audit_fold(replace(splits[0], test=np.zeros_like(splits[0].test)), *arrays)
