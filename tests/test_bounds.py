import math
from decimal import Decimal, localcontext

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hw.bounds.weights import elbo, iwlb, kl_gap

INF, NAN = math.inf, math.nan
BOUNDS = [elbo, iwlb, kl_gap]
FEW = settings(deadline=None, max_examples=20)
FINITE = st.lists(st.floats(-1e4, 1e4), min_size=1, max_size=8)
ANY = st.lists(st.one_of(st.floats(-50, 50), st.just(-INF)), min_size=1, max_size=8)


def float64(row):
    return torch.tensor(row, dtype=torch.float64)


def log_mean_weight(row):
    """Log of the mean weight in 60 decimal digits, with no shift at all."""
    with localcontext() as context:
        context.prec, context.Emin, context.Emax = 60, -(10**9), 10**9
        total = sum(Decimal(x).exp() for x in row if x > -INF)
        return float((total / len(row)).ln()) if total else -INF


def exact_gap(row):
    with localcontext() as context:
        context.prec, context.Emin, context.Emax = 60, -(10**9), 10**9
        mean = sum(map(Decimal, row)) / len(row)
        return float((sum((Decimal(x) - mean).exp() for x in row) / len(row)).ln())


def value_and_gradient(bound, row, dtype=torch.float64):
    log_w = torch.tensor(row, dtype=dtype, requires_grad=True)
    value = bound(log_w, 0)
    return value.item(), torch.autograd.grad(value, log_w)[0].tolist()


@FEW
@given(row=FINITE)
def test_iwlb_is_the_log_of_the_mean_weight(row):
    assert iwlb(float64(row), 0).item() == pytest.approx(log_mean_weight(row), rel=1e-12, abs=1e-14)


def test_the_mean_of_the_logs_is_not_the_log_of_the_mean():
    row = [math.log(0.1), math.log(0.9)]
    assert iwlb(float64(row), 0).item() == pytest.approx(math.log(0.5), rel=1e-12)
    assert elbo(float64(row), 0).item() == pytest.approx(math.log(0.3), rel=1e-12)
    assert kl_gap(float64(row), 0).item() == pytest.approx(math.log(0.5 / 0.3), rel=1e-12)


@pytest.mark.parametrize("size", [-1e4, 1e4])
def test_the_mean_of_the_weights_leaves_the_range_of_numbers_and_the_bound_does_not(size):
    row = float64([size, size + 1])
    assert row.exp().mean().log().isinf()
    assert iwlb(row, 0).item() == pytest.approx(size + math.log((1 + math.e) / 2), rel=1e-12)


@FEW
@given(row=ANY)
def test_gradient_of_iwlb_is_the_normalized_weights(row):
    _, gradient = value_and_gradient(iwlb, row)
    top = max(row)
    weights = [math.exp(x - top) if top > -INF else 0.0 for x in row]
    total = math.fsum(weights) or 1.0
    assert gradient == pytest.approx([w / total for w in weights], rel=1e-12, abs=0)
    assert sum(gradient) == pytest.approx(float(top > -INF), rel=1e-12)
    assert all(g == 0 for g, x in zip(gradient, row, strict=True) if x == -INF)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    ("row", "value", "gradient"),
    [
        ([-INF, -INF], -INF, [0, 0]),
        ([-INF], -INF, [0]),
        ([INF], INF, [1]),
        ([INF, 5], INF, [1, 0]),
        ([5, INF, INF, -INF], INF, [0, 0.5, 0.5, 0]),
        ([-INF, 7, 7], 7 + math.log(2 / 3), [0, 0.5, 0.5]),
        ([-1e4, -1e4, -1e4, -1e4], -1e4, [0.25] * 4),
        ([1e4, -1e4], 1e4 - math.log(2), [1, 0]),
        ([1e38, -1e38], 1e38, [1, 0]),
        ([3e38, -3e38], 3e38, [1, 0]),
        ([-3e38, -3e38], -3e38, [0.5, 0.5]),
        ([NAN, 1], NAN, [NAN, NAN]),
        ([NAN, -INF], NAN, [NAN, NAN]),
        ([NAN, INF], NAN, [NAN, NAN]),
    ],
)
def test_corners_of_iwlb(row, value, gradient, dtype):
    found, slope = value_and_gradient(iwlb, row, dtype)
    assert found == pytest.approx(value, rel=1e-6, nan_ok=True)
    assert slope == pytest.approx(gradient, rel=1e-6, nan_ok=True)


