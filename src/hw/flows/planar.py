r"""The planar flow, with a log-determinant that never cancels and an inverse found numerically.

References:
    Rezende and Mohamed (2015), *Variational Inference with Normalizing Flows*, section 4.1 and appendix A.1,
    <https://arxiv.org/abs/1505.05770>.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx

from hw.arguments import check_finite, check_floating
from hw.flows.bijection import Bijection

__all__ = ["Planar"]

TINY_LOG_SLOPE = -40.0  # below, the slope at 0 is kept by its logarithm alone: second derivatives have its square


class Planar(Bijection):
    r"""The planar flow $x = u + v \tanh(w^\top u + b)$, a bijection as long as $w^\top v > -1$.

    Its determinant is $1 + w^\top v \,\operatorname{sech}^2(w^\top u + b)$. With $c = 1 + w^\top v$, which is positive,
    it is $\tanh^2 + c \operatorname{sech}^2$, a sum of positive terms: no absolute value and no cancellation, however
    close $w^\top v$ comes to its bound.

    An optimizer moves $w$, $b$ and a `free` vector; $v$ is `free` moved along $w$ until $c$ is the softplus of
    $w^\top \text{free}$, as in the paper, so that no step leaves the bijections. As $w \to 0$ that $v$ grows like
    $0.31 / \lvert w\rvert$. At $w = 0$, where the paper's $v$ is undefined, it is `free` and the map a translation.

    The inverse has no closed form (`closed_inverse` is false). `inverse` solves one equation along $w$ by Newton's
    method inside a bracket that always shrinks. Mapping its result gives `x` back to a few roundings times
    $1 + \lvert w\rvert\,\lvert v\rvert$, relative to the largest of 1, the entries and $v$: to $10^{-12}$ in float64
    while $\lvert w\rvert\,\lvert v\rvert < 1000$. It is differentiable.

    Args:
        w: Normal of the planes, shape `(d,)`.
        v: Direction in which they move, same shape and type; the paper calls it $u$.
        b: Offset, shape `()`.

    Raises:
        ValueError: If shapes or types differ, an entry or $w^\top v$ is infinite or NaN, $w$ is not zero and its square
            over- or underflows, $w^\top v \le -1$, so that the map is no bijection or `Planar` has no density for it,
            or a vector has another size or type.

    Examples:
        >>> import torch
        >>> from hw.flows import Planar
        >>> planar = Planar(w=torch.tensor([2.0, 0.0]), v=torch.tensor([1.0, 3.0]), b=torch.tensor(0.0))
        >>> round(planar.log_abs_det_jacobian(torch.zeros(2)).exp().item(), 5)  # 1 + 2 · 1
        3.0

    References:
        Rezende and Mohamed (2015), section 4.1 and appendix A.1, <https://arxiv.org/abs/1505.05770>.
    """

    closed_inverse = False

    def __init__(self, w: Tensor, v: Tensor, b: Tensor) -> None:
        """Find the free vector that gives `v`."""
        for name, value, dims in (("w", w, 1), ("v", v, 1), ("b", b, 0)):
            check_floating(f"{name} must be", value)
            if value.dim() != dims or value.dtype != w.dtype or (dims and value.shape != w.shape):
                shape = "()" if dims == 0 else "(d,), the one of w"
                raise ValueError(
                    f"{name} must have shape {shape}, and the type of w, got shape {tuple(value.shape)}, {value.dtype}"
                )
            check_finite(name, value, "the map can be inverted")
        square, product = w.square().sum(), w @ v
        if w.any() and not torch.finfo(w.dtype).tiny <= square <= torch.finfo(w.dtype).max:
            raise ValueError(f"w must be zero or have a square that {w.dtype} holds, got w·w = {square.item():g}")
        if not -1 < product < math.inf:
            raise ValueError(f"v must satisfy w·v > -1 so that the map is a bijection, got w·v = {product.item():g}")
        super().__init__(len(w))
        self.w, self.b = nn.Parameter(w.detach().clone()), nn.Parameter(b.detach().clone())
        self.free = nn.Parameter(_freed(w.detach(), v.detach()))

    def _push(self, u: Tensor) -> tuple[Tensor, Tensor]:
        v, _, log_slope = self._constrained()
        height = F.linear(u, self.w[None], self.b[None])
        return u + F.linear(height.tanh(), v[:, None]), _log_det(height[..., 0], log_slope)

    def _pull(self, x: Tensor) -> tuple[Tensor, Tensor]:
        v, slope, log_slope = self._constrained()
        height = _Height.apply(x @ self.w + self.b, slope, log_slope)
        return x - v * height.tanh()[..., None], -_log_det(height, log_slope)

    @property
    def v(self) -> Tensor:
        """The direction, shape `(d,)`, as it follows from the parameters."""
        return self._constrained()[0]

    def _constrained(self) -> tuple[Tensor, Tensor, Tensor]:
        """The direction, c, which is the slope of the map along w at height 0, and the logarithm of c."""
        square = self.w.square().sum()
        if square < torch.finfo(square.dtype).tiny:  # a translation, whatever the paper's formula would give
            return self.free, torch.ones_like(square), torch.zeros_like(square)
        product = self.w @ self.free
        slope = _softplus(product)
        return self.free + (slope - 1 - product) / square * self.w, slope, _log_softplus(product)


def _freed(w: Tensor, v: Tensor) -> Tensor:
    square, product = w.square().sum(), w @ v
    if square < torch.finfo(square.dtype).tiny:
        return v.clone()
    slope = 1 + product
    free_product = slope + (-(-slope).expm1()).log()  # log expm1, which overflows for large slopes
    return v + (free_product - product) / square * w


def _softplus(x: Tensor) -> Tensor:
    # F.softplus is off by 2e-9 at its threshold; where an exp overflows, logaddexp has NaN for a second derivative
    return -F.logsigmoid(-x) if x > 0 else x.exp().log1p()


def _log_softplus(x: Tensor) -> Tensor:
    # Far left the softplus is exp x, which underflows; its logarithm is x.
    return _softplus(x).log() if x > -20 else x - x.exp() / 2


def _log_det(height: Tensor, log_slope: Tensor) -> Tensor:
    """The logarithm of tanh² + c sech², for the logarithm of c."""
    tanh = height.tanh()
    # sech² as a product of sigmoids: 1 - tanh² loses its digits where tanh is near one
    sech_squared = 4 * torch.sigmoid(2 * height) * torch.sigmoid(-2 * height)
    if log_slope > TINY_LOG_SLOPE:
        return (tanh.square() + log_slope.exp() * sech_squared).log()
    return _log_det_of_tiny_slope(tanh, sech_squared, log_slope)


def _log_det_of_tiny_slope(tanh: Tensor, sech_squared: Tensor, log_slope: Tensor) -> Tensor:
    """The same with the larger of tanh² and c taken out of the logarithm: neither is squared, which would underflow."""
    is_near = (tanh == 0) | (2 * tanh.abs().log() < log_slope)
    most = math.log(torch.finfo(tanh.dtype).max) - 1
    ratio = torch.where(is_near, tanh, 0) * (-log_slope / 2).clamp(max=most).exp()
    near = log_slope + (ratio.square() + torch.where(is_near, sech_squared, 1)).log()
    size = tanh * tanh.detach().sign()  # the second derivative of abs would import torch._dynamo
    log_square = 2 * torch.where(is_near, 1, size).log()
    far = log_square + (sech_squared * (log_slope - log_square).exp()).log1p()
    return torch.where(is_near, near, far)


class _Height(torch.autograd.Function):
    """The root h of h + (c - 1) tanh h = target, with its derivatives by the implicit function theorem."""

    @staticmethod
    def forward(target: Tensor, slope: Tensor, log_slope: Tensor) -> Tensor:
        return _root(target.double(), slope.double()).to(target.dtype)

    @staticmethod
    def setup_context(ctx: FunctionCtx, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        ctx.save_for_backward(output, inputs[2])

    @staticmethod
    def backward(ctx: FunctionCtx, gradient: Tensor) -> tuple[Tensor, Tensor, None]:
        height, log_slope = ctx.saved_tensors
        by_target = gradient * (-_log_det(height, log_slope)).exp()
        return by_target, -(by_target * height.tanh()).sum(), None

    @staticmethod
    def vmap(info: object, in_dims: tuple[int | None, ...], *inputs: Tensor) -> tuple[Tensor, int]:
        """All targets at once: they are found one by one, whatever their shape."""
        return _Height.apply(*inputs), in_dims[0]


def _root(target: Tensor, slope: Tensor) -> Tensor:
    """Newton's method from the end of the bracket from which it does not overshoot, halving where it leaves it."""
    size, least = target.abs(), torch.finfo(slope.dtype).tiny
    low, high = size / slope.clamp(min=1), torch.minimum(size + 1, size / slope.clamp(least, 1))
    height = torch.where(slope < 1, high, low)  # convex beyond 0 for slopes below one, concave above
    for _ in range(200):
        tanh = height.tanh()
        excess = height - tanh + slope * tanh - size
        low, high = torch.where(excess < 0, height, low), torch.where(excess < 0, high, height)
        newton = height - excess / (tanh.square() + slope * (1 - tanh.square()))
        better = torch.where((low <= newton) & (newton <= high), newton, (low + high) / 2)
        rounding = 2e-15 * (height + slope * tanh)  # steps may never end, the excess gets as small as its terms allow
        height = better
        if not (excess.abs() > rounding).any():  # NaN has nowhere to go
            break
    return height.copysign(target)
