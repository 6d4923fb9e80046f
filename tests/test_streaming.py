import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from hw.bounds.gradients import dreg_surrogate
from hw.bounds.streaming import streaming_iwlb
from hw.bounds.weights import iwlb

INF, NAN = math.inf, math.nan
FEW = settings(deadline=None, max_examples=20)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def noise(n, generator, *shape):
    return torch.randn(n, *shape, dtype=torch.float64, generator=generator)


def compare(make, k, chunk):
    """Streaming against dense from the same state: value, gradients of `make`'s tensors, the generator's end."""
    results = []
    for bound in (dense, streaming_iwlb):
        sample_log_w, tensors = make()
        generator = seeded()
        value = bound(sample_log_w, k, generator, chunk=chunk)
        weights = torch.linspace(1, 2, value.numel(), dtype=torch.float64).view_as(value)
        gradients = torch.autograd.grad((weights * value).sum(), tensors, materialize_grads=True)
        results.append((value.detach(), *gradients, generator.get_state()))
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-11, atol=1e-12, equal_nan=True)
    return results[0]


def dense(sample_log_w, k, generator, *, chunk):
    return iwlb(sample_log_w(k, generator), 0)


def leaves():
    mean = torch.tensor([0.3, -0.2, 1.0], dtype=torch.float64, requires_grad=True)
    log_std = torch.tensor(0.1, dtype=torch.float64, requires_grad=True)

    def sample_log_w(n, generator):
        e = noise(n, generator, 3)
        z = mean + log_std.exp() * e
        return -z.square() - (z - 1).square() + e.square() / 2 + log_std

    return sample_log_w, [mean, log_std]


def scalar():
    mean = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
    return lambda n, generator: -(noise(n, generator) - mean).square(), [mean]


def modules():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        encoder, decoder = nn.Linear(2, 4).double(), nn.Linear(2, 2).double()
    x = torch.tensor([[1.0, 2.0], [0.5, -1.0]], dtype=torch.float64)
    mean, log_std = encoder(x).tanh().chunk(2, -1)  # results of a computation that comes before

    def sample_log_w(n, generator):
        e = noise(n, generator, 2, 2)
        z = mean + log_std.exp() * e
        return (-(x - decoder(z)).square() - z.square() / 2 + e.square() / 2 + log_std).sum(-1)

    return sample_log_w, [*encoder.parameters(), *decoder.parameters()]


def encoder_inside():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        encoder = nn.Linear(2, 2).double()
    x = torch.tensor([1.0, 2.0], dtype=torch.float64)
    return lambda n, generator: (encoder(x) * noise(n, generator, 2)).sum(-1), [*encoder.parameters()]


