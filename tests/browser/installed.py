"""An environment with what a page says to install, and nothing else.

The wheel is installed by pip. What it depends on is linked out of the environment that runs this, since PyTorch alone
would be a large download each time.
"""

import subprocess
import sys
from collections.abc import Iterable
from importlib.metadata import Distribution, PackageNotFoundError, distribution, distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

__all__ = ["NotInstalled", "closure", "environment"]


class NotInstalled(Exception):
    """A page names a package that is not here to be linked."""


def environment(folder: Path, wheel: Path, packages: Iterable[Distribution]) -> Path:
    """Make an environment.

    Args:
        folder: Where it is to lie; must not exist.
        wheel: What is installed in it.
        packages: What is linked into it.

    Returns:
        The path of its interpreter.
    """
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / "bin" / "python"
    options = ["--no-deps", "--no-index", "--quiet", "--disable-pip-version-check", "--no-cache-dir"]
    subprocess.run([sys.executable, "-m", "pip", "--python", str(python), "install", *options, str(wheel)], check=True)
    (libraries,) = folder.glob("lib/python*/site-packages")
    for package in packages:
        for top in sorted({file.parts[0] for file in package.files or []} - {"..", "__pycache__"}):
            (libraries / top).symlink_to(package.locate_file(top))
    return python


def closure(wheel: Path, named: Iterable[str], extras: Iterable[str] = ()) -> dict[str, Distribution]:
    """Find what pip would install besides a wheel.

    Args:
        wheel: What is installed.
        named: Requirements that are installed with it; its own name may be among them.
        extras: The extras of the wheel that are asked for.

    Returns:
        Distributions by name.

    Raises:
        NotInstalled: If one of them is not here.
    """
    (itself,) = distributions(path=[str(wheel)])
    found: dict[str, Distribution] = {canonicalize_name(itself.metadata["Name"]): itself}
    asked = [*_required(itself, set(extras)), *map(Requirement, named)]
    _collect(asked, found, set())
    return dict(sorted(found.items()))


def _required(package: Distribution, extras: set[str]) -> list[Requirement]:
    """What a distribution depends on, as its metadata have it, with some extras."""
    known = map(Requirement, package.requires or [])
    contexts = [{"extra": extra} for extra in ("", *extras)]
    return [one for one in known if not one.marker or any(map(one.marker.evaluate, contexts))]


def _collect(asked: Iterable[Requirement], found: dict[str, Distribution], done: set[str]) -> None:
    for requirement in asked:
        name, key = canonicalize_name(requirement.name), f"{requirement.name}{sorted(requirement.extras)}"
        if key in done:
            continue
        done.add(key)
        try:
            found[name] = found[name] if name in found else distribution(name)
        except PackageNotFoundError:
            raise NotInstalled(f"{name} is not installed here") from None
        _collect(_required(found[name], requirement.extras), found, done)
