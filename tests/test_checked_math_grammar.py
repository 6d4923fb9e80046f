"""The grammar: spellings that are read alike, and what is refused, with its place."""

from contextlib import suppress
from dataclasses import fields, is_dataclass

import pytest

from hw.checked_math.errors import FormulaError
from hw.checked_math.grammar.statements import Names, parse
from hw.checked_math.models.model import Law, Vocabulary
from hw.checked_math.syntax import Literal, Name

VOCABULARY = Vocabulary(
    variables={
        **dict.fromkeys("abct", "number"),
        **dict.fromkeys("ij", "index"),
        **dict.fromkeys("km", "count"),
        **{"x": "x", "z": "z"},
    },
    families={"z": "z", "w": "number"},
    laws=frozenset("pq"),
    functions={"f": (1, "number"), "g": (2, "number"), "F": (1, "x"), "F^{-1}": (1, "z")},
    sets=dict.fromkeys(("A", "M_1", "M_{12}", r"M_\theta"), "offset"),
    random={"X": Law("p", "X")},
)
PLACES = ("start", "end", "places")  # in the source


def shape(node):
    """What was read, without its places in the source."""
    if isinstance(node, list | tuple) and not isinstance(node, Law):
        return tuple(map(shape, node))
    if not is_dataclass(node):
        return node
    return type(node).__name__, *(shape(getattr(node, each.name)) for each in fields(node) if each.name not in PLACES)


def read(source, *before):
    """The shape of a formula, after others on the page."""
    names = Names(VOCABULARY)
    for other in before:
        parse(other, names)
    return shape(parse(source, names))


def parts(node):
    """A node and all inside it."""
    if isinstance(node, list | tuple):
        for each in node:
            yield from parts(each)
    elif is_dataclass(node):
        yield node
        for each in fields(node):
            yield from parts(getattr(node, each.name))


