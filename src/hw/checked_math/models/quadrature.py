"""Nodes of integration, differences, and free variables of the models with a continuous variable.

The trapezoid rule on a wide interval converges exponentially for smooth integrands that vanish at both ends, so a few
dozen nodes a dimension are enough.
"""

import math
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

__all__ = ["JUMP", "derivative", "free_values", "trapezoid"]

DIFFERENCE = ((1, 4 / 5), (2, -1 / 5), (3, 4 / 105), (4, -1 / 280))  # central, eight points
MEMBERS = range(1, 7)  # indices of the members of a family
JUMP = "an integrand must be continuous to be integrated accurately, got one with a jump"


def derivative(function: Callable[[float], float], at: float, step: float) -> float:
    """Derivative by a central difference of eight points; its error is of the eighth order in the step.

    Examples:
        >>> import math
        >>> from hw.checked_math.models.quadrature import derivative
        >>> derivative(math.sin, 0.0, 0.01)
        1.0
    """
    return sum(weight * (function(at + n * step) - function(at - n * step)) for n, weight in DIFFERENCE) / step


def trapezoid(low: float, high: float, step: float) -> tuple[tuple[float, float], ...]:
    """Nodes and weights of the trapezoid rule for functions that vanish at both ends.

    Examples:
        >>> from hw.checked_math.models.quadrature import trapezoid
        >>> trapezoid(0.0, 1.0, 0.5)
        ((0.0, 0.5), (0.5, 0.5), (1.0, 0.5))
    """
    count = max(1, math.ceil((high - low) / step))
    return tuple((low + (high - low) * n / count, (high - low) / count) for n in range(count + 1))


def free_values(
    variables: Mapping[str, str], families: Mapping[str, str], rng: Random, member: Callable[[str], Any]
) -> dict[str, Any]:
    """Values of free variables: counts of at most 2 with `m <= k`, indices up to `k`, and points.

    Args:
        variables: Names with their sorts.
        families: Letters of families with the sort of their members.
        rng: Source of counts and indices.
        member: Draws a point of a sort.
    """
    k = rng.randint(1, 2)
    counts = {"k": k, "m": rng.randint(1, k)}
    drawn: dict[str, Any] = {}
    for name, sort in variables.items():
        if sort == "count":
            drawn[name] = counts.get(name) or rng.randint(1, 2)
        else:
            drawn[name] = rng.randint(1, k) if sort == "index" else member(sort)
    return drawn | {f"family {letter}": {index: member(sort) for index in MEMBERS} for letter, sort in families.items()}
