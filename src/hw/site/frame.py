"""The theme's frame made lighter and valid, in the pages as they were built.

A page needs no script to be read, so that the theme's own, which is most of what a phone would have to do, is left to
`assets/js/book.js`, which loads it at the reader's first movement. Five style sheets become one, without the rules that
no page needs, and code is left with the spans that color it.
"""

import posixpath
import re
import shutil
from pathlib import Path

from hw.site.stylesheet import names_in, purged

__all__ = ["lighten"]

MERGED = "assets/css/site.css"
SHEET = re.compile(r'<link rel="stylesheet" href="([^"]+)">')
ADDRESS = re.compile(r"url\((?!['\"]?(?:data:|#))(['\"]?)([^'\")]+)\1\)")
BUNDLE = re.compile(r'<script src="([^"]*assets/javascripts/bundle\.[^"]+)"></script>')
BOOK = re.compile(r'(<script src="[^"]*assets/js/book\.js")')
# Names, operators, numbers: tokens that have the color of text. One of them that holds a link is left as it is.
PLAIN = "n o ow p w m mb mf mh mi mo il kc nb bp no nc ne nf nn na nv vc vg vi vm fm cp se sh sr sx".split()
TOKEN = re.compile(rf'<span class="(?:{"|".join(PLAIN)})">([^<]*)</span>')
FORMULA_FONTS = ("KaTeX_Math-Italic", "KaTeX_Main-Regular")  # wanted by the first formula of a page
TABLE = re.compile(r"<table>(.*?)</table>", re.DOTALL)
SCROLLING = (
    r'<div class="md-typeset__scrollwrap" role="group" aria-label="table" tabindex="0">'
    r'<div class="md-typeset__table"><table class="data">\1</table></div></div>'
)
VALID = {  # what validators refuse, and what stands in its place
    ' tabindex=""': "",
    ' id="__drawer" autocomplete="off"': ' id="__drawer"',
    ' id="__search" autocomplete="off"': ' id="__search"',
}


def lighten(site: Path) -> None:
    """Rework every page of a built site: one style sheet, scripts when they are wanted, valid attributes.

    Tables without a class get the scrolling frame that the theme's script would put around them. Fonts of formulas come
    with the page and not after its first look, which would move its lines.

    Args:
        site: The folder.

    Raises:
        RuntimeError: If a page has another frame than the theme's release that this was written for.
    """
    merged: tuple[str, ...] = ()
    pages = []
    for path in sorted(site.rglob("*.html")):
        page, name = path.read_text("utf-8"), path.relative_to(site).as_posix()
        bundle, links = BUNDLE.search(page), SHEET.findall(page)
        if not bundle or not BOOK.search(page):
            raise RuntimeError(f"{name}: the theme's bundle and assets/js/book.js must be loaded by script elements")
        root = bundle[1].partition("assets/")[0]
        sheets = tuple(link.removeprefix(root) for link in links)
        if not sheets or merged not in ((), sheets):
            raise RuntimeError(f"{name}: every page must link the same style sheets, got {', '.join(sheets) or 'none'}")
        merged = sheets
        pages.append(_lighter(page, root, bundle[1]))
        path.write_text(pages[-1], "utf-8")
    names = names_in(pages, (script.read_text("utf-8") for script in site.rglob("*.js")))
    sheet = "\n".join(_sheet(site, sheet) for sheet in merged)
    (site / MERGED).write_text(purged(sheet, names), "utf-8")
    for sheet in merged:
        (site / sheet).unlink()
    shutil.rmtree(site / "assets/javascripts/lunr", ignore_errors=True)  # word stems of languages other than English


def _lighter(page: str, root: str, bundle: str) -> str:
    fonts = FORMULA_FONTS if 'class="katex"' in page else ()
    preload = [
        f'<link rel="preload" href="{root}assets/katex/fonts/{font}.woff2" as="font" type="font/woff2" crossorigin>'
        for font in fonts
    ]
    page = SHEET.sub("".join([*preload, f'<link rel="stylesheet" href="{root}{MERGED}">']), page, count=1)
    page = SHEET.sub(lambda link: link[0] if link[1].endswith(MERGED) else "", page)
    page = BOOK.sub(rf'\1 data-theme="{bundle}"', BUNDLE.sub("", page))
    for refused, valid in VALID.items():
        page = page.replace(refused, valid)
    return TABLE.sub(SCROLLING, TOKEN.sub(r"\1", page))


def _sheet(site: Path, name: str) -> str:
    """A style sheet whose addresses are as seen from the merged one."""
    folder = posixpath.dirname(name)
    here = posixpath.dirname(MERGED)
    text = re.sub(r"/\*# sourceMappingURL=.*?\*/", "", (site / name).read_text("utf-8"))
    return ADDRESS.sub(lambda found: f"url({posixpath.relpath(posixpath.join(folder, found[2]), here)})", text)
