"""Formulas that are not evaluated are bound to tests, and each of these turns red when its quantity is changed."""

import itertools
import math
import re
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
import torch
from torch.nn.functional import conv2d

import test_masked_conv
from hw.bounds.models import DiscreteModel
from hw.checked_math.arithmetic import EXACT, FLOAT
from hw.checked_math.document import formulas_of_file
from hw.checked_math.evaluation.compiler import INSTANCE
from hw.checked_math.evaluation.expressions import compiler_for
from hw.checked_math.grammar.statements import Names, parse
from hw.checked_math.models import MODELS
from hw.checked_math.models.latent import LatentInstance
from hw.checked_math.models.line_two_densities import LineTwoDensities, on_line
from hw.checked_math.models.smooth_laws import Mixture, Monotone
from hw.flows import Planar
from hw.masked_conv import GatedMaskedConv2d, MaskedConv2d

ROOT = Path(__file__).parent.parent
LIMIT = re.compile(r"\\lim_\{(\w) \\to \\infty\}(.*?)=", re.DOTALL)


def displayed(page: str, id: str) -> str:
    return next(formula.latex for formula in formulas_of_file(ROOT / page) if formula.id == id)


def value(latex: str, variable: str, number: int) -> Fraction:
    model = MODELS["offsets"]
    (statement,) = parse(f"{latex} = 0", Names(model.vocabulary))
    return compiler_for(model, EXACT, {}).expression(statement.chain.parts[0])({variable: number})


def check_limits(latex: str) -> None:
    """Each `\\lim` nears the last number of the chain: at n the distance is at most 2/n, for n up to a billion."""
    limit = Fraction(*map(int, re.search(r"\\frac(\d)(\d)$", latex).groups()))
    terms = LIMIT.findall(latex)
    assert len(terms) == latex.count(r"\lim")
    for variable, term in terms:
        for number in (10**3, 10**6, 10**9):
            assert abs(value(term, variable, number) - limit) <= Fraction(2, number)


def test_the_missed_share_tends_to_a_quarter():
    check_limits(displayed("docs/autoregressive.md", "share-limit"))


@pytest.mark.parametrize("place", range(9))
def test_the_limit_turns_red_when_a_factor_is_changed(place):
    latex = displayed("docs/autoregressive.md", "share-limit")
    factors = list(re.finditer(r"(?<!-)(?<!\+)(\d)(n|,|\\,|\d|$)", latex))
    numbers = [match for match in factors if match[1] != "0"]
    match = numbers[place % len(numbers)]
    changed = latex[: match.start(1)] + str(int(match[1]) + 1) + latex[match.end(1) :]
    with pytest.raises(AssertionError):
        check_limits(changed)


def check_masked_layer() -> None:
    rng = torch.Generator().manual_seed(0)
    for kind in "AB":
        layer = MaskedConv2d(kind, 2, 2, 3, colors=2).double()
        for parameter in layer.parameters():
            torch.nn.init.normal_(parameter, generator=rng)
        image = torch.randn(2, 4, 5, generator=rng, dtype=torch.float64)
        computed = layer(image)
        for o, row, column in torch.cartesian_prod(torch.arange(2), torch.arange(4), torch.arange(5)).tolist():
            expected = layer.bias[o].item()
            for c, down, right in torch.cartesian_prod(torch.arange(2), *[torch.arange(-1, 2)] * 2).tolist():
                if 0 <= row + down < 4 and 0 <= column + right < 5:
                    place = o, c, down + 1, right + 1
                    weight = (layer.mask[place] * layer.weight[place]).item()
                    expected += weight * image[c, row + down, column + right].item()
            assert computed[o, row, column].item() == pytest.approx(expected, rel=1e-12, abs=1e-12)


def test_masked_layer_computes_the_displayed_sum():
    check_masked_layer()


