import decimal
import math
from collections import Counter
from decimal import Decimal
from fractions import Fraction
from itertools import product
from random import Random

import pytest

from hw.checked_math.arithmetic import CONTEXT, DIGITS, EXACT, FLOAT
from hw.checked_math.models.embeddings import EMBEDDINGS
from hw.checked_math.models.latent import LATENT
from hw.checked_math.models.model import Law
from hw.checked_math.models.offsets import OFFSETS
from hw.checked_math.models.two_densities import TWO_DENSITIES
from hw.checked_math.pages import check_text
from hw.masks import mask
from hw.receptive_field import blind_spot, receptive_field

MODELS = [TWO_DENSITIES, EMBEDDINGS, OFFSETS]
NOTHING = frozenset()
models = pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)


def instances(model, seed=0, uses=NOTHING, arithmetic=FLOAT):
    return [instance.using(arithmetic) for instance in model.instances(Random(seed), uses)]


def everything(model, instance, rng):
    """All that an instance shows and draws, as text."""
    vocabulary = model.vocabulary
    used = frozenset([*vocabulary.variables, *vocabulary.families, *vocabulary.functions, *vocabulary.sets])
    return repr((instance.words(used), instance.draw(vocabulary.variables, vocabulary.families, rng)))


def law(instance, label):
    return {x: instance.density(label)(x) for x, _ in instance.space("x")}


def status(model, latex, assume=""):
    options = f'assume="{assume}"' if assume else ""
    (record,) = check_text(f'```math id="claim" model="{model}" {options}\n{latex}\n```\n', "page.md")
    return record.status


# ---- instances are not tame ----


@pytest.mark.parametrize(
    ("model", "latex", "assume", "expected"),
    [
        ("latent", r"D_{KL}(p_\theta(z)\|p(z)) \le 3", "", "refuted"),
        ("latent", r"D_{KL}(p_\theta(z)\|p(z)) \ge 0", "", "checked"),
        ("latent", r"\mathbb{E}_{p_\theta(z)}[\log p_\theta(z)-\log p_\phi(z)] \le 5", "positive", "refuted"),
        ("latent", r"\mathbb{E}_{p_\theta(z)}[\log p_\theta(z)-\log p_\phi(z)] \ge 0", "positive", "checked"),
        ("latent", r"p_\theta(x, z) > 0", "", "refuted"),
        ("latent", r"p_\theta(x, z) > 0,\ p_\phi(x, z) > 0", "positive", "checked"),
        ("latent", r"p_\phi(x, z) > 0,\ p_\theta(x) > 0", "", "refuted"),
        ("latent", r"p_\phi(x) > 0,\ p_\theta(x) > 0", "", "checked"),
        ("latent", r"p_\theta(z\mid x) = p_\theta(x,z)/p_\theta(x),\ p(z\mid x) = p(x,z)/p(x)", "", "checked"),
        ("latent", r"p(x, z) \le 1000\,p_\theta(x, z)", "positive", "refuted"),
        ("latent", r"H(p(z)) \le \log 4", "", "refuted"),
        ("latent", r"k = K", "", "refuted"),
        ("latent", r"a \le 25", "", "refuted"),
        ("latent", r"\tanh(a) < 1", "", "checked"),
        ("two-densities", r"D_{KL}(f_1\|f_0) \le 5", "positive", "refuted"),
        ("two-densities", r"f_0(x) \le 1000 f_1(x)", "positive", "refuted"),
        ("two-densities", r"H(f_0) \le \log 4", "", "refuted"),
        ("two-densities", r"-\sum_x f_0(x)\log f_0(x) \ge 0", "", "checked"),
        ("two-densities", r"H(f_0) \ge 0", "", "refuted"),  # on the line an entropy may be negative
        ("two-densities", r"g(x) \le 100", "", "refuted"),
        ("two-densities", r"D(x) \ge 1/1000", "0 < D < 1", "refuted"),
        ("two-densities", r"y \ge 1/8", "", "refuted"),
        ("two-densities", r"0 < y < 1", "", "checked"),
        ("two-densities", r"t \le 1", "", "refuted"),
        ("two-densities", r"\epsilon \ge 10^{-3}", "", "refuted"),
        ("two-densities", r"\epsilon > 0", "", "checked"),
        ("two-densities", r"\log(1-D^*(x)) = \log\frac{f_0(x)}{f_0(x)+f_1(x)}", "", "checked"),
        ("embeddings", r"N \le 4", "", "refuted"),
        ("embeddings", r"N \le 5", "", "checked"),
    ],
)
def test_instances_are_wide_enough_for_false_bounds(model, latex, assume, expected):
    assert status(model, latex, assume) == expected


