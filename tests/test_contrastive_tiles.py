import itertools
import math
from contextlib import contextmanager
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode

from contrastive_cases import LOSSES, dense, error, float64, generator, value_and_gradient, views
from hw.contrastive import alignment, info_nce, nt_xent, uniformity
from hw.contrastive.directions import directions
from hw.contrastive.log_sums import contrast
from hw.contrastive.losses import points_of
from hw.contrastive.pairs import Pairs, row_tiles, spans, tile_length
from hw.contrastive.tiles import log_sums, pull
from oracles import contrast_by_loops

INF, NAN = math.inf, math.nan
FEW = settings(deadline=None, max_examples=40)
BOTH = pytest.mark.parametrize("loss", LOSSES)
KINDS = st.sampled_from([{}, {"crossed": True}, {"positives_in": True}])


@contextmanager
def tiles_of(length):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hw.contrastive.pairs.TILE", length)
        yield


@contextmanager
def processes():
    """Groups are pairs of a rank and a size."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("torch.distributed.get_rank", lambda group: group[0])
        patch.setattr("torch.distributed.get_world_size", lambda group: group[1])
        yield


# Directions


def test_directions_of_every_length():
    z = float64([[3, 4], [-3e300, 4e300], [3e-320, 0], [0, 0], [1.7e308, 1.7e308], [0, -5e-324]])
    half = math.sqrt(0.5)
    expected = float64([[0.6, 0.8], [-0.6, 0.8], [1, 0], [0, 0], [half, half], [0, -1]])
    for length in (1.0, 10.0, 1e-3):
        torch.testing.assert_close(directions(z, length), length * expected, rtol=1e-15, atol=0)
    small = torch.tensor([[3e38, -3e38], [1e-45, 0], [0, 0]])
    torch.testing.assert_close(directions(small), torch.tensor([[half, -half], [1, 0], [0, 0]]), rtol=1e-7, atol=0)
    assert directions(float64([[NAN, 1], [INF, 1], [-INF, INF], [1, 0]])).isnan().sum(1).tolist() == [2, 2, 2, 0]


def test_derivatives_of_directions():
    z = views(5, 3)[0].requires_grad_()
    function = partial(directions, length=2.0)
    assert torch.autograd.gradcheck(function, z)
    assert torch.autograd.gradgradcheck(function, z)
    third = partial(slope, slope(directions))
    formula = partial(slope, slope(lambda z: z / z.norm(dim=1, keepdim=True)))
    torch.testing.assert_close(third(z), formula(z), rtol=1e-12, atol=1e-14)
    assert not torch.isclose(third(z), 1.1 * formula(z), rtol=1e-3, atol=0).any()


def slope(function, z=None):
    """The gradient of the sum of cubes, as a function or at a point."""
    if z is None:
        return partial(slope, function)
    return torch.autograd.grad((function(z) ** 3).sum(), z, create_graph=True)[0]


def test_the_gradient_of_a_zero_vector_is_zero_in_both_orders():
    z = float64([[0, 0], [3, 4]]).requires_grad_()
    weights = float64([[1, 2], [3, 4]]).requires_grad_()
    (first,) = torch.autograd.grad(directions(z, 5.0), z, weights, create_graph=True)
    torch.testing.assert_close(first, float64([[0, 0], [0, 0]]))
    (first,) = torch.autograd.grad(directions(z, 5.0), z, weights.flip(1), create_graph=True)
    torch.testing.assert_close(first, float64([[0, 0], [0.64 * 4 - 0.48 * 3, 0.36 * 3 - 0.48 * 4]]))
    second = torch.autograd.grad(first.square().sum(), (z, weights))
    assert all((x[0] == 0).all() and (x[1] != 0).all() for x in second)


@pytest.mark.parametrize("tile", [1, 3, 512])
def test_directions_in_any_tiles(tile):
    z = views(7, 3)[0]
    expected = value_and_gradient(lambda z: directions(z, 3.0)[:, 0].sum(), z)
    with tiles_of(tile):
        found = value_and_gradient(lambda z: directions(z, 3.0)[:, 0].sum(), z)
    assert all(map(torch.equal, found, expected))


# Pairs


def asked_for(count, crossed=False, positives_in=False):
    """Which pairs a kind of loss compares."""
    half, number = count // 2, torch.arange(count)
    wanted = number[:, None] != number
    if crossed:
        wanted &= (number[:, None] < half) != (number < half)
    if not positives_in:
        wanted &= number.roll(half)[:, None] != number
    return wanted


@FEW
@given(kind=KINDS, each=st.integers(1, 6), size=st.integers(1, 4), tile=st.integers(1, 7))
def test_every_pair_with_an_own_point_is_covered_once(kind, each, size, tile):
    count = 2 * each * size
    for rank in range(size):
        with processes():
            pairs = Pairs(count, 1.0, group=(rank, size), **kind)
            covered = torch.zeros(count, count, dtype=torch.int64)
            for rows, columns, mirrored in pairs.tiles(tile):
                assert 0 < len(rows) <= tile
                assert 0 < len(columns) <= tile
                covered[rows.start : rows.stop, columns.start : columns.stop] += 1
                if mirrored:
                    covered[columns.start : columns.stop, rows.start : rows.stop] += 1
            own = torch.zeros(count, dtype=torch.bool)
            for numbers in pairs.own:
                own[numbers.start : numbers.stop] = True
            assert own.sum() == 2 * each
            allowed = torch.zeros(count, count, dtype=torch.bool)
            for rows, columns in pairs.rectangles:
                allowed[rows.start : rows.stop, columns.start : columns.stop] = True
            left_out = torch.zeros_like(allowed)
            for row, column, length in pairs.omitted:
                left_out[row : row + length, column : column + length].fill_diagonal_(True)
        assert torch.equal(allowed & ~left_out, asked_for(count, **kind))
        assert (covered[own] == allowed[own]).all()  # each pair's row that is an own one
        assert covered.max() <= 1


def test_mirrored_tiles_are_half_of_all():
    tiles = list(Pairs(64, 1.0).tiles(4))
    assert len(tiles) == 16 * 17 // 2
    assert sum(1 + mirrored for _, _, mirrored in tiles) == 16 * 16


def test_lengths_of_tiles():
    z = torch.zeros(1030, 2)
    assert tile_length(z) == 512
    assert tile_length(z.to("meta")) == 4096
    assert [(rows.start, rows.stop) for rows in row_tiles(z)] == [(0, 512), (512, 1024), (1024, 1030)]
    assert spans(range(5, 5), 3) == []


def matrix_log_sums(points, wanted):
    return (points @ points.T).masked_fill(~wanted, -INF).logsumexp(1)


@FEW
@given(
    kind=KINDS,
    each=st.integers(1, 4),
    size=st.integers(1, 3),
    tile=st.sampled_from([1, 2, 3, 512]),
    temperature=st.sampled_from([1.0, 0.1, 2e-3, 1e-3, 2e-4]),
    seed=st.integers(0, 99),
)
def test_parts_of_several_processes_are_those_of_the_matrix(kind, each, size, tile, temperature, seed):
    count = 2 * each * size
    z = torch.cat(views(each * size, 3, seed))
    points = points_of(z, 1 / temperature, temperature**-0.5).requires_grad_()
    weights = torch.linspace(-1, 2, count, dtype=torch.float64)
    expected = matrix_log_sums(points, asked_for(count, **kind))
    summed = torch.where(expected.isfinite(), weights * expected, 0).sum()
    (gradient,) = torch.autograd.grad(summed, points)
    gradient = gradient.nan_to_num()  # of rows without pairs
    points = points.detach()
    for rank in range(size):
        with processes(), tiles_of(tile):
            pairs = Pairs(count, 1 / temperature, group=(rank, size), **kind)
            found = log_sums(points, pairs)
            pulled = pull(points, expected.detach(), weights, pairs)
            own = torch.cat([torch.arange(numbers.start, numbers.stop) for numbers in pairs.own])
        tolerance = 1e-12 + 8 * torch.finfo(torch.float64).eps / temperature
        torch.testing.assert_close(found[own], expected.detach()[own], rtol=tolerance, atol=tolerance)
        largest = gradient.abs().max()
        assert (pulled[own] - gradient[own]).abs().max() <= 4 * tolerance * largest + 1e-300


@BOTH
@pytest.mark.parametrize("tile", [3, 512])
@pytest.mark.parametrize("temperature", [0.02, 0.0143, 0.0125, 0.01, 5e-3, 2e-3])
def test_rows_that_are_done_again_in_float32(loss, tile, temperature):
    """Some rows have a near neighbor, so that their sums are large, and others only far ones."""
    z_a, z_b = views(12, 24)
    z_b[:4] = z_a[4:8] + 0.05 * z_b[:4]
    z_a, z_b = z_a.float(), z_b.float()
    value, gradient = contrast_by_loops(z_a.tolist(), z_b.tolist(), temperature, LOSSES[loss])
    with tiles_of(tile):
        found, slope = value_and_gradient(partial(loss, temperature=temperature), z_a, z_b)
    assert found.item() == pytest.approx(value, rel=3e-7)
    assert error(slope, float64(gradient).flatten()) <= 4e-7 / temperature


def test_rows_near_the_bound_are_as_exact_as_others():
    """Two clusters at every distance: their logits pass through all sizes that exponents are held at."""
    for temperature, angle in itertools.product(
        (1e-3, 1.5e-3, 1.7e-3, 2e-3), torch.linspace(0.9, math.pi, 12).tolist()
    ):
        turned = float64([math.cos(angle), math.sin(angle)])
        z_a = torch.stack((float64([1, 0]), turned))
        z_b = torch.stack((turned, float64([1, 0])))  # no negative is near
        value, gradient = contrast_by_loops(z_a.tolist(), z_b.tolist(), temperature, True)
        found, slope = value_and_gradient(partial(info_nce, temperature=temperature), z_a, z_b)
        assert found.item() == pytest.approx(value, rel=1e-12)
        z_b = z_b.flip(0)  # positives are near, all negatives far
        value, gradient = contrast_by_loops(z_a.tolist(), z_b.tolist(), temperature, True)
        found, slope = value_and_gradient(partial(info_nce, temperature=temperature), z_a, z_b)
        assert found.item() == pytest.approx(value, rel=1e-11, abs=1e-305)
        assert error(slope, float64(gradient).flatten()) <= 1e-9 or abs(value) < 1e-290


# What is kept, and how large it is


class Sizes(TorchDispatchMode):
    """The most entries that a result of any operation has."""

    def __init__(self):
        super().__init__()
        self.largest = 0

    def __torch_dispatch__(self, function, types, arguments=(), keywords=None):
        result = function(*arguments, **(keywords or {}))
        for tensor in result if isinstance(result, (tuple, list)) else [result]:
            if isinstance(tensor, torch.Tensor):
                self.largest = max(self.largest, tensor.numel())
        return result


@pytest.mark.parametrize("function", [*LOSSES, uniformity])
def test_no_matrix_of_all_pairs_is_kept_or_formed(function):
    n, d, tile = 48, 3, 8
    z_a, z_b = (z.requires_grad_() for z in views(n, d))
    leaves, count = ((z_a,), n) if function is uniformity else ((z_a, z_b), 2 * n)
    most, kept = count * d, []

    def keep(tensor):
        kept.append(tensor.numel())
        return tensor

    with tiles_of(tile):
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda x: x), Sizes() as sizes:
            value = function(*leaves, *([0.5] if function in LOSSES else []))
            slopes = torch.autograd.grad(value, leaves, create_graph=True)
        assert max(kept) <= most
        assert sizes.largest <= most
        with Sizes() as sizes:
            torch.autograd.grad(sum(x.square().sum() for x in slopes), leaves)
        assert sizes.largest >= count**2  # a second derivative does form it, and is seen to
    if function in LOSSES:
        kept.clear()
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda x: x):
            dense(z_a, z_b, 0.5, LOSSES[function])
        assert max(kept) >= count**2


# Autograd


@BOTH
def test_torch_func_agrees(loss):
    z_a, z_b = views(5, 3)
    for order in ((0, 1), 0, 1):
        places = (order,) if isinstance(order, int) else order
        found = torch.func.grad(partial(loss, temperature=0.3), order)(z_a, z_b)
        found = (found,) if isinstance(order, int) else found
        truth = torch.func.grad(partial(dense, temperature=0.3, crossed=LOSSES[loss]), (0, 1))(z_a, z_b)
        for place, one in zip(places, found, strict=True):
            torch.testing.assert_close(one, truth[place], rtol=1e-11, atol=1e-15)
    value, slope = torch.func.grad_and_value(loss, 2)(z_a, z_b, float64(0.3))[::-1]
    torch.testing.assert_close(value, loss(z_a, z_b, 0.3), rtol=1e-13, atol=0)
    h = 1e-5
    torch.testing.assert_close(slope, (loss(z_a, z_b, 0.3 + h) - loss(z_a, z_b, 0.3 - h)) / (2 * h), rtol=1e-8, atol=0)
    twice = torch.func.grad(lambda z: torch.func.grad(partial(loss, temperature=0.3))(z, z_b).square().sum())(z_a)
    formula = partial(dense, temperature=0.3, crossed=LOSSES[loss])
    expected = torch.func.grad(lambda z: torch.func.grad(formula)(z, z_b).square().sum())(z_a)
    torch.testing.assert_close(twice, expected, rtol=1e-10, atol=1e-14)


@BOTH
def test_backward_in_every_form(loss):
    z_a, z_b = (z.requires_grad_() for z in views(5, 3))
    before = [z.detach().clone() for z in (z_a, z_b)]
    value = loss(z_a, z_b, 0.3)
    both = torch.autograd.grad(value, (z_a, z_b), retain_graph=True)
    for leaves, expected in (((z_a, z_b), both), ((z_a,), both[:1]), ((z_b,), both[1:])):
        for _ in range(2):
            found = torch.autograd.grad(value, leaves, retain_graph=True)
            assert all(map(torch.equal, found, expected))
    tripled = torch.autograd.grad(3 * value, (z_a, z_b), retain_graph=True)
    torch.testing.assert_close(tripled, tuple(3 * x for x in both), rtol=1e-13, atol=1e-16)
    zeros = torch.autograd.grad(value, (z_a, z_b), torch.zeros_like(value), retain_graph=True)
    assert all((x == 0).all() for x in zeros)
    value.backward()
    assert torch.equal(z_a.grad, both[0])
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        value.backward()
    assert all(torch.equal(z, was) for z, was in zip((z_a, z_b), before, strict=True))


@BOTH
def test_one_input_without_a_gradient(loss):
    z_a, z_b = views(5, 3)
    truth = value_and_gradient(partial(loss, temperature=0.3), z_a, z_b)[1].view(2, 5, 3)
    for place in (0, 1):
        batch = [z_a.clone(), z_b.clone()]
        batch[place].requires_grad_()
        (found,) = torch.autograd.grad(loss(*batch, 0.3), batch[place])
        assert torch.equal(found, truth[place])
    temperature = float64(0.3).requires_grad_()
    (of_temperature,) = torch.autograd.grad(loss(z_a, z_b, temperature), temperature)
    (truth,) = torch.autograd.grad(dense(z_a, z_b, temperature, LOSSES[loss]), temperature)
    torch.testing.assert_close(of_temperature, truth, rtol=1e-11, atol=0)
    assert not loss(z_a, z_b, 0.3).requires_grad
    one = z_a.clone().requires_grad_()  # the same tensor as both views
    (found,) = torch.autograd.grad(loss(one, one, 0.3), one)
    (truth,) = torch.autograd.grad(dense(one, one, 0.3, LOSSES[loss]), one)
    torch.testing.assert_close(found, truth, rtol=1e-11, atol=1e-15)


@pytest.mark.parametrize("positives_in", [False, True])
def test_either_number_alone_can_be_differentiated(positives_in):
    """Weights of one of the two results that are None reach backward as zeros."""
    points = directions(torch.cat(views(3, 2)), 1.5).requires_grad_()
    pairs = Pairs(6, 2.25, positives_in=positives_in)
    sums = matrix_log_sums(points, asked_for(6, positives_in=positives_in))
    expected = sums, torch.zeros(0) if positives_in else (points * points.roll(3, 0)).sum(1)
    for place in range(1 if positives_in else 2):
        found = contrast(points, pairs)[place]
        torch.testing.assert_close(found, expected[place], rtol=1e-12, atol=1e-14)
        weights = torch.linspace(1, 2, 6, dtype=torch.float64)
        slopes = [torch.autograd.grad(x @ weights, points, create_graph=True)[0] for x in (found, expected[place])]
        torch.testing.assert_close(*slopes, rtol=1e-12, atol=1e-14)
        seconds = [torch.autograd.grad((x**3).sum(), points, retain_graph=True)[0] for x in slopes]
        torch.testing.assert_close(*seconds, rtol=1e-11, atol=1e-13)
    assert torch.autograd.gradcheck(lambda x: contrast(x, pairs), points)
    assert torch.autograd.gradgradcheck(lambda x: contrast(x, pairs), points)


@pytest.mark.parametrize("function", [partial(nt_xent, temperature=0.3), partial(info_nce, temperature=0.3), alignment])
def test_other_strides(function):
    z_a, z_b = views(6, 4)
    truth = value_and_gradient(function, z_a, z_b)
    spread = torch.full((6, 8), NAN, dtype=torch.float64)
    spread[:, ::2] = z_b
    for first, second in ((z_a.T.contiguous().T, spread[:, ::2]), (z_a.flip(0).flip(0), spread.clone()[:, ::2])):
        leaves = first.requires_grad_(), second.detach().requires_grad_()
        value = function(*leaves)
        slopes = torch.cat(torch.autograd.grad(value, leaves)).flatten()
        torch.testing.assert_close((value.detach(), slopes), truth, rtol=1e-12, atol=1e-16)
    row = z_a[:1].clone().requires_grad_()
    copies = row.detach().repeat(6, 1).requires_grad_()
    value = function(row.expand(6, 4), z_b)
    same = function(copies, z_b)
    torch.testing.assert_close(value, same, rtol=1e-13, atol=0)
    (of_row,), (of_copies,) = torch.autograd.grad(value, row), torch.autograd.grad(same, copies)
    torch.testing.assert_close(of_row, of_copies.sum(0, keepdim=True), rtol=1e-11, atol=1e-15)


def test_uniformity_of_other_strides():
    z = views(6, 4)[0]
    truth = value_and_gradient(uniformity, z)
    torch.testing.assert_close(value_and_gradient(uniformity, z.T.contiguous().T), truth, rtol=1e-12, atol=1e-16)
    assert uniformity(z[:1].expand(6, 4)).item() == pytest.approx(0, abs=1e-14)


@BOTH
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_autocast_changes_nothing(loss, dtype):
    z_a, z_b = (z.to(dtype).requires_grad_() for z in views(8, 16))

    def results():
        value = loss(z_a, z_b, 0.1)
        slopes = torch.autograd.grad(value, (z_a, z_b), create_graph=True)
        seconds = torch.autograd.grad(sum(x.square().sum() for x in slopes), (z_a, z_b))
        return value, *slopes, *seconds, uniformity(z_a), alignment(z_a, z_b)

    outside = results()
    with torch.autocast("cpu", torch.bfloat16):
        inside = results()
        formula = dense(z_a, z_b, 0.1, LOSSES[loss])
    for one, other in zip(outside, inside, strict=True):
        assert one.dtype == other.dtype
        torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-6 * one.abs().max().item())
    assert torch.equal(outside[0], inside[0])
    if dtype == torch.float32:
        assert error(formula, outside[0]) > 1e-5


@BOTH
@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode])
def test_without_gradients(loss, context):
    z_a, z_b = (z.requires_grad_() for z in views(5, 3))
    expected = loss(z_a, z_b, 0.1)
    assert expected.requires_grad
    with context():
        value = loss(z_a, z_b, 0.1)
        sphere = uniformity(z_a), alignment(z_a, z_b)
    assert not any(x.requires_grad for x in (value, *sphere))
    assert torch.equal(value, expected)


@BOTH
def test_vectors_that_are_results_and_in_use_elsewhere(loss):
    encoder = torch.randn(4, 3, dtype=torch.float64, generator=generator(1)).requires_grad_()
    x_a, x_b = views(5, 4)

    def objective(loss):
        z_a, z_b = (x_a @ encoder).tanh(), (x_b @ encoder).tanh()
        return loss(z_a, z_b, 0.3) * loss(z_b, z_a, 0.5).exp() + z_a.square().mean()

    (found,) = torch.autograd.grad(objective(loss), encoder)
    (truth,) = torch.autograd.grad(objective(partial(dense, crossed=LOSSES[loss])), encoder)
    torch.testing.assert_close(found, truth, rtol=1e-11, atol=1e-14)
    (other,) = torch.autograd.grad(objective(partial(dense, crossed=not LOSSES[loss])), encoder)
    assert error(found, other) > 1e-2


@pytest.mark.parametrize("temperature", [0.3, 0.01, 1e-4, 1e-9])
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_a_temperature_that_is_learned(temperature, dtype):
    z_a, z_b = (z.to(dtype) for z in views(5, 3))
    tau = float64(temperature).requires_grad_()
    value, formula = nt_xent(z_a, z_b, tau), dense(z_a.double(), z_b.double(), tau, False)
    assert error(value, formula) <= (1e-6 if dtype != torch.float64 else 1e-12)
    (found,), (truth,) = torch.autograd.grad(value, tau), torch.autograd.grad(formula, tau)
    assert (found.dtype, found.shape) == (torch.float64, ())
    assert found.item() == pytest.approx(truth.item(), rel=1e-6 if dtype != torch.float64 else 1e-10)
    assert error(value, nt_xent(z_a, z_b, temperature)) <= 1e-6
