"""How records are put together, of tiny runs and of runs that are stood in for."""

import math
import warnings
from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from sklearn.exceptions import ConvergenceWarning

from hw.experiments import flows, gan, simclr
from hw.flows import Affine, Fit, Flow, StandardNormal, fit_reverse
from hw.simclr import SimCLR

# ---- planar flows ----


def test_a_record_of_flows_names_each_fit(monkeypatch):
    """Fits that tell how they were asked for; what is kept of a fit is the fit."""
    normals = {}

    def fit_to_modes(start, distance):
        normal = SimpleNamespace(shift=torch.tensor(start + 0.5), log_scale=torch.tensor(distance).log())
        normals[start] = distance
        return SimpleNamespace(flow=SimpleNamespace(bijection=normal))

    for name in ("fit_to_density", "fit_to_samples", "fit_to_kernels"):
        monkeypatch.setattr(flows, name, lambda *asked, name=name: (name, *asked))
    monkeypatch.setattr(flows, "kept", lambda fit: fit)
    monkeypatch.setattr(flows, "fit_to_modes", fit_to_modes)
    monkeypatch.setattr(flows, "branches", lambda: "both branches")
    found = flows.record()
    (first, mean, deviation), (second, other_mean, other_deviation) = found.pop("far_modes")
    assert (first, second) == (0.0, 3.0)
    assert (mean, other_mean) == (0.5, 3.5)
    assert (deviation, other_deviation) == pytest.approx((6, 6))
    assert normals == {0.0: 6.0, 3.0: 6.0}
    assert found == {
        "density": [("fit_to_density", seed) for seed in range(5)],
        "samples": [("fit_to_samples", seed) for seed in range(5)],
        "few_samples": ("fit_to_samples", 0, 500),
        "kernels": {name: ("fit_to_kernels", float(name)) for name in ("0.05", "0.2", "0.5")},
        "branches": "both branches",
    }
    assert found.keys() | {"far_modes"} == flows.recorded().keys()