@pytest.mark.parametrize(
    "changed",
    [
        lambda self, x: conv2d(x, self.weight, self.bias, padding=1),  # no mask
        lambda self, x: conv2d(x, self.weight * self.mask, padding=1),  # no bias
        lambda self, x: conv2d(x, (self.weight * self.mask).flip(2, 3), self.bias, padding=1),  # p - δ for p + δ
        lambda self, x: conv2d(x, self.weight * self.mask, -self.bias, padding=1),
    ],
    ids=["M", "b", "p + δ", "sign of b"],
)
def test_the_displayed_sum_turns_red_when_a_part_of_it_is_changed(changed, monkeypatch):
    monkeypatch.setattr(MaskedConv2d, "forward", changed)
    with pytest.raises(AssertionError):
        check_masked_layer()


@pytest.mark.parametrize("changed", ["tanh", "sigmoid"])
def test_the_gated_equations_turn_red_when_the_gate_is_changed(changed, monkeypatch):
    original = getattr(torch.Tensor, changed)
    monkeypatch.setattr(torch.Tensor, changed, lambda self: original(self) + 0.1)
    with pytest.raises(AssertionError):
        test_masked_conv.test_gated_layer_computes_the_equations("B", 3)


def test_the_gated_equations_turn_red_without_the_residual(monkeypatch):
    forward = GatedMaskedConv2d.forward

    def without(self, vertical, horizontal):
        rows, row = forward(self, vertical, horizontal)
        return rows, row - horizontal

    monkeypatch.setattr(GatedMaskedConv2d, "forward", without)
    with pytest.raises(AssertionError):
        test_masked_conv.test_gated_layer_computes_the_equations("B", 3)


ELSEWHERE = 10  # weight of the joint law at another x than the one observed
LATENT_LAWS = {  # weights of the joint law and of q at the x observed
    "two values": ((1, 9), (1, 1)),
    "three values": ((3, 1, 4), (2, 2, 1)),
    "q misses one": ((2, 6, 2), (1, 1, 0)),
}


def latent_value(latex: str, joint: tuple[int, ...], variational: tuple[int, ...], **names: float) -> float:
    """A displayed expression on a model with one x, with values for its free names."""
    model, instance = (
        MODELS["latent"],
        LatentInstance((joint, (ELSEWHERE,) + (0,) * (len(joint) - 1)), (variational,) * 2),
    )
    (statement,) = parse(f"{latex} = 0", Names(model.vocabulary))
    compute = compiler_for(model, FLOAT, {}).expression(statement.chain.parts[0])
    return compute({INSTANCE: instance.using(FLOAT), "x": "x1", **names})


def check_limit_of_the_bound(latex: str, laws: dict[str, tuple[tuple[int, ...], tuple[int, ...]]]) -> None:
    """The term nears the right side: at k draws it is within 10/k, for k up to a million."""
    term, right = re.fullmatch(r"\\lim_\{k\\to\\infty\} (.*?) = (.*)", latex.strip(), re.DOTALL).groups()
    assert term.count(r"\mathcal{L}_k(x)") == 1
    for joint, variational in laws.values():
        model = DiscreteModel(
            [weight / (sum(joint) + ELSEWHERE) for weight in joint],
            [weight / sum(variational) for weight in variational],
        )
        limit = latent_value(right, joint, variational)
        for k in (10**2, 10**4, 10**6):
            bound = model.iwlb(k).item()
            assert (
                abs(latent_value(term.replace(r"\mathcal{L}_k(x)", "a"), joint, variational, k=k, a=bound) - limit)
                <= 10 / k
            )


def test_the_bound_tends_to_the_mean_weight():
    check_limit_of_the_bound(displayed("docs/vae.md", "limit"), LATENT_LAWS)


def test_the_gap_shrinks_like_half_of_chi_squared_over_k():
    laws = {name: law for name, law in LATENT_LAWS.items() if all(law[1])}
    check_limit_of_the_bound(displayed("docs/vae.md", "rate"), laws)


@pytest.mark.parametrize(
    ("id", "law"), [("rate", ((5, 0), (9, 1))), ("rate", LATENT_LAWS["q misses one"]), ("limit", ((5, 0), (9, 1)))]
)
def test_the_limits_fail_without_their_conditions(id, law):
    with pytest.raises(AssertionError):
        check_limit_of_the_bound(displayed("docs/vae.md", id), {"law": law})


