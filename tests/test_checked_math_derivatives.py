"""Derivatives by a number: power series against closed forms, and formulas that differentiate."""

import decimal
import math
import re
from fractions import Fraction
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hw.checked_math.arithmetic import CONTEXT, DIGITS, EXACT, FLOAT, bounded, multiply
from hw.checked_math.errors import FormulaError
from hw.checked_math.lifting import lifted
from hw.checked_math.models import MODELS
from hw.checked_math.mutation import mutate_file
from hw.checked_math.pages import check_text
from hw.checked_math.reading import Context, read
from hw.checked_math.running import Runner
from hw.checked_math.series import Series, coefficients

EXACTLY, FLOATS, SIXTY = lifted(EXACT), lifted(FLOAT), lifted(DIGITS)
few = settings(deadline=None, max_examples=12)
ratios = st.fractions(-9, 9, max_denominator=12)
series = st.builds(Series, ratios, ratios, ratios)
away = series.filter(lambda a: a.value != 0)
positive = st.builds(Series, st.floats(0.1, 9), st.floats(-3, 3), st.floats(-3, 3))
SIGMA = r"\sigma(t) := \frac{1}{1+\exp(-t)}"


def close(found, expected):
    return coefficients(found) == pytest.approx(coefficients(expected), rel=1e-12, abs=1e-12)


def check(latex, given="", model="latent", assume=""):
    page = f'```math id="given" model="{model}"\n{given}\n```\n\n' if given else ""
    page += f'```math id="claim" model="{model}" assume="{assume}"\n{latex}\n```\n'
    *before, record = check_text(page, "page.md")
    assert [each.status for each in before] == ["definition"] * len(before), before
    return record


# ---- power series ----


@few
@given(a=series, b=series)
def test_products_follow_leibniz(a, b):
    product = a * b
    assert product.value == a.value * b.value
    assert product.first == a.first * b.value + a.value * b.first
    assert 2 * product.second == 2 * a.second * b.value + 2 * a.first * b.first + a.value * 2 * b.second
    assert product == b * a
    assert product + a != product or a == Series(0, 0, 0)


@few
@given(polynomial=st.lists(ratios, max_size=6), at=ratios)
def test_a_polynomial_has_the_derivatives_of_its_coefficients(polynomial, at):
    t, found = Series(at, 1, 0), 0
    for coefficient in polynomial:
        found = found * t + coefficient
    powers = list(enumerate(reversed(polynomial)))
    first = sum(c * n * at ** (n - 1) for n, c in powers if n > 0)
    second = sum(c * n * (n - 1) * at ** (n - 2) for n, c in powers if n > 1)
    value, slope, half = coefficients(found)
    assert (slope, 2 * half) == (first, second)
    assert value == sum(c * at**n for n, c in powers)
    assert all(isinstance(part, int | Fraction) for part in (value, slope, half))


@few
@given(a=series, b=away)
def test_a_quotient_times_its_denominator_is_the_numerator(a, b):
    quotient = EXACTLY.divide(a, b)
    assert quotient * b == a
    assert quotient * b + Fraction(1, 10**9) != a
    assert all(isinstance(part, int | Fraction) for part in coefficients(quotient))


@few
@given(a=away, exponent=st.integers(-4, 5))
def test_a_power_is_a_repeated_product(a, exponent):
    repeated = Series(1, 0, 0)
    for _ in range(abs(exponent)):
        repeated = repeated * a
    assert EXACTLY.power(a, exponent) == (EXACTLY.divide(1, repeated) if exponent < 0 else repeated)


@pytest.mark.parametrize("exponent", range(5))
def test_powers_at_zero(exponent):
    expected = [(1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 0, 0), (0, 0, 0)]
    for arithmetic in (EXACTLY, FLOATS, SIXTY):
        assert coefficients(arithmetic.power(Series(0, 1, 0), exponent)) == expected[exponent]


@few
@given(a=positive)
def test_functions_undo_each_other(a):
    log, exp, sqrt = (FLOATS.functions[name] for name in ("log", "exp", "sqrt"))
    assert close(exp(log(a)), a)
    assert close(log(exp(a)), a)
    assert close(sqrt(a) * sqrt(a), a)
    assert close(FLOATS.power(a, Fraction(1, 2)), sqrt(a))
    assert close(FLOATS.power(a, Series(2, 0, 0)), a * a)
    assert not close(log(exp(a)) * 2, a)


