import numpy as np
import pytest
import torch
from scipy import stats

from forecasting.config import NetworkConfig
from forecasting.nn.network import ForecastNetwork
from forecasting.nn.task_heads import TASK_HEADS, RangeVarianceHead, RankHead

TASKS = tuple(TASK_HEADS)
N_FEATURES, CUT = 5, 30


def make_network(tasks: tuple[str, ...], *, spread: float = 0.0) -> ForecastNetwork:
    torch.manual_seed(0)
    network = ForecastNetwork(NetworkConfig(sliding_window=16, tasks=tasks), N_FEATURES, 3)
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in network.task_heads.parameters():
            parameter += spread * torch.randn(parameter.shape, generator=generator)
    return network


def make_features(length: int = 50) -> torch.Tensor:
    return torch.randn(3, length, N_FEATURES, generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def test_the_untrained_heads_answer_with_the_mean():
    targets = torch.randn(40, 3, generator=torch.Generator().manual_seed(2)) * 2 + 1
    targets[5:9, 1] = torch.nan
    variance, rank = RangeVarianceHead(8, 3), RankHead(8, 3)
    variance.set_baseline(targets)
    hidden = 100 * torch.randn(2, 4, 8)
    mean, std = np.nanmean(targets, axis=0), np.nanstd(targets, axis=0)
    np.testing.assert_allclose(variance(hidden), np.broadcast_to(mean, (2, 4, 3)), rtol=1e-5)
    np.testing.assert_allclose(variance.std, std, rtol=1e-5)
    assert (rank(hidden) == 0).all()


def test_a_baseline_without_two_different_targets_stays():
    head = RangeVarianceHead(8, 3)
    head.set_baseline(torch.tensor([[torch.nan, 2.0, 1.0], [torch.nan, 2.0, 3.0]]))
    assert head.mean.tolist() == [0, 0, 2]
    assert head.std.tolist() == [1, 1, 1]
    with pytest.raises(ValueError, match="2 horizons, expected 3"):
        head.set_baseline(torch.zeros(4, 2))


def test_the_range_loss_is_a_normal_log_density_up_to_a_constant():
    head = RangeVarianceHead(4, 2)
    head.set_baseline(torch.tensor([[1.0, -3.0], [2.0, 5.0], [4.0, 0.0]]))
    answer, target = torch.randn(2, 6, 5, 2, generator=torch.Generator().manual_seed(4))
    std = head.std.numpy()
    nll = -stats.norm.logpdf(target, answer, std)
    constant = np.log(std) + 0.5 * np.log(2 * np.pi)
    np.testing.assert_allclose(head.loss(answer, target), nll - constant, rtol=1e-4, atol=1e-6)


@torch.no_grad()
def test_a_rank_score_is_bounded():
    head = RankHead(1, 2)
    head.weight.fill_(3.0)
    score = head(torch.linspace(-2, 2, 21).reshape(1, 21, 1))
    assert (score.abs() < 1).all()
    assert (score[0].diff(dim=0) > 0).all()
    assert torch.equal(head.loss(score, torch.zeros_like(score)), score**2)


@pytest.mark.parametrize("tasks", [TASKS[:1], TASKS[1:], TASKS])
def test_heads_draw_no_random_numbers_and_leave_the_law_alone(tasks):
    plain = make_network(())
    after = torch.rand(1)
    network = make_network(tasks)
    assert torch.equal(torch.rand(1), after)
    weights = network.state_dict()
    assert {name.split(".")[1] for name in weights if name.startswith("task_heads")} == {*tasks}
    assert all(torch.equal(weights[name], value) for name, value in plain.state_dict().items())
    answer = network.eval().answer(make_features())
    law, routing = plain.eval()(make_features())
    assert set(answer.tasks) == set(tasks)
    assert torch.equal(torch.stack(answer.law), torch.stack(law))
    assert torch.equal(answer.routing.loss, routing.loss)


@torch.no_grad()
def test_the_future_does_not_reach_past_answers():
    network = make_network(TASKS, spread=0.3).eval()
    features = make_features()
    whole = network.answer(features).tasks
    features[:, CUT:] *= 1000
    features[1, CUT + 1, 2] = torch.nan
    for task, found in network.answer(features).tasks.items():
        assert torch.allclose(found[:, :CUT], whole[task][:, :CUT], rtol=2e-5, atol=2e-6)
        assert whole[task].std() > 0.01
        assert found[1, CUT + 1 :].isnan().all()
        assert found[0].isfinite().all()
