"""Copies of the checkout, for what must not depend on this one."""

import shutil
import subprocess
from pathlib import Path

__all__ = ["ROOT", "copied"]

ROOT = Path(__file__).resolve().parent.parent


def copied(target: Path, *more: str) -> None:
    """Copy what git has or would take, and its history; `more` names paths that git ignores."""
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    for name in [*filter(None, names), *more]:
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    shutil.copytree(ROOT / ".git", target / ".git")