@few
@given(a=positive, b=positive)
def test_logarithms_turn_products_into_sums(a, b):
    log = FLOATS.functions["log"]
    assert close(log(a * b), log(a) + log(b))
    assert close(log(FLOATS.power(a, b)), b * log(a))


@few
@given(t=st.floats(-3, 3))
def test_the_chain_rule_against_closed_forms(t):
    at, exp, tanh = Series(t, 1, 0), FLOATS.functions["exp"], FLOATS.functions["tanh"]
    gauss, slope = math.exp(-t * t), 1 / math.cosh(t) ** 2
    assert close(exp(-at * at), Series(gauss, -2 * t * gauss, (2 * t * t - 1) * gauss))
    assert close(tanh(at), Series(math.tanh(t), slope, -math.tanh(t) * slope))
    assert close(FLOATS.power(2, at), Series(2**t, 2**t * math.log(2), 2**t * math.log(2) ** 2 / 2))


def test_the_slope_of_tanh_does_not_cancel_where_tanh_is_nearly_one():
    for t in (-15.0, 15.0):
        assert FLOATS.functions["tanh"](Series(t, 1, 0)).first == pytest.approx(1 / math.cosh(t) ** 2, rel=1e-12)


@pytest.mark.parametrize("name", ["log", "exp", "sqrt", "tanh"])
def test_sixty_digits_are_kept(name):
    with decimal.localcontext(CONTEXT):
        a = DIGITS.ratio(3, 7)
        found = coefficients(SIXTY.functions[name](Series(a, 1, 0)))
        value = DIGITS.functions[name](a)
        slope, half = {
            "log": (1 / a, -1 / (2 * a * a)),
            "exp": (value, value / 2),
            "sqrt": (1 / (2 * value), -1 / (8 * value**3)),
            "tanh": (1 - value**2, -value * (1 - value**2)),
        }[name]
        assert all(abs(x - y) < decimal.Decimal("1e-55") for x, y in zip(found, (value, slope, half), strict=True))


@pytest.mark.parametrize("arithmetic", [EXACTLY, FLOATS, SIXTY], ids=lambda kind: kind.name)
def test_where_there_is_no_derivative_it_is_undefined(arithmetic):
    with decimal.localcontext(CONTEXT):
        t, functions = Series(0, 1, 0), arithmetic.functions
        for found in (
            functions["log"](t),
            functions["sqrt"](t),
            functions["exp"](Series(arithmetic.infinity, 1, 0)),
            arithmetic.divide(1, t),
            arithmetic.divide(t, t),
            arithmetic.power(t, -1),
            arithmetic.power(t, Fraction(3, 2) if arithmetic is not SIXTY else DIGITS.ratio(3, 2)),
            arithmetic.power(0, t),
            t * functions["log"](t),
        ):
            assert found != found  # only NaN differs from itself
            assert found.first != found.first


def test_what_is_not_smooth_refuses_a_series():
    t = Series(1, 1, 0)
    for name in ("max", "min", "abs", "floor", "ceil", "binom", "factorial"):
        with pytest.raises(FormulaError, match=f"what stands under {name} must not depend on the number"):
            FLOATS.functions[name](t)
    assert FLOATS.functions["max"](1, 2) == 2
    uses = (abs, bool, hash, int, float, round, math.floor, math.ceil, lambda x: x < 2, lambda x: x / 2, lambda x: x**2)
    for use in uses:
        with pytest.raises(FormulaError, match="must not depend on the number"):
            use(t)


