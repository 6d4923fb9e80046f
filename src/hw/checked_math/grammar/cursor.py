"""The place of a parser in its tokens, and the rules that parts of the grammar call before they are defined."""

from collections.abc import Callable, Iterator, Sized
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, TypeVar

from hw.checked_math.errors import FormulaError
from hw.checked_math.grammar.lexemes import Token
from hw.checked_math.grammar.symbols import DEEPEST, RELATIONS
from hw.checked_math.syntax import Chain, Definition, Node

__all__ = ["LONGEST_LIST", "Cursor", "Inside", "Known", "Rules"]

CLOSING = {
    "(": ")", "[": "]", "{": "}", r"\{": r"\}", r"\lfloor": r"\rfloor", r"\lceil": r"\rceil", r"\langle": r"\rangle"
}  # fmt: skip
LONGEST_LIST = 1000  # members of a set, arguments of a maximum, cases
FIRST = set(  # what a factor may begin with, beside names, numbers, bars and cases
    r"( [ { \{ \lfloor \lceil \langle \frac \binom \sqrt \sum \prod \int \max \min \det \infty \log \exp \tanh".split()
)
UNCHECKABLE = set(
    r"\pm \mp \approx \simeq \sim \equiv \asymp \propto \to \mapsto \rightarrow \longrightarrow \xrightarrow "
    r"\Rightarrow \Leftrightarrow \implies \iff \forall \exists \lim \sup \inf \arg \nabla \odot \dots".split()
)
CLOSERS = set(CLOSING.values())
AnyNode = TypeVar("AnyNode", bound=Node)


class Known(Protocol):
    """What the grammar asks about a name."""

    def is_function(self, name: str) -> bool:
        """Whether a bracket after the name holds its arguments."""

    def is_family(self, name: str) -> bool:
        """Whether the subscript of the name is an index."""

    def is_law(self, name: str) -> bool:
        """Whether the name is the letter of a law."""

    def is_labeled(self, name: str) -> bool:
        """Whether the name is known with the label in its subscript."""

    def is_free(self, name: str) -> bool:
        """Whether neither the model nor the page gives the name a meaning."""

    def sort(self, name: str) -> str:
        """Sort of a variable; empty for a name that is none."""

    def add(self, definition: Definition) -> None:
        """Know a definition's name from here on."""

    def parameters(self, names: set[str], sequences: set[str]) -> AbstractContextManager[None]:
        """Read the body of a definition, with its parameters; those that are sequences are families."""


class Rules(NamedTuple):
    """The rules that call each other across files; a chain is read from its first expression on."""

    expression: Callable[["Cursor"], Node]
    term: Callable[["Cursor"], Node]
    factor: Callable[["Cursor"], Node]
    primary: Callable[["Cursor"], Node]
    chain: Callable[["Cursor", Node], Chain | None]


class Inside(NamedTuple):
    """What is open around the cursor: a bar that comes next then closes it, and a d begins a differential.

    In a product, an extremum or a derivative without brackets, a slash is refused.
    """

    bars: bool = False
    double_bars: bool = False
    integral: bool = False
    product: bool = False


NOTHING_OPEN = Inside()


