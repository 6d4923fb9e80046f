"""What the record of a check says, in words: the mark beside a formula, and the sentences behind it."""

import math
from dataclasses import replace
from typing import NamedTuple

from hw.checked_math.records import Counterexample, Mutation, Record, Relation

__all__ = ["Mark", "claimed", "complaint", "facts", "joined", "mark", "number", "relations"]

SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
SIGNS = {
    r"\ge": "≥", r"\geq": "≥", r"\geqslant": "≥", r"\le": "≤", r"\leq": "≤", r"\leqslant": "≤", r"\neq": "≠",
    r"\ne": "≠", r"\gt": ">", r"\lt": "<", r"\to": "→", r"\approx": "≈", r"\propto": "∝", r"\equiv": "≡",
    r"\subseteq": "⊆", r"\in": "∈", r"\notin": "∉",
}  # fmt: skip


class Mark(NamedTuple):
    """A mark: its sign, the word that a screen reader says for the sign, and the text beside it."""

    sign: str
    spoken: str
    text: str


def number(value: float) -> str:
    """A residual or a slack, in the one or two digits that matter.

    Args:
        value: Not negative.

    Returns:
        Its text, with a power of ten where the value is very small or large.

    Raises:
        ValueError: If the value is negative or NaN.

    Examples:
        >>> from hw.site.words import number
        >>> number(2.2e-16), number(0.034), number(0.0)
        ('2·10⁻¹⁶', '0.034', '0')
    """
    if not value >= 0:
        raise ValueError(f"value must not be negative, got {value!r}")
    if value == math.inf:
        return "∞"
    if value == 0 or 1e-3 <= value < 1e4:
        return f"{value:.2g}" if value < 99.5 else f"{value:.0f}"
    digits, _, power = f"{value:.0e}".partition("e")
    return f"{digits}·10{str(int(power)).translate(SUPERSCRIPTS)}"


def mark(record: Record) -> Mark:
    """The mark beside a formula.

    Args:
        record: What is known of the formula.

    Returns:
        For a checked formula the order of its worst residual, where it has equations, and the conditions it is under.
    """
    if not record.ok:
        return Mark("✗", "", "fails")
    condition = f"if {joined(record.assume)}" if record.assume else ""
    match record.status:
        case "checked" if record.residual is None:
            return Mark("✓", "checked", condition)
        case "checked" if record.residual == 0:
            return Mark("✓", "checked,", f"exact {condition}".strip())
        case "checked":
            return Mark("✓", "checked, worst residual", f"{number(record.residual)} {condition}".strip())
        case "refuted":
            return Mark("✗", "wrong,", "refuted")
        case "definition":
            return Mark(":=", "", "definition")
    return Mark("", "", record.status)


def complaint(record: Record) -> str:
    """Why a formula must not be published, with its place; empty for one that fared as the page says."""
    if record.ok or record.status == "error":
        return record.message
    place = f"{record.file}:{record.line}: {record.id}"
    if not record.counterexample:
        return f'{place} has expect="false", and no counterexample was found'
    instance = ", ".join(f"{symbol} = {value}" for symbol, value in record.counterexample.instance)
    return f"{place} fails (seed {record.seed}): {claimed(record.counterexample)} is false where {instance}"


def relations(record: Record) -> list[Relation]:
    """Evaluated relations, each once for all models; what a definition only names is none."""
    found: dict[tuple[str, str], Relation] = {}
    for part in record.relations:
        other = found.setdefault((part.latex, part.sign), part)
        residuals = [each.residual for each in (part, other) if each.residual is not None]
        slacks = [each.slack for each in (part, other) if each.slack is not None]
        found[part.latex, part.sign] = replace(
            other,
            residual=max(residuals, default=None),
            slack=min(slacks, default=None),
            attained=part.attained or other.attained,
        )
    return [part for part in found.values() if part.sign != ":="]


