r"""Choices that a reader can answer in the page, with each text in one place, and a check that nothing is missing.

A Python-Markdown extension. The options stand in the question's panel. The reason for an option is a paragraph, a list
item, a block or a section of the page, marked in the Markdown where it stands: `right="3.1(b)"` says that (b) is to be
chosen in 3.1, and that this is why; `wrong="4.2(c) 4.2(d)"` gives one reason against two options. 2.2 is asked for two
cases, and `2.2(1)(a)` is an option in the first. `counter="divergence"` names a formula or a section elsewhere that
shows it, and `argued="yes"` says that words are all there is.

`assets/js/quiz.js` asks under `<div data-widget="quiz" data-question="3.1">`, and copies what it says from the page.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import takewhile
from xml.etree.ElementTree import Element

from markdown import Markdown
from markdown.extensions import Extension
from markdown.treeprocessors import Treeprocessor
from markdown.util import HTML_PLACEHOLDER_RE

__all__ = ["QuizExtension", "makeExtension"]

NUMBER = re.compile(r"\d\.\d")
SIGN = re.compile(r"\s*\((\w)\)")
TOKEN = re.compile(r"(\d\.\d(?:\(\d\))?)\(([a-z])\)")
BEGINS = re.compile(r"[^\w(]*((?:\(\w\)(?:, )?)+)")
HEADING = re.compile(r"h[1-6]")
ANSWER = re.compile(r"(\d\.\d)(?: (\(\d\)))? is ((?:\(\w\)(?:, | and )?)+)")
RUNS = re.compile(  # a formula that was evaluated or is bound to a test, a snippet, a table that a fence has printed
    r'class="claim (?:checked|refuted|test)"|class="language-pycon highlight"|<th scope="col"'
)


class QuizExtension(Extension):
    """Prepares the options and reasons of a page for its script, and checks that they agree."""

    def extendMarkdown(self, md: Markdown) -> None:
        """Register the check, after `attr_list` and `toc`, so that headings have their ids."""
        md.treeprocessors.register(_Quizzes(md), "hw-quiz", 4)


class _Quizzes(Treeprocessor):
    """Turns the marks into attributes that the page's script reads."""

    def run(self, root: Element) -> None:
        marked = [element for element in root.iter() if element.get("right") or element.get("wrong")]
        asked = [element.get("data-question", "") for element in root.iter() if element.get("data-widget") == "quiz"]
        if not marked and not asked:
            return
        known = "relpath" in self.md.treeprocessors
        page = self.md.treeprocessors["relpath"].file.src_uri if known else "text"
        try:
            offered = _offered(root)
            rights = _rights(marked, _asked(offered, asked))
            for element in marked:
                self._settle(element, root)
            _compare(rights, dict(_folded(root)))
        except ValueError as error:
            raise ValueError(f"{page}: {error}") from None

    def _settle(self, element: Element, root: Element) -> None:
        """Check what stands behind a reason, and leave attributes in its place."""
        right, wrong, counter, argued = (
            element.attrib.pop(name, "") for name in ("right", "wrong", "counter", "argued")
        )
        _same_letters(element, f"{right} {wrong}".split())
        runs = self._runs(element, root) or bool(counter and self._runs_at(counter, root))
        if wrong and runs == bool(argued):
            got = "both" if argued else "neither"
            raise ValueError(f"option {wrong} must have a counterexample that runs, or be marked as argued, got {got}")
        anchor = element[0] if element.tag == "div" else element  # all code in an element with an id would get one id
        if "id" not in anchor.attrib:
            anchor.set("id", "option-" + "-".join(re.findall(r"\w", (right or wrong).split()[0])))
        for name, value in (("right", right), ("wrong", wrong), ("counter", counter), ("argued", argued)):
            if value:
                element.set(f"data-{name}", value)

    def _runs(self, element: Element, root: Element) -> bool:
        return bool(RUNS.search(self._html(_told(element, root))))

    def _runs_at(self, name: str, root: Element) -> bool:
        for element in root.iter():
            if element.get("id") == name:
                return self._runs(element, root)
        for block in map(str, self.md.htmlStash.rawHtmlBlocks):
            if f'id="{name}"' in block:
                return bool(RUNS.search(block))
        raise ValueError(f"counter must be the id of a formula or a section of the page, got {name}")

    def _html(self, elements: Iterable[Element]) -> str:
        """Text of elements, with the HTML that fences have made."""
        text = "".join(part for element in elements for part in element.itertext())
        while HTML_PLACEHOLDER_RE.search(text):
            text = HTML_PLACEHOLDER_RE.sub(lambda match: str(self.md.htmlStash.rawHtmlBlocks[int(match[1])]), text)
        return text


