import math
import re
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drawings import affine, check_that_looks_are_left_to_the_page, outside, overlaps, paths
from hw.figures.intervals import interval_chart

ROOT = Path(__file__).parent.parent
ROLES = ("ink", "seen", "wrong", "soft")
ROWS = [
    "Head",
    ("linear", -0.25, 0.5, "ink"),
    ("none", -2.125, 0.25, "wrong"),
    "Temperature",
    ("0.05", 1.5, 0.75, "seen"),
    ("1", 0.0, 0.0, "soft"),
]
DATA = np.array([row[1:3] for row in ROWS if not isinstance(row, str)])


def chart(rows=ROWS, **named):
    settings = dict(x_label="difference, points", reference=("no difference", 0))
    return interval_chart(rows, "Differences", **settings | named)


@cache
def plain_chart():
    return chart()


def one(*row, **named):
    return chart([row or ("row", 1, 1, "ink")], **named)


def drawn_rows(svg):
    """Place of the mean, both ends and height of each row, from its strokes."""
    found = []
    root = ElementTree.fromstring(svg)
    for interval, mark in zip(root, list(root)[1:], strict=False):
        if "interval" in interval.get("class"):
            low, y, high = re.match(r"M(\S+) (\S+)H([\d.]+)M", interval.get("d")).groups()
            ends = [f"M{low} {float(y) - 3:.2f}v6", f"M{high} {float(y) - 3:.2f}v6"]
            assert interval.get("d").endswith("".join(ends))
            x, height = re.match(r"M(\S+) ([\d.]+)", mark.get("d")).groups()
            assert height == y
            found.append((float(x), float(low), float(high), float(y)))
    return np.array(found)


def numbers(svg):
    """Value and place of each numbered tick."""
    texts = [text for text in ElementTree.fromstring(svg).findall("text") if text.get("text-anchor") == "middle"]
    ticks = [text for text in texts if text.get("class") == "number"]
    return np.array([(float(text.text.replace("−", "-").replace(",", "")), float(text.get("x"))) for text in ticks])


def test_marks_and_ends_lie_where_their_values_are_on_the_number_line():
    svg = plain_chart()
    means, lows, highs, _ = drawn_rows(svg).T
    (reference,) = {float(x) for x in re.findall(r"M(\S+) ", *paths(svg, "reference"))}
    values = np.concatenate([DATA[:, 0], DATA[:, 0] - DATA[:, 1], DATA[:, 0] + DATA[:, 1], numbers(svg)[:, 0], [0]])
    places = np.concatenate([means, lows, highs, numbers(svg)[:, 1], [reference]])
    assert len(numbers(svg)) >= 2
    assert affine(values, places) < 0.02
    assert np.polyfit(values, places, 1)[0] > 0  # more is farther to the right
    values[0] += 0.1
    assert affine(values, places) > 1


def test_each_row_stands_beside_its_label_from_the_top_down():
    svg = plain_chart()
    texts = [text for text in ElementTree.fromstring(svg).findall("text") if text.get("text-anchor") == "start"]
    assert [text.text for text in texts] == [row if isinstance(row, str) else row[0] for row in ROWS]
    heights = [float(text.get("y")) for text in texts]
    assert heights == sorted(set(heights))
    labels = [y for row, y in zip(ROWS, heights, strict=True) if not isinstance(row, str)]
    np.testing.assert_allclose(drawn_rows(svg)[:, 3], labels, atol=0.005)


def test_the_number_line_holds_every_interval_and_the_reference():
    for svg in (plain_chart(), one("far", 100, 30, "ink"), one(x_ticks=[-50, 50]), one(reference=("far", -40))):
        left, right = map(float, re.fullmatch(r"M(\S+) \S+H(\S+)", *paths(svg, "axis")).groups())
        places = [*drawn_rows(svg)[:, :3].ravel(), *numbers(svg)[:, 1]]
        references = [float(x) for x in re.findall(r"M(\S+) ", *paths(svg, "reference"))]
        assert len(references) >= len(drawn_rows(svg))
        places += references
        assert left < min(places)
        assert max(places) < right <= 360


