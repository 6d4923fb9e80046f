import re
import subprocess
import sysconfig
from pathlib import Path

import pytest
import yaml

GITHUB = Path(__file__).resolve().parent.parent / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
BUILDING = [path for path in WORKFLOWS if path.name not in ("deep.yml", "links.yml")]
ZIZMOR = Path(sysconfig.get_path("scripts"), "zizmor")
PLANTED = """
on: pull_request
jobs:
  greet:
    runs-on: ubuntu-24.04
    steps:
      - uses: actions/checkout@v4
      - run: echo "${{ github.event.pull_request.title }}"
"""


def audit(path):
    return subprocess.run(
        [ZIZMOR, "--offline", "--no-progress", "--persona=pedantic", "--format=plain", path],
        capture_output=True,
        text=True,
    )


def test_zizmor_finds_nothing():
    result = audit(GITHUB)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "No findings to report" in result.stdout
    assert all(path.name in result.stderr for path in [*WORKFLOWS, GITHUB / "dependabot.yml"])


@pytest.mark.parametrize("finding", ["unpinned-uses", "template-injection", "artipacked", "excessive-permissions"])
def test_zizmor_finds_what_is_planted(planted, finding):
    assert planted.returncode != 0
    assert f"[{finding}]" in planted.stdout


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    workflows = tmp_path_factory.mktemp("planted") / ".github" / "workflows"
    workflows.mkdir(parents=True)
    (workflows / "greet.yml").write_text(PLANTED)
    return audit(workflows.parent)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_no_permission_is_given_at_the_top_and_every_job_has_a_limit(path):
    workflow = yaml.safe_load(path.read_text())
    assert workflow["permissions"] == {}
    assert "concurrency" in workflow
    assert all(job["permissions"] for job in workflow["jobs"].values())
    limits = {name: job["timeout-minutes"] for name, job in workflow["jobs"].items()}
    assert max(limits.values()) <= 30 or limits == {"deep": 350, "newest": 30}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned_by_commit_with_their_version(path):
    uses = re.findall(r"uses: (.*)", path.read_text())
    assert uses
    assert all(re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", use) for use in uses)


@pytest.mark.parametrize("path", BUILDING, ids=lambda path: path.name)
def test_each_workflow_tests_before_it_builds(path):
    steps = next(iter(yaml.safe_load(path.read_text())["jobs"].values()))["steps"]
    runs = [step["run"] for step in steps if "run" in step]
    released = [run for run in runs if run.startswith("gh release create")]
    assert runs == ["python3 dev.py test", "python3 dev.py check --no-tests", *released]
    assert bool(released) == (path.stem == "release")


def test_a_release_carries_the_wheel_and_the_offline_copy_that_the_gates_have_seen():
    (job,) = yaml.safe_load((GITHUB / "workflows" / "release.yml").read_text())["jobs"].values()
    assert job["permissions"] == {"contents": "write"}
    *_, gates, release = (step["run"] for step in job["steps"] if "run" in step)
    assert gates == "python3 dev.py check --no-tests"
    assert release.startswith("gh release create")
    assert release.endswith("site/hw-*.whl site/hw-offline.zip")


def test_the_check_runs_on_the_oldest_and_the_newest_python():
    check = yaml.safe_load((GITHUB / "workflows" / "check.yml").read_text())
    assert check["jobs"]["check"]["strategy"]["matrix"]["python"] == ["3.11", "3.14"]


def test_the_deep_gates_run_weekly_and_their_record_is_shown_even_if_one_fails():
    text = (GITHUB / "workflows" / "deep.yml").read_text()
    *_, gates, record = yaml.safe_load(text)["jobs"]["deep"]["steps"]
    assert gates["run"] == "python3 dev.py check --deep"
    assert record == {
        "name": "Record",
        "if": "always()",
        "run": 'cat tests/deep/record.json >> "$GITHUB_STEP_SUMMARY"',
    }
    assert len(re.findall(r'cron: "\d+ \d+ \* \* \d"', text)) == 1


def test_the_tests_also_run_with_the_newest_torch():
    steps = yaml.safe_load((GITHUB / "workflows" / "deep.yml").read_text())["jobs"]["newest"]["steps"]
    *_, newest, tests = (step["run"] for step in steps if "run" in step)
    assert newest.startswith(".venv/bin/python -m pip install --upgrade torch numpy ")
    assert tests.startswith(".venv/bin/python -m pytest")


def test_only_the_weekly_check_of_links_writes_issues():
    writing = [path.name for path in WORKFLOWS if "issues: write" in path.read_text()]
    assert writing == ["links.yml"]
