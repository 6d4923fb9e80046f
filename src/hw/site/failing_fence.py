"""MkDocs hook: a fence that fails is reported in one line, with its page.

`markdown-exec` logs the whole fence with a traceback and cannot know the page.
"""

import logging
from typing import Any

__all__ = ["on_page_markdown", "on_startup"]


class _Shortener(logging.Filter):
    page = ""

    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        if record.name.startswith("mkdocs.plugins.markdown_exec") and "Code block is:" in text:
            lines = [line.strip() for line in text.splitlines() if line.strip()]
            fence = lines[lines.index("Code block is:") + 1]
            record.msg, record.args = f"{self.page}: the fence that begins {fence!r} fails: {lines[-1]}", ()
        return True


_shortener = _Shortener()


def on_startup(**_: Any) -> None:
    """Listen to what MkDocs is about to print."""
    for handler in logging.getLogger("mkdocs").handlers:
        handler.addFilter(_shortener)


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Remember the page whose fences run next."""
    _shortener.page = page.file.src_uri
    return markdown
