"""The gate of the library's mutants, on a planted project: it tells what its tests see from what they do not."""

import textwrap

import library
import library_mutants
import pytest

SOURCE = '''
"""A planted module."""

LIMIT = 3


def double(x: int | None) -> int:
    return x * 2


def weak(x):
    if x > LIMIT:
        return 1
    return 0


def countdown(n):
    steps = 0
    while n:
        n -= 1
        steps += 1
    return steps


def idle(x):
    return x + 7


def started(x):
    return x + 5


if __name__ == "__main__":
    print(started(1))
'''

TESTS = """
import os
import subprocess
import sys

import pytest

import planted


@pytest.mark.parametrize("value", [planted.double(2)])
def test_double(value):
    assert value == 4


def test_weak():
    assert planted.weak(5) == 1


def test_countdown():
    assert planted.countdown(3) == 3


def test_process():
    done = subprocess.run([sys.executable, "-m", "planted"], capture_output=True, text=True)
    assert done.stdout == "6\\n"
"""


@pytest.fixture
def project(tmp_path):
    root = tmp_path / "project"
    for name, text in {
        "src/planted.py": SOURCE,
        "tests/test_planted.py": TESTS,
        "pyproject.toml": '[tool.pytest.ini_options]\ntestpaths = ["tests"]\n',
    }.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip(), "utf-8")
    return root


def explain(root, *entries):
    path = root / "explained.toml"
    lines = [f"[[survivor]]\nfile = '{f}'\nbefore = '{b}'\nafter = '{a}'\nreason = 'planted'\n" for f, b, a in entries]
    path.write_text("".join(lines), "utf-8")
    return path


def test_what_the_tests_do_not_see_survives_and_nothing_else(project):
    outcome = library.check(root=project, explained=explain(project))
    survivors = {(entry["function"], entry["before"]): entry for entry in outcome.record["survivors"]}
    assert set(survivors) == {
        ("", "LIMIT = 3"),  # 2 or 4: both are below the 5 that is tried
        ("weak", "if x > LIMIT:"),
        ("weak", "return 0"),
        ("idle", "return x + 7"),
    }
    assert survivors["idle", "return x + 7"]["note"] == survivors["weak", "return 0"]["note"] == library.UNRUN
    assert outcome.record["verdicts"]["time"] >= 1  # a countdown that does not end
    assert outcome.record["killed"] / outcome.record["mutants"] == pytest.approx(outcome.record["score"], abs=1e-4)
    assert ["fewer than 90%" in finding for finding in outcome.findings] == [True]

    again = library.check(root=project, explained=explain(project))
    assert again.record["judged before"] == outcome.record["mutants"]
    assert again.record["survivors"] == outcome.record["survivors"]

    entry = outcome.record["survivors"][0]
    fits = (entry["file"], entry["before"], entry["after"])
    explained = library.check(root=project, explained=explain(project, fits, (*fits[:2], "LIMIT = 30")))
    assert not {entry["before"] for entry in explained.record["survivors"]} & {fits[1]}
    assert explained.record["explained"] == 1
    assert explained.record["score"] > outcome.record["score"]
    assert [finding for finding in explained.findings if "no survivor" in finding] == [
        "src/planted.py: an explanation of no survivor: LIMIT = 3 → LIMIT = 30"
    ]


def test_a_test_that_fails_by_itself_kills_nothing(project):
    path = project / "tests" / "test_planted.py"
    path.write_text(
        path.read_text("utf-8")
        + """

def test_first():
    os.environ["SEEN"] = "1"


def test_second():
    assert planted.idle(1) > 0 and "SEEN" in os.environ
""",
        "utf-8",
    )
    outcome = library.check(["src/planted.py"], root=project, explained=explain(project))
    assert "the suite fails without a mutant: tests/test_planted.py::test_second" in outcome.findings
    assert [entry["note"] for entry in outcome.record["survivors"] if entry["function"] == "idle"] == [
        library.UNRUN
    ] * 2


def test_one_mutant_of_each_family_at_a_place_and_none_of_types(project):
    made = library_mutants.mutants(project, "src/planted.py")
    places = [(mutant.line, mutant.before, mutant.operator.split("_")[0]) for mutant in made]
    assert len(set(places)) == len(places)
    assert all("def " not in mutant.before and "__name__" not in mutant.before for mutant in made)
    assert [mutant.at_import for mutant in made] == [mutant.before == "LIMIT = 3" for mutant in made]
    assert made == library_mutants.mutants(project, "src/planted.py")
