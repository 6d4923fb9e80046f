"""Drawings with their own style: what is added and taken away, and that no class they use is left without one."""

import re

import numpy as np
import pytest

from hw.figures.curves import line_chart
from hw.figures.intervals import interval_chart
from hw.figures.pictures import picture_sheet
from hw.figures.standalone import STYLE, standalone, styleless

DRAWINGS = [
    line_chart([(role, [0, 1], [0, k], role) for k, role in enumerate(("ink", "seen", "wrong", "soft"))], "Lines",
               x_label="x", y_label="y", references={"none": 0.5}),
    interval_chart(["Group", *((role, 0.0, 1.0, role) for role in ("ink", "seen", "wrong", "soft"))], "Intervals",
                   x_label="x"),
    picture_sheet(np.eye(8).reshape(1, 1, 8, 8), "A stroke"),
]  # fmt: skip


@pytest.mark.parametrize("svg", DRAWINGS)
def test_the_style_is_added_once_and_taken_away(svg):
    found = standalone(svg)
    assert found.count("<style>") == 1
    assert styleless(f"<figure>{found}</figure>") == f"<figure>{svg}</figure>"
    with pytest.raises(ValueError, match="svg must be a chart without a style"):
        standalone(found)
    with pytest.raises(ValueError, match="svg must be a chart without a style"):
        standalone("<p>text</p>")


@pytest.mark.parametrize("svg", DRAWINGS)
def test_every_mark_that_the_site_styles_has_a_style_here(svg):
    used = {name for names in re.findall(r'class="([^"]+)"', svg) for name in names.split()}
    plain = {
        "chart",
        "axis",
        "tick",
        "x",
        "y",
        "number",
        "name",
        "ink",
        "reference",
        "leader",
    }  # all text and thin strokes
    assert used - plain
    for name in used - plain:
        assert f".{name}" in STYLE, name
    assert ".nothing" not in STYLE


def test_no_color_is_that_of_a_ground():
    assert not re.search(r"\b(white|black|var\()", STYLE)
    assert "currentColor" in STYLE
