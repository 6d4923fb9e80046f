"""The gate `markup`: html-validate reads every page as it was built, and no sentence shows LaTeX."""

import json
import re
from collections import defaultdict
from html.parser import HTMLParser
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from browsing import Missing, Result, file_of, pages, run_node

__all__ = ["OFF", "check", "unset"]

PRESETS = ["html-validate:recommended", "html-validate:document", "html-validate:a11y"]
OFF = {
    "doctype-style": "Material writes <!doctype html> in lower case, which is as valid",
    "input-missing-label": "Material's toggles are unseen, with icons as labels; axe judges every input that is seen",
    "no-inline-style": "KaTeX places the parts of a formula by inline styles",
    "no-trailing-whitespace": "templates leave blanks behind, and no reader sees them",
    "prefer-tbody": "the tables of numbered code have none, and every parser adds it",
    "wcag/h32": "Material's search and choice of scheme act at once, and have nothing to submit",
}
RULES: dict[str, Any] = {
    "require-sri": ["error", {"target": "crossorigin"}],
    "valid-id": ["error", {"relaxed": True}],  # HTML allows the ids of Material, which begin with underscores
}
COMMAND = re.compile(r"\\[a-zA-Z]+")
CODE = ("code", "pre", "annotation", "script", "style", "textarea")


def check(site: Path) -> Result:
    """Validate every page of a built site, all in one process."""
    read = pages(site)
    places: defaultdict[str, list[str]] = defaultdict(list)
    for report in _validated(site):
        page = Path(report["filePath"]).relative_to(site.resolve()).as_posix().removesuffix("index.html") or "home"
        for message in report["messages"]:
            places[f"{message['message']} [{message['ruleId']}]"].append(f"{page}: line {message['line']}")
    for page in read:
        for number, command in unset(file_of(site, page).read_text("utf-8")):
            places[f"{command} is shown as it is written"].append(f"{page or 'home'}: line {number}")
    return Result(f"{len(read)} pages, {len(OFF)} rules off", [_folded(what, where) for what, where in places.items()])


def unset(page: str) -> list[tuple[int, str]]:
    """Return the commands of LaTeX that a page shows outside of code, with their lines."""
    reader = _Prose()
    reader.feed(page)
    return reader.commands


class _Prose(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.code = 0
        self.commands: list[tuple[int, str]] = []

    def handle_starttag(self, tag: str, _: object) -> None:
        self.code += tag in CODE

    def handle_endtag(self, tag: str) -> None:
        self.code -= tag in CODE

    def handle_data(self, data: str) -> None:
        if not self.code:
            self.commands += [(self.getpos()[0], command) for command in COMMAND.findall(data)]


def _validated(site: Path) -> list[dict[str, Any]]:
    """Return html-validate's reports; it ends before a pipe has taken all of them, so that they go to a file."""
    files = [str(path) for path in sorted(site.resolve().rglob("*.html"))]
    with TemporaryDirectory() as folder:
        rules, reports = Path(folder, "rules.json"), Path(folder, "reports.json")
        rules.write_text(json.dumps({"root": True, "extends": PRESETS, "rules": dict.fromkeys(OFF, "off") | RULES}))
        arguments = ["--config", str(rules), "--formatter", f"json={reports}", *files]
        done = run_node("html-validate/bin/html-validate.mjs", *arguments)
        if not reports.exists():
            raise Missing(f"html-validate did not run: {(done.stderr or done.stdout).strip()[:300]}")
        return json.loads(reports.read_text("utf-8"))


def _folded(what: str, where: list[str]) -> str:
    """A finding in a line: its first place, and how many more there are on how many pages."""
    if len(where) == 1:
        return f"{where[0]}: {what}"
    count = len({place.partition(":")[0] for place in where})
    return f"{where[0]}: {what}, {len(where)} times on {count} page{'s' if count > 1 else ''}"