@pytest.mark.parametrize(
    ("id", "old", "new"),
    [
        ("limit", r"q(z\mid x)}\right]", r"p(x)}\right]"),
        ("limit", r"\log\left(\mathbb{E}_{q(z\mid x)}\left[\frac{p(x,z)}{q(z\mid x)}\right]\right)", r"\log p(x)"),
        ("limit", r"_{q(z\mid x)}", r"_{p(z)}"),
        ("rate", r"\frac12\,", ""),
        ("rate", r"k\,", r"k^2\,"),
        ("rate", r"p(z\mid x)\,\|\,q(z\mid x)", r"q(z\mid x)\,\|\,p(z\mid x)"),
        ("rate", r"\log p(x) -", r"-\log p(x) -"),
        ("rate", r"\chi^2", r"D_{\mathrm{KL}}"),
    ],
)
def test_the_limits_of_the_bound_turn_red_when_a_part_is_changed(id, old, new):
    latex = displayed("docs/vae.md", id)
    assert old in latex
    laws = {name: law for name, law in LATENT_LAWS.items() if id == "limit" or all(law[1])}
    with pytest.raises(AssertionError):
        check_limit_of_the_bound(latex.replace(old, new, 1), laws)


def check_frullani(latex: str) -> None:
    """The integral, by equal steps in log t, is the expectation over all tuples of draws."""
    integrand = re.fullmatch(
        r"\\mathcal\{L\}_k\(x\) = \\int_0\^\\infty (.*)\\,\\mathrm\{d\}t", latex.strip(), re.DOTALL
    )[1]
    assert integrand.count(r"\varphi\left(\frac tk\right)") == 1
    integrand = integrand.replace(r"\varphi\left(\frac tk\right)", "a")
    for k, joint, variational in ((1, (1, 9), (1, 1)), (3, (1, 9), (1, 1)), (2, (3, 1, 4), (2, 2, 1))):
        masses = [weight / sum(variational) for weight in variational]
        weights = [p / (sum(joint) + ELSEWHERE) / q for p, q in zip(joint, masses, strict=True)]
        integral, step = 0.0, 0.25
        for place in range(-160, 40):
            t = math.exp(step * place)
            laplace = sum(q * math.exp(-t / k * w) for q, w in zip(masses, weights, strict=True))
            integral += step * t * latent_value(integrand, joint, variational, t=t, k=k, a=laplace)
        bound = 0.0
        for drawn in itertools.product(range(len(masses)), repeat=k):
            chance = math.prod(masses[place] for place in drawn)
            bound += chance * math.log(sum(weights[place] for place in drawn) / k)
        assert abs(integral - bound) < 1e-8


def test_frullanis_integral_is_the_bound():
    check_frullani(displayed("docs/vae.md", "frullani"))


@pytest.mark.parametrize(
    ("old", "new"), [(r"\exp(-t)", r"\exp(-2t)"), ("{t}", "{k t}"), ("^k}", "}"), (" - ", " + "), (r"\exp(-t)", "1")]
)
def test_frullanis_integral_turns_red_when_a_part_is_changed(old, new):
    latex = displayed("docs/vae.md", "frullani")
    assert old in latex
    with pytest.raises((AssertionError, OverflowError)):
        check_frullani(latex.replace(old, new, 1))


def number(latex: str, **names: float) -> float:
    """A displayed expression in one-letter numbers."""
    return latent_value(latex, (1, 1), (1, 1), **names)


def check_planar_determinant(latex: str) -> None:
    """The right side is the determinant of the matrix of derivatives, by autograd."""
    right = latex.partition("=")[2]
    parts = {r"w^\top v": "a", r"\operatorname{sech}^2(w^\top u + b)": "t"}
    assert all(right.count(part) == 1 for part in parts)
    for part, name in parts.items():
        right = right.replace(part, name)
    rng = torch.Generator().manual_seed(0)
    for d in (1, 2, 3):
        w, v, u = torch.randn(3, d, generator=rng, dtype=torch.float64)
        w = torch.where(w @ v < -0.9, -w, w)
        planar = Planar(w, v, torch.tensor(0.3, dtype=torch.float64))
        determinant = torch.linalg.det(torch.autograd.functional.jacobian(planar, u)).item()
        shown = number(right, a=(w @ v).item(), t=1 / math.cosh(w @ u + 0.3) ** 2)
        assert shown == pytest.approx(determinant, rel=1e-12)


