"""Curves on axes, each labeled at its end.

Colors, strokes and type are left to the page (`svg.chart` in the style sheet). A role tells its lines by stroke and
mark too, never by color alone: `ink` is solid, `seen` solid with dots, `wrong` dashed with squares, `soft` dotted.

References:
    Tufte (2001), *The Visual Display of Quantitative Information*, chapters 4 to 6.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple
from xml.etree.ElementTree import Element

import numpy as np
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hw.figures.axes import ROLES, frame_of, number_axis, place, redrawn
from hw.figures.drawing import (
    LINE,
    SIZE,
    WIDTH,
    finite_values,
    listed,
    numeral,
    spread,
    svg_element,
    svg_path,
    svg_text,
    text_width,
    wrapped,
)

__all__ = ["line_chart"]

HEIGHT, LOWEST = 216, 120  # of the drawing, and the lowest plot
WORDS = 84  # the width at which a label wraps
STYLE = {"svg.fonttype": "none", "svg.hashsalt": "hw.figures.curves"}
Series = tuple[str, Sequence[float], Sequence[float], str]
_Axis = tuple[str, bool, tuple[float, float]]  # its label, whether it is logarithmic, its ends


class _Curve(NamedTuple):
    label: str
    x: np.ndarray
    y: np.ndarray
    role: str


def line_chart(
    series: Sequence[Series],
    title: str,
    *,
    x_label: str,
    y_label: str,
    log_x: bool = False,
    log_y: bool = False,
    x_ticks: Sequence[float] | None = None,
    y_ticks: Sequence[float] | None = None,
    x_range: tuple[float, float] | None = None,
    y_range: tuple[float, float] | None = None,
    references: Mapping[str, float] | None = None,
    gap: tuple[str, str, float, str] | None = None,
) -> str:
    """Drawing of curves on a left and a bottom axis, each labeled at its right end.

    Args:
        series: Curves as (label, x, y, role); x and y have shape `(n,)`, the role is `"ink"`, `"seen"`, `"wrong"` or
            `"soft"`.
        title: What the chart shows; the alternative text starts with it.
        x_label: Name and unit of the horizontal axis.
        y_label: Name and unit of the vertical axis.
        log_x: Whether the horizontal axis is logarithmic.
        log_y: Whether the vertical axis is logarithmic.
        x_ticks: Where the horizontal axis is numbered; a few round numbers if not given.
        y_ticks: Where the vertical axis is numbered; a few round numbers if not given.
        x_range: Ends of the horizontal axis; those of the curves, with a margin, if not given.
        y_range: Ends of the vertical axis; those of the curves and references, with a margin, if not given.
        references: Label and height of each horizontal line that the curves are compared with.
        gap: Labels of a curve and of a reference, the x at which the distance between the two is marked, and the words
            before its value.

    Returns:
        An SVG element.

    Raises:
        ValueError: If there is no curve, a curve has no points, its x and y differ in shape, a role is none of the
            four, a value is not finite, is not positive on a logarithmic axis or is outside of a range, the ticks stand
            too close or a word is too long for their labels not to overlap, or the gap names no curve, no reference or
            no point.

    Examples:
        >>> from hw.figures.curves import line_chart
        >>> svg = line_chart([("square", [0, 1, 2], [0, 1, 4], "seen")], "Squares", x_label="x", y_label="x²")
        >>> svg.count('class="line seen"'), "square: 0 at 0, 1 at 1, 4 at 2" in svg
        (1, True)
    """
    curves = _curves(series, log_x, log_y)
    heights = {
        label: float(finite_values(f"reference {label!r}", [y], log_y)[0]) for label, y in (references or {}).items()
    }
    span = _span(gap, curves, heights)
    across = _ends("x_range", x_range, [curve.x for curve in curves], log_x)
    up = _ends("y_range", y_range, [*(curve.y for curve in curves), np.array([*heights.values()])], log_y)
    with style.context(["default", STYLE]):
        axes = _plot(curves, heights, log_x, log_y)
        axes.set(**{name: ends for name, ends in (("xlim", x_range), ("ylim", y_range)) if ends is not None})
        names = [wrapped(name, WORDS) for name in [*(curve.label for curve in curves), *heights]]
        _arrange(axes, names, wrapped(y_label, WIDTH), x_label, x_ticks, y_ticks)
        drawn = [*redrawn(axes), *_axis_labels(axes, x_label, y_label), *_end_labels(axes, curves, heights, names)]
    words = _words(curves, heights, (x_label, log_x, across), (y_label, log_y, up))
    if gap is not None and span is not None:
        value = f"{gap[3]} {numeral(abs(span[2] - span[1]), 3)}"
        drawn += _gap(axes, span, value, curves)
        words.append(f"{value}, between {gap[0]} and {gap[1]} at {numeral(span[0])}")
    return svg_element([title, *words], frame_of(axes).height, drawn)


def _curves(series: Sequence[Series], log_x: bool, log_y: bool) -> list[_Curve]:
    curves = []
    for label, x, y, role in series:
        if role not in ROLES:
            raise ValueError(f"role of {label!r} must be one of {', '.join(ROLES)}, got {role!r}")
        curve = _Curve(
            label, finite_values(f"x of {label!r}", x, log_x), finite_values(f"y of {label!r}", y, log_y), role
        )
        if len(curve.x) != len(curve.y):
            raise ValueError(f"y of {label!r} must be as long as its x, {len(curve.x)}, got {len(curve.y)}")
        curves.append(curve)
    if not curves:
        raise ValueError("series must have at least one curve, got none")
    return curves


def _ends(name: str, given: tuple[float, float] | None, values: Sequence[np.ndarray], log: bool) -> tuple[float, float]:
    """Where an axis ends: at the range that is given, or at the least and the greatest value."""
    all_values = np.concatenate(values)
    found = float(all_values.min()), float(all_values.max())
    if given is None:
        return found
    ends = finite_values(name, given, log)
    if len(ends) != 2 or not ends[0] < ends[1]:
        raise ValueError(f"{name} must have two ends, the lower one first, got {listed(ends)}")
    if not (ends[0] <= found[0] and found[1] <= ends[1]):
        raise ValueError(f"{name} must hold all values, from {found[0]:g} to {found[1]:g}, got {listed(ends)}")
    return float(ends[0]), float(ends[1])


def _span(
    gap: tuple[str, str, float, str] | None, curves: list[_Curve], heights: Mapping[str, float]
) -> tuple[float, float, float] | None:
    """Place of the gap, the curve's value there and the reference's."""
    if gap is None:
        return None
    points = {curve.label: dict(zip(curve.x.tolist(), curve.y.tolist(), strict=True)) for curve in curves}
    for name, known in ((gap[0], points), (gap[1], heights), (gap[2], points.get(gap[0], {}))):
        if name not in known:
            raise ValueError(f"gap must name a curve, a reference and an x of the curve, got {name!r}")
    return gap[2], points[gap[0]][gap[2]], heights[gap[1]]


def _plot(curves: list[_Curve], heights: Mapping[str, float], log_x: bool, log_y: bool) -> Axes:
    axes = Figure(figsize=(WIDTH / 72, HEIGHT / 72), dpi=72).subplots()
    axes.set(xscale="log" if log_x else "linear", yscale="log" if log_y else "linear")
    axes.margins(x=0.02, y=0.05)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set(gid="axis", clip_on=False)
    for y in heights.values():
        axes.axhline(y, gid="reference", clip_on=False)
    for curve in curves:
        every = None if len(curve.x) <= 20 else 0.12  # of the plot's diagonal
        axes.plot(curve.x, curve.y, gid=curve.role, marker=ROLES[curve.role], markevery=every, clip_on=False)
    return axes


def _arrange(
    axes: Axes,
    names: list[list[str]],
    y_label: list[str],
    x_label: str,
    x_ticks: Sequence[float] | None,
    y_ticks: Sequence[float] | None,
) -> None:
    """Number the axes and leave room for the labels on all sides."""
    right = 18 + max(text_width(line) for lines in names for line in lines)
    if right > WIDTH / 2:
        raise ValueError(f"labels must have words that fit beside the plot, got {names}")
    number_axis(axes.yaxis, y_ticks, 3, SIZE, LOWEST, SIZE)
    left = 9 + max(text_width(text.get_text()) for text in axes.yaxis.get_ticklabels())
    across = WIDTH - left - right
    top, bottom = 10 + LINE * len(y_label), 26 + LINE * len(wrapped(x_label, across))
    height = max(HEIGHT, top + bottom + max(LOWEST, LINE * sum(map(len, names))))
    axes.get_figure().set_size_inches(WIDTH / 72, height / 72)
    axes.set_position((left / WIDTH, bottom / height, across / WIDTH, (height - top - bottom) / height))
    number_axis(axes.xaxis, x_ticks, 5, left, across, right)


def _axis_labels(axes: Axes, x_label: str, y_label: str) -> list[Element]:
    frame = frame_of(axes)
    above, below = wrapped(y_label, WIDTH), wrapped(x_label, frame.right - frame.left)
    middle = (frame.left + frame.right) / 2
    return [
        svg_text(0, LINE / 2 * len(above), above, "name", "start"),
        svg_text(middle, frame.bottom + 22 + LINE / 2 * len(below), below, "name", "middle"),
    ]


def _end_labels(
    axes: Axes, curves: list[_Curve], heights: Mapping[str, float], names: list[list[str]]
) -> list[Element]:
    """Labels at the right, each at its curve's end or joined to it by a hairline."""
    frame, drawn = frame_of(axes), []
    ends = [place(axes, curve.x[-1], curve.y[-1]) for curve in curves]
    ends += [(frame.right, place(axes, axes.get_xlim()[0], y)[1]) for y in heights.values()]
    roles = [curve.role for curve in curves] + ["ink"] * len(heights)
    tall = [LINE * len(lines) for lines in names]
    placed = spread([y for _, y in ends], tall, frame.top - LINE / 2, frame.bottom + LINE / 2)
    for lines, role, (x, y), at in zip(names, roles, ends, placed, strict=True):
        if abs(at - y) > 2 or frame.right - x > 12:
            drawn.append(svg_path("leader", f"M{x + 4:.2f} {y:.2f}L{frame.right + 13:.2f} {at:.2f}"))
        drawn.append(svg_text(frame.right + 15, at, lines, role, "start"))
    return drawn