def test_ticks_are_those_that_are_asked_for():
    svg = one(x_ticks=[2, -1, 0.5])
    assert numbers(svg)[:, 0].tolist() == [-1, 0.5, 2]
    ticks = [float(x) for x in re.findall(r"M(\S+) \S+v4", *paths(svg, "tick x"))]
    assert ticks == numbers(svg)[:, 1].tolist()
    assert numbers(one(reference=None))[:, 0].tolist() == [0, 0.5, 1, 1.5, 2]


def test_roles_differ_by_the_shape_of_their_mark_not_only_by_color():
    sheet = (ROOT / "docs/assets/css/book.css").read_text()
    shapes = set()
    for role in ROLES:
        svg = one("row", 1, 1, role)
        (mark,) = paths(svg, f"mark {role}")
        caps = re.search(rf"svg\.chart \.mark\.{role} {{[^}}]*stroke-linecap: (\w+)", sheet)
        shapes.add((re.sub(r"M\S+ [\d.]+", "", mark), caps and caps[1], bool(paths(svg, "hole"))))
    assert shapes == {
        ("l.01 .01", "square", False),  # a diamond
        ("h0", None, False),
        ("h0", "square", False),
        ("h0", None, True),
    }


def test_every_row_is_told_in_words():
    words = ElementTree.fromstring(plain_chart()).get("aria-label")
    assert words == (
        "Differences. difference, points. no difference: 0. Head. linear: −0.25 ± 0.5. none: −2.125 ± 0.25. "
        "Temperature. 0.05: 1.5 ± 0.75. 1: 0 ± 0."
    )
    assert "no difference" not in chart(reference=None)


def test_numbers_are_printed_at_the_right_with_equal_decimals():
    svg = chart([("a", -0.004, 0.026, "ink"), ("b", 1234.5, 10, "ink")], decimals=2)
    texts = [text for text in ElementTree.fromstring(svg).findall("text") if text.get("text-anchor") == "end"]
    assert [text.text for text in texts] == ["0.00 ± 0.03", "1,234.50 ± 10.00"]
    assert {text.get("x") for text in texts} == {"360.00"}
    assert "a: 0.00 ± 0.03. b: 1,234.50 ± 10.00." in svg
    assert "−2 ± 0" in chart(decimals=0)
    assert not [text for text in ElementTree.fromstring(plain_chart()) if text.get("text-anchor") == "end"]


def test_the_reference_strikes_no_heading():
    short, long = "Head", "A heading that reaches far into the plot, to its right edge"
    for heading, struck in ((short, True), (long, False)):
        svg = chart([heading, ("row", 1, 1, "ink")], decimals=1)
        (text,) = (text for text in ElementTree.fromstring(svg).findall("text") if text.get("class") == "heading")
        spans = [tuple(map(float, span)) for span in re.findall(r"M\S+ (\S+?)V([\d.]+)", *paths(svg, "reference"))]
        assert any(start <= float(text.get("y")) <= end for start, end in spans) == struck
        y = drawn_rows(svg)[0, 3]
        assert any(start < y < end for start, end in spans)


def test_labels_clear_one_another_and_the_edges():
    long = "a label of many words that must be broken into several lines"
    crowded = [(f"{long} {i}", math.sin(i), 0.3, ROLES[i % 4]) for i in range(30)]
    wide = chart(x_label="a name of the number line that is as long as it may be, in percentage points")
    edges = [chart(reference=("a reference at the edge of the plot", value)) for value in (-9, 9)]
    full = chart(crowded, decimals=3)
    for svg in (plain_chart(), full, wide, *edges):
        assert not overlaps(svg)
        assert not outside(svg)
    assert len(drawn_rows(full)) == 30
    assert overlaps(re.sub(r' y="[\d.]+"', ' y="50"', full))
    assert outside(full.replace('viewBox="0 0 360', 'viewBox="0 0 200'))


words = st.lists(st.text("abcxyzα=", min_size=1, max_size=8), min_size=1, max_size=4).map(" ".join)


