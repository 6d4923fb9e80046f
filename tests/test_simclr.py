"""SimCLR on handwritten digits: views, networks, training, checkpoints, evaluation and the recorded runs."""

import math
import pickle
import random
from dataclasses import FrozenInstanceError, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from chance import at_least, edges, follows, normal, share, spread, statistical
from hw.experiments import simclr
from hw.simclr import (
    AUGMENTATIONS,
    HEADS,
    Settings,
    SimCLR,
    augment,
    batch_loss,
    label_efficiency,
    linear_accuracy,
    load_checkpoint,
    load_digits,
    save_checkpoint,
    start,
    train,
    two_views,
)
from hw.simclr.evaluation import choose_labeled
from oracles import contrast_by_loops

float64 = torch.float64
few = settings(max_examples=30, deadline=None)
names = st.lists(st.sampled_from(list(AUGMENTATIONS)), unique=True)
dtypes = st.sampled_from([torch.float32, float64])
REFUSED = {
    "temperature": [(value, "temperature must be a positive number") for value in (0, -1.0, math.nan, math.inf, "1")],
    "augmentations": [
        (("flip",), "augmentations must be different names out of crop, .*erase, got .'flip',."),
        (("crop", "crop"), "augmentations must be different names out of"),
        ("crop", "augmentations must be different names out of .*, got 'crop'"),
    ],
    "head": [("deep", "head must be one of none, linear, nonlinear, got 'deep'"), (None, "head must be one of")],
    "batch_size": [(value, "batch_size must be a positive integer") for value in (0, -1, 2.5, True)],
    "epochs": [(value, "epochs must be a positive integer") for value in (0, -1, 2.5, True)],
    "learning_rate": [
        *((value, "learning_rate must be a positive number") for value in (0.0, -1.0, math.nan, None)),
        (1.5, "learning_rate must be at most 1, got 1.5"),
    ],
    "seed": [(value, "seed must be a whole number from 0 to 2.63 - 1") for value in (-1, 2**63, 1.0, True, None)],
}


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def pictures(n, seed=0, dtype=float64, height=8, width=8):
    return torch.rand(n, 1, height, width, dtype=dtype, generator=generator(seed))


def same(first, second):
    """Whether two lists of tensors are equal bit for bit."""
    return all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.pt"


@pytest.fixture(scope="module")
def digits():
    return load_digits(generator(0))


# Views


@few
@given(names, dtypes, st.integers(1, 5), st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**32))
def test_a_view_has_the_shape_and_type_of_the_picture_which_stays(names, dtype, n, height, width, seed):
    images = pictures(n, seed, dtype, height, width)
    before, state = images.clone(), torch.get_rng_state()
    view, again = (augment(images, chosen, generator(seed)) for chosen in (names, names[::-1]))
    assert torch.equal(images, before)
    assert torch.equal(torch.get_rng_state(), state)
    assert (view.shape, view.dtype) == (images.shape, dtype)
    assert view.isfinite().all()
    assert torch.equal(view, again)  # equal seeds, and the order of the names is nothing
    if not names:
        assert torch.equal(view, images)


@pytest.mark.parametrize("name", AUGMENTATIONS)
@statistical(alarms=1e-6, effect="the same view twice")
def test_each_augmentation_draws_anew(name, seed, planted):
    """At most one in 50 is unchanged: a blur of a deviation under 0.115 may be, and two rectangles may be one."""
    images = pictures(20)
    first, second = two_views(images, [name], generator(seed))
    pairs = (first, first if planted else second), (first, images)
    unchanged = [sum(map(torch.equal, *views)) for views in pairs]
    return [at_least(count, len(images), 1 / 50) for count in unchanged]


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_each_augmentation_follows_its_generator_and_its_name(name):
    images = pictures(20)
    first, _ = two_views(images, [name], generator())
    assert torch.equal(first, augment(images, [name], generator()))
    assert not torch.equal(first, images)
    assert torch.equal(augment(images, [other for other in [name] if other != name], generator()), images)
    assert first.dtype != augment(images.float(), [name], generator()).dtype


@pytest.mark.parametrize("dtype", [torch.float32, float64])
@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_a_view_does_not_depend_on_the_other_pictures(name, dtype):
    images, others = pictures(6, 0, dtype), pictures(6, 1, dtype)
    others[2] = images[2]
    first, second = (augment(batch, [name], generator(3)) for batch in (images, others))
    assert torch.equal(first[2], second[2])
    assert not any(torch.equal(first[i], second[i]) for i in (0, 1, 3, 4, 5))


def maps(name, n, seed):
    """The affine maps by which pictures were resampled, read off from views of ramps: shape (n, 2, 3), in pixels.

    A map takes a pixel's place to another, both from the center; ramps are true where a view of ones is one.
    """
    line = torch.arange(8, dtype=float64) - 3.5
    ramps = [axis.expand(n, 1, 8, 8) for axis in (torch.ones((), dtype=float64), line, line[:, None])]
    inside, x, y = (augment(ramp, [name], generator(seed))[:, 0] for ramp in ramps)
    places = torch.stack([axis.expand(8, 8) for axis in (line, line[:, None], torch.ones((), dtype=float64))], -1)
    found = []
    for i in range(n):
        true = (inside[i] - 1).abs() < 1e-12
        taken = torch.stack((x[i][true], y[i][true]), -1)
        map_ = torch.linalg.lstsq(places[true], taken).solution.T
        torch.testing.assert_close(places[true] @ map_.T, taken, rtol=0, atol=1e-12)
        found.append(map_)
    return torch.stack(found)


def resampled_by_loops(image, map_):
    """Bilinear means of the four pixels around each place, none outside."""
    image, map_ = image.tolist(), map_.tolist()
    result = [[0.0] * 8 for _ in range(8)]
    for row in range(8):
        for column in range(8):
            x, y = (a * (column - 3.5) + b * (row - 3.5) + c + 3.5 for a, b, c in map_)
            for i in (math.floor(y), math.floor(y) + 1):
                for j in (math.floor(x), math.floor(x) + 1):
                    if 0 <= i < 8 and 0 <= j < 8:
                        result[row][column] += (1 - abs(y - i)) * (1 - abs(x - j)) * image[i][j]
    return torch.tensor(result, dtype=float64)


@pytest.mark.parametrize("name", ["crop", "rotate"])
def test_crops_and_turns_by_plain_loops(name):
    images = pictures(5, 5)
    views, found = augment(images, [name], generator(7))[:, 0], maps(name, 5, 7)
    for i, view in enumerate(views):
        torch.testing.assert_close(view, resampled_by_loops(images[i, 0], found[i]), rtol=0, atol=1e-11)
        assert not torch.allclose(view, resampled_by_loops(images[i, 0], found[i - 1]), atol=1e-3)
        assert not torch.allclose(view, resampled_by_loops(images[i - 1, 0], found[i]), atol=1e-3)


