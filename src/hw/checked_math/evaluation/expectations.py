"""Means, variances and covariances over draws: of laws, of independent copies of one, of random subsets.

A draw is the names it binds, with their sorts, and a function that sets them, in place, to each value in turn and gives
the masses.
"""

import itertools
import math
from collections.abc import Callable, Iterable
from typing import Any

from hw.checked_math.arithmetic import multiply
from hw.checked_math.errors import FormulaError
from hw.checked_math.evaluation.compiler import INSTANCE, STEPS, Compiled, Compiler, Environment, Evaluator
from hw.checked_math.evaluation.laws import cells, check_mass, common_variables, variables_of, with_variables
from hw.checked_math.evaluation.sets import whole, whole_numbers
from hw.checked_math.grammar.names import bare_letter
from hw.checked_math.syntax import Binder, Density, Expectation, Name, Node

__all__ = ["expectation"]

Masses = Callable[[Environment], Iterable[Any]]
Draw = tuple[dict[str, str], Masses]
MEANS = "@means"  # of what a covariance is taken of; no name of a formula looks like this
Atoms = Callable[[Environment], list[tuple[Any, Any]]]  # the points that have mass, and their masses


def expectation(compiler: Compiler, node: Expectation) -> Compiled:
    """A mean, a variance or a covariance."""
    draws = _draws(compiler, node)
    with compiler.bound({name: sort for names, _ in draws for name, sort in names.items()}):
        bodies = [compiler.number(body) for body in node.bodies]
    if (node.operator == "Cov") != (len(bodies) == 2):
        raise FormulaError(f"{node.operator} takes {1 + (node.operator == 'Cov')} argument(s)", node.start)
    if node.operator == "E":
        return _mean(compiler, draws, bodies[0]), "number"
    return _covariance(compiler, draws, bodies[0], bodies[-1]), "number"


def _draws(compiler: Compiler, node: Expectation) -> list[Draw]:
    if node.law is not None:
        return _draws_of_law(compiler, node.law)
    if not node.binders:
        raise FormulaError(f"{node.operator} must say below over which law it is taken", node.start)
    return [_draw_of_binder(compiler, binder) for binder in node.binders]


def _mean(compiler: Compiler, draws: list[Draw], body: Evaluator) -> Evaluator:
    for _, masses in reversed(draws):
        body = _mean_over(compiler, masses, body)
    return lambda env: body(dict(env))


def _mean_over(compiler: Compiler, masses: Masses, body: Evaluator) -> Evaluator:
    total = compiler.total

    def terms(env: Environment) -> Iterable[Any]:
        for mass in masses(env):
            value = body(env)
            yield mass * value if value != 0 else 0

    return lambda env: total(terms(env))


def _covariance(compiler: Compiler, draws: list[Draw], first: Evaluator, last: Evaluator) -> Evaluator:
    mean_of_first, mean_of_last = _mean(compiler, draws, first), _mean(compiler, draws, last)

    def product(env: Environment) -> Any:
        a, b = env[MEANS]
        return multiply(first(env) - a, last(env) - b)

    mean_of_product = _mean(compiler, draws, product)
    return lambda env: mean_of_product({**env, MEANS: (mean_of_first(env), mean_of_last(env))})


# ---- draws of laws ----


def _draws_of_law(compiler: Compiler, law: Node) -> list[Draw]:
    random = compiler.vocabulary.random
    if isinstance(law, Name) and law.name in random and law.name not in compiler.definitions:
        of = Density(law.start, law.end, random[law.name])
        return [_draw_of_binder(compiler, Binder(law.start, law.end, law.name, law=of))]
    found, _ = common_variables(compiler, (law,))
    names = {_plain(compiler, name, sort): sort for name, sort in found.items()}
    with compiler.bound(names):
        density = compiler.number(with_variables(compiler, law, {sort: name for name, sort in names.items()}))
    weights = cells(compiler, names)

    def masses(env: Environment) -> Iterable[Any]:
        total: Any = 0
        for weight in weights(env):
            mass = multiply(weight, density(env))
            total = total + mass
            if mass != 0:
                yield mass
        check_mass(total, law)

    return [(names, masses)]


