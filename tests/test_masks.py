import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hw.masks import degree_mask, dilate, made_masks, mask

ODD = st.integers(0, 5).map(lambda half: 2 * half + 1)
DEGREES = st.lists(st.integers(-3, 3), min_size=1, max_size=6)


def offsets(grid):
    """Offsets from the center at which a mask is 1."""
    height, width = len(grid), len(grid[0])
    return {(i - height // 2, j - width // 2) for i in range(height) for j in range(width) if grid[i][j]}


@given(height=ODD, width=ODD)
def test_kind_a_is_what_precedes_the_center_in_raster_order(height, width):
    rows, columns = range(-(height // 2), height // 2 + 1), range(-(width // 2), width // 2 + 1)
    assert offsets(mask("A", (height, width))) == {(i, j) for i in rows for j in columns if (i, j) < (0, 0)}


@given(height=ODD, width=ODD)
def test_kind_b_is_kind_a_and_the_center(height, width):
    a, b = mask("A", (height, width)), mask("B", (height, width))
    assert offsets(b) == offsets(a) | {(0, 0)}
    assert offsets(a) != offsets(b)


@given(height=ODD, width=ODD)
def test_past_center_and_future_tile_the_kernel(height, width):
    past = np.array(mask("A", (height, width)))
    future = past[::-1, ::-1]
    assert (future + np.array(mask("B", (height, width))) == 1).all()
    assert past.sum() == height * width // 2


def test_the_two_masks_of_the_question():
    assert offsets(mask("A", 3)) == {(-1, -1), (-1, 0), (-1, 1), (0, -1)}
    assert offsets(mask("B", 3)) == {(-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 0)}
    assert offsets(mask("A", 1)) == set()


@given(size=ODD, kind=st.sampled_from("AB"))
def test_one_size_is_a_square(size, kind):
    assert mask(kind, size) == mask(kind, (size, size))


@given(height=ODD, width=ODD, kind=st.sampled_from("AB"), dilation=st.integers(1, 4))
def test_dilation_multiplies_the_offsets(height, width, kind, dilation):
    grid = mask(kind, (height, width))
    wide = dilate(grid, dilation)
    assert offsets(wide) == {(dilation * i, dilation * j) for i, j in offsets(grid)}
    assert (len(wide), len(wide[0])) == ((height - 1) * dilation + 1, (width - 1) * dilation + 1)


@given(size=ODD, first=st.integers(1, 3), second=st.integers(1, 3))
def test_dilations_multiply(size, first, second):
    grid = mask("B", size)
    assert dilate(dilate(grid, first), second) == dilate(grid, first * second)
    assert dilate(grid, 1) == grid


@given(before=DEGREES, after=DEGREES)
def test_degree_mask_compares_degrees(before, after):
    difference = np.array(after)[:, None] - np.array(before)
    np.testing.assert_array_equal(degree_mask("A", before, after), difference > 0)
    np.testing.assert_array_equal(degree_mask("B", before, after), difference >= 0)


@given(length=st.integers(1, 8))
def test_degree_mask_of_a_sequence_is_causal_attention(length):
    ones = np.ones((length, length), int)
    np.testing.assert_array_equal(degree_mask("A", range(length), range(length)), np.tril(ones, -1))
    np.testing.assert_array_equal(degree_mask("B", range(length), range(length)), np.tril(ones))


def test_raster_mask_is_the_degree_mask_of_raster_positions():
    for kind in "AB":
        flat = [entry for line in mask(kind, (3, 5)) for entry in line]
        assert degree_mask(kind, range(15), [7]) == (tuple(flat),)


def paths(masks):
    """Number of paths from each input to each output: the product of the masks."""
    return np.linalg.multi_dot([*map(np.array, reversed(masks)), np.eye(len(masks[0][0]), dtype=int)])


@given(features=st.integers(1, 6), hidden=st.lists(st.integers(1, 8), max_size=3))
def test_made_is_strictly_lower_triangular(features, hidden):
    product = paths(made_masks(features, hidden))
    assert product.shape == (features, features)
    assert (np.triu(product) == 0).all()


@given(features=st.integers(2, 6), extra=st.lists(st.integers(0, 4), max_size=3))
def test_made_with_enough_units_reaches_every_earlier_input(features, extra):
    product = paths(made_masks(features, [features - 1 + more for more in extra]))
    assert ((product > 0) == np.tril(np.ones((features, features), bool), -1)).all()
    too_narrow = paths(made_masks(6, [4]))
    assert not ((too_narrow > 0) == np.tril(np.ones((6, 6), bool), -1)).all()


@given(features=st.integers(2, 6), layers=st.integers(1, 3))
def test_made_leaks_with_an_inclusive_output_layer(features, layers):
    *hidden, last = made_masks(features, [features] * layers)
    degrees = [1 + unit % (features - 1) for unit in range(features)]
    inclusive = degree_mask("B", degrees, range(1, features + 1))
    assert inclusive != last
    assert (np.diag(paths([*hidden, inclusive]))[:-1] > 0).all()


@pytest.mark.parametrize("kind", ["a", "C", "", None, 0])
def test_unknown_kind_is_refused(kind):
    with pytest.raises(ValueError, match=r"kind must be 'A' .* or 'B' .*, got"):
        mask(kind, 3)
    with pytest.raises(ValueError, match=r"kind must be 'A' .* or 'B' .*, got"):
        degree_mask(kind, [0], [0])


@pytest.mark.parametrize("size", [0, 2, 4, -1, -3, 3.0, True, "3", None, (3, 4), (0, 3), (3,), (3, 3, 3), [3, 4]])
def test_kernel_without_a_center_is_refused(size):
    with pytest.raises(ValueError, match="kernel_size must be odd and positive so that the kernel has a center pixel"):
        mask("A", size)


@pytest.mark.parametrize("dilation", [0, -1, 1.5, True, None])
def test_bad_dilation_is_refused(dilation):
    with pytest.raises(ValueError, match="dilation must be a positive integer, got"):
        dilate(mask("A", 3), dilation)


@pytest.mark.parametrize(("before", "after", "name"), [([], [1], "in_degrees"), ([1], [], "out_degrees")])
def test_layer_without_units_is_refused(before, after, name):
    with pytest.raises(ValueError, match=f"{name} must name at least one unit, got"):
        degree_mask("A", before, after)


@pytest.mark.parametrize("bad", [0, -1, 2.0, True, None])
def test_bad_widths_are_refused(bad):
    with pytest.raises(ValueError, match="features must be a positive integer, got"):
        made_masks(bad, [])
    with pytest.raises(ValueError, match="hidden_features must be positive integers, got"):
        made_masks(3, [2, bad])


def test_hidden_units_of_made_take_the_degrees_below_the_last_in_turn():
    first, last = made_masks(3, [4])
    assert first == degree_mask("B", [1, 2, 3], [1, 2, 1, 2])
    assert last == degree_mask("A", [1, 2, 1, 2], [1, 2, 3])
    assert made_masks(1, [2]) == (((1,), (1,)), ((0, 0),))


def test_sizes_may_be_numpy_integers_and_lists():
    assert mask("A", np.int64(3)) == mask("A", [3, np.int32(3)]) == mask("A", 3)
    assert dilate(mask("B", 3), np.int64(2)) == dilate(mask("B", 3), 2)


@pytest.mark.parametrize("bad", [(), ((),), ((1, 0), (1,))])
def test_a_mask_without_a_shape_is_not_dilated(bad):
    with pytest.raises(ValueError, match=r"^mask must have rows of one length, one entry or more, got lengths"):
        dilate(bad, 2)