def test_a_crop_is_a_rectangle_within_the_picture():
    found = maps("crop", 400, 1)
    sides, centers = found.diagonal(dim1=1, dim2=2), found[:, :, 2]
    torch.testing.assert_close(found[:, :, :2], torch.diag_embed(sides), rtol=0, atol=1e-12)
    assert (centers.abs() + 4 * sides <= 4 + 1e-12).all()
    area, ratio = sides.prod(1), sides[:, 0] / sides[:, 1]
    assert 0.4 - 1e-12 < area.min()
    assert area.max() <= 1 + 1e-12
    assert 3 / 4 - 1e-12 < ratio.min()
    assert ratio.max() < 4 / 3 + 1e-12


@statistical(alarms=1e-6, effect="areas from 0.3 on and ratios up to 1.5")
def test_crops_are_drawn_evenly(seed, planted):
    """A crop of an area under 3/4 has no side that is cut at 1; its place is even where there is one to choose."""
    least, most = (0.3, 1.5) if planted else (0.4, 4 / 3)
    found = maps("crop", 200, seed)
    sides, centers = found.diagonal(dim1=1, dim2=2), found[:, :, 2]
    area, ratio = sides.prod(1), sides[:, 0] / sides[:, 1]
    small = area < 0.75
    places = (centers / (4 * (1 - sides)))[sides < 1 - 1e-6]
    return [
        *share(small.sum().item(), 200, (0.75 - least) / (1 - least)),
        *edges(area[small], least, 0.75),
        *edges(ratio[small].log(), -math.log(most), math.log(most)),
        *edges(places, -1, 1),
        *follows(places, lambda x: (x + 1) / 2),
    ]


def test_a_crop_of_ones_fades_at_its_border_only():
    """A picture is read half a pixel beyond its outermost places at most, where it falls from one to a half."""
    found = maps("crop", 400, 2)
    line = torch.arange(8, dtype=float64) - 3.5
    places = found.diagonal(dim1=1, dim2=2)[..., None] * line + found[:, :, 2, None]
    columns, rows = (4.5 - places.abs()).clamp(max=1).unbind(1)
    views = augment(torch.ones(400, 1, 8, 8, dtype=float64), ["crop"], generator(2))
    torch.testing.assert_close(views[:, 0], rows[:, :, None] * columns[:, None], rtol=0, atol=1e-12)
    torch.testing.assert_close(views[..., 1:-1, 1:-1], torch.ones(400, 1, 6, 6, dtype=float64), rtol=1e-12, atol=0)
    assert (1 - (1 - math.sqrt(0.3)) / 2) ** 2 < views.min() < 1  # of the shortest side, √(0.4·¾), the least


def degrees(found):
    return torch.atan2(found[:, 1, 0], found[:, 0, 0]).rad2deg()


def test_a_turn_is_about_the_center_and_by_no_more_than_25_degrees():
    found = maps("rotate", 200, 1)
    turns, shifts = found[:, :, :2], found[:, :, 2]
    torch.testing.assert_close(turns @ turns.mT, torch.eye(2, dtype=float64).expand(200, 2, 2), rtol=0, atol=1e-12)
    torch.testing.assert_close(torch.linalg.det(turns), torch.ones(200, dtype=float64))
    torch.testing.assert_close(shifts, torch.zeros(200, 2, dtype=float64), rtol=0, atol=1e-12)
    assert degrees(found).abs().max() <= 25


@statistical(alarms=1e-6, effect="turns by up to 30 degrees")
def test_turns_are_drawn_evenly(seed, planted):
    most, angles = 30 if planted else 25, degrees(maps("rotate", 200, seed))
    return edges(angles, -most, most) + follows(angles, lambda x: (x + most) / (2 * most))


def test_a_blur_is_a_normal_kernel_of_mass_one():
    point, images = torch.zeros(40, 1, 8, 8, dtype=float64), pictures(40, 3)
    point[..., 3, 4] = 1
    spread, views = (augment(batch, ["blur"], generator(4))[:, 0] for batch in (point, images))
    torch.testing.assert_close(spread.sum((1, 2)), torch.ones(40, dtype=float64), rtol=1e-12, atol=0)
    for each, image, view in zip(spread.tolist(), images[:, 0].tolist(), views, strict=True):
        kernel = [[each[3 + i][4 + j] for j in range(-2, 3)] for i in range(-2, 3)]
        nearest = kernel[2][3] / kernel[2][2]  # exp(-1 / 2σ²), and each entry that to the power of its squared distance
        total = math.fsum(nearest ** (i * i + j * j) for i in range(-2, 3) for j in range(-2, 3))
        for i in range(5):
            for j in range(5):
                assert kernel[i][j] == pytest.approx(nearest ** ((i - 2) ** 2 + (j - 2) ** 2) / total, rel=1e-9)
        padded = [[0.0] * 12] * 2 + [[0.0] * 2 + line + [0.0] * 2 for line in image] + [[0.0] * 12] * 2
        by_loops = [
            [sum(kernel[i][j] * padded[r + i][c + j] for i in range(5) for j in range(5)) for c in range(8)]
            for r in range(8)
        ]
        torch.testing.assert_close(view, torch.tensor(by_loops, dtype=float64), rtol=1e-12, atol=1e-15)
        assert 0.1 <= math.sqrt(-0.5 / math.log(nearest)) <= 1
    point[..., 3, 4], point[..., 0, 0] = 0, 1
    lost = augment(point, ["blur"], generator(4))[:, 0]
    torch.testing.assert_close(lost[:, :3, :3], spread[:, 3:6, 4:7], rtol=1e-12, atol=0)  # the rest is off the picture


@statistical(alarms=1e-6, effect="deviations from 0 on")
def test_blurs_are_drawn_evenly(seed, planted):
    point, low = torch.zeros(200, 1, 8, 8, dtype=float64), 0.0 if planted else 0.1
    point[..., 3, 4] = 1
    kernels = augment(point, ["blur"], generator(seed))[:, 0]
    deviations = (-0.5 / (kernels[:, 3, 5] / kernels[:, 3, 4]).log()).sqrt()
    return edges(deviations, low, 1) + follows(deviations, lambda x: (x - low) / (1 - low))


@statistical(alarms=1e-6, effect="factors off by up to 0.7 in place of 0.6")
def test_contrast_is_a_factor_and_a_level_for_each_picture(seed, planted):
    n = 400
    zeros, ones, images = torch.zeros(n, 1, 8, 8, dtype=float64), torch.ones(n, 1, 8, 8, dtype=float64), pictures(n)
    level, sum_, views = (augment(batch, ["contrast"], generator(seed)) for batch in (zeros, ones, images))
    assert (level == level[..., :1, :1]).all()
    torch.testing.assert_close(views, (sum_ - level) * images + level, rtol=1e-12, atol=1e-15)
    assert not torch.allclose(views, ((sum_ - level) * images + level).roll(1, 0).roll(-1, 0) * 1.001)
    factors, levels = (sum_ - level)[:, 0, 0, 0], level[:, 0, 0, 0]
    chances = []
    for values, center, radius in ((factors, 1.0, 0.7 if planted else 0.6), (levels, 0.0, 0.3)):
        assert (values - center).abs().max() <= radius + 1e-12
        even = (values - center) / radius
        chances += edges(even, -1, 1) + follows(even, lambda x: (x + 1) / 2)
    return chances + normal(torch.corrcoef(torch.stack((factors, levels)))[0, 1] * math.sqrt(n))


