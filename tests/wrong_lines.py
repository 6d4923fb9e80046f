r"""Wrong answers to questions 2, 3 and 4, and what their two sides are in plain sums over the tables of an instance.

Nothing of `hw` is used: a counterexample is read as the page shows it, and both of its numbers are computed again. A
law is a list of masses; a mean leaves out what has no mass, so that 0 log 0 is 0.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import combinations, product
from typing import Any, NamedTuple

__all__ = ["LINES", "Wrong", "tables", "unlike"]

Tables = dict[str, Any]
Side = Callable[[Tables], float]
INFINITIES = {"∞": math.inf, "−∞": -math.inf, "undefined": math.nan}
HOLDS: dict[str, Callable[[float, float], bool]] = {
    "=": lambda left, right: math.isclose(left, right, rel_tol=1e-11, abs_tol=1e-13),
    "≤": lambda left, right: left <= right + 1e-12,
    "≥": lambda left, right: left >= right - 1e-12,
    "<": lambda left, right: left < right - 1e-12,
    ">": lambda left, right: left > right + 1e-12,
}


class Wrong(NamedTuple):
    """A line in place of one of the page's, and both sides of the step that it spoils."""

    page: str
    chain: str
    step: int
    line: str
    left: Side
    right: Side


# ---- plain sums


def log(value: float) -> float:
    return math.log(value) if value > 0 else -math.inf if value == 0 else math.nan


def over(a: float, b: float) -> float:
    """A quotient; a / 0 is infinite, 0 / 0 is no number."""
    return a / b if b else math.inf if a else math.nan


def mean(masses: Sequence[float], of: Callable[[int], float]) -> float:
    return sum(mass * of(place) for place, mass in enumerate(masses) if mass)


def kl(one: Sequence[float], other: Sequence[float]) -> float:
    return mean(one, lambda at: log(over(one[at], other[at])))


def cross(one: Sequence[float], other: Sequence[float]) -> float:
    """Mean of the logarithm of another law."""
    return mean(one, lambda at: log(other[at]))


# ---- reading an instance as the page shows it


def tables(page: str, words: Mapping[str, str]) -> Tables:
    """The laws of an instance, from pairs of a name in LaTeX and a text."""
    read = {"flows": _flow, "vae": _latent, "gan": _two_laws}
    return read[page](dict(words))


def _masses(text: str) -> list[Fraction]:
    return [Fraction(part) for part in text.split(", ")]


def _flow(words: dict[str, str]) -> Tables:
    """Laws of X and U, of F(U) and of F⁻¹(X): moved point by point."""
    x, u = _masses(words["p_X"]), _masses(words["p_U"])
    image = [int(arrow.partition("→")[2]) - 1 for arrow in words["F"].split(", ")]
    moved = [sum((u[at] for at, to in enumerate(image) if to == point), Fraction(0)) for point in range(len(x))]
    return {"X": x, "U": u, "F": image, "FU": moved, "back": [x[to] for to in image]}


def _latent(words: dict[str, str]) -> Tables:
    """The joint law, q, the observation and the counts; `prior`, `evidence` and `posterior` by adding up."""
    names = ("p(x,z)", r"q(z\mid x)")  # q is not shown where no side names it
    p, q = ([_masses(row) for row in words.get(name, words[names[0]]).strip("()").split("), (")] for name in names)
    at = int(words["x"][1:]) - 1
    draws = next((text for name, text in words.items() if name.startswith("z_{1:")), "")
    evidence = sum(p[at])
    return {
        "p": p[at],
        "q": q[at],
        "evidence": evidence,
        "posterior": [mass / evidence for mass in p[at]],
        "prior": [sum(row[z] for row in p) for z in range(len(p[0]))],
        "k": int(words.get("k", 1)),
        "m": int(words.get("m", 1)),
        "z": [int(name[1:]) - 1 for name in draws.split(", ")] if draws else [],
    }


def _two_laws(words: dict[str, str]) -> Tables:
    """Both laws, and a discriminator if there is one."""
    rows = {name.partition("(")[0]: text for name, text in words.items()}
    found: Tables = {name: _masses(rows[name]) for name in ("f_0", "f_1")}
    found["M"] = [(a + b) / 2 for a, b in zip(found["f_0"], found["f_1"], strict=True)]
    found["best"] = [b / (a + b) for a, b in zip(found["f_0"], found["f_1"], strict=True)]
    if "D" in rows:
        found["D"] = _masses(rows["D"])
    return found


