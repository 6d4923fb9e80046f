r"""From tokens to statements, by recursive descent.

The grammar is that of the notation page. What would be a guess is an error that says how to write it: `\log a \cdot b`,
`a / b c`, an expectation without brackets.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fractions import Fraction

from hw.checked_math.latex import FormulaError, Token, tokens
from hw.checked_math.models.model import Law, Vocabulary
from hw.checked_math.syntax import (
    BigOperator,
    Binder,
    Call,
    Cases,
    Chain,
    Comparison,
    Definition,
    Density,
    Derivative,
    Divergence,
    Expectation,
    Indexed,
    Indicator,
    Literal,
    Name,
    Node,
    Operation,
    Pairs,
    Range,
    Sequence,
    SetBuilder,
    SetLiteral,
    Statement,
    Substitution,
)

__all__ = ["RELATIONS", "Names", "parse"]

RELATIONS = {"=", "<", ">", r"\ge", r"\le", r"\neq", r"\in", r"\notin", r"\subseteq"}
UNCHECKABLE = {
    r"\pm",
    r"\mp",
    r"\approx",
    r"\propto",
    r"\to",
    r"\rightarrow",
    r"\dots",
    r"\lim",
    r"\simeq",
    r"\implies",
}
UNCHECKABLE |= {
    r"\iff",
    r"\forall",
    r"\exists",
    r"\Rightarrow",
    r"\Leftrightarrow",
    r"\equiv",
    r"\asymp",
    r"\arg",
    r"\sup",
}
UNCHECKABLE |= {r"\inf", r"\xrightarrow", r"\longrightarrow", r"\mapsto", r"\nabla", r"\odot", r"\sim"}
OUTER = {"aligned", "align", "align*", "alignat", "gathered", "gather", "gather*", "split", "equation", "equation*"}
CLOSING = {"(": ")", "[": "]", r"\{": r"\}", r"\lfloor": r"\rfloor", r"\lceil": r"\rceil"}
FUNCTIONS = {r"\log": "log", r"\exp": "exp", r"\tanh": "tanh"}
DIVERGENCES = {"KL": "KL", "JSD": "JSD", "JS": "JSD", "TV": "TV", "H": "H"}
EXPECTATIONS = {"E": "E", "Var": "Var", "Cov": "Cov"}
WRITE_BRACKETS = "write brackets, such as {0}(...), since it is not clear how far {0} reaches"


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

    def sort(self, name: str) -> str:
        """Sort of a variable; empty for a name that is none."""
        return self.vocabulary.variables.get(bare_letter(name), "")


def bare_letter(name: str) -> str:
    r"""The letter under accents, primes, stars and labels: `x` for `\hat{x}'`."""
    name = name.rstrip("'").removesuffix("^*").partition("_{")[0]
    for accent in (r"\hat{", r"\tilde{", r"\bar{"):
        if name.startswith(accent):
            return bare_letter(name[len(accent) : -1])
    return name


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
        >>> from hw.checked_math.models.model import Vocabulary
        >>> from hw.checked_math.parser import Names, parse
        >>> (statement,) = parse(r"a \ge b = c", Names(Vocabulary(variables=dict.fromkeys("abc", "number"))))
        >>> statement.chain.signs
        ('\\ge', '=')
    """
    return _Parser(_flat(tokens(source)), names).statements()


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


