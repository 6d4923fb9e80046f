"""Two smooth densities on the line, and a discriminator between them.

The trapezoid rule converges exponentially with the distance from the line to the nearest singularity in the complex
plane: of log f_0 and log f_1, where the density vanishes; of D^* and the logarithm of the mixture, where f_0 + f_1
does; of D, log D and log(1 - D), where the logistic function has its poles. The step is a share of that distance.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache
from random import Random
from typing import Any

from hw.checked_math.arithmetic import FLOAT, Arithmetic
from hw.checked_math.models.finite_two_densities import best_chance, free_number, letter_of_laws
from hw.checked_math.models.quadrature import free_values, trapezoid
from hw.checked_math.models.smooth_laws import Mixture, Monotone, signed, straight

__all__ = ["LineTwoDensities", "line_two_densities", "on_line"]

Wave = tuple[float, float]  # frequency and phase

REACH = 11.0  # standard deviations: f_0² / f_1 and f_0 / D² are wider than f_0, and vanish at both ends as well
STEP = 0.3  # of the trapezoid rule, as a share of the distance to the nearest singularity, in units of π/2
EVEN = Monotone(0.0)  # the logit of a discriminator that is 1/2 everywhere


@dataclass(frozen=True, eq=False)
class LineTwoDensities:
    """Two laws and the functions `D`, `D^*`, `g` and `h` on the line, by name.

    Attributes:
        laws: The laws by label.
        nodes: Nodes of integration with their weights.
        densities: Densities of the laws by label.
        functions: The functions of a point.
        texts: What the reader is shown of the functions.
        simpler: Makes the simpler instances.
        arithmetic: Where the value V of a discriminator takes its logarithm from.
    """

    laws: Mapping[str, Mixture]
    nodes: tuple[tuple[float, float], ...]
    densities: Mapping[str, Callable[[float], float]]
    functions: Mapping[str, Callable[[float], float]]
    texts: Mapping[str, str]
    simpler: Callable[[], Iterator["LineTwoDensities"]]
    arithmetic: Arithmetic = FLOAT
    tolerance = 1e-8
    integrates = True

    def using(self, arithmetic: Arithmetic) -> "LineTwoDensities":
        """The same instance: its numbers are floats in every arithmetic, and V takes logarithms of the arithmetic's."""
        return self if isinstance(arithmetic.ratio(1, 2), Decimal) else replace(self, arithmetic=arithmetic)

    def space(self, sort: str) -> tuple[tuple[float, float], ...]:
        """Nodes and weights of the trapezoid rule.

        Raises:
            ValueError: If the sort is another one than `x`.
        """
        if sort != "x":
            raise ValueError(f"sort must be 'x', the only space of two-densities, got {sort!r}")
        return self.nodes

    def density(self, key: str) -> Callable[[float], float]:
        """Density of `f_0` or `f_1`, by label."""
        return self.densities[key]

    def function(self, name: str) -> Callable[[Any], Any]:
        """V, a function of a discriminator; D, the best one, g or h, functions of a point."""
        return self._value if name == "V" else self.functions[name]

    def jacobian(self, name: str, at: Any) -> Any:
        """No derivatives are taken in a point, since points of a finite set have none.

        Raises:
            ValueError: Always.
        """
        raise ValueError(f"name must be a function with a derivative, and two-densities has none, got {name!r}")

    def draw(self, variables: Mapping[str, str], families: Mapping[str, str], rng: Random) -> dict[str, Any]:
        """Values of free variables: points where one of the laws has its mass, and the numbers of the finite kind.

        Large numbers are divided by ten: with sixty digits to decide, a finite set can bear their exponentials.
        """
        numbers = {name: FLOAT.ratio(*free_number(name, rng)) for name, sort in variables.items() if sort == "number"}
        numbers = {name: number if abs(number) < 10 else number / 10 for name, number in numbers.items()}
        others = {name: sort for name, sort in variables.items() if sort != "number"}
        drawn = free_values(others, families, rng, lambda _: self.laws[rng.choice("01")].at(rng.uniform(-1, 1)))
        return drawn | numbers

    def holds(self, assumption: str) -> bool:
        """All assumptions hold: densities are positive everywhere, and D is never certain."""
        return True

    def smaller(self) -> Iterator["LineTwoDensities"]:
        """The same with a simpler discriminator, or with parameters of one digit after the point."""
        return self.simpler()

    def words(self, used: frozenset[str]) -> list[tuple[str, str]]:
        """Parameters with three digits; the best discriminator follows from the laws."""
        letter = letter_of_laws(used)
        laws = [(f"{letter}_{label}", str(law)) for label, law in self.laws.items()] if letter else []
        return laws + [(name, text) for name, text in self.texts.items() if name in used]

    def _value(self, discriminator: Callable[[float], Any]) -> Any:
        """V(D): the mean of log D under f_1 plus that of log(1 - D) under f_0."""
        zero, one, log = self.densities["0"], self.densities["1"], self.arithmetic.functions["log"]
        total: Any = 0
        for x, weight in self.nodes:
            chance = discriminator(x)
            total += weight * one(x) * log(chance) + weight * zero(x) * log(1 - chance)
        return total


