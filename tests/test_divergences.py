import math
from decimal import Decimal, localcontext

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.distributions import Categorical, Normal, kl_divergence

from chance import mean_is, statistical
from hw.divergences import js_categorical, js_normal, kl_categorical, kl_diag_normal, kl_normal

INF, NAN = math.inf, math.nan
LOG_2 = math.log(2)
CATEGORICAL = [kl_categorical, js_categorical]
NORMAL = [kl_normal, js_normal]
few = settings(deadline=None, max_examples=8)


def tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


def generator(seed):
    return torch.Generator().manual_seed(seed)


def normal(seed, *shape, dtype=torch.float64):
    return torch.randn(shape, dtype=torch.float64, generator=generator(seed)).to(dtype)


def laws(seed, *shape, dtype=torch.float64):
    """Two random categorical laws."""
    return normal(seed, 2, *shape).softmax(-1).to(dtype)


def four_normals(seed, *shape):
    """Means and log-variances of two normals, in the order of the arguments."""
    return normal(seed, 4, *shape)


@st.composite
def exact_laws(draw):
    """Two laws in multiples of 2^-50, whose sums are one exactly, far from or close to each other."""
    counts = draw(st.lists(st.integers(0, 2**46), min_size=1, max_size=6))
    if draw(st.booleans()):
        other = [draw(st.integers(0, 2**46)) for _ in counts]
    else:
        other = [max(0, count + draw(st.integers(-(2**8), 2**8))) for count in counts]
    return tuple(tensor(*(count * 2.0**-50 for count in [*row, 2**50 - sum(row)])) for row in (counts, other))


def kl_by_decimals(p, q):
    """The sum p log(p/q) of the definition with 60 digits."""
    if any(a > 0 and b == 0 for a, b in zip(p, q, strict=True)):
        return Decimal("Infinity")
    return sum((a * (a / b).ln() for a, b in zip(p, q, strict=True) if a > 0), Decimal(0))


def by_decimals(p, q):
    """Kullback–Leibler and Jensen–Shannon divergence of two lists of floats."""
    with localcontext() as context:
        context.prec = 60
        p, q = [Decimal(x) for x in p.tolist()], [Decimal(x) for x in q.tolist()]
        m = [(a + b) / 2 for a, b in zip(p, q, strict=True)]
        return float(kl_by_decimals(p, q)), float((kl_by_decimals(p, m) + kl_by_decimals(q, m)) / 2)


def on_the_line(mean_0, log_var_0, mean_1, log_var_1, step=1 / 16):
    """Kullback–Leibler and Jensen–Shannon divergence of two normals by the trapezoidal rule on one grid for both."""

    def log_density(x, mean, log_var):
        return -((x - mean) ** 2) * math.exp(-log_var) / 2 - log_var / 2 - math.log(2 * math.pi) / 2

    scales = [math.exp(log_var / 2) for log_var in (log_var_0, log_var_1)]
    low = min(mean_0 - 12 * scales[0], mean_1 - 12 * scales[1])
    high = max(mean_0 + 12 * scales[0], mean_1 + 12 * scales[1])
    width = step * min(scales)
    kl, js = [], []
    for i in range(math.ceil((high - low) / width) + 1):
        a, b = (log_density(low + i * width, *law) for law in ((mean_0, log_var_0), (mean_1, log_var_1)))
        log_m = max(a, b) + math.log1p(math.exp(-abs(a - b))) - LOG_2
        kl.append(math.exp(a) * (a - b))
        js.append((math.exp(a) * (a - log_m) + math.exp(b) * (b - log_m)) / 2)
    return width * math.fsum(kl), width * math.fsum(js)


def js_on_the_plane(mean_0, log_var_0, mean_1, log_var_1):
    """Jensen–Shannon divergence of normals in the plane by the trapezoidal rule, differentiable."""
    axis = torch.arange(-12, 12, 1 / 8, dtype=torch.float64)
    points = torch.cartesian_prod(axis, axis)
    a, b = (
        Normal(mean, (log_var / 2).exp()).log_prob(points).sum(-1)
        for mean, log_var in ((mean_0, log_var_0), (mean_1, log_var_1))
    )
    log_m = torch.logaddexp(a, b) - LOG_2
    return (a.exp() * (a - log_m) + b.exp() * (b - log_m)).sum() / 2 / 64


# Categorical laws


@few
@given(pair=exact_laws())
def test_categorical_divergences_are_the_sums_of_the_definition(pair):
    p, q = pair
    kl, js = by_decimals(p, q)
    assert kl_categorical(p, q).item() == pytest.approx(kl, rel=1e-12, abs=0)
    assert js_categorical(p, q).item() == pytest.approx(js, rel=1e-12, abs=0)


