"""What stacks of one layer of type A and any number of type B see, found by walking the map."""

import math
from collections.abc import Callable, Iterator
from functools import cache, wraps
from itertools import product
from typing import Any

__all__ = ["FUNCTIONS", "KERNEL", "A", "B", "Offset", "plus"]

Offset = tuple[int, int]

KERNEL = tuple(product((-1, 0, 1), repeat=2))
A, B = KERNEL[:4], KERNEL[:5]  # tuples come in raster order
LARGEST = 64  # walks on larger maps would take long; beyond it the functions are undefined


def plus(place: Offset, step: Offset) -> Offset:
    """The place one step further."""
    return place[0] + step[0], place[1] + step[1]


def _whole(function: Callable[..., float]) -> Callable[..., float]:
    """The function at whole numbers of moderate size, remembered; undefined elsewhere."""
    remembered = cache(function)

    @wraps(function)
    def guarded(*arguments: Any) -> float:
        if all(abs(value) <= LARGEST and value == int(value) for value in arguments):
            return remembered(*map(int, arguments))
        return math.nan

    return guarded


def _before(size: int) -> list[Offset]:
    half = size // 2
    return [offset for offset in product(range(-half, half + 1), repeat=2) if offset < (0, 0)]


@cache
def _seen(size: int, height: int, width: int, output: Offset) -> frozenset[Offset]:
    """Inputs that some depth of layers A, B, B, ... lets an output of a map see, walked back from the output."""
    before = _before(size)

    def steps(place: Offset) -> Iterator[Offset]:
        for step in before:
            row, column = plus(place, step)
            if 1 <= row <= height and 1 <= column <= width:
                yield row, column

    hidden, waiting = {output}, [output]  # type B also stays in place, so that fewer steps are no restriction
    while waiting:
        fresh = set(steps(waiting.pop())) - hidden
        hidden |= fresh
        waiting += fresh
    return frozenset(place for near in hidden for place in steps(near))  # the first layer, of type A, is the last step


@_whole
def _missed(width: int, row: int, column: int) -> float:
    """Earlier places of a map that its place (row, column) never sees, with 3×3 kernels."""
    if row < 1 or not 1 <= column <= width:
        return math.nan
    earlier = [place for place in product(range(1, row + 1), range(1, width + 1)) if place < (row, column)]
    return sum(place not in _seen(3, row, width, (row, column)) for place in earlier)


@_whole
def _ever(size: int, up: int, right: int) -> float:
    """1 if the pixel so many rows up and columns right of an output far from the borders is ever seen, else 0."""
    if size < 1 or size % 2 == 0:
        return math.nan
    if up < 0:
        return 0
    margin = abs(right)  # a walk to the pixel can keep between its column and the output's
    output = (up + 1, margin + 1)
    return int((1, output[1] + right) in _seen(size, up + 1, 2 * margin + 1, output))


@cache
def _within(layers: int) -> frozenset[Offset]:
    """Offsets that layers A, B, ..., B with 3×3 kernels see far from the borders."""
    if layers == 0:
        return frozenset([(0, 0)])
    return frozenset(plus(place, step) for place in _within(layers - 1) for step in (A if layers == 1 else B))


def _window(layers: int) -> list[Offset]:
    places = product(range(-layers, 1), range(-layers, layers + 1))
    return [place for place in places if place < (0, 0)]


@_whole
def _blind(layers: int) -> float:
    """Earlier pixels within as many rows and columns as there are layers that the layers miss."""
    return sum(place not in _within(layers) for place in _window(layers)) if layers >= 0 else math.nan


@_whole
def _earlier(layers: int) -> float:
    """Earlier pixels within as many rows and columns as there are layers."""
    return len(_window(layers)) if layers >= 0 else math.nan


FUNCTIONS: dict[str, Callable[..., float]] = {
    "m": _missed,
    r"\beta": _blind,
    r"\nu": _earlier,
    "S": lambda up, right: _ever(3, up, right),
    "s": _ever,
}
