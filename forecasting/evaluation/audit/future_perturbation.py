"""Leak test 1: change everything after a bar; nothing that was known by then may move."""

from collections.abc import Sequence

from forecasting.evaluation.audit.difference import first_difference, moment
from forecasting.evaluation.audit.finding import Finding
from forecasting.evaluation.audit.future import IN_WORDS, changed_futures, kinds_of
from forecasting.evaluation.audit.stage import Stage
from forecasting.evaluation.audit.suspects import Suspects
from forecasting.market.panel import Panel

FUTURE_PERTURBATION = "future perturbation"


def future_perturbation(
    stages: Sequence[Stage], panel: Panel, cuts: Sequence[int], *, seed: int = 0
) -> tuple[Finding, ...]:
    """Replace the bars after each cut by noise, a thousandfold, by nothing, and cut them off.

    Memberships after the cut are changed too, where the panel has a universe. Rows up to the cut
    have to stay as they are, to the stage's tolerance.

    Args:
        stages: In the order of the pipeline.
        panel: Prices.
        cuts: Indices of the last bars that stay.
        seed: Of the noise.

    Returns:
        One finding a stage; the first that leaks is the only one that fails.
    """
    suspects = Suspects(FUTURE_PERTURBATION, stages, panel)
    for after, kind, changed in changed_futures(panel, cuts, seed):
        for k, stage, expected in suspects:
            if kind not in stage.futures:
                continue
            found = stage.compute(changed)[: after + 1]
            differs = first_difference(expected[: after + 1], found, stage.tolerance)
            if differs is not None:
                ahead = after + 1 - differs.row
                suspects.accuse(
                    k,
                    f"{differs.describe(panel)} when {IN_WORDS[kind]} (after "
                    f"{moment(panel.times[after])}): it looks ahead by at least {ahead} "
                    f"bar{'s' if ahead > 1 else ''}",
                )
                break

    dates = f"{len(cuts)} date{'s' if len(cuts) > 1 else ''}"

    def said(k: int) -> str:
        tried = [kind for kind in kinds_of(panel) if kind in stages[k].futures]
        return f"nothing known by {dates} moved, whatever came later ({', '.join(tried)})"

    return suspects.findings(said)
