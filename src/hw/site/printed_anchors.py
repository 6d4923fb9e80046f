"""MkDocs hook: what a fence prints can be linked to.

MkDocs finds the anchors of a page in its Markdown, before the fences have run.
"""

import re
from typing import Any

__all__ = ["on_page_content"]

ID = re.compile(r'<\w+\b[^>]* id="([^"]+)"')


def on_page_content(html: str, page: Any, **_: Any) -> str:
    """Add the ids of the finished page to those that links are checked against."""
    page.present_anchor_ids = (page.present_anchor_ids or set()) | set(ID.findall(html))
    return html