# ---- question 2


def _forward(t: Tables) -> float:
    return kl(t["X"], t["FU"])


def _reverse(t: Tables) -> float:
    return kl(t["FU"], t["X"])


def _under(name: str, above: str, below: str) -> Side:
    """Mean under a law of U of the logarithm of a ratio of laws of X, at F(u)."""
    return lambda t: mean(t[name], lambda u: log(over(t[above][t["F"][u]], t[below][t["F"][u]])))


def _ratio(name: str, above: str, below: str) -> Side:
    """Mean under a law of the logarithm of a ratio of two others on the same set."""
    return lambda t: mean(t[name], lambda at: log(over(t[above][at], t[below][at])))


def _flow_lines() -> Iterator[Wrong]:
    def wrong(step: int, line: str, right: Side, chain: str = "proof-ratios") -> Wrong:
        return Wrong("flows", chain, step, line, _forward, right)

    e = r"\mathbb{E}_{%s}\left[\log\frac{%s}{%s}\right]"
    x, u, back = r"x\sim p_X", r"u\sim p_U", r"u\sim p_{F^{-1}(X)}"
    of_x, of_flow, flow = "p_X(x)", "p_{F(U)}(x)", r"x\sim p_{F(U)}"
    at_x, at_flow = "p_X(F(u))", "p_{F(U)}(F(u))"
    of_u, of_back = "p_U(u)", "p_{F^{-1}(X)}(u)"
    yield wrong(0, "= " + e % (x, of_flow, of_x), _ratio("X", "FU", "X"))
    yield wrong(0, "= " + e % (flow, of_x, of_flow), _ratio("FU", "X", "FU"))
    yield wrong(0, "= " + e % (flow, of_flow, of_x), _reverse)
    yield wrong(0, r"= \mathbb{E}_{x\sim p_X}\left[\log p_X(x)\right]", lambda t: cross(t["X"], t["X"]))
    yield wrong(0, r"= -\mathbb{E}_{x\sim p_X}\left[\log p_{F(U)}(x)\right]", lambda t: -cross(t["X"], t["FU"]))
    yield wrong(0, r"= 2\,D_{\mathrm{KL}}\left(P_X\,\|\,P_{F(U)}\right)", lambda t: 2 * _forward(t))
    yield wrong(0, "< " + e % (x, of_x, of_flow), _forward)
    yield wrong(0, r"\le \tfrac12 " + e % (x, of_x, of_flow), lambda t: _forward(t) / 2)
    yield wrong(0, r"\ge " + e % (flow, of_flow, of_x), _reverse)
    yield wrong(1, "= " + e % (u, at_x, at_flow), _under("U", "X", "FU"))
    yield wrong(1, "= " + e % (back, at_flow, at_x), _under("back", "FU", "X"))
    yield wrong(1, "= " + e % (u, at_flow, at_x), _under("U", "FU", "X"))
    yield wrong(1, r"= D_{\mathrm{KL}}\left(P_{F(U)}\,\|\,P_X\right)", _reverse)
    yield wrong(2, "= " + e % (back, of_u, of_back), _ratio("back", "U", "back"))
    yield wrong(2, "= " + e % (u, of_back, of_u), _ratio("U", "back", "U"))
    yield wrong(2, "= " + e % (u, of_u, of_back), _ratio("U", "U", "back"))
    yield wrong(2, r"= D_{\mathrm{KL}}\left(P_U\,\|\,P_{F^{-1}(X)}\right)", lambda t: kl(t["U"], t["back"]))
    yield wrong(2, rf"= \mathbb{{E}}_{{{back}}}\left[\log {of_back}\right]", lambda t: cross(t["back"], t["back"]))
    yield wrong(2, rf"= -\mathbb{{E}}_{{{back}}}\left[\log {of_u}\right]", lambda t: -cross(t["back"], t["U"]))
    yield wrong(0, rf"= \int {of_x}\log {of_x}\,\mathrm{{d}}x", lambda t: cross(t["X"], t["X"]), "proof-densities")
    reverse = rf"\int {of_flow}\log\frac{{{of_flow}}}{{{of_x}}}\,\mathrm{{d}}x"
    yield wrong(0, f"= {reverse}", _reverse, "proof-densities")


