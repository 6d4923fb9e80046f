"""The checker itself: what it records, what it refuses to believe, and that its own parts can fail."""

import decimal
import itertools
import math
import operator
from dataclasses import FrozenInstanceError, fields, is_dataclass
from fractions import Fraction
from random import Random

import pytest

import hw.checked_math.syntax
import hw.receptive_field
from hw.checked_math.arithmetic import CONTEXT, DIGITS, EXACT, FLOAT, bounded, multiply
from hw.checked_math.checking import seed_of
from hw.checked_math.errors import FormulaError
from hw.checked_math.grammar.rows import flat
from hw.checked_math.grammar.statements import Names
from hw.checked_math.grammar.tokens import tokens
from hw.checked_math.judging import Judgment, judge, judged_within, text_of
from hw.checked_math.models import MODELS
from hw.checked_math.models.model import Vocabulary
from hw.checked_math.mutation import mutants, mutate_file
from hw.checked_math.pages import check_file, check_text

ELBO = r"\log p(x) \ge \mathbb{E}_{q(z\mid x)}\left[\log\frac{p(x,z)}{q(z\mid x)}\right]"
SUM = r"p(x) = \sum_z p(x\mid z)\,p(z)"


def page(*formulas, options='model="latent"'):
    return "\n\n".join(f'```math id="f{place}" {options}\n{latex}\n```' for place, latex in enumerate(formulas))


def check(*formulas, options='model="latent"'):
    return check_text(page(*formulas, options=options), "page.md")


# ---- arithmetic ----


@pytest.mark.parametrize("arithmetic", [EXACT, FLOAT, DIGITS], ids=lambda kind: kind.name)
def test_the_corners_of_the_extended_reals(arithmetic):
    log, divide = arithmetic.functions["log"], arithmetic.divide
    assert multiply(0, log(0)) == 0
    assert log(0) == -math.inf
    assert divide(1, 0) == math.inf
    for undefined in (divide(0, 0), log(-1), divide(-1, 0), arithmetic.functions["max"](1, arithmetic.nan)):
        assert undefined != undefined  # only NaN differs from itself


def test_rational_arithmetic_is_exact_and_fifty_digits_are_fifty():
    assert EXACT.divide(1, 3) + EXACT.divide(1, 6) == Fraction(1, 2)
    third = DIGITS.divide(1, 3)
    assert abs(third * 3 - 1) < 10**-49
    assert abs(DIGITS.functions["log"](DIGITS.functions["exp"](1)) - 1) < 10**-48
    assert abs(DIGITS.functions["tanh"](1) - DIGITS.divide(7615941559557649, 10**16)) < 1e-16


def test_powers_of_whole_numbers_stay_whole_until_they_are_huge():
    assert FLOAT.power(2, 100) == 2**100
    assert EXACT.power(Fraction(2, 3), 3) == Fraction(8, 27)
    assert FLOAT.power(2, 10**9) == math.inf
    assert EXACT.power(7, 10**9) == math.inf


@pytest.mark.parametrize(
    ("sign", "left", "right", "passed"),
    [
        ("=", 1.0, 1.0 + 1e-15, True),
        ("=", 1.0, 1.0 + 1e-3, False),
        ("=", math.inf, math.inf, True),
        ("=", math.inf, 1.0, False),
        ("=", math.nan, math.nan, False),
        (r"\ge", 1.0, 1.0 + 1e-15, True),
        (r"\ge", math.inf, 5.0, True),
        (r"\le", -math.inf, -math.inf, True),
        ("<", 1.0, 1.0, False),
        (">", 2.0, 1.0, True),
        (r"\neq", 1.0, 2.0, True),
        (r"\neq", math.nan, 2.0, False),
    ],
)
def test_two_values_are_judged(sign, left, right, passed):
    judgment = judge(sign, left, right, 0.0, None, FLOAT)
    assert judgment.passed == passed or judgment.doubtful


def test_what_float64_cannot_decide_is_decided_with_fifty_digits():
    tiny = r"p(x) + \frac{1}{10^{11}} > p(x)"
    (kept,) = check(tiny + r",\quad \log p(x) + \frac{1}{10^{11}} > \log p(x)")
    assert kept.status == "checked"
    (lost,) = check(r"\log p(x) + \frac{1}{10^{11}} = \log p(x)")
    assert lost.status == "refuted"


def test_a_strict_claim_fails_where_the_sides_are_equal():
    (strict,) = check(ELBO.replace(r"\ge", ">"))
    (weak,) = check(ELBO)
    assert (strict.status, weak.status) == ("refuted", "checked")
    assert weak.relations[0].attained
    assert weak.slack == 0


# ---- records ----


def test_a_record_tells_what_was_tried():
    (record,) = check(SUM)
    assert record.status == "checked"
    assert record.instances >= 200
    assert record.residual == 0  # rational arithmetic
    assert record.seed == seed_of("f0")
    assert record.relations[0].latex == SUM


def test_the_seed_reproduces_a_failure():
    wrong = r"p(x) = \sum_z p(x\mid z)\,q(z\mid x)"
    first, second = (check(wrong)[0] for _ in range(2))
    assert first.counterexample == second.counterexample
    assert first.status == "refuted"


def test_the_counterexample_is_small():
    (record,) = check(r"p(x)^2 = p(x)")
    assert dict(record.counterexample.instance)["p(x,z)"].count("/") <= 2


def test_a_wrong_formula_that_holds_is_a_failure():
    right, wrong = check(SUM, r"p(x) = p(z)", options='model="latent" expect="false"')
    assert (right.status, right.ok) == ("checked", False)
    assert (wrong.status, wrong.ok) == ("refuted", True)


def test_an_assumption_is_needed_or_idle():
    jensen = r"\log p(x) = \log\left(\mathbb{E}_{q(z\mid x)}\left[\frac{p(x,z)}{q(z\mid x)}\right]\right)"
    (needed,) = check(jensen, options='model="latent" assume="posterior << q"')
    assert needed.ok
    assert needed.unassumed is not None
    assert needed.idle == ()
    (idle,) = check(SUM, options='model="latent" assume="posterior << q"')
    assert idle.idle == ("posterior << q",)


def test_a_condition_may_be_written_as_a_relation():
    claim = r"\frac{k-1}{k-1} = 1"
    (without,) = check(claim)
    (with_it,) = check(claim, options=r'model="latent" assume="k \ge 2"')
    assert (without.status, with_it.status) == ("refuted", "checked")


def test_each_relation_of_a_chain_is_a_claim():
    (record,) = check(rf"{SUM} = \int p(x,z)\,\mathrm dz \le 1")
    assert [relation.sign for relation in record.relations] == ["=", "=", r"\le"]


