import math
import statistics
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.special import chdtr, chdtrc, fdtr, fdtrc

from chance import above, normal, statistical
from hw.divergences import js_categorical, js_normal, kl_categorical
from hw.gan import discriminator_loss, fit_density_ratio, jsd_from_logits, log_density_ratio, optimal_logit, value
from hw.gan.logistic import fit_logistic

FEW = settings(deadline=None, max_examples=25)
COUNTS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=6).filter(
    lambda pairs: all(total > 1 for total in map(sum, zip(*pairs, strict=True)))
)
SEPARATED = "^penalty must be positive where features separate draws of the two laws, so that one fit is best, got 0"


def float64(rows):
    return torch.tensor(rows, dtype=torch.float64)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def normals(n_0, n_1, shift, seed=0, d=1):
    """Draws of N(0, 1) and of N(shift, 1) in each coordinate."""
    rng = seeded(seed)
    x_0, x_1 = (torch.randn(n, d, dtype=torch.float64, generator=rng) for n in (n_0, n_1))
    return x_0, x_1 + shift


def powers(x):
    return x ** torch.arange(1, 7)


def waves(x):
    """Bounded features, for which 400 draws are many."""
    return torch.cat([(frequency * x + phase).cos() for frequency in (1, 2, 3) for phase in (0, math.pi / 2)], -1)


def listed(counts, logits):
    """Batches in which each outcome's logit comes as often as it has draws, of label 0 and of label 1."""
    ones, zeros = (torch.tensor(column) for column in zip(*counts, strict=True))
    return logits.repeat_interleave(zeros), logits.repeat_interleave(ones)


def laws(counts):
    ones, zeros = map(float64, zip(*counts, strict=True))
    return ones / ones.sum(), zeros / zeros.sum()


def logits_for(counts, data, size):
    return float64(data.draw(st.lists(st.floats(-size, size), min_size=len(counts), max_size=len(counts))))


def refit(x_0, x_1, penalty, **options):
    return fit_density_ratio(x_0, x_1, penalty=penalty, generator=seeded(), **options)


# The divergence from logits.


@FEW
@given(counts=COUNTS, data=st.data())
def test_on_whole_laws_the_estimate_is_log_2_plus_half_the_value(counts, data):
    logits, (p_1, p_0) = logits_for(counts, data, 5), laws(counts)
    found = jsd_from_logits(*listed(counts, logits), trusted=True).value
    expected = math.log(2) + value(p_1, p_0, logits.sigmoid()) / 2
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-14)
    loss = discriminator_loss(*reversed(listed(counts, logits)), trusted=True)
    torch.testing.assert_close(found, math.log(2) - loss / 2, rtol=1e-12, atol=1e-14)


@FEW
@given(counts=COUNTS, data=st.data())
def test_on_whole_laws_no_discriminator_exceeds_the_divergence(counts, data):
    p_1, p_0 = laws(counts)
    divergence = js_categorical(p_1, p_0)
    logits = logits_for(counts, data, 1e4)
    assert jsd_from_logits(*listed(counts, logits), trusted=True).value <= divergence + 1e-15
    best = jsd_from_logits(*listed(counts, optimal_logit(p_1.log(), p_0.log())), trusted=True).value
    torch.testing.assert_close(best, divergence, rtol=1e-12, atol=1e-15)


@FEW
@given(counts=COUNTS, data=st.data())
def test_what_is_missing_is_the_mean_divergence_of_the_two_discriminators(counts, data):
    logits, (p_1, p_0) = logits_for(counts, data, 5), laws(counts)
    best = optimal_logit(p_1.log(), p_0.log()).sigmoid()
    pairs = (torch.stack((d, 1 - d), -1) for d in (best, logits.sigmoid()))
    gap = ((p_1 + p_0) / 2 * kl_categorical(*pairs)).sum()
    found = jsd_from_logits(*listed(counts, logits), trusted=True).value
    torch.testing.assert_close(js_categorical(p_1, p_0) - found, gap, rtol=1e-10, atol=1e-12)


