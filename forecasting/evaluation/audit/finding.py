"""What one test of a leak audit found, and the stamp that all of them add up to."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum


class Outcome(StrEnum):
    """What may be said after a test, or after all of them."""

    PASSED = "PASSED"
    FAILED = "FAILED"
    NOT_RUN = "NOT RUN"


@dataclass(frozen=True)
class Finding:
    """The outcome of one test at one stage.

    Attributes:
        test: Name of the test, such as `future perturbation`.
        stage: The stage that was tested; of a failure, the first one that leaks.
        outcome: PASSED, FAILED, or NOT RUN where the test could not be made.
        measured: One sentence with the numbers; of a test that was not made, why.
    """

    test: str
    stage: str
    outcome: Outcome
    measured: str


def worst_of(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """One finding a test and stage of a test that was made on several stretches of bars.

    The first failure if there is one, else the first that was not made, else the first pass.
    """
    grouped: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        grouped.setdefault((finding.test, finding.stage), []).append(finding)
    order = (Outcome.FAILED, Outcome.NOT_RUN, Outcome.PASSED)
    worst = []
    for group in grouped.values():
        chosen = min(group, key=lambda finding: order.index(finding.outcome))
        if chosen.outcome is Outcome.PASSED and len(group) > 1:
            others = len(group) - 1
            stretches = "another stretch" if others == 1 else f"{others} other stretches"
            said = f"{chosen.measured}, and likewise on {stretches} of bars"
            chosen = replace(chosen, measured=said)
        worst.append(chosen)
    return tuple(worst)
