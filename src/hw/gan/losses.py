"""Losses of both players from logits, the value of the game on finite laws, and the best discriminator."""

import math
from numbers import Real

import torch
import torch.nn.functional as F
from torch import Tensor

from hw.arguments import check_alike, check_floating, check_law
from hw.gan.logits import checked_logits, in_single

__all__ = ["check_prior", "discriminator_loss", "generator_loss", "optimal_logit", "prior_logit", "value"]


def discriminator_loss(real_logits: Tensor, fake_logits: Tensor, *, trusted: bool = False) -> Tensor:
    r"""Loss of the discriminator, in nats: the mean of $-\log D$ over data plus that of $-\log(1 - D)$ over fakes.

    It is $-V(D)$ on the batch. Blind guessing costs $\log 4$, and in expectation nothing costs less than
    $\log 4 - 2\,\mathrm{JSD}$. Many programs show half of it, the mean over one batch of both kinds.

    Args:
        real_logits: Logits of data, any shape with a batch first.
        fake_logits: Logits of generated points, of the same shape after the first axis; the batches may differ in size.
        trusted: Whether to take values that all lie in [0, 1] for logits all the same. Without a gradient, as when a
            network is only evaluated, nothing else tells them apart.

    Returns:
        A tensor of shape `()`. A logit of plus or minus infinity is a certain discriminator, a NaN stays visible.

    Raises:
        ValueError: If a batch is empty or no tensor of numbers, the types or the shapes after the first axis differ, or
            all values lie in [0, 1], as probabilities do, and neither `trusted` nor autograd says otherwise.

    Examples:
        A discriminator that cannot tell, and one that is wrong for certain:

        >>> import math, torch
        >>> from hw.gan import discriminator_loss
        >>> blind = torch.zeros(3)
        >>> math.isclose(discriminator_loss(blind, blind), math.log(4), rel_tol=1e-6)
        True
        >>> discriminator_loss(torch.tensor([-1e4]), torch.tensor([1e4])).item()
        20000.0

    References:
        Goodfellow et al. (2014), *Generative Adversarial Nets*, equation 1, <https://arxiv.org/abs/1406.2661>.
    """
    real, fake = checked_logits(trusted, real_logits=real_logits, fake_logits=fake_logits)
    # not softplus, which is off by 2e-9 at its threshold, nor log(sigmoid), which is -inf from -104 down
    return -F.logsigmoid(real).mean() - F.logsigmoid(-fake).mean()


def generator_loss(fake_logits: Tensor, kind: str, *, trusted: bool = False) -> Tensor:
    r"""Loss of the generator, in nats: the mean of $\log(1 - D)$, or of $-\log D$, over generated points.

    Both are to be minimized. The derivative in the logit is $-D$ for the saturating loss, which vanishes where fakes
    are told apart with ease, and $-(1 - D)$ for the other.

    Args:
        fake_logits: Logits of generated points, any shape.
        kind: `"saturating"` for $\log(1 - D)$, `"non_saturating"` for $-\log D$.
        trusted: Whether to take values that all lie in [0, 1] for logits all the same. Without a gradient, as when a
            network is only evaluated, nothing else tells them apart.

    Returns:
        A tensor of shape `()`, never positive for the saturating loss, never negative for the other.

    Raises:
        ValueError: If the batch is empty or no tensor of numbers, `kind` is neither of the two, or all values lie in
            [0, 1], as probabilities do, and neither `trusted` nor autograd says otherwise.

    Examples:
        Where fakes are told apart with ease, one loss has a slope and the other has not:

        >>> import torch
        >>> from hw.gan import generator_loss
        >>> for kind in ("saturating", "non_saturating"):
        ...     logit = torch.tensor([-1e4], requires_grad=True)
        ...     generator_loss(logit, kind).backward()
        ...     print(abs(logit.grad.item()))
        0.0
        1.0

    References:
        Goodfellow et al. (2014), *Generative Adversarial Nets*, section 3, <https://arxiv.org/abs/1406.2661>.
    """
    if kind not in ("saturating", "non_saturating"):
        raise ValueError(f"kind must be 'saturating' or 'non_saturating', got {kind!r}")
    (fake,) = checked_logits(trusted, fake_logits=fake_logits)
    return F.logsigmoid(-fake).mean() if kind == "saturating" else -F.logsigmoid(fake).mean()


