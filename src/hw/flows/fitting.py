"""Fitting a flow by either divergence."""

from collections.abc import Callable
from copy import deepcopy
from typing import NamedTuple

import torch
from torch import Tensor
from tqdm import trange

from hw.arguments import check_count, check_finite, check_generator, check_positive
from hw.flows.estimators import log_densities
from hw.flows.flow import Flow

__all__ = ["Fit", "fit_forward", "fit_reverse"]


class Fit(NamedTuple):
    """A fitted flow.

    Attributes:
        flow: A copy of the flow that was given, with other parameters.
        losses: The objective at each step, in nats, float64, shape `(steps,)`.
    """

    flow: Flow
    losses: Tensor


def fit_forward(
    flow: Flow,
    samples: Tensor,
    *,
    steps: int,
    learning_rate: float,
    generator: torch.Generator,
    batch_size: int | None = None,
) -> Fit:
    r"""Minimize the forward divergence $D_{\mathrm{KL}}(P_X\,\|\,P_{F(U)})$ from samples: maximum likelihood.

    The objective is the mean of $-\log p_{F(U)}(x)$ over samples, the divergence plus the entropy of $X$, which no
    parameter moves. Adam takes the steps, all with one rate. On a terminal a bar shows how far.

    Args:
        flow: Where to start; it is not changed. It needs `log_prob`.
        samples: Draws of $P_X$, shape `(n, d)`.
        steps: Number of steps.
        learning_rate: Adam's.
        generator: Source of the batches.
        batch_size: Samples at each step, drawn with replacement; without it, all.

    Returns:
        The fitted copy and the losses.

    Raises:
        ValueError: If a number is not positive, `generator` is no generator, `samples` has another shape or an entry
            that is not finite, the flow has no `log_prob` or no parameters, or a loss is not finite.

    Examples:
        The best normal law for three samples has their mean and their variance, 2/3:

        >>> import torch
        >>> from hw.flows import Affine, Flow, StandardNormal, fit_forward
        >>> start = Flow(StandardNormal(1), Affine(torch.zeros(1), torch.zeros(1)))
        >>> samples, rng = torch.tensor([[1.0], [2.0], [3.0]]), torch.Generator()
        >>> flow, losses = fit_forward(start, samples, steps=300, learning_rate=0.1, generator=rng)
        >>> round(flow.bijection.shift.item(), 3), round(flow.bijection.log_scale.exp().item() ** 2, 3)
        (2.0, 0.667)
    """
    if not isinstance(samples, Tensor) or samples.dim() != 2 or len(samples) == 0:
        shown = tuple(samples.shape) if isinstance(samples, Tensor) else type(samples).__name__
        raise ValueError(f"samples must have shape (n, d), got {shown}")
    check_finite("samples", samples, "they have a density")
    check_generator(generator)
    if batch_size is not None:
        check_count("batch_size", batch_size)

    def loss(fitted: Flow) -> Tensor:
        batch = samples
        if batch_size is not None:
            batch = samples[torch.randint(len(samples), (batch_size,), generator=generator)]
        return -fitted.log_prob(batch).mean()

    return _fit(flow, loss, steps, learning_rate)


def fit_reverse(
    flow: Flow,
    log_density: Callable[[Tensor], Tensor],
    *,
    steps: int,
    learning_rate: float,
    generator: torch.Generator,
    n: int,
) -> Fit:
    r"""Minimize the reverse divergence $D_{\mathrm{KL}}(P_{F(U)}\,\|\,P_X)$, given the density of $P_X$ up to a factor.

    The objective is the mean of $\log p_{F(U)}(x) - \log p_X(x)$ over draws $x = F(u)$ of the flow, with its gradient
    through the draws. Adam takes the steps, all with one rate. On a terminal a bar shows how far.

    Args:
        flow: Where to start; it is not changed. It needs `rsample_and_log_prob`, and no inverse.
        log_density: $\log p_X$ up to a constant, from `(n, d)` to `(n,)`, differentiable.
        steps: Number of steps.
        learning_rate: Adam's.
        generator: Source of the draws.
        n: Draws at each step.

    Returns:
        The fitted copy and the losses; without the factor of $p_X$ these are off by its logarithm and may be negative.

    Raises:
        ValueError: If a number is not positive, `generator` is no generator, `log_density` is not callable, returns
            another shape or is not finite at a draw, the flow cannot draw or has no parameters, or a loss is not
            finite.

    Examples:
        A normal law for the density that is proportional to $e^{-2 (x - 1)^2}$, with deviation 1/2:

        >>> import torch
        >>> from hw.flows import Affine, Flow, StandardNormal, fit_reverse
        >>> start = Flow(StandardNormal(1), Affine(torch.zeros(1), torch.zeros(1)))
        >>> rng = torch.Generator().manual_seed(0)
        >>> def log_density(x):
        ...     return -2 * (x[:, 0] - 1) ** 2
        >>> flow, losses = fit_reverse(start, log_density, steps=500, learning_rate=0.1, generator=rng, n=100)
        >>> round(flow.bijection.shift.item(), 2), round(flow.bijection.log_scale.exp().item(), 2)
        (1.0, 0.5)
    """
    check_count("n", n)

    def loss(fitted: Flow) -> Tensor:
        x, log_q = fitted.rsample_and_log_prob(n, generator)
        return (log_q - log_densities(log_density, x)).mean()

    return _fit(flow, loss, steps, learning_rate)


def _fit(flow: Flow, loss: Callable[[Flow], Tensor], steps: int, learning_rate: float) -> Fit:
    check_count("steps", steps)
    check_positive("learning_rate", learning_rate)
    if not isinstance(flow, Flow) or not any(parameter.requires_grad for parameter in flow.parameters()):
        raise ValueError(f"flow must be a hw.flows.Flow with parameters to fit, got {type(flow).__name__}")
    fitted, losses = deepcopy(flow), torch.empty(steps, dtype=torch.float64)
    optimizer = torch.optim.Adam(fitted.parameters(), learning_rate)
    for step in trange(steps, disable=None, leave=False):  # None: a bar on a terminal only
        value = loss(fitted)
        check_finite(f"the loss at step {step}", value.detach(), "there is a step to take; a smaller rate may do")
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        losses[step] = value.item()
    return Fit(fitted, losses)
