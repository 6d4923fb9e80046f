"""The model `bijection`: laws of U and X, and a bijection F from the values of U to the values of X.

On finite sets F is a permutation and laws are moved by adding up masses; on the line and in the plane the density of an
image comes from its distribution function, never from the formula for a change of variables.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache, lru_cache
from itertools import permutations, product
from random import Random
from typing import Any

from hw.checked_math.arithmetic import EXACT, Arithmetic
from hw.checked_math.models.model import Instance, Law, Vocabulary
from hw.checked_math.models.quadrature import (
    Mixture,
    Monotone,
    PlanarFlow,
    Tilted,
    derivative,
    free_values,
    image_density,
    signed,
    trapezoid,
)

__all__ = ["BIJECTION", "Bijection", "FiniteBijection", "SmoothBijection", "in_plane", "on_line"]

Point = tuple[float, float]
SORTS = {"X": "x", "U": "u", "F(U)": "x", "F^{-1}(X)": "u"}
CORNERS = ((1, 0), (0, 1), (1, 1), (1, 2))  # masses of two points, simplest first
RANDOM_INSTANCES = 120  # of each size, 2 to 4 points
FINEST = 0.025  # step of a difference, as a share of the scale on which a density varies
STEP = 0.33  # step of the trapezoid rule along the line, likewise
ACROSS = 0.65  # step across the direction of a planar flow, as a share of a standard deviation


def _shown(used: frozenset[str], rows: Mapping[str, tuple[str, str]]) -> list[tuple[str, str]]:
    """Rows of the letters X, U, F and g that stand in the names used."""
    letters = {letter for name in used if name[:1] in set("pPFXU") for letter in name} | ({"g"} & used)
    return [row for letter, row in rows.items() if letter in letters]


class FiniteBijection:
    """Laws on the points 1 to n and a map of these points, in whole numbers until an arithmetic is asked for.

    Args:
        image: Images of the points under F; a permutation unless a claim's assumption of a bijection is being tested.
        mass_x: Masses of X, not normalized.
        mass_u: Masses of U, not normalized.
        test: Values of the function g, in halves.
        arithmetic: What the instance gives its numbers out in.
    """

    __slots__ = ("_known", "arithmetic", "image", "mass_u", "mass_x", "test")
    tolerance = None

    def __init__(
        self,
        image: tuple[int, ...],
        mass_x: tuple[int, ...],
        mass_u: tuple[int, ...],
        test: tuple[int, ...],
        arithmetic: Arithmetic = EXACT,
    ) -> None:
        """Keep the parts; everything else is made when it is asked for."""
        self.image, self.mass_x, self.mass_u, self.test, self.arithmetic = image, mass_x, mass_u, test, arithmetic
        self._known: dict[str, Callable[[Any], Any]] = {}

    def using(self, arithmetic: Arithmetic) -> "FiniteBijection":
        """The same laws and map, with numbers of another kind."""
        return FiniteBijection(self.image, self.mass_x, self.mass_u, self.test, arithmetic)

    def space(self, sort: str) -> list[tuple[int, int]]:
        """All points, with weight 1."""
        return [(point, 1) for point in range(1, len(self.image) + 1)]

    def _masses(self, label: str) -> list[int] | tuple[int, ...] | None:
        """Masses of a law; None where the law is not defined."""
        if label == "F(U)":
            moved = [0] * len(self.image)
            for at, mass in zip(self.image, self.mass_u, strict=True):
                moved[at - 1] += mass
            return moved
        if label == "F^{-1}(X)":
            return [self.mass_x[at - 1] for at in self.image] if self.holds("bijective") else None
        return self.mass_x if label == "X" else self.mass_u

    def density(self, key: str) -> Callable[[Any], Any]:
        """Mass of a point; undefined at what is no point."""
        if key not in self._known:
            masses = self._masses(key) or ()
            total, ratio = sum(masses), self.arithmetic.ratio
            self._known[key] = self._read({at: ratio(mass, total) for at, mass in enumerate(masses, 1)})
        return self._known[key]

    def function(self, name: str) -> Callable[[Any], Any]:
        """F, its inverse (undefined at a point with no preimage or several), and g."""
        if name not in self._known:
            image, ratio = self.image, self.arithmetic.ratio
            values: dict[int, Any] = dict(enumerate(image, 1))
            if name == "F^{-1}":
                values = {at: image.index(at) + 1 for at in image if image.count(at) == 1}
            elif name == "g":
                values = {at: ratio(value, 2) for at, value in enumerate(self.test, 1)}
            self._known[name] = self._read(values)
        return self._known[name]

    def _read(self, table: dict[int, Any]) -> Callable[[Any], Any]:
        """What a table says of a point; undefined at what is not in it."""
        nan = self.arithmetic.nan
        return lambda point: table.get(point, nan)

    def jacobian(self, name: str, at: Any) -> Any:
        """Points of a finite set have no derivative; `Bijection.instances` never gives them to a formula with one.

        Raises:
            ValueError: Always.
        """
        raise ValueError(f"a derivative must be taken on the line or in the plane, got {name} on a finite set")

    def draw(self, variables: Mapping[str, str], families: Mapping[str, str], rng: Random) -> dict[str, Any]:
        """Values of free variables: points to which one of the two laws on their set gives mass."""
        bulk = {"x": self._support("X", "F(U)"), "u": self._support("U", "F^{-1}(X)")}
        return free_values(variables, families, rng, lambda sort: rng.choice(bulk[sort]))

    def _support(self, *labels: str) -> list[int]:
        masses = [self._masses(label) or () for label in labels]
        return sorted({at for law in masses for at, mass in enumerate(law, 1) if mass})

    def holds(self, assumption: str) -> bool:
        """Whether F is bijective, all masses are positive, or one law on the values of X dominates the other."""
        if assumption == "bijective":
            return len(set(self.image)) == len(self.image)
        if assumption == "positive":
            return 0 not in self.mass_x and 0 not in self.mass_u
        x, moved = set(self._support("X")), set(self._support("F(U)"))
        return x <= moved if assumption == "X << F(U)" else moved <= x

    def smaller(self) -> Iterator["FiniteBijection"]:
        """Without a pair of points, or with one of the masses reduced to 1."""
        for at in range(len(self.image) if len(self.image) > 2 else 0):
            yield from self._without(at)
        for name in ("mass_x", "mass_u"):
            masses = getattr(self, name)
            for at, mass in enumerate(masses):
                if mass > 1:
                    simpler = {"mass_x": self.mass_x, "mass_u": self.mass_u, name: (*masses[:at], 1, *masses[at + 1 :])}
                    yield FiniteBijection(self.image, simpler["mass_x"], simpler["mass_u"], self.test, self.arithmetic)

    def _without(self, at: int) -> Iterator["FiniteBijection"]:
        """The instance without a point of U and a point of X to which no other point is mapped."""
        others = self.image[:at] + self.image[at + 1 :]
        free = next(point for point in (self.image[at], *range(1, len(self.image) + 1)) if point not in others)
        image = tuple(point - (point > free) for point in others)
        mass_x, test = (values[: free - 1] + values[free:] for values in (self.mass_x, self.test))
        mass_u = self.mass_u[:at] + self.mass_u[at + 1 :]
        if any(mass_x) and any(mass_u):
            yield FiniteBijection(image, mass_x, mass_u, test, self.arithmetic)

    def words(self, used: frozenset[str]) -> list[tuple[str, str]]:
        """Masses in the order of the points, and the maps as arrows."""

        def shares(masses: tuple[int, ...]) -> str:
            return ", ".join(str(Fraction(mass, sum(masses))) for mass in masses)

        def arrows(values: Any) -> str:
            return ", ".join(f"{point}→{value}" for point, value in enumerate(values, 1))

        rows = {
            "X": ("p_X", shares(self.mass_x)),
            "U": ("p_U", shares(self.mass_u)),
            "F": ("F", arrows(self.image)),
            "g": ("g", arrows(Fraction(value, 2) for value in self.test)),
        }
        return _shown(used, rows)


@dataclass(frozen=True, eq=False)
class SmoothBijection:
    """Laws and a bijection on the line or in the plane, by name.

    Attributes:
        spaces: Nodes and weights for each of the sorts `x` and `u`.
        densities: The four densities by label.
        functions: F, its inverse and g.
        derivatives: The Jacobian matrices of F and of its inverse, as functions of the point.
        bulk: For each sort, a point where there is mass, from two numbers between -1 and 1.
        rows: What the reader is shown, by letter.
        simpler: Makes the simpler instances.
    """

    spaces: Mapping[str, tuple[tuple[Any, float], ...]]
    densities: Mapping[str, Callable[[Any], float]]
    functions: Mapping[str, Callable[[Any], Any]]
    derivatives: Mapping[str, Callable[[Any], tuple[tuple[float, ...], ...]]]
    bulk: Mapping[str, Callable[[float, float], Any]]
    rows: Mapping[str, tuple[str, str]]
    simpler: Callable[[], Iterator["SmoothBijection"]]
    tolerance = 1e-8

    def using(self, arithmetic: Arithmetic) -> "SmoothBijection":
        """The same instance: its numbers are floats in every arithmetic."""
        return self

    def space(self, sort: str) -> tuple[tuple[Any, float], ...]:
        """Nodes and weights of the trapezoid rule."""
        return self.spaces[sort]

    def density(self, key: str) -> Callable[[Any], float]:
        """Density of X, U, F(U) or F⁻¹(X)."""
        return self.densities[key]

    def function(self, name: str) -> Callable[[Any], Any]:
        """F, its inverse, or g."""
        return self.functions[name]

    def jacobian(self, name: str, at: Any) -> tuple[tuple[float, ...], ...]:
        """Derivative by differences; one row and one column on the line."""
        return self.derivatives[name](at)

    def draw(self, variables: Mapping[str, str], families: Mapping[str, str], rng: Random) -> dict[str, Any]:
        """Values of free variables: points where X or U has its mass."""
        return free_values(
            variables, families, rng, lambda sort: self.bulk[sort](rng.uniform(-1, 1), rng.uniform(-1, 1))
        )

    def holds(self, assumption: str) -> bool:
        """All assumptions hold: densities are positive everywhere, and F is a bijection."""
        return True

    def smaller(self) -> Iterator["SmoothBijection"]:
        """The same with F straight, or with parameters of one digit after the point."""
        return self.simpler()

    def words(self, used: frozenset[str]) -> list[tuple[str, str]]:
        """Parameters with three digits."""
        return _shown(used, self.rows)


def _slope(function: Callable[[float], float], step: float) -> Callable[[float], tuple[tuple[float]]]:
    return lru_cache(4096)(lambda at: ((derivative(function, at, step),),))


def _slopes(function: Callable[[Point], Point], step: float) -> Callable[[Point], tuple[tuple[float, ...], ...]]:
    def column(at: Point, axis: int) -> tuple[float, float]:
        moved = cache(lambda t: function((*at[:axis], t, *at[axis + 1 :])))  # both rows read the same values
        return derivative(lambda t: moved(t)[0], at[axis], step), derivative(lambda t: moved(t)[1], at[axis], step)

    return lru_cache(4096)(lambda at: tuple(zip(column(at, 0), column(at, 1), strict=True)))


def _scales(flow: Monotone, law_x: Mixture, law_u: Mixture) -> tuple[float, float]:
    """Lengths on which densities vary: of X and F(U), and of U and F⁻¹(X)."""
    flattest, steepest = flow.steepness
    kink = 1 / flow.rate if flow.bend else math.inf  # tanh has its poles about that far from the line
    branch = kink * flattest**2 / abs(flow.slope)  # and the inverse has its branch points
    return (
        min(law_x.narrowest, law_u.narrowest * flattest, branch),
        min(law_u.narrowest, law_x.narrowest / steepest, kink),
    )


def on_line(flow: Monotone, law_x: Mixture, law_u: Mixture, test: tuple[float, float] = (1.0, 0.5)) -> SmoothBijection:
    """An instance on the line.

    Args:
        flow: The map F.
        law_x: Law of X.
        law_u: Law of U.
        test: Frequency and phase of the bounded function g.
    """
    scale_x, scale_u = _scales(flow, law_x, law_u)
    inverse = lru_cache(4096)(flow.inverse)
    ends_x = (*law_x.ends, *map(flow, law_u.ends))
    ends_u = (*law_u.ends, *map(inverse, law_x.ends))

    def simpler() -> Iterator[SmoothBijection]:
        for candidate in (replace(flow, bend=0.0), flow.rounded()):
            if candidate != flow:
                yield on_line(candidate, law_x, law_u, test)
        if (law_x.rounded(), law_u.rounded()) != (law_x, law_u):
            yield on_line(flow, law_x.rounded(), law_u.rounded(), test)

    return SmoothBijection(
        spaces={
            "x": trapezoid(min(ends_x), max(ends_x), STEP * scale_x),
            "u": trapezoid(min(ends_u), max(ends_u), STEP * scale_u),
        },
        densities={
            "X": law_x.density,
            "U": law_u.density,
            "F(U)": lru_cache(4096)(image_density(law_u, flow.inverse, FINEST * scale_x)),
            "F^{-1}(X)": lru_cache(4096)(image_density(law_x, flow, FINEST * scale_u)),
        },
        functions={"F": flow, "F^{-1}": inverse, "g": lambda x: math.cos(test[0] * x + test[1])},
        derivatives={"F": _slope(flow, FINEST * scale_u), "F^{-1}": _slope(flow.inverse, FINEST * scale_x)},
        bulk={"x": lambda s, _: law_x.at(s), "u": lambda s, _: law_u.at(s)},
        rows={
            "X": ("p_X", str(law_x)),
            "U": ("p_U", str(law_u)),
            "F": ("F", str(flow)),
            "g": ("g", f"g(x) = cos({test[0]:.3g}x {signed(test[1])})"),
        },
        simpler=simpler,
    )


def in_plane(flow: PlanarFlow, law_x: Tilted, law_u: Tilted, test: tuple[float, float] = (1.0, 0.5)) -> SmoothBijection:
    """An instance in the plane.

    In coordinates along the flow's direction and across it, the flow is a monotone map of the first and a shift of the
    second that depends on the first: so the law of F(U) is known from a distribution function on the line and a normal
    conditional.

    Args:
        flow: The map F.
        law_x: Law of X, in coordinates along the flow's direction and across it.
        law_u: Law of U, likewise.
        test: The bounded function g is the cosine of `test[0]` times the first coordinate plus `test[1]`.
    """
    along, sideways, height = flow.along, flow.sideways, flow.height
    scale_x, scale_u = _scales(along, law_x.first, law_u.first)
    inverse = lru_cache(4096)(along.inverse)
    first_of_x = lru_cache(4096)(image_density(law_u.first, along.inverse, FINEST * scale_x))
    first_of_u = lru_cache(4096)(image_density(law_x.first, along, FINEST * scale_u))

    ends = (*law_u.ends, *law_x.ends)
    widest = (min(ends) - abs(sideways), max(ends) + abs(sideways))
    across = trapezoid(*widest, ACROSS * min(law_u.deviation, law_x.deviation))
    places: dict[Point, Point] = {}  # by its own first coordinate, a node finds what its whole row has computed

    def nodes(ends: tuple[float, ...], step: float) -> tuple[tuple[Point, float], ...]:
        pairs = tuple(product(trapezoid(min(ends), max(ends), step), across))
        places.update((flow.back(s, r), (s, r)) for (s, _), (r, _) in pairs)
        return tuple((flow.back(s, r), a * b) for (s, a), (r, b) in pairs)

    def place(point: Point) -> Point:
        return places.get(point) or flow.turned(point)

    def moved_u(x: Point) -> float:
        s, r = place(x)
        return first_of_x(s) * law_u.second(inverse(s), r - sideways * height(inverse(s)))

    def moved_x(u: Point) -> float:
        s, r = place(u)
        return first_of_u(s) * law_x.second(along(s), r + sideways * height(s))

    def simpler() -> Iterator[SmoothBijection]:
        for candidate in (replace(flow, sideways=0.0), replace(flow, along=along.rounded())):
            if candidate != flow:
                yield in_plane(candidate, law_x, law_u, test)

    return SmoothBijection(
        spaces={
            "x": nodes((*law_x.first.ends, *map(along, law_u.first.ends)), STEP * scale_x),
            "u": nodes((*law_u.first.ends, *map(inverse, law_x.first.ends)), STEP * scale_u),
        },
        densities={
            "X": lambda x: law_x.density(*place(x)),
            "U": lambda u: law_u.density(*place(u)),
            "F(U)": moved_u,
            "F^{-1}(X)": moved_x,
        },
        functions={
            "F": flow,
            "F^{-1}": lru_cache(4096)(flow.inverse),
            "g": lambda x: math.cos(test[0] * place(x)[0] + test[1]),
        },
        derivatives={"F": _slopes(flow, FINEST * scale_u), "F^{-1}": _slopes(flow.inverse, FINEST * scale_x)},
        bulk={"x": lambda a, b: flow.back(*law_x.at(a, b)), "u": lambda a, b: flow.back(*law_u.at(a, b))},
        rows={
            "X": ("p_X", law_x.text(flow)),
            "U": ("p_U", law_u.text(flow)),
            "F": ("F", str(flow)),
            "g": ("g", f"g(x) = cos({flow.combination(test[0], 'x')} {signed(test[1])})"),
        },
        simpler=simpler,
    )


def _finite(rng: Random, merging: bool) -> Iterator[FiniteBijection]:
    """All corners on two points, then random masses on two to four; `merging` adds maps that are no bijections."""
    for masses_x, masses_u in product(CORNERS, CORNERS):
        for image in ((1, 2), (2, 1), *(((1, 1), (2, 2)) if merging else ())):
            yield FiniteBijection(image, masses_x, masses_u, (0, 2))
    for size in (2, 3, 4):
        images = tuple(permutations(range(1, size + 1)))
        merged = [image for image in product(range(1, size + 1), repeat=size) if len(set(image)) < size]
        for number in range(RANDOM_INSTANCES):
            lowest = 1 if number % 2 else 0  # every other one has a zero mass here and there
            masses_x, masses_u = _masses(rng, size, lowest), _masses(rng, size, lowest)
            image = rng.choice(merged if merging and number % 4 > 1 else images)
            equal = number % 8 == 0
            yield FiniteBijection(
                image, masses_x, masses_x if equal else masses_u, tuple(rng.choices(range(-3, 4), k=size))
            )


def _masses(rng: Random, size: int, lowest: int) -> tuple[int, ...]:
    masses = tuple([lowest + int(rng.random() * 5) for _ in range(size)])
    return masses if any(masses) else _masses(rng, size, lowest)


def _random_law(rng: Random, mean: float, scale: float, parts: int) -> Mixture:
    if parts == 1:
        return Mixture(((1.0, mean + scale * rng.uniform(-0.5, 0.5), scale * rng.uniform(0.7, 1.2)),))
    share = rng.uniform(0.3, 0.7)
    places = (mean - scale * rng.uniform(0.4, 1.0), mean + scale * rng.uniform(0.4, 1.0))
    shares = (share, 1 - share)
    return Mixture(
        tuple((part, place, scale * rng.uniform(0.6, 0.9)) for part, place in zip(shares, places, strict=True))
    )


def _random_line(rng: Random, sign: int, parts_x: int, parts_u: int) -> SmoothBijection:
    slope, rate = sign * rng.uniform(0.7, 1.4), rng.uniform(0.5, 1.2)
    bend = slope * rng.uniform(-0.4, 0.7) / rate
    flow = Monotone(slope, rng.uniform(-0.5, 0.5), bend, rate, rng.uniform(-0.5, 0.5))
    law_u = _random_law(rng, 0.0, 1.0, parts_u)
    law_x = _random_law(rng, flow(law_u.at(0.0)), abs(slope), parts_x)
    return on_line(flow, law_x, law_u, (rng.uniform(0.5, 1.5), rng.uniform(-1, 1)))


def _random_tilted(rng: Random, scale: float) -> Tilted:
    first = _random_law(rng, 0.0, scale, 1)
    return Tilted(first, rng.uniform(-0.5, 0.5), rng.uniform(-0.4, 0.4), rng.uniform(0.8, 1.0))


def _random_plane(rng: Random, bend: float) -> SmoothBijection:
    flow = Monotone(1.0, 0.0, bend, rng.uniform(0.6, 0.9), rng.uniform(-0.4, 0.4))
    law_x, law_u = _random_tilted(rng, sum(flow.steepness) / 2), _random_tilted(rng, 1.0)
    return in_plane(PlanarFlow(rng.uniform(0, 3), flow, rng.uniform(-0.6, 0.6)), law_x, law_u)


@lru_cache(16)  # the densities at the nodes are computed once for all formulas that are checked from one seed
def _smooth(seed: int) -> tuple[SmoothBijection, ...]:
    rng = Random(seed)
    unit = Mixture(((1.0, 0.0, 1.0),))
    return (
        on_line(Monotone(1.0), unit, unit),
        on_line(Monotone(2.0, 1.0), Mixture(((1.0, 1.0, 2.0),)), unit),  # X has the law of F(U)
        on_line(Monotone(math.exp(0.3), 0.7), Mixture(((1.0, 1.5, 0.8),)), unit),
        on_line(Monotone(-1.5, 0.5), unit, unit),
        _random_line(rng, 1, 1, 1),
        _random_line(rng, -1, 2, 1),
        _random_line(rng, 1, 1, 2),
        _random_line(rng, -1, 2, 2),
        _random_plane(rng, 0.8),
        _random_plane(rng, -0.4),
    )


class Bijection:
    """Random bijections with laws on both sides: permutations, monotone maps, planar flows."""

    name = "bijection"
    sentence = (
        "Laws of U and X and a bijection F: permutations of two to four points with random masses, monotone maps of "
        "the line, and planar flows."
    )
    vocabulary = Vocabulary(
        variables={"x": "x", "u": "u", "k": "count", "m": "count", "i": "index", "j": "index", "l": "index"},
        families={"x": "x", "u": "u"},
        laws=frozenset({"p", "P"}),
        functions={"F": (1, "x"), "F^{-1}": (1, "u"), "g": (1, "number")},
        random={"X": Law("P", "X"), "U": Law("P", "U")},
        assumptions={
            "F(U) << X": "F(U) takes no values, up to probability 0, that X does not take.",
            "X << F(U)": "X takes no values, up to probability 0, that F(U) does not take.",
            "bijective": "F is a bijection.",
            "positive": "The laws of X and of U give mass to every point.",
        },
    )

    def law(self, law: Law, left: tuple[str, ...], right: tuple[str, ...]) -> str:
        """Label of the law.

        Raises:
            ValueError: If it is not one of the four laws, or has other arguments than one point.
        """
        (sort,), _ = self.bare(law)
        if left != (sort,) or right:
            raise ValueError(f"{law} must have one argument, {sort}, got ({', '.join(left + right)})")
        return law.label

    def bare(self, law: Law) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Sort of the points of the law.

        Raises:
            ValueError: If it is not one of the four laws.
        """
        if law.letter not in ("p", "P") or law.label not in SORTS:
            raise ValueError(f"a law must be one of p_X(x), p_U(u), p_{{F(U)}}(x) and p_{{F^{{-1}}(X)}}(u), got {law}")
        return (SORTS[law.label],), ()

    def instances(self, rng: Random, uses: frozenset[str]) -> Iterator[Instance]:
        """Permutations by size, then lines, then planes.

        A formula with a Jacobian determinant gets no permutations, one that sums over points gets nothing else. Maps
        that are no bijections are among the finite ones where `uses` holds `assume:bijective`.
        """
        seed = rng.getrandbits(64)
        if "det" not in uses:
            yield from _finite(Random(seed), "assume:bijective" in uses)
        if "sum" not in uses or uses & {"det", "integral"}:
            yield from _smooth(seed)


BIJECTION = Bijection()
