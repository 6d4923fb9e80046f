"""Which snippets a reader can run, found out by two routes; pages as notebooks, and what their cells print."""

import doctest
import html
import importlib
import json
import pkgutil
import re
import subprocess
import sys
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import nbformat
import pytest

import hw
from hw.checked_math.document import fences
from hw.live.console import run
from hw.site.computed import PATTERN
from hw.site.fences import source
from hw.site.page_notebooks import notebook, write
from hw.site.runnable import mark, outputs, snippets

ROOT = Path(__file__).parent.parent
QUESTIONS = ("autoregressive", "flows", "vae", "gan", "simclr")
SITE = "https://example.org/"
PROMPT = re.compile(r"(>>>|\.\.\.)( |$)")  # as in run.js
OPENING = re.compile(r'<div class="language-pycon highlight"[^>]*>')
WIDGET = 'data-widget="run"'
NOTE = '<div class="margin needs">'
REFUSING = """
import doctest, json, sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in {*sys.stdlib_module_names, "hw"}:
            raise ModuleNotFoundError(name)

def passes(text):
    test = doctest.DocTestParser().get_doctest(text, {"__name__": "__main__"}, "snippet", None, 0)
    return doctest.DocTestRunner(verbose=False).run(test, out=lambda told: None).failed == 0

sys.meta_path.insert(0, Refuse())
answers, sys.stdout = sys.stdout, sys.stderr
json.dump([passes(text) for text in json.load(sys.stdin)], answers)
"""


def block(code, shown=""):
    """Code with prompts, and its output, as they stand in a built page."""
    text, beneath = (f"<pre><span></span><code>{html.escape(part)}</code></pre></div>\n" for part in (code, shown))
    below = f'<div class="language-text highlight">{beneath}' if shown else ""
    return f'<div class="language-pycon highlight">{text}{below}'


def wants(text):
    return "".join(example.want for example in doctest.DocTestParser().get_examples(text))


def prompts(text):
    """The lines with prompts; `markdown-exec` leaves blank ones out."""
    return "".join(f"{line}\n" for line in text.splitlines() if line.startswith((">>> ", "... ")))


def fences_of(page):
    return [fence for fence in fences((ROOT / page).read_text()) if fence.language == "pycon"]


def examples_of(docstring):
    """Examples with text between them are two blocks on the reference page."""
    pieces = doctest.DocTestParser().parse(docstring)
    groups = [[]]
    for piece in pieces:
        if isinstance(piece, doctest.Example):
            groups[-1].append(piece)
        elif piece.strip():
            groups.append([])
    return ["".join(map(written, group)) for group in groups if group]


def written(example):
    first, *others = example.source.splitlines()
    return "".join([f">>> {first}\n", *(f"... {line}\n" for line in others), example.want])


def every_snippet():
    """All that the site shows, as text with prompts and outputs, by page."""
    found = {}
    for path in sorted((ROOT / "docs").rglob("*.md")):
        name = path.relative_to(ROOT).as_posix()
        found[name] = [(block(prompts(fence.code), wants(fence.code)), fence.code) for fence in fences_of(name)]
    for module in pkgutil.walk_packages(hw.__path__, "hw."):
        if not module.name.endswith("__main__"):
            tests = doctest.DocTestFinder().find(importlib.import_module(module.name))
            texts = [text for test in tests for text in examples_of(test.docstring)]
            found[module.name] = [(block(text), text) for text in texts]
    return {name: own for name, own in found.items() if own}


@pytest.fixture(scope="module")
def marked(tmp_path_factory):
    """By page, its snippets with whether each is marked."""
    site, found = tmp_path_factory.mktemp("site"), every_snippet()
    for name, own in found.items():
        (site / f"{name.replace('/', '.')}.html").write_text("".join(shown for shown, _ in own))
    mark(site)
    pages = {name: (site / f"{name.replace('/', '.')}.html").read_text() for name in found}
    return {
        name: [(text, WIDGET in opening) for (_, text), opening in zip(own, OPENING.findall(pages[name]), strict=True)]
        for name, own in found.items()
    }


def test_what_is_marked_is_what_doctest_passes_without_other_packages(marked):
    every = [(name, text, fit) for name, own in marked.items() for text, fit in own]
    sent = json.dumps([text + "\n" for _, text, _ in every])
    ran = subprocess.run([sys.executable, "-c", REFUSING], input=sent, capture_output=True, text=True, check=True)
    passed = json.loads(ran.stdout)
    differ = [(name, text) for (name, text, fit), passes in zip(every, passed, strict=True) if fit != passes]
    assert not differ


def test_some_snippets_of_each_kind_of_page_are_marked(marked):
    count = {name: sum(fit for _, fit in own) for name, own in marked.items()}
    assert count["docs/autoregressive.md"] >= 5
    assert min(count[name] for name in ("docs/vae.md", "docs/gan.md", "docs/simclr.md", "hw.masks")) >= 1
    assert count["hw.masked_conv"] == count["docs/flows.md"] == 0


