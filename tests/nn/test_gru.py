import torch
from torch import Tensor

from forecasting.nn.gru import GRUMixer


def bar_by_bar(mixer: GRUMixer, x: Tensor) -> Tensor:
    """The equations, one bar after another."""
    weights = dict(mixer.gru.named_parameters())
    h, states = torch.zeros_like(x[:, 0]), []
    for bar in x.unbind(1):
        from_bar = bar @ weights["weight_ih_l0"].T + weights["bias_ih_l0"]
        from_past = h @ weights["weight_hh_l0"].T + weights["bias_hh_l0"]
        (r, z, new), (past_r, past_z, past) = from_bar.chunk(3, dim=1), from_past.chunk(3, dim=1)
        update = torch.sigmoid(z + past_z)
        candidate = torch.tanh(new + torch.sigmoid(r + past_r) * past)
        h = (1 - update) * candidate + update * h
        states.append(h)
    return torch.stack(states, dim=1)


def test_equals_its_equations():
    torch.manual_seed(0)
    mixer, x = GRUMixer(5).double(), torch.randn(3, 17, 5, dtype=torch.float64)
    assert torch.allclose(mixer(x), bar_by_bar(mixer, x), rtol=1e-10, atol=1e-12)


def test_it_counts_bars_and_not_days():
    mixer, x = GRUMixer(5), torch.randn(2, 7, 5)
    assert torch.equal(mixer(x, torch.full((2, 7), 3.0)), mixer(x))


def test_the_state_is_the_last_answer():
    mixer = GRUMixer(5)
    y, state = mixer.advance(torch.randn(2, 7, 5), mixer.initial_state(2))
    assert torch.equal(state["h"], y[:, -1])
