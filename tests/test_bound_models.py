import math
from dataclasses import FrozenInstanceError
from decimal import Decimal, localcontext
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from chance import mean_is, share, spread, statistical
from hw.bounds.models import DiscreteModel, LinearGaussian

A = {"joint": [0.05, 0.45], "q": [0.5, 0.5]}
B = {"x": 1, "q_mean": 0.2, "q_variance": 0.64}
NARROW = {"x": 1, "q_mean": 0.5, "q_variance": 0.45**2}
GAUSSIANS = [
    B,
    NARROW,
    {"x": 1, "q_mean": 0, "q_variance": 1},
    {"x": 1, "q_mean": 0.8, "q_variance": 2 / 3},
    {"x": -0.7, "q_mean": 1.5, "q_variance": 0.3, "slope": 2.0, "intercept": 0.5, "noise_variance": 0.8},
    {"x": 1, "q_mean": 0.5, "q_variance": 2.5},
    {"x": 1, "q_mean": 3.5, "q_variance": 0.6},
    {"x": 0.3, "q_mean": -0.2, "q_variance": 0.9, "slope": 0.0},
]
EXAMPLES = settings(max_examples=10, deadline=None)
POSITIVE = st.floats(0.4, 1.2)
GAUSSIAN = st.fixed_dictionaries(
    {
        "x": st.floats(-2, 2),
        "q_mean": st.floats(-2, 2),
        "q_variance": POSITIVE,
        "slope": st.floats(-1, 1),
        "intercept": st.floats(-1, 1),
        "noise_variance": POSITIVE,
    }
)


@st.composite
def discrete(draw):
    size = draw(st.integers(1, 5))
    log_w = draw(st.lists(st.floats(-30, 30), min_size=size, max_size=size))
    parts = draw(st.lists(st.integers(1, 100), min_size=size, max_size=size))
    q = [part / sum(parts) for part in parts]
    return [mass * math.exp(value) for mass, value in zip(q, log_w, strict=True)], q


def compositions(total, parts):
    if parts == 1:
        yield (total,)
        return
    for first in range(total + 1):
        for rest in compositions(total - first, parts - 1):
            yield (first, *rest)


def iwlb_by_counting(joint, q, k):
    """E log mean w over all k-tuples of values, grouped by how often each value is drawn."""
    terms = []
    for counts in compositions(k, len(q)):
        ways = math.factorial(k) // math.prod(map(math.factorial, counts))
        mass = ways * math.prod(p**n for p, n in zip(q, counts, strict=True))
        if mass:
            mean = math.fsum(n * j / p for n, j, p in zip(counts, joint, q, strict=True) if n) / k
            terms.append(mass * (math.log(mean) if mean else -math.inf))
    return math.fsum(terms)


def integrand(x, q_mean, q_variance, slope=1.0, intercept=0.0, noise_variance=1.0, *, points):
    """Draws, their masses under q, and their log-weights, on an even grid of 10 standard deviations to each side."""

    def log_normal(value, mean, variance):
        return -0.5 * np.log(2 * np.pi * variance) - 0.5 * (value - mean) ** 2 / variance

    z = q_mean + np.sqrt(q_variance) * np.linspace(-10, 10, points)
    log_q = log_normal(z, q_mean, q_variance)
    return (
        z,
        np.exp(log_q) * (z[1] - z[0]),
        log_normal(z, 0, 1) + log_normal(x, slope * z + intercept, noise_variance) - log_q,
    )


def iwlb_by_double_sum(fields, points=401):
    _, mass, log_w = integrand(**fields, points=points)
    return mass @ (np.logaddexp(log_w[:, None], log_w) - math.log(2)) @ mass


def iwlb_by_triple_sum(fields, points=110):
    _, mass, log_w = integrand(**fields, points=points)
    pairs = np.logaddexp(log_w[:, None], log_w)
    return math.fsum(
        p * (mass @ (np.logaddexp(pairs, value) - math.log(3)) @ mass) for p, value in zip(mass, log_w, strict=True)
    )


def close(value, expected, *, rtol=1e-12, atol=0.0):
    torch.testing.assert_close(value, torch.tensor(float(expected), dtype=torch.float64), rtol=rtol, atol=atol)


@EXAMPLES
@given(model=discrete(), k=st.integers(1, 6))
def test_discrete_bound_is_the_sum_over_all_draws(model, k):
    close(DiscreteModel(*model).iwlb(k), iwlb_by_counting(*model, k), atol=1e-12)


