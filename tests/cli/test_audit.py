"""The verb `audit`: a stamp, an exit code, and one line for whatever is wrong."""

import json
import shutil

import pytest
from cli.command import USAGE

from forecasting.workflow.audit import audit as module

SHIFTED = """
import numpy as np

def features(panel):
    close = np.log(panel.column("adj_close"))
    returns = np.vstack([np.full((1, close.shape[1]), np.nan), np.diff(close, axis=0)])
    return np.roll(returns, SHIFT, axis=0)
"""
PEEKING = """
import numpy as np

def weights(forecast):
    return np.roll(np.nan_to_num(forecast.mean[:, :, 0]), -1, axis=0)
"""


@pytest.fixture
def features(tmp_path):
    def written(shift: int):
        path = tmp_path / "my_features.py"
        path.write_text(SHIFTED.replace("SHIFT", str(shift)))
        return path

    return written


@pytest.fixture
def model(model_folder, tmp_path):
    shutil.copytree(model_folder, tmp_path / "mine")
    return tmp_path / "mine"


def test_a_model_is_stamped(forecasting, model, price_file):
    plain = ("--quick", "--no-track", "--strategy", "equal_weight")
    done = forecasting("audit", model, "--prices", price_file, *plain)
    assert done.code == 0
    assert done.out.startswith("LEAK AUDIT: NOT RUN (")
    assert "jamba-tiny on 4 tickers" in done.out
    assert "future perturbation" in done.out
    judged = forecasting("evaluate", model, "--prices", price_file, "--no-track")
    headline = json.loads((model / "audit.json").read_text())["headline"]
    assert judged.out.replace("\n", " ").startswith(headline)


def test_a_quick_audit_does_not_replace_a_stamp_that_has_passed(
    forecasting, model, price_file, monkeypatch
):
    monkeypatch.setattr(module, "read_stamp", lambda folder: "LEAK AUDIT: PASSED (10 tests, ...)")
    (model / "audit.json").write_text("as it was")
    plain = ("--quick", "--no-track", "--strategy", "equal_weight")
    assert forecasting("audit", model, "--prices", price_file, *plain).code == 0
    assert (model / "audit.json").read_text() == "as it was"


def test_a_users_features(forecasting, features, price_file):
    done = forecasting("audit", "--features", features(0), "--prices", price_file)
    assert (done.code, done.out.splitlines()[0][:19]) == (0, "LEAK AUDIT: PASSED ")
    done = forecasting("audit", "AAA", "--features", features(-1), "--prices", price_file, "--json")
    made = json.loads(done.out)
    assert done.code == 1
    assert made["outcome"] == "FAILED"
    assert made["findings"][0]["stage"] == "features(panel)"
    assert done.err == ""


def test_a_strategy_without_a_model(forecasting, price_file, tmp_path):
    path = tmp_path / "peek.py"
    path.write_text(PEEKING)
    done = forecasting("audit", "--strategy", path, "--prices", price_file)
    assert done.code == 1
    assert "FAILED (future perturbation at strategy orders" in done.out


def test_nothing_to_audit_is_wrong_usage(forecasting):
    done = forecasting("audit")
    assert done.code == USAGE
    assert "name a model" in done.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("no-such-model",), "no model 'no-such-model'"),
        (("--features", "absent.py"), "no features file"),
        (("--strategy", "absent.py"), "no strategy file"),
        (("--strategy", "long_shot"), "no strategy 'long_shot'"),
    ],
)
def test_mistakes_are_one_line(forecasting, price_file, arguments, words):
    done = forecasting("audit", *arguments, "--prices", price_file)
    assert words in done.error


def test_prices_that_end_before_the_lock(forecasting, model, price_file):
    done = forecasting("audit", model, "--prices", price_file, "--end", "2011-01-31")
    assert "where the test span of jamba-tiny begins" in done.error


def test_what_failed_comes_first_and_no_measure_is_told_twice(forecasting, features, price_file):
    done = forecasting("audit", "--features", features(-1), "--prices", price_file)
    notes = [line for line in done.out.splitlines() if line.startswith("- ")]
    assert notes[0].startswith("- future perturbation (features(panel)): the value of ")
    passed = next(n for n, line in enumerate(notes) if line.startswith("- panel independence"))
    failed = [n for n, line in enumerate(notes) if line.startswith("- truncation equivalence")]
    assert max(failed) < passed
    assert len(set(notes)) == len(notes)
