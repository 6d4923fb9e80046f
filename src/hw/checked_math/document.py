r"""The displayed formulas of a Markdown file or of docstrings, and what the check of each left behind.

An author writes a formula in a fence, with an id and the models in which it is to hold:

    ```math id="elbo" model="latent" assume="q << posterior"
    \log p(x) \ge \mathbb{E}_{q(z\mid x)}\left[\log\frac{p(x,z)}{q(z\mid x)}\right]
    ```

Records are kept in a cache by what they depend on, so that only what changed is checked again.
"""

import ast
import hashlib
import json
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cache as kept
from pathlib import Path
from typing import Any

from hw.checked_math.checking import Context, read, seed_of, verify
from hw.checked_math.errors import FormulaError, place
from hw.checked_math.implementation import compared
from hw.checked_math.models import MODELS
from hw.checked_math.models.model import Model
from hw.checked_math.records import Counterexample, Record, Relation

__all__ = ["Fence", "Formula", "Store", "check_file", "check_formula", "check_text", "fences", "formulas"]

FENCE = re.compile(
    r"^(?P<indent> *)(?P<ticks>`{3,})(?P<info>[^\n`]*)\n(?P<code>.*?)^(?P=indent)(?P=ticks) *$",
    re.DOTALL | re.MULTILINE,
)
OPTION = re.compile(r'([\w-]+)="([^"]*)"')
DOLLARS = re.compile(r"^ *\$\$(?P<code>.+?)\$\$ *$", re.DOTALL | re.MULTILINE)
OPEN = re.compile(r"^ *`{3,}math\b", re.MULTILINE)
OPTIONS = {"id", "model", "assume", "expect", "implements", "test", "cite"}
SOURCES = Path(__file__).parent


@dataclass(frozen=True)
class Fence:
    """One fenced block: where it starts, its language, its options, its text, and what is wrong with the options."""

    line: int
    language: str
    options: dict[str, str]
    code: str
    flaw: str = ""


@dataclass(frozen=True)
class Formula:
    """A displayed formula as its author wrote it: LaTeX without delimiters, options, the file and its first line.

    `example` is the documented object whose own example a docstring's formula is bound to, `flaw` what is wrong with
    the fence.
    """

    latex: str
    options: Mapping[str, str]
    file: str
    line: int
    example: str = ""
    flaw: str = ""

    @property
    def id(self) -> str:
        """The id its author gave, else one from its line."""
        return self.options.get("id", f"line-{self.line}")


def fences(markdown: str) -> Iterator[Fence]:
    '''Fenced blocks of a page, in order.

    Args:
        markdown: The text of the page.

    Yields:
        The blocks; their first line is counted from 1.

    Examples:
        >>> from hw.checked_math.document import fences
        >>> page = """
        ... ```pycon exec="on" session="sum"
        ... >>> print(1 + 1)
        ... 2
        ...
        ... ```
        ... """
        >>> [(fence.language, fence.options["session"]) for fence in fences(page)]
        [('pycon', 'sum')]
    '''
    for match in FENCE.finditer(markdown):
        language, _, options = match["info"].strip().partition(" ")
        code = re.sub(rf"^{match['indent']}", "", match["code"], flags=re.MULTILINE)
        line = markdown.count("\n", 0, match.start()) + 1
        yield Fence(line, language, dict(OPTION.findall(options)), code, _flaw(options))


def _flaw(options: str) -> str:
    """What is wrong with the options of a fence, as they are written; empty for nothing."""
    rest = OPTION.sub("", options).strip()
    names = [name for name, _ in OPTION.findall(options)]
    twice = next((name for name in names if names.count(name) > 1), "")
    if rest:
        return f'options must be written name="value", got {rest}'
    return f"the option {twice} is given twice" if twice else ""