# ---- question 3


def _evidence(t: Tables) -> float:
    return log(t["evidence"])


def _weight(t: Tables, z: int) -> float:
    return over(t["p"][z], t["q"][z])


def _elbo(t: Tables) -> float:
    return mean(t["q"], lambda z: log(_weight(t, z)))


def _over_draws(t: Tables, of: Callable[[tuple[int, ...]], float], k: int | None = None) -> float:
    """Mean over all k-tuples of draws of q."""
    found = 0.0
    for draws in product(range(len(t["q"])), repeat=k or t["k"]):
        mass = math.prod(t["q"][z] for z in draws)
        found += mass * of(draws) if mass else 0.0
    return found


def _bound(t: Tables, k: int) -> float:
    return _over_draws(t, lambda draws: log(sum(_weight(t, z) for z in draws) / k), k)


def _over_subsets(t: Tables, draws: tuple[int, ...], of: Callable[[tuple[int, ...]], float]) -> float:
    chosen = list(combinations(draws, t["m"]))
    return sum(map(of, chosen)) / len(chosen)


def _latent_lines() -> Iterator[Wrong]:
    q, w = r"\mathbb{E}_{q(z\mid x)}", r"\frac{p(x,z)}{q(z\mid x)}"
    of_k = r"\mathbb{E}_{z_{1:k}\sim q(z\mid x)}"

    def wrong(chain: str, step: int, line: str, right: Side, left: Side = _evidence) -> Wrong:
        return Wrong("vae", chain, step, line, left, right)

    def parts(*rows: tuple[int, str, Side]) -> Iterator[Wrong]:
        return (wrong("decomposition", *row) for row in rows)

    yield from parts(
        (0, rf"= {q}\left[\log p(x,z)\right]", lambda t: cross(t["q"], t["p"])),
        (
            0,
            rf"= {q}\left[\log p(x\mid z)\right]",
            lambda t: mean(t["q"], lambda z: log(over(t["p"][z], t["prior"][z]))),
        ),
        (0, rf"= {q}\left[\log p(z\mid x)\right]", lambda t: cross(t["q"], t["posterior"])),
        (0, r"= \log p(x) + \mathbb{E}_{p(z\mid x)}\left[\log p(x)\right]", lambda t: 2 * _evidence(t)),
        (0, rf"= \log {q}\left[p(x,z)\right]", lambda t: log(mean(t["q"], lambda z: t["p"][z]))),
        (1, rf"= {q}\left[\log {w}\right]", _elbo),
        (
            1,
            rf"= {q}\left[\log\frac{{p(z\mid x)}}{{p(x,z)}}\right]",
            lambda t: mean(t["q"], lambda z: log(over(t["posterior"][z], t["p"][z]))),
        ),
        (
            2,
            rf"= {q}\left[\log {w} + \log\frac{{p(z\mid x)}}{{q(z\mid x)}}\right]",
            lambda t: _elbo(t) - kl(t["q"], t["posterior"]),
        ),
        (2, r"= \mathrm{ELBO}(x)", _elbo),
        (
            2,
            r"= \mathrm{ELBO}(x) + D_{\mathrm{KL}}\left(p(z\mid x)\,\|\,q(z\mid x)\right)",
            lambda t: _elbo(t) + kl(t["posterior"], t["q"]),
        ),
        (
            2,
            r"= \mathrm{ELBO}(x) + D_{\mathrm{KL}}\left(q(z\mid x)\,\|\,p(z)\right)",
            lambda t: _elbo(t) + kl(t["q"], t["prior"]),
        ),
    )
    yield wrong("jensen", 0, r"= \sum_z \log p(x,z)", lambda t: sum(log(mass) for mass in t["p"]))
    yield wrong(
        "jensen",
        1,
        rf"= \log\left({q}\left[p(x\mid z)\right]\right)",
        lambda t: log(mean(t["q"], lambda z: over(t["p"][z], t["prior"][z]))),
    )
    yield wrong("jensen", 1, rf"= {q}\left[\log {w}\right]", _elbo)
    yield wrong("jensen", 2, rf"\le {q}\left[\log {w}\right]", _elbo)
    yield wrong(
        "bound-a",
        1,
        r"= \log\left(\frac1k\sum_{j=1}^k w_j\right)",
        lambda t: log(sum(_weight(t, z) for z in t["z"][: t["k"]]) / t["k"]),
    )
    yield wrong(
        "bound-a",
        1,
        r"= \log\left(\sum_{j=1}^k \mathbb{E}_{z_j\sim q(z\mid x)}\left[w_j\right]\right)",
        lambda t: log(t["k"] * mean(t["q"], lambda z: _weight(t, z))),
    )
    yield wrong(
        "bound-a", 3, rf"= {of_k}\left[\log\left(\frac1k\sum_{{j=1}}^k w_j\right)\right]", lambda t: _bound(t, t["k"])
    )

    def larger(t: Tables) -> float:
        return _bound(t, t["k"])

    yield wrong("monotone", 0, r"= \mathcal{L}_m(x)", lambda t: _bound(t, t["m"]), larger)
    yield wrong("monotone", 1, r"\le \mathcal{L}_1(x)", _elbo, larger)
    subsets = r"\mathbb{E}_{I\subseteq[k],\,|I|=m}\left[\log\left(%s\sum_{i\in I} w_i\right)\right]"
    for share, part in (("", 1), (r"\frac1k", 0)):

        def of_subsets(t: Tables, part: int = part) -> float:
            shrunk = part or t["k"]

            def logs(chosen):
                return log(sum(_weight(t, z) for z in chosen) / shrunk)

            return _over_draws(t, lambda draws: _over_subsets(t, draws, logs))

        sign = "=" if share else r"\ge"
        yield wrong("monotone", 1, rf"{sign} {of_k}\left[{subsets % share}\right]", of_subsets, larger)


