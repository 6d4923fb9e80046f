import copy
import math
import random
from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from chance import share, statistical
from hw.leaks import Leak, first_leak, probe
from hw.masked_conv import GatedPixelCNN, MaskedConv2d
from hw.masks import degree_mask, made_masks, mask
from oracles import receptive_field_by_paths

COPIES_ITSELF = Leak(output=(0, 0, 0), input=(0, 0, 0))


class Apply(nn.Module):
    """A function as a module, with the layers it uses."""

    def __init__(self, function, *layers):
        super().__init__()
        self.function = function
        self.layers = nn.ModuleList(layers)

    def forward(self, x):
        return self.function(x, *self.layers)


class Grids(nn.Sequential):
    """Convolutions with all weights 1 under 0/1 grids of one's own."""

    def __init__(self, *grids):
        super().__init__(*(nn.Conv2d(1, 1, (len(g), len(g[0])), padding="same", bias=False) for g in grids))
        for layer, grid in zip(self, grids, strict=True):
            layer.weight = nn.Parameter(torch.tensor(grid, dtype=torch.float32)[None, None])


def pixelcnn(kinds, size=3, activation=nn.Tanh, channels=1, hidden=4, colors=1):
    """Masked convolutions of the given kinds with an activation after each but the last."""
    widths = [channels, *[hidden * colors] * (len(kinds) - 1), channels]
    layers = []
    for kind, (before, after) in zip(kinds, pairwise(widths), strict=True):
        layers += [MaskedConv2d(kind, before, after, size, colors=colors), activation()]
    return nn.Sequential(*layers[:-1])


def flipped(grid):
    return [line[::-1] for line in grid[::-1]]


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


GRID = st.sampled_from([(1, 1), (1, 3), (3, 1), (3, 3)]).flatmap(
    lambda size: st.lists(
        st.lists(st.integers(0, 1), min_size=size[1], max_size=size[1]), min_size=size[0], max_size=size[0]
    )
)


@settings(deadline=None, max_examples=30)
@given(grids=st.lists(GRID, min_size=1, max_size=3), row=st.integers(0, 2), column=st.integers(0, 3))
@pytest.mark.parametrize("method", ["jacobian", "perturbation"])
def test_probe_finds_the_paths_of_any_stack(method, grids, row, column):
    seen = probe(Grids(*grids), (1, 3, 4), (row, column), method=method, trials=1)
    assert tuple(map(tuple, seen[0].tolist())) == receptive_field_by_paths(grids, (3, 4), (row, column))


def test_a_path_off_the_map_and_back_carries_nothing():
    right_then_left = Grids([[0, 0, 1]], [[1, 0, 0]])
    assert probe(right_then_left, (1, 1, 3), (0, 1)).tolist() == [[[False, True, False]]]
    assert probe(right_then_left, (1, 1, 3), (0, 0)).tolist() == [[[False, False, False]]]


@pytest.mark.parametrize("method", ["jacobian", "perturbation"])
@pytest.mark.parametrize("size", [1, 3, 7])
@pytest.mark.parametrize("kinds", ["A", "AB", "ABBB", "AAB", "BA"])
def test_a_plain_chain_with_a_kind_a_layer_does_not_leak(kinds, size, method):
    assert first_leak(pixelcnn(kinds, size), (1, 3, 4), method=method, trials=1) is None


@pytest.mark.parametrize("method", ["jacobian", "perturbation"])
@pytest.mark.parametrize("size", [1, 3, 7])
@pytest.mark.parametrize("kinds", ["B", "BBB"])
def test_a_chain_without_a_kind_a_layer_copies_the_pixel(kinds, size, method):
    assert first_leak(pixelcnn(kinds, size), (1, 3, 4), method=method, trials=1) == COPIES_ITSELF


@pytest.mark.parametrize("method", ["jacobian", "perturbation"])
def test_kind_b_alone_does_not_leak_on_a_shifted_image(method):
    def shifted(x, stack):
        start = torch.zeros_like(x[:, :, :1, 0])
        return stack(torch.cat([start, x.flatten(2)[..., :-1]], -1).view_as(x))

    stack = nn.Sequential(MaskedConv2d("B", 1, 2, (1, 3)), nn.Tanh(), MaskedConv2d("B", 2, 1, (1, 3)))
    assert first_leak(stack, (1, 3, 4), method=method) == COPIES_ITSELF
    assert first_leak(Apply(shifted, stack), (1, 3, 4), method=method) is None


