"""The planar flow: its log-determinant near the bound, its inverse, derivatives of both ways."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import gradcheck, gradgradcheck
from torch.func import functional_call
from torch.overrides import TorchFunctionMode

from flow_cases import Both, float64
from hw.flows import Inverse, Planar, planar

FEW = settings(max_examples=25, deadline=None)
TYPES = [torch.float32, torch.float64]
PRODUCTS = [100.0, 1.0, -20.0, -40.0, -41.0, -87.0, -200.0, -700.0]
HEIGHTS = [0.0, 1e-8, -0.3, 8.0, 200.0, 1e4]


def from_free(w, free, b=0.0, dtype=torch.float64):
    """A planar flow from what an optimizer moves."""
    w = torch.tensor(w, dtype=dtype)
    planar = Planar(w, torch.zeros_like(w), torch.tensor(b, dtype=dtype))
    with torch.no_grad():
        planar.free.copy_(torch.tensor(free, dtype=dtype))
    return planar


def normal(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def random_planar(d, seed):
    w, free = normal(2, d, seed=seed).tolist()
    return from_free(w, free, b=normal(1, seed=seed).item())


def floats(*values):
    return [float64(value) for value in values]


def truth(product, height):
    """log(tanh² + c sech²) and its derivatives by height and product, twice, in Python's floats; c the softplus.

    From the difference s = sech², d = tanh² + c s: the derivatives of log d are d'/d and d''/d - (d'/d)².
    """
    tanh, sech = math.tanh(height), 1 / math.cosh(height) if abs(height) < 700 else 0.0
    square = sech * sech
    slope = math.log1p(math.exp(product)) if product < 30 else product
    sigmoid = 1 / (1 + math.exp(-product)) if product > -700 else math.exp(product)
    inside = tanh * tanh + slope * square
    by_height, by_product = 2 * tanh * square * (1 - slope), sigmoid * square
    first = by_height / inside, by_product / inside
    second = (
        2 * (1 - slope) * square * (square - 2 * tanh * tanh) / inside - first[0] ** 2,
        -2 * square * tanh * sigmoid / inside - first[0] * first[1],
        sigmoid * (1 - sigmoid) * square / inside - first[1] ** 2,
    )
    return math.log(inside), first, second


# The direction


@pytest.mark.parametrize("d", [1, 2, 5])
def test_v_is_what_was_given(d):
    for seed in range(5):
        w, v = normal(2, d, seed=seed)
        v = v if w @ v > -1 else v - (w @ v + 0.5) / w.square().sum() * w
        torch.testing.assert_close(Planar(w, v, float64(0.1)).v, v, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("dtype", "least"), [(torch.float32, -1 + 1e-6), (torch.float64, -1 + 1e-12)])
@pytest.mark.parametrize("product", [-math.inf, -0.999, -0.5, 0.0, 1.0, 50.0, 1e4])
def test_v_is_what_was_given_for_any_slope(product, dtype, least):
    product = max(product, least)
    v = torch.tensor([product, 3.0], dtype=dtype)
    planar = Planar(torch.tensor([1.0, 0.0], dtype=dtype), v, torch.tensor(0.0, dtype=dtype))
    eps = torch.finfo(dtype).eps
    torch.testing.assert_close(planar.v, v, rtol=8 * eps, atol=30 * eps)
    log_det = planar.log_abs_det_jacobian(torch.zeros(2, dtype=dtype))
    assert log_det.item() == pytest.approx(math.log1p(v[0].item()), rel=8 * eps, abs=8 * eps)


@pytest.mark.parametrize("product", [*PRODUCTS, -1000.0])
def test_w_and_v_stay_a_bijection_wherever_an_optimizer_goes(product):
    planar = from_free([1.0, 2.0], [product / 5, 2 * product / 5])
    expected = math.log1p(math.exp(product)) if product < 30 else product
    assert (1 + planar.w @ planar.v).item() == pytest.approx(expected, abs=1e-15 * (10 + abs(product)))
    assert (planar.w @ planar.free).item() == pytest.approx(product)


def test_v_moves_along_w_only():
    planar = from_free([3.0, 4.0], [-2.0, 0.7])
    move = planar.v - planar.free
    assert (move @ float64([4.0, -3.0])).item() == pytest.approx(0, abs=1e-15)
    assert move.norm() > 0.1


def test_v_grows_as_w_vanishes():
    for size in (1e-3, 1e-6, 1e-9):
        v = from_free([size, 0.0], [0.0, 0.0]).v
        assert (v[0] * size).item() == pytest.approx(math.log(2) - 1, rel=1e-9)


@pytest.mark.parametrize("dtype", TYPES)
def test_without_w_it_is_a_translation(dtype):
    planar = from_free([0.0, 0.0], [1.0, -2.0], 0.5, dtype)
    u = torch.tensor([0.1, 0.3], dtype=dtype, requires_grad=True)
    x, log_det = planar.forward_and_log_det(u)
    torch.testing.assert_close(x - u, math.tanh(0.5) * planar.free)
    assert log_det == 0
    torch.testing.assert_close(planar.inverse(x), u)
    by_u, *others = torch.autograd.grad(x[0] + log_det, [u, *planar.parameters()], create_graph=True)
    assert by_u.tolist() == [1, 0]
    by = dict(zip([name for name, _ in planar.named_parameters()], others, strict=True))
    assert by["b"].item() == pytest.approx(1 / math.cosh(0.5) ** 2, rel=1e-6)
    assert by["free"].tolist() == pytest.approx([math.tanh(0.5), 0], rel=1e-6)
    assert by["w"].tolist() == pytest.approx([0.1 / math.cosh(0.5) ** 2, 0.3 / math.cosh(0.5) ** 2], rel=1e-6)
    total = sum(each.sum() for each in others)
    second = torch.autograd.grad(total, [u, *planar.parameters()], materialize_grads=True)
    assert all(each.isfinite().all() for each in second)
    assert Planar(planar.w.detach(), planar.free.detach(), planar.b.detach()).v.tolist() == [1, -2]


# The log-determinant


@pytest.mark.parametrize("product", PRODUCTS)
@pytest.mark.parametrize(("dtype", "rtol"), [(torch.float32, 2e-5), (torch.float64, 1e-12)])
def test_log_determinant_and_derivatives_where_other_forms_break(product, dtype, rtol):
    for height in HEIGHTS:
        check_log_determinant(product, height, dtype, rtol)


def check_log_determinant(product, height, dtype, rtol):
    """The point is u = (h, 0.3) and w = (1, 0), so that u₁ and b move the height, and w·free is the first of free."""
    planar = from_free([1.0, 0.0], [product, 0.2], dtype=dtype)
    u = torch.tensor([height, 0.3], dtype=dtype, requires_grad=True)
    value, first, second = truth(product, u[0].item())
    log_det = planar.log_abs_det_jacobian(u)
    assert log_det.item() == pytest.approx(value, rel=rtol, abs=rtol)
    leaves = u, planar.b, planar.free
    by_u, by_b, by_free = torch.autograd.grad(log_det, leaves, create_graph=True)
    assert [by_u[0].item(), by_b.item(), by_free[0].item()] == pytest.approx([first[0], *first], rel=rtol, abs=rtol)
    assert by_u[1] == by_free[1] == 0
    assert torch.autograd.grad(log_det, planar.w, retain_graph=True)[0].isfinite().all()
    if max(map(abs, second)) < torch.finfo(dtype).max:
        hh, _, hp = (each.flatten()[0] for each in torch.autograd.grad(by_b, leaves, retain_graph=True))
        pp = torch.autograd.grad(by_free[0], planar.free, retain_graph=True)[0][0]
        assert [each.item() for each in (hh, hp, pp)] == pytest.approx(second, rel=5 * rtol, abs=5 * rtol)


@pytest.mark.parametrize("dtype", TYPES)
def test_other_forms_break(dtype):
    """That of the paper with an absolute value, and with a softplus minus one."""
    zero = torch.tensor(0.0, dtype=dtype)
    for product in (-40.0, -200.0):
        constrained = torch.nn.functional.softplus(torch.tensor(product, dtype=dtype)) - 1
        assert (1 + constrained * (1 - zero.tanh() ** 2)).abs().log() == -math.inf
        planar = from_free([1.0, 0.0], [product, 0.2], dtype=dtype)
        assert planar.log_abs_det_jacobian(torch.zeros(2, dtype=dtype)).item() == pytest.approx(product, rel=1e-6)


@pytest.mark.parametrize("slope", [1e-12, 1e-6, 0.3, 1.0, 7.0])
def test_log_determinant_of_what_was_given(slope):
    w, v, b = floats([2.0, 0.0], [(slope - 1) / 2, 5.0], 0.0)
    planar = Planar(w, v, b)
    kept = 1 + (w @ v).item()  # what of the slope v can hold
    for height in (0.0, 0.01, 1.0, -3.0):
        sech = 1 / math.cosh(height) ** 2
        log_det = planar.log_abs_det_jacobian(float64([height / 2, 0.7])).item()
        exact = math.log(math.tanh(height) ** 2 + kept * sech)
        assert log_det == pytest.approx(exact, rel=1e-12, abs=1e-11)
        assert log_det == pytest.approx(math.log(abs(1 + (w @ v).item() * sech)), rel=1e-6, abs=1e-3)


# The inverse


@pytest.mark.parametrize("product", [*PRODUCTS, -1000.0])
@pytest.mark.parametrize("dtype", TYPES)
def test_mapping_the_inverse_gives_the_point_back(product, dtype):
    eps = torch.finfo(dtype).eps
    tolerance = 1e-12 if dtype is torch.float64 else eps * (30 + abs(product))
    for w in ([1.0, 0.0], [0.3, -0.7], [20.0, 30.0]):
        square = w[0] ** 2 + w[1] ** 2
        planar = from_free(w, [product * w[0] / square + 0.1 * w[1], product * w[1] / square - 0.1 * w[0]], 0.2, dtype)
        x = torch.tensor([[height, 0.3] for height in HEIGHTS] + [[-0.2 / w[0], 0.0]], dtype=dtype)
        u, log_det = planar.inverse_and_log_det(x)
        back, opposite = planar.forward_and_log_det(u)
        size = torch.maximum(x.abs().amax(-1), planar.v.abs().max()).clamp(min=1)
        assert ((back - x).abs().amax(-1) <= tolerance * size).all()
        assert u.isfinite().all()
        assert log_det.isfinite().all()
        assert ((back + 1e3 * tolerance * size[:, None] - x).abs().amax(-1) > tolerance * size).all()
        if product > -20 and dtype is torch.float64:
            torch.testing.assert_close(opposite, -log_det, rtol=1e-6, atol=1e-6)


def by_bisection(target, slope):
    """The root of h + (c - 1) tanh h, in Python's floats."""
    low, high = -abs(target) - abs(target) / min(slope, 1.0) - 1, abs(target) + abs(target) / min(slope, 1.0) + 1
    for _ in range(300):
        middle = (low + high) / 2
        below = middle - math.tanh(middle) + slope * math.tanh(middle) < target
        low, high = (middle, high) if below else (low, middle)
    return (low + high) / 2


