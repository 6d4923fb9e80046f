r"""Pages to download as notebooks: the prose as it is, and the snippets as cells with the outputs that the page shows.

A notebook is made of the page's Markdown, and of its HTML where the Markdown only names what the build has found:
outputs, computed values and the addresses of links. What draws a figure is left out, and its caption is kept.
"""

import html
import re
from collections.abc import Callable, Iterator
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
LINK = re.compile(r"\]\((?!https?:)([^()\s]+)\)|\]\[([\w.]+)\]")
HEADING = re.compile(r"^(?=#{1,6} )", re.MULTILINE)
SITE_ONLY = (  # what the site's extensions read, and what stands for it
    (re.compile(r"^/// details \| (.*)$", re.MULTILINE), r"**\1**"),
    (re.compile(r"^///.*$", re.MULTILINE), ""),
    (re.compile(r"^ *\{:.*\}$", re.MULTILINE), ""),
    (re.compile(r"^<figcaption[^>]*>\n", re.MULTILINE), "*Figure on the page.* "),
    (re.compile(r"^</?(?:figure|figcaption|div)\b[^>]*>$", re.MULTILINE), ""),
    (re.compile(r"\n{3,}"), "\n\n"),
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
        raise ValueError("page must have an address, and say what to install")
    cells = [new_code_cell(f"%{html.unescape(install[1])}"), *_cells(markdown, page, address[1])]
    for number, cell in enumerate(cells):
        cell.id = f"cell-{number}"
    return downloadable(new_notebook(cells=cells))


def _cells(markdown: str, page: str, address: str) -> Iterator[NotebookNode]:
    shown = {snippet.code: snippet.shown for snippet in snippets(page)}
    prose = ""
    for text, fence in _pieces(FRONT_MATTER.sub("", markdown)):
        if fence and fence.language == "pycon":
            yield from _prose(prose, page, address)
            prose = ""
            if source(fence) not in shown:
                raise ValueError(f"page must show the snippet of line {fence.line} of its text")
            yield _snippet(source(fence), shown[source(fence)])
        elif not fence or fence.options.get("exec") != "on":
            prose += text
    yield from _prose(prose, page, address)


def _pieces(markdown: str) -> Iterator[tuple[str, Fence | None]]:
    """The text between fences, and the fences."""
    end = 0
    for match, fence in zip(FENCE.finditer(markdown), fences(markdown), strict=True):
        yield markdown[end : match.start()], None
        yield match[0], fence
        end = match.end()
    yield markdown[end:], None


def _snippet(code: str, shown: str) -> NotebookNode:
    printed = [new_output("stream", name="stdout", text=shown.rstrip("\n") + "\n")] if shown.strip() else []
    return new_code_cell(code.rstrip("\n"), outputs=printed)


def _prose(text: str, page: str, address: str) -> Iterator[NotebookNode]:
    """Cells of prose, one for each heading."""
    raise NotImplementedError
