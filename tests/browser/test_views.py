import pytest
import views
from browsing import Missing, dealt, launched, pages, serving

STYLE = """
html { line-height: 1.6; }
body { margin: 0; font: 18px/1.6 serif; background: #fffdf9; color: #1d1a16; }
main { padding: 1rem; }
article { max-width: 600px; }
a, summary { color: #1d5fa6; }
.formula { overflow-x: auto; }
.formula span { display: inline-block; width: 700px; }
svg { width: 200px; max-width: 100%; }
.margin { margin: 0; }
@media screen and (prefers-color-scheme: dark) {
  body { background: #1a1714; color: #ebe4d8; }
  a, summary { color: #8ab8e8; }
}
@media print {
  details::details-content { content-visibility: visible; }
  .formula { overflow: visible; }
  .formula span { width: auto; }
}
"""
BODY = """
<h1>Masks</h1>
<p id="first">A mask keeps the entries before the center, as <a href="#last">its last part</a> says.</p>
<div class="formula" tabindex="0" role="group" aria-label="A formula"><span class="katex">p(x) = q(x)</span></div>
<figure><svg role="img" aria-label="Three of nine pixels are seen" viewBox="0 0 200 60">
<text x="10" y="20">one</text><text x="10" y="50">two</text></svg><figcaption>What is seen.</figcaption></figure>
<p class="margin">A note in the margin.</p>
<details><summary>The answer</summary><p>It follows from the sum of the two sets.</p></details>
<p id="last">The end.</p>
"""

END = '<p id="last">'
DETAILS = "<p>It follows"
LABEL = 'aria-label="Three of nine pixels are seen"'
WIDE = '<span class="katex" style="display: inline-block; width: 700px; text-align: right">D(x) = 1</span>'

# What is planted together in a page: where, what comes in its place or before it, and what the gate must say of it.
NAMED = {
    "no alternative text": (LABEL, 'aria-label=""', "svg “onetwo” has no alternative text"),
    "a file's name for alternative text": (
        END,
        '<svg role="img" aria-label="seen.svg"></svg>',
        "“seen.svg” for alternative",
    ),
    "a word for alternative text": (END, '<svg role="img" aria-label="Figure 1"></svg>', "“Figure 1” for alternative"),
    "one alternative text twice": (
        END,
        '<svg role="img" aria-label="Two masks"></svg><svg role="img" aria-label="Two masks"><path d="M0 0h9"/></svg>',
        "share the alternative text “Two masks”",
    ),
    "an image without alt": (END, '<img src="data:image/gif;base64,R0lGODlhAQABAAAAACw=">', "axe image-alt"),
    "an unnamed button": (END, "<button></button>", "axe button-name"),
    "a button without JavaScript": (END, "<button>Copy</button>", "button “Copy” is shown, and does nothing without"),
    "pale text": (
        END,
        '<p style="color: #bbb; background: #fff">Pale</p>',
        "(light, 1440 px; light, 390 px): axe color-contrast",
    ),
    "dark text in the dark": (
        "color: #ebe4d8",
        "color: #444",
        "(dark, 1440 px; dark, 390 px; dark, 320 px): axe color-contrast",
    ),
    "a pale formula": ('class="katex">', 'class="katex" style="color: #ccc">', "p(x)"),
    "a console error": (END, "<script>console.error('lost')</script>", "console error: lost"),
    "a console warning": (END, "<script>console.warn('soon')</script>", "console warning: soon"),
    "an exception": (END, "<script>nothing.here()</script>", "uncaught: nothing is not defined"),
    "a third party's font": (
        "html {",
        "@font-face { font-family: F; src: url(http://127.0.0.2:9/f.woff2) } h1 { font-family: F } html {",
        "a request to elsewhere: http://127.0.0.2:9/f.woff2",
    ),
    "a missing file": (END, '<img alt="Masks of type A" src="masks.png">', "status 404: http"),
    "a paragraph by script": (
        END,
        "<script>document.querySelector('h1').after(document.createElement('p'))</script>",
        "paragraphs: not the same as with JavaScript",
    ),
    "text by script": (END, "<script>document.querySelector('h1').append('s')</script>", "text: not the same as with"),
}
DRAWN = {
    "a wide formula": (END, f"<p>{WIDE}</p>", "the page scrolls sideways, for span.katex “D(x) = 1”"),
    "a wide formula in nothing that scrolls": (END, "", "span.katex “D(x) = 1” is wider than its column"),
    "a wide formula, cut": (END, f'<div class="cut" style="overflow: hidden">{WIDE}</div>', "div.cut “D(x) = 1” cuts"),
    "a region without the keyboard": (
        END,
        f'<div class="deaf" style="overflow-x: auto">{WIDE}</div>',
        "div.deaf “D(x) = 1” scrolls, but not by keyboard",
    ),
    "an overlapped note": (
        ".margin { margin: 0; }",
        ".margin { margin: -3rem 0 0; }",
        "p.margin “A note in the margin.” overlaps",
    ),
    "a clipped figure": (
        END,
        '<figure style="height: 9px; overflow: hidden"><hr><figcaption>Cut</figcaption></figure>',
        "cuts figcaption “Cut”",
    ),
    "a clipped drawing": ('y="50">two', 'y="85">two', "cuts its own text “two”"),
    "lettering on lettering": (
        END,
        '<svg role="img" aria-label="On one another"><text y="22">three</text><text y="24">four</text></svg>',
        "overlaps text “three”",
    ),
    "lettering outside": (
        END,
        '<svg role="img" aria-label="Outside" style="overflow: visible"><text x="-60" y="50">left</text></svg>',
        "text “left” leaves the column",
    ),
    "dark on paper": ("screen and (prefers", "(prefers", "(print): the paper is printed dark"),
    "cut on paper": (".formula span { width: auto; }", ".formula { overflow: hidden }", "(print): div.formula"),
}
REACHED = {
    "a table that is wide when open": (DETAILS, '<div style="width: 800px">x</div>', "details open): the page scrolls"),
    "an overlap when open": (
        DETAILS,
        '<p>Under</p><p style="margin-top: -3rem">Over</p>',
        "p “Under” overlaps p “Over”",
    ),
    "a click without the keyboard": (END, '<div onclick="0">Show</div>', "div “Show”: not reached by Tab"),
    "a focus that does not show": (
        "html {",
        "a:focus { outline: none; } html {",
        "a in #first “its last part”: the focus does not show",
    ),
    "a focus under a header": (
        END,
        '<div style="position: fixed; inset: 0 0 auto; height: 60vh"></div>',
        "the focus is out of sight",
    ),
    "another order": (
        '<a href="#last">',
        '<a href="#last" tabindex="1">',
        "“its last part”: taken out of the page's order",
    ),
    "a summary that stays shut": ("<summary>", '<summary onclick="return false">', "Enter does not open"),
    "closed on paper": ("details::details-content", "details::none", "details “The answer”: closed on paper"),
    "a header on paper": (END, '<div class="md-header">Head</div>', "div.md-header “Head” is printed"),
}
PAGES = {"named": NAMED, "drawn": DRAWN, "reached": REACHED}


