"""A build that is kept: a process that has built the site, and then builds single pages of it anew in seconds.

Before MkDocs takes the finished build down, the process copies itself. The copy ends the build. The original keeps what
MkDocs knows of all pages, and waits. For each request it copies itself again, and that copy builds the pages asked for
with the library as it was imported, and runs their fences anew, but for those that nothing has touched. If that goes
well, the copy takes the original's place, since it knows the pages as they are now; else it ends, and has changed
nothing.
"""

import gc
import json
import logging
import os
import posixpath
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn, TextIO

from markdown_exec._internal.formatters import python as fences_run
from mkdocs.commands.build import _build_page, _populate_page
from mkdocs.plugins import BasePlugin, event_priority
from mkdocs.utils import CountHandler

from hw.checked_math.document import Fence
from hw.site import computed, page_notebooks, runnable, typeset
from hw.site.build import OF_THE_USER, build, checked_with, failures_named
from hw.site.fences import execute
from hw.site.frame import SHEET, lighten
from hw.site.frames import carve
from hw.site.policy import protect

__all__ = ["BUILT", "REFUSED", "keep"]

PAGES = "docs/"  # a fence that names it may read a page, which may have changed
BUILT, REFUSED, UNKNOWN = "built", "refused", "unknown"  # the answers; a process that ends without one has failed
INTERRUPTED = 130


def keep(root: Path, target: Path) -> NoReturn:
    """Build the site, say so on stdout, and then build pages as stdin asks, until it ends or a signal comes.

    A request is a line of JSON, the names of pages and the folder for their HTML; a line answers it. Pages that tell
    of others, such as the ledger and the home page, stay as they are, and so does the style sheet, which has only
    the rules that a page has needed: the whole build that follows sees to these.

    Args:
        root: The checkout.
        target: The folder that becomes the site.
    """
    signal.signal(signal.SIGTERM, _interrupt)
    os.register_at_fork(after_in_child=typeset._context.cache_clear)  # V8's thread is in the original alone
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a page prints is no answer
    plugin = _Kept(root, answers)
    fences_run._run_python, computed.execute = plugin.fences, plugin.fences.execute
    try:
        build(root, target, plugin)
    except KeyboardInterrupt:
        _leave(INTERRUPTED)
    except Exception as error:
        print(f"hw.site: {error if isinstance(error, RuntimeError) else repr(error)}", file=sys.stderr)
        _leave(1)
    _leave(0)


def _interrupt(*_: Any) -> None:
    """Do as after Ctrl-C, once, so that the scratch folder is removed."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt


def _leave(status: int) -> NoReturn:
    """End at once: a copy must not take down what the original still has."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _outcome(child: int) -> str:
    """Wait for a copy to end, and say how it went."""
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status not in (0, 1):
        _leave(1)
    return REFUSED if status else BUILT


class _Fences:
    """Runs fences. One that was alone in its session, and is what it was, is not run again: what it left stands."""

    def __init__(self) -> None:
        self.run = fences_run._run_python
        self.alone: dict[str, tuple[str, str]] = {}  # by session: the code of its only fence, and what it printed
        self.left: dict[str, tuple[dict[str, Any], str]] = {}  # by code: what a fence leaves that runs for its values

    def __call__(self, code: str, returncode: int | None = None, session: str | None = None, **more: Any) -> str:
        if not session:
            return self.run(code, returncode, **more)
        known, names, counts = self.alone.pop(session, None), fences_run._sessions_globals, fences_run._sessions_counter
        if counts[session]:
            return self.run(code, returncode, session, **more)
        if known and known[0] == code:
            counts[session] += 1
            printed = known[1]
        else:
            names.pop(session, None)
            printed = self.run(code, returncode, session, **more)
        if PAGES not in code:
            self.alone[session] = code, printed
        return printed

    def execute(self, fence: Fence) -> tuple[dict[str, Any], str]:
        """Run a fence for the values in sentences, if it is another than before."""
        if fence.code not in self.left or PAGES in fence.code:
            self.left[fence.code] = execute(fence)
        return self.left[fence.code]

    def begin(self) -> None:
        """Forget the names of all other sessions."""
        for session in [*fences_run._sessions_globals]:
            if session not in self.alone:
                del fences_run._sessions_globals[session]
        fences_run._sessions_counter.clear()


