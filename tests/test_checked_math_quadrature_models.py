"""The models on the line and in the plane: each meaning by a second route, and cases where it must fail."""

import cmath
import math
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice
from random import Random
from statistics import NormalDist

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chance import share, statistical
from hw.checked_math.arithmetic import DIGITS, EXACT, FLOAT
from hw.checked_math.models import line_two_densities as line_module
from hw.checked_math.models import smooth_bijection
from hw.checked_math.models.bijection import BIJECTION
from hw.checked_math.models.finite_bijection import FiniteBijection
from hw.checked_math.models.finite_two_densities import best_chance, free_number
from hw.checked_math.models.line_two_densities import line_two_densities
from hw.checked_math.models.line_two_densities import on_line as pair_on_line
from hw.checked_math.models.linear_gaussian import LINEAR_GAUSSIAN, LinearGaussianInstance, NormalJoint, NormalLine
from hw.checked_math.models.model import Law
from hw.checked_math.models.quadrature import derivative, free_values, trapezoid
from hw.checked_math.models.smooth_bijection import in_plane, on_line, smooth_bijections
from hw.checked_math.models.smooth_laws import Mixture, Monotone, PlanarFlow, Tilted, image_density
from hw.checked_math.models.two_densities import TWO_DENSITIES
from hw.checked_math.pages import check_text

SORTS = {"X": "x", "U": "u", "F(U)": "x", "F^{-1}(X)": "u"}
UNIT = Mixture(((1.0, 0.0, 1.0),))
AFFINE = on_line(Monotone(math.exp(0.3), 0.7), Mixture(((1.0, 1.5, 0.8),)), UNIT)
BENT = on_line(Monotone(1.0, 0.0, 0.8, 1.5, 0.2), Mixture(((0.5, -1.0, 0.4), (0.5, 1.2, 0.7))), UNIT)
TURN = PlanarFlow(0.6, Monotone(1.0, 0.0, 0.8, 0.8, 0.3), 0.5)
PLANE = in_plane(
    TURN,
    Tilted(Mixture(((1.0, 0.4, 1.1),)), 0.2, 0.3, 0.9),
    Tilted(Mixture(((1.0, -0.2, 0.9),)), 0.0, 0.2, 0.8),
)
SMOOTH = list(BIJECTION.instances(Random(7), frozenset({"det"})))
ORACLE_B = LinearGaussianInstance(
    NormalJoint(NormalLine(0.0, 0.0, 1.0), NormalLine(1.0, 0.0, 1.0)),
    NormalLine(0.0, 0.2, 0.8),
    NormalLine(0.0, 0.0, 1.0),
)


def finite(seed=1, *more):
    return list(BIJECTION.instances(Random(seed), frozenset({"sum", *more})))


def kl(instance, first, second):
    p, q = instance.density(first), instance.density(second)
    terms = ((weight, p(at), q(at)) for at, weight in instance.space(SORTS[first]))
    return math.fsum(weight * p * (math.log(p / q) if q else math.inf) for weight, p, q in terms if p)


@pytest.mark.parametrize("share", [-0.9, 0.1, 0.35, 0.6, 0.9])
@pytest.mark.parametrize("rate", [0.7, 1.19])
def test_a_divergence_is_the_same_on_both_sides_of_a_bent_map(share, rate):
    """The nodes are as close as the logarithm of the slope asks for, which is singular where the slope is 0."""
    flow = Monotone(1.14, 0.408, -share * 1.14 / rate, rate, -0.142)
    instance = on_line(flow, Mixture(((1.0, 0.219, 1.04),)), Mixture(((1.0, 0.0348, 1.19),)))
    assert kl(instance, "U", "F^{-1}(X)") == pytest.approx(kl(instance, "F(U)", "X"), rel=instance.tolerance / 10)


def test_half_of_the_nodes_are_too_few_for_a_bent_map():
    flow = Monotone(1.14, 0.408, -0.335, 1.19, -0.142)
    instance = on_line(flow, Mixture(((1.0, 0.219, 1.04),)), Mixture(((1.0, 0.0348, 1.19),)))
    half = tuple((at, 2 * weight) for at, weight in instance.space("u")[::2])
    fewer = replace(instance, spaces={**instance.spaces, "u": half})
    assert kl(fewer, "U", "F^{-1}(X)") != pytest.approx(kl(instance, "F(U)", "X"), rel=instance.tolerance)


def total(instance, label):
    density = instance.density(label)
    return math.fsum(weight * density(at) for at, weight in instance.space(SORTS[label]))


def determinant(matrix):
    if len(matrix) == 1:
        return matrix[0][0]
    (a, b), (c, d) = matrix
    return a * d - b * c


def gaussian(instance, letter, left, right=(), label=""):
    return instance.density(LINEAR_GAUSSIAN.law(Law(letter, label), tuple(left), tuple(right)))


def status(model, latex, assume=""):
    options = f'assume="{assume}"' if assume else ""
    (record,) = check_text(f'```math id="claim" model="{model}" {options}\n{latex}\n```\n', "page.md")
    return record.status


# ---- instances are not tame ----

BOUND = r"\mathbb{E}_{q(z|x)}\left[\log\frac{p(x,z)}{q(z|x)}\right]"


