"""One displayed formula: bound to a test or a source, or evaluated in its models."""

import ast
import re
import time
from dataclasses import replace
from pathlib import Path

from hw.checked_math.checking import seed_of, verify
from hw.checked_math.document import Formula
from hw.checked_math.errors import FormulaError, place
from hw.checked_math.implementation import compared
from hw.checked_math.models import MODELS
from hw.checked_math.models.model import Model
from hw.checked_math.reading import Context, read
from hw.checked_math.records import Counterexample, Record, Relation

__all__ = ["check_formula", "error_record"]

OPTIONS = {"id", "model", "assume", "expect", "implements", "test", "cite", "was"}


def check_formula(formula: Formula, context: Context) -> Record:
    """Check one formula after the definitions before it.

    Returns:
        Its record; an error is a record too, with line and column in the message.
    """
    started = time.perf_counter()
    try:
        record = _bound(formula) or _evaluated(formula, context)
    except FormulaError as error:
        record = error_record(formula, error.message, error.at)
    except RecursionError:
        record = error_record(formula, "the formula, or what it is defined by, is nested too deep")
    return replace(record, seconds=round(time.perf_counter() - started, 4))


def error_record(formula: Formula, message: str, offset: int = 0) -> Record:
    """A record of what cannot be read, with the place in the file: the line counts from the formula's first."""
    line, column = place(formula.latex, offset)
    where = f"{formula.file}:{formula.line + line - 1}:{column}"
    return replace(_blank(formula), status="error", message=f"{where}: {message}")


def _blank(formula: Formula) -> Record:
    options = formula.options
    return Record(
        id=formula.id,
        file=formula.file,
        line=formula.line,
        status="error",
        latex=formula.latex,
        model=tuple(re.split(r"[,\s]+", options.get("model", "").strip())) if options.get("model") else (),
        assume=tuple(part.strip() for part in options.get("assume", "").split(",") if part.strip()),
        expected=options.get("expect", "true") != "false",
        seed=seed_of(formula.id),
    )


def _bound(formula: Formula) -> Record | None:
    """The record of a formula that is not evaluated; None for one that is."""
    options = formula.options
    if formula.flaw:
        raise FormulaError(formula.flaw)
    unknown = sorted(set(options) - OPTIONS)
    if unknown:
        raise FormulaError(f"options must be of {', '.join(sorted(OPTIONS))}, got {', '.join(unknown)}")
    if options.get("expect", "false") != "false":
        raise FormulaError(f'expect must be "false", got {options["expect"]!r}')
    if options.get("model"):
        return None
    if options.get("test"):
        _find_test(options["test"], formula.file)
        return replace(_blank(formula), status="test", binding=options["test"])
    if options.get("cite"):
        return replace(_blank(formula), status="cited", binding=options["cite"])
    if formula.example:
        return replace(_blank(formula), status="test", binding=f"{formula.file}::{formula.example}")
    raise FormulaError('a displayed formula must have a model, or be bound by test="..." or cite="..."')


def _find_test(node: str, file: str) -> None:
    """A bound test must exist; pytest says whether it passes."""
    name, _, function = node.partition("::")
    folders = [Path.cwd(), *Path(file).resolve().parents]
    path = next((folder / name for folder in folders if (folder / name).is_file()), None)
    if path is None:
        raise FormulaError(f"test must be a test that exists, got {node}")
    names = {child.name for child in ast.walk(ast.parse(path.read_text())) if isinstance(child, ast.FunctionDef)}
    if function.partition("[")[0] not in names:
        raise FormulaError(f"test must be a test that exists, got {node}")


def _evaluated(formula: Formula, context: Context) -> Record:
    record = _blank(formula)
    relations: list[Relation] = []
    instances, counterexample = 0, None
    for name in record.model:
        model = _model(name)
        reading = read(formula.latex, model, context)
        if reading.comparisons:
            outcome = verify(reading, record.assume, record.seed)
            relations += outcome.relations
            instances += outcome.instances
            counterexample = counterexample or outcome.counterexample
        if formula.options.get("implements"):
            count, difference, relation = compared(reading, formula.options["implements"], record.assume, record.seed)
            instances += count
            relations.append(relation)
            counterexample = counterexample or difference
    defines = ":=" in formula.latex.replace(r"\coloneqq", ":=")
    if not record.expected and not any(relation.sign != ":=" for relation in relations):
        raise FormulaError('expect="false" must stand at a claim, not at a definition alone')
    claims = any(relation.sign != ":=" for relation in relations)
    status = "refuted" if counterexample else "definition" if defines and not claims else "checked"
    record = replace(
        record,
        status=status,
        instances=instances,
        relations=tuple(relations),
        counterexample=counterexample,
        binding=formula.options.get("implements", ""),
    )
    return _with_idle(record, formula, context) if record.assume and status == "checked" else record


def _model(name: str) -> Model:
    if name not in MODELS:
        raise FormulaError(f"model must be one of {', '.join(MODELS)}, got {name}")
    return MODELS[name]


def _with_idle(record: Record, formula: Formula, context: Context) -> Record:
    """What happens without the assumptions: a counterexample, or they are idle."""
    unassumed: Counterexample | None = None
    idle = []
    for dropped in record.assume:
        rest = [name for name in record.assume if name != dropped]
        found = None
        for name in record.model:
            try:
                reading = read(formula.latex, _model(name), context)
                found = found or verify(reading, rest, record.seed, dropped=[dropped]).counterexample
            except FormulaError as error:  # without it a value is not even a number
                found = Counterexample((("without it", error.message),), "undefined", "", "undefined")
        unassumed = unassumed or found
        if found is None:
            idle.append(dropped)
    return replace(record, unassumed=unassumed, idle=tuple(idle))
