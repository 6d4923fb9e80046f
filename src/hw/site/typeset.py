r"""Mathematics typeset while the page is built, so that the reader's browser needs no JavaScript for it.

A Python-Markdown extension: `pymdownx.arithmatex` finds the formulas, KaTeX (run in V8 by `mini_racer`) sets them. A
formula that KaTeX does not accept fails the build.
"""

import atexit
import html
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from markdown import Markdown
from markdown.extensions import Extension
from markdown.postprocessors import Postprocessor
from py_mini_racer import MiniRacer

from hw.checked_math.grammar.tokens import MACROS

__all__ = ["TypesetExtension", "makeExtension", "typeset"]

FORMULA = re.compile(r'<(span|div) class="arithmatex">\\([(\[])(.*?)\\[)\]]</\1>', re.DOTALL)
RENDER = """
function render(latex, display, macros) {
  try {
    const options = {displayMode: display, throwOnError: true, strict: "error", macros: macros};
    return {html: katex.renderToString(latex, options)};
  } catch (error) {
    return {error: error.message};  // returned, since an uncaught error would print the whole library
  }
}
"""


def typeset(latex: str, katex: Path, *, display: bool = False) -> str:
    r"""HTML and MathML of a formula.

    Args:
        latex: The formula, without delimiters.
        katex: The file `katex.min.js`.
        display: Whether the formula stands on lines of its own.

    Returns:
        HTML that needs KaTeX's style sheet.

    Raises:
        ValueError: If KaTeX does not accept the formula.
    """
    arguments = ", ".join(map(json.dumps, (latex, display, MACROS)))
    answer = json.loads(_context(katex).eval(f"JSON.stringify(render({arguments}))"))
    if "error" in answer:
        raise ValueError(f"formula must be LaTeX that KaTeX knows, got {latex}: {answer['error']}")
    return answer["html"]


@cache
def _context(katex: Path) -> MiniRacer:
    context = MiniRacer()
    atexit.register(context.close)  # closed only while the interpreter is torn down, V8 can hang
    context.eval(katex.read_text(encoding="utf-8") + RENDER)
    return context


class TypesetExtension(Extension):
    """Replaces the formulas that `pymdownx.arithmatex` (generic) has marked."""

    def __init__(self, **options: Any) -> None:
        """Take the option `katex`, the file `katex.min.js`."""
        self.config = {"katex": ["docs/assets/katex/katex.min.js", "the file katex.min.js"]}
        super().__init__(**options)

    def extendMarkdown(self, md: Markdown) -> None:
        """Register the postprocessor, after all that restore stashed HTML."""
        md.postprocessors.register(_Typesetter(md, Path(self.getConfig("katex"))), "hw-typeset", 1)


class _Typesetter(Postprocessor):
    def __init__(self, md: Markdown, katex: Path) -> None:
        super().__init__(md)
        self.katex = katex

    def run(self, text: str) -> str:
        return FORMULA.sub(self.formula, text)

    def formula(self, match: re.Match[str]) -> str:
        latex, display = html.unescape(match[3]).strip(), match[2] == "["
        set_formula = typeset(latex, self.katex, display=display)
        if display:
            attributes = 'class="formula" role="group" aria-label="formula" tabindex="0"'
            return f"<div {attributes} data-search-exclude>{set_formula}</div>"
        return f"<span data-search-exclude>{set_formula}</span>"


def makeExtension(**options: Any) -> TypesetExtension:
    """Entry point of Python-Markdown."""
    return TypesetExtension(**options)