ALIKE = [
    ("{}a = b", "a = b"),
    ("a{} = b", "a = b"),
    ("a^2{} = b", "a^2 = b"),
    (r"\frac12 = a", r"\frac{1}{2} = a"),
    (r"\frac123 = a", r"\frac{1}{2}3 = a"),
    (r"\frac1{23} 4 = a", r"\frac{1}{23} 4 = a"),
    (r"\frac ab = c", r"\frac{a}{b} = c"),
    (r"\binom k2 = a", r"\binom{k}{2} = a"),
    (r"\sqrt[3]{a} = b", "a^{1/3} = b"),
    (r"\sqrt a b = c", r"\sqrt{a} b = c"),
    (r"a^\infty = b", r"a^{\infty} = b"),
    (r"\sum_{j=1,\dots,k} j = a", r"\sum_{j=1}^{k} j = a"),
    (r"\sum_{j = 1, \ldots, k} j = a", r"\sum_{j=1}^k j = a"),
    (r"\sum^k_{j=1} j = a", r"\sum_{j=1}^k j = a"),
    (r"\sum_{j \in \{1, \dots, k\}} j = a", r"\sum_{j=1}^k j = a"),
    (r"\sum_{j \in [k]} j = a", r"\sum_{j=1}^k j = a"),
    (r"\sum_{\substack{j \in A \\ j \neq i}} j = a", r"\sum_{j \in A, j \neq i} j = a"),
    (r"\sum_{j \in A; j \neq i} j = a", r"\sum_{j \in A, j \neq i} j = a"),
    (r"\sum_{i, j \in A} j = a", r"\sum_{i \in A, j \in A} j = a"),
    (r"\sum_{x \in \mathcal{X}} p(x) = 1", r"\sum_x p(x) = 1"),
    (r"\sum_{x, z} p(x,z) = 1", r"\sum_{x \in \mathcal{X}, z \in \mathcal{Z}} p(x,z) = 1"),
    (r"\mathbf 1[a > 0, b > 0] = 1", r"\mathbf 1[a > 0 \land b > 0] = 1"),
    ("[a > 0] = 1", r"\mathbf 1[a > 0] = 1"),
    ("1[a > 0] = 1", r"\mathbf 1[a > 0] = 1"),
    (r"1\{a > 0\} = 1", r"\mathbf 1[a > 0] = 1"),
    (r"\mathrm{1}[a > 0] = 1", r"\mathbf 1[a > 0] = 1"),
    (r"\mathbb{1}\{a > 0\} = 1", r"\mathbf 1[a > 0] = 1"),
    (r"\mathbb{I}(a > 0) = 1", r"\mathbf 1[a > 0] = 1"),
    (r"\mathbf 1_{a > 0} = 1", r"\mathbf 1[a > 0] = 1"),
    (r"\mathbf 1_{\{a > 0\}} = 1", r"\mathbf 1[a > 0] = 1"),
    ("1[a] = 1", r"1 \cdot (a) = 1"),
    ("1(a) > 0", r"1 \cdot (a) > 0"),
    (r"(1) \{a\} > 0", r"1 \cdot (a) > 0"),
    ("|a| = b", r"\lvert a \rvert = b"),
    (r"\left|a\right| b = c", "|a| b = c"),
    ("|a||b| = c", r"\lvert a \rvert \lvert b \rvert = c"),
    (r"\|w_1\| = b", r"\lVert w_1 \rVert = b"),
    (r"\int_{\mathbb{R}} p(x) \,\mathrm{d}x = 1", r"\int p(x) dx = 1"),
    (r"\int_x p(x) dx = 1", r"\int p(x) dx = 1"),
    (r"\int_{-\infty}^{\infty} p(x) dx = 1", r"\int p(x) dx = 1"),
    (r"\int_{\mathcal{X}} p(x) dx = 1", r"\int p(x) dx = 1"),
    (r"\iint p(x,z)\,dx\,dz = 1", r"\int p(x,z) dx dz = 1"),
    ("w^{(j)} = a", "w_j = a"),
    ("w^{(j, 1)} = a", "w_{j, 1} = a"),
    (r"\mathbb{E}_{z^{(1:k)} \sim q}[a] = b", r"\mathbb{E}_{z_{1:k} \sim q}[a] = b"),
    (r"\mathbb{E}_{z_1, \dots, z_k \sim q}[a] = b", r"\mathbb{E}_{z_{1:k} \sim q}[a] = b"),
    (r"\mathbb{E}_{z_j \sim q(z_j \mid x)}[a] = b", r"\mathbb{E}_{z_j \sim q(\cdot \mid x)}[a] = b"),
    (r"\mathbb{E}_{q(z_j \mid x)}[a] = b", r"\mathbb{E}_{z_j \sim q(\cdot \mid x)}[a] = b"),
    (r"\mathbb{E}_{q(z_{1:k} \mid x)}[a] = b", r"\mathbb{E}_{z_{1:k} \sim q(\cdot \mid x)}[a] = b"),
    (r"\mathbb{E}_{x, z \sim p(x, z)}[a] = b", r"\mathbb{E}_{p(x, z)}[a] = b"),
    (r"\operatorname{E}_q[a] = b", r"\mathbb{E}_{q}[a] = b"),
    (r"\text{E}_q[a] = b", r"\mathbb{E}_{q}[a] = b"),
    ("E_q[a] = b", r"\mathbb{E}_{q}(a) = b"),
    (r"\mathbf{E}_q[a] = b", r"\mathbb{E}_{q}[a] = b"),
    (r"\mathbb{V}\mathrm{ar}_q[a] = b", r"\mathrm{Var}_q[a] = b"),
    (r"\mathbb{V}_q[a] = b", r"\mathrm{Var}_q[a] = b"),
    (r"\mathbb{C}\mathrm{ov}_q[a, b] = b", r"\mathrm{Cov}_q[a, b] = b"),
    (r"D_{KL}(p(z)\|q(z)) = a", r"\mathrm{KL}(p(z), q(z)) = a"),
    ("KL(p(z) || q(z)) = a", r"\mathrm{KL}(p(z), q(z)) = a"),
    (r"\mathsf{KL}(p(z) \mid\mid q(z)) = a", r"\mathrm{KL}(p(z), q(z)) = a"),
    ("JSD(p(z), q(z)) = a", r"\mathrm{JS}(p(z), q(z)) = a"),
    (r"\mathcal{D}_{JS}(p(z), q(z)) = a", r"\mathrm{JSD}(p(z), q(z)) = a"),
    (r"D_{\chi^2}(p(z), q(z)) = a", r"\chi^2(p(z), q(z)) = a"),
    ("D_{TV}(p(z), q(z)) = a", r"\mathrm{TV}(p(z), q(z)) = a"),
    ("H(p(z)) = a", r"\mathrm{H}[p(z)] = a"),
    (r"\mathbb{H}(p(z)) = a", r"\mathrm{H}[p(z)] = a"),
    ("H(p(z), q(z)) = a", r"\mathrm{H}[p(z), q(z)] = a"),
    ("f'(a) = b", r"\frac{\mathrm d f(a)}{\mathrm d a} = b"),
    ("f'(a) = b", r"\frac{\partial f}{\partial a} = b"),
    ("f'(a) = b", r"\frac{\partial f}{\partial a}(a) = b"),
    ("f'(a) = b", r"\frac{\partial f(a)}{\partial a^\top} = b"),
    ("f'(a) = b", r"\frac{df(a)}{da} = b"),
    ("J_f(a) = b", "f'(a) = b"),
    (r"\frac{d^2}{da^2} (a b) = c", r"\frac{\mathrm d^2 (a b)}{\mathrm d a^2} = c"),
    (r"\frac{\partial}{\partial w_1} a w_1 = c", r"\frac{\partial (a w_1)}{\partial w_1} = c"),
    (r"\langle w_1, w_2 \rangle = a", r"w_1^\top w_2 = a"),
    ("w_1^T w_2 = a", r"w_1^{\top} w_2 = a"),
    (r"w_1^{\mathsf{T}} w_2 = a", r"w_1^\top w_2 = a"),
    (r"\max\{a, b\} = c", r"\max(a, b) = c"),
    (r"\max[a, b] = c", r"\max(a, b) = c"),
    (
        r"\begin{cases} a & b > 0 \\ c & \text{otherwise} \end{cases} = a",
        r"\begin{cases} a, & b > 0, \\ c & \text{else} \end{cases} = a",
    ),
    (
        r"\begin{cases} a & \text{if } b > 0 \\ c \end{cases} = a",
        r"\begin{cases} a & b > 0 \\ c, & \text{otherwise.} \end{cases} = a",
    ),
    (
        r"\begin{cases} a & b > 0, c > 0 \\ c \end{cases} = a",
        r"\begin{cases} a & b > 0 \land c > 0 \\ c \end{cases} = a",
    ),
    (r"\mathbb{E}_{q(z_1, z_2)}[a] = b", r"\mathbb{E}_{z_1 \sim q(z_1, z_2)}[a] = b"),
    (r"\underset{1 \le j \le k}{\,\max} j = a", r"\max_{1 \le j \le k} j = a"),
    (r"\frac{d f(a)}{d a} = b", r"f'(a) = b"),
    ("M_1 = A", "M_{1} = A"),
    (r"M_\theta = A", r"M_{\theta} = A"),
    ("f^{-1}(a) = b", "(f)^{-1} a = b"),
    ("a - b + c = 0", "a + (-b) + c = 0"),
    ("+a = b", "a = b"),
    (r"p(x \mid z) = a", "p(x | z) = a"),
    (r"p(x; \theta) = a", r"p_\theta(x) = a"),
    (r"a \cdot b / c = 1", "a b / c = 1"),
    (r"\log \frac1k \sum_{j=1}^k w_j = a", r"\log\left(\frac1k \sum_{j=1}^k w_j\right) = a"),
    (r"\log p(x) p(z) = a", r"\log(p(x) p(z)) = a"),
    (r"\log\log a = b", r"\log(\log(a)) = b"),
    (r"\det F'(x) = a", r"\det\left(\frac{\partial F(x)}{\partial x}\right) = a"),
    (r"\mathrm{KL}(p\|q) := a", r"\mathrm{KL}(p\|q) = a"),
    ("a = b, c = 1", r"a = b \\ c = 1"),
    (r"a = b \text{ for all } x, z", "a = b"),
    (r"a = b \quad \text{and} \quad c = 1.", r"a = b \\ c = 1"),
]


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_spellings_are_read_alike(one, other):
    assert read(one) == read(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a b = c", "b a = c"),
        ("a - b = c", "a + b = c"),
        (r"\frac123 = a", r"\frac{1}{23} = a"),
        (r"\sum_{j=1}^k j = a", r"\sum_{j=2}^k j = a"),
        (r"\sum_{j \in A, j \neq i} j = a", r"\sum_{j \in A} j = a"),
        (r"\mathbf 1[a > 0, b > 0] = 1", r"\mathbf 1[a > 0] = 1"),
        (r"\mathbb{E}_{q}[a] = b", r"\mathbb{E}_{p}[a] = b"),
        (r"\mathbb{E}_{x \sim q(x)}[a] = b", r"\mathbb{E}_{x \sim q(\cdot)}[a] = b"),
        (r"\mathbb{E}_{z_1 \sim q(z_1, z_2)}[a] = b", r"\mathbb{E}_{z_1 \sim q(\cdot)}[a] = b"),
        (r"\mathbb{E}_{q(z_1, z_2)}[a] = b", r"\mathbb{E}_{q(\cdot)}[a] = b"),
        (r"\mathbb{E}_{z_1 \sim q(w_1)}[a] = b", r"\mathbb{E}_{z_1 \sim q(\cdot)}[a] = b"),
        (r"\mathrm{KL}(p(z), q(z)) = a", r"\mathrm{KL}(q(z), p(z)) = a"),
        (r"\mathrm{TV}(p(z), q(z)) = a", r"\mathrm{JSD}(p(z), q(z)) = a"),
        ("f'(a) = b", "f(a) = b"),
        (r"\frac{\mathrm d}{2} = c", r"\frac{\mathrm d}{\mathrm d a} a = c"),
        (r"F^{-1}(a) = b", r"(F(a))^{-1} = b"),
        (r"f^{-1}(a) = b", r"f(a) = b"),
        (r"\max(a, b) = c", r"\min(a, b) = c"),
        ("M_{12} = A", "M_1 2 = A"),
        ("a = b = c", "a = c"),
        (r"a = b \\ c = 1", "a = b c = 1"),
        (r"\int_0^1 a\,da = 1", r"\int a\,da = 1"),
    ],
)
def test_what_is_read_tells_formulas_apart(one, other):
    assert read(one) != read(other)


