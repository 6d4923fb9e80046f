import math
import statistics
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from chance import above, mean_is, normal, statistical
from hw.bounds.gradients import dreg_surrogate, iwae_surrogate, signal_to_noise, stl_surrogate
from hw.bounds.models import LinearGaussian
from hw.bounds.weights import iwlb

SURROGATES = [iwae_surrogate, stl_surrogate, dreg_surrogate]
EXAMPLES = settings(max_examples=8, deadline=None)
X, SLOPE, NOISE = 1.0, 1.3, 0.7
FLOATS = st.floats(-2, 2)


def log_normal(value, mean, variance):
    return (
        -((value - mean) ** 2 / variance + torch.log(2 * math.pi * torch.as_tensor(variance, dtype=torch.float64))) / 2
    )


def tensors(*values):
    return [torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in values]


def log_joint(z, intercept=0.0, slope=SLOPE, noise=NOISE):
    return log_normal(z, 0, 1) + log_normal(X, slope * z + intercept, noise)


def estimates(surrogate, k, replicates, values=(0.8, 2 / 3, 0.1), seed=0, slope=SLOPE, noise=NOISE):
    """Each replicate's gradient in its own copy of the mean and variance of q and of the decoder's intercept."""
    generator = torch.Generator().manual_seed(seed)
    mean, variance, intercept = leaves = [
        torch.full((replicates, 1), value, dtype=torch.float64, requires_grad=True) for value in values
    ]
    z = mean + variance.sqrt() * torch.randn(replicates, k, dtype=torch.float64, generator=generator)
    joint = partial(log_joint, intercept=intercept, slope=slope, noise=noise)
    value = surrogate(joint, log_normal, z, [mean, variance], 1)
    return torch.cat(torch.autograd.grad(value.sum(), leaves), 1)


def exact(k, values=(0.8, 2 / 3, 0.1)):
    mean, variance, intercept = tensors(*values)
    model = LinearGaussian(X, mean, variance, slope=SLOPE, intercept=intercept, noise_variance=NOISE)
    return torch.stack(torch.autograd.grad(model.iwlb(k), (mean, variance, intercept)))


def gradients_by_loops(kind, noises, mean, variance, intercept):
    """The estimators of one replicate from their definitions, in plain floats."""
    scale = math.sqrt(variance)
    draws = [mean + scale * noise for noise in noises]
    log_w = [
        -z * z / 2
        - (X - SLOPE * z - intercept) ** 2 / NOISE / 2
        + (z - mean) ** 2 / variance / 2
        + math.log(variance / NOISE / (2 * math.pi)) / 2
        for z in draws
    ]
    weights = [math.exp(value) for value in log_w]
    shares = [weight / sum(weights) for weight in weights]
    totals = [0.0, 0.0, 0.0]
    for z, noise, share in zip(draws, noises, shares, strict=True):
        residual = (X - SLOPE * z - intercept) / NOISE
        path = -z + SLOPE * residual + (z - mean) / variance
        score = ((z - mean) / variance, (z - mean) ** 2 / variance**2 / 2 - 1 / variance / 2)
        factor = share**2 if kind == "dreg" else share
        for index, jacobian in enumerate((1.0, noise / scale / 2)):
            totals[index] += factor * (path * jacobian - (score[index] if kind == "iwae" else 0.0))
        totals[2] += share * residual
    return math.log(sum(weights) / len(weights)), totals


@EXAMPLES
@given(noises=st.lists(FLOATS, min_size=1, max_size=5), mean=FLOATS, variance=st.floats(0.2, 3), intercept=FLOATS)
@pytest.mark.parametrize("surrogate", SURROGATES)
def test_estimators_follow_their_definitions(surrogate, noises, mean, variance, intercept):
    leaves = tensors(mean, variance, intercept)
    z = leaves[0] + leaves[1].sqrt() * torch.tensor(noises, dtype=torch.float64)
    value = surrogate(partial(log_joint, intercept=leaves[2]), log_normal, z, leaves[:2], 0)
    value.backward()
    kind = surrogate.__name__.removesuffix("_surrogate")
    expected, gradients = gradients_by_loops(kind, noises, mean, variance, intercept)
    assert value.item() == pytest.approx(expected, rel=1e-12, abs=1e-12)
    assert [leaf.grad.item() for leaf in leaves] == pytest.approx(gradients, rel=1e-11, abs=1e-11)