def _gap(axes: Axes, span: tuple[float, float, float], text: str, curves: list[_Curve]) -> list[Element]:
    """Bracket between a curve and a reference, its label beside it where it covers the least of the curves."""
    (x, start), (_, end) = place(axes, span[0], span[1]), place(axes, span[0], span[2])
    frame, inked = frame_of(axes), np.concatenate([_inked(axes, curve) for curve in curves])
    found = []
    for side, room in ((1, frame.right - x - 8), (-1, x - frame.left - 8)):
        lines = wrapped(text, room)
        reach, half = max(map(text_width, lines)), LINE / 2 * len(lines)
        for share in (0.5, 0.3, 0.7, 0.1, 0.9, 0):
            y = start + share * (end - start)
            covered = np.abs(inked - (x + side * (7 + reach / 2), y)) < (reach / 2 + 2, half + 2)
            cost = covered.all(axis=1).sum() + len(lines) + 1000 * (reach > room)
            found.append((cost, svg_text(x + 7 * side, y, lines, "gap", "start" if side > 0 else "end")))
    bracket = f"M{x - 3:.2f} {start:.2f}h6M{x:.2f} {start:.2f}V{end:.2f}M{x - 3:.2f} {end:.2f}h6"
    return [svg_path("gap", bracket), min(found, key=lambda one: one[0])[1]]


def _inked(axes: Axes, curve: _Curve) -> np.ndarray:
    """Points close together along a curve, in units of the drawing."""
    corners = np.array([place(axes, x, y) for x, y in zip(curve.x, curve.y, strict=True)])
    at = np.linspace(0, len(corners) - 1, 400)
    return np.stack([np.interp(at, range(len(corners)), side) for side in corners.T], axis=-1)


def _words(curves: list[_Curve], heights: Mapping[str, float], x_axis: _Axis, y_axis: _Axis) -> list[str]:
    words = [
        f"{side}: {label}, from {numeral(low)} to {numeral(high)}{', logarithmic' if log else ''}"
        for side, (label, log, (low, high)) in (("horizontal axis", x_axis), ("vertical axis", y_axis))
    ]
    for label, x, y, _ in curves:
        some = range(len(x)) if len(x) <= 8 else np.linspace(0, len(x) - 1, 5).round().astype(int)
        words.append(f"{label}: " + ", ".join(f"{numeral(y[i])} at {numeral(x[i])}" for i in some))
    return words + [f"{label}: {numeral(y)} throughout" for label, y in heights.items()]