@pytest.mark.parametrize("moved", [2.0**-20, 2.0**-30, 2.0**-40, 2.0**-49])
def test_laws_that_are_nearly_equal_keep_their_digits_and_the_plain_sum_loses_them(moved):
    p, q = tensor(0.5, 0.375, 0.125), tensor(0.5 + moved, 0.375 - moved, 0.125)
    kl, js = by_decimals(p, q)
    torch.testing.assert_close(kl_categorical(p, q), tensor(kl)[0], rtol=1e-12, atol=0)
    torch.testing.assert_close(js_categorical(p, q), tensor(js)[0], rtol=1e-12, atol=0)
    plain = (p * (p.log() - q.log())).sum().item()
    assert abs(plain / kl - 1) > 1e-16 / moved**2 / 100


@pytest.mark.parametrize("spread", [1, 30, 90])
def test_float32_is_right_to_its_precision(spread):
    logits = spread * normal(0, 9)
    p, q = logits.softmax(-1).float(), (logits + normal(1, 9)).softmax(-1).float()
    kl, js = (function(p.double(), q.double()) for function in CATEGORICAL)
    for value, exact in ((kl_categorical(p, q), kl), (js_categorical(p, q), js)):
        assert value.dtype == torch.float32
        torch.testing.assert_close(value.double(), exact, rtol=4e-6, atol=0)


def test_known_values():
    p, q = tensor(0.5, 0.3, 0.2), tensor(0.2, 0.2, 0.6)
    assert kl_categorical(p, q).item() == pytest.approx(0.360062440636, abs=5e-13)
    assert kl_categorical(q, p).item() == pytest.approx(0.394816205204, abs=5e-13)
    assert js_categorical(p, q).item() == pytest.approx(0.090565849955, abs=5e-13)


@few
@given(seed=st.integers(0, 10**6), n=st.integers(1, 20))
def test_kl_agrees_with_torch_distributions(seed, n):
    p, q = laws(seed, 3, n)
    peer = kl_divergence(Categorical(p), Categorical(q))
    # The peer's terms cancel: its error is that of its largest term.
    torch.testing.assert_close(kl_categorical(p, q), peer, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    ("p", "q", "kl", "js"),
    [
        ((1, 0), (0.5, 0.5), LOG_2, 0.75 * math.log(4 / 3)),
        ((0.5, 0.5), (1, 0), INF, 0.75 * math.log(4 / 3)),
        ((1, 0), (0, 1), INF, LOG_2),
        ((1, 0, 0), (0.5, 0, 0.5), LOG_2, 0.75 * math.log(4 / 3)),
        ((0, 1, 0), (0, 1, 0), 0, 0),
        ((1,), (1,), 0, 0),
        ((-0.0, 1), (0.0, 1), 0, 0),
        ((1, 5e-324), (1, 0), INF, 5e-324 * LOG_2),
        ((1, 0), (1, 5e-324), 0, 5e-324 * LOG_2),
    ],
)
def test_corners_of_categorical_laws(p, q, kl, js):
    p, q = tensor(*map(float, p)), tensor(*map(float, q))
    assert kl_categorical(p, q).item() == pytest.approx(kl, rel=1e-15, abs=1e-323)
    assert js_categorical(p, q).item() == pytest.approx(js, rel=1e-15, abs=1e-323)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_laws_that_share_no_outcome_are_log_2_apart_to_the_last_bit(dtype):
    for seed in range(20):
        p, q = laws(seed, 2, 7, dtype=dtype)
        p, q = torch.cat([p, torch.zeros_like(p)], -1), torch.cat([torch.zeros_like(q), q], -1)
        value = js_categorical(p, q)
        assert value.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
        assert (value == torch.tensor(LOG_2, dtype=value.dtype)).all()
        assert kl_categorical(p, q).isposinf().all()


@few
@given(seed=st.integers(0, 10**6), spread=st.sampled_from([1e-9, 0.1, 1, 30, 1000]))
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_signs_symmetry_and_bounds(dtype, seed, spread):
    p, q = (spread * normal(seed, 2, 4, 9, dtype=dtype)).softmax(-1)
    kl, js = kl_categorical(p, q), js_categorical(p, q)
    assert (kl >= 0).all()
    assert (js >= 0).all()
    assert (js <= torch.tensor(LOG_2, dtype=dtype)).all()
    assert torch.equal(js, js_categorical(q, p))
    distance = (p - q).abs().sum(-1) / 2  # in total variation
    # Pinsker, the same through the mixture, and Lin's upper bound
    room = 1 + 100 * torch.finfo(dtype).eps
    assert (2 * distance**2 <= kl * room).all()
    assert (distance**2 / 2 <= js * room).all()
    assert (js <= LOG_2 * distance * room).all()
    for function in CATEGORICAL:
        assert (function(p, p) == 0).all()


