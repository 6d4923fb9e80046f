"""Blocks of code on the pages, and how each is run; those that nothing runs, whose number is held at zero."""

import ast
import doctest
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path

from hw.checked_math.document import Fence, fences
from hw.checked_math.pages import check_text

__all__ = [
    "Block",
    "blocks",
    "blocks_of_docstrings",
    "blocks_of_notebook",
    "blocks_of_page",
    "blocks_table",
    "commands",
]

PYTHON = {"python", "pycon", "py"}
NOT_RUN = ""
WITH_PAGE = "Python on pages, run when the site is built and tested alone"
IN_DRAWING = "Python that draws figures and tables, run when the site is built"
IN_NOTEBOOK = "cells of notebooks, run when the site is built"
IN_EXAMPLE = "examples of docstrings and of the README, run by doctest"
AS_FORMULA = "formulas, checked or bound to a test or a source, see the ledger"
AS_PAGE = "Markdown to copy, whose formulas are checked"
IN_SHELL = "shell commands, left to the deep checks; the ledger says when these last ran them"
RUNNABLE = re.compile(r"(?:python3 dev\.py|python -m hw\.|torchrun .*-m hw\.)")


@dataclass(frozen=True)
class Block:
    """A block of code.

    Attributes:
        file: Its file, from the root of the checkout.
        line: Where it begins, from 1.
        code: Its text.
        run: How it is run; empty if nothing runs it.
        why: Why nothing runs it.
    """

    file: str
    line: int
    code: str
    run: str
    why: str = ""


def blocks_of_page(markdown: str, file: str = "page.md") -> Iterator[Block]:
    r"""Blocks of a page.

    Args:
        markdown: Its text.
        file: Its name.

    Yields:
        A block for each fence.

    Examples:
        >>> from hw.site.blocks import blocks_of_page
        >>> page = "```sh\npython -m hw.checked_math page.md\nrm -r /\n```\n"
        >>> [(block.run, block.why) for block in blocks_of_page(page)]
        [('', 'no check runs `rm -r /`')]
    """
    for fence in fences(markdown):
        run, why = _page_run(fence, file)
        yield Block(file, fence.line, fence.code, run, why)


def blocks_of_docstrings(source: str, file: str = "module.py") -> Iterator[Block]:
    """Examples of the docstrings of a module.

    Args:
        source: Its text.
        file: Its name.

    Yields:
        A block for each docstring with examples; those with an example that doctest skips are not run.
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            examples = doctest.DocTestParser().get_examples(ast.get_docstring(node, clean=False) or "")
            if examples:
                yield _example(file, getattr(node, "lineno", 1), examples)


def blocks_of_notebook(source: str, file: str = "notebook.py") -> Iterator[Block]:
    """Cells of a notebook in jupytext's percent format.

    Args:
        source: Its text.
        file: Its name.

    Yields:
        A block for each cell with code.
    """
    import jupytext

    for number, cell in enumerate(jupytext.reads(source, fmt="py:percent").cells, 1):
        if cell.cell_type == "code":
            yield Block(file, number, cell.source, IN_NOTEBOOK)
        elif cell.cell_type == "markdown":
            yield from blocks_of_page(cell.source, file)


def blocks(root: Path = Path()) -> list[Block]:
    """All blocks of the site and of the README.

    Args:
        root: The checkout.

    Returns:
        The blocks, file by file.
    """
    found = []
    for path in [root / "README.md", *sorted((root / "docs").rglob("*.md"))]:
        found += blocks_of_page(path.read_text("utf-8"), path.relative_to(root).as_posix())
    for path in sorted((root / "docs").rglob("*.py")):
        found += blocks_of_notebook(path.read_text("utf-8"), path.relative_to(root).as_posix())
    for path in sorted((root / "src/hw").rglob("*.py")):
        found += blocks_of_docstrings(path.read_text("utf-8"), path.relative_to(root).as_posix())
    return found


def commands(root: Path = Path()) -> list[str]:
    """Each shell command that a page or the README shows, once, without its comment.

    Args:
        root: The checkout.

    Returns:
        The commands, in order of appearance.
    """
    shown = (_lines(block.code) for block in blocks(root) if block.run == IN_SHELL)
    return list(dict.fromkeys(line for lines in shown for line in lines))


def blocks_table(root: Path = Path()) -> str:
    """How many blocks are run in which way, and a list of those that are not.

    Args:
        root: The checkout.

    Returns:
        HTML.
    """
    found = blocks(root)
    counts = Counter(block.run for block in found)
    left = [block for block in found if not block.run]
    rows = [(name, count) for name, count in counts.most_common() if name] + [("not run; none may be", len(left))]
    body = "".join(f'<tr><th scope="row">{escape(name)}</th><td>{count}</td></tr>' for name, count in rows)
    items = "".join(
        f"<li><code>{escape(block.file)}</code>, line {block.line}: {escape(block.why)}</li>" for block in left
    )
    return f'<table class="totals"><tbody>{body}</tbody></table>' + (f"<ul>{items}</ul>" if items else "")


def _page_run(fence: Fence, file: str) -> tuple[str, str]:
    if fence.language == "math":
        return AS_FORMULA, ""
    if fence.language in PYTHON and file == "README.md":
        examples = doctest.DocTestParser().get_examples(fence.code)
        return (IN_EXAMPLE, "") if examples else (NOT_RUN, "it has no prompts, so doctest passes over it")
    if fence.language in PYTHON:
        run = IN_DRAWING if fence.options.get("html") == "on" else WITH_PAGE
        return (run, "") if fence.options.get("exec") == "on" else (NOT_RUN, 'its fence lacks exec="on"')
    if fence.language == "md":
        records = check_text(fence.code, file)
        good = records and all(record.ok for record in records)
        return (AS_PAGE, "") if good else (NOT_RUN, "it has no formula that is checked")
    if fence.language == "sh":
        unknown = [line for line in _lines(fence.code) if not RUNNABLE.match(line)]
        return (NOT_RUN, f"no check runs `{unknown[0]}`") if unknown else (IN_SHELL, "")
    return NOT_RUN, f"nothing runs {fence.language or 'a block without a language'}"


def _example(file: str, line: int, examples: list[doctest.Example]) -> Block:
    code = "".join(example.source for example in examples)
    skipped = any(example.options.get(doctest.SKIP) for example in examples)
    return (
        Block(file, line, code, NOT_RUN, "doctest is told to skip it")
        if skipped
        else Block(file, line, code, IN_EXAMPLE)
    )


def _lines(code: str) -> list[str]:
    lines = (line.partition(" #")[0].strip() for line in code.splitlines())
    return [line for line in lines if line and not line.startswith("#")]
