"""Run programs, each in a copy of this process, which has imported what takes long: a program for a fresh interpreter.

Its arguments are modules, imported where they are installed. Each line of standard input is an object in JSON: `run`,
a program and its arguments, `folder`, where it runs, and in it the files `given`, `printed` and `errors`. For each the
exit status is written, in a line. Standard library only.
"""

import gc
import json
import os
import runpy
import sys
from contextlib import suppress
from importlib import import_module
from tempfile import TemporaryFile


def loaded(modules: list[str]) -> bytes:
    """Import modules; return what they print as errors, which each program would have printed too."""
    kept = os.dup(2)
    with TemporaryFile() as file:
        os.dup2(file.fileno(), 2)
        for module in modules:
            with suppress(ImportError):
                import_module(module)
        os.dup2(kept, 2)
        file.seek(0)
        return file.read()


def become(task: dict, errors: bytes) -> None:
    """Be the process of a program: its folder, its arguments, its standard streams."""
    os.chdir(task["folder"])
    os.environ["HOME"] = task["folder"]
    for number, name in enumerate(("given", "printed", "errors")):
        os.dup2(os.open(name, os.O_RDWR | os.O_CREAT), number)
    os.write(2, errors)
    sys.argv = task["run"]


if __name__ == "__main__":
    errors = loaded(sys.argv[1:])
    gc.freeze()  # a copy does not look through what it never made
    for line in sys.stdin:
        copy = os.fork()
        if not copy:
            become(json.loads(line), errors)
            break
        print(os.waitstatus_to_exitcode(os.waitpid(copy, 0)[1]), flush=True)
    else:
        sys.exit()
    runpy.run_path(sys.argv[0], run_name="__main__")
