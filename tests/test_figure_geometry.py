"""Where the parts of a drawing lie, against places worked out by hand; widths of text are asked for."""

import math
import re
from xml.etree import ElementTree

import numpy as np
import pytest

from drawings import outside, overlaps, paths, rectangles
from hw.figures.bars import _even, decomposition_bar
from hw.figures.curves import line_chart
from hw.figures.drawing import text_width
from hw.figures.intervals import interval_chart
from hw.figures.pictures import _pixels, picture_sheet
from hw.figures.planes import Panel, _counted, _parts, density_panels
from hw.figures.regions import area, clipped, regions, thinned, within
from hw.figures.standalone import standalone


def texts(svg, kind):
    """Place, height and words of each text of a class."""
    found = [text for text in ElementTree.fromstring(svg).findall("text") if text.get("class") == kind]
    return [(float(text.get("x")), float(text.get("y")), "".join(text.itertext())) for text in found]


def height_of(svg):
    return float(ElementTree.fromstring(svg).get("viewBox").split()[3])


def hundredths(*values):
    return pytest.approx(values, abs=0.0051)


# ---- bars ----

LABELS = {"one": (-3.0, 1.0), "a label of so many words that it takes two lines of the drawing, and more": (-2.5, 0.5)}
NAMED = {"names": ("bound", "gap", "sum"), "unit": "nats"}


@pytest.fixture(scope="module")
def bars():
    return decomposition_bar({**LABELS, "exact": (-2.0, 0.0)}, "Bars", **NAMED)


START, END = 20 + text_width("bound −3.0"), 352 - text_width("gap 1.0")


def test_the_widest_gap_fills_the_room_beside_the_labels(bars):
    (bound, end), (half, half_end) = rectangles(bars, "gap wrong")
    assert (bound, end, half, half_end) == hundredths(START, END, (START + END) / 2, END)
    assert [right for _, right in rectangles(bars, "bar seen")] == hundredths(START, (START + END) / 2, END)


def test_rows_of_bars_stand_below_one_another(bars):
    """A row has 15 for each line of its label, 3 above a bar of 20 and 8 below it."""
    tops = [float(re.match(r"M0 ([\d.]+)l", path)[1]) for path in paths(bars, "bar seen")]
    assert tops == [40, 101, 147]
    for path, top in zip(paths(bars, "bar seen"), tops, strict=True):
        assert re.fullmatch(rf"M0 {top}l4 5l-4 5l4 5l-4 5H[\d.]+V{top}z", path)
    for path, top in zip(paths(bars, "gap wrong"), tops, strict=False):
        assert re.fullmatch(rf"M([\d.]+) {top}H[\d.]+V{top + 20}H\1z", path)
    assert [(x, y) for x, y, _ in texts(bars, "ink")] == [
        (0, 29.5),
        (0, 83),
        (0, 136.5),
        (pytest.approx(END, abs=0.0051), 8),
    ]
    assert height_of(bars) == 175 + 24
    assert paths(bars, "total") == [f"M{END:.2f} 16V175.00"]
    assert paths(bars, "axis") == [f"M0 175.00H{END:.2f}"]


def test_values_stand_within_their_bars_and_beside_them(bars):
    inside, beside = texts(bars, "inside"), texts(bars, "wrong")
    for place, top, words in zip((START, (START + END) / 2, END), (40, 101, 147), ("3.0", "2.5", "2.0"), strict=True):
        x, y, text = inside.pop(0)
        assert (x, y, text) == (pytest.approx(place - 6, abs=0.0051), top + 10, f"bound −{words}")
    assert [(y, text) for _, y, text in beside] == [(50, "gap 1.0"), (111, "gap 0.5"), (157, "gap 0.0")]
    assert [x for x, _, _ in beside] == hundredths(END + 6, END + 6, END + 6)


def test_the_hatching_is_of_lines_five_apart_at_45_degrees(bars):
    for (left, right), hatch in zip(rectangles(bars, "gap wrong"), paths(bars, "hatch wrong"), strict=False):
        lines = np.array(re.findall(r"M(\S+) (\S+)L(\S+) ([\d.]+)", hatch), dtype=float)
        np.testing.assert_allclose(lines[:, 2] - lines[:, 0], lines[:, 1] - lines[:, 3], atol=0.02)
        sums = lines[:, 0] + lines[:, 1]  # of a point's coordinates, the same all along a line
        np.testing.assert_allclose(np.diff(sums), 5, atol=0.02)
        bottom = {40: 60, 101: 121}[min((40, 101), key=lambda top: abs(lines[:, 3].min() - top))]
        assert sums[0] == pytest.approx(math.ceil(left - 20) + bottom, abs=0.02)
        assert right - 6 < sums[-1] - bottom < right
        assert lines[:, [0, 2]].min() >= left - 0.01
        assert lines[:, [0, 2]].max() <= right + 0.01


