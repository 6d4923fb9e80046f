"""The gate `policy`: every page carries its Content Security Policy, and the browser has nothing to refuse."""

import re
from html import unescape
from pathlib import Path

from browsing import SAMPLES, Result, awaken, file_of, launched, pages, serving, settles

from hw.site.policy import META, policy

__all__ = ["broken", "check", "unprotected"]

LOADING = re.compile(r"<(?:link|script|style|img)\b")
BUTTON = "document.querySelector('.md-code__button')"
LISTEN = """addEventListener("securitypolicyviolation",
    event => (window.refused ??= []).push(`${event.effectiveDirective} refuses ${event.blockedURI}`))"""


def check(site: Path) -> Result:
    """Read the policy of every page of a built site, and open a page of each kind under it.

    That no other page has anything that is refused, the gate `views` sees: it would be an error on the console.
    """
    names = pages(site)
    found = [finding for name in names for finding in unprotected(site, name)]
    found += broken(site, [name for name in SAMPLES if name in names])
    return Result(f"{len(names)} pages, each with a policy", found)


def unprotected(site: Path, name: str) -> list[str]:
    """Return what is wrong with a page's policy, read in its HTML."""
    page = file_of(site, name).read_text("utf-8")
    found = list(META.finditer(page))
    if len(found) != 1:
        return [f"{name or 'home'}: must have one Content-Security-Policy, has {len(found)}"]
    first = LOADING.search(page)
    if first and first.start() < found[0].start():
        return [f"{name or 'home'}: {first[0]} stands before the Content-Security-Policy, which does not govern it"]
    try:
        due = policy(page)
    except ValueError as error:
        return [f"{name or 'home'}: {error}"]
    return [] if unescape(found[0][1]) == due else [f"{name or 'home'}: the Content-Security-Policy must be {due}"]


def broken(site: Path, names: list[str], patience: float = 10) -> list[str]:
    """Open pages, with their scripts and the search at work, and return what the browser refused."""
    found = []
    with serving(site) as base, launched() as browser:
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.add_init_script(LISTEN)
        for name in names:
            page.goto(base + name)
            awaken(page)
            if page.locator("article .highlight pre > code").count() and not settles(page, BUTTON, patience):
                found.append(f"{name or 'home'}: the theme's script is not at work, for code has no copy button")
            if page.locator("#__search").count():
                page.evaluate("document.getElementById('__search').click()")
                page.wait_for_timeout(150)
            refused = page.evaluate("[...new Set(window.refused ?? [])]")
            found += [f"{name or 'home'}: {line.replace(base, '')}" for line in refused]
    return found
