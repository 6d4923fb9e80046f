"""What compiling keeps track of: names in scope, names met, steps left, the largest term added.

An expression is compiled once, to nested closures, and then evaluated on many instances. An evaluator never changes the
environment it is given.
"""

import functools
import math
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from hw.checked_math.arithmetic import Arithmetic
from hw.checked_math.errors import FormulaError
from hw.checked_math.models.model import Model
from hw.checked_math.syntax import Definition, Node

__all__ = [
    "INSTANCE",
    "STEPS",
    "Compiled",
    "Compiler",
    "Environment",
    "Evaluator",
    "Handler",
    "as_number",
    "holds",
    "together",
]

Environment = dict[str, Any]
Evaluator = Callable[[Environment], Any]
Compiled = tuple[Evaluator, str]  # with the sort of its value
Handler = Callable[["Compiler", Any], Compiled]  # for the nodes of one type
INSTANCE = "@"  # the key of the instance in an environment; no name of a formula looks like this
DEEPEST = 16  # bound variables around an expression, one within the other
STEPS = 600_000  # of loops and calls in all evaluations of one formula


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


def together(evaluators: Sequence[Evaluator]) -> Callable[[Environment], tuple[Any, ...]]:
    """The values of several expressions; one and two, the common cases, without a loop."""
    if len(evaluators) == 1:
        (only,) = evaluators
        return lambda env: (only(env),)
    if len(evaluators) == 2:
        first, second = evaluators
        return lambda env: (first(env), second(env))
    return lambda env: tuple([evaluate(env) for evaluate in evaluators])


def as_number(compiler: "Compiler", node: Node, sort: str) -> None:
    """Note that a value is used as a number, and refuse one of a sort whose values are none."""
    if sort in compiler.vocabulary.points:
        raise FormulaError(f"the values of {sort} are no numbers in the model {compiler.model.name}", node.start)
    if sort in ("x", "u", "z"):
        compiler.uses.add("numbers")


class Compiler:
    """Compiles the expressions of one formula for one model in one arithmetic.

    Attributes:
        free: Free variables met so far, by name, with their sorts.
        families: Free families met so far, by letter, with the sorts of their members.
        uses: Names and operations met so far.
        depth: How many times names are bound around what is compiled.
        scope: Bound names with their sorts; `"family z"` for a bound family.
        scale: The largest term that was added since it was last set to 0, as a list of one number.
        steps: Steps left, as a list of one number.
        compiled: Bodies of definitions that are compiled already.
        total: Sum of values, from the first to the last; in float64 it keeps `scale`.
    """

    def __init__(
        self,
        model: Model,
        arithmetic: Arithmetic,
        definitions: Mapping[str, Definition],
        handlers: Mapping[type, Handler],
    ) -> None:
        """Start with nothing bound."""
        self.model, self.arithmetic, self.definitions, self.handlers = model, arithmetic, definitions, handlers
        self.vocabulary = model.vocabulary
        self.free: dict[str, str] = {}
        self.families: dict[str, str] = {}
        self.uses: set[str] = set()
        self.scope: dict[str, str] = {}
        self.depth = 0
        self.scale = [0.0]
        self.steps = [STEPS]
        self.compiled: dict[Any, Compiled] = {}
        self.total = _total_with_scale(self.scale) if arithmetic.name == "float64" else _total

    def expression(self, node: Node) -> Evaluator:
        """The function that computes an expression.

        Raises:
            FormulaError: If a name is not known, or is used as what it is not.
        """
        return self.compile(node)[0]

    def compile(self, node: Node) -> Compiled:
        """The function that computes an expression, and the sort of its value."""
        return self.handlers[type(node)](self, node)

    def number(self, node: Node) -> Evaluator:
        """The function that computes a number; any other sort is refused."""
        evaluate, sort = self.compile(node)
        as_number(self, node, sort)
        if sort in ("set", "function", "vector"):
            raise FormulaError(f"expected a number, got a {sort}", node.start)
        return evaluate

    @contextmanager
    def bound(self, names: Mapping[str, str]) -> Iterator[None]:
        """Names with their sorts, bound in what is compiled inside."""
        before, depth = self.scope, self.depth
        if depth == DEEPEST:
            raise FormulaError(f"sums, expectations and definitions must be nested at most {DEEPEST} deep")
        self.scope, self.depth = {**before, **names}, depth + 1
        try:
            yield
        finally:
            self.scope, self.depth = before, depth

    def spend(self, steps: int) -> None:
        """Take steps from those left, and refuse to go on where none are."""
        self.steps[0] -= steps
        if self.steps[0] < 0:
            raise FormulaError("the formula takes too long to evaluate: fewer terms, or smaller sets, are needed")


def _total(values: Iterable[Any]) -> Any:
    return functools.reduce(operator.add, values, 0)


def _total_with_scale(scale: list[float]) -> Callable[[Iterable[Any]], Any]:
    infinity = math.inf

    def total_of(values: Iterable[Any]) -> Any:
        total: Any = 0
        largest: Any = 0.0
        for value in values:
            total = total + value
            size = abs(value)
            if largest < size != infinity:
                largest = size
        if largest > scale[0]:  # evaluating the values may have changed it
            scale[0] = largest
        return total

    return total_of
