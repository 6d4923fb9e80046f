r"""Truncated power series in one number, by which derivatives are taken without differences and without rewriting.

A quantity that depends on a number t is expanded about a point, c_0 + c_1 τ + c_2 τ², and computed with like a
number: its derivatives there are c_1 and 2 c_2, as exact as the arithmetic. What is not smooth in t is refused, never
differentiated.

References:
    Griewank and Walther, Evaluating Derivatives (SIAM, 2008), chapter 13.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from hw.checked_math.errors import FormulaError

__all__ = ["Series", "coefficients", "finite", "refuse"]


def refuse(what: str) -> NoReturn:
    """Refuse what is not smooth in the number.

    Raises:
        FormulaError: Always.
    """
    raise FormulaError(f"{what} must not depend on the number that a derivative is taken by")


def _refused(what: str) -> Callable[..., Any]:
    return lambda *values: refuse(what)


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """The value of a quantity at a point, and the coefficients of the first and second power of the number's change.

    Attributes:
        value: c_0.
        first: c_1, the first derivative.
        second: c_2, half of the second derivative.

    Examples:
        >>> from hw.checked_math.series import Series
        >>> t = Series(3, 1, 0)
        >>> t * t - 1
        Series(value=8, first=6, second=1)
    """

    value: Any
    first: Any
    second: Any

    def __add__(self, other: Any) -> "Series":
        """Sum with a series or a number."""
        if isinstance(other, Series):
            return Series(self.value + other.value, self.first + other.first, self.second + other.second)
        return Series(self.value + other, self.first, self.second)

    __radd__ = __add__

    def __neg__(self) -> "Series":
        """The series with the other sign."""
        return Series(-self.value, -self.first, -self.second)

    def __sub__(self, other: Any) -> "Series":
        """Difference from a series or a number."""
        return self + -other

    def __rsub__(self, other: Any) -> "Series":
        """Difference of a number from this series."""
        return -self + other

    def __mul__(self, other: Any) -> "Series":
        """Product with a series or a number; NaN goes on, for only a plain zero is silent, in `multiply`."""
        if not isinstance(other, Series):
            return Series(self.value * other, self.first * other, self.second * other)
        second = self.value * other.second + self.first * other.first + self.second * other.value
        return Series(self.value * other.value, self.value * other.first + self.first * other.value, second)

    __rmul__ = __mul__

    def __eq__(self, other: object) -> bool:
        """Whether both are series and all coefficients agree.

        A series is equal to no number, not even to a zero: one whose three coefficients are 0, such as that of t³ about
        0, is not 0 nearby, so that it must not silence a factor which is undefined or infinite there.
        """
        return isinstance(other, Series) and coefficients(self) == coefficients(other)

    def __ne__(self, other: object) -> bool:
        """Whether the other is no series, or a coefficient differs; one that is NaN differs from itself."""
        return not isinstance(other, Series) or any(
            a != b for a, b in zip(coefficients(self), coefficients(other), strict=True)
        )

    __lt__ = __le__ = __gt__ = __ge__ = _refused("what is compared by its size")
    __abs__ = _refused("an absolute value")
    __bool__ = _refused("a condition")
    __hash__ = _refused("a point, an index or a member of a set")
    __int__ = __index__ = __round__ = __floor__ = __ceil__ = __trunc__ = _refused("a whole number or a bound")
    __float__ = _refused("a bound, or the argument of a function whose values alone are known,")
    __truediv__ = __rtruediv__ = __pow__ = __rpow__ = _refused("a value that the model computes in floats")


def coefficients(value: Any) -> tuple[Any, Any, Any]:
    """The coefficients of a series, or of a number as a constant one."""
    return (value.value, value.first, value.second) if isinstance(value, Series) else (value, 0, 0)


def finite(value: Any) -> bool:
    """Whether a number is neither infinite nor NaN."""
    return abs(value) < math.inf
