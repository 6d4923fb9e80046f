"""A figure with sliders: one drawing for each of their positions, all of them drawn when the page is built.

The page shows the drawing of the start, with its words and with what the sliders stand at; that is all there is without
scripts. All other drawings follow as data, which `hw.site.frames` moves into a file of its own and
`docs/assets/js/frames.js` swaps in.
"""

import gzip
import json
import re
from collections.abc import Callable, Sequence
from html import escape
from itertools import product
from typing import NamedTuple

__all__ = ["Slider", "frames"]

NAME = re.compile(r"[a-z][a-z0-9-]*")
BOX = re.compile(r'<svg class="[^"]*" role="img" aria-label="[^"]+" viewBox="([^"]+)"')
MOST = 60_000  # bytes of all frames, compressed


class Slider(NamedTuple):
    """One quantity that the reader moves.

    Attributes:
        label: What it is, with its unit.
        positions: What is shown at each position, in order.
        start: The number of the position at which it stands first, from 0.

    Examples:
        >>> from hw.figures.frames import Slider
        >>> Slider("distance", ["1", "2", "3"], start=1).start
        1
    """

    label: str
    positions: Sequence[str]
    start: int


def frames(name: str, sliders: Sequence[Slider], frame: Callable[[tuple[int, ...]], tuple[str, str]]) -> str:
    """The figure at its start, with the frames of all positions as data beside it.

    Args:
        name: What the file of the frames is called, unlike that of any other figure.
        sliders: At least one.
        frame: Drawing and words for the numbers of the positions, one number a slider. The drawing is one SVG element
            or more, each with its alternative text; the words say in plain text what the drawing shows.

    Returns:
        HTML.

    Raises:
        ValueError: If the name is not made of lowercase letters, digits and hyphens, there is no slider, one has fewer
            than two positions, two of the same text or a start that is none of them, a frame is no pair of texts, has
            no words or no drawing with alternative text, its drawings are not of the size of the others, or all frames
            together take more than 60 kB compressed.

    Examples:
        >>> from hw.figures.drawing import svg_element
        >>> from hw.figures.frames import Slider, frames
        >>> def frame(positions):
        ...     return svg_element([f"A chart of {positions[0]}"], 20, []), f"It is {positions[0]}."
        >>> html = frames("counted", [Slider("count", ["none", "one"], start=1)], frame)
        >>> html.count("<svg"), html.partition("<script")[0].endswith('<p class="words">It is 1.</p>')
        (1, True)
    """
    if not NAME.fullmatch(name):
        raise ValueError(f"name must be made of lowercase letters, digits and hyphens, got {name!r}")
    _check(sliders)
    drawn = {places: frame(places) for places in product(*(range(len(slider.positions)) for slider in sliders))}
    for places, shown in drawn.items():
        if not isinstance(shown, tuple) or list(map(type, shown)) != [str, str]:
            raise ValueError(f"frame must return a drawing and words, got {shown!r} at {places}")
    boxes = {places: BOX.findall(svg) for places, (svg, _) in drawn.items()}
    start = tuple(slider.start for slider in sliders)
    for places, (svg, words) in drawn.items():
        if not words.strip():
            raise ValueError(f"frame must say in words what it shows, got {words!r} at {places}")
        if not boxes[places] or svg.count("<svg") != len(boxes[places]):
            raise ValueError(f"frame must return drawings with alternative text, got {svg[:60]!r} at {places}")
        if boxes[places] != boxes[start]:
            raise ValueError(f"frame must draw in one size, {boxes[start]}, got {boxes[places]} at {places}")
    data = json.dumps(list(drawn.values()), ensure_ascii=False, separators=(",", ":"))
    size = len(gzip.compress(data.encode(), mtime=0))
    if size > MOST:
        raise ValueError(f"frames must take at most {MOST:,} bytes together, compressed, got {size:,}")
    safe = data.replace("<", r"\u003c")  # no tag of a drawing is one of the page
    svg, words = drawn[start]
    return (
        f'<div class="frames" data-widget="frames" data-frames="{name}"><div class="drawn">{svg}</div>'
        f'<div class="sliders">{"".join(map(_row, sliders))}</div><p class="words">{escape(words)}</p>'
        f'<script type="application/json" data-frames="{name}">{safe}</script></div>'
    )


def _check(sliders: Sequence[Slider]) -> None:
    if not sliders:
        raise ValueError("sliders must be at least one, got none")
    for label, positions, start in sliders:
        if len(positions) < 2 or len(set(positions)) != len(positions) or not all([label, *positions]):
            raise ValueError(f"slider must have a label and two or more different positions, got {label!r} {positions}")
        if start not in range(len(positions)):
            raise ValueError(f"start of {label!r} must be one of 0 to {len(positions) - 1}, got {start!r}")


def _row(slider: Slider) -> str:
    """What a slider stands at, in the row in which the script puts it."""
    positions = escape(json.dumps(list(slider.positions), ensure_ascii=False))
    label, shown = escape(slider.label), escape(slider.positions[slider.start])
    return (
        f'<div class="slider" data-positions="{positions}" data-start="{slider.start}">'
        f"<span>{label}</span> <output>{shown}</output></div>"
    )
