import itertools
import math
from functools import lru_cache, partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from contrastive_cases import LOSSES, dense, error, float64, generator, value_and_gradient, views
from hw.contrastive import alignment, info_nce, log_sums, nt_xent, nt_xent_gradient, processes, uniformity
from hw.contrastive.losses import checked_temperature
from hw.contrastive.pairs import Pairs
from oracles import contrast_by_loops

INF, NAN = math.inf, math.nan
FEW = settings(deadline=None, max_examples=25)
BOTH = pytest.mark.parametrize("loss", LOSSES)
SIZES = [(1, 3), (2, 1), (3, 2), (5, 7), (16, 3), (33, 5)]
EPS = torch.finfo(torch.float64).eps
BATCHES = st.builds(views, st.integers(2, 9), st.integers(2, 6), st.integers(0, 999), st.sampled_from([None, 0.3]))
TEMPERATURES = st.sampled_from([2.0, 0.5, 0.1, 0.03])


@lru_cache(None)
def by_loops(n, d, noise, temperature, crossed):
    value, gradient = contrast_by_loops(*(z.tolist() for z in views(n, d, noise=noise)), temperature, crossed)
    return value, float64(gradient).flatten()


# The loss and its gradient


@BOTH
@pytest.mark.parametrize(
    ("n", "d", "tile"),
    [(n, d, tile) for n, d in SIZES for tile in (1, 3, 4, 16, 512) if n <= 5 * tile],
)
def test_loss_and_gradient_are_those_of_the_loops(monkeypatch, loss, tile, n, d):
    monkeypatch.setattr("hw.contrastive.pairs.TILE", tile)
    for noise, temperature in itertools.product((None, 0.01), (0.5, 0.05, 1e-3, 1e-4)):
        value, gradient = by_loops(n, d, noise, temperature, LOSSES[loss])
        found, slope = value_and_gradient(partial(loss, temperature=temperature), *views(n, d, noise=noise))
        tolerance = 1e-12 + 8 * EPS / temperature  # a cosine's rounding is divided by the temperature
        assert found.item() == pytest.approx(value, rel=tolerance, abs=1e-290)
        largest = gradient.abs().max()
        assert (slope - gradient).abs().max() <= (tolerance * largest if largest else 8 * EPS / temperature)


@BOTH
@pytest.mark.parametrize("tile", [3, 512])
def test_another_pairing_is_another_loss(monkeypatch, loss, tile):
    monkeypatch.setattr("hw.contrastive.pairs.TILE", tile)
    z_a, z_b = views(7, 3)
    right = loss(z_a, z_b, 0.5)
    assert error(loss(z_a, z_b.roll(1, 0), 0.5), right) > 0.01
    assert error(loss(z_b, z_a, 0.5), right) <= 1e-14


def test_the_two_losses_differ_by_the_negatives_of_the_own_batch():
    z_a, z_b = views(5, 3)
    assert nt_xent(z_a, z_b, 0.5) > info_nce(z_a, z_b, 0.5) + 0.1
    far = torch.eye(2, dtype=torch.float64)  # vectors of one batch at a right angle: their exponentials are 1
    expected = [math.log1p(2 * math.exp(-2)), math.log1p(math.exp(-2))]
    assert [loss(far, far, 0.5).item() for loss in LOSSES] == pytest.approx(expected, rel=1e-13)


def test_landmark_values():
    z = torch.tensor(np.random.default_rng(0).normal(size=(8, 5)))
    found = [nt_xent(z[::2], z[1::2], temperature).item() for temperature in (0.1, 0.5, 1.0)]
    assert found == pytest.approx([4.624456915715, 1.843962694952, 1.808424865363], abs=1e-12)
    assert nt_xent(z[:4], z[4:], 0.5).item() != pytest.approx(found[1], abs=1e-2)
    right_angles = torch.eye(4, dtype=torch.float64)
    square = float64([[1, 0], [0, 1], [-1, 0], [0, -1]])
    simplex = right_angles - 0.25
    for points, expected in ((right_angles, 0.594437664), (square, 0.456140739), (simplex, 0.348471886)):
        assert nt_xent(points, points, 0.5).item() == pytest.approx(expected, abs=1e-9)
    assert nt_xent(simplex, simplex, 0.5).item() == pytest.approx(math.log1p(6 * math.exp(-8 / 3)), rel=1e-12)


def test_the_simplex_is_the_optimum():
    simplex = torch.eye(4, dtype=torch.float64) - 0.25
    best, slope = value_and_gradient(partial(nt_xent, temperature=0.5), simplex, simplex)
    assert slope.abs().max() <= 1e-15
    for seed in range(20):
        assert nt_xent(*views(4, 4, seed), 0.5) > best
        moved = [simplex + 0.1 * z for z in views(4, 4, seed)]
        assert nt_xent(*moved, 0.5) > best