def test_what_is_kept_of_a_fit_restores_its_flow(monkeypatch):
    monkeypatch.setattr(flows, "divergences", lambda flow: (1.5, 2.5))
    flow = flows.planar_flow(torch.Generator().manual_seed(5), can_sample=True)
    losses = torch.arange(150.0)
    kept = flows.kept(Fit(flow, losses))
    assert kept["first"] == list(range(20))
    assert kept["losses"] == [24.5, 74.5, 124.5]
    again = flows.restored(kept)
    x = torch.randn(5, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert kept["can_sample"]
    assert torch.equal(again.bijection(x), flow.bijection(x))
    assert (kept["forward_kl"], kept["reverse_kl"]) == (1.5, 2.5)
    assert kept.keys() == flows.recorded()["density"][0].keys()
    inverse = flows.planar_flow(torch.Generator().manual_seed(5), can_sample=False)
    assert not flows.kept(Fit(inverse, losses))["can_sample"]


def test_where_a_statement_begins_to_hold():
    for edge in (0.0, 1 / 3, 0.7, 1.0):
        found = flows.boundary(lambda x, edge=edge: x >= edge, -0.5, 1.5)
        assert edge <= found <= edge + 1e-10
    assert flows.boundary(lambda x: True, 2.0, 3.0) == pytest.approx(2, abs=1e-10)
    assert flows.boundary(lambda x: False, 2.0, 3.0) == 3.0


def test_branches_are_followed_over_the_distance(monkeypatch):
    """Minima in closed form: one near a mode from 2.41 on, and the lower one from 2.75 on."""
    asked = set()

    def minimum(mean, deviation, distance):
        asked.add((mean, deviation))
        return 0.0, distance, 1.0

    def off_center(distance):
        return (distance / 2, 0.5, 1 + 2.75 - distance) if distance >= 2.41 else None

    monkeypatch.setattr(flows, "minimum", minimum)
    monkeypatch.setattr(flows, "off_center", off_center)
    found = flows.branches()
    assert found["first"] == pytest.approx(2.41, abs=1e-9)
    assert found["jump"] == pytest.approx(2.75, abs=1e-9)
    assert found["at_jump"] == off_center(found["jump"])
    assert found["far"] == [(0.0, 6.0, 1.0), off_center(6.0)]
    assert [entry[0] for entry in found["middle"]] == pytest.approx([1.5 + 0.05 * n for n in range(51)])
    assert all(entry[1:] == (0.0, entry[0], 1.0) for entry in found["middle"])
    first, *apart = found["off_center"]
    assert first[0] == found["first"]
    assert [entry[0] for entry in apart] == [entry[0] for entry in found["middle"] if entry[0] > 2.41]
    assert all(entry[1:] == off_center(entry[0]) for entry in found["off_center"])
    assert asked == {(0.0, 1.0)}
    assert found.keys() == flows.recorded()["branches"].keys()


def test_the_branches_of_the_record_have_their_distances():
    kept = flows.recorded()["branches"]
    distances = [entry[0] for entry in kept["middle"]]
    assert distances == pytest.approx([1.5 + 0.05 * n for n in range(51)])
    assert [entry[0] for entry in kept["off_center"]] == [kept["first"], *(d for d in distances if d > kept["first"])]
    assert [entry[1] for entry in kept["middle"]] == pytest.approx([0] * 51, abs=1e-8)
    for distance, mean, _, _ in kept["off_center"][5:]:
        assert mean == pytest.approx(distance * flows.DEVIATION, rel=0.2)


def test_a_minimum_is_near_a_mode_or_is_none(monkeypatch):
    asked = []
    monkeypatch.setattr(flows, "minimum", lambda *start: asked.append(start) or (start[0] - 1, 0.4, 0.1))
    assert flows.off_center(4.0) == (1.0, 0.4, 0.1)
    assert flows.off_center(3.0) is None  # it has ended up where the middle begins, at a deviation
    assert flows.off_center(2.0) is None
    assert asked == [(2.0, 0.5, 4.0), (1.5, 0.5, 3.0), (1.0, 0.5, 2.0)]


def test_a_normal_is_fitted_to_the_modes_from_its_start():
    def log_density(x):
        modes = [-((x[:, 0] / 0.5 - side) ** 2) / 2 for side in (2.0, -2.0)]
        return torch.stack(modes).logsumexp(0)

    generator = torch.Generator().manual_seed(0)
    flow = Flow(StandardNormal(1), Affine(torch.tensor([0.75]), torch.zeros(1))).double()
    expected = fit_reverse(flow, log_density, steps=4, learning_rate=0.02, generator=generator, n=256)
    found = flows.fit_to_modes(0.75, 2.0, 4)
    torch.testing.assert_close(found.losses, expected.losses, rtol=1e-12, atol=0)
    assert len(found.losses) == 4
    torch.testing.assert_close(found.flow.bijection.shift, expected.flow.bijection.shift, rtol=1e-12, atol=0)


def test_fits_in_stages_go_on_where_the_last_has_ended():
    calls = []

    def fit(flow, target, *, steps, learning_rate, extra):
        calls.append((flow, target, steps, learning_rate, extra))
        return flow + 1, torch.full((steps,), float(flow))

    found = flows.in_stages(fit, 7, "target", ((2, 0.1), (1, 0.2), (3, 0.3)), extra="more")
    assert calls == [(7, "target", 2, 0.1, "more"), (8, "target", 1, 0.2, "more"), (9, "target", 3, 0.3, "more")]
    assert found.flow == 10
    assert found.losses.tolist() == [7, 7, 8, 9, 9, 9]


def test_the_plane_holds_the_moons_and_its_rows_go_upward():
    points = flows.plane(5)
    assert points.shape == (5, 5, 2)
    assert points[0, :, 0].tolist() == points[4, :, 0].tolist() == [-4, -2, 0, 2, 4]
    assert points[:, 0, 1].tolist() == points[:, 3, 1].tolist() == [-4, -2, 0, 2, 4]


@pytest.mark.parametrize(
    ("x", "y", "exponent", "other"),
    [(2.0, 0.0, 0.0, -(4 / 0.6) ** 2 / 2), (0.0, 2.0, -(2 / 0.6) ** 2 / 2, -(2 / 0.6) ** 2 / 2),
     (-3.0, 0.0, -(1 / 0.4) ** 2 / 2 - (1 / 0.6) ** 2 / 2, -(1 / 0.4) ** 2 / 2 - (5 / 0.6) ** 2 / 2)],
)  # fmt: skip
def test_the_density_of_the_half_moons_by_hand(x, y, exponent, other):
    found = flows.moons_log_density(torch.tensor([x, y], dtype=torch.float64)).item()
    assert found == pytest.approx(math.log(math.exp(exponent) + math.exp(other)), rel=1e-12, abs=1e-12)


# ---- GANs ----


def test_a_record_of_gans_holds_each_run_and_the_frozen_one():
    found = gan.record(seeds=2, steps=30)
    assert found.keys() == {"runs", "frozen"} == gan.recorded().keys()
    assert len(found["runs"]) == 2
    for seed, kept in enumerate(found["runs"]):
        assert kept == gan.kept(gan.train(seed, 30))
    assert found["frozen"] == gan.kept(gan.train(0, 30, penalty=0.0, is_frozen=True))
    start = [parameter.tolist() for parameter in gan.new_generator().parameters()]
    assert found["frozen"]["generator"] == start
    assert found["runs"][0]["generator"] != start
    for kept in (*found["runs"], found["frozen"]):
        assert len(kept["first"]) == 20
        assert [entry[0] for entry in kept["history"]] == [0, 25, 30]


def test_the_penalty_is_half_the_mean_squared_slope():
    """One step without it and one with it, by hand: the gradient of the loss has the penalty's beside it."""
    network = gan.new_discriminator(torch.Generator().manual_seed(1))
    with torch.no_grad():
        network[-1].weight.fill_(0.5)
    real, fake = torch.tensor([[0.5], [-1.0]], dtype=torch.float64), torch.tensor([[2.0]], dtype=torch.float64)
    loss, slopes = gan._discriminator_step(network, real.clone(), fake)
    step = 1e-6
    with torch.no_grad():
        by_hand = (network(real + step) - network(real - step)) / (2 * step)
        expected = (
            torch.nn.functional.softplus(-network(real)).mean() + torch.nn.functional.softplus(network(fake)).mean()
        )
    assert slopes.item() == pytest.approx(by_hand.square().mean().item(), rel=1e-8)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-12)