@pytest.mark.parametrize("row", [[1e308, -1e308], [1.7e308, -1.7e308, 1.7e308]])
def test_float64_to_the_ends_of_its_range(row):
    value, gradient = value_and_gradient(iwlb, row)
    assert value == max(row)
    assert gradient == [float(x > 0) / row.count(max(row)) for x in row]
    assert elbo(float64(row), 0).item() == pytest.approx(math.fsum(x / len(row) for x in row), rel=1e-12)
    assert kl_gap(float64(row), 0).item() == pytest.approx(max(row) - math.fsum(x / len(row) for x in row), rel=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_elbo_of_the_largest_numbers_is_one_of_them(dtype):
    most = torch.finfo(dtype).max
    for k in range(1, 60):
        row = torch.full((2, k), most, dtype=dtype)
        row[1] = 0.1  # another row does not change
        row.requires_grad_()
        value = elbo(row, 1)
        assert value[0] == most
        assert value[1] == elbo(row.detach()[1], 0)
        torch.testing.assert_close(torch.autograd.grad(value.sum(), row)[0], torch.full_like(row, 1 / k))


def test_the_largest_number_shares_the_gradient_of_an_infinite_weight():
    assert value_and_gradient(iwlb, [INF, 1.7976931348623157e308, 1e308])[1] == [0.5, 0.5, 0]
    assert kl_gap(float64([-1.7e308, 1.7e308, 1.7e308]) * 1.0, 0).isfinite()
    assert kl_gap(float64([-1.7e308] * 9 + [1.7e308]), 0).item() == INF


def test_torch_func_grad_serves():
    log_w = float64([0.3, -1.0, 2.0])
    for bound in BOUNDS:
        (expected,) = torch.autograd.grad(bound(leaf := log_w.clone().requires_grad_(), 0), leaf)
        torch.testing.assert_close(torch.func.grad(bound)(log_w, 0), expected)


@pytest.mark.parametrize("row", [[-INF, -INF], [INF, 5.0]])
def test_the_gradient_of_logsumexp_is_nan_where_ours_is_a_number(row):
    _, gradient = value_and_gradient(lambda log_w, dim: log_w.logsumexp(dim), row)
    assert any(map(math.isnan, gradient))
    assert not any(map(math.isnan, value_and_gradient(iwlb, row)[1]))


@pytest.mark.parametrize(
    ("row", "mean"),
    [([-INF, 1], -INF), ([INF, 1], INF), ([INF, -INF], NAN), ([NAN, 1], NAN), ([3e38] * 3, 3e38)],
)
def test_corners_of_elbo(row, mean):
    value, gradient = value_and_gradient(elbo, row, torch.float32)
    assert value == pytest.approx(mean, rel=1e-6, nan_ok=True)
    assert gradient == pytest.approx([1 / len(row)] * len(row), rel=1e-6)


@pytest.mark.parametrize(
    ("row", "gap", "gradient"),
    [
        ([4], 0, [0]),
        ([-INF], 0, [0]),
        ([-1e4] * 3, 0, [0] * 3),
        ([-INF] * 2, 0, [0] * 2),
        ([INF] * 2, 0, [0] * 2),
        ([-INF, 1], INF, [-0.5, 0.5]),
        ([INF, 1], INF, [0, 0]),
        ([INF, -INF], INF, [0, 0]),
        ([NAN, 1], NAN, [NAN, NAN]),
        ([1e38, -1e38], 1e38, [0.5, -0.5]),
    ],
)
def test_corners_of_kl_gap(row, gap, gradient):
    found, slope = value_and_gradient(kl_gap, row)
    assert found == pytest.approx(gap, rel=1e-12, nan_ok=True)
    assert slope == pytest.approx(gradient, rel=1e-12, nan_ok=True)


@FEW
@given(row=FINITE)
def test_kl_gap_keeps_its_digits(row):
    gap = kl_gap(float64(row), 0).item()
    assert gap >= 0
    assert gap == pytest.approx(exact_gap(row), rel=1e-11, abs=1e-40)
    assert iwlb(float64(row), 0).item() - elbo(float64(row), 0).item() == pytest.approx(gap, rel=1e-9, abs=1e-10)


@pytest.mark.parametrize("spread", [1e-9, 1e-6, 1e-3, 0.3, 0.6, 10.0, 25.0, 35.0, 200.0])
@pytest.mark.parametrize("offset", [0.0, 64.0])
def test_kl_gap_of_weights_that_hardly_differ(spread, offset):
    row = [offset + spread * x for x in (-1.0, -0.25, 0.0, 0.5, 1.0)]
    assert kl_gap(float64(row), 0).item() == pytest.approx(exact_gap(row), rel=1e-11, abs=0)


def test_the_difference_of_the_bounds_loses_the_gap_of_weights_that_hardly_differ():
    row = float64([1 - 1e-9, 1.0, 1 + 1e-9])
    assert kl_gap(row, 0).item() == pytest.approx(row.var(correction=0).item() / 2, rel=1e-6, abs=0)
    assert (iwlb(row, 0) - elbo(row, 0)).item() != pytest.approx(kl_gap(row, 0).item(), rel=0.5, abs=0)


@pytest.mark.parametrize("rare", [3.0, 12.0, 28.0])
def test_kl_gap_of_one_heavy_weight_among_many(rare):
    row = float64([rare] + [0.0] * 99_999)
    expected = math.log1p(math.expm1(rare) / 1e5) - rare / 1e5
    assert kl_gap(row, 0).item() == pytest.approx(expected, rel=1e-10, abs=0)


@FEW
@given(row=FINITE, seed=st.integers(0, 2**32))
def test_order_does_not_matter(row, seed):
    order = torch.randperm(len(row), generator=torch.Generator().manual_seed(seed))
    for bound in BOUNDS:
        torch.testing.assert_close(bound(float64(row)[order], 0), bound(float64(row), 0), rtol=1e-12, atol=1e-11)


@FEW
@given(row=FINITE, shift=st.floats(-100, 100))
def test_a_factor_of_all_weights_moves_the_bounds_and_not_the_gap(row, shift):
    log_w = float64(row)
    for bound, moved in [(elbo, shift), (iwlb, shift), (kl_gap, 0.0)]:
        expected = bound(log_w, 0) + moved
        torch.testing.assert_close(bound(log_w + shift, 0), expected, rtol=1e-12, atol=1e-10)


@FEW
@given(row=FINITE, more=st.floats(0, 100))
def test_bounds_lie_between_mean_and_maximum_and_grow_with_each_weight(row, more):
    log_w, larger = float64(row), float64([row[0] + more, *row[1:]])
    assert elbo(log_w, 0) - 1e-11 <= iwlb(log_w, 0) <= log_w.max()
    assert iwlb(log_w, 0) <= iwlb(larger, 0) + 1e-11
    assert elbo(log_w, 0) <= elbo(larger, 0) + 1e-11


@pytest.mark.parametrize("value", [0.3, -1e4, 1e4, -INF, INF])
def test_one_draw_is_its_log_weight(value):
    row = float64([value])
    assert iwlb(row, 0).item() == elbo(row, 0).item() == value
    assert kl_gap(row, 0).item() == 0


@pytest.mark.parametrize("dim", [0, 1, 2, -1, -3])
@pytest.mark.parametrize("bound", BOUNDS)
def test_any_axis_of_any_layout(bound, dim):
    rng = torch.Generator().manual_seed(0)
    log_w = 30 * torch.randn(3, 4, 5, dtype=torch.float64, generator=rng)
    rows = log_w.movedim(dim, -1).reshape(-1, log_w.shape[dim])
    expected = torch.stack([bound(row, 0) for row in rows])
    torch.testing.assert_close(bound(log_w, dim).flatten(), expected, rtol=1e-12, atol=1e-12)
    strided = log_w.repeat_interleave(2, 0)[::2].transpose(0, 2).contiguous().transpose(0, 2)
    torch.testing.assert_close(bound(strided, dim), bound(log_w, dim), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("bound", BOUNDS)
def test_an_empty_batch_has_no_bounds(bound):
    assert bound(torch.zeros(0, 5), 1).shape == (0,)
    assert bound(torch.zeros(5, 0), 0).shape == (0,)


@pytest.mark.parametrize("std", [1.0, 30.0, 1000.0])
def test_many_draws_in_float32(std):
    log_w = std * torch.randn(100_000, 2, generator=torch.Generator().manual_seed(0))
    log_w[::7] = -INF
    log_w.requires_grad_()
    value = iwlb(log_w, 0)
    (gradient,) = torch.autograd.grad(value.sum(), log_w)
    torch.testing.assert_close(value.double(), log_w.double().logsumexp(0) - math.log(100_000), rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(gradient.double(), log_w.double().softmax(0), rtol=1e-5, atol=1e-36)
    assert (gradient[::7] == 0).all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("bound", BOUNDS)
def test_half_precision_is_accumulated_in_float32(bound, dtype):
    log_w = torch.tensor([-500, -501, -502, -508], dtype=dtype, requires_grad=True)
    value = bound(log_w, 0)
    assert value.dtype == torch.float32
    torch.testing.assert_close(value.double(), bound(log_w.detach().double(), 0), rtol=1e-6, atol=0)
    assert torch.autograd.grad(value, log_w)[0].dtype == dtype
    # In half precision itself the value is off by a part of a nat.
    direct = log_w.detach().logsumexp(0).item() - math.log(4)
    assert abs(direct - iwlb(log_w.detach().double(), 0).item()) > 0.02


@pytest.mark.parametrize("dim", [0, 1])
@pytest.mark.parametrize("bound", BOUNDS)
def test_first_and_second_derivatives(bound, dim):
    rng = torch.Generator().manual_seed(0)
    log_w = torch.randn(3, 4, dtype=torch.float64, generator=rng)
    log_w[1, 2] = 40.0
    log_w.requires_grad_()
    assert torch.autograd.gradcheck(lambda log_w: bound(log_w, dim), log_w)
    assert torch.autograd.gradgradcheck(lambda log_w: bound(log_w, dim), log_w)


@pytest.mark.parametrize("row", [[-INF, -INF], [INF, 1.0], [INF, INF], [-INF, 1.0, 2.0]])
@pytest.mark.parametrize("bound", [iwlb, kl_gap])
def test_second_derivatives_in_the_corners_are_numbers(bound, row):
    log_w = float64(row).requires_grad_()
    (gradient,) = torch.autograd.grad(bound(log_w, 0), log_w, create_graph=True)
    (second,) = torch.autograd.grad(gradient.square().sum() + 0 * log_w.nan_to_num().sum(), log_w)
    assert second.isfinite().all()


@pytest.mark.parametrize("bound", BOUNDS)
def test_refusals(bound):
    for bad in (
        torch.zeros(3, dtype=torch.int64),
        torch.zeros(3, dtype=torch.complex64),
        torch.zeros(3).to(torch.float8_e4m3fn),
        torch.zeros(3).to_sparse(),
        [1.0, 2.0],
    ):
        with pytest.raises(ValueError, match=r"log_w must be a floating-point tensor, (got|strided and of 16)"):
            bound(bad, 0)
    for log_w, dim in [(torch.zeros(3), 1), (torch.zeros(3), -2), (torch.zeros(()), 0), (torch.zeros(3), True)]:
        with pytest.raises(ValueError, match=r"dim must be an axis of log_w, which has shape .*, got"):
            bound(log_w, dim)
    with pytest.raises(ValueError, match="dim must be an axis of log_w"):
        bound(torch.zeros(3), 0.0)
    with pytest.raises(ValueError, match=r"log_w must have at least one draw on axis 1, got shape \(2, 0\)"):
        bound(torch.zeros(2, 0), 1)
    with pytest.raises(TypeError, match="dim"):
        bound(torch.zeros(3))
