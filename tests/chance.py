"""Checks that draw at random: how often each may alarm falsely, and which error it has to find."""

import functools
import inspect
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from scipy import special

__all__ = [
    "Statistical",
    "above",
    "at_least",
    "edges",
    "follows",
    "mean_is",
    "normal",
    "share",
    "spread",
    "statistical",
]


@dataclass(frozen=True)
class Statistical:
    """A check of draws, the chance of a false alarm that it states, and the effect that it has to find."""

    check: Callable[..., Iterable[float]]
    alarms: float
    effect: str

    def chances(self, seed: int, *, planted: bool, **case: object) -> list[float]:
        """The p-values of one run: how likely are statistics so far off, were the library right?"""
        found = [float(chance) for chance in self.check(**case, seed=seed, planted=planted)]
        if not found or not all(0 <= chance <= 1 for chance in found):
            raise ValueError(f"{self.check.__name__} must return chances from 0 to 1, got {found}")
        return found

    def is_alarm(self, chances: list[float]) -> bool:
        """Whether the least chance is below `alarms` over their number: by the union bound, `alarms` is the rate."""
        return min(chances) < self.alarms / len(chances)


def statistical(*, alarms: float, effect: str) -> Callable[[Callable[..., Iterable[float]]], Callable[..., None]]:
    """Make a test of a function of `seed` and `planted` that returns p-values.

    pytest runs it with seed 0: no alarm as the library is, and one where the effect is planted. The deep gate counts
    both over a thousand seeds. Whatever is left to no chance the check asserts itself.

    Where a chance is by the normal law and the draws are skewed, one of a millionth is off by a factor of a few.
    """

    def decorate(check: Callable[..., Iterable[float]]) -> Callable[..., None]:
        statement = Statistical(check, alarms, effect)

        @functools.wraps(check)
        def test(**case: object) -> None:
            chances = statement.chances(0, planted=False, **case)
            assert not statement.is_alarm(chances), f"alarm at {min(chances):.2g}, the least of {len(chances)} chances"
            chances = statement.chances(0, planted=True, **case)
            assert statement.is_alarm(chances), f"{effect}: not found, the least chance is {min(chances):.2g}"

        signature = inspect.signature(check)
        parameters = [value for name, value in signature.parameters.items() if name not in ("seed", "planted")]
        test.__signature__ = inspect.Signature(parameters)
        test.statistical = statement
        return test

    return decorate


def normal(deviations: float | torch.Tensor) -> list[float]:
    """Two-sided chances of deviations that are counted in standard errors."""
    return [math.erfc(abs(z) / math.sqrt(2)) for z in torch.as_tensor(deviations).flatten().tolist()]


def above(deviation: float | torch.Tensor) -> list[float]:
    """The chance of lying at least so many standard errors above a bound, by one that attains it."""
    return [math.erfc(z / math.sqrt(2)) / 2 for z in torch.as_tensor(deviation).flatten().tolist()]


def mean_is(draws: torch.Tensor, exact: float | torch.Tensor) -> list[float]:
    """Student's two-sided chance that the mean over the first axis is so far from the exact one."""
    error = draws.std(0) / math.sqrt(len(draws))
    deviations = ((draws.mean(0) - torch.as_tensor(exact)) / error).abs().flatten()
    return (2 * special.stdtr(len(draws) - 1, -deviations.detach().numpy())).tolist()


def spread(draws: torch.Tensor, variance: float) -> list[float]:
    """The two-sided chance of the sum of squares of normal draws of mean zero, by the law of chi-squared."""
    square = draws.square().sum().item() / variance
    return [min(1.0, 2 * min(special.chdtr(draws.numel(), square), special.chdtrc(draws.numel(), square)))]


def at_least(count: int, n: int, exact: float) -> float:
    """The binomial chance of so many out of n, or more."""
    return float(special.bdtrc(count - 1, n, exact)) if count else 1.0


def share(count: int, n: int, exact: float) -> list[float]:
    """The two-sided binomial chance of so many out of n."""
    return [min(1.0, 2 * min(special.bdtr(count, n, exact), at_least(count, n, exact)))]


def edges(draws: torch.Tensor, low: float, high: float) -> list[float]:
    """The chances that so many uniform draws leave so much of the interval free at either end."""
    free = torch.stack((draws.min() - low, high - draws.max())).clamp(min=0) / (high - low)
    return ((1 - free) ** draws.numel()).tolist()


def follows(draws: torch.Tensor, distribution: Callable[[torch.Tensor], torch.Tensor]) -> list[float]:
    """Kolmogorov's chance of the largest distance between the draws' distribution function and that of their law."""
    n, below = draws.numel(), distribution(draws.flatten().sort().values)
    places = torch.arange(n + 1, dtype=below.dtype) / n
    distance = torch.maximum((below - places[:-1]).abs().max(), (places[1:] - below).abs().max())
    return [float(special.kolmogorov(math.sqrt(n) * distance.item()))]
