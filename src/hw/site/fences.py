"""Running the code fences of a page."""

import doctest
from contextlib import redirect_stdout
from io import StringIO
from typing import Any

from hw.checked_math.document import Fence

__all__ = ["execute", "source"]


def source(fence: Fence) -> str:
    """The code of a fence without prompts and outputs: what the copy button gives."""
    if fence.language != "pycon":
        return fence.code
    return "".join(example.source for example in doctest.DocTestParser().get_examples(fence.code))


def execute(fence: Fence) -> tuple[dict[str, Any], str]:
    """Run a fence alone, in a fresh namespace.

    Args:
        fence: A fence in Python.

    Returns:
        The names it leaves behind, and what it prints.
    """
    namespace: dict[str, Any] = {"__name__": "__main__"}
    printed = StringIO()
    with redirect_stdout(printed):
        exec(compile(source(fence), f"<fence at line {fence.line}>", "exec"), namespace)
    return namespace, printed.getvalue()
