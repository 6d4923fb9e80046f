"""Claims on instances: does a formula hold, and if not, where does it fail first?"""

import decimal
import math
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, NamedTuple

from hw.checked_math.arithmetic import CONTEXT, DIGITS, EXACT, FLOAT, Arithmetic, undefined
from hw.checked_math.errors import FormulaError
from hw.checked_math.evaluation.compiler import INSTANCE, Compiler, Environment, Evaluator, holds
from hw.checked_math.evaluation.expressions import compiler_for
from hw.checked_math.grammar.names import bare_letter
from hw.checked_math.grammar.statements import RELATIONS, Names, parse
from hw.checked_math.models.model import Instance, Law, Model
from hw.checked_math.records import Counterexample, Relation
from hw.checked_math.syntax import Chain, Comparison, Definition, Statement

__all__ = [
    "Context",
    "Judgment",
    "Outcome",
    "Reading",
    "Runner",
    "guarded",
    "judge",
    "read",
    "seed_of",
    "text_of",
    "verify",
]

ENOUGH = 200  # random instances of a finite model
ENOUGH_QUADRATURE = 5
ROUNDS = 8  # of a model's instances, while too few satisfy the assumptions
ROUNDING = 1e-13  # two float64 values this close, relative to the largest term, are equal
DOUBT = 1e-6  # between this and rounding, fifty digits decide
LARGE = 1e3  # terms so many times larger than the value cancel, and fifty digits decide
EPSILON = 2.0**-52
DIGITS_ROUNDING = decimal.Decimal("1e-35")
SHRINKING = 400  # instances tried while a counterexample is made smaller
SMALLEST_SCALE = 1.0
QUADRATURE = 1e-9  # relative error of an integral between bounds, for a smooth integrand
SEEDS = 16  # a formula's id chooses one of so many sets of instances, which formulas of the same seed share


@dataclass
class Context:
    """The definitions of a page so far, for each model: a later formula uses them as displayed."""

    sources: list[str] = field(default_factory=list)
    known: dict[str, tuple[Names, dict[str, Definition]]] = field(default_factory=dict)

    def for_model(self, model: Model) -> tuple[Names, dict[str, Definition]]:
        """Names and definitions in a model's vocabulary."""
        if model.name not in self.known:
            names, definitions = Names(model.vocabulary), {}
            for source in self.sources:
                try:
                    statements = parse(source, names)
                except FormulaError:  # a definition that this model cannot express is unknown to its formulas
                    continue
                for statement in statements:
                    if statement.definition:
                        definitions[statement.definition.name] = statement.definition
            self.known[model.name] = names, definitions
        return self.known[model.name]

    def add(self, source: str) -> None:
        """Know the definitions of a formula from here on."""
        self.sources.append(source)
        self.known.clear()

    def copy(self) -> "Context":
        """A context of its own with the same definitions."""
        return Context(list(self.sources), dict(self.known))


@dataclass
class Outcome:
    """What came of the claims of one formula in one model."""

    instances: int = 0
    relations: list[Relation] = field(default_factory=list)
    counterexample: Counterexample | None = None
    found_at: Any = None


@dataclass(frozen=True)
class Reading:
    """A formula in one model: its statements, and the definitions it may use, its own among them."""

    source: str
    model: Model
    statements: tuple[Statement, ...]
    definitions: Mapping[str, Definition]

    @property
    def comparisons(self) -> list[Comparison]:
        """All its claims, in order."""
        return [claim for statement in self.statements for claim in claims(statement)]


def seed_of(id: str) -> int:
    """Seed of a formula's random instances."""
    return zlib.crc32(id.encode()) % SEEDS


def claims(statement: Statement) -> Iterator[Comparison]:
    """The claims of a statement, one a relation sign."""
    chain: Chain | None = statement.chain
    if chain:
        for left, sign, right in zip(chain.parts, chain.signs, chain.parts[1:], strict=False):
            yield Comparison(left.start, right.end, left, sign, right)


