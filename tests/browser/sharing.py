"""The gate `sharing`: the page for a wrong address, what other sites show of ours, and the list for language models."""

import re
from collections import Counter
from html import unescape
from pathlib import Path

from browsing import Result, file_of, launched, pages, serving
from PIL import Image

__all__ = ["check", "described", "listed", "not_found"]

SIZE = (1200, 630)
LONGEST = 300  # characters of a description; what shows it cuts longer ones
WANTED = ("title", "description", "image", "url", "site_name")
PROPERTY = re.compile(r'<meta property="og:([\w:]+)" content="([^"]*)">')


def check(site: Path) -> Result:
    """Look at a wrong address, at every page's title, description and picture, and at `llms.txt`."""
    names = [name for name in pages(site) if name != "404.html"]
    found = [finding for name in names for finding in described(site, name)]
    for what in ("title", "description"):
        texts = Counter(_properties(site, name).get(what, "") for name in names)
        found += [f"{count} pages have the {what} {text!r}" for text, count in texts.items() if count > 1]
    return Result(f"{len(names)} pictures and descriptions", found + listed(site, names) + not_found(site))


def described(site: Path, name: str) -> list[str]:
    """Return what is wrong with what a page says of itself to other sites."""
    shown, page = _properties(site, name), name or "home"
    missing = [f"{page}: og:{what} is missing" for what in WANTED if not shown.get(what, "").strip()]
    if missing:
        return missing
    if len(shown["description"]) > LONGEST:
        return [f"{page}: og:description must have at most {LONGEST} characters, has {len(shown['description'])}"]
    picture = site / "assets/share" / shown["image"].rpartition("/")[2]
    if not shown["image"].endswith(f"/assets/share/{picture.name}") or not picture.is_file():
        return [f"{page}: og:image must be a picture of the site, got {shown['image']}"]
    with Image.open(picture) as opened:
        shades = opened.convert("L").getcolors(256) or []
        if opened.size != SIZE or len(shades) < 3:
            return [f"{page}: {picture.name} must be a drawing of 1200×630, is {opened.size} with {len(shades)} shades"]
    return []


def listed(site: Path, names: list[str]) -> list[str]:
    """Return the pages that `llms.txt` leaves out; the home page is what it is about."""
    path = site / "llms.txt"
    text = path.read_text("utf-8") if path.exists() else ""
    return [f"llms.txt does not list {name}" for name in names if name and f"/{name})" not in text]


def not_found(site: Path) -> list[str]:
    """Ask for a page that does not exist, deep down, and return what is wrong with the answer."""
    with serving(site) as base, launched() as browser:
        page = browser.new_page()
        failed: list[str] = []
        page.on("response", lambda answer: failed.append(answer.url) if answer.status >= 400 else None)
        answer = page.goto(f"{base}no/such/page/")
        found = [f"404: {url.replace(base, '')} does not load" for url in failed if not url.endswith("/no/such/page/")]
        if answer is None or answer.status != 404:
            found.append("404: a wrong address must answer 404")
        if page.locator("article h1").count() != 1 or page.locator("article a").count() < 1:
            found.append("404: the page must say what happened, and lead on")
        if page.evaluate("document.styleSheets.length") == 0:
            found.append("404: the page has no style")
    return found


def _properties(site: Path, name: str) -> dict[str, str]:
    page = file_of(site, name).read_text("utf-8")
    return {key: unescape(value) for key, value in PROPERTY.findall(page)}