@pytest.mark.parametrize("temperature", [1.0, 0.3])
def test_points_all_around_a_circle_give_the_bessel_function(temperature):
    angles = 2 * math.pi * torch.arange(64, dtype=torch.float64) / 64
    z = torch.stack((angles.cos(), angles.sin()), 1)
    total = 128 * torch.special.i0(float64(1 / temperature)) - math.exp(1 / temperature)  # all but the anchor
    expected = total.log() - 1 / temperature
    torch.testing.assert_close(nt_xent(z, z, temperature), expected, rtol=1e-12, atol=0)
    assert not torch.isclose(nt_xent(z[:32], z[:32], temperature), expected, rtol=1e-2)


@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_many_views_all_around_a_sphere_give_the_bessel_function(temperature):
    """The displayed limit, in three dimensions, where its function is a hyperbolic sine; a spiral over the sphere."""

    def above(n):
        height = (2 * torch.arange(n, dtype=torch.float64) + 1) / n - 1
        turn = math.pi * (1 + 5**0.5) * torch.arange(n, dtype=torch.float64)
        radius = (1 - height.square()).sqrt()
        z = torch.stack((radius * turn.cos(), radius * turn.sin(), height), 1)
        return nt_xent(z, z, temperature).item() - math.log(2 * n - 2)

    terms = [math.prod(1 / (4 * temperature**2) / ((k + 1) * (1.5 + k)) for k in range(n)) for n in range(60)]
    limit = math.log(math.fsum(terms)) - 1 / temperature
    assert limit == pytest.approx(math.log(temperature * math.sinh(1 / temperature)) - 1 / temperature, rel=1e-13)
    errors = [abs(above(n) - limit) for n in (100, 400, 1600)]  # each fourth of the one before, as 1/n
    assert errors[0] > 3 * errors[1] > 9 * errors[2]
    assert errors[2] < 10 / 1600


def test_log_of_the_candidates_less_nt_xent_is_no_bound_on_the_information():
    """Two equally probable classes, a view shows its class: all batches of five, by the best critic."""
    batches = [float64(signs)[:, None] for signs in itertools.product((1, -1), repeat=5)]
    of_nt_xent, of_info_nce = (
        math.log(candidates) - sum(loss(z, z, 1e-3).item() for z in batches) / len(batches)
        for loss, candidates in ((nt_xent, 9), (info_nce, 5))
    )
    others = (1, 4, 6, 4, 1)  # of sixteen: how often so many of four other images are of the anchor's class
    displayed = [
        math.log(candidates) - math.fsum(times * math.log(views * m + 1) for m, times in enumerate(others)) / 16
        for candidates, views in ((9, 2), (5, 1))
    ]
    assert [of_nt_xent, of_info_nce] == pytest.approx(displayed, rel=1e-12)
    assert displayed == pytest.approx([0.695228, 0.577008], abs=1e-6)
    assert of_info_nce < math.log(2) < of_nt_xent


# Derivatives


@BOTH
@pytest.mark.parametrize(("n", "d", "temperature"), [(1, 2, 0.5), (3, 2, 0.05), (4, 2, 0.5)])
def test_derivatives_of_both_orders(loss, n, d, temperature):
    *z, tau = [z.requires_grad_() for z in (*views(n, d), float64(temperature))]
    for function, leaves in ((loss, (*z, tau)), (partial(loss, temperature=temperature), z)):
        assert torch.autograd.gradcheck(function, leaves)
        assert torch.autograd.gradgradcheck(function, leaves)


@pytest.mark.parametrize(
    "function", [uniformity, alignment, partial(alignment, alpha=1.0), partial(alignment, alpha=3)]
)
def test_derivatives_of_both_orders_on_the_sphere(function):
    z_a, z_b = (z.requires_grad_() for z in views(3, 2))
    leaves = (z_a,) if function is uniformity else (z_a, z_b)
    assert torch.autograd.gradcheck(function, leaves)
    assert torch.autograd.gradgradcheck(function, leaves)


def derivatives(loss, leaves, order):
    """Value, and derivatives along fixed directions up to an order."""
    found, value = [], loss(*leaves)
    for k in range(order + 1):
        found.append(value.detach())
        if k < order:
            slopes = torch.autograd.grad(value, leaves, create_graph=True)
            value = sum(
                (slope * torch.randn(x.shape, dtype=x.dtype, generator=generator(k))).sum()
                for slope, x in zip(slopes, leaves, strict=True)
            )
    return found


@BOTH
@pytest.mark.parametrize("tile", [3, 512])
def test_derivatives_up_to_the_third_are_those_of_the_matrix_formula(monkeypatch, loss, tile):
    monkeypatch.setattr("hw.contrastive.pairs.TILE", tile)
    leaves = [z.requires_grad_() for z in (*views(5, 4), float64(0.3))]
    found = derivatives(loss, leaves, 3)
    expected = derivatives(partial(dense, crossed=LOSSES[loss]), leaves, 3)
    other = derivatives(partial(dense, crossed=not LOSSES[loss]), leaves, 3)
    for one, same, another in zip(found, expected, other, strict=True):
        torch.testing.assert_close(one, same, rtol=1e-10, atol=0)
        assert error(one, another) > 1e-3


