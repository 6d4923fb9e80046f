"""The page's part of a reader's own derivation: the chains of a page, and a card of notation."""

import json
from collections.abc import Mapping
from pathlib import Path

from hw.checked_math.document import Formula, formulas_of_file
from hw.checked_math.grammar.symbols import MACROS
from hw.checked_math.models import MODELS
from hw.live.derivation import Given, parts

__all__ = ["CARD", "chains", "editor"]

STATIC = "The editor that stands here is made by a script, and its check needs a server to load Python from."
CARD: Mapping[str, tuple[str, ...]] = {  # how the names of a model are written, for each model that an editor has
    "latent": (
        *(r"p(x,z)", r"p(x)", r"p(z)", r"p(z\mid x)", r"p(x\mid z)", r"q(z\mid x)"),
        *(r"\sum_z p(x,z)", r"\log\frac{p(x,z)}{q(z\mid x)}", r"\mathbb{E}_{q(z\mid x)}\left[\log p(x,z)\right]"),
        *(r"D_{\mathrm{KL}}\left(q(z\mid x)\,\|\,p(z\mid x)\right)", r"H(q(z\mid x))"),
        *(r"\mathbb{E}_{z_{1:k}\sim q(z\mid x)}\left[\frac1k\sum_{j=1}^k p(z_j)\right]",),
        r"\mathbb{E}_{I\subseteq[k],\,|I|=m}\left[\frac1m\sum_{i\in I} p(z_i)\right]",
    ),
    "bijection": (
        *(r"p_X(x)", r"p_U(u)", r"p_{F(U)}(x)", r"p_{F^{-1}(X)}(u)", r"F(u)", r"F^{-1}(x)"),
        *(r"\left|\det J_F(u)\right|", r"\mathbb{E}_{u\sim p_U}\left[\log p_U(u)\right]"),
        *(
            r"\log\frac{p_X(x)}{p_{F(U)}(x)}",
            r"\int p_X(x)\,\mathrm{d}x",
            r"D_{\mathrm{KL}}\left(P_X\,\|\,P_{F(U)}\right)",
        ),
    ),
    "two-densities": (
        *(r"f_0(x)", r"f_1(x)", r"D(x)", r"D^*(x)", r"V(D^*)", r"\sum_x f_0(x)"),
        *(
            r"\frac{f_1(x)}{f_0(x)+f_1(x)}",
            r"\mathbb{E}_{x\sim f_0}\left[\log D(x)\right]",
            r"D_{\mathrm{KL}}\left(f_0\,\|\,f_1\right)",
        ),
        r"\mathrm{JSD}(f_0,f_1)",
    ),
}


def chains(path: Path, ids: tuple[str, ...]) -> list[Given]:
    """Chains that a page displays, with the definitions before each.

    Args:
        path: The page's file.
        ids: Ids of their formulas.

    Raises:
        ValueError: If the page has no such formula, or it is not one chain.
    """
    found: dict[str, Given] = {}
    sources: list[str] = []
    for formula in formulas_of_file(path):
        if formula.id in ids:
            found[formula.id] = given = _given(formula, tuple(sources))
            parts(given)
        if ":=" in formula.latex and formula.options.get("model") and "expect" not in formula.options:
            sources.append(formula.latex)
    missing = [id for id in ids if id not in found]
    if missing:
        raise ValueError(f"ids must be formulas of {path.name}, got {', '.join(missing)}")
    return [found[id] for id in ids]


def _given(formula: Formula, sources: tuple[str, ...]) -> Given:
    options = formula.options
    assume = tuple(part.strip() for part in options.get("assume", "").split(",") if part.strip())
    return Given(formula.latex, formula.id, tuple(options.get("model", "").split()), assume, sources)


def editor(page: str, titles: Mapping[str, str]) -> str:
    """The data of the editor of a page's chains, which the page's script makes; nothing is shown without it.

    Args:
        page: The page's file, from the root of the checkout.
        titles: What each chain shows, by the id of its formula.

    Returns:
        HTML.

    Raises:
        ValueError: As for `chains`.
    """
    given = chains(Path(page), tuple(titles))
    data = []
    for one in given:
        first, lines = parts(one)
        fields = {name: getattr(one, name) for name in ("latex", "id", "models", "assume", "sources")}
        sentences = {name: MODELS[name].sentence for name in one.models}
        conditions = [MODELS[one.models[0]].vocabulary.assumptions.get(name, name) for name in one.assume]
        shown = {"title": titles[one.id], "first": first, "lines": lines, "sentences": sentences}
        data.append({"given": fields, "conditions": conditions, **shown})
    card = [row for model in given[0].models for row in CARD.get(model, ())]
    held = json.dumps({"chains": data, "card": card, "macros": MACROS}, ensure_ascii=False).replace("<", "\\u003c")
    return (
        '<div class="derivation" data-widget="derivation" data-search-exclude>'
        f'<script type="application/json">{held}</script><p class="static">{STATIC}</p></div>'
    )
