r"""LaTeX as tokens.

Spacing and the sizes of brackets are dropped; `\left|` and `\right|` tell which way a bar faces; accents and alphabets
join the letter they stand on (`\hat{\mathcal{L}}` is one name); macros are replaced. Every token keeps its place in the
source, so that an error can point at it and a mutation can replace it.
"""

from hw.checked_math.errors import FormulaError
from hw.checked_math.grammar.lexemes import Token, lexemes
from hw.checked_math.grammar.reader import Reader
from hw.checked_math.grammar.symbols import DEEPEST, MACROS

__all__ = ["MACROS", "tokens"]

BRACKETS = {"{", "(", "[", r"\{", "}", ")", "]", r"\}"}
LONGEST = 20_000  # characters; a longer formula is not one for readers


def tokens(source: str) -> list[Token]:
    r"""Tokens of a formula, with a `stop` at the end.

    Args:
        source: LaTeX, without delimiters.

    Returns:
        The tokens; braces, brackets of groups and environments are balanced and at most 60 deep.

    Raises:
        FormulaError: For a character or an environment that is not known, braces that do not match, nesting that is too
            deep, or a formula of more than 20,000 characters.

    Examples:
        >>> from hw.checked_math.grammar.tokens import tokens
        >>> [token.text for token in tokens(r"\log \hat{x}_2 \ge 1")]
        ['\\log', '\\hat{x}', '_', '2', '\\ge', '1', '']
    """
    if len(source) > LONGEST:
        raise FormulaError(f"a formula must have at most {LONGEST} characters, got {len(source)}", LONGEST)
    found = Reader(lexemes(source), source).read()
    _check_nesting(found)
    return [*found, Token("stop", "", len(source), len(source))]


def _check_nesting(found: list[Token]) -> None:
    """Braces and environments match; nothing is nested so deep that reading it would be slow."""
    open_: list[Token] = []
    deep = 0
    for token in found:
        if token.text not in BRACKETS and token.kind not in ("begin", "end"):
            continue
        if token.text in ("{", "(", "[", r"\{") or token.kind == "begin":
            deep += 1
        if token.text in (")", "]", r"\}"):
            deep -= 1
        if token.text == "{" or token.kind == "begin":
            open_.append(token)
        elif token.text == "}" or token.kind == "end":
            deep -= 1
            opener = open_.pop() if open_ else None
            matches = opener and (opener.text == "{" if token.text == "}" else opener.text == token.text)
            if not matches:
                raise FormulaError(f"{token.text!r} closes nothing", token.start)
        if deep > DEEPEST or len(open_) > DEEPEST:
            raise FormulaError(f"a formula must be nested at most {DEEPEST} deep", token.start)
    if open_:
        raise FormulaError(f"{open_[-1].text!r} is not closed", open_[-1].start)