def read(source: str, model: Model, context: Context) -> Reading:
    """Parse a formula in a model, after the definitions of its page, and refuse what redefines them.

    Raises:
        FormulaError: If the formula is not of the grammar, uses a name that is not known, or redefines one.
    """
    names, known = context.for_model(model)
    names = Names(names.vocabulary, set(names.functions), set(names.families), set(names.labeled))
    statements = parse(source, names)
    definitions = dict(known)
    kept = []
    for statement in statements:
        definition = statement.definition
        if definition:
            if definition.name in definitions:
                raise FormulaError(f"{definition.name} is defined twice", definition.start)
            _refuse_law(definition, model)
            _check_definition(definition, model, definitions)
            definitions[definition.name] = definition
        kept.append(statement)
    return Reading(source, model, tuple(kept), definitions)


def _refuse_law(definition: Definition, model: Model) -> None:
    name = definition.name
    vocabulary = model.vocabulary
    taken = {*vocabulary.functions, *vocabulary.sets, *vocabulary.families, *vocabulary.variables}
    if name in taken:
        raise FormulaError(f"{name} is a name of the model {model.name} and cannot be redefined", definition.start)
    letter = name.partition("(")[0].partition("_")[0]
    if letter not in vocabulary.laws or "|" not in name or name in vocabulary.definable:
        return
    before = int(name.rpartition("(")[2].partition("|")[0])
    sorts = [vocabulary.variables.get(bare_letter(argument), "") for argument, _ in definition.arguments]
    label = name.partition("(")[0].partition("_")[2].strip("{}") if "_" in name.partition("(")[0] else ""
    try:
        model.law(Law(letter, label), tuple(sorts[:before]), tuple(sorts[before:]))
    except ValueError:
        return
    raise FormulaError(f"a law of the model {model.name} cannot be redefined", definition.start)


def _check_definition(definition: Definition, model: Model, known: Mapping[str, Definition]) -> None:
    """A definition is compiled where it stands, so that an unknown name in it is an error there."""
    compiler = compiler_for(model, FLOAT, known)
    bound: dict[str, str] = {}
    for name in definition.indices:
        bound[name] = model.vocabulary.variables.get(bare_letter(name), "index")
    for name, length in definition.arguments:
        if length:
            bound |= {f"family {name}": model.vocabulary.families.get(name, "number"), length: "count"}
        else:
            is_function = name in model.vocabulary.functions
            bound[name] = "function" if is_function else model.vocabulary.variables.get(bare_letter(name), "number")
    with compiler.bound(bound):
        compiler.expression(definition.body)


# ---- running ----


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
        tolerance = instance.tolerance if instance.tolerance is not None else self.tolerance
        arithmetic = self.arithmetic if tolerance is None else FLOAT
        env = self.environment(instance, draw, arithmetic)
        if not self.obeys(instance, env):
            return None
        compiler, sides = self.at(arithmetic)
        compiler.scale[0] = 0.0
        values = [side(env) for side in sides]
        found = []
        for number, (left, sign, right) in enumerate(self.claims):
            judgment = judge(sign, values[left], values[right], compiler.scale[0], tolerance, arithmetic)
            found.append(self.decided(instance, draw, number, judgment) if judgment.doubtful else judgment)
        return found

    def decided(self, instance: Instance, draw: int, number: int, first: "Judgment") -> "Judgment":
        """The judgment of one claim with fifty digits; residual and slack stay those of float64."""
        with decimal.localcontext(CONTEXT):
            _, sides = self.at(DIGITS)
            left, sign, right = self.claims[number]
            env = self.environment(instance, draw, DIGITS)
            second = judge(sign, sides[left](env), sides[right](env), 0.0, None, DIGITS)
        return Judgment(second.passed, first.left, first.right, first.residual, first.slack, second.equal)

    def instances(self, rng: Random) -> Iterator[Instance]:
        """The model's instances; what the model refuses is an error of the formula."""
        try:
            yield from self.model.instances(rng, self.uses)
        except FormulaError:
            raise
        except ValueError as error:
            raise FormulaError(str(error)) from None

    def accepted(self, limit: int | None = None) -> "Iterator[tuple[Instance, int, list[Judgment]]]":
        """Instances that satisfy the assumptions, with the judgments there."""
        rng = Random(self.seed)
        accepted = 0
        for _ in range(ROUNDS):
            generated, quadrature = 0, False
            for instance in self.instances(rng):
                generated += 1
                draw = rng.getrandbits(32)
                judgments = guarded(self.judged, instance, draw)
                quadrature = quadrature or instance.tolerance is not None
                if judgments is not None:
                    accepted += 1
                    yield instance, draw, judgments
            enough = ENOUGH if generated >= ENOUGH else ENOUGH_QUADRATURE
            if accepted >= enough:
                return
            if not generated:
                raise FormulaError(f"the model {self.model.name} has no instance for this formula")
        if not accepted:
            raise FormulaError(f"no instance of {self.model.name} satisfies the assumptions")


