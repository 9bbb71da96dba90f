"""Distillation: the teachers' mean, the divergence from it, and trainings that resume exactly."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from training.folders import Killed, assert_same_weights

from forecasting.config import Recipe, load_recipe
from forecasting.config.recipe import DistillationConfig
from forecasting.errors import ConfigError
from forecasting.forecast.student_t import StudentT
from forecasting.forecaster.network_forecaster import load_forecaster
from forecasting.nn.student_t_head import StudentT as NetworkLaw
from forecasting.nn.student_t_head import student_t_divergence
from forecasting.training import distillation
from forecasting.training.default_recipe import gentler
from forecasting.training.distillation import fit_recipe, mean_law, networks_to_fit
from forecasting.training.examples import prepare, start_from
from forecasting.training.fit import fit, starting_network
from forecasting.training.module import NetworkModule, divergence_sums
from forecasting.training.train import train, twin_recipe
from forecasting.training.window_loader import WindowLoader
from forecasting.training.windows import Windows


@pytest.fixture(scope="module")
def taught(recipe: Recipe) -> Recipe:
    tree = recipe.model_dump()
    tree["training"]["distillation"] = {"teachers": 2}
    return Recipe.model_validate(tree)


def law_of(loc: float, scale: float, df: float) -> NetworkLaw:
    return NetworkLaw(
        *(torch.full((1, 1, 1), value, dtype=torch.float64) for value in (loc, scale, df))
    )


def kullback_leibler(p: NetworkLaw, q: NetworkLaw) -> float:
    """By the trapezoidal rule."""
    x = torch.linspace(-400, 400, 2_000_001, dtype=torch.float64)
    densities = [
        torch.distributions.StudentT(law.df.item(), law.loc.item(), law.scale.item()).log_prob(x)
        for law in (p, q)
    ]
    return float(torch.trapezoid(densities[0].exp() * (densities[0] - densities[1]), x))


@pytest.mark.parametrize("step", [(0.02, 1.0), (0.0, 1.02), (-0.02, 0.98)])
@pytest.mark.parametrize("df", [4.0, 9.0])
def test_near_a_teacher_the_divergence_is_that_of_kullback_and_leibler(step, df):
    teacher = law_of(0.3, 2.0, df)
    law = law_of(0.3 + 2.0 * step[0], 2.0 * step[1], df)
    found = float(student_t_divergence(law, teacher))
    assert found == pytest.approx(kullback_leibler(teacher, law), rel=0.05)


def test_the_divergence_is_zero_at_the_teacher_and_pulls_towards_it():
    teacher = law_of(0.1, 1.5, 5.0)
    assert float(student_t_divergence(teacher, teacher)) == 0
    law = NetworkLaw(*(part.clone().requires_grad_() for part in law_of(0.4, 1.2, 8.0)))
    student_t_divergence(law, teacher).sum().backward()
    assert [float(torch.sign(part.grad)) for part in law] == [1, -1, 1]


def test_one_teacher_is_its_own_mean_and_order_does_not_matter():
    draw = np.random.default_rng(0)
    laws = [
        StudentT(draw.normal(size=(5, 3)), draw.uniform(0.5, 2, (5, 3)), draw.uniform(3, 9, (5, 3)))
        for _ in range(3)
    ]
    alone = mean_law(laws[:1])
    np.testing.assert_allclose(alone["teacher_scale"], laws[0].scale)
    np.testing.assert_allclose(alone["teacher_df"], laws[0].df)
    for name, values in mean_law(laws).items():
        np.testing.assert_allclose(values, mean_law(laws[::-1])[name])
        parts = [mean_law([law])[name] for law in laws]
        assert (values >= np.min(parts, axis=0)).all()
        assert (values <= np.max(parts, axis=0)).all()


def test_teachers_are_the_network_from_other_seeds(taught):
    *teachers, student = networks_to_fit(taught).values()
    seeds = {one.training.seed for one in (*teachers, taught)}
    assert len(seeds) == 3
    assert not seeds & {
        one.training.seed for one in networks_to_fit(_with_seed(taught, 1)).values()
    }
    for teacher in teachers:
        assert teacher.network == taught.network
        assert teacher.training.distillation is None
    assert student.training.seed == taught.training.seed
    assert student.network.dropout == 0.1
    assert student.training.learning_rate == 2e-3
    assert networks_to_fit(teachers[0]) == {"": teachers[0]}


def _with_seed(recipe: Recipe, seed: int) -> Recipe:
    training = recipe.training.model_copy(update={"seed": seed})
    return recipe.model_copy(update={"training": training})


def test_the_loss_is_known_where_the_return_is(taught, examples):
    sequences, rows = examples.sequences, examples.split.train
    law = StudentT(*(np.full(sequences.targets.shape, value) for value in (0.1, 1.1, 5.0)))
    windows = replace(Windows.over(sequences, rows, 32), tasks=mean_law([law]))
    batch = WindowLoader(windows, batch_size=4, first_step=0, steps=1, seed=0)[0]
    own = NetworkLaw(*(torch.full(batch.targets.shape, value) for value in (0.1, 2.2, 5.0)))
    sums, counts = divergence_sums(own, batch)
    torch.testing.assert_close(counts, batch.targets.isfinite().sum(dim=(0, 1)))
    expected = 0.5 * 2 * 5 / 8 * np.log(2) ** 2
    np.testing.assert_allclose(sums / counts, expected, rtol=1e-5)


@torch.no_grad()
def test_the_loss_is_shared_between_returns_and_teachers(taught, examples):
    network = starting_network(taught, examples.sequences, examples.split).eval()
    law = StudentT(*(np.full(examples.sequences.targets.shape, v) for v in (0.1, 1.5, 6.0)))
    windows = Windows.over(examples.sequences, examples.split.train, 32)
    windows = replace(windows, tasks={**windows.tasks, **mean_law([law])})
    batch = WindowLoader(windows, batch_size=4, first_step=0, steps=1, seed=0)[0]
    losses = []
    for weight in (None, 0.25, 1.0):
        training = taught.training.model_copy(
            update={"distillation": weight and DistillationConfig(weight=weight)}
        )
        module = NetworkModule(network, training, taught.data.horizons)
        module.log = lambda *_, **__: None
        losses.append(float(module.training_step(batch, 0)))
    returns, shared, teachers = losses
    assert shared == pytest.approx(0.75 * returns + 0.25 * teachers, rel=1e-4)
    answer, report = network(batch.features)
    sums, counts = divergence_sums(answer, batch)
    assert teachers == pytest.approx(float(sums.sum() / counts.sum() + report.loss), rel=1e-5)


def test_killed_between_teachers_it_ends_with_the_same_bits(
    store, taught, market, tmp_path, monkeypatch
):
    train(market, taught, out=tmp_path / "whole", progress=False)
    metrics = load_forecaster(tmp_path / "whole").files.metrics
    assert len(metrics["teacher_validation_nll"]) == 2
    fits = iter(range(100))

    def fit_twice(*arguments, **settings):
        if next(fits) == 1:
            raise Killed
        return fit(*arguments, **settings)

    out = tmp_path / "killed"
    with monkeypatch.context() as patch:
        patch.setattr(distillation, "fit", fit_twice)
        with pytest.raises(Killed):
            train(market, taught, out=out, progress=False)
    assert (out / "checkpoints" / "teacher_1").is_dir()
    train(market, taught, out=out, resume=True, progress=False)
    assert_same_weights(out, tmp_path / "whole")
    assert not (out / "checkpoints").exists()
    saved = json.loads((out / "metrics.json").read_text())
    assert saved["teacher_validation_nll"] == metrics["teacher_validation_nll"]


def test_the_twin_is_taught_too_and_a_pretrained_model_is_not(taught, recipe, market):
    assert twin_recipe(taught).training.distillation == taught.training.distillation
    assert "training.distillation=null" in gentler(taught)


def test_a_law_that_cannot_be_taught_is_refused():
    settings = ("training.distillation={}", "network.distribution=quantile")
    with pytest.raises(ConfigError, match="teaches a Student-t law"):
        load_recipe("jamba-tiny", settings)
    known = load_recipe("jamba-tiny", ("training.distillation.teachers=3",))
    assert known.training.distillation is not None
    assert known.training.distillation.teachers == 3
    with pytest.raises(ConfigError, match="did you mean 'teachers'"):
        load_recipe("jamba-tiny", ("training.distillation.teacher=3",))


def test_a_model_to_start_from_is_not_taught(trained, taught, market):
    with pytest.raises(ConfigError, match="distillation=null"):
        prepare(taught, market, start_from(trained, "all"))


def test_a_recipe_without_teachers_reads_as_it_always_did(recipe):
    assert "distillation" not in recipe.to_yaml()
    assert "horizon_weights" not in recipe.to_yaml()


def test_fitting_with_teachers_needs_no_folder_of_its_own(taught, examples, tmp_path):
    reports = []
    fitted = fit_recipe(
        taught,
        examples.sequences,
        examples.split,
        checkpoints=tmp_path / "c",
        resume=False,
        report=lambda metrics, step: reports.append((step, set(metrics))),
        progress=False,
    )
    assert len(fitted.teacher_nll) == 2
    assert any("teacher_2_validation_nll" in names for _, names in reports)
    assert any("validation_nll" in names for _, names in reports)
