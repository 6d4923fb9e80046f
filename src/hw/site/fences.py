"""The code fences of a Markdown page."""

import doctest
import re
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from typing import Any

__all__ = ["Fence", "execute", "fences", "source"]

FENCE = re.compile(
    r"^(?P<indent> *)(?P<ticks>`{3,})(?P<info>[^\n`]*)\n(?P<code>.*?)^(?P=indent)(?P=ticks) *$",
    re.DOTALL | re.MULTILINE,
)
OPTION = re.compile(r'([\w-]+)="([^"]*)"')


@dataclass(frozen=True)
class Fence:
    """One fenced block: where it starts, its language, its options and its text."""

    line: int
    language: str
    options: dict[str, str]
    code: str


def fences(markdown: str) -> Iterator[Fence]:
    '''Fenced blocks of a page, in order.

    Args:
        markdown: The text of the page.

    Yields:
        The blocks; their first line is counted from 1.

    Examples:
        >>> from hw.site.fences import fences
        >>> page = """
        ... ```pycon exec="on" session="sum"
        ... >>> print(1 + 1)
        ... 2
        ...
        ... ```
        ... """
        >>> [(fence.language, fence.options["session"]) for fence in fences(page)]
        [('pycon', 'sum')]
    '''
    for match in FENCE.finditer(markdown):
        language, _, options = match["info"].strip().partition(" ")
        code = re.sub(rf"^{match['indent']}", "", match["code"], flags=re.MULTILINE)
        yield Fence(markdown.count("\n", 0, match.start()) + 1, language, dict(OPTION.findall(options)), code)


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
