"""Numbers, names, members of families, definitions and calls.

Names are resolved while compiling: bound variables first, then the definitions of the page, then the model. Definitions
are abbreviations, so what stands free in them takes its value where they are used.
"""

from collections.abc import Callable
from operator import itemgetter
from typing import Any

from hw.checked_math.errors import FormulaError
from hw.checked_math.evaluation.compiler import (
    INSTANCE,
    Compiled,
    Compiler,
    Environment,
    Evaluator,
    check_sort,
    function_sort,
    is_function_sort,
    together,
)
from hw.checked_math.grammar.names import bare_letter
from hw.checked_math.syntax import Call, Definition, Indexed, Literal, Name, Node, Sequence

__all__ = ["called", "defined", "indexed", "literal", "named", "sequence", "sort_of_parameter"]


def literal(compiler: Compiler, node: Literal) -> Compiled:
    """A number or a constant, in the compiler's arithmetic."""
    arithmetic = compiler.arithmetic
    if isinstance(node.value, str):
        value = arithmetic.infinity if node.value == r"\infty" else arithmetic.pi
    elif node.value.denominator == 1:
        value = node.value.numerator
    else:
        value = arithmetic.ratio(node.value.numerator, node.value.denominator)
    return lambda env: value, "number"


def named(compiler: Compiler, node: Name) -> Compiled:
    """What a name stands for."""
    name, vocabulary = node.name, compiler.vocabulary
    if name in compiler.scope:
        return itemgetter(name), compiler.scope[name]
    if name in compiler.definitions:
        definition = compiler.definitions[name]
        passed_on = definition.arguments or definition.indices
        return _function(compiler, node, definition) if passed_on else defined(compiler, node, definition, ())
    if name in vocabulary.sets or name in vocabulary.functions:
        compiler.uses.add(name)
        return _of_instance(name), "set" if name in vocabulary.sets else function_sort(vocabulary.takes.get(name, ()))
    sort = vocabulary.variables.get(name) or vocabulary.variables.get(bare_letter(name), "")
    if sort:
        compiler.free[name] = sort
        compiler.uses.add(name)
        return itemgetter(name), sort
    if name == "e":
        compiler.uses.add("transcendental")
        base = compiler.arithmetic.functions["exp"](1)
        return lambda env: base, "number"
    raise _unknown(compiler, node, name)


def _of_instance(name: str) -> Evaluator:
    return lambda env: env[INSTANCE].function(name)


def _unknown(compiler: Compiler, node: Node, name: str) -> FormulaError:
    vocabulary = compiler.vocabulary
    known = {*vocabulary.variables, *vocabulary.laws, *vocabulary.functions, *vocabulary.sets, *compiler.definitions}
    listed = ", ".join(sorted(known - {"·"}))
    return FormulaError(
        f"{name} is not a name of the model {compiler.model.name} or of the page ({listed})", node.start
    )


def indexed(compiler: Compiler, node: Indexed) -> Compiled:
    """A member of a family; undefined where the family has none of that index."""
    if compiler.scope.get(f"set {node.name}"):
        return _unless_set(compiler, node)
    name, key, nan = node.name, f"family {node.name}", compiler.arithmetic.nan
    definition = compiler.definitions.get(name)
    if key not in compiler.scope and definition and definition.indices:
        return defined(compiler, node, definition, node.indices)
    indices = [compiler.compile(index)[0] for index in node.indices]
    sort = _sort_of_members(compiler, node)
    index = indices[0] if len(indices) == 1 else together(indices)

    def member(env: Environment) -> Any:
        try:
            return env[key][index(env)]
        except KeyError:
            return nan

    return member, "set" if sort == "places" else sort


def _unless_set(compiler: Compiler, node: Indexed) -> Compiled:
    """A member of a family one of whose members is set: what that is set to, or the member as it is without."""
    key = f"set {node.name}"
    with compiler.bound({key: ""}):
        member, sort = indexed(compiler, node)
    index = together([compiler.constant(each) for each in node.indices])

    def value(env: Environment) -> Any:
        place, found = env[key]
        return found if index(env) == place else member(env)

    return value, sort


def _sort_of_members(compiler: Compiler, node: Indexed) -> str:
    name = node.name
    if f"family {name}" in compiler.scope:
        return compiler.scope[f"family {name}"]
    if name not in compiler.vocabulary.families:
        raise _unknown(compiler, node, name)
    compiler.families[name] = compiler.vocabulary.families[name]
    compiler.uses.add(name)
    return compiler.families[name]


def sequence(compiler: Compiler, node: Sequence) -> Compiled:
    """A sequence where a value is expected."""
    raise FormulaError("a sequence can only be drawn, or passed to what is defined with one", node.start)


