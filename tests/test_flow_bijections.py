"""Bijections: log-determinants against autograd, inverses by round trip, structure, extremes, derivatives, refusals."""

import math
from decimal import Decimal, localcontext
from itertools import permutations, product

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import gradcheck, gradgradcheck
from torch.autograd.functional import jacobian
from torch.func import functional_call

from flow_cases import Both, generator, perturbed
from hw.flows import Affine, AffineCoupling, Bijection, Compose, Inverse, MaskedAutoregressive, Permute, Planar
from hw.flows.networks import AffineNetwork

FEW = settings(max_examples=25, deadline=None)
DIMENSIONS = range(1, 6)


def normal(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, dtype=torch.float64, generator=generator(seed)).to(dtype)


def affine(d, **_):
    return Affine(torch.zeros(d), torch.zeros(d))


def planar(d, **_):
    return Planar(torch.ones(d), torch.ones(d), torch.tensor(0.1))


def coupling(d, activation=torch.tanh):
    return AffineCoupling(d, [6], generator=generator(), activation=activation)


def autoregressive(d, activation=torch.tanh):
    return MaskedAutoregressive(d, [5, 4], generator=generator(), activation=activation)


def permute(d, **_):
    return Permute([*range(1, d), 0])


def stack(d, **options):
    inner = [affine(d), planar(d), permute(d), autoregressive(d, **options), Inverse(planar(d))]
    return Compose(*inner, coupling(d, **options)) if d > 1 else Compose(*inner)


KINDS = {each.__name__: each for each in (affine, planar, coupling, autoregressive, permute, stack)}
CASES = [(name, d, way) for name in KINDS for d in DIMENSIONS for way in "+-" if (name, d) != ("coupling", 1)]


def case(name, d, way="+", size=0.5, **options):
    bijection = perturbed(KINDS[name](d, **options), seed=d, size=size)
    return Inverse(bijection) if way == "-" else bijection


class Stretched(Bijection):
    """A bijection times two, with a log-determinant that has not heard of it."""

    def __init__(self, bijection):
        super().__init__(bijection.features)
        self.bijection = bijection

    def forward_and_log_det(self, u):
        x, log_det = self.bijection.forward_and_log_det(u)
        return 2 * x, log_det

    def inverse_and_log_det(self, x):
        return self.bijection.inverse_and_log_det(x / 2)


def log_det_errors(bijection, points):
    """How far both log-determinants are from those of the Jacobians that autograd finds, and from the other sign's."""
    errors, flipped = [], []
    for point in points:
        for function, pair in (
            (bijection.forward, bijection.forward_and_log_det),
            (bijection.inverse, bijection.inverse_and_log_det),
        ):
            expected = torch.linalg.slogdet(jacobian(function, point))[1]
            errors.append((pair(point)[1] - expected).abs())
            flipped.append((pair(point)[1] + expected).abs())
    return torch.stack(errors).max().item(), torch.stack(flipped).max().item()


@pytest.mark.parametrize(("name", "d", "way"), CASES)
def test_log_determinants_are_those_of_the_jacobian(name, d, way):
    bijection, points = case(name, d, way), normal(1, d)
    error, of_other_sign = log_det_errors(bijection, points)
    assert error < 1e-10
    assert of_other_sign > 1e-3 or name == "permute"
    torch.testing.assert_close(bijection.log_abs_det_jacobian(points), bijection.forward_and_log_det(points)[1])
    missed, _ = log_det_errors(Stretched(bijection), points)
    assert missed == pytest.approx(d * torch.tensor(2.0).log().item(), abs=1e-6)


@pytest.mark.parametrize("activation", [torch.relu, torch.sigmoid])
@pytest.mark.parametrize("name", ["coupling", "autoregressive", "stack"])
def test_log_determinants_for_any_activation(name, activation):
    bijection = case(name, 4, activation=activation)
    assert log_det_errors(bijection, normal(2, 4))[0] < 1e-10


