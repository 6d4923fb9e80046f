"""The model `bijection`: laws of U and X, and a bijection F from the values of U to the values of X.

On finite sets F is a permutation and laws are moved by adding up masses; on the line and in the plane the density of an
image comes from its distribution function, never from the formula for a change of variables.
"""

from collections.abc import Iterator
from random import Random

from hw.checked_math.models.finite_bijection import finite_bijections
from hw.checked_math.models.model import Instance, Law, Vocabulary
from hw.checked_math.models.quadrature import JUMP
from hw.checked_math.models.smooth_bijection import smooth_bijections

__all__ = ["BIJECTION", "Bijection"]

SORTS = {"X": "x", "U": "u", "F(U)": "x", "F^{-1}(X)": "u"}


class Bijection:
    """Random bijections with laws on both sides: permutations, monotone maps, planar flows."""

    name = "bijection"
    sentence = (
        "Laws of U and X and a bijection F: permutations of two to four points with random masses, monotone maps of "
        "the line, some steep or flat, and planar flows."
    )
    vocabulary = Vocabulary(
        variables={"x": "x", "u": "u", "k": "count", "m": "count", "i": "index", "j": "index", "l": "index"},
        families={"x": "x", "u": "u"},
        laws=frozenset({"p", "P"}),
        functions={"F": (1, "x"), "F^{-1}": (1, "u"), "g": (1, "number")},
        differentiable=frozenset({"F", "F^{-1}"}),
        random={"X": Law("P", "X"), "U": Law("P", "U")},
        assumptions={
            "F(U) << X": "F(U) takes no values, up to probability 0, that X does not take.",
            "X << F(U)": "X takes no values, up to probability 0, that F(U) does not take.",
            "bijective": "F is a bijection.",
            "positive": "The laws of X and of U give mass to every point.",
        },
    )

    def law(self, law: Law, left: tuple[str, ...], right: tuple[str, ...]) -> str:
        """Label of the law.

        Raises:
            ValueError: If it is not one of the four laws, or has other arguments than one point.
        """
        (sort,), _ = self.bare(law)
        if left != (sort,) or right:
            raise ValueError(f"{law} must have one argument, {sort}, got ({', '.join(left + right)})")
        return law.label

    def bare(self, law: Law) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Sort of the points of the law.

        Raises:
            ValueError: If it is not one of the four laws.
        """
        if law.letter not in ("p", "P") or law.label not in SORTS:
            raise ValueError(f"a law must be one of p_X(x), p_U(u), p_{{F(U)}}(x) and p_{{F^{{-1}}(X)}}(u), got {law}")
        return (SORTS[law.label],), ()

    def instances(self, rng: Random, uses: frozenset[str]) -> Iterator[Instance]:
        """Permutations by size, then lines, then planes.

        A formula with a Jacobian determinant gets no permutations, one that sums over points gets nothing else, and one
        that computes with points gets lines. Maps that are no bijections are among the finite ones where `uses` holds
        `assume:bijective`.

        Raises:
            ValueError: If an integrand has a jump, or a formula sums over points and computes with them.
        """
        seed = rng.getrandbits(64)
        is_smooth = "sum" not in uses or bool(uses & {"det", "integral"})
        if is_smooth and {"jump", "mean"} <= uses:
            raise ValueError(JUMP)
        if "numbers" in uses and not is_smooth:
            raise ValueError(
                "points that are summed over must not be computed with: those of a finite set are no numbers"
            )
        if not uses & {"det", "numbers"}:
            yield from finite_bijections(Random(seed), "assume:bijective" in uses)
        if is_smooth:
            lines, planes = smooth_bijections(seed)
            # in the plane a derivative is a matrix, and points have no order
            yield from lines if uses & {"derivative", "numbers"} else (*lines, *planes)


BIJECTION = Bijection()
