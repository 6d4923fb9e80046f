import math
from decimal import Decimal, localcontext
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hw.divergences import js_categorical, kl_categorical
from hw.gan import discriminator_loss, generator_loss, jsd_from_logits, log_density_ratio, optimal_logit, value
from hw.gan.logits import checked_logits

INF, NAN = math.inf, math.nan
FEW = settings(deadline=None, max_examples=25)
LOGITS = st.lists(
    st.one_of(st.floats(-1e4, 1e4), st.floats(-1, 1), st.sampled_from([0.0, 1e-300, -1e-9, 20.0, -104.0, -200.0])),
    min_size=1,
    max_size=6,
)
COUNTS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=6).filter(
    lambda pairs: all(map(sum, zip(*pairs, strict=True)))
)
ORACLE = partial(pytest.approx, rel=1e-12, abs=1e-300)  # beyond, float64 itself has fewer digits
SATURATING = partial(generator_loss, kind="saturating", trusted=True)
NON_SATURATING = partial(generator_loss, kind="non_saturating", trusted=True)


def float64(row):
    return torch.tensor(row, dtype=torch.float64)


def digits(function):
    """The function in 60 decimal digits, as a float."""

    def rounded(*args):
        with localcontext() as context:
            context.prec, context.Emin, context.Emax = 60, -(10**9), 10**9
            return float(function(*args))

    return rounded


def softplus(x):
    small = Decimal(-abs(x)).exp()
    # Of 1 + small no digit of small might be left.
    return max(Decimal(x), Decimal(0)) + (small - small**2 / 2 if small < Decimal("1e-25") else (1 + small).ln())


@digits
def minus_log_d(logits):
    return sum(softplus(-x) for x in logits) / len(logits)


@digits
def minus_log_other(logits):
    return sum(softplus(x) for x in logits) / len(logits)


@digits
def chance(logit):
    return 1 / (1 + Decimal(-logit).exp())


@digits
def value_by_loops(p_1, p_0, d):
    total = Decimal(0)
    for one, zero, y in zip(p_1, p_0, d, strict=True):
        total += Decimal(one) * Decimal(y).ln() if one else 0
        total += Decimal(zero) * (1 - Decimal(y)).ln() if zero else 0
    return total


def laws(counts):
    ones, zeros = map(float64, zip(*counts, strict=True))
    return ones / ones.sum(), zeros / zeros.sum()


def slopes(loss, *batches, dtype=torch.float64):
    leaves = [torch.tensor(batch, dtype=dtype, requires_grad=True) for batch in batches]
    result = loss(*leaves)
    return result.item(), [slope.tolist() for slope in torch.autograd.grad(result, leaves)]


@FEW
@given(real=LOGITS, fake=LOGITS)
def test_losses_are_those_of_sixty_digits(real, fake):
    costs = minus_log_d(real), minus_log_other(fake)
    assert discriminator_loss(float64(real), float64(fake), trusted=True).item() == ORACLE(sum(costs))
    assert SATURATING(float64(fake)).item() == ORACLE(-minus_log_other(fake))
    assert NON_SATURATING(float64(fake)).item() == ORACLE(minus_log_d(fake))


@FEW
@given(real=LOGITS, fake=LOGITS)
def test_slopes_are_those_of_sixty_digits(real, fake):
    _, (in_real, in_fake) = slopes(partial(discriminator_loss, trusted=True), real, fake)
    assert in_real == ORACLE([-chance(-x) / len(real) for x in real])
    assert in_fake == ORACLE([chance(x) / len(fake) for x in fake])
    assert slopes(SATURATING, fake)[1][0] == ORACLE([-chance(x) / len(fake) for x in fake])
    assert slopes(NON_SATURATING, fake)[1][0] == ORACLE([-chance(-x) / len(fake) for x in fake])