def test_laws_with_a_second_label_are_of_all_kinds():
    kinds, uses = Counter(), frozenset({"p", r"p_\theta"})
    key = LATENT.law(Law("p", r"\theta"), ("x", "z"), ())
    own = LATENT.law(Law("p"), ("x", "z"), ())
    for instance in LATENT.instances(Random(0), uses):
        pairs = [
            (instance.density(own)(x, z), instance.density(key)(x, z))
            for x, _ in instance.space("x")
            for z, _ in instance.space("z")
        ]
        kinds["equal"] += all(math.isclose(a, b) for a, b in pairs)
        kinds["zeros"] += any(a > 0 == b for a, b in pairs)
        kinds["foreign"] += any(a == 0 < b for a, b in pairs)
        kinds["nearly zero"] += any(0 < b < 1e-8 for _, b in pairs)
        for seed in range(3):
            drawn = instance.draw({"x": "x", "z": "z"}, {}, Random(seed))
            for label in ("", r"\theta"):
                for sort in "xz":
                    assert instance.density(LATENT.law(Law("p", label), (sort,), ()))(drawn[sort]) > 0
        total = sum(b for _, b in pairs)
        assert math.isclose(total, 1)
    assert all(kinds[kind] >= 20 for kind in ("equal", "zeros", "foreign", "nearly zero")), kinds
    for instance in LATENT.instances(Random(0), uses | {"assume:positive"}):
        assert all(instance.density(key)(x, z) > 0 for x, _ in instance.space("x") for z, _ in instance.space("z"))


def test_points_are_told_from_numbers():
    assert LATENT.vocabulary.points == {"x", "z"}
    assert TWO_DENSITIES.vocabulary.points == {"x"}
    assert EMBEDDINGS.vocabulary.points == OFFSETS.vocabulary.points == frozenset()


# ---- what all three promise ----


@models
def test_instances_are_many_and_repeat_with_the_seed(model):
    first, again, other = (
        [everything(model, each, Random(1)) for each in instances(model, seed)[::3]] for seed in (3, 3, 4)
    )
    assert len(instances(model)) >= 240
    assert first == again
    assert first != other
    assert first[:10] == other[:10]  # the corners come first, whatever the seed


@models
def test_assumptions_leave_enough_instances_and_none_is_idle(model):
    for assumption in model.vocabulary.assumptions:
        held = sum(each.holds(assumption) for each in instances(model))
        assert 50 <= held < len(instances(model)), assumption


@models
def test_an_unknown_assumption_is_an_error(model):
    with pytest.raises(KeyError, match="sunny"):
        instances(model)[0].holds("sunny")


@models
def test_shrinking_ends_at_an_instance_of_a_few_parts(model):
    for instance in instances(model)[::9]:
        for _ in range(500):
            following = next(instance.smaller(), None)
            if following is None:
                break
            instance = following
        assert next(instance.smaller(), None) is None
        assert len(everything(model, instance, Random(0))) < 1500


@models
def test_no_derivatives(model):
    with pytest.raises(ValueError, match=f"{model.name} has none, got 'D'"):
        instances(model)[0].jacobian("D", 1)


@models
def test_words_are_only_of_the_names_used(model):
    instance, vocabulary = instances(model)[-1], model.vocabulary
    assert instance.words(frozenset({"sum", r"\gamma"})) == []
    assert instance.words(frozenset([*vocabulary.families, *vocabulary.functions, *vocabulary.sets]))


# ---- two-densities: finite ----


def finite(seed=0, uses=NOTHING, arithmetic=FLOAT):
    return instances(TWO_DENSITIES, seed, uses | {"sum"}, arithmetic)


def test_laws_have_mass_one_on_the_support_of_their_mixture():
    for instance in finite(arithmetic=EXACT):
        zero, one = law(instance, "0"), law(instance, "1")
        assert sum(zero.values()) == sum(one.values()) == 1
        assert all(zero[x] + one[x] > 0 for x in zero)
        assert all(0 <= instance.function("D")(x) <= 1 for x in zero)


