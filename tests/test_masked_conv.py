import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from hw import masked_conv
from hw.leaks import Leak, first_leak, probe
from hw.masked_conv import GatedMaskedConv2d, GatedPixelCNN, MaskedConv2d
from hw.masks import dilate, mask
from oracles import gated_layer_by_loops, path_counts_by_walking, receptive_field_by_paths

LAYER = st.tuples(st.sampled_from("AB"), st.sampled_from([1, 3, 5, (1, 3), (3, 5)]), st.integers(1, 2))
FOUR_CASES = {
    "AA": ((1, 2, 3, 2, 1), (2, 2, 2, 0, 0), (1, 0, 0, 0, 0)),
    "AB": ((1, 2, 3, 2, 1), (2, 3, 3, 1, 0), (1, 1, 0, 0, 0)),
    "BA": ((1, 2, 3, 2, 1), (2, 3, 3, 1, 0), (1, 1, 0, 0, 0)),
    "BB": ((1, 2, 3, 2, 1), (2, 4, 4, 2, 0), (1, 2, 1, 0, 0)),
}
COPIES_ITSELF = Leak(output=(0, 0, 0), input=(0, 0, 0))


def chain(kinds, **options):
    return nn.Sequential(*(MaskedConv2d(kind, 1, 1, 3, **options) for kind in kinds))


def ones(model):
    """The same model in float64 with every weight 1, masked entries too, and every bias 0."""
    for name, parameter in model.double().named_parameters():
        nn.init.constant_(parameter, float("bias" not in name))
    return model


def gradient(model, size, pixel):
    image = torch.randn(1, 1, *size, dtype=torch.float64, requires_grad=True)
    return torch.autograd.grad(model(image)[0, 0][pixel], image)[0][0, 0]


@settings(deadline=None, max_examples=40)
@given(layers=st.lists(LAYER, min_size=1, max_size=3), row=st.integers(0, 3), column=st.integers(0, 4))
def test_gradient_of_ones_counts_the_paths(layers, row, column):
    model = ones(nn.Sequential(*(MaskedConv2d(kind, 1, 1, size, dilation) for kind, size, dilation in layers)))
    grids = [dilate(mask(kind, size), dilation) for kind, size, dilation in layers]
    expected = torch.tensor(path_counts_by_walking(grids, (4, 5), (row, column)), dtype=torch.float64)
    assert torch.equal(gradient(model, (4, 5), (row, column)), expected)


@pytest.mark.parametrize("kinds", FOUR_CASES)
def test_the_four_cases_of_the_question(kinds):
    counts = gradient(ones(chain(kinds)), (5, 5), (2, 2))
    assert counts.int().tolist() == [*map(list, FOUR_CASES[kinds]), [0] * 5, [0] * 5]


def test_order_of_layers_keeps_the_set_and_changes_the_map():
    torch.manual_seed(0)
    a, b = chain("AB", bias=False).double()
    image = torch.randn(1, 1, 5, 6, dtype=torch.float64)
    difference = (a(b(image)) - b(a(image)))[0, 0].abs()
    assert difference[:, 1:-1].max() < 1e-14
    assert (difference[1:, [0, -1]] > 1e-3).all()
    with_tanh = (a(b(image).tanh()) - b(a(image).tanh()))[0, 0].abs()
    assert (with_tanh[2:, 2:-2] > 1e-6).all()


@pytest.mark.parametrize("kind", "AB")
def test_kernel_is_not_flipped(kind):
    layer = MaskedConv2d(kind, 1, 1, 3).double()
    seen = gradient(layer, (5, 5), (2, 2))[1:4, 1:4]
    expected = layer.weight[0, 0] * torch.tensor(mask(kind, 3))
    assert torch.equal(seen, expected)
    assert not torch.equal(seen.flip(0, 1), expected)


@settings(deadline=None, max_examples=20)
@given(kind=st.sampled_from("AB"), size=st.sampled_from([1, 3, 5, (3, 1)]), dilation=st.integers(1, 3))
def test_size_of_the_image_is_kept(kind, size, dilation):
    layer = MaskedConv2d(kind, 2, 3, size, dilation)
    assert layer(torch.zeros(4, 2, 5, 6)).shape == (4, 3, 5, 6)
    assert layer(torch.zeros(2, 5, 6)).shape == (3, 5, 6)


def test_forward_leaves_the_weight_and_training_leaves_the_masked_entries():
    torch.manual_seed(0)
    layer = MaskedConv2d("A", 2, 4, 3)
    before = layer.weight.detach().clone()
    layer(torch.randn(2, 2, 5, 5)).square().sum().backward()
    assert torch.equal(layer.weight, before)
    hidden = layer.mask == 0
    assert (layer.weight.grad[hidden] == 0).all()
    assert (layer.weight.grad[~hidden] != 0).all()


