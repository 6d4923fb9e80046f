"""Fitting a flow by either divergence."""

from collections.abc import Callable
from copy import deepcopy
from typing import NamedTuple

import torch
from torch import Tensor
from tqdm import trange

from hw.arguments import check_count, check_finite, check_generator, check_positive
from hw.flows.estimators import check_flow, check_samples, log_densities
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
            that is not finite, the flow has no `log_prob` or no parameters, or a loss or a fitted
            parameter is not finite.

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
    check_flow(flow)
    check_samples(flow, samples, 1)
    check_generator(generator)
    if batch_size is not None:
        check_count("batch_size", batch_size)

    def loss(fitted: Flow) -> Tensor:
        batch = samples
        if batch_size is not None:
            chosen = torch.randint(len(batch), (batch_size,), generator=generator, device=generator.device)
            batch = batch[chosen.to(batch.device)]
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
            another shape, passes no gradient or is not finite at a draw, the flow cannot draw or has no parameters, or
            a draw, a loss or a fitted parameter is not finite.

    Examples:
        A normal law for the density that is proportional to $e^{-2 (x - 1)^2}$, with deviation 1/2:

        >>> import torch
        >>> from hw.flows import Affine, Flow, StandardNormal, fit_reverse
        >>> start = Flow(StandardNormal(1), Affine(torch.zeros(1), torch.zeros(1)))
        >>> rng = torch.Generator().manual_seed(0)
        >>> def log_density(x):
        ...     return -2 * (x[:, 0] - 1) ** 2
        >>> flow, losses = fit_reverse(start, log_density, steps=500, learning_rate=0.01, generator=rng, n=1000)
        >>> round(flow.bijection.shift.item(), 2), round(flow.bijection.log_scale.exp().item(), 2)
        (1.0, 0.5)
    """
    check_flow(flow)
    check_count("n", n)

    def loss(fitted: Flow) -> Tensor:
        x, log_q = fitted.rsample_and_log_prob(n, generator)
        check_finite("the flow's draws", x.detach(), "log_density can be evaluated; a smaller learning_rate may do")
        log_p = log_densities(log_density, x)
        if not log_p.requires_grad:
            raise ValueError("log_density must be differentiable so that it moves the draws, got no gradient")
        return (log_q - log_p).mean()

    return _fit(flow, loss, steps, learning_rate)


def _fit(flow: Flow, loss: Callable[[Flow], Tensor], steps: int, learning_rate: float) -> Fit:
    check_count("steps", steps)
    check_positive("learning_rate", learning_rate)
    if learning_rate > 1e30:
        raise ValueError(f"learning_rate must be at most 1e30 so that a step is a number, got {learning_rate!r}")
    fitted, losses = deepcopy(flow), torch.empty(steps, dtype=torch.float64)
    parameters = [parameter for parameter in fitted.parameters() if parameter.requires_grad]
    if not parameters:
        raise ValueError(
            "flow must have parameters that require a gradient so that there is something to fit, got none"
        )
    optimizer = torch.optim.Adam(parameters, learning_rate)
    with torch.enable_grad():
        for step in trange(steps, disable=None, leave=False):  # None: a bar on a terminal only
            value = loss(fitted)
            check_finite(f"the loss at step {step}", value.detach(), "there is a step to take; a smaller rate may do")
            optimizer.zero_grad()
            value.backward(inputs=parameters)  # and nothing else: a target may have parameters of its own
            optimizer.step()
            losses[step] = value.item()
    for parameter in parameters:
        check_finite("the fitted parameters", parameter.detach(), "the flow is a law; a smaller rate may do")
    return Fit(fitted, losses)
