"""The handwritten digits that come with scikit-learn, divided into those to train on and those to test on.

References:
    Alpaydin and Kaynak (1998), *Optical Recognition of Handwritten Digits*, UCI Machine Learning Repository,
    <https://doi.org/10.24432/C50P49>.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from hw.arguments import check_generator

__all__ = ["TRAINING", "Digits", "load_digits"]

TRAINING = 1000


class Digits(NamedTuple):
    """Pictures of handwritten digits, with what they show.

    Attributes:
        train_images: Shape `(1000, 1, 8, 8)`, from 0 (paper) to 1 (ink).
        train_labels: Shape `(1000,)`, from 0 to 9.
        test_images: Shape `(797, 1, 8, 8)`.
        test_labels: Shape `(797,)`.
    """

    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor


def load_digits(generator: torch.Generator) -> Digits:
    """The 1,797 digits, divided at random, each class in its share.

    Args:
        generator: Source of the division.

    Raises:
        ValueError: If `generator` is none.
        ModuleNotFoundError: If scikit-learn is not installed.

    Examples:
        >>> import torch
        >>> from hw.simclr import load_digits
        >>> digits = load_digits(torch.Generator().manual_seed(0))
        >>> len(digits.train_images), digits.test_images.shape
        (1000, torch.Size([797, 1, 8, 8]))
    """
    check_generator(generator)
    from sklearn import datasets
    from sklearn.model_selection import train_test_split

    found = datasets.load_digits()
    seed = int(torch.randint(2**31, (), generator=generator))
    train, test = train_test_split(
        range(len(found.target)), train_size=TRAINING, stratify=found.target, random_state=seed
    )
    images = torch.tensor(found.images, dtype=torch.float32)[:, None] / 16
    labels = torch.tensor(found.target)
    return Digits(images[train], labels[train], images[test], labels[test])
