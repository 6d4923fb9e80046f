r"""Planar flows fitted to a density and to samples, and the two minima of the reverse divergence, for question 2.

The density has the shape of two half moons, the first of four test densities of Rezende and Mohamed, table 1:
$p(x) \propto e^{-\left(\frac{\lVert x\rVert - 2}{0.4}\right)^2 / 2}
\left(e^{-\left(\frac{x_1 - 2}{0.6}\right)^2 / 2} + e^{-\left(\frac{x_1 + 2}{0.6}\right)^2 / 2}\right)$.

References:
    Rezende and Mohamed (2015), *Variational Inference with Normalizing Flows*, <https://arxiv.org/abs/1505.05770>.
"""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hw.arguments import check_count, check_generator
from hw.flows import Affine, Compose, Fit, Flow, Inverse, Planar, StandardNormal, fit_forward, fit_reverse

__all__ = [
    "BANDWIDTHS",
    "DEVIATION",
    "EXTENT",
    "FAR",
    "FEW",
    "LAYERS",
    "SAMPLES",
    "branches",
    "divergences",
    "fit_to_density",
    "fit_to_kernels",
    "fit_to_modes",
    "fit_to_samples",
    "kernel_log_density",
    "minimum",
    "modes_divergence",
    "moons_log_density",
    "off_center",
    "planar_flow",
    "plane",
    "record",
    "recorded",
    "restored",
    "sample_moons",
]

LAYERS, DRAWS, EXTENT = 16, 256, 4.0
SEEDS = 5  # of each fit to the half moons
STAGES = ((1500, 0.02), (500, 0.002))  # steps and Adam's rate
SAMPLES, FEW = 10_000, 500  # the latter in the comparison with kernels
BANDWIDTHS = (0.05, 0.2, 0.5)
DEVIATION = 0.5  # of each of the two modes on the line
FAR = 6.0  # of the modes from the middle, in deviations, in the fits that stay behind
FIRST = 20  # losses that a record keeps one by one
Stages = tuple[tuple[int, float], ...]


def moons_log_density(x: Tensor) -> Tensor:
    """Log-density of the two half moons up to a constant, from `(..., 2)` to `(...)`."""
    ring = -(((x.norm(dim=-1) - 2) / 0.4) ** 2) / 2
    left, right = (-(((x[..., 0] + side) / 0.6) ** 2) / 2 for side in (2, -2))
    return ring + torch.logaddexp(left, right)


def sample_moons(n: int, generator: torch.Generator) -> Tensor:
    """Draw `n` points of the two half moons, shape `(n, 2)`, float64, by rejection."""
    check_count("n", n)
    check_generator(generator)
    kept = torch.empty(0, 2, dtype=torch.float64)
    while len(kept) < n:
        tried, level = (torch.rand(50 * n, size, dtype=torch.float64, generator=generator) for size in (2, 1))
        points = EXTENT * (2 * tried - 1)
        kept = torch.cat((kept, points[2 * level[:, 0] < moons_log_density(points).exp()]))  # at most 2 is reached
    return kept[:n]


def kernel_log_density(samples: Tensor, bandwidth: float) -> Callable[[Tensor], Tensor]:
    """Log-density of the samples, shape `(n, 2)`, each blurred to a normal of that deviation."""

    def log_density(x: Tensor) -> Tensor:
        square = torch.cdist(x, samples, compute_mode="donot_use_mm_for_euclid_dist").square()
        constant = math.log(len(samples) * 2 * math.pi * bandwidth**2)
        return torch.logsumexp(-square / (2 * bandwidth**2), -1) - constant

    return log_density


def planar_flow(generator: torch.Generator, *, can_sample: bool) -> Flow:
    """A stack of planar maps that starts as the identity, from base to data or from data to base."""
    layers = [
        Planar(torch.randn(2, generator=generator), torch.zeros(2), torch.randn((), generator=generator))
        for _ in range(LAYERS)
    ]
    stack = Compose(*layers)
    return Flow(StandardNormal(2), stack if can_sample else Inverse(stack)).double()