class Double(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return 2 * x

    @staticmethod
    def backward(ctx, gradient):
        return 2 * gradient


def results_through_a_function_of_their_own():
    a = torch.tensor([0.4, 0.6], dtype=torch.float64, requires_grad=True)
    views = a.exp().unbind()
    return lambda n, generator: Double.apply(views[0]) * noise(n, generator) + views[1], [a]


def nothing_saved():
    shift = torch.tensor(0.4, dtype=torch.float64, requires_grad=True)
    moved = 2 * shift
    return lambda n, generator: noise(n, generator) + moved, [shift]


def routed():
    """A parameter that most chunks do not touch."""
    a = torch.tensor(0.4, dtype=torch.float64, requires_grad=True)
    b = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    late = (3 * b).sin()

    def sample_log_w(n, generator):
        e = noise(n, generator)
        return torch.cat([a * x[None] if x < 1.5 else late * b * x[None] for x in e])

    return sample_log_w, [a, b]


def with_its_own_gradient():
    a = torch.tensor(0.4, dtype=torch.float64, requires_grad=True)

    def sample_log_w(n, generator):
        z = (a * noise(n, generator)).detach().requires_grad_()  # a leaf of each call
        (score,) = torch.autograd.grad((-((z - a) ** 4)).sum(), z, create_graph=True)
        return a * z - 0.1 * score.square()

    return sample_log_w, [a]


def tied():
    """What is read depends on what else is read, by operations that keep nothing for backward."""
    a = torch.tensor(0.4, dtype=torch.float64, requires_grad=True)
    b = 3 * a
    c = b + a
    return lambda n, generator: a + b * noise(n, generator) + c + torch.stack([a, b]).sum(), [a]


MAKERS = [
    tied,
    leaves,
    scalar,
    modules,
    encoder_inside,
    results_through_a_function_of_their_own,
    nothing_saved,
    routed,
    with_its_own_gradient,
]


@pytest.mark.parametrize(("k", "chunk"), [(100, 16), (96, 32), (97, 32), (5, 32), (111, 32), (112, 32), (113, 32)])
@pytest.mark.parametrize("make", MAKERS)
def test_value_gradient_and_draws_are_those_of_the_dense_bound(make, k, chunk):
    results = compare(make, k, chunk)
    assert any(gradient.abs().max() > 1e-3 for gradient in results[1:-1])


@FEW
@given(k=st.integers(1, 200), sixteens=st.integers(1, 5))
def test_any_number_of_draws_in_any_chunks_of_sixteens(k, sixteens):
    compare(leaves, k, 16 * sixteens)


@FEW
@given(k=st.integers(1, 60), chunk=st.integers(1, 20))
def test_any_chunk_serves_draws_without_blocks(k, chunk):
    def make():
        a = torch.tensor(0.4, dtype=torch.float64, requires_grad=True)
        return lambda n, g: (a * torch.rand(n, 2, dtype=torch.float64, generator=g)).sin(), [a]

    compare(make, k, chunk)


def test_other_chunks_give_other_normal_draws():
    sample_log_w, _ = leaves()
    with torch.no_grad():
        whole, parts = (streaming_iwlb(sample_log_w, 90, seeded(), chunk=chunk) for chunk in (90, 15))
    assert not torch.isclose(whole, parts, rtol=1e-6).any()


def listed(rows):
    """Draws that are the rows of a list, in order: each uniform number of the seeded generator names its row."""
    log_w = torch.tensor(rows, dtype=torch.float64)
    names, order = torch.rand(len(rows), dtype=torch.float64, generator=seeded()).sort()

    def make():
        a = torch.zeros(len(rows), dtype=torch.float64, requires_grad=True)

        def sample_log_w(n, generator):
            drawn = torch.rand(n, dtype=torch.float64, generator=generator)
            places = order[torch.searchsorted(names, drawn)]
            return log_w[places] + a[places]

        return sample_log_w, [a]

    return make


@pytest.mark.parametrize("chunk", [1, 2, 3, 64])
@pytest.mark.parametrize(
    ("rows", "gradient"),
    [
        ([-INF] * 20, [0] * 20),
        ([-INF] * 19 + [2], [0] * 19 + [1]),
        ([2] + [-INF] * 19, [1] + [0] * 19),
        ([INF] + [1.0] * 19, [1] + [0] * 19),
        ([INF, 0.0, -INF] + [INF] * 3 + [0.0] * 14, [0.25, 0, 0] + [0.25] * 3 + [0] * 14),
        ([0.0] * 18 + [NAN, INF], [NAN] * 20),
        ([-1e4] * 20, [0.05] * 20),
        ([-1e300, 1e300] * 10, [0, 0.1] * 10),
        ([1e4] + [-1e4] * 19, [1] + [0] * 19),
    ],
)
def test_corners(rows, gradient, chunk):
    _, found, _ = compare(listed(rows), len(rows), chunk)
    torch.testing.assert_close(found, torch.tensor(gradient, dtype=torch.float64), equal_nan=True)


def test_backward_in_every_form():
    sample_log_w, (mean, log_std) = leaves()
    generator = seeded()
    value = streaming_iwlb(sample_log_w, 100, generator, chunk=16).sum()
    state, everywhere = generator.get_state(), torch.get_rng_state()
    expected = torch.autograd.grad(dense(sample_log_w, 100, seeded(), chunk=0).sum(), [mean, log_std])
    for _ in range(2):
        torch.testing.assert_close(torch.autograd.grad(value, [mean, log_std], retain_graph=True), expected)
    torch.testing.assert_close(torch.autograd.grad(value, mean, retain_graph=True), expected[:1])
    value.backward()
    torch.testing.assert_close((mean.grad, log_std.grad), expected)
    assert torch.equal(generator.get_state(), state)
    assert torch.equal(torch.get_rng_state(), everywhere)
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        value.backward()


def test_backward_goes_on_through_what_was_computed_before():
    a = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    b = (3 * a).exp()
    one, two = (
        streaming_iwlb(lambda n, generator: b * noise(n, generator), 100, seeded(seed), chunk=16) for seed in (1, 2)
    )
    (found,) = torch.autograd.grad(one * two + b, a)
    c = (3 * a).exp()
    one, two = (iwlb(c * noise(100, seeded(seed)), 0) for seed in (1, 2))
    torch.testing.assert_close(found, torch.autograd.grad(one * two + c, a)[0], rtol=1e-12, atol=0)


def test_second_derivatives():
    def bound(k, chunk):
        def value(mean, log_std):
            def sample_log_w(n, generator):
                e = noise(n, generator, 2)
                return -(mean + log_std.exp() * e).pow(4).sum(-1) + e.square().sum(-1) / 2

            return streaming_iwlb(sample_log_w, k, seeded(), chunk=chunk)

        return value

    inputs = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in (0.3, -0.2)]
    assert torch.autograd.gradcheck(bound(50, 16), inputs)
    assert torch.autograd.gradgradcheck(bound(50, 16), inputs)
    hessians = [torch.autograd.functional.hessian(bound(50, chunk), tuple(inputs)) for chunk in (16, 64)]
    torch.testing.assert_close(*hessians, rtol=1e-10, atol=1e-12)


