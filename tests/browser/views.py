"""The gate `views`: every page in a real browser, in two schemes and three widths, by keyboard, bare and printed."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from browsing import MODULES, SAMPLES, Missing, Result, awaken, dealt, launched, pages, serving, settles, shared
from keyboard import followed, operated
from playwright.sync_api import Browser, BrowserContext, Page

__all__ = ["check"]

SCRIPT = Path(__file__).with_suffix(".js").read_text("utf-8")
AXE = MODULES / "axe-core" / "axe.min.js"
WIDTHS = (1440, 390, 320)
HEIGHT = 900
PAPER = {"width": 718, "height": 1016}  # A4 less the browser's margins, in CSS px
DRAW = "async names => { await gate.settled(); return names.flatMap(name => gate[name]()) }"
ASK = "([root, rules]) => gate.axe(root, rules)"
COLORS = {"runOnly": ["color-contrast", "link-in-text-block"]}
ALL, BUT_COLORS = ({"off": ["scrollable-region-focusable", *more]} for more in ([], ["color-contrast"]))
RULES = {  # by scheme and width
    ("light", 1440): ALL,
    ("light", 390): ALL,
    ("light", 320): BUT_COLORS,
    ("dark", 1440): COLORS,
    ("dark", 390): COLORS,
    ("dark", 320): COLORS,
}
DRAWN = ("sideways", "wide", "cut", "overlap", "lettering")
QUERY = "mask"

Said = tuple[str, str]  # the view, and what is wrong in it


def check(site: Path) -> Result:
    """Look at every page as readers do."""
    if not AXE.exists():
        raise Missing("axe-core is not installed in tests/browser/node_modules")
    found = shared(partial(looked_at, site), dealt(site, pages(site)))
    return Result(f"{len(pages(site)) * len(RULES)} page views", [line for lines in found for line in lines])


def looked_at(site: Path, addresses: list[str]) -> list[str]:
    """Return what is wrong with some pages, with one browser for all of them."""
    with serving(site) as base, launched() as browser, rooms(browser) as contexts:
        return [line for address in addresses for line in page_lines(base, address, contexts)]


@contextmanager
def rooms(browser: Browser) -> Iterator[list[BrowserContext]]:
    """Yield a context with JavaScript and one without; each keeps what it has loaded."""
    contexts = [browser.new_context(java_script_enabled=scripts) for scripts in (True, False)]
    yield contexts
    for context in contexts:
        context.close()


def page_lines(base: str, address: str, contexts: list[BrowserContext]) -> list[str]:
    """Return what is wrong with one page, which is loaded once with JavaScript and once without: a load takes long."""
    found: list[Said] = []
    with opened(contexts[0], base + address, found, "loading") as page:
        content = page.evaluate("gate.content()")
        found += named("figures", page.evaluate("gate.pictures()"))
        found += typed(page, address) + drawn(page)
        switch(page, "dark")
        found += printed(page) + violations(page, address, "dark")
        switch(page, "light")
        found += violations(page, address, "light")
        page.evaluate("localStorage.clear()")
    with opened(contexts[1], base + address, found, "no JavaScript") as page:
        found += named("no JavaScript", bare(page, content, address in SAMPLES))
    return folded(address, found)


def switch(page: Page, scheme: str) -> None:
    """Change a page's scheme as the system and the theme's own switch do."""
    page.emulate_media(color_scheme=scheme)
    page.evaluate("scheme => document.querySelector(`[data-md-color-media*=${scheme}]`)?.click()", scheme)


def named(where: str, lines: list[str]) -> list[Said]:
    """Put the view beside what was found in it."""
    return [(where, line) for line in lines]


def folded(address: str, found: list[Said]) -> list[str]:
    """Return each thing that is wrong once, with all views in which it is."""
    views: dict[str, list[str]] = {}
    for where, line in found:
        views.setdefault(line, []).append(where)
    page = address or "home"
    return [f"{page} ({'; '.join(dict.fromkeys(where))}): {line}" for line, where in views.items()]


@contextmanager
def opened(context: BrowserContext, url: str, found: list[Said], where: str) -> Iterator[Page]:
    """Yield a loaded page; add to `found` what went wrong on the way, until it is closed."""
    page, lines = context.new_page(), []
    listen(page, "{0.scheme}://{0.netloc}/".format(urlsplit(url)), lines)
    page.set_viewport_size({"width": WIDTHS[0], "height": HEIGHT})
    page.goto(url, wait_until="load")
    awaken(page)
    page.evaluate("document.fonts.ready.then(() => null)")
    page.evaluate(SCRIPT)
    try:
        yield page
    finally:
        page.close()
    found += named(where, list(dict.fromkeys(lines)))


def listen(page: Page, own: str, lines: list[str]) -> None:
    """Write down each error, warning, failed request and request to elsewhere."""

    def note(wrong: bool, line: str) -> None:
        if wrong:
            lines.append(line)

    page.on("console", lambda said: note(said.type in ("error", "warning"), f"console {said.type}: {said.text}"))
    page.on("pageerror", lambda error: note(True, f"uncaught: {error}"))
    page.on(
        "request",
        lambda sent: note(not sent.url.startswith((own, "data:", "blob:")), f"a request to elsewhere: {sent.url}"),
    )
    page.on("requestfailed", lambda sent: note(True, f"request failed: {sent.url}"))
    page.on("response", lambda got: note(got.status not in (200, 304), f"status {got.status}: {got.url}"))


def drawn(page: Page) -> list[Said]:
    """Return what is drawn wrong at each width, with the details as they are and all open; colors move nothing."""
    found = []
    for state, widths in (("", WIDTHS), (", details open", WIDTHS[::-1])):
        if state:
            page.evaluate("gate.open()")
        for width in widths:
            page.set_viewport_size({"width": width, "height": HEIGHT})
            found += named(f"{width} px{state}", page.evaluate(DRAW, list(DRAWN)))
    return found


def violations(page: Page, address: str, scheme: str) -> list[Said]:
    """Return what axe finds at each width, with all details open; on some pages with search and drawer open, too.

    Three things are left out, for axe takes most of the time. A region that scrolls is asked for its tabindex where
    it is drawn. The dark scheme changes colors, so that only the rules on them are asked again. No breakpoint, so
    no color, lies between a phone's 390 px and 320 px.
    """
    found = []
    page.evaluate("gate.open(); gate.simplify()")
    page.evaluate(AXE.read_text("utf-8"))
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": HEIGHT})
        found += named(f"{scheme}, {width} px", page.evaluate(ASK, [None, RULES[scheme, width]]))
    if address in SAMPLES and page.locator(".md-search__input").count():
        page.evaluate("gate.strip()")
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": HEIGHT})
            found += overlaid(page, f"{scheme}, {width} px")
    return found


def overlaid(page: Page, where: str) -> list[Said]:
    """Return what axe finds with the search open, a query typed and results shown, and with the drawer open."""
    page.keyboard.press("/")
    page.locator(".md-search__input").fill("")
    page.locator(".md-search__input").press_sequentially(QUERY)
    if not settles(page, "document.querySelector('.md-search-result__link')"):
        return [(where, f"the search has no result for {QUERY}")]
    found = named(f"{where}, search open", page.evaluate(ASK, [".md-header", ALL]))
    page.keyboard.press("Escape")
    settles(page, "!document.querySelector('#__search').checked")
    drawer = page.locator(".md-header button.md-header__button")
    if drawer.is_visible():
        drawer.click()
        page.evaluate("gate.settled()")
        found += named(f"{where}, drawer open", page.evaluate(ASK, [".md-sidebar--primary", ALL]))
        page.evaluate("document.querySelector('#__drawer').click()")
    return found


def typed(page: Page, address: str) -> list[Said]:
    """Return what the keyboard does not reach, on a wide screen with all details open.

    A press takes longer the longer a page is, so that only some pages are followed as they are and on a phone, too.
    """
    found = named("keyboard, 1440 px", followed(page)) if address in SAMPLES else []
    page.evaluate("gate.open()")
    found += named("keyboard, 1440 px, details open", followed(page) + operated(page))
    if address in SAMPLES:
        page.set_viewport_size({"width": 390, "height": HEIGHT})
        found += named("keyboard, 390 px, details open", followed(page))
    page.evaluate("gate.shut()")
    return found


def bare(page: Page, content: dict[str, object], paper: bool) -> list[str]:
    """Return what a page lacks without JavaScript, and what it shows that needs it."""
    page.set_viewport_size({"width": 390, "height": HEIGHT})
    without = page.evaluate("gate.content()")
    found = [f"{what}: not the same as with JavaScript" for what in content if content[what] != without[what]]
    if paper:
        page.emulate_media(media="print")
        found += page.evaluate("gate.closed()")
        page.emulate_media(media="screen")
    found += page.evaluate("gate.scripted()")
    drawer = page.locator(".md-header [for=__drawer]")
    if drawer.count():
        drawer.click()
        if not page.evaluate("gate.inView('.md-nav--primary .md-nav__link')"):
            found.append("the navigation does not open")
    return found


def printed(page: Page) -> list[Said]:
    """Return what goes wrong on paper, from the dark scheme."""
    page.evaluate("gate.shut()")
    page.set_viewport_size(PAPER)
    page.emulate_media(media="print")
    found = named("print", page.evaluate("gate.settled().then(gate.printed)"))
    page.emulate_media(media="screen")
    return found
