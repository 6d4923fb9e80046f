"""Pixel grids: which cells of a small map are seen, which are missed."""

from collections.abc import Iterable, Sequence
from html import escape
from itertools import groupby
from typing import Any

from hw.figures.tables import table

__all__ = ["describe", "emblem", "names_table", "pixel_grid", "pixel_names", "side_by_side"]

CELL = 24
Pixel = tuple[int, int]


def pixel_grid(
    seen: Sequence[Sequence[Any]],
    title: str,
    *,
    output: Pixel | None = None,
    crossed: Sequence[Sequence[Any]] | None = None,
    numbers: Sequence[Sequence[Any]] | None = None,
    words: tuple[str, str] = ("seen", "missed"),
) -> str:
    """Drawing of a grid: filled cells, crossed cells, one ringed cell, numbers.

    Args:
        seen: `(height, width)` truth values; true cells are filled.
        title: What the grid shows; the alternative text starts with it.
        output: Row and column, from 0, of the cell that gets a ring.
        crossed: Same shape as `seen`; true cells are struck through in the second accent.
        numbers: Same shape as `seen`; what is written into the cells, empty text for nothing.
        words: What filled and crossed mean, for the alternative text.

    Returns:
        An SVG element.

    Raises:
        ValueError: If the grids differ in shape, have no cell or rows of different lengths.

    Examples:
        >>> from hw.figures.grids import pixel_grid
        >>> svg = pixel_grid([[1, 1, 0]], "Mask", output=(0, 1))
        >>> svg.count("<rect"), svg.count("<circle")
        (3, 1)
    """
    height, width = _shape(seen)
    for name, other in (("crossed", crossed), ("numbers", numbers)):
        if other is not None and _shape(other) != (height, width):
            raise ValueError(
                f"{name} must have the shape of seen, {height}×{width}, got {'×'.join(map(str, _shape(other)))}"
            )
    alternative = [title, f"grid of {height} rows and {width} columns"]
    if output is not None:
        alternative.append(f"output at row {output[0] + 1}, column {output[1] + 1}")
    alternative.append(f"{words[0]}: {describe(seen)}")
    if crossed is not None:
        alternative.append(f"{words[1]}: {describe(crossed)}")
    if numbers is not None and not _are_names(numbers):
        alternative.append("numbers by row: " + "; ".join(" ".join(str(number) for number in row) for row in numbers))
    cells = []
    for row in range(height):
        for column in range(width):
            here = (row, column) == output
            cells.append(
                _cell(
                    row,
                    column,
                    filled=bool(seen[row][column]),
                    crossed=crossed is not None and bool(crossed[row][column]),
                    ringed=here,
                    text="" if numbers is None else str(numbers[row][column]),
                )
            )
    return (
        f'<svg class="pixels" role="img" aria-label="{escape(". ".join(alternative))}." '
        f'viewBox="-1 -1 {width * CELL + 2} {height * CELL + 2}" '
        f'style="--columns: {width}">{"".join(cells)}</svg>'
    )


def side_by_side(*parts: tuple[str, str] | str) -> str:
    """Drawings in a row, each with a label beneath; a plain text is a sign between two drawings.

    Args:
        parts: Pairs (drawing, label), or signs such as `"="`.

    Returns:
        An HTML element that wraps on narrow screens.

    Examples:
        >>> from hw.figures.grids import side_by_side
        >>> side_by_side(("<svg></svg>", "left"), "=", ("<svg></svg>", "right")).count("<svg>")
        2
    """
    pieces = [
        f'<div class="sign" aria-hidden="true">{escape(part)}</div>'
        if isinstance(part, str)
        else f'<div class="part">{part[0]}<div class="label">{escape(part[1])}</div></div>'
        for part in parts
    ]
    return f'<div class="side-by-side">{"".join(pieces)}</div>'


def pixel_names(size: tuple[int, int]) -> tuple[tuple[str, ...], ...]:
    """Names of the pixels as the question has them: row then column, counted from 1.

    Examples:
        >>> from hw.figures.grids import pixel_names
        >>> pixel_names((2, 3))
        (('11', '12', '13'), ('21', '22', '23'))
    """
    separator = "" if max(size) < 10 else ","
    return tuple(tuple(f"{row + 1}{separator}{column + 1}" for column in range(size[1])) for row in range(size[0]))


def names_table(cases: dict[str, Sequence[Sequence[Any]]], heading: str) -> str:
    """Table with one row a case: how many pixels are seen, and their names.

    Args:
        cases: Label and `(height, width)` truth values of each case.
        heading: Heading of the column of labels.

    Returns:
        An HTML table.

    Raises:
        ValueError: If a grid has no cell or rows of different lengths.

    Examples:
        >>> from hw.figures.grids import names_table
        >>> "<td>11, 12</td>" in names_table({"both": [[1, 1]]}, "Case")
        True
    """
    rows = []
    for label, seen in cases.items():
        names = pixel_names(_shape(seen))
        listed = [names[row][column] for row, column in _true_cells(seen)]
        rows.append((label, len(listed), ", ".join(listed) or "none"))
    return table((heading, "Count", "Pixels seen"), rows)


