import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import markdown
import pytest

from hw.checked_math.document import fences
from hw.checked_math.records import Counterexample, Mutation, Record, Relation
from hw.site import claims as claims_module
from hw.site.claims import Claim, address, claims_of_library, claims_of_page, claims_of_site
from hw.site.display import claim_html, mark_html
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
