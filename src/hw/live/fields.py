"""Receptive fields that a reader has drawn, judged with a path or with the reason why there is none."""

from collections.abc import Sequence
from typing import Any

from hw.figures.grids import pixel_grid
from hw.masks import mask
from hw.receptive_field import blind_spot, path, path_counts, receptive_field, receptive_fields

__all__ = ["explored", "judged", "stack"]

SIDE, OUTPUT = 5, (2, 2)  # of the question's map
KINDS = {"A": "mask A", "B": "mask B", "N": "no mask"}
DEPTHS, KERNELS, SIDES = range(1, 9), (3, 5, 7), range(5, 16)


def stack(kinds: str, kernel: int) -> list[tuple[tuple[int, ...], ...]]:
    """Masks of a stack of layers.

    Args:
        kinds: One letter a layer, first layer first: `A`, `B`, or `N` for no mask.
        kernel: Side of all kernels: 3, 5 or 7.

    Returns:
        0/1 grids.

    Raises:
        ValueError: If a letter or the kernel is another.

    Examples:
        >>> from hw.live.fields import stack
        >>> stack("AN", 3)[1]
        ((1, 1, 1), (1, 1, 1), (1, 1, 1))
    """
    if not kinds or not set(kinds) <= set(KINDS):
        raise ValueError(f"kinds must be letters of {', '.join(KINDS)}, got {kinds!r}")
    if kernel not in KERNELS:
        raise ValueError(f"kernel must be one of {', '.join(map(str, KERNELS))}, got {kernel}")
    return [((1,) * kernel,) * kernel if kind == "N" else mask(kind, kernel) for kind in kinds]


def judged(kinds: str, chosen: Sequence[Sequence[int]]) -> dict[str, Any]:
    """Whether these are the pixels that the middle of a map of 5×5 sees through 3×3 masks; if not, where it goes wrong.

    Args:
        kinds: The masks, as for `stack`.
        chosen: Rows and columns of pixels, counted from 0.

    Returns:
        `right`, the verdict in `words`, and of the first wrong pixel in raster order, `pixel` and, if it is seen, the
        `path` to it. Nothing is said of the others.

    Raises:
        ValueError: If a pixel is not on the map.

    Examples:
        >>> from hw.live.fields import judged
        >>> everything = [(row, column) for row in range(5) for column in range(5)]
        >>> judged("AA", everything)["words"].split(". ")[0]
        'Pixel 24 is filled, and output 33 cannot see it'
    """
    masks, size = stack(kinds, 3), (SIDE, SIDE)
    filled = {_pixel("chosen", pixel) for pixel in chosen}
    for row, column in filled:
        if not (0 <= row < SIDE and 0 <= column < SIDE):
            raise ValueError(f"chosen must be pixels of a map of {SIDE}×{SIDE}, counted from 0, got {(row, column)}")
    seen = receptive_field(masks, size, OUTPUT)
    for row in range(SIDE):
        for column in range(SIDE):
            if bool(seen[row][column]) != ((row, column) in filled):
                return {"right": False, "pixel": [row, column], **_shown(kinds, (row, column), bool(seen[row][column]))}
    return {"right": True, "words": f"Right: these {len(filled)} pixels, and no others.", "pixel": None, "path": []}


def _pixel(what: str, place: Sequence[int]) -> tuple[int, int]:
    if len(place) != 2:
        raise ValueError(f"{what} must have a row and a column, got {place}")
    return int(place[0]), int(place[1])


