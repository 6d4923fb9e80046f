r"""What every bijection $F$ offers, and the three ways to make one of others: in sequence, backward, reordered.

Vectors lie along the last axis, leading axes are a batch. Log-determinants are in nats and have the batch's shape.
"""

from collections.abc import Sequence
from numbers import Integral

import torch
from torch import Tensor, nn

from hw.arguments import check_count, check_event

__all__ = ["Bijection", "Compose", "Inverse", "Permute"]


class Bijection(nn.Module):
    r"""A bijection $x = F(u)$ of $\mathbb{R}^d$ with the logarithm of its Jacobian determinant.

    A kind of bijection says how to go either way in `_push` and `_pull`, which get vectors that have been checked.

    Args:
        features: Dimension $d$.

    Attributes:
        closed_forward: Whether $F$ is computed in closed form; if not, `forward` solves an equation numerically.
        closed_inverse: The same of $F^{-1}$ and `inverse`.

    Raises:
        ValueError: If `features` is not a positive integer. The methods: if a vector is no tensor of shape `(..., d)`
            and of the parameters' type.
    """

    closed_forward = True
    closed_inverse = True

    def __init__(self, features: int) -> None:
        """Keep the dimension."""
        check_count("features", features)
        super().__init__()
        self.features = features

    @property
    def dtype(self) -> torch.dtype | None:
        """Type of the parameters, or none where there are none."""
        return getattr(next(self.parameters(), None), "dtype", None)

    def forward(self, u: Tensor) -> Tensor:
        """Map `u`, shape `(..., d)`, to `x` of the same shape."""
        return self.forward_and_log_det(u)[0]

    def inverse(self, x: Tensor) -> Tensor:
        """Map `x`, shape `(..., d)`, to the `u` with `forward(u) = x`."""
        return self.inverse_and_log_det(x)[0]

    def log_abs_det_jacobian(self, u: Tensor) -> Tensor:
        r"""Give $\log\lvert\det J_F(u)\rvert$ in nats, shape `(...)`, for `u` of shape `(..., d)`."""
        return self.forward_and_log_det(u)[1]

    def forward_and_log_det(self, u: Tensor) -> tuple[Tensor, Tensor]:
        r"""Give $F(u)$ and $\log\lvert\det J_F(u)\rvert$, which share most of their work."""
        check_event("u", u, self.features, self.dtype)
        return self._push(u)

    def inverse_and_log_det(self, x: Tensor) -> tuple[Tensor, Tensor]:
        r"""Give $F^{-1}(x)$ and $\log\lvert\det J_{F^{-1}}(x)\rvert$: minus the one above, at $F^{-1}(x)$."""
        check_event("x", x, self.features, self.dtype)
        return self._pull(x)

    def _push(self, u: Tensor) -> tuple[Tensor, Tensor]:
        raise NotImplementedError

    def _pull(self, x: Tensor) -> tuple[Tensor, Tensor]:
        raise NotImplementedError


class Compose(Bijection):
    r"""One bijection after another, the first listed applied first.

    Args:
        bijections: At least one, all of one dimension.

    Raises:
        ValueError: If there is none, one is no `Bijection`, or dimensions differ.

    Examples:
        >>> import torch
        >>> from hw.flows import Affine, Compose, Permute
        >>> flow = Compose(Affine(torch.tensor([1.0, 2.0]), torch.zeros(2)), Permute([1, 0]))
        >>> flow(torch.zeros(2)).tolist(), flow.inverse(torch.zeros(2)).tolist()
        ([2.0, 1.0], [-1.0, -2.0])
    """

    def __init__(self, *bijections: Bijection) -> None:
        """Check that the bijections fit together."""
        if not bijections:
            raise ValueError("bijections must name at least one, got none")
        for bijection in bijections:
            _check_bijection("each of bijections", bijection)
            if bijection.features != bijections[0].features:
                raise ValueError(
                    "bijections must be of one dimension so that each maps what the one before it gives, "
                    f"got {[each.features for each in bijections]}"
                )
        super().__init__(bijections[0].features)
        self.bijections = nn.ModuleList(bijections)
        self.closed_forward = all(bijection.closed_forward for bijection in bijections)
        self.closed_inverse = all(bijection.closed_inverse for bijection in bijections)

    def _push(self, u: Tensor) -> tuple[Tensor, Tensor]:
        first, *others = self.bijections
        u, total = first._push(u)
        for bijection in others:
            u, log_det = bijection._push(u)
            total = total + log_det
        return u, total

    def _pull(self, x: Tensor) -> tuple[Tensor, Tensor]:
        *others, last = self.bijections
        x, total = last._pull(x)
        for bijection in reversed(others):
            x, log_det = bijection._pull(x)
            total = total + log_det
        return x, total


class Inverse(Bijection):
    r"""The inverse of a bijection, as a bijection: `forward` and `inverse` change places.

    `Inverse(MaskedAutoregressive(...))` is an inverse autoregressive flow (IAF): it samples in one pass. `Inverse` of a
    planar map is the flow whose density at data is in closed form.

    Args:
        bijection: What to invert.

    Raises:
        ValueError: If it is no `Bijection`.

    Examples:
        >>> import torch
        >>> from hw.flows import Affine, Inverse
        >>> Inverse(Affine(torch.ones(1), torch.zeros(1)))(torch.zeros(1)).item()
        -1.0

    References:
        Kingma et al. (2016), *Improved Variational Inference with Inverse Autoregressive Flow*,
        <https://arxiv.org/abs/1606.04934>.
    """

    def __init__(self, bijection: Bijection) -> None:
        """Swap what is in closed form."""
        _check_bijection("bijection", bijection)
        super().__init__(bijection.features)
        self.bijection = bijection
        self.closed_forward, self.closed_inverse = bijection.closed_inverse, bijection.closed_forward

    def _push(self, u: Tensor) -> tuple[Tensor, Tensor]:
        return self.bijection._pull(u)

    def _pull(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.bijection._push(x)


class Permute(Bijection):
    r"""Coordinates in another order, $x_i = u_{\text{order}[i]}$; volumes stay as they are.

    Args:
        order: The indices from 0 to `d - 1`, each once.

    Raises:
        ValueError: If `order` is no permutation.

    Examples:
        >>> import torch
        >>> from hw.flows import Permute
        >>> Permute([2, 0, 1])(torch.tensor([10, 11, 12])).tolist()
        [12, 10, 11]
    """

    def __init__(self, order: Sequence[int] | Tensor) -> None:
        """Keep the order and its inverse; neither is part of the state dict."""
        listed = order.tolist() if isinstance(order, Tensor) and order.layout == torch.strided else order
        is_sequence = isinstance(listed, Sequence) and len(listed) > 0
        is_whole = is_sequence and all(isinstance(place, Integral) and not isinstance(place, bool) for place in listed)
        if not is_whole or sorted(listed) != list(range(len(listed))):
            raise ValueError(f"order must hold each index from 0 to d - 1 once, got {order!r}")
        super().__init__(len(listed))
        self.register_buffer("order", torch.tensor(listed), persistent=False)
        self.register_buffer("back", self.order.argsort(), persistent=False)

    def _push(self, u: Tensor) -> tuple[Tensor, Tensor]:
        return u.index_select(-1, self.order), u.new_zeros(u.shape[:-1])

    def _pull(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x.index_select(-1, self.back), x.new_zeros(x.shape[:-1])


def _check_bijection(name: str, value: object) -> None:
    if not isinstance(value, Bijection):
        raise ValueError(f"{name} must be a hw.flows.Bijection, got {type(value).__name__}")
