"""Values: what expressions are worth on one instance, by hand or by another route, and what has no value."""

import math
from fractions import Fraction
from random import Random

import pytest

from hw.checked_math.arithmetic import DIGITS, EXACT, FLOAT
from hw.checked_math.errors import FormulaError
from hw.checked_math.evaluation.compiler import INSTANCE
from hw.checked_math.evaluation.expressions import compiler_for
from hw.checked_math.models import MODELS
from hw.checked_math.models.finite_two_densities import FiniteTwoDensities
from hw.checked_math.models.latent import LatentInstance
from hw.checked_math.models.linear_gaussian import LinearGaussianInstance, NormalJoint, NormalLine
from hw.checked_math.models.smooth_bijection import on_line
from hw.checked_math.models.smooth_laws import Mixture, Monotone
from hw.checked_math.pages import check_text
from hw.checked_math.reading import Context, read
from hw.checked_math.running import guarded

NORMAL = NormalLine(0.0, 0.0, 1.0)
UNIT = Mixture(((1.0, 0.0, 1.0),))
INSTANCES = {
    "latent": LatentInstance(((1, 2), (3, 2)), ((1, 1), (1, 3))),
    "linear-gaussian": LinearGaussianInstance(NormalJoint(NORMAL, NormalLine(1.0, 0.3, 0.8)), NORMAL, NORMAL),
    "bijection": on_line(Monotone(1.5, 0.2, 0.4, 1.2, 0.1), UNIT, UNIT),
    "two-densities": FiniteTwoDensities(
        {"0": (1, 1, 2), "1": (2, 1, 1)},
        {"D": ((1, 2), (1, 3), (2, 3)), "g": ((1, 1), (-2, 1), (3, 1)), "h": ((0, 1),) * 3},
    ),
    "offsets": next(MODELS["offsets"].instances(Random(0), frozenset())),
    "embeddings": list(MODELS["embeddings"].instances(Random(0), frozenset()))[45],  # a triangle, each corner twice
}


def compiled(latex, model, definitions=(), arithmetic=FLOAT):
    """The compiler of the left side of `latex = 0`, and what computes it."""
    context = Context()
    for definition in definitions:
        context.add(definition)
    reading = read(f"{latex} = 0", MODELS[model], context)
    compiler = compiler_for(MODELS[model], arithmetic, reading.definitions)
    return compiler, compiler.expression(reading.comparisons[0].left)


def value(latex, model="latent", *definitions, arithmetic=FLOAT, instance=None, **given):
    """The value of an expression, with these values of free variables."""
    compiler, evaluate = compiled(latex, model, definitions, arithmetic)
    found = (instance or INSTANCES[model]).using(arithmetic)
    env = found.draw(compiler.free, compiler.families, Random(0))
    return guarded(evaluate, {**env, **given, INSTANCE: found})


def close(found, expected):
    return math.isclose(found, expected, rel_tol=1e-9, abs_tol=1e-12)


