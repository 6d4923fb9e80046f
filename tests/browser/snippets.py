"""The gate of copied code: what a copy button puts on the clipboard runs alone, and prints what the page shows."""

import json
import re
import shlex
import subprocess
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from doctest import ELLIPSIS, NORMALIZE_WHITESPACE, DocTestParser, OutputChecker
from hashlib import sha256
from html import unescape
from itertools import zip_longest
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from browsing import Result, awaken, cores, launched, pages, serving
from installed import NotInstalled, closure, environment
from interpreter import LONGEST, Interpreter
from packaging.requirements import InvalidRequirement, Requirement
from playwright.sync_api import Page

__all__ = ["check"]

SCRIPT = Path(__file__).with_suffix(".js").read_text("utf-8")
PASTE = Path(__file__).with_name("paste.py")
PYTHON = {"pycon", "python", "py"}
PROMPT = re.compile(r"^(?:>>>|\.\.\.)(?: |$)", re.MULTILINE)
NUMBER = re.compile(r"[+-]?(?:\d*\.\d+|\d+\.)(?:[eE][+-]?\d+)?|[+-]?\d+[eE][+-]?\d+")
NEEDED = re.compile(r"need (.+?)\.\s")


@dataclass(frozen=True)
class Visit:
    """What a page shows of code, and what its buttons copy."""

    address: str
    blocks: list[dict[str, Any]]
    formulas: list[dict[str, Any]]
    unrunnable: list[tuple[str, int]]
    notebook: bool
    canonical: str
    colophon: str
    installs: list[str]

    @property
    def snippets(self) -> list[dict[str, Any]]:
        """Its blocks of Python."""
        return [block for block in self.blocks if block["language"] in PYTHON]


class Unfit(Exception):
    """What a page says to install cannot be installed."""


def check(site: Path) -> Result:
    """Click every copy button of a built site, and run what it copies where only the page's packages are.

    Args:
        site: The site's folder.

    Returns:
        How many there are of each kind; the code that is not run is named with its kind.
    """
    visits, found, made = [], [], {}
    with TemporaryDirectory() as folder, ThreadPoolExecutor(cores()) as pool:
        for visit in _visits(site):
            visits.append(visit)
            found.append(_started(visit, site, Path(folder), pool, made))
        findings = [finding for waiting in found for future in waiting for finding in future.result()]
        for interpreter in made.values():
            interpreter.close()
    return Result(_figure(visits), findings)


def _visits(site: Path) -> Iterator[Visit]:
    """Each page, as it is read: what was copied on one runs while the next is read."""
    with serving(site) as base, launched() as browser:
        context = browser.new_context(
            viewport={"width": 800, "height": 400},  # small and still, as painting costs more than clicking
            reduced_motion="reduce",
            permissions=["clipboard-read", "clipboard-write"],
        )
        tab = context.new_page()
        for address in pages(site):
            yield _read(tab, base, address)


def _read(tab: Page, base: str, address: str) -> Visit:
    tab.goto(base + address)
    awaken(tab)
    visit = Visit(address=address, **tab.evaluate(SCRIPT))
    _click(tab, [*visit.blocks, *visit.formulas])
    return visit


def _click(tab: Page, shown: list[dict[str, Any]]) -> None:
    """Click the button of each block and formula, and note what it puts on the clipboard, or why it cannot be clicked.

    The mouse is moved, as a click by a script copies only for some seconds after the page was last touched.
    """
    for index, one in enumerate([*shown, {}]):
        aimed = tab.evaluate("index => aim(index)", index)
        if index:
            shown[index - 1].setdefault("copied", aimed["copied"])
        if aimed.get("at"):
            tab.mouse.click(*aimed["at"])
        elif one:
            reason = "has no copy button" if aimed["missing"] else "has a copy button that cannot be clicked"
            one.update(copied="", problem=reason)


def _figure(visits: list[Visit]) -> str:
    """How many snippets ran, of how many kinds of code were only looked at, and how many formulas were copied."""
    others: Counter[str] = Counter()
    for visit in visits:
        others.update(block["language"] for block in visit.blocks if block["language"] not in PYTHON)
        others.update(dict(visit.unrunnable))
    ran = sum(len(visit.snippets) for visit in visits)
    left = ", ".join(f"{count} {name}" for name, count in sorted(others.items()) if count)
    formulas = sum(len(visit.formulas) for visit in visits)
    return f"{ran} snippets, {formulas} formulas" + (f" (not run: {left})" if left else "")


