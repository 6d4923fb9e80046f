import math
import re
from dataclasses import FrozenInstanceError, replace
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import markdown
import pytest
from markdown.preprocessors import Preprocessor
from markdown.treeprocessors import Treeprocessor

from hw.checked_math.document import fences
from hw.checked_math.records import Counterexample, Mutation, Record, Relation
from hw.site import claims as claims_module
from hw.site import ledger as ledger_module
from hw.site import marks
from hw.site.claims import Claim, address, claims_of_library, claims_of_page, claims_of_site
from hw.site.display import claim_html, html_of, mark_html
from hw.site.inline import inline_results, relation_signs
from hw.site.ledger import claims_today, ledger, totals
from hw.site.stylesheet import purged
from hw.site.words import complaint, facts, mark, number, relations

ROOT = Path(__file__).parent.parent
KATEX = ROOT / "docs/assets/katex/katex.min.js"
EQUATION = Relation("a = b", "=", residual=2.2e-16)
BOUND = Relation(r"a \ge b", r"\ge", slack=0.034)
TIGHT = Relation(r"a \ge b", r"\ge", slack=0.0, attained=True)
FOUND = Counterexample((("k", "2"), (r"q(z\mid x)", "1/2, 1/2")), "0.6931", "=", "0.5")


def record(status="checked", *relations, latex="a = b", name="claim", **known) -> Record:
    return Record(name, "docs/page.md", 7, status, latex, relations=relations, **known)


