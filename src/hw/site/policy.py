"""A Content Security Policy in every page: what a page may load and run in its reader's browser.

GitHub Pages sends no headers of ours, so that the policy stands in the page, before all that it governs. See
[Content Security Policy Level 3](https://www.w3.org/TR/CSP3/), §3.3.
"""

import base64
import hashlib
import re
from pathlib import Path

__all__ = ["META", "policy", "protect"]

ALLOWED = {
    "default-src": "'none'",
    "base-uri": "'self'",
    "form-action": "'none'",
    "img-src": "'self' data:",  # the theme's icons are data in its style sheet
    "font-src": "'self'",
    "style-src": "'self'",
    "style-src-attr": "'unsafe-inline'",  # KaTeX places each sign by a style attribute
    "connect-src": "'self'",  # the search reads its index
    "worker-src": "'self'",  # and looks in it on a thread of its own
    "manifest-src": "'self'",
}
INLINE = re.compile(r"<(script|style)\b([^>]*)>(.*?)</\1>", re.DOTALL | re.IGNORECASE)
OF_THE_THEME = (
    "document.documentElement.className=__md_get(",
    "__md_scope=new URL(",
    "var palette=__md_get(",
    "var target=document.getElementById(location.hash",
)
CHARSET = '<meta charset="utf-8">'
META = re.compile(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">')


def policy(page: str) -> str:
    """The policy of a page: nothing from elsewhere, and no script in it but the theme's own, allowed by their hashes.

    Args:
        page: The page's HTML.

    Returns:
        The value of `Content-Security-Policy`.

    Raises:
        ValueError: If the page holds a style sheet, or a script that is not the theme's.

    Examples:
        >>> from hw.site.policy import policy
        >>> print(policy("<p>Text</p>").rpartition("; ")[2])
        script-src 'self'
    """
    hashes = []
    for tag, attributes, text in INLINE.findall(page):
        if "src=" in attributes or 'type="application/json"' in attributes:
            continue
        if tag.lower() == "style" or not text.startswith(OF_THE_THEME):
            raise ValueError(f"page must hold no {tag} of its own, got {text.strip()[:60]}")
        hashes.append(f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'")
    scripts = " ".join(["'self'", *dict.fromkeys(hashes)])
    return "; ".join(f"{name} {value}" for name, value in {**ALLOWED, "script-src": scripts}.items())


def protect(site: Path) -> None:
    """Put its policy into every page of a built site.

    Args:
        site: The folder.

    Raises:
        RuntimeError: If a page holds a script or a style sheet that is not the theme's, or has no place for the policy.
    """
    for path in sorted(site.rglob("*.html")):
        page = path.read_text("utf-8")
        try:
            allowed = policy(page)
        except ValueError as error:
            raise RuntimeError(f"{path.relative_to(site)}: {error}") from None
        if page.count(CHARSET) != 1:
            raise RuntimeError(f"{path.relative_to(site)}: {CHARSET} must stand in it once, before which nothing loads")
        meta = f'{CHARSET}\n      <meta http-equiv="Content-Security-Policy" content="{allowed}">'
        path.write_text(page.replace(CHARSET, meta), "utf-8")
