r"""Kullback–Leibler and Jensen–Shannon divergences of categorical and of diagonal normal laws, in nats.

Laws lie along the last axis, leading axes are a batch, and nothing is broadcast. Both divergences are sums or integrals
of terms that are nonnegative one by one, $p \log\tfrac pq - p + q$ for Kullback–Leibler, so two laws that differ by one
part in $10^{10}$ get the digits of a divergence of $10^{-20}$. Half precision is computed and returned in float32. An
infinite divergence has no meaningful gradient.

References:
    Kullback and Leibler (1951), *On Information and Sufficiency*, <https://doi.org/10.1214/aoms/1177729694>.
    Lin (1991), *Divergence Measures Based on the Shannon Entropy*, <https://doi.org/10.1109/18.61115>.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from hw.arguments import check_alike, check_law

__all__ = ["js_categorical", "js_normal", "kl_categorical", "kl_diag_normal", "kl_normal"]


def kl_categorical(p: Tensor, q: Tensor) -> Tensor:
    r"""KL divergence $D_{\mathrm{KL}}(p\,\|\,q) = \sum_i p_i \log\tfrac{p_i}{q_i}$ of categorical laws, in nats.

    An outcome with $p_i = 0$ adds 0, one with $q_i = 0 < p_i$ adds $+\infty$.

    Gradients are $\log\tfrac{p_i}{q_i}$ and $1 - \tfrac{p_i}{q_i}$. Another convention adds a constant to each; no step
    that keeps the sums at one sees it, and with this one both vanish at $p = q$. Where $p_i = 0$ the first is given as
    0, so that gradients in the logits of a softmax are right.

    Args:
        p: Probabilities, shape `(..., n)`. They are not normalized here; a sum that is off by $\epsilon$ moves the
            value by about $\epsilon$ times itself, and $\epsilon^2$.
        q: Probabilities, same shape and type as `p`.

    Returns:
        One value per leading index, shape `(...)`; never negative, possibly infinite.

    Raises:
        ValueError: If shapes or types differ, there is no last axis, or `p` or `q` has a negative entry, a NaN, or a
            row whose sum is off one by more than $10^{-5}$, in half precision eight machine epsilons.

    Examples:
        >>> import torch
        >>> from hw.divergences import kl_categorical
        >>> fair, heads = torch.tensor([[0.5, 0.5], [1.0, 0.0]])
        >>> kl_categorical(heads, fair).item() / torch.tensor(2.0).log().item()
        1.0
        >>> kl_categorical(fair, heads).item()
        inf

    References:
        Kullback and Leibler (1951), *On Information and Sufficiency*, <https://doi.org/10.1214/aoms/1177729694>.
    """
    p, q = _laws(p=p, q=q)
    both = (p > 0) & (q > 0)
    terms = _kl_terms(torch.where(both, p, 1), torch.where(both, q, 1))
    return torch.where(both, terms, torch.where(p > 0, math.inf, q)).sum(-1)


def js_categorical(p: Tensor, q: Tensor) -> Tensor:
    r"""Jensen–Shannon divergence of categorical laws, in nats.

    It is the mean of $D_{\mathrm{KL}}(p\,\|\,m)$ and $D_{\mathrm{KL}}(q\,\|\,m)$ with $m = \tfrac{p + q}2$, symmetric
    to the last bit, in $[0, \log 2]$, and $\log 2$ exactly for laws that share no outcome. This is the divergence
    itself, not its square root, which is a distance.

    Gradients are $\tfrac12 \log\tfrac{2 p_i}{p_i + q_i}$ and the same with $p$ and $q$ exchanged; given as 0 where the
    law's own probability is 0, so that gradients in the logits of a softmax are right everywhere.

    Args:
        p: Probabilities, shape `(..., n)`.
        q: Probabilities, same shape and type as `p`.

    Returns:
        One value per leading index, shape `(...)`.

    Raises:
        ValueError: As for `kl_categorical`.

    Examples:
        >>> import torch
        >>> from hw.divergences import js_categorical
        >>> heads, tails = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
        >>> (js_categorical(heads, tails) == torch.tensor(2.0).log()).item()
        True
        >>> js_categorical(heads, heads).item()
        0.0

    References:
        Lin (1991), *Divergence Measures Based on the Shannon Entropy*, <https://doi.org/10.1109/18.61115>.
    """
    p, q = _laws(p=p, q=q)
    both = (p > 0) & (q > 0)
    log_ratio = _log_ratio(torch.where(both, p, 1), torch.where(both, q, 1))
    share = torch.where(both, _js_share(log_ratio), 1)
    # Without the where a zero would get half a log 2 of gradient: the other law's.
    mixture = (torch.where(p > 0, p, 0) + torch.where(q > 0, q, 0)) / 2
    # Where every share is one, the same sum divides itself: log 2 to the last bit, and nothing above it.
    return math.log(2) * ((mixture * share).sum(-1) / mixture.detach().sum(-1))


def kl_diag_normal(mean: Tensor, log_var: Tensor) -> Tensor:
    r"""KL divergence from a diagonal normal to the standard normal, in nats.

    With $q = N(\mu, \operatorname{diag} \sigma^2)$ and $p = N(0, I)$ it is
    $D_{\mathrm{KL}}(q\,\|\,p) = \tfrac12 \sum_{i=1}^{d} (\mu_i^2 + \sigma_i^2 - 1 - \log\sigma_i^2)$.

    Args:
        mean: $\mu$, shape `(..., d)`.
        log_var: $\log \sigma^2$, same shape as `mean`; $-\infty$ is a point mass, infinitely far away.

    Returns:
        One value per leading index, shape `(...)`; never negative. A NaN stays visible.

    Raises:
        ValueError: If the two shapes or types differ, or there is no last axis; nothing is broadcast.

    Examples:
        Moving a unit normal by one standard deviation costs half a nat:

        >>> import torch
        >>> from hw.divergences import kl_diag_normal
        >>> kl_diag_normal(torch.ones(1), torch.zeros(1)).item()
        0.5

    References:
        Kingma and Welling (2014), Appendix B, <https://arxiv.org/abs/1312.6114>.
    """
    mean, log_var = _alike(mean=mean, log_var=log_var)
    return (mean.square() + exp_minus_tangent(log_var)).sum(-1) / 2


def kl_normal(mean_0: Tensor, log_var_0: Tensor, mean_1: Tensor, log_var_1: Tensor) -> Tensor:
    r"""KL divergence $D_{\mathrm{KL}}(p_0\,\|\,p_1)$ of two diagonal normals $p_j = N(\mu_j, \sigma_j^2)$, in nats.

    It is half the sum over coordinates of
    $\tfrac{(\mu_0 - \mu_1)^2}{\sigma_1^2} + \tfrac{\sigma_0^2}{\sigma_1^2} - 1 - \log\tfrac{\sigma_0^2}{\sigma_1^2}$.

    A log-variance of $-\infty$ is a point mass. Two point masses at one place add 0; a point mass and anything else are
    infinitely far apart, in either order.

    Args:
        mean_0: $\mu_0$, shape `(..., d)`.
        log_var_0: $\log \sigma_0^2$, same shape and type.
        mean_1: $\mu_1$, same shape and type.
        log_var_1: $\log \sigma_1^2$, same shape and type.

    Returns:
        One value per leading index, shape `(...)`; never negative, possibly infinite. A NaN stays visible.

    Raises:
        ValueError: If shapes or types differ, or there is no last axis.

    Examples:
        >>> import torch
        >>> from hw.divergences import kl_normal
        >>> zero = torch.zeros(1)
        >>> kl_normal(zero + 3, zero, zero, zero).item()
        4.5
        >>> kl_normal(zero, zero - torch.inf, zero, zero).item()
        inf

    References:
        Kullback and Leibler (1951), *On Information and Sufficiency*, <https://doi.org/10.1214/aoms/1177729694>.
    """
    mean_0, log_var_0, mean_1, log_var_1 = _alike(
        mean_0=mean_0, log_var_0=log_var_0, mean_1=mean_1, log_var_1=log_var_1
    )
    point_masses = log_var_0.isneginf() & log_var_1.isneginf()
    log_ratio = torch.where(point_masses, 0, log_var_0 - log_var_1)  # -inf + inf is NaN
    shift = _in_units_of(log_var_1, mean_0 - mean_1)
    return (shift.square() + exp_minus_tangent(log_ratio)).sum(-1) / 2


def js_normal(mean_0: Tensor, log_var_0: Tensor, mean_1: Tensor, log_var_1: Tensor) -> Tensor:
    r"""Jensen–Shannon divergence of two normals that differ along one line, in nats, by quadrature.

    No closed form is known: the mixture inside the logarithm is not normal. In one dimension the trapezoidal rule gives
    the divergence to $10^{-13}$, and small ones to ten digits. More dimensions reduce to one exactly in two cases: if
    the laws differ in one coordinate, the others drop out; if all variances are equal, only the Mahalanobis distance of
    the means counts. Other pairs are refused.

    The divergence lies in $[0, \log 2]$. A log-variance of $-\infty$ is a point mass: two at one place add 0; a point
    mass and anything else are at $\log 2$.

    Args:
        mean_0: Mean of the first law, shape `(..., d)`.
        log_var_0: Logarithm of its variances, same shape and type.
        mean_1: Mean of the second law, same shape and type.
        log_var_1: Logarithm of its variances, same shape and type.

    Returns:
        One value per leading index, shape `(...)`, computed in float64. First derivatives are right; second derivatives
        are for `d = 1` only, since a step can leave the pairs that reduce. A NaN stays visible.

    Raises:
        ValueError: If shapes or types differ, there is no last axis, or two laws of unequal variances differ in more
            than one coordinate.

    Examples:
        A distance of 5 along any line:

        >>> import torch
        >>> from hw.divergences import js_normal
        >>> zero, point = torch.zeros(2), torch.tensor([3.0, 4.0])
        >>> plane = js_normal(zero, zero, point, zero)
        >>> (plane == js_normal(zero[:1], zero[:1], zero[:1] + 5, zero[:1])).item()
        True

    References:
        Nielsen (2019), *On the Jensen–Shannon Symmetrization of Distances Relying on Abstract Means*,
        <https://doi.org/10.3390/e21050485>, on the missing closed form. Trefethen and Weideman (2014), *The
        Exponentially Convergent Trapezoidal Rule*, <https://doi.org/10.1137/130932132>.
    """
    laws = _alike(mean_0=mean_0, log_var_0=log_var_0, mean_1=mean_1, log_var_1=log_var_1)
    line = _to_one_dimension(*(parameter.double() for parameter in laws))
    return _js_on_the_line(*line).to(laws[0].dtype)


def _laws(**laws: Tensor) -> list[Tensor]:
    rows = _alike(**laws)
    for (name, law), row in zip(laws.items(), rows, strict=True):
        if row.isnan().any():
            raise ValueError(f"{name} must be free of NaN, got {int(row.isnan().sum())} of them")
        check_law(name, law)
    return rows


def _alike(**tensors: Tensor) -> list[Tensor]:
    for name, tensor in tensors.items():
        is_floating = isinstance(tensor, Tensor) and tensor.is_floating_point()
        if not is_floating or tensor.layout != torch.strided:
            raise ValueError(f"{name} must be a tensor of floating-point numbers, got {tensor!r}")
        if tensor.dim() == 0:
            raise ValueError(f"{name} must have a last axis, along which a law lies, got shape ()")
    check_alike(**tensors)
    return [tensor.float() if tensor.dtype.itemsize < 4 else tensor for tensor in tensors.values()]


def _log_ratio(p: Tensor, q: Tensor) -> Tensor:
    """The logarithm of p/q for positive laws."""
    total = p + q
    # Near p = q the difference of logarithms cancels. For subnormal sums the quotient's gradient would overflow.
    near = ((p - q).abs() < total / 4) & (total > torch.finfo(p.dtype).tiny)
    quotient = torch.where(near, p - q, 0) / torch.where(near, total, 1)
    return torch.where(near, 2 * quotient.atanh(), p.log() - q.log())


def _kl_terms(p: Tensor, q: Tensor) -> Tensor:
    """The terms p log(p/q) - p + q of two positive laws."""
    log_ratio = _log_ratio(q, p)
    far = (q - p - p * log_ratio).clamp(min=0)  # of subnormal laws the rounding can be negative
    return torch.where(log_ratio.abs() < 0.25, p * _exp_minus_tangent_near_zero(log_ratio), far)


def exp_minus_tangent(x: Tensor) -> Tensor:
    """The function exp x - 1 - x, never negative: how far exp lies above its tangent at 0."""
    far = torch.where(x == math.inf, 1e4, x)  # inf - inf is NaN, and exp 1e4 is inf already
    return torch.where(x.abs() < 0.25, _exp_minus_tangent_near_zero(x), far.expm1() - far)


def _exp_minus_tangent_near_zero(x: Tensor) -> Tensor:
    # The closed form cancels to the second order; the series has no cancellation and is exact to rounding up to 1/4.
    # Beyond, where it is not used, the clamp keeps it finite: 0 · inf would make the gradient NaN.
    x = x.clamp(-0.25, 0.25)
    total = torch.zeros_like(x)
    for k in range(13, 1, -1):
        total = total * x + 1 / math.factorial(k)
    return x.square() * total


def _js_share(log_ratio: Tensor) -> Tensor:
    """One minus the entropy, in bits, of a coin with these log-odds: a term's part of its largest value."""
    x = log_ratio.clamp(-1, 1)
    half = (x / 2).tanh()
    near = x * half + torch.log1p(-half.square())  # of second order; the other form is log 2 - log 2 near zero
    x = log_ratio.abs()
    far = 2 * (math.log(2) + F.logsigmoid(x) - x * torch.sigmoid(-x))  # the first form is x - x far out
    return torch.where(x < 1, near, far) / (2 * math.log(2))


