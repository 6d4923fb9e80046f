"""Sums, products, extrema and integrals; sets of values; values under conditions."""

from collections.abc import Callable, Iterable
from typing import Any

from hw.checked_math.arithmetic import bounded, multiply
from hw.checked_math.evaluation.binders import Loop, binding, conditions_of, walked
from hw.checked_math.evaluation.compiler import Compiled, Compiler, Environment, Evaluator
from hw.checked_math.evaluation.vectors import sum_of_vectors
from hw.checked_math.syntax import BigOperator, Cases, Indicator, SetBuilder

__all__ = ["big_operator", "cases", "indicator", "set_builder"]

Weights = Callable[[Environment], Iterable[Any]]


def big_operator(compiler: Compiler, node: BigOperator) -> Compiled:
    """A sum of numbers or vectors, a product, a maximum, a minimum or an integral over bound variables."""
    names, loops = binding(compiler, node.binders, node.body, node.operator)
    with compiler.bound(names):
        body, sort = compiler.compile(node.body)
        is_of_vectors = node.operator == "sum" and sort == "vector"
        if not is_of_vectors:
            compiler.check_number(node.body, sort)
        condition = conditions_of(compiler, node.conditions)
    each = walked(compiler, loops, condition)
    if is_of_vectors:
        return sum_of_vectors(compiler, each, body), "vector"
    if node.operator in ("max", "min"):
        compiler.uses.add("kink")
        return _extremum(compiler, node.operator, each, body), "number"
    if node.operator == "prod":
        return _product(each, body), "number"
    if len(loops) == 1 and condition is None:
        return _sum_over_one(compiler, loops[0], body), "number"
    return _sum(compiler, each, body), "number"


def _extremum(compiler: Compiler, operator: str, each: Weights, body: Evaluator) -> Evaluator:
    choose, nan = compiler.arithmetic.functions[operator], compiler.arithmetic.nan

    def extremum(env: Environment) -> Any:
        inner = dict(env)
        values = [body(inner) for _ in each(inner)]
        return choose(*values) if values else nan

    return extremum


def _product(each: Weights, body: Evaluator) -> Evaluator:
    def product(env: Environment) -> Any:
        inner = dict(env)
        total: Any = 1
        for _ in each(inner):
            total = bounded(multiply(total, body(inner)))
        return total

    return product


def _sum(compiler: Compiler, each: Weights, body: Evaluator) -> Evaluator:
    total = compiler.total

    def terms(env: Environment) -> Iterable[Any]:
        inner = dict(env)
        for weight in each(inner):
            yield multiply(weight, body(inner))

    return lambda env: total(terms(env))


def _sum_over_one(compiler: Compiler, loop: Loop, body: Evaluator) -> Evaluator:
    """A sum over one variable, without conditions: the common case."""
    name, values = loop
    total, spend = compiler.total, compiler.spend

    def terms(env: Environment) -> Iterable[Any]:
        inner = dict(env)
        points = values(env)
        spend(len(points))
        for point, weight in points:
            inner[name] = point
            value = body(inner)
            yield value if weight == 1 else multiply(weight, value)

    return lambda env: total(terms(env))


def set_builder(compiler: Compiler, node: SetBuilder) -> Compiled:
    """The set of all values of an expression."""
    names, loops = binding(compiler, node.binders, node.body, "set")
    with compiler.bound(names):
        body, _ = compiler.compile(node.body)
        condition = conditions_of(compiler, node.conditions)
    each = walked(compiler, loops, condition)

    def members(env: Environment) -> frozenset[Any]:
        inner = dict(env)
        return frozenset(body(inner) for _ in each(inner))

    return members, "set"


def indicator(compiler: Compiler, node: Indicator) -> Compiled:
    """1 where all conditions hold, 0 elsewhere."""
    condition = conditions_of(compiler, node.conditions)
    compiler.uses.add("jump")
    return lambda env: 1 if condition is None or condition(env) else 0, "number"


def cases(compiler: Compiler, node: Cases) -> Compiled:
    """The first value whose conditions hold; undefined where there is none."""
    branches = [
        (compiler.number(value), conditions_of(compiler, conditions or ())) for value, conditions in node.branches
    ]
    nan = compiler.arithmetic.nan
    compiler.uses.add("jump")

    def choose(env: Environment) -> Any:
        for value, condition in branches:
            if condition is None or condition(env):
                return value(env)
        return nan

    return choose, "number"
