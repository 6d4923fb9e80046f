"""Expressions as functions of an instance.

An expression is compiled once, to nested closures, and then evaluated on many instances. Names are resolved while
compiling: bound variables first, then the definitions of the page, then the model. Definitions are abbreviations, so what
stands free in them takes its value where they are used.
"""

import itertools
import math
from collections.abc import Callable, Iterable, Mapping
from contextlib import contextmanager
from typing import Any

from hw.checked_math.arithmetic import Arithmetic, multiply
from hw.checked_math.latex import FormulaError
from hw.checked_math.models.model import Model
from hw.checked_math.parser import bare_letter, law_name
from hw.checked_math.syntax import (
    BigOperator,
    Binder,
    Call,
    Cases,
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
    Substitution,
    walk,
)

__all__ = ["INSTANCE", "Compiler", "Environment", "Evaluator", "holds"]

Environment = dict[str, Any]
Evaluator = Callable[[Environment], Any]
INSTANCE = "@"  # the key of the instance in an environment; no name of a formula looks like this
STEPS = 3_000_000  # of loops and calls in all evaluations of one formula
TRANSCENDENTAL = ("log", "exp", "sqrt", "tanh")


def holds(sign: str, left: Any, right: Any) -> bool:
    """Whether two values stand in a relation, exactly; a value that is undefined stands in none."""
    if sign == "=":
        return left == right
    if sign == r"\neq":
        return left != right and left == left and right == right
    if sign == r"\in":
        return left in right
    if sign == r"\notin":
        return left not in right
    if sign == r"\subseteq":
        return left <= right
    return {"<": left < right, ">": left > right, r"\le": left <= right, r"\ge": left >= right}[sign]


