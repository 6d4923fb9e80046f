"""Two laws on one to twelve points, in whole numbers until an arithmetic is asked for, and a discriminator.

The best discriminator comes from comparing values of y ↦ f_1 log y + f_0 log(1 - y) at each point.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from functools import cached_property, lru_cache
from random import Random
from typing import Any

from hw.checked_math.arithmetic import EXACT, Arithmetic

__all__ = ["FiniteTwoDensities", "best_chance", "finite_two_densities", "free_number", "letter_of_laws"]

Ratio = tuple[int, int]

SEARCH_ERROR = 1e-13  # of D^* and of 1 - D^*, relative; the worst seen is 2e-15, unless one of them is tiny
ROUNDING = 1e-15  # of D^*, absolute: what 1 - D^* is uncertain by where it is tiny
RANDOM_INSTANCES = 240
LAWS = (  # whole masses of f_0 and of f_1, each over its total
    ((1,), (1,)),
    ((1, 1), (1, 1)),  # equal
    ((1, 0), (0, 1)),  # disjoint supports
    ((1, 0), (1, 1)),
    ((1, 1), (1, 0)),
    ((1, 1), (1, 2)),
    ((1, 1, 0), (0, 1, 1)),  # overlapping supports
    ((1, 0, 0), (0, 1, 1)),
    ((1, 1, 2), (2, 1, 1)),
    ((1, 1, 1, 1), (1, 2, 3, 4)),
)
HALF, ZERO, ONE = (1, 2), (0, 1), (1, 1)
MILLION = 10**6
EXTREME_LAWS = (  # far apart, nearly equal, on many points
    ((1, MILLION), (1, 1)),
    ((1, 1), (1, MILLION)),
    ((MILLION, 1), (1, MILLION)),
    ((19, 1), (1, 0)),
    ((1000, 1001), (1001, 1000)),
    ((1,) * 8, (1,) * 8),
    ((1,) * 12, (1,) * 12),
)
FEW = 4  # points, beyond which few copies of them are gone through
DISCRIMINATORS = ((HALF,) * 4, ((1, 3), (2, 3)) * 2, (ZERO, ONE) * 2, (ONE, ZERO) * 2)
CERTAIN = ((1, MILLION), (MILLION - 1, MILLION))  # nearly
INSIDE = tuple((n, d) for d in range(2, 8) for n in range(1, d) if math.gcd(n, d) == 1)
VALUES = tuple((n, d) for d in range(1, 4) for n in range(-4, 5) if math.gcd(n, d) == 1)
LARGE = 1000  # a value of g and h
LARGE_OF_LOGARITHMS = 30  # the same where exponentials are taken, which would round to 0, or values are searched for
CHANCES = (*INSIDE, (1, 1000), (999, 1000), *CERTAIN)
NUMBERS = (*VALUES, (-30, 1), (30, 1), (59, 2), (1, 1000), (999, 1000))


class _Table(dict[int, Any]):
    """Values at the points; undefined at what is no point."""

    def __missing__(self, point: Any) -> float:
        return math.nan


@dataclass(frozen=True, eq=False)
class FiniteTwoDensities:
    """Two laws and the values of `D`, `g` and `h`, in whole numbers; points are counted from 1.

    Attributes:
        masses: Masses of both laws by label, not normalized.
        values: Values of the functions by name, as numerators and denominators.
        uses: Names of the formula; where `D^*` is among them, the search for it limits the accuracy.
        arithmetic: What the instance gives its numbers out in.
        shift: A point, and what the best discriminator is moved by there.
    """

    masses: Mapping[str, tuple[int, ...]]
    values: Mapping[str, tuple[Ratio, ...]]
    uses: frozenset[str] = frozenset()
    arithmetic: Arithmetic = EXACT
    shift: tuple[int, float] = (0, 0.0)
    integrates = False
    _tables: dict[str, _Table] = field(default_factory=dict, init=False)

    @property
    def tolerance(self) -> float | None:
        """Relative error of the search where no chance is tiny; None where nothing is searched for."""
        return SEARCH_ERROR if "D^*" in self.uses else None

    def moved(self) -> Iterator["FiniteTwoDensities"]:
        """The best discriminator moved by the error of the search, at one point after the other.

        It moves towards 1/2, so that it stays inside; where a law has no mass it is 0 or 1 without an error.
        """
        for x, best in self._search().items():
            if best not in (0, 1):
                is_small = best < 0.5  # floats near 0 are as exact as any, but not those near 1
                error = SEARCH_ERROR * best if is_small else -max(SEARCH_ERROR * (1 - best), ROUNDING)
                yield replace(self, shift=(x, error))

    def using(self, arithmetic: Arithmetic) -> "FiniteTwoDensities":
        """The same laws and values, with numbers of another kind."""
        return FiniteTwoDensities(self.masses, self.values, self.uses, arithmetic, self.shift)

    def space(self, sort: str) -> Sequence[tuple[int, int]]:
        """All points, with weight 1.

        Raises:
            ValueError: If the sort is another one than `x`.
        """
        if sort != "x":
            raise ValueError(f"sort must be 'x', the only space of two-densities, got {sort!r}")
        return self._points

    def density(self, key: str) -> Callable[[int], Any]:
        """Mass of a point under `f_0` or `f_1`, by label."""
        return self._densities[key]

    def function(self, name: str) -> Callable[[Any], Any]:
        """V, a function of a discriminator; D, the best one, g or h, functions of a point."""
        if name == "V":
            return self._value
        if name not in self._tables:
            self._tables[name] = self._search() if name == "D^*" else self._table(self.values[name])
        return self._tables[name].__getitem__

    def jacobian(self, name: str, at: Any) -> Any:
        """None of the functions has a derivative in a point.

        Raises:
            ValueError: Always.
        """
        raise ValueError(f"name must be a function with a derivative, and two-densities has none, got {name!r}")

    def draw(self, variables: Mapping[str, str], families: Mapping[str, str], rng: Random) -> dict[str, Any]:
        """Values of free variables: points, numbers, a `k` of at most 4, other counts and indices of at most `k`."""
        k = rng.randint(1, 4 if len(self._points) <= FEW else 2)

        def one(name: str, sort: str) -> Any:
            if sort == "x":
                return rng.randint(1, len(self._points))
            if sort == "number":
                return self.arithmetic.ratio(*free_number(name, rng))
            return k if name == "k" else rng.randint(1, k)

        drawn = {name: one(name, sort) for name, sort in variables.items()}
        return drawn | {
            f"family {letter}": {j: one(letter, sort) for j in range(1, 7)} for letter, sort in families.items()
        }

    def holds(self, assumption: str) -> bool:
        """Whether laws have mass at every point, or wherever the other has, or D is strictly between 0 and 1."""
        zero, one = self.masses["0"], self.masses["1"]
        conditions: dict[str, Callable[[], bool]] = {
            "f_0 > 0": lambda: all(zero),
            "f_1 > 0": lambda: all(one),
            "positive": lambda: all(zero) and all(one),
            "0 < D < 1": lambda: all(0 < n < d for n, d in self.values["D"]),
            "f_0 << f_1": lambda: all(b for a, b in zip(zero, one, strict=True) if a),
            "f_1 << f_0": lambda: all(a for a, b in zip(zero, one, strict=True) if b),
        }
        return conditions[assumption]()

    def smaller(self) -> Iterator["FiniteTwoDensities"]:
        """Without one of the points, or with a smaller mass, or a simpler value."""
        for place in range(len(self._points)):
            fewer = [{name: _without(row, place) for name, row in part.items()} for part in (self.masses, self.values)]
            if all(map(any, fewer[0].values())):
                yield replace(self, masses=fewer[0], values=fewer[1])
        for label, masses in self.masses.items():
            for place, mass in enumerate(masses):
                for less in sorted({1, mass - 1}) if mass > 1 else ():
                    yield replace(self, masses={**self.masses, label: _with(masses, place, less)})
        for name, row in self.values.items():
            for place, (n, d) in enumerate(row):
                for simple in (HALF,) if name == "D" else (ZERO, ONE):
                    if sum(simple) < abs(n) + d:
                        yield replace(self, values={**self.values, name: _with(row, place, simple)})

    def words(self, used: frozenset[str]) -> list[tuple[str, str]]:
        """Values at the points, in the order of the points."""
        letter, rows = letter_of_laws(used), {}
        if letter:
            rows = {f"{letter}_{label}": [(n, sum(row)) for n in row] for label, row in self.masses.items()}
        rows |= {name: list(row) for name, row in self.values.items() if name in used}
        words = {name: [str(Fraction(*ratio)) for ratio in row] for name, row in rows.items()}
        if "D^*" in used:
            words["D^*"] = [f"{value:.4g}" for value in self._search().values()]
        return [(r",\ ".join(f"{name}({x})" for x, _ in self._points), ", ".join(row)) for name, row in words.items()]

    def _table(self, ratios: Sequence[Ratio]) -> _Table:
        return _Table({x: self.arithmetic.ratio(n, d) for x, (n, d) in enumerate(ratios, 1)})

    @cached_property
    def _points(self) -> list[tuple[int, int]]:
        return [(x, 1) for x in range(1, len(self.masses["0"]) + 1)]

    @cached_property
    def _densities(self) -> dict[str, Callable[[int], Any]]:
        totals = {label: sum(row) for label, row in self.masses.items()}
        return {label: self._table([(n, totals[label]) for n in row]).__getitem__ for label, row in self.masses.items()}

    def _search(self) -> _Table:
        zero, one = self.masses["0"], self.masses["1"]
        best = [_best(b / sum(one), a / sum(zero)) for a, b in zip(zero, one, strict=True)]
        place, by = self.shift
        if place:
            best[place - 1] += by
        is_decimal = isinstance(self.arithmetic.ratio(1, 2), Decimal)
        return _Table(enumerate(map(Decimal, best) if is_decimal else best, 1))

    def _value(self, discriminator: Callable[[int], Any]) -> Any:
        """V(D): the mean of log D under f_1 plus that of log(1 - D) under f_0; a point without mass is silent."""
        log, total = self.arithmetic.functions["log"], 0
        for x, _ in self._points:
            zero, one, chance = self._densities["0"](x), self._densities["1"](x), discriminator(x)
            total += (one * log(chance) if one else 0) + (zero * log(1 - chance) if zero else 0)
        return total


def letter_of_laws(used: frozenset[str]) -> str:
    """The letter that a formula writes its laws with, `f`, `p` or `P`; empty where nothing in it depends on them.

    Examples:
        >>> from hw.checked_math.models.finite_two_densities import letter_of_laws
        >>> letter_of_laws(frozenset({"p_0", "g"})), letter_of_laws(frozenset({"V"})), letter_of_laws(frozenset({"g"}))
        ('p', 'f', '')
    """
    letters = {name.partition("_")[0] for name in used}
    return next((letter for letter in "fpP" if letter in letters), "f" if used & {"V", "D^*"} else "")


def free_number(name: str, rng: Random) -> Ratio:
    r"""Numerator and denominator of a free number: \epsilon of at most 1/8, any s and t, and others between 0 and 1.

    Args:
        name: The variable; a prime or an index does not matter.
        rng: Source of randomness.
    """
    if name.startswith(r"\epsilon"):
        return 1, rng.choice((2 ** rng.randint(3, 8), 10 ** rng.randint(1, 6)))
    return rng.choice(NUMBERS if name.startswith(("s", "t")) else CHANCES)


def best_chance(one: float, zero: float) -> float:
    """The y in [0, 1] at which `one * log(y) + zero * log(1 - y)` is largest, by narrowing an interval.

    Args:
        one: Density of the law labelled 1.
        zero: Density of the law labelled 0.

    Examples:
        >>> from hw.checked_math.models.finite_two_densities import best_chance
        >>> best_chance(1.0, 0.0), best_chance(0.0, 1.0)
        (1.0, 0.0)
    """
    if one == 0 or zero == 0:
        return float(zero == 0)  # a single term is largest at an end
    low, high = 0.0, 1.0
    while True:
        middle, step = (low + high) / 2, (high - low) / 16
        left, right = middle - step, middle + step
        if not low < left < right < high:
            return middle
        # the value at right less that at left; by log1p, since the difference of two logs would lose half of the digits
        gain = one * math.log1p((right - left) / left) + zero * math.log1p((left - right) / (1 - left))
        low, high = (left, high) if gain > 0 else (low, right)


_best = lru_cache(maxsize=4096)(best_chance)


def _without(row: tuple[Any, ...], place: int) -> tuple[Any, ...]:
    return row[:place] + row[place + 1 :]


def _with(row: tuple[Any, ...], place: int, value: Any) -> tuple[Any, ...]:
    return (*row[:place], value, *row[place + 1 :])


def _random_laws(rng: Random, points: int, least: int, largest: int) -> dict[str, tuple[int, ...]]:
    """Masses between two bounds; a point with none gets some of both laws, and a law with none gets the first point."""
    zero, one = (rng.choices(range(least, largest + 1), k=points) for _ in range(2))
    for x in range(points):
        if zero[x] == one[x] == 0:
            zero[x] = one[x] = 1
    return {label: tuple(row) if any(row) else (1,) + (0,) * (points - 1) for label, row in (("0", zero), ("1", one))}


def finite_two_densities(rng: Random, uses: frozenset[str]) -> Iterator[FiniteTwoDensities]:
    """Corners first, then laws far apart, nearly equal or on many points, then random ones.

    Args:
        rng: Source of the random ones.
        uses: Names and operations of the formula, on which the accuracy and the size of the values depend.
    """
    for zero, one in LAWS:
        points = len(zero)
        values = {"g": tuple((x, 1) for x in range(1, points + 1)), "h": (ONE, (-1, 1), ONE, (-1, 1))[:points]}
        yield FiniteTwoDensities({"0": zero, "1": one}, {"D": (HALF,) * points, **values, "h": (ZERO,) * points}, uses)
        for discriminator in DISCRIMINATORS:
            yield FiniteTwoDensities({"0": zero, "1": one}, {"D": discriminator[:points], **values}, uses)
    large = LARGE if uses.isdisjoint({"transcendental", "V", "D^*"}) else LARGE_OF_LOGARITHMS
    for zero, one in EXTREME_LAWS:
        for chances, values in (((HALF, HALF), ((large, 1), (1, 1))), (CERTAIN, ((1, 1), (-large, 1)))):
            parts = {"D": chances, "g": values, "h": values[::-1]}
            rows = {name: tuple(row[x % 2] for x in range(len(zero))) for name, row in parts.items()}
            yield FiniteTwoDensities({"0": zero, "1": one}, rows, uses)
    numbers = (*VALUES, (large, 1), (-large, 1))
    for number in range(RANDOM_INSTANCES):
        points, largest = 2 + 3 * number // RANDOM_INSTANCES, 2 + number // 20
        inside = number % 6 > 0  # the others may have points without mass, and a discriminator that is certain
        tables = {"D": (*INSIDE, *CERTAIN) if inside else (ZERO, ONE, *INSIDE[:4]), "g": numbers, "h": numbers}
        masses = _random_laws(rng, points, int(inside), largest)
        yield FiniteTwoDensities(masses, {name: tuple(rng.choices(tables[name], k=points)) for name in tables}, uses)