@pytest.mark.parametrize("arithmetic", [EXACT, FLOAT, DIGITS], ids=lambda each: each.name)
@pytest.mark.parametrize(
    ("latex", "expected"),
    [
        ("7 - 2 - 3", 2),
        (r"2 \cdot 3 / 4", 1.5),
        (r"\frac{1}{4} + 0.25", 0.5),
        ("-2^2", -4),
        ("(-2)^2", 4),
        ("3!", 6),
        (r"\binom{5}{2}", 10),
        (r"\max(2, 5, 3) - \min(2, 5, 3)", 3),
        (r"\lfloor 7/2 \rfloor + \lceil 7/2 \rceil", 7),
        (r"|2 - 5|", 3),
        (r"\|2 - 5\|", 3),
        (r"|\{1, 2, 2, 3\}|", 3),
        (r"|\{1, 2\} \cup \{2, 3\}|", 3),
        (r"|\{1, 2\} \cap \{2, 3\}|", 1),
        (r"|\{1, 2\} \setminus \{2, 3\}|", 1),
        (r"|\{1, 2, 3\} \setminus \{2, 4\} \setminus \{3, 4\}|", 1),
        (r"|\{j + m : j \in \{1, \dots, 3\}, m \in \{1, \dots, 2\}\}|", 4),
        (r"|\{j : j \in \{1, \dots, 5\}, j \neq 2, j < 4\}|", 2),
        (r"\sum_{j=1}^{4} j^2", 30),
        (r"\sum_{j=3}^{2} j", 0),
        (r"\prod_{j=1}^{4} j", 24),
        (r"\prod_{j=3}^{2} j", 1),
        (r"\sum_{j=1}^{3}\sum_{m=1}^{j} m", 10),
        (r"\sum_{j=1, m=1}^{3} m j", 36),
        (r"\sum_{1 \le j < m \le 3} m", 8),
        (r"\sum_{1 < j < 4} j", 5),
        (r"\max_{1 \le j \le 4} j (5 - j)", 6),
        (r"\min_{1 \le j \le 4} j (5 - j)", 4),
        (r"\mathbf 1[2 > 1, 1 > 2]", 0),
        (r"\mathbf 1[2 > 1, 2 > 1]", 1),
        (r"[1 \le 1] + [1 < 1] + [1 \neq 1] + [1 \in \{1, 2\}] + [3 \notin \{1, 2\}]", 3),
        (r"[\{2, 1\} \subseteq \{1, 2\}] + [\{1, 3\} \subseteq \{1, 2\}]", 1),
        (r"\begin{cases} 2 & 1 > 2 \\ 3 & 2 > 1 \\ 5 & \text{otherwise} \end{cases}", 3),
        (r"\begin{cases} 2 & 1 > 2 \\ 5 & \text{otherwise} \end{cases}", 5),
        (r"\left. a^2 + a \right|_{a = 3}", 12),
        (r"\frac{\mathrm d}{\mathrm d a} a^3", 12),
        (r"\frac{\mathrm d^2}{\mathrm d a^2} a^3", 12),
        (r"\frac{\mathrm d}{\mathrm d a} \sum_{j=1}^3 a^j", 17),
        (r"\frac{\mathrm d}{\mathrm d a} b a", 5),
        (r"\frac{\mathrm d}{\mathrm d a} 7", 0),
        (r"\mathbb{E}_{I \subseteq [4], |I| = 2}\left[\sum_{j \in I} j\right]", 5),
        (r"\mathbb{E}_{I \subseteq [4], |I| = 4}\left[\sum_{j \in I} j\right]", 10),
        (r"\mathbb{E}_{I \subseteq [4], |I| = 0}\left[\sum_{j \in I} j\right]", 0),
    ],
)
def test_numbers_by_hand(latex, expected, arithmetic):
    found = value(latex, arithmetic=arithmetic, a=2, b=5)
    assert close(float(found), expected)
    assert arithmetic is not EXACT or isinstance(found, int | Fraction)


@pytest.mark.parametrize(
    "latex",
    [
        r"\max_{1 \le j \le 0} j",
        r"\begin{cases} 2 & 1 > 2 \end{cases}",
        r"1 / 0",
        r"\log(-1)",
        r"\binom{5}{a}",
        r"\mathbb{E}_{I \subseteq [2], |I| = 3}[1]",
        r"\mathbb{E}_{I \subseteq [2], |I| = -1}[1]",
        r"\frac{\mathrm d}{\mathrm d a} \log(a - 1/2)",
        r"\frac{\mathrm d}{\mathrm d a} \frac{1}{a - 1/2}",
    ],
)
def test_what_has_no_value_is_undefined(latex):
    found = value(latex, a=0.5)
    assert found != found


