"""What formulas are tried on: as it was reviewed; and what all models and their values have in common."""

import pytest

import reviewed_instances
from hw.checked_math.models import MODELS
from reviewed_instances import KINDS, difference, instances

REVIEWED = reviewed_instances.reviewed_instances()


@pytest.mark.parametrize("name", KINDS)
def test_formulas_are_tried_on_what_was_reviewed(name):
    told = difference(name, REVIEWED[name], instances(name))
    assert not told, f"{told}\nif this is meant, `python3 dev.py accept`, and look at the change of the file"


def test_what_was_reviewed_is_of_every_model():
    assert list(REVIEWED) == list(KINDS)
    assert {kind.model for kind in KINDS.values()} == set(MODELS)


def test_other_instances_are_not_what_was_reviewed(monkeypatch):
    name = "two-densities, finite"
    monkeypatch.setattr(reviewed_instances, "SEED", 2)
    reviewed_instances._found.cache_clear()
    _, *before = REVIEWED[name]
    _, *after = instances(name)
    assert before[:64] == after[:64]  # the fixed ones
    assert difference(name, before, after).startswith(f"{name}: was 64: f_0(1)")
    reviewed_instances._found.cache_clear()


def test_a_difference_is_the_first_one():
    assert difference("a", ["1", "2", "3"], ["1", "2", "3"]) == ""
    assert difference("a", ["1", "2", "3"], ["1", "4", "5"]) == "a: was 2\n   now 4"
    assert difference("a", ["1"], ["1", "2"]) == "a: was nothing\n   now 2"
    assert difference("a", ["1", "2"], ["1"]) == "a: was 2\n   now nothing"
