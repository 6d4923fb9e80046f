"""Calls that are right, taken from the examples of docstrings, and what is made of them by a few wrong steps."""

import contextlib
import copy
import doctest
import inspect
import io
import sys
import types
from collections.abc import Iterable
from typing import Any

import torch
from fuzz_values import COMPLEX, DTYPES, FLOATS, SPECIAL, TEXTS, Draw, integers, seeded
from hypothesis import strategies as st
from torch import Tensor, nn

Call = dict[str, Any]
MOST_CALLS = 12  # kept of a function


def calls_in_examples(functions: Iterable[Any], modules: Iterable[Any]) -> dict[Any, list[Call]]:
    """Run the examples of modules, and return the arguments that each function or class got in them."""
    names = {code_of(function): function for function in functions if code_of(function)}
    found: dict[Any, list[Call]] = {function: [] for function in names.values()}

    def note(frame: types.FrameType, event: str, _: Any) -> None:
        function = names.get(frame.f_code) if event == "call" else None
        if function is not None and len(found[function]) < MOST_CALLS:
            sys.setprofile(None)  # copying calls functions too
            given = {name: kept(value) for name, value in frame.f_locals.items() if name != "_cls"}
            if inspect.isclass(function):
                given.pop("self", None)
            found[function].append(given)
            sys.setprofile(note)

    finder = doctest.DocTestFinder(exclude_empty=True)
    for module in modules:
        for test in finder.find(module, globs={}):
            with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(Exception):
                for example in test.examples:  # the tests hold them to what they print
                    sys.setprofile(note)
                    try:
                        exec(compile(example.source, test.name, "single"), test.globs)
                    finally:
                        sys.setprofile(None)
    return found


def code_of(function: Any) -> Any:
    """Return the code that a call runs first, to which the arguments are given."""
    if not inspect.isclass(function):
        return getattr(function, "__code__", None)
    return getattr(function.__new__ if hasattr(function, "_fields") else function.__init__, "__code__", None)


def kept(value: Any) -> Any:
    """Return a copy, of which a call can do what it likes; what cannot be copied is shared."""
    if isinstance(value, torch.Generator):
        return seeded()
    if isinstance(value, list | tuple) and not hasattr(value, "_fields"):
        return type(value)(map(kept, value))
    if isinstance(value, dict):
        return {name: kept(part) for name, part in value.items()}
    if isinstance(value, Tensor | nn.Module):
        with contextlib.suppress(RuntimeError):  # a tensor in the middle of a graph
            return copy.deepcopy(value)
    return value


def altered(draw: Draw, value: Any, name: str) -> Any:
    """Draw something of the same type, one step away; the name tells what may not be large."""
    if isinstance(value, Tensor):
        return altered_tensor(draw, value)
    if isinstance(value, bool) or value is None:
        return value
    simple = {int: integers(name), float: FLOATS, str: TEXTS}.get(type(value))
    if simple is not None:
        return draw(simple)
    if not isinstance(value, list | tuple) or hasattr(value, "_fields"):
        return value
    change = "part"  # of a tuple, whose length is a part of its type
    if isinstance(value, list):
        change = draw(st.sampled_from(["part", "part", "one less", "one more", "empty"]))
    parts = list(value)
    place = draw(st.integers(0, len(parts) - 1)) if parts else 0
    if change == "empty" or not parts:
        parts = []
    elif change == "part":
        parts[place] = altered(draw, parts[place], name)
    else:
        parts[place : place + 1] = [] if change == "one less" else [parts[place]] * 2
    return type(value)(parts)


def altered_tensor(draw: Draw, value: Tensor) -> Tensor:
    """Draw a tensor that differs from another in its type, its shape, an entry or the way in which it is kept."""
    change = draw(
        st.sampled_from(["entry", "entry", "type", "batch", "shorter", "empty", "row", "scaled", "layout", "gradient"])
    )
    if value.layout != torch.strided or value.is_nested:
        return value
    plain = value.detach().clone()
    if change == "entry" and plain.numel():
        place = draw(st.integers(0, plain.numel() - 1))
        number = draw(st.sampled_from(SPECIAL))
        flat = plain.flatten()
        if plain.is_floating_point() or abs(number) < 100:
            flat[place] = torch.tensor(number).to(plain.dtype)
        return flat.view(plain.shape)
    if change == "type":
        return plain.to(draw(st.sampled_from(DTYPES + COMPLEX)))
    if change == "batch":
        return plain[None].expand(draw(st.integers(0, 3)), *plain.shape)
    if change == "scaled" and plain.is_floating_point():
        return plain * draw(st.sampled_from(SPECIAL))
    if change == "gradient" and plain.is_floating_point():
        return plain.requires_grad_()
    if change == "layout":
        return plain.to_sparse() if plain.dim() and draw(st.booleans()) else plain.t() if plain.dim() == 2 else plain
    if change in ("shorter", "empty", "row") and plain.dim():
        axis = draw(st.integers(0, plain.dim() - 1))
        if change == "row":
            return plain.select(axis, 0) if plain.shape[axis] else plain
        return plain.narrow(axis, 0, max(plain.shape[axis] - 1, 0) if change == "shorter" else 0)
    return plain
