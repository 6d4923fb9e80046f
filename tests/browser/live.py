"""The gate `live`: what readers can try in a page is tried, by mouse and by keys, and when things go wrong."""

import gzip
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import answered
import derived
import harmed
import views
import walked
from browsing import Missing, Result, file_of, launched, pages, serving, shared
from playwright.sync_api import Browser, Page
from touched import DESK, PHONE, kept, opened

__all__ = ["check"]

MOST = 20_000  # bytes of our JavaScript that a page may cost, compressed
AT_ONCE = (
    "/assets/pyodide/",
    "/assets/frames/",
    "katex.min.js",
    "/js/worker.js",
    ".whl",
)  # what must not come so early
OURS = "/assets/js/"
WIDGETS = "[data-widget], .run"
CONTROLS = {"button", "checkbox", "combobox", "radio", "slider", "textbox", "spinbutton", "listbox"}
KEPT = """async () => [...Object.keys(localStorage), ...Object.keys(sessionStorage),
    ...document.cookie.split("; ").filter(Boolean),
    ...(await indexedDB.databases()).map((one) => one.name), ...(await caches.keys())]"""
Part = Callable[[Page, bool], list[str]]

WRITTEN: tuple[Part, ...] = (answered.quizzes, derived.chains_hold, derived.uneven, derived.typed, derived.broken)
TRIED: dict[str, tuple[Part, ...]] = {  # by page, what is tried in it
    "autoregressive/": (walked.grid, lambda page, keys: [] if keys else walked.drawn_wrong(page), walked.explorer),
    **dict.fromkeys(("flows/", "vae/", "gan/"), (*WRITTEN, lambda page, keys: [] if keys else derived.all_wrong(page))),
    "simclr/": (),
}
EVERY: tuple[Part, ...] = (answered.frames, answered.snippets)  # where there are any


def check(site: Path) -> Result:
    """Try every widget of a built site."""
    if not views.AXE.exists():
        raise Missing("axe-core is not installed in tests/browser/node_modules")
    work = [
        *(("page", address, keys) for address in TRIED for keys in (False, True)),
        *(("harm", name) for name in HARM),
    ]
    found = shared(partial(tried, site), work)
    figures = [figure for figure, _ in found if figure]
    return Result(
        ", ".join([f"{len(TRIED)} pages by mouse and by keys", *figures]),
        [line for _, lines in found for line in lines],
    )


def tried(site: Path, task: tuple[Any, ...]) -> tuple[str, list[str]]:
    """Do one piece of the gate's work, with a browser of its own; return a figure, if it has one, and what is wrong."""
    kind, name, *rest = task
    with serving(site) as base, launched() as browser:
        if kind == "harm":
            figures: list[str] = []

            def part() -> list[str]:
                figure, lines = HARM[name](browser, base, site)
                figures.append(figure)
                return lines

            lines = [f"{name}: {line}" for line in kept(part)]
            return " ".join(figures), lines
        return "", page_lines(site, browser, base, name, *rest)


def page_lines(site: Path, browser: Browser, base: str, address: str, keys: bool) -> list[str]:
    """Try what a page has, on a desk by mouse or on a phone by keys, and say where what is found was found."""
    where = "keys, 390 px, dark" if keys else "mouse, 1440 px, light"
    return [f"{address} ({where}): {line}" for line in kept(partial(used, site, browser, base, address, keys))]


def used(site: Path, browser: Browser, base: str, address: str, keys: bool) -> list[str]:
    """Try what a page has; then look at what it has asked for and kept."""
    found: list[str] = []
    requests: list[str] = []
    with opened(browser, base + address, base, found, PHONE if keys else DESK, requests) as page:
        early = [url for url in requests if any(part in url for part in AT_ONCE)]
        found += [f"asks for {url.replace(base, '')} before anything is done" for url in early]
        before = set(page.evaluate(KEPT))
        for part in (*TRIED[address], *EVERY):
            found += kept(partial(part, page, keys))
        if more := sorted(set(page.evaluate(KEPT)) - before):
            found.append(f"keeps {', '.join(more)}")
        found += spoken(page) + axed(page)
    return found + heavy(site, base, requests)


def heavy(site: Path, base: str, requests: list[str]) -> list[str]:
    """What is wrong with the weight of our own scripts among what a page has asked for."""
    files = {site / url.removeprefix(base).partition("?")[0] for url in requests if OURS in url}
    size = sum(len(gzip.compress(file.read_bytes(), 9)) for file in files)
    return [] if 0 < size <= MOST else [f"has {size:,} bytes of our JavaScript, compressed, and may have {MOST:,}"]


