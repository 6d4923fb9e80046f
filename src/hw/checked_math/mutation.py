"""Formulas with one thing changed: a check that lets such a mutant pass does not check that thing.

A mutant must be refuted, or stand in the list `also_true.toml` beside the page, with a reason, and a formula that is
checked itself and shows the reason to be right.
"""

import hashlib
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cache as kept
from importlib.util import find_spec
from pathlib import Path

from hw.checked_math.checking import seed_of, verify
from hw.checked_math.document import Formula, formulas_of_file
from hw.checked_math.errors import FormulaError
from hw.checked_math.grammar.statements import Names, parse
from hw.checked_math.grammar.tokens import Token, tokens
from hw.checked_math.implementation import compared
from hw.checked_math.models import MODELS
from hw.checked_math.models.model import Instance, Model, Vocabulary
from hw.checked_math.pages import Store, digest
from hw.checked_math.reading import Context, Reading, read
from hw.checked_math.records import Mutation
from hw.checked_math.running import Runner, guarded
from hw.checked_math.syntax import Density, Divergence, Node, Operation, Statement, walk

__all__ = ["Mutant", "mutants", "mutate_file"]

LIST = "also_true.toml"
SWAPS = {
    "+": ("-",),
    "-": ("+",),
    "=": ("<", ">"),
    r"\ge": (r"\le", ">"),
    r"\le": (r"\ge", "<"),
    ">": ("<",),
    "<": (">",),
    r"\neq": ("=",),
    r"\in": (r"\notin",),
    r"\log": (r"\exp",),
    r"\exp": (r"\log",),
    r"\tanh": (r"\exp",),
    r"\max": (r"\min",),
    r"\min": (r"\max",),
    r"\sum": (r"\prod",),
    r"\prod": (r"\sum",),
    r"\cup": (r"\cap",),
    r"\cap": (r"\cup",),
    r"\lfloor": (),
}


@dataclass(frozen=True)
class Mutant:
    """A formula with one change: what was changed, such as `p → q #2` for the second p, and the LaTeX that results."""

    change: str
    latex: str


def mutants(latex: str, names: Names) -> Iterator[Mutant]:
    r"""Mutants of a formula: a sign, relation, function, law, variable, index or number, a factor or term left out.

    Args:
        latex: The formula.
        names: The names that it may use.

    Yields:
        The mutants, each another LaTeX text; some cannot be parsed.

    Raises:
        FormulaError: If `latex` itself cannot be parsed.

    Examples:
        >>> from hw.checked_math.grammar.statements import Names
        >>> from hw.checked_math.models.model import Vocabulary
        >>> from hw.checked_math.mutation import mutants
        >>> names = Names(Vocabulary(variables={"a": "number", "b": "number"}))
        >>> [mutant.latex for mutant in mutants("a < b", names)]
        ['b < b', 'a > b', 'a < a']
    """
    counts: dict[str, int] = {}
    seen = {latex}
    found = list(_changed(latex, names))
    for old, new, text in found:
        if text in seen:
            continue
        seen.add(text)
        name = f"{old} → {new}"
        counts[name] = counts.get(name, 0) + 1
        yield Mutant(f"{name} #{counts[name]}", text)


def _changed(latex: str, names: Names) -> Iterator[tuple[str, str, str]]:
    found = tokens(latex)[:-1]
    protected = _definition_heads(found)
    for at, token in enumerate(found):
        if token.kind == "text" or token.start in protected:
            continue
        if token.text in ("=", "<", ">") and _in_braces(found, at):
            continue  # the lower bound of a sum, or the size of a subset
        for new in _replacements(found, at, names):
            if latex[token.start : token.end] == token.text or token.kind in ("command", "symbol"):
                yield token.text, new, latex[: token.start] + _spaced(new) + latex[token.end :]
    yield from _shortened(latex, names)


def _spaced(new: str) -> str:
    return new + " " if new.startswith("\\") else new


def _definition_heads(found: list[Token]) -> set[int]:
    """Places before a `:=`: the name and the parameters of a definition are not mutated."""
    heads: set[int] = set()
    start = 0
    for at, token in enumerate(found):
        if token.text == ":=":
            heads |= {other.start for other in found[start : at + 1]}
        if token.text == r"\\":
            start = at + 1
    return heads


