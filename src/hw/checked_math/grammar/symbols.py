"""The commands of LaTeX that the grammar knows, by what becomes of them."""

__all__ = [
    "ACCENTS",
    "ALPHABETS",
    "ANNOTATED",
    "BOLD",
    "CLAIMS",
    "DEEPEST",
    "HIDDEN",
    "MACROS",
    "NAMES",
    "RELATIONS",
    "SPACES",
    "SWITCHES",
    "SYNONYMS",
    "TEXTS",
    "TEXT_OPERATORS",
    "TRANSPARENT",
    "WORDS",
]

MACROS = {  # the one list of macros: the parser replaces them, and the site hands them to KaTeX
    r"\E": r"\mathbb{E}",
    r"\KL": r"D_{\mathrm{KL}}",
    r"\JSD": r"\mathrm{JSD}",
    r"\Var": r"\operatorname{Var}",
    r"\dd": r"\mathrm{d}",
}
DEEPEST = 60  # nested braces, brackets, environments and operators
RELATIONS = set(r"= < > \ge \le \neq \in \notin \subseteq".split())
CLAIMS = RELATIONS | set(  # what makes a note a claim
    r":= \approx \simeq \sim \cong \equiv \asymp \propto \to \ll \gg \prec \succ \preceq \succeq \not \neg \ni "
    r"\subsetneq \supset \supseteq \nless \ngtr \nleq \ngeq \nleqslant \ngeqslant \lneq \gneq \lesssim \gtrsim "
    r"\implies \iff \Rightarrow \Leftrightarrow".split()
)
SPACES = {r"\ "} | set(
    r"\, \; \: \! \quad \qquad \thinspace \enspace \displaystyle \textstyle \nolimits \limits \hfill \allowbreak "
    r"\nobreak \nonumber \notag \strut \mathstrut".split()
)
ALPHABETS = set(r"\mathcal \mathbb \mathbf \mathsf \mathfrak \mathscr \boldsymbol \bm".split())
BOLD = set(r"\mathbf \boldsymbol \bm".split())
ACCENTS = set(r"\hat \bar \tilde \widehat \widetilde \overline \dot \vec \check".split())
WORDS = set(r"\mathrm \operatorname \operatorname* \textrm \rm \mathit".split())
SWITCHES = {r"\rm": r"\mathrm", r"\it": r"\mathit", r"\bf": r"\mathbf", r"\cal": r"\mathcal", r"\sf": r"\mathsf"}
TEXTS = set(r"\text \textit \textbf \mbox \tag \tag* \label".split())
TEXT_OPERATORS = set("KL JSD JS TV E Var Cov H".split())  # read from a text before a bracket or a subscript
TRANSPARENT = set(r"\mathop \mathrel \mathbin \mathord \mathopen \mathclose \mathpunct \mathinner".split())
HIDDEN = set(r"\phantom \hphantom \vphantom \hspace \hspace* \vspace \mspace".split())  # dropped with their group
ANNOTATED = set(r"\overset \stackrel \underset".split())  # \overset{(a)}{=}: the annotation is dropped
SYNONYMS = dict(
    pair.split()
    for pair in r"""
    \geq \ge; \geqslant \ge; \geqq \ge; \leq \le; \leqslant \le; \leqq \le; \gt >; \lt <; \ne \neq; \subset \subseteq;
    \coloneqq :=; \coloneq :=; \triangleq :=; \colon :; \vert |; \Vert \|; \lVert \|; \rVert \|; \parallel \|;
    \lbrace \{; \rbrace \}; \lbrack [; \rbrack ]; \dfrac \frac; \tfrac \frac; \cfrac \frac; \dbinom \binom;
    \tbinom \binom; \ln \log; \iint \int; \intercal \top; \ast *; \star *; \prime '; \times \cdot; \imath i;
    \varepsilon \epsilon; \dotsb \dots; \dotsc \dots; \ldots \dots; \cdots \dots; \vdots \dots
    """.split(";")
)
NAMES = set(
    r"\alpha \beta \gamma \delta \epsilon \zeta \eta \theta \vartheta \iota \kappa \lambda \mu \nu \xi \pi \rho \sigma "
    r"\tau \upsilon \phi \varphi \chi \psi \omega \Gamma \Delta \Theta \Lambda \Xi \Pi \Sigma \Upsilon \Phi \Psi "
    r"\Omega \ell".split()
)
