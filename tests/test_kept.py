"""A build that is kept, step by step within the test's process: what it answers, and with which status it ends."""

import io
import json
import logging
import os
import posixpath
import signal
import sys
import time
from collections import defaultdict
from pathlib import Path
from types import SimpleNamespace

import pytest
from markdown_exec._internal.formatters.base import ExecutionError

from hw.checked_math.document import fences as document_fences
from hw.site import kept, typeset
from hw.site.build import OF_THE_USER
from hw.site.fences import execute
from hw.site.kept import BUILT, REFUSED, UNKNOWN, _Kept

LEAVE = os._exit


class Left(BaseException):
    """The process would have ended."""


@pytest.fixture(autouse=True)
def left(monkeypatch):
    """In place of an end of this process, an error with its status; copies of the process end as ever."""
    before, process = signal.getsignal(signal.SIGTERM), os.getpid()

    def leave(status):
        if os.getpid() != process:
            LEAVE(status)
        raise Left(status)

    monkeypatch.setattr(os, "_exit", leave)
    yield
    signal.signal(signal.SIGTERM, before)


def left_with(function, *arguments):
    with pytest.raises(Left) as error:
        function(*arguments)
    return error.value.args[0]


def copy_that(does):
    """A copy of this process that does something, and ends with status 0."""
    child = os.fork()
    if child:
        return child
    try:
        does()
    finally:
        LEAVE(0)


@pytest.mark.parametrize(
    ("ends", "status", "said"),
    [
        (None, 0, ""),
        (KeyboardInterrupt(), 130, ""),
        (RuntimeError("the page is wrong"), 1, "hw.site: the page is wrong\n"),
        (ZeroDivisionError("no"), 1, "hw.site: ZeroDivisionError('no')\n"),
    ],
)
def test_a_build_ends_with_its_status(monkeypatch, capsys, tmp_path, ends, status, said):
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    calls, forgets, plugins = [], [], []

    def build(root, target, plugin):
        plugins.append(plugin)
        calls.append((root, target, signal.getsignal(signal.SIGTERM)))
        plugin.say("an answer")
        if ends:
            raise ends

    with monkeypatch.context() as patch:
        patch.setattr(kept, "build", build)
        patch.setattr(kept.fences_run, "_run_python", None)
        patch.setattr(kept.computed, "execute", None)
        patch.setattr(os, "dup", {1: writing}.__getitem__)
        patch.setattr(os, "dup2", lambda *both: calls.append(both))
        patch.setattr(os, "register_at_fork", lambda **hooks: forgets.append(hooks))
        found = left_with(kept.keep, tmp_path, tmp_path / "site")
        assert kept.fences_run._run_python is plugins[0].fences
        assert kept.computed.execute == plugins[0].fences.execute
    assert found == status
    assert calls == [(2, 1), (tmp_path, tmp_path / "site", kept._interrupt)]
    assert forgets == [{"after_in_child": typeset._context.cache_clear}]
    assert os.read(reading, 100) == b"an answer\n"
    plugins[0].answers.close()
    assert capsys.readouterr().err == said
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_IGN
    os.close(reading)


def test_a_signal_interrupts_once():
    signal.signal(signal.SIGTERM, kept._interrupt)
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGTERM)
    signal.raise_signal(signal.SIGTERM)  # is ignored


def test_who_leaves_says_all_and_is_not_interrupted(monkeypatch):
    said = []
    with monkeypatch.context() as patch:
        for name in ("stdout", "stderr"):
            patch.setattr(sys, name, SimpleNamespace(flush=lambda name=name: said.append(name)))
        found = left_with(kept._leave, 7)
    assert found == 7
    assert said == ["stdout", "stderr"]
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_IGN


def test_how_a_copy_ends_is_the_outcome():
    def late():
        time.sleep(0.1)  # the outcome is waited for
        LEAVE(1)

    assert kept._outcome(copy_that(lambda: None)) == BUILT == "built"
    assert kept._outcome(copy_that(late)) == REFUSED == "refused"
    for end in (lambda: LEAVE(2), lambda: LEAVE(130), lambda: os.kill(os.getpid(), signal.SIGKILL)):
        assert left_with(kept._outcome, copy_that(end)) == 1