def test_mask_follows_the_module_but_not_the_checkpoint():
    layer = MaskedConv2d("A", 1, 2, 3)
    assert set(layer.state_dict()) == {"weight", "bias"}
    assert layer.mask.shape == layer.weight.shape
    assert layer.double().mask.dtype == torch.float64
    later = MaskedConv2d("B", 1, 2, 3)
    later.load_state_dict(layer.state_dict())
    assert later.mask.sum() == layer.mask.sum() + 2
    assert set(MaskedConv2d("A", 1, 2, 3, bias=False).state_dict()) == {"weight"}


@pytest.mark.parametrize("colors", [1, 2, 3])
@pytest.mark.parametrize("kind", "AB")
def test_colors_order_the_channels_of_the_center_pixel(kind, colors):
    layer = MaskedConv2d(kind, 2 * colors, 4 * colors, (3, 5), colors=colors)
    for out_channel in range(4 * colors):
        for in_channel in range(2 * colors):
            grid = layer.mask[out_channel, in_channel].int().tolist()
            source, target = in_channel // 2, out_channel // 4
            reads_center = source < target if kind == "A" else source <= target
            assert grid == [[1, 1, 1, 1, 1], [1, 1, int(reads_center), 0, 0], [0, 0, 0, 0, 0]]


@pytest.mark.parametrize("channels", [(3, 3, 3), (3, 6, 12)])
def test_rgb_stack_sees_earlier_colors_and_no_own_one(channels):
    first, hidden, out = channels
    model = nn.Sequential(
        MaskedConv2d("A", first, hidden, 3, colors=3), nn.Tanh(), MaskedConv2d("B", hidden, out, 3, colors=3)
    )
    assert first_leak(model, (3, 3, 3), trials=2) is None
    red, green, blue = (probe(model, (3, 3, 3), (color * out // 3, 1, 1))[:, 1, 1].tolist() for color in range(3))
    assert (red, green, blue) == ([False] * 3, [True, False, False], [True, True, False])


def test_rgb_without_color_blocks_is_blind_to_the_pixel_itself():
    model = nn.Sequential(MaskedConv2d("A", 3, 6, 3), nn.Tanh(), MaskedConv2d("B", 6, 3, 3))
    assert not probe(model, (3, 3, 3), (1, 1))[:, 1, 1].any()
    assert first_leak(nn.Sequential(model[0], MaskedConv2d("B", 6, 3, 3, colors=3)), (3, 3, 3), trials=2) is None


def pairs(model, size):
    """Numbers of (output, earlier pixel) pairs that are not covered, and of (output, itself or later) that are."""
    image = torch.randn(1, 1, *size, dtype=torch.float64, requires_grad=True)
    rows = [torch.autograd.grad(y, image, retain_graph=True)[0] for y in model.double()(image).flatten()]
    seen = torch.stack(rows).flatten(1) != 0
    return int((~seen).tril(-1).sum()), int(seen.triu().sum())


@pytest.mark.parametrize(("layers", "missing"), [(1, 189), (2, 94), (3, 25), (4, 0), (5, 0)])
def test_gated_stacks_cover_the_past_from_four_layers_on(layers, missing):
    torch.manual_seed(0)
    assert pairs(GatedPixelCNN(1, 3, 1, 3, layers), (5, 5)) == (missing, 0)


@pytest.mark.parametrize(("layers", "missing"), [(4, 16), (5, 0)])
def test_six_columns_need_five_layers(layers, missing):
    torch.manual_seed(0)
    assert pairs(GatedPixelCNN(1, 3, 1, 3, layers), (4, 6)) == (missing, 0)


@pytest.mark.parametrize("layers", [4, 6])
def test_one_stack_keeps_its_blind_spot_at_any_depth(layers):
    torch.manual_seed(0)
    kinds = "A" + "B" * (layers - 1)
    model = nn.Sequential(*(nn.Sequential(layer, nn.Tanh()) for layer in chain(kinds)))
    assert pairs(model, (5, 5)) == (35, 0)
    seen = probe(model, (1, 5, 5), (2, 2), trials=1)[0]
    assert tuple(map(tuple, seen.tolist())) == receptive_field_by_paths(
        [mask(kind, 3) for kind in kinds], (5, 5), (2, 2)
    )


@pytest.mark.parametrize(("kernel_size", "layers"), [(1, 2), (3, 2), (5, 1), (5, 2)])
def test_gated_receptive_field_is_a_rectangle(kernel_size, layers):
    torch.manual_seed(0)
    row, column, reach = 4, 3, layers * (kernel_size // 2)
    seen = probe(GatedPixelCNN(1, 3, 1, kernel_size, layers), (1, 6, 7), (row, column), trials=1)[0]
    for i in range(6):
        for j in range(7):
            above = 1 <= row - i <= reach + 1 and abs(column - j) <= reach
            left = i == row and 1 <= column - j <= reach
            assert seen[i, j] == (above or left)


@pytest.mark.parametrize("kernel_size", [1, 3, 5])
@pytest.mark.parametrize("kind", "AB")
def test_gated_layer_computes_the_equations(kind, kernel_size):
    torch.manual_seed(0)
    layer = GatedMaskedConv2d(kind, 1, 1, kernel_size).double()
    stacks = torch.randn(2, 1, 1, 4, 5, dtype=torch.float64)
    parameters = {name: value.tolist() for name, value in layer.named_parameters()}
    expected = torch.tensor(gated_layer_by_loops(kind, *stacks[:, 0, 0].tolist(), parameters), dtype=torch.float64)
    actual = torch.stack(layer(*stacks))[:, 0, 0]
    assert torch.allclose(actual, expected, rtol=1e-12, atol=1e-14)
    assert not torch.allclose(torch.stack(layer(*stacks.flip(0)))[:, 0, 0], expected)


@pytest.mark.parametrize("dilation", [1, 2])
def test_gated_layers_keep_the_size_and_do_not_leak(dilation):
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = GatedMaskedConv2d("A", 1, 2, 3, dilation, bias=False)
            self.second = GatedMaskedConv2d("B", 2, 2, 5, dilation)

        def forward(self, x):
            return self.second(*self.first(x, x))[1]

    assert first_leak(Two(), (1, 5, 5), trials=1) is None
    assert Two()(torch.zeros(3, 1, 7, 2)).shape == (3, 2, 7, 2)
    assert Two()(torch.zeros(1, 7, 2)).shape == (2, 7, 2)


def test_gated_rgb_does_not_leak_and_conditions_on_earlier_colors():
    torch.manual_seed(0)
    model = GatedPixelCNN(3, 6, 6, 3, 2, colors=3)
    assert first_leak(model, (3, 3, 3), trials=1) is None
    assert probe(model, (3, 3, 3), (5, 1, 1), trials=1)[:, 1, 1].tolist() == [True, True, False]


def test_gate_across_the_colors_would_leak(monkeypatch):
    torch.manual_seed(0)

    def halves(x, colors):  # value of red with gate of green: red reads its own pixel
        values, gates = x.chunk(2, -3)
        return values.tanh() * gates.sigmoid()

    monkeypatch.setattr(masked_conv, "_gate", halves)
    assert first_leak(GatedPixelCNN(3, 3, 3, 3, 1, colors=3), (3, 3, 3), trials=1) == COPIES_ITSELF


def test_residual_of_the_first_layer_would_leak():
    model = GatedPixelCNN(1, 1, 1, 3, 2)
    assert first_leak(model, (1, 4, 4), trials=1) is None
    model.layers[0].residual = True
    assert first_leak(model, (1, 4, 4), trials=1) == COPIES_ITSELF


def test_vertical_map_without_the_shift_would_leak(monkeypatch):
    pad = masked_conv.F.pad

    def without_shift(x, sides):
        return x if sides == (0, 0, 1, -1) else pad(x, sides)

    monkeypatch.setattr(masked_conv.F, "pad", without_shift)
    assert first_leak(GatedPixelCNN(1, 2, 1, 3, 1), (1, 4, 4), trials=1) == COPIES_ITSELF


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "C"}, "kind must be 'A' .*, got 'C'"),
        ({"kernel_size": 4}, "kernel_size must be odd and positive so that the kernel has a center pixel, got 4"),
        ({"kernel_size": 0}, "kernel_size must be odd and positive .*, got 0"),
        ({"kernel_size": 3.0}, "kernel_size must be odd and positive .*, got 3.0"),
        ({"dilation": 0}, "dilation must be a positive integer, got 0"),
        ({"dilation": (1, 1)}, r"dilation must be a positive integer, got \(1, 1\)"),
        ({"in_channels": 0}, "in_channels must be a positive integer, got 0"),
        ({"colors": 0}, "colors must be a positive integer, got 0"),
        ({"colors": True}, "colors must be a positive integer, got True"),
        ({"colors": 4}, r"in_channels must be divisible by colors \(4\) so that each color has its block, got 6"),
    ],
)
@pytest.mark.parametrize("layer", [MaskedConv2d, GatedMaskedConv2d])
def test_bad_layers_are_refused(layer, change, message):
    channels = "out_channels" if layer is MaskedConv2d else "channels"
    good = {"kind": "B", "in_channels": 6, channels: 6, "kernel_size": 3, "dilation": 1, "colors": 3}
    layer(**good)
    with pytest.raises(ValueError, match=f"^{message}$"):
        layer(**good | change)