class Page(HTMLParser):
    """What a page holds: attributes of its elements, and its text."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.text, self.folded, self.visible = [], "", 0, ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        self.folded += tag == "details"

    def handle_endtag(self, tag):
        self.folded -= tag == "details"

    def handle_data(self, data):
        self.text += data
        self.visible += "" if self.folded else data

    def values(self, attribute):
        return [attributes[attribute] for _, attributes in self.elements if attribute in attributes]


@pytest.mark.parametrize(
    ("given", "sign", "text", "read"),
    [
        (record("checked", EQUATION), "✓", "2·10⁻¹⁶", "✓ checked, worst residual 2·10−16"),
        (record("checked", EQUATION, BOUND), "✓", "2·10⁻¹⁶", "✓ checked, worst residual 2·10−16"),
        (record("checked", Relation("a = b", "=", residual=0.0)), "✓", "exact", "✓ checked, exact"),
        (record("checked", BOUND), "✓", "", "✓ checked"),
        (record("refuted", EQUATION, counterexample=FOUND, expected=False), "✗", "refuted", "✗ wrong, refuted"),
        (record("refuted", EQUATION, counterexample=FOUND), "✗", "fails", "✗ fails"),
        (record("checked", EQUATION, expected=False), "✗", "fails", "✗ fails"),
        (record("error", message="docs/page.md:7:1: no"), "✗", "fails", "✗ fails"),
        (record("definition"), ":=", "definition", ":= definition"),
        (record("test", binding="tests/x.py::test_y"), "", "test", "test"),
        (record("cited", binding="Somebody (2016)"), "", "cited", "cited"),
    ],
)
def test_the_mark_of_each_status(given, sign, text, read):
    assert (mark(given).sign, mark(given).text) == (sign, text)
    assert Page(mark_html(given)).text.replace("✓checked", "✓ checked").replace("✗wrong", "✗ wrong") == read


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (2.2e-16, "2·10⁻¹⁶"),
        (9.6e-16, "1·10⁻¹⁵"),
        (0.034, "0.034"),
        (1.0, "1"),
        (250.4, "250"),
        (3e9, "3·10⁹"),
    ],
)
def test_numbers_have_the_digits_that_matter(value, text):
    assert number(value) == text


def test_a_record_is_told_in_sentences():
    known = dict(model=("latent",), instances=300, seed=12, assume=("q << posterior", "positive"), idle=("positive",))
    given = record("checked", EQUATION, Relation("b = c", "=", 0.0), TIGHT, unassumed=FOUND, **known)
    assert facts(given, Mutation(41, 39, (("a", "b"), ("c", "d")), unparsed=3)) == [
        "No counterexample in 300 instances of latent.",
        "Relation 1, “=”: worst residual 2·10⁻¹⁶.",
        "Relation 2, “=”: no difference at all.",
        "Relation 3, “≥”: equality attained.",
        "Assuming q ≪ posterior, positive.",
        "Without that, a counterexample: 0.6931 = 0.5.",
        "Idle, since no counterexample was found without: positive.",
        "39 of 41 mutants refuted, 2 true as well (score 100%); 3 more could not be read.",
        "Seed 12.",
    ]
    assert facts(record("checked", BOUND, instances=1))[:2] == [
        "No counterexample in 1 instance.",
        "Smallest slack 0.034.",
    ]
    survived = Mutation(1000, 999, survivors=("a = c",))
    told = facts(record("checked", EQUATION, replace(EQUATION, latex="b = c")), survived)
    assert told[1:] == [
        "In each of 2 relations: worst residual 2·10⁻¹⁶.",
        "999 of 1,000 mutants refuted, 1 unexplained (score 99%).",
    ]
    assert facts(record("test", binding="tests/x.py::test_y")) == ["Not evaluated here: bound to tests/x.py::test_y."]
    same = Relation("a := b", ":=", residual=1e-16)
    defined = record("definition", same, binding="hw.bounds.iwlb", instances=12, model=("latent", "offsets"))
    assert facts(defined)[1:] == ["hw.bounds.iwlb computes the same in 12 instances of latent, offsets.", "Seed 0."]
    refuted = record("refuted", EQUATION, counterexample=FOUND, expected=False, instances=3)
    assert facts(refuted)[0] == "Wrong: a counterexample was found after 3 instances."


def test_relations_tried_in_several_models_are_told_once():
    given = record(
        "checked", EQUATION, BOUND, Relation("a = b", "=", residual=1e-9), Relation(r"a \ge b", r"\ge", slack=0.0)
    )
    assert [(part.residual, part.slack) for part in relations(given)] == [(1e-9, None), (None, 0.0)]


def test_a_claim_that_does_not_fare_as_its_page_says_is_named_with_its_place():
    assert complaint(record("checked", EQUATION)) == ""
    failing = record("refuted", EQUATION, counterexample=FOUND, seed=4)
    said = r"docs/page.md:7: claim fails (seed 4): 0.6931 = 0.5 is false where k = 2, q(z\mid x) = 1/2, 1/2"
    assert complaint(failing) == said
    assert "no counterexample was found" in complaint(record("checked", EQUATION, expected=False))
    assert complaint(record("error", message="docs/page.md:7:2: no")) == "docs/page.md:7:2: no"


def test_latex_is_copied_as_it_was_written_whatever_html_makes_of_it():
    latex = 'a < b & c > d \\text{ "so" } \\\\\nx\' &= 1'
    latex = "\\begin{aligned}\n" + latex + "\n\\end{aligned}"
    page = Page(claim_html(Claim("page.md", "claim", record(latex=latex)), KATEX))
    assert page.values("data-clipboard-text") == [latex]
    assert latex in page.text
    assert page.values("id") == ["claim"]


def test_only_a_wrong_formula_shows_its_counterexample_unfolded():
    refuted = record("refuted", EQUATION, counterexample=FOUND, expected=False)
    wrong = Page(claim_html(Claim("page.md", "claim", refuted), KATEX))
    assert "0.6931 = 0.5, false" in wrong.visible
    assert "✗ Wrong" in wrong.visible
    assumed = record("checked", EQUATION, unassumed=FOUND, assume=("positive",))
    right = Page(claim_html(Claim("page.md", "claim", assumed), KATEX))
    assert "0.6931 = 0.5, false" in right.text
    assert "0.6931" not in right.visible


def test_the_mark_is_folded_html_that_needs_no_script():
    shown = claim_html(Claim("page.md", "claim", record("checked", EQUATION)), KATEX, "../ledger/#row-page-claim")
    assert "<script" not in shown
    page = Page(shown)
    assert [tag for tag, _ in page.elements].count("summary") == 1
    assert {"#claim", "../ledger/#row-page-claim"} == set(page.values("href"))
    formula = next(attributes for _, attributes in page.elements if attributes.get("class") == "formula")
    assert (formula["role"], formula["tabindex"], formula["aria-label"]) == ("group", "0", "formula")


@pytest.fixture
def checker(monkeypatch):
    """A checker that takes a formula at its word: its status is its fence's option `model`."""

    def check_text(text, file, cache=None):
        return [
            Record(
                fence.options.get("id", f"line-{fence.line}"),
                file,
                fence.line,
                fence.options["model"],
                fence.code,
                message=f"{file}: no",
            )
            for fence in fences(text)
            if fence.language == "math"
        ]

    monkeypatch.setattr(claims_module, "check_text", check_text)


