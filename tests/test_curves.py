import math
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drawings import affine, check_that_looks_are_left_to_the_page, outside, overlaps, paths, points
from hw.figures.curves import line_chart

ROOT = Path(__file__).parent.parent
SAMPLES = [1, 2, 5, 10, 20, 50, 100]
EVIDENCE = -1.919
BOUNDS = {
    name: [EVIDENCE - gap / k for k in SAMPLES] for name, gap in (("q near", 0.2), ("q mid", 0.6), ("q far", 1.2))
}
ROLES = ("ink", "seen", "wrong")


def bounds_chart(**changes):
    series = [(name, SAMPLES, values, role) for (name, values), role in zip(BOUNDS.items(), ROLES, strict=True)]
    given = dict(x_label="k", y_label="Lₖ, nats", log_x=True, x_ticks=SAMPLES, references={"log p(x)": EVIDENCE})
    return line_chart(series, "The bound for three q", **given | changes)


@cache
def plain_chart():
    return bounds_chart()


@cache
def chart_with_gap():
    return bounds_chart(gap=("q far", "log p(x)", 2, "gap"))


def one(x, y, role="ink", **named):
    return line_chart([("curve", x, y, role)], "t", **dict(x_label="x", y_label="y") | named)


@cache
def rising(role):
    return one([1, 2], [1, 2], role)


def test_curves_lie_where_their_values_are_on_the_axes():
    svg = plain_chart()
    (line,), (marks,), (reference,) = (paths(svg, kind) for kind in ("line seen", "mark seen", "reference"))
    corners = points(line)
    assert affine(np.log(SAMPLES), corners[:, 0]) < 0.02
    assert affine(BOUNDS["q mid"], corners[:, 1]) < 0.02
    np.testing.assert_allclose(points(marks.replace("h0", "")), corners, atol=0.011)
    slope, shift = np.polyfit(BOUNDS["q mid"], corners[:, 1], 1)
    assert points(reference)[:, 1] == pytest.approx([slope * EVIDENCE + shift] * 2, abs=0.02)
    assert slope < 0  # upward is more


def test_a_linear_axis_is_not_a_logarithmic_one():
    linear, log = (points(*paths(one(SAMPLES, SAMPLES, log_y=log), "line ink")) for log in (False, True))
    assert affine(SAMPLES, linear[:, 1]) < 0.02 < 5 < affine(np.log(SAMPLES), linear[:, 1])
    assert affine(np.log(SAMPLES), log[:, 1]) < 0.02 < 5 < affine(SAMPLES, log[:, 1])


def test_ticks_are_numbered_at_their_places():
    svg = one([-1, 1], [0, 1], x_ticks=[-1, 0, 0.5, 1])
    root = ElementTree.fromstring(svg)
    labels = {text.text: float(text.get("x")) for text in root.findall("text") if text.get("text-anchor") == "middle"}
    del labels["x"]
    assert list(labels) == ["−1", "0", "0.5", "1"]
    assert affine([-1, 0, 0.5, 1], list(labels.values())) < 0.02
    assert points(*paths(svg, "line ink"))[:, 0] == pytest.approx([labels["−1"], labels["1"]], abs=0.02)
    ticks = [points(path.get("d").replace("v4", ""))[0, 0] for path in root if path.get("class") == "tick x"]
    np.testing.assert_allclose(ticks, list(labels.values()), atol=0.01)


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([0, 1e7], ["0", "10⁷"]),
        ([0, 2.5e-7], ["0", "2.5·10⁻⁷"]),
        ([-12000, 0], ["−12,000", "0"]),
        ([1234567, 1234568], ["1.234567·10⁶", "1.234568·10⁶"]),
        ([0.1, 0.1 + 0.2], ["0.1", "0.3"]),
    ],
)
def test_numbers_are_set_as_in_a_book(values, labels):
    root = ElementTree.fromstring(one([0, 1], values, y_ticks=values))
    assert [text.text for text in root.findall("text") if text.get("text-anchor") == "end"] == labels


