r"""LaTeX as lexical tokens: letters, numbers, commands and symbols; spaces are dropped, and macros are replaced."""

import re
from dataclasses import dataclass

from hw.checked_math.errors import FormulaError
from hw.checked_math.grammar.symbols import DEEPEST, MACROS

__all__ = ["Token", "lexemes"]

LONGEST_NUMBER = 40  # digits

TOKEN = re.compile(
    r"(?P<space>[\s~]+)|(?P<number>[0-9]+(?:\.[0-9]+)?)|(?P<letter>[A-Za-z])"
    r"|(?P<command>\\\\(?:\[-?[0-9.]+ *(?:pt|em|ex|mm|cm|in|mu|px)\])?|\\(?:[A-Za-z]+\*?|[^A-Za-z]))"
    r"|(?P<symbol>[-+*/=<>()\[\]{}|,;:!&^_'.])"
)


@dataclass(frozen=True, slots=True)
class Token:
    r"""One token and its place in the source.

    `kind` is one of `name`, `number`, `word`, `text`, `command`, `symbol`, `begin`, `end` and `stop`, or `row` for
    a new row. The text of a `text` is its source, `\text{so}`, so that it is taken for nothing else.
    `facing` is "open" or "close" for a bar or a dot after `\left` or `\right`; `apart` says that `\quad` stands before.
    """

    kind: str
    text: str
    start: int
    end: int
    facing: str = ""
    apart: bool = False

    @property
    def content(self) -> str:
        """The text, without the command that makes it one."""
        return self.text.partition("{")[2][:-1].strip() if self.kind == "text" else self.text


def lexemes(source: str) -> list[Token]:
    """The lexical tokens of a formula, macros replaced.

    Raises:
        FormulaError: For a character that is not known, a number that is too long, or braces that are nested so deep
            that joining the tokens inside would be slow.
    """
    found = _split(source)
    deep = 0
    for token in found:
        deep += (token.text == "{") - (token.text == "}")
        if deep > DEEPEST:
            raise FormulaError(f"a formula must be nested at most {DEEPEST} deep", token.start)
    return found


def _split(source: str) -> list[Token]:
    found, at = [], 0
    while at < len(source):
        match = TOKEN.match(source, at)
        if not match:
            raise FormulaError(f"unexpected character {source[at]!r}", at)
        kind, text = match.lastgroup or "", match[0]
        if text == r"\%" or (kind == "command" and text in MACROS):
            expansion = _split(MACROS[text]) if text in MACROS else []
            found += [Token(token.kind, token.text, at, match.end()) for token in expansion]
        elif kind == "number" and len(text) > LONGEST_NUMBER:
            raise FormulaError(f"a number must have at most {LONGEST_NUMBER} digits, got {len(text)}", at)
        elif kind != "space":
            found.append(Token(kind, r"\\" if text.startswith(r"\\") else text, at, match.end()))
        at = match.end()
    return found
