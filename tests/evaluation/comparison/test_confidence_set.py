"""The model confidence set holds the best, drops what is worse, and keeps equals together."""

import numpy as np
import pytest

from forecasting.evaluation.comparison.confidence_set import confidence_set


def losses(seed: int, n: int = 300, **means: float) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    common = rng.standard_t(5, n)
    return {name: common + rng.normal(mean, 0.3, n) for name, mean in means.items()}


def test_the_worse_are_dropped() -> None:
    found = confidence_set(losses(0, best=0.0, close=0.005, bad=0.3, worse=2.0), 1)
    assert found == ("best", "close")


def test_the_best_stays_at_its_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forecasting.evaluation.comparison.confidence_set.REPETITIONS", 199)
    kept = [
        "best" in (confidence_set(losses(seed, n=150, best=0.0, a=0.0, b=0.0, c=0.02), 1) or ())
        for seed in range(60)
    ]
    # Nominally 90 % and more; three standard errors below.
    assert np.mean(kept) >= 0.78


@pytest.mark.parametrize("shift", [0.0, 0.4])
def test_forecasters_that_no_test_tells_apart_share_their_fate(shift: float) -> None:
    given = losses(2, good=0.0, bad=1.0)
    given |= {"twin of good": given["good"] + shift, "twin of bad": given["bad"] + shift}
    assert confidence_set(given, 1) == ("good", "twin of good")


def test_all_alike_are_all_in() -> None:
    same = np.random.default_rng(0).normal(size=100)
    assert confidence_set({"a": same, "b": same}, 1) == ("a", "b")


def test_too_few_dates_are_no_set() -> None:
    assert confidence_set(losses(0, n=19, a=0.0, b=1.0), 1) is None
    assert confidence_set(losses(0, n=104, a=0.0, b=1.0), 21) is None