@pytest.mark.parametrize(
    ("code", "printed"),
    [
        ("1 + 1\nprint(3)", "2\n3\n"),
        ("import hw.masks\nlen(hw.masks.mask('A', 3))", "3\n"),
        ("import numpy", None),
        ("from hw.bounds import elbo", None),
        ("open('mkdocs.yml')", None),
        ("while True: pass", None),
        ("import sys; sys.exit()", None),
    ],
)
def test_a_snippet_has_the_standard_library_and_this_package(code, printed):
    assert outputs([code, "7"]) == [printed, "7\n"]


@pytest.mark.parametrize(("shown", "fit"), [("2\n", True), ("2", True), ("3\n", False), ("", False)])
def test_a_snippet_that_prints_something_else_is_not_marked(tmp_path, shown, fit):
    (tmp_path / "index.html").write_text(block(">>> print(2)\n", shown))
    mark(tmp_path)
    assert (WIDGET in (tmp_path / "index.html").read_text()) == fit


def test_a_page_says_once_which_snippets_do_not_run_at_the_first_that_is_open(tmp_path):
    fits, needs = block(">>> 2\n2\n"), block(">>> import numpy\n")
    folded = f"<details><summary>…</summary>{needs}</details>"
    offer = '<a href="../flows.ipynb" download>…</a>'
    for name, page in {"a": fits + folded + needs + needs + offer, "b": folded, "c": fits, "d": "none"}.items():
        (tmp_path / f"{name}.html").write_text(page)
    mark(tmp_path)
    a, b, c, d = ((tmp_path / f"{name}.html").read_text() for name in "abcd")
    assert [page.count(NOTE) for page in (a, b, c, d)] == [1, 1, 0, 0]
    assert a.index("</details>") < a.index(NOTE) < a.index(needs, a.index("</details>"))
    assert '<a href="../flows.ipynb" download>This page as a notebook</a>' in a[a.index(NOTE) :]
    assert "download" not in b
    assert (
        re.sub(rf"{NOTE}.*\n| {WIDGET}", "", a + b + c + d)
        == fits + folded + needs + needs + offer + folded + fits + "none"
    )


@pytest.mark.parametrize("page", [f"docs/{name}.md" for name in QUESTIONS])
def test_the_script_finds_the_code_as_this_does(page):
    for fence in fences_of(page):
        found = [line[4:] for line in fence.code.splitlines() if PROMPT.match(line)]
        assert "\n".join(found) == source(fence).rstrip("\n")
        ((shown,)) = [snippet.code for snippet in snippets(block(prompts(fence.code)))]
        assert shown == "".join(f"{line}\n" for line in found if line)


def test_the_script_knows_these_prompts():
    assert PROMPT.pattern.replace("/", r"\/") in (ROOT / "docs/assets/js/run.js").read_text().replace("/^", "/")


# ---- pages as notebooks


def as_built(name):
    """A page's text, and what its notebook takes from the page that is built of it."""
    text = (ROOT / f"docs/{name}.md").read_text()
    values = re.findall(PATTERN, re.sub(r"`[^`\n]+`", "", text))
    spans = [span(expression, 7) for _, expression in values]
    links = [f'<a href="../reference/{target}/#{target}">' for target in re.findall(r"\]\[(hw[\w.]+)\]", text)]
    shown = [block(prompts(fence.code), wants(fence.code)) for fence in fences_of(f"docs/{name}.md")]
    offer = f'<a href="../{name}.ipynb" download>…</a>'
    return text, f"{head(name)}<code>pip install {SITE}hw.whl</code>{offer}\n" + "\n".join([*spans, *links, *shown])


def head(name):
    return f'<link rel="canonical" href="{SITE}{name}/">'


@pytest.fixture(scope="module")
def books():
    return {name: nbformat.reads(notebook(*as_built(name)), as_version=4) for name in QUESTIONS}


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_notebook_prints_what_the_page_shows(name, books):
    cells = [cell for cell in books[name].cells if cell.cell_type == "code"]
    assert cells[0].source == f"%pip install {SITE}hw.whl"
    assert [cell.source for cell in cells[1:]] == [source(fence).rstrip("\n") for fence in fences_of(f"docs/{name}.md")]
    names = {"__name__": "__main__"}
    for cell in cells[1:]:
        printed = StringIO()
        with redirect_stdout(printed):
            exec(compile(cell.source, f"<{cell.id}>", "exec"), names)
        assert printed.getvalue().split() == "".join(output.text for output in cell.outputs).split()


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_notebook_is_valid_and_has_nothing_that_only_the_site_knows(name, books):
    nbformat.validate(books[name])
    assert notebook(*as_built(name)) == notebook(*as_built(name))
    prose = "\n".join(cell.source for cell in books[name].cells if cell.cell_type == "markdown")
    assert not re.search(r"^///|^ *\{[: ][^{]|</?(?:fig|div|p\b)|\{\{ |```math|^#.*\{ #", prose, re.MULTILINE)
    assert not re.search(r"\]\((?!https://)|\]\[hw", re.sub(r"`[^`\n]+`|\$[^$]+\$", "", prose))
    assert prose.count("$$\n") == 2 * sum(
        fence.language == "math" for fence in fences((ROOT / f"docs/{name}.md").read_text())
    )