def test_an_inverse_is_a_function_of_its_own():
    ((_, _, (_, (left, _), _)),) = read("F^{-1}(a) = b")
    assert left == ("Call", "F^{-1}", (("Name", "a"),))


@pytest.mark.parametrize(
    ("latex", "kind"),
    [
        (r"\frac{\mathrm d f(a)}{\mathrm d a}", "Derivative"),
        (r"\frac{\mathrm d f(b)}{\mathrm d a}", "NumberDerivative"),
        (r"\frac{\mathrm d f(a)}{\mathrm d b}", "NumberDerivative"),
        (r"\frac{\mathrm d f(2)}{\mathrm d a}", "NumberDerivative"),
        (r"\frac{\mathrm d g(a, b)}{\mathrm d a}", "NumberDerivative"),
        (r"\frac{\mathrm d^2 f(a)}{\mathrm d a^2}", "NumberDerivative"),
        (r"\frac{\partial f(w_1)}{\partial w_1}", "NumberDerivative"),
        (r"\frac{a}{b}", "Operation"),
        (r"\pi", "Literal"),
        (r"\infty", "Literal"),
        (r"\theta", "Name"),
        ("w_1", "Indexed"),
        ("p(x)", "Density"),
        ("p", "Density"),
        ("f(a)", "Call"),
        ("f", "Name"),
        ("(a, b)", "Pairs"),
        (r"\{a, b\}", "SetLiteral"),
        (r"\{a : a \in A\}", "SetBuilder"),
        (r"\left. a \right|_{b = 1}", "Substitution"),
        (r"|a|_{b = 1}", "Substitution"),
        (r"|a|", "Operation"),
    ],
)
def test_what_an_expression_is(latex, kind):
    ((_, _, (_, (left, _), _)),) = read(f"{latex} = c")
    assert left[0] == kind


