"""What stands between brackets or bars: groups, pairs, sets, sizes, norms and whole parts."""

from fractions import Fraction

from hw.checked_math.grammar.arguments import listed
from hw.checked_math.grammar.binders import binders
from hw.checked_math.grammar.cursor import Cursor
from hw.checked_math.grammar.tokens import Token
from hw.checked_math.syntax import Literal, Node, Operation, Pairs, Range, SetBuilder, SetLiteral

__all__ = ["absolute", "between_bars", "bracket", "group", "norm", "set_expression", "whole_part"]


def bracket(cursor: Cursor) -> Node:
    """A group, a pair, or a set."""
    opener = cursor.next()
    is_curly = opener.text == r"\{"
    with cursor.within(bars=False):
        inside = cursor.expression()
        if is_curly and cursor.token.text in (":", r"\mid", "|"):
            return_ = _set_builder(cursor, opener, inside)
        elif opener.text != "[" and cursor.accept(","):
            members = (inside, *listed(cursor, ","))
            cursor.close(opener)
            return_ = cursor.ranged(opener.start, SetLiteral if is_curly else Pairs, members)
        else:
            cursor.close(opener)
            is_set = is_curly and isinstance(inside, Pairs)
            return_ = cursor.ranged(opener.start, SetLiteral, (inside,)) if is_set else inside
    return return_
