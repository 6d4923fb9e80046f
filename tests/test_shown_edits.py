"""What the server does after each edit, step by step, with builds that are stood in for; tests/test_serving.py runs it.

A stand-in for a build is a script of the shell, or an object that answers what the test has it answer.
"""

import base64
import hashlib
import os
import signal
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from hw.site import serving
from hw.site.kept import BUILT, REFUSED, UNKNOWN
from hw.site.serving import _Build, _Server, _Site, _snapshot

SEEN = {"docs/a.md": (1, 1), "docs/b.md": (1, 1), "docs/c.py": (1, 1), "src/hw/d.py": (1, 1), "mkdocs.yml": (1, 1)}


def edited(*paths):
    """The state of the files after edits."""
    return {**SEEN, **{path: (2, 1) for path in paths}}


# ---- a build in a process of its own ----


@pytest.fixture
def started(monkeypatch, tmp_path):
    """Starts a build that a script stands in for; what it is given is $1 to $4."""
    builds = []
    monkeypatch.setattr(serving, "PATIENCE", 2)

    def start(script):
        fake = tmp_path / f"fake-{len(builds)}"
        fake.write_text(f"#!/bin/sh\n{script}\n")
        fake.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(fake))
        target = tmp_path / f"target-{len(builds)}"
        target.mkdir()
        builds.append(_Build(tmp_path, target, SEEN))
        return builds[-1]

    yield start
    for build in builds:
        build.send(signal.SIGKILL)
        build.process.wait()
        build.process.stdin.close()
        build.process.stdout.close()


def test_a_build_is_told_its_folder_and_its_answers_are_read(started, tmp_path, monkeypatch):
    monkeypatch.setattr(serving, "time", SimpleNamespace(monotonic=lambda: 7.0))
    build = started('echo "$1 $2 $3 $4"; pwd; read line; echo " $line "')
    assert build.answer() == f"-m hw.site keep {build.target}"
    assert build.answer() == str(tmp_path.resolve())
    assert os.getpgid(build.process.pid) == build.process.pid  # a Ctrl-C is not for it
    assert not build.answered(within=0)
    assert build.pages(["a.md", "b.md"], tmp_path / "fresh") == f'[["a.md", "b.md"], "{tmp_path / "fresh"}"]'
    assert build.answered()
    assert build.answer() == ""
    build.process.wait()
    assert build.pages(["a.md"], tmp_path) == ""
    assert (build.seen, build.watcher) == (SEEN, None)
    assert build.began == 7.0
    build.end()  # what it could not be asked is not tried again
    assert not build.target.exists()


def test_a_build_is_asked_to_end_and_its_folder_removed(started):
    build = started('trap "echo last words; exit 0" TERM; echo ready; for i in $(seq 6000); do sleep 0.01; done')
    assert build.answer() == "ready"
    build.watcher = threading.Thread(target=lambda: None)
    build.watcher.start()
    send, sent = build.send, []
    build.send = lambda sign: sent.append(sign) or send(sign)
    build.end()
    assert build.process.returncode == 0
    assert sent == [signal.SIGTERM]
    assert build.process.stdin.closed
    assert build.process.stdout.closed
    assert not build.watcher.is_alive()
    assert not build.target.exists()
    build.interrupt()  # of one that has ended nothing is asked


def test_a_build_that_does_not_end_is_ended(started, monkeypatch):
    monkeypatch.setattr(serving, "PATIENCE", 0.05)
    build = started('trap "" TERM; echo ready; for i in $(seq 6000); do sleep 0.01; done')
    assert build.answer() == "ready"
    build.target.rmdir()  # a folder that is not there need not be removed
    build.end()
    assert build.process.returncode == -signal.SIGKILL


def test_an_interrupt_reaches_a_build_and_its_copies(started, tmp_path):
    build = started(
        "(trap 'touch copy; exit 0' TERM; echo copy; for i in $(seq 6000); do sleep 0.01; done) &\n"
        "trap 'wait; exit 3' TERM; for i in $(seq 6000); do sleep 0.01; done"
    )
    assert build.answer() == "copy"
    time.sleep(0.05)  # until the script has its trap
    build.interrupt()
    assert build.process.wait() in (3, -signal.SIGTERM)
    assert build.answer() == ""  # all that hold the pipe have ended
    assert (tmp_path / "copy").exists()


