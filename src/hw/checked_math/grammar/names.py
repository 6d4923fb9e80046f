r"""Names with what stands on, below and behind them: `\hat{x}'`, `z_j`, `z_{1:k}`, `F^{-1}(x)`, `q(z \mid x)`."""

from hw.checked_math.errors import FormulaError
from hw.checked_math.grammar.arguments import argument, call_arguments, listed, one_argument
from hw.checked_math.grammar.cursor import Cursor, Inside
from hw.checked_math.grammar.parameters import beside_parameters, parameter_label
from hw.checked_math.models.model import Law
from hw.checked_math.syntax import Call, Density, Derivative, Indexed, Name, Node, Sequence

__all__ = [
    "bare_letter",
    "decorated_name",
    "density",
    "law_name",
    "plain_name",
    "subscript_label",
]

RAISED = {("^", "*"): "^*", ("^", "{", "*", "}"): "^*", ("^", "{", "'", "}"): "'"}


def bare_letter(name: str) -> str:
    r"""The letter under accents, primes, stars and labels.

    Examples:
        >>> from hw.checked_math.grammar.names import bare_letter
        >>> bare_letter(r"\hat{x}'")
        'x'
    """
    name = name.rstrip("'").removesuffix("^*").partition("_{")[0]
    for accent in (r"\hat{", r"\tilde{", r"\bar{"):
        if name.startswith(accent):
            return bare_letter(name[len(accent) : -1])
    return name


def law_name(law: Density) -> str:
    """Key of a defined law: its letter, label, and numbers of variables before and after the bar."""
    return f"{law.law}({len(law.left or ())}|{len(law.right)})"


def decorated_name(cursor: Cursor) -> str:
    """A letter or word with its primes and stars."""
    token = cursor.next()
    if token.kind not in ("name", "word"):
        raise cursor.fail("a name", token)
    name = f"\\mathrm{{{token.text}}}" if token.kind == "word" else token.text
    while mark := "'" if cursor.accept("'") else _raised(cursor):
        name += mark
    return name


def _raised(cursor: Cursor) -> str:
    """A star or prime written as a power; empty if none comes next."""
    if cursor.token.text != "^":
        return ""
    return next((mark for texts, mark in RAISED.items() if cursor.skip(*texts)), "")


def _with_marks(cursor: Cursor, name: str) -> str:
    """The name with the primes and the star behind its subscript."""
    while cursor.accept("'"):
        name += "'"
    return f"{name}^*" if cursor.skip("^", "*") else name


def plain_name(cursor: Cursor) -> Node:
    """A variable, a set, a member of a family, a sequence, or a function with its arguments."""
    start = cursor.token.start
    name = decorated_name(cursor)
    indices: tuple[Node, ...] = ()
    if cursor.token.text == "_":
        found = _subscripted(cursor, name)
        if isinstance(found, Node):
            return found
        name, indices = _with_marks(cursor, found[0]), found[1]
        if indices and cursor.names.is_family(name) and cursor.follows("^", "{", "("):
            raise cursor.fail(f"both indices of {name} below, or a power without brackets")
    elif cursor.names.is_family(name) and cursor.skip("^", "{", "("):
        raised = _raised_index(cursor, name, start)
        if isinstance(raised, Node):
            return raised
        indices = raised
    return _applied(cursor, name, indices, start)


def _raised_index(cursor: Cursor, name: str, start: int) -> tuple[Node, ...] | Node:
    """The indices of `z^{(j)}`, or the sequence `z^{(1:k)}`."""
    with cursor.within():
        indices = [cursor.expression()]
        if cursor.accept(":"):
            indices.append(cursor.expression())
            cursor.expect(")")
            cursor.expect("}")
            return cursor.ranged(start, Sequence, name, *indices)
        while cursor.accept(","):
            indices.append(cursor.expression())
    cursor.expect(")")
    cursor.expect("}")
    return tuple(indices)


def _applied(cursor: Cursor, name: str, indices: tuple[Node, ...], start: int) -> Node:
    """The name with its arguments, if it is a function and they follow."""
    is_function = cursor.names.is_function
    if is_function(name + "^{-1}") and cursor.skip("^", "{", "-", "1", "}"):
        name += "^{-1}"
    if cursor.token.text == "(" and parameter_label(cursor)[0]:
        return _with_parameters(cursor, name, indices, start)
    if cursor.token.text == "(" and is_function(name):
        return cursor.ranged(start, Call, name, (*indices, *call_arguments(cursor)))
    if cursor.token.text == "(" and name.endswith("'") and is_function(name[:-1]):
        return cursor.ranged(start, Derivative, name[:-1], one_argument(cursor))
    return cursor.ranged(start, Indexed, name, indices) if indices else cursor.ranged(start, Name, name)


