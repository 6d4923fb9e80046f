"""Variables that an operator binds, what they run over, and the conditions on them."""

from hw.checked_math.errors import FormulaError
from hw.checked_math.grammar.cursor import Cursor
from hw.checked_math.grammar.names import bare_letter
from hw.checked_math.syntax import Binder, Chain, Comparison, Name, Node, Range, Sequence

__all__ = ["binders", "check_space", "conditions", "is_whole_space", "subscript"]

WHOLE_SPACES = {  # all values of a variable, and its letter if only one has this space
    r"\mathbb{R}": "", r"\mathcal{X}": "x", r"\mathcal{Z}": "z", r"\mathcal{U}": "u"
}  # fmt: skip


def is_whole_space(node: Node) -> bool:
    """Whether a node names all values of a variable."""
    return isinstance(node, Name) and node.name in WHOLE_SPACES


def check_space(space: Name, variable: str) -> None:
    """Refuse a space that is another variable's."""
    letter = WHOLE_SPACES[space.name]
    if letter and bare_letter(variable) != letter:
        raise FormulaError(f"{space.name} is the space of {letter}, not of {variable}", space.start)


def subscript(cursor: Cursor) -> tuple[tuple[Binder, ...], tuple[Comparison, ...]]:
    r"""What stands below an operator: a letter, or binders and conditions in braces or in `\substack`."""
    cursor.expect("_")
    if cursor.token.text != "{":
        token = cursor.next()
        if token.kind != "name":
            raise cursor.fail("a variable", token)
        return (Binder(token.start, token.end, token.text),), ()
    braces = [cursor.next()]
    if cursor.accept(r"\substack"):
        braces.append(cursor.expect("{"))
    with cursor.within():
        found = binders(cursor)
    for brace in braces:
        cursor.close(brace)
    return found


def binders(cursor: Cursor) -> tuple[tuple[Binder, ...], tuple[Comparison, ...]]:
    r"""`j=1`, `z`, `a \in M`, `1 \le i < j \le k`, `k \neq i`, and conditions, separated by commas or `\\`."""
    found: list[Binder] = []
    rest: list[Comparison] = []
    pending: list[Node] = []  # variables that wait for their set: i and j of `i, j \in M`
    while True:
        start = cursor.token.start
        cursor.check_length([*pending, *found])
        first = cursor.expression()
        chain = cursor.chain(first)
        is_new = isinstance(first, Name) and all(binder.name != first.name for binder in found)
        if chain is None and cursor.token.text == ",":
            pending.append(first)
        elif chain is None:
            found += map(_plain, (*pending, first))
            pending = []
        elif chain.signs[0] == r"\subseteq" and cursor.follows(",", "|"):
            message = r"write a sum over subsets as \binom{k}{m}\mathbb{E}_{I\subseteq[k],\,|I|=m}[...]"
            raise FormulaError(message, start)
        elif is_new and chain.signs in ((r"\in",), ("=",)):
            found += _over(cursor, (*pending, first), chain, start)
            pending = []
        else:
            found += map(_plain, pending)
            pending = []
            found += _from_inequalities(chain, found)
            rest += _comparisons(chain)
        if not cursor.accept(",", r"\\", ";"):
            return tuple(found), tuple(rest)


def _plain(node: Node) -> Binder:
    """A variable that runs over the space of its sort."""
    if isinstance(node, Sequence):
        return Binder(node.start, node.end, node.name, first=node.first, last=node.last)
    return Binder(node.start, node.end, _variable(node))


def _over(cursor: Cursor, nodes: tuple[Node, ...], chain: Chain, start: int) -> list[Binder]:
    r"""Variables that run over a set, from a first number on, or as in `j = 1, \dots, k` from one to another."""
    _, bound = chain.parts
    is_listed = chain.signs == ("=",) and cursor.skip(",", r"\dots", ",")
    last, end = cursor.expression() if is_listed else None, cursor.last.end
    if last:
        bound = Range(bound.start, end, bound, last)
        return [Binder(start, end, _variable(node), over=bound) for node in nodes]
    if isinstance(bound, Name) and is_whole_space(bound):
        for node in nodes:
            check_space(bound, _variable(node))
        return [_plain(node) for node in nodes]
    if chain.signs == ("=",):
        return [Binder(start, end, _variable(node), first=bound) for node in nodes]
    return [Binder(node.start, node.end, _variable(node), over=bound) for node in nodes]


def _variable(node: Node) -> str:
    if not isinstance(node, Name):
        raise FormulaError("expected a variable to run over", node.start)
    return node.name


def _from_inequalities(chain: Chain, binders: list[Binder]) -> list[Binder]:
    r"""`1 \le i < j \le k` binds i and j to whole numbers between the ends; `k \neq i` binds k to its index range."""
    first, *middle, last = chain.parts
    names = [part for part in middle if isinstance(part, Name)]
    if names and len(names) == len(middle) and set(chain.signs) <= {"<", r"\le"}:
        known = {binder.name for binder in binders}
        new = [part for part in names if part.name not in known]
        return [Binder(part.start, part.end, part.name, over=Range(part.start, part.end, first, last)) for part in new]
    if not binders and chain.signs == (r"\neq",) and isinstance(first, Name):
        return [Binder(first.start, first.end, first.name)]
    return []


def _comparisons(chain: Chain) -> list[Comparison]:
    """One comparison a sign."""
    pairs = zip(chain.parts, chain.signs, chain.parts[1:], strict=False)
    return [Comparison(left.start, right.end, left, sign, right) for left, sign, right in pairs]


def conditions(cursor: Cursor) -> tuple[Comparison, ...]:
    r"""Relations, separated by commas or `\land`."""
    found: list[Comparison] = []
    while not found or (not cursor.follows(",", r"\\") and cursor.accept(",", r"\land")):
        chain = cursor.chain(cursor.expression())
        if chain is None:
            raise cursor.fail("a relation sign")
        found += _comparisons(chain)
    return tuple(found)
