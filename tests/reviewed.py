"""What pages show and no other test knows: drawings, values, tables and options, as a reviewer last saw them.

`tests/reviewed.json` holds them, page by page. Numbers in the geometry of a drawing may differ by `ROUNDING`,
everything else may not. `tests/reviewed_outcomes.json` holds what the check of each formula of the corpus leaves
behind, such as its counterexample, and `tests/reviewed_instances.json` what formulas are tried on. `python3 dev.py
accept` writes all of them.
"""

import json
import re
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import reviewed_instances
from hw.checked_math.document import Fence, fences
from hw.checked_math.records import Counterexample, Record
from hw.site.computed import PATTERN, Page
from hw.site.fences import execute
from hw.site.words import number

__all__ = [
    "FILE",
    "ROOT",
    "alike",
    "cells",
    "computed",
    "drawings",
    "options",
    "outcome",
    "outcomes",
    "printed",
    "review",
    "reviewed",
    "typed",
]

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "tests/reviewed.json"
OUTCOMES = ROOT / "tests/reviewed_outcomes.json"
ROUNDING = 0.05  # of a pixel, or of a degree of opacity: what another processor may round otherwise
DERIVED = ("ledger()", "depth()", "blocks_table()", "claims_today()")  # sum up checks, and change with each of them
OPTION = re.compile(r"^- (?:\*\((\w)\)\*|\((\w)\)) .*(?:\n  .*)*", re.MULTILINE)
ANSWER = re.compile(r"\d\.\d(?: \(\d\))? is \(\w\)(?:(?:,| and) \(\w\))*")
CELLS = re.compile(r"(?:^\|.*\|\n)+", re.MULTILINE)
TAG = re.compile(r"<[^>]*>")
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
FRAMES = re.compile(r'(<script type="application/json" data-frames="[\w-]+">)(.*?)(</script>)', re.DOTALL)


def drawings(markdown: str) -> Iterator[tuple[str, Fence]]:
    """Name and fence of each drawing or table that a page's code prints."""
    number = 0
    for fence in fences(markdown):
        if fence.options.get("html") == "on":
            number += 1
            if not any(call in fence.code for call in DERIVED):
                yield f"drawing {fence.options.get('session', number)}", fence


def printed(fence: Fence) -> tuple[dict[str, Any], str]:
    """The names that a fence leaves behind, and what it prints; of frames behind sliders only the words.

    All frames would be most of the file. `tests/test_frames.py` looks at how they are drawn.
    """
    names, text = execute(fence)
    return names, FRAMES.sub(
        lambda found: f"{found[1]}{' '.join(told for _, told in json.loads(found[2]))}{found[3]}", text
    )


def computed(markdown: str) -> Iterator[tuple[str, str, str]]:
    """Name, session and expression of each value in a page's prose; equal ones have one name."""
    for session, expression in dict.fromkeys(re.findall(PATTERN, re.sub(r"`[^`\n]+`", "", markdown))):
        if expression not in DERIVED:
            yield f"{session}: {expression}", session, expression


def cells(markdown: str) -> Iterator[tuple[str, str]]:
    """Name and text of each table that is written in Markdown."""
    for place, table in enumerate(CELLS.finditer(_without_fences(markdown)), 1):
        yield f"table {place}", table[0].strip()


def options(markdown: str) -> Iterator[tuple[str, str]]:
    """Name and text of each option of a choice, and of each sentence that says which are right."""
    markdown = _without_fences(markdown)
    for place, option in enumerate(OPTION.finditer(markdown), 1):
        yield f"option {place}", " ".join(option[0].split())
    answers = ", ".join(ANSWER.findall(" ".join(markdown.split())))
    if answers:
        yield "answers", answers


def typed(markdown: str) -> dict[str, str]:
    """What a page shows without running anything: its tables and options."""
    return dict(chain(cells(markdown), options(markdown)))


def review(markdown: str) -> dict[str, str]:
    """Everything of a page that stands in the file."""
    page = Page(markdown)
    drawn = {name: printed(fence)[1] for name, fence in drawings(markdown)}
    values = {name: page.value(session, expression) for name, session, expression in computed(markdown)}
    return drawn | values | typed(markdown)


def reviewed() -> dict[str, dict[str, str]]:
    """What was reviewed, by page."""
    return json.loads(FILE.read_text("utf-8"))


def outcomes() -> dict[str, str]:
    """What was reviewed of each formula of the corpus."""
    return json.loads(OUTCOMES.read_text("utf-8")) if OUTCOMES.exists() else {}


def outcome(record: Record) -> str:
    """What a check left behind, but for residuals, which are rounding errors."""
    found = [record.status, f"{record.instances} instances"]
    for part in record.relations:
        close = "" if part.slack is None else f"slack {number(part.slack)}"
        found.append(f"{part.sign} {close}{', attained' if part.attained else ''}".strip())
    found += [_place(each) for each in (record.counterexample, record.unassumed) if each]
    return "; ".join([*found, *(f"idle {name}" for name in record.idle)])


def _place(found: Counterexample) -> str:
    place = ", ".join(f"{symbol} = {value}" for symbol, value in found.instance)
    return f"relation {found.relation}: {found.left} {found.sign} {found.right} where {place}"


def alike(one: str, other: str) -> bool:
    """Whether two texts are the same but for rounding in the geometry of a drawing."""
    if one == other:
        return True
    tags, others = TAG.findall(one), TAG.findall(other)
    if TAG.split(one) != TAG.split(other) or [NUMBER.split(tag) for tag in tags] != [
        NUMBER.split(tag) for tag in others
    ]:
        return False
    pairs = zip(NUMBER.findall("".join(tags)), NUMBER.findall("".join(others)), strict=True)
    return "<svg" in one and all(abs(float(a) - float(b)) <= ROUNDING for a, b in pairs)


def _without_fences(markdown: str) -> str:
    return re.sub(r"^( *)(`{3,}).*?^\1\2 *$", "", markdown, flags=re.DOTALL | re.MULTILINE)


def main() -> int:
    """Write all files, and say what changed."""
    reviewed_instances.accept()
    _accept_outcomes()
    former = reviewed() if FILE.exists() else {}
    paths = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    docs = {path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in paths}
    found = {page: shown for page, text in docs.items() if (shown := review(text))}
    FILE.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", "utf-8")
    for page in {**former, **found}:
        before, after = former.get(page, {}), found.get(page, {})
        for name in {**before, **after}:
            if name not in after or name not in before or not alike(before[name], after[name]):
                print(f"{page}: {name}")
    return 0


def _accept_outcomes() -> None:
    from test_checked_math_corpus import checked_claims

    former, found = outcomes(), checked_claims()
    OUTCOMES.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", "utf-8")
    for name in {**former, **found}:
        if former.get(name) != found.get(name):
            print(f"corpus: {name}")


if __name__ == "__main__":
    sys.exit(main())