def test_a_constant_discriminator_reports_less_than_nothing():
    batch = torch.full((4,), math.log(9), dtype=torch.float64)
    found, error = jsd_from_logits(batch, batch)
    assert found.item() == pytest.approx(math.log(2) + math.log(0.09) / 2, rel=1e-12)
    assert found.item() == pytest.approx(-0.510826, abs=1e-6)
    assert error.item() == pytest.approx(0, abs=1e-15)


@FEW
@given(counts=COUNTS, data=st.data())
def test_standard_error_is_that_of_two_independent_means(counts, data):
    logits = logits_for(counts, data, 5)
    batches = listed(counts, logits)
    variance = Fraction(0)
    for batch, sign in zip(batches, (1, -1), strict=True):
        terms = [Fraction(-math.log1p(math.exp(sign * x))) for x in batch.tolist()]
        variance += statistics.variance(terms) / len(terms)
    error = jsd_from_logits(*batches, trusted=True).standard_error
    assert error.item() == pytest.approx(math.sqrt(variance) / 2, rel=1e-9, abs=1e-14)
    assert not error.requires_grad


@statistical(alarms=1e-6, effect="an error without the half that the estimate takes of each mean")
def test_standard_error_is_the_spread_of_repetitions(seed, planted):
    """A ratio of two variances: of 100 estimates, and their mean of 19 degrees of freedom each, or more."""
    x_0, x_1 = normals(100, 100, 1.0, seed, d=30)
    found = [jsd_from_logits(zero, one[:20]) for zero, one in zip(x_0 - 0.5, x_1 - 0.5, strict=True)]
    estimates, errors = (torch.stack(column) for column in zip(*found, strict=True))
    ratio = (estimates.var() / errors.square().mean()).item() / (4 if planted else 1)
    return [2 * min(tail(99, 1900, ratio) for tail in (fdtr, fdtrc))]


@pytest.mark.parametrize("distance", [0.5, 1.0, 2.0, 4.0])
@statistical(alarms=1e-6, effect="logits that are off by a constant of 3")
def test_the_optimal_logit_estimates_the_divergence_of_normals(distance, seed, planted):
    x_0, x_1 = normals(10_000, 5_000, distance, seed)
    zero = torch.zeros(1, dtype=torch.float64)
    divergence = js_normal(zero, zero, zero + distance, zero)
    found, error = jsd_from_logits(*(distance * x - distance**2 / 2 + (3 if planted else 0) for x in (x_0, x_1)))
    return normal((found - divergence) / error)


def test_a_discriminator_that_memorized_its_draws_needs_others():
    """Both laws are the same; what was seen is told for certain, of anything else nothing is known."""
    seen, new = torch.full((50,), 40.0, dtype=torch.float64), torch.zeros(50, dtype=torch.float64)
    assert jsd_from_logits(-seen, seen).value.item() == pytest.approx(math.log(2), rel=1e-12)
    assert jsd_from_logits(new, new).value.item() == pytest.approx(0, abs=1e-15)


def test_corners_of_the_estimate():
    infinite = float64([math.inf, math.inf])
    assert jsd_from_logits(-infinite, infinite) == (math.log(2), 0)
    found, error = jsd_from_logits(infinite, infinite)
    assert (found.item(), error.isnan().item()) == (-math.inf, True)
    assert jsd_from_logits(float64([math.nan, -1]), infinite).value.isnan()
    found, error = jsd_from_logits(*torch.tensor([[-3.0, -1.0], [2.0, 1.0]], dtype=torch.bfloat16))
    assert found.dtype == error.dtype == torch.float32


@pytest.mark.parametrize("shape", [(1,), (2, 3)])
def test_all_entries_of_a_batch_count_for_draws(shape):
    zero, one = (torch.randn(n, *shape, dtype=torch.float64, generator=seeded(n)) for n in (4, 9))
    torch.testing.assert_close(jsd_from_logits(zero, one), jsd_from_logits(zero.flatten(), one.flatten()))


def test_a_batch_of_one_has_no_standard_error():
    one, two = torch.tensor([-2.0]), torch.tensor([-2.0, 3.0])
    reason = "must have at least two entries so that there is a standard error, got 1"
    with pytest.raises(ValueError, match=f"logits_0 {reason}"):
        jsd_from_logits(one, two)
    with pytest.raises(ValueError, match=f"logits_1 {reason}"):
        jsd_from_logits(two, one)


