"""The smallest sets of the plane that hold given shares of a density, as polygons, and polylines cut and thinned.

References:
    Hyndman (1996), *Computing and Graphing Highest Density Regions*, The American Statistician 50 (2), 120–126,
    <https://doi.org/10.1080/00031305.1996.10474359>.
    Ramer (1972), *An Iterative Procedure for the Polygonal Approximation of Plane Curves*, Computer Graphics and Image
    Processing 1 (3), 244–256, <https://doi.org/10.1016/S0146-664X(72)80017-0>.
"""

import math

import numpy as np
from matplotlib.figure import Figure

__all__ = ["SHARES", "area", "clipped", "regions", "thinned", "within"]

SHARES = (0.95, 0.75, 0.5, 0.25)  # of the mass, the widest region first
CELLS = 400  # at least, along a side of the grid on which mass is summed
EXACT = 0.04  # how far a thinned polyline may leave the one it came from
SPECK = 0.05  # area below which a region is not seen


def regions(density: np.ndarray, side: float) -> list[list[np.ndarray]]:
    """Closed borders of each region, of its parts and of their holes, the widest region first.

    Args:
        density: Values on a regular grid, shape `(rows, columns)`, the highest 1, the first row at the bottom.
        side: Side of the square that the grid fills, whose upper left corner is the origin.

    Returns:
        For each of `SHARES` its borders, each of shape `(n, 2)`.
    """
    rows, columns = density.shape
    axes = Figure().subplots()
    across, up = np.linspace(0, side, columns), np.linspace(side, 0, rows)
    found = []
    for level in _levels(density):
        drawn = axes.contourf(across, up, density, levels=[level, 2], algorithm="serial")
        rings = [ring for path in drawn.get_paths() for ring in path.to_polygons()]
        found.append([ring for ring in rings if abs(area(ring)) > SPECK])
    return found


def area(ring: np.ndarray) -> float:
    """Signed area; the outer borders and the holes of a region differ in sign."""
    (x, y), (x_next, y_next) = ring[:-1].T, ring[1:].T
    return float((x * y_next - x_next * y).sum() / 2)


def within(points: np.ndarray, side: float) -> np.ndarray:
    """Which points, shape `(n, 2)`, lie in the square."""
    return ((points >= 0) & (points <= side)).all(axis=-1)


def clipped(line: np.ndarray, side: float) -> list[np.ndarray]:
    """The pieces of a polyline within the square: cut at the four edges, then each segment is in or out."""
    for axis, edge in ((0, 0.0), (0, side), (1, 0.0), (1, side)):
        beyond = line[:, axis] - edge
        (crossed,) = np.nonzero(np.sign(beyond[:-1]) * np.sign(beyond[1:]) < 0)
        share = (beyond[crossed] / (beyond[crossed] - beyond[crossed + 1]))[:, None]
        cuts = line[crossed] + share * (line[crossed + 1] - line[crossed])
        line = np.insert(line, crossed + 1, cuts, axis=0)
    inside = within((line[:-1] + line[1:]) / 2, side)
    runs = np.split(np.arange(len(inside)), np.nonzero(np.diff(inside))[0] + 1)
    return [np.clip(line[run[0] : run[-1] + 2], 0, side) for run in runs if inside[run[0]]]


def thinned(line: np.ndarray) -> np.ndarray:
    """Fewest corners that stay close to the polyline, by Ramer's splitting at the farthest point."""
    kept, open_spans = {0, len(line) - 1}, [(0, len(line) - 1)]
    while open_spans:
        start, end = open_spans.pop()
        far = _distances(line[start : end + 1])
        middle = start + int(far.argmax())
        if far.max() > EXACT:
            kept.add(middle)
            open_spans += [(start, middle), (middle, end)]
    return line[sorted(kept)]


def _levels(density: np.ndarray) -> np.ndarray:
    """The density at the edge of each region, by the midpoint rule on cells finer than the grid."""
    rows, columns = (_hats(many) for many in density.shape)
    values = np.sort((rows @ density @ columns.T).ravel())[::-1]
    reached = np.cumsum(values)
    return np.interp(np.array(SHARES) * reached[-1], reached, values) * (1 - 1e-9)  # a plateau lies inside its edge


def _hats(many: int) -> np.ndarray:
    """Weights of the grid points in the centers of the cells, by linear interpolation as between contours."""
    finer = max(2, math.ceil(CELLS / (many - 1)))
    centers = (np.arange(finer * (many - 1)) + 0.5) / finer
    return np.maximum(1 - np.abs(centers[:, None] - np.arange(many)), 0)


def _distances(line: np.ndarray) -> np.ndarray:
    """How far each point lies from the straight line between the ends."""
    away, along = line - line[0], line[-1] - line[0]
    length = math.hypot(*along)
    if length == 0:  # a closed line has no direction
        return np.hypot(*away.T)
    return np.abs(away[:, 0] * along[1] - away[:, 1] * along[0]) / length