def test_nt_xent_gradient_is_that_of_autograd():
    for n, d, temperature in ((1, 3, 0.5), (2, 1, 0.1), (6, 4, 0.5), (17, 8, 0.05)):
        z_a, z_b = views(n, d)
        truth = value_and_gradient(partial(nt_xent, temperature=temperature), z_a, z_b)[1]
        of_a, of_b = nt_xent_gradient(z_a, z_b, temperature)
        found = torch.cat((of_a, of_b)).flatten()
        assert (found - truth).abs().max() <= 1e-12 * truth.abs().max() + 1e-15 / temperature
        assert (z_a * of_a).sum(1).abs().max() <= 1e-13 / temperature
        assert (z_b * of_b).sum(1).abs().max() <= 1e-13 / temperature
    half = value_and_gradient(partial(info_nce, temperature=temperature), z_a, z_b)[1]
    assert error(found, half) > 0.1


@pytest.mark.parametrize("scale", [1e30, 1e-30])
def test_nt_xent_gradient_of_long_and_short_vectors(scale):
    z_a, z_b = views(4, 3)
    sizes = float64([scale, 1, 1, 1])[:, None]
    of_a, of_b = nt_xent_gradient((sizes * z_a).float(), z_b.float(), 0.5)
    expected = nt_xent_gradient(z_a, z_b, 0.5)
    assert error(of_a.double() * sizes, expected[0]) <= 1e-6
    assert error(of_b, expected[1]) <= 1e-6


# Types and sizes


@BOTH
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32(loss, dtype):
    z_a, z_b = (z.to(dtype) for z in views(64, 16, noise=0.3))
    truth, slopes = value_and_gradient(
        partial(dense, temperature=0.1, crossed=LOSSES[loss]), z_a.double(), z_b.double()
    )
    found, gradient = value_and_gradient(partial(loss, temperature=0.1), z_a, z_b)
    assert (found.dtype, gradient.dtype) == (torch.float32, dtype)
    assert error(found, truth) <= 1e-6
    assert error(gradient, slopes) <= torch.finfo(dtype).eps
    assert error(dense(z_a, z_b, 0.1, LOSSES[loss]), truth) > (2e-5 if dtype == torch.float16 else 1e-3)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_types_that_come_back(dtype):
    z_a, z_b = (z.to(dtype) for z in views(4, 3))
    wide = torch.promote_types(dtype, torch.float32)
    for function in (partial(nt_xent, temperature=0.5), partial(info_nce, temperature=0.5), alignment):
        value, gradient = value_and_gradient(function, z_a, z_b)
        assert (value.shape, value.dtype, gradient.dtype) == ((), wide, dtype)
    assert uniformity(z_a).dtype == wide
    assert [of.dtype for of in nt_xent_gradient(z_a, z_b, 0.5)] == [wide] * 2


def test_a_gradient_too_small_for_float16_is_zero_unless_the_loss_is_scaled():
    z_a, z_b = ((2e4 * z).half() for z in views(16, 3))
    _, lost = value_and_gradient(lambda a, b: nt_xent(a, b, 0.5), z_a / 1, z_b / 1)
    _, kept = value_and_gradient(lambda a, b: 2.0**16 * nt_xent(a, b, 0.5), z_a, z_b)
    _, truth = value_and_gradient(lambda a, b: nt_xent(a, b, 0.5), z_a.double(), z_b.double())
    assert truth.abs().max() > 1e-7
    assert ((lost == 0) & (truth.abs() > 0)).any()
    assert (lost[truth.abs() < 2.9e-8] == 0).all()
    assert error(kept.double() / 2**16, truth) <= 2e-3


@BOTH
@pytest.mark.parametrize("noise", [None, 0.1])
def test_float32_keeps_six_digits_of_loss_and_gradient(loss, noise):
    z_a, z_b = (z.float() for z in views(512, 128, noise=noise))
    truth = value_and_gradient(partial(dense, temperature=0.1, crossed=LOSSES[loss]), z_a.double(), z_b.double())
    found = value_and_gradient(partial(loss, temperature=0.1), z_a, z_b)
    assert error(found[0], truth[0]) <= 1e-6
    assert (found[1].double() - truth[1]).norm() <= 1e-6 * truth[1].norm()


