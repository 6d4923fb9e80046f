"""Derivatives of the model's functions at a point, and of any expression by a number."""

from typing import Any

from hw.checked_math.errors import FormulaError
from hw.checked_math.evaluation.compiler import INSTANCE, Compiled, Compiler, Environment, Evaluator
from hw.checked_math.series import Series, finite
from hw.checked_math.syntax import (
    Call,
    Definition,
    Derivative,
    Indexed,
    Name,
    Node,
    NumberDerivative,
    Operation,
    Substitution,
)

__all__ = ["derivative", "matrix", "number_derivative"]

AT = "@at"  # the argument of a definition that is differentiated; no name of a formula looks like this
STEP, AXIS = "@step", "@axis"  # what is added to the member that a derivative is taken by, and in which direction


def matrix(compiler: Compiler, node: Node) -> Evaluator:
    """The Jacobian matrix of a function of the model."""
    if not isinstance(node, Derivative) or node.name not in compiler.vocabulary.functions:
        raise FormulaError("expected the derivative of a function of the model", node.start)
    name = node.name
    at, _ = compiler.compile(node.at)
    compiler.uses |= {name, "det"}
    if name not in compiler.vocabulary.differentiable:
        raise FormulaError(f"{name} has no derivative in the model {compiler.model.name}", node.start)
    return lambda env: env[INSTANCE].jacobian(name, at(env))


def derivative(compiler: Compiler, node: Derivative) -> Compiled:
    """The derivative of a function of one variable, of the model or of the page."""
    if node.name not in compiler.scope and node.name in compiler.definitions:
        return _of_definition(compiler, node, compiler.definitions[node.name])
    rows_at = matrix(compiler, node)
    compiler.uses.add("derivative")

    def entry(env: Environment) -> Any:
        rows = rows_at(env)
        if len(rows) != 1:
            raise FormulaError(r"a derivative in several dimensions is a matrix: write \det before it", node.start)
        return rows[0][0]

    return entry, "number"


def _of_definition(compiler: Compiler, node: Derivative, definition: Definition) -> Compiled:
    """What the page defines for a number, differentiated by its argument."""
    if definition.indices or len(definition.arguments) != 1 or definition.arguments[0][1]:
        raise FormulaError(f"{node.name} must be defined with one argument, a number", node.start)
    at, sort = compiler.compile(node.at)
    _check_number(compiler, sort, node.at)
    argument = Name(node.start, node.end, AT)
    body = Call(node.start, node.end, node.name, (argument,))
    with compiler.bound({AT: "number"}):
        evaluate, _ = number_derivative(compiler, NumberDerivative(node.start, node.end, body, argument, 1))
    return lambda env: evaluate({**env, AT: at(env)}), "number"


def number_derivative(compiler: Compiler, node: NumberDerivative) -> Compiled:
    """The first or second derivative of an expression, from its power series about the value of the number."""
    if isinstance(node.by, Indexed):
        return _by_member(compiler, node, node.by)
    if compiler.order:
        raise FormulaError("a derivative by a number must not stand inside another one", node.start)
    name, order, nan = node.by.name, node.order, compiler.arithmetic.nan
    spend, scale, lost = compiler.spend, compiler.scale, compiler.lost
    value, sort = compiler.compile(node.by)
    _check_number(compiler, sort, node.by)
    if name not in compiler.scope and name in compiler.definitions:
        raise FormulaError(f"{name} is defined on the page: a derivative is taken by a variable", node.by.start)
    with compiler.differentiating(order) as arithmetic, compiler.bound({name: "number"}):
        body = compiler.number(node.body)
    before: Any = None  # an instance, and the same in the arithmetic of series
    instance: Any = None

    def evaluate(env: Environment) -> Any:
        nonlocal before, instance
        spend(1)
        if env[INSTANCE] is not before:
            before, instance = env[INSTANCE], env[INSTANCE].using(arithmetic)
        inner = {**env, INSTANCE: instance, name: _variable(value(env), nan)}
        lost[0] = 0.0
        try:
            found = _derivative_of(body(inner), order, nan)
        except FormulaError as error:
            raise FormulaError(error.message, error.at or node.start) from None
        if lost[0]:
            scale[0] = max(scale[0], lost[0] * max(abs(found), 1.0))
        return found

    return evaluate, "number"


def _by_member(compiler: Compiler, node: NumberDerivative, by: Indexed) -> Compiled:
    """The derivative by a member of a family, from what is added to it; for a vector one along each axis."""
    member, sort = compiler.compile(by)
    step, axis = (Name(by.start, by.end, name) for name in (STEP, AXIS))
    change = Operation(by.start, by.end, "*", (step, axis)) if sort == "vector" else step
    moved = Operation(by.start, by.end, "+", (by, change))
    body = Substitution(node.body.start, node.body.end, node.body, by.name, moved, by.indices)
    if sort != "vector":
        _check_number(compiler, sort, by)
    elif node.order > 1:
        raise FormulaError(
            "a second derivative must be taken by a number, since that by a vector is a matrix", by.start
        )
    with compiler.bound({STEP: "number", AXIS: "vector"}):
        along, _ = number_derivative(compiler, NumberDerivative(node.start, node.end, body, step, node.order))
    if sort != "vector":
        return lambda env: along({**env, STEP: 0}), "number"

    def gradient(env: Environment) -> tuple[Any, ...]:
        places = range(len(member(env)))
        axes = [tuple(int(place == other) for other in places) for place in places]
        return tuple(along({**env, STEP: 0, AXIS: axis}) for axis in axes)

    return gradient, "vector"


def _check_number(compiler: Compiler, sort: str, node: Node) -> None:
    if sort != "number":
        allowed = [letter for letter, own in compiler.vocabulary.variables.items() if own == "number"]
        known = f" of the model {compiler.model.name}, such as {allowed[0]}" if allowed else ""
        raise FormulaError(f"a derivative must be taken by a number{known}, got a value of sort {sort}", node.start)


def _variable(value: Any, nan: Any) -> Series:
    """The series of the number itself; at infinity there is none."""
    return Series(value, 1, 0) if finite(value) else Series(value, nan, nan)


def _derivative_of(found: Any, order: int, nan: Any) -> Any:
    """The derivative of this order; undefined where the quantity or its derivative is infinite or undefined."""
    if not isinstance(found, Series):
        return 0 if finite(found) else nan
    wanted = found.first if order == 1 else 2 * found.second
    return wanted if finite(found.value) and finite(found.first) and finite(wanted) else nan