@statistical(alarms=1e-6, effect="a deviation of 0.21")
def test_noise_is_normal_of_deviation_a_fifth(seed, planted):
    images, n, deviation = pictures(200), 200 * 64, 0.21 if planted else 0.2
    noise = augment(images, ["noise"], generator(seed)) - images
    torch.testing.assert_close(noise, augment(0 * images, ["noise"], generator(seed)), rtol=0, atol=1e-15)
    neighbors = torch.corrcoef(torch.stack((noise[..., 1:].flatten(), noise[..., :-1].flatten())))[0, 1]
    return [
        *normal(noise.mean() / deviation * math.sqrt(n)),
        *spread(noise, deviation**2),
        *follows(noise / deviation, torch.special.ndtr),
        *normal(neighbors * math.sqrt(n * 7 / 8)),
    ]


def erased_rows_and_columns(n, height, width, seed):
    images = pictures(n, height=height, width=width) + 1
    views = augment(images, ["erase"], generator(seed))[:, 0]
    erased = views == 0
    assert torch.equal(views[~erased], images[:, 0][~erased])
    rows, columns = erased.any(2), erased.any(1)
    assert torch.equal(erased, rows[:, :, None] & columns[:, None])
    return rows, columns


@pytest.mark.parametrize(("height", "width"), [(8, 8), (3, 6)])
def test_erasing_leaves_a_rectangle_of_zeros_and_the_rest(height, width):
    for inside, size in zip(erased_rows_and_columns(600, height, width, 8), (height, width), strict=True):
        ends = inside.int().diff(dim=1, prepend=torch.zeros(600, 1), append=torch.zeros(600, 1))
        assert (ends.abs().sum(1) == 2).all()  # one piece
        assert inside.sum(1).max() <= min(4, size)


@pytest.mark.parametrize(("height", "width"), [(8, 8), (3, 6)])
@statistical(alarms=1e-6, effect="no rectangle at the last row")
def test_rectangles_are_drawn_evenly(height, width, seed, planted):
    """All lengths are alike, and of a length all places."""
    n, chances = 800, []
    rows, columns = erased_rows_and_columns(n, height, width, seed)
    if planted:
        rows = rows[~rows[:, -1]]
    for inside, size in ((rows, height), (columns, width)):
        longest = min(4, size)
        lengths, starts = inside.sum(1), inside.int().argmax(1)
        for length in range(1, longest + 1):
            for place in range(size - length + 1):
                count = ((lengths == length) & (starts == place)).sum().item()
                chances += share(count, n, 1 / longest / (size - length + 1))
    return chances


def test_odd_pictures_and_names_are_refused():
    images = torch.ones(2, 1, 8, 8)
    for wrong in (torch.ones(2, 3, 8, 8), torch.ones(2, 8, 8), torch.ones(0, 1, 8, 8), torch.ones(2, 1, 0, 8)):
        with pytest.raises(ValueError, match=r"images must have the shape .n, 1, height, width., got"):
            augment(wrong, ["crop"], generator())
    for wrong in (images.long(), [1.0], images.to_sparse()):
        with pytest.raises(ValueError, match="images must be a floating-point tensor"):
            two_views(wrong, ["crop"], generator())
    for wrong, told in REFUSED["augmentations"]:
        with pytest.raises(ValueError, match=told):
            augment(images, wrong, generator())
    with pytest.raises(ValueError, match=r"generator must be a torch\.Generator, got NoneType"):
        augment(images, ["crop"], None)
    with pytest.raises(ValueError, match=r"generator must be a torch\.Generator, got int"):
        two_views(images, ["crop"], 0)


# Networks


@pytest.mark.parametrize("head", HEADS)
def test_the_model_is_its_head_on_its_encoder(head):
    model = SimCLR(head, generator=generator()).double()
    images = pictures(5) - 0.5
    h = model.encoder(images)
    z = model(images)
    assert h.shape == (5, 128)
    assert z.shape == (5, 128 if head == "none" else 64)
    assert h.min() == 0 < h.max()  # a rectifier is last
    layers = [(layer.weight.detach().numpy(), layer.bias.detach().numpy()) for layer in linear(model)]
    x = images.flatten(1).numpy()
    for place, (weight, bias) in enumerate(layers):
        x = x @ weight.T + bias
        if place < 2 or place < len(layers) - 1:
            x = np.maximum(x, 0)
    np.testing.assert_allclose(z.detach().numpy(), x, rtol=1e-12, atol=1e-14)
    assert torch.equal(z, h) == (head == "none")
    assert len(layers) == 2 + {"none": 0, "linear": 1, "nonlinear": 2}[head]
    torch.testing.assert_close(model(images[2:3]), z[2:3], rtol=1e-12, atol=1e-14)  # no picture tells of another
    assert not torch.allclose(model(images[3:4]), z[2:3])


def linear(model):
    return [layer for layer in model.modules() if isinstance(layer, torch.nn.Linear)]


@pytest.mark.parametrize("head", HEADS)
def test_weights_follow_the_generator(head):
    state = torch.get_rng_state()
    first, second, other = (SimCLR(head, generator=generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), state)
    assert same(first.parameters(), second.parameters())
    assert not any(map(torch.equal, first.parameters(), other.parameters()))


@pytest.mark.parametrize("head", HEADS)
@statistical(alarms=1e-6, effect="a bound that is larger by a tenth")
def test_weights_are_drawn_within_one_over_the_root_of_the_inputs(head, seed, planted):
    chances = []
    for layer in linear(SimCLR(head, generator=generator(seed))):
        bound = layer.in_features**-0.5 * (1.1 if planted else 1)
        for parameter in (layer.weight, layer.bias):
            assert parameter.abs().max() <= bound
            chances += edges(parameter, -bound, bound) + follows(parameter, lambda x, bound=bound: (x / bound + 1) / 2)
    return chances


def test_other_heads_and_no_generator_are_refused():
    for head, told in REFUSED["head"]:
        with pytest.raises(ValueError, match=told):
            SimCLR(head, generator=generator())
    with pytest.raises(ValueError, match=r"generator must be a torch\.Generator, got NoneType"):
        SimCLR("none", generator=None)


# Settings


@pytest.mark.parametrize(("field", "value", "told"), [(f, *case) for f, cases in REFUSED.items() for case in cases])
def test_settings_refuse_what_cannot_be_trained_with(field, value, told):
    with pytest.raises(ValueError, match=told):
        Settings(**{"temperature": 0.5, field: value})