@pytest.fixture
def plugin(tmp_path):
    return _Kept(tmp_path, io.StringIO())


def test_mkdocs_asks_it_first_and_it_keeps_what_mkdocs_knows(plugin):
    assert _Kept.on_post_build.mkdocs_priority == 100  # what MkDocs has for the first
    plugin.on_nav("nav", config=None, files=None)
    plugin.on_env("env", config=None, files="files")
    assert (plugin.nav, plugin.env, plugin.files) == ("nav", "env", "files")


def test_the_copy_ends_the_build(plugin, monkeypatch):
    monkeypatch.setattr(os, "fork", lambda: 0)
    assert plugin.on_post_build("config") is None
    assert plugin.mkdocs == "config"
    assert plugin.answers.getvalue() == ""


def test_the_original_answers_for_the_copy_and_then_each_request(plugin, monkeypatch):
    asked, child = [], copy_that(lambda: None)
    monkeypatch.setattr(os, "fork", lambda: child)
    plugin.built = lambda *request: asked.append(request) or REFUSED
    monkeypatch.setattr(sys, "stdin", io.StringIO('[["a.md", "b.md"], "one"]\n[[], "two"]\n'))
    assert left_with(plugin.on_post_build, "config") == 0
    assert plugin.answers.getvalue() == "built\nrefused\nrefused\n"
    assert asked == [(["a.md", "b.md"], "one"), ([], "two")]


@pytest.mark.parametrize("waits", [True, False])
def test_an_original_that_is_interrupted_waits_for_its_copy(plugin, monkeypatch, waits):
    child = copy_that(lambda: time.sleep(0.1)) if waits else None
    monkeypatch.setattr(os, "fork", lambda: 1)

    def interrupted(copy):
        assert copy == 1
        raise KeyboardInterrupt

    monkeypatch.setattr(kept, "_outcome", interrupted)
    assert left_with(plugin.on_post_build, "config") == 130
    assert plugin.answers.getvalue() == ""
    if waits:
        with pytest.raises(ChildProcessError):
            os.waitpid(child, os.WNOHANG)


class Files:
    """Files as MkDocs has them: `a.md` and `b.md` make pages, `style.css` makes none."""

    def __init__(self, folder):
        self.found = {name: self.file(folder, name) for name in ("a.md", "b.md", "style.css")}

    def file(self, folder, name):
        page = None if name == "style.css" else SimpleNamespace(told=[])
        file = SimpleNamespace(page=page, dest_dir=str(folder), abs_dest_path="old")
        if page:
            page.file, page.validate_anchor_links = file, lambda **how: page.told.append(how)
        return file

    def get_file_from_path(self, name):
        return self.found.get(name)

    def documentation_pages(self):
        return [self.found["a.md"], self.found["b.md"]]


def test_only_files_that_make_pages_are_built(plugin, tmp_path, monkeypatch):
    plugin.files = Files(tmp_path)
    monkeypatch.setattr(os, "fork", None)
    assert plugin.page("a.md") is plugin.files.found["a.md"].page
    for names in (["gone.md"], ["a.md", "style.css"], ["style.css", "a.md"]):
        assert plugin.built(names, "folder") == UNKNOWN == "unknown"


@pytest.fixture
def known(plugin, tmp_path):
    plugin.files = Files(tmp_path)
    return plugin


def test_a_copy_that_could_build_goes_on_and_the_original_leaves(known):
    process, (reading, writing) = os.getpid(), os.pipe()
    known.build = lambda *request: os.write(writing, repr(request).encode())
    try:
        status = left_with(lambda: os.write(writing, known.built(["a.md"], "folder").encode()))
    finally:
        if os.getpid() != process:
            LEAVE(0)
    assert status == 0
    os.wait()
    os.close(writing)
    with os.fdopen(reading) as done:
        assert done.read() == f"{(['a.md'], Path('folder'))!r}{BUILT}"


def test_the_original_goes_on_where_a_copy_could_not_build(known):
    def build(names, folder):
        raise ValueError("no")

    known.build = build
    assert known.built(["a.md"], "folder") == REFUSED


