"""Normal laws on the line and in the plane, the maps that move them, and the densities of their images.

The density of an image comes from the distribution function alone: the tail that is small is differentiated by its
logarithm, so that the relative error stays small far out.
"""

import math
from collections.abc import Callable
from dataclasses import astuple, dataclass
from functools import cached_property

from hw.checked_math.models.quadrature import derivative

__all__ = ["Mixture", "Monotone", "PlanarFlow", "Tilted", "image_density", "normal", "signed", "straight"]

Point = tuple[float, float]

REACH = 7.2  # standard deviations that an interval of integration covers: 6e-13 of the mass lies outside
SMALLEST = 1e-290  # a tail below this is taken for no mass


def normal(x: float, mean: float, deviation: float) -> float:
    """Density of a normal law.

    Examples:
        >>> from hw.checked_math.models.smooth_laws import normal
        >>> round(normal(1.0, 1.0, 1.0), 10)
        0.3989422804
    """
    distance = (x - mean) / deviation
    return math.exp(-distance * distance / 2) / (deviation * math.sqrt(2 * math.pi))


@dataclass(frozen=True)
class Mixture:
    """A normal law on the line, or a mixture of some.

    Attributes:
        parts: Triples of weight, mean and standard deviation; the weights sum to 1.
    """

    parts: tuple[tuple[float, float, float], ...]

    def density(self, x: float) -> float:
        """Density at a point."""
        return sum(weight * normal(x, mean, deviation) for weight, mean, deviation in self.parts)

    def below(self, x: float) -> float:
        """Mass at most a point, accurate in the lower tail."""
        return sum(
            weight * math.erfc((mean - x) / (deviation * math.sqrt(2))) / 2 for weight, mean, deviation in self.parts
        )

    def above(self, x: float) -> float:
        """Mass of at least a point, accurate in the upper tail."""
        return sum(
            weight * math.erfc((x - mean) / (deviation * math.sqrt(2))) / 2 for weight, mean, deviation in self.parts
        )

    @property
    def narrowest(self) -> float:
        """Smallest standard deviation of a part."""
        return min(deviation for _, _, deviation in self.parts)

    @property
    def ends(self) -> tuple[float, float]:
        """An interval that holds all mass but 1e-12."""
        return (
            min(mean - REACH * deviation for _, mean, deviation in self.parts),
            max(mean + REACH * deviation for _, mean, deviation in self.parts),
        )

    def at(self, place: float) -> float:
        """A point in the bulk; of a normal law, 1.8 standard deviations from the mean for a place of -1 or 1."""
        low, high = self.ends
        return (low + high + place * (high - low) / 4) / 2

    def rounded(self) -> "Mixture":
        """The law with means and deviations of one digit after the point."""
        return Mixture(tuple((weight, round(mean, 1), round(deviation, 1)) for weight, mean, deviation in self.parts))

    def __str__(self) -> str:
        """The law in words, with three digits."""
        shares = ["" if weight == 1 else f"{weight:.3g} " for weight, _, _ in self.parts]
        normals = [f"N({mean:.3g}, {deviation:.3g}²)".replace("-", "−") for _, mean, deviation in self.parts]
        return " + ".join(share + text for share, text in zip(shares, normals, strict=True))