@pytest.mark.parametrize("arithmetic", [EXACTLY, FLOATS, SIXTY], ids=lambda kind: kind.name)
def test_only_a_plain_zero_is_silent(arithmetic):
    with decimal.localcontext(CONTEXT):
        cube, pole = arithmetic.power(Series(0, 1, 0), 3), arithmetic.power(Series(0, 1, 0), -2)
        assert coefficients(cube) == (0, 0, 0)
        assert cube != 0
        assert cube == Series(0, 0, 0)
        product = multiply(cube, pole)  # which is t, of which the coefficients of t³ and 1/t² tell nothing
        assert product.first != product.first
        assert multiply(0, pole) == multiply(pole, 0) == 0
        assert arithmetic.divide(0, Series(2, 1, 0)) == 0
        assert arithmetic.divide(0, Series(0, 1, 0)) != 0
        assert arithmetic.power(0, Series(2, 1, 0)) == 0
        nan = arithmetic.nan
        for exponent in (Series(0, 1, 0), Series(-2, 1, 0), Series(2, nan, nan)):  # the last one may jump there
            found = arithmetic.power(0, exponent)
            assert found.first != found.first


def test_products_of_series_do_not_grow_without_bound():
    assert bounded(Series(2**5000, 1, 0)) == Series(math.inf, 1, 0)


# ---- formulas ----