# The fit.


def rows_of(x_0, x_1):
    """Features with an intercept, and labels, in extended precision."""
    rows = np.concatenate((np.asarray(x_0), np.asarray(x_1))).astype(np.longdouble)
    labels = np.concatenate((np.zeros(len(x_0)), np.ones(len(x_1)))).astype(np.longdouble)
    return np.concatenate((rows, np.ones((len(rows), 1), np.longdouble)), 1), labels


def fit_by_numpy(x_0, x_1, penalty):
    """Weights of the raw features and the intercept: slopes in extended precision, steps in float64."""
    rows, labels = rows_of(x_0, x_1)
    ridge = np.append(penalty * rows[:, :-1].var(0), 0)
    weights = np.zeros(rows.shape[1], np.longdouble)
    for _ in range(40):
        with np.errstate(over="ignore"):
            chance = 1 / (1 + np.exp(-rows @ weights))
        slope = rows.T @ (chance - labels) / len(rows) + ridge * weights
        bend = (rows.T * (chance * (1 - chance))) @ rows / len(rows) + np.diag(ridge)
        step = np.linalg.solve(bend.astype(float), slope.astype(float))
        weights = weights - step
        if (abs(step) < 1e-15 * abs(weights)).all():
            break
    return weights.astype(float), np.linalg.inv(bend.astype(float)) / len(rows)


def raw_weights(fit):
    slopes = fit.logistic.weights / fit.logistic.scale
    return torch.cat((slopes, (fit.logistic.intercept - fit.logistic.center @ slopes)[None])).numpy()


@pytest.mark.parametrize("penalty", [0.0, 1e-3, 0.3, 10.0])
def test_weights_are_those_of_another_route(penalty):
    x_0, x_1 = normals(60, 90, 0.5, d=3)
    x_0, x_1 = (x * float64([1, 30, 0.01]) + float64([0, 3, 40]) for x in (x_0, x_1 * float64([1, 2, 0.5])))
    fit = refit(x_0, x_1, penalty)
    weights, _ = fit_by_numpy(x_0, x_1, penalty)
    assert raw_weights(fit) == pytest.approx(weights, rel=1e-9)
    assert fit_by_numpy(x_0, x_1, penalty + 0.01)[0] != pytest.approx(weights, rel=1e-4)
    rows, labels = rows_of(x_0, x_1)
    chance = 1 / (1 + np.exp(-rows @ raw_weights(fit).astype(np.longdouble)))
    slope = rows.T @ (chance - labels) / len(rows)
    scaled = slope[:-1] - fit.logistic.center.numpy() * slope[-1]
    assert scaled / fit.logistic.scale.numpy() + penalty * fit.logistic.weights.numpy() == pytest.approx(0, abs=1e-12)
    assert float(slope[-1]) == pytest.approx(0, abs=1e-12)


@statistical(alarms=1e-6, effect="a distance of 2.2")
def test_two_normals_a_distance_of_two_apart(seed, planted):
    x_0, x_1 = normals(8_000, 8_000, 2.2 if planted else 2.0, seed)
    fit = refit(x_0, x_1, 0.0)
    rows, _ = rows_of(x_0, x_1)
    weights = raw_weights(fit)
    chance = 1 / (1 + np.exp(-rows.astype(float) @ weights))
    covariance = np.linalg.inv((rows.T * (chance * (1 - chance))).astype(float) @ rows.astype(float))
    errors = np.sqrt(np.diag(covariance))
    found, error = fit.jsd()
    return normal(torch.tensor((weights - [2, -2]) / errors)) + normal((found - 0.336830820347) / error)


@statistical(alarms=1e-6, effect="logits that keep the prior")
def test_unequal_sizes_are_corrected(seed, planted):
    x_0, x_1 = normals(5_000, 500, 2.0, seed)
    fit = refit(x_0, x_1, 0.0)
    _, covariance = fit_by_numpy(x_0, x_1, 0.0)
    middle = np.array([1.0, 1.0])  # at x = 1 the densities are equal
    error = math.sqrt(middle @ covariance @ middle)
    at_one = fit.log_ratio([[1.0]]).item()
    assert fit.prior_1 == 1 / 11
    assert fit.logistic(float64([[1.0]])).item() == pytest.approx(at_one + math.log(0.1), rel=1e-12)
    kept = math.log(0.1) if planted else 0
    found, error_of_found = jsd_from_logits(fit.held_out_0 + kept, fit.held_out_1 + kept)
    assert planted or torch.equal(found, fit.jsd().value)
    return normal((at_one + kept) / error) + normal((found - 0.336830820347) / error_of_found)


