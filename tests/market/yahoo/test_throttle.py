import math
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from forecasting.market.yahoo.throttle import NotAsked, Throttle


def test_threads_share_one_rate() -> None:
    throttle = Throttle(rate=50)
    started = time.monotonic()
    with ThreadPoolExecutor(4) as pool:
        for each in [pool.submit(throttle.take) for _ in range(11)]:
            each.result()
    assert time.monotonic() - started >= 0.2


def test_no_tokens_are_saved_up() -> None:
    throttle = Throttle(rate=20)
    throttle.take()
    time.sleep(0.2)
    throttle.take()
    started = time.monotonic()
    throttle.take()
    assert time.monotonic() - started >= 0.04


def test_pauses_double_and_an_answer_forgives() -> None:
    throttle = Throttle(math.inf, backoff_s=100.0, longest_pause_s=1000.0)
    bounds = []
    for _ in range(3):
        throttle.refused("HTTP 500")
        bounds.append(throttle.pause_s)
    assert 49 < bounds[0] <= 150
    assert 199 < bounds[2] <= 600
    throttle.answered()
    throttle.refused("HTTP 500")
    assert throttle.pause_s >= bounds[2] - 1  # a pause that was announced is kept
    assert throttle.stopped is None


def test_a_refusal_holds_all_threads() -> None:
    throttle = Throttle(math.inf, backoff_s=0.0)
    throttle.refused("HTTP 429", retry_after_s=0.2)
    started = time.monotonic()
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: throttle.take(), range(3)))
    assert time.monotonic() - started >= 0.19


@pytest.mark.parametrize(("reached", "patience"), [(True, 6), (False, 3)])
def test_the_circuit_opens(reached: bool, patience: int) -> None:
    throttle = Throttle(math.inf, backoff_s=0.0, patience=6)
    for _ in range(patience - 1):
        throttle.refused("HTTP 503", reached=reached)
        throttle.take()
    throttle.refused("HTTP 503", reached=reached)
    with pytest.raises(
        NotAsked, match=rf"failed {patience} times in a row, the last time: HTTP 503"
    ):
        throttle.take()


def test_who_waits_is_woken() -> None:
    throttle = Throttle(math.inf, backoff_s=0.0)
    throttle.refused("HTTP 429", retry_after_s=100)
    timer = threading.Timer(0.1, throttle.stop, ["the fetch was interrupted"])
    timer.start()
    with pytest.raises(NotAsked, match="interrupted"):
        throttle.take()
    timer.join()


@pytest.mark.parametrize("rate", [0, -1, math.nan])
def test_a_rate_is_above_zero(rate: float) -> None:
    with pytest.raises(ValueError, match="expected requests a second above zero"):
        Throttle(rate)
