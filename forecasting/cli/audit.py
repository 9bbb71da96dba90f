"""`forecasting audit`: ten leak tests of a model's whole pipeline, or of a user's own code."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from forecasting.cli import options

if TYPE_CHECKING:  # slow to import
    from forecasting.evaluation.audit.audit import Audit

Say = Callable[[str, int, int], None]


_NAMED = 2
"""Stages that are named one by one."""


def audit(
    model: Annotated[
        str | None,
        typer.Argument(
            help="Model folder, or a name under models/ or runs/; none with --features.",
            autocompletion=options.complete_model,
            callback=options.say_which,
        ),
    ] = None,
    tickers: options.Tickers = None,
    prices: options.Prices = "sample",
    strategy: Annotated[
        str | None,
        typer.Option(help="Whose orders are audited: a name or a Python file; built-in ones else."),
    ] = None,
    features: Annotated[
        Path | None,
        typer.Option(help="Python file with features(panel) to audit, in place of a model."),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Without the tests that train; cannot pass.")
    ] = False,
    end: options.End = None,
    missing: options.Missing = "error",
    quarantine: options.Quarantine = None,
    universe: options.Universe = None,
    track: options.Track = True,
    as_json: options.Json = False,
) -> None:
    """Audit a model for leaks.

    Ten tests of source, features, scalers, windows, network, carried state, calibration, orders and
    scored cells; the result is stamped into the model's folder, unless it came with the package.
    With --features, or with --strategy and no model, of your own code. Exits with 1 if a test
    fails.
    """
    from forecasting.cli.printing import print_json
    from forecasting.cli.progress import counted_progress

    if model is None and features is None and strategy is None:
        raise typer.BadParameter("name a model, or pass --features FILE or --strategy FILE.")
    reading = {"end": end, "missing": missing, "quarantine": quarantine, "universe": universe}
    with counted_progress(visible=not as_json) as say:
        say("loading", 0, 1)
        if features is not None:
            # There is no model, so the first word is a ticker.
            named = [*([model] if model else []), *(tickers or [])]
            made = _of_features(features, named or None, prices, reading, say)
        elif model is None:
            made = _of_strategy(str(strategy), prices, reading, say)
        else:
            made = _of_model(model, tickers, prices, strategy, quick, track, reading, say)
    if as_json:
        print_json(made.to_dict())
    else:
        _print(made)
        if model is not None and features is None:
            _say_kept(model)
    if made.outcome == "FAILED":
        raise typer.Exit(1)


def _of_model(
    name: str,
    tickers: list[str] | None,
    prices: str,
    strategy: str | None,
    quick: bool,
    track: bool,
    reading: dict[str, Any],
    say: Say,
) -> "Audit":
    from forecasting.forecaster import load_forecaster
    from forecasting.workflow.audit.audit import SLOW, TESTS, audit
    from forecasting.workflow.loading import load_for

    model = load_forecaster(name)
    panel = load_for(model, prices, tickers, **reading)
    tests = tuple(test for test in TESTS if not (quick and test in SLOW))
    return audit(model, panel, strategy=strategy, tests=tests, track=track, progress=say)


def _say_kept(name: str) -> None:
    """Say that the audit of a model that comes with the package stamps nothing."""
    from forecasting.forecaster.audit_stamp import AUDIT
    from forecasting.forecaster.model_folder import find_model
    from forecasting.forecaster.shipped import is_shipped

    folder = find_model(name)
    if is_shipped(folder):
        print(f"stamp: {folder / AUDIT} comes with the package and stays as it is")


def _of_features(
    path: Path, tickers: list[str] | None, prices: str, reading: dict[str, Any], say: Say
) -> "Audit":
    from forecasting.workflow.audit.user import audit_features
    from forecasting.workflow.loading import load

    return audit_features(path, load(tickers, prices, **reading), progress=say)


def _of_strategy(strategy: str, prices: str, reading: dict[str, Any], say: Say) -> "Audit":
    from forecasting.workflow.audit.user import audit_strategy
    from forecasting.workflow.loading import load

    return audit_strategy(strategy, load(None, prices, **reading), progress=say)


def _print(made: "Audit") -> None:
    """The headline, a row a test and outcome, and what was measured: failures first."""
    from forecasting.cli.printing import print_notes, print_rows, print_text

    print_text(made.headline)
    print_text(f"{made.subject}, {made.seconds:g} s")
    print()
    stages: dict[tuple[str, str], list[str]] = {}
    for each in made.findings:
        stages.setdefault((each.test, each.outcome.value), []).append(each.stage)
    rows = [
        (test, ", ".join(of) if len(of) <= _NAMED else f"{len(of)} stages", outcome)
        for (test, outcome), of in stages.items()
    ]
    print_rows(("test", "stages", "outcome"), rows)
    print()
    print_notes(_measured(made))


def _measured(made: "Audit") -> list[str]:
    """A note for all stages of a test of which the same was measured; those that failed first.

    What many stages passed alike needs none: it stands in the model's `audit.md` and in `--json`.
    """
    stages: dict[tuple[bool, str, str], list[str]] = {}
    for each in made.findings:
        passed = each.outcome.value == "PASSED"
        stages.setdefault((passed, each.test, each.measured.rstrip(".")), []).append(each.stage)
    ordered = sorted(stages.items(), key=lambda item: item[0][0])
    return [
        f"{test} ({', '.join(of)}): {said}."
        for (passed, test, said), of in ordered
        if not passed or len(of) <= _NAMED
    ]
