r"""The gap of an importance-weighted bound as one integral, in nats.

The importance-weighted bound $L_k = \mathbb E \log \frac1k \sum_{i \le k} w_i$, with $w = p(x, z) / q(z \mid x)$ and
$z_1, \dots, z_k$ drawn from $q$, is an expectation over $k$ draws, but one integral gives it for any $k$: with
$r = w / \mathbb E_q w$ and $\varphi(t) = \mathbb E_q e^{-t r}$, Frullani's integral of the logarithm makes
$\log \mathbb E_q w - L_k$ the integral of $(\varphi(t / k)^k - e^{-t}) / t$ over $t > 0$.

In $\log t$ the integrand is smooth, and the trapezoidal rule with step $h$ is off by at most
$4 \lvert \Gamma(2 \pi i / h) \rvert$ up to aliases of higher order, whatever the law of the weights: its Fourier
transform is $\Gamma(i \omega)$ times numbers of modulus at most 1. With $h = 1/4$ that is $2 \cdot 10^{-17}$.

References:
    Trefethen and Weideman (2014), *The Exponentially Convergent Trapezoidal Rule*, section 5,
    <https://doi.org/10.1137/130932132>. Frullani's integral: NIST Digital Library of Mathematical Functions, 4.10 and
    5.9, <https://dlmf.nist.gov/5.9>.
"""

import math

import torch
from torch import Tensor

__all__ = ["jensen_gap", "normal_jensen_gap"]

STEP = 0.25  # of log t: see the module's text
DEAD = 40.0  # exp(-40) is below the rounding of 1
LARGEST_GRID = 2**23


def jensen_gap(mass: Tensor, log_ratio: Tensor, k: int) -> Tensor:
    r"""$\log \mathbb E w$ minus $\mathbb E \log$ of the mean of $k$ weights with finitely many values.

    Args:
        mass: Probability of each value, shape `(m,)`, positive.
        log_ratio: $\log(w / \mathbb E w)$ at each value, shape `(m,)`, finite.
        k: Number of draws.

    Returns:
        The gap, shape `()`.

    Examples:
        Of one draw from the weights 0.2 and 1.8 it is minus the mean of their logarithms:

        >>> import math
        >>> import torch
        >>> from hw.bounds.frullani import jensen_gap
        >>> log_ratio = torch.tensor([0.2, 1.8], dtype=torch.float64).log()
        >>> gap = jensen_gap(torch.full_like(log_ratio, 0.5), log_ratio, 1)
        >>> math.isclose(gap.item(), -math.log(0.6), rel_tol=1e-14)
        True
    """
    return _integral(mass, log_ratio, k, _log_times(mass, log_ratio, k))


def normal_jensen_gap(ratio: Tensor, shift: Tensor, k: int) -> Tensor:
    r"""The same for draws from a normal $q$ where the posterior is normal.

    Args:
        ratio: Variance of $q$ over that of the posterior, shape `()`.
        shift: Mean of $q$ minus that of the posterior, in standard deviations of the posterior, shape `()`.
        k: Number of draws.

    Returns:
        The gap, shape `()`.

    Raises:
        ValueError: If the integral needs more than $2^{23}$ points.

    Examples:
        Of one draw it is the Kullback–Leibler divergence of `q` from the posterior:

        >>> import math
        >>> import torch
        >>> from hw.bounds.frullani import normal_jensen_gap
        >>> one = torch.ones((), dtype=torch.float64)
        >>> math.isclose(normal_jensen_gap(one, one, 1).item(), 0.5, rel_tol=1e-12)
        True
    """
    digits = 36 + math.log(k)
    steepest = _steepest((ratio.sqrt() * shift).item(), (1 - ratio).item(), digits)
    if not steepest < LARGEST_GRID / 100:  # NaN too, before a grid is made
        raise ValueError(_too_far(ratio, shift))
    nodes, mass = _normal_grid(digits, min(0.5, math.pi**2 / max(steepest, 1)))
    log_ratio = (ratio.log() + nodes**2 - (shift + ratio.sqrt() * nodes) ** 2) / 2
    log_times = _log_times(mass, log_ratio, k)
    if len(nodes) * len(log_times) > LARGEST_GRID:
        raise ValueError(_too_far(ratio, shift))
    return _integral(mass, log_ratio, k, log_times)


def _integral(mass: Tensor, log_ratio: Tensor, k: int, log_times: Tensor) -> Tensor:
    """Log of E w minus E log of the mean of k weights, where log(w / E w) is `log_ratio[i]` with mass `mass[i]`."""
    survival = float(k) * _log_laplace(mass, log_ratio, log_times - math.log(k))
    # Both terms tend to 1 at small t, where their difference is of order t: expm1 keeps its digits.
    return STEP * (survival.expm1() - (-log_times.exp()).expm1()).sum()


def _log_laplace(mass: Tensor, log_ratio: Tensor, log_s: Tensor) -> Tensor:
    """Log of E exp(-s r) for each s."""
    # Outside these bounds exp(-s r) is 1 or 0 to the last digit, and exp overflows or is slow on what underflows.
    exponent = (log_s[..., None] + log_ratio).clamp(-700, 7).exp()
    lost = -(-exponent).expm1() @ mass
    return (-lost.clamp(max=1 - 2**-53)).log1p()  # the mass lost may round to 1: no log of 0


def _log_times(mass: Tensor, log_ratio: Tensor, k: int) -> Tensor:
    """Points of the trapezoidal rule in log t, from where the integrand is below exp(-37) to where it is dead."""
    mass, log_ratio = mass.detach(), log_ratio.detach()
    alive = math.log(DEAD)  # E exp(-tS) is at least exp(-t) as E S = 1
    dead = alive + math.log(k) - min(0.0, log_ratio.min().item())
    while dead - alive > 1:
        middle = (alive + dead) / 2
        if float(k) * _log_laplace(mass, log_ratio, mass.new_tensor(middle - math.log(k))) < -DEAD:
            dead = middle
        else:
            alive = middle
    return STEP * torch.arange(-37 / STEP, dead / STEP + 1, dtype=torch.float64)


def _steepest(slope: float, curvature: float, digits: float) -> float:
    """Steepest derivative on a normal's range of a log-weight with this slope and curvature at 0, times what it costs.

    A function exp(-s exp(l(y))) is harmless within pi / (2 |l'(y)|) of the real line, so that a step h costs
    exp(-y^2 / 2 - pi^2 / (h |l'(y)|)) at y: below exp(-digits) at every y if h is pi^2 over the value returned.
    """
    y = torch.linspace(0, math.sqrt(2 * digits), 257, dtype=torch.float64)
    return ((digits - y**2 / 2) * (abs(slope) + abs(curvature) * y)).max().item()


def _normal_grid(digits: float, step: float) -> tuple[Tensor, Tensor]:
    """Nodes at most `step` apart, and their masses, of a standard normal up to where its density is exp(-digits)."""
    end = math.sqrt(2 * digits)
    count = math.ceil(end / step)
    nodes = torch.linspace(-end, end, 2 * count + 1, dtype=torch.float64)
    return nodes, end / count * (-(nodes**2) / 2).exp() / math.sqrt(2 * math.pi)


def _too_far(ratio: Tensor, shift: Tensor) -> str:
    return (
        f"q must be closer to the posterior so that the integral fits {LARGEST_GRID} points, got "
        f"{ratio.item():g} times its variance and {shift.item():g} of its standard deviations from its mean"
    )
