"""Rows of a displayed formula: alignment, continued lines, and what is written between statements."""

import re

from hw.checked_math.errors import FormulaError
from hw.checked_math.grammar.cursor import Cursor
from hw.checked_math.grammar.lexemes import Token
from hw.checked_math.grammar.symbols import RELATIONS

__all__ = ["at_end", "between_statements", "flat"]

OUTER = set("aligned align align* alignat gathered gather gather* split equation equation*".split())
OPERATORS = set(r"+ - / \cdot \cup \cap \setminus \oplus :=".split())  # a row that ends in one goes on
QUANTIFIER = re.compile(r"\W*(?:for|with|where|over|given|any|all|every|each)\b")


def at_end(cursor: Cursor) -> bool:
    """Whether only punctuation and text are left; what stands before the next statement is read."""
    while between_statements(cursor):
        token = cursor.next()
        if token.kind == "text" and QUANTIFIER.match(token.content):
            _skip_names(cursor)
        if token.kind == "text" and cursor.token.text in ("(", "_", "^", "[") and not cursor.token.apart:
            raise FormulaError(
                rf"a name must be written \mathrm{{{token.content}}}, since text is not read", token.start
            )
    return cursor.token.kind == "stop"


def _skip_names(cursor: Cursor) -> None:
    r"""Read over `x, z` of `\text{for all } x, z`: names up to the end of the row."""
    count = 0
    while cursor.ahead(count).kind == "name" or cursor.ahead(count).text == ",":
        count += 1
    if cursor.ahead(count).kind in ("row", "text", "stop") or cursor.ahead(count).text == ".":
        cursor.at += count


def between_statements(cursor: Cursor) -> bool:
    """Whether punctuation, text or a new row comes next."""
    token = cursor.token
    is_stop = token.text in (",", ".", ";") and token.facing != "open"  # \left. opens a bracket
    return token.kind in ("row", "text") or is_stop


def flat(found: list[Token]) -> list[Token]:
    """Tokens without alignment: rows that continue a chain are joined to it, others are set apart by a `row` token."""
    rows: list[Token] = []
    depth, in_reasons = 0, False
    found = _without_wrappers(found)
    for at, token in enumerate(found):
        if token.kind in ("begin", "end"):
            if token.text not in OUTER | {"cases"}:
                raise FormulaError(f"the environment {token.text!r} is not one that can be checked", token.start)
            if depth == 0 and token.text in OUTER:
                continue
        depth += token.text == "{" or (token.kind == "begin" and token.text == "cases")
        depth -= token.text == "}" or (token.kind == "end" and token.text == "cases")
        if depth == 0 and token.text == r"\\":
            in_reasons = False
            if _continues(found, at + 1) or _ends_open(rows):
                while rows and rows[-1].kind == "text":
                    rows.pop()
            else:
                rows.append(Token("row", token.text, token.start, token.end))
        elif depth == 0 and token.text == "&":
            in_reasons = in_reasons or found[at + 1].text == "&"
        elif depth == 0 and in_reasons and token.kind not in ("text", "stop"):
            raise FormulaError(r"a reason must be written in \text{...}", token.start)
        else:
            rows.append(token)
    return rows


def _without_wrappers(found: list[Token]) -> list[Token]:
    r"""Tokens without the braces around a whole environment of rows: `{\begin{aligned} ... \end{aligned}}`."""
    kept: list[Token | None] = list(found)
    open_: list[int] = []
    for at, token in enumerate(found):
        if token.text == "{":
            open_.append(at)
        elif token.text == "}" and open_:
            first = open_.pop()
            begins, ends = found[first + 1], found[at - 1]
            if begins.kind == "begin" and ends.kind == "end" and begins.text == ends.text and begins.text in OUTER:
                kept[first] = kept[at] = None
    return [token for token in kept if token]


def _ends_open(rows: list[Token]) -> bool:
    """Whether the row read last ends in an operator or a relation sign."""
    return bool(rows) and rows[-1].kind in ("symbol", "command") and rows[-1].text in OPERATORS | RELATIONS


def _continues(found: list[Token], at: int) -> bool:
    """Whether the row that begins here goes on with the expression or the chain before it."""
    aligned = found[at].text == "&"
    while found[at].text == "&":
        at += 1
    follows = found[at]
    return follows.text in RELATIONS or ((aligned or follows.apart) and follows.text in ("+", "-", r"\cdot"))
