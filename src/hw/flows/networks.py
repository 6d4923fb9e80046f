"""The dense networks that say how far to stretch and move a coordinate, given others."""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hw.arguments import check_callable, check_count, check_counts, check_event, check_generator
from hw.masks import Mask

__all__ = ["AffineNetwork"]

SHARE = math.pi / 2 / math.log(1000.0)


class AffineNetwork(nn.Module):
    r"""Dense network with two outputs for each coordinate: its shift, and the logarithm of its scale.

    The log-scale is $\tfrac1a \arctan a r$ of what comes out of the last layer, with $a = \tfrac{\pi}{2 \log 1000}$, so
    that scales lie between 1/1000 and 1000, up to rounding, however far out the input is. It is smooth, and $r$ near
    zero. The last layer starts at zero: no shift, scale one. The layers before it start uniform, within one over
    the root of their inputs.

    Args:
        in_features: Number of inputs.
        hidden_features: Width of each hidden layer, first layer first.
        out_features: Number `d` of coordinates.
        generator: Source of the starting weights.
        activation: Function between the layers. With `torch.relu` densities have kinks; `torch.tanh` makes them smooth.
        masks: One for each layer, in the layout of its weight, or none; the last serves the shifts and the log-scales.

    Raises:
        ValueError: If a number is not a positive integer, `generator` is no generator or `activation` not callable; if
            `masks` are not of the layers' shapes. In `forward`: if `values` is no tensor of shape `(..., in_features)`
            and of the parameters' type.

    Examples:
        >>> import torch
        >>> from hw.flows.networks import AffineNetwork
        >>> network = AffineNetwork(2, [8], 3, generator=torch.Generator().manual_seed(0))
        >>> shift, log_scale = network(torch.ones(5, 2))
        >>> shift.shape, log_scale.abs().max().item()
        (torch.Size([5, 3]), 0.0)
    """

    def __init__(
        self,
        in_features: int,
        hidden_features: Sequence[int],
        out_features: int,
        *,
        generator: torch.Generator,
        activation: Callable[[Tensor], Tensor] = torch.relu,
        masks: Sequence[Mask] | None = None,
    ) -> None:
        """Make the layers, and draw their weights."""
        check_count("in_features", in_features)
        check_count("out_features", out_features)
        check_counts("hidden_features", hidden_features)
        check_generator(generator)
        check_callable("activation", activation)
        shapes = [(after, before) for before, after in pairwise((in_features, *hidden_features, out_features))]
        if masks is not None and [(len(mask), *{len(row) for row in mask}) for mask in masks] != shapes:
            raise ValueError(f"masks must have the shapes {shapes}, got {masks!r}")
        super().__init__()
        self.activation = activation
        widths = [in_features, *hidden_features, 2 * out_features]
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        for number, (before, after) in enumerate(pairwise(widths)):
            bound = before**-0.5 if number < len(hidden_features) else 0.0
            self.weights.append(torch.empty(after, before).uniform_(-bound, bound, generator=generator))
            self.biases.append(torch.empty(after).uniform_(-bound, bound, generator=generator))
        self.is_masked = masks is not None
        for number, mask in enumerate(masks or ()):
            rows = mask * 2 if number == len(hidden_features) else mask
            self.register_buffer(f"mask_{number}", torch.tensor(rows, dtype=torch.float32), persistent=False)

    def forward(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Give shift and log-scale, each of shape `(..., d)`."""
        check_event("values", values, self.weights[0].shape[1], self.weights[0].dtype)
        last = len(self.weights) - 1
        for number, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            if self.is_masked:
                weight = weight * getattr(self, f"mask_{number}")
            values = F.linear(values, weight, bias)
            if number < last:
                values = self.activation(values)
        shift, raw = values.chunk(2, -1)
        return shift, (SHARE * raw).atan() / SHARE
