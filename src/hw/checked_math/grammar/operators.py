"""Operators over bound variables or under conditions: sums, products, extrema, integrals, indicators, cases."""

from dataclasses import replace

from hw.checked_math.errors import FormulaError
from hw.checked_math.grammar.arguments import argument, listed
from hw.checked_math.grammar.binders import check_space, conditions, is_whole_space, subscript
from hw.checked_math.grammar.brackets import substituted
from hw.checked_math.grammar.cursor import Cursor, Inside
from hw.checked_math.grammar.lexemes import Token
from hw.checked_math.grammar.names import decorated_name
from hw.checked_math.syntax import (
    BigOperator,
    Binder,
    Cases,
    Comparison,
    Indicator,
    Literal,
    Name,
    Node,
    Operation,
    Range,
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
    if _is_infinite(binder.first) or (upper is not None and _is_infinite(upper)):
        message = "a sum of infinitely many terms cannot be checked: bind the formula to a test, or write it exactly"
        raise FormulaError(message, binder.start)
    if upper is None:
        raise FormulaError("a sum with a lower bound must have an upper one", binder.start)
    return Binder(binder.start, binder.end, binder.name, over=Range(binder.start, upper.end, binder.first, upper))


def _body(cursor: Cursor, operator: Token) -> Node:
    if not cursor.starts_factor():
        raise cursor.fail(f"what {operator.text} runs over")
    if operator.text == r"\sum":
        return cursor.term()
    with cursor.within(cursor.inside._replace(product=operator.text != r"\int")):
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
    with cursor.within():
        members = listed(cursor, ",")
    cursor.close(opener)
    return cursor.ranged(token.start, Operation, token.text[1:], members)


def integral(cursor: Cursor) -> Node:
    r"""`\int`, up to its differentials."""
    token = cursor.next()
    bounds = _bounds(cursor)
    with cursor.within(cursor.inside._replace(integral=True)):
        body = _body(cursor, token)
        names = []
        while cursor.starts_differential():
            cursor.next()
            names.append(decorated_name(cursor))
    if not names:
        raise cursor.fail(r"a differential such as \mathrm dz")
    over = _span(bounds, names, token)
    bound = tuple(cursor.ranged(token.start, Binder, name, over) for name in names)
    return cursor.ranged(token.start, BigOperator, "int", bound, (), body)


def _bounds(cursor: Cursor) -> dict[str, Node]:
    """What stands below and above an integral; the name of a whole space stays a name."""
    bounds: dict[str, Node] = {}
    while cursor.token.text in ("_", "^"):
        side = cursor.next().text
        bounds[side] = argument(cursor)
    return bounds


def _span(bounds: dict[str, Node], names: list[str], integral: Token) -> Range | None:
    r"""What an integral runs over; None for a whole space, which `\int_z` and `\int_{\mathbb{R}}` say too."""
    lower, upper = bounds.get("_"), bounds.get("^")
    if upper is None and isinstance(lower, Name) and is_whole_space(lower):
        for name in names:
            check_space(lower, name)
        return None
    if upper is None and (lower is None or (isinstance(lower, Name) and lower.name in names)):
        return None
    if lower is None or upper is None:
        raise FormulaError("an integral must have two bounds, or none", integral.start)
    if _is_infinite(lower) and _is_infinite(upper):
        if isinstance(lower, Operation) and isinstance(upper, Literal):
            return None
        raise FormulaError(r"an integral over the whole line must run from -\infty to \infty", integral.start)
    return Range(lower.start, upper.end, lower, upper)


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
    inner = cursor.next() if opener.text == "{" and cursor.at_bracket() else None
    with cursor.within():
        found = conditions(cursor)
    for bracket in (inner, opener):
        if bracket:
            cursor.close(bracket)
    return cursor.ranged(start, Indicator, found)


def cases(cursor: Cursor) -> Node:
    """Values, each with its conditions."""
    start = cursor.next().start
    branches = []
    with cursor.within():
        while cursor.token.kind != "end":
            branches.append(_branch(cursor))
            cursor.check_length(branches)
    cursor.next()
    return cursor.ranged(start, Cases, tuple(branches))


def _branch(cursor: Cursor) -> tuple[Node, tuple[Comparison, ...] | None]:
    value, found = cursor.expression(), None
    cursor.accept(",")
    if cursor.accept("&"):
        word = cursor.next().content if cursor.token.kind == "text" else ""
        found = conditions(cursor) if word not in ("otherwise", "else", "otherwise.") else None
    while cursor.accept(",", ".", r"\\"):
        pass
    return value, found


def substitution(cursor: Cursor) -> Node:
    r"""`\left. ... \right|_{u = a}`."""
    start = cursor.next().start
    with cursor.within(Inside(bars=True)):
        body = cursor.expression()
    cursor.expect("|")
    return replace(substituted(cursor, body), start=start)