def test_round_numbers_stand_beneath_their_places(bars):
    unit = (END - START) / 1.0
    numbers = [(float(text.replace("−", "-")), x, y) for x, y, text in texts(bars, "number")]
    assert len(numbers) >= 2
    for value, x, y in numbers:
        assert x == pytest.approx(END - (-2.0 - value) * unit, abs=0.0051)
        assert y == 188
        assert text_width(str(value)) / 2 <= x <= 356 - text_width("nats") - text_width(str(value)) / 2
    strokes = re.findall(r"M([\d.]+) 175.00v4", paths(bars, "tick x")[0])
    assert [float(x) for x in strokes] == [x for _, x, _ in numbers]
    ((x, y, text),) = texts(bars, "name")
    last = max(x + text_width(f"−{abs(value):g}") / 2 + 4 for value, x, _ in numbers)
    assert (y, text) == (188, "nats")
    assert x == pytest.approx(max(END + 6, last), abs=0.6)


def test_the_sum_stays_in_the_drawing():
    svg = decomposition_bar({"a": (-1.0, 0.5)}, "Bars", names=("b", "g", "the sum of both, with a long name"), unit="u")
    ((x, y, _),) = [text for text in texts(svg, "ink") if "sum" in text[2]]
    assert (x, y) == (pytest.approx(360 - text_width("the sum of both, with a long name = −0.5") / 2, abs=0.0051), 8)
    assert not overlaps(svg)
    assert not outside(svg)


@pytest.mark.parametrize(("gap", "drawn"), [(0.0, 0), (1e-9, 0), (0.001, 0), (0.01, 1), (1.0, 1)])
def test_a_gap_too_narrow_to_be_seen_is_not_drawn(gap, drawn):
    svg = decomposition_bar({"wide": (-2.0, 1.0), "narrow": (-1.0 - gap, gap)}, "Bars", **NAMED)
    assert len(paths(svg, "gap wrong")) == len(paths(svg, "hatch wrong")) == 1 + drawn


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ([1.0, -2.0], ["1", "−2"]),
        ([0.5, 0.25], ["0.50", "0.25"]),
        ([1 / 3], ["0.3333"]),
        ([2 / 3, 10.0], ["0.67", "10.00"]),
        ([12345.678], ["12,346"]),
        ([999.96, 0.04], ["1,000.0", "0.0"]),
        ([1000.4], ["1,000"]),
        ([0.0], ["0"]),
        ([1e-9], ["0.000000"]),
        ([-0.004, 10.004], ["0.00", "10.00"]),
        ([0.012344], ["0.01234"]),
        ([1e6, 0.5], ["1,000,000", "0"]),
    ],
)
def test_numbers_of_bars_have_the_same_decimals(values, shown):
    assert _even(values) == shown


def test_sums_may_differ_by_rounding_and_by_no_more():
    for total in (1.0, -50.0, 0.001):
        allowed = 1e-6 * max(1, abs(total))
        decomposition_bar({"a": (total - 0.5, 0.5), "b": (total + 0.9 * allowed, 0.0)}, "Bars", **NAMED)
        with pytest.raises(ValueError, match="parts must add up to one value"):
            decomposition_bar({"a": (total - 0.5, 0.5), "b": (total + 1.2 * allowed, 0.0)}, "Bars", **NAMED)


def test_without_a_gap_a_unit_is_as_wide_as_the_room():
    svg = decomposition_bar({"a": (-2.0, 0.0), "b": (-2.0, 5e-7)}, "Bars", **NAMED)
    end = 352 - text_width("gap 0.0000005"[:11])
    assert not paths(svg, "gap wrong")
    numbers = sorted((float(text.replace("−", "-")), x) for x, _, text in texts(svg, "number"))
    assert numbers[-1] == (-2.0, pytest.approx(rectangles(svg, "bar seen")[0][1], abs=0.0051))
    assert end > 180


# ---- pictures ----


def frame(svg):
    """Left, top and the pixel's side of a sheet, and the frames' corners in pixels."""
    path = next(p for p in ElementTree.fromstring(svg).findall("path") if p.get("class") == "frame")
    left, top, pixel = map(
        float, re.fullmatch(r"translate\((\S+) (\S+)\) scale\((\S+)\)", path.get("transform")).groups()
    )
    corners = [tuple(map(int, corner)) for corner in re.findall(r"M(\d+) (\d+)h", path.get("d"))]
    return left, top, pixel, corners


