import re
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hw.figures.drawing import clear, numeral, round_numbers, spread, svg_text, text_width, tick_labels, wrapped
from hw.figures.grids import describe, emblem, names_table, pixel_grid, pixel_names, side_by_side
from hw.figures.tables import table
from hw.masks import mask
from hw.receptive_field import blind_spot, receptive_field

ROOT = Path(__file__).parent.parent
CASE = [mask("A", 3), mask("B", 3)], (5, 5), (2, 2)


def cells_of(svg):
    """Back from the drawing to the arrays: class of each cell by its place."""
    drawn = ElementTree.fromstring(svg)
    boxes = drawn.findall("rect")
    places = [(int(box.get("y")) // 24, int(box.get("x")) // 24) for box in boxes]
    return dict(zip(places, (box.get("class") for box in boxes), strict=True)), drawn


def cells_of_words(words):
    """Back from the alternative text to the set of cells."""
    found = set()
    for row, columns in re.findall(r"row (\d+) columns ((?:\d+(?: to \d+)?(?:, (?=\d))?)+)", words):
        for run in columns.split(", "):
            first, _, last = run.partition(" to ")
            found |= {(int(row) - 1, column - 1) for column in range(int(first), int(last or first) + 1)}
    return found


@given(
    st.integers(1, 6).flatmap(
        lambda width: st.lists(st.lists(st.booleans(), min_size=width, max_size=width), min_size=1, max_size=6)
    )
)
def test_drawing_and_words_say_the_same_as_the_array(cells):
    expected = set(map(tuple, np.argwhere(cells).tolist()))
    drawn, _ = cells_of(pixel_grid(cells, "t"))
    assert {place for place, kind in drawn.items() if kind == "seen"} == expected
    assert cells_of_words(describe(cells)) == expected


def test_the_figure_of_the_question_draws_what_the_library_computes():
    seen, blind = receptive_field(*CASE), blind_spot(*CASE)
    svg = pixel_grid(seen, "Case 1.2", output=(2, 2), crossed=blind, numbers=pixel_names((5, 5)))
    drawn, root = cells_of(svg)
    assert {place for place, kind in drawn.items() if kind == "seen"} == set(map(tuple, np.argwhere(seen).tolist()))
    assert [place for place, kind in drawn.items() if kind == "crossed"] == [(1, 4)]
    assert [text.text for text in root.findall("text")] == [name for row in pixel_names((5, 5)) for name in row]
    ring = root.find("circle")
    assert (int(ring.get("cy")) // 24, int(ring.get("cx")) // 24) == (2, 2)
    words = root.get("aria-label")
    assert words.startswith(
        "Case 1.2. grid of 5 rows and 5 columns. output at row 3, column 3. seen: row 1 columns 1 to 5"
    )
    assert words.endswith("missed: row 2 columns 5.")
    assert root.get("role") == "img"


def test_marks_lie_in_their_cells():
    crossed = [[0, 0, 0], [0, 1, 0]]
    names = [["", "x", ""], ["", "", "yz"]]
    root = ElementTree.fromstring(
        pixel_grid([[1, 0, 0], [0, 0, 0]], "t", output=(0, 2), crossed=crossed, numbers=names)
    )
    boxes = [[float(box.get(key)) for key in ("x", "y", "width", "height")] for box in root.findall("rect")]
    left, top, width, height = map(float, root.get("viewBox").split())
    for x, y, w, h in boxes:
        assert (w, h) == (24, 24)
        assert left < x
        assert x + w < left + width
        assert top < y
        assert y + h < top + height
    assert (left + width - 72, top + height - 48) == (1, 1)
    assert root.get("style") == "--columns: 3"
    assert [strike.get("d") for strike in root.findall("path")] == ["M24 48L48 24"]
    texts = [
        (text.text, float(text.get("x")), float(text.get("y")), text.get("class")) for text in root.findall("text")
    ]
    assert texts == [("x", 36, 12, "rest"), ("yz", 60, 36, "rest")]
    (ring,) = root.findall("circle")
    assert [float(ring.get(key)) for key in ("cx", "cy", "r")] == [60, 12, 10]


def test_drawings_stand_side_by_side_in_order():
    root = ElementTree.fromstring(side_by_side(("<svg/>", "left"), "⊕", ("<svg/>", "right")))
    assert [part.get("class") for part in root] == ["part", "sign", "part"]
    assert "".join(root.itertext()) == "left⊕right"


def test_names_of_large_maps_and_empty_sets_stay_readable():
    assert pixel_names((1, 10))[0][9] == "1,10"
    assert pixel_names((9, 9))[8][8] == "99"
    assert describe([[0]]) == "none"
    assert "<td>0</td><td>none</td>" in names_table({"nothing": [[0]]}, "Case")


def test_another_array_gives_another_drawing():
    first, second = (pixel_grid(receptive_field([mask(kind, 3)], (5, 5), (2, 2)), "t") for kind in "AB")
    assert first != second
    assert cells_of(first)[0] != cells_of(second)[0]


def test_colors_are_left_to_the_page():
    svg = side_by_side((pixel_grid([[1, 0]], "t", output=(0, 0), crossed=[[0, 1]]), "label"), "=")
    assert not re.search(r"#[0-9a-f]{3}|rgb\(|fill=|stroke=", svg)


def test_numbers_that_are_not_names_are_spoken():
    assert "numbers by row: 3 4." in pixel_grid([[1, 1]], "t", numbers=[[3, 4]])
    assert "numbers" not in pixel_grid([[1, 1]], "t", numbers=[["11", "12"]])


def test_text_is_escaped():
    assert "&lt;b&gt;" in pixel_grid([[1]], "<b>", numbers=[["<b>"]])
    assert "&lt;b&gt;" in side_by_side(("<svg/>", "<b>"))
    assert "&lt;b&gt;" in names_table({"<b>": [[1]]}, "Case")


def test_the_table_lists_the_same_pixels():
    table = ElementTree.fromstring(names_table({"1.2": receptive_field(*CASE)}, "Case"))
    label, number, names = (cell.text for cell in table.find("tbody").find("tr"))
    assert (label, number, names) == ("1.2", "11", "11, 12, 13, 14, 15, 21, 22, 23, 24, 31, 32")


@pytest.mark.parametrize("name", ["crossed", "numbers"])
def test_grids_of_different_shapes_are_refused(name):
    with pytest.raises(ValueError, match=rf"^{name} must have the shape of seen, 1×2, got 1×1"):
        pixel_grid([[1, 0]], "t", **{name: [[1]]})


def test_the_favicon_is_what_the_library_draws():
    assert (ROOT / "docs/assets/favicon.svg").read_text() == emblem(mask("A", 5), (2, 2))


def test_a_table_has_a_heading_for_each_column_and_row_and_escapes_cells():
    drawn = table(["loss", "nats"], [["a < b", 1.5], ["c", "–"]])
    assert [drawn.count(tag) for tag in ('<th scope="col">', '<th scope="row">', "<td>")] == [2, 2, 2]
    assert "a &lt; b" in drawn
    assert "a < b" not in drawn


def test_a_table_refuses_rows_that_do_not_fit():
    with pytest.raises(ValueError, match=r"each row must have 2 cells, one for each column, got 1 in \['a'\]"):
        table(["loss", "nats"], [["a"]])
    with pytest.raises(ValueError, match="columns must name one column at least, got none"):
        table([], [])


@pytest.mark.parametrize("bad", [(), [[]], [[1, 0], [1]]])
def test_grids_without_a_shape_are_refused(bad):
    for draw in (lambda: pixel_grid(bad, "Mask"), lambda: emblem(bad, (0, 0)), lambda: names_table({"A": bad}, "Case")):
        with pytest.raises(ValueError, match=r"^a grid must have rows of one length, one cell or more, got lengths"):
            draw()


# ---- what all drawings share ----


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (0, 4, "0"),
        (-0.0, 4, "0"),
        (-1e-9, 0, "−10⁻⁹"),
        (-1, 4, "−1"),
        (1e-4, 4, "0.0001"),
        (9.99e-5, 4, "9.99·10⁻⁵"),
        (999_999, 6, "999,999"),
        (1e6, 4, "10⁶"),
        (-1e6, 4, "−10⁶"),
        (-1e-5, 4, "−10⁻⁵"),
        (1.25e7, 3, "1.25·10⁷"),
        (1.25e7, 2, "1.2·10⁷"),
        (2e10, 4, "2·10¹⁰"),
        (20.5e10, 4, "2.05·10¹¹"),
        (1 / 3, 2, "0.33"),
        (12345.678, 8, "12,345.678"),
    ],
)
def test_numerals(value, digits, text):
    if digits:
        assert numeral(value, digits) == text
    else:
        assert numeral(value) == text


@pytest.mark.parametrize(
    ("ticks", "labels"),
    [
        ([0.1, 0.2], ["0.1", "0.2"]),
        ([1.25, 1.5], ["1.25", "1.5"]),
        ([-1.0, 1e-9, 1.0], ["−1", "0", "1"]),
        ([1000.0, 1001.0], ["1,000", "1,001"]),
        ([1.2345678], ["1.235"]),
        ([0.0], ["0"]),
    ],
)
def test_ticks_have_the_digits_that_tell_them_apart(ticks, labels):
    assert tick_labels(np.array(ticks)) == labels


@given(st.floats(-50, 50), st.floats(0.01, 100), st.integers(1, 6), st.booleans())
def test_round_ticks_lie_within_the_limits_from_many_to_one(low, length, most, log):
    low = 10 ** (low / 20) if log else low
    high = low * (1 + length) if log else low + length
    found = round_numbers(low, high, log, most)
    assert found[-1].tolist() == [low]
    for ticks in found[:-1]:
        assert 2 <= len(ticks) <= most + 1
        assert low <= ticks[0]
        assert ticks[-1] <= high
        assert (np.diff(ticks) > 0).all()


def test_round_ticks_are_ones_twos_and_fives():
    assert round_numbers(0.0, 4.0, False, 4)[0].tolist() == [0, 1, 2, 3, 4]
    assert round_numbers(0.0, 4.0, False, 1)[0].tolist() == [0]
    assert round_numbers(1.0, 100.0, True, 2)[0].tolist() == [1, 10, 100]
    fine = round_numbers(1.0, 10.0, True, 3)[0]
    assert fine.tolist() == [1, 2, 5, 10]


def test_labels_are_clear_of_one_another_by_four_units_and_of_the_limits_by_none():
    assert clear([10, 34], [20, 20], 0, 44)
    assert not clear([10, 33.9], [20, 20], 0, 44)
    assert not clear([10, 34], [20, 20], 0.1, 44)
    assert not clear([10, 34], [20, 20], 0, 43.9)
    assert clear([5, 20, 40], [2, 4, 10], 4, 45)
    assert clear([10], [20], 0, 20)


def test_lines_are_as_full_as_the_room_lets_them():
    text = "as many words as a line has room for, and one more"
    room = text_width("as many words as")
    lines = wrapped(text, room)
    assert " ".join(lines) == text
    assert all(text_width(line) <= room for line in lines)
    assert all(text_width(f"{a} {b.split()[0]}") > room for a, b in pairwise(lines))
    assert lines[0] == "as many words as"
    assert wrapped("", 10) == [""]
    assert wrapped("unbreakable", 1) == ["unbreakable"]


@given(st.lists(st.tuples(st.floats(-20, 120), st.floats(1, 9)), min_size=1, max_size=6))
def test_stacked_labels_keep_their_order_and_stay_apart_and_inside(labels):
    wanted, sizes = zip(*labels, strict=True)
    placed = spread(wanted, sizes, 0, 100)
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    assert placed[order[0]] >= sizes[order[0]] / 2 - 1e-9
    assert placed[order[-1]] <= 100 - sizes[order[-1]] / 2 + 1e-9
    for a, b in pairwise(order):
        assert placed[b] - placed[a] >= (sizes[a] + sizes[b]) / 2 - 1e-9


def test_labels_with_room_stand_where_they_are_wanted():
    assert spread([70, 20, 45], [10, 20, 5], 0, 100) == [70, 20, 45]
    assert spread([50, 52], [10, 10], 0, 100) == [46, 56]
    assert spread([2, 98], [10, 10], 0, 100) == [5, 95]


def test_lines_of_a_text_are_centered_on_its_height():
    one = svg_text(1, 2, ["one"], "ink", "start")
    assert (one.text, one.attrib) == ("one", {"class": "ink", "x": "1.00", "y": "2.00", "text-anchor": "start"})
    three = svg_text(1.005, 2, ["a", "b", "c"], "quiet", "end")
    assert [line.text for line in three] == ["a", "b", "c"]
    shifts = np.cumsum([float(line.get("dy").removesuffix("em")) for line in three])
    assert shifts.tolist() == [-1.25, 0, 1.25]
    assert {line.get("x") for line in three} == {three.get("x")}


def test_the_ring_of_the_emblem_is_around_its_cell():
    drawn = ElementTree.fromstring(emblem([[0, 1, 0], [1, 1, 0]], output=(1, 2)))
    ring = next(part for part in drawn if part.tag.endswith("circle"))
    assert (ring.get("cx"), ring.get("cy")) == ("14.5", "8.5")
    assert drawn.get("viewBox") == "-1 -1 19 13"
    seen = next(part for part in drawn if part.get("class") == "s")
    assert re.findall(r"M(\d+) (\d+)", seen.get("d")) == [("6", "0"), ("0", "6"), ("6", "6")]


@pytest.mark.parametrize("cells", [torch.zeros(1, 1, 2), np.zeros((1, 1, 2)), [[torch.zeros(2)]]])
@pytest.mark.parametrize(
    "draw", [describe, lambda cells: pixel_grid(cells, "A grid"), lambda cells: emblem(cells, (0, 0))]
)
def test_cells_of_several_values_are_refused(draw, cells):
    with pytest.raises(ValueError, match=r"^a cell must be one value, got "):
        draw(cells)


@pytest.mark.parametrize("cells", [[1], torch.zeros(3), [[1], 2]])
@pytest.mark.parametrize("draw", [describe, lambda cells: pixel_grid(cells, "A grid")])
def test_cells_without_rows_are_refused(draw, cells):
    with pytest.raises(ValueError, match=r"^a grid must have rows of cells, got "):
        draw(cells)
