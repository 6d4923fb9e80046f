r"""The displayed formulas of a Markdown file, of a notebook or of docstrings.

An author writes a formula in a fence, with an id and the models in which it is to hold:

````md
```math id="elbo" model="latent" assume="q << posterior"
\log p(x) \ge \mathbb{E}_{q(z\mid x)}\left[\log\frac{p(x,z)}{q(z\mid x)}\right]
```
````
"""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Fence", "Formula", "fences", "formulas", "formulas_of_file", "prose_of_notebook"]

Documented = ast.Module | ast.ClassDef | ast.FunctionDef
FENCE = re.compile(
    r"^(?P<indent> *)(?P<ticks>`{3,})(?P<info>[^\n`]*)\n(?P<code>.*?)^(?P=indent)(?P=ticks) *$",
    re.DOTALL | re.MULTILINE,
)
OPTION = re.compile(r'([\w-]+)="([^"]*)"')
DOLLARS = re.compile(r"^ *\$\$(?P<code>.+?)\$\$ *$", re.DOTALL | re.MULTILINE)
HIDDEN = re.compile(  # displayed mathematics in another form, which would be shown and not be checked
    r"^[ \t>*+-]*(?:`{3,}|~{3,}) *\{?\.?math\b|\$\$|^[ \t]*\\\[|\\begin\{(?:equation|align|gather)\*?\}",
    re.MULTILINE | re.IGNORECASE,
)
CELL = re.compile(r"^# %%( \[markdown\])?", re.MULTILINE)  # how one begins in jupytext's percent format
CODE = re.compile(r"`[^`\n]+`|^ *(?:>>>|\.\.\. ).*$", re.MULTILINE)  # and examples of docstrings
HIDDEN_FLAW = "a displayed formula must stand in a fence of its own that begins with ```math and is closed"


@dataclass(frozen=True)
class Fence:
    """One fenced block: where it starts, its language, its options, its text, and what is wrong with the options."""

    line: int
    language: str
    options: dict[str, str]
    code: str
    flaw: str = ""


@dataclass(frozen=True)
class Formula:
    """A displayed formula as its author wrote it: LaTeX without delimiters, options, the file and its first line.

    `example` is the documented object whose own example a docstring's formula is bound to, `flaw` what is wrong with
    the fence.
    """

    latex: str
    options: Mapping[str, str]
    file: str
    line: int
    example: str = ""
    flaw: str = ""

    @property
    def id(self) -> str:
        """The id its author gave, else one from its line."""
        return self.options.get("id", f"line-{self.line}")


def fences(markdown: str) -> Iterator[Fence]:
    '''Fenced blocks of a page, in order.

    Args:
        markdown: The text of the page.

    Yields:
        The blocks; their first line is counted from 1.

    Examples:
        >>> from hw.checked_math.document import fences
        >>> page = """
        ... ```pycon exec="on" session="sum"
        ... >>> print(1 + 1)
        ... 2
        ...
        ... ```
        ... """
        >>> [(fence.language, fence.options["session"]) for fence in fences(page)]
        [('pycon', 'sum')]
    '''
    for match in FENCE.finditer(markdown):
        language, _, options = match["info"].strip().partition(" ")
        code = match["code"]
        if match["indent"]:
            code = re.sub(rf"^{match['indent']}", "", code, flags=re.MULTILINE)
        line = markdown.count("\n", 0, match.start()) + 1
        yield Fence(line, language, dict(OPTION.findall(options)), code, _flaw(options))


def _flaw(options: str) -> str:
    """What is wrong with the options of a fence, as they are written; empty for nothing."""
    rest = OPTION.sub("", options).strip()
    names = [name for name, _ in OPTION.findall(options)]
    twice = next((name for name in names if names.count(name) > 1), "")
    if rest:
        return f'options must be written name="value", got {rest}'
    return f"the option {twice} is given twice" if twice else ""