@pytest.mark.parametrize(
    ("shape", "pixel", "gap"),
    [
        ((1, 1, 8, 8), 8.0, 2),
        ((3, 7, 8, 8), 5.26, 2),  # 358 for 7 pictures of 8 and 6 gaps of 2, rounded down
        ((2, 2, 28, 28), 2.28, 3),
        ((2, 3, 10, 24), 2.66, 3),
        ((2, 1, 32, 5), 2.0, 2),
        ((1, 24, 8, 8), 1.5, 2),
    ],
)
def test_pictures_are_as_large_as_they_may_be(shape, pixel, gap):
    rows, columns, height, width = shape
    svg = picture_sheet(np.ones(shape), "Sheet")
    left, top, side, corners = frame(svg)
    assert (left, top, side) == (1, 5, pixel)
    expected = [((width + gap) * column, (height + gap) * row) for row in range(rows) for column in range(columns)]
    assert corners == expected
    assert height_of(svg) == pytest.approx(6 + pixel * ((height + gap) * (rows - 1) + height))


def test_pictures_too_small_to_be_seen_are_refused():
    picture_sheet(np.ones((1, 24, 8, 8)), "Sheet")  # of 12.03
    with pytest.raises(ValueError, match="got 25 of 8 pixels"):
        picture_sheet(np.ones((1, 25, 8, 8)), "Sheet")  # of 11.55


def test_a_label_may_be_higher_than_its_picture():
    """Pictures of 64×4 beside labels of three lines, which are 45 high: a step of 12 pixels down, each 4 high."""
    label = "somewhat longer labels of words"
    svg = picture_sheet(np.ones((2, 1, 1, 16)), "Sheet", row_labels=[label, "b"])
    left, top, pixel, corners = frame(svg)
    lines = [span.text for span in ElementTree.fromstring(svg).iter("tspan")]
    assert lines == ["somewhat", "longer labels", "of words"]
    assert (left, top, pixel, corners) == (
        pytest.approx(max(map(text_width, lines)) + 8, abs=0.0051),
        26,
        4,
        [(0, 0), (0, 12)],
    )
    assert height_of(svg) == 2 * 26 + 4 * 13 - 4
    assert [(x, y) for x, y, _ in texts(svg, "ink")] == [(0, 28), (0, 76)]


def test_labels_above_stand_on_one_height():
    heads = ["one", "a few more words"]
    svg = picture_sheet(np.ones((1, 2, 8, 8)), "Sheet", column_labels=heads)
    left, top, pixel, corners = frame(svg)
    assert (left, pixel, corners) == (1, 8, [(0, 0), (10, 0)])
    (one, other) = texts(svg, "ink")
    assert other[2] == "a few morewords"
    assert top == 5 + 2 * 15
    assert (one[:2], other[:2]) == ((33, top - 5 - 7.5), (113, top - 5 - 15))
    assert height_of(svg) == 70 + 30


def test_labels_of_columns_move_no_farther_than_their_pictures():
    wide = picture_sheet(np.ones((1, 2, 8, 8)), "Sheet", column_labels=["mmmmmmmm", "b"])
    first, _ = texts(wide, "ink")
    assert first[0] == pytest.approx((text_width("mmmmmmmm") + 4) / 2, abs=0.0051)  # from the left edge
    with pytest.raises(ValueError, match=r"column_labels must have words that fit above the pictures, got"):
        picture_sheet(np.ones((1, 2, 8, 8)), "Sheet", column_labels=["m" * 14, "b"])


@pytest.mark.parametrize(
    ("here", "path"),
    [
        ([[1, 1, 0, 1]], "m0 0h2v1h-2zm3 0h1v1h-1z"),
        ([[0, 1], [1, 0]], "m1 0h1v1h-1zm-1 1h1v1h-1z"),
        ([[0, 0, 0], [0, 1, 1], [1, 1, 1]], "m1 1h2v1h-2zm-1 1h3v1h-3z"),
        ([[0]], ""),
    ],
)
def test_runs_of_pixels_are_boxes(here, path):
    assert _pixels(np.array(here, dtype=bool)) == path