@BOTH
@pytest.mark.parametrize("temperature", [0.03, 0.02, 0.01])
def test_small_losses_keep_their_digits(loss, temperature):
    z_a, z_b = (z.float() for z in views(16, 128, noise=0.01))
    truth, slopes = contrast_by_loops(z_a.tolist(), z_b.tolist(), temperature, LOSSES[loss])
    found, gradient = value_and_gradient(partial(loss, temperature=temperature), z_a, z_b)
    assert 0 < truth < 1e-11
    assert found.item() == pytest.approx(truth, rel=1e-5, abs=0)
    assert error(gradient, float64(slopes).flatten()) <= 1e-5
    assert dense(z_a, z_b, temperature, LOSSES[loss]) == 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_losses_below_the_rounding_of_one(dtype):
    z = torch.eye(8, dtype=dtype)
    for temperature in (0.02, 1 / 64, 1 / 80):
        expected = 14 * math.exp(-1 / temperature)
        assert expected < 1e-20
        assert nt_xent(z, z, temperature).item() == pytest.approx(
            expected, rel=1e-5 if dtype == torch.float32 else 1e-13
        )
        assert dense(z, z, temperature, False) == 0


@BOTH
@pytest.mark.parametrize("temperature", [0.02, 0.01, 5e-3, 2e-3, 1e-3, 1e-4, 1e-6, 1e-9])
def test_small_temperatures_cost_no_more_digits_than_the_matrix_formula_in_float32(loss, temperature):
    z_a, z_b = (z.float() for z in views(128, 32))
    formula = partial(dense, temperature=temperature, crossed=LOSSES[loss])
    value, truth = value_and_gradient(formula, z_a.double(), z_b.double())
    allowed = (value_and_gradient(formula, z_a, z_b)[1].double() - truth).norm()
    found, gradient = value_and_gradient(partial(loss, temperature=temperature), z_a, z_b)
    assert error(found, value) <= 2e-7
    assert (gradient.double() - truth).norm() <= 1.5 * allowed


@BOTH
@pytest.mark.parametrize(("n", "d", "temperature"), [(12, 3, 5e-3), (12, 3, 3e-3), (64, 16, 0.01), (64, 16, 5e-3)])
def test_what_is_taken_off_all_logits_costs_no_digits(loss, n, d, temperature):
    """Where it is no number of float32, its rounding errs in the same way for all anchors."""
    formula, ratios = partial(dense, temperature=temperature, crossed=LOSSES[loss]), []
    for seed in range(9):
        batch = [z.float() for z in views(n, d, seed)]
        truth = value_and_gradient(formula, *(z.double() for z in batch))[1]
        ours, theirs = (
            value_and_gradient(f, *batch)[1].double() - truth for f in (partial(loss, temperature=temperature), formula)
        )
        ratios.append((ours.norm() / theirs.norm()).item())
    assert np.median(ratios) <= 1.5


# Corners


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("temperature", [0.5, 0.1, 0.02, 5e-3, 2e-3, 1e-3, 1e-6, 1e-9])
def test_where_all_vectors_coincide_the_loss_is_a_guess(temperature, dtype):
    z = torch.randn(1, 16, dtype=dtype, generator=generator()).expand(8, 16)
    for loss, candidates in ((nt_xent, 15), (info_nce, 8)):
        value, gradient = value_and_gradient(partial(loss, temperature=temperature), z, z)
        tolerance = 2e-5 if dtype == torch.float32 else 1e-12 + 8 * EPS / temperature
        assert value.item() == pytest.approx(math.log(candidates), rel=tolerance)
        assert gradient.abs().max() <= 1e-7 * max(1, 0.1 / temperature if dtype == torch.float32 else 1)


@BOTH
@pytest.mark.parametrize("temperature", [1e30, 1e100, 1e300])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_huge_temperature_makes_it_a_guess(loss, temperature, dtype):
    z_a, z_b = (z.to(dtype) for z in views(4, 3))
    value, gradient = value_and_gradient(partial(loss, temperature=temperature), z_a, z_b)
    assert value.item() == pytest.approx(math.log(4 if LOSSES[loss] else 7), rel=1e-7)
    assert gradient.abs().max() <= 1 / temperature


@BOTH
@pytest.mark.parametrize("temperature", [1e-12, 1e-17, 1e-18, 1e-25, 1e-37])
def test_as_the_temperature_vanishes_the_hardest_negative_remains(loss, temperature):
    z_a, z_b = views(4, 3)
    u = torch.nn.functional.normalize(torch.cat((z_a, z_b)), dim=1)
    cosines = u @ u.T
    rows, partner = torch.arange(8), torch.arange(8).roll(4)
    positives = cosines[rows, partner]
    cosines[rows, rows] = cosines[rows, partner] = -INF
    if LOSSES[loss]:
        cosines[:4, :4] = cosines[4:, 4:] = -INF
    expected = (cosines.amax(1) - positives).clamp(min=0).mean()
    value, gradient = value_and_gradient(partial(loss, temperature=temperature), z_a, z_b)
    assert value.item() * temperature == pytest.approx(expected.item(), rel=1e-9)
    assert gradient.isfinite().all()
    assert 0.01 <= gradient.norm() * temperature <= 10


