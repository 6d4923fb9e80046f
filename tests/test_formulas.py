"""Every displayed formula of the site, of the docstrings and of this folder: checked, mutated, named when it fails."""

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
    *sorted((ROOT / "tests/formulas").glob("*.md")),
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


@cache
def mutations(path):
    return mutate_file(path, CACHE)


@pytest.mark.parametrize(("path", "id"), FORMULAS)
def test_formula(path, id):
    record = records(path)[id]
    assert record.status != "error", record.message
    assert record.ok, f"{record.file}:{record.line} {record.id}: {record.counterexample or 'no counterexample found'}"


@pytest.mark.parametrize(("path", "id"), EVALUATED)
def test_mutants_of_formula(path, id):
    mutation = mutations(path).get(id)
    if mutation is None:
        assert records(path)[id].status == "refuted"  # a wrong formula is not mutated
        return
    assert not mutation.survivors, f"{id}: these changes are not noticed: {', '.join(mutation.survivors)}"
    assert mutation.refuted + len(mutation.also_true) == mutation.mutants


def test_there_are_formulas_and_most_relations_of_the_questions_are_evaluated():
    found = list(records(ROOT / "docs/autoregressive.md").values())
    evaluated = sum(len(record.relations) for record in found)
    bound = sum(record.latex.count("=") for record in found if record.status in ("test", "cited"))
    assert evaluated / (evaluated + bound) >= 0.85


@pytest.mark.parametrize(
    ("old", "new", "id"),
    [
        (r"d \le t", r"d \ge t", "wedge"),
        (r"W - c - t", r"W - c + t", "missed"),
        ("{24}", "{25}", "missed-square"),
        (r"h_{o+a} && ", r"x_{o+a} && ", "layers"),
        (r"A \cup \{(0,0)\}", r"A \cap \{(0,0)\}", "masks"),
        (r"o + (M_1 \oplus M_2)", r"o + (M_1 \oplus M_1)", "field"),
    ],
)
def test_a_changed_formula_is_named(old, new, id):
    text = (ROOT / "docs/autoregressive.md").read_text()
    assert text.count(old) >= 1
    changed = check_text(text.replace(old, new), (ROOT / "docs/autoregressive.md").as_posix())
    assert [record.id for record in changed if not record.ok] == [id]