@pytest.mark.parametrize("slope", [1e-6, 0.01, 0.5, 1.0, 3.0, 1000.0])
def test_the_inverse_is_what_bisection_finds(slope):
    targets = [0.0, 1e-3, -0.2, 1.0, -30.0, 5000.0]
    w, v, b = floats([1.0], [slope - 1.0], 0.0)
    found = Planar(w, v, b).inverse(float64(targets)[:, None])[:, 0].tolist()
    expected = [by_bisection(target, slope) for target in targets]
    assert found == pytest.approx(expected, rel=1e-8, abs=1e-12)
    others = [by_bisection(target, 1.01 * slope + 0.01) for target in targets]
    assert found != pytest.approx(others, rel=1e-6, abs=1e-12)


def test_a_point_on_the_plane_stays_there():
    for slope in (1e-12, 0.5, 2.0):
        w, v, b = floats([1.0, 0.0], [slope - 1, 2.0], 0.0)
        u, log_det = Planar(w, v, b).inverse_and_log_det(float64([0.0, 0.7]))
        assert u.tolist() == [0, 0.7]
        assert log_det.item() == pytest.approx(-math.log(1 + v[0].item()), rel=1e-3 if slope < 1e-6 else 1e-12)


class Tanhs(TorchFunctionMode):
    """Counts hyperbolic tangents, of which each step of the inverse takes one."""

    count = 0

    def __torch_function__(self, function, types, args=(), kwargs=None):
        self.count += function is torch.Tensor.tanh
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("slope", [1e-12, 1e-3, 0.3, 1.0, 3.0, 1e4])
def test_the_inverse_takes_few_steps(slope):
    """Bisection alone takes about fifty; so would a test of the step's size that rounding never lets pass."""
    w, v, b = floats([1.0], [slope - 1.0], 0.0)
    points = torch.cat([size * normal(100, 1) for size in (1e-8, 1e-3, 1.0, 1e4)])
    with Tanhs() as tanhs:
        Planar(w, v, b).inverse(points)
    assert 1 < tanhs.count < 40


