r"""Exact receptive fields of stacks of masked convolutions.

A layer with mask $M$ lets the pixel at $p$ read the pixels $p + o$, one for each 1 of the mask at offset $o$ from its
center. The receptive field of an output pixel is the set of input pixels that some path through the layers reaches;
every pixel of a path lies on the map, because zero padding carries nothing. Stride is 1 and each layer keeps the size.

Masks are 0/1 grids with odd sides: nested tuples, lists, NumPy arrays or tensors; dilated ones come from
`hw.masks.dilate`. Grids are returned as NumPy arrays where NumPy is installed and as nested tuples where it is not. The
module itself imports the standard library only.

References:
    van den Oord et al. (2016), *Conditional Image Generation with PixelCNN Decoders*, section 2.2 (the blind spot),
    <https://arxiv.org/abs/1606.05328>.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache, reduce
from operator import index, or_
from typing import Any

__all__ = ["ReceptiveFields", "blind_spot", "offsets", "path", "path_counts", "receptive_field", "receptive_fields"]

Offset = tuple[int, int]
Pixel = tuple[int, int]
Size = tuple[int, int]


def offsets(masks: Sequence[Any]) -> frozenset[Offset]:
    r"""Offsets from an output pixel to the input pixels it sees, far from any border: the sum of the masks' offsets.

    For two layers it is

    ```math id="minkowski-sum" model="offsets" implements="hw.receptive_field.offsets"
    T := \{\, a + b : a \in M_2,\ b \in M_1 \,\}
    ```

    and every further layer adds its offsets in the same way. Clipping this sum to the map gives the receptive field for
    the masks of PixelCNN, but not in general: see `receptive_field`.

    Args:
        masks: 0/1 grids with odd sides, first layer first.

    Returns:
        Pairs (rows down, columns right); the order of the layers does not matter.

    Raises:
        ValueError: If there is no mask, or a mask is not a 0/1 grid with odd sides.

    Examples:
        >>> from hw.masks import mask
        >>> from hw.receptive_field import offsets
        >>> sorted(offsets([mask("A", (1, 3)), mask("B", (1, 3))]))
        [(0, -2), (0, -1)]
    """
    total = {(0, 0)}
    for steps in _layers(masks):
        total = {(row + down, column + right) for row, column in total for down, right in steps}
    return frozenset(total)


def receptive_field(masks: Sequence[Any], size: Size, pixel: Pixel) -> Any:
    r"""Input pixels that can influence one output pixel of a stack of masked convolutions.

    Exact at the borders too: a path that leaves the map between two layers carries nothing.

    Args:
        masks: 0/1 grids with odd sides, first layer first.
        size: Height and width of the map.
        pixel: Row and column of the output pixel, counted from 0.

    Returns:
        `(height, width)` grid of booleans.

    Raises:
        ValueError: If there is no mask, a mask is not a 0/1 grid with odd sides, or the pixel is not on the map.

    Examples:
        >>> from hw.masks import mask
        >>> from hw.receptive_field import receptive_field
        >>> seen = receptive_field([mask("A", 3), mask("B", 3)], size=(5, 5), pixel=(2, 2))
        >>> print(seen.astype(int))
        [[1 1 1 1 1]
         [1 1 1 1 0]
         [1 1 0 0 0]
         [0 0 0 0 0]
         [0 0 0 0 0]]

        A step right and a step left cancel, unless the first of them falls off the map:

        >>> from hw.receptive_field import receptive_field
        >>> right, left = [[0, 0, 1]], [[1, 0, 0]]
        >>> print(receptive_field([left, right], size=(1, 3), pixel=(0, 2)))
        [[False False False]]
    """
    size, pixel = _checked_size(size), _checked_pixel(pixel, size)
    return _grid(_seen(_layers(masks), size, pixel), size)


def path_counts(masks: Sequence[Any], size: Size, pixel: Pixel) -> Any:
    r"""Number of paths through the layers from each input pixel to one output pixel.

    It is the derivative of the output in each input when every allowed weight is 1 and there is no nonlinearity.

    Args:
        masks: 0/1 grids with odd sides, first layer first.
        size: Height and width of the map.
        pixel: Row and column of the output pixel, counted from 0.

    Returns:
        `(height, width)` grid of Python integers, exact at any depth.

    Raises:
        ValueError: If there is no mask, a mask is not a 0/1 grid with odd sides, or the pixel is not on the map.

    Examples:
        >>> from hw.masks import mask
        >>> from hw.receptive_field import path_counts
        >>> print(path_counts([mask("A", 3), mask("A", 3)], size=(5, 5), pixel=(2, 2)))
        [[1 2 3 2 1]
         [2 2 2 0 0]
         [1 0 0 0 0]
         [0 0 0 0 0]
         [0 0 0 0 0]]
    """
    height, width = _checked_size(size)
    paths = Counter({_checked_pixel(pixel, (height, width)): 1})
    for steps in reversed(_layers(masks)):
        longer: Counter[Pixel] = Counter()
        for (row, column), number in paths.items():
            for down, right in steps:
                if 0 <= row + down < height and 0 <= column + right < width:
                    longer[row + down, column + right] += number
        paths = longer
    return _counts_grid([[paths[row, column] for column in range(width)] for row in range(height)])


def path(masks: Sequence[Any], size: Size, pixel: Pixel, source: Pixel) -> tuple[Pixel, ...]:
    r"""A path through the layers by which an output pixel sees an input pixel: the proof that it does.

    Args:
        masks: 0/1 grids with odd sides, first layer first.
        size: Height and width of the map.
        pixel: Row and column of the output pixel, counted from 0.
        source: Row and column of the input pixel.

    Returns:
        The output pixel, one hidden pixel between each two layers, and the input pixel; of several paths, the one whose
        pixels come first in raster order, seen from the output. Empty if there is none.

    Raises:
        ValueError: If there is no mask, a mask is not a 0/1 grid with odd sides, or a pixel is not on the map.

    Examples:
        >>> from hw.masks import mask
        >>> from hw.receptive_field import path
        >>> path([mask("A", 3), mask("B", 3)], size=(5, 5), pixel=(2, 2), source=(0, 4))
        ((2, 2), (1, 3), (0, 4))
        >>> path([mask("A", 3), mask("B", 3)], size=(5, 5), pixel=(2, 2), source=(1, 4))
        ()
    """
    size = _checked_size(size)
    output, target = _checked_pixel(pixel, size), _checked_pixel(source, size, "source")
    layers = _layers(masks)
    sees = [1 << target[0] * size[1] + target[1]]  # the pixels of each map, the input first, that see the target
    for steps in layers:
        sees.append(_step(sees[-1], [(-down, -right) for down, right in steps], size))
    found = [output]
    for steps, good in zip(reversed(layers), reversed(sees[:-1]), strict=True):
        row, column = found[-1]
        reads = ((row + down, column + right) for down, right in sorted(steps))
        ahead = [(r, c) for r, c in reads if 0 <= r < size[0] and 0 <= c < size[1] and good >> r * size[1] + c & 1]
        if not ahead:
            return ()
        found.append(ahead[0])
    return tuple(found)


def blind_spot(masks: Sequence[Any], size: Size, pixel: Pixel) -> Any:
    r"""Pixels before the output pixel in raster order that the stack never sees.

    Args:
        masks: 0/1 grids with odd sides, first layer first.
        size: Height and width of the map.
        pixel: Row and column of the output pixel, counted from 0.

    Returns:
        `(height, width)` grid of booleans.

    Raises:
        ValueError: If there is no mask, a mask is not a 0/1 grid with odd sides, or the pixel is not on the map.

    Examples:
        Depth does not help: ten layers of 3×3 kernels still miss the pixel one row up and two columns right.

        >>> from hw.masks import mask
        >>> from hw.receptive_field import blind_spot
        >>> blind = blind_spot([mask("A", 3)] + [mask("B", 3)] * 9, size=(5, 5), pixel=(2, 2))
        >>> [(row, column) for row in range(5) for column in range(5) if blind[row][column]]
        [(1, 4)]

    References:
        van den Oord et al. (2016), section 2.2 and Figure 1, <https://arxiv.org/abs/1606.05328>.
    """
    size, pixel = _checked_size(size), _checked_pixel(pixel, size)
    earlier = (1 << (pixel[0] * size[1] + pixel[1])) - 1
    return _grid(earlier & ~_seen(_layers(masks), size, pixel), size)


@dataclass(frozen=True)
class ReceptiveFields:
    """The receptive field of every pixel of a map: `fields[row, column]` is a `(height, width)` grid of booleans.

    Made by `receptive_fields`. Only one set is stored for each way in which the borders can cut a receptive field, so
    neither time nor memory grows with the map.
    """

    size: Size
    _reach: Size  # rows and columns by which paths can go up and left
    _bits: list[list[int]]  # the sets of a small map that has every border class, one bit a pixel

    def __getitem__(self, pixel: Pixel) -> Any:
        """Receptive field of the output pixel `(row, column)`."""
        row, column = _checked_pixel(pixel, self.size)
        small_height, small_width = len(self._bits), len(self._bits[0])
        small_row, small_column = self._small_row(row), self._small_column(column)
        bits, line = self._bits[small_row][small_column], (1 << small_width) - 1
        corner = (row - small_row) * self.size[1] + column - small_column
        moved = (
            ((bits >> small * small_width) & line) << (small * self.size[1] + corner) for small in range(small_height)
        )
        return _grid(reduce(or_, moved), self.size)

    def sizes(self) -> Any:
        """Number of input pixels that each output pixel sees, `(height, width)`."""
        numbers = [[bits.bit_count() for bits in line] for line in self._bits]
        rows = [self._small_row(row) for row in range(self.size[0])]
        columns = [self._small_column(column) for column in range(self.size[1])]
        try:
            import numpy as np
        except ImportError:
            return tuple(tuple(numbers[row][column] for column in columns) for row in rows)
        return np.array(numbers)[rows][:, columns]

    def _small_row(self, row: int) -> int:
        return _border_class(row, self._reach[0], self.size[0] - len(self._bits))

    def _small_column(self, column: int) -> int:
        return _border_class(column, self._reach[1], self.size[1] - len(self._bits[0]))


def receptive_fields(masks: Sequence[Any], size: Size) -> ReceptiveFields:
    r"""Receptive fields of every pixel of a map at once.

    A pixel's receptive field depends on its place only through the distances to the four borders, and only up to the
    distance that a path can go. A map just large enough to have every case is solved, layer by layer: the field of a
    pixel is the union of the previous layer's fields at the pixels it reads.

    Args:
        masks: 0/1 grids with odd sides, first layer first.
        size: Height and width of the map.

    Returns:
        A table; `table[row, column]` equals `receptive_field(masks, size, (row, column))`.

    Raises:
        ValueError: If there is no mask, a mask is not a 0/1 grid with odd sides, or the size is not positive.

    Examples:
        >>> from hw.masks import mask
        >>> from hw.receptive_field import receptive_fields
        >>> table = receptive_fields([mask("A", 3), mask("B", 3)], size=(1024, 1024))
        >>> int(table[500, 700].sum()), int(table.sizes().max())
        (11, 11)
    """
    layers, size = _layers(masks), _checked_size(size)
    up, down, left, right = (_reach(layers, axis, sign) for axis in (0, 1) for sign in (-1, 1))
    height, width = min(size[0], up + down + 1), min(size[1], left + right + 1)
    fields = [[1 << row * width + column for column in range(width)] for row in range(height)]
    for steps in layers:
        margin = [0] * max((abs(right) for _, right in steps), default=0)  # off the map: nothing to see
        padded = [margin + line + margin for line in fields]
        fields = [
            _union(
                [
                    padded[row + down][len(margin) + right :][:width]
                    for down, right in steps
                    if 0 <= row + down < height
                ],
                width,
            )
            for row in range(height)
        ]
    return ReceptiveFields(size, (up, left), fields)


def _seen(layers: list[list[Offset]], size: Size, pixel: Pixel) -> int:
    """The set of input pixels, bit `row * width + column`, walked from the output back through the layers."""
    seen = 1 << pixel[0] * size[1] + pixel[1]
    return reduce(lambda pixels, steps: _step(pixels, steps, size), reversed(layers), seen)


def _step(pixels: int, steps: list[Offset], size: Size) -> int:
    """The set of pixels that one step leads to from a set of them, none of them off the map."""
    height, width = size
    everywhere = (1 << height * width) - 1
    reached = 0
    for down, right in steps:
        distance = down * width + right
        going = pixels & _can_go(right, size)
        reached |= (going << distance if distance > 0 else going >> -distance) & everywhere
    return reached


@lru_cache(maxsize=1024)
def _can_go(right: int, size: Size) -> int:
    """The set of pixels that have one so many columns to the right."""
    height, width = size
    line_starts = ((1 << height * width) - 1) // ((1 << width) - 1)
    return line_starts * sum(1 << column for column in range(width) if 0 <= column + right < width)


def _union(lines: list[list[int]], width: int) -> list[int]:
    return reduce(lambda union, line: list(map(or_, union, line)), lines, [0] * width)


def _reach(layers: list[list[Offset]], axis: int, sign: int) -> int:
    """How far paths can go along an axis, in one direction."""
    return sum(max([0, *(sign * offset[axis] for offset in steps)]) for steps in layers)


def _border_class(place: int, reach: int, cut: int) -> int:
    """The place on the small map, which is `cut` shorter, whose distances to both borders act the same."""
    return place if place <= reach else max(reach, place - cut)


def _grid(bits: int, size: Size) -> Any:
    height, width = size
    try:
        import numpy as np
    except ImportError:
        return tuple(tuple(bool(bits >> row * width + column & 1) for column in range(width)) for row in range(height))
    packed = np.frombuffer(bits.to_bytes((height * width + 7) // 8, "little"), dtype=np.uint8)
    return np.unpackbits(packed, count=height * width, bitorder="little").reshape(size).astype(bool)


def _counts_grid(rows: list[list[int]]) -> Any:
    try:
        import numpy as np
    except ImportError:
        return tuple(map(tuple, rows))
    return np.array(rows, dtype=object)  # object: counts outgrow 64 bits at depth 30


def _layers(masks: Sequence[Any]) -> list[list[Offset]]:
    """The offsets of each mask's ones from its center, first layer first."""
    if len(masks) == 0:
        raise ValueError(f"masks must hold at least one mask, got {masks!r}")
    return [_offsets_of(mask, f"masks[{place}]") for place, mask in enumerate(masks)]


