"""Whether two values stand in a relation, up to rounding."""

import decimal
import math
from fractions import Fraction
from typing import Any, NamedTuple

from hw.checked_math.arithmetic import DIGITS, EXACT, FLOAT, Arithmetic, undefined
from hw.checked_math.errors import FormulaError
from hw.checked_math.evaluation.compiler import holds

__all__ = ["Judgment", "judge", "judged_within", "text_of"]

ROUNDING = 1e-13  # two float64 values this close, relative to the largest term, are equal
DOUBT = 1e-6  # between this and rounding, sixty digits decide
LARGE = 1e3  # terms so many times larger than the value cancel, and sixty digits decide
SMALLEST = 1e-3  # values from quadrature are compared as if they were at least that large: what cancels leaves noise
DIGITS_ROUNDING = decimal.Decimal("1e-50")
POINTS = frozenset | tuple | str | range


class Judgment(NamedTuple):
    """One claim on one instance."""

    passed: bool
    left: Any
    right: Any
    residual: float | None = None
    slack: float | None = None
    equal: bool = False
    doubtful: bool = False


def judge(
    sign: str,
    left: Any,
    right: Any,
    scale: float,
    tolerance: float | None,
    arithmetic: Arithmetic,
    *,
    integrated: bool = False,
    least: Any = 0.0,
) -> Judgment:
    """Whether two values stand in a relation up to rounding; doubtful where float64 cannot tell.

    Args:
        sign: The relation sign.
        left: Value of the left side.
        right: Value of the right side.
        scale: The largest term that was added on the way, 0 if that is not known.
        tolerance: Relative error of the values; None if only rounding counts.
        arithmetic: What the values were computed in.
        integrated: Whether they come from quadrature.
        least: The size that they are compared as if they had at least, such as that of their vectors.

    Raises:
        FormulaError: If the values cannot be compared.
    """
    if arithmetic is EXACT and sign == "=" and isinstance(left, int | Fraction) and left == right:
        return Judgment(True, left, right, 0.0, None, True)
    is_rounded = arithmetic is FLOAT and tolerance is None
    if is_rounded and sign == "=" and type(left) is float and type(right) is float:
        difference, size = abs(left - right), max(left, -left, right, -right, least)
        if difference <= ROUNDING * size < math.inf and scale <= LARGE * size:  # the common case, in short
            return Judgment(True, left, right, difference / (size or 1.0), None, True)
    if sign in (r"\in", r"\notin", r"\subseteq") or isinstance(left, POINTS) or isinstance(right, POINTS):
        return _judge_points(sign, left, right, scale, tolerance, arithmetic)
    if undefined(left) or undefined(right):
        return Judgment(False, left, right, doubtful=is_rounded)
    if abs(left) == math.inf or abs(right) == math.inf:
        return _judge_infinite(sign, left, right, is_rounded)
    difference = abs(left - right)
    if arithmetic is EXACT and not isinstance(left, float) and not isinstance(right, float):
        return _judged(sign, left, right, left == right, float(difference))
    size = max(abs(left), abs(right), least)
    if arithmetic is DIGITS:
        equal = difference <= DIGITS_ROUNDING * max(size, 1)
        return _judged(sign, left, right, equal, float(difference / max(size, 1)))
    if tolerance is None:
        relative = difference / max(size, 1.0)
        equal = difference <= ROUNDING * size if sign == "=" else relative <= ROUNDING
        # a clear yes: what fails is decided by digits, since the parts of a side may have canceled unseen
        is_clear = equal if sign == "=" else holds(sign, left, right) and (sign in (r"\ge", r"\le") or relative > DOUBT)
        return _judged(sign, left, right, equal, float(relative), not is_clear or scale > LARGE * max(size, 1.0))
    size = max(size, SMALLEST if integrated else 1.0)
    largest = max(size, min(scale, LARGE * size))
    return _judged(sign, left, right, difference <= tolerance * largest, float(difference / largest))


def judged_within(sign: str, left: Any, right: Any, error: float) -> Judgment:
    """The judgment of two finite numbers that are equal where they differ by at most an error."""
    difference = abs(left - right)
    return _judged(sign, left, right, difference <= error, float(difference / max(abs(left), abs(right), 1.0)))


def _judged(sign: str, left: Any, right: Any, equal: bool, relative: float, doubtful: bool = False) -> Judgment:
    """The judgment of two finite numbers, of which it is known whether they are equal."""
    difference = left - right
    passed = {
        "=": equal,
        r"\neq": not equal,
        r"\ge": equal or difference > 0,
        r"\le": equal or difference < 0,
        ">": not equal and difference > 0,
        "<": not equal and difference < 0,
    }[sign]
    if sign == "=":
        return Judgment(passed, left, right, relative, None, equal, doubtful)
    slack = None if sign == r"\neq" else 0.0 if equal else float(difference if sign in (r"\ge", ">") else -difference)
    return Judgment(passed, left, right, None, slack, equal, doubtful)


def _judge_infinite(sign: str, left: Any, right: Any, is_rounded: bool) -> Judgment:
    """The judgment of two values, one of them infinite; it may be so by overflow alone."""
    passed, equal = holds(sign, left, right), left == right
    slack = None if sign in ("=", r"\neq") else 0.0 if equal else math.inf
    return Judgment(
        passed, left, right, 0.0 if sign == "=" and passed else None, slack, equal, is_rounded and not passed
    )


def _judge_points(
    sign: str, left: Any, right: Any, scale: float, tolerance: float | None, arithmetic: Arithmetic
) -> Judgment:
    """The judgment of sets, of points, and of offsets and vectors, which are equal where all their parts are."""
    left, right = (frozenset(side) if isinstance(side, range) else side for side in (left, right))
    if sign in ("=", r"\neq") and isinstance(left, tuple) and isinstance(right, tuple) and len(left) == len(right):
        largest = max((abs(part) for part in (*left, *right) if abs(part) < math.inf), default=0.0)
        parts = [
            judge("=", a, b, scale, tolerance, arithmetic, least=largest) for a, b in zip(left, right, strict=True)
        ]
        residual = max((part.residual or 0.0 for part in parts), default=0.0)
        equal, doubtful = all(part.passed for part in parts), any(part.doubtful for part in parts)
        passed = equal if sign == "=" else not equal and not any(map(undefined, (*left, *right)))
        return Judgment(passed, left, right, residual if sign == "=" else None, None, equal, doubtful)
    if isinstance(left, POINTS) != isinstance(right, POINTS) and not isinstance(right, frozenset):
        raise FormulaError(f"the two sides of {sign} cannot be compared")
    try:
        passed = holds(sign, left, right)
    except TypeError:
        raise FormulaError(f"the two sides of {sign} cannot be compared") from None
    return Judgment(passed, left, right, 0.0 if sign == "=" and passed else None)


def text_of(value: Any) -> str:
    """A value for a reader."""
    if isinstance(value, frozenset | set):
        return "{" + ", ".join(sorted(map(text_of, value))) + "}"
    if isinstance(value, tuple):
        return "(" + ", ".join(map(text_of, value)) + ")"
    if isinstance(value, str | bool):
        return str(value)
    if undefined(value):
        return "undefined"
    if abs(value) == math.inf:
        return "∞" if value > 0 else "−∞"
    text = str(value) if isinstance(value, int) else f"{float(value) + 0.0:.6g}"  # not -0
    return text.replace("-", "−")