class Compiler:
    """Compiles the expressions of one formula for one model in one arithmetic.

    Attributes:
        free: Free variables met so far, by name, with their sorts.
        families: Free families met so far, by letter, with the sorts of their members.
        uses: Names and operations met so far.
        scale: The largest term that was added since it was last set to 0, as a list of one number.
        steps: Steps left, as a list of one number.
    """

    def __init__(self, model: Model, arithmetic: Arithmetic, definitions: Mapping[str, Definition]) -> None:
        """Start with nothing bound."""
        self.model, self.arithmetic, self.definitions = model, arithmetic, definitions
        self.vocabulary = model.vocabulary
        self.free: dict[str, str] = {}
        self.families: dict[str, str] = {}
        self.uses: set[str] = set()
        self.scale = [0.0]
        self.steps = [STEPS]
        self.scope: dict[str, str] = {}  # bound names with their sorts; "family z" for a bound family
        self.compiled: dict[Any, tuple[Evaluator, str]] = {}

    def expression(self, node: Node) -> Evaluator:
        """The function that computes an expression.

        Raises:
            FormulaError: If a name is not known, or is used as what it is not.
        """
        return self.compile(node)[0]

    # ---- machinery ----

    @contextmanager
    def bound(self, names: Mapping[str, str]) -> Any:
        before = self.scope
        self.scope = {**before, **names}
        yield
        self.scope = before

    def spend(self, steps: int) -> None:
        self.steps[0] -= steps
        if self.steps[0] < 0:
            raise FormulaError("the formula takes too long to evaluate: fewer terms, or smaller sets, are needed")

    def compile(self, node: Node) -> tuple[Evaluator, str]:
        return getattr(self, f"_{type(node).__name__.lower()}")(node)

    def number(self, node: Node) -> Evaluator:
        evaluate, sort = self.compile(node)
        if sort in ("set", "function", "vector"):
            raise FormulaError(f"expected a number, got a {sort}", node.start)
        return evaluate

    # ---- leaves ----

    def _literal(self, node: Literal) -> tuple[Evaluator, str]:
        if isinstance(node.value, str):
            value = self.arithmetic.infinity if node.value == r"\infty" else self.arithmetic.pi
        elif node.value.denominator == 1:
            value = node.value.numerator
        else:
            value = self.arithmetic.ratio(node.value.numerator, node.value.denominator)
        return lambda env: value, "number"

    def _name(self, node: Name) -> tuple[Evaluator, str]:
        name = node.name
        if name in self.scope:
            return lambda env: env[name], self.scope[name]
        definition = self.definitions.get(name)
        if definition:
            if definition.arguments or definition.indices:
                return self.defined_function(node, definition)
            return self.call(node, definition, ())
        if name in self.vocabulary.sets:
            self.uses.add(name)
            return lambda env: env[INSTANCE].function(name), "set"
        if name in self.vocabulary.functions:
            self.uses.add(name)
            return lambda env: env[INSTANCE].function(name), "function"
        sort = self.vocabulary.variables.get(name) or self.vocabulary.variables.get(bare_letter(name), "")
        if sort:
            self.free[name] = sort
            self.uses.add(name)
            return lambda env: env[name], sort
        if name == "e":
            self.uses.add("transcendental")
            base = self.arithmetic.functions["exp"](1)
            return lambda env: base, "number"
        raise self.unknown(node, name)

    def unknown(self, node: Node, name: str) -> FormulaError:
        model = self.vocabulary
        known = sorted({*model.variables, *model.laws, *model.functions, *model.sets, *self.definitions} - {"·"})
        return FormulaError(
            f"{name} is not a name of the model {self.model.name} or of the page ({', '.join(known)})", node.start
        )

    def _indexed(self, node: Indexed) -> tuple[Evaluator, str]:
        name = node.name
        definition = self.definitions.get(name)
        if f"family {name}" not in self.scope and definition and definition.indices:
            return self.call(node, definition, node.indices)
        indices = [self.compile(index)[0] for index in node.indices]
        if f"family {name}" in self.scope:
            sort = self.scope[f"family {name}"]
        elif name in self.vocabulary.families:
            sort = self.families[name] = self.vocabulary.families[name]
            self.uses.add(name)
        else:
            raise self.unknown(node, name)
        key, nan = f"family {name}", self.arithmetic.nan
        index = indices[0] if len(indices) == 1 else lambda env: tuple(each(env) for each in indices)

        def member(env: Environment) -> Any:
            try:
                return env[key][index(env)]
            except KeyError:
                return nan

        return member, "set" if sort == "places" else sort

    def _sequence(self, node: Sequence) -> tuple[Evaluator, str]:
        raise FormulaError("a sequence can only be drawn, or passed to what is defined with one", node.start)

    # ---- definitions ----

    def call(self, node: Node, definition: Definition, arguments: tuple[Node, ...]) -> tuple[Evaluator, str]:
        parameters = [(name, None) for name in definition.indices] + list(definition.arguments)
        if len(arguments) != len(parameters):
            raise FormulaError(
                f"{definition.name} is defined with {len(parameters)} arguments, got {len(arguments)}", node.start
            )
        bound, setters = {}, []
        for (name, length), argument in zip(parameters, arguments, strict=True):
            evaluate, sort, key = self.argument(name, length, argument)
            bound[key] = sort
            setters.append((key, evaluate))
            if length and length not in dict(parameters):
                bound[length] = "count"
                setters.append((length, self.length_of(argument)))
        signature = definition.name, tuple(sorted({**self.scope, **bound}.items()))
        if signature not in self.compiled:
            with self.bound(bound):
                self.compiled[signature] = self.compile(definition.body)
        body, sort = self.compiled[signature]

        def evaluate_call(env: Environment) -> Any:
            self.spend(1)
            inner = dict(env)
            for key, evaluate in setters:
                inner[key] = evaluate(env)
            return body(inner)

        return evaluate_call, sort

    def argument(self, name: str, length: str | None, node: Node) -> tuple[Evaluator, str, str]:
        if length is None:
            evaluate, sort = self.compile(node)
            return evaluate, sort, name
        if not isinstance(node, Sequence):
            raise FormulaError(f"expected a sequence such as {name}_{{1:k}}", node.start)
        first, last = self.number(node.first), self.number(node.last)
        with self.bound({"@index": "index"}):
            member, sort = self.compile(
                Indexed(node.start, node.end, node.name, (Name(node.start, node.end, "@index"),))
            )

        def members(env: Environment) -> dict[int, Any]:
            inner = dict(env)
            found = {}
            for place, index in enumerate(range(int(first(env)), int(last(env)) + 1), 1):
                inner["@index"] = index
                found[place] = member(inner)
            return found

        return members, sort, f"family {name}"

    def length_of(self, node: Node) -> Evaluator:
        if not isinstance(node, Sequence):
            raise FormulaError("expected a sequence", node.start)
        first, last = self.number(node.first), self.number(node.last)
        return lambda env: last(env) - first(env) + 1

    def defined_function(self, node: Node, definition: Definition) -> tuple[Evaluator, str]:
        """A defined name passed on without its arguments, or standing for a law."""
        names = [Name(node.start, node.end, f"@{place}") for place in range(len(definition.arguments))]
        if definition.indices or any(length for _, length in definition.arguments):
            raise FormulaError(f"{definition.name} needs its indices and arguments", node.start)
        with self.bound(
            {
                name.name: self.sort_of_parameter(argument)
                for name, (argument, _) in zip(names, definition.arguments, strict=True)
            }
        ):
            body, _ = self.call(node, definition, tuple(names))

        def function(env: Environment) -> Callable[..., Any]:
            return lambda *values: body(
                {**env, **{name.name: value for name, value in zip(names, values, strict=True)}}
            )

        return function, "function"

    def sort_of_parameter(self, name: str) -> str:
        return self.vocabulary.variables.get(bare_letter(name), "number")

    def _call(self, node: Call) -> tuple[Evaluator, str]:
        name = node.name
        if name not in self.scope and name in self.definitions:
            return self.call(node, self.definitions[name], node.arguments)
        if name in self.scope:
            function: Evaluator = lambda env: env[name]  # noqa: E731
            sort, count = "number", len(node.arguments)
        elif name in self.vocabulary.functions:
            count, sort = self.vocabulary.functions[name]
            self.uses.add(name)
            function = lambda env: env[INSTANCE].function(name)  # noqa: E731
        else:
            raise self.unknown(node, name)
        if count != len(node.arguments):
            raise FormulaError(f"{name} takes {count} arguments, got {len(node.arguments)}", node.start)
        arguments = [self.compile(argument)[0] for argument in node.arguments]
        if count == 1:
            (only,) = arguments
            return lambda env: function(env)(only(env)), sort
        return lambda env: function(env)(*[argument(env) for argument in arguments]), sort

    # ---- laws ----

    def _density(self, node: Density) -> tuple[Evaluator, str]:
        if node.left is None:
            raise FormulaError(f"the law {node.law} must be written with its variables here", node.start)
        definition = self.definitions.get(law_name(node))
        if definition:
            return self.call(node, definition, (*node.left, *node.right))
        left = [self.compile(part) for part in node.left]
        right = [self.compile(part) for part in node.right]
        try:
            key = self.model.law(node.law, tuple(sort for _, sort in left), tuple(sort for _, sort in right))
        except ValueError as error:
            raise FormulaError(str(error), node.start) from None
        sorts = f"({','.join(sort for _, sort in left)}|{','.join(sort for _, sort in right)})"
        self.uses |= {str(node.law), f"{node.law}{sorts}"}
        arguments = [evaluate for evaluate, _ in (*left, *right)]
        if len(arguments) == 1:
            (only,) = arguments
            return lambda env: env[INSTANCE].density(key)(only(env)), "number"
        if len(arguments) == 2:
            first, second = arguments
            return lambda env: env[INSTANCE].density(key)(first(env), second(env)), "number"
        return lambda env: env[INSTANCE].density(key)(*[argument(env) for argument in arguments]), "number"

    def with_variables(self, node: Node, names: Mapping[str, str]) -> Node:
        """A law expression in which bare laws have got their variables: `names` maps sorts to variables."""
        if isinstance(node, Density):
            return self.density_with_variables(node, names)
        if isinstance(node, Operation):
            operands = tuple(self.with_variables(part, names) for part in node.operands)
            return Operation(node.start, node.end, node.operator, operands)
        if isinstance(node, Name) and node.name in self.definitions and self.definitions[node.name].arguments:
            arguments = [
                Name(node.start, node.end, names.get(self.sort_of_parameter(name), name))
                for name, _ in self.definitions[node.name].arguments
            ]
            return Call(node.start, node.end, node.name, tuple(arguments))
        return node

    def density_with_variables(self, node: Density, names: Mapping[str, str]) -> Density:
        if node.left is None:
            left, right = self.bare(node)
            variables = tuple(Name(node.start, node.end, names[sort]) for sort in left)
            return Density(
                node.start, node.end, node.law, variables, tuple(Name(node.start, node.end, name) for name in right)
            )
        if Name(node.left[0].start, node.left[0].end, "·") in node.left:
            sort = self.sort_of_dot(node, names)
            return Density(node.start, node.end, node.law, (Name(node.start, node.end, names[sort]),), node.right)
        return node

    def sort_of_dot(self, node: Density, names: Mapping[str, str]) -> str:
        right = tuple(self.compile(part)[1] for part in node.right)
        for sort in names:
            try:
                self.model.law(node.law, (sort,), right)
            except ValueError:
                continue
            return sort
        raise FormulaError(f"the variable of {node.law} must be named here", node.start)

    def bare(self, node: Density) -> tuple[tuple[str, ...], tuple[str, ...]]:
        try:
            return self.model.bare(node.law)
        except ValueError as error:
            raise FormulaError(str(error), node.start) from None

    def variables_of(self, node: Node) -> dict[str, str]:
        """Variables that a law expression is a law of, with their sorts; bare laws give `·` and the sort."""
        if isinstance(node, Density):
            if node.left is None:
                return {f"·{sort}": sort for sort in self.bare(node)[0]}
            found = {}
            for part in node.left:
                if not isinstance(part, Name):
                    raise FormulaError("the variable of a law must be plain here", part.start)
                if part.name == "·":
                    sorts = set(self.vocabulary.variables.values()) - {"count", "index", "number"}
                    sort = self.sort_of_dot(node, dict.fromkeys(sorted(sorts), ""))
                    found[f"·{sort}"] = sort
                else:
                    found[part.name] = self.vocabulary.variables.get(bare_letter(part.name), "")
            return found
        if isinstance(node, Operation):
            found = {}
            for part in node.operands:
                found |= self.variables_of(part)
            return found
        return {}

    def laws_over(self, laws: tuple[Node, ...]) -> tuple[dict[str, str], list[Node]]:
        """The common variables of several laws, and the laws with these variables."""
        found: dict[str, str] = {}
        by_law = [self.variables_of(law) for law in laws]
        for variables in by_law:
            named = {name: sort for name, sort in variables.items() if not name.startswith("·")}
            found |= named
        for variables in by_law:
            found |= {name: sort for name, sort in variables.items() if sort not in found.values()}
        if not found:
            raise FormulaError("expected a law", laws[0].start)
        for law, variables in zip(laws, by_law, strict=True):
            if variables and sorted(variables.values()) != sorted(found.values()):
                raise FormulaError(f"the laws must be of the same variables, got {_words(by_law)}", law.start)
            if any(name not in found and not name.startswith("·") for name in variables):
                raise FormulaError(f"the laws must be of the same variables, got {_words(by_law)}", law.start)
        by_sort = {sort: name for name, sort in found.items()}
        return found, [self.with_variables(law, by_sort) for law in laws]

    def _divergence(self, node: Divergence) -> tuple[Evaluator, str]:
        names, laws = self.laws_over(node.laws)
        if node.kind in ("KL", "JSD", "H"):
            self.uses.add("transcendental")
        with self.bound(names):
            densities = [self.number(law) for law in laws]
        term = self.divergence_term(node.kind)
        cells = self.cells(names)
        track, scale = self.arithmetic.name == "float64", self.scale

        def evaluate(env: Environment) -> Any:
            inner = dict(env)
            total: Any = 0
            for weight in cells(inner):
                value = multiply(weight, term(*[density(inner) for density in densities]))
                total = total + value
                if track and abs(value) > scale[0] and abs(value) != math.inf:
                    scale[0] = abs(value)
            return finish(total)

        half = self.arithmetic.ratio(1, 2)
        finish: Callable[[Any], Any] = (
            (lambda total: half * total) if node.kind in ("JSD", "TV") else lambda total: total
        )
        return evaluate, "number"

    def divergence_term(self, kind: str) -> Callable[..., Any]:
        log, divide, infinity = self.arithmetic.functions["log"], self.arithmetic.divide, self.arithmetic.infinity

        def relative(p: Any, q: Any) -> Any:
            if p == 0:  # 0 log 0 = 0, whatever q is
                return 0
            return infinity if q == 0 else p * log(divide(p, q))

        def jensen_shannon(p: Any, q: Any) -> Any:
            middle = divide(p + q, 2)
            return relative(p, middle) + relative(q, middle)

        def chi_squared(p: Any, q: Any) -> Any:
            if q == 0:
                return 0 if p == 0 else infinity
            return divide((p - q) * (p - q), q)

        def entropy(p: Any, q: Any = None) -> Any:
            return 0 if p == 0 else -p * log(p if q is None else q)

        return {
            "KL": relative, "JSD": jensen_shannon, "TV": lambda p, q: abs(p - q), "chi2": chi_squared, "H": entropy,
        }[kind]  # fmt: skip

    def cells(self, names: Mapping[str, str]) -> Callable[[Environment], Iterable[Any]]:
        """Sets variables to every combination of points in turn, in place, and gives the weights."""
        items = list(names.items())

        def each(env: Environment) -> Iterable[Any]:
            spaces = [env[INSTANCE].space(sort) for _, sort in items]
            self.spend(math.prod(map(len, spaces)))
            if len(spaces) == 1:
                (name, _), (space,) = items[0], spaces
                for point, weight in space:
                    env[name] = point
                    yield weight
                return
            for combination in itertools.product(*spaces):
                weight: Any = 1
                for (name, _), (point, own) in zip(items, combination, strict=True):
                    env[name] = point
                    weight = weight * own
                yield weight

        return each

    # ---- expectations ----

    def _expectation(self, node: Expectation) -> tuple[Evaluator, str]:
        if node.law is not None:
            draws = self.law_draws(node.law)
        else:
            if not node.binders:
                raise FormulaError(f"{node.operator} must say below over which law it is taken", node.start)
            draws = [self.binder_draws(binder) for binder in node.binders]
        with self.bound_by(draws):
            bodies = [self.number(body) for body in node.bodies]
        if (node.operator == "Cov") != (len(bodies) == 2):
            raise FormulaError(f"{node.operator} takes {1 + (node.operator == 'Cov')} argument(s)", node.start)
        mean = self.mean(draws)
        if node.operator == "E":
            (body,) = bodies
            return lambda env: mean(env, body), "number"

        def covariance(env: Environment) -> Any:
            first, last = bodies[0], bodies[-1]
            centers = mean(env, first), mean(env, last)
            return mean(env, lambda inner: multiply(first(inner) - centers[0], last(inner) - centers[1]))

        return covariance, "number"

    @contextmanager
    def bound_by(self, draws: list[Any]) -> Any:
        before = self.scope
        for names, _ in draws:
            self.scope = {**self.scope, **names}
        yield
        self.scope = before

    def mean(self, draws: list[Any]) -> Callable[[Environment, Evaluator], Any]:
        track, scale = self.arithmetic.name == "float64", self.scale

        def over(env: Environment, body: Evaluator, depth: int) -> Any:
            if depth == len(draws):
                return body(env)
            total: Any = 0
            for mass in draws[depth][1](env):
                value = over(env, body, depth + 1)
                value = mass * value if value != 0 else 0
                total = total + value
                if track and abs(value) > scale[0] and abs(value) != math.inf:
                    scale[0] = abs(value)
            return total

        return lambda env, body: over(dict(env), body, 0)

    def law_draws(self, law: Node) -> list[Any]:
        if isinstance(law, Name) and law.name in self.vocabulary.random and law.name not in self.definitions:
            of = Density(law.start, law.end, self.vocabulary.random[law.name])
            return [self.binder_draws(Binder(law.start, law.end, law.name, law=of))]
        names, (full,) = self.laws_over((law,))
        names = {self.plain(name, sort): sort for name, sort in names.items()}
        full = self.with_variables(law, {sort: name for name, sort in names.items()})
        with self.bound(names):
            density = self.number(full)
        cells = self.cells(names)

        def each(env: Environment) -> Iterable[Any]:
            for weight in cells(env):
                mass = multiply(weight, density(env))
                if mass != 0:
                    yield mass

        return [(names, each)]

    def plain(self, name: str, sort: str) -> str:
        """The variable that an expectation under a bare law binds: the model's letter of that sort."""
        if not name.startswith("·"):
            return name
        return next(letter for letter, own in self.vocabulary.variables.items() if own == sort)

    def binder_draws(self, binder: Binder) -> Any:
        """Names that a draw binds, and a function that sets them to each value in turn and gives the masses."""
        if binder.size is not None:
            return self.subset_draws(binder)
        law = binder.law
        if law is None:
            raise FormulaError("expected a law", binder.start)
        sort = self.sort_of_draw(binder, law)
        own = self.drawn_variable(law, sort)
        with self.bound({own: sort}):
            density = self.number(self.with_variables(law, {sort: own}))

        def atoms(env: Environment) -> list[tuple[Any, Any]]:
            inner = dict(env)
            found = []
            space = env[INSTANCE].space(sort)
            self.spend(len(space))
            for point, weight in space:
                inner[own] = point
                mass = multiply(weight, density(inner))
                if mass != 0:
                    found.append((point, mass))
            return found

        name = binder.name
        if binder.first is None:

            def each(env: Environment) -> Iterable[Any]:
                for point, mass in atoms(env):
                    env[name] = point
                    yield mass

            return {name: sort}, each
        return {f"family {name}": sort}, self.copies(binder, atoms)

    def copies(
        self, binder: Binder, atoms: Callable[[Environment], list[tuple[Any, Any]]]
    ) -> Callable[..., Iterable[Any]]:
        """Independent draws of the members of a family, in place of those it had."""
        if binder.first is None or binder.last is None:
            raise FormulaError("expected the first and the last index", binder.start)
        first, last = self.number(binder.first), self.number(binder.last)
        key = f"family {binder.name}"
        single = binder.first is binder.last

        def each(env: Environment) -> Iterable[Any]:
            indices = range(_whole(first(env)), _whole(last(env)) + 1)
            points = atoms(env)
            self.spend(len(points) ** len(indices) if len(indices) < 64 else STEPS + 1)
            before = env.get(key, {}) if single else {}
            for combination in itertools.product(points, repeat=len(indices)):
                mass: Any = 1
                for _, own in combination:
                    mass = mass * own
                env[key] = {**before, **{index: point for index, (point, _) in zip(indices, combination, strict=True)}}
                yield mass

        return each

    def sort_of_draw(self, binder: Binder, law: Node) -> str:
        sort = self.vocabulary.variables.get(bare_letter(binder.name), "") or self.vocabulary.families.get(
            binder.name, ""
        )
        if sort:
            return sort
        sorts = set(self.variables_of(law).values())
        if len(sorts) != 1:
            raise FormulaError(f"{binder.name} must be a variable that the law is a law of", binder.start)
        return sorts.pop()

    def drawn_variable(self, law: Node, sort: str) -> str:
        """The name under which the law knows what is drawn: `z` in `z_{1:k} \\sim q(z | x)`."""
        try:
            names = self.variables_of(law)
        except FormulaError:
            if not isinstance(law, Density) or law.left is not None:
                raise
            return "@drawn"
        for name, own in names.items():
            if own == sort and not name.startswith("·"):
                return name
        return "@drawn"

    def subset_draws(self, binder: Binder) -> Any:
        over, _ = self.compile(binder.over)  # type: ignore[arg-type]
        size = self.number(binder.size)  # type: ignore[arg-type]
        name, ratio = binder.name, self.arithmetic.ratio

        def each(env: Environment) -> Iterable[Any]:
            members, count = sorted(over(env)), _whole(size(env))
            if not 0 <= count <= len(members):
                yield self.arithmetic.nan  # there is no such subset to take a mean over
                return
            number = math.comb(len(members), count)
            self.spend(number)
            mass = ratio(1, number)
            for subset in itertools.combinations(members, count):
                env[name] = frozenset(subset)
                yield mass

        return {name: "set"}, each

    # ---- sums and their kin ----

    def binding(self, binders: tuple[Binder, ...], body: Node, operator: str) -> tuple[dict[str, str], list[Any]]:
        names: dict[str, str] = {}
        loops = []
        for binder in binders:
            with self.bound(names):
                sort, values = self.values(binder, body, operator)
            names[binder.name] = sort
            loops.append((binder.name, values))
        return names, loops

    def values(self, binder: Binder, body: Node, operator: str) -> tuple[str, Evaluator]:
        """Sort of a bound variable, and its values with their weights."""
        if binder.over is not None:
            if operator == "int":
                return "number", self.interval(binder.over)
            over, _ = self.compile(binder.over)
            is_range = isinstance(binder.over, Range)
            sort = "index" if is_range else self.vocabulary.sets.get(getattr(binder.over, "name", ""), "index")
            return sort, lambda env: [(value, 1) for value in over(env)]
        if binder.first is not None:
            raise FormulaError("a sum with a lower bound must have an upper one", binder.start)
        sort = self.vocabulary.variables.get(bare_letter(binder.name), "")
        if sort in ("index", "count") or (not sort and operator != "int"):
            return "index", self.indices_of(binder, body)
        if not sort:
            raise FormulaError(f"{binder.name} is not a variable of the model {self.model.name}", binder.start)
        self.uses.add("integral" if operator == "int" else "sum")
        return sort, lambda env: env[INSTANCE].space(sort)

    def indices_of(self, binder: Binder, body: Node) -> Evaluator:
        r"""Where a sum names its index only, the family in its body says what the index runs over."""
        for node in walk(body):
            if isinstance(node, Indexed) and node.indices == (
                Name(node.indices[0].start, node.indices[0].end, binder.name),
            ):
                if f"family {node.name}" in self.scope:
                    key = f"family {node.name}"
                    return lambda env: [(index, 1) for index in env[key]]
        raise FormulaError(f"{binder.name} must have bounds, such as _{{{binder.name}=1}}^{{k}}", binder.start)

    def interval(self, over: Node) -> Evaluator:
        if not isinstance(over, Range):
            raise FormulaError("an integral must have two bounds, or none", over.start)
        first, last = self.number(over.first), self.number(over.last)
        self.uses.add("quadrature")
        return lambda env: _gauss_legendre(float(first(env)), float(last(env)))

    def conditions(self, conditions: Iterable[Comparison]) -> Evaluator | None:
        compiled = [(self.compile(each.left)[0], each.sign, self.compile(each.right)[0]) for each in conditions]
        if not compiled:
            return None
        return lambda env: all(holds(sign, left(env), right(env)) for left, sign, right in compiled)

    def walked(self, loops: list[Any], condition: Evaluator | None) -> Callable[[Environment], Iterable[Any]]:
        def over(env: Environment, depth: int, weight: Any) -> Iterable[Any]:
            if depth == len(loops):
                if condition is None or condition(env):
                    yield weight
                return
            name, values = loops[depth]
            points = values(env)
            self.spend(len(points))
            for point, own in points:
                env[name] = point
                yield from over(env, depth + 1, weight if own == 1 else weight * own)

        return lambda env: over(env, 0, 1)

    def _bigoperator(self, node: BigOperator) -> tuple[Evaluator, str]:
        names, loops = self.binding(node.binders, node.body, node.operator)
        with self.bound(names):
            body = self.number(node.body)
            condition = self.conditions(node.conditions)
        each = self.walked(loops, condition)
        if node.operator in ("max", "min"):
            choose, nan = self.arithmetic.functions[node.operator], self.arithmetic.nan

            def extremum(env: Environment) -> Any:
                inner = dict(env)
                values = [body(inner) for _ in each(inner)]
                return choose(*values) if values else nan

            return extremum, "number"
        if node.operator == "prod":

            def product(env: Environment) -> Any:
                inner = dict(env)
                total: Any = 1
                for _ in each(inner):
                    total = multiply(total, body(inner))
                return total

            return product, "number"
        if len(loops) == 1 and condition is None:
            return self.simple_sum(*loops[0], body), "number"
        track, scale = self.arithmetic.name == "float64", self.scale

        def total_of(env: Environment) -> Any:
            inner = dict(env)
            total: Any = 0
            for weight in each(inner):
                value = multiply(weight, body(inner))
                total = total + value
                if track and abs(value) > scale[0] and abs(value) != math.inf:
                    scale[0] = abs(value)
            return total

        return total_of, "number"

    def simple_sum(self, name: str, values: Evaluator, body: Evaluator) -> Evaluator:
        """A sum over one variable, without conditions: the common case."""
        track, scale, spend = self.arithmetic.name == "float64", self.scale, self.spend

        def total_of(env: Environment) -> Any:
            inner = dict(env)
            total: Any = 0
            points = values(env)
            spend(len(points))
            for point, weight in points:
                inner[name] = point
                value = body(inner)
                if weight != 1:
                    value = multiply(weight, value)
                total = total + value
                if track and abs(value) > scale[0] and abs(value) != math.inf:
                    scale[0] = abs(value)
            return total

        return total_of

    # ---- arithmetic ----

    def _operation(self, node: Operation) -> tuple[Evaluator, str]:
        operator = node.operator
        if operator in ("union", "cap", "cup", "setminus", "oplus"):
            return self.set_operation(node)
        if operator in ("size", "det", "norm", "inner", "abs"):
            return getattr(self, operator)(node)
        compiled = [self.compile(operand) for operand in node.operands]
        sorts = {sort for _, sort in compiled}
        if "function" in sorts:
            raise FormulaError("a function must be applied to its arguments here", node.start)
        if operator in ("+", "neg") and sorts & {"offset", "set", "vector"}:
            return self.shifted(operator, [evaluate for evaluate, _ in compiled], sorts)
        if sorts & {"set"} or (sorts & {"offset", "vector"} and operator not in ("*", "/")):
            raise FormulaError("expected numbers", node.start)
        evaluators = [evaluate for evaluate, _ in compiled]
        if operator == "+":
            return self.added(evaluators), "number"
        if operator == "*":
            if "vector" in sorts or "offset" in sorts:
                raise FormulaError(r"write the inner product as z_i^\top z_j", node.start)
            return self.multiplied(evaluators), "number"
        if operator == "neg":
            (only,) = evaluators
            return lambda env: -only(env), "number"
        if operator == "/":
            return self.divided(
                *evaluators, by_number="vector" not in sorts
            ), "vector" if "vector" in sorts else "number"
        if operator == "^":
            base, exponent = evaluators
            power = self.arithmetic.power
            return lambda env: power(base(env), exponent(env)), "number"
        return self.applied(operator, evaluators), "number"

    def added(self, evaluators: list[Evaluator]) -> Evaluator:
        if self.arithmetic.name != "float64":
            return lambda env: sum(evaluate(env) for evaluate in evaluators)
        scale = self.scale

        def add(env: Environment) -> Any:
            total: Any = 0
            for evaluate in evaluators:
                value = evaluate(env)
                total = total + value
                if abs(value) > scale[0] and abs(value) != math.inf:
                    scale[0] = abs(value)
            return total

        return add

    def multiplied(self, evaluators: list[Evaluator]) -> Evaluator:
        if len(evaluators) == 2:
            first, second = evaluators

            def two(env: Environment) -> Any:
                a = first(env)
                if a == 0:
                    return 0
                b = second(env)
                return 0 if b == 0 else a * b

            return two

        def product(env: Environment) -> Any:
            total: Any = 1
            for evaluate in evaluators:
                value = evaluate(env)
                if value == 0:
                    return 0
                total = total * value
            return total

        return product

    def divided(self, above: Evaluator, below: Evaluator, *, by_number: bool) -> Evaluator:
        divide = self.arithmetic.divide
        if by_number:
            return lambda env: divide(above(env), below(env))

        def scaled(env: Environment) -> Any:
            number = below(env)
            return tuple(divide(part, number) for part in above(env))

        return scaled

    def applied(self, operator: str, evaluators: list[Evaluator]) -> Evaluator:
        function = self.arithmetic.functions[operator]
        if operator in TRANSCENDENTAL:
            self.uses.add("transcendental")
        if len(evaluators) == 1:
            (only,) = evaluators
            return lambda env: function(only(env))
        return lambda env: function(*[evaluate(env) for evaluate in evaluators])

    def shifted(self, operator: str, evaluators: list[Evaluator], sorts: set[str]) -> tuple[Evaluator, str]:
        """Sums and negatives of offsets and vectors, and sets moved by an offset."""
        sort = "set" if "set" in sorts else "vector" if "vector" in sorts else "offset"
        if operator == "neg":
            (only,) = evaluators
            return lambda env: _negative(only(env)), sort

        def add(env: Environment) -> Any:
            total = evaluators[0](env)
            for evaluate in evaluators[1:]:
                total = _shift(total, evaluate(env))
            return total

        return add, sort

    def set_operation(self, node: Operation) -> tuple[Evaluator, str]:
        first, second = (self.set_(operand) for operand in node.operands)
        if node.operator == "oplus":
            return lambda env: frozenset(_shift(a, b) for a in first(env) for b in second(env)), "set"
        combine = {"cup": frozenset.union, "cap": frozenset.intersection, "setminus": frozenset.difference}[
            node.operator
        ]
        return lambda env: combine(frozenset(first(env)), second(env)), "set"

    def set_(self, node: Node) -> Evaluator:
        evaluate, sort = self.compile(node)
        if sort != "set":
            raise FormulaError(f"expected a set, got a {sort}", node.start)
        return evaluate

    def size(self, node: Operation) -> tuple[Evaluator, str]:
        members = self.set_(node.operands[0])
        return lambda env: len(members(env)), "number"

    def abs(self, node: Operation) -> tuple[Evaluator, str]:
        evaluate, sort = self.compile(node.operands[0])
        if sort == "set":
            return lambda env: len(evaluate(env)), "number"
        if sort in ("vector", "offset", "function"):
            raise FormulaError(f"expected a number between bars, got a {sort}", node.start)
        return lambda env: abs(evaluate(env)), "number"

    def norm(self, node: Operation) -> tuple[Evaluator, str]:
        evaluate, sort = self.compile(node.operands[0])
        root = self.arithmetic.functions["sqrt"]
        if sort != "vector":
            return lambda env: abs(evaluate(env)), "number"
        return lambda env: root(sum(part * part for part in evaluate(env))), "number"

    def inner(self, node: Operation) -> tuple[Evaluator, str]:
        (first, one), (second, other) = (self.compile(operand) for operand in node.operands)
        if (one, other) != ("vector", "vector"):
            raise FormulaError("expected two vectors", node.start)
        return lambda env: sum(a * b for a, b in zip(first(env), second(env), strict=True)), "number"

    def det(self, node: Operation) -> tuple[Evaluator, str]:
        self.uses.add("det")
        matrix = self.matrix(node.operands[0])
        return lambda env: _determinant(matrix(env)), "number"

    def matrix(self, node: Node) -> Evaluator:
        if not isinstance(node, Derivative) or node.name not in self.vocabulary.functions:
            raise FormulaError("expected the derivative of a function of the model", node.start)
        name = node.name
        at, _ = self.compile(node.at)
        self.uses |= {name, "det"}
        return lambda env: env[INSTANCE].jacobian(name, at(env))

    def _derivative(self, node: Derivative) -> tuple[Evaluator, str]:
        matrix = self.matrix(node)

        def entry(env: Environment) -> Any:
            rows = matrix(env)
            if len(rows) != 1:
                raise FormulaError(r"a derivative in several dimensions is a matrix: write \det before it", node.start)
            return rows[0][0]

        return entry, "number"

    # ---- conditions and sets ----

    def _indicator(self, node: Indicator) -> tuple[Evaluator, str]:
        condition = self.conditions(node.conditions)
        return lambda env: 1 if condition is None or condition(env) else 0, "number"

    def _cases(self, node: Cases) -> tuple[Evaluator, str]:
        branches = [(self.number(value), self.conditions(conditions or ())) for value, conditions in node.branches]
        nan = self.arithmetic.nan

        def choose(env: Environment) -> Any:
            for value, condition in branches:
                if condition is None or condition(env):
                    return value(env)
            return nan

        return choose, "number"

    def _substitution(self, node: Substitution) -> tuple[Evaluator, str]:
        value, sort = self.compile(node.value)
        own = self.vocabulary.variables.get(bare_letter(node.name), sort)
        with self.bound({node.name: own}):
            body, result = self.compile(node.body)
        return lambda env: body({**env, node.name: value(env)}), result

    def _range(self, node: Range) -> tuple[Evaluator, str]:
        first, last = self.number(node.first), self.number(node.last)

        def numbers(env: Environment) -> range:
            return range(_whole(first(env)), _whole(last(env)) + 1)

        return numbers, "set"

    def _setliteral(self, node: SetLiteral) -> tuple[Evaluator, str]:
        members = [self.compile(member)[0] for member in node.members]
        return lambda env: frozenset(member(env) for member in members), "set"

    def _setbuilder(self, node: SetBuilder) -> tuple[Evaluator, str]:
        names, loops = self.binding(node.binders, node.body, "set")
        with self.bound(names):
            body, _ = self.compile(node.body)
            condition = self.conditions(node.conditions)
        each = self.walked(loops, condition)

        def members(env: Environment) -> frozenset[Any]:
            inner = dict(env)
            return frozenset(body(inner) for _ in each(inner))

        return members, "set"

    def _pairs(self, node: Pairs) -> tuple[Evaluator, str]:
        members = [self.number(member) for member in node.members]
        return lambda env: tuple(member(env) for member in members), "offset"


