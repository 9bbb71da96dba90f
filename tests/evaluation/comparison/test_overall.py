"""One verdict against all rivals: what it takes to beat, and to lose."""

import numpy as np
import pytest

from forecasting.evaluation.comparison.diebold_mariano import diebold_mariano
from forecasting.evaluation.comparison.overall import overall
from forecasting.evaluation.comparison.superior_ability import superior_ability


def losses(seed: int = 0, n: int = 400, **means: float) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    common = rng.standard_t(5, n)
    return {name: common + rng.normal(mean, 0.3, n) for name, mean in means.items()}


@pytest.mark.parametrize(
    ("means", "verdict", "beaten"),
    [
        ({"model": 0.0, "a": 0.2, "b": 0.3}, "BEATS", 2),
        ({"model": 0.0, "a": 0.0, "b": 0.3}, "NO EVIDENCE", 1),
        ({"model": 0.0, "a": -0.2, "b": 0.3}, "LOSES", 1),
    ],
)
def test_verdicts(means: dict[str, float], verdict: str, beaten: int) -> None:
    given = losses(1, **means)
    found = overall(given, "model", 1)
    assert (found["verdict"], found["n_rivals"], found["n_beaten"]) == (verdict, 2, beaten)
    assert found["best_rival"] == "a"
    test = diebold_mariano(given["a"] - given["model"], 1)
    for name in ("t", "p", "detectable"):
        assert found[name] == getattr(test, name)
    assert found["gain_over_best"] == test.gain
    gains = np.column_stack([given[name] - given["model"] for name in ("a", "b")])
    assert found["spa_p"] == superior_ability(gains, 1)
    assert found["in_confidence_set"] == (verdict != "LOSES")
    assert "a" in found["confidence_set"].split(", ") or verdict == "BEATS"


def test_equal_forecasts_are_no_evidence() -> None:
    same = losses(model=0.0)["model"]
    found = overall({"model": same, "a": same}, "model", 1)
    assert (found["verdict"], found["spa_p"], found["in_confidence_set"]) == (
        "NO EVIDENCE",
        1.0,
        True,
    )


@pytest.mark.parametrize(("n", "h"), [(19, 1), (104, 21)])
def test_too_few_dates_are_no_verdict(n: int, h: int) -> None:
    found = overall(losses(n=n, model=0.0, a=5.0), "model", h)
    assert found["verdict"] == "NOT ENOUGH DATA"
    assert found["in_confidence_set"] is None
    assert found["confidence_set"] == ""
    assert np.isnan([found["t"], found["p"], found["spa_p"], found["detectable"]]).all()
    assert found["gain_over_best"] > 0


def test_beats_all_is_rare_where_all_are_equal(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("superior_ability", "confidence_set"):
        monkeypatch.setattr(f"forecasting.evaluation.comparison.{module}.REPETITIONS", 199)
    rivals = dict.fromkeys("abcd", 0.0)
    found = [overall(losses(seed, 60, model=0.0, **rivals), "model", 1) for seed in range(100)]
    verdicts = [each["verdict"] for each in found]
    # To beat one equal has a chance of 2.5 %, to beat four far less; to lose has 2.5 %, and this
    # is three binomial standard errors above.
    assert verdicts.count("BEATS") <= 1
    assert verdicts.count("LOSES") <= 7