def test_later_formulas_use_a_definition_as_displayed():
    claim = r"\mathbb{E}_{q(z\mid x)}[w(z)] \le p(x)"
    right = check(r"w(z) := \frac{p(x,z)}{q(z\mid x)}", claim)
    wrong = check(r"w(z) := \frac{q(z\mid x)}{p(x,z)}", claim)
    assert [record.status for record in right] == ["definition", "checked"]
    assert [record.status for record in wrong] == ["definition", "refuted"]


@pytest.mark.parametrize(
    "latex",
    [r"p(x) := 1", r"q(z\mid x) := \frac12", r"p(z\mid x) := p(z)"],
)
def test_a_law_of_the_model_cannot_be_redefined(latex):
    (record,) = check(latex)
    assert record.status == "error"
    assert "redefined" in record.message


def test_a_definition_is_compared_with_the_function_that_implements_it(monkeypatch):
    text = page(
        r"T := \{\,a + b : a \in M_2,\ b \in M_1\,\}",
        options='model="offsets" implements="hw.receptive_field.offsets"',
    )
    (right,) = check_text(text, "page.md")
    assert (right.status, right.ok) == ("definition", True)
    (changed,) = check_text(text.replace("a + b", "a - b"), "page.md")
    assert not changed.ok
    original = hw.receptive_field.offsets
    monkeypatch.setattr(hw.receptive_field, "offsets", lambda masks: original(masks[:1]))
    (broken,) = check_text(text, "page.md")
    assert not broken.ok
    assert broken.counterexample.sign == ":="


def test_records_are_kept_and_the_formula_alone_decides(tmp_path):
    cache = tmp_path / "kept.json"
    text = page(SUM, r"p(x) = p(z)")
    first = check_text(text, "page.md", cache)
    assert cache.exists()
    second = check_text(text, "page.md", cache)
    assert [record.counterexample for record in first] == [record.counterexample for record in second]
    changed = check_text(text.replace(r"\sum_z", r"\prod_z"), "page.md", cache)
    assert [record.ok for record in changed] == [False, False]
    cache.write_text("not JSON")
    assert [record.status for record in check_text(text, "page.md", cache)] == ["checked", "refuted"]


# ---- models ----


@pytest.mark.parametrize("name", MODELS)
def test_instances_are_many_and_the_same_for_the_same_seed(name):
    model = MODELS[name]
    uses = frozenset({"p_X", "P_X"})
    first, second = ([instance.words(uses) for instance in model.instances(Random(3), uses)] for _ in range(2))
    assert first == second
    assert len(first) >= (5 if name == "linear-gaussian" else 200)


def test_laws_with_other_parameters_are_other_laws():
    same, other = check(r"p_\theta(x) = p(x;\theta)", r"p_\theta(x) = p_{\theta'}(x)")
    assert (same.status, other.status) == ("checked", "refuted")


# ---- mutation ----


def mutate(folder, text, listed=""):
    (folder / "page.md").write_text(text)
    (folder / "also_true.toml").write_text(listed)
    return mutate_file(folder / "page.md")


def test_mutants_are_refuted_and_survivors_named(tmp_path):
    found = mutate(tmp_path, page(r"p(x,z) = p(x)\,p(z\mid x)", ELBO))
    assert found["f0"].survivors == ()
    assert found["f0"].refuted == found["f0"].mutants > 5
    assert r"\log → \exp #1" in found["f1"].survivors
    assert found["f1"].score < 1


LISTED = """
[[f0]]
mutant = '\\log → \\exp #1'
reason = "the exponential is above the logarithm"
because = '{}'
"""


def test_a_listed_mutant_needs_a_reason_that_holds(tmp_path):
    found = mutate(tmp_path, page(ELBO), LISTED.format(r"\exp p(x) \ge \log p(x)"))
    assert found["f0"].also_true == ((r"\log → \exp #1", "the exponential is above the logarithm"),)
    assert found["f0"].score == 1
    with pytest.raises(FormulaError, match=r"the reason for .* fails"):
        mutate(tmp_path, page(ELBO), LISTED.format(r"\exp p(x) \le \log p(x)"))


def test_a_listed_mutant_that_is_refuted_is_refused(tmp_path):
    with pytest.raises(FormulaError, match="must list mutants that survive"):
        mutate(tmp_path, page(ELBO), LISTED.replace("#1", "#9").format("p(x) = p(x)"))


def test_one_formula_is_mutated_as_it_is_among_all(tmp_path):
    found = mutate(
        tmp_path, page(r"w(z) := \frac{p(x,z)}{q(z\mid x)}", ELBO, r"\mathbb{E}_{q(z\mid x)}[w(z)] \le p(x)")
    )
    assert [mutation.mutants > 0 for mutation in found.values()] == [True] * 3
    for name, mutation in found.items():
        assert mutate_file(tmp_path / "page.md", only=name) == {name: mutation}
    assert mutate_file(tmp_path / "page.md", only="none") == {}


def test_a_definition_is_mutated_through_what_uses_it(tmp_path):
    used = page(r"w(z) := \frac{p(x,z)}{q(z\mid x)}", r"\mathbb{E}_{q(z\mid x)}[w(z)] \le p(x)")
    unused = page(r"w(z) := \frac{p(x,z)}{q(z\mid x)}")
    assert mutate(tmp_path, used)["f0"].survivors == ()
    assert mutate(tmp_path, unused)["f0"].refuted == 0


def test_docstrings_are_read_too(tmp_path):
    source = tmp_path / "module.py"
    source.write_text('def f():\n    r"""Sum.\n\n    $$a = b$$\n\n    >>> f()\n    """\n')
    (record,) = check_file(source)
    assert (record.status, record.binding.rpartition("::")[2], record.line) == ("test", "module.f", 4)
    source.write_text(source.read_text().replace(">>> f()", "Without an example nothing is bound."))
    (free,) = check_file(source)
    assert free.status == "error"


# ---- false claims that an earlier version believed ----