def test_settings_stay_as_they_are():
    settings = Settings(temperature=0.5, seed=2**63 - 1, augmentations=())
    with pytest.raises(FrozenInstanceError):
        settings.epochs = 3
    assert settings == replace(settings)
    assert hash(settings) == hash(replace(settings))
    assert settings != replace(settings, seed=0)
    with pytest.raises(TypeError, match="temperature"):
        Settings()


@pytest.mark.parametrize(
    ("field", "value", "usual"),
    [
        ("temperature", np.float64(0.25), 0.25),
        ("temperature", 1, 1.0),
        ("learning_rate", Fraction(1, 8), 0.125),
        ("batch_size", np.int64(4), 4),
        ("epochs", np.int32(3), 3),
        ("augmentations", ["noise", "crop"], ("crop", "noise")),
        ("augmentations", ("noise", "blur", "crop"), ("crop", "blur", "noise")),
    ],
)
def test_equal_settings_have_one_form_which_can_be_kept(path, field, value, usual):
    given, expected = small(**{field: value}), small(**{field: usual})
    assert given == expected
    assert hash(given) == hash(expected)
    assert type(getattr(given, field)) is type(usual)
    save_checkpoint(start(given), path)
    assert load_checkpoint(path, expected).settings == given


# Training


def small(**changed):
    return Settings(**{"temperature": 0.3, "batch_size": 4, "epochs": 3, "learning_rate": 0.01, "seed": 3} | changed)


def by_hand(images, settings):
    """Losses and parameters of a run: algorithm 1 of the paper with NT-Xent by loops and Adam by its formulas."""
    begun = start(settings, images.dtype)
    source = torch.Generator().set_state(begun.generator.get_state())
    model = begun.model
    parameters = list(model.parameters())
    first, second = ([torch.zeros_like(p) for p in parameters] for _ in range(2))
    losses, each = [], len(images) // settings.batch_size
    for _ in range(settings.epochs):
        order = torch.randperm(len(images), generator=source).tolist()
        for place in range(each):
            batch = images[order[place * settings.batch_size : (place + 1) * settings.batch_size]]
            z = [model.head(model.encoder(view)) for view in two_views(batch, settings.augmentations, source)]
            loss, slopes = contrast_by_loops(*(x.tolist() for x in z), settings.temperature, crossed=False)
            gradient = torch.autograd.grad(torch.cat(z), parameters, torch.tensor(slopes, dtype=images.dtype))
            done = len(losses)
            rate = settings.learning_rate * math.sqrt(settings.batch_size / 250)
            rate *= math.cos(math.pi / 2 * done / (settings.epochs * each)) ** 2
            for p, g, m, v in zip(parameters, gradient, first, second, strict=True):
                m.mul_(0.9).add_(0.1 * g)
                v.mul_(0.999).add_(0.001 * g * g)
                unbiased = m / (1 - 0.9 ** (done + 1)), v / (1 - 0.999 ** (done + 1))
                p.data -= rate * unbiased[0] / (unbiased[1].sqrt() + 1e-8)
            losses.append(loss)
    return losses, parameters


