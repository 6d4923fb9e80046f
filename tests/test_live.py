"""What runs in the reader's page: verdicts on pixels, with paths that are walked again, on derivations, on snippets."""

import json
import math
import random
import re
from fractions import Fraction
from itertools import pairwise, product
from pathlib import Path

import pytest

from hw.live import calls, fields
from hw.live.console import MOST, run
from hw.live.derivation import Given, broken, checked, given_of, instance, parts
from hw.masks import mask
from hw.receptive_field import path, receptive_field
from hw.site.editor import CARD, chains

ROOT = Path(__file__).resolve().parent.parent
CASES = ("AA", "AB", "BA", "BB")
CHAINS = {
    "flows": ("proof-ratios", "proof-densities"),
    "vae": ("decomposition", "jensen", "bound-a", "monotone"),
    "gan": ("divergence",),
}
EVERY = [(page, id) for page, ids in CHAINS.items() for id in ids]
BAYES = Given(r"p(x) = \sum_z p(x,z)", "sum", ("latent",))


def given(page, id):
    (found,) = chains(ROOT / f"docs/{page}.md", (id,))
    return found


def lines(chain):
    return [f"{sign} {text}" for sign, text in parts(chain)[1]]


def seen(kinds):
    masks = [mask(kind, 3) for kind in kinds]
    grid = receptive_field(masks, (5, 5), (2, 2))
    return {place for place in product(range(5), repeat=2) if grid[place[0]][place[1]]}


def steps_of(kind):
    grid = mask(kind, 3)
    return {(row - 1, column - 1) for row, column in product(range(3), repeat=2) if grid[row][column]}


# ---- question 1


@pytest.mark.parametrize("kinds", CASES)
def test_the_right_pixels_are_right_and_every_single_change_is_told(kinds):
    right = seen(kinds)
    assert fields.judged(kinds, sorted(right))["right"] is True
    for pixel in product(range(5), repeat=2):
        found = fields.judged(kinds, sorted(right ^ {pixel}))
        assert (found["right"], found["pixel"]) == (False, list(pixel))
        assert found["words"].startswith(
            f"Pixel {pixel[0] + 1}{pixel[1] + 1} is {'empty' if pixel in right else 'filled'}"
        )
        if pixel in right:  # the proof is a walk, first through the second mask
            places = [tuple(place) for place in found["path"]]
            assert (places[0], places[-1]) == ((2, 2), pixel)
            for (one, other), kind in zip(pairwise(places), reversed(kinds), strict=True):
                assert (other[0] - one[0], other[1] - one[1]) in steps_of(kind)
        else:  # the proof is that what reads the pixel is not read
            named = {
                (int(a) - 1, int(b) - 1) for a, b in re.findall(r"(\d)(\d)", found["words"].partition("Through")[2])
            }
            readers = {(pixel[0] - down, pixel[1] - right) for down, right in steps_of(kinds[0])}
            assert named - {(2, 2)} == {place for place in readers if 0 <= min(place) and max(place) < 5} - {(2, 2)}
            assert not readers & {(2 + down, 2 + right) for down, right in steps_of(kinds[1])}


def test_the_first_wrong_pixel_alone_is_told():
    found = fields.judged("AA", [])
    assert found["pixel"] == [0, 0]
    assert "12" not in found["words"]


@pytest.mark.parametrize("pixel", [(5, 0), (0, -1)])
def test_a_pixel_off_the_map_is_refused(pixel):
    with pytest.raises(
        ValueError, match=re.escape(f"chosen must be pixels of a map of 5×5, counted from 0, got {pixel}")
    ):
        fields.judged("AA", [pixel])