def test_steps_of_gray_are_eighths():
    grays = np.array([0, 0.0624, 0.0626, 0.5, 0.9374, 0.9376, 1]).reshape(1, 1, 1, 7)
    svg = picture_sheet(grays, "Sheet")
    found = {
        path.get("fill-opacity"): path.get("d")
        for path in ElementTree.fromstring(svg).findall("path")
        if path.get("class") == "pixel"
    }
    assert found == {"0.125": "m2 0h1v1h-1z", "0.5": "m3 0h1v1h-1z", "0.875": "m4 0h1v1h-1z", "1": "m5 0h2v1h-2z"}


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((1, 1, 2, 3), "1 picture of 2×3 pixels. column: c. row: r."),
        ((1, 2, 2, 3), "2 pictures of 2×3 pixels, 1 row of 2. columns: c, c. row: r."),
        ((2, 1, 2, 3), "2 pictures of 2×3 pixels, 2 rows of 1. column: c. rows: r, r."),
        ((2, 2, 2, 3), "4 pictures of 2×3 pixels, 2 rows of 2. columns: c, c. rows: r, r."),
    ],
)
def test_pictures_are_counted(shape, words):
    svg = picture_sheet(np.ones(shape), "Sheet", column_labels=["c"] * shape[1], row_labels=["r"] * shape[0])
    assert ElementTree.fromstring(svg).get("aria-label") == f"Sheet. {words}"


# ---- regions and planes ----


@pytest.mark.parametrize(
    ("line", "pieces"),
    [
        ([(-5, 3), (5, 3)], [[(0, 3), (5, 3)]]),
        ([(5, 3), (15, 3)], [[(5, 3), (10, 3)]]),
        ([(3, -5), (3, 5)], [[(3, 0), (3, 5)]]),
        ([(3, 5), (3, 15)], [[(3, 5), (3, 10)]]),
        ([(-1, 4), (11, 4)], [[(0, 4), (10, 4)]]),
        ([(-2, 2), (2, -2)], []),
        ([(-2, 4), (4, -2)], [[(0, 2), (2, 0)]]),
        ([(9, 1), (12, 1), (12, 5), (9, 5)], [[(9, 1), (10, 1)], [(10, 5), (9, 5)]]),
        ([(1, 1), (2, 2), (3, 1)], [[(1, 1), (2, 2), (3, 1)]]),
        ([(0.5, 0.5), (-0.5, 0.5), (-0.5, 0.8), (0.5, 0.8)], [[(0.5, 0.5), (0, 0.5)], [(0, 0.8), (0.5, 0.8)]]),
        ([(20, 20), (30, 30)], []),
    ],
)
def test_a_line_is_cut_where_it_crosses_an_edge(line, pieces):
    found = clipped(np.array(line, dtype=float), 10.0)
    assert len(found) == len(pieces)
    for piece, expected in zip(found, pieces, strict=True):
        np.testing.assert_allclose(piece, expected, rtol=0, atol=1e-12)


def test_what_lies_on_an_edge_is_within():
    points = np.array([(0, 0), (10, 10), (-0.01, 5), (5, 10.01), (10.01, 5), (5, -0.01), (5, 5)])
    assert within(points, 10.0).tolist() == [True, True, False, False, False, False, True]


def test_areas_have_signs():
    square = np.array([(0, 0), (2, 0), (2, 3), (0, 3), (0, 0)], dtype=float)
    assert (area(square), area(square[::-1])) == (6, -6)
    triangle = np.array([(1, 1), (4, 1), (1, 3), (1, 1)], dtype=float)
    assert area(triangle) == 3


def test_a_thinned_line_keeps_the_corners_that_matter():
    for off in (0.03, 0.04):
        assert thinned(np.array([(0, 0), (1, off), (2, 0)], dtype=float)).tolist() == [[0, 0], [2, 0]]
    assert thinned(np.array([(0, 0), (1, 0.05), (2, 0)], dtype=float)).tolist() == [[0, 0], [1, 0.05], [2, 0]]
    bent = np.array([(0, 0), (1, 0.01), (2, 0), (2, 1), (2.01, 2), (2, 3), (5, 3)], dtype=float)
    assert thinned(bent).tolist() == [[0, 0], [2, 0], [2, 3], [5, 3]]
    closed = np.array([(0, 0), (4, 0), (4, 3), (0, 3), (0, 0)], dtype=float)
    assert thinned(closed).tolist() == closed.tolist()
    slanted = np.array([(0, 0), (3 - 0.028, 4 + 0.021), (6, 8)], dtype=float)  # 0.035 off the line
    assert len(thinned(slanted)) == 2
    assert len(thinned(slanted + np.array([(0, 0), (-0.008, 0.006), (0, 0)]))) == 3