@dataclass
class Cursor:
    """Tokens, how many of them are read, the names that are known, and the rules of the grammar."""

    found: list[Token]
    names: Known
    rules: Rules
    at: int = 0
    inside: Inside = field(default_factory=Inside)
    depth: int = 0

    @property
    def token(self) -> Token:
        """The token that comes next."""
        return self.found[self.at]

    @property
    def last(self) -> Token:
        """The token that was read last."""
        return self.found[self.at - 1]

    def ahead(self, count: int = 1) -> Token:
        """The token that many places after the next."""
        return self.found[min(self.at + count, len(self.found) - 1)]

    def follows(self, *texts: str) -> bool:
        """Whether these texts come next."""
        if self.found[self.at].text != texts[0]:  # the common case, in short
            return False
        return all(self.ahead(count).text == text for count, text in enumerate(texts))

    def at_bracket(self) -> bool:
        """Whether a round, square or curly bracket opens next."""
        return self.token.text in ("(", "[", r"\{")

    def next(self) -> Token:
        """Read a token; the stop is never passed."""
        token = self.token
        if token.kind != "stop":
            self.at += 1
        return token

    def skip(self, *texts: str) -> bool:
        """Read these texts if all of them come next."""
        follows = self.follows(*texts)
        if follows:
            self.at += len(texts)
        return follows

    def accept(self, *texts: str) -> Token | None:
        """Read a token if it is one of these."""
        return self.next() if self.token.text in texts and self.token.kind not in ("text", "row", "stop") else None

    def expect(self, text: str) -> Token:
        """Read this token."""
        if self.token.text != text:
            raise self.fail(f"{text!r}")
        return self.next()

    def close(self, opener: Token) -> Token:
        """Read the bracket that closes an open one."""
        return self.expect(CLOSING[opener.text])

    def fail(self, expected: str, token: Token | None = None) -> FormulaError:
        """The error for a token, the next one if none is given, that stands where something else was expected."""
        token = token or self.token
        if token.text in UNCHECKABLE:
            message = f"{token.text} cannot be checked: bind the formula to a test, or write it exactly"
            return FormulaError(message, token.start)
        found = {"stop": "the end", "row": "a new line"}.get(token.kind, f"{token.text!r}")
        return FormulaError(f"expected {expected}, got {found}", token.start)

    def ranged(self, start: int, make: Callable[..., AnyNode], *arguments: object) -> AnyNode:
        """A node from `start` to the last token read."""
        return make(start, self.last.end, *arguments)

    @contextmanager
    def within(self, inside: Inside = NOTHING_OPEN) -> Iterator[None]:
        """Read with bars or an integral open; with none open inside a bracket, whose bars are its own."""
        before = self.inside
        self.inside = inside
        yield
        self.inside = before

    def enclosed(self, count: int = 0) -> list[tuple[int, Token]]:
        """Tokens in the bracket that opens at that place, each with the number of brackets around it."""
        found, depth = [], 0
        for token in self.found[self.at + count :]:
            depth -= token.text in CLOSERS
            if depth == 0 and found:
                return found[1:]
            found.append((depth, token))
            depth += token.text in CLOSING
            if depth == 0:
                return []
        return []

    def states(self, count: int = 0) -> bool:
        """Whether the bracket that opens at that place holds a relation."""
        return any(depth == 1 and token.text in RELATIONS for depth, token in self.enclosed(count))

    def starts_differential(self) -> bool:
        """Whether a d comes next that ends an integral."""
        is_d = self.token.text == "d" and self.token.kind in ("name", "word")
        return self.inside.integral and is_d and self.ahead().kind == "name"

    def starts_factor(self) -> bool:
        """Whether what comes next can be a factor."""
        token = self.token
        if self.starts_differential() or token.kind in ("text", "row", "stop", "end"):
            return False
        if token.text in ("|", r"\|"):
            is_open = self.inside.bars if token.text == "|" else self.inside.double_bars
            return token.facing == "open" or (not token.facing and not is_open)
        is_substitution = token.text == "." and token.facing == "open"
        return token.kind in ("name", "number", "word", "begin") or token.text in FIRST or is_substitution

    def expression(self) -> Node:
        """Read terms with signs between them."""
        return self.rules.expression(self)

    def term(self) -> Node:
        """Read factors in juxtaposition."""
        return self.rules.term(self)

    def factor(self) -> Node:
        """Read a primary with its powers."""
        return self._deeper(self.rules.factor)

    def primary(self) -> Node:
        """Read a name, a number, a bracket or an operator with what it applies to."""
        return self._deeper(self.rules.primary)

    def _deeper(self, rule: "Callable[[Cursor], Node]") -> Node:
        """Read by a rule, unless it stands inside too many others."""
        self.check_depth(self.depth + 1)
        self.depth += 1
        node = rule(self)
        self.depth -= 1
        return node

    def check_depth(self, depth: int) -> None:
        """Refuse what is nested so deep that it would be slow to read and to evaluate."""
        if depth > DEEPEST:
            raise FormulaError(f"a formula must be nested at most {DEEPEST} deep", self.token.start)

    def check_length(self, members: Sized) -> None:
        """Refuse a list that is too long."""
        if len(members) > LONGEST_LIST:
            raise FormulaError(f"a list must have at most {LONGEST_LIST} members", self.token.start)

    def chain(self, first: Node) -> Chain | None:
        """Read the relations that follow an expression."""
        return self.rules.chain(self, first)
