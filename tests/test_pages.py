"""Every fence of every page and every example of every docstring runs alone; what the text around them may say.

That they print what the page shows is checked by pytest's own doctest, which collects the same files.
"""

import ast
import doctest
import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import pytest
import yaml

import hw
from hw.checked_math.document import Fence, fences
from hw.site.computed import Page, typed_results
from hw.site.fences import execute, source
from reviewed import alike, computed, drawings, printed, reviewed, typed

ROOT = Path(__file__).parent.parent
PAGES = {path.relative_to(ROOT).as_posix(): path.read_text() for path in sorted((ROOT / "docs").rglob("*.md"))}
PAGES["README.md"] = (ROOT / "README.md").read_text()
REVIEWED = reviewed()
UNREVIEWED = (
    "not what was reviewed: if it is meant, `python3 dev.py accept` and look at the change of tests/reviewed.json"
)
FENCES = {
    f"{page}:{fence.line}": fence
    for page, text in PAGES.items()
    for fence in fences(text)
    if fence.language in ("python", "pycon", "py")
}


def front_matter(text: str) -> dict:
    match = re.match(r"---\n(.*?)\n---\n", text, re.DOTALL)
    return yaml.safe_load(match[1]) if match else {}


def examples_of_docstrings() -> dict[str, str]:
    found = {}
    for module in [hw, *(importlib.import_module(m.name) for m in pkgutil.walk_packages(hw.__path__, "hw."))]:
        if module.__name__.endswith("__main__"):
            continue
        for test in doctest.DocTestFinder(recurse=True).find(module):
            if test.examples and "src" in (test.filename or ""):
                for number, snippet in enumerate(snippets(test.docstring)):
                    found[f"{test.name}-{number}"] = snippet
    return found


def snippets(docstring: str) -> list[str]:
    """Examples with text between them are two snippets on the reference page, each with a copy button."""
    groups = [[]]
    for piece in doctest.DocTestParser().parse(docstring):
        if isinstance(piece, doctest.Example):
            groups[-1].append(piece.source)
        elif piece.strip():
            groups.append([])
    return ["".join(group) for group in groups if group]


def run_alone(code: str) -> None:
    exec(compile(code, "<snippet>", "exec"), {"__name__": "__main__"})


@pytest.mark.parametrize("place", FENCES)
def test_each_fence_runs_alone(place):
    page = place.rpartition(":")[0]
    fence, text, seen = FENCES[place], PAGES[page], REVIEWED.get(page, {})
    names, text_printed = printed(fence)
    if fence.options.get("html") == "on":
        assert any(mark in text_printed for mark in ("<svg", "<table", "data-widget"))
        for name in (name for name, drawing in drawings(text) if drawing == fence):
            assert alike(seen.get(name, ""), text_printed), f"{page}: {name} is {UNREVIEWED}"
    values = Page(text, ran={fence.options["session"]: names} if "session" in fence.options else {})
    for name, session, expression in computed(text):
        if session == fence.options.get("session"):
            assert values.value(session, expression) == seen.get(name), f"{page}: {name} is {UNREVIEWED}"


@pytest.mark.parametrize(("name", "code"), examples_of_docstrings().items())
def test_each_docstring_example_runs_alone(name, code):
    run_alone(code)


@pytest.mark.parametrize("page", PAGES)
def test_tables_and_options_are_those_that_were_reviewed(page):
    text, seen = PAGES[page], REVIEWED.get(page, {})
    for name, shown in typed(text).items():
        assert shown == seen.get(name), f"{page}: {name} is {UNREVIEWED}"
    shown = {name for name, *_ in [*drawings(text), *computed(text)]} | typed(text).keys()
    assert seen.keys() == shown, f"{page}: {sorted(seen.keys() ^ shown)} {UNREVIEWED}"


@pytest.mark.parametrize(
    ("now", "same"),
    [
        ('<svg><path d="M1.02 2L3 4"/>A 5</svg>', True),
        ('<svg><path d="M1.06 2L3 4"/>A 5</svg>', False),
        ('<svg><path d="M1 2L3 4"/>A 6</svg>', False),
        ('<svg><path d="M1 2L3 4L5 6"/>A 5</svg>', False),
        ('<svg><path d="M1 2M3 4"/>A 5</svg>', False),
        ('<svg><circle d="M1 2L3 4"/>A 5</svg>', False),
        ("", False),
    ],
)
def test_a_drawing_may_differ_by_rounding_and_by_nothing_else(now, same):
    assert alike('<svg><path d="M1 2L3 4"/>A 5</svg>', now) == same
    assert not alike("<table><td>1.00</table>", "<table><td>1.01</table>")


def test_a_fence_that_lacks_its_import_is_caught():
    with pytest.raises(NameError):
        execute(Fence(1, "pycon", {}, ">>> print(mask('A', 3))\n"))


