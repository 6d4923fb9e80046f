"""Check the formulas of files: `python -m hw.checked_math docs/vae.md [more files or folders]`."""

import argparse
import json
import math
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hw.checked_math.errors import FormulaError
from hw.checked_math.mutation import mutate_file
from hw.checked_math.pages import check_file
from hw.checked_math.records import Counterexample, Mutation, Record


def main(arguments: list[str] | None = None) -> int:
    """Check, print, and say by the exit code how it went: 0 well, 1 a claim failed, 2 something could not be read."""
    parser = argparse.ArgumentParser(
        prog="python -m hw.checked_math", description="Check the displayed formulas of Markdown files."
    )
    parser.add_argument("paths", nargs="+", type=Path, help="Markdown or Python files, or folders of Markdown files")
    parser.add_argument("--json", action="store_true", help="print a list of objects instead of lines")
    parser.add_argument("--mutate", action="store_true", help="mutate every formula too, and report survivors")
    options = parser.parse_args(arguments)
    sys.stdout.reconfigure(errors="backslashreplace")  # a file's name need not be UTF-8
    rows: list[dict[str, Any]] = []
    code = 0
    for path in _files(options.paths):
        try:
            records = check_file(path)
            mutations = (
                mutate_file(path) if options.mutate and all(record.status != "error" for record in records) else {}
            )
        except (OSError, UnicodeDecodeError, SyntaxError, FormulaError) as error:
            print(f"{path}: {_reason(error)}", file=sys.stderr)
            code = 2
            continue
        for record in records:
            mutation = mutations.get(record.id)
            rows.append(_row(record, mutation))
            if not options.json:
                print(_line(record, mutation))
            failed = not record.ok or (mutation is not None and mutation.survivors)
            code = max(code, 2 if record.status == "error" else 1 if failed else 0)
    if options.json:
        print(json.dumps(_finite(rows), indent=1, ensure_ascii=False, allow_nan=False))
    return code


def _files(paths: list[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(
                file for file in path.rglob("*.md") if not any(part.startswith(".") for part in file.parts)
            )
        else:
            yield path


def _reason(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "must be text in UTF-8"
    return getattr(error, "strerror", None) or str(error)


def _row(record: Record, mutation: Mutation | None) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": record.id,
        "file": record.file,
        "line": record.line,
        "status": record.status,
        "ok": record.ok,
        "latex": record.latex,
        "model": " ".join(record.model),
        "assume": ", ".join(record.assume),
        "instances": record.instances,
        "residual": record.residual,
        "slack": record.slack,
        "seed": record.seed,
        "counterexample": asdict(record.counterexample) if record.counterexample else None,
        "unassumed": asdict(record.unassumed) if record.unassumed else None,
        "idle": list(record.idle),
        "binding": record.binding,
        "message": record.message,
        "relations": [asdict(relation) for relation in record.relations],
    }
    if mutation:
        row |= {
            "mutants": mutation.mutants,
            "refuted": mutation.refuted,
            "also_true": [list(pair) for pair in mutation.also_true],
            "unparsed": mutation.unparsed,
            "survivors": list(mutation.survivors),
        }
    return row


def _finite(value: Any) -> Any:
    """The value without infinities and NaN, which JSON does not have."""
    if isinstance(value, dict):
        return {name: _finite(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _line(record: Record, mutation: Mutation | None) -> str:
    text = f"{record.file}:{record.line} {record.id}: {record.status}"
    if record.status == "error":
        return f"{text}: {record.message}"
    if record.status in ("test", "cited"):
        text += f": {record.binding}"
    if record.instances:
        text += f", {record.instances} instances of {' '.join(record.model)} (seed {record.seed})"
    if record.residual is not None:
        text += f", residual {record.residual:.0e}"
    if record.slack is not None:
        text += f", slack {record.slack:.2g}"
    if record.counterexample:
        text += f"; {words(record.counterexample)}"
    if record.idle:
        text += f"; idle assumption: {', '.join(record.idle)}"
    if not record.ok:
        text += "; FAILS" if record.expected else '; FAILS: expect="false", and no counterexample was found'
    if mutation:
        text += f"; {mutation.refuted} of {mutation.mutants} mutants refuted, {len(mutation.also_true)} also true"
        if mutation.survivors:
            text += f"; SURVIVORS: {', '.join(mutation.survivors)}"
    return text


def words(found: Counterexample) -> str:
    """A counterexample in a line."""
    instance = ", ".join(f"{latex} = {text}" for latex, text in found.instance)
    return f"counterexample: {instance}: {found.left} {found.sign} {found.right} is false"


if __name__ == "__main__":
    try:
        code = main()
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has seen enough, as `head` has; what is left must not be flushed at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 141  # what a shell reports of a command that ends so
    sys.exit(code)