def test_roles_differ_by_stroke_and_mark_not_only_by_color():
    sheet = (ROOT / "docs/assets/css/book.css").read_text()
    looks = set()
    for role in ("ink", "seen", "wrong", "soft"):
        dash = re.search(rf"svg\.chart \.line\.{role} {{ stroke-dasharray: ([^;]+);", sheet)
        looks.add((dash and dash[1], bool(paths(rising(role), f"mark {role}"))))
    assert len(looks) == 4


def test_many_points_wear_few_marks():
    x = np.linspace(0, 1, 300)
    (marks,) = paths(one(x, x**2, "seen"), "mark seen")
    assert 3 <= marks.count("M") <= 20 < paths(one(x[:25], x[:25], "seen"), "line seen")[0].count("L") + 20


def test_every_curve_and_every_value_is_told_in_words():
    words = ElementTree.fromstring(chart_with_gap()).get("aria-label")
    assert words.startswith("The bound for three q. horizontal axis: k, from 1 to 100, logarithmic. vertical axis: Lₖ")
    for name, values in BOUNDS.items():
        listed = ", ".join(f"{value:.4g} at {k}" for k, value in zip(SAMPLES, values, strict=True))
        assert f"{name}: {listed}.".replace("-", "−") in words
    assert "log p(x): −1.919 throughout." in words
    assert words.endswith("gap 0.6, between q far and log p(x) at 2.")


def test_of_a_long_curve_five_values_are_told():
    words = ElementTree.fromstring(one(range(101), range(101))).get("aria-label")
    assert "curve: 0 at 0, 25 at 25, 50 at 50, 75 at 75, 100 at 100." in words


def test_the_gap_reaches_from_the_curve_to_the_reference():
    svg = chart_with_gap()
    (bracket,), (reference,) = paths(svg, "gap"), paths(svg, "reference")
    x, low, high = (float(n) for n in re.search(r"M(\S+) (\S+)V([\d.]+)M", bracket).groups())
    assert (x, low) == pytest.approx(points(*paths(svg, "line wrong"))[1], abs=0.02)
    assert high == pytest.approx(points(reference)[0, 1], abs=0.02)
    assert ">gap 0.6<" in svg
    assert ">gap 0.6<" not in bounds_chart(gap=("q far", "log p(x)", 5, "gap"))
    assert not paths(plain_chart(), "gap")


@pytest.mark.parametrize("where", [0, 3, 6])
def test_the_label_of_a_gap_stands_clear_of_the_curve(where):
    y = [EVIDENCE - 1.2 / k**0.8 for k in SAMPLES]
    svg = line_chart(
        [("q", SAMPLES, y, "wrong")],
        "t",
        x_label="k",
        y_label="nats",
        log_x=True,
        references={"log p(x)": 0.0},
        gap=("q", "log p(x)", SAMPLES[where], "gap"),
    )
    curve = points(*paths(svg, "line wrong"))
    (text,) = (text for text in ElementTree.fromstring(svg).findall("text") if text.get("class") == "gap")
    left = float(text.get("x")) - (0 if text.get("text-anchor") == "start" else 60)
    heights = np.interp(np.linspace(left, left + 60, 50), *curve.T)
    assert np.abs(heights - float(text.get("y"))).min() > 6