def test_regions_of_a_ramp_end_where_their_share_is_reached():
    """A density that rises with x: beyond a share of the way up lies the square of that share, from the top down."""
    x = np.linspace(0, 1, 201)
    rings = regions(np.tile(x, (201, 1)), 100.0)
    for share, (ring,) in zip((0.95, 0.75, 0.5, 0.25), rings, strict=True):
        edge = 100 * math.sqrt(1 - share)
        assert ring[:, 0].min() == pytest.approx(edge, abs=0.13)  # half a cell
        assert ring[:, 0].max() == 100
        assert abs(area(ring)) == pytest.approx(100 * (100 - edge), abs=13)


def test_a_speck_is_no_part_of_a_region():
    density = np.zeros((101, 101))
    density[20:80, 20:80] = density[5:7, 5:7] = 1  # the latter is a square of the grid
    for side, parts in ((22.0, 1), (23.0, 2)):  # of which a square has the area 0.048 and 0.053
        assert [len(rings) for rings in regions(density, side)] == [parts] * 4


@pytest.mark.parametrize(
    ("places", "words"),
    [
        (["a"], "one region holds half of the mass"),
        (["a", "b"], "two regions hold half of the mass around a and b"),
        (["a", "b", "c"], "three regions hold half of the mass around a, b and c"),
        (["a", "b", "c", "d"], "four regions hold half of the mass around a, b, c and d"),
        (["a", "b", "c", "d", "e"], "5 regions hold half of the mass, the largest around a, b, c and d"),
    ],
)
def test_parts_are_told_by_number(places, words):
    assert _parts(places) == words


def test_counts_have_their_plural():
    assert [_counted(many, "sample") for many in (0, 1, 2, 1500)] == [
        "0 samples",
        "1 sample",
        "2 samples",
        "1,500 samples",
    ]


def test_panels_and_their_numbers_lie_where_they_should():
    """Two panels beside the numbers of y; a gap of 12 between them, 15 a line above, numbers 12 below."""
    panels = [Panel("one", np.ones((2, 2))), Panel("more", np.ones((2, 2)), "wrong", points=[(0.0, 0.0), (9.0, 0.0)])]
    svg = density_panels(panels, "Planes", extent=(-1, 1, -10, -8))
    left = math.ceil(text_width("−10")) + 5
    side = math.floor((360 - left - 12) / 2 * 100) / 100
    frames = [f"M{x:.2f} 19.00h{side:.2f}v{side:.2f}h{-side:.2f}z" for x in (left, left + side + 12)]
    assert paths(svg, "frame") == frames
    bottom = 19 + side
    expected = [(left, bottom + 12, "−1"), (left + side, bottom + 12, "1"), (left - 5, bottom - 5, "−10")]
    assert texts(svg, "number") == [
        (pytest.approx(x, abs=0.0051), pytest.approx(y, abs=0.0051), text)
        for x, y, text in [*expected, (left - 5, 24, "−8")]
    ]
    assert [(x, y) for kind in ("seen", "wrong") for x, y, _ in texts(svg, kind)] == [
        (left, 7.5),
        (pytest.approx(left + side + 12, abs=0.0051), 7.5),
    ]
    assert height_of(svg) == pytest.approx(bottom + 20, abs=0.01)
    svg = density_panels(panels[1:], "Planes", extent=(-1, 1, -1, 1))
    left = math.ceil(text_width("−1")) + 5
    side = 360 - left
    assert paths(svg, "dot wrong") == [f"M{left + side / 2:g} {19 + side / 2:g}h0"]
    assert "2 samples, 1 of them outside" in svg


# ---- intervals ----


@pytest.fixture(scope="module")
def intervals():
    rows = ["Heading", ("one", 1.0, 0.5, "ink"), ("two", 3.0, 1.0, "soft"), "Other", ("last", 2.0, 0.0, "wrong")]
    return interval_chart(rows, "Intervals", x_label="value", reference=("at rest", 2.0), x_ticks=[1, 3], decimals=1)


