"""Bound variables: what each runs over, with the weights of a sum or an integral, and under which conditions."""

import math
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from hw.checked_math.arithmetic import undefined
from hw.checked_math.errors import FormulaError
from hw.checked_math.evaluation.compiler import INSTANCE, Compiler, Environment, Evaluator, holds
from hw.checked_math.grammar.names import bare_letter
from hw.checked_math.syntax import Binder, Comparison, Indexed, Name, Node, Range, walk

__all__ = ["Loop", "binding", "conditions_of", "walked"]

Loop = tuple[str, Evaluator]  # a variable, and its values with their weights


def binding(
    compiler: Compiler, binders: tuple[Binder, ...], body: Node, operator: str
) -> tuple[dict[str, str], list[Loop]]:
    """Sorts of bound variables, and their loops; a later variable's values may depend on an earlier one."""
    names: dict[str, str] = {}
    loops = []
    for binder in binders:
        with compiler.bound(names):
            sort, values = _values(compiler, binder, body, operator)
        names[binder.name] = sort
        loops.append((binder.name, values))
    return names, loops


def _values(compiler: Compiler, binder: Binder, body: Node, operator: str) -> tuple[str, Evaluator]:
    """Sort of a bound variable, and its values with their weights."""
    if binder.over is not None:
        if operator == "int":
            return "number", _interval(compiler, binder.over)
        return _members(compiler, binder.over)
    if binder.first is not None:
        raise FormulaError("a sum with a lower bound must have an upper one", binder.start)
    sort = compiler.vocabulary.variables.get(bare_letter(binder.name), "")
    if sort in ("index", "count") or (not sort and operator != "int"):
        return "index", _indices(compiler, binder, body)
    if not sort:
        raise FormulaError(f"{binder.name} is not a variable of the model {compiler.model.name}", binder.start)
    compiler.uses |= {"integral", "mean"} if operator == "int" else {"sum"}
    return sort, lambda env: env[INSTANCE].space(sort)


def _members(compiler: Compiler, over: Node) -> tuple[str, Evaluator]:
    members, _ = compiler.compile(over)
    sort = compiler.vocabulary.sets.get(getattr(over, "name", ""), "index")
    return sort, lambda env: [(value, 1) for value in members(env)]


def _indices(compiler: Compiler, binder: Binder, body: Node) -> Evaluator:
    """Where a sum names its index only, the family in its body says what the index runs over."""
    for node in walk(body):
        if isinstance(node, Indexed) and f"family {node.name}" in compiler.scope:
            key, (first, *others) = f"family {node.name}", node.indices
            if not others and isinstance(first, Name) and first.name == binder.name:
                return lambda env: [(index, 1) for index in env[key]]
    raise FormulaError(f"{binder.name} must have bounds, such as _{{{binder.name}=1}}^{{k}}", binder.start)


def _interval(compiler: Compiler, over: Node) -> Evaluator:
    if not isinstance(over, Range):
        raise FormulaError("an integral must have two bounds, or none", over.start)
    first, last = compiler.number(over.first), compiler.number(over.last)
    compiler.uses.add("quadrature")
    return lambda env: _gauss_legendre(float(first(env)), float(last(env)))


def conditions_of(compiler: Compiler, conditions: Iterable[Comparison]) -> Evaluator | None:
    """Whether all conditions hold; None where there are none."""
    compiled = [_condition(compiler, each) for each in conditions]
    return (lambda env: all(each(env) for each in compiled)) if compiled else None


def _condition(compiler: Compiler, comparison: Comparison) -> Evaluator:
    """Whether a condition holds. Points must be there to be compared: one that was not drawn equals no other."""
    sign, left, right = comparison.sign, compiler.constant(comparison.left), compiler.constant(comparison.right)
    if sign not in ("=", r"\neq") or compiler.compile(comparison.left)[1] not in compiler.vocabulary.points:
        return lambda env: holds(sign, left(env), right(env))

    def compared(env: Environment) -> bool:
        sides = left(env), right(env)
        if any(map(undefined, sides)):
            raise FormulaError("a condition compares a member that its family does not have", comparison.start)
        return holds(sign, *sides)

    return compared


def walked(
    compiler: Compiler, loops: list[Loop], condition: Evaluator | None
) -> Callable[[Environment], Iterable[Any]]:
    """Sets variables to every combination of values under a condition, in place, and gives the weights."""

    def over(env: Environment, depth: int, weight: Any) -> Iterable[Any]:
        if depth == len(loops):
            if condition is None or condition(env):
                yield weight
            return
        name, values = loops[depth]
        points = values(env)
        compiler.spend(len(points))
        for point, own in points:
            env[name] = point
            yield from over(env, depth + 1, weight if own == 1 else weight * own)

    return lambda env: over(env, 0, 1)


def _gauss_legendre(first: float, last: float) -> list[tuple[float, float]]:
    """Nodes and weights on an interval."""
    if not math.isfinite(first) or not math.isfinite(last):
        raise FormulaError("an integral must have finite bounds, or be over the whole space")
    half, middle = (last - first) / 2, (first + last) / 2
    return [(middle + half * x, half * weight) for x, weight in _nodes(48)]


@lru_cache(1)  # the same for all intervals
def _nodes(count: int) -> list[tuple[float, float]]:
    """Nodes and weights from -1 to 1; the zeros of the Legendre polynomial by Newton's method."""
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
        found.append((x, 2 / ((1 - x * x) * slope * slope)))
    return found
