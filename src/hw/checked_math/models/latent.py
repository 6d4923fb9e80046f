r"""A latent variable with finitely many values: every expectation is a finite sum.

An observation x and a latent variable z with any joint law p, and any law q(z | x). Conventions: a free x is an
observation, so p(x) > 0 under every label written; a free z can occur, likewise; a free z_j is a draw of q(z | x). A
conditional law given an event of probability zero is some law, as in the theory. A subset's size obeys m <= k. Laws
with different labels, `p_\theta` and `p_{\theta'}`, are drawn independently, but now and then equal or far apart, and
with foreign or missing mass unless positivity is assumed. Without a definition on the page `q(z)` is any law of z.
"""

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property, lru_cache
from random import Random
from typing import Any

from hw.checked_math.arithmetic import FLOAT, Arithmetic
from hw.checked_math.models.model import Law, Vocabulary

__all__ = ["LATENT", "Latent", "LatentInstance"]

Rows = tuple[tuple[int, ...], ...]
SIGNATURES = {
    "p": {("x",): (), ("z",): (), ("x", "z"): (), ("z", "x"): ()},
    "q": {("z",): ()},
}
CONDITIONALS = {("p", "x", "z"), ("p", "z", "x"), ("q", "z", "x")}
RANDOM = 160  # with the degenerate ones more than 210 in all
TINY = 10**9  # in an unlikely event's odds
NUMBERS = ((-30, 1), (30, 1), (59, 2), (-1, 1000), (1, 1000), (999, 1000), (1, 10**6))  # free ones, now and then
WEIGHTS = (*range(1, 10), 1, 1, 10**3, 10**6, 10**200)  # whose ratios stand for free families of numbers
LAWS: dict[str, tuple[str, str, tuple[str, ...], tuple[str, ...]]] = {}  # what the keys of densities stand for