def _with_parameters(cursor: Cursor, name: str, indices: tuple[Node, ...], start: int) -> Node:
    r"""A function whose name ends with the parameters of laws in its bracket: `\mathcal{L}(x; \theta)`."""
    label, is_behind = parameter_label(cursor)
    name = f"{name}_{{;{label}}}"
    if not cursor.names.is_function(name):
        raise FormulaError(f"{name} is not a name of the model or the page", start)
    arguments = beside_parameters(cursor, is_behind, lambda inner: listed(inner, ","))
    return cursor.ranged(start, Call, name, (*indices, *arguments))


def _subscripted(cursor: Cursor, name: str) -> tuple[str, tuple[Node, ...]] | Node:
    """The name with its label or its indices; or the whole node, for a sequence or a Jacobian."""
    start = cursor.last.start
    cursor.next()
    before = cursor.at
    label = subscript_label(cursor)
    labeled = f"{name}_{{{label}}}"
    is_one_symbol = len(label) == 1 or (label.startswith("\\") and label[1:].isalpha())
    for candidate in (f"{name}_{label}" if is_one_symbol else labeled, labeled):
        if cursor.names.is_labeled(candidate):
            return candidate, ()
    if name == "J" and cursor.names.is_function(label) and cursor.token.text == "(":
        return cursor.ranged(start, Derivative, label, one_argument(cursor))
    takes_indices = cursor.names.is_function(name) and not cursor.names.is_of_one(name)
    if not (cursor.names.is_family(name) or takes_indices or cursor.names.sort(name)):
        raise FormulaError(f"{labeled} is not a name of the model or the page", start)
    cursor.at = before
    return _indexed(cursor, name, start)


def _indexed(cursor: Cursor, name: str, start: int) -> tuple[str, tuple[Node, ...]] | Node:
    """The name with its indices, or the sequence from one index to another."""
    if cursor.token.text != "{":
        return name, (argument(cursor),)
    cursor.next()
    with cursor.within():
        indices = [cursor.expression()]
        if cursor.accept(":"):
            last = cursor.expression()
            cursor.expect("}")
            return cursor.ranged(start, Sequence, name, indices[0], last)
        while cursor.accept(","):
            indices.append(cursor.expression())
    cursor.expect("}")
    return name, tuple(indices)


def subscript_label(cursor: Cursor) -> str:
    """The subscript as text, words without their command."""
    if cursor.token.text != "{":
        return cursor.next().content
    depth, parts = 0, []
    while True:
        token = cursor.next()
        if token.kind == "stop":
            raise cursor.fail("'}'", token)
        depth += (token.text == "{") - (token.text == "}")
        if depth == 0:
            return "".join(parts[1:])
        parts.append(token.content)


def density(cursor: Cursor) -> Density:
    r"""A law, with its variables if they follow: `q(z \mid x)`, `p_X(x)`, `p(x; \theta)`, `q`."""
    start = cursor.token.start
    letter, label = decorated_name(cursor), ""
    if cursor.accept("_"):
        label = subscript_label(cursor)
        letter = _with_marks(cursor, letter)
    if cursor.token.text != "(" or cursor.token.apart:
        return cursor.ranged(start, Density, Law(letter, label))
    cursor.next()
    with cursor.within(Inside(bars=True)):
        left = _variables(cursor)
        right = _variables(cursor) if cursor.accept(r"\mid", "|") else ()
    if cursor.accept(";"):
        label = _parameter(cursor, label)
    cursor.expect(")")
    return cursor.ranged(start, Density, Law(letter, label), left, right)


def _variables(cursor: Cursor) -> tuple[Node, ...]:
    """Expressions with commas between them; a dot stands for a variable that is left open."""
    found: list[Node] = []
    while not found or cursor.accept(","):
        token = cursor.token
        if token.text == r"\cdot":
            cursor.next()
            found.append(Name(token.start, token.end, "·"))
        else:
            found.append(cursor.expression())
    return tuple(found)


def _parameter(cursor: Cursor, label: str) -> str:
    """The text behind the semicolon."""
    if label:
        message = "a law must have its parameter below or after the semicolon, not both"
        raise FormulaError(message, cursor.token.start)
    first = cursor.at
    while cursor.token.text != ")" and cursor.token.kind != "stop":
        cursor.next()
    return "".join(token.text for token in cursor.found[first : cursor.at])
