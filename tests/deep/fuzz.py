"""Ten minutes of arbitrary input to the formula checker, the command lines and every public function.

Whatever is given, what comes back is a value or an error that is documented, in bounded time and memory. A finding is
told with the smallest case that shows it, and again by `python tests/deep/fuzz.py NAME SEED`.
"""

import faulthandler
import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import hypothesis
from fuzz_targets import ROOT, Target, command_targets, formula_targets, function_targets
from hypothesis import HealthCheck, settings
from hypothesis.errors import Unsatisfiable
from outcome import Outcome

CASE_SECONDS = 20  # after which a case is a hang
MEMORY = 6 * 2**30  # that a process may use, what it has imported included
EXAMPLES = 30  # of a target before the next one has its turn
GROUPS = {"functions": 1.0, "formulas": 0.5, "commands": 0.5}  # and their shares of the time of a process
LANES = (("functions",), ("formulas", "commands"))  # a process each


class Hang(BaseException):
    """A case has had its time; not an Exception, so that no handler on the way takes it for one of its own."""


class TookTooLong(Exception):
    """What a hang is told as."""


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """End what takes too long: Python code by an alarm, anything else with its process."""

    def ring(*_: Any) -> NoReturn:
        raise Hang

    kept = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    faulthandler.dump_traceback_later(2 * seconds + 5, exit=True)
    try:
        yield
    except Hang as hang:
        raise TookTooLong(f"more than {seconds:g} s").with_traceback(hang.__traceback__) from None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        faulthandler.cancel_dump_traceback_later()
        signal.signal(signal.SIGALRM, kept)


