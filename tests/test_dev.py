import ast
import importlib.metadata
import importlib.util
import inspect
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT = """
[build-system]
requires = ["flit_core"]
[project]
name = "hw"
[project.optional-dependencies]
dev = ["torch==2.13.0", "uv>=0.13"]
[tool.pytest.ini_options]
addopts = "-q"
"""
LOCKED = "babel==2.18.0 \\\n    --hash=sha256:b80b\n    # via hw (pyproject.toml)\n"

# Stands for `python -m venv`: the environment's Python is a script whose pip and uv do what a test says.
VENV = """
import pathlib, sys
if __name__ == "__main__":
    python = pathlib.Path(sys.argv[1], "bin", "python")
    python.parent.mkdir(parents=True)
    python.write_text(pathlib.Path(__file__).with_name("python.sh").read_text())
    python.chmod(0o755)
"""
PYTHON = """#!/bin/sh
fakes=${PYTHONPATH}
printf '%s\\n' "$*" >> "$fakes/calls"
case "$*" in
    "-m pip config list") cat "$fakes/config" ;;
    "-m pip install "*) . "$fakes/pip.sh" ;;
    "-m uv "*) . "$fakes/uv.sh" ;;
    *) echo "$PWD: $*" ;;
esac
"""


class Project:
    """A project with our `dev.py`, and fakes in the place of venv, pip and uv."""

    def __init__(self, path):
        self.root, self.fakes, self.stamp = path / "project", path / "fakes", path / "project" / ".venv" / "stamp"
        self.root.mkdir()
        self.fakes.mkdir()
        shutil.copy(ROOT / "dev.py", self.root)
        (self.root / "pyproject.toml").write_text(PYPROJECT)
        (self.root / "requirements.lock").write_text(LOCKED)
        (self.fakes / "venv.py").write_text(VENV)
        (self.fakes / "python.sh").write_text(PYTHON)
        (self.fakes / "calls").touch()
        self.fake(config="", pip="", uv="")

    def fake(self, config=None, pip=None, uv=None):
        for name, text in {"config": config, "pip.sh": pip, "uv.sh": uv}.items():
            if text is not None:
                (self.fakes / name).write_text(text)

    def start(self, *arguments, first="pass", **variables):
        """Start dev.py from another directory, in a Python that has run `first`."""
        script = self.root / "dev.py"
        code = f"import runpy, signal, sys\n{first}\nrunpy.run_path({str(script)!r}, run_name='__main__')"
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
        return subprocess.Popen(
            [sys.executable, "-c", code, *arguments],
            cwd=self.fakes,
            env=kept | {"PYTHONPATH": str(self.fakes)} | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments, **options):
        with self.start(*arguments, **options) as process:
            out, err = process.communicate(timeout=30)
        return process.returncode, out, err

    def calls(self, word=""):
        return [line for line in (self.fakes / "calls").read_text().splitlines() if word in line]


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path)


def is_one_line(err):
    return re.fullmatch(r"dev\.py: [^\n]+\n", err) is not None


def test_alone_it_prints_what_it_offers(project):
    code, out, err = project.run()
    assert (code, err) == (0, "")
    assert all(
        re.search(rf"^  {task} ", out, re.MULTILINE) for task in ("serve", "test", "site", "check", "accept", "lock")
    )
    assert not project.stamp.parent.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["tset"], "there is no task tset; the tasks are serve, test, site, check, accept, lock"),
        (["serve", "0"], "port must be a number from 1 to 65535, got 0"),
        (["serve", "65536"], "port must be a number from 1 to 65535, got 65536"),
        (["serve", "http"], "port must be a number from 1 to 65535, got http"),
        (["serve", "8001", "8002"], "serve has no use for 8002"),
        (["site", "--strict"], "site has no use for --strict"),
        (["accept", "all"], "accept has no use for all"),
    ],
)
def test_what_it_cannot_do_is_refused_before_anything_is_made(project, arguments, message):
    code, out, err = project.run(*arguments)
    assert code != 0
    assert (out, err) == ("", f"dev.py: {message}\n")
    assert not project.stamp.parent.exists()