def test_where_fakes_are_told_apart_the_losses_differ_in_slope_by_exp_of_the_logit():
    for logit in (-10.0, -3.0, 0.0, 2.0):
        saturating, non_saturating = (slopes(loss, [logit])[1][0][0] for loss in (SATURATING, NON_SATURATING))
        assert non_saturating / saturating == pytest.approx(math.exp(-logit), rel=1e-12)
        assert non_saturating + saturating == pytest.approx(-1, rel=1e-12)


@FEW
@given(logits=LOGITS)
def test_the_two_generator_losses_mirror_one_another(logits):
    fake = float64(logits)
    assert SATURATING(fake) == -NON_SATURATING(-fake)
    assert discriminator_loss(fake, fake, trusted=True) == discriminator_loss(-fake, -fake, trusted=True)
    assert SATURATING(fake) <= 0 <= NON_SATURATING(fake)
    assert SATURATING(fake) != NON_SATURATING(fake)


@pytest.mark.parametrize(
    ("wrong", "loss"),
    [
        (lambda x: -x.sigmoid().log().mean(), INF),
        (lambda x: F.binary_cross_entropy(x.sigmoid(), torch.ones_like(x)), 100.0),
    ],
)
def test_the_way_through_the_sigmoid_loses_the_loss_and_its_slope(wrong, loss):
    assert slopes(wrong, [-200.0], dtype=torch.float32)[0] == loss
    assert abs(slopes(wrong, [-200.0], dtype=torch.float32)[1][0][0]) != 1
    assert slopes(NON_SATURATING, [-200.0], dtype=torch.float32) == (200.0, [[-1.0]])


def test_softplus_loses_digits_at_its_threshold():
    logits = [20.000001]
    assert NON_SATURATING(float64(logits)).item() == ORACLE(minus_log_d(logits))
    assert SATURATING(float64(logits)).item() == ORACLE(-minus_log_other(logits))
    assert F.softplus(float64(logits)).item() != pytest.approx(minus_log_other(logits), rel=1e-11)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("size", [1e-3, 1.0, 30.0, 1e4])
def test_fewer_bits_are_computed_in_float32(dtype, size):
    rng = torch.Generator().manual_seed(0)
    real, fake = (size * torch.randn(2, 64, generator=rng)).to(dtype)
    for loss, batches in ((discriminator_loss, (real, fake)), (SATURATING, (fake,)), (NON_SATURATING, (fake,))):
        result = loss(*batches)
        assert result.dtype == torch.float32
        torch.testing.assert_close(result.double(), loss(*(x.double() for x in batches)), rtol=1e-6, atol=1e-37)
        leaf = batches[0].clone().requires_grad_()
        assert torch.autograd.grad(loss(leaf, *batches[1:]), leaf)[0].dtype == dtype
    assert not torch.isclose(-F.logsigmoid(real.bfloat16()).mean().double(), -F.logsigmoid(real.double()).mean(), 1e-6)


def test_derivatives_of_both_orders():
    rng = torch.Generator().manual_seed(0)
    real, fake = 2 * torch.randn(2, 5, dtype=torch.float64, generator=rng)
    leaves = real.requires_grad_(), fake.requires_grad_()
    for loss in (discriminator_loss, jsd_value):
        assert torch.autograd.gradcheck(loss, leaves)
        assert torch.autograd.gradgradcheck(loss, leaves)
    for loss in (SATURATING, NON_SATURATING):
        assert torch.autograd.gradcheck(loss, leaves[1:])
        assert torch.autograd.gradgradcheck(loss, leaves[1:])


