"""Does a formula hold on the instances of its model, and if not, where does it fail first?"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from hw.checked_math.arithmetic import FLOAT
from hw.checked_math.errors import FormulaError
from hw.checked_math.judging import Judgment, text_of
from hw.checked_math.models.model import Instance
from hw.checked_math.reading import Reading
from hw.checked_math.records import Counterexample, Relation
from hw.checked_math.running import Runner, by_kind, guarded

__all__ = ["Outcome", "seed_of", "verify", "words_at"]

SHRINKING = 400  # instances tried while a counterexample is made smaller
SEEDS = 16  # a formula's id chooses one of so many sets of instances, which formulas of the same seed share


def seed_of(id: str) -> int:
    """Seed of a formula's random instances."""
    return zlib.crc32(id.encode()) % SEEDS


@dataclass
class Outcome:
    """What came of the claims of one formula in one model."""

    instances: int = 0
    relations: list[Relation] = field(default_factory=list)
    counterexample: Counterexample | None = None
    refuting: tuple[Instance, int] | None = None  # the first instance on which a claim fails, and its draw


def verify(
    reading: Reading,
    assumptions: Sequence[str],
    seed: int,
    *,
    dropped: Sequence[str] = (),
    first_only: bool = False,
    most: int | None = None,
) -> Outcome:
    """Try a formula on the instances of its model.

    Args:
        reading: The formula in the model.
        assumptions: Conditions under which it is claimed.
        seed: Seed of the random instances.
        dropped: Conditions that are not demanded, so that instances which break them are tried.
        first_only: Stop at the first counterexample and do not make it smaller, as for a mutant.
        most: Try no more than so many instances, for a first look.

    Returns:
        The relations with their residuals and slacks, and the smallest counterexample found, if any.

    Raises:
        FormulaError: If a value cannot be computed, or no instance satisfies the assumptions.
    """
    outcome = Outcome()
    found: dict[int, Relation] = {}
    for group in by_kind(reading):
        part = _verify_group(replace(reading, chosen=group), assumptions, seed, dropped, first_only, most)
        outcome.instances = min(outcome.instances or part.instances, part.instances)
        found |= dict(zip(group, part.relations, strict=False))
        if part.counterexample and not outcome.counterexample:
            outcome.counterexample = replace(part.counterexample, relation=group[part.counterexample.relation])
            outcome.refuting = part.refuting
            if first_only:
                return outcome
    outcome.relations = [found[number] for number in sorted(found)]
    return outcome


def _verify_group(
    reading: Reading,
    assumptions: Sequence[str],
    seed: int,
    dropped: Sequence[str],
    first_only: bool,
    most: int | None,
) -> Outcome:
    """Try claims that share their instances."""
    runner = Runner(reading, assumptions, seed, dropped)
    outcome = Outcome()
    comparisons = reading.comparisons
    best = [_Tally() for _ in comparisons]
    for instance, draw, judgments in islice(runner.accepted(), most):
        outcome.instances += 1
        failing = next((place for place, judgment in enumerate(judgments) if not judgment.passed), None)
        if failing is not None:
            outcome.refuting = instance, draw
            if first_only:
                outcome.counterexample = Counterexample((), "", comparisons[failing].sign, "", failing)
                return outcome
            smallest = _shrunk(runner, instance, draw, failing)
            outcome.counterexample = _counterexample(runner, *smallest)
            break
        for tally, judgment in zip(best, judgments, strict=True):
            tally.add(judgment)
    outcome.relations = [
        Relation(reading.source[claim.start : claim.end], claim.sign, tally.residual, tally.slack, tally.attained)
        for claim, tally in zip(comparisons, best, strict=True)
    ]
    return outcome


@dataclass
class _Tally:
    residual: float | None = None
    slack: float | None = None
    attained: bool = False

    def add(self, judgment: Judgment) -> None:
        if judgment.residual is not None:
            self.residual = max(self.residual or 0.0, judgment.residual)
        if judgment.slack is not None:
            self.slack = judgment.slack if self.slack is None else min(self.slack, judgment.slack)
            self.attained = self.attained or judgment.equal


def _shrunk(runner: Runner, instance: Instance, draw: int, failing: int) -> tuple[Instance, int, int]:
    """The counterexample made smaller step by step, while it stays one."""
    tried = 0
    improved = True
    while improved and tried < SHRINKING:
        improved = False
        for smaller in instance.smaller():
            tried += 1
            found = _fails(runner, smaller, failing)
            if found is not None:
                instance, draw, improved = smaller, found, True
                break
            if tried >= SHRINKING:
                break
    found = _fails(runner, instance, failing)
    return instance, draw if found is None else found, failing


def _fails(runner: Runner, instance: Instance, failing: int) -> int | None:
    """A draw of the free variables with which the claim fails on the instance, the one with the smallest numbers."""
    found: list[tuple[float, int]] = []
    for draw in range(8):
        try:
            judgments = guarded(runner.judged, instance, draw)
        except FormulaError:
            return None
        if judgments is not None and not judgments[failing].passed:
            env = runner.environment(instance, draw, FLOAT)
            numbers = [value for value in env.values() if isinstance(value, int | float)]
            found.append((sum(map(abs, numbers)), draw))
    return min(found)[1] if found else None


def _counterexample(runner: Runner, instance: Instance, draw: int, failing: int) -> Counterexample:
    judgments = runner.judged(instance, draw)
    if judgments is None:
        raise FormulaError("a counterexample must satisfy the assumptions")
    judgment = judgments[failing]
    sign = runner.reading.comparisons[failing].sign
    words = tuple(words_at(runner, instance, draw))
    return Counterexample(words, text_of(judgment.left), sign, text_of(judgment.right), failing)


def words_at(runner: Runner, instance: Instance, draw: int) -> list[tuple[str, str]]:
    """An instance and its draw of the free variables for a reader: pairs of LaTeX and text.

    Args:
        runner: The claims, which name what is to be told.
        instance: The instance.
        draw: Number of the draw.
    """
    compiler, _ = runner.at(FLOAT)
    env = runner.environment(instance, draw, FLOAT)
    words = [(latex, text) for latex, text in instance.words(frozenset(compiler.uses))]
    shown = {latex for latex, _ in words}
    words += [(name, text_of(env[name])) for name in sorted(compiler.free) if name in env and name not in shown]
    for letter in sorted(compiler.families):
        members = env.get(f"family {letter}")
        is_shown = f"{letter}_1" in shown
        if not is_shown and isinstance(members, dict) and set(members) == set(range(1, len(members) + 1)):
            count = max((value for value in (env.get("k"), 2) if isinstance(value, int)), default=2)
            listed = ", ".join(text_of(members[place]) for place in sorted(members)[:count])
            words.append((f"{letter}_{{1:{count}}}", listed))
    return words
