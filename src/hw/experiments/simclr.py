"""What SimCLR's paper claims, tried on handwritten digits: runs that differ in one setting or two, for question 5.

Each run is made with `SEEDS` seeds, which also divide the digits anew; runs that are compared share seeds, and so
digits and, but for the supervised networks, labels. Their differences, one for each seed, have an interval of
Student's t distribution. One seed serves the division, the weights and the draws of labels, each by a generator of its
own.

References:
    Chen, Kornblith, Norouzi and Hinton (2020), *A Simple Framework for Contrastive Learning of Visual Representations*,
    <https://arxiv.org/abs/2002.05709>.
"""

import json
import math
import multiprocessing
import os
import warnings
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from hw.simclr import (
    AUGMENTATIONS,
    Digits,
    Settings,
    SimCLR,
    augment,
    label_efficiency,
    linear_accuracy,
    load_digits,
    start,
    train,
)
from hw.simclr.evaluation import choose_labeled

__all__ = [
    "BATCHES",
    "CONDITIONS",
    "DEFAULT",
    "EPOCHS",
    "LABELS",
    "LEVEL",
    "SEEDS",
    "SHARES",
    "TEMPERATURES",
    "Difference",
    "Finding",
    "accuracies",
    "baselines",
    "compare",
    "digits_of",
    "findings",
    "first_losses",
    "interval",
    "nearest_accuracy",
    "record",
    "recorded",
    "run",
]

SEEDS = 10
LEVEL = 0.99  # of the intervals
LABELS = (1, 10)  # labeled examples of each class, beside all of the training set
SHARES = ("1 % of labels", "10 % of labels", "all labels")
DRAWS = 10  # of those examples
DEFAULT = Settings(temperature=0.2)
TEMPERATURES = (0.05, 0.1, 0.2, 0.5, 1.0)
BATCHES, EPOCHS = (50, 250, 1000), (25, 100, 200)
SUPERVISED_VIEWS = 10_000  # examples that a supervised network sees an epoch, views of its few labeled ones
SUPERVISED_DRAWS = 2


def _conditions() -> dict[str, Settings]:
    """The settings of every run, by name."""
    usual = DEFAULT.augmentations
    found = {"default": DEFAULT}
    found |= {f"head {head}": replace(DEFAULT, head=head) for head in ("none", "linear")}
    found |= {f"temperature {tau:g}": replace(DEFAULT, temperature=tau) for tau in TEMPERATURES}
    found |= {
        f"batch {batch}, {epochs} epochs": replace(DEFAULT, batch_size=batch, epochs=epochs)
        for batch in BATCHES
        for epochs in EPOCHS
    }
    found |= {f"only {name}": replace(DEFAULT, augmentations=(name,)) for name in AUGMENTATIONS}
    for name in AUGMENTATIONS:
        rest = tuple(other for other in usual if other != name)
        found[f"without {name}" if name in usual else f"with {name}"] = replace(
            DEFAULT, augmentations=rest if name in usual else (*usual, name)
        )
    return {name: settings for name, settings in found.items() if name == "default" or settings != DEFAULT}


CONDITIONS = _conditions()


class Difference(NamedTuple):
    """The mean difference of two runs over the seeds.

    Attributes:
        mean: Mean of the differences, one for each seed.
        margin: Half the width of its interval.
    """

    mean: float
    margin: float

    @property
    def verdict(self) -> str:
        """Whether the first is better: `yes` or `no` where the interval tells, else `undecided`."""
        if abs(self.mean) <= self.margin:
            return "undecided"
        return "yes" if self.mean > 0 else "no"


class Finding(NamedTuple):
    """A comparison of runs.

    Attributes:
        claim: Id of the statement that it belongs to, in the ledger of claims.
        says: What is compared.
        claimed: Whether the paper makes this comparison, with as many labels; what else was compared is told beside.
        difference: Of accuracies, positive if the first is better.
    """

    claim: str
    says: str
    claimed: bool
    difference: Difference


def digits_of(seed: int) -> Digits:
    """The digits as the runs of a seed divide them."""
    return load_digits(torch.Generator().manual_seed(seed))


def first_losses(settings: Settings, seed: int) -> list[float]:
    """The losses of a run's first epoch, in nats, each of a batch."""
    digits = digits_of(seed)
    return train(digits.train_images, start(replace(settings, seed=seed)), epochs=1).losses


def accuracies(digits: Digits, train_features: Tensor, test_features: Tensor, seed: int) -> list[float]:
    """Accuracies of a linear classifier with each number of labels in `LABELS`, and with all of them."""
    features = (train_features, digits.train_labels, test_features, digits.test_labels)
    few = [
        label_efficiency(*features, labels=labels, draws=DRAWS, generator=torch.Generator().manual_seed(seed))
        for labels in LABELS
    ]
    return [*few, linear_accuracy(*features)]


