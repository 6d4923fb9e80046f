"""Every kind of expression with the function that compiles it."""

from collections.abc import Mapping

from hw.checked_math.arithmetic import Arithmetic
from hw.checked_math.evaluation.compiler import Compiler, Handler
from hw.checked_math.evaluation.derivatives import derivative, number_derivative
from hw.checked_math.evaluation.divergences import divergence
from hw.checked_math.evaluation.expectations import expectation
from hw.checked_math.evaluation.laws import density
from hw.checked_math.evaluation.names import called, indexed, literal, named, sequence
from hw.checked_math.evaluation.operations import operation
from hw.checked_math.evaluation.sets import pairs, range_of, set_literal
from hw.checked_math.evaluation.substitutions import substitution
from hw.checked_math.evaluation.sums import big_operator, cases, indicator, set_builder
from hw.checked_math.models.model import Model
from hw.checked_math.syntax import (
    BigOperator,
    Call,
    Cases,
    Definition,
    Density,
    Derivative,
    Divergence,
    Expectation,
    Indexed,
    Indicator,
    Literal,
    Name,
    NumberDerivative,
    Operation,
    Pairs,
    Range,
    Sequence,
    SetBuilder,
    SetLiteral,
    Substitution,
)

__all__ = ["compiler_for"]

HANDLERS: dict[type, Handler] = {
    BigOperator: big_operator,
    Call: called,
    Cases: cases,
    Density: density,
    Derivative: derivative,
    Divergence: divergence,
    Expectation: expectation,
    Indexed: indexed,
    Indicator: indicator,
    Literal: literal,
    Name: named,
    NumberDerivative: number_derivative,
    Operation: operation,
    Pairs: pairs,
    Range: range_of,
    Sequence: sequence,
    SetBuilder: set_builder,
    SetLiteral: set_literal,
    Substitution: substitution,
}


def compiler_for(model: Model, arithmetic: Arithmetic, definitions: Mapping[str, Definition]) -> Compiler:
    """A compiler of all expressions, for one formula in one model and one arithmetic.

    Args:
        model: What gives the names their meanings.
        arithmetic: The kind of numbers to compute with.
        definitions: The definitions that the formula may use, by name.
    """
    return Compiler(model, arithmetic, definitions, HANDLERS)
