"""Every displayed formula of the site, with what its check left behind and the page that shows it."""

import re
from collections import Counter
from dataclasses import dataclass
from functools import cache as kept
from pathlib import Path, PurePosixPath

from hw.checked_math.document import prose_of_notebook
from hw.checked_math.mutation import mutate_file
from hw.checked_math.pages import check_file, check_text
from hw.checked_math.records import Mutation, Record

__all__ = [
    "Claim",
    "address",
    "claims_of_library",
    "claims_of_page",
    "claims_of_site",
    "claims_of_text",
    "pages",
    "text_of",
]

CACHE = Path(".cache/checked_math.json")
FORMULA = re.compile(r"^(?:# )? *`{3,}math\b|\$\$", re.MULTILINE)
UNNAMED = re.compile(r"line-\d+")
MODULE = re.compile(r"^::: ([\w.]+)", re.MULTILINE)


@dataclass(frozen=True)
class Claim:
    """A displayed formula.

    Attributes:
        page: The page that shows it, such as `reference/masks.md`; empty where that is not known.
        anchor: Its id on that page.
        record: What its check left behind.
        mutation: What became of its mutants, if it has any.
    """

    page: str
    anchor: str
    record: Record
    mutation: Mutation | None = None

    @property
    def named(self) -> bool:
        """Whether its author gave it an id; one without is named after what its docstring documents."""
        return not UNNAMED.fullmatch(self.record.id)

    @property
    def row(self) -> str:
        """Id of its row on the ledger."""
        return f"row-{self.page.rpartition('.')[0].replace('/', '-')}-{self.anchor}"


def address(page: str, start: str) -> str:
    """Relative address of a page, seen from another, when each page is a folder.

    Args:
        page: The page that the link leads to.
        start: The page that holds the link.

    Returns:
        The address.

    Raises:
        ValueError: If one of them names no file.

    Examples:
        >>> from hw.site.claims import address
        >>> address("ledger.md", start="reference/masks.md"), address("index.md", start="ledger.md")
        ('../../ledger/', '../')
    """
    up = "../" * len(_folder(start).parts)
    down = _folder(page).as_posix()
    return (up if down == "." else f"{up}{down}/") or "./"


def _folder(page: str) -> PurePosixPath:
    if not PurePosixPath(page).name:
        raise ValueError(f"page must name a file, got {page!r}")
    path = PurePosixPath(page).with_suffix("")
    return path.parent if path.name == "index" else path


def pages(docs: Path) -> list[Path]:
    """Files of the site's pages: Markdown, and notebooks in Python files."""
    return sorted([*docs.rglob("*.md"), *docs.rglob("*.py")])


def text_of(path: Path) -> str:
    """Markdown of a page; that of a notebook has blank lines where there is code.

    Raises:
        OSError: If the file cannot be read.
        UnicodeDecodeError: If it is not text in UTF-8.
    """
    text = path.read_text(encoding="utf-8")
    return prose_of_notebook(text) if path.suffix == ".py" else text


def claims_of_text(text: str, file: str, cache: Path | None = None) -> list[Claim]:
    """Formulas of a Markdown text that is no page of the site.

    Raises:
        OSError: If the cache cannot be written.
    """
    return _claims(check_text(text, file, cache), "", {}) if FORMULA.search(text) else []


def claims_of_page(path: Path, page: str, cache: Path | None = None) -> list[Claim]:
    """Formulas of a file, in order of appearance.

    Args:
        path: A page, or a module of the library.
        page: The page that shows its formulas.
        cache: Where records are kept.

    Returns:
        A claim for each formula; none of a file without formulas, which is not even checked.

    Raises:
        OSError: If the file cannot be read.
        UnicodeDecodeError: If it is not text in UTF-8.
        SyntaxError: If it ends in `.py`, has formulas and is not Python.
        FormulaError: As for `mutate_file`.
    """
    text = path.read_text(encoding="utf-8")
    return list(_of_page(path, text, page, cache)) if FORMULA.search(text) else []


@kept
def _of_page(path: Path, text: str, page: str, cache: Path | None) -> tuple[Claim, ...]:
    """Formulas of a file with this text: the marks, the ledger and the home page ask for the same again and again."""
    records = check_file(path, cache)
    failed = not all(record.ok for record in records)
    return tuple(_claims(records, page, {} if failed else mutate_file(path, cache)))


def claims_of_library(library: Path, docs: Path, cache: Path | None = None) -> list[Claim]:
    """Formulas that docstrings of the library show, each with the reference page of its module."""
    pages = {
        module: path.relative_to(docs).as_posix()
        for path in sorted(docs.rglob("*.md"))
        for module in MODULE.findall(path.read_text(encoding="utf-8"))
    }
    found = []
    for path in sorted(library.rglob("*.py")):
        module = ".".join(path.relative_to(library.parent).with_suffix("").parts).removesuffix(".__init__")
        if module in pages:
            found += claims_of_page(path, pages[module], cache)
    return found


def claims_of_site(root: Path = Path()) -> list[Claim]:
    """Every displayed formula of the site: of its pages, then of the library's docstrings.

    Args:
        root: The checkout.

    Returns:
        The claims, page by page.
    """
    docs = root / "docs"
    found = []
    for path in pages(docs):
        found += claims_of_page(path, path.relative_to(docs).as_posix(), root / CACHE)
    return found + claims_of_library(root / "src/hw", docs, root / CACHE)


def _claims(records: list[Record], page: str, mutations: dict[str, Mutation]) -> list[Claim]:
    taken: Counter[str] = Counter()
    found = []
    for record in records:
        name = record.id
        if UNNAMED.fullmatch(name):  # a line changes too easily for an address
            name = f"{record.binding.rpartition('::')[2] or 'text'}-formula"
        taken[name] += 1
        anchor = f"{name}-{taken[name]}" if taken[name] > 1 else name
        found.append(Claim(page, anchor, record, mutations.get(record.id)))
    return found