def test_a_taken_port_is_refused_before_anything_is_made(project):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, out, err = project.run("serve", str(port))
    assert code != 0
    assert out == ""
    assert f"port {port} is taken" in err
    assert is_one_line(err)
    assert not project.stamp.parent.exists()


@pytest.mark.parametrize("version", [(3, 6, 15), (3, 10, 13)])
def test_an_old_python_is_told_so(project, version):
    code, out, err = project.run("test", first=f"sys.version_info = {version}")
    assert code != 0
    assert (out, err) == ("", f"dev.py: needs Python 3.11 or newer, this is 3.{version[1]}\n")


def test_an_old_python_can_read_the_file():
    ast.parse((ROOT / "dev.py").read_text("utf-8"), feature_version=(3, 6))
    with pytest.raises(SyntaxError):
        ast.parse("(a := 1)", feature_version=(3, 6))


@pytest.mark.parametrize("module", ["ensurepip", "venv"])
def test_a_missing_venv_module_is_named_with_its_remedy(project, module):
    code, out, err = project.run("test", first=f"sys.modules['{module}'] = None")
    assert code != 0
    assert out == ""
    assert "apt install python3-venv" in err
    assert is_one_line(err)


def test_each_task_runs_in_the_root_with_the_environments_python(project):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    assert project.run("test", "-k", "masks")[1].endswith(f"{project.root}: -m pytest -k masks\n")
    assert project.run("site")[1] == f"{project.root}: -m hw.site build\n"
    assert project.run("serve", port)[1] == f"{project.root}: -m hw.site serve --port {port}\n"
    assert inspect.signature(load_dev().serve).parameters["port"].default == "8000"


@pytest.mark.parametrize(("cores", "added"), [(1, []), (2, ["--numprocesses", "2"]), (64, ["--numprocesses", "8"])])
def test_the_whole_suite_uses_the_cores(monkeypatch, cores, added):
    expected = [*added, "--dist", "worksteal"] if added else []
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: range(cores), raising=False)
    assert load_dev().side_by_side() == expected
    monkeypatch.delattr(os, "sched_getaffinity")  # as on macOS
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    assert load_dev().side_by_side() == expected


def test_what_a_user_tells_pytest_is_all_that_it_is_told(project):
    for given in (["-x"], ["--pdb"], ["-n", "0", "tests/test_masks.py"]):
        assert project.run("test", *given)[1].endswith(f"{project.root}: -m pytest {' '.join(given)}\n")
    assert project.run("test")[1] == f"{project.root}: {' '.join(['-m pytest', *load_dev().side_by_side()])}\n"


def test_the_environment_is_renewed_when_what_it_is_made_from_changes_and_only_then(project):
    lock, toml = project.root / "requirements.lock", project.root / "pyproject.toml"

    def installs(**options):
        before = len(project.calls("--require-hashes"))
        assert project.run("test", **options)[0] == 0
        return len(project.calls("--require-hashes")) - before

    assert installs() == 1
    assert installs() == 0
    toml.write_text(PYPROJECT.replace("-q", "-v"))
    assert installs() == 0
    lock.write_text(LOCKED + "# and more\n")
    assert installs() == 1
    toml.write_text(PYPROJECT.replace('"hw"', '"hw"\ndependencies = ["numpy"]'))
    assert installs() == 1
    toml.write_text(toml.read_text().replace("flit_core", "flit_core<5"))
    assert installs() == 1
    assert installs(first="sys.version = '3.99.0'") == 1
    project.root = project.root.rename(project.root.with_name("moved"))
    assert installs() == 1


@pytest.mark.parametrize(
    ("config", "has_index"),
    [("", True), ("global.find-links='/wheels'\n", False), (":env:.extra-index-url='file:///simple'\n", False)],
)
def test_torch_is_never_a_cuda_build(project, config, has_index):
    project.fake(config=config)
    assert project.run("test")[0] == 0
    (call,) = project.calls("torch")
    on_linux = sys.platform == "linux"
    assert ("torch==2.13.0+cpu " in call) == on_linux
    assert ("--extra-index-url https://download.pytorch.org/whl/cpu " in call) == (on_linux and has_index)


