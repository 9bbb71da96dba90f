"""Fitting: the same twice, the same after a kill, and never worse than where it started."""

import json
import shutil
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from training.folders import Killed

from forecasting.config import Recipe
from forecasting.errors import ConfigError, DataError, ModelFileError
from forecasting.evaluation.baselines import EwmaT
from forecasting.evaluation.scores.proper import score_cells
from forecasting.forecaster.network_forecaster import network_law
from forecasting.training.examples import Examples, starting_laws
from forecasting.training.fit import Fit, fit


@pytest.fixture
def run(examples: Examples, recipe: Recipe, tmp_path: Path) -> Callable[..., Fit]:
    def run(*, own: Recipe = recipe, folder: str = "a", **options) -> Fit:
        return fit(
            own,
            examples.sequences,
            examples.split,
            checkpoints=tmp_path / folder,
            progress=False,
            **options,
        )

    return run


@pytest.fixture(scope="module")
def whole(examples: Examples, recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Fit:
    """A training that nobody interrupts."""
    folder = tmp_path_factory.mktemp("whole") / "checkpoints"
    return fit(recipe, examples.sequences, examples.split, checkpoints=folder, progress=False)


def changed(recipe: Recipe, **training) -> Recipe:
    return recipe.model_copy(update={"training": recipe.training.model_copy(update=training)})


def kill_at(step: int, with_: type[BaseException] = Killed) -> Callable[[dict, int], None]:
    def report(metrics: dict, at: int) -> None:
        if at == step:
            raise with_

    return report


def assert_same_fit(found: Fit, expected: Fit) -> None:
    assert found.best_step == expected.best_step
    assert found.best_nll == expected.best_nll
    weights = found.network.state_dict()
    for name, value in expected.network.state_dict().items():
        assert torch.equal(weights[name], value), name


def test_training_moves_and_keeps_its_best_weights(whole):
    scores = {metrics["step"]: metrics["validation_nll"] for metrics in whole.history}
    assert list(scores) == [3, 6, 9]
    assert whole.best_step == min(scores, key=scores.get) == 9
    assert whole.best_nll == pytest.approx(scores[9], rel=1e-6)
    assert whole.best_nll < whole.baseline_nll
    assert not whole.network.training


def test_each_epoch_reports_its_metrics(whole):
    horizons = {f"validation_nll_h{h}" for h in (1, 5, 21)}
    routers = {"dead_experts", "router_entropy_l1", *(f"expert_load_l1_e{k}" for k in range(4))}
    for metrics in whole.history:
        names = {"step", "train_nll", "validation_nll", "learning_rate", "seconds"}
        assert set(metrics) == names | horizons | routers
        mean = np.mean([metrics[name] for name in horizons])
        assert metrics["validation_nll"] == pytest.approx(mean, rel=1e-6)


def test_the_starting_score_is_that_of_ewma_t(whole, examples):
    """Validation NLL of the untrained network against closed forms on the same rows."""
    table, split = examples.sequences, examples.split
    laws = EwmaT.fit(table, split.train).laws(table).scaled(1 / table.return_scale())
    rows = split.validation
    nll = [score_cells(z, laws[rows, j])["nll"].mean() for j, z in enumerate(table.targets[rows].T)]
    assert whole.baseline_nll == pytest.approx(np.mean(nll), abs=1e-6)


def test_an_untrained_network_starts_at_the_baseline(whole):
    assert whole.start_nll == whole.baseline_nll
    assert whole.n_learning == sum(p.numel() for p in whole.network.parameters())


def test_half_precision_trains_to_about_the_same_score(run, whole, recipe):
    half = run(own=changed(recipe, precision="bfloat16"))
    assert half.best_nll < half.baseline_nll == whole.baseline_nll
    assert half.best_nll == pytest.approx(whole.best_nll, abs=0.01)
    assert half.best_nll != whole.best_nll
    assert {value.dtype for value in half.network.parameters()} == {torch.float32}


def test_equal_seeds_give_equal_weights(run, whole):
    assert_same_fit(run(), whole)


def test_another_seed_gives_other_weights(run, whole, recipe):
    other = run(own=changed(recipe, seed=1)).network.state_dict()
    name = "backbone.layers.0.mamba.in_proj.weight"
    assert not torch.equal(other[name], whole.network.state_dict()[name])


@pytest.mark.parametrize("step", [3, 6, 9])
def test_killed_and_resumed_it_ends_with_the_same_bits(run, whole, step):
    with pytest.raises(Killed):
        run(report=kill_at(step))
    torch.manual_seed(99)  # another process starts with another random state
    resumed = run(resume=True)
    # The report comes before the checkpoint, so the epoch that was killed is trained again.
    assert [metrics["step"] for metrics in resumed.history] == list(range(step, 10, 3))
    assert_same_fit(resumed, whole)


def test_killed_twice_it_ends_with_the_same_bits(run, whole):
    for step in (6, 9):
        with pytest.raises(Killed):
            run(report=kill_at(step), resume=True)
    assert_same_fit(run(resume=True), whole)


def test_killed_after_its_last_epoch_it_trains_no_further(run, whole):
    run()
    again = run(resume=True)
    assert again.history == []
    assert_same_fit(again, whole)


def test_killed_after_stopping_early_it_trains_no_further(run, recipe):
    hasty = changed(recipe, patience=1, learning_rate=0.02)
    first = run(own=hasty)
    assert (first.best_step, len(first.history)) == (3, 2)
    again = run(own=hasty, resume=True)
    assert again.history == []
    assert_same_fit(again, first)


def test_without_resume_it_starts_over(run, whole):
    with pytest.raises(Killed):
        run(report=kill_at(6))
    fresh = run()
    assert [metrics["step"] for metrics in fresh.history] == [3, 6, 9]
    assert_same_fit(fresh, whole)


def test_with_nothing_to_resume_it_starts(run, whole):
    assert_same_fit(run(resume=True), whole)


def test_an_interrupt_stays_an_interrupt(run, whole):
    """Lightning alone would leave the process, and leave it deaf to Ctrl-C."""
    with pytest.raises(KeyboardInterrupt):
        run(report=kill_at(6, KeyboardInterrupt))
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert_same_fit(run(resume=True), whole)


@pytest.mark.parametrize("learning_rate", [1e-30, 1e4, 1e30])
def test_what_never_improves_stays_the_baseline(run, recipe, examples, learning_rate):
    """Absurd steps: none at all, and such that every weight is thrown about or lost."""
    never = changed(recipe, learning_rate=learning_rate, max_steps=6)
    fitted = run(own=never)
    assert fitted.best_step == 0
    assert fitted.best_nll == fitted.baseline_nll
    law = network_law(fitted.network, examples.sequences)
    scale, df = np.transpose(starting_laws(examples.sequences, examples.split))
    np.testing.assert_allclose(law.loc, 0, atol=0)
    np.testing.assert_allclose(law.scale, np.broadcast_to(scale, law.shape), rtol=1e-6)
    np.testing.assert_allclose(law.df, np.broadcast_to(df, law.shape), rtol=1e-6)


def test_a_training_is_resumed_by_itself_only(run, recipe, examples, tmp_path):
    with pytest.raises(Killed):
        run(report=kill_at(6))
    with pytest.raises(ConfigError, match="another recipe") as caught:
        run(own=changed(recipe, learning_rate=0.02), resume=True)
    assert "\n" not in str(caught.value)
    shutil.move(tmp_path / "a", tmp_path / "b")
    with pytest.raises(ConfigError, match="another folder"):
        run(folder="b", resume=True)
    shutil.move(tmp_path / "b", tmp_path / "a")
    values = examples.sequences.panel.values * 1.0
    values[-1] *= 1.5
    panel = replace(examples.sequences.panel, values=values)
    with pytest.raises(ConfigError, match="other prices"):
        fit(
            recipe,
            replace(examples.sequences, panel=panel),
            examples.split,
            checkpoints=tmp_path / "a",
            resume=True,
        )


@pytest.mark.parametrize("damage", ["truncated", "empty", "pickle", "no identity", "identity"])
def test_a_damaged_checkpoint_is_refused(run, tmp_path, damage):
    with pytest.raises(Killed):
        run(report=kill_at(6))
    last, identity = tmp_path / "a" / "last.ckpt", tmp_path / "a" / "identity.json"
    match damage:
        case "truncated":
            last.write_bytes(last.read_bytes()[:-1000])
        case "empty":
            last.write_bytes(b"")
        case "pickle":
            torch.save({"state_dict": Killed()}, last)
        case "no identity":
            identity.unlink()
        case "identity":
            identity.write_text("{")
    with pytest.raises(ModelFileError, match=r"with --overwrite instead of --resume\.$"):
        run(resume=True)


def test_the_progress_bar_is_on_stderr_or_nowhere(recipe, examples, tmp_path, capsys):
    for folder, visible in (("a", True), ("b", False)):
        fit(
            recipe,
            examples.sequences,
            examples.split,
            checkpoints=tmp_path / folder,
            progress=visible,
        )
        told = capsys.readouterr()
        assert told.out == ""
        assert ("9/9" in told.err) == visible
        assert ("nats" in told.err) == visible


def test_checkpoints_hold_no_code(run, tmp_path):
    with pytest.raises(Killed):
        run(report=kill_at(9))
    for path in (tmp_path / "a").glob("*.ckpt"):
        torch.load(path, weights_only=True)
    assert json.loads((tmp_path / "a" / "identity.json").read_text())["recipe"]["name"]


def test_nothing_is_written_elsewhere(run, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    run()
    assert [path.name for path in tmp_path.iterdir()] == ["here", "a"]
    assert not list((tmp_path / "here").iterdir())


def test_a_constant_feature_is_only_centred(recipe, examples, tmp_path):
    """The mean of many equal numbers is rounded; their deviation must not be that rounding."""
    features = examples.sequences.features.copy()
    features[:, 0] = np.float32(0.1)
    fitted = fit(
        changed(recipe, max_steps=3),
        replace(examples.sequences, table=replace(examples.sequences.table, features=features)),
        examples.split,
        checkpoints=tmp_path / "a",
        progress=False,
    )
    assert fitted.network.feature_std[0] == 1
    assert fitted.network.feature_std[1] != 1


def test_too_few_rows_are_refused(recipe, examples, tmp_path):
    few = np.zeros_like(examples.split.train)
    few[np.flatnonzero(examples.split.train)[:29]] = True
    with pytest.raises(DataError, match="29 training rows are left: expected at least 30"):
        fit(
            recipe,
            examples.sequences,
            replace(examples.split, train=few),
            checkpoints=tmp_path / "a",
        )
    assert not (tmp_path / "a").exists()
