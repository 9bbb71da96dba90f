import pytest
import torch

from forecasting.config import NetworkConfig
from forecasting.nn.moe import MixtureOfExperts
from forecasting.nn.network import ForecastNetwork
from forecasting.nn.sizes import sizes

SMALL = {"hidden_size": 16, "num_attention_heads": 2, "num_key_value_heads": 1}


def network(**settings) -> ForecastNetwork:
    return ForecastNetwork(NetworkConfig(**SMALL | settings), 5, 3)


def test_without_experts_every_parameter_is_active() -> None:
    made = network(expert_layer_period=None)
    found = sizes(made)
    weights = sum(weight.numel() for weight in made.parameters())
    assert found.parameters == found.active_parameters == weights


@pytest.mark.parametrize("picks", [1, 2, 4])
@pytest.mark.parametrize("shared", [0, 1])
def test_active_are_those_that_a_gradient_reaches(picks: int, shared: int) -> None:
    made = network(num_experts=4, num_experts_per_tok=picks, num_shared_experts=shared, dropout=0)
    torch.manual_seed(0)
    torch.nn.init.normal_(made.head.proj.weight)
    sum(x.sum() for x in made(torch.randn(1, 1, 5))[0]).backward()
    (experts,) = (m.experts for m in made.modules() if isinstance(m, MixtureOfExperts))
    reached = sum(
        int(one.numel()) for many in experts.parameters() for one in many.grad if one.any()
    )
    others = sum(w.numel() for w in made.parameters()) - sum(
        w.numel() for w in experts.parameters()
    )
    assert sizes(made).active_parameters == reached + others


def test_an_attention_state_grows_with_its_window_and_a_recurrent_one_has_none() -> None:
    def state(**settings) -> int:
        return sizes(network(expert_layer_period=None, **settings)).state_bytes

    one = state(mixer="attention", attn_layer_period=None, num_hidden_layers=1, sliding_window=8)
    two = state(mixer="attention", attn_layer_period=None, num_hidden_layers=1, sliding_window=16)
    # Keys and values of one head of eight numbers, float32.
    assert two - one == 8 * 2 * 8 * 4
    gru = {"mixer": "gru", "attn_layer_period": None, "intermediate_size": 0}
    flag = 1  # whether all bars so far were complete
    assert state(**gru, num_hidden_layers=2) == 2 * 16 * 4 + flag
    assert state(**gru, num_hidden_layers=2, sliding_window=16) == 2 * 16 * 4 + flag


def test_state_is_of_one_ticker_and_does_not_grow_with_its_bars() -> None:
    made = network().eval()
    _, state = made.advance(torch.randn(1, 300, 5), made.initial_state(1))
    assert sizes(made).state_bytes == sum(x.numel() * x.element_size() for x in state.values())
