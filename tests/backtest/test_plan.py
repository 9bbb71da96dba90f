"""From names and files to plans: defaults, the rhythm of decisions, and every refusal."""

from pathlib import Path

import numpy as np
import pytest
from backtest.markets import make_forecast, noise_forecast, random_walk

from forecasting.backtest.plan import decision_bars, make_plan
from forecasting.backtest.strategies.ranking import long_short
from forecasting.backtest.strategies.user_strategy import LooksAheadError
from forecasting.errors import ConfigError
from forecasting.forecast.forecast import Forecast
from forecasting.market.panel import Panel

GOOD = """
import numpy as np
from forecasting.errors import ConfigError

def weights(forecast, *, strength: float = 1.0, **rest):
    if rest.get("forbidden"):
        raise ConfigError("forbidden came")
    return strength * np.where(forecast.mask, 1 / len(forecast.tickers), 0.0)
"""


@pytest.fixture
def forecast() -> Forecast:
    return noise_forecast(random_walk(40, 8, seed=0), seed=1)


def write(folder: Path, text: str) -> str:
    (folder / "mine.py").write_text(text)
    return str(folder / "mine.py")


def test_a_plan_states_every_parameter(forecast: Forecast) -> None:
    plan = make_plan(forecast, "long_short", {"horizon": 1}, 252.0)
    assert plan.parameters == {"top_k": 2, "horizon": 1, "rebalance_every": 5}
    assert np.array_equal(plan.weights, long_short(forecast, top_k=2, horizon=1))
    assert np.flatnonzero(plan.decides).tolist() == list(range(0, 40, 5))
    assert plan.notes == ()


def test_bars_per_year_come_from_the_prices(forecast: Forecast) -> None:
    plan = make_plan(forecast, "volatility_target", {"target_volatility": 1}, 1764.0)
    assert plan.parameters["bars_per_year"] == 1764.0
    assert plan.parameters["target_volatility"] == 1.0


def test_buy_and_hold_decides_once(forecast: Forecast) -> None:
    assert make_plan(forecast, "buy_and_hold", {}, 252.0).decides.sum() == 1


def test_no_order_is_sent_on_a_bar_without_forecasts() -> None:
    has = np.array([0, 1, 1, 0, 0, 1, 1, 1], dtype=bool)
    assert np.flatnonzero(decision_bars(has, 2)).tolist() == [1, 5, 7]
    assert np.flatnonzero(decision_bars(has, 1)).tolist() == [1, 2, 5, 6, 7]


