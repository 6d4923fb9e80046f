"""Statements about a paper: what is refused, what their verdicts are derived from, and those of the page itself."""

import math
import re
from dataclasses import FrozenInstanceError, replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from hw.checked_math.document import fences
from hw.experiments import simclr
from hw.site.review import Statement, arithmetic_error, quoted, read_statements, statements_table, verdicts

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs/simclr.md").read_text()
TOML = (ROOT / "docs/simclr_claims.toml").read_text()
OPTIONS = [fence.options for fence in fences(PAGE) if fence.language == "math"]
FORMULAS = [options["id"] for options in OPTIONS if not {"expect", "test", "cite"} & set(options)]
CLAIMS = read_statements(TOML, FORMULAS)
SAID = Statement("a", "result", "A gain of 7.0 points & more.", "Table 1", "said")


@pytest.mark.parametrize(
    ("expression", "value", "stated"),
    [
        ("76.5 / 71.5", 76.5 / 71.5, "1.070"),
        ("76.3 − 69.3", 76.3 - 69.3, "7.0"),
        ("2 · (8192 − 1)", 2 * 8191, "16382"),
        ("0.075 · √4096", 0.075 * math.sqrt(4096), "4.8"),
        ("0.999^4095", 0.999**4095, "0.0166"),
        ("1 − 2 · 3", 1 - 2 * 3, "-5"),
    ],
)
def test_arithmetic_has_the_value_stated(expression, value, stated):
    assert f"{value:.{len(stated.partition('.')[2])}f}" == stated
    assert arithmetic_error(expression, stated) == ""
    assert arithmetic_error(expression, f"{float(stated) + 1:g}").startswith(f"{expression} = ")


@pytest.mark.parametrize("expression", ["__import__('os')", "a + 1", "1; 2", "", "[1][0]"])
def test_what_is_no_arithmetic_is_not_run(expression):
    assert arithmetic_error(expression, "1").endswith("which is no arithmetic")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "true"}, "kind and read of 'a' must be known, got 'true' and 'text'"),
        ({"read": "rumor"}, "kind and read of 'a' must be known, got 'said' and 'rumor'"),
        ({"misread": "All is well."}, "misread of 'a' must come with a correction"),
        ({"correction": "It is not."}, "misread of 'a' must come with a correction"),
        ({"kind": "derived"}, "arithmetic or formulas of 'a' must show how it follows, got none"),
        ({"arithmetic": {"76.3 − 69.3": "6.8"}}, "arithmetic of 'a' must hold, got 76.3 − 69.3 = 7.0, not 6.8"),
    ],
)
def test_a_statement_that_cannot_be_judged_is_refused(change, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        replace(SAID, **change)


def rows(*lines):
    return "\n".join(f'[[claim]]\nid = "a"\ntopic = "t"\nsays = "s"\nwhere = "w"\nkind = "said"\n{x}' for x in lines)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (rows("", ""), "id must be given once, got 'a' again"),
        (rows('verdict = "yes"'), "claim must have the fields .*, got .'verdict'."),
        (rows('formulas = ["gone"]'), "formulas of 'a' must be shown as true on the page, got 'gone'"),
    ],
)
def test_a_file_that_does_not_fit_the_page_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        read_statements(text, ["there"])


def test_verdicts_are_derived():
    assert verdicts(SAID) == ["matches the paper"]
    measured = replace(SAID, kind="measured")
    assert verdicts(measured) == ["only reported"]
    assert verdicts(replace(measured, dated="2020-06")) == ["reported, 2020-06"]
    both = replace(SAID, kind="derived", arithmetic={"1 + 1": "2"}, formulas=["f"], contested="A & B")
    expected = ["arithmetic computed here", "rests on an equation, checked here"]
    assert verdicts(both) == ["follows from the paper’s numbers", *expected, "contested by A & B"]
    assert verdicts(measured, ["no", "yes", "no"])[-1] == "toy scale: 1 yes, 2 no"


def test_a_number_is_quoted_only_if_the_statement_has_it():
    assert quoted([SAID], "a", "7.0") == "7.0"
    for number in ("7", "70", "7.05", "0"):
        with pytest.raises(ValueError, match=f"number must stand in the statement 'a', got '{number}'"):
            quoted([SAID], "a", number)
    with pytest.raises(ValueError, match="name must be the id of a statement, got 'b'"):
        quoted([SAID], "b", "7.0")


class Text(HTMLParser):
    VOID = ("col",)

    def __init__(self, source):
        super().__init__()
        self.open, self.ids, self.text = [], [], ""
        self.feed(source)

    def handle_starttag(self, tag, attrs):
        self.open += [tag] * (tag not in self.VOID)
        self.ids += [value for name, value in attrs if name == "id"]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def test_the_table_is_whole_and_shows_everything():
    found = Text(statements_table(CLAIMS, {"head-gain": ["yes"]}))
    assert found.open == []
    assert found.ids == [f"claim-{claim.id}" for claim in CLAIMS]
    for claim in CLAIMS:
        for shown in (claim.says, claim.where, claim.misread, claim.correction, *(claim.arithmetic or {})):
            assert shown in found.text
    assert found.text.count("toy scale") == 1
    assert "&amp; more" in statements_table([SAID], {})


def test_the_page_has_its_statements():
    assert len(CLAIMS) >= 40
    assert sum(bool(claim.misread) for claim in CLAIMS) >= 30
    topics = [claim.topic for claim in CLAIMS]
    assert topics == sorted(topics, key=topics.index)  # each topic in one piece


