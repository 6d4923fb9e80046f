import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import dead_links
import pytest
import yaml
from dead_links import Answer, addresses, ask, main, report

ROOT = Path(__file__).resolve().parent.parent.parent


class Planted(BaseHTTPRequestHandler):
    asked, released = (), threading.Event()

    def do_HEAD(self):
        type(self).asked += ((self.command, self.path, self.headers["User-Agent"]),)
        place = self.path.strip("/")
        if place == "hang":
            self.released.wait(30)
        if place == "shy" and len(self.asked) < 3:
            self.close_connection = True
        elif place.startswith("to-"):
            self.answer(301, place.removeprefix("to-"))
        elif place.startswith("head-"):
            self.answer(int(place.removeprefix("head-")) if self.command == "HEAD" else 200)
        else:
            self.answer(int(place) if place.isdigit() else 200)

    do_GET = do_HEAD

    def answer(self, status, location=None):
        self.send_response(status)
        if location:
            self.send_header("Location", f"/{location}")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@contextmanager
def planted():
    handler = type("Fresh", (Planted,), {"released": threading.Event()})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"127.0.0.1:{server.server_address[1]}/", handler
        handler.released.set()
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("place", "fate"),
    [
        ("200", "alive"),
        ("to-200", "alive"),
        ("head-405", "alive"),
        ("head-404", "alive"),
        ("shy", "alive"),
        ("404", "dead"),
        ("410", "dead"),
        ("to-404", "dead"),
        ("403", "refused"),
        ("429", "refused"),
        ("999", "refused"),
        ("500", "unclear"),
        ("to-to-to-to-to-to-to-to-to-to-to-to-200", "unclear"),
    ],
)
def test_the_fate_of_a_link_is_what_its_server_says(place, fate):
    with planted() as (host, _):
        assert ask(f"http://{host}{place}").fate == fate


def test_a_server_that_hangs_is_not_waited_for_and_not_called_dead():
    with planted() as (host, _):
        answer = ask(f"http://{host}hang", patience=0.2)  # while the server hangs, which ends with this block
    assert (answer.fate, "imed out" in answer.reason) == ("unclear", True)


def test_a_host_without_a_name_or_a_certificate_is_dead():
    assert ask("https://no-such-host.invalid/").fate == "dead"
    with planted() as (host, _):
        assert ask(f"https://{host}200").fate == "dead"


def test_robots_have_a_name_and_a_dead_link_is_asked_for_three_times():
    with planted() as (host, handler):
        ask(f"http://{host}404")
        assert [method for method, _, _ in handler.asked] == ["HEAD", "GET", "GET"]
        assert {agent for _, _, agent in handler.asked} == {dead_links.AGENT}


def sources(root, text):
    (root / "docs").mkdir()
    (root / "docs" / "page.md").write_text(text)
    return root


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[a paper](https://arxiv.org/abs/1312.6114).", "https://arxiv.org/abs/1312.6114"),
        ("<https://doi.org/10.1016/S0146-664X(72)80017-0>", "https://doi.org/10.1016/S0146-664X(72)80017-0"),
        ("(see https://a.org/b(c)), and", "https://a.org/b(c)"),
        ('url = "https://a.org/x?y=1#part"', "https://a.org/x?y=1"),
        ("**https://a.org/.** More", "https://a.org/"),
    ],
)
def test_addresses_are_read_without_the_sentence_around_them(tmp_path, text, expected):
    assert addresses(sources(tmp_path, text)) == {expected: ["docs/page.md"]}


def test_addresses_that_are_no_links_are_left_out(tmp_path):
    text = 'http://127.0.0.1:8000/ http://localhost:1/ xmlns="http://www.w3.org/2000/svg" https://example.org/a'
    assert addresses(sources(tmp_path, text)) == {}


def test_the_status_is_1_only_if_a_link_is_dead(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(dead_links, "NO_LINK", dead_links.re.compile("nothing"))
    with planted() as (host, _):
        root = sources(tmp_path, f"http://{host}200 http://{host}403 http://{host}500")
        assert main(root) == 0
        sources_of = root / "docs" / "page.md"
        sources_of.write_text(f"{sources_of.read_text()} http://{host}404")
        assert main(root) == 1
        assert f"- <http://{host}404>: status 404 (docs/page.md)" in capsys.readouterr().out


def test_a_missing_network_is_not_taken_for_dead_links(tmp_path):
    with pytest.raises(SystemExit, match="is there a network"):
        main(sources(tmp_path, "https://no-such-host.invalid/"))


def test_the_report_tells_dead_from_refused():
    found = {"http://a.org/": ["a.md", "b.md"], "http://b.org/": ["b.md"], "http://c.org/": ["b.md"]}
    answers = {"http://a.org/": Answer("dead", "status 404"), "http://b.org/": Answer("refused", "status 403")}
    assert report(found, answers | {"http://c.org/": Answer("alive")}).splitlines() == [
        "3 external links: 1 alive, 1 dead, 1 refused, 0 unclear.",
        "",
        "## Dead",
        "",
        "- <http://a.org/>: status 404 (a.md, b.md)",
        "",
        "## Refuses robots, not dead",
        "",
        "- <http://b.org/>: status 403 (b.md)",
    ]


def test_the_script_needs_the_standard_library_only():
    script = f"import sys; sys.path.insert(0, {str(Path(dead_links.__file__).parent)!r}); import dead_links"
    assert subprocess.run([sys.executable, "-I", "-S", "-c", script]).returncode == 0


def steps():
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "links.yml").read_text())
    return {step["name"]: step["run"] for step in workflow["jobs"]["links"]["steps"] if "run" in step}


def shell(folder, script, **programs):
    for name, text in programs.items():
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)
    environment = {"PATH": f"{folder}:/usr/bin:/bin", "GITHUB_OUTPUT": "output", "GITHUB_STEP_SUMMARY": "summary"}
    return subprocess.run(["bash", "-e", "-c", script], cwd=folder, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("python3", "status", "output"),
    [
        ("echo fine", 0, "status=0\n"),
        ("echo dead; exit 1", 0, "status=1\n"),
        ("echo broken >&2; exit 1", 1, "status=1\n"),
        ("echo odd; exit 2", 1, "status=2\n"),
    ],
)
def test_the_workflow_tells_dead_links_from_a_script_that_fails(tmp_path, python3, status, output):
    assert shell(tmp_path, steps()["Links"], python3=python3).returncode == status
    assert (tmp_path / "output").read_text() == output


@pytest.mark.parametrize(("known", "expected"), [("", "issue create --title Dead links"), ("7", "issue comment 7")])
def test_the_workflow_opens_one_issue_and_then_adds_to_it(tmp_path, known, expected):
    gh = f'echo "$@" >> calls; case "$2" in list) echo "{known}";; esac'
    assert shell(tmp_path, steps()["Issue"], gh=gh).returncode == 0
    assert (tmp_path / "calls").read_text().splitlines()[-1] == f"{expected} --body-file links.md"
