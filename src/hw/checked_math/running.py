"""Claims on the instances of a model: values, judgments, and the arithmetic they need."""

import decimal
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from random import Random
from typing import Any

from hw.checked_math.arithmetic import CONTEXT, DIGITS, EXACT, FLOAT, Arithmetic
from hw.checked_math.errors import FormulaError
from hw.checked_math.evaluation.compiler import INSTANCE, Compiler, Environment, Evaluator, check_sort, holds
from hw.checked_math.evaluation.expressions import compiler_for
from hw.checked_math.grammar.statements import RELATIONS, Names, parse
from hw.checked_math.judging import Judgment, judge, judged_within
from hw.checked_math.models.model import Instance, Model, Searching
from hw.checked_math.reading import Context, Reading, claims
from hw.checked_math.syntax import Statement

__all__ = ["Draws", "Runner", "by_kind", "guarded"]

STRICT = ("<", ">", r"\neq")  # relations that an error of the values can make true
NEARLY = 1e-2  # sides further apart than this, relative to the largest term, are not so by the error of a search
ENOUGH = 200  # random instances of a finite model
ENOUGH_QUADRATURE = 5
ROUNDS = 8  # of a model's instances, while too few satisfy the assumptions
FEWEST = 40  # instances of a finite model that satisfy the assumptions; fewer say nothing
KINK = 0.02  # relative error of the trapezoid rule where the integrand has a kink
KINDS = {"sum", "kink", "jump", "mean", "det", "integral", "derivative", "numbers"}  # on which the instances depend
QUADRATURE = 1e-9  # relative error of an integral between bounds, for a smooth integrand


class Draws(Random):
    """Randomness that is cheap to start again, for free variables: a linear congruential generator."""

    def seed(self, a: Any = 0, version: int = 2) -> None:
        """Start from a whole number."""
        self.state = int(a or 0)
        self.random()

    def random(self) -> float:
        """A number from 0 to 1, 1 excluded."""
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64  # Knuth's MMIX
        return (self.state >> 11) / 2**53

    def getrandbits(self, k: int) -> int:
        """A whole number of so many bits."""
        self.random()
        return self.state >> (64 - k) if k <= 64 else Random(self.state).getrandbits(k)


