"""Serving the site, and showing what is edited: a page within seconds, and then all that depends on it."""

import base64
import hashlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Thread

from mkdocs.livereload import LiveReloadServer

from hw.site.build import scratch
from hw.site.kept import BUILT, REFUSED

__all__ = ["serve"]

WATCHED = ("docs", "src", "mkdocs.yml")
PAGES = (".md", ".py")  # in docs: pages, and notebooks
OFTEN = 0.2  # seconds between two looks at the files
PATIENCE = 20  # seconds for a build to remove its scratch folder

Snapshot = dict[str, tuple[int, int]]


def serve(root: Path, port: int) -> None:
    """Build the site, serve it on 127.0.0.1, and show each edit of a page, of the library or of `mkdocs.yml`.

    An edited page is built alone and shown; the whole site is then built in the background, as the ledger and the home
    page may depend on it. After any other edit the whole site is built first. A whole build runs in a fresh process,
    since one that has imported the library would go on showing its old values, and edits of pages until the next go to
    that process. Notebooks are shown, but do not run unless the environment has `HW_NOTEBOOKS=true`.

    Args:
        root: The checkout.
        port: The port to listen on.

    Raises:
        RuntimeError: If the first build fails; there is nothing to serve then.
    """
    os.environ.setdefault("SITE_URL", f"http://127.0.0.1:{port}/")
    os.environ.setdefault("HW_NOTEBOOKS", "false")  # they would take most of the time after each change
    with scratch(root) as folder:
        site = _Site(root, folder)
        try:
            site.build_all()
            if not site.shown.exists():
                raise RuntimeError("there is nothing to serve, see above")
            server = _Server(site, port)
            site.when_built = server.wake
            for path in WATCHED:
                server.watch(str(root / path))
            server.wake()  # for what was edited before the first look
            print(f"Serving http://127.0.0.1:{port}/ and building anew on every change; Ctrl-C stops.", flush=True)
            try:
                server.serve()
            finally:
                server.shutdown()
        finally:
            site.end()


class _Server(LiveReloadServer):
    """MkDocs' server, whose script the policy of our pages would refuse."""

    def __init__(self, site: "_Site", port: int) -> None:
        super().__init__(site.update, "127.0.0.1", port, str(site.shown), polling_interval=OFTEN)
        self.error_handler = lambda code: (site.shown / "404.html").read_bytes() if code == 404 else None

    def wake(self) -> None:
        """Ask for another look at the site, as an edit does."""
        with self._rebuild_cond:
            self._want_rebuild = True
            self._rebuild_cond.notify_all()

    def _inject_js_into_html(self, content: bytes, epoch: int) -> bytes:
        page = super()._inject_js_into_html(content, epoch)
        script = page.rpartition(b"<script>")[2].partition(b"</script>")[0]
        allowed = base64.b64encode(hashlib.sha256(script).digest())
        return page.replace(b"script-src 'self'", b"script-src 'self' 'sha256-%b'" % allowed, 1)


class _Build:
    """A whole build in a process of its own, which then builds pages; see `hw.site.kept`."""

    def __init__(self, root: Path, target: Path, seen: Snapshot) -> None:
        self.began, self.target, self.seen = time.monotonic(), target, seen
        self.watcher: Thread | None = None
        command = [sys.executable, "-m", "hw.site", "keep", str(target)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "bufsize": 0}  # no rest to write at its end
        self.process = subprocess.Popen(command, cwd=root, start_new_session=True, **pipes)

    def answered(self, within: float | None = None) -> bool:
        """Whether there is an answer, or the process has ended, within some seconds."""
        return bool(select.select([self.process.stdout], [], [], within)[0])

    def answer(self) -> str:
        """The next answer; empty if the process has ended."""
        return self.process.stdout.readline().decode().strip()

    def pages(self, names: list[str], folder: Path) -> str:
        """Ask for pages, and wait for the answer."""
        try:
            self.process.stdin.write(f"{json.dumps([names, str(folder)])}\n".encode())
        except BrokenPipeError:
            return ""
        return self.answer()

    def interrupt(self) -> None:
        """Ask the process and its copies to end."""
        self.send(signal.SIGTERM)

    def end(self) -> None:
        """End the process and its copies."""
        for sign in (signal.SIGTERM, signal.SIGKILL):
            self.send(sign)
            while (ended := self.answered(PATIENCE)) and self.answer():
                pass
            if ended:
                break
        if self.watcher:
            self.watcher.join()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
        shutil.rmtree(self.target, ignore_errors=True)

    def send(self, sign: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, sign)


