"""The gate `live` on what goes wrong: files that are missing, nonsense, loops, a reader who leaves, and no scripts."""

import gzip
import zipfile
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from browsing import awaken, file_of
from derived import FINAL, verdict, write
from playwright.sync_api import Browser, Page, Route
from touched import JUDGE, nth, opened, said, words_of

from hw.site.offline import NAME

__all__ = ["bare", "crashed", "files", "left", "nonsense", "unzipped"]

PAGE = "gan/"  # whose chain is the shortest
RIGHT = "No counterexample in"
NEEDED = (  # a snapshot has the standard library in it
    *(("pyodide.mjs",), ("pyodide.asm.mjs",), ("pyodide.asm.wasm",)),
    *(("hw-*.whl",), ("snapshot.bin", "python_stdlib.zip")),
)
SPOILT = {
    "missing": None,
    "not compressed": b"no snapshot",
    "compressed garbage": gzip.compress(bytes(range(256)) * 4096),
}
NONSENSE = (
    "\\\\",
    "= \\frac{{{",
    "}}}}}}",
    "= 🦊 + \u202e\u0000\ufffd",
    "= \\text{\\text{\\text{",
    "= \\begin{aligned} \\end{cases}",
    "= \\href{javascript:alert(1)}{x} <img src=x onerror=alert(1)>",
    "= " + "(" * 400,
    "= " + "\\sqrt{" * 200,
    "= D_{\\mathrm{KL}}(" * 20,
    "= \\def\\a{\\a\\a}\\a",
    "".join(map(chr, range(32, 127))),
    "= 9^{9^{9^{9^9}}}",
    "= 2^{100000000}",
    "= \\sum_{i=1}^{100000000} i",
    "= \\prod_{i=1}^{1000000000} 1",
    "= 1000000!",
)
MEGABYTE = {"one line": "= 1" + " + 1" * 250_000, "many lines": "= 1 + 1\n" * 125_000}
GAPS = """() => { let last = performance.now(); window.longest = 0;
    const tick = (now) => {
        window.longest = Math.max(window.longest, now - last);
        last = now;
        requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick) }"""


def editor(page: Page):
    return page.locator("[data-widget=derivation]")


def words(page: Page) -> str:
    """What a check comes to say."""
    return verdict(editor(page))


def crashed(browser: Browser, base: str) -> list[str]:
    """A worker that fails is told, and the next click starts another; so is one that is ended."""
    found: list[str] = []
    with opened(browser, base + PAGE, base, []) as page:
        page.route(
            "**/worker.js",
            lambda route: route.fulfill(body="throw new Error('crashed')", content_type="text/javascript"),
        )
        if "could not be started" not in (told := words(page)):
            return [f"a worker that crashes: {told!r} is said"]
        page.unroute_all()
        if not (told := words(page)).startswith(RIGHT):
            found.append(f"after a worker has crashed, the next click gets {told!r}")
        page.route(
            "**/worker.js",
            lambda route: route.fulfill(
                body="onmessage = () => { throw new Error('late') }", content_type="text/javascript"
            ),
        )
        page.evaluate(ENDED)
        if "could not be started" not in (told := words(page)):
            return [*found, f"a worker that crashes at work: {told!r} is said"]
        page.unroute_all()
        if not (told := words(page)).startswith(RIGHT):
            found.append(f"after a worker has crashed at work, the next click gets {told!r}")
    return found


ENDED = f"async () => {{ {JUDGE}; judge.stop() }}"


def files(browser: Browser, base: str) -> list[str]:
    """Each file that Python needs is missing once, and told; a spoilt snapshot is done without."""
    found: list[str] = []
    with opened(browser, base + PAGE, base, []) as page:
        for names in NEEDED:
            missed: list[str] = []
            for name in names:
                page.route(f"**/{name}", partial(_gone, missed))
            page.evaluate(ENDED)
            told = words(page)
            if not missed or not told or told.startswith(RIGHT):
                found.append(f"without {' and '.join(names)}, asked for {len(missed)} times, {told!r} is said")
            page.unroute_all()
        for name, body in SPOILT.items():
            page.evaluate(ENDED)
            answer = (
                {"body": body, "content_type": "application/octet-stream"} if body else {"status": 404, "body": "gone"}
            )
            page.route("**/snapshot.bin", partial(_answer, answer))
            if not (told := words(page)).startswith(RIGHT):
                found.append(f"with a snapshot that is {name}, {told!r} is said")
            page.unroute_all()
    return found


