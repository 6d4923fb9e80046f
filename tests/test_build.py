"""A build step by step within the process of the test, and the command line that starts it."""

import logging
import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from platform import python_version
from types import SimpleNamespace

import pytest
from mkdocs.plugins import BasePlugin

from hw import __version__
from hw.site import __main__ as command
from hw.site import build as building
from hw.site import failing_fence, printed_anchors
from hw.site.build import OF_THE_USER, build, checked_with, failures_named, scratch
from hw.site.offline import WHY, pack, static_form
from hw.site.policy import policy, protect


@pytest.fixture
def environment(monkeypatch):
    """The environment, in which a build puts what it likes."""
    before = dict(os.environ)
    yield os.environ
    os.environ.clear()
    os.environ.update(before)


# ---- the command line ----


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Runs the command with tasks that are stood in for."""
    monkeypatch.chdir(tmp_path)
    called = []

    def run(*arguments, ends=None):
        def task(name):
            def do(*given):
                called.append((name, *given))
                if ends:
                    raise ends

            return do

        for name in ("build", "keep", "serve"):
            monkeypatch.setattr(command, name, task(name))
        monkeypatch.setattr(sys, "argv", ["hw.site", *arguments])
        called.clear()
        return command.main()

    run.called, run.root = called, Path.cwd()
    return run


@pytest.mark.parametrize(
    ("arguments", "called"),
    [
        (["build"], ("build", "site")),
        (["build", "there"], ("build", "there")),
        (["serve"], ("serve", 8000)),
        (["serve", "--port", "81"], ("serve", 81)),
        (["keep", "there"], ("keep", Path("there"))),
    ],
)
def test_each_task_gets_the_checkout_and_what_it_is_about(run, arguments, called):
    task, about = called
    assert run(*arguments) == 0
    assert run.called == [(task, run.root, run.root / about if task == "build" else about)]


@pytest.mark.parametrize("task", ["build", "serve"])
def test_what_fails_is_told_in_a_line(run, capsys, task):
    for error in (RuntimeError("no such page"), OSError("no such page")):
        assert run(task, ends=error) == 1
        assert capsys.readouterr() == ("", "hw.site: no such page\n")
    assert run(task, ends=KeyboardInterrupt()) == 130
    assert capsys.readouterr() == ("", "")
    with pytest.raises(ZeroDivisionError):  # a mistake of ours is shown with its place
        run(task, ends=ZeroDivisionError())


@pytest.mark.parametrize("arguments", [[], ["bild"], ["serve", "--port", "x"], ["serve", "8000"], ["keep"]])
def test_what_is_no_task_is_refused(run, capsys, arguments):
    with pytest.raises(SystemExit, match=r"^2$"):
        run(*arguments)
    assert run.called == []
    said = capsys.readouterr().err
    assert said.startswith("usage: python -m hw.site ")
    assert "{build,serve}" in said or "serve" in arguments or "keep" in arguments


def test_help_names_the_tasks_of_a_reader_alone(run, capsys):
    with pytest.raises(SystemExit, match=r"^0$"):
        run("--help")
    said = capsys.readouterr().out
    assert "build the site" in said
    assert "serve it on 127.0.0.1" in said
    assert "keep" not in said


# ---- a build ----


@pytest.fixture
def steps(monkeypatch, tmp_path, environment):
    """The steps of a build, stood in for and written down, with the environment at its beginning."""
    happened = []

    def pages(root, fresh, plugin):
        happened.append((root, plugin, {name: os.environ[name] for name in (*OF_THE_USER, "HW_WHEEL")}))
        assert fresh.is_relative_to(root / ".cache")
        fresh.mkdir()
        (fresh / "index.html").write_text("new")

    monkeypatch.setattr(building, "_build_pages", pages)
    monkeypatch.setattr("flit_core.wheel.make_wheel_in", lambda *given: happened.append(("wheel", *given)))
    for name in ("draw_pictures", "lighten", "protect", "pack"):
        monkeypatch.setattr(building, name, lambda site, name=name: happened.append((name, site)))
    return happened


def test_a_build_replaces_the_site_at_its_end(steps, tmp_path):
    target = tmp_path / "site"
    for _ in range(2):  # into a folder that is not there, and then in place of one with a page more
        steps.clear()
        build(tmp_path, target, "plugin")
        assert [path.name for path in target.iterdir()] == ["index.html"]
        (target / "old.html").touch()
    (root, plugin, environment), (_, *wheel), *rest = steps
    fresh = rest[0][1]
    assert (root, plugin, environment["HW_WHEEL"]) == (tmp_path, "plugin", f"hw-{__version__}-py3-none-any.whl")
    assert {environment[name] for name in OF_THE_USER} == {str(fresh.parent / "jupyter")}
    assert wheel == [tmp_path / "pyproject.toml", fresh]
    assert rest == [(name, fresh) for name in ("draw_pictures", "lighten", "protect", "pack")]
    assert list((tmp_path / ".cache").iterdir()) == []


@pytest.mark.parametrize("step", ["_build_pages", "lighten", "protect", "pack"])
def test_a_build_that_fails_leaves_the_site_as_it_was(steps, tmp_path, monkeypatch, step):
    def fail(*given):
        raise RuntimeError("no")

    monkeypatch.setattr(building, step, fail)
    (tmp_path / "site").mkdir()
    (tmp_path / "site/index.html").write_text("old")
    with pytest.raises(RuntimeError, match=r"^no$"):
        build(tmp_path, tmp_path / "site")
    assert (tmp_path / "site/index.html").read_text() == "old"
    assert list((tmp_path / ".cache").iterdir()) == []


def test_scratch_folders_are_empty_and_apart(tmp_path):
    with scratch(tmp_path) as one, scratch(tmp_path) as two:
        assert one != two
        for folder in (one, two):
            assert folder.parent == tmp_path / ".cache"
            assert list(folder.iterdir()) == []
    assert list((tmp_path / ".cache").iterdir()) == []


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("what is wrong"), "the site cannot be built, see above"),
        (KeyError("what"), "the site cannot be built: KeyError: 'what'"),
        (SystemExit(3), "the site cannot be built: SystemExit: 3"),
    ],
)
def test_what_ends_a_build_is_told_in_a_line(error, said):
    with pytest.raises(RuntimeError) as raised, failures_named():
        raise error
    assert str(raised.value) == said
    assert raised.value.__cause__ is error


def test_an_interrupt_is_no_failure():
    with pytest.raises(KeyboardInterrupt), failures_named():
        raise KeyboardInterrupt
    with failures_named():
        pass


@pytest.fixture
def repository(tmp_path, environment):
    """A checkout with a commit of 2 January 2000, noon in Greenwich."""
    environment.update(
        GIT_CONFIG_GLOBAL="/dev/null",
        GIT_CONFIG_SYSTEM="/dev/null",
        GIT_COMMITTER_DATE="2000-01-02T12:00:00+0000",
        GIT_AUTHOR_DATE="2000-01-01T12:00:00+0000",
    )
    root = tmp_path / "checkout"
    who = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    for arguments in (["init", "-q", str(root)], ["-C", str(root), *who, "commit", "-q", "--allow-empty", "-m", "One"]):
        subprocess.run(["git", *arguments], check=True)
    return root


def test_a_site_says_of_which_commit_it_is(repository):
    command = ["git", "-C", str(repository), "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    said = checked_with(repository)
    assert said.startswith(f"commit {commit} of 2000-01-02, Python {python_version()}, torch 2.")
    assert ", numpy 2." in said
    assert ", mkdocs-material 9." in said
    (repository / "new").touch()
    assert checked_with(repository) == said.replace(" of 2000-01-02", " of 2000-01-02 with changes since")


def test_the_facts_of_a_build_are_those_of_its_commit(repository):
    facts = building._facts(repository)
    assert facts["SOURCE_DATE_EPOCH"] == "946814400"
    assert facts["HW_EXPIRES"] == "2000-12-27T00:00:00Z"  # 360 days later, of a leap year
    assert facts["HW_CHECKED"] == checked_with(repository)
    assert facts["HW_OFFLINE"] == "hw-offline.zip"
    assert facts["HW_WHEEL"] == f"hw-{__version__}-py3-none-any.whl"
    assert (facts["OMP_NUM_THREADS"], facts["PYTHONSTARTUP"], facts["NO_MKDOCS_2_WARNING"]) == ("1", "", "1")
    assert all(isinstance(value, str) for value in facts.values())


def test_without_a_commit_or_git_a_site_can_be_built(tmp_path, monkeypatch):
    for path in (os.environ["PATH"], str(tmp_path)):
        monkeypatch.setenv("PATH", path)
        assert building._facts(tmp_path)["SOURCE_DATE_EPOCH"] == "0"
        assert building._facts(tmp_path)["HW_EXPIRES"] == "1970-12-27T00:00:00Z"
        assert checked_with(tmp_path).startswith(f"commit without a commit, Python {python_version()}, ")


@pytest.fixture
def project(tmp_path):
    """A project of MkDocs with one page, without a theme or plugins."""
    for folder in ("docs", "theme"):
        (tmp_path / folder).mkdir()
    (tmp_path / "mkdocs.yml").write_text("site_name: A\ntheme:\n  name: null\n  custom_dir: theme\nplugins: []\n")
    (tmp_path / "docs/index.md").write_text("# Page\n")
    (tmp_path / "theme/main.html").write_text("<main>{{ page.content }}</main>")
    return tmp_path


class Watching(BasePlugin):
    def __init__(self):
        self.happened = []

    def on_startup(self, *, command, dirty):
        self.happened.append(("startup", command, dirty))

    def on_post_build(self, *, config):
        self.happened.append("built")

    def on_shutdown(self):
        self.happened.append("shutdown")


def test_pages_are_built_with_a_plugin(project):
    plugin = Watching()
    building._build_pages(project, project / "fresh", plugin)
    assert plugin.happened == [("startup", "build", False), "built", "shutdown"]
    assert "Page</h1>" in (project / "fresh/index.html").read_text()
    assert not (project / "site").exists()
    building._build_pages(project, project / "other", None)
    assert (project / "other/index.html").exists()


def test_a_warning_ends_the_build(project):
    plugin = Watching()
    (project / "docs/index.md").write_text("# Page\n\n[a link](nowhere.md)\n")
    with pytest.raises(
        RuntimeError, match=r"^the site cannot be built: Abort: Aborted with 1 warnings in strict mode!"
    ):
        building._build_pages(project, project / "fresh", plugin)
    assert plugin.happened[-1] == "shutdown"


@pytest.mark.parametrize(
    ("terminal", "no_color", "plain"), [(False, "", True), (True, "", False), (True, "1", True), (False, "1", True)]
)
def test_the_log_is_plain_where_there_is_no_terminal(project, monkeypatch, capsys, terminal, no_color, plain):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal, raising=False)
    monkeypatch.setenv("NO_COLOR", no_color)
    handlers = [*logging.getLogger("mkdocs").handlers]
    lines = []

    class Formats(Watching):
        def on_startup(self, **_):
            (added,) = (each for each in logging.getLogger("mkdocs").handlers if each not in handlers)
            record = logging.makeLogRecord({"levelname": "WARNING", "levelno": 30, "msg": "a word"})
            lines.append(added.format(record))

    building._build_pages(project, project / "fresh", Formats())
    assert (lines == ["WARNING -  a word"]) == plain
    assert ("\x1b[" in lines[0]) != plain
    assert logging.getLogger("mkdocs").handlers == handlers


# ---- hooks ----


def logged(name, text, page="docs/a.md"):
    """What is left of a message that a plugin logs while a page is built."""
    failing_fence.on_page_markdown("text", page=SimpleNamespace(file=SimpleNamespace(src_uri=page)))
    record = logging.makeLogRecord({"name": name, "msg": text, "args": ()})
    assert failing_fence._shortener.filter(record)
    return record.getMessage()


def test_a_fence_that_fails_is_told_in_a_line():
    code = "\nCode block is:\n\n  x = 1\n  1 / %s\n\nOutput is:\n\n  Traceback\n  ZeroDivisionError: 100 %% of it\n\n"
    said = logged("mkdocs.plugins.markdown_exec", f"Execution failed\n{code}")
    assert said == "docs/a.md: the fence that begins 'x = 1' fails: ZeroDivisionError: 100 %% of it"
    assert logged("mkdocs.plugins.other", code) == code
    assert logged("mkdocs.plugins.markdown_exec", "another matter") == "another matter"
    assert logged("mkdocs.plugins.markdown_exec.x", code, "docs/b.md").startswith("docs/b.md: the fence that begins")


def test_the_hook_listens_to_all_that_mkdocs_prints(monkeypatch):
    handlers = [logging.StreamHandler(), logging.StreamHandler()]
    monkeypatch.setattr(logging.getLogger("mkdocs"), "handlers", handlers)
    failing_fence.on_startup(command="build", dirty=False)
    assert [handler.filters for handler in handlers] == [[failing_fence._shortener]] * 2
    assert failing_fence.on_page_markdown("# A", page=SimpleNamespace(file=SimpleNamespace(src_uri="a"))) == "# A"


@pytest.mark.parametrize("known", [None, {"old"}])
def test_what_a_fence_prints_can_be_linked_to(known):
    page = SimpleNamespace(present_anchor_ids=known)
    html = '<p id="one">1</p><svg class="a" id="two"/>id="no"'
    assert printed_anchors.on_page_content(html, page=page) == html
    assert page.present_anchor_ids == {"one", "two"} | (known or set())


# ---- what is done to a built site ----


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A built site, with what a reader takes along and what is of no use without a server."""
    files = {
        "index.html": '<a href="flows/">1</a><script src="a.js"></script>',
        "flows/index.html": '<a href="..">home</a>',
        "assets/css/site.css": "a { b: c }",
        "assets/hw-picture.svg": "<svg/>",
        "hw-1-py3-none-any.whl": "wheel",
        "404.html": "not here",
        "sitemap.xml": "map",
        "sitemap.xml.gz": "map",
        "llms.txt": "text",
        "objects.inv": "objects",
        "search/search_index.json": "{}",
        ".well-known/security.txt": "text",
        "assets/share/home.png": "picture",
        "assets/javascripts/bundle.js": "script",
        "assets/js/book.js": "script",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    return tmp_path


def test_the_zip_holds_what_needs_no_server(site):
    with zipfile.ZipFile(pack(site)) as archive:
        assert archive.namelist() == [
            "hw/assets/css/site.css",
            "hw/assets/hw-picture.svg",
            "hw/flows/index.html",
            "hw/index.html",
        ]
        assert archive.read("hw/index.html") == b'<a href="flows/index.html">1</a>'
        assert archive.read("hw/flows/index.html") == b'<a href="../index.html">home</a>'
        assert archive.read("hw/assets/css/site.css") == b"a { b: c }"
        assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_DEFLATED}