def test_a_failed_install_is_one_line_and_is_not_taken_for_finished(project):
    project.fake(pip="echo Collecting babel==2.18.0; echo noise; echo 'ERROR: no space left'; exit 2\n")
    code, out, err = project.run("test")
    log = project.root / ".venv" / "install.log"
    assert code != 0
    assert err == f"dev.py: the install failed: ERROR: no space left (log: {log})\n"
    assert "  babel\n" in out
    assert "noise" not in out
    assert "noise" in log.read_text()
    assert not project.stamp.exists()
    project.fake(pip="")
    code, out, err = project.run("test")
    assert (code, err) == (0, "")
    assert project.stamp.exists()


def test_no_network_is_named(project):
    # The real pip, asking a port of this machine where nobody answers.
    project.fake(pip=f'shift 3; unset PYTHONPATH; exec "{sys.executable}" -m pip install --target "$PWD/t" "$@"\n')
    nowhere = {"PIP_INDEX_URL": "http://127.0.0.1:9/", "PIP_CONFIG_FILE": os.devnull, "PIP_RETRIES": "1"}
    code, _, err = project.run("test", **nowhere)
    assert code != 0
    assert err.startswith("dev.py: the install failed: no network, ")
    assert is_one_line(err)
    assert not project.stamp.exists()


def test_ctrl_c_ends_the_install_which_is_not_taken_for_finished(project):
    assert project.run("test")[0] == 0
    (project.root / "requirements.lock").write_text(LOCKED + "# renewed\n")
    project.fake(pip="echo Collecting slow==1; echo $$ > pid; exec sleep 60\n")
    # A shell's background jobs inherit an ignored SIGINT; at a terminal it is not.
    with project.start("test", first="signal.signal(signal.SIGINT, signal.default_int_handler)") as process:
        while process.stdout.readline() != "  slow\n":
            pass
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=10)
    assert (process.returncode, err) == (130, "dev.py: interrupted\n")
    assert not project.stamp.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(int((project.root / "pid").read_text()), 0)


def test_after_a_kill_the_next_run_waits_for_what_is_left_and_starts_again(project):
    project.fake(pip="echo Collecting slow==1; while [ ! -e $fakes/enough ]; do sleep 0.05; done\n")
    with project.start("test") as process:
        while process.stdout.readline() != "  slow\n":
            pass
        process.kill()
    assert not project.stamp.exists()
    project.fake(pip="")
    with project.start("test") as process:
        assert process.stdout.readline() == "another install is running here: waiting for its end\n"
        (project.fakes / "enough").touch()
        out, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert out.startswith("creating .venv")
    assert project.stamp.exists()


def test_a_missing_lock_names_the_task_that_writes_it(project):
    (project.root / "requirements.lock").unlink()
    code, out, err = project.run("test")
    assert code != 0
    assert (out, err) == ("", "dev.py: requirements.lock is missing; this writes it: python3 dev.py lock\n")


def test_the_stamp_goes_before_the_rest_of_the_old_environment(project):
    assert project.run("test")[0] == 0
    (project.root / "requirements.lock").write_text(LOCKED + "# renewed\n")
    assert project.run("test", first="import shutil\nshutil.rmtree = lambda path: sys.exit(9)")[0] == 9
    assert (project.root / ".venv" / "bin" / "python").exists()
    assert not project.stamp.exists()


UV = 'while [ "$1" != --output-file ]; do shift; done; cat "$2" >> "$PWD/seen" 2>&1; printf \'%b\' "$LOCK" > "$2"\n'


@pytest.mark.parametrize("is_there", [True, False])
def test_lock_is_written_even_where_there_is_none_and_nothing_is_installed(project, is_there):
    lock, new = project.root / "requirements.lock", LOCKED.replace("2.18.0", "2.19.0")
    if not is_there:
        lock.unlink()
    project.fake(uv=UV)
    code, _, err = project.run("lock", "--upgrade", LOCK=new.replace("\\", "\\\\"))
    assert (code, err) == (0, "")
    assert lock.read_text() == new
    assert (LOCKED in (project.root / "seen").read_text()) == is_there
    (call,) = project.calls("uv pip compile")
    assert "--no-emit-package torch " in call
    assert call.endswith(" --torch-backend=cpu --upgrade")
    assert not project.stamp.exists()  # what is there has uv only


