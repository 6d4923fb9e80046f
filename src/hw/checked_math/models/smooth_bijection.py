"""Bijections of the line and of the plane, with laws whose images are known from distribution functions."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from itertools import product
from random import Random
from typing import Any

from hw.checked_math.arithmetic import Arithmetic
from hw.checked_math.models.finite_bijection import shown
from hw.checked_math.models.quadrature import derivative, free_values, trapezoid
from hw.checked_math.models.smooth_laws import Mixture, Monotone, PlanarFlow, Tilted, image_density, signed

__all__ = ["SmoothBijection", "in_plane", "on_line", "smooth_bijections"]

Point = tuple[float, float]
FINEST = 0.025  # step of a difference, as a share of the scale on which a density varies
STEP = 0.33  # step of the trapezoid rule along the line, likewise
UNITS = ((1, 1, 1, 1 / 20, 1.0), (-1, 1, 1, 20.0, 1.0), (1, 1, 1, 1.0, 1 / 20))  # sign, parts, units of X and U
ACROSS = 0.65  # step across the direction of a planar flow, as a share of a standard deviation


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
    integrates = True

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
        return shown(used, self.rows)


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
    flat = flow.flat_height / (math.pi / 2)  # the logarithm of F's slope has its branch points that far from the line
    branch = flow.singular_height / (math.pi / 2)  # and the inverse has its own
    return (
        min(law_x.narrowest, law_u.narrowest * flattest, branch),
        min(law_u.narrowest, law_x.narrowest / steepest, flat),
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
        if (law_x.rounded(), law_u.rounded()) != (law_x, law_u) and min(law_x.narrowest, law_u.narrowest) > 0.5:
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


def _random_law(rng: Random, mean: float, scale: float, parts: int) -> Mixture:
    if parts == 1:
        return Mixture(((1.0, mean + scale * rng.uniform(-0.5, 0.5), scale * rng.uniform(0.7, 1.2)),))
    share = rng.uniform(0.3, 0.7)
    places = (mean - scale * rng.uniform(0.4, 1.0), mean + scale * rng.uniform(0.4, 1.0))
    shares = (share, 1 - share)
    return Mixture(
        tuple((part, place, scale * rng.uniform(0.6, 0.9)) for part, place in zip(shares, places, strict=True))
    )


def _random_line(
    rng: Random, sign: int, parts_x: int, parts_u: int, unit_x: float = 1.0, unit_u: float = 1.0
) -> SmoothBijection:
    """A random map and laws, with X and U in the units given."""
    slope, rate = sign * rng.uniform(0.7, 1.4) * unit_x / unit_u, rng.uniform(0.5, 1.2) / unit_u
    bend = slope * rng.uniform(-0.4, 0.7) / rate
    flow = Monotone(slope, rng.uniform(-0.5, 0.5) * unit_x, bend, rate, rng.uniform(-0.5, 0.5))
    law_u = _random_law(rng, 0.0, unit_u, parts_u)
    law_x = _random_law(rng, flow(law_u.at(0.0)), abs(slope) * unit_u, parts_x)
    return on_line(flow, law_x, law_u, (rng.uniform(0.5, 1.5) / unit_x, rng.uniform(-1, 1)))


def _random_tilted(rng: Random, scale: float) -> Tilted:
    first = _random_law(rng, 0.0, scale, 1)
    return Tilted(first, rng.uniform(-0.5, 0.5), rng.uniform(-0.4, 0.4), rng.uniform(0.8, 1.0))


def _random_plane(rng: Random, bend: float) -> SmoothBijection:
    flow = Monotone(1.0, 0.0, bend, rng.uniform(0.6, 0.9), rng.uniform(-0.4, 0.4))
    law_x, law_u = _random_tilted(rng, sum(flow.steepness) / 2), _random_tilted(rng, 1.0)
    return in_plane(PlanarFlow(rng.uniform(0, 3), flow, rng.uniform(-0.6, 0.6)), law_x, law_u)


@lru_cache(16)  # the densities at the nodes are computed once for all formulas that are checked from one seed
def smooth_bijections(seed: int) -> tuple[tuple[SmoothBijection, ...], tuple[SmoothBijection, ...]]:
    """The eleven instances on the line, three of them in units of other sizes, and the two in the plane."""
    rng = Random(seed)
    unit = Mixture(((1.0, 0.0, 1.0),))
    lines = (
        on_line(Monotone(1.0), unit, unit),
        on_line(Monotone(2.0, 1.0), Mixture(((1.0, 1.0, 2.0),)), unit),  # X has the law of F(U)
        on_line(Monotone(math.exp(0.3), 0.7), Mixture(((1.0, 1.5, 0.8),)), unit),
        on_line(Monotone(-1.5, 0.5), unit, unit),
        _random_line(rng, 1, 1, 1),
        _random_line(rng, -1, 2, 1),
        _random_line(rng, 1, 1, 2),
        _random_line(rng, -1, 2, 2),
    )
    planes = (_random_plane(rng, 0.8), _random_plane(rng, -0.4))
    return (*lines, *(_random_line(rng, *units) for units in UNITS)), planes
