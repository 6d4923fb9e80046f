"""The gate `lighthouse`: the home page and the heaviest one, as Lighthouse's phone sees them.

Performance is the median of five runs, of which the first three settle it when they agree; one run is enough for the
other categories, since what they look at does not change. `lighthouse.mjs` tells how the phone is imitated on a slower
machine. Nothing is reported to anyone: Lighthouse's library, unlike its command, has no error reporting.
"""

import gzip
import json
from pathlib import Path
from statistics import median
from typing import Any

from browsing import MODULES, QUIET, Missing, Result, file_of, pages, run_node, serving

__all__ = ["STEADY", "check", "findings", "heaviest", "scored", "settled"]

SCRIPT = "../lighthouse.mjs"
STEADY = ["accessibility", "best-practices", "seo"]
LEAST = {"performance": 98, "accessibility": 100, "best-practices": 100, "seo": 100}
LEAST_OF_LONG = 95  # performance of the heaviest page: 98 on a quiet machine, where five runs lie 3 points apart
RUNS = 5

Run = dict[str, Any]


def check(site: Path) -> Result:
    """Score the home page and the heaviest one of a built site."""
    if not (MODULES / "lighthouse").exists():
        raise Missing("Lighthouse is not installed in tests/browser/node_modules")
    chosen = ["", heaviest(site)]
    with serving(site) as base:
        runs = scored(base, {page: RUNS // 2 + 1 for page in chosen}, STEADY)
        undecided = {page: RUNS // 2 for page in chosen if not settled(_scores(runs[page], "performance"), least(page))}
        for page, more in scored(base, undecided, []).items():
            runs[page] += more
    scores = " · ".join(f"{median(_scores(runs[page], 'performance')):.0f}" for page in chosen)
    names = ", ".join(_name(page) for page in chosen)
    return Result(f"{scores} ({names})", [finding for page in chosen for finding in findings(page, runs[page])])


def heaviest(site: Path) -> str:
    """Return the page, other than the home page, whose HTML is the most to transfer."""
    others = [page for page in pages(site) if page not in ("", "404.html")]
    return max(others, key=lambda page: len(gzip.compress(file_of(site, page).read_bytes(), 5)), default="")


def least(page: str) -> int:
    """Return what a page's performance must be at least."""
    return LEAST_OF_LONG if page else LEAST["performance"]


def settled(scores: list[float], bound: float = LEAST["performance"]) -> bool:
    """Return whether further runs, up to five in all, leave the median on its side of the bound."""
    enough = sum(score >= bound for score in scores)
    return max(enough, len(scores) - enough) > RUNS // 2


def scored(base: str, wanted: dict[str, int], steady: list[str]) -> dict[str, list[Run]]:
    """Run Lighthouse in one Chromium.

    Args:
        base: Where the site is served.
        wanted: How often to measure the performance of each page.
        steady: Categories to look at once, before.

    Returns:
        The runs of each page.
    """
    plan = [(page, steady) for page in wanted if steady]
    plan += [(page, ["performance"]) for page, count in wanted.items() for _ in range(count)]
    results: dict[str, list[Run]] = {page: [] for page in wanted}
    for (page, _), run in zip(plan, _ran([(base + page, categories) for page, categories in plan]), strict=True):
        results[page].append(run)
        if run["error"]:
            raise Missing(f"Lighthouse could not load {_name(page)}: {run['error']}")
    return results


def findings(page: str, runs: list[Run]) -> list[str]:
    """Return what is wrong with a page, in a line for each audit that failed."""
    found = [line for category in STEADY for line in _failed(page, category, runs)]
    scores = _scores(runs, "performance")
    if median(scores) < least(page):
        typical = min(
            (run for run in runs if "performance" in run["categories"]), key=lambda run: _distance(run, scores)
        )
        shown = ", ".join(f"{score:.0f}" for score in scores)
        slow = "; ".join(_audit(audit) for audit in typical["categories"]["performance"]["failed"])
        measured = f"performance {median(scores):.0f} must be at least {least(page)} (runs: {shown})"
        found.append(f"{_name(page)}: {measured}: {slow}")
    return found


def _ran(plan: list[tuple[str, list[str]]]) -> list[Run]:
    if not plan:
        return []
    tasks = [{"url": url, "categories": categories} for url, categories in plan]
    done = run_node(SCRIPT, json.dumps({"flags": ["--headless=new", *QUIET], "tasks": tasks}))
    try:
        return json.loads(done.stdout)
    except json.JSONDecodeError:
        raise Missing(f"Lighthouse did not run: {done.stderr.strip()[-300:]}") from None


def _scores(runs: list[Run], category: str) -> list[float]:
    found = [run["categories"][category]["score"] for run in runs if category in run["categories"]]
    return [round(100 * (score or 0)) for score in found]


def _distance(run: Run, scores: list[float]) -> float:
    return abs(_scores([run], "performance")[0] - median(scores))


def _failed(page: str, category: str, runs: list[Run]) -> list[str]:
    found = []
    for run in runs:
        if category in run["categories"]:
            score = _scores([run], category)[0]
            audits = [_audit(audit) for audit in run["categories"][category]["failed"]]
            audits = audits or ([] if score >= LEAST[category] else ["no audit tells why"])
            found += [f"{_name(page)}: {category} {score:.0f} must be 100: {audit}" for audit in audits]
    return found


def _audit(audit: dict[str, Any]) -> str:
    """An audit that failed, with what it measured and the first elements that it names."""
    text = f"{audit['title']} {audit['value']}".strip().replace("\N{NO-BREAK SPACE}", " ")
    return f"{text}: {', '.join(audit['elements'])}" if audit["elements"] else text


def _name(page: str) -> str:
    return page.strip("/") or "home"