def value(p_1: Tensor, p_0: Tensor, d: Tensor) -> Tensor:
    r"""Value $V(D) = \sum_x p_1(x) \log D(x) + p_0(x) \log(1 - D(x))$ of a discriminator of two finite laws, in nats.

    An outcome without mass adds 0, whatever $D$ is there; a discriminator that is certain and wrong where there is mass
    has the value $-\infty$.

    Args:
        p_1: Masses of the data, shape `(..., n)`.
        p_0: Masses of the generator, same shape and type.
        d: The discriminator's probabilities of label 1, same shape and type.

    Returns:
        One value per leading index, shape `(...)`, never positive.

    Raises:
        ValueError: If shapes or types differ, there is no last axis, a mass is negative or NaN, the masses do not sum
            to one up to $10^{-5}$, in half precision eight machine epsilons, or `d` leaves [0, 1].

    Examples:
        >>> import math, torch
        >>> from hw.gan import value
        >>> p_1, p_0 = torch.tensor([[0.5, 0.5, 0.0], [0.0, 0.5, 0.5]])
        >>> math.isclose(value(p_1, p_0, torch.tensor([1.0, 0.5, 0.0])), -math.log(2), rel_tol=1e-6)
        True

    References:
        Goodfellow et al. (2014), *Generative Adversarial Nets*, equation 1, <https://arxiv.org/abs/1406.2661>.
    """
    one, zero, chance = _alike(p_1=p_1, p_0=p_0, d=d)
    check_law("p_1", p_1)
    check_law("p_0", p_0)
    inside = (chance >= 0) & (chance <= 1)
    if not inside.all():
        raise ValueError(f"d must lie in [0, 1], got {chance[~inside][0].item()}")
    # 1 where there is no mass: 0 log 0 is 0, but its gradient would be NaN
    log_chance = torch.where(one > 0, chance, 1).log()
    log_other = torch.log1p(-torch.where(zero > 0, chance, 0))
    return (one * log_chance + zero * log_other).sum(-1)


def optimal_logit(log_p_1: Tensor, log_p_0: Tensor, prior_1: float = 0.5) -> Tensor:
    r"""Logit of the best discriminator of two known laws, $\log p_1 - \log p_0$, in nats.

    Args:
        log_p_1: Log-densities of the data, any shape; $-\infty$ where there is no mass.
        log_p_0: Log-densities of the generator at the same points, same shape and type.
        prior_1: Share of data among what the discriminator is shown, in (0, 1); it adds its own log-odds.

    Returns:
        Logits, same shape: $\infty$ where only the data have mass, $-\infty$ where only the generator has. Where
        neither has, any logit is as good, and this is 0.

    Raises:
        ValueError: If shapes or types differ, they are no tensors of numbers, or `prior_1` is not in (0, 1).

    Examples:
        >>> import torch
        >>> from hw.gan import optimal_logit
        >>> log_p_1 = torch.tensor([1.0, -torch.inf, 0.0, -torch.inf])
        >>> log_p_0 = torch.tensor([3.0, 0.0, -torch.inf, -torch.inf])
        >>> optimal_logit(log_p_1, log_p_0).tolist()
        [-2.0, -inf, inf, 0.0]

    References:
        Goodfellow et al. (2014), *Generative Adversarial Nets*, proposition 1, <https://arxiv.org/abs/1406.2661>.
    """
    check_prior(prior_1)
    one, zero = _alike(log_p_1=log_p_1, log_p_0=log_p_0)
    neither = one.isneginf() & zero.isneginf()  # -inf - -inf is NaN
    ratio = torch.where(neither, 0, one) - torch.where(neither, 0, zero)
    return torch.where(neither, 0, ratio + prior_logit(prior_1))


def check_prior(prior_1: float) -> None:
    """Refuse what is no chance strictly between 0 and 1."""
    if not isinstance(prior_1, Real) or not 0 < prior_1 < 1:
        raise ValueError(f"prior_1 must lie strictly between 0 and 1, got {prior_1!r}")


def prior_logit(prior_1: float) -> float:
    """Log-odds of label 1 before anything is seen."""
    return math.log(prior_1) - math.log1p(-prior_1)


def _alike(**tensors: Tensor) -> list[Tensor]:
    for name, tensor in tensors.items():
        check_floating(f"{name} must be", tensor)
    check_alike(**tensors)
    return [in_single(tensor) for tensor in tensors.values()]