@settings(max_examples=15, deadline=None)
@given(
    st.lists(
        st.tuples(
            words,
            st.floats(-1e4, 1e4).map(lambda value: round(value, 2)),
            st.floats(0, 1e3).map(lambda value: round(value, 2)),
            st.sampled_from(ROLES),
        )
        | words,
        max_size=6,
    ).filter(lambda rows: any(isinstance(row, tuple) for row in rows)),
    st.none() | st.tuples(words, st.floats(-1e4, 1e4)),
    st.none() | st.integers(0, 2),
)
def test_any_rows_are_drawn_with_their_labels_apart(rows, reference, decimals):
    svg = chart(rows, reference=reference, decimals=decimals)
    drawn, data = drawn_rows(svg), np.array([row[1:3] for row in rows if isinstance(row, tuple)])
    ends = np.column_stack((data[:, 0], data[:, 0] - data[:, 1], data[:, 0] + data[:, 1])).ravel()
    if np.ptp(ends):
        assert affine(ends, drawn[:, :3].ravel()) < 0.02
    assert not overlaps(svg)
    assert not outside(svg)


def test_colors_type_and_names_are_left_to_the_page():
    check_that_looks_are_left_to_the_page(plain_chart())


def test_the_same_data_give_the_same_bytes():
    assert chart() == plain_chart()
    assert plain_chart() != chart(reference=("no difference", 0.5))


def test_text_is_escaped():
    svg = chart(["<i>", ('"a" & <b>', 1, 1, "ink")])
    assert {"<i>", '"a" & <b>'} <= set(ElementTree.fromstring(svg).itertext())
    assert '"a" & <b>: 1 ± 1.' in ElementTree.fromstring(svg).get("aria-label")


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: chart([]), "^rows must have at least one that is not a heading, got none"),
        (lambda: chart(["Head"]), "^rows must have at least one that is not a heading, got none"),
        (lambda: one("a", 1, 1, "red"), "^role of 'a' must be one of ink, seen, wrong, soft, got 'red'"),
        (lambda: one("a", math.nan, 1, "ink"), "^mean and margin of 'a' must be finite so that .*, got nan, 1"),
        (lambda: one("a", 1, math.inf, "ink"), "^mean and margin of 'a' must be finite so that .*, got 1, inf"),
        (lambda: one("a", 1, -0.5, "ink"), "^margin of 'a' must not be negative so that .*, got -0.5"),
        (lambda: one(reference=("b", math.inf)), "^reference 'b' must be finite so that .*, got inf"),
        (lambda: one(reference=("w" * 60, 0)), "^label of the reference must have words that fit .*, got 'www"),
        (lambda: one(decimals=-1), "^decimals must not be negative, got -1"),
        (lambda: one(x_ticks=[]), r"^ticks must have shape \(n,\) with n at least 1, got \(0,\)"),
        (lambda: one(x_ticks=[0, math.nan]), "^ticks must be finite so that .*, got 0, nan"),
        (lambda: one(x_ticks=[0, 0.01, 2]), "^ticks must stand apart so that .*, got 0, 0.01, 2"),
        (
            lambda: one("a", 1e9 + 0.5, 1e-3, "ink", reference=None, decimals=3),
            "^ticks must stand apart so that .*, got 1e",
        ),
        (lambda: one("w" * 30, 1, 1, "ink"), "^labels and numbers must leave room for the plot .*, got .*www"),
        (lambda: one("a", 1, 1, "ink", decimals=15), r"^labels and numbers must leave room .*, got .*1\.0000"),
        (lambda: chart(["w" * 60, *ROWS]), "^headings must have words that fit the drawing, got 'www"),
        (lambda: chart(x_label="w" * 60), "^x_label must have words that fit the drawing, got 'www"),
    ],
)
def test_refusals(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()


def test_more_decimals_than_a_float_has_are_refused():
    with pytest.raises(ValueError, match=r"^decimals must be at most 15, the digits of a float, got 16"):
        one(decimals=16)


def test_a_sign_that_the_font_lacks_is_drawn_without_a_warning():
    assert "数" in interval_chart([("数", 1.0, 0.5, "ink")], "One", x_label="points")