def render(text, tmp_path, *extensions):
    configs = {
        "hw.site.marks": {"katex": str(KATEX), "library": str(tmp_path), "docs": str(tmp_path), "cache": ""},
        "pymdownx.arithmatex": {"generic": True},
    }
    used = [name for name in configs if name in extensions]
    return markdown.markdown(
        text,
        extensions=[*extensions, "hw.site.marks"],
        extension_configs={name: configs[name] for name in [*used, "hw.site.marks"]},
    )


@pytest.mark.parametrize("extensions", [(), ("pymdownx.superfences", "pymdownx.arithmatex", "md_in_html")])
def test_fences_are_set_without_mkdocs(checker, tmp_path, extensions):
    shown = render('Text\n\n```math id="one" model="checked"\na < b\n```\n\nmore $x$\n', tmp_path, *extensions)
    page = Page(shown)
    assert page.values("id") == ["one"]
    assert page.values("href") == ["#one"]  # and no link to a ledger that nobody has named
    assert "<p><div" not in shown
    assert "\x02" not in shown


def test_fences_are_set_in_folded_blocks_and_lists_and_not_in_code(checker, tmp_path):
    math = '{0}```math id="{1}" model="checked"\n{0}a = {1}\n{0}```\n'
    text = "/// details | More\n" + math.format("", "b") + "\n- item\n\n" + math.format("    ", "c") + "///\n\n"
    text += "````md\n" + math.format("", "d") + "````\n"
    shown = render(text, tmp_path, "pymdownx.superfences", "pymdownx.blocks.details")
    assert Page(shown).values("id") == ["b", "c"]
    assert shown.index("item") < shown.index('id="c"') < shown.index("</ul>\n</details>") < shown.index("```")


def test_a_formula_in_error_is_refused_with_its_place(checker, tmp_path):
    with pytest.raises(ValueError, match=r"^text: no$"):
        render('Text\n\n```math model="error"\na\n```\n', tmp_path)
    with pytest.raises(ValueError, match=r"^text:3: formula must be LaTeX that KaTeX knows"):
        render('Text\n\n```math model="checked"\n\\frac{a}\n```\n', tmp_path)


MODULE = '''"""Squares."""


def square(x):
    r"""The square.

    $$x^2 \\ge 0$$

    Examples:
        >>> square(2)
        4
    """
    return x * x
'''


