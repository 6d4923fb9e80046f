"""The networks of SimCLR: an encoder, whose output is the representation, and a projection head, discarded later.

References:
    Chen, Kornblith, Norouzi and Hinton (2020), *A Simple Framework for Contrastive Learning of Visual Representations*,
    sections 2.1 and 4.2, <https://arxiv.org/abs/2002.05709>.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from hw.arguments import check_generator
from hw.simclr.views import check_images

__all__ = ["HEADS", "SimCLR", "check_head", "check_pictures"]

PIXELS, HIDDEN, FEATURES, PROJECTION = 64, 256, 128, 64
HEADS = {  # the widths of a head's layers
    "none": (FEATURES,),
    "linear": (FEATURES, PROJECTION),
    "nonlinear": (FEATURES, FEATURES, PROJECTION),
}


class SimCLR(nn.Module):
    """An encoder of 8×8 pictures, two dense layers, and a projection head.

    There is no batch normalization, by which one sample would tell of others.

    Args:
        head: One of `HEADS`: `none`, so that the loss acts on the representation; `linear`, a dense layer; or
            `nonlinear`, two with a rectifier between.
        generator: Source of the starting weights, uniform within one over the root of a layer's inputs.

    Raises:
        ValueError: If the head is none of these, or `generator` is none. In `forward`: if `images` is no batch of
            pictures of the weights' type.

    Examples:
        >>> import torch
        >>> from hw.simclr import SimCLR
        >>> model = SimCLR("nonlinear", generator=torch.Generator().manual_seed(0))
        >>> h = model.encoder(torch.ones(5, 1, 8, 8))
        >>> h.shape, model.head(h).shape
        (torch.Size([5, 128]), torch.Size([5, 64]))
    """

    def __init__(self, head: str, *, generator: torch.Generator) -> None:
        """Make the layers, and draw their weights."""
        check_head(head)
        check_generator(generator)
        super().__init__()
        self.encoder = nn.Sequential(nn.Flatten(), *_dense((PIXELS, HIDDEN, FEATURES), generator), nn.ReLU())
        self.head = nn.Sequential(*_dense(HEADS[head], generator))

    def forward(self, images: Tensor) -> Tensor:
        """The projections that the loss compares, shape `(n, features)`, from pictures `(n, 1, 8, 8)`."""
        check_pictures(images, self.encoder[1].weight.dtype)
        return self.head(self.encoder(images))


def check_pictures(images: Tensor, dtype: torch.dtype) -> None:
    """Refuse what is no batch of 8×8 pictures of the weights' type."""
    check_images(images)
    if images.shape[2:] != (8, 8) or images.dtype != dtype:
        raise ValueError(
            f"images must be 8×8 of the weights' type {dtype}, got {tuple(images.shape)} of {images.dtype}"
        )


def check_head(head: str) -> None:
    """Refuse what is none of `HEADS`."""
    if head not in HEADS:
        raise ValueError(f"head must be one of {', '.join(HEADS)}, got {head!r}")


def _dense(widths: tuple[int, ...], generator: torch.Generator) -> list[nn.Module]:
    """Dense layers of these widths, with rectifiers between them."""
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layer = nn.utils.skip_init(nn.Linear, before, after)  # its own draws are global ones
        for parameter in layer.parameters():
            nn.init.uniform_(parameter, -(before**-0.5), before**-0.5, generator=generator)
        layers += [layer, nn.ReLU()]
    return layers[:-1]