def test_the_corners_of_two_laws_are_there():
    laws = [(law(each, "0"), law(each, "1")) for each in finite(arithmetic=EXACT)]
    assert any(zero == one for zero, one in laws)
    assert any(all(zero[x] * one[x] == 0 for x in zero) for zero, one in laws)
    assert any(0 in zero.values() and 0 not in one.values() for zero, one in laws)
    assert any(0 in one.values() and 0 not in zero.values() for zero, one in laws)
    assert {len(zero) for zero, _ in laws} == {1, 2, 3, 4, 8, 12}
    guesses = Counter(each.function("D")(x) for each in finite() for x, _ in each.space("x"))
    assert guesses[0]
    assert guesses[1]


def test_assumptions_say_what_the_laws_are():
    for instance in finite():
        zero, one = law(instance, "0"), law(instance, "1")
        support, other = ({x for x in zero if part[x]} for part in (zero, one))
        assert instance.holds("f_0 > 0") == (min(zero.values()) > 0)
        assert instance.holds("f_1 > 0") == (min(one.values()) > 0)
        assert instance.holds("positive") == (support == other == set(zero))
        assert instance.holds("f_0 << f_1") == (support <= other)
        assert instance.holds("f_1 << f_0") == (other <= support)
        assert instance.holds("0 < D < 1") == all(0 < instance.function("D")(x) < 1 for x in zero)


@pytest.mark.parametrize("seed", range(3))
def test_the_best_discriminator_is_the_share_of_f_1(seed):
    for instance in finite(seed, frozenset({"D^*"})):
        zero, one, best = law(instance, "0"), law(instance, "1"), instance.function("D^*")
        for x in zero:
            assert math.isclose(best(x), one[x] / (zero[x] + one[x]), rel_tol=1e-13)
            assert math.isclose(1 - best(x), zero[x] / (zero[x] + one[x]), rel_tol=1e-13, abs_tol=1e-15)
            if zero[x] != one[x]:
                assert not math.isclose(best(x), zero[x] / (zero[x] + one[x]), rel_tol=1e-4)  # the labels swapped


def test_the_value_is_a_sum_over_the_labels_and_largest_at_the_best():
    for instance in finite(uses=frozenset({"D^*"})):
        zero, one, value = law(instance, "0"), law(instance, "1"), instance.function("V")
        for guess in (instance.function("D"), instance.function("D^*")):
            terms = [(one[x], guess(x)) for x in one] + [(zero[x], 1 - guess(x)) for x in zero]
            direct = sum(mass * (math.log(chance) if chance else -math.inf) for mass, chance in terms if mass)
            assert math.isclose(value(guess), direct, rel_tol=1e-12, abs_tol=1e-15)
        best = instance.function("D^*")
        assert value(instance.function("D")) <= value(best) + 1e-12
        if instance.holds("positive"):
            for change in (-0.01, 0.01):  # of the odds
                nearby = {x: best(x) + change * best(x) * (1 - best(x)) for x in zero}
                assert value(nearby.get) < value(best)


def test_the_value_is_silent_without_mass_and_infinite_where_certainty_is_wrong():
    apart = next(each for each in finite() if law(each, "0") == {1: 1, 2: 0} and law(each, "1")[2] == 1)
    assert apart.function("V")(lambda x: int(x == 2)) == 0
    assert apart.function("V")(lambda x: int(x == 1)) == -math.inf


def test_the_best_discriminator_alone_costs_accuracy():
    assert {each.tolerance for each in finite()} == {None}
    assert {each.tolerance for each in finite(uses=frozenset({"D^*"}))} == {1e-13}


def test_the_best_discriminator_is_moved_by_its_error_at_one_point_after_the_other():
    for instance in finite(uses=frozenset({"D^*"})):
        best = [instance.function("D^*")(x) for x, _ in instance.space("x")]
        moved = [[each.function("D^*")(x) for x, _ in instance.space("x")] for each in instance.moved()]
        inside = [place for place, chance in enumerate(best) if 0 < chance < 1]
        changes = [(place, row[place] - best[place]) for place, row in zip(inside, moved, strict=True)]
        assert all(0 < abs(by) <= max(2e-13 * best[place], 2e-15) for place, by in changes)
        assert all(sum(a != b for a, b in zip(row, best, strict=True)) == 1 for row in moved)


