"""Stretching and moving each coordinate."""

import torch
from torch import Tensor, nn

from hw.arguments import check_finite, check_floating
from hw.flows.bijection import Bijection

__all__ = ["Affine"]


class Affine(Bijection):
    r"""Each coordinate stretched and moved, $x = e^{s} \odot u + t$.

    Args:
        shift: $t$, shape `(d,)`: where the parameter starts.
        log_scale: $s$, the logarithm of the positive scale, same shape and type.

    Raises:
        ValueError: If shapes or types differ, an entry is infinite or NaN, a scale is 0 or infinite in that type,
            or a vector has another size or type.

    Examples:
        >>> import torch
        >>> from hw.flows import Affine
        >>> double = Affine(shift=torch.ones(2), log_scale=torch.full((2,), 2.0).log())
        >>> double(torch.tensor([0.0, 3.0])).tolist(), double.inverse(torch.tensor([1.0, 7.0])).tolist()
        ([1.0, 7.0], [0.0, 3.0])
    """

    def __init__(self, shift: Tensor, log_scale: Tensor) -> None:
        """Start the parameters at copies of these values."""
        for name, value in (("shift", shift), ("log_scale", log_scale)):
            check_floating(f"{name} must be", value)
            if value.dim() != 1 or value.shape != shift.shape or value.dtype != shift.dtype:
                raise ValueError(
                    f"{name} must have shape (d,), and shift and log_scale one shape and type, "
                    f"got shape {tuple(value.shape)}, {value.dtype}"
                )
            check_finite(name, value, "the map can be inverted")
        both = torch.cat((log_scale.exp(), (-log_scale).exp()))
        check_finite("exp of log_scale and of its negative", both, "the scale is a positive number")
        super().__init__(len(shift))
        self.shift = nn.Parameter(shift.detach().clone())
        self.log_scale = nn.Parameter(log_scale.detach().clone())

    def _push(self, u: Tensor) -> tuple[Tensor, Tensor]:
        return u * self.log_scale.exp() + self.shift, self._log_det(u)

    def _pull(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return (x - self.shift) * (-self.log_scale).exp(), -self._log_det(x)

    def _log_det(self, values: Tensor) -> Tensor:
        return self.log_scale.sum() + torch.zeros_like(values[..., 0])