class Judgment(NamedTuple):
    """One claim on one instance."""

    passed: bool
    left: Any
    right: Any
    residual: float | None = None
    slack: float | None = None
    equal: bool = False
    doubtful: bool = False


def judge(sign: str, left: Any, right: Any, scale: float, tolerance: float | None, arithmetic: Arithmetic) -> Judgment:
    """Whether two values stand in a relation up to rounding; doubtful where float64 cannot tell."""
    if type(left) is float and type(right) is float and tolerance is None and arithmetic is FLOAT and sign == "=":
        difference, size = abs(left - right), max(left, -left, right, -right, SMALLEST_SCALE)
        if difference <= ROUNDING * size < math.inf and scale <= LARGE * size:  # the common case, in short
            return Judgment(True, left, right, difference / size, None, True)
    if sign in (r"\in", r"\notin", r"\subseteq") or isinstance(left, frozenset | tuple | str | range):
        if isinstance(left, range):
            left = frozenset(left)
        if isinstance(right, range):
            right = frozenset(right)
        if sign == "=" and isinstance(left, tuple) and isinstance(right, tuple) and len(left) == len(right):
            return _judge_tuples(left, right, scale, tolerance, arithmetic)
        try:
            passed = holds(sign, left, right)
        except TypeError:
            raise FormulaError(f"the two sides of {sign} cannot be compared") from None
        return Judgment(passed, left, right, 0.0 if sign == "=" and passed else None)
    if isinstance(right, frozenset | tuple | str | range):
        raise FormulaError(f"the two sides of {sign} cannot be compared")
    may_overflow = arithmetic is FLOAT and tolerance is None
    if undefined(left) or undefined(right):
        return Judgment(False, left, right, doubtful=may_overflow)
    infinite = abs(left) == math.inf or abs(right) == math.inf
    if arithmetic is EXACT and not isinstance(left, float) and not isinstance(right, float):
        difference, band = left - right, 0
        relative = 0.0 if difference == 0 else float(abs(difference))
    elif infinite:
        passed = holds(sign, left, right)
        equal = left == right
        slack = None if sign in ("=", r"\neq") else 0.0 if equal else math.inf
        doubtful = may_overflow and not passed
        return Judgment(passed, left, right, 0.0 if sign == "=" and passed else None, slack, equal, doubtful)
    else:
        difference = left - right
        size = max(abs(left), abs(right), SMALLEST_SCALE) if arithmetic is not DIGITS else max(abs(left), abs(right), 1)
        if arithmetic is DIGITS:
            band, relative = DIGITS_ROUNDING * size, float(abs(difference) / size)
        else:
            largest = max(size, min(scale, LARGE * size))
            band, relative = (tolerance or ROUNDING) * largest, float(abs(difference)) / largest
            if tolerance is not None and scale * EPSILON > band:
                raise FormulaError("the terms of the formula are so large that they hide its value")
    equal = abs(difference) <= band
    doubtful = arithmetic is FLOAT and tolerance is None and (
        ROUNDING < relative < DOUBT or scale > LARGE * size or (equal and sign not in ("=", r"\ge", r"\le"))
    )  # fmt: skip
    passed = {
        "=": equal,
        r"\neq": not equal,
        r"\ge": equal or difference > 0,
        r"\le": equal or difference < 0,
        ">": not equal and difference > 0,
        "<": not equal and difference < 0,
    }[sign]
    if sign == "=":
        return Judgment(passed, left, right, relative, None, equal, doubtful)
    slack = None if sign == r"\neq" else float(difference) if sign in (r"\ge", ">") else -float(difference)
    return Judgment(passed, left, right, None, 0.0 if equal and slack is not None else slack, equal, doubtful)


