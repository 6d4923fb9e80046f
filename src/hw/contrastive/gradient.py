"""The gradient of NT-Xent as a formula, for reading and for checks; training takes it from autograd."""

import torch
from torch import Tensor

from hw.contrastive.losses import check_views, checked_temperature

__all__ = ["nt_xent_gradient"]


def nt_xent_gradient(z_a: Tensor, z_b: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    r"""Gradient of NT-Xent in both views, written out.

    In a unit vector $u_i$ it is $\frac{1}{2N\tau}\bigl[\sum_k (P - Y)_{ik} u_k + \sum_k (P - Y)_{ki} u_k\bigr]$, where
    $P_{ik}$ is the probability that view $i$ gives to view $k$, 0 for $k = i$, and $Y_{ik}$ is 1 for the other view of
    its sample. In $z_i$ it is what of this lies across $z_i$, divided by $\|z_i\|$. Matrices of all pairs are formed.

    Args:
        z_a: First views, not normalized, shape `(n, d)`; no row may be zero.
        z_b: Second views of the same samples, same shape and type.
        temperature: $\tau$, a positive number.

    Returns:
        The gradients in `z_a` and in `z_b`, of their shape, computed in float64; float32 for half precision.

    Raises:
        ValueError: If the views are no matrices of numbers of one shape and type with a row and a column at least, a
            row is zero, or the temperature is not positive or so small that its inverse is no number of their type.

    Examples:
        The gradient is at a right angle to the vector: its length is free.

        >>> import torch
        >>> from hw.contrastive import nt_xent_gradient
        >>> z_a, z_b = torch.eye(3, dtype=torch.float64), torch.ones(3, 3, dtype=torch.float64)
        >>> of_a, of_b = nt_xent_gradient(z_a, z_b, temperature=0.5)
        >>> bool(((z_a * of_a).sum(1).abs() < 1e-15).all())
        True

    References:
        Chen, Kornblith, Norouzi and Hinton (2020), *A Simple Framework for Contrastive Learning of Visual
        Representations*, table 2, <https://arxiv.org/abs/2002.05709>.
    """
    check_views(z_a=z_a, z_b=z_b)
    tau = checked_temperature(temperature, z_a)
    z = torch.cat((z_a, z_b)).double()
    if (z == 0).all(1).any():
        raise ValueError(
            f"z_a and z_b must have no zero row so that each has a direction, got {int((z == 0).all(1).sum())}"
        )
    largest = z.abs().amax(1, keepdim=True)  # the square of 1e200 is more than float64 holds
    norms = torch.linalg.vector_norm(z / largest, dim=1, keepdim=True)
    u = z / largest / norms
    logits = (u @ u.T / tau).fill_diagonal_(-torch.inf)
    surplus = logits.softmax(1)
    others = torch.arange(len(z), device=z.device).roll(len(z_a))[:, None]
    surplus.scatter_(1, others, 0)
    surplus.scatter_(1, others, -surplus.sum(1, keepdim=True))  # P - 1 loses the digits of a P close to 1
    of_u = (surplus + surplus.T) @ u / (len(z) * tau)
    of_z = (of_u - u * (u * of_u).sum(1, keepdim=True)) / norms / largest
    of_a, of_b = of_z.to(torch.promote_types(z_a.dtype, torch.float32)).chunk(2)
    return of_a, of_b