@pytest.mark.parametrize(
    ("model", "latex", "assume"),
    [
        ("bijection", r"p_{F(U)}(F(u)) = p_U(u), \qquad D_{TV}(P_X,P_{F(U)}) \le 1", ""),
        ("bijection", r"\sum_x p_X(x) = 1, \quad p_{F(U)}(F(u)) = p_U(u)", ""),
        ("bijection", r"\mathbb{E}_U[|\log p_U(U)-\log p_{F(U)}(F(U))|] = 0", ""),
        ("linear-gaussian", r"p(z\mid x) \le 1", ""),
        ("linear-gaussian", r"\mathbb{E}_{q(z\mid x)}[z] = \frac x2", "q = posterior"),
        ("linear-gaussian", r"p(x)^{30} = 0", ""),
        ("latent", r"\mathbb{E}_{p_{\theta'}(z)}\left[\frac{p_\theta(z)}{p_{\theta'}(z)}\right] = 1", ""),
        ("latent", r"K = k", ""),
        ("latent", r"\frac{p(x)}{1-1} = \frac{p(z)}{1-1}", ""),
        ("latent", r"\frac1{a-a} > 5", ""),
        ("latent", r"(\log(-1))^0 = 1", ""),
        ("latent", r"e^{-40} = 0", ""),
        ("latent", r"\log p(x) + 10^{-14} = \log p(x)", ""),
        ("two-densities", r"D_{KL}(f_0\,\|\,f_1) \le 2\,D_{KL}(f_1\,\|\,f_0)", "positive"),
    ],
)
def test_instances_are_not_tame(model, latex, assume):
    assumed = f' assume="{assume}"' if assume else ""
    (record,) = check(latex, options=f'model="{model}"{assumed}')
    assert record.status == "refuted", record.message


@pytest.mark.parametrize(
    ("model", "latex", "assume", "said"),
    [
        ("linear-gaussian", r"\chi^2(p(z\mid x)\,\|\,q(z\mid x)) < \infty", "", "infinite"),
        ("two-densities", r"\mathbb{E}_{x\sim f_0}[x] \ge 1", "", "no numbers"),
        ("latent", r"\mathbb{E}_{z\sim p(x,z)}[1] = p(x)", "", "exactly the variables"),
        ("two-densities", r"\mathbb{E}_{x\sim f_0+f_1}[1] = 2", "", "add up to 1"),
        ("latent", r"\underbrace{\log p(x)}_{\ge 0} = \log p(x)", "", "a note"),
        ("latent", r"\prod_{j=1}^k a/2 = \frac{a^k}{2^k}", "", "brackets"),
        ("latent", r"a = a", "a = 3, b = 2, c = 1", "instances"),
    ],
)
def test_what_would_mislead_is_refused(model, latex, assume, said):
    assumed = f' assume="{assume}"' if assume else ""
    (record,) = check(latex, options=f'model="{model}"{assumed}')
    assert record.status == "error"
    assert said in record.message


def test_a_changed_fence_is_not_answered_from_the_cache(tmp_path):
    text = page(SUM)
    cache = tmp_path / "kept.json"
    assert check_text(text, "page.md", cache)[0].ok
    changed = check_text(text.replace('model="latent"', 'model="latent" hidden=yes'), "page.md", cache)
    assert changed[0].status == "error"


# ---- more of arithmetic: limits and sizes ----

NAN = math.nan


def same(value, expected):
    return value == expected or (value != value and expected != expected)


@pytest.mark.parametrize("arithmetic", [EXACT, FLOAT, DIGITS], ids=lambda kind: kind.name)
@pytest.mark.parametrize(
    ("base", "exponent", "power"),
    [
        (0, 0, 1),
        (0.0, 0.0, 1),
        (0, 2, 0),
        (0, 0.5, 0),
        (0, -0.5, math.inf),
        (0, -1, math.inf),
        (1, 0.5, 1),
        (4, 0.5, 2),
        (4, -0.5, 0.5),
        (2, -1, 0.5),
        (-2, 3, -8),
        (-2.0, 3.0, -8),
        (-2, -1, -0.5),
        (-2, 0.5, NAN),
        (-0.5, 1.5, NAN),
        (NAN, 0, NAN),
        (0, NAN, NAN),
    ],
)
def test_powers(arithmetic, base, exponent, power):
    assert same(arithmetic.power(base, exponent), power)


def test_powers_beyond_float64_are_infinite_or_zero_by_the_side_of_one_that_the_base_is_on():
    for base, exponent, power in [
        (0.5, -5000, math.inf),
        (0.5, 5000, 0),
        (1e200, 2, math.inf),
        (1e200, -2, 0),
        (10**400, 2.5, math.inf),
        (10**400, -2.5, 0),
        (10**400, 10**400, math.inf),
        (Fraction(1, 10**400), 10**400, 0),
        (math.inf, -0.5, 0),
        (-1e200, 3, NAN),
    ]:
        assert same(FLOAT.power(base, exponent), power), (base, exponent)


def test_powers_of_bases_beyond_float64_are_those_of_their_logarithms():
    for base, exponent, log in [
        (10**400, 0.5, 200),
        (10**400, -0.5, -200),
        (Fraction(1, 10**400), -0.5, 200),
        (Fraction(3, 10**401), Fraction(1, 4), (math.log10(3) - 401) / 4),
    ]:
        assert math.isclose(FLOAT.power(base, exponent), 10**log, rel_tol=1e-12)


@pytest.mark.parametrize("arithmetic", [EXACT, FLOAT, DIGITS], ids=lambda kind: kind.name)
def test_a_power_is_whole_as_long_as_it_has_4096_bits_at_most_by_a_bound_from_its_base(arithmetic):
    assert type(arithmetic.power(2, 2048)) is int  # two bits, 2048 times
    assert type(arithmetic.power(2, 2049)) is not int
    assert type(arithmetic.power(1, 4096)) is int
    assert type(arithmetic.power(1, 4097)) is not int


def test_whole_results_of_rational_arithmetic_are_whole_numbers():
    results = [
        EXACT.divide(4, 2),
        EXACT.divide(Fraction(1, 2), Fraction(1, 4)),
        EXACT.ratio(6, 3),
        EXACT.power(Fraction(1, 2), -1),
        EXACT.power(Fraction(2), 1),
    ]
    assert [type(result) for result in results] == [int] * 5
    assert results == [2, 2, 2, 2, 2]
    assert EXACT.power(Fraction(3, 2), Fraction(4, 2)) == Fraction(9, 4)
    assert type(EXACT.divide(1.5, 2)) is type(EXACT.divide(3, 2.0)) is float


def test_a_number_of_more_than_4096_bits_becomes_a_float():
    for sign in (1, -1):
        assert bounded(sign * (2**4096 - 1)) == sign * (2**4096 - 1)
        assert bounded(sign * 2**4096) == sign * math.inf
        assert type(bounded(Fraction(sign, 2**4095))) is Fraction
        assert same(bounded(Fraction(sign, 2**4096)), 0.0)
    half = bounded(Fraction(2**4096 + 1, 2**4097))
    assert (type(half), half) == (float, 0.5)
    assert bounded(-half) == -0.5
    assert bounded(Fraction(-(2**4096) - 1, 2**4097)) == -0.5