def _started(
    visit: Visit, site: Path, folder: Path, pool: ThreadPoolExecutor, made: dict[Path, Interpreter]
) -> list[Future[list[str]]]:
    """Have the findings on a page worked out, in the order of the page."""
    started = [pool.submit(_copied_findings, visit)]
    if not visit.snippets:
        return started
    try:
        interpreter = _environment(visit, site, folder, made)
    except Unfit as error:
        return [*started, pool.submit(lambda message: [message], f"{visit.address}: {error}")]
    fit = [block for block in visit.snippets if not _miscopied(block)]
    if visit.notebook:
        return [*started, pool.submit(_notebook_findings, visit, fit, interpreter)]
    return [*started, *(pool.submit(_snippet_findings, visit, block, interpreter) for block in fit)]


# What is on the clipboard


def _copied_findings(visit: Visit) -> list[str]:
    """Findings on what the buttons of a page copy."""
    wrong = [(_title(visit, block), _miscopied(block)) for block in visit.blocks]
    for formula in visit.formulas:
        other = "copies other LaTeX" if formula["copied"] else "has a button that copies nothing"
        problem = formula.get("problem") or ("" if formula["copied"] == formula["latex"] else other)
        wrong.append((f"{visit.address}{formula['place']}: the formula {_short(formula['latex'])}", problem))
    return [f"{title} {problem}" for title, problem in wrong if problem]


def _miscopied(block: dict[str, Any]) -> str:
    """What is wrong with what the button of a block copies; empty if it is the code that the page shows."""
    copied, code = block["copied"], _code(block)
    if "problem" in block:
        return block["problem"]
    if _lines(copied) == _lines(code):
        return ""
    if not copied.strip():
        return "has a copy button that copies nothing"
    if PROMPT.search(copied) and block["language"] in PYTHON:
        return "copies its prompts with the code"
    line = next(one for one, other in zip_longest(_lines(copied), _lines(code), fillvalue="") if one != other)
    return f"copies what is not its code, from the line {line!r} on"


def _code(block: dict[str, Any]) -> str:
    """The code that a block shows, without prompts and outputs."""
    if block["language"] != "pycon":
        return block["code"]
    return "\n".join(line[4:] for line in block["code"].splitlines() if PROMPT.match(line))


def _lines(text: str) -> list[str]:
    """The lines of a text that are not blank: where an output is left out, a blank line is copied."""
    return [line.rstrip() for line in text.splitlines() if line.strip()]


def _title(visit: Visit, block: dict[str, Any]) -> str:
    """Where a block stands, and a line to know it by: many begin with the same imports."""
    lines = _lines(_code(block))
    own = [line for line in lines if not line.startswith(("import ", "from "))] or lines or [""]
    what = "snippet" if block["language"] in PYTHON else f"{block['language']} block"
    return f"{visit.address}{block['place']}: the {what} with {_short(own[0])}"


def _short(text: str) -> str:
    text = " ".join(text.split())
    return f"`{text if len(text) <= 60 else text[:59] + '…'}`"


# What is installed


def _environment(visit: Visit, site: Path, folder: Path, made: dict[Path, Interpreter]) -> Interpreter:
    """The interpreter of an environment with what a page says to install, made by the first page that needs it."""
    wheel, extras, named = _asked(visit, site)
    try:
        packages = closure(wheel, named, extras)
    except (NotInstalled, InvalidRequirement) as error:
        raise Unfit(f"says to install what cannot be: {error}") from None
    own = Requirement(wheel.name.split("-")[0]).name
    linked = [package for name, package in packages.items() if name != own]
    own_folder = folder / sha256(repr([wheel.name, *packages]).encode()).hexdigest()[:16]
    if own_folder not in made:
        made[own_folder] = Interpreter(environment(own_folder, wheel, linked))
    return made[own_folder]


def _asked(visit: Visit, site: Path) -> tuple[Path, set[str], list[str]]:
    """The wheel that a page says to install, its extras, and the packages that the page names besides."""
    lines = [shlex.split(line)[2:] for line in visit.installs if line.startswith("pip install ")]
    if len(lines) != 1 or not lines[0]:
        raise Unfit(f"must have one line that says what to install, got {visit.installs}")
    wheel, *named = lines[0]
    *before, address = re.split(r"\s*@\s*", wheel, maxsplit=1)
    extras = Requirement(before[0]).extras if before else set()
    path = site / address.removeprefix(visit.canonical.removesuffix(visit.address))
    if not path.is_file():
        raise Unfit(f"says to install {address}, which is not on this site")
    needed = NEEDED.search(" ".join(visit.colophon.split()) + " ")
    return path, extras, [*named, *(needed[1].split(", ") if needed else [])]


# What runs