def jsd_value(real, fake):
    return jsd_from_logits(fake, real).value


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    ("loss", "batches", "expected", "gradients"),
    [
        (discriminator_loss, ([INF, INF], [-INF]), 0, [[0, 0], [0]]),
        (discriminator_loss, ([-INF, INF], [-INF]), INF, [[-0.5, 0], [0]]),
        (discriminator_loss, ([INF], [INF, 0]), INF, [[0], [0.5, 0.25]]),
        (discriminator_loss, ([-INF], [INF]), INF, [[-1], [1]]),
        (SATURATING, ([-INF, INF],), -INF, [[0, -0.5]]),
        (SATURATING, ([-INF],), 0, [[0]]),
        (NON_SATURATING, ([-INF, INF],), INF, [[-0.5, 0]]),
        (NON_SATURATING, ([INF],), 0, [[0]]),
        (SATURATING, ([3e38, -3e38],), -1.5e38, [[-0.5, 0]]),
        (discriminator_loss, ([NAN, 0], [0]), NAN, [[NAN, -0.25], [0.5]]),
        (discriminator_loss, ([0], [INF, NAN]), NAN, [[-0.5], [0.5, NAN]]),
        (SATURATING, ([NAN, -INF],), NAN, [[NAN, 0]]),
        (NON_SATURATING, ([NAN, 1e4],), NAN, [[NAN, 0]]),
    ],
)
def test_corners_of_the_losses(loss, batches, expected, gradients, dtype):
    found, found_slopes = slopes(loss, *([float(x) for x in batch] for batch in batches), dtype=dtype)
    assert found == pytest.approx(expected, rel=1e-6, nan_ok=True)
    for slope, gradient in zip(found_slopes, gradients, strict=True):
        assert slope == pytest.approx(gradient, rel=1e-6, nan_ok=True)


@pytest.mark.parametrize("shape", [(), (1,), (1, 4, 4), (2, 3)])
def test_trailing_axes_and_batches_of_different_size(shape):
    rng = torch.Generator().manual_seed(0)
    real, fake = (3 * torch.randn(n, *shape, dtype=torch.float64, generator=rng) for n in (7, 3))
    expected = minus_log_d(real.flatten().tolist()) + minus_log_other(fake.flatten().tolist())
    assert discriminator_loss(real, fake).item() == ORACLE(expected)
    assert discriminator_loss(real, fake).shape == ()
    # The mean over one batch of both kinds, which weighs the larger batch more.
    pooled = torch.cat((-F.logsigmoid(real).flatten(), -F.logsigmoid(-fake).flatten())).mean() * 2
    assert not torch.isclose(discriminator_loss(real, fake), pooled, rtol=1e-3)


@FEW
@given(counts=COUNTS, data=st.data())
def test_value_is_the_sum_by_loops(counts, data):
    p_1, p_0 = laws(counts)
    d = data.draw(st.lists(st.floats(1e-12, 1 - 1e-12), min_size=len(counts), max_size=len(counts)))
    expected = value_by_loops(p_1.tolist(), p_0.tolist(), d)
    assert value(p_1, p_0, float64(d)).item() == ORACLE(expected)
    assert expected <= 0


@FEW
@given(counts=COUNTS)
def test_value_at_the_optimal_discriminator_is_the_jsd(counts):
    p_1, p_0 = laws(counts)
    best = value(p_1, p_0, optimal_logit(p_1.log(), p_0.log()).sigmoid())
    expected = 2 * js_categorical(p_1, p_0) - math.log(4)
    torch.testing.assert_close(best, expected, rtol=1e-12, atol=1e-12)


@FEW
@given(counts=COUNTS, data=st.data())
def test_every_other_discriminator_has_a_smaller_value(counts, data):
    p_1, p_0 = laws(counts)
    best = optimal_logit(p_1.log(), p_0.log()).sigmoid()
    d = float64(data.draw(st.lists(st.floats(0, 1), min_size=len(counts), max_size=len(counts))))
    mass = (p_1 + p_0) / 2
    assume(((d - best).abs() * (mass > 0)).max() > 1e-4)
    assert value(p_1, p_0, d) < value(p_1, p_0, best)
    pair, best_pair = (torch.stack((x, 1 - x), -1) for x in (d, best))
    gap = torch.where(mass > 0, mass * kl_categorical(best_pair, pair), 0).sum()
    torch.testing.assert_close((value(p_1, p_0, best) - value(p_1, p_0, d)) / 2, gap, rtol=1e-9, atol=1e-12)