@pytest.mark.parametrize("colors", [1, 3])
def test_gated_pixelcnn_does_not_leak(colors):
    for layers, size in [(1, 3), (3, 3), (2, 5)]:
        model = GatedPixelCNN(colors, 3, 2 * colors, size, layers, colors=colors)
        assert first_leak(model, (colors, 3, 4), trials=1) is None


@pytest.mark.parametrize("method", ["jacobian", "perturbation"])
def test_one_future_tap_is_found_where_it_points(method):
    for future, first in [((1, 2), (0, 0, 1)), ((2, 0), (0, 0, 0)), ((2, 2), (0, 1, 1)), ((2, 1), (0, 1, 0))]:
        grid = [list(line) for line in mask("A", 3)]
        grid[future[0]][future[1]] = 1
        # The tap down and left has no pixel to read in column 0: output (0, 1) is the first with one, (1, 0).
        expected = Leak((0, 0, 1), (0, 1, 0)) if future == (2, 0) else Leak((0, 0, 0), first)
        assert first_leak(Grids(grid), (1, 5, 5), method=method, trials=1) == expected


class MaskedAtTheStart(nn.Conv2d):
    """The mask multiplies the weight once, so that training brings the masked entries back."""

    def __init__(self):
        super().__init__(1, 1, 3, padding=1)
        with torch.no_grad():
            self.weight *= torch.tensor(mask("A", 3))


def test_a_mask_applied_once_drifts_with_the_first_step():
    def train(model):
        model(torch.randn(4, 1, 5, 5)).square().mean().backward()
        with torch.no_grad():  # the step of plain SGD; torch.optim takes seconds to import
            for parameter in model.parameters():
                parameter -= 0.1 * parameter.grad
        return first_leak(model, (1, 5, 5), trials=1)

    assert first_leak(MaskedAtTheStart(), (1, 5, 5), trials=1) is None
    assert train(MaskedAtTheStart()) == COPIES_ITSELF
    assert train(MaskedConv2d("A", 1, 1, 3)) is None


@pytest.mark.parametrize(
    ("kinds", "first_flipped", "both_flipped"),
    [
        ("AA", ((0, 0, 1), (0, 0, 1)), ((0, 0, 0), (0, 0, 2))),
        ("AB", ((0, 0, 0), (0, 0, 1)), ((0, 0, 0), (0, 0, 1))),
        ("BA", ((0, 0, 1), (0, 0, 1)), ((0, 0, 0), (0, 0, 1))),
        ("BB", ((0, 0, 0), (0, 0, 0)), ((0, 0, 0), (0, 0, 0))),
    ],
)
def test_flipped_kernels_leak(kinds, first_flipped, both_flipped):
    first, second = (mask(kind, 3) for kind in kinds)
    # Last layer flipped: output (0, 0) reads the hidden pixel to its right, and that one reads back to the left.
    assert first_leak(Grids(first, flipped(second)), (1, 5, 5), trials=1) == COPIES_ITSELF
    # First layer flipped: where the last one has no pixel to read, at (0, 0) under kind A, the next output leaks.
    assert first_leak(Grids(flipped(first), second), (1, 5, 5), trials=1) == first_flipped
    assert first_leak(Grids(flipped(first), flipped(second)), (1, 5, 5), trials=1) == both_flipped


@pytest.mark.parametrize(
    ("padding", "first", "outputs"),
    [("zeros", None, 0), ("circular", (0, 0, 4), 9), ("replicate", (0, 0, 0), 9), ("reflect", (0, 0, 1), 9)],
)
def test_padding_other_than_zeros_leaks_along_two_borders(padding, first, outputs):
    layer = MaskedConv2d("A", 1, 1, 3)
    model = nn.Conv2d(1, 1, 3, padding=1, padding_mode=padding)
    model.weight = nn.Parameter(layer.weight * layer.mask)
    assert first_leak(model, (1, 5, 5), trials=1) == (first and Leak((0, 0, 0), first))
    fields = [probe(model, (1, 5, 5), (row, column), trials=1)[0].flatten() for row in range(5) for column in range(5)]
    assert sum(bool(field[t:].any()) for t, field in enumerate(fields)) == outputs