def test_intervals_lie_on_their_number_line(intervals):
    """From 0.5 to 4, with 3 % more on both sides, between the labels and the numbers."""
    left, right = 12 + max(map(text_width, ("one", "two", "last"))), 360 - 12 - text_width("3.0 ± 1.0")
    unit = (right - left) / (3.5 * 1.06)

    def place(value):
        return left + (value - 0.395) * unit

    found = []
    for kind in ("interval ink", "interval soft", "interval wrong"):
        (path,) = paths(intervals, kind)
        low, y, high, *ends = map(
            float, re.fullmatch(r"M([\d.]+) ([\d.]+)H([\d.]+)M([\d.]+) ([\d.]+)v6M([\d.]+) ([\d.]+)v6", path).groups()
        )
        assert ends == [low, y - 3, high, y - 3]
        found.append((low, high, y))
    assert found[0] == hundredths(place(0.5), place(1.5), 19 + 19 + 9.5)
    assert found[1] == hundredths(place(2), place(4), 57 + 9.5)
    assert found[2] == hundredths(place(2), place(2), 76 + 27 + 9.5)  # a heading between has 8 above it
    marks = [paths(intervals, f"mark {role}")[0] for role in ("ink", "soft", "wrong")]
    assert marks == [
        f"M{place(1):.2f} 47.50l.01 .01", f"M{place(3):.2f} 66.50h0", f"M{place(2):.2f} 112.50h0",
    ]  # fmt: skip
    assert paths(intervals, "hole") == [marks[1]]
    assert paths(intervals, "axis") == [f"M{left:.2f} 122.00H{right:.2f}"]
    assert paths(intervals, "tick x") == [f"M{place(1):.2f} 122.00v4M{place(3):.2f} 122.00v4"]
    line = "".join(f"M{place(2):.2f} {a:.2f}V{b:.2f}" for a, b in ((19, 38), (38, 57), (57, 76), (76, 103), (103, 122)))
    assert paths(intervals, "reference") == [line]


def test_words_of_intervals_stand_at_their_rows(intervals):
    assert texts(intervals, "heading") == [(0, 28.5, "Heading"), (0, 93.5, "Other")]
    left, right = 12 + max(map(text_width, ("one", "two", "last"))), 360 - 12 - text_width("3.0 ± 1.0")
    unit = (right - left) / (3.5 * 1.06)
    ticks = [(x, y, text) for x, y, text in texts(intervals, "number") if text in "13"]
    printed = [(x, y, text) for x, y, text in texts(intervals, "number") if text not in "13"]
    assert printed == [(360, 47.5, "1.0 ± 0.5"), (360, 66.5, "3.0 ± 1.0"), (360, 112.5, "2.0 ± 0.0")]
    assert ticks == [(pytest.approx(left + (value - 0.395) * unit, abs=0.0051), 135, f"{value}") for value in (1, 3)]
    assert texts(intervals, "name") == [(pytest.approx((left + right) / 2, abs=0.0051), 122 + 22 + 7.5, "value")]
    reference = [text for text in texts(intervals, "ink") if text[2] == "at rest"]
    assert reference == [(pytest.approx(left + 1.605 * unit, abs=0.0051), 7.5, "at rest")]
    assert height_of(intervals) == 122 + 26 + 15


def test_one_value_alone_has_a_number_line_about_it():
    for value, least, most in ((0.0, -0.5, 0.5), (10.0, 5.0, 15.0), (-0.5, -1.0, 0.0)):
        svg = interval_chart([("a", value, 0.0, "ink")], "One", x_label="value", x_ticks=[value])
        x = float(re.match(r"M([\d.]+) ", paths(svg, "mark ink")[0])[1])
        left, right = map(float, re.fullmatch(r"M([\d.]+) [\d.]+H([\d.]+)", paths(svg, "axis")[0]).groups())
        assert x == pytest.approx((left + right) / 2, abs=0.01)
        assert (left, right) == hundredths(12 + text_width("a"), 355)
        numbers = interval_chart([("a", value, 0.0, "ink")], "One", x_label="value")
        places = [(float(text.replace("−", "-")), x) for x, _, text in texts(numbers, "number")]
        for number, x in places:
            assert x == pytest.approx(left + (number - least) / (most - least) * (right - left), abs=0.01)


def test_a_reference_strikes_the_headings_that_end_before_it():
    for heading, struck in (("m" * 4, True), ("m" * 24, False)):
        svg = interval_chart([heading, ("a", 0.0, 1.0, "ink")], "T", x_label="x", reference=("r", 0.0), x_ticks=[0])
        (path,) = paths(svg, "reference")
        assert len(re.findall("M", path)) == 1 + struck
    x = float(re.match(r"M([\d.]+) ", path)[1])
    for count in range(1, 24):  # 4 are left between the end of a bold heading, a tenth wider, and the line
        width = 1.1 * text_width("l" * count)
        svg = interval_chart(["l" * count, ("a", 0.0, 1.0, "ink")], "T", x_label="x", reference=("r", 0.0), x_ticks=[0])
        assert len(re.findall("M", paths(svg, "reference")[0])) == 1 + (width + 4 < x)


# ---- curves ----


