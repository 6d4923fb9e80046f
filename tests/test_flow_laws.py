"""Flows as laws: densities by quadrature, the duality, both estimators against closed forms, refusals."""

import math
from itertools import permutations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from chance import follows, mean_is, normal, statistical
from flow_cases import float64, generator, perturbed
from hw.divergences import kl_categorical, kl_normal
from hw.flows import (
    Affine,
    AffineCoupling,
    Compose,
    Estimate,
    Flow,
    Inverse,
    MaskedAutoregressive,
    Permute,
    Planar,
    StandardNormal,
    forward_kl,
    reverse_kl,
)
from hw.flows.estimators import log_densities

FEW = settings(max_examples=25, deadline=None)


def affine(shift, log_scale):
    return Affine(float64(shift), float64(log_scale))


def planar(w, v, b):
    return Planar(float64(w), float64(v), float64(b))


def networks(d, seed, kind=MaskedAutoregressive):
    return perturbed(kind(d, [5], generator=generator(seed), activation=torch.tanh), seed, 0.3)


def standard(d):
    return StandardNormal(d).double()


def planars(d, seed, count=2):
    parts = [planar([1.0] * d, [0.5] * d, 0.1) for _ in range(count)]
    return perturbed(Compose(*parts), seed, 0.3)


@torch.no_grad()
def integral(function, d, half_width=14.0, n=1201):
    """The trapezoidal rule, which is exact but for the tails for functions that are analytic and vanish."""
    axis = torch.linspace(-half_width, half_width, n, dtype=torch.float64)
    return (function(torch.cartesian_prod(*[axis] * d).reshape(-1, d)).sum() * (axis[1] - axis[0]) ** d).item()


class Mixture:
    """A mixture of normals with one deviation each; as a base it has a density only."""

    def __init__(self, weights, means, deviations):
        self.log_weights = float64(weights).log()
        self.means, self.deviations = float64(means), float64(deviations)

    def log_prob(self, x):
        scaled = (x[..., None, :] - self.means) / self.deviations[:, None]
        d = x.shape[-1]
        each = -scaled.square().sum(-1) / 2 - d * (self.deviations.log() + math.log(2 * math.pi) / 2)
        return (self.log_weights + each).logsumexp(-1)


TWO = Mixture([0.5, 0.5], [[-1.0], [1.2]], [0.4, 0.7])


# Densities integrate to one


ONE_D = {
    "affine": lambda: affine([0.4], [-0.3]),
    "planar": lambda: planar([1.5], [0.8], 0.2),
    "inverse planar": lambda: Inverse(planar([1.5], [0.8], 0.2)),
    "planars": lambda: planars(1, 0, 3),
    "inverse planars": lambda: Inverse(planars(1, 1, 3)),
    "autoregressive": lambda: networks(1, 2),
    "mixed": lambda: Compose(planars(1, 3), networks(1, 4), Inverse(planars(1, 5)), affine([0.1], [0.2])),
}
TWO_D = {
    "planar": lambda: planar([1.5, -0.5], [0.8, 0.3], 0.2),
    "planars": lambda: planars(2, 0),
    "inverse planars": lambda: Inverse(planars(2, 1)),
    "autoregressive": lambda: networks(2, 2),
    "inverse autoregressive": lambda: Inverse(networks(2, 3)),
    "coupling": lambda: Compose(networks(2, 4, AffineCoupling), Permute([1, 0]), networks(2, 5, AffineCoupling)),
    "mixed": lambda: Compose(networks(2, 6), Permute([1, 0]), planars(2, 7, 1), affine([0.1, 0.3], [0.2, -0.1])),
}


@pytest.mark.parametrize("name", ONE_D)
def test_densities_on_the_line_integrate_to_one(name):
    flow = Flow(standard(1), ONE_D[name](), numerical=True)
    assert integral(lambda x: flow.log_prob(x).exp(), 1, 30.0, 20_001) == pytest.approx(1, abs=1e-8)
    without = integral(lambda x: flow.base.log_prob(flow.bijection.inverse(x)).exp(), 1, 30.0, 20_001)
    assert abs(without - 1) > 1e-3