def formulas(markdown: str, file: str = "", first_line: int = 1, example: str = "") -> list[Formula]:
    r"""Displayed formulas of a text, in order: `math` fences, and blocks between double dollars.

    Args:
        markdown: The text of a page or a docstring.
        file: Where it stands, for messages.
        first_line: Line of the file at which the text begins.
        example: For a docstring, the name of the documented object.

    Returns:
        The formulas.

    Examples:
        >>> from hw.checked_math.document import formulas
        >>> [formula.latex for formula in formulas("Text\n\n$$a = b$$\n")]
        ['a = b']
    """
    found = [
        (
            fence.line,
            Formula(fence.code.strip("\n"), fence.options, file, first_line + fence.line, example, fence.flaw),
        )
        for fence in fences(markdown)
        if fence.language == "math"
    ]
    prose = FENCE.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), markdown)
    for match in OPEN.finditer(prose):
        line = prose.count("\n", 0, match.start()) + 1
        found.append((line, Formula("", {}, file, first_line + line - 1, example, "the fence is not closed")))
    prose = re.sub(r"`[^`\n]+`", lambda match: " " * len(match[0]), prose)
    for match in DOLLARS.finditer(prose):
        line = prose.count("\n", 0, match.start()) + 1
        found.append((line, Formula(match["code"].strip(), {}, file, first_line + line - 1, example)))
    return [formula for _, formula in sorted(found, key=lambda item: item[0])]


def check_text(text: str, file: str, cache: Path | None = None) -> list[Record]:
    r"""Check every displayed formula of a Markdown text.

    Args:
        text: The text.
        file: Its name, for messages and to find the tests it names.
        cache: A JSON file in which records are kept; none if omitted.

    Returns:
        One record a formula, in order. What cannot be read is a record with status `error`.

    Examples:
        >>> from hw.checked_math.document import check_text
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
    """
    return _checked(formulas_of_file(path), Store(cache))


def formulas_of_file(path: Path) -> list[Formula]:
    """Displayed formulas of a Markdown file, or of a Python file's docstrings."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        return formulas(text, path.as_posix())
    return [
        formula
        for name, docstring, line in _docstrings(text, path)
        for formula in formulas(docstring, path.as_posix(), line, name)
    ]


def _docstrings(text: str, path: Path) -> Iterator[tuple[str, str, int]]:
    module = _module_name(path)

    def visit(node: ast.AST, name: str) -> Iterator[tuple[str, str, int]]:
        docstring = ast.get_docstring(node)  # type: ignore[arg-type]
        if docstring:
            yield name, docstring, node.body[0].lineno  # type: ignore[attr-defined]
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.ClassDef | ast.FunctionDef):
                yield from visit(child, f"{name}.{child.name}")

    return visit(ast.parse(text), module)


def _module_name(path: Path) -> str:
    parts = list(path.with_suffix("").parts)
    parts = parts[parts.index("src") + 1 :] if "src" in parts else parts[-1:]
    return ".".join(part for part in parts if part != "__init__")


def _checked(found: list[Formula], store: "Store") -> list[Record]:
    context, records, seen = Context(), [], set()
    for formula in found:
        if formula.id in seen:
            record = _error(formula, f"the id {formula.id} is used twice in this file")
        else:
            record = store.record(formula, context)
        seen.add(formula.id)
        records.append(record)
        if record.status != "error" and r":=" in formula.latex.replace(r"\coloneqq", ":="):
            context.add(formula.latex)
    store.save()
    return records


# ---- one formula ----


def check_formula(formula: Formula, context: Context) -> Record:
    """Check one formula after the definitions before it.

    Returns:
        Its record; an error is a record too, with line and column in the message.
    """
    started = time.perf_counter()
    try:
        record = _bound(formula) or _evaluated(formula, context)
    except FormulaError as error:
        record = _error(formula, error.message, error.at)
    except RecursionError:
        record = _error(formula, "the formula, or what it is defined by, is nested too deep")
    return replace(record, seconds=round(time.perf_counter() - started, 4))


def _error(formula: Formula, message: str, offset: int = 0) -> Record:
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


# ---- the cache ----


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
            scratch = self.path.with_suffix(f".{id(self)}")
            scratch.write_text(json.dumps(self.rows), encoding="utf-8")
            scratch.replace(self.path)
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