@pytest.mark.parametrize(("points", "marks"), [(19, 19), (20, 20), (21, 9)])
def test_a_curve_of_few_points_wears_a_mark_at_each(points, marks):
    x = np.arange(points)
    svg = line_chart([("a", x, x, "seen")], "T", x_label="x", y_label="y")
    found = len(re.findall("M", paths(svg, "mark seen")[0]))
    assert found == marks if points <= 20 else found < 12


def test_a_chart_is_as_high_as_its_labels_need():
    few = line_chart([("a", [0, 1], [0, 1], "ink")], "T", x_label="x", y_label="y")
    assert height_of(few) == 216
    many = [(f"{n} {'m' * 8} {'m' * 8}", [0, 1], [0, n], "ink") for n in range(5)]
    high = line_chart(many, "T", x_label="x", y_label="y")
    lines = sum(
        len(text) or 1 for text in ElementTree.fromstring(high).findall("text") if "mm" in "".join(text.itertext())
    )
    assert lines == 15
    assert height_of(high) == pytest.approx(10 + 15 + 26 + 15 + 15 * lines, abs=0.01)
    assert not overlaps(high)
    wordy = line_chart([("a", [0, 1], [0, 1], "ink")], "T", x_label="x " + "words " * 60, y_label="y " + "words " * 60)
    above, below = (len(text) for text in ElementTree.fromstring(wordy).findall("text") if text.get("class") == "name")
    assert height_of(wordy) == pytest.approx(max(216, 10 + 15 * above + 26 + 15 * below + 120), abs=0.01)


def test_names_of_axes_stand_above_and_below_the_plot():
    svg = line_chart(
        [("a", [0, 10], [0, 100], "ink")], "T", x_label="x", y_label="y", x_ticks=[0, 10], y_ticks=[0, 100]
    )
    left, right = 9 + text_width("100"), 360 - 18 - text_width("a")
    across, up = texts(svg, "name")[::-1]
    assert across[:2] == hundredths((left + right) / 2, 216 - 41 + 22 + 7.5)
    assert up[:2] == (0, 7.5)
    ((x, y, _),) = texts(svg, "ink")
    assert x == pytest.approx(right + 15, abs=0.0051)
    low, high = 25 + 150 / 1.1 * 0.05, 25 + 150 / 1.1 * 1.05
    assert y == pytest.approx(low, abs=0.02)
    numbers = {text: (x, y) for x, y, text in texts(svg, "number")}
    assert high > low
    assert "100" in numbers


def test_only_a_label_that_has_moved_is_joined_to_its_curve():
    apart = line_chart([("a", [0, 1], [0, 0], "ink"), ("b", [0, 1], [0, 1], "seen")], "T", x_label="x", y_label="y")
    assert not paths(apart, "leader")
    near = line_chart([("a", [0, 1], [0, 0.99], "ink"), ("b", [0, 1], [0, 1], "seen")], "T", x_label="x", y_label="y")
    assert len(paths(near, "leader")) == 2
    short = line_chart([("a", [0, 0.5], [0, 0], "ink"), ("b", [0, 1], [0, 1], "seen")], "T", x_label="x", y_label="y")
    (leader,) = paths(short, "leader")
    x, y, end, at = map(float, re.fullmatch(r"M(\S+) (\S+)L(\S+) (\S+)", leader).groups())
    labels = {text: (left, middle) for left, middle, text in [*texts(short, "ink"), *texts(short, "seen")]}
    assert (end, at) == hundredths(labels["a"][0] - 2, labels["a"][1])
    line = np.array(re.findall(r"(-?[\d.]+) (-?[\d.]+)", paths(short, "line ink")[0]), dtype=float)
    assert (x, y) == pytest.approx((line[-1][0] + 4, line[-1][1]), abs=0.02)


def test_the_message_quotes_the_first_forty_signs():
    with pytest.raises(ValueError, match=r"^svg must be a chart without a style, got '" + "x" * 40 + "'$"):
        standalone("x" * 60)


def test_a_tick_beyond_the_curves_makes_the_axis_longer():
    svg = line_chart([("a", [0, 6], [0, 1], "ink")], "T", x_label="x", y_label="y", x_ticks=[100, 50, -40, 0])
    places = {text: x for x, _, text in texts(svg, "number")}
    unit = (places["100"] - places["−40"]) / 140
    assert places["50"] == pytest.approx(places["−40"] + 90 * unit, abs=0.02)
    assert unit > 1
    with pytest.raises(ValueError, match="ticks must stand apart"):
        line_chart([("a", [0, 6], [0, 1], "ink")], "T", x_label="x", y_label="y", x_ticks=[0, 5, 6, 100])


