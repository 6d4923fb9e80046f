"""All displayed formulas of a text or a file, checked in order; records are kept by what they depend on."""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import cache as kept
from pathlib import Path
from typing import Any

from hw.checked_math.document import Formula, formulas, formulas_of_file
from hw.checked_math.formula import check_formula, error_record
from hw.checked_math.reading import Context
from hw.checked_math.records import Counterexample, Record, Relation

__all__ = ["Store", "check_file", "check_text", "digest"]

SOURCES = Path(__file__).parent


def check_text(text: str, file: str, cache: Path | None = None) -> list[Record]:
    r"""Check every displayed formula of a Markdown text.

    Args:
        text: The text.
        file: Its name, for messages and to find the tests it names.
        cache: A JSON file in which records are kept; none if omitted.

    Returns:
        One record a formula, in order. What cannot be read is a record with status `error`.

    Raises:
        OSError: If the cache cannot be written.

    Examples:
        >>> from hw.checked_math.pages import check_text
        >>> page = '```math id="bayes" model="latent"\np(x,z) = p(x)\\,p(z\\mid x)\n```\n'
        >>> [record.status for record in check_text(page, "page.md")]
        ['checked']
    """
    return _checked(formulas(text, file), Store(cache))


def check_file(path: Path, cache: Path | None = None) -> list[Record]:
    """Check every displayed formula of a Markdown file, or of the docstrings of a Python file.

    Args:
        path: A file that ends in `.md` or `.py`.
        cache: As for `check_text`.

    Returns:
        One record a formula, in order.

    Raises:
        OSError: If the file cannot be read.
        UnicodeDecodeError: If it is not text in UTF-8.
        SyntaxError: If it ends in `.py` and is not Python.
    """
    return _checked(formulas_of_file(path), Store(cache))


def _checked(found: list[Formula], store: "Store") -> list[Record]:
    context, records, seen = Context(), [], set()
    for formula in found:
        if formula.id in seen:
            record = error_record(formula, f"the id {formula.id} is used twice in this file")
        else:
            record = store.record(formula, context)
        seen.add(formula.id)
        records.append(record)
        if record.status != "error" and r":=" in formula.latex.replace(r"\coloneqq", ":="):
            context.add(formula.latex)
    store.save()
    return records


class Store:
    """Records by a digest of what they depend on: formula, options, definitions before it, and this package's code."""

    def __init__(self, path: Path | None) -> None:
        """Read the file, if there is one that can be read."""
        self.path = path
        self.rows: dict[str, Any] = {}
        self.changed = False
        if path and path.is_file():
            try:
                self.rows = json.loads(path.read_text(encoding="utf-8"))
            except (OSError, ValueError):  # a cache that cannot be read is no cache
                self.rows = {}

    def record(self, formula: Formula, context: Context) -> Record:
        """The record of a formula, from the cache or fresh."""
        if formula.flaw:
            return check_formula(formula, context)
        key = digest("record", formula.latex, dict(formula.options), context.sources)
        row = self.rows.get(key)
        if row:
            known = record_from(row)
            return replace(known, file=formula.file, line=formula.line, id=formula.id)
        record = check_formula(formula, context)
        if record.status in ("checked", "refuted", "definition") and not record.binding:
            self.keep(key, asdict(record))
        return record

    def keep(self, key: str, row: Any) -> None:
        """Put a row into the cache."""
        self.rows[key] = row
        self.changed = True

    def save(self) -> None:
        """Write the file, if anything changed."""
        if self.path and self.changed:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            scratch = self.path.with_suffix(f".{os.getpid()}-{id(self)}")  # several processes may write at once
            try:
                scratch.write_text(json.dumps(self.rows), encoding="utf-8")
                scratch.replace(self.path)
            finally:
                scratch.unlink(missing_ok=True)
            self.changed = False


def record_from(row: Mapping[str, Any]) -> Record:
    """A record as it was before it became JSON."""
    found = dict(row)
    for name in ("counterexample", "unassumed"):
        if found[name]:
            found[name] = Counterexample(**{**found[name], "instance": tuple(map(tuple, found[name]["instance"]))})
    found["relations"] = tuple(Relation(**relation) for relation in found["relations"])
    for name in ("model", "assume", "idle"):
        found[name] = tuple(found[name])
    return Record(**found)


def digest(*parts: Any) -> str:
    """A key for the cache."""
    return hashlib.sha256(json.dumps([code_digest(), *parts], sort_keys=True).encode()).hexdigest()[:32]


@kept
def code_digest() -> str:
    """A digest of this package's source."""
    found = hashlib.sha256()
    for path in sorted(SOURCES.rglob("*.py")):
        found.update(path.read_bytes())
    return found.hexdigest()
