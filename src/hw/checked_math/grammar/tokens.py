r"""LaTeX as tokens.

Spacing and the sizes of brackets are dropped; `\left|` and `\right|` tell which way a bar faces; accents and alphabets
join the letter they stand on (`\hat{\mathcal{L}}` is one name); macros are replaced. Every token keeps its place in the
source, so that an error can point at it and a mutation can replace it.
"""

import re
from dataclasses import dataclass

from hw.checked_math.errors import FormulaError
from hw.checked_math.grammar.symbols import (
    ACCENTS,
    ALPHABETS,
    ANNOTATED,
    BOLD,
    DEEPEST,
    HIDDEN,
    NAMES,
    RELATIONS,
    SPACES,
    SWITCHES,
    SYNONYMS,
    TEXT_OPERATORS,
    TEXTS,
    TRANSPARENT,
    WORDS,
)

__all__ = ["MACROS", "Token", "tokens"]

MACROS = {  # the one list of macros: the parser replaces them, and the site hands them to KaTeX
    r"\E": r"\mathbb{E}",
    r"\KL": r"D_{\mathrm{KL}}",
    r"\JSD": r"\mathrm{JSD}",
    r"\Var": r"\operatorname{Var}",
    r"\dd": r"\mathrm{d}",
}
LONGEST = 20_000  # characters; a longer formula is not one for readers
LONGEST_NUMBER = 40  # digits

TOKEN = re.compile(
    r"(?P<space>[\s~]+)|(?P<number>[0-9]+(?:\.[0-9]+)?)|(?P<letter>[A-Za-z])"
    r"|(?P<command>\\\\(?:\[-?[0-9.]+ *(?:pt|em|ex|mm|cm|in|mu|px)\])?|\\(?:[A-Za-z]+\*?|[^A-Za-z]))"
    r"|(?P<symbol>[-+*/=<>()\[\]{}|,;:!&^_'.])"
)
SIZES = re.compile(r"\\(?:left|right|middle|(?:big|Big|bigg|Bigg)[lrm]?)")
WORD = re.compile(r"[A-Za-z0-9][-A-Za-z0-9.'*:/, ]*")


@dataclass(frozen=True, slots=True)
class Token:
    r"""One token and its place in the source.

    `kind` is one of `name`, `number`, `word`, `text`, `command`, `symbol`, `begin`, `end` and `stop`, or `row` for
    a new row. The text of a `text` is its source, `\text{so}`, so that it is taken for nothing else.
    `facing` is "open" or "close" for a bar or a dot after `\left` or `\right`; `apart` says that `\quad` stands before.
    """

    kind: str
    text: str
    start: int
    end: int
    facing: str = ""
    apart: bool = False

    @property
    def content(self) -> str:
        """The text, without the command that makes it one."""
        return self.text.partition("{")[2][:-1].strip() if self.kind == "text" else self.text


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
    reader = _Reader(list(_split(source)), source)
    found = reader.read()
    _check_nesting(found)
    return [*found, Token("stop", "", len(source), len(source))]


def _split(source: str) -> list[Token]:
    """The lexical tokens, macros replaced."""
    found, at = [], 0
    while at < len(source):
        match = TOKEN.match(source, at)
        if not match:
            raise FormulaError(f"unexpected character {source[at]!r}", at)
        kind, text = match.lastgroup or "", match[0]
        if text == r"\%" or (kind == "command" and text in MACROS):
            expansion = _split(MACROS[text]) if text in MACROS else []
            found += [Token(token.kind, token.text, at, match.end()) for token in expansion]
        elif kind == "number" and len(text) > LONGEST_NUMBER:
            raise FormulaError(f"a number must have at most {LONGEST_NUMBER} digits, got {len(text)}", at)
        elif kind != "space":
            found.append(Token(kind, r"\\" if text.startswith(r"\\") else text, at, match.end()))
        at = match.end()
    return found