def _offered(root: Element) -> dict[str, list[str]]:
    """Letters of the options of each question in the panel; one with cases has an entry for each of them."""
    found = {}
    for panel in root.iter("div"):
        name = ""
        for child in panel if "question" in panel.get("class", "").split() else []:
            if child.tag == "p" and _number(child):
                name, cases = _number(child), [""]
                child.set("data-asks", name)
            elif child.tag == "ul" and name:
                signs = [sign[1] if (sign := SIGN.match("".join(item.itertext()))) else "" for item in child]
                if all(map(str.isdigit, signs)):
                    child.set("data-cases", name)
                    cases = [f"({sign})" for sign in signs]
                elif signs == list("abcdefghij"[: len(signs)]):
                    child.set("data-options", name)
                    found |= {name + case: signs for case in cases}
                else:
                    raise ValueError(f"options of {name} must have the letters (a), (b) and so on, got {signs}")
    return found


def _number(paragraph: Element) -> str:
    """Number of the question that a paragraph begins; empty for none."""
    first = paragraph[0] if len(paragraph) and not (paragraph.text or "").strip() else None
    text = first.text or "" if first is not None and first.tag == "em" else ""
    return text if NUMBER.fullmatch(text) else ""


def _asked(offered: dict[str, list[str]], names: list[str]) -> dict[str, list[str]]:
    """The options of the questions that are asked."""
    found = {}
    for name in names:
        own = {key: signs for key, signs in offered.items() if key.partition("(")[0] == name}
        if not own:
            raise ValueError(f"data-question must be a question with options in the panel, got {name!r}")
        found |= own
    return found


def _rights(marked: list[Element], options: dict[str, list[str]]) -> dict[str, set[str]]:
    """The letters that are to be chosen, by question; every option must have one reason."""
    verdicts: dict[tuple[str, str], list[bool]] = {(name, sign): [] for name in options for sign in options[name]}
    for element in marked:
        for kind in ("right", "wrong"):
            for token in element.get(kind, "").split():
                match = TOKEN.fullmatch(token)
                if not match or (match[1], match[2]) not in verdicts:
                    raise ValueError(f"{kind} must name options of questions that are asked, got {token!r}")
                verdicts[match[1], match[2]].append(kind == "right")
    for (name, sign), found in verdicts.items():
        if len(found) != 1:
            raise ValueError(
                f"option {name}({sign}) must have one reason that says whether it is right, got {len(found)}"
            )
    rights = {name: {sign for sign in signs if verdicts[name, sign] == [True]} for name, signs in options.items()}
    for name, letters in rights.items():
        if not 0 < len(letters) < len(options[name]):
            raise ValueError(f"options of {name} must be some right and some wrong, got {len(letters)} right")
    return rights


def _same_letters(element: Element, tokens: list[str]) -> None:
    """Where a reason begins with letters, such as "(a) holds", it must be marked with them."""
    begins = BEGINS.match("".join(element.itertext()))
    if begins and set(re.findall(r"\w", begins[1])) != {token[-2] for token in tokens}:
        raise ValueError(f"option {' '.join(tokens)} must be what its reason begins with, got {begins[1]}")


def _folded(root: Element) -> Iterator[tuple[str, set[str]]]:
    """The letters that the folded answer gives, by question."""
    for details in root.iter("details"):
        if len(details) and details[0].text == "The answer":
            for match in ANSWER.finditer(" ".join("".join(details.itertext()).split())):
                yield match[1] + (match[2] or ""), set(re.findall(r"\((\w)\)", match[3]))


def _compare(rights: dict[str, set[str]], folded: dict[str, set[str]]) -> None:
    for name in rights.keys() | folded.keys():
        marked, said = (sorted(answers.get(name, ())) for answers in (rights, folded))
        if marked != said:
            raise ValueError(f"the folded answer to {name} must be {marked}, as the reasons are marked, got {said}")


def _told(element: Element, root: Element) -> list[Element]:
    """The elements that a mark is on: its own, or for a heading those of its section."""
    if not HEADING.fullmatch(element.tag):
        return [element]
    parent = next(each for each in root.iter() if element in list(each))
    rest = list(parent)[list(parent).index(element) + 1 :]
    return list(takewhile(lambda other: not (HEADING.fullmatch(other.tag) and other.tag <= element.tag), rest))


def makeExtension(**options: object) -> QuizExtension:
    """Entry point of Python-Markdown."""
    return QuizExtension(**options)
