"""A pytest plugin: runs the suite to see which test runs which line, or runs chosen tests in forks for one mutant each.

What it does is said by `LIBRARY_STAGE` in the environment:

- `map`: the suite runs under coverage, and what each test runs, starts and costs is written to `LIBRARY_MAP`;
- `warm`: the suite is collected once; then, for each job read, a fork puts the mutant's code into the functions that
  are already imported, and runs the job's tests;
- `cold`: a fork for each job collects the job's tests itself, and so imports the library, whose files have the mutant.

A job is a line of JSON on the descriptor `LIBRARY_JOBS`, its outcome one on `LIBRARY_RESULTS`.
"""

import collections
import functools
import gc
import json
import math
import os
import resource
import select
import shutil
import signal
import sys
import tempfile
import time
import types
from pathlib import Path

import pytest

STAGE = os.environ.get("LIBRARY_STAGE", "")
ROOT = str(Path.cwd())
SURVIVED, KILLED, COLD = 10, 11, 12  # exit statuses of a fork
GROWTH = 4 << 30  # bytes a fork may add


def pytest_configure(config):
    plugin = {"map": Map, "warm": Warm, "cold": Cold}.get(STAGE)
    if plugin:
        config.pluginmanager.register(plugin(), "library mutation")
        config.pluginmanager.register(Patience(), "library mutation's patience")


class Patience:
    """Other processes share the machine: no test fails for being slow; nor is a failing example made smaller."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self):
        try:
            from hypothesis import HealthCheck, Phase, settings
        except ImportError:
            return
        phases = [Phase.explicit, Phase.generate]
        calm = settings(deadline=None, phases=phases, suppress_health_check=[HealthCheck.too_slow], database=None)
        settings.register_profile("library mutation", calm)
        settings.load_profile("library mutation")


class Map:
    """Which test runs which line: a context of coverage for each test, and one for each fixture that tests share."""

    def __init__(self):
        import coverage

        self.file = Path(os.environ["LIBRARY_MAP"])
        self.coverage = coverage.Coverage(data_file=f"{self.file}.data", config_file=False, source=["src"])
        self.coverage.set_option("run:disable_warnings", ["dynamic-conflict"])
        self.coverage.start()
        self.seconds, self.failed, self.spawning = collections.Counter(), [], set()
        self.context, self.function, self.items, self.shown = "", "", [], time.monotonic()
        sys.addaudithook(self.started)

    def started(self, event, arguments):
        if event in ("subprocess.Popen", "os.posix_spawn"):
            self.spawning.add(self.context)

    def enter(self, context):
        self.context = context
        self.coverage.switch_context(context)

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(self, collector):
        if isinstance(collector, pytest.File):
            self.enter(f"import {os.path.relpath(collector.path, ROOT)}")
        result = yield
        self.enter("")
        return result

    def pytest_collection_finish(self, session):
        self.items = session.items
        self.caches = caches()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item):
        function = item.nodeid.partition("[")[0]
        if function != self.function:  # else only the first test that asks for a value would run the lines that make it
            self.function = function
            for cache in self.caches:
                cache.cache_clear()
        self.enter(item.nodeid)
        started, clock = time.process_time() + children(), time.monotonic()
        result = yield
        self.seconds[item.nodeid] += time.process_time() + children() - started
        if self.spawning & {item.nodeid, *shared_fixtures(item)}:  # of a process that runs on, only the clock knows
            self.seconds[item.nodeid] = time.monotonic() - clock
        self.enter("")
        if time.monotonic() - self.shown > 30:
            self.shown = time.monotonic()
            print(f"library: {len(self.seconds)} of {len(self.items)} tests mapped", file=sys.__stderr__, flush=True)
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef, request):
        if fixturedef.scope == "function":
            return (yield)
        before = self.context
        self.enter(f"fixture {fixturedef.baseid} {fixturedef.argname}")
        started = time.process_time() + children()
        try:
            return (yield)
        finally:
            spent = time.process_time() + children() - started
            self.seconds[self.context] += spent
            self.seconds[before] -= spent
            self.enter(before)

    def pytest_runtest_logreport(self, report):
        if report.failed:
            self.failed.append(report.nodeid)

    def pytest_sessionfinish(self):
        self.coverage.stop()
        data = self.coverage.get_data()
        lines, numbers = {}, {}  # contexts are named once, and numbered
        for file in data.measured_files():
            if file.startswith(ROOT):
                lines[os.path.relpath(file, ROOT)] = {
                    line: sorted(numbers.setdefault(name, len(numbers)) for name in set(names) - {""})
                    for line, names in data.contexts_by_lineno(file).items()
                }
        tests = {
            item.nodeid: {
                "seconds": self.seconds[item.nodeid],
                "fixtures": shared_fixtures(item),
                "file": os.path.relpath(item.path, ROOT),
            }
            for item in self.items
        }
        self.file.write_text(
            json.dumps(
                {
                    "tests": tests,
                    "fixtures": {name: s for name, s in self.seconds.items() if name.startswith("fixture ")},
                    "contexts": list(numbers),
                    "lines": lines,
                    "failed": sorted(set(self.failed)),
                    "spawning": sorted(self.spawning - {""}),
                }
            ),
            "utf-8",
        )
        self.coverage.erase()


def children():
    """Return the processor time of the processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def shared_fixtures(item):
    """Return the contexts of the fixtures that a test shares with others."""
    definitions = getattr(getattr(item, "_fixtureinfo", None), "name2fixturedefs", {})
    return sorted(
        {
            f"fixture {definition.baseid} {name}"
            for name in getattr(item, "fixturenames", ())
            for definition in definitions.get(name, ())[-1:]
            if definition.scope != "function" and not name.startswith("_")
        }
    )


