"""Formulas read in a model, after the definitions of their page."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from hw.checked_math.arithmetic import FLOAT
from hw.checked_math.errors import FormulaError
from hw.checked_math.evaluation.compiler import function_sort
from hw.checked_math.evaluation.expressions import compiler_for
from hw.checked_math.evaluation.laws import common_variables, is_law
from hw.checked_math.grammar.names import bare_letter
from hw.checked_math.grammar.statements import Names, parse
from hw.checked_math.models.model import Law, Model
from hw.checked_math.syntax import Call, Chain, Comparison, Definition, Name, Statement

__all__ = ["Context", "Reading", "claims", "read"]


@dataclass
class Context:
    """The definitions of a page so far, for each model: a later formula uses them as displayed."""

    sources: list[str] = field(default_factory=list)
    known: dict[str, tuple[Names, dict[str, Definition]]] = field(default_factory=dict)

    def for_model(self, model: Model) -> tuple[Names, dict[str, Definition]]:
        """Names and definitions in a model's vocabulary."""
        if model.name not in self.known:
            names, definitions = Names(model.vocabulary), {}
            for source in self.sources:
                try:
                    statements = parse(source, names)
                except FormulaError:  # a definition that this model cannot express is unknown to its formulas
                    continue
                for statement in statements:
                    if statement.definition:
                        definitions[statement.definition.name] = statement.definition
            self.known[model.name] = names, definitions
        return self.known[model.name]

    def add(self, source: str) -> None:
        """Know the definitions of a formula from here on."""
        self.sources.append(source)
        self.known.clear()

    def copy(self) -> "Context":
        """A context of its own with the same definitions."""
        return Context(list(self.sources), dict(self.known))


@dataclass(frozen=True)
class Reading:
    """A formula in one model: its statements, and the definitions it may use, its own among them."""

    source: str
    model: Model
    statements: tuple[Statement, ...]
    definitions: Mapping[str, Definition]
    chosen: tuple[int, ...] | None = None

    @property
    def comparisons(self) -> list[Comparison]:
        """Its claims in order: all of them, or those that were chosen."""
        found = [claim for statement in self.statements for claim in claims(statement)]
        return found if self.chosen is None else [found[number] for number in self.chosen]


def claims(statement: Statement) -> Iterator[Comparison]:
    """The claims of a statement, one a relation sign."""
    chain: Chain | None = statement.chain
    if chain:
        for left, sign, right in zip(chain.parts, chain.signs, chain.parts[1:], strict=False):
            yield Comparison(left.start, right.end, left, sign, right)


def read(source: str, model: Model, context: Context) -> Reading:
    """Parse a formula in a model, after the definitions of its page, and refuse what redefines them.

    Raises:
        FormulaError: If the formula is not of the grammar, uses a name that is not known, or redefines one.
    """
    names, known = context.for_model(model)
    names = Names(names.vocabulary, set(names.functions), set(names.families), set(names.labeled))
    statements = parse(source, names)
    definitions = dict(known)
    kept = []
    for statement in statements:
        definition = statement.definition
        if definition and definition.name in model.vocabulary.functions:
            statement = _as_claim(definition, statement.chain)
        elif definition:
            if definition.name in definitions:
                raise FormulaError(f"{definition.name} is defined twice", definition.start)
            _refuse_law(definition, model)
            _refuse_derivative(definition, model, definitions)
            _check_definition(definition, model, definitions)
            definitions[definition.name] = definition
        kept.append(statement)
    return Reading(source, model, tuple(kept), definitions)


def _as_claim(definition: Definition, chain: Chain | None) -> Statement:
    """What a page defines and the model knows is a claim: the model has reached the same by a route of its own."""
    end = definition.start + len(definition.name)
    names = [*definition.indices, *(name for name, _ in definition.arguments)]
    left = Call(definition.start, end, definition.name, tuple(Name(definition.start, end, name) for name in names))
    parts, signs, places = (chain.parts[1:], chain.signs, chain.places) if chain else ((), (), ())
    return Statement(None, Chain((left, definition.body, *parts), ("=", *signs), (definition.start, *places)))


def _refuse_law(definition: Definition, model: Model) -> None:
    name = definition.name
    vocabulary = model.vocabulary
    taken = {*vocabulary.sets, *vocabulary.families, *vocabulary.variables}
    if name in taken:
        raise FormulaError(f"{name} is a name of the model {model.name} and cannot be redefined", definition.start)
    letter = name.partition("(")[0].partition("_")[0]
    if letter not in vocabulary.laws or "|" not in name or name in vocabulary.definable:
        return
    before = int(name.rpartition("(")[2].partition("|")[0])
    sorts = [vocabulary.variables.get(bare_letter(argument), "") for argument, _ in definition.arguments]
    label = name.partition("(")[0].partition("_")[2].strip("{}") if "_" in name.partition("(")[0] else ""
    try:
        model.law(Law(letter, label), tuple(sorts[:before]), tuple(sorts[before:]))
    except ValueError:
        return
    raise FormulaError(f"a law of the model {model.name} cannot be redefined", definition.start)


def _refuse_derivative(definition: Definition, model: Model, known: Mapping[str, Definition]) -> None:
    """A name with a prime beside a function of that name, in either order: the prime is the sign of the derivative."""
    name = definition.name
    functions = {*model.vocabulary.functions, *(key for key, other in known.items() if other.arguments)}
    plain = name.replace("'", "")
    if plain != name and plain in functions:
        message = f"{name} is the derivative of {plain} and cannot be defined"
        raise FormulaError(message, definition.start)
    primed = next((other for other in known if other != name and other.replace("'", "") == name), None)
    if primed and definition.arguments:
        message = f"{primed} is defined already, and would be the derivative of {name}"
        raise FormulaError(message, definition.start)


def _check_definition(definition: Definition, model: Model, known: Mapping[str, Definition]) -> None:
    """A definition is compiled where it stands, so that an unknown name in it is an error there."""
    compiler = compiler_for(model, FLOAT, known)
    bound: dict[str, str] = {}
    for name in definition.indices:
        bound[name] = model.vocabulary.variables.get(bare_letter(name), "index")
    for name, length in definition.arguments:
        if length:
            bound |= {f"family {name}": model.vocabulary.families.get(name, "number"), length: "count"}
        else:
            sort = model.vocabulary.variables.get(bare_letter(name), "number")
            is_function = name in model.vocabulary.functions
            bound[name] = function_sort(model.vocabulary.takes.get(name, ())) if is_function else sort
    with compiler.bound(bound):
        if not bound and is_law(definition.body):
            common_variables(compiler, (definition.body,))
        else:
            compiler.expression(definition.body)