def formulas(markdown: str, file: str = "", first_line: int = 1, example: str = "") -> list[Formula]:
    r"""Displayed formulas of a text, in order: `math` fences, and blocks between double dollars.

    Args:
        markdown: The text of a page or a docstring.
        file: Where it stands, for messages.
        first_line: Line of the file at which the text begins.
        example: For a docstring, the name of the documented object.

    Returns:
        The formulas.

    Examples:
        >>> from hw.checked_math.document import formulas
        >>> [formula.latex for formula in formulas("Text\n\n$$a = b$$\n")]
        ['a = b']
    """
    found = []
    for fence in fences(markdown):
        if fence.language.strip("{.}").lower() == "math":
            flaw = fence.flaw if fence.language == "math" else HIDDEN_FLAW
            latex = fence.code.strip("\n")
            found.append((fence.line, Formula(latex, fence.options, file, first_line + fence.line, example, flaw)))
    prose = FENCE.sub(_blank, markdown)
    prose = CODE.sub(lambda match: " " * len(match[0]), prose)
    for match in DOLLARS.finditer(prose):
        line = prose.count("\n", 0, match.start()) + 1
        found.append((line, Formula(match["code"].strip(), {}, file, first_line + line - 1, example)))
    prose = DOLLARS.sub(_blank, prose)
    for match in HIDDEN.finditer(prose):
        line = prose.count("\n", 0, match.start()) + 1
        found.append((line, Formula("", {}, file, first_line + line - 1, example, HIDDEN_FLAW)))
    return [formula for _, formula in sorted(found, key=lambda item: item[0])]


def _blank(match: re.Match[str]) -> str:
    """As many spaces, on as many lines, so that what follows keeps its place."""
    return "\n".join(" " * len(line) for line in match[0].split("\n"))


def formulas_of_file(path: Path) -> list[Formula]:
    """Displayed formulas of a Markdown file, of a notebook's prose, or of a Python file's docstrings.

    Raises:
        OSError: If the file cannot be read.
        UnicodeDecodeError: If it is not text in UTF-8.
        SyntaxError: If it ends in `.py` and is not Python.
    """
    text = path.read_text(encoding="utf-8-sig")
    if path.suffix != ".py":
        return formulas(text, path.as_posix())
    if CELL.search(text):
        return formulas(prose_of_notebook(text), path.as_posix())
    return [
        formula
        for name, docstring, line in _docstrings(text, path)
        for formula in formulas(docstring, path.as_posix(), line, name if ">>>" in docstring else "")
    ]


def prose_of_notebook(text: str) -> str:
    r"""Front matter and Markdown cells of a notebook in jupytext's percent format.

    Args:
        text: The notebook, a Python file.

    Returns:
        Markdown, each line where it is in the file; lines of code are blank.

    Examples:
        >>> from hw.checked_math.document import prose_of_notebook
        >>> prose_of_notebook("# %% [markdown]\n# Two words\n# %%\nprint(2)\n")
        '\nTwo words\n\n\n'
    """
    lines, is_prose = [], True
    for line in text.splitlines():
        cell = CELL.match(line)
        if cell:
            is_prose = bool(cell[1])
        lines.append(re.sub("^# ?", "", line) if is_prose and not cell else "")
    return "\n".join(lines) + "\n"


def _docstrings(text: str, path: Path) -> Iterator[tuple[str, str, int]]:
    module = _module_name(path)

    def visit(node: Documented, name: str) -> Iterator[tuple[str, str, int]]:
        docstring = ast.get_docstring(node)
        if docstring:
            yield name, docstring, node.body[0].lineno
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.ClassDef | ast.FunctionDef):
                yield from visit(child, f"{name}.{child.name}")

    return visit(ast.parse(text), module)


def _module_name(path: Path) -> str:
    parts = list(path.with_suffix("").parts)
    parts = parts[parts.index("src") + 1 :] if "src" in parts else parts[-1:]
    return ".".join(part for part in parts if part != "__init__")
