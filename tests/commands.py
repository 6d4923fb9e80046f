"""Commands, each in a copy of one process that has imported what they need: importing takes most of their time.

A copy is a process of its own, with its own folder, output, exit status, memory limit and a minute of time.
"""

import gc
import importlib
import json
import os
import resource
import runpy
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

SECONDS = 60  # after which a hang is a failure


class Commands:
    """Runs `python -m module` again and again; a context manager, which ends the process that is copied."""

    def __init__(self, module, imported, memory=resource.RLIM_INFINITY, **variables):
        self.scratch = tempfile.TemporaryDirectory()
        self.files = [str(Path(self.scratch.name, name)) for name in ("out", "err")]
        environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1] / "src"), "PYTHONIOENCODING": "utf-8"}
        self.process = subprocess.Popen(
            [sys.executable, __file__, module, str(memory), *imported],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment | variables,
            text=True,
        )

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
        self.scratch.cleanup()

    def run(self, *arguments, folder):
        """What the command writes and its exit status; minus the signal's number if a signal ended it."""
        arguments = list(map(str, arguments))
        print(json.dumps([arguments, str(folder), *self.files]), file=self.process.stdin, flush=True)
        status = int(self.process.stdout.readline())
        out, err = (Path(file).read_text("utf-8") for file in self.files)
        return subprocess.CompletedProcess(arguments, status, out, err)


def serve(module, memory, *imported):
    for name in imported:
        importlib.import_module(name)
    gc.freeze()  # what is imported stays: a copy need not look through it
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            become(module, int(memory), *json.loads(line))
            return
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def become(module, memory, arguments, folder, out, err):
    for stream, file in ((sys.stdout, out), (sys.stderr, err)):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream.fileno())
    os.chdir(folder)
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    signal.alarm(SECONDS)
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    serve(*sys.argv[1:])