@FEW
@given(counts=COUNTS, data=st.data())
def test_exchanging_the_labels_exchanges_d_and_its_complement(counts, data):
    p_1, p_0 = laws(counts)
    d = float64(data.draw(st.lists(st.integers(0, 64), min_size=len(counts), max_size=len(counts)))) / 64
    torch.testing.assert_close(value(p_1, p_0, d), value(p_0, p_1, 1 - d), rtol=1e-12, atol=0)


def test_exchanging_the_laws_alone_changes_the_value():
    p_1, p_0 = float64([0.9, 0.1]), float64([0.5, 0.5])
    d = p_1 / (p_1 + p_0)
    assert value(p_1, p_0, d) > value(p_0, p_1, d) + 0.1


@FEW
@given(counts=COUNTS, data=st.data())
def test_the_loss_of_a_batch_that_lists_a_law_is_minus_the_value(counts, data):
    # Further out 1 - sigmoid has lost the digits that the logit has.
    logits = float64(data.draw(st.lists(st.floats(-5, 5), min_size=len(counts), max_size=len(counts))))
    ones, zeros = (torch.tensor(column) for column in zip(*counts, strict=True))
    batches = logits.repeat_interleave(ones), logits.repeat_interleave(zeros)
    expected = -value(*laws(counts), logits.sigmoid())
    torch.testing.assert_close(discriminator_loss(*batches, trusted=True), expected, rtol=1e-12, atol=0)


def test_outcomes_without_mass_are_silent():
    p_1, p_0 = float64([0.5, 0.5, 0.0, 0.0]), float64([0.0, 0.5, 0.5, 0.0])
    for corner in (0.0, 0.3, 1.0):
        p_1, p_0, d = (x.detach().requires_grad_() for x in (p_1, p_0, float64([1.0, 0.5, 0.0, corner])))
        result = value(p_1, p_0, d)
        assert result.item() == ORACLE(-math.log(2))
        for slope in torch.autograd.grad(result, (p_1, p_0, d)):
            assert slope.isfinite().all()


@pytest.mark.parametrize(
    ("p_1", "p_0", "d"), [([1, 0], [0, 1], [0, 0]), ([0.5, 0.5], [0, 1], [1, 1]), ([1], [1], [0]), ([1], [1], [1])]
)
def test_certain_and_wrong_is_minus_infinity(p_1, p_0, d):
    assert value(float64(p_1), float64(p_0), float64(d)).item() == -INF


def test_small_chances_keep_their_digits():
    certain = value(float64([0, 1]), float64([1, 0]), float64([1e-12, 1]))
    assert certain.item() == ORACLE(math.log1p(-1e-12))
    assert math.log(1 - 1e-12) != ORACLE(math.log1p(-1e-12))


@pytest.mark.parametrize("shape", [(), (3,), (2, 1, 3), (0,)])
def test_value_takes_leading_axes_one_by_one(shape):
    rng = torch.Generator().manual_seed(0)
    p_1, p_0, d = torch.randn(3, *shape, 4, dtype=torch.float64, generator=rng)
    p_1, p_0, d = p_1.softmax(-1), p_0.softmax(-1), d.sigmoid()
    result = value(p_1, p_0, d)
    assert result.shape == shape
    rows = zip(*(x.reshape(-1, 4).tolist() for x in (p_1, p_0, d)), strict=True)
    assert result.flatten().tolist() == ORACLE([value_by_loops(*row) for row in rows])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_value_of_fewer_bits(dtype):
    p = torch.full((10,), 0.1).to(dtype)  # in half precision the sum is off by 2e-4 and by 1e-3
    result = value(p, p, torch.full((10,), 0.5, dtype=dtype))
    assert result.dtype == torch.float32
    assert result.item() == pytest.approx(-math.log(4) * p.double().sum().item(), rel=1e-6)