VANISHING = r"\int h(x)\left(\frac{f_1(x)}{D^*(x)}-%s\frac{f_0(x)}{1-D^*(x)}\right)\,\mathrm dx"
VARIED = r"\left.\frac{\mathrm{d}}{\mathrm{d}t}\left(\mathbb{E}_{x\sim f_1}[\log(D^*(x)+t\,h(x))]"
VARIED += r"+\mathbb{E}_{x\sim f_0}[\log(1-D^*(x)-t\,h(x))]\right)\right|_{t=0}"
MOVED = r"D_t(x) := D^*(x)+t\,h(x),\quad \left.\frac{\mathrm{d}^%s}{\mathrm{d}t^%s}V(D_t)\right|_{t=0}"
RATIO = r"\frac{D^*(x)}{1-D^*(x)}-%s\frac{f_1(x)}{f_0(x)}"
SQUARE = r"\mathbb{E}_{x\sim\frac12(f_0+f_1)}[h(x)^2]"


@pytest.mark.parametrize(
    ("latex", "expected"),
    [
        (VANISHING % "" + " = 0", "checked"),
        (VANISHING % r"\frac{1001}{1000}" + " = 0", "refuted"),
        (VANISHING % "" + r" \neq 0", "refuted"),
        (VARIED + " = 0", "checked"),
        (VARIED + " = s", "refuted"),
        (MOVED % ("1", "1") + " = 0", "checked"),
        (MOVED % ("1", "1") + " = s", "refuted"),
        (MOVED % ("1", "1") + " < 0", "refuted"),
        (MOVED % ("2", "2") + r" \le -8\," + SQUARE, "checked"),
        (MOVED % ("2", "2") + r" \le -9\," + SQUARE, "refuted"),
        (RATIO % "" + " = 0", "checked"),
        (RATIO % r"\frac{1001}{1000}" + " = 0", "refuted"),
        (RATIO % "" + r" = 10^{-9}", "refuted"),
    ],
)
def test_what_cancels_at_the_best_discriminator_is_known_to_its_error(latex, expected):
    assert status("two-densities", latex, "positive") == expected


@pytest.mark.parametrize(
    "latex",
    [
        r"\frac{y}{1-y} \le 10^5",
        r"c \ge 10^{-5}",
        r"|s| < 30",
        r"V(D^*) \le V(D) + 10",
        r"g(x)^2 \le 999999",
    ],
)
def test_free_numbers_are_not_tame(latex):
    assert status("two-densities", latex) == "refuted"


@pytest.mark.parametrize(("arithmetic", "kinds"), [(EXACT, (int, Fraction)), (FLOAT, float), (DIGITS, Decimal)])
def test_numbers_are_of_the_arithmetic_asked_for(arithmetic, kinds):
    for instance in finite(uses=frozenset({"D^*"}), arithmetic=arithmetic)[::7]:
        drawn = instance.draw({"y": "number", r"\epsilon": "number"}, {}, Random(0)).values()
        values = [instance.function(name)(1) for name in "Dgh"]
        assert all(isinstance(number, kinds) for number in [*law(instance, "0").values(), *values, *drawn])
        assert isinstance(instance.function("D^*")(1), Decimal if arithmetic is DIGITS else float)


def test_all_arithmetics_agree():
    kinds = [finite(arithmetic=each)[::4] for each in (EXACT, FLOAT, DIGITS)]
    for exact, rough, fine in zip(*kinds, strict=True):
        assert all(math.isclose(law(rough, label)[1], law(exact, label)[1], rel_tol=1e-15) for label in "01")
        with decimal.localcontext(CONTEXT):
            value = float(fine.function("V")(fine.function("D")))
        for other in (exact, rough):
            assert math.isclose(other.function("V")(other.function("D")), value, rel_tol=1e-11, abs_tol=1e-16)


def test_functions_are_undefined_at_what_is_no_point():
    instance = finite()[0]
    assert instance.function("g")(1) == 1
    assert math.isnan(instance.function("g")(2))
    assert math.isnan(instance.density("0")(0.5))


