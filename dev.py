"""Run the project's tasks in an environment of their own: `python3 dev.py` says which there are.

Standard library only, and readable for a Python that is too old to run it, which then says so.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036, for this is where pyproject.toml's promise is kept
    sys.exit(f"dev.py: needs Python 3.11 or newer, this is {sys.version_info[0]}.{sys.version_info[1]}")
if sys.platform == "win32":
    sys.exit("dev.py: needs Linux or macOS; on Windows run it inside WSL")

import ast
import contextlib
import errno
import fcntl
import hashlib
import importlib
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn, TextIO

ROOT = Path(__file__).resolve().parent
LOCK = ROOT / "requirements.lock"
VENV = ROOT / ".venv"
PYTHON = str(VENV / "bin" / "python")
STAMP = VENV / "stamp"  # written last and removed first: only a finished install has one

OFFER = """python3 dev.py TASK

  serve [port]           build the site and serve it on http://127.0.0.1:8000, again after each change
  test [arguments ...]   run the tests, in a process for every core; with arguments, pytest with just these
  site                   build the site into site/; a warning is an error
  check [gates ...]      the tests, then the site in a browser, gate by gate; with names, these gates on site/ as it is
  check --deep [gates]   the checks themselves: mutants, chances, fuzz; hours, and tests/deep/record.json is written
  accept                 take the site's look, its formulas' ids and the values it shows as reviewed, after a change
  lock [arguments ...]   write requirements.lock; the arguments are uv's (--upgrade: the newest versions)

The first task installs what all of them need into .venv, which takes minutes. So does the first one
after a change of requirements.lock, of the project's requirements or of Python. The others start at once."""

MOST_PROCESSES = 8  # of the tests; each imports torch, so that more would only wait for memory
OLDEST_PYTHON = "3.11"  # what requirements.lock is resolved for; newer ones take the same versions
TORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"
PACKAGE = re.compile(r"(?:Collecting |Processing \S*/)([\w.]+(?:-[a-zA-Z][\w.]*)*)")
NO_NETWORK = re.compile(
    r"NewConnectionError|NameResolutionError|ConnectTimeout|ReadTimeout|ProxyError|ProtocolError|error sending request"
)
UNFIT_TO_LOCK = {
    "a CUDA package": r"^(nvidia|cuda|triton)\b",
    "torch, whose wheel differs by machine": r"^torch\b",
    "a requirement without hashes": r"^[^\s#][^\\\n]*$",
    "an address or a path": r"://|[\s(=]/",
}


def main(task: str = "", *arguments: str) -> None:
    """Do a task, or say which there are."""
    tasks = {"serve": serve, "test": test, "site": site, "check": check, "accept": accept, "lock": lock}
    if task in ("", "help", "-h", "--help"):
        print(OFFER)
    elif task not in tasks:
        fail(f"there is no task {task}; the tasks are {', '.join(tasks)}")
    else:
        tasks[task](*arguments)


def serve(port: str = "8000", *more: str) -> None:
    """Build the site and serve it; the port is tried before anything slow."""
    check_port(port)
    refuse("serve", more)
    run("-m", "hw.site", "serve", "--port", port)


def test(*arguments: str) -> None:
    """Run the tests: all of them, side by side, or what the arguments say."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # every process of the tests would compile the library again
    run("-m", "pytest", *(arguments or side_by_side()))


def side_by_side() -> list[str]:
    """Return what makes pytest use the cores that this process may run on; with one, a second process would wait."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    count = min(cores, MOST_PROCESSES)
    return ["--numprocesses", str(count), "--dist", "worksteal"] if count > 1 else []


def site(*more: str) -> None:
    """Build the site."""
    refuse("site", more)
    run("-m", "hw.site", "build")


def check(*arguments: str) -> None:
    """Run the gates: what a reader meets is what is tested. The deep ones test the checks."""
    if "--deep" in arguments:
        run("tests/deep", *(argument for argument in arguments if argument != "--deep"))
    run("tests/browser", *arguments)


