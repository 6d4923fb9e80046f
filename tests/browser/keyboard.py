"""The keyboard's part of the gate `views`: Tab, Shift+Tab, Enter, Space and Escape."""

from pathlib import Path

from browsing import settles
from playwright.sync_api import CDPSession, Page

__all__ = ["followed", "operated"]

SCRIPT = Path(__file__).with_suffix(".js").read_text("utf-8")
TAB = {"key": "Tab", "code": "Tab", "windowsVirtualKeyCode": 9}
MORE, STRIDE, BACK, SHIFT = 40, 20, 4, 8


def followed(page: Page) -> list[str]:
    """Press Tab through a page, and say what it does not reach or does not show.

    The page itself follows the focus, for a question after each press would take most of the time.
    """
    page.evaluate(SCRIPT)
    keys = page.context.new_cdp_session(page)
    for _ in range(0, 2 * page.evaluate("follow.expected()") + MORE, STRIDE):
        for _ in range(STRIDE):
            press(keys)
        if page.evaluate("follow.done()"):
            break
    found = page.evaluate("follow.lines()") + backwards(page, keys)
    keys.detach()
    return found


def backwards(page: Page, keys: CDPSession) -> list[str]:
    """Go a few steps back from where the focus is, and say if one is not the step before."""
    for _ in range(STRIDE):
        if page.evaluate("follow.at()") > BACK:
            break
        press(keys)
    start = page.evaluate("follow.at()")
    for _ in range(BACK):
        press(keys, SHIFT)
    wrong = start > BACK and page.evaluate("follow.at()") != start - BACK
    return ["Shift+Tab does not go back the way Tab came"] if wrong else []


def press(keys: CDPSession, modifiers: int = 0) -> None:
    """Press Tab, in one message to the browser."""
    keys.send("Input.dispatchKeyEvent", {"type": "rawKeyDown", "modifiers": modifiers, **TAB})


def operated(page: Page) -> list[str]:
    """Open a `<summary>` by Enter and close it by Space, and leave the search by Escape."""
    found, summary, field = [], page.locator("article summary:visible").first, page.locator(".md-search__input")
    # Tab may have ended in the search, which takes every key while it is open.
    page.evaluate("gate.shut(); gate.open()")
    for key in ("Enter", "Space") if summary.count() else ():
        before = summary.evaluate("one => one.parentElement.open")
        summary.press(key)
        if summary.evaluate("one => one.parentElement.open") == before:
            found.append(f"{key} does not open or close the first summary")
    if field.count() and field.is_visible():
        field.focus()
        settles(page, "document.querySelector('#__search').checked")
        page.keyboard.press("Escape")
        if not settles(page, "!document.querySelector('#__search').checked"):
            found.append("Escape does not close the search")
    return found