@pytest.mark.parametrize(
    ("model", "latex", "assume", "expected"),
    [
        ("linear-gaussian", r"p(x) \le 1", "", "refuted"),
        ("linear-gaussian", r"p(x) \le 1", "q = posterior", "refuted"),
        ("linear-gaussian", r"p(x) > 0", "", "checked"),
        ("linear-gaussian", r"H(q(z|x)) \ge 0", "", "refuted"),
        ("linear-gaussian", r"\chi^2(p(z|x)\|q(z|x)) \le 3", "", "refuted"),
        ("linear-gaussian", r"\chi^2(q(z|x)\|p(z|x)) \le 3", "", "refuted"),
        ("linear-gaussian", r"\chi^2(p(z|x)\|q(z|x)) \ge 0", "", "checked"),
        ("linear-gaussian", r"D_{KL}(q(z|x)\|p(z|x)) \le 1", "", "refuted"),
        ("linear-gaussian", r"D_{KL}(p(z|x)\|q(z|x)) \le 1", "", "refuted"),
        (
            "linear-gaussian",
            r"D_{KL}(q(z|x)\|p(z|x)) \le \log(1+\chi^2(q(z|x)\|p(z|x)))",
            "",
            "checked",
        ),
        ("linear-gaussian", rf"\log p(x) = {BOUND} + D_{{KL}}(q(z|x)\|p(z|x))", "", "checked"),
        ("linear-gaussian", rf"\log p(x) = {BOUND}", "q = posterior", "checked"),
        ("linear-gaussian", rf"\log p(x) = {BOUND}", "", "refuted"),
        ("two-densities", r"f_0(x) \le 1", "", "refuted"),  # true on finite sets
        ("two-densities", r"\int f_0(x)\,\mathrm dx = 1", "", "checked"),
        ("two-densities", r"\int f_0(x)^2\,\mathrm dx \le 1", "", "refuted"),
        ("two-densities", r"\int \max(f_0(x) - f_1(x), 0)\,\mathrm dx = D_{TV}(f_0,f_1)", "", "checked"),
        ("two-densities", r"\mathbb{E}_{x\sim f_1}[\log D^*(x)] \ge -\log 2", "", "checked"),
        (
            "two-densities",
            r"\mathbb{E}_{x\sim f_1}[h(x)/D^*(x)] = \mathbb{E}_{x\sim f_0}[h(x)/(1-D^*(x))]",
            "",
            "refuted",
        ),
        (
            "two-densities",
            r"\mathbb{E}_{x\sim f_1}[h(x)/D^*(x)] = \mathbb{E}_{x\sim f_0}[h(x)/(1-D^*(x))]",
            "positive",
            "checked",
        ),
        ("bijection", r"H(P_X) \ge 0", "", "refuted"),
        ("bijection", r"p_X(x) \le 1", "", "refuted"),
        ("bijection", r"p_X(x) \ge 0", "", "checked"),
        ("bijection", r"p_U(u) \le 1", "", "refuted"),
        ("bijection", r"|\det J_F(u)| \ge 1/4", "", "refuted"),
        ("bijection", r"|\det J_F(u)| \le 4", "", "refuted"),
        ("bijection", r"|\det J_F(u)| > 0", "", "checked"),
        ("bijection", r"D_{KL}(P_X\|P_{F(U)}) = D_{KL}(P_{F^{-1}(X)}\|P_U)", "", "checked"),
    ],
)
def test_instances_are_wide_enough_for_false_bounds(model, latex, assume, expected):
    assert status(model, latex, assume) == expected


@pytest.mark.parametrize("seed", range(4))
def test_linear_gaussian_masses_and_the_gap_in_all_units_and_far_out(seed):
    deviations = set()
    for instance in LINEAR_GAUSSIAN.instances(Random(seed), frozenset({"assume:q = posterior"})):
        q, joint, posterior = (gaussian(instance, *law) for law in (("q", "z", "x"), ("p", "xz"), ("p", "z", "x")))
        marginal, nodes, law = gaussian(instance, "p", "x"), instance.space("z"), instance.joint.x
        assert sum(w * marginal(x) for x, w in instance.space("x")) == pytest.approx(1, abs=1e-9)
        for far in (-instance.spread, 0.0, instance.spread):
            x = law.shift + far * law.deviation
            assert sum(w * q(z, x) for z, w in nodes) == pytest.approx(1, abs=1e-9)
            assert sum(w * posterior(z, x) for z, w in nodes) == pytest.approx(1, abs=1e-9)
            elbo = sum(w * q(z, x) * math.log(joint(x, z) / q(z, x)) for z, w in nodes)
            gap = sum(w * q(z, x) * math.log(q(z, x) / posterior(z, x)) for z, w in nodes)
            assert math.log(marginal(x)) == pytest.approx(elbo + gap, rel=1e-8, abs=1e-8)
            assert max(joint(x, z) / q(z, x) for z, _ in nodes) < 5e10  # larger ones hide a sum of weights in float64
        deviations |= {law.deviation, instance.joint.z.deviation}
    assert min(deviations) < 0.1 < 10 < max(deviations)


def test_the_posterior_is_q_in_many_instances_where_that_is_assumed():
    assumed = list(LINEAR_GAUSSIAN.instances(Random(0), frozenset({"assume:q = posterior"})))
    others = list(LINEAR_GAUSSIAN.instances(Random(0), frozenset({"kink", "mean"})))
    assert [sum(each.holds("q = posterior") for each in found) for found in (assumed, others)] == [7, 1]
    with pytest.raises(ValueError, match="an integrand must be continuous to be integrated accurately, got one with a"):
        list(LINEAR_GAUSSIAN.instances(Random(0), frozenset({"jump", "mean"})))


# ---- what the models are made of ----


@pytest.mark.parametrize("at", [-0.7, 0.0, 2.0])
def test_derivative_of_a_polynomial_of_degree_eight_is_exact(at):
    assert derivative(lambda t: t**8, at, 0.1) == pytest.approx(8 * at**7, abs=1e-11)
    assert derivative(lambda t: t**9, at, 0.5) != pytest.approx(9 * at**8, abs=1e-3)  # degree nine is too much


def test_trapezoid_rule_converges_exponentially_for_a_normal_density():
    density = NormalDist().pdf
    errors = [abs(sum(w * density(x) for x, w in trapezoid(-9, 9, step)) - 1) for step in (2.0, 1.5, 1.0, 0.75)]
    assert errors[3] < 1e-12 < errors[2] < 1e-7 < errors[1] < errors[0]


@pytest.mark.parametrize("slope", [1.0, -0.8])
@pytest.mark.parametrize("ratio", [-0.9, 0.0, 0.9, 5.0])
def test_inverse_of_a_monotone_map(slope, ratio):
    flow = Monotone(slope, 0.3, ratio * slope / 1.5, 1.5, -0.2)
    for n in range(-60, 61):
        assert flow.inverse(flow(n / 5)) == pytest.approx(n / 5, rel=1e-13, abs=1e-14)


def test_image_density_has_small_relative_error_far_out():
    density = image_density(UNIT, lambda y: math.log(y), 0.001)  # log-normal, known in closed form
    for y in (0.05, 0.3, 1.0, 7.0, 300.0):
        assert density(y) == pytest.approx(NormalDist().pdf(math.log(y)) / y, rel=1e-10)
    assert density(0.01) != pytest.approx(NormalDist().pdf(math.log(0.01)) / 0.01, rel=1e-7)  # the step is too long
    far = image_density(UNIT, lambda y: -y / 2, 0.02)  # decreasing: the tails change places
    for y in (-40.0, -20.0, 0.0, 20.0, 40.0):
        assert far(y) == pytest.approx(NormalDist(0, 2).pdf(y), rel=1e-11)
    assert far(100.0) == 0.0


def test_mixture_tails_add_up_and_agree_with_the_standard_library():
    law = Mixture(((0.3, -1.0, 0.5), (0.7, 1.0, 1.5)))
    for x in (-3.0, -1.0, 0.2, 4.0):
        below = 0.3 * NormalDist(-1, 0.5).cdf(x) + 0.7 * NormalDist(1, 1.5).cdf(x)
        assert law.below(x) == pytest.approx(below, rel=1e-12)
        assert law.below(x) + law.above(x) == pytest.approx(1, rel=1e-14)