def largest_difference(first, second):
    return max((a - b).abs().max().item() for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("head", HEADS)
def test_training_by_plain_loops(head):
    images, settings = pictures(10), small(head=head)
    run = train(images, start(settings, float64))
    losses, parameters = by_hand(images, settings)
    assert (run.epoch, len(run.losses)) == (3, 6)
    assert run.losses == pytest.approx(losses, rel=1e-9)
    assert largest_difference(run.model.parameters(), parameters) < 1e-8  # Adam divides roundings by small slopes
    for changed in ({"temperature": 0.301}, {"learning_rate": 0.0101}, {"seed": 4}, {"augmentations": ("noise",)}):
        other = train(images, start(replace(settings, **changed), float64))
        assert largest_difference(other.model.parameters(), parameters) > 1e-5


def test_the_loss_of_a_batch_is_that_of_its_two_views():
    images, settings = pictures(6), small()
    model = start(settings, float64).model
    z = [model(view).tolist() for view in two_views(images, settings.augmentations, generator(9))]
    value = batch_loss(model, images, settings, generator(9)).item()
    assert value == pytest.approx(contrast_by_loops(*z, 0.3, crossed=False)[0], rel=1e-12)
    assert value != pytest.approx(contrast_by_loops(*z, 0.3, crossed=True)[0], rel=1e-3)
    assert value != pytest.approx(batch_loss(model, images, settings, generator(10)).item(), rel=1e-6)


def test_the_rate_falls_along_a_cosine():
    settings, rates = small(epochs=20, batch_size=10), []
    train(
        pictures(10),
        start(settings, float64),
        after_epoch=lambda run: rates.append(run.optimizer.param_groups[0]["lr"]),
    )
    begun = 0.01 * math.sqrt(10 / 250)
    expected = [begun * math.cos(math.pi * k / 40) ** 2 for k in range(20)]
    assert rates == pytest.approx(expected, rel=1e-12)
    assert rates[0] == pytest.approx(begun, rel=1e-15)
    assert 0 < rates[-1] < begun / 100
    assert all(a > b for a, b in pairwise(rates))


def test_an_epoch_shows_every_picture_once_but_for_the_rest():
    images = torch.arange(11, dtype=float64)[:, None, None, None].expand(11, 1, 8, 8) / 11
    run = start(small(augmentations=()), float64)
    shown = []
    run.model.register_forward_pre_hook(lambda module, inputs: shown.append((inputs[0][:, 0, 0, 0] * 11).round()))
    train(images, run)
    assert [len(batch) for batch in shown] == [8] * 6
    assert all(torch.equal(*batch.chunk(2)) for batch in shown)  # both views
    epochs = [torch.cat([batch[:4] for batch in shown[i : i + 2]]).tolist() for i in range(0, 6, 2)]
    assert [len(set(epoch)) for epoch in epochs] == [8, 8, 8]
    assert len({tuple(epoch) for epoch in epochs}) == 3
    assert len({tuple(sorted(epoch)) for epoch in epochs}) > 1  # other pictures are left out


def test_the_loss_falls_on_digits(digits):
    settings = Settings(temperature=0.5, batch_size=100, epochs=4)
    losses = train(digits.train_images, start(settings)).losses
    assert all(math.isfinite(loss) for loss in losses)
    assert sum(losses[-10:]) / 10 < sum(losses[:10]) / 10 - 0.3
    still = train(digits.train_images, start(replace(settings, learning_rate=1e-9))).losses
    assert abs(sum(still[-10:]) - sum(still[:10])) / 10 < 0.1


@pytest.mark.parametrize("dtype", [torch.float32, float64])
def test_a_run_in_pieces_or_again_has_the_same_bits(dtype):
    images, settings = pictures(10, 0, dtype), small(epochs=5)
    whole, again = (train(images, start(settings, dtype)) for _ in range(2))
    pieces = start(settings, dtype)
    for epochs, done in ((1, 1), (3, 4), (9, 5), (1, 5), (None, 5)):
        assert train(images, pieces, epochs=epochs) is pieces
        assert pieces.epoch == done
    for run in (again, pieces):
        assert run.losses == whole.losses
        assert same(run.model.parameters(), whole.model.parameters())
    assert train(images, start(replace(settings, seed=4), dtype)).losses != whole.losses
    assert {p.dtype for p in whole.model.parameters()} == {dtype}


def test_training_draws_no_global_numbers_and_leaves_the_pictures():
    images = pictures(10)
    before, state = images.clone(), torch.get_rng_state()
    train(images, start(small(augmentations=tuple(AUGMENTATIONS)), float64))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(images, before)


def test_odd_pictures_and_epochs_are_refused_before_anything_is_done():
    run = start(small(), float64)
    before = [parameter.clone() for parameter in run.model.parameters()]
    for images, told in (
        (pictures(10, height=9), r"images must be 8×8 of the weights' type torch.float64, got .10, 1, 9, 8."),
        (pictures(10, dtype=torch.float32), r"images must be 8×8 of the weights' type .* of torch.float32"),
        (pictures(10)[:, 0], "images must have the shape"),
        (pictures(10).long(), "images must be a floating-point tensor"),
        (pictures(3), "batch_size must be at most the number of pictures, 3, got 4"),
    ):
        with pytest.raises(ValueError, match=told):
            train(images, run)
    for epochs in (0, -1, 1.5, True):
        with pytest.raises(ValueError, match="epochs must be a positive integer"):
            train(pictures(10), run, epochs=epochs)
    assert (run.epoch, run.losses) == (0, [])
    assert same(run.model.parameters(), before)


def test_a_loss_that_is_no_number_ends_a_run_before_its_weights_move():
    run = train(pictures(10), start(small(), float64), epochs=1)
    before = len(run.losses)
    with torch.no_grad():
        run.model.encoder[1].weight[0, 0] = torch.nan
    rest = [parameter.clone() for parameter in run.model.parameters()][1:]
    with pytest.raises(ValueError, match=r"learning_rate must be so small that the loss stays finite, got 0\.01"):
        train(pictures(10), run)
    assert (run.epoch, len(run.losses)) == (1, before)
    assert same(list(run.model.parameters())[1:], rest)


# Checkpoints


@pytest.mark.parametrize("dtype", [torch.float32, float64])
def test_a_run_goes_on_from_a_file_as_if_it_had_not_stopped(path, dtype):
    images, settings = pictures(10, 0, dtype), small(epochs=5, augmentations=tuple(AUGMENTATIONS), head="linear")
    whole = train(images, start(settings, dtype))
    for epochs in (2, 1, 9):
        run = load_checkpoint(path, settings) if path.exists() else start(settings, dtype)
        save_checkpoint(train(images, run, epochs=epochs), path)
    last = load_checkpoint(path, settings)
    assert (last.epoch, last.losses, last.settings) == (5, whole.losses, settings)
    assert same(last.model.parameters(), whole.model.parameters())
    assert torch.equal(last.generator.get_state(), whole.generator.get_state())
    assert [file.name for file in path.parent.iterdir()] == ["run.pt"]
    forgetful = train(images, start(settings, dtype), epochs=2)  # without the optimizer's memory it is another run
    forgetful.optimizer = torch.optim.Adam(forgetful.model.parameters())
    assert train(images, forgetful).losses[:5] == pytest.approx(whole.losses[:5], rel=1e-4)
    assert not same(forgetful.model.parameters(), whole.model.parameters())


def test_an_interruption_loses_no_epoch_that_was_saved(path):
    images, settings = pictures(10), small(epochs=4)
    whole = train(images, start(settings, float64))
    run = start(settings, float64)
    calls = []

    def interrupt(module, inputs):
        calls.append(inputs)
        if len(calls) == 6:  # the second batch of the third epoch
            raise KeyboardInterrupt

    run.model.register_forward_pre_hook(interrupt)
    with pytest.raises(KeyboardInterrupt):
        train(images, run, after_epoch=lambda run: save_checkpoint(run, path))
    again = load_checkpoint(path, settings)
    assert again.epoch == 2
    assert train(images, again).losses == whole.losses
    assert same(again.model.parameters(), whole.model.parameters())


@pytest.mark.parametrize("error", [OSError("no space"), KeyboardInterrupt("no space")])
def test_a_save_that_fails_leaves_the_file_that_is_there(path, monkeypatch, error):
    run, write = start(small()), Path.write_bytes
    save_checkpoint(run, path)
    before = path.read_bytes()

    def half(file, data):
        write(file, data[: len(data) // 2])
        raise error

    train(pictures(10, dtype=torch.float32), run, epochs=1)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", half)
        with pytest.raises(type(error), match="no space"):
            save_checkpoint(run, path)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["run.pt"]
    assert load_checkpoint(path, small()).epoch == 0
    save_checkpoint(run, path)
    assert load_checkpoint(path, small()).epoch == 1


def test_what_a_link_points_to_is_replaced_and_not_the_link(path):
    link = path.parent / "link.pt"
    link.symlink_to(path.name)
    for _ in range(2):
        save_checkpoint(start(small()), link)
        assert link.is_symlink()
        assert load_checkpoint(path, small()).epoch == 0
        assert not path.is_symlink()


def test_a_folder_that_is_not_there_is_an_error_of_the_system(path):
    with pytest.raises(OSError, match="nowhere"):
        save_checkpoint(start(small()), path.parent / "nowhere" / "run.pt")
    with pytest.raises(FileNotFoundError):
        load_checkpoint(path, small())


OTHERS = {
    "empty": b"",
    "text": b"hello\n",
    "a zip's beginning": b"PK\x03\x04",
    "a pickle": pickle.dumps({"settings": 1}, protocol=2),
    "a pickle of this Python": pickle.dumps({"settings": 1}),
    "a pickle that ends early": b"\x80\x02.",
    "a pickle that is cut": b"\x80\x02J\x01",
}
STATES = {
    "a list": [1],
    "a tensor": torch.ones(3),
    "a number": 3,
    "nothing": None,
    "no settings": {},
    "other settings": {"settings": {"temperature": 0.3, "augmentations": ["crop"], "width": 3}},
    "settings that are none": {"settings": {"temperature": -1.0, "augmentations": ["crop"]}},
    "no weights": {"settings": {"temperature": 0.3, "augmentations": ["crop"]}, "model": {}},
}


@pytest.mark.parametrize("name", [*OTHERS, *STATES])
def test_what_is_no_run_is_refused(path, name):
    if name in OTHERS:
        path.write_bytes(OTHERS[name])
    else:
        torch.save(STATES[name], path)
    with pytest.raises(ValueError, match=r"checkpoint must be a file that a run has written, got .*run\.pt"):
        load_checkpoint(path, small())


def test_a_file_that_is_cut_or_lacks_a_part_is_refused(path):
    save_checkpoint(start(small()), path)
    data, told = path.read_bytes(), "checkpoint must be a file that a run has written"
    for cut in random.Random(0).sample(range(len(data)), 12):
        path.write_bytes(data[:cut])
        with pytest.raises(ValueError, match=told):
            load_checkpoint(path, small())
    path.write_bytes(data)
    state = torch.load(path, weights_only=True)
    for key in state:
        torch.save({other: value for other, value in state.items() if other != key}, path)
        with pytest.raises(ValueError, match=told):
            load_checkpoint(path, small())
    torch.save(state, path)
    assert load_checkpoint(path, small()).epoch == 0


@few
@given(st.binary(max_size=40))
def test_bytes_that_are_no_run_are_refused(tmp_path_factory, data):
    file = tmp_path_factory.getbasetemp() / "bytes.pt"
    file.write_bytes(data)
    with pytest.raises(ValueError, match="checkpoint must be a file that a run has written"):
        load_checkpoint(file, small())


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"temperature": 0.4}, r"temperature must be 0.3, as in the checkpoint .*run\.pt, got 0.4"),
        ({"augmentations": ("crop",)}, r"augmentations must be \('crop', 'rotate', 'contrast', 'noise'\), as in"),
        ({"head": "none"}, "head must be 'nonlinear', as in"),
        ({"batch_size": 5}, "batch_size must be 4, as in"),
        ({"epochs": 4}, "epochs must be 3, as in"),
        ({"learning_rate": 0.02}, "learning_rate must be 0.01, as in"),
        ({"seed": 4}, "seed must be 3, as in"),
    ],
)
def test_a_run_of_other_settings_is_refused(path, changed, told):
    save_checkpoint(start(small()), path)
    with pytest.raises(ValueError, match=told):
        load_checkpoint(path, small(**changed))
    assert load_checkpoint(path, small()).settings == small()


