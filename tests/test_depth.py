"""The record of the deep checks: how it is shown, and that it meets what the gates ask for."""

import copy
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from hw.site.depth import RECORD, TITLES, depth, depth_of

ROOT = Path(__file__).parent.parent
STAMP = {"commit": "abc1234", "date": "2026-11-23", "python": "3.11.7", "seconds": 130, "findings": []}
SURVIVOR = {"kind": "drawings", "change": "1 → 2", "reason": ""}
MADE_UP = {
    "documentation": {
        **STAMP,
        "figure": "9 of 10 found",
        "kinds": {"outputs": 10},
        "pages": {"docs/a.md": {"mutants": 10, "computed": 7, "reviewed": 2, "survivors": [SURVIVOR]}},
    },
    "library": {
        **STAMP,
        "figure": "50.0% of 2 mutants killed",
        "mutants": 2,
        "score": 0.5,
        "packages": {"hw.a": {"mutants": 2, "survivors": 1, "score": 0.5}},
        "survivors": [
            {"file": "src/hw/a.py", "line": 3, "function": "f", "before": "    a < b", "after": "    a <= b"}
        ],
    },
    "chances": {
        **STAMP,
        "figure": "1 check",
        "seeds": 1000,
        "checks": [{"test": "test_a", "stated": 6e-7, "alarms": 0.0, "effect": "a bias", "power": 1.0}],
    },
    "fuzz": {
        **STAMP,
        "figure": "5 inputs",
        "inputs": {"functions": 5000},
        "accepted": {"functions": 4000},
        "always_refused": ["hw.a.c"],
        "left_out": {"hw.a.b": "it serves"},
    },
    "shown_commands": {**STAMP, "figure": "1 command", "commands": {"python -m hw.a": 3}},
    "way_out": {**STAMP, "figure": "skipped, Zensical cannot be installed", "skipped": "no network"},
}


class Balanced(HTMLParser):
    """Refuses tags that are not closed in order."""

    def __init__(self):
        super().__init__()
        self.open = []

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture
def record():
    return copy.deepcopy(MADE_UP)


def test_every_gate_has_its_row_with_day_and_commit(record):
    shown = depth_of(record)
    assert shown.count("2026-11-23, commit abc1234") == len(record) == len(TITLES)
    for name, gate in record.items():
        assert f'<th scope="row">{TITLES[name]}</th><td>{gate["figure"]}</td><td>none</td>' in shown
    parser = Balanced()
    parser.feed(shown)
    assert parser.open == []


def test_what_a_gate_found_and_what_survives_is_shown(record):
    record["fuzz"]["findings"] = ["f(<nan>) raises"]
    shown = depth_of(record)
    assert "<td>5 inputs</td><td>1</td>" in shown
    assert "<li>f(&lt;nan&gt;) raises</li>" in shown
    assert "docs/a.md</code>: 1 → 2. Nothing says why." in shown
    assert "<td>10</td><td>7</td><td>2</td><td>90.0%</td>" in shown
    assert "<code>a &lt; b</code> → <code>a &lt;= b</code>" in shown
    assert "<td>skipped, Zensical cannot be installed</td>" in shown
    assert '<th scope="row">test_a</th><td>6e-07</td><td>0.0%</td><td>a bias</td><td>100.0%</td>' in shown


def test_without_a_record_that_is_said(tmp_path):
    assert depth(tmp_path) == "<p>No record of a deep run is here.</p>"


def test_a_gate_that_has_not_run_is_named(record):
    del record["way_out"]
    assert f'<th scope="row">{TITLES["way_out"]}</th><td>not run yet</td>' in depth_of(record)
    assert "not run yet" not in depth_of(MADE_UP)


