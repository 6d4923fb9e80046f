"""The gate of licenses: of every file of the site one entry of `docs/licenses.toml` says whose it is, and how free."""

from pathlib import Path

from browsing import ROOT, Result

from hw.site.licenses import read_licenses, unlicensed

__all__ = ["check"]


def check(site: Path) -> Result:
    """Hold what is said of licenses against what is shipped."""
    works = read_licenses((ROOT / "docs/licenses.toml").read_text("utf-8"))
    return Result(f"{len(works)} works", unlicensed(site, works))