def on_line(
    zero: Mixture, one: Mixture, logit: Monotone, g: Wave = (1.0, 0.5), h: Wave = (1.0, 0.0)
) -> LineTwoDensities:
    """An instance.

    Args:
        zero: The law `f_0`.
        one: The law `f_1`.
        logit: Logarithm of the odds that D gives to label 1.
        g: The function g is the cosine of `g[0]` times x plus `g[1]`.
        h: The function h, a direction to vary D in, is the hyperbolic tangent of `h[0]` times x plus `h[1]`.
    """
    densities = {"0": lru_cache(1024)(zero.density), "1": lru_cache(1024)(one.density)}
    functions = {
        "D": lru_cache(1024)(lambda x: 1 / (1 + math.exp(-logit(x)))),
        "D^*": lru_cache(1024)(lambda x: _best(densities["1"](x), densities["0"](x))),
        "g": lambda x: math.cos(g[0] * x + g[1]),
        "h": lambda x: math.tanh(h[0] * x + h[1]),
    }
    texts = {
        "D": f"D(x) = {_odds(logit)}",
        "g": f"g(x) = cos({straight(g[0], 'x', g[1])})",
        "h": f"h(x) = tanh({straight(h[0], 'x', h[1])})",
    }

    def simpler() -> Iterator[LineTwoDensities]:
        for candidate in dict.fromkeys((EVEN, Monotone(logit.slope, logit.shift), logit.rounded())):
            if candidate != logit:
                yield on_line(zero, one, candidate, g, h)
        rounded = zero.rounded(), one.rounded()
        if rounded != (zero, one) and min(zero.narrowest, one.narrowest) > 0.5:
            yield on_line(*rounded, logit, g, h)

    step = STEP * min(_scale_of_laws(zero, one), _scale_of_logit(logit), 1 / abs(h[0]))
    nodes = trapezoid(*_ends(zero.parts + one.parts), step)
    return LineTwoDensities({"0": zero, "1": one}, nodes, densities, functions, texts, simpler)


def _best(one: float, zero: float) -> float:
    """The best discriminator, from densities of any size: far out both are tiny."""
    larger = max(one, zero)
    return best_chance(one / larger, zero / larger)


def _ends(parts: tuple[tuple[float, float, float], ...]) -> tuple[float, float]:
    return (
        min(mean - REACH * deviation for _, mean, deviation in parts),
        max(mean + REACH * deviation for _, mean, deviation in parts),
    )


def _scale_of_laws(zero: Mixture, one: Mixture) -> float:
    """Distance from the line to where a sum of the laws' parts vanishes, in units of π/2; at most a deviation.

    Two parts of one deviation cancel where their logarithms differ by an odd multiple of πi.
    """
    narrowest, means = min(zero.narrowest, one.narrowest), [mean for _, mean, _ in zero.parts + one.parts]
    spread = max(means) - min(means)
    return min(narrowest, 2 * narrowest**2 / spread) if spread else narrowest


def _scale_of_logit(logit: Monotone) -> float:
    """Distance from the line to where the odds are -1, in units of π/2, and to where tanh has its poles."""
    steepest = max(logit.steepness)
    return min(2 / steepest if steepest else math.inf, 1 / logit.rate if logit.bend else math.inf)


def _odds(logit: Monotone) -> str:
    """The discriminator in words, with three digits."""
    if logit == EVEN:
        return "1/2"
    bent = f" {signed(-logit.bend)}tanh({straight(logit.rate, 'x', logit.offset)})" if logit.bend else ""
    return f"1/(1 + exp({straight(-logit.slope, 'x', -logit.shift)}{bent}))"


def _random_law(rng: Random, unit: float, parts: int, deviations: tuple[float, float]) -> Mixture:
    if parts == 1:
        return Mixture(((1.0, unit * rng.uniform(-0.7, 0.7), unit * rng.uniform(*deviations)),))
    share = rng.uniform(0.3, 0.7)
    places = (-rng.uniform(0.2, 0.7), rng.uniform(0.2, 0.7))
    shares = (share, 1 - share)
    return Mixture(
        tuple((part, unit * at, unit * rng.uniform(*deviations)) for part, at in zip(shares, places, strict=True))
    )


def _random_line(rng: Random, parts_zero: int, parts_one: int, unit: float = 1.0) -> LineTwoDensities:
    """Random laws in the unit given; their deviations are so close that both chi-squared divergences are finite."""
    zero = _random_law(rng, unit, parts_zero, (0.97, 1.04))
    one = _random_law(rng, unit, parts_one, (0.92, 1.03))
    slope, rate = rng.choice((-1, 1)) * rng.uniform(0.4, 1.1) / unit, rng.uniform(0.5, 1.2) / unit
    bend = slope / rate * rng.uniform(-0.6, 0.9)
    logit = Monotone(slope, rng.uniform(-1, 1), bend, rate, rng.uniform(-0.5, 0.5))
    g, h = (rng.uniform(0.5, 1.5) / unit, rng.uniform(-1, 1)), (rng.uniform(0.5, 1.0) / unit, rng.uniform(-0.5, 0.5))
    return on_line(zero, one, logit, g, h)


@lru_cache(16)  # the best discriminator is searched for once for all formulas that are checked from one seed
def line_two_densities(seed: int) -> tuple[LineTwoDensities, ...]:
    """Five simple instances, then five random ones, two of them in units of other sizes."""
    rng = Random(seed)
    unit = Mixture(((1.0, 0.0, 1.0),))
    return (
        on_line(unit, unit, EVEN),
        on_line(unit, Mixture(((1.0, 1.0, 1.0),)), Monotone(1.0)),
        on_line(unit, Mixture(((1.0, 2.0, 1.0),)), Monotone(-0.5, 1.0)),
        on_line(unit, Mixture(((1.0, 0.5, 0.9),)), EVEN),
        on_line(unit, Mixture(((1.0, 1.0, 1.0),)), Monotone(0.5, 6.0)),  # nearly certain on one side
        _random_line(rng, 1, 2),
        _random_line(rng, 2, 1),
        _random_line(rng, 2, 2),
        _random_line(rng, 1, 1, 20.0),
        _random_line(rng, 2, 1, 1 / 20),
    )
