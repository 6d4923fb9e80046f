"""How the site's build grows with its pages: time, memory, the share of checking; and how soon an edit shows.

    python benchmarks/scale.py
    python benchmarks/scale.py --only edits

Writes scale.json beside this file, prints it, then whether each target is met; ``--only`` measures one part anew. The
sites hold the five pages of questions 1, 4 and 16 times, and the other pages once. Copies have formulas, sessions and
files of their own names, so that seeds and records differ and no copy is served by another's record. Each build runs in
a new process, as `python -m hw.site build` does, without running notebooks. A cold build has no records of earlier ones
and checks and mutates every formula; a warm one follows it and finds the records of all that did not change.

Checking is the processor time in which formulas are checked, mutated or looked up in the records, or code on the pages
runs, each second counted once. Memory is the largest resident set of a process of the build. Exponents are slopes of
logarithms over the three sizes, by least squares.
"""

import argparse
import json
import math
import os
import platform
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

Entry = dict[str, Any]
ROOT = Path(__file__).resolve().parents[1]
RECORD = Path(__file__).with_suffix(".json")
QUESTIONS = ("autoregressive", "flows", "vae", "gan", "simclr")
COPIES = (1, 4, 16)
EDITS = 3  # of each page
LONGEST = 120  # seconds until an edit must show

# Sites of many pages


def make_checkout(folder: Path, copies: int) -> Path:
    """Make a checkout whose site has the pages of questions so many times."""
    root = folder / f"{copies * len(QUESTIONS)}-pages"
    for name in ("docs", "src"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, root)
    for name in ("tests", "benchmarks"):  # formulas name tests, and pages read records of benchmarks
        (root / name).symlink_to(ROOT / name)
    listed = (root / "docs/also_true.toml").read_text("utf-8")
    for number in range(2, copies + 1):
        for page in (*(f"{name}.md" for name in QUESTIONS), "simclr_claims.toml"):
            text = renamed((ROOT / "docs" / page).read_text("utf-8"), number)
            (root / "docs" / re.sub(r"(\.\w+)$", rf"-{number}\1", page)).write_text(text, "utf-8")
        with (root / "docs/also_true.toml").open("a") as file:
            file.write(re.sub(r"^\[\[(.+?)\]\]", rf"[[\1-{number}]]", listed, flags=re.MULTILINE))
    config = (ROOT / "mkdocs.yml").read_text("utf-8").replace("simclr_claims.toml", "simclr_claims*.toml")
    copied = range(2, copies + 1)
    more = [f"      - {name} {number}: {name}-{number}.md\n" for number in copied for name in QUESTIONS]
    (root / "mkdocs.yml").write_text(re.sub(r"(      - 5 ·.*\n)", rf"\1{''.join(more)}", config), "utf-8")
    return root


def renamed(text: str, number: int) -> str:
    """Text of a copy: its formulas, sessions and links to pages of questions carry the number of the copy."""
    formulas = re.findall(r'^ *```math [^\n]*\bid="([^"]+)"', text, re.MULTILINE)
    for name in formulas:
        text = re.sub(
            rf'(^ *```math [^\n]*\bid="{name}|\]\(#{name})(?=["\)])', rf"\1-{number}", text, flags=re.MULTILINE
        )
    text = re.sub(r'(\bsession="[\w-]+)"', rf'\1-{number}"', text)
    text = re.sub(r"(\{\{ *[\w-]+):", rf"\1-{number}:", text)
    files = rf"(?<!reference/)\b({'|'.join(QUESTIONS)}|simclr_claims)(\.md|\.toml)\b"
    text = re.sub(files, rf"\1-{number}\2", text)
    of_claims = re.compile(r'^formulas = \["[^\n]*\]$', re.MULTILINE)  # in simclr_claims.toml
    return of_claims.sub(lambda names: re.sub(r'"([^"]+)"', rf'"\1-{number}"', names[0]), text)


# Builds, each in a process of its own