@pytest.mark.parametrize("log", [False, True])
def test_charts_with_the_same_ranges_have_the_same_axes(log):
    given = dict(x_range=(1, 64), y_range=(0.5, 100), log_x=log, log_y=log)
    low, high = (one([2, 8], y, "seen", **given) for y in ([1, 2], [50, 100]))
    for kind in ("axis", "tick x", "tick y"):
        assert paths(low, kind) == paths(high, kind)
    free = [paths(one([2, 8], y, "seen", log_x=log, log_y=log), "tick y") for y in ([1, 2], [50, 100])]
    assert free[0] != free[1]
    for svg in (low, high):
        words = ElementTree.fromstring(svg).get("aria-label")
        assert "x, from 1 to 64" in words
        assert "y, from 0.5 to 100" in words
    left, bottom = (points(path) for path in paths(low, "axis"))
    corners = points(*paths(high, "line seen"))
    assert corners[-1, 1] == pytest.approx(left[:, 1].min(), abs=0.02)  # 100 is the upper end
    scale = np.log if log else np.asarray
    width = bottom[:, 0].max() - bottom[:, 0].min()
    share = (scale(2) - scale(1)) / (scale(64) - scale(1))
    assert corners[0, 0] - bottom[:, 0].min() == pytest.approx(share * width, abs=0.02)


def test_labels_clear_one_another_and_the_edges():
    same = [(f"estimate {i}", [1, 2], [1, 2], role) for i, role in enumerate(("ink", "seen", "wrong", "soft"))]
    crowded = line_chart(same * 3, "t", x_label="x", y_label="y")
    for svg in (plain_chart(), chart_with_gap(), crowded):
        assert not overlaps(svg)
        assert not outside(svg)
    assert overlaps(re.sub(r' y="[\d.]+"', ' y="50"', crowded))
    assert outside(crowded.replace('viewBox="0 0 360', 'viewBox="0 0 200'))


def test_labels_keep_the_order_of_the_ends():
    svg = plain_chart()
    root = ElementTree.fromstring(svg)
    labels = {text.text: float(text.get("y")) for text in root.findall("text") if text.get("text-anchor") == "start"}
    assert labels["log p(x)"] < labels["q near"] < labels["q mid"] < labels["q far"]
    assert len(paths(svg, "leader")) >= 3
    assert not paths(one([1, 2], [1, 2], references={"": 0}), "leader")


finite = st.floats(-1e9, 1e9).map(lambda value: round(value, 3))


@settings(max_examples=6, deadline=None)
@given(
    st.lists(st.lists(st.tuples(finite, finite), min_size=1, max_size=4), min_size=1, max_size=3),
    st.lists(st.text("abcxyzα=", min_size=1, max_size=12), min_size=3, max_size=3),
    st.booleans(),
)
def test_any_finite_curves_are_drawn_with_their_labels_apart(curves, labels, log):
    series = [
        (
            label,
            *([10 ** (value / 1e9) if log else value for value in side] for side in zip(*pairs, strict=True)),
            "seen",
        )
        for label, pairs in zip(labels, curves, strict=False)
    ]
    svg = line_chart(series, "t", x_label="x", y_label="y", log_x=log, log_y=log)
    assert len(paths(svg, "line seen")) == len(curves)
    assert not overlaps(svg)
    assert not outside(svg)


def test_colors_type_and_names_are_left_to_the_page():
    check_that_looks_are_left_to_the_page(plain_chart())


def test_the_same_data_give_the_same_bytes():
    assert bounds_chart() == plain_chart()
    assert plain_chart() != bounds_chart(references={"log p(x)": -1.9})


def test_no_name_is_used_twice_on_a_page():
    assert not re.findall(r'\bid="([^"]+)"', plain_chart() + rising("seen"))


def test_text_is_escaped_and_no_markup_is_read_into_it():
    svg = line_chart([("$<b>$", [0, 1], [0, 1], "ink")], 'a "b" & c', x_label="$x^2$", y_label="<i>")
    assert "&lt;b&gt;" in svg
    assert ElementTree.fromstring(svg).get("aria-label").startswith('a "b" & c. horizontal axis: $x^2$')
    assert {"$<b>$", "$x^2$", "<i>"} <= set(ElementTree.fromstring(svg).itertext())


