"""The gate of equal builds: another folder, another seed of hashes and another day give the same bytes."""

import os
import subprocess
import sys
from filecmp import cmp
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

from browsing import ROOT, Missing, Result

sys.path.insert(0, str(ROOT / "tests"))

from checkouts import copied

__all__ = ["Build", "check", "differences"]

CACHE = ".cache/checked_math.json"
LATER = '''"""Forty days later, in another time zone: for Python, and for what it calls."""

import datetime
import time

SHIFT = 40 * 86_400 + 3_600
now, now_ns, gmtime, localtime = time.time, time.time_ns, time.gmtime, time.localtime
time.time = lambda: now() + SHIFT
time.time_ns = lambda: now_ns() + SHIFT * 10**9
time.gmtime = lambda seconds=None: gmtime(time.time() if seconds is None else seconds)
time.localtime = lambda seconds=None: localtime(time.time() if seconds is None else seconds)


class Day(datetime.date):
    @classmethod
    def today(cls):
        return cls.fromtimestamp(time.time())


class Moment(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls.fromtimestamp(time.time(), tz)

    @classmethod
    def utcnow(cls):
        return cls.fromtimestamp(time.time(), datetime.timezone.utc).replace(tzinfo=None)

    @classmethod
    def today(cls):
        return cls.now()


datetime.date, datetime.datetime = Day, Moment
'''


class Build:
    """A build of a copy of the checkout, elsewhere and later, that goes on beside other work."""

    def __init__(self) -> None:
        """Copy the checkout, and start."""
        self._folder = TemporaryDirectory(dir=gettempdir(), prefix="a folder with another name ")
        later, self._checkout = Path(self._folder.name, "later"), Path(self._folder.name, "copy", "of hw")
        later.mkdir()
        (later / "sitecustomize.py").write_text(LATER, "utf-8")
        copied(self._checkout, CACHE)
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(map(str, (self._checkout / "src", later))),
            "PYTHONHASHSEED": "2718",
            "TZ": "Pacific/Kiritimati",
        }
        self._log = Path(self._folder.name, "log")
        with self._log.open("w") as log:
            build = [sys.executable, "-m", "hw.site", "build"]
            self._process = subprocess.Popen(build, cwd=self._checkout, env=environment, stdout=log, stderr=log)

    def findings(self, site: Path) -> list[str]:
        """Wait for the build, and compare it with another one."""
        if self._process.wait():
            last = (self._log.read_text("utf-8", "replace").strip().splitlines() or ["no message"])[-1]
            return [f"the copy cannot be built: {last}"]
        return differences(site, self._checkout / "site")

    def close(self) -> None:
        """End the build, if it still goes on, and remove the copy."""
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait()
        self._folder.cleanup()


_begun: list[Build] = []


def begin() -> None:
    """Build the copy beside what comes before the gate."""
    _begun.append(Build())


def check(site: Path) -> Result:
    """Compare a built site with a build of a copy of the checkout."""
    if not (ROOT / ".git").is_dir():
        raise Missing("the history of the checkout, whose last commit gives the builds their day, is wanting")
    build = _begun.pop() if _begun else Build()
    try:
        return Result(f"{sum(path.is_file() for path in site.rglob('*'))} files", build.findings(site))
    finally:
        build.close()


def differences(one: Path, other: Path) -> list[str]:
    """Files that are not in both folders, or not the same in both."""
    files, others = (
        {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()} for folder in (one, other)
    )
    found = [f"{name}: only in {'one' if name in files else 'the other'} build" for name in sorted(files ^ others)]
    return found + [
        f"{name}: {_place(one / name, other / name)}"
        for name in sorted(files & others)
        if not cmp(one / name, other / name, shallow=False)
    ]


def _place(one: Path, other: Path) -> str:
    """Where two files begin to differ."""
    ours, theirs = one.read_bytes(), other.read_bytes()
    at = next((at for at, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b), min(len(ours), len(theirs)))
    return f"differs at byte {at}: {ours[max(0, at - 30) : at + 30]!r} and {theirs[max(0, at - 30) : at + 30]!r}"