class _Site:
    """The site that is shown, the build that it comes from, and the one that is coming, if there is any."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.root, self.folder, self.shown = root, folder, folder / "served"
        self.seen: Snapshot = {}
        self.kept: _Build | None = None
        self.coming: _Build | None = None
        self.count = 0

    def when_built(self) -> None:
        """Called, in a thread, when a build in the background has ended."""

    def update(self) -> None:
        """Show what has been edited, or what has been built since."""
        seen = _snapshot(self.root)
        if seen == self.seen:
            if self.coming and self.coming.answered(within=0):
                self.take()
            return
        dropped, self.coming = self.coming, None
        if dropped:
            dropped.interrupt()
        answer = self.built(self.edited(seen), seen)
        if dropped:
            dropped.end()
        if answer == BUILT:
            self.begin(seen)
            self.coming.watcher = Thread(target=self.watch, args=[self.coming])
            self.coming.watcher.start()
        elif answer == REFUSED:
            _say_kept()
        else:
            self.build_all()

    def built(self, pages: list[str], seen: Snapshot) -> str:
        """Build pages alone and show them; return the answer, or nothing if the whole site is to be built."""
        if not pages:
            return ""
        began, fresh = time.monotonic(), self.folder / "pages"
        answer = self.kept.pages(pages, fresh)
        self.seen = seen
        if answer == BUILT:
            self.kept.seen = seen
            for path in fresh.rglob("*.html"):
                path.replace(self.shown / path.relative_to(fresh))
            took = time.monotonic() - began
            print(f"Built {', '.join(pages)} in {took:.1f} s; the whole site follows.", flush=True)
        shutil.rmtree(fresh, ignore_errors=True)
        return answer

    def edited(self, seen: Snapshot) -> list[str]:
        """Pages to build so that the site shows a state of the files; none if these alone would not do."""
        if not self.kept:
            return []
        before = [self.seen, self.kept.seen]
        changed = {path for old in before for path in old.keys() | seen.keys() if old.get(path) != seen.get(path)}
        pages = [Path(path) for path in sorted(changed)]
        known = all(path in old for path in changed for old in (seen, *before))
        if not known or not all(path.parts[0] == "docs" and path.suffix in PAGES for path in pages):
            return []
        return [path.relative_to("docs").as_posix() for path in pages]

    def begin(self, seen: Snapshot) -> None:
        """Begin to build the whole site."""
        self.count += 1
        self.coming = _Build(self.root, self.folder / f"site-{self.count}", seen)
        self.seen = seen

    def build_all(self) -> None:
        """Build the whole site and wait for it; begin anew whenever a file changes meanwhile."""
        self.begin(_snapshot(self.root))
        while not self.coming.answered(within=OFTEN):
            seen = _snapshot(self.root)
            if seen != self.seen:
                self.coming.end()
                self.begin(seen)
        self.take()

    def watch(self, build: _Build) -> None:
        """Wait for the answer of a build in the background, and tell of it unless the build has been dropped."""
        build.answered()
        if build is self.coming:
            self.when_built()

    def take(self) -> None:
        """Show the site that has been built and keep its build, or say that there is none."""
        build, self.coming = self.coming, None
        if build.answer() != BUILT:
            build.end()
            if self.shown.exists():
                _say_kept()
            return
        shutil.rmtree(self.shown, ignore_errors=True)
        build.target.rename(self.shown)
        if self.kept:
            self.kept.end()
        self.kept = build
        print(f"Built in {time.monotonic() - build.began:.0f} s.", flush=True)

    def end(self) -> None:
        """End all builds."""
        builds, self.coming = [self.coming, self.kept], None
        for build in filter(None, builds):
            build.end()


def _say_kept() -> None:
    print("Showing the last version that could be built.", file=sys.stderr, flush=True)


def _snapshot(root: Path) -> Snapshot:
    """When each watched file was changed, and how large it is; what editors and Python keep beside them is left out."""
    found = {}
    for path in _files(root):
        with suppress(FileNotFoundError):
            state = path.stat()
            found[path.relative_to(root).as_posix()] = state.st_mtime_ns, state.st_size
    return found


def _files(root: Path) -> Iterator[Path]:
    for name in WATCHED:
        if (root / name).is_file():
            yield root / name
        for folder, folders, files in os.walk(root / name, followlinks=True):
            folders[:] = [each for each in folders if not each.startswith((".", "__pycache__"))]
            yield from (Path(folder, file) for file in files if not file.startswith(".") and not file.endswith("~"))
