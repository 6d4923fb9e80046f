r"""Two models whose bounds are known exactly, at one observed $x$, in nats.

The importance-weighted bound $L_k = \mathbb E \log \frac1k \sum_{i \le k} w_i$, with $w = p(x, z) / q(z \mid x)$ and
$z_1, \dots, z_k$ drawn from $q$, is computed without drawing, by the integral of `hw.bounds.frullani`.

References:
    Burda, Grosse and Salakhutdinov (2016), *Importance Weighted Autoencoders*, section 3,
    <https://arxiv.org/abs/1509.00519>.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from hw.arguments import check_count, check_floating, check_generator
from hw.bounds.frullani import jensen_gap, normal_jensen_gap
from hw.divergences import exp_minus_tangent, kl_normal

__all__ = ["DiscreteModel", "LinearGaussian"]

INTEGERS = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)
MOST_DRAWS = 10**15  # for very many more the bounds on the integral's exponents would cut it off


@dataclass(frozen=True, eq=False)
class DiscreteModel:
    r"""A latent variable with $m$ values, at one observed $x$.

    Every quantity is a 0-dimensional float64 tensor, differentiable with respect to `joint` and `q`; a gradient in `q`
    means something along directions that keep the sum of `q` only.

    Args:
        joint: $p(x, z_i)$ at the observed $x$, shape `(m,)`; copied to float64.
        q: $q(z_i \mid x)$, shape `(m,)`; copied to float64 and divided by its sum, which may be off by the rounding of
            a float32.

    Raises:
        ValueError: If a field is not of real numbers, or the shapes are not the same `(m,)` with `m` at least 1; if
            `joint` has a negative, infinite or NaN entry, or no positive one; if `q` has a negative or NaN entry, or
            its sum is not within $10^{-5}$ of 1.

    Examples:
        The evidence is one half, the two weights are 0.1 and 0.9:

        >>> from hw.bounds import DiscreteModel
        >>> model = DiscreteModel(joint=[0.05, 0.45], q=[0.5, 0.5])
        >>> print(f"{model.log_evidence.exp():.2f} {model.elbo.exp():.2f}")
        0.50 0.30
        >>> (model.kl / (model.log_evidence - model.iwlb(2))).item()
        2.0
    """

    joint: Tensor | Sequence[float]
    q: Tensor | Sequence[float]

    def __post_init__(self) -> None:
        """Convert the fields and refuse what is no model."""
        for name in ("joint", "q"):
            object.__setattr__(self, name, _law(name, getattr(self, name)))
        if self.joint.shape != self.q.shape:
            raise ValueError(
                f"q must have the shape of joint, {tuple(self.joint.shape)}, got shape {tuple(self.q.shape)}"
            )
        if not 0 < self.joint.max() < math.inf:
            raise ValueError(
                f"joint must have a positive and finite sum so that x has evidence, got {self.joint.sum().item()}"
            )
        if not abs(self.q.sum() - 1) <= 1e-5:
            raise ValueError(f"q must sum to 1 within 1e-5, got {self.q.sum().item()}")
        # A sum keeps nothing for backward, so that each quantity of the model can be differentiated on its own.
        object.__setattr__(self, "q", self.q + (self.q / self.q.sum() - self.q).detach())

    @property
    def log_evidence(self) -> Tensor:
        r"""$\log p(x)$."""
        return _log_sum(self.joint)

    @property
    def posterior(self) -> Tensor:
        r"""$p(z_i \mid x)$, shape `(m,)`."""
        joint = self.joint / _unit(self.joint)
        return joint / joint.sum()

    @property
    def kl(self) -> Tensor:
        r"""$D_{\mathrm{KL}}(q \,\|\, p(\cdot \mid x))$; infinite where `q` has mass and `joint` has none."""
        drawn = self._drawn
        q, posterior = self.q[drawn], self.posterior[drawn]
        log_ratio = q.log() - self.joint[drawn].log() + self.log_evidence  # the posterior may underflow
        near = log_ratio.abs() < 0.5
        # Each posterior - q + q log(q / posterior) is positive, so that nothing cancels between them; near
        # q = posterior, where that happens within each, it is q times a function of the logarithm.
        small = q * exp_minus_tangent(torch.where(near, -log_ratio, 0.0))
        terms = torch.where(near, small, posterior - q + q * torch.where(near, 0.0, log_ratio))
        return terms.sum() + self.posterior[~drawn].sum()

    @property
    def elbo(self) -> Tensor:
        r"""$L_1 = \mathbb E_q \log w$; minus infinity where `q` has mass and `joint` has none."""
        return self.log_evidence - self.kl

    @property
    def chi2(self) -> Tensor:
        r"""Chi-squared divergence of $p(\cdot \mid x)$ from $q$, a pure number.

        It is $\operatorname{Var}_q(w / p(x))$ where $q$ has mass at every value of the posterior, and infinite
        elsewhere, although that variance is finite then too: the gap of $L_k$ does not vanish at all.
        """
        if (self.joint[~self._drawn] > 0).any():
            return self.joint.new_tensor(math.inf)
        q, posterior = self.q[self._drawn], self.posterior[self._drawn]
        return ((posterior - q) ** 2 / q).sum()

    def iwlb(self, k: int) -> Tensor:
        r"""Importance-weighted bound $L_k$, to about $10^{-14}$.

        It grows to $\log \mathbb E_q w$ with $k$. That is $\log p(x)$, unless `q` has no mass at a value that `joint`
        has: then it stays below. Where `q` has mass and `joint` has none, every draw can miss, and $L_k$ is minus
        infinity for every $k$.

        Args:
            k: Number of draws.

        Raises:
            ValueError: If `k` is not a positive integer, at most $10^{15}$.

        Examples:
            >>> from hw.bounds import DiscreteModel
            >>> DiscreteModel(joint=[0.2, 0.0], q=[0.9, 0.1]).iwlb(1000).item()
            -inf
        """
        check_count("k", k)
        _check_range(k)
        q, joint = self.q[self._drawn], self.joint[self._drawn]
        if k == 1 or (joint == 0).any():
            return self.elbo
        mean = _log_sum(joint)
        log_ratio = joint.log() - q.log() - mean
        return mean - jensen_gap(q, log_ratio, k)

    def log_w(self, index: Tensor) -> Tensor:
        r"""Log-weights $\log p(x, z_i) - \log q(z_i \mid x)$ of the values numbered `index`, in the shape of `index`.

        The value is plus infinity or NaN at an index that `q` never draws.

        Raises:
            ValueError: If `index` is not a tensor of integers from 0 to `m - 1`.
        """
        whole = isinstance(index, Tensor) and index.dtype in INTEGERS and index.layout == torch.strided
        if not whole or not ((index >= 0) & (index < len(self.q))).all():
            raise ValueError(f"index must be a tensor of integers from 0 to {len(self.q) - 1}, got {index!r}")
        index = index.long()
        return self.joint[index].log() - self.q[index].log()

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        r"""Indices of `n` independent draws from $q$, shape `(n,)`.

        Args:
            n: Number of draws.
            generator: The source of randomness.

        Raises:
            ValueError: If `n` is not a positive integer or `generator` not a generator.
        """
        check_count("n", n)
        check_generator(generator)
        return self.q.detach().multinomial(n, replacement=True, generator=generator)

    def sample_log_w(self, n: int, generator: torch.Generator) -> Tensor:
        """Log-weights of `n` independent draws, shape `(n,)`; the draws themselves carry no gradient.

        Args:
            n: Number of draws.
            generator: The source of randomness.

        Raises:
            ValueError: If `n` is not a positive integer or `generator` not a generator.
        """
        return self.log_w(self.sample(n, generator))

    @property
    def _drawn(self) -> Tensor:
        return self.q > 0


@dataclass(frozen=True, eq=False)
class LinearGaussian:
    r"""The model $z \sim N(0, 1)$, $x \mid z \sim N(a z + b, \sigma^2)$ at one $x$, with a normal $q(z \mid x)$.

    Every quantity is a 0-dimensional float64 tensor, differentiable with respect to every field. A field is a number or
    a 0-dimensional tensor, and is copied to float64.

    Args:
        x: The observation.
        q_mean: Mean of $q$.
        q_variance: Variance of $q$.
        slope: $a$.
        intercept: $b$.
        noise_variance: $\sigma^2$.

    Raises:
        ValueError: If a field is not one real finite number, or a variance is not positive.

    Examples:
        The bound is tight where `q` is the posterior:

        >>> from hw.bounds import LinearGaussian
        >>> model = LinearGaussian(1, q_mean=0.5, q_variance=0.5)
        >>> model.posterior_mean.item(), model.posterior_variance.item(), model.kl.item()
        (0.5, 0.5, 0.0)
        >>> (model.elbo == model.log_evidence).item()
        True

        A `q` with at most half the variance of the posterior has a variance of the weights that is infinite:

        >>> from hw.bounds import LinearGaussian
        >>> LinearGaussian(1, q_mean=0.5, q_variance=0.2).chi2.item()
        inf
    """

    x: Tensor | float
    q_mean: Tensor | float
    q_variance: Tensor | float
    slope: Tensor | float = 1.0
    intercept: Tensor | float = 0.0
    noise_variance: Tensor | float = 1.0

    def __post_init__(self) -> None:
        """Convert the fields and refuse what is no model."""
        for name in self.__dataclass_fields__:
            object.__setattr__(self, name, _number(name, getattr(self, name)))

    @property
    def log_evidence(self) -> Tensor:
        r"""$\log p(x)$, the density of $N(b, a^2 + \sigma^2)$ at $x$."""
        return _log_normal(self.x, self.intercept, self.slope**2 + self.noise_variance)

    @property
    def posterior_mean(self) -> Tensor:
        r"""Mean of $p(z \mid x)$."""
        return self.slope * (self.x - self.intercept) / (self.slope**2 + self.noise_variance)

    @property
    def posterior_variance(self) -> Tensor:
        r"""Variance of $p(z \mid x)$."""
        return self.noise_variance / (self.slope**2 + self.noise_variance)

    @property
    def kl(self) -> Tensor:
        r"""$D_{\mathrm{KL}}(q \,\|\, p(\cdot \mid x))$."""
        laws = self.q_mean, self.q_variance.log(), self.posterior_mean, self.posterior_variance.log()
        return kl_normal(*(parameter.unsqueeze(0) for parameter in laws))

    @property
    def elbo(self) -> Tensor:
        r"""$L_1 = \mathbb E_q \log w$."""
        return self.log_evidence - self.kl

    @property
    def chi2(self) -> Tensor:
        r"""Chi-squared divergence of $p(\cdot \mid x)$ from $q$, $\operatorname{Var}_q(w / p(x))$, a pure number.

        It is infinite where the variance of $q$ is at most half that of the posterior.
        """
        posterior, excess = self.posterior_variance, 2 * self.q_variance - self.posterior_variance
        if excess <= 0:
            return excess.new_tensor(math.inf)
        distance = (self.q_mean - self.posterior_mean) ** 2 / excess
        return (self.q_variance.log() - (posterior * excess).log() / 2 + distance).expm1()

    def iwlb(self, k: int) -> Tensor:
        r"""Importance-weighted bound $L_k$, to about $10^{-13}$ for `k` up to $10^6$.

        The expectation over $z$ is a trapezoidal rule too, with a step fine enough for the steepest log-weight within
        nine standard deviations. A narrow `q`, or one with infinite `chi2`, costs no more than another.

        Args:
            k: Number of draws.

        Raises:
            ValueError: If `k` is not a positive integer, at most $10^{15}$; if `q` is so much wider than the posterior,
                or so far from it, that the integral needs more than $2^{23}$ points (at `k=2` about 20 times the
                posterior's variance, or a distance of 30 of its standard deviations; less of each if both are large).

        Examples:
            >>> from hw.bounds import LinearGaussian
            >>> model = LinearGaussian(1, q_mean=0.2, q_variance=0.64)
            >>> scaled_gap = 1e6 * (model.log_evidence - model.iwlb(10**6))
            >>> round((scaled_gap / model.chi2).item(), 4)
            0.5
        """
        check_count("k", k)
        _check_range(k)
        if k == 1:
            return self.elbo
        ratio = self.q_variance / self.posterior_variance
        shift = (self.q_mean - self.posterior_mean) / self.posterior_variance.sqrt()
        return self.log_evidence - normal_jensen_gap(ratio, shift, k)

    def log_joint(self, z: Tensor) -> Tensor:
        r"""$\log p(x, z)$, in the shape of `z`.

        Raises:
            ValueError: If `z` is not a floating-point tensor.
        """
        check_floating("z must be", z)
        return _log_normal(z, 0, torch.ones_like(z)) + _log_normal(
            self.x, self.slope * z + self.intercept, self.noise_variance
        )

    def log_w(self, z: Tensor) -> Tensor:
        r"""Log-weights $\log p(x, z) - \log q(z \mid x)$, in the shape of `z`.

        Raises:
            ValueError: If `z` is not a floating-point tensor.
        """
        return self.log_joint(z) - _log_normal(z, self.q_mean, self.q_variance)

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        r"""Reparameterized draws from $q$: mean plus standard deviation times a standard normal, shape `(n,)`.

        Args:
            n: Number of independent draws.
            generator: The source of randomness.

        Raises:
            ValueError: If `n` is not a positive integer or `generator` not a generator.
        """
        check_count("n", n)
        check_generator(generator)
        noise = torch.randn(n, dtype=torch.float64, generator=generator, device=generator.device)
        return self.q_mean + self.q_variance.sqrt() * noise

    def sample_log_w(self, n: int, generator: torch.Generator) -> Tensor:
        """Log-weights of `n` independent reparameterized draws, shape `(n,)`.

        Args:
            n: Number of draws.
            generator: The source of randomness.

        Raises:
            ValueError: If `n` is not a positive integer or `generator` not a generator.
        """
        return self.log_w(self.sample(n, generator))


def _log_normal(value: Tensor, mean: Tensor | float, variance: Tensor) -> Tensor:
    return -((value - mean) ** 2 / variance + variance.log() + math.log(2 * math.pi)) / 2


def _law(name: str, values: Tensor | Sequence[float]) -> Tensor:
    values = _float64(name, values)
    if values.dim() != 1 or len(values) == 0:
        raise ValueError(f"{name} must have shape (m,) with m at least 1, got shape {tuple(values.shape)}")
    if not (values >= 0).all():
        raise ValueError(f"{name} must have nonnegative entries, got {values.tolist()}")
    return values


def _number(name: str, value: Tensor | float) -> Tensor:
    value = _float64(name, value)
    if value.dim() != 0 or not value.isfinite():
        raise ValueError(f"{name} must be one finite number, got {value.tolist()}")
    if name.endswith("variance") and value <= 0:
        raise ValueError(f"{name} must be positive, got {value.item()}")
    return value


def _float64(name: str, value: object) -> Tensor:
    """Make a copy; what carries a type of its own is looked at in that, for a conversion drops imaginary parts."""
    try:
        dtype = None if hasattr(value, "dtype") else torch.float64
        copy = value if isinstance(value, Tensor) else torch.tensor(value, dtype=dtype)
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        raise ValueError(f"{name} must be of real numbers, got {value!r}") from error
    if copy.is_complex() or copy.layout != torch.strided:
        raise ValueError(f"{name} must be of real numbers, got {value!r}")
    return copy.to(torch.float64, copy=True)


def _unit(values: Tensor) -> float:
    """Return 1, or the number of values if their sum overflows: in this unit it does not."""
    return 1.0 if values.sum().isfinite() else float(len(values))


def _log_sum(values: Tensor) -> Tensor:
    unit = _unit(values)
    return (values / unit).sum().log() + math.log(unit)


def _check_range(k: int) -> None:
    if k > MOST_DRAWS:
        raise ValueError(f"k must be at most 10**15 so that the integral stays in range, got {k!r}")
