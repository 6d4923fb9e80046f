"""Logarithms and exponentials, fractions, roots, derivatives and determinants."""

from dataclasses import replace
from fractions import Fraction

from hw.checked_math.errors import FormulaError
from hw.checked_math.grammar.arguments import argument, one_argument
from hw.checked_math.grammar.brackets import bracket
from hw.checked_math.grammar.cursor import Cursor, Inside
from hw.checked_math.grammar.laws import expectation_operator
from hw.checked_math.grammar.lexemes import Token
from hw.checked_math.grammar.names import bare_letter, decorated_name, plain_name
from hw.checked_math.syntax import (
    Call,
    Density,
    Derivative,
    Indexed,
    Literal,
    Name,
    Node,
    NumberDerivative,
    Operation,
    Substitution,
)

__all__ = ["binomial", "determinant", "elementary", "fraction", "is_transpose", "joined", "root"]

ELEMENTARY = (r"\log", r"\exp", r"\tanh")
TRANSPOSES = (r"\top", "T", r"\mathsf{T}")
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
        sign = cursor.token.text
        message = f"write the power or factorial inside or around brackets: {token.text} (...){sign} is not clear"
        raise FormulaError(message, cursor.token.start)
    if not is_bracketed and (cursor.starts_factor() or cursor.token.text in (r"\cdot", "/", "!", "^")):
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
    if _is_derivative(cursor):
        return _derivative(cursor, start)
    return cursor.ranged(start, Operation, "/", (argument(cursor), argument(cursor)))


def _is_derivative(cursor: Cursor) -> bool:
    r"""Whether `\partial` or a d stands above; a plain d only where it is no name, or before a function."""
    braces = int(cursor.token.text == "{")
    above, behind = cursor.ahead(braces), cursor.ahead(braces + 1)
    if above.text == r"\partial":
        return True
    if above.text != "d":
        return False
    below = 2 + len(cursor.enclosed()) if braces else 1
    is_over_d = cursor.ahead(below).text == "{" and cursor.ahead(below + 1).text == "d"
    if above.kind == "word":
        return is_over_d or behind.kind == "name"
    is_applied = behind.kind == "name" and cursor.names.is_function(behind.text)
    if is_over_d and not is_applied and not cursor.names.is_free("d"):
        message = r"write \mathrm{d} for a derivative, and d/(d ...) for a fraction, since d is a name here"
        raise FormulaError(message, above.start)
    return above.kind == "name" and is_over_d


def _derivative(cursor: Cursor, start: int) -> Node:
    """The derivative of a function at a point, or of an expression by a number."""
    is_open = cursor.accept("{")
    sign = cursor.next().text
    has_order = cursor.accept("^") is not None
    order = _order(cursor) if has_order else 1
    is_operator = not is_open or cursor.token.text == "}"
    inside = None if is_operator else _above(cursor)
    for text in ("}", "{", sign) if is_open else ("{", sign):
        cursor.expect(text)
    variable = _differentiated_by(cursor)
    is_matrix = not has_order and _is_by_column(cursor)
    if has_order:
        _expect_order(cursor, order)
    if not is_matrix and cursor.token.text != "}":
        raise cursor.fail("'}', since a derivative is taken by one plain number")
    cursor.expect("}")
    is_plain = isinstance(variable, Name)
    found = _of_function(cursor, start, inside, variable) if inside and order == 1 and is_plain else None
    if found:
        return found
    if is_matrix:
        raise FormulaError(r"write the derivative as \frac{\partial F(u)}{\partial u}", start)
    body = _differentiated(cursor) if inside is None else inside
    return cursor.ranged(start, NumberDerivative, body, variable, order)


def _differentiated_by(cursor: Cursor) -> Name | Indexed:
    """The number that a derivative is taken by, or the member of a family."""
    at = cursor.token
    if cursor.ahead().text != "_":
        return cursor.ranged(at.start, Name, decorated_name(cursor))
    variable = plain_name(cursor)
    if not isinstance(variable, Name | Indexed):
        raise cursor.fail("a number or a member of a family", at)
    return variable


def _order(cursor: Cursor) -> int:
    """The order of a derivative, behind the sign of a power."""
    power = argument(cursor)
    if not isinstance(power, Literal) or power.value not in (1, 2):
        raise FormulaError("a derivative must be of order 1 or 2, written as a number", power.start)
    return int(power.value)


