"""Densities of the plane side by side, each as its highest-density regions, with lines and samples that a map carried.

Four nested regions hold 25, 50, 75 and 95 % of the mass; laid over one another, they are darkest where the density is
highest. Colors, strokes and type are left to the page (`svg.chart` in the style sheet). The outline tells the role
`wrong` too, by its dashes, not its color alone.

References:
    Hyndman (1996), *Computing and Graphing Highest Density Regions*, The American Statistician 50 (2), 120–126,
    <https://doi.org/10.1080/00031305.1996.10474359>.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple
from xml.etree.ElementTree import Element

import numpy as np
from matplotlib.path import Path
from numpy.typing import ArrayLike

from hw.figures.drawing import (
    LINE,
    WIDTH,
    as_array,
    listed,
    numeral,
    svg_element,
    svg_path,
    svg_text,
    text_width,
    wrapped,
)
from hw.figures.regions import SHARES, area, clipped, regions, thinned, within

__all__ = ["Panel", "density_panels"]

ROLES = ("ink", "seen", "wrong")
GAP = 12  # between panels
Extent = tuple[float, float, float, float]


class Panel(NamedTuple):
    """One density of the plane, and what is drawn above it.

    Attributes:
        label: What stands above the panel.
        density: Values on a regular grid that reaches to the edges of the extent, shape `(rows, columns)`, the first
            row at the least y; they need not be normalized.
        role: `"ink"`, `"seen"` or `"wrong"`.
        lines: Polylines, each of shape `(n, 2)`, such as a grid that a map carried along.
        points: Samples, shape `(n, 2)`.

    Examples:
        >>> from hw.figures.planes import Panel
        >>> Panel("uniform", [[1, 1], [1, 1]]).role
        'seen'
    """

    label: str
    density: ArrayLike
    role: str = "seen"
    lines: Sequence[ArrayLike] = ()
    points: ArrayLike = ()


class _Plane(NamedTuple):
    """A panel in arrays, lengths in units of the drawing from its upper left corner."""

    panel: Panel
    density: np.ndarray  # the highest is 1
    lines: list[np.ndarray]
    points: np.ndarray
    rings: list[list[np.ndarray]]  # of each region, the widest first


def density_panels(panels: Sequence[Panel], title: str, *, extent: Extent) -> str:
    """Drawing of up to three densities side by side, each as the smallest sets that hold 25, 50, 75 and 95 % of it.

    What is drawn of a density, and what is said of it, is its mass within the extent. Lines are cut where they leave
    the extent; samples outside it are left out, and counted in the alternative text.

    Args:
        panels: One to three densities with their labels, lines and samples.
        title: What the panels show; the alternative text starts with it.
        extent: Edges x_min, x_max, y_min, y_max of every panel; as wide as high.

    Returns:
        An SVG element.

    Raises:
        ValueError: If there are no panels or more than three, a role is none of the three, the extent is not finite,
            not increasing or not as wide as high, a density has another shape, a negative or non-finite value, no mass
            or its mass on too few grid points for its regions to have an area, lines or points have another shape or
            are not finite, or a label or the numbers of the extent do not fit a panel.

    Examples:
        >>> import numpy as np
        >>> from hw.figures.planes import Panel, density_panels
        >>> x = np.linspace(-3, 3, 61)
        >>> normal = np.exp(-(x**2 + x[:, None] ** 2) / 2)
        >>> svg = density_panels([Panel("N(0, I)", normal)], "A normal density", extent=(-3, 3, -3, 3))
        >>> svg.count('class="region seen"'), "N(0, I): highest density at (0, 0)" in svg
        (4, True)

    References:
        Hyndman (1996), *Computing and Graphing Highest Density Regions*, section 2.
    """
    if not 1 <= len(panels) <= 3:
        raise ValueError(f"panels must be one to three so that each has room, got {len(panels)}")
    low, span = _corner(extent)
    numbers = [numeral(value) for value in extent]
    left, side = _room(numbers, len(panels))
    labels = [_label(panel, side) for panel in panels]
    most = max(map(len, labels))
    labels = [["\u00a0"] * (most - len(lines)) + lines for lines in labels]  # of equal height, so last lines align
    top = 4.0 + LINE * most
    planes = [_plane(panel, low, span, side) for panel in panels]
    drawn: list[Element] = []
    for number, (plane, lines) in enumerate(zip(planes, labels, strict=True)):
        drawn += _panel(plane, lines, np.array([left + number * (side + GAP), top]), side)
    drawn += _numbers(numbers, left, top, side)
    words = [f"x from {numbers[0]} to {numbers[1]}, y from {numbers[2]} to {numbers[3]}"]
    words.append("nested regions hold 25, 50, 75 and 95 % of each density's mass within these")
    return svg_element([title, *words, *(_words(plane, low, span, side) for plane in planes)], top + side + 20, drawn)


def _corner(extent: Extent) -> tuple[np.ndarray, float]:
    """Lower left corner and width of the extent."""
    edges = np.asarray(extent, dtype=float)
    if edges.shape != (4,) or not np.isfinite(edges).all():
        raise ValueError(f"extent must have four finite edges x_min, x_max, y_min, y_max, got {extent}")
    across, up = edges[1] - edges[0], edges[3] - edges[2]
    if min(across, up) <= 0:
        raise ValueError(f"extent must increase from x_min to x_max and from y_min to y_max, got {listed(edges)}")
    if not math.isclose(across, up, rel_tol=1e-9):
        raise ValueError(f"extent must be as wide as high so that a unit is as long both ways, got {listed(edges)}")
    return edges[[0, 2]], float(across)


def _room(numbers: Sequence[str], count: int) -> tuple[int, float]:
    """Left edge of the first panel, beside the numbers of y, and the side of all, in whole hundredths as paths are."""
    left = math.ceil(max(map(text_width, numbers[2:]))) + 5
    side = math.floor((WIDTH - left - GAP * (count - 1)) / count * 100) / 100
    if sum(map(text_width, numbers[:2])) + 4 > side:
        raise ValueError(f"extent must have numbers that fit below a panel, got {', '.join(numbers)}")
    return left, side


def _label(panel: Panel, side: float) -> list[str]:
    if panel.role not in ROLES:
        raise ValueError(f"role of {panel.label!r} must be one of {', '.join(ROLES)}, got {panel.role!r}")
    lines = wrapped(panel.label, side)
    if max(map(text_width, lines)) > side:
        raise ValueError(f"label must have words that fit above a panel, got {panel.label!r}")
    return lines


def _plane(panel: Panel, low: np.ndarray, span: float, side: float) -> _Plane:
    density = _density(panel)
    lines = [_pairs(f"lines of {panel.label!r}", line, 2) for line in panel.lines]
    points = _pairs(f"points of {panel.label!r}", panel.points, 0)
    placed = [(line - low) / span * [side, -side] + [0, side] for line in [*lines, points]]
    rings = regions(density, side)
    if not all(rings):
        raise ValueError(
            f"density of {panel.label!r} must spread over several grid points so that its regions have an area, got "
            f"{np.count_nonzero(density > 0.5)} that exceed half of its maximum"
        )
    return _Plane(panel, density, placed[:-1], placed[-1], rings)


def _density(panel: Panel) -> np.ndarray:
    """The density over its maximum."""
    name = f"density of {panel.label!r}"
    values = as_array(name, panel.density)
    if values.ndim != 2 or min(values.shape) < 2:
        raise ValueError(f"{name} must have shape (rows, columns) with at least 2 of each, got {values.shape}")
    if not np.isfinite(values).all() or (values < 0).any():
        strange = values[~(np.isfinite(values) & (values >= 0))]
        raise ValueError(f"{name} must be finite and not negative, got {listed(strange)}")
    if not values.any():
        raise ValueError(f"{name} must have mass within the extent, got zeros only")
    return values / values.max()


def _pairs(name: str, values: ArrayLike, least: int) -> np.ndarray:
    """Finite points of the plane, at least so many."""
    array = as_array(name, values)
    if not least and array.shape == (0,):
        return array.reshape(0, 2)
    if array.ndim != 2 or array.shape[1] != 2 or len(array) < least:
        raise ValueError(f"{name} must have shape (n, 2){f' with n at least {least}' * bool(least)}, got {array.shape}")
    if not np.isfinite(array).all():
        strange = array[~np.isfinite(array)]
        raise ValueError(f"{name} must be finite so that they have a place in the plane, got {listed(strange)}")
    return array


def _panel(plane: _Plane, label: list[str], corner: np.ndarray, side: float) -> list[Element]:
    role, (left, top) = plane.panel.role, corner
    drawn = [svg_path("frame", f"M{left:.2f} {top:.2f}h{side:.2f}v{side:.2f}h{-side:.2f}z")]
    for rings in plane.rings:
        drawn.append(svg_path(f"region {role}", "".join(_path(ring, corner) + "z" for ring in rings)))
    pieces = [piece for line in plane.lines for piece in clipped(line, side)]
    if pieces:
        drawn.append(svg_path("carried", "".join(_path(piece, corner) for piece in pieces)))
    dots = plane.points[within(plane.points, side)] + corner
    if len(dots):
        drawn.append(svg_path(f"dot {role}", "".join(f"M{_pair(dot)}h0" for dot in dots)))
    return [*drawn, svg_text(left, top - 4 - LINE / 2 * len(label), label, role, "start")]


def _numbers(numbers: Sequence[str], left: float, top: float, side: float) -> list[Element]:
    """The edges of the extent, beside and below the first panel."""
    bottom, right = top + side, left + side
    places = [(left, bottom + 12, "start"), (right, bottom + 12, "end"), (left - 5, bottom - 5, "end")]
    places.append((left - 5, top + 5, "end"))
    return [svg_text(x, y, [text], "number", anchor) for text, (x, y, anchor) in zip(numbers, places, strict=True)]


def _path(line: np.ndarray, corner: np.ndarray) -> str:
    """A polyline in steps, which are shorter to write than places."""
    hundredths = np.rint((thinned(line) + corner) * 100)
    steps = np.diff(hundredths, axis=0) / 100
    return f"M{_pair(hundredths[0] / 100)}l" + " ".join(_pair(step) for step in steps)


def _pair(point: np.ndarray) -> str:
    return " ".join(f"{round(value, 2):g}" for value in point.tolist())


def _words(plane: _Plane, low: np.ndarray, span: float, side: float) -> str:
    """What the panel shows: where the density is highest, its parts, the lines and the samples."""
    peak = np.array(np.unravel_index(plane.density.argmax(), plane.density.shape))
    words = [f"highest density at {_place(peak, plane, low, span)}"]
    words.append(_parts([_place(node, plane, low, span) for node in _peaks(plane, side)]))
    if plane.lines:
        words.append(_counted(len(plane.lines), "carried line"))
    if len(plane.points):
        words.append(_counted(len(plane.points), "sample"))
        outside = len(plane.points) - int(within(plane.points, side).sum())
        words += [f"{outside} of them outside"] if outside else []
    return f"{plane.panel.label}: {', '.join(words)}"


def _parts(places: list[str]) -> str:
    if len(places) == 1:
        return "one region holds half of the mass"
    count = {2: "two", 3: "three", 4: "four"}.get(len(places), str(len(places)))
    *first, last = places[:4]
    around = f"{', '.join(first)} and {last}"
    return f"{count} regions hold half of the mass{', the largest' * (len(places) > 4)} around {around}"


def _counted(many: int, name: str) -> str:
    return f"{many:,} {name}{'s' * (many != 1)}"


def _peaks(plane: _Plane, side: float) -> list[np.ndarray]:
    """Row and column of the highest value in each part of the region that holds half of the mass, the largest first."""
    rings = sorted(plane.rings[SHARES.index(0.5)], key=lambda ring: abs(area(ring)))
    outer = np.sign(area(rings[-1]))  # the largest border is of a part, not of a hole
    nodes = np.argwhere(plane.density > 0)
    nodes = nodes[np.argsort(-plane.density[tuple(nodes.T)], kind="stable")]
    places = (nodes / (np.array(plane.density.shape) - 1))[:, ::-1] * [side, -side] + [0, side]
    places = side / 2 + (places - side / 2) * (1 - 1e-6)  # nodes at the edges lie on the border of their part
    free, found = np.ones(len(nodes), dtype=bool), []
    for ring in rings:  # a part within the hole of another comes before it
        if np.sign(area(ring)) == outer:
            inner = free & Path(ring).contains_points(places)
            free &= ~inner
            found += [nodes[inner.argmax()]] if inner.any() else []
    return found[::-1]


def _place(node: np.ndarray, plane: _Plane, low: np.ndarray, span: float) -> str:
    """Coordinates of a grid point, to a thousandth of the extent or finer."""
    digits = 3 - math.ceil(math.log10(span))
    x, y = low + span * node[::-1] / (np.array(plane.density.shape)[::-1] - 1)
    return f"({numeral(round(float(x), digits))}, {numeral(round(float(y), digits))})"
