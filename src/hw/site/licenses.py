"""What the built site ships, and under which licenses; a file of which nothing says so is found by a gate."""

import json
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatch
from html import escape
from pathlib import Path

__all__ = ["Shipped", "licenses_table", "read_licenses", "unlicensed"]

SPDX = {
    "MIT": "MIT License",
    "Apache-2.0": "Apache License 2.0",
    "0BSD": "BSD Zero Clause License",
    "W3C": "W3C Software Notice and License",
    "MPL-2.0": "Mozilla Public License 2.0",
    "OFL-1.1": "SIL Open Font License 1.1",
    "PSF-2.0": "Python Software Foundation License 2.0",
    "CC-BY-4.0": "Creative Commons Attribution 4.0",
}
PACKAGE = re.compile(r".*node_modules/((?:@[^/]+/)?[^/]+)/")


@dataclass(frozen=True)
class Shipped:
    """A work on the site.

    Attributes:
        name: Its name.
        license: SPDX identifier of its license.
        files: Patterns of its files, from the site's folder; `*` also matches a slash.
        within: What holds it, where it has no file of its own.
        packages: Its packages in the theme's scripts.
        text: The site's file with the license.
        ours: Whether it was made here.
    """

    name: str
    license: str
    files: tuple[str, ...] = ()
    within: str = ""
    packages: tuple[str, ...] = ()
    text: str = ""
    ours: bool = False


def read_licenses(text: str) -> list[Shipped]:
    r"""Entries of `docs/licenses.toml`.

    Args:
        text: Its contents: tables `shipped`, of others, and `ours`.

    Returns:
        The entries, in order.

    Raises:
        ValueError: If an entry has an unknown license, neither files nor a place, or, of others, no text where the
            license has to be shipped.

    Examples:
        >>> from hw.site.licenses import read_licenses
        >>> read_licenses('[[ours]]\nname = "Code"\nfiles = ["*.js"]\nlicense = "MIT"')[0].license
        'MIT'
    """
    found = []
    for kind, entries in tomllib.loads(text).items():
        for entry in entries:
            lists = {key: tuple(entry.get(key, ())) for key in ("files", "packages")}
            found.append(Shipped(**{**entry, **lists}, ours=kind == "ours"))
    for work in found:
        if work.license not in SPDX:
            raise ValueError(f"license of {work.name!r} must be one of {sorted(SPDX)}, got {work.license!r}")
        if not work.files and not work.within:
            raise ValueError(f"files of {work.name!r} must name files or `within` a place, got neither")
        if not work.ours and not work.text and work.license != "CC-BY-4.0":
            raise ValueError(f"text of {work.name!r} must be a file with the license, got none")
    return found


def unlicensed(site: Path, works: Iterable[Shipped]) -> list[str]:
    """What is wrong with the licenses of a built site.

    Args:
        site: Its folder.
        works: What is said of it.

    Returns:
        A line for each file that no entry or more than one is about, for each pattern of others' works without a file,
        for each license text that is not on the site, and for each package in the theme's scripts that is not listed.
    """
    works = list(works)
    names = [path.relative_to(site).as_posix() for path in sorted(site.rglob("*")) if path.is_file()]
    found = []
    for name in names:
        about = [work.name for work in works if any(fnmatch(name, pattern) for pattern in work.files)]
        if len(about) != 1:
            found.append(f"{name}: one work of docs/licenses.toml must be about it, got {', '.join(about) or 'none'}")
    for work in works:
        for pattern in () if work.ours else work.files:
            if not any(fnmatch(name, pattern) for name in names):
                found.append(f"{work.name}: {pattern} matches no file of the site")
        if work.text and work.text not in names:
            found.append(f"{work.name}: {work.text} is not on the site")
    packages = {package for work in works for package in work.packages}
    for path in site.rglob("*.js.map"):
        sources = map(PACKAGE.match, json.loads(path.read_text("utf-8"))["sources"])
        bundled = {source[1] for source in sources if source}
        found += [f"{path.name}: its package {name} is not listed" for name in sorted(bundled - packages)]
    return found


def licenses_table(root: Path = Path(), page: str = "../") -> str:
    """What the site ships, work by work.

    Args:
        root: The checkout.
        page: Address of the site's root, seen from the page.

    Returns:
        HTML.
    """
    rows = []
    for work in read_licenses((root / "docs/licenses.toml").read_text("utf-8")):
        name = SPDX[work.license]
        link = f'<a href="{page}{escape(work.text)}">{escape(name)}</a>' if work.text else escape(name)
        where = "made here" if work.ours else work.within or "its own files"
        rows.append(f'<tr><th scope="row">{escape(work.name)}</th><td>{where}</td><td>{link}</td></tr>')
    head = '<thead><tr><th scope="col">work</th><th scope="col">where</th><th scope="col">license</th></tr></thead>'
    return f"<table>{head}<tbody>{''.join(rows)}</tbody></table>"
