"""The mixture: every answer against draws, integrals or its members."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate

from forecasting.evaluation.scores.proper import score_cells
from forecasting.forecast.forecast import Forecast
from forecasting.forecast.mixture import Mixture
from forecasting.forecast.quantile_law import LEVELS, QuantileLaw
from forecasting.forecast.student_t import StudentT

CELLS = 4


def student_t(seed: int, shape: tuple[int, ...] = (CELLS,)) -> StudentT:
    rng = np.random.default_rng(seed)
    loc, scale = rng.normal(0, 0.4, shape), np.exp(rng.normal(0, 0.3, shape))
    return StudentT(loc, scale, rng.uniform(4.5, 12, shape))


def bent(seed: int) -> QuantileLaw:
    """A quantile law that is no Student-t."""
    law = student_t(seed)
    values = np.stack([law.quantile(level) for level in LEVELS], axis=-1)
    return QuantileLaw(values + 0.3 * np.linspace(-1, 1, len(LEVELS)) ** 3, law.df)


MIXTURES = {
    "student_t": Mixture(tuple(student_t(seed) for seed in range(3))),
    "quantile": Mixture(tuple(bent(seed) for seed in range(3))),
    "both": Mixture((student_t(0), bent(1))),
}


@pytest.fixture(params=list(MIXTURES))
def mixture(request: pytest.FixtureRequest) -> Mixture:
    return MIXTURES[request.param]


def one(mixture: Mixture, k: int) -> Mixture:
    return mixture[k : k + 1]


def test_density_is_that_of_the_distribution(mixture: Mixture) -> None:
    y = np.array([-3.0, -0.4, 0.3, 5.0])
    slope = (mixture.distribution(y + 1e-5) - mixture.distribution(y - 1e-5)) / 2e-5
    np.testing.assert_allclose(np.exp(mixture.log_density(y)), slope, rtol=1e-4)
    np.testing.assert_allclose(mixture.distribution(y) + mixture.exceedance(y), 1, rtol=1e-14)


@given(level=st.floats(1e-6, 1 - 1e-6))
@pytest.mark.parametrize("kind", list(MIXTURES))
def test_quantile_inverts_the_distribution(kind: str, level: float) -> None:
    mixture = MIXTURES[kind]
    x, tail = mixture.quantile(level), min(level, 1 - level)
    found = mixture.distribution(x) if level <= 0.5 else 1 - mixture.exceedance(x)
    np.testing.assert_allclose(found, level, atol=1e-10 * tail + 1e-15)
    each = np.stack([law.quantile(level) for law in mixture.laws])
    assert (each.min(axis=0) <= x).all()
    assert (x <= each.max(axis=0)).all()


def test_quantiles_of_many_levels_at_once(mixture: Mixture) -> None:
    levels = np.array([0.01, 0.3, 0.5, 0.99])
    expected = [one(mixture, k).quantile(float(level))[0] for k, level in enumerate(levels)]
    np.testing.assert_allclose(mixture.quantile(levels), expected, rtol=1e-9)


def test_moments_are_those_of_draws(mixture: Mixture) -> None:
    rng, n = np.random.default_rng(0), 200_000
    member = rng.integers(len(mixture.laws), size=n)
    for k in range(CELLS):
        u = rng.random(n)
        draws = np.empty(n)
        for j, law in enumerate(mixture.laws):
            mine, cell = member == j, law[k : k + 1]
            draws[mine] = cell[np.zeros(mine.sum(), dtype=int)].quantile(u[mine])
        deviation = mixture.standard_deviation()[k]
        assert mixture.mean[k] == pytest.approx(draws.mean(), abs=4 * deviation / n**0.5)
        # Fourth moments are large or infinite: the draws' deviation is only near.
        assert deviation == pytest.approx(draws.std(), rel=0.1)
        beyond = np.sort(draws)[: n // 20]
        assert mixture.expected_shortfall(0.05)[k] == pytest.approx(beyond.mean(), rel=0.03)


def test_infinite_variance_stays_infinite() -> None:
    wild = StudentT(np.zeros(1), np.ones(1), np.array([1.8]))
    calm = StudentT(np.zeros(1), np.ones(1), np.array([5.0]))
    assert np.isinf(Mixture((wild, calm)).standard_deviation()).all()


def test_crps_is_the_integral_of_its_definition(mixture: Mixture) -> None:
    reach = np.sinh(np.linspace(0, 9, 20_001))
    for k, y in enumerate((-2.0, 0.1, 0.8, 4.0)):
        cell = mixture[np.full(len(reach), k)]
        below = integrate.trapezoid(cell.distribution(y - reach) ** 2, reach)
        above = integrate.trapezoid(cell.exceedance(y + reach) ** 2, reach)
        expected = below + above
        found = one(mixture, k).crps(np.array([y]))[0]
        within = 1e-6 if isinstance(mixture.laws[-1], StudentT) else 3e-4
        assert found == pytest.approx(expected, abs=within)


def test_shortfall_is_the_mean_of_the_quantiles_below(mixture: Mixture) -> None:
    level = 0.1
    nodes = (np.arange(20_000) + 0.5) / 20_000
    for k in range(CELLS):
        cell = mixture[np.full(len(nodes), k)]
        expected = cell.quantile(level * nodes).mean()
        assert mixture.expected_shortfall(level)[k] == pytest.approx(expected, rel=2e-3)


def test_equal_members_are_the_member() -> None:
    law = student_t(5)
    same, y = Mixture((law, law, law)), np.array([-1.0, 0.0, 2.0, 9.0])
    for answer in ("log_density", "distribution", "exceedance", "crps"):
        np.testing.assert_allclose(getattr(same, answer)(y), getattr(law, answer)(y), rtol=1e-12)
    for level in (0.01, 0.5, 0.9):
        np.testing.assert_allclose(same.quantile(level), law.quantile(level), rtol=1e-9)
        np.testing.assert_allclose(same.expected_shortfall(level), law.expected_shortfall(level))
    np.testing.assert_allclose(same.standard_deviation(), law.standard_deviation())
    np.testing.assert_allclose(same.interval_width(0.8), law.interval_width(0.8), rtol=1e-9)


def test_units_scale(mixture: Mixture) -> None:
    unit, y = np.array([0.01, 2.0, 1.0, 30.0]), np.array([0.3, -1.0, 2.0, 0.0])
    scaled = mixture.scaled(unit)
    np.testing.assert_allclose(scaled.crps(unit * y), unit * mixture.crps(y), rtol=1e-9)
    np.testing.assert_allclose(scaled.quantile(0.05), unit * mixture.quantile(0.05), rtol=1e-9)
    np.testing.assert_allclose(scaled.mean, unit * mixture.mean)


def test_missing_members_are_missing_answers() -> None:
    law = student_t(0)
    holed = StudentT(np.where(np.arange(CELLS) == 1, np.nan, law.loc), law.scale, law.df)
    mixture = Mixture((law, holed))
    assert mixture.known.tolist() == [True, False, True, True]
    scores = score_cells(np.zeros(CELLS), mixture)
    assert scores.isna().all(axis=1).tolist() == [False, True, False, False]


def test_forecasts_can_be_made_of_it() -> None:
    shape = (3, 2, 1)
    law = Mixture((student_t(0, shape), student_t(1, shape)))
    times = np.arange("2020-01-01", "2020-01-04", dtype="datetime64[D]").astype("datetime64[ns]")
    forecast = Forecast("both", times, ("A", "B"), (1,), np.ones((3, 2)), law)
    later = forecast.between("2020-01-02").select(["B"])
    assert later.law.shape == (2, 1, 1)
    assert sorted(law.parameters()) == [
        f"{k}.{name}" for k in (0, 1) for name in ("df", "loc", "scale")
    ]
    np.testing.assert_array_equal(later.mean[:, 0, 0], law.mean[1:, 1, 0])
    assert set(later.to_frame()) >= {"mean", "volatility", "q05", "prob_up"}


def test_shapes_have_to_agree() -> None:
    with pytest.raises(ValueError, match="one shape"):
        Mixture((student_t(0), student_t(0, (2,))))


@pytest.mark.oracle
def test_crps_equals_that_of_a_normal_mixture() -> None:
    scoringrules = pytest.importorskip("scoringrules")
    rng = np.random.default_rng(0)
    loc, scale = 0.3 * rng.normal(size=(5, 3)), np.exp(0.3 * rng.normal(size=(5, 3)))
    y = rng.normal(size=5)
    # With a million degrees of freedom a Student-t is normal to 1e-6.
    members = [StudentT(loc[:, k], scale[:, k], np.full(5, 1e6)) for k in range(3)]
    expected = scoringrules.crps_mixnorm(y, loc, scale)
    np.testing.assert_allclose(Mixture(tuple(members)).crps(y), expected, rtol=1e-5)