# ---- the site that is shown ----


class Fake:
    """A build whose answers are given; it has made its folder with one page for each name."""

    made = ()

    def __init__(self, root, target, seen):
        self.root, self.target, self.seen, self.began = root, target, seen, time.monotonic()
        self.did, self.watcher, self.answers, self.waiting = [], None, [BUILT], threading.Event()
        target.mkdir(parents=True)
        (target / "a.html").write_text(f"built of {len(seen)} files")
        Fake.made += (self,)
        Fake.prepare(self)

    @staticmethod
    def prepare(build):
        build.waiting.set()

    def answered(self, within=None):
        self.did.append(f"answered {within}")
        assert len(self.did) < 1000, "it asks without end"
        return self.waiting.wait(5 if within is None else within)

    def answer(self):
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def pages(self, names, folder):
        self.did.append(names)
        if self.answers[0] not in (BUILT, REFUSED):
            return self.answer()
        (folder / "sub").mkdir(parents=True)
        for name in ("a.html", "sub/b.html"):
            (folder / name).write_text("edited")
        (folder / "style.css").write_text("a { b: c }")
        return self.answer()

    def interrupt(self):
        self.did.append("interrupt")
        self.waiting.set()

    def end(self):
        self.waiting.set()
        if self.watcher:
            self.watcher.join()
        self.did.append("end")


@pytest.fixture
def files(monkeypatch):
    """The state of the files; a list of states is taken one after another, the last for good."""
    states = [SEEN]
    monkeypatch.setattr(serving, "_snapshot", lambda root: states.pop(0) if len(states) > 1 else states[0])
    return states


@pytest.fixture
def site(monkeypatch, tmp_path, files):
    monkeypatch.setattr(serving, "_Build", Fake)
    monkeypatch.setattr(serving, "OFTEN", 0.001)
    monkeypatch.setattr(Fake, "made", ())
    found = _Site(tmp_path / "root", tmp_path)
    yield found
    for build in Fake.made:
        build.end()


@pytest.fixture
def shown(site, capsys):
    """The site after its first build."""
    site.build_all()
    (site.shown / "sub").mkdir()
    capsys.readouterr()
    return site


def text_of(site, page="a.html"):
    return (site.shown / page).read_text()


def test_the_first_build_is_shown_and_kept(site, capsys):
    site.build_all()
    (build,) = Fake.made
    assert (build.root, build.target, build.seen) == (site.root, site.folder / "site-1", SEEN)
    assert text_of(site) == "built of 5 files"
    assert (site.kept, site.coming, site.seen) == (build, None, SEEN)
    assert not build.target.exists()
    assert capsys.readouterr().out == "Built in 0 s.\n"


def test_how_long_a_build_took_is_told(site, capsys, monkeypatch):
    monkeypatch.setattr(Fake, "prepare", lambda build: (build.waiting.set(), setattr(build, "began", build.began - 70)))
    site.build_all()
    assert capsys.readouterr().out == "Built in 70 s.\n"


@pytest.mark.parametrize("answer", ["", UNKNOWN, REFUSED])
def test_a_first_build_that_fails_shows_nothing(site, capsys, monkeypatch, answer):
    monkeypatch.setattr(Fake, "prepare", lambda build: (build.waiting.set(), build.answers.insert(0, answer)))
    site.build_all()
    assert not site.shown.exists()
    assert (site.kept, site.coming, Fake.made[0].did[-1]) == (None, None, "end")
    assert capsys.readouterr() == ("", "")


def test_a_later_build_that_fails_leaves_the_last_good_site(shown, capsys, monkeypatch):
    monkeypatch.setattr(Fake, "prepare", lambda build: (build.waiting.set(), build.answers.insert(0, "")))
    shown.build_all()
    assert text_of(shown) == "built of 5 files"
    assert shown.kept is Fake.made[0]
    assert "end" not in Fake.made[0].did
    assert Fake.made[1].did[-1] == "end"
    assert capsys.readouterr() == ("", "Showing the last version that could be built.\n")


