"""A universe from training to report: rows, cells and holdings are members', and it is recorded."""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import TINY
from future import change_future_members
from market.universes import FOREVER, day_of, everybody, roster, universe, write_table

from forecasting.forecaster.network_forecaster import NetworkForecaster, load_forecaster
from forecasting.forecaster.stream import StreamingForecaster
from forecasting.market.checks import quarantine
from forecasting.market.panel import Panel
from forecasting.market.price_record import record_prices
from forecasting.market.sources import load_prices
from forecasting.market.survivorship import MEMBERS, SURVIVORS
from forecasting.market.universe import Spell, Universe
from forecasting.training.past_runs import find_run
from forecasting.training.train import train
from forecasting.workflow import backtesting, judging
from forecasting.workflow.rerun import rerun

# MLflow's database layer warns about its own insides where a test asks it.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

SOURCE = "simulated-leverage:tickers=8,bars=1200,seed=5,events=1"
"""Late listings, halts, delistings, splits and dividends."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with two tables, and a model that was trained with them."""
    home = tmp_path_factory.mktemp("home")
    market = load_prices(SOURCE)
    write_table(home / "members.csv", with_final_return(roster(market), market))
    days = [str(market.times[bar])[:10] for bar in (200, 204)]
    stretch = quarantine.Stretch("SIM01", *days, "by-hand", "the feed was down")
    quarantine.write(home / "quarantine.csv", [stretch])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FORECASTING_HOME", str(home))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        options = {"overrides": TINY, "twin": False, "progress": False}
        train(read(home), "jamba-tiny", out=home / "model", **options)
    return home


def with_final_return(table: Universe, market: Panel) -> Universe:
    """The first ticker that is delisted is a member to its end, and paid three quarters then."""
    k, bar = next((k, b) for k, b in enumerate(ends(market)) if b < len(market.times) - 1)
    last = Spell(market.tickers[k], FOREVER, day_of(market, bar), -0.25)
    others = (spell for spell in table.spells if spell.symbol != last.symbol)
    return universe(*others, last)


def ends(panel: Panel) -> list[int]:
    """The last bar of each ticker."""
    return [int(np.flatnonzero(column)[-1]) for column in panel.mask.T]


def read(home: Path) -> Panel:
    return load_prices(SOURCE, quarantine=home / "quarantine.csv", universe=home / "members.csv")


@pytest.fixture(scope="module")
def panel(home: Path) -> Panel:
    return read(home)


@pytest.fixture(scope="module")
def model(home: Path) -> NetworkForecaster:
    return load_forecaster(home / "model")


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_model_says_which_table_it_was_trained_with(home: Path, model) -> None:
    assert model.corpus.universe == digest(home / "members.csv")
    assert "a dated membership table" in model.files.card
    assert "exist today" not in model.files.card


def test_the_run_records_both_tables_and_is_run_again(
    home: Path, panel: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORECASTING_HOME", str(home))
    past = find_run(str(home / "model"))
    assert past.params["data.universe"] == digest(home / "members.csv")
    assert past.params["data.quarantine"] == digest(home / "quarantine.csv")
    record = record_prices(panel)
    assert record.request is not None
    assert record.request.universe is not None
    assert record.request.universe.path == str(home / "members.csv")
    found = rerun(past.run_id)
    assert found.identical
    assert found.vintage == panel.vintage


def test_members_alone_are_forecast_scored_and_held(model, panel: Panel) -> None:
    forecast = model.forecast(panel)
    assert panel.member is not None
    assert not (forecast.mask & ~panel.member).any()
    assert (forecast.mask & panel.member).any(axis=0).all()
    made = judging.evaluate(model, panel, track=False)
    span = panel.between(made.start)
    cells = int((span.member & span.mask)[:-1].sum())
    rows = made.scores[made.scores["horizon"] == 1]
    assert 0.9 * cells < rows["n"].iloc[0] <= cells
    assert [note for note in made.notes if note.startswith(MEMBERS)]
    book = backtesting.backtest(model, panel, strategy="equal_weight", track=False)
    assert book.notes[0].startswith(MEMBERS)
    assert SURVIVORS not in (*book.notes, *made.notes)


def test_who_joins_after_training_is_scored_with_every_baseline(model, panel: Panel) -> None:
    made = judging.evaluate(model, panel, track=False)
    assert panel.member is not None
    known = panel.times < np.datetime64(model.corpus.test_start, "ns")
    late = [t for t, m in zip(panel.tickers, panel.member.T, strict=True) if not m[known].any()]
    assert late
    assert set(late) <= set(made.tickers)
    assert not set(late) & set(model.corpus.tickers)


@pytest.mark.parametrize("kind", ["shuffled", "nobody", "everybody"])
def test_future_members_change_no_earlier_forecast(model, panel: Panel, kind: str) -> None:
    after = 700
    changed = change_future_members(panel, after, kind)
    one, other = (
        model.forecast(each).between(None, panel.times[after]) for each in (changed, panel)
    )
    np.testing.assert_array_equal(one.mask, other.mask)
    for name, values in other.law.parameters().items():
        np.testing.assert_allclose(one.law.parameters()[name], values, rtol=1e-5, atol=1e-8)


def test_everybody_is_forecast_as_without_a_table(model) -> None:
    market = load_prices(SOURCE)
    one, other = model.forecast(everybody(market)), model.forecast(market)
    for name, values in other.law.parameters().items():
        np.testing.assert_array_equal(one.law.parameters()[name], values)


def test_streamed_members_are_forecast_as_in_the_whole_history(model, panel: Panel) -> None:
    expected = model.forecast(panel)
    stream = StreamingForecaster(model)
    stream.start(panel.at(slice(600)))
    found = stream.advance(panel.at(slice(600, None)))
    np.testing.assert_array_equal(found.mask, expected.mask[600:])
    for name, values in expected.law.parameters().items():
        np.testing.assert_allclose(found.law.parameters()[name], values[600:], rtol=1e-4, atol=1e-6)


def test_who_is_delisted_is_forecast_to_its_end_whatever_comes(model, panel: Panel) -> None:
    last = ends(panel)
    ended = [k for k, bar in enumerate(last) if bar < len(panel.times) - 1]
    assert ended
    made = model.forecast(replace(panel, member=None))
    for k in ended:
        assert made.mask[last[k], k]
        cut = model.forecast(replace(panel, member=None).at(slice(last[k] + 1)))
        np.testing.assert_allclose(
            made.volatility[: last[k] + 1, k], cut.volatility[:, k], rtol=1e-4
        )