@pytest.mark.parametrize("prior_1", [0.5, 0.1, 0.9])
def test_the_sigmoid_of_the_optimal_logit_is_the_best_of_a_grid(prior_1):
    log_p_1, log_p_0 = float64([[-0.5, -2.0, 0.3], [-1.5, -0.1, 0.3]])
    best = optimal_logit(log_p_1, log_p_0, prior_1).sigmoid()
    grid = torch.arange(1, 10_000, dtype=torch.float64)[:, None] / 10_000
    gains = prior_1 * log_p_1.exp() * grid.log() + (1 - prior_1) * log_p_0.exp() * (1 - grid).log()
    assert ((grid[gains.argmax(0), 0] - best).abs() <= 1e-4).all()
    if prior_1 != 0.5:
        assert ((grid[gains.argmax(0), 0] - optimal_logit(log_p_1, log_p_0).sigmoid()).abs() > 1e-2).all()


def test_optimal_logits_where_mass_is_missing():
    log_p_1, log_p_0 = float64([[0, -INF, -INF, NAN, INF], [-INF, 0, -INF, 0, 0]])
    for prior_1 in (0.5, 0.01):
        expected = float64([INF, -INF, 0, NAN, INF])
        torch.testing.assert_close(optimal_logit(log_p_1, log_p_0, prior_1), expected, equal_nan=True)
        leaves = log_p_1.clone().requires_grad_(), log_p_0.clone().requires_grad_()
        gradients = torch.autograd.grad(optimal_logit(*leaves, prior_1)[:3].sum(), leaves)
        assert [slope.tolist() for slope in gradients] == [[1, 1, 0, 0, 0], [-1, -1, 0, 0, 0]]


@FEW
@given(
    rows=st.lists(st.tuples(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3)), min_size=1, max_size=5),
    prior_1=st.floats(1e-12, 1 - 1e-12),
)
def test_the_ratio_is_the_logit_without_the_prior(rows, prior_1):
    log_p_1, log_p_0 = map(float64, zip(*rows, strict=True))
    logits = optimal_logit(log_p_1, log_p_0, prior_1)
    odds = math.log(prior_1 / (1 - prior_1))
    torch.testing.assert_close(logits, log_p_1 - log_p_0 + odds, rtol=1e-12, atol=1e-11)
    ratio = log_density_ratio(logits, prior_1, trusted=True)
    torch.testing.assert_close(ratio, log_p_1 - log_p_0, rtol=1e-12, atol=1e-11)
    if abs(odds) > 1e-6:
        assert not torch.isclose(log_density_ratio(logits, trusted=True), log_p_1 - log_p_0, rtol=0, atol=1e-9).any()


HINT = (
    "{} must be logits, got values all between 0 and 1: if they are probabilities, pass torch.logit of them or what "
    "went into the sigmoid; if they are logits, pass trusted=True"
)
CALLS = {
    "real_logits and fake_logits": lambda x, **options: discriminator_loss(x, x.flip(0), **options),
    "fake_logits": lambda x, **options: generator_loss(x, "saturating", **options),
    "logits_0 and logits_1": lambda x, **options: jsd_from_logits(x, x, **options).value,
    "logits": lambda x, **options: log_density_ratio(x, **options),
}


@pytest.mark.parametrize("names", CALLS)
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_probabilities_are_refused_with_a_hint(names, dtype):
    for row in ([0.25, 0.75], [0.0, 1.0], [1.0, 1.0], [0.0, 1e-7]):
        rows = torch.tensor(row, dtype=dtype)
        for bad in (rows, rows.clone().requires_grad_(), rows.clone().requires_grad_().view(2, 1)):
            with pytest.raises(ValueError, match=rf"^{HINT.format(names)}$"):
                CALLS[names](bad)
        assert CALLS[names](rows, trusted=True).isfinite().all()
        assert CALLS[names](rows - 1, trusted=False).isfinite().all()
        assert CALLS[names](rows + 1.5).isfinite().all()


@pytest.mark.parametrize("names", CALLS)
def test_zeros_and_nan_are_logits(names):
    assert CALLS[names](torch.zeros(3)).isfinite().all()
    assert CALLS[names](torch.tensor([NAN, 0.5])).isnan().any()