def test_kl_is_not_symmetric_and_pinsker_fails_with_a_larger_constant():
    p, q = tensor(0.5, 0.5), tensor(0.501, 0.499)
    assert kl_categorical(p, q) != kl_categorical(q, p)
    assert 2.01 * 0.001**2 > kl_categorical(p, q)


def test_the_root_of_the_jensen_shannon_divergence_is_a_distance_and_the_divergence_is_not():
    p, between, q = tensor(1.0, 0.0), tensor(0.5, 0.5), tensor(0.0, 1.0)
    far, near = js_categorical(p, q), js_categorical(p, between)
    assert far > 2 * near
    assert far.sqrt() < 2 * near.sqrt()
    for seed in range(20):
        a, b, c = normal(seed, 3, 5).softmax(-1)
        assert js_categorical(a, c).sqrt() <= js_categorical(a, b).sqrt() + js_categorical(b, c).sqrt()


@pytest.mark.parametrize("seed", range(5))
def test_js_is_the_information_of_a_draw_about_its_source(seed):
    p, q = laws(seed, 6)
    entropy = torch.special.entr(torch.stack([p, q, (p + q) / 2])).sum(-1)
    information = entropy[2] - entropy[:2].mean()
    torch.testing.assert_close(js_categorical(p, q), information, rtol=1e-12, atol=0)
    # The optimal discriminator says the same, others less.
    best = p / (p + q)
    value = LOG_2 + ((p * best.log()).sum() + (q * (1 - best).log()).sum()) / 2
    torch.testing.assert_close(js_categorical(p, q), value, rtol=1e-12, atol=0)
    worse = (best + 0.5) / 2
    assert LOG_2 + ((p * worse.log()).sum() + (q * (1 - worse).log()).sum()) / 2 < value


@pytest.mark.parametrize("seed", range(5))
def test_chain_rule(seed):
    p, q = laws(seed, 12).view(2, 3, 4)
    marginal_p, marginal_q = p.sum(-1), q.sum(-1)
    given_first = kl_categorical(p / marginal_p[:, None], q / marginal_q[:, None])
    whole, first = kl_categorical(p.flatten(), q.flatten()), kl_categorical(marginal_p, marginal_q)
    torch.testing.assert_close(whole, first + (marginal_p * given_first).sum(), rtol=1e-12, atol=0)
    assert abs(whole - first - (marginal_q * given_first).sum()) > 1e-4  # the mean is under p
    for function in CATEGORICAL:  # merging outcomes loses information
        assert function(marginal_p, marginal_q) < function(p.flatten(), q.flatten())


@pytest.mark.parametrize("function", CATEGORICAL)
@pytest.mark.parametrize("seed", range(5))
def test_order_of_outcomes_does_not_matter_and_pairing_does(seed, function):
    p, q = laws(seed, 8)
    order = torch.randperm(8, generator=generator(seed))
    torch.testing.assert_close(function(p[order], q[order]), function(p, q), rtol=1e-12, atol=0)
    assert abs(function(p.sort().values, q.sort(descending=True).values) - function(p, q)) > 1e-3


@pytest.mark.parametrize("function", CATEGORICAL)
@pytest.mark.parametrize("seed", range(5))
def test_divergences_are_convex_in_the_pair(seed, function):
    (p, q), (r, s) = laws(seed, 6), laws(seed + 100, 6)
    mean = (function(p, q) + function(r, s)) / 2
    assert function((p + r) / 2, (q + s) / 2) < mean
    assert function(p.square() / p.square().sum(), q) != function(p, q)


def test_gradient_in_the_logits_is_the_closed_form():
    logits = torch.tensor([[0.3, -1.0, 2.0, -INF], [0.1, 0.0, -2.0, 1.0]], dtype=torch.float64, requires_grad=True)
    p, q = logits.softmax(-1)
    value = kl_categorical(p, q)
    (found,) = torch.autograd.grad(value, logits, retain_graph=True)
    expected = torch.stack([torch.xlogy(p, p / q) - p * value, q - p])
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-16)
    (found,) = torch.autograd.grad(js_categorical(p, q), logits)
    slopes = torch.stack([torch.xlogy(p, 2 * p / (p + q)), torch.xlogy(q, 2 * q / (p + q))]) / 2
    expected = slopes - torch.stack([p, q]) * slopes.sum(-1, keepdim=True)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-16)


