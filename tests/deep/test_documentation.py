"""Mutants of pages: a mutant that nothing finds is reported, and so is an explanation of nothing."""

import documentation
import pytest
from documentation import Mutant, mutants_of_page, scored

from reviewed import review

PAGE = """---
given: ["5"]
---

- (a) One is less than two.
- (b) Two is less than one.

4.1 is (a).

| one | two |
|---|---|
| a | b |
| c | d |

```pycon exec="on" source="above" result="text" session="s"
>>> x = 0.25
>>> print(x, 12)
0.25 12

```

There are {{ s: f"{2 * x:.2f}" }} of them.

```python exec="on" html="on" session="drawn"
print('<svg><path d="M', 3 * 4, '"/></svg>')
```
"""


def survivors(page, seen):
    return {(mutant.kind, mutant.change) for mutant in mutants_of_page("page", page, seen) if not mutant.found}


def test_every_mutant_of_a_page_whose_checks_are_whole_is_found():
    found = mutants_of_page("page", PAGE, review(PAGE))
    assert {mutant.kind for mutant in found} == {"outputs", "values", "drawings", "tables", "options"}
    assert survivors(PAGE, review(PAGE)) == set()
    by = {kind: {mutant.found for mutant in found if mutant.kind == kind} for kind in ("outputs", "values", "drawings")}
    assert by == {"outputs": {"computed"}, "values": {"computed", "reviewed"}, "drawings": {"reviewed"}}


def test_an_output_that_doctest_does_not_compare_is_found_out():
    weak = PAGE.replace(">>> print(x, 12)", ">>> print(x, 12)  # doctest: +SKIP")
    assert survivors(weak, review(weak)) == {
        ("outputs", "page, line 17: 0.25 → 0.26"),
        ("outputs", "page, line 17: 12 → 13"),
    }


@pytest.mark.parametrize("kind", ["values", "drawings", "tables", "options"])
def test_what_nobody_reviewed_survives(kind):
    assert kind in {kind for kind, _ in survivors(PAGE, {})}


def test_a_number_that_may_be_typed_is_only_found_by_review():
    allowed = PAGE.replace('given: ["5"]', 'given: ["0.51"]')
    assert survivors(allowed, review(allowed)) == set()
    name = 's: f"{2 * x:.2f}"'
    seen = {key: value for key, value in review(allowed).items() if key != name}
    assert ("values", f"{{{{ {name} }}}} typed as 0.51") in survivors(allowed, seen)


def test_a_page_below_the_least_score_is_a_finding_and_reasons_are_held_to_their_mutants():
    found = [Mutant("page", "values", f"change {number}", "computed") for number in range(18)]
    found += [Mutant("page", "values", "left", ""), Mutant("page", "values", "left as well", "")]
    entry = {"page": "page", "change": "left", "reason": "because"}
    outcome = scored(found, [entry, {**entry, "change": "gone"}])
    assert outcome.findings == [
        "page: 2 of 20 mutants survive",
        "page: no mutant survives by gone, which is explained",
        "page: left as well survives, and nothing says why",
    ]
    assert outcome.record["pages"]["page"]["survivors"][0]["reason"] == "because"


def test_a_number_of_a_record_that_reaches_the_page_is_changed_and_found(tmp_path, monkeypatch):
    record = tmp_path / "record.json"
    record.write_text('{"shown": 12.5, "other": 7}')
    monkeypatch.chdir(tmp_path)
    page = """```python exec="on" html="on" session="r"
import json
from pathlib import Path
print("<table>", json.loads(Path("record.json").read_text())["shown"], "</table>")
```
"""
    seen = {"page": review(page)}
    (found,) = documentation.mutants_of_records({"page": page}, seen)
    assert (found.kind, found.found) == ("data", "reviewed")
    assert "12.5" in found.change
    assert record.read_text() == '{"shown": 12.5, "other": 7}'
