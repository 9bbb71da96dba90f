"""Cheap baselines on the backtest paths of one history."""

import numpy as np
import pytest

from forecasting.errors import ConfigError
from forecasting.evaluation.baselines.ewma import EwmaT
from forecasting.evaluation.baselines.gjr_garch import GjrGarchT
from forecasting.evaluation.baselines.log_har import LogHarT
from forecasting.market.folds.combinatorial import CombinatorialSettings, combinatorial_splits
from forecasting.market.sequences import Sequences, make_sequences
from forecasting.market.simulation import simulate
from forecasting.workflow.combinatorial_scores import ROW_FITTED, combinatorial_scores

HORIZONS = (1, 5)
SETTINGS = CombinatorialSettings(4, 2, embargo=5)


@pytest.fixture(scope="module")
def sequences() -> Sequences:
    market = simulate("volatility", n_tickers=4, n_bars=900, seed=1)
    return make_sequences(market, horizons=HORIZONS)


def slow_path(sequences: Sequences, kind, path: int, j: int) -> float:
    """One path, split by split, date by date."""
    returns = sequences.targets * sequences.return_scale()
    of_path, by_date = SETTINGS.paths(), {}
    for split in combinatorial_splits(sequences, SETTINGS):
        law = kind.fit(sequences, split.rows.train).laws(sequences)
        nll = -law.log_density(returns)[:, j]
        for row in np.flatnonzero(split.rows.test):
            if of_path[split.index, split.group[row]] == path:
                by_date.setdefault(sequences.origin[row], []).append(nll[row])
    return float(np.mean([np.mean(each) for each in by_date.values()]))


def test_paths_equal_the_slow_twin_and_are_summarised(sequences: Sequences) -> None:
    said = []
    made = combinatorial_scores(
        sequences, SETTINGS, kinds=(LogHarT,), progress=lambda *words: said.append(words)
    )
    assert said[0] == ("split 0", 0, 6)
    assert len(said) == 6
    assert len(made.paths) == 2 * 2 * SETTINGS.n_paths
    by_key = made.paths.set_index(["horizon", "forecaster", "path"])["nll"]
    for kind, path, j in ((EwmaT, 0, 0), (LogHarT, 2, 1)):
        expected = slow_path(sequences, kind, path, j)
        assert by_key[HORIZONS[j], kind.name, path] == pytest.approx(expected)
    own = made.paths.query("forecaster == 'log-HAR-t' and horizon == 5")["gain"]
    row = made.summary.query("forecaster == 'log-HAR-t' and horizon == 5").iloc[0]
    assert row["gain"] == pytest.approx(own.mean())
    assert row["spread"] == pytest.approx(own.std())
    assert (row["worst"], row["positive"]) == (own.min(), (own > 0).mean())
    assert made.summary.query("forecaster == 'EWMA-t'")["gain"].isna().all()


def test_planted_volatility_is_found_on_every_path(sequences: Sequences) -> None:
    made = combinatorial_scores(sequences, SETTINGS, kinds=(LogHarT,))
    assert (made.summary.query("forecaster == 'log-HAR-t' and horizon == 1")["positive"] == 1).all()


def test_what_runs_through_the_tests_is_refused(sequences: Sequences) -> None:
    assert GjrGarchT not in ROW_FITTED
    with pytest.raises(ConfigError, match=r"GJR-GARCH-t is fitted on all returns .* by row"):
        combinatorial_scores(sequences, SETTINGS, kinds=(GjrGarchT,))


@pytest.mark.parametrize("kind", ROW_FITTED, ids=lambda kind: kind.name)
def test_what_is_fitted_knows_nothing_of_the_tested_labels(kind, sequences: Sequences) -> None:
    """The same rows with other outcomes inside the test: the same fit."""

    class Rewritten(Sequences):
        """Outcomes of rows that are not trained on are anything."""

        @property
        def targets(self) -> np.ndarray:
            return np.where(train[:, None], super().targets, 50.0)

    split = combinatorial_splits(sequences, SETTINGS)[1]
    train = split.rows.train
    same = {name: getattr(sequences, name) for name in ("panel", "variant", "horizons", "table")}
    honest = kind.fit(sequences, train).laws(sequences)
    blind = kind.fit(Rewritten(**same), train).laws(sequences)
    for name, parameter in honest.parameters().items():
        np.testing.assert_array_equal(parameter, blind.parameters()[name])
