"""An arithmetic made to work on power series, by the chain rule to second order.

Where a function is not differentiable, or its argument is infinite or undefined, its value stays and the other
coefficients are NaN, so that a derivative is undefined wherever its quantity is not smooth and finite.
"""

from collections.abc import Callable
from typing import Any

from hw.checked_math.arithmetic import Arithmetic
from hw.checked_math.series import Series, coefficients, finite, refuse

__all__ = ["lifted"]

Function = Callable[..., Any]


def lifted(arithmetic: Arithmetic) -> Arithmetic:
    """The arithmetic on series as well as on numbers; what is not smooth refuses series.

    Examples:
        >>> from hw.checked_math.arithmetic import EXACT
        >>> from hw.checked_math.lifting import lifted
        >>> from hw.checked_math.series import Series
        >>> lifted(EXACT).divide(1, Series(2, 1, 0))
        Series(value=Fraction(1, 2), first=Fraction(-1, 4), second=Fraction(1, 8))
    """
    functions = {name: _refusing(name, function) for name, function in arithmetic.functions.items()}
    for name, rule in RULES.items():
        functions[name] = _smooth(arithmetic, arithmetic.functions[name], rule)
    return Arithmetic(
        name=f"series, {arithmetic.name}",
        ratio=arithmetic.ratio,
        divide=_divide(arithmetic),
        power=_power(arithmetic, functions["log"]),
        functions=functions,
        infinity=arithmetic.infinity,
        nan=arithmetic.nan,
        pi=arithmetic.pi,
    )


def _refusing(name: str, function: Function) -> Function:
    def on_numbers(*values: Any) -> Any:
        if any(isinstance(value, Series) for value in values):
            refuse(f"what stands under {name}")
        return function(*values)

    return on_numbers


def _chained(inner: Series, value: Any, slope: Any, half_curvature: Any) -> Series:
    """A function of a series, from its value, its derivative and half of its second derivative there."""
    first = slope * inner.first
    return Series(value, first, slope * inner.second + half_curvature * inner.first * inner.first)


# ---- functions of one series: derivative and half of the second one ----


def _of_log(arithmetic: Arithmetic, x: Any, log: Any) -> tuple[Any, Any]:
    slope = arithmetic.divide(1, x)
    return slope, arithmetic.divide(-slope, 2 * x)


def _of_exp(arithmetic: Arithmetic, x: Any, exp: Any) -> tuple[Any, Any]:
    return exp, arithmetic.divide(exp, 2)


def _of_sqrt(arithmetic: Arithmetic, x: Any, root: Any) -> tuple[Any, Any]:
    slope = arithmetic.divide(1, 2 * root)
    return slope, arithmetic.divide(-slope, 4 * x)


def _of_tanh(arithmetic: Arithmetic, x: Any, tanh: Any) -> tuple[Any, Any]:
    # 1 - tanh² as 4e/(1 + e)², which does not cancel where tanh is nearly 1
    small = arithmetic.functions["exp"](-2 * abs(x))
    slope = arithmetic.divide(4 * small, (1 + small) * (1 + small))
    return slope, -tanh * slope


RULES = {"log": _of_log, "exp": _of_exp, "sqrt": _of_sqrt, "tanh": _of_tanh}
OF_POSITIVE = (_of_log, _of_sqrt)  # not differentiable at 0


def _smooth(arithmetic: Arithmetic, function: Function, rule: Callable[..., tuple[Any, Any]]) -> Function:
    """An elementary function of a number or a series."""
    nan, of_positive = arithmetic.nan, rule in OF_POSITIVE

    def of(x: Any) -> Any:
        if not isinstance(x, Series):
            return function(x)
        value = function(x.value)
        if not finite(x.value) or (of_positive and x.value <= 0):
            return Series(value, nan, nan)
        return _chained(x, value, *rule(arithmetic, x.value, value))

    return of


# ---- quotients and powers ----


def _divide(arithmetic: Arithmetic) -> Function:
    divide, nan = arithmetic.divide, arithmetic.nan

    def quotient(a: Any, b: Any) -> Any:
        if not isinstance(a, Series) and not isinstance(b, Series):
            return divide(a, b)
        (a0, a1, a2), (b0, b1, b2) = coefficients(a), coefficients(b)
        q0 = divide(a0, b0)
        if not isinstance(a, Series) and a == 0 and b0 != 0 and finite(b0) and finite(b1):
            return 0  # a plain zero stays one: what it is divided by is not 0 nearby
        if b0 == 0:  # infinite over a missing mass: nothing to expand about
            return Series(q0, nan, nan)
        q1 = divide(a1 - q0 * b1, b0)
        return Series(q0, q1, divide(a2 - q0 * b2 - q1 * b1, b0))

    return quotient


def _power(arithmetic: Arithmetic, log: Function) -> Function:
    power, nan = arithmetic.power, arithmetic.nan

    def of(a: Any, b: Any) -> Any:
        if not isinstance(a, Series) and not isinstance(b, Series):
            return power(a, b)
        (a0, _, _), (b0, b1, _) = coefficients(a), coefficients(b)
        value = power(a0, b0)
        if not isinstance(a, Series) and a == 0 and b0 > 0 and finite(b0) and finite(b1):
            return 0  # the exponent is positive nearby as well
        if isinstance(b, Series):  # exp(b log a)
            exponent = b * log(a)
            is_smooth = finite(exponent.value)
            return (
                _chained(exponent, value, value, arithmetic.divide(value, 2)) if is_smooth else Series(value, nan, nan)
            )
        if not finite(b) or not finite(a0) or (a0 == 0 and (b < 0 or b != int(b))):
            return Series(value, nan, nan)
        # a factor 0 stands before powers that need not be finite at 0
        slope = b * power(a0, b - 1) if b != 0 else 0
        half_curvature = arithmetic.divide(b * (b - 1), 2) * power(a0, b - 2) if b not in (0, 1) else 0
        return _chained(a, value, slope, half_curvature)

    return of