RIGHT = {
    "operator": r"\frac{\mathrm{d}}{\mathrm{d}t} t^3 = 3t^2",
    "partial": r"\frac{\partial}{\partial t} a t^2 = 2at",
    "plain d": r"\frac{d}{dt}\left[a t^2\right] = 2at",
    "roman": r"\frac{\rm d}{{\rm d}t}\bigl(a t^2\bigr) = \dfrac{{\rm d}}{{\rm d}t} a t^2 = 2at",
    "macro": r"\frac{\dd}{\dd t} a t^2 = 2at",
    "above": r"\frac{\mathrm{d}(t^2+1)}{\mathrm{d}t} = \frac{d\,t\,t}{dt} = 2t",
    "second order": r"\frac{\mathrm{d}^2}{\mathrm{d}t^2} t^4 = \frac{\partial^{2} t^4}{\partial t^{2}} = 12t^2",
    "product rule": r"\frac{d}{dt} t^2 e^t = 2t e^t + t^2\frac{d}{dt}e^t",
    "factor before": r"a\,\frac{d}{dt} t^2 = 2at",
    "difference": r"\frac{d}{dt} t^2 - t = t",
    "constant": r"\frac{d}{dt} k! a = 0",
    "not smooth in another number": r"\frac{d}{dt} t\max(a,b)\,|c| = \max(a,b)\,|c|",
    "cases of another number": (
        r"\frac{d}{dt}\begin{cases} t^2 & a > b \\ t & \text{else} \end{cases}"
        r" = 2t\,\mathbf{1}[a>b] + \mathbf{1}[a\le b]"
    ),
    "sum over the index": r"\frac{d}{dt}\sum_{j=1}^{k} t^j = \sum_{j=1}^{k} j t^{j-1}",
    "product over the index": r"\frac{d}{dt}\prod_{j=1}^{k} (1+t) = k(1+t)^{k-1}",
    "derivative in a sum": r"\sum_z p(z)\frac{d}{dt} t^2 p(z) = 2t\sum_z p(z)^2",
    "under an expectation": r"\frac{d}{dt}\mathbb{E}_{q(z\mid x)}\left[t\,p(z)\right] = \mathbb{E}_{q(z\mid x)}[p(z)]",
    "variance": r"\frac{d^2}{dt^2}\operatorname{Var}_{q}\left[t\,p(z)\right] = 2\operatorname{Var}_{q}[p(z)]",
    "cumulants": (
        r"\left.\frac{d^2}{dt^2}\log\mathbb{E}_{q(z\mid x)}\left[e^{t\,p(z)}\right]\right|_{t=0}"
        r" = \operatorname{Var}_{q}[p(z)]"
    ),
    "by a bound number": r"\int_0^1 \frac{\mathrm d}{\mathrm db} b^2\,\mathrm db = 1",
    "bound letter": r"\frac{d}{dt} t\int_0^1 t^2 b\,dt = \frac{d}{dt}\int_0^1 a^2 bt\,da = \frac{b}{3}",
    "at a point": r"\left.\frac{d}{dt} t^3\right|_{t=a} = 3a^2",
    "at a point first": r"\left.t^2\right|_{t=2} = 4, \quad \left.\frac{\mathrm{d}\,t^2}{\mathrm{d}t}\right|_{t=2} = 4",
    "exact": r"\frac{d}{dt}\frac{t}{1+t^2} = \frac{1-t^2}{(1+t^2)^2}",
    "inequality": r"\frac{d^2}{dt^2} e^{at} \ge 0",
    "cancels": r"\frac{d}{dt}\left((10^{12}+t)-10^{12}\right)^2 = 2t",
    "first order, written": r"\frac{d^1}{dt^1} t^3 = 3t^2",
    "a prime is part of a letter": r"\frac{d}{dt'} (t')^2 = 2t'",
}
WRONG = {
    "sign": r"\frac{\mathrm{d}}{\mathrm{d}t} t^3 = -3t^2",
    "factor": r"\frac{\mathrm{d}}{\mathrm{d}t} t^2 = t",
    "order": r"\frac{\mathrm{d}^2}{\mathrm{d}t^2} t^3 = 3t^2",
    "half": r"\frac{\mathrm{d}^2}{\mathrm{d}t^2} t^2 = 1",
    "other number": r"\frac{\mathrm{d}}{\mathrm{d}a} t^2 = 2t",
    "product of derivatives": r"\frac{d}{dt} t^2 e^t = \left(\frac{d}{dt}t^2\right)\left(\frac{d}{dt}e^t\right)",
    "other law": r"\frac{d}{dt}\mathbb{E}_{q(z\mid x)}\left[t\,p(z)\right] = \mathbb{E}_{p(z)}[p(z)]",
    "cancels": r"\frac{d}{dt}\left((10^{12}+t)-10^{12}\right)^2 = 2t+\frac{1}{10^4}",
    "no derivative at 0": r"\left.\frac{d}{dt} t\log t\right|_{t=0} = -\infty",
    "no root at 0": r"\left.\frac{d}{dt}\sqrt{t}\right|_{t=0} = \infty",
    "undefined value": r"\left.\frac{d}{dt}(t-\infty+\infty)\right|_{t=0} = 1",
    "infinite constant": r"\frac{d}{dt}\infty = 0",
    **{  # a zero that depends on the number is not silent, even if it is one to the second order
        body: rf"\left.\frac{{d}}{{dt}}\left({body}\right)\right|_{{t=0}} = 0"
        for body in (
            r"t^3\cdot\frac{1}{t^2}",
            r"b^3t^3\cdot\frac{1}{t^2}",
            r"t^4\,t^{-3}",
            r"(1-e^t)^3\cdot\frac{1}{t^2}",
            r"t^3\exp\left(\frac{1}{t^2}\right)",
            r"\prod_{j=1}^{2}\left((j-1)\frac{1}{t^2}+(2-j)t^3\right)",
            r"\mathbb{E}_{q(z\mid x)}\left[t^3\cdot\frac{1}{t^2}\right]",
            r"\sum_{j=1}^{k} t^3\cdot\frac{j}{t^2}",
        )
    },
    "second order of zeros": r"\left.\frac{d^2}{dt^2}\left(t^3\,t^{-1}\right)\right|_{t=0} = 0",
    "zeros elsewhere": r"\left.\frac{d}{dt}\left((t-a)^3\cdot\frac{1}{(t-a)^2}\right)\right|_{t=a} = 0",
}
OF_TWO_LAWS = {  # formula, whether it is right
    "variance": (r"\frac{d}{dt}\operatorname{Var}_{f_0}[t\,h(x)] = 2t\operatorname{Var}_{f_0}[h(x)]", True),
    "covariance": (
        r"\frac{d}{dt}\operatorname{Cov}_{x\sim f_0}[t\,h(x),g(x)] = \operatorname{Cov}_{x\sim f_0}[h(x),g(x)]",
        True,
    ),
    "variance without its factor": (
        r"\frac{d}{dt}\operatorname{Var}_{f_0}[t\,h(x)] = t\operatorname{Var}_{f_0}[h(x)]",
        False,
    ),
    "power of a mass": (r"\frac{d}{dy}f_0(x)^y = f_0(x)^y\log f_0(x)", True),
    "power of a mass at 0": (r"\left.\frac{d}{dt}f_0(x)^t\right|_{t=0} = \log f_0(x)", False),
    "quotient of a mass": (
        r"\frac{d}{dy}\frac{f_0(x)}{y}\log f_0(x) = -\frac{f_0(x)}{y^2}\log f_0(x)",
        True,
    ),
    "zero in a mean": (
        r"\left.\frac{d}{dt}\mathbb{E}_{f_0}\left[(t\,h(x))^3\cdot\frac{1}{t^2}\right]\right|_{t=0} = 0",
        False,
    ),
    "zero in a divergence": (
        r"\left.\frac{d}{dt}D_{\mathrm{KL}}\left((1-t^3)f_0+t^3f_1\,\|\,f_0\right)\right|_{t=0} = 0",
        False,
    ),
}
OF_THE_PAGE = {
    "prime": (r"\sigma'(t) = \sigma(t)(1-\sigma(t))", True),
    "prime at a number": (r"\sigma'(0) = \tfrac14 = \frac{d\sigma}{dt}(0)", True),
    "prime of a sum": (r"\sigma'(a+b) = \sigma(a+b)(1-\sigma(a+b))", True),
    "fraction": (r"\frac{d\sigma(t)}{dt} = \frac{\partial\sigma}{\partial t} = \sigma(t)(1-\sigma(t))", True),
    "inside and outside": (r"\sigma(t)\,\frac{d}{dt}\sigma(at) = a\,\sigma(t)\,\sigma(at)(1-\sigma(at))", True),
    "second": (r"\frac{d^2\sigma(t)}{dt^2} = \sigma(t)(1-\sigma(t))(1-2\sigma(t))", True),
    "far out": (r"\frac{d}{dt}\log(1-\sigma(t)) = -\sigma(t)", True),
    "chain rule forgotten": (r"\frac{d}{dt}\sigma(2t) = \sigma(2t)(1-\sigma(2t))", False),
    "second without its sign": (r"\frac{d^2\sigma(t)}{dt^2} = \sigma(t)(1-\sigma(t))(2\sigma(t)-1)", False),
}