def build(root: Path) -> Entry:
    """Build a site in a new process; return what it took."""
    environment = {**os.environ, "PYTHONPATH": str(root / "src"), "HW_NOTEBOOKS": "false", "OMP_NUM_THREADS": "1"}
    started = time.perf_counter()
    with (root / "log").open("w") as log:
        command = [sys.executable, str(Path(__file__).resolve()), "--child", str(root)]
        process = subprocess.Popen(command, cwd=root, env=environment, stdout=subprocess.PIPE, stderr=log)
        answer = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit((root / "log").read_text()[-2000:])
    seconds = usage.ru_utime + usage.ru_stime
    return {
        "wall_seconds": time.perf_counter() - started,
        "processor_seconds": seconds,
        "peak_mib": usage.ru_maxrss / 1024,
        **(taken := json.loads(answer)),
        "checking_share": sum(taken.values()) / seconds,
    }


def child(root: Path) -> None:
    """Build the site in this process, and print how long its checks took."""
    from markdown_exec._internal.formatters import python

    from hw.site import claims, computed
    from hw.site.build import build

    clock = Clock()
    for name in ("check_file", "check_text", "mutate_file"):
        clock.watch("formulas_seconds", claims, name)
    clock.watch("fences_seconds", python, "exec_python")
    clock.watch("fences_seconds", computed, "execute")
    output = os.dup(1)
    os.dup2(2, 1)  # pages may print
    build(root, root / "site")
    os.write(output, json.dumps(clock.seconds).encode())


class Clock:
    """Adds up the processor time of functions; what a function spends in another that is watched counts once."""

    def __init__(self) -> None:
        """Start at nothing."""
        self.seconds = {"formulas_seconds": 0.0, "fences_seconds": 0.0}
        self.inner = [0.0]

    def watch(self, kind: str, module: Any, name: str) -> None:
        """Put a function that is timed in the place of one of a module."""
        function = getattr(module, name)

        def watched(*arguments: Any, **options: Any) -> Any:
            self.inner.append(0.0)
            started = time.process_time()
            try:
                return function(*arguments, **options)
            finally:
                took = time.process_time() - started
                self.seconds[kind] += took - self.inner.pop()
                self.inner[-1] += took

        setattr(module, name, watched)


def builds() -> Entry:
    """Measure a cold and a warm build of each size."""
    found: Entry = {"cold": {}, "warm": {}}
    with tempfile.TemporaryDirectory() as folder:
        for copies in COPIES:
            root = make_checkout(Path(folder), copies)
            for kind in found:
                found[kind][str(copies * len(QUESTIONS))] = entry = build(root)
                print(f"{copies * len(QUESTIONS)} pages, {kind}: {json.dumps(plain(entry))}", flush=True)
            shutil.rmtree(root)
    return {kind: {"sizes": sizes, **exponents(sizes)} for kind, sizes in found.items()}


def exponents(sizes: dict[str, Entry]) -> Entry:
    """Exponents of time and memory."""
    names = {"wall": "wall_seconds", "processor": "processor_seconds", "memory": "peak_mib"}
    return {f"{name}_exponent": exponent({int(n): row[key] for n, row in sizes.items()}) for name, key in names.items()}


def exponent(values: dict[int, float]) -> float:
    """Slope of the line through the logarithms, by least squares."""
    return statistics.linear_regression([*map(math.log, values)], [*map(math.log, values.values())]).slope


# Edits


def edits() -> Entry:
    """Measure how long it takes until a served page shows an edit: prose, and a formula under a new name."""
    with tempfile.TemporaryDirectory() as folder:
        root = make_checkout(Path(folder), 1)
        with server(root) as address:
            prose = {name: edited(root, address, name, more_prose, EDITS) for name in QUESTIONS}
            formulas = {name: edited(root, address, name, another_formula, 1) for name in QUESTIONS}
    return {"prose_seconds": prose, "formula_seconds": formulas, "edits": EDITS}


