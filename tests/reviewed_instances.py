"""What the formulas of each model are tried on, in words: instances, free values and simpler instances.

Which instances a model has is a choice that no identity decides, so it is reviewed as a drawing is:
`tests/reviewed_instances.json` holds the fixed instances and some of the random ones, a line each. `reviewed.py`
writes the file.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import zip_longest
from pathlib import Path
from random import Random
from typing import Any

from hw.checked_math.arithmetic import EXACT
from hw.checked_math.judging import text_of
from hw.checked_math.models import MODELS
from hw.checked_math.models.model import Instance
from hw.checked_math.running import Draws

__all__ = ["FILE", "KINDS", "Kind", "accept", "difference", "instances", "reviewed_instances"]

FILE = Path(__file__).with_suffix(".json")
SEED = 1
UNDRAWN = ((), ("k", "W"), ("K",), ("k", "K", "W", "n"))  # free variables that a formula need not have, in turn


@dataclass(frozen=True)
class Kind:
    """Instances of one kind, and what of them is shown.

    Attributes:
        model: Name of the model.
        uses: What a formula uses, on which the instances depend.
        words: The names that an instance is described with.
        start: Place of the first instance shown.
        fixed: So many are all shown.
        every: One in so many is shown of those that follow.
        drawn: Free values are shown with one in so many of these.
        simpler: Places of instances whose simpler ones are shown too.
        nodes: Sorts whose nodes of integration are counted.
        at: Functions and labels of laws whose values are shown, with the variable that they take.
    """

    model: str
    uses: tuple[str, ...]
    words: tuple[str, ...]
    start: int = 0
    fixed: int = 0
    every: int = 5
    drawn: int = 4
    simpler: tuple[int, ...] = ()
    nodes: str = ""
    at: Mapping[str, str] = field(default_factory=dict)


KINDS = {
    "latent": Kind("latent", ("p", "q"), ("p", "q"), fixed=61, every=7, simpler=(37, 67, 216)),
    "latent, three laws p": Kind("latent", ("p", r"p_\theta", r"p_{\theta'}"), ("p",), every=12),
    "latent, three positive laws p": Kind("latent", ("p", r"p_\theta", r"p_\phi", "assume:positive"), ("p",), every=16),
    "latent, laws with labels": Kind("latent", (r"p_\theta", r"p_\phi", r"q_{\psi}"), ("p", "q"), every=50),
    "latent, q(z)": Kind("latent", ("p", "q", "q(z|)"), ("p", "q"), every=20),
    "linear-gaussian": Kind(
        "linear-gaussian",
        ("assume:q = posterior",),
        ("p(x|z)", "q(z|x)", "q(z|)", r"p_\theta(x|z)", r"q_\phi(z|x)", r"q_\phi(z|)"),
        every=1,
        simpler=(0, 2, 3, 5, 9, 12),
        nodes="xz",
    ),
    "bijection, finite": Kind(
        "bijection", ("sum", "assume:bijective"), ("p_X", "p_U", "F", "g"), fixed=100, every=9, simpler=(9, 130, 300)
    ),
    "bijection, smooth": Kind(
        "bijection",
        ("det",),
        ("p_X", "p_U", "F", "g"),
        every=1,
        simpler=(0, 2, 4, 5, 8, 9, 11, 12),
        nodes="xu",
        at={"F": "u", "F^{-1}": "x", "g": "x", "X": "x", "U": "u", "F(U)": "x", "F^{-1}(X)": "u"},
    ),
    "two-densities, finite": Kind(
        "two-densities", ("f_0", "sum"), ("f_0", "D", "g", "h"), fixed=64, every=11, simpler=(9, 51, 53, 90)
    ),
    "two-densities, finite, of logarithms": Kind(
        "two-densities", ("f_0", "sum", "transcendental"), ("p_0", "D^*", "g", "h"), start=50, fixed=14, every=24
    ),
    "two-densities, on the line": Kind(
        "two-densities",
        (),
        ("P_0", "D", "D^*", "g", "h"),
        start=304,
        every=1,
        simpler=(304, 306, 308, 309, 311, 312),
        nodes="x",
        at={"D": "x", "D^*": "x", "g": "x", "h": "x", "0": "x", "1": "x"},
    ),
    "embeddings": Kind("embeddings", (), ("z", r"\tau"), fixed=48, every=11, simpler=(1, 10, 35, 398)),
    "offsets": Kind("offsets", (), ("G", "w", "v", "x"), fixed=44, every=11, simpler=(14, 132)),
}


def instances(name: str) -> list[str]:
    """What is reviewed of a kind: how many instances there are, and a line for each that is shown."""
    kind = KINDS[name]
    found = [instance.using(EXACT) for instance in _found(kind.model, kind.uses)]
    lines = [_counted(kind, found)]
    others = range(kind.start + kind.fixed, len(found), kind.every)
    for number, place in enumerate([*range(kind.start, kind.start + kind.fixed), *others]):
        parts = [_words(found[place], kind), *_nodes(found[place], kind)]
        parts += [] if number % kind.drawn else _drawn(found[place], kind, place, UNDRAWN[number // kind.drawn % 4])
        lines.append(f"{place}: {' | '.join(parts)}")
    for place in kind.simpler:
        lines += [f"{place}, simpler: {_words(simpler, kind)}" for simpler in found[place].smaller()]
    return lines


@cache
def _found(model: str, uses: tuple[str, ...]) -> list[Instance]:
    return list(MODELS[model].instances(Random(SEED), frozenset(uses)))


def _words(instance: Instance, kind: Kind) -> str:
    return "; ".join(f"{name} = {text}" for name, text in instance.words(frozenset(kind.words)))


def _counted(kind: Kind, found: list[Instance]) -> str:
    """How many instances there are, how many satisfy each assumption, and how many simpler ones they have."""
    held = {name: sum(each.holds(name) for each in found) for name in MODELS[kind.model].vocabulary.assumptions}
    simpler = sum(len(list(each.smaller())) for each in found)
    return f"{len(found)} instances, {simpler} simpler; " + ", ".join(f"{name}: {n}" for name, n in held.items())


def _nodes(instance: Instance, kind: Kind) -> Iterator[str]:
    """Nodes of integration."""
    for sort in kind.nodes:
        (first, weight), *_, (last, _) = nodes = instance.space(sort)
        yield f"{len(nodes)} nodes from {_text(first)} to {_text(last)}, weight {_text(weight)}"


def _drawn(instance: Instance, kind: Kind, seed: int, undrawn: tuple[str, ...]) -> Iterator[str]:
    """Free values, and values of functions and densities there."""
    vocabulary = MODELS[kind.model].vocabulary
    variables = {name: sort for name, sort in vocabulary.variables.items() if name not in undrawn}
    families = {**vocabulary.families, **({"w": "number"} if kind.model == "latent" else {})}
    drawn = instance.draw(variables, families, Draws(seed))
    yield ", ".join(f"{name} {_text(value)}" for name, value in drawn.items() if _is_drawn(value))
    for name, variable in kind.at.items():
        value = instance.function if name in vocabulary.functions else instance.density
        yield f"{name} at {variable}: {_text(value(name)(drawn[variable]))}"


def _is_drawn(value: Any) -> bool:
    return not isinstance(value, dict) or type(value) is dict  # other families are parts of the instance


def _text(value: Any) -> str:
    """A value of few digits, as another processor finds them too."""
    if isinstance(value, dict):
        return " ".join(map(_text, value.values()))
    if isinstance(value, tuple):
        return f"({', '.join(map(_text, value))})"
    if isinstance(value, float) or (isinstance(value, int) and abs(value) > 10**9):
        return text_of(float(f"{float(value):.3g}"))
    return text_of(value)


def reviewed_instances() -> dict[str, list[str]]:
    """What was reviewed, by kind."""
    return json.loads(FILE.read_text("utf-8")) if FILE.exists() else {}


def difference(name: str, before: list[str], after: list[str]) -> str:
    """The kind and the first line that is another one; empty where none is."""
    for was, now in zip_longest(before, after, fillvalue="nothing"):
        if was != now:
            return f"{name}: was {was}\n{' ' * len(name)}  now {now}"
    return ""


def accept() -> None:
    """Write the file, and say what changed."""
    former, found = reviewed_instances(), {name: instances(name) for name in KINDS}
    FILE.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", "utf-8")
    for name in {**former, **found}:
        if told := difference(name, former.get(name, []), found.get(name, [])):
            print(told)