@pytest.mark.parametrize(
    ("below", "bound", "conditions"),
    [
        (r"1 \le i < j \le k", ["i", "j"], 3),
        (r"3 \ge j \ge 1", [], 2),
        (r"1 \le j + 1 \le k", [], 2),
        (r"1 \le j", [], 1),
        (r"j \neq i", ["j"], 1),
        (r"j \in A, j \neq i", ["j"], 1),
        (r"i \in A, 1 \le i \le j \le 3", ["i", "j"], 3),
        (r"i, j \in A", ["i", "j"], 0),
        ("x, z", ["x", "z"], 0),
        (r"j = 1, \dots, k", ["j"], 0),
        (r"j \in A, j = 1", ["j"], 1),
    ],
)
def test_what_a_sum_runs_over_and_under_which_conditions(below, bound, conditions):
    (statement,) = parse(rf"\max_{{{below}}} a = b", Names(VOCABULARY))
    found = statement.chain.parts[0]
    assert [binder.name for binder in found.binders] == bound
    assert len(found.conditions) == conditions


def test_a_plain_d_that_is_a_name_is_no_sign_of_a_derivative():
    names = Names(Vocabulary(variables=dict.fromkeys("abd", "number"), functions={"f": (1, "number")}))
    assert shape(parse(r"\frac{d f(a)}{d a} = b", names)) == shape(
        parse(r"\frac{\mathrm d f(a)}{\mathrm d a} = b", names)
    )
    assert shape(parse(r"\frac{d a}{b} = b", names)) == shape(parse(r"(d a) / b = b", names))
    with pytest.raises(FormulaError, match="for a derivative") as error:
        parse(r"\frac{d a}{d b} = b", names)
    assert error.value.at == 6