def test_formulas_of_docstrings_are_marked_test_and_named_after_what_they_document(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    library, docs = Path("src/hw"), Path("docs")
    for folder in (library, docs):
        folder.mkdir(parents=True)
    (docs / "square.md").write_text("::: hw.square\n")
    (library / "square.py").write_text(MODULE)
    (claim,) = claims_of_library(library, docs)
    assert (claim.page, claim.anchor, claim.record.status) == ("square.md", "hw.square.square-formula", "test")
    assert claim.row == "row-square-hw.square.square-formula"


@pytest.mark.parametrize(
    ("page", "start", "expected"),
    [
        ("ledger.md", "autoregressive.md", "../ledger/"),
        ("ledger.md", "index.md", "ledger/"),
        ("index.md", "ledger.md", "../"),
        ("index.md", "index.md", "./"),
        ("reference/masks.md", "ledger.md", "../reference/masks/"),
        ("ledger.md", "reference/masks.md", "../../ledger/"),
    ],
)
def test_addresses_of_pages(page, start, expected):
    assert address(page, start=start) == expected


@pytest.mark.parametrize(
    ("latex", "signs"),
    [
        (r"a = b \ge c < d", ["=", r"\ge", "<"]),
        (r"\sum_{t=1}^{n} t = \frac{n(n+1)}{2}", ["="]),
        (r"\mathbf 1[k \neq i]", []),
        (r"m(r, c) := \max(0, r)", []),
        (r"\begin{aligned} a &= b && \text{since $b = a$} \\ &\le c \end{aligned}", ["=", r"\le"]),
        (r"R = \{\, o : o \ge 0 \,\} \to \infty", ["=", r"\to"]),
        (r"\langle a, b \rangle \neq 0", [r"\neq"]),
        (r"a \lessgtr) = b", ["="]),
    ],
)
def test_relation_signs_outside_of_brackets_and_indices(latex, signs):
    assert relation_signs(latex) == signs


@pytest.mark.parametrize(
    "formula",
    [
        "j \\le i", "k = 2", "L = 3", "d > t", "d > t \\ge 1", "j = 1, \\dots, k", "z_j \\neq z'", "n \\to \\infty",
        "x^* = x_{i+1}", "|I| = m", "(r, c) = (1, 2)", "x", "x^2 + 1", "f(x)", "\\sum_{t=1}^n t", "\\mathcal{L}_k = 0",
        "\\theta_0 \\ge -1", "w_j := p(x, z_j) / q(z_j \\mid x)", "\\partial y_o / \\partial x_p", "M_1 \\oplus M_2",
    ],
)  # fmt: skip
def test_conditions_definitions_and_terms_are_no_results(formula):
    assert list(inline_results(f"Take ${formula}$ here.")) == []


@pytest.mark.parametrize(
    "formula",
    [
        "\\log p(x) \\ge L_k", "k \\ge 2W - 1", "d > \\lfloor k/2 \\rfloor\\, t", "x^2 = 4", "D(x) = 1/2",
        "\\frac14 < \\epsilon", "n(n+1)/2 \\neq m", "\\log a = b", "a b = c",
        "\\mathbb{E}_q[w] = 1", "a_n \\to \\tfrac14",
    ],
)  # fmt: skip
def test_results_in_the_middle_of_a_sentence_are_found(formula):
    assert list(inline_results(f"# Page\n\nSo ${formula}$ holds.\n")) == [(3, f"${formula}$")]


def test_results_are_looked_for_in_prose_only():
    text = "---\na: $x^2 = 1$\n---\n`$x^2 = 1$`\n\n```math\nx^2 = 1\n```\n\n$$x^2 = 1$$\n\nand\n$x^2\n= 1$\n"
    assert list(inline_results(text)) == [(13, "$x^2 = 1$")]


def test_totals_count_relations_and_mutants():
    found = totals(
        [
            Claim(
                "a.md", "1", record("checked", EQUATION, BOUND, instances=300), Mutation(10, 8, (("m", "why"),), ("s",))
            ),
            Claim("a.md", "2", record("refuted", EQUATION, instances=5, expected=False)),
            Claim("a.md", "3", record("test", latex=r"a = b \to c")),
            Claim("a.md", "4", record("definition", latex="a := b")),
        ]
    )
    assert found.formulas == {"checked": 1, "refuted": 1, "definition": 1, "test": 1}
    assert (found.evaluated, found.relations, found.instances) == (3, 5, 305)
    assert (found.mutants, found.refuted, found.also_true, found.survivors) == (10, 8, 1, 1)
    assert found.share == 0.6


def test_the_ledger_has_a_row_for_every_displayed_formula(monkeypatch):
    monkeypatch.chdir(ROOT)
    everything = claims_of_site()
    shown = sum(fence.language == "math" for path in ROOT.glob("docs/**/*.md") for fence in fences(path.read_text()))
    documented = sum(len(re.findall(r"^ +\$\$", path.read_text(), re.MULTILINE)) for path in ROOT.glob("src/hw/*.py"))
    assert len(everything) >= shown + documented
    assert not [claim for claim in everything if claim.record.status == "error"]
    page = Page(ledger())
    rows = [value for value in page.values("id") if value.startswith("row-")]
    assert rows == [claim.row for claim in everything]
    assert len(set(rows)) == len(rows)
    assert all(claim.named for claim in everything if "/" not in claim.page), (
        "a page's formula needs an id, its address"
    )
    links = {f"{address(claim.page, start='ledger.md')}#{claim.anchor}" for claim in everything}
    assert links == set(page.values("href"))
    assert str(len(everything)) in claims_today()


def test_a_page_without_formulas_is_not_even_checked(monkeypatch, tmp_path):
    monkeypatch.setattr(claims_module, "check_file", None)
    (tmp_path / "page.md").write_text("Text with $x$.\n\n```python\nx = 1\n```\n")
    assert claims_of_page(tmp_path / "page.md", "page.md") == []


def test_what_is_no_page_has_no_address_and_what_is_negative_no_text():
    for page, start in (("a.md", ""), ("", "a.md")):
        with pytest.raises(ValueError, match=r"^page must name a file, got ''"):
            address(page, start)
    for value in (-1.0, float("nan")):
        with pytest.raises(ValueError, match=r"^value must not be negative, got"):
            number(value)


def test_an_error_in_a_style_sheet_is_told():
    with pytest.raises(ValueError, match=r"^css must be a style sheet without errors, got one: Can not serialize"):
        purged("a", ())


# ---- the ledger of a small site ----


NAV = "nav:\n  - Home: index.md\n  - Questions:\n      - One: one.md\n      - Two: deep/two.md\n  - Ledger: ledger.md\n"
MUTATION = Mutation(1200, 1195, (("a = c", "as b = c"), ("a < d", "")), ("a = e",))


@pytest.fixture
def small(monkeypatch, tmp_path):
    """A checkout with three pages, whose claims are given."""
    (tmp_path / "docs/deep").mkdir(parents=True)
    (tmp_path / "mkdocs.yml").write_text(NAV)
    texts = {"one.md": "# One & all { #one }\n\nSo $x^2 = 4$, and\n$a b = c$.\n", "deep/two.md": "No title"}
    for name, text in {**texts, "other.md": "Text\n\n# Other\n"}.items():
        (tmp_path / "docs" / name).write_text(text)
    claims = [
        Claim("one.md", "first", record("checked", EQUATION, BOUND, instances=3000, latex="a < b\n"), MUTATION),
        Claim("one.md", "second", record("test", latex="a = b = c", binding="tests/x.py::test_y")),
        Claim("deep/two.md", "third", record("refuted", EQUATION, instances=5, expected=False), Mutation(3, 3)),
        Claim("other.md", "fourth", record("cited", latex="a = b", binding="A book")),
    ]
    monkeypatch.setattr(ledger_module, "claims_of_site", lambda root: claims if root == tmp_path else None)
    return tmp_path


def cells(text):
    """The text of each row of the tables of a page, cell by cell."""
    found = []
    for row in re.findall(r"<tr.*?</tr>", text, re.DOTALL):
        found.append([Page(cell).text for cell in re.findall(r"<t[hd].*?</t[hd]>", row, re.DOTALL)])
    return found


def test_the_home_page_tells_how_much_is_checked(small):
    assert claims_today(small) == (
        "4 displayed formulas on this site are accounted for today: 3 relations were evaluated from the very LaTeX you "
        "read, in 3,005 random instances; 2 formulas are bound to a test or a source instead."
    )


def test_where_nothing_is_bound_that_is_told(small, monkeypatch):
    monkeypatch.setattr(ledger_module, "claims_of_site", lambda root: [])
    assert claims_today(small).startswith("0 displayed formulas on this site are accounted for today: 0 relations were")
    assert "; 0 formulas are bound to a test" in claims_today(small)


def test_totals_of_a_site_are_told_row_by_row(small):
    rows = cells(ledger(small).partition("</table>")[0])
    assert rows == [
        ["formulas evaluated from their LaTeX, no counterexample found", "1"],
        ["formulas shown to be wrong, counterexample found", "1"],
        ["formulas bound to a test", "1"],
        ["formulas taken from a source", "1"],
        ["relations evaluated on “One & all”", "2 of 4 (50%)"],
        ["relations evaluated on “two”", "1 of 1 (100%)"],
        ["random instances tried", "3,005"],
        ["mutants refuted", "1,198 of 1,203"],
        ["mutants that are true as well, with a reason", "2"],
        ["mutants that survive unexplained", "1"],
        ["results in the middle of a sentence, which no check reads", "2"],
    ]


def test_results_in_prose_are_listed_with_their_places(small):
    shown = Page(ledger(small))
    assert "one.md, line 3: $x^2 = 4$one.md, line 4: $a b = c$" in shown.text
    (small / "docs/one.md").write_text("# One\n")
    assert "Where such results stand" not in ledger(small)
    assert cells(ledger(small))[10][1] == "0"


def test_each_page_has_its_table_and_each_formula_its_row(small):
    shown = ledger(small)
    headings = re.findall(r'<h2 id="([^"]+)">(.*?)</h2>', shown)
    assert headings == [("page-one", "One &amp; all"), ("page-deep-two", "two"), ("page-other", "Other")]
    one, two, other = re.findall(r'<table class="ledger".*?</table>', shown, re.DOTALL)
    assert [len(cells(part)) - 1 for part in (one, two, other)] == [2, 1, 1]
    assert cells(one)[0] == ["mark", "formula", "what its check found"]
    first, second = cells(one)[1:]
    assert first[:2] == ["✓checked, worst residual 2·10−16", "firsta < b"]
    assert "Mutants true as wella = c as b = ca < d Mutants unexplaineda = e " in first[2]
    assert second == ["test", "seconda = b = c", "Not evaluated here: bound to tests/x.py::test_y."]
    assert "Mutants" not in two + other
    page = Page(two)
    assert page.values("href") == ["../deep/two/#third"]
    assert {"id": "row-deep-two-third", "class": "refuted"} in [attributes for _, attributes in page.elements]


def test_a_part_without_relations_counts_as_evaluated():
    assert totals([]).share == 1.0
    assert totals([Claim("a.md", "1", record("definition", latex="a := b"))]).share == 1.0
    assert totals([Claim("a.md", "1", record("cited"))]).share == 0
    with pytest.raises(FrozenInstanceError):
        totals([]).mutants = 1
    with pytest.raises(FrozenInstanceError):
        Claim("a.md", "1", record()).page = "b.md"


# ---- a formula with its mark ----


def test_the_relation_that_fails_is_named_where_there_are_several():
    for found, relations_of, said in (
        (FOUND, (EQUATION,), "the formula says0.6931 = 0.5, false"),
        (FOUND, (EQUATION, BOUND), "relation 1 says0.6931 = 0.5, false"),
        (replace(FOUND, relation=1), (EQUATION, BOUND), "relation 2 says0.6931 = 0.5, false"),
    ):
        given = record("refuted", *relations_of, counterexample=found, expected=False)
        assert said in Page(claim_html(Claim("page.md", "claim", given), KATEX)).text


def test_without_a_value_there_are_no_two_sides():
    undefined = Counterexample((("k", "2·10⁻³"), ("a < b", "no")), "", "", "")
    given = record("checked", EQUATION, unassumed=undefined, assume=("positive", r"k \neq i"))
    shown = claim_html(Claim("page.md", "claim", given), KATEX)
    assert "<dt>k</dt><dd>2·10<sup>−3</sup></dd><dt>a &lt; b</dt><dd>no</dd></dl>" in shown
    assert "Smallest counterexample without positive, k ≠ i:" in shown
    assert "says" not in shown


def test_only_a_formula_that_is_wrong_is_called_so():
    refuted = record("refuted", EQUATION, counterexample=FOUND, expected=False)
    wrong, right = (claim_html(Claim("p.md", "a", given), KATEX) for given in (refuted, record("checked", EQUATION)))
    assert [text.count('class="counterexample"') for text in (wrong, right)] == [1, 0]
    assert 'aria-label="formula, wrong"' in wrong
    assert 'aria-label="formula"' in right
    assert [text.split('"')[1] for text in (wrong, right)] == ["claim refuted", "claim checked"]
    assert 'class="counterexample"' not in claim_html(Claim("p.md", "a", replace(refuted, counterexample=None)), KATEX)
    assert "display=" in right or 'display="block"' in right  # MathML of a formula on a line of its own
    assert "its row on the ledger" not in right


def test_a_mark_without_a_sign_is_its_text():
    assert mark_html(record("cited", binding="A book")) == "cited"
    assert mark_html(record("definition")) == '<span class="sign">:=</span> definition'
    assert html_of("2·10⁻¹⁶ < 3⁴") == "2·10<sup>−16</sup> &lt; 3<sup>4</sup>"


# ---- claims ----


def test_formulas_of_one_name_are_told_apart_and_mutants_belong_to_theirs():
    records = [
        record(name=name, binding=binding)
        for name, binding in (
            ("a", ""), ("b", ""), ("a", ""), ("line-7", ""), ("line-19", ""), ("line-20", "x.py::f"), ("a", ""),
        )
    ]  # fmt: skip
    found = claims_module._claims(records, "p.md", {"a": MUTATION})
    anchors = ["a", "b", "a-2", "text-formula", "text-formula-2", "f-formula", "a-3"]
    assert [claim.anchor for claim in found] == anchors
    assert [claim.mutation for claim in found] == [MUTATION, None, MUTATION, None, None, None, MUTATION]
    assert [claim.named for claim in found] == [True, True, True, False, False, False, True]
    assert {claim.page for claim in found} == {"p.md"}


LAW = '# Page\n\n```math id="law" model="latent"\n\\sum_z p(z) = {}\n```\n'


def test_mutants_are_made_where_every_formula_is_right(tmp_path):
    for value, mutated in (("1", True), ("2", False)):
        path = tmp_path / f"page-{value}.md"
        path.write_text(LAW.format("{z}").replace("{z}", value))
        (claim,) = claims_of_page(path, "page.md")
        assert claim.record.ok == mutated
        assert (claim.mutation is not None) == mutated


def test_the_claims_of_a_site_are_those_of_its_pages_and_then_of_its_docstrings(tmp_path, monkeypatch):
    asked = []

    def claims_of_page(path, page, cache=None):
        asked.append((path.relative_to(tmp_path).as_posix(), page, cache))
        return [path.name]

    monkeypatch.setattr(claims_module, "claims_of_page", claims_of_page)
    texts = {
        "docs/b.md": "::: hw.one\n\n::: hw.two\n",
        "docs/a.md": "text ::: hw.three\n",
        "docs/sub/c.md": "::: hw.sub\n",
        "docs/notebook.py": "# %%",
        "docs/image.png": "",
        "src/hw/one.py": "",
        "src/hw/sub/__init__.py": "",
        "src/hw/sub/four.py": "",
        "src/hw/three.py": "",
        "src/hw/two.py": "",
    }
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    pages = ["a.md", "b.md", "notebook.py", "c.md"]
    assert claims_of_site(tmp_path) == [*pages, "one.py", "__init__.py", "two.py"]
    cache = tmp_path / ".cache/checked_math.json"
    assert asked == [
        *((f"docs/{name}", name, cache) for name in ("a.md", "b.md", "notebook.py", "sub/c.md")),
        ("src/hw/one.py", "b.md", cache),
        ("src/hw/sub/__init__.py", "sub/c.md", cache),
        ("src/hw/two.py", "b.md", cache),
    ]


# ---- numbers and words ----


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (math.inf, "∞"),
        (9999.4, "9999"),
        (1e4, "1·10⁴"),
        (99.5, "100"),
        (100.0, "100"),
        (99.4, "99"),
        (1e-3, "0.001"),
        (9.99e-4, "1·10⁻³"),
        (0.5, "0.5"),
    ],
)
def test_numbers_where_their_form_changes(value, text):
    assert number(value) == text