def test_a_point_that_is_no_number_has_no_inverse_and_others_have():
    planar = random_planar(2, 0)
    x = float64([[math.nan, 0.0], [0.3, 0.2]])
    u = planar.inverse(x)
    assert u[0].isnan().any()
    assert torch.equal(u[1], planar.inverse(x[1]))


# Derivatives of both ways


class Detached(Planar):
    """The inverse of a planar flow whose root has no derivative."""

    def _pull(self, x):
        start = super()._pull(x)[0]
        u = x - self.v * (start @ self.w + self.b).detach().tanh()[..., None]
        return u, -self.log_abs_det_jacobian(u)


def as_function(bijection, points):
    module = Both(bijection)
    names = [name for name, _ in module.named_parameters()]
    leaves = [each.detach().clone().requires_grad_() for _, each in module.named_parameters()]

    def function(u, *values):
        return functional_call(module, dict(zip(names, values, strict=True)), (u,))

    return function, [points.requires_grad_(), *leaves]


@pytest.mark.parametrize("d", [1, 3])
@pytest.mark.parametrize("way", [lambda planar: planar, Inverse])
def test_first_and_second_derivatives_in_input_and_parameters(d, way):
    function, leaves = as_function(way(random_planar(d, seed=1)), normal(2, d, seed=2))
    assert gradcheck(function, leaves)
    assert gradgradcheck(function, leaves, fast_mode=True)


