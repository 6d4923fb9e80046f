"""Arguments for any public function, drawn by their annotated types: right types, arbitrary values."""

import collections.abc
import inspect
import types
import typing
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from hypothesis import strategies as st
from torch import Tensor, nn

from hw.bounds import DiscreteModel, LinearGaussian
from hw.flows import AffineCoupling, Bijection, Compose, Flow, Inverse, Permute, Planar, StandardNormal
from hw.flows.networks import AffineNetwork
from hw.gan import DensityRatio, fit_density_ratio
from hw.live.derivation import Given
from hw.masked_conv import GatedMaskedConv2d, GatedPixelCNN, MaskedConv2d
from hw.simclr import Settings, SimCLR, Training, start
from hw.site.review import Statement

Draw = Callable[[st.SearchStrategy], Any]

DTYPES = (torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.bool, torch.uint8)
COMPLEX = (torch.complex64, torch.complex128)
SPECIAL = (0.0, -0.0, 1.0, -1.0, 0.5, 2.0, 5e-324, 1e-30, 1e30, -1e30, 1e300, float("inf"), -float("inf"), float("nan"))
INTEGERS = st.one_of(
    st.integers(-2, 6), st.integers(-2, 6), st.sampled_from([2**31, 2**63 - 1, 2**63, -(2**63), 10**30])
)
FLOATS = st.one_of(st.sampled_from([0.5, 1.0, 2.0, 0.1]), st.sampled_from(SPECIAL), st.floats(), st.integers(-3, 3))
WORDS = (
    *("A", "B", "jacobian", "perturbation", "saturating", "non-saturating", "none", "linear", "nonlinear"),
    *("latent", "= p(x)", r"= \sum_z p(x,z)", r"\le \sum_z p(x,z)", "= 0"),
    *("crop", "rotate", "blur", "contrast", "noise", "erase", "seen", "ink", "pq", "p", "q", "<svg></svg>", "<p>a</p>"),
)
TEXTS = st.one_of(st.sampled_from(WORDS), st.text(max_size=12), st.text("`$math idel=\n\\12{}<>\"'& ~|-", max_size=40))


class Shared(NamedTuple):
    """What the tensors of one call mostly have in common, so that calls get past the refusals of shapes."""

    shape: tuple[int, ...]
    dtype: torch.dtype
    kind: str


class Unknown(TypeError):
    """A type that nothing here can make."""


# ---- functions and objects that are arguments ----


def identity(x: Tensor, *_: Any) -> Any:
    """Return the argument."""
    return x


def square_sum(x: Tensor, *_: Any) -> Any:
    """Return a log-density up to a constant."""
    return -x.square().sum(-1)


def constant(*_: Any) -> Any:
    """Return a number that depends on nothing."""
    return torch.tensor(1.0)


def nothing(*_: Any) -> Any:
    """Return nothing."""


def not_a_number(x: Tensor, *_: Any) -> Any:
    """Return NaN in the right shape."""
    return torch.full(x.shape[:-1], torch.nan) if isinstance(x, Tensor) else torch.full((x,), torch.nan)


def words(*_: Any) -> Any:
    """Return a text where a tensor is wanted."""
    return "tensor"


def standard_draws(n: Any, generator: Any = None) -> Any:
    """Return normal numbers, one a draw."""
    return torch.randn(n, generator=generator) if isinstance(generator, torch.Generator) else torch.ones(3)


CALLABLES = (identity, square_sum, constant, nothing, not_a_number, words, standard_draws)


def seeded(seed: int = 0) -> torch.Generator:
    """Return a generator of its own."""
    return torch.Generator().manual_seed(seed)


def coupling() -> Bijection:
    """Return a coupling of two features."""
    return AffineCoupling(2, (3,), generator=seeded())


def planar() -> Bijection:
    """Return a planar flow, whose inverse needs an equation solved."""
    return Planar(torch.tensor([1.0, 0.5]), torch.tensor([0.5, 0.2]), torch.tensor(0.1))


@cache
def shifted_normals() -> DensityRatio:
    """Return the ratio of two samples, which is fitted once: its methods change nothing."""
    x_0, x_1 = torch.randn(2, 20, 2, generator=seeded())
    return fit_density_ratio(x_0, x_1 + 1, penalty=1.0, generator=seeded())