def test_the_record_of_this_checkout_meets_what_the_gates_ask_for():
    record = json.loads((ROOT / RECORD).read_text())
    assert record.keys() == TITLES.keys()
    shown = depth(ROOT)
    assert all(f"{gate['date']}, commit {gate['commit']}</td>" in shown for gate in record.values())
    assert "not run yet" not in shown
    assert not [name for name, gate in record.items() if gate["findings"]]
    assert all(re.fullmatch(r"[0-9a-f]{7,}", gate["commit"]) for gate in record.values())
    assert record["library"]["score"] >= 0.9
    pages = record["documentation"]["pages"].values()
    assert all(row["computed"] + row["reviewed"] >= 0.95 * row["mutants"] for row in pages)
    checks = record["chances"]["checks"]
    assert record["chances"]["seeds"] == 1000
    assert all(row["alarms"] <= 1e-3 and row["power"] >= 0.99 for row in checks)


def test_what_took_long_is_told_in_minutes():
    shown = depth_of({"fuzz": {**MADE_UP["fuzz"], "seconds": 119.4}, "chances": {**MADE_UP["chances"], "seconds": 150}})
    assert "<td>119\N{NO-BREAK SPACE}s</td>" in shown
    assert "<td>2\N{NO-BREAK SPACE}min</td>" in shown
    commands = {**MADE_UP["shown_commands"], "commands": {"a": 0.4, "b": 120, "c": 119.9, "d": 3601}}
    rows = re.findall(r'<tr><th scope="row">(\w)</th><td>(.*?)</td></tr>', depth_of({"shown_commands": commands}))
    expected = [("a", "0 s"), ("b", "2 min"), ("c", "120 s"), ("d", "60 min")]
    assert rows == [(name, took.replace(" ", "\N{NO-BREAK SPACE}")) for name, took in expected]


def test_details_are_told_in_their_tables():
    shown = depth_of(copy.deepcopy(MADE_UP))
    assert [len(re.findall("<table>", part)) for part in shown.split("<h3>")] == [1, 1, 1, 1, 1, 1]
    for row in (
        '<tr><th scope="row">hw.a</th><td>2</td><td>1</td><td>50.0%</td></tr>',
        '<tr><th scope="row">all</th><td>2</td><td>1</td><td>50.0%</td></tr>',
        '<tr><th scope="row">functions</th><td>5,000</td><td>4,000</td></tr>',
        "<summary>Functions that refused every input (1)</summary><ul><li><code>hw.a.c</code></li>",
        '<th scope="col">in 1,000 seeds</th>',
        "<summary>Survivors (1)</summary>",
        "<summary>Changes that nothing finds (1)</summary>",
        "<summary>Public names that are not called (1)</summary>",
        "<summary>Each check</summary><table>",
        "<li><code>hw.a.b</code>: it serves</li>",
        "<code>src/hw/a.py</code>, line 3: ",
    ):
        assert row in shown
    assert "Findings" not in shown


@pytest.mark.parametrize(("share", "text"), [(0.0, "0.0%"), (0.001, "0.1%"), (0.00099, "1e-03"), (1.0, "100.0%")])
def test_small_shares_are_told_in_powers_of_ten(share, text):
    check = {**MADE_UP["chances"]["checks"][0], "alarms": share}
    assert f"<td>{text}</td><td>a bias</td>" in depth_of({"chances": {**MADE_UP["chances"], "checks": [check]}})


def test_a_reason_is_told_in_place_of_its_lack_and_findings_with_their_gate(record):
    record["documentation"]["pages"]["docs/a.md"]["survivors"] = [{**SURVIVOR, "reason": "A <choice>."}]
    record["way_out"]["findings"] = ["one", "two"]
    shown = depth_of(record)
    assert "docs/a.md</code>: 1 → 2. A &lt;choice&gt;.</li>" in shown
    assert shown.endswith("<summary>Findings (2)</summary><ul><li>one</li><li>two</li></ul></details>")
    assert '<th scope="row">Another generator</th><td>skipped, Zensical cannot be installed</td><td>2</td>' in shown
    assert '<th scope="row">new_gate</th><td>1 of 1</td>' in depth_of({"new_gate": {**STAMP, "figure": "1 of 1"}})


def test_the_record_of_a_checkout_is_shown(tmp_path, record):
    (tmp_path / "tests/deep").mkdir(parents=True)
    (tmp_path / "tests/deep/record.json").write_text(json.dumps(record))
    assert depth(tmp_path) == depth_of(record)
