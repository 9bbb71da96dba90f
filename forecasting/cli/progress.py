"""What is being done and for how long, on stderr and only for a person who watches."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)


@contextmanager
def progress_line(first: str, *, visible: bool = True) -> Iterator[Callable[[str], None]]:
    """A line that says what is being done and for how long; gone at the end.

    Args:
        first: What is being done first.
        visible: Whether to show it; it never shows where stderr is no terminal.

    Yields:
        What to call with a few words before each further step.
    """
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with _progress(*columns, visible=visible) as progress:
        task = progress.add_task(first)
        yield lambda words: progress.update(task, description=words)


@contextmanager
def counted_progress(*, visible: bool = True) -> Iterator[Callable[[str, int, int], None]]:
    """A progress bar over tickers, with the time left; gone at the end.

    Args:
        visible: As in `progress_line`.

    Yields:
        What to call with a few words, tickers done and tickers in all.
    """
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeRemainingColumn(compact=True),
    )
    with _progress(*columns, visible=visible) as progress:
        task = progress.add_task("fetching", total=None)
        yield lambda words, done, total: progress.update(
            task, description=words, completed=done, total=total
        )


def _progress(*columns: ProgressColumn, visible: bool) -> Progress:
    console = Console(stderr=True)
    return Progress(
        *columns, console=console, transient=True, disable=not (visible and console.is_terminal)
    )