@pytest.mark.parametrize("arithmetic", [EXACT, FLOAT, DIGITS], ids=lambda kind: kind.name)
def test_counting_functions_are_defined_where_they_count(arithmetic):
    choose, factorial = arithmetic.functions["binom"], arithmetic.functions["factorial"]
    assert [choose(4, k) for k in range(6)] == [1, 4, 6, 4, 1, 0]
    assert (choose(0, 0), choose(512, 1), choose(Fraction(6, 2), 1)) == (1, 512, 3)
    assert (factorial(0), factorial(1), factorial(Fraction(6, 2))) == (1, 1, 6)
    assert factorial(170) == 170 * math.factorial(169)
    undefined = choose(513, 1), choose(3, -1), choose(-1, 0), choose(Fraction(1, 2), 1), choose(1, Fraction(1, 2))
    for value in (*undefined, factorial(171), factorial(-1), factorial(Fraction(1, 2))):
        assert value != value


@pytest.mark.parametrize("arithmetic", [EXACT, FLOAT, DIGITS], ids=lambda kind: kind.name)
def test_functions_at_the_ends_of_the_line(arithmetic):
    functions, infinity = arithmetic.functions, arithmetic.infinity
    assert functions["log"](infinity) == infinity
    assert functions["log"](1) == 0
    assert functions["exp"](-infinity) == 0
    assert functions["exp"](infinity) == infinity
    assert functions["sqrt"](0) == 0
    assert functions["sqrt"](4) == 2
    assert functions["sqrt"](-1) != functions["sqrt"](-1)
    assert [functions["tanh"](x) for x in (-infinity, -201, 0, 201, infinity)] == [-1, -1, 0, 1, 1]
    assert 0 < functions["tanh"](1) < 1
    assert abs(functions["tanh"](1) + functions["tanh"](-1)) < 10**-15
    for rounding, of_half in (("floor", 0), ("ceil", 1)):
        assert [functions[rounding](x) for x in (-infinity, -1, 0.5, infinity)] == [-infinity, -1, of_half, infinity]
    assert (functions["max"](1, 3, 2), functions["min"](2, 1, 3)) == (3, 1)
    with decimal.localcontext(CONTEXT):  # where NaN compares false
        for name, values in (("max", (2, 1)), ("min", (2, 1)), ("floor", ()), ("ceil", ())):
            value = functions[name](arithmetic.nan, *values)
            assert value != value
    assert math.isclose(arithmetic.pi, math.pi, rel_tol=1e-15)


def test_sixty_digits_tell_apart_what_float64_does_not():
    assert FLOAT.functions["tanh"](30) == 1
    assert DIGITS.functions["tanh"](30) < 1
    assert DIGITS.functions["tanh"](-30) > -1
    root = DIGITS.functions["sqrt"](2)
    assert abs(root * root - 2) < DIGITS.power(10, -25)
    assert FLOAT.functions["exp"](1000) == math.inf
    assert DIGITS.functions["exp"](1000) < math.inf


def test_a_quotient_of_whole_numbers_beyond_float64_is_taken_before_it_is_rounded():
    assert FLOAT.divide(10**400, 10**399) == 10
    assert FLOAT.divide(10**400, 2.0) != FLOAT.divide(10**400, 2.0)
    assert FLOAT.divide(1, 4) == FLOAT.ratio(1, 4) == 0.25
    assert FLOAT.divide(0.0, 2) == 0


# ---- tokens: what is read, and where it stands in the source ----

NAME, SYMBOL, WORD, COMMAND, TEXT = "name", "symbol", "word", "command", "text"
X = (NAME, "x", "x")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("12.5x", [("number", "12.5", "12.5"), X]),
        (r"\theta x", [(NAME, r"\theta", r"\theta"), X]),
        ("x:=x", [X, (SYMBOL, ":=", ":="), X]),
        ("x:x=", [X, (SYMBOL, ":", ":"), X, (SYMBOL, "=", "=")]),
        ("x...x", [X, (COMMAND, r"\dots", "..."), X]),
        ("x..x", [X, (SYMBOL, ".", "."), (SYMBOL, ".", "."), X]),
        (r"\ldots x", [(COMMAND, r"\dots", r"\ldots"), X]),
        (r"x \geq x", [X, (COMMAND, r"\ge", r"\geq"), X]),
        (r"x \gt x", [X, (SYMBOL, ">", r"\gt"), X]),
        (r"\imath", [(NAME, "i", r"\imath")]),
        ("x{}x", [X, X]),
        ("{}x", [X]),
        ("x^{}", [X, (SYMBOL, "^", "^"), (SYMBOL, "{", "{"), (SYMBOL, "}", "}")]),
        ("x_x{}", [X, (SYMBOL, "_", "_"), X]),
        (r"{\rm d}x", [(WORD, "d", r"{\rm d}"), X]),
        (r"{\bf x}x", [(NAME, "x", r"{\bf x}"), X]),
        (r"{\cal L}", [(NAME, r"\mathcal{L}", r"{\cal L}")]),
        (r"\mathcal{L}x", [(NAME, r"\mathcal{L}", r"\mathcal{L}"), X]),
        (r"\mathcal Lx", [(NAME, r"\mathcal{L}", r"\mathcal L"), X]),
        (r"\mathbf{1}", [(NAME, r"\mathbf{1}", r"\mathbf{1}")]),
        (r"\mathbf{E}", [(NAME, r"\mathbf{E}", r"\mathbf{E}")]),
        (r"\mathbf{x}", [(NAME, "x", r"\mathbf{x}")]),
        (r"\mathbf x", [(NAME, "x", r"\mathbf x")]),
        (r"\bm{\mu}", [(NAME, r"\mu", r"\bm{\mu}")]),
        (r"\mathbf{x y}", [X, (NAME, "y", "y")]),
        (r"\mathbf{x+1}", [X, (SYMBOL, "+", "+"), ("number", "1", "1")]),
        (r"\mathbf{\hat{x}}", [(NAME, r"\hat{x}", r"\hat{x}")]),
        (r"\hat{x}x", [(NAME, r"\hat{x}", r"\hat{x}"), X]),
        (r"\hat xx", [(NAME, r"\hat{x}", r"\hat x"), X]),
        (r"\hat{\mathcal{L}}x", [(NAME, r"\hat{\mathcal{L}}", r"\hat{\mathcal{L}}"), X]),
        (r"\hat{\mathbf{x}}x", [(NAME, r"\hat{x}", r"\hat{\mathbf{x}}"), X]),
        (r"\mathrm{KL}x", [(WORD, "KL", r"\mathrm{KL}"), X]),
        (r"\mathrm d x", [(WORD, "d", r"\mathrm d"), X]),
        (r"\mathrm \mathcal{L} x", [(NAME, r"\mathcal{L}", r"\mathrm \mathcal{L}"), X]),
        (r"\operatorname{arg\,max}x", [(WORD, "argmax", r"\operatorname{arg\,max}"), X]),
        (r"\mathrm{x+x}x", [(SYMBOL, "{", "{"), X, (SYMBOL, "+", "+"), X, (SYMBOL, "}", "}"), X]),
        (r"\mathrm{x \theta}", [X, (NAME, r"\theta", r"\theta")]),
        (r"\text{so }x", [(TEXT, r"\text{so }", r"\text{so }"), X]),
        (r"\text{Var}(x", [(WORD, "Var", r"\text{Var}"), (SYMBOL, "(", "("), X]),
        (r"\text{KL}\,\big[x", [(WORD, "KL", r"\text{KL}"), (SYMBOL, "[", "["), X]),
        (r"\text{E}_x", [(WORD, "E", r"\text{E}"), (SYMBOL, "_", "_"), X]),
        (r"\text{E}x", [(TEXT, r"\text{E}", r"\text{E}"), X]),
        (r"\text{so}(x", [(TEXT, r"\text{so}", r"\text{so}"), (SYMBOL, "(", "("), X]),
        (r"\begin{cases}x\end{cases}", [("begin", "cases", r"\begin{cases}"), X, ("end", "cases", r"\end{cases}")]),
        (r"\boxed{x=x}", [X, (SYMBOL, "=", "="), X]),
        (r"\boxed{x}x", [(SYMBOL, "{", "{"), X, (SYMBOL, "}", "}"), X]),
        (r"\mathop{x+x}x", [X, (SYMBOL, "+", "+"), X, X]),
        (r"x\mathrel=x", [X, (SYMBOL, "=", "="), X]),
        (r"x\hspace{1em}x", [X, X]),
        (r"\phantom{x+x}x", [X]),
        (r"x\overset{!}{=}x", [X, (SYMBOL, "=", "="), X]),
        (r"x\stackrel{\text{so}}{\geq}x", [X, (COMMAND, r"\ge", r"\geq"), X]),
        (r"\underbrace{x+x}_{\text{so}}x", [X, (SYMBOL, "+", "+"), X, X]),
        (r"\overbrace{x}^{n}x", [X, X]),
        (r"\lvert x\rvert", [(SYMBOL, "|", r"\lvert"), X, (SYMBOL, "|", r"\rvert")]),
        (r"\%x", [X]),
    ],
)
def test_a_token_is_its_kind_its_text_and_its_place(source, expected):
    *found, stop = tokens(source)
    assert [(token.kind, token.text, source[token.start : token.end]) for token in found] == expected
    assert (stop.kind, stop.text, stop.start, stop.end) == ("stop", "", len(source), len(source))
    assert [token.start for token in found] == sorted(token.start for token in found)


