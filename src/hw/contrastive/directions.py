"""Directions of vectors, scaled to one length, without overflow and with a gradient that can be differentiated."""

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx

from hw.contrastive.pairs import row_tiles

__all__ = ["directions"]


def directions(z: Tensor, length: float = 1.0) -> Tensor:
    """Vectors of the same directions and of the given length; a zero vector, which has none, stays zero.

    Nothing overflows or underflows on the way, whatever finite norm a vector has, and the gradient at a zero vector is
    zero. A vector with NaN or infinity among its entries becomes NaN.

    Args:
        z: Vectors, shape `(n, d)`.
        length: The length they get.

    Returns:
        Shape `(n, d)`, of the type of `z`.

    Examples:
        >>> import torch
        >>> from hw.contrastive.directions import directions
        >>> directions(torch.tensor([[3e30, 4e30], [0.0, 0.0]]), 5.0).tolist()
        [[3.0, 4.0], [0.0, 0.0]]
    """
    return _Directions.apply(z, length)[0]


class _Directions(torch.autograd.Function):
    """Vectors of one length, and in two factors what each was divided by; the second is infinity for a zero vector."""

    @staticmethod
    def forward(z: Tensor, length: float) -> tuple[Tensor, Tensor, Tensor]:
        turned, norms = torch.empty_like(z), z.new_empty(len(z), 1, dtype=torch.float64)
        largest = z.abs().amax(1, keepdim=True).double()  # the square of 1e200 is more than float64 holds
        largest = torch.where(largest == 0, torch.inf, largest)
        for rows in row_tiles(z):
            scaled = z[rows] / largest[rows]
            norm = torch.linalg.vector_norm(scaled, dim=1, keepdim=True)
            norms[rows] = torch.where(norm == 0, 1, norm) / length
            turned[rows] = scaled / norms[rows]
        return turned, norms, largest

    @staticmethod
    def setup_context(ctx: FunctionCtx, inputs: tuple[Tensor, float], output: tuple[Tensor, Tensor, Tensor]) -> None:
        ctx.length = inputs[1]
        ctx.mark_non_differentiable(output[2])
        ctx.save_for_backward(*output)

    @staticmethod
    def backward(ctx: FunctionCtx, of_turned: Tensor, of_norms: Tensor, _: Tensor) -> tuple[Tensor, None]:
        turned, norms, largest = ctx.saved_tensors
        of_z = torch.empty_like(turned)
        for rows in row_tiles(
            turned
        ):  # in float64: between views that are alike most of it lies along them and cancels
            x, g = turned[rows].double(), of_turned[rows].double()
            squared = x.square().sum(1, keepdim=True)
            along = (x * g).sum(1, keepdim=True) / torch.where(squared == 0, 1, squared)
            of_scaled = (g - x * along) / norms[rows] + x * (of_norms[rows] / ctx.length**2)
            of_z[rows] = (of_scaled / largest[rows]).to(turned.dtype)
        return of_z, None