@pytest.mark.parametrize("method", ["jacobian", "perturbation"])
@pytest.mark.parametrize(
    ("norm", "leaks_in_training", "leaks_in_evaluation"),
    [
        (nn.BatchNorm2d, True, False),
        (nn.InstanceNorm2d, True, True),
        (lambda channels: nn.GroupNorm(1, channels), True, True),
        (lambda channels: Apply(lambda x: x / (1 + x.square().mean(1, keepdim=True)).sqrt()), False, False),
    ],
)
def test_statistics_over_the_image_leak(norm, leaks_in_training, leaks_in_evaluation, method):
    model = nn.Sequential(MaskedConv2d("A", 1, 3, 3), norm(3), nn.Tanh(), MaskedConv2d("B", 3, 1, 3))
    assert first_leak(model.train(), (1, 4, 4), method=method, trials=2) == (
        COPIES_ITSELF if leaks_in_training else None
    )
    assert first_leak(model.eval(), (1, 4, 4), method=method, trials=2) == (
        COPIES_ITSELF if leaks_in_evaluation else None
    )
    assert bool(probe(model.train(), (1, 4, 4), (2, 2), method=method)[0, 3, 1]) == leaks_in_training


def test_skip_from_a_kind_b_first_layer_leaks():
    b, a, head = MaskedConv2d("B", 1, 3, 3), MaskedConv2d("A", 3, 3, 3), nn.Conv2d(6, 1, 1)
    assert first_leak(nn.Sequential(b, a), (1, 4, 4), trials=1) is None

    def residual(x, first, second):
        return first(x) + second(first(x).tanh())

    def concatenation(x, first, second, head):
        return head(torch.cat([first(x), second(first(x).tanh())], 1))

    assert first_leak(Apply(residual, b, a), (1, 4, 4), trials=1) == COPIES_ITSELF
    assert first_leak(Apply(concatenation, b, a, head), (1, 4, 4), trials=1) == COPIES_ITSELF
    a_first, b_second = MaskedConv2d("A", 1, 3, 3), MaskedConv2d("B", 3, 3, 3)
    assert first_leak(Apply(residual, a_first, b_second), (1, 4, 4), trials=1) is None
    assert first_leak(Apply(concatenation, a_first, b_second, head), (1, 4, 4), trials=1) is None


@pytest.mark.parametrize("method", ["jacobian", "perturbation"])
def test_colors_in_another_order_leak(method):
    rgb = pixelcnn("AB", channels=3, colors=3)
    bgr = Apply(lambda x, model: model(x.flip(1)).flip(1), rgb)
    assert first_leak(rgb, (3, 3, 3), method=method, trials=1) is None
    # Red comes last in BGR, so it reads green and blue; green is the first of them in our order.
    assert first_leak(bgr, (3, 3, 3), method=method, trials=1) == Leak(output=(0, 0, 0), input=(1, 0, 0))


@pytest.mark.parametrize("method", ["jacobian", "perturbation"])
def test_logits_must_come_in_one_block_a_color(method):
    model = nn.Sequential(MaskedConv2d("A", 3, 6, 3, colors=3), nn.Tanh(), MaskedConv2d("B", 6, 12, 3, colors=3))
    level_first = Apply(lambda x, m: m(x).unflatten(1, (3, 4)).transpose(1, 2).flatten(1, 2), model)
    assert first_leak(model, (3, 3, 3), method=method, trials=1) is None
    # Channel 1 of level-first logits belongs to green, which reads red, but lies in the block of red.
    assert first_leak(level_first, (3, 3, 3), method=method, trials=1) == Leak(output=(1, 0, 0), input=(0, 0, 0))


