r"""A reader's derivation, checked step by step: no counterexample in so many models, or the smallest one found.

A derivation is a chain of expressions between the first and the last of one that a page displays. The page sends the
chain as it stands there: its LaTeX and id, its models and assumptions, and the definitions before it.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import islice, pairwise
from random import Random
from typing import Any

from hw.checked_math.checking import seed_of, verify, words_at
from hw.checked_math.errors import FormulaError
from hw.checked_math.grammar.tokens import tokens
from hw.checked_math.judging import text_of
from hw.checked_math.models import MODELS
from hw.checked_math.mutation import mutants
from hw.checked_math.reading import Context, Reading, read
from hw.checked_math.records import Counterexample
from hw.checked_math.running import Runner, guarded

__all__ = ["Given", "broken", "checked", "instance", "parts"]

SIGN = re.compile(r"\s*(=|<|>|\\leq?\b|\\geq?\b|≤|≥)")
PLAIN_SIGNS = {r"\leq": r"\le", r"\geq": r"\ge", "≤": r"\le", "≥": r"\ge"}
LAYOUT = re.compile(r"\\(?:begin|end)\{aligned\}|\\\\(?:\[[^\]]*\])?|&|\\q?quad\b")
REASON = re.compile(r"\s*\\text\{[^{}]*\}\s*$")  # beside a line, as in \text{by Bayes}
DIRECTIONS = {"=": 0, r"\ge": 1, ">": 1, r"\le": -1, "<": -1}
MOST_LINES, LONGEST = 30, 2000  # characters of a line
FIRST_LOOK = 40  # instances, for an answer at once
SPOKEN = {r"\ge": "≥", r"\le": "≤"}
Line = tuple[str, str]  # a relation sign, and the expression behind it


@dataclass(frozen=True)
class Given:
    """The chain that a page displays: LaTeX, id, models, assumptions, and the definitions before it.

    Raises:
        ValueError: If it has no model, or one that is not known.
    """

    latex: str
    id: str
    models: tuple[str, ...]
    assume: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse models that are none."""
        if not self.models:
            raise ValueError("models must be at least one, got none")
        _refuse_others(self.models, MODELS)

    @property
    def context(self) -> Context:
        """The definitions that its formulas may use."""
        return Context(list(self.sources))


def parts(given: Given) -> tuple[str, list[Line]]:
    r"""The first expression of a chain, and the lines that follow, each with its sign.

    Raises:
        ValueError: If the formula is not one chain.

    Examples:
        >>> from hw.live.derivation import Given, parts
        >>> parts(Given(r"p(x) = \sum_z p(x,z) \\ &\ge 0", "sum", ("latent",)))
        ('p(x)', [('=', '\\sum_z p(x,z)'), ('\\ge', '0')])
    """
    reading = read(given.latex, MODELS[given.models[0]], given.context)
    if len(reading.statements) != 1 or reading.statements[0].definition or not reading.statements[0].chain:
        raise ValueError(f"given must be one chain of relations, got {given.id}")
    chain = reading.statements[0].chain
    ends = {token.start: token.end for token in tokens(given.latex)}
    starts = [0, *(ends[place] for place in chain.places)]
    pieces = [given.latex[start:end] for start, end in zip(starts, [*chain.places, len(given.latex)], strict=True)]
    texts = [_without_reason(" ".join(LAYOUT.sub(" ", piece).split())) for piece in pieces]
    return texts[0], list(zip(chain.signs, texts[1:], strict=True))