def test_a_path_exists_exactly_where_a_pixel_is_seen_and_is_one():
    rng = random.Random(0)
    for _ in range(60):
        sizes = [rng.choice((1, 3)) for _ in range(rng.randint(1, 4))]
        masks = [[[rng.randint(0, 1) for _ in range(k)] for _ in range(3)] for k in sizes]
        size = rng.randint(1, 5), rng.randint(1, 5)
        places = list(product(range(size[0]), range(size[1])))
        output = rng.choice(places)
        grid = receptive_field(masks, size, output)
        for place in places:
            found = path(masks, size, output, place)
            assert bool(found) == bool(grid[place[0]][place[1]])
            if found:
                assert (found[0], found[-1], len(found)) == (output, place, len(masks) + 1)
                assert set(found) <= set(places)
                for (one, other), layer in zip(pairwise(found), reversed(masks), strict=True):
                    width = len(layer[0])
                    assert layer[other[0] - one[0] + 1][other[1] - one[1] + width // 2]


@pytest.mark.parametrize(
    ("kinds", "autoregressive"),
    [("A", True), ("B", False), ("AB", True), ("BB", False), ("AN", False), ("ABBBBBBB", True)],
)
def test_the_explorer_says_whether_a_stack_is_autoregressive(kinds, autoregressive):
    found = fields.explored(kinds, 3, 6, (3, 3))["words"]
    assert ("the stack is autoregressive" in found) == autoregressive
    assert ("the stack is not autoregressive" in found) != autoregressive


def test_the_explorer_counts_paths_as_a_product_of_kernels_far_from_the_border():
    words = fields.explored("NN", 3, 15, (7, 7))["words"]
    assert "sees 25 of 225 pixels, by 81 paths" in words


def test_a_long_number_of_paths_fits_its_pixel():
    texts = re.findall(r"<text[^>]*>([^<]*)", fields.explored("NNNNNNNN", 7, 15, (7, 7))["svg"])
    assert max(map(len, texts)) <= 4
    assert any("e" in text for text in texts)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"kinds": "A" * 9}, "kinds must be of 1 to 8, got 9"),
        ({"kernel": 4}, "kernel must be one of 3, 5, 7, got 4"),
        ({"side": 16}, "side must be of 5 to 15, got 16"),
        ({"output": (5, 0)}, "output must be of 0 to 4, got 5"),
        ({"output": ()}, "output must have a row and a column, got ()"),
        ({"kinds": "AC"}, "kinds must be letters of A, B, N, got 'AC'"),
    ],
)
def test_what_the_explorer_cannot_take_is_refused(changed, message):
    arguments = {"kinds": "AB", "kernel": 3, "side": 5, "output": (2, 2)} | changed
    with pytest.raises(ValueError, match=re.escape(message)):
        fields.explored(**arguments)


# ---- derivations


@pytest.mark.parametrize(("page", "id"), EVERY)
def test_the_chain_of_the_page_has_no_counterexample(page, id):
    chain = given(page, id)
    found = list(checked(chain, lines(chain)))
    assert not any("counterexample" in part or "error" in part for part in found)
    assert {(part["step"], part["model"]) for part in found if "step" in part} == set(
        product(range(len(lines(chain))), chain.models)
    )
    (first, last) = (part for part in found if "verdict" in part)
    assert (first["final"], last["final"]) == (False, True)
    assert last["verdict"].startswith("No counterexample in ")
    assert "proved" not in last["verdict"]


@pytest.mark.parametrize(("page", "id"), EVERY)
def test_what_is_broken_is_found_at_the_line_that_was_changed(page, id):
    chain = given(page, id)
    for seed in range(3):
        found = broken(chain, seed)
        written = [" ".join(line) for line in found["lines"]]
        changed = [step for step, (old, new) in enumerate(zip(lines(chain), written, strict=True)) if old != new]
        assert changed == [found["line"]]
        failing = {part["step"] for part in checked(chain, written) if "counterexample" in part}
        assert failing
        assert failing <= {found["line"], found["line"] + 1}
        assert found["failing"][0]["step"] in failing


def test_a_counterexample_is_one_by_hand():
    chain = given("vae", "decomposition")
    wrong = lines(chain)
    wrong[0] = r"= \mathbb{E}_{p(z\mid x)}\left[\log p(x)\right] + \log p(x)"
    found = next(part for part in checked(chain, wrong) if part.get("counterexample"))["counterexample"]
    place = dict(found["instance"])
    rows = re.findall(r"\(([^)]*)\)", place["p(x,z)"]) or [place["p(x,z)"]]
    marginal = float(sum(map(Fraction, rows[int(place.get("x", "x1")[1:]) - 1].split(", "))))
    assert number(found["left"]) == pytest.approx(math.log(marginal), rel=5e-6)
    assert number(found["right"]) == pytest.approx(2 * math.log(marginal), rel=5e-6)