def axed(page: Page) -> list[str]:
    """What axe finds in the widgets, as they are after they were used."""
    page.evaluate(views.SCRIPT)
    page.evaluate("gate.simplify()")
    page.evaluate(views.AXE.read_text("utf-8"))
    return page.evaluate("([root, rules]) => gate.axe({ include: root }, rules)", [[[WIDGETS]], views.ALL])


def spoken(page: Page) -> list[str]:
    """What a screen reader is not told: the name of a control, whether a pixel is pressed, what is said."""
    found = []
    for number, nodes in enumerate(trees(page)):
        widget = page.locator(WIDGETS).nth(number)
        what = widget.get_attribute("data-widget") or "run"
        for role, name, _ in nodes:
            if role in CONTROLS and not name.strip():
                found.append(f"{what}: a {role} has no name")
        if what == "grid" and sum("pressed" in states for role, _, states in nodes if role == "button") != 25:
            found.append("grid: the pixels do not tell whether they are filled")
        if what == "frames" and not all(states.get("valuetext") for role, _, states in nodes if role == "slider"):
            found.append("frames: a slider does not tell its position in words")
        found += [f"{what}: two options are called {name!r}" for name in twice(nodes)]
        lives = widget.evaluate("one => [...one.querySelectorAll('[role=status], output:not([aria-live=off])')].length")
        if not lives and not widget.evaluate("one => one.matches('.highlight')"):  # whose buttons stand beneath it
            found.append(f"{what}: nothing in it is a live region")
    return found


def twice(nodes: list[tuple[str, str, dict[str, Any]]]) -> list[str]:
    """Names that two options of one question share."""
    found: list[str] = []
    known: list[str] = []
    for role, name, _ in nodes:
        if role == "group" and name:
            known = []
        if role in ("radio", "checkbox"):
            found += [name] if name in known else []
            known.append(name)
    return found


def trees(page: Page) -> list[list[tuple[str, str, dict[str, Any]]]]:
    """The accessibility tree of each widget: role, name, and properties of what is not left out."""
    tools = page.context.new_cdp_session(page)
    tools.send("Accessibility.enable")
    found = []
    for number in range(page.locator(WIDGETS).count()):
        page.locator(WIDGETS).nth(number).evaluate(
            "one => one.scrollIntoView({ block: 'center' })"
        )  # what is far from the screen is left out
        page.evaluate(answered.FRAME)
        expression = f"document.querySelectorAll({json.dumps(WIDGETS)})[{number}]"
        element = tools.send("Runtime.evaluate", {"expression": expression})["result"]["objectId"]
        nodes = tools.send("Accessibility.queryAXTree", {"objectId": element})["nodes"]
        found.append(
            [
                (
                    node["role"]["value"],
                    node.get("name", {}).get("value", ""),
                    {one["name"]: one["value"].get("value") for one in node.get("properties", [])}
                    | ({"value": node["value"]["value"]} if "value" in node else {}),
                )
                for node in nodes
                if not node.get("ignored")
            ]
        )
    tools.detach()
    return found


# ---- what goes wrong, each with a browser of its own


def _corpus(browser: Browser, base: str, _: Path) -> tuple[str, list[str]]:
    found: list[str] = []
    with opened(browser, f"{base}gan/", base, found) as page:
        count, lines = derived.corpus(page)
    return f"{count} wrong formulas", [*found, *lines]


def _nonsense(browser: Browser, base: str, _: Path) -> tuple[str, list[str]]:
    lines, gaps = harmed.nonsense(browser, base)
    return f"longest gap between frames {max(gaps.values()) / 1000:.1f} s", lines


def _unread(browser: Browser, base: str, _: Path) -> tuple[str, list[str]]:
    found: list[str] = []
    with opened(browser, f"{base}flows/", base, found) as page:
        lines = derived.unreadable(page, keys=True)
    with opened(browser, f"{base}gan/", base, found) as page:
        lines += answered.snippets_broken(page, keys=False)
    for address in ("flows/", "vae/", "gan/", "simclr/"):
        with opened(browser, base + address, base, []) as page:
            lines += [f"{address}: {line}" for line in answered.frames_missing(page)]
    return "", found + lines


def _bare(browser: Browser, base: str, site: Path) -> tuple[str, list[str]]:
    having = [name for name in pages(site) if "data-widget" in file_of(site, name).read_text("utf-8")]
    return f"{len(having)} pages without scripts", harmed.bare(browser, base, having) + harmed.unzipped(
        browser, site, having
    )


HARM: dict[str, Callable[[Browser, str, Path], tuple[str, list[str]]]] = {
    "files": lambda browser, base, _: ("", harmed.files(browser, base)),
    "nonsense": _nonsense,
    "left": lambda browser, base, _: ("", harmed.left(browser, base) + harmed.crashed(browser, base)),
    "unread": _unread,
    "corpus": _corpus,
    "bare": _bare,
}
