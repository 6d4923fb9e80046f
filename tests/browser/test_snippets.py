import json
import subprocess
import sys
import zipfile
from html import escape
from pathlib import Path

import pytest
from browsing import ROOT
from installed import NotInstalled, closure, environment
from interpreter import Interpreter, imported
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonConsoleLexer, PythonLexer
from snippets import PASTE, check

CSS = (ROOT / "docs" / "assets" / "css" / "book.css").read_text("utf-8")
WHEEL = "apples-1.0-py3-none-any.whl"
ADDRESS = "https://example.org/book/"
THEME = """
document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  const code = button.parentElement.querySelector("code");
  code?.setAttribute("data-md-copying", "");
  const text = button.dataset.clipboardText ?? code.innerText;
  code?.removeAttribute("data-md-copying");
  document.addEventListener("copy", (copying) => {
    copying.clipboardData.setData("text/plain", text);
    copying.preventDefault();
  }, { once: true });
  document.execCommand("copy");
});
"""
PROMPTS_HIDDEN, OUTPUT_HIDDEN = (
    ".highlight .gp { display: none; }",
    ".highlight code[data-md-copying] .go { display: none; }",
)
EXAMPLE = ">>> import apples\n>>> apples.count()\n3\n>>> 2 / 3\n0.667\n"
ERROR = ">>> import apples\n>>> apples.half(1)\nTraceback (most recent call last):\n    ...\n"
ERROR += "ValueError: n must be even, got 1\n"
ONLY_CODE = "<button class='md-code__button' data-clipboard-text='import apples\napples.half(1)'>copy</button>"
COUNTED = ONLY_CODE.replace("half(1)", "count()")
DRAWING = '<svg viewBox="0 0 1 1"><text>one</text></svg>'
DRAW = f"print('{DRAWING}')"
COUNT = "import apples\nprint(apples.count())"
FORMULA = '<div id="{id}"><div class="record"><code class="latex">x \\le y</code><p><button class="copy" '
FORMULA += 'data-clipboard-text="{copied}">Copy LaTeX</button></p></div></div>'


def code(text: str, language: str = "python", button: str = "<button class='md-code__button'>copy</button>") -> str:
    lexer = PythonConsoleLexer() if language == "pycon" else PythonLexer()
    shown = highlight(text, lexer, HtmlFormatter(nowrap=True))
    return f'<div class="language-{language} highlight"><pre><span></span>{button}<code>{shown}</code></pre></div>'


def output(text: str) -> str:
    return f'<div class="language-text highlight"><pre><code>{escape(text)}\n</code></pre></div>'


def page(name: str, body: str, css: str = CSS, needs: str = "", install: str = f"pip install {ADDRESS}{WHEEL}") -> str:
    said = f"The snippets of this page need {needs}." if needs else ""
    return (
        f'<!doctype html><html lang="en"><title>{name}</title><link rel="canonical" href="{ADDRESS}{name}/">'
        f'<style>{css}</style><body class="md-typeset"><h2 id="part">Part</h2>{body}'
        f'<div class="colophon"><p>{said} <code>{install}</code> installs it.</p></div><script>{THEME}</script>'
    )


def without(rule: str) -> str:
    assert rule in CSS
    return CSS.replace(rule, "")


