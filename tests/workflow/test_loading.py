from pathlib import Path

import pandas as pd
import pytest
from conftest import make_frames

import forecasting as fc
from forecasting.errors import DataError
from forecasting.workflow.loading import load, load_for


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """The tiny model's tickers and a stranger, one file each."""
    folder = tmp_path_factory.mktemp("bars")
    for ticker, frame in make_frames().items():
        frame.to_csv(folder / f"{ticker}.csv", index_label="date")
    make_frames(seed=1)["AAA"].to_csv(folder / "NEW.csv", index_label="date")
    return folder


def test_load_is_the_sample_by_default() -> None:
    assert load(["KO", "AAPL"], start="2020-01-01").tickers == ("KO", "AAPL")
    assert len(load().tickers) == 20
    with pytest.raises(DataError, match="it has 20"):
        load(["ZZZ"])


def test_no_tickers_means_all(model_folder, folder: Path) -> None:
    model = fc.load_model(model_folder)
    assert load_for(model, folder, None).tickers == ("AAA", "BBB", "CCC", "DDD", "NEW")
    assert load_for(model, folder, []).tickers == ("AAA", "BBB", "CCC", "DDD", "NEW")


def test_asked_tickers_come_first_amid_the_model_s_market(model_folder, folder: Path) -> None:
    model = fc.load_model(model_folder)
    assert load_for(model, folder, ["NEW"]).tickers == ("NEW", "AAA", "BBB", "CCC", "DDD")
    assert load_for(model, folder, ["CCC"]).tickers == ("CCC", "AAA", "BBB", "DDD")


def test_asked_ticker_is_forecast_as_among_all(model_folder, folder: Path) -> None:
    model = fc.load_model(model_folder)
    everything = folder / "[A-D]*.csv"
    alone = model.forecast(load_for(model, everything, ["CCC"])).select(["CCC"]).latest()
    among = model.forecast(load_for(model, everything, None)).select(["CCC"]).latest()
    pd.testing.assert_frame_equal(alone, among)


def test_market_without_enough_bars_by_the_end_is_left_out(model_folder, folder: Path) -> None:
    model = fc.load_model(model_folder)
    panel = load_for(model, folder, ["AAA"], end="2010-08-31")
    assert panel.tickers == ("AAA", "BBB", "CCC")
    assert str(panel.times[-1])[:10] == "2010-08-31"


def test_source_without_the_market(model_folder, folder: Path) -> None:
    model = fc.load_model(model_folder)
    assert load_for(model, folder / "NEW.csv", ["NEW"]).tickers == ("NEW",)
    with pytest.raises(DataError, match="ticker 'ZZZ' is not in"):
        load_for(model, folder, ["ZZZ"])
