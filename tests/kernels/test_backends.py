import pytest
import torch
from kernels.scan_cases import make_inputs

from forecasting.errors import ConfigError
from forecasting.kernels import backends, causal_conv_silu, selective_scan
from forecasting.kernels.doctor import examine


def problem():
    return [x.detach() for x in make_inputs(1, 5, 3, 2, torch.float32).values()]


@pytest.mark.parametrize("name", ["nonsense", "CPP", ""])
def test_an_unknown_back_end_is_refused(name):
    with pytest.raises(ConfigError, match=r"^backend is '.*', expected auto, cpp, mamba_ssm, t"):
        selective_scan(*problem(), backend=name)


def test_the_environment_replaces_auto_only(monkeypatch):
    monkeypatch.setenv("FORECASTING_SCAN", "nonsense")
    with pytest.raises(ConfigError, match=r"^FORECASTING_SCAN is 'nonsense'"):
        selective_scan(*problem())
    selective_scan(*problem(), backend="torch")
    monkeypatch.setenv("FORECASTING_SCAN", "torch")
    x = problem()
    assert torch.equal(selective_scan(*x)[0], selective_scan(*x, backend="torch")[0])
    assert backends.requested() == "torch"


@pytest.mark.parametrize("name", ["triton", "mamba_ssm"])
def test_a_back_end_that_cannot_run_here_says_why(name):
    with pytest.raises(ConfigError, match=f"'{name}' cannot run: runs on cuda, not on cpu"):
        selective_scan(*problem(), backend=name)


def test_float64_goes_to_torch_by_itself():
    x = [a.double() for a in problem()]
    assert torch.equal(selective_scan(*x)[0], selective_scan(*x, backend="torch")[0])


def test_the_status_of_each_back_end():
    for name in backends.MODULES:
        found = backends.status(name, "cpu")
        assert (found.reason is None) == (found.error is not None), name
        assert found.error is None or found.error < 1e-5
    assert backends.status("torch", "cpu").reason is None


@pytest.mark.parametrize("context", [torch.inference_mode, torch.no_grad])
def test_the_start_up_check_works_inside_any_context(context):
    backends._check.cache_clear()
    with context(), torch.autocast("cpu"):
        selective_scan(*problem())
        causal_conv_silu(torch.ones(1, 3, 2), torch.ones(2, 2), torch.ones(2))
    assert backends.status("torch", "cpu").error < 1e-5
    assert backends.status("cpp", "cpu").error in (None, pytest.approx(0, abs=1e-5))


def test_the_check_leaves_the_random_numbers_alone():
    backends._check.cache_clear()
    state = torch.get_rng_state()
    backends.status("torch", "cpu")
    assert torch.equal(torch.get_rng_state(), state)


def test_mixed_devices_are_named():
    x = problem()
    x[3] = x[3].to("meta")
    with pytest.raises(ValueError, match=r"^B is on meta, expected cpu"):
        selective_scan(*x)
    with pytest.raises(ValueError, match=r"^bias is on meta, expected cpu"):
        causal_conv_silu(torch.ones(1, 3, 2), torch.ones(2, 2), torch.ones(2, device="meta"))


def test_the_doctor_tells_what_runs(monkeypatch):
    found = examine()
    rows = {(row["device"], row["backend"]): row for row in found["backends"]}
    assert sum(row["state"] == "runs" for key, row in rows.items() if key[0] == "cpu") == 1
    assert rows["cpu", "torch"]["error"] < 1e-5
    assert all(bool(row["reason"]) == (row["state"] == "not used") for row in rows.values())
    monkeypatch.setenv("FORECASTING_SCAN", "torch")
    row = next(row for row in examine()["backends"] if row["state"] == "runs")
    assert row["backend"] == "torch"