class _Reader:
    """Joins lexical tokens to the tokens of the grammar."""

    def __init__(self, raw: list[Token], source: str) -> None:
        self.raw, self.source, self.at = raw, source, 0

    def read(self) -> list[Token]:
        found: list[Token] = []
        apart, facing = False, ""
        while self.at < len(self.raw):
            token = self.raw[self.at]
            if token.text in SPACES:
                apart = apart or token.text in (r"\quad", r"\qquad")
                self.at += 1
                continue
            if token.kind == "command" and SIZES.fullmatch(token.text):
                facing = {"l": "open", "r": "close"}.get(_side(token.text), "")
                self.at += 1
                continue
            if token.text == "{" and self._text(1) == "}" and (not found or found[-1].text not in ("^", "_")):
                self.at += 2  # an empty group only sets spaces
                continue
            if token.text == ":" and self._text(1) == "=":
                joined = Token("symbol", ":=", token.start, self.raw[self.at + 1].end)
                self.at += 2
            else:
                joined = self.one()
            if joined:
                found.append(Token(joined.kind, joined.text, joined.start, joined.end, joined.facing or facing, apart))
            apart, facing = False, ""
        return found

    def _text(self, ahead: int) -> str:
        return self.raw[self.at + ahead].text if self.at + ahead < len(self.raw) else ""

    def one(self) -> Token | None:
        token = self.raw[self.at]
        self.at += 1
        text = token.text
        if token.kind == "letter":
            return Token("name", text, token.start, token.end)
        if token.kind != "command":
            return token
        if text in ALPHABETS | ACCENTS:
            inner, end = self.argument(text)
            if text in BOLD and inner not in ("1", "E"):  # bold type is how vectors are set, not another name
                return Token("name", inner, token.start, end)
            return Token("name", f"{text}{{{inner}}}", token.start, end)
        if text in WORDS:
            inner, end = self.argument(text)
            return Token("word", inner, token.start, end)
        if text in TEXTS:
            start, end = self.group(text)
            return Token("text", self.source[start:end].strip(), token.start, self.raw[self.at - 1].end)
        if text in (r"\begin", r"\end"):
            inner, end = self.argument(text)
            return Token(text[1:], inner, token.start, end)
        if text in (r"\underbrace", r"\overbrace") or (text == r"\underset" and self._is_operator_below()):
            return self._moved(text)
        if text in ANNOTATED:
            self.group(text)
            start, end = self.group(text)
            inside = [part for part in tokens(self.source[start:end])[:-1] if part.kind != "text"]
            if len(inside) != 1:
                raise FormulaError(f"{text} must stand on one sign", token.start)
            return Token(inside[0].kind, inside[0].text, start, end)
        if text in NAMES:
            return Token("name", text, token.start, token.end)
        if text in (r"\lvert", r"\rvert"):
            return Token("symbol", "|", token.start, token.end, "open" if text == r"\lvert" else "close")
        text = SYNONYMS.get(text, text)
        kind = "symbol" if not text.startswith("\\") else "command"
        return Token("name" if text == "i" else kind, text, token.start, token.end)

    def _is_operator_below(self) -> bool:
        r"""Whether an expectation or an extremum stands on what is set below: `\underset{z \sim q}{\mathbb{E}}`."""
        start = self.at
        self.group(r"\underset")
        below, end = self.group(r"\underset")
        self.at = start
        return self.source[below:end].replace(" ", "") in (r"\mathbb{E}", r"\mathbbE", r"\max", r"\min", r"\E")

    def _moved(self, command: str) -> None:
        """A brace without its note, or an operator with its subscript behind it."""
        start = self.at - 1
        first = self._raw_group(command)
        if command == r"\underset":
            place = first[0].start if first else self.raw[start].start
            below = [Token("symbol", sign, place, place) for sign in "_{}"]
            moved = [*self._raw_group(command), *below[:2], *first, below[2]]
        else:
            moved = first
            while self._text(0) in ("_", "^"):
                self.at += 1
                self._raw_group(command)
        self.raw[start : self.at] = moved
        self.at = start

    def _raw_group(self, command: str) -> list[Token]:
        """Tokens inside the braces that must follow."""
        first = self.at
        self.group(command)
        return self.raw[first + 1 : self.at - 1]

    def group(self, command: str) -> tuple[int, int]:
        """Source range inside the braces that must follow."""
        if self.at >= len(self.raw) or self.raw[self.at].text != "{":
            raise FormulaError(f"{command} must be followed by braces", self.raw[self.at - 1].start)
        start, depth = self.raw[self.at].end, 0
        for at in range(self.at, len(self.raw)):
            depth += {"{": 1, "}": -1}.get(self.raw[at].text, 0)
            if depth == 0:
                self.at = at + 1
                return start, self.raw[at].start
        raise FormulaError("a brace is not closed", self.raw[self.at].start)

    def argument(self, command: str) -> tuple[str, int]:
        """Text of what an alphabet, an accent or a word applies to: one symbol, or a group without braces in it."""
        if self.at < len(self.raw) and self.raw[self.at].text != "{":
            joined = self.one()
            if joined and joined.kind in ("name", "number", "word"):
                return joined.text, joined.end
            raise FormulaError(f"{command} must be followed by a letter or a group", self.raw[self.at - 1].start)
        first = self.at
        start, end = self.group(command)
        if any(token.text == "{" for token in self.raw[first + 1 : self.at - 1]) and command in ALPHABETS | ACCENTS:
            inside = tokens(self.source[start:end])[:-1] if end - start < 80 else []
            if len(inside) != 1 or inside[0].kind != "name":
                raise FormulaError(f"{command} must stand on one symbol", start)
            return inside[0].text, self.raw[self.at - 1].end
        content = "".join(token.text for token in self.raw[first + 1 : self.at - 1] if token.text not in SPACES)
        return content, self.raw[self.at - 1].end


def _side(size: str) -> str:
    return {r"\left": "l", r"\right": "r", r"\middle": "m"}.get(size) or (size[-1] if size[-1] in "lrm" else "")


def _check_nesting(found: list[Token]) -> None:
    """Braces and environments match; nothing is nested so deep that reading it would be slow."""
    open_: list[Token] = []
    deep = 0
    for token in found:
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
