"""What charts share: numbers as text, round ticks, the room that text takes, and the elements of an SVG.

Lengths are in units of the drawing, which is `WIDTH` of them wide; on a phone a unit is about one pixel. Every element
has a class, by which the page gives it color, stroke and type.
"""

import math
import warnings
from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import numpy as np
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path
from matplotlib.ticker import LogLocator, MaxNLocator
from numpy.typing import ArrayLike

__all__ = [
    "LINE",
    "SIZE",
    "WIDTH",
    "as_array",
    "clear",
    "finite_values",
    "listed",
    "numeral",
    "round_numbers",
    "spread",
    "svg_element",
    "svg_path",
    "svg_text",
    "text_width",
    "tick_labels",
    "wrapped",
]

WIDTH = 360  # of the drawing
SIZE, LINE = 12, 15  # of text: its size, the distance of lines


def finite_values(name: str, values: Sequence[float], positive: bool) -> np.ndarray:
    """The values as a float array of shape `(n,)`, or a refusal that names them.

    Raises:
        ValueError: If there is no value, the shape is another, a value is not finite, or `positive` is asked for and a
            value is not.

    Examples:
        >>> from hw.figures.drawing import finite_values
        >>> finite_values("x", [1, 2], positive=True).tolist()
        [1.0, 2.0]
    """
    array = np.asarray(values, dtype=float)
    if array.ndim != 1 or not array.size:
        raise ValueError(f"{name} must have shape (n,) with n at least 1, got {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite so that it has a place on the axis, got {listed(array)}")
    if positive and (array <= 0).any():
        raise ValueError(f"{name} must be positive so that it has a logarithm, got {listed(array)}")
    return array


def listed(array: np.ndarray) -> str:
    """The first dozen of the values, for a message.

    Examples:
        >>> import numpy as np
        >>> from hw.figures.drawing import listed
        >>> listed(np.array([1, 0.5]))
        '1, 0.5'
    """
    return ", ".join(f"{value:g}" for value in array[:12]) + (" …" if array.size > 12 else "")


def numeral(value: float, digits: int = 4) -> str:
    """A number in plain type with a real minus sign; powers of ten only for the very large and the very small.

    Examples:
        >>> from hw.figures.drawing import numeral
        >>> numeral(-0.25), numeral(12000), numeral(2.5e-7)
        ('−0.25', '12,000', '2.5·10⁻⁷')
    """
    rounded = float(f"{value:.{digits}g}")
    if rounded == 0 or 1e-4 <= abs(rounded) < 1e6:
        return f"{rounded + 0.0:,.{max(digits, 7)}g}".replace("-", "−")
    mantissa, exponent = f"{rounded:.{digits - 1}e}".split("e")
    power = "10" + str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
    return f"{mantissa}·{power}".removeprefix("1·").replace("-1·", "-").replace("-", "−")


def tick_labels(ticks: np.ndarray) -> list[str]:
    """The ticks as text, in as few digits as tell them apart and place them right.

    Examples:
        >>> import numpy as np
        >>> from hw.figures.drawing import tick_labels
        >>> tick_labels(np.array([0.1, 0.1 + 0.2]))
        ['0.1', '0.3']
    """
    exact = 1e-3 * min((b - a for a, b in pairwise(ticks)), default=math.inf)
    for digits in range(1, 15):
        rounded = [float(f"{tick:.{digits}g}") for tick in ticks]
        if all(abs(a - b) <= exact for a, b in zip(rounded, ticks, strict=True)) and (digits > 3 or len(ticks) > 1):
            break
    return [numeral(0.0 if abs(tick) <= exact < math.inf else tick, digits) for tick in ticks]


def round_numbers(low: float, high: float, log: bool, most: int) -> list[np.ndarray]:
    """Sets of round ticks between the limits, the most numerous first, a single tick at last.

    Examples:
        >>> from hw.figures.drawing import round_numbers
        >>> round_numbers(0.0, 10.0, log=False, most=2)[0].tolist()
        [0.0, 5.0, 10.0]
    """
    found = []
    for many in range(most, 0, -1):
        locators = [LogLocator(subs=subs, numticks=many + 2) for subs in ((1, 2, 5), (1,)) if log]
        found += [locator.tick_values(low, high) for locator in [*locators, MaxNLocator(many, steps=[1, 2, 5, 10])]]
    inside = [ticks[(low <= ticks) & (ticks <= high)] for ticks in found]
    return [ticks for ticks in inside if 2 <= len(ticks) <= most + 1] + [np.array([low])]


