"""Bars that split a value into a bound and its gap.

Each row is one way to split the same value. Colors, strokes and type are left to the page (`svg.chart` in the style
sheet); the gap is told by its hatching too, not by color alone.

References:
    Tufte (2001), *The Visual Display of Quantitative Information*, chapters 4 to 6.
"""

import math
from collections.abc import Mapping, Sequence
from xml.etree.ElementTree import Element

import numpy as np

from hw.figures.drawing import (
    LINE,
    WIDTH,
    clear,
    finite_values,
    listed,
    round_numbers,
    svg_element,
    svg_path,
    svg_text,
    text_width,
    tick_labels,
    wrapped,
)

__all__ = ["decomposition_bar"]

SAME = 1e-6  # relative difference of sums that were computed in single precision


def decomposition_bar(
    parts: Mapping[str, tuple[float, float]],
    title: str,
    *,
    names: tuple[str, str, str] = ("ELBO", "KL", "log p(x)"),
    unit: str = "nats",
) -> str:
    """Drawing of one value as a bound and the gap above it, a row for each way to split it.

    The bars lie on a number line that is cut at the left, as a log-density has no natural zero; all gaps end on one
    vertical line, the common value.

    Args:
        parts: For each row its label, the bound and the gap.
        title: What the bars show; the alternative text starts with it.
        names: What the bound, the gap and their sum are called.
        unit: Unit of the number line.

    Returns:
        An SVG element.

    Raises:
        ValueError: If there is no row, a value is not finite, a gap is negative, or the sums differ by more than one
            part in a million.

    Examples:
        >>> from hw.figures.bars import decomposition_bar
        >>> svg = decomposition_bar({"q = prior": (-3.0, 1.0), "q = posterior": (-2.0, 0.0)}, "Two choices of q")
        >>> svg.count('class="bar seen"'), "log p(x) = −2" in svg
        (2, True)

    References:
        Kingma and Welling (2014), *Auto-Encoding Variational Bayes*, equation 1, <https://arxiv.org/abs/1312.6114>.
    """
    total = _total(parts)
    texts = _even([total, *(value for pair in parts.values() for value in pair)])
    bounds, gaps = [f"{names[0]} {text}" for text in texts[1::2]], [f"{names[1]} {text}" for text in texts[2::2]]
    start, end = 20 + max(map(text_width, bounds)), WIDTH - 8 - max(map(text_width, gaps))
    if end - start < WIDTH / 4:
        raise ValueError(f"names must leave room for the bars beside them, got {names}")
    widest = max(gap for _, gap in parts.values())
    per_unit = (end - start) / (widest if widest > SAME * max(1, abs(total)) else 1.0)
    drawn, top = [], 22.0
    for (label, (_, gap)), *values in zip(parts.items(), bounds, gaps, strict=True):
        lines = wrapped(label, end - 8)
        drawn += [svg_text(0, top + LINE / 2 * len(lines), lines, "ink", "start")]
        drawn += _bar(end - gap * per_unit, end, top + 3 + LINE * len(lines), values)
        top += 31 + LINE * len(lines)
    whole = f"{names[2]} = {texts[0]}"
    drawn += [svg_path("total", f"M{end:.2f} 16V{top:.2f}")]
    drawn += [svg_text(min(end, WIDTH - text_width(whole) / 2), 8, [whole], "ink", "middle")]
    drawn += _number_line(total, per_unit, end, top, unit)
    words = [f"{label}: {bound}, {gap}" for label, bound, gap in zip(parts, bounds, gaps, strict=True)]
    return svg_element([title, f"{whole} {unit}", *words], top + 24, drawn)


def _total(parts: Mapping[str, tuple[float, float]]) -> float:
    if not parts:
        raise ValueError("parts must have at least one row, got none")
    for label, pair in parts.items():
        if finite_values(f"parts of {label!r}", pair, positive=False)[1] < 0:
            raise ValueError(f"gap of {label!r} must not be negative so that the rest is a bound, got {pair[1]:g}")
    sums = [float(bound) + float(gap) for bound, gap in parts.values()]
    if max(sums) - min(sums) > SAME * max(1, *map(abs, sums)):
        raise ValueError(f"parts must add up to one value, got sums {listed(np.array(sums))}")
    return sums[0]


def _even(values: Sequence[float]) -> list[str]:
    """The numbers with the same decimals, four digits for the largest, fewer where these tell all."""
    most = min(6, max(0, 3 - math.floor(math.log10(max(map(abs, values)) or 1))))
    exact = (places for places in range(most) if all(math.isclose(round(v, places), v, abs_tol=1e-12) for v in values))
    places = next(exact, most)
    return [f"{round(value, places) + 0.0:,.{places}f}".replace("-", "−") for value in values]


def _bar(bound: float, end: float, top: float, texts: Sequence[str]) -> list[Element]:
    """A bar with a torn left end, and the hatched gap to its right."""
    bottom, hatch = top + 20, range(math.ceil(bound - 20), math.floor(end), 5)
    gap = [svg_path("gap wrong", f"M{bound:.2f} {top}H{end:.2f}V{bottom}H{bound:.2f}z")]
    gap += [svg_path("hatch wrong", "".join(_slant(x, bound, end, bottom) for x in hatch))]
    return [
        svg_path("bar seen", f"M0 {top}l4 5l-4 5l4 5l-4 5H{bound:.2f}V{top}z"),
        *(gap if end - bound > 0.5 else []),
        svg_text(bound - 6, top + 10, [texts[0]], "inside", "end"),
        svg_text(end + 6, top + 10, [texts[1]], "wrong", "start"),
    ]


def _slant(x: float, left: float, right: float, bottom: float) -> str:
    """The part between two uprights of a line that rises from (x, bottom) by 20 at 45 degrees."""
    start, stop = max(x, left), min(x + 20, right)
    return f"M{start:.2f} {bottom - start + x:.2f}L{stop:.2f} {bottom - stop + x:.2f}"


def _number_line(total: float, per_unit: float, end: float, top: float, unit: str) -> list[Element]:
    """Axis beneath the bars, with the labels that fit between its left end and the unit."""
    high = WIDTH - text_width(unit) - 4
    for ticks in round_numbers(total - (end - 12) / per_unit, total, log=False, most=4):
        labels, points = tick_labels(ticks), end - (total - ticks) * per_unit
        pairs = [(x, text) for x, text in zip(points, labels, strict=True) if clear([x], [text_width(text)], 0, high)]
        if pairs and clear([x for x, _ in pairs], [text_width(text) for _, text in pairs], 0, high):
            break
    strokes = "".join(f"M{x:.2f} {top:.2f}v4" for x, _ in pairs)
    line = [svg_path("axis", f"M0 {top:.2f}H{end:.2f}"), svg_path("tick x", strokes)]
    numbers = [svg_text(x, top + 13, [text], "number", "middle") for x, text in pairs]
    beside = max([end + 6, *(x + text_width(text) / 2 + 4 for x, text in pairs)])
    return [*line, *numbers, svg_text(beside, top + 13, [unit], "name", "start")]