def test_settings_of_the_reader_change_nothing_and_are_not_changed():
    import matplotlib

    expected = plain_chart()
    with matplotlib.rc_context({"svg.fonttype": "path", "xtick.direction": "in", "axes.grid": True, "font.size": 30}):
        before = dict(matplotlib.rcParams)
        assert bounds_chart() == expected
        assert dict(matplotlib.rcParams) == before


def test_the_library_of_curves_is_loaded_with_the_charts_only():
    code = "import sys, hw.figures, hw.figures.grids; print('matplotlib' in sys.modules);"
    code += "import hw.figures.bars, hw.figures.curves;"
    code += "print('matplotlib' in sys.modules, 'matplotlib.pyplot' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["False", "True", "False"]


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: line_chart([], "t", x_label="x", y_label="y"), "^series must have at least one curve, got none"),
        (lambda: one([], []), r"^x of 'curve' must have shape \(n,\) with n at least 1, got \(0,\)"),
        (lambda: one([[1]], [1]), r"^x of 'curve' must have shape \(n,\) with n at least 1, got \(1, 1\)"),
        (lambda: one([1, 2], [1]), "^y of 'curve' must be as long as its x, 2, got 1"),
        (lambda: one([1], [1], "red"), "^role of 'curve' must be one of ink, seen, wrong, soft, got 'red'"),
        (lambda: one([1, math.inf], [1, 2]), "^x of 'curve' must be finite so that .*, got 1, inf"),
        (lambda: one([1, 2], [1, math.nan]), "^y of 'curve' must be finite so that .*, got 1, nan"),
        (lambda: one([0, 1], [1, 2], log_x=True), "^x of 'curve' must be positive so that .*, got 0, 1"),
        (lambda: one([0, 1], [-1, 2], log_y=True), "^y of 'curve' must be positive so that .*, got -1, 2"),
        (
            lambda: one([1], [1], references={"log p": math.nan}),
            "^reference 'log p' must be finite so that .*, got nan",
        ),
        (lambda: one([1], [1], log_y=True, references={"0": 0}), "^reference '0' must be positive so that .*, got 0"),
        (lambda: one([1, 9], [1, 2], log_x=True, x_ticks=[0, 1]), "^ticks must be positive so that .*, got 0, 1"),
        (lambda: one([1, 2], [1, 2], x_ticks=range(1000, 1050)), r"^ticks must stand apart .*, got 1000, .*1011 …$"),
        (lambda: one([1, 2], [1, 2], y_ticks=[1, 1.01, 2]), "^ticks must stand apart so that .*, got 1, 1.01, 2"),
        (lambda: one([1], [1], references={"w" * 40: 0}), "^labels must have words that fit beside the plot, got .*ww"),
        (lambda: one([1, 2], [1, 2], x_range=(3, 0)), "^x_range must have two ends, the lower one first, got 3, 0"),
        (lambda: one([1, 2], [1, 2], y_range=(1, 2, 3)), "^y_range must have two ends, .*, got 1, 2, 3"),
        (lambda: one([1, 2], [1, 5], y_range=(0, 4)), "^y_range must hold all values, from 1 to 5, got 0, 4"),
        (
            lambda: one([1, 2], [1, 2], y_range=(0, 4), references={"r": -1}),
            "^y_range must hold all values, from -1 to 2, got 0, 4",
        ),
        (lambda: one([1, 2], [1, 2], log_x=True, x_range=(0, 4)), "^x_range must be positive so that .*, got 0, 4"),
        (lambda: one([1, 2], [1, 2], y_range=(0, math.inf)), "^y_range must be finite so that .*, got 0, inf"),
        (lambda: bounds_chart(gap=("p", "log p(x)", 2, "")), "^gap must name a curve, .*, got 'p'"),
        (lambda: bounds_chart(gap=("q far", "0", 2, "")), "^gap must name a curve, .*, got '0'"),
        (lambda: bounds_chart(gap=("q far", "log p(x)", 3, "")), "^gap must name .* an x of the curve, got 3"),
    ],
)
def test_refusals(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()