@pytest.mark.parametrize("name", TWO_D)
def test_densities_of_the_plane_integrate_to_one(name):
    flow = Flow(standard(2), TWO_D[name](), numerical=True)
    size = {"half_width": 14.0, "n": 281}
    assert integral(lambda x: flow.log_prob(x).exp(), 2, **size) == pytest.approx(1, abs=1e-8)
    without = integral(lambda x: flow.base.log_prob(flow.bijection.inverse(x)).exp(), 2, **size)
    assert abs(without - 1) > 1e-3


def root(function, target, low=-1e3, high=1e3):
    """Where an increasing function of Python's floats takes a value, by bisection."""
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if function(middle) < target else (low, middle)
    return (low + high) / 2


def normal_distribution(x):
    return math.erfc(-x / math.sqrt(2)) / 2


@pytest.mark.parametrize(("w", "v", "b"), [(1.5, 0.8, 0.2), (2.0, -0.45, -0.4), (-0.7, 1.0, 1.0)])
def test_mass_of_intervals_from_the_distribution_function(w, v, b):
    """The mass of [x, y] is that of the interval of base points that map into it."""
    flow = Flow(standard(1), planar([w], [v], b), numerical=True)
    nodes, weights = map(torch.from_numpy, np.polynomial.legendre.leggauss(20))
    for low, high in ((-2.0, -0.5), (-0.5, 0.3), (0.3, 2.5)):
        half = (high - low) / 100  # of each of fifty pieces
        points = torch.arange(low + half, high, 2 * half, dtype=torch.float64)[:, None] + half * nodes
        mass = (weights * flow.log_prob(points[..., None]).exp()).sum().item() * half
        ends = [root(lambda u: u + v * math.tanh(w * u + b), end) for end in (low, high)]
        expected = normal_distribution(ends[1]) - normal_distribution(ends[0])
        assert mass == pytest.approx(expected, abs=1e-10)
        assert abs(mass - normal_distribution(high) + normal_distribution(low)) > 1e-3


@pytest.mark.parametrize("seed", range(3))
def test_a_planar_law_is_a_monotone_map_along_w_and_a_shift_across(seed):
    """By conditioning: the coordinate along w has the law of a map of one dimension, the other is moved given it."""
    map_ = perturbed(planar([1.0, 0.5], [0.5, 0.4], 0.1), seed, 0.5)
    w, v, b = map_.w.detach().numpy(), map_.v.detach().numpy(), map_.b.item()
    length = math.hypot(*w)
    along, across = w / length, np.array([-w[1], w[0]]) / length
    flow = Flow(standard(2), map_, numerical=True)
    for x in ([0.3, -0.7], [1.5, 0.2], [-0.1, 0.05], [-3.0, 2.0]):

        def moved(a):
            return a + along @ v * math.tanh(length * a + b)

        a, step = root(moved, along @ x), 1e-5
        slope = (moved(a + step) - moved(a - step)) / (2 * step)
        rest = across @ x - across @ v * math.tanh(length * a + b)
        expected = math.exp(-(a * a + rest * rest) / 2) / (2 * math.pi) / slope
        density = flow.log_prob(float64(x)).exp().item()
        assert density == pytest.approx(expected, rel=1e-8)
        assert density != pytest.approx(expected * slope, rel=1e-4)


def test_an_affine_flow_of_normals_is_normal():
    shift, log_scale, x = float64([0.5, -1.0, 2.0]), float64([0.1, -0.4, 1.0]), float64([[0.2, 0.3, 1.0]])
    flow = Flow(standard(3), Affine(shift, log_scale))
    expected = torch.distributions.Normal(shift, log_scale.exp()).log_prob(x).sum(-1)
    torch.testing.assert_close(flow.log_prob(x), expected, rtol=1e-12, atol=0)
    other = torch.distributions.Normal(shift, (-log_scale).exp()).log_prob(x).sum(-1)
    assert not torch.allclose(flow.log_prob(x), other)


def test_the_standard_normal():
    x = 3 * torch.randn(4, 3, dtype=torch.float64, generator=generator())
    expected = torch.distributions.Normal(0, 1).log_prob(x).sum(-1)
    torch.testing.assert_close(standard(3).log_prob(x), expected, rtol=1e-12, atol=0)
    assert integral(lambda x: standard(2).log_prob(x).exp(), 2, 10.0, 101) == pytest.approx(1, abs=1e-12)
    assert standard(2).rsample(3, generator()).dtype == torch.float64
    assert StandardNormal(2).rsample(3, generator()).dtype == torch.float32
    assert not StandardNormal(2).state_dict()


