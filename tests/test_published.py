"""What is done to the pages after MkDocs has built them; `tests/browser` looks at the results in a browser."""

import re
import struct
from pathlib import Path

import markdown
import material
import pytest

from hw.site.frame import PLAIN, lighten
from hw.site.sharing import draw_pictures
from hw.site.stylesheet import names_in, purged

ROOT = Path(__file__).parent.parent
PAGE = """<!doctype html><html><head><meta charset="utf-8"><link rel="stylesheet" href="{root}assets/css/a.css">
<link rel="stylesheet" href="{root}assets/katex/b.css"></head><body>
<input type="checkbox" id="__drawer" autocomplete="off"><label tabindex=""></label>
<table><tr><td>1</td></tr></table><table class="review"></table>
<script src="{root}assets/javascripts/bundle.1.min.js"></script>
<script src="{root}assets/js/book.js"></script></body></html>"""


@pytest.fixture
def site(tmp_path):
    for folder in ("assets/css", "assets/katex", "page"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "assets/css/a.css").write_text("a { background: url(../x.png) }\n/*# sourceMappingURL=a.css.map */")
    (tmp_path / "assets/katex/b.css").write_text(
        '@font-face { src: url("fonts/k.woff2") } b { c: url(data:image/png,1) }'
    )
    (tmp_path / "index.html").write_text(PAGE.format(root=""))
    (tmp_path / "page/index.html").write_text(PAGE.format(root="../"))
    return tmp_path


def test_style_sheets_become_one_with_their_addresses(site):
    lighten(site)
    sheet = (site / "assets/css/site.css").read_text()
    assert "url(../x.png)" in sheet
    assert "url(../katex/fonts/k.woff2)" in sheet
    assert "url(data:image/png,1)" in sheet
    assert "sourceMapping" not in sheet
    assert not (site / "assets/katex/b.css").exists()
    for name, root in (("index.html", ""), ("page/index.html", "../")):
        page = (site / name).read_text()
        assert page.count("stylesheet") == page.count(f'href="{root}assets/css/site.css"') == 1


def test_the_style_sheet_keeps_what_pages_and_scripts_have(site):
    (site / "assets/css/a.css").write_text(
        ".review > td, .other { color: red } .made { color: teal } .sought { color: red }"
        "@media print { .x, #y { top: 0 } }"
        ":root { --read: 1; --idle: 2 } table:not(.other) { top: var(--read) }"
    )
    (site / "book.js").write_text("node.className = 'made'; document.querySelector('.sought')")
    lighten(site)
    sheet = (site / "assets/css/site.css").read_text()
    for kept in (".review > td{", ".made{", "--read", "table:not(.other){"):
        assert kept in sheet
    for dropped in (", .other", ".sought", "print", "--idle"):
        assert dropped not in sheet


def test_formulas_fonts_come_with_the_page(site):
    page = site / "page/index.html"
    page.write_text(page.read_text().replace("<table>", '<span class="katex">x</span><table>', 1))
    lighten(site)
    assert page.read_text().count('<link rel="preload" href="../assets/katex/fonts/') == 2
    assert "preload" not in (site / "index.html").read_text()


def test_code_keeps_the_spans_that_color_it(site):
    code = (
        '<span class="kn">import</span><span class="w"> </span><span class="nn">torch</span><span class="gp">1</span>'
    )
    page = site / "index.html"
    page.write_text(page.read_text().replace("<table>", f'{code}<span class="n"><a href="#x">x</a></span><table>', 1))
    lighten(site)
    bare = '<span class="kn">import</span> torch<span class="gp">1</span><span class="n"><a href="#x">x</a></span>'
    assert bare in page.read_text()


def test_a_token_without_its_span_would_have_had_the_color_of_text():
    (sheet,) = (Path(material.__file__).parent / "templates/assets/stylesheets").glob("main.*.min.css")
    colors = dict(re.findall(r"(--md-code-hl-[\w-]+): ([^;]+);", (ROOT / "docs/assets/css/book.css").read_text()))
    rules = re.findall(r"((?:,?\.highlight \.\w+)+)\{color:var\((--md-code-hl-[\w-]+)\)\}", sheet.read_text())
    kinds = {kind: colors[color] for kinds, color in rules for kind in re.findall(r"\.highlight \.(\w+)", kinds)}
    assert {kinds[kind] for kind in kinds.keys() & set(PLAIN)} == {"var(--ink)"}
    assert kinds["k"] != "var(--ink)"


