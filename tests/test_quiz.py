"""Choices answered in the page: what the marks become, what the check refuses, and that the marks are the answers."""

import re
from itertools import combinations
from pathlib import Path

import markdown
import pytest
from markdown.treeprocessors import Treeprocessor

from hw.checked_math.document import FENCE, OPTION

DOCS = Path(__file__).parent.parent / "docs"
PAGES = {name: (DOCS / f"{name}.md").read_text("utf-8") for name in ("flows", "vae", "gan")}
ASKED = {"flows": ["2.2"], "vae": ["3.1", "3.3"], "gan": ["4.1", "4.2", "4.3"]}
MARK = re.compile(r'\b(right|wrong)="([\d.()a-z ]+)"')
TOKENS = [
    (page, mark.start(), token)
    for page, text in PAGES.items()
    for mark in MARK.finditer(text)
    for token in mark[2].split()
]
PAGE = """
/// html | div.question
*1.1* Which number is even?

- (a) one
- (b) two
- (c) three
///

/// html | div[data-widget="quiz" data-question="1.1"]
///

/// details | The answer
1.1 is (b).
///

- *(b)* is even.
  {: right="1.1(b)" }
- *(a)* is one less.
  {: wrong="1.1(a)" counter="odd" }

```math id="odd" model="integers"
1 = 2 \\cdot 0 + 1
```

## “Three is even.” { #wrong-three wrong="1.1(c)" }

It tempts.

```pycon
>>> 3 % 2
1

```

## Next

- Text.
"""


def shown(match: re.Match) -> str:
    """A fence as the site shows it, but for its contents."""
    options = dict(OPTION.findall(match["info"]))
    kind = (
        "refuted"
        if "expect" in options
        else "test"
        if "test" in options
        else "cited"
        if "cite" in options
        else "checked"
    )
    if match["info"].startswith("math"):
        return f'\n<div class="claim {kind}" id="{options["id"]}"></div>\n'
    if match["info"].startswith("pycon"):
        return '\n<div class="language-pycon highlight"></div>\n'
    return '\n<table><tr><th scope="col"></th></tr></table>\n' if "tables" in match["code"] else "\n<svg></svg>\n"


def render(text: str, fence=shown, page: str = "") -> str:
    extensions = ["attr_list", "toc", "pymdownx.blocks.details", "pymdownx.blocks.html", "hw.site.quiz"]
    converter = markdown.Markdown(extensions=extensions)
    if page:

        class Relative(Treeprocessor):  # what MkDocs brings
            file = type("File", (), {"src_uri": page})

            def run(self, root):
                pass

        converter.treeprocessors.register(Relative(converter), "relpath", 0)
    return converter.convert(FENCE.sub(fence, text))


def tags(html: str, *names: str) -> list[str]:
    return [tag for tag in re.findall(r"<[^>]+>", html) if any(f" {name}=" in tag for name in names)]


def test_marks_become_attributes_that_the_script_reads():
    found = tags(render(PAGE), "data-asks", "data-options", "data-right", "data-wrong")
    assert found == [
        '<p data-asks="1.1">',
        '<ul data-options="1.1">',
        '<li data-right="1.1(b)" id="option-1-1-b">',
        '<li data-counter="odd" data-wrong="1.1(a)" id="option-1-1-a">',
        '<h2 data-wrong="1.1(c)" id="wrong-three">',
    ]


def test_a_page_without_marks_stays_as_it_is():
    text = "*1.1* Text.\n\n- (a) one\n- (b) two\n"
    assert render(text) == markdown.markdown(text)


def test_cases_have_an_answer_each():
    text = PAGE.replace("- (a) one", "- (1) Plain.\n- (2) Plus one.\n\nChoose for each:\n\n- (a) one")
    text = text.replace("1.1 is (b).", "1.1 (1) is (b), and 1.1 (2) is (a) and (c).")
    text = text.replace('right="1.1(b)"', 'right="1.1(1)(b)" wrong="1.1(2)(b)" argued="yes"')
    text = text.replace('wrong="1.1(a)"', 'wrong="1.1(1)(a)" right="1.1(2)(a)"')
    text = text.replace('wrong="1.1(c)"', 'wrong="1.1(1)(c)" right="1.1(2)(c)"')
    html = render(text)
    assert tags(html, "data-cases") == ['<ul data-cases="1.1">']
    assert 'data-right="1.1(1)(b)" data-wrong="1.1(2)(b)" id="option-1-1-1-b"' in html
    with pytest.raises(
        ValueError, match=r"answer to 1\.1\(2\) must be \['a', 'c'\], as the reasons are marked, got \['a'\]"
    ):
        render(text.replace("(a) and (c)", "(a)"))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("1.1 is (b)", "1.1 is (c)", r"answer to 1\.1 must be \['b'\], as the reasons are marked, got \['c'\]"),
        ("1.1 is (b)", "1.1 is obvious", r"answer to 1\.1 must be \['b'\], .*, got \[\]"),
        ("1.1 is (b)", "1.1 is (b), 1.2 is (a)", r"answer to 1\.2 must be \[\], .*, got \['a'\]"),
        ("The answer", "An answer", r"answer to 1\.1 must be \['b'\], .*, got \[\]"),
        ('{: right="1.1(b)" }', "", r"option 1\.1\(b\) must have one reason that says whether it is right, got 0"),
        (
            'wrong="1.1(a)"',
            'wrong="1.1(a) 1.1(b)"',
            r"option 1\.1\(b\) must have one reason that says whether it is right, got 2",
        ),
        ('wrong="1.1(a)"', 'right="1.1(a)"', r"answer to 1\.1 must be \['a', 'b'\]"),
        (
            'right="1.1(b)"',
            'wrong="1.1(b)" argued="yes"',
            r"options of 1\.1 must be some right and some wrong, got 0 right",
        ),
        ('wrong="1.1(a)"', 'wrong="1.1(d)"', r"wrong must name options of questions that are asked, got '1\.1\(d\)'"),
        ('right="1.1(b)"', 'right="b"', "right must name options of questions that are asked, got 'b'"),
        (
            'counter="odd"',
            "",
            r"option 1\.1\(a\) must have a counterexample that runs, or be marked as argued, got neither",
        ),
        ('counter="odd"', 'counter="odd" argued="yes"', r"option 1\.1\(a\) must have a counterexample .*, got both"),
        ('counter="odd"', 'counter="even"', "counter must be the id of a formula or a section of the page, got even"),
        (
            'model="integers"',
            'cite="A book"',
            r"option 1\.1\(a\) must have a counterexample that runs, .*, got neither",
        ),
        (
            "```pycon\n>>> 3 % 2\n1\n\n```",
            "",
            r"option 1\.1\(c\) must have a counterexample that runs, .*, got neither",
        ),
        ("It tempts.", "## Another section", r"option 1\.1\(c\) must have a counterexample that runs, .*, got neither"),
        (
            "- (c) three",
            "- (d) three",
            r"options of 1\.1 must have the letters \(a\), \(b\) and so on, got \['a', 'b', 'd'\]",
        ),
        (
            'data-question="1.1"',
            'data-question="1.2"',
            r"data-question must be a question with options in the panel, got '1\.2'",
        ),
        ("*1.1* Which", "Which", r"data-question must be a question with options in the panel, got '1\.1'"),
        ("div.question", "div", r"data-question must be a question with options in the panel, got '1\.1'"),
        (
            'div[data-widget="quiz" data-question="1.1"]',
            "div",
            r"right must name options of questions that are asked, got",
        ),
    ],
)
def test_what_does_not_agree_is_refused(old, new, message):
    assert PAGE.count(old) == 1
    with pytest.raises(ValueError, match=f"^quiz.md: .*{message}"):
        render(PAGE.replace(old, new), page="quiz.md")