def test_no_graph_where_nothing_is_to_be_differentiated():
    sample_log_w, _ = leaves()
    for context in (torch.no_grad(), torch.inference_mode()):
        with context:
            assert not streaming_iwlb(sample_log_w, 100, seeded(), chunk=16).requires_grad
    constant = streaming_iwlb(lambda n, generator: noise(n, generator), 100, seeded(), chunk=16)
    assert not constant.requires_grad
    inside = streaming_iwlb(torch.no_grad()(sample_log_w), 100, seeded(), chunk=16)
    assert not inside.requires_grad


def test_frozen_parameters_get_no_gradient():
    sample_log_w, (mean, log_std) = leaves()
    log_std.requires_grad_(False)
    value = streaming_iwlb(sample_log_w, 100, seeded(), chunk=16).sum()
    log_std.requires_grad_(True)
    value.backward()
    expected = torch.autograd.grad(dense(sample_log_w, 100, seeded(), chunk=0).sum(), mean)[0]
    torch.testing.assert_close(mean.grad, expected)
    assert log_std.grad is None


def test_a_chunk_that_depends_on_what_the_first_does_not_is_refused():
    a, b = (torch.tensor(value, requires_grad=True) for value in (0.5, 0.7))
    calls = []

    def alternating(n, generator):
        calls.append(n)
        scale = a if len(calls) in (1, 2, 5) else a * b.detach().requires_grad_(len(calls) > 5)
        return scale * torch.randn(n, generator=generator)

    value = streaming_iwlb(alternating, 48, seeded(), chunk=16)
    with pytest.raises(ValueError, match="same tensors in every chunk"):
        value.backward()


