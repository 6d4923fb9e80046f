r"""Values computed while the page is built, in the middle of a sentence.

`{{ session: expression }}` in the prose of a page shows the value that the expression has after the fence with that
session has run. So a number in prose cannot disagree with the code beside it; `typed_results` finds the numbers that
were typed all the same.
"""

import html
import re
from collections.abc import Container, Iterator, Mapping
from typing import Any
from xml.etree import ElementTree

from markdown import Markdown
from markdown.extensions import Extension
from markdown.inlinepatterns import InlineProcessor
from markdown.preprocessors import Preprocessor
from markdown.util import AtomicString

from hw.checked_math.document import FENCE, fences
from hw.site.fences import execute

__all__ = ["ComputedExtension", "Page", "makeExtension", "typed_results"]

PATTERN = r"\{\{ *([\w-]+): *(.+?) *\}\}"
NUMBER_WORDS = (
    "three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen "
    "nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand half quarter third"
)
RESULT = re.compile(
    rf"""(?<![\w.,])-?\d+(?:,\d{{3}})*(?:\.\d+)?(?:\ ?[×x]\ ?\d+)?%?(?!\w)  # 12, 0.25, 5×5, 40%
    |\b(?:{"|".join(NUMBER_WORDS.split())})s?\b""",
    re.IGNORECASE | re.VERBOSE,
)
INLINE_MATHEMATICS = re.compile(r"\$[^$\n]+(?:\n[^$\n]+)?\$")
RESULT_IN_MATHEMATICS = re.compile(r"\\t?frac *\{?\d|(?<![\w^_{.])(?:\d+\.\d+|\d{2,}|[3-9])")  # 0, 1, 2 are conditions
NOT_PROSE = (
    re.compile(r"\A---\n.*?\n---\n", re.DOTALL),  # front matter
    FENCE,
    re.compile(r"^#.*$", re.MULTILINE),
    re.compile(PATTERN),
    re.compile(r"`[^`\n]+`"),
    INLINE_MATHEMATICS,
    re.compile(r"\]\([^)]*\)|<[^>]*>|\{[^}]*\}|^\[[^\]]+\]:.*$", re.MULTILINE),  # link targets, tags, attributes
    re.compile(r"\b(?:19|20)\d\d\b"),  # years
    re.compile(r"^ *\d+\. ", re.MULTILINE),  # markers of a list
)


class Page:
    """The sessions of one page, each run once, when a value of it is first asked for."""

    def __init__(self, markdown: str, ran: Mapping[str, dict[str, Any]] | None = None) -> None:
        """Read the page's fences; `ran` holds the names that sessions which have run already leave behind."""
        self._fences = {fence.options["session"]: fence for fence in fences(markdown) if "session" in fence.options}
        self._names: dict[str, dict[str, Any]] = dict(ran or {})

    def value(self, session: str, expression: str) -> str:
        r"""Text of an expression's value after the session's fence has run.

        Args:
            session: The session of a fence of the page.
            expression: A Python expression over the names that the fence leaves behind.

        Returns:
            The value as text.

        Raises:
            ValueError: If the page has no such session, the expression fails, or its value is a float without a
                format.

        Examples:
            >>> from hw.site.computed import Page
            >>> Page('```python session="sum"\ntotal = 20 + 22\n```\n').value("sum", "total")
            '42'
        """
        if session not in self._fences:
            raise ValueError(f"session must be one of the page's {sorted(self._fences)}, got {session!r}")
        if session not in self._names:
            try:
                self._names[session], _ = execute(self._fences[session])
            except Exception as error:
                reason = f"{type(error).__name__}: {error}"
                raise ValueError(f"session must have a fence that runs, got {session!r}: {reason}") from error
        try:
            value = eval(expression, self._names[session])
        except Exception as error:
            raise ValueError(f"expression must have a value in its session, got {expression!r}: {error}") from None
        if isinstance(value, float):
            raise ValueError(f"expression must say how many digits to show, got the float {value!r} of {expression!r}")
        return str(value)


class ComputedExtension(Extension):
    """Replaces `{{ session: expression }}` in prose."""

    def extendMarkdown(self, md: Markdown) -> None:
        """Register a preprocessor that sees the fences, and the inline pattern, after code and mathematics."""
        md.registerExtension(self)
        md.preprocessors.register(_Reader(md, self), "hw-computed", 40)
        md.inlinePatterns.register(_Value(PATTERN, md, self), "hw-computed", 186)
        self.reset()

    def reset(self) -> None:
        """Forget the last page."""
        self.page = Page("")


class _Reader(Preprocessor):
    def __init__(self, md: Markdown, extension: ComputedExtension) -> None:
        super().__init__(md)
        self.extension = extension

    def run(self, lines: list[str]) -> list[str]:
        self.extension.page = Page("\n".join(lines))
        return lines


class _Value(InlineProcessor):
    def __init__(self, pattern: str, md: Markdown, extension: ComputedExtension) -> None:
        super().__init__(pattern, md)
        self.extension = extension

    def handleMatch(self, match: re.Match[str], data: str) -> tuple[ElementTree.Element, int, int]:
        session, expression = match[1], html.unescape(match[2])
        shown = ElementTree.Element("span", {"class": "computed", "title": f"{expression}, computed with this page"})
        shown.text = AtomicString(self.extension.page.value(session, expression))
        return shown, match.start(0), match.end(0)


def makeExtension(**options: Any) -> ComputedExtension:
    """Entry point of Python-Markdown."""
    return ComputedExtension(**options)


def typed_results(markdown: str, given: Container[str] = ()) -> Iterator[tuple[int, str]]:
    r"""Numbers in prose that nobody computes.

    Code, displayed formulas, computed values, link targets, front matter, headings and years are passed over.

    Args:
        markdown: The text of a page.
        given: Numbers that the question gives, or that are names, such as a pixel's.

    Yields:
        Line (from 1) and text of each number that is neither given nor computed.

    Examples:
        >>> from hw.site.computed import typed_results
        >>> list(typed_results("Masks of size 3×3 see {{ sets: len(seen) }} pixels, not 12.", given={"3×3"}))
        [(1, '12')]
    """
    found = []
    for pattern in NOT_PROSE:
        if pattern is INLINE_MATHEMATICS:
            for formula in pattern.finditer(markdown):
                results = RESULT_IN_MATHEMATICS.finditer(formula[0])
                found += [(formula.start() + result.start(), result[0]) for result in results]
        markdown = pattern.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), markdown)
    found += [(match.start(), match[0].lower()) for match in RESULT.finditer(markdown)]
    for place, text in sorted(found):
        if text not in given:
            yield markdown.count("\n", 0, place) + 1, text
