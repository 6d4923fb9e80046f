import math
from functools import cache
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drawings import (
    affine,
    check_that_looks_are_left_to_the_page,
    outside,
    overlaps,
    paths,
    points,
    rectangles,
)
from hw.figures.bars import decomposition_bar


def bars(parts=None, **named):
    rows = {"q = prior": (-3.25, 1.25), "q = encoder": (-2.5, 0.5), "q = posterior": (-2.0, 0.0)}
    return decomposition_bar(rows if parts is None else parts, "Three choices of q", **named)


@cache
def plain_bars():
    return bars()


def test_a_bar_ends_where_its_gap_begins_and_all_gaps_end_on_one_line():
    svg = plain_bars()
    ends, gaps = [right for _, right in rectangles(svg, "bar seen")], rectangles(svg, "gap wrong")
    (total,) = {float(path[1:].split()[0]) for path in paths(svg, "total")}
    assert gaps == [(end, total) for end in ends[:2]]
    assert ends[2] == total
    assert affine([-3.25, -2.5, -2.0], ends) < 0.02
    assert affine([-3.25, -2.4, -2.0], ends) > 1
    texts = [text for text in ElementTree.fromstring(svg).findall("text") if text.get("class") == "number"]
    numbers = {float(text.text.replace("−", "-")): float(text.get("x")) for text in texts}
    assert len(numbers) >= 2
    assert affine([-3.25, -2.5, -2.0, *numbers], [*ends, *numbers.values()]) < 0.02


def test_the_hatching_stays_in_its_gap():
    svg = plain_bars()
    for (left, right), hatch in zip(rectangles(svg, "gap wrong"), paths(svg, "hatch wrong"), strict=False):
        corners = points(hatch)
        assert left - 0.01 <= corners[:, 0].min() < corners[:, 0].max() <= right + 0.01
        assert corners[:, 1].max() - corners[:, 1].min() <= 20


def test_bars_are_told_in_words_and_numbers():
    svg = plain_bars()
    assert ElementTree.fromstring(svg).get("aria-label") == (
        "Three choices of q. log p(x) = −2.00 nats. q = prior: ELBO −3.25, KL 1.25. "
        "q = encoder: ELBO −2.50, KL 0.50. q = posterior: ELBO −2.00, KL 0.00."
    )
    assert {"ELBO −3.25", "KL 1.25", "q = prior", "nats"} <= set(ElementTree.fromstring(svg).itertext())
    assert "L₁ −1, gap 0." in bars({"a": (-1, 0)}, names=("L₁", "gap", "log p(x)"))


@settings(max_examples=12, deadline=None)
@given(st.floats(-1e6, 1e6).map(lambda value: round(value, 3)), st.lists(st.floats(0, 1e4), min_size=1, max_size=4))
def test_any_split_of_one_value_is_drawn(total, gaps):
    svg = bars({f"row {i}": (total - gap, gap) for i, gap in enumerate(gaps)})
    assert len(paths(svg, "bar seen")) == len(gaps)
    lengths = [float(end) for _, end in rectangles(svg, "bar seen")]
    assert np.argsort(lengths, kind="stable")[0] in np.flatnonzero(np.isclose(gaps, max(gaps), rtol=1e-2, atol=1e-2))
    assert not overlaps(svg)
    assert not outside(svg)


def test_labels_clear_one_another_and_the_edges():
    assert not overlaps(plain_bars())
    assert not outside(plain_bars())


def test_colors_type_and_names_are_left_to_the_page():
    check_that_looks_are_left_to_the_page(plain_bars())


def test_the_same_data_give_the_same_bytes():
    assert bars() == plain_bars()
    assert plain_bars() != bars({"q": (-1, 0.5)})


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: bars({}), "^parts must have at least one row, got none"),
        (lambda: bars({"q": (math.nan, 1)}), "^parts of 'q' must be finite so that .*, got nan, 1"),
        (lambda: bars({"q": (-1, -0.5)}), "^gap of 'q' must not be negative so that the rest is a bound, got -0.5"),
        (lambda: bars({"q": (-1, 0), "r": (-1, 0.1)}), "^parts must add up to one value, got sums -1, -0.9"),
        (lambda: bars(names=("w" * 30, "KL", "p")), "^names must leave room for the bars beside them, got"),
    ],
)
def test_refusals(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()
