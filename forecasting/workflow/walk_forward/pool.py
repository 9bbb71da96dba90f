"""Running the tasks of a walk-forward, one after the other or in processes: the same bytes.

Each task gets the same number of torch threads wherever it runs, seeds itself, and leaves its
result in a file; nothing else comes back. Workers are spawned, so that a script that asks for more
than one has to keep its own work under `if __name__ == "__main__":`.
"""

import multiprocessing
import signal
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path

import torch

from forecasting.errors import ForecastingError
from forecasting.market.panel import Panel
from forecasting.workflow.orphans import end_with_parent
from forecasting.workflow.walk_forward.files import write_result
from forecasting.workflow.walk_forward.task import FoldTask, run_task

Finished = tuple[FoldTask, Exception | None]
Ended = Generator[Finished, None, None]

# What a worker process works on, set once when it starts.
_at_work: dict[str, tuple[Panel, Path]] = {}


def run_tasks(
    tasks: Sequence[FoldTask], prices: Panel, out: Path, *, workers: int, threads: int
) -> Ended:
    """Run tasks and write their results; what is finished stays, whatever happens to the rest.

    Args:
        tasks: What to do.
        prices: The whole panel; a task looks at no bar behind its fold.
        out: Folder of the walk-forward.
        workers: Processes; 1 for this one.
        threads: Torch threads of each.

    Yields:
        Each task once it has ended, in any order, and the error if it failed. Closing the iterator
        ends the tasks that are still at work.
    """
    if workers == 1 or len(tasks) < 2:
        yield from _one_by_one(tasks, prices, out, threads)
    else:
        yield from _in_processes(tasks, prices, out, min(workers, len(tasks)), threads)


def _one_by_one(tasks: Sequence[FoldTask], prices: Panel, out: Path, threads: int) -> Ended:
    for task in tasks:
        try:
            with _torch_threads(threads):
                _work(task, prices, out)
        except Exception as error:
            yield task, error
        else:
            yield task, None


def _in_processes(
    tasks: Sequence[FoldTask], prices: Panel, out: Path, workers: int, threads: int
) -> Ended:
    others = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(
        workers,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_start_worker,
        initargs=(prices, out, threads),
    )
    try:
        waiting = {pool.submit(_work_in_worker, task): task for task in tasks}
        for future in as_completed(waiting):
            yield waiting[future], _error(future.exception())
    except BaseException:
        # An interrupt, or a consumer that stops: files are whole or not there, so that nothing is
        # lost but what is half done.
        for process in set(multiprocessing.active_children()) - others:
            process.kill()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _error(error: BaseException | None) -> Exception | None:
    if isinstance(error, BrokenProcessPool):
        return ForecastingError(
            "a worker process ended without a word: expected it to finish its fold; perhaps the "
            "memory did not suffice. Go on with --resume and fewer --workers."
        )
    assert error is None or isinstance(error, Exception)
    return error


def _start_worker(prices: Panel, out: Path, threads: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends this one
    end_with_parent()
    torch.set_num_threads(threads)
    _at_work["here"] = (prices, out)


def _work_in_worker(task: FoldTask) -> None:
    _work(task, *_at_work["here"])


def _work(task: FoldTask, prices: Panel, out: Path) -> None:
    try:
        write_result(task, prices, out, run_task(task, prices, out))
    except ForecastingError as error:
        where = f"{task.fold.describe(prices.times)}, {task.name}"
        raise type(error)(f"{where}: {error}") from error


@contextmanager
def _torch_threads(threads: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
