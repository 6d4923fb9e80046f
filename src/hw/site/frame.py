"""The theme's frame made lighter and valid, in the pages as they were built.

A page needs no script to be read, so that the theme's own, which is most of what a phone would have to do, is left to
`assets/js/book.js`, which loads it at the reader's first movement. Five style sheets become one.
"""

import posixpath
import re
from pathlib import Path

__all__ = ["lighten"]

MERGED = "assets/css/site.css"
SHEET = re.compile(r'<link rel="stylesheet" href="([^"]+)">')
ADDRESS = re.compile(r"url\((?!['\"]?(?:data:|#))(['\"]?)([^'\")]+)\1\)")
BUNDLE = re.compile(r'<script src="([^"]*assets/javascripts/bundle\.[^"]+)"></script>')
BOOK = re.compile(r'(<script src="[^"]*assets/js/book\.js")')
TABLE = re.compile(r"<table>(.*?)</table>", re.DOTALL)
SCROLLING = (
    r'<div class="md-typeset__scrollwrap" role="group" aria-label="table" tabindex="0">'
    r'<div class="md-typeset__table"><table class="data">\1</table></div></div>'
)
INVALID = (
    ' tabindex=""',
    ' type="checkbox" id="__drawer" autocomplete="off"',
    ' type="checkbox" id="__search" autocomplete="off"',
)


def lighten(site: Path) -> None:
    """Rework every page of a built site: one style sheet, scripts when they are wanted, valid attributes.

    Tables without a class get the scrolling frame that the theme's script would put around them.

    Args:
        site: The folder.

    Raises:
        RuntimeError: If a page has another frame than the theme's release that this was written for.
    """
    merged: tuple[str, ...] = ()
    for path in sorted(site.rglob("*.html")):
        page, name = path.read_text("utf-8"), path.relative_to(site).as_posix()
        root = _root(page, name)
        sheets = tuple(link.removeprefix(root) for link in SHEET.findall(page))
        if merged not in ((), sheets):
            raise RuntimeError(f"{name}: every page must have the same style sheets, got {', '.join(sheets)}")
        merged = sheets
        path.write_text(_lighter(page, name, root), "utf-8")
    (site / MERGED).write_text("\n".join(_sheet(site, sheet) for sheet in merged), "utf-8")
    for sheet in merged:
        (site / sheet).unlink()


def _root(page: str, name: str) -> str:
    """The way from a page to the site's root, as its links write it."""
    found = BUNDLE.search(page)
    if not found or not BOOK.search(page):
        raise RuntimeError(f"{name}: the theme's bundle and assets/js/book.js must be loaded by script elements")
    return found[1].partition("assets/")[0]


def _lighter(page: str, name: str, root: str) -> str:
    first = SHEET.search(page)
    if first is None:
        raise RuntimeError(f"{name}: must link style sheets")
    sheet = f'<link rel="stylesheet" href="{root}{MERGED}">'
    page = page[: first.start()] + sheet + SHEET.sub("", page[first.end() :])
    bundle = BUNDLE.search(page)
    page = BOOK.sub(rf'\1 data-theme="{bundle[1] if bundle else ""}"', BUNDLE.sub("", page))
    for attribute in INVALID:
        page = page.replace(attribute, attribute.replace(' autocomplete="off"', "") if "id=" in attribute else "")
    return TABLE.sub(SCROLLING, page)


def _sheet(site: Path, name: str) -> str:
    """A style sheet whose addresses are as seen from the merged one."""
    folder = posixpath.dirname(name)
    here = posixpath.dirname(MERGED)
    text = re.sub(r"/\*# sourceMappingURL=.*?\*/", "", (site / name).read_text("utf-8"))
    return ADDRESS.sub(lambda found: f"url({posixpath.relpath(posixpath.join(folder, found[2]), here)})", text)
