"""Training by NT-Xent, in one process or in several that share each batch.

References:
    Chen, Kornblith, Norouzi and Hinton (2020), *A Simple Framework for Contrastive Learning of Visual Representations*,
    algorithm 1, section 2 and appendix B.1, <https://arxiv.org/abs/2002.05709>.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.distributed import ProcessGroup, get_rank, get_world_size

from hw.arguments import check_count, check_finite, check_positive
from hw.contrastive import nt_xent
from hw.simclr.networks import SimCLR, check_head, check_pictures
from hw.simclr.views import AUGMENTATIONS, check_augmentations, check_images, two_views

__all__ = ["Settings", "Training", "batch_loss", "check_batch", "start", "train"]

USUAL_BATCH = 250  # the batch for which the learning rate is given


@dataclass(frozen=True)
class Settings:
    r"""What a training run is made from; equal settings and pictures make equal runs.

    Args:
        temperature: $\tau$ of NT-Xent, a positive number. Programs differ in their default, so there is none.
        augmentations: Names out of `AUGMENTATIONS`.
        head: One of `HEADS`.
        batch_size: Pictures in a batch, of all processes together. What is left at the end of an epoch is dropped.
        epochs: Passes over the pictures.
        learning_rate: Of Adam with a batch of 250, at most 1; for others it grows as the square root of the batch.
            Over the run it falls to zero along a cosine.
        seed: Seed of the weights, the order of the pictures and the views.

    Raises:
        ValueError: If a value is not as said.
    """

    temperature: float
    augmentations: tuple[str, ...] = ("crop", "rotate", "contrast", "noise")
    head: str = "nonlinear"
    batch_size: int = 250
    epochs: int = 100
    learning_rate: float = 0.002
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot be trained with, and give equal settings one form."""
        check_positive("temperature", self.temperature)
        check_augmentations(self.augmentations)
        check_head(self.head)
        check_count("batch_size", self.batch_size)
        check_count("epochs", self.epochs)
        check_positive("learning_rate", self.learning_rate)
        if self.learning_rate > 1:
            raise ValueError(f"learning_rate must be at most 1, got {self.learning_rate!r}")
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or not 0 <= self.seed < 2**63:
            raise ValueError(f"seed must be a whole number from 0 to 2^63 - 1, got {self.seed!r}")
        in_order = tuple(name for name in AUGMENTATIONS if name in self.augmentations)
        for name, value in (
            ("temperature", float(self.temperature)),
            ("augmentations", in_order),
            ("batch_size", int(self.batch_size)),
            ("epochs", int(self.epochs)),
            ("learning_rate", float(self.learning_rate)),
        ):
            object.__setattr__(self, name, value)  # the class is frozen


@dataclass
class Training:
    """A run between two epochs: all that it needs to go on.

    Attributes:
        settings: What it is made from.
        model: The networks.
        optimizer: Adam.
        generator: Source of what is still to be drawn.
        losses: The loss of each batch so far, in nats.
        epoch: How many epochs are done.
    """

    settings: Settings
    model: SimCLR
    optimizer: torch.optim.Optimizer
    generator: torch.Generator
    losses: list[float]
    epoch: int


def start(settings: Settings, dtype: torch.dtype = torch.float32) -> Training:
    """A run of which nothing is done yet, with weights of a type.

    Raises:
        ValueError: If the type is not of floating-point numbers.
    """
    if not dtype.is_floating_point:
        raise ValueError(f"dtype must be of floating-point numbers, got {dtype}")
    generator = torch.Generator().manual_seed(settings.seed)
    model = SimCLR(settings.head, generator=generator).to(dtype)
    return Training(settings, model, torch.optim.Adam(model.parameters()), generator, [], 0)


