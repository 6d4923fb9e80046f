import random

import lighthouse
import pytest
from browsing import Missing, serving
from lighthouse import STEADY, check, findings, heaviest, scored, settled

SOUND = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>A page</title>
<meta name="viewport" content="width=device-width,initial-scale=1"><meta name="description" content="A page.">
<link rel="icon" href="data:,"></head><body><main><h1>A page</h1><p>Text</p></main></body></html>"""
PLANTED = {
    "description": ('<meta name="description" content="A page.">', "", "seo", "meta description"),
    "title": ("<title>A page</title>", "", "seo", "have a `<title>` element"),
    "language": (' lang="en"', "", "accessibility", "`[lang]` attribute: <html>"),
    "robots": ("<link", '<meta name="robots" content="noindex"><link', "seo", "blocked from indexing"),
    "image": ("<p>", '<img src="/a.svg" width="9" height="9"><p>', "accessibility", "`[alt]` attributes: <img"),
    "console": ("<p>", "<script>console.error('no')</script><p>", "best-practices", "Browser errors were logged"),
}
SPINNING = "<script>setTimeout(() => { const end = Date.now() + 2000; while (Date.now() < end); }, 500)</script>"


def write(folder, text):
    folder.mkdir(exist_ok=True)
    (folder / "index.html").write_text(text)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Runs of pages, all in one Chromium: one with every planted defect, a slow one, and a sound one."""
    site = tmp_path_factory.mktemp("site")
    write(site, SOUND)
    bad = SOUND
    for old, new, _, _ in PLANTED.values():
        bad = bad.replace(old, new)
    write(site / "bad", bad)
    write(site / "slow", SOUND.replace("<p>", f"{SPINNING}<p>"))
    (site / "a.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"></svg>')
    with serving(site) as base:
        return scored(base, {"": 0, "bad/": 0}, STEADY) | scored(base, {"slow/": 1}, [])


def test_a_sound_page_has_no_findings(runs):
    assert findings("", made(100) + runs[""]) == []  # speed is the machine's too


@pytest.mark.parametrize("defect", PLANTED)
def test_a_planted_defect_is_found_with_its_audit(runs, defect):
    *_, category, words = PLANTED[defect]
    assert any(f"bad: {category} " in line and words in line for line in findings("bad/", made(97) + runs["bad/"]))


def test_a_slow_page_is_found_with_what_is_slow(runs):
    (line,) = findings("slow/", runs["slow/"])
    assert line.startswith("slow: performance ")
    assert "Total Blocking Time" in line


def made(*scores, failed=()):
    audits = [{"title": title, "value": "3.2\N{NO-BREAK SPACE}s", "elements": []} for title in failed]
    return [{"categories": {"performance": {"score": score / 100, "failed": audits}}} for score in scores]


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ((98, 98, 98), True),
        ((98, 97, 98), False),
        ((97, 97, 97), True),
        ((97, 98, 97), False),
        ((100, 97, 98, 90, 98), True),
        ((98, 98), False),
    ],
)
def test_three_runs_on_one_side_settle_a_median_of_five(scores, expected):
    assert settled(list(scores)) == expected


@pytest.mark.parametrize(("scores", "found"), [((60, 98, 98, 70, 99), 0), ((97, 97, 100, 100, 97), 1), ((98,) * 3, 0)])
def test_the_median_decides(scores, found):
    assert len(findings("", made(*scores))) == found


def test_a_finding_names_every_run_and_what_the_typical_one_measured():
    (line,) = findings("gan/", made(70, failed=["Speed Index"]) + made(40, failed=["Blocking"]) + made(97))
    assert line == "gan: performance 70 must be at least 95 (runs: 70, 40, 97): Speed Index 3.2 s"


def test_a_score_that_lighthouse_could_not_give_counts_as_none():
    runs = made(0, 0, 0)
    for run in runs:
        run["categories"]["performance"]["score"] = None
    assert findings("", runs)[0].startswith("home: performance 0 must be at least 98")


def test_the_gate_runs_twice_more_where_three_runs_disagree(tmp_path, monkeypatch):
    write(tmp_path, SOUND)
    write(tmp_path / "a", SOUND)
    asked = []

    def planned(base, wanted, steady):
        asked.append((wanted, steady))
        return {page: made(*[94, 96, 96][:count]) if page else made(*[99] * count) for page, count in wanted.items()}

    monkeypatch.setattr(lighthouse, "scored", planned)
    assert check(tmp_path).figure == "99 · 96 (home, a)"
    assert asked == [({"": 3, "a/": 3}, STEADY), ({"a/": 2}, [])]


def test_the_heaviest_page_is_the_one_with_most_to_transfer(tmp_path):
    write(tmp_path, SOUND * 3000)
    write(tmp_path / "long", SOUND * 1000)
    write(tmp_path / "dense", SOUND + random.Random(0).randbytes(20_000).hex())
    assert heaviest(tmp_path) == "dense/"


def test_a_page_that_cannot_be_loaded_is_no_score(monkeypatch):
    monkeypatch.setattr(lighthouse, "_ran", lambda plan: [run | {"error": "refused"} for run in made(100)])
    with pytest.raises(Missing, match="Lighthouse could not load gone: refused"):
        scored("http://127.0.0.1:1/", {"gone/": 1}, [])


def test_a_lighthouse_that_does_not_run_is_no_score(tmp_path, monkeypatch):
    monkeypatch.setattr(lighthouse, "SCRIPT", "no-such-script.mjs")
    with pytest.raises(Missing, match="Lighthouse did not run"):
        scored("http://127.0.0.1:1/", {"": 1}, [])
