"""Means with their intervals, a row for each, above one number line.

Colors, strokes and type are left to the page (`svg.chart` in the style sheet). A role is told by the shape of its mark
too, never by color alone: `ink` is a diamond, `seen` a dot, `wrong` a square, `soft` a ring.

References:
    Cleveland (1993), *Visualizing Data*, chapter 2.
    Cumming and Finch (2005), *Inference by Eye: Confidence Intervals and How to Read Pictures of Data*, American
    Psychologist 60 (2), 170–180, <https://doi.org/10.1037/0003-066X.60.2.170>.
"""

from collections.abc import Sequence
from typing import NamedTuple
from xml.etree.ElementTree import Element

import numpy as np

from hw.figures.drawing import (
    LINE,
    WIDTH,
    clear,
    finite_values,
    listed,
    numeral,
    round_numbers,
    svg_element,
    svg_path,
    svg_text,
    text_width,
    tick_labels,
    wrapped,
)

__all__ = ["interval_chart"]

MARKS = {"ink": "l.01 .01", "seen": "h0", "wrong": "h0", "soft": "h0"}  # caps are the marks; a slanted one is a diamond
LEAST = 100  # width of the plot
WORDS = 132  # the width at which a label wraps
BOLD = 1.1  # how much wider bold type runs
PITCH = 4  # between rows, beside their lines
Row = tuple[str, float, float, str]


class _Row(NamedTuple):
    label: str
    lines: list[str]
    mean: float
    margin: float
    role: str


class _NumberLine(NamedTuple):
    """The values between which it runs, and where these lie in the drawing."""

    low: float
    high: float
    left: float
    right: float

    def place(self, value: float) -> float:
        return self.left + (value - self.low) / (self.high - self.low) * (self.right - self.left)


class _Band(NamedTuple):
    """Where a row or a heading lies, and how far to the right a heading reaches."""

    top: float
    bottom: float
    reach: float


def interval_chart(
    rows: Sequence[Row | str],
    title: str,
    *,
    x_label: str,
    reference: tuple[str, float] | None = None,
    x_ticks: Sequence[float] | None = None,
    decimals: int | None = None,
) -> str:
    """Drawing of means and their intervals, each labeled at its left, on one number line that holds all of them.

    Args:
        rows: From the top, rows as (label, mean, margin, role), and headings of groups of rows as plain text. The
            interval reaches by the margin to both sides of the mean; the role is `"ink"`, `"seen"`, `"wrong"` or
            `"soft"`.
        title: What the chart shows; the alternative text starts with it.
        x_label: Name and unit of the number line.
        reference: Label and value of the vertical line that the rows are compared with.
        x_ticks: Where the number line is numbered; a few round numbers if not given.
        decimals: With how many decimals mean and margin are printed at the right of each row; they are not printed if
            not given.

    Returns:
        An SVG element.

    Raises:
        ValueError: If there is no row, a role is none of the four, a value is not finite, a margin or `decimals` is
            negative, `decimals` is above 15, the ticks stand too close for their labels not to overlap, labels or
            numbers leave no room for the plot, or a word of a heading, of the reference or of `x_label` is wider than
            the drawing.

    Examples:
        >>> from hw.figures.intervals import interval_chart
        >>> rows = ["Head", ("linear", -0.25, 0.5, "ink"), ("none", -2, 0.5, "wrong")]
        >>> svg = interval_chart(rows, "Two heads", x_label="difference, points", reference=("no difference", 0))
        >>> svg.count('class="interval'), "Head. linear: −0.25 ± 0.5. none: −2 ± 0.5." in svg
        (2, True)
    """
    items, columns = _columns([row if isinstance(row, str) else _checked(*row) for row in rows], decimals)
    line = _number_line([item for item in items if isinstance(item, _Row)], reference, x_ticks, columns)
    above = _fitting("label of the reference", reference[0]) if reference is not None else []
    drawn, bands = _stacked(items, line, 4.0 + LINE * len(above), decimals)
    bottom = bands[-1].bottom
    if reference is not None:
        drawn = [*_reference(above, line.place(reference[1]), bands), *drawn]
    drawn += _axis(line, x_ticks, bottom)
    below, middle = _below(x_label, line)
    drawn.append(svg_text(middle, bottom + 22 + LINE / 2 * len(below), below, "name", "middle"))
    words = [item if isinstance(item, str) else f"{item.label}: {_value(item, decimals)}" for item in items]
    compared = [f"{reference[0]}: {numeral(reference[1])}"] if reference is not None else []
    return svg_element([title, x_label, *compared, *words], bottom + 26 + LINE * len(below), drawn)


