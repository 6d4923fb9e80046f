"""Notebooks become Markdown, are run by this Python, and keep to what holds for pages."""

import ast
import json
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import jupytext
import pytest
import yaml
from mkdocs.structure.files import File, Files
from mkdocs_jupyter.plugin import NotebookFile
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output, new_raw_cell

from hw.checked_math.document import formulas_of_file, prose_of_notebook
from hw.site import notebooks
from hw.site.build import OF_THE_USER
from hw.site.claims import text_of
from hw.site.computed import typed_results
from hw.site.notebooks import downloadable, executed, markdown_of

ROOT = Path(__file__).parent.parent
NOTEBOOKS = {path.relative_to(ROOT).as_posix(): path for path in sorted((ROOT / "docs").rglob("*.py"))}


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    for name in OF_THE_USER:
        monkeypatch.setenv(name, str(tmp_path))


def notebook(*outputs, source="print(1)", **metadata):
    return new_notebook(cells=[new_code_cell(source, outputs=list(outputs), metadata=metadata)])


def printed(text, name="stdout"):
    return new_output("stream", text=text, name=name)


def shown(**data):
    return new_output("display_data", {kind.replace("_", "/"): value for kind, value in data.items()})


def percent(folder, *cells):
    path = folder / "notebook.py"
    path.write_text("".join(f"# %%{cell}\n" for cell in cells))
    return path


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (printed("1\n"), "```text\n1\n```"),
        (printed("```\n"), "````text\n```\n````"),
        (shown(text_plain="1", text_html="<p>one</p>"), '<div class="output">\n<p>one</p>\n</div>'),
        (shown(text_plain="1", text_markdown="*one*"), "*one*"),
        (shown(text_plain="1"), "```text\n1\n```"),
    ],
)
def test_an_output_stands_beneath_its_code(output, expected):
    assert markdown_of(notebook(output)) == f"```python\nprint(1)\n```\n\n{expected}\n"


def test_code_that_is_hidden_leaves_its_output():
    assert markdown_of(notebook(printed("1"), jupyter={"source_hidden": True})) == "```text\n1\n```\n"


@pytest.mark.parametrize(
    ("output", "refused"),
    [
        (printed("careful", name="stderr"), "must write nothing on stderr, got careful"),
        (shown(image_png="AAAA", text_plain="a figure"), "must show text, HTML, SVG or Markdown so that .*image/png"),
    ],
)
def test_what_does_not_fit_the_page_is_refused(output, refused):
    with pytest.raises(ValueError, match=rf"the cell that begins 'print\(1\)' {refused}"):
        markdown_of(notebook(output))


def test_the_download_has_the_mathematics_of_jupyter():
    source = '## Law { #law }\n\n```math id="law" model="latent"\np(x)\n```'
    found = new_notebook(cells=[new_raw_cell("---\na: b\n---"), new_markdown_cell(source)])
    (cell,) = json.loads(downloadable(found))["cells"]
    assert "".join(cell["source"]) == "## Law\n\n$$\np(x)\n$$"


def test_a_notebook_runs_in_this_python_and_twice_with_the_same_result(tmp_path):
    path = percent(tmp_path, "\nimport sys\nimport hw", "\nprint(sys.executable)")
    first, second = (executed(path, execute=True) for _ in range(2))
    assert first.cells[1].outputs[0].text == f"{sys.executable}\n"
    assert downloadable(first) == downloadable(second)
    assert not executed(path, execute=False).cells[1].outputs


def test_a_cell_that_fails_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"^the cell that begins '1 / 0' fails: ZeroDivisionError"):
        executed(percent(tmp_path, "\n1 / 0"), execute=True)


def test_prose_keeps_its_lines(tmp_path):
    path = percent(tmp_path, ' [markdown]\n# Text\n#\n# ```math id="a" model="latent"\n# p(x)\n# ```\n', "\nx = '$$'")
    assert prose_of_notebook(path.read_text()).split("\n")[1:3] == ["Text", ""]
    ((formula,), lines) = formulas_of_file(path), path.read_text().split("\n")
    assert formula.latex == "p(x)"
    assert lines[formula.line - 1] == "# p(x)"


@pytest.mark.parametrize("place", NOTEBOOKS)
def test_prose_is_that_of_the_cells(place):
    text = text_of(NOTEBOOKS[place])
    for cell in jupytext.read(NOTEBOOKS[place]).cells:
        assert cell.cell_type != "markdown" or cell.source in text


@pytest.mark.parametrize("place", NOTEBOOKS)
def test_prose_has_no_typed_results(place):
    text = text_of(NOTEBOOKS[place])
    given = yaml.safe_load(re.match(r"---\n(.*?)\n---\n", text, re.DOTALL)[1]).get("given", [])
    typed = [f"{place}:{line}: {result} is typed" for line, result in typed_results(text, set(map(str, given)))]
    assert not typed, "show these as Markdown, or list them under `given` at its head:\n" + "\n".join(typed)


@pytest.mark.parametrize("place", NOTEBOOKS)
def test_shown_cells_are_short_and_fit_the_column(place):
    for cell in jupytext.read(NOTEBOOKS[place]).cells:
        if cell.cell_type == "code" and not cell.metadata.get("jupyter", {}).get("source_hidden"):
            lines = cell.source.splitlines()
            assert len(lines) <= 15, cell.source
            assert max(map(len, lines)) <= 68, cell.source