def _replacements(found: list[Token], at: int, names: Names) -> tuple[str, ...]:
    token = found[at]
    before = found[at - 1].text if at else ""
    if token.kind == "number":
        number = int(token.text) if token.text.isdigit() else 0
        if found[at + 1 : at + 2] and found[at + 1].text == ":":  # z_{0:k} has one draw more, which nothing uses
            return (str(number + 1),)
        return tuple(str(other) for other in (number + 1, number - 1) if token.text.isdigit() and other >= 0)
    if token.kind == "name":
        return _other_names(found, at, names)
    if token.text == "-" and before in ("", "{", "(", "[", "=", "&", r"\ge", r"\le", r"\\"):
        return ("",)  # a sign in front: leaving it out is the change
    if token.text == "+" and before in ("{", "(", "["):
        return ()
    return SWAPS.get(token.text, ())


def _other_names(found: list[Token], at: int, names: Names) -> tuple[str, ...]:
    """Names of the same kind that the formula uses too, or another law of the model."""
    token, vocabulary = found[at], names.vocabulary
    used = sorted({other.text for other in found if other.kind == "name"} - {token.text})
    if names.is_law(token.text):
        return tuple(letter for letter in _letters(vocabulary, token.text) if letter != token.text)[:2]
    if token.text in vocabulary.random and not names.sort(token.text):
        return tuple(other for other in vocabulary.random if other != token.text)
    sort = names.sort(token.text)
    if sort in ("count", "index"):
        others = [name for name in used if names.sort(name) in ("count", "index")]
        return (*others[:2], f"{{{token.text}+1}}") if _in_subscript(found, at) else tuple(others[:2])
    if sort:
        return tuple(name for name in used if names.sort(name) and names.sort(name) not in ("count", "index"))[:2]
    if token.text in vocabulary.functions:
        return tuple(name for name in used if vocabulary.functions.get(name) == vocabulary.functions[token.text])[:2]
    return ()


def _letters(vocabulary: Vocabulary, letter: str) -> list[str]:
    """Letters of laws that may stand in its place, itself among them, and not as another spelling of it."""
    same = vocabulary.spellings - {letter} if letter in vocabulary.spellings else frozenset()
    return sorted(other for other in vocabulary.laws - same if other.islower() == letter.islower())


def _in_braces(found: list[Token], at: int) -> bool:
    before = [token.text for token in found[:at]]
    return before.count("{") > before.count("}")


def _in_subscript(found: list[Token], at: int) -> bool:
    return at > 0 and found[at - 1].text == "_"


def _shortened(latex: str, names: Names) -> Iterator[tuple[str, str, str]]:
    """A term or a factor left out, and the laws of a divergence exchanged."""
    try:
        statements = parse(latex, _copied(names))
    except FormulaError:
        return
    for node in _nodes(statements):
        if isinstance(node, Operation) and node.operator in ("+", "*"):
            for operand in node.operands:
                cut = _without(latex, node, operand)
                if cut is not None:
                    yield f"without {latex[operand.start : operand.end]}", "", cut
        if isinstance(node, Density) and node.left:
            yield from _other_laws(latex, node, names)
        if isinstance(node, Divergence) and node.kind in ("KL", "chi2") and len(node.laws) == 2:
            first, second = (latex[law.start : law.end] for law in node.laws)
            between = latex[node.laws[0].end : node.laws[1].start]
            swapped = latex[: node.laws[0].start] + second + between + first + latex[node.laws[1].end :]
            yield f"{first} ‖ {second}", "exchanged", swapped


def _other_laws(latex: str, node: Density, names: Names) -> Iterator[tuple[str, str, str]]:
    """The law replaced by another of the same variables, joint, conditional or marginal."""
    shown = latex[node.start : node.end]
    texts = [latex[part.start : part.end] for part in (*(node.left or ()), *node.right)]
    label = f"_{{{node.law.label}}}" if node.law.label else ""
    if len(texts) > 2:
        return
    first, *rest = texts
    inside = [first]
    for second in rest:
        inside = [f"{first},{second}", rf"{first}\mid {second}", rf"{second}\mid {first}", first, second]
    for letter in _letters(names.vocabulary, node.law.letter):
        for variables in inside:
            new = f"{letter}{label}({variables})"
            if _squeezed(new) != _squeezed(shown):
                yield shown, new, latex[: node.start] + new + latex[node.end :]


def _squeezed(text: str) -> str:
    return "".join(text.split()).replace(r"\,", "").replace("|", r"\mid").replace("{", "").replace("}", "")


