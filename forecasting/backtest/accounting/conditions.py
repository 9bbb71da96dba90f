"""The costs and terms of many configurations as vectors, one value a configuration."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from forecasting.backtest.accounting.terms import AccountTerms
from forecasting.backtest.costs import Costs, SpreadModel


@dataclass(frozen=True, eq=False)
class Conditions:
    """`Costs` and `AccountTerms`, configuration by configuration; rates are decimal.

    Attributes:
        commission: Commission on one unit of notional.
        fixed_spread: Half-spread of one unit of notional, 0 where the tape's is paid.
        pays_tape_spread: 1 where the tape's half-spread is paid, 0 where it is fixed.
        impact: Factor of the square-root law.
        capital: Cash at the first bar.
        whole_shares: Whether orders are rounded towards zero.
        cash_yield: Earned on positive cash in a year.
        financing_rate: Paid on negative cash in a year.
        borrow_fee: Paid on the value of shorts in a year.
        margin_limit: Largest gross exposure as a share of equity.
        participation_cap: Largest order a bar as a share of mean traded money; 0 is no cap.
        delisting_return: From the last mark to the payment of a delisted holding.
        delisted_after: Bars without a price that make a delisting.
    """

    commission: Float[np.ndarray, " configuration"]
    fixed_spread: Float[np.ndarray, " configuration"]
    pays_tape_spread: Float[np.ndarray, " configuration"]
    impact: Float[np.ndarray, " configuration"]
    capital: Float[np.ndarray, " configuration"]
    whole_shares: Bool[np.ndarray, " configuration"]
    cash_yield: Float[np.ndarray, " configuration"]
    financing_rate: Float[np.ndarray, " configuration"]
    borrow_fee: Float[np.ndarray, " configuration"]
    margin_limit: Float[np.ndarray, " configuration"]
    participation_cap: Float[np.ndarray, " configuration"]
    delisting_return: Float[np.ndarray, " configuration"]
    delisted_after: Int[np.ndarray, " configuration"]

    @classmethod
    def of(cls, costs: Sequence[Costs], accounts: Sequence[AccountTerms]) -> "Conditions":
        """The vectors of paired costs and accounts.

        Raises:
            ValueError: There are none, they do not pair up, or two of them read two different
                spread models from the one half-spread that a tape has.
        """
        if not costs or len(costs) != len(accounts):
            raise ValueError(
                f"{len(costs)} costs and {len(accounts)} accounts: expected one of each for every "
                "configuration, and at least one"
            )
        fixed = [cost.spread is SpreadModel.FIXED for cost in costs]
        measured = {cost.spread for cost in costs} - {SpreadModel.FIXED}
        if len(measured) > 1:
            raise ValueError(
                f"spread models {', '.join(sorted(measured))} in one batch: a tape has the "
                "half-spread of one; make a tape and a batch for each"
            )
        slippage = np.array([cost.slippage_bps / 10_000 for cost in costs])
        return cls(
            commission=np.array([cost.commission_bps / 10_000 for cost in costs]),
            fixed_spread=np.where(fixed, slippage, 0.0),
            pays_tape_spread=np.where(fixed, 0.0, 1.0),
            impact=np.array([float(cost.impact) for cost in costs]),
            whole_shares=np.array([terms.whole_shares for terms in accounts]),
            delisted_after=np.array([terms.delisted_after for terms in accounts]),
            **{
                name: np.array([float(getattr(terms, name)) for terms in accounts])
                for name in (
                    "capital",
                    "cash_yield",
                    "financing_rate",
                    "borrow_fee",
                    "margin_limit",
                    "participation_cap",
                    "delisting_return",
                )
            },
        )
