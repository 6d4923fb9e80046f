"""What is said of the licenses of what the site ships: what is refused, and what a gate finds."""

import json
from dataclasses import FrozenInstanceError
from html.parser import HTMLParser
from pathlib import Path

import pytest

from hw.site.licenses import SPDX, Shipped, licenses_table, read_licenses, unlicensed

ROOT = Path(__file__).parent.parent
THEME = Shipped("Theme", "MIT", files=("theme/*", "a.js"), text="mit.txt")
OURS = Shipped("Pages", "MIT", files=("*.html", "mit.txt", "gone.txt"), ours=True)


def entry(kind="shipped", **fields):
    known = {"name": "A", "license": "MIT", "files": ["a"], "text": "mit.txt"} | fields
    lines = [f"{key} = {json.dumps(value)}" for key, value in known.items() if value is not None]
    return "\n".join([f"[[{kind}]]", *lines, ""])


def test_entries_are_read_in_order():
    text = entry(packages=["p", "q"]) + entry("ours", name="B", text=None) + entry(name="C", within="A", files=None)
    assert read_licenses(text) == [
        Shipped("A", "MIT", ("a",), packages=("p", "q"), text="mit.txt"),
        Shipped("C", "MIT", within="A", text="mit.txt"),
        Shipped("B", "MIT", ("a",), ours=True),
    ]
    assert read_licenses("") == []
    with pytest.raises(FrozenInstanceError):
        THEME.license = "other"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (entry(license="GPL-3.0"), r"license of 'A' must be one of \['0BSD', .*'W3C'\], got 'GPL-3.0'"),
        (entry(files=None), "files of 'A' must name files or `within` a place, got neither"),
        (entry("ours", files=None, text=None), "files of 'A' must name files or `within` a place, got neither"),
        (entry(text=None), "text of 'A' must be a file with the license, got none"),
        (entry() + entry(name="B", text=None), "text of 'B' must be a file with the license, got none"),
    ],
)
def test_an_entry_that_says_too_little_is_refused(text, said):
    with pytest.raises(ValueError, match=f"^{said}$"):
        read_licenses(text)


def test_what_needs_no_text_is_let_pass():
    assert read_licenses(entry("ours", text=None))[0].ours
    assert read_licenses(entry(license="CC-BY-4.0", text=None))[0].license == "CC-BY-4.0"


@pytest.fixture
def site(tmp_path):
    for name in ("index.html", "deep/er/index.html", "theme/b.css", "a.js", "mit.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def test_where_every_file_has_one_entry_nothing_is_wrong(site):
    assert unlicensed(site, iter([THEME, OURS])) == []


def test_files_of_which_nothing_or_two_things_are_said_are_found(site):
    (site / "other.png").touch()
    twice = Shipped("Twice", "MIT", files=("deep/*",), ours=True)
    assert unlicensed(site, [THEME, OURS, twice]) == [
        "deep/er/index.html: one work of docs/licenses.toml must be about it, got Pages, Twice",
        "other.png: one work of docs/licenses.toml must be about it, got none",
    ]


def test_entries_about_nothing_are_found(site):
    one = Shipped("One", "MIT", files=("b.js", "a.js", "c.js"), text="gone.txt")
    assert unlicensed(site, [one, Shipped("Two", "MIT", files=("*",), ours=True)]) == [
        "a.js: one work of docs/licenses.toml must be about it, got One, Two",
        "One: b.js matches no file of the site",
        "One: c.js matches no file of the site",
        "One: gone.txt is not on the site",
    ]


def test_packages_within_scripts_are_listed(site):
    sources = ["src/a.ts", "../node_modules/rxjs/a.js", "x/node_modules/@a/b/c.js", "../node_modules/rxjs/b.js", "b.ts"]
    (site / "theme/a.js.map").write_text(json.dumps({"sources": sources}))
    assert unlicensed(site, [THEME, OURS]) == [
        "a.js.map: its package @a/b is not listed",
        "a.js.map: its package rxjs is not listed",
    ]
    known = Shipped("RxJS", "Apache-2.0", within="the theme's script", packages=("rxjs", "other"))
    assert unlicensed(site, [THEME, OURS, known]) == ["a.js.map: its package @a/b is not listed"]


class Cells(HTMLParser):
    """The rows of a table, and the addresses that it links."""

    def __init__(self, text):
        super().__init__()
        self.rows, self.links = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        self.links += [value for name, value in attributes if name == "href"]

    def handle_data(self, data):
        self.rows[-1][-1] += data


def test_the_table_tells_each_work_its_place_and_its_license(tmp_path):
    (tmp_path / "docs").mkdir()
    text = entry(name="A & B") + entry(name="C", within="the script", files=None, license="W3C", text="c.txt")
    (tmp_path / "docs/licenses.toml").write_text(text + entry("ours", name="D", text=None))
    found = Cells(licenses_table(tmp_path, page="../../"))
    assert found.rows == [
        ["work", "where", "license"],
        ["A & B", "its own files", "MIT License"],
        ["C", "the script", "W3C Software Notice and License"],
        ["D", "made here", "MIT License"],
    ]
    assert found.links == ["../../mit.txt", "../../c.txt"]


def test_the_page_has_a_row_for_each_entry():
    works = read_licenses((ROOT / "docs/licenses.toml").read_text())
    rows = Cells(licenses_table(ROOT)).rows[1:]
    assert [row[0] for row in rows] == [work.name for work in works]
    assert [row[2] for row in rows] == [SPDX[work.license] for work in works]
    assert sum(row[1] == "made here" for row in rows) == sum(work.ours for work in works) > 0