@pytest.mark.parametrize(("dtype", "depth", "rtol"), [(torch.float64, 740, 1e-11), (torch.float32, 100, 1e-4)])
def test_gradients_of_laws_with_subnormal_entries_are_right(dtype, depth, rtol):
    tiny = torch.finfo(dtype).tiny
    first = torch.linspace(0, -depth, 60, dtype=dtype)
    logits = torch.stack([first, first + normal(0, 60, dtype=dtype) / 8]).requires_grad_()
    p, q = logits.softmax(-1)
    assert ((p > 0) & (p < tiny)).sum() >= 3
    value = kl_categorical(p, q)
    (found,) = torch.autograd.grad(value, logits, retain_graph=True)
    expected = torch.stack([p * ((p / q).log() - value), q - p])
    torch.testing.assert_close(found, expected, rtol=rtol, atol=4 * torch.finfo(dtype).eps)
    (found,) = torch.autograd.grad(js_categorical(p, q), logits)
    assert found.isfinite().all()


def test_gradients_of_nearly_equal_laws_keep_their_digits():
    logits = normal(0, 6).float()
    p, q = ((logits + 1e-5 * normal(seed, 6).float()).softmax(-1).requires_grad_() for seed in (1, 2))
    found = torch.stack(torch.autograd.grad(kl_categorical(p, q), (p, q))).double()
    a, b = p.detach().double(), q.detach().double()
    torch.testing.assert_close(found, torch.stack([(a / b).log(), (b - a) / b]), rtol=1e-6, atol=1e-12)
    assert ((p.log() - q.log()).double() / (a / b).log() - 1).abs().max() > 1e-4


@pytest.mark.parametrize("function", CATEGORICAL)
@pytest.mark.parametrize("scale", [0.0, 0.1, 3.0])
def test_derivatives_of_categorical_divergences(function, scale):
    first = normal(0, 3)
    second = (first + scale * normal(1, 3)).requires_grad_()

    def of_logits(a, b):
        return function(a.softmax(-1), b.softmax(-1))

    assert torch.autograd.gradcheck(of_logits, (first.requires_grad_(), second))
    assert torch.autograd.gradgradcheck(of_logits, (first, second))


@pytest.mark.parametrize(("function", "part"), [(kl_categorical, 1), (js_categorical, 1 / 4)])
def test_curvature_at_equal_laws_is_the_fisher_information(function, part):
    logits = normal(0, 5)
    p = logits.softmax(-1)
    found = torch.autograd.functional.hessian(lambda b: function(p, b.softmax(-1)), logits)
    torch.testing.assert_close(found, part * (p.diag() - p.outer(p)), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("function", CATEGORICAL)
def test_batches_of_categorical_laws(function):
    p, q = laws(0, 2, 3, 5)
    values = function(p, q)
    assert values.shape == (2, 3)
    assert torch.equal(values, torch.stack([function(a, b) for a, b in zip(p, q, strict=True)]))
    torch.testing.assert_close(function(p.mT.contiguous().mT, q), values, rtol=1e-15, atol=1e-17)
    assert function(p[0, 0], q[0, 0]).shape == ()
    assert function(torch.empty(0, 5), torch.empty(0, 5)).shape == (0,)
    assert function(torch.empty(2, 0, 5), torch.empty(2, 0, 5)).shape == (2, 0)


@pytest.mark.parametrize("function", CATEGORICAL)
@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (tensor(0.5, 0.6), r"must sum to one along its last axis, got a sum of 1\.1"),
        (tensor(0.5, 0.5001), r"must sum to one .*, got a sum of 1\.0001"),
        (tensor(INF, 0.0), r"must sum to one .*, got a sum of inf"),
        (torch.stack([tensor(0.5, 0.5), tensor(0.2, 0.2)]), r"must sum to one .*, got a sum of 0\.4"),
        (torch.empty(3, 0), r"must sum to one .*, got a sum of 0\.0"),
        (tensor(1.5, -0.5), r"must be nonnegative, got -0\.5"),
        (tensor(NAN, 1.0), r"must be free of NaN, got 1 of them"),
        (torch.tensor([1, 0]), r"must be a tensor of floating-point numbers, got tensor\(\[1, 0\]\)"),
        ([0.5, 0.5], r"must be a tensor of floating-point numbers, got \[0\.5, 0\.5\]"),
        (torch.ones(()), r"must have a last axis, along which a law lies, got shape \(\)"),
    ],
)
def test_what_is_no_law_is_refused(function, bad, message):
    with pytest.raises(ValueError, match=f"^p {message}"):
        function(bad, bad)
    good = torch.full_like(bad, 1 / bad.shape[-1]) if isinstance(bad, torch.Tensor) and bad.numel() > 1 else None
    if good is not None and good.is_floating_point():
        with pytest.raises(ValueError, match=f"^q {message}"):
            function(good, bad)


