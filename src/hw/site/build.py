"""Building the site."""

import logging
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from platform import python_version
from tempfile import TemporaryDirectory
from typing import Any

from hw import __version__
from hw.site import live, page_notebooks, runnable
from hw.site.frame import lighten
from hw.site.frames import carve
from hw.site.offline import NAME, pack
from hw.site.policy import protect
from hw.site.sharing import draw_pictures

__all__ = ["build", "checked_with", "failures_named", "scratch"]

OF_THE_USER = ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")  # must not matter


def build(root: Path, target: Path, plugin: Any = None) -> None:
    """Build the site, strictly, with its wheel, its zip to read offline, and a picture and a policy for each page.

    Args:
        root: The checkout.
        target: The folder that becomes the site; replaced only when the whole build has succeeded.
        plugin: A plugin of MkDocs that takes part.

    Raises:
        RuntimeError: If a page cannot be built, which MkDocs has then logged, or holds a script of its own.
    """
    from flit_core.wheel import make_wheel_in

    os.environ.update(_facts(root))
    with scratch(root) as folder:
        os.environ.update(dict.fromkeys(OF_THE_USER, str(folder / "jupyter")))
        fresh = folder / "site"
        _build_pages(root, fresh, plugin)
        make_wheel_in(root / "pyproject.toml", fresh)
        draw_pictures(fresh)
        carve(fresh)
        page_notebooks.write(root, fresh)
        runnable.mark(fresh)
        lighten(fresh)
        live.add(root, fresh)
        protect(fresh)
        pack(fresh)
        shutil.rmtree(target, ignore_errors=True)
        shutil.move(fresh, target)


@contextmanager
def scratch(root: Path) -> Iterator[Path]:
    """A folder of this process alone, since `serve` and `build` may run side by side.

    Args:
        root: The checkout.

    Yields:
        An empty folder, which is removed in the end.
    """
    cache = root / ".cache"
    cache.mkdir(exist_ok=True)
    with TemporaryDirectory(dir=cache) as folder:
        yield Path(folder)


@contextmanager
def failures_named() -> Iterator[None]:
    """Make whatever ends a build of MkDocs an error of one line.

    Raises:
        RuntimeError: In place of what MkDocs, its plugins or a page raise; of a `ValueError`, which is ours, MkDocs has
            logged the text, with the page.
    """
    try:
        yield
    except ValueError as error:
        raise RuntimeError("the site cannot be built, see above") from error
    except (Exception, SystemExit) as error:
        raise RuntimeError(f"the site cannot be built: {type(error).__name__}: {error}") from error


def checked_with(root: Path) -> str:
    """What a site was checked with: the commit, whether files have changed since, and versions."""
    versions = ", ".join(f"{name} {version(name)}" for name in ("torch", "numpy", "mkdocs-material"))
    commit = _git(root, "log", "-1", "--format=%h of %cs") or "without a commit"
    changed = " with changes since" if _git(root, "status", "--porcelain") else ""
    return f"commit {commit}{changed}, Python {python_version()}, {versions}"


def _build_pages(root: Path, target: Path, plugin: Any) -> None:
    from mkdocs.__main__ import State, _enable_warnings
    from mkdocs.commands.build import build
    from mkdocs.config import load_config

    with failures_named():
        log = State()  # it logs as MkDocs' own command line does: plainly where there is no terminal
        if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
            log.stream.setFormatter(logging.Formatter("%(levelname)-8s-  %(message)s"))
        _enable_warnings()
        config = load_config(str(root / "mkdocs.yml"), strict=True, site_dir=str(target))
        if plugin:
            config.plugins["hw.site"] = plugin
        config.plugins.on_startup(command="build", dirty=False)
        try:
            build(config)
        finally:
            config.plugins.on_shutdown()
            del log


def _facts(root: Path) -> dict[str, str]:
    """Environment of a build: the wheel's name, when and with what the site was checked, how the tools behave."""
    committed = _git(root, "log", "-1", "--format=%ct") or "0"
    return {
        "HW_WHEEL": f"hw-{__version__}-py3-none-any.whl",
        "HW_OFFLINE": NAME,
        "HW_EXPIRES": time.strftime("%Y-%m-%dT00:00:00Z", time.gmtime(int(committed) + 360 * 86_400)),
        "HW_CHECKED": checked_with(root),
        "SOURCE_DATE_EPOCH": committed,
        "NO_MKDOCS_2_WARNING": "1",
        "PYTHONSTARTUP": "",  # a notebook's kernel would run it
        "OMP_NUM_THREADS": "1",  # the snippets are small: more threads only wait for one another
    }


def _git(root: Path, *arguments: str) -> str:
    """Output of a git command; empty where there is no git or no checkout."""
    try:
        return subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True).stdout.strip()
    except OSError:
        return ""
