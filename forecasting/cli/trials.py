"""`forecasting trials`: every look at a test span that the ledger has counted."""

from typing import TYPE_CHECKING

from forecasting.cli import options

if TYPE_CHECKING:  # it takes seconds to import, which an error should not have to wait for
    from forecasting.training.trials import Trial

_HEADS = ("day", "look", "from", "to", "tickers", "result")


def trials(
    tickers: options.Tickers = None,
    start: options.Start = None,
    end: options.End = None,
    as_json: options.Json = False,
) -> None:
    """List what was ever scored on a test span.

    Every evaluation, backtest, report and comparison counts, those that failed as well: the best of
    many looks skilful by luck alone.
    """
    from forecasting.cli.printing import print_json, print_notes, print_rows
    from forecasting.cli.progress import progress_line

    with progress_line("reading the ledger", visible=not as_json):
        from forecasting.training.trial_ledger import trials as trials_of

        found = trials_of(tickers, start, end)
    if as_json:
        table = found.table()
        print_json({"trials": table, "configurations": found.configurations})
        return
    if found.entries:
        print_rows(_HEADS, [_cells(trial) for trial in found.entries])
    print_notes([found.sentence(), _CAPTION])


_CAPTION = (
    "Days in UTC. Result: the gain in nats a bar over EWMA-t, a number a horizon, or a year's "
    "Sharpe ratio. A look that is RUNNING is under way, or was cut off by force. All "
    "scores, clock times and the hashes of configuration and prices: --json."
)


def _cells(trial: "Trial") -> tuple[str, ...]:
    return (
        f"{trial.when:%Y-%m-%d}",
        _look(trial),
        trial.first,
        trial.last,
        f"{len(trial.tickers)}",
        _result(trial) + (" (deleted)" if trial.deleted else ""),
    )


def _look(trial: "Trial") -> str:
    """What looked at what; a look into a hold-out says so."""
    from forecasting.training.trial_ledger import HOLDOUT_OPENING

    if trial.kind == HOLDOUT_OPENING:
        return f"{trial.name} (hold-out)"
    return f"{trial.kind} {trial.name.removeprefix(f'{trial.kind} ')}"


def _result(trial: "Trial") -> str:
    """The main scores; of a look without any, what became of it."""
    gains = [f"{v:+.3f}" for k, v in trial.scores.items() if k.startswith("gain_h")]
    said = [" ".join(gains)] if gains else []
    if "sharpe" in trial.scores:
        best = f"best of {len(trial.sweep):,}: " if trial.sweep else ""
        said.append(f"{best}Sharpe {trial.scores['sharpe']:+.2f}")
    return ", ".join(said) or trial.status