LINK = '<p class="margin"><a href="page.ipynb" download>download it</a></p>'
NOTEBOOK = LINK + code("import apples\nn = apples.count()")
GOOD = {
    "file": page("file", code(COUNT) + output("3")),
    "prompts": page("prompts", code(">>> import apples\n>>> print(apples.count())\n3\n", "pycon") + output("3")),
    "folded": page("folded", f"<details><summary>More</summary>{code(COUNT)}{output('3')}</details>"),
    "example": page("example", code(EXAMPLE, "pycon")),
    "error": page("error", code(ERROR, "pycon", ONLY_CODE)),
    "drawing": page("drawing", code(DRAW) + f"<figure>{DRAWING}</figure>"),
    "dependency": page("dependency", code("import iniconfig")),
    "named": page("named", code("import pluggy"), needs="apples, pluggy"),
    "notebook": page("notebook", NOTEBOOK + code("# twice\nprint(n)\n2 * n") + output("3\n6")),
    "signature": page(
        "signature", code("f(x: int) -> int").replace("language-python", "language-python doc-signature")
    ),
    "formula": page("formula", FORMULA.format(id="bound", copied="x \\le y")),
    "shell": page("shell", code("python3 dev.py serve", "sh")),
}
BAD = {
    "no-import": (page("no-import", code("print(apples.count())") + output("3")), "NameError: name 'apples'"),
    "other-name": (page("other-name", code("n = 3") + code("print(n)") + output("3")), "NameError: name 'n'"),
    "other-cell": (page("other-cell", NOTEBOOK + code("print(m)") + output("3")), "NameError: name 'm'"),
    "wrong-output": (page("wrong-output", code(COUNT) + output("4")), "prints '3' where the page shows '4'"),
    "no-output": (page("no-output", code(COUNT)), "prints '3' where the page shows nothing"),
    "wrong-example": (page("wrong-example", code(EXAMPLE.replace("0.667", "0.669"), "pycon")), "0.669"),
    "wrong-error": (page("wrong-error", code(ERROR.replace("even", "odd"), "pycon", ONLY_CODE)), "got 1"),
    "no-error": (page("no-error", code(ERROR.replace("half(1)", "count()"), "pycon", COUNTED)), "prints '3'"),
    "error-copied": (page("error-copied", code(ERROR, "pycon")), "from the line 'Traceback (most recent"),
    "warning": (page("warning", code("import warnings\nwarnings.warn('old')")), "prints what the page does not show"),
    "wrong-cell": (page("wrong-cell", NOTEBOOK + code("n + 1") + output("5")), "prints '4' where the page shows '5'"),
    "other-drawing": (page("other-drawing", code(DRAW.replace("one", "two")) + DRAWING), "another drawing"),
    "no-drawing": (page("no-drawing", code("import apples") + DRAWING), "prints no drawing"),
    "prompts-copied": (
        page("prompts-copied", code(EXAMPLE, "pycon"), without(PROMPTS_HIDDEN)),
        "copies its prompts",
    ),
    "output-copied": (page("output-copied", code(EXAMPLE, "pycon"), without(OUTPUT_HIDDEN)), "from the line '3' on"),
    "dead": (page("dead", code(COUNT, button="<button disabled class='md-code__button'>copy</button>")), "nothing"),
    "unclickable": (
        page(
            "unclickable", code(COUNT, button="<button style='pointer-events: none' class='md-code__button'>c</button>")
        ),
        "cannot be clicked",
    ),
    "no-button": (page("no-button", code(COUNT, button="") + code("1")), "has no copy button"),
    "dead-shell": (
        page("dead-shell", code("ls", "sh", button="") + code("1")),
        "the sh block with `ls` has no copy button",
    ),
    "unnamed": (page("unnamed", code("import pluggy"), needs="apples"), "No module named 'pluggy'"),
    "unknown": (page("unknown", code("1"), needs="no-such-package"), "no-such-package is not installed here"),
    "no-install": (page("no-install", code("1"), install="pip"), "must have one line that says what to install"),
    "elsewhere": (page("elsewhere", code("1"), install="pip install https://else.org/a.whl"), "not on this site"),
    "other-latex": (page("other-latex", FORMULA.format(id="bound", copied="x < y")), "copies other LaTeX"),
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    path = tmp_path_factory.mktemp("wheel") / WHEEL
    files = {
        "apples.py": "def count():\n    return 3\n\n\ndef half(n):\n    raise ValueError(f'n must be even, got {n}')\n",
        "apples-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: apples\nVersion: 1.0\nRequires-Dist: iniconfig\n"
        "Provides-Extra: more\nRequires-Dist: pluggy; extra == 'more'\n",
        "apples-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files["apples-1.0.dist-info/RECORD"] = "".join(f"{name},,\n" for name in files)
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


@pytest.fixture(scope="module")
def result(wheel, tmp_path_factory):
    site = tmp_path_factory.mktemp("site")
    (site / WHEEL).write_bytes(wheel.read_bytes())
    for name, text in (GOOD | {name: text for name, (text, _) in BAD.items()}).items():
        (site / name).mkdir()
        (site / name / "index.html").write_text(text, "utf-8")
    return check(site)


@pytest.mark.parametrize("name", GOOD)
def test_code_that_runs_alone_and_prints_what_is_shown_is_no_finding(result, name):
    assert [finding for finding in result.findings if finding.startswith(f"{name}/")] == []


@pytest.mark.parametrize(("name", "words"), [(name, words) for name, (_, words) in BAD.items()])
def test_each_defect_is_found_once(result, name, words):
    (finding,) = [finding for finding in result.findings if finding.startswith(f"{name}/")]
    assert words in finding


def test_every_finding_names_a_planted_defect(result):
    assert {finding.split("/")[0] for finding in result.findings} == set(BAD)


def test_figure_tells_what_is_not_run(result):
    assert result.figure.endswith("snippets, 2 formulas (not run: 2 sh, 1 signatures)")


def test_environment_has_the_wheel_and_what_it_needs_and_nothing_else(wheel, tmp_path):
    packages = closure(wheel, [])
    assert sorted(packages) == ["apples", "iniconfig"]
    python = environment(tmp_path / "made", wheel, [packages["iniconfig"]])

    def imports(module: str) -> bool:
        return subprocess.run([python, "-I", "-c", f"import {module}"], capture_output=True).returncode == 0

    assert [
        module for module in ("apples", "iniconfig", "hw", "mkdocs", "numpy", "pip", "pluggy") if imports(module)
    ] == [
        "apples",
        "iniconfig",
    ]


def test_closure_follows_extras_and_names(wheel):
    assert "pluggy" in closure(wheel, [], extras=["more"])
    assert "pluggy" in closure(wheel, ["apples[more]"])
    assert "numpy" in closure(wheel, ["numpy>=1"])
    with pytest.raises(NotInstalled, match="no-such-package"):
        closure(wheel, ["no-such-package"])


def test_pasted_session_echoes_values_and_survives_exceptions():
    pieces = [
        "x = 1",
        "x + 1",
        "1 / 0",
        "# nothing",
        "for n in range(2):\n    n",
        "(",
        "print(__name__)",
        "raise SystemExit",
    ]
    done = subprocess.run(
        [sys.executable, "-I", str(PASTE)], input=json.dumps(pieces), capture_output=True, text=True, check=True
    )
    printed, errors = zip(*json.loads(done.stdout), strict=True)
    assert printed == ("", "2\n", "", "", "0\n1\n", "", "__main__\n", "")
    assert [error.partition(":")[0] for error in errors] == [
        "",
        "",
        "ZeroDivisionError",
        "",
        "",
        "SyntaxError",
        "",
        "SystemExit",
    ]


@pytest.fixture
def ran(tmp_path):
    interpreter = Interpreter(Path(sys.executable), longest=20)

    def run(code, given=""):
        program = tmp_path / "program.py"
        program.write_text(code, "utf-8")
        return interpreter.run(program, given)

    yield run
    interpreter.close()


LEAVES = """
import builtins, json, os, sys
builtins.left = json.left = sys.modules["left"] = 1
os.environ["LEFT"] = open("left", "w").name
os.system("echo below")
sys.exit(3)
"""
LOOKS = """
import builtins, json, os, sys
print(hasattr(builtins, "left"), hasattr(json, "left"), "left" in sys.modules, "LEFT" in os.environ)
print(sorted(name for name in globals() if not name.startswith("_")), len(sys.argv), os.path.exists("left"))
print(__name__, os.environ["HOME"] == os.getcwd(), input())
print("said", file=sys.stderr)
1 / 0
"""


@pytest.mark.parametrize("more", ["", "import iniconfig as json\n"])
def test_a_program_is_alone(ran, more):
    """Nothing of one program is there for the next, and each has streams, folder and status of its own."""
    first = ran(more + LEAVES)
    assert (first.returncode, first.stdout, first.stderr) == (3, "below\n", "")
    second = ran(more + LOOKS, "given\n")
    assert second.stdout.splitlines() == [
        "False False False False",
        "['builtins', 'json', 'os', 'sys'] 1 False",
        "__main__ True given",
    ]
    assert second.returncode == 1
    assert second.stderr.startswith("said\nTraceback")
    assert second.stderr.endswith("division by zero\n")


@pytest.mark.parametrize(("code", "loaded"), [("", False), ("import iniconfig\n", True)])
def test_only_what_imports_more_than_the_standard_library_finds_torch_imported(ran, code, loaded):
    assert ran(code + "import sys\nprint('torch' in sys.modules)").stdout == f"{loaded}\n"


def test_what_code_imports_is_read_from_it():
    assert imported("import os.path, json as j\nif x:\n    from torch.nn import functional") == {"os", "json", "torch"}
    assert imported("from . import near") == imported("import (") == set()


@pytest.mark.parametrize("more", ["", "import iniconfig\n"])
def test_a_program_that_does_not_end_is_ended(tmp_path, more):
    program = tmp_path / "program.py"
    program.write_text(f"{more}import time\ntime.sleep(60)", "utf-8")
    interpreter = Interpreter(Path(sys.executable), longest=0.5)
    with pytest.raises(subprocess.TimeoutExpired):
        interpreter.run(program)
    assert interpreter.idle == []


def test_what_the_import_prints_as_an_error_is_each_programs_own(monkeypatch, tmp_path):
    (tmp_path / "noisy.py").write_text("import sys; print('old', file=sys.stderr)", "utf-8")
    program = tmp_path / "program.py"
    program.write_text("import iniconfig", "utf-8")
    monkeypatch.setattr("interpreter.SLOW", ("noisy",))
    interpreter = Interpreter(Path(sys.executable))
    interpreter.command = [sys.executable]
    interpreter.environment["PYTHONPATH"] = str(tmp_path)
    assert [interpreter.run(program).stderr for _ in range(2)] == ["old\n", "old\n"]
    interpreter.close()