@pytest.mark.parametrize("page", [page for page in PAGES if page != "README.md"])
def test_every_python_fence_is_executed_when_the_site_is_built(page):
    for fence in fences(PAGES[page]):
        if fence.language in ("python", "pycon", "py"):
            assert fence.options.get("exec") == "on", f"{page}:{fence.line} is shown but not run"
            shown = fence.options.get("html") == "on" or fence.options.get("source") == "above"
            assert shown, f"{page}:{fence.line} shows neither a figure nor its source"


@pytest.mark.parametrize("page", PAGES)
def test_sessions_belong_to_one_fence_each(page):
    sessions = [fence.options["session"] for fence in fences(PAGES[page]) if "session" in fence.options]
    assert len(sessions) == len(set(sessions))


@pytest.mark.parametrize("page", PAGES)
def test_snippets_are_short_and_fit_the_column(page):
    for fence in fences(PAGES[page]):
        if fence.language == "pycon" and page != "README.md":
            lines = source(fence).splitlines()
            assert len(lines) <= 15, f"{page}:{fence.line} has {len(lines)} lines"
            assert max(map(len, lines)) <= 68, f"{page}:{fence.line} is wider than the column"


@pytest.mark.parametrize("page", [page for page in PAGES if page != "README.md"])
def test_prose_has_no_typed_results(page):
    given = set(map(str, front_matter(PAGES[page]).get("given", [])))
    prose = PAGES[page].partition("\n## References")[0]
    typed = [f"{page}:{line}: {text} is typed" for line, text in typed_results(prose, given)]
    assert not typed, "compute these, or list them under `given` at the page's head:\n" + "\n".join(typed)


@pytest.mark.parametrize("page", PAGES)
def test_computed_values_name_a_session_of_their_page(page):
    sessions = {fence.options.get("session") for fence in fences(PAGES[page])}
    assert {session for _, session, _ in computed(PAGES[page])} <= sessions


@pytest.mark.parametrize("page", PAGES)
def test_pages_say_what_their_snippets_need(page):
    needed = set()
    for place, fence in FENCES.items():
        if place.startswith(f"{page}:") and fence.language == "pycon":
            for node in ast.walk(ast.parse(source(fence))):
                if isinstance(node, ast.Import | ast.ImportFrom):
                    module = node.module if isinstance(node, ast.ImportFrom) else node.names[0].name
                    needed.add(module.partition(".")[0])
    needed -= {"collections", "itertools", "math", "statistics"}
    if page != "README.md":
        missing = needed - set(front_matter(PAGES[page]).get("requires", []))
        assert not missing, f"{page}: add {sorted(missing)} to `requires` at the page's head"


def test_all_pages_are_in_the_navigation():
    listed = set(re.findall(r": ([\w/]+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE))
    assert listed == {page.removeprefix("docs/") for page in PAGES if page.startswith("docs/")}


def test_question_pages_have_their_parts_and_their_place_on_the_home_page():
    questions = yaml.safe_load(re.search(r"- Questions:\n((?:      - .*\n)+)", (ROOT / "mkdocs.yml").read_text())[1])
    assert questions
    for page in (name for entry in questions for name in entry.values()):
        assert f"({page})" in PAGES["docs/index.md"], f"docs/index.md: show {page} by a picture and a sentence"
        text = PAGES[f"docs/{page}"]
        assert "description" in front_matter(text), f"{page}: add a `description` at the page's head"
        for part in ("Try it first", "Where answers go wrong", "Code to copy", "References"):
            assert f"\n## {part}\n" in text, f"{page}: add the part {part!r}"
        assert text.count("{ #wrong-") >= 5, f"{page}: refute at least five wrong answers"


def test_the_readme_links_only_to_files_that_exist():
    targets = re.findall(r"\]\(([^)#]+)\)", PAGES["README.md"])
    assert targets
    for target in targets:
        assert (ROOT / target).exists(), target


def test_every_module_has_a_reference_page():
    shown = " ".join(PAGES[page] for page in PAGES if page.startswith("docs/reference/"))
    for module in pkgutil.walk_packages(hw.__path__, "hw."):
        if not module.name.endswith("__main__"):
            assert f"::: {module.name}\n" in shown, module.name


def test_public_docstrings_have_examples_or_are_plainly_tested_elsewhere():
    functions = {
        f"{module.name}.{name}": getattr(importlib.import_module(module.name), name)
        for module in pkgutil.iter_modules(hw.__path__, "hw.")
        if not module.ispkg
        for name in importlib.import_module(module.name).__all__
    }
    without = [name for name, value in functions.items() if inspect.isfunction(value) and ">>>" not in value.__doc__]
    assert without == []