@pytest.mark.parametrize(("apart", "joined"), [(15.5, 0), (12.0, 0), (11.2, 0), (10.8, 2), (5.0, 2)])
def test_a_label_that_has_moved_by_two_is_not_joined(apart, joined):
    """Of two ends so far apart the labels, 15 high, move by half of what lacks."""
    value = 0.5 + apart / (150 / 1.1)
    curves = [("a", [0, 1], [0, 0.5], "ink"), ("b", [0, 1], [1, value], "seen")]
    svg = line_chart(curves, "T", x_label="x", y_label="y", x_ticks=[0, 1])
    assert height_of(svg) == 216
    assert len(paths(svg, "leader")) == joined


# The plot of `gapped`: 150 high for 0 to 10 and a twentieth more on both sides; as wide as its labels let it be.
UP = 150 / 1.1 / 10
LEFT, RIGHT = 9 + text_width("10"), 360 - 18 - text_width("a")
ACROSS = (RIGHT - LEFT) / (2 * 1.04)
WORDS = "gap 10"


def gapped(at, wall=None, low=0.0, high=10.0):
    """The gap's bracket and its label: between a level line and a reference, and beside a wall that is given a place.

    The place of the wall is in units of the drawing, to the right of the bracket.
    """
    curves = [("a", [0, 1, 2], [0, 0, 0], "seen")]
    if wall is not None:
        curves.append(("i", [at + wall / ACROSS] * 2, [low, high], "soft"))
    svg = line_chart(
        curves, "T", x_label="x", y_label="y", x_ticks=[0, 2], y_ticks=[0, 10], references={"r": 10},
        gap=("a", "r", at, "gap"),
    )  # fmt: skip
    assert height_of(svg) == 216
    ((x, y, words),) = texts(svg, "gap")
    assert words == WORDS
    (anchor,) = [t.get("text-anchor") for t in ElementTree.fromstring(svg).findall("text") if t.get("class") == "gap"]
    (bracket,) = paths(svg, "gap")
    return x, (y - 25) / UP - 0.5, anchor, bracket


def test_a_bracket_reaches_from_the_curve_to_the_reference():
    x, share, anchor, bracket = gapped(1)
    place = LEFT + 0.04 * ACROSS + ACROSS
    top, bottom = 25 + 0.5 * UP, 25 + 10.5 * UP
    numbers = re.fullmatch(r"M(\S+) (\S+)h6M(\S+) (\S+)V(\S+)M(\S+) (\S+)h6", bracket).groups()
    expected = (place - 3, bottom, place, bottom, top, place - 3, top)
    assert tuple(map(float, numbers)) == pytest.approx(expected, abs=0.02)
    assert (x, share, anchor) == (pytest.approx(place + 7, abs=0.02), pytest.approx(5, abs=0.01), "start")


def test_the_label_of_a_gap_stands_where_it_covers_no_curve():
    reach = text_width(WORDS)
    middle = LEFT + 1.04 * ACROSS
    right, left = (middle + 7, "start"), (middle - 7, "end")
    for wall, (place, side) in (
        (9 + reach + 0.5, right),  # 2 are left free beside the label
        (9 + reach - 0.5, left),
        (5.5, left),
        (4.5, right),
        (-4.5, right),
    ):
        x, share, anchor, _ = gapped(1, wall)
        assert (x, anchor) == (pytest.approx(place, abs=0.02), side), wall
        assert share == pytest.approx(5, abs=0.01)


@pytest.mark.parametrize(
    ("low", "high", "share"),
    [
        (0, 5 - 10.0 / UP, 5),  # a wall that ends 10 below the label's middle, of which it takes 7.5 and 2
        (0, 5 - 9.0 / UP, 3),  # seen from above: nearer to the reference
        (5 + 9.0 / UP, 10, 7),
        (5 + 10.0 / UP, 10, 5),
    ],
)
def test_the_label_of_a_gap_moves_along_it(low, high, share):
    _, found, anchor, _ = gapped(1, 12, low, high)
    assert anchor == "start"
    assert found == pytest.approx(share, abs=0.01)


def test_the_label_of_a_gap_stays_in_the_plot():
    for at, side in ((0, "start"), (2, "end")):
        x, share, anchor, _ = gapped(at)
        place = LEFT + 0.04 * ACROSS + at * ACROSS
        assert (x, anchor) == (pytest.approx(place + (7 if side == "start" else -7), abs=0.02), side)
        assert share == pytest.approx(5, abs=0.01)