def _gone(missed: list[str], route: Route) -> None:
    missed.append(route.request.url)
    route.fulfill(status=404, body="gone", content_type="text/plain")


def _answer(answer: dict, route: Route) -> None:
    route.fulfill(**answer)


def nonsense(browser: Browser, base: str) -> tuple[list[str], dict[str, int]]:
    """What is no derivation gets words; so does 1 MB of it. Also the longest gaps between two frames, in ms."""
    found: list[str] = []
    gaps: dict[str, int] = {}
    with opened(browser, base + PAGE, base, found) as page:
        root = editor(page)
        root.locator("textarea").focus()
        page.evaluate(GAPS)
        for text in (*NONSENSE, *MEGABYTE.values()):
            name = next((f"1 MB in {name}" for name, held in MEGABYTE.items() if held == text), repr(text[:40]))
            page.evaluate("window.longest = 0")
            if len(text) < 9999:
                write(root, [text])
            else:
                root.locator("textarea").evaluate(
                    "(area, text) => { area.value = text; area.dispatchEvent(new Event('input', { bubbles: true })) }",
                    text,
                )
                page.wait_for_timeout(300)
            told = words(page)
            if not told or told.startswith(RIGHT):
                found.append(f"{name}: gets {told!r}")
            gaps[name] = round(page.evaluate("window.longest"))
        if page.locator("img[src=x], a[href^='javascript']").count():
            found.append("what is typed comes to be markup")
        nth(root, "The page's chain").click()
        nth(root, "Check").dblclick()
        if not said(root.locator(":scope > .verdict"), FINAL).startswith(RIGHT):
            found.append(f"a double click gets {words_of(root.locator(':scope > .verdict'))!r}")
        rows = root.locator(".ladder > li").count() - 1
        if (shown := root.locator(".ladder [data-model]").count()) != rows * root.locator(
            "input[type=checkbox]"
        ).count():
            found.append(f"a double click leaves {shown} marks on {rows} steps")
    return found, gaps


def left(browser: Browser, base: str) -> list[str]:
    """Leave the page while Python loads, come back, go on: a check works in either place."""
    found: list[str] = []
    with opened(browser, base + PAGE, base, found) as page:
        nth(editor(page), "Check").click()
        page.goto(f"{base}vae/")
        awaken(page)
        page.go_back()
        for where in ("back", "forward", "back again"):
            awaken(page)
            if not (told := words(page)).startswith(RIGHT):
                found.append(f"left while Python loads, and {where}: {told!r} is said")
            (page.go_forward if where == "back" else page.go_back)()
    return found


STATIC = """() => [...document.querySelectorAll("[data-widget]")].flatMap((one) => {
    const name = one.dataset.widget, box = one.getBoundingClientRect(), lines = [];
    const wrong = (is, words) => is && lines.push(`${name}: ${words} without scripts`);
    const shown = [...one.children].filter((part) => part.localName !== "script");
    const text = shown.map((part) => part.textContent).join(" ").trim(), drawing = one.querySelector("svg");
    wrong(box.height > 2 && !text && !drawing, "is an empty box");
    wrong(one.querySelector("button:not(.md-clipboard), input, select, textarea, [role=button]"), "has a control");
    wrong(["grid", "explorer", "frames"].includes(name) && !drawing, "has no drawing");
    wrong(["explorer", "frames"].includes(name) && !one.querySelector(".words")?.textContent.trim(), "has no words");
    if (name === "derivation" && !/script/.test(text)) lines.push("derivation: does not say that it needs scripts");
    return lines;
})"""


def bare(browser: Browser, base: str, addresses: list[str]) -> list[str]:
    """Without JavaScript, what stands in place of each widget is complete."""
    context, found = browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 900}), []
    page = context.new_page()
    for address in addresses:
        page.goto(base + address)
        found += [f"{address} {line}" for line in page.evaluate(STATIC)]
    context.close()
    return found


def unzipped(browser: Browser, site: Path, addresses: list[str]) -> list[str]:
    """In the copy to read offline, each widget has its static form, and the page says why."""
    found: list[str] = []
    with TemporaryDirectory() as folder:
        with zipfile.ZipFile(site / NAME) as packed:
            packed.extractall(folder)
        page = browser.new_page()
        for address in addresses:
            page.goto(file_of(Path(folder, "hw").resolve(), address).as_uri())
            found += [f"offline {address} {line}" for line in page.evaluate(STATIC)]
            if "server" not in words_of(page.locator(".offline")):
                found.append(f"offline {address}: does not say why nothing can be tried")
        page.close()
    return found