@pytest.mark.parametrize("error", [None, ValueError("no"), RuntimeError("it is wrong")])
def test_what_the_copy_does(known, monkeypatch, capsys, error):
    monkeypatch.setattr(os, "fork", lambda: 0)

    def build(names, folder):
        assert (names, folder) == (["a.md"], Path("folder"))
        if error:
            raise error

    known.build = build
    if error:
        assert left_with(known.built, ["a.md"], "folder") == 1
        said = "see above" if isinstance(error, ValueError) else "RuntimeError: it is wrong"
        assert capsys.readouterr().err.startswith("hw.site: the site cannot be built")
    else:
        assert known.built(["a.md"], "folder") == BUILT
        said = ""
    assert said in capsys.readouterr().err or error


@pytest.fixture
def building(known, monkeypatch, tmp_path):
    """A plugin with a configuration of MkDocs, whose steps are written down."""
    steps = []
    monkeypatch.setattr(kept, "_populate_page", lambda page, config, files: steps.append(("populate", page)))
    monkeypatch.setattr(kept, "_build_page", lambda page, *rest: steps.append(("build", page, rest)))
    monkeypatch.setattr(kept, "lighten", lambda folder: steps.append(("lighten", folder)))
    monkeypatch.setattr(kept, "protect", lambda folder: steps.append(("protect", folder)))
    monkeypatch.setattr(kept, "checked_with", lambda root: f"checked in {root}")
    for name in OF_THE_USER:
        monkeypatch.setenv(name, "mine")
    links = SimpleNamespace(links=SimpleNamespace(anchors=logging.WARNING))
    plugins = SimpleNamespace(on_env=lambda env, config, files: (env, config, files))
    known.mkdocs = SimpleNamespace(site_dir="old", extra={}, plugins=plugins, validation=links)
    known.nav, known.env, known.steps = "nav", "env", steps
    return known


def test_pages_are_built_into_a_folder_and_every_link_is_looked_at(building, tmp_path):
    folder, config, files = tmp_path / "fresh", building.mkdocs, building.files
    (folder / "b").mkdir(parents=True)
    (folder / "b/index.html").write_text('<link rel="stylesheet" href="../assets/css/site.css">')
    kept.fences_run._sessions_globals["old"] = {}
    kept.fences_run._sessions_counter["old"] = 1
    building.build(["b.md"], folder)
    page, env = files.found["b.md"].page, ("env", config, files)
    documents = files.documentation_pages()
    assert building.steps == [
        ("populate", page),
        ("build", page, (config, documents, "nav", env)),
        ("lighten", folder),
        ("protect", folder),
    ]
    assert not kept.fences_run._sessions_globals
    assert not kept.fences_run._sessions_counter
    assert (config.site_dir, config.extra) == (str(folder), {"checked": f"checked in {building.root}"})
    assert {os.environ[name] for name in OF_THE_USER} == {str(folder / "jupyter")}
    assert vars(page.file).keys() == {"page", "dest_dir"}
    assert [files.found[name].dest_dir for name in ("a.md", "b.md")] == [str(tmp_path), str(folder)]
    assert [file.page.told for file in documents] == [[{"files": files, "log_level": logging.WARNING}]] * 2
    assert (folder / "assets/css/site.css").read_text() == ""


@pytest.fixture
def fences(monkeypatch):
    """Runs fences as a build does; what runs is written down."""
    ran, run = [], kept.fences_run._run_python
    monkeypatch.setattr(kept.fences_run, "_sessions_globals", defaultdict(dict))
    monkeypatch.setattr(kept.fences_run, "_sessions_counter", defaultdict(int))
    monkeypatch.setattr(
        kept.fences_run, "_run_python", lambda code, *rest, **more: ran.append(code) or run(code, *rest, **more)
    )
    made = kept._Fences()

    def built(*codes):
        """Build a page of fences, each with its session; return what they print, and which of them ran."""
        made.begin()
        ran.clear()
        return [made(code, None, session=session, id="") for session, code in codes], [*ran]

    built.names = kept.fences_run._sessions_globals
    return built


