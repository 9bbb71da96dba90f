"""`forecasting trials`: every look at a test span that the ledger has counted."""

from typing import TYPE_CHECKING

from forecasting.cli import options

if TYPE_CHECKING:  # it takes seconds to import, which an error should not have to wait for
    from forecasting.training.trials import Trial

_HEADS = ("when", "kind", "name", "from", "to", "tickers", "scores", "status")
_SHOWN = ("sharpe", "gain_h")


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
    "Times in UTC. gain_h: nats a bar over EWMA-t so many bars ahead; sharpe: a year's. A look "
    "that is RUNNING is under way, or was cut off by force. All scores and the hashes of "
    "configuration and prices: --json."
)


def _cells(trial: "Trial") -> tuple[str, ...]:
    scores = [f"{k} {v:+.3g}" for k, v in trial.scores.items() if k.startswith(_SHOWN)]
    return (
        f"{trial.when:%Y-%m-%d %H:%M}",
        trial.kind,
        trial.name,
        trial.first,
        trial.last,
        f"{len(trial.tickers)}",
        ", ".join(scores) or "-",
        trial.status + (" (deleted)" if trial.deleted else ""),
    )