def test_the_generator_begins_as_a_narrow_bump_in_the_middle():
    x = torch.linspace(-8, 8, 1601, dtype=torch.float64)[:, None]
    mass = gan.new_generator().log_prob(x).exp().detach()
    assert torch.trapezoid(mass, x[:, 0]).item() == pytest.approx(1, rel=1e-6)
    spread = torch.trapezoid(mass * x[:, 0] ** 2, x[:, 0]).sqrt().item()
    assert spread == pytest.approx(math.exp(-1), rel=0.02)  # less than a quarter of the way to a mode
    assert abs(torch.trapezoid(mass * x[:, 0], x[:, 0]).item()) < 0.01


def test_the_discriminator_has_two_hidden_layers_with_bounded_weights():
    network = gan.new_discriminator(torch.Generator().manual_seed(0))
    assert [type(layer).__name__ for layer in network] == ["Linear", "Tanh", "Linear", "Tanh", "Linear"]
    linear = network[::2]
    assert [(layer.in_features, layer.out_features) for layer in linear] == [(1, 32), (32, 32), (32, 1)]
    for layer, bound in zip(linear, (1, 32**-0.5, 0), strict=True):
        largest = max(parameter.abs().max().item() for parameter in layer.parameters())
        assert 0.9 * bound <= largest <= bound


def test_the_numbers_of_the_record_are_those_of_the_module():
    record = gan.recorded()
    assert len(record["runs"]) == 5
    for kept in (*record["runs"], record["frozen"]):
        assert [entry[0] for entry in kept["history"]] == list(range(0, 1501, 25))
        assert len(kept["first"]) == 20


# ---- SimCLR ----


def setting(name):
    """What a condition of a name should be, read from its words."""
    usual = simclr.DEFAULT
    kind, _, rest = name.partition(" ")
    if kind == "batch":
        size, epochs = rest.removesuffix(" epochs").split(", ")
        return replace(usual, batch_size=int(size), epochs=int(epochs))
    return {
        "default": lambda: usual,
        "head": lambda: replace(usual, head=rest),
        "temperature": lambda: replace(usual, temperature=float(rest)),
        "only": lambda: replace(usual, augmentations=(rest,)),
        "with": lambda: replace(usual, augmentations=(*usual.augmentations, rest)),
        "without": lambda: replace(usual, augmentations=tuple(a for a in usual.augmentations if a != rest)),
    }[kind]()


def test_each_condition_is_what_its_name_says():
    assert {name: setting(name) for name in simclr.CONDITIONS} == simclr.CONDITIONS
    assert len(simclr.CONDITIONS) == 27
    assert [name for name, each in simclr.CONDITIONS.items() if each == simclr.DEFAULT] == ["default"]