def test_the_themes_script_waits_and_its_markup_is_valid(site):
    lighten(site)
    page = (site / "page/index.html").read_text()
    assert '<script src="../assets/js/book.js" data-theme="../assets/javascripts/bundle.1.min.js">' in page
    assert page.count("<script") == 1
    assert "autocomplete" not in page
    assert 'tabindex=""' not in page
    assert page.count('tabindex="0"><div class="md-typeset__table"><table class="data">') == 1
    assert '<table class="review"></table>' in page


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("bundle.1", "other", "the theme's bundle"),
        ("js/book.js", "js/other.js", r"assets/js/book\.js"),
        ("assets/katex/b.css", "assets/katex/c.css", "the same style sheets"),
    ],
)
def test_a_frame_that_it_does_not_know_is_refused(site, old, new, message):
    page = site / "page/index.html"
    page.write_text(page.read_text().replace(old, new))
    with pytest.raises(RuntimeError, match=rf"index\.html: .*{message}"):
        lighten(site)


def test_a_former_id_of_a_formula_stays_an_anchor():
    fence = '```math id="two" was="deux zwei" model="latent"\n1 + 1 = 2\n```\n'
    options = {"hw.site.marks": {"ledger": "", "cache": ""}}
    page = markdown.markdown(fence, extensions=["hw.site.marks", "pymdownx.superfences"], extension_configs=options)
    assert '<span id="deux"></span><span id="zwei"></span><div class="claim checked" id="two">' in page
    assert '<span id="' not in markdown.markdown(
        fence.replace(' was="deux zwei"', ""), extensions=["hw.site.marks"], extension_configs=options
    )


def test_the_picture_of_a_page_shows_its_own_grid(site, tmp_path):
    from PIL import Image

    root = tmp_path / "shared"
    (root / "assets/css").mkdir(parents=True)
    (root / "assets/css/book.css").write_text(
        "--paper: light-dark(#ffffff, #000000); --ink: #000000; --soft: #777777; --seen: #0000ff; --wrong: #ff0000;"
    )
    fonts = ROOT / "docs/assets/fonts"
    (root / "assets/fonts").symlink_to(fonts)
    head = "".join(
        f'<meta property="og:{name}" content="{value}">'
        for name, value in {
            "site_name": "Site",
            "title": "A page",
            "description": "Words",
            "image": "http://x/p.png",
        }.items()
    )
    cells = "".join(f'<rect class="seen" x="{24 * x}" y="0" width="24" height="24"/>' for x in range(3))
    (root / "index.html").write_text(f'{head}<svg class="pixels">{cells}</svg>')
    draw_pictures(root)
    blue = [color for count, color in Image.open(root / "assets/share/p.png").getcolors(10**6) if count > 20_000]
    assert (0, 0, 255) in blue
    assert (root / "assets/share/p.png").read_bytes()[16:24] == struct.pack(">II", 1200, 630)
    (root / "index.html").write_text(f'{head}<svg class="pixels">{cells.replace("seen", "rest")}</svg>')
    draw_pictures(root)
    assert (0, 0, 255) not in [c for n, c in Image.open(root / "assets/share/p.png").getcolors(10**6) if n > 20_000]


def test_the_message_names_the_style_sheets_of_a_page(site):
    page = site / "page/index.html"
    page.write_text(page.read_text().replace("katex/b.css", "katex/c.css"))
    said = "page/index.html: every page must link the same style sheets, got assets/css/a.css, assets/katex/c.css"
    with pytest.raises(RuntimeError, match=f"^{re.escape(said)}$"):
        lighten(site)
    (site / "index.html").write_text(re.sub(r"<link.*?>\n?", "", PAGE.format(root="")))
    with pytest.raises(RuntimeError, match=r"must link the same style sheets, got none$"):
        lighten(site)


