"""How formulas are tried: where claims fail, what of it is shown, what stays in the cache, what mutants meet."""

import hashlib
import importlib
import math
from dataclasses import FrozenInstanceError, fields, is_dataclass, replace
from decimal import Decimal
from fractions import Fraction
from pkgutil import walk_packages

import pytest

import hw.checked_math
from hw.checked_math import checking, mutation
from hw.checked_math.arithmetic import DIGITS, EXACT, FLOAT
from hw.checked_math.document import HIDDEN_FLAW, Formula, formulas
from hw.checked_math.errors import FormulaError
from hw.checked_math.grammar.statements import Names
from hw.checked_math.judging import Judgment, judge
from hw.checked_math.models import MODELS
from hw.checked_math.models.latent import LATENT, Latent
from hw.checked_math.mutation import mutants, mutate_file
from hw.checked_math.pages import Store, check_text, digest
from hw.checked_math.reading import Context, read
from hw.checked_math.records import Mutation
from hw.checked_math.running import Runner, _is_near


def page(*formulas, options='model="latent"'):
    return "\n\n".join(f'```math id="f{place}" {options}\n{latex}\n```' for place, latex in enumerate(formulas))


def check(*formulas, options='model="latent"'):
    return check_text(page(*formulas, options=options), "page.md")


def mutate(folder, text):
    (folder / "page.md").write_text(text)
    return mutate_file(folder / "page.md")


# ---- where a claim fails ----


def refuted(latex, seed=3):
    """A runner, and the first instance on which the only claim fails, with its draw."""
    runner = Runner(read(latex, LATENT, Context()), [], seed)
    return runner, *next((instance, draw) for instance, draw, (found,) in runner.accepted() if not found.passed)


@pytest.mark.parametrize("latex", [r"p(x) = p(z)", r"q(z \mid x) \le p(z \mid x)", r"p(x, z) = p(x)\,p(z)"])
def test_what_was_made_smaller_cannot_be_made_smaller_in_one_step(latex):
    runner, instance, draw = refuted(latex)
    smallest, found, failing = checking._shrunk(runner, instance, draw, 0)
    assert failing == 0
    assert checking._fails(runner, smallest, 0) == found
    assert all(checking._fails(runner, smaller, 0) is None for smaller in smallest.smaller())


@pytest.mark.parametrize("most", [1, 2, 7, 20])
def test_so_many_smaller_instances_are_tried_and_no_more(most, monkeypatch):
    runner, instance, draw = refuted(r"p(x, z) = p(x)\,p(z)")
    tried = []
    fails = checking._fails
    monkeypatch.setattr(checking, "SHRINKING", most)
    monkeypatch.setattr(checking, "_fails", lambda *given: tried.append(given) or fails(*given))
    checking._shrunk(runner, instance, draw, 0)
    assert len(tried) <= most + 1  # the last is of what was found


def test_an_instance_on_which_a_claim_has_no_value_is_no_counterexample(monkeypatch):
    runner, instance, _ = refuted("p(x) = p(z)")
    assert checking._fails(runner, instance, 0) is not None

    def judged(*given):
        raise FormulaError("no value")

    monkeypatch.setattr(runner, "judged", judged)
    assert checking._fails(runner, instance, 0) is None


def test_the_draw_with_the_smallest_numbers_is_shown():
    runner, instance, _ = refuted("a = b")
    draw = checking._fails(runner, instance, 0)
    sums = []
    for other in range(8):
        env = runner.environment(instance, other, FLOAT)
        if env["a"] != env["b"]:
            sums.append((abs(env["a"]) + abs(env["b"]), other))
    assert min(sums)[1] == draw


@pytest.mark.parametrize(
    ("latex", "names"),
    [
        ("p(x) = p(z)", ["p(x,z)", "x", "z"]),
        ("p(z_1) = p(z_2)", ["p(x,z)", "z_{1:2}"]),
        (r"\sum_{j=1}^k p(z_j) = k", ["p(x,z)", "k", "z_{1:k}"]),
        ("a = b", ["a", "b"]),
        (r"q(z \mid x) = 1", ["p(x,z)", r"q(z\mid x)", "x", "z"]),
        (r"p_\theta(x) = p(x)", ["p(x,z)", r"p_{\theta}(x,z)", "x"]),
    ],
)
def test_a_counterexample_shows_the_names_of_the_claim(latex, names):
    (record,) = check(latex)
    found = dict(record.counterexample.instance)
    found.pop("p(x,z)", None)
    length = found.get("k", "2")
    wanted = [name.replace("k", str(max(int(length), 2))) if name == "z_{1:k}" else name for name in names]
    assert list(found) == [name for name in wanted if name != "p(x,z)"]
    for name, text in found.items():
        if name.startswith("z_"):
            assert len(text.split(", ")) == max(int(length), 2)