def test_what_is_set_below_an_operator_stands_behind_it():
    for below, sign in ((r"z \sim q", r"\mathbb{E}"), ("x", r"\max"), ("x", r"\min")):
        moved = tokens(rf"\underset{{{below}}}{{{sign}}} x")
        plain = tokens(rf"{sign}_{{{below}}} x")
        assert [(token.kind, token.text) for token in moved] == [(token.kind, token.text) for token in plain]


@pytest.mark.parametrize(
    ("source", "facing", "apart"),
    [
        (r"\left| x \right|", ["open", "", "close"], []),
        (r"\bigl( x \Biggr)", ["open", "", "close"], []),
        (r"\big( x \big)", ["", "", ""], []),
        (r"x \middle| x", ["", "", ""], []),
        (r"\lvert x \rvert", ["open", "", "close"], []),
        (r"\left\lvert x \right\rvert", ["open", "", "close"], []),
        (r"x \quad x\,x \qquad x", ["", "", "", ""], [1, 3]),
        (r"x \quad\, x \left( x", ["", "", "open", ""], [1]),
        (r"x \; x \ x", ["", "", ""], []),
    ],
)
def test_sizes_say_where_a_bar_faces_and_wide_spaces_set_apart(source, facing, apart):
    *found, _ = tokens(source)
    assert [token.facing for token in found] == facing
    assert [place for place, token in enumerate(found) if token.apart] == apart


@pytest.mark.parametrize(
    ("source", "place", "said"),
    [
        ("x # x", 2, "unexpected character"),
        ("x + " + "1" * 41, 4, "at most 40 digits, got 41"),
        (r"x\hat", 1, "followed by braces"),
        (r"x\hat+", 5, "followed by a letter or a group"),
        (r"\hat{{x}}", 5, "one symbol"),
        (r"x\mathcal{+}", 1, "stand on letters"),
        (r"x\mathrm+", 1, "followed by a letter or a group"),
        (r"x\text x", 1, "followed by braces"),
        (r"x\text{x", 6, "not closed"),
        ("x}", 1, "closes nothing"),
        ("x{", 1, "not closed"),
        (r"x\end{cases}", 1, "closes nothing"),
        (r"\begin{cases}x\end{matrix}", 14, "closes nothing"),
        (r"\overset{!}{==}", 0, "one sign"),
        (r"\overset{=}{<}", 9, "must not hold a claim"),
        (r"\overset{\text{not}}{=}", 15, "must not hold a claim"),
        (r"\underbrace{x}_{x=1}", 17, "must not hold a claim"),
    ],
)
def test_an_error_points_at_what_it_is_about(source, place, said):
    with pytest.raises(FormulaError, match=said) as error:
        tokens(source)
    assert error.value.at == place


def test_sixty_levels_are_read_and_one_more_is_refused():
    for opener, closer in (("{", "}"), ("(", ")"), (r"\{", r"\}"), (r"\hat{", "}"), (r"\mathop{", "}")):
        assert tokens(opener * 60 + "x" + closer * 60)
        with pytest.raises(FormulaError, match="at most 60 deep"):
            tokens(opener * 61 + "x" + closer * 61)
    assert len(tokens("{x}" * 100)) == 301
    assert len(tokens("(x)" * 100)) == 301
    assert len(tokens("1" * 40)) == 2
    assert len(tokens("x" * 20_000)) == 20_001
    with pytest.raises(FormulaError, match="at most 20000 characters, got 20001"):
        tokens("x" * 20_001)


# ---- judgments, in full ----

SIGNS = {
    "=": operator.eq,
    r"\neq": operator.ne,
    r"\ge": operator.ge,
    r"\le": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}
ORDER = {r"\ge": 1, ">": 1, r"\le": -1, "<": -1}


