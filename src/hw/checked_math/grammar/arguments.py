"""What TeX takes as the argument of a command, and what a function takes in brackets."""

from dataclasses import replace
from fractions import Fraction

from hw.checked_math.errors import FormulaError
from hw.checked_math.grammar.cursor import Cursor
from hw.checked_math.grammar.lexemes import Token
from hw.checked_math.syntax import Literal, Name, Node

__all__ = ["argument", "call_arguments", "listed", "one_argument"]


def argument(cursor: Cursor) -> Node:
    """A group in braces, or a single symbol (the first digit of a number)."""
    start = cursor.token.start
    if cursor.accept("{"):
        with cursor.within():
            node = cursor.expression()
        cursor.expect("}")
        return replace(node, start=start, end=cursor.last.end) if isinstance(node, Literal) else node
    if cursor.token.kind == "number":
        digit = _digit(cursor)
        return Literal(digit.start, digit.end, Fraction(digit.text))
    if cursor.token.kind in ("name", "word"):
        token = cursor.next()
        return Name(token.start, token.end, token.text)
    if cursor.token.text == r"\infty":
        return cursor.primary()
    raise cursor.fail("an argument in braces")


def _digit(cursor: Cursor) -> Token:
    r"""The next digit: `\frac12` has the arguments 1 and 2."""
    token = cursor.token
    if len(token.text) == 1:
        return cursor.next()
    if not token.text[1].isdigit():
        raise cursor.fail("an argument in braces")
    cursor.found[cursor.at] = Token("number", token.text[1:], token.start + 1, token.end)
    return Token("number", token.text[0], token.start, token.start + 1)


def listed(cursor: Cursor, *separators: str) -> tuple[Node, ...]:
    """Expressions with one of the separators between them."""
    found = [cursor.expression()]
    while cursor.accept(*separators):
        found.append(cursor.expression())
        cursor.check_length(found)
    return tuple(found)


def call_arguments(cursor: Cursor) -> tuple[Node, ...]:
    """The arguments of a function, in round brackets."""
    cursor.expect("(")
    with cursor.within():
        found = listed(cursor, ",", ";")
    cursor.expect(")")
    return found


def one_argument(cursor: Cursor) -> Node:
    """The value that a derivative is taken at, in round brackets."""
    start = cursor.token.start
    found = call_arguments(cursor)
    if len(found) != 1:
        raise FormulaError(f"a derivative must be taken at one value, got {len(found)}", start)
    return found[0]
