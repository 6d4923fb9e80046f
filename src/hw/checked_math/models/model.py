"""What a model is: names with their sorts, and random instances that give each name a value.

A model reaches every meaning by a route of its own, never by the formula that is being checked: the density of F(U)
from a distribution function, D* by maximizing V, a receptive field by walking the map.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Protocol, runtime_checkable

from hw.checked_math.arithmetic import Arithmetic

__all__ = ["Instance", "Law", "Model", "Searching", "Vocabulary"]


@dataclass(frozen=True)
class Law:
    r"""A law as it is written: its letter, and what stands below it or after a semicolon.

    `p_X` is `Law("p", "X")`, `p_{F^{-1}(X)}` is `Law("p", "F^{-1}(X)")`, both `p_\theta(x)` and `p(x;\theta)` are
    `Law("p", r"\theta")`, and `f_0` is `Law("f", "0")`. Spaces are gone from the label.
    """

    letter: str
    label: str = ""

    def __str__(self) -> str:
        """The law as LaTeX."""
        if not self.label:
            return self.letter
        is_one_symbol = len(self.label) == 1 or (self.label[0] == "\\" and self.label[1:].isalpha())
        return f"{self.letter}_{self.label}" if is_one_symbol else f"{self.letter}_{{{self.label}}}"


@dataclass(frozen=True)
class Vocabulary:
    r"""The names a model knows.

    Attributes:
        variables: Letters of variables and the sort of each: `{"x": "x", r"\tau": "number"}`. A prime, a hat or an
            index on the letter keeps the sort: `x'` and `z_j` are of the sorts of `x` and `z`. The sorts `"count"` (a
            whole number from 1), `"index"` (a place from 1 to the count `k`) and `"number"` exist in all models; a
            model adds its own and says in `Instance.space` what they range over.
        families: Letters whose members are told apart by an index that is evaluated, such as `z` in `z_j` and
            `z_{1:k}`, with the sort of their members. A letter that is no family takes a subscript as part of its name.
        laws: Letters of laws.
        spellings: Those of the letters that stand for the same laws.
        functions: Names applied to a bracket, with the number of their arguments and the sort of their value. A name
            may carry a prime or a star: `h'`, `D^*`. The inverse of `F` is written `F^{-1}` and listed under that name.
        takes: Sorts of the arguments of functions whose values elsewhere mean nothing; `"function of x"` for a function
            of a point.
        differentiable: Functions with a derivative at a point.
        sets: Names of finite sets, subscript included, with the sort of their members: `{"M_1": "offset"}`.
        random: Random variables that an expectation may name, with the law of each: `{"X": Law("P", "X")}`.
        implementations: How to call a function of the library that implements a definition: its dotted name, and a
            callable that gets the function, the instance and the values of the definition's parameters, and gives the
            value that the definition should have.
        assumptions: Names of the conditions under which a claim may be made, with a sentence for each.
        definable: Laws of the model that a page may define all the same, such as `q(1|0)` for `q(z)`.
        points: Sorts whose values are no numbers: they can be compared for equality only.
    """

    variables: Mapping[str, str] = field(default_factory=dict)
    families: Mapping[str, str] = field(default_factory=dict)
    laws: frozenset[str] = frozenset()
    spellings: frozenset[str] = frozenset()
    functions: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    takes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    differentiable: frozenset[str] = frozenset()
    sets: Mapping[str, str] = field(default_factory=dict)
    random: Mapping[str, Law] = field(default_factory=dict)
    assumptions: Mapping[str, str] = field(default_factory=dict)
    definable: frozenset[str] = frozenset()
    points: frozenset[str] = frozenset()
    implementations: Mapping[str, Callable[..., Any]] = field(default_factory=dict)


class Instance(Protocol):
    """One interpretation of a model's names.

    Numbers that an instance gives out are of the arithmetic it was asked for: whole numbers or fractions in `EXACT`,
    floats in `FLOAT`, decimals in `DIGITS`. Points of a space are hashable and never computed with, unless their sort
    is a number, an offset or a vector.
    """

    tolerance: float | None
    """Relative error of the numbers given out; None where they are exact, so that only rounding counts."""
    integrates: bool
    """Whether sums over its spaces are integrals by quadrature; that cannot tell infinite values from large ones."""

    def using(self, arithmetic: Arithmetic) -> "Instance":
        """The same instance, in another arithmetic; itself where the arithmetic cannot be changed."""

    def space(self, sort: str) -> Sequence[tuple[Any, Any]]:
        """Points of a sort with the weight of each in a sum or an integral (1 on a finite set).

        Vectors have the dimension of those given for the sort `"vector"`.
        """

    def density(self, key: Any) -> Callable[..., Any]:
        """Density of the law that `Model.law` gave the key for, called with its arguments in the order written."""

    def function(self, name: str) -> Any:
        """Value of a function's or set's name: a callable, or a frozenset."""

    def jacobian(self, name: str, at: Any) -> Any:
        """Matrix (a tuple of rows) of the derivative of a function at a point."""

    def draw(self, variables: Mapping[str, str], families: Mapping[str, str], rng: Random) -> dict[str, Any]:
        """Values of free variables by name, and of families by `"family z"`: a dict from index (1 to 6) to member.

        The names and letters come with their sorts. A draw obeys the model's conventions, such as `m <= k`.
        """

    def holds(self, assumption: str) -> bool:
        """Whether the instance satisfies one of the vocabulary's assumptions."""

    def smaller(self) -> Iterator["Instance"]:
        """Instances that are simpler than this one in one step, for shrinking a counterexample; may be empty."""

    def words(self, used: frozenset[str]) -> list[tuple[str, str]]:
        """What the reader is shown of this instance: pairs of LaTeX and text, only of the names used."""


@runtime_checkable
class Searching(Protocol):
    """An instance some of whose values come from a search, which finds them up to an error."""

    def moved(self) -> Iterator[Instance]:
        """The same instance with one of these values moved by its error, for each of them in turn."""


class Model(Protocol):
    """A family of instances."""

    name: str
    sentence: str
    """What the instances are, in one sentence for the reader."""
    vocabulary: Vocabulary

    def law(self, law: Law, left: tuple[str, ...], right: tuple[str, ...]) -> Any:
        """Key of the density with arguments of these sorts before and after the bar.

        Raises:
            ValueError: If the model has no such law; the message says which it has.
        """

    def bare(self, law: Law) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Sorts of the variables of a law that is written without them, and the variables it is conditioned on.

        Raises:
            ValueError: If the law cannot be written without its variables.
        """

    def instances(self, rng: Random, uses: frozenset[str]) -> Iterator[Instance]:
        r"""Instances, smallest and most degenerate first, then random ones of growing size; finitely many.

        `uses` holds the names and operations of the formula, among them `integral`, `det`, `sum`, so that a model of
        several kinds gives the ones that apply.
        """
