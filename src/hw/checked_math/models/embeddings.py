r"""The model `embeddings`: views on the sphere, in pairs, with a temperature, as a contrastive loss reads them.

The views of the pair $i$ are $z_{2i-1}$ and $z_{2i}$. All of it is in float64.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import mul
from random import Random
from typing import Any

from hw.checked_math.arithmetic import Arithmetic
from hw.checked_math.models.model import Law, Vocabulary

__all__ = ["EMBEDDINGS"]

Vector = tuple[float, ...]

RANDOM_INSTANCES = 240
TEMPERATURES = (1.0, 0.5, 0.1)  # below that float64 rounds small losses to 0
E1, E2, E3, E4 = ((0.0,) * place + (1.0,) + (0.0,) * (3 - place) for place in range(4))
CORNERS: tuple[tuple[Vector, ...], ...] = (
    ((1.0,), (1.0,)),  # one pair, aligned
    ((1.0,), (-1.0,)),
    (E1[:2], E2[:2]),
    ((1.0,),) * 4,  # collapsed
    ((1.0,), (1.0,), (-1.0,), (-1.0,)),  # aligned, the pairs antipodal
    ((1.0,), (-1.0,), (1.0,), (-1.0,)),  # antipodal within the pairs
    (E1[:2], E1[:2], E2[:2], E2[:2]),  # aligned and orthogonal
    (E1[:2], E2[:2], E1[:2], E2[:2]),  # a pair twice
    (E1[:3], E1[:3], E2[:3], E2[:3], E3[:3], E3[:3]),
    (E1,) * 8,
    (E1, E1, E2, E2, E3, E3, E4, E4),
)


class _Views(dict[int, Vector]):
    """Views by index; undefined where there is none."""

    def __missing__(self, index: Any) -> Vector:
        return (math.nan,) * len(self[1])


@dataclass(frozen=True, eq=False)
class _Instance:
    """Unit vectors, two for each pair, and a temperature."""

    views: tuple[Vector, ...]
    temperature: float
    tolerance: float | None = 1e-13  # rounding of the coordinates, with room for sums of a few terms
    integrates = False

    def using(self, arithmetic: Arithmetic) -> "_Instance":
        return self

    def space(self, sort: str) -> Sequence[tuple[Vector, int]]:
        if sort != "vector":
            raise ValueError(f"sort must be 'vector', the only space of embeddings, got {sort!r}")
        return [(view, 1) for view in self.views]

    def density(self, key: Any) -> Callable[..., Any]:
        raise ValueError(f"key must name a law, and embeddings has none, got {key!r}")

    def function(self, name: str) -> Callable[[Vector, Vector], float]:
        return {r"\mathrm{sim}": _cosine}[name]

    def jacobian(self, name: str, at: Any) -> Any:
        raise ValueError(f"name must be a function with a derivative, and embeddings has none, got {name!r}")

    def draw(self, variables: Mapping[str, str], families: Mapping[str, str], rng: Random) -> dict[str, Any]:
        # N, d and \tau are the instance's; the indices i, j, k, l name a view, 1 to 2N, and n, m a pair, 1 to N
        views, pairs = len(self.views), len(self.views) // 2
        fixed = {"N": pairs, "d": len(self.views[0]), r"\tau": self.temperature}
        drawn: dict[str, Any] = {}
        for name, sort in variables.items():
            place = rng.randint(1, pairs if name[0] in "nm" else views)
            drawn[name] = self.views[place - 1] if sort == "vector" else fixed.get(name, place)
        return drawn | {f"family {letter}": _Views(enumerate(self.views, 1)) for letter in families}

    def holds(self, assumption: str) -> bool:
        conditions: dict[str, Callable[[], bool]] = {
            "collapsed": lambda: len(set(self.views)) == 1,
            "N >= 2": lambda: len(self.views) >= 4,
            "aligned": lambda: self.views[::2] == self.views[1::2],
        }
        return conditions[assumption]()

    def smaller(self) -> Iterator["_Instance"]:
        for first in range(0, len(self.views), 2) if len(self.views) > 2 else ():
            yield replace(self, views=self.views[:first] + self.views[first + 2 :])
        if self.temperature != 1:
            yield replace(self, temperature=1.0)
        for view in dict.fromkeys(self.views):  # equal views stay equal
            if (axis := _nearest_axis(view)) != view:
                yield replace(self, views=tuple(axis if other == view else other for other in self.views))

    def words(self, used: frozenset[str]) -> list[tuple[str, str]]:
        rows = [(letter, place, view) for letter in "zu" if letter in used for place, view in enumerate(self.views, 1)]
        words = [(f"{letter}_{place}", f"({', '.join(f'{x:.4g}' for x in view)})") for letter, place, view in rows]
        return words + ([(r"\tau", f"{self.temperature:.4g}")] if r"\tau" in used else [])


def _cosine(a: Vector, b: Vector) -> float:
    return sum(map(mul, a, b)) / (math.hypot(*a) * math.hypot(*b))


def _nearest_axis(view: Vector) -> Vector:
    longest = max(range(len(view)), key=lambda place: abs(view[place]))
    return tuple(math.copysign(1.0, x) if place == longest else 0.0 for place, x in enumerate(view))


def _unit(rng: Random, dimension: int) -> Vector:
    vector = [rng.gauss(0, 1) for _ in range(dimension)]
    length = math.hypot(*vector)
    return tuple(x / length for x in vector)


def _views(rng: Random, kind: int, pairs: int, dimension: int) -> tuple[Vector, ...]:
    """Views of which all, or those of a pair, or some are equal, by kind; from kind 3 on they differ."""
    if kind == 0:
        return (_unit(rng, dimension),) * (2 * pairs)
    if kind == 1:
        return tuple(view for _ in range(pairs) for view in [_unit(rng, dimension)] * 2)
    views = tuple(_unit(rng, dimension) for _ in range(2 * pairs))
    return tuple(rng.choices(views, k=2 * pairs)) if kind == 2 else views


class _Embeddings:
    """Pairs of views on the sphere."""

    name = "embeddings"
    sentence = "Two views each of one to five examples, unit vectors in one to four dimensions, and a temperature."
    vocabulary = Vocabulary(
        variables={
            "N": "count",
            "d": "count",
            r"\tau": "number",
            **dict.fromkeys("ijklnm", "index"),
            **dict.fromkeys("zu", "vector"),
        },
        families={"z": "vector", "u": "vector"},
        functions={r"\mathrm{sim}": (2, "number")},
        takes={r"\mathrm{sim}": ("vector", "vector")},
        assumptions={
            "collapsed": "All views are equal.",
            "N >= 2": "There are at least two examples.",
            "aligned": "The two views of an example are equal.",
        },
    )

    def law(self, law: Law, left: tuple[str, ...], right: tuple[str, ...]) -> Any:
        raise ValueError(f"law must be one of the model's, and embeddings has none, got {law}")

    def bare(self, law: Law) -> tuple[tuple[str, ...], tuple[str, ...]]:
        raise ValueError(f"law must be one of the model's, and embeddings has none, got {law}")

    def instances(self, rng: Random, uses: frozenset[str]) -> Iterator[_Instance]:
        for views in CORNERS:
            for temperature in TEMPERATURES:
                yield _Instance(views, temperature)
        for number in range(RANDOM_INSTANCES):
            pairs = 1 if number % 24 == 23 else rng.randint(2, 2 + 4 * number // RANDOM_INSTANCES)
            views = _views(rng, number % 6, pairs, rng.randint(1, 4))
            yield _Instance(views, round(rng.uniform(0.1, 2), 2))


EMBEDDINGS = _Embeddings()
