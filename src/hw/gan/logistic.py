"""Logistic regression by Newton's method, in float64."""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["Logistic", "fit_logistic"]

STEPS = 200
ENOUGH = 1e-16  # gain in nats of a step after which nothing is left to gain: each squares what the last one left
NEAR = 1e-6  # gain in nats, summed over draws, of a step that no uncertain draw notices
REPEATED = 1e-11  # size, relative to the largest, of what features add that repeat one another but for rounding


@dataclass(frozen=True, eq=False)
class Logistic:
    """A logit that is linear in features.

    Attributes:
        center: Mean of each feature over the training draws, shape `(k,)`.
        scale: Standard deviation of each feature, or 1 where it is constant, shape `(k,)`.
        weights: Factors of the features so scaled, shape `(k,)`.
        intercept: The logit at the center, shape `()`.
    """

    center: Tensor
    scale: Tensor
    weights: Tensor
    intercept: Tensor

    def __call__(self, features: Tensor) -> Tensor:
        """Logits, from `(n, k)` to `(n,)`.

        Raises:
            ValueError: If the number of features differs from that of the fit.
        """
        if features.shape[-1] != len(self.center):
            raise ValueError(f"x must have {len(self.center)} features, as those fitted, got {features.shape[-1]}")
        return (features - self.center) / self.scale @ self.weights + self.intercept


def fit_logistic(zero: Tensor, one: Tensor, penalty: float) -> Logistic:
    """The regression of labels 0 and 1 on features, at the least mean loss plus penalty.

    Args:
        zero: Features of label 0, shape `(n_0, k)`, float64.
        one: Features of label 1, shape `(n_1, k)`, float64.
        penalty: Factor of half the squared weights of features in standard deviations.

    Raises:
        ValueError: If without a penalty the features separate some of the draws, or all but separate them, so that no
            fit is best.

    Examples:
        Of three draws at 0 one has label 1, and of three at 1 two have; the log-odds are -log 2 and log 2:

        >>> import torch
        >>> from hw.gan.logistic import fit_logistic
        >>> rows = torch.tensor([[0.0], [1.0]]).double()
        >>> fit = fit_logistic(rows[[0, 0, 1]], rows[[0, 1, 1]], penalty=0.0)
        >>> (fit(rows).exp() * 2).round().tolist()
        [1.0, 4.0]
    """
    rows = torch.cat((zero, one))
    center = rows.mean(0)
    reach = (rows - center).abs().amax(0)
    varies = reach > 1e-12 * rows.abs().amax(0)
    reach = torch.where(varies, reach, 1)
    # in units of the reach, as squares of 1e200 and of 1e-200 leave the range of numbers
    scale = torch.where(varies, reach * ((rows - center) / reach).std(0, correction=0), 1)
    scaled = torch.where(varies, (rows - center) / scale, 0)  # the mean of equal numbers may be another one
    design = torch.cat((scaled, rows.new_ones(len(rows), 1)), -1)
    design = design * torch.cat((zero.new_full((len(zero), 1), -1.0), one.new_ones(len(one), 1)))
    return Logistic(center, scale, *_split(_minimum(design, penalty)))


def _split(weights: Tensor) -> tuple[Tensor, Tensor]:
    return weights[:-1], weights[-1]


def _minimum(signed: Tensor, penalty: float) -> Tensor:
    """The weights at which the mean of softplus(-margin) plus the penalty is least.

    The rows of `signed` are features with an intercept, times -1 for label 0: a row times the weights is the margin.
    """
    _, sizes, axes = torch.linalg.svd(signed, full_matrices=False)
    kept = sizes > REPEATED * sizes[0]
    # In these coordinates features that nearly repeat one another are as far apart as any.
    basis = axes[kept].T * (math.sqrt(len(signed)) / sizes[kept])
    ridge = signed.new_full((signed.shape[1],), penalty)
    ridge[-1] = 0
    weights = _newton(signed @ basis, (basis.T * ridge) @ basis)
    if weights is None:
        raise ValueError(
            f"penalty must be {'larger' if penalty else 'positive'} where features separate draws of the two laws, "
            f"so that one fit is best, got {penalty!r}"
        )
    return basis @ weights


def _newton(rows: Tensor, ridge: Tensor) -> Tensor | None:
    """The least of the mean of softplus(-rows @ weights) plus half the quadratic form of the ridge, if there is one."""

    def loss(weights: Tensor) -> Tensor:
        return -F.logsigmoid(rows @ weights).mean() + weights @ ridge @ weights / 2

    weights, gain = rows.new_zeros(rows.shape[1]), math.inf
    for _ in range(STEPS):
        margins = rows @ weights
        wrong, right = torch.sigmoid(-margins), torch.sigmoid(margins)
        slope = ridge @ weights - rows.T @ wrong / len(rows)
        bend = (rows.T * (wrong * right)) @ rows / len(rows) + ridge
        step = torch.linalg.pinv(bend, hermitian=True) @ slope
        last, gain = gain, (slope @ step).item()
        near = gain * len(rows) < NEAR
        if near and _run_away(margins, rows @ step):
            if not ridge.any():
                return None
        elif gain <= ENOUGH or (near and gain >= last):  # or no more than rounding, of margins that cancel
            return weights - step
        size = 1.0
        while size > 1e-9 and loss(weights - size * step) > loss(weights) - size * gain / 4 + 1e-15:
            size /= 2
        weights = weights - size * step
    return None


def _run_away(margins: Tensor, moves: Tensor) -> bool:
    """Whether a step that gains next to nothing still moves draws: those are separated, and move by about 1 forever."""
    return bool((moves.abs() > torch.clamp(margins.abs() / 100, min=0.5)).any())
