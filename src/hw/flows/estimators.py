"""Monte-Carlo estimates of the two divergences between a flow and a target, with their standard errors."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from hw.arguments import check_callable, check_count, check_event, check_finite, check_floating
from hw.flows.flow import Flow

__all__ = ["Estimate", "check_flow", "check_samples", "forward_kl", "log_densities", "reverse_kl"]


class Estimate(NamedTuple):
    """A mean of independent draws.

    Attributes:
        value: The mean, in nats, shape `()`; differentiable.
        standard_error: The standard deviation of the draws over the root of their number, without a gradient.
    """

    value: Tensor
    standard_error: Tensor


def forward_kl(flow: Flow, log_density: Callable[[Tensor], Tensor], samples: Tensor) -> Estimate:
    r"""Estimate $D_{\mathrm{KL}}(P_X\,\|\,P_{F(U)})$, in nats, from samples of $P_X$ and its density.

    It is the mean of $\log p_X(x) - \log p_{F(U)}(x)$ over the samples. Without $p_X$ the mean of `flow.log_prob` is
    all there is to maximize, and all that is needed: $p_X$ adds a constant.

    Args:
        flow: A flow that has `log_prob`.
        log_density: $\log p_X$, from `(n, d)` to `(n,)`; if $p_X$ is not normalized, the estimate is off by the
            logarithm of its integral.
        samples: Independent draws of $P_X$, shape `(n, d)`, at least 2.

    Raises:
        ValueError: If there are fewer than two samples, one is not finite, `log_density` is not callable, returns
            another shape or is not finite at a sample, or the flow has no `log_prob`, or none that is finite at a
            sample.

    Examples:
        A law and its copy moved by one, at two points that the law could have drawn:

        >>> import torch
        >>> from hw.flows import Affine, Flow, StandardNormal, forward_kl
        >>> normal = StandardNormal(1)
        >>> moved = Flow(normal, Affine(torch.ones(1), torch.zeros(1)))
        >>> estimate = forward_kl(moved, normal.log_prob, torch.tensor([[-1.0], [1.0]]))
        >>> [round(each.item(), 5) for each in estimate]
        [0.5, 1.0]

    References:
        Papamakarios et al. (2021), *Normalizing Flows for Probabilistic Modeling and Inference*, section 2.3,
        <https://arxiv.org/abs/1912.02762>.
    """
    check_flow(flow)
    check_samples(flow, samples, 2)
    log_p = log_densities(log_density, samples)
    log_q = flow.log_prob(samples)
    check_finite("the flow's log_prob", log_q, "the divergence has an estimate")
    return _estimate(log_p - log_q)


def reverse_kl(flow: Flow, log_density: Callable[[Tensor], Tensor], n: int, generator: torch.Generator) -> Estimate:
    r"""Estimate $D_{\mathrm{KL}}(P_{F(U)}\,\|\,P_X)$, in nats, from the density of $P_X$ alone.

    It is the mean of $\log p_{F(U)}(x) - \log p_X(x)$ over $n$ draws of the flow. No sample of $P_X$ and no inverse of
    $F$ is needed. The gradient goes through the draws, so `log_density` must be differentiable.

    Args:
        flow: A flow that has `rsample_and_log_prob`.
        log_density: $\log p_X$, from `(n, d)` to `(n,)`; if $p_X$ is not normalized, the estimate is off by the
            logarithm of its integral, and may be negative.
        n: Number of draws, at least 2.
        generator: Source of the draws.

    Raises:
        ValueError: If `n` is below 2, `generator` is no generator, `log_density` is not callable, returns another shape
            or is not finite at a draw, or the flow cannot draw or has no finite log-density there.

    Examples:
        A law and itself, where each draw says exactly zero:

        >>> import torch
        >>> from hw.flows import Affine, Flow, StandardNormal, reverse_kl
        >>> normal = StandardNormal(2)
        >>> same = Flow(normal, Affine(torch.zeros(2), torch.zeros(2)))
        >>> [each.item() for each in reverse_kl(same, normal.log_prob, 10, torch.Generator().manual_seed(0))]
        [0.0, 0.0]

    References:
        Papamakarios et al. (2021), section 2.3, <https://arxiv.org/abs/1912.02762>.
    """
    check_count("n", n)
    if n < 2:
        raise ValueError(f"n must be at least 2 so that there is a standard error, got {n}")
    check_flow(flow)
    x, log_q = flow.rsample_and_log_prob(n, generator)
    check_finite("the flow's log_prob", log_q, "the divergence has an estimate")
    return _estimate(log_q - log_densities(log_density, x))


def check_flow(flow: Flow) -> None:
    """Refuse what is no flow.

    Examples:
        >>> from hw.flows.estimators import check_flow
        >>> try:
        ...     check_flow(None)
        ... except ValueError as error:
        ...     print(error)
        flow must be a hw.flows.Flow, got NoneType
    """
    if not isinstance(flow, Flow):
        raise ValueError(f"flow must be a hw.flows.Flow, got {type(flow).__name__}")


def check_samples(flow: Flow, samples: Tensor, least: int) -> None:
    """Refuse samples that are too few, not finite, or of another dimension or type than the flow.

    Examples:
        >>> import torch
        >>> from hw.flows import Flow, Permute, StandardNormal
        >>> from hw.flows.estimators import check_samples
        >>> try:
        ...     check_samples(Flow(StandardNormal(2), Permute([1, 0])), torch.zeros(1, 2), 2)
        ... except ValueError as error:
        ...     print(error)
        samples must have shape (n, d) with n at least 2, got (1, 2)
    """
    if not isinstance(samples, Tensor) or samples.dim() != 2 or len(samples) < least:
        shown = tuple(samples.shape) if isinstance(samples, Tensor) else type(samples).__name__
        raise ValueError(f"samples must have shape (n, d) with n at least {least}, got {shown}")
    check_event("samples", samples, flow.features, flow.bijection.dtype)
    check_finite("samples", samples, "they have a density")


def log_densities(log_density: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Evaluate a target at points of shape `(n, d)`, refusing what is no finite number for each.

    Examples:
        >>> import torch
        >>> from hw.flows.estimators import log_densities
        >>> try:
        ...     log_densities(lambda x: x.sum(-1).log(), torch.zeros(3, 2))
        ... except ValueError as error:
        ...     print(error)
        log_density must be finite so that the divergence has an estimate, got -inf at 3 of 3 entries
    """
    check_callable("log_density", log_density)
    values = log_density(x)
    if not isinstance(values, Tensor) or values.shape != x.shape[:-1]:
        shown = tuple(values.shape) if isinstance(values, Tensor) else type(values).__name__
        raise ValueError(f"log_density must return one value for each point, shape {tuple(x.shape[:-1])}, got {shown}")
    check_floating("log_density must return", values)
    check_finite("log_density", values, "the divergence has an estimate")
    return values


def _estimate(terms: Tensor) -> Estimate:
    return Estimate(terms.mean(), terms.detach().std() / len(terms) ** 0.5)