@pytest.mark.parametrize(
    ("latex", "expected"),
    [
        (r"\sum_x \sum_z p(x, z)", 1),
        (r"\sum_{x, z} p(x, z)^2", 18 / 64),
        (r"\mathbb{E}_{p(x, z)}[1]", 1),
        (r"\mathbb{E}_{p(x)}[p(x)]", 34 / 64),
        (r"\mathbb{E}_{x' \sim p(x')}[p(x')]", 34 / 64),
        (r"\mathrm{Var}_{p(x)}[p(x)]", 15 / 64 * 4 / 64),
        (r"\mathrm{Cov}_{p(x)}[p(x), -p(x)]", -15 / 64 * 4 / 64),
        (r"\mathbb{E}_{z_{1:3} \sim p(z)}\left[\sum_{j=1}^{3} p(z_j)\right]", 1.5),
        (r"\mathbb{E}_{z_{1:2} \sim p(z)}[\mathbf 1[z_1 = z_2]]", 0.5),
        (r"\mathbb{E}_{z_1 \sim p(z)}[\mathbf 1[z_1 = z_2]] p(z_2)", 0.25),
        (r"\mathrm{TV}(p(x), p(x))", 0),
        (r"\mathrm{H}(p(z))", math.log(2)),
        (r"\chi^2(p(x), p(x))", 0),
        (r"\mathrm{KL}(p(x) \| p(x))", 0),
        (r"\mathrm{JSD}(p(x) \| p(x))", 0),
    ],
)
def test_sums_and_means_of_a_law_on_four_pairs_by_hand(latex, expected):
    assert close(value(latex), expected)


@pytest.mark.parametrize(
    ("latex", "expected"),
    [
        (r"\mathrm{KL}(f_1 \| f_0)", 0.5 * math.log(2) - 0.25 * math.log(2)),
        (r"\mathrm{TV}(f_1, f_0)", 0.25),
        (r"\chi^2(f_1, f_0)", 0.25 + 0.125),
        (r"\chi^2(f_1, -f_0)", -2.25 - 1 - 1.125),
        (r"\mathrm{H}(f_0)", 1.5 * math.log(2)),
        (r"\mathrm{H}(f_0, f_1)", 0.25 * math.log(2) + 0.25 * math.log(4) + 0.5 * math.log(4)),
        (r"\mathrm{JSD}(f_1, f_0)", 1.5 * math.log(2) * -1 + 2 * 0.375 * math.log(8 / 3) + 0.25 * math.log(4)),
        (r"\mathbb{E}_{X_0}[g(X_0)]", 0.25 - 0.5 + 1.5),
        (r"\mathbb{E}_{X_1}[g(X_1)]", 0.5 - 0.5 + 0.75),
        (r"\sum_x f_0(x) D(x)", 0.125 + 1 / 12 + 1 / 3),
        (r"\max_x g(x) - \min_x g(x)", 5),
        (r"\mathbb{E}_{x \sim f_0, x' \sim f_1}[g(x) g(x')]", 1.25 * 0.75),
    ],
)
def test_divergences_of_two_laws_on_three_points_by_hand(latex, expected):
    assert close(value(latex, "two-densities"), expected)


def test_integrals_and_means_over_two_variables_have_the_weights_of_both():
    for latex in (r"\int p(x, z)\,dx\,dz", r"\mathbb{E}_{p(x, z)}[1]", r"\mathbb{E}_{p(x, z)}[1 + z]"):
        assert math.isclose(value(latex, "linear-gaussian"), 1, rel_tol=1e-9)
    assert close(value(r"\int_0^2 \left(\int_1^3 t^2 s\,dt\right) ds", "two-densities"), 26 / 3 * 2)
    assert close(value(r"\int_0^2 s t\,ds\,dt", "two-densities"), 4)
    assert close(value(r"\mathbb{E}_{p(x, z)}[x z]", "linear-gaussian"), 1)  # the slope of the mean, times a variance
    assert close(value(r"\mathrm{Var}_{p(x)}[x]", "linear-gaussian"), 1 + 0.8**2)
    assert close(value(r"\mathrm{Cov}_{p(x, z)}[x, z]", "linear-gaussian"), 1)


