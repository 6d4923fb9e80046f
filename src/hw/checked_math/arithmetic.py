"""Extended-real arithmetic, exact, in float64, or with sixty digits.

A formula without transcendental functions is evaluated in rational numbers. Any other is evaluated in float64 first,
and what float64 cannot decide is decided with sixty digits. Infinities are ordinary values. Undefined is NaN:
infinity minus infinity, 0/0, the logarithm of a negative number. Zero times anything is zero, as in the theory of
measure, so that a point without mass is silent: 0 log 0 = 0.
"""

import decimal
import math
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Any

from hw.checked_math.series import Series, coefficients

__all__ = ["DIGITS", "EXACT", "FLOAT", "Arithmetic", "bounded", "multiply", "undefined"]

Number = int | float | Fraction | Decimal
LARGEST_POWER = 4096  # bits of an exact power; beyond it the power is taken in float64
CONTEXT = decimal.Context(  # sixty digits and twenty more, which may cancel, as in the logarithm of 1 - σ(t)
    prec=80, Emin=-425_000_000, Emax=425_000_000, traps=[]
)  # the widest range where addresses have 32 bits; nothing is trapped: NaN and infinity are values


@dataclass(frozen=True)
class Arithmetic:
    """The operations that differ between the three kinds of numbers; `+`, `-` and comparison are Python's own."""

    name: str
    ratio: Callable[[int, int], Any]
    divide: Callable[[Any, Any], Any]
    power: Callable[[Any, Any], Any]
    functions: dict[str, Callable[..., Any]]
    infinity: Any
    nan: Any
    pi: Any


def undefined(value: Any) -> bool:
    """Whether a value is undefined: NaN is the only number that differs from itself."""
    return value != value


def multiply(a: Any, b: Any) -> Any:
    """Product in which zero times anything is zero; a series is no zero, even where its value is one.

    Examples:
        >>> import math
        >>> from hw.checked_math.arithmetic import multiply
        >>> multiply(0, -math.inf)
        0
    """
    return 0 if a == 0 or b == 0 else a * b


def bounded(value: Any) -> Any:
    """The value, as a float where it is an exact number of so many digits that computing with it would be slow."""
    if isinstance(value, Series):
        return Series(*map(bounded, coefficients(value)))
    parts = (value.numerator, value.denominator) if isinstance(value, int | Fraction) else ()
    if all(part.bit_length() <= LARGEST_POWER for part in parts):
        return value
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _whole(value: Any) -> bool:
    return isinstance(value, int) or (isinstance(value, Fraction) and value.denominator == 1)


# ---- float64 ----


def _float_divide(a: Any, b: Any) -> Any:
    if b == 0:
        return math.inf if a > 0 else math.nan  # a zero in a denominator is a missing mass: the limit is from above
    try:
        return a / b
    except OverflowError:  # a quotient of whole numbers that is too large for float64, or a number beside it
        if not (isinstance(a, int) and isinstance(b, int)):
            return math.nan
        return math.inf if (a > 0) == (b > 0) else -math.inf


def _float_power(a: Any, b: Any) -> Any:
    if a != a or b != b:
        return math.nan
    if isinstance(a, int) and isinstance(b, int) and b >= 0 and b * max(a.bit_length(), 1) <= LARGEST_POWER:
        return a**b
    if a == 0:
        return math.inf if b < 0 else 0.0 if b > 0 else 1.0
    try:
        if a < 0 and b != int(b):
            return math.nan
        base = float(a)
        if base:
            return base ** float(b)
    except (OverflowError, ValueError):
        pass
    if a < 0:
        return math.nan
    if a == math.inf or abs(b) > LARGEST_POWER:
        return math.inf if (a > 1) == (b > 0) else 0.0
    # The base, or the power, is beyond float64; the other may not be.
    log = math.log(a) if isinstance(a, float) else math.log(a.numerator) - math.log(a.denominator)
    return _float_exp(float(b) * log)


def _float_log(x: Any) -> float:
    if x > 0:
        return math.log(x) if x != math.inf else math.inf
    return -math.inf if x == 0 else math.nan


def _float_exp(x: Any) -> float:
    try:
        return math.exp(x)
    except OverflowError:
        return math.inf


def _float_sqrt(x: Any) -> float:
    return math.sqrt(x) if x >= 0 else math.nan


def _whole_part(rounding: Callable[[Any], int], x: Any) -> Any:
    return rounding(x) if abs(x) < math.inf else x  # NaN compares false and stays