@pytest.mark.parametrize("latex", RIGHT.values(), ids=RIGHT)
def test_a_right_derivative_is_checked(latex):
    record = check(latex)
    assert record.status == "checked", record.message or record.counterexample


@pytest.mark.parametrize("latex", WRONG.values(), ids=WRONG)
def test_a_wrong_derivative_is_refuted(latex):
    assert check(latex).status == "refuted"


@pytest.mark.parametrize(("latex", "is_right"), OF_TWO_LAWS.values(), ids=OF_TWO_LAWS)
def test_derivatives_of_two_laws(latex, is_right):
    record = check(latex, model="two-densities")
    assert record.status == ("checked" if is_right else "refuted"), record.message or record.counterexample


@pytest.mark.parametrize(("latex", "is_right"), OF_THE_PAGE.values(), ids=OF_THE_PAGE)
def test_functions_of_the_page_are_differentiated(latex, is_right):
    assert check(latex, SIGMA).status == ("checked" if is_right else "refuted")


def test_divergences_and_mixtures_are_differentiated():
    mixture = r"D_{\mathrm{KL}}\left(f_0\,\|\,(1-t)f_0 + t f_1\right)"
    first, second = (rf"\left.\frac{{d{order}}}{{dt{order}}} {mixture}\right|_{{t=0}}" for order in ("", "^2"))
    claims = f"{first} = 0", rf"{second} = \chi^2(f_1\|f_0)", rf"{second} = \chi^2(f_0\|f_1)"
    found = [check(claim, model="two-densities", assume="positive").status for claim in claims]
    assert found == ["checked", "checked", "refuted"]


def test_rational_derivatives_are_exact():
    record = check(RIGHT["exact"])
    assert record.residual == 0
    reading = read(RIGHT["exact"], MODELS["latent"], Context())
    assert Runner(reading, (), 0).arithmetic is EXACT
    assert Runner(read(r"\frac{d}{dt}\log t = 1", MODELS["latent"], Context()), (), 0).arithmetic is FLOAT


