"""Leak test 4: other tickers matter only where a pipeline says that they do."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from forecasting.evaluation.audit.difference import first_difference
from forecasting.evaluation.audit.finding import Finding, Outcome
from forecasting.evaluation.audit.stage import Stage
from forecasting.evaluation.audit.suspects import Suspects
from forecasting.market.panel import Panel

PANEL_INDEPENDENCE = "panel independence"

# A sum over tickers moves in its last bits with their order.
_ROUNDING = 1e-9


def panel_independence(
    stages: Sequence[Stage], panel: Panel, *, seed: int = 0
) -> tuple[Finding, ...]:
    """Put the tickers in another order, and leave some of them out.

    Another order has to give the same answers in that order. Leaving tickers out may change
    the others' answers only where a stage declares what it takes from them (`Stage.market`).

    Args:
        stages: In the order of the pipeline; those without tickers along the second axis, which
            neither are `per_ticker` nor declare a `market`, are left out.
        panel: Prices; of one ticker there is nothing that could fail.
        seed: Of the order.
    """
    claimed = [stage for stage in stages if stage.per_ticker or stage.market]
    if len(panel.tickers) < 2:
        said = "one ticker: there is no other that it could depend on"
        return tuple(
            Finding(PANEL_INDEPENDENCE, stage.name, Outcome.PASSED, said) for stage in claimed
        )
    suspects = Suspects(PANEL_INDEPENDENCE, claimed, panel)
    order = np.random.default_rng(seed).permutation(len(panel.tickers))
    if np.array_equal(order, np.arange(len(order))):
        order = order[::-1]
    for columns, what in (
        (order, "the tickers stand in another order"),
        (np.sort(order[: (len(order) + 1) // 2]), "half of the tickers are left out"),
        (order[:1], "all other tickers are left out"),
    ):
        part = of_columns(panel, columns)
        for k, stage, expected in suspects:
            if stage.market and len(columns) < len(order):
                continue
            tolerance = max(stage.tolerance, _ROUNDING if stage.market else 0)
            differs = first_difference(expected[:, columns], stage.compute(part), tolerance)
            if differs is not None:
                suspects.accuse(
                    k,
                    f"{differs.describe(part)} when {what}: it depends on other tickers and does "
                    "not declare it",
                )
                break
    return suspects.findings(lambda k: _said(claimed[k]))


def of_columns(panel: Panel, columns: np.ndarray) -> Panel:
    """Some tickers of a panel by their places, on all of its bars."""
    return replace(
        panel,
        tickers=tuple(panel.tickers[k] for k in columns),
        values=panel.values[:, columns],
        member=None if panel.member is None else panel.member[:, columns],
    )


def _said(stage: Stage) -> str:
    """What may be said of a stage that passed."""
    if stage.market:
        return f"the same in any order of the tickers; declared: {stage.market}"
    return "the same in any order of the tickers, and whichever others there are"
