"""Commands that fail, hang, print nothing or do not serve are found."""

import os
import socket
import sys

import pytest
import shown_commands
from shown_commands import complaint

SERVER = """
import http.server, signal, sys
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(b"<title>")
    def log_message(self, *_): pass
signal.signal(signal.SIGINT, signal.default_int_handler)
try:
    http.server.HTTPServer(("127.0.0.1", {port}), Page).serve_forever()
except KeyboardInterrupt:
    sys.exit({status})
"""


@pytest.mark.parametrize(
    ("program", "problem"),
    [
        ("print(1)", ""),
        ("print(1); raise SystemExit(3)", "ends with status 3: 1"),
        ("print('Traceback of nothing')", "ends with status 0: Traceback"),
        ("", "prints nothing"),
        ("import time; time.sleep(60)", "does not end in 2 s"),
    ],
)
def test_how_a_command_ends(tmp_path, program, problem):
    said = complaint(f'{sys.executable} -c "{program}"', tmp_path, dict(os.environ), longest=2)
    assert said.startswith(problem)
    assert bool(said) == bool(problem)


@pytest.mark.parametrize(
    ("status", "problem"), [(130, ""), (0, "answered: True, status 0"), (None, "answered: False, status 1")]
)
def test_what_serves_has_to_answer_and_to_stop(tmp_path, monkeypatch, status, problem):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setattr(shown_commands, "SERVED", f"http://127.0.0.1:{port}/")
    program = tmp_path / "server.py"
    program.write_text("raise SystemExit(1)" if status is None else SERVER.format(port=port, status=status))
    assert complaint(f"{sys.executable} {program} serve", tmp_path, dict(os.environ), longest=10) == problem
