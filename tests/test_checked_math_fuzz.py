r"""Whatever text is given: a record or a clear error in bounded time and memory, and never an exception."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commands import SECONDS, Commands
from hw.checked_math.pages import check_text
from hw.checked_math.records import Record

STATUSES = {"checked", "refuted", "definition", "test", "cited", "error"}
VALID = (
    r"\log p(x) \ge \mathbb{E}_{q(z\mid x)}\left[\log\frac{p(x,z)}{q(z\mid x)}\right]",
    r"w_j := \frac{p(x,z_j)}{q(z_j\mid x)}, \qquad \frac1k\sum_{j=1}^k w_j \ge 0",
    r"\begin{aligned} p(x) &= \sum_z p(x,z) && \text{sum} \\ &= \int p(x\mid z)\,p(z)\,\mathrm dz \end{aligned}",
    r"\operatorname{Var}_{q}\bigl[p(z)\bigr] \ge 0 \quad\text{and}\quad D_{\mathrm{KL}}(q\,\|\,p(z\mid x)) \ge 0",
    r"\max(a,b) = \begin{cases} a & a \ge b \\ b & \text{otherwise} \end{cases}",
    r"\sum_{\substack{1\le i<j\le k \\ i\neq 2}} \mathbf 1[i\neq j] \le \binom{k}{2}",
    r"\mathbb{E}_{I\subseteq[k],\,|I|=m}\Big[\tfrac1m\sum_{j\in I} j\Big] = \left|\frac{k+1}{2}\right|",
    r"e^{-\hat x'} < \sqrt{2} \cdot \lfloor \tanh(a)^{2} \rfloor + k!/2",
)
ALPHABET = r"""
p q x z z_j w k m j i a b 0 1 2 10 + - = < > / | ( ) [ ] { } _ ^ ' , ; : . ! & \\ := \| \{ \} \frac \tfrac12
\log \exp \tanh \max \min \sqrt \sum \prod \int \mathrm{d}z \det \binom \infty \pi \mid \cdot \ge \le \neq
\in \sim \subseteq \oplus \cup \left \right \bigl \Big| \hat \bar \mathcal{L} \mathbb{E} \mathbb{E}_{q} p(x)
q(z\mid x) z_{1:k} [k] |I|=m \text{so} \begin{aligned} \end{aligned} \begin{cases} \end{cases} \qquad \dots
D_{\mathrm{KL}} \mathrm{JSD} \operatorname{Var} \mathbf1 \substack \partial ^{-1} ^* _{j=1}^k \overset \approx
""".split()
MODELS = st.sampled_from(["latent", "two-densities", "embeddings", "offsets"])
fuzz = settings(deadline=None, max_examples=100)


def records(latex, model="latent"):
    found = check_text(f'```math id="fuzz" model="{model}"\n{latex}\n```\n', "page.md")
    for record in found:
        assert isinstance(record, Record)
        assert record.status in STATUSES
        assert record.status != "error" or record.message.startswith("page.md:"), record.message
        assert "Error" not in record.message
    return found


@fuzz
@given(parts=st.lists(st.sampled_from(ALPHABET), max_size=30), model=MODELS)
def test_tokens_in_any_order(parts, model):
    assert len(records(" ".join(parts), model)) == 1


@fuzz
@given(
    sides=st.lists(st.lists(st.sampled_from(ALPHABET), min_size=1, max_size=4).map(" ".join), min_size=2, max_size=3)
)
def test_short_claims_of_tokens(sides):
    assert len(records(" = ".join(sides))) == 1


@fuzz
@given(text=st.text(max_size=60).filter(lambda text: "```" not in text))
def test_any_text_in_a_fence(text):
    records(text)


@fuzz
@given(text=st.text(st.sampled_from('`$math idel="\n\\=12{}~> '), max_size=80))
def test_any_page(text):
    assert all(record.status in STATUSES for record in check_text(text, "page.md"))


@fuzz
@given(formula=st.sampled_from(VALID), data=st.data())
def test_truncated_formulas(formula, data):
    assert len(records(formula[: data.draw(st.integers(0, len(formula)))])) == 1


@fuzz
@given(
    formula=st.sampled_from(VALID),
    data=st.data(),
    new=st.sampled_from(["", *r"xzpqk012()[]{}\|&_^=<>+-,;'!", "\0", "é"]),
)
def test_formulas_with_one_character_changed(formula, data, new):
    place = data.draw(st.integers(0, len(formula) - 1))
    assert len(records(formula[:place] + new + formula[place + 1 :])) == 1


@fuzz
@given(options=st.text(st.characters(exclude_characters="\n`"), max_size=40))
def test_any_options(options):
    (record,) = check_text(f'```math model="latent" {options}\na = a\n```\n', "page.md")
    assert record.status in STATUSES


@given(
    base=st.integers(-(10**6), 10**6),
    exponent=st.integers(-(10**9), 10**9),
    operator=st.sampled_from(["+", "-", r"\cdot"]),
)
@settings(deadline=None, max_examples=60)
def test_numbers_of_any_size(base, exponent, operator):
    records(rf"({base})^{{{exponent}}} {operator} a = \log(\exp({base}))")


def test_the_formulas_that_are_varied_are_formulas():
    assert [[record.status for record in records(formula)] for formula in VALID[:-1]] == [["checked"]] * (
        len(VALID) - 1
    )


def nested(before, inside, after, depth=10_000):
    return before * depth + inside + after * depth


def definitions(count, body):
    """A page on which every definition uses the one before it twice."""
    fences = [rf'```math model="latent"{chr(10)}\mathrm{{f}} := a{chr(10)}```']
    for number in range(1, count):
        name, before = (rf"\mathrm{{{'f' * length}}}" for length in (number + 1, number))
        fences.append(f'```math model="latent"\n{name} := {body.format(before)}\n```')
    fences.append(f'```math model="latent"\n\\mathrm{{{"f" * count}}} = a\n```')
    return "\n\n".join(fences) + "\n"


DEEP = {
    "braces": nested("{", "a", "}"),
    "braces that stay open": nested("{", "a", ""),
    "braces that close nothing": nested("", "a", "}"),
    "fractions": nested(r"\frac{", "1", "}{2}"),
    "brackets": nested("(", "a", ")"),
    "sized brackets": nested(r"\left(", "a", r"\right)"),
    "superscripts": nested("a^{", "a", "}"),
    "subscripts": nested("z_{", "1", "}"),
    "superscripts without braces": "a" + "^a" * 4000,
    "fractions without braces": r"\frac" * 3000 + "1" * 4000,
    "logs": r"\log" * 3000 + " a",
    "factorials": "a" + "!" * 9000,
    "minus signs": "-" * 9000 + "a",
    "bars": nested("|", "a", "|", 5000),
    "double bars": nested(r"\|", "a", r"\|", 4000),
    "a few bars": nested("|", "a", "|", 200),
    "accents": nested(r"\hat{", "a", "}", 3000),
    "a few accents": nested(r"\hat{", "a", "}", 25),
    "accents without braces": r"\hat" * 4000 + " a",
    "annotations": nested(r"\overset{a}{", "=", "}", 300),
    "words": nested(r"\mathrm{", "a", "}", 2000),
    "environments": nested(r"\begin{cases}", "a", r"\end{cases}", 700),
    "sums": r"\sum_{j=1}^{2}" * 1000 + "1",
    "expectations": nested(r"\mathbb{E}_{q}[", "1", "]", 1000),
    "primes": "a" + "'" * 9000,
    "one megabyte": "a + " * 250_000 + "a",
    "one megabyte of braces": "{" * 1_000_000,
    "one megabyte of a word": "a" * 1_000_000,
    "twenty thousand characters": "a+" * 9990 + "a",
    "products": "a " * 9900,
    "NUL bytes": "\0" * 1000,
    "digits": "9" * 5000,
    "digits after the point": "0." + "0" * 5000 + "1",
    "a power of digits": "9" * 5000 + "^{" + "9" * 5000 + "}",
    "a large number beside a float": "9" * 400 + r"\log 2",
    "a large number in a function": r"\tanh(10^{400}) + \sqrt{10^{400}}",
    "a tower of powers": "2^{2^{2^{99}}}",
    "a tower of exponentials": "e^{e^{e^{e^{9}}}}",
    "a power of fractions": r"p(x)^{9999999999} + \left(\frac{1}{3}\right)^{-9999999}",
    "factorials of powers": "170!^{170!}",
}
COSTLY = {
    "a sum to a billion": r"\sum_{j=1}^{10^9} j = 1",
    "a sum to a power of powers": r"\sum_{j=1}^{10^{9^{9}}} j = 1",
    "a product to a million": r"\prod_{j=1}^{10^6} 9 = 1",
    "a maximum of a billion": r"\max_{1\le j\le 10^9} j = 1",
    "sums of sums": r"\sum_{j=1}^{9}" * 20 + "1 = 1",
    "sums over z": r"\sum_z" * 40 + "1 = 1",
    "an infinite sum": r"\sum_{j=1}^{\infty} 1 = 1",
    "a large set": r"1 \in \{1,\dots,10^{9}\}",
    "the size of a large set": r"\sum_{j\in[10^9]} 1 = 1",
    "subsets of a large set": r"\mathbb{E}_{I\subseteq[10^9],\,|I|=1}[1] = 1",
    "many subsets": r"\mathbb{E}_{I\subseteq[60],\,|I|=30}[1] = 1",
    "many draws": r"\mathbb{E}_{z_{1:10^9}\sim q(z\mid x)}[1] = 1",
    "twenty draws": r"\mathbb{E}_{z_{1:20}\sim q(z\mid x)}[1] = 1",
    "expectations of expectations": nested(r"\mathbb{E}_{q(z\mid x)}[", "1", "]", 40) + " = 1",
    "many statements": "a = a" + ", a = a" * 3000,
    "a long chain": "a" + " = a" * 6000,
    "many cases": r"a = \begin{cases}" + r"a & a > b \\" * 1400 + r"a & a\le b\end{cases}",
    "many members": r"a \in \{" + "a, " * 6000 + r"a\}",
    "many arguments": r"\max(" + "a, " * 6000 + "a) = a",
}
PAGES = {
    "definitions that double": definitions(60, "{0} + {0}"),
    "definitions that square": definitions(60, "{0}^2"),
    "definitions of expectations": definitions(40, r"\mathbb{{E}}_{{q(z\mid x)}}[{0}]"),
    "a thousand fences": "```math\n" * 1000,
    "a thousand dollars": "$$" * 1000 + "\n" + "$$\na\n" * 1000,
    "ticks": "`" * 100_000,
    "spaces": " " * 100_000 + "\n" + " " * 100_000,
    "quotes": "```math " + 'a="' * 30_000 + "\na\n```\n",
}


GIGABYTE = 2**30  # all the memory that a command may use


@pytest.fixture(scope="module")
def command():
    """The command line, in copies of a process that has imported the checker."""
    with Commands("hw.checked_math", ["hw.checked_math.mutation"], GIGABYTE) as commands:
        yield commands.run


def from_a_shell(*arguments, folder):
    """The command line as a user starts it."""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1] / "src"), "PYTHONIOENCODING": "utf-8"}
    return subprocess.run(
        [sys.executable, "-m", "hw.checked_math", *arguments],
        cwd=folder,
        env=environment,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (GIGABYTE, GIGABYTE)),
        timeout=SECONDS,
        capture_output=True,
        encoding="utf-8",
    )


@pytest.mark.parametrize("latex", DEEP.values(), ids=DEEP)
def test_deep_and_long_formulas(latex):
    for text in (latex, f"{latex} = a", f"a = {latex}"):
        assert len(records(text)) == 1


def fenced(latex):
    return f'```math id="claim" model="latent"\n{latex}\n```\n'


@pytest.mark.parametrize("page", [*map(fenced, COSTLY.values()), *PAGES.values()], ids=[*COSTLY, *PAGES])
def test_costly_pages(page, command, tmp_path):
    (tmp_path / "page.md").write_text(page, encoding="utf-8")
    done = command("page.md", "--json", folder=tmp_path)
    assert done.returncode in (0, 1, 2)
    assert "Traceback" not in done.stderr
    assert {row["status"] for row in json.loads(done.stdout)} <= STATUSES


# ---- the command line ----

RIGHT = fenced(r"\log p(x) \ge \mathbb{E}_{q}\left[\log\frac{p(x,z)}{q(z\mid x)}\right]")
FALSE = fenced("p(x,z) = p(x)").replace("claim", "false")
BROKEN = fenced(r"p(x) = \frac{1}{2").replace("claim", "broken")


def no_constant(name):
    raise AssertionError(f"{name} is not JSON")


@pytest.fixture
def folder(tmp_path):
    for name, text in {
        "right": RIGHT,
        "false": RIGHT + FALSE,
        "broken": RIGHT + FALSE + BROKEN,
        "none": "Text.",
    }.items():
        (tmp_path / f"{name}.md").write_text(text, encoding="utf-8")
    (tmp_path / "binary.md").write_bytes(b"\xff\xfe\x00```math\n")
    (tmp_path / "broken.py").write_text("def (:\n")
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty.md").write_text("")
    return tmp_path


@pytest.mark.parametrize(
    ("paths", "code"),
    [
        (["right.md"], 0),
        (["none.md"], 0),
        (["empty.md"], 0),
        (["false.md"], 1),
        (["right.md", "false.md"], 1),
        (["broken.md"], 2),
        (["broken.md", "right.md"], 2),
        (["missing.md"], 2),
        (["binary.md"], 2),
        (["broken.py"], 2),
        (["right.md", "missing.md"], 2),
        (["."], 2),
        (["empty"], 0),
        (["--none", "right.md"], 2),
        ([], 2),
    ],
    ids=lambda value: " ".join(value) or "nothing" if isinstance(value, list) else None,
)
def test_exit_codes(paths, code, command, folder):
    done = command(*paths, folder=folder)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert code != 2 or done.stderr or "error" in done.stdout
    assert paths != ["binary.md"] or "UTF-8" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["right.md"], 0), (["right.md", "--json", "--mutate"], 1), (["false.md"], 1), (["broken.md"], 2), ([], 2)],
    ids=lambda value: " ".join(value) or "nothing" if isinstance(value, list) else None,
)
def test_a_shell_gets_what_a_copy_of_a_process_gets(arguments, code, command, folder):
    done, copied = from_a_shell(*arguments, folder=folder), command(*arguments, folder=folder)
    assert (done.returncode, done.stdout, done.stderr) == (code, copied.stdout, copied.stderr)
    assert copied.returncode == code


def test_lines_name_the_place_and_the_token(command, folder):
    done = command("broken.md", folder=folder)
    first, second, third = done.stdout.splitlines()
    assert "broken.md:2 claim: checked" in first
    assert "broken.md:5 false: refuted" in second
    assert "counterexample" in second
    assert "broken.md:8:16:" in third
    assert "'{'" in third


def test_json_has_what_the_specification_lists(command, folder):
    done = command("broken.md", "--json", folder=folder)
    right, false, broken = rows = json.loads(done.stdout, parse_constant=no_constant)
    names = {
        "id",
        "file",
        "line",
        "status",
        "model",
        "assume",
        "instances",
        "residual",
        "slack",
        "seed",
        "counterexample",
    }
    assert all(names <= set(row) for row in rows)
    assert [row["status"] for row in rows] == ["checked", "refuted", "error"]
    assert [row["line"] for row in rows] == [2, 5, 8]
    assert right["instances"] >= 200
    assert right["slack"] >= 0
    assert right["counterexample"] is None
    assert false["counterexample"]
    assert "16" in broken["message"]
    assert json.loads(command("broken.md", "--json", folder=folder).stdout) == rows


def test_json_is_json_where_values_are_infinite(command, tmp_path):
    (tmp_path / "page.md").write_text(fenced(r"\infty \ge p(x), \quad \infty = \infty, \quad -\infty < a"))
    done = command("page.md", "--json", folder=tmp_path)
    (row,) = json.loads(done.stdout, parse_constant=no_constant)
    assert row["status"] == "checked"


def test_json_of_what_cannot_be_read_is_still_a_list(command, folder):
    done = command("missing.md", "right.md", "--json", folder=folder)
    assert done.returncode == 2
    assert [row["status"] for row in json.loads(done.stdout)][-1] == "checked"
    assert "missing.md" in done.stderr + done.stdout


def test_mutation_is_reported(command, folder):
    done = command("right.md", "--json", "--mutate", folder=folder)
    (row,) = json.loads(done.stdout, parse_constant=no_constant)
    assert {"mutants", "refuted", "also_true", "unparsed", "survivors"} <= set(row)
    assert row["mutants"] == row["refuted"] + len(row["also_true"]) + len(row["survivors"])
    assert row["refuted"] >= 5


def test_a_reader_that_leaves_early_gets_no_traceback(folder):
    # several times what a pipe holds, so that the command cannot be through before its reader is gone
    many = "".join(f'```math id="claim{n}{"-" * 4000}" model="latent"\n1 = 1\n```\n' for n in range(80))
    (folder / "many.md").write_text(many)
    with subprocess.Popen(
        [sys.executable, "-m", "hw.checked_math", "many.md"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=folder,
        text=True,
    ) as process:
        first = process.stdout.readline()
        process.stdout.close()
        assert "claim0-" in first
        assert process.stderr.read() == ""
    assert process.returncode == 141


def test_a_file_whose_name_is_no_text_is_checked_and_named(command, tmp_path):
    name = os.fsdecode(b"caf\xc3.md")
    (tmp_path / name).write_text(RIGHT, encoding="utf-8")
    done = command(".", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(r"caf\udcc3.md:2 claim: checked")
    (row,) = json.loads(command(".", "--json", folder=tmp_path).stdout)
    assert row["file"] == name


def test_a_cache_that_cannot_be_written_leaves_nothing_behind(tmp_path):
    (tmp_path / "cache").mkdir()
    with pytest.raises(OSError, match="cache"):
        check_text(RIGHT, "page.md", tmp_path / "cache")
    assert [path.name for path in tmp_path.iterdir()] == ["cache"]