@pytest.mark.parametrize("at", [-1.0, 0.0, 0.7])
def test_the_derivative_of_a_map_of_the_line(at):
    slope = 1.5 + 0.4 * 1.2 / math.cosh(1.2 * at + 0.1) ** 2
    flow = INSTANCES["bijection"].function("F")
    for latex in (r"F'(u)", r"J_F(u)", r"|\det F'(u)|", r"\frac{\partial F}{\partial u}(u)"):
        assert math.isclose(value(latex, "bijection", u=at), slope, rel_tol=1e-8)
    inverse = value(r"\det \frac{\partial F^{-1}(x)}{\partial x}", "bijection", x=flow(at))
    assert math.isclose(inverse, 1 / slope, rel_tol=1e-8)


def test_vectors_by_hand():
    half = math.sqrt(0.75)
    for latex, expected in (
        (r"\|z_1 + z_3\|^2", 1),
        (r"\|z_1 - z_3\|^2", 3),
        (r"z_1^\top z_3", -0.5),
        (r"\langle z_1, z_1 \rangle", 1),
        (r"\mathrm{sim}(z_1, z_5)", -0.5),
        (r"\|2 z_1 3\|", 6),
        (r"\|-z_3 / 2\|", 0.5),
        (r"\left\|\sum_{j=1}^{6} z_j\right\|", 0),
        (r"\left\|\sum_{j=1}^{0} z_j\right\|", 0),
        (r"\left\|\sum_{j=3}^{4} j z_j\right\|", 7),
        (r"\left\|\frac{\partial}{\partial z_1} z_1^\top z_1\right\|", 2),
    ):
        assert close(value(latex, "embeddings"), expected), latex
    x, y = value("z_3", "embeddings")
    assert (close(x, -0.5), close(abs(y), half)) == (True, True)
    assert value(r"\frac{\partial}{\partial z_3} z_3^\top z_1", "embeddings") == value("z_1", "embeddings")


def test_sets_of_offsets_by_hand():
    assert value("A", "offsets") == {(-1, -1), (-1, 0), (-1, 1), (0, -1)}
    assert value(r"B \setminus A", "offsets") == {(0, 0)}
    assert value(r"(1, 2) + A", "offsets") == {(0, 1), (0, 2), (0, 3), (1, 1)}
    assert value(r"-B", "offsets") == {(1, 1), (1, 0), (1, -1), (0, 1), (0, 0)}
    assert value(r"|A \oplus A|", "offsets") == 12 - 3
    assert value(r"(1, 2) - (0, 5)", "offsets") == (1, -3)
    assert value(r"|\{(a, b) : a \in \{1, 2\}, b \in \{3, 4, 5\}\}|", "offsets") == 6


@pytest.mark.parametrize(
    ("definitions", "latex", "expected"),
    [
        (["s(v_{1:k}) := \\sum_j v_j", "v_j := j^2"], "s(v_{1:3})", 14),
        (["s(v_{1:k}) := k", "v_j := j"], "s(v_{3:7})", 5),
        (["s(v_{1:k}) := v_1 - v_k", "v_j := j"], "s(v_{3:7})", -4),
        (["s(v_{1:k}) := v_{k+1}", "v_j := j"], "s(v_{3:7})", None),
        (["f(a, b) := a - b"], "f(b, a)", 3),
        (["f(a) := a^2"], "f(f(a))", 16),
        (["f(a) := a b"], r"\left. f(3) \right|_{b = 4}", 12),
        (["f(a) := a^3"], "f'(a)", 12),
        (["f(a) := a^3"], "f'(2 a)", 48),
        (["v := a b", r"f(v) := \frac{\mathrm d}{\mathrm d v} v^2"], "f(3)", 6),
        (["v := a b"], r"\left. v \right|_{a = 7}", 35),
        (["v_{i,j} := i - j"], "v_{7,3}", 4),
        (["v^{(j)} := j"], "v_3 + v^{(4)}", 7),
        (["h(z) := p(z)"], r"\sum_z h(z)^2", 0.5),
        (["h(z) := p(z)"], r"\mathrm{KL}(p(z) \| h)", 0),
    ],
)
def test_definitions_by_hand(definitions, latex, expected):
    found = value(latex, "latent", *definitions, a=2, b=5)
    assert found != found if expected is None else close(found, expected)