def _expect_order(cursor: Cursor, order: int) -> None:
    """The same order below, behind the variable."""
    if not cursor.accept("^"):
        raise cursor.fail(f"'^{order}' behind the variable, as above the bar")
    at = cursor.token
    if _order(cursor) != order:
        raise cursor.fail(f"the order {order} of the derivative", at)


def _is_by_column(cursor: Cursor) -> bool:
    r"""Whether the `^\top` of a Jacobian stands behind the variable."""
    if not cursor.accept("^"):
        return False
    if cursor.accept(*TRANSPOSES) or any(cursor.skip("{", sign, "}") for sign in TRANSPOSES):
        return True
    raise cursor.fail(r"a first derivative, such as \frac{\partial F(u)}{\partial u^\top}")


def _above(cursor: Cursor) -> Node:
    """What is differentiated, beside the sign of the derivative."""
    with cursor.within(Inside(product=True)):
        inside = cursor.term()
    if cursor.token.text in ("+", "-"):
        message = "write brackets around the sum, since it is not clear how far the derivative reaches"
        raise FormulaError(message, cursor.token.start)
    return inside


def _of_function(cursor: Cursor, start: int, inside: Node, variable: Name) -> Node | None:
    r"""`\frac{\partial F(u)}{\partial u}`, `\frac{\partial F}{\partial u}(u)`, or without an argument, at u."""
    if isinstance(inside, Name) and cursor.names.is_function(inside.name):
        at = one_argument(cursor) if cursor.token.text == "(" else variable
        if isinstance(at, Name) and bare_letter(at.name) != bare_letter(variable.name):
            message = f"the derivative by {variable.name} must not be taken at {at.name}"
            raise FormulaError(message, at.start)
        return cursor.ranged(start, Derivative, inside.name, at)
    if isinstance(inside, Call) and len(inside.arguments) == 1:
        (argument,) = inside.arguments
        if isinstance(argument, Name) and argument.name == variable.name:
            return cursor.ranged(start, Derivative, inside.name, argument)
    return None


def _differentiated(cursor: Cursor) -> Node:
    """The product behind the operator; what could also be a factor of the derivative is refused."""
    if not cursor.starts_factor():
        raise cursor.fail("what the derivative is taken of")
    start, is_bracketed = cursor.token.start, cursor.at_bracket()
    with cursor.within(cursor.inside._replace(product=True)):
        factors = [cursor.factor()]
        while cursor.starts_factor() and not is_bracketed:
            factors.append(cursor.factor())
        if cursor.starts_factor() or cursor.token.text in (r"\cdot", "/"):
            message = "write brackets around all that is differentiated, or around the derivative with them, since it"
            raise FormulaError(f"{message} is not clear how far the derivative reaches", cursor.token.start)
    return joined("*", start, factors)


def is_transpose(cursor: Cursor) -> bool:
    r"""Whether a power is the transpose before a factor; its sign is read."""
    before = cursor.at
    found = cursor.accept(*TRANSPOSES) or any(cursor.skip("{", sign, "}") for sign in TRANSPOSES)
    if found and cursor.starts_factor():
        return True
    cursor.at = before
    return False


def root(cursor: Cursor) -> Node:
    """A square root, or one of the degree in brackets."""
    start = cursor.next().start
    if not cursor.accept("["):
        return cursor.ranged(start, Operation, "sqrt", (argument(cursor),))
    with cursor.within():
        degree = cursor.expression()
    cursor.expect("]")
    power = Operation(degree.start, degree.end, "/", (Literal(start, start, Fraction(1)), degree))
    return cursor.ranged(start, Operation, "^", (argument(cursor), power))


def binomial(cursor: Cursor) -> Node:
    """A binomial coefficient."""
    start = cursor.next().start
    return cursor.ranged(start, Operation, "binom", (argument(cursor), argument(cursor)))


def determinant(cursor: Cursor) -> Node:
    """The determinant of a derivative, which may be taken at a value behind a bar."""
    start = cursor.next().start
    inside = bracket(cursor) if cursor.token.text in ("(", "[") else cursor.primary()
    matrix = inside.body if isinstance(inside, Substitution) else inside
    if not isinstance(matrix, Derivative):
        raise FormulaError(r"\det must stand before a derivative, such as \frac{\partial F(u)}{\partial u}", start)
    value = Operation(start, matrix.end, "det", (matrix,))
    if isinstance(inside, Substitution):
        return replace(inside, start=start, body=value)
    return value
