"""Copies of a checkout, and the processes in them that fork for each mutant: see `library_plugin.py`."""

import ast
import collections
import contextlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
KEPT_OUT = {".venv", ".cache", ".hypothesis", ".pytest_cache", ".ruff_cache", "site", "dist"}
SURVIVED = "survived"
UNRUN = "not run by any test"


class Verdict:
    """How a mutant ended: what the run said, the test or file of tests that was running, and where."""

    def __init__(self, verdict: str, by: str = "", stage: str = "", seconds: float = 0):
        self.verdict, self.by, self.stage, self.seconds = verdict, by, stage, seconds


def killed(verdict: Verdict) -> bool:
    return verdict.verdict not in (SURVIVED, UNRUN)


class Server:
    """A process of pytest that forks for each job."""

    def __init__(self, folder: Path, stage: str):
        self.stage = stage
        jobs_out, jobs_in = os.pipe()
        results_out, results_in = os.pipe()
        variables = environment(folder, stage) | {"LIBRARY_JOBS": str(jobs_out), "LIBRARY_RESULTS": str(results_in)}
        self.log = (folder.parent / f"{folder.name}-{stage}.log").open("wb")
        self.process = subprocess.Popen(
            [*pytest(folder), *spared(folder)],
            cwd=folder,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
            pass_fds=(jobs_out, results_in),
        )
        os.close(jobs_out)
        os.close(results_in)
        self.jobs, self.results = os.fdopen(jobs_in, "w"), os.fdopen(results_out, "r")
        ready = json.loads(self.results.readline() or '{"ready": false}')
        if not ready["ready"]:
            self.close()
            raise RuntimeError(f"{ready.get('failed', 'the process ended')}; its output is in {self.log.name}")

    def ask(self, job: dict[str, Any]) -> Verdict:
        """Run a job."""
        print(json.dumps(job), file=self.jobs, flush=True)
        return Verdict(stage=self.stage, **json.loads(self.results.readline()))

    def close(self) -> None:
        """End the process."""
        self.jobs.close()
        self.process.wait()
        self.results.close()
        self.log.close()


class Worker:
    """A copy of the checkout, with the two processes that run mutants in it, each started when it is needed."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.servers: dict[str, Server] = {}

    def server(self, stage: str) -> Server:
        """Return a process, started if there is none."""
        if stage not in self.servers:
            self.servers[stage] = Server(self.folder, stage)
        return self.servers[stage]

    def close(self) -> None:
        """End the processes."""
        for server in self.servers.values():
            server.close()


def each(
    folders: list[Path],
    tasks: Iterable[Any],
    do: Callable[[Worker, Any], None],
    what: str,
    note: Callable[[], str] = lambda: "",
) -> None:
    """Do every task, on one worker for each folder; none is begun after one that fails."""
    waiting = collections.deque(tasks)
    count, done, lock, shown = len(waiting), 0, threading.Lock(), time.monotonic()

    def work(folder: Path) -> None:
        nonlocal done, shown
        with contextlib.closing(Worker(folder)) as worker:
            while waiting:
                try:
                    task = waiting.popleft()
                except IndexError:  # the other worker took the last one
                    return
                do(worker, task)
                with lock:
                    done += 1
                    if time.monotonic() - shown > 30:
                        shown = time.monotonic()
                        say(f"{done} of {count} {what} {note()}")

    with ThreadPoolExecutor(len(folders)) as pool:
        results = [pool.submit(work, folder) for folder in folders]
        try:
            for result in as_completed(results):
                result.result()
        except BaseException:
            waiting.clear()
            raise


def copy(root: Path, place: Path) -> None:
    """Copy what the tests read, over what an earlier copy left."""
    shutil.rmtree(place, ignore_errors=True)

    def kept_out(folder: str, names: list[str]) -> set[str]:
        top = KEPT_OUT if Path(folder) == root else set()
        return {name for name in names if name in top or name in ("node_modules", "__pycache__")}

    shutil.copytree(root, place, ignore=kept_out, symlinks=True)


def pytest(folder: Path) -> list[str]:
    return [sys.executable, "-m", "pytest", "-q", "-p", "library_plugin", "-p", "no:cacheprovider", "-p", "no:xdist"]


def spared(folder: Path) -> list[str]:
    """Return the options that keep these gates themselves out of the suite."""
    return ["--ignore=tests/deep"] if (folder / "tests" / "deep").exists() else []


def environment(folder: Path, stage: str) -> dict[str, str]:
    """Return the variables of a process that runs a copy's tests."""
    packages = " ".join(path.name.removesuffix(".py") for path in sorted((folder / "src").iterdir()))
    return os.environ | {
        "LIBRARY_STAGE": stage,
        "LIBRARY_PACKAGES": packages,
        "LIBRARY_IMPORTS": " ".join(imported(folder / "src")),
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join([str(folder / "src"), str(HERE)]),
        "PYTHONHASHSEED": "0",
    }


def imported(folder: Path) -> list[str]:
    """Return the modules that the files of a folder import from elsewhere."""
    names = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                names.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module)
    own = {path.name.removesuffix(".py") for path in folder.iterdir()}
    return sorted(name for name in names if name.split(".")[0] not in own)


@contextlib.contextmanager
def changed(file: Path, text: str) -> Iterator[None]:
    """Put another text into a file for a while; its time tells the two apart where bytecode is kept."""
    before, times = file.read_bytes(), file.stat()
    file.write_text(text, "utf-8")
    try:
        yield
    finally:
        file.write_bytes(before)
        os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))


def say(what: str) -> None:
    print(f"library: {what}", flush=True)