def test_notes_count_idle_decisions_caps_and_absentees() -> None:
    loc = np.zeros((6, 4))
    loc[3:, 0] = 0.01
    loc[0, 3] = np.nan
    quiet = make_forecast(random_walk(6, 4, seed=0), loc, 1e-4)
    every = {"rebalance_every": 1}
    idle = make_plan(quiet, "long_short", {**every, "horizon": 1}, 252.0)
    assert idle.notes == ("long_short held nothing after 3 of its 6 decisions.",)
    capped = make_plan(quiet, "volatility_target", every, 252.0)
    assert "leverage cap of 1.5 in 6 of its 6" in capped.notes[0]
    free = make_plan(quiet, "equal_weight", {"no_trade_band": 2}, 252.0)
    assert free.notes == ("equal_weight: no_trade_band has no width, for trading costs nothing.",)
    assert "holds 3 of 4 tickers" in make_plan(quiet, "buy_and_hold", {}, 252.0).notes[0]


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("long_shor", {}, "no strategy 'long_shor': did you mean 'long_short'"),
        ("xyz", {}, "expected one of long_short, long_only"),
        ("long_short", {"topk": 3}, "has no parameter 'topk': did you mean 'top_k'"),
        ("long_short", {"rebalanc_every": 3}, "did you mean 'rebalance_every'"),
        ("long_short", {"top_k": "3"}, "top_k = '3': expected a whole number"),
        ("long_short", {"top_k": 2.5}, "expected a whole number"),
        ("volatility_target", {"correlation": "high"}, "correlation = 'high': expected a number"),
        ("long_only", {"rebalance_every": 0}, "rebalance_every = 0: expected at least 1"),
        ("long_only", {"rebalance_every": True}, "expected a whole number"),
        ("long_only", {"no_trade_band": 0}, "no_trade_band = 0: expected above 0 and finite"),
        (
            "long_only",
            {"stop_quantile": 0.5},
            "stop_quantile = 0.5: expected above 0 and below 0.5",
        ),
        ("long_only", {"stop_quantil": 0.1}, "did you mean 'stop_quantile'"),
        ("momentum", {}, "momentum needs its parameter 'prices': .* Pass prices"),
        ("momentum", {"prices": "x"}, "prices is taken from the data: expected no value"),
        ("nowhere/mine.py", {}, "no strategy file nowhere/mine.py"),
    ],
)
def test_refuses_in_one_line(
    forecast: Forecast, name: str, parameters: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        make_plan(forecast, name, parameters, 252.0)
    assert "\n" not in str(caught.value)


def test_a_users_file_is_a_strategy(forecast: Forecast, tmp_path: Path) -> None:
    plan = make_plan(forecast, write(tmp_path, GOOD), {"strength": 2, "anything": "x"}, 252.0)
    assert (plan.weights == 0.25).all()
    assert plan.parameters["strength"] == 2.0
    assert list(tmp_path.iterdir()) == [tmp_path / "mine.py"]


def test_a_users_own_error_keeps_its_words(forecast: Forecast, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^forbidden came$"):
        make_plan(forecast, write(tmp_path, GOOD), {"forbidden": True}, 252.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def weights(forecast:", "does not run: SyntaxError"),
        ("1 / 0", "does not run: ZeroDivisionError"),
        ("weight = 3", "has no function weights"),
        ("def weights(): return 1", "has no function weights"),
        ("def weights(forecast): return forecast.mean", "expected .time, ticker. = .40, 8."),
        ("def weights(forecast): return forecast.mask / 0.0", "320 weights that are not finite"),
        ("def weights(forecast): return 'no'", "failed with ValueError"),
        ("weights = decide = lambda forecast: 1", "has both weights.. and decide.."),
        ("def decide(forecast): return 1", "expected weights.forecast, .* Correct decide"),
        ("def weights(forecast, positions): return 1", "Correct weights.."),
        ("def weights(forecast, speed): return forecast.mask", "needs its parameter 'speed'"),
        (
            "def weights(forecast): return forecast.mean[::-1, :, 0]",
            "looks ahead: its weights up to",
        ),
        (
            "def weights(forecast): return forecast.mean[:, :, 0] - forecast.mean[:, :, 0].mean()",
            "looks ahead: its weights up to",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_refuses_a_users_file(forecast: Forecast, tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        make_plan(forecast, write(tmp_path, text), {}, 252.0)
    assert "\n" not in str(caught.value)


def test_bars_per_year_that_cannot_be_measured_are_asked_for(forecast: Forecast) -> None:
    with pytest.raises(ConfigError, match="Set it, as in --set bars_per_year=252"):
        make_plan(forecast, "volatility_target", {}, float("nan"))


def test_a_function_is_a_strategy_by_its_name(forecast: Forecast) -> None:
    def mine(forecast: Forecast, *, share: float = 0.5) -> np.ndarray:
        return share * forecast.mask

    plan = make_plan(forecast, mine, {"share": 1}, 252.0)
    assert (plan.strategy, plan.parameters) == ("mine", {"share": 1.0, "rebalance_every": 5})
    assert (plan.weights == 1).all()


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda: 1, "strategy <lambda> takes no forecast"),
        (lambda forecast: forecast.mean, "strategy <lambda> returned weights of shape"),
        (lambda forecast: 1 / 0, "failed with ZeroDivisionError"),
        (lambda forecast: forecast.mean[::-1, :, 0], "strategy <lambda> looks ahead"),
    ],
)
def test_refuses_a_function(forecast: Forecast, function, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        make_plan(forecast, function, {}, 252.0)
    assert "\n" not in str(caught.value)


def test_looking_ahead_in_the_prices_is_caught(forecast: Forecast) -> None:
    panel = random_walk(40, 8, seed=0)

    def greedy(forecast: Forecast, *, prices: Panel) -> np.ndarray:
        closes = prices.column("adj_close")
        return np.sign(closes[-1] - closes[: len(forecast.times)]) / 8

    with pytest.raises(LooksAheadError, match="strategy greedy looks ahead"):
        make_plan(forecast, greedy, {}, 252.0, prices=panel)


def test_derived_parameters_come_from_the_data(forecast: Forecast) -> None:
    panel, seen = random_walk(40, 8, seed=0), {}

    def curious(
        forecast: Forecast, *, top_k: int, bars_per_year: float, prices, cost: float, decides
    ) -> np.ndarray:
        seen.setdefault("first", (top_k, bars_per_year, prices is panel, cost, decides.sum()))
        return np.zeros(forecast.mask.shape)

    plan = make_plan(forecast, curious, {}, 252.0, n_tickers=4, prices=panel, cost=0.001)
    assert seen["first"] == (1, 252.0, True, 0.001, 8)
    assert plan.parameters == {
        "top_k": 1,
        "bars_per_year": 252.0,
        "cost": 0.001,
        "rebalance_every": 5,
    }
