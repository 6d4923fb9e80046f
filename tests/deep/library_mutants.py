"""Mutants of Python files: cosmic-ray's operators, at every place where they fit, one of each family at a place."""

import ast
import hashlib
import types
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import parso
import tools  # noqa: F401 (it provides cosmic-ray)
from parso.tree import NodeOrLeaf

# isort: split
from cosmic_ray.ast import ast_nodes
from cosmic_ray.mutating import MutationVisitor
from cosmic_ray.plugins import get_operator, operator_names

LEFT_OUT = {
    "annotations": "types are not evaluated to a value that anything depends on",
    "`if __name__` and `if TYPE_CHECKING`": "run by no import",
    "`__all__`": "its names are tested against the modules",
    "removal of `functools.cache` and `lru_cache`": "a matter of speed",
    "`is` for `==`, and the reverse": "alike for small numbers and short strings, by an accident of the interpreter",
    "order for equality with a string": "where a name is before or after another in the alphabet",
    "`strict=` of `zip`": "fires only where something else is wrong",
    "arguments of a method of `rng`": "which examples are drawn is a choice: others would do",
    "VariableReplacer, VariableInserter": "draw at random, and need names to be given",
    "what does not compile": "no test is needed",
}
FAMILIES = {
    "ReplaceBinaryOperator": "binary",
    "ReplaceComparisonOperator": "comparison",
    "ReplaceUnaryOperator": "unary",
    "NumberReplacer": "number",
}
FITTING = {  # the only nodes that these operators have places in
    "operator": ("ReplaceBinaryOperator",),
    "comparison": ("ReplaceComparisonOperator",),
    "factor": ("ReplaceUnaryOperator",),
    "not_test": ("ReplaceUnaryOperator",),
    "number": ("NumberReplacer",),
    "keyword": ("ReplaceTrue", "ReplaceFalse", "ReplaceAnd", "ReplaceOr", "ReplaceBreak", "ReplaceContinue"),
    "if_stmt": ("AddNot",),
    "while_stmt": ("AddNot",),
    "test": ("AddNot",),
    "except_clause": ("ExceptionReplacer",),
    "decorator": ("RemoveDecorator",),
    "for_stmt": ("ZeroIterationForLoop",),
}
PUNCTUATION = set("()[]{}.,:;=@") | {"->", ":=", "..."}
COMPOUND = {"if_stmt", "while_stmt", "for_stmt", "try_stmt", "with_stmt", "funcdef", "classdef", "match_stmt"}


@dataclass(frozen=True)
class Mutant:
    """A file with one change."""

    file: str  # from the root
    line: int
    lines: tuple[int, int]  # of the statement, or of a compound statement's head
    function: str  # qualified name, or that of the class; empty at module level
    operator: str
    before: str  # the changed lines, without indentation
    after: str
    source: str  # the whole file
    at_import: bool  # the change is in what runs when the module is imported


def mutants(root: Path, file: str) -> list[Mutant]:
    """Return every mutant of a file, in the order of its lines."""
    source = (root / file).read_text("utf-8")
    module = parso.parse(source)
    made, start = [], 0
    for statement in module.children:
        text = statement.get_code()
        first = source.count("\n", 0, start)
        places = [] if skipped(statement) else chosen(file, parso.parse(text))
        for node, name, occurrence in places:
            changed = mutated(text, name, occurrence)
            found = difference(text, changed)
            if found:
                line = first + node.start_pos[0]
                whole = source[:start] + changed + source[start + len(text) :]
                where = line, statement_lines(node, first), enclosing(source, line)
                made.append(Mutant(file, *where, name.split("/")[1], *found[:2], whole, found[2]))
        start += len(text)
    return made


def chosen(file: str, tree: NodeOrLeaf) -> Iterator[tuple[NodeOrLeaf, str, int]]:
    """Yield nodes, each with an operator and its occurrence in the tree: of a place's family, what a hash picks."""
    counts: dict[str, int] = {}
    lines = tree.get_code().split("\n")
    for node in ast_nodes(tree):
        places: dict[tuple[Any, str], list[tuple[str, int]]] = {}
        for name in fitting(node.type) if getattr(node, "value", "") not in PUNCTUATION else ():
            for place in operator(name).mutation_positions(node):
                family = FAMILIES.get(name.split("/")[1].split("_")[0], name)
                places.setdefault((place, family), []).append((name, counts.get(name, 0)))
                counts[name] = counts.get(name, 0) + 1
        for (place, family), offers in places.items():
            offers = [offer for offer in offers if allowed(offer[0], node)]
            if offers and not inside_what_is_left_out(node):
                line, column = place[0]
                key = f"{file} {lines[line - 1].strip()} {column} {family}"  # not the line's number: others may come
                yield node, *offers[int(hashlib.sha256(key.encode()).hexdigest(), 16) % len(offers)]


@cache
def fitting(kind: str) -> tuple[str, ...]:
    """Return the names of the operators that take no arguments, and may fit a kind of node."""
    names = [name for name in operator_names() if name.split("/")[1].startswith(FITTING.get(kind, ()))]
    return tuple(name for name in names if not get_operator(name).arguments())