def _without(latex: str, node: Operation, operand: Node) -> str | None:
    """The text with an operand left out, together with the sign before it."""
    place = node.operands.index(operand)
    if node.operator == "*":
        return latex[: operand.start] + " " + latex[operand.end :] if len(node.operands) > 1 else None
    if place == 0:
        rest = latex[operand.end : node.operands[1].start]
        sign = "-" if "-" in rest else ""
        return latex[: operand.start] + sign + latex[node.operands[1].start :]
    previous = node.operands[place - 1]
    return latex[: previous.end] + latex[operand.end :]


def _nodes(statements: list[Statement]) -> Iterator[Node]:
    for statement in statements:
        if statement.definition:
            yield from walk(statement.definition.body)
        if statement.chain:
            for part in statement.chain.parts[bool(statement.definition) :]:
                yield from walk(part)


def _copied(names: Names) -> Names:
    return Names(names.vocabulary, set(names.functions), set(names.families), set(names.labeled))


# ---- judging ----


def mutate_file(path: Path, cache: Path | None = None, only: str = "") -> dict[str, Mutation]:
    """Mutate every evaluated formula of a file, or one of them.

    Args:
        path: The file; `also_true.toml` beside it lists the mutants that are true as well.
        cache: As for `check_file`.
        only: Id of the one formula; all if omitted.

    Returns:
        What became of the mutants, by formula id.

    Raises:
        FormulaError: If the list names a mutant that does not exist or was refuted, or gives a reason that fails.
        OSError: If the file cannot be read.
        UnicodeDecodeError: If it is not text in UTF-8.
        SyntaxError: If it ends in `.py` and is not Python.
    """
    store = Store(cache)
    found = formulas_of_file(path)
    listed = _listed(path)
    result: dict[str, Mutation] = {}
    context = Context()
    for place, formula in enumerate(found):
        is_claimed = formula.options.get("model") and formula.options.get("expect") != "false" and not formula.flaw
        if is_claimed and only in ("", formula.id):
            later = _users(formula, found[place + 1 :])
            rows = listed.get(formula.id, [])
            key = digest(
                "mutation",
                formula.latex,
                dict(formula.options),
                context.sources,
                [[o.latex, dict(o.options)] for o in later],
                rows,
                *(_library(o.options["implements"]) for o in (formula, *later) if o.options.get("implements")),
            )
            row = store.rows.get(key)
            if row is None:
                row = asdict(_mutated(formula, context, later, rows))
                store.keep(key, row)
            result[formula.id] = Mutation(
                **{**row, "also_true": tuple(map(tuple, row["also_true"])), "survivors": tuple(row["survivors"])}
            )
        if ":=" in formula.latex.replace(r"\coloneqq", ":="):
            context.add(formula.latex)
    store.save()
    return result


@kept
def _library(function: str) -> str:
    """A digest of the package that a function is in."""
    found, spec = hashlib.sha256(), find_spec(function.partition(".")[0])
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        for path in sorted(Path(folder).rglob("*.py")):
            found.update(path.read_bytes())
    return found.hexdigest()


def _users(formula: Formula, following: list[Formula]) -> list[Formula]:
    """Evaluated formulas that use what a formula defines, and all definitions, which those may use too."""
    defined, found = _defined(formula), []
    for other in following if defined else []:
        if other.options.get("model") and other.options.get("expect") != "false" and not other.flaw:
            own, is_user = _defined(other), bool(defined & {token.text for token in tokens(other.latex)})
            if is_user or own:
                found.append(other)
            if is_user:
                defined |= own
    return found


def _defined(formula: Formula) -> set[str]:
    """Names that a formula defines, each as its token."""
    found, start = set(), 0
    shown = tokens(formula.latex)
    for at, token in enumerate(shown):
        if token.text == ":=":
            found.add(next((other.text for other in shown[start:at] if other.kind in ("name", "word")), ""))
        if token.text == r"\\":
            start = at + 1
    return found


def _listed(path: Path) -> Mapping[str, list[dict[str, str]]]:
    beside = path.parent / LIST
    return tomllib.loads(beside.read_text(encoding="utf-8")) if beside.is_file() else {}


