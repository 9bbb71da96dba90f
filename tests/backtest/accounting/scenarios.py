"""Random markets, decisions and accounts in which everything can happen, for both engines."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from backtest.accounting.event_engine import Decide
from backtest.markets import make_raw_tape
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from forecasting.backtest.accounting.terms import AccountTerms
from forecasting.backtest.costs import Costs, SpreadModel
from forecasting.backtest.tape.tape import Tape

SHAPE = BARS, TICKERS = 12, 3
START = np.array([10.0, 50.0, 3.0])

# What can happen at a cell or to an account: each value as often as it stands here.
BAR = [0] * 8 + [1, 2]  # a bar, no bar, a bar without a price to trade at
SPLIT = [1.0] * 20 + [2.0, 3.0, 0.5, 0.1]
DIVIDEND = [0.0] * 9 + [0.02, 0.3]  # shares of the price
WEIGHT = [0.0, 0.5, 0.5, -0.5, 1.0, -1.0, 0.37, -0.29, 2.5, np.nan]
MEMBER = [True] * 6 + [False]
VOLATILITY = [0.01, 0.02, 0.4, np.nan]
VOLUME = [np.nan, 0.0, 200.0, 5e3, 1e5, 1e7]
CHOICES: dict[str, list[Any]] = {
    "last_bar": [BARS] * 3 + [4, 7],
    "band": [0.0, 0.0, 0.037],
    "capital": [1.0, 1_000.0, 1e6],
    "whole_shares": [False, True],
    "cash_yield": [0.0, 0.04, -0.01],
    "financing_rate": [0.0, 0.3],
    "borrow_fee": [0.0, 0.5],
    "margin_limit": [0.5, 1.0, 2.0, 5.0],
    "participation_cap": [0.0, 0.1, 1.0],
    "delisting_return": [0.0, -0.3, -1.0, 0.2],
    "delisted_after": [1, 2, 4, 21],
    "commission_bps": [0, 5, 300],
    "slippage_bps": [0, 3, 200],
    "spread": list(SpreadModel),
    "impact": [0.0, 0.7],
    "has_universe": [False, True],
}


@dataclass(frozen=True, eq=False)
class Scenario:
    """A tape, what is wanted on it, and the account that tries to have it."""

    tape: Tape
    policy: "BandPolicy"
    costs: Costs
    terms: AccountTerms


@dataclass(frozen=True, eq=False)
class BandPolicy:
    """Targets on some bars; a holding closer to its target than the band is left alone."""

    weights: np.ndarray
    decides: np.ndarray
    band: float

    def decide(self, bar: int, held: np.ndarray) -> np.ndarray | None:
        if not self.decides[bar]:
            return None
        near = np.abs(self.weights[bar] - held) < self.band
        return np.where(near, np.nan, self.weights[bar])

    def for_events(self, tickers: tuple[str, ...]) -> Decide:
        """The same for one account that keeps its holdings in a dictionary."""

        def decide(bar: int, held: dict[str, float]) -> dict[str, float] | None:
            decision = self.decide(bar, np.array([held[name] for name in tickers]))
            if decision is None:
                return None
            return dict(zip(tickers, decision.tolist(), strict=True))

        return decide


def build(drawn: dict[str, Any]) -> Scenario:
    """A scenario from its draws: arrays of `SHAPE`, and the `CHOICES`."""
    missing = drawn["bar"] == 1
    missing[drawn["last_bar"] :, 0] = True
    split = np.where(missing, 1.0, drawn["split"])
    opens, closes = np.exp(np.cumsum(drawn["moves"], axis=1)) * START / np.cumprod(split, axis=0)
    tape = make_raw_tape(
        np.where(missing, np.nan, closes),
        np.where(drawn["bar"] == 2, np.nan, opens),
        split=split,
        dividend=np.where(missing, 0.0, drawn["dividend"] * closes * split),
        half_spread=drawn["half_spread"],
        volatility=drawn["volatility"],
        volume=drawn["volume"] * (drawn["capital"] / 1e6),
    )
    if drawn["has_universe"]:
        tape = replace(tape, member=drawn["member"])
    return Scenario(
        tape,
        BandPolicy(drawn["weights"], drawn["decides"], drawn["band"]),
        Costs(**{name: drawn[name] for name in _COSTS}),
        AccountTerms(**{name: drawn[name] for name in _TERMS}),
    )


_COSTS = ("commission_bps", "slippage_bps", "spread", "impact")
_TERMS = tuple(AccountTerms.__dataclass_fields__)
_CELLS: dict[str, list[Any]] = {
    "bar": BAR,
    "split": SPLIT,
    "dividend": DIVIDEND,
    "weights": WEIGHT,
    "member": MEMBER,
    "volatility": VOLATILITY,
    "volume": VOLUME,
    "half_spread": [0.0, 0.001, 0.03],
}


def seeded(seed: int) -> Scenario:
    """The scenario of a seed."""
    rng = np.random.default_rng(seed)

    def pick(values: list[Any]) -> Any:
        return values[rng.integers(len(values))]

    drawn = {name: pick(values) for name, values in CHOICES.items()}
    for name, values in _CELLS.items():
        drawn[name] = np.array(values)[rng.integers(len(values), size=SHAPE)]
    drawn["moves"] = rng.uniform(-0.375, 0.375, (2, *SHAPE)) * pick([0.0, 0.1, 1.0])
    drawn["decides"] = rng.random(BARS) < pick([0.3, 1.0])
    return build(drawn)


def _cells(values: list[Any]) -> st.SearchStrategy[np.ndarray]:
    return arrays(np.array(values).dtype, SHAPE, elements=st.sampled_from(values))


# Our own types stay out of the strategies: beartype draws random numbers, hypothesis forbids it.
DRAWS = st.fixed_dictionaries(
    {name: st.sampled_from(values) for name, values in CHOICES.items()}
    | {name: _cells(values) for name, values in _CELLS.items()}
    | {
        "moves": arrays(float, (2, *SHAPE), elements=st.floats(-0.375, 0.375, width=32)),
        "decides": arrays(bool, BARS),
    }
)
