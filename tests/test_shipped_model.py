"""The model that comes with the package: whole, honest about what it saw, and saying what it did.

The numbers are those of `goldens/shipped_forecasts.json`; `make golden` writes them.
"""

import json
import re

import numpy as np
import pytest
from goldens.rebuild_shipped_forecasts import FOLDER, GOLDEN, shipped_forecasts

import forecasting as fc
from forecasting.config import load_recipe
from forecasting.forecaster.audit_stamp import AUDIT, AUDIT_TABLE, read_stamp
from forecasting.forecaster.corpus import describe_corpus
from forecasting.forecaster.model_folder import FILES, RECIPE, WEIGHTS, read_folder
from forecasting.market.features import feature_names
from forecasting.market.sequences import make_sequences
from forecasting.market.splits import resolve_dates
from forecasting.training.default_recipe import DEFAULT_RECIPE
from forecasting.workflow.publishing import RATIONALE

LARGEST = 5 * 2**20
MOST_LINES = 12


@pytest.fixture(scope="module")
def files():
    return read_folder(FOLDER)


def test_it_forecasts_what_it_did():
    """Equal to float noise, on any processor: 1e-5, of a location 1e-5 of the volatility."""
    golden = {name: np.array(values) for name, values in json.loads(GOLDEN.read_text()).items()}
    made = {name: np.array(values) for name, values in shipped_forecasts().items()}
    assert made.keys() == golden.keys()
    for name, expected in golden.items():
        assert np.isfinite(expected).all()
        off = np.abs(made[name] - expected)
        assert (off <= 1e-5 * np.maximum(np.abs(expected), golden["volatility"])).all(), name


def test_the_folder_is_whole_and_small(files):
    assert {path.name for path in FOLDER.iterdir()} == {*FILES, AUDIT, AUDIT_TABLE}
    assert (FOLDER / WEIGHTS).stat().st_size < LARGEST
    assert files.recipe.name == FOLDER.name == DEFAULT_RECIPE
    assert files.recipe.data.features == "auto"  # so that the recipe trains on other prices, too
    assert files.recipe.data.holdout is None  # nobody could log an opening


def test_it_was_trained_on_the_bundled_sample(files):
    prices = fc.load()
    data = files.recipe.data
    dates = resolve_dates(prices, data.validation_start, data.test_start)
    sequences = make_sequences(
        prices, variant="auto", horizons=data.horizons, decay=data.volatility_decay
    )
    assert files.corpus == describe_corpus(sequences, dates)
    assert files.corpus.feature_names == feature_names("close+echo_square")


def test_it_has_seen_nothing_of_the_span_that_it_is_judged_on(files):
    lock = np.datetime64(files.corpus.test_start)
    assert all(np.datetime64(each.last) < lock for each in files.corpus.members.values())
    prices, data = fc.load(), load_recipe(DEFAULT_RECIPE).data
    assert resolve_dates(prices, data.validation_start, data.test_start).test_start >= lock


def test_it_has_passed_its_audit():
    assert read_stamp(FOLDER).startswith("LEAK AUDIT: PASSED")


def test_the_card_tells_why_and_what_it_is_worth(files):
    assert "NOT EVALUATED YET" not in files.card
    assert files.metrics["evaluation"]["vintage"] == files.corpus.vintage
    why = files.card.partition(f"\n## {RATIONALE}\n")[2].partition("\n## ")[0].strip()
    assert 1 <= len(why.splitlines()) <= MOST_LINES
    comment = [line for line in (FOLDER / RECIPE).read_text().splitlines() if line.startswith("#")]
    assert why.splitlines() == [line.removeprefix("#").strip() for line in comment]


@pytest.mark.parametrize("name", [name for name in (*FILES, AUDIT, AUDIT_TABLE) if name != WEIGHTS])
def test_nothing_tells_of_the_machine(name):
    text = (FOLDER / name).read_text()
    assert not re.search(r"(?<![\w.])/(home|root|tmp|work|Users|mnt|var)/|[A-Z]:\\\\", text)
    assert "mlflow_run_id" not in text
