"""Operators on laws: expectations, variances and covariances, divergences and entropies."""

import re
from dataclasses import replace

from hw.checked_math.errors import FormulaError
from hw.checked_math.grammar.arguments import listed
from hw.checked_math.grammar.brackets import between_bars, set_expression
from hw.checked_math.grammar.cursor import Cursor, Inside
from hw.checked_math.grammar.lexemes import Token
from hw.checked_math.grammar.names import subscript_label
from hw.checked_math.syntax import Binder, Density, Divergence, Expectation, Indexed, Name, Node, Sequence, walk

__all__ = ["divergence", "divergence_kind", "expectation", "expectation_operator"]

WORDS = {"KL": "KL", "JSD": "JSD", "JS": "JSD", "TV": "TV", "H": "H"}
LABELS = {"KL": "KL", "JS": "JSD", "JSD": "JSD", "TV": "TV", r"\chi^2": "chi2", r"\chi^{2}": "chi2"}  # below a D
EXPECTATIONS = {r"\mathbb{E}": "E", r"\mathbf{E}": "E", r"\mathbb{V}": "Var"}
SPELLED = {(r"\mathbb{V}", "ar"): "Var", (r"\mathbb{C}", "ov"): "Cov"}
ALPHABET = re.compile(r"\\math[a-z]+\{(\w+)\}")


def expectation_operator(cursor: Cursor) -> tuple[str, int]:
    r"""`E`, `Var` or `Cov` where one begins, with the number of its tokens; else an empty name.

    A plain `E` is one only before a subscript, where the name has no other meaning.
    """
    token, behind = cursor.token, cursor.ahead()
    if token.kind == "word":
        return (token.text, 1) if token.text in ("E", "Var", "Cov") else ("", 0)
    if operator := SPELLED.get((token.text, behind.content)):
        return operator, 2
    if token.text in ("E", r"\mathsf{E}") and behind.text == "_" and cursor.names.is_free(token.text):
        return "E", 1
    return EXPECTATIONS.get(token.text, ""), 1


def expectation(cursor: Cursor) -> Node:
    """An expectation, variance or covariance: what is drawn, and the body in brackets."""
    token = cursor.token
    operator, count = expectation_operator(cursor)
    cursor.at += count
    drawn, law = _below(cursor) if cursor.accept("_") else ((), None)
    if not cursor.at_bracket():
        raise FormulaError(f"the body of {token.text} must stand in brackets", cursor.token.start)
    opener = cursor.next()
    with cursor.within():
        bodies = listed(cursor, ",") if operator == "Cov" else (cursor.expression(),)
    cursor.close(opener)
    return cursor.ranged(token.start, Expectation, operator, drawn, law, bodies)


def _below(cursor: Cursor) -> tuple[tuple[Binder, ...], Node | None]:
    """What stands below an expectation: a law, or draws in braces."""
    opener = cursor.accept("{")
    if not opener:
        return (), cursor.primary()
    with cursor.within():
        found = _drawn(cursor)
    cursor.close(opener)
    return found


def _drawn(cursor: Cursor) -> tuple[tuple[Binder, ...], Node | None]:
    r"""`q(z \mid x)`, `z_{1:k} \sim q`, `x \sim p(x), z \sim q(z \mid x)`, `I \subseteq [k], |I| = m`."""
    found: list[Binder] = []
    pending: list[Node] = []  # variables that wait for their law
    while True:
        pending.append(_up_to(pending, cursor) if cursor.skip(r"\dots", ",") else cursor.expression())
        if cursor.token.text == r"\sim":
            cursor.next()
            law = cursor.expression()
            if _is_joint(law, pending):
                if found or cursor.token.text in (",", r"\\"):
                    message = "variables that are drawn together must stand alone below the operator"
                    raise FormulaError(message, pending[0].start)
                return (), law
            found += [replace(_draw(node), law=_left_open(law, node)) for node in pending]
            pending = []
        elif cursor.accept(r"\subseteq"):
            found.append(_subset(cursor, pending.pop()))
        if not cursor.accept(",", r"\\"):
            break
    if pending and (found or len(pending) > 1):
        raise FormulaError(r"expected \sim and a law for every variable", pending[0].start)
    return _law_alone(pending[0]) if pending else (tuple(found), None)


def _is_joint(law: Node, drawn: list[Node]) -> bool:
    r"""Whether variables are drawn together, `x, z \sim p(x, z)`; else each is drawn on its own from the law."""
    densities = [part for part in walk(law) if isinstance(part, Density) and part.left]
    variables = {getattr(variable, "name", "") for density in densities for variable in density.left or ()}
    if len(variables) < 2:
        return False
    names = [node.name for node in drawn if isinstance(node, Name)]
    if len(names) == len(drawn) == len(variables) and set(names) == variables:
        return True
    message = "a law of several variables must be one of exactly the variables that are drawn from it"
    raise FormulaError(message, drawn[0].start)


