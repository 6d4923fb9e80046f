"""Definitions: the name that is defined, with its indices and parameters, and the expression it abbreviates."""

from hw.checked_math.errors import FormulaError
from hw.checked_math.grammar.cursor import Cursor
from hw.checked_math.grammar.laws import divergence_kind
from hw.checked_math.grammar.names import (
    decorated_name,
    density,
    law_name,
    subscript_label,
)
from hw.checked_math.grammar.parameters import beside_parameters, parameter_label
from hw.checked_math.grammar.symbols import RELATIONS
from hw.checked_math.syntax import Definition, Name

__all__ = ["definition", "is_definition", "is_divergence"]

Parameters = tuple[tuple[str, str | None], ...]
OPERATORS = set(r"\mathbb{E} \mathbf{E} \mathbf{1} \mathbb{1} \mathbb{I} \mathbb{H} \mathbb{V}".split())
OPERATOR_WORDS = set("E Var Cov KL JSD JS TV H".split())


def is_definition(cursor: Cursor) -> bool:
    """Whether := comes before any relation."""
    depth = 0
    for token in cursor.found[cursor.at :]:
        if token.kind in ("row", "stop"):
            return False
        depth += token.text in ("(", "[", "{", r"\{")
        depth -= token.text in (")", "]", "}", r"\}")
        if depth == 0 and (token.text == ":=" or token.text in RELATIONS):
            return token.text == ":="
    return False


def is_divergence(cursor: Cursor) -> bool:
    """Whether a divergence or an entropy comes next."""
    before = cursor.at
    kind = divergence_kind(cursor)
    cursor.at = before
    return bool(kind)


def definition(cursor: Cursor) -> Definition:
    """A name with its indices and parameters, and what it abbreviates."""
    start = cursor.token.start
    if cursor.token.kind not in ("name", "word"):
        raise cursor.fail("a name to define")
    if cursor.names.is_law(cursor.token.text):
        return _definition_of_law(cursor)
    if cursor.token.text in OPERATORS or (cursor.token.kind == "word" and cursor.token.text in OPERATOR_WORDS):
        name = decorated_name(cursor)
        raise FormulaError(f"{name} belongs to the notation and cannot be redefined", start)
    if cursor.token.text == r"\pi" and not cursor.names.sort(r"\pi"):
        raise FormulaError(r"\pi is the number and cannot be redefined", start)
    name = decorated_name(cursor)
    indices: tuple[str, ...] = ()
    if cursor.skip("^", "{", "("):
        indices = _raised_names(cursor)
    elif cursor.accept("_"):
        parts = _subscript_names(cursor)
        is_taken = cursor.names.is_function(name)  # as in D_\epsilon beside a function D: the subscript is a label
        if parts and (cursor.names.is_family(name) or (not is_taken and all(map(cursor.names.sort, parts)))):
            indices = parts
        else:
            label = ",".join(parts) or subscript_label(cursor)
            name = f"{name}_{{{label}}}"
    if cursor.token.text != "(":
        return _defined(cursor, name, indices, (), start)
    label, is_behind = parameter_label(cursor)
    if label:
        arguments = beside_parameters(cursor, is_behind, _parameters)
        return _defined(cursor, f"{name}_{{;{label}}}", indices, arguments, start)
    return _defined(cursor, name, indices, _bracketed_parameters(cursor), start)


def _definition_of_law(cursor: Cursor) -> Definition:
    start = cursor.token.start
    law = density(cursor)
    if law.left is None:
        raise FormulaError("a law must be defined with its variables", start)
    variables = [variable for variable in (*law.left, *law.right) if isinstance(variable, Name)]
    if len(variables) < len(law.left) + len(law.right):
        raise FormulaError("the variables of a defined law must be plain", start)
    return _defined(cursor, law_name(law), (), tuple((variable.name, None) for variable in variables), start)


def _defined(
    cursor: Cursor,
    name: str,
    indices: tuple[str, ...],
    arguments: Parameters,
    start: int,
) -> Definition:
    """The definition with its body, in which the parameters that are sequences are families."""
    cursor.expect(":=")
    sequences = {argument for argument, length in arguments if length}
    with cursor.names.parameters({argument for argument, _ in arguments}, sequences):
        body = cursor.expression()
    definition = Definition(name, indices, arguments, body, start)
    cursor.names.add(definition)
    return definition


def _raised_names(cursor: Cursor) -> tuple[str, ...]:
    """The indices of `z^{(j)}`, whose bracket is open."""
    names = [cursor.next()]
    while cursor.accept(","):
        names.append(cursor.next())
    for name in names:
        if name.kind != "name" or not cursor.names.sort(name.text):
            raise cursor.fail("an index", name)
    cursor.expect(")")
    cursor.expect("}")
    return tuple(name.text for name in names)


def _subscript_names(cursor: Cursor) -> tuple[str, ...]:
    """Names in a subscript; none if it holds anything else, and then it is left unread."""
    if cursor.token.kind == "name":
        return (cursor.next().text,)
    if cursor.token.text != "{":
        return ()
    count = 1
    while cursor.ahead(count).kind == "name" and cursor.ahead(count + 1).text == ",":
        count += 2
    if cursor.ahead(count).kind != "name" or cursor.ahead(count + 1).text != "}":
        return ()
    names = tuple(cursor.ahead(place).text for place in range(1, count + 1, 2))
    cursor.at += count + 2
    return names


def _bracketed_parameters(cursor: Cursor) -> Parameters:
    cursor.expect("(")
    found = _parameters(cursor)
    cursor.expect(")")
    return found


def _parameters(cursor: Cursor) -> Parameters:
    found = [_parameter(cursor)]
    while cursor.accept(","):
        found.append(_parameter(cursor))
    return tuple(found)


def _parameter(cursor: Cursor) -> tuple[str, str | None]:
    r"""A name, or a sequence such as `w_{1:k}` with the name of its length."""
    if cursor.token.kind not in ("name", "word"):
        raise cursor.fail("the name of a parameter")
    name = decorated_name(cursor)
    if not cursor.accept("_"):
        return name, None
    if cursor.token.text != "{" or cursor.ahead(2).text != ":":
        return f"{name}_{{{subscript_label(cursor)}}}", None
    for text in ("{", "1", ":"):
        cursor.expect(text)
    length = cursor.next().text
    cursor.expect("}")
    return name, length
