"""Ask every address on other hosts whether it is still there: `python3 tests/browser/dead_links.py`.

Reads the sources, so that no site needs to be built. Standard library only, for the weekly workflow installs nothing.
Prints a report in Markdown; the exit status is 1 when a link is dead.
"""

import re
import socket
import ssl
import sys
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urldefrag
from urllib.request import Request, urlopen

__all__ = ["Answer", "addresses", "ask", "main", "report"]

ROOT = Path(__file__).resolve().parent.parent.parent
SOURCES = (
    "README.md",
    "mkdocs.yml",
    "docs/**/*.md",
    "docs/**/*.toml",
    "docs/**/*.py",
    "src/hw/**/*.py",
    "src/hw/**/*.html",
)
ADDRESS = re.compile(r"https?://[^\s<>\"'`\\{}|^]+")
NO_LINK = re.compile(r"https?://(127\.0\.0\.1|localhost|www\.w3\.org/(2000|1999|1998)/|[\w.]*\bexample\b)")
GONE = (404, 410)
REFUSED = (401, 403, 405, 406, 429, 999)
PATIENCE = 20  # seconds
THREADS = 8
AGENT = "Mozilla/5.0 (compatible; weekly link check)"


@dataclass(frozen=True)
class Answer:
    """What became of a question: `fate` is one of alive, dead, refused (robots are; readers may not be), unclear."""

    fate: str
    reason: str = ""


def main(root: Path = ROOT) -> int:
    """Ask every address of the sources, print the report, and return the exit status."""
    found = addresses(root)
    with ThreadPoolExecutor(THREADS) as pool:
        answers = dict(zip(found, pool.map(ask, found), strict=True))
    if all(answer.fate in ("dead", "unclear") for answer in answers.values()):
        sys.exit("dead_links.py: nobody answers; is there a network?")
    print(report(found, answers))
    return int(any(answer.fate == "dead" for answer in answers.values()))


def addresses(root: Path) -> dict[str, list[str]]:
    """Return the addresses on other hosts that the sources name, without fragments, each with its files.

    Args:
        root: The checkout.

    Returns:
        Files by address, sorted.
    """
    found: defaultdict[str, list[str]] = defaultdict(list)
    for path in sorted({path for pattern in SOURCES for path in root.glob(pattern)}):
        matches = map(_bare, ADDRESS.findall(path.read_text("utf-8")))
        for address in sorted({address for address in matches if not NO_LINK.match(address)}):
            found[address].append(path.relative_to(root).as_posix())
    return {address: found[address] for address in sorted(found)}


def ask(address: str, patience: float = PATIENCE) -> Answer:
    """Ask for an address: its head, then the whole of it, and once more if nobody answers."""
    answer = Answer("unclear")
    for method in ("HEAD", "GET", "GET"):
        answer = _asked(method, address, patience)
        if answer.fate == "alive" or (answer.fate, method) == ("refused", "GET"):
            return answer
    return answer


def report(found: dict[str, list[str]], answers: dict[str, Answer]) -> str:
    """Return what was found as Markdown: dead links first, then those that a person should look at."""
    fates = [answer.fate for answer in answers.values()]
    counts = ", ".join(f"{fates.count(fate)} {fate}" for fate in ("alive", "dead", "refused", "unclear"))
    lines = [f"{len(found)} external links: {counts}."]
    for fate, title in (
        ("dead", "Dead"),
        ("unclear", "No clear answer this time"),
        ("refused", "Refuses robots, not dead"),
    ):
        which = [address for address, answer in answers.items() if answer.fate == fate]
        rows = [f"- <{address}>: {answers[address].reason} ({', '.join(found[address])})" for address in which]
        lines += ["", f"## {title}", "", *rows] if rows else []
    return "\n".join(lines)


def _bare(address: str) -> str:
    """An address without fragment, and without what the sentence around it added."""
    address = urldefrag(address).url
    while address.endswith((".", ",", ";", ":", "*", "_", "!", "?", "]")) or _unbalanced(address):
        address = address[:-1]
    return address


def _unbalanced(address: str) -> bool:
    return address.endswith(")") and address.count(")") > address.count("(")


def _asked(method: str, address: str, patience: float) -> Answer:
    request = Request(
        quote(address, safe=":/?#[]@!$&'()*+,;=%~"), headers={"User-Agent": AGENT, "Accept": "*/*"}, method=method
    )
    return _told(lambda: urlopen(request, timeout=patience).close())


def _told(question: Callable[[], None]) -> Answer:
    """What an answer, or its absence, says of an address."""
    try:
        question()
    except HTTPError as error:
        error.close()
        fate = "dead" if error.code in GONE else "refused" if error.code in REFUSED else "unclear"
        return Answer(fate, f"status {error.code}")
    except URLError as error:
        broken = isinstance(error.reason, (socket.gaierror, ssl.SSLError))
        return Answer("dead" if broken else "unclear", f"{error.reason}")
    except (OSError, HTTPException) as error:
        return Answer("unclear", f"{type(error).__name__}: {error}")
    return Answer("alive")


if __name__ == "__main__":
    sys.exit(main())
