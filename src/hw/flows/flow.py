"""A law made of a base law and a bijection, and the base law that they usually start from."""

import math

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from hw.arguments import check_count, check_event, check_generator
from hw.flows.bijection import Bijection

__all__ = ["Flow", "StandardNormal"]

NEEDED = {  # of the base, by what the flow is to do
    "log_prob": ("log_prob",),
    "rsample": ("rsample",),
    "rsample_and_log_prob": ("rsample", "log_prob"),
}


class StandardNormal(nn.Module):
    r"""The standard normal law $N(0, I)$ of $\mathbb{R}^d$.

    Any object with these two methods can be the base of a `Flow`.

    Args:
        features: Dimension `d`.

    Raises:
        ValueError: If `features` is not a positive integer, `n` neither, `generator` is no generator, or a vector has
            another size or type than the module, which `.double()` changes.

    Examples:
        >>> import torch
        >>> from hw.flows import StandardNormal
        >>> normal = StandardNormal(2)
        >>> ratio = normal.log_prob(torch.zeros(2)) - normal.log_prob(torch.tensor([1.0, 1.0]))
        >>> round(ratio.item(), 5)
        1.0
    """

    def __init__(self, features: int) -> None:
        """Keep the dimension."""
        check_count("features", features)
        super().__init__()
        self.features = features
        self.register_buffer("mean", torch.zeros(features), persistent=False)

    def log_prob(self, u: Tensor) -> Tensor:
        """Log-density in nats, shape `(...)`, at points of shape `(..., d)`."""
        check_event("u", u, self.features, self.mean.dtype)
        return -(u.square().sum(-1) + self.features * math.log(2 * math.pi)) / 2

    def rsample(self, n: int, generator: torch.Generator) -> Tensor:
        """Draw `n` points, shape `(n, d)`."""
        check_count("n", n)
        check_generator(generator)
        drawn = torch.randn(n, self.features, generator=generator, dtype=self.mean.dtype, device=generator.device)
        return drawn.to(self.mean.device)


class Flow(nn.Module):
    r"""The law of $F(U)$ for a base law $P_U$ and a bijection $F$.

    $F$ maps base points to data. Samples need $F$; the density at given points needs $F^{-1}$; the density at its own
    samples needs neither more nor less than $F$ and its log-determinant. A planar flow has only one direction in closed
    form, so that there are two ways to use it: `Flow(base, planar)` can sample, `Flow(base, Inverse(planar))`, which is
    another law, can evaluate, and what one of them cannot do it refuses.

    Args:
        base: Law of $U$: an object with `log_prob(u)` and `rsample(n, generator)`, like `StandardNormal`.
        bijection: $F$.
        numerical: Whether a direction without a closed form may be computed by solving an equation numerically.

    Raises:
        ValueError: If `base` has neither method or is of `torch.distributions` (which takes no generator),
            `bijection` is no `Bijection`, or their dimensions or types differ. The methods: if `base` lacks what they
            need or does not give one log-density for each point, or `bijection` has no closed form for it and
            `numerical` is false.

    Examples:
        >>> import torch
        >>> from hw.flows import Affine, Flow, StandardNormal
        >>> double = Affine(shift=torch.zeros(1), log_scale=torch.tensor([2.0]).log())
        >>> flow = Flow(StandardNormal(1), double)
        >>> peaks = flow.base.log_prob(torch.zeros(1)).exp() / flow.log_prob(torch.zeros(1)).exp()
        >>> round(peaks.item(), 5)
        2.0

    References:
        Papamakarios et al. (2021), *Normalizing Flows for Probabilistic Modeling and Inference*, section 2,
        <https://arxiv.org/abs/1912.02762>.
    """

    def __init__(self, base: object, bijection: Bijection, *, numerical: bool = False) -> None:
        """Check that the base fits the bijection."""
        if isinstance(base, Distribution):
            raise ValueError(
                "base must take a generator so that draws can be repeated, as hw.flows.StandardNormal does, "
                f"got {type(base).__name__} of torch.distributions"
            )
        if isinstance(base, type) or not any(
            callable(getattr(base, method, None)) for method in ("log_prob", "rsample")
        ):
            raise ValueError(f"base must have log_prob(u) or rsample(n, generator), got {base!r}")
        if not isinstance(bijection, Bijection):
            raise ValueError(f"bijection must be a hw.flows.Bijection, got {type(bijection).__name__}")
        if getattr(base, "features", bijection.features) != bijection.features:
            raise ValueError(f"base must have the bijection's {bijection.features} features, got {base.features}")
        if isinstance(base, StandardNormal) and bijection.dtype not in (None, base.mean.dtype):
            raise ValueError(f"base must have the type of the bijection, {bijection.dtype}, got {base.mean.dtype}")
        super().__init__()
        self.base, self.bijection, self.numerical = base, bijection, numerical

    @property
    def features(self) -> int:
        """Dimension."""
        return self.bijection.features

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-density in nats, shape `(...)`, at points of shape `(..., d)`: needs the inverse."""
        self._require("log_prob")
        u, log_det = self.bijection.inverse_and_log_det(x)
        return self._base_log_prob(u, log_det) + log_det

    def rsample(self, n: int, generator: torch.Generator) -> Tensor:
        """Draw `n` points, shape `(n, d)`, differentiable in the parameters."""
        self._require("rsample")
        return self.bijection(self.base.rsample(n, generator))

    def rsample_and_log_prob(self, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw `n` points, shape `(n, d)`, with their log-densities, shape `(n,)`: needs no inverse."""
        self._require("rsample_and_log_prob")
        u = self.base.rsample(n, generator)
        x, log_det = self.bijection.forward_and_log_det(u)
        return x, self._base_log_prob(u, log_det) - log_det

    def _base_log_prob(self, u: Tensor, log_det: Tensor) -> Tensor:
        values = self.base.log_prob(u)
        if values.shape != log_det.shape:
            raise ValueError(
                "base must give one log-density for each point so that nothing is broadcast, shape "
                f"{tuple(log_det.shape)}, got {tuple(values.shape)}"
            )
        return values

    def _require(self, wanted: str) -> None:
        for method in NEEDED[wanted]:
            if not callable(getattr(self.base, method, None)):
                raise ValueError(
                    f"base must have {method} so that the flow has {wanted}, got {type(self.base).__name__}"
                )
        if not self._is_closed(wanted):
            others = [other for other in NEEDED if self._is_closed(other) and self._base_has(other)]
            able = f"this flow can do {' and '.join(others)}; " if others else ""
            turned = f"Flow(base, Inverse(bijection)), which is another law, can do {wanted}; " if others else ""
            raise ValueError(
                f"bijection must {'have an inverse' if wanted == 'log_prob' else 'map forward'} in closed form so that "
                f"{wanted} can be computed, got {type(self.bijection).__name__}; {able}{turned}"
                "numerical=True solves an equation for it"
            )

    def _base_has(self, wanted: str) -> bool:
        return all(callable(getattr(self.base, method, None)) for method in NEEDED[wanted])

    def _is_closed(self, wanted: str) -> bool:
        closed = self.bijection.closed_inverse if wanted == "log_prob" else self.bijection.closed_forward
        return closed or self.numerical
