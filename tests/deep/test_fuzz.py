"""The fuzz gate finds defects that are planted, and keeps its time."""

import json
import math
import os
import time
from pathlib import Path
from types import SimpleNamespace

import fuzz
import fuzz_targets
import pytest
import torch
from fuzz_targets import Target, documented, formula_targets, function_target
from fuzz_values import Unknown, parameters
from hypothesis import strategies as st
from torch import Tensor

from hw.checked_math import pages


def found(function, seed=1, **options):
    return fuzz.hunt(function_target("planted", function), seed, **options)["found"]


def careful(count: int) -> int:
    """Count.

    Raises:
        ValueError: If the count is negative.
    """
    if count < 0:
        raise ValueError(f"count must not be negative, got {count}")
    return count


def divided(value: float) -> float:
    """Divide by a number, zero among them."""
    return 1 / value


def vague(value: float) -> float:
    """Refuse, but not say what must be.

    Raises:
        ValueError: If the number is negative.
    """
    return float("a number" if value < 0 else value)


def warning(values: Tensor) -> Tensor:
    """Take the deviation of nothing, of which torch warns."""
    return torch.zeros(0).std()


def busy(count: int) -> None:
    """Run for ever."""
    while True:
        count += 1


def asleep(count: int) -> None:
    """Sleep for ever, and swallow what wakes it."""
    try:
        time.sleep(1000)
    except Exception:
        time.sleep(1000)


def in_place(values: Tensor) -> Tensor:
    """Change the argument, and return it."""
    with torch.no_grad():
        return values.fill_(7) if values.layout == torch.strided and values.is_contiguous() else values


def appended(parts: list[int]) -> list[int]:
    """Append to the argument."""
    parts.append(1)
    return parts


def test_what_is_right_is_not_found():
    row = fuzz.hunt(function_target("planted", careful), 1)
    assert row["found"] is None
    assert 0 < row["accepted"] < row["count"] == fuzz.EXAMPLES


@pytest.mark.parametrize(
    ("function", "error"),
    [
        (divided, "ZeroDivisionError: "),
        (vague, "ValueError: could not convert"),
        (warning, "UserWarning: std()"),
        (in_place, "Changed: an argument is changed in place"),
        (appended, "Changed: an argument is changed in place"),
    ],
)
def test_a_planted_defect_is_found_and_again_with_its_seed(function, error):
    first = found(function)
    assert first["error"].startswith(error)
    assert found(function, first["seed"]) == first
    assert found(function, known={f"{error.partition(':')[0]} planted"}) is None


def test_the_case_that_is_told_is_the_smallest():
    assert found(divided)["case"] in ("{'value': 0}", "{'value': 0.0}")
    assert found(appended)["case"] == "{'parts': []}"


@pytest.mark.parametrize("function", [busy, asleep])
def test_a_hang_is_found_and_costs_one_case(function):
    assert found(function, case_seconds=0.3)["error"] == "TookTooLong: more than 0.3 s"


@pytest.mark.parametrize(("until", "count"), [(5, 5), (0, 0), (math.inf, fuzz.EXAMPLES)])
def test_the_time_is_kept(monkeypatch, until, count):
    clock = SimpleNamespace(now=0)
    monkeypatch.setattr(fuzz, "time", SimpleNamespace(monotonic=lambda: clock.now + 1))  # a case takes one second

    def slow(case):
        clock.now += 1
        return True

    assert fuzz.hunt(Target("slow", st.integers(), slow), 1, until=until)["count"] == count


def test_an_error_of_a_function_that_was_given_is_not_ours():
    def called_with_two(function: fuzz_targets.Callable[..., object]) -> object:
        """Call it."""
        return function(1, 2, 3)

    assert found(called_with_two) is None


def test_documented_errors_are_those_of_the_docstring_and_of_the_class():
    from hw.arguments import check_count
    from hw.checked_math.pages import check_file
    from hw.flows import Bijection
    from hw.gan import value

    assert documented(value) == documented(Bijection.inverse, Bijection) == documented(check_count) == {"ValueError"}
    assert documented(check_file) == {"OSError", "UnicodeDecodeError", "SyntaxError"}
    assert documented(divided) == set()


