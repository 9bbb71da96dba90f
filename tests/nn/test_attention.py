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


@pytest.mark.parametrize("length", [1, 20])
def test_equals_pytorchs_multi_head_attention(length):
    torch.manual_seed(0)
    config = NetworkConfig(num_attention_heads=4, num_key_value_heads=4, sliding_window=20)
    attention = Attention(config).double()
    truth = torch.nn.MultiheadAttention(32, 4, bias=False, batch_first=True, dtype=torch.float64)
    projections = (attention.q_proj, attention.k_proj, attention.v_proj)
    with torch.no_grad():
        truth.in_proj_weight.copy_(torch.cat([projection.weight for projection in projections]))
        truth.out_proj.weight.copy_(attention.o_proj.weight)
    x = torch.randn(2, length, 32, dtype=torch.float64)
    future = torch.ones(length, length, dtype=torch.bool).triu(1)
    y, _ = truth(x, x, x, attn_mask=future, need_weights=False)
    assert torch.allclose(attention(x), y, rtol=1e-10, atol=1e-12)


def test_rotary_positions_tell_the_order_of_bars():
    """Without positions the last bar's answer is the same for every order of those before."""
    x = torch.randn(1, 9, 32, dtype=torch.float64)
    shuffled = x[:, [3, 0, 7, 1, 5, 2, 6, 4, 8]]
    for position, same in (("none", True), ("rotary", False)):
        torch.manual_seed(0)
        attention = Attention(NetworkConfig(position_embedding=position)).double()
        found = attention(x)[:, -1], attention(shuffled)[:, -1]
        assert torch.allclose(*found, rtol=1e-9) == same


@pytest.mark.parametrize("position", ["none", "rotary"])
def test_answers_depend_on_how_long_ago_a_bar_was_alone(position):
    torch.manual_seed(0)
    config = NetworkConfig(sliding_window=6, position_embedding=position, rope_theta=100)
    attention = Attention(config).double()
    x = torch.randn(1, 40, 32, dtype=torch.float64)
    assert torch.allclose(attention(x)[:, 25:], attention(x[:, 20:])[:, 5:], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("window", [1, 7])
def test_the_state_remembers_the_window_and_no_more(window):
    attention = Attention(NetworkConfig(sliding_window=window, position_embedding="rotary"))
    x = torch.randn(3, 20, 32)
    _, state = attention.advance(x, attention.initial_state(3))
    assert state["bars"].tolist() == [20, 20, 20]
    assert state["keys"].shape == state["values"].shape == (3, 2, window - 1, 8)
    _, later = attention.advance(x[:, 5:], attention.initial_state(3))
    assert torch.allclose(later["values"], state["values"], atol=1e-6)


def test_exactly_the_window_is_seen():
    torch.manual_seed(0)
    attention = Attention(NetworkConfig(sliding_window=6))
    x = torch.randn(1, 40, 32)
    y = attention(x)
    changed = x.clone()
    changed[:, 20] += 1
    moved = (attention(changed) - y).abs().amax(dim=-1)[0] > 1e-6
    assert moved.nonzero().flatten().tolist() == [20, 21, 22, 23, 24, 25]
