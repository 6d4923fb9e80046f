r"""The model `offsets`: masks as sets of offsets, two masked layers on a small map, and what deeper stacks see.

Places are (row, column), counted from 1. Layers push every pixel to the outputs that read it, on a zero-padded array,
and never gather as a page writes it; receptive fields come from the paths that this counts, blind spots from walking
the map.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from random import Random
from typing import Any

from hw.checked_math.arithmetic import Arithmetic
from hw.checked_math.models.deep_stacks import FUNCTIONS, KERNEL, A, B, Offset, plus
from hw.checked_math.models.model import Law, Vocabulary

__all__ = ["OFFSETS"]

RANDOM_INSTANCES = 240
NOTHING, CENTER, ALL = (), ((0, 0),), KERNEL
LEFT, RIGHT = ((0, -1),), ((0, 1),)
MASKS = (  # of the first and of the second layer
    (CENTER, CENTER),
    (LEFT, RIGHT),
    (NOTHING, B),
    (B, NOTHING),
    *product((A, B), repeat=2),
    (ALL, ALL),
)
MAPS = (((1, 1), (1, 1)), ((1, 2), (1, 2)), ((2, 2), (2, 1)), ((5, 5), (3, 3)))  # height and width, and the output
FAMILIES = {"w": "first", "v": "second", "x": "image", "h": "hidden", "y": "outputs", "R": "fields"}


class _Values(dict[Offset, int]):
    """Values at some places, and 0 elsewhere."""

    def __missing__(self, place: Offset) -> int:
        return 0


class _Fields(dict[Offset, frozenset[Offset]]):
    """Receptive fields by output, read when asked for from the paths to it: one byte for each input."""

    def __init__(self, paths: Mapping[Offset, int], inputs: Sequence[Offset]) -> None:
        super().__init__()
        self.paths, self.inputs = paths, inputs

    def __missing__(self, output: Offset) -> frozenset[Offset]:
        counts = self.paths[output]
        self[output] = frozenset(place for i, place in enumerate(self.inputs) if counts >> 8 * i & 255)
        return self[output]


def _push(values: Mapping[Offset, int], weights: Mapping[Offset, int]) -> _Values:
    """One layer without a bias: each pixel is added, times the weight, to every output that reads it."""
    height, width = max(values)
    padded = [[0] * (width + 2) for _ in range(height + 2)]
    for (row, column), value in values.items():
        for (down, right), weight in weights.items():
            padded[row - down][column - right] += weight * value
    return _Values({(row, column): padded[row][column] for row, column in values})


@dataclass(frozen=True, eq=False)
class _Instance:
    """Two layers of weights, whose keys are the masks, an image, whose keys are the map, and an output."""

    first: _Values
    second: _Values
    image: _Values
    output: Offset
    tolerance: float | None = None
    integrates = False

    def using(self, arithmetic: Arithmetic) -> "_Instance":
        return self  # whole numbers are exact in every arithmetic

    def space(self, sort: str) -> Sequence[tuple[Any, Any]]:
        raise ValueError(f"a sum must name its set, such as G, for offsets have no space of their own, got {sort!r}")

    def density(self, key: Any) -> Callable[..., Any]:
        raise ValueError(f"key must name a law, and offsets has none, got {key!r}")

    def function(self, name: str) -> Any:
        return self._sets[name] if name in self._sets else FUNCTIONS[name]

    def jacobian(self, name: str, at: Any) -> Any:
        raise ValueError(f"name must be a function with a derivative, and offsets has none, got {name!r}")

    def draw(self, variables: Mapping[str, str], families: Mapping[str, str], rng: Random) -> dict[str, Any]:
        # o is the instance's output, o' and p any place of the map; a and b are offsets of the second and first mask,
        # \delta of the kernel; counts are at most 6, W and d at most 7, k odd; c is at most W, or n where there is no W
        drawn: dict[str, Any] = {name: self._draw(name, rng) for name in variables}
        width = drawn.get("W", drawn.get("n", 7))
        columns = {name: (drawn[name] - 1) % width + 1 for name in drawn if name[0] == "c"}
        return drawn | columns | {f"family {letter}": getattr(self, FAMILIES[letter]) for letter in families}

    def holds(self, assumption: str) -> bool:
        if assumption != "interior":
            raise KeyError(assumption)
        one = [plus(self.output, a) for a in self.second]
        two = [plus(near, b) for near in one for b in self.first]
        return all(place in self.image for place in one + two)

    def smaller(self) -> Iterator["_Instance"]:
        height, width = max(self.image)
        for top, left, bottom, right in ((0, 0, 1, 0), (1, 0, 0, 0), (0, 0, 0, 1), (0, 1, 0, 0)):
            image = {
                (row - top, column - left): value
                for (row, column), value in self.image.items()
                if top < row <= height - bottom and left < column <= width - right
            }
            if (output := (self.output[0] - top, self.output[1] - left)) in image:
                yield replace(self, image=_Values(image), output=output)
        for name in ("first", "second"):
            for offset in (weights := getattr(self, name)):
                yield replace(self, **{name: _Values({at: weights[at] for at in weights if at != offset})})
        for name, simple in (("first", (1,)), ("second", (1,)), ("image", (0, 1))):
            for place, value in (values := getattr(self, name)).items():
                for number in simple[: simple.index(value)] if value in simple else simple:
                    yield replace(self, **{name: _Values({**values, place: number})})

    def words(self, used: frozenset[str]) -> list[tuple[str, str]]:
        height, width = max(self.image)
        words = [("G", f"{height} by {width} places")] if used & set("GxhyRop") else []
        for name, letter, weights in (("M_1", "w", self.first), ("M_2", "v", self.second)):
            words += [(name, f"{{{', '.join(map(str, weights))}}}")] if name in used else []
            words += [(f"{letter}_{{{at}}}", str(weights[at])) for at in weights] if letter in used else []
        return words + [(letter, _rows(getattr(self, FAMILIES[letter]))) for letter in "xhy" if letter in used]

    def _draw(self, name: str, rng: Random) -> Any:
        letter = name.rstrip("'").split("_")[0]
        if letter in ("o", "p"):
            return self.output if name == "o" else rng.choice(tuple(self.image))
        if letter in ("a", "b", r"\delta"):
            return rng.choice(tuple({"a": self.second, "b": self.first}.get(letter) or KERNEL))
        return rng.choice((1, 3, 5, 7)) if letter == "k" else rng.randint(1, 7 if letter in "Wdc" else 6)

    @cached_property
    def _sets(self) -> dict[str, frozenset[Offset]]:
        sets = {"A": A, "B": B, "M_1": self.first, "M_2": self.second, "G": self.image}
        return {name: frozenset(members) for name, members in sets.items()}

    @cached_property
    def hidden(self) -> _Values:
        return _push(self.image, self.first)

    @cached_property
    def outputs(self) -> _Values:
        return _push(self.hidden, self.second)

    @cached_property
    def fields(self) -> _Fields:
        # at most 81 paths lead from an input to an output, so a byte counts them: one pass serves all inputs
        marked = {place: 1 << 8 * i for i, place in enumerate(self.image)}
        hidden = _push(marked, dict.fromkeys(self.first, 1))
        return _Fields(_push(hidden, dict.fromkeys(self.second, 1)), tuple(self.image))


def _rows(values: Mapping[Offset, int]) -> str:
    height, width = max(values)
    return "; ".join(
        " ".join(str(values[row, column]) for column in range(1, width + 1)) for row in range(1, height + 1)
    )


def _grid(mask: Mapping[Offset, int]) -> list[list[int]]:
    """A mask as the library takes it: rows of 0 and 1."""
    return [[int((row, column) in mask) for column in (-1, 0, 1)] for row in (-1, 0, 1)]


def _subset(rng: Random) -> tuple[Offset, ...]:
    bits = rng.getrandbits(9)
    return tuple(offset for place, offset in enumerate(KERNEL) if bits >> place & 1)


def _weights(rng: Random, mask: Sequence[Offset]) -> _Values:
    return _Values(zip(mask, rng.choices((-3, -2, -1, 1, 2, 3), k=len(mask)), strict=True))


class _Offsets:
    """Two masked layers on a map of up to five rows and columns, and functions of deep stacks."""

    name = "offsets"
    sentence = "Two 3×3 masks with whole weights, and an image of whole numbers with up to five rows and columns."
    vocabulary = Vocabulary(
        variables={**dict.fromkeys(("o", "p", "a", "b", r"\delta"), "offset"), **dict.fromkeys("rctdWnLkH", "count")},
        families={**dict.fromkeys("vwxhy", "number"), "R": "places"},
        functions={
            "m": (3, "count"),
            r"\beta": (1, "count"),
            r"\nu": (1, "count"),
            "S": (2, "number"),
            "s": (3, "number"),
        },
        sets=dict.fromkeys(("A", "B", "M_1", "M_2", "G"), "offset"),
        implementations={
            "hw.receptive_field.offsets": lambda offsets, instance: offsets(
                [*map(_grid, (instance.first, instance.second))]
            )
        },
        assumptions={"interior": "Two steps from the output, one of each mask, stay on the map."},
    )

    def law(self, law: Law, left: tuple[str, ...], right: tuple[str, ...]) -> Any:
        raise ValueError(f"law must be one of the model's, and offsets has none, got {law}")

    def bare(self, law: Law) -> tuple[tuple[str, ...], tuple[str, ...]]:
        raise ValueError(f"law must be one of the model's, and offsets has none, got {law}")

    def instances(self, rng: Random, uses: frozenset[str]) -> Iterator[_Instance]:
        for (height, width), output in MAPS:
            image = _Values.fromkeys(product(range(1, height + 1), range(1, width + 1)), 1)
            for first, second in MASKS:
                yield _Instance(_Values.fromkeys(first, 1), _Values.fromkeys(second, 1), image, output)
        for number in range(RANDOM_INSTANCES):
            first, second = (rng.choice((A, B, _subset(rng))) for _ in range(2))
            height, width, output = 5, 5, (3, 3)
            if number % 6 == 0:  # anywhere on a map of any size; the others are far enough from every border
                height, width = rng.randint(1, 5), rng.randint(1, 5)
                output = rng.randint(1, height), rng.randint(1, width)
            places = product(range(1, height + 1), range(1, width + 1))
            image = _Values(zip(places, rng.choices(range(-3, 4), k=height * width), strict=True))
            yield _Instance(_weights(rng, first), _weights(rng, second), image, output)


OFFSETS = _Offsets()