def checked(given: Given, lines: Sequence[str], models: Sequence[str] = ()) -> Iterator[dict[str, Any]]:
    r"""Check a derivation, a step in a model at a time.

    Args:
        given: The page's chain.
        lines: What stands between its first and its last expression, each a relation sign and an expression; then the
            last line, of which only the sign may differ from the page's.
        models: Names of some of the chain's models; all of them if empty.

    Yields:
        For each step in each model, its place among the `lines` as `step`, the `model`, and either a number of
        `instances`, or a `counterexample`, or `error` with the column `at` which the line cannot be read; then
        `verdict`, in words. All of it comes twice: at a first look at few instances, and, with `final`, at all.

    Raises:
        ValueError: If there are too many lines or models that the chain does not have.

    Examples:
        >>> from hw.live.derivation import Given, checked
        >>> given = Given(r"p(x) = \sum_z p(x,z)", "sum", ("latent",))
        >>> *_, last = checked(given, [r"= \sum_z p(x)\,p(z\mid x)", r"= \sum_z p(x,z)"])
        >>> print(last["verdict"])
        No counterexample in 221 instances of latent, for each of 2 steps.
    """
    first, known = parts(given)
    read_lines = _read(lines, known[-1][1])
    _refuse_others(models, given.models)
    texts = [first, *(text for _, text in read_lines)]
    for most in (FIRST_LOOK, None):
        tried: dict[str, int] = {}
        failed, unread = False, False
        for model in models or given.models:
            for step, ((sign, text), before) in enumerate(zip(read_lines, texts, strict=False)):
                found = dict(_step(given, model, before, sign, text, most))
                if found.get("at"):
                    found["at"] += lines[step].index(text)
                failed = failed or "counterexample" in found
                unread = unread or "error" in found
                if "instances" in found:
                    tried[model] = min(tried.get(model, found["instances"]), found["instances"])
                yield {"step": step, "model": model, **found}
        verdict = _verdict(first, read_lines, known, tried, failed=failed, unread=unread)
        yield {"verdict": verdict, "final": most is None}


def _refuse_others(models: Sequence[str], allowed: Iterable[str]) -> None:
    if unknown := sorted(set(models) - set(allowed)):
        raise ValueError(f"models must be of {', '.join(allowed)}, got {', '.join(unknown)}")


def _read(lines: Sequence[str], last: str) -> list[Line]:
    """The lines as signs and expressions; one without a sign has an empty sign."""
    if not 1 <= len(lines) <= MOST_LINES:
        raise ValueError(f"lines must be 1 to {MOST_LINES}, got {len(lines)}")
    found = []
    for number, line in enumerate(lines, 1):
        if len(line) > LONGEST:
            raise ValueError(f"line {number} must have at most {LONGEST} characters, got {len(line)}")
        sign = SIGN.match(line)
        text = _without_reason(line[sign.end() if sign else 0 :])
        found.append((PLAIN_SIGNS.get(sign[1], sign[1]) if sign else "", text))
    if _spelled(found[-1][1]) != _spelled(last):
        raise ValueError(f"the last line must be {last}, got {found[-1][1]}")
    return found


def _without_reason(text: str) -> str:
    """An expression without the note that says why it stands there."""
    return REASON.sub("", text).strip()


@lru_cache(maxsize=1024)
def _step(given: Given, model: str, before: str, sign: str, text: str, most: int | None) -> tuple[tuple[str, Any], ...]:
    """What became of one step in one model; kept, so that only what the reader changes is checked again."""
    if not sign:
        return (("error", r"a line must begin with =, \le, \ge, < or >"), ("at", 1))
    head = f"{before} {sign} "
    try:
        _refuse_definition(head + text)
        reading = read(head + text, MODELS[model], given.context)
        _refuse_more(reading, len(head))
        outcome = guarded(partial(verify, most=most), reading, given.assume, seed_of(given.id))
    except FormulaError as error:
        if error.at < len(head) and error.at:
            return (("error", "the line before it cannot be read"), ("at", 0))
        return (("error", error.message), ("at", max(1, error.at - len(head) + 1)))
    except RecursionError:
        return (("error", "the expression is nested too deep"), ("at", 1))
    if outcome.counterexample:
        return (("counterexample", _shown(outcome.counterexample)), ("instances", outcome.instances))
    return (("instances", outcome.instances),)


def _refuse_definition(source: str) -> None:
    for token in tokens(source):
        if token.text in (":=", r"\coloneqq"):
            raise FormulaError("a line cannot define a name, since the names are the page's", token.start)


def _refuse_more(reading: Reading, at: int) -> None:
    chain = reading.statements[0].chain
    if len(reading.statements) != 1 or not chain or len(chain.parts) != 2:
        second = chain.places[1] if chain and len(chain.places) > 1 else at
        raise FormulaError("a line must hold one relation sign and one expression", second)


def _shown(found: Counterexample) -> dict[str, Any]:
    return {
        "instance": [list(pair) for pair in found.instance],
        "left": found.left,
        "sign": SPOKEN.get(found.sign, found.sign),
        "right": found.right,
    }


def _spelled(text: str) -> tuple[str, ...]:
    """An expression without its spaces; where it cannot be read, as it is written."""
    try:
        return tuple(token.text for token in tokens(text))
    except FormulaError:
        return (text,)