def attention(x, embed, query, key, value, *, kind="B", shift=True, mask_first=True):
    pixels = x.flatten(1)[..., None]
    if shift:
        pixels = torch.cat([torch.ones_like(pixels[:, :1]), pixels[:, :-1]], 1)
    hidden = embed(pixels)
    allowed = torch.tensor(degree_mask(kind, range(pixels.shape[1]), range(pixels.shape[1]))).bool()
    scores = query(hidden) @ key(hidden).mT
    if mask_first:
        weights = scores.masked_fill(~allowed, -math.inf).softmax(-1)
    else:
        weights = scores.softmax(-1) * allowed
    return (weights @ value(hidden)).view_as(x)


def attention_module(**options):
    layers = nn.Linear(1, 3), nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 1)
    return Apply(lambda x, *parts: attention(x, *parts, **options), *layers)


@pytest.mark.parametrize("method", ["jacobian", "perturbation"])
def test_attention_masked_after_the_softmax_leaks_through_the_normalizer(method):
    assert first_leak(attention_module(), (1, 3, 3), method=method, trials=1) is None
    assert first_leak(attention_module(shift=False), (1, 3, 3), method=method, trials=1) == COPIES_ITSELF
    assert first_leak(attention_module(mask_first=False), (1, 3, 3), method=method, trials=1) == COPIES_ITSELF
    assert probe(attention_module(mask_first=False), (1, 3, 3), (0, 0), method=method, trials=1).flatten().tolist() == [
        *[True] * 8,
        False,  # the shift drops the last pixel
    ]


@pytest.mark.parametrize("method", ["jacobian", "perturbation"])
def test_attention_with_an_empty_row_is_refused(method):
    with pytest.raises(ValueError, match=r"module must return numbers .*, got nan at output \(0, 0, 0\)"):
        first_leak(attention_module(kind="A"), (1, 3, 3), method=method)


@pytest.mark.parametrize("method", ["jacobian", "perturbation"])
def test_made_leaks_with_an_inclusive_output_layer(method):
    first, last = made_masks(6, [5])
    inclusive = degree_mask("B", range(1, 6), range(1, 7))
    for output_mask, expected in [(last, None), (inclusive, COPIES_ITSELF)]:
        weights = [torch.rand(len(m), len(m[0])) * torch.tensor(m) for m in (first, output_mask)]
        made = Apply(lambda x, w=weights: F.linear(F.linear(x.flatten(1), w[0].to(x)).tanh(), w[1].to(x)).view_as(x))
        assert first_leak(made, (1, 2, 3), method=method) == expected


@pytest.mark.parametrize("kinds", ["AB", "ABBB"])
def test_relu_networks(kinds):
    assert first_leak(pixelcnn(kinds, activation=nn.ReLU), (1, 4, 4)) is None
    assert first_leak(pixelcnn("B" + kinds[1:], activation=nn.ReLU), (1, 4, 4)) == COPIES_ITSELF


class SumAtTheFirstPixel(nn.Module):
    """The first output adds a ReLU of every input; the others are zero."""

    def forward(self, x):
        total = x.relu().sum().view(1, 1, 1, 1)
        return F.pad(total, (0, x.shape[3] - 1, 0, x.shape[2] - 1))


@pytest.mark.parametrize(
    ("method", "inputs", "trials", "of_one_trial"),
    # A gradient is zero where the input is negative; drawing anew changes nothing where both are.
    [("jacobian", 10_000, 1, 1 / 2), ("jacobian", 10_000, 3, 1 / 2), ("perturbation", 400, 1, 1 / 4)],
)
@statistical(alarms=1e-6, effect="the chance of one trial more")
def test_chance_of_missing_an_input_is_as_stated(method, inputs, trials, of_one_trial, seed, planted):
    images = torch.Generator().manual_seed(seed)
    seen = probe(SumAtTheFirstPixel(), (1, 1, inputs), (0, 0), method=method, trials=trials, generator=images)
    return share((~seen).sum().item(), inputs, of_one_trial ** (trials + planted))


