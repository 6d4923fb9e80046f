"""Small gray pictures on a sheet, in ink on paper.

The color of the ink is left to the page (`svg.chart` in the style sheet), how much of it a pixel takes is not: this is
an opacity in a few steps. All pixels of a step are one path, whose unit is a pixel.

References:
    Tufte (1990), *Envisioning Information*, chapter 4, on small multiples.
"""

import math
from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple
from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import ArrayLike

from hw.figures.drawing import LINE, WIDTH, as_array, listed, spread, svg_element, svg_text, text_width, wrapped

__all__ = ["picture_sheet"]

STEPS = 8  # of opacity
LEAST, MOST = 12, 64  # of a picture's longer side
WORDS = 84  # the width at which the label of a row wraps


class _Sheet(NamedTuple):
    """Where pictures lie: the first one's corner and a pixel's side in the drawing, distances in pixels."""

    left: float
    top: float
    pixel: float
    across: int
    down: int


def picture_sheet(
    pictures: ArrayLike,
    title: str,
    *,
    column_labels: Sequence[str] | None = None,
    row_labels: Sequence[str] | None = None,
) -> str:
    """Drawing of small gray pictures in rows and columns, each in a frame.

    Args:
        pictures: Shape `(rows, columns, height, width)`, from 0 (paper) to 1 (ink); what lies outside is clipped.
        title: What the pictures show; the alternative text starts with it.
        column_labels: What stands above each column.
        row_labels: What stands at the left of each row.

    Returns:
        An SVG element.

    Raises:
        ValueError: If the pictures have another shape or none of something, a value is not finite, there are more or
            fewer labels than columns or rows, a label does not fit its place, or a picture is left too small to be
            seen.

    Examples:
        >>> import numpy as np
        >>> from hw.figures.pictures import picture_sheet
        >>> svg = picture_sheet(np.eye(8).reshape(1, 1, 8, 8), "A stroke", column_labels=["slanted"])
        >>> svg.count('class="pixel"'), "1 picture of 8×8 pixels. column: slanted." in svg
        (1, True)
    """
    values = _values(pictures)
    above = _labels("column_labels", column_labels, values.shape[1])
    beside = _labels("row_labels", row_labels, values.shape[0])
    names = [wrapped(label, WORDS) for label in beside]
    sheet, end = _sheet(values.shape, names)
    heads = [wrapped(label, sheet.pixel * sheet.across) for label in above]
    room = LINE * max(map(len, heads), default=0)
    sheet = sheet._replace(top=sheet.top + room)
    drawn = [*_drawn(values, sheet), *_heads(heads, sheet, values.shape), *_beside(names, sheet, values.shape)]
    return svg_element([title, *_words(values.shape, above, beside)], end + room, drawn)