def test_a_refuted_claim_has_no_idle_assumptions():
    (record,) = check("p(x) = p(z)", options='model="latent" assume="posterior << q"')
    assert (record.status, record.unassumed, record.idle) == ("refuted", None, ())


def test_points_have_no_order_also_beside_claims_of_numbers():
    (record,) = check(r"\log p(x) \le 0,\ x \le x")
    assert record.status == "error"
    assert "no numbers" in record.message


def test_a_model_without_instances_is_an_error():
    class Empty(Latent):
        def instances(self, rng, uses):
            return iter(())

    runner = Runner(replace(read("p(x) = 1", LATENT, Context()), model=Empty()), [], 0)
    with pytest.raises(FormulaError, match="the model latent has no instance for this formula"):
        next(runner.accepted())


@pytest.mark.parametrize(
    ("sign", "left", "right", "scale", "near"),
    [
        ("=", 0.0, 0.009, 0.0, True),
        ("=", 0.0, 0.011, 0.0, False),
        ("=", 100.0, 100.9, 0.0, True),
        ("=", 100.0, 101.2, 0.0, False),
        ("=", 0.0, 0.9, 100.0, True),
        ("=", 0.0, math.inf, 0.0, False),
        ("=", 0.0, (1, 2), 0.0, False),
        (r"\le", 0.009, 0.0, 0.0, True),
    ],
)
def test_sides_that_the_error_of_a_search_may_set_apart(sign, left, right, scale, near):
    assert _is_near(sign, Judgment(False, left, right), scale) is near


def test_a_claim_that_holds_is_not_near_unless_it_is_strict():
    assert [_is_near(sign, Judgment(True, 0.0, 0.001), 0.0) for sign in ("<", r"\neq", r"\le")] == [True, True, False]
    assert not _is_near("=", Judgment(True, 0.0, 0.0, equal=True), 0.0)


# ---- judgments and powers ----


def test_residuals_are_relative_to_the_larger_side_from_one_on():
    third = Decimal("1.5")
    assert judge("=", third, Decimal(1), 0.0, None, DIGITS).residual == pytest.approx(1 / 3)
    assert judge("=", Decimal("0.5"), Decimal("0.25"), 0.0, None, DIGITS).residual == 0.25
    assert judge("=", 1e10, 1e10 * (1 + 4e-15), 0.0, None, FLOAT).residual == pytest.approx(4e-15, rel=0.1)
    assert judge("=", -1e10, -1e10 * (1 + 4e-15), 0.0, None, FLOAT).residual == pytest.approx(4e-15, rel=0.1)


def test_powers_and_quotients_at_their_corners():
    assert DIGITS.power(7, 0) == 1
    assert type(DIGITS.power(7, 0)) is int
    assert [EXACT.power(base, -3000) for base in (1, -1)] == [1, 1]
    assert [type(EXACT.power(base, -3000)) for base in (1, -1)] == [int, int]
    assert [type(EXACT.power(zero, 0)) for zero in (0, Fraction(0))] == [int, int]
    assert FLOAT.divide(10**400, -3) == -math.inf
    assert FLOAT.divide(-(10**400), -3) == math.inf
    assert DIGITS.functions["log"](-1) != DIGITS.functions["log"](-1)
    assert [DIGITS.functions["tanh"](x) for x in (201, -201)] == [1, -1]


# ---- pages ----


def test_formulas_in_other_forms_are_flawed_and_know_their_line():
    text = "One\n\n\\[\na = b\n\\]\n\n$$a = b$$\n\nTwo $$a$$ three\n\n\\begin{align}\n"
    found = [(formula.line, formula.flaw) for formula in formulas(text)]
    assert found == [(3, HIDDEN_FLAW), (7, ""), (9, HIDDEN_FLAW), (9, HIDDEN_FLAW), (11, HIDDEN_FLAW)]
    assert [formula.line for formula in formulas(text, first_line=10)] == [12, 16, 18, 18, 20]


def test_the_cache_is_made_with_its_folder(tmp_path):
    path = tmp_path / "some" / "folder" / "kept.json"
    store = Store(path)
    store.save()
    assert not path.parent.exists()  # nothing to keep
    store.keep("a", 1)
    store.save()
    assert Store(path).rows == {"a": 1}
    assert [each.name for each in path.parent.iterdir()] == ["kept.json"]


