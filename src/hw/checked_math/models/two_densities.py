r"""The model `two-densities`: two laws, a discriminator between them, and the best one, by search.

The laws are on a few points, where every point has mass under at least one law, so the space is the support of the
mixture, or have smooth densities on the line. The letters `p` and `P` name the same two laws as `f`. Free numbers: c
and y lie strictly between 0 and 1 (from a millionth on), ε is positive and at most 1/8, and s and t are at most
30 in size: eighty digits bear what exponentials of such numbers cancel, but not of much larger ones. The best
discriminator comes from comparing values of y ↦ f_1 log y + f_0 log(1 - y) at each point, never from
f_1 / (f_0 + f_1).
"""

from collections.abc import Iterator
from random import Random

from hw.checked_math.models.finite_two_densities import finite_two_densities
from hw.checked_math.models.line_two_densities import line_two_densities
from hw.checked_math.models.model import Instance, Law, Vocabulary
from hw.checked_math.models.quadrature import JUMP

__all__ = ["TWO_DENSITIES", "TwoDensities"]


class TwoDensities:
    """Laws `f_0` and `f_1` on one to four points, uniform ones on more, and smooth ones on the line."""

    name = "two-densities"
    sentence = (
        "Two laws on one to four points, or eight or twelve, each point with mass under at least one of them; and two "
        "smooth densities on the line, normal or mixtures of two normals."
    )
    vocabulary = Vocabulary(
        variables={
            "x": "x",
            **dict.fromkeys("km", "count"),
            **dict.fromkeys("ijl", "index"),
            **dict.fromkeys(("c", "s", "t", "y", r"\epsilon"), "number"),
        },
        families={"x": "x"},
        laws=frozenset("fpP"),
        spellings=frozenset("fpP"),
        functions=dict.fromkeys(("D", "D^*", "V", "g", "h"), (1, "number")),
        takes={"V": ("function of x",), **dict.fromkeys(("D", "D^*", "g", "h"), ("x",))},
        points=frozenset({"x"}),
        random={"X_0": Law("f", "0"), "X_1": Law("f", "1")},
        assumptions={
            "f_0 > 0": "f_0(x) is positive at every point.",
            "f_1 > 0": "f_1(x) is positive at every point.",
            "positive": "f_0(x) and f_1(x) are positive at every point.",
            "0 < D < 1": "The discriminator is never certain.",
            "f_0 << f_1": "Where f_0 is positive, f_1 is positive.",
            "f_1 << f_0": "Where f_1 is positive, f_0 is positive.",
        },
    )

    def law(self, law: Law, left: tuple[str, ...], right: tuple[str, ...]) -> str:
        """Label of the law.

        Raises:
            ValueError: If it is not one of the two laws, or has other arguments than one point.
        """
        if law.letter not in self.vocabulary.laws or law.label not in ("0", "1") or left != ("x",) or right:
            given = ", ".join(left) + (rf" \mid {', '.join(right)}" if right else "")
            raise ValueError(f"law must be f_0(x) or f_1(x), or the same with p or P, got {law}({given})")
        return law.label

    def bare(self, law: Law) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Sort of the points of the law.

        Raises:
            ValueError: If it is not one of the two laws.
        """
        self.law(law, ("x",), ())
        return ("x",), ()

    def instances(self, rng: Random, uses: frozenset[str]) -> Iterator[Instance]:
        """Laws on finite sets, then densities on the line; a formula that sums over points gets the finite ones only.

        Raises:
            ValueError: If an integrand has a jump.
        """
        seed = rng.getrandbits(64)
        is_smooth = "sum" not in uses or "integral" in uses
        if is_smooth and {"jump", "mean"} <= uses:
            raise ValueError(JUMP)
        yield from finite_two_densities(Random(seed), uses)
        if is_smooth:
            yield from line_two_densities(seed)


TWO_DENSITIES = TwoDensities()
