"""The axes of a chart: matplotlib sets and draws them, and its SVG is rewritten as plain elements.

Matplotlib's `gid` of a line, an axis or a label becomes its class in the page; what has none is left out. Styles, ids
and references are dropped, so that a page may hold many charts and gives them color, stroke and type.

References:
    Hunter (2007), *Matplotlib: A 2D Graphics Environment*, <https://matplotlib.org>.
"""

import re
from collections.abc import Sequence
from io import StringIO
from typing import NamedTuple
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.ticker import NullLocator

from hw.figures.drawing import (
    SIZE,
    clear,
    finite_values,
    listed,
    round_numbers,
    svg_path,
    svg_text,
    text_width,
    tick_labels,
)

__all__ = ["ROLES", "Frame", "frame_of", "number_axis", "place", "redrawn"]

ROLES = {"ink": "", "seen": "o", "wrong": "s", "soft": ""}  # of lines, with their marks
SVG = "{http://www.w3.org/2000/svg}"


class Frame(NamedTuple):
    """Edges of the plot within the drawing, and the drawing's height."""

    left: float
    right: float
    top: float
    bottom: float
    height: float


def frame_of(axes: Axes) -> Frame:
    """Where the plot lies in the drawing."""
    box, height = axes.bbox, axes.get_figure().bbox.height
    return Frame(box.x0, box.x1, height - box.y1, height - box.y0, height)


def place(axes: Axes, x: float, y: float) -> tuple[float, float]:
    """Where a point of the plot lies in the drawing."""
    across, up = axes.transData.transform((x, y))
    return float(across), frame_of(axes).height - float(up)


def number_axis(
    axis: Axis, ticks: Sequence[float] | None, most: int, before: float, length: float, after: float
) -> None:
    """Set the ticks with their labels; `before` and `after` is the room on both sides of the axis.

    Raises:
        ValueError: If the ticks are not finite, not positive on a logarithmic axis, or stand too close for their labels
            not to overlap.
    """
    is_x, log = axis.axis_name == "x", axis.get_scale() == "log"
    low, high = map(float, axis.get_view_interval())
    choices = round_numbers(low, high, log, most) if ticks is None else [np.sort(finite_values("ticks", ticks, log))]
    for places in choices:
        labels, transform = tick_labels(places), axis.get_transform().transform
        start, end = transform(np.array([min(low, places[0]), max(high, places[-1])]))
        points = (transform(places) - start) / (end - start) * length
        sizes = [text_width(label) if is_x else SIZE for label in labels]
        if clear(points, sizes, -before, length + after):
            break
    else:
        raise ValueError(f"ticks must stand apart so that their labels do not overlap, got {listed(choices[0])}")
    axis.set_ticks(places, labels)
    axis.set_minor_locator(NullLocator())
    axis.set_tick_params(length=4, pad=9 if is_x else 3)
    for tick in axis.get_major_ticks():
        tick.label1.set(gid="number", va="baseline", parse_math=False)
        tick.tick1line.set(gid=f"tick {axis.axis_name}", clip_on=False)


def redrawn(axes: Axes) -> list[Element]:
    """What matplotlib drew, without its styles, ids and references.

    Examples:
        >>> from matplotlib.figure import Figure
        >>> from hw.figures.axes import redrawn
        >>> axes = Figure().add_axes((0, 0, 1, 1))
        >>> line = axes.plot([0, 1], [0, 1], gid="seen")
        >>> [element.get("class") for element in redrawn(axes)]
        ['line seen']
    """
    file = StringIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    FigureCanvasSVG(axes.get_figure()).print_svg(file, metadata=nothing)
    drawn = []
    for group in ElementTree.fromstring(file.getvalue()).iter(f"{SVG}g"):
        kind = group.get("id", "")
        if kind in ("axis", "reference", "number", "tick x", "tick y", *ROLES):
            drawn += _plain(kind, group)
    return drawn


def _plain(kind: str, group: Element) -> list[Element]:
    line = f"line {kind}" if kind in ROLES else kind
    paths = [svg_path(line, _rounded(path.get("d", ""))) for path in group.iter(f"{SVG}path") if path.get("id") is None]
    stroke = {"tick x": "v4", "tick y": "h-4"}.get(kind, "h0")  # of no length: its round or square caps are the mark
    marks = [f"M{use.get('x')} {use.get('y')}{stroke}" for use in group.iter(f"{SVG}use")]
    texts = [
        svg_text(float(text.get("x", 0)), float(text.get("y", 0)), [text.text or ""], kind, anchor)
        for text in group.iter(f"{SVG}text")
        for anchor in re.findall(r"text-anchor: (\w+)", text.get("style", ""))
    ]
    named = f"mark {kind}" if kind in ROLES else kind
    return paths + ([svg_path(named, _rounded("".join(marks)))] if marks else []) + texts


def _rounded(path: str) -> str:
    short = re.sub(r"-?\d+\.\d+", lambda number: f"{float(number[0]):.2f}".rstrip("0").rstrip("."), path)
    return re.sub(r"\s*([MLz])\s*", r"\1", short).strip()
