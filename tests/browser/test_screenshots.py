import json
import shutil
from dataclasses import asdict

import pytest
import screenshots
from browsing import Missing, run_node
from PIL import Image

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>A page</title>
<style>
  body { font: 18px/1.6 serif; margin: 2rem; background: #fffdf9; color: #1d1a16; }
  article { max-width: 600px; padding-bottom: 900px; }
  h1 { font: 600 37px serif; }
  a, .seen { color: #1d5fa6; fill: #1d5fa6; }
  .formula { margin-left: 40px; font-style: italic; }
  .icon { width: 24px; height: 24px; }
  @media (prefers-color-scheme: dark) { body { background: #1a1714; color: #ebe4d8; } }
</style></head>
<body><article>
<h1>The optimal discriminator, and what it says</h1>
<p>Two layers are stacked on an image of five by five pixels; a mask keeps the entries that come before the center.
Which pixels can reach the output? <a href="#">The derivation follows from the sum of the two sets.</a></p>
<svg class="figure" width="300" height="120"><rect class="seen" width="280" height="100"/></svg>
<h2>The derivation</h2>
<p class="formula">D(x) = p(x) / (p(x) + q(x)) for every x where p or q is positive, so that V = 2 JSD − 2 log 2</p>
<details class="mark"><summary>✓ 2·10<sup>−16</sup></summary><p>the record</p></details>
<p>A copy of it:
<svg class="icon" viewBox="0 0 24 24"><path d="M4 4h12v4h4v12H8v-4H4z"/></svg> and what follows is prose.</p>
</article>
<div class="colophon"><p>Run it: <code>pip install http://127.0.0.1:8000/hw-0.1.0-py3-none-any.whl</code></p>
<p>Last checked: commit c094127 of 2026-11-23</p></div>
</body></html>
"""


UNLIKE = {
    "accent": (("a, .seen { color: #1d5fa6; fill: #1d5fa6;", "a, .seen { color: #b83a0b; fill: #b83a0b;"),),
    "heading-font": (("600 37px serif", "600 37px sans-serif"),),
    "figure": (('<rect class="seen" width="280" height="100"/>', ""),),
    "formula-shifted": (("margin-left: 40px", "margin-left: 48px"),),
    "icon": (('<path d="M4 4h12v4h4v12H8v-4H4z"/>', ""),),
    "taller": (("<h2>The derivation", '<div style="height: 60px"></div><h2>The derivation'),),
    "paper": (("background: #fffdf9", "background: #f6f2ea"),),
    "dark-paper": (("background: #1a1714", "background: #25211c"),),
}
ALIKE = {
    "same": (),
    "digit": (("2·10<sup>−16", "7·10<sup>−15"),),
    "commit": (("commit c094127 of 2026-11-23", "commit 1234567, a year later, " + "at length " * 50),),
    "wheel": (("http://127.0.0.1:8000/hw-0.1.0-py3-none-any.whl", "elsewhere"),),
}
VIEWS = ("1440-light", "390-dark")


@pytest.fixture(scope="session")
def references(tmp_path_factory):
    """Pictures of the page as it should be, one pair for each variant of it."""
    folder = tmp_path_factory.mktemp("references")
    names = screenshots.accept(_site(folder / "site", ["page"]), folder / "one", folder / "work")
    assert names == [f"page-{view}.png" for view in VIEWS]
    for name in UNLIKE | ALIKE:
        for view in VIEWS:
            shutil.copy(folder / "one" / f"page-{view}.png", folder / f"{name}-{view}.png")
    shutil.copy(folder / "one" / "chromium.txt", folder)
    return folder


@pytest.fixture(scope="session")
def findings(references, tmp_path_factory):
    folder = tmp_path_factory.mktemp("check")
    result = screenshots.check(_site(folder / "site", UNLIKE | ALIKE), references, folder / "work")
    assert result.figure == f"{2 * len(UNLIKE | ALIKE)} page views"
    return result.findings


def _site(folder, names):
    for name in names:
        page = PAGE
        for old, new in (UNLIKE | ALIKE).get(name, ()):
            assert page.count(old) == 1
            page = page.replace(old, new)
        (folder / name).mkdir(parents=True)
        (folder / name / "index.html").write_text(page, encoding="utf-8")
    return folder


@pytest.mark.parametrize("name", ALIKE)
def test_what_changes_without_the_look_is_no_finding(findings, name):
    assert [line for line in findings if line.startswith(f"{name}/")] == []


@pytest.mark.parametrize(
    ("name", "views", "said"),
    [
        ("accent", 2, "“The optimal"),
        ("heading-font", 2, "“The optimal"),
        ("figure", 2, "of the worst place"),
        ("formula-shifted", 2, "“The derivation”"),
        ("icon", 2, "“The derivation”"),
        ("taller", 2, "60 px taller; unlike the reference from y = "),
        ("paper", 1, "1440 px light"),
        ("dark-paper", 1, "390 px dark"),
    ],
)
def test_a_change_of_look_is_found(findings, name, views, said):
    lines = [line for line in findings if line.startswith(f"{name}/, ")]
    assert len(lines) == views
    for line in lines:
        assert said in line
        with Image.open(line.rpartition("see ")[2]) as picture:
            assert picture.width in (480, 130)


def test_pages_and_references_are_paired(references, tmp_path):
    few = _few(references, tmp_path, ["same", "gone"])
    lines = screenshots.check(_site(tmp_path / "site", ["same", "new"]), few, tmp_path / "work").findings
    assert sum(line.startswith("new/") and "has no reference" in line for line in lines) == 2
    assert sum(line.startswith("gone-") and "is gone" in line for line in lines) == 2
    assert len(lines) == 4


def test_without_references_the_gate_cannot_run(tmp_path):
    with pytest.raises(Missing, match=r"python3 dev\.py accept"):
        screenshots.check(tmp_path, tmp_path / "none", tmp_path / "work")


def test_another_chromium_has_coarser_limits_and_says_so(references, tmp_path):
    names = ["same", "formula-shifted", "figure"]
    few = _few(references, tmp_path, names)
    (few / "chromium.txt").write_text("12\n")
    result = screenshots.check(_site(tmp_path / "site", names), few, tmp_path / "work")
    assert result.figure.endswith(", references 12")
    assert len(result.findings) == 2
    assert all(line.startswith("figure/") for line in result.findings)


def test_what_differs_once_and_then_no_more_is_no_finding(references, tmp_path, monkeypatch):
    taken, calls = screenshots.taken, []

    def once_without_its_figure(site, work, names=None):
        calls.append(names)
        return taken(site if names else _site(tmp_path / "first", ["figure"]), work, names)

    monkeypatch.setattr(screenshots, "taken", once_without_its_figure)
    sound = tmp_path / "site"
    _site(sound, ["same"])
    (sound / "same").rename(sound / "figure")
    few = _few(references, tmp_path, ["figure"])
    assert screenshots.check(sound, few, tmp_path / "work").findings == []
    assert calls == [None, ["figure/"]]


def test_accepting_again_changes_nothing_and_removes_what_is_gone(references, tmp_path):
    few = _few(references, tmp_path, ["same", "gone"])
    assert screenshots.accept(_site(tmp_path / "site", ["same"]), few, tmp_path / "work") == [
        f"gone-{view}.png" for view in VIEWS
    ]


def _few(references, tmp_path, names):
    few = tmp_path / "references"
    few.mkdir()
    for name in names:
        for view in VIEWS:
            source = "same" if name == "gone" else name
            shutil.copy(references / f"{source}-{view}.png", few / f"{name}-{view}.png")
    shutil.copy(references / "chromium.txt", few)
    return few


def test_flat_color_is_kept_and_edges_are_coarse():
    picture = Image.new("RGB", (9, 9), (37, 33, 28))
    picture.putpixel((4, 4), (100, 100, 100))
    reduced = screenshots.reduced(picture).convert("RGB")
    assert reduced.getpixel((0, 0)) == (37, 33, 28)
    assert reduced.getpixel((4, 4)) == (109, 109, 109)


@pytest.mark.parametrize(("side", "places"), [(4, 0), (6, 1)])
def test_a_place_counts_from_its_share_on(tmp_path, side, places):
    for name, drawn in (("before", 0), ("after", side)):
        picture = Image.new("RGB", (64, 64), "white")
        picture.paste("black", (10, 10, 10 + drawn, 10 + drawn))
        picture.save(tmp_path / f"{name}.png")
    pair = {"before": str(tmp_path / "before.png"), "after": str(tmp_path / "after.png")}
    job = {"limits": asdict(screenshots.EXACT), "pairs": [pair | {"picture": str(tmp_path / "picture.png")}]}
    (tmp_path / "jobs.json").write_text(json.dumps(job))
    [report] = json.loads(run_node("../pixels.js", str(tmp_path / "jobs.json")).stdout)
    assert bool(report["places"]) == bool(places)
    assert (tmp_path / "picture.png").exists() == bool(places)