@statistical(alarms=1e-6, effect="a mean off by 0.1 and a correlation of 0.1")
def test_draws_of_the_standard_normal(seed, planted):
    draws = standard(2).rsample(10_000, generator(seed))
    draws = draws + 0.1 * (draws.flip(1) + 1) if planted else draws
    products = (draws[:, :, None] * draws[:, None]).flatten(1)[:, [0, 1, 3]]
    whole = follows(draws[:, 0], torch.special.ndtr) + follows(draws[:, 1], torch.special.ndtr)
    return mean_is(draws, 0) + mean_is(products, torch.tensor([1, 0, 1])) + whole


# The duality: D(P_X ‖ P_F(U)) = D(P_F⁻¹(X) ‖ P_U)


def kl(log_p, log_q, d, **size):
    return integral(lambda x: log_p(x).exp() * (log_p(x) - log_q(x)), d, **size)


def four_divergences(x, bijection, d, **size):
    """Both sides, then both of the reverse, and the first again without the log-determinant on its second side."""
    base = standard(d)
    data = Flow(base, bijection, numerical=True)  # F(U)
    back = Flow(x, Inverse(bijection), numerical=True)  # F⁻¹(X)

    def without(u):
        return x.log_prob(bijection(u))

    return (
        kl(x.log_prob, data.log_prob, d, **size),
        kl(back.log_prob, base.log_prob, d, **size),
        kl(data.log_prob, x.log_prob, d, **size),
        kl(base.log_prob, back.log_prob, d, **size),
        integral(lambda u: back.log_prob(u).exp() * (without(u) - base.log_prob(u)), d, **size),
    )


@pytest.mark.parametrize(
    ("x", "bijection", "forward", "reverse"),
    [
        (Mixture([1.0], [[1.5]], [0.8]), lambda: affine([0.7], [0.3]), 0.374382998414, 0.900386761),
        (TWO, lambda: planar([1.5], [0.8], 0.2), 0.2453862276, 0.6589119290),
    ],
)
def test_a_bijection_carries_divergences_over(x, bijection, forward, reverse):
    one, other, one_reverse, other_reverse, without = four_divergences(x, bijection(), 1, half_width=20.0, n=8001)
    assert one == pytest.approx(forward, abs=1e-9)
    assert other == pytest.approx(forward, abs=1e-9)
    assert one_reverse == pytest.approx(reverse, abs=1e-9)
    assert other_reverse == pytest.approx(reverse, abs=1e-9)
    assert abs(one - one_reverse) > 0.1
    assert abs(without - forward) > 0.1


def test_dropping_the_log_determinant_of_an_affine_map_loses_its_logarithm():
    x = Mixture([1.0], [[1.5]], [0.8])
    *_, without = four_divergences(x, affine([0.7], [0.3]), 1, half_width=20.0, n=4001)
    assert without == pytest.approx(0.374382998414 - 0.3, abs=1e-9)


@pytest.mark.parametrize("seed", range(2))
def test_a_bijection_of_the_plane_carries_divergences_over(seed):
    x = Mixture([0.3, 0.7], [[-1.0, 0.5], [0.8, -0.4]], [0.6, 0.9])
    found = four_divergences(x, planars(2, seed), 2, half_width=11.0, n=281)
    one, other, one_reverse, other_reverse, without = found
    assert one == pytest.approx(other, abs=1e-8)
    assert one_reverse == pytest.approx(other_reverse, abs=1e-8)
    assert abs(one - one_reverse) > 1e-3
    assert abs(without - other) > 1e-3


def carried(law, image):
    """The law of F(U) on finitely many outcomes, by adding up."""
    return float64([sum(p for outcome, p in enumerate(law.tolist()) if image[outcome] == x) for x in range(len(law))])