def in_stages(fit: Callable[..., Fit], flow: Flow, target: object, stages: Stages, **options: object) -> Fit:
    """Fit a flow to a target with one rate after another; all losses in a row."""
    losses = []
    for steps, rate in stages:
        flow, more = fit(flow, target, steps=steps, learning_rate=rate, **options)
        losses.append(more)
    return Fit(flow, torch.cat(losses))


def fit_to_density(seed: int, stages: Stages = STAGES) -> Fit:
    """Scenario 1: the reverse divergence, with the density known up to a factor and no sample."""
    generator = torch.Generator().manual_seed(seed)
    flow = planar_flow(generator, can_sample=True)
    return in_stages(fit_reverse, flow, moons_log_density, stages, generator=generator, n=DRAWS)


def fit_to_samples(seed: int, n: int = SAMPLES, stages: Stages = STAGES) -> Fit:
    """Scenario 2: the forward divergence, with samples and no density."""
    generator = torch.Generator().manual_seed(seed)
    samples, flow = sample_moons(n, generator), planar_flow(generator, can_sample=False)
    return in_stages(fit_forward, flow, samples, stages, generator=generator, batch_size=DRAWS)


def fit_to_kernels(bandwidth: float, stages: Stages = STAGES) -> Fit:
    """Scenario 2 with the wrong choice: the reverse divergence needs a density, so the samples are blurred to one."""
    generator = torch.Generator().manual_seed(0)
    log_density = kernel_log_density(sample_moons(FEW, generator), bandwidth)
    flow = planar_flow(generator, can_sample=True)
    return in_stages(fit_reverse, flow, log_density, stages, generator=generator, n=DRAWS)


def plane(size: int) -> Tensor:
    """A square grid over the plane's part that holds the moons, shape `(size, size, 2)`, float64; rows go upward."""
    side = torch.linspace(-EXTENT, EXTENT, size, dtype=torch.float64)
    return torch.stack(torch.meshgrid(side, side, indexing="xy"), -1)


def divergences(flow: Flow, size: int = 401) -> tuple[float, float]:
    """Forward and reverse divergence of a flow and the two half moons, in nats, by quadrature over that square."""
    points = plane(size)
    cell = (2 * EXTENT / (size - 1)) ** 2
    with torch.no_grad():
        log_q = Flow(flow.base, flow.bijection, numerical=True).log_prob(points)
        log_p = moons_log_density(points)
    log_p = log_p - log_p.exp().sum().mul(cell).log()
    forward, reverse = log_p.exp() * (log_p - log_q), log_q.exp() * (log_q - log_p)
    return forward.sum().item() * cell, reverse.sum().item() * cell


def modes_divergence(mean: Tensor, log_deviation: Tensor, distance: float) -> Tensor:
    r"""Reverse divergence of $N(m, s^2)$ from two equal normal modes at plus and minus `distance`, by quadrature.

    Each mode has deviation `DEVIATION`, in which `distance` is measured.
    """
    u = torch.linspace(-9, 9, 721, dtype=torch.float64)
    log_u = -(u.square() + math.log(2 * math.pi)) / 2
    x = (mean + log_deviation.exp() * u) / DEVIATION
    modes = torch.logaddexp(-(x - distance).square() / 2, -(x + distance).square() / 2)
    log_p = modes - math.log(2 * DEVIATION * math.sqrt(2 * math.pi))
    return (log_u.exp() * (log_u - log_deviation - log_p)).sum() * (u[1] - u[0])


def minimum(mean: float, deviation: float, distance: float) -> tuple[float, float, float]:
    """Mean, deviation and divergence at the minimum near a start, by Newton's method with short steps."""
    place = torch.tensor([mean, math.log(deviation)], dtype=torch.float64)

    def value(place: Tensor) -> Tensor:
        return modes_divergence(place[0], place[1], distance)

    for _ in range(1000):  # where two places of no slope merge it is slow
        slope = torch.autograd.functional.jacobian(value, place)
        bends, axes = torch.linalg.eigh(torch.autograd.functional.hessian(value, place))
        step = axes @ ((axes.T @ slope) / bends.abs().clamp(min=1e-2))  # downhill also where it bends the other way
        place = place - step * min(1, 0.1 / step.norm().item()) if step.any() else place
        if step.norm() < 1e-12:
            break
    return place[0].item(), place[1].exp().item(), value(place).item()


