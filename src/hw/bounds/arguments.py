"""Refusals of arguments that the modules of this package share; each raises a ValueError that names the argument."""

from collections.abc import Callable
from numbers import Integral

import torch
from torch import Tensor

__all__ = ["check_axis", "check_callable", "check_count", "check_floating", "check_generator"]


def check_axis(name: str, values: Tensor, dim: int) -> None:
    """Refuse what is no tensor of numbers, and a number that is none of its axes."""
    check_floating(f"{name} must be", values)
    if not isinstance(dim, Integral) or isinstance(dim, bool) or not -values.dim() <= dim < values.dim():
        raise ValueError(f"dim must be an axis of {name}, which has shape {tuple(values.shape)}, got {dim!r}")


def check_callable(name: str, value: Callable[..., object]) -> None:
    """Refuse what cannot be called."""
    if not callable(value):
        raise ValueError(f"{name} must be callable, got {type(value).__name__}")


def check_count(name: str, value: int) -> None:
    """Refuse what is no positive integer."""
    if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name} must be a positive integer, got {value!r}")


def check_floating(subject: str, values: object) -> None:
    """Refuse what is no tensor of numbers that torch calculates with; `subject` ends in a verb."""
    if not isinstance(values, Tensor):
        raise ValueError(f"{subject} a floating-point tensor, got {type(values).__name__}")
    usual = values.dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64)
    if not usual or values.layout != torch.strided:
        raise ValueError(
            f"{subject} a floating-point tensor, strided and of 16, 32 or 64 bits, "
            f"got dtype {values.dtype}, layout {values.layout}"
        )


def check_generator(generator: torch.Generator) -> None:
    """Refuse what is no generator, None among it, for which torch would take the global one."""
    if not isinstance(generator, torch.Generator):
        raise ValueError(f"generator must be a torch.Generator, got {type(generator).__name__}")