def _checked(label: str, mean: float, margin: float, role: str) -> _Row:
    if role not in MARKS:
        raise ValueError(f"role of {label!r} must be one of {', '.join(MARKS)}, got {role!r}")
    mean, margin = finite_values(f"mean and margin of {label!r}", [mean, margin], positive=False).tolist()
    if margin < 0:
        raise ValueError(f"margin of {label!r} must not be negative so that it is half of an interval, got {margin:g}")
    return _Row(label, [label], mean, margin, role)


def _value(row: _Row, decimals: int | None) -> str:
    if decimals is None:
        return f"{numeral(row.mean)} ± {numeral(row.margin)}"
    if decimals < 0:
        raise ValueError(f"decimals must not be negative, got {decimals}")
    if decimals > 15:
        raise ValueError(f"decimals must be at most 15, the digits of a float, got {decimals}")
    mean, margin = (f"{round(value, decimals) + 0.0:,.{decimals}f}" for value in (row.mean, row.margin))
    return f"{mean} ± {margin}".replace("-", "−")


def _columns(items: Sequence[_Row | str], decimals: int | None) -> tuple[list[_Row | str], tuple[float, float]]:
    """The rows with their labels in lines, and the edges of the plot between these and the numbers."""
    rows = [item for item in items if isinstance(item, _Row)]
    if not rows:
        raise ValueError("rows must have at least one that is not a heading, got none")
    printed = [] if decimals is None else [_value(row, decimals) for row in rows]
    right = WIDTH - (max(map(text_width, printed)) + 12 if printed else 5)
    room = min(WORDS, right - LEAST - 12)
    lines = {row.label: wrapped(row.label, room) for row in rows}
    widest = max(text_width(line) for label in lines.values() for line in label)
    if widest > room:
        shown = [line for label in lines.values() for line in label] + printed
        raise ValueError(f"labels and numbers must leave room for the plot between them, got {shown}")
    placed = [item._replace(lines=lines[item.label]) if isinstance(item, _Row) else item for item in items]
    return placed, (widest + 12, right)


def _number_line(
    rows: Sequence[_Row],
    reference: tuple[str, float] | None,
    x_ticks: Sequence[float] | None,
    columns: tuple[float, float],
) -> _NumberLine:
    """The line from the least end of an interval to the greatest, and a little farther."""
    ends = [row.mean + sign * row.margin for row in rows for sign in (-1, 1)]
    if reference is not None:
        ends += finite_values(f"reference {reference[0]!r}", [reference[1]], positive=False).tolist()
    if x_ticks is not None:
        ends += finite_values("ticks", x_ticks, positive=False).tolist()
    low, high = min(ends), max(ends)
    beyond = 0.03 * (high - low) or max(1.0, abs(low)) / 2
    return _NumberLine(low - beyond, high + beyond, *columns)


def _stacked(
    items: Sequence[_Row | str], line: _NumberLine, top: float, decimals: int | None
) -> tuple[list[Element], list[_Band]]:
    """Rows and headings from the top down, and where each lies."""
    drawn: list[Element] = []
    bands: list[_Band] = []
    for item in items:
        lines = _fitting("headings", item) if isinstance(item, str) else item.lines
        before = 8 if isinstance(item, str) and bands else 0
        bottom = top + before + LINE * len(lines) + PITCH
        middle = (top + before + bottom) / 2
        if isinstance(item, str):
            drawn.append(svg_text(0, middle, lines, "heading", "start"))
            bands.append(_Band(top, bottom, BOLD * max(map(text_width, lines))))
        else:
            drawn += [*_row(item, line, middle), *_printed(item, middle, decimals)]
            bands.append(_Band(top, bottom, 0.0))
        top = bottom
    return drawn, bands


