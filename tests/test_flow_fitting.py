"""Fits: closed-form optima, what is left alone, refusals, the bar."""

import io
import math
import sys
from copy import deepcopy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from chance import above, statistical
from flow_cases import float64, generator
from hw.flows import (
    Affine,
    Compose,
    Fit,
    Flow,
    Inverse,
    MaskedAutoregressive,
    Permute,
    Planar,
    StandardNormal,
    fit_forward,
    fit_reverse,
)

FEW = settings(max_examples=10, deadline=None)


def start(d=1):
    zeros = torch.zeros(d, dtype=torch.float64)
    return Flow(StandardNormal(d).double(), Affine(zeros, zeros))


def samples(n=50, d=1, seed=0):
    return 2 + 0.5 * torch.randn(n, d, dtype=torch.float64, generator=generator(seed))


def target(x):
    """The logarithm of a density that is proportional to that of N(1, 1/4) in each coordinate."""
    return -2 * (x - 1).square().sum(-1)


def forward(flow, steps=20, seed=0, rate=0.1, **options):
    d = flow.bijection.features
    return fit_forward(flow, samples(d=d), steps=steps, learning_rate=rate, generator=generator(seed), **options)


def reverse(flow, steps=20, seed=0, rate=0.1, n=10, log_density=target):
    return fit_reverse(flow, log_density, steps=steps, learning_rate=rate, generator=generator(seed), n=n)


WAYS = [forward, reverse]


def copied(flow):
    return {name: value.clone() for name, value in flow.state_dict().items()}


def is_as_before(flow, before):
    same = all(torch.equal(value, before[name]) for name, value in flow.state_dict().items())
    return same and all(parameter.grad is None for parameter in flow.parameters())


