import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from forecasting.nn.cema import CEMA

LENGTHS = [1, 2, 15, 16, 17, 50]


def make_average(size: int = 5, states: int = 3) -> CEMA:
    """An average whose every parameter matters; some states remember for a hundred bars."""
    torch.manual_seed(0)
    average = CEMA(size, states)
    with torch.no_grad():
        average.delta.uniform_(-5, 1)
        average.gamma.normal_()
    return average


def modulus_angle_readout(average: CEMA) -> tuple[Tensor, Tensor, Tensor]:
    """The r, a and c of the formulae."""
    alpha, delta, theta = (
        torch.sigmoid(parameter) for parameter in (average.alpha, average.delta, average.theta)
    )
    states = alpha.shape[1]
    angle = theta[:, None] * 2 * math.pi * torch.arange(1, states + 1).to(theta) / states
    gamma = average.gamma[..., 0] + 1j * average.gamma[..., 1]
    return 1 - alpha * delta, angle, alpha * gamma / states**0.5


def bar_by_bar(average: CEMA, x: Tensor, gap: Tensor | None = None) -> Tensor:
    """The definition."""
    modulus, angle, readout = modulus_angle_readout(average)
    answers, memory = [], torch.zeros(1)
    for t in range(x.shape[1]):
        bars = torch.ones(len(x), 1, 1).to(x) if gap is None else gap[:, t, None, None]
        memory = modulus**bars * torch.exp(1j * angle * bars) * memory + x[:, t, :, None]
        answers.append((readout * memory).sum(dim=-1).real + average.omega * x[:, t])
    return torch.stack(answers, dim=1)


def by_fourier(average: CEMA, x: Tensor) -> Tensor:
    """One convolution with the whole kernel, padded so that it does not wrap around."""
    modulus, angle, readout = modulus_angle_readout(average)
    length = x.shape[1]
    ages = torch.arange(length)
    powers = modulus[..., None] ** ages * torch.exp(1j * angle[..., None] * ages)
    kernel = (readout[..., None] * powers).sum(dim=1).real
    spectrum = torch.fft.rfft(kernel, 2 * length) * torch.fft.rfft(x.mT, 2 * length)
    return torch.fft.irfft(spectrum, 2 * length)[..., :length].mT + average.omega * x


@pytest.mark.parametrize("twin", [bar_by_bar, by_fourier])
@pytest.mark.parametrize("length", LENGTHS)
def test_equals_its_slow_twins_with_gradients(length, twin):
    average = make_average().double()
    x = torch.randn(2, length, 5, dtype=torch.float64, requires_grad=True)
    assert_same_with_gradients(average, lambda x: twin(average, x), x, average)


@pytest.mark.parametrize("length", [1, 17, 40])
def test_gaps_equal_the_loop_over_bars_with_gradients(length):
    average = make_average().double()
    x = torch.randn(2, length, 5, dtype=torch.float64, requires_grad=True)
    gap = torch.rand(2, length, dtype=torch.float64) * 4
    assert_same_with_gradients(
        lambda x: average(x, gap), lambda x: bar_by_bar(average, x, gap), x, average
    )


