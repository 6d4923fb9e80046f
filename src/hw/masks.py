r"""Masks that keep an autoregressive model from seeing its own future.

One rule serves convolutions, channels, dense layers and attention: give every unit a position in the order of
generation; a unit may read strictly earlier positions (kind `"A"`) or those and its own (kind `"B"`). Masks are nested
tuples of 0 and 1, so this module needs the standard library only.

References:
    van den Oord, Kalchbrenner and Kavukcuoglu (2016), *Pixel Recurrent Neural Networks*, section 3.4 (masks A and B),
    <https://arxiv.org/abs/1601.06759>. Germain et al. (2015), *MADE: Masked Autoencoder for Distribution Estimation*,
    <https://arxiv.org/abs/1502.03509>.
"""

from collections.abc import Sequence
from itertools import pairwise
from numbers import Integral

__all__ = ["degree_mask", "dilate", "made_masks", "mask"]

Mask = tuple[tuple[int, ...], ...]


def mask(kind: str, kernel_size: int | Sequence[int]) -> Mask:
    r"""Mask of a convolution kernel: the pixels before its center in raster order, and for kind B the center too.

    Args:
        kind: `"A"` (strictly before the center) or `"B"` (before the center, and the center).
        kernel_size: Odd size `k` of a square kernel, or `(kh, kw)`, both odd.

    Returns:
        `kh` rows of `kw` entries, 1 where the kernel may look. No flipping: entry `(i, j)` multiplies the pixel that
        lies `i - kh // 2` rows and `j - kw // 2` columns from the output pixel, as in `torch.nn.Conv2d`.

    Raises:
        ValueError: If `kind` is neither A nor B, or a size is not a positive odd integer.

    Examples:
        >>> from hw.masks import mask
        >>> mask("A", 3)
        ((1, 1, 1), (1, 0, 0), (0, 0, 0))
        >>> mask("B", (1, 5))
        ((1, 1, 1, 0, 0),)

    References:
        van den Oord et al. (2016), *Pixel Recurrent Neural Networks*, section 3.4, <https://arxiv.org/abs/1601.06759>.
    """
    is_pair = isinstance(kernel_size, Sequence) and len(kernel_size) == 2
    height, width = kernel_size if is_pair else (kernel_size,) * 2
    for size in (height, width):
        if not _is_integer(size) or size < 1 or size % 2 == 0:
            raise ValueError(
                f"kernel_size must be odd and positive so that the kernel has a center pixel, got {kernel_size!r}"
            )
    center = (height // 2) * width + width // 2
    last = center + _own_position(kind)  # the first place in raster order that is hidden
    return tuple(tuple(int(row * width + column < last) for column in range(width)) for row in range(height))


def dilate(mask: Sequence[Sequence[int]], dilation: int) -> Mask:
    r"""Mask of the dilated kernel: `dilation - 1` zeros between neighboring entries.

    Args:
        mask: `kh` rows of `kw` entries.
        dilation: Distance between neighboring entries, in pixels.

    Returns:
        `(kh - 1) * dilation + 1` rows of `(kw - 1) * dilation + 1` entries.

    Raises:
        ValueError: If `dilation` is not a positive integer, or `mask` has no entry or rows of different lengths.

    Examples:
        >>> from hw.masks import dilate, mask
        >>> dilate(mask("B", (1, 3)), 2)
        ((1, 0, 1, 0, 0),)
    """
    if not _is_integer(dilation) or dilation < 1:
        raise ValueError(f"dilation must be a positive integer, got {dilation!r}")
    widths = {len(row) for row in mask}
    if len(widths) != 1 or 0 in widths:
        raise ValueError(f"mask must have rows of one length, one entry or more, got lengths {sorted(widths)}")
    rows, columns = range((len(mask) - 1) * dilation + 1), range((len(mask[0]) - 1) * dilation + 1)
    return tuple(
        tuple(0 if i % dilation or j % dilation else int(mask[i // dilation][j // dilation]) for j in columns)
        for i in rows
    )


def degree_mask(kind: str, in_degrees: Sequence[int], out_degrees: Sequence[int]) -> Mask:
    r"""Mask of a dense layer between units that carry a position, the degree, in the order of generation.

    Entry $(i, j)$ is 1 where output unit $i$ may read input unit $j$: for kind A where $d^{in}_j < d^{out}_i$, for
    kind B where $d^{in}_j \le d^{out}_i$. With `range(T)` for both it is the mask of causal attention, strict or
    inclusive; with the color of each channel it is the center tap of a convolution on RGB images.

    Args:
        kind: `"A"` (strictly earlier) or `"B"` (earlier or own).
        in_degrees: One degree for each input unit.
        out_degrees: One degree for each output unit.

    Returns:
        One row for each output unit, one entry for each input unit: the layout of `torch.nn.Linear.weight`.

    Raises:
        ValueError: If `kind` is neither A nor B, or there are no units.

    Examples:
        >>> from hw.masks import degree_mask
        >>> degree_mask("B", range(3), range(3))
        ((1, 0, 0), (1, 1, 0), (1, 1, 1))

    References:
        Germain et al. (2015), *MADE*, <https://arxiv.org/abs/1502.03509>.
    """
    for name, degrees in (("in_degrees", in_degrees), ("out_degrees", out_degrees)):
        if len(degrees) == 0:
            raise ValueError(f"{name} must name at least one unit, got {degrees!r}")
    own = _own_position(kind)
    return tuple(tuple(int(d_in < d_out + own) for d_in in in_degrees) for d_out in out_degrees)


def made_masks(features: int, hidden_features: Sequence[int]) -> tuple[Mask, ...]:
    r"""Masks of MADE, a dense network whose output $i$ depends on the inputs before $i$ only.

    Inputs and outputs carry the degrees $1, \dots, D$; hidden units take $1, \dots, D - 1$ in turn. Layers up to the
    last hidden one are of kind B, the output layer is of kind A.

    Args:
        features: Number $D$ of inputs, and of outputs.
        hidden_features: Number of units of each hidden layer, first layer first; may be empty.

    Returns:
        One mask for each layer of weights, first layer first, each in the layout of `torch.nn.Linear.weight`.

    Raises:
        ValueError: If `features` or an entry of `hidden_features` is not a positive integer.

    Examples:
        >>> from hw.masks import made_masks
        >>> made_masks(3, [2])
        (((1, 0, 0), (1, 1, 0)), ((0, 0), (1, 0), (1, 1)))

    References:
        Germain et al. (2015), *MADE*, <https://arxiv.org/abs/1502.03509>.
    """
    if not _is_integer(features) or features < 1:
        raise ValueError(f"features must be a positive integer, got {features!r}")
    for width in hidden_features:
        if not _is_integer(width) or width < 1:
            raise ValueError(f"hidden_features must be positive integers, got {list(hidden_features)!r}")
    ends = range(1, features + 1)
    hidden = [[1 + unit % max(1, features - 1) for unit in range(width)] for width in hidden_features]
    degrees = [ends, *hidden, ends]
    kinds = ["B"] * len(hidden) + ["A"]
    return tuple(
        degree_mask(kind, before, after) for kind, (before, after) in zip(kinds, pairwise(degrees), strict=True)
    )


def _own_position(kind: str) -> int:
    if kind not in ("A", "B"):
        raise ValueError(f"kind must be 'A' (strictly before) or 'B' (before, and itself), got {kind!r}")
    return int(kind == "B")


def _is_integer(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)
