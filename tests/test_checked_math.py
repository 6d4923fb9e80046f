"""The checker itself: what it records, what it refuses to believe, and that its own parts can fail."""

import math
from fractions import Fraction
from random import Random

import pytest

import hw.receptive_field
from hw.checked_math.arithmetic import DIGITS, EXACT, FLOAT, multiply
from hw.checked_math.checking import seed_of
from hw.checked_math.errors import FormulaError
from hw.checked_math.judging import judge
from hw.checked_math.models import MODELS
from hw.checked_math.mutation import mutate_file
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
