"""Contrastive losses of two views of a batch: NT-Xent, and InfoNCE between two towers."""

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.distributed import ProcessGroup

from hw.arguments import check_alike, check_floating, check_positive
from hw.contrastive.directions import directions
from hw.contrastive.log_sums import contrast
from hw.contrastive.pairs import Pairs
from hw.contrastive.processes import check_agreement, check_group, tell_refusal

__all__ = ["check_views", "checked_temperature", "info_nce", "nt_xent", "points_of"]

COARSE = 1e-4  # nats; where a rounding of float32 would move a logit by more, float64 takes over


def nt_xent(z_a: Tensor, z_b: Tensor, temperature: float | Tensor, *, group: ProcessGroup | None = None) -> Tensor:
    r"""NT-Xent, the loss of SimCLR, in nats: each view has to find the other one of its sample among all other views.

    It is the mean over the $2N$ views of $-\log \frac{\exp(s_{ij}/\tau)}{\sum_{k \neq i} \exp(s_{ik}/\tau)}$, where
    $j$ is the other view of the sample of $i$ and $s$ the cosine. No matrix of all pairs is formed, neither for the
    value nor for its gradient: memory grows as $N$. A second derivative is exact too, but does form such matrices. Of
    the transforms of `torch.func`, `grad` and `vjp` work, `vmap` and forward mode do not.

    Args:
        z_a: First views as the network gives them, not normalized, shape `(n, d)`.
        z_b: Second views of the same samples in the same order, same shape and type.
        temperature: $\tau$, a positive number, or a tensor of shape `()` for a gradient in it; to learn it, learn its
            logarithm, so that it stays positive. Programs differ in their default, so there is none.
        group: Processes of `torch.distributed` whose batches, all of one size, make one, e.g.
            `torch.distributed.group.WORLD`, which is None before `init_process_group`; None for this process alone.
            Every process calls with its own views and exactly the same temperature, and gets the loss of the whole
            batch. The mean of the processes' gradients, of parameters and of the temperature, is the gradient of that
            loss, and `DistributedDataParallel` takes this mean. Where a last batch may be smaller, drop it.

    Returns:
        A tensor of shape `()`; float32 for half precision, which is computed in float32, else of the type of the views.
        It is never negative, and 0 for a single sample. A zero vector has the cosine 0 to all others and no gradient.
        A NaN or infinite entry makes the loss and all gradients NaN. Where a rounding of float32 would move a logit by
        more than 1e-4 nats, at temperatures below .0012, float64 takes over; below 2e-12 its roundings move it as much.

    Raises:
        ValueError: If the views are no matrices of numbers of one shape and type with a row and a column at least,
            the temperature is not positive or so small that its inverse is no number of their type, the group is none
            that this process belongs to, or batches or temperatures of the processes do not fit together; then every
            process refuses.
        RuntimeError: If a second derivative is taken across processes.

    Examples:
        Views that all coincide leave a guess among the $2N - 1$ others; a single sample leaves none:

        >>> import math, torch
        >>> from hw.contrastive import nt_xent
        >>> same = torch.ones(4, 8)
        >>> math.isclose(nt_xent(same, same, temperature=0.5).item(), math.log(7), rel_tol=1e-6)
        True
        >>> nt_xent(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]]), temperature=0.1).item()
        0.0

        A loss far below the rounding of a logarithm keeps its digits:

        >>> import math, torch
        >>> from hw.contrastive import nt_xent
        >>> a = torch.eye(4, dtype=torch.float64)
        >>> math.isclose(nt_xent(a, a, temperature=0.02).item(), 6 * math.exp(-50), rel_tol=1e-12)
        True

    References:
        Chen, Kornblith, Norouzi and Hinton (2020), *A Simple Framework for Contrastive Learning of Visual
        Representations*, equation 1 and algorithm 1, <https://arxiv.org/abs/2002.05709>.
    """
    return _loss(z_a, z_b, temperature, group, crossed=False)


