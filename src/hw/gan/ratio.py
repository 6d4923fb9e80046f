"""What a discriminator's logit says of its two laws: their ratio, their divergence, and a fit from samples alone."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from hw.arguments import check_callable, check_count, check_generator
from hw.gan.logistic import Logistic, fit_logistic
from hw.gan.logits import checked_logits
from hw.gan.losses import check_prior, prior_logit

__all__ = ["DensityRatio", "Estimate", "fit_density_ratio", "jsd_from_logits", "log_density_ratio"]


class Estimate(NamedTuple):
    """A combination of means of independent draws.

    Attributes:
        value: The estimate, in nats, shape `()`; differentiable.
        standard_error: Its standard deviation, estimated from the same draws, without a gradient.
    """

    value: Tensor
    standard_error: Tensor


def log_density_ratio(logits: Tensor, prior_1: float = 0.5, *, trusted: bool = False) -> Tensor:
    r"""The logarithm of $p_1(x) / p_0(x)$ that a discriminator's logits stand for, in nats.

    It is the logit less the log-odds of the labels, and no better than the discriminator: a small error of $D$ becomes
    one of $1 / (D(1 - D))$ times its size.

    Args:
        logits: Logits, any shape.
        prior_1: Share of label 1 among what the discriminator was trained on, in (0, 1).
        trusted: Whether to take values that all lie in [0, 1] for logits all the same. Without a gradient, as when a
            network is only evaluated, nothing else tells them apart.

    Returns:
        Log-ratios, same shape.

    Raises:
        ValueError: If there are no logits or they are no tensor of numbers, `prior_1` is not in (0, 1), or all values
            lie in [0, 1], as probabilities do, and neither `trusted` nor autograd says otherwise.

    Examples:
        Ten times as many zeros as ones; a discriminator that says so and no more has seen no difference:

        >>> import math, torch
        >>> from hw.gan import log_density_ratio
        >>> logits = torch.full((2,), math.log(1 / 10), dtype=torch.float64)
        >>> log_density_ratio(logits, prior_1=1 / 11).abs().max().item() < 1e-15
        True

    References:
        Sugiyama, Suzuki and Kanamori (2012), *Density Ratio Estimation in Machine Learning*, chapter 4.
    """
    check_prior(prior_1)
    (logits,) = checked_logits(trusted, logits=logits)
    return logits - prior_logit(prior_1)


def jsd_from_logits(logits_0: Tensor, logits_1: Tensor, *, trusted: bool = False) -> Estimate:
    r"""Estimate of the Jensen–Shannon divergence from a discriminator's logits on held-out draws, in nats.

    It is $\log 2 + \tfrac12 V(D)$ on the draws. In expectation it is never above the divergence, and equal for the best
    discriminator, **if the discriminator was not fitted to these draws**; on its own training data it is too large. It
    may be negative.

    Args:
        logits_0: Logits of draws of $p_0$, any shape with a batch first, at least 2 entries.
        logits_1: Logits of draws of $p_1$, of the same shape after the first axis; the batches may differ in size. For
            a discriminator trained on unequal shares of labels, pass the result of `log_density_ratio`.
        trusted: Whether to take values that all lie in [0, 1] for logits all the same. Without a gradient, as when a
            network is only evaluated, nothing else tells them apart.

    Returns:
        The estimate and its standard error, which takes all entries for independent.

    Raises:
        ValueError: If a batch has fewer than two entries or is no tensor of numbers, the types or the shapes after the
            first axis differ, or all values lie in [0, 1], as probabilities do, and neither `trusted` nor autograd says
            otherwise.

    Examples:
        Nearly certain and right, and nothing known:

        >>> import math, torch
        >>> from hw.gan import jsd_from_logits
        >>> right = jsd_from_logits(torch.full((5,), -40.0).double(), torch.full((5,), 40.0).double())
        >>> math.isclose(right.value, math.log(2)), right.standard_error.item()
        (True, 0.0)
        >>> abs(jsd_from_logits(torch.zeros(5), torch.zeros(5)).value.item()) < 1e-6
        True

    References:
        Goodfellow et al. (2014), *Generative Adversarial Nets*, theorem 1, <https://arxiv.org/abs/1406.2661>.
    """
    zero, one = checked_logits(trusted, logits_0=logits_0, logits_1=logits_1)
    for name, batch in (("logits_0", zero), ("logits_1", one)):
        if batch.numel() < 2:
            raise ValueError(f"{name} must have at least two entries so that there is a standard error, got 1")
    terms = F.logsigmoid(-zero), F.logsigmoid(one)
    spread = sum(part.detach().var() / part.numel() for part in terms)
    return Estimate(math.log(2) + (terms[0].mean() + terms[1].mean()) / 2, spread.sqrt() / 2)


@dataclass(frozen=True, eq=False)
class DensityRatio:
    r"""A logistic regression between two samples, read as $\log p_1 - \log p_0$.

    Attributes:
        held_out_0: Log-ratio at each draw of $p_0$, shape `(n_0,)`, by a fit that did not see it.
        held_out_1: Log-ratio at each draw of $p_1$, shape `(n_1,)`, likewise.
        logistic: The fit to all draws.
        prior_1: Share of draws of $p_1$.
        features: The map from points to features.
    """

    held_out_0: Tensor
    held_out_1: Tensor
    logistic: Logistic
    prior_1: float
    features: Callable[[Tensor], Tensor]

    def log_ratio(self, x: Tensor) -> Tensor:
        r"""The logarithm of $p_1(x) / p_0(x)$ at new points, in nats, by the fit to all draws.

        At draws that the fit has seen use `held_out_0` and `held_out_1`.

        Args:
            x: Points, shape `(n, d)`.

        Returns:
            Log-ratios, shape `(n,)`.

        Raises:
            ValueError: If the points or their features are no finite numbers of shape `(n, d)` and `(n, k)`, or `k`
                differs from that of the draws.
        """
        logits = self.logistic(_features(self.features, "x", _points("x", x)))
        return log_density_ratio(logits, self.prior_1, trusted=True)

    def jsd(self) -> Estimate:
        """Estimate of the Jensen–Shannon divergence from the held-out log-ratios, in nats.

        Its expectation is at most the divergence, up to the dependence between folds, which the standard error leaves
        out too.
        """
        return jsd_from_logits(self.held_out_0, self.held_out_1, trusted=True)


def fit_density_ratio(
    x_0: Tensor,
    x_1: Tensor,
    *,
    penalty: float,
    generator: torch.Generator,
    folds: int = 5,
    features: Callable[[Tensor], Tensor] | None = None,
) -> DensityRatio:
    r"""Fit $\log p_1 - \log p_0$ to two samples by logistic regression, with cross-fitting.

    The draws of each law are split into folds; the log-ratio at a draw comes from a regression on the other folds. So
    the divergence read off it is not the in-sample one, which is too large. Unequal sizes are corrected for.

    Args:
        x_0: Draws of $p_0$, shape `(n_0, d)`, a tensor or an array, at least one a fold.
        x_1: Draws of $p_1$, shape `(n_1, d)`.
        penalty: Factor of half the squared weights, in standard deviations of the features, added to the mean loss in
            nats; 0 for none. The intercept is free.
        generator: Source of the folds.
        folds: Number of folds, at least 2.
        features: Map from points `(n, d)` to features `(n, k)`, in which the logit is linear; the coordinates if not
            given. Two normal laws with equal covariances need no more, with unequal ones also squares and products. A
            feature that varies by less than 1e-12 of its size is taken for constant.

    Returns:
        The fit, in float64.

    Raises:
        ValueError: If the draws are no finite numbers of shape `(n, d)`, differ in `d` or are fewer than the folds; the
            penalty is negative or not finite, there is no generator, there are fewer than two folds; the features are
            not finite, or no `(n, k)`; or without a penalty the features separate some of the draws, or all but
            separate them, so that no fit is best.

    Examples:
        Two normal laws a distance of 2 apart; their log-ratio is 2x − 2, and their divergence 0.3368:

        >>> import torch
        >>> from hw.gan import fit_density_ratio
        >>> rng = torch.Generator().manual_seed(0)
        >>> x = torch.randn(2, 20_000, 1, generator=rng)
        >>> fit = fit_density_ratio(x[0], x[1] + 2, penalty=0.0, generator=rng)
        >>> [round(ratio, 1) for ratio in fit.log_ratio([[0.0], [1.0], [2.0]]).abs().tolist()]
        [2.0, 0.0, 2.0]
        >>> value, error = fit.jsd()
        >>> abs(value.item() - 0.336830820347) < 5 * error.item()
        True

    References:
        Sugiyama, Suzuki and Kanamori (2012), *Density Ratio Estimation in Machine Learning*, section 4.2.
    """
    points = {"x_0": _points("x_0", x_0), "x_1": _points("x_1", x_1)}
    _check_fit(points, penalty, folds, generator)
    features = _coordinates if features is None else features
    check_callable("features", features)
    zero, one = (_features(features, name, x) for name, x in points.items())
    if one.shape[1] != zero.shape[1]:
        raise ValueError(f"features must be as many for x_1 as for x_0, {zero.shape[1]}, got {one.shape[1]}")
    fold_0, fold_1 = (torch.randperm(len(rows), generator=generator) % folds for rows in (zero, one))
    held_out_0, held_out_1 = zero.new_empty(len(zero)), one.new_empty(len(one))
    for fold in range(folds):
        out_0, out_1 = fold_0 == fold, fold_1 == fold
        logistic = fit_logistic(zero[~out_0], one[~out_1], penalty)
        prior_1 = _share(zero[~out_0], one[~out_1])
        for held_out, out, rows in ((held_out_0, out_0, zero), (held_out_1, out_1, one)):
            held_out[out] = log_density_ratio(logistic(rows[out]), prior_1, trusted=True)
    return DensityRatio(held_out_0, held_out_1, fit_logistic(zero, one, penalty), _share(zero, one), features)


def _coordinates(x: Tensor) -> Tensor:
    return x


def _share(zero: Tensor, one: Tensor) -> float:
    return len(one) / (len(zero) + len(one))


def _points(name: str, x: Tensor) -> Tensor:
    points = x.detach() if isinstance(x, Tensor) else _from_array(name, x)
    _check_numbers(name, points)
    return _matrix(name, points.to(torch.float64, copy=True))  # features may change what they are given


def _check_numbers(name: str, values: Tensor) -> None:
    is_number = not (values.is_complex() or values.dtype == torch.bool)
    if not is_number or values.layout != torch.strided or values.is_meta:
        place = values.device if values.is_meta else f"layout {values.layout}"
        raise ValueError(f"{name} must be an array of numbers, got dtype {values.dtype}, {place}")


def _from_array(name: str, x: object) -> Tensor:
    try:
        array = np.array(x, order="C")  # a copy: torch takes none that is read-only, reversed or of other byte order
    except (TypeError, ValueError, RuntimeError):
        raise ValueError(f"{name} must be an array of numbers, got {type(x).__name__}") from None
    if array.dtype.kind not in "iuf":
        raise ValueError(f"{name} must be an array of numbers, got {type(x).__name__} of dtype {array.dtype}")
    return torch.from_numpy(array.astype(np.float64))


def _matrix(name: str, rows: Tensor) -> Tensor:
    if rows.dim() != 2 or 0 in rows.shape:
        raise ValueError(f"{name} must have shape (n, d) with a point a row, got shape {tuple(rows.shape)}")
    if not rows.isfinite().all():
        raise ValueError(f"{name} must be finite, got {rows[~rows.isfinite()][0].item()}")
    return rows


def _features(features: Callable[[Tensor], Tensor], name: str, points: Tensor) -> Tensor:
    rows = features(points)
    if not isinstance(rows, Tensor) or rows.shape[:1] != points.shape[:1]:
        got = f"shape {tuple(rows.shape)}" if isinstance(rows, Tensor) else type(rows).__name__
        raise ValueError(f"features must map {name} of shape {tuple(points.shape)} to ({len(points)}, k), got {got}")
    _check_numbers(f"features of {name}", rows)
    return _matrix(f"features of {name}", rows.detach().double())


def _check_fit(points: dict[str, Tensor], penalty: float, folds: int, generator: torch.Generator) -> None:
    if points["x_1"].shape[1] != points["x_0"].shape[1]:
        sizes = [x.shape[1] for x in points.values()]
        raise ValueError(f"x_1 must have as many coordinates as x_0, {sizes[0]}, got {sizes[1]}")
    if isinstance(penalty, bool) or not isinstance(penalty, Real) or not 0 <= penalty < math.inf:
        raise ValueError(f"penalty must be a nonnegative number, got {penalty!r}")
    check_count("folds", folds)
    if folds < 2:
        raise ValueError(f"folds must be at least 2 so that a fit leaves draws out, got {folds}")
    for name, x in points.items():
        if len(x) < folds:
            raise ValueError(f"{name} must have at least one draw a fold, {folds}, got {len(x)}")
    check_generator(generator)
