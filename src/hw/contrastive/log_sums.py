"""Negatives and positives of every anchor as functions of the points, to be differentiated any number of times."""

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx

from hw.contrastive.pairs import Pairs, row_tiles
from hw.contrastive.processes import gather_points, gather_values
from hw.contrastive.tiles import log_sums, pull

__all__ = ["contrast"]


def contrast(own: Tensor, pairs: Pairs) -> tuple[Tensor, Tensor]:
    """Log-sum-exp of every anchor's logits, and the logit of its positive, unless positives are summed.

    Both are those of all processes' anchors, and functions of the own points; their gradient needs no exchange. The
    first derivative takes memory for tiles, a second one forms matrices of all pairs.

    Args:
        own: This process's points, all of one length, float32 or float64, shape `(m, d)`.
        pairs: Which pairs are summed.

    Returns:
        Two tensors of shape `(count,)`, float64, the second empty where positives are summed.
    """
    return _Contrast.apply(own, gather_points(own.detach(), pairs), pairs)


class _Contrast(torch.autograd.Function):
    """The two numbers per anchor."""

    @staticmethod
    def forward(own: Tensor, points: Tensor, pairs: Pairs) -> tuple[Tensor, Tensor]:
        with torch.autocast(own.device.type, enabled=False):
            positives = own.new_empty(0, dtype=torch.float64) if pairs.positives_in else _positives(own)
            return gather_values(log_sums(points, pairs), positives, pairs)

    @staticmethod
    def setup_context(ctx: FunctionCtx, inputs: tuple[Tensor, Tensor, Pairs], output: tuple[Tensor, Tensor]) -> None:
        own, points, ctx.pairs = inputs
        ctx.save_for_backward(own, points, output[0])

    @staticmethod
    def backward(ctx: FunctionCtx, of_sums: Tensor, of_positives: Tensor) -> tuple[Tensor, None, None]:
        own, points, sums = ctx.saved_tensors
        return _Pull.apply(own, of_sums, of_positives, points, sums.detach(), ctx.pairs), None, None


class _Pull(torch.autograd.Function):
    """The gradient where both numbers have weights; a function of points and weights in turn."""

    @staticmethod
    def forward(
        own: Tensor, of_sums: Tensor, of_positives: Tensor, points: Tensor, sums: Tensor, pairs: Pairs
    ) -> Tensor:
        with torch.autocast(own.device.type, enabled=False):
            gradient = _own(pull(points, sums, of_sums, pairs), pairs)
        if not pairs.positives_in:
            each = _per_pair(_own(of_positives, pairs)).to(own.dtype)
            for part, partner in zip(gradient.chunk(2), reversed(own.chunk(2)), strict=True):
                part.addcmul_(partner, each)
        return gradient

    @staticmethod
    def setup_context(ctx: FunctionCtx, inputs: tuple[Tensor | Pairs, ...], output: Tensor) -> None:
        *tensors, _, _, ctx.pairs = inputs
        ctx.save_for_backward(*tensors)

    @staticmethod
    def backward(ctx: FunctionCtx, along: Tensor) -> tuple[Tensor | None, ...]:
        if ctx.pairs.processes > 1:
            raise RuntimeError("a second derivative of a contrastive loss can be taken in a single process only")
        own, of_sums, of_positives = ctx.saved_tensors
        with torch.autocast(own.device.type, enabled=False):
            shares = _shares(own, ctx.pairs)
            first = of_sums.to(own.dtype)[:, None] * shares
            change = along @ own.T + own @ along.T  # of the logits, where the points move along
            expected = (shares * change).sum(1)
            second = first * (change - expected[:, None])
            of_own = (first + first.T) @ along + (second + second.T) @ own
            in_positives = None
            if not ctx.pairs.positives_in:
                partner = along.roll(len(own) // 2, 0)
                of_own = of_own + _per_pair(of_positives).to(own.dtype).repeat(2, 1) * partner
                in_positives = change.diagonal(len(own) // 2).repeat(2).to(of_sums.dtype)
        return of_own, expected.to(of_sums.dtype), in_positives, None, None, None


def _positives(own: Tensor) -> Tensor:
    """The logit of each pair of views, in float64: where the loss is small, all its digits are in this difference."""
    first, second = own.chunk(2)
    return torch.cat([(first[rows].double() * second[rows].double()).sum(1) for rows in row_tiles(first)])


def _per_pair(of_positives: Tensor) -> Tensor:
    """The logit of a pair is that of both anchors."""
    return of_positives.view(2, -1).sum(0)[:, None]


def _own(values: Tensor, pairs: Pairs) -> Tensor:
    return values if pairs.processes == 1 else torch.cat([values[own.start : own.stop] for own in pairs.own])


def _shares(points: Tensor, pairs: Pairs) -> Tensor:
    """Each logit's share of its row's sum of exponentials, as a matrix; zero in rows without pairs."""
    summed = torch.zeros(pairs.count, pairs.count, dtype=torch.bool, device=points.device)
    for rows, columns in pairs.rectangles:
        summed[rows.start : rows.stop, columns.start : columns.stop] = True
    for row, column, length in pairs.omitted:
        summed[row : row + length, column : column + length].fill_diagonal_(False)
    logits = (points @ points.T).masked_fill(~summed, torch.finfo(points.dtype).min)  # a row of -inf would be NaN
    return logits.softmax(1) * summed