class Runner:
    """The claims of a reading, compiled once for each arithmetic that is needed."""

    def __init__(self, reading: Reading, assumptions: Sequence[str], seed: int, dropped: Sequence[str] = ()) -> None:
        """Compile the claims in float64; see `verify` for the arguments."""
        self.reading, self.seed = reading, seed
        self.model = reading.model
        self.compiled: dict[str, tuple[Compiler, list[Evaluator]]] = {}
        self.draws = Draws()
        sides = [side for claim in reading.comparisons for side in (claim.left, claim.right)]
        self.sides = list({id(side): side for side in sides}.values())
        places = {id(side): place for place, side in enumerate(self.sides)}
        self.claims = [(places[id(claim.left)], claim.sign, places[id(claim.right)]) for claim in reading.comparisons]
        self.named, conditions = _assumptions(assumptions, self.model)
        compiler, _ = self.at(FLOAT)
        names, _ = Context().for_model(self.model)
        self.conditions = [
            (compiler.expression(claim.left), claim.sign, compiler.expression(claim.right))
            for text in conditions
            for statement in _condition(text, names)
            for claim in claims(statement)
        ]
        considered, _ = _assumptions([*assumptions, *dropped], self.model)
        self.uses = frozenset(compiler.uses | {f"assume:{name}" for name in considered})
        self.tolerance = QUADRATURE if "quadrature" in compiler.uses else None
        self.arithmetic = FLOAT if "transcendental" in compiler.uses else EXACT

    def at(self, arithmetic: Arithmetic) -> tuple[Compiler, list[Evaluator]]:
        """The compiler and the compiled sides of the claims in an arithmetic."""
        if arithmetic.name not in self.compiled:
            compiler = compiler_for(self.model, arithmetic, self.reading.definitions)
            self.compiled[arithmetic.name] = compiler, [compiler.expression(side) for side in self.sides]
            if arithmetic is FLOAT:
                refuse_orders_of_points(compiler, self.reading)
        return self.compiled[arithmetic.name]

    def environment(self, instance: Instance, draw: int, arithmetic: Arithmetic) -> Environment:
        """The instance with values of the free variables."""
        compiler, _ = self.compiled[FLOAT.name]
        in_arithmetic = instance.using(arithmetic)
        env = in_arithmetic.draw(compiler.free, compiler.families, self.random(draw))
        env[INSTANCE] = in_arithmetic
        return env

    def random(self, draw: int) -> Random:
        """The randomness of one draw."""
        self.draws.seed(draw)
        return self.draws

    def obeys(self, instance: Instance, env: Environment) -> bool:
        """Whether the assumptions hold."""
        for name in self.named:
            if not instance.holds(name):
                return False
        return not self.conditions or all(holds(sign, left(env), right(env)) for left, sign, right in self.conditions)

    def judged(self, instance: Instance, draw: int) -> "list[Judgment] | None":
        """One judgment a claim; None where the assumptions do not hold."""
        tolerance = max((each for each in (instance.tolerance, self.tolerance) if each is not None), default=None)
        is_integrated = instance.integrates or self.tolerance is not None
        if is_integrated and {"kink", "mean"} <= self.uses:
            tolerance = KINK
        arithmetic = self.arithmetic if tolerance is None else FLOAT
        env = self.environment(instance, draw, arithmetic)
        if not self.obeys(instance, env):
            return None
        compiler, sides = self.at(arithmetic)
        compiler.scale[0] = 0.0
        values = [side(env) for side in sides]
        if is_integrated and any(not isinstance(value, tuple) and abs(value) == math.inf for value in values):
            raise FormulaError("quadrature cannot tell an infinite value from a large one: use a finite model")
        found = []
        for number, (left, sign, right) in enumerate(self.claims):
            scale = compiler.scale[0]
            judgment = judge(sign, values[left], values[right], scale, tolerance, arithmetic, integrated=is_integrated)
            if judgment.doubtful:
                judgment = self.decided(instance, draw, number, judgment)
            elif instance.tolerance is not None and _is_near(sign, judgment, scale):
                judgment = self.allowed(env, number, judgment)
            found.append(judgment)
        return found

    def allowed(self, env: Environment, number: int, first: "Judgment") -> "Judgment":
        """The judgment of one claim, where its sides may differ by what the error of searched values makes of them.

        The sides are smooth in each value, so that to first order they are off by at most the sum of what they change
        by where one value after the other is moved by its error. That counts every factor that multiplies such an
        error, also where it is not seen in a sum, and nothing else, so that a wrong formula is not let pass with it.
        """
        left, sign, right = self.claims[number]
        instance, (_, sides) = env[INSTANCE], self.at(FLOAT)
        if not isinstance(instance, Searching):
            return first
        difference = first.left - first.right
        changes = []
        for moved in instance.moved():
            inner = {**env, INSTANCE: moved}
            changes.append(abs(sides[left](inner) - sides[right](inner) - difference))
        return judged_within(sign, first.left, first.right, sum(changes))

    def decided(self, instance: Instance, draw: int, number: int, first: "Judgment") -> "Judgment":
        """The judgment of one claim with sixty digits; values and slack stay those of float64."""
        with decimal.localcontext(CONTEXT):
            _, sides = self.at(DIGITS)
            left, sign, right = self.claims[number]
            env = self.environment(instance, draw, DIGITS)
            second = judge(sign, sides[left](env), sides[right](env), 0.0, None, DIGITS)
        return Judgment(second.passed, first.left, first.right, second.residual, first.slack, second.equal)

    def instances(self, rng: Random) -> Iterator[Instance]:
        """The model's instances; what the model refuses is an error of the formula."""
        try:
            yield from self.model.instances(rng, self.uses)
        except FormulaError:
            raise
        except ValueError as error:
            raise FormulaError(str(error)) from None

    def accepted(self) -> "Iterator[tuple[Instance, int, list[Judgment]]]":
        """Instances that satisfy the assumptions, with the judgments there."""
        rng = Random(self.seed)
        accepted = 0
        for _ in range(ROUNDS):
            generated = 0
            for instance in self.instances(rng):
                generated += 1
                draw = rng.getrandbits(32)
                judgments = guarded(self.judged, instance, draw)
                if judgments is not None:
                    accepted += 1
                    yield instance, draw, judgments
            enough = ENOUGH if generated >= ENOUGH else ENOUGH_QUADRATURE
            if accepted >= enough:
                return
            if not generated:
                raise FormulaError(f"the model {self.model.name} has no instance for this formula")
        fewest = FEWEST if generated >= ENOUGH else ENOUGH_QUADRATURE
        if accepted < fewest:
            model = self.model.name
            raise FormulaError(f"at least {fewest} instances of {model} must satisfy the assumptions, got {accepted}")