def test_a_root_without_a_derivative_is_seen():
    planar = random_planar(2, 0)
    detached = Detached(planar.w.detach(), planar.v.detach(), planar.b.detach())
    points = normal(2, 2)
    torch.testing.assert_close(detached.inverse(points), planar.inverse(points))
    with pytest.raises(RuntimeError, match="Jacobian mismatch"):
        gradcheck(*as_function(Inverse(detached), points))


@pytest.mark.parametrize("product", [-30.0, -45.0, -60.0])
def test_derivatives_of_the_inverse_for_a_slope_near_zero(product):
    """Off the plane, by the inverse function theorem in one dimension: the derivative is one over that of the map."""
    planar = from_free([1.0], [product])
    u = float64([0.7])
    x = planar(u).detach().requires_grad_()
    found, log_det = planar.inverse_and_log_det(x)
    value, (by_height, by_product), (second, _, _) = truth(product, 0.7)
    one = math.exp(-value)
    (by_x,) = torch.autograd.grad(found, x, create_graph=True)
    assert by_x.item() == pytest.approx(one, rel=1e-9)
    assert torch.autograd.grad(by_x, x, retain_graph=True)[0].item() == pytest.approx(-by_height * one**2, rel=1e-9)
    (again,) = torch.autograd.grad(log_det, x, create_graph=True)
    assert again.item() == pytest.approx(-by_height * one, rel=1e-9)
    (twice,) = torch.autograd.grad(again, x, retain_graph=True)
    assert twice.item() == pytest.approx((by_height**2 - second) * one**2, rel=1e-9)
    assert abs(by_product) < 1e-12
    gradients = torch.autograd.grad(found.sum() + log_det, list(planar.parameters()))
    assert all(each.isfinite().all() for each in gradients)


# Domain and refusals


@FEW
@given(
    d=st.integers(1, 5),
    seed=st.integers(0, 2**31),
    product=st.floats(-1000, 100),
    width=st.floats(1e-2, 1e2),
    size=st.floats(1e-6, 1e4),
    b=st.floats(-5, 5),
)
def test_any_parameters_any_point(d, seed, product, width, size, b):
    w, free = normal(2, d, seed=seed)
    w = width * w / w.norm()
    free = free + (product - w @ free) / w.square().sum() * w
    planar = from_free(w.tolist(), free.tolist(), b)
    x = size * normal(3, d, seed=seed)
    u, log_det = planar.inverse_and_log_det(x)
    largest = torch.maximum(x.abs().max(), planar.v.abs().max()).clamp(min=1)
    assert (planar(u) - x).abs().max() <= 1e-12 * largest
    assert log_det.isfinite().all()
    assert planar.log_abs_det_jacobian(x).isfinite().all()


@FEW
@given(product=st.floats(-700, 700), height=st.floats(-1e4, 1e4))
def test_log_determinant_for_any_product_and_height(product, height):
    planar = from_free([1.0], [product])
    value, first, _ = truth(product, height)
    u = torch.tensor([height], dtype=torch.float64, requires_grad=True)
    log_det = planar.log_abs_det_jacobian(u)
    assert log_det.item() == pytest.approx(value, rel=1e-12, abs=1e-12)
    by = [each.item() for each in torch.autograd.grad(log_det, (u, planar.free))]
    assert by == pytest.approx(first, rel=1e-11, abs=1e-12)