def test_half_precision_and_autocast():
    a = torch.tensor(0.5, requires_grad=True)
    layer = nn.Linear(4, 1, bias=False)
    nn.init.ones_(layer.weight)

    def half(n, generator):
        return (a * torch.randn(n, generator=generator)).to(torch.bfloat16)

    def cast(n, generator):
        return a * layer(torch.randn(n, 4, generator=generator)).squeeze(-1)

    for sample_log_w in (half, cast):
        results = []
        for bound in (dense, streaming_iwlb):
            with torch.autocast("cpu", torch.bfloat16, enabled=sample_log_w is cast):
                value = bound(sample_log_w, 64, seeded(), chunk=16)
            results.append((value, torch.autograd.grad(value, a)[0]))  # outside of the autocast
        assert results[1][0].dtype == torch.float32
        torch.testing.assert_close(*results, rtol=2e-2, atol=1e-3)


def test_memory_does_not_grow_with_the_number_of_draws():
    def alive(k):
        sizes = []

        class Counted(torch.autograd.Function):
            """Saves one number a draw; counts how many are kept."""

            kept = 0

            @staticmethod
            def forward(ctx, x):
                ctx.held = Held(Counted, x.numel())
                sizes.append(Counted.kept)
                return x.clone()

            @staticmethod
            def backward(ctx, gradient):
                return gradient

        a = torch.ones((), dtype=torch.float64, requires_grad=True)
        streaming_iwlb(lambda n, generator: Counted.apply(a * noise(n, generator)), k, seeded(), chunk=16).backward()
        return max(sizes)

    assert alive(1600) == alive(160) <= 32


class Held:
    """A weight on a counter as long as the object lives."""

    def __init__(self, owner, size):
        self.owner, self.size = owner, size
        owner.kept += size

    def __del__(self):
        self.owner.kept -= self.size


def test_draws_from_another_generator_are_refused():
    a = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    own = seeded(3)
    for outer in (None, own):
        with pytest.raises(ValueError, match=r"sample_log_w must (draw from|return the same log-weights)"):
            streaming_iwlb(lambda n, _, outer=outer: a * noise(n, outer), 100, own, chunk=16)
    with pytest.raises(ValueError, match="sample_log_w must draw from the generator that it is given only"):
        with torch.no_grad():
            streaming_iwlb(lambda n, _: a * noise(n, None), 100, own, chunk=16)
    third = seeded(4)
    with pytest.raises(ValueError, match="sample_log_w must return the same log-weights from the same state"):
        streaming_iwlb(lambda n, _: a * noise(n, third), 100, own, chunk=16)


def nested(with_its_own):
    w = torch.tensor([0.3, -0.5, 0.8], dtype=torch.float64, requires_grad=True)

    def inner(n, generator):
        inside = streaming_iwlb(lambda m, g: noise(m, g, n, 3).mul(w).sum(2), 50, generator, chunk=16)
        return inside + w.sum() * noise(n, generator) if with_its_own else inside

    return inner, w


@pytest.mark.parametrize("with_its_own", [False, True])
def test_one_in_another_is_refused_where_a_gradient_would_be_lost(with_its_own):
    inner, w = nested(with_its_own)
    value = streaming_iwlb(inner, 100, seeded(), chunk=16)
    with pytest.raises(ValueError, match="sample_log_w must depend on the same tensors in every chunk"):
        value.backward()
    assert w.grad is None
    compare(lambda: (inner, [w]), 10, 16)  # in one chunk nothing is drawn again


def test_one_of_a_single_chunk_serves_in_another():
    w = torch.tensor([0.3, -0.5, 0.8], dtype=torch.float64, requires_grad=True)

    def sample_log_w(n, generator):
        return streaming_iwlb(lambda m, g: noise(n, g, m, 3).mul(w).sum(2).T, 16, generator, chunk=16)

    compare(lambda: (sample_log_w, [w]), 96, 16)