def caches():
    """Return what `functools` keeps of functions in this checkout."""
    kept = [found for found in gc.get_objects() if type(found) is functools._lru_cache_wrapper]
    return [cache for cache in kept if source(cache.__wrapped__).startswith(ROOT)]


def source(function):
    code = getattr(function, "__code__", None)
    return code.co_filename if code else ""


class Runs:
    """Forks for jobs."""

    def __init__(self):
        self.jobs = os.fdopen(int(os.environ["LIBRARY_JOBS"]), "r")
        self.results = os.fdopen(int(os.environ["LIBRARY_RESULTS"]), "w")
        self.job, self.pipe = None, None

    def serve(self):
        """Fork for each job; return in the fork, and end with the last job."""
        print(json.dumps({"ready": True}), file=self.results, flush=True)
        for line in self.jobs:
            job = json.loads(line)
            scratch = tempfile.mkdtemp(prefix="library-")
            reading, writing = os.pipe()
            child = os.fork()
            if child == 0:
                os.close(reading)
                self.begin(job, scratch, writing)
                return
            os.close(writing)
            print(json.dumps(await_child(child, reading)), file=self.results, flush=True)
            shutil.rmtree(scratch, ignore_errors=True)
        shutil.rmtree(Path(ROOT, ".hypothesis"), ignore_errors=True)
        os._exit(0)

    def fail(self, what):
        print(json.dumps({"ready": False, "failed": what}), file=self.results, flush=True)
        os._exit(2)

    def begin(self, job, scratch, pipe):
        os.setpgid(0, 0)
        os.environ["TMPDIR"] = tempfile.tempdir = scratch
        self.job, self.pipe = job, pipe
        self.allow(job["start"], "start")
        size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        resource.setrlimit(resource.RLIMIT_DATA, (size + GROWTH, size + GROWTH))  # V8 reserves more than it may use
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    def allow(self, seconds, what):
        """Let what comes next use processor time and, in vain or for other processes, more of the clock's."""
        spent = time.process_time()
        hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
        resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(spent + seconds), hard))
        os.write(self.pipe, f"{30 + 4 * seconds} {what}\n".encode())

    def end(self, status, by=""):
        if by:
            os.write(self.pipe, f"30 {by}\n".encode())
        os._exit(status)

    def chosen(self, items):
        """Return the job's tests in its order; a test that the mutant renamed stands for those of its function."""
        order = {nodeid: place for place, nodeid in enumerate(self.job["tests"])}
        bases = {nodeid.split("[")[0]: place for nodeid, place in order.items()}
        present = {item.nodeid for item in items}
        lost = {base for base in bases if any(n.split("[")[0] == base for n in set(order) - present)}
        places = [
            (order.get(item.nodeid, bases.get(item.nodeid.split("[")[0], 0)), item)
            for item in items
            if item.nodeid in order or item.nodeid.split("[")[0] in lost
        ]
        return [item for _, item in sorted(places, key=lambda pair: pair[0])]

    def run(self, session, items):
        config = session.config
        if hasattr(config, "_tmp_path_factory"):
            config._tmp_path_factory._basetemp = Path(tempfile.mkdtemp())
        seconds = dict(zip(self.job["tests"], self.job["seconds"], strict=True))
        for item, following in zip(items, [*items[1:], None], strict=True):
            self.allow(seconds.get(item.nodeid, self.job["start"]), item.nodeid)
            config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        self.end(SURVIVED)

    def pytest_runtest_logreport(self, report):
        if report.failed:
            self.end(KILLED, report.nodeid)

    def pytest_collectreport(self, report):
        if report.failed and self.job:
            self.end(KILLED, report.nodeid)