@BOTH
@pytest.mark.parametrize("tile", [2, 512])
def test_a_zero_vector_is_at_a_right_angle_to_all_and_stays(monkeypatch, loss, tile):
    monkeypatch.setattr("hw.contrastive.pairs.TILE", tile)
    z_a, z_b = views(4, 3)
    # In a fourth dimension there is a vector at a right angle to all others.
    wide = [torch.cat((z, torch.zeros(4, 1, dtype=torch.float64)), 1) for z in (z_a, z_b)]
    wide[0][1] = float64([0, 0, 0, 1])
    z_a[1] = 0
    for temperature in (0.5, 1e-3):
        value, gradient = value_and_gradient(partial(loss, temperature=temperature), z_a, z_b)
        assert error(value, loss(*wide, temperature)) <= 1e-12
        of_a, of_b = gradient.view(2, 4, 3)
        assert (of_a[1] == 0).all()
        assert gradient.isfinite().all()
        assert of_b.abs().max() > 0
    nothing = torch.zeros(3, 2)
    value, gradient = value_and_gradient(partial(loss, temperature=0.1), nothing, nothing)
    assert value.item() == pytest.approx(math.log(3 if LOSSES[loss] else 5), rel=1e-6)
    assert (gradient == 0).all()


@BOTH
@pytest.mark.parametrize(
    ("dtype", "sizes"),
    [(torch.float32, [1e30, 1e-30, 3e38, 1.0]), (torch.float64, [1e300, 1e-300, 1.7e308, 1e200])],
)
def test_lengths_do_not_overflow(loss, dtype, sizes):
    z_a, z_b = (z / z.abs().amax(1, keepdim=True) for z in views(4, 3))
    scale = float64(sizes)[:, None]
    z_a, z_b = z_a.to(dtype), z_b.to(dtype)
    truth, slopes = value_and_gradient(partial(loss, temperature=0.5), z_a, z_b)
    value, gradient = value_and_gradient(partial(loss, temperature=0.5), z_a * scale.to(dtype), z_b)
    assert error(value, truth) <= 1e-6
    of_a, of_b = gradient.double().view(2, 4, 3)
    assert error(of_b, slopes.view(2, 4, 3)[1]) <= 2e-6
    assert error(of_a * scale, slopes.view(2, 4, 3)[0]) <= 1e-5
    assert uniformity(z_a * scale.to(dtype)).item() == pytest.approx(uniformity(z_a).item(), rel=1e-6)
    assert alignment(z_a * scale.to(dtype), z_b).item() == pytest.approx(alignment(z_a, z_b).item(), rel=1e-6)


@BOTH
def test_a_sample_alone_has_no_gradient_however_short_its_vector(loss):
    value, gradient = value_and_gradient(partial(loss, temperature=0.5), torch.tensor([[1e-40, 0]]), torch.ones(1, 2))
    assert value == 0
    assert (gradient == 0).all()


@BOTH
def test_the_loss_of_a_sample_alone_has_no_sign(loss):
    value, gradient = value_and_gradient(partial(loss, temperature=0.1), *views(1, 3))
    assert math.copysign(1, value) == 1
    assert value == 0
    assert (gradient == 0).all()


@BOTH
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
@pytest.mark.parametrize("wrong", [NAN, INF, -INF])
@pytest.mark.parametrize("temperature", [0.5, 1e-3])
def test_what_is_no_number_stays_visible(loss, dtype, wrong, temperature):
    z_a, z_b = (z.to(dtype) for z in views(4, 3))
    z_b[2, 1] = wrong
    value, gradient = value_and_gradient(partial(loss, temperature=temperature), z_a, z_b)
    assert value.isnan()
    assert gradient.isnan().all()
    assert uniformity(z_b).isnan()
    assert alignment(z_a, z_b).isnan()


# Changes that alter nothing


@FEW
@given(batch=BATCHES, temperature=TEMPERATURES, data=st.data())
def test_what_leaves_the_losses_as_they_are(batch, temperature, data):
    z_a, z_b = batch
    n, d = z_a.shape
    order = torch.tensor(data.draw(st.permutations(range(n))))
    sizes = torch.rand(2, n, 1, dtype=torch.float64, generator=generator(n)) * 1e3 + 1e-3
    rotation, _ = torch.linalg.qr(torch.randn(d, d, dtype=torch.float64, generator=generator(d)))
    same = [(z_a[order], z_b[order]), (z_b, z_a), (sizes[0] * z_a, sizes[1] * z_b), (z_a @ rotation, z_b @ rotation)]
    for loss in LOSSES:
        value = loss(z_a, z_b, temperature)
        assert value >= 0
        for changed in same:
            torch.testing.assert_close(loss(*changed, temperature), value, rtol=1e-11, atol=1e-300)
    for changed in same:
        torch.testing.assert_close(alignment(*changed), alignment(z_a, z_b), rtol=1e-11, atol=1e-14)
    for changed in (same[0], same[2], same[3]):
        torch.testing.assert_close(uniformity(changed[0]), uniformity(z_a), rtol=1e-11, atol=1e-14)