def test_free_values_keep_counts_and_indices_in_order():
    variables = {"x": "x", "k": "count", "m": "count", "i": "index"}
    drawn = [free_values(variables, {"z": "z"}, Random(seed), lambda sort: sort) for seed in range(60)]
    assert {(values["k"], values["m"]) for values in drawn} == {(1, 1), (2, 1), (2, 2)}
    assert {(values["k"], values["i"]) for values in drawn} == {(1, 1), (2, 1), (2, 2)}
    assert all(values["family z"] == dict.fromkeys(range(1, 7), "z") and values["x"] == "x" for values in drawn)


# ---- linear-gaussian ----


def test_linear_gaussian_oracle():
    q, joint = gaussian(ORACLE_B, "q", "z", "x"), gaussian(ORACLE_B, "p", "xz")
    posterior, nodes = gaussian(ORACLE_B, "p", "z", "x"), ORACLE_B.space("z")
    assert math.log(gaussian(ORACLE_B, "p", "x")(1.0)) == pytest.approx(-1.515512123485, abs=1e-12)
    elbo = sum(w * q(z, 1.0) * math.log(joint(1.0, z) / q(z, 1.0)) for z, w in nodes)
    assert elbo == pytest.approx(-1.622082084519, abs=1e-11)
    gap = sum(w * q(z, 1.0) * math.log(q(z, 1.0) / posterior(z, 1.0)) for z, w in nodes)
    assert gap == pytest.approx(0.106569961034, abs=1e-11)
    assert sum(w * posterior(z, 1.0) ** 2 / q(z, 1.0) for z, w in nodes) - 1 == pytest.approx(0.1501608276, abs=1e-9)
    weights = [(w * q(z, 1.0), joint(1.0, z) / q(z, 1.0)) for z, w in nodes]
    two = sum(a * b * math.log((v + w) / 2) for a, v in weights for b, w in weights)
    assert two == pytest.approx(-1.5600750476, abs=1e-9)
    assert elbo < two - 0.05 < math.log(gaussian(ORACLE_B, "p", "x")(1.0))  # three values, not one


@pytest.mark.parametrize("label", ["", r"\theta"])
def test_linear_gaussian_closed_forms_agree_with_quadrature(label):
    for instance in LINEAR_GAUSSIAN.instances(Random(3), frozenset()):
        x = instance.draw({"x": "x"}, {}, Random(1))["x"]
        joint, nodes = gaussian(instance, "p", "xz", label=label), instance.space("z")
        marginal, posterior = (gaussian(instance, "p", "x", label=label), gaussian(instance, "p", "z", "x", label))
        assert sum(w * joint(x, z) for z, w in nodes) == pytest.approx(marginal(x), rel=1e-11)
        mean, deviation = (
            instance.joint.z_given_x.slope * x + instance.joint.z_given_x.shift,
            instance.joint.z.deviation,
        )
        for z in (mean - deviation, mean + 0.3 * deviation):
            assert posterior(z, x) * marginal(x) == pytest.approx(joint(x, z), rel=1e-12)
            assert gaussian(instance, "p", "zx", label=label)(z, x) == joint(x, z)
            elsewhere = marginal(x + 0.1 * instance.joint.x.deviation)
            assert posterior(z, x) * elsewhere != pytest.approx(joint(x, z), rel=1e-6, abs=0)
        for density in (posterior, gaussian(instance, "q", "z", "x", label)):
            assert sum(w * density(z, x) for z, w in nodes) == pytest.approx(1, abs=1e-11)
        assert sum(w * marginal(at) for at, w in instance.space("x")) == pytest.approx(1, abs=1e-11)
        assert sum(w * gaussian(instance, "q", "z", label=label)(z) for z, w in nodes) == pytest.approx(1, abs=1e-11)


def test_linear_gaussian_quadrature_is_within_its_tolerance_of_a_closed_form():
    for instance in LINEAR_GAUSSIAN.instances(Random(5), frozenset()):
        x = instance.draw({"x": "x"}, {}, Random(2))["x"]
        q, p, exact = instance.recognition, gaussian(instance, "p", "z", "x"), instance.joint.z_given_x
        density = gaussian(instance, "q", "z", "x")
        numeric = sum(w * density(z, x) * math.log(density(z, x) / p(z, x)) for z, w in instance.space("z"))
        shift = (q.slope - exact.slope) * x + q.shift - exact.shift
        ratio = (q.deviation / exact.deviation) ** 2
        closed = (ratio - 1 - math.log(ratio) + (shift / exact.deviation) ** 2) / 2
        assert numeric == pytest.approx(closed, abs=1e-10)
    assert instance.tolerance >= 1e-10


def test_linear_gaussian_densities_never_vanish_at_the_nodes():
    for instance in LINEAR_GAUSSIAN.instances(Random(4), frozenset()):
        joint, q = gaussian(instance, "p", "xz"), gaussian(instance, "q", "z", "x", r"\phi")
        corners = [(x, z) for x, _ in instance.space("x") for z, _ in instance.space("z")]
        assert min(joint(x, z) * q(z, x) for x, z in corners) > 0


def test_labels_name_laws_of_their_own_but_the_corners_have_one():
    corner, _, _, _, *rest = LINEAR_GAUSSIAN.instances(Random(6), frozenset())
    again = list(LINEAR_GAUSSIAN.instances(Random(6), frozenset()))
    for instance, same in zip(rest, again[4:], strict=True):
        values = [gaussian(instance, "p", "x", label=label)(0.4) for label in ("", r"\theta", r"\phi", r"\theta'")]
        assert len(set(values)) == 4
        assert gaussian(same, "p", "x", label=r"\phi")(0.4) == values[2]
    factors = {instance._joint(r"\theta").z.deviation / instance.joint.z.deviation for instance in rest}
    assert len(factors) == len(rest)  # how far a label lies from no label is drawn anew for each instance
    assert gaussian(corner, "p", "x", label=r"\theta")(0.4) == gaussian(corner, "p", "x")(0.4)
    assert gaussian(corner, "q", "z", "x", r"\phi")(0.1, 0.4) == gaussian(corner, "p", "z", "x")(0.1, 0.4)


