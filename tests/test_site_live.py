"""Python beside the pages: what is copied, when the snapshot is made anew, and what is said where a tool fails."""

import gzip
import json
import zipfile

import pytest

from hw.site import live

PAGE = '<p data-widget="grid"></p>'


@pytest.fixture
def made(monkeypatch):
    """What is run, instead of Node and npm."""
    runs = []

    def run(tool, arguments, failure):
        runs.append(tool)
        if tool == "node":
            *_, wheel, target = arguments
            with zipfile.ZipFile(wheel) as files, open(target, "wb") as memory:
                memory.write(b"".join(files.read(name) for name in files.namelist()))
        else:
            folder = live.Path(arguments[arguments.index("--prefix") + 1]) / "node_modules/pyodide"
            folder.mkdir(parents=True)
            for name in live.SHIPPED:
                (folder / name).write_text(name)
            (folder / "pyodide-lock.json").write_text('{"info": {"version": "1"}, "packages": {"numpy": {}}}')

    monkeypatch.setattr(live, "_run", run)
    return runs


@pytest.fixture
def root(tmp_path):
    (tmp_path / "docs/assets/katex").mkdir(parents=True)
    for name in live.KATEX:
        (tmp_path / "docs/assets/katex" / name).write_text(name)
    return tmp_path


def site(root, name="site", text="a = 1", year=2000, page=PAGE):
    folder = root / name
    (folder / "assets/katex").mkdir(parents=True)
    (folder / "index.html").write_text(page)
    with zipfile.ZipFile(folder / "hw-1-py3-none-any.whl", "w") as wheel:
        wheel.writestr(zipfile.ZipInfo("hw/a.py", (year, 1, 1, 0, 0, 0)), text)
    return folder


def test_a_site_without_widgets_gets_nothing(root, made):
    folder = site(root, page="<p>text</p>")
    live.add(root, folder)
    assert made == []
    assert not (folder / live.FOLDER).exists()


def test_a_site_with_a_widget_gets_python_its_memory_and_katex(root, made):
    folder = site(root)
    live.add(root, folder)
    names = {path.name for path in (folder / live.FOLDER).iterdir()}
    assert names == {*live.SHIPPED, "pyodide-lock.json", live.SNAPSHOT}
    lock = json.loads((folder / live.FOLDER / "pyodide-lock.json").read_text())
    assert lock == {"info": {"version": "1"}, "packages": {}}
    assert gzip.decompress((folder / live.FOLDER / live.SNAPSHOT).read_bytes()) == b"a = 1"
    assert {path.name for path in (folder / "assets/katex").iterdir()} == set(live.KATEX)


def test_the_snapshot_is_made_anew_when_the_library_changes_and_not_with_the_day(root, made):
    live.add(root, first := site(root))
    live.add(root, again := site(root, "again", year=2001))
    assert made == ["npm", "node"]
    live.add(root, site(root, "other", text="a = 2"))
    assert made == ["npm", "node", "node"]
    assert len(list((root / ".cache").glob("snapshot-*"))) == 1
    snapshots = [(folder / live.FOLDER / live.SNAPSHOT).read_bytes() for folder in (first, again)]
    assert snapshots[0] == snapshots[1]


def test_a_tool_that_fails_is_told_in_a_line_and_leaves_nothing(root):
    folder = site(root)
    missing = folder / "missing.mjs"
    with pytest.raises(RuntimeError, match=r"^hw\.live cannot be imported in Pyodide: .*Node\.js v") as told:
        live._run("node", [str(missing)], "hw.live cannot be imported in Pyodide")
    assert "\n" not in str(told.value)


def test_what_is_not_finished_is_not_kept(root):
    def make(folder):
        (folder / "half").write_text("")
        raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        live._kept(root / ".cache", "name", b"key", make)
    assert list((root / ".cache").iterdir()) == []
