"""Directions of vectors, scaled to one length, without overflow and with a gradient that can be differentiated."""

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx

from hw.contrastive.pairs import row_tiles

__all__ = ["directions"]


def directions(z: Tensor, length: float = 1.0) -> Tensor:
    """Vectors of the same directions and of the given length; a zero vector, which has none, stays zero.

    Nothing overflows or underflows on the way, whatever finite norm a vector has. The gradient is zero at a zero
    vector, and finite wherever it is a number of the type. A vector with NaN or infinity in it becomes NaN.

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
    """Vectors of one length, and the two factors of what each was divided by: norm over length, and scale.

    Most of the gradient between views that are alike lies along them and cancels, so all of it is done in float64.
    """

    @staticmethod
    def forward(z: Tensor, length: float) -> tuple[Tensor, Tensor, Tensor]:
        turned, norms = torch.empty_like(z), z.new_empty(len(z), 1, dtype=torch.float64)
        scales = torch.ones_like(norms)
        if z.dtype == torch.float64:  # the square of 1e200 is more than it holds; it holds those of float32
            largest = z.abs().amax(1, keepdim=True)
            scales = torch.where(largest == 0, 1, largest)
        for rows in row_tiles(z):
            scaled = z[rows] / scales[rows] if z.dtype == torch.float64 else z[rows].double()
            norm = torch.linalg.vector_norm(scaled, dim=1, keepdim=True)
            norms[rows] = torch.where(norm == 0, torch.inf, norm / length)  # a zero vector stays zero, without a slope
            turned[rows] = scaled.div_(norms[rows])
        return turned, norms, scales

    @staticmethod
    def setup_context(ctx: FunctionCtx, inputs: tuple[Tensor, float], output: tuple[Tensor, Tensor, Tensor]) -> None:
        ctx.length = inputs[1]
        ctx.set_materialize_grads(False)
        ctx.mark_non_differentiable(output[2])
        ctx.save_for_backward(*output)

    @staticmethod
    def backward(
        ctx: FunctionCtx, of_turned: Tensor | None, of_norms: Tensor | None, _: None
    ) -> tuple[Tensor | None, None]:
        turned, norms, scales = ctx.saved_tensors
        of_turned = torch.zeros_like(turned) if of_turned is None else of_turned
        of_z = torch.empty_like(turned)
        for rows in row_tiles(turned):
            x, g, inverse = turned[rows].double(), of_turned[rows].double(), 1 / norms[rows] / scales[rows]
            squared = x.square().sum(1, keepdim=True)
            along = (x * g).sum(1, keepdim=True) / torch.where(squared == 0, 1, squared)
            part = torch.addcmul(g, x, along, value=-1) * inverse.clamp(max=torch.finfo(torch.float64).max)
            if of_norms is not None:  # in a second derivative
                part = part + x * (of_norms[rows] / ctx.length**2 / scales[rows])
            of_z[rows] = part.to(turned.dtype)
        return of_z, None