def test_dead_unit_hides_a_leak_that_more_trials_find():
    model = Apply(lambda x: (x - 1.6).relu())  # open at one image in 18: 300 are all closed once in 20 million
    images, again = (torch.Generator().manual_seed(0) for _ in range(2))
    one_by_one = {first_leak(model, (1, 1, 1), trials=1, generator=images) for _ in range(300)}
    assert one_by_one == {None, COPIES_ITSELF}
    assert first_leak(model, (1, 1, 1), trials=300, generator=again) == COPIES_ITSELF
    assert first_leak(Apply(lambda x: F.softplus(x - 1.6)), (1, 1, 1), trials=1) == COPIES_ITSELF


@pytest.mark.parametrize("method", ["jacobian", "perturbation"])
def test_first_leak_is_the_first_over_all_trials(method):
    model = Apply(lambda x: (x - torch.tensor([1.6, 0.0, -9.0])).relu())
    images, again = (torch.Generator().manual_seed(0) for _ in range(2))
    one_by_one = [first_leak(model, (1, 1, 3), method=method, trials=1, generator=images) for _ in range(40)]
    assert len(set(one_by_one)) > 1
    assert first_leak(model, (1, 1, 3), method=method, trials=40, generator=again) == min(one_by_one)


@pytest.mark.parametrize("kind", "AB")
def test_rounding_needs_perturbation(kind):
    model = Apply(lambda x, conv: conv((4 * x).round()), MaskedConv2d(kind, 1, 2, 3))
    expected = COPIES_ITSELF if kind == "B" else None
    assert first_leak(model, (1, 4, 4), method="perturbation") == expected
    with pytest.raises(ValueError, match="method must be 'perturbation' for an output that changes while its gradient"):
        first_leak(model, (1, 4, 4))
    with pytest.raises(ValueError, match="method must be 'perturbation' for an output that changes while its gradient"):
        probe(model, (1, 4, 4), (2, 2))


@pytest.mark.parametrize("kind", "AB")
def test_lookup_needs_perturbation(kind):
    def look_up(x, table, conv):
        return conv(table((x[:, 0] > 0).long()).movedim(-1, 1))

    model = Apply(look_up, nn.Embedding(2, 3), MaskedConv2d(kind, 3, 1, 3))
    assert first_leak(model, (1, 4, 4), method="perturbation") == (COPIES_ITSELF if kind == "B" else None)
    with pytest.raises(ValueError, match="method must be 'perturbation' for an output that carries no gradient"):
        first_leak(model, (1, 4, 4))


def test_one_path_without_gradient_is_invisible_to_the_jacobian():
    model = Apply(lambda x, conv: conv(x) + x.detach(), MaskedConv2d("A", 1, 1, 3))
    assert not probe(model, (1, 3, 3), (1, 1))[0, 1, 1]
    assert probe(model, (1, 3, 3), (1, 1), method="perturbation")[0, 1, 1]
    assert first_leak(model, (1, 3, 3), method="perturbation") == COPIES_ITSELF


def test_channels_whose_sum_is_constant_do_not_hide_an_input():
    model = nn.Sequential(MaskedConv2d("B", 1, 4, 3), nn.Softmax(1))
    image = torch.randn(1, 1, 3, 3, requires_grad=True)
    (of_sum,) = torch.autograd.grad(model(image)[0, :, 1, 1].sum(), image)
    assert of_sum.abs().max() < 1e-6
    assert probe(model, (1, 3, 3), (1, 1), trials=1)[0].int().tolist() == [[1, 1, 1], [1, 1, 0], [0, 0, 0]]


def test_weights_that_cancel_hide_an_input_until_a_nonlinearity_parts_them():
    linear = Grids([[0, 0, 1], [1, 0, 0], [0, 0, 0]], [[0, 0, -1], [1, 0, 0], [0, 0, 0]])
    bent = nn.Sequential(linear[0], nn.Tanh(), linear[1])
    grids = [[[0, 0, 1], [1, 0, 0], [0, 0, 0]]] * 2
    assert receptive_field_by_paths(grids, (5, 5), (2, 2))[1][2]
    assert not probe(linear, (1, 5, 5), (2, 2))[0, 1, 2]
    assert probe(bent, (1, 5, 5), (2, 2))[0, 1, 2]