class Pool:
    """Processes stood in for by this one."""

    def __init__(self, mp_context):
        assert mp_context.get_start_method() == "spawn"

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def map(self, function, tasks):
        return map(function, tasks)


def test_a_record_pairs_each_name_with_its_runs(monkeypatch):
    monkeypatch.setattr(simclr, "ProcessPoolExecutor", Pool)
    monkeypatch.setattr(simclr, "tqdm", lambda done, total, disable: done if total == 280 else None)
    monkeypatch.setattr(simclr, "_task", lambda task: task)
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    found = simclr.record()
    assert list(found["runs"]) == list(simclr.CONDITIONS)
    for name, runs in found["runs"].items():
        assert runs == [(name, seed) for seed in range(10)]
    assert found["baselines"] == [("baselines", seed) for seed in range(10)]
    assert found["quantile"] == pytest.approx(3.249836, abs=1e-6)  # of Student's t, 9 degrees of freedom, 99.5 %
    assert simclr.os.environ["OMP_NUM_THREADS"] == "1"


def test_a_task_is_a_run_or_the_baselines(monkeypatch):
    monkeypatch.setattr(simclr, "run", lambda settings, seed: ("run", settings, seed))
    monkeypatch.setattr(simclr, "baselines", lambda seed: ("baselines", seed))
    assert simclr._task(("only crop", 3)) == ("run", simclr.CONDITIONS["only crop"], 3)
    assert simclr._task(("baselines", 4)) == ("baselines", 4)


