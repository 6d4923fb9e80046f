r"""Bounds on the log-evidence from log-weights $\log w = \log p(x, z) - \log q(z | x)$ of draws of $q$, in nats.

Nothing here draws: the functions map an axis of $k$ log-weights to one number, and are right, with their gradients,
for log-weights of any size, infinite ones included. A weight of zero is a log-weight of $-\infty$. NaN is never
hidden: one NaN among the $k$ makes the value NaN. Tensors are strided, in float64, float32 or half precision. Half
precision is accumulated and returned in float32, since at $-500$ a float16 is a quarter of a nat from the next one. Of
`torch.func` only `grad` is supported: there is no `vmap` and no forward mode.

References:
    Kingma and Welling (2014), *Auto-Encoding Variational Bayes*, <https://arxiv.org/abs/1312.6114>. Burda, Grosse and
    Salakhutdinov (2016), *Importance Weighted Autoencoders*, <https://arxiv.org/abs/1509.00519>.
"""

import math

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx

from hw.arguments import check_axis
from hw.divergences import exp_minus_tangent

__all__ = ["elbo", "iwlb", "kl_gap"]


def elbo(log_w: Tensor, dim: int) -> Tensor:
    r"""Mean of log-weights, the Monte Carlo value of the evidence lower bound (ELBO), in nats.

    Args:
        log_w: Log-weights of the draws, shape `(..., k, ...)`.
        dim: The axis of the draws; negative counts from the last.

    Returns:
        The mean over `dim`, shape of `log_w` without that axis. It is $-\infty$ if a weight is zero, and NaN if
        $+\infty$ stands beside $-\infty$.

    Raises:
        ValueError: If `log_w` is not a floating-point tensor, `dim` is not one of its axes, or that axis is empty.

    Examples:
        >>> import torch
        >>> from hw.bounds import elbo
        >>> elbo(torch.tensor([1.0, 3.0]), 0).item()
        2.0

    References:
        Kingma and Welling (2014), section 2.2, <https://arxiv.org/abs/1312.6114>.
    """
    return _mean(_checked(log_w, dim), dim)


def iwlb(log_w: Tensor, dim: int) -> Tensor:
    r"""Log of the mean weight, the one-draw value of the importance-weighted lower bound, in nats.

    With $k$ independent draws of $q$ on `dim` the expectation of $\log \frac1k \sum_j w_j$ is $L_k$, and
    $L_1 \le L_k \le \log p(x)$. The gradient is the normalized weights $w_j / \sum_i w_i$. If every weight is zero
    the value is $-\infty$ and the gradient 0 (no draw carries weight). If one is infinite, the log-weights that are
    $+\infty$ or the largest finite number share the gradient equally.

    Args:
        log_w: Log-weights of the draws, shape `(..., k, ...)`.
        dim: The axis of the draws; negative counts from the last.

    Returns:
        The log-mean-exp over `dim`, shape of `log_w` without that axis; differentiable any number of times.

    Raises:
        ValueError: If `log_w` is not a floating-point tensor, `dim` is not one of its axes, or that axis is empty.

    Examples:
        >>> import torch
        >>> from hw.bounds import iwlb
        >>> iwlb(torch.tensor([-1e4, -1e4]), 0).item()
        -10000.0
        >>> iwlb(torch.tensor([-torch.inf, -torch.inf]), 0).item()
        -inf

    References:
        Burda et al. (2016), equation 8, <https://arxiv.org/abs/1509.00519>.
    """
    return _LogMeanExp.apply(_checked(log_w, dim), dim)


def kl_gap(log_w: Tensor, dim: int) -> Tensor:
    r"""What the importance-weighted bound gains over the ELBO on the same draws, in nats.

    It is `iwlb` minus `elbo` without the cancellation, and never negative. Its expectation $L_k - L_1$ is at most
    $\mathrm{KL}(q \,\|\, p(z | x))$ and tends to it as $k$ grows, if the ELBO is finite and $q$ has mass wherever the
    posterior has.

    Args:
        log_w: Log-weights of the draws, shape `(..., k, ...)`.
        dim: The axis of the draws; negative counts from the last.

    Returns:
        The gap, shape of `log_w` without `dim`. It is 0 if all weights are equal, also if all are zero or all
        infinite: equal weights gain nothing. Otherwise it is NaN with a NaN, and $+\infty$ if any weight is zero or
        infinite, or if the gap is larger than the largest number. The gradient of a row with an infinite weight is 0.

    Raises:
        ValueError: If `log_w` is not a floating-point tensor, `dim` is not one of its axes, or that axis is empty.

    Examples:
        >>> import torch
        >>> from hw.bounds import kl_gap
        >>> kl_gap(torch.tensor([-3.0, -3.0]), 0).item()
        0.0

    References:
        Domke and Sheldon (2018), *Importance Weighting and Variational Inference*,
        <https://arxiv.org/abs/1808.09034>.
    """
    log_w = _checked(log_w, dim)
    top = log_w.detach().amax(dim, keepdim=True)
    infinite = torch.where(log_w == top, 0.0, -math.inf).to(log_w)  # stands in for rows with no finite maximum
    usual = ~top.isinf()
    # Half the distance to the maximum: the distance itself can overflow.
    half = torch.where(usual, log_w / 2 - torch.where(usual, top, 0.0) / 2, infinite)
    mean = _mean(half, dim).unsqueeze(dim) * 2
    near = mean >= -30
    # For the far rows the two bounds lie so far apart that their difference cancels nothing; the near rows add
    # exp(a) - 1 - a >= 0 of the centered log-weights a, which keeps the digits of log-weights that hardly differ.
    centered = torch.where(near, 2 * half - mean, 0.0)
    gap = torch.where(near, _mean(exp_minus_tangent(centered), dim).unsqueeze(dim).log1p(), 0.0)
    far = torch.where(near, 0.0, _LogMeanExp.apply(2 * half, dim).unsqueeze(dim) - mean)
    return (gap + far).squeeze(dim)


