"""Which tests a mutant concerns, and what became of it."""

import ast
import collections
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import coverage
from library_mutants import Mutant
from library_processes import (
    HERE,
    SURVIVED,
    UNRUN,
    Server,
    Verdict,
    Worker,
    changed,
    copy,
    each,
    environment,
    killed,
    pytest,
    say,
    spared,
)

PROCESSES = 2
READ = ("src", "tests", "docs", "README.md", "mkdocs.yml", "pyproject.toml")  # what tests depend on


class Survey:
    """Copies of a checkout, the map of its tests, and what became of each mutant."""

    def __init__(self, root: Path, enough: float):
        self.enough = enough
        self.root, self.folder = root, root / ".cache" / "library"
        self.copies = [self.folder / f"copy-{number}" for number in range(PROCESSES)]
        for place in self.copies:
            copy(root, place)
        self.original = self.copies[0]  # others may edit the checkout meanwhile
        self.tree = digest(self.original)
        self.map = self.mapped()
        files = {*self.map["lines"], *(test["file"] for test in self.map["tests"].values())}
        self.texts = {file: (self.original / file).read_text("utf-8") for file in sorted(files)}
        self.words = {file: set(re.findall(r"\w+", text)) for file, text in self.texts.items()}
        self.failing: list[str] = list(self.map["failed"])
        self.vetted: set[tuple[str, str]] = set()
        self.tests: dict[str, dict[str, Any]] = {
            name: test for name, test in self.map["tests"].items() if name not in self.failing
        }
        self.sharing = collections.defaultdict(list)
        for name, test in self.tests.items():
            for fixture in test["fixtures"]:
                self.sharing[fixture].append(name)
        self.verdicts: dict[Mutant, Verdict] = {}
        self.killers: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
        self.reused = 0

    def mapped(self) -> dict[str, Any]:
        """Return which test runs which line, from the last time if nothing has changed."""
        file = self.folder / f"map-{self.tree}.json"
        if not file.exists():
            for old in self.folder.glob("map-*"):
                old.unlink()
            draft = file.with_suffix(".draft")
            say("running the suite under coverage")
            command = [*pytest(self.original), *spared(self.original)]
            log = self.folder / "map.log"
            with log.open("wb") as out:
                variables = environment(self.original, "map") | {"LIBRARY_MAP": str(draft)}
                status = subprocess.run(command, cwd=self.original, env=variables, stdout=out).returncode
            if not draft.exists():
                raise RuntimeError(f"the suite ends with status {status}; its output is in {log}")
            found = json.loads(draft.read_text("utf-8"))
            draft.unlink()
            found["spawned"] = self.spawned(found)
            file.write_text(json.dumps(found), "utf-8")
        return json.loads(file.read_text("utf-8"))

    def spawned(self, found: dict[str, Any]) -> dict[str, dict[str, list[int]]]:
        """Return the lines that processes run which the tests of a file start, file by file."""
        lines = {}
        tests = set(found["spawning"])
        shared = {name for name, test in found["tests"].items() if tests & set(test["fixtures"])}
        by_file = collections.defaultdict(list)
        for name in sorted(tests & set(found["tests"]) | shared):
            by_file[found["tests"][name]["file"]].append(name)
        for file, names in by_file.items():
            say(f"which lines the processes run that {file} starts")
            with tempfile.TemporaryDirectory(dir=self.folder) as name:
                scratch = Path(name)
                settings = scratch / "coverage.ini"
                settings.write_text(
                    f"[run]\nsource = {self.original / 'src'}\ndata_file = {scratch / 'data'}\nparallel = true\n"
                    "patch =\n    subprocess\n    fork\n    _exit\n    execv\n",
                    "utf-8",
                )
                command = [sys.executable, "-m", "coverage", "run", f"--rcfile={settings}", "-m"]
                command += [*pytest(self.original)[2:], "-p", "no:library_plugin", *names]
                with (self.folder / "spawned.log").open("ab") as out:
                    subprocess.run(command, cwd=self.original, env=environment(self.original, ""), stdout=out)
                lines[file] = {"tests": names, "lines": measured(scratch, self.original)}
        return lines

    def run(self, made: list[Mutant]) -> None:
        """Judge every mutant in place, or in a copy where what changed runs at import; then the survivors in a copy."""
        history = History(self.folder / "verdicts.jsonl", self.original, f"{self.tree} {self.enough}")
        self.verdicts = {mutant: verdict for mutant in made if (verdict := history.of(mutant))}
        self.reused = len(self.verdicts)
        say(f"{self.reused} were judged before")
        self.settle([mutant for mutant in made if mutant not in self.verdicts], made, history, in_copy=False)
        alive = [mutant for mutant in made if self.verdicts[mutant].verdict == SURVIVED]
        doubtful = [mutant for mutant in alive if self.verdicts[mutant].stage == "warm" and self.chosen(mutant)[1]]
        self.settle(doubtful, made, history, in_copy=True)

    def settle(self, waiting: list[Mutant], made: list[Mutant], history: "History", in_copy: bool) -> None:
        """Judge mutants, and again those that were killed by tests which fail by themselves in a fork."""
        while waiting:
            self.judge(waiting, history, in_copy)
            self.vet(made)
            dead = [mutant for mutant in made if killed(self.verdicts[mutant])]
            waiting = [mutant for mutant in dead if self.verdicts[mutant].by in self.failing]

    def judge(self, waiting: list[Mutant], history: "History", in_copy: bool) -> None:
        """Run the tests that each mutant concerns."""
        waiting = sorted(waiting, key=lambda mutant: (mutant.at_import, identity(mutant)))
        say(f"{len(waiting)} mutants to judge{' in a copy' if in_copy else ''}")

        def run(worker: Worker, mutant: Mutant) -> None:
            names, cold = self.chosen(mutant)
            verdict = Verdict(UNRUN)
            if names or cold:
                is_cold = in_copy or not names
                verdict = self.outcome(worker, mutant, cold if is_cold else names, is_cold)
            self.verdicts[mutant] = verdict
            history.add(mutant, verdict)
            if killed(verdict):
                for group in (mutant.file, f"{mutant.file}:{mutant.function}"):
                    self.killers[group][verdict.by] += 1

        each(self.copies, waiting, run, "mutants", lambda: self.progress(waiting))

    def vet(self, made: list[Mutant]) -> None:
        """Leave out the tests that killed something, and fail in the same place though nothing is changed."""
        kills = [verdict for mutant in made if killed(verdict := self.verdicts[mutant])]
        killers = {(verdict.stage, verdict.by) for verdict in kills} - self.vetted
        first = {test["file"]: name for name, test in reversed(self.tests.items())}  # a file that cannot be imported

        def control(worker: Worker, killer: tuple[str, str]) -> None:
            stage, name = killer
            test = first.get(name, name)
            if test in self.tests and killed(worker.server(stage).ask(order([test], self.map))):
                self.failing.append(name)

        each(self.copies, sorted(killers), control, "tests by themselves, unchanged")
        self.vetted |= killers
        self.tests = {
            name: test
            for name, test in self.tests.items()
            if name not in self.failing and test["file"] not in self.failing
        }

    def progress(self, made: list[Mutant]) -> str:
        """Return how many live so far."""
        done = [self.verdicts[mutant] for mutant in made if mutant in self.verdicts]
        return f"{sum(not killed(verdict) for verdict in done)} survive"

    def outcome(self, worker: Worker, mutant: Mutant, names: set[str], in_copy: bool) -> Verdict:
        """Run a mutant in place, or in a copy of the checkout; there too if it cannot be put in place."""
        job = order(self.sorted(mutant, names), self.map)
        if not in_copy and not mutant.at_import:
            verdict = asked(worker.server("warm"), {"file": mutant.file, "source": mutant.source, **job})
            if verdict.verdict != "cold":
                return verdict
        with changed(worker.folder / mutant.file, mutant.source):
            return asked(worker.server("cold"), job)

    def chosen(self, mutant: Mutant) -> tuple[set[str], set[str]]:
        """Return the tests that run what is changed, and the tests that must import it changed."""
        lines = range(mutant.lines[0], mutant.lines[1] + 1)
        names, imported = self.running(mutant.file, lines)
        cold = self.spawning(mutant.file, lines)
        if mutant.at_import:
            names = names | self.users(mutant) | cold
            return names, names
        if imported:  # while tests were collected: what they were given was made by the library as it is
            cold = cold | names | {name for name, test in self.tests.items() if test["file"] in imported}
        return names, cold

    def running(self, file: str, lines: Iterable[int]) -> tuple[set[str], set[str]]:
        """Return the tests that run lines of a file, and the files of tests whose import does."""
        covered = self.map["lines"].get(file, {})
        numbers = {number for line in lines for number in covered.get(str(line), ())}
        contexts = [self.map["contexts"][number] for number in numbers]
        names = {
            name for context in contexts for name in (context, *self.sharing.get(context, ())) if name in self.tests
        }
        return names, {context.removeprefix("import ") for context in contexts if context.startswith("import ")}

    def spawning(self, file: str, lines: Iterable[int]) -> set[str]:
        """Return the tests that start processes which run lines of a file."""
        names: set[str] = set()
        for found in self.map["spawned"].values():
            if set(found["lines"].get(file, ())) & set(lines):
                names.update(name for name in found["tests"] if name in self.tests)
        return names

    def users(self, mutant: Mutant) -> set[str]:
        """Return the tests that run a line which mentions what a top-level statement defines, or that mention it."""
        first, last, defined = statement(self.texts[mutant.file], mutant.line)
        names, _ = self.running(mutant.file, range(first, last + 1))
        mentioning = {file for file, words in self.words.items() if words & set(defined)}
        pattern = re.compile(rf"\b({'|'.join(map(re.escape, defined))})\b")
        for file in mentioning if defined else ():
            lines = [n for n, line in enumerate(self.texts[file].split("\n"), 1) if pattern.search(line)]
            names |= self.running(file, lines)[0] | self.spawning(file, lines)
        module = ".".join(Path(mutant.file).with_suffix("").parts[1:]).removesuffix(".__init__")
        mentioning |= {file for file, text in self.texts.items() if module in text}
        names |= {name for name, test in self.tests.items() if test["file"] in mentioning}
        return names or self.running(mutant.file, range(1, 10**6))[0]

    def sorted(self, mutant: Mutant, names: Iterable[str]) -> list[str]:
        """Return what to run, in its order, until it is enough.

        First come tests that killed mutants nearby, then those in files that mention the function or its module; of
        them one case of every test, then the others; cheap ones first.
        """
        near, around = self.killers[f"{mutant.file}:{mutant.function}"], self.killers[mutant.file]
        likely = {name: -count for name, count in [*around.most_common(5), *near.most_common(5)]}
        cost = {name: self.tests[name]["seconds"] for name in names}
        about = {Path(mutant.file).stem, *mutant.function.split(".")[:1]} - {""}
        seen: set[str] = set()
        ranks = {}
        for name in sorted(cost, key=lambda name: (cost[name], name)):
            function = name.partition("[")[0]
            is_about = bool(about & self.words[self.tests[name]["file"]])
            is_likely = likely.get(name, 0) if cost[name] < 1 else 0
            ranks[name] = (is_likely, not is_about, function in seen, cost[name], name)
            seen.add(function)
        ranked, spent = sorted(ranks, key=ranks.__getitem__), 0.0
        for place, name in enumerate(ranked):
            spent += cost[name]
            if spent > self.enough and place:
                return ranked[:place]
        return ranked


