"""Run the deep gates: `python3 dev.py check --deep` calls this. They check the checks, and take long.

Each gate's outcome is written to `record.json` with the commit and the day; the site's ledger shows it.
"""

import argparse
import importlib
import json
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from platform import python_version

from outcome import ROOT, Outcome

GATES = ["documentation", "library", "chances", "fuzz", "shown_commands", "way_out"]
RECORD = Path(__file__).with_name("record.json")


def main() -> int:
    """Run the gates that are asked for, the plants of all first; every finding is a failure."""
    parser = argparse.ArgumentParser(prog="python3 dev.py check --deep", description=__doc__)
    parser.add_argument("gates", nargs="*", help=f"only these: {', '.join(GATES)}")
    options = parser.parse_args()
    if unknown := sorted(set(options.gates) - set(GATES)):
        parser.error(f"gates must be of {', '.join(GATES)}, got {', '.join(unknown)}")
    gates = options.gates or GATES
    rows = [("planted defects", *run(lambda: planted(gates)))]
    for name in gates:
        outcome, seconds = run(importlib.import_module(name).check, name)
        rows.append((name, outcome, seconds))
        write(name, outcome, seconds)
    print()
    for name, outcome, seconds in rows:
        found = f"{len(outcome.findings)} FOUND" if outcome.findings else "ok"
        print(f"{name:15}  {outcome.figure:45}  {seconds:5.0f} s  {found}")
    return 1 if any(outcome.findings for _, outcome, _ in rows) else 0


def run(gate, name: str = "planted defects") -> tuple[Outcome, float]:
    """Run a gate, and print what it found."""
    print(f"— {name}", flush=True)
    started = time.monotonic()
    outcome = gate()
    for finding in outcome.findings:
        print(f"  {finding}", flush=True)
    return outcome, time.monotonic() - started


def planted(gates: list[str]) -> Outcome:
    """Plant defects, and see each gate find its own."""
    files = [f"tests/deep/test_{name}.py" for name in gates]
    failed = subprocess.run([sys.executable, "-m", "pytest", "-q", *files], cwd=ROOT).returncode
    return Outcome("see above", ["a gate misses a defect, see above"] if failed else [], {})


def write(name: str, outcome: Outcome, seconds: float) -> None:
    """Put an outcome into the record in place of the gate's former one."""
    record = json.loads(RECORD.read_text("utf-8")) if RECORD.exists() else {}
    record[name] = {
        "commit": commit(),
        "date": datetime.now(UTC).date().isoformat(),
        "python": python_version(),
        "seconds": round(seconds),
        "figure": outcome.figure,
        "findings": outcome.findings,
        **outcome.record,
    }
    ordered = {gate: record[gate] for gate in GATES if gate in record}
    RECORD.write_text(json.dumps(ordered, indent=1, ensure_ascii=False) + "\n", "utf-8")


def commit() -> str:
    """The commit that was looked at, and whether something had changed since."""

    def git(*arguments: str) -> str:
        return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True).stdout.strip()

    changed = git("status", "--porcelain", "--", ".", f":!{RECORD.relative_to(ROOT)}")
    return git("log", "-1", "--format=%h") + (" with changes since" if changed else "")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