def called(compiler: Compiler, node: Call) -> Compiled:
    """A definition or a function with its arguments."""
    name = node.name
    if name not in compiler.scope and name in compiler.definitions:
        return defined(compiler, node, compiler.definitions[name], node.arguments)
    if name in compiler.scope:
        function: Evaluator = itemgetter(name)
        sort, count, takes = "number", len(node.arguments), _taken(compiler, node)
    elif name in compiler.vocabulary.functions:
        (count, sort), takes = compiler.vocabulary.functions[name], compiler.vocabulary.takes.get(name, ())
        compiler.uses.add(name)
        function = _of_instance(name)
    else:
        raise _unknown(compiler, node, name)
    if count != len(node.arguments):
        raise FormulaError(f"{name} takes {count} arguments, got {len(node.arguments)}", node.start)
    compiled = [compiler.compile(argument) for argument in node.arguments]
    for wanted, (_, own), argument in zip(takes, compiled, node.arguments, strict=False):
        check_sort(compiler, f"the argument of {name}", wanted, own, argument)
    arguments = together([evaluate for evaluate, _ in compiled])
    return lambda env: function(env)(*arguments(env)), sort


def _taken(compiler: Compiler, node: Call) -> tuple[str, ...]:
    """The sorts of the arguments of a function that is a parameter; empty where they are not known."""
    sort = compiler.scope[node.name]
    if not is_function_sort(sort):
        raise FormulaError(f"{node.name} must be a function here, got a {sort}", node.start)
    return tuple(filter(None, sort.removeprefix(function_sort(())).split(", ")))


def defined(compiler: Compiler, node: Node, definition: Definition, arguments: tuple[Node, ...]) -> Compiled:
    """The body of a definition, its parameters bound to arguments."""
    parameters = [(name, None) for name in definition.indices] + list(definition.arguments)
    if len(arguments) != len(parameters):
        raise FormulaError(
            f"{definition.name} is defined with {len(parameters)} arguments, got {len(arguments)}", node.start
        )
    bound, setters = {}, []
    for (name, length), argument in zip(parameters, arguments, strict=True):
        evaluate, sort, key = _argument(compiler, name, length, argument)
        bound[key] = sort
        setters.append((key, evaluate))
        if length and length not in dict(parameters):
            bound[length] = "count"
            setters.append((length, _length(compiler, argument)))
    signature = definition.name, tuple(sorted({**compiler.scope, **bound}.items()))
    if signature not in compiler.compiled:
        with compiler.bound(bound):
            compiler.compiled[signature] = compiler.compile(definition.body)
    body, sort = compiler.compiled[signature]
    return _with_parameters(compiler, setters, body), sort


def _with_parameters(compiler: Compiler, setters: list[tuple[str, Evaluator]], body: Evaluator) -> Evaluator:
    spend = compiler.spend

    def evaluate(env: Environment) -> Any:
        spend(1)
        inner = dict(env)
        for key, argument in setters:
            inner[key] = argument(env)
        return body(inner)

    return evaluate


def _argument(compiler: Compiler, name: str, length: str | None, node: Node) -> tuple[Evaluator, str, str]:
    """What computes an argument, its sort, and the key it is bound to."""
    if length is None:
        evaluate, sort = compiler.compile(node)
        return evaluate, sort, name
    if not isinstance(node, Sequence):
        raise FormulaError(f"expected a sequence such as {name}_{{1:k}}", node.start)
    first, last = compiler.number(node.first), compiler.number(node.last)
    with compiler.bound({"@index": "index"}):
        member, sort = compiler.compile(
            Indexed(node.start, node.end, node.name, (Name(node.start, node.end, "@index"),))
        )

    def members(env: Environment) -> dict[int, Any]:
        inner = dict(env)
        found = {}
        for place, index in enumerate(range(int(first(env)), int(last(env)) + 1), 1):
            inner["@index"] = index
            found[place] = member(inner)
        return found

    return members, sort, f"family {name}"


def _length(compiler: Compiler, node: Node) -> Evaluator:
    if not isinstance(node, Sequence):
        raise FormulaError("expected a sequence", node.start)
    first, last = compiler.number(node.first), compiler.number(node.last)
    return lambda env: last(env) - first(env) + 1


def _function(compiler: Compiler, node: Node, definition: Definition) -> Compiled:
    """A defined name passed on without its arguments, or standing for a law."""
    if definition.indices or any(length for _, length in definition.arguments):
        raise FormulaError(f"{definition.name} needs its indices and arguments", node.start)
    sorts = {f"@{place}": sort_of_parameter(compiler, name) for place, (name, _) in enumerate(definition.arguments)}
    with compiler.bound(sorts):
        arguments = tuple(Name(node.start, node.end, name) for name in sorts)
        body, _ = defined(compiler, node, definition, arguments)

    def function(env: Environment) -> Callable[..., Any]:
        return lambda *values: body({**env, **dict(zip(sorts, values, strict=True))})

    return function, function_sort(sorts.values())


def sort_of_parameter(compiler: Compiler, name: str) -> str:
    """The sort that a definition's parameter has by its letter."""
    return compiler.vocabulary.variables.get(bare_letter(name), "number")
