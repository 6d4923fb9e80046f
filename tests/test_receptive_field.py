import subprocess
import sys
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hw.masks import dilate, mask
from hw.receptive_field import blind_spot, offsets, path_counts, receptive_field, receptive_fields
from oracles import receptive_field_by_paths

A, B = mask("A", 3), mask("B", 3)
CASES = {  # the answers of question 1 for output 33, pixels by name
    "AA": "11 12 13 14 15 21 22 23 31",
    "AB": "11 12 13 14 15 21 22 23 24 31 32",
    "BA": "11 12 13 14 15 21 22 23 24 31 32",
    "BB": "11 12 13 14 15 21 22 23 24 31 32 33",
}
COUNTS = {
    "AA": [[1, 2, 3, 2, 1], [2, 2, 2, 0, 0], [1, 0, 0, 0, 0]],
    "AB": [[1, 2, 3, 2, 1], [2, 3, 3, 1, 0], [1, 1, 0, 0, 0]],
    "BA": [[1, 2, 3, 2, 1], [2, 3, 3, 1, 0], [1, 1, 0, 0, 0]],
    "BB": [[1, 2, 3, 2, 1], [2, 4, 4, 2, 0], [1, 2, 1, 0, 0]],
}
sizes = st.tuples(st.integers(1, 6), st.integers(1, 6))
odd = st.sampled_from([1, 3, 5])


@st.composite
def grids(draw):
    height, width = draw(odd), draw(odd)
    return [[draw(st.integers(0, 1)) for _ in range(width)] for _ in range(height)]


def names(seen):
    return " ".join(f"{row + 1}{column + 1}" for row, column in zip(*np.nonzero(seen), strict=True))