@pytest.mark.parametrize("missing", range(6))
def test_a_log_determinant_without_one_of_the_layers_is_seen(missing):
    whole, points = case("stack", 3), normal(4, 3)
    total, u = torch.zeros(4, dtype=torch.float64), points
    for number, layer in enumerate(whole.bijections):
        u, log_det = layer.forward_and_log_det(u)
        total = total + (0 if number == missing else log_det)
    is_permute = isinstance(whole.bijections[missing], Permute)
    assert ((total - whole.log_abs_det_jacobian(points)).abs().max() < 1e-12) == is_permute


@pytest.mark.parametrize(("name", "d", "way"), CASES)
def test_there_and_back(name, d, way):
    bijection, points = case(name, d, way), 3 * normal(20, d)
    for out, back in (
        (bijection.forward_and_log_det, bijection.inverse_and_log_det),
        (bijection.inverse_and_log_det, bijection.forward_and_log_det),
    ):
        image, log_det = out(points)
        again, opposite = back(image)
        torch.testing.assert_close(again, points, rtol=1e-10, atol=1e-10)
        torch.testing.assert_close(opposite, -log_det, rtol=1e-9, atol=1e-9)
    assert (bijection.inverse(1.01 * bijection(points)) - points).abs().max() > 1e-3


@pytest.mark.parametrize(("name", "d", "way"), [each for each in CASES if each[1] == 3])
def test_a_batch_is_its_vectors_one_by_one(name, d, way):
    bijection = case(name, d, way)
    functions = bijection.forward_and_log_det, bijection.inverse_and_log_det
    for shape, function in product([(), (3,), (2, 3), (0,)], functions):
        points = normal(*shape, d)
        rows = points.reshape(-1, d)
        images, log_dets = function(points)
        assert (images.shape, log_dets.shape) == (points.shape, torch.Size(shape))
        for row, image, log_det in zip(rows, images.reshape(-1, d), log_dets.reshape(-1), strict=True):
            alone = function(row)
            torch.testing.assert_close(alone, (image, log_det), rtol=1e-12, atol=1e-12)
        assert not points.numel() or not torch.allclose(function(points.flip(-1))[0], images)