@pytest.mark.parametrize("sign", SIGNS)
def test_judgments_of_rational_numbers_are_those_of_the_relation(sign):
    numbers = (-2, Fraction(-1, 3), 0, Fraction(1, 2), Fraction(6, 2))
    for left, right in itertools.product(numbers, repeat=2):
        residual = float(abs(left - right)) if sign == "=" else None
        slack = float(ORDER[sign] * (left - right)) if sign in ORDER else None
        expected = Judgment(SIGNS[sign](left, right), left, right, residual, slack, left == right)
        assert judge(sign, left, right, 0.0, None, EXACT) == expected


@pytest.mark.parametrize("sign", SIGNS)
@pytest.mark.parametrize(("arithmetic", "tolerance"), [(EXACT, None), (FLOAT, None), (FLOAT, 1e-6)])
def test_judgments_with_an_infinite_side(sign, arithmetic, tolerance):
    for left, right in itertools.product((-math.inf, 0.0, math.inf), repeat=2):
        if left == right == 0:
            continue
        passed = SIGNS[sign](left, right)
        slack = None if sign not in ORDER else 0.0 if left == right else math.inf
        doubtful = arithmetic is FLOAT and tolerance is None and not passed
        residual = 0.0 if sign == "=" and passed else None
        expected = Judgment(passed, left, right, residual, slack, left == right, doubtful)
        assert judge(sign, left, right, 0.0, tolerance, arithmetic) == expected


@pytest.mark.parametrize("sign", SIGNS)
def test_nothing_holds_of_what_is_undefined(sign):
    for left, right in ((NAN, 1.0), (1.0, NAN), (NAN, NAN), (NAN, math.inf)):
        for arithmetic, tolerance, doubtful in ((EXACT, None, False), (FLOAT, 1e-6, False), (FLOAT, None, True)):
            judgment = judge(sign, left, right, 0.0, tolerance, arithmetic)
            assert (judgment.passed, judgment.doubtful, judgment.equal) == (False, doubtful, False)


@pytest.mark.parametrize(
    ("sign", "left", "right", "scale", "passed", "doubtful"),
    [
        ("=", 1.0, 1 + 5e-14, 0.0, True, False),
        ("=", 1.0, 1 + 5e-13, 0.0, False, True),
        ("=", 1e-20, 2e-20, 0.0, False, True),  # relative to the values, however small
        ("=", 0.0, 0.0, 0.0, True, False),
        ("=", -1.0, -1.0, 1000.0, True, False),
        ("=", -1.0, -1.0, 1001.0, True, True),  # what is added cancels
        ("=", 1, 1.0, 1001.0, True, True),
        ("=", 4.0, 4.0, 4000.0, True, False),
        ("=", 0.001, 0.001, 900.0, True, False),
        (r"\neq", 1.0, 2.0, 0.0, True, False),
        (r"\neq", 1.0, 1 + 1e-9, 0.0, True, True),
        (r"\neq", 1.0, 1.0, 0.0, False, True),
        (">", 2.0, 1.0, 0.0, True, False),
        (">", 2.0, 1.0, 2001.0, True, True),
        (">", 2.0, 1.0, 2000.0, True, False),
        (">", 1 + 1e-9, 1.0, 0.0, True, True),
        (">", 1 + 5e-14, 1.0, 0.0, False, True),
        (">", 1.0, 2.0, 0.0, False, True),
        ("<", 1.0, 2.0, 0.0, True, False),
        ("<", 1.0, 1 + 1e-9, 0.0, True, True),
        ("<", 1.0, 1.0, 0.0, False, True),
        (r"\ge", 1 + 1e-9, 1.0, 0.0, True, False),
        (r"\ge", 1.0, 1.0, 0.0, True, False),
        (r"\ge", 1.0, 1 + 5e-14, 0.0, True, True),  # equal by rounding alone
        (r"\ge", 1.0, 1 + 1e-9, 0.0, False, True),
        (r"\le", 1.0, 1 + 1e-9, 0.0, True, False),
        (r"\le", 2.0, 1.0, 0.0, False, True),
        (r"\ge", 0.0, 1e-20, 0.0, True, True),
    ],
)
def test_what_rounding_decides_and_what_is_left_to_digits(sign, left, right, scale, passed, doubtful):
    judgment = judge(sign, left, right, scale, None, FLOAT)
    assert (judgment.passed, judgment.doubtful) == (passed, doubtful)


def test_values_are_compared_as_if_they_had_the_size_of_their_vectors():
    assert not judge("=", 0.0, 1e-14, 0.0, None, FLOAT).passed
    assert judge("=", 0.0, 1e-14, 0.0, None, FLOAT, least=1.0).passed
    assert not judge("=", 0.0, 1e-14, 0.0, None, FLOAT, least=0.01).passed
    assert judge("=", (0.0, 1.0), (1e-14, 1.0), 0.0, None, FLOAT).passed
    assert not judge("=", (0.0, 1e-3), (1e-14, 1e-3), 0.0, None, FLOAT).passed


@pytest.mark.parametrize(
    ("left", "right", "scale", "integrated", "equal", "relative"),
    [
        (0.0, 2.0**-11, 0.0, False, True, 2.0**-11),
        (0.0, 2.0**-9, 0.0, False, False, 2.0**-9),
        (0.0, 1e-7, 0.0, True, True, 1e-4),
        (0.0, 2.0**-11, 0.0, True, False, 0.48828125),
        (4.0, 4 + 2.0**-9, 0.0, False, True, 2.0**-9 / (4 + 2.0**-9)),
        (1.0, 1 + 2.0**-3, 512.0, False, True, 2.0**-12),
        (1.0, 4.0, 1e9, False, True, 3 / 4000),  # at most a thousand times the values
        (1.0, 40.0, 1.0, False, False, 39 / 40),
    ],
)
def test_values_with_an_error_are_equal_within_it(left, right, scale, integrated, equal, relative):
    judgment = judge("=", left, right, scale, 2.0**-10, FLOAT, integrated=integrated)
    assert judgment == (equal, left, right, pytest.approx(relative, rel=1e-12), None, equal, False)


def test_sixty_digits_are_compared_at_fifty():
    one = DIGITS.ratio(1, 1)
    with decimal.localcontext(CONTEXT):
        assert judge("=", one, one + DIGITS.power(10, -51), 0.0, None, DIGITS).passed
        assert not judge("=", one, one + DIGITS.power(10, -49), 0.0, None, DIGITS).passed
        assert judge("<", one, one + DIGITS.power(10, -49), 0.0, None, DIGITS).passed
        assert not judge("<", one, one + DIGITS.power(10, -51), 0.0, None, DIGITS).passed
        large = DIGITS.power(10, 20)
        assert judge("=", large, large + DIGITS.power(10, -31), 0.0, None, DIGITS).passed
        assert not judge("=", large, large + DIGITS.power(10, -29), 0.0, None, DIGITS).passed
        assert judge("=", large, large + 1, 0.0, None, DIGITS).residual == pytest.approx(1e-20)


