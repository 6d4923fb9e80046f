"""Bijections of finite sets: permutations, under which laws move by adding up masses."""

from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from itertools import permutations, product
from random import Random
from typing import Any

from hw.checked_math.arithmetic import EXACT, Arithmetic
from hw.checked_math.models.quadrature import free_values

__all__ = ["FiniteBijection", "finite_bijections", "shown"]

CORNERS = ((1, 0), (0, 1), (1, 1), (1, 2), (1, 10**6))  # masses of two points, simplest first
RANDOM_INSTANCES = 120  # of each size, 2 to 4 points


def shown(used: frozenset[str], rows: Mapping[str, tuple[str, str]]) -> list[tuple[str, str]]:
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
    integrates = False

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
        return shown(used, rows)


def finite_bijections(rng: Random, merging: bool) -> Iterator[FiniteBijection]:
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