@dataclass(frozen=True)
class LatentInstance:
    """Whole-number weights of the joint law (a row an x, a column a z) and of q (a row an x)."""

    joint: Rows
    variational: Rows
    seed: int = 0
    primary: tuple[tuple[str, str], ...] = (("p", ""), ("q", ""))
    labels: tuple[str, ...] = ()  # of p, other than the primary one
    positive: bool = False  # whether positivity is assumed
    arithmetic: Arithmetic = FLOAT
    tolerance: float | None = None
    integrates = False

    def using(self, arithmetic: Arithmetic) -> "LatentInstance":
        """The same weights, divided in another arithmetic."""
        if arithmetic is self.arithmetic:
            return self
        if arithmetic.name not in self._others:
            self._others[arithmetic.name] = replace(self, arithmetic=arithmetic)
        return self._others[arithmetic.name]

    @cached_property
    def _others(self) -> dict[str, "LatentInstance"]:
        return {}

    @cached_property
    def points(self) -> dict[str, tuple[str, ...]]:
        """Names of the values of x and z."""
        return {
            "x": tuple(f"x{place}" for place in range(1, len(self.joint) + 1)),
            "z": tuple(f"z{place}" for place in range(1, len(self.joint[0]) + 1)),
        }

    def space(self, sort: str) -> Sequence[tuple[Any, Any]]:
        """The values of x or of z, each of weight 1."""
        return self._spaces[sort]

    @cached_property
    def _spaces(self) -> dict[str, list[tuple[str, int]]]:
        return {sort: [(point, 1) for point in points] for sort, points in self.points.items()}

    @cached_property
    def _densities(self) -> dict[Any, Callable[..., Any]]:
        return {}

    def density(self, key: Any) -> Callable[..., Any]:
        """Mass of a value, or of a pair in the order of the key's sorts."""
        found = self._densities.get(key)
        if found is None:
            found = self._densities[key] = self._density(*LAWS[key])
        return found

    def _density(self, letter: str, label: str, left: tuple[str, ...], right: tuple[str, ...]) -> Callable[..., Any]:
        weights = self._weights(letter, label)
        xs, zs = self.points["x"], self.points["z"]
        if letter == "q":
            rows = {x: self._normalized(dict(zip(zs, row, strict=True))) for x, row in zip(xs, weights, strict=True)}
            return (lambda z, x: rows[x][z]) if right else rows[xs[0]].__getitem__
        total, ratio = sum(map(sum, weights)), self.arithmetic.ratio
        if right or len(left) == 1:
            by_x = dict(zip(xs, weights, strict=True))
            by_z = dict(zip(zs, zip(*weights, strict=True), strict=True))
            if not right:
                marginal = {point: ratio(sum(row), total) for point, row in (by_x if left == ("x",) else by_z).items()}
                return marginal.__getitem__
            given, values = (by_z, xs) if left == ("x",) else (by_x, zs)
            table = {point: self._normalized(dict(zip(values, row, strict=True))) for point, row in given.items()}
            return lambda value, condition: table[condition][value]
        joint = {
            (x, z): ratio(weight, total)
            for x, row in zip(xs, weights, strict=True)
            for z, weight in zip(zs, row, strict=True)
        }
        return (lambda x, z: joint[x, z]) if left == ("x", "z") else lambda z, x: joint[x, z]

    def _normalized(self, weights: Mapping[str, int]) -> dict[str, Any]:
        """A law with these weights; where they are all zero, the uniform law: any would do."""
        total, ratio = sum(weights.values()), self.arithmetic.ratio
        if total == 0:
            return {point: ratio(1, len(weights)) for point in weights}
        return {point: ratio(weight, total) for point, weight in weights.items()}

    def _weights(self, letter: str, label: str) -> Rows:
        if dict(self.primary).get(letter) == label:
            return self.joint if letter == "p" else self.variational
        rng = Random(f"{self.seed} {letter} {label}")
        rows = _other(rng, self.joint if letter == "p" else self.variational, self.positive)
        return (
            _overlapping(rows, self.joint)
            if letter == "p"
            else tuple(row if any(row) else (1,) * len(row) for row in rows)
        )

    def function(self, name: str) -> Any:
        """The model has no functions."""
        raise KeyError(name)

    def jacobian(self, name: str, at: Any) -> Any:
        """The model has no maps."""
        raise KeyError(name)

    def draw(self, variables: Mapping[str, str], families: Mapping[str, str], rng: Random) -> dict[str, Any]:
        """An observation, latent values that can occur, draws of q, and whole numbers with m <= k."""
        found: dict[str, Any] = {}
        observed, possible = self._possible
        x = observed[int(rng.random() * len(observed))]
        columns = len(self.joint[0])
        sizes = (1, 1, 2, 2, 2 if columns > 4 else 3, 5 if columns == 2 else 2)  # few copies of many z, to save time
        k, other = (sizes[int(rng.random() * 6)] for _ in "kK")
        most = other if "K" in variables and "k" not in variables else k  # of m and of indices
        for name, sort in sorted(variables.items()):
            if sort == "x":
                found[name] = x if name == "x" else rng.choice(observed)
            elif sort == "z":
                found[name] = possible[int(rng.random() * len(possible))]
            elif sort == "count":
                found[name] = {"k": k, "K": other}.get(name) or rng.randint(1, most if name == "m" else 4)
            elif sort == "index":
                found[name] = rng.randint(1, most)
            else:
                kind = rng.random()
                found[name] = self.arithmetic.ratio(
                    *(
                        rng.choice(NUMBERS)
                        if kind < 0.2
                        else (rng.randint(-8, 12) if kind < 0.8 else rng.randint(-80, 80), 4)
                    )
                )
        for letter, sort in families.items():
            if sort == "number":  # as weights of draws: positive
                odds = [self.arithmetic.ratio(rng.choice(WEIGHTS), rng.choice(WEIGHTS)) for _ in range(8)]
                found[f"family {letter}"] = dict(enumerate(odds, start=1))
                continue
            row = self.variational[self.points["x"].index(x)]
            drawn = [z for z, weight in zip(self.points["z"], row, strict=True) if weight]
            found[f"family {letter}"] = {place: rng.choice(drawn if sort == "z" else observed) for place in range(1, 9)}
        return found

    @cached_property
    def _possible(self) -> tuple[list[str], list[str]]:
        laws = [self.joint, *(self._weights("p", label) for label in self.labels)]
        found = []
        for sort, tables in (("x", laws), ("z", [tuple(zip(*law, strict=True)) for law in laws])):
            masses = zip(self.points[sort], *([any(row) for row in table] for table in tables), strict=True)
            own = [(point, all(rest)) for point, primary, *rest in masses if primary]
            found.append([point for point, common in own if common] or [point for point, _ in own])
        return found[0], found[1]

    def holds(self, assumption: str) -> bool:
        """Whether the supports are as assumed, at every x that can be observed."""
        rows = [(posterior, own) for posterior, own in zip(self.joint, self.variational, strict=True) if any(posterior)]
        if assumption == "positive":
            return all(all(posterior) and all(own) for posterior, own in rows) and len(rows) == len(self.joint)
        if assumption == "q << posterior":
            return all(p > 0 or q == 0 for posterior, own in rows for p, q in zip(posterior, own, strict=True))
        if assumption == "posterior << q":
            return all(q > 0 or p == 0 for posterior, own in rows for p, q in zip(posterior, own, strict=True))
        if assumption == "q << prior":
            prior = [sum(column) for column in zip(*self.joint, strict=True)]
            return all(p > 0 or q == 0 for own in self.variational for p, q in zip(prior, own, strict=True))
        if assumption == "weights vary":
            return all(
                len({Fraction(p, q) for p, q in zip(posterior, own, strict=True) if q}) > 1 for posterior, own in rows
            )
        if assumption == "q = posterior":
            return all(
                p * sum(own) == q * sum(posterior)
                for posterior, own in rows
                for p, q in zip(posterior, own, strict=True)
            )
        raise KeyError(assumption)

    def smaller(self) -> Iterator["LatentInstance"]:
        """Without an x, without a z, and with smaller weights."""
        for x in range(len(self.joint)):
            yield from self._valid(_without(self.joint, x), _without(self.variational, x))
        for z in range(len(self.joint[0])):
            columns = [tuple(_without(row, z) for row in rows) for rows in (self.joint, self.variational)]
            yield from self._valid(*columns)
        for x, z in itertools.product(range(len(self.joint)), range(len(self.joint[0]))):
            for field, rows in (("joint", self.joint), ("variational", self.variational)):
                for weight in {0, 1, rows[x][z] // 2} - {rows[x][z]}:
                    if weight < rows[x][z]:
                        changed = tuple(
                            tuple(weight if (i, j) == (x, z) else old for j, old in enumerate(row))
                            for i, row in enumerate(rows)
                        )
                        yield from self._valid(
                            *((changed, self.variational) if field == "joint" else (self.joint, changed))
                        )

    def _valid(self, joint: Rows, variational: Rows) -> Iterator["LatentInstance"]:
        if joint and joint[0] and any(map(any, joint)) and all(map(any, variational)):
            yield replace(self, joint=joint, variational=variational)

    def words(self, used: frozenset[str]) -> list[tuple[str, str]]:
        """The joint law and q, as fractions."""
        labels = dict(self.primary)
        total = sum(map(sum, self.joint))
        rows = ["; ".join(", ".join(_fraction(weight, total) for weight in row) for row in self.joint)]
        found = [(_pair("p", labels["p"], "(x,z)"), _table(rows[0], self.joint))]
        if any(name.startswith("q") for name in used):
            own = "; ".join(", ".join(_fraction(weight, sum(row)) for weight in row) for row in self.variational)
            found.append((_pair("q", labels["q"], r"(z\mid x)"), _table(own, self.variational)))
        for label in self.labels:
            weights = self._weights("p", label)
            total = sum(map(sum, weights))
            text = "; ".join(", ".join(_fraction(weight, total) for weight in row) for row in weights)
            found.append((_pair("p", label, "(x,z)"), _table(text, weights)))
        return found


class Latent:
    """The model `latent`."""

    name = "latent"
    sentence = "random joint laws p of finite x and z, and random laws q(z | x)"
    vocabulary = Vocabulary(
        variables={"x": "x", "z": "z"}
        | dict.fromkeys(("k", "m", "n", "K", "N"), "count")
        | dict.fromkeys(("i", "j", "l"), "index")
        | dict.fromkeys(("a", "b", "c", "t", r"\lambda"), "number"),
        families={"z": "z", "x": "x"},
        laws=frozenset("pq"),
        definable=frozenset({"q(1|0)"}),
        points=frozenset({"x", "z"}),
        assumptions={
            "positive": "p(x, z) > 0 and q(z | x) > 0 for all x and z",
            "q << posterior": "q(z | x) = 0 wherever p(z | x) = 0",
            "posterior << q": "p(z | x) = 0 wherever q(z | x) = 0",
            "q << prior": "q(z | x) = 0 wherever p(z) = 0",
            "q = posterior": "q(z | x) = p(z | x) for all x and z",
            "weights vary": "p(x, z) / q(z | x) is not the same at every z that q(z | x) can draw",
        },
        implementations=dict.fromkeys(
            ("hw.bounds.elbo", "hw.bounds.iwlb", "hw.bounds.kl_gap"),
            lambda function, instance, k, w: _of_log_weights(function, [w[j] for j in range(1, k + 1)]),
        ),
    )

    def law(self, law: Law, left: tuple[str, ...], right: tuple[str, ...]) -> Any:
        """Marginal, joint and conditional laws of p; q(z | x) and q(z)."""
        known = left in SIGNATURES.get(law.letter, ()) if not right else (law.letter, *left, *right) in CONDITIONALS
        if not known:
            written = f"{law}({', '.join(left)}{' | ' + ', '.join(right) if right else ''})"
            known_laws = "p(x), p(z), p(x,z), p(x|z), p(z|x), q(z|x), q(z)"
            raise ValueError(f"a law of the model latent must be one of {known_laws}, got {written}")
        key = f"{law}({','.join(left)}|{','.join(right)})"  # a text, whose hash is kept
        LAWS[key] = law.letter, law.label, left, right
        return key

    def bare(self, law: Law) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """`q` alone is q(z | x); `p` alone could be any of its laws."""
        if law.letter != "q":
            raise ValueError(f"the law {law} must be written with its variables, since it has several")
        return ("z",), ("x",)

    def instances(self, rng: Random, uses: frozenset[str]) -> Iterator[LatentInstance]:
        """Degenerate laws first, a few on six points, then random ones on up to three values of x and four of z."""
        unconditional = any(name.startswith("q") and name.endswith("(z|)") for name in uses)
        if unconditional and any(name.startswith("q") and name.endswith("(z|x)") for name in uses):
            raise ValueError("q(z) beside q(z|x) must be defined on the page")
        primary = tuple((letter, _primary(letter, uses)) for letter in "pq")
        labels = tuple(label for label in _labels("p", uses) if label != primary[0][1])
        return iter(_instances(rng.getrandbits(32), unconditional, primary, labels, "assume:positive" in uses))


@lru_cache(maxsize=32)
def _instances(
    seed: int, unconditional: bool, primary: tuple[tuple[str, str], ...], labels: tuple[str, ...], positive: bool
) -> tuple[LatentInstance, ...]:
    """All instances of a seed; kept, since the formulas of one seed share their tables."""
    rng = Random(seed)
    found = []
    for joint, variational in itertools.chain(_corners(), (_random(rng, place) for place in range(RANDOM))):
        rows = (variational[0],) * len(variational) if unconditional else variational
        found.append(LatentInstance(joint, rows, rng.getrandbits(32), primary, labels, positive))
    return tuple(found)


def _primary(letter: str, uses: frozenset[str]) -> str:
    """Label of the law that takes part in the degenerate cases: none if the bare letter is used, else the first."""
    labels = _labels(letter, uses)
    return "" if letter in uses or not labels else labels[0]


def _labels(letter: str, uses: frozenset[str]) -> list[str]:
    names = (name for name in uses if name.startswith(f"{letter}_") and "(" not in name)
    return sorted({name[3:-1] if name[2] == "{" else name[2:] for name in names})


def _other(rng: Random, own: Rows, positive: bool) -> Rows:
    """Weights of a law beside another one: equal, nearly disjoint, disjoint, with zeros, or any."""
    kind = rng.random()
    if kind < 0.15 and (not positive or all(map(all, own))):
        return own
    if kind < 0.3:
        return tuple(tuple(1 if weight else TINY for weight in row) for row in own)
    if kind < 0.4 and not positive:
        return tuple(tuple(0 if weight else rng.randint(1, 9) for weight in row) for row in own)
    if kind < 0.5:
        return tuple(tuple(rng.choice((1, 1, TINY)) for _ in row) for row in own)
    zeros = not positive and kind < 0.8
    return tuple(tuple(0 if zeros and rng.random() < 0.4 else rng.randint(1, 9) for _ in row) for row in own)


def _overlapping(rows: Rows, own: Rows) -> Rows:
    """The weights, with one more where no x, or no z, could occur under both laws."""
    x, z = next((x, z) for x, row in enumerate(own) for z, weight in enumerate(row) if weight)
    sides = (rows, own), tuple(tuple(zip(*side, strict=True)) for side in (rows, own))
    if all(any(any(a) and any(b) for a, b in zip(*side, strict=True)) for side in sides):
        return rows
    return tuple(tuple(weight + ((i, j) == (x, z)) for j, weight in enumerate(row)) for i, row in enumerate(rows))


def _corners() -> Iterator[tuple[Rows, Rows]]:
    """Equal laws, missing mass, foreign mass, and weights near zero."""
    for row in ((1, 1), (1, 3), (1, 0), (1, 9), (0, 1), (1, 10**15)):
        for own in (row, (1, 1), (1, 0), (0, 1), (3, 1), (1, 10**9)):
            yield (row,), (own,)
    for joint in (((1, 0), (0, 1)), ((1, 2), (3, 1)), ((1, 1), (0, 2)), ((1, 0), (1, 0)), ((0, 0), (1, 2))):
        for variational in (
            tuple(row if any(row) else (1, 1) for row in joint),
            ((1, 1), (1, 1)),
            ((1, 0), (0, 1)),
            ((2, 1), (1, 3)),
        ):
            yield joint, variational
    close = (1000, 1001), (1001, 1000)
    yield close, close[::-1]
    yield (close[0],), (close[1],)
    flat = ((1,) * 6,) * 6
    sharp = tuple(tuple(TINY if i == j else 1 for j in range(6)) for i in range(6))
    yield from ((flat, sharp), (sharp, flat), (sharp, sharp[::-1]))


def _random(rng: Random, place: int) -> tuple[Rows, Rows]:
    columns = rng.randint(2, 2 + min(2, place // 60))
    count = rng.randint(1, 2 + (place > 100))
    zeros = rng.random() < 0.4
    joint = tuple(_row(rng, columns, zeros) for _ in range(count))
    kind = rng.random()
    if kind < 0.1:
        return joint, joint
    if kind < 0.2:
        return joint, tuple(tuple(weight and rng.randint(1, 9) for weight in row) for row in joint)
    return joint, tuple(_row(rng, columns, zeros and kind < 0.6) for _ in range(count))


def _row(rng: Random, columns: int, zeros: bool) -> tuple[int, ...]:
    row = tuple(0 if zeros and rng.random() < 0.3 else rng.randint(1, 9) for _ in range(columns))
    return row if any(row) else (1,) * columns


def _without(items: tuple[Any, ...], place: int) -> tuple[Any, ...]:
    return items[:place] + items[place + 1 :]


def _of_log_weights(function: Callable[..., Any], weights: Sequence[float]) -> float:
    """What a function of the library makes of the logarithms of weights."""
    import torch  # here alone, so that the model itself needs the standard library only

    log_w = [math.log(weight) if weight else -math.inf for weight in weights]
    return function(torch.tensor(log_w, dtype=torch.float64), 0).item()


def _fraction(weight: int, total: int) -> str:
    if weight in (0, total):
        return str(weight // total)
    return f"{weight}/{total}"


def _table(text: str, rows: Rows) -> str:
    return text if len(rows) == 1 else f"({text.replace('; ', '), (')})"


def _pair(letter: str, label: str, variables: str) -> str:
    return f"{letter}_{{{label}}}{variables}" if label else f"{letter}{variables}"


LATENT = Latent()