def hunt(
    target: Target,
    seed: int,
    until: float = float("inf"),
    known: set[str] | None = None,
    case_seconds: float = CASE_SECONDS,
    now: Path | None = None,
) -> dict[str, Any]:
    """Try a target with the examples of a seed; return how many there were and were accepted, and one that fails."""
    count, accepted, found, is_over = 0, 0, None, False

    @hypothesis.seed(seed)
    @settings(
        database=None,
        deadline=None,
        derandomize=False,
        max_examples=EXAMPLES,
        print_blob=False,
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.given(target.cases)
    def body(case: Any) -> None:
        nonlocal count, accepted, found, is_over
        if is_over or time.monotonic() > until:
            return  # what is found so far is told; it is not made smaller
        count += 1
        shown = " ".join(repr(case).split())[:1500]
        if now:
            now.write_text(json.dumps([target.name, seed, shown]))
        try:
            with limited(case_seconds):
                accepted += target.attempt(case)
        except Exception as error:
            told, place = f"{type(error).__name__}: {str(error)[:300]}", place_of(error) or target.name
            if known and f"{type(error).__name__} {place}" in known:
                return
            is_over = isinstance(error, TookTooLong)
            found = {"target": target.name, "error": told, "place": place, "case": shown, "seed": seed}
            raise

    try:
        body()
    except Unsatisfiable:
        pass  # no case could be drawn in this turn; what is never called is a finding of the whole run
    except Exception:
        if not found:
            raise
    return {"target": target.name, "count": count, "accepted": accepted, "found": found}


def place_of(error: BaseException) -> str:
    """Return the last place in the library that an error came through, if it did."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if f"{ROOT}{os.sep}src" in frame.filename]
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}, in {frames[-1].name}" if frames else ""


def targets_of(group: str, folder: Path) -> tuple[list[Target], dict[str, str]]:
    """Return the targets of a group, and why others are left out; files are written to the folder."""
    if group == "formulas":
        return formula_targets(), {}
    return (command_targets(folder), {}) if group == "commands" else function_targets(folder)


def work(group: str, seed: int, seconds: float, folder: Path, without: list[str]) -> None:
    """Fuzz a group in this process, turn by turn, and write what is tried and found as lines of JSON."""
    until = time.monotonic() + seconds
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    with tempfile.TemporaryDirectory(dir=folder) as scratch, (folder / f"{group}.jsonl").open("a") as sink:
        targets, left_out = targets_of(group, Path(scratch))
        rows = [{"target": target.name, "count": 0, "accepted": 0, "found": None} for target in targets]
        print(json.dumps(left_out), *map(json.dumps, rows), sep="\n", file=sink, flush=True)
        turns, known = random.Random(seed), set()
        targets = [target for target in targets if target.name not in without]
        turns.shuffle(targets)
        while targets and time.monotonic() < until:
            target = targets.pop(0)
            row = hunt(target, turns.getrandbits(32), until, known, now=folder / f"{group}.now")
            print(json.dumps(row), file=sink, flush=True)
            found = row["found"]
            if found:
                known.add(f"{found['error'].partition(':')[0]} {found['place']}")
            if not (found and found["error"].startswith("TookTooLong")):  # another hang would only take time
                targets.append(target)


def run(group: str, seconds: float, folder: Path) -> None:
    """Fuzz a group in a process of its own, and in another one after a process that died."""
    until, without, now = time.monotonic() + seconds, [], folder / f"{group}.now"
    while (rest := until - time.monotonic()) > 1:
        seed = random.SystemRandom().getrandbits(32)
        print(f"fuzz: {group} for {rest:.0f} s, seed {seed}", flush=True)
        now.write_text(json.dumps(["", seed, ""]))
        command = [sys.executable, __file__, "work", group, str(seed), str(rest), str(folder), *without]
        with (folder / f"{group}.err").open("w+", errors="replace") as err:
            process = subprocess.Popen(command, stdout=err, stderr=err, env=os.environ | {"OMP_NUM_THREADS": "1"})
            try:
                process.wait(rest + 5 * CASE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            err.seek(0)
            told = err.read()[-1500:]
        if process.returncode == 0:
            break
        target, turn, case = json.loads(now.read_text())
        error = f"the process ended with {process.returncode}: {told}"
        found = {"target": target or group, "error": error, "place": "", "case": case, "seed": turn}
        with (folder / f"{group}.jsonl").open("a") as sink:
            row = {"target": target or group, "count": 0, "accepted": 0, "found": found}
            print("{}", json.dumps(row), sep="\n", file=sink)
        if not target:
            break
        without.append(target)


def check(seconds: float = 600) -> Outcome:
    """Fuzz for that long, in two processes."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as scratch, ThreadPoolExecutor(len(LANES)) as lanes:
        folder, started = Path(scratch), time.monotonic()
        waiting = [lanes.submit(run_lane, lane, seconds, folder) for lane in LANES]
        while wait(waiting, 30).not_done:
            print(f"fuzz: {time.monotonic() - started:.0f} s", flush=True)
        for lane in waiting:
            lane.result()
        lines = {group: read(folder / f"{group}.jsonl") for group in GROUPS}
    return outcome_of(lines)


def run_lane(groups: tuple[str, ...], seconds: float, folder: Path) -> None:
    """Fuzz some groups one after the other, each for its share of the time."""
    for group in groups:
        run(group, GROUPS[group] * seconds, folder)


def read(path: Path) -> list[dict[str, Any]]:
    """Return the objects of a file, one a line."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def outcome_of(lines: dict[str, list[dict[str, Any]]]) -> Outcome:
    """Return what the groups' processes have written, added up."""
    rows = {group: [row for row in lines[group] if "target" in row] for group in lines}
    tried = {group: sum(row["count"] for row in rows[group]) for group in rows}
    accepted = {group: sum(row["accepted"] for row in rows[group]) for group in rows}
    left_out = {name: why for line in lines["functions"] if "target" not in line for name, why in line.items()}
    found = [row["found"] for group in rows for row in rows[group] if row["found"]]
    counts, right = Counter(), Counter()
    for row in rows["functions"]:
        counts[row["target"]] += row["count"]
        right[row["target"]] += row["accepted"]
    findings = [f"{one['target']}: {one['error']} ({one['place']}), seed {one['seed']}: {one['case']}" for one in found]
    findings += [f"{name}: was not called" for name, count in counts.items() if not count]
    called = sum(count > 0 for count in counts.values())
    record = {
        "inputs": tried,
        "accepted": accepted,
        "called": called,
        "public": len(counts) + len(left_out),
        "fewest_calls": min(counts.values(), default=0),
        "always_refused": sorted(name for name in counts if not right[name]),
        "left_out": left_out,
        "found": found,
    }
    return Outcome(f"{sum(tried.values()):,} inputs, {called} functions", findings, record)


def again(name: str, seed: int) -> None:
    """Try a target once more with a seed."""
    for group in GROUPS:
        with tempfile.TemporaryDirectory(prefix="fuzz-") as scratch:
            for target in targets_of(group, Path(scratch))[0]:
                if target.name == name:
                    print(json.dumps(hunt(target, seed), indent=1))
                    return
    raise SystemExit(f"there is no target {name}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["work"]:
        work(sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), Path(sys.argv[5]), sys.argv[6:])
    elif len(sys.argv) == 3:
        again(sys.argv[1], int(sys.argv[2]))
    else:
        outcome = check(*map(float, sys.argv[1:]))
        print(json.dumps(outcome.record, indent=1, ensure_ascii=False), *outcome.findings, sep="\n")
        sys.exit(bool(outcome.findings))