def test_discrete_bound_with_six_values():
    q = [0.3, 0.25, 0.2, 0.15, 0.07, 0.03]
    joint = [0.01, 0.2, 0.002, 0.05, 1e-7, 0.03]
    for k in (2, 4, 7):
        close(DiscreteModel(joint, q).iwlb(k), iwlb_by_counting(joint, q, k), atol=1e-12)


@pytest.mark.parametrize("k", [1, 2, 3, 5, 10, 50, 200, 1000])
def test_binary_bound_is_the_binomial_sum(k):
    terms = [
        float(Fraction(math.comb(k, ones), 2**k)) * math.log((0.1 * (k - ones) + 0.9 * ones) / k)
        for ones in range(k + 1)
    ]
    close(DiscreteModel(**A).iwlb(k), math.fsum(terms))


@pytest.mark.parametrize(
    ("k", "value"),
    [
        (1, -1.203972804326),
        (2, -0.948559992443),
        (3, -0.848515892841),
        (5, -0.774097398246),
        (10, -0.728777744934),
        (50, -0.699673814432),
    ],
)
def test_binary_bounds_to_twelve_digits(k, value):
    close(DiscreteModel(**A).iwlb(k), value, rtol=0, atol=6e-13)


@EXAMPLES
@given(joint=st.tuples(st.floats(1e-3, 1), st.floats(1e-3, 1)))
def test_two_draws_halve_the_gap_of_a_fair_binary_q(joint):
    fair, unfair = DiscreteModel(joint, [0.5, 0.5]), DiscreteModel([0.5, 0.2], [0.2, 0.8])
    close(fair.log_evidence - fair.iwlb(2), fair.kl / 2, atol=1e-14)
    assert abs(unfair.log_evidence - unfair.iwlb(2) - unfair.kl / 2) > 1e-3


@EXAMPLES
@given(model=discrete(), exponent=st.integers(-150, 150))
def test_discrete_bound_follows_the_scale_of_the_joint(model, exponent):
    joint, q = model
    scaled = DiscreteModel([value * 2.0**exponent for value in joint], q)
    shift = exponent * math.log(2)
    close(scaled.iwlb(7), DiscreteModel(joint, q).iwlb(7) + shift, rtol=1e-13, atol=1e-12)
    close(scaled.kl, DiscreteModel(joint, q).kl, rtol=1e-12, atol=1e-15)


@EXAMPLES
@given(model=discrete())
def test_discrete_members_from_their_definitions(model):
    joint, q = model
    evidence = math.fsum(joint)
    model = DiscreteModel(joint, q)
    close(model.log_evidence, math.log(evidence), atol=1e-15)
    pairs = list(zip(joint, q, strict=True))
    elbo = math.fsum(p * math.log(j / p) for j, p in pairs)
    close(model.elbo, elbo, atol=1e-13)
    close(model.kl, math.fsum(p * math.log(p * evidence / j) for j, p in pairs), atol=1e-13)
    close(model.chi2, math.fsum(p * (j / p / evidence - 1) ** 2 for j, p in pairs), atol=1e-13)
    assert model.kl >= 0
    torch.testing.assert_close(model.posterior, torch.tensor(joint, dtype=torch.float64) / evidence)


@pytest.mark.parametrize("e", [1e-3, 1e-6])
def test_kl_of_normals_of_nearly_equal_variances(e):
    kl = LinearGaussian(1, 0.5, 0.5 * (1 + e)).kl
    series = sum((-1) ** n * e**n / n for n in range(2, 8)) / 2  # of (e - log(1 + e)) / 2
    close(kl, series, rtol=1e-14 / e)  # the two logarithms are that far off, relative to e
    assert kl > 0


def exact_kl(joint, q):
    """In 60 decimal digits, from the double precision numbers as they are and q over its sum."""
    with localcontext() as context:
        context.prec, context.Emin = 60, -(10**6)
        joint, q = (list(map(Decimal, values)) for values in (joint, q))
        evidence, total = sum(joint), sum(q)
        q = [p / total for p in q]
        kl = sum(p * (p * evidence / j).ln() for p, j in zip(q, joint, strict=True))
        return float(kl), [float(-p / j + 1 / evidence) for p, j in zip(q, joint, strict=True)]