def test_linear_gaussian_names_what_it_knows():
    with pytest.raises(ValueError, match=r"one of p\(x\), p\(z\), p\(x,z\)"):
        LINEAR_GAUSSIAN.law(Law("p"), ("x",), ("x",))
    with pytest.raises(ValueError, match=r"one of q\(z\\mid x\), q\(z\), got q_\\phi\(x\)"):
        LINEAR_GAUSSIAN.law(Law("q", r"\phi"), ("x",), ())
    for law in (Law("p", "X"), Law("f"), Law("p", "F(U)")):
        with pytest.raises(ValueError, match="p or q"):
            LINEAR_GAUSSIAN.law(law, ("x",), ())
    assert LINEAR_GAUSSIAN.bare(Law("q", r"\phi")) == (("z",), ("x",))
    with pytest.raises(ValueError, match="with its variables"):
        LINEAR_GAUSSIAN.bare(Law("p"))
    with pytest.raises(ValueError, match="without functions"):
        ORACLE_B.function("F")
    with pytest.raises(ValueError, match="without functions"):
        ORACLE_B.jacobian("F", 0.0)


def test_linear_gaussian_words_show_the_laws_used():
    words = ORACLE_B.words(frozenset({r"q_\phi(z|x)", r"q_\phi", "p(x|)", "log"}))
    assert words == [
        ("p(z)", "N(0, 1²)"),
        (r"p(x\mid z)", "N(z, 1²)"),
        (r"q_\phi(z\mid x)", "N(0.2, 0.8²)"),
    ]
    assert ORACLE_B.words(frozenset({"q(z|)"})) == [("q(z)", "N(0, 1²)")]


def test_linear_gaussian_shrinks_to_rounded_parameters():
    *_, instance, _, _, scaled = LINEAR_GAUSSIAN.instances(Random(8), frozenset())
    assert list(scaled.smaller()) == []  # a digit after the point would be too coarse
    (simpler,) = instance.smaller()
    assert simpler.joint.z.deviation == round(instance.joint.z.deviation, 1)
    assert list(simpler.smaller()) == []
    assert all(instance.holds(name) for name in LINEAR_GAUSSIAN.vocabulary.assumptions if "=" not in name)
    assert not instance.holds("q = posterior")
    assert instance.using(DIGITS) is instance


# ---- bijection: finite ----


def test_finite_instances_are_many_and_repeatable():
    instances = finite()
    assert [i.words(frozenset("XUFg")) for i in instances] == [i.words(frozenset("XUFg")) for i in finite()]
    assert len(instances) >= 200
    for assumption in ("positive", "X << F(U)", "F(U) << X"):
        held = sum(instance.holds(assumption) for instance in instances)
        assert 200 <= held < len(instances) - 50
    assert all(instance.holds("bijective") for instance in instances)
    sizes = [len(instance.image) for instance in instances]
    assert sizes == sorted(sizes)
    assert set(sizes) == {2, 3, 4}


def test_finite_divergences_are_the_same_on_both_sides_and_only_there():
    differs = 0
    for instance in finite():
        instance = instance.using(EXACT)
        there = sorted((instance.density("X")(x), instance.density("F(U)")(x)) for x, _ in instance.space("x"))
        back = sorted((instance.density("F^{-1}(X)")(u), instance.density("U")(u)) for u, _ in instance.space("u"))
        assert there == back  # the pairs of masses, exactly: so every divergence
        swapped = sorted((instance.density("X")(x), instance.density("U")(x)) for x, _ in instance.space("x"))
        differs += there != swapped
        assert sum(mass for mass, _ in there) == sum(mass for _, mass in there) == 1
    assert differs > 100


def test_a_merging_map_loses_divergence_as_in_the_dossier():
    merging = FiniteBijection((1, 1, 2), (1, 1, 0), (5, 3, 2), (0, 0, 0))
    other = FiniteBijection((1, 1, 2), (1, 1, 0), (2, 6, 2), (0, 0, 0))
    assert not merging.holds("bijective")
    assert [merging.density("F(U)")(x) for x in (1, 2, 3)] == [Fraction(4, 5), Fraction(1, 5), 0]
    assert [other.density("F(U)")(x) for x in (1, 2, 3)] == [Fraction(4, 5), Fraction(1, 5), 0]
    assert merging.density("U")(1) != other.density("U")(1)
    assert math.isnan(merging.density("F^{-1}(X)")(1))
    inverse = merging.function("F^{-1}")
    assert inverse(2) == 3
    assert math.isnan(inverse(1))
    assert math.isnan(inverse(3))
    assert math.isnan(merging.density("U")(inverse(1)))


def test_merging_maps_come_only_where_bijectivity_is_assumed():
    instances = finite(1, "assume:bijective")
    assert 200 <= sum(instance.holds("bijective") for instance in instances) < len(instances) - 100


def test_finite_numbers_are_of_the_arithmetic_asked_for():
    instance = FiniteBijection((2, 1), (1, 2), (0, 1), (1, -2))
    for arithmetic, third in ((EXACT, Fraction(1, 3)), (FLOAT, 1 / 3), (DIGITS, DIGITS.ratio(1, 3))):
        other = instance.using(arithmetic)
        assert other.density("X")(1) == third
        assert type(other.density("X")(1)) is type(third)
        assert other.density("F(U)")(2) == 0
        assert other.density("F(U)")(1) == 1
        assert other.function("g")(1) == arithmetic.ratio(1, 2)
    assert instance.tolerance is None
    with pytest.raises(ValueError, match="on the line or in the plane"):
        instance.jacobian("F", 1)


def test_assumptions_of_finite_instances():
    def held(*parts):
        instance = FiniteBijection(*parts, (0, 0))
        return {name for name in BIJECTION.vocabulary.assumptions if instance.holds(name)}

    assert held((2, 1), (1, 0), (1, 1)) == {"bijective", "X << F(U)"}
    assert held((2, 1), (1, 1), (1, 0)) == {"bijective", "F(U) << X"}
    assert held((2, 1), (1, 0), (1, 0)) == {"bijective"}
    assert held((2, 1), (1, 0), (0, 1)) == {"bijective", "F(U) << X", "X << F(U)"}
    assert held((1, 1), (1, 2), (1, 1)) == {"positive", "F(U) << X"}


def test_finite_draws_lie_where_there_is_mass():
    instance = FiniteBijection((2, 1, 3), (1, 0, 0), (1, 0, 0), (0, 0, 0))
    drawn = [instance.draw({"x": "x", "u'": "u"}, {"u": "u"}, Random(seed)) for seed in range(40)]
    assert {values["x"] for values in drawn} == {1, 2}  # X is 1, F(U) is 2
    assert {values["u'"] for values in drawn} | {u for values in drawn for u in values["family u"].values()} == {1, 2}


def test_finite_instances_shrink_to_two_points_and_masses_of_at_most_one():
    for instance in islice(finite(2, "assume:bijective"), 0, None, 9):
        bijective, steps = instance.holds("bijective"), 0
        while simpler := next(instance.smaller(), None):
            assert simpler.holds("bijective") or not bijective
            assert sum(simpler.mass_x + simpler.mass_u) + len(simpler.image) < sum(
                instance.mass_x + instance.mass_u
            ) + len(instance.image)
            instance, steps = simpler, steps + 1
        assert steps <= 40
        assert len(instance.image) == 2 or 0 in (*instance.mass_x, *instance.mass_u)
        assert max(instance.mass_x + instance.mass_u) == 1