def _verdict(
    first: str, lines: list[Line], known: list[Line], tried: dict[str, int], *, failed: bool, unread: bool
) -> str:
    if unread:
        return "A line cannot be read."
    if failed:
        return "A step fails: see its counterexample."
    texts = [_spelled(first), *(_spelled(text) for _, text in lines)]
    if set(texts[1:-1]) <= {texts[0], texts[-1]}:
        return "Nothing was shown: no line has anything else than the first and the last expression."
    claim, reached = (_overall([sign for sign, _ in each]) for each in (known, lines))
    if not reached:
        return "The steps hold, but their signs point both ways, so that nothing follows for the two ends."
    if claim == "=" and reached != "=":
        return f"The steps hold, but what follows for the two ends is {SPOKEN.get(reached, reached)} and not =."
    if reached != "=" and DIRECTIONS[reached] != DIRECTIONS[claim]:
        return "The steps hold, but what follows for the two ends points the other way."
    idle = sum(before == after for before, after in pairwise(texts))
    instances = " and ".join(f"{count} instances of {model}" for model, count in tried.items())
    repeated = f" {idle} of them {'changes' if idle == 1 else 'change'} nothing." if idle else ""
    return f"No counterexample in {instances}, for each of {len(lines)} steps.{repeated}"


def _overall(signs: Sequence[str]) -> str:
    """The relation of the two ends that a chain's signs give; empty if they point both ways."""
    directions = {DIRECTIONS[sign] for sign in signs} - {0}
    if len(directions) > 1:
        return ""
    strict = [sign for sign in signs if sign in ("<", ">")]
    return (strict or [sign for sign in signs if sign != "="] or ["="])[0]


def broken(given: Given, seed: int) -> dict[str, Any]:
    """The page's chain with one thing changed, so that it is wrong: for the reader to find.

    Args:
        given: The page's chain.
        seed: Which change.

    Returns:
        The `lines`, the number of the changed one as `line`, what was changed, and what the check says of the steps.

    Raises:
        ValueError: If no change of the chain makes it wrong.
    """
    first, known = parts(given)
    model = given.models[0]
    names, _ = given.context.for_model(MODELS[model])
    found = list(mutants(given.latex, names))
    Random(seed).shuffle(found)
    for mutant in found:
        try:
            other, lines = parts(Given(mutant.latex, given.id, given.models, given.assume, given.sources))
        except ValueError:
            continue
        changed = [place for place, (old, new) in enumerate(zip(known, lines, strict=False)) if old != new]
        if other != first or len(lines) != len(known) or len(changed) != 1 or lines[-1][1] != known[-1][1]:
            continue
        look = checked(given, [f"{sign} {text}" for sign, text in lines], [model])
        steps = list(islice(look, len(lines)))
        failing = [part for part in steps if "counterexample" in part]
        if failing and not any("error" in part for part in steps):
            change = mutant.change.rpartition(" #")[0]
            lines_shown = [list(line) for line in lines]
            return {"lines": lines_shown, "line": changed[0], "change": change, "failing": failing}
    raise ValueError(f"given must be a chain that a change makes wrong, got {given.id}")


def instance(given: Given, lines: Sequence[str], model: str, number: int) -> dict[str, Any]:
    """One instance of a model, and what each expression is there.

    Args:
        given: The page's chain.
        lines: As for `checked`.
        model: Name of one of the chain's models.
        number: Which instance, from 0.

    Returns:
        `words`, pairs of LaTeX and text, and `values`, one text for each expression.

    Raises:
        ValueError: If a line cannot be read, the chain does not have the model, or it has fewer instances.
    """
    _refuse_others([model], given.models)
    first, known = parts(given)
    text = " ".join([first, *(f"{sign} {text}" for sign, text in _read(lines, known[-1][1]))])
    reading = read(text, MODELS[model], given.context)
    runner = Runner(reading, given.assume, seed_of(given.id))
    for place, draw, judgments in islice(runner.accepted(), number, number + 1):
        values = [judgments[0].left, *(judgment.right for judgment in judgments)]
        words = [list(pair) for pair in words_at(runner, place, draw)]
        return {"words": words, "values": [text_of(value) for value in values], "draw": draw}
    raise ValueError(f"number must be that of an instance, got {number}")


def given_of(fields: Mapping[str, Any]) -> Given:
    """The chain in the form in which a page has it."""
    lists = {name: tuple(fields.get(name, ())) for name in ("models", "assume", "sources")}
    return Given(fields["latex"], fields["id"], **lists)