def test_a_single_logit_may_lie_anywhere():
    logit = torch.tensor([0.5])
    assert generator_loss(logit, "saturating").item() == pytest.approx(-math.log1p(math.exp(0.5)), rel=1e-6)
    assert log_density_ratio(logit).item() == 0.5
    with pytest.raises(ValueError, match="real_logits and fake_logits must be logits"):
        discriminator_loss(logit, logit)


def test_one_batch_that_leaves_the_interval_speaks_for_both():
    inside, outside = torch.tensor([0.2, 0.4]), torch.tensor([-0.2, 0.4])
    assert discriminator_loss(inside, outside).isfinite()
    assert discriminator_loss(outside, inside).isfinite()


WAYS = {
    "itself": lambda x: x,
    "view": lambda x: x.view(-1),
    "squeeze": lambda x: x[:, :1].squeeze(1),
    "flatten": lambda x: x.flatten(),
    "transpose": lambda x: x.T.reshape(-1),
    "chunk": lambda x: x.chunk(2)[0],
    "rows": lambda x: x[torch.tensor([0, 2])],
    "column": lambda x: x[:, 0],
    "unbind": lambda x: x.unbind(1)[0],
    "clone": lambda x: x.clone(),
    "double": lambda x: x.double(),
    "together": lambda x: torch.cat((x, x)),
    "stack": lambda x: torch.stack((x, x)),
    "expand": lambda x: x.expand(2, -1, -1),
    "clamp": lambda x: x.clamp(1e-6, 1 - 1e-6),
}


@pytest.mark.parametrize("way", WAYS)
def test_autograd_knows_a_sigmoid_from_a_network(way):
    hidden = torch.full((4, 3), 0.5).requires_grad_()
    logits = hidden * torch.linspace(0.1, 1.9, 3)
    assert CALLS["fake_logits"](WAYS[way](logits)).isfinite()
    for sigmoid in (torch.sigmoid, lambda x: x.softmax(-1)):
        with pytest.raises(ValueError, match="fake_logits must be logits, got values all between 0 and 1"):
            CALLS["fake_logits"](WAYS[way](sigmoid(logits)))
        assert CALLS["fake_logits"](WAYS[way](sigmoid(logits)), trusted=True).isfinite()
    assert CALLS["fake_logits"](WAYS[way](logits.tanh())).isfinite()
    with pytest.raises(ValueError, match="fake_logits must be logits"), torch.no_grad():
        CALLS["fake_logits"](WAYS[way](hidden * 1))


def test_checked_logits_are_the_values_in_their_order():
    first, second = torch.tensor([[2.0]]), torch.tensor([[-1.0], [3.0]])
    one, two = checked_logits(False, a=first.bfloat16(), b=second.bfloat16())
    assert (one.dtype, one.tolist(), two.tolist()) == (torch.float32, first.tolist(), second.tolist())
    assert checked_logits(False, a=first.double())[0].dtype == torch.float64


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda x: discriminator_loss(x, x), "real_logits"),
        (lambda x: discriminator_loss(torch.full((2,), 3.0), x), "fake_logits"),
        (lambda x: generator_loss(x, "saturating"), "fake_logits"),
        (lambda x: jsd_from_logits(x, x), "logits_0"),
        (log_density_ratio, "logits"),
    ],
)
def test_what_is_no_batch_of_logits_is_refused(call, name):
    with pytest.raises(ValueError, match=rf"^{name} must be a floating-point tensor, got list$"):
        call([1.0, 2.0])
    for bad in (torch.tensor([1, 2]), torch.ones(2, dtype=torch.complex64), torch.ones(2).to_sparse()):
        with pytest.raises(ValueError, match=rf"^{name} must be a floating-point tensor, .* got dtype"):
            call(bad)
    with pytest.raises(ValueError, match=rf"^{name} must have at least one entry, got shape \(0,\)$"):
        call(torch.zeros(0))