@pytest.mark.parametrize("n", [2, 3, 4])
def test_a_permutation_carries_divergences_over(n):
    p_x, p_u = torch.rand(2, n, dtype=torch.float64, generator=generator(n)).softmax(-1)
    swapped = 0
    for image in permutations(range(n)):
        one = kl_categorical(p_x, carried(p_u, image))
        other = kl_categorical(Permute(image)(p_x), p_u)  # F⁻¹(X) is u with the probability of F(u)
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-15)
        swapped += (kl_categorical(carried(p_u, image), p_x) - other).abs() > 1e-5
    assert swapped > 0


def test_a_map_that_merges_outcomes_loses_divergence():
    p, q = float64([0.5, 0.3, 0.2]), float64([0.2, 0.3, 0.5])
    assert kl_categorical(p, q).item() == pytest.approx(0.27489, abs=1e-5)
    merged = [0, 1, 0]
    assert kl_categorical(carried(p, merged), carried(q, merged)).item() == pytest.approx(0, abs=1e-15)


# A flow's three methods


FLOWS = {
    "affine": lambda: affine([0.4, 0.1], [-0.3, 0.2]),
    "autoregressive": lambda: networks(2, 2),
    "coupling": lambda: networks(2, 3, AffineCoupling),
    "planars": lambda: planars(2, 0),
    "inverse planars": lambda: Inverse(planars(2, 1)),
}


@pytest.mark.parametrize("name", FLOWS)
def test_the_density_at_own_samples(name):
    flow = Flow(standard(2), FLOWS[name](), numerical=True)
    x, log_prob = flow.rsample_and_log_prob(50, generator())
    assert (x.shape, log_prob.shape) == ((50, 2), (50,))
    torch.testing.assert_close(flow.log_prob(x), log_prob, rtol=1e-9, atol=1e-9)
    assert not torch.allclose(flow.log_prob(x + 0.1), log_prob)
    assert torch.equal(flow.rsample(50, generator()), x)
    assert flow.log_prob(x.reshape(5, 10, 2)).shape == (5, 10)
    assert flow.log_prob(x[0]).shape == ()


def test_draws_follow_the_generator_and_leave_the_global_one():
    flow, before = Flow(standard(2), networks(2, 0)), torch.get_rng_state()
    assert torch.equal(flow.rsample(5, generator(1)), flow.rsample(5, generator(1)))
    assert not torch.equal(flow.rsample(5, generator(1)), flow.rsample(5, generator(2)))
    rng = generator(1)
    assert not torch.equal(flow.rsample(5, rng), flow.rsample(5, rng))
    assert torch.equal(torch.get_rng_state(), before)


def test_draws_are_differentiable_in_the_parameters():
    flow = Flow(standard(2), FLOWS["affine"]())
    flow.rsample(7, generator()).sum().backward()
    torch.testing.assert_close(flow.bijection.shift.grad, float64([7.0, 7.0]))


@pytest.mark.parametrize(
    ("bijection", "can", "cannot", "ability"),
    [
        (lambda: planars(2, 0), ["rsample", "rsample_and_log_prob"], ["log_prob"], "have an inverse"),
        (lambda: Inverse(planars(2, 0)), ["log_prob"], ["rsample", "rsample_and_log_prob"], "map forward"),
    ],
)
def test_a_flow_refuses_what_has_no_closed_form_unless_told(bijection, can, cannot, ability):
    arguments = {"log_prob": (torch.zeros(3, 2).double(),), "rsample": (3, generator())}
    arguments["rsample_and_log_prob"] = arguments["rsample"]
    flow, told = Flow(standard(2), bijection()), Flow(standard(2), bijection(), numerical=True)
    for method in can:
        getattr(flow, method)(*arguments[method])
    instead = " and ".join(can)
    name = type(flow.bijection).__name__
    for method in cannot:
        with pytest.raises(
            ValueError,
            match=rf"bijection must {ability} in closed form so that {method} can be computed, got {name}; this flow "
            rf"can do {instead}; Flow\(base, Inverse\(bijection\)\), which is another law, can do {method}; num",
        ):
            getattr(flow, method)(*arguments[method])
        getattr(told, method)(*arguments[method])


def test_what_is_closed_in_neither_direction_refuses_both():
    part = planars(2, 0, 1)
    flow = Flow(standard(2), Compose(part, Inverse(planars(2, 1, 1))))
    with pytest.raises(ValueError, match="bijection must have an inverse in closed form"):
        flow.log_prob(torch.zeros(2).double())
    with pytest.raises(ValueError, match="bijection must map forward in closed form"):
        flow.rsample(2, generator())


