"""Operators over bound variables or under conditions: sums, products, extrema, integrals, indicators, cases."""

from hw.checked_math.errors import FormulaError
from hw.checked_math.grammar.arguments import argument, listed
from hw.checked_math.grammar.binders import WHOLE_SPACES, conditions, subscript
from hw.checked_math.grammar.cursor import Cursor
from hw.checked_math.grammar.names import decorated_name
from hw.checked_math.grammar.tokens import Token
from hw.checked_math.syntax import (
    BigOperator,
    Binder,
    Cases,
    Comparison,
    Indicator,
    Literal,
    Node,
    Operation,
    Range,
    Substitution,
)

__all__ = ["cases", "extremum", "indicator", "integral", "repeated", "substitution"]


def repeated(cursor: Cursor) -> Node:
    r"""`\sum` or `\prod`, with the upper bound behind or before the subscript."""
    token = cursor.next()
    upper = _upper(cursor) if cursor.ahead().text != "_" else None
    bound, rest = subscript(cursor)
    upper = upper or _upper(cursor)
    bound = tuple(_with_upper(binder, upper) for binder in bound)
    return cursor.ranged(token.start, BigOperator, token.text[1:], bound, rest, _body(cursor, token))


def _upper(cursor: Cursor) -> Node | None:
    if cursor.token.text != "^":
        return None
    cursor.next()
    return argument(cursor)


def _with_upper(binder: Binder, upper: Node | None) -> Binder:
    """The binder that runs up to the upper bound."""
    if binder.first is None or binder.last is not None:
        if upper is not None and binder.over is None:
            raise FormulaError("a sum with an upper bound must have a lower one", binder.start)
        return binder
    if upper is None:
        raise FormulaError("a sum with a lower bound must have an upper one", binder.start)
    return Binder(binder.start, binder.end, binder.name, over=Range(binder.start, upper.end, binder.first, upper))


def _body(cursor: Cursor, operator: Token) -> Node:
    if not cursor.starts_factor():
        raise cursor.fail(f"what {operator.text} runs over")
    return cursor.term()


def extremum(cursor: Cursor) -> Node:
    r"""`\max` or `\min`, over bound variables or of the values in a bracket."""
    token = cursor.next()
    if cursor.token.text == "_":
        bound, rest = subscript(cursor)
        return cursor.ranged(token.start, BigOperator, token.text[1:], bound, rest, _body(cursor, token))
    if not cursor.at_bracket():
        raise FormulaError(f"{token.text} must be followed by brackets", cursor.token.start)
    opener = cursor.next()
    members = listed(cursor, ",")
    cursor.close(opener)
    return cursor.ranged(token.start, Operation, token.text[1:], members)


def integral(cursor: Cursor) -> Node:
    r"""`\int`, up to its differentials."""
    token = cursor.next()
    over = _span(cursor)
    with cursor.within(integral=True):
        body = _body(cursor, token)
        names = []
        while cursor.starts_differential():
            cursor.next()
            names.append(decorated_name(cursor))
    if not names:
        raise cursor.fail(r"a differential such as \mathrm dz")
    bound = tuple(cursor.ranged(token.start, Binder, name, over) for name in names)
    return cursor.ranged(token.start, BigOperator, "int", bound, (), body)


def _span(cursor: Cursor) -> Range | None:
    """What an integral runs over; None for a whole space."""
    bounds: dict[str, Node] = {}
    while cursor.token.text in ("_", "^"):
        side = cursor.next().text
        if cursor.token.text in WHOLE_SPACES:
            cursor.next()
        else:
            bounds[side] = cursor.primary() if cursor.token.text == r"\infty" else argument(cursor)
    if len(bounds) < 2 or all(map(_is_infinite, bounds.values())):
        return None
    return Range(bounds["_"].start, bounds["^"].end, bounds["_"], bounds["^"])


def _is_infinite(bound: Node) -> bool:
    if isinstance(bound, Operation) and bound.operator == "neg":
        (bound,) = bound.operands
    return isinstance(bound, Literal) and bound.value == r"\infty"


def indicator(cursor: Cursor) -> Node:
    r"""`\mathbf 1` with its condition in brackets, or below in braces."""
    start = cursor.next().start
    if cursor.accept("_"):
        opener = cursor.expect("{")
    elif cursor.at_bracket():
        opener = cursor.next()
    else:
        raise cursor.fail("the condition of the indicator in brackets")
    inner = cursor.accept("[") if opener.text == "{" else None
    found = conditions(cursor)
    for bracket in (inner, opener):
        if bracket:
            cursor.close(bracket)
    return cursor.ranged(start, Indicator, found)


def cases(cursor: Cursor) -> Node:
    """Values, each with its conditions."""
    start = cursor.next().start
    branches = []
    while cursor.token.kind != "end":
        branches.append(_branch(cursor))
    cursor.next()
    return cursor.ranged(start, Cases, tuple(branches))


def _branch(cursor: Cursor) -> tuple[Node, tuple[Comparison, ...] | None]:
    value, found = cursor.expression(), None
    cursor.accept(",")
    if cursor.accept("&"):
        word = cursor.next().text if cursor.token.kind == "text" else ""
        found = conditions(cursor) if word not in ("otherwise", "else", "otherwise.") else None
    while cursor.accept(",", ".", r"\\"):
        pass
    return value, found


def substitution(cursor: Cursor) -> Node:
    r"""`\left. ... \right|_{u = a}`."""
    start = cursor.next().start
    with cursor.within(bars=True):
        body = cursor.expression()
    for text in ("|", "_", "{"):
        cursor.expect(text)
    name = decorated_name(cursor)
    cursor.expect("=")
    value = cursor.expression()
    cursor.expect("}")
    return cursor.ranged(start, Substitution, body, name, value)
