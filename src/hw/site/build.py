"""Building and serving the site."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from platform import python_version
from tempfile import TemporaryDirectory

from hw import __version__
from hw.site.frame import lighten
from hw.site.offline import NAME, pack
from hw.site.policy import protect
from hw.site.sharing import draw_pictures

__all__ = ["build", "serve"]

OF_THE_USER = ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")  # must not matter
WATCHED = ("docs", "src", "mkdocs.yml")


def build(root: Path, target: Path) -> None:
    """Build the site, strictly, with its wheel, its zip to read offline, and a picture and a policy for each page.

    Args:
        root: The checkout.
        target: The folder that becomes the site; replaced only when the whole build has succeeded.

    Raises:
        RuntimeError: If a page cannot be built, which MkDocs has then logged, or holds a script of its own.
    """
    from flit_core.wheel import make_wheel_in

    os.environ.update(_facts(root))
    with _scratch(root) as folder:
        os.environ.update(dict.fromkeys(OF_THE_USER, str(folder / "jupyter")))
        fresh = folder / "site"
        _build_pages(root, fresh)
        make_wheel_in(root / "pyproject.toml", fresh)
        draw_pictures(fresh)
        lighten(fresh)
        protect(fresh)
        pack(fresh)
        shutil.rmtree(target, ignore_errors=True)
        shutil.move(fresh, target)


def serve(root: Path, port: int) -> None:
    """Build the site, serve it on 127.0.0.1, and build it anew whenever a page or the library changes.

    Notebooks are shown, but do not run unless the environment has `HW_NOTEBOOKS=true`. Every build runs in a fresh
    process: one that has imported the library would go on showing its old values.

    Args:
        root: The checkout.
        port: The port to listen on.

    Raises:
        RuntimeError: If the first build fails; there is nothing to serve then.
    """
    from mkdocs.livereload import LiveReloadServer

    os.environ.setdefault("SITE_URL", f"http://127.0.0.1:{port}/")
    os.environ.setdefault("HW_NOTEBOOKS", "false")  # they would take most of the time after each change
    with _scratch(root) as folder:
        target = folder / "served"
        running: list[subprocess.Popen[bytes]] = []

        def rebuild() -> None:
            started = time.monotonic()
            running[:] = [subprocess.Popen([sys.executable, "-m", "hw.site", "build", str(target)], cwd=root)]
            if running[0].wait() == 0:
                print(f"Built in {time.monotonic() - started:.0f} s.", flush=True)
            elif target.exists():
                print("Showing the last version that could be built.", file=sys.stderr, flush=True)

        rebuild()
        if not target.exists():
            raise RuntimeError("there is nothing to serve, see above")
        server = LiveReloadServer(rebuild, "127.0.0.1", port, str(target))
        server.error_handler = lambda code: (target / "404.html").read_bytes() if code == 404 else None
        for path in WATCHED:
            server.watch(str(root / path))
        print(f"Serving http://127.0.0.1:{port}/ and building anew on every change; Ctrl-C stops.", flush=True)
        try:
            server.serve()
        finally:
            for process in running:
                _interrupt(process)
            server.shutdown()


def _interrupt(process: "subprocess.Popen[bytes]") -> None:
    """End a build that nobody waits for any more; a terminal's Ctrl-C has reached it already."""
    try:
        process.wait(timeout=1)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)  # not terminated, so that it removes its scratch folder


@contextmanager
def _scratch(root: Path) -> Iterator[Path]:
    """A folder of this process alone, since `serve` and `build` may run side by side."""
    cache = root / ".cache"
    cache.mkdir(exist_ok=True)
    with TemporaryDirectory(dir=cache) as folder:
        yield Path(folder)


def _build_pages(root: Path, target: Path) -> None:
    from click.exceptions import Abort
    from mkdocs.__main__ import cli

    arguments = ["build", "--strict", "--config-file", str(root / "mkdocs.yml"), "--site-dir", str(target)]
    try:
        cli.main(arguments, standalone_mode=False)
    except Abort:  # what click makes of Ctrl-C
        raise KeyboardInterrupt from None
    except ValueError as error:  # ours, of a formula or a computed value: MkDocs has logged it with its page
        raise RuntimeError("the site cannot be built, see above") from error
    except (Exception, SystemExit) as error:
        raise RuntimeError(f"the site cannot be built: {type(error).__name__}: {error}") from error


def _facts(root: Path) -> dict[str, str]:
    """Environment of a build: the wheel's name, when and with what the site was checked, how the tools behave."""
    versions = ", ".join(f"{name} {version(name)}" for name in ("torch", "numpy", "mkdocs-material"))
    commit = _git(root, "log", "-1", "--format=%h of %cs") or "without a commit"
    committed = _git(root, "log", "-1", "--format=%ct") or "0"
    changed = " with changes since" if _git(root, "status", "--porcelain") else ""
    return {
        "HW_WHEEL": f"hw-{__version__}-py3-none-any.whl",
        "HW_OFFLINE": NAME,
        "HW_EXPIRES": time.strftime("%Y-%m-%dT00:00:00Z", time.gmtime(int(committed) + 360 * 86_400)),
        "HW_CHECKED": f"commit {commit}{changed}, Python {python_version()}, {versions}",
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
