"""Tools that only a deep gate needs: to import this module installs them beside the project's environment.

They are cosmic-ray, whose operators make the mutants of the library, and what it is found by.
"""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from outcome import ROOT

__all__ = ["FOLDER", "provide"]

REQUIREMENTS = Path(__file__).with_name("requirements.txt")
FOLDER = ROOT / ".cache" / "tools"


def provide() -> None:
    """Install what `requirements.txt` names, if it is not there yet, and make it importable."""
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes() + sys.version.encode()).hexdigest()
    stamp = FOLDER / "stamp"
    if not stamp.exists() or stamp.read_text("utf-8") != wanted:
        shutil.rmtree(FOLDER, ignore_errors=True)
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes"]
        subprocess.run([*pip, "--target", str(FOLDER), "--requirement", str(REQUIREMENTS)], check=True)
        stamp.write_text(wanted, "utf-8")
    if str(FOLDER) not in sys.path:
        sys.path.append(str(FOLDER))


provide()
