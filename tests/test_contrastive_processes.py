import json
import os
import subprocess
import sys
from pathlib import Path

WORKERS = Path(__file__).parent / "contrastive_workers.py"


def what_went_wrong(*jobs):
    """By job, from what went wrong to its message; one process that the others are copies of runs them all."""
    run = subprocess.run(
        [sys.executable, "-W", "error", WORKERS, *jobs],
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | {"PYTHONPATH": str(WORKERS.parents[1] / "src"), "OMP_NUM_THREADS": "1"},
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def test_several_processes_are_as_one_and_none_that_dies_or_hangs_is_waited_for():
    wrong = what_went_wrong("checks", "die", "hang")
    assert "".join(f"{name}\n{message}\n" for name, message in wrong["checks"].items()) == ""
    assert "ArithmeticError: on purpose" in wrong["die"]["process 1"]
    assert wrong["die"]["exit of process 1"] == 1
    assert wrong["hang"]["time"] == "hang did not end within 0.5 seconds"