BUILDERS: dict[type, dict[str, Callable[[], Any]]] = {
    Bijection: {
        "coupling": coupling,
        "planar": planar,
        "inverse of a planar flow": lambda: Inverse(planar()),
        "permutation": lambda: Permute([1, 0]),
        "two": lambda: Compose(coupling(), Permute([1, 0])),
        "three features": lambda: AffineCoupling(3, (), generator=seeded()),
    },
    Flow: {
        "coupling": lambda: Flow(StandardNormal(2), coupling()),
        "planar": lambda: Flow(StandardNormal(2), planar()),
        "planar, solved": lambda: Flow(StandardNormal(2), planar(), numerical=True),
        "permutation": lambda: Flow(StandardNormal(2), Permute([1, 0])),
    },
    nn.Module: {
        "masked convolution": lambda: MaskedConv2d("A", 1, 1, 3),
        "convolution": lambda: nn.Conv2d(1, 2, 3, padding=1),
        "gated convolution": lambda: GatedMaskedConv2d("B", 2, 2, 3),
        "PixelCNN": lambda: GatedPixelCNN(1, 2, 2, 3, 1),
        "linear": lambda: nn.Linear(3, 2),
        "dropout": lambda: nn.Dropout(0.5),
        "identity": nn.Identity,
        "flatten": lambda: nn.Flatten(0),
    },
    Given: {
        "a sum": lambda: Given(r"p(x) = \sum_z p(x,z)", "sum", ("latent",)),
        "a chain": lambda: Given(r"p(x) = \sum_z p(x,z) \\ &\ge 0", "chain", ("latent",)),
        "no chain": lambda: Given("x", "none", ("latent",)),
    },
    DiscreteModel: {
        "three values": lambda: DiscreteModel([0.1, 0.2, 0.3], [0.2, 0.3, 0.5]),
        "an impossible one": lambda: DiscreteModel([0.1, 0.0], [0.5, 0.5]),
    },
    LinearGaussian: {
        "usual": lambda: LinearGaussian(1.0, 0.5, 0.5),
        "a wide q": lambda: LinearGaussian(1.0, 0.0, 9.0, slope=0.0),
    },
    StandardNormal: {"two features": lambda: StandardNormal(2)},
    AffineNetwork: {"two features": lambda: AffineNetwork(2, (3,), 2, generator=seeded())},
    DensityRatio: {"shifted normals": shifted_normals},
    Statement: {
        "said": lambda: Statement("gap", "result", "The gap is large.", "section 3", "said"),
        "derived": lambda: Statement("sum", "result", "It is 3.", "table 1", "derived", arithmetic={"1 + 2": "3"}),
        "misread": lambda: Statement(
            "mean", "loss", "A mean.", "§ 2", "code", "code", "A sum.", "It is a mean.", "2020-02"
        ),
    },
    SimCLR: {"linear head": lambda: SimCLR("linear", generator=seeded())},
    Settings: {
        "one epoch": lambda: Settings(temperature=0.2, batch_size=2, epochs=1),
        "no augmentation": lambda: Settings(temperature=1.0, augmentations=(), head="none", batch_size=3, epochs=2),
    },
    Training: {
        "one epoch": lambda: start(Settings(temperature=0.2, batch_size=2, epochs=1)),
        "two epochs": lambda: start(Settings(temperature=1.0, head="none", batch_size=3, epochs=2), torch.float64),
    },
}


# ---- tensors ----


def filled(shape: tuple[int, ...], dtype: torch.dtype, kind: str, seed: int) -> Tensor:
    """Return a tensor whose entries are of a kind: ordinary, laws, positive or special."""
    generator = seeded(seed)
    if not (dtype.is_floating_point or dtype.is_complex):
        return torch.randint(0, 4, shape, generator=generator).to(dtype)
    values = torch.randn(shape, generator=generator, dtype=torch.float64)
    if kind == "laws":
        values = values.softmax(-1) if shape else values.sigmoid()
    elif kind == "positive":
        values = values.exp()
    elif kind == "special":
        values = torch.tensor(SPECIAL)[torch.randint(0, len(SPECIAL), shape, generator=generator)]
    return values.to(dtype)


def tensor(draw: Draw, shared: Shared) -> Tensor:
    """Draw a tensor: mostly of the shared shape, type and kind."""
    usual = draw(st.integers(0, 9))
    shape, dtype, kind = shared
    if usual == 9:
        shape = draw(SHAPES)
    elif usual == 8:
        shape = shape[:-1]
    if usual == 7:
        dtype = draw(st.sampled_from(DTYPES + COMPLEX))
    if usual >= 6:
        kind = draw(KINDS)
    values = filled(shape, dtype, kind, draw(st.integers(0, 99)))
    layout = draw(st.sampled_from(["dense"] * 8 + ["expanded", "transposed", "sparse", "gradient"]))
    if layout == "expanded" and shape:
        values = values[:1].expand(shape) if shape[0] else values
    elif layout == "transposed" and len(shape) > 1:
        values = values.transpose(0, 1).contiguous().transpose(0, 1)
    elif layout == "sparse" and shape:
        values = values.to_sparse()
    elif layout == "gradient" and (dtype.is_floating_point or dtype.is_complex):
        values = values.requires_grad_()
    return values