def info_nce(z_a: Tensor, z_b: Tensor, temperature: float | Tensor, *, group: ProcessGroup | None = None) -> Tensor:
    r"""InfoNCE between two towers, in nats: each vector has to find its partner among the $N$ of the other tower.

    It is the mean of both directions, $-\log \frac{\exp(s_{ii}/\tau)}{\sum_k \exp(s_{ik}/\tau)}$ over rows and over
    columns, with $s_{ik}$ the cosine of the $i$-th vector of one tower with the $k$-th of the other, as in CLIP. Both
    directions use each tile of logits once; memory grows as $N$. A second derivative forms matrices of all pairs.

    Args:
        z_a: Vectors of one tower, not normalized, shape `(n, d)`.
        z_b: Their partners in the other tower, same shape and type.
        temperature: $\tau$, a positive number, or a tensor of shape `()` for a gradient in it.
        group: As for `nt_xent`.

    Returns:
        A tensor of shape `()`, as for `nt_xent`; $\log N$ less it is, in expectation, at most the mutual information.

    Raises:
        ValueError: As for `nt_xent`.
        RuntimeError: If a second derivative is taken across processes.

    Examples:
        >>> import math, torch
        >>> from hw.contrastive import info_nce
        >>> same = torch.ones(4, 8)
        >>> math.isclose(info_nce(same, same, temperature=0.5).item(), math.log(4), rel_tol=1e-6)
        True

    References:
        van den Oord, Li and Vinyals (2018), *Representation Learning with Contrastive Predictive Coding*, section 2.3,
        <https://arxiv.org/abs/1807.03748>. Radford et al. (2021), *Learning Transferable Visual Models From Natural
        Language Supervision*, figure 3, <https://arxiv.org/abs/2103.00020>.
    """
    return _loss(z_a, z_b, temperature, group, crossed=True)


def _loss(z_a: Tensor, z_b: Tensor, temperature: float | Tensor, group: ProcessGroup | None, crossed: bool) -> Tensor:
    check_group(group)
    try:
        check_views(z_a=z_a, z_b=z_b)
        tau = checked_temperature(temperature, z_a)
    except ValueError:
        tell_refusal(group)
        raise
    check_agreement(z_a, tau, group)
    learned = isinstance(temperature, Tensor)
    points = points_of(torch.cat((z_a, z_b)), 1 / tau, 1.0 if learned else tau**-0.5)
    if learned:
        points = points * temperature.to(points.dtype).rsqrt()
    processes = 1 if group is None else group.size()
    pairs = Pairs(processes * len(points), 1 / tau, crossed=crossed, group=group)
    negatives, positives = contrast(points, pairs)
    # -log(e^p / (e^p + e^n)) as a difference of logarithms would lose a small loss; softplus is off at its threshold
    loss = 0 - F.logsigmoid(positives - negatives).mean()  # not -0
    if processes > 1:  # each process has the gradient in its own views; of those it is the mean that is taken
        loss = loss.detach() + processes * (loss - loss.detach())
    return loss.to(torch.promote_types(z_a.dtype, torch.float32))


def points_of(z: Tensor, largest: float, length: float) -> Tensor:
    """Vectors as points of one length, in the precision that logits up to the largest need.

    Examples:
        >>> import torch
        >>> from hw.contrastive.losses import points_of
        >>> points_of(torch.tensor([[3.0, 4.0]]), 1e6, 5.0)
        tensor([[3., 4.]], dtype=torch.float64)
    """
    z = z.to(torch.promote_types(z.dtype, torch.float32))
    return directions(z.double() if largest * torch.finfo(z.dtype).eps > COARSE else z, length)


def check_views(**views: Tensor) -> None:
    """Refuse what are no matrices of numbers of one shape and type, with a row and a column at least.

    Examples:
        >>> import torch
        >>> from hw.contrastive.losses import check_views
        >>> try:
        ...     check_views(z=torch.zeros(0, 3))
        ... except ValueError as error:
        ...     print(error)
        z must have shape (n, d) with n and d at least 1, got (0, 3)
    """
    for name, z in views.items():
        check_floating(f"{name} must be", z)
        if z.dim() != 2 or 0 in z.shape:
            raise ValueError(f"{name} must have shape (n, d) with n and d at least 1, got {tuple(z.shape)}")
    check_alike(**views)


def checked_temperature(temperature: float | Tensor, z: Tensor) -> float:
    """The temperature as a number; what is no positive number, or too small for logits of the views' type, is refused.

    Examples:
        >>> import torch
        >>> from hw.contrastive.losses import checked_temperature
        >>> try:
        ...     checked_temperature(0, torch.ones(1, 1))
        ... except ValueError as error:
        ...     print(error)
        temperature must be a positive number, got 0
    """
    if isinstance(temperature, Tensor):
        check_floating("temperature must be a number or", temperature)
        if temperature.dim():
            raise ValueError(f"temperature must be a number or have shape (), got shape {tuple(temperature.shape)}")
        if temperature.device not in (z.device, torch.device("cpu")):
            raise ValueError(f"temperature must be on the device of z_a, {z.device}, got {temperature.device}")
        tau = temperature.detach().item()
    else:
        tau = temperature
    check_positive("temperature", tau)
    least = 8 / torch.finfo(torch.promote_types(z.dtype, torch.float32)).max
    if tau < least:
        raise ValueError(
            f"temperature must be at least {least:.1e} so that logits of type {z.dtype} are finite, got {tau}"
        )
    return float(tau)