def test_a_build_that_follows_takes_the_place_of_the_last(shown, files):
    files[:] = [{**SEEN, "docs/e.md": (1, 1)}]
    shown.build_all()
    first, second = Fake.made
    assert text_of(shown) == "built of 6 files"
    assert not (shown.shown / "sub").exists()
    assert shown.kept is second
    assert (first.did[-1], "end" in second.did) == ("end", False)
    assert second.target.name == "site-2"


def test_a_build_begins_anew_when_a_file_changes_meanwhile(site, files, monkeypatch):
    later = edited("docs/a.md")
    files[:] = [SEEN, SEEN, later]
    monkeypatch.setattr(Fake, "prepare", lambda build: build.waiting.set() if build.seen == later else None)
    site.build_all()
    first, second = Fake.made
    assert first.did == ["answered 0.001", "answered 0.001", "end"]
    assert (first.seen, second.seen, site.seen, site.kept) == (SEEN, later, later, second)


def test_an_edited_page_is_shown_and_then_the_whole_site(shown, files, capsys, monkeypatch):
    monkeypatch.setattr(Fake, "prepare", lambda build: None)  # the whole site waits
    files[:] = [edited("docs/a.md", "docs/c.py")]
    (first,) = Fake.made
    woken = threading.Event()
    shown.when_built = woken.set
    shown.update()
    assert first.did[-1] == ["a.md", "c.py"]
    assert (text_of(shown), text_of(shown, "sub/b.html")) == ("edited", "edited")
    assert sorted(path.name for path in shown.shown.rglob("*.*")) == ["a.html", "b.html"]
    assert not (shown.folder / "pages").exists()
    assert capsys.readouterr().out == "Built a.md, c.py in 0.0 s; the whole site follows.\n"
    assert (shown.kept, first.seen, shown.seen) == (first, files[0], files[0])
    second = shown.coming
    assert second is Fake.made[1]
    shown.update()  # nothing has changed, and the whole site is not there yet
    assert shown.coming is second
    assert second.did[-1] == "answered 0"
    assert not woken.is_set()
    second.waiting.set()
    second.watcher.join()
    assert woken.is_set()
    shown.update()
    assert (shown.kept, shown.coming, text_of(shown)) == (second, None, "built of 5 files")
    assert first.did[-1] == "end"
    shown.update()
    assert len(Fake.made) == 2


def test_what_is_said_reaches_a_file_at_once(shown, files, monkeypatch, tmp_path):
    files[:] = [edited("docs/a.md")]
    for name, answer, said in (
        ("stdout", BUILT, "Built a.md in 0.0 s; the whole site follows.\n"),
        ("stderr", REFUSED, "Showing the last version that could be built.\n"),
        ("stdout", "", "Built in 0 s.\n"),
    ):
        shown.kept.answers = [answer, BUILT]
        shown.seen = shown.kept.seen = SEEN
        with (tmp_path / "log").open("w") as log, monkeypatch.context() as patch:
            patch.setattr(sys, name, log)
            shown.update()
            assert (tmp_path / "log").read_text() == said


def test_an_edit_drops_the_build_that_is_coming(shown, files, monkeypatch):
    monkeypatch.setattr(Fake, "prepare", lambda build: None)
    woken = []
    shown.when_built = lambda: woken.append(1)
    (first,) = Fake.made
    files[:] = [edited("docs/a.md")]
    shown.update()
    second = shown.coming
    files[:] = [edited("docs/a.md", "docs/b.md")]
    shown.update()
    assert second.did[-2:] == ["interrupt", "end"]
    assert first.did[-1] == ["b.md"]  # the first page is as the kept build has it
    assert shown.coming is Fake.made[2]
    assert not woken  # by the build that was dropped


