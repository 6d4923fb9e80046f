"""Affine coupling: half of the coordinates stay, and say what happens to the others."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from hw.flows.bijection import Bijection
from hw.flows.networks import AffineNetwork

__all__ = ["AffineCoupling"]


class AffineCoupling(Bijection):
    r"""Affine coupling: $x_A = u_A$, $x_B = e^{s(u_A)} \odot u_B + t(u_A)$.

    $A$ is the first half of the coordinates, rounded down, and $B$ the rest; put `Permute` between two couplings, so
    that each coordinate gets its turn. Both directions take one pass of the network, which starts as the identity.

    Args:
        features: Dimension `d`, at least 2.
        hidden_features: Width of each hidden layer of the network for $s$ and $t$, first layer first.
        generator: Source of the starting weights.
        activation: Function between the layers. With `torch.relu` densities have kinks; `torch.tanh` makes them smooth.

    Raises:
        ValueError: If `features` is below 2, a width is not a positive integer, `generator` is no generator,
            `activation` is not callable, or a vector has another size or type.

    Examples:
        >>> import torch
        >>> from hw.flows import AffineCoupling
        >>> coupling = AffineCoupling(4, [8], generator=torch.Generator().manual_seed(0))
        >>> coupling(torch.arange(4.0)).tolist()
        [0.0, 1.0, 2.0, 3.0]

    References:
        Dinh, Sohl-Dickstein and Bengio (2017), *Density Estimation Using Real NVP*, section 3.2,
        <https://arxiv.org/abs/1605.08803>.
    """

    def __init__(
        self,
        features: int,
        hidden_features: Sequence[int],
        *,
        generator: torch.Generator,
        activation: Callable[[Tensor], Tensor] = torch.relu,
    ) -> None:
        """Split the coordinates and make the network."""
        super().__init__(features)
        if features < 2:
            raise ValueError(f"features must be at least 2 so that some stay and some move, got {features}")
        self.kept = features // 2
        self.network = AffineNetwork(
            self.kept, hidden_features, features - self.kept, generator=generator, activation=activation
        )

    def _push(self, u: Tensor) -> tuple[Tensor, Tensor]:
        kept, moved, shift, log_scale = self._parts(u)
        return torch.cat((kept, moved * log_scale.exp() + shift), -1), log_scale.sum(-1)

    def _pull(self, x: Tensor) -> tuple[Tensor, Tensor]:
        kept, moved, shift, log_scale = self._parts(x)
        return torch.cat((kept, (moved - shift) * (-log_scale).exp()), -1), -log_scale.sum(-1)

    def _parts(self, values: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        kept, moved = values[..., : self.kept], values[..., self.kept :]
        return kept, moved, *self.network(kept)