class Program:
    """A pickle that makes a file when it is read."""

    def __init__(self, file):
        self.file = file

    def __reduce__(self):
        return Path.touch, (self.file,)


def test_a_program_in_a_file_is_not_run(path):
    made = path.parent / "made"
    torch.save({"settings": Program(made)}, path)
    with pytest.raises(ValueError, match="checkpoint must be a file that a run has written"):
        load_checkpoint(path, small())
    assert not made.exists()
    torch.load(path, weights_only=False)
    assert made.exists()  # it would be run where programs are trusted


# Digits


def test_digits_are_divided_in_shares(digits):
    from sklearn import datasets

    assert digits.train_images.shape == (1000, 1, 8, 8)
    assert digits.test_images.shape == (797, 1, 8, 8)
    images, labels = (torch.cat(parts) for parts in (digits[::2], digits[1::2]))
    assert (images.dtype, images.min(), images.max()) == (torch.float32, 0, 1)
    found = datasets.load_digits()
    rows = [(*image.flatten().tolist(), label) for image, label in zip(found.images, found.target, strict=True)]
    again = [(*(16 * image).flatten().tolist(), label) for image, label in zip(images, labels.tolist(), strict=True)]
    assert sorted(again) == sorted(rows)  # nothing lost, nothing twice
    shares = digits.train_labels.bincount() / torch.tensor(found.target).bincount()
    assert (shares - 1000 / 1797).abs().max() < 0.01
    assert same(digits, load_digits(generator(0)))
    assert not torch.equal(digits.test_labels, load_digits(generator(1)).test_labels)
    with pytest.raises(ValueError, match=r"generator must be a torch\.Generator, got NoneType"):
        load_digits(None)


# Evaluation


def classes(n, spread=1.5, features=4, count=3, seed=0):
    """Features and labels, of which a linear classifier is right sometimes."""
    source = generator(seed)
    labels = torch.arange(n) % count
    centers = 2 * torch.randn(count, features, dtype=float64, generator=generator(99))
    return centers[labels] + spread * torch.randn(n, features, dtype=float64, generator=source), labels


def accuracy_by_newton(train_x, train_y, test_x, test_y):
    """Multinomial logistic regression with half the squared weights as penalty, by Newton's method in NumPy."""
    mean, deviation = train_x.mean(0), train_x.std(0)
    x, t = ((values - mean) / np.where(deviation == 0, 1, deviation) for values in (train_x, test_x))
    x, t = (np.column_stack((values, np.ones(len(values)))) for values in (x, t))
    kinds, d = np.unique(train_y), x.shape[1]
    weights, penalty = np.zeros((len(kinds), d)), np.tile([1.0] * (d - 1) + [1e-9], len(kinds))  # none on the constant
    for _ in range(30):
        logits = x @ weights.T
        p = np.exp(logits - logits.max(1, keepdims=True))
        p /= p.sum(1, keepdims=True)
        slope = ((p - (train_y[:, None] == kinds)).T @ x).ravel() + penalty * weights.ravel()
        curved = np.einsum("nk,kl,nd,ne->kdle", p, np.eye(len(kinds)), x, x) - np.einsum(
            "nk,nl,nd,ne->kdle", p, p, x, x
        )
        weights -= np.linalg.solve(curved.reshape(slope.size, -1) + np.diag(penalty), slope).reshape(weights.shape)
    assert np.abs(slope).max() < 1e-6
    return (kinds[(t @ weights.T).argmax(1)] == test_y).mean()


@pytest.mark.parametrize("count", [2, 3])
def test_the_accuracy_by_newtons_method(count):
    parts = (*classes(60, count=count), *classes(200, count=count, seed=1))
    found, expected = linear_accuracy(*parts), accuracy_by_newton(*(part.numpy() for part in parts))
    assert abs(found - expected) <= 1 / 200 + 1e-12  # one may lie on the border
    assert 1 / count + 0.1 < found < 0.99
    moved = (*parts[:3], (parts[3] + 1) % count)
    assert abs(linear_accuracy(*moved) - expected) > 0.1


def test_scaling_and_shifting_features_changes_nothing():
    train_x, train_y = classes(60)
    test_x, test_y = classes(200, seed=1)
    scale, shift = torch.tensor([4.0, 0.25, 2**-10, 3.0]).double(), torch.tensor([1.0, -8.0, 0.0, 100.0]).double()
    moved = (train_x * scale + shift, train_y, test_x * scale + shift, test_y)
    assert linear_accuracy(*moved) == linear_accuracy(train_x, train_y, test_x, test_y)
    few, as_few = (
        label_efficiency(*parts, labels=2, draws=3, generator=generator())
        for parts in (moved, (train_x, train_y, test_x, test_y))
    )
    assert few == as_few
    assert linear_accuracy(train_x, train_y, test_x * scale + shift, test_y) < 0.6


def test_features_that_never_move_say_nothing():
    train_x, train_y = classes(60)
    test_x, test_y = classes(200, seed=1)
    expected = linear_accuracy(train_x, train_y, test_x, test_y)
    for constant in (0.0, 0.1, 1 / 3, 1e6):
        wider = [torch.cat((x, torch.full((len(x), 1), constant, dtype=float64)), 1) for x in (train_x, test_x)]
        assert linear_accuracy(wider[0], train_y, wider[1], test_y) == expected
    still = linear_accuracy(torch.ones(60, 2), train_y, torch.ones(200, 2), test_y)
    assert still == pytest.approx((test_y == 0).double().mean().item(), abs=0.01)


