"""The picture of a page that other sites show: where its words and its grid lie, and whose grid it is."""

import io
import itertools
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from hw.figures.grids import pixel_grid
from hw.site.sharing import _wrapped, draw_pictures

ROOT = Path(__file__).parent.parent
FONTS = ROOT / "docs/assets/fonts"
COLORS = {"paper": "#fffdf8", "ink": "#101010", "soft": "#707880", "seen": "#0000ff", "wrong": "#ff0000"}
INK, SOFT, SEEN, WRONG = ([int(COLORS[name][i : i + 2], 16) for i in (1, 3, 5)] for name in list(COLORS)[1:])
RIGHT = 1130  # the edge of what is drawn


def font(name, size, weight):
    found = ImageFont.truetype(str(FONTS / f"{name}-latin-wght-normal.woff2"), size)
    found.set_variation_by_axes([weight])
    return found


TITLE, TEXT, NAME = font("source-serif-4", 60, 600), font("inter", 27, 400), font("inter", 23, 500)


def page(title="A title", description="Few words.", grid="", site="The site", picture="p.png", **more):
    named = {"site_name": site, "title": title, "description": description, **more}
    head = "".join(f'<meta property="og:{name}" content="{value}">' for name, value in named.items())
    return f'{head}<meta property="og:image" content="https://a.org/assets/share/{picture}">\n{grid}'


def grid(*rows, crossed=()):
    return pixel_grid([[cell == "x" for cell in row] for row in rows], "Grid", crossed=crossed or None)


@pytest.fixture
def site(tmp_path):
    (tmp_path / "assets/css").mkdir(parents=True)
    rules = "; ".join(f"--{name}: light-dark({color}, #123456)" for name, color in COLORS.items())
    (tmp_path / "assets/css/book.css").write_text(f":root {{ {rules}; --soft-line: #abcdef }}")
    (tmp_path / "assets/fonts").symlink_to(FONTS)
    return tmp_path


@pytest.fixture
def drawn(site):
    """The picture of a page that is the only one, as an array of its colors."""

    def draw(*arguments, **named):
        (site / "index.html").write_text(page(*arguments, **named))
        draw_pictures(site)
        return np.array(Image.open(site / "assets/share/p.png"))

    return draw


def words_at(*lines):
    """A picture of nothing but words: of each its place, font and color."""
    picture = Image.new("RGB", (1200, 630), COLORS["paper"])
    for x, y, text, face, color in lines:
        ImageDraw.Draw(picture).text((x, y), text, font=face, fill=COLORS[color])
    return np.array(picture)


def lines_of(text, face, width):
    """As many words in a line as have room in it; those of equal width could be divided by hand."""
    words, lines = text.split(), []
    while words:
        fitting = [n for n in range(1, len(words) + 1) if face.getlength(" ".join(words[:n])) <= width]
        lines.append(" ".join(words[: max(fitting, default=1)]))
        words = words[max(fitting, default=1) :]
    return lines


def test_title_description_and_name_stand_at_the_left_edge(drawn):
    shown = drawn("What a &amp; b see", "It has few words.")
    places = (70, 70, "What a & b see", TITLE, "ink"), (70, 168, "It has few words.", TEXT, "soft")
    assert (shown == words_at(*places, (70, 536, "The site", NAME, "seen"))).all()


def test_the_page_that_is_named_as_the_site_names_it_once(drawn):
    shown = drawn("The site", "It has few words.")
    assert (shown == words_at((70, 70, "The site", TITLE, "ink"), (70, 168, "It has few words.", TEXT, "soft"))).all()


def test_words_are_wrapped_at_the_right_edge(drawn):
    title, text = "A title of so many words that it needs two lines", " ".join(f"number {n}" for n in range(40))
    shown = drawn(title, text)
    titles, texts = lines_of(title, TITLE, 1060), lines_of(text, TEXT, 1060)
    assert (len(titles), len(texts)) == (2, 6)
    expected = [(70, 70 + 72 * n, line, TITLE, "ink") for n, line in enumerate(titles)]
    expected += [(70, 240 + 40 * n, line, TEXT, "soft") for n, line in enumerate(texts)]
    assert (shown == words_at(*expected, (70, 536, "The site", NAME, "seen"))).all()


@pytest.mark.parametrize(("titles", "texts"), [(1, 8), (2, 6), (3, 4), (4, 2), (6, 2)])
def test_what_has_no_room_is_left_out(drawn, titles, texts):
    """The last line ends above the site's name; a word of 30 letters fills a line."""
    words, name = [f"{n}{'m' * 30}" for n in range(9)], (70, 536, "The site", NAME, "seen")
    shown = drawn(" ".join(words[:titles]), " ".join(f"{n}{'m' * 45}" for n in range(9)))
    kept = min(titles, 4)
    expected = [(70, 70 + 72 * n, word, TITLE, "ink") for n, word in enumerate(words[:kept])]
    expected += [(70, 96 + 72 * kept + 40 * n, f"{n}{'m' * 45}", TEXT, "soft") for n in range(texts)]
    assert (shown == words_at(*expected, name)).all()
    assert 96 + 72 * kept + 40 * texts <= 536