def _up_to(pending: list[Node], cursor: Cursor) -> Node:
    r"""The sequence of `z_1, \dots, z_k`, whose first member waits."""
    first = pending.pop() if pending else None
    last = cursor.expression()
    if isinstance(first, Indexed) and isinstance(last, Indexed) and first.name == last.name:
        if len(first.indices) == len(last.indices) == 1:
            return Sequence(first.start, last.end, first.name, *first.indices, *last.indices)
    raise FormulaError(r"\dots must stand between two members of a sequence here", last.start)


def _law_alone(law: Node) -> tuple[tuple[Binder, ...], Node | None]:
    """An expectation under a law; one of an indexed variable draws that variable."""
    if isinstance(law, Density) and law.left and isinstance(law.left[0], Indexed | Sequence):
        return (replace(_draw(law.left[0]), law=_left_open(law, law.left[0])),), None
    return (), law


def _left_open(law: Node, drawn: Node) -> Node:
    r"""The law `q(z_j \mid x)` of a drawn `z_j`, or `q(z_{1:k} \mid x)` of copies, as `q(\cdot \mid x)`."""
    if not isinstance(law, Density) or not law.left or len(law.left) > 1:
        return law
    (variable,) = law.left
    if not isinstance(variable, Indexed | Sequence) or getattr(drawn, "name", "") != variable.name:
        return law
    return replace(law, left=(Name(variable.start, variable.end, "·"),))


def _draw(node: Node) -> Binder:
    if isinstance(node, Name):
        return Binder(node.start, node.end, node.name)
    if isinstance(node, Indexed) and len(node.indices) == 1:
        (index,) = node.indices
        return Binder(node.start, node.end, node.name, first=index, last=index)
    if isinstance(node, Sequence):
        return Binder(node.start, node.end, node.name, first=node.first, last=node.last)
    raise FormulaError("expected a variable to draw", node.start)


def _subset(cursor: Cursor, subset: Node) -> Binder:
    """The `[k], |I| = m` of a random subset."""
    over = set_expression(cursor)
    cursor.expect(",")
    if cursor.token.text != "|":
        raise cursor.fail("the size of the subset, such as |I| = m")
    name = between_bars(cursor)
    if not isinstance(name, Name) or not isinstance(subset, Name) or name.name != subset.name:
        raise FormulaError("expected the size of the same subset", name.start)
    cursor.expect("=")
    size = cursor.expression()
    return Binder(subset.start, cursor.last.end, subset.name, over=over, size=size)


def divergence_kind(cursor: Cursor) -> str:
    """Kind of the divergence that begins here, its name read; empty if none does."""
    start = cursor.at
    kind = _kind(cursor)
    if kind and cursor.at_bracket():
        return kind
    cursor.at = start
    return ""


def _kind(cursor: Cursor) -> str:
    token = cursor.token
    letters = _letters(token.text)
    if letters == "D" and cursor.ahead().text == "_":
        cursor.at += 2
        return LABELS.get(_letters(subscript_label(cursor)), "")
    if cursor.follows(r"\chi", "^", "2", "("):
        cursor.at += 3
        return "chi2"
    if token.kind == "word" or token.text == r"\mathbb{H}":
        cursor.next()
        return WORDS.get(letters, "")
    for spelled in ("KL", "JSD"):
        if cursor.skip(*spelled) or (letters == spelled and cursor.next()):
            return WORDS[spelled] if _holds_laws(cursor, 2) else ""
    if letters == "H" and cursor.names.is_free(token.text):
        cursor.next()
        return "H" if _holds_laws(cursor, 1) else ""
    return ""


def _letters(text: str) -> str:
    """Letters without the alphabet that they are set in."""
    return ALPHABET.sub(r"\1", text)


def _holds_laws(cursor: Cursor, count: int) -> bool:
    """Whether the bracket that comes next holds a law, or two that are set apart."""
    inside = cursor.enclosed() if cursor.at_bracket() else []
    texts = [token.text if depth == 1 else "" for depth, token in inside]
    ends = [
        at
        for at, text in enumerate(texts)
        if text in (r"\|", ",") or (text in ("|", r"\mid") and texts[at + 1 : at + 2] == [text])
    ]
    cut = ends[0] if ends else len(texts)
    parts = [inside[:cut], inside[cut:]][:count]
    return all(any(_is_law(cursor, token) for _, token in part) for part in parts)


def _is_law(cursor: Cursor, token: Token) -> bool:
    return cursor.names.is_law(token.text) or cursor.names.is_function(token.text)


def divergence(cursor: Cursor, kind: str) -> Node:
    r"""The laws of a divergence or an entropy, in brackets, set apart by double bars or a comma."""
    opener = cursor.next()
    with cursor.within(Inside(bars=True, double_bars=True)):
        laws = [cursor.expression()]
        if cursor.accept(r"\|", ",") or cursor.skip("|", "|") or cursor.skip(r"\mid", r"\mid"):
            laws.append(cursor.expression())
    cursor.close(opener)
    if len(laws) == 1 and kind != "H":
        raise FormulaError(rf"{kind} must have two laws, set apart by \|", opener.start)
    return cursor.ranged(opener.start, Divergence, kind, tuple(laws))