@BOTH
def test_what_does_not(loss):
    z_a, z_b = views(6, 3)
    value = loss(z_a, z_b, 0.5)
    order = torch.tensor([1, 0, 2, 3, 4, 5])
    shear = torch.eye(3, dtype=torch.float64) + torch.ones(3, 3, dtype=torch.float64).triu(1)
    for changed in ((z_a[order], z_b), (-z_a, z_b), (z_a @ shear, z_b @ shear), (z_a + 1, z_b + 1)):
        assert error(loss(*changed, 0.5), value) > 1e-3
        assert alignment(*changed) != pytest.approx(alignment(z_a, z_b).item(), rel=1e-3)
    assert error(loss(z_a, z_b, 0.4), value) > 1e-3
    for changed in (z_a @ shear, z_a + 1, z_a[1:]):
        assert uniformity(changed) != pytest.approx(uniformity(z_a).item(), rel=1e-3)


@BOTH
@FEW
@given(batch=BATCHES, temperature=TEMPERATURES)
def test_the_gradient_is_at_a_right_angle_to_each_vector(loss, batch, temperature):
    gradient = value_and_gradient(partial(loss, temperature=temperature), *batch)[1]
    z = torch.cat(batch)
    assert ((z * gradient.view_as(z)).sum(1)).abs().max() <= 1e-13 / temperature


# Alignment and uniformity


@FEW
@given(batch=BATCHES, t=st.sampled_from([0.5, 2.0, 30.0, 1e4]), alpha=st.sampled_from([0.5, 1.0, 2.0, 3.0]))
def test_uniformity_and_alignment_are_those_of_distances(batch, t, alpha):
    u, v = (torch.nn.functional.normalize(z, dim=1) for z in batch)
    pairs = torch.pdist(u)
    expected = (-t * pairs.square()).logsumexp(0) - math.log(len(pairs))
    torch.testing.assert_close(uniformity(batch[0], t), expected, rtol=1e-11, atol=1e-14 * t)
    torch.testing.assert_close(alignment(*batch, alpha), (u - v).norm(dim=1).pow(alpha).mean(), rtol=1e-11, atol=0)
    assert -4 * t * (1 + 1e-12) <= expected <= 0
    assert 0 <= alignment(*batch, alpha) <= 2**alpha * (1 + 1e-12)
    assert not torch.isclose(uniformity(batch[0], t), uniformity(batch[0], 2 * t), rtol=1e-3)


@pytest.mark.parametrize("tile", [1, 2, 5, 512])
@pytest.mark.parametrize("t", [2.0, 1e3])
def test_uniformity_in_any_tiles(monkeypatch, tile, t):
    monkeypatch.setattr("hw.contrastive.pairs.TILE", tile)
    z = views(11, 3)[0]

    def by_distances(z):
        return (-t * torch.pdist(torch.nn.functional.normalize(z, dim=1)).square()).logsumexp(0) - math.log(55)

    value, gradient = value_and_gradient(by_distances, z)
    found, slope = value_and_gradient(partial(uniformity, t=t), z)
    assert error(found, value) <= 1e-12
    assert error(slope, gradient) <= 1e-11


def test_ends_of_the_ranges():
    opposite = float64([[3, 4], [-6, -8]])
    assert uniformity(opposite).item() == pytest.approx(-8, rel=1e-15)
    assert uniformity(opposite, 0.5).item() == pytest.approx(-2, rel=1e-15)
    assert uniformity(opposite.expand(2, 2)[:1].repeat(5, 1)).item() == pytest.approx(0, abs=1e-14)
    assert alignment(opposite, -opposite).item() == pytest.approx(4, rel=1e-15)
    assert alignment(opposite, -opposite, 3.0).item() == pytest.approx(8, rel=1e-15)
    assert alignment(opposite, 2 * opposite) == 0
    assert uniformity(float64([[1, 0], [0, 0]])).item() == pytest.approx(-4, rel=1e-15)
    assert alignment(float64([[1, 0]]), float64([[0, 0]])).item() == 2


@pytest.mark.parametrize("alpha", [0.5, 1.0, 2.0])
def test_alignment_has_no_slope_where_views_agree(alpha):
    z = float64([[1, 2], [3, 4], [0, 0]])
    value, gradient = value_and_gradient(partial(alignment, alpha=alpha), z, z * float64([[1], [1], [1]]))
    assert value.item() == pytest.approx(2 ** (alpha / 2) / 3)  # the zero vectors count as at a right angle
    assert (gradient == 0).all()


@pytest.mark.parametrize("t", [1e6, 1e17, 1e20, 1e30])
def test_for_a_large_t_the_closest_pair_remains(t):
    z = views(6, 3)[0]
    closest = torch.pdist(torch.nn.functional.normalize(z, dim=1)).square().min()
    assert uniformity(z, t).item() / t == pytest.approx(-closest.item(), rel=1e-4)


# What must not change