@pytest.mark.parametrize("call", [discriminator_loss, jsd_from_logits])
def test_batches_that_do_not_fit_are_refused(call):
    names = ("real_logits", "fake_logits") if call is discriminator_loss else ("logits_0", "logits_1")
    one = torch.full((3, 2), 5.0)
    with pytest.raises(ValueError, match=rf"{names[1]} must have the type of {names[0]}, torch.float32, got torch.flo"):
        call(one, one.double())
    for other in (one[:, :1], one[:, 0], one[..., None]):
        with pytest.raises(ValueError, match=rf"{names[1]} must have the shape of {names[0]} after the first axis, \("):
            call(one, other)


@pytest.mark.parametrize("kind", ["non-saturating", "Saturating", "", None, 0])
def test_unknown_kinds_are_refused(kind):
    with pytest.raises(ValueError, match=rf"^kind must be 'saturating' or 'non_saturating', got {kind!r}$"):
        generator_loss(torch.tensor([-1.0]), kind)


@pytest.mark.parametrize("prior_1", [0, 1, 0.0, 1.0, -0.1, 2.0, NAN, INF, True, None, "0.5", torch.tensor(0.5)])
def test_priors_outside_the_interval_are_refused(prior_1):
    logits = torch.tensor([-1.0, 2.0])
    with pytest.raises(ValueError, match="prior_1 must lie strictly between 0 and 1, got"):
        log_density_ratio(logits, prior_1)
    with pytest.raises(ValueError, match="prior_1 must lie strictly between 0 and 1, got"):
        optimal_logit(logits, logits, prior_1)


def test_refusals_of_optimal_logit():
    row = torch.zeros(3)
    with pytest.raises(ValueError, match=r"log_p_0 must have the shape of log_p_1, \(3,\), got \(2,\)"):
        optimal_logit(row, row[:2])
    with pytest.raises(ValueError, match=r"log_p_0 must have the type of log_p_1, torch.float32, got torch.float64"):
        optimal_logit(row, row.double())
    with pytest.raises(ValueError, match="log_p_1 must be a floating-point tensor, got float"):
        optimal_logit(0.0, row)
    with pytest.raises(ValueError, match=r"log_p_0 must be a floating-point tensor, .* got dtype torch.int64"):
        optimal_logit(row, row.long())


def test_refusals_of_value():
    p = float64([0.25, 0.75])
    with pytest.raises(ValueError, match=r"p_0 must have the shape of p_1, \(2,\), got \(1, 2\)"):
        value(p, p[None], p)
    with pytest.raises(ValueError, match=r"d must have the shape of p_1, \(2,\), got \(1,\)"):
        value(p, p, p[:1])
    with pytest.raises(ValueError, match=r"d must have the type of p_1, torch.float64, got torch.float32"):
        value(p, p, p.float())
    with pytest.raises(ValueError, match="p_1 must be a floating-point tensor, got list"):
        value([0.25, 0.75], p, p)
    with pytest.raises(ValueError, match=r"p_1 must have a last axis, along which the law lies, got shape \(\)"):
        value(p[0], p[0], p[0])
    with pytest.raises(ValueError, match=r"p_0 must be nonnegative, got -0\.5"):
        value(p, float64([-0.5, 1.5]), p)
    with pytest.raises(ValueError, match="p_1 must be nonnegative, got nan"):
        value(float64([NAN, 1.0]), p, p)
    for total in (0.5, 1.00003, INF):
        with pytest.raises(ValueError, match=rf"p_0 must sum to one along its last axis, got a sum of {total}"):
            value(p, float64([total - 0.25, 0.25]), p)
    assert value(p, p + 2e-6, p).isfinite()
    with pytest.raises(ValueError, match=r"p_1 must sum to one along its last axis, got a sum of 0\.0"):
        value(p[:0], p[:0], p[:0])
    with pytest.raises(ValueError, match=r"p_1 must sum to one along its last axis, got a sum of 0\.875"):
        value(*[torch.tensor([0.5, 0.375]).bfloat16()] * 3)
    for bad in (-0.5, 1.5, NAN):
        with pytest.raises(ValueError, match=rf"d must lie in \[0, 1\], got {bad}"):
            value(p, p, float64([0.5, bad]))
