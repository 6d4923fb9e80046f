"""What the parts of the gate `live` share: a page opened as a reader has it, questions to its Python, and waiting."""

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from browsing import ROOT, awaken, settles
from playwright.sync_api import Browser, Error, Locator, Page
from views import listen

__all__ = [
    "DESK",
    "JUDGE",
    "PATIENCE",
    "PHONE",
    "PROOF",
    "asked",
    "chosen",
    "kept",
    "nth",
    "opened",
    "pressed",
    "said",
    "words_of",
]

sys.path.insert(0, str(ROOT / "tests"))  # for the wrong lines and formulas, which the other tests use too

DESK, PHONE = (1440, "light"), (390, "dark")
PATIENCE = 60  # seconds, on a machine that has much else to do
ALIVE = """[...document.querySelectorAll("[data-widget]:not([data-widget=run])")].every((one) =>
        one.matches(".live") || one.querySelector("button, input"))
    && document.querySelectorAll(".run").length === document.querySelectorAll("[data-widget=run]").length"""
PROOF = re.compile(r"\bpro(?:of|ve[nds]?)\b", re.IGNORECASE)
LOADING = "Loading Python"
LEFT = "net::ERR_ABORTED"  # what a page asked for as it was left
JUDGE = """const own = document.querySelector("script[src*='js/interactive.js']").src;
    const judge = await import(own.replace("interactive", "judge"))"""
ASK = f"""async (questions) => {{
    {JUDGE};
    const found = [];
    for (const [call, argument] of questions) {{
        const answers = [];
        const failed = (error) => answers.push({{ failed: error.message }});
        await judge.ask(call, argument, (answer) => answers.push(answer), 120_000).catch(failed);
        found.push(answers);
    }}
    return found;
}}"""


@contextmanager
def opened(
    browser: Browser,
    url: str,
    own: str,
    found: list[str],
    view: tuple[int, str] = DESK,
    requests: list[str] | None = None,
) -> Iterator[Page]:
    """Yield a page whose widgets are alive; add what goes wrong to `found`, and to `requests` what it asks for."""
    width, scheme = view
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, reduced_motion="reduce"
    )
    context.set_default_timeout(1000 * PATIENCE)
    page, lines = context.new_page(), []
    given_up: list[str] = []
    page.on(
        "requestfailed", lambda sent: given_up.append(f"request failed: {sent.url}") if sent.failure == LEFT else None
    )
    listen(page, own, lines)
    if requests is not None:
        page.on("request", lambda sent: requests.append(sent.url))
    try:
        page.goto(url)
        awaken(page)
        if not settles(page, ALIVE, PATIENCE):
            raise Error("a widget does not come to life")
        yield page
    finally:
        context.close()
    found += [line for line in dict.fromkeys(lines) if line not in given_up]


def asked(page: Page, *questions: tuple[str, dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """All answers to each question that is put to the page's Python, past the widgets."""
    return page.evaluate(ASK, list(questions))


def said(place: Locator, beginning: str | re.Pattern[str]) -> str:
    """What a status comes to say, once it matches; empty if it does not."""
    pattern = beginning if isinstance(beginning, re.Pattern) else re.compile(re.escape(beginning))
    try:
        place.filter(has_text=pattern).wait_for()
    except Error:
        return ""
    return words_of(place)


def words_of(place: Locator) -> str:
    """The text of an element, on one line."""
    return " ".join((place.text_content() or "").split())


def kept(part: Callable[[], list[str]]) -> list[str]:
    """What a part of the gate finds; that it waits in vain is a finding too."""
    try:
        return part()
    except Error as error:
        return [f"waits in vain: {' '.join(error.message.split())[:240]}"]


def nth(root: Locator, text: str) -> Locator:
    """The button of a widget with exactly this text."""
    return root.get_by_role("button", name=text, exact=True)


def pressed(button: Locator, keys: bool) -> None:
    """Press a button by the mouse, or by focus and Enter."""
    if keys:
        button.focus()
        button.press("Enter")
    else:
        button.click()


def chosen(select: Locator, value: str, keys: bool) -> None:
    """Choose an option of a list: all at once, or with the arrow keys from where it stands."""
    if not keys:
        select.select_option(value)
        return
    values = select.locator("option").evaluate_all("all => all.map(one => one.value)")
    select.focus()
    steps = values.index(value) - values.index(select.input_value())
    for _ in range(abs(steps)):
        select.press("ArrowDown" if steps > 0 else "ArrowUp")
