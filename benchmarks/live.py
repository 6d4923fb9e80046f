"""What judging in the page costs: bytes by step, and the time from a click to its verdict.

    python3 dev.py site && python benchmarks/live.py

Opens pages of site/ in headless Chromium, served on localhost, and writes live.json beside this file. Each first click
is made in a fresh browser profile, so that nothing is cached; medians of ROUNDS. With the snapshot is what readers get;
without it, its file is missing and Python is loaded from the start, which is the fallback.
"""

import gzip
import json
import platform
import re
import statistics
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/browser"))

from browsing import launched, serving  # noqa: E402 (the gates' folder is on the path only now)

ROUNDS = 5
LATER = 15  # verdicts after the first
SAID = "() => /{}/.test(document.querySelector('{} .verdict').textContent)"
PIXELS = "Pixel|Right"
EDITED = """(number) => {
    const area = document.querySelector('.derivation textarea'), lines = area.value.split('\\n');
    lines[1] = lines[1].replace(/( \\+ 0)*$/, ' + 0'.repeat(number));
    area.value = lines.join('\\n');
}"""
TIMED = """(pattern) => new Promise((resolve) => {
    const said = document.querySelector('.derivation .verdict'), start = performance.now();
    new MutationObserver((_, observer) => {
        if (new RegExp(pattern).test(said.textContent)) { observer.disconnect(); resolve(performance.now() - start); }
    }).observe(said, { childList: true, characterData: true, subtree: true });
    [...document.querySelectorAll('.derivation .act')].find((one) => one.textContent === 'Check').click();
})"""


def main() -> None:
    """Measure, print and keep."""
    site = ROOT / "site"
    with serving(site) as base:
        found = {
            "measured": datetime.now(UTC).strftime("%Y-%m-%d"),
            "python": platform.python_version(),
            "bytes": sizes(site),
            "scripts": scripts(base, site),
            "first": {name: first(base, is_missing) for name, is_missing in (("snapshot", False), ("plain", True))},
            "later": later(base),
        }
    (Path(__file__).parent / "live.json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    print(json.dumps(found, indent=1))


def packed(path: Path) -> int:
    """Bytes of a file compressed as a server does; never more than it has."""
    content = path.read_bytes()
    return min(len(content), len(gzip.compress(content, 6)))


def sizes(site: Path) -> dict[str, dict[str, int]]:
    """Bytes of what the first click loads, as they are and compressed."""
    files = [*sorted((site / "assets/pyodide").iterdir()), next(site.glob("hw-*.whl"))]
    return {path.name: {"bytes": path.stat().st_size, "compressed": packed(path)} for path in files}


def scripts(base: str, site: Path) -> dict[str, int]:
    """Compressed bytes of our own scripts that each page with widgets loads, those for the first click included."""
    found = {}
    with launched() as browser:
        for path in sorted(site.rglob("index.html")):
            name = path.parent.relative_to(site).as_posix()
            if "data-widget" not in path.read_text("utf-8"):
                continue
            page = browser.new_page()
            asked: set[str] = set()
            page.on("request", lambda request, asked=asked: asked.add(request.url))
            page.goto(f"{base}{name}/", wait_until="networkidle")
            ours = {url.rpartition("/")[2] for url in asked if "/assets/js/" in url} | {"worker.js", "judge.js"}
            found[name] = sum(packed(site / "assets/js" / script) for script in ours)
            page.close()
    return found


def first(base: str, without_snapshot: bool) -> dict[str, Any]:
    """Milliseconds from the first click on a cold page to the verdict on a drawing of question 1."""
    times = []
    for _ in range(ROUNDS):
        with launched() as browser:
            page = browser.new_page()
            if without_snapshot:
                page.route(re.compile("snapshot"), lambda route: route.fulfill(status=404))
            page.goto(f"{base}autoregressive/")
            page.wait_for_selector("figure.live .act")
            page.wait_for_timeout(500)
            started = time.perf_counter()
            page.get_by_role("button", name="Check", exact=True).click()
            page.wait_for_function(SAID.format(PIXELS, "figure.live"), timeout=60_000, polling=10)
            times.append(1000 * (time.perf_counter() - started))
    return summary(times)


def later(base: str) -> dict[str, Any]:
    """Milliseconds from a click on a changed line to a first verdict on all steps, and to the last instance."""
    found = {}
    with launched() as browser:
        for page_name in ("vae", "gan", "flows"):
            page = browser.new_page()
            page.goto(f"{base}{page_name}/")
            page.wait_for_selector(".derivation textarea")
            page.evaluate(TIMED, r"\.$")
            looks, ends = [], []
            for number in range(LATER):
                for pattern, times in ((r"No counter|cannot|fails", looks), (r"(steps|counterexample)\.$", ends)):
                    page.evaluate(EDITED, 2 * number + (times is ends) + 1)
                    times.append(page.evaluate(TIMED, pattern))
                    page.wait_for_timeout(300)
            found[page_name] = {"first look": summary(looks), "all instances": summary(ends)}
            page.close()
    return found


def summary(times: list[float]) -> dict[str, Any]:
    """Median and range."""
    return {"median": round(statistics.median(times)), "least": round(min(times)), "most": round(max(times))}


if __name__ == "__main__":
    main()