@pytest.mark.parametrize(
    ("latex", "uses"),
    [
        (r"\max(a, b)", {"kink"}),
        (r"\min(a, b)", {"kink"}),
        (r"\max_{1 \le j \le 2} j", {"kink"}),
        (r"|a|", {"kink"}),
        (r"\mathrm{TV}(p(x), p(x))", {"kink", "mean"}),
        (r"\lfloor a \rfloor", {"jump"}),
        (r"\lceil a \rceil", {"jump"}),
        (r"\mathbf 1[a > 0]", {"jump"}),
        (r"\begin{cases} a & b > 0 \\ b & \text{else} \end{cases}", {"jump"}),
        (r"\log a", {"transcendental"}),
        (r"\exp a", {"transcendental"}),
        (r"\tanh a", {"transcendental"}),
        (r"\sqrt a", {"transcendental"}),
        (r"e^a", {"transcendental"}),
        (r"\mathrm{KL}(p(x), p(x))", {"transcendental", "mean"}),
        (r"\mathrm{JSD}(p(x), p(x))", {"transcendental", "mean"}),
        (r"\mathrm{H}(p(x))", {"transcendental", "mean"}),
        (r"\chi^2(p(x), p(x))", {"mean"}),
        (r"\mathbb{E}_{p(x)}[1]", {"mean"}),
        (r"\mathbb{E}_{x \sim p(x)}[1]", {"mean"}),
        (r"\sum_x p(x)", {"sum"}),
        (r"\int p(x) dx", {"integral", "mean"}),
        (r"\int_0^1 a\,da", {"quadrature"}),
        (r"\sum_{j=1}^2 j", set()),
        (r"a^2 + b / 3! - \binom{5}{2}", set()),
    ],
)
def test_what_a_formula_uses_says_which_instances_it_gets(latex, uses):
    kinds = {"sum", "kink", "jump", "mean", "det", "integral", "derivative", "numbers", "quadrature", "transcendental"}
    compiler, _ = compiled(latex, "latent")
    assert compiler.uses & kinds == uses


@pytest.mark.parametrize(
    ("latex", "uses"),
    [
        (r"\det F'(u)", {"det"}),
        (r"|\det F'(u)|", {"det"}),
        (r"F'(u)", {"det", "derivative"}),
        (r"|F'(u)|", {"det", "derivative"}),
        (r"\left|2 F'(u)\right|", {"det", "derivative", "kink"}),
        (r"u + 1", {"numbers"}),
        (r"p_U(u)", set()),
    ],
)
def test_derivatives_of_maps_and_points_are_noted(latex, uses):
    compiler, _ = compiled(latex, "bijection")
    assert compiler.uses & {"kink", "det", "derivative", "numbers"} == uses


def test_a_law_of_the_page_may_stand_without_its_variables():
    for latex in (r"\mathrm{KL}(p_Y \| p_X)", r"\mathrm{TV}(p_X, p_Y)"):
        assert close(value(latex, "bijection", "p_Y(x) := p_X(x)"), 0)
    assert value(r"\mathrm{KL}(p_Y \| p_X)", "bijection", "p_Y(x) := p_{F(U)}(x)") > 0.1


def test_whole_numbers_stay_whole():
    for latex, expected in (("2^{100}", 2**100), ("7", 7), (r"\frac{6}{3}", 2)):
        assert value(latex, arithmetic=EXACT) == expected
        assert type(value(latex, arithmetic=EXACT)) is int
    assert type(value("7")) is int
    assert value("0.1", arithmetic=EXACT) == Fraction(1, 10)
    assert value("0.1", arithmetic=DIGITS) * 10 == 1