def test_free_points_counts_and_numbers_obey_the_conventions():
    rng, points = Random(0), Counter()
    for instance in finite()[-80:]:
        variables = TWO_DENSITIES.vocabulary.variables | {"x'": "x"}
        drawn = instance.draw(variables, {"x": "x"}, rng)
        members = drawn["family x"]
        space = [x for x, _ in instance.space("x")]
        points[drawn["x"]] += 1
        assert sorted(members) == [1, 2, 3, 4, 5, 6]
        assert set(members.values()) <= set(space)
        assert 1 <= drawn["m"] <= drawn["k"] <= 4
        assert max(drawn["i"], drawn["j"], drawn["l"]) <= drawn["k"]
        assert 0 < drawn["y"] < 1
        assert 0 < drawn[r"\epsilon"] <= 1 / 8
        assert drawn["x'"] in space
    assert len(points) == 4


@pytest.mark.parametrize("letter", ["f", "p", "P"])
@pytest.mark.parametrize("label", ["0", "1"])
def test_both_laws_have_three_letters(letter, label):
    assert TWO_DENSITIES.law(Law(letter, label), ("x",), ()) == label
    assert TWO_DENSITIES.bare(Law(letter, label)) == (("x",), ())


@pytest.mark.parametrize(
    ("law", "left", "right", "given"),
    [
        (Law("p", "g"), ("x",), (), r"p_g(x)"),
        (Law("f"), ("x",), (), "f(x)"),
        (Law("q", "0"), ("x",), (), r"q_0(x)"),
        (Law("f", "0"), ("x",), ("x",), r"f_0(x \mid x)"),
        (Law("f", "0"), ("x", "x"), (), r"f_0(x, x)"),
        (Law("f", "0"), ("number",), (), r"f_0(number)"),
    ],
)
def test_other_laws_are_refused(law, left, right, given):
    with pytest.raises(ValueError, match=r"must be f_0\(x\) or f_1\(x\)") as error:
        TWO_DENSITIES.law(law, left, right)
    assert str(error.value).endswith(f"got {given}")


def test_laws_that_cannot_stand_bare_are_refused():
    with pytest.raises(ValueError, match=r"law must be f_0\(x\)"):
        TWO_DENSITIES.bare(Law("q", "0"))
    with pytest.raises(ValueError, match="the only space of two-densities, got 'z'"):
        finite()[0].space("z")


def test_shrinking_keeps_two_laws():
    for instance in finite(arithmetic=EXACT)[::5]:
        for less in instance.smaller():
            zero, one = law(less, "0"), law(less, "1")
            assert sum(zero.values()) == sum(one.values()) == 1
            assert all(zero[x] + one[x] > 0 for x in zero)
            assert all(0 <= less.function("D")(x) <= 1 for x in zero)
            if len(zero) == len(instance.space("x")):
                assert less.holds("positive") == instance.holds("positive")


def test_words_of_two_laws():
    instance = finite(uses=frozenset({"D^*"}))[28]
    assert instance.words(frozenset({"f", "D", "D^*"})) == [
        (r"f_0(1),\ f_0(2)", "1/2, 1/2"),
        (r"f_1(1),\ f_1(2)", "1/3, 2/3"),
        (r"D(1),\ D(2)", "0, 1"),
        (r"D^*(1),\ D^*(2)", "0.4, 0.5714"),
    ]
    for used, letter in (("P", "P"), ("p_1", "p"), ("f_0", "f"), ("V", "f")):
        assert instance.words(frozenset({used}))[0][0] == rf"{letter}_0(1),\ {letter}_0(2)"


# ---- embeddings ----


def views(instance):
    return instance.draw({}, {"z": "vector"}, Random(0))["family z"]


def test_views_lie_on_the_sphere_or_off_it():
    found = [[math.sqrt(inner(view, view)) for view in views(instance).values()] for instance in instances(EMBEDDINGS)]
    assert all(length > 0.4 for lengths in found for length in lengths)
    apart = [max(lengths) - min(lengths) > 0.4 for lengths in found]
    on_it = [all(math.isclose(length, 1, rel_tol=1e-13) for length in lengths) for lengths in found]
    assert [instance.holds("unit") for instance in instances(EMBEDDINGS)] == on_it
    assert min(sum(apart), sum(on_it)) > 100