def test_sets_and_points():
    both = frozenset({1, 2})
    for sign, left, right, passed in [
        (r"\in", 1, both, True),
        (r"\in", 3, both, False),
        (r"\notin", 3, both, True),
        (r"\notin", 1, range(1, 3), False),
        (r"\subseteq", frozenset({1}), both, True),
        (r"\subseteq", both, frozenset({1}), False),
        ("=", range(1, 3), both, True),
        ("=", both, range(1, 4), False),
        (r"\neq", both, frozenset(), True),
        ("=", "a", "a", True),
        (r"\neq", "a", "b", True),
        ("=", (1, 2), (1, 2), True),
        ("=", (1, 2), (1, 3), False),
        (r"\neq", (1, 2), (1, 3), True),
        (r"\neq", (1, 2), (1, 2), False),
        (r"\neq", (1, NAN), (1, 3), False),
    ]:
        judgment = judge(sign, left, right, 0.0, None, EXACT)
        assert judgment.passed == passed, (sign, left, right)
        assert judgment.slack is None
        assert (judgment.residual == 0) == (sign == "=" and passed)
    for sign, left, right in (("=", 1, "a"), ("=", (1, 2), 1), ("<", 1, "a"), (r"\in", 1, 2)):
        with pytest.raises(FormulaError, match="cannot be compared"):
            judge(sign, left, right, 0.0, None, EXACT)


def test_within_an_error_that_is_known():
    assert judged_within("=", 1.0, 1.5, 0.5) == (True, 1.0, 1.5, 1 / 3, None, True, False)
    assert judged_within("=", 1.0, 1.5, 0.25) == (False, 1.0, 1.5, 1 / 3, None, False, False)
    assert judged_within("=", 0.25, 0.5, 0.0).residual == 0.25  # relative to one at least
    assert judged_within(">", 2.0, 1.0, 0.5) == (True, 2.0, 1.0, None, 1.0, False, False)
    assert judged_within("<", 2.0, 1.0, 1.0) == (False, 2.0, 1.0, None, 0.0, True, False)


def test_values_as_a_reader_sees_them():
    shown = {
        "∞": math.inf,
        "−∞": -math.inf,
        "undefined": NAN,
        "−2": -2,
        "0": -0.0,
        "0.5": Fraction(1, 2),
        "0.333333": 1 / 3,
        "1e+20": 1e20,
        "(1, −1)": (1, -1),
        "{1, 2}": frozenset({2, 1}),
        "a": "a",
        "True": True,
    }
    assert {text: text_of(value) for text, value in shown.items()} == {text: text for text in shown}


# ---- rows ----


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (r"a = b", "a = b"),
        (r"a \\ b", "a ROW b"),
        (r"a \\ = b", "a = b"),
        (r"a = \\ b", "a = b"),
        (r"a + \\ b", "a + b"),
        (r"a \\ + b", "a ROW + b"),
        (r"a \\ & + b", "a + b"),
        (r"a \\ \quad + b", "a + b"),
        (r"a \\ \quad b", "a ROW b"),
        (r"a \\ & b", "a ROW b"),
        (r"a &= b \\ &= c", "a = b = c"),
        (r"a &= b && \text{so} \\ &= c", "a = b = c"),
        (r"a &= b && \text{so} \\ c", r"a = b \text{so} ROW c"),
        (r"\begin{aligned} a &= b \end{aligned}", "a = b"),
        (r"{\begin{aligned} a &= b \end{aligned}} + c", "a = b + c"),
        (r"{\begin{aligned} a \end{aligned}} {b}", "a { b }"),
        (r"{a} + {\begin{cases} a & b \\ c & d \end{cases}}", r"{ a } + { cases a & b \\ c & d cases }"),
        (r"\begin{cases} a \end{cases} \\ = b", "cases a cases = b"),
        (r"{a \\ = b}", r"{ a \\ = b }"),
    ],
)
def test_rows_are_joined_where_they_go_on(source, expected):
    read = flat(tokens(source))
    assert read[-1].kind == "stop"
    assert " ".join("ROW" if token.kind == "row" else token.text for token in read[:-1]) == expected


@pytest.mark.parametrize(
    ("source", "at", "said"),
    [
        (r"a = b && c", 9, "a reason must be written"),
        (r"a &= b && \text{so} c", 20, "a reason must be written"),
        (r"\begin{matrix} a \end{matrix}", 0, "is not one that can be checked"),
    ],
)
def test_rows_that_are_refused(source, at, said):
    with pytest.raises(FormulaError, match=said) as error:
        flat(tokens(source))
    assert error.value.at == at


# ---- mutants, in full ----

LETTERS = Names(
    Vocabulary(
        variables={"a": "number", "b": "number", "i": "index", "j": "index", "k": "count"},
        families={"c": "number"},
        functions={"f": (1, "number"), "g": (1, "number"), "h": (2, "number")},
    )
)


@pytest.mark.parametrize(
    ("latex", "expected"),
    [
        ("a = a", ["a < a", "a > a"]),
        ("a > b", ["b > b", "a < b", "a > a"]),
        (r"a \ge b", [r"b \ge b", r"a \le  b", "a > b", r"a \ge a"]),
        (r"a \le 0", [r"a \ge  0", "a < 0", r"a \le 1"]),
        (r"a \neq 1.5", ["a = 1.5"]),
        ("a + a = 2", ["a - a = 2", "a + a < 2", "a + a > 2", "a + a = 3", "a + a = 1", "a = 2"]),
        ("-a = a", ["a = a", "-a < a", "-a > a"]),
        ("a = -a", ["a < -a", "a > -a", "a = a"]),
        ("(-a) > a", ["(a) > a", "(-a) < a"]),
        ("(+a) > a", ["(+a) < a"]),
        ("a - a > a", ["a + a > a", "a - a < a", "-a > a", "a > a"]),
        ("a - 3 + a > a", ["a + 3 + a > a", "a - 4 + a > a", "a - 2 + a > a", "a - 3 - a > a", "a - 3 + a < a",
                           "-3 + a > a", "a + a > a", "a - 3 > a"]),
        ("a b > a", ["b b > a", "a a > a", "a b < a", "a b > b", "  b > a", "a   > a"]),
        ("f(a) > g(a)", ["g(a) > g(a)", "f(a) < g(a)", "f(a) > f(a)"]),
        ("f(a) > h(a, a)", ["f(a) < h(a, a)"]),
        (r"\log a > a", [r"\exp  a > a", r"\log a < a"]),
        (r"\max(a, a) > a", [r"\min (a, a) > a", r"\max(a, a) < a"]),
        ("c_i > c_i", ["c_{i+1} > c_i", "c_i < c_i", "c_i > c_{i+1}"]),
        ("c_i > i", ["c_{i+1} > i", "c_i < i"]),
        ("c_i > j", ["c_j > j", "c_{i+1} > j", "c_i < j", "c_i > i"]),
        (r"c_{1:k} > a", [r"c_{2:k} > a", r"c_{1:k} < a"]),
        (r"\prod_{i=1}^k c_i > a", [r"\sum _{i=1}^k c_i > a", r"\prod_{k=1}^k c_i > a", r"\prod_{i=2}^k c_i > a",
                                    r"\prod_{i=0}^k c_i > a", r"\prod_{i=1}^i c_i > a", r"\prod_{i=1}^k c_k > a",
                                    r"\prod_{i=1}^k c_{i+1} > a", r"\prod_{i=1}^k c_i < a"]),
        ("a := b", ["a := a"]),
        (r"b > b \\ a := b", [r"a > b \\ a := b", r"b < b \\ a := b", r"b > a \\ a := b", r"b > b \\ a := a"]),
        (r"a := b \\ b > a", [r"a := a \\ b > a", r"a := b \\ a > a", r"a := b \\ b < a", r"a := b \\ b > b"]),
        (r"a > a \text{ if so}", [r"a < a \text{ if so}"]),
    ],
)  # fmt: skip
def test_the_mutants_of_a_formula(latex, expected):
    found = list(mutants(latex, LETTERS))
    assert [mutant.latex for mutant in found] == expected
    assert len({mutant.change for mutant in found}) == len(found)