@pytest.mark.parametrize("k", [1, 4])
@pytest.mark.parametrize("surrogate", [iwae_surrogate, dreg_surrogate])
@statistical(alarms=1e-6, effect="the gradient of twice the draws")
def test_iwae_and_dreg_are_unbiased(surrogate, k, seed, planted):
    return mean_is(estimates(surrogate, k, 10_000, seed=seed), exact(2 * k if planted else k))


@statistical(alarms=1e-6, effect="four draws, where the parameters of q have a bias")
def test_stl_is_unbiased_for_one_draw_only(seed, planted):
    k = 4 if planted else 1
    return mean_is(estimates(stl_surrogate, k, 2_000, seed=seed), exact(k))


@statistical(alarms=1e-6, effect="a score that is not dropped")
def test_bias_of_stl_is_the_score_that_it_drops(seed, planted):
    stl, iwae = (estimates(surrogate, 4, 2_000, seed=seed) for surrogate in (stl_surrogate, iwae_surrogate))
    generator = torch.Generator().manual_seed(seed + 10_000)
    z = 0.8 + math.sqrt(2 / 3) * torch.randn(2_000, 4, dtype=torch.float64, generator=generator)
    weights = (log_joint(z, 0.1) - log_normal(z, 0.8, 2 / 3)).softmax(1)
    score = (weights * (z - 0.8) / (2 / 3)).sum(1)
    of_the_model = mean_is(stl[:, 2], exact(4)[2])  # which has none
    return mean_is((stl - iwae)[:, 0] - (0 if planted else score), 0) + of_the_model


@statistical(alarms=1e-6, effect="the noise of the other estimator")
def test_dreg_is_less_noisy_in_the_parameters_of_q(seed, planted):
    """Half the deviation at most: by the logarithms of the two, and the errors that these have."""
    iwae, dreg = (estimates(surrogate, 4, 1_000, seed=seed) for surrogate in (iwae_surrogate, dreg_surrogate))
    torch.testing.assert_close(dreg[:, 2], iwae[:, 2], rtol=1e-12, atol=0)
    squares = [(each - each.mean(0)).square()[:, :2] for each in (iwae, iwae if planted else dreg)]
    ratio = (squares[1].mean(0) / squares[0].mean(0)).log() / 2
    error = sum((each.std(0) / each.mean(0)).square() for each in squares).sqrt() / 2 / math.sqrt(1_000)
    return above((ratio + math.log(2)) / error)


def test_one_draw_makes_dreg_the_path_gradient():
    dreg, stl = (estimates(surrogate, 1, 100) for surrogate in (dreg_surrogate, stl_surrogate))
    torch.testing.assert_close(dreg, stl, rtol=1e-12, atol=0)
    dreg, stl = (estimates(surrogate, 2, 100) for surrogate in (dreg_surrogate, stl_surrogate))
    assert ((dreg - stl).abs()[:, :2] > 1e-6).all()


@pytest.mark.parametrize("k", [1, 2, 16])
def test_path_gradients_vanish_at_the_posterior_at_every_draw(k):
    posterior = (0.5, 0.5, 0.0)
    for surrogate in (stl_surrogate, dreg_surrogate):
        gradients = estimates(surrogate, k, 1000, posterior, slope=1.0, noise=1.0)
        assert gradients[:, :2].abs().max() < 1e-14
        assert gradients[:, 2].abs().min() > 0
    assert (estimates(iwae_surrogate, k, 1000, posterior, slope=1.0, noise=1.0)[:, 0].abs() > 1e-5).all()