def all_log_ratios(fit, x_0, x_1):
    return torch.cat((fit.held_out_0, fit.held_out_1, fit.log_ratio(x_0), fit.log_ratio(x_1)))


@pytest.mark.parametrize(
    ("penalty", "matrix"),
    [
        (0.0, [[2, 1], [0, -0.1]]),
        (0.3, [[-1e-3, 0], [0, 700]]),
        (0.3, [[0, 1e150], [1e-150, 0]]),
        (0.0, [[1e200, 0], [0, 1e-200]]),
    ],
)
def test_other_units_do_not_change_the_ratio(penalty, matrix):
    x_0, x_1 = normals(80, 60, 0.7, d=2)
    matrix = float64(matrix)
    shift = float64([3, -5]) * matrix.abs().sum(0)
    moved = [x @ matrix + shift for x in (x_0, x_1)]
    expected = all_log_ratios(refit(x_0, x_1, penalty), x_0, x_1)
    torch.testing.assert_close(all_log_ratios(refit(*moved, penalty), *moved), expected, rtol=1e-9, atol=1e-10)


def test_a_penalty_sees_a_turn_of_the_coordinates():
    x_0, x_1 = normals(80, 60, 0.7, d=2)
    x_1 = x_1 * float64([1, 9])
    turned = [x @ float64([[2, 1], [0, -0.1]]) for x in (x_0, x_1)]
    same, other = (refit(*x, 0.3).log_ratio(x[0]) for x in ((x_0, x_1), turned))
    assert not torch.allclose(same, other, rtol=1e-3)


@pytest.mark.parametrize("penalty", [0.0, 0.2])
def test_exchanging_the_samples_turns_the_sign(penalty):
    x_0, x_1 = normals(70, 50, 0.5, d=2)
    there, back = refit(x_0, x_1, penalty), refit(x_1, x_0, penalty)
    torch.testing.assert_close(there.log_ratio(x_0), -back.log_ratio(x_0), rtol=1e-9, atol=1e-11)
    assert there.log_ratio(x_0).abs().mean() > 0.1


def test_a_draw_does_not_act_on_its_own_held_out_value():
    x_0, x_1 = normals(50, 40, 0.5)
    moved = x_0.clone()
    moved[7] = 30.0
    before, after = refit(x_0, x_1, 0.0), refit(moved, x_1, 0.0)
    same = before.held_out_0 == after.held_out_0
    assert (same.sum().item(), (before.held_out_1 == after.held_out_1).sum().item()) == (9, 8)
    (a, b), (at_a, at_b) = x_0[same][:2, 0], before.held_out_0[same][:2]
    slope = (at_b - at_a) / (b - a)
    torch.testing.assert_close(after.held_out_0[7], at_a + slope * (30.0 - a), rtol=1e-9, atol=1e-9)
    # The fit to all draws is moved by this one.
    assert not torch.isclose(after.log_ratio([[30.0]])[0], after.held_out_0[7], rtol=0.05)


