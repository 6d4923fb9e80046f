"""Refusals of what is no batch of logits, probabilities above all."""

import torch
from torch import Tensor

from hw.arguments import check_floating

__all__ = ["checked_logits", "in_single"]

# What of autograd's steps rearranges, copies, clamps or averages values: of probabilities it makes probabilities.
KEEPING = (
    *("Alias", "Cat", "Clamp", "Clone", "Expand", "Flip", "Gather", "Index", "Masked", "Mean", "NanToNum", "Permute"),
    *(
        "Repeat",
        "Reshape",
        "Select",
        "Slice",
        "Split",
        "Squeeze",
        "Stack",
        "TBackward",
        "ToCopy",
        "Transpose",
        "Unbind",
    ),
    *("UnsafeView", "Unsqueeze", "View"),
)


def in_single(values: Tensor) -> Tensor:
    """The values, those of half precision in float32."""
    return values.float() if values.dtype.itemsize < 4 else values


def checked_logits(trusted: bool, **batches: Tensor) -> list[Tensor]:
    """Batches of logits with their names, at least in float32.

    Logits that all lie in [0, 1] are nearly always probabilities. They are refused unless the caller trusts them, they
    are all 0, there is a single one, or autograd knows them as the outputs of something other than a sigmoid, as in the
    first steps of training.

    Raises:
        ValueError: If a batch is empty or no tensor of numbers, the batches differ in type, or in shape after the first
            axis, or they look like probabilities.

    Examples:
        >>> import torch
        >>> from hw.gan.logits import checked_logits
        >>> try:
        ...     checked_logits(False, fake_logits=torch.tensor([0.25, 0.75]))
        ... except ValueError as error:
        ...     print(str(error).partition(": ")[0])
        fake_logits must be logits, got values all between 0 and 1
    """
    (first_name, first), *_ = batches.items()
    for name, values in batches.items():
        check_floating(f"{name} must be", values)
        if values.numel() == 0:
            raise ValueError(f"{name} must have at least one entry, got shape {tuple(values.shape)}")
        if values.dtype != first.dtype:
            raise ValueError(f"{name} must have the type of {first_name}, {first.dtype}, got {values.dtype}")
        if values.shape[1:] != first.shape[1:] or values.dim() != first.dim():
            raise ValueError(
                f"{name} must have the shape of {first_name} after the first axis, {tuple(first.shape)}, "
                f"got {tuple(values.shape)}"
            )
    if not trusted and _look_like_probabilities(list(batches.values())):
        raise ValueError(
            f"{' and '.join(batches)} must be logits, got values all between 0 and 1: if they are probabilities, pass "
            "torch.logit of them or what went into the sigmoid; if they are logits, pass trusted=True"
        )
    return [in_single(values) for values in batches.values()]


def _look_like_probabilities(batches: list[Tensor]) -> bool:
    if any(_comes_from_elsewhere(values) for values in batches):
        return False
    flat = torch.cat([values.detach().flatten() for values in batches])
    return len(flat) > 1 and bool(((flat >= 0) & (flat <= 1)).all()) and bool((flat != 0).any())


def _comes_from_elsewhere(values: Tensor) -> bool:
    """Whether autograd recorded what made the values, and it was no sigmoid, no softmax and no leaf."""
    node = values.grad_fn
    while node is not None and node.name().startswith(KEEPING):
        node = node.next_functions[0][0]
    made = "Hardsigmoid", "Sigmoid", "Softmax", "torch::autograd::AccumulateGrad"
    return node is not None and not node.name().startswith(made)
