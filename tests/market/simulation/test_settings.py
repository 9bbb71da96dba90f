import pytest

from forecasting.errors import DataError
from forecasting.market.simulation.markets import MARKETS
from forecasting.market.simulation.settings import MarketSettings, parse_name
from forecasting.market.simulation.simulate import simulate
from forecasting.market.simulation.source import SimulatedSource


def test_names_carry_settings() -> None:
    source = SimulatedSource.from_name("simulated-random-walk:seed=3,tickers=4,bars=100")
    panel = source.load()
    assert panel.tickers == source.tickers() == ("SIM01", "SIM02", "SIM03", "SIM04")
    assert panel.vintage == simulate("random-walk", 4, 100, 3).vintage
    assert source.load(["SIM03"], "2000-02-01", "2000-02-29").values.shape[:2] == (21, 1)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("simulated", MarketSettings("volatility")),
        ("simulated-leverage:events=1", MarketSettings("leverage", events=True)),
        ("simulated-leverage:events=0", MarketSettings("leverage")),
        ("simulated-signal:interval=5m", MarketSettings("signal", n_bars=60, interval="5m")),
        (
            "simulated:interval=1h,bars=9,seed=2",
            MarketSettings("volatility", 8, 9, 2, interval="1h"),
        ),
        ("simulated-cross-section:ic=0.1", MarketSettings("cross-section", ic=0.1)),
        ("simulated-cross-section:ic=0", MarketSettings("cross-section", ic=0.0)),
    ],
)
def test_settings_by_name(name: str, settings: MarketSettings) -> None:
    assert parse_name(name) == settings


def test_every_setting_reaches_the_prices() -> None:
    name = "simulated-cross-section:tickers=3,bars=252,seed=4,interval=1h,events=1,ic=0.2"
    panel = SimulatedSource.from_name(name).load()
    same = simulate("cross-section", 3, 252, 4, interval="1h", events=True, ic=0.2)
    assert panel.vintage == same.vintage
    assert panel.source == "simulated cross-section market, seed 4, 1h, events, ic 0.2"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("simulated-walk", "no simulated market 'walk': expected one of volatility, random-walk"),
        ("simulated-levrage", "did you mean 'leverage'"),
        ("simulated:seed=x", r"'seed=x' in .* is no setting of .*: expected seed=N\."),
        ("simulated:n=3", "is no setting of a simulated market: expected tickers=N, bars=N"),
        ("simulated:fast", "'fast' in 'simulated:fast' is no setting of a simulated market"),
        ("simulated:seed=1,,bars=9", "is no setting of a simulated market"),
        ("simulated:ticker=3", r"did you mean tickers=N\?"),
        ("simulated:event=1", r"did you mean events=0\|1\?"),
        ("simulated:interval=2h", r"expected interval=1d\|1m\|5m\|15m\|30m\|1h\."),
        ("simulated:seed=1,seed=2", "seed came twice in"),
        ("simulated:bars=1", "expected 1 to 5000 tickers, 2 to 60000 bars"),
        ("simulated:tickers=0", "expected 1 to 5000 tickers"),
        ("simulated:tickers=5000,bars=20000", "has 100000000 bars of 1d: expected at most 60000"),
        ("simulated:bars=20000,interval=1m", "Ask for fewer days or tickers, or stream them"),
        ("simulated:bars=251,events=1", "with events came with 251 bars: expected at least 252"),
        ("simulated:ic=0.1", "ic came for the volatility market: only cross-section has one"),
        ("simulated-cross-section:ic=0.9", "ic is 0.9: expected a rank correlation from 0 to 0.5"),
        ("simulated-cross-section:tickers=1", "a cross-section of 1 ticker: expected at least 2"),
    ],
)
def test_bad_names(name: str, message: str) -> None:
    with pytest.raises(DataError, match=message) as error:
        SimulatedSource.from_name(name)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("kind", "interval", "message"),
    [
        ("walk", "1d", "no simulated market 'walk': .*random-walk"),
        ("volatility", "2m", "no interval of a simulated market '2m': expected one of 1d, 1m"),
    ],
)
def test_unknown_choices(kind: str, interval: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        simulate(kind, interval=interval)


def test_the_default_market_is_the_first() -> None:
    assert parse_name("simulated").kind == next(iter(MARKETS)) == "volatility"