MADE = f"{head('a')}<code>pip install x</code>"


def cells_of(markdown, page=MADE):
    return [cell.source for cell in nbformat.reads(notebook(markdown, page), as_version=4).cells][1:]


@pytest.mark.parametrize(
    ("markdown", "cells"),
    [
        ("---\na: b\n---\n# Title\n\nText\n\n## Part { #part .x }\n", ["# Title\n\nText", "## Part"]),
        ("/// details | Why\nBecause.\n///\n", ["**Why**\n\nBecause."]),
        ('```math id="a"\nx\n```\n', ["$$\nx\n$$"]),
        ("```sh\n# here\n```\n", ["```sh\n# here\n```"]),
        (
            "[b](b.md#c), [d](#d), [i](index.md), [e](e/f.py), [x](https://x.y/)",
            [f"[b]({SITE}b/#c), [d]({SITE}a/#d), [i]({SITE}), [e]({SITE}e/f/), [x](https://x.y/)"],
        ),
        ("`[b](b.md)` and $[b](c)$", ["`[b](b.md)` and $[b](c)$"]),
        (
            '<figure markdown>\n\n```python exec="on" html="on"\n1\n```\n\n'
            "<figcaption markdown>\nSee.\n</figcaption>\n</figure>\n",
            [f"[Figure on the page]({SITE}a/): See."],
        ),
        ('```python exec="on" html="on"\n1\n```\n', [f"[Shown on the page]({SITE}a/)."]),
    ],
)
def test_prose_becomes_prose(markdown, cells):
    assert cells_of(markdown) == cells


def span(expression, value):
    return f'<span class="computed" title="{html.escape(expression)}, computed with this page">{value}</span>'


def test_values_and_outputs_are_those_of_the_page():
    page = MADE + span("n", 1) + span('f"{n}"', "a&lt;b") + span("n", 2) + block(">>> print(n)\n", "9\n")
    text = '{{ s: n }} {{ s: f"{n}" }} {{ t: n }}\n\n```pycon\n>>> print(n)\n8\n```\n'
    assert cells_of(text, page) == ["1 a<b 2", "print(n)"]
    assert nbformat.reads(notebook(text, page), as_version=4).cells[-1].outputs[0].text == "9\n"


@pytest.mark.parametrize(
    ("markdown", "page", "refused"),
    [
        ("", "", "page must have an address and say what to install, got"),
        ("{{ s: n }}", MADE, "page must have a value for each expression of its text, got none for 'n'"),
        ("", MADE + span("n", 1), "page must have the values of its text only, got also 'n'"),
        ("```pycon\n>>> 1\n```\n", MADE, r"page must show every snippet of its text, got none that is '1\\n'"),
        ("[`x`][hw.x]", MADE, "page must link to each object that its text names, got no link to hw.x"),
    ],
)
def test_a_page_that_is_not_of_the_text_is_refused(markdown, page, refused):
    with pytest.raises(ValueError, match=refused):
        notebook(markdown, page)


def test_only_what_a_page_offers_is_written(tmp_path):
    (tmp_path / "docs").mkdir()
    for name, offer in {"a": "../a.ipynb", "b": "../other.ipynb", "c": ""}.items():
        (tmp_path / "docs" / f"{name}.md").write_text("Text\n")
        (tmp_path / "site" / name).mkdir(parents=True)
        (tmp_path / "site" / name / "index.html").write_text(f'{MADE}<a href="{offer}" download>…</a>')
    write(tmp_path, tmp_path / "site")
    assert [path.name for path in (tmp_path / "site").glob("*.ipynb")] == ["a.ipynb"]
    (tmp_path / "docs/a.md").write_text("{{ s: n }}")
    with pytest.raises(RuntimeError, match=r"a\.ipynb: page must have a value"):
        write(tmp_path, tmp_path / "site")


# ---- the console


def ran(code):
    pieces = []
    return run(code, pieces.append), "".join(pieces)


def test_an_error_shows_what_it_came_from_and_no_frame_of_the_console():
    _, shown = ran("try:\n    1/0\nexcept ZeroDivisionError:\n    {}['a']")
    assert shown.count("Traceback (most recent call last)") == 2
    assert "During handling of the above exception, another exception occurred" in shown
    assert "console.py" not in shown


def test_code_that_cannot_be_read_has_no_traceback():
    assert ran("x = (")[1].startswith('  File "<snippet>", line 1\n')


def test_classes_of_a_snippet_are_found_in_its_module():
    before = sys.modules["__main__"]
    code = "import pickle\nclass A: pass\ntype(pickle.loads(pickle.dumps(A()))) is A"
    assert ran(code) == (True, "True\n")
    assert sys.modules["__main__"] is before


def test_what_is_cut_is_told_though_nothing_follows():
    ended, shown = ran("x = print('a' * 200_000, end='')")
    assert not ended
    assert "the output stops after" in shown