@pytest.mark.parametrize(
    ("joint", "q", "elbo"),
    [([1e300, 1e-300, 1.0], [0.2, 0.3, 0.5], -68.0479), ([1e-320, 1e300], [0.5, 0.5], -22.3327)],
)
def test_posterior_that_underflows(joint, q, elbo):
    joint = torch.tensor(joint, dtype=torch.float64, requires_grad=True)
    model = DiscreteModel(joint, q)
    kl, gradient = exact_kl(joint.tolist(), q)
    close(model.kl.detach(), kl)
    close(model.elbo.detach(), elbo, rtol=0, atol=5e-5)
    assert torch.equal(model.iwlb(1), model.elbo)
    close(model.iwlb(3).detach(), iwlb_by_counting(joint.tolist(), q, 3), rtol=1e-11)
    found = torch.autograd.grad(model.kl, joint)[0].tolist()
    assert found == pytest.approx(gradient, rel=1e-12, abs=1e-290)


@pytest.mark.parametrize("e", [1e-3, 1e-6, 1e-9])
def test_kl_near_the_posterior(e):
    joint = torch.tensor([0.3, 0.7], dtype=torch.float64, requires_grad=True)
    q = [0.3 + e, 0.7 - e]
    kl, gradient = exact_kl(joint.tolist(), q)
    model = DiscreteModel(joint, q)
    assert kl == pytest.approx(e**2 / 0.42, rel=10 * e)
    close(model.kl.detach(), kl, rtol=1e-15 / e)
    assert torch.autograd.grad(model.kl, joint)[0].tolist() == pytest.approx(gradient, rel=1e-15 / e)


def test_joint_with_a_sum_beyond_the_largest_number():
    model = DiscreteModel([1e308, 1.5e308], [0.5, 0.5])
    close(model.log_evidence, math.log(2.5) + 308 * math.log(10))
    close(model.posterior[0], 0.4)
    close(model.kl, DiscreteModel([0.1, 0.15], [0.5, 0.5]).kl, rtol=1e-11)
    close(model.iwlb(5), DiscreteModel([0.1, 0.15], [0.5, 0.5]).iwlb(5) + 309 * math.log(10))


def test_fields_are_copies():
    joint, q = np.array([0.05, 0.45]), torch.tensor([0.5, 0.5], dtype=torch.float64)
    variance = torch.tensor(0.64, dtype=torch.float64)
    discrete, gaussian = DiscreteModel(joint, q), LinearGaussian(1, 0.2, variance)
    joint[0] = q[0] = variance.fill_(9.0)
    assert discrete.joint.tolist() == [0.05, 0.45]
    assert discrete.q.tolist() == [0.5, 0.5]
    assert gaussian.q_variance.item() == 0.64


def test_quantities_are_differentiated_one_by_one():
    joint, q = (torch.tensor(values, dtype=torch.float64, requires_grad=True) for values in A.values())
    model = DiscreteModel(joint, q)
    for value in (model.kl, model.chi2, model.iwlb(3), model.kl):
        assert all(gradient.isfinite().all() for gradient in torch.autograd.grad(value, (joint, q)))


def test_q_of_a_float32_softmax():
    q = torch.randn(1000, generator=torch.Generator().manual_seed(0)).softmax(0)
    model = DiscreteModel(torch.full((1000,), 0.001), q)
    assert abs(q.double().sum() - 1) > 1e-9
    close(model.q.sum(), 1, rtol=1e-14)
    torch.testing.assert_close(model.q, q.double(), rtol=1e-5, atol=0)


@pytest.mark.parametrize("bad", [None, "3", 1j, [1j], ["a"], object(), np.array([1j]), torch.tensor([1j]), 10**400])
def test_fields_must_be_numbers(bad):
    for name, fields in (("joint", (bad, [1.0])), ("q", ([1.0], bad))):
        with pytest.raises(ValueError, match=f"^{name} must be of real numbers, got"):
            DiscreteModel(*fields)
    with pytest.raises(ValueError, match=r"^q_mean must be of real numbers, got"):
        LinearGaussian(1, bad, 1)


