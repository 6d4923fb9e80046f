"""Divergences of two laws, and entropies, as sums over the variables that the laws have in common."""

from collections.abc import Callable, Iterable
from typing import Any

from hw.checked_math.arithmetic import Arithmetic, multiply
from hw.checked_math.evaluation.compiler import Compiled, Compiler, Environment, together
from hw.checked_math.evaluation.laws import cells, check_mass, common_variables
from hw.checked_math.syntax import Divergence

__all__ = ["divergence"]


def divergence(compiler: Compiler, node: Divergence) -> Compiled:
    """A divergence or an entropy, in nats where it has logarithms."""
    names, laws = common_variables(compiler, node.laws)
    if node.kind in ("KL", "JSD", "H"):
        compiler.uses.add("transcendental")
    if node.kind == "TV":
        compiler.uses.add("kink")
    with compiler.bound(names):
        densities = together([compiler.number(law) for law in laws])
    is_symmetric = node.kind in ("JSD", "TV")  # a divergence from any measure is defined, one of a measure is not
    term, each, total = _term(node.kind, compiler.arithmetic), cells(compiler, names), compiler.total

    def terms(env: Environment) -> Iterable[Any]:
        inner = dict(env)
        first: Any = 0
        last: Any = 0
        for weight in each(inner):
            values = densities(inner)
            first, last = first + weight * values[0], last + weight * values[-1]
            yield multiply(weight, term(*values))
        check_mass(first, laws[0])
        if is_symmetric:
            check_mass(last, laws[-1])

    if node.kind not in ("JSD", "TV"):
        return lambda env: total(terms(env)), "number"
    half = compiler.arithmetic.ratio(1, 2)
    return lambda env: half * total(terms(env)), "number"


def _term(kind: str, arithmetic: Arithmetic) -> Callable[..., Any]:
    """What is added up: a function of the laws' densities at one point."""
    log, divide, infinity = arithmetic.functions["log"], arithmetic.divide, arithmetic.infinity

    def relative(p: Any, q: Any) -> Any:
        if p == 0:  # 0 log 0 = 0, whatever q is
            return 0
        return infinity if q == 0 else p * log(divide(p, q))

    def jensen_shannon(p: Any, q: Any) -> Any:
        middle = divide(p + q, 2)
        return relative(p, middle) + relative(q, middle)

    def chi_squared(p: Any, q: Any) -> Any:
        if q == 0:
            return 0 if p == 0 else infinity
        return divide((p - q) * (p - q), q)

    def total_variation(p: Any, q: Any) -> Any:
        return abs(p - q)

    def entropy(p: Any, q: Any = None) -> Any:
        return 0 if p == 0 else -p * log(p if q is None else q)

    return {
        "KL": relative,
        "JSD": jensen_shannon,
        "TV": total_variation,
        "chi2": chi_squared,
        "H": entropy,
    }[kind]
