"""The way out: what differs is found, and where Zensical cannot be installed the table says so."""

import shutil

import pytest
import way_out

PAGE = (
    '<h1 id="title">T</h1><annotation encoding="application/x-tex">a = b</annotation>'
    '<pre class="code"><code><span>x</span> = 1</code></pre><span class="computed" title="x">0.25</span>'
    '<svg class="grid" role="img" aria-label="A figure"></svg>'
    '<details class="mark margin"><summary><span>✓</span></summary></details>'
)


@pytest.fixture
def sites(tmp_path):
    pages = way_out.QUESTIONS.findall((way_out.ROOT / "mkdocs.yml").read_text())
    for site in ("ours", "theirs"):
        for page in pages:
            (tmp_path / site / page).mkdir(parents=True)
            (tmp_path / site / page / "index.html").write_text(PAGE)
    return tmp_path


def test_equal_sites_are_equal(sites):
    outcome = way_out.compared(sites / "ours", sites / "theirs")
    assert outcome.findings == []
    assert all(outcome.record[kind] == outcome.record["pages"] == 5 for kind in way_out.KINDS)


@pytest.mark.parametrize(
    ("before", "after", "finding"),
    [
        ("a = b", "a = c", "gan: formulas: 'a = c' in place of 'a = b'"),
        ("0.25", "{{ s: x }}", "gan: computed values: '{{ s: x }}' in place of '0.25'"),
        ("= 1", "= 2", "gan: snippets: 'x = 2' in place of 'x = 1'"),
        ("svg", "img", "gan: figures: 0 in place of 1"),
        ('id="title"', 'id="other"', "gan: headings: 'other' in place of 'title'"),
        ("✓", "", "gan: marks: '' in place of '✓'"),
    ],
)
def test_what_differs_is_found(sites, before, after, finding):
    (sites / "theirs/gan/index.html").write_text(PAGE.replace(before, after))
    assert way_out.compared(sites / "ours", sites / "theirs").findings == [finding]


def test_a_page_that_is_not_made_is_found(sites):
    shutil.rmtree(sites / "theirs/vae")
    assert way_out.compared(sites / "ours", sites / "theirs").findings == ["vae: Zensical makes no such page"]


def test_pages_without_anything_are_no_success(sites):
    for site in ("ours", "theirs"):
        (sites / site / "gan/index.html").write_text("")
    assert way_out.compared(sites / "ours", sites / "theirs").findings == [
        "gan: has no formulas",
        "gan: has no headings",
    ]


def test_where_zensical_is_not_to_be_had_the_gate_says_that_it_is_skipped(monkeypatch, sites):
    monkeypatch.setattr(way_out, "ROOT", sites)
    (sites / "site").mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    outcome = way_out.check()
    assert outcome.figure.startswith("skipped")
    assert outcome.record["skipped"]
    assert outcome.findings == []