def test_a_block_has_its_anchor_on_its_first_paragraph():
    text = PAGE.replace(
        '- *(b)* is even.\n  {: right="1.1(b)" }', '/// html | div[right="1.1(b)"]\n*(b)* is even.\n\nText.\n///'
    )
    assert '<div data-right="1.1(b)">\n<p id="option-1-1-b"><em>(b)</em> is even.</p>' in render(text)


def test_a_counterexample_may_be_a_section():
    text = PAGE.replace('counter="odd"', 'counter="wrong-three"')
    assert 'data-counter="wrong-three"' in render(text)


@pytest.mark.parametrize("page", PAGES)
def test_each_choice_of_the_pages_can_be_answered(page):
    html = render(PAGES[page])
    assert re.findall(r'<div data-question="([^"]+)"', html) == ASKED[page]
    assert not re.findall(r"///|\{:", html)
    offered = dict(re.findall(r'<ul data-options="([^"]+)">(.*?)</ul>', html, re.DOTALL))
    assert list(offered) == ASKED[page]


def test_only_4_1_is_argued_in_words_alone():
    argued = [mark for text in PAGES.values() for mark in re.findall(r'\{: (.*) argued="yes" \}', text)]
    assert argued == ['wrong="4.1(c)"', 'wrong="4.1(d)"']


@pytest.mark.parametrize(("page", "at", "token"), TOKENS, ids=[token for *_, token in TOKENS])
def test_every_mark_flipped_is_found(page, at, token):
    text = PAGES[page]
    mark = MARK.match(text, at)
    rest = " ".join(other for other in mark[2].split() if other != token)
    flipped = "wrong" if mark[1] == "right" else "right"
    own = [f'{mark[1]}="{rest}"'] if rest else []
    other = re.search(rf'(?<= ){flipped}="[^"]*"', text[mark.end() : text.index("\n", at)])
    assert not other
    new = " ".join([*own, f'{flipped}="{token}"'])
    with pytest.raises(ValueError, match=re.escape(token[:3])):
        render(text[:at] + new + text[mark.end() :])


def test_every_other_letter_of_an_answer_is_found():
    for text in PAGES.values():
        for answer in re.finditer(r"\d\.\d(?: \(\d\))? is [^.;:]*", text):
            for letter in re.finditer(r"(?<=\()[a-d](?=\))", answer[0]):
                at = answer.start() + letter.start()
                with pytest.raises(ValueError, match=r"the folded answer to \d\.\d"):
                    render(text[:at] + "abcda"["abcd".index(letter[0]) + 1] + text[at + 1 :])


def test_marks_of_two_wrong_options_exchanged_are_found():
    """Where the reason of one of them begins with its letter, as nearly all do."""
    found = set()
    for text in PAGES.values():
        for one, other in combinations(re.finditer(r'(?<= wrong=")\d\.\d\([a-d]\)(?=")', text), 2):
            if one[0][:3] == other[0][:3]:
                exchanged = (
                    text[: one.start()] + other[0] + text[one.end() : other.start()] + one[0] + text[other.end() :]
                )
                with pytest.raises(ValueError, match=r"must be what its reason begins with, got \("):
                    render(exchanged)
                found |= {one[0], other[0]}
    assert found == {"3.1(a)", "3.1(c)", "3.1(d)", "4.1(a)", "4.1(c)", "4.1(d)", "4.3(a)", "4.3(c)"}


def test_without_what_runs_the_pages_are_refused():
    for text in PAGES.values():
        with pytest.raises(ValueError, match=r"must have a counterexample that runs|must be the id of"):
            render(text, fence=lambda match: "")
