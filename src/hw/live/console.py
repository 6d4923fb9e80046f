"""A snippet run as at a terminal: what it prints, the values of its expressions, and the error that ends it."""

import ast
import linecache
import sys
import traceback
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO, TextIOBase
from types import CodeType, ModuleType

__all__ = ["MOST", "run"]

FILE = "<snippet>"
MOST = 100_000  # characters of output
LONGEST = 20_000  # of code


class _Full(BaseException):
    """More was printed than a page should hold."""


class _Screen(TextIOBase):
    """What is written goes to the page at once, as long as there is room."""

    def __init__(self, show: Callable[[str], None]) -> None:
        self.show, self.room = show, MOST

    def write(self, text: str) -> int:
        if self.room <= 0:
            raise _Full
        self.show(text[: self.room])
        self.room -= len(text)
        if self.room < 0:
            raise _Full
        return len(text)


def run(code: str, show: Callable[[str], None]) -> bool:
    r"""Run code statement by statement, as an interactive interpreter does.

    Args:
        code: Python, without prompts.
        show: Called with each piece of output.

    Returns:
        Whether it ran to its end.

    Raises:
        ValueError: If the code is longer than a page should run.

    Examples:
        >>> from hw.live.console import run
        >>> shown = []
        >>> run("a = 2\na + 1\nprint(a)", shown.append)
        True
        >>> "".join(shown)
        '3\n2\n'
    """
    if len(code) > LONGEST:
        raise ValueError(f"code must have at most {LONGEST} characters, got {len(code)}")
    screen, session = _Screen(show), ModuleType("__main__")  # a module, since classes look theirs up
    linecache.cache[FILE] = (len(code), None, code.splitlines(keepends=True), FILE)
    own, sys.modules["__main__"] = sys.modules["__main__"], session
    keyboard, sys.stdin = sys.stdin, StringIO()  # which no page has
    try:
        with redirect_stdout(screen), redirect_stderr(screen):
            for statement in _statements(code):
                exec(statement, vars(session))
    except _Full:
        show(f"\n… and more: the output stops after {MOST} characters\n")
        return False
    except BaseException as error:  # such as SystemExit: whatever ends the code ends it alone
        show(_told(error))
        return False
    finally:
        sys.modules["__main__"], sys.stdin = own, keyboard
    return True


def _statements(code: str) -> list[CodeType]:
    """The statements, each compiled so that the value of an expression is shown."""
    return [compile(ast.Interactive([statement]), FILE, "single") for statement in ast.parse(code, FILE).body]


def _told(error: BaseException) -> str:
    """The traceback, from the snippet's own frame on; code that cannot be read has none."""
    told = traceback.TracebackException(type(error), error, error.__traceback__)
    own = next((place for place, frame in enumerate(told.stack) if frame.filename == FILE), None)
    if own is None:
        return "".join(told.format_exception_only())
    del told.stack[:own]
    return "".join(told.format())
