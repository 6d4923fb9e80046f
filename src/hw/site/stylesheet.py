"""A style sheet without what no page can need: rules that match nothing, variables that nothing reads."""

import re
from collections.abc import Collection, Container, Iterable

import tinycss2
from tinycss2.ast import Node

__all__ = ["names_in", "purged"]

NESTING = ("media", "supports", "layer", "container")
ATTRIBUTES = re.compile(r' (?:class|id)="([^"]*)"')
INLINE = re.compile(r"<script[^>]*>(.*?)</script>", re.DOTALL)
WORDS = re.compile(r"(?<![.#\w-])[\w-]+")
READ = re.compile(r"var\(\s*(--[\w-]+)")


def names_in(pages: Collection[str], scripts: Iterable[str]) -> set[str]:
    """Return the classes and ids that pages have, and the words of their scripts, which may set others.

    A word behind a dot or a hash is one that a script looks for; that alone does not make it.

    Args:
        pages: HTML, with the scripts that stand in it.
        scripts: JavaScript of files.

    Returns:
        The names, some of them no name of a class.

    Examples:
        >>> from hw.site.stylesheet import names_in
        >>> sorted(names_in(['<p class="a b" id="c">d</p><script>"e"</script>'], ["$('.f').classList.add('g-h')"]))
        ['a', 'b', 'c', 'e', 'g-h']
    """
    found = {name for page in pages for names in ATTRIBUTES.findall(page) for name in names.split()}
    inline = (script for page in pages for script in INLINE.findall(page))
    return found.union(*(WORDS.findall(script) for script in (*inline, *scripts)))


def purged(css: str, names: Container[str]) -> str:
    """Return a style sheet without selectors that ask for a class or id that nothing has, and without idle variables.

    What stands in `:is()`, `:not()` and the like is not looked at, so that a selector may be kept in vain, and never
    one dropped that would match. A variable is kept where the style sheet reads it or `names` has it.

    Args:
        css: The style sheet.
        names: The classes and ids that there are.

    Returns:
        The style sheet; a rule that loses all its selectors is gone, and so is a group of rules that is then empty.

    Raises:
        ValueError: If a part of the style sheet cannot be read.

    Examples:
        >>> from hw.site.stylesheet import purged
        >>> purged("a { --b: 1; --c: 2; d: var(--b) } .e, .f g { h: i } @media print { #j { k: l } }", {"e"})
        'a{--b: 1;d: var(--b)}.e{h: i}'
    """
    rules = tinycss2.parse_stylesheet(css, skip_comments=True, skip_whitespace=True)
    read = set(READ.findall(css))
    try:
        return "".join(_rule(rule, names, read) for rule in rules)
    except TypeError as error:  # tinycss2 has no text for what it could not read
        raise ValueError(f"css must be a style sheet without errors, got one: {error}") from error


def _rule(rule: Node, names: Container[str], read: set[str]) -> str:
    if rule.type == "qualified-rule":
        selectors = [tinycss2.serialize(one).strip() for one in _selectors(rule.prelude) if _matches(one, names)]
        declared = _declared(rule.content, names, read) if selectors else ""
        return f"{','.join(selectors)}{{{declared}}}" if declared else ""
    if rule.type == "at-rule" and rule.content is not None and rule.lower_at_keyword in NESTING:
        rules = tinycss2.parse_rule_list(rule.content, skip_comments=True, skip_whitespace=True)
        inner = "".join(_rule(each, names, read) for each in rules)
        return f"@{rule.at_keyword}{tinycss2.serialize(rule.prelude)}{{{inner}}}" if inner else ""
    return rule.serialize()


def _declared(content: list[Node], names: Container[str], read: set[str]) -> str:
    """The declarations of a rule, without variables that nothing reads."""
    found = tinycss2.parse_blocks_contents(content, skip_comments=True, skip_whitespace=True)
    return ";".join(each.serialize().strip().rstrip(";") for each in found if not _idle(each, names, read))


def _idle(declared: Node, names: Container[str], read: set[str]) -> bool:
    """Whether a declaration sets a variable that nothing reads."""
    variable = declared.type == "declaration" and declared.name.startswith("--")
    return variable and declared.name not in read and declared.name not in names


def _selectors(prelude: list[Node]) -> list[list[Node]]:
    """The selectors of a list, which commas part."""
    found: list[list[Node]] = [[]]
    for token in prelude:
        if token.type == "literal" and token.value == ",":
            found.append([])
        else:
            found[-1].append(token)
    return found


def _matches(selector: list[Node], names: Container[str]) -> bool:
    """Whether all classes and ids that a selector asks for are there."""
    before = ["", *(token.value if token.type == "literal" else "" for token in selector)]
    pairs = zip(before, selector, strict=False)
    asked = [token.value for dot, token in pairs if token.type == "hash" or (dot == "." and token.type == "ident")]
    return all(name in names for name in asked)