def train(
    images: Tensor,
    training: Training,
    *,
    epochs: int | None = None,
    after_epoch: Callable[[Training], None] | None = None,
    group: ProcessGroup | None = None,
) -> Training:
    """Train until all epochs of the settings are done, or some of them.

    Args:
        images: Shape `(n, 1, 8, 8)`, of the type of the weights.
        training: From `start`, or from a checkpoint; it is moved on.
        epochs: How many epochs to do at most, now; None for all that are left.
        after_epoch: Called after every epoch, to save or to report.
        group: Processes that share every batch; each is given all the pictures and the same `training`. None for this
            process alone. Losses and gradients are those of the whole batch, up to rounding.

    Returns:
        The same `training`.

    Raises:
        ValueError: If `images` are no such pictures, not finite or fewer than a batch, `epochs` is no positive integer,
            the batch cannot be shared equally, or the loss does not stay finite.

    Examples:
        >>> import torch
        >>> from hw.simclr import Settings, start, train
        >>> images = torch.rand(8, 1, 8, 8, generator=torch.Generator().manual_seed(0))
        >>> run = train(images, start(Settings(temperature=0.5, batch_size=4, epochs=3)))
        >>> run.epoch, len(run.losses)
        (3, 6)
    """
    settings = training.settings
    check_batch(images, training, group)
    images = images.detach()  # the gradient is the weights' alone
    if epochs is not None:
        check_count("epochs", epochs)
    last = settings.epochs if epochs is None else min(settings.epochs, training.epoch + epochs)
    network = (
        training.model if group is None else nn.parallel.DistributedDataParallel(training.model, process_group=group)
    )
    while training.epoch < last:
        order = torch.randperm(len(images), generator=training.generator)
        batches = order.split(settings.batch_size)[: len(images) // settings.batch_size]
        for batch in batches:
            _step(network, images[batch], training, settings.epochs * len(batches), group)
        training.epoch += 1
        if after_epoch:
            after_epoch(training)
    return training


def check_batch(images: Tensor, training: Training, group: ProcessGroup | None) -> None:
    """Refuse pictures that the model does not take or that make no batch, and a batch that cannot be shared equally."""
    check_pictures(images, next(training.model.parameters()).dtype)
    size = training.settings.batch_size
    check_finite("images", images, "the loss is finite")
    if len(images) < size:
        raise ValueError(f"batch_size must be at most the number of pictures, {len(images)}, got {size}")
    if size % (count := 1 if group is None else get_world_size(group)):
        raise ValueError(f"batch_size must be a multiple of the number of processes, {count}, got {size}")


def batch_loss(
    network: nn.Module,
    images: Tensor,
    settings: Settings,
    generator: torch.Generator,
    group: ProcessGroup | None = None,
) -> Tensor:
    """NT-Xent of a batch, in nats, each picture in two views.

    Every process draws all the views, so that they do not depend on the number of processes, and encodes its share.

    Args:
        network: Maps pictures to projections; with a group wrapped in `DistributedDataParallel`, whose mean of the
            processes' gradients is then the gradient of the whole batch.
        images: The whole batch, shape `(n, 1, 8, 8)`.
        settings: Temperature and augmentations.
        generator: Source of the views, in the same state in all processes.
        group: Processes that share the batch.

    Returns:
        A tensor of shape `()`, the same in all processes.

    Raises:
        ValueError: If `images` is no batch of pictures of one channel, or cannot be shared equally; if `generator` is
            none; or as for `nt_xent`, for the projections.
    """
    check_images(images)
    rank, count = (0, 1) if group is None else (get_rank(group), get_world_size(group))
    if len(images) % count:
        raise ValueError(f"images must be a multiple of the number of processes, {count}, got {len(images)}")
    views = two_views(images, settings.augmentations, generator)
    mine = torch.cat([view.chunk(count)[rank] for view in views])
    return nt_xent(*network(mine).chunk(2), settings.temperature, group=group)


def _step(network: nn.Module, images: Tensor, training: Training, steps: int, group: ProcessGroup | None) -> None:
    settings, optimizer = training.settings, training.optimizer
    scale = math.sqrt(settings.batch_size / USUAL_BATCH) * (1 + math.cos(math.pi * len(training.losses) / steps)) / 2
    for parameters in optimizer.param_groups:
        parameters["lr"] = settings.learning_rate * scale
    loss = batch_loss(network, images, settings, training.generator, group)
    if not loss.isfinite():
        raise ValueError(f"learning_rate must be so small that the loss stays finite, got {settings.learning_rate!r}")
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    training.losses.append(loss.item())