def test_similarity_is_the_cosine():
    unlike = 0
    for instance in instances(EMBEDDINGS):
        sim, (u, v) = instance.function(r"\mathrm{sim}"), list(views(instance).values())[:2]
        assert sim(u, v) == sim(v, u)
        assert math.isclose(sim(u, v), inner(u, v) / (math.hypot(*u) * math.hypot(*v)), abs_tol=1e-15)
        assert math.isclose(sim([3 * x for x in u], v), sim(u, v), rel_tol=1e-13, abs_tol=1e-15)
        assert math.isclose(sim(u, u), 1, rel_tol=1e-13)
        unlike += sim(u, v) < 0.9
    assert unlike > 50  # or else a similarity that is always 1 would pass


def inner(u, v):
    return math.fsum(a * b for a, b in zip(u, v, strict=True))


def test_corners_of_embeddings_are_there():
    found = instances(EMBEDDINGS)
    drawn = [each.draw(EMBEDDINGS.vocabulary.variables, {}, Random(0)) for each in found]
    assert {each["N"] for each in drawn} == {1, 2, 3, 4, 5}
    assert {each["d"] for each in drawn} == {1, 2, 3, 4, 5}
    assert min(each[r"\tau"] for each in drawn) == 0.1
    assert max(each[r"\tau"] for each in drawn) <= 2
    pairs = [(views(each)[1], views(each)[2]) for each in found]
    assert any(inner(u, v) == -1 for u, v in pairs)
    assert any(inner(u, v) == 0 for u, v in pairs)
    assert any(len(set(views(each).values())) < len(views(each)) and not each.holds("aligned") for each in found)