def accept(*more: str) -> None:
    """Take the site as it looks now, and what its pages show, as reviewed."""
    refuse("accept", more)
    run("tests/browser", "--accept")


def lock(*arguments: str) -> None:
    """Resolve the `dev` extra, and replace `requirements.lock` if the result is fit to commit."""
    if not stamped():
        with alone() as held:
            create(held)  # without a stamp: the next task makes the whole of it
            pip_install(held, dev_requirement("uv"))
    # uv ignores pip's configuration. Extra indexes stay out: a mirror's hashes would be of its own files only.
    torch = [f"--find-links={link}" for link in pip_setting("find-links")] or ["--torch-backend=cpu"]
    options = f"""--extra dev --python-version {OLDEST_PYTHON} --no-python-downloads --generate-hashes
        --no-emit-package torch --no-emit-index-url --no-emit-find-links""".split()
    draft = VENV / LOCK.name
    draft.write_bytes(LOCK.read_bytes() if LOCK.exists() else b"")  # uv keeps the versions it finds there
    options += ["--custom-compile-command", "python3 dev.py lock", "--output-file", str(draft)]
    step("lock", [PYTHON, "-m", "uv", "pip", "compile", "pyproject.toml", *options, *torch, *arguments])
    text = draft.read_text("utf-8")
    for what, pattern in UNFIT_TO_LOCK.items():
        found = re.search(pattern, text, re.MULTILINE)
        if found:
            fail(f"the new lock has {what}, so requirements.lock stays as it was: {found[0].strip()}")
    draft.replace(LOCK)
    say("requirements.lock is written")


def run(*command: str) -> NoReturn:
    """Become the environment's Python, so that signals and the exit status are the task's own."""
    if stamped() != fingerprint():
        with alone() as held:
            if stamped() != fingerprint():  # asked again: another dev.py may have done it meanwhile
                install(held)
    os.chdir(ROOT)
    os.execv(PYTHON, [PYTHON, *command])


def install(held: int) -> None:
    """Make the environment from scratch."""
    started, stamp = time.monotonic(), fingerprint()
    create(held)
    say("installing what requirements.lock names")
    pip_install(held, "--require-hashes", "--requirement", LOCK.name)
    say("installing PyTorch, which is a large download (~200 MB), and this package")
    torch, index = dev_requirement("torch"), []
    if sys.platform == "linux":
        torch += "+cpu"  # plain torch would bring gigabytes of CUDA
        if not pip_setting("find-links") and not pip_setting("extra-index-url"):
            index = ["--extra-index-url", TORCH_CPU_INDEX]
    pip_install(held, "--no-build-isolation", *index, torch, "--editable", ".[dev]")
    STAMP.write_text(stamp, "utf-8")
    say(f".venv is ready after {time.monotonic() - started:.0f} s")


def create(held: int) -> None:
    """Make an empty environment in place of what is there."""
    try:
        importlib.import_module("ensurepip")
        importlib.import_module("venv")
    except ImportError:
        fail("this Python comes without venv; on Debian or Ubuntu: apt install python3-venv")
    say(f"creating .venv with Python {sys.version.split()[0]}")
    STAMP.unlink(missing_ok=True)
    if VENV.exists():
        shutil.rmtree(VENV)
    VENV.mkdir()
    step("install", [getattr(sys, "_base_executable", sys.executable), "-m", "venv", str(VENV)], held)


def pip_install(held: int, *arguments: str) -> None:
    """Install with the environment's pip."""
    step("install", [PYTHON, "-m", "pip", "install", *arguments], held)


def pip_setting(name: str) -> list[str]:
    """Return the values that pip's configuration has for an option."""
    listed = subprocess.run([PYTHON, "-m", "pip", "config", "list"], capture_output=True, text=True).stdout
    found = re.findall(rf"^\S+\.{name}=(.+)$", listed, re.MULTILINE)
    return [value for line in found for value in ast.literal_eval(line).split()]


