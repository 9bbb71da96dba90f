"""Which stage leaks: the first in the order of the pipeline, for those after it only inherit."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from forecasting.evaluation.audit.finding import Finding, Outcome
from forecasting.evaluation.audit.stage import Stage
from forecasting.market.panel import Panel


@dataclass
class Suspects:
    """The stages of one test, narrowed down to the first that leaks.

    Attributes:
        test: Name of the test.
        stages: In the order of the pipeline.
        panel: Prices as they are.
        answers: What each stage says of them.
    """

    test: str
    stages: Sequence[Stage]
    panel: Panel
    answers: list[np.ndarray] = field(init=False)
    _leak: int | None = field(default=None, init=False)
    _how: str = field(default="", init=False)

    def __post_init__(self) -> None:
        self.answers = [stage.compute(self.panel) for stage in self.stages]

    def __iter__(self) -> Iterator[tuple[int, Stage, np.ndarray]]:
        """Place, stage and answer of all that may still be the first to leak."""
        for k, stage in enumerate(self.stages):
            if self._leak is not None and k >= self._leak:
                return
            yield k, stage, self.answers[k]

    def accuse(self, stage: int, how: str) -> None:
        """Say that the stage at a place leaks; those after it are suspected no more."""
        self._leak, self._how = stage, how

    def findings(self, passed: Callable[[int], str]) -> tuple[Finding, ...]:
        """One finding a stage.

        Args:
            passed: From the place of a stage that passed to what may be said of it.
        """
        made = []
        for k, stage in enumerate(self.stages):
            if self._leak is None or k < self._leak:
                made.append(Finding(self.test, stage.name, Outcome.PASSED, passed(k)))
            elif k == self._leak:
                made.append(Finding(self.test, stage.name, Outcome.FAILED, self._how))
            else:
                why = f"comes after {self.stages[self._leak].name}, which fails: correct that first"
                made.append(Finding(self.test, stage.name, Outcome.NOT_RUN, why))
        return tuple(made)
