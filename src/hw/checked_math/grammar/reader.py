"""Lexical tokens joined to the tokens of the grammar: names with their accents, words, texts, signs."""

import re

from hw.checked_math.errors import FormulaError
from hw.checked_math.grammar.lexemes import Token
from hw.checked_math.grammar.symbols import (
    ACCENTS,
    ALPHABETS,
    ANNOTATED,
    BOLD,
    CLAIMS,
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

__all__ = ["Reader"]

SIZES = re.compile(r"\\(?:left|right|middle|(?:big|Big|bigg|Bigg)[lrm]?)")
DENIAL = re.compile(r"(?<![A-Za-z])(?:not|never|no)(?![A-Za-z])", re.IGNORECASE)
UNWRAPPED = TRANSPARENT | HIDDEN | {r"\boxed"}
WORD = re.compile(r"[A-Za-z0-9][-A-Za-z0-9.'*:/, ]*")


class Reader:
    """Joins lexical tokens to the tokens of the grammar.

    Attributes:
        raw: The lexical tokens; what is written in other words is put back in the words of the grammar.
        source: The formula.
        depth: Number of commands around the place of reading.
        at: The lexical token that comes next.
    """

    def __init__(self, raw: list[Token], source: str, depth: int = 0) -> None:
        """Start at the first token."""
        self.raw, self.source, self.depth, self.at = raw, source, depth, 0

    def read(self) -> list[Token]:
        """All tokens, without spaces and sizes."""
        found: list[Token] = []
        apart, facing = False, ""
        while self.at < len(self.raw):
            token = self.raw[self.at]
            if token.text in SPACES:
                apart = apart or token.text in (r"\quad", r"\qquad")
                self.at += 1
            elif token.kind == "command" and SIZES.fullmatch(token.text):
                facing = {"l": "open", "r": "close"}.get(_side(token.text), "")
                self.at += 1
            elif token.text == "{" and self._text(1) == "}" and (not found or found[-1].text not in ("^", "_")):
                self.at += 2  # an empty group only sets spaces
            elif joined := self._joined_signs() or self.one():
                if facing or apart:
                    joined = joined._replace(facing=joined.facing or facing, apart=apart)
                found.append(joined)
                apart, facing = False, ""
        return found

    def _text(self, ahead: int) -> str:
        return self.raw[self.at + ahead].text if self.at + ahead < len(self.raw) else ""

    def _joined_signs(self) -> Token | None:
        """`:=` and `...`, which are several lexical tokens."""
        if self.raw[self.at].text not in (":", "."):
            return None
        for signs, text in ((":=", ":="), ("...", r"\dots")):
            if all(self._text(count) == sign for count, sign in enumerate(signs)):
                first, self.at = self.raw[self.at], self.at + len(signs)
                kind = "symbol" if text == ":=" else "command"
                return Token(kind, text, first.start, self.raw[self.at - 1].end)
        return None

    def one(self) -> Token | None:
        """The next token; None where what was read is dropped, or put back in other words."""
        if self.at >= len(self.raw):
            raise FormulaError("expected a symbol, got the end", self.raw[-1].end if self.raw else 0)
        self.depth += 1
        if self.depth > DEEPEST:
            raise FormulaError(f"a formula must be nested at most {DEEPEST} deep", self.raw[self.at].start)
        token = self.raw[self.at]
        self.at += 1
        joined = self._begun(token)
        self.depth -= 1
        return joined

    def _begun(self, token: Token) -> Token | None:
        if token.kind == "letter":
            return Token("name", token.text, token.start, token.end)
        if token.text == "{" and self._text(0) in SWITCHES and self._switched():
            return None
        if token.kind != "command":
            return token
        for commands, read in (
            (ALPHABETS, self._lettered),
            (ACCENTS, self._accented),
            (WORDS, self._word),
            (TEXTS, self._written),
            ({r"\begin", r"\end"}, self._environment),
            (UNWRAPPED, self._unwrapped),
        ):
            if token.text in commands:
                return read(token)
        if token.text in (r"\underbrace", r"\overbrace") or (token.text == r"\underset" and self._is_operator_below()):
            return self._moved(token.text)
        return self._annotated(token) if token.text in ANNOTATED else _plain(token)

    def _switched(self) -> bool:
        r"""Whether `{\rm d}` is read on as `\mathrm{d}`."""
        start = self.at - 1
        self.at = start
        inside = self._raw_group("{")[1:]
        if inside and all(part.kind in ("letter", "number") or part.text in NAMES for part in inside):
            switch = self.raw[start + 1]
            command = Token("command", SWITCHES[switch.text], self.raw[start].start, switch.end)
            self.raw[start : start + 2] = [command, self.raw[start]]
            self.at = start
            return True
        self.at = start + 1
        return False

    def _lettered(self, token: Token) -> Token | None:
        r"""A letter of an alphabet; bold type is how vectors are set, not another name."""
        start = self.at - 1
        inner, end = self.argument(token.text)
        inside = self.raw[start + 2 : self.at - 1] if self.raw[start + 1].text == "{" else []
        if token.text in BOLD and inner in ("1", "E"):
            return Token("name", rf"\mathbf{{{inner}}}", token.start, end)
        is_plain = all(
            part.kind in ("letter", "number") or part.text in NAMES | ACCENTS | {"{", "}"} for part in inside
        )
        if token.text in BOLD and inside and (len(inside) > 1 or not is_plain):
            return self._put_back(start, inside)
        if not is_plain and not any(part.text in ALPHABETS | WORDS for part in inside):
            raise FormulaError(f"{token.text} must stand on letters", token.start)
        return Token("name", inner if token.text in BOLD else f"{token.text}{{{inner}}}", token.start, end)

    def _accented(self, token: Token) -> Token:
        inner, end = self.argument(token.text)
        return Token("name", f"{token.text}{{{inner}}}", token.start, end)

    def _word(self, token: Token) -> Token | None:
        """A word, or what stands in its type but is more than a word."""
        start = self.at - 1
        if self._text(0) != "{":
            joined = self.one()
            if not joined or joined.kind not in ("name", "number", "word"):
                raise FormulaError(f"{token.text} must be followed by a letter or a group", token.start)
            is_letter = joined.kind == "name" and joined.text.startswith(r"\math")
            return Token("name" if is_letter else "word", joined.text, token.start, joined.end)
        inside = self._raw_group(token.text)
        content = "".join(part.text for part in inside if part.text not in SPACES)
        if WORD.fullmatch(content):
            return Token("word", content, token.start, self.raw[self.at - 1].end)
        is_sum = any(part.text in ("+", "-") or SYNONYMS.get(part.text, part.text) in RELATIONS for part in inside)
        return self._put_back(start, self.raw[start + 1 : self.at] if is_sum else inside)

    def _written(self, token: Token) -> Token:
        """A text; the name of an operator before a bracket or a subscript is a word, though it is written as one."""
        start, _ = self.group(token.text)
        end = self.raw[self.at - 1].end
        content = self.source[start : end - 1].strip()
        ahead = 0
        while self._text(ahead) in SPACES or SIZES.fullmatch(self._text(ahead)):
            ahead += 1
        if content in TEXT_OPERATORS and self._text(ahead) in ("(", "[", r"\{", r"\lbrace", r"\lbrack", "_"):
            return Token("word", content, token.start, end)
        return Token("text", self.source[token.start : end], token.start, end)

    def _environment(self, token: Token) -> Token:
        inside = self._raw_group(token.text)
        return Token(token.text[1:], "".join(part.text for part in inside), token.start, self.raw[self.at - 1].end)

    def _unwrapped(self, token: Token) -> None:
        r"""What is only a frame or a class of spacing is read without it; what is only a space is dropped."""
        start = self.at - 1
        if self._text(0) != "{" and token.text in TRANSPARENT:
            return None
        inside = self._raw_group(token.text)
        if token.text in HIDDEN:
            return None
        rows = any(part.text in (r"\begin", "&") or SYNONYMS.get(part.text, part.text) in RELATIONS for part in inside)
        keeps_braces = token.text == r"\boxed" and not rows
        return self._put_back(start, self.raw[start + 1 : self.at] if keeps_braces else inside)

    def _put_back(self, start: int, raw: list[Token]) -> None:
        """Read these from here on, in place of what was read since `start`."""
        self.raw[start : self.at] = raw
        self.at = start

    def _annotated(self, token: Token) -> Token:
        """A sign without what is set above or below it."""
        self._note(token.text)
        start = self.at
        self._refuse_denial(*self.group(token.text))
        self.at = start
        inside = [part for part in self._inner(self._raw_group(token.text)) if part.kind != "text"]
        if len(inside) != 1:
            raise FormulaError(f"{token.text} must stand on one sign", token.start)
        return Token(inside[0].kind, inside[0].text, self.raw[start].end, self.raw[self.at - 1].start)

    def _inner(self, raw: list[Token]) -> list[Token]:
        """The tokens of a group, read on their own."""
        return Reader(list(raw), self.source, self.depth).read()

    def _is_operator_below(self) -> bool:
        r"""Whether an expectation or an extremum stands on what is set below: `\underset{z \sim q}{\mathbb{E}}`."""
        start = self.at
        self.group(r"\underset")
        inside = [part.text for part in self._raw_group(r"\underset")]
        self.at = start
        return inside[-1:] in ([r"\max"], [r"\min"]) or ("E" in inside and not set(inside) & {"=", "<", ">", ":"})

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
                self._note(command)
        self._put_back(start, moved)

    def _note(self, command: str) -> None:
        """Read over a note, which must not hold a claim, since it is not read."""
        first = self.at
        self._refuse_denial(*self.group(command))
        for part in self.raw[first + 1 : self.at - 1]:
            if SYNONYMS.get(part.text, part.text) in CLAIMS:
                raise FormulaError(f"a note must not hold a claim, since it is not read: got {part.text}", part.start)

    def _refuse_denial(self, start: int, end: int) -> None:
        """Refuse words that turn a sign into its opposite."""
        if denial := DENIAL.search(self.source, start, end):
            message = f"a note must not hold a claim, since it is not read: got {denial[0]!r}"
            raise FormulaError(message, denial.start())

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
        """Text of what an alphabet or an accent applies to: one symbol, or a group without braces in it."""
        if self.at < len(self.raw) and self.raw[self.at].text != "{":
            joined = self.one()
            if joined and joined.kind in ("name", "number", "word"):
                return joined.text, joined.end
            raise FormulaError(f"{command} must be followed by a letter or a group", self.raw[self.at - 1].start)
        start = self.raw[self.at].end if self.at < len(self.raw) else 0
        inside = self._raw_group(command)
        if any(token.text == "{" for token in inside):
            read = self._inner(inside)
            if len(read) != 1 or read[0].kind != "name":
                raise FormulaError(f"{command} must stand on one symbol", start)
            return read[0].text, self.raw[self.at - 1].end
        content = "".join(token.text for token in inside if token.text not in SPACES)
        return content, self.raw[self.at - 1].end


def _plain(token: Token) -> Token:
    """A command that stands for itself."""
    text = SYNONYMS.get(token.text, token.text)
    if text in NAMES:
        return Token("name", text, token.start, token.end)
    if text in (r"\lvert", r"\rvert"):
        return Token("symbol", "|", token.start, token.end, "open" if text == r"\lvert" else "close")
    kind = "symbol" if not text.startswith("\\") else "command"
    return Token("name" if text == "i" else kind, text, token.start, token.end)


def _side(size: str) -> str:
    return {r"\left": "l", r"\right": "r", r"\middle": "m"}.get(size) or (size[-1] if size[-1] in "lrm" else "")