def _offsets_of(mask: Any, name: str) -> list[Offset]:
    rows = mask.tolist() if hasattr(mask, "tolist") else mask
    if not isinstance(rows, Sequence) or not all(isinstance(row, Sequence) for row in rows):
        raise ValueError(f"{name} must be a grid, rows of entries, got {mask!r}")
    if len(rows) == 0 or len({len(row) for row in rows}) > 1:
        raise ValueError(f"{name} must have rows of one length, got {mask!r}")
    height, width = len(rows), len(rows[0])
    if height % 2 == 0 or width % 2 == 0:
        raise ValueError(f"{name} must have odd sides so that it has a center pixel, got {height}×{width}")
    for entry in (entry for row in rows for entry in row):
        if entry not in (0, 1):
            raise ValueError(f"{name} must hold only 0 and 1, got {entry!r}")
    return [
        (row - height // 2, column - width // 2)
        for row in range(height)
        for column in range(width)
        if rows[row][column]
    ]


def _checked_size(size: Iterable[int]) -> Size:
    numbers = _integers(size)
    if len(numbers) != 2 or min(numbers) < 1:
        raise ValueError(f"size must be two positive integers (height, width), got {size!r}")
    return numbers[0], numbers[1]


def _checked_pixel(pixel: Iterable[int], size: Size, name: str = "pixel") -> Pixel:
    numbers = _integers(pixel)
    if len(numbers) != 2 or not all(0 <= place < length for place, length in zip(numbers, size, strict=True)):
        raise ValueError(f"{name} must be (row, column) on a map of {size[0]}×{size[1]}, counted from 0, got {pixel!r}")
    return numbers[0], numbers[1]


def _integers(values: Iterable[int]) -> tuple[int, ...]:
    try:
        return tuple(index(value) for value in values)
    except TypeError:
        return ()