def at_least_float32(log_w: Tensor) -> Tensor:
    """Log-weights in float32 if they are in half precision, else as they are."""
    return log_w.to(torch.promote_types(log_w.dtype, torch.float32))


def relative_weights(log_w: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    r"""Weights over the largest of them, without a gradient.

    Args:
        log_w: Log-weights, shape `(..., k, ...)`, in float32 or float64.
        dim: The axis of the draws.

    Returns:
        The relative weights, shape of `log_w`: 1 for infinite weights, and the number that `normalize` takes for 0
        instead of anything smaller. And the largest log-weight, the same shape with 1 for `k`.
    """
    limits = torch.finfo(log_w.dtype)
    top = log_w.amax(dim, keepdim=True)
    # An infinite maximum is replaced by the largest number, so that no infinity is taken from itself; the upper
    # clamp then turns the infinite weights into 1. Arguments below the lower one, -86.6 in float32, are raised to it
    # because exp is some 60 times slower where it underflows: a sum of 1 and k terms of exp(-86.6) is 1.
    return (log_w - top.clamp(limits.min, limits.max)).clamp_(math.log(2 * limits.tiny), 0).exp_(), top


def normalize(terms: Tensor, dim: int) -> Tensor:
    """Relative weights over their sum, in place; entries that `relative_weights` has raised are 0 exactly."""
    terms = torch.threshold_(terms, 3 * torch.finfo(terms.dtype).tiny, 0)
    # The largest term is 1 unless every weight is zero: the bound avoids 0 / 0 there and is idle elsewhere.
    return terms.div_(terms.sum(dim, keepdim=True).clamp_(min=1))


class _LogMeanExp(torch.autograd.Function):
    @staticmethod
    def forward(log_w: Tensor, dim: int) -> Tensor:
        terms, top = relative_weights(log_w, dim)
        return terms.mean(dim).log_().add_(top.squeeze(dim))

    @staticmethod
    def setup_context(ctx: FunctionCtx, inputs: tuple[Tensor, int], output: Tensor) -> None:
        ctx.save_for_backward(inputs[0])
        ctx.dim = inputs[1]

    @staticmethod
    def backward(ctx: FunctionCtx, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient.unsqueeze(ctx.dim) * _Shares.apply(*ctx.saved_tensors, ctx.dim), None


class _Shares(torch.autograd.Function):
    """Normalized weights, the gradient of the log-mean-exp; its own gradient again uses itself."""

    @staticmethod
    def forward(log_w: Tensor, dim: int) -> Tensor:
        return normalize(relative_weights(log_w, dim)[0], dim)

    @staticmethod
    def setup_context(ctx: FunctionCtx, inputs: tuple[Tensor, int], output: Tensor) -> None:
        ctx.save_for_backward(inputs[0])
        ctx.dim = inputs[1]

    @staticmethod
    def backward(ctx: FunctionCtx, gradient: Tensor) -> tuple[Tensor, None]:
        shares = _Shares.apply(*ctx.saved_tensors, ctx.dim)
        return shares * (gradient - (shares * gradient).sum(ctx.dim, keepdim=True)), None


def _mean(values: Tensor, dim: int) -> Tensor:
    mean = values.mean(dim)
    finite = mean.isfinite()
    if finite.all():
        return mean
    # The sum of numbers near the largest one overflows, the sum of half their shares does not. It may round to more
    # than half the largest: it is moved between the ends of the row; where it is infinite the move is NaN and left out.
    half = (values / 2 / values.shape[dim]).sum(dim)
    low, high = values.detach().aminmax(dim=dim)
    inward = (half.clamp(low / 2, high / 2) - half).detach().nan_to_num(0.0)
    return torch.where(finite, mean, 2 * (half + inward))


def _checked(log_w: Tensor, dim: int) -> Tensor:
    check_axis("log_w", log_w, dim)
    if log_w.shape[dim] == 0:
        raise ValueError(f"log_w must have at least one draw on axis {dim}, got shape {tuple(log_w.shape)}")
    return at_least_float32(log_w)