def test_links_to_statements_lead_to_one():
    linked = set(re.findall(r"\(#claim-([\w-]+)\)", PAGE))
    assert linked
    assert linked <= {claim.id for claim in CLAIMS}


def test_every_run_speaks_to_a_statement():
    spoken = {finding.claim for finding in simclr.findings(simclr.recorded())}
    assert len(spoken) >= 6
    assert spoken <= {claim.id for claim in CLAIMS}


def test_later_works_are_dated_and_what_the_paper_knew_is_not():
    for claim in CLAIMS:
        assert bool(claim.dated) == (claim.topic == "since"), claim.id
        assert not claim.dated or claim.dated > "2020-02"


def test_the_page_tells_what_the_runs_say():
    """Its words were written for these verdicts; where a new record has others, the words have to be read again."""
    told = {
        "yes": """nonlinear head over none, all labels; h over z, all labels; τ = 0.1 over 1, all labels;
            τ = 0.1 over 1, all labels, z; 200 epochs over 25, all labels; all four over crop alone, 1 % of labels;
            all four over rotate alone, 1 % of labels; all four over contrast alone, 1 % of labels;
            all four over rotate alone, all labels; all four over contrast alone, all labels;
            h over pixels, 1 % of labels; h over pixels, 10 % of labels; h over supervised, 10 % of labels""",
        "no": """nonlinear head over none, 1 % of labels; nonlinear head over linear, 1 % of labels;
            h over z, 1 % of labels; h over z, 10 % of labels; h over z, nearest of ten;
            τ = 0.1 over 0.5, 1 % of labels; batch 1000 over 50, 25 epochs, 10 % of labels;
            batch 1000 over 50, 100 epochs, 10 % of labels""",
    }
    expected = {" ".join(says.split()): verdict for verdict, listed in told.items() for says in listed.split(";")}
    findings = simclr.findings(simclr.recorded())
    found = {one.says: one.difference.verdict for one in findings}
    assert len(found) == len(findings)
    assert {says: verdict for says, verdict in found.items() if verdict != "undecided"} == expected
    assert "no" not in {one.difference.verdict for one in findings if one.claimed}
    batches = [one.difference.mean for one in findings if one.claim == "batch-gap" and one.claimed]
    assert max(batches) < 0


@pytest.mark.parametrize("text", ["", "claim = 1", "claim = [1]"])
def test_a_text_without_statements_is_refused(text):
    with pytest.raises(ValueError, match=r"^text must have an array of tables called claim, got"):
        read_statements(text, ())


@pytest.mark.parametrize("expression", ["/", "1 +", "1 / 0", "2 ^ 0.5 ^ (-9999)"])
def test_what_cannot_be_computed_is_no_arithmetic(expression):
    assert arithmetic_error(expression, "1") == f"{expression!r}, which is no arithmetic"


def test_a_row_links_the_formulas_of_its_statement_and_tells_its_sums():
    says = replace(SAID, kind="derived", arithmetic={"1 + 1": "2", "2 − 1": "1"}, formulas=["f", "g"], read="abstract")
    shown = statements_table([says], {"a": ["yes", "undecided", "yes"]})
    assert (
        '<li>rests on an equation, checked here <a href="#f">f</a> <a href="#g">g</a></li>'
        "<li>toy scale: 2 yes, 1 undecided</li><li>Table 1</li><li>read in the abstract</li></ul>"
    ) in shown
    assert '<p class="sums">1 + 1 = 2; 2 − 1 = 1</p>' in shown
    assert "misread" not in shown
    plain = statements_table([SAID], {})
    assert "sums" not in plain
    assert "<ul><li>matches the paper</li><li>Table 1</li></ul>" in plain
    misread = statements_table([replace(SAID, misread="All < is well.", correction="It is & not.")], {})
    assert '<p class="misread"><span>✗</span> “All &lt; is well.”</p><p>It is &amp; not.</p>' in misread


def test_a_statement_cannot_be_changed_and_each_of_its_sums_must_hold():
    with pytest.raises(FrozenInstanceError):
        SAID.kind = "measured"
    with pytest.raises(ValueError, match=r"arithmetic of 'a' must hold, got 1 \+ 1 = 2, not 3"):
        replace(SAID, arithmetic={"2 + 2": "4", "1 + 1": "3"})
    assert replace(SAID, kind="derived", formulas=["f"]).read == "text"
    assert replace(SAID, kind="derived", arithmetic={"1 + 1": "2"}).formulas == ()


def test_a_number_is_quoted_from_the_sums_and_the_correction():
    says = replace(SAID, misread="m", correction="Rather 8.25 points.", arithmetic={"10 / 4": "2.5"})
    other = replace(SAID, id="b", says="Nothing.")
    for number in ("7.0", "8.25", "2.5"):
        assert quoted([other, says], "a", number) == number
    with pytest.raises(ValueError, match="number must stand in the statement 'a', got '10'"):
        quoted([other, says], "a", "10")
    assert quoted([replace(SAID, says="Up to 3.")], "a", "3") == "3"


def test_the_statement_that_does_not_fit_is_named():
    second = rows('formulas = ["gone"]').replace('id = "a"', 'id = "b"')
    with pytest.raises(ValueError, match="formulas of 'b' must be shown as true on the page, got 'gone'"):
        read_statements(f"{rows('')}\n{second}", ["there"])
