"""A review's statements about a paper: where each stands, and verdicts made from its kind and from what was checked.

A statement that tells what the paper says or does *matches the paper*; one that tells what was measured is *only
reported*. What more is known is added: arithmetic that is computed here, formulas of the page that are checked, runs
at toy scale, works that contest it.
"""

import math
import re
import tomllib
from collections import Counter
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, fields
from html import escape

__all__ = ["Statement", "arithmetic_error", "quoted", "read_statements", "statements_table", "verdicts"]

KINDS = {
    "said": "matches the paper",
    "code": "matches the code",
    "cited": "stated in the work cited",
    "measured": "only reported",
    "derived": "follows from the paper’s numbers",
}
SOURCES = {
    "text": "",
    "abstract": "read in the abstract",
    "code": "read in the code",
    "second-hand": "read second-hand",
}
SIGNS = {"−": "-", "·": "*", "^": "**"}
ARITHMETIC = re.compile(r"[\d.+\-*/() ]+")


@dataclass(frozen=True)
class Statement:
    """A statement of fact about the paper, or about works that came after it.

    Attributes:
        id: Its address on the page.
        topic: The part of the ledger that it stands in.
        says: The statement.
        where: Where the paper has it, or which work.
        kind: `said` (what the paper says or does), `code` (what its code does), `cited` (what another work says),
            `measured` (what the paper reports) or `derived` (from its numbers).
        read: What was read: `text`, `abstract`, `code` or `second-hand`.
        misread: How it is commonly misread; with it `correction`.
        correction: What is right.
        dated: Month of the first version of a later work.
        contested: Works that contest it.
        arithmetic: Expressions with the value that is stated, to the digits stated.
        formulas: Formulas of the page that say it, or a part of it.

    Raises:
        ValueError: If `kind` or `read` is unknown, `misread` and `correction` do not come together, nothing shows how
            a derived statement follows, or arithmetic fails.
    """

    id: str
    topic: str
    says: str
    where: str
    kind: str
    read: str = "text"
    misread: str = ""
    correction: str = ""
    dated: str = ""
    contested: str = ""
    arithmetic: Mapping[str, str] | None = None
    formulas: Sequence[str] = ()

    def __post_init__(self) -> None:
        """Refuse a statement that could not be judged."""
        if self.kind not in KINDS or self.read not in SOURCES:
            raise ValueError(f"kind and read of {self.id!r} must be known, got {self.kind!r} and {self.read!r}")
        if bool(self.misread) != bool(self.correction):
            raise ValueError(f"misread of {self.id!r} must come with a correction, and a correction with it")
        if self.kind == "derived" and not self.arithmetic and not self.formulas:
            raise ValueError(f"arithmetic or formulas of {self.id!r} must show how it follows, got none")
        for expression, stated in (self.arithmetic or {}).items():
            if error := arithmetic_error(expression, stated):
                raise ValueError(f"arithmetic of {self.id!r} must hold, got {error}")


def read_statements(text: str, formulas: Container[str]) -> list[Statement]:
    """Statements of a TOML file, an array of tables called `claim`.

    Args:
        text: The file's text.
        formulas: Ids of the formulas that the page shows as true.

    Raises:
        ValueError: If the text is no TOML with such an array, an id is there twice, a field is unknown, a formula is
            not on the page, or arithmetic fails.

    Examples:
        >>> from hw.site.review import read_statements
        >>> text = '''[[claim]]
        ... id = "gap"
        ... topic = "result"
        ... says = "The gap is 7.0 points."
        ... where = "Appendix B.8"
        ... kind = "derived"
        ... arithmetic = {"76.3 − 69.3" = "7.0"}
        ... '''
        >>> read_statements(text, formulas=())[0].where
        'Appendix B.8'
    """
    known = {field.name for field in fields(Statement)}
    found = []
    rows = tomllib.loads(text).get("claim")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ValueError(f"text must have an array of tables called claim, got {rows!r}")
    for row in rows:
        if not set(row) <= known:
            raise ValueError(f"claim must have the fields {', '.join(sorted(known))}, got {sorted(set(row) - known)}")
        found.append(Statement(**row))
        for formula in found[-1].formulas:
            if formula not in formulas:
                raise ValueError(f"formulas of {found[-1].id!r} must be shown as true on the page, got {formula!r}")
    twice = [name for name, count in Counter(statement.id for statement in found).items() if count > 1]
    if twice:
        raise ValueError(f"id must be given once, got {twice[0]!r} again")
    return found