def test_mutants_are_counted_by_what_changes():
    changes = [mutant.change for mutant in mutants("a + a = a + a + b", LETTERS)]
    assert [change for change in changes if change.startswith("a →")] == [f"a → b #{n}" for n in (1, 2, 3, 4)]
    assert [change for change in changes if change.startswith("+ →")] == [f"+ → - #{n}" for n in (1, 2, 3)]


def test_the_laws_of_a_divergence_are_exchanged_where_that_makes_a_difference():
    names = Names(MODELS["latent"].vocabulary)
    for divergence, exchanged in ((r"\mathrm{KL}", 1), (r"\chi^2", 1), (r"\mathrm{JSD}", 0), (r"\mathrm{TV}", 0)):
        latex = rf"{divergence}(q(z\mid x) \,\|\, p(z)) \ge 0"
        found = [mutant.latex for mutant in mutants(latex, names) if "exchanged" in mutant.change]
        assert found == [rf"{divergence}(p(z) \,\|\, q(z\mid x)) \ge 0"] * exchanged


# ---- nodes ----

SYNTAX = hw.checked_math.syntax
NODES = [
    kind for kind in vars(SYNTAX).values() if getattr(kind, "__module__", "") == SYNTAX.__name__ and is_dataclass(kind)
]


@pytest.mark.parametrize("kind", NODES, ids=lambda kind: kind.__name__)
def test_what_was_read_stays_as_it_is(kind):
    node = object.__new__(kind)
    for field in fields(kind):
        with pytest.raises(FrozenInstanceError):
            setattr(node, field.name, None)
    assert not hasattr(node, "__dict__")


# ---- roots, integrals and subsets ----


@pytest.mark.parametrize(
    ("latex", "status", "said"),
    [
        (r"\sqrt[3]{8} = 2", "checked", ""),
        (r"\sqrt[3]{8} = 3", "refuted", ""),
        (r"\sqrt[k]{2^k} = 2", "checked", ""),
        (r"\int_0^2 a\,da = 2", "checked", ""),
        (r"\int_2^0 a\,da = -2", "checked", ""),
        (r"\int_0^\infty a\,da = 1", "error", "finite bounds"),
        (r"\int_{-\infty}^0 a\,da = 1", "error", "finite bounds"),
        (r"\int_{\infty}^{-\infty} a\,da = 1", "error", "must run from"),
        (r"\mathbb{E}_{I\subseteq[k],\,|J|=1}\left[\sum_{j\in I} w_j\right] = 1", "error", "size of the same subset"),
        (r"\mathbb{E}_{I\subseteq[k],\,|H|=1}\left[\sum_{j\in I} w_j\right] = 1", "error", "size of the same subset"),
    ],
)
def test_roots_integrals_and_subsets(latex, status, said):
    (record,) = check(latex)
    assert record.status == status, record.message
    assert said in record.message


# ---- numbers that no float holds ----


@pytest.mark.parametrize(
    ("latex", "status"),
    [
        (r"\prod_{a=1}^{3}(1+10^{-1000}) > 2", "refuted"),
        (r"\prod_{a=1}^{3}(1+10^{-1000}) < 2", "checked"),
        (r"(10^{-400})^{-1/2} > 0", "checked"),
        (r"(10^{-400})^{-1/2} = \infty", "refuted"),
        (r"(10^{400})^{1/100} < 10001", "checked"),
        (r"(10^{400})^{1/100} = \infty", "refuted"),
        (r"(10^{400})^{-1/100} = 0", "refuted"),
    ],
)
def test_numbers_that_no_float_holds(latex, status):
    (record,) = check(latex)
    assert record.status == status, record.message


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1 + Fraction(1, 2**5000), 1.0),
        (-1 - Fraction(1, 2**5000), -1.0),
        (Fraction(2**5000 + 1, 2), math.inf),
        (-(2**5000), -math.inf),
        (Fraction(1, 2**5000), 0.0),
    ],
)
def test_a_number_of_many_digits_becomes_the_nearest_float(value, expected):
    assert bounded(value) == expected


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [(10**400, 3, math.inf), (-(10**400), 3, -math.inf), (10**400, 10**399, 10), (1, 10**400, 0)],
)
def test_whole_numbers_of_many_digits_are_divided(a, b, expected):
    assert FLOAT.divide(a, b) == expected


@pytest.mark.parametrize(
    ("latex", "given"), [(r"\hat\ell_k(w_{:k}) := \frac1k\sum_{j=1}^k \log w_j", "k, w"), (r"\ell(a) := a", "a")]
)
def test_a_definition_with_other_arguments_than_the_function_is_an_error(latex, given):
    weights = '```math model="latent"\nw_j := \\frac{p(x,z_j)}{q(z_j\\mid x)}\n```\n\n'
    page = f'{weights}```math model="latent" implements="hw.bounds.elbo"\n{latex}\n```\n'
    *_, record = check_text(page, "page.md")
    assert record.status == "error"
    assert f"implements must stand where the arguments are those of hw.bounds.elbo, got {given}" in record.message
