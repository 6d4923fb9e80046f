r"""LaTeX as lexical tokens: letters, numbers, commands and symbols; spaces are dropped, and macros are replaced."""

import re
from typing import NamedTuple

from hw.checked_math.errors import FormulaError
from hw.checked_math.grammar.symbols import DEEPEST, MACROS

__all__ = ["Token", "lexemes"]

LONGEST_NUMBER = 40  # digits

TOKEN = re.compile(
    r"(?P<space>[\s~]+)|(?P<number>[0-9]+(?:\.[0-9]+)?)|(?P<letter>[A-Za-z])"
    r"|(?P<command>\\\\(?:\[-?[0-9.]+ *(?:pt|em|ex|mm|cm|in|mu|px)\])?|\\(?:[A-Za-z]+\*?|[^A-Za-z]))"
    r"|(?P<symbol>[-+*/=<>()\[\]{}|,;:!&^_'.])"
)


class Token(NamedTuple):
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
        if token.text not in ("{", "}"):
            continue
        deep += 1 if token.text == "{" else -1
        if deep > DEEPEST:
            raise FormulaError(f"a formula must be nested at most {DEEPEST} deep", token.start)
    return found


def _split(source: str) -> list[Token]:
    found, at = [], 0
    for match in TOKEN.finditer(source):
        if match.start() > at:
            break
        kind, text, at = match.lastgroup or "", match[0], match.end()
        if kind == "command":
            found += _commands(text, match.start(), at)
        elif kind == "number" and len(text) > LONGEST_NUMBER:
            message = f"a number must have at most {LONGEST_NUMBER} digits, got {len(text)}"
            raise FormulaError(message, match.start())
        elif kind != "space":
            found.append(Token(kind, text, match.start(), at))
    if at < len(source):
        raise FormulaError(f"unexpected character {source[at]!r}", at)
    return found


def _commands(text: str, start: int, end: int) -> list[Token]:
    """A command, or what a macro stands for; a line break without the space that follows."""
    if text == r"\%":
        return []
    if text in MACROS:
        return [Token(token.kind, token.text, start, end) for token in _split(MACROS[text])]
    return [Token("command", r"\\" if text.startswith(r"\\") else text, start, end)]