class DensityOnly:
    def log_prob(self, u):
        return u.sum(-1)


class DrawsOnly:
    def rsample(self, n, generator):
        return torch.rand(n, 1, generator=generator)


def test_a_base_with_one_method():
    move = Affine(torch.ones(1), torch.zeros(1))
    density, draws = Flow(DensityOnly(), move), Flow(DrawsOnly(), move)
    assert density.log_prob(torch.tensor([3.0])) == 2
    assert (draws.rsample(5, generator()) >= 1).all()
    for method in ("rsample", "rsample_and_log_prob"):
        with pytest.raises(ValueError, match=f"base must have rsample so that the flow has {method}, got DensityOnly"):
            getattr(density, method)(2, generator())
    with pytest.raises(ValueError, match="base must have log_prob so that the flow has log_prob, got DrawsOnly"):
        draws.log_prob(torch.zeros(1))
    with pytest.raises(ValueError, match="must have log_prob so that the flow has rsample_and_log_prob, got DrawsOnly"):
        draws.rsample_and_log_prob(2, generator())
    bend = Planar(torch.ones(1), torch.ones(1), torch.tensor(0.0))
    with pytest.raises(ValueError, match="log_prob can be computed, got Planar; numerical=True solves an equation"):
        Flow(DensityOnly(), bend).log_prob(torch.zeros(1))  # it cannot draw either


def test_a_stack_of_both_kinds_has_no_direction():
    bend = Planar(torch.ones(2), torch.ones(2), torch.tensor(0.0))
    flow = Flow(StandardNormal(2), Compose(bend, Inverse(bend)))
    for call in (lambda: flow.log_prob(torch.zeros(2)), lambda: flow.rsample(2, generator())):
        with pytest.raises(ValueError, match="can be computed, got Compose; numerical=True solves an equation for it"):
            call()


class PerCoordinate(StandardNormal):
    def log_prob(self, u):
        return -u.square() / 2


def test_a_base_that_gives_more_than_one_log_density_is_refused():
    flow = Flow(PerCoordinate(2), Permute([1, 0]))
    for call in (lambda: flow.log_prob(torch.zeros(2, 2)), lambda: flow.rsample_and_log_prob(2, generator())):
        with pytest.raises(ValueError, match=r"base must give one log-density for each point .* got \(2, 2\)"):
            call()


def test_a_base_of_another_type_or_a_class_is_refused():
    with pytest.raises(ValueError, match=r"base must have the type of the bijection, torch\.float32, got .*64"):
        Flow(StandardNormal(1).double(), Affine(torch.zeros(1), torch.zeros(1)))
    with pytest.raises(ValueError, match=r"base must have log_prob\(u\) or rsample\(n, generator\), got <class"):
        Flow(StandardNormal, Permute([0]))
    inner = Flow(StandardNormal(2), Permute([1, 0]))
    assert Flow(inner, Permute([1, 0])).rsample(3, generator()).shape == (3, 2)
    with pytest.raises(ValueError, match="base must have the bijection's 3 features, got 2"):
        Flow(inner, Permute([1, 0, 2]))


def test_refusals_name_the_argument_that_was_given():
    bend = Inverse(Planar(torch.ones(2), torch.ones(2), torch.tensor(0.0)))
    with pytest.raises(ValueError, match=r"u must have shape \(\.\.\., 2\), got shape \(3,\)"):
        bend(torch.zeros(3))
    with pytest.raises(ValueError, match=r"x must have shape \(\.\.\., 2\), got shape \(3,\)"):
        Flow(StandardNormal(2), bend).log_prob(torch.zeros(3))
    flow = Flow(StandardNormal(2), bend)
    with pytest.raises(ValueError, match=r"samples must have the type of the parameters, torch\.float32, got .*64"):
        forward_kl(flow, lambda x: x.sum(-1), torch.zeros(3, 2).double())
    for estimate in (lambda: forward_kl(None, None, None), lambda: reverse_kl(None, None, 2, generator())):
        with pytest.raises(ValueError, match=r"flow must be a hw\.flows\.Flow, got NoneType"):
            estimate()
    with pytest.raises(ValueError, match=r"log_density must return a floating-point tensor, .* got dtype torch\.bool"):
        forward_kl(flow, lambda x: x.sum(-1) > 0, torch.zeros(3, 2))