# ---- the marks of a page that MkDocs builds ----


class Known(Treeprocessor):
    """Where MkDocs says which file it is about."""

    def __init__(self, md, file):
        super().__init__(md)
        self.file = file

    def run(self, root):
        pass


class Anchors(Preprocessor):
    """Where MkDocs gathers the anchors of a page."""

    def __init__(self, md):
        super().__init__(md)
        self.present_anchor_ids = {"before"}

    def run(self, lines):
        return lines


def of_mkdocs(tmp_path, text, file, **options):
    """HTML of a text as MkDocs makes it of a file, and the anchors it is told of."""
    folders = {"library": str(tmp_path), "docs": str(tmp_path), "cache": "", "katex": str(KATEX)}
    md = markdown.Markdown(extensions=[marks.makeExtension(**{**folders, **options})])
    anchors = Anchors(md)
    md.preprocessors.register(anchors, "mkdocs_raw_html", 10)
    md.treeprocessors.register(Known(md, file), "relpath", 0)
    return md.convert(text), anchors.present_anchor_ids


FENCE = '```math id="one" was="old" model="checked"\na < b\n```\n'


def test_a_formula_of_a_page_links_to_its_row(checker, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    asked, made = [], Claim("deep/page.md", "one", record(latex="a < b", name="one"))
    monkeypatch.setattr(marks, "claims_of_page", lambda *given: asked.append(given) or [made])
    file = SimpleNamespace(abs_src_path=str(tmp_path / "docs/deep/page.md"), src_uri="deep/page.md")
    shown, anchors = of_mkdocs(tmp_path, FENCE, file, cache="kept.json")
    assert Page(shown).values("href") == ["#one", "../../ledger/#row-deep-page-one"]
    assert anchors == {"before", "old", "one"}
    assert asked == [(Path("docs/deep/page.md"), "deep/page.md", Path("kept.json"))]
    shown, _ = of_mkdocs(tmp_path, FENCE, file, ledger="")
    assert Page(shown).values("href") == ["#one"]
    assert asked[1][2] is None


def test_a_page_without_a_file_has_no_row(checker, monkeypatch, tmp_path):
    monkeypatch.setattr(marks, "claims_of_page", None)
    made = SimpleNamespace(abs_src_path=None, src_uri="made.md")
    for file in (made, None):
        shown, anchors = of_mkdocs(tmp_path, FENCE, file)
        assert Page(shown).values("href") == ["#one"]
        assert anchors == {"before", "old", "one"}


def test_the_first_of_equal_formulas_counts_unless_it_is_in_error():
    wrong, right, later = (
        Claim(f"{n}.md", "a", record(status, latex=latex, name=name))
        for n, (status, latex, name) in enumerate(
            [("error", "a  =\n b", "a"), ("checked", "a = b", "a"), ("checked", "a = b", "a")]
        )
    )
    unnamed = Claim("4.md", "text-formula", record(name="line-3"))
    found = marks._by_formula([wrong, right, later, unnamed])
    assert found == {("a = b", "a"): right, ("a = b", ""): unnamed}
    assert marks._by_formula([right, wrong]) == {("a = b", "a"): right}
    assert marks._by_formula([wrong]) == {("a = b", "a"): wrong}


def test_what_is_no_formula_is_left_as_it_is(checker, tmp_path):
    code = "```python\n$$a$$\n```\n"
    assert "<code>" in render(f"{code}\n{FENCE}", tmp_path, "pymdownx.superfences")
    with pytest.raises(ValueError, match=r"^formula must have a record of its check, got none for a = b$"):
        marks._Formulas(markdown.Markdown(), marks.makeExtension(library=str(tmp_path), docs=str(tmp_path))).set(
            " a = b "
        )


def test_a_page_is_checked_anew_only_when_its_text_has_changed(monkeypatch, tmp_path):
    checked, path = [], tmp_path / "page.md"
    monkeypatch.setattr(claims_module, "check_file", lambda path, cache: checked.append(path.read_text()) or [])
    texts = [LAW.replace("{}", value) for value in "12"]
    for text in (texts[0], texts[0], texts[1], texts[0]):
        path.write_text(text)
        claims_of_page(path, "page.md")
    assert checked == texts