def test_a_fence_alone_in_its_session_is_run_once_as_long_as_it_is_what_it_was(fences):
    one, other = "import random\nn = random.random()\nprint(n)", "print(2)"
    first, ran = fences(("a", one), ("b", other))
    assert ran == [one, other]
    assert fences(("a", one), ("b", "print(3)")) == ([first[0], "3\n"], ["print(3)"])
    assert fences.names["a"]["n"] == float(first[0])
    assert fences(("a", one), ("b", "print(3)")) == ([first[0], "3\n"], [])
    assert fences(("a", one + " "), ("b", "print(3)"))[1] == [one + " "]
    assert fences(("b", "print(3)")) == (["3\n"], [])
    assert fences(("a", one), ("b", "print(3)"))[1] == [one]


def test_fences_of_one_session_are_run_together(fences):
    whole = ("a", "n = 1"), ("a", "n += 1"), ("a", "print(n)")
    for _ in range(3):
        assert fences(*whole) == (["", "", "2\n"], [code for _, code in whole])
    assert fences(whole[0]) == ([""], ["n = 1"])
    assert fences(*whole) == (["", "", "2\n"], ["n += 1", "print(n)"])  # the names are those after the first
    assert fences(whole[0], whole[2])[0] == ["", "1\n"]


def test_a_fence_is_run_for_its_values_once_as_long_as_it_is_what_it_was(monkeypatch):
    ran, made = [], kept._Fences()
    monkeypatch.setattr(kept, "execute", lambda fence: ran.append(fence.code) or execute(fence))
    page = '```python session="{0}"\n{1}\n```\n'
    for code, times in (
        ("n = object()", 1),
        ("n = object()", 1),
        ("n = 2", 2),
        ("n = object()", 2),
        ("n = 'docs/a.md'", 3),
    ):
        (fence,) = document_fences(page.format("a", code))
        assert made.execute(fence)[0]["n"] is made.left[fence.code][0]["n"]
        assert len(ran) == times
    made.execute(fence)
    assert len(ran) == 4  # for it may read a page


def test_what_an_edited_fence_no_longer_defines_is_gone(fences):
    fences(("a", "n = 1"))
    with pytest.raises(ExecutionError, match="name 'n' is not defined"):
        fences(("a", "print(n)"))
    assert fences(("a", "n = 1")) == ([""], ["n = 1"])


@pytest.mark.parametrize("fence", [("", "print(1)"), (None, "print(1)"), ("a", "print(1) # docs/a.md")])
def test_a_fence_without_a_session_or_that_may_read_pages_is_run_each_time(fences, fence):
    for _ in range(2):
        assert fences(fence) == (["1\n"], [fence[1]])


def test_a_warning_refuses_the_pages(building, tmp_path):
    log, handlers = logging.getLogger("mkdocs.structure"), [*logging.getLogger("mkdocs").handlers]
    page = building.files.found["a.md"].page
    page.validate_anchor_links = lambda **how: log.log(page.level, "a link leads nowhere")
    page.level = logging.INFO
    building.build(["b.md"], tmp_path)
    page.level = logging.WARNING
    with pytest.raises(ValueError, match=r"^a warning is an error$"):
        building.build(["b.md"], tmp_path)
    assert [step[0] for step in building.steps[-2:]] == ["populate", "build"]
    assert logging.getLogger("mkdocs").handlers == handlers


def test_empty_sheets_stand_for_those_of_the_site(tmp_path):
    links = ["../../assets/a.css", "b.css", "../../assets/a.css"]
    page = tmp_path / "one/two/index.html"
    page.parent.mkdir(parents=True)
    page.write_text("".join(f'<link rel="stylesheet" href="{link}">' for link in links))
    for _ in range(2):
        kept._stand_ins(page)
    for link in links:
        assert Path(posixpath.normpath(page.parent / link)).read_bytes() == b""


def test_a_request_is_a_line_of_json(known, monkeypatch):
    """What the server writes is what a kept build reads."""
    from hw.site.serving import _Build

    sent = io.BytesIO()
    build = _Build.__new__(_Build)
    build.process = SimpleNamespace(stdin=sent, stdout=io.BytesIO(b"built\n"))
    assert build.pages(["a.md", "é.md"], Path("fresh")) == BUILT
    assert sent.getvalue().count(b"\n") == 1
    assert json.loads(sent.getvalue()) == [["a.md", "é.md"], "fresh"]
