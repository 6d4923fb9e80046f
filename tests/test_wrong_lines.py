"""Each wrong answer gets a counterexample, whose numbers are computed again by plain sums."""

from collections import Counter
from functools import lru_cache
from pathlib import Path

import pytest

from hw.live.derivation import checked, parts
from hw.site.editor import chains
from wrong_lines import LINES, unlike

ROOT = Path(__file__).resolve().parent.parent


@lru_cache
def given(page, id):
    (found,) = chains(ROOT / f"docs/{page}.md", (id,))
    return found


def counterexample(wrong):
    """The first one that is found to a page's chain with the wrong line in it."""
    chain = given(wrong.page, wrong.chain)
    lines = [f"{sign} {text}" for sign, text in parts(chain)[1]]
    lines[wrong.step] = wrong.line
    found = next(part for part in checked(chain, lines) if "counterexample" in part or "verdict" in part)
    assert found.get("step") == wrong.step, found
    assert "verdict" not in found, f"{wrong.line} is not refuted: {found}"
    return found["counterexample"]


def test_there_are_twenty_wrong_answers_to_each_question():
    assert min(Counter(wrong.page for wrong in LINES).values()) >= 20
    assert len({(wrong.chain, wrong.step, wrong.line) for wrong in LINES}) == len(LINES)


@pytest.mark.parametrize("wrong", LINES, ids=lambda wrong: f"{wrong.chain} {wrong.step} {wrong.line}")
def test_a_wrong_answer_gets_a_counterexample_that_is_one(wrong):
    assert unlike(wrong, counterexample(wrong)) == []


@pytest.mark.parametrize("page", ["flows", "vae", "gan"])
def test_a_counterexample_with_another_number_is_found_out(page):
    wrong = next(wrong for wrong in LINES if wrong.page == page)
    found = counterexample(wrong)
    assert "holds at its counterexample" in unlike(wrong._replace(right=wrong.left), found)[-1]
    for side in ("left", "right"):
        (said,) = unlike(wrong, {**found, side: "0.123456"})
        assert f"its {side} side is" in said
        assert "0.123456 is shown" in said