def test_assumptions_say_how_views_lie():
    for instance in instances(EMBEDDINGS):
        z = views(instance)
        pairs = len(z) // 2
        assert instance.holds("N >= 2") == (pairs >= 2)
        u = {i: [x / math.hypot(*z[i]) for x in z[i]] for i in z}
        apart = [inner(u[i], u[k]) for i in u for k in u if (i + 1) // 2 < (k + 1) // 2]
        assert instance.holds("collapsed") == all(u[i] == u[1] for i in u)
        assert instance.holds("aligned") == all(u[2 * i - 1] == u[2 * i] for i in range(1, pairs + 1))
        assert instance.holds("orthogonal") == all(abs(cosine) < 1e-9 for cosine in apart)
        least = instance.holds("aligned") and pairs > 1 and all(abs(c + 1 / (pairs - 1)) < 1e-9 for c in apart)
        assert instance.holds("simplex") == least


def test_simplices_are_of_all_sizes():
    found = [len(views(each)) // 2 for each in instances(EMBEDDINGS) if each.holds("simplex")]
    assert min(Counter(found)[pairs] for pairs in (2, 3, 4, 5)) >= 2


def test_indices_name_views_and_pairs():
    rng = Random(0)
    for instance in instances(EMBEDDINGS):
        drawn = instance.draw(EMBEDDINGS.vocabulary.variables, {"z": "vector"}, rng)
        assert len(drawn["family z"]) == 2 * drawn["N"]
        assert all(1 <= drawn[name] <= 2 * drawn["N"] for name in "ijkl")
        assert all(1 <= drawn[name] <= drawn["N"] for name in "nm")
        assert len(drawn["family z"][1]) == drawn["d"]
        assert drawn["z"] in [view for view, _ in instance.space("vector")]
        assert len(drawn["v"]) == drawn["d"]
        assert any(drawn["v"])


def test_a_view_that_is_not_there_is_undefined():
    instance = instances(EMBEDDINGS)[0]
    assert math.isnan(instance.function(r"\mathrm{sim}")(views(instance)[1], views(instance)[3]))


def test_shrinking_keeps_views_in_pairs_and_on_the_sphere():
    for instance in instances(EMBEDDINGS)[::5]:
        for less in instance.smaller():
            z = views(less)
            assert len(z) % 2 == 0
            assert len(z) >= 2
            assert less.holds("unit") >= instance.holds("unit")
            assert less.holds("aligned") >= instance.holds("aligned")


def test_words_of_views():
    used = frozenset({"z", r"\tau"})
    assert instances(EMBEDDINGS)[7].words(used) == [("z_1", "(1, 0)"), ("z_2", "(0, 1)"), (r"\tau", "0.5")]


@pytest.mark.parametrize("model", [EMBEDDINGS, OFFSETS], ids=lambda model: model.name)
def test_models_without_laws_refuse_them(model):
    instance = instances(model)[0]
    with pytest.raises(ValueError, match="has none, got p"):
        model.law(Law("p"), ("x",), ())
    with pytest.raises(ValueError, match="has none, got p"):
        model.bare(Law("p"))
    with pytest.raises(ValueError, match="has none, got 'p'"):
        instance.density("p")
    with pytest.raises(ValueError, match="got 'x'"):
        instance.space("x")


# ---- offsets ----


def layers(instance, *letters):
    return instance.draw({}, dict.fromkeys(letters, "number"), Random(0)).values()


def gather(image, weights, places):
    """One layer as a page writes it: each place reads the image at its offsets."""
    return {(r, c): sum(weights[a, b] * image.get((r + a, c + b), 0) for a, b in weights) for r, c in places}


def grid(offsets):
    return [[int((row, column) in offsets) for column in (-1, 0, 1)] for row in (-1, 0, 1)]


def test_maps_by_pushing_are_maps_by_gathering():
    skipped = 0
    for instance in instances(OFFSETS):
        places = instance.function("G")
        x, w, v, h, y = layers(instance, "x", "w", "v", "h", "y")
        assert (set(w), set(v), set(x)) == (instance.function("M_1"), instance.function("M_2"), places)
        hidden = gather(x, w, places)
        assert h == hidden
        assert y == gather(hidden, v, places)
        padding = [(r, c) for r in range(9) for c in range(9)]  # a hidden map that is not cut at the border
        skipped += y[next(iter(y))] != gather(gather(x, w, padding), v, places)[next(iter(y))]
        assert h[-5, 0] == x[0, 0] == w[7, 7] == 0  # off the map, and off the mask
    assert skipped


def test_receptive_fields_are_those_of_the_library_and_of_the_sum_of_sets():
    uncut = 0
    for instance in instances(OFFSETS)[::4]:
        places, first, second = (instance.function(name) for name in ("G", "M_1", "M_2"))
        (fields,) = layers(instance, "R")
        for r, c in places:
            seen = receptive_field([grid(first), grid(second)], max(places), (r - 1, c - 1))
            assert fields[r, c] == {(i, j) for i, j in places if seen[i - 1][j - 1]}
        r, c = instance.draw({"o": "offset"}, {}, Random(0))["o"]
        total = {(r + i + k, c + j + m) for (i, j), (k, m) in product(first, second)}
        assert instance.holds("interior") <= (fields[r, c] == total)
        uncut += fields[r, c] != total
        assert fields[-3, 0] == frozenset()
    assert uncut  # without the assumption the two are not the same


def test_interior_means_that_two_steps_stay_on_the_map():
    for instance in instances(OFFSETS):
        places, first, second = (instance.function(name) for name in ("G", "M_1", "M_2"))
        r, c = instance.draw({"o": "offset"}, {}, Random(0))["o"]
        on = all(
            (r + i, c + j) in places and (r + i + k, c + j + m) in places
            for i, j in second
            for k, m in first or [(0, 0)]
        )
        assert instance.holds("interior") == on


def test_masks_a_and_b_are_those_of_the_library():
    instance = instances(OFFSETS)[0]
    for kind in "AB":
        assert grid(instance.function(kind)) == [list(row) for row in mask(kind, 3)]
    pairs = {tuple(each.function(name) for name in ("M_1", "M_2")) for each in instances(OFFSETS)}
    a, b = instance.function("A"), instance.function("B")
    assert {(a, a), (a, b), (b, a), (b, b)} <= pairs
    assert {0, 1, 9} <= {len(first) for first, _ in pairs}


def deep(name):
    return instances(OFFSETS)[0].function(name)


def test_missed_pixels_are_the_blind_spot_of_a_deep_stack():
    missed, masks = deep("m"), [mask("A", 3)] + [mask("B", 3)] * 12
    for width, row, column in product((1, 2, 5, 7), (1, 3, 6), range(1, 8)):
        if column <= width:
            assert missed(width, row, column) == blind_spot(masks, (row, width), (row - 1, column - 1)).sum()
    assert missed(5, 3, 3) == 1  # pixel 25 of output 33
    assert missed(5, 3, 1) != missed(5, 1, 3)
    assert math.isnan(missed(3, 1, 4))  # no such column
    assert math.isnan(missed(Fraction(7, 2), 1, 1))
    assert math.isnan(missed(math.inf, 1, 1))


def test_the_blind_spot_within_the_depth():
    blind, earlier = deep(r"\beta"), deep(r"\nu")
    for depth in range(9):
        assert 2 * blind(depth) == depth * (depth - 1)
        assert earlier(depth) == 2 * depth * (depth + 1)
    assert blind(4) != 4 * 5 // 2
    assert math.isnan(blind(-1))
    assert math.isnan(earlier(1.5))


@pytest.mark.parametrize("size", [1, 3, 5, 7])
def test_the_wedge_is_never_seen(size):
    ever, seen3 = deep("s"), deep("S")
    side = 8
    stack = [mask("A", size)] + [mask("B", size)] * 9
    seen = receptive_field(stack, (side, 2 * side + 1), (side - 1, side))
    for up, right in product(range(4), range(-3, 8)):
        assert ever(size, up, right) == seen[side - 1 - up][side + right], (up, right)
        if up >= 1 and right >= 1:
            assert ever(size, up, right) == (right <= size // 2 * up)
        if size == 3:
            assert seen3(up, right) == ever(3, up, right)
    assert ever(size, -1, 0) == 0
    assert math.isnan(ever(size + 1, 1, 1))


def test_draws_of_counts_obey_the_conventions():
    rng, variables, instance = Random(0), dict.fromkeys("rctdWnLkH", "count"), instances(OFFSETS)[0]
    drawn = [instance.draw(variables, {}, rng) for _ in range(300)]
    assert {each["k"] for each in drawn} == {1, 3, 5, 7}
    assert all(1 <= each["c"] <= each["W"] <= 7 for each in drawn)
    assert {max(each[name] for each in drawn) for name in "rnL"} == {6}
    assert any(each["d"] > each["t"] for each in drawn)
    without = [instance.draw({"n": "count", "c": "count"}, {}, rng) for _ in range(300)]
    assert all(each["c"] <= each["n"] for each in without)


def test_draws_of_offsets_come_from_the_masks_and_the_map():
    rng, variables = Random(0), dict.fromkeys(("o", "o'", "p", "a", "b", r"\delta"), "offset")
    for instance in instances(OFFSETS):
        drawn = instance.draw(variables, {}, rng)
        assert {drawn["o"], drawn["o'"], drawn["p"]} <= instance.function("G")
        assert drawn["a"] in (instance.function("M_2") or [drawn["a"]])
        assert drawn["b"] in (instance.function("M_1") or [drawn["b"]])
        assert max(map(abs, drawn[r"\delta"])) <= 1


def test_shrinking_keeps_a_map_with_its_output():
    for instance in instances(OFFSETS)[::20]:
        for less in instance.smaller():
            places = less.function("G")
            assert places == set(product(range(1, max(places)[0] + 1), range(1, max(places)[1] + 1)))
            assert less.draw({"o": "offset"}, {}, Random(0))["o"] in places
            x, w, y = layers(less, "x", "w", "y")
            assert set(x) == set(y) == places
            assert set(w) == less.function("M_1")


def test_words_of_masks_and_maps():
    assert instances(OFFSETS)[1 + 9].words(frozenset({"M_1", "w", "x", "h"})) == [
        ("G", "1 by 2 places"),
        ("M_1", "{(0, -1)}"),
        ("w_{(0, -1)}", "1"),
        ("x", "1 1"),
        ("h", "0 1"),
    ]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_instances_of_a_finite_model_are_told_apart_and_refuse_changes(model):
    first, second, *_ = instances(model)
    with pytest.raises((AttributeError, TypeError)):
        first.tolerance = 0.5
    assert len({id(first), id(second)}) == len({hash(first), hash(second)}) == 2


def test_functions_of_deep_stacks_have_the_arguments_that_are_said():
    for name, (count, _) in OFFSETS.vocabulary.functions.items():
        function = instances(OFFSETS)[0].function(name)
        assert function(*[3] * count) == int(function(*[3] * count))
        for other in (count - 1, count + 1):
            with pytest.raises(TypeError):
                function(*[3] * other)