@pytest.mark.parametrize(
    ("model", "latex", "said"),
    [
        ("latent", r"\sum_{j=1}^{200000} j", "at most 100000 numbers, got 200000"),
        ("latent", r"\sum_{j=1}^{100001} j", "at most 100000 numbers, got 100001"),
        ("latent", r"\sum_{j=1}^{2.5} j", "must be a whole number, got 2.5"),
        ("latent", r"\sum_{j=1}^{\infty - \infty} j", "infinitely many|must be a whole number"),
        ("latent", r"\sum_{j=1}^{1000} \sum_{i=1}^{1000} j", "takes too long"),
        ("latent", r"\mathbb{E}_{z_{1:20} \sim p(z)}[1]", "takes too long"),
        ("latent", r"\mathbb{E}_{z_{1:1000} \sim p(z)}[1]", "takes too long"),
        ("latent", r"\mathbb{E}_{I \subseteq [60], |I| = 30}[1]", "takes too long"),
        ("latent", r"\sum_j j", "j must have bounds"),
        ("latent", r"\int a\,du", "u is not a variable of the model latent"),
        ("latent", r"\int_0 a\,da", "two bounds, or none"),
        ("latent", r"\sum_{j \in 3} j", "values that are no numbers"),
        ("latent", r"\mathbb{E}[a]", "must say below over which law"),
        ("latent", r"\mathrm{Cov}_{p(x)}[a]", r"Cov takes 2 argument\(s\)"),
        ("latent", r"\mathrm{KL}(p(x), p(z))", "must be of the same variables, got x and z"),
        ("latent", r"\mathrm{KL}(p(x), a)", "expected a law"),
        ("latent", r"\mathrm{H}(2 p(x))", "must add up to 1, got 2"),
        ("latent", r"\mathrm{TV}(2 p(x), p(x))", "must add up to 1, got 2"),
        ("latent", r"\mathrm{TV}(p(x), 2 p(x))", "must add up to 1, got 2"),
        ("latent", r"x + 1", "the values of x are no numbers"),
        ("latent", r"u_1", "is not a name"),
        ("latent", r"u", "u is not a name of the model latent"),
        ("latent", r"z_{1:3}", "a sequence can only be drawn"),
        ("latent", r"\frac{\mathrm d}{\mathrm d k} k^2", "a derivative must be taken by a number"),
        (
            "latent",
            r"\frac{\mathrm d}{\mathrm d a}\left(\frac{\mathrm d}{\mathrm d b} a b\right)",
            "must not stand inside another",
        ),
        ("latent", r"\left. z_1 + \left. z_1 \right|_{z_1 = z} \right|_{z_1 = z}", "no numbers|set already"),
        ("latent", r"|\{1, 2\} + 3|", "values that are no numbers"),
        ("offsets", r"|(1, 2)|", "expected a number between bars, got a offset"),
        ("offsets", r"A + 2 A", "expected numbers"),
        ("offsets", r"(1, 2) (3, 4)", "write the inner product"),
        ("offsets", r"m(1, 2)", "m takes 3 arguments, got 2"),
        ("offsets", r"m + 1", "a function must be applied to its arguments"),
        (
            "offsets",
            r"\frac{\partial m(a)}{\partial a}",
            "m has no derivative|expected the derivative|takes 3|by a number",
        ),
        ("embeddings", r"z_1 z_2", "write the inner product"),
        ("embeddings", r"z_1 + 1", "cannot be added to a vector"),
        ("embeddings", r"2 / z_1", "expected numbers"),
        ("embeddings", r"z_1^2", "expected numbers"),
        ("embeddings", r"\langle z_1, 2 \rangle", "expected two vectors"),
        ("embeddings", r"\log(z_1)", "expected numbers"),
        (
            "embeddings",
            r"\frac{\partial^2}{\partial z_1^2} z_1^\top z_1",
            "a second derivative must be taken by a number|order",
        ),
        ("embeddings", r"\mathrm{sim}(1, z_1)", "the argument of .* must be of sort vector, got one of sort number"),
        ("two-densities", r"V(g, h)", "V takes 1 arguments, got 2"),
        ("two-densities", r"V(2)", "must be of sort function of x"),
        ("two-densities", r"g(c)", "must be of sort x, got one of sort number"),
        ("bijection", r"\det g'(x)", "g has no derivative in the model bijection"),
    ],
)
def test_what_has_no_meaning_is_refused(model, latex, said):
    with pytest.raises(FormulaError, match=said):
        value(latex, model)


