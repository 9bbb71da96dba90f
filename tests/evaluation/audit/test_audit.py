"""What may be said after all tests."""

import json

import pytest

from forecasting.errors import DataError
from forecasting.evaluation.audit.audit import Audit
from forecasting.evaluation.audit.finding import Finding, Outcome, worst_of

PASSED = Finding("future perturbation", "features", Outcome.PASSED, "fine")
FAILED = Finding("future perturbation", "network", Outcome.FAILED, "it moved")
MISSING = Finding("panel independence", "network", Outcome.NOT_RUN, "one ticker")


def audit(*findings: Finding, compulsory: tuple[str, ...] = ("future perturbation",)) -> Audit:
    return Audit(
        "demo", findings, compulsory, "2026-11-23T10:00:00", "0.1", "abc", "v", "w", "s", 1.5
    )


@pytest.mark.parametrize(
    ("made", "headline"),
    [
        (audit(PASSED), "LEAK AUDIT: PASSED (1 test, 2026-11-23)"),
        (
            audit(PASSED, FAILED),
            "LEAK AUDIT: FAILED (future perturbation at network, 2026-11-23)",
        ),
        (
            audit(PASSED, MISSING, compulsory=("future perturbation", "panel independence")),
            "LEAK AUDIT: NOT RUN (1 test passed, not made: panel independence, 2026-11-23)",
        ),
        (audit(PASSED, MISSING), "LEAK AUDIT: PASSED (1 test, 2026-11-23)"),
        (
            audit(),
            "LEAK AUDIT: NOT RUN (0 tests passed, not made: future perturbation, 2026-11-23)",
        ),
    ],
)
def test_headline(made, headline):
    assert made.headline == headline


def test_a_failure_outweighs_everything():
    made = audit(PASSED, FAILED, MISSING)
    assert made.outcome is Outcome.FAILED
    assert made.failed_at == ("future perturbation", "network")
    assert made.passed == ()


def test_it_survives_json():
    made = audit(PASSED, FAILED, MISSING)
    again = json.loads(json.dumps(made.to_dict()))
    assert again["outcome"] == "FAILED"
    assert Audit.from_dict(again) == made


@pytest.mark.parametrize("damage", [{"findings": 3}, {"seconds": "soon"}])
def test_a_damaged_audit_is_one_line(damage):
    with pytest.raises(DataError, match=next(iter(damage))):
        Audit.from_dict({**audit(PASSED).to_dict(), **damage})


def test_the_table_has_a_row_a_finding():
    table = audit(PASSED, FAILED).table()
    assert list(table.columns) == ["test", "stage", "outcome", "measured"]
    assert list(table["outcome"]) == ["PASSED", "FAILED"]


def test_the_worst_of_several_stretches_counts():
    again = Finding("future perturbation", "network", Outcome.PASSED, "fine")
    assert worst_of([again, FAILED, again]) == (FAILED,)
    [both] = worst_of([again, again])
    assert both.measured == "fine, and likewise on another stretch of bars"