SHAPES = st.one_of(
    st.sampled_from([(2,), (3, 2), (2, 2), (4, 3), (5, 2), (1, 8, 8), (3, 1, 8, 8), ()]),
    st.lists(st.integers(0, 4), max_size=3).map(tuple),
)
KINDS = st.sampled_from(["ordinary", "laws", "positive", "special"])
SHARED = st.builds(Shared, SHAPES, st.sampled_from((torch.float32, torch.float64) * 3 + DTYPES + COMPLEX), KINDS)


def array(draw: Draw) -> Any:
    """Draw what NumPy makes an array of: one, or nested lists, ragged ones among them."""
    shape = draw(st.lists(st.integers(0, 4), max_size=3).map(tuple))
    values = filled(shape, torch.float64, draw(KINDS), draw(st.integers(0, 99))).numpy()
    form = draw(st.sampled_from(["array", "list", "whole numbers", "booleans", "ragged", "words"]))
    if form == "ragged":
        return [[0.0, 1.0], [2.0]]
    if form == "words":
        return ["a", "b"]
    if form == "list":
        return values.tolist()
    with np.errstate(invalid="ignore"):
        return {"array": values, "booleans": values > 0}.get(form, np.nan_to_num(values).clip(-9, 9).astype(int))


def grid(draw: Draw) -> Any:
    """Draw rows of 0 and 1, mostly a mask with odd sides; sometimes ragged, empty or of other numbers."""
    height, width = draw(st.sampled_from([(1, 1), (3, 3), (3, 3), (1, 3), (3, 5), (2, 2), (0, 0), (1, 0)]))
    cell = draw(st.sampled_from([st.integers(0, 1)] * 3 + [st.booleans(), st.integers(-1, 2), FLOATS]))
    rows = [[draw(cell) for _ in range(width)] for _ in range(height)]
    form = draw(st.sampled_from(["rows"] * 4 + ["array", "tensor", "ragged"]))
    if form == "ragged" and rows:
        rows[-1] = rows[-1][:-1]
    elif form == "array":
        return np.array(rows)
    elif form == "tensor" and all(isinstance(value, int) for row in rows for value in row):
        return torch.tensor(rows)
    return tuple(map(tuple, rows)) if draw(st.booleans()) else rows


def check_owner(owner: Any) -> None:
    """Refuse a class of whose objects none is made here."""
    if owner and not makers(owner):
        raise Unknown(f"a {owner.__name__}, and none is made here")


@cache
def makers(owner: type) -> dict[str, Callable[[], Any]]:
    """Return what makes objects of a class, by what they are called."""
    found = {}
    for kind, builders in BUILDERS.items():
        if issubclass(owner, kind) and (kind is not nn.Module or "masked" in owner.__module__):
            found |= {name: build for name, build in builders.items() if isinstance(build(), owner)}
    return found


def instance(draw: Draw, owner: type) -> Any:
    """Draw an object of a class, whose methods are called."""
    builders = makers(owner)
    return builders[draw(st.sampled_from(sorted(builders)))]()


# ---- by type ----

SIMPLE: dict[Any, st.SearchStrategy[Any]] = {
    float: FLOATS,
    bool: st.booleans(),
    str: TEXTS,
    types.NoneType: st.none(),
    torch.Generator: st.integers(0, 9).map(seeded),
    torch.dtype: st.sampled_from(DTYPES + COMPLEX),
    torch.distributed.ProcessGroup: st.none(),  # of a single process there is none
    object: st.one_of(FLOATS, INTEGERS, TEXTS, st.none()),
}

GRID = collections.abc.Sequence[collections.abc.Sequence[Any]]
NAMED: dict[str, st.SearchStrategy[Any]] = {
    "katex": st.just(Path(__file__).resolve().parents[2] / "docs" / "assets" / "katex" / "katex.min.js"),
    **dict.fromkeys(("residual", "slack"), st.one_of(st.none(), st.floats(0, allow_nan=False))),  # of a check
    "subject": st.just("x must be"),
}

FILES = [
    "right.md",
    "false.md",
    "broken.md",
    "binary.md",
    "broken.py",
    "text.py",
    "missing.md",
    ".",
    "no/where.pt",
    "run.pt",
]

# Largest values of the integers for which a function rightly makes something of that size, or takes so many steps.
SIZES = dict.fromkeys(
    (
        "features",
        "in_features",
        "out_features",
        "hidden_features",
        "in_channels",
        "channels",
        "out_channels",
        "colors",
        "shape",
    ),
    9,
) | dict.fromkeys(
    (
        "kernel_size",
        "dilation",
        "layers",
        "size",
        "n",
        "k",
        "steps",
        "trials",
        "batch_size",
        "folds",
        "epochs",
        "draws",
    ),
    9,
)


