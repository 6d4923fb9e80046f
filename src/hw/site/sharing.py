"""The picture of each page that other sites show beside a link to it ([Open Graph](https://ogp.me/)).

Title and description are the page's own, in the site's type and colors; the grid is one that the library has drawn.
"""

import re
from functools import cache
from html import unescape
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["draw_pictures"]

SIZE = 1200, 630
EDGE = 70
GRID = re.compile(r'<svg class="pixels".*?</svg>', re.DOTALL)
CELL = re.compile(r'<rect class="(\w+)" x="([\d.]+)" y="([\d.]+)" width="([\d.]+)"')
ON_HOME = re.compile(r'<div class="home-question">.*?(<svg class="pixels".*?</svg>).*?<a href="([^"#]+)"', re.DOTALL)
COLOR = re.compile(r"--(paper|ink|soft|seen|wrong): (?:light-dark\()?(#[0-9a-f]{6})")


class Shared(NamedTuple):
    """What is shown of a page elsewhere."""

    picture: str
    site: str
    title: str
    description: str


def draw_pictures(site: Path) -> None:
    """Draw the picture that each page of a built site names, into `assets/share`.

    Args:
        site: The folder. A question's picture shows the grid that stands for it on the home page; another page's shows
            its first one, or else that of the first question.
    """
    home = (site / "index.html").read_text("utf-8")
    of_questions = {link: grid for grid, link in ON_HOME.findall(home)}
    emblem = next(iter(of_questions.values()), "")
    colors = dict(COLOR.findall((site / "assets/css/book.css").read_text("utf-8")))
    (site / "assets/share").mkdir(exist_ok=True)
    for path in sorted(site.rglob("*.html")):
        page = path.read_text("utf-8")
        shared = _shared(page)
        if shared:
            own = GRID.search(page)
            address = path.relative_to(site).as_posix().removesuffix("index.html")
            grid = of_questions.get(address) or (own[0] if own else emblem)
            _draw(shared, grid, site / "assets/fonts", colors).save(site / shared.picture, optimize=True)


def _shared(page: str) -> Shared | None:
    """What a page says of itself; nothing of one that no one links to, such as that for a missing page."""
    found = {name: unescape(value) for name, value in re.findall(r'<meta property="og:(\w+)" content="([^"]*)">', page)}
    if "image" not in found:
        return None
    name = found["image"].rpartition("/")[2]
    return Shared(f"assets/share/{name}", found["site_name"], found["title"], found["description"])


def _draw(shared: Shared, grid: str, fonts: Path, colors: dict[str, str]) -> Any:
    from PIL import Image, ImageDraw

    picture = Image.new("RGB", SIZE, colors["paper"])
    draw = ImageDraw.Draw(picture)
    right = SIZE[0] - EDGE
    cells = CELL.findall(grid)
    if cells:
        right -= _grid(draw, cells, colors) + EDGE
    title, text, name = (
        _font(fonts, *face) for face in (("source-serif-4", 60, 600), ("inter", 27, 400), ("inter", 23, 500))
    )
    y = EDGE
    for line in _wrapped(shared.title, title, right - EDGE)[:4]:
        draw.text((EDGE, y), line, font=title, fill=colors["ink"])
        y += 72
    y += 26
    for line in _wrapped(shared.description, text, right - EDGE)[: (SIZE[1] - 2 * EDGE - y) // 40]:
        draw.text((EDGE, y), line, font=text, fill=colors["soft"])
        y += 40
    if shared.title != shared.site:
        draw.text((EDGE, SIZE[1] - EDGE - 24), shared.site, font=name, fill=colors["seen"])
    return picture


def _grid(draw: Any, cells: list[tuple[str, str, str, str]], colors: dict[str, str]) -> int:
    """Draw a grid at the right edge; return its width."""
    side = float(cells[0][3])
    columns = round(max(float(x) for _, x, _, _ in cells) / side) + 1
    rows = round(max(float(y) for _, _, y, _ in cells) / side) + 1
    cell = min(380 // columns, (SIZE[1] - 2 * EDGE) // rows)
    left = SIZE[0] - EDGE - cell * columns
    for kind, x, y, _ in cells:
        x0, y0 = left + round(float(x) / side) * cell, EDGE + round(float(y) / side) * cell
        fill = colors["seen"] if kind == "seen" else colors["paper"]
        draw.rectangle((x0, y0, x0 + cell, y0 + cell), fill=fill, outline=colors["soft"])
        if kind == "crossed":
            draw.line((x0 + 4, y0 + cell - 4, x0 + cell - 4, y0 + 4), fill=colors["wrong"], width=2)
    return cell * columns


def _wrapped(text: str, font: Any, width: float) -> list[str]:
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and font.getlength(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


@cache
def _font(folder: Path, name: str, size: int, weight: int) -> Any:
    from PIL import ImageFont

    font = ImageFont.truetype(str(folder / f"{name}-latin-wght-normal.woff2"), size)
    font.set_variation_by_axes([weight])
    return font