@pytest.mark.parametrize("older", [False, True])
def test_one_that_makes_leaves_in_another_is_refused(older):
    w = torch.tensor([0.3, -0.5, 0.8], dtype=torch.float64, requires_grad=True)
    read = w.exp() if older else w

    def inner(m, generator, n):
        e = noise(m, generator, n, 3).requires_grad_()  # a leaf of each chunk
        return (e * read).sum(2)

    value = streaming_iwlb(lambda n, g: streaming_iwlb(lambda m, h: inner(m, h, n), 50, g, chunk=16), 100, seeded())
    expected = streaming_iwlb(lambda n, g: streaming_iwlb(lambda m, h: inner(m, h, n), 50, g), 100, seeded())
    assert all(torch.autograd.grad(v, w, retain_graph=True)[0].abs().max() > 1e-3 for v in (value, expected))
    value = streaming_iwlb(
        lambda n, g: streaming_iwlb(lambda m, h: inner(m, h, n), 50, g, chunk=16), 100, seeded(), chunk=16
    )
    with pytest.raises(ValueError, match="sample_log_w must depend on the same tensors in every chunk"):
        value.backward()


def test_draws_that_are_differentiated_inside():
    def inside(kind):
        w = torch.tensor([0.3, -0.5, 0.8], dtype=torch.float64, requires_grad=True)

        def langevin(n, generator):
            z = noise(n, generator, 3) + w
            (slope,) = torch.autograd.grad((z * w).sin().sum(), z, create_graph=True)
            return (z + 0.1 * slope).mul(w).sum(1)

        def dreg(n, generator):
            z = w + noise(n, generator, 5, 3)
            return dreg_surrogate(lambda z: -z.square().sum(-1), lambda z, w: -(z - w).square().sum(-1), z, [w], 1)

        return {"langevin": langevin, "dreg": dreg}[kind], [w]

    for kind in ("langevin", "dreg"):
        results = compare(lambda kind=kind: inside(kind), 100, 16)
        assert results[1].abs().max() > 1e-3


def test_a_leaf_that_required_grad_in_forward_is_no_constant():
    """One branch is taken in forward, another in backward."""
    a, b = (torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in (0.5, 1.0))
    forward = [True]

    def sample_log_w(n, generator):
        other = b.detach() if forward else b
        return a * other * noise(n, generator)

    value = streaming_iwlb(sample_log_w, 100, seeded(), chunk=16)
    forward.clear()
    with pytest.raises(ValueError, match="sample_log_w must depend on the same tensors in every chunk"):
        value.backward()


def test_sample_log_w_must_be_a_function():
    with pytest.raises(ValueError, match="sample_log_w must be callable, got Tensor"):
        streaming_iwlb(torch.zeros(3), 3, seeded())


def test_a_change_between_forward_and_backward_is_noticed():
    a = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    value = streaming_iwlb(lambda n, generator: a * noise(n, generator), 100, seeded(), chunk=16)
    with torch.no_grad():
        a += 1e-6
    with pytest.raises(ValueError, match="sample_log_w must return the same log-weights"):
        value.backward()
    assert a.grad is None


def test_a_result_kept_between_calls_is_refused():
    a = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    kept = []

    def sample_log_w(n, generator):
        if not kept:
            kept.append(a.exp())
        return kept[0] * noise(n, generator)

    with pytest.raises(ValueError, match="sample_log_w must keep no result from one call to the next"):
        streaming_iwlb(sample_log_w, 100, seeded(), chunk=16)


class Unseen(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, y):
        return torch.ones_like(y)

    @staticmethod
    def backward(ctx, gradient):
        return gradient.sum(), gradient


def test_a_result_that_no_torch_function_reads_is_refused():
    b = torch.tensor(0.5, dtype=torch.float64, requires_grad=True).exp()
    with pytest.raises(ValueError, match="sample_log_w must read what it depends on by torch operations"):
        streaming_iwlb(lambda n, generator: Unseen.apply(b, noise(n, generator)), 100, seeded(), chunk=16)