class _Kept(BasePlugin):
    """Takes part in a build as a plugin, since only there MkDocs shows all of what it knows."""

    def __init__(self, root: Path, answers: TextIO) -> None:
        self.root, self.answers, self.fences = root, answers, _Fences()

    def on_nav(self, nav: Any, **_: Any) -> None:
        self.nav = nav

    def on_env(self, env: Any, files: Any, **_: Any) -> None:
        self.env, self.files = env, files

    @event_priority(100)  # before the other plugins end
    def on_post_build(self, config: Any) -> None:
        self.mkdocs = config
        child = os.fork()
        if child == 0:
            return
        try:
            self.say(_outcome(child))
            for line in sys.stdin:
                self.say(self.built(*json.loads(line)))
                gc.collect()
            _leave(0)
        except KeyboardInterrupt:
            with suppress(ChildProcessError):
                os.waitpid(-1, 0)  # the signal has reached the copy too, which removes its scratch folder
            _leave(INTERRUPTED)

    def say(self, answer: str) -> None:
        print(answer, file=self.answers, flush=True)

    def built(self, names: list[str], folder: str) -> str:
        """Have a copy build pages. It returns if it could; if not, the original does."""
        if not all(self.page(name) for name in names):
            return UNKNOWN
        gc.freeze()  # the copy need not look through what there is
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                with failures_named():
                    self.build(names, Path(folder))
            except RuntimeError as error:
                print(f"hw.site: {error}", file=sys.stderr)
                _leave(1)
            os.write(writing, b".")
        os.close(writing)
        if child and os.read(reading, 1):
            _leave(0)
        os.close(reading)
        return _outcome(child) if child else BUILT

    def page(self, name: str) -> Any:
        """The page that a file makes, if it makes one."""
        file = self.files.get_file_from_path(name)
        return file and file.page

    def build(self, names: list[str], folder: Path) -> None:
        """Build pages anew, and their files only, as strictly as the whole."""
        self.fences.begin()
        warnings = CountHandler(level=logging.WARNING)
        logging.getLogger("mkdocs").addHandler(warnings)
        os.environ.update(dict.fromkeys(OF_THE_USER, str(folder / "jupyter")))
        config, pages = self.mkdocs, [self.page(name) for name in names]
        config.site_dir, config.extra["checked"] = str(folder), checked_with(self.root)
        for page in pages:
            page.file.dest_dir = str(folder)
            page.file.__dict__.pop("abs_dest_path", None)
            _populate_page(page, config, self.files)
        env = config.plugins.on_env(self.env, config=config, files=self.files)
        documents = self.files.documentation_pages()
        for page in pages:
            _build_page(page, config, documents, self.nav, env)
        for file in documents:
            file.page.validate_anchor_links(files=self.files, log_level=config.validation.links.anchors)
        logging.getLogger("mkdocs").removeHandler(warnings)
        if warnings.get_counts():
            raise ValueError("a warning is an error")
        for path in folder.rglob("*.html"):
            _stand_ins(path)
        carve(folder)
        page_notebooks.write(self.root, folder)
        runnable.mark(folder)
        lighten(folder)
        protect(folder)


def _stand_ins(path: Path) -> None:
    """Empty style sheets in place of those that a page links, which the site has."""
    for link in SHEET.findall(path.read_text("utf-8")):
        sheet = Path(posixpath.normpath(path.parent / link))
        sheet.parent.mkdir(parents=True, exist_ok=True)
        sheet.touch()
