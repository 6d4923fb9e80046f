"""Every displayed formula of the site and of the docstrings: checked, mutated, named when it fails."""

from functools import cache
from pathlib import Path

import pytest

from hw.checked_math.document import formulas_of_file
from hw.checked_math.mutation import mutate_file
from hw.checked_math.pages import check_file, check_text

ROOT = Path(__file__).parent.parent
CACHE = ROOT / ".cache" / "checked_math.json"
FILES = [
    *sorted((ROOT / "docs").rglob("*.md")),
    ROOT / "README.md",
    *sorted((ROOT / "src").rglob("*.py")),
]
FORMULAS = [
    pytest.param(path, formula.id, id=f"{path.relative_to(ROOT).as_posix()}-{formula.id}")
    for path in FILES
    for formula in formulas_of_file(path)
]
EVALUATED = [
    item
    for item in FORMULAS
    if next(f for f in formulas_of_file(item.values[0]) if f.id == item.values[1]).options.get("model")
]


@cache
def records(path):
    return {record.id: record for record in check_file(path, CACHE)}


@pytest.mark.parametrize(("path", "id"), FORMULAS)
def test_formula(path, id):
    record = records(path)[id]
    assert record.status != "error", record.message
    assert record.ok, f"{record.file}:{record.line} {record.id}: {record.counterexample or 'no counterexample found'}"


@pytest.mark.parametrize(("path", "id"), EVALUATED)
def test_mutants_of_formula(path, id):
    mutation = mutate_file(path, CACHE, only=id).get(id)  # one at a time, so that processes can share a page
    if mutation is None:
        assert records(path)[id].status == "refuted"  # a wrong formula is not mutated
        return
    assert not mutation.survivors, f"{id}: these changes are not noticed: {', '.join(mutation.survivors)}"
    assert mutation.refuted + len(mutation.also_true) == mutation.mutants


@pytest.mark.parametrize("page", ["autoregressive", "flows", "gan", "vae"])
def test_there_are_formulas_and_most_relations_of_the_questions_are_evaluated(page):
    found = list(records(ROOT / f"docs/{page}.md").values())
    evaluated = sum(len(record.relations) for record in found)
    bound = sum(record.latex.count("=") for record in found if record.status in ("test", "cited"))
    assert evaluated / (evaluated + bound) >= 0.85


@pytest.mark.parametrize(
    ("page", "old", "new", "id"),
    [
        ("autoregressive", r"d \le t", r"d \ge t", "wedge"),
        ("autoregressive", r"W - c - t", r"W - c + t", "missed"),
        ("autoregressive", "{24}", "{25}", "missed-square"),
        ("autoregressive", r"h_{o+a} && ", r"x_{o+a} && ", "layers"),
        ("autoregressive", r"A \cup \{(0,0)\}", r"A \cap \{(0,0)\}", "masks"),
        ("autoregressive", r"o + (M_1 \oplus M_2)", r"o + (M_1 \oplus M_1)", "field"),
        (
            "flows",
            r"\log p_U(u) - \log\left|\det J_F(u)\right| - \log p_X",
            r"\log p_U(u) - \log p_X",
            "answer-reverse",
        ),
        (
            "flows",
            r"\|\,P_{F(U)}\right) = D_{\mathrm{KL}}\left(P_{F^{-1}(X)}",
            r"\|\,P_{F(U)}\right) = D_{\mathrm{KL}}\left(P_U",
            "duality",
        ),
        ("flows", r"p_X(F(u))\left|\det J_F(u)\right| &=", r"p_X(F(u)) &=", "decisive"),
        ("flows", r"\,\|\,P_{F(U)}\right) + H(P_X)", r"\,\|\,P_{F(U)}\right) - H(P_X)", "likelihood"),
        ("gan", r"&= \log 2 + \frac{V(D^*)}{2}", r"&= \log 2 + V(D^*)", "divergence"),
        ("gan", r"-\frac{f_1(x)}{y^2} -", r"-\frac{f_1(x)}{y} -", "pointwise-bend"),
        ("gan", r"\frac{1-c}{c}\cdot", r"\frac{c}{1-c}\cdot", "prior"),
        ("vae", r"&= \mathrm{ELBO}(x) + D_", r"&= \mathrm{ELBO}(x) - D_", "decomposition"),
        ("vae", r"\mathcal{L}_k(x) \le \log p(x)", r"\mathcal{L}_k(x) \ge \log p(x)", "bound-a-always"),
        ("vae", r"\left[\log p(x\mid z)\right] - D", r"\left[\log p(z\mid x)\right] - D", "second-form"),
        ("vae", r"&= \frac1k\sum_{i=1}^k w_i", r"&= \frac1k\sum_{i=2}^k w_i", "subsets"),
    ],
)
def test_a_changed_formula_is_named(page, old, new, id):
    path = ROOT / f"docs/{page}.md"
    assert path.read_text().count(old) >= 1
    changed = check_text(path.read_text().replace(old, new), path.as_posix(), CACHE)
    assert [record.id for record in changed if not record.ok] == [id]