def test_hooks_run_once():
    calls = []
    a = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    b = a.exp()
    a.register_hook(lambda gradient: calls.append("a") or 10 * gradient)
    b.register_hook(lambda gradient: calls.append("b") or 2 * gradient)
    b.retain_grad()
    streaming_iwlb(lambda n, g: a + b * noise(n, g), 100, seeded(), chunk=16).backward()
    c = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    d = c.exp()
    e = noise(100, seeded())
    by_c, by_d = torch.autograd.grad(iwlb(torch.ones(100).double() * c.view_as(c) + d * e, 0), [c, d])
    assert calls == ["b", "a"]
    torch.testing.assert_close(b.grad, 2 * by_d, rtol=1e-12, atol=0)
    del by_c
    torch.testing.assert_close(a.grad, 10 * (1 + 2 * by_d * d.detach()), rtol=1e-12, atol=0)


def test_what_functions_of_their_own_read_is_refused_only_where_it_is_tangled():
    a = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    b = 3 * a
    for first, second, right in [(a, a, True), (b, b, True), (a, b, False), (a, b.view_as(b), False)]:
        results = []
        for bound in (dense, streaming_iwlb):
            value = bound(
                lambda n, g, first=first, second=second: Double.apply(first) + Double.apply(second) * noise(n, g),
                100,
                seeded(),
                chunk=16,
            )
            if bound is dense or right:
                results.append(torch.autograd.grad(value, a, retain_graph=True)[0])
            else:
                with pytest.raises(ValueError, match="sample_log_w must hand what has hooks"):
                    value.backward()
        torch.testing.assert_close(results[0], results[-1], rtol=1e-12, atol=0)
    value = streaming_iwlb(lambda n, generator: Double.apply(a) * noise(n, generator), 100, seeded(), chunk=16)
    with pytest.raises(ValueError, match="sample_log_w must hand what has hooks"):
        torch.autograd.grad(value, a, create_graph=True)
    a.register_hook(lambda gradient: 10 * gradient)
    value = streaming_iwlb(lambda n, generator: Double.apply(a) * noise(n, generator), 100, seeded(), chunk=16)
    with pytest.raises(ValueError, match="sample_log_w must hand what has hooks"):
        value.backward()


@pytest.mark.parametrize("bad", [0, -1, 1.0, True, None, "3"])
def test_sizes_must_be_positive_integers(bad):
    with pytest.raises(ValueError, match="k must be a positive integer, got"):
        streaming_iwlb(scalar()[0], bad, seeded())
    with pytest.raises(ValueError, match="chunk must be a positive integer, got"):
        streaming_iwlb(scalar()[0], 3, seeded(), chunk=bad)


@pytest.mark.parametrize(
    ("sample_log_w", "message"),
    [
        (lambda n, generator: [0.0] * n, "sample_log_w must return a floating-point tensor, got list"),
        (lambda n, generator: torch.zeros(n).int(), "sample_log_w must return a floating-point tensor, strided"),
        (lambda n, generator: torch.zeros(n + 1), "sample_log_w must return 40 draws on the first axis, got shape"),
        (lambda n, generator: torch.zeros(()), "sample_log_w must return 40 draws on the first axis, got shape"),
        (lambda n, generator: torch.zeros(n, n), "sample_log_w must return the same shape and type for every chunk"),
    ],
)
def test_what_is_not_log_weights_is_refused(sample_log_w, message):
    generator = seeded()
    with pytest.raises(ValueError, match=message):
        streaming_iwlb(sample_log_w, 100, generator, chunk=40)
    assert torch.equal(generator.get_state(), seeded().get_state())


def test_generator_must_be_one():
    with pytest.raises(ValueError, match=r"generator must be a torch\.Generator, got int"):
        streaming_iwlb(scalar()[0], 3, 0)


def test_numpy_integers_and_the_global_generator_serve():
    sample_log_w, _ = scalar()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        one = streaming_iwlb(sample_log_w, torch.tensor([100]).numpy()[0], torch.default_generator, chunk=16)
        after = torch.get_rng_state()
    generator = seeded()
    assert torch.equal(one, streaming_iwlb(sample_log_w, 100, generator, chunk=16))
    assert torch.equal(after, generator.get_state())