def _words(variables: list[dict[str, str]]) -> str:
    return " and ".join(", ".join(name.removeprefix("·") for name in names) or "none" for names in variables)


def _whole(value: Any) -> int:
    if value != value or value != int(value):
        raise FormulaError(f"a bound must be a whole number, got {value}")
    return int(value)


def _shift(a: Any, b: Any) -> Any:
    if isinstance(a, frozenset):
        return frozenset(_shift(member, b) for member in a)
    if isinstance(b, frozenset):
        return frozenset(_shift(a, member) for member in b)
    return tuple(x + y for x, y in zip(a, b, strict=True))


def _negative(a: Any) -> Any:
    return frozenset(map(_negative, a)) if isinstance(a, frozenset) else tuple(-x for x in a)


def _determinant(rows: tuple[tuple[Any, ...], ...]) -> Any:
    if len(rows) == 1:
        return rows[0][0]
    minors = (tuple(row[:column] + row[column + 1 :] for row in rows[1:]) for column in range(len(rows)))
    return sum(
        (-1) ** column * entry * _determinant(minor)
        for column, (entry, minor) in enumerate(zip(rows[0], minors, strict=True))
    )


def _gauss_legendre(first: float, last: float, count: int = 48) -> list[tuple[float, float]]:
    """Nodes and weights on an interval; the zeros of the Legendre polynomial by Newton's method."""
    if not math.isfinite(first) or not math.isfinite(last):
        raise FormulaError("an integral must have finite bounds, or be over the whole space")
    found = []
    for place in range(count):
        x = math.cos(math.pi * (place + 0.75) / (count + 0.5))
        for _ in range(60):
            below, value = 1.0, x
            for degree in range(2, count + 1):
                below, value = value, ((2 * degree - 1) * x * value - (degree - 1) * below) / degree
            slope = count * (x * value - below) / (x * x - 1)
            step = value / slope
            x -= step
            if abs(step) < 1e-16:
                break
        half = (last - first) / 2
        found.append(((first + last) / 2 + half * x, half * 2 / ((1 - x * x) * slope * slope)))
    return found
