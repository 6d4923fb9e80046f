import shutil
import zipfile

import pytest
from browsing import Result
from offline import check, dead, unlike

from hw.site.offline import NAME, pack, static_form

PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'self'; script-src 'self'">
<title>{name}</title><link rel="stylesheet" href="{root}style.css"></head><body><article><h1 id="top">{name}</h1>
<svg role="img" aria-label="A square"><rect width="9" height="9"/></svg>{body}
<p class="offline"><a href="{root}{zip}">All pages in a zip</a></p></article>
<script src="{root}a.js"></script></body></html>"""


def write(site, name, root, body=""):
    (site / name).mkdir(exist_ok=True)
    page = PAGE.format(name=name or "home", root=root, body=body, zip=NAME)
    (site / name / "index.html").write_text(page)


@pytest.fixture
def site(tmp_path):
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "style.css").write_text('h1 { font-family: "Source Serif 4", serif }')
    (folder / "a.js").write_text("document.title = 1")
    write(folder, "", "", '<a href="flows/#top">2</a> <a href=".">home</a>')
    write(
        folder, "flows", "../", '<a href="..">home</a> <a href="../#top">top</a> <a href="https://example.org/">out</a>'
    )
    pack(folder)
    return folder


@pytest.fixture
def copy(site, tmp_path):
    zipfile.ZipFile(site / NAME).extractall(tmp_path / "copy")
    return tmp_path / "copy" / "hw"


def test_a_zip_that_works_has_no_finding(site):
    assert check(site) == Result("2 pages, 0.0 MB", [])


def test_links_lead_to_files_and_scripts_stay_on_the_site(copy):
    page = (copy / "flows/index.html").read_text()
    assert 'href="../index.html"' in page
    assert 'href="../index.html#top"' in page
    assert 'href="https://example.org/"' in page
    assert "<script" not in page
    assert "This is the copy to read offline" in page


@pytest.mark.parametrize(
    ("old", "new", "finding"),
    [
        ("../index.html#top", "../", "flows/index.html links to ../, which is not a file"),
        ("../index.html#top", "../index.html#gone", "links to ../index.html#gone, which is no place there"),
        ("../style.css", "../../style.css", "which is not a file"),
    ],
)
def test_a_dead_link_is_found(copy, old, new, finding):
    page = copy / "flows/index.html"
    assert old in page.read_text()
    page.write_text(page.read_text().replace(old, new))
    assert any(finding in line for line in dead(copy))


@pytest.mark.parametrize(
    ("old", "new", "finding"),
    [
        ("<svg", "<span hidden></span><!--", "on the site"),
        ("style-src 'self' file:", "style-src 'none'", "style"),
        ("</article>", '<img src="https://example.org/x.png" alt="x"></article>', "does not load"),
        ("</article>", "</article><script></script>", "must be without scripts"),
        ('class="offline"', 'class="gone"', "and say so"),
    ],
)
def test_a_page_that_has_less_than_the_served_one_is_found(site, copy, old, new, finding):
    assert unlike(site, copy, ["flows/"]) == []
    page = copy / "flows/index.html"
    assert old in page.read_text()
    page.write_text(page.read_text().replace(old, new))
    assert any(finding in line for line in unlike(site, copy, ["flows/"]))


def test_a_missing_zip_and_a_missing_page_are_found(site):
    write(site, "late", "../")
    assert "late/index.html is missing in the zip" in check(site).findings
    shutil.copy(site / NAME, site / "other.zip")
    (site / NAME).unlink()
    assert check(site).findings == [f"{NAME} is missing in the site"]


def test_a_page_without_links_stays_as_it_is():
    assert static_form('<p>Text with href="x/" in it</p>') == '<p>Text with href="x/" in it</p>'
