r"""Vectors: their sums, their multiples, their lengths and inner products; all by coordinates."""

from collections.abc import Callable, Iterable
from functools import reduce
from typing import Any

from hw.checked_math.arithmetic import multiply
from hw.checked_math.errors import FormulaError
from hw.checked_math.evaluation.compiler import INSTANCE, Compiled, Compiler, Environment, Evaluator, together
from hw.checked_math.syntax import Operation

__all__ = ["inner_product", "norm", "of_vectors", "sum_of_vectors"]

Vector = tuple[Any, ...]


def of_vectors(
    compiler: Compiler, node: Operation, compiled: list[Compiled], divide: Callable[[Any, Any], Any]
) -> Evaluator:
    """A sum of vectors, a vector with another sign, or one vector with factors or a divisor.

    Raises:
        FormulaError: If the operation is another one, or its operands are of other sorts.
    """
    vectors = [evaluate for evaluate, sort in compiled if sort == "vector"]
    others = [evaluate for evaluate, sort in compiled if sort != "vector"]
    if any(sort in ("offset", "set") for _, sort in compiled):
        raise FormulaError("expected vectors and numbers", node.start)
    if node.operator == "*":
        if len(vectors) > 1:
            raise FormulaError(r"write the inner product as z_i^\top z_j", node.start)
        return _multiple(vectors[0], others)
    if node.operator == "/" and len(vectors) == 1 and compiled[0][1] == "vector":
        return _divided(vectors[0], others[0], divide)
    if node.operator == "neg":
        (only,) = vectors
        return lambda env: tuple(-part for part in only(env))
    if node.operator != "+":
        raise FormulaError("expected numbers", node.start)
    if others:
        raise FormulaError("expected vectors only, since a number cannot be added to a vector", node.start)
    add, terms = _addition(compiler), together(vectors)
    return lambda env: add(terms(env))


def _multiple(vector: Evaluator, numbers: list[Evaluator]) -> Evaluator:
    def scaled(env: Environment) -> Vector:
        return _scaled(reduce(multiply, [number(env) for number in numbers]), vector(env))

    return scaled


def _scaled(factor: Any, vector: Vector) -> Vector:
    return tuple(multiply(factor, part) for part in vector)


def _divided(vector: Evaluator, number: Evaluator, divide: Callable[[Any, Any], Any]) -> Evaluator:
    def quotient(env: Environment) -> Vector:
        by = number(env)
        return tuple(divide(part, by) for part in vector(env))

    return quotient


def _addition(compiler: Compiler) -> Callable[[Iterable[Vector]], Vector]:
    """The sum of vectors, which keeps the scale as a sum of numbers does."""
    total = compiler.total
    return lambda vectors: tuple(total(parts) for parts in zip(*vectors, strict=True))


def sum_of_vectors(compiler: Compiler, each: Callable[[Environment], Iterable[Any]], body: Evaluator) -> Evaluator:
    """The sum of a vector over what `each` sets its variables to; the zero vector where that is nothing."""
    add = _addition(compiler)

    def evaluate(env: Environment) -> Vector:
        inner = dict(env)
        (point, _), *_ = env[INSTANCE].space("vector")
        return add([(0,) * len(point), *(_scaled(weight, body(inner)) for weight in each(inner))])

    return evaluate


def norm(compiler: Compiler, node: Operation) -> Compiled:
    """The length of a vector, or the absolute value of a number."""
    evaluate, sort = compiler.compile(node.operands[0])
    if sort != "vector":
        return lambda env: abs(evaluate(env)), "number"
    root, total = compiler.arithmetic.functions["sqrt"], compiler.total
    return lambda env: root(total(part * part for part in evaluate(env))), "number"


def inner_product(compiler: Compiler, node: Operation) -> Compiled:
    """The inner product of two vectors."""
    (first, one), (second, other) = (compiler.compile(operand) for operand in node.operands)
    if (one, other) != ("vector", "vector"):
        raise FormulaError("expected two vectors", node.start)
    total = compiler.total
    return lambda env: total(map(multiply, first(env), second(env))), "number"