def test_channel_of_the_output_can_be_chosen():
    model = nn.Conv2d(3, 3, 1, bias=False)
    model.weight = nn.Parameter(torch.tensor([[1.0, 0, 0], [0, 1, 1], [0, 0, 0]]).view(3, 3, 1, 1))
    for channel, expected in enumerate([[1, 0, 0], [0, 1, 1], [0, 0, 0]]):
        for method in ("jacobian", "perturbation"):
            seen = probe(model, (3, 2, 2), (channel, 1, 0), method=method)
            assert seen.dtype == torch.bool
            assert seen[:, 1, 0].int().tolist() == expected
            assert seen.sum() == sum(expected)
    assert probe(model, (3, 2, 2), (1, 0))[:, 1, 0].all()


@pytest.mark.parametrize("method", ["jacobian", "perturbation"])
def test_nothing_of_the_caller_changes(method):
    model = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.BatchNorm2d(2), nn.ReLU(inplace=True), nn.Conv2d(2, 1, 1))
    model(torch.randn(2, 1, 3, 3)).sum().backward()
    model[3].eval()
    before = copy.deepcopy(model)
    gradients = [parameter.grad.clone() for parameter in model.parameters()]
    state = torch.get_rng_state()
    probe(model, (1, 3, 3), (1, 1), method=method)
    first_leak(model, (1, 3, 3), method=method)
    assert torch.equal(state, torch.get_rng_state())
    for (name, old), (_, new) in zip(before.state_dict().items(), model.state_dict().items(), strict=True):
        assert torch.equal(old, new), name
        assert old.dtype == new.dtype, name
    for gradient, parameter in zip(gradients, model.parameters(), strict=True):
        assert torch.equal(gradient, parameter.grad)
        assert parameter.requires_grad
    assert [m.training for m in before.modules()] == [m.training for m in model.modules()]
    model(torch.randn(2, 1, 3, 3))
    assert not torch.equal(before[1].running_mean, model[1].running_mean)  # it does change when called


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_gradients_are_found_without_the_callers_gradient_mode(mode):
    model = pixelcnn("BB")
    with mode():
        assert first_leak(model, (1, 3, 3)) == COPIES_ITSELF
        assert not torch.is_grad_enabled()


def test_generator_draws_the_images():
    def found(seed):
        generator = None if seed is None else torch.Generator().manual_seed(seed)
        return probe(SumAtTheFirstPixel(), (1, 1, 50), (0, 0), trials=1, generator=generator)

    assert torch.equal(found(None), found(0))
    assert not torch.equal(found(0), found(1))
    generator = torch.Generator().manual_seed(0)
    first, second = (probe(SumAtTheFirstPixel(), (1, 1, 50), (0, 0), trials=1, generator=generator) for _ in range(2))
    assert not torch.equal(first, second)


@pytest.mark.parametrize("method", ["jacobian", "perturbation"])
def test_a_module_may_write_on_its_input(method):
    model = nn.Sequential(nn.LeakyReLU(0.5, inplace=True), MaskedConv2d("B", 1, 1, (1, 3)))
    assert probe(model, (1, 1, 3), (0, 1), method=method, trials=1).flatten().tolist() == [True, True, False]
    halving = Apply(lambda x: x.mul_(0.5) * 1)
    assert first_leak(halving, (1, 1, 2), method=method, trials=1) == COPIES_ITSELF


class Counting(nn.Module):
    """Adds the number of its calls so far."""

    def __init__(self, in_buffer):
        super().__init__()
        if in_buffer:
            self.register_buffer("calls", torch.zeros(()))
        else:
            self.calls = 0

    def forward(self, x):
        self.calls = self.calls + 1
        return x + self.calls


@pytest.mark.parametrize("method", ["jacobian", "perturbation"])
def test_state_in_buffers_is_put_back_and_other_state_refused(method):
    model = Counting(in_buffer=True)
    assert probe(model, (1, 2, 2), (0, 0), method=method).sum() == 1
    assert model.calls == 0
    with pytest.raises(ValueError, match="two answers to one image"):
        probe(Counting(in_buffer=False), (1, 2, 2), (0, 0), method=method)


