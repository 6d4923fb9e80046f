r"""Three estimators of the gradient of the importance-weighted bound $L_k$, for reparameterized draws.

Each function returns one-draw values of $L_k$, in nats, whose backward pass leaves the estimator in the parameters:
`-dreg_surrogate(...).mean()` is a loss. With $\tilde w_i = w_i / \sum_j w_j$ and $z_i = z(\epsilon_i, \phi)$, the
gradient in the parameters $\phi$ of $q$ is a sum over the draws of

- IWAE: $\tilde w_i$ times the whole derivative of $\log w_i$, by the path through $z_i$ and by the parameters of the
  density $q$ (the score);
- STL, "sticking the landing": $\tilde w_i$ times the derivative by the path alone;
- DReG, doubly reparameterized: $\tilde w_i^2$ times the derivative by the path alone.

IWAE and DReG are unbiased for the gradient of $L_k$ where differentiation and expectation may be exchanged: the
supports of $q$ and the zeros of $p(x, z)$ do not move with the parameters, and the log densities are smooth. STL drops
$\sum_i \tilde w_i \nabla_\phi \log q(z_i)$, which has mean zero for $k = 1$, where it equals DReG, and in general not
for $k > 1$: then it is biased. Where $q$ is the posterior, STL and DReG are zero at every draw, IWAE is not. Model
parameters, to which `log_joint` refers, get $\sum_i \tilde w_i \nabla \log p(x, z_i)$ from all three.

References:
    Burda, Grosse and Salakhutdinov (2016), *Importance Weighted Autoencoders*, section 3,
    <https://arxiv.org/abs/1509.00519>. Roeder, Wu and Duvenaud (2017), *Sticking the Landing*,
    <https://arxiv.org/abs/1703.09194>. Tucker, Lawson, Gu and Maddison (2019), *Doubly Reparameterized Gradient
    Estimators for Monte Carlo Objectives*, <https://arxiv.org/abs/1810.04152>.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from hw.arguments import check_axis, check_callable, check_floating
from hw.bounds.weights import at_least_float32, iwlb

__all__ = ["dreg_surrogate", "iwae_surrogate", "signal_to_noise", "stl_surrogate"]


def iwae_surrogate(
    log_joint: Callable[[Tensor], Tensor],
    log_q: Callable[..., Tensor],
    z: Tensor,
    parameters: Sequence[Tensor],
    dim: int,
) -> Tensor:
    r"""One-draw values of $L_k$, in nats, with the gradient of the importance-weighted autoencoder.

    Args:
        log_joint: $z \mapsto \log p(x, z)$, shape `(...)`: leading axes of `z`.
        log_q: $(z, \phi_1, \phi_2, \dots) \mapsto \log q(z \mid x)$, same shape. It must reach the parameters through
            its arguments only: what else it refers to is not detached.
        z: Draws that follow from `parameters` by reparameterization, shape `(..., *event)`; `event` may be empty.
        parameters: $\phi$, the tensors that `log_q` takes after `z`; a network's outputs as well as leaves.
        dim: Axis of the log densities that holds the `k` draws.

    Returns:
        Shape `(...)` without axis `dim`. For the value alone, without a gradient, use `iwlb`.

    Raises:
        ValueError: If `log_joint` or `log_q` is not callable; if `parameters` is not a sequence of tensors; if `z` is
            no floating-point tensor or not the result of a differentiable operation; if the log densities are no
            floating-point tensors, differ in shape or do not have leading axes of `z`; if `dim` is no axis.

    Examples:
        Two draws from $N(\mu, 1)$ with the prior $N(0, 1)$ and no data: the score is noise even at the optimum.

        >>> import torch
        >>> from hw.bounds import dreg_surrogate, iwae_surrogate
        >>> def log_joint(z):
        ...     return -(z**2) / 2
        >>> def log_q(z, mean):
        ...     return -((z - mean) ** 2) / 2
        >>> for surrogate in (iwae_surrogate, dreg_surrogate):
        ...     mean = torch.zeros((), requires_grad=True)
        ...     z = mean + torch.tensor([1.0, 3.0])
        ...     surrogate(log_joint, log_q, z, [mean], 0).backward()
        ...     mean.grad.item()
        -2.0
        0.0

    References:
        Burda et al. (2016), section 3, <https://arxiv.org/abs/1509.00519>.
    """
    _check(log_joint, log_q, z, parameters)
    return iwlb(_log_w(log_joint, log_q, z, parameters), dim)


def stl_surrogate(
    log_joint: Callable[[Tensor], Tensor],
    log_q: Callable[..., Tensor],
    z: Tensor,
    parameters: Sequence[Tensor],
    dim: int,
) -> Tensor:
    r"""One-draw values of $L_k$, in nats, with the path gradient of "sticking the landing": biased unless $k = 1$.

    Args:
        log_joint: As for `iwae_surrogate`.
        log_q: As for `iwae_surrogate`.
        z: As for `iwae_surrogate`.
        parameters: As for `iwae_surrogate`.
        dim: As for `iwae_surrogate`.

    Returns:
        Shape `(...)` without axis `dim`; the same values as `iwae_surrogate`.

    Raises:
        ValueError: As for `iwae_surrogate`.

    References:
        Roeder et al. (2017), <https://arxiv.org/abs/1703.09194>. For the bias: Tucker et al. (2019),
        <https://arxiv.org/abs/1810.04152>.
    """
    _check(log_joint, log_q, z, parameters)
    return iwlb(_log_w(log_joint, log_q, z, [parameter.detach() for parameter in parameters]), dim)


def dreg_surrogate(
    log_joint: Callable[[Tensor], Tensor],
    log_q: Callable[..., Tensor],
    z: Tensor,
    parameters: Sequence[Tensor],
    dim: int,
) -> Tensor:
    r"""One-draw values of $L_k$, in nats, with the doubly reparameterized gradient, which is unbiased.

    One backward pass serves both kinds of parameters: the gradient that arrives at `z` is multiplied by $\tilde w$, the
    one in the model's parameters is not. Only first derivatives of the value mean something.

    Args:
        log_joint: As for `iwae_surrogate`.
        log_q: As for `iwae_surrogate`.
        z: As for `iwae_surrogate`.
        parameters: As for `iwae_surrogate`.
        dim: As for `iwae_surrogate`.

    Returns:
        Shape `(...)` without axis `dim`; the same values as `iwae_surrogate`.

    Raises:
        ValueError: As for `iwae_surrogate`.

    References:
        Tucker et al. (2019), <https://arxiv.org/abs/1810.04152>.
    """
    _check(log_joint, log_q, z, parameters)
    path = z.view_as(z)  # a node of its own: other uses of z keep their gradient
    log_w = _log_w(log_joint, log_q, path, [parameter.detach() for parameter in parameters])
    value = iwlb(log_w, dim)
    if value.requires_grad:
        weights = _normalized_weights(log_w, dim)
        weights = weights.reshape(weights.shape + (1,) * (z.dim() - weights.dim()))
        path.register_hook(lambda gradient: (gradient * weights).to(gradient.dtype))  # z may be of fewer bits
    return value


def signal_to_noise(gradients: Tensor, dim: int) -> Tensor:
    r"""Signal-to-noise ratio $\lvert \text{mean} \rvert / \text{standard deviation}$ of an estimator, a pure number.

    Args:
        gradients: Independent estimates, along axis `dim`.
        dim: Axis of the estimates.

    Returns:
        Shape of `gradients` without axis `dim`; infinite where all estimates are the same number, NaN where that is
        zero. The standard deviation is the unbiased estimate's root. Half precision is accumulated in float32.

    Raises:
        ValueError: If `gradients` is not a floating-point tensor, `dim` is not one of its axes, or it holds fewer than
            two estimates.

    Examples:
        >>> import torch
        >>> from hw.bounds import signal_to_noise
        >>> signal_to_noise(torch.tensor([2.0, 4.0, 6.0]), 0).item()
        2.0

    References:
        Rainforth et al. (2018), *Tighter Variational Bounds are Not Necessarily Better*, section 3,
        <https://arxiv.org/abs/1802.04537>.
    """
    check_axis("gradients", gradients, dim)
    if gradients.shape[dim] < 2:
        raise ValueError(f"gradients must hold two estimates or more along dim, got {gradients.shape[dim]}")
    gradients = at_least_float32(gradients)
    if gradients.numel() == 0:
        return gradients.sum(dim)  # torch warns of the deviation of nothing
    # Less the first and over their range: equal estimates have no deviation but 0, and the squares keep in range.
    differences = gradients - gradients.narrow(dim, 0, 1)
    scale = differences.detach().abs().amax(dim, keepdim=True)
    scale = torch.where(scale == 0, 1, scale)
    return gradients.mean(dim).abs() / scale.squeeze(dim) / (differences / scale).std(dim)


def _log_w(
    log_joint: Callable[[Tensor], Tensor], log_q: Callable[..., Tensor], z: Tensor, parameters: Sequence[Tensor]
) -> Tensor:
    log_p, log_density = log_joint(z), log_q(z, *parameters)
    for name, value in (("log_joint", log_p), ("log_q", log_density)):
        check_floating(f"{name} must return", value)
        if value.dim() == 0 or value.shape != z.shape[: value.dim()]:
            raise ValueError(
                f"{name} must return one value for each draw, the leading axes of z, shape {tuple(z.shape)}, "
                f"got shape {tuple(value.shape)}"
            )
    if log_p.shape != log_density.shape:
        raise ValueError(
            f"log_q must return the shape of log_joint, {tuple(log_p.shape)}, got shape {tuple(log_density.shape)}"
        )
    return log_p - log_density


def _normalized_weights(log_w: Tensor, dim: int) -> Tensor:
    """The gradient of `iwlb`, so that draws without weight count as they do there."""
    leaf = log_w.detach().requires_grad_()
    (weights,) = torch.autograd.grad(iwlb(leaf, dim).sum(), leaf)
    return weights


def _check(
    log_joint: Callable[[Tensor], Tensor], log_q: Callable[..., Tensor], z: Tensor, parameters: Sequence[Tensor]
) -> None:
    for name, function in (("log_joint", log_joint), ("log_q", log_q)):
        check_callable(name, function)
    check_floating("z must be", z)
    is_sequence = isinstance(parameters, Sequence) and len(parameters) > 0
    if not is_sequence or not all(isinstance(parameter, Tensor) for parameter in parameters):
        raise ValueError(f"parameters must be a sequence of one tensor or more, got {type(parameters).__name__}")
    if z.grad_fn is None:
        raise ValueError(
            "z must be a differentiable function of parameters so that a gradient reaches them through the draws, "
            f"got a {'leaf' if z.requires_grad else 'tensor without gradient'}"
        )