def test_a_reverse_divergence_of_a_broken_flow_is_refused():
    flow = Flow(StandardNormal(1), Affine(torch.zeros(1), torch.zeros(1)))
    with torch.no_grad():
        flow.bijection.log_scale.fill_(torch.inf)
    with pytest.raises(ValueError, match="the flow's log_prob must be finite so that the divergence has an estimate"):
        reverse_kl(flow, lambda x: torch.zeros(len(x)), 5, generator())


def test_a_flow_may_be_the_base_of_another():
    first, second = affine([0.4], [0.1]), affine([-1.0], [0.3])
    nested, x = Flow(Flow(standard(1), first), second), float64([[0.3], [1.0]])
    torch.testing.assert_close(nested.log_prob(x), Flow(standard(1), Compose(first, second)).log_prob(x))
    assert not torch.allclose(nested.log_prob(x), Flow(standard(1), Compose(second, first)).log_prob(x))
    torch.testing.assert_close(nested.rsample(3, generator()), second(first(standard(1).rsample(3, generator()))))
    assert len(list(nested.parameters())) == 4


def test_what_makes_no_flow_is_refused():
    bijection, normal = Affine(torch.zeros(2), torch.zeros(2)), StandardNormal(2)
    base = torch.distributions.Normal(torch.zeros(2), torch.ones(2))
    expected = r"base must take a generator so that draws can be repeated.*, got Normal of torch\.distributions"
    with pytest.raises(ValueError, match=expected):
        Flow(base, bijection)
    for bad in (None, 3.0, nn.Linear(2, 2)):
        with pytest.raises(ValueError, match=r"base must have log_prob\(u\) or rsample\(n, generator\), got"):
            Flow(bad, bijection)
    for bad in (torch.tanh, None, nn.Linear(2, 2)):
        with pytest.raises(ValueError, match=r"bijection must be a hw\.flows\.Bijection, got"):
            Flow(normal, bad)
    with pytest.raises(ValueError, match="base must have the bijection's 2 features, got 3"):
        Flow(StandardNormal(3), bijection)


def test_points_and_numbers_that_a_law_does_not_have_are_refused():
    flow, normal = Flow(StandardNormal(2), Affine(torch.zeros(2), torch.zeros(2))), StandardNormal(2)
    for bad in (torch.zeros(3), torch.zeros(()), torch.zeros(2, 1)):
        with pytest.raises(ValueError, match=r"u must have shape \(\.\.\., 2\), got shape"):
            normal.log_prob(bad)
        with pytest.raises(ValueError, match=r"x must have shape \(\.\.\., 2\), got shape"):
            flow.log_prob(bad)
    with pytest.raises(ValueError, match=r"u must have the type of the parameters, torch\.float32, got .*64"):
        normal.log_prob(torch.zeros(2).double())
    for law in (normal, flow):
        for bad in (0, -1, 1.5, True):
            with pytest.raises(ValueError, match="n must be a positive integer, got"):
                law.rsample(bad, generator())
        for bad in (None, 0):
            with pytest.raises(ValueError, match=r"generator must be a torch\.Generator, got"):
                law.rsample(2, bad)
    for bad in (0, 2.0, True):
        with pytest.raises(ValueError, match="features must be a positive integer, got"):
            StandardNormal(bad)


# Estimates of the divergences


def affine_flow(d=2):
    return Flow(standard(d), affine([0.4, -0.3][:d], [0.2, -0.1][:d]))


def exact_kl(flow, reverse):
    """Between the standard normal and the affine flow of it, in closed form."""
    zero = torch.zeros_like(flow.bijection.shift)
    pair = [(zero, zero), (flow.bijection.shift, 2 * flow.bijection.log_scale)]
    first, second = reversed(pair) if reverse else pair
    return kl_normal(*first, *second)


def estimate(flow, reverse, n, seed, log_density=None):
    target = standard(flow.bijection.features)
    log_density = log_density or target.log_prob
    if reverse:
        return reverse_kl(flow, log_density, n, generator(seed))
    return forward_kl(flow, log_density, target.rsample(n, generator(seed)))