@pytest.mark.parametrize("function", CATEGORICAL)
def test_laws_that_do_not_match_are_refused(function):
    p = torch.tensor([[0.5, 0.5]])
    with pytest.raises(ValueError, match=r"^q must have the shape of p, \(1, 2\), got \(2,\)"):
        function(p, p[0])
    with pytest.raises(ValueError, match=r"^q must have the type of p, torch.float32, got torch.float64"):
        function(p, p.double())


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_sums_may_be_off_by_the_precision(dtype):
    room = max(1e-5, 8 * torch.finfo(dtype).eps)
    law = torch.tensor([0.5, 0.5 + room / 2], dtype=dtype)
    assert kl_categorical(law, law) == 0
    with pytest.raises(ValueError, match="p must sum to one"):
        kl_categorical(torch.tensor([0.5, 0.5 + 2 * room], dtype=dtype), law)
    assert js_categorical(*normal(0, 2, 50_000, dtype=dtype).softmax(-1)) > 0


def test_a_sum_that_is_slightly_off_moves_the_value_in_proportion_and_the_plain_sum_by_more():
    p, q = laws(0, 5)
    off = p * (1 + 5e-6)
    kl = kl_categorical(p, q)
    assert abs(kl_categorical(off, q) - kl) < 5.1e-6 * kl + 1e-10
    near = p * (1 + 1e-3 * tensor(1, -1, 1, -1, 0))
    near = near / near.sum()
    assert abs(kl_categorical(off, near) - kl_categorical(p, near)) < 1e-10
    assert abs((off * (off / near).log()).sum() - kl_categorical(p, near)) > 4e-6


# Normals