def test_the_key_of_a_formula_does_not_depend_on_the_order_of_its_options():
    assert digest({"model": "latent", "assume": "positive"}) == digest({"assume": "positive", "model": "latent"})
    assert digest({"model": "latent"}) != digest({"model": "offsets"})


def test_where_nothing_is_judged_nothing_is_missed():
    assert Mutation(0, 0).score == 1
    assert Mutation(4, 3, survivors=("a",)).score == 0.75
    assert Mutation(4, 3, also_true=(("a", "so"),)).score == 1


# ---- definitions ----


def test_a_definition_without_indices_may_be_a_law_without_its_variables():
    pair = MODELS["two-densities"]
    assert "M" in read(r"M := \tfrac12 (f_0 + f_1)", pair, Context()).definitions
    with pytest.raises(FormulaError, match="must be written with its variables"):
        read(r"M_j := \tfrac12 (f_0 + f_1)", pair, Context())


WEIGHTS = '```math model="latent"\nw_j := \\frac{p(x,z_j)}{q(z_j\\mid x)}\n```\n\n'
ELBO = '```math model="latent" implements="hw.bounds.elbo"\n\\ell_k(w_{1:k}) := \\frac1k\\sum_{j=1}^k \\log w_j\n```\n'


def test_a_comparison_with_the_library_shows_numbers_and_the_largest_residual():
    *_, right = check_text(WEIGHTS + ELBO, "page.md")
    assert (right.status, right.instances > 200) == ("definition", True)
    assert 0 < right.relations[0].residual < 1e-9
    *_, wrong = check_text(WEIGHTS + ELBO.replace(r"\frac1k", r"\frac2k"), "page.md")
    assert wrong.status == "refuted"
    assert dict(wrong.counterexample.instance).keys() >= {"k"}
    assert "w" not in dict(wrong.counterexample.instance)
    ratio = float(wrong.counterexample.left.replace("−", "-")) / float(wrong.counterexample.right.replace("−", "-"))
    assert ratio == pytest.approx(2, rel=1e-4)


# ---- mutants ----


OF_TWO = [  # variables, and not their joint law under p
    *(r"p(x\mid z)", r"p(z\mid x)", "p(x)", "p(z)"),
    *(r"q(x\mid z)", r"q(z\mid x)", "q(x)", "q(z)"),
]


@pytest.mark.parametrize(
    ("model", "laws"),
    [
        ("latent", ["p(x)", "q(x)"]),
        ("latent", ["p(x,z)", "q(x,z)", "p(z,z)", "p(x,x)", *OF_TWO]),
        ("latent", [r"p(x,z\mid x')", r"q(x,z\mid x')", r"p(z,z\mid x')", r"p(x,x\mid x')", r"p(x,z\mid z')"]),
        ("two-densities", ["f_0(x)", "f_1(x)"]),  # p and P are other spellings of it
        ("two-densities", ["P_0(x)", "P_1(x)"]),
        ("bijection", ["p_X(x)", "p_U(x)"]),
    ],
)
def test_laws_are_replaced_by_other_laws(model, laws):
    latex, *others = (f"{law} > 0" for law in laws)
    found = [each.latex for each in mutants(latex, Names(MODELS[model].vocabulary))]
    assert [each for each in found if each.endswith("> 0")] == others


def test_survivors_are_those_that_hold_also_after_others_were_refuted(tmp_path):
    found = mutate(tmp_path, page(r"p(x) \le 1", r"p(x) + 1 \le 2"))
    assert found["f0"].survivors == ("1 → 2 #1",)
    assert found["f0"].refuted == found["f0"].mutants - 1
    assert set(found["f1"].survivors) == {"2 → 3 #1", "1 → 0 #1", "+ → - #1", "without 1 →  #1", "without p(x) →  #1"}


@pytest.mark.parametrize(
    ("latex", "assume"),
    [(r"\frac1m + a^2 > \frac1k", "k > m"), (r"p(x) \le 1", "positive"), (r"\frac1m - \frac1k + b > b", "k > m")],
)
def test_what_is_known_of_other_mutants_is_only_tried_first(latex, assume, tmp_path, monkeypatch):
    options = f'model="latent" assume="{assume}"'
    found = mutate(tmp_path, page(latex, options=options))
    refuted = mutation._refuted
    monkeypatch.setattr(mutation, "_refuted", lambda reading, assume, seed, known: refuted(reading, assume, seed, []))
    assert mutate(tmp_path, page(latex, options=options)) == found


