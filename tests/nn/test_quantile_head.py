"""The quantile head: its start, its bounds, and its density against that of the forecast room."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from forecasting.config import QUANTILE_LEVELS
from forecasting.forecast.quantile_law import QuantileLaw
from forecasting.forecast.student_t import StudentT
from forecasting.nn.quantile_head import QuantileHead, Quantiles
from forecasting.nn.student_t_head import StudentTHead

SCALE, DF = torch.tensor([0.8, 0.9, 1.1]), torch.tensor([4.0, 5.0, 12.0])


def make_head(std: float = 1.0, seed: int = 0) -> QuantileHead:
    """A head in double precision that says something of everything."""
    torch.manual_seed(seed)
    head = QuantileHead(6, 3).double()
    head.set_baseline(SCALE, DF)
    torch.nn.init.normal_(head.proj.weight, std=std)
    torch.nn.init.normal_(head.proj.bias, std=std)
    return head


def numpy_law(law: Quantiles) -> QuantileLaw:
    return QuantileLaw(*(part.detach().double().numpy() for part in law))


def test_untrained_head_is_the_baseline():
    head = QuantileHead(16, 3)
    head.set_baseline(SCALE, DF)
    law = head(100 * torch.randn(2, 5, 16))
    expected = SCALE.numpy()[:, None] * special.stdtrit(DF.numpy()[:, None], QUANTILE_LEVELS)
    torch.testing.assert_close(law.values, torch.from_numpy(expected).float().expand(2, 5, 3, 9))
    assert torch.equal(law.df, DF.expand(2, 5, 3))
    target = 3 * torch.randn(2, 5, 3)
    other = StudentTHead(16, 3)
    other.set_baseline(SCALE, DF)
    expected = other.nll(other(torch.zeros(2, 5, 16)), target)
    torch.testing.assert_close(head.nll(law, target), expected, rtol=1e-5, atol=1e-5)


def test_until_it_has_a_baseline_it_is_that_of_every_head():
    fresh, set_alike = QuantileHead(4, 2), QuantileHead(4, 2)
    set_alike.set_baseline(torch.ones(2), torch.full((2,), 8.0))
    assert torch.equal(fresh.base_knots, set_alike.base_knots)


def test_nll_is_the_density_of_the_quantile_law():
    head = make_head()
    law, target = head(torch.randn(4, 50, 6).double()), 3 * torch.randn(4, 50, 3).double()
    nll = head.nll(law, target)
    expected = -numpy_law(law).log_density(target.numpy())
    np.testing.assert_allclose(nll.detach(), expected, rtol=1e-10, atol=1e-10)


def test_loss_is_twice_the_mean_pinball_loss_in_baseline_scales():
    head = make_head()
    law, target = head(torch.randn(1, 4, 6).double()), torch.randn(1, 4, 3).double()
    loss = head.loss(law, target).detach()
    for at in np.ndindex(1, 4, 3):
        y, values = float(target[at]), law.values[at].tolist()
        pinball = [
            (p if y > q else p - 1) * (y - q) for p, q in zip(QUANTILE_LEVELS, values, strict=True)
        ]
        expected = 2 * np.mean(pinball) / float(SCALE[at[2]])
        assert float(loss[at]) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("score", ["nll", "loss"])
def test_gradients_of_both_scores(score):
    head = make_head()
    hidden = torch.randn(1, 3, 6, dtype=torch.float64, requires_grad=True)
    target = torch.randn(1, 3, 3).double()
    assert torch.autograd.gradcheck(lambda x: getattr(head, score)(head(x), target), hidden)


@pytest.mark.parametrize("score", ["nll", "loss"])
@pytest.mark.parametrize("kind", [StudentTHead, QuantileHead])
def test_a_missing_target_touches_neither_the_others_nor_the_gradients(kind, score):
    torch.manual_seed(0)
    head = kind(6, 3)
    torch.nn.init.normal_(head.proj.weight)
    law, target = head(torch.randn(1, 6, 6)), torch.randn(1, 6, 3)
    for part in law:
        if part.requires_grad:
            part.retain_grad()
    present = torch.ones_like(target, dtype=torch.bool)
    present[:, 2] = False
    whole = getattr(head, score)(law, target)
    found = getattr(head, score)(law, torch.where(present, target, torch.nan))
    assert found[:, 2].isnan().all()
    assert torch.equal(found[present], whole[present])
    found[present].sum().backward()
    for part in law:
        if part.requires_grad:
            assert part.grad.isfinite().all()
            assert (part.grad[:, 2] == 0).all()
            assert (part.grad[:, 1] != 0).any()


@given(size=st.floats(-1e6, 1e6, allow_nan=False), seed=st.integers(0, 100))
def test_no_hidden_state_makes_an_impossible_law(size, seed):
    torch.manual_seed(seed)
    head = QuantileHead(4, 3)
    head.set_baseline(SCALE, DF)
    with torch.no_grad():
        head.proj.weight.copy_(size * torch.randn(27, 4))
    values, df = head(torch.ones(1, 1, 4))
    assert (values.diff(dim=-1) > 0).all()
    assert (values[..., 4].abs() <= SCALE).all()
    assert values.isfinite().all()
    assert torch.equal(df, DF.expand(1, 1, 3))


def test_each_quantile_answers_to_the_shift_and_the_gaps_between():
    """With slope one, up to the unit: the median's sixth, say, to the shift and two gaps above."""
    head = QuantileHead(1, 1)
    head.set_baseline(torch.tensor([0.5]), torch.tensor([6.0]))
    values = head(torch.ones(1, 1, 1)).values[0, 0, 0]
    slopes = torch.stack(
        [torch.autograd.grad(value, head.proj.bias, retain_graph=True)[0] for value in values]
    )
    gaps = head.base_knots[0].diff()
    expected = torch.zeros(9, 9)
    expected[:, 0] = 1.0
    for i in range(9):
        for gap in range(min(i, 4), max(i, 4)):
            expected[i, 1 + gap] = gaps[gap] if i > 4 else -gaps[gap]
    torch.testing.assert_close(slopes, 0.5 * expected)


