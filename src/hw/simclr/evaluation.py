"""How good a representation is: a linear classifier on it, with all labels or with few.

References:
    Chen, Kornblith, Norouzi and Hinton (2020), *A Simple Framework for Contrastive Learning of Visual Representations*,
    sections 2.3 (linear evaluation) and 6 (few labels), <https://arxiv.org/abs/2002.05709>.
"""

import torch
from torch import Tensor

from hw.arguments import check_count, check_floating, check_generator

__all__ = ["choose_labeled", "label_efficiency", "linear_accuracy"]


def linear_accuracy(train_features: Tensor, train_labels: Tensor, test_features: Tensor, test_labels: Tensor) -> float:
    """Share of the test set on which a linear classifier of fixed features is right.

    The classifier is scikit-learn's multinomial logistic regression with its usual penalty. Features are first brought
    to mean 0 and deviation 1 over the training set.

    Args:
        train_features: Shape `(n, features)`.
        train_labels: Shape `(n,)`, with two classes at least.
        test_features: Shape `(m, features)`.
        test_labels: Shape `(m,)`.

    Returns:
        A number from 0 to 1.

    Raises:
        ValueError: If shapes do not fit together, a feature is not finite or a label no whole number.
        ModuleNotFoundError: If scikit-learn is not installed.

    Examples:
        >>> import torch
        >>> from hw.simclr import linear_accuracy
        >>> features = torch.tensor([[0.0], [1.0], [5.0], [6.0]])
        >>> linear_accuracy(features, torch.tensor([0, 0, 1, 1]), torch.tensor([[2.0], [4.0]]), torch.tensor([0, 1]))
        1.0
    """
    _check(train_features, train_labels, test_features, test_labels)
    return _accuracy(*_standardized(train_features, test_features), train_labels, test_labels)


def label_efficiency(
    train_features: Tensor,
    train_labels: Tensor,
    test_features: Tensor,
    test_labels: Tensor,
    *,
    labels: int,
    draws: int,
    generator: torch.Generator,
) -> float:
    """The same when of each class only some examples have a label, averaged over draws of these examples.

    Features are brought to mean 0 and deviation 1 over the whole training set, which needs no labels.

    Args:
        train_features: Shape `(n, features)`.
        train_labels: Shape `(n,)`, with two classes at least.
        test_features: Shape `(m, features)`.
        test_labels: Shape `(m,)`.
        labels: Number of labeled examples of each class.
        draws: Number of draws.
        generator: Source of the draws.

    Returns:
        A number from 0 to 1.

    Raises:
        ValueError: If shapes do not fit together, a feature is not finite, a label no whole number, a number not
            positive or a class has fewer examples.
        ModuleNotFoundError: If scikit-learn is not installed.
    """
    _check(train_features, train_labels, test_features, test_labels)
    check_count("labels", labels)
    check_count("draws", draws)
    check_generator(generator)
    least = int(train_labels.unique(return_counts=True)[1].min())
    if labels > least:
        raise ValueError(f"labels must be at most {least}, the examples of the smallest class, got {labels}")
    train, test = _standardized(train_features, test_features)
    total = 0.0
    for _ in range(draws):
        chosen = choose_labeled(train_labels, labels, generator)
        total += _accuracy(train[chosen], test, train_labels[chosen], test_labels)
    return total / draws


def choose_labeled(labels: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Places of so many examples of each class, drawn at random."""
    places = [torch.nonzero(labels == label)[:, 0] for label in labels.unique()]
    return torch.cat([own[torch.randperm(len(own), generator=generator)[:count]] for own in places])


def _standardized(train: Tensor, test: Tensor) -> tuple[Tensor, Tensor]:
    train, test = train.detach().double(), test.detach().double()
    deviation, mean = torch.std_mean(train, 0, correction=0)
    deviation = deviation.masked_fill(deviation == 0, 1)  # a feature that never moves says nothing
    return (train - mean) / deviation, (test - mean) / deviation


def _accuracy(train: Tensor, test: Tensor, train_labels: Tensor, test_labels: Tensor) -> float:
    from sklearn.linear_model import LogisticRegression

    classifier = LogisticRegression(max_iter=10_000).fit(train.numpy(), train_labels.numpy())
    return float(classifier.score(test.numpy(), test_labels.numpy()))


def _check(train_features: Tensor, train_labels: Tensor, test_features: Tensor, test_labels: Tensor) -> None:
    for name, features, labels in (
        ("train", train_features, train_labels),
        ("test", test_features, test_labels),
    ):
        check_floating(f"{name}_features must be", features)
        if labels.is_floating_point() or labels.is_complex() or labels.layout != torch.strided:
            raise ValueError(f"{name}_labels must be whole numbers, got {labels.dtype}, layout {labels.layout}")
        if features.ndim != 2 or labels.shape != features.shape[:1] or not len(labels):
            raise ValueError(
                f"{name}_features must be a matrix with a row for each of {name}_labels, "
                f"got {tuple(features.shape)} and {tuple(labels.shape)}"
            )
        if not features.isfinite().all():
            raise ValueError(f"{name}_features must be finite")
    if train_features.shape[1] != test_features.shape[1]:
        raise ValueError(
            f"test_features must have {train_features.shape[1]} columns as train_features, got {test_features.shape[1]}"
        )
    if len(train_labels.unique()) < 2:
        raise ValueError("train_labels must name two classes at least, got one")
