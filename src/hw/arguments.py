"""Refusals of arguments that several modules share; each raises a ValueError that names the argument."""

import sys
from collections.abc import Callable, Sequence
from numbers import Integral, Real

import torch
from torch import Tensor

__all__ = [
    "check_alike",
    "check_axis",
    "check_callable",
    "check_count",
    "check_counts",
    "check_event",
    "check_finite",
    "check_floating",
    "check_generator",
    "check_law",
    "check_positive",
]


def check_alike(**tensors: Tensor) -> None:
    """Refuse tensors that differ from the first in shape, type or device; nothing is broadcast or moved.

    Examples:
        >>> import torch
        >>> from hw.arguments import check_alike
        >>> try:
        ...     check_alike(p=torch.zeros(3), q=torch.zeros(2))
        ... except ValueError as error:
        ...     print(error)
        q must have the shape of p, (3,), got (2,)
    """
    if not tensors:
        raise ValueError("tensors must be one or more, got none")
    (first_name, first), *others = tensors.items()
    for name, tensor in others:
        if tensor.shape != first.shape:
            raise ValueError(
                f"{name} must have the shape of {first_name}, {tuple(first.shape)}, got {tuple(tensor.shape)}"
            )
        if tensor.dtype != first.dtype:
            raise ValueError(f"{name} must have the type of {first_name}, {first.dtype}, got {tensor.dtype}")
        if tensor.device != first.device:
            raise ValueError(f"{name} must be on the device of {first_name}, {first.device}, got {tensor.device}")


def check_axis(name: str, values: Tensor, dim: int) -> None:
    """Refuse what is no tensor of numbers, and a number that is none of its axes.

    Examples:
        >>> import torch
        >>> from hw.arguments import check_axis
        >>> try:
        ...     check_axis("log_w", torch.zeros(3), 1)
        ... except ValueError as error:
        ...     print(error)
        dim must be an axis of log_w, which has shape (3,), got 1
    """
    check_floating(f"{name} must be", values)
    if not isinstance(dim, Integral) or isinstance(dim, bool) or not -values.dim() <= dim < values.dim():
        raise ValueError(f"dim must be an axis of {name}, which has shape {tuple(values.shape)}, got {dim!r}")


def check_callable(name: str, value: Callable[..., object]) -> None:
    """Refuse what cannot be called.

    Examples:
        >>> from hw.arguments import check_callable
        >>> try:
        ...     check_callable("log_density", 0)
        ... except ValueError as error:
        ...     print(error)
        log_density must be callable, got int
    """
    if not callable(value):
        raise ValueError(f"{name} must be callable, got {type(value).__name__}")


def check_count(name: str, value: int) -> None:
    """Refuse what is no positive integer.

    Examples:
        >>> from hw.arguments import check_count
        >>> try:
        ...     check_count("k", 0)
        ... except ValueError as error:
        ...     print(error)
        k must be a positive integer, got 0
    """
    if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name} must be a positive integer, got {value!r}")


def check_counts(name: str, values: Sequence[int]) -> None:
    """Refuse what is no sequence of positive integers; it may be empty.

    Examples:
        >>> from hw.arguments import check_counts
        >>> try:
        ...     check_counts("hidden_features", 64)
        ... except ValueError as error:
        ...     print(error)
        hidden_features must be a sequence of positive integers, got 64
    """
    if not isinstance(values, Sequence):
        raise ValueError(f"{name} must be a sequence of positive integers, got {values!r}")
    for value in values:
        check_count(f"each of {name}", value)


def check_event(name: str, values: Tensor, features: int, dtype: torch.dtype | None) -> None:
    """Refuse what is no batch of vectors of that many features and that type, or any type for None.

    Examples:
        >>> import torch
        >>> from hw.arguments import check_event
        >>> try:
        ...     check_event("u", torch.zeros(5, 3), 2, torch.float32)
        ... except ValueError as error:
        ...     print(error)
        u must have shape (..., 2), got shape (5, 3)
    """
    if not isinstance(values, Tensor):
        raise ValueError(f"{name} must be a tensor of shape (..., {features}), got {type(values).__name__}")
    _check_strided(name, values)
    if values.dim() == 0 or values.shape[-1] != features:
        raise ValueError(f"{name} must have shape (..., {features}), got shape {tuple(values.shape)}")
    if dtype is not None and values.dtype != dtype:
        raise ValueError(f"{name} must have the type of the parameters, {dtype}, got {values.dtype}")


