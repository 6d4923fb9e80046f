r"""Pages to download as notebooks: the prose as it is, and the snippets as cells with the outputs that the page shows.

A notebook is made of the page's Markdown, and of its HTML where the Markdown only names what the build has found:
outputs, computed values and the addresses of links. What draws a figure is left out, and its caption is kept.
"""

import html
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from hw.checked_math.document import FENCE, Fence, fences
from hw.site.computed import PATTERN
from hw.site.fences import source
from hw.site.notebooks import downloadable
from hw.site.runnable import NOTEBOOK, snippets

__all__ = ["notebook", "write"]

CANONICAL = re.compile(r'<link rel="canonical" href="([^"]+)">')
INSTALL = re.compile(r"<code>(pip install [^<]+)</code>")
COMPUTED = re.compile(r'<span class="computed" title="([^"]*), computed with this page">(.*?)</span>', re.DOTALL)
FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
KEPT = re.compile(r"(`[^`\n]+`|\$[^$]+\$)")  # code and mathematics in a line
LINK = re.compile(r"\]\((?!https?:)([^()\s]+)\)|\]\[(hw[\w.]*)\]")
HEADING = re.compile(r"^(?=#{1,6} )", re.MULTILINE)
TARGET = re.compile(r'<a\b[^>]*\bhref="([^"]*#[^"]*)"')
SOURCE = re.compile(r"^(.*)\.(?:md|py)$")
BLANK = re.compile(r"\n{3,}")
CAPTION = "<figcaption>"
SITE_ONLY = (  # what the site's extensions read, and what stands for it
    (re.compile(r"^/// details \| (.*)$", re.MULTILINE), r"**\1**\n"),
    (re.compile(r"^///.*$", re.MULTILINE), ""),
    (re.compile(r"^ *\{:? [^{].*\}$", re.MULTILINE), ""),
    (re.compile(r"^</?(?:figure|div)\b[^>]*>$|</figcaption>$", re.MULTILINE), ""),
    (re.compile(r"^<figcaption[^>]*>\n?", re.MULTILINE), CAPTION),
)


def write(root: Path, site: Path) -> None:
    """Put the notebooks that pages of a built site offer beside these pages.

    Args:
        root: The checkout.
        site: The folder.

    Raises:
        RuntimeError: If a page has what its notebook cannot have.
    """
    for path in sorted(site.glob("*/index.html")):
        page, name = path.read_text("utf-8"), path.parent.name
        offer = NOTEBOOK.search(page)
        if offer and offer[1] == f"../{name}.ipynb":
            try:
                text = notebook((root / f"docs/{name}.md").read_text("utf-8"), page)
            except ValueError as error:
                raise RuntimeError(f"{name}.ipynb: {error}") from None
            (site / f"{name}.ipynb").write_text(text, "utf-8")


def notebook(markdown: str, page: str) -> str:
    """A page as a notebook.

    Args:
        markdown: The page's text.
        page: The HTML that the site has made of it.

    Returns:
        JSON, the same for the same page. The first cell installs what the page says.

    Raises:
        ValueError: If the HTML is not that of the text.
    """
    install, address = INSTALL.search(page), CANONICAL.search(page)
    if not install or not address:
        raise ValueError("page must have an address and say what to install, got one that does not")
    cells = [new_code_cell(f"%{html.unescape(install[1])}"), *_cells(markdown, page, address[1])]
    for number, cell in enumerate(cells):
        cell.id = f"cell-{number}"
    return downloadable(new_notebook(cells=cells))


def _cells(markdown: str, page: str, address: str) -> Iterator[NotebookNode]:
    shown = {_lines(snippet.code): snippet.shown for snippet in snippets(page)}
    prose, figures = _Prose(page, address), 0
    for text, fence in _pieces(FRONT_MATTER.sub("", markdown)):
        if fence is None:
            prose.add(text)
            figures += text.count("<figure") - text.count("</figure")
        elif fence.language == "pycon":
            code = source(fence)
            if _lines(code) not in shown:
                raise ValueError(f"page must show every snippet of its text, got none that is {code!r}")
            yield from prose.cells()
            yield _snippet(code, shown[_lines(code)])
        elif fence.options.get("exec") != "on":
            prose.blocks[-1] += text
        elif not figures:
            prose.blocks[-1] += f"[Shown on the page]({address})."
    yield from prose.cells()
    prose.end()


def _pieces(markdown: str) -> Iterator[tuple[str, Fence | None]]:
    """The text between fences, and the fences."""
    end = 0
    for match, fence in zip(FENCE.finditer(markdown), fences(markdown), strict=True):
        yield markdown[end : match.start()], None
        yield match[0], fence
        end = match.end()
    yield markdown[end:], None


def _lines(code: str) -> tuple[str, ...]:
    """The lines of a snippet; on the page it has no blank ones."""
    return tuple(line for line in code.splitlines() if line)


def _snippet(code: str, shown: str) -> NotebookNode:
    printed = [new_output("stream", name="stdout", text=shown.rstrip("\n") + "\n")] if shown.strip() else []
    return new_code_cell(code.rstrip("\n"), outputs=printed)


class _Prose:
    """Prose that is gathered for the next cells, a cell for each heading."""

    def __init__(self, page: str, address: str) -> None:
        self.address, self.blocks = address, [""]
        self.targets = {html.unescape(target) for target in TARGET.findall(page)}
        self.values: dict[str, list[str]] = {}
        for expression, value in COMPUTED.findall(page):
            self.values.setdefault(html.unescape(expression), []).append(html.unescape(value))

    def add(self, text: str) -> None:
        """Add Markdown of the site, without fences, as Markdown of a notebook."""
        text = re.sub(PATTERN, self._value, text)
        for pattern, plain in SITE_ONLY:
            text = pattern.sub(plain, text)
        text = text.replace(CAPTION, f"[Figure on the page]({self.address}): ")
        text = "".join(
            part if number % 2 else LINK.sub(self._link, part) for number, part in enumerate(KEPT.split(text))
        )
        first, *others = HEADING.split(text)
        self.blocks[-1] += first
        self.blocks += others

    def cells(self) -> Iterator[NotebookNode]:
        """What has been gathered."""
        for block in self.blocks:
            if block.strip():
                yield new_markdown_cell(BLANK.sub("\n\n", block).strip())
        self.blocks = [""]

    def end(self) -> None:
        """See that no value is left, which would belong to another text."""
        left = [expression for expression, values in self.values.items() if values]
        if left:
            raise ValueError(f"page must have the values of its text only, got also {left[0]!r}")

    def _value(self, match: re.Match[str]) -> str:
        values = self.values.get(match[2])
        if not values:
            raise ValueError(f"page must have a value for each expression of its text, got none for {match[2]!r}")
        return values.pop(0)

    def _link(self, match: re.Match[str]) -> str:
        if match[2]:
            found = next((target for target in self.targets if target.endswith(f"#{match[2]}")), None)
            if not found:
                raise ValueError(f"page must link to each object that its text names, got no link to {match[2]}")
            return f"]({urljoin(self.address, found)})"
        path, sign, anchor = match[1].partition("#")
        folder = SOURCE.sub(r"../\1/", path).replace("../index/", "../")
        return f"]({urljoin(self.address, folder + sign + anchor)})"