# ---- question 4


def _jsd(t: Tables) -> float:
    return (kl(t["f_0"], t["M"]) + kl(t["f_1"], t["M"])) / 2


def _logs(under: str, of: str, factor: float = 2) -> Side:
    """Mean under a law of the logarithm of a multiple of the best discriminator, `best`, or of 1 less it, `rest`."""

    def value(t: Tables) -> float:
        of_one = {"best": lambda at: t["best"][at], "rest": lambda at: 1 - t["best"][at]}[of]
        return mean(t[under], lambda at: log(factor * of_one(at)))

    return value


def _value(t: Tables, name: str = "best") -> float:
    """What a discriminator is worth: it is right at 1 under f₁, and at 0 under f₀."""
    d = t[name]
    return mean(t["f_1"], lambda at: log(d[at])) + mean(t["f_0"], lambda at: log(1 - d[at]))


def _two_laws_lines() -> Iterator[Wrong]:
    def wrong(step: int, line: str, right: Side) -> Wrong:
        return Wrong("gan", "divergence", step, line, _jsd, right)

    d, m = r"D_{\mathrm{KL}}\left(%s\,\|\,%s\right)", r"\tfrac12(f_0+f_1)"
    e_0, e_1 = (
        r"\mathbb{E}_{x\sim f_0}\left[\log\left(%s\right)\right]",
        r"\mathbb{E}_{x\sim f_1}\left[\log\left(%s\right)\right]",
    )
    best, rest = "D^*(x)", "1-D^*(x)"
    for line, right in (
        (d % ("f_0", "f_1"), lambda t: kl(t["f_0"], t["f_1"])),
        (
            rf"\tfrac12 {d % ('f_0', 'f_1')} + \tfrac12 {d % ('f_1', 'f_0')}",
            lambda t: (kl(t["f_0"], t["f_1"]) + kl(t["f_1"], t["f_0"])) / 2,
        ),
        (f"{d % ('f_0', m)} + {d % ('f_1', m)}", lambda t: 2 * _jsd(t)),
        (
            rf"\tfrac12 {d % (m, 'f_0')} + \tfrac12 {d % (m, 'f_1')}",
            lambda t: (kl(t["M"], t["f_0"]) + kl(t["M"], t["f_1"])) / 2,
        ),
        (rf"\tfrac12 {d % ('f_0', m)}", lambda t: kl(t["f_0"], t["M"]) / 2),
        (
            rf"\tfrac12 {d % ('f_0', m)} - \tfrac12 {d % ('f_1', m)}",
            lambda t: (kl(t["f_0"], t["M"]) - kl(t["f_1"], t["M"])) / 2,
        ),
        (
            rf"\tfrac12 {d % ('f_0', m)} + \tfrac12 {d % (m, 'f_1')}",
            lambda t: (kl(t["f_0"], t["M"]) + kl(t["M"], t["f_1"])) / 2,
        ),
        (r"\log 2", lambda t: log(2)),
        (
            r"\mathbb{E}_{x\sim f_0}\left[\log\frac{f_0(x)}{f_1(x)}\right]",
            lambda t: mean(t["f_0"], lambda at: log(over(t["f_0"][at], t["f_1"][at]))),
        ),
        (
            rf"\tfrac12 {e_0 % 'f_0(x)'} + \tfrac12 {e_1 % 'f_1(x)'}",
            lambda t: (cross(t["f_0"], t["f_0"]) + cross(t["f_1"], t["f_1"])) / 2,
        ),
    ):
        yield wrong(0, f"= {line}", right)
    yield wrong(0, rf"\ge {d % ('f_0', m)}", lambda t: kl(t["f_0"], t["M"]))
    for line, right in (
        (
            rf"\tfrac12 {e_0 % f'2{best}'} + \tfrac12 {e_1 % f'2({rest})'}",
            lambda t: (_logs("f_0", "best")(t) + _logs("f_1", "rest")(t)) / 2,
        ),
        (
            rf"\tfrac12 {e_0 % rest} + \tfrac12 {e_1 % best}",
            lambda t: (_logs("f_0", "rest", 1)(t) + _logs("f_1", "best", 1)(t)) / 2,
        ),
        (
            f"{e_0 % f'2({rest})'} + {e_1 % f'2{best}'}",
            lambda t: _logs("f_0", "rest")(t) + _logs("f_1", "best")(t),
        ),
        (r"\log 2 + V(D^*)", lambda t: log(2) + _value(t)),
        (r"\log 4 + V(D^*)", lambda t: log(4) + _value(t)),
        (r"\log 2 - \frac{V(D^*)}{2}", lambda t: log(2) - _value(t) / 2),
        (r"\tfrac12\log 2 + \frac{V(D^*)}{2}", lambda t: log(2) / 2 + _value(t) / 2),
        ("V(D^*)", _value),
        (r"\log 2 + \frac{V(D)}{2}", lambda t: log(2) + _value(t, "D") / 2),
    ):
        yield wrong(1, f"= {line}", right)
    yield wrong(1, r"\le \log 4 + V(D^*) - \log 2", lambda t: log(2) + _value(t))