@pytest.mark.parametrize("place", NOTEBOOKS)
def test_it_is_in_the_navigation_and_says_what_it_needs(place):
    assert f": {place.removeprefix('docs/')}\n" in (ROOT / "mkdocs.yml").read_text()
    text = NOTEBOOKS[place].read_text()
    found = yaml.safe_load(re.match(r"---\n(.*?)\n---\n", prose_of_notebook(text), re.DOTALL)[1])
    modules = {node.module for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom)}
    needed = {name.partition(".")[0].replace("sklearn", "scikit-learn") for name in modules} - {"IPython"}
    assert found["description"]
    assert needed <= set(found["requires"])


# ---- the hook of MkDocs ----


class Plugins(dict):
    """MkDocs' plugins, as far as the hook asks for them."""

    _current_plugin = "a hook"


def config_of(folder, **settings):
    plugins = Plugins({"mkdocs-jupyter": SimpleNamespace(config=settings)})
    return SimpleNamespace(site_dir=str(folder), use_directory_urls=True, plugins=plugins)


def made_files(folder):
    """A notebook and a page, as MkDocs has them."""
    docs, site = folder / "docs", str(folder / "site")
    (docs / "deep").mkdir(parents=True)
    (docs / "deep/a.py").write_text("# %% [raw]\n# ---\n# title: A run\n# ---\n\n# %%\nx = 40 + 2\nprint(x)\n")
    notebook = NotebookFile(File("deep/a.py", str(docs), site, use_directory_urls=True), True, site)
    return Files([notebook, File("b.md", str(docs), site, use_directory_urls=True)])


def test_a_download_is_promised_beside_each_notebook(tmp_path):
    files = made_files(tmp_path)
    assert notebooks.on_files(files, config=config_of(tmp_path)) is files
    assert sorted(file.src_uri for file in files) == ["b.md", "deep/a.ipynb", "deep/a.py"]
    assert files.get_file_from_path("deep/a.ipynb").url == "deep/a.ipynb"


def test_only_a_notebook_is_rendered_in_our_way(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files, config = made_files(tmp_path), config_of(tmp_path, execute=False, allow_errors=False)
    notebooks.on_files(files, config=config)
    rendered = []
    monkeypatch.setattr(notebooks.Page, "render", lambda page, *given: rendered.append((page, *given)))
    page, other = (SimpleNamespace(file=files.get_file_from_path(name), render=None) for name in ("deep/a.py", "b.md"))
    assert notebooks.on_pre_page(other, files=files) is other
    assert other.render is None
    assert notebooks.on_pre_page(page, files=files) is page
    page.render(config, files)
    assert rendered == [(page, config, files)]
    assert page.markdown == "```python\nx = 40 + 2\nprint(x)\n```\n"
    assert page.meta == {"title": "A run", "notebook": {"url": "deep/a.ipynb", "executed": False}}
    (cell,) = json.loads(files.get_file_from_path("deep/a.ipynb").content_string)["cells"]
    assert "".join(cell["source"]) == "x = 40 + 2\nprint(x)"


def test_cells_of_a_notebook_are_parted_by_a_line_and_shown_in_order():
    cells = [new_markdown_cell("One."), new_code_cell("x", outputs=[printed("a\n\n"), printed("b")])]
    text = markdown_of(new_notebook(cells=[*cells, new_markdown_cell("Two.")]))
    assert text == "One.\n\n```python\nx\n```\n\n```text\na\n```\n\n```text\nb\n```\n\nTwo.\n"


def test_the_best_form_of_an_output_is_shown():
    svg = shown(text_plain="1", image_svg_xml="x", text_markdown="*a*")
    svg.data["image/svg+xml"] = "\n<svg/> \n"
    assert '<div class="output">\n<svg/>\n</div>' in markdown_of(notebook(svg))
    failed = new_output("error", ename="E", evalue="e", traceback=["first", "second"])
    assert "```text\nfirst\nsecond\n```" in markdown_of(notebook(failed))
    assert "````text\na ``` b\n````" in markdown_of(notebook(printed("a ``` b")))
    assert "``````text\n`````\n``````" in markdown_of(notebook(printed("`````")))
    assert "```text\n``\n```" in markdown_of(notebook(printed("``")))
    with pytest.raises(ValueError, match=r"^the cell that begins 'a' must show text, .*, got \['image/png'\]$"):
        markdown_of(notebook(shown(image_png="AAAA"), source="a\nb"))


def test_a_download_keeps_what_jupyter_knows_and_nothing_of_the_machine():
    source = "## A { .b }\n\n```python\nx\n```\n\n# B {#c}"
    cell, hidden = new_markdown_cell(source), new_code_cell("x", metadata={"jupyter": {"a": 1}, "other": 2})
    found = json.loads(downloadable(new_notebook(cells=[cell, hidden], metadata={"jupytext": {"b": 2}})))
    assert "".join(found["cells"][0]["source"]) == "## A\n\n```python\nx\n```\n\n# B"
    assert found["cells"][1]["metadata"] == {"jupyter": {"a": 1}}
    assert found["metadata"] == {
        "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
        "language_info": {"name": "python"},
    }
