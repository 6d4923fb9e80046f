"""The chances that statistical checks return, what such a check states, and that no test is one unstated."""

import ast
import inspect
import math
import re
from pathlib import Path

import pytest
import torch
from scipy import stats

from chance import Statistical, above, at_least, edges, follows, mean_is, normal, share, spread, statistical

WORDS = re.compile(r"standard errors?\b|false alarms?\b|\bMonte Carlo\b|\b(five|ten) sigma\b", re.IGNORECASE)
TOLERANCE = re.compile(r"[<>] \d+ [*/] .*(\bstd\(|\berrors?\b(?!\[)|\bdeviation\b|math\.sqrt\()")


def draws(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_chances_are_those_of_scipy():
    x = draws(40, 2) * 3 + 0.2
    assert normal(torch.tensor([-1.5, 0.0, 8.0])) == pytest.approx(2 * stats.norm.sf([1.5, 0, 8]), rel=1e-12)
    assert above(torch.tensor([-1.5, 5.0])) == pytest.approx(stats.norm.sf([-1.5, 5]), rel=1e-12)
    assert mean_is(x, 0.5) == pytest.approx(stats.ttest_1samp(x.numpy(), 0.5).pvalue, rel=1e-9)
    one_sided = stats.chi2(80).cdf(x.square().sum().item() / 9)
    assert spread(x, 9.0) == pytest.approx([2 * min(one_sided, 1 - one_sided)], rel=1e-9)
    for count in (0, 3, 10):
        assert at_least(count, 10, 0.3) == pytest.approx(stats.binom(10, 0.3).sf(count - 1), rel=1e-12)
        sides = stats.binom(10, 0.3).cdf(count), stats.binom(10, 0.3).sf(count - 1)
        assert share(count, 10, 0.3) == pytest.approx([min(1, 2 * min(sides))], rel=1e-12)
    distance = stats.kstest(draws(50).numpy(), "norm").statistic
    assert follows(draws(50), torch.special.ndtr) == pytest.approx([stats.kstwobign.sf(distance * 50**0.5)], rel=1e-9)


def test_edges_are_as_far_from_the_ends_as_chance_has_it():
    """Of ten thousand samples of four uniform numbers, one in a hundred has a chance below 1 % at an end."""
    samples = torch.rand(10_000, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    for end in (0, 1):
        small = sum(edges(5 * each - 2, -2, 3)[end] < 0.01 for each in samples)
        assert small == pytest.approx(100, abs=50)
    assert edges(torch.tensor([0.25, 0.5]), 0, 1) == [0.75**2, 0.5**2]


@pytest.mark.parametrize("n", [100, 1000])
def test_the_law_of_normal_draws_is_told_from_a_wider_one(n):
    assert follows(draws(n), torch.special.ndtr)[0] > 0.01
    assert follows(2 * draws(n), torch.special.ndtr)[0] < 1e-3


def check(seed, planted):
    return mean_is(draws(100, seed=seed), 1.5 if planted else 0.0)


def test_a_statistical_test_passes_where_it_is_silent_and_finds_its_effect():
    test = statistical(alarms=1e-6, effect="a mean of 1.5")(check)
    test()
    assert not inspect.signature(test).parameters
    assert test.statistical == Statistical(check, 1e-6, "a mean of 1.5")


def test_a_false_alarm_and_an_effect_that_is_not_found_fail():
    with pytest.raises(AssertionError, match="alarm at"):
        statistical(alarms=1e-6, effect="none")(lambda seed, planted: [0.5, 4e-7])()
    with pytest.raises(AssertionError, match=r"an effect: not found, the least chance is 6e-07"):
        statistical(alarms=1e-6, effect="an effect")(lambda seed, planted: [0.5, 6e-7])()
    for wrong in ([], [math.nan], [-0.1], [1.1]):
        with pytest.raises(ValueError, match="must return chances from 0 to 1, got"):
            statistical(alarms=1e-6, effect="none")(lambda seed, planted, wrong=wrong: wrong)()


def test_arguments_of_a_case_are_handed_on():
    def of_case(size, seed, planted):
        return [0.0 if planted else 1 / size]

    test = statistical(alarms=1e-6, effect="nothing")(of_case)
    assert list(inspect.signature(test).parameters) == ["size"]
    test(size=3)
    with pytest.raises(AssertionError, match="alarm at"):
        test(size=10**7)


def unstated(source):
    """Tests that speak of standard errors or false alarms, or compare with some, and are not registered."""
    found = []
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            text = "\n".join(source.splitlines()[node.lineno - 1 : node.end_lineno])
            comments = " ".join(re.findall(r"# .*", text)) + (ast.get_docstring(node) or "")
            if WORDS.search(comments) or TOLERANCE.search(text):
                decorators = [ast.unparse(decorator) for decorator in node.decorator_list]
                if not any(decorator.startswith("statistical(") for decorator in decorators):
                    found.append(node.name)
    return found


OTHERS = sorted(set(Path(__file__).parent.glob("test_*.py")) - {Path(__file__)})


@pytest.mark.parametrize("path", OTHERS, ids=lambda path: path.stem)
def test_no_test_leaves_its_verdict_to_chance_unstated(path):
    assert unstated(path.read_text("utf-8")) == []


def test_a_test_that_leaves_its_verdict_to_chance_is_found():
    for body in (
        '"""Two tests at five standard errors."""',
        "assert True  # a false alarm in a million",
        "assert abs(x.mean()) < 5 * x.std() / 10",
        "assert abs(x.mean()) < 5 * error",
        "assert abs(x.mean()) < 5 / math.sqrt(n)",
    ):
        assert unstated(f"def test_x():\n    {body}\n") == ["test_x"]
        assert unstated(f"@statistical(alarms=1e-6, effect='e')\ndef test_x():\n    {body}\n") == []
    assert unstated("def test_standard_error():\n    assert y.standard_error == 2 / 3\n") == []
    assert unstated("def test_x():\n    assert errors[0] > 3 * errors[1] > 2 * y.sqrt()\n") == []
