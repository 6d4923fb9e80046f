"""Statements: definitions, and chains of relations over the rows of a displayed formula."""

from dataclasses import dataclass, field

from hw.checked_math.errors import FormulaError
from hw.checked_math.grammar.brackets import set_expression
from hw.checked_math.grammar.cursor import Cursor, Rules
from hw.checked_math.grammar.expressions import expression, factor, primary, term
from hw.checked_math.grammar.names import bare_letter, decorated_name, density, law_name, subscript_label
from hw.checked_math.grammar.tokens import Token, tokens
from hw.checked_math.models.model import Vocabulary
from hw.checked_math.syntax import Chain, Definition, Name, Node, Statement

__all__ = ["RELATIONS", "Names", "parse"]

RELATIONS = set(r"= < > \ge \le \neq \in \notin \subseteq".split())
OPERATORS = set(r"\mathbb{E} \mathbf{1} \mathbb{1} \mathbb{H}".split())
OPERATOR_WORDS = set("E Var Cov KL JSD JS TV H".split())
OUTER = set("aligned align align* alignat gathered gather gather* split equation equation*".split())


@dataclass
class Names:
    """The names a parser must know to read application, indices and laws apart from products and labels.

    A definition adds its name as it is read.
    """

    vocabulary: Vocabulary
    functions: set[str] = field(default_factory=set)
    families: set[str] = field(default_factory=set)
    labeled: set[str] = field(default_factory=set)

    def add(self, definition: Definition) -> None:
        """Know a definition's name from here on."""
        if definition.arguments:
            self.functions.add(definition.name)
        if definition.indices:
            self.families.add(definition.name)
        if not definition.indices and not definition.arguments:
            self.labeled.add(definition.name)

    def is_function(self, name: str) -> bool:
        """Whether a bracket after the name holds its arguments."""
        return name in self.vocabulary.functions or name in self.functions

    def is_family(self, name: str) -> bool:
        """Whether the subscript of the name is an index."""
        return name in self.vocabulary.families or name in self.families

    def is_law(self, name: str) -> bool:
        """Whether the name is the letter of a law."""
        return name in self.vocabulary.laws

    def is_labeled(self, name: str) -> bool:
        """Whether the name is known with the label in its subscript."""
        is_ours = name in self.vocabulary.sets or name in self.vocabulary.variables
        return is_ours or self.is_function(name) or name in self.labeled

    def sort(self, name: str) -> str:
        """Sort of a variable; empty for a name that is none."""
        return self.vocabulary.variables.get(bare_letter(name), "")


def parse(source: str, names: Names) -> list[Statement]:
    r"""Statements of a displayed formula.

    Args:
        source: LaTeX, without delimiters.
        names: The names known so far; definitions that are read are added.

    Returns:
        The statements in order.

    Raises:
        FormulaError: If the formula is not of the grammar; the error knows the place, what was found and what was
            expected.

    Examples:
        >>> from hw.checked_math.grammar.statements import Names, parse
        >>> from hw.checked_math.models.model import Vocabulary
        >>> (statement,) = parse(r"a \ge b = c", Names(Vocabulary(variables=dict.fromkeys("abc", "number"))))
        >>> statement.chain.signs
        ('\\ge', '=')
    """
    cursor = Cursor(_flat(tokens(source)), names, Rules(expression, term, factor, primary, _chain))
    found = []
    while not _at_end(cursor):
        found.append(_statement(cursor, names))
        if not _between_statements(cursor) and cursor.token.kind != "stop":
            raise cursor.fail("a relation sign, an operator, or the end")
    if not found:
        raise cursor.fail("a formula")
    return found


def _at_end(cursor: Cursor) -> bool:
    """Whether only punctuation and text are left; what stands before the next statement is read."""
    while _between_statements(cursor):
        token = cursor.next()
        if token.kind == "text" and cursor.token.text in ("(", "_", "^", "[") and not cursor.token.apart:
            raise FormulaError(rf"a name must be written \mathrm{{{token.text}}}, since text is not read", token.start)
    return cursor.token.kind == "stop"


def _between_statements(cursor: Cursor) -> bool:
    return cursor.token.kind in ("row", "text") or cursor.token.text in (",", ".", ";")


