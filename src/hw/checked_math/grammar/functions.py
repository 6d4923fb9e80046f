"""Logarithms and exponentials, fractions, roots, derivatives and determinants."""

from fractions import Fraction

from hw.checked_math.errors import FormulaError
from hw.checked_math.grammar.arguments import argument, call_arguments
from hw.checked_math.grammar.brackets import bracket
from hw.checked_math.grammar.cursor import Cursor
from hw.checked_math.grammar.laws import expectation_operator
from hw.checked_math.grammar.lexemes import Token
from hw.checked_math.grammar.names import bare_letter, decorated_name
from hw.checked_math.syntax import Call, Density, Derivative, Indexed, Literal, Name, Node, Operation, Substitution

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
    if cursor.token.text == "{" and _is_derivative(cursor):
        return _derivative(cursor, start)
    return cursor.ranged(start, Operation, "/", (argument(cursor), argument(cursor)))


def _is_derivative(cursor: Cursor) -> bool:
    r"""Whether `\partial` or a d stands above; a plain d only before a function, with a d below too."""
    above, behind = cursor.ahead(), cursor.ahead(2)
    if above.text == r"\partial":
        return True
    if above.text != "d" or behind.kind != "name":
        return False
    below = 2 + len(cursor.enclosed())
    is_over_d = cursor.ahead(below).text == "{" and cursor.ahead(below + 1).text == "d"
    return above.kind == "word" or (above.kind == "name" and is_over_d and cursor.names.is_function(behind.text))


def _derivative(cursor: Cursor, start: int) -> Node:
    r"""`\frac{\partial F(u)}{\partial u}`, `\frac{\partial F}{\partial u}(u)`, or without an argument, at u."""
    cursor.expect("{")
    sign = cursor.next().text
    inside = cursor.factor()
    for text in ("}", "{", sign):
        cursor.expect(text)
    variable = cursor.ranged(cursor.token.start, Name, decorated_name(cursor))
    if cursor.accept("^") and not (cursor.accept(*TRANSPOSES) or any(cursor.skip("{", T, "}") for T in TRANSPOSES)):
        raise cursor.fail(r"a first derivative, such as \frac{\partial F(u)}{\partial u^\top}")
    cursor.expect("}")
    if isinstance(inside, Name) and cursor.names.is_function(inside.name):
        at = call_arguments(cursor) if cursor.token.text == "(" else (variable,)
        if len(at) == 1 and isinstance(at[0], Name) and bare_letter(at[0].name) != bare_letter(variable.name):
            message = f"the derivative by {variable.name} must not be taken at {at[0].name}"
            raise FormulaError(message, at[0].start)
        if len(at) == 1:
            return cursor.ranged(start, Derivative, inside.name, at[0])
    if isinstance(inside, Call) and len(inside.arguments) == 1:
        (argument,) = inside.arguments
        if isinstance(argument, Name) and argument.name == variable.name:
            return cursor.ranged(start, Derivative, inside.name, argument)
    raise FormulaError(r"write the derivative as \frac{\partial F(u)}{\partial u}", start)


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
        return cursor.ranged(start, Substitution, value, inside.name, inside.value)
    return value