def test_a_page_that_is_refused_stays_as_it_was(shown, files, capsys):
    files[:] = [edited("docs/a.md")]
    (first,) = Fake.made
    first.answers = [REFUSED, BUILT]
    shown.update()
    assert text_of(shown) == "built of 5 files"
    assert not (shown.folder / "pages").exists()
    assert capsys.readouterr() == ("", "Showing the last version that could be built.\n")
    assert (shown.seen, first.seen, shown.coming) == (files[0], SEEN, None)
    files[:] = [edited("docs/a.md", "docs/b.md")]
    shown.update()
    assert first.did[-1] == ["a.md", "b.md"]  # the refused page again


@pytest.mark.parametrize("answer", ["", UNKNOWN])
def test_where_a_page_cannot_be_built_alone_the_whole_site_is(shown, files, answer, capsys):
    files[:] = [edited("docs/a.md")]
    (first,) = Fake.made
    first.answers = [answer]
    shown.update()
    assert (shown.kept, shown.coming) == (Fake.made[1], None)
    assert text_of(shown) == "built of 5 files"
    assert capsys.readouterr() == ("Built in 0 s.\n", "")


@pytest.mark.parametrize(
    ("changed", "pages"),
    [
        (["docs/a.md"], ["a.md"]),
        (["docs/c.py", "docs/a.md"], ["a.md", "c.py"]),
        (["docs/a.md", "src/hw/d.py"], []),
        (["mkdocs.yml"], []),
        (["src/hw/d.py"], []),
        (["docs/new.md"], []),
        (["docs/a.md", "docs/new.md"], []),
        (["docs/style.css"], []),
    ],
)
def test_pages_are_built_alone_if_nothing_else_has_changed(shown, changed, pages):
    for build in (shown, shown.kept):
        build.seen = {**SEEN, "docs/style.css": (1, 1)}
    assert shown.edited({**shown.seen, **{path: (2, 1) for path in changed}}) == pages


def test_a_page_that_is_gone_or_deep_down_or_without_a_build(shown):
    assert shown.edited({path: state for path, state in SEEN.items() if path != "docs/b.md"}) == []
    deep = {**SEEN, "docs/reference/a.md": (1, 1)}
    shown.seen = shown.kept.seen = deep
    assert shown.edited({**deep, "docs/reference/a.md": (1, 2)}) == ["reference/a.md"]
    shown.seen = SEEN  # it is new to what is shown
    assert shown.edited({**deep, "docs/reference/a.md": (1, 2)}) == []
    shown.kept = None
    assert shown.edited(edited("docs/a.md")) == []


def test_no_page_is_asked_for_where_none_was_edited(shown):
    before = [*shown.kept.did]
    assert shown.built([], edited("docs/a.md")) == ""
    assert shown.kept.did == before
    assert shown.seen == SEEN


def test_all_builds_end_with_the_site(shown, files, monkeypatch):
    monkeypatch.setattr(Fake, "prepare", lambda build: None)
    files[:] = [edited("docs/a.md")]
    woken = []
    shown.when_built = lambda: woken.append(1)
    shown.update()
    shown.end()
    assert [build.did[-1] for build in Fake.made] == ["end", "end"]
    assert shown.coming is None
    assert not woken
    _Site(shown.root, shown.folder).end()  # one that has not begun


# ---- the files ----


