r"""Parameters of laws in a bracket, which are part of a function's name: `\mathcal{L}(x; \theta, \phi)`."""

from collections.abc import Callable
from typing import TypeVar

from hw.checked_math.grammar.cursor import Cursor
from hw.checked_math.grammar.lexemes import Token

__all__ = ["beside_parameters", "parameter_label"]

Items = TypeVar("Items")


def parameter_label(cursor: Cursor) -> tuple[str, bool]:
    """The part of a bracket, before or behind its semicolon, that holds only parameters of laws.

    Returns:
        Its text, empty if there is none, and whether it stands behind the semicolon.
    """
    groups: list[list[Token]] = [[]]
    for depth, token in cursor.enclosed():
        if depth == 1 and token.text == ";":
            groups.append([])
        elif token.text != "'":
            groups[-1].append(token)
        else:
            groups[-1][-1:] = [last._replace(text=last.text + "'") for last in groups[-1][-1:]]
    if len(groups) == 2:
        for place in (1, 0):
            if _are_labels(cursor, groups[place]):
                return "".join(part.text for part in groups[place]), place == 1
    return "", False


def _are_labels(cursor: Cursor, group: list[Token]) -> bool:
    """Whether these are names, with commas between them, that neither the model nor the page gives a meaning."""
    is_listed = len(group) % 2 == 1 and all(token.text == "," for token in group[1::2])
    return is_listed and all(token.kind == "name" and cursor.names.is_free(token.text) for token in group[::2])


def beside_parameters(cursor: Cursor, is_behind: bool, read: Callable[[Cursor], Items]) -> Items:
    """What stands in round brackets beside the parameters of laws, which are read over."""
    cursor.expect("(")
    if not is_behind:
        _skip_parameters(cursor)
        cursor.expect(";")
    with cursor.within():
        found = read(cursor)
    if is_behind:
        cursor.expect(";")
        _skip_parameters(cursor)
    cursor.expect(")")
    return found


def _skip_parameters(cursor: Cursor) -> None:
    while cursor.token.kind == "name" or cursor.token.text in (",", "'"):
        cursor.next()
