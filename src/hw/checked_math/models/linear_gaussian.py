r"""The model `linear-gaussian`: z is normal, x given z is normal about a line in z, q(z|x) is normal about a line in x.

The marginal of x and the posterior of z are known in closed form; expectations and integrals are sums over the nodes of
a trapezoid rule that is wide and fine enough for all laws of an instance.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from hw.checked_math.arithmetic import Arithmetic
from hw.checked_math.models.model import Law, Vocabulary
from hw.checked_math.models.quadrature import JUMP, free_values, trapezoid
from hw.checked_math.models.smooth_laws import normal, straight

__all__ = ["LINEAR_GAUSSIAN", "LinearGaussian", "LinearGaussianInstance", "NormalJoint", "NormalLine"]

PARAMETERS = re.compile(r"(?:(?:\\[a-z]+|[a-z])(?:_?\d)?['*]*,?)*")  # \theta, or \theta,\phi', or nothing
WRITTEN = re.compile(r"([pq])(?:_(.+?))?\(.*\|(.*)\)$")  # a law and its sorts, as formulas list what they use
SIGNATURES = {
    "p": {(("x",), ()), (("z",), ()), (("x", "z"), ()), (("z", "x"), ()), (("x",), ("z",)), (("z",), ("x",))},
    "q": {(("z",), ("x",)), (("z",), ())},
}
KNOWN = {"p": r"p(x), p(z), p(x,z), p(x\mid z), p(z\mid x)", "q": r"q(z\mid x), q(z)"}
REACH = 7.2  # standard deviations that an interval covers
STEP = 0.5  # step of the trapezoid rule, as a share of the smallest standard deviation of a law
SPREAD = 3.0  # how many standard deviations from its mean a free value lies at most
NEAR = 0.12  # how far, relatively, the deviations of differently labelled laws lie apart
MARGIN = 1.2  # what the intervals are longer for because of that
WIDER = 1.09  # and for the laws given a free x, which may lie far out
SCALES = ((1 / 20, 1 / 20), (20.0, 20.0), (1.0, 1 / 20))  # of z and of x, in units of the other instances

Key = tuple[Law, tuple[str, ...], tuple[str, ...]]


@dataclass(frozen=True)
class NormalLine:
    """A normal law whose mean is a line in a variable: N(slope · at + shift, deviation²)."""

    slope: float
    shift: float
    deviation: float

    def density(self, value: float, at: float) -> float:
        """Density at a value, where the other variable is `at`."""
        return normal(value, self.slope * at + self.shift, self.deviation)

    def constant(self, value: float) -> float:
        """Density at a value, where the other variable is 0 or does not matter."""
        return normal(value, self.shift, self.deviation)

    def text(self, variable: str) -> str:
        """The law in words, with three digits."""
        return f"N({straight(self.slope, variable, self.shift)}, {self.deviation:.3g}²)"

    def near(self, rng: Random) -> "NormalLine":
        """A law with somewhat other parameters."""
        shift = self.shift + 0.3 * self.deviation * rng.uniform(-1, 1)
        slope = self.slope * (1 + rng.uniform(-0.2, 0.2))
        return NormalLine(slope, shift, self.deviation * (1 + rng.uniform(-NEAR, NEAR)))

    def scaled(self, by: float, at: float) -> "NormalLine":
        """The law of the value in units that are larger by a factor, and the other variable by another one."""
        return NormalLine(self.slope * by / at, self.shift * by, self.deviation * by)

    def rounded(self) -> "NormalLine":
        """The law with parameters of one digit after the point."""
        return NormalLine(round(self.slope, 1), round(self.shift, 1), round(self.deviation, 1))


@dataclass(frozen=True)
class NormalJoint:
    """The law p of z and x: p(z), of slope 0, and p(x|z)."""

    z: NormalLine
    x_given_z: NormalLine

    @property
    def x(self) -> NormalLine:
        """The marginal law of x: sums of normals are normal."""
        line = self.x_given_z
        deviation = math.hypot(line.slope * self.z.deviation, line.deviation)
        return NormalLine(0.0, line.slope * self.z.shift + line.shift, deviation)

    @property
    def z_given_x(self) -> NormalLine:
        """The posterior: precisions add up, and the mean is a line in x."""
        line, precision = self.x_given_z, self.z.deviation**-2 + (self.x_given_z.slope / self.x_given_z.deviation) ** 2
        gain = line.slope / line.deviation**2 / precision
        return NormalLine(gain, self.z.shift / self.z.deviation**2 / precision - gain * line.shift, precision**-0.5)


@dataclass(frozen=True)
class LinearGaussianInstance:
    """One linear-Gaussian model.

    Attributes:
        joint: The law p.
        recognition: The law q(z|x).
        alone: The law q(z), which does not look at x.
        seed: Seed of the laws with labels; with None, all labels mean the same law.
        spread: How many standard deviations from its mean a free value lies at most.
    """

    joint: NormalJoint
    recognition: NormalLine
    alone: NormalLine
    seed: int | None = None
    spread: float = SPREAD
    _known: dict[Any, Any] = field(default_factory=dict, init=False, repr=False, compare=False)
    tolerance = 1e-8
    integrates = True

    def using(self, arithmetic: Arithmetic) -> "LinearGaussianInstance":
        """The same instance: its numbers are floats in every arithmetic."""
        return self

    def _near(self, line: NormalLine, *names: str) -> NormalLine:
        """The law that stands for a label: near the one without a label, and always the same."""
        return line if self.seed is None or not names[0] else line.near(Random(f"{self.seed} {' '.join(names)}"))

    def _q(self, label: str, right: tuple[str, ...]) -> NormalLine:
        return self._near(self.recognition, label, "q(z|x)") if right else self._near(self.alone, label, "q(z)")

    def _joint(self, label: str) -> NormalJoint:
        return NormalJoint(self._near(self.joint.z, label, "z"), self._near(self.joint.x_given_z, label, "x|z"))

    def density(self, key: Key) -> Callable[..., float]:
        """Density of a law, with its arguments in the order written."""
        if key not in self._known:
            law, left, right = key
            self._known[key] = (self._density_of_p if law.letter == "p" else self._density_of_q)(law.label, left, right)
        return self._known[key]

    def _density_of_q(self, label: str, left: tuple[str, ...], right: tuple[str, ...]) -> Callable[..., float]:
        line = self._q(label, right)
        return line.density if right else line.constant

    def _density_of_p(self, label: str, left: tuple[str, ...], right: tuple[str, ...]) -> Callable[..., float]:
        joint = self._joint(label)
        if right:
            return (joint.x_given_z if left == ("x",) else joint.z_given_x).density
        if len(left) == 1:
            return (joint.x if left == ("x",) else joint.z).constant
        prior, likelihood = joint.z.constant, joint.x_given_z.density
        if left == ("x", "z"):
            return lambda x, z: prior(z) * likelihood(x, z)
        return lambda z, x: prior(z) * likelihood(x, z)

    def space(self, sort: str) -> Sequence[tuple[float, float]]:
        """Nodes and weights on an interval that all laws of the instance, under any label, have their mass in."""
        if sort not in self._known:
            self._known[sort] = self._nodes(sort)
        return self._known[sort]

    def _nodes(self, sort: str) -> Sequence[tuple[float, float]]:
        x, q = self.joint.x, self.recognition
        if sort == "x":
            laws, finest = [x], self.joint.x_given_z.deviation
        else:
            swept = NormalLine(0.0, q.slope * x.shift + q.shift, math.hypot(q.slope * x.deviation, q.deviation))
            laws, finest = [self.joint.z, swept, self.alone], min(q.deviation, self.joint.z_given_x.deviation)
        reach = REACH * (WIDER if self.seed is None else MARGIN)
        low = min(law.shift - reach * law.deviation for law in laws)
        high = max(law.shift + reach * law.deviation for law in laws)
        return trapezoid(low, high, STEP * finest)

    def function(self, name: str) -> Any:
        """There are no functions here.

        Raises:
            ValueError: Always.
        """
        raise ValueError(f"the model linear-gaussian must be used without functions, got {name}")

    def jacobian(self, name: str, at: Any) -> Any:
        """There are no functions here.

        Raises:
            ValueError: Always.
        """
        return self.function(name)

    def draw(self, variables: Mapping[str, str], families: Mapping[str, str], rng: Random) -> dict[str, Any]:
        """Values of free variables: x where its marginal law has its mass, z where q(z|x) has it."""

        def near(mean: float, deviation: float) -> float:
            return mean + self.spread * deviation * rng.uniform(-1, 1)

        marginal, q = self.joint.x, self.recognition
        x = near(marginal.shift, marginal.deviation)

        def member(sort: str) -> float:
            return near(marginal.shift, marginal.deviation) if sort == "x" else near(q.slope * x + q.shift, q.deviation)

        return free_values(variables, families, rng, member) | ({"x": x} if "x" in variables else {})

    def holds(self, assumption: str) -> bool:
        """Whether q is the posterior; all else holds, since normal densities are positive everywhere."""
        return assumption != "q = posterior" or self.recognition == self.joint.z_given_x

    def smaller(self) -> Iterator["LinearGaussianInstance"]:
        """The same with parameters of one digit after the point."""
        joint = NormalJoint(self.joint.z.rounded(), self.joint.x_given_z.rounded())
        simple = replace(self, joint=joint, recognition=self.recognition.rounded(), alone=self.alone.rounded())
        laws = (joint.z, joint.x_given_z, simple.recognition, simple.alone)
        if simple != self and all(law.deviation >= 0.3 for law in laws):  # of small ones one digit is not enough
            yield simple

    def words(self, used: frozenset[str]) -> list[tuple[str, str]]:
        """Parameters of the laws used, with three digits."""
        rows: dict[str, str] = {}
        written = sorted(match.groups(default="") for match in map(WRITTEN.match, used) if match)
        for letter, below, right in written:
            name, label = f"{letter}_{below}" if below else letter, below.strip("{}")
            if letter == "p":
                joint = self._joint(label)
                rows |= {f"{name}(z)": joint.z.text(""), rf"{name}(x\mid z)": joint.x_given_z.text("z")}
            else:
                line = self._q(label, (right,) if right else ())
                rows |= {rf"{name}(z\mid x)": line.text("x")} if right else {f"{name}(z)": line.text("")}
        return list(rows.items())

    def with_posterior(self) -> "LinearGaussianInstance":
        """The same joint law with its posterior as q, under every label."""
        return replace(self, recognition=self.joint.z_given_x, seed=None)

    def scaled(self, z: float, x: float) -> "LinearGaussianInstance":
        """The same laws with z and x in other units; free values lie near the means, where densities are large."""
        joint = NormalJoint(self.joint.z.scaled(z, x), self.joint.x_given_z.scaled(x, z))
        return LinearGaussianInstance(
            joint, self.recognition.scaled(z, x), self.alone.scaled(z, x), self.seed, spread=1.0
        )


def _poor(ratio: float, strength: float, offset: float) -> LinearGaussianInstance:
    """A q that is wider or narrower than the posterior by a factor, and off by so many of its deviations.

    The factor is between √½ and √2, or else the χ²-divergence in one of the two orders would be infinite; and with a
    narrow q, weights p/q at the last nodes are too large to be added to others in float64.
    """
    z = NormalLine(0.0, 0.0, 1.0)
    joint = NormalJoint(z, NormalLine(strength, 0.3, 1.0))
    exact = joint.z_given_x
    poor = NormalLine(exact.slope, exact.shift + offset * exact.deviation, exact.deviation * ratio)
    return LinearGaussianInstance(joint, poor, z)


def _random(rng: Random) -> LinearGaussianInstance:
    z = NormalLine(0.0, rng.uniform(-0.5, 0.5), rng.uniform(0.8, 1.2))
    deviation = rng.uniform(0.7, 1.1)
    strength = rng.choice((-1, 1)) * rng.uniform(0.4, 1.1)  # of the signal, in deviations of the noise
    joint = NormalJoint(z, NormalLine(strength * deviation / z.deviation, rng.uniform(-0.5, 0.5), deviation))
    alone = NormalLine(0.0, z.shift + rng.uniform(-0.3, 0.3), z.deviation * rng.uniform(0.8, 1.1))
    exact = joint.z_given_x
    slope, shift = exact.slope * rng.uniform(0.8, 1.2), exact.shift + 0.4 * exact.deviation * rng.uniform(-1, 1)
    return LinearGaussianInstance(
        joint, NormalLine(slope, shift, exact.deviation * rng.uniform(0.97, 1.35)), alone, rng.getrandbits(32)
    )


class LinearGaussian:
    """Random linear-Gaussian models, with a recognition law that may be the posterior or the prior."""

    name = "linear-gaussian"
    sentence = "z is normal, x given z is normal with a mean that is linear in z, and q(z|x) is normal, linear in x."
    vocabulary = Vocabulary(
        variables={"x": "x", "z": "z", "k": "count", "m": "count", "i": "index", "j": "index", "l": "index"},
        families={"x": "x", "z": "z"},
        laws=frozenset({"p", "q"}),
        assumptions={
            "positive": "All densities are positive.",
            "posterior << q": "q(z|x) gives mass wherever the posterior p(z|x) does.",
            "q << prior": "The prior p(z) gives mass wherever q(z|x) does.",
            "q = posterior": "q(z|x) is the posterior p(z|x).",
            "q << posterior": "The posterior p(z|x) gives mass wherever q(z|x) does.",
        },
    )

    def law(self, law: Law, left: tuple[str, ...], right: tuple[str, ...]) -> Key:
        """Key of a density.

        Raises:
            ValueError: If the letter is not p or q, its label is no parameter, or it has other arguments.
        """
        self._check(law)
        if (left, right) not in SIGNATURES[law.letter]:
            written = ",".join(left) + (rf"\mid {','.join(right)}" if right else "")
            raise ValueError(f"{law} must be one of {KNOWN[law.letter]}, got {law}({written})")
        return law, left, right

    def bare(self, law: Law) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Variables of q, which are z given x.

        Raises:
            ValueError: If the law is p, which has several forms.
        """
        self._check(law)
        if law.letter == "p":
            raise ValueError(f"p must be written with its variables, one of {KNOWN['p']}, got {law}")
        return ("z",), ("x",)

    def _check(self, law: Law) -> None:
        if law.letter not in SIGNATURES or not PARAMETERS.fullmatch(law.label):
            raise ValueError(f"a law must be p or q, with no label or that of a parameter such as \\theta, got {law}")

    def instances(self, rng: Random, uses: frozenset[str]) -> Iterator[LinearGaussianInstance]:
        """The posterior as q, the prior as q, a narrow and a wide q, random instances, and such in other units.

        Where q is assumed to be the posterior, six random joint laws with their posterior are among them.
        """
        if {"jump", "mean"} <= uses:
            raise ValueError(JUMP)
        if "sum" in uses:
            raise ValueError("a sum over a continuous variable must be written as an integral")
        rng = Random(rng.getrandbits(64))
        z = NormalLine(0.0, 0.0, 1.0)
        joint = NormalJoint(z, NormalLine(1.0, 0.0, 1.0))
        yield LinearGaussianInstance(joint, joint.z_given_x, z)
        yield LinearGaussianInstance(joint, z, z)
        yield _poor(0.93, 0.45, 1.5)
        yield _poor(1.38, -0.45, -1.5)
        for _ in range(8):
            yield _random(rng)
        for scales in SCALES:
            yield _random(rng).scaled(*scales)
        if "assume:q = posterior" in uses:
            for _ in range(6 - len(SCALES)):
                yield _random(rng).with_posterior()
            for scales in SCALES:
                yield _random(rng).scaled(*scales).with_posterior()


LINEAR_GAUSSIAN = LinearGaussian()