def claimed(found: Counterexample) -> str:
    """What a formula claims at a counterexample, in numbers: `0.5 = 0.7`."""
    if not found.sign:
        return "a value that is not defined"
    return f"{found.left} {SIGNS.get(found.sign, found.sign)} {found.right}"


def facts(record: Record, mutation: Mutation | None = None) -> list[str]:
    """What was found out about a formula, a sentence each.

    Args:
        record: What is known of the formula.
        mutation: What became of its mutants, if it has any.

    Returns:
        Sentences in plain text.
    """
    found = _run(record) + _conditions(record)
    if record.status != "refuted":
        found[1:1] = _relations(relations(record))
    if mutation and mutation.mutants:
        found.append(_mutants(mutation))
    if record.status in ("checked", "refuted", "definition") and record.instances:
        found.append(f"Seed {record.seed}.")
    return found


def joined(conditions: tuple[str, ...]) -> str:
    r"""Conditions in a row, with signs in place of their LaTeX.

    Args:
        conditions: What a formula assumes, as its fence has it.

    Returns:
        The words that a reader sees.

    Examples:
        >>> from hw.site.words import joined
        >>> joined((r"k \neq i", "bijective"))
        'k ≠ i, bijective'
    """
    text = ", ".join(conditions).replace("<<", "≪")
    for latex, sign in SIGNS.items():
        text = text.replace(f"{latex} ", f"{sign} ")
    return text


def _run(record: Record) -> list[str]:
    models = f" of {', '.join(record.model)}" if record.model else ""
    tried = f"{_count(record.instances, 'instance')}{models}"
    same = [f"{record.binding} computes the same in {tried}."] if record.binding else []
    match record.status:
        case "checked":
            return [f"No counterexample in {tried}.", *same]
        case "refuted":
            return [f"Wrong: a counterexample was found after {tried}."]
        case "definition":
            return ["A definition: the formulas after it use it as it is displayed.", *same]
        case "test":
            return [f"Not evaluated here: bound to {record.binding}."]
        case "cited":
            return [f"Not evaluated here: taken from {record.binding}."]
    return [f"In error: {record.message}"]


def _relations(parts: list[Relation]) -> list[str]:
    """How relations fared: in one sentence if all the same."""
    told = [_relation(part) for part in parts]
    if len(told) > 1 and len(set(told)) == 1:
        return [f"In each of {len(told)} relations: {told[0]}."]
    if len(told) == 1:
        return [f"{told[0][0].upper()}{told[0][1:]}."]
    signs = [SIGNS.get(part.sign, part.sign) for part in parts]
    return [
        f"Relation {place}, “{sign}”: {text}." for place, (sign, text) in enumerate(zip(signs, told, strict=True), 1)
    ]


def _relation(part: Relation) -> str:
    said = []
    if part.residual == 0:
        said.append("no difference at all")
    elif part.residual is not None:
        said.append(f"worst residual {number(part.residual)}")
    if part.attained and part.residual is None:
        said.append("equality attained")
    elif part.slack is not None:
        said.append(f"smallest slack {number(part.slack)}")
    return ", ".join(said) or "holds in all instances"


def _conditions(record: Record) -> list[str]:
    if not record.assume:
        return []
    found = [f"Assuming {joined(record.assume)}."]
    if record.unassumed:
        found.append(f"Without that, a counterexample: {claimed(record.unassumed)}.")
    if record.idle:
        found.append(f"Idle, since no counterexample was found without: {joined(record.idle)}.")
    return found


def _mutants(mutation: Mutation) -> str:
    also = f", {len(mutation.also_true)} true as well" if mutation.also_true else ""
    left = f", {len(mutation.survivors)} unexplained" if mutation.survivors else ""
    unread = f"; {mutation.unparsed} more could not be read" if mutation.unparsed else ""
    score = f"{math.floor(100 * mutation.score)}%"  # never 100% with a survivor
    return f"{mutation.refuted} of {_count(mutation.mutants, 'mutant')} refuted{also}{left} (score {score}){unread}."


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' * (number != 1)}"
