"""Statements: definitions, and chains of relations over the rows of a displayed formula."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from hw.checked_math.errors import FormulaError
from hw.checked_math.grammar.brackets import set_expression
from hw.checked_math.grammar.cursor import Cursor, Rules
from hw.checked_math.grammar.definitions import definition, is_definition, is_divergence
from hw.checked_math.grammar.expressions import expression, factor, primary, term
from hw.checked_math.grammar.lexemes import Token
from hw.checked_math.grammar.names import bare_letter
from hw.checked_math.grammar.rows import at_end, between_statements, flat
from hw.checked_math.grammar.symbols import RELATIONS
from hw.checked_math.grammar.tokens import tokens
from hw.checked_math.models.model import Vocabulary
from hw.checked_math.syntax import Chain, Definition, Node, Statement

__all__ = ["RELATIONS", "Names", "parse"]

MOST = 200  # relation signs, and statements, of a formula


@dataclass
class Names:
    """The names a parser must know to read application, indices and laws apart from products and labels.

    A definition adds its name as it is read.
    """

    vocabulary: Vocabulary
    functions: set[str] = field(default_factory=set)
    families: set[str] = field(default_factory=set)
    labeled: set[str] = field(default_factory=set)
    bound: set[str] = field(default_factory=set)

    def add(self, definition: Definition) -> None:
        """Know a definition's name from here on."""
        name, _, parameters = definition.name.partition("_{;")
        if parameters and definition.indices:  # as in \mathcal{L}_k(x; \theta)
            self.families.add(name)
        if definition.arguments:
            self.functions.add(definition.name)
        if definition.indices:
            self.families.add(definition.name)
        if not definition.indices and not definition.arguments:
            self.labeled.add(definition.name)

    def is_function(self, name: str) -> bool:
        """Whether a bracket after the name holds its arguments."""
        return name in self.vocabulary.functions or name in self.functions

    def is_of_one(self, name: str) -> bool:
        """Whether the name is a function of the model with one argument, so that it has no index."""
        return self.vocabulary.functions.get(name, (0, ""))[0] == 1

    def is_family(self, name: str) -> bool:
        """Whether the subscript of the name is an index."""
        return name in self.vocabulary.families or name in self.families

    def is_law(self, name: str) -> bool:
        """Whether the name is the letter of a law."""
        return name in self.vocabulary.laws

    def is_labeled(self, name: str) -> bool:
        """Whether the name is known with the label in its subscript."""
        vocabulary = self.vocabulary
        is_ours = name in vocabulary.sets or name in vocabulary.variables or name in vocabulary.random
        return is_ours or self.is_function(name) or name in self.labeled

    def is_free(self, name: str) -> bool:
        """Whether neither the model nor the page gives the name a meaning."""
        is_known = self.sort(name) or self.is_labeled(name) or self.is_family(name) or self.is_law(name)
        return not is_known and name not in self.bound

    @contextmanager
    def parameters(self, names: set[str], sequences: set[str]) -> Iterator[None]:
        """Read the body of a definition, with its parameters; those that are sequences are families."""
        before = self.families, self.bound
        self.families, self.bound = self.families | sequences, self.bound | names
        try:
            yield
        finally:
            self.families, self.bound = before

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
    cursor = Cursor(flat(tokens(source)), names, Rules(expression, term, factor, primary, _chain))
    _check_relations(cursor.found)
    found: list[Statement] = []
    while not at_end(cursor):
        if len(found) == MOST:
            raise FormulaError(f"a formula must have at most {MOST} statements", cursor.token.start)
        found.append(_statement(cursor))
        if not between_statements(cursor) and cursor.token.kind != "stop":
            raise cursor.fail("a relation sign, an operator, or the end")
    if not found:
        raise cursor.fail("a formula")
    return found


def _check_relations(found: list[Token]) -> None:
    """Refuse a chain that is too long to be checked in a page."""
    signs = [token for token in found if token.text in RELATIONS]
    if len(signs) > MOST:
        raise FormulaError(f"a formula must have at most {MOST} relation signs", signs[MOST].start)


def _statement(cursor: Cursor) -> Statement:
    is_defined = is_definition(cursor)
    if is_defined and is_divergence(cursor):
        return Statement(None, _of_notation(cursor))
    defined = definition(cursor) if is_defined else None
    start = cursor.token.start
    chain = _chain(cursor, defined.body if defined else cursor.expression())
    if chain or defined:
        return Statement(defined, chain)
    if cursor.token.kind in ("row", "text", "stop"):
        raise FormulaError("a formula must state something: expected a relation sign", start)
    raise cursor.fail("a relation sign")


def _of_notation(cursor: Cursor) -> Chain:
    """A definition of what the notation has a meaning for: the claim that this is the meaning."""
    left = cursor.primary()
    sign = cursor.expect(":=")
    body = cursor.expression()
    chain = _chain(cursor, body) or Chain((body,), (), ())
    return Chain((left, *chain.parts), ("=", *chain.signs), (sign.start, *chain.places))


def _chain(cursor: Cursor, first: Node) -> Chain | None:
    parts, signs, places = [first], [], []
    while cursor.token.text in RELATIONS:
        sign = cursor.next()
        signs.append(sign.text)
        places.append(sign.start)
        is_set = sign.text in (r"\in", r"\notin", r"\subseteq")
        parts.append(set_expression(cursor) if is_set else cursor.expression())
    return Chain(tuple(parts), tuple(signs), tuple(places)) if signs else None