def run(settings: Settings, seed: int) -> dict[str, Any]:
    """Train with a seed, and evaluate the representation and what the head makes of it."""
    digits = digits_of(seed)
    training = start(replace(settings, seed=seed))
    train(digits.train_images, training, epochs=1)
    steps = len(training.losses)
    train(digits.train_images, training)
    return {
        "first": training.losses[:steps],
        "last": math.fsum(training.losses[-steps:]) / steps,
        **_evaluated(training.model, digits, seed),
    }


def nearest_accuracy(digits: Digits, train_features: Tensor, test_features: Tensor, seed: int) -> float:
    """Accuracy of the label of the nearest example by cosine, one labeled in each class: no classifier is trained."""
    generator, right = torch.Generator().manual_seed(seed), 0.0
    train_units, test_units = F.normalize(train_features), F.normalize(test_features)
    for _ in range(DRAWS):
        chosen = choose_labeled(digits.train_labels, 1, generator)
        nearest = (test_units @ train_units[chosen].T).argmax(1)
        right += (digits.train_labels[chosen][nearest] == digits.test_labels).double().mean().item()
    return right / DRAWS


def _evaluated(model: SimCLR, digits: Digits, seed: int) -> dict[str, Any]:
    with torch.no_grad():
        h = [model.encoder(images) for images in (digits.train_images, digits.test_images)]
        z = [model.head(features) for features in h]
    spaces = {"h": h} if len(model.head) == 0 else {"h": h, "z": z}
    return {
        **{name: accuracies(digits, *features, seed) for name, features in spaces.items()},
        "nearest": {name: nearest_accuracy(digits, *features, seed) for name, features in spaces.items()},
    }


def baselines(seed: int) -> dict[str, list[float]]:
    """Accuracies without SimCLR: of pixels, of an encoder as it starts, and of the same network trained on labels."""
    digits = digits_of(seed)
    pixels = [images.flatten(1) for images in (digits.train_images, digits.test_images)]
    untrained = _evaluated(start(replace(DEFAULT, seed=seed)).model, digits, seed)
    return {
        "pixels": accuracies(digits, *pixels, seed),
        "untrained": untrained["h"],
        "supervised": _supervised(digits, seed, with_views=False),
        "supervised on views": _supervised(digits, seed, with_views=True),
    }


def _supervised(digits: Digits, seed: int, *, with_views: bool) -> list[float]:
    """The encoder's layers and a classifier, trained from nothing on labeled digits or on views of them."""
    generator = torch.Generator().manual_seed(seed)
    found = []
    for labels, draws in [*((labels, SUPERVISED_DRAWS) for labels in LABELS), (None, 1)]:
        right = 0.0
        for _ in range(draws):
            places = torch.arange(len(digits.train_labels))
            chosen = places if labels is None else choose_labeled(digits.train_labels, labels, generator)
            right += _classifier_accuracy(digits, chosen, generator, with_views=with_views)
        found.append(right / draws)
    return found


def _classifier_accuracy(digits: Digits, chosen: Tensor, generator: torch.Generator, *, with_views: bool) -> float:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    if with_views:
        chosen = chosen.repeat(SUPERVISED_VIEWS // len(chosen))
    images = digits.train_images[chosen]
    images = augment(images, DEFAULT.augmentations, generator) if with_views else images
    seed = int(torch.randint(2**31, (), generator=generator))
    epochs = 40 if with_views else 200
    network = MLPClassifier((256, 128), max_iter=epochs, n_iter_no_change=epochs, random_state=seed)
    with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):  # all epochs are done, none too few
        network.fit(images.flatten(1).numpy(), digits.train_labels[chosen].numpy())
    return float(network.score(digits.test_images.flatten(1).numpy(), digits.test_labels.numpy()))


def interval(values: Sequence[float], quantile: float) -> Difference:
    """Mean of values, one for each seed, and the margin of its interval by a quantile of Student's t distribution."""
    mean = math.fsum(values) / len(values)
    square = math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)
    return Difference(mean, quantile * math.sqrt(square / len(values)))


def compare(first: Sequence[float], second: Sequence[float], quantile: float) -> Difference:
    """How much better the first runs are than the second, seed by seed."""
    return interval([a - b for a, b in zip(first, second, strict=True)], quantile)


