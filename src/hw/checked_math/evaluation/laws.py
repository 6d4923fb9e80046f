"""Laws: their densities, and the variables they are laws of."""

import itertools
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from hw.checked_math.errors import FormulaError
from hw.checked_math.evaluation.compiler import INSTANCE, Compiled, Compiler, Environment, Evaluator, together
from hw.checked_math.evaluation.names import defined, sort_of_parameter
from hw.checked_math.grammar.names import bare_letter, law_name
from hw.checked_math.series import Series
from hw.checked_math.syntax import Call, Density, Name, Node, Operation, walk

__all__ = ["cells", "check_mass", "common_variables", "density", "is_law", "variables_of", "with_variables"]

ERROR_OF_MASS = 1e-5


def density(compiler: Compiler, node: Density) -> Compiled:
    """The density of a law at the values of its variables."""
    if node.left is None:
        raise FormulaError(f"the law {node.law} must be written with its variables here", node.start)
    definition = compiler.definitions.get(law_name(node))
    if definition:
        return defined(compiler, node, definition, (*node.left, *node.right))
    left = [compiler.compile(part) for part in node.left]
    right = [compiler.compile(part) for part in node.right]
    try:
        key = compiler.model.law(node.law, tuple(sort for _, sort in left), tuple(sort for _, sort in right))
    except ValueError as error:
        raise FormulaError(str(error), node.start) from None
    sorts = f"({','.join(sort for _, sort in left)}|{','.join(sort for _, sort in right)})"
    compiler.uses |= {str(node.law), f"{node.law}{sorts}"}
    return _at(key, [evaluate for evaluate, _ in (*left, *right)]), "number"


def _at(key: Any, arguments: list[Evaluator]) -> Evaluator:
    """The density that the model has this key for; it is asked for once while the instance stays the same."""
    instance: Any = None
    law: Any = None

    def of(current: Any) -> Callable[..., Any]:
        nonlocal instance, law
        if current is not instance:
            instance, law = current, current.density(key)
        return law

    if len(arguments) == 1:  # one and two, the common cases, without a tuple
        (only,) = arguments
        return lambda env: of(env[INSTANCE])(only(env))
    if len(arguments) == 2:
        first, second = arguments
        return lambda env: of(env[INSTANCE])(first(env), second(env))
    values = together(arguments)
    return lambda env: of(env[INSTANCE])(*values(env))


def cells(compiler: Compiler, names: Mapping[str, str]) -> Callable[[Environment], Iterable[Any]]:
    """Sets variables to every combination of points in turn, in place, and gives the weights."""
    items, spend = list(names.items()), compiler.spend
    compiler.uses.add("mean")

    def each(env: Environment) -> Iterable[Any]:
        spaces = [env[INSTANCE].space(sort) for _, sort in items]
        spend(math.prod(map(len, spaces)))
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


def check_mass(total: Any, law: Node) -> None:
    """The masses of a law add up to 1, up to rounding and the error of quadrature; undefined ones are let pass."""
    if isinstance(total, Series):  # under a derivative: near the point as well
        if any(abs(change) > ERROR_OF_MASS for change in (total.first, total.second)):
            raise FormulaError("the masses of a law must add up to 1 for all values of the number", law.start)
        total = total.value
    if abs(total - 1) > ERROR_OF_MASS:
        raise FormulaError(f"the masses of a law must add up to 1, got {float(total):.6g}", law.start)


# ---- laws without their variables ----


def with_variables(compiler: Compiler, node: Node, names: Mapping[str, str]) -> Node:
    """A law expression in which bare laws have got their variables: `names` maps sorts to variables."""
    if isinstance(node, Density):
        return _density_with_variables(compiler, node, names)
    if isinstance(node, Operation):
        operands = tuple(with_variables(compiler, part, names) for part in node.operands)
        return Operation(node.start, node.end, node.operator, operands)
    if isinstance(node, Name) and node.name in compiler.definitions and not compiler.definitions[node.name].arguments:
        return with_variables(compiler, compiler.definitions[node.name].body, names)
    if isinstance(node, Name) and node.name in compiler.definitions:
        parameters = [name for name, _ in compiler.definitions[node.name].arguments]
        sorts = [sort_of_parameter(compiler, name) for name in parameters]
        if names.keys().isdisjoint(sorts):
            raise FormulaError(f"{node.name} must be a law of {' or '.join(names)}, as the others are", node.start)
        arguments = [
            Name(node.start, node.end, names.get(sort, name)) for name, sort in zip(parameters, sorts, strict=True)
        ]
        return Call(node.start, node.end, node.name, tuple(arguments))
    return node