def test_a_line_may_be_as_wide_as_the_room_and_no_wider():
    room = TEXT.getlength("two words")
    assert _wrapped("two words more", TEXT, room) == ["two words", "more"]
    assert _wrapped("two words more", TEXT, room - 0.1) == ["two", "words", "more"]
    assert _wrapped("unbreakable", TEXT, 1) == ["unbreakable"]
    assert _wrapped(" two \n words ", TEXT, 1000) == ["two words"]
    assert _wrapped("", TEXT, 1000) == [""]


@pytest.mark.parametrize(
    ("rows", "cell"),
    [(["x-x"], 126), (["x-x-x"] * 2, 76), (["x"] * 7, 70), (["xx"] * 3, 163), (["x-x-x-x-x"] * 3, 42), (["x"], 380)],
)
def test_cells_are_as_large_as_the_corner_lets_them(drawn, rows, cell):
    """At most 380 of the width, and what the edges leave of the height, in whole pixels."""
    shown = drawn("A", "B", grid(*rows))
    assert cell * len(rows[0]) <= 380 < (cell + 1) * len(rows[0]) or cell * len(rows) <= 490 < (cell + 1) * len(rows)
    left = RIGHT - cell * len(rows[0])
    for row, column in itertools.product(range(len(rows)), range(len(rows[0]))):
        x, y = left + cell * column, 70 + cell * row
        fill = SEEN if rows[row][column] == "x" else [255, 253, 248]
        assert (shown[y + 1 : y + cell, x + 1 : x + cell] == fill).all()
        for edge in (shown[y, x : x + cell], shown[y + cell, x : x + cell], shown[y : y + cell, x]):
            assert (edge == SOFT).all()
    assert (shown[70 : 71 + cell * len(rows), RIGHT] == SOFT).all()
    outside = shown.copy()
    outside[70 : 71 + cell * len(rows), left : RIGHT + 1] = [255, 253, 248]
    assert (outside == words_at(*places_of("A", "B"))).all()


def places_of(title, text):
    return (70, 70, title, TITLE, "ink"), (70, 168, text, TEXT, "soft"), (70, 536, "The site", NAME, "seen")


def test_a_crossed_cell_has_its_diagonal_and_no_other_has(drawn):
    rows, cell = ["x--", "---"], 126
    plain = drawn("A", "B", grid(*rows))
    shown = drawn("A", "B", grid(*rows, crossed=[[0, 1, 0], [1, 0, 1]]))
    expected = Image.fromarray(plain)
    for column, row in ((1, 0), (0, 1), (2, 1)):
        left, top = 752 + cell * column, 70 + cell * row
        corners = left + 4, top + 122, left + 122, top + 4  # from the lower left to the upper right, 4 from the edges
        ImageDraw.Draw(expected).line(corners, fill=COLORS["wrong"], width=2)
        struck = np.argwhere((shown[top : top + cell, left : left + cell] == WRONG).all(-1))
        assert np.abs(struck.sum(1) - 126).max() <= 2
        assert len(struck) > 200
    assert (shown == np.array(expected)).all()
    assert (shown != plain).any(-1).sum() == (shown == WRONG).all(-1).sum()


def test_words_keep_clear_of_the_grid(drawn):
    title, text = "A title of so many words that it needs more", " ".join(f"number {n}" for n in range(16))
    shown = drawn(title, text, grid("x-x"))
    titles, texts = lines_of(title, TITLE, 612), lines_of(text, TEXT, 612)  # 70 left of the grid, which begins at 752
    assert (len(titles), len(texts)) == (3, 4)
    assert (shown[:, :752] == words_at(*wrapped_places(titles, texts))[:, :752]).all()


def wrapped_places(titles, texts):
    expected = [(70, 70 + 72 * n, line, TITLE, "ink") for n, line in enumerate(titles)]
    expected += [(70, 96 + 72 * len(titles) + 40 * n, line, TEXT, "soft") for n, line in enumerate(texts)]
    return [*expected, (70, 536, "The site", NAME, "seen")]


def question(link, drawing):
    return f'<div class="home-question"><a href="#{link}">1</a>{drawing}<p><a href="{link}">2</a></p></div>'


def filled(picture):
    """How many of the five cells of a row are filled."""
    shown = np.array(Image.open(picture))
    return round((shown[70:146, 750:1130] == SEEN).all(-1).sum() / 76**2)


def test_each_page_shows_the_grid_that_stands_for_it(site):
    one, two, three, four = (grid("x" * n + "-" * (5 - n)) for n in (1, 2, 3, 4))
    pages = {
        "index.html": page(grid=question("first/", two) + question("second/", one), picture="home.png"),
        "first/index.html": page(grid=three, picture="first.png"),
        "second/index.html": page(picture="second.png"),
        "other/index.html": page(grid=four + three, picture="other.png"),
        "deep/er/index.html": page(picture="deep-er.png"),
        "404.html": "<p>Not here.</p>",
    }
    for name, text in pages.items():
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_text(text)
    draw_pictures(site)
    shown = {path.name: filled(path) for path in (site / "assets/share").iterdir()}
    assert shown == {"home.png": 2, "first.png": 2, "second.png": 1, "other.png": 4, "deep-er.png": 2}


def test_a_picture_is_drawn_anew_and_as_small_as_png_can_be(site, drawn):
    first = drawn("A", "B")
    assert (first != drawn("C", "B")).any()
    assert (first == drawn("A", "B")).all()
    file, plain = site / "assets/share/p.png", io.BytesIO()
    Image.open(file).save(plain, "png")
    assert file.stat().st_size < len(plain.getvalue())