class _Parser:
    def __init__(self, found: list[Token], names: Names) -> None:
        self.found, self.names, self.at = found, names, 0
        self.bars = 0  # how many bars are open in which a plain | does not open another
        self.double_bars = 0  # the same for \|, which also separates two laws
        self.integrals = 0

    # ---- tokens ----

    @property
    def token(self) -> Token:
        return self.found[self.at]

    def ahead(self, count: int = 1) -> Token:
        return self.found[min(self.at + count, len(self.found) - 1)]

    def next(self) -> Token:
        token = self.token
        if token.kind != "stop":
            self.at += 1
        return token

    def fail(self, expected: str, token: Token | None = None) -> FormulaError:
        token = token or self.token
        if token.text in UNCHECKABLE:
            return FormulaError(
                f"{token.text} cannot be checked: bind the formula to a test, or write it exactly", token.start
            )
        found = "the end" if token.kind == "stop" else "a new line" if token.kind == "row" else f"{token.text!r}"
        return FormulaError(f"expected {expected}, got {found}", token.start)

    def accept(self, *texts: str) -> Token | None:
        return self.next() if self.token.text in texts and self.token.kind not in ("text", "row", "stop") else None

    def expect(self, text: str) -> Token:
        if self.token.text != text:
            raise self.fail(f"{text!r}")
        return self.next()

    @property
    def last_end(self) -> int:
        return self.found[self.at - 1].end

    def ranged(self, start: int, make: Callable[..., Node], *arguments: object) -> Node:
        return make(start, self.last_end, *arguments)

    # ---- statements ----

    def statements(self) -> list[Statement]:
        found = []
        while True:
            while self.token.kind in ("row", "text") or self.token.text in (",", ".", ";"):
                self.next()
            if self.token.kind == "stop":
                break
            found.append(self.statement())
            if self.token.kind not in ("row", "text", "stop") and self.token.text not in (",", ".", ";"):
                raise self.fail("a relation sign, an operator, or the end")
        if not found:
            raise self.fail("a formula")
        return found

    def statement(self) -> Statement:
        definition = self.definition() if self.is_definition() else None
        start = self.token.start
        first = definition.body if definition else self.expression()
        chain = self.chain(first)
        if not chain and not definition:
            if self.token.kind in ("row", "text", "stop"):
                raise FormulaError("a formula must state something: expected a relation sign", start)
            raise self.fail("a relation sign")
        return Statement(definition, chain)

    def chain(self, first: Node) -> Chain | None:
        parts, signs, places = [first], [], []
        while self.token.text in RELATIONS:
            sign = self.next()
            signs.append(sign.text)
            places.append(sign.start)
            parts.append(self.set_() if sign.text in (r"\in", r"\notin", r"\subseteq") else self.expression())
        return Chain(tuple(parts), tuple(signs), tuple(places)) if signs else None

    def is_definition(self) -> bool:
        depth, at = 0, self.at
        while self.found[at].kind not in ("row", "stop"):
            text = self.found[at].text
            depth += text in ("(", "[", "{", r"\{")
            depth -= text in (")", "]", "}", r"\}")
            if depth == 0 and text == ":=":
                return True
            if depth == 0 and text in RELATIONS:
                return False
            at += 1
        return False

    def definition(self) -> Definition:
        start = self.token.start
        if self.token.kind not in ("name", "word"):
            raise self.fail("a name to define")
        if self.names.is_law(self.token.text):
            return self.law_definition()
        name, indices, label = self.decorated_name(), (), ""
        if self.accept("_"):
            parts = self.subscript_names()
            if parts is not None and (self.names.is_family(name) or all(self.names.sort(part) for part in parts)):
                indices = tuple(parts)
            else:
                label = self.subscript_label() if parts is None else ",".join(parts)
                name = f"{name}_{{{label}}}"
        arguments = self.parameters() if self.token.text == "(" else ()
        return self.defined(name, indices, arguments, start)

    def law_definition(self) -> Definition:
        start = self.token.start
        law = self.density()
        if not isinstance(law, Density) or law.left is None:
            raise FormulaError("a law must be defined with its variables", start)
        variables = (*law.left, *law.right)
        if not all(isinstance(variable, Name) for variable in variables):
            raise FormulaError("the variables of a defined law must be plain", start)
        arguments = tuple((variable.name, None) for variable in variables)  # type: ignore[attr-defined]
        return self.defined(law_name(law), (), arguments, start)

    def defined(
        self, name: str, indices: tuple[str, ...], arguments: tuple[tuple[str, str | None], ...], start: int
    ) -> Definition:
        self.expect(":=")
        known = set(self.names.functions), set(self.names.families)
        for argument, length in arguments:
            if length:
                self.names.families.add(argument)
        body = self.expression()
        self.names.functions, self.names.families = known
        definition = Definition(name, indices, arguments, body, start)
        self.names.add(definition)
        return definition

    def subscript_names(self) -> list[str] | None:
        """Names in a subscript, if it holds nothing else; None leaves the subscript unread."""
        if self.token.kind == "name":
            return [self.next().text]
        at, parts = self.at + 1, []
        if self.token.text != "{":
            return None
        while self.found[at].kind == "name":
            parts.append(self.found[at].text)
            at += 1
            if self.found[at].text == "}":
                self.at = at + 1
                return parts
            if self.found[at].text != ",":
                return None
            at += 1
        return None

    def parameters(self) -> tuple[tuple[str, str | None], ...]:
        found: list[tuple[str, str | None]] = []
        self.expect("(")
        while True:
            if self.token.kind not in ("name", "word"):
                raise self.fail("the name of a parameter")
            name = self.decorated_name()
            length = None
            if self.accept("_"):
                if self.token.text == "{" and self.ahead(2).text == ":":
                    self.next()
                    self.expect("1")
                    self.expect(":")
                    length = self.next().text
                    self.expect("}")
                else:
                    name = f"{name}_{{{self.subscript_label()}}}"
            found.append((name, length))
            if not self.accept(","):
                break
        self.expect(")")
        return tuple(found)

    # ---- expressions ----

    def expression(self) -> Node:
        start = self.token.start
        terms = [self.signed_term()]
        while self.token.text in ("+", "-", r"\cup", r"\cap", r"\setminus", r"\oplus") and self.token.kind != "text":
            operator = self.next().text
            term = self.term()
            if operator == "-":
                term = Operation(term.start, term.end, "neg", (term,))
            if operator in ("+", "-"):
                terms.append(term)
            else:
                left = self.sum_of(start, terms)
                terms = [self.ranged(start, Operation, operator[1:], (left, term))]
        return self.sum_of(start, terms)

    def sum_of(self, start: int, terms: list[Node]) -> Node:
        return terms[0] if len(terms) == 1 else Operation(start, terms[-1].end, "+", tuple(terms))

    def signed_term(self) -> Node:
        start = self.token.start
        if self.accept("+"):
            return self.term()
        if self.accept("-"):
            return self.ranged(start, Operation, "neg", (self.term(),))
        return self.term()

    def term(self) -> Node:
        """Factors in juxtaposition or with a dot, and at most one slash, behind which one factor stands."""
        start = self.token.start
        factors = [self.factor()]
        while True:
            if self.accept(r"\cdot"):
                factors.append(self.factor())
            elif self.token.text == "/" and self.token.kind == "symbol":
                slash = self.next()
                below = self.factor()
                if self.starts_factor() or self.token.text in ("/", r"\cdot"):
                    raise FormulaError(
                        r"write \frac{...}{...} or brackets, since it is not clear what / divides", slash.start
                    )
                above = self.product(start, factors)
                return self.ranged(start, Operation, "/", (above, below))
            elif self.starts_factor():
                factors.append(self.factor())
            else:
                return self.product(start, factors)

    def product(self, start: int, factors: list[Node]) -> Node:
        return factors[0] if len(factors) == 1 else Operation(start, factors[-1].end, "*", tuple(factors))

    def is_differential(self) -> bool:
        if not self.integrals or self.token.text != "d" or self.token.kind not in ("name", "word"):
            return False
        return self.ahead().kind == "name"

    def starts_factor(self) -> bool:
        token = self.token
        if self.is_differential() or token.kind in ("text", "row", "stop", "end"):
            return False
        if token.text == "|":
            return token.facing == "open" or (not token.facing and not self.bars)
        if token.text == r"\|":
            return token.facing == "open" or (not token.facing and not self.double_bars)
        if token.kind in ("name", "number", "word", "begin"):
            return True
        return token.text in {"(", "[", "{", r"\{", r"\frac", r"\sqrt", r"\sum", r"\prod", r"\int", r"\max", r"\min"} | {
            r"\det", r"\binom", r"\lfloor", r"\lceil", r"\infty", *FUNCTIONS
        } or (token.text == "." and token.facing == "open")  # fmt: skip

    def factor(self) -> Node:
        start = self.token.start
        node = self.primary()
        while True:
            if self.accept("!"):
                node = self.ranged(start, Operation, "factorial", (node,))
            elif self.token.text == "^":
                self.next()
                if self.is_transpose():
                    return self.ranged(start, Operation, "inner", (node, self.factor()))
                node = self.ranged(start, Operation, "^", (node, self.argument()))
            else:
                return node

    def is_transpose(self) -> bool:
        if self.accept(r"\top", "T") and self.starts_factor():
            return True
        if self.token.text == "{" and self.ahead().text in (r"\top", "T") and self.ahead(2).text == "}":
            self.at += 3
            return True
        return False

    def argument(self) -> Node:
        """What LaTeX takes as one argument: a group in braces, or a single symbol (the first digit of a number)."""
        start = self.token.start
        if self.accept("{"):
            node = self.expression()
            self.expect("}")
            return replace(node, start=start, end=self.last_end) if isinstance(node, Literal) else node
        if self.token.kind == "number":
            token = self.digit()
            return Literal(token.start, token.end, Fraction(token.text))
        if self.token.kind in ("name", "word"):
            token = self.next()
            return Name(token.start, token.end, token.text)
        raise self.fail("an argument in braces")

    def digit(self) -> Token:
        r"""The next digit: `\frac12` has the arguments 1 and 2."""
        token = self.token
        if len(token.text) > 1:
            first = Token("number", token.text[0], token.start, token.start + 1)
            self.found[self.at] = Token("number", token.text[1:], token.start + 1, token.end)
            if not token.text[1].isdigit():
                raise self.fail("an argument in braces", token)
            return first
        return self.next()

    def primary(self) -> Node:
        token, start = self.token, self.token.start
        if token.kind == "number":
            self.next()
            return Literal(start, token.end, Fraction(token.text))
        if token.kind in ("name", "word"):
            return self.named()
        if token.text in ("(", "[", r"\{"):
            return self.bracket()
        if token.text == "{" and token.kind == "symbol":
            self.next()
            node = self.expression()
            self.expect("}")
            return node
        if token.text in FUNCTIONS:
            return self.elementary()
        if token.text == r"\frac":
            return self.fraction()
        if token.text == r"\sqrt":
            return self.root()
        if token.text in (r"\sum", r"\prod"):
            return self.big_operator()
        if token.text in (r"\max", r"\min"):
            return self.extremum()
        if token.text == r"\int":
            return self.integral()
        if token.text == r"\det":
            return self.determinant()
        if token.text == r"\infty":
            self.next()
            return Literal(start, token.end, r"\infty")
        if token.text == r"\binom":
            self.next()
            return self.ranged(start, Operation, "binom", (self.argument(), self.argument()))
        if token.text in (r"\lfloor", r"\lceil"):
            self.next()
            inside = self.expression()
            self.expect(CLOSING[token.text])
            return self.ranged(start, Operation, "floor" if token.text == r"\lfloor" else "ceil", (inside,))
        if token.text == "|" and token.facing != "close":
            return self.absolute()
        if token.text == r"\|" and token.facing != "close":
            return self.norm()
        if token.kind == "begin":
            return self.cases()
        if token.text == "." and token.facing == "open":
            return self.substitution()
        raise self.fail("an expression")

    def bracket(self) -> Node:
        """A group, a pair, or a set."""
        opener, start = self.next(), self.token.start
        bars, self.bars = self.bars, 0
        inside = self.expression()
        if opener.text == r"\{" and (self.token.text in (":", r"\mid", "|")):
            node = self.set_builder(inside, opener)
        elif self.token.text == "," and opener.text != "[":
            members = [inside]
            while self.accept(","):
                members.append(self.expression())
            self.expect(CLOSING[opener.text])
            node = self.ranged(opener.start, Pairs if opener.text == "(" else SetLiteral, tuple(members))
        else:
            self.expect(CLOSING[opener.text])
            node = (
                self.ranged(opener.start, SetLiteral, (inside,))
                if opener.text == r"\{" and isinstance(inside, Pairs)
                else inside
            )
        self.bars = bars
        return node

    def set_builder(self, body: Node, opener: Token) -> Node:
        self.next()
        binders, conditions = self.binders(r"\}")
        self.expect(r"\}")
        return self.ranged(opener.start, SetBuilder, body, binders, conditions)

    def absolute(self) -> Node:
        start = self.next().start
        self.bars += 1
        inside = self.expression()
        self.bars -= 1
        self.expect("|")
        operator = "size" if isinstance(inside, SetLiteral | SetBuilder | Range) else "abs"
        return self.ranged(start, Operation, operator, (inside,))

    def norm(self) -> Node:
        start = self.next().start
        self.double_bars += 1
        inside = self.expression()
        self.double_bars -= 1
        self.expect(r"\|")
        return self.ranged(start, Operation, "norm", (inside,))

    def elementary(self) -> Node:
        r"""`\log` and `\exp` take one atom, one fraction, one bracket, a run of densities, or an operator with its body."""
        token = self.next()
        operator = FUNCTIONS[token.text]
        if self.token.text == "^":
            raise FormulaError(f"write ({token.text} ...)^n for a power of {token.text}", token.start)
        bracketed = self.token.text in ("(", "[", r"\{")
        if bracketed:
            inside = self.bracket()
            if self.token.text == "^":
                raise FormulaError(
                    f"write the power inside or around brackets: {token.text} (...)^n is not clear", self.token.start
                )
            return self.ranged(token.start, Operation, operator, (inside,))
        inside = self.run(token)
        if self.starts_factor() or self.token.text in (r"\cdot", "/"):
            raise FormulaError(WRITE_BRACKETS.format(token.text), self.token.start)
        return self.ranged(token.start, Operation, operator, (inside,))

    def run(self, operator: Token) -> Node:
        start = self.token.start
        if self.token.text in ("-", "+", *FUNCTIONS):
            if self.token.text in FUNCTIONS:
                return self.elementary()
            raise FormulaError(WRITE_BRACKETS.format(operator.text), operator.start)
        fraction = self.token.text == r"\frac"
        first = self.primary()
        if self.token.text in ("^", "!"):
            if not isinstance(first, Name | Indexed | Literal):
                raise FormulaError(WRITE_BRACKETS.format(operator.text), self.token.start)
            self.next()
            first = self.ranged(start, Operation, "^", (first, self.argument()))
        factors = [first]
        while isinstance(factors[-1], Density) and self.token.kind == "name" and self.names.is_law(self.token.text):
            factors.append(self.named())
        if (
            fraction
            and len(factors) == 1
            and (self.token.text in (r"\sum", r"\prod", r"\int") or self.is_expectation())
        ):
            factors.append(self.primary())
        return self.product(start, factors)

    def is_expectation(self) -> bool:
        return self.token.text == r"\mathbb{E}" or (self.token.kind == "word" and self.token.text in EXPECTATIONS)

    def fraction(self) -> Node:
        start = self.next().start
        if self.token.text == "{" and self.ahead().text in (r"\partial", "d") and self.is_derivative():
            return self.derivative(start)
        above, below = self.argument(), self.argument()
        return self.ranged(start, Operation, "/", (above, below))

    def is_derivative(self) -> bool:
        return self.ahead().text == r"\partial" or (self.ahead().kind == "word" and self.ahead(2).kind == "name")

    def derivative(self, start: int) -> Node:
        r"""`\frac{\partial F(u)}{\partial u}` or `\frac{\partial F}{\partial u}(u)`."""
        self.expect("{")
        sign = self.next().text
        inside = self.factor()
        self.expect("}")
        self.expect("{")
        self.expect(sign)
        variable = self.decorated_name()
        if self.accept("^"):
            self.is_transpose() or self.argument()
        self.expect("}")
        if isinstance(inside, Name) and self.token.text == "(":
            (at,) = self.call_arguments()
            return self.ranged(start, Derivative, inside.name, at)
        if isinstance(inside, Call) and len(inside.arguments) == 1 and isinstance(inside.arguments[0], Name):
            if inside.arguments[0].name == variable:
                return self.ranged(start, Derivative, inside.name, inside.arguments[0])
        raise FormulaError(r"write the derivative as \frac{\partial F(u)}{\partial u}", start)

    def root(self) -> Node:
        start = self.next().start
        if self.accept("["):
            degree = self.expression()
            self.expect("]")
            power = Operation(degree.start, degree.end, "/", (Literal(start, start, Fraction(1)), degree))
            return self.ranged(start, Operation, "^", (self.argument(), power))
        return self.ranged(start, Operation, "sqrt", (self.argument(),))

    def determinant(self) -> Node:
        start = self.next().start
        bracketed = self.token.text in ("(", "[")
        inside = self.bracket() if bracketed else self.primary()
        if not isinstance(inside, Derivative):
            raise FormulaError(r"\det must stand before a derivative, such as \frac{\partial F(u)}{\partial u}", start)
        return self.ranged(start, Operation, "det", (inside,))

    # ---- operators over bound variables ----

    def subscript(self) -> tuple[tuple[Binder, ...], tuple[Comparison, ...]]:
        self.expect("_")
        if self.token.text != "{":
            token = self.next()
            if token.kind != "name":
                raise self.fail("a variable", token)
            return (Binder(token.start, token.end, token.text),), ()
        self.next()
        if self.accept(r"\substack"):
            self.expect("{")
            found = self.binders("}")
            self.expect("}")
        else:
            found = self.binders("}")
        self.expect("}")
        return found

    def binders(self, closing: str) -> tuple[tuple[Binder, ...], tuple[Comparison, ...]]:
        r"""`j=1`, `z`, `a \in M`, `1 \le i < j \le k`, `k \neq i`, and conditions, separated by commas or `\\`."""
        binders: list[Binder] = []
        conditions: list[Comparison] = []
        pending: list[Node] = []
        while True:
            start = self.token.start
            first = self.expression()
            chain = self.chain(first)
            new = self.new_name(first, binders)
            if chain is None:
                pending.append(first)
                if self.token.text != ",":
                    binders += [self.plain_binder(node) for node in pending]
                    pending = []
            elif chain.signs == (r"\in",) and new:
                binders += [self.binder_over(node, chain.parts[1]) for node in (*pending, first)]
                pending = []
            elif chain.signs == ("=",) and new:
                binders += [Binder(start, self.last_end, node.name, first=chain.parts[1]) for node in (*pending, first)]  # type: ignore[attr-defined]
                pending = []
            else:
                binders += [self.plain_binder(node) for node in pending]
                pending = []
                bound, rest = self.from_inequalities(chain, binders)
                binders += bound
                conditions += rest
            if not self.accept(",", r"\\", ";"):
                break
        if self.token.text != closing:
            raise self.fail(f"{closing!r}")
        return tuple(binders), tuple(conditions)

    def new_name(self, node: Node, binders: list[Binder]) -> bool:
        return isinstance(node, Name) and all(binder.name != node.name for binder in binders)

    def plain_binder(self, node: Node) -> Binder:
        if isinstance(node, Sequence):
            return Binder(node.start, node.end, node.name, first=node.first, last=node.last)
        if not isinstance(node, Name):
            raise FormulaError("expected a variable to run over", node.start)
        return Binder(node.start, node.end, node.name)

    def binder_over(self, node: Node, over: Node) -> Binder:
        if not isinstance(node, Name):
            raise FormulaError("expected a variable to run over", node.start)
        return Binder(node.start, node.end, node.name, over=over)

    def from_inequalities(self, chain: Chain, binders: list[Binder]) -> tuple[list[Binder], list[Comparison]]:
        r"""`1 \le i < j \le k` binds i and j to whole numbers between the ends; `k \neq i` binds k to its index range."""
        known = {binder.name for binder in binders}
        middle = [part for part in chain.parts[1:-1]]
        bound: list[Binder] = []
        if middle and all(isinstance(part, Name) for part in middle) and set(chain.signs) <= {"<", r"\le"}:
            for part in middle:
                if part.name not in known:  # type: ignore[attr-defined]
                    span = Range(part.start, part.end, chain.parts[0], chain.parts[-1])
                    bound.append(Binder(part.start, part.end, part.name, over=span))  # type: ignore[attr-defined]
        elif not binders and chain.signs == (r"\neq",) and isinstance(chain.parts[0], Name):
            bound.append(Binder(chain.parts[0].start, chain.parts[0].end, chain.parts[0].name))
        pairs = zip(chain.parts, chain.signs, chain.parts[1:], strict=False)
        return bound, [Comparison(left.start, right.end, left, sign, right) for left, sign, right in pairs]

    def big_operator(self) -> Node:
        token = self.next()
        if self.token.text == "^" and self.ahead().text != "_":
            upper_first = self.upper()
            binders, conditions = self.subscript()
            upper = upper_first
        else:
            binders, conditions = self.subscript()
            upper = self.upper() if self.token.text == "^" else None
        binders = tuple(self.with_upper(binder, upper) for binder in binders)
        body = self.operator_body(token)
        return self.ranged(token.start, BigOperator, token.text[1:], binders, conditions, body)

    def upper(self) -> Node:
        self.expect("^")
        return self.argument()

    def with_upper(self, binder: Binder, upper: Node | None) -> Binder:
        if binder.first is None or binder.last is not None:
            if upper is not None and binder.over is None:
                raise FormulaError("a sum with an upper bound must have a lower one", binder.start)
            return binder
        if upper is None:
            raise FormulaError("a sum with a lower bound must have an upper one", binder.start)
        return Binder(binder.start, binder.end, binder.name, over=Range(binder.start, upper.end, binder.first, upper))

    def operator_body(self, token: Token) -> Node:
        if not self.starts_factor():
            raise self.fail(f"what {token.text} runs over")
        return self.term()

    def extremum(self) -> Node:
        token = self.next()
        if self.token.text == "_":
            binders, conditions = self.subscript()
            body = self.operator_body(token)
            return self.ranged(token.start, BigOperator, token.text[1:], binders, conditions, body)
        if self.token.text not in ("(", r"\{", "["):
            raise FormulaError(f"{token.text} must be followed by brackets", self.token.start)
        opener = self.next()
        members = [self.expression()]
        while self.accept(","):
            members.append(self.expression())
        self.expect(CLOSING[opener.text])
        return self.ranged(token.start, Operation, token.text[1:], tuple(members))

    def integral(self) -> Node:
        token = self.next()
        lower = upper = None
        while self.token.text in ("_", "^"):
            below = self.next().text == "_"
            if self.token.text in (r"\mathbb{R}", r"\mathcal{X}", r"\mathcal{Z}"):
                self.next()
                continue
            if self.token.text == "{" and self.ahead().text == "-" and self.ahead(2).text == r"\infty":
                self.next()
                bound = self.expression()
                self.expect("}")
            elif self.token.text == r"\infty":
                bound = self.primary()
            else:
                bound = self.argument()
            lower, upper = (bound, upper) if below else (lower, bound)
        self.integrals += 1
        body = self.operator_body(token)
        names = []
        while self.is_differential():
            self.next()
            names.append(self.decorated_name())
        self.integrals -= 1
        if not names:
            raise self.fail(r"a differential such as \mathrm dz")
        ends = (lower, upper) if lower is not None and upper is not None else None
        over = Range(lower.start, upper.end, lower, upper) if ends and not self.is_whole_line(lower, upper) else None  # type: ignore[union-attr]
        binders = tuple(Binder(token.start, self.last_end, name, over=over) for name in names)
        return self.ranged(token.start, BigOperator, "int", binders, (), body)

    def is_whole_line(self, lower: Node | None, upper: Node | None) -> bool:
        ends = [
            node.operands[0] if isinstance(node, Operation) and node.operator == "neg" else node
            for node in (lower, upper)
        ]
        return all(isinstance(end, Literal) and end.value == r"\infty" for end in ends)

    def expectation(self, operator: str) -> Node:
        token = self.next()
        binders: tuple[Binder, ...] = ()
        law: Node | None = None
        if self.accept("_"):
            braced = self.accept("{")
            binders, law = self.drawn(bool(braced))
            if braced:
                self.expect("}")
        if self.token.text not in ("[", "(", r"\{"):
            raise FormulaError(f"the body of {token.text} must stand in brackets", self.token.start)
        opener = self.next()
        bars, self.bars = self.bars, 0
        bodies = [self.expression()]
        while operator == "Cov" and self.accept(","):
            bodies.append(self.expression())
        self.bars = bars
        self.expect(CLOSING[opener.text])
        return self.ranged(token.start, Expectation, operator, binders, law, tuple(bodies))

    def drawn(self, braced: bool) -> tuple[tuple[Binder, ...], Node | None]:
        r"""`q(z \mid x)`, `z \sim q(z \mid x)`, `z_{1:k} \sim q`, `x \sim p(x), z \sim q(z \mid x)`, `I \subseteq [k], |I| = m`."""
        if not braced:
            return (), self.primary()
        found: list[Binder] = []
        pending: list[Node] = []
        while True:
            first = self.expression()
            if self.token.text == r"\sim":
                self.next()
                if self.token.text == r"\mathrm{iid}":
                    self.next()
                law = self.expression()
                found += [replace_binder(self.draw_binder(node), law) for node in (*pending, first)]
                pending = []
            elif self.accept(r"\subseteq", r"\subset"):
                over = self.set_()
                self.expect(",")
                size = self.size_of(first)
                if not isinstance(first, Name):
                    raise FormulaError("expected the name of a subset", first.start)
                found.append(Binder(first.start, self.last_end, first.name, over=over, size=size))
            else:
                pending.append(first)
            if not self.accept(",", r"\\"):
                break
        if pending and (found or len(pending) > 1):
            raise FormulaError(r"expected \sim and a law for every variable", pending[0].start)
        return tuple(found), pending[0] if pending else None

    def draw_binder(self, node: Node) -> Binder:
        if isinstance(node, Name):
            return Binder(node.start, node.end, node.name)
        if isinstance(node, Indexed) and len(node.indices) == 1:
            return Binder(node.start, node.end, node.name, first=node.indices[0], last=node.indices[0])
        if isinstance(node, Sequence):
            return Binder(node.start, node.end, node.name, first=node.first, last=node.last)
        raise FormulaError("expected a variable to draw", node.start)

    def size_of(self, subset: Node) -> Node:
        """The `m` of `|I| = m`."""
        if self.token.text != "|":
            raise self.fail("the size of the subset, such as |I| = m")
        self.next()
        name = self.expression_in_bars()
        if not isinstance(name, Name) or not isinstance(subset, Name) or name.name != subset.name:
            raise FormulaError("expected the size of the same subset", name.start)
        self.expect("=")
        return self.expression()

    def expression_in_bars(self) -> Node:
        self.bars += 1
        inside = self.expression()
        self.bars -= 1
        self.expect("|")
        return inside

    def set_(self) -> Node:
        r"""A set: `[k]`, `\{1, \dots, k\}`, or an expression."""
        start = self.token.start
        if self.accept("["):
            last = self.expression()
            self.expect("]")
            return self.ranged(start, Range, Literal(start, start, Fraction(1)), last)
        if self.token.text == r"\{" and r"\dots" in (self.ahead(3).text, self.ahead(2).text):
            self.next()
            first = self.expression()
            self.expect(",")
            self.expect(r"\dots")
            self.expect(",")
            last = self.expression()
            self.expect(r"\}")
            return self.ranged(start, Range, first, last)
        if self.token.text == r"\{":
            opener = self.token
            node = self.bracket()
            return (
                node if isinstance(node, SetLiteral | SetBuilder) else SetLiteral(opener.start, self.last_end, (node,))
            )
        return self.expression()

    def divergence(self, kind: str) -> Node:
        start = self.token.start
        if self.token.text not in ("(", "[", r"\{"):
            raise self.fail(f"the laws of {kind} in brackets")
        opener = self.next()
        bars, self.bars = self.bars, self.bars + 1
        double, self.double_bars = self.double_bars, self.double_bars + 1
        laws = [self.expression()]
        if self.accept(r"\|", ",") or (
            self.token.text == "|" and self.ahead().text == "|" and self.next() and self.next()
        ):
            laws.append(self.expression())
        self.bars, self.double_bars = bars, double
        self.expect(CLOSING[opener.text])
        if len(laws) == 1 and kind != "H":
            raise FormulaError(rf"{kind} must have two laws, set apart by \|", start)
        return self.ranged(start, Divergence, kind, tuple(laws))

    def indicator(self) -> Node:
        start = self.next().start
        if self.accept("_"):
            opener = self.expect("{")
        elif self.token.text in ("[", "(", r"\{"):
            opener = self.next()
        else:
            raise self.fail("the condition of the indicator in brackets")
        conditions = self.conditions()
        self.expect(CLOSING.get(opener.text, "}"))
        return self.ranged(start, Indicator, conditions)

    def conditions(self) -> tuple[Comparison, ...]:
        found: list[Comparison] = []
        while True:
            first = self.expression()
            chain = self.chain(first)
            if chain is None:
                raise self.fail("a relation sign")
            pairs = zip(chain.parts, chain.signs, chain.parts[1:], strict=False)
            found += [Comparison(left.start, right.end, left, sign, right) for left, sign, right in pairs]
            if not self.accept(",", r"\land"):
                return tuple(found)

    def cases(self) -> Node:
        start = self.next().start
        branches: list[tuple[Node, tuple[Comparison, ...] | None]] = []
        while self.token.kind != "end":
            value = self.expression()
            self.accept(",")
            conditions = None
            if self.accept("&"):
                word = self.next().text if self.token.kind == "text" else ""
                if word not in ("otherwise", "else", "otherwise."):
                    conditions = self.conditions()
            branches.append((value, conditions))
            while self.accept(",", ".", r"\\"):
                pass
        self.next()
        return self.ranged(start, Cases, tuple(branches))

    def substitution(self) -> Node:
        r"""`\left. ... \right|_{u = a}`."""
        start = self.next().start
        bars, self.bars = self.bars, self.bars + 1
        body = self.expression()
        self.bars = bars
        self.expect("|")
        self.expect("_")
        self.expect("{")
        name = self.decorated_name()
        self.expect("=")
        value = self.expression()
        self.expect("}")
        return self.ranged(start, Substitution, body, name, value)

    # ---- names ----

    def decorated_name(self) -> str:
        """A letter or word with its primes and stars."""
        token = self.next()
        if token.kind not in ("name", "word"):
            raise self.fail("a name", token)
        name = f"\\mathrm{{{token.text}}}" if token.kind == "word" else token.text
        while True:
            if self.accept("'"):
                name += "'"
            elif self.token.text == "^" and self.ahead().text == "*":
                self.at += 2
                name += "^*"
            elif self.token.text == "^" and [self.ahead(n).text for n in (1, 2, 3)] == ["{", "*", "}"]:
                self.at += 4
                name += "^*"
            elif self.token.text == "^" and [self.ahead(n).text for n in (1, 2, 3)] == ["{", "'", "}"]:
                self.at += 4
                name += "'"
            else:
                return name

    def named(self) -> Node:
        token = self.token
        if token.text in (r"\mathbb{E}", r"\mathbf{E}") or (token.kind == "word" and token.text in EXPECTATIONS):
            return self.expectation(EXPECTATIONS.get(token.text, "E"))
        if token.text in (r"\mathbf{1}", r"\mathbb{1}", r"\mathbb{I}"):
            return self.indicator()
        kind = self.divergence_ahead()
        if kind:
            return self.divergence(kind)
        if token.kind == "name" and token.text == r"\pi" and not self.names.sort(r"\pi"):
            self.next()
            return Literal(token.start, token.end, r"\pi")
        if self.names.is_law(token.text):
            return self.density()
        return self.plain_name()

    def divergence_ahead(self) -> str:
        """Kind of the divergence that begins here, its name read; empty if none does."""
        token, at = self.token, self.at
        if token.text in ("D", r"\mathbb{D}") and self.ahead().text == "_":
            self.at += 2
            label = self.subscript_label()
            kind = {"KL": "KL", "JS": "JSD", "JSD": "JSD", "TV": "TV", r"\chi^2": "chi2", r"\chi^{2}": "chi2"}.get(
                label.replace(r"\mathrm{", "").replace("}", "") if "mathrm" in label else label, ""
            )
            if kind and self.token.text in ("(", "[", r"\{"):
                return kind
        elif token.kind == "word" and token.text in DIVERGENCES and self.ahead().text in ("(", "[", r"\{"):
            self.at += 1
            return DIVERGENCES[token.text]
        elif token.text == r"\mathbb{H}" and self.ahead().text in ("(", "[", r"\{"):
            self.at += 1
            return "H"
        elif (
            token.text == r"\chi"
            and self.ahead().text == "^"
            and self.ahead(2).text == "2"
            and self.ahead(3).text == "("
        ):
            self.at += 3
            return "chi2"
        self.at = at
        return ""

    def plain_name(self) -> Node:
        start = self.token.start
        name = self.decorated_name()
        indices: tuple[Node, ...] = ()
        if self.token.text == "_":
            name, indices, whole = self.subscripted(name)
            if whole is not None:
                return whole
            name = self.with_marks(name)
        if self.is_inverse(name):
            name += "^{-1}"
        if self.token.text == "(" and self.names.is_function(name):
            return self.ranged(start, Call, name, (*indices, *self.call_arguments()))
        if self.token.text == "(" and name.endswith("'") and self.names.is_function(name[:-1]):
            (at,) = self.call_arguments()
            return self.ranged(start, Derivative, name[:-1], at)
        if indices:
            return self.ranged(start, Indexed, name, indices)
        return self.ranged(start, Name, name)

    def with_marks(self, name: str) -> str:
        while self.accept("'"):
            name += "'"
        if self.token.text == "^" and self.ahead().text == "*":
            self.at += 2
            name += "^*"
        return name

    def is_inverse(self, name: str) -> bool:
        if not self.names.is_function(name + "^{-1}"):
            return False
        if [self.ahead(n).text for n in range(5)] == ["^", "{", "-", "1", "}"]:
            self.at += 5
            return True
        return False

    def subscripted(self, name: str) -> tuple[str, tuple[Node, ...], Node | None]:
        """The name with its label or its indices; or the whole node, for a sequence or a Jacobian."""
        start, underscore = self.found[self.at - 1].start, self.at
        self.next()
        after = self.at
        label = self.subscript_label()
        labeled = (
            f"{name}_{label}"
            if len(label) == 1 or (label.startswith("\\") and label[1:].isalpha())
            else f"{name}_{{{label}}}"
        )
        known = (labeled, f"{name}_{{{label}}}")
        for candidate in known:
            vocabulary = self.names.vocabulary
            if candidate in vocabulary.sets or candidate in vocabulary.variables or self.names.is_function(candidate):
                return candidate, (), None
            if candidate in self.names.labeled:
                return candidate, (), None
        if name == "J" and self.names.is_function(label) and self.token.text == "(":
            (at,) = self.call_arguments()
            return name, (), self.ranged(start, Derivative, label, at)
        if not (self.names.is_family(name) or self.names.is_function(name)) and not self.names.sort(name):
            raise FormulaError(
                f"{name}_{{{label}}} is not a name of the model or the page", self.found[underscore - 1].start
            )
        self.at = after
        if self.token.text != "{":
            return name, (self.argument(),), None
        self.next()
        first = self.expression()
        if self.accept(":"):
            last = self.expression()
            self.expect("}")
            return name, (), self.ranged(start, Sequence, name, first, last)
        indices = [first]
        while self.accept(","):
            indices.append(self.expression())
        self.expect("}")
        return name, tuple(indices), None

    def subscript_label(self) -> str:
        """The subscript as text, words without their command."""
        if self.token.text != "{":
            return self.next().text
        depth, parts = 0, []
        while True:
            token = self.next()
            if token.kind == "stop":
                raise self.fail("'}'", token)
            depth += token.text == "{"
            depth -= token.text == "}"
            if depth == 0:
                return "".join(parts[1:])
            parts.append(token.text)

    def call_arguments(self) -> tuple[Node, ...]:
        self.expect("(")
        bars, self.bars = self.bars, 0
        found = [self.expression()]
        while self.accept(",") or (self.token.text == ";" and self.accept(";")):
            found.append(self.expression())
        self.expect(")")
        self.bars = bars
        return tuple(found)

    def density(self) -> Node:
        start = self.token.start
        letter = self.decorated_name()
        label = ""
        if self.accept("_"):
            label = self.subscript_label()
            letter = self.with_marks(letter)
        if self.token.text != "(" or self.token.apart:
            return self.ranged(start, Density, Law(letter, label))
        self.next()
        bars, self.bars = self.bars, self.bars + 1
        left, right = [self.variable()], []
        while self.accept(","):
            left.append(self.variable())
        if self.accept(r"\mid", "|"):
            right.append(self.variable())
            while self.accept(","):
                right.append(self.variable())
        if self.accept(";"):
            if label:
                raise FormulaError(
                    "a law must have its parameter below or after the semicolon, not both", self.token.start
                )
            first = self.at
            while self.token.text not in (")",) and self.token.kind != "stop":
                self.next()
            label = "".join(token.text for token in self.found[first : self.at])
        self.bars = bars
        self.expect(")")
        return self.ranged(start, Density, Law(letter, label), tuple(left), tuple(right))

    def variable(self) -> Node:
        if self.token.text == r"\cdot":
            token = self.next()
            return Name(token.start, token.end, "·")
        return self.expression()


def replace_binder(binder: Binder, law: Node) -> Binder:
    """The binder with the law it is drawn from."""
    return Binder(binder.start, binder.end, binder.name, first=binder.first, last=binder.last, law=law)


def law_name(law: Density) -> str:
    """Key of a defined law: its letter, label, and numbers of variables before and after the bar."""
    return f"{law.law}({len(law.left or ())}|{len(law.right)})"
