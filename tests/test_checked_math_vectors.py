"""Vectors in formulas: sums, multiples and equality, members of families that are set, and derivatives by them."""

import math
from decimal import Decimal
from fractions import Fraction
from random import Random

import pytest
import torch

from hw.checked_math.arithmetic import DIGITS, EXACT, FLOAT
from hw.checked_math.evaluation.compiler import INSTANCE
from hw.checked_math.evaluation.expressions import compiler_for
from hw.checked_math.judging import judge, text_of
from hw.checked_math.models.embeddings import EMBEDDINGS
from hw.checked_math.pages import check_text
from hw.checked_math.reading import Context, read
from hw.contrastive import info_nce, nt_xent, nt_xent_gradient

DIRECTIONS = r"u_i := \frac{z_i}{\|z_i\|}"
OTHER = r"i' := i-(-1)^i"
LOSS = (
    rf"{OTHER}, \quad \ell_{{i,j}} := -\log\frac{{\exp(\mathrm{{sim}}(z_i,z_j)/\tau)}}"
    r"{\sum_{k=1}^{2N}\mathbf{1}_{[k\ne i]}\exp(\mathrm{sim}(z_i,z_k)/\tau)},"
    r" \quad \mathcal{L} := \frac{1}{2N}\sum_{i=1}^{2N}\ell_{i,i'}"
)
GRADIENT = (
    rf"{LOSS}, \quad {DIRECTIONS}, \quad P_{{i,k}} := \mathbf{{1}}_{{[k\ne i]}}\exp(-\ell_{{i,k}}),"
    r" \quad g_i := \frac{1}{2N\tau}\sum_{k=1}^{2N}(P_{i,k}-\mathbf{1}_{[k=i']}+P_{k,i}-\mathbf{1}_{[k=i']})u_k,"
    r" \quad G_i := \frac{1}{\|z_i\|}\left(g_i-(u_i^\top g_i)\,u_i\right)"
)
WEIGHTS = r"w_j := \frac{p(x,z_j)}{q(z_j\mid x)}"


def check(latex, given="", model="embeddings", options=""):
    page = f'```math id="given" model="{model}"\n{given}\n```\n\n' if given else ""
    *_, record = check_text(f'{page}```math id="claim" model="{model}" {options}\n{latex}\n```\n', "page.md")
    return record


