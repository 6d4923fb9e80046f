"""Refusals of arguments: what passes, what does not, and what is said."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hw import arguments
from hw.arguments import (
    check_alike,
    check_axis,
    check_callable,
    check_count,
    check_counts,
    check_event,
    check_finite,
    check_floating,
    check_generator,
    check_law,
    check_positive,
)

FEW = settings(max_examples=25, deadline=None)
USUAL = [torch.float16, torch.bfloat16, torch.float32, torch.float64]


def test_each_refusal_is_tested_here():
    assert set(arguments.__all__) <= set(globals())


@FEW
@given(shape=st.lists(st.integers(0, 3), min_size=1, max_size=4), dim=st.integers(-6, 6))
def test_an_axis_is_one_that_indexing_takes(shape, dim):
    values = torch.zeros(shape)
    try:
        values.select(dim, 0) if 0 not in shape else values.size(dim)
    except IndexError:
        with pytest.raises(ValueError, match=r"dim must be an axis of log_w, which has shape \(.*\), got"):
            check_axis("log_w", values, dim)
    else:
        check_axis("log_w", values, dim)


def test_what_is_no_axis_is_refused():
    for bad in (0.0, True, None, "0", (0,)):
        with pytest.raises(ValueError, match=r"dim must be an axis of x, which has shape \(2,\), got"):
            check_axis("x", torch.zeros(2), bad)
    with pytest.raises(ValueError, match=r"dim must be an axis of x, which has shape \(\), got 0"):
        check_axis("x", torch.zeros(()), 0)
    with pytest.raises(ValueError, match="x must be a floating-point tensor, got list"):
        check_axis("x", [1.0], 0)
    check_axis("x", torch.zeros(2), np.int64(0))


def test_callables():
    for good in (len, lambda: 0, torch.nn.Identity(), int):
        check_callable("f", good)
    for bad, name in ((0, "int"), (None, "NoneType"), (torch.zeros(1), "Tensor"), ("f", "str")):
        with pytest.raises(ValueError, match=f"f must be callable, got {name}"):
            check_callable("f", bad)


@FEW
@given(value=st.integers(-5, 5))
def test_counts_are_positive_integers(value):
    for kind in (int, np.int64):
        if value > 0:
            check_count("k", kind(value))
        else:
            with pytest.raises(ValueError, match="k must be a positive integer, got"):
                check_count("k", kind(value))


@pytest.mark.parametrize("bad", [True, False, 1.0, math.nan, "1", None, torch.tensor(1), [1]])
def test_what_is_no_count_is_refused(bad):
    with pytest.raises(ValueError, match="k must be a positive integer, got"):
        check_count("k", bad)


@FEW
@given(shape=st.lists(st.integers(0, 4), max_size=3), features=st.integers(1, 4))
def test_events_have_their_features_last(shape, features):
    if shape and shape[-1] == features:
        check_event("u", torch.zeros(shape), features, torch.float32)
    else:
        with pytest.raises(ValueError, match=rf"u must have shape \(\.\.\., {features}\), got shape \("):
            check_event("u", torch.zeros(shape), features, torch.float32)


def test_what_is_no_event_is_refused():
    for bad, name in (([0.0], "list"), (0.0, "float"), (None, "NoneType"), (np.zeros(1), "ndarray")):
        with pytest.raises(ValueError, match=rf"u must be a tensor of shape \(\.\.\., 1\), got {name}"):
            check_event("u", bad, 1, torch.float32)
    expected = r"u must have the type of the parameters, torch\.float32, got torch\.float64"
    with pytest.raises(ValueError, match=expected):
        check_event("u", torch.zeros(1).double(), 1, torch.float32)


@FEW
@given(values=st.lists(st.sampled_from([0.0, -1e38, math.inf, -math.inf, math.nan]), max_size=5))
def test_finite_entries(values):
    wrong = [value for value in values if not math.isfinite(value)]
    if wrong:
        shown = f"got {wrong[0]} at {len(wrong)} of {len(values)} entries"
        with pytest.raises(ValueError, match=f"t must be finite so that it rains, {shown}"):
            check_finite("t", torch.tensor(values), "it rains")
    else:
        check_finite("t", torch.tensor(values), "it rains")


@pytest.mark.parametrize("dtype", USUAL)
def test_usual_numbers_pass(dtype):
    check_floating("z must be", torch.zeros(2, dtype=dtype))


def test_what_is_no_tensor_of_usual_numbers_is_refused():
    for bad, name in ((1.0, "float"), ([1.0], "list"), (None, "NoneType"), (np.zeros(2), "ndarray")):
        with pytest.raises(ValueError, match=f"f must return a floating-point tensor, got {name}"):
            check_floating("f must return", bad)
    for bad in (
        torch.zeros(2, dtype=torch.int64),
        torch.zeros(2, dtype=torch.bool),
        torch.zeros(2, dtype=torch.complex64),
        torch.zeros(2).to(torch.float8_e4m3fn),
        torch.zeros(2).to_sparse(),
    ):
        expected = f"z must be a floating-point tensor, strided and of 16, 32 or 64 bits, got dtype {bad.dtype}, layout"
        with pytest.raises(ValueError, match=expected):
            check_floating("z must be", bad)


def test_generators():
    check_generator(torch.Generator())
    check_generator(torch.default_generator)
    for bad, name in ((None, "NoneType"), (0, "int"), (np.random.default_rng(0), "Generator"), (torch, "module")):
        with pytest.raises(ValueError, match=rf"generator must be a torch\.Generator, got {name}"):
            check_generator(bad)


@FEW
@given(value=st.floats() | st.integers(-5, 5))
def test_positive_numbers(value):
    if 0 < value < math.inf:
        check_positive("rate", value)
    else:
        with pytest.raises(ValueError, match="rate must be a positive number, got"):
            check_positive("rate", value)


@pytest.mark.parametrize("bad", [True, "0.1", None, 1j, torch.tensor(0.1), [0.1]])
def test_what_is_no_positive_number_is_refused(bad):
    with pytest.raises(ValueError, match="rate must be a positive number, got"):
        check_positive("rate", bad)


@pytest.mark.parametrize("values", [[], [1], (3, 2), range(1, 3)])
def test_counts_are_a_sequence_of_counts(values):
    check_counts("hidden_features", values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (4, "hidden_features must be a sequence of positive integers, got 4"),
        (None, "hidden_features must be a sequence of positive integers, got None"),
        ([2, 0], "each of hidden_features must be a positive integer, got 0"),
        ([2.0], r"each of hidden_features must be a positive integer, got 2\.0"),
    ],
)
def test_what_is_no_sequence_of_counts_is_refused(values, message):
    with pytest.raises(ValueError, match=message):
        check_counts("hidden_features", values)


def test_tensors_alike_have_one_shape_and_one_type():
    check_alike(p=torch.zeros(2, 3), q=torch.ones(2, 3), d=torch.ones(2, 3))
    check_alike(p=torch.zeros(2))
    with pytest.raises(ValueError, match=r"^d must have the shape of p, \(2, 3\), got \(3,\)$"):
        check_alike(p=torch.zeros(2, 3), q=torch.ones(2, 3), d=torch.ones(3))
    with pytest.raises(ValueError, match=r"^q must have the type of p, torch.float32, got torch.float64$"):
        check_alike(p=torch.zeros(2), q=torch.zeros(2).double())


def test_a_law_has_masses_that_sum_to_one():
    check_law("p", torch.tensor([[0.5, 0.5], [1.0, 0.0]]))
    check_law("p", torch.full((10,), 0.1, dtype=torch.bfloat16))  # which is 1.001 in all
    with pytest.raises(ValueError, match=r"^p must sum to one along its last axis, got a sum of 1\.125$"):
        check_law("p", torch.tensor([0.5, 0.625]))
    with pytest.raises(ValueError, match=r"^p must be nonnegative, got -0\.5$"):
        check_law("p", torch.tensor([1.5, -0.5]))
    with pytest.raises(ValueError, match=r"^p must be nonnegative, got nan$"):
        check_law("p", torch.tensor([1.0, torch.nan]))
    with pytest.raises(ValueError, match=r"^p must sum to one along its last axis, got a sum of 0\.0$"):
        check_law("p", torch.zeros(3, 0))
    with pytest.raises(ValueError, match=r"^p must have a last axis, along which the law lies, got shape \(\)$"):
        check_law("p", torch.tensor(1.0))


def test_what_is_not_strided_is_refused():
    sparse = torch.ones(2).to_sparse()
    with pytest.raises(ValueError, match=r"^u must be strided, got layout torch.sparse_coo"):
        check_event("u", sparse, 2, torch.float32)
    with pytest.raises(ValueError, match=r"^shift must be strided, got layout torch.sparse_coo"):
        check_finite("shift", sparse, "the map can be inverted")
    with pytest.raises(ValueError, match=r"^p must be a floating-point tensor, strided .* layout torch.sparse_coo"):
        check_law("p", sparse / 2)


def test_no_law_is_of_whole_numbers_and_nothing_is_not_alike():
    with pytest.raises(ValueError, match=r"^p must be a floating-point tensor, .* got dtype torch.int64"):
        check_law("p", torch.tensor([0, 1]))
    with pytest.raises(ValueError, match=r"^tensors must be one or more, got none"):
        check_alike()
