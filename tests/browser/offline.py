"""The gate `offline`: the zip of the site, unpacked and opened from files, with no server."""

import re
import zipfile
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import unquote

from browsing import Result, dealt, file_of, launched, pages, serving, shared

from hw.site.offline import NAME

__all__ = ["check", "dead", "unlike"]

HREF = re.compile(r'<(?:a|link|img)\b[^>]*? (?:href|src)="([^":#]*)(?:#([^"]*))?"')
COUNTS = """() => Object.fromEntries([".katex", "svg", "table", ".highlight", "h2"].map(
    name => [name, document.querySelectorAll(`article ${name}`).length]))"""


def check(site: Path) -> Result:
    """Unpack the zip of a built site, follow its links, and open each page beside the one that is served."""
    archive = site / NAME
    if not archive.exists():
        return Result("no zip", [f"{NAME} is missing in the site"])
    with TemporaryDirectory() as folder:
        with zipfile.ZipFile(archive) as packed:
            packed.extractall(folder)
        copy = Path(folder, "hw").resolve()
        names = [name for name in pages(site) if name != "404.html"]
        found = [f"{name}index.html is missing in the zip" for name in names if not file_of(copy, name).exists()]
        found += dead(copy)
        if not found:
            found = [line for lines in shared(partial(unlike, site, copy), dealt(site, names)) for line in lines]
    return Result(f"{len(names)} pages, {archive.stat().st_size / 1e6:.1f} MB", found)


def dead(copy: Path) -> list[str]:
    """Return the links of a folder's pages that lead to no file, or to no place in it."""
    files = {path: path.read_text("utf-8") for path in sorted(copy.rglob("*.html"))}
    found = []
    for path, page in files.items():
        for address, anchor in set(HREF.findall(page)):
            target = (path.parent / unquote(address)).resolve() if address else path
            name = path.relative_to(copy).as_posix()
            if not target.is_file():
                found.append(f"{name} links to {address}, which is not a file")
            elif anchor and target in files and f' id="{unquote(anchor)}"' not in files[target]:
                found.append(f"{name} links to {address}#{anchor}, which is no place there")
    return found


def unlike(site: Path, copy: Path, names: list[str]) -> list[str]:
    """Open pages from files, and return where one has less on it than the page that is served."""
    found = []
    with serving(site) as base, launched() as browser:
        served, opened = browser.new_page(java_script_enabled=False), browser.new_page()
        complaints: list[str] = []
        opened.on("console", lambda message: complaints.append(message.text))
        opened.on("requestfailed", lambda request: complaints.append(f"{request.url} does not load"))
        for name in names:
            complaints.clear()
            served.goto(base + name)
            opened.goto(file_of(copy, name).as_uri())
            page = name or "home"
            found += [f"{page}: {complaint}" for complaint in dict.fromkeys(complaints)]
            if served.evaluate(COUNTS) != opened.evaluate(COUNTS):
                found.append(f"{page}: {opened.evaluate(COUNTS)} in the copy, {served.evaluate(COUNTS)} on the site")
            if opened.evaluate("getComputedStyle(document.querySelector('h1')).fontFamily").find("Source Serif") < 0:
                found.append(f"{page}: the copy has lost its style")
            if not opened.locator(".offline").is_visible() or opened.locator("script").count():
                found.append(f"{page}: the copy must be without scripts, and say so")
    return found