def _plain(compiler: Compiler, name: str, sort: str) -> str:
    """The variable that an expectation under a bare law binds: the model's letter of that sort."""
    if not name.startswith("·"):
        return name
    return next(letter for letter, own in compiler.vocabulary.variables.items() if own == sort)


def _draw_of_binder(compiler: Compiler, binder: Binder) -> Draw:
    if binder.size is not None:
        return _draw_of_subset(compiler, binder)
    if binder.law is None:
        raise FormulaError("expected a law", binder.start)
    sort, name = _sort_of_draw(compiler, binder, binder.law), binder.name
    atoms = _atoms(compiler, binder.law, sort)
    if binder.first is not None:
        if binder.first is binder.last and f"family {name}" not in compiler.scope:  # the other members are free
            compiler.families.setdefault(name, sort)
        return {f"family {name}": sort}, _copies(compiler, binder, atoms)

    def masses(env: Environment) -> Iterable[Any]:
        for point, mass in atoms(env):
            env[name] = point
            yield mass

    return {name: sort}, masses


def _atoms(compiler: Compiler, law: Node, sort: str) -> Atoms:
    own = _drawn_variable(compiler, law, sort)
    compiler.uses.add("mean")
    with compiler.bound({own: sort}):
        density = compiler.number(with_variables(compiler, law, {sort: own}))

    def atoms(env: Environment) -> list[tuple[Any, Any]]:
        inner = dict(env)
        found = []
        space = env[INSTANCE].space(sort)
        compiler.spend(len(space))
        for point, weight in space:
            inner[own] = point
            mass = multiply(weight, density(inner))
            if mass != 0:
                found.append((point, mass))
        check_mass(sum(mass for _, mass in found), law)
        return found

    return atoms


def _sort_of_draw(compiler: Compiler, binder: Binder, law: Node) -> str:
    sort = compiler.vocabulary.variables.get(bare_letter(binder.name), "")
    if sort:
        return sort
    sorts = set(variables_of(compiler, law).values())
    if len(sorts) != 1:
        raise FormulaError(f"{binder.name} must be a variable that the law is a law of", binder.start)
    return sorts.pop()


def _drawn_variable(compiler: Compiler, law: Node, sort: str) -> str:
    r"""The name under which the law knows what is drawn: `z` in `z_{1:k} \sim q(z | x)`."""
    try:
        names = variables_of(compiler, law)
    except FormulaError:
        if not isinstance(law, Density) or law.left is not None:
            raise
        return "@drawn"
    plain = (name for name, own in names.items() if own == sort and not name.startswith("·"))
    return next(plain, "@drawn")


# ---- copies and subsets ----


def _copies(compiler: Compiler, binder: Binder, atoms: Atoms) -> Masses:
    """Independent draws of the members of a family, in place of those it had."""
    if binder.first is None or binder.last is None:
        raise FormulaError("expected the first and the last index", binder.start)
    indices_of, key = whole_numbers(compiler, binder.first, binder.last), f"family {binder.name}"
    single = binder.first is binder.last

    def masses(env: Environment) -> Iterable[Any]:
        indices = indices_of(env)
        points = atoms(env)
        compiler.spend(len(points) ** len(indices) if len(indices) < 64 else STEPS + 1)
        before = env.get(key, {}) if single else {}
        for combination in itertools.product(points, repeat=len(indices)):
            mass: Any = 1
            for _, own in combination:
                mass = mass * own
            env[key] = {**before, **{index: point for index, (point, _) in zip(indices, combination, strict=True)}}
            yield mass

    return masses


def _draw_of_subset(compiler: Compiler, binder: Binder) -> Draw:
    if binder.over is None or binder.size is None:
        raise FormulaError("expected a set and the size of its subsets", binder.start)
    over, _ = compiler.compile(binder.over)
    size = compiler.number(binder.size)
    name, ratio = binder.name, compiler.arithmetic.ratio

    def masses(env: Environment) -> Iterable[Any]:
        members, count = sorted(over(env)), whole(size(env))
        if not 0 <= count <= len(members):
            yield compiler.arithmetic.nan  # there is no such subset to take a mean over
            return
        number = math.comb(len(members), count)
        compiler.spend(number)
        mass = ratio(1, number)
        for subset in itertools.combinations(members, count):
            env[name] = frozenset(subset)
            yield mass

    return {name: "set"}, masses