@pytest.mark.parametrize("function", [*LOSSES, alignment, uniformity])
def test_the_same_bits_twice_and_no_setting_of_torch_is_changed(function):
    arguments = [z.float() for z in views(700, 8)][: 1 if function is uniformity else 2]
    rest = (0.1,) if function in LOSSES else ()
    threads, tiny, state = torch.get_num_threads(), torch.tensor(1e-40), torch.get_rng_state()
    before = [z.clone() for z in arguments]
    first, second = (value_and_gradient(function, *arguments, *rest) for _ in range(2))
    assert all(torch.equal(x, y) for x, y in zip(first, second, strict=True))
    assert all(torch.equal(x, y) for x, y in zip(arguments, before, strict=True))
    assert torch.get_num_threads() == threads
    assert tiny * 1 == tiny != 0
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_default_dtype() == torch.float32


# Refusals


Z = torch.ones(3, 2)


@pytest.mark.parametrize(
    "function",
    [
        partial(nt_xent, temperature=1),
        partial(info_nce, temperature=1),
        alignment,
        partial(nt_xent_gradient, temperature=1),
    ],
)
@pytest.mark.parametrize(
    ("z_a", "z_b", "message"),
    [
        ([[1.0]], Z, "z_a must be a floating-point tensor, got list"),
        (Z, Z.long(), "z_b must be a floating-point tensor, strided and of 16, 32 or 64 bits, got dtype torch.int64"),
        (Z.to(torch.complex64), Z, "z_a must be a floating-point tensor"),
        (Z.to_sparse(), Z, "z_a must be a floating-point tensor"),
        (Z[0], Z, r"z_a must have shape \(n, d\) with n and d at least 1, got \(2,\)"),
        (Z[None], Z, r"z_a must have shape \(n, d\)"),
        (Z[:0], Z[:0], r"z_a must have shape \(n, d\) with n and d at least 1, got \(0, 2\)"),
        (Z, Z[:, :0], r"z_b must have shape \(n, d\) with n and d at least 1, got \(3, 0\)"),
        (Z, Z[:2], r"z_b must have the shape of z_a, \(3, 2\), got \(2, 2\)"),
        (Z, Z[:, :1], r"z_b must have the shape of z_a, \(3, 2\), got \(3, 1\)"),
        (Z, Z.double(), "z_b must have the type of z_a, torch.float32, got torch.float64"),
    ],
)
def test_refused_views(function, z_a, z_b, message):
    with pytest.raises(ValueError, match=message):
        function(z_a, z_b)


@pytest.mark.parametrize("function", [*LOSSES, nt_xent_gradient])
@pytest.mark.parametrize("temperature", [0, -0.1, NAN, INF, 10**400, True, "0.1", None])
def test_refused_temperatures(function, temperature):
    with pytest.raises(ValueError, match=f"temperature must be a positive number, got {temperature!r}"):
        function(Z, Z, temperature)


@BOTH
@pytest.mark.parametrize(
    ("temperature", "message"),
    [
        (torch.tensor([0.1]), r"temperature must be a number or have shape \(\), got shape \(1,\)"),
        (torch.tensor(1), "temperature must be a number or a floating-point tensor"),
        (torch.tensor(-1.0), "temperature must be a positive number, got -1.0"),
        (torch.tensor(NAN), "temperature must be a positive number, got nan"),
        (1e-38, r"temperature must be at least 2.4e-38 so that logits of type torch.float32 are finite, got 1e-38"),
    ],
)
def test_refused_temperatures_of_the_losses(loss, temperature, message):
    with pytest.raises(ValueError, match=message):
        loss(Z, Z, temperature)


def test_the_smallest_temperature_is_that_of_the_type():
    with pytest.raises(ValueError, match=r"temperature must be at least 4.5e-308"):
        nt_xent(Z.double(), Z.double(), 4e-308)
    with pytest.raises(ValueError, match=r"temperature must be at least 2.4e-38 .* torch.float16"):
        nt_xent(Z.half(), Z.half(), 1e-38)
    for z, least in ((Z, 2.4e-38), (Z.double(), 4.5e-308)):
        assert nt_xent(z, z, least).isfinite()


@BOTH
@pytest.mark.parametrize("group", ["gloo", 0, object()])
def test_refused_groups(loss, group):
    kind = type(group).__name__
    message = f"group must be a group of torch.distributed that this process belongs to, or None, got {kind}"
    with pytest.raises(ValueError, match=message):
        loss(Z, Z, 0.1, group=group)
    with pytest.raises(TypeError, match="positional"):
        loss(Z, Z, 0.1, None)
    with pytest.raises(TypeError, match="temperature"):
        loss(Z, Z)


@pytest.mark.parametrize("wrong", [0, -1.0, NAN, INF, True, "2"])
def test_refused_numbers_of_the_sphere(wrong):
    with pytest.raises(ValueError, match=f"alpha must be a positive number, got {wrong!r}"):
        alignment(Z, Z, wrong)
    with pytest.raises(ValueError, match=f"t must be a positive number, got {wrong!r}"):
        uniformity(Z, wrong)


