import pytest
from browsing import Result
from PIL import Image
from sharing import check, described, listed, not_found

HEAD = """<meta property="og:site_name" content="Site"><meta property="og:title" content="{title}">
<meta property="og:description" content="{description}"><meta property="og:url" content="http://site/{name}/">
<meta property="og:image" content="http://site/assets/share/{name}.png">"""


def write(site, name, title, description):
    (site / name).mkdir(exist_ok=True)
    (site / name / "index.html").write_text(HEAD.format(name=name, title=title, description=description))
    picture = Image.new("RGB", (1200, 630), "white")
    picture.paste("blue", (0, 0, 100, 100))
    picture.paste("black", (200, 0, 300, 100))
    picture.save(site / f"assets/share/{name}.png")


@pytest.fixture
def site(tmp_path):
    (tmp_path / "assets/share").mkdir(parents=True)
    for name in ("one", "two"):
        write(tmp_path, name, f"Page {name}", f"What page {name} says")
    (tmp_path / "llms.txt").write_text("- [1](http://site/one/): a\n- [2](http://site/two/): b\n")
    article = '<article><h1>No page here</h1><a href="/one/">on</a></article>'
    (tmp_path / "404.html").write_text(f'<link rel="stylesheet" href="/style.css">{article}')
    (tmp_path / "style.css").write_text("h1 { color: teal }")
    return tmp_path


def test_a_site_that_is_described_has_no_finding(site):
    assert check(site) == Result("2 pictures and descriptions", [])


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        (lambda site: write(site, "one", "", "What page one says"), "one/: og:title is missing"),
        (lambda site: write(site, "one", "Page two", "What page one says"), "2 pages have the title 'Page two'"),
        (lambda site: write(site, "one", "Page one", "What page two says"), "2 pages have the description"),
        (lambda site: write(site, "one", "Page one", "long " * 61), "at most 300 characters, has 305"),
        (lambda site: (site / "assets/share/one.png").unlink(), "og:image must be a picture of the site"),
        (lambda site: Image.new("RGB", (1200, 630)).save(site / "assets/share/one.png"), "must be a drawing"),
        (lambda site: (site / "llms.txt").write_text("[1](http://site/one/)"), "llms.txt does not list two/"),
    ],
)
def test_what_is_planted_is_found(site, change, finding):
    change(site)
    found = [line for name in ("one/", "two/") for line in described(site, name)] + listed(site, ["one/", "two/"])
    assert any(finding in line for line in found or check(site).findings)


def test_a_page_for_wrong_addresses_that_does_not_work_is_found(site):
    (site / "404.html").write_text('<link rel="stylesheet" href="style.css"><article><h1>No</h1></article>')
    found = not_found(site)
    assert any("style.css does not load" in line for line in found)
    assert any("lead on" in line for line in found)