def test_with_all_labels_few_are_all():
    train_x, train_y = classes(60)
    parts = (train_x, train_y, *classes(200, seed=1))
    every = label_efficiency(*parts, labels=20, draws=2, generator=generator())
    assert every == pytest.approx(linear_accuracy(*parts), abs=1e-12)
    assert label_efficiency(*parts, labels=1, draws=5, generator=generator()) < every - 0.02
    with pytest.raises(ValueError, match="labels must be at most 20, the examples of the smallest class, got 21"):
        label_efficiency(*parts, labels=21, draws=1, generator=generator())
    smaller = label_efficiency(train_x[:-1], train_y[:-1], *parts[2:], labels=19, draws=1, generator=generator())
    assert 0.5 < smaller < 1
    with pytest.raises(ValueError, match="labels must be at most 19"):
        label_efficiency(train_x[:-1], train_y[:-1], *parts[2:], labels=20, draws=1, generator=generator())


def test_accuracies_are_averaged_over_draws():
    parts = (*classes(60), *classes(200, seed=1))
    source = generator(4)
    each = [label_efficiency(*parts, labels=2, draws=1, generator=source) for _ in range(5)]
    assert label_efficiency(*parts, labels=2, draws=5, generator=generator(4)) == pytest.approx(
        sum(each) / 5, abs=1e-12
    )
    assert max(each) > min(each)
    state = torch.get_rng_state()
    label_efficiency(*parts, labels=2, draws=1, generator=source)
    assert torch.equal(torch.get_rng_state(), state)


@statistical(alarms=1e-6, effect="any six of all, whatever their class")
def test_a_few_of_each_class_are_chosen_evenly(seed, planted):
    labels = torch.tensor([0] * 5 + [3] * 8 + [1] * 4)[torch.randperm(17, generator=generator())]
    source, times, sizes = generator(seed), torch.zeros(17), labels.bincount()
    for _ in range(500):
        chosen = choose_labeled(labels, 2, source)
        assert labels[chosen].bincount().tolist() == [2, 2, 0, 2]
        assert len(set(chosen.tolist())) == 6
        times[chosen] += 1
    exact = [6 / 17 if planted else 2 / sizes[label].item() for label in labels]
    return [chance for pair in zip(times.int().tolist(), exact, strict=True) for chance in share(pair[0], 500, pair[1])]


def test_features_that_do_not_fit_together_are_refused():
    x, y = classes(12)
    nan = torch.where(torch.arange(12)[:, None] == 3, torch.nan, x)
    for parts, told in (
        ((x[:, 0], y, x, y), "train_features must be a matrix with a row for each of train_labels"),
        ((x, y[:5], x, y), r"train_features must be a matrix .* got .12, 4. and .5,."),
        ((x, y, x, y[:, None]), "test_features must be a matrix with a row for each of test_labels"),
        ((x, y, x[:0], y[:0]), "test_features must be a matrix"),
        ((nan, y, x, y), "train_features must be finite"),
        ((x, y, x / 0, y), "test_features must be finite"),
        ((x, y, x[:, :2], y), "test_features must have 4 columns as train_features, got 2"),
        ((x, 0 * y, x, y), "train_labels must name two classes at least, got one"),
    ):
        with pytest.raises(ValueError, match=told):
            linear_accuracy(*parts)
        with pytest.raises(ValueError, match=told):
            label_efficiency(*parts, labels=1, draws=1, generator=generator())
    for name in ("labels", "draws"):
        for count in (0, -1, 1.5, True):
            with pytest.raises(ValueError, match=f"{name} must be a positive integer"):
                label_efficiency(x, y, x, y, **{"labels": 1, "draws": 1, name: count}, generator=generator())
    with pytest.raises(ValueError, match=r"generator must be a torch\.Generator"):
        label_efficiency(x, y, x, y, labels=1, draws=1, generator=None)


# The recorded runs


CHEAP = "batch 1000, 25 epochs"


@pytest.fixture(scope="module")
def record():
    return simclr.recorded()


@pytest.fixture
def divided_once(digits, monkeypatch):
    """The digits of seed 0, not divided anew for every run."""
    monkeypatch.setattr(simclr, "digits_of", {0: digits}.get)


def test_every_run_differs_from_the_usual_one_in_one_setting():
    usual = simclr.CONDITIONS["default"]
    assert usual == simclr.DEFAULT
    assert len(set(simclr.CONDITIONS.values())) == len(simclr.CONDITIONS)  # none is there twice
    changes = {"head": set(), "temperature": {usual.temperature}, "augmentations": set()}
    for condition in simclr.CONDITIONS.values():
        before, now = vars(usual), vars(condition)
        changed = {field for field in before if before[field] != now[field]}
        assert len(changed) == (condition != usual) or changed == {"batch_size", "epochs"}
        for field in changed & changes.keys():
            changes[field].add(now[field])
    assert changes["head"] == set(HEADS) - {"nonlinear"}
    assert changes["temperature"] == set(simclr.TEMPERATURES)
    assert all(len(names) == 1 or len(set(names) ^ set(usual.augmentations)) == 1 for names in changes["augmentations"])
    assert len(changes["augmentations"]) == 2 * len(AUGMENTATIONS)
    for batch in simclr.BATCHES:
        for epochs in simclr.EPOCHS:
            assert replace(usual, batch_size=batch, epochs=epochs) in simclr.CONDITIONS.values()


def test_a_difference_by_numpy():
    first, second = np.random.default_rng(0).normal(size=(2, 10))
    found = simclr.compare(first.tolist(), second.tolist(), 3.25)
    differences = first - second
    assert found.mean == pytest.approx(differences.mean(), rel=1e-12)
    assert found.margin == pytest.approx(3.25 * differences.std(ddof=1) / np.sqrt(10), rel=1e-12)
    assert found.margin != pytest.approx(3.25 * differences.std() / np.sqrt(10), rel=1e-3)
    assert simclr.interval(differences.tolist(), 3.25) == pytest.approx(found, rel=1e-12)
    unpaired = np.sqrt((first.var(ddof=1) + second.var(ddof=1)) / 10)
    assert found.margin != pytest.approx(3.25 * unpaired, rel=1e-3)  # the seeds are paired
    with pytest.raises(ValueError, match="shorter"):
        simclr.compare(first.tolist(), second.tolist()[:-1], 3.25)


def test_a_verdict_is_told_by_an_interval_without_zero_only():
    cases = {
        (0.2, 0.1): "yes",
        (-0.2, 0.1): "no",
        (0.1, 0.2): "undecided",
        (-0.1, 0.2): "undecided",
        (0, 0): "undecided",
    }
    for numbers, verdict in cases.items():
        assert simclr.Difference(*numbers).verdict == verdict
    assert simclr.compare([0.9, 0.8, 0.7], [0.5, 0.4, 0.4], 5.84).verdict == "yes"
    assert simclr.compare([0.5, 0.4, 0.4], [0.9, 0.8, 0.7], 5.84).verdict == "no"
    assert simclr.compare([0.9, 0.1, 0.7], [0.5, 0.4, 0.4], 5.84).verdict == "undecided"