@pytest.mark.parametrize("source", [source for pair in ALIKE for source in pair])
def test_numbers_and_letters_know_their_place(source):
    found = [part for part in parts(parse(source, Names(VOCABULARY))) if isinstance(part, Literal | Name)]
    for part in found:
        shown = source[part.start : part.end].strip("{} ")
        if isinstance(part, Literal) and shown:
            assert shown == str(part.value)
        if isinstance(part, Name) and part.name.isalpha() and part.name.isascii():
            assert part.name in shown


@pytest.mark.parametrize(
    ("source", "at", "said"),
    [
        ("a^{}b = c", 3, "expected an expression, got '}'"),
        ("a", 0, "must state something"),
        (r"a b \text{so}", 0, "must state something"),
        (r"1 \subseteq", 11, "expected an expression, got the end"),
        (r"\max(1,2 = a", 9, "expected ')', got '='"),
        (r"\max a = b", 5, r"\max must be followed by brackets"),
        (r"\sum_{j=1} j = a", 6, "a sum with a lower bound must have an upper one"),
        (r"\sum_{j=1}^{\infty} j = a", 6, "infinitely many terms"),
        (r"\sum_{j=-\infty}^k j = a", 6, "infinitely many terms"),
        (r"\sum_j^k j = a", 5, "a sum with an upper bound must have a lower one"),
        (r"\sum_1 j = a", 5, "expected a variable, got '1'"),
        (r"\sum_{j=1}^k = a", 13, r"expected what \sum runs over, got '='"),
        (r"\sum_{I \subseteq [k], |I| = m} j = a", 6, r"write a sum over subsets as"),
        (r"\sum_{x \in \mathcal{Z}} p(x) = a", 12, r"\mathcal{Z} is the space of z, not of x"),
        (r"\prod_{j=1}^k j / 2 = a", 16, r"whether / divides what"),
        ("a / b c = 1", 2, r"not clear what / divides"),
        ("a / b / c = 1", 2, r"not clear what / divides"),
        (r"\log a b = c", 7, r"not clear how far \log reaches"),
        (r"\log -a = c", 0, r"not clear how far \log reaches"),
        (r"\log (a)^2 = c", 8, r"\log (...)^ is not clear"),
        (r"\log^2 a = c", 0, r"write (\log ...)^n for a power of \log"),
        (r"\log a / b = c", 7, r"not clear how far \log reaches"),
        (r"\int a = 1", 7, r"expected a differential such as \mathrm dz, got '='"),
        (r"\int_0 a\,da = 1", 0, "an integral must have two bounds, or none"),
        (r"\int_{\infty}^{-\infty} a\,da = 1", 0, r"must run from -\infty to \infty"),
        (r"\mathbf 1 = a", 10, "expected the condition of the indicator in brackets, got '='"),
        ("1[a > 0 = b", 4, "expected ']', got '>'"),
        ("J_2(a) = b", 0, "J_{2} is not a name"),
        ("J_f = a", 0, "J_{f} is not a name"),
        ("v_f(a) = b", 0, "v_{f} is not a name"),
        (r"\hat{{}} = a", 5, "must stand on one symbol"),
        (r"\frac{\mathrm d f(a)}{\mathrm d a b} = c", 34, "a derivative is taken by one plain number"),
        (r"\mathbb{E}_{w_{i,1}, \dots, w_{k,1} \sim q}[a] = b", 28, "between two members of a sequence"),
        (r"\mathbb{E}_q a = b", 13, r"the body of \mathbb{E} must stand in brackets"),
        (r"\mathbb{E}_{x, z}[a] = b", 12, r"expected \sim and a law for every variable"),
        (r"\mathbb{E}_{x \sim q, z}[a] = b", 22, r"expected \sim and a law for every variable"),
        (r"\mathbb{E}_{x, z, z' \sim p(x,z)}[a] = b", 12, "exactly the variables that are drawn"),
        (r"\mathbb{E}_{x \sim p(x,z)}[a] = b", 12, "exactly the variables that are drawn"),
        (r"\mathbb{E}_{x, z \sim p(x, z), x' \sim q}[a] = b", 12, "must stand alone below"),
        (r"\mathbb{E}_{2 \sim q}[a] = b", 12, "expected a variable to draw"),
        (r"\mathbb{E}_{x, \dots, z \sim q}[a] = b", 22, r"between two members of a sequence"),
        (r"\mathbb{E}_{I \subseteq [k], |J| = m}[a] = b", 30, "expected the size of the same subset"),
        (r"\mathbb{E}_{I \subseteq [k], |2| = m}[a] = b", 30, "expected the size of the same subset"),
        (r"\mathbb{E}_{1 \subseteq [k], |I| = m}[a] = b", 30, "expected the size of the same subset"),
        (r"\mathbb{E}_{I \subseteq [k], a = m}[a] = b", 29, "expected the size of the subset"),
        (r"\mathrm{KL}(p(z)) = a", 11, r"KL must have two laws, set apart by \|"),
        ("D_{XY}(p(z), q(z)) = a", 0, "D_{XY} is not a name"),
        (r"\mathrm{H} := a", 0, r"\mathrm{H} belongs to the notation"),
        (r"\mathrm{Var} := a", 0, r"\mathrm{Var} belongs to the notation"),
        (r"\mathbf{1}[a = b] := 1", 0, r"\mathbf{1} belongs to the notation"),
        (r"\pi := 3", 0, r"\pi is the number and cannot be redefined"),
        ("p := a", 0, "a law must be defined with its variables"),
        ("p(x_1) := a", 0, "the variables of a defined law must be plain"),
        (r"q(z_1 \mid x) := a", 0, "the variables of a defined law must be plain"),
        ("v^{(1)} := a", 4, "expected an index, got '1'"),
        ("v^{(u)} := a", 4, "expected an index, got 'u'"),
        ("v^{(j} := a", 5, "expected ')', got '}'"),
        ("2 := a", 0, "expected a name to define, got '2'"),
        ("v(2) := a", 2, "expected the name of a parameter, got '2'"),
        ("v(w_{2:k}) := a", 5, "expected '1', got '2'"),
        ("v(w_{1:k) := a", 4, "'{' is not closed"),
        ("w^{(j)}_i = a", 7, "expected a relation sign, got '_'"),
        ("w_i^{(j)} = a", 3, "expected both indices of w below"),
        ("u_2 = a", 0, "u_{2} is not a name"),
        ("f_2(a) = b", 0, "f_{2} is not a name"),
        (r"\mathcal{L}(a; \theta') = b", 0, r"\mathcal{L}_{;\theta'} is not a name"),
        ("|a|_{b} = c", 3, "expected a relation sign, got '_'"),
        ("|a|_b = c", 3, "expected a relation sign, got '_'"),
        (r"\left. a \right|_{2 = b} = c", 18, "expected a variable to set"),
        (r"\frac{\partial F}{\partial x}(z) = c", 30, "the derivative by x must not be taken at z"),
        (r"\frac{\partial f}{\partial a}(a, b) = c", 29, "a derivative must be taken at one value, got 2"),
        (r"\frac{\mathrm d^3 a}{\mathrm d a^3} = c", 16, "of order 1 or 2"),
        (r"\frac{\mathrm d^2 a}{\mathrm d a} = c", 32, "expected '^2' behind the variable, as above the bar, got '}'"),
        (r"\frac{\mathrm d^2 a}{\mathrm d a^1} = c", 33, "expected the order 2 of the derivative, got '1'"),
        (r"\frac{\mathrm d a}{\mathrm d a^2} = c", 31, r"expected a first derivative"),
        (r"\frac{\partial (a + b)}{\partial a^\top} = c", 0, r"write the derivative as"),
        (r"\frac{\mathrm d a + b}{\mathrm d a} = c", 18, "write brackets around the sum"),
        (r"\frac{\mathrm d}{\mathrm d a} = c", 30, "expected what the derivative is taken of, got '='"),
        (r"\frac{\mathrm d}{\mathrm d a} (a) b = c", 34, "write brackets around all that is differentiated"),
        (r"\frac{\mathrm d}{\mathrm d a} a / b = c", 32, "write brackets around all that is differentiated"),
        (r"\frac{\mathrm d F}{\mathrm d 2} = c", 29, "expected a name, got '2'"),
        (r"\det a = b", 0, r"\det must stand before a derivative"),
        (r"\frac1 = a", 7, "expected an argument in braces, got '='"),
        (r"\frac12. = a", 7, "expected a relation sign, got '.'"),
        (r"\frac{1}{\pm} = a", 9, r"\pm cannot be checked"),
        (r"a \approx b", 2, r"\approx cannot be checked"),
        (r"a \to b", 2, r"\to cannot be checked"),
        (r"\begin{cases} a & b \\ c \end{cases} = a", 20, r"expected a relation sign, got '\\\\'"),
        (r"a + {\begin{cases} b \end{cases} = c", 4, "'{' is not closed"),
        ("(a = b", 3, "expected ')', got '='"),
        ("(a, b = c", 6, "expected ')', got '='"),
        ("[a > 0 = b", 3, "expected ']', got '>'"),
        (r"\{a : j \in A = b", 17, r"expected '\\}', got the end"),
        (r"\langle a \rangle = b", 10, r"expected ',', got '\\rangle'"),
        (r"\lfloor a \rceil = b", 10, r"expected '\\rfloor', got '\\rceil'"),
        (r"\|a| = b", 5, "expected an expression, got '='"),
        (r"a = \text{so}", 4, r"expected an expression, got '\\text{so}'"),
        ("a = b c) ", 7, "expected a relation sign, an operator, or the end, got ')'"),
        (r"\text{for}(a) = b", 0, r"must be written \mathrm{for}"),
        (r"p_\theta(x; \phi) = a", 12, "below or after the semicolon, not both"),
        ("p(x = a", 4, "expected ')', got '='"),
        (r"p_{\theta = a", 2, "'{' is not closed"),
        ("a = b = ", 8, "expected an expression, got the end"),
        ("w_{1:k = a", 2, "'{' is not closed"),
        ("x' > 0, F(x", 11, "expected ')', got the end"),
        ("f(a", 3, "expected ')', got the end"),
        (r"\sqrt[3{a} = b", 11, "expected ']', got '='"),
    ],
)
def test_what_is_no_formula_is_refused_at_its_place(source, at, said):
    with pytest.raises(FormulaError) as error:
        read(source)
    assert said in error.value.message
    assert error.value.at == at


