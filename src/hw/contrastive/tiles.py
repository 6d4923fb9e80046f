"""Log-sum-exps over the rows of a matrix of logits, and their gradient, tile by tile: the matrix is never formed.

A logit is the inner product of two points. A tile of exponentials serves its own place and the mirrored one, and the
gradient computes it again instead of keeping it. Exponentials are taken of logits less one number for all of them, and
those too small to count are held at a bound, since `exp` and products take some sixty times as long where the result is
below the smallest normal number. If a sum is so small that the bound would show in it, all are done again, and each row
less its own maximum.
"""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from hw.contrastive.pairs import Pairs, tile_length

__all__ = ["log_sums", "pull"]

Tile = tuple[slice, slice, bool, Tensor]  # rows, columns, whether it also stands for its mirror image, values


def log_sums(points: Tensor, pairs: Pairs) -> Tensor:
    """Logarithm of the sum of exponentials over each row of an own point.

    Args:
        points: The points of all processes, shape `(count, d)`.
        pairs: Which pairs are summed.

    Returns:
        Shape `(count,)`, float64; minus infinity for a row without pairs, and for the rows of other processes.
    """
    base = torch.full_like(points[:, 0], _shift(points, pairs))
    sums = torch.zeros_like(base, dtype=torch.float64)
    for rows, columns, mirrored, e in _exponentials(points, pairs):
        sums[rows] += e.sum(1)
        if mirrored:
            sums[columns] += e.sum(0)
    if _any_weak(sums.log(), points, pairs):
        base = _maxima(points, pairs)
        base = torch.where(base == -math.inf, 0, base)
        sums.zero_()
        for rows, columns, mirrored, logits in _logits(points, pairs):
            _omit_(logits, rows, columns, pairs, -math.inf)
            sums[rows] += _exp_(logits - base[rows, None]).sum(1)
            if mirrored:
                sums[columns] += _exp_(logits - base[columns]).sum(0)
    return sums.log() + base


def pull(points: Tensor, sums: Tensor, weights: Tensor, pairs: Pairs) -> Tensor:
    """Gradient of the weighted sum of all rows' log-sum-exps in the own points.

    Args:
        points: The points of all processes, shape `(count, d)`.
        sums: Every row's log-sum-exp, shape `(count,)`, float64.
        weights: What each is multiplied by, shape `(count,)`, float64.
        pairs: Which pairs are summed.

    Returns:
        Shape `(count, d)`; right at the own points, unfinished at those of others.
    """
    gradient = torch.zeros_like(points)
    for rows, columns, mirrored, slopes in _slopes(points, sums, weights, pairs):
        gradient[rows].addmm_(slopes, points[columns])
        if mirrored:
            gradient[columns].addmm_(slopes.T, points[rows])
    return gradient


def _slopes(points: Tensor, sums: Tensor, weights: Tensor, pairs: Pairs) -> Iterator[Tile]:
    """Tiles of the weighted sum's derivative in the logits, each with its mirror image added."""
    shift = _shift(points, pairs)
    if _any_weak(sums - shift, points, pairs):
        base = torch.where(sums == -math.inf, 0, sums).to(points.dtype)
        factors = torch.where(sums == -math.inf, 0, weights * (base - sums).exp()).to(points.dtype)
        for rows, columns, mirrored, logits in _logits(points, pairs):
            _omit_(logits, rows, columns, pairs, -math.inf)
            of_rows = _exp_(logits - base[rows, None]).mul_(factors[rows, None])
            yield rows, columns, mirrored, _exp_(logits.sub_(base[columns])).mul_(factors[columns]).add_(of_rows)
    else:
        factors = torch.where(sums == -math.inf, 0, weights * (shift - sums).exp()).to(points.dtype)
        for rows, columns, mirrored, e in _exponentials(points, pairs):
            yield rows, columns, mirrored, e.mul_(factors[rows, None] + factors[columns])


def _maxima(points: Tensor, pairs: Pairs) -> Tensor:
    maxima = torch.full_like(points[:, 0], -math.inf)
    for rows, columns, mirrored, logits in _logits(points, pairs):
        _omit_(logits, rows, columns, pairs, -math.inf)
        maxima[rows] = torch.maximum(maxima[rows], logits.amax(1))
        if mirrored:
            maxima[columns] = torch.maximum(maxima[columns], logits.amax(0))
    return maxima


def _exponentials(points: Tensor, pairs: Pairs) -> Iterator[Tile]:
    """Tiles of exponentials of logits less the shift, zero for pairs left out."""
    shift = _shift(points, pairs)
    held = _held(points, pairs)
    for rows, columns, mirrored, logits in _logits(points, pairs):
        if shift:
            logits.sub_(shift)
        e = _exp_(logits) if held else logits.exp_()
        _omit_(e, rows, columns, pairs, 0.0)
        yield rows, columns, mirrored, e


def _logits(points: Tensor, pairs: Pairs) -> Iterator[Tile]:
    for rows, columns, mirrored in pairs.tiles(tile_length(points)):
        here, there = slice(rows.start, rows.stop), slice(columns.start, columns.stop)
        yield here, there, mirrored, points[here] @ points[there].T


def _omit_(tile: Tensor, rows: slice, columns: slice, pairs: Pairs, value: float) -> None:
    """Put a value where the diagonals of pairs left out cross a tile."""
    for row, column, length in pairs.omitted:
        start = max(0, rows.start - row, columns.start - column)
        stop = min(length, rows.stop - row, columns.stop - column)
        if start < stop:
            r, c = row - rows.start, column - columns.start
            tile[r + start : r + stop, c + start : c + stop].fill_diagonal_(value)


def _exp_(exponents: Tensor) -> Tensor:
    """Exponentials in place, none below a normal number that a small factor leaves normal."""
    return exponents.clamp_(min=_least(exponents)).exp_()


def _least(values: Tensor) -> float:
    return 0.86 * math.log(torch.finfo(values.dtype).tiny)


def _shift(points: Tensor, pairs: Pairs) -> float:
    """What is taken off all logits: enough for a sum of a million exponentials to be finite; whole, to be exact."""
    kind = torch.finfo(points.dtype)
    return max(0.0, float(math.ceil(pairs.largest * (1 + 16 * kind.eps) - 0.79 * math.log(kind.max))))


def _held(points: Tensor, pairs: Pairs) -> bool:
    return -pairs.largest - _shift(points, pairs) < _least(points)


def _any_weak(sums: Tensor, points: Tensor, pairs: Pairs) -> bool:
    """Whether more than a rounding of some row's sum, given by its logarithm less the shift, may be held exponents."""
    if not _held(points, pairs):
        return False
    enough = _least(points) + math.log(pairs.count / torch.finfo(points.dtype).eps)
    return bool(((sums > -math.inf) & (sums < enough)).any())