def asked(server: Server, job: dict[str, Any]) -> Verdict:
    """Run a job; what takes too long is tried again, as the machine may have been held up."""
    verdict = server.ask(job)
    return server.ask(job) if verdict.verdict == "time" else verdict


def order(names: list[str], found: dict[str, Any]) -> dict[str, Any]:
    """Return the part of a job that says what to run, and how long each test may take: ten times its usual, and 3 s."""
    tests, shared = found["tests"], found["fixtures"]
    cost = {name: tests[name]["seconds"] + sum(shared.get(f, 0) for f in tests[name]["fixtures"]) for name in names}
    files = list(dict.fromkeys(tests[name]["file"] for name in names))
    return {"tests": names, "seconds": [10 * cost[name] + 3 for name in names], "files": files, "start": 60}


class History:
    """Verdicts of before.

    A mutant stays killed while the file with the change and the file of the test are as they were; one that survived
    is tried again after any change.
    """

    def __init__(self, file: Path, root: Path, tree: str):
        self.file, self.root, self.tree, self.lock = file, root, tree, threading.Lock()
        self.digests: dict[str, str] = {}
        self.known: dict[str, dict[str, Any]] = {}
        for line in file.read_text("utf-8").splitlines() if file.exists() else []:
            entry = json.loads(line)
            self.known[entry["mutant"]] = entry

    def of(self, mutant: Mutant) -> Verdict | None:
        """Return how a mutant was killed, if it still counts."""
        entry = self.known.get(identity(mutant))
        if entry is None or entry["test"] != self.digest(entry["by"]):
            return None
        verdict = Verdict(entry["verdict"], entry["by"], entry["stage"])
        return verdict if killed(verdict) or entry["tree"] == self.tree else None

    def add(self, mutant: Mutant, verdict: Verdict) -> None:
        """Keep a verdict."""
        entry = {
            "mutant": identity(mutant),
            "verdict": verdict.verdict,
            "by": verdict.by,
            "stage": verdict.stage,
            "tree": self.tree,
        }
        with self.lock, self.file.open("a", encoding="utf-8") as out:
            print(json.dumps(entry | {"test": self.digest(verdict.by)}), file=out)

    def digest(self, test: str) -> str:
        """Return a hash of the file of a test."""
        name = test.split("::")[0]
        if name not in self.digests:
            path = self.root / name
            self.digests[name] = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        return self.digests[name]