def test_the_loss_finds_the_quantiles_of_what_it_sees():
    """A skewed outcome, which no Student-t fits: every level holds its share."""
    torch.manual_seed(0)
    target = (torch.distributions.Exponential(1.0).sample((4000, 1, 1)) - 0.7).clone()
    head = QuantileHead(1, 1)
    hidden = torch.ones(len(target), 1, 1)
    optimizer = torch.optim.Adam(head.parameters(), lr=0.05)
    for _ in range(300):
        optimizer.zero_grad()
        head.loss(head(hidden), target).mean().backward()
        optimizer.step()
    law = Quantiles(*(part.detach() for part in head(hidden)))
    shares = (target[..., None] <= law.values).double().mean(dim=(0, 1, 2))
    np.testing.assert_allclose(shares[1:], QUANTILE_LEVELS[1:], atol=0.03)
    symmetric = StudentT(np.zeros(1), np.ones(1), np.array([8.0]))
    trained = float(head.nll(law, target).mean())
    assert trained < -symmetric.log_density(target.numpy()).mean() - 0.2


@pytest.mark.parametrize(
    ("scale", "df"), [(SCALE[:2], DF), (-SCALE, DF), (SCALE, DF - 2), (SCALE * torch.nan, DF)]
)
def test_an_impossible_baseline_is_refused_and_changes_nothing(scale, df):
    head = QuantileHead(4, 3)
    before = {name: value.clone() for name, value in head.state_dict().items()}
    with pytest.raises(ValueError, match="expected"):
        head.set_baseline(scale, df)
    for name, value in head.state_dict().items():
        assert torch.equal(value, before[name])