LINES: tuple[Wrong, ...] = (*_flow_lines(), *_latent_lines(), *_two_laws_lines())


def unlike(wrong: Wrong, found: Mapping[str, Any]) -> list[str]:
    """What is wrong with a counterexample to a wrong line.

    Args:
        wrong: The line.
        found: The `instance` as pairs of LaTeX and text, and `left`, `sign` and `right` as the page shows them.

    Returns:
        A sentence for a number that is not the one computed here, and one if the relation holds there.
    """
    at = tables(wrong.page, dict(found["instance"]))
    sides = {side: getattr(wrong, side)(at) for side in ("left", "right")}
    said = [
        f"{wrong.line}: its {side} side is {value:.6g}, and {found[side]} is shown"
        for side, value in sides.items()
        if not _same(found[side], value)
    ]
    if HOLDS[found["sign"]](sides["left"], sides["right"]):
        said.append(
            f"{wrong.line}: holds at its counterexample, {sides['left']:.6g} {found['sign']} {sides['right']:.6g}"
        )
    return said


def _same(shown: str, value: float) -> bool:
    """Whether a number is the one shown, to six digits."""
    read = INFINITIES.get(shown)
    if read is None:
        return math.isclose(float(shown.replace("−", "-")), value, rel_tol=5.1e-6, abs_tol=1e-12)
    return read == value or (math.isnan(read) and math.isnan(value))