def assert_same_with_gradients(fast, slow, x: Tensor, average: CEMA) -> None:
    results = []
    for mix in (fast, slow):
        y = mix(x)
        inputs = [x, *average.parameters()]
        grads = torch.autograd.grad(y.cos().sum(), inputs, materialize_grads=True)
        results.append([y, *grads])
    for a, b in zip(*results, strict=True):
        assert torch.allclose(a, b, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("length", LENGTHS)
def test_a_gap_of_one_everywhere_is_no_gap(length):
    average = make_average()
    x = torch.randn(2, length, 5)
    found = average(x, torch.ones(2, length))
    assert torch.allclose(found, average(x), rtol=1e-5, atol=1e-5)


@given(gaps=st.lists(st.integers(1, 9), min_size=1, max_size=12))
@settings(max_examples=20, deadline=None)
def test_a_gap_is_as_many_bars_that_carry_nothing(gaps):
    average = make_average().double()
    x = torch.randn(1, len(gaps), 5, dtype=torch.float64)
    bars = torch.tensor(gaps).cumsum(0) - 1
    filled = torch.zeros(1, sum(gaps), 5, dtype=torch.float64).index_copy(1, bars, x)
    found = average(x, torch.tensor([gaps], dtype=torch.float64))
    assert torch.allclose(found, average(filled)[:, bars], rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("with_gap", [False, True])
@given(cuts=st.lists(st.integers(1, 69), max_size=6, unique=True))
@settings(max_examples=20, deadline=None)
def test_any_cut_into_chunks_gives_the_same(with_gap, cuts):
    average = make_average()
    x = torch.randn(2, 70, 5)
    gap = 1 + 2 * torch.rand(2, 70) if with_gap else None
    cuts = sorted(cuts)
    gaps = [None] * (len(cuts) + 1) if gap is None else gap.tensor_split(cuts, dim=1)
    state, pieces = average.initial_state(2), []
    for piece, piece_gap in zip(x.tensor_split(cuts, dim=1), gaps, strict=True):
        y, state = average.advance(piece, state, piece_gap)
        pieces.append(y)
    assert torch.allclose(torch.cat(pieces, dim=1), average(x, gap), rtol=1e-5, atol=1e-5)
    assert state["memory"].shape == (2, 5, 3, 2)


@pytest.mark.parametrize("with_gap", [False, True])
@pytest.mark.parametrize("cut", [20, 32])
def test_the_past_is_the_same_to_the_last_bit_whatever_follows(cut, with_gap):
    average = make_average()
    x = torch.randn(2, 70, 5)
    gap = 1 + torch.rand(2, 70) if with_gap else None
    changed = torch.cat([x[:, :cut], 1e9 * x[:, cut:]], dim=1)
    assert torch.equal(average(changed, gap)[:, :cut], average(x, gap)[:, :cut])


def test_rows_know_nothing_of_each_other():
    average = make_average().double()
    x = torch.randn(3, 40, 5, dtype=torch.float64)
    assert torch.allclose(average(x)[1:2], average(x[1:2]), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("size", [1, 7])
@torch.no_grad()
def test_a_memory_of_three_hundred_bars_does_not_drift(size):
    average = make_average()
    nn.init.constant_(average.delta, -5)
    x = torch.randn(1, 2000, 5)
    state, pieces = average.initial_state(1), []
    for piece in x.split(size, dim=1):
        y, state = average.advance(piece, state)
        pieces.append(y)
    whole = average(x)
    assert float((torch.cat(pieces, dim=1) - whole).abs().max() / whole.std()) < 2e-5
    truth = average.double()(x.double())
    assert float((whole - truth).abs().max() / truth.std()) < 1e-4


@pytest.mark.parametrize("gap", [None, 0.0, 1e9, math.inf])
def test_states_that_forget_everything_and_endless_gaps_stay_finite(gap):
    average = make_average()
    for parameter in (average.alpha, average.delta):
        nn.init.constant_(parameter, 50)
    x = torch.randn(2, 20, 5)
    y = average(x, None if gap is None else torch.full((2, 20), gap))
    y.sum().backward()
    assert y.isfinite().all()
    assert all(parameter.grad.isfinite().all() for parameter in average.parameters())


def test_products_in_bfloat16_leave_the_memory_in_float32():
    average = make_average()
    x = torch.randn(2, 40, 5).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        found = average(x)
        _, state = average.advance(x, average.initial_state(2))
    assert found.dtype == torch.bfloat16
    assert state["memory"].dtype == torch.float32
    assert torch.equal(found, average(x))


def test_starts_as_the_authors_do():
    torch.manual_seed(0)
    average = CEMA(64, 16)
    turns = torch.sigmoid(average.theta.detach()).sort(descending=True).values
    assert torch.allclose(turns, 64 ** -(torch.arange(1, 65) / 64), rtol=1e-5)
    assert (average.gamma[..., 1] == 0).all()
    assert average.omega.abs().max() <= 1
    for parameter, spread in ((average.alpha, 0.2), (average.gamma[..., 0], 1.0)):
        assert float(parameter.detach().std()) == pytest.approx(spread, rel=0.1)
    modulus, _, _ = modulus_angle_readout(average)
    assert 0.5 < float(modulus.detach().min()) < float(modulus.detach().max()) < 0.95