@pytest.mark.parametrize("d", DIMENSIONS)
def test_an_autoregressive_map_is_triangular_with_its_scales_on_the_diagonal(d):
    for hidden in ([], [1], [8], [3, 7], [2, 2, 2]):
        flow = perturbed(MaskedAutoregressive(d, hidden, generator=generator(), activation=torch.tanh), seed=d)
        u = normal(d)
        found = jacobian(flow.forward, u)
        assert (found.triu(1) == 0).all()
        torch.testing.assert_close(found.diag(), flow.network(flow(u))[1].exp(), rtol=1e-12, atol=0)
        back = jacobian(flow.inverse, flow(u))
        assert (back.triu(1) == 0).all()
        torch.testing.assert_close(back, torch.linalg.inv(found), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("d", [2, 5])
def test_without_masks_the_map_is_not_triangular(d):
    flow = case("autoregressive", d)
    flow.network.is_masked = False
    assert (jacobian(flow.inverse, normal(d)).triu(1) != 0).any()


@pytest.mark.parametrize("d", DIMENSIONS)
def test_an_autoregressive_network_reads_what_came_before_only(d):
    flow, x = case("autoregressive", d), normal(d)
    shift, log_scale = flow.network(x)
    for place in range(d):
        hidden = torch.cat((x[:place], torch.full((d - place,), 100.0, dtype=torch.float64)))
        again = [each[place] for each in flow.network(hidden)]
        torch.testing.assert_close(again, [shift[place], log_scale[place]], rtol=1e-12, atol=1e-12)
    if d > 1:
        assert (flow.network(torch.cat((x[:1] + 100, x[1:])))[0][1:] != shift[1:]).any()


@pytest.mark.parametrize("d", DIMENSIONS)
def test_passes_of_the_network(d):
    flow, calls = case("autoregressive", d), []
    flow.network.register_forward_hook(lambda *_: calls.append(1))
    for bijection, forward, inverse in ((flow, d, 1), (Inverse(flow), 1, d)):
        for function, passes in ((bijection.forward, forward), (bijection.inverse, inverse)):
            calls.clear()
            function(normal(7, d))
            assert len(calls) == passes


@pytest.mark.parametrize("d", [2, 3, 5])
def test_a_coupling_keeps_the_first_half_and_moves_each_of_the_rest_alone(d):
    flow, u = case("coupling", d), normal(d)
    found, kept = jacobian(flow.forward, u), d // 2
    assert torch.equal(flow(u)[:kept], u[:kept])
    assert torch.equal(found[:, kept:].count_nonzero(0), torch.ones(d - kept, dtype=torch.int64))
    assert (found[kept:, :kept] != 0).any()
    calls = []
    flow.network.register_forward_hook(lambda *_: calls.append(1))
    flow.inverse(flow(u))
    assert len(calls) == 2


@pytest.mark.parametrize("name", ["coupling", "autoregressive"])
def test_networks_start_as_the_identity(name):
    u = normal(5, 4, dtype=torch.float32)
    x, log_det = KINDS[name](4).forward_and_log_det(u)
    assert torch.equal(x, u)
    assert (log_det == 0).all()
    assert not torch.equal(case(name, 4)(u.double()), u.double())


def test_starting_weights_follow_the_generator():
    before = torch.get_rng_state()
    first, same, other = (MaskedAutoregressive(3, [4], generator=generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first.network.weights[0], same.network.weights[0])
    assert not torch.equal(first.network.weights[0], other.network.weights[0])
    assert first.network.weights[0].abs().max() <= 3**-0.5


@pytest.mark.parametrize("d", [1, 2, 3, 4])
def test_every_permutation(d):
    for order in permutations(range(d)):
        u = normal(2, d)
        expected = torch.stack([u[:, place] for place in order], 1)
        assert torch.equal(Permute(order)(u), expected)
        assert torch.equal(Permute(order).inverse(expected), u)
    assert not torch.equal(Permute([1, 2, 0])(torch.arange(3.0)), Permute([1, 2, 0]).inverse(torch.arange(3.0)))


def test_the_order_of_a_composition():
    first, second, u = case("affine", 3), case("permute", 3), normal(3)
    assert torch.equal(Compose(first, second)(u), second(first(u)))
    assert torch.equal(Compose(first, second).inverse(u), first.inverse(second.inverse(u)))
    assert not torch.equal(Compose(second, first)(u), second(first(u)))
    assert torch.equal(Compose(Compose(first), second)(u), second(first(u)))
    assert torch.equal(Inverse(Inverse(first))(u), first(u))


def test_what_is_in_closed_form():
    one, other = planar(2), affine(2)
    ways = [
        (one, True, False),
        (Inverse(one), False, True),
        (other, True, True),
        (Compose(other, one), True, False),
        (Compose(Inverse(one), other), False, True),
        (Compose(one, Inverse(one)), False, False),
        (Inverse(Compose(other, one)), False, True),
    ]
    for bijection, forward, inverse in ways:
        assert (bijection.closed_forward, bijection.closed_inverse) == (forward, inverse)


def test_state_dicts_hold_parameters_only_and_carry_over():
    flow, other = case("stack", 4), KINDS["stack"](4).double()
    assert set(flow.state_dict()) == {name for name, _ in flow.named_parameters()}
    u = normal(4)
    assert not torch.allclose(other(u), flow(u))
    other.load_state_dict(flow.state_dict())
    assert torch.equal(other(u), flow(u))


# Extreme inputs


def in_decimals(flow, u):
    """Image and log-determinant of an autoregressive flow with one hidden layer of tanh, with 60 digits."""
    (first, last), (bias, last_bias) = flow.network.weights, flow.network.biases
    first, last = first * flow.network.mask_0, last * flow.network.mask_1
    rows = [[[Decimal(each) for each in row] for row in matrix.tolist()] for matrix in (first, last)]
    biases = [[Decimal(each) for each in vector.tolist()] for vector in (bias, last_bias)]
    d, x, total = len(u), [Decimal(0)] * len(u), Decimal(0)
    for place in range(d):
        linear = [
            sum(a * b for a, b in zip(row, x, strict=True)) + c for row, c in zip(rows[0], biases[0], strict=True)
        ]
        hidden = [tanh(each) for each in linear]
        out = [
            sum(a * b for a, b in zip(row, hidden, strict=True)) + c for row, c in zip(rows[1], biases[1], strict=True)
        ]
        raw = out[d + place]
        share = Decimal(math.pi) / 2 / Decimal(1000).ln()  # of π the double will do
        log_scale = arctan(share * raw) / share
        x[place] = log_scale.exp() * Decimal(u[place].item()) + out[place]
        total += log_scale
    return x, total


def tanh(value):
    return ((2 * value).exp() - 1) / ((2 * value).exp() + 1) if value < 0 else -tanh(-value) if value else value


def arctan(value):
    """The series after halving the angle ten times."""
    for _ in range(10):
        value = value / (1 + (1 + value * value).sqrt())
    return 1024 * sum((-1) ** k * value ** (2 * k + 1) / (2 * k + 1) for k in range(12))


@pytest.mark.parametrize(("dtype", "rtol"), [(torch.float64, 1e-12), (torch.float32, 2e-5)])
@pytest.mark.parametrize("u", [[1e4, -1e4, 1e4], [-1e4, 0.3, 0.1], [1e-4, 3.0, -1e4], [0.0, 0.0, 0.0]])
def test_far_out_an_autoregressive_flow_is_right(u, dtype, rtol):
    flow = perturbed(MaskedAutoregressive(3, [4], generator=generator(), activation=torch.tanh), 3).to(dtype)
    u = torch.tensor(u, dtype=dtype)
    with localcontext() as context:
        context.prec = 60
        expected, total = in_decimals(flow, u)
    x, log_det = flow.forward_and_log_det(u)
    assert x.tolist() == pytest.approx([float(each) for each in expected], rel=rtol, abs=rtol)
    assert log_det.item() == pytest.approx(float(total), rel=rtol, abs=rtol)
    torch.testing.assert_close(flow.inverse(x), u, rtol=100 * rtol, atol=100 * rtol)


FAR = [
    (name, d, way, activation)
    for name, d, way in CASES
    for activation in (torch.relu, torch.tanh)
    if d == 3 and (activation is torch.tanh or name in ("coupling", "autoregressive", "stack"))
]


def five(name, d, way, activation, dtype):
    layers = []
    for seed in range(5):
        layers += [perturbed(KINDS[name](d, activation=activation), seed, 0.3), Permute(range(d - 1, -1, -1))]
    flow = Compose(*layers).to(dtype)
    return Inverse(flow) if way == "-" else flow


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("name", "d", "way", "activation"), FAR)
def test_far_out_five_layers_give_numbers_and_gradients(name, d, way, activation, dtype):
    flow = five(name, d, way, activation, dtype)
    signs = torch.tensor([[1, -1, 1, 1, -1], [-1, -1, -1, 1, 1], [1, 0, 0, 0, 0]], dtype=dtype)[:, :d]
    u = torch.cat((1e4 * signs, 1e-4 * signs)).requires_grad_()
    x, log_det = flow.forward_and_log_det(u)
    gradients = torch.autograd.grad(x.sum() + log_det.sum(), [u, *flow.parameters()], materialize_grads=True)
    assert all(each.isfinite().all() for each in (x, log_det, *gradients))


@pytest.mark.parametrize(("name", "d", "way", "activation"), FAR)
def test_far_out_single_precision_agrees_with_double(name, d, way, activation):
    single, double = (five(name, d, way, activation, dtype) for dtype in (torch.float32, torch.float64))
    double.load_state_dict({name: value.double() for name, value in single.state_dict().items()})
    u = 1e4 * torch.tensor([[1, -1, 0.7, 1, -0.3], [-1, -1, -0.1, 0.5, 1]])[:, :d]
    (x, log_det), (exact, exact_log_det) = single.forward_and_log_det(u), double.forward_and_log_det(u.double())
    assert ((x - exact).abs() <= 1e-3 * exact.abs().amax(-1, keepdim=True)).all()
    torch.testing.assert_close(log_det.double(), exact_log_det, rtol=1e-3, atol=1e-3)


def test_scales_stay_between_a_thousandth_and_a_thousand():
    network = perturbed(AffineNetwork(2, [3], 2, generator=generator()), 0, size=10.0)
    _, log_scale = network(1e30 * normal(50, 2))
    assert log_scale.exp().min() >= 0.999e-3
    assert log_scale.exp().max() <= 1.001e3
    assert log_scale.abs().max() > 6.9


# Derivatives


def as_function(bijection):
    """Image and log-determinant as a function of the input and of all parameters, with a place to evaluate it."""
    module = Both(bijection)
    names = [name for name, _ in module.named_parameters()]
    leaves = [each.detach().clone().requires_grad_() for _, each in module.named_parameters()]

    def function(u, *values):
        return functional_call(module, dict(zip(names, values, strict=True)), (u,))

    return function, [normal(2, bijection.features).requires_grad_(), *leaves]


SMALL = {
    "affine": lambda: affine(3),
    "coupling": lambda: AffineCoupling(3, [2], generator=generator(), activation=torch.tanh),
    "autoregressive": lambda: MaskedAutoregressive(3, [2], generator=generator(), activation=torch.tanh),
    "stack": lambda: Compose(planar(2), Permute([1, 0]), Inverse(planar(2)), affine(2)),
}


@pytest.mark.parametrize("way", "+-")
@pytest.mark.parametrize("name", SMALL)
def test_first_and_second_derivatives_in_input_and_parameters(name, way):
    bijection = perturbed(SMALL[name](), 1)
    function, leaves = as_function(Inverse(bijection) if way == "-" else bijection)
    assert gradcheck(function, leaves, fast_mode=True)
    assert gradgradcheck(function, leaves, fast_mode=True)


@pytest.mark.parametrize("name", SMALL)
def test_a_log_determinant_without_gradient_is_seen(name):
    function, leaves = as_function(perturbed(SMALL[name](), 1))

    def cut(*leaves):
        x, log_det = function(*leaves)
        return x, log_det.detach() + 0 * x.sum(-1)

    with pytest.raises(RuntimeError, match="Jacobian mismatch"):
        gradcheck(cut, leaves, fast_mode=True)


# Domains and refusals


@FEW
@given(
    name=st.sampled_from(["affine", "coupling", "autoregressive", "stack"]),
    d=st.integers(2, 6),
    seed=st.integers(0, 2**31),
    batch=st.lists(st.integers(0, 3), max_size=3),
    scale=st.floats(1e-3, 1e3),
)
def test_any_size_any_batch_any_weights(name, d, seed, batch, scale):
    bijection = perturbed(KINDS[name](d), seed, size=0.3)
    u = scale * normal(*batch, d, seed=seed)
    x, log_det = bijection.forward_and_log_det(u)
    assert (x.shape, log_det.shape) == (u.shape, u.shape[:-1])
    back, opposite = bijection.inverse_and_log_det(x)
    torch.testing.assert_close(back, u, rtol=1e-7, atol=1e-7)
    torch.testing.assert_close(opposite, -log_det, rtol=1e-6, atol=1e-6)


@FEW
@given(d=st.integers(1, 6), hidden=st.lists(st.integers(1, 9), max_size=3), seed=st.integers(0, 2**31))
def test_any_network_is_autoregressive(d, hidden, seed):
    flow = perturbed(MaskedAutoregressive(d, hidden, generator=generator(seed)), seed)
    assert (jacobian(flow.inverse, normal(d, seed=seed)).triu(1) == 0).all()


@pytest.mark.parametrize("way", ["forward", "inverse"])
@pytest.mark.parametrize("name", KINDS)
def test_vectors_of_another_kind_are_refused(name, way):
    bijection, letter = KINDS[name](3), "u" if way.startswith("forward") else "x"
    function = getattr(bijection, way)
    with pytest.raises(ValueError, match=rf"{letter} must be a tensor of shape \(\.\.\., 3\), got list"):
        function([0.0, 0.0, 0.0])
    for shape in ((), (2,), (3, 1), (0,)):
        with pytest.raises(ValueError, match=rf"{letter} must have shape \(\.\.\., 3\), got shape"):
            function(torch.zeros(shape))
    if name != "permute":
        expected = rf"{letter} must have the type of the parameters, torch.float32, got torch.float64"
        with pytest.raises(ValueError, match=expected):
            function(torch.zeros(3, dtype=torch.float64))
    with pytest.raises(ValueError, match=r"u must have shape \(\.\.\., 3\)"):
        bijection.log_abs_det_jacobian(torch.zeros(2))


@pytest.mark.parametrize("bad", [0, -1, 1.0, True, "2", None])
def test_dimensions_that_are_no_positive_integers_are_refused(bad):
    rng = generator()
    for make in (Bijection, lambda d: MaskedAutoregressive(d, [2], generator=rng)):
        with pytest.raises(ValueError, match="features must be a positive integer, got"):
            make(bad)
    with pytest.raises(ValueError, match="features must be a positive integer, got"):
        AffineCoupling(bad, [2], generator=rng)
    for make in (MaskedAutoregressive, AffineCoupling):
        with pytest.raises(ValueError, match="each of hidden_features must be a positive integer, got"):
            make(2, [3, bad], generator=rng)
    with pytest.raises(ValueError, match="each of hidden_features must be a positive integer, got"):
        AffineNetwork(2, [bad], 2, generator=rng)
    for sizes in ((bad, [2], 2), (2, [2], bad)):
        with pytest.raises(ValueError, match="_features must be a positive integer, got"):
            AffineNetwork(*sizes, generator=rng)


@pytest.mark.parametrize("make", [MaskedAutoregressive, AffineCoupling])
def test_what_is_no_generator_or_no_function_is_refused(make):
    for bad in (None, 0, torch.default_generator.initial_seed()):
        with pytest.raises(ValueError, match=r"generator must be a torch\.Generator, got"):
            make(2, [3], generator=bad)
    with pytest.raises(ValueError, match="activation must be callable, got str"):
        make(2, [3], generator=generator(), activation="relu")


def test_a_coupling_of_one_coordinate_is_refused():
    with pytest.raises(ValueError, match="features must be at least 2 so that some stay and some move, got 1"):
        AffineCoupling(1, [3], generator=generator())


def test_parameters_that_are_no_stretching_and_moving_are_refused():
    good = torch.zeros(2)
    for bad in (0.0, [0.0, 0.0], torch.zeros(2, dtype=torch.int64)):
        with pytest.raises(ValueError, match="shift must be a floating-point tensor"):
            Affine(bad, good)
        with pytest.raises(ValueError, match="log_scale must be a floating-point tensor"):
            Affine(good, bad)
    for shift, log_scale in (
        (good, torch.zeros(3)),
        (good, good.double()),
        (good, torch.zeros(())),
        (good, good[None]),
    ):
        with pytest.raises(ValueError, match=r"log_scale must have shape \(d,\), and shift and log_scale one shape"):
            Affine(shift, log_scale)
    with pytest.raises(ValueError, match=r"shift must have shape \(d,\)"):
        Affine(torch.zeros(1, 2), torch.zeros(1, 2))
    with pytest.raises(ValueError, match="features must be a positive integer, got 0"):
        Affine(torch.zeros(0), torch.zeros(0))
    for value in (torch.inf, -torch.inf, torch.nan):
        bad = torch.tensor([0.0, value])
        with pytest.raises(ValueError, match="shift must be finite so that the map can be inverted, got"):
            Affine(bad, good)
        with pytest.raises(ValueError, match="log_scale must be finite so that the map can be inverted, got"):
            Affine(good, bad)


@pytest.mark.parametrize("bad", [[], [1], [0, 0], [0, 2], [-1, 0], [1.0, 0.0], [True, False], ["0"]])
def test_what_is_no_permutation_is_refused(bad):
    with pytest.raises(ValueError, match="order must hold each index from 0 to d - 1 once, got"):
        Permute(bad)


def test_what_is_made_of_no_bijections_is_refused():
    with pytest.raises(ValueError, match="bijections must name at least one, got none"):
        Compose()
    with pytest.raises(ValueError, match=r"each of bijections must be a hw\.flows\.Bijection, got Linear"):
        Compose(affine(2), torch.nn.Linear(2, 2))
    with pytest.raises(ValueError, match=r"bijections must be of one dimension so that .*, got \[2, 3\]"):
        Compose(affine(2), affine(3))
    with pytest.raises(ValueError, match=r"bijection must be a hw\.flows\.Bijection, got builtin_function"):
        Inverse(torch.tanh)


def test_a_bijection_must_say_how_to_go():
    for way in ("forward", "inverse", "log_abs_det_jacobian"):
        with pytest.raises(NotImplementedError):
            getattr(Bijection(2), way)(torch.zeros(2))


def test_an_order_may_be_a_tensor():
    assert Permute(torch.tensor([1, 0]))(torch.tensor([3.0, 4.0])).tolist() == [4.0, 3.0]
    for bad in (3, None, torch.tensor(0), torch.tensor([0.0, 1.0]), [1, 1]):
        with pytest.raises(ValueError, match="order must hold each index from 0 to d - 1 once, got"):
            Permute(bad)


@pytest.mark.parametrize("log_scale", [800.0, -800.0])
def test_a_scale_that_the_type_cannot_hold_is_refused(log_scale):
    values = torch.tensor([0.0, log_scale], dtype=torch.float64)
    with pytest.raises(ValueError, match="exp of log_scale and of its negative must be finite so that the scale is"):
        Affine(torch.zeros_like(values), values)


def test_a_sparse_order_is_none():
    with pytest.raises(ValueError, match=r"^order must hold each index from 0 to d - 1 once, got tensor"):
        Permute(torch.tensor([1, 0]).to_sparse())


@pytest.mark.parametrize("masks", [[((1, 1),)], [((1, 1), (1,)), ((1, 1),)], [((1,),), ((1, 1),)], []])
def test_masks_that_do_not_fit_a_network_are_refused(masks):
    AffineNetwork(2, [2], 1, generator=generator(), masks=[((1, 0), (1, 1)), ((1, 1),)])
    with pytest.raises(ValueError, match=r"^masks must have the shapes \[\(2, 2\), \(1, 2\)\], got"):
        AffineNetwork(2, [2], 1, generator=generator(), masks=masks)


def test_a_network_refuses_vectors_of_another_kind():
    network = AffineNetwork(2, [3], 1, generator=generator())
    with pytest.raises(ValueError, match=r"^values must have shape \(..., 2\), got shape \(5, 3\)"):
        network(torch.zeros(5, 3))
    with pytest.raises(ValueError, match=r"^values must have the type of the parameters, torch.float32, got"):
        network(torch.zeros(5, 2).double())


def test_layers_start_uniform_within_one_over_the_root_of_their_inputs_and_the_last_at_zero():
    network = AffineNetwork(16, [400, 100], 3, generator=torch.Generator().manual_seed(0))
    for layer, bound in ((0, 1 / 4), (1, 1 / 20)):
        for started in (network.weights[layer], network.biases[layer]):
            largest = started.detach().abs().max().item()
            assert 0.8 * bound < largest <= bound  # a hundred draws are all below that by a chance of 2e-10
            assert started.min() < 0 < started.max()
    assert not network.weights[2].any()
    assert not network.biases[2].any()


@pytest.mark.parametrize("features", [(2, 3), (3, 2), (2, 2, 1), (1, 2, 2)])
def test_bijections_of_other_features_are_not_composed(features):
    with pytest.raises(ValueError, match="must"):
        Compose(*(Permute(range(n)) for n in features))
