import re
import shutil
from pathlib import Path

import markdown
import pytest

from commands import Commands
from hw.checked_math.document import fences
from hw.site.computed import Page, typed_results
from hw.site.fences import execute, source
from hw.site.typeset import typeset

ROOT = Path(__file__).parent.parent
KATEX = ROOT / "docs/assets/katex/katex.min.js"
OF_A_BUILD = """
    hw.site.build hw.site.serving hw.site.marks hw.site.fences flit_core.wheel mkdocs.__main__ mkdocs.commands.build
    mkdocs.config.defaults material.plugins.search.plugin markdown_exec mkdocs_jupyter.plugin
    mkdocstrings_handlers.python
    pymdownx.arithmatex pymdownx.blocks.details pymdownx.blocks.html pymdownx.superfences pymdownx.tilde
""".split()


@pytest.fixture(scope="module")
def site():
    """The command line of the site, in copies of a process that has imported what a build needs."""
    with Commands("hw.site", OF_A_BUILD) as commands:
        yield commands.run


def render(text: str) -> str:
    extensions = ["pymdownx.arithmatex", "pymdownx.superfences", "hw.site.computed", "hw.site.typeset"]
    configs = {"pymdownx.arithmatex": {"generic": True}, "hw.site.typeset": {"katex": str(KATEX)}}
    return markdown.markdown(text, extensions=extensions, extension_configs=configs)


def checkout(folder: Path, page: str, **more: str) -> None:
    """A small checkout with one page, and more by their names, and the library as it is."""
    (folder / "docs").mkdir()
    for name, text in {"index": page, **more}.items():
        (folder / f"docs/{name}.md").write_text(text)
    (folder / "docs/assets").symlink_to(ROOT / "docs/assets")
    shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    text = (ROOT / "mkdocs.yml").read_text()
    (folder / "mkdocs.yml").write_text(re.sub(r"^nav:\n.*?^theme:", "theme:", text, flags=re.DOTALL | re.MULTILINE))


def test_mathematics_becomes_html_and_mathml():
    page = render("An inline $x^2$ and\n\n$$\\frac14$$\n")
    assert page.count("<math") == 2
    assert 'class="formula"' in page
    assert 'tabindex="0"' in page
    assert "arithmatex" not in page
    assert "<script" not in page


def test_characters_that_html_escapes_reach_katex_as_they_are():
    assert render("$a < b$") == render("$a \\lt b$").replace("\\lt", "&lt;") or "<mo>&lt;</mo>" in render("$a < b$")


@pytest.mark.parametrize("formula", [r"\frac{1}", r"\unknown", "x^2^3", r"\left( x", "a % b", "é"])
def test_a_bad_formula_is_refused_with_its_text(formula):
    with pytest.raises(ValueError, match=re.escape(f"got {formula}: ")):
        typeset(formula, KATEX)
    typeset("x", KATEX)  # and the next one still works


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("# Page\n\n$\\frac{1}$\n", "formula must be LaTeX that KaTeX knows"),
        ("# Page\n\n{{ nothing: 1 }}\n", "session must be one of the page's"),
        (
            '# Page\n\n```python exec="on" html="on"\n1 / 0\n```\n',
            "index.md: the fence that begins '1 / 0' fails: Zero",
        ),
        (
            '# Page\n\n```python session="s"\n1 / 0\n```\n\n{{ s: 1 }}\n',
            "session must have a fence that runs, got 's': Zero",
        ),
        ("# Page\n\n[a link](nowhere.md)\n", "nowhere.md"),
        ('---\ntitle: A\n---\n\n# Page\n\n```math id="free"\na = b\n```\n', "docs/index.md:8:"),
        ("# Page\n\n$$a = b$$\n", "docs/index.md:3:"),
        ('# Page\n\n```math id="law" model="latent"\np(x) =\n```\n', "docs/index.md:4:"),
        ('# Page\n\n```math id="law" model="latent"\np(x) = p(z)\n```\n', "docs/index.md:4: law fails (seed"),
        (
            '# Page\n\n```math id="law" model="latent" expect="false"\np(x) = p(x)\n```\n',
            'docs/index.md:4: law has expect="false", and no counterexample was found',
        ),
        (
            '# Page\n\n```math id="law" cite="A book"\n\\frac{1}\n```\n',
            "docs/index.md:4: formula must be LaTeX that KaTeX knows",
        ),
    ],
)
def test_a_build_fails_on_a_defect_and_names_the_page(site, tmp_path, page, said):
    checkout(tmp_path, page)
    run = site("build", folder=tmp_path)
    assert run.returncode == 1
    assert said in run.stderr
    assert "index.md" in run.stderr
    assert "Traceback" not in run.stderr
    assert not (tmp_path / "site").exists()