@pytest.mark.parametrize(
    ("definition", "latex", "said"),
    [
        ("f(a, b) := a b", "f'(a)", "f must be defined with one argument, a number"),
        ("f(v_{1:k}) := v_1", "f'(a)", "f must be defined with one argument, a number"),
        ("f_j(a) := a^j", "f'(a)", "f must be defined with one argument, a number|f is defined with 2"),
        ("f(a) := a", "f(a, b)", "f is defined with 1 arguments, got 2"),
        ("f(v_{1:k}) := v_1", "f(a)", "expected a sequence such as"),
        ("f(z) := p(z)", r"\mathrm{KL}(p(x) \| f)", "f must be a law of x, as the others are"),
        (
            "q(z) := p(z)",
            r"\mathrm{KL}(q \| p(z))",
            "the law q must be written with its variables, since it has several",
        ),
        ("v := a b", r"\frac{\mathrm d}{\mathrm d v} v^2", "v is defined on the page"),
    ],
)
def test_what_a_page_defines_is_used_as_it_is_defined(definition, latex, said):
    with pytest.raises(FormulaError, match=said):
        value(latex, "latent", definition)


def test_a_range_may_have_a_hundred_thousand_numbers():
    assert value(r"\sum_{j=1}^{100000} j") == 5_000_050_000
    assert value(r"\sum_{j=-99999}^{0} 1") == 100_000


def test_sixteen_sums_are_nested_and_one_more_refused():
    for count in (15, 16):
        assert value(r"\sum_{j=1}^1 " * count + "1") == 1
    with pytest.raises(FormulaError, match="at most 16 deep"):
        value(r"\sum_{j=1}^1 " * 17 + "1")


def test_copies_of_a_law_at_one_point_are_drawn_as_long_as_they_are_few():
    certain = LatentInstance(((1, 0),), ((1, 0),))
    assert value(r"\mathbb{E}_{z_{1:63} \sim p(z)}[1]", instance=certain) == 1
    assert value(r"\mathbb{E}_{z_{1:12} \sim p(z)}[1]") == 1


@pytest.mark.parametrize(
    "latex",
    [
        r"\mathbb{E}_{z_{1:k}\sim p(z)}\left[\mathbf 1[z_1 = z_{k+1}]\right] = 0",
        r"\mathbb{E}_{z_{1:2}\sim p(z)}\left[\mathbf 1[z_1 \neq z_3]\right] = 0",
        r"\mathbf 1[z_1 = z_9] = 0",
        r"\sum_{i=1}^k \mathbf 1[z_i = z_9] = 0",
    ],
)
def test_a_member_that_a_family_does_not_have_equals_nothing_and_is_an_error(latex):
    """Taken for different from all others, it made these true."""
    (record,) = check_text(f'```math id="a" model="latent"\n{latex}\n```\n', "page.md")
    assert record.status == "error"
    assert record.message.endswith("a condition compares a member that its family does not have")


@pytest.mark.parametrize(
    ("latex", "status"),
    [
        (r"\mathbb{E}_{z_1\sim p(z)}\left[\mathbf 1[z_1 = z_2]\right] = 0", "refuted"),
        (r"\mathbb{E}_{z_1\sim p(z)}\left[\mathbf 1[z_1 = z_2]\right] = p(z_2)", "checked"),
        (r"\mathbb{E}_{z_1,z_2\sim p(z)}\left[\mathbf 1[z_1 = z_3]\right] = p(z_3)", "checked"),
        (r"\mathbb{E}_{z_1\sim p(z)}\left[p(z_2)\right] = 0", "refuted"),
    ],
)
def test_members_that_a_mean_does_not_draw_are_free(latex, status):
    (record,) = check_text(f'```math id="a" model="latent"\n{latex}\n```\n', "page.md")
    assert record.status == status, record.message
