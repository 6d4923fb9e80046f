"""What the server shows after an edit, with servers on small checkouts that run as `dev.py serve` runs one."""

import base64
import hashlib
import io
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zipfile
from functools import partial

import pytest

from hw.site.policy import META
from test_site import checkout

SECONDS = 90  # after which something that never shows is a failure
WAITING = '```python exec="on"\nimport pathlib, time\nwhile pathlib.Path("wait").exists():\n    time.sleep(0.1)\n```\n'


class Server:
    """A server on a checkout; a context manager, which interrupts it and looks for what it leaves behind."""

    def __init__(self, root):
        self.root, self.file = root, root / "log"

    def __enter__(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        command = [sys.executable, "-m", "hw.site", "serve", "--port", str(self.port)]
        environment = {**os.environ, "PYTHONPATH": str(self.root / "src")}
        heed = partial(signal.signal, signal.SIGINT, signal.default_int_handler)  # a shell's `&` has children ignore it
        with self.file.open("a") as log:
            self.process = subprocess.Popen(
                command, cwd=self.root, env=environment, stdout=log, stderr=log, preexec_fn=heed
            )
        self.until(lambda: "Serving" in self.log)
        return self

    def __exit__(self, *error):
        self.process.send_signal(signal.SIGINT)
        status = self.process.wait(timeout=60)
        if not any(error):
            assert status == 130
            assert "Traceback" not in self.log
            assert {path.name for path in (self.root / ".cache").iterdir()} <= {"checked_math.json"}
            running = subprocess.run(["ps", "-axo", "args"], capture_output=True, text=True).stdout
            assert str(self.root) not in running

    @property
    def log(self):
        return self.file.read_text()

    def get(self, page=""):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/{page}") as answer:
            return answer.read().decode()

    def until(self, done):
        end = time.monotonic() + SECONDS
        while not done():
            if time.monotonic() > end or self.process.poll() is not None:
                pytest.fail(f"it never happened:\n{self.log}")
            time.sleep(0.05)

    def shows(self, text, page=""):
        self.until(lambda: text in self.get(page))

    def says(self, text):
        self.until(lambda: text in self.log)

    def edit(self, page, old, new):
        path = self.root / page
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))

    def file_of(self, page):
        return next((self.root / ".cache").glob(f"*/served/{page}/index.html"))


def test_an_edited_page_shows_before_the_whole_site_is_built(tmp_path):
    first = "# First\n\nOne word and $x^2$.\n\n## Part { #part }\n"
    counting = (
        '# Home\n\n```python session="s"\ntext = open("docs/first.md").read()\n```\n\nIt has {{ s: len(text) }}.\n'
    )
    checkout(tmp_path, counting, first=first, second="# Second\n", last=f"# Last\n\n{WAITING}")
    with Server(tmp_path) as server:
        (tmp_path / "wait").touch()  # no whole build ends before this is gone
        server.edit("docs/first.md", "One word", "Two words")
        server.shows("Two words", "first/")
        server.edit("docs/first.md", "Two words", "Three <b>words</b>")
        server.edit("docs/first.md", "## Part", "## Chapter { #chapter }\n\nAnd $x^3$.\n\n## Part")
        server.edit("docs/second.md", "# Second", "# Second\n\n[A link](first.md#chapter) to what is new.")
        server.shows("to what is new", "second/")
        server.shows("Three <b>words</b>", "first/")
        assert f">{len(first)}<" in server.get()
        shown = [server.file_of(page).read_text() for page in ("first", "second")]
        (tmp_path / "wait").unlink()
        server.shows(f">{len((tmp_path / 'docs/first.md').read_text())}<")
        assert [server.file_of(page).read_text() for page in ("first", "second")] == shown
        assert server.log.count("Built in") == 2


def test_the_script_that_loads_a_page_again_is_allowed_by_its_policy(tmp_path):
    checkout(tmp_path, "# Page\n")
    with Server(tmp_path) as server:
        page = server.get()
    script = re.search(r"<script>(\s*var livereload.*?)</script>", page, re.DOTALL)[1]
    assert f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" in META.search(page)[1]


def test_a_defect_of_an_edited_page_is_named_and_the_last_good_page_stays(tmp_path):
    code = '```python exec="on" session="s"\nvalue = 3\n```\n\n```python exec="on" session="s"\nprint(value)\n```\n'
    checkout(tmp_path, "# Home\n", first=f"# First\n\nGood.\n\n{code}", second="# Second\n\n[First](first.md#first)\n")
    with Server(tmp_path) as server:
        server.file.write_text("")
        for old, new, said in (
            ("Good.", "$\\frac{1}$", "formula must be LaTeX that KaTeX knows"),
            ("Good.", "[a link](nowhere.md)", "nowhere.md"),
            ("# First", "# Other", "contains a link 'first.md#first'"),
            ("value = 3\n", "other = 3\n", "first.md: the fence that begins 'print(value)' fails: NameError"),
            ("Good.", '```math id="free"\na = b\n```', "docs/first.md:4:"),
        ):
            server.edit("docs/first.md", old, new)
            server.says(said)
            server.says("Showing the last version")
            assert "Good." in server.get("first/")
            assert "Built" not in server.log
            server.edit("docs/first.md", new, old)
            server.says("Built first.md")
            server.file.write_text("")


def test_a_new_page_is_shown_and_a_deleted_one_is_not(tmp_path):
    checkout(tmp_path, "# Home\n", last=f"# Last\n\n{WAITING}")
    with Server(tmp_path) as server:
        (tmp_path / "docs/new.md").write_text("# Page that is new\n")
        server.until(lambda: "Page that is new" in server.get())  # in the navigation
        assert "Page that is new" in server.get("new/")
        (tmp_path / "docs/new.md").unlink()
        server.until(lambda: "Page that is new" not in server.get())
        with pytest.raises(urllib.error.HTTPError, match="404"):
            server.get("new/")
        (tmp_path / "wait").touch()
        server.edit("docs/index.md", "# Home", "# Home that changes")
        server.shows("Home that changes")  # and a whole build is running when the server is interrupted


def test_after_an_edit_of_the_library_no_page_shows_old_values(tmp_path):
    page = '# Page\n\n```python session="s" exec="on"\nfrom hw.masks import mask\n```\n\nKind {{ s: mask(\'A\', 1) }}\n'
    checkout(tmp_path, page)
    with Server(tmp_path) as server:
        assert ">((0,),)<" in server.get()
        address = re.search(r"pip install (http\S+\.whl)</code>", server.get())[1]
        wheel = zipfile.ZipFile(io.BytesIO(urllib.request.urlopen(address).read()))
        assert {"hw/masks.py", "hw/site/theme/main.html"} <= set(wheel.namelist())
        server.edit("src/hw/masks.py", "last = center +", "last = center + 1 +")
        server.edit("docs/index.md", "Kind", "Sort")
        server.shows("Sort")
        assert ">((1,),)<" in server.get()
        server.edit("src/hw/masks.py", "last = center +", "last = center ++")
        server.edit("src/hw/masks.py", "def mask(", "def mask((")
        server.says("Showing the last version")
        server.edit("docs/index.md", "Sort", "Type")
        server.until(lambda: server.log.count("Showing the last version") == 2)
        assert "Sort" in server.get()
        server.edit("src/hw/masks.py", "def mask((", "def mask(")
        server.shows("Type")
        assert ">((1,),)<" in server.get()