def off_center(distance: float) -> tuple[float, float, float] | None:
    """The minimum near a mode, or none where the slope leads from there to the middle."""
    found = minimum(distance * DEVIATION, DEVIATION, distance)
    return found if found[0] > DEVIATION else None


def boundary(holds: Callable[[float], bool], low: float, high: float) -> float:
    """Where a statement begins to hold, to ten digits, by bisection."""
    while high - low > 1e-10:
        middle = (low + high) / 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def branches() -> dict[str, Any]:
    """Both minima over the distance of the modes, where the second appears, where it is the lower one, and far off."""

    def is_better(distance: float) -> bool:
        off = off_center(distance)
        return off is not None and off[2] < minimum(0.0, 1.0, distance)[2]

    first = boundary(lambda distance: off_center(distance) is not None, 2.0, 2.6)
    jump = boundary(is_better, 2.6, 3.0)
    distances = [1.5 + 0.05 * step for step in range(51)]
    apart = [first, *(distance for distance in distances if distance > first)]
    return {
        "first": first,
        "jump": jump,
        "middle": [(distance, *minimum(0.0, 1.0, distance)) for distance in distances],
        "off_center": [(distance, *off_center(distance)) for distance in apart],
        "at_jump": off_center(jump),
        "far": [minimum(0.0, 1.0, FAR), off_center(FAR)],
    }


def fit_to_modes(start: float, distance: float, steps: int = 1000) -> Fit:
    """A normal law fitted to the two modes by the reverse divergence, from a start on the line."""
    generator = torch.Generator().manual_seed(0)
    flow = Flow(StandardNormal(1), Affine(torch.tensor([start]), torch.zeros(1))).double()

    def log_density(x: Tensor) -> Tensor:
        return torch.logaddexp(*(-((x[:, 0] / DEVIATION - side) ** 2) / 2 for side in (distance, -distance)))

    return fit_reverse(flow, log_density, steps=steps, learning_rate=0.02, generator=generator, n=DRAWS)


def restored(kept: dict[str, Any]) -> Flow:
    """The flow whose parameters were kept."""
    flow = planar_flow(torch.Generator(), can_sample=kept["can_sample"])
    for parameter, values in zip(flow.parameters(), kept["parameters"], strict=True):
        parameter.data = torch.tensor(values, dtype=torch.float64)
    return flow


def kept(fit: Fit) -> dict[str, Any]:
    """What is kept of a fit of planar maps: its first losses, means of 50, its parameters and divergences."""
    forward, reverse = divergences(fit.flow)
    return {
        "first": fit.losses[:FIRST].tolist(),
        "losses": fit.losses.unflatten(0, (-1, 50)).mean(1).tolist(),
        "can_sample": fit.flow.bijection.closed_forward,
        "parameters": [parameter.tolist() for parameter in fit.flow.parameters()],
        "forward_kl": forward,
        "reverse_kl": reverse,
    }


def record() -> dict[str, Any]:
    """All runs, as numbers."""
    modes = {start: fit_to_modes(start, FAR).flow.bijection for start in (0.0, FAR * DEVIATION)}
    return {
        "density": [kept(fit_to_density(seed)) for seed in range(SEEDS)],
        "samples": [kept(fit_to_samples(seed)) for seed in range(SEEDS)],
        "few_samples": kept(fit_to_samples(0, FEW)),
        "kernels": {str(bandwidth): kept(fit_to_kernels(bandwidth)) for bandwidth in BANDWIDTHS},
        "branches": branches(),
        "far_modes": [(start, normal.shift.item(), normal.log_scale.exp().item()) for start, normal in modes.items()],
    }


def recorded() -> dict[str, Any]:
    """The record, as `python -m hw.experiments flows` wrote it."""
    return json.loads(Path(__file__).with_suffix(".json").read_text())