def test_finite_words():
    instance = FiniteBijection((2, 1), (1, 1), (0, 3), (1, -2))
    assert instance.words(frozenset({"p_{F(U)}", "log"})) == [("p_U", "0, 1"), ("F", "1→2, 2→1")]
    assert instance.words(frozenset({"p_{X}", "g"})) == [("p_X", "1/2, 1/2"), ("g", "1→1/2, 2→-1")]


# ---- bijection: the line and the plane ----


def test_divergences_on_the_line_are_those_of_the_dossier():
    assert kl(AFFINE, "X", "F(U)") == pytest.approx(0.374382998414, abs=1e-11)
    assert kl(AFFINE, "F^{-1}(X)", "U") == pytest.approx(0.374382998414, abs=1e-11)
    assert kl(AFFINE, "F(U)", "X") == pytest.approx(0.900386761, abs=1e-9)
    assert kl(BENT, "X", "F(U)") == pytest.approx(0.2453862276, abs=2e-9)
    assert kl(BENT, "F^{-1}(X)", "U") == pytest.approx(0.2453862276, abs=2e-9)
    assert kl(BENT, "F(U)", "X") == pytest.approx(0.6589119290, abs=2e-8)


@pytest.mark.parametrize("instance", [BENT, PLANE, *SMOOTH])
def test_both_sides_have_the_same_divergence(instance):
    forward = kl(instance, "X", "F(U)")
    assert kl(instance, "F^{-1}(X)", "U") == pytest.approx(forward, abs=instance.tolerance)
    for label in SORTS:
        assert total(instance, label) == pytest.approx(1, abs=instance.tolerance)


def test_the_order_of_the_laws_matters_in_most_instances():
    differences = [abs(kl(instance, "X", "F(U)") - kl(instance, "F(U)", "X")) for instance in SMOOTH]
    assert sum(difference > 1e-3 for difference in differences) >= 6
    assert max(differences[:2]) < 1e-12  # the identity with equal laws, and X with the law of F(U)


