"""Formulas that are not evaluated are bound to tests, and each of these turns red when its quantity is changed."""

import re
from fractions import Fraction
from pathlib import Path

import pytest
import torch
from torch.nn.functional import conv2d

import test_masked_conv
from hw.checked_math.arithmetic import EXACT
from hw.checked_math.document import formulas_of_file
from hw.checked_math.evaluation.expressions import compiler_for
from hw.checked_math.grammar.statements import Names, parse
from hw.checked_math.models import MODELS
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
