"""No block of code on the site is left unrun, and one that were would be listed with the reason."""

import re
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from hw.site.blocks import blocks, blocks_of_docstrings, blocks_of_notebook, blocks_of_page, blocks_table, commands

ROOT = Path(__file__).parent.parent
FORMULA = '```math id="law" model="latent"\n\\sum_x p(x) = 1\n```\n'


def test_every_block_is_run_by_something():
    assert [f"{block.file}:{block.line}: {block.why}" for block in blocks(ROOT) if not block.run] == []


def test_every_file_with_code_is_looked_at():
    files = {block.file for block in blocks(ROOT)}
    assert {"README.md", "docs/gan.md", "docs/experiments/simclr-digits.py", "src/hw/masks.py"} <= files
    pages = {path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md") if "\n```" in path.read_text()}
    assert pages <= files


@pytest.mark.parametrize(
    ("fence", "why"),
    [
        ("```pycon\n>>> print(1)\n1\n```\n", 'its fence lacks exec="on"'),
        ('```python exec="off"\nprint(1)\n```\n', 'its fence lacks exec="on"'),
        ("```sh\nmake all\n```\n", "no check runs `make all`"),
        ("```sh\npython3 dev.py test\ncurl example.org | sh\n```\n", "no check runs `curl example.org | sh`"),
        ("````md\nOnly prose.\n````\n", "it has no formula that is checked"),
        (f"````md\n{FORMULA.replace('= 1', '= 2')}````\n", "it has no formula that is checked"),
        ("```js\nalert(1)\n```\n", "nothing runs js"),
        ("```\nplain\n```\n", "nothing runs a block without a language"),
    ],
)
def test_a_block_that_nothing_runs_is_listed_with_the_reason(tmp_path, fence, why):
    (block,) = blocks_of_page(fence, "docs/page.md")
    assert (block.run, block.why) == ("", why)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/page.md").write_text(f"# Page\n\n{fence}")
    (tmp_path / "README.md").write_text("")
    table = blocks_table(tmp_path)
    assert "none may be</th><td>1</td>" in table
    assert "<code>docs/page.md</code>, line 3: " in table


@pytest.mark.parametrize(
    "fence",
    [
        '```pycon exec="on"\n>>> print(1)\n1\n```\n',
        FORMULA,
        f"````md\n{FORMULA}````\n",
        "```sh\npython3 dev.py test  # all\n\n# a word\npython -m hw.simclr\n```\n",
    ],
)
def test_a_block_that_is_run_is_not_listed(fence):
    (block,) = blocks_of_page(fence, "docs/page.md")
    assert block.run
    assert not block.why


def test_in_the_readme_doctest_runs_what_has_prompts():
    good, bad = blocks_of_page("```pycon\n>>> 1\n1\n```\n\n```python\nprint(1)\n```\n", "README.md")
    assert good.run
    assert bad.why == "it has no prompts, so doctest passes over it"


def test_an_example_that_doctest_skips_is_listed():
    source = 'def f():\n    """One.\n\n    >>> 1\n    1\n    >>> 2  # doctest: +SKIP\n    2\n    """\n'
    (block,) = blocks_of_docstrings(source)
    assert (block.run, block.why) == ("", "doctest is told to skip it")
    (block,) = blocks_of_docstrings(source.replace("  # doctest: +SKIP", ""))
    assert block.run


def test_cells_of_a_notebook_are_blocks():
    notebook = "# %% [markdown]\n# ```js\n# alert(1)\n# ```\n\n# %%\nprint(1)\n"
    left, run = blocks_of_notebook(notebook)
    assert left.why == "nothing runs js"
    assert run.run


def test_shell_commands_are_told_once_and_without_comments(tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "README.md").write_text("```sh\npython3 dev.py test   # all\n```\n")
    (tmp_path / "docs/page.md").write_text("```sh\npython3 dev.py test\npython -m hw.simclr\n```\n")
    assert commands(tmp_path) == ["python3 dev.py test", "python -m hw.simclr"]


def test_each_way_to_run_a_block_is_told_by_its_name(tmp_path):
    fences = (
        ('```python exec="on"\nx = 1\n```\n', "Python on pages"),
        ('```py exec="on" html="on"\nx = 1\n```\n', "Python that draws"),
        (FORMULA, "formulas, checked"),
        (f"````md\n{FORMULA}````\n", "Markdown to copy"),
        ("```sh\npython -m hw.simclr\n```\n", "shell commands"),
    )
    for fence, name in fences:
        (block,) = blocks_of_page(fence, "docs/page.md")
        assert block.run.startswith(name)
        assert (block.file, block.line) == ("docs/page.md", 1)
    (block,) = blocks_of_page("```pycon\n>>> 1\n1\n```\n", "README.md")
    assert block.run.startswith("examples of docstrings")
    assert "\n# %%\nx = 1" not in [each.code for each in blocks_of_notebook("# %%\nx = 1\n")]
    with pytest.raises(FrozenInstanceError):
        block.run = ""
    (tmp_path / "docs").mkdir()
    (tmp_path / "README.md").write_text("")
    (tmp_path / "docs/page.md").write_text("\n".join(fence for fence, _ in fences) + fences[0][0])
    (tmp_path / "docs/notebook.py").write_text("# %%\nx = 1\n\n# %%\ny = 2\n\n# %%\nz = 3\n")
    (tmp_path / "src/hw").mkdir(parents=True)
    (tmp_path / "src/hw/a.py").write_text('class A:\n    """A.\n\n    >>> 1\n    1\n    """\n')
    rows = re.findall(r'<tr><th scope="row">(.*?)</th><td>(\d+)</td></tr>', blocks_table(tmp_path))
    assert [(name.split(",")[0], count) for name, count in rows] == [
        ("cells of notebooks", "3"),
        ("Python on pages", "2"),
        ("Python that draws figures and tables", "1"),
        ("formulas", "1"),
        ("Markdown to copy", "1"),
        ("shell commands", "1"),
        ("examples of docstrings and of the README", "1"),
        ("not run; none may be", "0"),
    ]
    assert "<ul>" not in blocks_table(tmp_path)


def test_examples_and_cells_have_their_places():
    documented = '"""Module.\n\n>>> 1\n1\n"""\n\n\nclass A:\n    """A.\n\n    >>> 2\n    2\n    """\n'
    source = f'{documented}\n    def f(self):\n        """No."""\n'
    found = [(block.line, block.code) for block in blocks_of_docstrings(source, "a.py")]
    assert found == [(1, "1\n"), (8, "2\n")]
    cells = blocks_of_notebook("# %% [markdown]\n# Text\n\n# %%\nx = 1\n\n# %% [raw]\n# a\n\n# %%\ny = 2\n", "n.py")
    assert [(block.file, block.line, block.code) for block in cells] == [("n.py", 2, "x = 1"), ("n.py", 4, "y = 2")]


def test_a_comment_is_no_command(tmp_path):
    fence = "```sh\n# make all\npython3 dev.py test #all\n\n  python -m hw.a   # b # c\ntorchrun --n 2 -m hw.b\n```\n"
    (block,) = blocks_of_page(fence)
    assert block.run
    (tmp_path / "docs").mkdir()
    (tmp_path / "README.md").write_text(fence)
    assert commands(tmp_path) == ["python3 dev.py test", "python -m hw.a", "torchrun --n 2 -m hw.b"]
    (block,) = blocks_of_page(fence.replace("torchrun --n 2", "torchrun --n 2 a.py"))
    assert block.run
    (block,) = blocks_of_page(fence.replace("-m hw.b", "-m other"))
    assert block.why == "no check runs `torchrun --n 2 -m other`"
