"""The gate `links`: every internal address leads somewhere, and the address of a formula, once published, stays."""

import json
import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin, urlsplit
from xml.etree import ElementTree

from browsing import ROOT, Result, pages
from dead_links import addresses

__all__ = ["REGISTER", "accept", "check", "external", "published"]

REGISTER = ROOT / "docs" / "published_ids.txt"
LOCAL = re.compile(r"https?://(127\.0\.0\.1|localhost|\[::1\]|0\.0\.0\.0)\b")
OUTSIDE = re.compile(r"(https?:)?//")
LINK_OF_TEXT = re.compile(r"\]\(([^)\s]+)\)")
LOCATION = "{http://www.sitemaps.org/schemas/sitemap/0.9}loc"


@dataclass
class Page:
    """What a page offers to links, and where it leads.

    Attributes:
        ids: Every id, repeated ones too.
        names: Names of anchors.
        formulas: Ids of displayed formulas, and of their rows on the ledger.
        links: Every address, with its line.
        own: What the page says its own addresses are: the canonical one, and those of Open Graph.
    """

    ids: list[str] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    formulas: list[str] = field(default_factory=list)
    links: list[tuple[int, str]] = field(default_factory=list)
    own: list[tuple[int, str]] = field(default_factory=list)


def check(site: Path) -> Result:
    """Follow every internal link of a built site, and look for every address that was ever published."""
    read = _pages(site)
    outside, formulas = _external(read), _published(read)
    findings = [finding for page in read for finding in _of_page(site, read, page)]
    findings += _of_lists(site, read) + _of_register(read, REGISTER) + _unread(outside)
    count = sum(len(page.links) for page in read.values())
    return Result(f"{count} links, {len(outside)} external, {len(formulas)} formula addresses", findings)


def external(site: Path) -> dict[str, list[str]]:
    """Return the addresses on other hosts, without fragments, each with the pages that link to it."""
    return _external(_pages(site))


def published(site: Path) -> list[str]:
    """Return the address of every formula and of its row on the ledger, such as `gan/#value`, sorted."""
    return _published(_pages(site))


def accept(site: Path, register: Path = REGISTER) -> list[str]:
    """Add a site's new formula ids to the register, from which nothing is ever removed.

    Args:
        site: A built site.
        register: The file that remembers.

    Returns:
        What was added.
    """
    known = _registered(register)
    added = sorted(set(published(site)) - known)
    register.write_text("".join(f"{line}\n" for line in sorted(known.union(added))), "utf-8")
    return added


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.page = Page()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        line = self.getpos()[0]
        if "id" in values:
            self.page.ids.append(values["id"])
            if "claim" in values.get("class", "").split() or values["id"].startswith("row-"):
                self.page.formulas.append(values["id"])
        if tag == "a" and "name" in values:
            self.page.names.add(values["name"])
        own = values.get("rel") == "canonical" or values.get("property") in ("og:url", "og:image")
        addresses = [values[name] for name in ("href", "src", "content" if own else "href") if name in values]
        (self.page.own if own else self.page.links).extend((line, address) for address in dict.fromkeys(addresses))


def _pages(site: Path) -> dict[str, Page]:
    return {page: _read(_file(site, page)) for page in pages(site)}


def _read(path: Path) -> Page:
    reader = _Reader()
    reader.feed(path.read_text("utf-8"))
    reader.close()
    return reader.page


def _external(read: dict[str, Page]) -> dict[str, list[str]]:
    found: defaultdict[str, list[str]] = defaultdict(list)
    for page in read:
        for address in sorted({urldefrag(link).url for _, link in read[page].links}):
            if OUTSIDE.match(address) and not LOCAL.match(address) and not address.startswith(_base(read)):
                found[address].append(page)
    return {address: found[address] for address in sorted(found)}


def _published(read: dict[str, Page]) -> list[str]:
    return sorted({f"{page}#{name}" for page in read for name in read[page].formulas})


def _file(site: Path, address: str) -> Path:
    """The file that an address of the site stands for."""
    path = site / unquote(address)
    return path / "index.html" if address == "" or address.endswith("/") else path


def _base(read: dict[str, Page]) -> str:
    """The address that the site was built for, as its home page says."""
    home = read.get("", Page())
    return next((address for _, address in home.own if address.endswith("/")), "http://127.0.0.1:8000/")


