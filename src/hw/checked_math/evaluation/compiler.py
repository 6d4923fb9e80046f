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
from hw.checked_math.lifting import lifted
from hw.checked_math.models.model import Model
from hw.checked_math.series import Series, coefficients, refuse
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
    "check_sort",
    "function_sort",
    "holds",
    "is_function_sort",
    "together",
]

Environment = dict[str, Any]
Evaluator = Callable[[Environment], Any]
Compiled = tuple[Evaluator, str]  # with the sort of its value
Handler = Callable[["Compiler", Any], Compiled]  # for the nodes of one type
INSTANCE = "@"  # the key of the instance in an environment; no name of a formula looks like this
DEEPEST = 16  # bound variables around an expression, one within the other
STEPS = 600_000  # of loops and calls in all evaluations of one formula
CANCELED = 1e3  # terms so many times larger than their sum have lost digits that count


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


def function_sort(sorts: Iterable[str]) -> str:
    """The sort of a function of arguments of these sorts."""
    return f"function of {', '.join(sorts)}"


def is_function_sort(sort: str) -> bool:
    """Whether the values of a sort are functions."""
    return sort.startswith("function")


def check_sort(compiler: "Compiler", what: str, wanted: str, sort: str, node: Node) -> None:
    """Refuse a value of another sort than is wanted; counts, indices and places on a line are numbers as well."""
    is_number = all(
        not is_function_sort(each)
        and each not in compiler.vocabulary.points
        and each not in ("set", "vector", "offset")
        for each in (wanted, sort)
    )
    if sort != wanted and not is_number:
        raise FormulaError(f"{what} must be of sort {wanted}, got one of sort {sort}", node.start)


class Compiler:
    """Compiles the expressions of one formula for one model in one arithmetic.

    Attributes:
        free: Free variables met so far, by name, with their sorts.
        families: Free families met so far, by letter, with the sorts of their members.
        uses: Names and operations met so far.
        depth: How many times names are bound around what is compiled.
        scope: Bound names with their sorts; `"family z"` for a bound family, `"set z"` where one of its members is set.
        scale: The largest term that was added since it was last set to 0, as a list of one number.
        steps: Steps left, as a list of one number.
        compiled: Bodies of definitions that are compiled already.
        total: Sum of values, from the first to the last; in float64 it keeps `scale`.
        order: Order of the derivative by a number whose body is compiled; 0 outside of one.
        lost: How many times larger than its sum a term was, in sums under a derivative, as a list of one number.
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
        self.order = 0
        self.lost = [0.0]

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
        self.check_number(node, sort)
        return evaluate

    def check_number(self, node: Node, sort: str) -> None:
        """Refuse a value that is no number."""
        as_number(self, node, sort)
        if sort in ("set", "vector") or is_function_sort(sort):
            raise FormulaError(f"expected a number, got a {sort}", node.start)

    def constant(self, node: Node) -> Evaluator:
        """The function that computes what a condition compares, which a derivative cannot be taken of."""
        evaluate, _ = self.compile(node)
        if not self.order:
            return evaluate

        def refusing(env: Environment) -> Any:
            value = evaluate(env)
            if isinstance(value, Series) or (isinstance(value, tuple) and any(isinstance(x, Series) for x in value)):
                refuse("a condition")
            return value

        return refusing

    @contextmanager
    def differentiating(self, order: int) -> Iterator[Arithmetic]:
        """What is compiled inside computes with power series; definitions are compiled anew."""
        before = self.arithmetic, self.compiled, self.total, self.order
        is_float = self.arithmetic.name == "float64"
        self.arithmetic, self.compiled, self.order = lifted(self.arithmetic), {}, order
        self.total = _total_of_series(self.scale, self.lost, order) if is_float else _total
        try:
            yield self.arithmetic
        finally:
            self.arithmetic, self.compiled, self.total, self.order = before

    @contextmanager
    def bound(self, names: Mapping[str, str]) -> Iterator[None]:
        """Names with their sorts, bound in what is compiled inside."""
        before, depth = self.scope, self.depth
        if depth == DEEPEST:
            raise FormulaError(f"sums, expectations and definitions must be nested at most {DEEPEST} deep")
        anew = {f"set {name.removeprefix('family ')}": "" for name in names if name.startswith("family ")}
        self.scope, self.depth = {**before, **anew, **names}, depth + 1
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


def _total_of_series(scale: list[float], lost: list[float], order: int) -> Callable[[Iterable[Any]], Any]:
    """The sum of series, which keeps the scale of the derivative of this order.

    The derivative is a sum of the terms' derivatives, so these make the scale: the terms themselves are of other units,
    and would make a tolerance wide or narrow by chance. Where the values cancel, as in 1 - σ(t) for large t, what is
    computed from their sum has lost as many digits, whatever its own size, so that loss is kept as a ratio.
    """
    infinity, factorial = math.inf, math.factorial(order)

    def total_of(values: Iterable[Any]) -> Any:
        total: Any = 0
        largest = largest_value = 0.0
        for value in values:
            total = total + value
            parts = coefficients(value)
            size, own = abs(factorial * parts[order]), abs(parts[0])
            if largest < size != infinity:
                largest = size
            if largest_value < own != infinity:
                largest_value = own
        scale[0] = max(scale[0], largest)
        left = abs(coefficients(total)[0])
        if largest_value > CANCELED * left:
            lost[0] = max(lost[0], largest_value / left if left else infinity)
        return total

    return total_of
