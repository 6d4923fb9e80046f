r"""The model `two-densities`: two laws on a few points, a discriminator between them, and the best one, by search.

Every point has mass under at least one law, so the space is the support of the mixture. The letters `p` and `P` name
the same two laws as `f`. Free numbers: y lies strictly between 0 and 1, \epsilon is positive and at most 1/8, and t is
any number. The best discriminator comes from comparing values of y ↦ f_1 log y + f_0 log(1 - y) at each
point, never from f_1 / (f_0 + f_1).
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from functools import cached_property, lru_cache
from random import Random
from typing import Any

from hw.checked_math.arithmetic import DIGITS, EXACT, Arithmetic
from hw.checked_math.models.model import Law, Vocabulary

__all__ = ["TWO_DENSITIES"]

Ratio = tuple[int, int]

SEARCH_ERROR = 1e-13  # of D^* and of 1 - D^*, relative; the worst seen is 2e-15, unless one of them is tiny
ROUNDING = 1e-15  # of the larger one of these two: what the smaller one, which is left of 1, is uncertain by
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
LARGE = 1000  # a value of g and h, unless exponentials are taken, which would round to 0
CHANCES = (*INSIDE, (1, 1000), (999, 1000))
NUMBERS = (*VALUES, (-30, 1), (30, 1), (59, 2), (1, 1000), (999, 1000))


class _Table(dict[int, Any]):
    """Values at the points; undefined at what is no point."""

    def __missing__(self, point: Any) -> float:
        return math.nan


@dataclass(frozen=True, eq=False)
class _Instance:
    """Two laws and the values of `D`, `g` and `h`, in whole numbers; points are counted from 1."""

    masses: Mapping[str, tuple[int, ...]]
    values: Mapping[str, tuple[Ratio, ...]]
    uses: frozenset[str] = frozenset()
    arithmetic: Arithmetic = EXACT
    _tables: dict[str, _Table] = field(default_factory=dict, init=False)

    @property
    def tolerance(self) -> float | None:
        return max(SEARCH_ERROR, ROUNDING / self._least_share) if "D^*" in self.uses else None

    @cached_property
    def _least_share(self) -> float:
        """Smallest chance of a label at a point where both laws have mass."""
        zero, one = self.masses["0"], self.masses["1"]
        weights = [(a * sum(one), b * sum(zero)) for a, b in zip(zero, one, strict=True) if a and b]
        return min((min(pair) / sum(pair) for pair in weights), default=1.0)

    def using(self, arithmetic: Arithmetic) -> "_Instance":
        return _Instance(self.masses, self.values, self.uses, arithmetic)

    def space(self, sort: str) -> Sequence[tuple[int, int]]:
        if sort != "x":
            raise ValueError(f"sort must be 'x', the only space of two-densities, got {sort!r}")
        return self._points

    def density(self, key: str) -> Callable[[int], Any]:
        return self._densities[key]

    def function(self, name: str) -> Callable[[Any], Any]:
        if name == "V":
            return self._value
        if name not in self._tables:
            self._tables[name] = self._search() if name == "D^*" else self._table(self.values[name])
        return self._tables[name].__getitem__

    def jacobian(self, name: str, at: Any) -> Any:
        raise ValueError(f"name must be a function with a derivative, and two-densities has none, got {name!r}")

    def draw(self, variables: Mapping[str, str], families: Mapping[str, str], rng: Random) -> dict[str, Any]:
        # k is at most 4, other counts and indices at most k
        k = rng.randint(1, 4 if len(self._points) <= FEW else 2)

        def one(name: str, sort: str) -> Any:
            if sort == "x":
                return rng.randint(1, len(self._points))
            if sort == "number":
                small = 1, rng.choice((2 ** rng.randint(3, 8), 10 ** rng.randint(1, 6)))
                if name.startswith(r"\epsilon"):
                    return self.arithmetic.ratio(*small)
                return self.arithmetic.ratio(*rng.choice(NUMBERS if name.startswith("t") else CHANCES))
            return k if name == "k" else rng.randint(1, k)

        drawn = {name: one(name, sort) for name, sort in variables.items()}
        return drawn | {
            f"family {letter}": {j: one(letter, sort) for j in range(1, 7)} for letter, sort in families.items()
        }

    def holds(self, assumption: str) -> bool:
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

    def smaller(self) -> Iterator["_Instance"]:
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
        letter = next((letter for letter in "fpP" if letter in used), "f")
        rows = {}
        if used & {"f", "p", "P", "V", "D^*"}:
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
        return _Table(enumerate(map(Decimal, best) if self.arithmetic is DIGITS else best, 1))

    def _value(self, discriminator: Callable[[int], Any]) -> Any:
        """V(D): the mean of log D under f_1 plus that of log(1 - D) under f_0; a point without mass is silent."""
        log, total = self.arithmetic.functions["log"], 0
        for x, _ in self._points:
            zero, one, chance = self._densities["0"](x), self._densities["1"](x), discriminator(x)
            total += (one * log(chance) if one else 0) + (zero * log(1 - chance) if zero else 0)
        return total


@lru_cache(maxsize=4096)
def _best(one: float, zero: float) -> float:
    """The y in [0, 1] at which `one * log(y) + zero * log(1 - y)` is largest, by narrowing an interval."""
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


class _TwoDensities:
    """Laws `f_0` and `f_1` on one to four points, and uniform ones on more."""

    name = "two-densities"
    sentence = "Two laws on one to four points, or twelve, each point with mass under at least one of them."
    vocabulary = Vocabulary(
        variables={
            "x": "x",
            **dict.fromkeys("km", "count"),
            **dict.fromkeys("ijl", "index"),
            **dict.fromkeys(("y", "t", r"\epsilon"), "number"),
        },
        families={"x": "x"},
        laws=frozenset("fpP"),
        functions=dict.fromkeys(("D", "D^*", "V", "g", "h"), (1, "number")),
        points=frozenset({"x"}),
        random={"X_0": Law("f", "0"), "X_1": Law("f", "1")},
        assumptions={
            "f_0 > 0": "The law f_0 has mass at every point.",
            "f_1 > 0": "The law f_1 has mass at every point.",
            "positive": "Both laws have mass at every point.",
            "0 < D < 1": "The discriminator is never certain.",
            "f_0 << f_1": "Where f_0 has mass, f_1 has mass.",
            "f_1 << f_0": "Where f_1 has mass, f_0 has mass.",
        },
    )

    def law(self, law: Law, left: tuple[str, ...], right: tuple[str, ...]) -> str:
        if law.letter not in self.vocabulary.laws or law.label not in ("0", "1") or left != ("x",) or right:
            given = ", ".join(left) + (rf" \mid {', '.join(right)}" if right else "")
            raise ValueError(f"law must be f_0(x) or f_1(x), or the same with p or P, got {law}({given})")
        return law.label

    def bare(self, law: Law) -> tuple[tuple[str, ...], tuple[str, ...]]:
        self.law(law, ("x",), ())
        return ("x",), ()

    def instances(self, rng: Random, uses: frozenset[str]) -> Iterator[_Instance]:
        for zero, one in LAWS:
            points = len(zero)
            values = {"g": tuple((x, 1) for x in range(1, points + 1)), "h": (ONE, (-1, 1), ONE, (-1, 1))[:points]}
            for discriminator in DISCRIMINATORS:
                yield _Instance({"0": zero, "1": one}, {"D": discriminator[:points], **values}, uses)
        large = 30 if "transcendental" in uses else LARGE
        for zero, one in EXTREME_LAWS:
            for chances, values in (((HALF, HALF), ((large, 1), (1, 1))), (CERTAIN, ((1, 1), (-large, 1)))):
                parts = {"D": chances, "g": values, "h": values[::-1]}
                rows = {name: tuple(row[x % 2] for x in range(len(zero))) for name, row in parts.items()}
                yield _Instance({"0": zero, "1": one}, rows, uses)
        numbers = (*VALUES, (large, 1), (-large, 1))
        for number in range(RANDOM_INSTANCES):
            points, largest = 2 + 3 * number // RANDOM_INSTANCES, 2 + number // 20
            inside = number % 6 > 0  # the others may have points without mass, and a discriminator that is certain
            tables = {"D": (*INSIDE, *CERTAIN) if inside else (ZERO, ONE, *INSIDE[:4]), "g": numbers, "h": numbers}
            masses = _random_laws(rng, points, int(inside), largest)
            yield _Instance(masses, {name: tuple(rng.choices(tables[name], k=points)) for name in tables}, uses)


TWO_DENSITIES = _TwoDensities()