@pytest.mark.parametrize("reverse", [False, True])
@statistical(alarms=1e-6, effect="the divergence of the other order")
def test_estimates_differ_from_the_divergence_by_their_standard_errors(reverse, seed, planted):
    flow = affine_flow()
    value, error = estimate(flow, reverse, 60_000, seed)
    assert not error.requires_grad
    assert value.requires_grad
    return normal((value - exact_kl(flow, reverse != planted)) / error)


def test_an_estimate_is_a_mean_with_its_error():
    flow, x = affine_flow(), float64([[0.1, 0.2], [1.0, -1.0], [0.5, 0.0]])
    found = forward_kl(flow, standard(2).log_prob, x)
    terms = (standard(2).log_prob(x) - flow.log_prob(x)).tolist()
    mean = sum(terms) / 3
    assert isinstance(found, Estimate)
    assert found.value.item() == pytest.approx(mean, rel=1e-12)
    deviation = math.sqrt(sum((each - mean) ** 2 for each in terms) / 2)
    assert found.standard_error.item() == pytest.approx(deviation / math.sqrt(3), rel=1e-12)


@pytest.mark.parametrize("reverse", [False, True])
@statistical(alarms=1e-6, effect="a variance off by a tenth")
def test_standard_errors_are_right(reverse, seed, planted):
    """Each term is a quadratic a z² + b z + constant of a standard normal z, with variance 2 a² + b²."""
    m, s, n = 0.4, math.exp(0.2), 70_000
    flow = affine_flow(1)
    a, b = ((s * s - 1) / 2, m * s) if reverse else ((s**-2 - 1) / 2, -m / s**2)
    variance = 2 * a * a + b * b
    found = estimate(flow, reverse, n, seed).standard_error.item() ** 2 * n
    fourth = 60 * a**4 + 60 * a * a * b * b + 3 * b**4  # of the centered term
    error = math.sqrt((fourth - variance**2) / n)
    return normal((found - (1.1 if planted else 1) * variance) / error)


@statistical(alarms=1e-6, effect="draws cut from the parameters: the path is what carries the gradient")
def test_the_gradient_of_the_reverse_estimate_is_unbiased(seed, planted):
    flow, target, rows, rng = affine_flow(), standard(2), [], generator(seed)
    parameters = list(flow.parameters())
    exact = torch.cat(torch.autograd.grad(exact_kl(flow, True), parameters))
    for _ in range(30):
        if planted:
            x = flow.rsample(100, rng).detach()
            value = (flow.log_prob(x) - target.log_prob(x)).mean()
        else:
            value = reverse_kl(flow, target.log_prob, 100, rng).value
        rows.append(torch.cat(torch.autograd.grad(value, parameters)))
    return mean_is(torch.stack(rows), exact)


def test_the_gradient_of_the_forward_estimate_is_that_of_the_likelihood():
    flow, x = affine_flow(), standard(2).rsample(10, generator())
    value = forward_kl(flow, standard(2).log_prob, x).value
    found = torch.autograd.grad(value, list(flow.parameters()))
    expected = torch.autograd.grad(-flow.log_prob(x).mean(), list(flow.parameters()))
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("reverse", [False, True])
def test_a_target_that_is_not_normalized_moves_the_estimate_by_its_logarithm(reverse):
    flow, target = affine_flow(), standard(2)
    one = estimate(flow, reverse, 100, 0)
    other = estimate(flow, reverse, 100, 0, lambda x: target.log_prob(x) + 3)
    moved = -3 if reverse else 3
    assert (other.value - one.value).item() == pytest.approx(moved, rel=1e-12)
    torch.testing.assert_close(other.standard_error, one.standard_error, rtol=1e-9, atol=0)
    assert not reverse or other.value < 0


@statistical(alarms=1e-6, effect="the divergence of the other order")
def test_the_reverse_estimate_of_a_planar_flow(seed, planted):
    value, error = reverse_kl(Flow(standard(1), planar([1.5], [0.8], 0.2)), TWO.log_prob, 2_000, generator(seed))
    return normal((value - (0.2453862276 if planted else 0.6589119290)) / error)