def _is_near(sign: str, judgment: Judgment, scale: float) -> bool:
    """Whether an error of the values may have decided: a claim fails, or a strict one holds, and by little."""
    sides = judgment.left, judgment.right
    if judgment.equal or (judgment.passed and sign not in STRICT) or not all(isinstance(x, int | float) for x in sides):
        return False
    return abs(judgment.left - judgment.right) <= NEARLY * max(1.0, *map(abs, sides), scale) < math.inf


def by_kind(reading: Reading) -> list[tuple[int, ...]]:
    """Claims, by number, in groups that may share instances: one claim must not restrict those of another."""
    numbers = tuple(range(len(reading.comparisons))) if reading.chosen is None else reading.chosen
    if reading.model.vocabulary.points:  # a finite model has the same instances for all claims
        return [numbers]
    groups: dict[frozenset[str], list[int]] = {}
    for number, claim in zip(numbers, reading.comparisons, strict=True):
        compiler = compiler_for(reading.model, FLOAT, reading.definitions)
        for side in (claim.left, claim.right):
            compiler.expression(side)
        refuse_orders_of_points(compiler, replace(reading, chosen=(number,)))
        groups.setdefault(frozenset(compiler.uses & KINDS), []).append(number)
    return [tuple(group) for group in groups.values()]


def refuse_orders_of_points(compiler: Compiler, reading: Reading) -> None:
    """Both sides of an inequality must be numbers, and a point can only be equal to a point."""
    for claim in reading.comparisons:
        if claim.sign in ("<", ">", r"\le", r"\ge"):
            compiler.number(claim.left)
            compiler.number(claim.right)
        elif claim.sign in ("=", r"\neq"):
            sorts = [compiler.compile(side)[1] for side in (claim.left, claim.right)]
            if any(sort in compiler.vocabulary.points for sort in sorts):
                check_sort(compiler, f"what stands behind {claim.sign}", sorts[0], sorts[1], claim.right)


def guarded(function: Any, *arguments: Any) -> Any:
    """A call in which what Python raises on values that cannot be computed with becomes an error of the formula."""
    try:
        return function(*arguments)
    except FormulaError:
        raise
    except (TypeError, ArithmeticError, LookupError, AttributeError, ValueError, RecursionError) as error:
        raise FormulaError(f"the formula computes with values that are no numbers ({error})") from error


def _assumptions(assumptions: Sequence[str], model: Model) -> tuple[list[str], list[str]]:
    """Assumptions that the model knows by name, and conditions written as relations."""
    known = {_squeezed(name): name for name in model.vocabulary.assumptions}
    named = [known[_squeezed(text)] for text in assumptions if _squeezed(text) in known]
    return named, [text for text in assumptions if _squeezed(text) not in known]


def _squeezed(text: str) -> str:
    return "".join(text.split()).replace(r"\ll", "<<").replace(r"\gg", ">>")


def _condition(text: str, names: Names) -> list[Statement]:
    known = ", ".join(names.vocabulary.assumptions)
    if not any(sign in text for sign in RELATIONS | {r"\geq", r"\leq"}):
        raise FormulaError(f"an assumption must be a relation or one of {known}, got {text}")
    try:
        return parse(text.replace("<=", r"\le ").replace(">=", r"\ge ").replace("!=", r"\neq "), names)
    except FormulaError as error:
        raise FormulaError(f"an assumption must be a relation or one of {known}, got {text}: {error}") from None
