import pytest
import torch
from torch import Tensor

from forecasting.config import NetworkConfig
from forecasting.nn.attention import Attention, sliding_window_attention


def bar_by_bar(q: Tensor, k: Tensor, v: Tensor, window: int) -> Tensor:
    """The definition: one softmax a bar over the bars it sees."""
    answers = []
    for t in range(q.shape[2]):
        seen = slice(max(0, t - window + 1), t + 1)
        scores = (q[:, :, t, None] * k[:, :, seen]).sum(dim=-1) / q.shape[-1] ** 0.5
        answers.append((scores.softmax(dim=-1).unsqueeze(-1) * v[:, :, seen]).sum(dim=2))
    return torch.stack(answers, dim=2)


@pytest.mark.parametrize("window", [1, 2, 5, 8, 100])
@pytest.mark.parametrize("length", [1, 5, 8, 9, 16, 27])
def test_equals_the_loop_over_bars_with_gradients(length, window):
    torch.manual_seed(0)
    inputs = [torch.randn(2, 3, length, 4, dtype=torch.float64).requires_grad_() for _ in range(3)]
    weights = torch.randn(2, 3, length, 4, dtype=torch.float64)
    results = []
    for attend in (sliding_window_attention, bar_by_bar):
        y = attend(*inputs, window)
        results.append([y, *torch.autograd.grad((y * weights).sum(), inputs)])
    for a, b in zip(*results, strict=True):
        assert torch.allclose(a, b, rtol=1e-10, atol=1e-12)


def test_each_key_head_serves_its_group_of_query_heads():
    torch.manual_seed(0)
    config = NetworkConfig(hidden_size=24, num_attention_heads=6, num_key_value_heads=2)
    attention = Attention(config).double()
    x = torch.randn(2, 11, 24, dtype=torch.float64)
    q = attention.q_proj(x).view(2, 11, 6, 4).transpose(1, 2)
    k = attention.k_proj(x).view(2, 11, 2, 4).transpose(1, 2)[:, [0, 0, 0, 1, 1, 1]]
    v = attention.v_proj(x).view(2, 11, 2, 4).transpose(1, 2)[:, [0, 0, 0, 1, 1, 1]]
    mixed = bar_by_bar(q, k, v, config.sliding_window).transpose(1, 2).reshape(2, 11, 24)
    assert torch.allclose(attention(x), attention.o_proj(mixed), rtol=1e-10)


def test_exactly_the_window_is_seen():
    torch.manual_seed(0)
    attention = Attention(NetworkConfig(sliding_window=6))
    x = torch.randn(1, 40, 32)
    y = attention(x)
    changed = x.clone()
    changed[:, 20] += 1
    moved = (attention(changed) - y).abs().amax(dim=-1)[0] > 1e-6
    assert moved.nonzero().flatten().tolist() == [20, 21, 22, 23, 24, 25]
