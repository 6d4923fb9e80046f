import math
import re
from functools import cache
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from drawings import check_that_looks_are_left_to_the_page, outside, overlaps
from hw.figures.pictures import picture_sheet

NAMES = ["original", "crop", "rotate", "blur", "contrast", "noise", "erase"]


def random_pictures(*shape):
    return np.random.default_rng(0).uniform(-0.3, 1.3, shape)


def sheet(pictures=None, **named):
    pictures = random_pictures(3, 7, 8, 8) if pictures is None else pictures
    return picture_sheet(pictures, "Views", **named)


@cache
def plain_sheet():
    return sheet(column_labels=NAMES, row_labels=["3", "a seven", "a nine with a long tail"])


def placed(svg, kind):
    """Opacity of each path, and rectangles of its subpaths: x, y, width, height in units of the drawing."""
    found = []
    for path in ElementTree.fromstring(svg).findall("path"):
        if path.get("class") == kind:
            numbers = re.fullmatch(r"translate\((\S+) (\S+)\) scale\((\S+)\)", path.get("transform")).groups()
            left, top, scale = map(float, numbers)
            x = y = 0
            for move, *numbers in re.findall(r"([mM])(-?\d+) (-?\d+)h(\d+)v(\d+)h-\d+z", path.get("d")):
                across, up, width, height = map(int, numbers)
                x, y = (x + across, y + up) if move == "m" else (across, up)
                box = (left + scale * x, top + scale * y, scale * width, scale * height)
                found.append((float(path.get("fill-opacity")), *box))
    return np.array(found).reshape(-1, 5)


def inked(svg, shape):
    """Opacity in the middle of each pixel of each frame, from all that covers it."""
    height, width = shape[2:]
    rectangles = placed(svg, "pixel")
    grays = []
    for _, left, top, across, down in placed(svg, "frame"):
        y, x = np.meshgrid((np.arange(height) + 0.5) / height, (np.arange(width) + 0.5) / width, indexing="ij")
        x, y = left + across * x[..., None], top + down * y[..., None]
        _, x_0, y_0, right, bottom = rectangles.T
        inside = (x_0 < x) & (x < x_0 + right) & (y_0 < y) & (y < y_0 + bottom)
        assert inside.sum(axis=-1).max(initial=0) <= 1
        grays.append(inside @ rectangles[:, 0])
    return np.array(grays).reshape(shape)


@pytest.mark.parametrize("shape", [(3, 7, 8, 8), (1, 1, 1, 1), (2, 3, 5, 9), (4, 1, 28, 28)])
def test_each_pixel_has_its_gray_to_half_a_step(shape):
    pictures = random_pictures(*shape)
    drawn = inked(sheet(pictures), shape)
    assert np.abs(drawn - pictures.clip(0, 1)).max() <= 1 / 16 + 1e-12
    if pictures[0, 0].size > 1:
        assert np.abs(drawn - pictures[..., ::-1, :].clip(0, 1)).max() > 0.3


def test_nothing_is_drawn_outside_the_frames():
    svg = plain_sheet()
    frames, pixels = (placed(svg, kind) for kind in ("frame", "pixel"))
    area = sum(width * height * opacity for opacity, _, _, width, height in pixels)
    scale = frames[0, 3] / 8
    grays = inked(svg, (3, 7, 8, 8))
    assert area == pytest.approx(scale**2 * grays.sum(), rel=1e-9)
    assert np.allclose(frames[:, 3], frames[:, 4], rtol=1e-12)
    assert frames[:, 1].max() + frames[0, 3] <= 360


def test_frames_stand_in_rows_and_columns_apart_from_one_another():
    corners = placed(plain_sheet(), "frame")[:, 1:3].reshape(3, 7, 2)
    across, down = np.diff(corners[0, :, 0]), np.diff(corners[:, 0, 1])
    np.testing.assert_allclose(corners, corners[:1, :, :] * [1, 0] + corners[:, :1, :] * [0, 1], rtol=1e-12)
    side = placed(plain_sheet(), "frame")[0, 3]
    assert min(*across, *down) > side
    assert np.ptp(across) < 1e-9
    assert np.ptp(down) < 1e-9


def test_labels_stand_at_their_rows_and_above_their_columns():
    svg = plain_sheet()
    frames = placed(svg, "frame")[:, 1:].reshape(3, 7, 4)
    texts = ElementTree.fromstring(svg).findall("text")
    heads, names = ([text for text in texts if text.get("text-anchor") == anchor] for anchor in ("middle", "start"))
    assert [text.text for text in heads] == NAMES
    places = np.array([float(text.get("x")) for text in heads])
    assert (np.abs(places - frames[0, :, 0] - frames[0, :, 2] / 2) < 10).all()  # the long ones move their neighbors
    short = sheet(column_labels=list("abcdefg"))
    middles = placed(short, "frame")[:7, 1] + placed(short, "frame")[:7, 3] / 2
    places = [float(text.get("x")) for text in ElementTree.fromstring(short).findall("text")]
    np.testing.assert_allclose(places, middles, atol=0.006)
    assert max(float(text.get("y")) for text in heads) + 6 < frames[0, 0, 1]
    assert [" ".join(text.itertext()) for text in names] == ["3", "a seven", "a nine with a long tail"]
    middles = frames[:, 0, 1] + frames[:, 0, 3] / 2
    np.testing.assert_allclose([float(text.get("y")) for text in names], middles, atol=0.006)
    assert not ElementTree.fromstring(sheet()).findall("text")