@pytest.mark.parametrize(
    ("z", "message"),
    [
        (Z[:1], "z must have two rows at least so that there is a pair, got 1"),
        (Z[0], r"z must have shape \(n, d\) with n and d at least 1, got \(2,\)"),
        (Z[:, :0], r"z must have shape \(n, d\) with n and d at least 1, got \(3, 0\)"),
        (Z.long(), "z must be a floating-point tensor"),
        (None, "z must be a floating-point tensor, got NoneType"),
    ],
)
def test_refused_points(z, message):
    with pytest.raises(ValueError, match=message):
        uniformity(z)


@pytest.mark.parametrize("where", [0, 1])
def test_nt_xent_gradient_refuses_a_zero_row(where):
    batch = [Z.clone(), Z.clone()]
    batch[where][1] = 0
    with pytest.raises(ValueError, match="z_a and z_b must have no zero row so that each has a direction, got 1"):
        nt_xent_gradient(*batch, 0.5)


def test_only_zero_rows_have_no_direction():
    below = torch.tensor([[-1.0, -2.0], [0.0, 0.0], [-1.0, 0.0]])
    with pytest.raises(ValueError, match=r"must have no zero row so that each has a direction, got 1$"):
        nt_xent_gradient(below, torch.ones(3, 2), 0.5)
    assert alignment(-torch.ones(2, 3), -torch.ones(2, 3)).item() == 0
    assert alignment(torch.zeros(1, 3), torch.ones(1, 3)).item() == alignment(torch.ones(1, 3), torch.zeros(1, 3)) == 2


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16])
def test_the_least_temperature_leaves_logits_finite(dtype):
    least = 8 / torch.finfo(torch.promote_types(dtype, torch.float32)).max
    assert checked_temperature(least, torch.ones(1, 1, dtype=dtype)) == least
    with pytest.raises(ValueError, match="temperature must be at least"):
        checked_temperature(0.99 * least, torch.ones(1, 1, dtype=dtype))


# ---- several processes, stood in for ----


class Two(Pairs):
    """The pairs of two processes, this one the first."""

    processes = 2


@pytest.mark.parametrize(("crossed", "positives_in"), [(False, False), (False, True), (True, True)])
def test_blocks_cover_each_pair_of_an_own_point_once(crossed, positives_in):
    pairs = Two(8, 1.0, positives_in, crossed)
    assert pairs.own == [range(0, 2), range(4, 6)]
    covered = torch.zeros(8, 8, dtype=torch.int64)
    for rows, columns, mirrored in pairs.blocks():
        covered[rows.start : rows.stop, columns.start : columns.stop] += 1
        if mirrored and rows != columns:
            covered[columns.start : columns.stop, rows.start : rows.stop] += 1
        assert mirrored == (columns in pairs.own)  # of others only the own rows are of use
    expected = torch.zeros_like(covered)
    for rows, columns in pairs.rectangles:
        expected[rows.start : rows.stop, columns.start : columns.stop] = 1
    expected[[2, 3, 6, 7]] = 0
    assert torch.equal(covered, expected)


def test_values_of_own_points_are_picked():
    values = torch.arange(8)
    assert log_sums._own(values, Two(8, 1.0)).tolist() == [0, 1, 4, 5]
    assert log_sums._own(values, Pairs(8, 1.0)) is values


def test_a_second_derivative_is_refused_among_processes():
    context = SimpleNamespace(pairs=Two(8, 1.0))
    with pytest.raises(RuntimeError, match="a second derivative of a contrastive loss can be taken in a single proces"):
        log_sums._Pull.backward(context, torch.ones(1))


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ([4, 3, 0, 0.5], ""),
        ([5, 3, 0, 0.5], "z_a must have as many rows in every process, got 4, 5, 4"),
        ([4, 2, 0, 0.5], "z_a must have as many features in every process, got 3, 2, 3"),
        ([4, 3, 1, 0.5], r"z_a must have the same type in every process, got torch\.\w+, torch\.\w+, torch\.\w+"),
        ([4, 3, 0, 0.25], "temperature must be the same in every process, got 0.5, 0.25, 0.5"),
        ([NAN] * 4, "every process must have views and a temperature, got a refusal in process 1"),
    ],
)
def test_processes_must_agree(monkeypatch, other, message):
    z = torch.zeros(4, 3, dtype=processes.TYPES[0])
    monkeypatch.setattr(processes, "_message", lambda numbers, group: torch.tensor(numbers, dtype=torch.float64))
    monkeypatch.setattr(
        processes, "_everyone", lambda mine, group: torch.stack([mine, torch.tensor(other, dtype=mine.dtype), mine])
    )
    if message:
        with pytest.raises(ValueError, match=f"^{message}$"):
            processes.check_agreement(z, 0.5, "group")
    else:
        processes.check_agreement(z, 0.5, "group")
    processes.check_agreement(z, 0.5, None)