@pytest.mark.parametrize("folds", [2, 3, 20])
def test_folds_are_even_and_leave_out_what_they_say(folds):
    x_0, x_1 = normals(20, 21, 0.5)
    fit = refit(x_0, x_1, 0.1, folds=folds)
    moved = x_0.clone()
    moved[0] += 1
    same = refit(moved, x_1, 0.1, folds=folds).held_out_0 == fit.held_out_0
    assert same.sum().item() in (20 // folds - 1, 20 // folds)
    assert torch.equal(torch.stack(fit.jsd()), torch.stack(jsd_from_logits(fit.held_out_0, fit.held_out_1)))


@statistical(alarms=1e-6, effect="the two estimates exchanged")
def test_in_sample_is_too_large_and_cross_fitted_is_not(seed, planted):
    """One law, n draws of each, six features: 4 n times the divergence in sample is chi-squared of six, by Wilks."""
    n, repetitions, inside, outside = 400, 8, [], []
    for repetition in range(repetitions):
        x_0, x_1 = normals(n, n, 0.0, repetitions * seed + repetition)
        fit = refit(x_0, x_1, 0.0, features=waves, folds=2)
        inside.append(jsd_from_logits(fit.log_ratio(x_0), fit.log_ratio(x_1), trusted=True).value)
        outside.append(fit.jsd().value)
    assert min(inside) > 0
    inside, outside = (torch.stack(found) for found in ((outside, inside) if planted else (inside, outside)))
    total = 4 * n * inside.sum().item()
    wilks = 2 * min(tail(6 * repetitions, max(total, 0)) for tail in (chdtr, chdtrc))
    return [wilks, *above(outside.mean() / outside.std() * math.sqrt(repetitions))]


@pytest.mark.parametrize(
    ("zero", "one"),
    [
        ([[-1.0], [-2.0], [-3.0]] * 4, [[1.0], [2.0], [5.0]] * 4),
        ([[-1.0], [0.0], [0.0]] * 4, [[0.0], [2.0], [0.0]] * 4),
        ([[0.0, 3.0], [1.0, 2.0], [0.0, 1.0]] * 4, [[0.0, 2.0], [0.0, 1.0], [0.0, 3.0]] * 4),
        ([[1e6 + 1.0], [1e6 + 2.0]] * 20, [[1e6 + 3.0]] * 9),
    ],
    ids=["separated", "touching", "a kind of draw in one law only", "far from zero"],
)
def test_separated_draws_need_a_penalty(zero, one):
    with pytest.raises(ValueError, match=SEPARATED):
        refit(zero, one, 0.0)
    with pytest.raises(ValueError, match=SEPARATED):
        refit(one, zero, 0)
    for penalty in (1e-9, 1.0):
        fit = refit(zero, one, penalty, folds=2)
        assert fit.jsd().value.isfinite()
        assert fit.log_ratio(one).mean() > 0 > fit.log_ratio(zero).mean()


def some_line_separates(zero, one):
    """Whether points of the plane lie on two sides of a line, or on it, and not all on it."""
    differences = [(p[0] - q[0], p[1] - q[1]) for p in zero + one for q in zero + one]
    for a, b in {(sign * v, sign * w) for x, y in differences for v, w in ((x, y), (-y, x)) for sign in (1, -1)}:
        below, above = ([a * x + b * y for x, y in points] for points in (zero, one))
        if max(below) <= min(above) and min(below) < max(above):
            return True
    return False


@settings(deadline=None, max_examples=40)
@given(rows=st.lists(st.tuples(st.integers(-2, 2), st.integers(-2, 2), st.booleans()), min_size=2, max_size=9))
def test_a_fit_is_refused_where_a_line_separates_and_nowhere_else(rows):
    zero, one = ([row[:2] for row in rows if row[2] == label] for label in (False, True))
    assume(zero and one)
    if some_line_separates(zero, one):
        with pytest.raises(ValueError, match=SEPARATED):
            fit_logistic(float64(zero), float64(one), 0.0)
    else:
        assert fit_logistic(float64(zero), float64(one), 0.0)(float64(zero + one)).abs().max() < 20


def test_a_small_penalty_is_enough_and_counts():
    """Draws at -1 and at 1 are in standard deviations already, so that the slope w solves sigmoid(-w) = penalty w."""
    for penalty in (1e-12, 1e-6, 1e-3):
        slope = refit([[-1.0]] * 10, [[1.0]] * 10, penalty).log_ratio([[1.0]]).item()
        assert 1 / (1 + math.exp(slope)) == pytest.approx(penalty * slope, rel=1e-9)


def test_many_features_separate_any_draws():
    x_0, x_1 = normals(5, 5, 0.0, d=12)
    with pytest.raises(ValueError, match=SEPARATED):
        refit(x_0, x_1, 0.0)
    assert refit(x_0, x_1, 0.1).log_ratio(x_1).min() > 0 > refit(x_0, x_1, 0.1).log_ratio(x_0).max()


@pytest.mark.parametrize("outlier", [-1e3, -1e6, 1e6])
def test_a_far_draw_separates_nothing(outlier):
    x_0, x_1 = normals(300, 300, 1.0)
    x_0[0] = outlier
    weights, _ = fit_by_numpy(x_0, x_1, 0.0)
    assert raw_weights(refit(x_0, x_1, 0.0)) == pytest.approx(weights, rel=1e-6)


def test_laws_that_hardly_overlap():
    x_0, x_1 = normals(10_000, 10_000, 6.0)
    weights, _ = fit_by_numpy(x_0, x_1, 0.0)
    assert raw_weights(refit(x_0, x_1, 0.0, folds=2)) == pytest.approx(weights, rel=1e-8)


def test_features_that_repeat_one_another():
    x_0, x_1 = normals(60, 40, 0.6)
    expected = refit(x_0, x_1, 0.0).log_ratio(x_0)
    twice = refit(x_0, x_1, 0.0, features=lambda x: torch.cat((x, 3 * x + 1), -1))
    torch.testing.assert_close(twice.log_ratio(x_0), expected, rtol=1e-9, atol=1e-11)
    # Two equal shares of a weight have half its square.
    twice = refit(x_0, x_1, 0.2, features=lambda x: torch.cat((x, x), -1))
    torch.testing.assert_close(twice.log_ratio(x_0), refit(x_0, x_1, 0.1).log_ratio(x_0), rtol=1e-9, atol=1e-11)
    assert not torch.allclose(twice.log_ratio(x_0), refit(x_0, x_1, 0.2).log_ratio(x_0), rtol=1e-3)


@pytest.mark.parametrize(("center", "digits"), [(0.0, 1e-9), (10.0, 1e-6)])
def test_features_that_nearly_repeat_one_another(center, digits):
    """Polynomials are the same wherever their variable is measured from; powers of 10 + x are hard to tell apart."""
    x_0, x_1 = normals(300, 300, 1.0)
    fit = refit(x_0 + center, x_1 + center, 0.0, features=powers)
    centered = refit(x_0, x_1, 0.0, features=powers)
    torch.testing.assert_close(torch.stack(fit.jsd()), torch.stack(centered.jsd()), rtol=digits, atol=digits)


@pytest.mark.parametrize("constant", [0.0, 0.1, -1e300])
@pytest.mark.parametrize("penalty", [0.0, 0.1])
def test_constant_features_say_nothing(constant, penalty):
    x_0, x_1 = normals(60, 40, 0.6)
    fit = refit(x_0, x_1, penalty, features=lambda x: torch.cat((x, torch.full_like(x, constant)), -1))
    torch.testing.assert_close(fit.log_ratio(x_0), refit(x_0, x_1, penalty).log_ratio(x_0), rtol=1e-9, atol=1e-11)


def test_only_constants_see_no_difference():
    fit = refit([[1.0]] * 20, [[1.0]] * 10, 0.0)
    assert fit.log_ratio([[1.0], [1.0]]).tolist() == pytest.approx([0, 0], abs=1e-12)


@statistical(alarms=1e-6, effect="features without the squares")
def test_squares_tell_apart_what_coordinates_do_not(seed, planted):
    x_0, x_1 = normals(5_000, 5_000, 0.0, seed)
    zero = torch.zeros(1, dtype=torch.float64)
    divergence = js_normal(zero, zero, zero, zero + math.log(4))
    features = None if planted else lambda x: torch.cat((x, x.square()), -1)
    found, error = refit(x_0, 2 * x_1, 0.0, features=features).jsd()
    return normal((found - divergence) / error)


@pytest.mark.parametrize(
    "kind",
    [
        lambda x: x.numpy(),
        lambda x: x.tolist(),
        lambda x: x.int(),
        lambda x: x.to(torch.bfloat16),
        lambda x: x.float().requires_grad_(),
        lambda x: x.numpy().astype(">f8"),
        lambda x: x.numpy().astype(np.longdouble),
        lambda x: x.numpy().astype(np.uint16),
        lambda x: x.flip(0).numpy()[::-1],
        lambda x: np.broadcast_to(x.numpy(), x.shape),  # read-only
        lambda x: list(x),
    ],
)
def test_draws_may_come_in_any_kind_of_array(kind):
    x_0, x_1 = (20 + 5 * x.round() for x in normals(40, 30, 1.0, d=2))
    fit, expected = refit(kind(x_0), kind(x_1), 0.1), refit(x_0, x_1, 0.1)
    assert fit.held_out_0.dtype == fit.held_out_1.dtype == torch.float64
    assert not fit.held_out_0.requires_grad
    assert torch.equal(fit.held_out_0, expected.held_out_0)
    assert torch.equal(fit.held_out_1, expected.held_out_1)
    assert torch.equal(fit.log_ratio(kind(x_1)), expected.log_ratio(x_1))


def test_draws_are_left_as_they_were():
    x = np.arange(12.0).reshape(6, 2) ** 2
    refit(x, x[::-1], 0.1)
    assert (x == np.arange(12.0).reshape(6, 2) ** 2).all()


def test_chance_is_in_the_generator_alone():
    x_0, x_1 = normals(40, 30, 1.0)
    state = torch.get_rng_state()
    first, again = (refit(x_0, x_1, 0.1) for _ in range(2))
    assert torch.equal(first.held_out_0, again.held_out_0)
    assert torch.equal(torch.get_rng_state(), state)
    other = fit_density_ratio(x_0, x_1, penalty=0.1, generator=seeded(1))
    assert not torch.equal(first.held_out_0, other.held_out_0)
    assert torch.equal(first.log_ratio(x_0), other.log_ratio(x_0))


@FEW
@given(
    sizes=st.tuples(st.integers(2, 8), st.integers(2, 8), st.integers(1, 3)),
    values=st.lists(st.floats(-1e6, 1e6), min_size=48, max_size=48),
    penalty=st.floats(1e-3, 1e3),
)
def test_any_finite_draws_with_a_penalty_have_a_fit(sizes, values, penalty):
    n_0, n_1, d = sizes
    rows = float64(values).reshape(16, 3)[:, :d]
    x_0, x_1 = rows[:n_0], rows[8 : 8 + n_1]
    fit = refit(x_0, x_1, penalty, folds=2)
    assert (fit.held_out_0.shape, fit.held_out_1.shape) == ((n_0,), (n_1,))
    assert all_log_ratios(fit, x_0, x_1).isfinite().all()
    assert fit.jsd().value <= math.log(2)
    # The loss of the fit with its penalty is at most that of no weights.
    assert discriminator_loss(fit.log_ratio(x_1), fit.log_ratio(x_0), trusted=True).isfinite()
    torch.testing.assert_close(
        log_density_ratio(fit.logistic(x_0), fit.prior_1, trusted=True), fit.log_ratio(x_0), rtol=0, atol=0
    )


# Refusals.


def changed(**changes):
    x_0, x_1 = normals(10, 10, 0.5, d=2)
    options = {"penalty": 0.1, "generator": seeded(), "x_0": x_0, "x_1": x_1} | changes
    return fit_density_ratio(options.pop("x_0"), options.pop("x_1"), **options)


BAD = torch.full((10, 2), math.nan)


@pytest.mark.parametrize("name", ["x_0", "x_1"])
def test_draws_that_are_no_points_are_refused(name):
    numbers = rf"^{name} must be an array of numbers, got"
    for bad in (None, "draws", [["a", "b"]], [[1.0], [2.0, 3.0]], {1.0}, [[True, False]] * 10, np.ones((10, 2)) * 1j):
        with pytest.raises(ValueError, match=numbers):
            changed(**{name: bad})
    for bad in (
        torch.ones(10, 2, dtype=torch.bool),
        torch.ones(10, 2, dtype=torch.complex64),
        torch.eye(10, 2).to_sparse(),
    ):
        with pytest.raises(ValueError, match=rf"{numbers} dtype torch\.\w+, layout torch\.\w+"):
            changed(**{name: bad})
    for bad in (torch.zeros(10), torch.zeros(10, 2, 1), torch.zeros(0, 2), torch.zeros(10, 0), 3.0):
        with pytest.raises(ValueError, match=rf"^{name} must have shape \(n, d\) with a point a row, got shape \("):
            changed(**{name: bad})
    for bad in (BAD, torch.full((10, 2), math.inf)):
        with pytest.raises(ValueError, match=rf"^{name} must be finite, got (nan|inf)"):
            changed(**{name: bad})
    with pytest.raises(ValueError, match=rf"^{name} must have at least one draw a fold, 5, got 4"):
        changed(**{name: torch.randn(4, 2, generator=seeded())})


def test_bad_options_are_refused():
    with pytest.raises(ValueError, match="x_1 must have as many coordinates as x_0, 2, got 3"):
        changed(x_1=torch.ones(10, 3))
    for bad in (-0.1, math.inf, math.nan, True, "0", None, torch.tensor(0.1)):
        with pytest.raises(ValueError, match="penalty must be a nonnegative number, got"):
            changed(penalty=bad)
    assert changed(penalty=np.float32(0.5)).jsd().value.isfinite()
    with pytest.raises(ValueError, match=r"generator must be a torch\.Generator, got NoneType"):
        changed(generator=None)
    for bad in (0, -1, 2.0, True):
        with pytest.raises(ValueError, match="folds must be a positive integer, got"):
            changed(folds=bad)
    with pytest.raises(ValueError, match="folds must be at least 2 so that a fit leaves draws out, got 1"):
        changed(folds=1)
    with pytest.raises(TypeError, match="penalty"):
        fit_density_ratio(BAD, BAD, generator=seeded())


def test_bad_features_are_refused():
    with pytest.raises(ValueError, match="features must be callable, got int"):
        changed(features=3)
    mapping = r"features must map x_0 of shape \(10, 2\) to \(10, k\), got"
    for bad, got in ((lambda x: x[:3], r"shape \(3, 2\)"), (lambda x: x.sum(), r"shape \(\)"), (lambda x: 0, "int")):
        with pytest.raises(ValueError, match=f"{mapping} {got}"):
            changed(features=bad)
    with pytest.raises(
        ValueError, match=r"features of x_0 must have shape \(n, d\) with a point a row, got shape \(10,\)"
    ):
        changed(features=lambda x: x[:, 0])
    with pytest.raises(ValueError, match="features of x_0 must be finite, got nan"):
        changed(features=lambda x: x * math.nan)
    counts = iter((2, 1))
    with pytest.raises(ValueError, match="features must be as many for x_1 as for x_0, 2, got 1"):
        changed(features=lambda x: x[:, : next(counts)])


def test_bad_new_points_are_refused():
    fit = changed()
    with pytest.raises(ValueError, match="x must have 2 features, as those fitted, got 3"):
        fit.log_ratio(torch.ones(4, 3))
    with pytest.raises(ValueError, match="x must be finite, got nan"):
        fit.log_ratio(BAD)
    with pytest.raises(ValueError, match=r"x must have shape \(n, d\) with a point a row, got shape \(2,\)"):
        fit.log_ratio([1.0, 2.0])
    with pytest.raises(ValueError, match="x must be an array of numbers, got str"):
        fit.log_ratio("x")
    with pytest.raises(ValueError, match="features of x must be finite, got inf"):
        changed(features=lambda x: 1 / x.abs()).log_ratio([[0.0, 1.0]])


def test_fits_are_told_apart_by_identity():
    fit = changed()
    assert fit == fit
    assert fit != changed()
    with pytest.raises(AttributeError):
        fit.prior_1 = 0.5


def test_features_that_change_their_points_leave_the_callers_draws():
    rng = torch.Generator().manual_seed(0)
    x_0, x_1 = torch.randn(2, 30, 1, dtype=torch.float64, generator=rng)
    before = x_0.clone()
    fit = fit_density_ratio(x_0, x_1, penalty=0.0, generator=rng, features=lambda x: x.mul_(2))
    fit.log_ratio(x_0)
    assert torch.equal(x_0, before)


def test_features_must_be_real_numbers():
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(2, 30, 1, generator=rng)
    with pytest.raises(ValueError, match="features of x_0 must be an array of numbers, got dtype"):
        fit_density_ratio(x[0], x[1], penalty=0.0, generator=rng, features=lambda x: x + 1j)
    with pytest.raises(ValueError, match=r"x_0 must be an array of numbers, got dtype .* meta"):
        fit_density_ratio(x[0].to("meta"), x[1], penalty=0.0, generator=rng)