def _shown(kinds: str, pixel: tuple[int, int], is_seen: bool) -> dict[str, Any]:
    """Why a pixel is seen, or why it is not, in words and with the path."""
    masks, size = stack(kinds, 3), (SIDE, SIDE)
    if is_seen:
        way = path(masks, size, OUTPUT, pixel)
        steps = [f"output {name(way[0])} reads hidden pixel {name(way[1])} through {KINDS[kinds[-1]]}"]
        for layer in range(len(kinds) - 2, 0, -1):
            steps.append(f"that reads {name(way[len(kinds) - layer])} through {KINDS[kinds[layer]]}")
        steps.append(f"that reads {name(pixel)} through {KINDS[kinds[0]]}")
        words = f"Pixel {name(pixel)} is empty, and output {name(OUTPUT)} sees it: {', and '.join(steps)}."
        return {"words": words, "path": [list(place) for place in way]}
    hidden = receptive_field(masks[1:], size, OUTPUT)
    readers = [
        (row, column)
        for row in range(SIDE)
        for column in range(SIDE)
        if receptive_field(masks[:1], size, (row, column))[pixel[0]][pixel[1]]
    ]
    if any(hidden[row][column] for row, column in readers):
        raise AssertionError("a pixel that is not seen has a reader that is")
    told = f"Through {KINDS[kinds[0]]}, {_listed(readers)}" if readers else "No hidden pixel reads it"
    rest = f" and output {name(OUTPUT)} reads none of them." if len(readers) > 1 else "."
    if len(readers) == 1:
        rest = f" and output {name(OUTPUT)} does not read that."
    words = f"Pixel {name(pixel)} is filled, and output {name(OUTPUT)} cannot see it. {told}{',' * bool(readers)}{rest}"
    return {"words": words, "path": []}


def _listed(readers: list[tuple[int, int]]) -> str:
    if len(readers) == 1:
        return f"only hidden pixel {name(readers[0])} reads it"
    names = [name(reader) for reader in readers]
    return f"only hidden pixels {', '.join(names[:-1])} and {names[-1]} read it"


def explored(kinds: str, kernel: int, side: int, output: Sequence[int]) -> dict[str, Any]:
    """What one output of a stack sees, by how many paths, what it misses, and whether the stack is autoregressive.

    Args:
        kinds: The masks, as for `stack`; 1 to 8 of them.
        kernel: 3, 5 or 7.
        side: Side of the map, 5 to 15.
        output: Row and column of the output pixel, counted from 0.

    Returns:
        `svg`, a drawing with the number of paths in each pixel, and `words`.

    Raises:
        ValueError: If an argument is out of its range.

    Examples:
        >>> from hw.live.fields import explored
        >>> explored("AB", 3, 5, (2, 2))["words"].partition(". ")[0]
        'Output 3,3 sees 11 of 25 pixels, by 20 paths'
    """
    row, column = place = _pixel("output", output)
    for what, value, allowed in (
        ("kinds", len(kinds), DEPTHS),
        ("side", side, SIDES),
        ("output", row, range(side)),
        ("output", column, range(side)),
    ):
        if value not in allowed:
            raise ValueError(f"{what} must be of {allowed[0]} to {allowed[-1]}, got {value}")
    masks, size = stack(kinds, kernel), (side, side)
    counts = path_counts(masks, size, place)
    seen, blind = receptive_field(masks, size, place), blind_spot(masks, size, place)
    numbers = [[_short(int(number)) for number in line] for line in counts]
    title = f"What output {name(place, ',')} sees, with the number of paths"
    svg = pixel_grid(seen, title, output=place, crossed=blind, numbers=numbers)
    total, paths, missed = (sum(int(value) for line in grid for value in line) for grid in (seen, counts, blind))
    words = [
        f"Output {name(place, ',')} sees {total} of {side * side} pixels, by {paths} path{'s' * (paths != 1)}.",
        f"It misses {missed} of those before it." if missed else "It sees all of those before it.",
        _order(masks, size),
    ]
    return {"svg": svg, "words": " ".join(words)}


def _order(masks: list[tuple[tuple[int, ...], ...]], size: tuple[int, int]) -> str:
    """Whether every output sees only what comes before it in raster order, and where not, an example."""
    fields, (height, width) = receptive_fields(masks, size), size
    for place in range(height * width):
        seen = fields[divmod(place, width)]
        for later in range(height * width - 1, place - 1, -1):
            row, column = divmod(later, width)
            if seen[row][column]:
                what = "itself" if later == place else f"the later pixel {name((row, column), ',')}"
                return f"Output {name(divmod(place, width), ',')} sees {what}: the stack is not autoregressive."
    return "No output sees itself or a later pixel: the stack is autoregressive."


def name(pixel: Sequence[int], separator: str = "") -> str:
    """Name of a pixel as the question has it, row and column from 1."""
    return f"{pixel[0] + 1}{separator}{pixel[1] + 1}"


def _short(number: int) -> str:
    """A number of at most four characters, empty for zero."""
    digits = str(number)
    return "" if not number else digits if len(digits) < 4 else f"{number:.0e}".replace("e+0", "e").replace("e+", "e")