def _judge_tuples(
    left: tuple[Any, ...], right: tuple[Any, ...], scale: float, tolerance: float | None, arithmetic: Arithmetic
) -> Judgment:
    """Points of a plane, vectors and offsets are equal where all their parts are."""
    parts = [judge("=", a, b, scale, tolerance, arithmetic) for a, b in zip(left, right, strict=True)]
    residual = max((part.residual or 0.0 for part in parts), default=0.0)
    return Judgment(all(part.passed for part in parts), left, right, residual)


def guarded(function: Any, *arguments: Any) -> Any:
    """A call in which what Python raises on values that cannot be computed with becomes an error of the formula."""
    try:
        return function(*arguments)
    except FormulaError:
        raise
    except (TypeError, ArithmeticError, LookupError, AttributeError, ValueError, RecursionError) as error:
        raise FormulaError(f"the formula computes with values that are no numbers ({error})") from error


def verify(
    reading: Reading, assumptions: Sequence[str], seed: int, *, dropped: Sequence[str] = (), first_only: bool = False
) -> Outcome:
    """Try a formula on the instances of its model.

    Args:
        reading: The formula in the model.
        assumptions: Conditions under which it is claimed.
        seed: Seed of the random instances.
        dropped: Conditions that are not demanded, so that instances which break them are tried.
        first_only: Stop at the first counterexample and do not make it smaller, as for a mutant.

    Returns:
        The relations with their residuals and slacks, and the smallest counterexample found, if any.

    Raises:
        FormulaError: If a value cannot be computed, or no instance satisfies the assumptions.
    """
    runner = Runner(reading, assumptions, seed, dropped)
    outcome = Outcome()
    comparisons = reading.comparisons
    best = [_Tally() for _ in comparisons]
    for instance, draw, judgments in runner.accepted():
        outcome.instances += 1
        failing = next((place for place, judgment in enumerate(judgments) if not judgment.passed), None)
        if failing is not None:
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
    judgment = judgments[failing]  # type: ignore[index]
    compiler, _ = runner.at(FLOAT)
    env = runner.environment(instance, draw, FLOAT)
    words = [(latex, text) for latex, text in instance.words(frozenset(compiler.uses))]
    shown = {latex for latex, _ in words}
    words += [(name, text_of(env[name])) for name in sorted(compiler.free) if name in env and name not in shown]
    for letter in sorted(compiler.families):
        members = env.get(f"family {letter}")
        if isinstance(members, dict) and set(members) == set(range(1, len(members) + 1)):
            count = max((value for value in (env.get("k"), 2) if isinstance(value, int)), default=2)
            listed = ", ".join(text_of(members[place]) for place in sorted(members)[:count])
            words.append((f"{letter}_{{1:{count}}}", listed))
    sign = runner.reading.comparisons[failing].sign
    return Counterexample(tuple(words), text_of(judgment.left), sign, text_of(judgment.right), failing)


def text_of(value: Any) -> str:
    """A value for a reader."""
    if isinstance(value, frozenset | set):
        return "{" + ", ".join(sorted(map(text_of, value))) + "}"
    if isinstance(value, tuple):
        return "(" + ", ".join(map(text_of, value)) + ")"
    if isinstance(value, str | bool):
        return str(value)
    if undefined(value):
        return "undefined"
    if abs(value) == math.inf:
        return "∞" if value > 0 else "−∞"
    text = str(value) if isinstance(value, int) else f"{float(value):.6g}"
    return text.replace("-", "−")


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