def all_ones_gradient(masks, size, pixel, dtype=torch.float64):
    """Second route: derivative of a linear network with every allowed weight 1."""
    image = torch.zeros(1, 1, *size, dtype=dtype, requires_grad=True)
    hidden = image
    for layer in masks:
        weight = torch.tensor(layer, dtype=dtype)[None, None]
        hidden = torch.nn.functional.conv2d(hidden, weight, padding=(weight.shape[2] // 2, weight.shape[3] // 2))
    hidden[0, 0, pixel[0], pixel[1]].backward()
    return image.grad[0, 0].numpy()


@pytest.mark.parametrize("kinds", CASES)
def test_the_four_cases_of_the_question(kinds):
    masks = [mask(kind, 3) for kind in kinds]
    assert names(receptive_field(masks, (5, 5), (2, 2))) == CASES[kinds]
    counts = path_counts(masks, (5, 5), (2, 2))
    assert counts.tolist() == [*COUNTS[kinds], [0] * 5, [0] * 5]
    assert counts.dtype == object  # Python integers, exact at any depth
    assert blind_spot(masks, (5, 5), (2, 2))[1, 4]


@given(masks=st.lists(grids(), min_size=1, max_size=4), size=sizes, data=st.data())
def test_all_functions_agree_with_walked_paths_on_any_masks(masks, size, data):
    pixel = data.draw(st.tuples(st.integers(0, size[0] - 1), st.integers(0, size[1] - 1)))
    walked = np.array(receptive_field_by_paths(masks, size, pixel))
    seen = receptive_field(masks, size, pixel)
    assert seen.dtype == bool
    assert (seen == walked).all()
    assert (receptive_fields(masks, size)[pixel] == walked).all()
    assert receptive_fields(masks, size).sizes()[pixel] == walked.sum()
    assert ((path_counts(masks, size, pixel) > 0) == walked).all()
    earlier = np.arange(size[0] * size[1]).reshape(size) < pixel[0] * size[1] + pixel[1]
    assert (blind_spot(masks, size, pixel) == (earlier & ~walked)).all()


@given(masks=st.lists(grids(), min_size=1, max_size=3), size=sizes, data=st.data())
def test_path_counts_are_the_gradient_with_all_weights_one(masks, size, data):
    pixel = data.draw(st.tuples(st.integers(0, size[0] - 1), st.integers(0, size[1] - 1)))
    assert path_counts(masks, size, pixel).tolist() == all_ones_gradient(masks, size, pixel).tolist()


def test_all_ones_gradient_is_right_at_depth_100_in_float64_and_wrong_in_float32():
    masks, size, pixel = [A] + [B] * 99, (64, 64), (63, 32)
    seen = receptive_field(masks, size, pixel)
    assert ((all_ones_gradient(masks, size, pixel) > 0) == seen).all()
    assert ((all_ones_gradient(masks, size, pixel, torch.float32) > 0) != seen).any()


@pytest.mark.parametrize("size", [(5, 5), (4, 7), (1, 6), (6, 1)])
@pytest.mark.parametrize("kernel", [3, 5, (3, 5)])
@pytest.mark.parametrize("dilation", [1, 2])
def test_for_pixelcnn_masks_clipping_the_offsets_is_exact(size, kernel, dilation):
    masks = [dilate(mask(kind, kernel), dilation) for kind in "ABB"]
    summed = offsets(masks)
    for row in range(size[0]):
        for column in range(size[1]):
            seen = receptive_field(masks, size, (row, column))
            clipped = {(row + down, column + right) for down, right in summed}
            assert {tuple(map(int, place)) for place in np.argwhere(seen)} == {
                place for place in clipped if 0 <= place[0] < size[0] and 0 <= place[1] < size[1]
            }


def test_in_general_clipping_the_offsets_is_wrong():
    left, right = [[1, 0, 0]], [[0, 0, 1]]
    assert offsets([left, right]) == {(0, 0)}
    assert not receptive_field([left, right], (1, 3), (0, 2)).any()  # right falls off the map, left cannot return
    assert receptive_field([right, left], (1, 3), (0, 2))[0, 2]


def test_sum_of_offsets_does_not_depend_on_the_order_but_kernels_matter():
    assert offsets([A, B]) == offsets([B, A])
    assert offsets([A, B]) != offsets([B, B])
    flipped = np.flip(np.array(A))
    assert offsets([flipped]) == {(-down, -right) for down, right in offsets([A])}


@pytest.mark.parametrize("k", [3, 5, 7])
@pytest.mark.parametrize("size", [(6, 6), (4, 9)])
def test_the_blind_spot_is_the_wedge_at_any_depth(k, size):
    reach = (k - 1) // 2
    for depth in (max(size), 3 * max(size)):
        masks = [mask("A", k)] + [mask("B", k)] * depth
        for row in range(size[0]):
            for column in range(size[1]):
                wedge = [[r < row and c - column > reach * (row - r) for c in range(size[1])] for r in range(size[0])]
                assert blind_spot(masks, size, (row, column)).tolist() == wedge


def test_what_deep_3x3_stacks_do_see():
    for depth in (1, 2, 3, 5):
        summed = offsets([A] + [B] * (depth - 1))
        own_row = {(0, -left) for left in range(1, depth + 1)}
        rows_above = {(-up, right) for up in range(1, depth + 1) for right in range(-depth, up + 1)}
        assert summed == own_row | rows_above


@pytest.mark.parametrize(("k", "missed"), [(3, 28), (5, 12), (7, 7), (15, 1), (17, 0)])
def test_the_wedge_in_the_corner_of_a_9x9_map(k, missed):
    masks = [mask("A", k)] + [mask("B", k)] * 20
    assert blind_spot(masks, (9, 9), (8, 0)).sum() == missed
    assert (missed == 0) == (k >= 2 * 9 - 1)


@pytest.mark.parametrize("depth", [2, 5, 20])
def test_one_pixel_far_from_borders_misses_a_share_that_tends_to_a_quarter(depth):
    summed = offsets([A] + [B] * (depth - 1))
    window = depth * (2 * depth + 1) + depth
    assert window == 2 * depth * (depth + 1)
    assert window - len(summed) == depth * (depth - 1) // 2
    assert (window - len(summed)) / window < 1 / 4


def test_two_steps_of_a_reach_22_and_23_and_neither_24_nor_32():
    assert offsets([A, A]) & offsets([A]) == {(-1, -1), (-1, 0)}


def test_a_causal_window_of_attention_widens_by_one_less_than_its_size():
    for window, depth in ((2, 3), (4, 5), (1, 7)):
        seen = receptive_field([mask("B", (1, 2 * window - 1))] * depth, (1, 64), (0, 40))
        assert seen.sum() == depth * (window - 1) + 1


@pytest.mark.parametrize("n", range(2, 15))
def test_the_count_of_the_blind_spot_and_its_limit(n):
    earlier = n**2 * (n**2 - 1) // 2
    missed = earlier - receptive_fields([A] + [B] * n, (n, n)).sizes().sum()
    by_rows = sum(max(0, n - c - t) for r in range(1, n + 1) for c in range(1, n + 1) for t in range(1, r))
    assert missed == by_rows
    assert missed * 24 == n * (n - 1) * (n - 2) * (3 * n - 1)
    assert missed / earlier < 1 / 4
    assert missed * 24 != n * (n - 1) * (n - 2) * (3 * n + 1) or n == 2  # one sign off fails, but where both are 0


def test_a_chain_is_autoregressive_exactly_if_it_has_a_layer_of_type_a():
    words = [word for length in range(1, 7) for word in product("AB", repeat=length)]
    assert len(words) == 126
    for word in words:
        table = receptive_fields([mask(kind, 3) for kind in word], (5, 5))
        leaks = [table[divmod(place, 5)].flatten()[place:].any() for place in range(25)]
        assert any(leaks) == ("A" not in word)


def test_type_a_alone_runs_out_of_pixels():
    counted = [int(receptive_field([A] * depth, (5, 5), (2, 2)).sum()) for depth in range(1, 8)]
    assert counted == [4, 9, 6, 4, 2, 1, 0]


@pytest.mark.parametrize("kinds", ["AA", "AB", "BA", "BB"])
def test_flipping_one_layer_lets_every_case_see_itself(kinds):
    first, second = (np.array(mask(kind, 3)) for kind in kinds)
    assert receptive_field([first, np.flip(second)], (5, 5), (2, 2))[2, 2]
    assert receptive_field([np.flip(first), second], (5, 5), (2, 2))[2, 2]
    both = receptive_field([np.flip(first), np.flip(second)], (5, 5), (2, 2))
    assert (both == np.flip(receptive_field([first, second], (5, 5), (2, 2)))).all()


@pytest.mark.parametrize("size", [(64, 64), (65, 41), (300, 7)])
def test_the_table_agrees_with_single_pixels_on_larger_maps(size):
    masks = [A] + [B] * 19
    table = receptive_fields(masks, size)
    rng = np.random.default_rng(0)
    corners = [(0, 0), (0, size[1] - 1), (size[0] - 1, 0), (size[0] - 1, size[1] - 1)]
    pixels = corners + [(int(rng.integers(size[0])), int(rng.integers(size[1]))) for _ in range(20)]
    for pixel in pixels:
        seen = receptive_field(masks, size, pixel)
        assert (table[pixel] == seen).all()
        assert table.sizes()[pixel] == seen.sum()


def test_tuples_lists_arrays_and_tensors_give_the_same():
    expected = receptive_field([A, B], (5, 5), (2, 2))
    for kind in (lambda rows: list(map(list, rows)), np.array, torch.tensor, lambda rows: np.array(rows, dtype=bool)):
        assert (receptive_field([kind(A), kind(B)], (5, 5), np.array([2, 2])) == expected).all()


def test_without_numpy_grids_are_nested_tuples():
    code = """
import sys
sys.modules["numpy"] = sys.modules["torch"] = None
from hw.masks import mask
from hw.receptive_field import blind_spot, path_counts, receptive_field, receptive_fields
A, size, pixel = mask("A", 3), (2, 3), (1, 1)
assert receptive_field([A], size, pixel) == ((True, True, True), (True, False, False))
assert receptive_fields([A], size)[pixel] == ((True, True, True), (True, False, False))
assert receptive_fields([A], size).sizes() == ((0, 1, 1), (2, 4, 3))
assert path_counts([A, A], size, pixel) == ((2, 2, 0), (0, 0, 0))
assert blind_spot([A, A], size, pixel) == ((False, False, True), (True, False, False))
"""
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("function", [receptive_field, path_counts, blind_spot])
@pytest.mark.parametrize("pixel", [(5, 0), (0, 5), (-1, 0), (1,), (1, 2, 3), (1.5, 2), 3])
def test_a_pixel_that_is_not_on_the_map_is_refused(function, pixel):
    with pytest.raises(ValueError, match=r"^pixel must be \(row, column\) on a map of 5×5, counted from 0, got"):
        function([A], (5, 5), pixel)


@pytest.mark.parametrize("size", [(0, 5), (5,), (5, 5, 5), (2.5, 2), -3])
def test_a_bad_size_is_refused(size):
    for call in (lambda: receptive_field([A], size, (0, 0)), lambda: receptive_fields([A], size)):
        with pytest.raises(ValueError, match=r"^size must be two positive integers \(height, width\), got"):
            call()


@pytest.mark.parametrize(
    ("masks", "message"),
    [
        ([], r"^masks must hold at least one mask, got \[\]"),
        ([A, [[1, 1], [1, 0]]], r"^masks\[1\] must have odd sides so that it has a center pixel, got 2×2"),
        ([[[1, 1, 1], [1, 0, 0]]], r"^masks\[0\] must have odd sides so that it has a center pixel, got 2×3"),
        ([[[1, 1], [1, 0], [0, 0]]], r"^masks\[0\] must have odd sides so that it has a center pixel, got 3×2"),
        ([[[1, 0, 0], [1, 0]]], r"^masks\[0\] must have rows of one length"),
        ([[]], r"^masks\[0\] must have rows of one length"),
        ([[[]]], r"^masks\[0\] must have odd sides so that it has a center pixel, got 1×0"),
        ([[[0.5]]], r"^masks\[0\] must hold only 0 and 1, got 0.5"),
        ([[[2]]], r"^masks\[0\] must hold only 0 and 1, got 2"),
        ([[["1"]]], r"^masks\[0\] must hold only 0 and 1, got '1'"),
        ([[1, 0, 1]], r"^masks\[0\] must be a grid, rows of entries"),
        ([7], r"^masks\[0\] must be a grid, rows of entries, got 7"),
        (np.array([[1.0, 0, 0]]), r"^masks\[0\] must be a grid, rows of entries"),
    ],
)
def test_bad_masks_are_refused(masks, message):
    for call in (
        lambda: receptive_field(masks, (5, 5), (2, 2)),
        lambda: path_counts(masks, (5, 5), (2, 2)),
        lambda: blind_spot(masks, (5, 5), (2, 2)),
        lambda: receptive_fields(masks, (5, 5)),
        lambda: offsets(masks),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def test_the_table_refuses_pixels_off_the_map():
    with pytest.raises(ValueError, match="pixel must be"):
        receptive_fields([A], (5, 5))[5, 5]