@pytest.mark.parametrize("instance", [AFFINE, BENT, PLANE, *SMOOTH])
def test_densities_from_distribution_functions_obey_the_change_of_variables(instance):
    flow, inverse = instance.function("F"), instance.function("F^{-1}")
    for sort, moved, source, name, there in (
        ("x", "F(U)", "U", "F^{-1}", inverse),
        ("u", "F^{-1}(X)", "X", "F", flow),
    ):
        nodes = instance.space(sort)
        for at, _ in nodes[:: max(1, len(nodes) // 60)]:
            volume = abs(determinant(instance.jacobian(name, at)))
            value = instance.density(moved)(at)
            assert value == pytest.approx(instance.density(source)(there(at)) * volume, rel=1e-9, abs=0)
            if abs(volume - 1) > 0.01:
                assert value != pytest.approx(instance.density(source)(there(at)), rel=1e-3, abs=0)


@statistical(alarms=1e-6, effect="the law of U in place of that of F(U)")
def test_the_density_of_an_image_is_that_of_its_draws(seed, planted):
    flow, density, rng, n = BENT.function("F"), BENT.density("F(U)"), Random(seed), 4000
    chances = []
    draws = [flow(rng.gauss(0, 1)) for _ in range(n)]
    for edge in (-1.0, 1.0):
        nodes = trapezoid(-9, edge, 0.01)
        mass = sum(w * density(x) for x, w in nodes) - nodes[-1][1] * density(edge) / 2
        chances += share(sum(draw < edge for draw in draws), n, UNIT.below(edge) if planted else mass)
    return chances


def test_the_plane_flow_is_the_formula_it_stands_for():
    w = (0.8 * math.cos(0.6), 0.8 * math.sin(0.6))
    v = (0.8 * math.cos(0.6) - 0.5 * math.sin(0.6), 0.8 * math.sin(0.6) + 0.5 * math.cos(0.6))
    for u in ((0.3, -1.0), (2.0, 0.4)):
        inner = w[0] * u[0] + w[1] * u[1] + 0.3
        x = TURN(u)
        assert x == pytest.approx((u[0] + v[0] * math.tanh(inner), u[1] + v[1] * math.tanh(inner)), rel=1e-14)
        assert TURN.inverse(x) == pytest.approx(u, rel=1e-13)
        slope = 1 - math.tanh(inner) ** 2  # of tanh: det = 1 + tanh' w·v
        expected = 1 + slope * (w[0] * v[0] + w[1] * v[1])
        assert determinant(PLANE.jacobian("F", u)) == pytest.approx(expected, rel=1e-11)
        assert determinant(PLANE.jacobian("F^{-1}", x)) == pytest.approx(1 / expected, rel=1e-11)
        assert expected != pytest.approx(1, rel=1e-3)


def test_the_test_function_has_one_expectation_on_both_sides():
    for instance in (AFFINE, BENT, PLANE):
        g, flow = instance.function("g"), instance.function("F")
        p, moved, base = (instance.density(label) for label in ("X", "F^{-1}(X)", "U"))
        there = sum(w * p(x) * g(x) for x, w in instance.space("x"))
        assert sum(w * moved(u) * g(flow(u)) for u, w in instance.space("u")) == pytest.approx(there, abs=1e-8)
        assert sum(w * base(u) * g(flow(u)) for u, w in instance.space("u")) != pytest.approx(there, abs=1e-3)


@pytest.mark.parametrize("instance", [BENT, *SMOOTH])
def test_smooth_densities_never_vanish_at_the_nodes(instance):
    for label, sort in SORTS.items():
        assert min(instance.density(label)(at) for at, _ in instance.space(sort)[::7]) > 0


@pytest.mark.parametrize("seed", range(4))
def test_the_laws_on_the_line_have_mass_one_on_their_nodes(seed):
    lines, _ = smooth_bijections(seed)
    for instance in lines:
        for label, sort in SORTS.items():
            assert sum(w * instance.density(label)(at) for at, w in instance.space(sort)) == pytest.approx(1, abs=1e-10)


def test_too_wide_a_step_loses_mass(monkeypatch):
    monkeypatch.setattr(smooth_bijection, "STEP", 0.6)
    steep, narrow = Monotone(26.8, 0.312, -0.772, 13.2, 0.044), Mixture(((1.0, 0.0, 0.056),))
    line = on_line(steep, Mixture(((1.0, 0.5, 1.35),)), narrow)
    assert abs(sum(w * line.density("F(U)")(at) for at, w in line.space("x")) - 1) > 1e-9


@pytest.mark.parametrize("bend", [0.6, -0.6, -0.1])
def test_the_inverse_is_singular_where_the_slope_vanishes(bend):
    tanh = cmath.sqrt(1 + 1.5 / (bend * 1.2))  # there 1.5 + bend 1.2 (1 - tanh²) is zero
    height = abs((1.5 * (cmath.atanh(tanh) - 0.4) / 1.2 + 0.3 + bend * tanh).imag)
    assert Monotone(1.5, 0.3, bend, 1.2, 0.4).singular_height == pytest.approx(height, rel=1e-12)
    assert Monotone(1.5, 0.3).singular_height == math.inf


@pytest.mark.parametrize(
    ("drawn", "law", "message"), [("x", "p_U", "one of x, got one of u"), ("u", "p_X", "got one of x")]
)
def test_a_variable_of_the_other_side_is_refused(drawn, law, message):
    page = f'```math id="a" model="bijection"\n\\mathbb{{E}}_{{{drawn}\\sim {law}}}\\left[1\\right] = 1\n```\n'
    (record,) = check_text(page, "page.md")
    assert record.status == "error"
    assert f"the law must be one of {drawn}" in record.message
    assert message in record.message


def test_the_kinds_of_instance_follow_what_a_formula_uses():
    def kinds(*uses):
        return {type(each).__name__ for each in BIJECTION.instances(Random(1), frozenset(uses))}

    assert kinds("log") == kinds("integral") == kinds("integral", "sum") == {"FiniteBijection", "SmoothBijection"}
    assert kinds("det") == kinds("det", "sum", "assume:bijective") == {"SmoothBijection"}
    assert kinds("sum") == {"FiniteBijection"}
    assert [type(instance.space("x")[0][0]) for instance in SMOOTH] == [float] * 11 + [tuple] * 2
    assert kinds("numbers") == kinds("kink", "mean", "det") == {"SmoothBijection"}
    assert kinds("kink", "mean") == {"FiniteBijection", "SmoothBijection"}
    assert kinds("jump", "sum") == {"FiniteBijection"}
    with pytest.raises(ValueError, match="an integrand must be continuous to be integrated accurately, got one with a"):
        kinds("jump", "mean")
    with pytest.raises(ValueError, match="points that are summed over must not be computed with"):
        kinds("numbers", "sum")


def test_smooth_instances_shrink_draw_and_speak():
    line, plane = SMOOTH[4], SMOOTH[-1]
    for instance in (line, plane):
        steps = 0
        while simpler := next(instance.smaller(), None):
            instance, steps = simpler, steps + 1
        assert 0 < steps < 5
    drawn = plane.draw({"x": "x", "k": "count"}, {"u": "u"}, Random(1))
    assert plane.density("X")(drawn["x"]) > 1e-3
    assert len(set(drawn["family u"].values())) == 6
    assert line.draw({"u": "u"}, {}, Random(1)) != line.draw({"u": "u"}, {}, Random(2))
    assert all(line.holds(name) for name in BIJECTION.vocabulary.assumptions)
    assert AFFINE.words(frozenset({"p_{F(U)}"})) == [("p_U", "N(0, 1²)"), ("F", "F(u) = 1.35u + 0.7")]
    assert dict(BENT.words(frozenset({"X", "F"}))) == {
        "p_X": "0.5 N(−1, 0.4²) + 0.5 N(1.2, 0.7²)",
        "F": "F(u) = u + 0.8tanh(1.5u + 0.2)",
    }
    assert dict(PLANE.words(frozenset({"F"})))["F"] == "F(u) = u + (0.378, 0.864) tanh(0.66u₁ + 0.452u₂ + 0.3)"


def test_bijection_names_its_four_laws():
    for law in (Law("p"), Law("p", "V"), Law("f", "X")):
        with pytest.raises(ValueError, match=r"p_X\(x\), p_U\(u\), p_\{F\(U\)\}\(x\) and p_\{F\^\{-1\}\(X\)\}\(u\)"):
            BIJECTION.law(law, ("x",), ())
    with pytest.raises(ValueError, match="must have one argument, u"):
        BIJECTION.law(Law("p", "U"), ("x",), ())
    with pytest.raises(ValueError, match="must have one argument, x"):
        BIJECTION.law(Law("p", "X"), ("x",), ("u",))
    assert BIJECTION.law(Law("p", "F(U)"), ("x",), ()) == BIJECTION.law(Law("P", "F(U)"), ("x",), ())
    assert BIJECTION.bare(Law("P", "F^{-1}(X)")) == (("u",), ())


# ---- two-densities: the line ----

LINES = line_two_densities(3)


class Twofold:
    """A number and its derivative in a parameter, for values that are varied in a direction."""

    def __init__(self, value, slope=0.0):
        self.value, self.slope = value, slope

    def __add__(self, other):
        other = other if isinstance(other, Twofold) else Twofold(other)
        return Twofold(self.value + other.value, self.slope + other.slope)

    def __rsub__(self, other):
        return Twofold(other - self.value, -self.slope)

    def __rmul__(self, other):
        return Twofold(other * self.value, other * self.slope)

    __radd__ = __add__


TWOFOLD = replace(
    FLOAT, functions=FLOAT.functions | {"log": lambda one: Twofold(math.log(one.value), one.slope / one.value)}
)


@dataclass(frozen=True)
class Parts:
    """What the integrands of a pair of densities are made of."""

    one: float
    zero: float
    guess: float
    best: float
    direction: float


def integrands(part):
    """The integrands of the formulas about two densities, at one point, with the labels in both orders."""
    f, g, mixed = part.one, part.zero, part.one + part.zero
    both = [(f, g, part.guess, part.best), (g, f, 1 - part.guess, 1 - part.best)]
    for law, other, guess, best in both:
        yield from (law, law * math.log(law), law * math.log(other), law * math.log(mixed), law * other / mixed)
        yield from (law * math.log(guess), law * math.log(1 - guess), law * best, law * best * math.log(best / guess))
        yield from (law * law / other, law * part.direction / guess, law * (part.direction / guess) ** 2)


def at(instance, x):
    values = [instance.density(label)(x) for label in "10"]
    return Parts(*values, *(instance.function(name)(x) for name in ("D", "D^*", "h")))


def integrals(instance, nodes):
    rows = [[weight * value for value in integrands(at(instance, x))] for x, weight in nodes]
    return [(math.fsum(terms), math.fsum(map(abs, terms))) for terms in zip(*rows, strict=True)]


def disagreement(instance, nodes, others):
    pairs = zip(integrals(instance, nodes), integrals(instance, others), strict=True)
    return max(abs(first - second) / size for (first, size), (second, _) in pairs)


def refined(nodes, factor, further=0):
    """The nodes with the step divided by a factor, and some more beyond both ends."""
    step, first, count = nodes[0][1] / factor, nodes[0][0], round((len(nodes) - 1) * factor)
    return [(first + place * step, step) for place in range(-further, count + 1 + further)]


@pytest.mark.parametrize("seed", range(4))
def test_integrals_of_two_densities_do_not_depend_on_the_nodes(seed):
    for number, instance in enumerate(line_two_densities(seed)):
        nodes = instance.space("x")
        assert len(nodes) <= 100
        for law in "01":
            assert math.fsum(w * instance.density(law)(x) for x, w in nodes) == pytest.approx(1, abs=1e-12)
        if number >= 5 or seed == 0:  # the first five are the same for all seeds
            assert disagreement(instance, nodes, refined(nodes, 4)) < 1e-10
            assert disagreement(instance, nodes, refined(nodes, 1, 6)) < 1e-10


def test_too_wide_a_step_and_too_short_an_interval_do_not_integrate_two_densities(monkeypatch):
    nodes = LINES[5].space("x")
    assert disagreement(LINES[5], refined(nodes, 1 / 2), nodes) > 1e-9
    assert disagreement(LINES[5], refined(nodes, 1 / 3), nodes) > 1e-5
    monkeypatch.setattr(line_module, "REACH", 7.2)
    short = pair_on_line(UNIT, Mixture(((1.0, 2.0, 1.0),)), Monotone(-0.5))
    assert disagreement(short, short.space("x"), refined(short.space("x"), 1, 12)) > 1e-8


@pytest.mark.parametrize(
    ("distance", "jsd"), [(0.5, 0.030311300521), (1.0, 0.111421482185), (2.0, 0.336830820347), (0.0, 0.0)]
)
def test_divergences_of_normal_laws_are_those_of_the_dossier(distance, jsd):
    instance = pair_on_line(UNIT, Mixture(((1.0, distance, 1.0),)), Monotone(0.5))
    zero, one, value = instance.density("0"), instance.density("1"), instance.function("V")
    terms = [(w, zero(x), one(x)) for x, w in instance.space("x")]
    assert math.fsum(w * p * math.log(p / q) for w, p, q in terms) == pytest.approx(distance**2 / 2, abs=1e-9)
    assert math.fsum(w * q * q / p for w, p, q in terms) == pytest.approx(math.exp(distance**2), rel=1e-9)
    best = math.log(2) + value(instance.function("D^*")) / 2
    assert best == pytest.approx(jsd, abs=1e-9)
    assert math.log(2) + value(instance.function("D")) / 2 < best - 1e-3
    if distance:
        assert best != pytest.approx(distance**2 / 8, abs=1e-4)  # its limit for small distances


@given(st.floats(-30, 30), st.floats(-290, 290))
@settings(max_examples=15, deadline=None)
def test_the_best_chance_is_the_share_of_the_first_at_any_size(ratio, size):
    size = min(size, 290 - abs(ratio))
    one, zero = 10 ** (size + ratio / 2), 10 ** (size - ratio / 2)
    best = line_module._best(one, zero)
    assert best == pytest.approx(1 / (1 + zero / one), rel=1e-13, abs=0)
    assert 1 - best == pytest.approx(1 / (1 + one / zero), rel=1e-13, abs=2.3e-16)  # what is left of 1
    assert best_chance(one, 0.0) == 1 - best_chance(0.0, zero) == 1


@pytest.mark.parametrize("seed", range(2))
def test_the_best_discriminator_on_the_line_is_the_share_of_f_1(seed):
    for number, instance in enumerate(line_two_densities(seed)):
        drawn = instance.draw({"x": "x"}, {"x": "x"}, Random(seed))
        free = [drawn["x"], *drawn["family x"].values()]
        for x in [*free, *(x for x, _ in instance.space("x"))]:
            part = at(instance, x)
            one, zero = part.one / (part.one + part.zero), part.zero / (part.one + part.zero)
            assert 0 < part.best < 1
            assert part.best == pytest.approx(one, rel=1e-13, abs=0)
            assert 1 - part.best == pytest.approx(zero, rel=1e-13, abs=2.3e-16)
        if number:  # in the first, the two laws are the same
            assert max(abs(at(instance, x).best - at(instance, x).zero / (one + zero)) for x in free) > 0.01


def moved(chance, change):
    return lambda x: chance(x) + change * chance(x) * (1 - chance(x))


def test_the_value_on_the_line_is_largest_at_the_best():
    for number, instance in enumerate(LINES):
        value, guess, best = (instance.function(name) for name in ("V", "D", "D^*"))
        parts = [(w, at(instance, x)) for x, w in instance.space("x")]
        direct = math.fsum(w * (p.one * math.log(p.guess) + p.zero * math.log1p(-p.guess)) for w, p in parts)
        assert value(guess) == pytest.approx(direct, rel=1e-12)
        assert (value(guess) == pytest.approx(value(best), rel=1e-12)) == (number == 0)  # equal laws, D = 1/2
        for change in (-0.01, 0.01):  # of the odds
            assert value(moved(best, change)) < value(best) - 1e-7
        assert value(best) > value(guess) or number == 0


@pytest.mark.parametrize("place", [0, 1, 4, 7, 9])
def test_the_value_takes_the_logarithm_of_the_arithmetic(place):
    instance = LINES[place]
    guess, direction = instance.function("D"), instance.function("h")
    varied = instance.using(TWOFOLD).function("V")(lambda x: Twofold(guess(x), direction(x)))
    parts = [(w, at(instance, x)) for x, w in instance.space("x")]
    slope = math.fsum(w * p.direction * (p.one / p.guess - p.zero / (1 - p.guess)) for w, p in parts)
    assert varied.value == pytest.approx(instance.function("V")(guess), rel=1e-13)
    assert varied.slope == pytest.approx(slope, rel=1e-12)
    assert (slope == pytest.approx(0, abs=1e-3)) == (place == 0)  # there D is the best one
    assert instance.using(DIGITS) is instance
    (finite, *_) = TWO_DENSITIES.instances(Random(0), frozenset({"sum"}))
    assert finite.using(TWOFOLD).function("V")(lambda x: Twofold(0.5, 1.0)).slope == 0  # f_1 / D - f_0 / (1 - D)


def test_directions_and_discriminators_on_the_line_are_not_tame():
    found = [instance for seed in range(16) for instance in line_two_densities(seed)]
    guesses = [{each.function("D")(law.at(s)) for s in (-1.0, 1.0) for law in each.laws.values()} for each in found]
    assert any(values == {0.5} for values in guesses)
    assert any(min(values) > 0.99 for values in guesses)
    assert all(0 < value < 1 for values in guesses for value in values)
    for instance in found:
        places = [instance.laws[label].at(s) for label in "01" for s in (-1.0, 0.0, 1.0)]
        signs = {instance.function("h")(x) > 0 for x in places}
        assert signs == {False, True}
        assert len({instance.function("g")(x) for x in places}) >= 3
        slack = instance.function("V")(instance.function("D^*")) - instance.function("V")(instance.function("D"))
        assert slack > 1e-3 or instance.words(frozenset({"f_0"})) == instance.words(frozenset({"f_0", "sum"}))
    deviations = [law.narrowest for instance in found for law in instance.laws.values()]
    assert min(deviations) < 0.1 < 10 < max(deviations)


def test_the_kinds_of_two_densities_follow_what_a_formula_uses():
    def kinds(*uses):
        return {type(each).__name__ for each in TWO_DENSITIES.instances(Random(1), frozenset(uses))}

    assert kinds("sum") == kinds("sum", "jump", "mean") == {"FiniteTwoDensities"}
    assert kinds("mean") == kinds("integral", "sum") == kinds("kink", "mean") == kinds("jump")
    assert kinds("mean") == {"FiniteTwoDensities", "LineTwoDensities"}
    with pytest.raises(ValueError, match="an integrand must be continuous to be integrated accurately, got one with a"):
        kinds("jump", "mean")


def test_a_sum_over_points_is_checked_on_finite_sets_only():
    def tried(latex):
        (record,) = check_text(f'```math id="a" model="two-densities"\n{latex}\n```\n', "page.md")
        assert record.status == "checked"
        return record.instances

    mean, total = r"\mathbb{E}_{x\sim f_0}[g(x)]", r"\sum_x f_0(x)\,g(x)"
    assert tried(f"{mean} = {mean}") == tried(f"{mean} = {total}") + len(LINES)


def test_pairs_of_densities_shrink_to_simple_ones():
    for instance in LINES:
        for _ in range(8):
            simpler = list(instance.smaller())
            for each in simpler:
                nodes = each.space("x")
                for law in "01":
                    assert math.fsum(w * each.density(law)(x) for x, w in nodes) == pytest.approx(1, abs=1e-12)
                assert all(0 < each.function(name)(x) < 1 for x, _ in nodes for name in ("D", "D^*"))
            if not simpler:
                break
            instance = simpler[-1]
            assert disagreement(instance, instance.space("x"), refined(instance.space("x"), 2)) < 1e-10
        assert not simpler
        assert instance.function("D")(1.0) == 0.5


def test_pairs_of_densities_draw_and_speak():
    instance, variables = LINES[7], TWO_DENSITIES.vocabulary.variables | {"x'": "x"}
    for seed in range(40):
        drawn = instance.draw(variables, {"x": "x"}, Random(seed))
        points = [drawn["x"], drawn["x'"], *drawn["family x"].values()]
        assert all(max(instance.density(label)(x) for label in "01") > 0.01 for x in points)
        assert 0 < drawn["y"] < 1
        assert 0 < drawn[r"\epsilon"] <= 1 / 8
        assert 1 <= drawn["m"] <= drawn["k"] <= 2
        assert max(drawn["i"], drawn["j"], drawn["l"]) <= drawn["k"]
    assert {free_number("t_1", Random(seed)) > (1, 1) for seed in range(20)} == {False, True}
    assert all(instance.holds(name) for name in TWO_DENSITIES.vocabulary.assumptions)
    bent = pair_on_line(UNIT, Mixture(((1.0, 1.0, 0.9),)), Monotone(0.8, -0.25, 0.5, 1.5, 0.2), h=(0.5, -0.3))
    assert bent.words(frozenset({"P_1", "D", "g", "h", "sum"})) == [
        ("P_0", "N(0, 1²)"),
        ("P_1", "N(1, 0.9²)"),
        ("D", "D(x) = 1/(1 + exp(−0.8x + 0.25 − 0.5tanh(1.5x + 0.2)))"),
        ("g", "g(x) = cos(x + 0.5)"),
        ("h", "h(x) = tanh(0.5x − 0.3)"),
    ]
    assert LINES[0].words(frozenset({"D"})) == [("D", "D(x) = 1/2")]
    assert LINES[1].words(frozenset({"D^*"})) == [("f_0", "N(0, 1²)"), ("f_1", "N(1, 1²)")]


def test_pairs_of_densities_have_one_space_and_no_derivatives():
    with pytest.raises(ValueError, match="the only space of two-densities, got 'number'"):
        LINES[0].space("number")
    with pytest.raises(ValueError, match="and two-densities has none, got 'D'"):
        LINES[0].jacobian("D", 0.0)


@pytest.mark.parametrize(
    ("one", "logit", "rate", "distance"),
    [
        (UNIT, Monotone(0.0), 1.0, 1.0),
        (Mixture(((1.0, 4.0, 1.0),)), Monotone(0.0), 1.0, 0.5),  # two normals cancel at π/4
        (Mixture(((1.0, 0.5, 0.4),)), Monotone(0.0), 1.0, 0.4),
        (UNIT, Monotone(8.0), 1.0, 0.25),
        (UNIT, Monotone(-8.0), 1.0, 0.25),
        (UNIT, Monotone(0.5, 0.0, 0.1, 5.0), 1.0, 0.2),
        (UNIT, Monotone(0.5, 0.0, 0.0, 5.0), 1.0, 1.0),  # without a bend its rate does not matter
        (UNIT, Monotone(0.0), 4.0, 0.25),
    ],
)
def test_the_step_is_a_share_of_the_distance_to_the_nearest_singularity(one, logit, rate, distance):
    ((_, mean, deviation),) = one.parts
    length = max(11, mean + 11 * deviation) - min(-11, mean - 11 * deviation)
    nodes = pair_on_line(UNIT, one, logit, h=(rate, 0.0)).space("x")
    assert len(nodes) == math.ceil(length / (0.3 * distance)) + 1


@pytest.mark.parametrize("instance", [AFFINE, BENT, PLANE, *SMOOTH])
def test_the_derivatives_of_a_map_and_of_its_inverse_are_inverse_matrices(instance):
    for seed in range(5):
        at = instance.draw({"u": "u"}, {}, Random(seed))["u"]
        forward = instance.jacobian("F", at)
        back = instance.jacobian("F^{-1}", instance.function("F")(at))
        for i, row in enumerate(forward):
            for j in range(len(row)):
                entry = sum(row[k] * back[k][j] for k in range(len(row)))
                assert math.isclose(entry, i == j, rel_tol=1e-8, abs_tol=1e-8)