def _in_units_of(log_var: Tensor, difference: Tensor) -> Tensor:
    """A difference in standard deviations."""
    # Two factors, both finite: zero in units of a point mass stays zero, and the least number becomes huge.
    root = (-log_var / 4).clamp(max=math.log(torch.finfo(log_var.dtype).max) - 1).exp()
    return difference * root * root


def _to_one_dimension(mean_0: Tensor, log_var_0: Tensor, mean_1: Tensor, log_var_1: Tensor) -> tuple[Tensor, ...]:
    """Shift of the mean and the two log-variances of one-dimensional normals that are equally far apart."""
    shift = mean_1 - mean_0
    if shift.shape[-1] == 1:
        return shift[..., 0], log_var_0[..., 0], log_var_1[..., 0]
    differs = (shift != 0) | (log_var_0 != log_var_1)
    several = differs.sum(-1, keepdim=True) > 1
    unequal = (log_var_0 < log_var_1) | (log_var_0 > log_var_1)  # NaN is not refused
    if (several & unequal).any():
        raise ValueError(
            "log_var_0 must equal log_var_1 where the laws differ in several coordinates so that the integral, which "
            "has no known closed form, reduces to one dimension, "
            f"got a difference of {(log_var_0 - log_var_1)[several & unequal][0].item():g}"
        )
    # The mean of two equal log-variances shares the gradient evenly, as the divergence does, which is symmetric.
    distances = _in_units_of((log_var_0 + log_var_1) / 2, shift).clamp(-1e100, 1e100)  # squares stay finite
    distance = torch.linalg.vector_norm(torch.where(several, distances, 0), dim=-1)
    shift, log_var_0, log_var_1 = (
        torch.where(differs & ~several, value, 0).sum(-1) for value in (shift, log_var_0, log_var_1)
    )
    return shift + distance, log_var_0, log_var_1