def findings(kept: dict[str, Any]) -> list[Finding]:
    """Comparisons of the runs of a record, each positive if what the paper says, or would lead to expect, holds here.

    Args:
        kept: A record.
    """
    runs, quantile = kept["runs"], kept["quantile"]
    supervised = ("supervised", "supervised on views")

    def of(name: str, place: int = -1, space: str = "h") -> list[float]:
        return [run[space][place] for run in runs[name]]

    def baseline(name: str, place: int) -> list[float]:
        return [run[name][place] for run in kept["baselines"]]

    def nearest(space: str) -> list[float]:
        return [run["nearest"][space] for run in runs["default"]]

    def lead(epochs: int, place: int) -> list[float]:
        most, least = (of(_batch(batch, epochs), place) for batch in (max(BATCHES), min(BATCHES)))
        return [a - b for a, b in zip(most, least, strict=True)]

    nothing, shares = [0.0] * SEEDS, dict(enumerate(SHARES))
    pairs: list[tuple[str, str, bool, list[float], list[float]]] = []

    def add(claim: str, says: str, claimed: bool, first: list[float], second: list[float]) -> None:
        pairs.append((claim, says, claimed, first, second))

    for head in ("none", "linear"):
        for place, share in shares.items():
            says, claimed = f"nonlinear head over {head}, {share}", share == "all labels"
            add("head-gain", says, claimed, of("default", place), of(f"head {head}", place))
    for place, share in shares.items():
        first, second = of("default", place), of("default", place, "z")
        add("representation-before-head", f"h over z, {share}", share == "all labels", first, second)
    for batch in (250, 50):
        name = _batch(batch, max(EPOCHS))
        says = f"h over z, all labels, batch {batch}, {max(EPOCHS)} epochs"
        add("representation-before-head", says, True, of(name), of(name, space="z"))
    add("representation-before-head", "h over z, nearest of ten", False, nearest("h"), nearest("z"))
    for tau in (0.05, 0.2, 0.5, 1.0):
        first, second = of(_temperature(0.1)), of(_temperature(tau))
        add("temperature", f"τ = 0.1 over {tau:g}, all labels", True, first, second)
    add("temperature", "τ = 0.1 over 0.5, 1 % of labels", False, of(_temperature(0.1), 0), of(_temperature(0.5), 0))
    first, second = (of(_temperature(tau), space="z") for tau in (0.1, 1.0))
    add("temperature", "τ = 0.1 over 1, all labels, z", False, first, second)
    first, second = of(_batch(250, max(EPOCHS))), of(_batch(250, min(EPOCHS)))
    add("longer-training", f"{max(EPOCHS)} epochs over {min(EPOCHS)}, all labels", True, first, second)
    for place, share in ((-1, "all labels"), (1, "10 % of labels")):
        for epochs in EPOCHS:
            says = f"batch {max(BATCHES)} over {min(BATCHES)}, {epochs} epochs, {share}"
            add("batch-gap", says, share == "all labels", lead(epochs, place), nothing)
    for place, share in ((0, "1 % of labels"), (-1, "all labels")):
        for name in DEFAULT.augmentations:
            says, claimed = f"all four over {name} alone, {share}", share == "all labels"
            add("no-single-augmentation", says, claimed, of("default", place), of(f"only {name}", place))
    for name in ("pixels", *supervised):
        for place in (0, 1):
            says, claimed = f"h over {name}, {shares[place]}", name in supervised
            add("few-labels-over-supervised", says, claimed, of("default", place), baseline(name, place))
    add("supervised-gap", "supervised over h, all labels", True, baseline("supervised", -1), of("default"))
    return [Finding(claim, says, claimed, compare(*both, quantile)) for claim, says, claimed, *both in pairs]


def _temperature(tau: float) -> str:
    return _name(replace(DEFAULT, temperature=tau))


def _batch(size: int, epochs: int) -> str:
    return _name(replace(DEFAULT, batch_size=size, epochs=epochs))


def _name(settings: Settings) -> str:
    return next(name for name, other in CONDITIONS.items() if other == settings)


def _task(task: tuple[str, int]) -> dict[str, Any]:
    name, seed = task
    return run(CONDITIONS[name], seed) if name in CONDITIONS else baselines(seed)


def record() -> dict[str, Any]:
    """All runs, as numbers, in as many processes as there are cores."""
    from scipy.stats import t

    os.environ["OMP_NUM_THREADS"] = "1"  # read by the processes that start now
    names = [*CONDITIONS, "baselines"]
    tasks = [(name, seed) for name in names for seed in range(SEEDS)]
    with ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn")) as pool:
        done = list(tqdm(pool.map(_task, tasks), total=len(tasks), disable=None))
    runs = {name: done[place : place + SEEDS] for place, name in zip(range(0, len(done), SEEDS), names, strict=True)}
    return {"quantile": float(t.ppf((1 + LEVEL) / 2, SEEDS - 1)), "baselines": runs.pop("baselines"), "runs": runs}


def recorded() -> dict[str, Any]:
    """The record, as `python -m hw.experiments simclr` wrote it."""
    return json.loads(Path(__file__).with_suffix(".json").read_text())