def test_arguments_of_the_models_are_checked():
    discrete, gaussian = DiscreteModel(**A), LinearGaussian(**B)
    for model in (discrete, gaussian):
        close(model.iwlb(10**15), model.log_evidence, rtol=1e-13)
        with pytest.raises(ValueError, match=r"^k must be at most 10\*\*15 so that the integral stays in range, got"):
            model.iwlb(10**15 + 1)
        for draw in (model.sample, model.sample_log_w):
            with pytest.raises(ValueError, match=r"^generator must be a torch\.Generator, got int"):
                draw(3, 0)
    for bad in (torch.tensor(2), torch.tensor([-1]), torch.tensor([0.0]), torch.tensor([True]), 0, [1]):
        with pytest.raises(ValueError, match=r"^index must be a tensor of integers from 0 to 1, got"):
            discrete.log_w(bad)
    assert discrete.log_w(torch.tensor([1, 0], dtype=torch.uint8)).shape == (2,)
    for bad in (0.5, [0.5], torch.tensor([1])):
        for density in (gaussian.log_w, gaussian.log_joint):
            with pytest.raises(ValueError, match=r"^z must be a floating-point tensor, (got|strided)"):
                density(bad)


def test_small_divergences_keep_their_digits():
    shift = 2.0**-26  # exact, so that each mass is
    model = DiscreteModel([0.5 + shift, 0.5 - shift], [0.5, 0.5])
    close(model.chi2, 4 * shift**2)
    close(model.kl, 2 * shift**2, rtol=1e-7)
    close(LinearGaussian(1, 0.5 + shift, 0.5).kl, shift**2)


def test_extremely_rare_values():
    """The draw that carries nearly all of the evidence comes once in 10^9."""
    joint, q = [1.0, 1e-30], [1e-9, 1 - 1e-9]
    model = DiscreteModel(joint, q)
    for k in (2, 3):
        close(model.iwlb(k), iwlb_by_counting(joint, q, k))
    assert model.iwlb(10**7) < -60
    close(model.iwlb(10**12), 0, atol=1e-3)


def test_q_that_misses_a_value_leaves_a_gap_for_every_k():
    model = DiscreteModel([0.3, 0.1, 0.1], [0.5, 0.5, 0.0])
    reached = math.log(0.4)
    bounds = [model.iwlb(k).item() for k in (1, 2, 10, 10**3, 10**6)]
    assert bounds == sorted(bounds)
    assert bounds[-1] <= reached < model.log_evidence.item() - 0.2
    assert reached - bounds[-1] < 1e-6
    close(model.iwlb(3), iwlb_by_counting([0.3, 0.1, 0.1], [0.5, 0.5, 0.0], 3))
    assert model.chi2.item() == math.inf
    close(model.elbo, 0.5 * math.log(0.12))
    close(model.kl, math.log(0.5) - 0.5 * math.log(0.12))


def test_q_that_can_miss_has_no_finite_bound():
    model = DiscreteModel([0.2, 0.0], [0.9, 0.1])
    for k in (1, 2, 100):
        assert model.iwlb(k).item() == -math.inf == iwlb_by_counting([0.2, 0.0], [0.9, 0.1], k)
    assert model.elbo.item() == -math.inf
    assert model.kl.item() == math.inf
    close(model.chi2, 1 / 9)
    assert DiscreteModel([0.2, 0.0], [1.0, 0.0]).iwlb(5).item() == math.log(0.2)


def test_equal_weights_leave_no_gap():
    for model in (DiscreteModel([0.1, 0.3], [0.25, 0.75]), LinearGaussian(1, 0.5, 0.5)):
        for k in (1, 2, 10, 10**6):
            close(model.iwlb(k), model.log_evidence, rtol=1e-15)
        assert abs(model.kl.item()) < 1e-16
        assert abs(model.chi2.item()) < 1e-15
    close(DiscreteModel([0.7], [1.0]).iwlb(100), math.log(0.7))