def step(purpose: str, command: list[str], *held: int) -> None:
    """Run a command into a log, telling what it is at."""
    # pip's own patience makes a missing network look like a hang; what the user has set wins.
    environment = {"PIP_RETRIES": "2", "PIP_DEFAULT_TIMEOUT": "20", "PYTHONUNBUFFERED": "1", **os.environ}
    log = VENV / f"{purpose}.log"
    with log.open("ab") as sink, log.open(encoding="utf-8", errors="replace") as lines:
        lines.seek(0, os.SEEK_END)
        process = subprocess.Popen(command, stdout=sink, stderr=sink, cwd=ROOT, env=environment, pass_fds=held)
        try:
            output = narrate(process, lines)
        finally:
            process.send_signal(signal.SIGINT)  # if it still runs: venv and pip then end their own children too
            process.wait()
    if process.returncode:
        fail(f"the {purpose} failed: {diagnosis(output[-20:])} (log: {log})")


def narrate(process: subprocess.Popen[bytes], lines: TextIO) -> list[str]:
    """Tell what a command is at until it ends; return its output."""
    started = spoke = time.monotonic()
    output, running = ["without a word"], True
    while running:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.1)
        running = process.returncode is None  # settled before reading, so that the last lines are read too
        for line in filter(str.strip, lines):
            output.append(line.strip())
            found = PACKAGE.match(line)
            if found or line.startswith("Installing collected"):
                say(f"  {found[1] if found else 'unpacking'}")
                spoke = time.monotonic()
        if time.monotonic() - spoke > 10:
            spoke = time.monotonic()
            say(f"  still at it after {spoke - started:.0f} s")
    return output


def diagnosis(lines: list[str]) -> str:
    """Say in a line why a command failed."""
    if NO_NETWORK.search(" ".join(lines)):
        return "no network, for the package index cannot be reached; connect and run this again"
    errors = [line for line in lines if line.lower().startswith("error")]
    return (errors or lines)[-1]


def stamped() -> str:
    """Return the fingerprint that the environment was made from; nothing if its install did not end well."""
    return STAMP.read_text("utf-8") if STAMP.exists() and os.path.exists(PYTHON) else ""


def fingerprint() -> str:
    """Hash what the environment is made from, and where: the package is installed by its path."""
    if not LOCK.exists():
        fail("requirements.lock is missing; this writes it: python3 dev.py lock")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    parts = [LOCK.read_text("utf-8"), project["project"], project["build-system"], sys.version, str(ROOT)]
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def dev_requirement(name: str) -> str:
    """Return what the `dev` extra says of a package."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return next(line for line in project["optional-dependencies"]["dev"] if re.match(rf"{name}\b", line))


@contextlib.contextmanager
def alone() -> Iterator[int]:
    """Wait for any other install here; pip is handed the lock too, for it may outlive a killed dev.py."""
    with Path(__file__).open("r+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another install is running here: waiting for its end")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield file.fileno()


def check_port(port: str) -> None:
    """Fail if no server can have the port."""
    if not re.fullmatch(r"[1-9][0-9]{0,4}", port) or int(port) > 65535:
        fail(f"port must be a number from 1 to 65535, got {port}")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: closing connections do not count
        try:
            probe.bind(("127.0.0.1", int(port)))
        except OSError as error:
            why = "is taken" if error.errno == errno.EADDRINUSE else f"cannot be had ({error.strerror})"
            fail(f"port {port} {why}; choose another: python3 dev.py serve PORT")


def refuse(task: str, more: tuple[str, ...]) -> None:
    """Fail if there are arguments that the task has no use for."""
    if more:
        fail(f"{task} has no use for {' '.join(more)}")


def say(text: str) -> None:
    """Print a line of progress, at once even into a pipe."""
    print(text, flush=True)


def fail(message: str) -> NoReturn:
    """End with one line on stderr."""
    sys.exit(f"dev.py: {message}")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except KeyboardInterrupt:
        print("dev.py: interrupted", file=sys.stderr)
        sys.exit(130)
    except (OSError, tomllib.TOMLDecodeError) as error:
        fail(str(error))
