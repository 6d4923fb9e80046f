import re

import pytest
from browsing import launched, serving
from policy import broken, unprotected

from hw.site.policy import META, policy, protect

PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>A page</title>
<link rel="stylesheet" href="style.css"></head><body><h1>A page</h1>{}</body></html>"""


@pytest.fixture
def site(tmp_path):
    (tmp_path / "style.css").write_text("h1 { color: teal }")
    (tmp_path / "index.html").write_text(PAGE.format("<p>Text</p>"))
    protect(tmp_path)
    return tmp_path


def plant(site, old, new):
    page = site / "index.html"
    assert old in page.read_text()
    page.write_text(page.read_text().replace(old, new))


def test_a_protected_page_is_clean(site):
    assert unprotected(site, "") == broken(site, [""]) == []


@pytest.mark.parametrize(
    ("element", "directive"),
    [
        ("<script>document.title = 'run'</script>", "script-src-elem refuses inline"),
        ('<img src="x.png" alt="A square" onerror="document.title = 1">', "script-src-attr refuses inline"),
        ('<img src="http://127.0.0.1:9/x.png" alt="A square">', "img-src refuses http://127.0.0.1:9/x.png"),
        ("<style>h1 { color: red }</style>", "style-src-elem refuses inline"),
        ('<iframe src="index.html" title="A frame"></iframe>', "frame-src refuses"),
    ],
)
def test_what_is_planted_in_a_page_is_blocked_and_found(site, element, directive):
    plant(site, "<p>Text</p>", element)
    found = broken(site, [""])
    assert any(directive in line for line in found), found


def test_a_blocked_script_has_not_run(site):
    plant(site, "<p>Text</p>", "<script>document.title = 'run'</script>")
    with serving(site) as base, launched() as browser:
        page = browser.new_page()
        page.goto(base)
        assert page.title() == "A page"
        plant(site, META.search((site / "index.html").read_text())[0], "")
        page.goto(f"{base}?again")
        assert page.title() == "run"


@pytest.mark.parametrize(
    ("old", "new", "finding"),
    [
        ("http-equiv", "data-was", "must have one Content-Security-Policy, has 0"),
        ("script-src 'self'", "script-src 'self' 'unsafe-inline'", "must be"),
        ("font-src 'self'", "font-src *", "must be"),
        ("<p>Text</p>", "<script>1</script>", "must hold no script of its own, got 1"),
        ('<meta charset="utf-8">', '<link rel="icon" href="i.svg"><meta charset="utf-8">', "stands before"),
    ],
)
def test_a_page_without_its_policy_is_found(site, old, new, finding):
    plant(site, old, new)
    (line,) = unprotected(site, "")
    assert finding in line


@pytest.mark.parametrize(("made", "found"), [("button", 0), ("p", 1)])
def test_a_theme_whose_script_is_not_at_work_is_found(site, made, found):
    (site / "book.js").write_text("addEventListener('pointermove', () => { component$ = 1 })")
    copy = f'<{made} class="md-code__{made}"></{made}>'
    code = f'<article><div class="highlight"><pre><code>x = 1</code></pre></div>{copy}</article>'
    plant(site, "<p>Text</p>", f'{code}<script src="book.js" data-theme="theme.js"></script>')
    assert len(broken(site, [""], patience=0.5)) == found


def test_only_the_themes_scripts_get_a_hash():
    assert "sha256" in policy('<script>var palette=__md_get("__palette")</script>')
    assert "sha256" not in policy('<script src="a.js"></script><script type="application/json">{}</script>')
    with pytest.raises(ValueError, match=re.escape("must hold no script of its own, got alert(1)")):
        policy("<script>alert(1)</script>")
    with pytest.raises(ValueError, match=r"no style of its own"):
        policy("<style>p {}</style>")


def test_a_site_with_a_script_of_its_own_is_not_built(tmp_path):
    (tmp_path / "page.html").write_text(PAGE.format("<script>alert(1)</script>"))
    with pytest.raises(RuntimeError, match=r"page\.html: page must hold no script"):
        protect(tmp_path)
    (tmp_path / "page.html").write_text("<p>No charset</p>")
    with pytest.raises(RuntimeError, match=r"charset"):
        protect(tmp_path)