def _fitting(name: str, text: str) -> list[str]:
    """The text in lines as wide as the drawing; headings are bold, which runs wider."""
    lines = wrapped(text, WIDTH / BOLD)
    if BOLD * max(map(text_width, lines)) > WIDTH:
        raise ValueError(f"{name} must have words that fit the drawing, got {text!r}")
    return lines


def _row(row: _Row, line: _NumberLine, y: float) -> list[Element]:
    """The label, the interval with its ends, and the mark over it."""
    x, low, high = (line.place(row.mean + sign * row.margin) for sign in (0, -1, 1))
    ends = f"M{low:.2f} {y:.2f}H{high:.2f}M{low:.2f} {y - 3:.2f}v6M{high:.2f} {y - 3:.2f}v6"
    mark = f"M{x:.2f} {y:.2f}{MARKS[row.role]}"
    hole = [svg_path("hole", mark)] if row.role == "soft" else []
    label = svg_text(0, y, row.lines, row.role, "start")
    return [label, svg_path(f"interval {row.role}", ends), svg_path(f"mark {row.role}", mark), *hole]


def _printed(row: _Row, y: float, decimals: int | None) -> list[Element]:
    return [] if decimals is None else [svg_text(WIDTH, y, [_value(row, decimals)], "number", "end")]


def _reference(lines: list[str], x: float, bands: Sequence[_Band]) -> list[Element]:
    """A line through all bands but those whose headings it would strike, and its label above."""
    half = max(map(text_width, lines)) / 2
    path = "".join(f"M{x:.2f} {band.top:.2f}V{band.bottom:.2f}" for band in bands if band.reach + 4 < x)
    middle = min(max(x, half), WIDTH - half)
    return [svg_path("reference", path), svg_text(middle, LINE / 2 * len(lines), lines, "ink", "middle")]


def _axis(line: _NumberLine, x_ticks: Sequence[float] | None, y: float) -> list[Element]:
    choices = _round(line) if x_ticks is None else [np.sort(finite_values("ticks", x_ticks, positive=False))]
    for ticks in choices:
        labels, points = tick_labels(ticks), [line.place(tick) for tick in ticks.tolist()]
        if clear(points, [text_width(label) for label in labels], 0, WIDTH):
            break
    else:
        raise ValueError(f"ticks must stand apart so that their labels do not overlap, got {listed(choices[0])}")
    strokes = "".join(f"M{x:.2f} {y:.2f}v4" for x in points)
    numbers = [svg_text(x, y + 13, [label], "number", "middle") for x, label in zip(points, labels, strict=True)]
    return [svg_path("axis", f"M{line.left:.2f} {y:.2f}H{line.right:.2f}"), svg_path("tick x", strokes), *numbers]


def _round(line: _NumberLine) -> list[np.ndarray]:
    """Sets of two or more round numbers on the line, then some of them only."""
    sets = round_numbers(line.low, line.high, log=False, most=5)
    some = [
        ticks[start : len(ticks) - less : step]
        for step in range(1, 5)
        for ticks in sets
        for less in (0, 1)  # the first and the last may stand too close to the edges
        for start in range(step + 1)
    ]
    return [ticks for ticks in some if len(ticks) > 1] or [np.array([line.low, line.high])]


def _below(x_label: str, line: _NumberLine) -> tuple[list[str], float]:
    """The label of the number line, and the middle of it: under the plot, or nearer to the middle of the drawing."""
    lines = _fitting("x_label", x_label)
    half = max(map(text_width, lines)) / 2
    return lines, min(max((line.left + line.right) / 2, half), WIDTH - half)
