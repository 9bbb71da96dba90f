"""The verb `audit`: ten tests of everything between a source of prices and a scored order.

future perturbation     what is known by a bar does not move with later bars
truncation equivalence  and is what was said on the day itself, carried state included
warm-up sensitivity     nor does it hang on where the history begins
panel independence      other tickers matter only where that is declared
label-shift canary      skill collapses when labels are shifted
information alarm       no forecast and no feature is too good to be true
null market             trained where there is nothing, it finds nothing
planted market          trained where there is something, it finds that and no more
fold audit              no label of the training was known only in the test span
vintage time travel     the prices are those of the training
"""

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from forecasting.evaluation.audit.audit import Audit
from forecasting.evaluation.audit.finding import Finding, Outcome
from forecasting.evaluation.audit.fold_audit import FOLD_AUDIT
from forecasting.evaluation.audit.future_perturbation import FUTURE_PERTURBATION
from forecasting.evaluation.audit.information import INFORMATION_ALARM
from forecasting.evaluation.audit.label_shift import LABEL_SHIFT
from forecasting.evaluation.audit.null_market import NULL_MARKET
from forecasting.evaluation.audit.panel_independence import PANEL_INDEPENDENCE
from forecasting.evaluation.audit.planted_market import PLANTED_MARKET
from forecasting.evaluation.audit.truncation import TRUNCATION
from forecasting.evaluation.audit.vintages import VINTAGE
from forecasting.evaluation.audit.warm_up import WARM_UP_SENSITIVITY
from forecasting.forecaster.audit_stamp import (
    read_stamp,
    settings_digest,
    weights_digest,
    write_stamp,
)
from forecasting.forecaster.holdout import before
from forecasting.forecaster.network_forecaster import NetworkForecaster
from forecasting.forecaster.shipped import is_shipped
from forecasting.market.panel import Panel
from forecasting.training.results import track_results
from forecasting.training.tracking import provenance
from forecasting.workflow.audit.spans import require_both_sides
from forecasting.workflow.audit.statistics import Statistics
from forecasting.workflow.audit.structure import Structure
from forecasting.workflow.audit.text import audit_text

Test = Callable[[], Sequence[Finding]]
Progress = Callable[[str, int, int], None]
"""Called with the test that begins, how many are done, and how many there are."""

SLOW = (NULL_MARKET, PLANTED_MARKET)
"""Tests that train again."""
TESTS = (
    FUTURE_PERTURBATION,
    TRUNCATION,
    WARM_UP_SENSITIVITY,
    PANEL_INDEPENDENCE,
    LABEL_SHIFT,
    INFORMATION_ALARM,
    NULL_MARKET,
    PLANTED_MARKET,
    FOLD_AUDIT,
    VINTAGE,
)
"""All of them; a model passes only if each of them does."""


def audit(
    model: NetworkForecaster,
    prices: Panel,
    *,
    strategy: str | None = None,
    tests: Sequence[str] = TESTS,
    track: bool = True,
    progress: Progress | None = None,
) -> Audit:
    """Audit a model's whole pipeline, and stamp its folder and its MLflow run with the result.

    The folder of a model that comes with the package keeps the stamp that it came with.

    Args:
        model: A trained model.
        prices: From before its test span into it; none of a sealed hold-out is looked at.
        strategy: Whose orders are looked at: a name or a Python file; all built-in ones by default.
        tests: Which of `TESTS`; without one of them the audit cannot pass, nor does it replace
            the stamp of one that has.
        track: Also log the result to the model's MLflow run.
        progress: Called before each test and at the end.

    Raises:
        ConfigError: The strategy is not valid.
        DataError: The prices do not reach from before the test span into it.
        TrackingError: The MLflow store cannot be reached.
        ValueError: There is no such test.
    """
    if unknown := set(tests) - set(TESTS):
        raise ValueError(f"no leak test {sorted(unknown)}: expected some of {TESTS}")
    started = time.perf_counter()
    holdout = model.files.recipe.data.holdout
    prices = prices if holdout is None else before(prices, str(holdout))
    structure, statistics = Structure(model, prices, strategy), Statistics(model, prices)
    first = np.datetime64(model.corpus.test_start, "ns")
    require_both_sides(prices, first, structure.needed, model.name)
    chosen = [(name, test) for name, test in _tests(structure, statistics) if name in tests]
    findings = run_tests(chosen, progress)
    made = conclude(
        f"{model.name} on {len(prices.tickers)} ticker{'s' if len(prices.tickers) > 1 else ''} of "
        f"{prices.source}",
        findings,
        TESTS,
        prices,
        started,
        model.folder,
    )
    if model.folder is not None and not _keeps_stamp(model.folder, made):
        stamp = made.to_dict(), audit_text(made)
        files = () if is_shipped(model.folder) else write_stamp(model.folder, *stamp)
        if track:
            failures = sum(finding.outcome is Outcome.FAILED for finding in made.findings)
            passed = made.outcome is Outcome.PASSED
            metrics = {"audit_failures": float(failures), "audit_passed": float(passed)}
            track_results(model, metrics, files=files)
    return made


def _keeps_stamp(folder: Path, made: Audit) -> bool:
    """Whether the folder has passed before, and this audit made too few tests to say otherwise."""
    passed = read_stamp(folder).startswith(f"LEAK AUDIT: {Outcome.PASSED.value}")
    return passed and made.outcome is Outcome.NOT_RUN


def run_tests(
    tests: Sequence[tuple[str, Test]], progress: Progress | None = None
) -> tuple[Finding, ...]:
    """Run tests one after the other, saying which."""
    say = progress or (lambda words, done, total: None)
    findings: list[Finding] = []
    for done, (name, test) in enumerate(tests):
        say(name, done, len(tests))
        findings += test()
    say("done", len(tests), len(tests))
    return tuple(findings)


def conclude(
    subject: str,
    findings: Sequence[Finding],
    compulsory: Sequence[str],
    prices: Panel,
    started: float,
    folder: Path | None = None,
) -> Audit:
    """The audit of what was found.

    Args:
        subject: What was audited, in words.
        findings: Of all tests.
        compulsory: Tests that each have to pass.
        prices: On which.
        started: When it began, by `time.perf_counter`.
        folder: Of the model, if it is one that lies somewhere.
    """
    code = provenance()
    return Audit(
        subject=subject,
        findings=tuple(findings),
        compulsory=tuple(compulsory),
        when=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S"),
        version=code["version"],
        commit=code["git_commit"],
        vintage=prices.vintage,
        weights=weights_digest(folder) if folder else "",
        settings=settings_digest(folder) if folder else "",
        seconds=round(time.perf_counter() - started, 1),
    )


def _tests(structure: Structure, statistics: Statistics) -> Iterator[tuple[str, Test]]:
    yield FUTURE_PERTURBATION, structure.future_perturbation
    yield TRUNCATION, structure.truncation
    yield WARM_UP_SENSITIVITY, structure.warm_up
    yield PANEL_INDEPENDENCE, structure.panel_independence
    yield LABEL_SHIFT, statistics.label_shift
    yield INFORMATION_ALARM, statistics.information_alarm
    yield NULL_MARKET, statistics.null_market
    yield PLANTED_MARKET, statistics.planted_market
    yield FOLD_AUDIT, statistics.fold_audit
    yield VINTAGE, statistics.vintages