@pytest.mark.parametrize("fields", GAUSSIANS)
def test_gaussian_members_by_quadrature(fields):
    z, mass, log_w = integrand(**fields, points=1001)
    model = LinearGaussian(**fields)
    close(model.elbo, mass @ log_w, rtol=1e-8)
    # The evidence over a range that holds the prior and the posterior too.
    wide = {**fields, "q_mean": 0, "q_variance": 4}
    z, mass, log_w = integrand(**wide, points=1001)
    joint = mass * np.exp(log_w)
    close(model.log_evidence.exp(), joint.sum(), rtol=1e-8)
    mean = z @ joint / joint.sum()
    close(model.posterior_mean, mean, rtol=1e-8, atol=1e-14)
    close(model.posterior_variance, (z - mean) ** 2 @ joint / joint.sum(), rtol=1e-8)
    close(model.kl, math.log(joint.sum()) - model.elbo, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("fields", [fields for fields in GAUSSIANS if fields is not NARROW])
def test_chi2_is_the_variance_of_the_normalized_weights(fields):
    model = LinearGaussian(**fields)
    if 2 * fields["q_variance"] > model.posterior_variance:
        # Under q the square of the weights lives far out: integrate it over a wider normal.
        wide = {**fields, "q_variance": 9 * fields["q_variance"], "q_mean": float(model.posterior_mean)}
        z, mass, log_w = integrand(**wide, points=2001)
        log_q = (
            -((z - fields["q_mean"]) ** 2) / 2 / fields["q_variance"] - math.log(2 * math.pi * fields["q_variance"]) / 2
        )
        log_p = log_w + np.log(mass / (z[1] - z[0]))
        log_p -= math.log(np.exp(log_p).sum() * (z[1] - z[0]))
        close(model.chi2, np.exp(2 * log_p - log_q).sum() * (z[1] - z[0]) - 1, rtol=1e-8, atol=1e-12)


def test_chi2_is_infinite_up_to_half_the_variance_of_the_posterior():
    assert [LinearGaussian(1, 0.4, v).chi2.isinf().item() for v in (0.2, 0.25, 0.2501)] == [True, True, False]
    assert LinearGaussian(1, 0.5, 0.25).chi2.item() == math.inf


@pytest.mark.parametrize("fields", GAUSSIANS)
def test_gaussian_bound_of_two_draws_is_the_double_integral(fields):
    close(LinearGaussian(**fields).iwlb(2), iwlb_by_double_sum(fields), rtol=0, atol=1e-10)
    assert abs(LinearGaussian(**fields).iwlb(3) - iwlb_by_double_sum(fields)) > 1e-3


@pytest.mark.parametrize("fields", [B, NARROW])
def test_gaussian_bound_of_three_draws_is_the_triple_integral(fields):
    close(LinearGaussian(**fields).iwlb(3), iwlb_by_triple_sum(fields), rtol=0, atol=1e-8)


@pytest.mark.parametrize(
    "fields", [{"x": 1, "q_mean": 0.5, "q_variance": 8}, {"x": 1, "q_mean": 15, "q_variance": 0.5}]
)
def test_gaussian_bound_far_from_the_posterior(fields):
    """16 times the variance of the posterior; 20 of its standard deviations away, a KL divergence of 210 nats."""
    close(LinearGaussian(**fields).iwlb(2), iwlb_by_double_sum(fields, points=1201), rtol=0, atol=1e-8)


def test_gaussian_bounds_to_ten_digits():
    model = LinearGaussian(**B)
    close(model.log_evidence, -1.515512123485, rtol=0, atol=6e-13)
    close(model.elbo, -1.622082084519, rtol=0, atol=6e-13)
    close(model.kl, 0.106569961034, rtol=0, atol=6e-13)
    close(model.chi2, 0.1501608276, rtol=0, atol=6e-11)
    for k, value in ((2, -1.5600750476), (5, -1.5315307775), (10, -1.5232609942), (100, -1.5162652527)):
        close(model.iwlb(k), value, rtol=0, atol=6e-11)
    close(LinearGaussian(1, 0, 1).iwlb(2), -1.6534737866, rtol=0, atol=6e-11)
    close(LinearGaussian(1, 0, 1).chi2, 0.3641175048, rtol=0, atol=6e-11)


def gap_by_moments(r, mass, k):
    """The gap's series in 1/k to second order, from the variance and the third moment of the normalized weights."""
    variance, third = mass @ (r - 1) ** 2, mass @ (r - 1) ** 3
    return variance / (2 * k) + (3 * variance**2 / 4 - third / 3) / k**2


@pytest.mark.parametrize("fields", [B, GAUSSIANS[3], GAUSSIANS[5]])
def test_gap_at_large_k_follows_the_moments_of_the_weights(fields):
    _, mass, log_w = integrand(**fields, points=2001)
    model = LinearGaussian(**fields)
    r = np.exp(log_w - model.log_evidence.item())
    for k in (10**5, 10**6):
        close(model.log_evidence - model.iwlb(k), gap_by_moments(r, mass, k), rtol=0, atol=3e-15)
    first = model.chi2.item() / 2e5
    assert abs((model.log_evidence - model.iwlb(10**5)).item() - first) > 1e-12  # the second order is seen


def test_gap_at_large_k_of_the_binary_model():
    model = DiscreteModel(**A)
    for k in (10**4, 10**5, 10**6):
        gap = gap_by_moments(np.array([0.2, 1.8]), np.array([0.5, 0.5]), k)
        assert gap == pytest.approx(0.32 / k + 0.3072 / k**2, rel=1e-14)
        close(model.log_evidence - model.iwlb(k), gap, rtol=0, atol=2 / k**3 + 5e-16)


def test_rate_fails_where_chi2_is_infinite():
    model, regular = LinearGaussian(**NARROW), LinearGaussian(**B)
    scaled = [k * (model.log_evidence - model.iwlb(k)).item() for k in (1, 10, 100, 1000, 10**5)]
    assert scaled[:4] == pytest.approx([0.154, 0.494, 1.180, 2.451], abs=5e-4)
    assert scaled[4] > 9
    assert 10**5 * (regular.log_evidence - regular.iwlb(10**5)) < regular.chi2


@pytest.mark.parametrize(("fields", "k", "n"), [(B, 5, 30_000), (NARROW, 10, 20_000), (GAUSSIANS[4], 3, 2_000)])
@statistical(alarms=1e-6, effect="the bound of twice the draws")
def test_bound_is_the_mean_over_its_own_draws(fields, k, n, seed, planted):
    model = LinearGaussian(**fields)
    log_w = model.sample_log_w(n * k, torch.Generator().manual_seed(seed)).reshape(-1, k)
    return mean_is(log_w.logsumexp(1) - math.log(k), model.iwlb(2 * k if planted else k))


@statistical(alarms=1e-6, effect="the bound of four draws in place of five")
def test_discrete_bound_is_the_mean_over_its_own_draws(seed, planted):
    model = DiscreteModel(**A)
    log_w = model.sample_log_w(120_000, torch.Generator().manual_seed(seed)).reshape(-1, 5)
    return mean_is(log_w.logsumexp(1) - math.log(5), model.iwlb(4 if planted else 5))


@EXAMPLES
@given(fields=GAUSSIAN, k=st.integers(1, 200), more=st.integers(1, 200))
def test_gaussian_bound_grows_and_stays_below_the_evidence(fields, k, more):
    model = LinearGaussian(**fields)
    assert model.iwlb(k) <= model.iwlb(k + more) + 1e-13
    assert model.iwlb(k + more) <= model.log_evidence + 1e-13
    assert model.kl >= 0


@EXAMPLES
@given(fields=GAUSSIAN, k=st.integers(1, 50))
def test_gaussian_bound_does_not_know_the_origin_nor_the_sign(fields, k):
    moved = {**fields, "x": fields["x"] + 3, "intercept": fields["intercept"] + 3}
    mirrored = {**fields, "slope": -fields["slope"], "q_mean": -fields["q_mean"]}
    for other in (moved, mirrored):
        close(LinearGaussian(**other).iwlb(k), LinearGaussian(**fields).iwlb(k), atol=1e-12)
    stretched = {**fields, "q_variance": 1.5 * fields["q_variance"] + 1}
    assert abs(LinearGaussian(**stretched).iwlb(k) - LinearGaussian(**fields).iwlb(k)) > 1e-9


@pytest.mark.parametrize(
    ("k", "value"), [(1, -0.6), (4, -0.114761), (16, -0.026531), (64, -0.006511), (256, -0.001620)]
)
def test_derivative_in_the_mean_of_q(k, value):
    mean = torch.tensor(0.8, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(LinearGaussian(1, mean, 2 / 3).iwlb(k), mean)
    close(gradient, value, rtol=0, atol=6e-7)


@pytest.mark.parametrize("fields", [B, NARROW, GAUSSIANS[4]])
def test_gradient_of_two_draws_is_that_of_the_double_integral(fields):
    names = ("x", "q_mean", "q_variance", "slope", "intercept", "noise_variance")
    full = {"slope": 1.0, "intercept": 0.0, "noise_variance": 1.0, **fields}
    leaves = {name: torch.tensor(float(full[name]), dtype=torch.float64, requires_grad=True) for name in names}
    gradients = torch.autograd.grad(LinearGaussian(**leaves).iwlb(2), list(leaves.values()))
    for name, gradient in zip(names, gradients, strict=True):
        ends = [iwlb_by_double_sum({**full, name: full[name] + step}, points=301) for step in (1e-4, -1e-4)]
        close(gradient, (ends[0] - ends[1]) / 2e-4, rtol=1e-6, atol=1e-7)  # the difference is off by its step squared


@EXAMPLES
@given(model=discrete(), k=st.integers(1, 5))
def test_gradient_of_the_discrete_bound_is_that_of_the_sum(model, k):
    """By the joint: E of the normalized weights; along the simplex by q: differences of the sum."""
    joint, q = (torch.tensor(values, dtype=torch.float64) for values in model)
    log_joint, logits = joint.log().requires_grad_(), q.log().requires_grad_()

    def bound(log_joint, logits):
        return DiscreteModel(log_joint.exp(), logits.softmax(0)).iwlb(k)

    gradients = torch.autograd.grad(bound(log_joint, logits), (log_joint, logits))
    close(gradients[0].sum(), 1)  # the scale of the joint
    close(gradients[1].sum(), 0, atol=1e-12)
    direction = torch.linspace(-1, 1, len(q), dtype=torch.float64)

    def moved(step):
        mass = (q.log() + step * direction).softmax(0).tolist()
        return iwlb_by_counting((joint.log() + step * direction).exp().tolist(), mass, k)

    slope = (moved(1e-5) - moved(-1e-5)) / 2e-5
    close((gradients[0] + gradients[1]) @ direction, slope, rtol=1e-6, atol=1e-7)


def test_log_weights_are_differences_of_log_densities():
    model = LinearGaussian(**GAUSSIANS[4])
    z = model.sample(100, torch.Generator().manual_seed(0))
    normal = torch.distributions.Normal
    log_joint = normal(0.0, 1.0).log_prob(z) + normal(
        model.slope * z + model.intercept, model.noise_variance.sqrt()
    ).log_prob(model.x)
    torch.testing.assert_close(model.log_joint(z), log_joint, rtol=1e-12, atol=1e-12)
    log_q = normal(model.q_mean, model.q_variance.sqrt()).log_prob(z)
    torch.testing.assert_close(model.log_w(z), log_joint - log_q, rtol=1e-12, atol=1e-12)
    discrete = DiscreteModel(**A)
    weights = discrete.log_w(torch.tensor([[0, 1], [1, 1]])).exp()
    torch.testing.assert_close(weights, torch.tensor([[0.1, 0.9], [0.9, 0.9]], dtype=torch.float64))


@statistical(alarms=1e-6, effect="a mean off by 0.05")
def test_draws_have_the_mean_of_q(seed, planted):
    z = LinearGaussian(1, -0.3, 0.36).sample(10_000, torch.Generator().manual_seed(seed))
    return mean_is(z, -0.25 if planted else -0.3)


@statistical(alarms=1e-6, effect="a variance off by a tenth")
def test_draws_have_the_variance_of_q(seed, planted):
    z = LinearGaussian(1, -0.3, 0.36).sample(15_000, torch.Generator().manual_seed(seed))
    return spread(z + 0.3, 0.396 if planted else 0.36)


@statistical(alarms=1e-6, effect="a share off by 0.03")
def test_discrete_draws_have_the_shares_of_q(seed, planted):
    index = DiscreteModel([0.1, 0.1, 0.1], [0.2, 0.0, 0.8]).sample(15_000, torch.Generator().manual_seed(seed))
    assert index.unique().tolist() == [0, 2]
    return share((index == 2).sum().item(), 15_000, 0.77 if planted else 0.8)


@pytest.mark.parametrize("model", [DiscreteModel(**A), LinearGaussian(**B)])
def test_draws_come_from_the_generator_alone(model):
    before = torch.get_rng_state()
    first, second = (model.sample_log_w(50, torch.Generator().manual_seed(3)) for _ in range(2))
    assert first.shape == (50,)
    assert first.dtype == torch.float64
    assert torch.equal(first, second)
    assert not torch.equal(first, model.sample_log_w(50, torch.Generator().manual_seed(4)))
    assert torch.equal(before, torch.get_rng_state())


def test_gaussian_draws_are_reparameterized():
    mean, variance = (torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in (0.2, 0.64))
    z = LinearGaussian(1, mean, variance).sample(20, torch.Generator().manual_seed(0))
    gradients = torch.autograd.grad(z.sum(), (mean, variance))
    close(gradients[0], 20)
    close(gradients[1], ((z - mean) / (2 * variance)).sum().detach())


@pytest.mark.parametrize("model", [DiscreteModel(**A), LinearGaussian(**B)])
def test_values_are_double_scalars_and_fields_are_fixed(model):
    for value in (model.log_evidence, model.elbo, model.kl, model.chi2, model.iwlb(1), model.iwlb(2)):
        assert value.shape == ()
        assert value.dtype == torch.float64
    assert torch.equal(model.iwlb(1), model.elbo)
    with pytest.raises(FrozenInstanceError):
        model.q = 1


@pytest.mark.parametrize(
    ("joint", "q", "message"),
    [
        ([[0.1]], [1.0], r"joint must have shape \(m,\) with m at least 1, got shape \(1, 1\)"),
        ([], [], r"joint must have shape \(m,\) with m at least 1, got shape \(0,\)"),
        ([0.1], [[1.0]], r"q must have shape \(m,\)"),
        ([0.1, 0.2], [1.0], r"q must have the shape of joint, \(2,\), got shape \(1,\)"),
        ([0.1, -0.2], [0.5, 0.5], "joint must have nonnegative entries, got"),
        ([0.1, math.nan], [0.5, 0.5], "joint must have nonnegative entries, got"),
        ([0.0, 0.0], [0.5, 0.5], "joint must have a positive and finite sum so that x has evidence, got 0.0"),
        ([0.0, math.inf], [0.5, 0.5], "joint must have a positive and finite sum so that x has evidence, got inf"),
        ([0.1, 0.2], [1.5, -0.5], "q must have nonnegative entries, got"),
        ([0.1, 0.2], [math.nan, 1.0], "q must have nonnegative entries, got"),
        ([0.1, 0.2], [0.5, 0.4], "q must sum to 1 within 1e-5, got 0.9"),
        ([0.1, 0.2], [math.inf, 0.5], "q must sum to 1 within 1e-5, got inf"),
    ],
)
def test_what_is_no_discrete_model_is_refused(joint, q, message):
    with pytest.raises(ValueError, match=message):
        DiscreteModel(joint, q)


@pytest.mark.parametrize("name", ["x", "q_mean", "q_variance", "slope", "intercept", "noise_variance"])
def test_what_is_no_gaussian_model_is_refused(name):
    for bad in (math.nan, math.inf, torch.ones(2)):
        with pytest.raises(ValueError, match=f"^{name} must be one finite number, got"):
            LinearGaussian(**{**B, name: bad})
    if name.endswith("variance"):
        for bad in (0.0, -1.0):
            with pytest.raises(ValueError, match=f"^{name} must be positive, got {bad}"):
                LinearGaussian(**{**B, name: bad})


@pytest.mark.parametrize("model", [DiscreteModel(**A), LinearGaussian(**B)])
@pytest.mark.parametrize("count", [0, -1, 2.0, True, None, "2"])
def test_counts_must_be_positive_integers(model, count):
    with pytest.raises(ValueError, match=r"^k must be a positive integer, got"):
        model.iwlb(count)
    for draw in (model.sample, model.sample_log_w):
        with pytest.raises(ValueError, match=r"^n must be a positive integer, got"):
            draw(count, torch.Generator())


@pytest.mark.parametrize("fields", [(0.5, 50.0), (0.5, 1e6), (0.5, 1e300), (40.0, 0.5), (1e9, 0.5), (1e200, 0.5)])
def test_q_too_far_from_the_posterior_is_refused(fields):
    with pytest.raises(ValueError, match="q must be closer to the posterior so that the integral fits 8388608 points"):
        LinearGaussian(1, *fields).iwlb(2)


def test_extremely_narrow_q_is_served():
    """Near z = 1/2 the weights follow the density of q alone, whose spread in nats does not depend on its variance."""
    for variance in (1e-3, 1e-9, 1e-30):
        model = LinearGaussian(1, 0.5, variance)
        close(
            model.iwlb(2) - model.elbo,
            LinearGaussian(1, 0.5, 1e-12).iwlb(2) - LinearGaussian(1, 0.5, 1e-12).elbo,
            rtol=1e-2,
        )
        assert model.iwlb(1000) < model.log_evidence - 0.5


def test_sparse_indices_are_refused():
    model = DiscreteModel([0.5, 0.5], [0.5, 0.5])
    with pytest.raises(ValueError, match=r"^index must be a tensor of integers from 0 to 1, got tensor"):
        model.log_w(torch.tensor([0, 1]).to_sparse())