def _mutated(formula: Formula, context: Context, later: list[Formula], rows: list[dict[str, str]]) -> Mutation:
    model = MODELS[formula.options["model"].replace(",", " ").split()[0]]
    names, _ = context.for_model(model)
    refuted = unparsed = count = 0
    survivors: list[str] = []
    also_true: list[tuple[str, str]] = []
    reasons = {row["mutant"]: row for row in rows}
    original = kept(lambda model: read(formula.latex, model, context))  # read once for all mutants
    known: list[tuple[Instance, int]] = []  # what has refuted a mutant is likely to refute the next
    for mutant in mutants(formula.latex, names):
        changed = replace(formula, latex=mutant.latex)
        try:
            fails = _fails(changed, original, context, later, known)
        except FormulaError:
            unparsed += 1
            continue
        count += 1
        if fails:
            refuted += 1
        elif mutant.change in reasons:
            row = reasons.pop(mutant.change)
            _confirm(row, changed, model, context)
            also_true.append((mutant.change, row["reason"]))
        else:
            survivors.append(mutant.change)
    if reasons:
        raise FormulaError(f"{formula.id}: {LIST} must list mutants that survive, got {', '.join(reasons)}")
    return Mutation(count, refuted, tuple(also_true), tuple(survivors), unparsed)


def _fails(
    changed: Formula,
    original: Callable[[Model], Reading],
    context: Context,
    later: list[Formula],
    known: list[tuple[Instance, int]],
) -> bool:
    """Whether a counterexample to the mutant exists, or, for a definition, to a later formula that uses it."""
    models = [MODELS[name] for name in changed.options["model"].replace(",", " ").split()]
    assume = [part.strip() for part in changed.options.get("assume", "").split(",") if part.strip()]
    seed = seed_of(changed.id)
    for model in models:
        reading = _changed_claims(read(changed.latex, model, context), original(model))
        if reading.comparisons and _refuted(reading, assume, seed, known):
            return True
        function = changed.options.get("implements")
        if function and compared(reading, function, assume, seed)[1]:
            return True
    return any(_later_fails(changed, other, context, later) for other in later)


def _refuted(reading: Reading, assume: list[str], seed: int, known: list[tuple[Instance, int]]) -> bool:
    """Whether a counterexample exists; in a finite model, those known of other mutants are tried first."""
    if reading.model.vocabulary.points and known:
        runner = Runner(reading, assume, seed)
        for place, (instance, draw) in enumerate(known[:8]):
            try:
                judgments = guarded(runner.judged, instance, draw)
            except FormulaError:
                continue
            if judgments is not None and not all(judgment.passed for judgment in judgments):
                known.insert(0, known.pop(place))
                return True
    found = verify(reading, assume, seed, first_only=True).refuting
    if found:
        known.insert(0, found)
    return found is not None


def _changed_claims(mutant: Reading, original: Reading) -> Reading:
    """The mutant's claims that differ from the original's; the others have been checked."""
    shown = [
        [
            (
                reading.source[claim.left.start : claim.left.end],
                claim.sign,
                reading.source[claim.right.start : claim.right.end],
            )
            for claim in reading.comparisons
        ]
        for reading in (mutant, original)
    ]
    if len(shown[0]) != len(shown[1]) or any(statement.definition for statement in mutant.statements):
        return mutant
    return replace(
        mutant, chosen=tuple(number for number, pair in enumerate(zip(*shown, strict=True)) if pair[0] != pair[1])
    )


def _later_fails(changed: Formula, other: Formula, context: Context, later: list[Formula]) -> bool:
    with_mutant = context.copy()
    with_mutant.add(changed.latex)
    for between in later[: later.index(other)]:
        if _defined(between):
            with_mutant.add(between.latex)
    assume = [part.strip() for part in other.options.get("assume", "").split(",") if part.strip()]
    for name in other.options["model"].replace(",", " ").split():
        reading = read(other.latex, MODELS[name], with_mutant)
        if reading.comparisons and verify(reading, assume, seed_of(other.id), first_only=True).counterexample:
            return True
        if (
            other.options.get("implements")
            and compared(reading, other.options["implements"], assume, seed_of(other.id))[1]
        ):
            return True
    return False


def _confirm(row: Mapping[str, str], mutant: Formula, model: Model, context: Context) -> None:
    """The formula that shows why a mutant is true must itself hold."""
    shown = read(row["because"], model, context)
    assume = [part.strip() for part in mutant.options.get("assume", "").split(",") if part.strip()]
    if not shown.comparisons or verify(shown, assume, seed_of(row["because"])).counterexample:
        raise FormulaError(f"{mutant.id}: the reason for {row['mutant']} fails: {row['because']}")
