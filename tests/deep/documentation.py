"""Mutation of what pages show: a number, a cell, an option, a datum is changed, and some check has to fail.

Formulas have mutants of their own (`hw.checked_math.mutation`). Here the mutants are edits of a page, of a docstring or
of a record that a page reads:

- outputs: each number that an example prints, its last digit changed; doctest has to see it;
- values: each computed value in prose, typed in its place with its last digit changed, and each number in its
  expression;
- drawings: each number in the code that draws a figure or a table, and numbers of the records that such code reads;
- tables and options: each cell exchanged with its neighbor, each option with the next, each letter of an answer.

A mutant counts as computed where a computation finds it (doctest, the search for typed numbers, code that fails), and
as reviewed where it only differs from what was last reviewed. A change of code that leaves all that is shown as it was,
to the last character, is no mutant.
"""

import doctest
import importlib
import io
import json
import pkgutil
import re
import signal
import tokenize
import tomllib
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from types import FrameType
from typing import Any

import yaml
from outcome import ROOT, Outcome

import hw
from hw.checked_math.document import Fence
from hw.site.claims import MODULE
from hw.site.computed import Page, typed_results
from reviewed import CELLS, alike, computed, drawings, printed, reviewed, typed

__all__ = ["Mutant", "check", "mutants_of_page", "mutants_of_records", "scored"]

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
EXPLAINED = Path(__file__).with_name("documentation_survivors.toml")
LEAST = 0.95  # of a page's mutants
LONGEST = 20  # seconds that the code of a figure may take
PER_RECORD = 60  # numbers of a record that are changed; which ones is a matter of their hash
SHOWN_NUMBER = re.compile(r"(?<![A-Za-z_\d.])\d+(?:\.\d+)?")
DATUM = re.compile(r"(?<![\w.-])-?\d+(?:\.\d+)?(?:e-?\d+)?(?![\w.])")


@dataclass(frozen=True)
class Mutant:
    """A changed page: what was changed, and what sees it: `computed`, `reviewed`, or nothing."""

    page: str
    kind: str
    change: str
    found: str


def check() -> Outcome:
    """Make every mutant of every page, and count those that a check finds."""
    pages = {
        path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in sorted((ROOT / "docs").rglob("*.md"))
    }
    pages["README.md"] = (ROOT / "README.md").read_text("utf-8")
    found = []
    for page, text in pages.items():
        found += mutants_of_page(page, text, reviewed().get(page, {}))
        print(f"  {page}: {sum(mutant.page == page for mutant in found)} mutants", flush=True)
    found += mutants_of_docstrings(pages)
    found += mutants_of_records(pages, reviewed())
    return scored(found, tomllib.loads(EXPLAINED.read_text("utf-8")).get("survivor", []))


def scored(found: list[Mutant], explained: list[dict[str, str]]) -> Outcome:
    """Sum mutants up by page; a page below the least score, and an explanation of nothing, are findings."""
    reasons = {(entry["page"], entry["change"]): entry["reason"] for entry in explained}
    pages: dict[str, dict[str, Any]] = {}
    for page in dict.fromkeys(mutant.page for mutant in found):
        own = [mutant for mutant in found if mutant.page == page]
        pages[page] = {
            "mutants": len(own),
            "computed": sum(mutant.found == "computed" for mutant in own),
            "reviewed": sum(mutant.found == "reviewed" for mutant in own),
            "survivors": [
                {"kind": mutant.kind, "change": mutant.change, "reason": reasons.get((page, mutant.change), "")}
                for mutant in own
                if not mutant.found
            ],
        }
    findings = [
        f"{page}: {len(row['survivors'])} of {row['mutants']} mutants survive"
        for page, row in pages.items()
        if len(row["survivors"]) > (1 - LEAST) * row["mutants"]
    ]
    survivors = {(mutant.page, mutant.change) for mutant in found if not mutant.found}
    findings += [
        f"{page}: no mutant survives by {change}, which is explained"
        for page, change in reasons
        if (page, change) not in survivors
    ]
    findings += [
        f"{page}: {change} survives, and nothing says why" for page, change in sorted(survivors - reasons.keys())
    ]
    kinds = {
        kind: sum(mutant.kind == kind for mutant in found) for kind in dict.fromkeys(mutant.kind for mutant in found)
    }
    seen = sum(bool(mutant.found) for mutant in found)
    return Outcome(f"{seen:,} of {len(found):,} found", findings, {"kinds": kinds, "pages": pages})