def value(draw: Draw, hint: Any, shared: Shared, folder: Path | None, name: str = "") -> Any:
    """Draw a value of an annotated type; the name tells what may not be large."""

    def inner(part: Any) -> Any:
        return value(draw, part, shared, folder, name)

    def several(part: Any) -> list[Any]:
        return [inner(part) for _ in range(draw(st.integers(0, 4)))]

    if isinstance(hint, typing.TypeVar):
        hint = hint.__bound__
    if name in NAMED:
        return draw(NAMED[name])
    if hint == GRID:
        return grid(draw)
    if "numpy._typing" in str(hint):
        return array(draw)
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return inner(draw(st.sampled_from(parts)))
    if origin is tuple:
        return tuple(several(parts[0]) if parts[1:] == (...,) else map(inner, parts))
    if origin in (dict, Mapping, collections.abc.Mapping):
        return {inner(parts[0]): inner(parts[1]) for _ in range(draw(st.integers(0, 3)))}
    if origin in (list, collections.abc.Sequence, collections.abc.Iterable, collections.abc.Collection):
        found = several(parts[0])
        return found if origin is list or draw(st.booleans()) else tuple(found)
    if origin in (set, frozenset, collections.abc.Container):
        return set(several(parts[0]))
    if origin is collections.abc.Callable:
        return draw(st.sampled_from(CALLABLES))
    if hint is int:
        return draw(integers(name))
    if hint is np.ndarray:
        return np.asarray(filled(tuple(draw(SHAPES)), torch.float64, draw(KINDS), draw(st.integers(0, 99))))
    if hint is Tensor:
        return tensor(draw, shared)
    if hint is Any:
        return draw(st.sampled_from([grid, array]))(draw)
    if hint in SIMPLE:
        return draw(SIMPLE[hint])
    if hint in BUILDERS:
        return BUILDERS[hint][draw(st.sampled_from(sorted(BUILDERS[hint])))]()
    if hint is Path and folder:
        return folder / draw(st.sampled_from(FILES))
    if isinstance(hint, type) and hint.__module__.startswith("hw."):
        return hint(**arguments(draw, hint, shared, folder))
    raise Unknown(str(hint))


def arguments(draw: Draw, function: Any, shared: Shared, folder: Path | None) -> dict[str, Any]:
    """Draw the arguments of a function by name; the defaults are taken now and then."""
    drawn = {}
    for name, hint in parameters(function).items():
        if hint.default is inspect.Parameter.empty or draw(st.booleans()):
            drawn[name] = value(draw, hint.annotation, shared, folder, name)
    return drawn


def integers(name: str) -> st.SearchStrategy[int]:
    """Return the integers that an argument of a name may be."""
    return st.integers(-2, SIZES[name]) if name in SIZES else INTEGERS


def check_known(hint: Any) -> None:
    """Refuse a type that `value` cannot make."""
    parts = [part for part in typing.get_args(hint) if part is not ...]
    if isinstance(hint, typing.TypeVar):
        check_known(hint.__bound__)
    elif parts and typing.get_origin(hint) is not collections.abc.Callable and "numpy._typing" not in str(hint):
        for part in parts:
            check_known(part)
    elif not parts and hint not in SIMPLE and hint not in BUILDERS and hint not in (int, Tensor, Any, Path, np.ndarray):
        if not (isinstance(hint, type) and hint.__module__.startswith("hw.")) or is_protocol(hint):
            raise Unknown(getattr(hint, "__name__", str(hint)))
        parameters(hint)


@cache
def parameters(function: Any) -> dict[str, inspect.Parameter]:
    """Return a function's parameters with their types; those that collect others are sequences and mappings."""
    hints = typing.get_type_hints(function.__init__ if needs_init(function) else function)
    found = {}
    for name, parameter in inspect.signature(function).parameters.items():
        if name == "self":
            continue
        if name not in hints:
            raise Unknown(f"{name} has no type")
        hint: Any = hints[name]
        if parameter.kind is parameter.VAR_POSITIONAL:
            hint = list[hint]
        elif parameter.kind is parameter.VAR_KEYWORD:
            hint = dict[str, hint]
        check_known(hint)
        found[name] = parameter.replace(annotation=hint)
    return found


def needs_init(function: Any) -> bool:
    """Whether the types stand at a class's `__init__`."""
    return inspect.isclass(function) and not hasattr(function, "_fields")


def is_protocol(kind: type) -> bool:
    """Whether a class only says what others have."""
    return getattr(kind, "_is_protocol", False)
