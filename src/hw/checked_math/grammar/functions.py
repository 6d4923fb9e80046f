"""Logarithms and exponentials, fractions, roots, derivatives and determinants."""

from fractions import Fraction

from hw.checked_math.errors import FormulaError
from hw.checked_math.grammar.arguments import argument, call_arguments
from hw.checked_math.grammar.brackets import bracket
from hw.checked_math.grammar.cursor import Cursor
from hw.checked_math.grammar.laws import expectation_operator
from hw.checked_math.grammar.names import decorated_name
from hw.checked_math.grammar.tokens import Token
from hw.checked_math.syntax import Call, Density, Derivative, Indexed, Literal, Name, Node, Operation

__all__ = ["binomial", "determinant", "elementary", "fraction", "is_transpose", "joined", "root"]

ELEMENTARY = (r"\log", r"\exp", r"\tanh")
OVER_FRACTION = (r"\sum", r"\prod", r"\int")  # \log \frac1k \sum ... reaches over the sum


def joined(operator: str, start: int, nodes: list[Node]) -> Node:
    """The only node, or the operation on all of them."""
    return nodes[0] if len(nodes) == 1 else Operation(start, nodes[-1].end, operator, tuple(nodes))


def elementary(cursor: Cursor) -> Node:
    r"""`\log` or `\exp` of one atom, one fraction, one bracket, a run of densities, or an operator with its body."""
    token = cursor.next()
    if cursor.token.text == "^":
        raise FormulaError(f"write ({token.text} ...)^n for a power of {token.text}", token.start)
    is_bracketed = cursor.at_bracket()
    inside = bracket(cursor) if is_bracketed else _run(cursor, token)
    if is_bracketed and cursor.token.text in ("^", "!"):
        message = f"write the power or factorial inside or around brackets: {token.text} (...){cursor.token.text} is not clear"
        raise FormulaError(message, cursor.token.start)
    if not is_bracketed and (cursor.starts_factor() or cursor.token.text in (r"\cdot", "/", "!")):
        raise _unclear(token, cursor.token.start)
    return cursor.ranged(token.start, Operation, token.text[1:], (inside,))


def _unclear(operator: Token, at: int) -> FormulaError:
    name = operator.text
    return FormulaError(f"write brackets, such as {name}(...), since it is not clear how far {name} reaches", at)


def _run(cursor: Cursor, operator: Token) -> Node:
    """What an elementary function without brackets applies to."""
    token = cursor.token
    if token.text in ELEMENTARY:
        return cursor.primary()
    if token.text in ("-", "+"):
        raise _unclear(operator, operator.start)
    factors = [_with_power(cursor, operator)]
    while isinstance(factors[-1], Density) and cursor.token.kind == "name" and cursor.names.is_law(cursor.token.text):
        factors.append(cursor.primary())
    if token.text == r"\frac" and (cursor.token.text in OVER_FRACTION or expectation_operator(cursor)[0]):
        factors.append(cursor.primary())
    return joined("*", token.start, factors)


def _with_power(cursor: Cursor, operator: Token) -> Node:
    start = cursor.token.start
    base = cursor.primary()
    if cursor.token.text not in ("^", "!"):
        return base
    if not isinstance(base, Name | Indexed | Literal):
        raise _unclear(operator, cursor.token.start)
    if cursor.accept("!"):
        return cursor.ranged(start, Operation, "factorial", (base,))
    cursor.next()
    return cursor.ranged(start, Operation, "^", (base, argument(cursor)))


def fraction(cursor: Cursor) -> Node:
    """A fraction or a derivative."""
    start = cursor.next().start
    if cursor.token.text == "{" and _is_derivative(cursor):
        return _derivative(cursor, start)
    return cursor.ranged(start, Operation, "/", (argument(cursor), argument(cursor)))


def _is_derivative(cursor: Cursor) -> bool:
    above = cursor.ahead()
    return above.text == r"\partial" or (above.text == "d" and above.kind == "word" and cursor.ahead(2).kind == "name")


def _derivative(cursor: Cursor, start: int) -> Node:
    r"""`\frac{\partial F(u)}{\partial u}` or `\frac{\partial F}{\partial u}(u)`."""
    cursor.expect("{")
    sign = cursor.next().text
    inside = cursor.factor()
    for text in ("}", "{", sign):
        cursor.expect(text)
    variable = decorated_name(cursor)
    if cursor.accept("^") and not is_transpose(cursor):
        argument(cursor)
    cursor.expect("}")
    if isinstance(inside, Name) and cursor.token.text == "(":
        (at,) = call_arguments(cursor)
        return cursor.ranged(start, Derivative, inside.name, at)
    if isinstance(inside, Call) and len(inside.arguments) == 1:
        (at,) = inside.arguments
        if isinstance(at, Name) and at.name == variable:
            return cursor.ranged(start, Derivative, inside.name, at)
    raise FormulaError(r"write the derivative as \frac{\partial F(u)}{\partial u}", start)


def is_transpose(cursor: Cursor) -> bool:
    r"""Whether a power is the transpose before a factor, or in braces; its sign is read."""
    if cursor.accept(r"\top", "T") and cursor.starts_factor():
        return True
    return cursor.skip("{", r"\top", "}") or cursor.skip("{", "T", "}")


def root(cursor: Cursor) -> Node:
    """A square root, or one of the degree in brackets."""
    start = cursor.next().start
    if not cursor.accept("["):
        return cursor.ranged(start, Operation, "sqrt", (argument(cursor),))
    degree = cursor.expression()
    cursor.expect("]")
    power = Operation(degree.start, degree.end, "/", (Literal(start, start, Fraction(1)), degree))
    return cursor.ranged(start, Operation, "^", (argument(cursor), power))


def binomial(cursor: Cursor) -> Node:
    """A binomial coefficient."""
    start = cursor.next().start
    return cursor.ranged(start, Operation, "binom", (argument(cursor), argument(cursor)))


def determinant(cursor: Cursor) -> Node:
    """The determinant of a derivative."""
    start = cursor.next().start
    inside = bracket(cursor) if cursor.token.text in ("(", "[") else cursor.primary()
    if not isinstance(inside, Derivative):
        raise FormulaError(r"\det must stand before a derivative, such as \frac{\partial F(u)}{\partial u}", start)
    return cursor.ranged(start, Operation, "det", (inside,))
