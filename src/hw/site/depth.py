"""The record of the deep checks, which check the checks, as the ledger shows it."""

import json
from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import Any

__all__ = ["depth", "depth_of"]

RECORD = Path("tests/deep/record.json")
TITLES = {
    "documentation": "Pages, changed",
    "library": "The library, changed",
    "chances": "Checks that draw",
    "fuzz": "Arbitrary input",
    "shown_commands": "Commands as shown",
    "way_out": "Another generator",
}
Row = Iterable[object]


def depth(root: Path = Path()) -> str:
    """What the last deep run left behind.

    Args:
        root: The checkout.

    Returns:
        HTML; a sentence where there is no record.
    """
    path = root / RECORD
    return depth_of(json.loads(path.read_text("utf-8")) if path.exists() else {})


def depth_of(record: dict[str, Any]) -> str:
    """A record of deep checks as tables.

    Args:
        record: What each gate left behind, by its name.

    Returns:
        HTML: a table of the gates, and the details of each below it.

    Examples:
        >>> from hw.site.depth import depth_of
        >>> depth_of({})
        '<p>No record of a deep run is here.</p>'
    """
    if not record:
        return "<p>No record of a deep run is here.</p>"
    rows = [
        (
            TITLES.get(name, name),
            gate["figure"],
            len(gate["findings"]) or "none",
            f"{gate['date']}, commit {gate['commit']}",
            _minutes(gate["seconds"]),
        )
        for name, gate in record.items()
    ]
    rows += [(title, "not run yet", "", "", "") for name, title in TITLES.items() if name not in record]
    parts = [_table(("check", "result", "findings", "of", "took"), rows)]
    for name, gate in record.items():
        details = DETAILS.get(name)
        if details:
            parts.append(f"<h3>{escape(TITLES[name])}</h3>{details(gate)}")
        parts.append(_list("Findings", map(escape, gate["findings"])))
    return "".join(parts)


def _documentation(gate: dict[str, Any]) -> str:
    rows = []
    for page, row in gate["pages"].items():
        found = row["computed"] + row["reviewed"]
        rows.append((page, row["mutants"], row["computed"], row["reviewed"], f"{found / row['mutants']:.1%}"))
    survivors = [
        f"<code>{escape(page)}</code>: {escape(each['change'])}. {escape(each['reason'] or 'Nothing says why.')}"
        for page, row in gate["pages"].items()
        for each in row["survivors"]
    ]
    head = ("page", "changes", "found by computing", "found by review only", "score")
    return _table(head, rows) + _list("Changes that nothing finds", survivors)


def _library(gate: dict[str, Any]) -> str:
    rows = [(name, row["mutants"], row["survivors"], f"{row['score']:.1%}") for name, row in gate["packages"].items()]
    survivors = [
        f"<code>{escape(each['file'])}</code>, line {each['line']}: <code>{escape(each['before'].strip())}</code> → "
        f"<code>{escape(each['after'].strip())}</code>"
        for each in gate["survivors"]
    ]
    total = ("all", gate["mutants"], len(gate["survivors"]), f"{gate['score']:.1%}")
    return _table(("part of hw", "mutants", "survivors", "score"), [*rows, total]) + _list("Survivors", survivors)


def _chances(gate: dict[str, Any]) -> str:
    rows = [
        (row["test"], _share(row["stated"]), _share(row["alarms"]), row["effect"], _share(row["power"]))
        for row in gate["checks"]
    ]
    head = ("test", "false alarms, stated", f"in {gate['seeds']:,} seeds", "effect", "found in")
    return _list("Each check", [_table(head, rows)], items=False)


def _fuzz(gate: dict[str, Any]) -> str:
    rows = [(name, f"{count:,}", f"{gate['accepted'][name]:,}") for name, count in gate["inputs"].items()]
    refused = (f"<code>{escape(name)}</code>" for name in gate["always_refused"])
    left = (f"<code>{escape(name)}</code>: {escape(why)}" for name, why in gate["left_out"].items())
    return (
        _table(("what", "inputs", "of them accepted"), rows)
        + _list("Functions that refused every input", refused)
        + _list("Public names that are not called", left)
    )


def _shown_commands(gate: dict[str, Any]) -> str:
    return _table(("command", "took"), [(name, _minutes(took)) for name, took in gate["commands"].items()])


DETAILS = {
    "documentation": _documentation,
    "library": _library,
    "chances": _chances,
    "fuzz": _fuzz,
    "shown_commands": _shown_commands,
}


def _table(head: Row, rows: Iterable[Row]) -> str:
    """A table whose first column names its rows."""
    cells = "".join(f'<th scope="col">{escape(str(cell))}</th>' for cell in head)
    body = ""
    for name, *others in rows:
        values = "".join(f"<td>{escape(str(cell))}</td>" for cell in others)
        body += f'<tr><th scope="row">{escape(str(name))}</th>{values}</tr>'
    return f"<table><thead><tr>{cells}</tr></thead><tbody>{body}</tbody></table>"


def _list(summary: str, entries: Iterable[str], items: bool = True) -> str:
    """A list to unfold; nothing if it is empty."""
    entries = list(entries)
    if not entries:
        return ""
    body = "".join(f"<li>{entry}</li>" for entry in entries)
    count = f" ({len(entries)})" if items else ""
    return f"<details><summary>{summary}{count}</summary>{f'<ul>{body}</ul>' if items else ''.join(entries)}</details>"


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f}\N{NO-BREAK SPACE}s" if seconds < 120 else f"{seconds / 60:.0f}\N{NO-BREAK SPACE}min"


def _share(value: float) -> str:
    return f"{value:.1%}" if value >= 0.001 or value == 0 else f"{value:.0e}"
