"""The masked autoregressive flow."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from hw.arguments import check_count, check_counts
from hw.flows.bijection import Bijection
from hw.flows.networks import AffineNetwork
from hw.masks import made_masks

__all__ = ["MaskedAutoregressive"]


class MaskedAutoregressive(Bijection):
    r"""Masked autoregressive flow (MAF): $x_i = e^{s_i(x_{<i})}\,u_i + t_i(x_{<i})$, by one network with MADE's masks.

    `inverse`, and with it the density at given points, takes one pass of the network: all coordinates are known.
    `forward`, which samples, takes `d` passes, one for each coordinate, and keeps all of them for a gradient. With
    `Inverse` around it the two change places: that is the inverse autoregressive flow (IAF). The map starts as the
    identity.

    Args:
        features: Dimension `d`.
        hidden_features: Width of each hidden layer of the network for $s$ and $t$, first layer first.
        generator: Source of the starting weights.
        activation: Function between the layers. With `torch.relu` densities have kinks; `torch.tanh` makes them smooth.

    Raises:
        ValueError: If a number is not a positive integer, `generator` is no generator, `activation` is not callable, or
            a vector has another size or type.

    Examples:
        >>> import torch
        >>> from hw.flows import MaskedAutoregressive
        >>> flow = MaskedAutoregressive(3, [8], generator=torch.Generator().manual_seed(0))
        >>> flow.inverse(torch.arange(3.0)).tolist()
        [0.0, 1.0, 2.0]

    References:
        Papamakarios, Pavlakou and Murray (2017), *Masked Autoregressive Flow for Density Estimation*, section 3,
        <https://arxiv.org/abs/1705.07057>. Germain et al. (2015), *MADE*, <https://arxiv.org/abs/1502.03509>. Kingma et
        al. (2016), *Improved Variational Inference with Inverse Autoregressive Flow*,
        <https://arxiv.org/abs/1606.04934>.
    """

    def __init__(
        self,
        features: int,
        hidden_features: Sequence[int],
        *,
        generator: torch.Generator,
        activation: Callable[[Tensor], Tensor] = torch.relu,
    ) -> None:
        """Make the network with its masks."""
        check_count("features", features)
        check_counts("hidden_features", hidden_features)
        super().__init__(features)
        self.network = AffineNetwork(
            features,
            hidden_features,
            features,
            generator=generator,
            activation=activation,
            masks=made_masks(features, hidden_features),
        )

    def _push(self, u: Tensor) -> tuple[Tensor, Tensor]:
        x, places = torch.zeros_like(u), torch.arange(self.features, device=u.device)
        for place in places:
            shift, log_scale = self.network(x)
            x = torch.where(places == place, u * log_scale.exp() + shift, x)
        return x, log_scale.sum(-1)

    def _pull(self, x: Tensor) -> tuple[Tensor, Tensor]:
        shift, log_scale = self.network(x)
        return (x - shift) * (-log_scale).exp(), -log_scale.sum(-1)