def number(text):
    return float(text.replace("−", "-"))


def verdict(chain, written):
    *_, last = checked(chain, written)
    return last["verdict"]


@pytest.mark.parametrize("written", [[r"= \sum_z p(x,z)"], [r"= p(x)", r"= \sum_z p(x , z)"], [r"= \sum_z p(x,z)"] * 2])
def test_a_derivation_of_nothing_is_told_so(written):
    assert verdict(BAYES, written).startswith("Nothing was shown")


def test_signs_must_add_up_to_the_claim():
    middle = r"\sum_z p(x)\,p(z\mid x)"
    assert "is ≥ and not =" in verdict(BAYES, [rf"\ge {middle}", r"= \sum_z p(x,z)"])
    assert "point both ways" in verdict(BAYES, [rf"\ge {middle}", r"\le \sum_z p(x,z)"])
    below = Given(r"p(x) \ge \frac12\sum_z p(x,z)", "half", ("latent",))
    assert "points the other way" not in verdict(below, [rf"= {middle}", r"\ge \frac12\sum_z p(x,z)"])
    assert verdict(BAYES, [rf"= {middle} \text{{by the product rule}}", r"= \sum_z p(x,z)"]).startswith(
        "No counterexample"
    )


@pytest.mark.parametrize(
    ("line", "message", "column"),
    [
        (r"p(x)", r"a line must begin with =, \le, \ge, < or >", 1),
        (r"= p(x) + ", "", 9),
        (r"= q_0(x)", "", 3),
        (r"= p(x) = p(x)", "a line must hold one relation sign and one expression", 8),
        (r"= p(x) \\ p(x) = p(x)", "a line must hold one relation sign and one expression", None),
        (r"= w := p(x)", "a line cannot define a name, since the names are the page's", 5),
        (r"= w \coloneqq p(x)", "a line cannot define a name, since the names are the page's", 5),
        (r"= p(x), z = 1", "a line must hold one relation sign and one expression", None),
        ("= " + "(" * 900 + "1" + ")" * 900, "", None),
    ],
)
def test_what_cannot_be_read_is_told_with_its_column(line, message, column):
    first = next(checked(BAYES, [line, r"= \sum_z p(x,z)"]))
    assert "counterexample" not in first
    assert "instances" not in first
    assert message in first["error"]
    assert first["error"]
    if column:
        assert first["at"] == column
    assert verdict(BAYES, [line, r"= \sum_z p(x,z)"]) == "A line cannot be read."


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ([r"= p(x)"], "the last line must be"),
        ([], "lines must be 1 to 30, got 0"),
        ([r"= \sum_z p(x,z)"] * 31, "lines must be 1 to 30, got 31"),
        (["= " + "1+" * 500_000 + "1", r"= \sum_z p(x,z)"], "line 1 must have at most 2000 characters"),
    ],
)
def test_what_is_no_derivation_of_the_page_is_refused(written, message):
    with pytest.raises(ValueError, match=message):
        list(checked(BAYES, written))


def test_a_model_that_the_chain_does_not_have_is_refused():
    last = [r"= \sum_z p(x,z)"]
    with pytest.raises(ValueError, match="models must be of latent, got bijection"):
        list(checked(BAYES, last, ["bijection"]))
    with pytest.raises(ValueError, match="models must be of latent, got bijection"):
        instance(BAYES, last, "bijection", 0)


@pytest.mark.parametrize(
    ("models", "message"), [((), "at least one, got none"), (("latent", "none"), "of .*latent.*, got none$")]
)
def test_a_chain_of_no_model_is_refused(models, message):
    with pytest.raises(ValueError, match=f"models must be {message}"):
        Given("1 = 1", "sum", models)


