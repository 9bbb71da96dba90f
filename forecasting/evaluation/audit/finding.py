"""What one test of a leak audit found, and the stamp that all of them add up to."""

from dataclasses import dataclass
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