def clear(points: Sequence[float], sizes: Sequence[float], low: float, high: float) -> bool:
    """Whether labels centered on the points clear one another and stay within the limits.

    Examples:
        >>> from hw.figures.drawing import clear
        >>> clear([10, 40], [20, 20], 0, 50), clear([10, 30], [20, 20], 0, 50)
        (True, False)
    """
    spans = [(point - size / 2, point + size / 2) for point, size in zip(points, sizes, strict=True)]
    return all(a[1] + 4 <= b[0] for a, b in pairwise(spans)) and low <= spans[0][0] and spans[-1][1] <= high


def spread(wanted: Sequence[float], sizes: Sequence[float], low: float, high: float) -> list[float]:
    """Centers of stacked labels nearest to where they are wanted, in the least-squares sense: isotonic regression.

    Examples:
        >>> from hw.figures.drawing import spread
        >>> spread([50, 50], [10, 10], 0, 100)
        [45.0, 55.0]
    """
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    before = [sum(sizes[j] for j in order[:rank]) + sizes[i] / 2 for rank, i in enumerate(order)]
    free = [wanted[i] - b for i, b in zip(order, before, strict=True)]
    ranks = range(len(free))
    fitted = [max(min(fmean(free[a : b + 1]) for b in ranks[i:]) for a in ranks[: i + 1]) for i in ranks]
    held = [min(max(value, low), high - sum(sizes)) + b for value, b in zip(fitted, before, strict=True)]
    return [place for _, place in sorted(zip(order, held, strict=True))]


def as_array(name: str, values: ArrayLike) -> np.ndarray:
    """An array of floats.

    Raises:
        ValueError: If the values are no numbers, or rows of different lengths.
    """
    try:
        return np.asarray(values, dtype=float)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{name} must be numbers in rows of one length, got what NumPy refuses: {error}") from error


def text_width(text: str) -> float:
    """Width in DejaVu Sans, which runs wider than the page's face; a glyph that it lacks is as wide as its box."""
    font = FontProperties(family="DejaVu Sans", size=SIZE)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph ", UserWarning)  # only the width is read
        return float(text_to_path.get_text_width_height_descent(text, font, False)[0])


def wrapped(text: str, room: float) -> list[str]:
    """The text in lines no wider than the room, but for single words that are.

    Examples:
        >>> from hw.figures.drawing import wrapped
        >>> wrapped("two words", 40), wrapped("two words", 400)
        (['two', 'words'], ['two words'])
    """
    lines: list[str] = []
    for word in text.split():
        if lines and text_width(f"{lines[-1]} {word}") <= room:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines or [""]


def svg_element(words: Sequence[str], height: float, drawn: Sequence[Element]) -> str:
    """The drawing with its alternative text, a sentence for each of the words.

    Examples:
        >>> from hw.figures.drawing import svg_element
        >>> svg_element(["A chart"], 20, [])
        '<svg class="chart" role="img" aria-label="A chart." viewBox="0 0 360 20" />'
    """
    attributes = {
        "class": "chart",
        "role": "img",
        "aria-label": ". ".join(words) + ".",
        "viewBox": f"0 0 {WIDTH} {height:g}",
    }
    root = Element("svg", attributes)
    root.extend(drawn)
    return ElementTree.tostring(root, encoding="unicode")


def svg_path(kind: str, path: str) -> Element:
    """A path with its class."""
    return Element("path", {"class": kind, "d": path})


def svg_text(x: float, y: float, lines: Sequence[str], kind: str, anchor: str) -> Element:
    """Text centered on a height; lines are set apart in ems, as the page may choose another size."""
    text = Element("text", {"class": kind, "x": f"{x:.2f}", "y": f"{y:.2f}", "text-anchor": anchor})
    if len(lines) == 1:
        (text.text,) = lines
        return text
    for number, line in enumerate(lines):
        shift = 1.25 if number else -0.625 * (len(lines) - 1)
        ElementTree.SubElement(text, "tspan", {"x": f"{x:.2f}", "dy": f"{shift:g}em"}).text = line
    return text