def test_the_displayed_determinant_is_the_one_of_the_planar_map():
    check_planar_determinant(displayed("docs/flows.md", "planar-determinant"))


def check_variance_of_reinforce(latex: str) -> None:
    """The right side is the variance, by quadrature over the draw, of the product in the brackets."""
    left, _, right = latex.partition("=")
    assert (
        left.split()
        == (
            r"\operatorname{Var}\left[\left(\log q_\mu(x) - \log p(x)\right)"
            r"\frac{\partial}{\partial\mu}\log q_\mu(x)\right]"
        ).split()
    )
    e = torch.linspace(-12, 12, 2401, dtype=torch.float64)
    mass = torch.exp(-e.square() / 2) / math.sqrt(2 * math.pi) * (e[1] - e[0])
    for mu in (0.5, 1.0, 2.0, -3.0):
        x = mu + e
        drawn = (x.square() / 2 - e.square() / 2) * e
        variance = (mass * (drawn - (mass * drawn).sum()).square()).sum().item()
        assert number(right.replace(r"\mu", "a"), a=mu) == pytest.approx(variance, rel=1e-10)


def test_the_displayed_variance_is_the_one_of_reinforce():
    check_variance_of_reinforce(displayed("docs/flows.md", "reinforce-variance"))


@pytest.mark.parametrize(
    ("id", "check", "old", "new"),
    [
        ("planar-determinant", check_planar_determinant, "+", "-"),
        ("planar-determinant", check_planar_determinant, "1", "2"),
        ("planar-determinant", check_planar_determinant, r"w^\top v\,", r"2w^\top v\,"),
        ("reinforce-variance", check_variance_of_reinforce, "+", "-"),
        ("reinforce-variance", check_variance_of_reinforce, "^4", "^3"),
        ("reinforce-variance", check_variance_of_reinforce, "{4}", "{2}"),
        ("reinforce-variance", check_variance_of_reinforce, "2", "3"),
    ],
)
def test_a_formula_of_the_flows_turns_red_when_a_part_is_changed(id, check, old, new):
    left, _, right = displayed("docs/flows.md", id).partition("=")
    assert old in right
    with pytest.raises(AssertionError):
        check(f"{left}={right.replace(old, new, 1)}")


PIECEWISE = (
    r"f\(h\) = \\sum_\{k=1\}\^\{b(.*?)\}\\phi_k \+ \(hK - b(.*?)\)\\,\\phi_b, \\qquad b = \\lfloor Kh \\rfloor(.*)"
)