def _density_with_variables(compiler: Compiler, node: Density, names: Mapping[str, str]) -> Density:
    if node.left is None:
        left, right = _bare(compiler, node)
        other = next((sort for sort in left if sort not in names), None)
        if other is not None:
            raise FormulaError(f"the law must be one of {' and '.join(names)}, got one of {other}", node.start)
        variables = tuple(Name(node.start, node.end, names[sort]) for sort in left)
        given = tuple(Name(node.start, node.end, name) for name in right)
        return Density(node.start, node.end, node.law, variables, given)
    if Name(node.left[0].start, node.left[0].end, "·") in node.left:
        sort = _sort_of_dot(compiler, node, names)
        return Density(node.start, node.end, node.law, (Name(node.start, node.end, names[sort]),), node.right)
    return node


def _sort_of_dot(compiler: Compiler, node: Density, sorts: Iterable[str]) -> str:
    right = tuple(compiler.compile(part)[1] for part in node.right)
    for sort in sorts:
        try:
            compiler.model.law(node.law, (sort,), right)
        except ValueError:
            continue
        return sort
    raise FormulaError(f"the variable of {node.law} must be named here", node.start)


def _bare(compiler: Compiler, node: Density) -> tuple[tuple[str, ...], tuple[str, ...]]:
    definition = compiler.definitions.get(f"{node.law}(1|0)")
    if definition and _is_known(compiler, node):
        raise FormulaError(f"the law {node.law} must be written with its variables, since it has several", node.start)
    if definition:
        return (sort_of_parameter(compiler, definition.arguments[0][0]),), ()
    try:
        return compiler.model.bare(node.law)
    except ValueError as error:
        raise FormulaError(str(error), node.start) from None


def _is_known(compiler: Compiler, node: Density) -> bool:
    try:
        compiler.model.bare(node.law)
    except ValueError:
        return False
    return True


def variables_of(compiler: Compiler, node: Node) -> dict[str, str]:
    """Variables that a law expression is a law of, with their sorts; bare laws give `·` and the sort."""
    if isinstance(node, Density):
        if node.left is None:
            return {f"·{sort}": sort for sort in _bare(compiler, node)[0]}
        return dict(_variable_with_sort(compiler, node, part) for part in node.left)
    if isinstance(node, Name) and node.name in compiler.definitions:
        definition = compiler.definitions[node.name]
        return {} if definition.arguments or definition.indices else variables_of(compiler, definition.body)
    found: dict[str, str] = {}
    for part in node.operands if isinstance(node, Operation) else ():
        found |= variables_of(compiler, part)
    return found


def is_law(node: Node) -> bool:
    r"""Whether an expression is a law written without its variables, such as `\tfrac12(f_0 + f_1)`."""
    return any(isinstance(part, Density) and part.left is None for part in walk(node)) and isinstance(
        node, Density | Operation
    )


def _variable_with_sort(compiler: Compiler, law: Density, part: Node) -> tuple[str, str]:
    if not isinstance(part, Name):
        raise FormulaError("the variable of a law must be plain here", part.start)
    variables = compiler.vocabulary.variables
    if part.name == "·":
        sort = _sort_of_dot(compiler, law, sorted({*variables.values()} - {"count", "index", "number"}))
        return f"·{sort}", sort
    return part.name, variables.get(bare_letter(part.name), "")


def common_variables(compiler: Compiler, laws: tuple[Node, ...]) -> tuple[dict[str, str], list[Node]]:
    """The common variables of several laws, and the laws with these variables."""
    by_law = [variables_of(compiler, law) for law in laws]
    found: dict[str, str] = {}
    for variables in by_law:
        found |= {name: sort for name, sort in variables.items() if not name.startswith("·")}
    for variables in by_law:
        found |= {name: sort for name, sort in variables.items() if sort not in found.values()}
    if not found:
        raise FormulaError("expected a law", laws[0].start)
    for law, variables in zip(laws, by_law, strict=True):
        if not variables and not _is_defined(compiler, law):
            raise FormulaError("expected a law", law.start)
        others = any(name not in found and not name.startswith("·") for name in variables)
        if others or (variables and sorted(variables.values()) != sorted(found.values())):
            raise FormulaError(f"the laws must be of the same variables, got {_words(by_law)}", law.start)
    by_sort = {sort: name for name, sort in found.items()}
    return found, [with_variables(compiler, law, by_sort) for law in laws]


def _is_defined(compiler: Compiler, law: Node) -> bool:
    """Whether an expression names a function of the page, which may be the density of a law."""
    names = [part.name for part in walk(law) if isinstance(part, Name | Call)]
    return any(name in compiler.definitions for name in names)


def _words(variables: list[dict[str, str]]) -> str:
    return " and ".join(", ".join(name.removeprefix("·") for name in names) or "none" for names in variables)