def test_what_the_reference_shows_is_public():
    names = dict(fuzz_targets.public())
    assert {"hw.gan.value", "hw.flows.Flow", "hw.figures.curves.line_chart"} <= set(names)
    assert not {name for name in names if name.startswith("hw.bounds.weights")}


def test_a_function_without_types_cannot_be_called():
    def untyped(value):
        """Take anything."""

    with pytest.raises(Unknown, match="value has no type"):
        parameters(untyped)


def test_a_checker_that_fails_is_found(monkeypatch):
    targets = {target.name: target for target in formula_targets()}
    options = targets["formulas: options"]
    assert fuzz.hunt(options, 1)["found"] is None

    def failing(*_):
        raise IndexError("planted")

    monkeypatch.setattr(pages, "error_record", failing)
    monkeypatch.setattr(pages, "check_formula", failing)
    assert fuzz.hunt(options, 1)["found"]["error"] == "IndexError: planted"


def writes(given):
    Path(os.pardir, "stray").write_text("")
    return 0


@pytest.mark.parametrize(
    ("main", "message"),
    [
        (lambda given: 0, None),
        (lambda given: 7, "exit status 7"),
        (lambda given: print("Traceback (most recent call last)") or 0, "Traceback"),
        (writes, "writes elsewhere or starts something"),
        (lambda given: [][0], "list index"),
    ],
)
def test_commands_that_misbehave_are_found(main, message, tmp_path):
    fuzz_targets.watch()
    folder = tmp_path / "own"
    folder.mkdir()
    if message is None:
        assert fuzz_targets.attempt_command(folder, main, {0}, ["--flag"])
    else:
        with pytest.raises((fuzz_targets.Undocumented, IndexError), match=message):
            fuzz_targets.attempt_command(folder, main, {0}, ["--flag"])


def test_lines_add_up_to_a_record():
    flaw = {"target": "f", "error": "IndexError: 1", "place": "a.py:1, in f", "case": "{}", "seed": 3}
    lines = {
        "functions": [
            {"g": "why"},
            {"target": "f", "count": 2, "accepted": 1, "found": flaw},
            {"target": "h", "count": 0, "accepted": 0, "found": None},
        ],
        "formulas": [{"target": "x", "count": 5, "accepted": 5, "found": None}],
        "commands": [],
    }
    outcome = fuzz.outcome_of(lines)
    assert outcome.findings == ["f: IndexError: 1 (a.py:1, in f), seed 3: {}", "h: was not called"]
    assert outcome.record["inputs"] == {"functions": 2, "formulas": 5, "commands": 0}
    assert (outcome.record["called"], outcome.record["public"]) == (1, 3)
    assert json.loads(json.dumps(outcome.record)) == outcome.record


def test_a_process_that_dies_is_a_finding(tmp_path, monkeypatch):
    script = tmp_path / "dies.py"
    script.write_text("import os\nos.abort()\n")
    monkeypatch.setattr(fuzz, "__file__", str(script))
    fuzz.run("functions", 5, tmp_path)
    (row,) = [row for row in fuzz.read(tmp_path / "functions.jsonl") if row.get("found")]
    assert row["found"]["error"].startswith("the process ended with -6")


def test_a_process_that_hangs_is_ended(tmp_path, monkeypatch):
    script = tmp_path / "hangs.py"
    script.write_text("import signal\nsignal.pause()\n")
    monkeypatch.setattr(fuzz, "__file__", str(script))
    monkeypatch.setattr(fuzz, "CASE_SECONDS", 0.1)
    fuzz.run("functions", 1.5, tmp_path)
    (row,) = [row for row in fuzz.read(tmp_path / "functions.jsonl") if row.get("found")]
    assert row["found"]["error"].startswith("the process ended with -9")
