"""Writers that are killed at random moments; after each the store is as before or after a refresh.

    python killed_writers.py ROUNDS SEED

Every second writer dies at a random file operation of its own, the others at a random instant. Each
appends bars and rewrites the history of one ticker without end. The adjusted closes of
generation g are those of the first one times 0.99^(g-1), so that any state can be recomputed.
"""

import os
import random
import signal
import sys
import time

import numpy as np
import pandas as pd
from market.store.answers import make_bars, store

from forecasting.market.store.folders import generations
from forecasting.market.store.generations import read
from forecasting.market.store.refresh import OVERLAP_BARS

BARS = make_bars(4000)


def history(generation: int, n_bars: int) -> pd.DataFrame:
    bars = BARS.iloc[:n_bars].copy()
    bars["adj_close"] *= 0.99 ** (generation - 1)
    return bars


def die_after(events: int) -> None:
    """Kill this process at one of its next file operations: opening, renaming, removing ..."""
    left = iter(range(events))

    def at_event(event: str, _: object) -> None:
        if event.startswith(("open", "os.")) and next(left, None) is None:
            signal.raise_signal(signal.SIGKILL)

    sys.addaudithook(at_event)


def write_without_end(seed: int) -> None:
    rng = random.Random(seed)
    if seed % 2:
        die_after(rng.randint(0, 120))
    while True:
        _, said = read("AAA")
        generation = said.generation + (rng.random() < 0.3)
        store(history(generation, min(said.rows + rng.randint(0, 3), len(BARS))))


def check() -> tuple[int, int]:
    for generation in generations("AAA"):
        bars, said = read("AAA", generation=generation)
        expected = history(generation, said.rows)
        np.testing.assert_array_equal(bars[expected.columns].to_numpy(), expected.to_numpy())
        assert list(bars.index) == list(expected.index)
    return said.generation, said.rows


def main() -> None:
    rounds, seed = int(sys.argv[1]), int(sys.argv[2])
    rng = random.Random(seed)
    store(history(1, 3 * OVERLAP_BARS))
    states = [check()]
    for number in range(rounds):
        writer = os.fork()
        if writer == 0:
            try:
                write_without_end(seed + number)
            finally:
                os._exit(1)
        if (seed + number) % 2 == 0:
            time.sleep(rng.uniform(0, 0.2))
            os.kill(writer, signal.SIGKILL)
        _, status = os.waitpid(writer, 0)
        assert os.WTERMSIG(status) == signal.SIGKILL
        states.append(check())
    assert states == sorted(states)
    store(history(*states[-1]))
    print(len(set(states)), *check())


if __name__ == "__main__":
    main()
