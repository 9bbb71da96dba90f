"""The audit of a user's own features and strategies: what leaks is named in plain words."""

from pathlib import Path

import numpy as np
import pytest

from forecasting.errors import ConfigError, DataError
from forecasting.evaluation.audit.audit import Audit
from forecasting.evaluation.audit.finding import Outcome
from forecasting.market.panel import Panel
from forecasting.market.simulation import simulate
from forecasting.workflow.audit.user import audit_features, audit_strategy

HEAD = """
import numpy as np
import pandas as pd

def returns(panel):
    return pd.DataFrame(np.log(panel.column("adj_close"))).diff()

"""
HONEST = "def features(panel):\n    return np.stack([returns(panel), returns(panel) ** 2], axis=-1)"
RANKS = "def features(panel):\n    return returns(panel).rank(axis=1, pct=True)"


@pytest.fixture(scope="module")
def market() -> Panel:
    return simulate("leverage", 4, 700, 0)


@pytest.fixture
def write(tmp_path):
    def written(text: str) -> Path:
        path = tmp_path / "mine.py"
        path.write_text(HEAD + text)
        return path

    return written


def failed(made: Audit) -> list[str]:
    return [each.test for each in made.findings if each.outcome is Outcome.FAILED]


def body(expression: str) -> str:
    return f"def features(panel):\n    r = returns(panel)\n    return {expression}"


@pytest.mark.parametrize("text", [HONEST, body("r.rolling(20).std()"), "MARKET = True\n" + RANKS])
def test_honest_features_pass(write, market, text):
    made = audit_features(write(text), market)
    assert failed(made) == []
    assert made.outcome is Outcome.PASSED
    assert made.weights == ""


@pytest.mark.parametrize(
    ("expression", "first"),
    [
        ("r.shift(-1)", "future perturbation"),
        ("r.rolling(11, center=True).mean()", "future perturbation"),
        ("(r - r.mean()) / r.std()", "future perturbation"),
        ("(r ** 2).fillna(0).cumsum()", "warm-up sensitivity"),
        ("r.rank(axis=1)", "panel independence"),
    ],
)
def test_each_leak_is_named(write, market, expression, first):
    made = audit_features(write(body(expression)), market)
    assert failed(made)[0] == first
    assert made.headline.startswith(f"LEAK AUDIT: FAILED ({first} at features(panel)")
    [finding, *_] = [each for each in made.findings if each.outcome is Outcome.FAILED]
    assert "; see e.g. " in finding.measured or "add a line MARKET = True" in finding.measured


def test_the_words_are_for_a_beginner(write, market):
    made = audit_features(write(body("r.shift(-1)")), market)
    said = made.findings[0].measured
    assert "when later prices are replaced by noise" in said
    assert "it looks ahead by at least 1 bar; see e.g. shift(-1)" in said


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (body("r.iloc[:, 0]"), "returned an array of shape"),
        (body("r[:-1]"), "returned an array of shape"),
        (body("r * np.nan"), "no number that is finite"),
        (body("r / undefined"), "failed with NameError"),
        (body("'words'"), "failed with ValueError"),
        ("x = 1", "has no function features"),
    ],
)
def test_what_are_no_features_is_one_line(write, market, text, words):
    with pytest.raises(ConfigError, match=words) as caught:
        audit_features(write(text), market)
    assert "\n" not in str(caught.value)


def test_prices_that_are_too_short(write, market):
    with pytest.raises(DataError, match="Use a longer history"):
        audit_features(write(HONEST), market.at(slice(3)))