def _binomial(n: Any, k: Any) -> Any:
    return math.comb(int(n), int(k)) if _whole(n) and _whole(k) and 0 <= n <= 512 and k >= 0 else math.nan


def _factorial(n: Any) -> Any:
    return math.factorial(int(n)) if _whole(n) and 0 <= n <= 170 else math.nan


def _larger(*values: Any) -> Any:
    return next((value for value in values if value != value), None) or max(values)


def _smaller(*values: Any) -> Any:
    return next((value for value in values if value != value), None) or min(values)


SHARED = {
    "max": _larger,
    "min": _smaller,
    "abs": abs,
    "floor": lambda x: _whole_part(math.floor, x),
    "ceil": lambda x: _whole_part(math.ceil, x),
    "binom": _binomial,
    "factorial": _factorial,
}

FLOAT = Arithmetic(
    name="float64",
    ratio=lambda a, b: a / b,
    divide=_float_divide,
    power=_float_power,
    functions=SHARED | {"log": _float_log, "exp": _float_exp, "sqrt": _float_sqrt, "tanh": math.tanh},
    infinity=math.inf,
    nan=math.nan,
    pi=math.pi,
)

# ---- rational numbers ----


def _exact(value: Any) -> Any:
    return value.numerator if isinstance(value, Fraction) and value.denominator == 1 else value


def _exact_divide(a: Any, b: Any) -> Any:
    if b == 0 or isinstance(a, float) or isinstance(b, float):
        return _float_divide(a, b)
    return _exact(Fraction(a, b) if isinstance(a, int) and isinstance(b, int) else a / b)


def _exact_power(a: Any, b: Any) -> Any:
    if not _whole(b) or isinstance(a, float) or (a == 0 and b < 0):
        return _float_power(a, b)
    bits = max(Fraction(a).numerator.bit_length(), Fraction(a).denominator.bit_length(), 1)
    return _exact(Fraction(a) ** int(b)) if abs(b) * bits <= LARGEST_POWER else _float_power(a, b)


EXACT = Arithmetic(
    name="exact",
    ratio=lambda a, b: _exact(Fraction(a, b)),
    divide=_exact_divide,
    power=_exact_power,
    functions=FLOAT.functions,
    infinity=math.inf,
    nan=math.nan,
    pi=math.pi,
)

# ---- sixty digits ----


def _decimal(value: Any) -> Decimal:
    return value if isinstance(value, Decimal) else Decimal(value)


def _decimal_divide(a: Any, b: Any) -> Any:
    if b == 0:
        return DIGITS.infinity if a > 0 else DIGITS.nan
    return CONTEXT.divide(_decimal(a), _decimal(b))


def _decimal_power(a: Any, b: Any) -> Any:
    if a != a or b != b:
        return DIGITS.nan
    if isinstance(a, int) and isinstance(b, int) and b >= 0 and b * max(a.bit_length(), 1) <= LARGEST_POWER:
        return a**b
    if a == 0:
        return DIGITS.infinity if b < 0 else 0 if b > 0 else 1
    return CONTEXT.power(_decimal(a), _decimal(b))


def _decimal_log(x: Any) -> Any:
    return _logarithm(_decimal(x)) if x > 0 else -DIGITS.infinity if x == 0 else DIGITS.nan


@lru_cache(maxsize=4096)
def _logarithm(x: Decimal) -> Decimal:
    """The logarithm to sixty digits, remembered: sums over draws take the same ones again and again."""
    return CONTEXT.ln(x)


def _decimal_tanh(x: Any) -> Any:
    if abs(x) > 200:  # 1 to more than sixty digits
        return 1 if x > 0 else -1
    twice = CONTEXT.exp(CONTEXT.multiply(2, _decimal(x)))
    return CONTEXT.divide(CONTEXT.subtract(twice, 1), CONTEXT.add(twice, 1))


DIGITS = Arithmetic(
    name="sixty digits",
    ratio=lambda a, b: CONTEXT.divide(a, b),
    divide=_decimal_divide,
    power=_decimal_power,
    functions=SHARED
    | {
        "log": _decimal_log,
        "exp": lambda x: CONTEXT.exp(_decimal(x)),
        "sqrt": lambda x: CONTEXT.sqrt(_decimal(x)) if x >= 0 else DIGITS.nan,
        "tanh": _decimal_tanh,
    },
    infinity=Decimal("Infinity"),
    nan=Decimal("NaN"),
    pi=Decimal("3.1415926535897932384626433832795028841971693993751058209749445923078164062862089986"),
)
