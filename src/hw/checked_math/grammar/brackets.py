"""What stands between brackets or bars: groups, pairs, sets, sizes, norms and whole parts."""

from fractions import Fraction

from hw.checked_math.errors import FormulaError
from hw.checked_math.grammar.arguments import listed
from hw.checked_math.grammar.binders import binders, conditions
from hw.checked_math.grammar.cursor import Cursor, Inside
from hw.checked_math.syntax import (
    Indexed,
    Indicator,
    Literal,
    Name,
    Node,
    Operation,
    Pairs,
    Range,
    SetBuilder,
    SetLiteral,
    Substitution,
)

__all__ = [
    "absolute",
    "angle",
    "between_bars",
    "bracket",
    "group",
    "norm",
    "set_expression",
    "square",
    "substituted",
    "whole_part",
]


def group(cursor: Cursor) -> Node:
    """An expression in braces, which do not show."""
    cursor.expect("{")
    with cursor.within():
        inside = cursor.expression()
    cursor.expect("}")
    return inside


def bracket(cursor: Cursor) -> Node:
    """An expression in brackets, a pair, or a set."""
    opener = cursor.next()
    is_curly = opener.text == r"\{"
    with cursor.within():
        inside = cursor.expression()
        if is_curly and cursor.token.text in (":", r"\mid", "|"):
            return _set_builder(cursor, opener.start, inside)
        if opener.text != "[" and cursor.accept(","):
            members = (inside, *listed(cursor, ","))
            cursor.close(opener)
            return cursor.ranged(opener.start, SetLiteral if is_curly else Pairs, members)
        cursor.close(opener)
    is_set_of_one = is_curly and isinstance(inside, Pairs)
    return cursor.ranged(opener.start, SetLiteral, (inside,)) if is_set_of_one else inside


def square(cursor: Cursor) -> Node:
    r"""An expression in square brackets; around a relation, `[i \neq j]`, they are 1 where it holds and else 0."""
    if not cursor.states():
        return bracket(cursor)
    opener = cursor.next()
    with cursor.within():
        found = conditions(cursor)
    cursor.close(opener)
    return cursor.ranged(opener.start, Indicator, found)


def angle(cursor: Cursor) -> Node:
    r"""The inner product `\langle a, b \rangle`."""
    opener = cursor.next()
    with cursor.within():
        first = cursor.expression()
        cursor.expect(",")
        second = cursor.expression()
    cursor.close(opener)
    return cursor.ranged(opener.start, Operation, "inner", (first, second))


def _set_builder(cursor: Cursor, start: int, body: Node) -> Node:
    cursor.next()
    bound, conditions = binders(cursor)
    cursor.expect(r"\}")
    return cursor.ranged(start, SetBuilder, body, bound, conditions)


def set_expression(cursor: Cursor) -> Node:
    r"""A set: `[k]`, `\{1, \dots, k\}`, or an expression."""
    start = cursor.token.start
    if cursor.accept("["):
        with cursor.within():
            last = cursor.expression()
        cursor.expect("]")
        return cursor.ranged(start, Range, Literal(start, start, Fraction(1)), last)
    if cursor.token.text != r"\{":
        return cursor.expression()
    if r"\dots" in (cursor.ahead(2).text, cursor.ahead(3).text):
        return _range(cursor)
    node = bracket(cursor)
    return node if isinstance(node, SetLiteral | SetBuilder) else cursor.ranged(start, SetLiteral, (node,))


def _range(cursor: Cursor) -> Node:
    opener = cursor.next()
    with cursor.within():
        first = cursor.expression()
        for text in (",", r"\dots", ","):
            cursor.expect(text)
        last = cursor.expression()
    cursor.close(opener)
    return cursor.ranged(opener.start, Range, first, last)


def between_bars(cursor: Cursor) -> Node:
    """An expression between bars."""
    cursor.expect("|")
    with cursor.within(Inside(bars=True)):
        inside = cursor.expression()
    cursor.expect("|")
    return inside


def absolute(cursor: Cursor) -> Node:
    """An absolute value, or the size of a set."""
    start = cursor.token.start
    inside = between_bars(cursor)
    operator = "size" if isinstance(inside, SetLiteral | SetBuilder | Range) else "abs"
    node = cursor.ranged(start, Operation, operator, (inside,))
    is_at = cursor.follows("_", "{") and any(depth == 1 and token.text == "=" for depth, token in cursor.enclosed(1))
    return substituted(cursor, node) if is_at else node


def substituted(cursor: Cursor, body: Node) -> Node:
    """What the `_{u = a}` behind a bar sets a variable, or with an index a member of a family, to."""
    for text in ("_", "{"):
        cursor.expect(text)
    with cursor.within():
        variable = cursor.expression()
        if not isinstance(variable, Name | Indexed):
            raise FormulaError("expected a variable to set", variable.start)
        indices = variable.indices if isinstance(variable, Indexed) else ()
        cursor.expect("=")
        value = cursor.expression()
    cursor.expect("}")
    return cursor.ranged(body.start, Substitution, body, variable.name, value, indices)


def norm(cursor: Cursor) -> Node:
    """A norm, between double bars."""
    start = cursor.next().start
    with cursor.within(Inside(double_bars=True)):
        inside = cursor.expression()
    cursor.expect(r"\|")
    return cursor.ranged(start, Operation, "norm", (inside,))


def whole_part(cursor: Cursor) -> Node:
    r"""`\lfloor ... \rfloor` or `\lceil ... \rceil`."""
    opener = cursor.next()
    with cursor.within():
        inside = cursor.expression()
    cursor.close(opener)
    return cursor.ranged(opener.start, Operation, opener.text.removeprefix(r"\l"), (inside,))