def mutants_of_page(page: str, text: str, seen: dict[str, str]) -> list[Mutant]:
    """The mutants of a Markdown page, and what finds each; `seen` is what was reviewed of it."""
    test = doctest.DocTestParser().get_doctest(text, {}, page, page, 0)
    return [
        *_outputs(page, test),
        *_values(page, text, seen),
        *_drawings(page, text, seen),
        *_tables(page, text, seen),
        *_options(page, text, seen),
    ]


def mutants_of_docstrings(pages: dict[str, str]) -> list[Mutant]:
    """The mutants of outputs in docstrings, on the pages that show them."""
    shown = {module: page for page, text in pages.items() for module in MODULE.findall(text)}
    found = []
    for module in pkgutil.walk_packages(hw.__path__, "hw."):
        if not module.name.endswith("__main__"):
            for test in doctest.DocTestFinder().find(importlib.import_module(module.name)):
                found += _outputs(shown.get(module.name, module.name), test)
    return found


def mutants_of_records(pages: dict[str, str], seen: dict[str, dict[str, str]]) -> list[Mutant]:
    """The mutants of numbers in files that code on pages reads, where the change reaches the page."""
    found = []
    for page, text in pages.items():
        readers: dict[Path, list[tuple[str, Callable[[], str]]]] = defaultdict(list)
        for name, show in _shows(text):
            with _files() as read:
                show()
            for path in read:
                readers[path].append((name, show))
        for path in sorted(readers):
            if path.suffix in (".json", ".toml"):
                found += _data(page, path, readers[path], seen.get(page, {}))
    return found


def _outputs(page: str, test: doctest.DocTest) -> Iterator[Mutant]:
    """Numbers that examples print: doctest has to refuse each changed one."""
    checker = doctest.OutputChecker()
    printed = _printed(test)
    for number, example in enumerate(test.examples):
        wanted = example.exc_msg or example.want
        flags = FLAGS | sum(flag for flag, on in example.options.items() if on)
        for shown in SHOWN_NUMBER.finditer(wanted):
            changed = _spliced(wanted, shown.span(), _next(shown[0]))
            missed = number not in printed or checker.check_output(changed, printed[number], flags)
            change = f"{test.name}, line {(test.lineno or 0) + example.lineno + 1}: {shown[0]} → {_next(shown[0])}"
            yield Mutant(page, "outputs", change, "" if missed else "computed")


def _printed(test: doctest.DocTest) -> dict[int, str]:
    """What each example that ran and passed has printed, or the last line of its error."""
    outcomes: dict[int, str] = {}

    class Recorder(doctest.DocTestRunner):
        def report_success(self, out: Any, test: doctest.DocTest, example: doctest.Example, got: str) -> None:
            last = got.rstrip("\n").rpartition("\n")[2] + "\n"
            outcomes[test.examples.index(example)] = last if example.exc_msg else got

    if test.examples:
        with redirect_stdout(io.StringIO()):
            Recorder(optionflags=FLAGS, verbose=True).run(test, out=lambda _: None)
    return outcomes