@cache
def operator(name: str) -> Any:
    """Return one of cosmic-ray's operators."""
    return get_operator(name)()


def allowed(name: str, node: NodeOrLeaf) -> bool:
    """Whether a mutant can tell something: see LEFT_OUT."""
    if name.endswith("RemoveDecorator"):
        return "cache" not in node.get_code().split("(")[0].replace("cached_property", "cache").split(".")[-1]
    if "ReplaceComparisonOperator" in name:
        change = name.rsplit("_", 2)[1:]
        old, new = (word in ("Is", "IsNot") for word in change)
        is_text = any(child.type == "string" for child in node.children)
        return old == new and not (is_text and {*change} - {"Eq", "NotEq"})
    return True


def skipped(statement: NodeOrLeaf) -> bool:
    """Whether a top-level statement is one that is left out."""
    head = statement.get_code().lstrip("\n")
    return statement.type in ("endmarker", "newline") or head.startswith(
        ("__all__", "if __name__", "if TYPE_CHECKING", '"""', 'r"""')
    )


def inside_what_is_left_out(node: NodeOrLeaf) -> bool:
    """Whether a node is in an annotation, in `strict=` or in what is drawn at random."""
    child, parent = node, node.parent
    while parent is not None:
        place = parent.children.index(child)
        before = parent.children[place - 1].get_code().strip() if place else ""
        if parent.type in ("annassign", "tfpdef") and before == ":":
            return True
        if parent.type == "funcdef" and before == "->":
            return True
        if parent.type == "argument" and parent.get_code().strip().startswith("strict="):
            return True
        if parent.type == "trailer" and place and drawn(parent):
            return True
        child, parent = parent, parent.parent
    return False


def drawn(trailer: NodeOrLeaf) -> bool:
    """Whether these are the arguments of a call such as `rng.uniform(...)`."""
    call = trailer.parent.children
    return call[0].get_code().strip() in ("rng", "self.rng") and call.index(trailer) == 2


def mutated(text: str, name: str, occurrence: int) -> str:
    """Apply one occurrence of an operator."""
    return MutationVisitor.mutate_code(text, operator(name), occurrence)


def difference(text: str, changed: str) -> tuple[str, str, bool] | None:
    """Return the lines that differ, and whether they run at import; nothing if none do, or they cannot be compiled."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)
        try:
            old, new = (compile(version, "", "exec", dont_inherit=True) for version in (text, changed))
        except SyntaxError:
            return None
    lines, others = text.split("\n"), changed.split("\n")
    while lines and others and lines[0] == others[0]:
        lines, others = lines[1:], others[1:]
    while lines and others and lines[-1] == others[-1]:
        lines, others = lines[:-1], others[:-1]
    before, after = ("\n".join(line.strip() for line in version) for version in (lines, others))
    return None if before == after else (before, after, at_import(old, new))


def statement_lines(node: NodeOrLeaf, first: int) -> tuple[int, int]:
    """Return the first and last line of the simple statement, or of the part of a compound one, that a node is in."""
    while node.parent and node.parent.type not in {"suite", "file_input", *COMPOUND}:
        node = node.parent
    start = node.parent.start_pos if node.parent and node.parent.type in COMPOUND else node.start_pos
    head = node.children[1] if node.type in COMPOUND else node
    return first + start[0], first + head.end_pos[0] - (head.end_pos[1] == 0)


@cache
def spans(source: str) -> list[tuple[int, int, str]]:
    """Return the lines of every function and class, with its qualified name."""
    found = []

    def visit(node: ast.AST, outer: str) -> None:
        for child in ast.iter_child_nodes(node):
            name = outer
            if isinstance(child, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
                name = f"{outer}.{child.name}".lstrip(".")
                start = min([child.lineno, *(decorator.lineno for decorator in child.decorator_list)])
                found.append((start, child.end_lineno or start, name))
            visit(child, name)

    visit(ast.parse(source), "")
    return found


def enclosing(source: str, line: int) -> str:
    """Return the innermost function or class around a line."""
    inside = [(start, name) for start, end, name in spans(source) if start <= line <= end]
    return max(inside, default=(0, ""))[1]


def at_import(old: types.CodeType, new: types.CodeType) -> bool:
    """Whether two versions of a module differ in what runs at import: its own code, and that of its classes."""
    if own(old) != own(new):
        return True
    pairs = list(zip(inner(old), inner(new), strict=False))
    bodies = [(a, b) for a, b in pairs if not a.co_flags & 2]  # CO_NEWLOCALS: a function's
    return len(inner(old)) != len(inner(new)) or any(at_import(a, b) for a, b in bodies)


def own(code: types.CodeType) -> tuple[Any, ...]:
    """Return what a code object does, without the functions that it makes."""
    constants = [(type(c), repr(c)) for c in code.co_consts if not isinstance(c, types.CodeType)]
    return code.co_code, constants, code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars


def inner(code: types.CodeType) -> list[types.CodeType]:
    """Return the code objects that a code object makes functions and classes of."""
    return [constant for constant in code.co_consts if isinstance(constant, types.CodeType)]