@pytest.mark.parametrize(
    ("epoch", "date"),
    [
        ("", (1980, 1, 1, 0, 0, 0)),
        ("0", (1980, 1, 1, 0, 0, 0)),
        ("315532800", (1980, 1, 1, 0, 0, 0)),
        ("315532860", (1980, 1, 1, 0, 1, 0)),
        ("946814400", (2000, 1, 2, 12, 0, 0)),
    ],
)
def test_the_zip_has_the_date_of_the_commit_and_the_same_bytes(site, monkeypatch, epoch, date):
    if epoch:
        monkeypatch.setenv("SOURCE_DATE_EPOCH", epoch)
    target = pack(site)
    assert target == site / "hw-offline.zip"
    with zipfile.ZipFile(target) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {date}
    first = target.read_bytes()
    monkeypatch.setattr(time, "time", lambda: 2e9)
    assert pack(site).read_bytes() == first


@pytest.mark.parametrize(
    ("link", "file"),
    [
        ("flows/", "flows/index.html"),
        ("../flows/#elbo", "../flows/index.html#elbo"),
        ("..", "../index.html"),
        ("../..#a", "../../index.html#a"),
        (".", "./index.html"),
        (".#a", "./index.html#a"),
        ("./", "./index.html"),
        ("#a", "#a"),
        ("a.png", "a.png"),
        ("../assets/a.css", "../assets/a.css"),
        ("https://example.org/", "https://example.org/"),
        ("mailto:a@example.org", "mailto:a@example.org"),
    ],
)
def test_links_lead_to_files(link, file):
    assert static_form(f'<a class="x" href="{link}">1</a>') == f'<a class="x" href="{file}">1</a>'
    assert static_form(f'<p title="{link}">1</p>') == f'<p title="{link}">1</p>'