@few
@given(seed=st.integers(0, 10**6), d=st.integers(0, 5))
def test_kl_of_normals_agrees_with_torch_distributions(seed, d):
    mean_0, log_var_0, mean_1, log_var_1 = parameters = four_normals(seed, 3, d)
    peer = kl_divergence(Normal(mean_0, (log_var_0 / 2).exp()), Normal(mean_1, (log_var_1 / 2).exp())).sum(-1)
    torch.testing.assert_close(kl_normal(*parameters), peer, rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(
        kl_diag_normal(mean_0, log_var_0),
        kl_normal(mean_0, log_var_0, torch.zeros(3, d).double(), torch.zeros(3, d).double()),
        rtol=1e-14,
        atol=0,
    )


LINES = [(0, 0, 1, 0), (0.3, -1, 0.3, 0.5), (-1, 0.2, 2, 1.5), (0, 0, 6, 0), (0, 3, 1, -2), (2, -2, -1, 1)]


@pytest.mark.parametrize("parameters", LINES)
def test_divergences_of_normals_are_the_integrals(parameters):
    arguments = [tensor(float(value)) for value in parameters]
    kl, js = on_the_line(*parameters)
    assert kl_normal(*arguments).item() == pytest.approx(kl, rel=1e-8)
    assert js_normal(*arguments).item() == pytest.approx(js, abs=1e-13)
    swapped = arguments[2:] + arguments[:2]
    torch.testing.assert_close(js_normal(*swapped), js_normal(*arguments), rtol=1e-13, atol=0)
    if parameters[1] != parameters[3]:
        assert abs(kl_normal(*swapped) - kl) > 1e-2


@pytest.mark.parametrize(
    ("distance", "value"),
    [(0.5, 0.030311300521), (1, 0.111421482185), (2, 0.336830820347), (3, 0.526777306521), (4, 0.632720193737)],
)
def test_js_of_unit_normals(distance, value):
    zero = tensor(0.0)
    assert js_normal(zero, zero, zero + distance, zero).item() == pytest.approx(value, abs=5e-13)


@pytest.mark.parametrize("gap", [1e-2, 1e-5, 1e-10, 1e-14])
def test_normals_that_are_nearly_equal_keep_their_digits(gap):
    zero = tensor(0.0)
    with localcontext() as context:
        context.prec = 60
        exact = float((Decimal(gap).exp() - 1 - Decimal(gap)) / 2)
    assert kl_normal(zero, zero + gap, zero, zero).item() == pytest.approx(exact, rel=1e-12, abs=0)
    assert kl_diag_normal(zero, zero + gap).item() == pytest.approx(exact, rel=1e-12, abs=0)
    assert kl_normal(zero + gap, zero, zero, zero).item() == pytest.approx(gap**2 / 2, rel=1e-12, abs=0)
    # An eighth of the Fisher information, 1 for the mean and 1/2 for the log-variance, and terms of higher order.
    assert js_normal(zero, zero, zero + gap, zero).item() == pytest.approx(gap**2 / 8, rel=gap**2 + 1e-10, abs=0)
    assert js_normal(zero, zero, zero, zero + gap).item() == pytest.approx(gap**2 / 16, rel=gap**2 + 1e-10, abs=0)
    plain = (math.exp(gap) - 1 - gap) / 2
    assert gap > 1e-4 or abs(plain / exact - 1) > 1e-8


@pytest.mark.parametrize("ratio", [4.0, 12.0, 30.0, 70.0])
def test_a_narrow_normal_in_a_wide_one(ratio):
    """The integral on the narrow law's scale of what is missing to log 2, by Simpson's rule."""
    half, steps = 40.0, 8000
    total = []
    for i in range(steps + 1):
        x = half * (2 * i / steps - 1)
        log_ratio = (x * x * -math.expm1(-ratio) - ratio) / 2
        p = math.exp(-x * x / 2) / math.sqrt(2 * math.pi)
        q = math.exp(-x * x * math.exp(-ratio) / 2 - ratio / 2) / math.sqrt(2 * math.pi)
        missing = p * (max(log_ratio, 0) + math.log1p(math.exp(-abs(log_ratio))))
        missing += q * (max(-log_ratio, 0) + math.log1p(math.exp(-abs(log_ratio))))
        total.append(missing * (1 if i in (0, steps) else 4 if i % 2 else 2))
    expected = LOG_2 - math.fsum(total) * 2 * half / steps / 3 / 2
    zero = tensor(0.0)
    assert js_normal(zero, zero + 3, zero, zero + 3 + ratio).item() == pytest.approx(expected, abs=1e-13)


@few
@given(seed=st.integers(0, 10**6), scale=st.floats(0.01, 100), move=st.floats(-10, 10))
@pytest.mark.parametrize("function", NORMAL)
def test_affine_maps_change_nothing(function, seed, scale, move):
    mean_0, log_var_0, mean_1, log_var_1 = four_normals(seed, 3, 1)
    mapped = [scale * mean_0 + move, log_var_0 + 2 * math.log(scale), scale * mean_1 + move]
    mapped.append(log_var_1 + 2 * math.log(scale))
    expected = function(mean_0, log_var_0, mean_1, log_var_1)
    torch.testing.assert_close(function(*mapped), expected, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(function(-mean_0, log_var_0, -mean_1, log_var_1), expected, rtol=1e-12, atol=1e-15)
    assert not torch.allclose(function(-mean_0, log_var_0, mean_1, log_var_1), expected)


@few
@given(seed=st.integers(0, 10**6), spread=st.sampled_from([1e-9, 1e-3, 1, 30, 1e4]))
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_signs_and_bounds_of_normals(dtype, seed, spread):
    parameters = list((spread * four_normals(seed, 5, 1)).to(dtype))
    kl, js = kl_normal(*parameters), js_normal(*parameters)
    assert kl.dtype == js.dtype == dtype
    assert (kl >= 0).all()
    assert (js >= 0).all()
    assert (js <= torch.tensor(LOG_2, dtype=dtype)).all()
    torch.testing.assert_close(js, js_normal(*parameters[2:], *parameters[:2]), rtol=1e-7, atol=0)
    assert (js <= kl / 2 * (1 + 1e-5) + 1e-15).all()  # the mixture is at most half as far
    assert (js_normal(*parameters[:2], *parameters[:2]) == 0).all()
    assert (kl_normal(*parameters[:2], *parameters[:2]) == 0).all()


@pytest.mark.parametrize(
    ("parameters", "kl", "js"),
    [
        ((1, -INF, 1, -INF), 0, 0),
        ((1, -INF, 1 + 1e-15, -INF), INF, LOG_2),
        ((0, -INF, 5e-324, -INF), INF, LOG_2),
        ((0, -INF, 0, 0), INF, LOG_2),
        ((0, 0, 0, -INF), INF, LOG_2),
        ((0, 0, 3, -INF), INF, LOG_2),
        ((0, 0, 0, INF), INF, LOG_2),
        ((0, -1e5, 0, -1e5), 0, 0),
        ((1, -1e5, 0, -1e5), INF, LOG_2),
        ((1e200, 0, -1e200, 0), INF, LOG_2),
        ((1e200, 0, -1e200, 1e4), None, LOG_2),
        ((NAN, 0, 0, 0), NAN, NAN),
        ((0, NAN, 0, 0), NAN, NAN),
        ((0, 0, 0, NAN), NAN, NAN),
    ],
)
def test_corners_of_normals(parameters, kl, js):
    arguments = [tensor(float(value)).requires_grad_() for value in parameters]
    if kl is not None:
        assert kl_normal(*arguments).item() == pytest.approx(kl, rel=1e-15, nan_ok=True)
    value = js_normal(*arguments)
    assert value.item() == pytest.approx(js, rel=1e-15, nan_ok=True)
    gradients = torch.cat(torch.autograd.grad(value, arguments))
    assert gradients.isfinite().all() or math.isnan(js)


def test_corners_of_the_divergence_from_the_standard_normal():
    for mean, log_var, value in [
        (0, 0, 0),
        (1, 0, 0.5),
        (0, -INF, INF),
        (0, INF, INF),
        (INF, 0, INF),
        (0, -1e4, 4999.5),
    ]:
        assert kl_diag_normal(tensor(float(mean)), tensor(float(log_var))).item() == value
    for mean, log_var in [(NAN, 0.0), (0.0, NAN)]:
        arguments = [tensor(mean).requires_grad_(), tensor(log_var).requires_grad_()]
        value = kl_diag_normal(*arguments)
        assert value.isnan()
        assert torch.cat(torch.autograd.grad(value, arguments)).isnan().any()


def test_tiny_differences_of_tiny_normals_are_not_lost():
    zero, log_var = tensor(0.0), tensor(-1300.0)
    shift = math.exp(-650)
    assert kl_normal(zero + shift, log_var, zero, log_var).item() == pytest.approx(0.5, rel=1e-12)
    assert js_normal(zero + shift, log_var, zero, log_var).item() == pytest.approx(0.111421482185, abs=1e-12)


@pytest.mark.parametrize("function", [*NORMAL, kl_diag_normal])
def test_batches_of_normals(function):
    count = 2 if function is kl_diag_normal else 4
    parameters = four_normals(0, 2, 3, 1)[:count]
    values = function(*parameters)
    assert values.shape == (2, 3)
    rows = [function(*row) for row in parameters.unbind(1)]
    torch.testing.assert_close(values, torch.stack(rows), rtol=1e-14, atol=0)
    assert function(*parameters[:, 0, 0]).shape == ()
    for shape in [(0, 1), (2, 0, 1), (0, 4)]:
        assert function(*four_normals(0, *shape)[:count]).shape == shape[:-1]
    assert function(*four_normals(0, 3, 0)[:count]).tolist() == [0, 0, 0]
    half = function(*parameters.to(torch.bfloat16))
    assert half.dtype == torch.float32
    torch.testing.assert_close(half, function(*parameters.bfloat16().float()), rtol=0, atol=0)


def test_kl_adds_up_over_coordinates_and_js_does_not():
    parameters = four_normals(3, 4)
    apart = torch.stack([kl_normal(*parameters[:, i : i + 1]) for i in range(4)])
    torch.testing.assert_close(kl_normal(*parameters), apart.sum(), rtol=1e-14, atol=0)
    zero, one = torch.zeros(2).double(), torch.ones(2).double()
    once = js_normal(zero[:1], zero[:1], one[:1], zero[:1])
    assert js_normal(zero, zero, one, zero) < 2 * once


def test_equal_variances_reduce_to_one_dimension():
    mean_0, mean_1, log_var = tensor(0.3, -0.5), tensor(-0.4, 0.8), tensor(-0.5, 0.3)
    arguments = [value.clone().requires_grad_() for value in (mean_0, log_var, mean_1, log_var)]
    value, expected = js_normal(*arguments), js_on_the_plane(*arguments)
    torch.testing.assert_close(value, expected, rtol=0, atol=1e-12)
    for found, of_integral in zip(
        torch.autograd.grad(value, arguments), torch.autograd.grad(expected, arguments), strict=True
    ):
        torch.testing.assert_close(found, of_integral, rtol=0, atol=1e-12)
    distance = ((mean_0 - mean_1) * (-log_var / 2).exp()).norm()
    zero = torch.zeros(1).double()
    torch.testing.assert_close(value, js_normal(zero, zero, zero + distance, zero), rtol=1e-12, atol=0)
    wrong = js_normal(zero, zero, zero + (mean_0 - mean_1).norm(), zero)  # the plain distance
    assert abs(wrong - value) > 1e-3


def test_coordinates_in_which_the_laws_agree_drop_out():
    arguments = [tensor(0.3, -0.5), tensor(0.2, 0.4), tensor(0.3, 0.9), tensor(0.2, -0.6)]
    arguments = [value.requires_grad_() for value in arguments]
    value, expected = js_normal(*arguments), js_on_the_plane(*arguments)
    torch.testing.assert_close(value, expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(value, js_normal(*(a[1:] for a in arguments)), rtol=0, atol=0)
    for found, of_integral in zip(
        torch.autograd.grad(value, arguments), torch.autograd.grad(expected, arguments), strict=True
    ):
        torch.testing.assert_close(found, of_integral, rtol=0, atol=1e-12)
    only_means = [a.detach().clone() for a in arguments]
    only_means[0][0] = 1
    with pytest.raises(ValueError, match="log_var_0 must equal log_var_1"):
        js_normal(*only_means)


def test_rows_of_a_batch_reduce_each_in_its_way():
    zero = torch.zeros(4, 3).double()
    mean_1 = torch.stack([tensor(3.0, 0.0, 4.0), tensor(0.0, 5.0, 0.0), tensor(0.0, 0.0, 0.0), tensor(0.0, 1.0, 0.0)])
    log_var_1 = zero.clone()
    log_var_1[3, 1] = 2.0
    values = js_normal(zero, zero, mean_1, log_var_1)
    line = [js_normal(*(tensor(x) for x in law)) for law in [(0.0, 0.0, 5.0, 0.0), (0.0, 0.0, 1.0, 2.0)]]
    torch.testing.assert_close(values, torch.stack([line[0], line[0], 0 * line[0], line[1]]), rtol=1e-15, atol=0)
    point_masses = js_normal(zero, zero - INF, mean_1, zero - INF)
    assert point_masses.tolist() == [LOG_2, LOG_2, 0, LOG_2]
    nan = mean_1.clone()
    nan[:, 0] = NAN
    assert js_normal(zero, zero, nan, zero).isnan().all()


@pytest.mark.parametrize("function", NORMAL)
@pytest.mark.parametrize("scale", [0.0, 0.1, 3.0])
def test_derivatives_of_divergences_of_normals(function, scale):
    first = normal(1, 2, 2, 1)
    second = first + scale * normal(2, 2, 2, 1)
    arguments = [value.clone().requires_grad_() for value in (*first, *second)]
    assert torch.autograd.gradcheck(function, arguments, atol=1e-7)
    assert torch.autograd.gradgradcheck(function, arguments, atol=1e-7, fast_mode=True)


@pytest.mark.parametrize(("function", "part"), [(kl_normal, 1), (js_normal, 1 / 4)])
def test_curvature_at_equal_normals_is_the_fisher_information(function, part):
    mean, log_var = tensor(0.7), tensor(-0.4)
    found = torch.autograd.functional.hessian(lambda m, v: function(mean, log_var, m, v), (mean, log_var))
    expected = torch.diag(part * tensor(math.exp(0.4), 0.5))
    torch.testing.assert_close(torch.tensor(found, dtype=torch.float64), expected, rtol=1e-9, atol=1e-12)


def test_derivatives_from_the_standard_normal():
    arguments = [value.clone().requires_grad_() for value in 0.3 * normal(0, 2, 1, 4)]
    assert torch.autograd.gradcheck(kl_diag_normal, arguments)
    assert torch.autograd.gradgradcheck(kl_diag_normal, arguments)


@statistical(alarms=1e-6, effect="a divergence off by 0.02 nats")
def test_js_of_normals_is_the_mean_that_the_optimal_discriminator_sees(seed, planted):
    n = 20_000
    x, y = normal(seed, n), 2 + math.exp(0.5) * normal(seed + 10_000, n)
    p, q = Normal(0.0, 1.0), Normal(2.0, math.exp(0.5))
    logit = [q.log_prob(z) - p.log_prob(z) for z in (x, y)]
    draws = torch.nn.functional.logsigmoid(-logit[0]) + torch.nn.functional.logsigmoid(logit[1])
    value = js_normal(*(tensor(v) for v in (0.0, 0.0, 2.0, 1.0))).item()
    return mean_is(LOG_2 + draws / 2, value + (0.02 if planted else 0))


@pytest.mark.parametrize("function", [*NORMAL, kl_diag_normal])
def test_parameters_that_do_not_match_are_refused(function):
    names = ["mean", "log_var"] if function is kl_diag_normal else ["mean_0", "log_var_0", "mean_1", "log_var_1"]
    good = dict.fromkeys(names, torch.zeros(2, 1))
    function(**good)
    for name in names[1:]:
        with pytest.raises(ValueError, match=rf"^{name} must have the shape of {names[0]}, \(2, 1\), got \(1,\)"):
            function(**good | {name: torch.zeros(1)})
        with pytest.raises(ValueError, match=rf"^{name} must have the type of {names[0]}, torch.float32, got"):
            function(**good | {name: torch.zeros(2, 1).double()})
    with pytest.raises(ValueError, match=rf"^{names[0]} must have a last axis, along which a law lies, got shape \(\)"):
        function(**dict.fromkeys(names, torch.zeros(())))
    for name in names:
        with pytest.raises(ValueError, match=rf"^{name} must be a tensor of floating-point numbers, got 0\.0"):
            function(**good | {name: 0.0})


def test_normals_whose_integral_does_not_reduce_are_refused():
    zero = torch.zeros(2)
    with pytest.raises(ValueError, match=r"^log_var_0 must equal log_var_1 .* one dimension, got a difference of -1"):
        js_normal(zero, zero, zero, zero + 1)
    with pytest.raises(ValueError, match="no known closed form"):
        js_normal(zero, zero, zero + 1, torch.tensor([0.0, 1.0]))


@pytest.mark.parametrize("function", [kl_categorical, js_categorical, kl_diag_normal])
def test_sparse_tensors_are_refused(function):
    half = torch.full((2,), 0.5)
    for pair in ((half.to_sparse(), half), (half, half.to_sparse())):
        with pytest.raises(ValueError, match="must be a tensor of floating-point numbers, got tensor"):
            function(*pair)
