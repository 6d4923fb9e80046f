r"""The model `embeddings`: views in pairs, with a temperature, as a contrastive loss reads them.

The views of the pair $i$ are $z_{2i-1}$ and $z_{2i}$. All of it is in float64.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from operator import mul
from random import Random
from typing import Any

from hw.checked_math.arithmetic import FLOAT, Arithmetic
from hw.checked_math.models.model import Law, Vocabulary

__all__ = ["EMBEDDINGS"]

Vector = tuple[float, ...]

RANDOM_INSTANCES = 360
KINDS = 8  # of how views may lie
TEMPERATURES = (1.0, 0.5, 0.1)  # below that float64 rounds small losses to 0
LENGTHS = (0.5, 1.0, 2.0, 4.0)  # of views that are not on the sphere; powers of two keep the direction to the last bit
CLOSE = 1e-12  # cosines and lengths this close are equal, as rounding sets them apart
TRIANGLE = ((1.0, 0.0), (-0.5, math.sqrt(0.75)), (-0.5, -math.sqrt(0.75)))
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
    ((2.0,), (1.0,)),  # aligned, of two lengths
    ((1.0,), (2.0,), (-0.5,), (-1.0,)),
    ((2.0, 0.0), (1.0, 1.0)),
    (E1, E2, E3, E4),  # orthogonal, not aligned
    tuple(view for view in TRIANGLE for _ in range(2)),
)


class _Views(dict[int, Vector]):
    """Views by index; undefined where there is none."""

    def __missing__(self, index: Any) -> Vector:
        return (math.nan,) * len(self[1])


@dataclass(frozen=True, eq=False)
class _Instance:
    """Vectors, two for each pair, and a temperature."""

    views: tuple[Vector, ...]
    temperature: float
    arithmetic: Arithmetic = FLOAT
    tolerance: float | None = 1e-13  # rounding of the coordinates, with room for sums of a few terms
    integrates = False

    def using(self, arithmetic: Arithmetic) -> "_Instance":
        return self if arithmetic is self.arithmetic else replace(self, arithmetic=arithmetic)

    def space(self, sort: str) -> Sequence[tuple[Vector, int]]:
        if sort != "vector":
            raise ValueError(f"sort must be 'vector', the only space of embeddings, got {sort!r}")
        return [(view, 1) for view in self.views]

    def density(self, key: Any) -> Callable[..., Any]:
        raise ValueError(f"key must name a law, and embeddings has none, got {key!r}")

    def function(self, name: str) -> Callable[[Vector, Vector], Any]:
        return {r"\mathrm{sim}": partial(_cosine, self.arithmetic)}[name]

    def jacobian(self, name: str, at: Any) -> Any:
        raise ValueError(f"name must be a function with a derivative, and embeddings has none, got {name!r}")

    def draw(self, variables: Mapping[str, str], families: Mapping[str, str], rng: Random) -> dict[str, Any]:
        # N, d and \tau are the instance's; the indices i, j, k, l name a view, 1 to 2N, and n, m a pair, 1 to N
        views, pairs = len(self.views), len(self.views) // 2
        fixed = {"N": pairs, "d": len(self.views[0]), r"\tau": self.temperature}
        drawn: dict[str, Any] = {}
        for name, sort in sorted(variables.items()):
            place = rng.randint(1, pairs if name[0] in "nm" else views)
            if sort == "vector":
                drawn[name] = self.views[place - 1] if name[0] == "z" else _direction(rng, fixed["d"])
            else:
                drawn[name] = rng.randint(-8, 8) / 4 if name[0] == "t" else fixed.get(name, place)
        return drawn | {f"family {letter}": _Views(enumerate(self.views, 1)) for letter in families}

    def holds(self, assumption: str) -> bool:
        pairs = list(zip(self.views[::2], self.views[1::2], strict=True))
        apart = [_cosine(FLOAT, a, b) for m, one in enumerate(pairs) for other in pairs[:m] for a in one for b in other]
        is_aligned = all(_cosine(FLOAT, a, b) > 1 - CLOSE for a, b in pairs)
        conditions: dict[str, Callable[[], bool]] = {
            "N >= 2": lambda: len(pairs) >= 2,
            "aligned": lambda: is_aligned,
            "collapsed": lambda: is_aligned and all(cosine > 1 - CLOSE for cosine in apart),
            "orthogonal": lambda: all(abs(cosine) < CLOSE for cosine in apart),
            "simplex": lambda: (
                is_aligned and len(pairs) > 1 and all(abs(cosine + 1 / (len(pairs) - 1)) < CLOSE for cosine in apart)
            ),
            "unit": lambda: all(abs(math.hypot(*view) - 1) < CLOSE for view in self.views),
        }
        return conditions[assumption]()

    def smaller(self) -> Iterator["_Instance"]:
        for first in range(0, len(self.views), 2) if len(self.views) > 2 else ():
            yield replace(self, views=self.views[:first] + self.views[first + 2 :])
        if self.temperature != 1:
            yield replace(self, temperature=1.0)
        if not self.holds("unit"):
            yield replace(self, views=tuple(map(_unit, self.views)))
        for direction in dict.fromkeys(map(_unit, self.views)):  # equal directions stay equal
            axis = _nearest_axis(direction)
            moved = tuple(_times(math.hypot(*view), axis) if _unit(view) == direction else view for view in self.views)
            if moved != self.views:
                yield replace(self, views=moved)

    def words(self, used: frozenset[str]) -> list[tuple[str, str]]:
        shown = self.views if "z" in used else ()
        words = [(f"z_{place}", f"({', '.join(f'{x:.4g}' for x in view)})") for place, view in enumerate(shown, 1)]
        words = [(name, text.replace("-", "−")) for name, text in words]
        return words + ([(r"\tau", f"{self.temperature:.4g}")] if r"\tau" in used else [])


def _cosine(arithmetic: Arithmetic, a: Vector, b: Vector) -> Any:
    lengths = arithmetic.functions["sqrt"](sum(map(mul, a, a)) * sum(map(mul, b, b)))
    return arithmetic.divide(sum(map(mul, a, b)), lengths)


def _nearest_axis(view: Vector) -> Vector:
    longest = max(range(len(view)), key=lambda place: abs(view[place]))
    return tuple(math.copysign(1.0, x) if place == longest else 0.0 for place, x in enumerate(view))


def _direction(rng: Random, dimension: int) -> Vector:
    return tuple(rng.choice((-1.0, 0.5, 1.0, 2.0)) for _ in range(dimension))


def _times(factor: float, vector: Vector) -> Vector:
    return tuple(factor * x for x in vector)


def _unit(vector: Vector) -> Vector:
    length = math.hypot(*vector)
    return tuple(x / length for x in vector)


def _random_unit(rng: Random, dimension: int) -> Vector:
    return _unit(tuple(rng.gauss(0, 1) for _ in range(dimension)))


def _orthonormal(rng: Random, dimension: int) -> list[Vector]:
    """A random basis, by Gram and Schmidt; twice, since rounding leaves a little after the first time."""
    basis: list[Vector] = []
    for _ in range(dimension):
        vector = _random_unit(rng, dimension)
        for other in (*basis, *basis):
            along = sum(map(mul, vector, other))
            vector = tuple(x - along * y for x, y in zip(vector, other, strict=True))
        basis.append(_unit(vector))
    return basis


def _centered(vectors: Sequence[Vector]) -> list[Vector]:
    """Vectors less their mean: of an orthonormal basis these are the corners of a simplex."""
    means = [math.fsum(column) / len(vectors) for column in zip(*vectors, strict=True)]
    return [tuple(x - mean for x, mean in zip(vector, means, strict=True)) for vector in vectors]


def _views(rng: Random, kind: int, pairs: int) -> tuple[Vector, ...]:
    """Unit vectors, two for each pair; by kind all, those of a pair or some are equal; from kind 5 on they differ."""
    dimension = rng.randint(1, 4)
    if kind == 0:
        return (_random_unit(rng, dimension),) * (2 * pairs)
    if kind in (1, 2, 3):
        if kind == 1:
            found = [_random_unit(rng, dimension) for _ in range(pairs)]
        else:  # orthogonal, or the corners of a simplex
            basis = _orthonormal(rng, pairs)
            found = basis if kind == 2 or pairs == 1 else list(map(_unit, _centered(basis)))
        return tuple(view for view in found for _ in range(2))
    views = tuple(_random_unit(rng, dimension) for _ in range(2 * pairs))
    return tuple(rng.choices(views, k=2 * pairs)) if kind == 4 else views


def _tensors(instance: _Instance) -> tuple[Any, Any]:
    """The first and the second views, as matrices."""
    import torch  # here alone, so that the model itself needs the standard library only

    both = torch.tensor(instance.views, dtype=torch.float64)
    return both[::2], both[1::2]


def _of_loss(function: Callable[..., Any], instance: _Instance) -> float:
    return function(*_tensors(instance), instance.temperature).item()


def _of_gradient(function: Callable[..., Any], instance: _Instance, index: int) -> Vector:
    """The row of a view in the gradients of first and second views."""
    gradients = function(*_tensors(instance), instance.temperature)
    return tuple(gradients[(index - 1) % 2][(index - 1) // 2].tolist())


class _Embeddings:
    """Pairs of views."""

    name = "embeddings"
    sentence = "Two views each of one to five examples, of any length, in one to five dimensions, and a temperature."
    vocabulary = Vocabulary(
        variables={
            "N": "count",
            "d": "count",
            r"\tau": "number",
            "t": "number",
            **dict.fromkeys("ijklnm", "index"),
            **dict.fromkeys("zv", "vector"),
        },
        families={"z": "vector"},
        functions={r"\mathrm{sim}": (2, "number")},
        takes={r"\mathrm{sim}": ("vector", "vector")},
        assumptions={
            "collapsed": "All views have the same direction.",
            "N >= 2": "There are at least two examples.",
            "aligned": "The two views of an example have the same direction.",
            "orthogonal": "Views of different examples are orthogonal.",
            "simplex": "The directions of the examples are the corners of a simplex, with cosines of -1/(N - 1).",
            "unit": "All views have the length 1.",
        },
        implementations={
            "hw.contrastive.nt_xent": _of_loss,
            "hw.contrastive.info_nce": _of_loss,
            "hw.contrastive.nt_xent_gradient": _of_gradient,
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
            views = _views(rng, number % KINDS, pairs)
            if number // KINDS % 2:
                views = tuple(_times(rng.choice(LENGTHS), view) for view in views)
            yield _Instance(views, round(rng.uniform(0.1, 2), 2))


EMBEDDINGS = _Embeddings()