def check_piecewise(latex: str) -> None:
    """The map starts at 0, ends at 1, and rises by a tenth of the share of the bin on each tenth of a bin."""
    last, shift, bin_shift = (
        int(part.replace(" ", "") or 0) for part in re.fullmatch(PIECEWISE, latex.strip()).groups()
    )
    shares = dict(enumerate((Fraction(1, 10), Fraction(2, 10), Fraction(5, 10), Fraction(1, 10), Fraction(1, 10)), 1))

    def value(h: Fraction) -> Fraction:
        b = math.floor(5 * h) + bin_shift
        return sum((shares[k] for k in range(1, b + last + 1)), Fraction(0)) + (5 * h - b + shift) * shares[b]

    points = [Fraction(place, 50) for place in range(50)]
    values = [value(h) for h in points]
    steps = [after - before for before, after in itertools.pairwise([*values, Fraction(1)])]
    assert values[0] == 0
    assert steps == [shares[place // 10 + 1] / 10 for place in range(50)]


def test_the_piecewise_linear_map_is_a_bijection():
    check_piecewise(displayed("docs/flows.md", "piecewise"))


@pytest.mark.parametrize(
    ("old", "new"), [("b-1", "b"), ("b-1", "b-2"), ("b + 1", "b"), ("b + 1", "b + 2"), (r"\rfloor + 1", r"\rfloor")]
)
def test_the_piecewise_linear_map_turns_red_when_an_index_is_changed(old, new):
    latex = displayed("docs/flows.md", "piecewise")
    assert old in latex
    with pytest.raises((AssertionError, KeyError)):
        check_piecewise(latex.replace(old, new, 1))


DROPPED = re.compile(
    r"\\left\\\|y - Xw\\right\\\|\^2 (.)(.*?)\\sum_\{j=1\}\^d w_j\^(\d)\\left\\\|X_(.)\\right\\\|\^(\d)"
)


def check_dropout(latex: str) -> None:
    """The loss is the mean over all choices of kept features, each kept with chance p and divided by p."""
    sign, factor, of_weight, column, of_norm = DROPPED.fullmatch(latex.strip()).groups()
    assert column == "j"
    rng = torch.Generator().manual_seed(0)
    x, y, w = (torch.randn(*shape, dtype=torch.float64, generator=rng) for shape in ((6, 4), (6,), (4,)))
    for p in (0.5, 0.2, 0.9):
        mean = torch.tensor(0.0, dtype=torch.float64)
        for kept in itertools.product((0.0, 1.0), repeat=4):
            kept = torch.tensor(kept, dtype=torch.float64)
            chance = (kept * p + (1 - kept) * (1 - p)).prod()
            mean += chance * (y - x @ (kept / p * w)).square().sum()
        penalty = (
            number(factor.replace("p", "a"), a=p) * (w.pow(int(of_weight)) * x.norm(dim=0).pow(int(of_norm))).sum()
        )
        shown = (y - x @ w).square().sum() + (penalty if sign == "+" else -penalty)
        assert math.isclose(shown, mean, rel_tol=1e-12)


def test_the_displayed_loss_is_the_mean_over_what_dropout_drops():
    check_dropout(displayed("docs/gan.md", "dropout"))


@pytest.mark.parametrize(
    ("old", "new"), [("+", "-"), ("{p}", "{1+p}"), ("1-p", "1+p"), ("w_j^2", "w_j^1"), ("X_j", "X_i")]
)
def test_the_loss_of_dropout_turns_red_when_a_part_is_changed(old, new):
    latex = displayed("docs/gan.md", "dropout")
    assert latex.count(old) == 1
    with pytest.raises(AssertionError):
        check_dropout(latex.replace(old, new))


def check_fixed_discriminator(latex: str) -> None:
    """Both sides, as displayed, for normal laws whose mean and deviation depend on the parameter, by differences."""
    model = MODELS["two-densities"]
    left, right = (side.strip().removeprefix(r"\nabla_\theta").removeprefix(r"\,") for side in latex.split("="))

    def value_at(side: str, instance: LineTwoDensities) -> float:
        (statement,) = parse(f"{side} = 0", Names(model.vocabulary))
        return compiler_for(model, FLOAT, {}).expression(statement.chain.parts[0])({INSTANCE: instance})

    def laws(theta: float) -> LineTwoDensities:
        moved = Mixture(((1.0, theta, 0.8 + 0.1 * theta),))
        return on_line(moved, Mixture(((1.0, 0.0, 1.0),)), Monotone(0.0))

    for theta in (0.5, 1.5):
        best = laws(theta).functions["D^*"]
        fixed = [replace(laws(at), functions={"D^*": best}) for at in (theta + 1e-3, theta - 1e-3)]
        moving = [laws(at) for at in (theta + 1e-3, theta - 1e-3)]
        slopes = []
        for side, (after, before) in ((left, fixed), (right, moving)):
            slopes.append((value_at(side, after) - value_at(side, before)) / 2e-3)
        assert math.isclose(*slopes, rel_tol=1e-5)


def test_the_gradient_with_the_discriminator_held_fixed_is_the_displayed_one():
    check_fixed_discriminator(displayed("docs/gan.md", "fixed-discriminator"))


@pytest.mark.parametrize(
    ("old", "new"),
    [("- 2", "+ 2"), (r"2\,", ""), (r"f_0\,\|\,f_1", r"f_1\,\|\,f_0"), (r"-\log", r"\log"), ("D^*(x)", "(1-D^*(x))")],
)
def test_the_gradient_with_the_discriminator_held_fixed_turns_red_when_a_part_is_changed(old, new):
    latex = displayed("docs/gan.md", "fixed-discriminator")
    assert latex.count(old) == 1
    with pytest.raises(AssertionError):
        check_fixed_discriminator(latex.replace(old, new))