def describe(cells: Sequence[Sequence[Any]]) -> str:
    """The true cells in words, rows and columns counted from 1.

    Raises:
        ValueError: If the cells are not in rows of one length, of one cell or more, or a cell is of several values.

    Examples:
        >>> from hw.figures.grids import describe
        >>> describe([[1, 1, 0], [0, 0, 0], [1, 0, 1]])
        'row 1 columns 1 to 2, row 3 columns 1, 3'
    """
    rows = [
        f"row {row + 1} columns {_runs(column + 1 for _, column in cells_of_row)}"
        for row, cells_of_row in groupby(_true_cells(cells), key=lambda cell: cell[0])
    ]
    return ", ".join(rows) or "none"


def emblem(seen: Sequence[Sequence[Any]], output: Pixel) -> str:
    """The site's sign as an SVG file of its own: a grid whose colors do not depend on a page.

    Args:
        seen: `(height, width)` truth values.
        output: Row and column, from 0, of the ringed cell.

    Returns:
        The text of an SVG file.

    Raises:
        ValueError: If the grid has no cell or rows of different lengths.

    Examples:
        >>> from hw.figures.grids import emblem
        >>> emblem([[1, 0]], (0, 1)).startswith("<svg xmlns=")
        True
    """
    height, width = _shape(seen)
    step = 6
    squares = "".join(f"M{column * step} {row * step}h5v5h-5z" for row, column in _true_cells(seen))
    rest = "".join(
        f"M{column * step} {row * step}h5v5h-5z"
        for row in range(height)
        for column in range(width)
        if not seen[row][column]
    )
    center = f'cx="{output[1] * step + 2.5}" cy="{output[0] * step + 2.5}" r="1.5"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-1 -1 {width * step + 1} {height * step + 1}">'
        f"<style>.s{{fill:#1d5fa6}}.r{{fill:#8a8378;fill-opacity:.3}}.o{{fill:#c2410c}}"
        f"@media(prefers-color-scheme:dark){{.s{{fill:#8ab8e8}}.o{{fill:#f29b74}}}}</style>"
        f'<path class="r" d="{rest}"/><path class="s" d="{squares}"/><circle class="o" {center}/></svg>\n'
    )


def _cell(row: int, column: int, *, filled: bool, crossed: bool, ringed: bool, text: str) -> str:
    left, top = column * CELL, row * CELL
    kind = "seen" if filled else "crossed" if crossed else "rest"
    drawn = [f'<rect class="{kind}" x="{left}" y="{top}" width="{CELL}" height="{CELL}"/>']
    if crossed:
        drawn.append(f'<path class="strike" d="M{left} {top + CELL}L{left + CELL} {top}"/>')
    if text:
        drawn.append(f'<text class="{kind}" x="{left + CELL / 2:g}" y="{top + CELL / 2:g}">{escape(text)}</text>')
    if ringed:
        drawn.append(f'<circle class="{kind}" cx="{left + CELL / 2:g}" cy="{top + CELL / 2:g}" r="{CELL / 2 - 2:g}"/>')
    return "".join(drawn)


def _shape(cells: Sequence[Sequence[Any]]) -> tuple[int, int]:
    try:
        widths = {len(row) for row in cells}
    except TypeError:
        raise ValueError(f"a grid must have rows of cells, got {cells!r}") from None
    if len(widths) != 1 or 0 in widths:
        raise ValueError(f"a grid must have rows of one length, one cell or more, got lengths {sorted(widths)}")
    return len(cells), len(cells[0])


def _true_cells(cells: Sequence[Sequence[Any]]) -> list[Pixel]:
    _shape(cells)
    return [(row, column) for row, line in enumerate(cells) for column, value in enumerate(line) if _is_true(value)]


def _is_true(value: Any) -> bool:
    try:
        return bool(value)
    except (RuntimeError, TypeError, ValueError):  # an array of several
        raise ValueError(f"a cell must be one value, got {value!r}") from None


def _are_names(numbers: Sequence[Sequence[Any]]) -> bool:
    return tuple(map(tuple, numbers)) == pixel_names(_shape(numbers))


def _runs(places: Iterable[int]) -> str:
    """Neighboring numbers joined: 1, 2, 3, 5 becomes '1 to 3, 5'."""
    groups = groupby(enumerate(places), key=lambda numbered: numbered[1] - numbered[0])
    runs = [[place for _, place in group] for _, group in groups]
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]} to {run[-1]}" for run in runs)