def test_computed_values_come_from_the_session_named():
    page = '```python session="one"\nvalue = 3\n```\n\n```python session="two"\nvalue = 5\n```\n\n'
    shown = render(page + "There are {{ two: value }}, not {{ one: value * 1 }}; `{{ one: value }}` stays.")
    assert re.findall(r'class="computed"[^>]*>(\d)<', shown) == ["5", "3"]
    assert "<code>{{ one: value }}</code>" in shown


@pytest.mark.parametrize(
    ("session", "expression", "message"),
    [
        ("none", "1", r"session must be one of the page's \['one'\], got 'none'"),
        ("one", "unknown", "expression must have a value in its session, got 'unknown'"),
        ("one", "1 / 3", "expression must say how many digits to show, got the float 0.333"),
    ],
)
def test_bad_computed_values_are_refused(session, expression, message):
    with pytest.raises(ValueError, match=message):
        Page('```python session="one"\nvalue = 3\n```\n').value(session, expression)


def test_fences_are_read_with_their_place_and_options():
    text = 'Text\n\n```pycon exec="on" session="a"\n>>> x = 1\n>>> print(x)\n1\n\n```\n\n````md\n```python\n```\n````\n'
    first, second = fences(text)
    assert (first.line, first.language, first.options) == (3, "pycon", {"exec": "on", "session": "a"})
    assert (second.line, second.language, second.code) == (10, "md", "```python\n```\n")
    assert source(first) == "x = 1\nprint(x)\n"
    (indented,) = fences("text\n\n  ```python\n  if True:\n      y = 2\n  ```\n")
    assert indented.code == "if True:\n    y = 2\n"
    assert execute(indented)[0]["y"] == 2
    names, printed = execute(first)
    assert (names["x"], printed) == (1, "1\n")


@pytest.mark.parametrize(
    ("prose", "found"),
    [
        ("It sees 12 pixels.", ["12"]),
        ("It sees eleven pixels, Nine of them new.", ["eleven", "nine"]),
        ("It takes 1,024 rows and 12,5.", ["1,024", "12"]),
        ("---\ntitle: 12\n---\n1. A list of\n2. items, [named][x].\n\n[x]: 12.html\n", []),
        ("A share of 0.25 or 25% or $\\frac14$ or $0.25$.", ["0.25", "25%", r"\frac1", "0.25"]),
        ("Kernels of 7×7.", ["7×7"]),
        ("Computed {{ s: len(seen) }}, `code 12`, in 2016, [link 3×3](12.html), pixel 33.", []),
        ("```python\n12\n```\n\n# Heading 12\n", []),
        ("Case $x_1 + 2$ and $k \\ge 1$.", []),
    ],
)
def test_typed_results_are_found_and_nothing_else(prose, found):
    assert [text for _, text in typed_results(prose, given={"33", "3×3"})] == found


# ---- values and formulas in prose ----


def test_a_value_takes_the_place_of_its_braces_alone():
    fence = '```python session="s"\nvalue = "a < b"\n```\n\n'
    shown = render(f'{fence}It is {{{{ s: value }}}} and {{{{s:len("&<")}}}}. {{ s: value }}')
    title = ", computed with this page"
    assert (
        f'<p>It is <span class="computed" title="value{title}">a &lt; b</span> and '
        f'<span class="computed" title="len(&quot;&amp;&lt;&quot;){title}">2</span>. {{ s: value }}</p>'
    ) in shown
    assert "{{ s: value" not in shown


def test_a_session_that_has_run_is_not_run_again():
    page = Page('```python session="s"\n1 / 0\n```\n\n```python\n2\n```\n', ran={"s": {"value": 5}})
    assert page.value("s", "value + 1") == "6"
    with pytest.raises(ValueError, match=r"session must have a fence that runs, got 's': ZeroDivisionError"):
        Page('```python session="s"\n1 / 0\n```\n').value("s", "1")
    with pytest.raises(ValueError, match=r"expression must have a value in its session, got '1 / 0': division by zero"):
        page.value("s", "1 / 0")


def test_typed_results_have_their_lines_in_order():
    assert list(typed_results("It is 12.\n\nAnd $x = 34$,\nand 5×5 or 7.\n")) == [
        (1, "12"),
        (3, "34"),
        (4, "5×5"),
        (4, "7"),
    ]


def test_a_formula_stands_in_its_line_unless_it_is_displayed():
    assert 'display="block"' not in typeset("x", KATEX)
    assert 'display="block"' in typeset("x", KATEX, display=True)
    assert "<span data-search-exclude>" in render("An $x$.")
    assert 'class="formula"' not in render("An $x$.")