@pytest.mark.parametrize("method", ["jacobian", "perturbation"])
@pytest.mark.parametrize("search", [first_leak, lambda *args, **options: probe(*args, (0, 0), **options)])
def test_random_modules_are_refused(search, method):
    message = r"module must be deterministic .* \(call eval\(\) on dropout\), got random numbers or two answers"
    dropout = nn.Sequential(MaskedConv2d("A", 1, 2, 3), nn.Dropout(0.01), MaskedConv2d("B", 2, 1, 3))
    state = torch.get_rng_state()
    with pytest.raises(ValueError, match=message):
        search(dropout, (1, 2, 2), method=method, trials=1)
    assert torch.equal(state, torch.get_rng_state())
    search(dropout.eval(), (1, 2, 2), method=method, trials=1)
    with pytest.raises(ValueError, match=message):
        search(Apply(lambda x: x + random.random()), (1, 2, 2), method=method, trials=1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"module": torch.tanh}, r"module must be a torch.nn.Module, got <built-in .*>"),
        ({"shape": (1, 3)}, r"shape must be \(channels, height, width\), three positive integers, got \(1, 3\)"),
        ({"shape": (0, 3, 3)}, r"shape must be .*, got \(0, 3, 3\)"),
        ({"shape": (1, 3, 3.0)}, r"shape must be .*, got \(1, 3, 3.0\)"),
        ({"method": "hessian"}, r"method must be 'jacobian' or 'perturbation', got 'hessian'"),
        ({"trials": 0}, r"trials must be a positive integer, got 0"),
        ({"trials": 1.0}, r"trials must be a positive integer, got 1.0"),
        ({"module": nn.Flatten()}, r"module must return one tensor of shape \(1, c, 3, 3\), got shape \(1, 9\)"),
        ({"module": nn.Conv2d(1, 1, 3)}, r"module must return .* \(1, c, 3, 3\), got shape \(1, 1, 1, 1\)"),
        ({"module": Apply(lambda x: x.repeat(2, 1, 1, 1))}, r"module must return .*, got shape \(2, 1, 3, 3\)"),
        ({"module": Apply(lambda x: (x, x))}, r"module must return one tensor of shape \(1, c, 3, 3\), got tuple"),
        (
            {"module": Apply(lambda x: x.abs().neg().sqrt())},
            r"module must return numbers .*, got nan at output \(0, 0, 0\)",
        ),
        (
            {"module": Apply(torch.zeros_like)},
            r"method must be 'perturbation' for an output that carries no gradient, .*",
        ),
        (
            {"module": Apply(lambda x: (0 * x).sqrt())},
            r"method must be 'perturbation' for a gradient that is not finite, .*",
        ),
    ],
)
@pytest.mark.parametrize("search", [first_leak, lambda **options: probe(pixel=(0, 0), **options)])
def test_bad_arguments_are_refused(search, change, message):
    good = {"module": nn.Conv2d(1, 1, 3, padding=1), "shape": (1, 3, 3)}
    search(**good)
    with pytest.raises(ValueError, match=f"^{message}"):
        search(**good | change)


@pytest.mark.parametrize("pixel", [(3, 0), (0, 4), (-1, 0), (0, 1.0), (True, 0), (2, 0, 0), (-1, 0, 0)])
def test_pixels_outside_the_output_are_refused(pixel):
    with pytest.raises(ValueError, match=r"^pixel must lie in the output of shape \(2, 3, 4\), got"):
        probe(nn.Conv2d(1, 2, 1), (1, 3, 4), pixel)
    with pytest.raises(ValueError, match=r"^pixel must be \(row, column\) or \(channel, row, column\), got \(0,\)"):
        probe(nn.Conv2d(1, 2, 1), (1, 3, 4), (0,))


def test_output_channels_that_do_not_split_into_colors_are_refused():
    with pytest.raises(ValueError, match=r"^module must have a multiple of 3 output channels .*, got 4"):
        first_leak(nn.Conv2d(3, 4, 1), (3, 2, 2))
    assert first_leak(nn.Conv2d(3, 6, 1), (3, 2, 2)) == COPIES_ITSELF