def test_the_scale_is_that_of_the_terms_of_the_derivative():
    runner = Runner(read(r"\frac{d}{dt}\left(10^6 + t^2 + 5t\right) = 0", MODELS["latent"], Context()), (), 0)
    compiler, (side, _) = runner.at(FLOAT)
    env = next(iter(MODELS["latent"].instances(runner.random(0), runner.uses))).using(FLOAT)
    assert side({"@": env, "t": 3.0}) == 11
    assert compiler.scale == [6.0]


ERRORS = {  # formula: column of the error, and words of its message
    "third order": (r"\frac{d^3}{dt^3} t = 1", 9, ["order 1 or 2"]),
    "order of a letter": (r"\frac{d^k}{dt^k} t = 1", 9, ["order 1 or 2"]),
    "orders that differ": (r"\frac{d^2}{dt} t = 1", 14, ["'^2'", "'}'"]),
    "order below alone": (r"\frac{d}{dt^2} t = 1", 13, ["first derivative", "'2'"]),
    "order above and another below": (r"\frac{d^2}{dt^1} t = 1", 15, ["order 2", "'1'"]),
    "two numbers": (r"\frac{\partial^2}{\partial a\,\partial b} ab = 1", 31, ["'^2'"]),
    "nested": (r"\frac{d}{da}\frac{d}{db} ab = 1", 13, ["not stand inside another"]),
    "nested by the same": (r"\frac{d}{da}\left(a\,\frac{d}{da} a\right) = 1", 22, ["not stand inside another"]),
    "by a point": (r"\frac{d}{dx} p(x) = 1", 11, ["by a number", "sort x"]),
    "by a count": (r"\frac{d}{dk} k = 1", 11, ["by a number", "count"]),
    "by an index": (r"\sum_{j=1}^k \frac{d}{dj} j = 1", 24, ["by a number", "index"]),
    "by a definition": (r"\frac{d}{df} f = 1", 11, ["f", "sort function"]),
    "by a law": (r"\frac{d}{dq} a = 1", 11, ["q", "latent"]),
    "by a member": (r"\frac{d}{dz_1} a = 1", 11, ["by a number", "sort z"]),
    "by draws": (r"\frac{d}{dz_{1:k}} a = 1", 11, ["a number or a member", "'z'"]),
    "by a digit": (r"\frac{d}{d2} a = 1", 11, ["a name", "'2'"]),
    "by an unknown": (r"\frac{d}{dy} y = 1", 11, ["y", "latent"]),
    "of a maximum": (r"\frac{d}{dt}\max(t,a) = 1", 1, ["under max", "must not depend"]),
    "of an extremum": (r"\frac{d}{dt}\max_{1\le j\le k} jt = 1", 1, ["under max", "must not depend"]),
    "of an absolute value": (r"1 = \frac{d}{dt}|t|", 5, ["absolute value", "must not depend"]),
    "of a floor": (r"\frac{d}{dt}\lfloor t\rfloor = 0", 1, ["under floor"]),
    "of a factorial": (r"\frac{d}{dt} t! = 0", 1, ["under factorial"]),
    "of an indicator": (r"\frac{d}{dt}\mathbf{1}[t\ge a] = 0", 1, ["condition", "must not depend"]),
    "of an equality": (r"\frac{d}{dt}\mathbf{1}[t = a] = 0", 1, ["condition", "must not depend"]),
    "of cases": (r"\frac{d}{dt}\begin{cases} t & t > 0 \\ 0 & \text{else}\end{cases} = 0", 1, ["condition"]),
    "of a condition on a sum": (r"\frac{d}{dt}\sum_{1\le j\le k,\,j > t} j = 0", 1, ["condition"]),
    "of a bound": (r"\frac{d}{dt}\sum_{j=1}^{t} j = 0", 1, ["whole number or a bound"]),
    "of the bound of an integral": (r"\frac{d}{dt}\int_0^t a\,da = t", 1, ["bound"]),
    "of a total variation": (r"\frac{d}{dt} D_{TV}\left(t\,q\,\|\,q\right) = 0", 1, ["absolute value"]),
    "of an index": (r"\frac{d}{dt} w_{t} = 0", 1, ["index"]),
    "of masses that change": (r"\left.\frac{d}{dt} D_{KL}(t\,q\|q)\right|_{t=1} = 1", 27, ["masses", "all values"]),
    "slash": (r"\frac{d}{dt} t/a = 1", 15, ["brackets", "derivative"]),
    "slash in a sum": (r"\frac{d}{dt}\sum_{j=1}^k j/a = 1", 27, ["brackets", "derivative"]),
    "factor behind brackets": (r"\frac{d}{dt}(t+1)a = 1", 18, ["brackets", "how far"]),
    "dot": (r"\frac{d}{dt} t\cdot a = 1", 15, ["brackets", "how far"]),
    "sum above": (r"\frac{d t + a}{dt} = 1", 11, ["brackets", "how far"]),
    "nothing": (r"\frac{d}{dt} = 1", 14, ["derivative is taken of"]),
    "sign": (r"\frac{d}{dt} -t = 1", 14, ["derivative is taken of", "'-'"]),
    "truncated": (r"\frac{d}{d", 9, ["'{'"]),
    "two signs of a derivative": (r"\frac{\partial}{\mathrm{d}t} t = 1", 17, [r"\partial"]),
    "transposed": (r"\frac{\partial\,a b}{\partial a^\top} = 1", 1, [r"\frac{\partial F(u)}{\partial u}"]),
}