def test_stems_of_other_languages_are_dropped_and_their_lack_is_no_failure(site):
    (site / "assets/javascripts/lunr/min").mkdir(parents=True)
    (site / "assets/javascripts/lunr/min/lunr.fr.min.js").touch()
    lighten(site)
    assert not (site / "assets/javascripts/lunr").exists()


def test_only_formulas_ask_for_fonts_and_only_tables_of_text_get_a_frame(site):
    page = site / "index.html"
    page.write_text(page.read_text().replace("<table>", '<i class="katex">x</i><table>'))
    lighten(site)
    text = page.read_text()
    for font in ("Math-Italic", "Main-Regular"):
        link = f'href="assets/katex/fonts/KaTeX_{font}.woff2" as="font" type="font/woff2" crossorigin>'
        assert text.index(link) < text.index("assets/css/site.css")
    assert text.count("md-typeset__scrollwrap") == 1
    assert "autocomplete" not in text


@pytest.mark.parametrize(
    ("css", "names", "left"),
    [
        (".a { b: c }", {"a"}, ".a{b: c}"),
        (".a { b: c }", (), ""),
        ("#a { b: c } #d { e: f }", {"d"}, "#d{e: f}"),
        ("a, .b , #c,d { e: f; g: h; }", (), "a,d{e: f;g: h}"),
        (".a.b { c: d } .a .e { c: d } .a > p { c: d }", {"a", "b"}, ".a.b{c: d}.a > p{c: d}"),
        ("a.b:hover { c: d } a:is(.x, .y) { c: d }", {"b"}, "a.b:hover{c: d}a:is(.x, .y){c: d}"),
        ("a:not(.x), .y { c: d }", (), "a:not(.x){c: d}"),
        ("/* one */ a { /* two */ b: c; /* three */ } /* four */", (), "a{b: c}"),
        ("a { }", (), ""),
        ("@media print { /* x */ .a { b: c } /* y */ d { e: f } }", (), "@media print {d{e: f}}"),
        ("@media print { .a { b: c } }", (), ""),
        ("@supports (a: b) { @media (c) { p { d: e } .f { g: h } } }", (), "@supports (a: b) {@media (c) {p{d: e}}}"),
        ("@layer a { .b { c: d } } @container (e) { f { g: h } }", (), "@container (e) {f{g: h}}"),
        ("@MEDIA print { .a { b: c } p { d: e } }", (), "@MEDIA print {p{d: e}}"),
        ("@font-face { src: url(x) } @keyframes .a { to { b: c } }",
         (), "@font-face { src: url(x) }@keyframes .a { to { b: c } }"),
        ('@import "x"; @layer a;', (), '@import "x";@layer a;'),
        ("a { --b: 1; --c: 2; --d: 3; e: var( --b) calc(var(--f)) } g { --f: 4; --h: 5 }",
         {"--d"}, "a{--b: 1;--d: 3;e: var( --b) calc(var(--f))}g{--f: 4}"),
        ("a { --b: 1 }", (), ""),
        ('a { b: url(.c) } [d=".e"] { f: g }', (), 'a{b: url(.c)}[d=".e"]{f: g}'),
        ("a { b: c !important ; }", (), "a{b: c !important}"),
    ],
)  # fmt: skip
def test_a_style_sheet_keeps_what_there_is(css, names, left):
    assert purged(css, names) == left


@pytest.mark.parametrize("css", ["a", "a { b: c } }", "a { b }", "@media print { a"])
def test_a_style_sheet_with_an_error_is_refused(css):
    with pytest.raises(ValueError, match=r"^css must be a style sheet without errors, got one: "):
        purged(css, ())


def test_names_are_those_of_pages_and_the_words_of_scripts():
    page = '<p class="a  b" id="c" title="d">e</p><script>one("x-y")</script><script type="m">\nz\n</script>'
    assert names_in([page, '<b class="f">'], ["$('.g #h').i(j)", "k_1"]) == set("a b c f one x-y z $ j k_1".split()) - {
        "$"
    }
    assert names_in([], []) == set()
