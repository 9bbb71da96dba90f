import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from forecasting.forecast.student_t import StudentT as ClosedForm
from forecasting.nn import StudentT, student_t_nll
from forecasting.nn.student_t_head import StudentTHead

SCALE, DF = torch.tensor([0.8, 0.9, 1.1]), torch.tensor([4.0, 5.0, 12.0])


def make_law(shape: tuple[int, ...], seed: int = 0) -> tuple[StudentT, torch.Tensor]:
    rng = np.random.default_rng(seed)
    loc, scale = rng.normal(size=shape), rng.lognormal(size=shape)
    df, target = 2 + rng.lognormal(1, 1, size=shape), 3 * rng.normal(size=shape)
    loc, scale, df, target = (torch.from_numpy(x) for x in (loc, scale, df, target))
    return StudentT(*(x.requires_grad_() for x in (loc, scale, df))), target


def test_nll_equals_scipy_torch_and_the_closed_form():
    law, target = make_law((2, 5, 3))
    nll = student_t_nll(law, target)
    loc, scale, df = (x.detach().numpy() for x in law)
    others = [
        -torch.distributions.StudentT(law.df, law.loc, law.scale).log_prob(target).detach(),
        torch.from_numpy(-stats.t.logpdf(target.numpy(), df, loc, scale)),
        torch.from_numpy(-ClosedForm(loc, scale, df).log_density(target.numpy())),
    ]
    for other in others:
        assert torch.allclose(nll.detach(), other, rtol=1e-12)


def test_nll_gradients():
    law, target = make_law((1, 4, 2))
    assert torch.autograd.gradcheck(
        lambda *parts: student_t_nll(StudentT(*parts), target), tuple(law)
    )


def test_a_missing_target_touches_neither_the_others_nor_the_gradients():
    law, target = make_law((1, 6, 2))
    present = torch.ones_like(target, dtype=torch.bool)
    present[:, 2] = False
    whole = student_t_nll(law, target)
    nll = student_t_nll(law, torch.where(present, target, torch.nan))
    assert nll[:, 2].isnan().all()
    assert torch.equal(nll[present], whole[present])
    nll[present].sum().backward()
    for part in law:
        assert part.grad.isfinite().all()
        assert (part.grad[:, 2] == 0).all()


def test_untrained_head_is_the_baseline():
    head = StudentTHead(16, 3)
    head.set_baseline(SCALE, DF)
    law = head(100 * torch.randn(2, 5, 16))
    for part, base in zip(law, (torch.zeros(3), SCALE, DF), strict=True):
        assert torch.allclose(part, base.expand(2, 5, 3), rtol=1e-6, atol=1e-7)


@given(size=st.floats(-1e6, 1e6, allow_nan=False))
def test_no_hidden_state_makes_an_impossible_law(size):
    head = StudentTHead(4, 3)
    head.set_baseline(SCALE, DF)
    with torch.no_grad():
        head.proj.weight.fill_(size)
    loc, scale, df = head(torch.ones(1, 1, 4))
    assert (loc.abs() <= SCALE).all()
    assert (scale > 0).all()
    assert (df > 2).all()
    assert torch.stack([loc, scale, df]).isfinite().all()


def test_each_output_answers_to_its_own_map_with_slope_one():
    head = StudentTHead(1, 1)
    head.set_baseline(torch.tensor([0.5]), torch.tensor([6.0]))
    law = head(torch.ones(1, 1, 1))
    bias_grads = [
        torch.autograd.grad(part.sum(), head.proj.bias, retain_graph=True)[0] for part in law
    ]
    assert torch.allclose(torch.stack(bias_grads), torch.diag(torch.tensor([0.5, 0.5, 4.0])))


@pytest.mark.parametrize(
    ("scale", "df"),
    [
        (SCALE[:2], DF),
        (SCALE, DF[:, None]),
        (-SCALE, DF),
        (0 * SCALE, DF),
        (SCALE, DF - 2),
        (SCALE * torch.nan, DF),
        (SCALE, DF * torch.inf),
    ],
)
def test_an_impossible_baseline_is_refused(scale, df):
    with pytest.raises(ValueError, match="expected"):
        StudentTHead(4, 3).set_baseline(scale, df)