def await_child(child, pipe):
    """Wait for a fork, as long as it says that its next step may take; return how it ended."""
    heard, deadline = b"", time.monotonic() + 30
    while (left := deadline - time.monotonic()) > 0 and select.select([pipe], [], [], left)[0]:
        more = os.read(pipe, 1 << 16)
        if not more:
            break
        heard = (heard + more)[-(1 << 16) :]
        deadline = time.monotonic() + float(heard.rstrip(b"\n").rpartition(b"\n")[2].partition(b" ")[0])
    os.close(pipe)
    late = left <= 0 or deadline <= time.monotonic()
    if late:
        kill(child)
    _, status, used = os.wait4(child, 0)
    kill(child)  # and what it started
    if late or (os.WIFSIGNALED(status) and os.WTERMSIG(status) in (signal.SIGXCPU, signal.SIGKILL)):
        verdict = "time"
    elif os.WIFSIGNALED(status):
        verdict = f"signal {os.WTERMSIG(status)}"
    else:
        names = {SURVIVED: "survived", KILLED: "failed", COLD: "cold"}
        verdict = names.get(os.WEXITSTATUS(status), f"status {os.WEXITSTATUS(status)}")
    by = heard.decode(errors="replace").strip().rpartition("\n")[2].partition(" ")[2]
    return {"verdict": verdict, "by": by, "seconds": round(used.ru_utime + used.ru_stime, 3)}


def kill(group):
    try:
        os.killpg(group, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass


class Warm(Runs):
    """Everything is collected: a fork changes functions in place."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_finish(self, session):
        gc.collect()
        self.functions = collections.defaultdict(list)
        for found in gc.get_objects():
            if type(found) is types.FunctionType and found.__code__.co_filename.startswith(ROOT):
                self.functions[os.path.relpath(found.__code__.co_filename, ROOT)].append(found)
        self.caches = caches()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session):
        if session.testsfailed:
            self.fail("the suite cannot be collected")
        self.serve()
        if "file" in self.job and not self.put(self.job["file"], self.job["source"]):
            self.end(COLD)
        for cache in self.caches:
            cache.cache_clear()
        self.run(session, self.chosen(session.items))

    def put(self, file, text):
        """Give every function of a file the code that it has in another version; whether that is all of the change."""
        old = list(codes(compile(Path(file).read_text("utf-8"), file, "exec", dont_inherit=True)))
        new = list(codes(compile(text, file, "exec", dont_inherit=True)))
        pairs = dict(zip(old, new, strict=True)) if len(old) == len(new) else {}
        changed = False
        for function in self.functions[file]:
            code = pairs.get(function.__code__)
            if code is not None and code != function.__code__:
                try:
                    function.__code__ = code.replace(co_filename=function.__code__.co_filename)
                except ValueError:  # other free variables
                    return False
                changed = True
        return changed


def codes(code):
    """Yield a code object, and those that are made when it runs."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from codes(constant)


class Cold(Runs):
    """Nothing is collected, so that nothing of the library is imported: a fork does it all."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self, session):
        for name in os.environ.get("LIBRARY_IMPORTS", "").split():
            try:
                __import__(name)
            except Exception:  # the test that imports it says why
                pass
        if set(os.environ["LIBRARY_PACKAGES"].split()) & set(sys.modules):
            self.fail("the library is imported before there is a mutant")
        gc.collect()
        gc.freeze()
        self.serve()
        sys.dont_write_bytecode = True
        os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
        session.config.args = list(dict.fromkeys(self.job["files"]))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session):
        self.run(session, self.chosen(session.items))
