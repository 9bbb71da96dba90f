"""The weights that are shown are those that mix."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from forecasting.config import NetworkConfig
from forecasting.nn.attention import Attention
from forecasting.nn.attention_weights import weights_by_lag
from forecasting.nn.megalodon import GatedAttention


def mix(weights: Tensor, v: Tensor) -> Tensor:
    """The slow way: bar by bar and lag by lag."""
    mixed = torch.zeros_like(v)
    for t in range(v.shape[2]):
        for lag in range(min(t + 1, weights.shape[-1])):
            mixed[:, :, t] += weights[:, :, t, lag, None] * v[:, :, t - lag]
    return mixed


@pytest.mark.parametrize("length", [1, 6, 7, 23])
@pytest.mark.parametrize("position", ["none", "rotary"])
def test_attention_is_reproduced_by_its_weights(length, position):
    torch.manual_seed(0)
    config = NetworkConfig(sliding_window=6, position_embedding=position)
    attention = Attention(config).double()
    x = torch.randn(2, length, 32, dtype=torch.float64)
    weights = attention.weights(x)
    assert weights.shape == (2, 4, length, 6)
    torch.testing.assert_close(weights.sum(dim=-1), torch.ones(2, 4, length, dtype=torch.float64))
    v = attention.v_proj(x).view(2, length, 2, 8).transpose(1, 2).repeat_interleave(2, dim=1)
    answer = attention.o_proj(mix(weights, v).transpose(1, 2).flatten(2))
    torch.testing.assert_close(answer, attention(x))


@pytest.mark.parametrize("length", [1, 6, 23])
def test_megalodon_is_reproduced_by_its_weights(length):
    torch.manual_seed(0)
    attention = GatedAttention(NetworkConfig(mixer="megalodon", sliding_window=6)).double()
    x = torch.randn(2, length, 32, dtype=torch.float64)
    weights = attention.weights(x)
    torch.testing.assert_close(weights.sum(dim=-1), torch.ones(2, 4, length, dtype=torch.float64))
    normed = attention.timestep_norm(x)
    averaged = attention.cema_layernorm(attention.cema(normed))
    v = F.silu(attention.v_proj(normed)).view(2, length, 4, -1).transpose(1, 2)
    gate = F.silu(attention.gate_proj(averaged))
    mixed = mix(weights, v).transpose(1, 2).flatten(2) * gate
    answer = attention.out_proj(torch.cat([averaged, mixed], dim=-1))
    torch.testing.assert_close(answer, attention(x))
    place = torch.arange(length) % 6
    beyond = torch.arange(6) > place.unsqueeze(1)
    assert (weights[:, :, beyond] == 0).all()


def test_equal_scores_give_even_weights():
    q = torch.zeros(1, 1, 9, 2)
    weights = weights_by_lag(q, q, torch.arange(1, 10).clamp(max=4), 4, 1.0)
    assert weights[0, 0, 1].tolist() == [0.5, 0.5, 0, 0]
    assert weights[0, 0, 8].tolist() == [0.25] * 4
