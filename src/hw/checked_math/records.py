"""What a check leaves behind: one record a formula, one part of it a relation sign."""

from dataclasses import dataclass

__all__ = ["Counterexample", "Mutation", "Record", "Relation"]


@dataclass(frozen=True)
class Counterexample:
    """Where a claim fails: the instance in words, and the two sides there.

    Attributes:
        instance: Pairs of LaTeX and text: the model's instance and the free variables, such as `("k", "2")`.
        left: Value of the left side, as text; "undefined" where it has none.
        sign: The relation that fails, as LaTeX.
        right: Value of the right side, as text.
        relation: Which relation of the formula fails, counted from 0.
    """

    instance: tuple[tuple[str, str], ...]
    left: str
    sign: str
    right: str
    relation: int = 0


@dataclass(frozen=True)
class Relation:
    """One relation sign of a formula, and how it fared.

    Attributes:
        latex: The relation as displayed, both sides.
        sign: The relation sign, as LaTeX.
        residual: Largest difference of the two sides of an equation, relative to the largest term; None for others.
        slack: Smallest distance of the two sides of an inequality; None for others.
        attained: Whether equality was met on some instance where the sign allows it.
    """

    latex: str
    sign: str
    residual: float | None = None
    slack: float | None = None
    attained: bool = False


@dataclass(frozen=True)
class Record:
    """What is known of one displayed formula.

    Attributes:
        id: The formula's id; the line number as text where it has none.
        file: Where it stands.
        line: Its first line, from 1.
        status: `checked` (no counterexample), `refuted` (there is one), `definition`, `test`, `cited`, or `error` for
            what cannot be read.
        latex: The formula as displayed.
        model: Names of the models, in order.
        assume: The conditions under which it is claimed.
        expected: False for a formula that is shown as a wrong one, by `expect="false"`.
        instances: How many instances were tried, over all models.
        relations: One for each relation sign that was evaluated.
        seed: Seed of the random instances.
        counterexample: The smallest found, for `refuted`.
        unassumed: The smallest counterexample without the assumptions, where there are any.
        idle: Assumptions without which no counterexample was found either.
        binding: Test node, source, or name of the implementing function, where there is one.
        message: What went wrong, with line and column, for `error`.
        seconds: How long it took.
    """

    id: str
    file: str
    line: int
    status: str
    latex: str
    model: tuple[str, ...] = ()
    assume: tuple[str, ...] = ()
    expected: bool = True
    instances: int = 0
    relations: tuple[Relation, ...] = ()
    seed: int = 0
    counterexample: Counterexample | None = None
    unassumed: Counterexample | None = None
    idle: tuple[str, ...] = ()
    binding: str = ""
    message: str = ""
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether it fared as the page says: a claim without counterexample, a wrong formula with one."""
        return self.status != "error" and (self.status == "refuted") == (not self.expected)

    @property
    def residual(self) -> float | None:
        """Largest residual of its equations."""
        return max((part.residual for part in self.relations if part.residual is not None), default=None)

    @property
    def slack(self) -> float | None:
        """Smallest slack of its inequalities."""
        return min((part.slack for part in self.relations if part.slack is not None), default=None)


@dataclass(frozen=True)
class Mutation:
    """What became of a formula's mutants.

    Attributes:
        mutants: How many could be read as formulas.
        refuted: How many of these a counterexample refutes.
        also_true: Those that hold as well, each with its listed reason: pairs of mutant and reason.
        survivors: Those that hold and are not listed.
        unparsed: How many could not be read, and earn nothing.
    """

    mutants: int
    refuted: int
    also_true: tuple[tuple[str, str], ...] = ()
    survivors: tuple[str, ...] = ()
    unparsed: int = 0

    @property
    def score(self) -> float:
        """Share of refuted among refuted and unexplained survivors; 1 where there are neither."""
        judged = self.refuted + len(self.survivors)
        return self.refuted / judged if judged else 1.0