@pytest.mark.parametrize(
    ("layer", "arguments", "message"),
    [
        (MaskedConv2d, ("A", 3, -1, 3), "out_channels must be a positive integer, got -1"),
        (MaskedConv2d, ("A", 3, 2.0, 3), "out_channels must be a positive integer, got 2.0"),
        (MaskedConv2d, ("A", 1, 1, (3, 2)), r"kernel_size must be odd and positive .*, got \(3, 2\)"),
        (GatedMaskedConv2d, ("A", 1, 0, 3), "channels must be a positive integer, got 0"),
        (GatedMaskedConv2d, ("A", 1, 1, (3, 3)), r"kernel_size must be one odd integer, got \(3, 3\)"),
        (GatedMaskedConv2d, ("B", 1, 2, 3), r"in_channels must equal channels \(2\) so that kind B can add .*, got 1"),
        (GatedPixelCNN, (1, 2, 1, 3, 0), "layers must be a positive integer, got 0"),
        (GatedPixelCNN, (1, 2, 0, 3, 1), "out_channels must be a positive integer, got 0"),
        (GatedPixelCNN, (1, 2, 1, 2, 1), "kernel_size must be odd and positive .*, got 2"),
        (GatedPixelCNN, (0, 2, 1, 3, 1), "in_channels must be a positive integer, got 0"),
    ],
)
def test_bad_arguments_are_refused(layer, arguments, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        layer(*arguments)


@pytest.mark.parametrize(("position", "name"), list(enumerate(["in_channels", "channels", "out_channels"])))
def test_channels_that_do_not_split_into_colors_are_refused(position, name):
    channels = [3, 6, 9]
    channels[position] += 1
    with pytest.raises(ValueError, match=f"^{name} must be divisible by colors"):
        GatedPixelCNN(*channels, 3, 2, colors=3)
    with pytest.raises(ValueError, match=r"^out_channels must be divisible by colors"):
        MaskedConv2d("A", 3, 4, 3, colors=3)


def test_with_a_bias_the_order_of_the_layers_changes_the_map_everywhere():
    rng = torch.Generator().manual_seed(0)
    first, second = (MaskedConv2d(kind, 1, 1, 3).double() for kind in "AB")
    for parameter in [*first.parameters(), *second.parameters()]:
        nn.init.normal_(parameter, generator=rng)
    image = torch.randn(1, 1, 5, 5, generator=rng, dtype=torch.float64)
    assert ((second(first(image)) - first(second(image))).abs() > 1e-9).all()


class OnePixelLate(nn.Sequential):
    def forward(self, image):
        outputs = super().forward(image)
        return outputs.flatten(2).roll(1, -1).index_fill(-1, torch.tensor(0), 0).view_as(outputs)


def test_kind_b_alone_is_sound_when_its_output_is_used_one_pixel_late():
    layers = [MaskedConv2d("B", 1, 1, 3), MaskedConv2d("B", 1, 1, 3)]
    assert first_leak(OnePixelLate(*layers), (1, 5, 5)) is None
    assert first_leak(nn.Sequential(*layers), (1, 5, 5)) == COPIES_ITSELF


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (torch.zeros(2), r"must have shape \(n, 1, h, w\) or \(1, h, w\), got shape \(2,\)"),
        (torch.zeros(1, 2, 3, 3), r"must have shape .*, got shape \(1, 2, 3, 3\)"),
        (torch.zeros(1, 1, 0, 3), r"must have shape .*, got shape \(1, 1, 0, 3\)"),
        (torch.zeros(1, 1, 3, 3).to_sparse(), r"must have shape .*, got shape \(1, 1, 3, 3\)"),
        (torch.zeros(1, 1, 3, 3).double(), "must have the type of the parameters, torch.float32, got torch.float64"),
    ],
    ids=["vector", "channels", "empty", "sparse", "type"],
)
def test_maps_that_a_layer_does_not_take_are_refused(bad, message):
    good = torch.zeros(1, 1, 3, 3)
    for layer in (MaskedConv2d("A", 1, 1, 3), GatedPixelCNN(1, 2, 1, 3, layers=1)):
        with pytest.raises(ValueError, match=f"^x {message}"):
            layer(bad)
    layer = GatedMaskedConv2d("A", 1, 2, 3)
    with pytest.raises(ValueError, match=f"^vertical {message}"):
        layer(bad, good)
    with pytest.raises(ValueError, match=f"^horizontal {message}"):
        layer(good, bad)
    with pytest.raises(
        ValueError, match=r"^horizontal must have the shape of vertical, \(1, 1, 3, 3\), got \(1, 3, 3\)"
    ):
        layer(good, good[0])


def test_autocast_may_bring_another_type():
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert MaskedConv2d("A", 1, 1, 3)(torch.zeros(1, 1, 3, 3).bfloat16()).dtype == torch.bfloat16
