"""The ledger: every displayed formula of the site with what its check found, and totals; nothing on it is typed."""

import re
from dataclasses import dataclass
from html import escape
from pathlib import Path

from mkdocs.utils.yaml import yaml_load

from hw.site.claims import Claim, address, claims_of_site, pages, text_of
from hw.site.display import html_of, mark_html
from hw.site.inline import inline_results, relation_signs
from hw.site.words import facts, relations

__all__ = ["Totals", "claims_today", "ledger", "totals"]

PAGE = "ledger.md"
CLASSES = {
    "checked": "formulas evaluated from their LaTeX, no counterexample found",
    "refuted": "formulas shown to be wrong, counterexample found",
    "definition": "definitions",
    "test": "formulas bound to a test",
    "cited": "formulas taken from a source",
    "error": "formulas in error",
}
UNEVALUATED = ("test", "cited", "error")


@dataclass(frozen=True)
class Totals:
    """Sums over some claims.

    Attributes:
        formulas: How many formulas there are of each class, classes without any left out.
        evaluated: Relations evaluated from their LaTeX.
        relations: All relations, those of formulas bound to a test or a source included.
        instances: Instances tried.
        mutants: Mutants that could be read as formulas.
        refuted: Mutants that a counterexample refutes.
        also_true: Mutants that hold as well, with a reason.
        survivors: Mutants that hold and that nobody has explained.
    """

    formulas: dict[str, int]
    evaluated: int
    relations: int
    instances: int
    mutants: int
    refuted: int
    also_true: int
    survivors: int

    @property
    def share(self) -> float:
        """Share of relations that are evaluated."""
        return self.evaluated / self.relations if self.relations else 1.0


def totals(claims: list[Claim]) -> Totals:
    """Sums over claims."""
    records = [claim.record for claim in claims]
    mutations = [claim.mutation for claim in claims if claim.mutation]
    classes = [record.status for record in records]
    evaluated = sum(len(relations(record)) for record in records if record.status not in UNEVALUATED)
    bound = sum(len(relation_signs(record.latex)) for record in records if record.status in UNEVALUATED)
    return Totals(
        formulas={name: classes.count(name) for name in CLASSES if name in classes},
        evaluated=evaluated,
        relations=evaluated + bound,
        instances=sum(record.instances for record in records),
        mutants=sum(mutation.mutants for mutation in mutations),
        refuted=sum(mutation.refuted for mutation in mutations),
        also_true=sum(len(mutation.also_true) for mutation in mutations),
        survivors=sum(len(mutation.survivors) for mutation in mutations),
    )


def claims_today(root: Path = Path()) -> str:
    """The sentence on the home page that says how much is checked.

    Args:
        root: The checkout.

    Returns:
        Plain text.
    """
    claims = claims_of_site(root)
    found = totals(claims)
    bound = found.formulas.get("test", 0) + found.formulas.get("cited", 0)
    return (
        f"{len(claims)} displayed formulas on this site are accounted for today: {found.evaluated} relations were "
        f"evaluated from the very LaTeX you read, in {found.instances:,} random instances; {bound} formulas are bound "
        f"to a test or a source instead."
    )


def ledger(root: Path = Path()) -> str:
    """The ledger's tables.

    Args:
        root: The checkout.

    Returns:
        HTML, with a row for each formula.
    """
    claims = claims_of_site(root)
    parts = [_totals(claims, root)]
    for page in dict.fromkeys(claim.page for claim in claims):
        rows = "".join(_row(claim) for claim in claims if claim.page == page)
        title = escape(_title(root / "docs" / page))
        parts.append(
            f'<h2 id="page-{page.rpartition(".")[0].replace("/", "-")}">{title}</h2>'
            '<table class="ledger" data-search-exclude><thead><tr><th scope="col">mark</th>'
            '<th scope="col">formula</th><th scope="col">what its check found</th></tr></thead>'
            f"<tbody>{rows}</tbody></table>"
        )
    return "\n".join(parts)


def _totals(claims: list[Claim], root: Path) -> str:
    found = totals(claims)
    results = {path: list(inline_results(text_of(path))) for path in pages(root / "docs")}
    lines = [(CLASSES[name], f"{number}") for name, number in found.formulas.items()]
    lines += [
        (f"relations evaluated on “{_title(root / 'docs' / page)}”", _share(claims, page))
        for page in _question_pages(root)
    ]
    lines += [
        ("random instances tried", f"{found.instances:,}"),
        ("mutants refuted", f"{found.refuted:,} of {found.mutants:,}"),
        ("mutants that are true as well, with a reason", f"{found.also_true:,}"),
        ("mutants that survive unexplained", f"{found.survivors:,}"),
        ("results in the middle of a sentence, which no check reads", f"{sum(map(len, results.values()))}"),
    ]
    rows = "".join(f'<tr><th scope="row">{escape(name)}</th><td>{value}</td></tr>' for name, value in lines)
    listed = "".join(
        f"<li>{escape(path.relative_to(root / 'docs').as_posix())}, line {line}: <code>{escape(text)}</code></li>"
        for path, found in results.items()
        for line, text in found
    )
    where = f"<details><summary>Where such results stand</summary><ul>{listed}</ul></details>" if listed else ""
    return f'<table class="totals"><tbody>{rows}</tbody></table>{where}'


def _share(claims: list[Claim], page: str) -> str:
    found = totals([claim for claim in claims if claim.page == page])
    return f"{found.evaluated} of {found.relations} ({found.share:.0%})"


def _row(claim: Claim) -> str:
    record, mutation = claim.record, claim.mutation
    found = "".join(f"<li>{html_of(fact)}</li>" for fact in facts(record, mutation))
    for kind, mutants in (
        ("true as well", mutation.also_true if mutation else ()),
        ("unexplained", [(mutant, "") for mutant in mutation.survivors] if mutation else ()),
    ):
        items = "".join(f"<li><code>{escape(mutant)}</code> {escape(why)}</li>" for mutant, why in mutants)
        found += f"<li><details><summary>Mutants {kind}</summary><ul>{items}</ul></details></li>" if items else ""
    link = f"{address(claim.page, start=PAGE)}#{claim.anchor}"
    return (
        f'<tr id="{escape(claim.row)}" class="{record.status}"><td class="sign">{mark_html(record)}</td>'
        f'<td><a href="{escape(link)}">{escape(claim.anchor)}</a>'
        f'<code class="latex">{escape(record.latex.strip())}</code></td><td><ul class="facts">{found}</ul></td></tr>'
    )


def _question_pages(root: Path) -> list[str]:
    nav = yaml_load((root / "mkdocs.yml").read_text(encoding="utf-8")).get("nav", [])
    return [page for part in nav for entry in part.get("Questions", []) for page in entry.values()]


def _title(path: Path) -> str:
    found = re.search(r"^# (.+?)(?: *\{[^}]*\})?$", text_of(path), re.MULTILINE)
    return found[1] if found else path.stem
