"""The way out: Zensical, which follows Material for MkDocs, builds the question pages from the same files.

It is installed for this gate only, outside of the project's environment. Where it cannot be installed the gate is
skipped, which the table of gates and the ledger say.
"""

import os
import re
import shutil
import subprocess
import sys
from html import unescape
from pathlib import Path
from tempfile import TemporaryDirectory

from outcome import ROOT, Outcome

__all__ = ["check", "content", "differences"]

VERSION = "0.0.73"  # the newest that is whole: 0.1 lacks its package of templates
COPIED = ("docs", "src", "tests", "benchmarks", "mkdocs.yml", "pyproject.toml", "README.md", "LICENSE", ".cache")
LEFT_OUT = shutil.ignore_patterns("node_modules", "__pycache__", "tmp*")
QUESTIONS = re.compile(r"^      - .*: (\w+)\.md$", re.MULTILINE)
KINDS = {
    "formulas": r'<annotation encoding="application/x-tex">(.*?)</annotation>',
    "computed values": r'<span class="computed"[^>]*>(.*?)</span>',
    "snippets": r"<pre\b[^>]*>(.*?)</pre>",
    "figures": r'<svg\b[^>]*?aria-label="([^"]+)"',
    "headings": r'<h[1-3]\b[^>]*? id="([^"]+)"',
    "marks": r'<details class="mark\b[^>]*><summary>(.*?)</summary>',
}


def check() -> Outcome:
    """Build the site by Zensical, and compare the question pages with those of `dev.py site`."""
    site = ROOT / "site"
    if not site.exists():
        return Outcome("could not run", ["site/ is wanting: run `python3 dev.py site` first"], {})
    with TemporaryDirectory() as folder:
        library, checkout = Path(folder, "library"), Path(folder, "checkout")
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(library), f"zensical=={VERSION}"]
        if (run := subprocess.run(pip, capture_output=True, text=True)).returncode:
            reason = (run.stderr.strip().splitlines() or ["pip says nothing"])[-1]
            return Outcome("skipped, Zensical cannot be installed", [], {"skipped": reason})
        checkout.mkdir()
        for name in COPIED:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, checkout / name, ignore=LEFT_OUT)
            elif (ROOT / name).exists():
                shutil.copy(ROOT / name, checkout)
        paths = os.pathsep.join(map(str, (library, checkout / "src")))
        environment = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
        build = [sys.executable, "-m", "zensical", "build", "--strict"]
        run = subprocess.run(build, cwd=checkout, env=environment, capture_output=True, text=True)
        if run.returncode:
            return Outcome("fails", [f"Zensical: {(run.stderr.strip().splitlines() or ['no message'])[-1]}"], {})
        return compared(site, checkout / "site")


def compared(site: Path, other: Path) -> Outcome:
    """Compare the question pages of two sites."""
    pages = QUESTIONS.findall(
        re.search(r"- Questions:\n((?:      - .*\n)+)", (ROOT / "mkdocs.yml").read_text("utf-8"))[1]
    )
    findings, counts = [], dict.fromkeys(KINDS, 0)
    for page in pages:
        path = other / page / "index.html"
        if not path.exists():
            findings.append(f"{page}: Zensical makes no such page")
            continue
        ours, theirs = (content((folder / page / "index.html").read_text("utf-8")) for folder in (site, other))
        findings += [f"{page}: {difference}" for difference in differences(ours, theirs)]
        for kind, found in theirs.items():
            counts[kind] += len(found)
    return Outcome(
        f"{len(pages)} pages by Zensical {VERSION}", findings, {"version": VERSION, "pages": len(pages), **counts}
    )


def content(html: str) -> dict[str, list[str]]:
    """What a page shows, by kind, as text."""
    found = {kind: re.findall(pattern, html, re.DOTALL) for kind, pattern in KINDS.items()}
    return {
        kind: [" ".join(unescape(re.sub(r"<[^>]*>", "", text)).split()) for text in texts]
        for kind, texts in found.items()
    }


def differences(ours: dict[str, list[str]], theirs: dict[str, list[str]]) -> list[str]:
    """How the content of a page differs from ours, a line for each kind."""
    found = []
    for kind, wanted in ours.items():
        got = theirs[kind]
        if not wanted and kind in ("formulas", "headings"):
            found.append(f"has no {kind}")
        if got != wanted:
            pairs = (f"{one!r} in place of {other!r}" for one, other in zip(got, wanted, strict=False) if one != other)
            found.append(f"{kind}: {next(pairs, f'{len(got)} in place of {len(wanted)}')}")
    return found
