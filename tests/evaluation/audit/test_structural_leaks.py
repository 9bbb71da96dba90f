"""Each structural test finds its leak, blames the first stage that has it, and spares the rest."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from forecasting.evaluation.audit.finding import Finding, Outcome
from forecasting.evaluation.audit.future_perturbation import future_perturbation
from forecasting.evaluation.audit.panel_independence import panel_independence
from forecasting.evaluation.audit.stage import Stage
from forecasting.evaluation.audit.truncation import carried_state, truncation
from forecasting.evaluation.audit.warm_up import warm_up
from forecasting.market.panel import Panel
from forecasting.market.simulation import simulate

CUTS = (250, 320, 397, 398)
LENGTHS = (60, 120, 200)


def returns(panel: Panel) -> np.ndarray:
    """Log return of each bar."""
    return np.diff(np.log(panel.column("adj_close")), axis=0, prepend=np.nan)


def trailing_volatility(panel: Panel) -> np.ndarray:
    """Deviation of the last 20 returns."""
    return pd.DataFrame(returns(panel)).rolling(20).std().to_numpy()


def shifted_back(panel: Panel) -> np.ndarray:
    """The return of the bar after."""
    return pd.DataFrame(returns(panel)).shift(-1).to_numpy()


def centred(panel: Panel) -> np.ndarray:
    """Mean of a window that reaches five bars ahead."""
    return pd.DataFrame(returns(panel)).rolling(11, center=True).mean().to_numpy()


def whole_sample(panel: Panel) -> np.ndarray:
    """z-score by mean and deviation of the whole sample."""
    r = returns(panel)
    return (r - np.nanmean(r, axis=0)) / np.nanstd(r, axis=0)


def filled_backwards(panel: Panel) -> np.ndarray:
    """Volatility whose warm-up is filled with what came after."""
    return pd.DataFrame(trailing_volatility(panel)).iloc[::-1].ffill().iloc[::-1].to_numpy()


def smoothed(panel: Panel) -> np.ndarray:
    """State that is carried from the last bar to the first."""
    r = pd.DataFrame(np.nan_to_num(returns(panel)))
    return r.iloc[::-1].ewm(alpha=0.3).mean().iloc[::-1].to_numpy()


def demeaned(panel: Panel) -> np.ndarray:
    """Return over the mean return of all tickers of the bar."""
    r = returns(panel)
    return r - np.nanmean(np.where(np.isnan(r), 0.0, r), axis=1, keepdims=True)


def peeking_weights(panel: Panel) -> np.ndarray:
    """Long what rises on the next bar."""
    return np.where(np.nan_to_num(shifted_back(panel)) > 0, 1.0, 0.0)


def ordered_weights(panel: Panel) -> np.ndarray:
    """Long the first ticker, whoever that is."""
    weights = np.zeros(panel.mask.shape)
    weights[:, 0] = 1.0
    return weights


def only_calm_labels(panel: Panel) -> np.ndarray:
    """Scored unless the coming return is large."""
    later = np.nan_to_num(shifted_back(panel))
    return (np.abs(later) < 0.02).astype(float)


def cumulated(panel: Panel) -> np.ndarray:
    """Sum of squared returns since the first bar."""
    return np.nancumsum(returns(panel) ** 2, axis=0)


HONEST = (
    Stage("features", trailing_volatility, per_ticker=True),
    Stage("market features", demeaned, market="mean return of the tickers"),
    Stage("network", lambda panel: 2 * trailing_volatility(panel), 1e-6, per_ticker=True),
)


@pytest.fixture(scope="module")
def panel() -> Panel:
    return simulate("leverage", 4, 400, 0)


def failures(findings: tuple[Finding, ...]) -> list[str]:
    return [finding.stage for finding in findings if finding.outcome is Outcome.FAILED]


def after(leak: Callable[[Panel], np.ndarray], name: str) -> tuple[Stage, ...]:
    """Honest stages, the leak, and one that inherits it."""
    return (*HONEST[:1], Stage(name, leak), Stage("network", lambda panel: 3 * leak(panel)))


@pytest.mark.parametrize("seed", range(5))
def test_no_false_alarm(seed):
    """Honest stages on markets of several seeds."""
    market = simulate("volatility", 5, 400, seed)
    findings = (
        *future_perturbation(HONEST, market, CUTS, seed=seed),
        *truncation(HONEST, market, CUTS),
        *warm_up(HONEST, market, LENGTHS),
        *panel_independence(HONEST, market, seed=seed),
    )
    assert {finding.outcome for finding in findings} == {Outcome.PASSED}
    assert len(findings) == 4 * len(HONEST)


@pytest.mark.parametrize(
    ("leak", "name"),
    [
        (shifted_back, "features"),
        (centred, "features"),
        (whole_sample, "scalers"),
        (filled_backwards, "features"),
        (smoothed, "carried state"),
        (peeking_weights, "strategy orders"),
    ],
)
def test_a_stage_that_looks_ahead_is_named(panel, leak, name):
    cuts = (10, *CUTS) if leak is filled_backwards else CUTS
    findings = future_perturbation(after(leak, name), panel, cuts)
    assert failures(findings) == [name]
    assert findings[-1].outcome is Outcome.NOT_RUN
    assert f"comes after {name}" in findings[-1].measured


@pytest.mark.parametrize("leak", [shifted_back, centred, whole_sample, smoothed, peeking_weights])
def test_a_history_that_ends_says_something_else(panel, leak):
    assert failures(truncation(after(leak, "scalers"), panel, CUTS)) == ["scalers"]


@pytest.mark.parametrize(("leak", "bars"), [(shifted_back, 1), (centred, 5)])
def test_the_words_say_when_who_and_how_far(panel, leak, bars):
    [finding] = future_perturbation([Stage("features", leak)], panel, (300,))
    day = str(panel.times[301 - bars])[:10]
    assert f"of SIM01 at {day} changes from " in finding.measured
    assert finding.measured.endswith(f"at least {bars} bar{'s' if bars > 1 else ''}")


def test_a_test_filter_may_miss_later_bars_but_not_read_them(panel):
    asked = ("noise", "x1000")
    honest = Stage("test filter", lambda p: np.roll(p.mask, -1, axis=0) & p.mask, futures=asked)
    leaky = Stage("test filter", only_calm_labels, futures=asked)
    assert failures(future_perturbation([honest], panel, CUTS)) == []
    assert failures(future_perturbation([leaky], panel, CUTS)) == ["test filter"]
    assert truncation([leaky], panel, CUTS) == ()


@pytest.mark.parametrize("leak", [demeaned, ordered_weights])
def test_other_tickers_matter_only_where_declared(panel, leak):
    stage = Stage("features", leak, per_ticker=True)
    findings = panel_independence([*HONEST[:1], stage], panel)
    assert failures(findings) == ["features"]


def test_a_declared_market_still_has_no_first_ticker(panel):
    declared = Stage("market features", ordered_weights, market="ranks")
    assert failures(panel_independence([declared], panel)) == ["market features"]
    [finding] = panel_independence(HONEST[1:2], panel)
    assert "declared: mean return of the tickers" in finding.measured


def test_one_ticker_has_nothing_to_depend_on(panel):
    findings = panel_independence(HONEST, panel.select(["SIM01"]))
    assert failures(findings) == []
    assert all(finding.measured.startswith("one ticker") for finding in findings)


def test_warm_up_names_the_bars_that_are_enough(panel):
    short = Stage("features", lambda p: p.column("adj_close").copy())
    long = Stage("network", lambda p: pd.DataFrame(returns(p)).rolling(100).std().to_numpy())
    first, second = warm_up([short, long], panel, LENGTHS)
    assert first.measured.startswith("60 bars of history are enough")
    assert second.measured.startswith("120 bars of history are enough")


def test_an_answer_that_never_forgets_the_beginning_fails(panel):
    assert failures(warm_up([*HONEST[:1], Stage("network", cumulated)], panel, LENGTHS)) == [
        "network"
    ]


def test_carried_state_is_compared_with_the_whole_history(panel):
    def stepped(panel: Panel) -> np.ndarray:
        return np.where(np.arange(len(panel.times))[:, None] < 390, np.nan, returns(panel))

    whole = Stage("network", returns)
    assert carried_state(whole, Stage("carried state", stepped), panel).outcome == "PASSED"
    lagged = Stage("carried state", lambda p: np.roll(stepped(p), 1, axis=0))
    found = carried_state(whole, lagged, panel)
    assert (found.stage, found.outcome) == ("carried state", "FAILED")
    assert "memory" in found.measured


def test_a_leak_of_a_ratio_of_columns_is_found_by_noise_alone() -> None:
    market = simulate("volatility", 3, 400, 5)

    def tomorrow(panel: Panel) -> np.ndarray:
        ratio = np.log(panel.column("close") / panel.column("open"))
        return np.vstack([ratio[1:], ratio[-1:]])

    stage = Stage("features", tomorrow, per_ticker=True, futures=("noise",))
    [finding] = future_perturbation([stage], market, (250,))
    assert finding.outcome is Outcome.FAILED