@pytest.mark.parametrize(
    ("surrogate", "k", "ratio"),
    [
        (iwae_surrogate, 1, 0.367),
        (iwae_surrogate, 4, 0.153),
        (iwae_surrogate, 16, 0.074),
        (dreg_surrogate, 1, 1.47),
        (dreg_surrogate, 4, 2.04),
        (dreg_surrogate, 16, 4.08),
    ],
)
@statistical(alarms=1e-6, effect="twice the ratio")
def test_signal_to_noise_falls_for_iwae_and_grows_for_dreg(surrogate, k, ratio, seed, planted):
    """In the mean of q for x = 1, q = N(0.8, 2/3); the error of the ratio is that of its linear part."""
    replicates = 12_000 if surrogate is iwae_surrogate else 2_000
    gradients = estimates(surrogate, k, replicates, (0.8, 2 / 3, 0.0), seed, slope=1.0, noise=1.0)[:, 0]
    measured, deviations = signal_to_noise(gradients, 0), (gradients - gradients.mean()) / gradients.std()
    error = (deviations - measured * (deviations.square() - 1) / 2).std() / math.sqrt(len(gradients))
    return normal((measured - (2 if planted else 1) * ratio) / error)


def test_vector_latents_sum_over_the_event():
    """A sum over coordinates inside the densities: the weights are those of whole draws."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(7, 3, 2, dtype=torch.float64, generator=generator)
    (mean,) = tensors([0.3, -0.2])

    def joint(z):
        return log_joint(z).sum(-1)

    def density(z, mean):
        return log_normal(z, mean, 1).sum(-1)

    z = mean + noise
    value = dreg_surrogate(joint, density, z, [mean], 1)
    assert value.shape == (7,)
    (gradient,) = torch.autograd.grad(value.sum(), mean)
    shares = (joint(z) - density(z, mean)).softmax(1).detach()
    path = -z + SLOPE * (X - SLOPE * z) / NOISE + noise
    torch.testing.assert_close(gradient, (shares[..., None] ** 2 * path).sum((0, 1)).detach(), rtol=1e-12, atol=1e-12)
    mixed = (log_joint(z) - log_normal(z, mean, 1)).softmax(1).detach()
    assert not torch.allclose(gradient, (mixed**2 * path).sum((0, 1)).detach(), rtol=1e-3)


@pytest.mark.parametrize("surrogate", SURROGATES)
def test_axis_of_the_draws_may_be_any(surrogate):
    mean, variance = tensors(0.2, 0.9)
    z = mean + variance.sqrt() * torch.randn(5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    last = surrogate(log_joint, log_normal, z, (mean, variance), -1)
    first = surrogate(log_joint, log_normal, z.T, (mean, variance), 0)
    torch.testing.assert_close(first, last)
    torch.testing.assert_close(last, iwlb(log_joint(z) - log_normal(z, mean, variance), 1))
    pairs = [torch.autograd.grad(value.sum(), (mean, variance), retain_graph=True) for value in (first, last)]
    torch.testing.assert_close(*pairs)
    other = torch.autograd.grad(surrogate(log_joint, log_normal, z, (mean, variance), 0).sum(), mean)[0]
    assert abs(other - pairs[0][0]) > 1e-3


def test_other_uses_of_the_draws_keep_their_gradient():
    (mean,) = tensors(0.2)
    z = mean + torch.tensor([0.1, -0.4, 1.0], dtype=torch.float64)
    density = partial(log_normal, variance=1)
    (alone,) = torch.autograd.grad(dreg_surrogate(log_joint, density, z, [mean], 0), mean, retain_graph=True)
    both = dreg_surrogate(log_joint, density, z, [mean], 0) + z.sum()
    torch.testing.assert_close(torch.autograd.grad(both, mean)[0], alone + 3)


@pytest.mark.parametrize("surrogate", SURROGATES)
@pytest.mark.parametrize(("threshold", "value_is_finite"), [(0.0, True), (math.inf, False)])
def test_draws_without_weight_carry_no_gradient(surrogate, threshold, value_is_finite):
    (mean,) = tensors(0.5)
    noise = torch.tensor([-2.0, 1.0, 0.3], dtype=torch.float64)

    def truncated(z):
        return torch.where(z > threshold, log_joint(z), -math.inf)

    value = surrogate(truncated, partial(log_normal, variance=1), mean + noise, [mean], 0)
    assert value.isfinite().item() is value_is_finite
    (gradient,) = torch.autograd.grad(value, mean)
    inside = surrogate(log_joint, partial(log_normal, variance=1), mean + noise[1:], [mean], 0)
    expected = torch.autograd.grad(inside, mean)[0] if value_is_finite else torch.zeros_like(mean)
    torch.testing.assert_close(gradient, expected)


@pytest.mark.parametrize("surrogate", SURROGATES)
def test_value_needs_no_gradient(surrogate):
    (mean,) = tensors(0.5)
    z = mean + torch.tensor([0.0, 1.0], dtype=torch.float64)
    with torch.no_grad():
        value = surrogate(log_joint, partial(log_normal, variance=1), z, [mean], 0)
    assert not value.requires_grad
    torch.testing.assert_close(value, iwlb(log_joint(z) - log_normal(z, mean, 1), 0).detach())


@pytest.mark.parametrize(("z_type", "density_type"), [(torch.bfloat16, None), (torch.float32, torch.float64)])
def test_draws_of_fewer_bits_than_the_weights(z_type, density_type):
    gradients = []
    for cast in (z_type, torch.float64):
        (mean,) = tensors(0.5)
        z = (mean + torch.tensor([0.0, 1.0, -0.5], dtype=torch.float64)).to(cast)  # exact in all types

        def joint(z):
            return -(z.to(density_type or z.dtype) ** 2)

        def density(z, mean):
            return -((z - mean.to(z.dtype)) ** 2) / 2

        gradients.append(torch.autograd.grad(dreg_surrogate(joint, density, z, [mean], 0), mean)[0])
    torch.testing.assert_close(*gradients, rtol=2e-2 if density_type is None else 1e-6, atol=1e-6)


@pytest.mark.parametrize("surrogate", SURROGATES)
def test_what_is_no_function_and_no_tensor_is_refused(surrogate):
    (mean,) = tensors(0.5)
    z = mean + torch.zeros(2, dtype=torch.float64)
    density = partial(log_normal, variance=1)
    with pytest.raises(ValueError, match="log_joint must be callable, got Tensor"):
        surrogate(z, density, z, [mean], 0)
    with pytest.raises(ValueError, match="log_q must be callable, got NoneType"):
        surrogate(log_joint, None, z, [mean], 0)
    with pytest.raises(ValueError, match="z must be a floating-point tensor, got float"):
        surrogate(log_joint, density, 0.5, [mean], 0)
    for bad in (0.5, torch.zeros(2, dtype=torch.int64)):
        with pytest.raises(ValueError, match="log_joint must return a floating-point tensor"):
            surrogate(lambda z, bad=bad: bad, density, z, [mean], 0)
        with pytest.raises(ValueError, match="log_q must return a floating-point tensor"):
            surrogate(log_joint, lambda z, mean, bad=bad: bad, z, [mean], 0)


@pytest.mark.parametrize("surrogate", SURROGATES)
def test_bad_arguments_are_refused(surrogate):
    (mean,) = tensors(0.5)
    z = mean + torch.zeros(2, 3, dtype=torch.float64)
    density = partial(log_normal, variance=1)
    for bad in (mean, [], [0.5], None, iter([mean])):
        with pytest.raises(ValueError, match="parameters must be a sequence of one tensor or more, got"):
            surrogate(log_joint, density, z, bad, 0)
    reason = (
        "z must be a differentiable function of parameters so that a gradient reaches them through the draws, got a"
    )
    with pytest.raises(ValueError, match=f"{reason} tensor without gradient"):
        surrogate(log_joint, density, z.detach(), [mean], 0)
    with pytest.raises(ValueError, match=f"{reason} leaf"):
        surrogate(log_joint, density, z.detach().requires_grad_(), [mean], 0)
    leading = r"must return one value for each draw, the leading axes of z, shape \(2, 3\), got shape"
    for shape in ((), (3,), (2, 1), (2, 3, 1)):
        with pytest.raises(ValueError, match=rf"log_joint {leading}"):
            surrogate(lambda z, shape=shape: z.new_zeros(shape), density, z, [mean], 0)
        with pytest.raises(ValueError, match=rf"log_q {leading}"):
            surrogate(log_joint, lambda z, mean, shape=shape: z.new_zeros(shape), z, [mean], 0)
    with pytest.raises(ValueError, match=r"log_q must return the shape of log_joint, \(2, 3\), got shape \(2,\)"):
        surrogate(log_joint, lambda z, mean: density(z, mean).sum(1), z, [mean], 0)
    with pytest.raises(ValueError, match="dim must be an axis of log_w"):
        surrogate(log_joint, density, z, [mean], 2)


@EXAMPLES
@given(
    values=st.lists(st.floats(-100, 100), min_size=2, max_size=8).filter(lambda values: max(values) - min(values) > 1)
)
def test_signal_to_noise_is_mean_over_standard_deviation(values):
    rows = torch.tensor([values, [7 * value for value in values]], dtype=torch.float64)
    expected = abs(statistics.fmean(values)) / statistics.stdev(values)
    torch.testing.assert_close(
        signal_to_noise(rows, 1), torch.full((2,), expected, dtype=torch.float64), atol=1e-12, rtol=1e-9
    )
    torch.testing.assert_close(signal_to_noise(rows.T, -2), signal_to_noise(rows, 1))


def test_signal_to_noise_without_noise():
    assert signal_to_noise(torch.full((3,), 0.5), 0).item() == math.inf
    assert signal_to_noise(torch.zeros(3), 0).isnan()
    for k in range(2, 60):  # the mean of equal numbers may be another one
        assert signal_to_noise(torch.full((k,), 0.1, dtype=torch.float64), 0).item() == math.inf
    tiny = torch.tensor([1.0, 3.0], dtype=torch.float64)
    for exponent in (0, -250, -1000, 1000):  # the squares of the small and the large ones leave the range of numbers
        assert signal_to_noise(tiny * 2.0**exponent, 0).item() == pytest.approx(math.sqrt(2), rel=1e-15)


def test_signal_to_noise_of_half_precision_is_accumulated_in_float32():
    estimates = (3 + torch.randn(5000, generator=torch.Generator().manual_seed(0))).to(torch.bfloat16)
    ratio = signal_to_noise(estimates, 0)
    assert ratio.dtype == torch.float32
    torch.testing.assert_close(ratio, signal_to_noise(estimates.double(), 0).float())


def test_signal_to_noise_refuses_what_has_no_ratio():
    with pytest.raises(ValueError, match=r"gradients must be a floating-point tensor, .* got dtype torch\.int64"):
        signal_to_noise(torch.tensor([1, 2]), 0)
    with pytest.raises(ValueError, match="gradients must be a floating-point tensor, got list"):
        signal_to_noise([1.0, 2.0], 0)
    for bad in (1, 0.0, True, None):
        with pytest.raises(ValueError, match=r"dim must be an axis of gradients, which has shape \(2,\), got"):
            signal_to_noise(torch.ones(2), bad)
    with pytest.raises(ValueError, match="gradients must hold two estimates or more along dim, got 1"):
        signal_to_noise(torch.ones(3, 1), 1)


def test_no_estimator_has_no_ratio():
    assert signal_to_noise(torch.zeros(2, 0), 0).shape == (0,)