def _values(page: str, text: str, seen: dict[str, str]) -> Iterator[Mutant]:
    """Computed values: typed in their place they are found out, and another expression has another value."""
    runs = Page(text)
    given = set(map(str, _front_matter(text).get("given", [])))
    for name, session, expression in computed(text):
        value = runs.value(session, expression)
        numbers = list(SHOWN_NUMBER.finditer(value))
        if numbers:
            wrong = _spliced(value, numbers[-1].span(), _next(numbers[-1][0]))
            place = re.compile(r"\{\{ *" + re.escape(session) + r": *" + re.escape(expression) + r" *\}\}")
            typing = place.sub(wrong.replace("\\", r"\\"), text, count=1)
            lint = len(list(typed_results(typing, given))) > len(list(typed_results(text, given)))
            left = name in {other for other, *_ in computed(typing)}
            found = "computed" if lint else "" if left or name not in seen else "reviewed"
            yield Mutant(page, "values", f"{{{{ {name} }}}} typed as {wrong}", found)
        for number in SHOWN_NUMBER.finditer(expression):
            other = _spliced(expression, number.span(), _next(number[0]))
            try:
                found = "reviewed" if runs.value(session, other) != value else None
            except ValueError:
                found = "computed"
            if found:
                yield Mutant(page, "values", f"{{{{ {name} }}}} as {other}", found if value == seen.get(name) else "")


def _drawings(page: str, text: str, seen: dict[str, str]) -> Iterator[Mutant]:
    """Numbers in the code of figures and tables: each has to change what is drawn."""
    for name, fence in drawings(text):
        own = {
            key: (session, expression)
            for key, session, expression in computed(text)
            if session == fence.options.get("session")
        }
        drawn = _shown(text, name, fence, own)
        for start, end, number in _literals(fence.code):
            changed = replace(fence, code=_spliced(fence.code, (start, end), _next(number)))
            line = fence.code.count("\n", 0, start) + 1
            found = _redrawn(partial(_shown, text, name, changed, own), drawn, seen)
            if found is not None:
                yield Mutant(page, "drawings", f"{name}, line {line}: {number} → {_next(number)}", found)


def _shown(text: str, name: str, fence: Fence, values: dict[str, tuple[str, str]]) -> dict[str, str]:
    """What a fence prints, and the values in prose that its session has."""
    names, drawn = printed(fence)
    page = Page(text, ran={fence.options["session"]: names} if values else {})
    return {name: drawn} | {key: page.value(*value) for key, value in values.items()}


def _redrawn(show: Callable[[], dict[str, str]], drawn: dict[str, str], seen: dict[str, str]) -> str | None:
    """What finds that something else is shown; None if all is the same to the last character."""
    try:
        with _limit(LONGEST):
            now = show()
    except Exception:
        return "computed"
    if now == drawn:
        return None

    def reviewed_as(shown: dict[str, str]) -> bool:
        return all(alike(seen.get(key, ""), value) for key, value in shown.items())

    return "reviewed" if reviewed_as(drawn) and not reviewed_as(now) else ""


def _tables(page: str, text: str, seen: dict[str, str]) -> Iterator[Mutant]:
    """Cells of tables in Markdown: each is exchanged with the one below it, or above in the last row."""
    for table in CELLS.finditer(text):
        rows = [line.strip("|").split(" | ") for line in table[0].splitlines()]
        if len(rows) < 3 or not set(rows[1][0]) <= set("-: |"):
            continue
        for row in range(2, len(rows)):
            other = row + 1 if row + 1 < len(rows) else row - 1
            for column in range(len(rows[row])):
                if other < 2 or column >= len(rows[other]) or rows[row][column] == rows[other][column]:
                    continue
                swapped = [list(cells) for cells in rows]
                swapped[row][column], swapped[other][column] = rows[other][column], rows[row][column]
                changed = _spliced(text, table.span(), "".join(f"|{' | '.join(cells)}|\n" for cells in swapped))
                found = (
                    "reviewed" if typed(text).items() <= seen.items() and typed(changed).items() - seen.items() else ""
                )
                yield Mutant(page, "tables", f"cell {rows[row][column].strip()!r} exchanged", found)


