"""Random views of small gray pictures: six augmentations, each of which can be left out.

Each draws its own strength for every picture. None mirrors: a mirrored digit is no digit.

References:
    Chen, Kornblith, Norouzi and Hinton (2020), *A Simple Framework for Contrastive Learning of Visual Representations*,
    section 3, where crops, color and blur play the part of these, <https://arxiv.org/abs/2002.05709>.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from hw.arguments import check_floating, check_generator

__all__ = ["AUGMENTATIONS", "augment", "check_augmentations", "check_images", "two_views"]

LEAST_AREA, MOST_RATIO = 0.4, 4 / 3  # of a crop, relative to the picture
MOST_DEGREES = 25.0
LEAST_BLUR, MOST_BLUR = 0.1, 1.0  # deviations, in pixels
CONTRAST, BRIGHTNESS = 0.6, 0.3  # largest change of the factor from 1, and of the level from 0
NOISE = 0.2  # deviation
MOST_ERASED = 4  # pixels, of a side


def augment(images: Tensor, names: Sequence[str], generator: torch.Generator) -> Tensor:
    """One random view of each picture.

    Args:
        images: Shape `(n, 1, height, width)`.
        names: Which of `AUGMENTATIONS` to apply; they are applied in their own order, whatever the order here.
        generator: Source of all draws.

    Returns:
        The views, of the shape and type of `images`, which stay as they are. Noise and contrast leave the range 0 to 1.

    Raises:
        ValueError: If `images` is no batch of pictures of one channel, a name is unknown or there twice, or
            `generator` is none.

    Examples:
        >>> import torch
        >>> from hw.simclr import augment
        >>> images, generator = torch.ones(2, 1, 8, 8), torch.Generator().manual_seed(0)
        >>> torch.equal(augment(images, [], generator), images)
        True
        >>> torch.equal(augment(images, ["noise"], generator), images)
        False
    """
    check_images(images)
    check_augmentations(names)
    check_generator(generator)
    for name, function in AUGMENTATIONS.items():
        if name in names:
            images = function(images, generator)
    return images


def two_views(images: Tensor, names: Sequence[str], generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Two views of each picture, drawn independently; the arguments are those of `augment`.

    Raises:
        ValueError: As for `augment`.
    """
    return augment(images, names, generator), augment(images, names, generator)


def check_images(images: Tensor) -> None:
    """Refuse what is no batch of pictures of one channel."""
    check_floating("images must be", images)
    if images.ndim != 4 or images.shape[1] != 1 or 0 in images.shape:
        raise ValueError(f"images must have the shape (n, 1, height, width), got {tuple(images.shape)}")


def check_augmentations(names: Sequence[str]) -> None:
    """Refuse names that are none of `AUGMENTATIONS`, or there twice."""
    if isinstance(names, str) or len(set(names)) < len(names) or not set(names) <= set(AUGMENTATIONS):
        raise ValueError(f"augmentations must be different names out of {', '.join(AUGMENTATIONS)}, got {names!r}")


def _crop(images: Tensor, generator: torch.Generator) -> Tensor:
    """Cut a rectangle out, anywhere in the picture, and stretch it to the picture's size."""
    uniform = partial(torch.rand, generator=generator, dtype=images.dtype)
    area = LEAST_AREA + (1 - LEAST_AREA) * uniform(len(images))
    ratio = torch.exp((2 * uniform(len(images)) - 1) * math.log(MOST_RATIO))
    sides = torch.stack(((area * ratio).sqrt(), (area / ratio).sqrt()), 1).clamp(max=1)
    centers = (2 * uniform(len(images), 2) - 1) * (1 - sides)
    return _resampled(images, torch.cat((torch.diag_embed(sides), centers[..., None]), 2))


def _rotate(images: Tensor, generator: torch.Generator) -> Tensor:
    """Turn about the center."""
    angles = (2 * torch.rand(len(images), generator=generator, dtype=images.dtype) - 1) * math.radians(MOST_DEGREES)
    cosine, sine, zero = angles.cos(), angles.sin(), torch.zeros_like(angles)
    rows = torch.stack((cosine, -sine, zero), 1), torch.stack((sine, cosine, zero), 1)
    return _resampled(images, torch.stack(rows, 1))


def _resampled(images: Tensor, maps: Tensor) -> Tensor:
    """Each picture read off at the places to which its affine map, shape `(2, 3)`, takes the pixels; paper outside."""
    places = F.affine_grid(maps, list(images.shape), align_corners=False)
    return F.grid_sample(images, places, align_corners=False)


def _blur(images: Tensor, generator: torch.Generator) -> Tensor:
    """Blur by a normal kernel of five by five pixels."""
    deviations = torch.rand(len(images), 1, generator=generator, dtype=images.dtype)
    deviations = LEAST_BLUR + (MOST_BLUR - LEAST_BLUR) * deviations
    kernels = torch.softmax(-(torch.arange(-2, 3, dtype=images.dtype) / deviations).square() / 2, 1)
    kernels = (kernels[:, :, None] * kernels[:, None])[:, None]
    return F.conv2d(images.transpose(0, 1), kernels, padding=2, groups=len(images)).transpose(0, 1)


def _contrast(images: Tensor, generator: torch.Generator) -> Tensor:
    """Multiply by a factor and add a level."""
    factor, level = 2 * torch.rand(2, len(images), 1, 1, 1, generator=generator, dtype=images.dtype) - 1
    return images * (1 + CONTRAST * factor) + BRIGHTNESS * level


def _noise(images: Tensor, generator: torch.Generator) -> Tensor:
    """Add normal noise to every pixel."""
    return images + NOISE * torch.randn(images.shape, generator=generator, dtype=images.dtype)


def _erase(images: Tensor, generator: torch.Generator) -> Tensor:
    """Set a rectangle to zero."""
    inside = []
    for size in images.shape[-2:]:
        lengths = torch.randint(1, min(MOST_ERASED, size) + 1, (len(images), 1), generator=generator)
        starts = (torch.rand(len(images), 1, generator=generator) * (size - lengths + 1)).long()
        inside.append((torch.arange(size) >= starts) & (torch.arange(size) < starts + lengths))
    rows, columns = inside
    return images.masked_fill((rows[:, :, None] & columns[:, None])[:, None], 0)


AUGMENTATIONS: dict[str, Callable[[Tensor, torch.Generator], Tensor]] = {
    "crop": _crop,
    "rotate": _rotate,
    "blur": _blur,
    "contrast": _contrast,
    "noise": _noise,
    "erase": _erase,
}