@contextmanager
def server(root: Path) -> Iterator[str]:
    """A server on a checkout, by its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "PYTHONPATH": str(root / "src"), "HW_NOTEBOOKS": "false", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "hw.site", "serve", "--port", str(port)]
    heed = partial(signal.signal, signal.SIGINT, signal.default_int_handler)
    with (root / "log").open("w") as log:
        process = subprocess.Popen(command, cwd=root, env=environment, stdout=log, stderr=log, preexec_fn=heed)
    try:
        while "Serving" not in (root / "log").read_text():
            if process.poll() is not None:
                sys.exit((root / "log").read_text()[-2000:])
            time.sleep(0.5)
        yield f"http://127.0.0.1:{port}/"
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()


def edited(root: Path, address: str, name: str, edit: Callable[[str, str], str], times: int) -> float:
    """Edit a page so many times; return the median of the seconds until it shows."""
    path, seconds = root / f"docs/{name}.md", []
    original = path.read_text("utf-8")
    for text in [*(edit(original, f"edit-{time.time_ns()}") for _ in range(times)), original]:
        mark = re.search(r"edit-\d+", text)
        before = re.search(r"edit-\d+", path.read_text("utf-8"))
        path.write_text(text, "utf-8")
        started = time.perf_counter()
        while not shown(f"{address}{name}/", mark and mark[0], before and before[0]):
            if time.perf_counter() - started > LONGEST:
                sys.exit((root / "log").read_text()[-2000:])
            time.sleep(0.02)
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds[:-1])


def shown(address: str, text: str | None, gone: str | None) -> bool:
    with urllib.request.urlopen(address) as answer:
        page = answer.read().decode()
    return text in page if text else gone not in page


def more_prose(page: str, mark: str) -> str:
    """The page with one more paragraph before its second part."""
    return page.replace("\n## ", f"\nA paragraph more, {mark}.\n\n## ", 1)


def another_formula(page: str, mark: str) -> str:
    """The page with another space in its longest checked formula, so that this is checked and mutated anew."""
    found = re.finditer(r"^ *```math [^\n]*\bmodel=[^\n]*\n(.*?)```", page, re.MULTILINE | re.DOTALL)
    longest = max((each for each in found if ":=" not in each[0]), key=lambda each: len(each[1]))
    end = longest.end(1) - 1
    return more_prose(f"{page[:end]} \\,{page[end:]}", mark)


# What is shown


def machine() -> Entry:
    """Describe what the record was measured on."""
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    describe = ["git", "describe", "--always", "--dirty"]
    commit = subprocess.run(describe, capture_output=True, text=True, cwd=ROOT).stdout.strip()
    return {
        "commit": commit or "none",
        "processor": cpu[1] if cpu else platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "versions": {package: version(package) for package in ("torch", "mkdocs", "mkdocs-material")},
    }


PARTS = {"machine": machine, "builds": builds, "edits": edits}


def plain(value: Any) -> Any:
    """Round numbers to four digits."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    return float(f"{value:.4g}") if isinstance(value, float) else value


def targets(record: Entry) -> Iterator[tuple[str, float, float]]:
    """What is measured, its value, and the largest that is good."""
    for kind in ("cold", "warm"):
        found = record["builds"][kind]
        for name in ("wall", "processor", "memory"):
            yield f"{kind}, exponent of {name}", found[f"{name}_exponent"], 1.1
        for pages, row in found["sizes"].items():
            yield f"{kind}, {pages} pages, share of checking", row["checking_share"], 0.5
    for name, seconds in record["edits"]["prose_seconds"].items():
        yield f"seconds until an edit of {name} shows", seconds, 3.0


def measure(record: Entry, part: str) -> None:
    """Take one part anew, and write the record."""
    date, load, start = datetime.now(UTC), os.getloadavg()[0], time.perf_counter()
    record[part] = plain(PARTS[part]())
    record.setdefault("runs", {})[part] = {
        "date": f"{date:%Y-%m-%d %H:%M}",
        "load_average_at_start": round(load, 2),
        "wall_seconds": round(time.perf_counter() - start),
    }
    RECORD.write_text(json.dumps(record, indent=1, sort_keys=True, ensure_ascii=False) + "\n", "utf-8")
    print(json.dumps(record[part], indent=1), flush=True)


def main() -> None:
    """Measure all parts, or one."""
    parser = argparse.ArgumentParser(description="Measure how the site grows with its pages.")
    parser.add_argument("--only", choices=PARTS)
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options.child)
        return
    record = json.loads(RECORD.read_text("utf-8")) if options.only and RECORD.exists() else {}
    for part in dict.fromkeys(("machine", options.only)) if options.only else PARTS:
        measure(record, part)
    for name, value, bound in targets(record):
        print(f"{'met   ' if value <= bound else 'MISSED'} {name}: {value:.3g} ≤ {bound:g}")


if __name__ == "__main__":
    main()