def test_lock_gives_uv_the_links_of_pip(project):
    project.fake(uv=UV, config="global.find-links='/wheels\\nfile:///more'\nglobal.extra-index-url='file:///simple'\n")
    project.run("lock", LOCK=LOCKED.replace("\\", "\\\\"))
    assert project.calls("uv pip compile")[0].endswith(" --find-links=/wheels --find-links=file:///more")


@pytest.mark.parametrize(
    "unfit",
    [
        "nvidia-cublas==13.0 \\\n    --hash=sha256:00\n",
        "torch==2.13.0 \\\n    --hash=sha256:00\n",
        "babel==2.18.0\n",
        "-e .\n",
        "hw @ file:///somewhere\n",
        "--index-url https://example.org/simple\n",
        "    # via -r /somewhere/requirements.in\n",
    ],
)
def test_a_lock_unfit_to_commit_is_refused(unfit):
    patterns = load_dev().UNFIT_TO_LOCK.values()
    assert any(re.search(pattern, LOCKED + unfit, re.MULTILINE) for pattern in patterns)
    assert not any(re.search(pattern, LOCKED, re.MULTILINE) for pattern in patterns)


def test_the_old_lock_stays_when_the_new_one_is_unfit(project):
    project.fake(uv=UV)
    code, _, err = project.run("lock", LOCK="nvidia-cublas==13.0\n")
    assert code != 0
    assert "CUDA" in err
    assert is_one_line(err)
    assert (project.root / "requirements.lock").read_text() == LOCKED


def load_dev():
    spec = importlib.util.spec_from_file_location("dev", ROOT / "dev.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def locked():
    """Read `requirements.lock`: version and number of hashes by name."""
    text = "\n".join(line for line in (ROOT / "requirements.lock").read_text().splitlines() if "#" not in line)
    entries = [entry.split() for entry in text.replace("\\\n", " ").splitlines() if entry]
    return {entry[0].split("==")[0]: (entry[0].split("==")[1], len(entry) - 1) for entry in entries}


def extra(name):
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"][name]
    return [Requirement(line) for line in declared]


def test_every_locked_package_has_hashes_and_the_file_no_address():
    text = (ROOT / "requirements.lock").read_text()
    assert not re.search(r"/|file:| @ ", text)
    assert text.count("--hash=sha256:") == sum(hashes for _, hashes in locked().values())
    assert min(hashes for _, hashes in locked().values()) >= 1
    assert not [name for name in locked() if name.startswith(("nvidia", "cuda", "triton"))]


def test_torch_is_not_locked_but_pinned_and_what_it_needs_is_locked():
    (torch,) = (requirement for requirement in extra("dev") if requirement.name == "torch")
    assert re.fullmatch(r"==\d+\.\d+\.\d+", str(torch.specifier))
    assert "torch" not in locked()
    needs = importlib.metadata.requires("torch") or []
    needed = [need for need in map(Requirement, needs) if not need.marker or need.marker.evaluate({"extra": ""})]
    assert {canonicalize_name(need.name) for need in needed} <= set(locked())


def test_the_lock_answers_pyproject():
    for requirement in extra("site") + extra("dev"):
        if requirement.name not in ("hw", "torch"):
            version, _ = locked()[canonicalize_name(requirement.name)]
            assert requirement.specifier.contains(version), requirement


@pytest.mark.parametrize(("status", "done"), [(0, ["test", "check --no-tests"]), (1, ["test"])])
def test_ci_runs_the_tests_and_then_the_gates_from_anywhere(tmp_path, status, done):
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", tmp_path / ".ci")
    (tmp_path / "python3").write_text(f'#!/bin/sh\necho "$@" >> calls\nexit {status}\n')
    (tmp_path / "python3").chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    result = subprocess.run([tmp_path / ".ci" / "run"], cwd="/", env={"PATH": path})
    assert result.returncode == status
    assert (tmp_path / "calls").read_text().splitlines() == [f"dev.py {task}" for task in done]


def test_the_readme_gives_the_command_that_ci_runs():
    assert "python3 dev.py test" in (ROOT / "README.md").read_text("utf-8")