def identity(mutant: Mutant) -> str:
    """Return a name by which a mutant is known again: of the whole file with the change."""
    return hashlib.sha256(f"{mutant.file}\0{mutant.source}".encode()).hexdigest()


def digest(root: Path) -> str:
    """Return a hash of all that tests depend on."""
    found = hashlib.sha256((HERE / "library_plugin.py").read_bytes())
    for name in READ:
        place = root / name
        for path in sorted(place.rglob("*")) if place.is_dir() else [place]:
            if path.is_file() and "__pycache__" not in path.parts and "deep" not in path.relative_to(root).parts[:2]:
                found.update(f"{path.relative_to(root)}\0".encode() + path.read_bytes())
    return found.hexdigest()[:16]


def statement(text: str, line: int) -> tuple[int, int, list[str]]:
    """Return the lines of the top-level statement around a line, and the names that it defines."""
    for node in ast.parse(text).body:
        first = min([node.lineno, *(part.lineno for part in getattr(node, "decorator_list", []))])
        last = node.end_lineno or first
        if first <= line <= last:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                return first, last, [node.name]
            stored = [n for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
            return first, last, sorted({name.id for name in stored})
    return line, line, []


def measured(folder: Path, root: Path) -> dict[str, list[int]]:
    """Return the lines of each file that some process ran."""
    lines: dict[str, set[int]] = collections.defaultdict(set)
    for file in folder.glob("data.*"):
        data = coverage.CoverageData(str(file))
        data.read()
        for name in data.measured_files():
            if name.startswith(str(root)):
                lines[os.path.relpath(name, root)].update(data.lines(name) or ())
    return {name: sorted(found) for name, found in lines.items()}