@pytest.mark.parametrize("dtype", TYPES)
def test_maps_that_are_no_bijections_are_refused(dtype):
    w, b = torch.tensor([2.0, 0.0], dtype=dtype), torch.tensor(0.0, dtype=dtype)
    for value in (-0.5, -1.0, -100.0):
        with pytest.raises(
            ValueError, match=f"v must satisfy w·v > -1 so that the map is a .*, got w·v = {2 * value:g}"
        ):
            Planar(w, torch.tensor([value, 3.0], dtype=dtype), b)
    assert Planar(w, torch.tensor([-0.499, 3.0], dtype=dtype), b).v[0] < 0


def test_parameters_of_another_kind_are_refused():
    w, b = torch.ones(2), torch.tensor(0.0)
    for bad in (0.0, [1.0, 1.0], torch.ones(2, dtype=torch.int64)):
        for name, arguments in (("w", (bad, w, b)), ("v", (w, bad, b)), ("b", (w, w, bad))):
            with pytest.raises(ValueError, match=f"{name} must be a floating-point tensor"):
                Planar(*arguments)
    for bad in (torch.ones(3), torch.ones(()), torch.ones(1, 2), torch.ones(2).double()):
        with pytest.raises(ValueError, match=r"v must have shape \(d,\), the one of w, and the type of w, got shape"):
            Planar(w, bad, b)
    with pytest.raises(ValueError, match=r"w must have shape \(d,\), the one of w"):
        Planar(torch.ones(1, 2), torch.ones(1, 2), b)
    for bad in (torch.zeros(1), b.double()):
        with pytest.raises(ValueError, match=r"b must have shape \(\), and the type of w, got shape"):
            Planar(w, w, bad)
    with pytest.raises(ValueError, match="features must be a positive integer, got 0"):
        Planar(torch.zeros(0), torch.zeros(0), b)


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_parameters_that_are_not_finite_are_refused(value):
    w, b, bad = torch.ones(2), torch.tensor(0.0), torch.tensor([1.0, value])
    for name, arguments in (("w", (bad, w, b)), ("v", (w, bad, b)), ("b", (w, w, torch.tensor(value)))):
        with pytest.raises(ValueError, match=f"{name} must be finite so that the map can be inverted, got"):
            Planar(*arguments)


# What the constructor refuses, and torch.func


@pytest.mark.parametrize(
    ("w", "v", "message"),
    [
        ([1e25, 0.0], [1e25, 0.0], r"w must be zero or have a square that torch\.float32 holds, got w·w = inf"),
        ([1e-25, 0.0], [1.0, 0.0], r"w must be zero or have a square that torch\.float32 holds, got w·w = 0"),
        ([1e18, 1e18], [1e38, -1e38], "v must satisfy w·v > -1 so that the map is a bijection, got w·v = "),
        ([1e10, 0.0], [1e38, 0.0], "v must satisfy w·v > -1 so that the map is a bijection, got w·v = inf"),
    ],
)
def test_parameters_that_the_type_cannot_hold_are_refused(w, v, message):
    with pytest.raises(ValueError, match=message):
        Planar(torch.tensor(w), torch.tensor(v), torch.tensor(0.0))


def test_the_inverse_under_vmap_and_jacrev():
    planar, points = random_planar(2, 0), normal(5, 2)
    torch.testing.assert_close(torch.func.vmap(planar.inverse)(points), planar.inverse(points), rtol=1e-14, atol=1e-14)
    slopes = torch.func.vmap(torch.func.jacrev(planar.inverse))(points)
    back = torch.func.vmap(torch.func.jacrev(planar))(planar.inverse(points))
    torch.testing.assert_close(slopes @ back, torch.eye(2, dtype=torch.float64).expand(5, 2, 2), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(
    ("height", "log_slope", "expected"),
    [
        (5e-324, -750.0, -750.0),  # the least number there is; its square is far below the slope
        (1e-300, -1500.0, 2 * math.log(1e-300)),
        (1e-300, -1400.0, None),  # near one another: the sum of both
        (0.0, -800.0, -800.0),
        (-1e-200, -1200.0, 2 * math.log(1e-200)),
        (1.0, -900.0, 2 * math.log(math.tanh(1.0))),
    ],
)
def test_of_a_tiny_slope_neither_part_underflows(height, log_slope, expected):
    if expected is None:
        larger = 2 * math.log(height)
        expected = larger + math.log1p(math.exp(log_slope - larger))
    found = planar._log_det(torch.tensor(height, dtype=torch.float64), torch.tensor(log_slope, dtype=torch.float64))
    assert found.item() == pytest.approx(expected, rel=1e-12)