def test_the_nearest_example_by_plain_loops(digits):
    few = digits._replace(test_images=digits.test_images[:40], test_labels=digits.test_labels[:40])
    train_x, test_x = (images.flatten(1).double() for images in few[::2])
    source, right = generator(3), 0
    for _ in range(simclr.DRAWS):
        chosen = choose_labeled(few.train_labels, 1, source).tolist()
        for x, label in zip(test_x.tolist(), few.test_labels.tolist(), strict=True):
            rows = {i: train_x[i].tolist() for i in chosen}
            cosines = {i: sum(a * b for a, b in zip(x, y, strict=True)) / math.hypot(*y) for i, y in rows.items()}
            right += few.train_labels[max(cosines, key=cosines.get)].item() == label
    found = simclr.nearest_accuracy(few, train_x, test_x, 3)
    assert found == pytest.approx(right / simclr.DRAWS / 40, rel=1e-12)
    assert simclr.nearest_accuracy(few, 3 * train_x, test_x / 7, 3) == pytest.approx(found, rel=1e-12)
    assert simclr.nearest_accuracy(few, train_x, test_x, 4) != pytest.approx(found, rel=1e-3)


def test_the_record_holds_every_run_of_every_seed(record):
    assert list(record["runs"]) == list(simclr.CONDITIONS)
    for name, runs in record["runs"].items():
        settings = simclr.CONDITIONS[name]
        spaces = {"h"} if settings.head == "none" else {"h", "z"}
        assert len(runs) == simclr.SEEDS
        for run in runs:
            assert set(run) == {"first", "last", "nearest", *spaces}
            assert len(run["first"]) == 1000 // settings.batch_size
            assert 0 < run["last"] < max(run["first"])  # it has learned
            assert set(run["nearest"]) == spaces
            shares = [share for space in spaces for share in (*run[space], run["nearest"][space])]
            assert len(shares) == len(spaces) * (len(simclr.LABELS) + 2)
            assert all(0.1 < share < 1 for share in shares)
            for space in spaces:
                assert run[space][-1] * 797 == pytest.approx(round(run[space][-1] * 797), abs=1e-9)
        assert len({tuple(run["first"]) for run in runs}) == simclr.SEEDS  # no seed is there twice
    assert len(record["baselines"]) == simclr.SEEDS
    for run in record["baselines"]:
        assert set(run) == {"pixels", "untrained", "supervised", "supervised on views"}
        assert all(0.1 < share < 1 for shares in run.values() for share in shares)
        assert {len(shares) for shares in run.values()} == {len(simclr.LABELS) + 1}


def test_the_quantile_is_that_of_students_t(record):
    from scipy import stats

    assert record["quantile"] == pytest.approx(stats.t.ppf(0.995, 9), rel=1e-12)
    assert record["quantile"] != pytest.approx(stats.t.ppf(0.995, 10), rel=1e-3)
    assert record["quantile"] != pytest.approx(stats.t.ppf(0.99, 9), rel=1e-3)


@pytest.mark.usefixtures("divided_once")
def test_every_run_begins_as_the_record_says(record):
    firsts = {name: simclr.first_losses(settings, 0) for name, settings in simclr.CONDITIONS.items()}
    for name, losses in firsts.items():
        assert losses == pytest.approx(record["runs"][name][0]["first"], rel=1e-4), name
        assert losses != pytest.approx(record["runs"][name][1]["first"], rel=3e-4), name


@pytest.mark.usefixtures("divided_once")
def test_a_cheap_run_ends_as_the_record_says(record):
    kept, again = record["runs"][CHEAP][0], simclr.run(simclr.CONDITIONS[CHEAP], 0)
    assert again["last"] == pytest.approx(kept["last"], rel=1e-3)
    for found, expected in ((again, kept), (again["nearest"], kept["nearest"])):
        assert found["h"] == pytest.approx(expected["h"], abs=0.01)
        assert found["z"] == pytest.approx(expected["z"], abs=0.01)
    assert again["h"] != pytest.approx(kept["z"], abs=0.01)
    assert again["h"] != pytest.approx(record["runs"][CHEAP][1]["h"], abs=0.01)


def test_the_pixels_are_worth_what_the_record_says(record, digits):
    pixels = [images.flatten(1) for images in digits[::2]]
    found = simclr.accuracies(digits, *pixels, 0)
    assert found == pytest.approx(record["baselines"][0]["pixels"], abs=0.01)
    assert found != pytest.approx(record["baselines"][0]["untrained"], abs=0.01)


def test_pictures_that_the_network_does_not_take_are_refused():
    model = SimCLR("none", generator=torch.Generator())
    for bad in (torch.zeros(2), torch.zeros(2, 1, 3, 3), torch.zeros(2, 1, 8, 8).double()):
        with pytest.raises(ValueError, match=r"^images must"):
            model(bad)
    with pytest.raises(ValueError, match=r"^images must have the shape \(n, 1, height, width\), got \(2,\)"):
        batch_loss(model, torch.zeros(2), Settings(temperature=1.0), torch.Generator())


def test_weights_and_labels_of_another_kind_are_refused():
    with pytest.raises(ValueError, match=r"^dtype must be of floating-point numbers, got torch.int64"):
        start(Settings(temperature=1.0), torch.int64)
    features, labels = torch.zeros(2, 1), torch.tensor([0, 1])
    with pytest.raises(ValueError, match=r"^test_labels must be whole numbers, got torch.float32"):
        linear_accuracy(features, labels, features, labels.float())


def test_training_leaves_no_gradient_on_the_pictures():
    images = torch.rand(4, 1, 8, 8, generator=torch.Generator().manual_seed(0)).requires_grad_()
    train(images, start(Settings(temperature=0.5, batch_size=4, epochs=1)))
    assert images.grad is None


@pytest.mark.parametrize("seed", [2**63, 2**63 + 1, 2**64, -1, True, 1.0])
def test_a_seed_that_no_generator_takes_is_refused(seed):
    assert Settings(temperature=0.5, seed=2**63 - 1).seed == 2**63 - 1
    with pytest.raises(ValueError, match=r"^seed must be a whole number from 0 to 2\^63 - 1, got"):
        Settings(temperature=0.5, seed=seed)


@pytest.mark.parametrize("labels", [torch.ones(2, dtype=torch.complex64), torch.tensor([0, 1]).to_sparse()])
def test_labels_that_cannot_be_counted_are_refused(labels):
    features, right = torch.eye(2), torch.tensor([0, 1])
    with pytest.raises(ValueError, match=r"^train_labels must be whole numbers, got torch\.(complex64|int64), layout"):
        linear_accuracy(features, labels, features, right)
    with pytest.raises(ValueError, match=r"^test_labels must be whole numbers, got torch\.(complex64|int64), layout"):
        linear_accuracy(features, right, features, labels)
