r"""MkDocs hook: a notebook becomes a page like any other, and a file to download.

`mkdocs-jupyter` finds and runs the notebooks, as its settings say. The HTML that it would make brings styles, scripts
and mathematics of its own, so the notebook with its outputs becomes Markdown here, and MkDocs makes the page of that
with the site's own extensions.

References:
    Jupytext, percent format, <https://jupytext.readthedocs.io/en/latest/formats-scripts.html>.
"""

import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import jupytext
import nbformat
from mkdocs.structure.files import File
from mkdocs.structure.pages import Page
from mkdocs.utils.meta import get_data
from mkdocs_jupyter.nbconvert2 import get_nbconvert_app
from mkdocs_jupyter.plugin import NotebookFile
from nbclient.exceptions import CellExecutionError
from nbconvert.exporters import NotebookExporter
from nbformat import NotebookNode

from hw.checked_math.document import FENCE, fences
from hw.figures.standalone import styleless

__all__ = ["downloadable", "executed", "markdown_of", "on_files", "on_pre_page"]

LONGEST = 120  # seconds that a cell may take; without an end, one that hangs would hang the build
DRAWN = ("text/html", "image/svg+xml")  # these take the page's colors, which a bitmap cannot
HEADING_ID = re.compile(r"^(#+ .*?) *\{[^}\n]*\}$", re.MULTILINE)


def on_files(files: Any, config: Any, **_: Any) -> Any:
    """Promise a download beside each notebook, so that any page may link to it."""
    for file in list(files):
        if isinstance(file, NotebookFile):
            files.append(File.generated(config, _address(file), content=""))
    return files


def on_pre_page(page: Page, files: Any, **_: Any) -> Page:
    """Render a notebook in our way instead of the plugin's."""
    if isinstance(page.file, NotebookFile):
        page.render = partial(_render, page)
    return page


def _render(page: Page, config: Any, files: Any) -> None:
    plugin = config.plugins["mkdocs-jupyter"].config
    notebook = executed(Path(page.file.abs_src_path), execute=plugin["execute"], allow_errors=plugin["allow_errors"])
    download = files.get_file_from_path(_address(page.file))
    download.content_string = downloadable(notebook)
    page.markdown, page.meta = get_data(markdown_of(notebook))
    page.meta["notebook"] = {"url": download.url, "executed": plugin["execute"]}
    Page.render(page, config, files)


def _address(file: Any) -> str:
    return str(PurePosixPath(file.src_uri).with_suffix(".ipynb"))


def executed(path: Path, *, execute: bool, allow_errors: bool = False) -> NotebookNode:
    """A notebook, with the outputs of its cells if it is to run.

    Args:
        path: A file in jupytext's percent format, or an `.ipynb`.
        execute: Whether to run it, from its first cell to its last, in a fresh kernel of this Python.
        allow_errors: Whether a cell may fail; its error is then its output.

    Returns:
        The notebook. Its cell ids are the same at each call.

    Raises:
        ValueError: If a cell fails.
    """
    notebook = jupytext.read(path)
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"  # jupytext's are random
    app = get_nbconvert_app(execute=execute, kernel_name="python3", allow_errors=allow_errors)
    app.config.NotebookClient.update({"timeout": LONGEST, "record_timing": False})
    app.config.KernelManager.transport_encryption = "auto"  # without it, newer kernels warn
    try:
        text, _ = NotebookExporter(config=app.config).from_notebook_node(notebook)
    except CellExecutionError as error:
        begin = str(error).split("\n")[2]  # a line that says so, a rule, the cell
        reason = f"{error.ename}: {error.evalue}"
        raise ValueError(f"the cell that begins {begin!r} fails: {reason}") from None
    return nbformat.reads(text, as_version=4)


def markdown_of(notebook: NotebookNode) -> str:
    """Text of the page that shows a notebook.

    Args:
        notebook: Its Markdown is taken as it is, its code is shown unless its cell has `source_hidden`.

    Returns:
        Markdown of the site.

    Raises:
        ValueError: If a cell writes on stderr, or shows what is neither text nor HTML, SVG or Markdown.
    """
    return "\n\n".join(part for cell in notebook.cells for part in _parts(cell)) + "\n"


def _parts(cell: NotebookNode) -> list[str]:
    if cell.cell_type != "code":
        return [cell.source]
    hidden = cell.metadata.get("jupyter", {}).get("source_hidden")
    try:
        return [*([] if hidden else [_fence("python", cell.source)]), *map(_output, cell.outputs)]
    except ValueError as error:
        raise ValueError(f"the cell that begins {cell.source.partition(chr(10))[0]!r} {error}") from None


def _output(output: NotebookNode) -> str:
    if output.output_type == "stream":
        if output.name != "stdout":
            raise ValueError(f"must write nothing on stderr, got {output.text.strip()}")
        return _fence("text", output.text)
    data: Mapping[str, str] = output.get("data", {"text/plain": "\n".join(output.get("traceback", []))})
    for kind in DRAWN:
        if kind in data:
            return f'<div class="output">\n{styleless(data[kind].strip())}\n</div>'
    if "text/markdown" in data:
        return data["text/markdown"]
    if set(data) != {"text/plain"}:
        raise ValueError(f"must show text, HTML, SVG or Markdown so that it fits both schemes, got {sorted(data)}")
    return _fence("text", data["text/plain"])


def _fence(language: str, text: str) -> str:
    ticks = "`" * max([3, *(len(run) + 1 for run in re.findall("`+", text))])
    return f"{ticks}{language}\n{text.rstrip()}\n{ticks}"


def downloadable(notebook: NotebookNode) -> str:
    r"""Text of the `.ipynb`: with the mathematics and headings that Jupyter knows, and without the page's front matter.

    Args:
        notebook: What the page shows.

    Returns:
        JSON, the same for the same notebook.
    """
    found = nbformat.from_dict(notebook)
    found.cells = [cell for cell in found.cells if cell.cell_type != "raw"]
    for cell in found.cells:
        cell.metadata = {name: value for name, value in cell.metadata.items() if name == "jupyter"}
        if cell.cell_type == "markdown":
            cell.source = HEADING_ID.sub(r"\1", FENCE.sub(_dollars, cell.source))
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    found.metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return nbformat.writes(found) + "\n"


def _dollars(match: re.Match[str]) -> str:
    (fence,) = fences(match[0])
    return f"$$\n{fence.code.strip()}\n$$" if fence.language == "math" else match[0]
