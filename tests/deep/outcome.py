"""What a deep gate returns; with it comes the folder of the tests, whose helpers the gates share."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["ROOT", "Outcome"]

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(1, str(ROOT / "tests"))


@dataclass(frozen=True)
class Outcome:
    """How a gate ended.

    Attributes:
        figure: A few words for the table of gates.
        findings: What is wrong; every one fails the gate.
        record: What the site's ledger shows, as JSON.
    """

    figure: str
    findings: list[str]
    record: dict[str, Any]
