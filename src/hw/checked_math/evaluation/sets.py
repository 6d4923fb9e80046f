"""Sets, ranges of whole numbers, and tuples such as offsets, which are added and move sets."""

from collections.abc import Callable
from typing import Any

from hw.checked_math.errors import FormulaError
from hw.checked_math.evaluation.compiler import Compiled, Compiler, Environment, Evaluator, together
from hw.checked_math.syntax import Node, Operation, Pairs, Range, SetLiteral

__all__ = [
    "members_of",
    "pairs",
    "range_of",
    "set_literal",
    "set_operation",
    "shifted",
    "size",
    "whole",
    "whole_numbers",
]

LONGEST = 100_000  # numbers that a sum or a set may run over

COMBINATIONS: dict[str, Callable[..., Any]] = {
    "cup": frozenset.union,
    "cap": frozenset.intersection,
    "setminus": frozenset.difference,
}


def whole(value: Any) -> int:
    """A value as a whole number.

    Raises:
        FormulaError: If it is not one.
    """
    if value != value or value != int(value):
        raise FormulaError(f"a bound must be a whole number, got {value}")
    return int(value)


def whole_numbers(compiler: Compiler, first: Node, last: Node) -> Callable[[Environment], range]:
    """The whole numbers from one bound to another."""
    low, high = compiler.number(first), compiler.number(last)

    def numbers(env: Environment) -> range:
        begin, end = whole(low(env)), whole(high(env))
        if end - begin >= LONGEST:
            raise FormulaError(f"a range must have at most {LONGEST} numbers, got {end - begin + 1}", first.start)
        return range(begin, end + 1)

    return numbers


def range_of(compiler: Compiler, node: Range) -> Compiled:
    """A range as a set."""
    return whole_numbers(compiler, node.first, node.last), "set"


def set_literal(compiler: Compiler, node: SetLiteral) -> Compiled:
    """A set given by its members."""
    members = [compiler.compile(member)[0] for member in node.members]
    return lambda env: frozenset(member(env) for member in members), "set"


def pairs(compiler: Compiler, node: Pairs) -> Compiled:
    """A tuple of numbers."""
    return together([compiler.number(member) for member in node.members]), "offset"


def members_of(compiler: Compiler, node: Node) -> Evaluator:
    """The function that computes a set; any other sort is refused."""
    evaluate, sort = compiler.compile(node)
    if sort != "set":
        raise FormulaError(f"expected a set, got a {sort}", node.start)
    return evaluate


def size(compiler: Compiler, node: Operation) -> Compiled:
    """The number of members of a set."""
    members = members_of(compiler, node.operands[0])
    return lambda env: len(members(env)), "number"


def set_operation(compiler: Compiler, node: Operation) -> Compiled:
    """Union, intersection, difference, and the sums of members of two sets."""
    first, second = (members_of(compiler, operand) for operand in node.operands)
    if node.operator == "oplus":
        return lambda env: frozenset(_shift(a, b) for a in first(env) for b in second(env)), "set"
    combine = COMBINATIONS[node.operator]
    return lambda env: combine(frozenset(first(env)), second(env)), "set"


def shifted(operator: str, evaluators: list[Evaluator], sorts: set[str]) -> Compiled:
    """Sums and negatives of offsets, and sets moved by an offset."""
    sort = "set" if "set" in sorts else "offset"
    if operator == "neg":
        (only,) = evaluators
        return lambda env: _negative(only(env)), sort

    def add(env: Environment) -> Any:
        total = evaluators[0](env)
        for evaluate in evaluators[1:]:
            total = _shift(total, evaluate(env))
        return total

    return add, sort


def _shift(a: Any, b: Any) -> Any:
    if isinstance(a, frozenset):
        return frozenset(_shift(member, b) for member in a)
    if isinstance(b, frozenset):
        return frozenset(_shift(a, member) for member in b)
    return tuple(x + y for x, y in zip(a, b, strict=True))


def _negative(a: Any) -> Any:
    return frozenset(map(_negative, a)) if isinstance(a, frozenset) else tuple(-x for x in a)
