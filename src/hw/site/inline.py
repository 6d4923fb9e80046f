r"""Relations in mathematics: how many a formula has, and which results stand in the middle of a sentence.

A result belongs on lines of its own, where it is checked. `inline_results` finds those that stand elsewhere, and lets
conditions on an index pass: `$j \le i$`, `$k = 2$`, `$0 < t \le d$`.
"""

import re
from collections.abc import Iterator

from hw.site.computed import INLINE_MATHEMATICS, NOT_PROSE

__all__ = ["inline_results", "relation_signs"]

TOKEN = re.compile(r":=|\\[A-Za-z]+|\\.|\S", re.DOTALL)
RELATION_SIGNS = set("= < >".split()) | {
    rf"\{name}"
    for name in "ge geq geqslant gt le leq leqslant lt ne neq to approx propto equiv sim subseteq subset".split()
}
DEFINITION_SIGNS = {":=", r"\coloneqq"}
SPACING = {r"\,", r"\;", r"\:", r"\!", r"\ ", r"\quad", r"\qquad", r"\left", r"\right", "&", r"\displaystyle"}
OPENING, CLOSING = {"(", "[", "{", r"\{"}, {")", "]", "}", r"\}"}
BLOCKS = re.compile(r"\$\$.*?\$\$", re.DOTALL)
OPERATION = r"(?:[td]?frac|log|ln|exp|sum|prod|int|sqrt|max|min|lfloor|lceil|det|tanh|cup|cap|oplus|cdot|times|pm) "
SYMBOL = rf"(?:\\(?!{OPERATION})[A-Za-z]+ (?:\{{\w+\}})?|[A-Za-z]|\d+(?:\.\d+)?)"
INDEX = r"(?:_(?:\{[^{}]*\}|\\[A-Za-z]+ |\w)|\^(?:\{?[*+-]\}?|\\ast )|')*"
SIMPLE = re.compile(rf"-?{SYMBOL}{INDEX}|\|{SYMBOL}{INDEX}\|")


def relation_signs(latex: str) -> list[str]:
    r"""Relation signs of a formula outside of brackets and indices; a definition has none.

    Args:
        latex: A formula, displayed or not.

    Returns:
        The signs as LaTeX, in order.

    Examples:
        >>> from hw.site.inline import relation_signs
        >>> relation_signs(r"\sum_{t=1}^n t = \frac{n(n+1)}2 \ge n")
        ['=', '\\ge']
        >>> relation_signs(r"m := n - 1")
        []
    """
    return [sign for sign, _ in _relations(latex) if sign and sign not in DEFINITION_SIGNS]


def inline_results(markdown: str) -> Iterator[tuple[int, str]]:
    r"""Results stated in inline mathematics: relations that are more than a condition on an index.

    A side is simple if it is a number, or a letter with an index, or several of these with commas between. A relation
    between simple sides is a condition or gives a name; any other states a result. Code, displayed formulas and
    definitions with `:=` are passed over.

    Args:
        markdown: The text of a page.

    Yields:
        Line (from 1) and text of each.

    Examples:
        >>> from hw.site.inline import inline_results
        >>> list(inline_results(r"For $j \le i$ the bound $L_k \ge \log k$ holds."))
        [(1, '$L_k \\ge \\log k$')]
    """
    for pattern in (*NOT_PROSE[:2], BLOCKS, re.compile(r"`[^`\n]+`")):
        markdown = pattern.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), markdown)
    for match in INLINE_MATHEMATICS.finditer(markdown):
        if _states_a_result(match[0].strip("$")):
            yield markdown.count("\n", 0, match.start()) + 1, " ".join(match[0].split())


def _states_a_result(latex: str) -> bool:
    relations = list(_relations(latex))
    signs = [sign for sign, _ in relations if sign]
    if not signs or DEFINITION_SIGNS & set(signs):
        return False
    return not all(_is_simple(side) for _, side in relations)


def _is_simple(side: str) -> bool:
    side = re.sub(r"^\((.*)\)$", r"\1", side)
    return all(SIMPLE.fullmatch(part) for part in side.split(",") if part)


def _relations(latex: str) -> Iterator[tuple[str, str]]:
    """Each side with the sign before it, which is empty for the first."""
    sign, side, depth = "", [], 0
    for token in TOKEN.findall(latex):
        depth = max(0, depth + (token in OPENING) - (token in CLOSING))
        if depth == 0 and token in RELATION_SIGNS | DEFINITION_SIGNS:
            yield sign, "".join(side)
            sign, side = token, []
        elif token not in SPACING:
            side.append(token + " " * token[1:].isalpha())
    yield sign, "".join(side)
