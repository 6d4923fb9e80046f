"""Values with something set: a variable, or one member of a family."""

from typing import Any

from hw.checked_math.errors import FormulaError
from hw.checked_math.evaluation.compiler import Compiled, Compiler, Environment, check_sort, together
from hw.checked_math.grammar.names import bare_letter
from hw.checked_math.syntax import Indexed, Substitution

__all__ = ["substitution"]


def substitution(compiler: Compiler, node: Substitution) -> Compiled:
    """An expression with a variable, or a member of a family, set to a value."""
    if node.indices:
        return _of_member(compiler, node)
    value, sort = compiler.compile(node.value)
    own = compiler.vocabulary.variables.get(bare_letter(node.name), sort)
    check_sort(compiler, f"the value of {node.name}", own, sort, node.value)
    with compiler.bound({node.name: own}):
        body, result = compiler.compile(node.body)
    return lambda env: body({**env, node.name: value(env)}), result


def _of_member(compiler: Compiler, node: Substitution) -> Compiled:
    """An expression in which one member of a family, of the model or of the page, is set to a value."""
    key = f"set {node.name}"
    if compiler.scope.get(key):
        raise FormulaError(f"one member of {node.name} is set already around this", node.start)
    _, own = compiler.compile(Indexed(node.start, node.end, node.name, node.indices))
    value, sort = compiler.compile(node.value)
    check_sort(compiler, f"the value of {node.name}", own, sort, node.value)
    place = together([compiler.constant(index) for index in node.indices])
    with compiler.bound({key: own}):
        body, result = compiler.compile(node.body)

    def evaluate(env: Environment) -> Any:
        return body({**env, key: (place(env), value(env))})

    return evaluate, result
