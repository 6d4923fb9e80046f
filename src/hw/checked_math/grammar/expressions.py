r"""Expressions: terms with signs between them, factors in juxtaposition, powers, and what a factor begins with.

What would be a guess is an error that says how to write it: `\log a \cdot b`, `a / b c`, an expectation without
brackets.
"""

from collections.abc import Callable
from fractions import Fraction

from hw.checked_math.errors import FormulaError
from hw.checked_math.grammar.arguments import argument
from hw.checked_math.grammar.brackets import absolute, angle, bracket, group, norm, square, whole_part
from hw.checked_math.grammar.cursor import Cursor
from hw.checked_math.grammar.functions import (
    binomial,
    determinant,
    elementary,
    fraction,
    is_transpose,
    joined,
    root,
)
from hw.checked_math.grammar.laws import divergence, divergence_kind, expectation, expectation_operator
from hw.checked_math.grammar.names import density, plain_name
from hw.checked_math.grammar.operators import cases, extremum, indicator, integral, repeated, substitution
from hw.checked_math.syntax import Literal, Node, Operation

__all__ = ["expression", "factor", "primary", "term"]

BEGINNING: dict[str, Callable[[Cursor], Node]] = {
    **dict.fromkeys(("(", r"\{"), bracket),
    "[": square,
    r"\langle": angle,
    **dict.fromkeys((r"\log", r"\exp", r"\tanh"), elementary),
    **dict.fromkeys((r"\sum", r"\prod"), repeated),
    **dict.fromkeys((r"\max", r"\min"), extremum),
    **dict.fromkeys((r"\lfloor", r"\lceil"), whole_part),
    "{": group,
    r"\binom": binomial,
    r"\det": determinant,
    r"\frac": fraction,
    r"\int": integral,
    r"\sqrt": root,
}


def expression(cursor: Cursor) -> Node:
    """Terms with signs between them, or sets with operations between them."""
    start = cursor.token.start
    terms = [_signed(cursor)]
    sets = 0
    while sign := cursor.accept("+", "-", r"\cup", r"\cap", r"\setminus", r"\oplus"):
        right = term(cursor)
        if sign.text == "+":
            terms.append(right)
        elif sign.text == "-":
            terms.append(Operation(right.start, right.end, "neg", (right,)))
        else:
            sets += 1
            cursor.check_depth(sets)
            terms = [cursor.ranged(start, Operation, sign.text[1:], (joined("+", start, terms), right))]
    return joined("+", start, terms)


def _signed(cursor: Cursor) -> Node:
    sign = cursor.accept("+", "-")
    first = term(cursor)
    return cursor.ranged(sign.start, Operation, "neg", (first,)) if sign and sign.text == "-" else first


def term(cursor: Cursor) -> Node:
    """Factors in juxtaposition or with a dot, and at most one slash, behind which one factor stands."""
    start = cursor.token.start
    factors = [factor(cursor)]
    while cursor.accept(r"\cdot") or cursor.starts_factor():
        factors.append(factor(cursor))
    above = joined("*", start, factors)
    if cursor.token.text != "/" or cursor.token.kind != "symbol":
        return above
    slash = cursor.next()
    if cursor.inside.product:
        message = (
            r"write brackets or \frac{...}{...}, since it is not clear whether / divides what \prod, \max, \min or a"
            " derivative gives"
        )
        raise FormulaError(message, slash.start)
    below = factor(cursor)
    if cursor.starts_factor() or cursor.token.text in ("/", r"\cdot"):
        message = r"write \frac{...}{...} or brackets, since it is not clear what / divides"
        raise FormulaError(message, slash.start)
    return cursor.ranged(start, Operation, "/", (above, below))


def factor(cursor: Cursor) -> Node:
    """A primary with its factorials and powers; a transpose makes it an inner product."""
    start = cursor.token.start
    node = cursor.primary()
    while True:
        if cursor.accept("!"):
            if cursor.token.text == "!":
                raise cursor.fail("brackets around one of two factorials")
            node = cursor.ranged(start, Operation, "factorial", (node,))
        elif cursor.token.text != "^":
            return node
        else:
            cursor.next()
            if is_transpose(cursor):
                return cursor.ranged(start, Operation, "inner", (node, cursor.factor()))
            node = cursor.ranged(start, Operation, "^", (node, argument(cursor)))
            if cursor.token.text == "^":
                raise cursor.fail("braces around one of two powers")


def primary(cursor: Cursor) -> Node:
    """A number, a name, a bracket, or an operator with what it applies to."""
    token = cursor.token
    if token.kind in ("number", "word") and token.text == "1" and _is_indicator(cursor):
        return indicator(cursor)
    if token.kind == "number":
        cursor.next()
        return Literal(token.start, token.end, Fraction(token.text))
    if token.kind in ("name", "word"):
        return _named(cursor)
    if token.text in BEGINNING:
        return BEGINNING[token.text](cursor)
    if token.text == r"\infty":
        cursor.next()
        return Literal(token.start, token.end, token.text)
    if token.text in ("|", r"\|") and token.facing != "close":
        return absolute(cursor) if token.text == "|" else norm(cursor)
    if token.kind == "begin" and token.text == "cases":
        return cases(cursor)
    if token.kind == "begin":
        raise FormulaError(f"the environment {token.text} must not stand inside an expression", token.start)
    if token.text == "." and token.facing == "open":
        return substitution(cursor)
    raise cursor.fail("an expression")


def _is_indicator(cursor: Cursor) -> bool:
    r"""Whether a 1 is `\mathrm{1}`, or stands before a square or curly bracket with a relation in it."""
    return cursor.token.kind == "word" or (cursor.ahead().text in ("[", r"\{") and cursor.states(1))


def _named(cursor: Cursor) -> Node:
    """What begins with a name: an operator written as letters, the number pi, a law, or a plain name."""
    token = cursor.token
    if expectation_operator(cursor)[0]:
        return expectation(cursor)
    if token.text in (r"\mathbf{1}", r"\mathbb{1}", r"\mathbb{I}"):
        return indicator(cursor)
    if kind := divergence_kind(cursor):
        return divergence(cursor, kind)
    if token.kind == "name" and token.text == r"\pi" and not cursor.names.sort(token.text):
        cursor.next()
        return Literal(token.start, token.end, token.text)
    return density(cursor) if cursor.names.is_law(token.text) else plain_name(cursor)