def check_finite(name: str, values: Tensor, reason: str) -> None:
    """Refuse infinite entries and NaN; the reason follows "so that".

    Examples:
        >>> import torch
        >>> from hw.arguments import check_finite
        >>> try:
        ...     check_finite("shift", torch.tensor([0.0, torch.inf]), "the map can be inverted")
        ... except ValueError as error:
        ...     print(error)
        shift must be finite so that the map can be inverted, got inf at 1 of 2 entries
    """
    _check_strided(name, values)
    wrong = ~values.isfinite()
    if wrong.any():
        first = values[wrong][0].item()
        raise ValueError(
            f"{name} must be finite so that {reason}, got {first} at {int(wrong.sum())} of {values.numel()} entries"
        )


def check_floating(subject: str, values: object) -> None:
    """Refuse what is no tensor of numbers that torch calculates with; `subject` ends in a verb.

    Examples:
        >>> from hw.arguments import check_floating
        >>> try:
        ...     check_floating("z must be", [1.0])
        ... except ValueError as error:
        ...     print(error)
        z must be a floating-point tensor, got list
    """
    if not isinstance(values, Tensor):
        raise ValueError(f"{subject} a floating-point tensor, got {type(values).__name__}")
    usual = values.dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64)
    if not usual or values.layout != torch.strided or values.is_nested:
        raise ValueError(
            f"{subject} a floating-point tensor, strided and of 16, 32 or 64 bits, "
            f"got dtype {values.dtype}, layout {values.layout}"
        )


def check_generator(generator: torch.Generator) -> None:
    """Refuse what is no generator, None among it, for which torch would take the global one.

    Examples:
        >>> from hw.arguments import check_generator
        >>> try:
        ...     check_generator(None)
        ... except ValueError as error:
        ...     print(error)
        generator must be a torch.Generator, got NoneType
    """
    if not isinstance(generator, torch.Generator):
        raise ValueError(f"generator must be a torch.Generator, got {type(generator).__name__}")


def check_law(name: str, law: Tensor) -> None:
    """Refuse what is no law along the last axis: masses up to 1e-5, or eight machine epsilons, around a sum of one.

    Examples:
        >>> import torch
        >>> from hw.arguments import check_law
        >>> try:
        ...     check_law("p", torch.tensor([0.5, 0.25]))
        ... except ValueError as error:
        ...     print(error)
        p must sum to one along its last axis, got a sum of 0.75
    """
    check_floating(f"{name} must be", law)
    if law.dim() == 0:
        raise ValueError(f"{name} must have a last axis, along which the law lies, got shape ()")
    tolerance = max(1e-5, 8 * torch.finfo(law.dtype).eps)
    law = law.detach().float() if law.dtype.itemsize < 4 else law.detach()  # a sum in half precision is another one
    if not (law >= 0).all():
        raise ValueError(f"{name} must be nonnegative, got {law.min().item()}")
    sums = law.sum(-1).flatten()
    off = (sums - 1).abs()
    if (off > tolerance).any():
        raise ValueError(f"{name} must sum to one along its last axis, got a sum of {sums[off.argmax()].item()}")


def check_positive(name: str, value: float) -> None:
    """Refuse what is no positive finite number.

    Examples:
        >>> from hw.arguments import check_positive
        >>> try:
        ...     check_positive("learning_rate", -0.1)
        ... except ValueError as error:
        ...     print(error)
        learning_rate must be a positive number, got -0.1
    """
    if not isinstance(value, Real) or isinstance(value, bool) or not 0 < value <= sys.float_info.max:
        raise ValueError(f"{name} must be a positive number, got {value!r}")


def _check_strided(name: str, values: Tensor) -> None:
    if values.layout != torch.strided or values.is_nested:
        raise ValueError(f"{name} must be strided, got layout {values.layout}")