@pytest.mark.parametrize(("latex", "column", "words"), ERRORS.values(), ids=ERRORS)
def test_what_cannot_be_differentiated_is_an_error_with_its_place(latex, column, words):
    given = {"by a definition": "f(a) := a", "of an index": r"w_j := p(z_j)"}
    name = next(name for name, row in ERRORS.items() if row[0] == latex)
    record = check(latex, given.get(name, ""))
    assert record.status == "error", record
    where = re.match(r"page\.md:\d+:(\d+): ", record.message)
    assert where, record.message
    assert column is None or int(where[1]) == column, record.message
    assert all(word in record.message for word in words), record.message


ILL_FORMED = {  # formula of two densities, what the page defines, column and words of the error
    "page's at two values": (r"\sigma'(s,t) = 0", r"\sigma(s) := e^s", 8, "at one value, got 2"),
    "model's at two values": (r"D'(x,x) = 0", "", 3, "at one value, got 2"),
    "value's at two values": (r"V'(D,D) = 0", "", 3, "at one value, got 2"),
    "Jacobian at two values": (r"J_D(x,x) = 0", "", 4, "at one value, got 2"),
    "fraction at two values": (r"\frac{d\sigma}{ds}(s,t) = 0", r"\sigma(s) := e^s", 19, "at one value, got 2"),
    "no derivative": (r"0 = g'(x)", "", 5, "g has no derivative in the model two-densities"),
    "no derivative of the value": (r"V'(D) = 0", "", 1, "V has no derivative in the model two-densities"),
    "derivative defined": (r"\sigma'(s) := 2", r"\sigma(s) := e^s", 1, r"\sigma' is the derivative of \sigma"),
    "derivative defined first": (r"q(s) := s^2", r"q'(s) := 1", 1, "q' is defined already"),
    "model's derivative defined": (r"g'(x) := 2", "", 1, "g' is the derivative of g"),
    "pi": (r"\pi := 3", "", 1, r"\pi is the number"),
    "value of a number": (r"0 = V(\tfrac12)", "", 7, "of sort function of x, got one of sort number"),
    "value of a function of numbers": (r"V(\sigma) = 0", r"\sigma(s) := e^s", 3, "got one of sort function of number"),
    "value by way of a definition": (r"L(\sigma) = 0", r"\sigma(s) := e^s,\ L(D) := V(D)", None, "function of number"),
    "number for a point": (r"D(y) = 1", "", 3, "argument of D must be of sort x, got one of sort number"),
    "number set for a point": (r"\left.f_0(x)\right|_{x=y} = 0", "", 24, "value of x must be of sort x"),
    "point set for a number": (r"\left.s\right|_{s=x} = 0", "", 19, "value of s must be of sort number"),
    "number equal to a point": (r"g(x) = x", "", 8, "behind = must be of sort number, got one of sort x"),
    "label that is not defined": (r"D_s(x) = 0", r"D_t(x) := D(x)+t\,h(x)", 1, "D_{s} is not a name"),
    "label of an argument": (r"V(D_s) = 0", r"D_t(x) := D(x)+t\,h(x)", 3, "D_{s} is not a name"),
}