def _js_on_the_line(shift: Tensor, log_var_0: Tensor, log_var_1: Tensor) -> Tensor:
    """The divergence as a mean over the narrower law p, moved to N(0, 1), by the trapezoidal rule."""
    swap = log_var_0 > log_var_1
    narrow, wide = torch.where(swap, log_var_1, log_var_0), torch.where(swap, log_var_0, log_var_1)
    point_masses = narrow.isneginf() & wide.isneginf()
    gap = torch.where(point_masses, 0, wide - narrow).clamp(max=1e4)[..., None]  # -inf + inf is NaN
    shift = _in_units_of(wide, shift).clamp(-100, 100)[..., None]  # beyond, log 2 to the last bit
    x = torch.linspace(-9, 9, 181, dtype=shift.dtype, device=shift.device)
    weight = torch.exp(-x.square() / 2) * (0.1 / math.sqrt(2 * math.pi))
    # expm1: for nearly equal variances the two squares cancel
    log_ratio = shift * (x * (-gap / 2).exp() - shift / 2) - (gap + x.square() * (-gap).expm1()) / 2
    ratio = log_ratio.exp()  # at most exp(x²/2): q is nowhere higher than p's peak
    near = math.log(2) / 2 * (weight * (1 + ratio) * _js_share(log_ratio)).sum(-1)
    # For laws far apart what is missing to log 2, as it is nowhere above (1 + |log q/p|) min(p, q): the nodes reach all
    # of it, and not q's tail. logsigmoid, since softplus is off by 2e-9 at its threshold.
    excess = F.logsigmoid(-log_ratio) + ratio * F.logsigmoid(log_ratio)
    far = math.log(2) + (weight * excess).sum(-1) / 2
    return torch.where(far < 1e-3, near, far)
