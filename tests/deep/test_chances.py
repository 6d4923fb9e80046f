"""The gate finds a check that alarms too often, one that finds nothing, and one that states too little."""

import sys

import pytest
from chances import cases, check, checks, findings

PLANTED = """
import pytest
import torch

from chance import mean_is, normal, statistical


def draws(seed, n=400):
    return torch.randn(n, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@statistical(alarms=1e-6, effect="a mean of a half")
def test_sound(seed, planted):
    return mean_is(draws(seed), 0.5 if planted else 0)


@pytest.mark.parametrize(("n", "error"), [(400, 1 / 20), (100, 1 / 20)])
@statistical(alarms=1e-6, effect="a mean of one")
def test_error_of_the_mean(n, error, seed, planted):
    return normal((draws(seed, n).mean() - float(planted)) / error)


@statistical(alarms=0.05, effect="a mean of a half")
def test_rash(seed, planted):
    return mean_is(draws(seed), 0.5 if planted else 0)


@statistical(alarms=1e-6, effect="a mean of a quarter")
def test_blind(seed, planted):
    return mean_is(draws(seed), 0.25 if planted else 0)


@statistical(alarms=1e-6, effect=" ")
def test_silent(seed, planted):
    return mean_is(draws(seed), 0.5 if planted else 0)


@statistical(alarms=1e-6, effect="a mean of a half")
def test_broken(seed, planted):
    assert seed < 5, "seed too large"
    return mean_is(draws(seed), 0.5 if planted else 0)


def test_no_check_at_all():
    pass
"""


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    folder = tmp_path_factory.mktemp("planted")
    (folder / "test_planted_chances.py").write_text(PLANTED)
    (folder / "test_nothing_to_see.py").write_text("raise ImportError")
    return check(folder, range(1, 201))


def test_what_is_wrong_with_a_check_is_found_and_nothing_else(outcome):
    prefix = "test_planted_chances.test_"
    found = sorted(finding.removeprefix(prefix) for finding in outcome.findings)
    told = [
        ("blind", "finds 'a mean of a quarter' under"),
        ("broken:", "seed 5: AssertionError: seed too large"),
        ("error_of_the_mean[100, 0.05]", "alarms falsely under"),
        ("error_of_the_mean[100, 0.05]", "of its chances below 1%"),
        ("rash", "alarms falsely under"),
        ("rash", "must state a chance of a false alarm from 0 to 0.001, got 0.05"),
        ("silent", "must state the effect that it finds, got none"),
    ]
    for finding, (name, what) in zip(found, told, strict=True):
        assert finding.startswith(name + " ")
        assert what in finding


def test_the_record_has_the_rates_of_every_case(outcome):
    rows = {row["test"].removeprefix("test_planted_chances.test_"): row for row in outcome.record["checks"]}
    assert set(rows) == {
        *("sound", "error_of_the_mean[400, 0.05]", "error_of_the_mean[100, 0.05]"),
        *("rash", "blind", "silent", "broken"),
    }
    assert outcome.record["seeds"] == 200
    sound = rows["sound"]
    assert (sound["stated"], sound["alarms"], sound["effect"], sound["power"]) == (1e-6, 0, "a mean of a half", 1)
    assert sound["seconds"] >= 0
    assert rows["rash"]["alarms"] == pytest.approx(0.05, abs=0.04)
    assert rows["error_of_the_mean[100, 0.05]"]["small"] == pytest.approx(0.2, abs=0.1)  # beyond 1.29 of its errors
    assert 0.3 < rows["blind"]["power"] < 0.7
    assert outcome.figure.startswith("7 checks over 200 seeds: power")


def test_a_folder_without_checks_has_no_power(tmp_path):
    assert checks(tmp_path) == {}
    assert check(tmp_path, range(1, 3)).figure == "0 checks over 2 seeds: power 0.0% or more"


def test_tables_of_cases_are_multiplied():
    @pytest.mark.parametrize("a", [1, 2])
    @pytest.mark.parametrize(("b", "c"), [(3, 4)])
    def test(a, b, c):
        pass

    assert cases(test) == [{"b": 3, "c": 4, "a": 1}, {"b": 3, "c": 4, "a": 2}]


def test_a_rate_at_the_limit_is_no_finding():
    row = {
        "test": "t",
        "stated": 1e-3,
        "alarms": 1e-3,
        "effect": "e",
        "power": 0.99,
        "small": 0.1,
        "small by chance": 1e-3,
    }
    assert findings(row) == []
    for change in ({"stated": 0}, {"alarms": 2e-3}, {"effect": ""}, {"power": 0.989}, {"small by chance": 9e-4}):
        assert len(findings(row | change)) == 1


def test_the_checks_of_this_project_are_many():
    assert "torch" in sys.modules
    assert len(checks()) > 50
