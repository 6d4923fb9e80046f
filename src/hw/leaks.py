r"""Which inputs can move an output of any module on images, and where an autoregressive model sees its own future.

The module is not read but run on random images: a deep copy of it, in float64, on the CPU, in the training mode it is
in, each call from the buffers it has now. Neither the module with its buffers and gradients nor torch's global random
state change.

Two methods. `"jacobian"` counts an input when a gradient is nonzero, one backward pass an output. `"perturbation"`
draws each input anew and counts it when the output differs, one forward pass an input: for modules whose gradient says
nothing, such as rounding, lookups or `detach`. A single such path in a module that has others is invisible to
`"jacobian"`.

An input that moves an output of a random image with probability $\rho$ is missed with probability
$(1 - \rho)^{\text{trials}}$. For an analytic network (convolution, tanh, sigmoid, softmax, normalization) $\rho$ is 1
up to underflow, and one trial is enough; behind a ReLU that is mostly dead $\rho$ is small. What is found is
dependence under the present weights: paths that cancel exactly are not seen, and rounding errors are, so a convolution
by FFT appears to read everything.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from itertools import product
from numbers import Integral
from typing import NamedTuple

import torch
from torch import Tensor, nn

__all__ = ["Leak", "first_leak", "probe"]

Place = tuple[int, int, int]


class Leak(NamedTuple):
    """An output and the input that moves it though it must not, each `(channel, row, column)`, counted from 0."""

    output: Place
    input: Place


def probe(
    module: nn.Module,
    shape: Sequence[int],
    pixel: Sequence[int],
    *,
    method: str = "jacobian",
    trials: int = 8,
    generator: torch.Generator | None = None,
) -> Tensor:
    r"""Inputs that move one output of a module.

    With several output channels the gradient is that of $\sum_c w_c\, y_c$ with fresh normal weights $w_c$: channels
    that cancel in a plain sum, as those of a softmax do, cancel here with probability zero.

    Args:
        module: Maps `(1, channels, height, width)` to `(1, c, height, width)`.
        shape: `(channels, height, width)` of one input image.
        pixel: The output: `(row, column)` for any channel there, or `(channel, row, column)`; counted from 0.
        method: `"jacobian"` or `"perturbation"`.
        trials: Number of standard normal images.
        generator: Draws the images; by default a new one with seed 0.

    Returns:
        Tensor of booleans, shape `(channels, height, width)`, on the CPU: true where the input moves the output. The
        chance that one is missed is $(1 - \rho)^{\text{trials}}$, see the module's text.

    Raises:
        ValueError: If an argument is out of its range; if the output has another shape or is NaN; if the module is
            random (dropout in training mode); if `method` is `"jacobian"` and the gradient is missing, not finite, or
            zero at every input while the output changes from trial to trial.

    Examples:
        The causal 3 × 3 window of a masked convolution:

        >>> from hw.leaks import probe
        >>> from hw.masked_conv import MaskedConv2d
        >>> probe(MaskedConv2d("B", 1, 1, 3), (1, 3, 3), (1, 1)).int().tolist()
        [[[1, 1, 1], [1, 1, 0], [0, 0, 0]]]
    """
    pixel = tuple(pixel)
    if len(pixel) not in (2, 3):
        raise ValueError(f"pixel must be (row, column) or (channel, row, column), got {pixel!r}")
    where = pixel if len(pixel) == 3 else (slice(None), *pixel)
    seen, outputs = [], []
    with _runs(module, shape, method, trials, generator) as runs:
        for run in runs:
            _check_pixel(pixel, run.output)
            outputs.append(run.output[where].detach())
            if method == "jacobian":
                seen.append(_gradient_is_nonzero(run, run.output[where]))
            else:
                seen.append(_redrawing_changes(run, where))
    moved = torch.stack(seen).any(0)
    if method == "jacobian":
        _refuse_flat(outputs, moved.any())
    return moved


def first_leak(
    module: nn.Module,
    shape: Sequence[int],
    *,
    method: str = "jacobian",
    trials: int = 8,
    generator: torch.Generator | None = None,
) -> Leak | None:
    r"""First pair of an output and an input by which an autoregressive model sees its own future, or None.

    Pixels come in raster order, the colors of a pixel in the order of the image's channels. The output channels fall
    into as many equal blocks as the image has channels, one block a color, first color first. An output may depend on
    strictly earlier (pixel, color) pairs only. *First* goes by the output's (row, column, channel), then by the
    input's.

    The cost is up to `trials × channels × height × width` passes. A convolutional module may be tried on an image
    smaller than its data: one as wide and as high as its receptive field has every path.

    Args:
        module: Maps `(1, channels, height, width)` to `(1, m * channels, height, width)`.
        shape: `(channels, height, width)` of one input image.
        method: `"jacobian"` or `"perturbation"`.
        trials: Number of standard normal images; 1 is enough for an analytic network.
        generator: Draws the images; by default a new one with seed 0.

    Returns:
        The first leak seen in any trial, or None when no trial shows one. A leak is missed with probability
        $(1 - \rho)^{\text{trials}}$, see the module's text.

    Raises:
        ValueError: As for `probe`, or if the number of output channels is not a multiple of the image's.

    Examples:
        Kind A goes first, kind B after it. A model that starts with kind B sees the pixel that it predicts:

        >>> from torch import nn
        >>> from hw.leaks import first_leak
        >>> from hw.masked_conv import MaskedConv2d
        >>> print(first_leak(nn.Sequential(MaskedConv2d("A", 1, 4, 3), MaskedConv2d("B", 4, 2, 3)), (1, 5, 5)))
        None
        >>> print(first_leak(nn.Sequential(MaskedConv2d("B", 1, 4, 3), MaskedConv2d("B", 4, 2, 3)), (1, 5, 5)))
        Leak(output=(0, 0, 0), input=(0, 0, 0))
    """
    found, seen, outputs = [], [], []
    with _runs(module, shape, method, trials, generator) as runs:
        for run in runs:
            if run.output.shape[0] % run.image.shape[1]:
                raise ValueError(
                    f"module must have a multiple of {run.image.shape[1]} output channels so that each color of the "
                    f"image has its block, got {run.output.shape[0]}"
                )
            outputs.append(run.output.detach())
            if method == "jacobian":
                leak, moved = _first_leak_by_gradient(run)
                found += [leak] if leak else []
                seen.append(moved)
            else:
                found += _leaks_by_redrawing(run)
    if method == "jacobian" and not found:
        _refuse_flat(outputs, torch.stack(seen).any(0))
    return min(found, key=lambda leak: [(row, column, channel) for channel, row, column in leak], default=None)


class _Run(NamedTuple):
    """One trial: a random image, shape `(1, channels, h, w)`, and what the module makes of it, `(c, h, w)`."""

    call: Callable[[Tensor], Tensor]
    image: Tensor
    output: Tensor
    generator: torch.Generator


@contextmanager
def _runs(
    module: nn.Module, shape: Sequence[int], method: str, trials: int, generator: torch.Generator | None
) -> Iterator[Iterator[_Run]]:
    shape = tuple(shape)
    if not isinstance(module, nn.Module):
        raise ValueError(f"module must be a torch.nn.Module, got {module!r}")
    if len(shape) != 3 or not all(_is_integer(size) and size > 0 for size in shape):
        raise ValueError(f"shape must be (channels, height, width), three positive integers, got {shape!r}")
    if method not in ("jacobian", "perturbation"):
        raise ValueError(f"method must be 'jacobian' or 'perturbation', got {method!r}")
    if not _is_integer(trials) or trials < 1:
        raise ValueError(f"trials must be a positive integer, got {trials!r}")
    generator = generator or torch.Generator().manual_seed(0)
    with torch.inference_mode(False), torch.enable_grad(), torch.random.fork_rng(devices=[]):
        call = _function(module)
        yield (_run(call, shape, method, generator) for _ in range(trials))


def _function(module: nn.Module) -> Callable[[Tensor], Tensor]:
    copy = deepcopy(module).cpu().double().requires_grad_(False)
    buffers = [(owner, name, buffer) for owner in copy.modules() for name, buffer in owner.named_buffers(recurse=False)]

    def call(image: Tensor) -> Tensor:
        # BatchNorm writes on its buffers, and a ReLU may write on its input: no call may hear of the one before.
        for owner, name, buffer in buffers:
            setattr(owner, name, buffer.clone())
        return _checked(copy(image.clone()), image)

    return call


def _run(call: Callable[[Tensor], Tensor], shape: Place, method: str, generator: torch.Generator) -> _Run:
    image = _normal(generator, 1, *shape).requires_grad_(method == "jacobian")
    before = torch.get_rng_state()
    output = call(image)
    # Two small dropout masks can agree by chance; the state of the generator that drew them cannot.
    if not torch.equal(before, torch.get_rng_state()) or not torch.equal(output, call(image)):
        raise ValueError(
            "module must be deterministic so that only an input can move its output (call eval() on dropout), "
            "got random numbers or two answers to one image"
        )
    if method == "jacobian" and not output.requires_grad:
        raise ValueError("method must be 'perturbation' for an output that carries no gradient, got 'jacobian'")
    return _Run(call, image, output, generator)


def _checked(output: object, image: Tensor) -> Tensor:
    expected = f"(1, c, {image.shape[2]}, {image.shape[3]})"
    if not isinstance(output, Tensor):
        raise ValueError(f"module must return one tensor of shape {expected}, got {type(output).__name__}")
    if output.dim() != 4 or output.shape[0] != 1 or output.shape[2:] != image.shape[2:]:
        raise ValueError(f"module must return one tensor of shape {expected}, got shape {tuple(output.shape)}")
    if output.isnan().any():
        place = _first(output[0].isnan())
        raise ValueError(f"module must return numbers so that a change can be seen, got nan at output {place}")
    return output[0]


def _gradient_is_nonzero(run: _Run, outputs: Tensor) -> Tensor:
    weights = _normal(run.generator, *outputs.shape)
    (gradient,) = torch.autograd.grad((weights * outputs).sum(), run.image, retain_graph=True, materialize_grads=True)
    if not gradient.isfinite().all():
        raise ValueError("method must be 'perturbation' for a gradient that is not finite, got 'jacobian'")
    return gradient[0] != 0


def _redraw(run: _Run, place: Place) -> Tensor:
    image = run.image.clone()
    image[0][place] = _normal(run.generator)
    return run.call(image)


def _redrawing_changes(run: _Run, where: tuple[int | slice, ...]) -> Tensor:
    changes = torch.zeros(run.image.shape[1:], dtype=torch.bool)
    for place in product(*map(range, changes.shape)):
        changes[place] = (_redraw(run, place)[where] != run.output[where]).any()
    return changes


def _first_leak_by_gradient(run: _Run) -> tuple[Leak | None, Tensor]:
    position, block = _positions(run)
    moved = torch.zeros(run.output.shape, dtype=torch.bool)
    for place in _places(position):
        color, row, column = place
        own = slice(color * block, (color + 1) * block)
        seen = _gradient_is_nonzero(run, run.output[own, row, column])
        moved[own, row, column] = seen.any()
        not_before = position >= position[place]
        if (seen & not_before).any():
            for channel in range(own.start, own.stop):
                late = _first(_gradient_is_nonzero(run, run.output[channel, row, column]) & not_before)
                if late:
                    return Leak((channel, row, column), late), moved
    return None, moved


def _leaks_by_redrawing(run: _Run) -> Iterator[Leak]:
    position, block = _positions(run)
    position_of_output = position.repeat_interleave(block, 0)
    for place in _places(position):
        changed = _redraw(run, place) != run.output
        output = _first(changed & (position_of_output <= position[place]))
        if output:
            yield Leak(output, place)


def _positions(run: _Run) -> tuple[Tensor, int]:
    channels, height, width = run.image.shape[1:]
    position = torch.arange(height * width * channels).view(height, width, channels).permute(2, 0, 1)
    return position, run.output.shape[0] // channels


def _places(flags: Tensor) -> Iterator[Place]:
    channels, height, width = flags.shape
    return ((channel, row, column) for row in range(height) for column in range(width) for channel in range(channels))


def _first(flags: Tensor) -> Place | None:
    hits = flags.permute(1, 2, 0).nonzero()[:1].tolist()
    return next(((channel, row, column) for row, column, channel in hits), None)


def _refuse_flat(outputs: Sequence[Tensor], moved: Tensor) -> None:
    changes = (torch.stack(list(outputs)) != outputs[0]).any(0)
    if (changes & ~moved).any():
        raise ValueError(
            "method must be 'perturbation' for an output that changes while its gradient is zero at every input, "
            "got 'jacobian'"
        )


def _check_pixel(pixel: tuple[int, ...], output: Tensor) -> None:
    sizes = output.shape[-len(pixel) :]
    if not all(_is_integer(index) and 0 <= index < size for index, size in zip(pixel, sizes, strict=True)):
        raise ValueError(f"pixel must lie in the output of shape {tuple(output.shape)}, got {pixel!r}")


def _normal(generator: torch.Generator, *shape: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=generator, device=generator.device).cpu()


def _is_integer(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)