@pytest.mark.parametrize(("latex", "given", "column", "words"), ILL_FORMED.values(), ids=ILL_FORMED)
def test_what_is_no_derivative_or_of_another_sort_is_an_error_with_its_place(latex, given, column, words):
    record = check(latex, given, "two-densities")
    assert record.status == "error"
    assert words in record.message
    assert column is None or f":{column}: " in record.message, record.message


def test_primes_and_functions_of_points_that_are_meant_are_read():
    assert check(r"q'(s) = 2s", r"q(s) := s^2", "two-densities").status == "checked"
    assert check(r"V(D_y) \le 0", r"D_y(x) := (1-y)D(x)+\frac y2", "two-densities").status == "checked"
    assert check(r"L(D) = V(D),\ L(D) \le 0", r"L(D) := V(D)", "two-densities").status == "checked"
    assert check(r"x = x',\ x \neq x'", "", "two-densities").status == "refuted"


def test_a_variance_in_a_variance_keeps_its_own_means():
    inner, outer = r"\operatorname{Var}_{q(z\mid x)}", r"\operatorname{Var}_{p(z)}"
    latex = (
        rf"\frac{{d}}{{dt}}{outer}\left[p(z)\,{inner}[t\,p(z)]\right] = 4t^3\,{outer}[p(z)]\left({inner}[p(z)]\right)^2"
    )
    runner = Runner(read(latex, MODELS["latent"], Context()), (), 0)
    assert all(judgment.passed for _, _, (judgment,) in islice(runner.accepted(), 40))
    wrong = Runner(read(latex.replace("4t^3", "2t^3"), MODELS["latent"], Context()), (), 0)
    assert not all(judgment.passed for _, _, (judgment,) in islice(wrong.accepted(), 40))


def test_a_d_that_is_a_name_is_no_derivative():
    assert "write \\mathrm{d} for a derivative" in check(r"\frac{d}{d\tau}\tau = 1", model="embeddings").message
    assert check(r"\frac{\mathrm{d}}{\mathrm{d}\tau}\tau = 1", model="embeddings").status == "checked"
    assert check(r"\frac{d}{2} = \tfrac12 d", model="embeddings").status == "checked"


# ---- mutation ----

PAGE = r"""
```math id="sigma" model="latent"
\sigma(t) := \frac{1}{1+\exp(-t)}
```

```math id="even" model="latent"
\sigma(0) = \frac12
```

```math id="slope" model="latent"
\frac{\mathrm{d}}{\mathrm{d}t}\log\left(1-\sigma(a t)\right) = -a\,\sigma(a t)
```

```math id="curvature" model="two-densities"
\frac{\mathrm{d}^2}{\mathrm{d}y^2}\left(f_1(x)\log y+f_0(x)\log(1-y)\right)
= -\frac{f_1(x)}{y^2}-\frac{f_0(x)}{(1-y)^2}
```

```math id="moved" model="two-densities"
D_\epsilon(x) := D(x)+\epsilon\,h(x)
```

```math id="variation" model="two-densities" assume="0 < D < 1"
\left.\frac{\mathrm{d}}{\mathrm{d}\epsilon}V(D_\epsilon)\right|_{\epsilon=0}
= \sum_x\left(\frac{f_1(x)}{D(x)}-\frac{f_0(x)}{1-D(x)}\right)h(x)
```
"""


def test_no_mutant_of_a_derivative_survives(tmp_path):
    (tmp_path / "page.md").write_text(PAGE)
    found = mutate_file(tmp_path / "page.md")
    survivors = [mutant for mutation in found.values() for mutant in mutation.survivors]
    assert [mutant for mutant in survivors if "p" not in mutant.partition("→")[2]] == []  # p and f are the same laws
    assert found["slope"].refuted >= 10
    assert found["curvature"].refuted >= 10
    assert found["variation"].refuted >= 5