FORMULAS = {  # a right formula, a wrong one, and what they build on
    "a sum": (r"z_i + z_j - v = -v + z_j + z_i", r"z_i + z_j - v = v - z_j - z_i", ""),
    "a sum over an index": (
        r"\sum_{k=1}^{2N} z_k = \sum_{n=1}^{N}(z_{2n-1}+z_{2n})",
        r"\sum_{k=1}^{2N} z_k = \sum_{n=1}^{N}(z_{2n-1}-z_{2n})",
        "",
    ),
    "a sum under a condition": (
        r"\sum_{k\in[2N],\,k\neq i} z_k = \sum_{k=1}^{2N} z_k - z_i",
        r"\sum_{k\in[2N],\,k\neq i} z_k = \sum_{k=1}^{2N} z_k - z_1",
        "",
    ),
    "a sum of nothing": (r"v + \sum_{k=1}^{0} z_k = v", r"v + \sum_{k=1}^{1} z_k = v", ""),
    "numbers before, between and behind": (
        r"2t\,z_i = z_i\,t\cdot 2 = t(z_i + z_i)",
        r"2t\,z_i = z_i\,t\cdot 3",
        "",
    ),
    "a fraction before a vector": (
        r"\frac{1}{2N}(z_i+z_j) = \frac{z_i+z_j}{2N}",
        r"\frac1N(z_i+z_j) = \frac{z_i}{N}",
        "",
    ),
    "a slash": (r"(z_i - v)/2 = \tfrac12 z_i - \tfrac12 v", r"(z_i - v)/2 = \tfrac12 z_i - v", ""),
    "an indicator before a vector": (
        r"\sum_{k=1}^{2N}\mathbf{1}_{[k=i]}\,z_k = z_i",
        r"\sum_{k=1}^{2N}\mathbf{1}_{[k\ne i]}\,z_k = z_i",
        "",
    ),
    "a plain zero is silent": (r"0\,z_{2N+1} + v = v", r"z_{2N+1} - z_{2N+1} + v = v", ""),
    "a divisor that is zero": (r"\tfrac{1}{2-1}v = v", r"\frac{v}{1-1} = \frac{v}{1-1}", ""),
    "a definition with a vector": (r"u_i^\top u_i = 1", r"u_i^\top u_j = 1", DIRECTIONS),
    "compound operands": (
        r"v^\top(z_i - t\,z_j) = v^\top z_i - t\,v^\top z_j",
        r"v^\top(z_i - t\,z_j) = v^\top z_i + t\,v^\top z_j",
        "",
    ),
    "an inner product before its vector": (
        r"(v - (u_i^\top v)\,u_i)^\top z_i = 0",
        r"(v + (u_i^\top v)\,u_i)^\top z_i = 0",
        DIRECTIONS,
    ),
    "the length of a sum": (
        r"\left\|\sum_{k=1}^{2N} u_k\right\|^2 = \sum_{i=1}^{2N}\sum_{k=1}^{2N}\mathrm{sim}(z_i,z_k) \ge 0",
        r"\left\|\sum_{k=1}^{2N} u_k\right\|^2 \ge 1",
        DIRECTIONS,
    ),
    "the scale of a length": (r"\|t\,z_i\| = |t|\,\|z_i\|", r"\|t\,z_i\| = t\,\|z_i\|", ""),
    "vectors that differ": (r"z_i + v \neq z_i", r"z_i + v - v \neq z_i", ""),
    "a member that is set": (
        r"\left.\sum_{k=1}^{2N} z_k\right|_{z_i=v} = \sum_{k=1}^{2N} z_k - z_i + v",
        r"\left.\sum_{k=1}^{2N} z_k\right|_{z_i=v} = \sum_{k=1}^{2N} z_k + v",
        "",
    ),
    "a member of the page that is set": (
        r"\left.\sum_{k=1}^{2N} u_k\right|_{u_i=2\,u_i} = \sum_{k=1}^{2N} u_k + u_i",
        r"\left.\sum_{k=1}^{2N} u_k\right|_{u_i=2\,u_i} = \sum_{k=1}^{2N} u_k",
        DIRECTIONS,
    ),
    "a member with two indices": (
        r"\left.s_{i,k}\right|_{s_{i,k}=t} = t, \quad \left.s_{k,i}\right|_{s_{i,k}=t}+\mathbf{1}[i=k](1-t) = s_{k,i}",
        r"\left.s_{k,i}\right|_{s_{i,k}=t} = t",
        r"s_{i,k} := \mathrm{sim}(z_i,z_k)",
    ),
    "a member that is set, and moves": (
        r"\left.\frac{\mathrm d}{\mathrm dt}(v^\top w_k)\right|_{w_i=z_i} = \mathbf{1}[i\ne k]\,v^\top v",
        r"\left.\frac{\mathrm d}{\mathrm dt}(v^\top w_k)\right|_{w_i=z_i} = 0",
        r"w_k := z_k + t\,v",
    ),
    "a member that is set, and another family of its name": (
        r"\left.f(u_{1:2})\right|_{z_1=2\,z_1} = f(u_{1:2}), \quad \left.f(z_{1:2})\right|_{z_1=v} = v + z_2",
        r"\left.f(z_{1:2})\right|_{z_1=2\,z_1} = f(z_{1:2})",
        rf"{DIRECTIONS}, \quad f(z_{{1:n}}) := \sum_{{k=1}}^{{n}} z_k",
    ),
    "a slope of the cosine": (
        r"\left.\frac{\mathrm d}{\mathrm dt}\mathrm{sim}(z_i+tv,z_k)\right|_{t=0}"
        r" = \frac{1}{\|z_i\|}v^\top(u_k-\mathrm{sim}(z_i,z_k)\,u_i)",
        r"\left.\frac{\mathrm d}{\mathrm dt}\mathrm{sim}(z_i+tv,z_k)\right|_{t=0} = v^\top(u_k-u_i)",
        DIRECTIONS,
    ),
    "a slope of a length": (
        r"\frac{\partial\|z_i\|}{\partial z_i} = \frac{z_i}{\|z_i\|}",
        r"\frac{\partial\|z_i\|}{\partial z_i} = z_i",
        "",
    ),
    "a slope by another member": (
        r"\frac{\partial}{\partial z_i} (z_i^\top z_k) = z_k + \mathbf{1}[i=k]\,z_i",
        r"\frac{\partial}{\partial z_i} (z_i^\top z_k) = z_k",
        "",
    ),
    "a slope in a direction": (
        r"\left.\frac{\mathrm d}{\mathrm dt}\left.\mathcal{L}\right|_{z_i=z_i+t\,v}\right|_{t=0} = v^\top G_i",
        r"\left.\frac{\mathrm d}{\mathrm dt}\left.\mathcal{L}\right|_{z_i=z_i+t\,v}\right|_{t=0} = v^\top g_i",
        GRADIENT,
    ),
    "a gradient": (
        r"\frac{\partial\mathcal{L}}{\partial z_i} = G_i",
        r"\frac{\partial\mathcal{L}}{\partial z_i} = \frac{1}{\|z_i\|}g_i",
        GRADIENT,
    ),
    "a second slope by a number": (
        r"\frac{\partial^2}{\partial s_{i,k}^2} e^{s_{i,k}} = e^{s_{i,k}}",
        r"\frac{\partial^2}{\partial s_{i,k}^2} e^{2\,s_{i,k}} = e^{2\,s_{i,k}}",
        r"s_{i,k} := \mathrm{sim}(z_i,z_k)",
    ),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_a_right_formula_is_checked_and_a_wrong_one_refuted(name):
    right, wrong, given = FORMULAS[name]
    record = check(right, given)
    assert record.status == "checked", record.message or record.counterexample
    record = check(wrong, given)
    assert record.status == "refuted", record.message


def test_a_derivative_by_a_weight_needs_no_vectors():
    slope = r"\frac{\partial}{\partial w_j}\left(\log\frac1k\sum_{l=1}^{k} w_l\right) = \frac{1}{\sum_{l=1}^{k} w_l}"
    wrong = slope.replace(r"\frac{1}{\sum", r"\frac{w_j}{\sum")
    options = 'assume="q << posterior"'
    assert check(slope, WEIGHTS, "latent", options).status == "checked"
    assert check(wrong, WEIGHTS, "latent", options).status == "refuted"


ERRORS = {
    "a product": (r"z_i z_j = 1", r"write the inner product as z_i^\top z_j"),
    "a product of three": (r"t\,z_i\,z_j = 1", r"write the inner product as z_i^\top z_j"),
    "a vector and a number": (r"z_i + 1 = z_i", "a number cannot be added to a vector"),
    "over a vector": (r"\frac{1}{z_i} = 1", "expected numbers"),
    "a vector over a vector": (r"\frac{z_i}{z_j} = 1", "expected numbers"),
    "a power": (r"z_i^2 = 1", "expected numbers"),
    "a logarithm": (r"\log z_i = 1", "expected numbers"),
    "a maximum": (r"\max(z_i,z_j) = z_i", "expected numbers"),
    "bars": (r"|z_i| = 1", "expected a number between bars, got a vector"),
    "a set": (r"z_i + \{(1,0)\} = 1", "expected vectors and numbers"),
    "an inner product with a number": (r"z_i^\top t = 1", "expected two vectors"),
    "an order": (r"z_i \le z_j", "expected a number, got a vector"),
    "a number beside it": (r"z_i = 1", "cannot be compared"),
    "a product over an index": (r"\prod_{k=1}^{2N} z_k = 1", "expected a number, got a vector"),
    "an extremum": (r"\max_{k\in[2N]} z_k = 1", "expected a number, got a vector"),
    "the slope of a vector": (r"\frac{\mathrm d}{\mathrm dt}(t\,v) = v", "expected a number, got a vector"),
    "a second slope": (r"\frac{\partial^2}{\partial z_i^2} 1 = 0", "that by a vector is a matrix"),
    "a slope in a slope": (
        r"\frac{\partial}{\partial z_i}\left(\frac{\mathrm d}{\mathrm dt} t\right) = v",
        "inside another",
    ),
    "a member set to a number": (r"\left.z_i^\top v\right|_{z_i=1} = 1", "must be of sort vector"),
    "a member that is set twice": (
        r"\left.\left.t\right|_{z_i=v}\right|_{z_j=v} = 1",
        "one member of z is set already",
    ),
    "a slope by a member that is set": (r"\left.\frac{\partial t}{\partial z_i}\right|_{z_j=v} = 1", "is set already"),
    "a place that moves": (r"\frac{\mathrm d}{\mathrm dt}\left.z_1^\top v\right|_{z_t=v} = 1", "must not depend"),
    "another family": (r"\left.t\right|_{y_i=v} = 1", "y_{i} is not a name"),
    "more than a member": (r"\left.t\right|_{z_i+v=v} = 1", "expected a variable to set"),
}


@pytest.mark.parametrize(("latex", "words"), ERRORS.values(), ids=ERRORS)
def test_what_vectors_cannot_do_is_an_error(latex, words):
    record = check(latex)
    assert record.status == "error"
    assert record.message.startswith("page.md:2:") or "cannot be compared" in record.message
    assert words in record.message


# ---- equality ----


def test_coordinates_are_judged_by_the_largest():
    assert judge("=", (1e6, 1e-9), (1e6, 0.0), 0.0, 1e-13, FLOAT).passed
    assert not judge("=", (1.0, 1e-9), (1.0, 0.0), 0.0, 1e-13, FLOAT).passed
    assert judge("=", (1e6, 1e-9), (1e6, 0.0), 0.0, None, FLOAT).passed
    assert not judge("=", (1e6, 1e-5), (1e6, 0.0), 0.0, None, FLOAT).passed


def test_an_infinite_coordinate_lets_nothing_else_pass():
    assert judge("=", (math.inf, 1.0), (math.inf, 1.0), 0.0, 1e-13, FLOAT).passed
    assert not judge("=", (math.inf, 1.0), (math.inf, 2.0), 0.0, 1e-13, FLOAT).passed
    assert not judge("=", (math.nan, 1.0), (math.nan, 1.0), 0.0, 1e-13, FLOAT).passed


def test_what_is_undefined_neither_is_nor_differs():
    assert not judge(r"\neq", (math.nan, 1.0), (math.nan, 2.0), 0.0, 1e-13, FLOAT).passed
    assert judge(r"\neq", (1.0, 1.0), (1.0, 2.0), 0.0, 1e-13, FLOAT).passed
    assert not judge(r"\neq", (1.0, 1.0), (1.0, 1.0 + 1e-15), 0.0, 1e-13, FLOAT).passed


def test_a_doubtful_coordinate_makes_the_vector_doubtful():
    assert judge("=", (1.0, 1.0), (1.0, 1.0 + 1e-9), 0.0, None, FLOAT).doubtful
    for places, is_equal in ((60, True), (40, False)):
        digits = Decimal(1), Decimal("1." + "0" * places + "1")
        assert judge("=", digits, digits[::-1], 0.0, None, DIGITS).passed == is_equal


def test_zero_has_no_sign_for_a_reader():
    assert text_of((-0.0, -1.0)) == "(0, −1)"


# ---- arithmetic ----


def evaluated(latex, arithmetic, env):
    (claim,) = read(f"{latex} = z_1", EMBEDDINGS, Context()).comparisons
    instance = next(EMBEDDINGS.instances(Random(0), frozenset()))
    return compiler_for(EMBEDDINGS, arithmetic, {}).expression(claim.left)({INSTANCE: instance, **env})


def test_fractions_stay_exact():
    env = {"family z": {1: (Fraction(1, 3),), 2: (Fraction(1, 7),)}, "t": Fraction(2, 5)}
    assert evaluated(r"\sum_{k=1}^{2}\frac{t\,z_k}{k} - z_2", EXACT, env) == (
        Fraction(2, 15) + Fraction(1, 35) - Fraction(1, 7),
    )
    assert evaluated(r"z_1^\top z_2", EXACT, env) == Fraction(1, 21)


def test_the_scale_of_a_sum_of_vectors_is_kept():
    (claim,) = read(r"z_1 + z_2 = z_1", EMBEDDINGS, Context()).comparisons
    compiler = compiler_for(EMBEDDINGS, FLOAT, {})
    compiler.expression(claim.left)({"family z": {1: (1e6, 1.0), 2: (-1e6, 2.0)}})
    assert compiler.scale == [1e6]


# ---- the loss and its gradient, beside the library ----


def of_library(instance):
    both = torch.tensor(instance.views, dtype=torch.float64)
    return both[::2], both[1::2], instance.temperature


def rows(gradients):
    return [row for pair in zip(*(gradient.tolist() for gradient in gradients), strict=True) for row in pair]


@pytest.mark.parametrize("latex", [r"\frac{\partial\mathcal{L}}{\partial z_i}", "G_i"])
def test_the_gradient_is_that_of_the_library_and_of_autograd(latex):
    reading = read(f"{GRADIENT}, \\quad {latex} = z_1", EMBEDDINGS, Context())
    (claim,) = reading.comparisons
    shown = compiler_for(EMBEDDINGS, FLOAT, reading.definitions).expression(claim.left)
    unlike = 0
    for instance in list(EMBEDDINGS.instances(Random(1), frozenset()))[::7]:
        env = {INSTANCE: instance, **instance.draw({"N": "count", r"\tau": "number"}, {"z": "vector"}, Random(0))}
        views = [each.requires_grad_() for each in of_library(instance)[:2]]
        by_autograd = torch.autograd.grad(nt_xent(*views, instance.temperature), views)
        found = [shown({**env, "i": place}) for place in range(1, 2 * env["N"] + 1)]
        for expected in (nt_xent_gradient(*of_library(instance)), by_autograd):
            assert found == [pytest.approx(row, rel=1e-11, abs=1e-13) for row in rows(expected)]
        unlike += found != [pytest.approx([2 * x for x in row], rel=1e-11, abs=1e-13) for row in rows(expected)]
    assert unlike > 20  # or else a gradient that is always 0 would pass


TOWERS = (
    r"-\frac{1}{2N}\sum_{n=1}^{N}\left(\log\frac{\exp(\mathrm{sim}(z_{2n-1},z_{2n})/\tau)}"
    r"{\sum_{m=1}^{N}\exp(\mathrm{sim}(z_{2n-1},z_{2m})/\tau)}"
    r"+\log\frac{\exp(\mathrm{sim}(z_{2n-1},z_{2n})/\tau)}{\sum_{m=1}^{N}\exp(\mathrm{sim}(z_{2m-1},z_{2n})/\tau)}\right)"
)
IMPLEMENTED = {
    "nt_xent": (r"A := \frac{1}{2N}\sum_{i=1}^{2N}\ell_{i,i'}", r"A := \frac{1}{N}\sum_{i=1}^{2N}\ell_{i,i'}"),
    "info_nce": (f"A := {TOWERS}", f"A := {TOWERS.replace('2m-1', '2m')}"),
    "nt_xent_gradient": (r"A_i := G_i", r"A_i := -G_i"),
}


@pytest.mark.parametrize("function", IMPLEMENTED)
def test_definitions_are_compared_with_the_library(function):
    right, wrong = IMPLEMENTED[function]
    options = f'implements="hw.contrastive.{function}"'
    record = check(right, GRADIENT, options=options)
    assert (record.status, record.ok) == ("definition", True), record.message or record.counterexample
    record = check(wrong, GRADIENT, options=options)
    assert record.status == "refuted", record.message


def test_the_two_losses_are_not_each_other():
    unlike = 0
    for instance in list(EMBEDDINGS.instances(Random(2), frozenset()))[::7]:
        views = of_library(instance)
        unlike += not math.isclose(nt_xent(*views).item(), info_nce(*views).item(), rel_tol=1e-6)
    assert unlike > 20
    record = check(r"A := \mathcal{L}", LOSS, options='implements="hw.contrastive.info_nce"')
    assert record.status == "refuted"
