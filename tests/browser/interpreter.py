"""An environment's interpreter, fresh for each program, without the wait for what all of them import."""

import ast
import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

__all__ = ["Interpreter"]

FORKED = Path(__file__).with_name("forked.py")
SLOW = ("torch",)  # what takes seconds to import
LONGEST = 120  # seconds that a program may take


class Interpreter:
    """Runs programs, which see neither the environment that runs this nor its folder.

    One that imports the standard library only gets a process that has imported nothing. Any other gets a copy of a
    process that has imported PyTorch, where it is installed, and nothing else.
    """

    def __init__(self, python: Path, longest: float = LONGEST) -> None:
        """Take the interpreter's path."""
        self.python, self.longest = python, longest
        self.command = [str(python), "-I", "-X", "utf8"]
        self.environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        self.idle: list[subprocess.Popen[str]] = []

    def run(self, program: Path, given: str = "", code: str = "") -> subprocess.CompletedProcess[str]:
        """Run a program.

        Args:
            program: Its file.
            given: Its standard input.
            code: What is run in the end, if it is not the program itself.

        Returns:
            Its exit status, and what it printed.

        Raises:
            TimeoutExpired: If it does not end in time.
        """
        with TemporaryDirectory() as folder:
            if imported(code or program.read_text("utf-8")) <= sys.stdlib_module_names:
                return subprocess.run(
                    [*self.command, str(program)],
                    input=given,
                    capture_output=True,
                    encoding="utf-8",
                    timeout=self.longest,
                    cwd=folder,
                    env={**self.environment, "HOME": folder},
                )
            return self._copied(program, Path(folder), given)

    def _copied(self, program: Path, folder: Path, given: str) -> subprocess.CompletedProcess[str]:
        (folder / "given").write_text(given, "utf-8")
        server = self.idle.pop() if self.idle else self._served()
        print(json.dumps({"run": [str(program)], "folder": str(folder)}), file=server.stdin, flush=True)
        if not select.select([server.stdout], [], [], self.longest)[0]:
            _end(server)
            raise subprocess.TimeoutExpired(str(program), self.longest)
        status = int(server.stdout.readline())
        self.idle.append(server)
        printed, errors = ((folder / name).read_text("utf-8") for name in ("printed", "errors"))
        return subprocess.CompletedProcess([str(program)], status, printed, errors)

    def _served(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*self.command, str(FORKED), *SLOW],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
            env=self.environment,
            start_new_session=True,  # it ends with its copies
        )

    def close(self) -> None:
        """End the processes that wait."""
        while self.idle:
            _end(self.idle.pop())


def imported(code: str) -> set[str]:
    """The modules that code imports, by the first part of their names; none if it cannot be read."""
    try:
        nodes = list(ast.walk(ast.parse(code)))
    except SyntaxError:
        return set()
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module]
    return {name.partition(".")[0] for name in names}


def _end(server: subprocess.Popen[str]) -> None:
    os.killpg(server.pid, signal.SIGKILL)
    server.communicate()