def _options(page: str, text: str, seen: dict[str, str]) -> Iterator[Mutant]:
    """Options of a choice exchanged, and answers with another letter."""
    shown = {name: value for name, value in typed(text).items() if name.startswith("option")}
    for name, following in zip(shown, list(shown)[1:], strict=False):
        swapped = {**shown, name: shown[following], following: shown[name]}
        found = "reviewed" if shown.items() <= seen.items() and swapped.items() - seen.items() else ""
        yield Mutant(page, "options", f"{shown[name]!r} exchanged", found)
    right = typed(text).get("answers", "")
    for letter in re.finditer(r"(?<=\()[a-d](?=\))", right):
        answers = _spliced(right, letter.span(), "abcda"["abcd".index(letter[0]) + 1])
        yield Mutant(page, "options", f"answers: {answers}", "reviewed" if right == seen.get("answers") else "")


def _data(
    page: str, path: Path, readers: list[tuple[str, Callable[[], str]]], seen: dict[str, str]
) -> Iterator[Mutant]:
    """Numbers of a record: each that reaches the page has to change it more than rounding does."""
    text = path.read_text("utf-8")
    numbers = sorted(DATUM.finditer(text), key=lambda match: sha256(f"{match.start()}".encode()).digest())[:PER_RECORD]
    for number in sorted(numbers, key=lambda match: match.start()):
        first = re.search(r"[1-9]", number[0])
        if not first:
            continue
        at = number.start() + first.start()
        changed = _spliced(text, (at, at + 1), "2" if text[at] == "1" else str(int(text[at]) - 1))
        found, reached = "", False
        with _files({path: changed}):
            for name, show in readers:
                try:
                    with _limit(LONGEST):
                        now = show()
                except Exception:
                    found = "computed"
                else:
                    reached |= now != seen.get(name)
                    found = found or ("" if alike(seen.get(name, ""), now) else "reviewed")
        if found or reached:
            line = text.count("\n", 0, at) + 1
            yield Mutant(page, "data", f"{path.name}, line {line}, character {at}: {number[0]}", found)


def _shows(text: str) -> Iterator[tuple[str, Callable[[], str]]]:
    """What computes each drawing and each value of a page, from scratch."""
    for name, fence in drawings(text):
        yield name, lambda fence=fence: printed(fence)[1]
    for name, session, expression in computed(text):
        yield name, lambda session=session, expression=expression: Page(text).value(session, expression)


@contextmanager
def _files(instead: dict[Path, str] | None = None) -> Iterator[set[Path]]:
    """Note which files are read as text, and give other contents for some."""
    read, original = set(), Path.read_text

    def read_text(path: Path, *arguments: Any, **options: Any) -> str:
        read.add(path.resolve())
        return (instead or {}).get(path.resolve()) or original(path, *arguments, **options)

    Path.read_text = read_text
    try:
        yield read
    finally:
        Path.read_text = original


@contextmanager
def _limit(seconds: int) -> Iterator[None]:
    def stop(_: int, __: FrameType | None) -> None:
        raise TimeoutError(f"took more than {seconds} s")

    former = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, former)


def _literals(code: str) -> Iterator[tuple[int, int, str]]:
    """Place and text of the numbers of a program that have a digit to change."""
    starts = [0]
    for line in code.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    for token in tokenize.generate_tokens(io.StringIO(code).readline):
        if token.type == tokenize.NUMBER and re.fullmatch(r"\d+(?:\.\d+)?", token.string):
            yield starts[token.start[0] - 1] + token.start[1], starts[token.end[0] - 1] + token.end[1], token.string


def _next(number: str) -> str:
    """A number with another last digit."""
    return number[:-1] + ("8" if number[-1] == "9" else str(int(number[-1]) + 1))


def _spliced(text: str, span: tuple[int, int], new: str) -> str:
    return text[: span[0]] + new + text[span[1] :]


def _front_matter(text: str) -> dict[str, Any]:
    match = re.match(r"---\n(.*?)\n---\n", text, re.DOTALL)
    return yaml.safe_load(match[1]) if match else {}


if __name__ == "__main__":
    outcome = check()
    print(json.dumps(outcome.record, indent=1, ensure_ascii=False))
    print(*outcome.findings, outcome.figure, sep="\n")
