"""A displayed definition and the library's function that implements it, compared on the model's instances."""

import importlib
from collections.abc import Sequence
from typing import Any

from hw.checked_math.arithmetic import FLOAT
from hw.checked_math.errors import FormulaError
from hw.checked_math.evaluation.compiler import INSTANCE, Compiler
from hw.checked_math.evaluation.expressions import compiler_for
from hw.checked_math.grammar.names import bare_letter
from hw.checked_math.judging import judge, text_of
from hw.checked_math.reading import Reading
from hw.checked_math.records import Counterexample, Relation
from hw.checked_math.running import Runner, guarded
from hw.checked_math.syntax import Definition

__all__ = ["compared"]

ROUNDING = 1e-9  # a library may compute in another order, and in its own way


def compared(
    reading: Reading, function: str, assumptions: Sequence[str], seed: int
) -> tuple[int, Counterexample | None, Relation]:
    """Compare the definition in a reading with a function of the library.

    Args:
        reading: A formula that defines something.
        function: The function's dotted name.
        assumptions: Conditions under which they are to agree.
        seed: Seed of the random instances.

    Returns:
        How many instances were tried, the first on which the two differ, and the relation with its residual.

    Raises:
        FormulaError: If there is no definition, no such function, or the model does not know how to call it.
    """
    definition = next((statement.definition for statement in reading.statements if statement.definition), None)
    if definition is None:
        raise FormulaError("implements must stand at a definition")
    adapter = reading.model.vocabulary.implementations.get(function)
    if adapter is None:
        known = ", ".join(reading.model.vocabulary.implementations) or "none"
        raise FormulaError(
            f"implements must be a function the model {reading.model.name} can call ({known}), got {function}"
        )
    implementation = _imported(function)
    runner = Runner(reading, assumptions, seed)
    compiler, formula = _compiled(definition, reading)
    parameters = [*definition.indices, *(name for name, _ in definition.arguments)]
    residual, count = 0.0, 0
    for instance, draw, _ in runner.accepted():
        env = instance.using(FLOAT).draw(compiler.free, compiler.families, runner.random(draw))
        env[INSTANCE] = instance.using(FLOAT)
        shown = guarded(formula, env)
        values = [env.get(name, env.get(f"family {name}")) for name in parameters]
        try:
            computed = adapter(implementation, env[INSTANCE], *values)
        except (KeyError, TypeError):
            given = ", ".join(parameters) or "none"
            raise FormulaError(
                f"implements must stand where the arguments are those of {function}, got {given}"
            ) from None
        count += 1
        judgment = judge("=", shown, computed, 1.0, ROUNDING, FLOAT)
        if not judgment.passed:
            words = (
                *instance.words(frozenset(compiler.uses)),
                *(
                    (name, text_of(value))
                    for name, value in zip(parameters, values, strict=True)
                    if not isinstance(value, dict)
                ),
            )
            counterexample = Counterexample(tuple(words), text_of(shown), ":=", text_of(computed))
            return count, counterexample, Relation(reading.source, ":=", residual)
        residual = max(residual, judgment.residual or 0.0)
    return count, None, Relation(reading.source, ":=", residual)


def _imported(function: str) -> Any:
    module, _, name = function.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError):
        raise FormulaError(f"implements must be a function that can be imported, got {function}") from None


def _compiled(definition: Definition, reading: Reading) -> tuple[Compiler, Any]:
    """The definition's body, its parameters as free variables."""
    known = {name: other for name, other in reading.definitions.items() if name != definition.name}
    compiler = compiler_for(reading.model, FLOAT, known)
    vocabulary = reading.model.vocabulary
    bound: dict[str, str] = {}
    for name in definition.indices:
        compiler.free[name] = bound[name] = vocabulary.variables.get(bare_letter(name), "index")
    for name, length in definition.arguments:
        if length:
            compiler.free[length] = bound[length] = "count"
            compiler.families[name] = bound[f"family {name}"] = vocabulary.families.get(name, "number")
        else:
            compiler.free[name] = bound[name] = vocabulary.variables.get(bare_letter(name), "number")
    with compiler.bound(bound):
        return compiler, compiler.expression(definition.body)