@pytest.fixture
def few(monkeypatch):
    """A few digits of three classes, whichever seed divides them."""
    labels = torch.tensor([0, 1, 2] * 20)
    images = torch.rand(60, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    digits = simclr.Digits(images, labels, images[:12].flip(0), labels[:12].flip(0))
    monkeypatch.setattr(simclr, "digits_of", lambda seed: digits)
    return digits


def test_baselines_are_of_pixels_of_a_start_and_of_labels(few, monkeypatch):
    monkeypatch.setattr(simclr, "accuracies", lambda *given: given)
    monkeypatch.setattr(simclr, "_evaluated", lambda model, digits, seed: {"h": (model, digits, seed), "z": "not this"})
    monkeypatch.setattr(simclr, "_supervised", lambda digits, seed, with_views: (digits, seed, with_views))
    found = simclr.baselines(4)
    assert list(found) == ["pixels", "untrained", "supervised", "supervised on views"]
    digits, train, test, seed = found["pixels"]
    assert (digits, seed) == (few, 4)
    assert torch.equal(train, few.train_images.reshape(60, 64))
    assert torch.equal(test, few.test_images.reshape(12, 64))
    model, digits, seed = found["untrained"]
    assert (digits, seed) == (few, 4)
    begun = simclr.start(replace(simclr.DEFAULT, seed=4)).model.state_dict()
    assert all(torch.equal(value, begun[name]) for name, value in model.state_dict().items())
    assert (found["supervised"], found["supervised on views"]) == ((few, 4, False), (few, 4, True))


def test_supervised_networks_see_few_labels_twice_and_all_once(few, monkeypatch):
    calls = []

    def accuracy(digits, chosen, generator, *, with_views):
        calls.append((chosen.tolist(), with_views))
        assert digits is few
        return len(calls) / 16

    monkeypatch.setattr(simclr, "_classifier_accuracy", accuracy)
    assert simclr._supervised(few, 5, with_views=True) == [1.5 / 16, 3.5 / 16, 5 / 16]
    assert [len(chosen) for chosen, _ in calls] == [3, 3, 30, 30, 60]
    assert {with_views for _, with_views in calls} == {True}
    source = torch.Generator().manual_seed(5)
    expected = [simclr.choose_labeled(few.train_labels, n, source).tolist() for n in (1, 1, 10, 10)]
    assert [chosen for chosen, _ in calls] == [*expected, list(range(60))]


class Network:
    """A classifier that remembers what it was given, and warns that it has not settled."""

    made = ()

    def __init__(self, layers, **options):
        self.layers, self.options = layers, options
        Network.made += (self,)

    def fit(self, images, labels):
        self.images, self.labels = torch.tensor(images), torch.tensor(labels)
        warnings.warn("not settled", ConvergenceWarning, stacklevel=1)

    def score(self, images, labels):
        self.tested = torch.tensor(images), torch.tensor(labels)
        return 0.25


@pytest.mark.parametrize(("with_views", "epochs", "seen"), [(False, 200, 4), (True, 40, 10_000)])
def test_a_supervised_network_sees_digits_or_views_of_them(few, monkeypatch, with_views, epochs, seen):
    monkeypatch.setattr(Network, "made", ())
    monkeypatch.setattr("sklearn.neural_network.MLPClassifier", Network)
    chosen, source = torch.tensor([7, 3, 20, 41]), torch.Generator().manual_seed(6)
    assert simclr._classifier_accuracy(few, chosen, source, with_views=with_views) == 0.25
    (network,) = Network.made
    again = torch.Generator().manual_seed(6)
    images = few.train_images[chosen].repeat(seen // 4, 1, 1, 1)
    images = simclr.augment(images, simclr.DEFAULT.augmentations, again) if with_views else images
    assert torch.equal(network.images, images.reshape(seen, 64))
    assert torch.equal(network.labels, few.train_labels[chosen].repeat(seen // 4))
    assert network.layers == (256, 128)  # as the encoder
    seed = torch.randint(2**31, (), generator=again).item()
    assert network.options == {"max_iter": epochs, "n_iter_no_change": epochs, "random_state": seed}
    assert torch.equal(network.tested[0], few.test_images.reshape(12, 64))
    assert torch.equal(network.tested[1], few.test_labels)


def test_accuracies_are_of_one_label_of_ten_and_of_all(few, monkeypatch):
    def label_efficiency(*features, labels, draws, generator):
        assert features == (1, few.train_labels, 2, few.test_labels)
        return labels, draws, generator.initial_seed()

    monkeypatch.setattr(simclr, "label_efficiency", label_efficiency)
    monkeypatch.setattr(simclr, "linear_accuracy", lambda *features: features)
    found = simclr.accuracies(few, 1, 2, 9)
    assert found == [(1, 10, 9), (10, 10, 9), (1, few.train_labels, 2, few.test_labels)]


@pytest.mark.parametrize(("head", "spaces"), [("none", ["h"]), ("linear", ["h", "z"])])
def test_both_spaces_are_evaluated_where_there_are_two(few, monkeypatch, head, spaces):
    monkeypatch.setattr(simclr, "accuracies", lambda *given: given)
    monkeypatch.setattr(simclr, "nearest_accuracy", lambda *given: ("nearest", *given))
    model = SimCLR(head, generator=torch.Generator().manual_seed(0))
    found = simclr._evaluated(model, few, 8)
    assert list(found) == [*spaces, "nearest"]
    assert list(found["nearest"]) == spaces
    with torch.no_grad():
        h = [model.encoder(few.train_images), model.encoder(few.test_images)]
        expected = {"h": h, "z": [model.head(each) for each in h]}
    for space in spaces:
        for given in (found[space], found["nearest"][space][1:]):
            assert (given[0], given[-1]) == (few, 8)
            assert all(torch.equal(a, b) for a, b in zip(given[1:3], expected[space], strict=True))
            assert not given[1].requires_grad


def test_a_run_tells_its_first_and_its_last_epoch(few, monkeypatch):
    monkeypatch.setattr(simclr, "_evaluated", lambda model, digits, seed: {"h": [seed]})
    settings = replace(simclr.DEFAULT, batch_size=20, epochs=3)
    found = simclr.run(settings, 2)
    training = simclr.start(replace(settings, seed=2))
    simclr.train(few.train_images, training)
    assert len(training.losses) == 9
    assert found == {"first": training.losses[:3], "last": math.fsum(training.losses[-3:]) / 3, "h": [2]}
    assert simclr.first_losses(settings, 2) == training.losses[:3]


PLACES = {"1 % of labels": 0, "10 % of labels": 1, "all labels": 2}


@pytest.fixture(scope="module")
def coded():
    """A record whose accuracies are different numbers, by run, space and number of labels; the seeds add nothing."""
    values = {}

    def value(*key):
        return values.setdefault(key, len(values) ** 1.5)

    def accuracies(name, space):
        return [value(name, space, place) for place in range(3)]

    runs = {
        name: [{**{s: accuracies(name, s) for s in "hz"}, "nearest": {s: value(name, "nearest", s) for s in "hz"}}] * 10
        for name in simclr.CONDITIONS
    }
    baselines = {name: accuracies(name, "") for name in ("pixels", "untrained", "supervised", "supervised on views")}
    return {"quantile": 3.0, "runs": runs, "baselines": [baselines] * 10}, values


def expected_of(says):
    """The two runs that a comparison names, in its words, and whether the paper has it."""
    usual, labels = "default", labels_in(says)
    first, _, second = says.partition(" over ")
    place, second = PLACES.get(labels), second.partition(f", {labels}")[0]
    if says.startswith("nonlinear"):
        return (usual, "h", place), (f"head {second}", "h", place), place == 2
    if says == "h over z, nearest of ten":
        return (usual, "nearest", "h"), (usual, "nearest", "z"), False
    if says.startswith("h over z"):
        name = usual if says.endswith("labels") else says.partition("labels, ")[2]
        return (name, "h", place), (name, "z", place), place == 2
    if says.startswith("τ"):
        space = "z" if says.endswith(", z") else "h"
        other = usual if second == "0.2" else f"temperature {second}"
        return ("temperature 0.1", space, place), (other, space, place), place == 2 and space == "h"
    if first.endswith("epochs"):
        return ("batch 250, 200 epochs", "h", place), ("batch 250, 25 epochs", "h", place), True
    if first.startswith("batch"):
        epochs = second.partition(", ")[2]
        return (f"batch 1000, {epochs}", "h", place), (f"batch 50, {epochs}", "h", place), place == 2
    if first == "all four":
        return (usual, "h", place), (f"only {second.removesuffix(' alone')}", "h", place), place == 2
    if first == "supervised":
        return ("supervised", "", 2), (usual, "h", 2), True
    return (usual, "h", place), (second, "", place), second != "pixels"


def test_each_finding_compares_what_it_says(coded):
    record, values = coded
    found = simclr.findings(record)
    assert len({values[key] for key in values}) == len(values)
    assert len({one.says for one in found}) == len(found) == 40
    for one in found:
        first, second, claimed = expected_of(one.says)
        assert one.difference.mean == pytest.approx(values[first] - values[second], rel=1e-9), one.says
        assert one.difference.margin == pytest.approx(0, abs=1e-9)
        assert one.claimed == claimed, one.says


def test_each_claim_has_its_findings_with_few_labels_and_with_all(coded):
    found = Counter((one.claim, labels_in(one.says)) for one in simclr.findings(coded[0]))
    few, some, every = PLACES
    assert found == {
        ("head-gain", few): 2, ("head-gain", some): 2, ("head-gain", every): 2,
        ("representation-before-head", few): 1, ("representation-before-head", some): 1,
        ("representation-before-head", every): 3, ("representation-before-head", ""): 1,
        ("temperature", every): 5, ("temperature", few): 1, ("longer-training", every): 1,
        ("batch-gap", every): 3, ("batch-gap", some): 3,
        ("no-single-augmentation", few): 4, ("no-single-augmentation", every): 4,
        ("few-labels-over-supervised", few): 3, ("few-labels-over-supervised", some): 3,
        ("supervised-gap", every): 1,
    }  # fmt: skip


def labels_in(says):
    """How many labels a comparison is about, in its words; nothing where one of each class is meant."""
    return next((share for share in PLACES if f" {share}" in says), "")


def test_the_digits_of_a_seed_are_its_own():
    first, again, other = (simclr.digits_of(seed) for seed in (1, 1, 2))
    assert torch.equal(first.train_images, again.train_images)
    assert not torch.equal(first.train_images, other.train_images)


# ---- the command ----


def test_a_record_is_written_beside_its_module(monkeypatch, tmp_path, capsys):
    from hw.experiments import __main__ as command

    monkeypatch.setattr(gan, "__file__", str(tmp_path / "gan.py"))
    monkeypatch.setattr(gan, "record", lambda: {"a": [1, 2.5], "b": None})
    assert command.main(["gan"]) == 0
    assert (tmp_path / "gan.json").read_text() == '{"a":[1,2.5],"b":null}\n'
    assert gan.recorded() == {"a": [1, 2.5], "b": None}
    for arguments in ([], ["gan", "flows"], ["other"], ["GAN"]):
        assert command.main(arguments) == 2
        assert capsys.readouterr().err == "usage: python -m hw.experiments {flows,gan,simclr}\n"
    assert command.EXPERIMENTS == {"flows": flows, "gan": gan, "simclr": simclr}
    assert [path.name for path in tmp_path.iterdir()] == ["gan.json"]
