"""Run pieces of code one after another in one session, as if pasted there: a program for a fresh interpreter.

It reads the pieces from standard input, a list in JSON, and writes what became of each: what it printed, the value of
its last expression included, and its exception in a line. Standard library only.
"""

import ast
import json
import sys
from contextlib import redirect_stdout
from io import StringIO
from traceback import format_exception_only
from types import ModuleType


def paste(code: str, names: dict[str, object]) -> tuple[str, str]:
    """Run a piece; an exception ends it, and the session goes on.

    Args:
        code: Statements.
        names: The session's namespace.

    Returns:
        What it prints, and its exception, empty if there is none.
    """
    printed = StringIO()
    try:
        body = ast.parse(code).body
        with redirect_stdout(printed):
            exec(compile(ast.Module(body[:-1], []), "<pasted>", "exec"), names)
            exec(compile(ast.Interactive(body[-1:]), "<pasted>", "single"), names)
    except BaseException as error:
        return printed.getvalue(), format_exception_only(error)[-1].strip()
    return printed.getvalue(), ""


if __name__ == "__main__":
    pieces = json.load(sys.stdin)
    sys.modules["__main__"] = session = ModuleType("__main__")
    json.dump([paste(piece, vars(session)) for piece in pieces], sys.stdout)