@dataclass(frozen=True)
class Monotone:
    r"""The map $u \mapsto a u + e + b \tanh(c u + d)$, strictly monotone where $|b c| < |a|$."""

    slope: float
    shift: float = 0.0
    bend: float = 0.0
    rate: float = 1.0
    offset: float = 0.0

    def __call__(self, u: float) -> float:
        """Value at a point."""
        return self.slope * u + self.shift + self.bend * math.tanh(self.rate * u + self.offset)

    def inverse(self, x: float) -> float:
        """The point that is mapped to `x`, by Newton's method inside a bracket that always shrinks."""
        low, high = sorted(((x - self.shift - self.bend) / self.slope, (x - self.shift + self.bend) / self.slope))
        u = (low + high) / 2
        for _ in range(100):
            bent = math.tanh(self.rate * u + self.offset)
            excess = u + (self.shift + self.bend * bent - x) / self.slope
            low, high = (low, u) if excess > 0 else (u, high)
            better = u - excess / (1 + self.bend * self.rate * (1 - bent * bent) / self.slope)
            if not low <= better <= high:
                better = (low + high) / 2
            if abs(better - u) <= 2e-16 * max(1.0, abs(u)):
                return better
            u = better
        return u

    def rounded(self) -> "Monotone":
        """The map with parameters of one digit after the point, where it stays monotone."""
        simple = Monotone(*(round(number, 1) for number in astuple(self)))
        return simple if abs(simple.bend * simple.rate) < abs(simple.slope) else self

    @property
    def steepness(self) -> tuple[float, float]:
        """Smallest and largest absolute slope."""
        return tuple(sorted((abs(self.slope), abs(self.slope + self.bend * self.rate))))

    @property
    def flat_height(self) -> float:
        """How far from the line, in the complex plane, the map's slope is 0; its poles are no nearer."""
        return self._angle / self.rate if self.bend else math.inf

    @property
    def singular_height(self) -> float:
        """How far from the line, in the complex plane, the inverse stops being smooth: where F takes flat points."""
        if not self.bend:
            return math.inf
        sideways = self.bend * math.tan(self._angle) if self._share > 0 else 0.0  # else tanh is real there
        return abs(self.slope * self._angle / self.rate + sideways)

    @property
    def _share(self) -> float:
        return -self.bend * self.rate / self.slope  # the slope vanishes where cosh² is this

    @property
    def _angle(self) -> float:
        return math.acos(math.sqrt(self._share)) if self._share > 0 else math.pi / 2

    def __str__(self) -> str:
        """The map in words, with three digits."""
        text = f"F(u) = {straight(self.slope, 'u', self.shift)}"
        inner = f"{self.rate:.3g}u {signed(self.offset)}"
        return f"{text} {signed(self.bend)}tanh({inner})" if self.bend else text


@dataclass(frozen=True)
class Tilted:
    """A normal law in the plane: its first coordinate, and the second given the first.

    Attributes:
        first: Law of the first coordinate, a single normal.
        center: Mean of the second coordinate.
        tilt: Slope of the mean of the second coordinate in the first.
        deviation: Standard deviation of the second coordinate given the first.
    """

    first: Mixture
    center: float
    tilt: float
    deviation: float

    def second(self, s: float, r: float) -> float:
        """Density of the second coordinate, given the first."""
        return normal(r, self.center + self.tilt * (s - self.mean), self.deviation)

    def density(self, s: float, r: float) -> float:
        """Density of both."""
        return self.first.density(s) * self.second(s, r)

    def at(self, place: float, across: float) -> Point:
        """A point in the bulk, for numbers between -1 and 1."""
        s = self.first.at(place)
        return s, self.center + self.tilt * (s - self.mean) + across * self.deviation

    @property
    def mean(self) -> float:
        """Mean of the first coordinate."""
        return self.first.parts[0][1]

    @property
    def width(self) -> float:
        """Standard deviation of the first coordinate."""
        return self.first.parts[0][2]

    @property
    def ends(self) -> tuple[float, float]:
        """An interval that holds all mass of the second coordinate but 1e-12."""
        return Mixture(((1.0, self.center, math.hypot(self.deviation, self.tilt * self.width)),)).ends

    def text(self, flow: "PlanarFlow") -> str:
        """Mean and covariance in the coordinates of the plane, with three digits."""
        mean, (a, c), (b, d) = (
            flow.back(self.mean, self.center),
            flow.back(self.width, self.tilt * self.width),
            flow.back(0.0, self.deviation),
        )
        covariance = f"({a * a + b * b:.3g}, {a * c + b * d:.3g}; {a * c + b * d:.3g}, {c * c + d * d:.3g})"
        return f"N(({mean[0]:.3g}, {mean[1]:.3g}), {covariance})".replace("-", "−")


