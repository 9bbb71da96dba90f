"""Leak test 2: what a pipeline says on a day has to be what it says of that day years later."""

from collections.abc import Sequence

from forecasting.evaluation.audit.difference import first_difference, moment
from forecasting.evaluation.audit.finding import Finding, Outcome
from forecasting.evaluation.audit.stage import Stage
from forecasting.evaluation.audit.suspects import Suspects
from forecasting.market.panel import Panel

TRUNCATION = "truncation equivalence"


def truncation(stages: Sequence[Stage], panel: Panel, cuts: Sequence[int]) -> tuple[Finding, ...]:
    """The last row from a history that ends at a cut equals that row from the whole history.

    Stages for which bars that are gone may make a difference (see `Stage.futures`) are left out.

    Args:
        stages: In the order of the pipeline.
        panel: Prices.
        cuts: Indices of bars to be the last.
    """
    claimed = [stage for stage in stages if "gone" in stage.futures]
    suspects = Suspects(TRUNCATION, claimed, panel)
    for last in cuts:
        history = panel.at(slice(last + 1))
        for k, stage, expected in suspects:
            row = slice(last, last + 1)
            found = stage.compute(history)[-1:]
            differs = first_difference(expected[row], found, stage.tolerance)
            if differs is not None:
                said = differs.describe(panel, panel.times[row])
                suspects.accuse(
                    k, f"{said} when the history ends there: it uses bars that come later"
                )
                break
    said = f"{len(cuts)} dates as on the day itself, from histories that end there"
    return suspects.findings(lambda _: said)


def carried_state(whole: Stage, stepped: Stage, panel: Panel) -> Finding:
    """What is carried from bar to bar says the same as the whole history does.

    Args:
        whole: Answers from the whole history.
        stepped: Answers bar by bar, with what it remembers; NaN where it has not begun to step.
        panel: Prices.
    """
    found = stepped.compute(panel)
    first = int((found == found).reshape(len(found), -1).any(axis=1).argmax())
    expected = whole.compute(panel)[first:]
    differs = first_difference(expected, found[first:], stepped.tolerance)
    if differs is None:
        said = f"{len(expected)} bars one by one as from the whole history"
        return Finding(TRUNCATION, stepped.name, Outcome.PASSED, said)
    return Finding(
        TRUNCATION,
        stepped.name,
        Outcome.FAILED,
        f"{differs.describe(panel, panel.times[first:])} when bars come one by one from "
        f"{moment(panel.times[first])} on: the memory is not that of the history",
    )