@pytest.fixture(scope="module")
def strategies(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("strategies")
    start = "import numpy as np\ndef weights(forecast):\n"
    mean = "    m = np.nan_to_num(forecast.mean[:, :, 0])\n"
    (folder / "honest.py").write_text(start + mean + "    return np.sign(m) / m.shape[1]\n")
    (folder / "peek.py").write_text(start + mean + "    return np.sign(np.roll(m, -1, axis=0))\n")
    (folder / "step.py").write_text(
        "import numpy as np\ndef decide(forecast, positions):\n"
        "    return 0.5 * positions + 0.1 * np.sign(np.nan_to_num(forecast.mean[-1, :, 0]))\n"
    )
    (folder / "tomorrow.py").write_text(
        "import numpy as np\ndef weights(forecast, *, prices):\n"
        "    closes = prices.column('adj_close')\n"
        "    rows = np.searchsorted(prices.times, forecast.times)\n"
        "    later = np.minimum(rows + 1, len(closes) - 1)\n"
        "    return np.sign(np.nan_to_num(closes[later] - closes[rows])) / 4\n"
    )
    return folder


@pytest.mark.parametrize("name", ["honest.py", "step.py"])
def test_an_honest_strategy_passes(strategies, market, name):
    assert failed(audit_strategy(str(strategies / name), market.at(slice(320)))) == []


@pytest.mark.parametrize("name", ["momentum", "reversal", "inverse_volatility", "kelly"])
def test_built_in_strategies_pass(market, name):
    assert failed(audit_strategy(name, market)) == []


def test_a_peek_at_later_prices_is_named(strategies, market):
    made = audit_strategy(str(strategies / "tomorrow.py"), market)
    assert made.failed_at == ("future perturbation", "strategy orders")


def test_too_few_bars_for_a_strategy_are_one_line(market):
    late = np.array(market.values)
    late[:660, 2] = np.nan
    short = Panel(market.times, market.tickers, late, source="short prices")
    ticker = market.tickers[2]
    with pytest.raises(DataError, match=f"{ticker} has 40 bars in short prices: expected at least"):
        audit_strategy("long_only", short)
    with pytest.raises(DataError, match="has 200 bars of 2 tickers: expected about 670 of one"):
        audit_strategy("long_only", market.select(market.tickers[:2]).at(slice(200)))


def test_a_peeking_strategy_is_named(strategies, market):
    made = audit_strategy(str(strategies / "peek.py"), market)
    assert made.failed_at == ("future perturbation", "strategy orders")
    assert "looks ahead" in made.findings[0].measured


RARE = """
def features(panel):
    r = returns(panel)
    weekday = pd.DatetimeIndex(panel.times).day_of_week
    r.loc[weekday != 0] = 0.0
    r.iloc[:, 1:] = 0.0
    return 0.03 * r.shift(-1).fillna(0.0) + returns(panel)
"""
CACHED = """
KEPT = []

def features(panel):
    KEPT.append(np.log(panel.column("adj_close")))
    ahead = np.vstack([np.diff(KEPT[0], axis=0), np.zeros(KEPT[0].shape[1])])
    return (ahead[: len(panel.times), : len(panel.tickers)] + 0 * panel.column("adj_close"))
"""


def test_a_leak_that_shows_on_some_days_of_one_ticker_is_found(write, market):
    assert failed(audit_features(write(RARE), market))[0] == "future perturbation"


def test_what_a_file_keeps_between_calls_hides_nothing(write, market):
    assert failed(audit_features(write(CACHED), market))[0] == "future perturbation"


def test_a_weak_leak_from_a_file_is_found(write, tmp_path):
    market = simulate("leverage", 8, 3_000, 0)
    kept = tmp_path / "prices.npy"
    np.save(kept, np.log(market.column("adj_close")))
    text = f"""
FILE, TIMES, TICKERS = {str(kept)!r}, {market.times.astype("int64").tolist()}, {market.tickers}

def features(panel):
    path = np.load(FILE)
    ahead = np.vstack([np.diff(path, axis=0), np.zeros(path.shape[1])])
    rows = np.searchsorted(TIMES, panel.times.astype("int64"))
    columns = [TICKERS.index(name) for name in panel.tickers]
    return 0.05 * ahead[rows][:, columns] + returns(panel).rolling(5).mean()
"""
    assert failed(audit_features(write(text), market)) == ["other prices"]