LISTS = {  # what stands around the members, and between them
    "of a maximum": (r"\max(", "1", ", ", ") = 1"),
    "of cases": (r"\begin{cases}", "a", r" \\ ", r"\end{cases} = 1"),
    "of a set": (r"|\{", "1", ", ", r"\}| = 1"),
    "below a sum": (r"\sum_{", "a", ", ", "} a = 1"),
}


@pytest.mark.parametrize(("before", "member", "between", "behind"), LISTS.values(), ids=LISTS)
def test_a_list_has_a_thousand_members_at_most(before, member, between, behind):
    read(before + between.join([member] * 1000) + behind)
    for count in (1002, 1100):
        with pytest.raises(FormulaError, match="at most 1000 members"):
            read(before + between.join([member] * count) + behind)


def test_a_formula_of_sixty_set_operations_is_read_and_one_of_more_refused():
    assert read(r" \cup ".join("A" * 61) + " = A")
    with pytest.raises(FormulaError, match="at most 60 deep"):
        read(r" \cup ".join("A" * 62) + " = A")


@pytest.mark.parametrize("sign", ["=", "<"])
def test_a_formula_of_two_hundred_relation_signs_is_read_and_one_of_more_refused(sign):
    assert read(sign.join("a" * 201))
    with pytest.raises(FormulaError, match="at most 200 relation signs") as error:
        read(sign.join("a" * 202))
    assert error.value.at == 401