def test_likelihood_of_an_affine_flow_is_largest_at_mean_and_deviation():
    data = samples(40, 2) * float64([1.0, 2.0])
    flow, losses = fit_forward(start(2), data, steps=450, learning_rate=0.1, generator=generator())
    mean, deviation = data.mean(0), data.std(0, correction=0)
    torch.testing.assert_close(flow.bijection.shift.detach(), mean, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(flow.bijection.log_scale.detach().exp(), deviation, rtol=1e-4, atol=1e-4)
    lowest = (deviation.log() + math.log(2 * math.pi) / 2 + 1 / 2).sum().item()
    assert losses[-1].item() == pytest.approx(lowest, abs=1e-7)
    assert losses[0].item() == pytest.approx(
        (data.square().sum(1) / 2).mean().item() + math.log(2 * math.pi), rel=1e-12
    )
    few = fit_forward(start(2), data, steps=3, learning_rate=0.1, generator=generator())
    assert (few.flow.bijection.shift - mean).abs().max() > 0.1


def test_reverse_fit_of_an_affine_flow_is_the_target():
    """At the optimum log q - log p is one constant at each draw, minus the logarithm of the target's integral."""
    flow, constant = start(2), -math.log(math.pi / 2)
    for rate in (0.1, 0.01, 0.001):  # the smaller, the less is left of the noise of the draws
        flow, losses = reverse(flow, steps=120, n=50, rate=rate)
    torch.testing.assert_close(flow.bijection.shift.detach(), float64([1.0, 1.0]), rtol=0, atol=0.03)
    torch.testing.assert_close(flow.bijection.log_scale.detach().exp(), float64([0.5, 0.5]), rtol=0, atol=0.03)
    assert losses[-40:].tolist() == pytest.approx([constant] * 40, abs=0.1)
    assert reverse(start(2), steps=1).losses.item() > constant + 1


def test_batches_reach_the_neighborhood_of_the_optimum():
    data, rate = samples(200), {"learning_rate": 0.05, "generator": generator()}
    flow, losses = fit_forward(start(), data, steps=150, batch_size=20, **rate)
    assert abs(flow.bijection.shift.item() - data.mean().item()) < 0.2
    assert abs(flow.bijection.log_scale.exp().item() - data.std().item()) < 0.2
    _, of_all = fit_forward(flow, data, steps=5, learning_rate=1e-9, generator=generator())
    assert of_all.std() < 1e-6
    assert losses[-50:].std() > 1e-2


@statistical(alarms=1e-6, effect="independent coordinates")
def test_an_autoregressive_flow_comes_near_a_correlated_normal(seed, planted):
    """The mean of log p - log q over new draws is at most what the fit may cost, 0.1 nats."""
    factor = float64([[1.0, 0.0], [0.9, 0.5]])
    noise = torch.randn(2, 1000, 2, dtype=torch.float64, generator=generator(seed))
    data, held_out = noise @ factor.T
    made = MaskedAutoregressive(2, [8], generator=generator(seed), activation=torch.tanh).double()
    flow = start(2) if planted else Flow(start(2).base, made)
    options = {"steps": 80, "learning_rate": 0.05, "batch_size": 200}
    flow, _ = fit_forward(flow, data, generator=generator(seed), **options)
    log_p = -noise[1].square().sum(1) / 2 - math.log(2 * math.pi * 0.5)
    terms = (log_p - flow.log_prob(held_out)).detach()
    return above((terms.mean() - 0.1) / terms.std() * math.sqrt(len(terms)))


def test_a_planar_flow_is_fitted_in_the_direction_that_it_has():
    planar = Planar(float64([1.0]), float64([0.1]), float64(0.0))
    base = start().base
    before = Flow(base, planar), Flow(base, Inverse(planar))
    _, losses = reverse(before[0], steps=40, n=50)
    assert losses[-10:].mean() < losses[:10].mean()
    _, losses = forward(before[1], steps=20)
    assert losses[-1] < losses[0]
    with pytest.raises(ValueError, match="bijection must map forward in closed form so that rsample"):
        reverse(before[1])
    with pytest.raises(ValueError, match="bijection must have an inverse in closed form so that log_prob"):
        forward(before[0])


@pytest.mark.parametrize("fit", WAYS)
def test_a_fit_is_a_copy_and_the_losses(fit):
    flow = start(2)
    before, state = copied(flow), torch.get_rng_state()
    fitted, losses = found = fit(flow)
    assert isinstance(found, Fit)
    assert is_as_before(flow, before)
    assert not is_as_before(fitted, before)
    assert torch.equal(torch.get_rng_state(), state)
    assert (losses.dtype, losses.shape, losses.requires_grad) == (torch.float64, (20,), False)
    assert not {id(each) for each in flow.parameters()} & {id(each) for each in fitted.parameters()}


@pytest.mark.parametrize("fit", WAYS)
def test_a_gradient_of_the_given_flow_stays(fit):
    flow = start()
    flow.rsample(3, generator()).sum().backward()
    gradients = [parameter.grad.clone() for parameter in flow.parameters() if parameter.grad is not None]
    fit(flow)
    assert gradients
    found = [parameter.grad for parameter in flow.parameters() if parameter.grad is not None]
    assert all(torch.equal(*pair) for pair in zip(found, gradients, strict=True))


@pytest.mark.parametrize("fit", [lambda flow, seed: forward(flow, seed=seed, batch_size=5), reverse])
def test_losses_follow_the_generator(fit):
    first, same, other = (fit(start(), seed=seed).losses for seed in (1, 1, 2))
    assert torch.equal(first, same)
    assert not torch.equal(first, other)


def test_without_batches_no_number_is_drawn():
    rng = generator()
    before = rng.get_state()
    fit_forward(start(), samples(), steps=3, learning_rate=0.1, generator=rng)
    assert torch.equal(rng.get_state(), before)
    fit_forward(start(), samples(), steps=3, learning_rate=0.1, generator=rng, batch_size=2)
    assert not torch.equal(rng.get_state(), before)


@pytest.mark.parametrize("fit", WAYS)
def test_what_is_frozen_stays(fit):
    flow = start()
    flow.bijection.log_scale.requires_grad_(False)
    fitted, _ = fit(flow)
    assert torch.equal(fitted.bijection.log_scale, flow.bijection.log_scale)
    assert not torch.equal(fitted.bijection.shift, flow.bijection.shift)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_target_that_is_not_finite_is_refused_and_the_flow_is_as_before(value):
    flow, calls = start(), []
    before = copied(flow)

    def late(x):
        calls.append(1)
        return target(x) + (value if len(calls) > 3 else 0)

    with pytest.raises(ValueError, match="log_density must be finite so that the divergence has an estimate, got"):
        reverse(flow, log_density=late)
    assert len(calls) == 4
    assert is_as_before(flow, before)


def test_a_loss_that_is_not_finite_is_refused_and_the_flow_is_as_before():
    flow = start()
    flow.bijection.log_scale.data.fill_(-400.0)
    before = copied(flow)
    expected = (
        "the loss at step 0 must be finite so that there is a step to take; a smaller rate may do, got inf at 1 of 1"
    )
    with pytest.raises(ValueError, match=expected):
        forward(flow)
    assert is_as_before(flow, before)
    flow, narrow = start(), samples() - 2
    before = copied(flow)
    with pytest.raises(ValueError, match="the loss at step 1 must be finite"):
        fit_forward(flow, narrow, steps=5, learning_rate=1e3, generator=generator())
    assert is_as_before(flow, before)


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("fit", WAYS)
def test_a_bar_on_a_terminal_only(fit, monkeypatch):
    for stream, is_seen in ((io.StringIO(), False), (Terminal(), True)):
        monkeypatch.setattr(sys, "stderr", stream)
        fit(start(), steps=3)
        assert ("3/3" in stream.getvalue() or "0/3" in stream.getvalue()) is is_seen
        assert bool(stream.getvalue()) is is_seen


@FEW
@given(
    d=st.integers(1, 3),
    steps=st.integers(1, 4),
    n=st.integers(1, 5),
    rate=st.floats(1e-6, 0.3),
    seed=st.integers(0, 99),
)
def test_any_small_fit(d, steps, n, rate, seed):
    flow = Flow(StandardNormal(d), Compose(MaskedAutoregressive(d, [3], generator=generator(seed)), Permute(range(d))))
    draws = torch.randn(n, d, generator=generator(seed))
    options = {"steps": steps, "learning_rate": rate, "generator": generator(seed)}
    for fitted, losses in (
        fit_forward(flow, draws, **options),
        fit_forward(flow, draws, batch_size=n, **options),
        fit_reverse(flow, target, n=n, **options),
    ):
        assert losses.shape == (steps,)
        assert losses.isfinite().all()
        assert fitted.rsample(2, generator()).isfinite().all()


# Refusals


@pytest.mark.parametrize("fit", WAYS)
def test_numbers_that_are_not_positive_are_refused(fit):
    for bad in (0, -1, 1.5, True, None):
        with pytest.raises(ValueError, match="steps must be a positive integer, got"):
            fit(start(), steps=bad)
    for bad in (0, -0.1, math.nan, math.inf, None, "1", True):
        with pytest.raises(ValueError, match="learning_rate must be a positive number, got"):
            fit(start(), rate=bad)
    for bad in (0, -1, 1.5, True):
        with pytest.raises(ValueError, match="batch_size must be a positive integer, got"):
            forward(start(), batch_size=bad)
        with pytest.raises(ValueError, match="n must be a positive integer, got"):
            reverse(start(), n=bad)


def test_what_is_no_generator_is_refused():
    options = {"steps": 1, "learning_rate": 0.1}
    for bad in (None, 0):
        with pytest.raises(ValueError, match=r"generator must be a torch\.Generator, got"):
            fit_forward(start(), samples(), generator=bad, **options)
        with pytest.raises(ValueError, match=r"generator must be a torch\.Generator, got"):
            fit_reverse(start(), target, generator=bad, n=3, **options)


def test_samples_that_are_no_samples_are_refused():
    options = {"steps": 1, "learning_rate": 0.1, "generator": generator()}
    for bad in (None, [[1.0]], torch.zeros(3), torch.zeros(0, 1), torch.zeros(1, 1, 1)):
        with pytest.raises(ValueError, match=r"samples must have shape \(n, d\).*, got"):
            fit_forward(start(), bad, **options)
    for value in (math.nan, math.inf):
        with pytest.raises(ValueError, match="samples must be finite so that they have a density, got"):
            fit_forward(start(), float64([[0.0], [value]]), **options)
    with pytest.raises(ValueError, match=r"samples must have shape \(\.\.\., 1\), got shape \(3, 2\)"):
        fit_forward(start(), torch.zeros(3, 2).double(), **options)
    with pytest.raises(ValueError, match="samples must have the type of the parameters"):
        fit_forward(start(), torch.zeros(3, 1), **options)


def test_targets_that_are_no_log_densities_are_refused():
    with pytest.raises(ValueError, match="log_density must be callable, got float"):
        reverse(start(), log_density=0.0)
    for bad in (lambda x: x, lambda x: x.sum(), lambda x: 0.0):
        with pytest.raises(ValueError, match=r"log_density must return one value for each point, shape \(10,\), got"):
            reverse(start(), log_density=bad)


@pytest.mark.parametrize("fit", WAYS)
def test_what_has_no_parameters_is_refused(fit):
    fixed = start()
    for parameter in fixed.parameters():
        parameter.requires_grad_(False)
    for bad in (fixed, Flow(StandardNormal(1).double(), Permute([0]))):
        with pytest.raises(ValueError, match=r"flow must have parameters that require a gradient so that .*, got none"):
            fit(bad)
    other = deepcopy(start().bijection)
    other.bijection = other.__class__(torch.zeros(1), torch.zeros(1))
    with pytest.raises(ValueError, match=r"flow must be a hw\.flows\.Flow, got Affine"):
        fit(other)


def test_a_target_without_a_gradient_is_refused():
    for silent in (lambda x: target(x.detach()), torch.no_grad()(target)):
        with pytest.raises(ValueError, match="log_density must be differentiable so that it moves the draws, got no"):
            fit_reverse(start(), silent, steps=2, learning_rate=0.1, generator=generator(), n=5)


def test_a_fit_leaves_gradients_of_others_alone():
    scale = torch.ones(1, dtype=torch.float64, requires_grad=True)
    fit_reverse(start(), lambda x: scale * target(x), steps=2, learning_rate=0.1, generator=generator(), n=5)
    points = (samples() * scale).requires_grad_()
    fit_forward(start(), points, steps=2, learning_rate=0.1, generator=generator())
    assert scale.grad is None


def test_a_fit_works_where_gradients_are_off():
    with torch.no_grad():
        off = reverse(start()).losses
    assert torch.equal(off, reverse(start()).losses)


def test_draws_that_are_not_finite_are_named():
    flow = start()
    with torch.no_grad():
        flow.bijection.log_scale.fill_(torch.inf)
    with pytest.raises(ValueError, match=r"the flow's draws must be finite so that .* a smaller learning_rate may do"):
        reverse(flow)


def test_parameters_that_are_not_finite_are_not_returned():
    def kinked(x):
        return target(x) - (x[:, 0] - x[:, 0]).abs().sqrt()

    with pytest.raises(ValueError, match="the fitted parameters must be finite so that the flow is a law"):
        reverse(start(), steps=1, log_density=kinked)


def test_samples_are_checked_by_name():
    for bad, message in (
        (torch.zeros(3, 1), r"samples must have the type of the parameters, torch\.float64, got torch\.float32"),
        (torch.zeros(0, 1).double(), r"samples must have shape \(n, d\) with n at least 1, got \(0, 1\)"),
        (torch.zeros(3, 2).double(), r"samples must have shape \(\.\.\., 1\), got shape \(3, 2\)"),
    ):
        with pytest.raises(ValueError, match=message):
            fit_forward(start(), bad, steps=1, learning_rate=0.1, generator=generator())


def test_a_step_that_is_no_number_is_refused():
    with pytest.raises(ValueError, match=r"^learning_rate must be at most 1e30 so that .*, got 1e\+300"):
        fit_forward(start(), samples(), steps=1, learning_rate=1e300, generator=generator())
