"""The site in a zip that opens without a server: its static form, to keep or to read on a journey."""

import os
import re
import time
import zipfile
from html import escape
from pathlib import Path, PurePosixPath

__all__ = ["NAME", "pack", "static_form"]

NAME = "hw-offline.zip"
LEFT_OUT = re.compile(
    r"404\.html|sitemap|llms\.txt|objects\.inv|search/|\.well-known/|assets/(share|javascripts|js|frames|pyodide)/|assets/katex/katex\.min|hw-"
)
TAG = re.compile(r"<(?:a|link|img)\b[^>]*>")
ADDRESS = re.compile(r'\b(href|src)="([^":]*)"')
LEFT_ON_SITE = re.compile(r"\s*(?:<script\b.*?</script>|<link rel=\"preload\"[^>]*>)", re.DOTALL)
OFFER = re.compile(r'(<p class="offline">).*?</p>', re.DOTALL)
WHY = "This is the copy to read offline. Search and copy buttons need scripts, and what scripts do needs a server."


def pack(site: Path) -> Path:
    """Pack a built site, without what needs a server, into a zip of its own folder.

    Args:
        site: The folder; the zip is put there, and depends on its files and `SOURCE_DATE_EPOCH` alone.

    Returns:
        The zip.
    """
    seconds = max(int(os.environ.get("SOURCE_DATE_EPOCH", "0")), 315_532_800)  # a zip knows no time before 1980
    when = time.gmtime(seconds)[:6]
    target = site / NAME
    files = sorted(path for path in site.rglob("*") if path.is_file())
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            name = path.relative_to(site).as_posix()
            if not LEFT_OUT.match(name):
                body = path.read_bytes()
                content = static_form(body.decode(), name).encode() if name.endswith(".html") else body
                archive.writestr(zipfile.ZipInfo(f"hw/{name}", when), content, zipfile.ZIP_DEFLATED)
    return target


def static_form(page: str, name: str = "index.html") -> str:
    """A page as it is without scripts, with links to files in place of folders, and a line that says why.

    Args:
        page: The page's HTML.
        name: Its place in the site.

    Returns:
        HTML.

    Examples:
        >>> from hw.site.offline import static_form
        >>> print(static_form('<a href="../flows/#elbo">2</a><script>1</script>'))
        <a href="../flows/index.html#elbo">2</a>
    """
    page = TAG.sub(lambda tag: ADDRESS.sub(_to_file, tag[0]), LEFT_ON_SITE.sub("", page))
    page = page.replace("'self'", "'self' file:")  # some browsers hold each file to be a site of its own
    return OFFER.sub(lambda offer: f"{offer[1]}{escape(WHY)}</p>", page)


def _to_file(match: re.Match[str]) -> str:
    path, hash_, anchor = match[2].partition("#")
    if path.endswith("/") or PurePosixPath(path).name == ".." or path == ".":
        path = f"{path.rstrip('/')}/index.html"
    return f'{match[1]}="{path}{hash_}{anchor}"'