def _of_page(site: Path, read: dict[str, Page], page: str) -> list[str]:
    name, base = page or "home", _base(read)
    twice = [key for key, count in Counter(read[page].ids).items() if count > 1]
    findings = [
        f"{name}: the id {key} is given {read[page].ids.count(key)} times; a link finds the first" for key in twice
    ]
    for line, link in read[page].links:
        wrong = "has no address" if not link.strip() else _wrong(site, read, base, urljoin(base + page, link.strip()))
        if not wrong and LOCAL.match(link):
            wrong = "leads to the reader's own machine"
        findings += [f'{name}: line {line}: the link "{link}" {wrong}'] if wrong else []
    for line, address in read[page].own:
        wrong = _wrong(site, read, base, address) if address.startswith(base) else f"does not begin with {base}"
        findings += [f"{name}: line {line}: the page's own address {address} {wrong}"] if wrong else []
    return findings


def _wrong(site: Path, read: dict[str, Page], base: str, address: str) -> str:
    """What is wrong with an absolute address: nothing, as far as this can tell, if it is another host's."""
    if not address.startswith(base):
        return "leaves the site's folder" if urlsplit(address)[:2] == urlsplit(base)[:2] else ""
    address, fragment = urldefrag(address.removeprefix(base))
    address = unquote(address.partition("?")[0])
    path = _file(site, address)
    if path.is_dir():
        return f"is a folder's; write {address}/"
    if not path.is_file():
        return "leads nowhere"
    target = read.get(address.removesuffix("index.html"))
    if not fragment or not target or unquote(fragment) in {*target.ids, *target.names}:
        return ""
    return f"leads to no id of {address or 'the home page'}"


def _of_lists(site: Path, read: dict[str, Page]) -> list[str]:
    """What is wrong with what else lists addresses: the map of the site, the search, and the text for machines."""
    base = _base(read)
    listed = {"sitemap.xml": [], "search/search_index.json": [], "llms.txt": []}
    for name in listed:
        text = (site / name).read_text("utf-8") if (site / name).exists() else ""
        listed[name] = [urljoin(base, link) for link in _listed(name, text)]
    findings = []
    for name, links in listed.items():
        outside = [link for link in links if name == "sitemap.xml" and not link.startswith(base)]
        findings += [f"{name}: {link} does not begin with {base}" for link in outside]
        findings += [f"{name}: {link} {wrong}" for link in links if (wrong := _wrong(site, read, base, link))]
    missing = [page for page in read if page != "404.html" and base + page not in listed["sitemap.xml"]]
    return findings + [f"sitemap.xml: {page or 'home'} is missing" for page in missing]


def _listed(name: str, text: str) -> list[str]:
    if not text:
        return []
    if name.endswith(".xml"):
        return [place.text or "" for place in ElementTree.fromstring(text).iter(LOCATION)]
    return (
        [entry["location"] for entry in json.loads(text)["docs"]]
        if name.endswith(".json")
        else LINK_OF_TEXT.findall(text)
    )


def _registered(register: Path) -> set[str]:
    return set(register.read_text("utf-8").split()) if register.exists() else set()


def _of_register(read: dict[str, Page], register: Path) -> list[str]:
    """What differs between the formulas of the site and the ids that were ever published."""
    known = _registered(register)
    here = set(_published(read))
    anchors = {f"{page}#{name}" for page in read for name in read[page].ids}
    findings = [f"{new} is not in the register yet; python3 dev.py accept adds it" for new in sorted(here - known)]
    return findings + [_renamed(lost) for lost in sorted(known - anchors)]


def _renamed(lost: str) -> str:
    name = lost.partition("#")[2]
    if name.startswith("row-"):
        return f"{lost} was renamed or removed: its formula needs an option was=, which also keeps this row's address"
    return f'{lost} was renamed or removed: give the formula was="{name}", so that links to it still arrive'


def _unread(outside: dict[str, list[str]]) -> list[str]:
    """External addresses that the weekly check would not ask, because it reads the sources."""
    asked = addresses(ROOT)
    return [
        f"{found[0] or 'home'}: the external link {address} is in no source that tests/browser/dead_links.py reads"
        for address, found in outside.items()
        if address not in asked
    ]
