"""Builds that differ are found, and the day on which the second one is made is another."""

import datetime
import os
import subprocess
import sys

import pytest
from reproducible import LATER, differences


@pytest.fixture
def sites(tmp_path):
    for name in ("one", "other"):
        (tmp_path / name / "page").mkdir(parents=True)
        (tmp_path / name / "index.html").write_text("<p>today is a day</p>")
        (tmp_path / name / "page/index.html").write_text("page")
    return tmp_path / "one", tmp_path / "other"


def test_equal_builds_are_equal(sites):
    assert differences(*sites) == []


def test_a_byte_that_differs_is_found(sites):
    (sites[1] / "index.html").write_text("<p>today is a Day</p>")
    assert differences(*sites) == [
        "index.html: differs at byte 14: b'<p>today is a day</p>' and b'<p>today is a Day</p>'"
    ]


def test_a_file_of_one_build_only_is_found(sites):
    (sites[0] / "new.html").write_text("")
    (sites[1] / "page/more.html").write_text("")
    assert differences(*sites) == ["new.html: only in one build", "page/more.html: only in the other build"]


def test_a_longer_file_is_found(sites):
    (sites[1] / "index.html").write_text("<p>today is a day</p>\n")
    assert len(differences(*sites)) == 1


def test_the_second_build_is_made_on_another_day(tmp_path):
    (tmp_path / "sitecustomize.py").write_text(LATER)
    program = "import time, datetime; print(time.time(), datetime.datetime.now().timestamp(), datetime.date.today())"
    run = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, "PYTHONPATH": str(tmp_path)}, capture_output=True, text=True
    )
    seconds, moment, day = run.stdout.split()
    days = [(datetime.datetime.fromtimestamp(float(text)) - datetime.datetime.now()).days for text in (seconds, moment)]
    assert days == [40, 40]
    assert datetime.date.fromisoformat(day) > datetime.date.today() + datetime.timedelta(39)
