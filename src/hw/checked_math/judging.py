"""Whether two values stand in a relation, up to rounding."""

import decimal
import math
from typing import Any, NamedTuple

from hw.checked_math.arithmetic import DIGITS, EXACT, FLOAT, Arithmetic, undefined
from hw.checked_math.errors import FormulaError
from hw.checked_math.evaluation.compiler import holds

__all__ = ["Judgment", "judge", "text_of"]

ROUNDING = 1e-13  # two float64 values this close, relative to the largest term, are equal
DOUBT = 1e-6  # between this and rounding, fifty digits decide
LARGE = 1e3  # terms so many times larger than the value cancel, and fifty digits decide
EPSILON = 2.0**-52
DIGITS_ROUNDING = decimal.Decimal("1e-35")
SMALLEST_SCALE = 1.0


class Judgment(NamedTuple):
    """One claim on one instance."""

    passed: bool
    left: Any
    right: Any
    residual: float | None = None
    slack: float | None = None
    equal: bool = False
    doubtful: bool = False


def judge(sign: str, left: Any, right: Any, scale: float, tolerance: float | None, arithmetic: Arithmetic) -> Judgment:
    """Whether two values stand in a relation up to rounding; doubtful where float64 cannot tell."""
    if type(left) is float and type(right) is float and tolerance is None and arithmetic is FLOAT and sign == "=":
        difference, size = abs(left - right), max(left, -left, right, -right, SMALLEST_SCALE)
        if difference <= ROUNDING * size < math.inf and scale <= LARGE * size:  # the common case, in short
            return Judgment(True, left, right, difference / size, None, True)
    if sign in (r"\in", r"\notin", r"\subseteq") or isinstance(left, frozenset | tuple | str | range):
        if isinstance(left, range):
            left = frozenset(left)
        if isinstance(right, range):
            right = frozenset(right)
        if sign == "=" and isinstance(left, tuple) and isinstance(right, tuple) and len(left) == len(right):
            return _judge_tuples(left, right, scale, tolerance, arithmetic)
        try:
            passed = holds(sign, left, right)
        except TypeError:
            raise FormulaError(f"the two sides of {sign} cannot be compared") from None
        return Judgment(passed, left, right, 0.0 if sign == "=" and passed else None)
    if isinstance(right, frozenset | tuple | str | range):
        raise FormulaError(f"the two sides of {sign} cannot be compared")
    may_overflow = arithmetic is FLOAT and tolerance is None
    if undefined(left) or undefined(right):
        return Judgment(False, left, right, doubtful=may_overflow)
    infinite = abs(left) == math.inf or abs(right) == math.inf
    if arithmetic is EXACT and not isinstance(left, float) and not isinstance(right, float):
        difference, band = left - right, 0
        relative = 0.0 if difference == 0 else float(abs(difference))
    elif infinite:
        passed = holds(sign, left, right)
        equal = left == right
        slack = None if sign in ("=", r"\neq") else 0.0 if equal else math.inf
        doubtful = may_overflow and not passed
        return Judgment(passed, left, right, 0.0 if sign == "=" and passed else None, slack, equal, doubtful)
    else:
        difference = left - right
        size = max(abs(left), abs(right), SMALLEST_SCALE) if arithmetic is not DIGITS else max(abs(left), abs(right), 1)
        if arithmetic is DIGITS:
            band, relative = DIGITS_ROUNDING * size, float(abs(difference) / size)
        else:
            largest = max(size, min(scale, LARGE * size))
            band, relative = (tolerance or ROUNDING) * largest, float(abs(difference)) / largest
            if tolerance is not None and scale * EPSILON > band:
                raise FormulaError("the terms of the formula are so large that they hide its value")
    equal = abs(difference) <= band
    cancels, decides = scale > LARGE * size, equal and sign not in ("=", r"\ge", r"\le")
    doubtful = may_overflow and (ROUNDING < relative < DOUBT or cancels or decides)
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
    slack = None if sign == r"\neq" else float(difference) if sign in (r"\ge", ">") else -float(difference)
    return Judgment(passed, left, right, None, 0.0 if equal and slack is not None else slack, equal, doubtful)


def _judge_tuples(
    left: tuple[Any, ...], right: tuple[Any, ...], scale: float, tolerance: float | None, arithmetic: Arithmetic
) -> Judgment:
    """Points of a plane, vectors and offsets are equal where all their parts are."""
    parts = [judge("=", a, b, scale, tolerance, arithmetic) for a, b in zip(left, right, strict=True)]
    residual = max((part.residual or 0.0 for part in parts), default=0.0)
    return Judgment(all(part.passed for part in parts), left, right, residual)


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
    text = str(value) if isinstance(value, int) else f"{float(value):.6g}"
    return text.replace("-", "−")
