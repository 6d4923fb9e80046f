"""HTML of a displayed formula with its mark: a sign, and the record behind it, folded and without JavaScript."""

import re
from html import escape
from pathlib import Path

from hw.checked_math.records import Counterexample, Record
from hw.site.claims import Claim
from hw.site.typeset import typeset
from hw.site.words import claimed, facts, joined, mark, relations

__all__ = ["claim_html", "html_of", "mark_html"]

PLAIN = {ord(raised): plain for plain, raised in zip("−0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹", strict=True)}


def claim_html(claim: Claim, katex: Path, ledger: str = "") -> str:
    """A formula with its mark, and with the counterexample if it is one that the page shows to be wrong.

    Args:
        claim: The formula and its record.
        katex: The file `katex.min.js`.
        ledger: Address of its row on the ledger; empty for no link.

    Returns:
        HTML that needs KaTeX's style sheet.

    Raises:
        ValueError: If KaTeX does not accept the formula.
    """
    record = claim.record
    formula = typeset(record.latex.strip(), katex, display=True)
    label = "formula, wrong" if record.status == "refuted" else "formula"
    wrong = ""
    if record.status == "refuted" and record.counterexample:
        wrong = _counterexample(record, record.counterexample, "✗ Wrong. The smallest counterexample found:", katex)
    return (
        f'<div class="claim {record.status}" id="{escape(claim.anchor)}">'
        f'<details class="mark margin" data-search-exclude><summary>{mark_html(record)}</summary>'
        f'<div class="record">{_record(claim, katex, ledger)}</div></details>'
        f'<div class="formula" role="group" aria-label="{label}" tabindex="0" data-search-exclude>{formula}</div>'
        f"{wrong}</div>"
    )


def mark_html(record: Record) -> str:
    """The mark alone; a screen reader hears a word in place of a bare sign."""
    sign, spoken, text = mark(record)
    if spoken:
        shown = f'<span class="sign" aria-hidden="true">{sign}</span><span class="unseen">{spoken}</span>'
    else:
        shown = f'<span class="sign">{escape(sign)}</span>' if sign else ""
    return " ".join(part for part in (shown, html_of(text)) if part)


def html_of(text: str) -> str:
    """Text as HTML, with raised digits as `sup`: the site's fonts do not have all of Unicode's."""
    return re.sub("[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+", lambda power: f"<sup>{power[0].translate(PLAIN)}</sup>", escape(text))


def _record(claim: Claim, katex: Path, ledger: str) -> str:
    record = claim.record
    found = "".join(f"<li>{html_of(fact)}</li>" for fact in facts(record, claim.mutation))
    without = ""
    if record.unassumed:
        title = f"Smallest counterexample without {joined(record.assume)}:"
        without = _counterexample(record, record.unassumed, title, katex)
    row = f' · <a href="{escape(ledger)}">its row on the ledger</a>' if ledger else ""
    latex = escape(record.latex.strip())
    return (
        f'<ul class="facts">{found}</ul>{without}<code class="latex">{latex}</code>'
        f'<p><button type="button" class="copy" data-clipboard-text="{latex}">Copy LaTeX</button>'
        f'<a href="#{escape(claim.anchor)}">link to this formula</a>{row}</p>'
    )


def _counterexample(record: Record, found: Counterexample, title: str, katex: Path) -> str:
    if not found.sign:  # without the assumptions a value is not even a number, and there are no two sides
        rows = [(escape(words), html_of(value)) for words, value in found.instance]
    else:
        rows = [(typeset(symbol, katex), html_of(value)) for symbol, value in found.instance]
        which = f"relation {found.relation + 1} says" if len(relations(record)) > 1 else "the formula says"
        rows.append((which, f'<span class="false">{html_of(claimed(found))}</span>, false'))
    listed = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in rows)
    return f'<div class="counterexample" data-search-exclude><p>{escape(title)}</p><dl>{listed}</dl></div>'
