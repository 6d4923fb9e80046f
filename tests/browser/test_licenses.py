"""Files of unknown origin, texts that are missing and entries that are about nothing are found."""

import json

import pytest

from hw.site.licenses import read_licenses, unlicensed

THEIRS = '[[shipped]]\nname = "Font"\nfiles = ["assets/*.woff2"]\nlicense = "OFL-1.1"\ntext = "assets/OFL.txt"\n'
OURS = '[[ours]]\nname = "Pages"\nfiles = ["*.html", "*.txt", "*.map"]\nlicense = "CC-BY-4.0"\n'


@pytest.fixture
def site(tmp_path):
    (tmp_path / "assets").mkdir()
    for name in ("index.html", "assets/a.woff2", "assets/OFL.txt"):
        (tmp_path / name).write_text("")
    return tmp_path


def found(site, entries=THEIRS + OURS):
    return unlicensed(site, read_licenses(entries))


def test_a_site_of_which_all_is_said_has_no_finding(site):
    assert found(site) == []


def test_a_file_that_nothing_is_about_is_found(site):
    (site / "assets/new.js").write_text("")
    assert found(site) == ["assets/new.js: one work of docs/licenses.toml must be about it, got none"]


def test_a_file_that_two_entries_are_about_is_found(site):
    (line,) = found(site, THEIRS + OURS.replace('"*.txt"', '"*.txt", "assets/*.woff2"'))
    assert line == "assets/a.woff2: one work of docs/licenses.toml must be about it, got Font, Pages"


def test_an_entry_about_nothing_is_found(site):
    (site / "assets/a.woff2").unlink()
    assert found(site) == ["Font: assets/*.woff2 matches no file of the site"]


def test_a_license_that_is_not_shipped_is_found(site):
    (site / "assets/OFL.txt").unlink()
    assert found(site) == ["Font: assets/OFL.txt is not on the site"]


def test_a_new_package_of_the_bundle_is_found(site):
    sources = ["webpack:///src/a.ts", "../node_modules/lunr/lunr.js", "x/node_modules/@scope/new/index.js"]
    (site / "bundle.js.map").write_text(json.dumps({"sources": sources}))
    lunr = THEIRS.replace("Font", "Lunr").replace(
        'files = ["assets/*.woff2"]', 'within = "a script"\npackages = ["lunr"]'
    )
    assert found(site, THEIRS + OURS + lunr) == ["bundle.js.map: its package @scope/new is not listed"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('license = "OFL-1.1"', 'license = "free"'), "license of 'Font' must be one of"),
        (('files = ["assets/*.woff2"]', ""), "files of 'Font' must name files or `within` a place, got neither"),
        (('text = "assets/OFL.txt"', ""), "text of 'Font' must be a file with the license, got none"),
    ],
)
def test_a_bad_entry_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        read_licenses(THEIRS.replace(*change))