def _snippet_findings(visit: Visit, block: dict[str, Any], interpreter: Interpreter) -> list[str]:
    """Findings on a snippet that runs alone: one with examples as if pasted into a shell, any other as a file."""
    examples = DocTestParser().get_examples(block["code"]) if block["language"] == "pycon" else []
    pasted = block["beneath"] is None and any(example.want for example in examples)
    try:
        if not pasted:
            problems = [_run_as_file(block, interpreter)]
        else:
            outcomes = _pasted(interpreter, [example.source for example in examples])
            shown = [example.exc_msg or example.want for example in examples]
            problems = [_compared(*pair) for pair in zip(shown, outcomes, strict=True)]
    except subprocess.TimeoutExpired:
        problems = [f"does not end within {LONGEST} s"]
    return [f"{_title(visit, block)} {problem}" for problem in problems if problem][:1]


def _notebook_findings(visit: Visit, cells: list[dict[str, Any]], interpreter: Interpreter) -> list[str]:
    """Findings on the cells of a notebook, which run one after another, as the page shows them."""
    try:
        outcomes = _pasted(interpreter, [cell["copied"] for cell in cells])
    except subprocess.TimeoutExpired:
        return [f"{visit.address}: its cells do not end within {LONGEST} s"]
    problems = [_compared(cell["beneath"] or "", outcome) for cell, outcome in zip(cells, outcomes, strict=True)]
    return [f"{_title(visit, cell)} {problem}" for cell, problem in zip(cells, problems, strict=True) if problem]


def _run_as_file(block: dict[str, Any], interpreter: Interpreter) -> str:
    """Run the copied text as a file, and say what differs from what the page shows."""
    with TemporaryDirectory() as folder:
        file = Path(folder, "snippet.py")
        file.write_text(block["copied"], "utf-8")
        done = interpreter.run(file)
    if done.returncode:
        return f"fails in a fresh interpreter: {_last(done.stderr)}"
    if done.stderr:
        return f"prints what the page does not show: {_last(done.stderr)}"
    if block["beneath"] is None and block["drawing"] is not None:
        return _drawn(block["drawing"], done.stdout)
    return _compared(block["beneath"] or "", (done.stdout, ""))


def _pasted(interpreter: Interpreter, pieces: list[str]) -> list[tuple[str, str]]:
    """Paste pieces into one fresh session; return what each prints, and its exception."""
    done = interpreter.run(PASTE, json.dumps(pieces), "\n".join(pieces))
    if done.returncode:
        return [("", _last(done.stderr)) for _ in pieces]
    return [(printed, error) for printed, error in json.loads(done.stdout.splitlines()[-1])]


def _last(text: str) -> str:
    return (text.strip().splitlines() or ["no message"])[-1].strip()


# What is shown


def _compared(shown: str, outcome: tuple[str, str]) -> str:
    """Say how an outcome differs from what the page shows; empty if it does not."""
    printed, error = outcome
    if error and not _alike(shown, error):
        return f"fails in a fresh interpreter: {error}"
    if error or _alike(shown, printed):
        return ""
    ours, theirs = _lines(printed), _lines(shown)
    pairs = ((one, other) for one, other in zip_longest(ours, theirs, fillvalue="") if not _alike(other, one))
    got, wanted = next(pairs, (" ".join(ours), " ".join(theirs)))
    return f"prints {_quoted(got)} where the page shows {_quoted(wanted)}"


def _quoted(line: str) -> str:
    return repr(line) if line else "nothing"


def _alike(shown: str, printed: str) -> bool:
    """Compare as doctest does, and numbers only as far as they are shown, as pytest's doctest does."""
    wanted = [match[0] for match in NUMBER.finditer(shown)]
    if len(wanted) == len(NUMBER.findall(printed)):
        numbers = iter(wanted)
        printed = NUMBER.sub(lambda match: _as_shown(next(numbers), match[0]), printed)
    return OutputChecker().check_output(shown, printed, ELLIPSIS | NORMALIZE_WHITESPACE)


def _as_shown(shown: str, printed: str) -> str:
    wanted = Decimal(shown)
    return shown if abs(wanted - Decimal(printed)) <= Decimal(1).scaleb(wanted.as_tuple().exponent) else printed


def _drawn(shown: str, printed: str) -> str:
    """Say how a printed drawing or table differs from the one beside the snippet."""
    if not re.search("<(svg|table)", printed):
        return "prints no drawing, and there is one beside it"
    bare = re.sub(r"<style.*?</style>|<[^>]*>", "", printed, flags=re.DOTALL)
    same = "".join(unescape(bare).split()) == "".join(shown.split())
    return "" if same else "prints another drawing than the one beside it"