def test_an_instance_gives_the_expressions_one_value_and_a_wrong_one_another():
    chain = given("vae", "bound-a")
    found = instance(chain, lines(chain), "latent", 3)
    assert len(found["values"]) == len(lines(chain)) + 1
    assert found["values"][0] == found["values"][1]
    wrong = [*lines(chain)]
    wrong[0] = f"{wrong[0]} + 1"
    other = instance(chain, wrong, "latent", 3)["values"]
    assert number(other[1]) - number(other[0]) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(("page", "id"), EVERY)
def test_every_row_of_the_card_can_be_written_in_a_line(page, id):
    chain = given(page, id)
    first, _ = parts(chain)
    for row in CARD[chain.models[0]]:
        found = next(checked(chain, [f"= {row}", lines(chain)[-1]]))
        assert "error" not in found or "free" in found["error"] or "variable" in found["error"], (row, found)
    assert first


# ---- snippets


def ran(code):
    shown = []
    return run(code, shown.append), "".join(shown)


@pytest.mark.parametrize(
    ("code", "output"),
    [
        ("a = 1\na\na + 1", "1\n2\n"),
        ("print('x')\n'y'", "x\n'y'\n"),
        ("for i in range(2):\n    i", "0\n1\n"),
        ("None", ""),
        ("import sys\nprint('e', file=sys.stderr)", "e\n"),
    ],
)
def test_a_snippet_shows_what_a_terminal_shows(code, output):
    assert ran(code) == (True, output)


@pytest.mark.parametrize(
    ("code", "last"),
    [
        ("1/0", "ZeroDivisionError: division by zero"),
        ("def f():\n    raise KeyError('k')\nf()", "KeyError: 'k'"),
        ("x = (", "SyntaxError: '(' was never closed"),
        ("import nowhere", "ModuleNotFoundError: No module named 'nowhere'"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("input()", "EOFError"),
    ],
)
def test_an_error_ends_a_snippet_as_in_a_terminal(code, last):
    ended, shown = ran(code)
    assert not ended
    assert last in shown.splitlines()[-1]
    assert "console.py" not in shown


def test_output_without_end_is_stopped():
    ended, shown = ran("while True:\n    try:\n        print('a' * 999)\n    except Exception:\n        pass")
    assert not ended
    assert shown.endswith(f"… and more: the output stops after {MOST} characters\n")
    assert len(shown) < MOST + 100


def test_code_that_is_too_long_is_refused():
    with pytest.raises(ValueError, match="code must have at most 20000 characters, got 1000000"):
        ran("#" * 1_000_000)


# ---- calls


def answers(call, **fields):
    shown = []
    calls.answer(call, json.dumps(fields), shown.append)
    return [json.loads(text) for text in shown]


def test_every_call_answers_in_json():
    chain = given("gan", "divergence")
    sent = {
        "latex": chain.latex,
        "id": chain.id,
        "models": chain.models,
        "assume": chain.assume,
        "sources": chain.sources,
    }
    assert given_of(json.loads(json.dumps(sent))) == chain
    assert answers("grid", kinds="AA", chosen=[])[0]["pixel"] == [0, 0]
    assert "<svg" in answers("explorer", kinds="AB", kernel=3, side=5, output=[2, 2])[0]["svg"]
    assert answers("derivation", given=sent, lines=lines(chain))[-1]["final"]
    assert answers("broken", given=sent, seed=1)[0]["failing"]
    assert answers("instance", given=sent, lines=lines(chain), model="two-densities", number=0)[0]["values"]
    assert answers("run", code="1 + 1")[-1] == {"ended": True}


def test_what_is_refused_is_an_answer_in_words():
    assert answers("explorer", kinds="AB", kernel=4, side=5, output=[2, 2]) == [
        {"refused": "kernel must be one of 3, 5, 7, got 4"}
    ]
    assert answers("grid", kinds="AA", chosen=[[0]]) == [{"refused": "chosen must have a row and a column, got [0]"}]
    for argument in ("0", "[]", '{"kinds": "AA"}', "null"):
        with pytest.raises(ValueError, match="argument must be an object with chosen, kinds, got "):
            calls.answer("grid", argument, print)
    with pytest.raises(ValueError, match="call must be one of grid, explorer"):
        calls.answer("nothing", "{}", print)
