r"""Masked convolutions, and the two stacks of the Gated PixelCNN that have no blind spot.

Every layer here pads with zeros and keeps the size of the image. None flips its kernel, and none changes its weight:
the mask multiplies the weight in the forward pass, so an optimizer step cannot open a masked entry.

References:
    van den Oord, Kalchbrenner and Kavukcuoglu (2016), *Pixel Recurrent Neural Networks*,
    <https://arxiv.org/abs/1601.06759>. van den Oord et al. (2016), *Conditional Image Generation with PixelCNN
    Decoders*, <https://arxiv.org/abs/1606.05328>.
"""

from collections.abc import Sequence
from numbers import Integral

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hw.masks import degree_mask, mask

__all__ = ["GatedMaskedConv2d", "GatedPixelCNN", "MaskedConv2d"]


class MaskedConv2d(nn.Conv2d):
    r"""Convolution that reads the pixels before the output pixel (kind A), or those and the pixel itself (kind B).

    ```math id="masked-convolution" test="tests/test_bound_formulas.py::test_masked_layer_computes_the_displayed_sum"
    y_{o,p} = b_o + \sum_{c,\,\delta} M_{o,c,\delta}\, W_{o,c,\delta}\, x_{c,\,p+\delta}
    ```

    The mask $M$ is the buffer `mask`, of the shape of `weight`. It is not part of the state dict, so that a
    checkpoint cannot bring a wrong one.

    With `colors > 1` the channels fall into that many equal blocks in order, one a color (R first). Earlier pixels are
    then read in all colors; of the output pixel itself kind A reads the earlier colors, kind B those and its own.

    Args:
        kind: `"A"` for the first layer, `"B"` for later ones.
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        kernel_size: Odd size `k` of a square kernel, or `(kh, kw)`, both odd.
        dilation: Distance between neighboring kernel entries, in pixels.
        bias: Whether to add a bias.
        colors: Number of color blocks; 1 keeps all channels of a pixel together.

    Shape:
        `(n, in_channels, h, w)` to `(n, out_channels, h, w)`; without `n` too.

    Raises:
        ValueError: If `kind` is neither A nor B, a size is not a positive odd integer, another number is not a
            positive integer, or a channel count is not divisible by `colors`. In `forward`: if `x` has another shape or
            type than the layer takes.

    Examples:
        >>> from hw.masked_conv import MaskedConv2d
        >>> MaskedConv2d("A", 1, 1, 3).mask.int().tolist()
        [[[[1, 1, 1], [1, 0, 0], [0, 0, 0]]]]

        In a kind A layer on RGB images green reads the red of its own pixel, and blue reads both:

        >>> from hw.masked_conv import MaskedConv2d
        >>> MaskedConv2d("A", 3, 3, 1, colors=3).mask.int().squeeze().tolist()
        [[0, 0, 0], [1, 0, 0], [1, 1, 0]]

    References:
        van den Oord et al. (2016), *Pixel Recurrent Neural Networks*, section 3.4,
        <https://arxiv.org/abs/1601.06759>.
    """

    def __init__(
        self,
        kind: str,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        dilation: int = 1,
        bias: bool = True,
        *,
        colors: int = 1,
    ) -> None:
        """Check the arguments, then build the convolution and its mask."""
        taps = torch.tensor(mask(kind, kernel_size))
        _require_positive(dilation=dilation)
        center = degree_mask(
            kind,
            _color_of_channels("in_channels", in_channels, colors),
            _color_of_channels("out_channels", out_channels, colors),
        )
        reach = [size // 2 for size in taps.shape]
        super().__init__(
            in_channels,
            out_channels,
            tuple(taps.shape),
            padding=tuple(dilation * steps for steps in reach),
            dilation=dilation,
            bias=bias,
        )
        entries = taps.expand(self.weight.shape).to(self.weight)
        entries[:, :, reach[0], reach[1]] = torch.tensor(center).to(entries)
        self.register_buffer("mask", entries, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve with the masked weight."""
        _check_map("x", x, self)
        return self._conv_forward(x, self.weight * self.mask, self.bias)


class GatedMaskedConv2d(nn.Module):
    r"""Layer of the Gated PixelCNN: a vertical stack for the rows above, a horizontal one for the row itself.

    ```math id="gated-layer" test="tests/test_masked_conv.py::test_gated_layer_computes_the_equations"
    \begin{aligned}
    v' &= g(V * v) \\
    h' &= [h +]\; P\, g\bigl(M\, H * h + Q\, {\downarrow}(V * v)\bigr) \\
    g(a, b) &= \tanh a \odot \sigma(b)
    \end{aligned}
    ```

    $V$ covers the $\lfloor k/2 \rfloor$ rows above and the output row itself, columns on both sides; $\downarrow$ moves
    its map down by one row, so that $h'$ gets rows above only. $H$ is a `1 × k` kernel under the mask of `kind`. $P$
    and $Q$ are `1 × 1`. The residual, in brackets, is there for kind B alone: for kind A it would add the pixel itself.

    Args:
        kind: `"A"` for the first layer, which takes the image as both stacks, `"B"` for later ones.
        in_channels: Channels of either stack that comes in; for kind B the same as `channels`.
        channels: Channels of either stack that goes out.
        kernel_size: Odd size `k`.
        dilation: Distance between neighboring kernel entries, in pixels.
        bias: Whether the four convolutions have biases.
        colors: Number of color blocks of the horizontal stack, as in `MaskedConv2d`.

    Shape:
        Two of `(n, in_channels, h, w)`, vertical first, to two of `(n, channels, h, w)`; without `n` too.

    Raises:
        ValueError: If `kind` is neither A nor B, `kernel_size` is not a positive odd integer, another number is not a
            positive integer, a channel count is not divisible by `colors`, or kind B changes the number of channels.
            In `forward`: if a stack has another shape or type than the layer takes, or the two differ.

    Examples:
        >>> import torch
        >>> from hw.masked_conv import GatedMaskedConv2d
        >>> image = torch.zeros(1, 3, 5, 5)
        >>> vertical, horizontal = GatedMaskedConv2d("A", 3, 8, 3)(image, image)
        >>> vertical.shape == horizontal.shape == (1, 8, 5, 5)
        True

    References:
        van den Oord et al. (2016), *Conditional Image Generation with PixelCNN Decoders*,
        <https://arxiv.org/abs/1606.05328>.
    """

    def __init__(
        self,
        kind: str,
        in_channels: int,
        channels: int,
        kernel_size: int,
        dilation: int = 1,
        bias: bool = True,
        *,
        colors: int = 1,
    ) -> None:
        """Check the arguments, then build the four convolutions."""
        super().__init__()
        if isinstance(kernel_size, Sequence):
            raise ValueError(f"kernel_size must be one odd integer, got {kernel_size!r}")
        mask(kind, kernel_size)  # refuses both under the names the caller knows
        _require_positive(dilation=dilation)
        _color_of_channels("in_channels", in_channels, colors)
        _color_of_channels("channels", channels, colors)
        if kind == "B" and in_channels != channels:
            raise ValueError(
                f"in_channels must equal channels ({channels}) so that kind B can add its input, got {in_channels}"
            )
        reach = kernel_size // 2
        self.colors = colors
        self.residual = kind == "B"
        self.rows_above = reach * dilation
        self.vertical = nn.Conv2d(
            in_channels,
            2 * channels,
            (reach + 1, kernel_size),
            padding=(0, reach * dilation),
            dilation=dilation,
            bias=bias,
        )
        self.horizontal = MaskedConv2d(kind, in_channels, 2 * channels, (1, kernel_size), dilation, bias, colors=colors)
        self.vertical_to_horizontal = nn.Conv2d(2 * channels, 2 * channels, 1, bias=bias)
        self.horizontal_out = MaskedConv2d("B", channels, channels, 1, bias=bias, colors=colors)

    def forward(self, vertical: Tensor, horizontal: Tensor) -> tuple[Tensor, Tensor]:
        """Both stacks, vertical first."""
        _check_map("vertical", vertical, self.horizontal)
        _check_map("horizontal", horizontal, self.horizontal)
        if vertical.shape != horizontal.shape:
            raise ValueError(
                f"horizontal must have the shape of vertical, {tuple(vertical.shape)}, got {tuple(horizontal.shape)}"
            )
        rows = self.vertical(F.pad(vertical, (0, 0, self.rows_above, 0)))
        rows_before = F.pad(rows, (0, 0, 1, -1))
        gated = _gate(self.horizontal(horizontal) + self.vertical_to_horizontal(rows_before), self.colors)
        out = self.horizontal_out(gated)
        return _gate(rows, self.colors), horizontal + out if self.residual else out


class GatedPixelCNN(nn.Module):
    r"""Gated PixelCNN: layers of kind A, B, B, ..., then a `1 × 1` convolution of the horizontal stack.

    With $L$ layers a pixel sees every earlier pixel that lies at most $L \lfloor k/2 \rfloor$ rows and columns away:
    there is no blind spot, which a plain stack of masked convolutions has at any depth.

    Args:
        in_channels: Channels of the image.
        channels: Channels of either stack.
        out_channels: Channels of the output, for instance 256 logits a color.
        kernel_size: Odd size `k` of every layer.
        layers: Number $L$ of layers.
        colors: Number of color blocks, as in `MaskedConv2d`; 1 makes the colors of a pixel independent given the
            pixels before.

    Shape:
        `(n, in_channels, h, w)` to `(n, out_channels, h, w)`; without `n` too.

    Raises:
        ValueError: If `kernel_size` is not a positive odd integer, another number is not a positive integer, or a
            channel count is not divisible by `colors`. In `forward`: if `x` has another shape or type than the first
            layer takes.

    Examples:
        >>> from hw.leaks import first_leak
        >>> from hw.masked_conv import GatedPixelCNN
        >>> print(first_leak(GatedPixelCNN(1, 4, 2, 3, layers=2), (1, 4, 4)))
        None

    References:
        van den Oord et al. (2016), *Conditional Image Generation with PixelCNN Decoders*,
        <https://arxiv.org/abs/1606.05328>.
    """

    def __init__(
        self, in_channels: int, channels: int, out_channels: int, kernel_size: int, layers: int, *, colors: int = 1
    ) -> None:
        """Check the arguments, then build the layers."""
        super().__init__()
        _require_positive(layers=layers)
        _color_of_channels("out_channels", out_channels, colors)
        first = GatedMaskedConv2d("A", in_channels, channels, kernel_size, colors=colors)
        later = (GatedMaskedConv2d("B", channels, channels, kernel_size, colors=colors) for _ in range(layers - 1))
        self.layers = nn.ModuleList([first, *later])
        self.head = MaskedConv2d("B", channels, out_channels, 1, colors=colors)

    def forward(self, x: Tensor) -> Tensor:
        """The output of every pixel, from the pixels before it."""
        _check_map("x", x, self.layers[0].horizontal)
        vertical = horizontal = x
        for layer in self.layers:
            vertical, horizontal = layer(vertical, horizontal)
        return self.head(horizontal)


def _check_map(name: str, x: Tensor, layer: nn.Conv2d) -> None:
    shape, channels = tuple(x.shape), layer.in_channels
    if x.layout != torch.strided or len(shape) not in (3, 4) or shape[-3] != channels or 0 in shape[-2:]:
        raise ValueError(f"{name} must have shape (n, {channels}, h, w) or ({channels}, h, w), got shape {shape}")
    dtype = layer.weight.dtype
    if x.dtype != dtype and not torch.is_autocast_enabled(x.device.type):
        raise ValueError(f"{name} must have the type of the parameters, {dtype}, got {x.dtype}")


def _gate(x: Tensor, colors: int) -> Tensor:
    # Each color's block holds its own values and gates: halving all channels at once would mix the colors.
    values, gates = x.unflatten(-3, (colors, 2, -1)).unbind(-4)
    return (values.tanh() * gates.sigmoid()).flatten(-4, -3)


def _color_of_channels(name: str, channels: int, colors: int) -> list[int]:
    _require_positive(**{name: channels, "colors": colors})
    if channels % colors:
        raise ValueError(
            f"{name} must be divisible by colors ({colors}) so that each color has its block, got {channels}"
        )
    return [channel * colors // channels for channel in range(channels)]


def _require_positive(**counts: int) -> None:
    for name, value in counts.items():
        if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
            raise ValueError(f"{name} must be a positive integer, got {value!r}")