def test_planar_flows_have_the_estimate_that_fits_their_direction():
    target, map_ = standard(1), planar([1.5], [0.8], 0.2)
    samples, bases = Flow(TWO, map_), Flow(target, Inverse(map_))
    with pytest.raises(ValueError, match="base must have rsample"):
        reverse_kl(samples, TWO.log_prob, 10, generator())
    with pytest.raises(ValueError, match="bijection must map forward in closed form"):
        reverse_kl(bases, TWO.log_prob, 10, generator())
    with pytest.raises(ValueError, match="bijection must have an inverse in closed form"):
        forward_kl(Flow(target, map_), TWO.log_prob, torch.zeros(3, 1).double())


@FEW
@given(
    shift=st.floats(-3, 3),
    log_scale=st.floats(-1, 1),
    n=st.integers(2, 50),
    seed=st.integers(0, 2**31),
    d=st.integers(1, 4),
)
def test_a_law_and_itself_are_zero_apart_at_every_draw(shift, log_scale, n, seed, d):
    flow = Flow(standard(d), affine([shift] * d, [log_scale] * d))
    for value, error in (
        reverse_kl(flow, flow.log_prob, n, generator(seed)),
        forward_kl(flow, flow.log_prob, flow.rsample(n, generator(seed))),
    ):
        assert abs(value) < 1e-12
        assert error < 1e-12


def test_samples_that_are_no_samples_are_refused():
    flow, target = affine_flow(), standard(2).log_prob
    for bad in (None, [[0.0, 0.0]], torch.zeros(2).double(), torch.zeros(1, 2).double(), torch.zeros(2, 2, 2).double()):
        with pytest.raises(ValueError, match=r"samples must have shape \(n, d\) with n at least 2, got"):
            forward_kl(flow, target, bad)
    for value in (math.nan, math.inf):
        with pytest.raises(ValueError, match="samples must be finite so that they have a density, got"):
            forward_kl(flow, target, float64([[0.0, value], [0.0, 0.0]]))
    with pytest.raises(ValueError, match=r"samples must have shape \(\.\.\., 2\)"):
        forward_kl(flow, lambda x: x.sum(-1), torch.zeros(2, 3).double())


def test_numbers_of_draws_are_refused():
    flow, target = affine_flow(), standard(2).log_prob
    for bad in (0, -2, 2.0, True, None):
        with pytest.raises(ValueError, match="n must be a positive integer, got"):
            reverse_kl(flow, target, bad, generator())
    with pytest.raises(ValueError, match="n must be at least 2 so that there is a standard error, got 1"):
        reverse_kl(flow, target, 1, generator())
    with pytest.raises(ValueError, match=r"generator must be a torch\.Generator, got NoneType"):
        reverse_kl(flow, target, 2, None)


@pytest.mark.parametrize("reverse", [False, True])
def test_targets_that_are_no_log_densities_are_refused(reverse):
    flow = affine_flow()
    for bad in (0.0, torch.zeros(3)):
        with pytest.raises(ValueError, match="log_density must be callable, got"):
            forward_kl(flow, bad, torch.zeros(3, 2).double())
        with pytest.raises(ValueError, match="log_density must be callable, got"):
            reverse_kl(flow, bad, 3, generator())
    for bad in (lambda x: x, lambda x: x.sum(), lambda x: x.sum(-1, keepdim=True), lambda x: 0.0, lambda x: x[1:, 0]):
        with pytest.raises(ValueError, match=r"log_density must return one value for each point, shape \(3,\), got"):
            estimate(flow, reverse, 3, 0, bad)
    for value in (-math.inf, math.inf, math.nan):
        expected = rf"log_density must be finite so that the divergence has an estimate, got {value} at 2 of 2"
        with pytest.raises(ValueError, match=expected):
            estimate(flow, reverse, 2, 0, lambda x, value=value: torch.full_like(x[:, 0], value))
    assert torch.equal(log_densities(lambda x: x[:, 0], torch.ones(3, 2)), torch.ones(3))


def test_a_flow_without_a_density_at_a_sample_is_refused():
    flow = Flow(standard(1), affine([0.0], [-400.0]))
    with pytest.raises(ValueError, match="the flow's log_prob must be finite so that the divergence has an estimate"):
        forward_kl(flow, standard(1).log_prob, float64([[0.5], [1.0]]))
