"""Which pairs of points a contrastive loss compares, and by which blocks one process covers its part of them."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch.distributed
from torch import Tensor
from torch.distributed import ProcessGroup

__all__ = ["Pairs", "row_tiles", "spans", "tile_length"]

TILE = 512  # rows and columns: a tile of float32 then fits into a core's cache
WIDE_TILE = 4096  # on accelerators, where to start a kernel costs more than a small tile


@dataclass(frozen=True)
class Pairs:
    """Pairs of the points of one or several processes; the two views of a batch are the two halves of the points.

    Attributes:
        count: How many points there are in all processes.
        largest: The largest logit a pair can have, the square of the length of the points.
        positives_in: Whether the two views of a sample are a pair like any other, or left out of the sums.
        crossed: Whether points are compared with those of the other half only.
        group: The processes, or None for this one alone.
    """

    count: int
    largest: float
    positives_in: bool = False
    crossed: bool = False
    group: ProcessGroup | None = None

    @property
    def processes(self) -> int:
        """How many processes there are."""
        return 1 if self.group is None else torch.distributed.get_world_size(self.group)

    @property
    def own(self) -> list[range]:
        """This process's points among all."""
        if self.processes == 1 and not self.crossed:
            return [range(self.count)]
        half = self.count // 2
        each = half // self.processes
        start = 0 if self.group is None else each * torch.distributed.get_rank(self.group)
        return [range(start, start + each), range(half + start, half + start + each)]

    @property
    def rectangles(self) -> list[tuple[range, range]]:
        """Rows with the columns they are compared with, over all points."""
        if not self.crossed:
            return [(range(self.count), range(self.count))]
        first, second = range(self.count // 2), range(self.count // 2, self.count)
        return [(first, second), (second, first)]

    @property
    def omitted(self) -> list[tuple[int, int, int]]:
        """Diagonals of pairs that are left out of the sums: first row, first column, length."""
        half = self.count // 2
        with_themselves = [] if self.crossed else [(0, 0, self.count)]
        return with_themselves + ([] if self.positives_in else [(0, half, half), (half, 0, half)])

    def blocks(self) -> Iterator[tuple[range, range, bool]]:
        """Rows and columns that cover each pair with an own point once, and whether they stand for their mirror too."""
        for place, rows in enumerate(self.own):
            (columns,) = [columns for others, columns in self.rectangles if rows.start in others]
            for other in self.own[place:]:
                if other.start in columns:
                    yield rows, other, True
            for others in _without(columns, self.own):
                yield rows, others, False

    def tiles(self, length: int) -> Iterator[tuple[range, range, bool]]:
        """The blocks in tiles of at most that many rows and columns; half of them where a block mirrors itself."""
        for rows, columns, mirrored in self.blocks():
            for row in spans(rows, length):
                for column in spans(columns, length):
                    if rows != columns or row.start <= column.start:
                        yield row, column, mirrored and row != column


def spans(numbers: range, length: int) -> list[range]:
    """A range in pieces of at most that many numbers.

    Examples:
        >>> from hw.contrastive.pairs import spans
        >>> spans(range(3, 8), 2)
        [range(3, 5), range(5, 7), range(7, 8)]
    """
    return [numbers[k : k + length] for k in range(0, len(numbers), length)]


def tile_length(points: Tensor) -> int:
    """How many rows and columns a tile has on the points' device."""
    return TILE if points.device.type == "cpu" else WIDE_TILE


def row_tiles(points: Tensor) -> list[slice]:
    """The rows of points in pieces of a tile's length."""
    return [slice(rows.start, rows.stop) for rows in spans(range(len(points)), tile_length(points))]


def _without(numbers: range, holes: list[range]) -> Iterator[range]:
    """What is left of a range, piece by piece; the holes are in order."""
    start = numbers.start
    for hole in [*holes, range(numbers.stop, numbers.stop)]:
        if start < min(hole.start, numbers.stop):
            yield range(start, min(hole.start, numbers.stop))
        start = max(start, hole.stop)