def test_what_is_watched(tmp_path):
    kept = ["docs/a.md", "docs/sub/b.png", "src/hw/c.py", "mkdocs.yml"]
    for name in (*kept, "docs/.hidden", "docs/a.md~", "docs/.git/x", "src/hw/__pycache__/c.pyc", "README.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    found = _snapshot(tmp_path)
    assert sorted(found) == sorted(kept)
    for name in kept:
        state = (tmp_path / name).stat()
        assert found[name] == (state.st_mtime_ns, len(name))
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/d.md").write_text("d")
    (tmp_path / "docs/linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "docs/broken.md").symlink_to(tmp_path / "nowhere")
    assert sorted(_snapshot(tmp_path)) == sorted([*kept, "docs/linked/d.md"])


# ---- the server ----


@pytest.fixture
def server(tmp_path):
    (tmp_path / "404.html").write_text("not here")
    calls = []
    found = _Server(SimpleNamespace(shown=tmp_path, update=lambda: calls.append(1)), 8123)
    found.calls = calls
    yield found
    found.server_close()


def test_the_server_shows_the_folder_of_the_site(server, tmp_path):
    server.builder()
    assert server.calls == [1]
    assert (server.server_address, server.root) == (("127.0.0.1", 8123), str(tmp_path))
    assert server.error_handler(404) == b"not here"
    assert [server.error_handler(code) for code in (403, 405, 500)] == [None] * 3


def test_the_server_is_woken(server):
    assert not server._want_rebuild
    heard = threading.Event()

    def wait():
        with server._rebuild_cond:
            waiting.set()
            server._rebuild_cond.wait_for(lambda: server._want_rebuild, timeout=5)
            heard.set()

    waiting, waiter = threading.Event(), threading.Thread(target=wait)
    waiter.start()
    waiting.wait(5)
    server.wake()
    waiter.join(2)
    assert heard.is_set()


def test_only_the_script_that_loads_a_page_again_is_allowed(server):
    policy = b"<meta content=\"default-src 'none'; script-src 'self'\">"
    page = b"<html>" + policy + b"<script>first()</script><body>script-src 'self'</body></html>"
    found = server._inject_js_into_html(page, 7)
    script = found.split(b"<script>")[2].split(b"</script>")[0]
    assert b"livereload(7, " in script
    digest = base64.b64encode(hashlib.sha256(script).digest())
    assert found.count(b"script-src 'self' 'sha256-" + digest + b"'\">") == 1
    assert found.count(b"sha256-") == 1


@pytest.fixture
def serve(monkeypatch, tmp_path):
    """Serves a site that is stood in for; what happens is written down."""
    happened, log = [], tmp_path / "log"
    for name in ("SITE_URL", "HW_NOTEBOOKS"):
        monkeypatch.delenv(name, raising=False)

    class Site:
        builds = True

        def __init__(self, root, folder):
            self.shown = folder / "served"
            assert folder.is_relative_to(root / ".cache")
            happened.append("site")

        def build_all(self):
            happened.append("build")
            if self.builds:
                self.shown.mkdir()

        def end(self):
            happened.append("end")

    class Server:
        def __init__(self, site, port):
            self.site = site
            happened.append(port)

        def watch(self, path):
            happened.append(Path(path).relative_to(tmp_path).as_posix())

        def wake(self):
            happened.append("wake")

        def serve(self):
            assert self.site.when_built == self.wake
            happened.extend(["serve", log.read_text()])
            raise KeyboardInterrupt

        def shutdown(self):
            happened.append("shutdown")

    monkeypatch.setattr(serving, "_Site", Site)
    monkeypatch.setattr(serving, "_Server", Server)
    serve = SimpleNamespace(happened=happened, site=Site, run=lambda: serving.serve(tmp_path, 8124), root=tmp_path)
    yield serve
    for name in ("SITE_URL", "HW_NOTEBOOKS"):
        os.environ.pop(name, None)


def test_serving_ends_in_order(serve, monkeypatch):
    with (serve.root / "log").open("w") as log, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", log)
        with pytest.raises(KeyboardInterrupt):
            serve.run()
    said = "Serving http://127.0.0.1:8124/ and building anew on every change; Ctrl-C stops.\n"
    expected = ["site", "build", 8124, "docs", "src", "mkdocs.yml", "wake", "serve", said, "shutdown", "end"]
    assert serve.happened == expected
    assert (os.environ["SITE_URL"], os.environ["HW_NOTEBOOKS"]) == ("http://127.0.0.1:8124/", "false")
    assert list((serve.root / ".cache").iterdir()) == []


def test_without_a_site_there_is_nothing_to_serve(serve):
    serve.site.builds = False
    os.environ["HW_NOTEBOOKS"] = "true"
    with pytest.raises(RuntimeError, match=r"^there is nothing to serve, see above$"):
        serve.run()
    assert serve.happened == ["site", "build", "end"]
    assert os.environ["HW_NOTEBOOKS"] == "true"