def arithmetic_error(expression: str, stated: str) -> str:
    """What is wrong with a stated value; nothing if the expression has it, rounded to the digits stated.

    Args:
        expression: Numbers with +, −, ·, /, ^ and brackets between them, and √ before one; e is a number.
        stated: The value, as text.

    Examples:
        >>> from hw.site.review import arithmetic_error
        >>> arithmetic_error("76.5 / 71.5", "1.070")
        ''
        >>> arithmetic_error("76.3 − 69.3", "6.8")
        '76.3 − 69.3 = 7.0, not 6.8'
    """
    code = re.sub(r"√(\d+)", r"(\1**0.5)", expression)
    code = re.sub(r"\be\b", repr(math.e), code)
    for sign, python in SIGNS.items():
        code = code.replace(sign, python)
    if not ARITHMETIC.fullmatch(code):
        return f"{expression!r}, which is no arithmetic"
    try:
        total = eval(code, {"__builtins__": {}})
    except (SyntaxError, TypeError, ArithmeticError):
        return f"{expression!r}, which is no arithmetic"
    places = len(stated.partition(".")[2])
    shown = f"{total:.{places}f}"
    return "" if shown == stated else f"{expression} = {shown}, not {stated}"


def verdicts(statement: Statement, runs: Sequence[str] = ()) -> list[str]:
    """The verdicts on a statement.

    Args:
        statement: The statement.
        runs: What each run at toy scale says to it: `yes`, `no` or `undecided`.

    Returns:
        One at least; each a few words.

    Examples:
        >>> from hw.site.review import Statement, verdicts
        >>> says = Statement("head", "head", "A head helps.", "Section 4.2", "measured", contested="someone")
        >>> verdicts(says, ["yes", "yes", "undecided"])
        ['only reported', 'toy scale: 2 yes, 1 undecided', 'contested by someone']
    """
    found = [f"reported, {statement.dated}" if statement.dated else KINDS[statement.kind]]
    if statement.arithmetic:
        found.append("arithmetic computed here")
    if statement.formulas:
        found.append("rests on an equation, checked here")
    if runs:
        counts = Counter(runs)
        told = [f"{counts[word]} {word}" for word in ("yes", "no", "undecided") if counts[word]]
        found.append(f"toy scale: {', '.join(told)}")
    if statement.contested:
        found.append(f"contested by {statement.contested}")
    return found


def quoted(statements: Sequence[Statement], name: str, number: str) -> str:
    """A number for the prose of a review, if the statement has it; so it stands in the ledger too.

    Args:
        statements: The statements.
        name: Id of the one that has the number.
        number: The number, as text.

    Returns:
        The number.

    Raises:
        ValueError: If there is no such statement, or it has no such number.

    Examples:
        >>> from hw.site.review import Statement, quoted
        >>> quoted([Statement("gain", "head", "The head gains 3 points.", "Section 4.2", "measured")], "gain", "3")
        '3'
    """
    for statement in statements:
        if statement.id == name:
            text = " ".join((statement.says, statement.correction, *(statement.arithmetic or {}).values()))
            if re.search(rf"(?<![\d.]){re.escape(number)}(?!\d|\.\d)", text):
                return number
            raise ValueError(f"number must stand in the statement {name!r}, got {number!r}")
    raise ValueError(f"name must be the id of a statement, got {name!r}")


def statements_table(statements: Sequence[Statement], runs: Mapping[str, Sequence[str]]) -> str:
    """Table of statements of a topic, each with its place, its verdicts and how it is misread.

    Args:
        statements: The statements.
        runs: By the id of a statement, what each run at toy scale says to it.

    Returns:
        An HTML element.
    """
    head = '<thead><tr><th scope="col">Statement</th><th scope="col">Verdict and place</th></tr></thead>'
    rows = "\n".join(_row(statement, runs.get(statement.id, ())) for statement in statements)
    columns = '<colgroup><col><col class="place"></colgroup>'
    return f'<table class="review">{columns}{head}<tbody>\n{rows}\n</tbody></table>'


def _row(statement: Statement, runs: Sequence[str]) -> str:
    links = "".join(f' <a href="#{name}">{name}</a>' for name in statement.formulas)
    words = [escape(word) + (links if "equation" in word else "") for word in verdicts(statement, runs)]
    words += [escape(word) for word in (statement.where, SOURCES[statement.read]) if word]
    shown = [f"<p>{escape(statement.says)}</p>"]
    if statement.arithmetic:
        sums = "; ".join(f"{expression} = {stated}" for expression, stated in statement.arithmetic.items())
        shown.append(f'<p class="sums">{escape(sums)}</p>')
    if statement.misread:
        shown.append(f'<p class="misread"><span>✗</span> “{escape(statement.misread)}”</p>')
        shown.append(f"<p>{escape(statement.correction)}</p>")
    marks = "".join(f"<li>{word}</li>" for word in words)
    return f'<tr id="claim-{statement.id}"><td>{"".join(shown)}</td><td><ul>{marks}</ul></td></tr>'
