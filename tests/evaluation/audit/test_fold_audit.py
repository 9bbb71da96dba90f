from dataclasses import replace

import numpy as np
import pytest

from forecasting.evaluation.audit.finding import Outcome
from forecasting.evaluation.audit.fold_audit import fold_audit
from forecasting.market.panel import Panel
from forecasting.market.sequences import Sequences, make_sequences
from forecasting.market.splits import Split, resolve_dates, split_rows


@pytest.fixture(scope="module")
def rows(prices: Panel) -> Sequences:
    return make_sequences(prices, variant="close")


@pytest.fixture(scope="module")
def split(rows: Sequences) -> Split:
    return split_rows(rows, resolve_dates(rows.panel, 0.6, 0.8))


def test_the_purged_split_passes(rows: Sequences, split: Split) -> None:
    finding = fold_audit([split], rows.origin, rows.last_label)
    assert finding.outcome is Outcome.PASSED
    assert finding.measured.startswith("1 fold, ")
    assert "at least 1 bar before" in finding.measured


@pytest.mark.parametrize("late", [1, 7])
def test_a_missing_purge_is_named_with_its_bars(rows: Sequences, split: Split, late: int) -> None:
    first = rows.origin[split.test].min()
    unpurged = (rows.origin >= rows.origin[split.validation].min()) & (
        rows.last_label < first + late
    )
    finding = fold_audit([replace(split, validation=unpurged)], rows.origin, rows.last_label)
    assert (finding.outcome, finding.stage) == (Outcome.FAILED, "windows")
    assert "fold 0" in finding.measured
    assert f"validation labels reach {late} bar" in finding.measured


def test_rows_in_two_spans_are_counted(rows: Sequences, split: Split) -> None:
    finding = fold_audit([replace(split, validation=split.test)], rows.origin, rows.last_label)
    assert finding.outcome is Outcome.FAILED
    assert f"{split.test.sum():,} rows are both validation and test" in finding.measured


def test_training_after_the_test_needs_an_embargo(rows: Sequences) -> None:
    test = (rows.origin >= 200) & (rows.origin < 300)
    train = (rows.last_label < 200) | (rows.origin >= 340)
    both = Split(train, np.zeros_like(test), test)
    arrays = rows.origin, rows.last_label
    assert fold_audit([both], *arrays).outcome is Outcome.FAILED
    assert fold_audit([both], *arrays, embargo=5).outcome is Outcome.PASSED
    assert fold_audit([both], *arrays, embargo=50).outcome is Outcome.FAILED


def test_a_test_that_leaves_rows_out_is_found(rows: Sequences, split: Split) -> None:
    """Also those that were dropped for their outcome."""
    chosen = split.test & (np.arange(len(split.test)) % 7 > 0)
    finding = fold_audit([replace(split, test=chosen)], rows.origin, rows.last_label)
    assert finding.outcome is Outcome.FAILED
    assert "never tested" in finding.measured


def test_no_fold(rows: Sequences) -> None:
    with pytest.raises(ValueError, match="no fold"):
        fold_audit([], rows.origin, rows.last_label)
