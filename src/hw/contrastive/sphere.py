"""How close the views of a sample lie, and how evenly all points are spread over the sphere."""

import math

import torch
from torch import Tensor

from hw.arguments import check_positive
from hw.contrastive.directions import directions
from hw.contrastive.log_sums import contrast
from hw.contrastive.losses import check_views
from hw.contrastive.pairs import Pairs

__all__ = ["alignment", "uniformity"]

LARGEST = 1e300


def alignment(z_a: Tensor, z_b: Tensor, alpha: float = 2.0) -> Tensor:
    r"""Mean of $\|u - v\|^\alpha$ over the two views of each sample, as unit vectors; 0 where they agree.

    Args:
        z_a: First views, not normalized, shape `(n, d)`.
        z_b: Second views of the same samples, same shape and type.
        alpha: $\alpha$, positive; 2 in the paper.

    Returns:
        A tensor of shape `()`, at most $2^\alpha$; computed in float64, float32 for half precision. A zero vector
        counts as at a right angle to every vector, another zero vector too.

    Raises:
        ValueError: If the views are no matrices of numbers of one shape and type with a row and a column at least, or
            `alpha` is not positive.

    Examples:
        Opposite views are 2 apart:

        >>> import torch
        >>> from hw.contrastive import alignment
        >>> z = torch.tensor([[3.0, 4.0]])
        >>> alignment(z, 2 * z).item(), alignment(z, -z).item()
        (0.0, 4.0)

    References:
        Wang and Isola (2020), *Understanding Contrastive Representation Learning through Alignment and Uniformity on
        the Hypersphere*, section 4.1, <https://arxiv.org/abs/2005.10242>.
    """
    check_views(z_a=z_a, z_b=z_b)
    check_positive("alpha", alpha)
    alpha = float(alpha)
    squared = (directions(z_a.double()) - directions(z_b.double())).square().sum(1)
    squared = torch.where((z_a == 0).all(1) | (z_b == 0).all(1), 2, squared)
    near = squared == 0
    powers = torch.where(near, 0, torch.where(near, 1, squared) ** (alpha / 2))  # at 0 a root has no slope
    return powers.mean().to(torch.promote_types(z_a.dtype, torch.float32))


def uniformity(z: Tensor, t: float = 2.0) -> Tensor:
    r"""Logarithm of the mean of $e^{-t \|u - v\|^2}$ over all pairs of different points, as unit vectors, in nats.

    Lower is more even: 0 where all points coincide. The sum runs over tiles, as in `nt_xent`, so memory grows with the
    number of points, not with the number of pairs.

    Args:
        z: Points, not normalized, shape `(n, d)` with at least two rows.
        t: $t$, positive; 2 in the paper.

    Returns:
        A tensor of shape `()`, from $-4t$ to 0; computed in float64, float32 for half precision. A zero vector counts
        as at a right angle to all others.

    Raises:
        ValueError: If the points are no matrix of numbers with two rows and a column at least, or `t` is not positive
            or above 1e300.

    Examples:
        Two opposite points are 2 apart:

        >>> import torch
        >>> from hw.contrastive import uniformity
        >>> uniformity(torch.tensor([[1.0, 0.0], [-1.0, 0.0]], dtype=torch.float64)).item()
        -8.0

    References:
        Wang and Isola (2020), *Understanding Contrastive Representation Learning through Alignment and Uniformity on
        the Hypersphere*, section 4.1, <https://arxiv.org/abs/2005.10242>.
    """
    check_views(z=z)
    if len(z) < 2:
        raise ValueError(f"z must have two rows at least so that there is a pair, got {len(z)}")
    check_positive("t", t)
    if t > LARGEST:
        raise ValueError(f"t must be at most {LARGEST:g} so that distances times it are finite, got {t}")
    t = float(t)
    points = directions(z.double(), math.sqrt(2 * t))  # what is left of a difference of two numbers near 2 t counts
    sums, _ = contrast(points, Pairs(len(z), 2 * t, positives_in=True))
    value = sums.logsumexp(0) - math.log(len(z) * (len(z) - 1)) - 2 * t
    value = value - value.detach().clamp(min=0)  # a rounding above the largest value that there is
    return value.to(torch.promote_types(z.dtype, torch.float32))
