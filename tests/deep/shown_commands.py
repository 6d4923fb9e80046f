"""Shell commands that pages show are run as shown, on a fresh copy of the checkout without an environment."""

import os
import shlex
import signal
import subprocess
import time
import urllib.request
from pathlib import Path
from tempfile import TemporaryDirectory

from outcome import ROOT, Outcome

from checkouts import copied
from hw.site.blocks import commands

__all__ = ["check", "complaint"]

LONGEST = 1500  # seconds of a command, the install included
SERVED = "http://127.0.0.1:8000/"
OURS = ("PYTHONPATH", "VIRTUAL_ENV", "OMP_NUM_THREADS", "HW_NOTEBOOKS", "SITE_URL")


def check() -> Outcome:
    """Run every shell command of the pages and of the README, in order of appearance."""
    shown = commands(ROOT)
    seconds, findings = {}, []
    with TemporaryDirectory() as folder:
        checkout = Path(folder, "hw")
        copied(checkout)
        environment = {name: value for name, value in os.environ.items() if name not in OURS}
        environment["PATH"] = f"{checkout / '.venv/bin'}{os.pathsep}{environment['PATH']}"
        for command in shown:
            print(f"  {command}", flush=True)
            started = time.monotonic()
            problem = complaint(command, checkout, environment)
            seconds[command] = round(time.monotonic() - started)
            findings += [f"{command}: {problem}"] if problem else []
            for checkpoint in checkout.glob("*.pt"):
                checkpoint.unlink()
    return Outcome(f"{len(shown)} commands", findings, {"commands": seconds})


def complaint(command: str, folder: Path, environment: dict[str, str], longest: int = LONGEST) -> str:
    """Run a command as it stands; say what is wrong with how it ends, empty if nothing is.

    One that serves has ended well if it answered, and stopped with status 130 at Ctrl-C; any other, if it printed
    something and its status is 0.
    """
    serves = shlex.split(command)[-1] == "serve"
    with Path(folder, "printed").open("w+b") as printed:
        process = subprocess.Popen(
            shlex.split(command), cwd=folder, env=environment, stdout=printed, stderr=printed, start_new_session=True
        )
        try:
            if serves:
                answered = _answer(process, longest)
                process.send_signal(signal.SIGINT)
                status = process.wait(60)
                return "" if answered and status == 130 else f"answered: {answered}, status {status}"
            status = process.wait(longest)
        except subprocess.TimeoutExpired:
            return f"does not end in {longest} s"
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        printed.seek(0)
        said = printed.read().decode(errors="replace").strip()
    if status or "Traceback" in said:
        return f"ends with status {status}: {said[-300:]}"
    return "" if said else "prints nothing"


def _answer(process: subprocess.Popen[bytes], longest: int) -> bool:
    deadline = time.monotonic() + longest
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(SERVED) as answer:
                return b"<title>" in answer.read()
        except OSError:
            time.sleep(0.5)
    return False