def page(body=BODY, style=STYLE):
    head = f"""<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>A page</title>
<link rel="icon" href="data:,"><style>{style}</style>"""
    return f"""<!doctype html><html lang="en"><head>{head}</head>
<body><main><article>{body}</article></main></body></html>"""


def planted(defects):
    """Return the page with some defects: each in place of what it replaces, or before the end or the answer."""
    html = page()
    for before, after, _ in defects.values():
        assert html.count(before) == 1, before
        html = html.replace(before, after + before if before in (END, DETAILS) else after)
    return html


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """What the gate says of the page as it should be, and of each with defects."""
    site = tmp_path_factory.mktemp("site")
    (site / "404.html").write_text(page("<h1>Not here</h1>"), "utf-8")
    for name, html in {"good": page(), **{name: planted(defects) for name, defects in PAGES.items()}}.items():
        (site / f"{name}.html").write_text(html, "utf-8")
    with serving(site) as base, launched() as browser, views.rooms(browser) as contexts:
        return {name: views.page_lines(base, f"{name}.html", contexts) for name in ("good", *PAGES)}


def test_a_good_page_gives_no_finding(said):
    assert said["good"] == []


@pytest.mark.parametrize(("name", "defect"), [(name, defect) for name in PAGES for defect in PAGES[name]])
def test_a_planted_defect_is_found(said, name, defect):
    assert any(PAGES[name][defect][2] in line for line in said[name]), "\n".join(said[name])


@pytest.mark.parametrize("name", PAGES)
def test_a_finding_begins_with_its_page(said, name):
    assert all(line.startswith(f"{name}.html (") for line in said[name])


def test_every_page_is_looked_at_in_all_views(tmp_path):
    (tmp_path / "flows").mkdir()
    (tmp_path / "index.html").write_text(page(), "utf-8")
    (tmp_path / "flows" / "index.html").write_text(page().replace(LABEL, ""), "utf-8")
    result = views.check(tmp_path)
    assert result.figure == "12 page views"
    assert {line.split(" (")[0] for line in result.findings} == {"flows/"}


def test_pages_are_shared_out_once_each_and_the_heaviest_apart(tmp_path):
    for number in range(9):
        (tmp_path / f"{number}.html").write_text("x" * (400_000 if number < 3 else 10), "utf-8")
    groups = dealt(tmp_path, pages(tmp_path))
    assert sorted(page for group in groups for page in group) == [f"{number}.html" for number in range(9)]
    assert max(sum(page in ("0.html", "1.html", "2.html") for page in group) for group in groups) == 1


def test_without_axe_the_gate_is_missing(tmp_path, monkeypatch):
    monkeypatch.setattr(views, "AXE", tmp_path / "axe.min.js")
    with pytest.raises(Missing, match="axe-core is not installed"):
        views.check(tmp_path)
