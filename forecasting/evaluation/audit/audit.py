"""The `Audit` value: what all tests found of one pipeline, and what may be said after them."""

from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd
from pydantic import TypeAdapter, ValidationError

from forecasting.errors import DataError
from forecasting.evaluation.audit.finding import Finding, Outcome


@dataclass(frozen=True)
class Audit:
    """A leak audit.

    Attributes:
        subject: What was audited, in words.
        findings: Of all tests, in the order in which they were made.
        compulsory: Tests that each have to pass somewhere for the audit to pass.
        when: The end of it, UTC, `YYYY-MM-DDTHH:MM:SS`.
        version: Of this program.
        commit: Of its code.
        vintage: Hash of the prices.
        weights: SHA-256 of the model's weights; empty where there is no model.
        settings: Hash of what its weights mean, see `forecaster.audit_stamp`; likewise.
        seconds: How long it took.
    """

    subject: str
    findings: tuple[Finding, ...]
    compulsory: tuple[str, ...]
    when: str
    version: str
    commit: str
    vintage: str
    weights: str
    settings: str
    seconds: float

    @property
    def outcome(self) -> Outcome:
        """FAILED if any test failed, PASSED if every compulsory one passed, else NOT RUN."""
        if self.failed_at is not None:
            return Outcome.FAILED
        return Outcome.NOT_RUN if self.missing else Outcome.PASSED

    @property
    def passed(self) -> tuple[str, ...]:
        """Tests that passed at some stage and failed at none."""
        return tuple(test for test in self._tests() if self._outcomes(test) == Outcome.PASSED)

    @property
    def missing(self) -> tuple[str, ...]:
        """Compulsory tests that neither passed nor failed."""
        made = {test for test in self._tests() if self._outcomes(test) != Outcome.NOT_RUN}
        return tuple(test for test in self.compulsory if test not in made)

    @property
    def failed_at(self) -> tuple[str, str] | None:
        """Test and stage of the first failure; None if there is none."""
        for finding in self.findings:
            if finding.outcome is Outcome.FAILED:
                return finding.test, finding.stage
        return None

    @property
    def headline(self) -> str:
        """The one line that stands above every number of the model."""
        return f"LEAK AUDIT: {self.outcome.value} ({self._why()}, {self.when[:10]})"

    def table(self) -> pd.DataFrame:
        """One row a finding: test, stage, outcome, measured."""
        rows = [{**asdict(each), "outcome": each.outcome.value} for each in self.findings]
        return pd.DataFrame(rows, columns=["test", "stage", "outcome", "measured"])

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values that `json.dumps` takes."""
        said = {"outcome": self.outcome.value, "headline": self.headline}
        return said | TypeAdapter(Audit).dump_python(self, mode="json")

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> "Audit":
        """What `to_dict` wrote.

        Raises:
            DataError: Something is missing or of another kind.
        """
        try:
            return TypeAdapter(cls).validate_python(content)
        except ValidationError as error:
            where = ".".join(map(str, error.errors()[0]["loc"])) or "the whole"
            raise DataError(
                f"a leak audit is damaged ({where}): expected what `forecasting audit` wrote. "
                "Audit the model again."
            ) from error

    def _tests(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(finding.test for finding in self.findings))

    def _outcomes(self, test: str) -> Outcome:
        """The worst that was found by a test; NOT RUN only where it was made nowhere."""
        found = {finding.outcome for finding in self.findings if finding.test == test}
        order = (Outcome.FAILED, Outcome.PASSED, Outcome.NOT_RUN)
        return next(outcome for outcome in order if outcome in found)

    def _why(self) -> str:
        if self.failed_at is not None:
            test, stage = self.failed_at
            failed = [each for each in self._tests() if self._outcomes(each) == Outcome.FAILED]
            more = f" and {len(failed) - 1} more" if len(failed) > 1 else ""
            return f"{test} at {stage}{more}"
        count = f"{len(self.passed)} test{'' if len(self.passed) == 1 else 's'}"
        if not self.missing:
            return count
        return f"{count} passed, not made: {', '.join(self.missing)}"
