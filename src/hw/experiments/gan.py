r"""Small GANs on the line, whose losses stay where they are while the Jensen–Shannon divergence falls, for question 4.

The data are two normal modes, at $\pm 1.5$ with deviation 0.6. The generator is a planar map of the line and a scaling,
so that its density is known and the divergence is an integral; the discriminator is a network of two hidden layers.
Both losses are integrals as well, free of the noise of a batch.

References:
    Goodfellow et al. (2014), *Generative Adversarial Nets*, algorithm 1, <https://arxiv.org/abs/1406.2661>. Mescheder,
    Geiger and Nowozin (2018), *Which Training Methods for GANs do actually Converge?*, the penalty R1,
    <https://arxiv.org/abs/1801.04406>.
"""

import json
import math
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hw.arguments import check_count, check_generator
from hw.flows import Affine, Compose, Flow, Planar, StandardNormal
from hw.gan import discriminator_loss, generator_loss

__all__ = [
    "EVERY",
    "PENALTY",
    "SEEDS",
    "STEPS",
    "Run",
    "data_log_density",
    "exact",
    "new_discriminator",
    "new_generator",
    "record",
    "recorded",
    "sample_data",
    "train",
]

MODE, DEVIATION = 1.5, 0.6
SEEDS, STEPS, EVERY, FIRST = 5, 1500, 25, 20  # steps between two entries of a record; losses kept one by one
BATCH, WIDTH, RATE, PENALTY = 128, 32, 2e-3, 10.0
NODES = torch.linspace(-8, 8, 801, dtype=torch.float64)


class Run(NamedTuple):
    """A training run.

    Attributes:
        losses: The discriminator's loss on each batch, in nats, shape `(steps,)`.
        history: At each entry the step, the divergence, the loss of the discriminator and that of the generator, all
            three in nats and exact.
        generator: The generator at the end.
    """

    losses: Tensor
    history: list[tuple[int, float, float, float]]
    generator: Flow


def data_log_density(x: Tensor) -> Tensor:
    """Log-density of the data, in nats, same shape as `x`."""
    modes = (-(((x - side * MODE) / DEVIATION) ** 2) / 2 for side in (-1, 1))
    return torch.logaddexp(*modes) - math.log(2 * DEVIATION * math.sqrt(2 * math.pi))


def sample_data(n: int, generator: torch.Generator) -> Tensor:
    """Draw `n` points of the data, shape `(n, 1)`, float64."""
    check_count("n", n)
    check_generator(generator)
    side = 2.0 * torch.randint(2, (n, 1), generator=generator) - 1
    return MODE * side + DEVIATION * torch.randn(n, 1, dtype=torch.float64, generator=generator)


def new_generator() -> Flow:
    """A generator that draws from a narrow bump between the two modes."""
    planar = Planar(torch.ones(1), torch.full((1,), 0.01), torch.tensor(0.0))
    return Flow(StandardNormal(1), Compose(planar, Affine(torch.zeros(1), -torch.ones(1))), numerical=True).double()


def new_discriminator(generator: torch.Generator) -> nn.Sequential:
    """A discriminator that cannot tell anything yet: its last layer is zero. It maps `(n, 1)` to logits `(n, 1)`."""
    check_generator(generator)
    layers: list[nn.Module] = []
    for before, after in ((1, WIDTH), (WIDTH, WIDTH), (WIDTH, 1)):
        layer = nn.utils.skip_init(nn.Linear, before, after, dtype=torch.float64)  # its own draws are global ones
        bound = before**-0.5 if after > 1 else 0.0
        for parameter in layer.parameters():
            nn.init.uniform_(parameter, -bound, bound, generator=generator)
        layers += [layer, nn.Tanh()]
    return nn.Sequential(*layers[:-1])


def exact(generator: Flow, discriminator: nn.Module) -> tuple[float, float, float]:
    """Divergence of the generator from the data and the losses of both players, in nats, by quadrature."""
    with torch.no_grad():
        log_p, log_q = data_log_density(NODES), generator.log_prob(NODES[:, None])
        logits = discriminator(NODES[:, None])[:, 0]
    log_mean = torch.logaddexp(log_p, log_q) - math.log(2)
    p, q = log_p.exp(), log_q.exp()
    integrands = (
        (p * (log_p - log_mean) + q * (log_q - log_mean)) / 2,
        -p * F.logsigmoid(logits) - q * F.logsigmoid(-logits),
        -q * F.logsigmoid(logits),
    )
    return tuple(torch.trapezoid(integrand, NODES).item() for integrand in integrands)


def train(seed: int, steps: int = STEPS, *, penalty: float = PENALTY, is_frozen: bool = False) -> Run:
    """Train both players in turn, one step each, with the non-saturating loss and Adam.

    Args:
        seed: Seed of the start and of all draws.
        steps: Number of steps.
        penalty: Factor of R1, half the mean squared slope of the logit at the data.
        is_frozen: Whether the generator stays as it starts.

    Raises:
        ValueError: If there is no step, or the penalty is negative or not finite.
    """
    check_count("steps", steps)
    if not 0 <= penalty < math.inf:
        raise ValueError(f"penalty must be a nonnegative number, got {penalty!r}")
    rng = torch.Generator().manual_seed(seed)
    flow, discriminator = new_generator(), new_discriminator(rng)
    players = [torch.optim.Adam(net.parameters(), lr=RATE, betas=(0.5, 0.9)) for net in (flow, discriminator)]
    losses, history = [], []
    for step in range(steps):
        if step % EVERY == 0:
            history.append((step, *exact(flow, discriminator)))
        loss, slopes = _discriminator_step(discriminator, sample_data(BATCH, rng), flow.rsample(BATCH, rng).detach())
        losses.append(loss.item())
        _descend(players[1], loss + penalty / 2 * slopes)
        if not is_frozen:
            _descend(players[0], generator_loss(discriminator(flow.rsample(BATCH, rng)), "non_saturating"))
    return Run(torch.tensor(losses), [*history, (steps, *exact(flow, discriminator))], flow)


def _discriminator_step(discriminator: nn.Module, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """The loss, and the mean squared slope of the logit at the data."""
    logits = discriminator(real.requires_grad_())
    (slopes,) = torch.autograd.grad(logits.sum(), real, create_graph=True)
    return discriminator_loss(logits, discriminator(fake)), slopes.square().mean()


def _descend(player: torch.optim.Optimizer, loss: Tensor) -> None:
    player.zero_grad()
    loss.backward()
    player.step()


def kept(run: Run) -> dict[str, Any]:
    """What is kept of a run: its first losses, its history and the generator it ended with."""
    return {
        "first": run.losses[:FIRST].tolist(),
        "history": run.history,
        "generator": [parameter.tolist() for parameter in run.generator.parameters()],
    }


def record(seeds: int = SEEDS, steps: int = STEPS) -> dict[str, Any]:
    """All runs, as numbers; the last is one of a discriminator alone, without the penalty.

    Args:
        seeds: Number of runs of both players.
        steps: Number of steps of each.
    """
    return {
        "runs": [kept(train(seed, steps)) for seed in range(seeds)],
        "frozen": kept(train(0, steps, penalty=0.0, is_frozen=True)),
    }


def recorded() -> dict[str, Any]:
    """The record, as `python -m hw.experiments gan` wrote it."""
    return json.loads(Path(__file__).with_suffix(".json").read_text())