def test_what_cannot_be_read_is_counted_apart(tmp_path):
    (found,) = mutate(tmp_path, page(r"p(x \mid z) > -1")).values()
    every = list(mutants(r"p(x \mid z) > -1", Names(LATENT.vocabulary)))
    unread = 0
    for each in every:
        try:
            Runner(read(each.latex, LATENT, Context()), [], 0)
        except FormulaError:
            unread += 1
    assert unread >= 3
    assert (found.mutants, found.unparsed) == (len(every) - unread, unread)


def test_a_mutant_of_a_definition_is_refuted_by_what_uses_it_through_another(tmp_path):
    weight, claim = r"w(z) := \frac{p(x,z)}{q(z\mid x)}", r"\mathbb{E}_{q(z\mid x)}[%s(z)] \le p(x)"
    direct = mutate(tmp_path, page(weight, claim % "w"))["f0"]
    through = mutate(tmp_path, page(weight, "p(x) > 0", "v(z) := w(z)", claim % "v"))["f0"]
    assert direct == through
    assert through.refuted == through.mutants > 5


def test_a_mutant_of_a_definition_is_refuted_by_an_implementation_of_what_uses_it(tmp_path):
    used = '```math id="u" model="offsets"\nu := 1\n```\n\n'
    sums = r"T := \{\,a + b + (u - 1, 0) : a \in M_2,\ b \in M_1\,\}"
    user = f'```math id="T" model="offsets" implements="hw.receptive_field.offsets"\n{sums}\n```\n'
    found = mutate(tmp_path, used + user)
    assert (found["u"].mutants, found["u"].refuted, found["u"].survivors) == (2, 2, ())
    assert found["T"].survivors == ("+ → - #2", "without (u - 1, 0) →  #1")  # which is (0, 0)
    assert found["T"].refuted == found["T"].mutants - 2 > 2
    alone = mutate(tmp_path, used)
    assert (alone["u"].refuted, len(alone["u"].survivors)) == (0, 2)


@pytest.mark.parametrize(
    ("latex", "names"),
    [
        ("a = b", set()),
        ("a := b", {"a"}),
        (r"a := b \\ c_j := d", {"a", "c"}),
        (r"b = c \\ a := b", {"a"}),
        (r"\mathrm{W}(x) := b", {"W"}),
        (r"a \coloneqq b = c", {"a"}),
    ],
)
def test_the_names_that_a_formula_defines(latex, names):
    assert mutation._defined(Formula(latex, {}, "page.md", 1)) == names


def test_users_of_a_definition_are_those_that_name_it_and_definitions_between():
    made = {
        "w": "w := a", "v": "v := w", "u": "u := b", "claim": "v = a", "other": "a = b", "unbound": "w = a",
        "wrong": "w = b",
    }  # fmt: skip
    options = {name: {"model": "latent"} for name in made} | {
        "unbound": {},
        "wrong": {"model": "latent", "expect": "false"},
    }
    first, *following = (Formula(latex, options[name], name, 1) for name, latex in made.items())
    assert [each.file for each in mutation._users(first, following)] == ["v", "u", "claim"]
    assert mutation._users(following[3], following[4:]) == []


def test_the_digest_of_a_library_is_of_its_modules(tmp_path, monkeypatch):
    inner = tmp_path / "sampled_package" / "inner"
    inner.mkdir(parents=True)
    (inner / "module.py").write_text("a = 1\n")
    monkeypatch.syspath_prepend(tmp_path)

    def found(name="sampled_package.inner.module.f"):
        importlib.invalidate_caches()
        mutation._library.cache_clear()
        return mutation._library(name)

    first = found()
    (inner / "notes.txt").write_text("no module\n")
    assert found() == first
    (inner / "module.py").write_text("a = 2\n")
    assert found() != first
    assert found("no_such_package.f") == hashlib.sha256(b"").hexdigest()
    mutation._library.cache_clear()


# ---- values ----

MODULES = [
    importlib.import_module(found.name)
    for found in walk_packages(hw.checked_math.__path__, "hw.checked_math.")
    if not found.name.endswith("__main__")
]
CLASSES = {
    kind for module in MODULES for kind in vars(module).values() if isinstance(kind, type) and is_dataclass(kind)
}
CHANGED = {"Context", "Cursor", "Names", "Outcome", "_Tally"}  # what keeps track of something


@pytest.mark.parametrize(
    "kind", sorted(CLASSES, key=lambda kind: (kind.__module__, kind.__name__)), ids=lambda k: k.__name__
)
def test_values_are_not_changed(kind):
    value = object.__new__(kind)
    first = fields(kind)[0].name
    if kind.__name__ in CHANGED:
        setattr(value, first, None)
    else:
        with pytest.raises(FrozenInstanceError):
            setattr(value, first, None)