@dataclass(frozen=True)
class PlanarFlow:
    r"""The map $u \mapsto u + v \tanh(w^\top u + b)$ of the plane, a bijection where $w^\top v > -1$.

    Attributes:
        angle: Direction of $w$.
        along: The map of the coordinate along $w$: its slope is 1, its bend the part of $v$ along $w$, its rate $|w|$.
        sideways: The part of $v$ across $w$.
    """

    angle: float
    along: Monotone
    sideways: float

    @cached_property
    def direction(self) -> Point:
        """The unit vector along $w$."""
        return math.cos(self.angle), math.sin(self.angle)

    def turned(self, point: Point) -> Point:
        """Coordinates along $w$ and across it."""
        (cosine, sine), (x, y) = self.direction, point
        return cosine * x + sine * y, cosine * y - sine * x

    def back(self, s: float, r: float) -> Point:
        """The point with coordinates along $w$ and across it."""
        cosine, sine = self.direction
        return cosine * s - sine * r, sine * s + cosine * r

    def height(self, s: float) -> float:
        """Value of tanh where the coordinate along $w$ is `s`."""
        return math.tanh(self.along.rate * s + self.along.offset)

    def __call__(self, u: Point) -> Point:
        """Value at a point."""
        return self._pushed(u, self.height(self.turned(u)[0]))

    def inverse(self, x: Point) -> Point:
        """The point that is mapped to `x`."""
        return self._pushed(x, -self.height(self.along.inverse(self.turned(x)[0])))

    def _pushed(self, point: Point, height: float) -> Point:
        v = self.back(self.along.bend, self.sideways)
        return point[0] + v[0] * height, point[1] + v[1] * height

    def combination(self, factor: float, letter: str) -> str:
        """The coordinate along $w$, times a factor, in words."""
        first, second = (factor * part for part in self.direction)
        return f"{first:.3g}{letter}₁ {signed(second)}{letter}₂".replace("-", "−")

    def __str__(self) -> str:
        """The map in words, with three digits."""
        v = self.back(self.along.bend, self.sideways)
        inner = f"{self.combination(self.along.rate, 'u')} {signed(self.along.offset)}"
        return f"F(u) = u + ({v[0]:.3g}, {v[1]:.3g}) tanh({inner})".replace("-", "−")


def straight(slope: float, variable: str, shift: float) -> str:
    """A line in a variable in words, with three digits.

    Examples:
        >>> from hw.checked_math.models.smooth_laws import straight
        >>> straight(-1.0, "u", 0.5), straight(2.0, "u", 0.0), straight(0.0, "u", 1.5)
        ('−u + 0.5', '2u', '1.5')
    """
    if not slope:
        return f"{shift:.3g}".replace("-", "−")
    factor = "" if abs(slope) == 1 else f"{abs(slope):.3g}"
    return f"{'−' if slope < 0 else ''}{factor}{variable}" + (f" {signed(shift)}" if shift else "")


def signed(number: float) -> str:
    """A number of three digits with its sign and a space, to stand after another.

    Examples:
        >>> from hw.checked_math.models.smooth_laws import signed
        >>> "2x " + signed(-0.5)
        '2x − 0.5'
    """
    return f"{'−' if number < 0 else '+'} {abs(number):.3g}"


def image_density(law: Mixture, inverse: Callable[[float], float], step: float) -> Callable[[float], float]:
    """Density of the image of a law under a monotone map, by differentiating its distribution function.

    Args:
        law: The law that is mapped.
        inverse: Inverse of the map. A decreasing one turns the lower tail into the upper.
        step: Step of the differences, about a hundredth of the scale on which the image's law varies.
    """

    def density(y: float) -> float:
        source = inverse(y)
        tail = law.below if law.below(source) < 0.5 else law.above
        mass = tail(source)
        # d tail = tail · d log tail: where the tail decays fast, its logarithm is the smooth one of the two
        return mass * abs(derivative(lambda t: math.log(tail(inverse(t))), y, step)) if mass > SMALLEST else 0.0

    return density
