"""Arithmetic and elementary functions, absolute values and determinants."""

from collections.abc import Callable
from typing import Any

from hw.checked_math.arithmetic import Arithmetic
from hw.checked_math.errors import FormulaError
from hw.checked_math.evaluation.compiler import (
    Compiled,
    Compiler,
    Environment,
    Evaluator,
    Handler,
    as_number,
    is_function_sort,
    together,
)
from hw.checked_math.evaluation.derivatives import matrix
from hw.checked_math.evaluation.sets import set_operation, shifted, size
from hw.checked_math.evaluation.vectors import inner_product, norm, of_vectors
from hw.checked_math.syntax import Call, Density, Derivative, Expectation, Indexed, Node, Operation, walk

__all__ = ["operation"]

TRANSCENDENTAL = ("log", "exp", "sqrt", "tanh")


def operation(compiler: Compiler, node: Operation) -> Compiled:
    """An operation on numbers, offsets, vectors or sets."""
    operator = node.operator
    if operator in OF_OTHER_SORTS:
        return OF_OTHER_SORTS[operator](compiler, node)
    compiled = [compiler.compile(operand) for operand in node.operands]
    evaluators, sorts = [evaluate for evaluate, _ in compiled], {sort for _, sort in compiled}
    if any(map(is_function_sort, sorts)):
        raise FormulaError("a function must be applied to its arguments here", node.start)
    for operand, (_, sort) in zip(node.operands, compiled, strict=True):
        as_number(compiler, operand, sort)
    if "vector" in sorts:
        divide = _division(compiler.arithmetic, node.operands[-1])
        return of_vectors(compiler, node, compiled, divide), "vector"
    if operator in ("+", "neg") and sorts & {"offset", "set"}:
        return shifted(operator, evaluators, sorts)
    if sorts & {"set"} or (sorts & {"offset"} and operator not in ("*", "/")):
        raise FormulaError("expected numbers", node.start)
    if operator == "*" and sorts & {"offset"}:
        raise FormulaError(r"write the inner product as z_i^\top z_j", node.start)
    return _of_numbers(compiler, node, evaluators), "number"


def _may_be_missing_mass(node: Node) -> bool:
    """Whether a zero may be that of a mass, approached from above, so that dividing by it gives infinity."""
    return any(isinstance(part, Density | Call | Indexed | Expectation) for part in walk(node))


def _division(arithmetic: Arithmetic, below: Node) -> Callable[[Any, Any], Any]:
    divide, nan = arithmetic.divide, arithmetic.nan
    return divide if _may_be_missing_mass(below) else lambda a, b: nan if b == 0 else divide(a, b)


def _of_numbers(compiler: Compiler, node: Operation, evaluators: list[Evaluator]) -> Evaluator:
    operator = node.operator
    if operator == "+":
        return _sum(compiler, evaluators)
    if operator == "*":
        return _product_of_two(*evaluators) if len(evaluators) == 2 else _product(evaluators)
    if operator == "neg":
        (only,) = evaluators
        return lambda env: -only(env)
    if operator in ("/", "^"):
        first, second = evaluators
        arithmetic = compiler.arithmetic
        combine = _division(arithmetic, node.operands[1]) if operator == "/" else arithmetic.power
        return lambda env: combine(first(env), second(env))
    return _elementary(compiler, operator, evaluators)


def _sum(compiler: Compiler, evaluators: list[Evaluator]) -> Evaluator:
    total, terms = compiler.total, together(evaluators)
    return lambda env: total(terms(env))


def _product_of_two(first: Evaluator, second: Evaluator) -> Evaluator:
    def product(env: Environment) -> Any:
        a = first(env)
        if a == 0:
            return 0
        b = second(env)
        return 0 if b == 0 else a * b

    return product


def _product(evaluators: list[Evaluator]) -> Evaluator:
    def product(env: Environment) -> Any:
        total: Any = 1
        for evaluate in evaluators:
            value = evaluate(env)
            if value == 0:
                return 0
            total = total * value
        return total

    return product


def _elementary(compiler: Compiler, operator: str, evaluators: list[Evaluator]) -> Evaluator:
    function = compiler.arithmetic.functions[operator]
    if operator in TRANSCENDENTAL:
        compiler.uses.add("transcendental")
    if operator in ("max", "min"):
        compiler.uses.add("kink")
    if operator in ("floor", "ceil"):
        compiler.uses.add("jump")
    if len(evaluators) == 1:
        (only,) = evaluators
        return lambda env: function(only(env))
    arguments = together(evaluators)
    return lambda env: function(*arguments(env))


# ---- absolute values and determinants ----


def _absolute(compiler: Compiler, node: Operation) -> Compiled:
    evaluate, sort = compiler.compile(node.operands[0])
    if sort == "set":
        return lambda env: len(evaluate(env)), "number"
    if sort in ("vector", "offset") or is_function_sort(sort):
        raise FormulaError(f"expected a number between bars, got a {sort}", node.start)
    inside = node.operands[0]
    is_jacobian = isinstance(inside, Derivative) or (isinstance(inside, Operation) and inside.operator == "det")
    if not is_jacobian:  # which is never 0
        compiler.uses.add("kink")
    return lambda env: abs(evaluate(env)), "number"


def _determinant(compiler: Compiler, node: Operation) -> Compiled:
    evaluate = matrix(compiler, node.operands[0])
    return lambda env: _determinant_of(evaluate(env)), "number"


def _determinant_of(rows: tuple[tuple[Any, ...], ...]) -> Any:
    if len(rows) == 1:
        return rows[0][0]
    minors = (tuple(row[:column] + row[column + 1 :] for row in rows[1:]) for column in range(len(rows)))
    return sum(
        (-1) ** column * entry * _determinant_of(minor)
        for column, (entry, minor) in enumerate(zip(rows[0], minors, strict=True))
    )


OF_OTHER_SORTS: dict[str, Handler] = {
    **dict.fromkeys(("union", "cap", "cup", "setminus", "oplus"), set_operation),
    "size": size,
    "det": _determinant,
    "norm": norm,
    "inner": inner_product,
    "abs": _absolute,
}
