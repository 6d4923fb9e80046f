"""Expressions, relations and statements: what a formula says, without what its names mean.

Every node keeps the range of the source it was read from, so that errors point there and mutations can cut there.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from hw.checked_math.models.model import Law

__all__ = [
    "BigOperator",
    "Binder",
    "Call",
    "Cases",
    "Chain",
    "Comparison",
    "Definition",
    "Density",
    "Derivative",
    "Divergence",
    "Expectation",
    "Indexed",
    "Indicator",
    "Literal",
    "Name",
    "Node",
    "NumberDerivative",
    "Operation",
    "Pairs",
    "Range",
    "Sequence",
    "SetBuilder",
    "SetLiteral",
    "Statement",
    "Substitution",
    "walk",
]


@dataclass(frozen=True, slots=True)
class Node:
    """A part of a formula, from `start` to `end` in its source."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Literal(Node):
    r"""A number, or one of the constants `\infty` and `\pi`."""

    value: Fraction | str


@dataclass(frozen=True, slots=True)
class Name(Node):
    """A name that stands for a value: a variable, a set, a function passed on, or a definition without arguments."""

    name: str


@dataclass(frozen=True, slots=True)
class Indexed(Node):
    """A member of a family: `z_j`, `w_{i,j}`, `h_{o+a}`."""

    name: str
    indices: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Sequence(Node):
    """Members of a family from one index to another: `z_{1:k}`."""

    name: str
    first: Node
    last: Node


@dataclass(frozen=True, slots=True)
class Density(Node):
    """A law with its variables, `q(z | x)`, or without them, `q`: then `left` is None."""

    law: Law
    left: tuple[Node, ...] | None = None
    right: tuple[Node, ...] = ()


@dataclass(frozen=True, slots=True)
class Call(Node):
    """A function applied to arguments; subscripts that are evaluated come first."""

    name: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Operation(Node):
    """Arithmetic and elementary functions: `+`, `neg`, `*`, `/`, `^`, `log`, `max`, `inner`, `size` and so on."""

    operator: str
    operands: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Binder(Node):
    """What a variable runs over: its sort's space, a `Range`, a set, or the subsets of a set of a given size.

    Attributes:
        name: The variable, or the letter of a family.
        over: None for the space of its sort, else the set.
        last: For draws of a family, the index of the last member, with `first`.
        law: For an expectation, the law it is drawn from.
        size: For random subsets, their size.
    """

    name: str
    over: Node | None = None
    first: Node | None = None
    last: Node | None = None
    law: Node | None = None
    size: Node | None = None


@dataclass(frozen=True, slots=True)
class BigOperator(Node):
    r"""`\sum`, `\prod`, `\max`, `\min` and `\int` over bound variables, under conditions."""

    operator: str
    binders: tuple[Binder, ...]
    conditions: tuple["Comparison", ...]
    body: Node


@dataclass(frozen=True, slots=True)
class Expectation(Node):
    """`E`, `Var` or `Cov` over laws, over copies of a law, or over random subsets."""

    operator: str
    binders: tuple[Binder, ...]
    law: Node | None
    bodies: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Divergence(Node):
    r"""`KL`, `JSD`, `TV` or `\chi^2` of two laws, or the entropy `H` of one or two."""

    kind: str
    laws: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Derivative(Node):
    """The derivative (or Jacobian matrix) of a function at a point."""

    name: str
    at: Node


@dataclass(frozen=True, slots=True)
class NumberDerivative(Node):
    """The first or second derivative of an expression by a variable or a member of a family, at the value it has."""

    body: Node
    by: Name | Indexed
    order: int


@dataclass(frozen=True, slots=True)
class Comparison(Node):
    """Two sides and a sign: a claim, or a condition."""

    left: Node
    sign: str
    right: Node


@dataclass(frozen=True, slots=True)
class Indicator(Node):
    """1 where all conditions hold, 0 elsewhere."""

    conditions: tuple[Comparison, ...]


@dataclass(frozen=True, slots=True)
class Cases(Node):
    """The first value whose conditions hold; a value without conditions is for all that remain."""

    branches: tuple[tuple[Node, tuple[Comparison, ...] | None], ...]


@dataclass(frozen=True, slots=True)
class Substitution(Node):
    """A value with a variable, or a member of a family, set: an expression and a bar with `u = ...` below."""

    body: Node
    name: str
    value: Node
    indices: tuple[Node, ...] = ()


@dataclass(frozen=True, slots=True)
class Range(Node):
    """The whole numbers from one to another: `[k]`."""

    first: Node
    last: Node


@dataclass(frozen=True, slots=True)
class SetLiteral(Node):
    """A set given by its members."""

    members: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class SetBuilder(Node):
    """The set of all values of an expression, the variables running over sets, under conditions."""

    body: Node
    binders: tuple[Binder, ...]
    conditions: tuple[Comparison, ...]


@dataclass(frozen=True, slots=True)
class Pairs(Node):
    """A tuple, such as an offset (row, column)."""

    members: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Chain:
    """Expressions with relation signs between them: one claim a sign."""

    parts: tuple[Node, ...]
    signs: tuple[str, ...]
    places: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Definition:
    """A name, its parameters, and the expression it abbreviates.

    A parameter is a pair of a name and, for `w_{1:k}`, the name of its length.
    """

    name: str
    indices: tuple[str, ...]
    arguments: tuple[tuple[str, str | None], ...]
    body: Node
    start: int


@dataclass(frozen=True, slots=True)
class Statement:
    """A definition, a chain of claims, or a definition that is continued by claims."""

    definition: Definition | None
    chain: Chain | None


def walk(node: Node) -> Iterator[Node]:
    """A node and all nodes below it."""
    yield node
    for name in node.__dataclass_fields__:
        value = getattr(node, name)
        for part in value if isinstance(value, tuple) else (value,):
            if isinstance(part, Node):
                yield from walk(part)
            elif isinstance(part, tuple):
                for inner in part:
                    yield from walk(inner) if isinstance(inner, Node) else ()
