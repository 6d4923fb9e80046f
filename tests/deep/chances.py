"""Rates of the checks that draw at random: false alarms and power, counted over a thousand seeds.

`tests/chance.py` has what such a check states. Rates as small as those stated are not seen in a thousand seeds, so the
chances themselves are looked at too: one in a hundred of them is below 1 % where their derivation is right.
"""

import importlib
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from outcome import ROOT, Outcome
from scipy.special import bdtrc

if TYPE_CHECKING:
    from chance import Statistical

__all__ = ["check", "checks", "counted", "findings"]

TESTS = ROOT / "tests"
SEEDS = range(1, 1001)
MOST_ALARMS, LEAST_POWER = 1e-3, 0.99
SMALL, TWICE, DOUBT = 0.01, 0.02, 1e-3  # chances below 1 %: not twice as many, unless that is chance in one of 1,000
EACH = 100  # seeds that a process is given at a time


def check(folder: Path = TESTS, seeds: range = SEEDS) -> Outcome:
    """Run every check as the library is and with its effect planted, once a seed, in two processes."""
    statements, begun = checks(folder), time.monotonic()
    counts = {name: Counter() for name in statements}
    errors: dict[str, str] = {}
    with ProcessPoolExecutor(2, get_context("spawn"), initializer=torch.set_num_threads, initargs=(1,)) as pool:
        parts = [seeds[start : start + EACH] for start in range(0, len(seeds), EACH)]
        tasks = [pool.submit(counted, folder, name, part) for part in parts for name in statements]
        for done, task in enumerate(tasks, 1):
            name, counter, error = task.result()
            counts[name].update(counter)
            if error:
                errors.setdefault(name, f"{name}: {error}")
            if done % max(1, len(tasks) // 20) == 0:
                print(f"  {done} of {len(tasks)} parts, {time.monotonic() - begun:.0f} s", flush=True)
    record = [row(name, statement, counts[name]) for name, (statement, _) in statements.items()]
    told = [finding for each in record for finding in findings(each)] + list(errors.values())
    power = min((each["power"] for each in record), default=0)
    figure = f"{len(record)} checks over {len(seeds)} seeds: power {power:.1%} or more"
    return Outcome(figure, told, {"seeds": len(seeds), "checks": record})


@cache
def checks(folder: Path = TESTS) -> "dict[str, tuple[Statistical, dict[str, Any]]]":
    """Every registered check of a folder's tests with the arguments of each of its cases, by name."""
    sys.path[:0] = [str(folder), str(ROOT / "src")]
    found = {}
    for path in sorted(folder.glob("test_*.py")):
        if "@statistical(" in path.read_text("utf-8"):
            for name, test in vars(importlib.import_module(path.stem)).items():
                if name.startswith("test_") and hasattr(test, "statistical"):
                    for case in cases(test):
                        words = ", ".join(getattr(value, "__name__", str(value)) for value in case.values())
                        found[f"{path.stem}.{name}" + f"[{words}]" * bool(case)] = test.statistical, case
    return found


def cases(test: Any) -> list[dict[str, Any]]:
    """The arguments of each case of a parametrized test."""
    tables = []
    for mark in getattr(test, "pytestmark", []):
        names, values = mark.args
        names = [name.strip() for name in names.split(",")] if isinstance(names, str) else list(names)
        tables.append([dict(zip(names, [value] if len(names) == 1 else value, strict=True)) for value in values])
    return [{name: value for part in parts for name, value in part.items()} for parts in product(*tables)]


def counted(folder: Path, name: str, seeds: range) -> tuple[str, Counter, str]:
    """Runs, false alarms, effects found, chances and small ones, and seconds of a check; and its first error."""
    statement, case = checks(folder)[name]
    counts, begun = Counter(), time.process_time()
    for seed in seeds:
        try:
            chances = statement.chances(seed, planted=False, **case)
            planted = statement.chances(seed, planted=True, **case)
        except Exception as error:
            return name, counts, f"seed {seed}: {type(error).__name__}: {error}".splitlines()[0]
        counts["runs"] += 1
        counts["alarms"] += statement.is_alarm(chances)
        counts["found"] += statement.is_alarm(planted)
        counts["chances"] += len(chances)
        counts["small"] += sum(chance < SMALL for chance in chances)
    counts["seconds"] = time.process_time() - begun
    return name, counts, ""


def row(name: str, statement: "Statistical", counts: Counter) -> dict[str, Any]:
    """What the record says of a check."""
    runs = counts["runs"] or 1
    return {
        "test": name,
        "stated": statement.alarms,
        "alarms": counts["alarms"] / runs,
        "effect": statement.effect,
        "power": counts["found"] / runs,
        "small": counts["small"] / (counts["chances"] or 1),
        "small by chance": float(bdtrc(counts["small"] - 1, counts["chances"], TWICE)) if counts["small"] else 1.0,
        "seconds": round(counts["seconds"], 1),
    }


def findings(row: dict[str, Any]) -> list[str]:
    """What is wrong with a check, by what it states and by its rates."""
    told = []
    if not 0 < row["stated"] <= MOST_ALARMS:
        told.append(f"must state a chance of a false alarm from 0 to {MOST_ALARMS:g}, got {row['stated']}")
    if not row["effect"].strip():
        told.append("must state the effect that it finds, got none")
    if row["alarms"] > MOST_ALARMS:
        told.append(f"alarms falsely under {row['alarms']:.1%} of the seeds, stated is {row['stated']:g}")
    if row["power"] < LEAST_POWER:
        told.append(f"finds {row['effect']!r} under {row['power']:.1%} of the seeds only")
    if row["small by chance"] < DOUBT:
        told.append(f"has {row['small']:.1%} of its chances below {SMALL:.0%}: they are not what they are said to be")
    return [f"{row['test']} {each}" for each in told]
