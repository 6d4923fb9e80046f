"""Snippets that a reader can run in the page: those that need the standard library and this package only.

Which these are is found out by running all of them, in a Python that can import nothing else, with the console that
runs them in the page. One is marked if it prints what the page shows.
"""

import doctest
import html
import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from hw.live.console import run

__all__ = ["Snippet", "mark", "outputs", "snippets"]

CODE = r"<pre><span></span><code>((?:(?!</code>).)*)</code></pre></div>"
BLOCK = re.compile(
    rf'<div class="language-pycon highlight"(?: data-widget="run")?>{CODE}'
    rf'(?:\s*<div class="language-text highlight">{CODE})?',
    re.DOTALL,
)
PLAIN = '<div class="language-pycon highlight"'
FOLD = re.compile(r"<(/?)details\b")
NOTEBOOK = re.compile(r'<a href="([^"]+\.ipynb)" download>')
NEEDS = "What needs more than the standard library, such as PyTorch, does not run in the page."
LONGEST = 2.0  # seconds of this Python, which is some times as fast as the page's


@dataclass(frozen=True)
class Snippet:
    """A snippet of a page: its code without prompts, the output that is shown with it, and where it begins."""

    code: str
    shown: str
    start: int


def snippets(page: str) -> Iterator[Snippet]:
    r"""The snippets of a built page, in order.

    Args:
        page: The page's HTML.

    Yields:
        Those with prompts; what they show stands in them, or in a block of its own beneath.

    Examples:
        >>> from hw.site.runnable import snippets
        >>> block = '<div class="language-pycon highlight"><pre><span></span><code>{}</code></pre></div>'
        >>> [(found.code, found.shown) for found in snippets(block.format("&gt;&gt;&gt; 1 + 1\n2\n"))]
        [('1 + 1\n', '2\n')]
    """
    for match in BLOCK.finditer(page):
        examples = doctest.DocTestParser().get_examples(_text(match[1]))
        shown = "".join(example.want for example in examples) if match[2] is None else _text(match[2])
        yield Snippet("".join(example.source for example in examples), shown, match.start())


def outputs(codes: list[str]) -> list[str | None]:
    r"""What snippets print where there is nothing but the standard library and this package.

    Args:
        codes: The snippets, each of which runs alone.

    Returns:
        The output of each; None for one that fails, or runs for too long.

    Raises:
        RuntimeError: If they cannot be run.

    Examples:
        >>> from hw.site.runnable import outputs
        >>> outputs(["1 + 1", "import numpy"])
        ['2\n', None]
    """
    package = Path(__file__).parents[1]
    with TemporaryDirectory() as folder:
        (Path(folder) / package.name).symlink_to(package)
        found = subprocess.run(  # without the environment's packages, in a folder that has this one
            [sys.executable, "-ESs", "-m", __name__],
            cwd=folder,
            input=json.dumps(codes),
            capture_output=True,
            text=True,
        )
    if found.returncode:
        raise RuntimeError(f"snippets cannot be run: {found.stderr.strip()[-300:]}")
    answer: list[str | None] = json.loads(found.stdout)
    return answer


def mark(site: Path) -> None:
    """Mark the snippets of a built site that run in the page, and say of the others, once a page, that they do not.

    Args:
        site: The folder.

    Raises:
        RuntimeError: If the snippets cannot be run.
    """
    pages = {path: path.read_text("utf-8") for path in sorted(site.rglob("*.html"))}
    found = {path: list(snippets(page)) for path, page in pages.items()}
    codes = list(dict.fromkeys(snippet.code for own in found.values() for snippet in own))
    printed = dict(zip(codes, outputs(codes), strict=True))
    for path, own in found.items():
        runs = [_same(printed[snippet.code], snippet.shown) for snippet in own]
        if own:
            path.write_text(_marked(pages[path], own, runs), "utf-8")


def _marked(page: str, own: list[Snippet], runs: list[bool]) -> str:
    others = [snippet.start for snippet, fit in zip(own, runs, strict=True) if not fit]
    told = next((start for start in others if not _folded(page[:start])), min(others, default=None))
    for snippet, fit in reversed(list(zip(own, runs, strict=True))):
        before, after = page[: snippet.start], page[snippet.start :]
        if fit:
            after = after.replace(PLAIN, f'{PLAIN} data-widget="run"', 1)
        elif snippet.start == told:
            before += _note(page)
        page = before + after
    return page


def _note(page: str) -> str:
    notebook = NOTEBOOK.search(page)
    offer = f' <a href="{notebook[1]}" download>This page as a notebook</a> has all of it.' if notebook else ""
    return f'<div class="margin needs">{NEEDS}{offer}</div>\n'


def _folded(before: str) -> bool:
    """Whether a place is in a block that is folded."""
    signs = [-1 if match[1] else 1 for match in FOLD.finditer(before)]
    return sum(signs) > 0


def _same(printed: str | None, shown: str) -> bool:
    return printed is not None and printed.rstrip() == shown.rstrip()


def _text(shown: str) -> str:
    return html.unescape(re.sub(r"<[^>]*>", "", shown))


def _output(code: str) -> str | None:
    """Run a snippet in this process, for as long as may be."""
    pieces: list[str] = []
    signal.setitimer(signal.ITIMER_PROF, LONGEST)
    try:
        ended = run(code, pieces.append)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return "".join(pieces) if ended else None


def _too_long(*_: object) -> None:
    raise TimeoutError(f"it runs for more than {LONGEST} seconds")


def _main() -> None:
    answers, sys.stdout = sys.stdout, sys.stderr
    signal.signal(signal.SIGPROF, _too_long)
    json.dump([_output(code) for code in json.load(sys.stdin)], answers)


if __name__ == "__main__":
    _main()