@pytest.mark.parametrize(
    ("source", "functions", "families", "labeled"),
    [
        ("v := a", set(), set(), {"v"}),
        ("v(a) := a", {"v"}, set(), set()),
        ("v_j := a", set(), {"v"}, set()),
        ("v_j(a) := a", {"v"}, {"v"}, set()),
        ("v^{(j)} := a", set(), {"v"}, set()),
        ("v_{i,j} := a", set(), {"v"}, set()),
        ("f_j := a", set(), set(), {"f_{j}"}),  # beside the model's function f the subscript is a label
        ("w_u := a", set(), {"w"}, set()),  # and beside its family w an index
        (r"v_{\mathrm{old}} := a", set(), set(), {"v_{old}"}),
        ("q(z) := a", {"q(1|0)"}, set(), set()),
        (r"p_\theta(x \mid z) := a", {r"p_\theta(1|1)"}, set(), set()),
        (r"\mathcal{L}(a; \theta) := a", {r"\mathcal{L}_{;\theta}"}, set(), set()),
        (r"\mathcal{L}(a; \theta', \phi) := a", {r"\mathcal{L}_{;\theta',\phi}"}, set(), set()),
        (r"\mathcal{L}(\theta'; a) := a", {r"\mathcal{L}_{;\theta'}"}, set(), set()),
        (r"v_j(a; \theta) := a", {r"v_{;\theta}"}, {"v", r"v_{;\theta}"}, set()),
        (r"\mathrm{KL}(p \| q) := a", set(), set(), set()),
        ("H := a", set(), set(), {"H"}),
    ],
)
def test_a_definition_makes_a_name_known(source, functions, families, labeled):
    names = Names(VOCABULARY)
    parse(source, names)
    assert (names.functions, names.families, names.labeled, names.bound) == (functions, families, labeled, set())


@pytest.mark.parametrize(
    ("before", "one", "other"),
    [
        (r"\mathcal{L}(a; \theta') := a", r"\mathcal{L}(b; \theta') = a", r"\mathcal{L}(\theta'; b) = a"),
        (r"v_j(a; \theta) := a", r"v_i(b; \theta) = a", r"v_{i}(\theta; b) = a"),
        ("v_j := a", "v_1 = a", "v^{(1)} = a"),
        ("v(a) := a", "v'(b) = a", r"\frac{\mathrm d v(b)}{\mathrm d b} = a"),
        ("v(w_{1:k}) := w_1", "v(w_1, w_2) = a", "v(w_1; w_2) = a"),
        ("v_{old} := a", r"v_{\mathrm{old}} = a", "v_{old} = a"),
    ],
)
def test_what_a_page_defines_is_read_as_what_it_is(before, one, other):
    assert read(one, before) == read(other, before)
    with suppress(FormulaError):  # or else
        assert read(one) != read(one, before)
