r"""The mark beside each displayed formula: what its check found out, derived when the page is built.

A Python-Markdown extension. It sets the math fences of a text and the displayed formulas that `pymdownx.arithmatex` has
marked in docstrings, and puts the record of each beside it. A formula whose record is an error fails the build.
"""

import html
import os
import re
from functools import cached_property
from pathlib import Path
from typing import Any

from markdown import Markdown
from markdown.extensions import Extension
from markdown.postprocessors import Postprocessor
from markdown.preprocessors import Preprocessor

from hw.checked_math.document import FENCE, fences
from hw.site.claims import CACHE, Claim, address, claims_of_library, claims_of_page, claims_of_text
from hw.site.display import claim_html
from hw.site.words import complaint

__all__ = ["MarksExtension", "makeExtension"]

DISPLAYED = re.compile(r'<div class="arithmatex">\\\[(.*?)\\\]</div>', re.DOTALL)


class MarksExtension(Extension):
    """Sets displayed formulas, each with its mark."""

    def __init__(self, **options: Any) -> None:
        """Take the options, all of them paths as seen from the working directory, but for `ledger`."""
        self.config = {
            "katex": ["docs/assets/katex/katex.min.js", "the file katex.min.js"],
            "docs": ["docs", "the folder of the pages"],
            "library": ["src/hw", "the package whose docstrings are shown"],
            "cache": [str(CACHE), "the file that keeps records; empty for none"],
            "ledger": ["ledger.md", "the page that lists all formulas; empty for none"],
        }
        super().__init__(**options)

    def extendMarkdown(self, md: Markdown) -> None:
        """Register what sets fences, before superfences, and formulas of docstrings, before `hw.site.typeset`."""
        formulas = _Formulas(md, self)
        md.preprocessors.register(_Fences(md, formulas), "hw-marks", 26)
        md.postprocessors.register(_Displayed(md, formulas), "hw-marks", 2)


class _Formulas:
    """The formulas of the text that is being converted."""

    def __init__(self, md: Markdown, extension: MarksExtension) -> None:
        self.md = md
        self.katex, self.docs, self.library = (Path(extension.getConfig(name)) for name in ("katex", "docs", "library"))
        self.cache = Path(extension.getConfig("cache")) if extension.getConfig("cache") else None
        self.ledger = extension.getConfig("ledger")
        self.begin("")

    def begin(self, text: str) -> None:
        self.text, self.shown = text, set()
        self.__dict__.pop("found", None)

    @property
    def page(self) -> Any:
        """The page that MkDocs is building, if it is MkDocs that converts the text."""
        known = "relpath" in self.md.treeprocessors
        return self.md.treeprocessors["relpath"].file if known else None

    @cached_property
    def found(self) -> dict[tuple[str, str], Claim]:
        """Claims by formula and id: those of the text or its page, and then those of the library's docstrings."""
        if self.page and self.page.abs_src_path:
            path = Path(os.path.relpath(self.page.abs_src_path))
            own = claims_of_page(path, self.page.src_uri, self.cache)
        else:
            own = claims_of_text(self.text, "text", self.cache)
        return _by_formula(own + claims_of_library(self.library, self.docs, self.cache))

    def set(self, latex: str, name: str = "") -> str:
        """HTML of a formula with its mark."""
        key = _one_line(latex), name
        if key not in self.found:  # printed by a snippet, so neither the page's nor a docstring's
            self.found.update(_by_formula(claims_of_text(self.text, "text", self.cache)))
        if key not in self.found:
            raise ValueError(f"formula must have a record of its check, got none for {latex.strip()}")
        claim = self.found[key]
        ledger = ""
        if self.ledger and self.page and claim.page:
            ledger = f"{address(self.ledger, start=self.page.src_uri)}#{claim.row}"
        self.shown.add(claim.anchor)
        if not claim.record.ok:
            raise ValueError(complaint(claim.record))
        try:
            return claim_html(claim, self.katex, ledger)
        except ValueError as error:
            raise ValueError(f"{claim.record.file}:{claim.record.line}: {error}") from None


def _by_formula(claims: list[Claim]) -> dict[tuple[str, str], Claim]:
    """Claims by formula and id; the first of the same, unless that is in error."""
    found: dict[tuple[str, str], Claim] = {}
    for claim in claims:
        key = _one_line(claim.record.latex), claim.record.id if claim.named else ""
        if key not in found or not found[key].record.ok:
            found[key] = claim
    return found


def _one_line(latex: str) -> str:
    return " ".join(latex.split())


class _Fences(Preprocessor):
    def __init__(self, md: Markdown, formulas: _Formulas) -> None:
        super().__init__(md)
        self.formulas = formulas

    def run(self, lines: list[str]) -> list[str]:
        text = "\n".join(lines)
        self.formulas.begin(text)
        return FENCE.sub(self.set, text).split("\n")

    def set(self, match: re.Match[str]) -> str:
        (fence,) = fences(match[0])
        if fence.language != "math":
            return match[0]
        shown = self.formulas.set(fence.code, fence.options.get("id", ""))
        former = fence.options.get("was", "").split()
        self.formulas.shown.update(former)
        shown = "".join(f'<span id="{html.escape(name)}"></span>' for name in former) + shown
        return f"\n{match['indent']}{self.md.htmlStash.store(shown)}\n"


class _Displayed(Postprocessor):
    def __init__(self, md: Markdown, formulas: _Formulas) -> None:
        super().__init__(md)
        self.formulas = formulas

    def run(self, text: str) -> str:
        text = DISPLAYED.sub(lambda match: self.formulas.set(html.unescape(match[1])), text)
        if "mkdocs_raw_html" in self.md.preprocessors:  # MkDocs warns of links to anchors that it has not seen
            self.md.preprocessors["mkdocs_raw_html"].present_anchor_ids |= self.formulas.shown
        return text


def makeExtension(**options: Any) -> MarksExtension:
    """Entry point of Python-Markdown."""
    return MarksExtension(**options)