def _flat(found: list[Token]) -> list[Token]:
    """Tokens without alignment: rows that continue a chain are joined to it, others are set apart by a `row` token."""
    flat: list[Token] = []
    depth, in_reasons = 0, False
    for at, token in enumerate(found):
        if token.kind in ("begin", "end"):
            if token.text not in OUTER | {"cases"}:
                raise FormulaError(f"the environment {token.text!r} is not one that can be checked", token.start)
            if depth == 0 and token.text in OUTER:
                continue
        depth += token.text == "{" or (token.kind == "begin" and token.text == "cases")
        depth -= token.text == "}" or (token.kind == "end" and token.text == "cases")
        if depth == 0 and token.text == r"\\":
            in_reasons = False
            if _continues(found, at + 1):
                while flat and flat[-1].kind == "text":
                    flat.pop()
            else:
                flat.append(Token("row", token.text, token.start, token.end))
        elif depth == 0 and token.text == "&":
            in_reasons = in_reasons or found[at + 1].text == "&"
        elif depth == 0 and in_reasons and token.kind not in ("text", "stop"):
            raise FormulaError(r"a reason must be written in \text{...}", token.start)
        else:
            flat.append(token)
    return flat


def _continues(found: list[Token], at: int) -> bool:
    """Whether the row that begins here goes on with the expression or the chain before it."""
    aligned = found[at].text == "&"
    while found[at].text == "&":
        at += 1
    follows = found[at]
    return follows.text in RELATIONS or ((aligned or follows.apart) and follows.text in ("+", "-", r"\cdot"))


def _statement(cursor: Cursor, names: Names) -> Statement:
    definition = _definition(cursor, names) if _is_definition(cursor) else None
    start = cursor.token.start
    chain = _chain(cursor, definition.body if definition else cursor.expression())
    if chain or definition:
        return Statement(definition, chain)
    if cursor.token.kind in ("row", "text", "stop"):
        raise FormulaError("a formula must state something: expected a relation sign", start)
    raise cursor.fail("a relation sign")


def _chain(cursor: Cursor, first: Node) -> Chain | None:
    parts, signs, places = [first], [], []
    while cursor.token.text in RELATIONS:
        sign = cursor.next()
        signs.append(sign.text)
        places.append(sign.start)
        is_set = sign.text in (r"\in", r"\notin", r"\subseteq")
        parts.append(set_expression(cursor) if is_set else cursor.expression())
    return Chain(tuple(parts), tuple(signs), tuple(places)) if signs else None


def _is_definition(cursor: Cursor) -> bool:
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


def _definition(cursor: Cursor, names: Names) -> Definition:
    start = cursor.token.start
    if cursor.token.kind not in ("name", "word"):
        raise cursor.fail("a name to define")
    if names.is_law(cursor.token.text):
        return _law_definition(cursor, names)
    if cursor.token.text in OPERATORS or (cursor.token.kind == "word" and cursor.token.text in OPERATOR_WORDS):
        name = decorated_name(cursor)
        raise FormulaError(f"{name} belongs to the notation and cannot be redefined", start)
    name = decorated_name(cursor)
    indices: tuple[str, ...] = ()
    if cursor.accept("_"):
        parts = _subscript_names(cursor)
        if parts and (names.is_family(name) or all(map(names.sort, parts))):
            indices = parts
        else:
            label = ",".join(parts) or subscript_label(cursor)
            name = f"{name}_{{{label}}}"
    arguments = _parameters(cursor) if cursor.token.text == "(" else ()
    return _defined(cursor, names, name, indices, arguments, start)


def _law_definition(cursor: Cursor, names: Names) -> Definition:
    start = cursor.token.start
    law = density(cursor)
    if law.left is None:
        raise FormulaError("a law must be defined with its variables", start)
    variables = [variable for variable in (*law.left, *law.right) if isinstance(variable, Name)]
    if len(variables) < len(law.left) + len(law.right):
        raise FormulaError("the variables of a defined law must be plain", start)
    return _defined(cursor, names, law_name(law), (), tuple((variable.name, None) for variable in variables), start)


def _defined(
    cursor: Cursor,
    names: Names,
    name: str,
    indices: tuple[str, ...],
    arguments: tuple[tuple[str, str | None], ...],
    start: int,
) -> Definition:
    """The definition with its body, in which the parameters that are sequences are families."""
    cursor.expect(":=")
    families = names.families
    names.families = families | {argument for argument, length in arguments if length}
    body = cursor.expression()
    names.families = families
    definition = Definition(name, indices, arguments, body, start)
    names.add(definition)
    return definition


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


def _parameters(cursor: Cursor) -> tuple[tuple[str, str | None], ...]:
    cursor.expect("(")
    found = [_parameter(cursor)]
    while cursor.accept(","):
        found.append(_parameter(cursor))
    cursor.expect(")")
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