def test_labels_clear_one_another_and_the_edges():
    tall = ["a label of so many words that it is higher than its picture"] * 4
    crowded = sheet(random_pictures(4, 12, 4, 8), row_labels=tall, column_labels=list("abcdefghijkl"))
    wide = sheet(column_labels=["a", "contrasted", "contrasted", "b", "c", "d", "e"])  # each wider than its column
    for svg in (plain_sheet(), crowded, wide):
        assert not overlaps(svg)
        assert not outside(svg)
    assert overlaps(re.sub(r' y="[\d.]+"', ' y="50"', crowded))
    assert outside(crowded.replace('viewBox="0 0 360', 'viewBox="0 0 100'))


def test_pictures_are_told_in_words():
    words = ElementTree.fromstring(plain_sheet()).get("aria-label")
    assert words == (
        "Views. 21 pictures of 8×8 pixels, 3 rows of 7. columns: original, crop, rotate, blur, contrast, noise, erase. "
        "rows: 3, a seven, a nine with a long tail."
    )
    one = ElementTree.fromstring(sheet(np.ones((1, 1, 2, 3)), column_labels=["a"], row_labels=["b"]))
    assert one.get("aria-label") == "Views. 1 picture of 2×3 pixels. column: a. row: b."


def test_sixty_pictures_of_noise_stay_small():
    svg = sheet(random_pictures(6, 10, 8, 8))
    assert len(svg.encode()) < 60_000
    assert len(ElementTree.fromstring(svg).findall("path")) <= 9


def test_paper_takes_no_ink_and_frames_hide_nothing_where_there_is_no_style_sheet():
    svg = sheet(np.zeros((2, 2, 8, 8)))
    assert not len(placed(svg, "pixel"))
    assert placed(svg, "frame")[:, 0].tolist() == [0.0] * 4
    assert placed(sheet(np.full((1, 1, 8, 8), 7.0)), "pixel")[:, 0].tolist() == [1.0] * 8


def test_what_lies_outside_zero_and_one_is_clipped():
    pictures = random_pictures(2, 2, 8, 8)
    assert sheet(pictures) == sheet(pictures.clip(0, 1)) != sheet((pictures + 0.3) / 1.6)


def test_tensors_are_drawn_like_arrays():
    pictures = random_pictures(2, 2, 8, 8)
    assert sheet(torch.tensor(pictures)) == sheet(pictures)


words = st.lists(st.text("abcxyz", min_size=1, max_size=5), min_size=1, max_size=4).map(" ".join)


@settings(max_examples=20, deadline=None)
@given(st.data(), st.tuples(st.integers(1, 4), st.integers(1, 6), st.integers(1, 9), st.integers(1, 9)))
def test_any_pictures_are_drawn_with_their_labels_apart(data, shape):
    values = data.draw(st.lists(st.floats(-2, 2), min_size=math.prod(shape), max_size=math.prod(shape)))
    pictures = np.array(values).reshape(shape)
    rows = data.draw(st.none() | st.lists(words, min_size=shape[0], max_size=shape[0]))
    columns = data.draw(
        st.none() | st.lists(st.text("abc", min_size=1, max_size=2), min_size=shape[1], max_size=shape[1])
    )
    svg = sheet(pictures, row_labels=rows, column_labels=columns)
    assert np.abs(inked(svg, shape) - pictures.clip(0, 1)).max() <= 1 / 16 + 1e-12
    assert not overlaps(svg)
    assert not outside(svg)


def test_colors_type_and_names_are_left_to_the_page():
    check_that_looks_are_left_to_the_page(plain_sheet())


def test_text_is_escaped():
    svg = sheet(random_pictures(1, 1, 8, 8), row_labels=["<i>"], column_labels=["a&b"])
    assert {"<i>", "a&b"} <= set(ElementTree.fromstring(svg).itertext())


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: sheet(np.ones((8, 8))), r"^pictures must have shape \(rows, columns, .*, got \(8, 8\)"),
        (lambda: sheet(np.ones((1, 0, 8, 8))), r"^pictures must have .*, none of them 0, got \(1, 0, 8, 8\)"),
        (lambda: sheet(np.full((1, 1, 1, 2), [1, np.nan])), "^pictures must be finite so that .*, got nan"),
        (lambda: sheet(np.ones((1, 40, 8, 8))), "^pictures must be few enough in a row to be seen, got 40 of 8 pix"),
        (lambda: sheet(row_labels=["a"]), "^row_labels must be 3, one for each, got 1"),
        (lambda: sheet(column_labels=["a"] * 8), "^column_labels must be 7, one for each, got 8"),
        (lambda: sheet(row_labels=["a", "b", "w" * 30]), "^row_labels must have words that fit .*, got .*www"),
        (lambda: sheet(column_labels=["w" * 9] * 7), "^column_labels must have words that fit .*, got .*www"),
    ],
)
def test_refusals(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()


@pytest.mark.parametrize("bad", [[[0.0, 1.0], [2.0]], ["a", "b"], {}])
def test_what_is_no_array_of_numbers_is_refused(bad):
    with pytest.raises(ValueError, match=r"^pictures must be numbers in rows of one length, got what NumPy refuses"):
        picture_sheet(bad, "Pictures")