def test_a_page_without_scripts_says_why():
    page = '<link rel="preload" href="a.woff2"><link href="b/"> <script>\n1</script>\n<script src="a.js"></script>'
    assert static_form(page) == '<link href="b/index.html">'
    assert (
        static_form("script-src 'self'; img-src 'self' data:") == "script-src 'self' file:; img-src 'self' file: data:"
    )
    offer = '<p class="offline">Take <a href="x.zip">it</a>\nalong.</p><p>Text</p>'
    assert static_form(offer) == f'<p class="offline">{WHY}</p><p>Text</p>'


def test_each_page_gets_its_policy(tmp_path):
    pages = {"index.html": "Text", "a/index.html": "<script>var palette=__md_get(1)</script>"}
    for name, text in pages.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f'<meta charset="utf-8"><p>{text}</p>')
    protect(tmp_path)
    for name, text in pages.items():
        meta = f'<meta http-equiv="Content-Security-Policy" content="{policy(text)}">'
        assert (tmp_path / name).read_text() == f'<meta charset="utf-8">\n      {meta}<p>{text}</p>'
    assert "sha256-" in (tmp_path / "a/index.html").read_text()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('<meta charset="utf-8"><script>own()</script>', r"page must hold no script of its own, got own\(\)"),
        ('<meta charset="utf-8"><style>a {}</style>', r"page must hold no style of its own, got a \{\}"),
        ("<p>Text</p>", '<meta charset="utf-8"> must stand in it once'),
        ('<meta charset="utf-8">' * 2, '<meta charset="utf-8"> must stand in it once'),
    ],
)
def test_a_page_without_a_policy_is_refused(tmp_path, text, said):
    (tmp_path / "a").mkdir()
    (tmp_path / "a/index.html").write_text(text)
    with pytest.raises(RuntimeError, match=f"^a/index.html: {said}"):
        protect(tmp_path)


def test_a_policy_allows_the_themes_scripts_once_and_passes_over_what_runs_nothing():
    first, second = "<script>var palette=__md_get(1)</script>", "<script>__md_scope=new URL(2)</script>"
    one, both = policy(first), policy(first + second + first)
    assert one.count("sha256-") == 1
    assert both.count("sha256-") == 2
    assert both.startswith(f"{one} 'sha256-")
    passed = '<script src="a.js"></script><script type="application/json">{}</script>'
    assert policy(passed) == policy("")
    assert policy(passed + first) == one
    long = f"<SCRIPT>{'x' * 70}</SCRIPT>"
    with pytest.raises(ValueError, match=f"^page must hold no SCRIPT of its own, got {'x' * 60}$"):
        policy(long)