def _sheet(shape: Sequence[int], names: Sequence[list[str]]) -> tuple[_Sheet, float]:
    """Where the pictures lie beside the labels of their rows, and where they end, if no labels stand above."""
    rows, columns, height, width = shape
    left = max((text_width(line) + 8 for lines in names for line in lines), default=1)
    if left > WORDS + 8:
        raise ValueError(f"row_labels must have words that fit beside the pictures, got {names}")
    gap = max(2, width // 8)
    pixel = min((WIDTH - 1 - left) / (columns * (width + gap) - gap), MOST / max(height, width))
    if pixel * max(height, width) < LEAST:
        raise ValueError(f"pictures must be few enough in a row to be seen, got {columns} of {width} pixels")
    pixel = math.floor(100 * pixel) / 100
    tall = max((LINE * len(lines) / pixel for lines in names), default=0)
    top = math.ceil(5 + pixel * max(0, (tall - height) / 2))  # a label may be higher than its picture
    down = max(height + gap, math.ceil(tall))
    return _Sheet(left, top, pixel, width + gap, down), 2 * top + pixel * (down * (rows - 1) + height) - 4


def _values(pictures: ArrayLike) -> np.ndarray:
    values = as_array("pictures", pictures)
    if values.ndim != 4 or not values.size:
        raise ValueError(f"pictures must have shape (rows, columns, height, width), none of them 0, got {values.shape}")
    if not np.isfinite(values).all():
        strange = values[~np.isfinite(values)]
        raise ValueError(f"pictures must be finite so that each pixel has its gray, got {listed(strange)}")
    return values.clip(0, 1)


def _labels(name: str, labels: Sequence[str] | None, many: int) -> Sequence[str]:
    if labels is None:
        return ()
    if len(labels) != many:
        raise ValueError(f"{name} must be {many}, one for each, got {len(labels)}")
    return labels


def _drawn(values: np.ndarray, sheet: _Sheet) -> list[Element]:
    """Frames, then the pixels of each step of gray."""
    rows, columns, height, width = values.shape
    steps = np.zeros((sheet.down * (rows - 1) + height, sheet.across * (columns - 1) + width), dtype=int)
    frames = []
    for row, column in np.ndindex(rows, columns):
        y, x = row * sheet.down, column * sheet.across
        steps[y : y + height, x : x + width] = np.floor(values[row, column] * STEPS + 0.5)
        frames.append(f"M{x} {y}h{width}v{height}h-{width}z")
    drawn = [_path("frame", "".join(frames), 0, sheet)]
    return drawn + [
        _path("pixel", _pixels(steps == step), step / STEPS, sheet) for step in range(1, STEPS + 1) if step in steps
    ]


def _path(kind: str, path: str, opacity: float, sheet: _Sheet) -> Element:
    transform = f"translate({sheet.left:.2f} {sheet.top:g}) scale({sheet.pixel:g})"
    return Element("path", {"class": kind, "fill-opacity": f"{opacity:g}", "transform": transform, "d": path})


def _pixels(here: np.ndarray) -> str:
    """Path around each run of neighbors in a row; a move starts from where the run before it did."""
    path, last = [], (0, 0)
    for y, line in enumerate(here):
        for inked, run in groupby(range(len(line)), key=line.__getitem__):
            x, *rest = run
            if inked:
                path.append(f"m{x - last[0]} {y - last[1]}h{len(rest) + 1}v1h-{len(rest) + 1}z")
                last = (x, y)
    return "".join(path)


def _heads(heads: Sequence[list[str]], sheet: _Sheet, shape: Sequence[int]) -> list[Element]:
    """Labels above the columns, their last lines on one height, moved sideways where they are wider than a column."""
    half = sheet.pixel * shape[3] / 2
    wanted = [sheet.left + sheet.pixel * sheet.across * number + half for number in range(len(heads))]
    sizes = [max(map(text_width, lines)) + 4 for lines in heads]
    middles = spread(wanted, sizes, 0, WIDTH)
    if sum(sizes) > WIDTH or any(abs(a - b) > half for a, b in zip(middles, wanted, strict=True)):
        raise ValueError(f"column_labels must have words that fit above the pictures, got {heads}")
    return [
        svg_text(x, sheet.top - 5 - LINE / 2 * len(lines), lines, "ink", "middle")
        for x, lines in zip(middles, heads, strict=True)
    ]


def _beside(labels: Sequence[list[str]], sheet: _Sheet, shape: Sequence[int]) -> list[Element]:
    return [
        svg_text(0, sheet.top + sheet.pixel * (sheet.down * number + shape[2] / 2), lines, "ink", "start")
        for number, lines in enumerate(labels)
    ]


def _words(shape: Sequence[int], above: Sequence[str], beside: Sequence[str]) -> list[str]:
    rows, columns, height, width = shape
    size = f"of {height}×{width} pixels"
    words = [f"1 picture {size}" if rows * columns == 1 else f"{rows * columns} pictures {size}"]
    if rows * columns > 1:
        words[0] += f", {_counted(rows, 'row')} of {columns}"
    words += [f"{'columns' if columns > 1 else 'column'}: {', '.join(above)}"] if above else []
    return words + ([f"{'rows' if rows > 1 else 'row'}: {', '.join(beside)}"] if beside else [])


def _counted(many: int, name: str) -> str:
    return f"{many} {name}{'s' * (many != 1)}"
