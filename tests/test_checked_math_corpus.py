r"""Right formulas, which must be checked; wrong ones, which must be refuted; and text that must be an error.

Judged by the mathematics, in the notations of the field. Arithmetic is extended-real, an undefined side refutes, and
0 log 0 = 0: a right formula names the assumption it needs, and without it stands among the wrong ones.
"""

import re
from typing import NamedTuple

import pytest

from hw.checked_math.errors import FormulaError
from hw.checked_math.grammar.statements import Names, parse
from hw.checked_math.models import MODELS
from hw.checked_math.pages import check_text
from reviewed import outcome, outcomes

GIVEN = {  # definitions that a claim may build on
    "w": r"w_j := \frac{p(x,z_j)}{q(z_j\mid x)}",
    "L": (
        r"\mathcal{L}_k(x) := \mathbb{E}_{z_{1:k}\sim q(z\mid x)}"
        r"\left[\log\frac1k\sum_{j=1}^k\frac{p(x,z_j)}{q(z_j\mid x)}\right]"
    ),
    "L of w": (
        r"w_j := \frac{p(x,z_j)}{q(z_j\mid x)}, \qquad"
        r" \mathcal L_k := \mathbb E_{z_{1:k}\sim q(z\mid x)}\Big[\log\Big(\frac{1}{k}\sum_{j=1}^{k} w_j\Big)\Big]"
    ),
    "ELBO": r"\mathrm{ELBO}(x) := \mathbb{E}_{q(z|x)}\left[\log p(x,z) - \log q(z|x)\right]",
    "q(z)": r"q(z) := \mathbb{E}_{p(x)}\left[q(z\mid x)\right]",
    "ell": (
        r"\ell_{i,j} := -\log\frac{\exp(\mathrm{sim}(z_i,z_j)/\tau)}"
        r"{\sum_{k=1}^{2N}\mathbf 1[k\neq i]\,\exp(\mathrm{sim}(z_i,z_k)/\tau)}"
    ),
    "M": r"M(x) := \tfrac12(f_0(x)+f_1(x))",
    "sigma": r"\sigma(t) := \frac{1}{1+\exp(-t)}",
    "moved D": r"D_\epsilon(x) := D(x)+\epsilon\,h(x)",
}


class Claim(NamedTuple):
    """A formula with its model, the assumptions it is claimed under, and a name in `GIVEN`."""

    id: str
    latex: str
    assume: str = ""
    given: str = ""
    model: str = "latent"

    @property
    def text(self) -> str:
        return "; ".join(filter(None, (self.model, self.assume, self.given, self.latex)))


def check(latex, model="latent", assume="", given="", options=""):
    """Record of a formula that follows a definition."""
    page = f'```math id="given" model="{model}"\n{GIVEN[given]}\n```\n\n' if given else ""
    options = f'{options} assume="{assume}"' if assume else options
    *before, record = check_text(f'{page}```math id="claim" model="{model}" {options}\n{latex}\n```\n', "page.md")
    assert [each.status for each in before] == ["definition"] * len(before), before
    return record


def known(claims):
    """Parameters for the claims whose model is there."""
    return [pytest.param(claim, id=f"{claim.model}: {claim.id}") for claim in claims if claim.model in MODELS]


def of(model, *rows):
    return [Claim(*row, model=model) for row in rows]


LATENT_RIGHT = of(
    "latent",
    # ---- product rule, marginals, Bayes ----
    ("product rule", r"p(x,z) = p(x)\,p(z\mid x) = p(z)\,p(x\mid z)"),
    ("product rule, bars and dots", r"p(z, x) = p(x|z) \cdot p(z)"),
    ("marginal as a sum", r"p(x) = \sum_z p(x,z) = \sum_{z} p(x\mid z)p(z)"),
    ("marginal as an integral", r"p(x) = \int p(x\mid z)\,p(z)\,\mathrm{d}z = \int p(x, z) dz"),
    ("marginal as an expectation", r"p(x) = \mathbb{E}_{p(z)}[p(x\mid z)] = \mathbb E_{z\sim p(z)}\bigl[p(x|z)\bigr]"),
    ("marginal over a named set", r"p(x) = \sum_{z\in\mathcal{Z}} p(x,z)"),
    ("Bayes", r"p(z\mid x) = \frac{p(x\mid z)\,p(z)}{p(x)} = \frac{p(x\mid z)p(z)}{\sum_{z'} p(x\mid z')p(z')}"),
    ("Bayes with a slash", r"p(z \,|\, x) = p(x, z)/p(x)"),
    ("total mass", r"\sum_z q(z\mid x) = 1, \qquad \sum_x \sum_z p(x,z) = 1."),
    ("total mass, one sum", r"\sum_{x,z} p(x,z) = 1"),
    ("indicator picks a term", r"\sum_{z'} \mathbf 1[z'=z]\, p(z') = p(z)"),
    # ---- ELBO and KL ----
    (
        "log-evidence is ELBO plus KL, aligned with reasons",
        r"""\begin{aligned}
\log p(x) &= \mathbb{E}_{q(z\mid x)}\left[\log\frac{p(x,z)}{p(z\mid x)}\right] && \text{product rule} \\
&= \mathbb{E}_{q(z\mid x)}\left[\log\frac{p(x,z)}{q(z\mid x)}\right]
 + D_{\mathrm{KL}}\left(q(z\mid x)\,\|\,p(z\mid x)\right) && \text{add and subtract}
\end{aligned}""",
        "q << posterior",
    ),
    (
        "log-evidence is ELBO plus KL, continued rows",
        r"""\begin{align*}
\log p(x) ={} & \mathbb{E}_{z\sim q(z|x)}\Bigl[\log p(x,z) - \log q(z|x)\Bigr] \\
 & + \mathrm{KL}\bigl[q(z|x)\,\big\|\,p(z|x)\bigr]
\end{align*}""",
        "q << posterior",
    ),
    (
        "log-evidence is ELBO plus KL, integral",
        r"\ln p(x) = \int q(z\mid x)\ln\frac{p(x,z)}{q(z\mid x)}\,dz + D_{KL}(q(z|x) \parallel p(z|x))",
        "q << posterior",
    ),
    (
        "log-evidence is ELBO plus KL, sum",
        (
            r"\ln p(x) = \sum_z q(z\mid x)\ln\left(\frac{p(x,z)}{q(z\mid x)}\right)"
            r" + \operatorname{KL}(q(z|x) \Vert p(z|x))"
        ),
        "q << posterior",
    ),
    (
        "log-evidence is ELBO plus KL, parameters below",
        r"""\log p_\theta(x) = \mathbb{E}_{q_\phi(z\mid x)}\left[\log\frac{p_\theta(x,z)}{q_\phi(z\mid x)}\right]
+ D_{\text{KL}}\left(q_\phi(z\mid x)\,\middle\|\,p_\theta(z\mid x)\right)""",
        "q << posterior",
    ),
    (
        "log-evidence is ELBO plus KL, parameters after a semicolon",
        r"""\log p(x;\theta) = \mathbb{E}_{q(z\mid x;\phi)}\left[\log\frac{p(x,z;\theta)}{q(z\mid x;\phi)}\right]
+ D_{\mathrm{KL}}(q(z\mid x;\phi)\,\|\,p(z\mid x;\theta))""",
        "q << posterior",
    ),
    (
        "log-evidence is ELBO plus KL, braces below",
        r"""\log p(x) = \underbrace{\mathbb{E}_{q(z\mid x)}\left[\log\frac{p(x,z)}{q(z\mid x)}\right]}_{\text{ELBO}}
+ \underbrace{D_{\mathrm{KL}}(q(z\mid x)\,\|\,p(z\mid x))}_{\text{gap}}""",
        "q << posterior",
    ),
    (
        "log-evidence is ELBO plus KL, bold letters",
        r"""\log p(\mathbf{x}) = \mathbb{E}_{q(\mathbf{z}\mid\mathbf{x})}\left[
\log\frac{p(\mathbf{x},\mathbf{z})}{q(\mathbf{z}\mid\mathbf{x})}\right]
+ D_{\mathrm{KL}}(q(\mathbf{z}\mid\mathbf{x})\,\|\,p(\mathbf{z}\mid\mathbf{x}))""",
        "q << posterior",
    ),
    ("ELBO is a bound", r"\log p(x) \ge \mathbb{E}_{q(z\mid x)}\left[\log\frac{p(x,z)}{q(z\mid x)}\right]"),
    ("ELBO is a bound, bare law", r"\mathbb{E}_{q}\left[\log\frac{p(x,z)}{q(z\mid x)}\right] \leq \log p(x)"),
    ("ELBO is a bound, no braces", r"\mathbb E_q\big[\log p(x,z) - \log q(z|x)\big] \leqslant \log p(x)"),
    (
        "ELBO is a bound, a dot for z",
        r"\mathbb{E}_{z\sim q(\cdot\mid x)}\left[\log\frac{p(x,z)}{q(z\mid x)}\right] \le \log p(x)",
    ),
    (
        "ELBO is a bound, draw below",
        r"\log p(x) \ge \underset{z\sim q(z\mid x)}{\mathbb{E}}\left[\log\frac{p(x,z)}{q(z\mid x)}\right]",
    ),
    ("ELBO is a bound of p(x) too", r"\mathrm{ELBO}(x) \le \log p(x) \le p(x) - 1 < p(x)", "", "ELBO"),
    ("ELBO gap", r"\log p(x) - \mathrm{ELBO}(x) = D_\mathrm{KL}\left[q(z|x) \,\big\|\, p(z|x)\right]", "", "ELBO"),
    ("ELBO is tight at the posterior", r"\mathrm{ELBO}(x) = \log p(x)", "q = posterior", "ELBO"),
    (
        "reconstruction minus KL",
        r"""\begin{split}
\mathbb{E}_{q(z\mid x)}\left[\log\frac{p(x,z)}{q(z\mid x)}\right]
&= \mathbb{E}_{q(z\mid x)}[\log p(x\mid z)] + \mathbb{E}_{q(z\mid x)}\left[\log\frac{p(z)}{q(z\mid x)}\right] \\[4pt]
&= \mathbb{E}_{q(z\mid x)}[\log p(x\mid z)] - D_{\mathrm{KL}}(q(z\mid x)\,\|\,p(z))
\end{split}""",
    ),
    (
        "run of densities in a log",
        r"\mathbb{E}_{q(z\mid x)}[\log p(x\mid z)p(z)] = \mathbb{E}_{q(z\mid x)}[\log p(x,z)]",
    ),
    (
        "Jensen",
        r"""\log p(x) = \log \mathbb{E}_{q(z\mid x)}\left[\frac{p(x,z)}{q(z\mid x)}\right]
\stackrel{\text{Jensen}}{\ge} \mathbb{E}_{q(z\mid x)}\left[\log\frac{p(x,z)}{q(z\mid x)}\right]""",
        "posterior << q",
    ),
    (
        "Jensen without an assumption loses twice",
        r"""\log p(x) \ge \log \mathbb{E}_{q(z\mid x)}\left[\frac{p(x,z)}{q(z\mid x)}\right]
\ge \mathbb{E}_{q(z\mid x)}\left[\log\frac{p(x,z)}{q(z\mid x)}\right]""",
    ),
    (
        "KL is not negative",
        r"D_{\mathrm{KL}}(q(z\mid x)\,\|\,p(z\mid x)) \ge 0, \quad \mathrm{KL}(p(z|x)\|q(z|x)) \ge 0",
    ),
    (
        "KL as an expectation",
        r"\mathbb{E}_q\left[\log\frac{q(z\mid x)}{p(z\mid x)}\right] = D_{\mathrm{KL}}(q\,\|\,p(z\mid x))",
    ),
    ("KL as a sum", r"\mathrm{KL}\left(q(z\mid x)\,\|\,p(z)\right) = \sum_z q(z\mid x)\log\frac{q(z\mid x)}{p(z)}"),
    (
        "KL with its sign",
        (
            r"\mathbb{E}_{p(z\mid x)}\left[\log\frac{q(z\mid x)}{p(z\mid x)}\right]"
            r" = -\mathrm{KL}[p(z\mid x)\,\|\,q(z\mid x)]"
        ),
    ),
    (
        "cross-entropy",
        r"-\mathbb{E}_{q(z\mid x)}[\log p(z)] = \mathrm{H}(q(z\mid x)) + D_{\mathrm{KL}}(q(z\mid x)\|p(z))",
    ),
    ("a constant's expectation", r"\mathbb{E}_{q(z\mid x)}[\log p(x)] = \log p(x)"),
    (
        "mutual information",
        r"""\begin{aligned}
\mathbb{E}_{p(x,z)}\left[\log\frac{p(x,z)}{p(x)\,p(z)}\right] &= D_{\mathrm{KL}}(p(x,z)\,\|\,p(x)\,p(z)) \\
&= \mathbb{E}_{p(x)}\left[D_{\mathrm{KL}}(p(z\mid x)\,\|\,p(z))\right] \ge 0
\end{aligned}""",
    ),
    (
        "mutual information from entropies",
        r"\mathbb{E}_{p(x)}[\mathrm{KL}(p(z|x)\|p(z))] = \mathrm{H}(p(z)) - \mathbb{E}_{p(x)}[\mathrm{H}(p(z\mid x))]",
    ),
    (
        "the KL terms of an aggregate",
        r"""\mathbb{E}_{p(x)}[D_{\mathrm{KL}}(q(z\mid x)\|p(z))]
= \mathbb{E}_{p(x)}[D_{\mathrm{KL}}(q(z\mid x)\|q(z))] + D_{\mathrm{KL}}(q(z)\|p(z))""",
        "",
        "q(z)",
    ),
    (
        "chain rule of KL",
        r"""D_{\mathrm{KL}}(p_\theta(x,z)\,\|\,p_{\theta'}(x,z)) = D_{\mathrm{KL}}(p_\theta(x)\,\|\,p_{\theta'}(x))
+ \mathbb{E}_{p_\theta(x)}[D_{\mathrm{KL}}(p_\theta(z\mid x)\,\|\,p_{\theta'}(z\mid x))]""",
    ),
    (
        "data processing",
        r"D_{\mathrm{KL}}(p_\theta(x)\,\|\,p_{\theta'}(x)) \le D_{\mathrm{KL}}(p_\theta(x,z)\,\|\,p_{\theta'}(x,z))",
    ),
    (
        "a step of EM",
        r"""\log p_{\theta'}(x) - \log p_\theta(x) \ge
\mathbb{E}_{p_\theta(z\mid x)}[\log p_{\theta'}(x,z)] - \mathbb{E}_{p_\theta(z\mid x)}[\log p_\theta(x,z)]""",
    ),
    ("best point is a bound", r"\log p(x) \ge \max_z \log p(x,z), \quad \max_{z} p(z\mid x) \le 1"),
    # ---- importance weights ----
    ("mean of the weight", r"\mathbb{E}_{q(z\mid x)}\left[\frac{p(x,z)}{q(z\mid x)}\right] = p(x)", "posterior << q"),
    ("mean of the weight, at most", r"\mathbb{E}_{q(z\mid x)}\left[\frac{p(x,z)}{q(z\mid x)}\right] \le p(x)"),
    (
        "mean of the mean weight",
        r"\mathbb{E}_{z_{1:k}\sim q(z\mid x)}\left[\frac{1}{k}\sum_{j=1}^{k} w_j\right] = p(x)",
        "posterior << q",
        "w",
    ),
    (
        "two draws by name",
        r"\mathbb{E}_{z_1,z_2\sim q(z\mid x)}\left[\tfrac12(w_1+w_2)\right] = p(x)",
        "posterior << q",
        "w",
    ),
    (
        "dots between draws",
        r"\mathbb{E}_{z_1,\dots,z_k\sim q(z\mid x)}\left[\frac{1}{k}\sum_{j=1}^{k} w_j\right] = p(x)",
        "posterior << q",
        "w",
    ),
    (
        "draws of the joint law",
        r"\mathbb{E}_{z_{1:k}\sim q(z_{1:k}\mid x)}\left[\frac{1}{k}\sum_{j=1}^{k} w_j\right] = p(x)",
        "posterior << q",
        "w",
    ),
    ("the law with the draw's index", r"\mathbb{E}_{z_1\sim q(z_1\mid x)}[w_1] = p(x)", "posterior << q", "w"),
    (
        "one of n weights",
        r"\sum_{j=1}^n w_j \ge w_1, \qquad \max_{1\le j\le n} w_j \ge \frac1n\sum_{j=1}^n w_j",
        "",
        "w",
    ),
    (
        "product of weights",
        r"\mathbb{E}_{z_{1:k}\sim q(z\mid x)}\left[\prod_{j=1}^k w_j\right] = p(x)^k",
        "posterior << q",
        "w",
    ),
    ("posterior ratio", r"\mathbb{E}_{q(z\mid x)}\left[\frac{p(z\mid x)}{q(z\mid x)}\right] = 1", "posterior << q"),
    (
        "variance of the weight",
        r"\operatorname{Var}_{q(z\mid x)}\left[\frac{p(x,z)}{q(z\mid x)}\right] = "
        r"\mathbb{E}_{q(z\mid x)}\left[\left(\frac{p(x,z)}{q(z\mid x)}\right)^2\right] - p(x)^2",
        "posterior << q",
    ),
    (
        "variance of the mean weight",
        r"\operatorname{Var}_{z_{1:k}\sim q(z\mid x)}\left[\frac1k\sum_{j=1}^k w_j\right]"
        r" = \frac1k\mathrm{Var}_{q(z\mid x)}\left[\frac{p(x,z)}{q(z\mid x)}\right]",
        "",
        "w",
    ),
    (
        "variance is chi-squared",
        r"\operatorname{Var}_{q(z\mid x)}\left[\frac{p(z\mid x)}{q(z\mid x)}\right]"
        r" = \chi^2\left(p(z\mid x)\,\|\,q(z\mid x)\right)",
        "posterior << q",
    ),
    (
        "normalized weights",
        r"\tilde w_j := \frac{w_j}{\sum_{i=1}^k w_i}, \qquad \sum_{j=1}^k \tilde w_j = 1",
        "q << posterior",
        "w",
    ),
    ("all but one weight", r"\sum_{\substack{i=1\\ i\neq j}}^{k} w_i = \sum_{i=1}^k w_i - w_j", "", "w"),
    ("the chain of bounds", r"\log p(x) \ge \mathcal{L}_{k+1}(x) \ge \mathcal{L}_k(x) \ge \mathcal{L}_1(x)", "", "L"),
    (
        "the chain of bounds, defined in two steps",
        r"\mathcal L_1 \leq \mathcal L_k \leq \mathcal L_{k+1} \leq \log p(x)",
        "",
        "L of w",
    ),
    ("two draws are better", r"\mathcal{L}_2(x) \ge \mathcal{L}_1(x)", "", "L"),
    (
        "one draw is the ELBO",
        r"\mathcal{L}_1(x) = \mathbb{E}_{q(z\mid x)}\left[\log\frac{p(x,z)}{q(z\mid x)}\right]",
        "",
        "L",
    ),
    ("all bounds are tight at the posterior", r"\mathcal{L}_k(x) = \log p(x)", "q = posterior", "L"),
    (
        "mean of logs is below log of mean",
        r"\mathcal{L}_k(x) \ge \mathbb{E}_{z_{1:k}\sim q(z\mid x)}\left[\frac1k\sum_{j=1}^k"
        r"\log\frac{p(x,z_j)}{q(z_j\mid x)}\right] = \mathcal{L}_1(x)",
        "",
        "L",
    ),
    (
        "pointwise for two weights",
        r"\log\left(\frac{w_1+w_2}{2}\right) \ge \tfrac12\log w_1 + \tfrac12\log w_2",
        "",
        "w",
    ),
    (
        "subsets",
        r"\frac1k\sum_{j=1}^k w_j = \mathbb{E}_{I\subseteq[k],\,|I|=m}\left[\frac1m\sum_{j\in I} w_j\right]",
        "",
        "w",
    ),
    (
        "subsets and the log",
        (
            r"\log\frac1k\sum_{j=1}^k w_j \ge \mathbb{E}_{I\subset\{1,\dots,k\},\,|I|=m}\Biggl[\log\frac1m\sum_{j\in"
            r" I} w_j\Biggr]"
        ),
        "",
        "w",
    ),
    # ---- plain analysis ----
    ("binomials", r"\binom{k}{m} = \frac{k!}{m!\,(k-m)!}, \qquad \sum_{j=0}^k \binom{k}{j} = 2^k"),
    ("sum of whole numbers", r"\sum_{j=1}^k j = \frac{k(k+1)}{2}"),
    ("cases", r"\max(a,b) = \begin{cases} a & \text{if } a \ge b, \\ b & \text{otherwise.} \end{cases}"),
    ("bars", r"|a+b| \le |a| + |b|, \quad \left|a\right| = \max\{a, -a\}"),
    ("exponentials", r"1 + a \le e^a, \quad \exp(a+b) = \exp(a)\exp(b), \quad e^{a-b} = \frac{e^a}{e^b}"),
    ("tanh", r"\tanh(a) = \frac{e^{a}-e^{-a}}{e^{a}+e^{-a}} < 1"),
)
LATENT_WRONG = of(
    "latent",
    ("product rule with the wrong conditional", r"p(x,z) = p(x)\,p(x\mid z)"),
    ("Bayes without the evidence", r"p(z\mid x) = p(x\mid z)\,p(z)"),
    ("Bayes upside down", r"p(z\mid x) = \frac{p(x)}{p(x\mid z)\,p(z)}"),
    ("marginal under q", r"p(x) = \mathbb{E}_{q(z\mid x)}[p(x\mid z)]"),
    ("marginal of the posterior", r"p(x) = \sum_z p(z\mid x)"),
    (
        "needs q << posterior",
        r"\log p(x) = \mathbb{E}_{q(z|x)}\left[\log\frac{p(x,z)}{q(z|x)}\right] + \mathrm{KL}(q(z|x)\|p(z|x))",
    ),
    ("needs posterior << q", r"\log p(x) = \log\mathbb{E}_{q(z\mid x)}\left[\frac{p(x,z)}{q(z\mid x)}\right]"),
    (
        "KL subtracted",
        (
            r"\log p(x) = \mathbb{E}_{q(z\mid x)}\left[\log\frac{p(x,z)}{q(z\mid"
            r" x)}\right] - D_{\mathrm{KL}}(q(z\mid x)\|p(z\mid x))"
        ),
        "positive",
    ),
    (
        "KL's order swapped",
        (
            r"\log p(x) = \mathbb{E}_{q(z\mid x)}\left[\log\frac{p(x,z)}{q(z\mid"
            r" x)}\right] + D_{\mathrm{KL}}(p(z\mid x)\|q(z\mid x))"
        ),
        "positive",
    ),
    (
        "KL to the prior",
        (
            r"\log p(x) = \mathbb{E}_{q(z\mid x)}\left[\log\frac{p(x,z)}{q(z\mid"
            r" x)}\right] + D_{\mathrm{KL}}(q(z\mid x)\|p(z))"
        ),
        "positive",
    ),
    (
        "KL is symmetric",
        r"D_{\mathrm{KL}}(q(z\mid x)\,\|\,p(z\mid x)) = D_{\mathrm{KL}}(p(z\mid x)\,\|\,q(z\mid x))",
        "positive",
    ),
    ("KL is positive", r"D_{\mathrm{KL}}(q(z\mid x)\,\|\,p(z\mid x)) > 0"),
    ("KL is zero", r"\mathrm{KL}\left[q(z\mid x)\,\|\,p(z\mid x)\right] = 0"),
    (
        "KL's ratio inverted",
        r"D_{\mathrm{KL}}(q(z\mid x)\|p(z)) = \mathbb{E}_{q(z\mid x)}\left[\log\frac{p(z)}{q(z\mid x)}\right]",
        "positive",
    ),
    (
        "KL's expectation under the other law",
        r"D_{\mathrm{KL}}(q(z\mid x)\|p(z)) = \mathbb{E}_{p(z)}\left[\log\frac{q(z\mid x)}{p(z)}\right]",
        "positive",
    ),
    ("ELBO is an upper bound", r"\log p(x) \le \mathbb{E}_{q(z\mid x)}\left[\log\frac{p(x,z)}{q(z\mid x)}\right]"),
    ("ELBO is a strict bound", r"\mathbb{E}_{q(z\mid x)}\left[\log\frac{p(x,z)}{q(z\mid x)}\right] < \log p(x)"),
    ("ELBO is always tight", r"\mathrm{ELBO}(x) = \log p(x)", "positive", "ELBO"),
    ("ELBO bounds the posterior", r"\mathrm{ELBO}(x) \le \log p(z\mid x)", "", "ELBO"),
    (
        "ELBO with the conditional",
        r"\log p(x) \ge \mathbb{E}_{q(z\mid x)}\left[\log\frac{p(x\mid z)}{q(z\mid x)}\right]",
    ),
    (
        "ELBO over the posterior",
        (
            r"\log p(x) \ge \mathbb{E}_{q(z\mid x)}\left[\log\frac{p(x,z)}{p(z\mid"
            r" x)}\right] + D_{\mathrm{KL}}(q(z\mid x)\|p(z))"
        ),
        "positive",
    ),
    (
        "reconstruction plus KL",
        r"\mathrm{ELBO}(x) = \mathbb{E}_{q(z|x)}[\log p(x|z)] + D_{\mathrm{KL}}(q(z|x)\|p(z))",
        "positive",
        "ELBO",
    ),
    (
        "reconstruction minus KL swapped",
        r"\mathrm{ELBO}(x) = \mathbb{E}_{q(z|x)}[\log p(x|z)] - D_{\mathrm{KL}}(p(z)\|q(z|x))",
        "positive",
        "ELBO",
    ),
    (
        "Jensen reversed",
        (
            r"\log\mathbb{E}_{q}\left[\frac{p(x,z)}{q(z\mid x)}\right] \le"
            r" \mathbb{E}_{q}\left[\log\frac{p(x,z)}{q(z\mid x)}\right]"
        ),
    ),
    (
        "Jensen as an equality",
        (
            r"\log\mathbb{E}_{q}\left[\frac{p(x,z)}{q(z\mid x)}\right] ="
            r" \mathbb{E}_{q}\left[\log\frac{p(x,z)}{q(z\mid x)}\right]"
        ),
        "positive",
    ),
    ("mean of the weight needs support", r"\mathbb{E}_{q(z\mid x)}\left[\frac{p(x,z)}{q(z\mid x)}\right] = p(x)"),
    ("weight upside down", r"\mathbb{E}_{q(z\mid x)}\left[\frac{q(z\mid x)}{p(x,z)}\right] = p(x)", "positive"),
    ("weight under p", r"\mathbb{E}_{p(z\mid x)}\left[\frac{p(x,z)}{q(z\mid x)}\right] = p(x)", "positive"),
    (
        "expectation over z where one over subsets belongs",
        r"\mathbb{E}_{z_{1:m}\sim q(z\mid x)}\left[\frac1m\sum_{j=1}^m w_j\right] = \frac1k\sum_{j=1}^k w_j",
        "positive",
        "w",
    ),
    ("the mean weight is the evidence", r"\frac1k\sum_{j=1}^k w_j = p(x)", "positive", "w"),
    (
        "subset with the other size",
        r"\frac1k\sum_{j=1}^k w_j = \mathbb{E}_{I\subseteq[k],\,|I|=m}\left[\frac1k\sum_{j\in I} w_j\right]",
        "",
        "w",
    ),
    (
        "subsets and the log, reversed",
        r"\log\frac1k\sum_{j=1}^k w_j \le \mathbb{E}_{I\subseteq[k],\,|I|=m}\left[\log\frac1m\sum_{j\in I} w_j\right]",
        "positive",
        "w",
    ),
    ("the bounds are strict", r"\log p(x) > \mathcal{L}_k(x)", "", "L"),
    ("the bounds rise strictly", r"\mathcal{L}_{k+1}(x) > \mathcal{L}_k(x)", "", "L"),
    ("the bounds fall", r"\mathcal{L}_{k+1}(x) \le \mathcal{L}_k(x)", "", "L"),
    ("two draws suffice", r"\mathcal{L}_2(x) = \log p(x)", "positive", "L"),
    ("two draws are no better", r"\mathcal{L}_2(x) = \mathcal{L}_1(x)", "positive", "L"),
    (
        "mean of logs for log of mean",
        (
            r"\mathcal{L}_k(x) = \mathbb{E}_{z_{1:k}\sim q(z\mid"
            r" x)}\left[\frac1k\sum_{j=1}^k\log\frac{p(x,z_j)}{q(z_j\mid x)}\right]"
        ),
        "positive",
        "L",
    ),
    (
        "log of the sum for log of the mean",
        (
            r"\mathcal{L}_k(x) = \mathbb{E}_{z_{1:k}\sim q(z\mid"
            r" x)}\left[\log\sum_{j=1}^k\frac{p(x,z_j)}{q(z_j\mid x)}\right]"
        ),
        "positive",
        "L",
    ),
    (
        "the last step strict",
        r"""\log p(x) \ge \mathcal{L}_{k}(x)
> \mathbb{E}_{z_{1:k}\sim q(z\mid x)}\left[\log\frac1k\sum_{j=1}^k\frac{p(x,z_j)}{q(z_j\mid x)}\right]""",
        "",
        "L",
    ),
    (
        "variance without the first moment squared",
        r"\operatorname{Var}_{q(z\mid x)}\left[\frac{p(x,z)}{q(z\mid x)}\right] = "
        r"\mathbb{E}_{q(z\mid x)}\left[\left(\frac{p(x,z)}{q(z\mid x)}\right)^2\right] - p(x)",
        "positive",
    ),
    (
        "variance of the mean weight does not fall",
        r"\operatorname{Var}_{z_{1:k}\sim q(z\mid x)}\left[\frac1k\sum_{j=1}^k w_j\right]"
        r" = \operatorname{Var}_{q(z\mid x)}\left[\frac{p(x,z)}{q(z\mid x)}\right]",
        "positive",
        "w",
    ),
    ("normalized weights need a weight", r"\sum_{j=1}^k \frac{w_j}{\sum_{i=1}^k w_i} = 1", "", "w"),
    ("second draw does not matter", r"w_1 = w_2", "positive", "w"),
    (
        "mutual information of a product",
        r"\mathbb{E}_{p(x,z)}\left[\log\frac{p(x,z)}{p(x)\,p(z)}\right] = 0",
        "positive",
    ),
    ("conditional entropy is larger", r"\mathbb{E}_{p(x)}[\mathrm{H}(p(z\mid x))] \ge \mathrm{H}(p(z))", "positive"),
    (
        "the aggregate's KL is all of it",
        r"\mathbb{E}_{p(x)}[D_{\mathrm{KL}}(q(z\mid x)\|p(z))] = D_{\mathrm{KL}}(q(z)\|p(z))",
        "positive",
        "q(z)",
    ),
    (
        "a step of EM that goes up",
        r"""\log p_{\theta'}(x) - \log p_\theta(x) \le
\mathbb{E}_{p_\theta(z\mid x)}[\log p_{\theta'}(x,z)] - \mathbb{E}_{p_\theta(z\mid x)}[\log p_\theta(x,z)]""",
        "positive",
    ),
    ("only one of several claims is wrong", r"p(x) \le 1, \qquad p(x) < 1"),
    ("only the last of a chain is wrong", r"p(x,z) = p(z)p(x\mid z) \le p(z) \le p(x)"),
    ("laws with other parameters", r"p_\theta(x) = p_{\theta'}(x)"),
    ("sum of whole numbers, one short", r"\sum_{j=1}^{k} j = \frac{k(k-1)}{2}"),
    ("the tangent is below strictly", r"1 + a < e^a"),
    ("infinity minus infinity", r"\infty - \infty = 0"),
    ("undefined equals itself", r"\log(-1) = \log(-1)"),
    ("one large term does not hide a small one", r"\log p(x) + 10^{15} - 10^{15} = 2\log p(x)"),
    ("one large claim does not hide another", r"e^{40} - e^{40} = 0, \qquad \log p(x) = 2\log p(x)"),
    ("counts are not ordered by their letters", r"n \le k"),
    ("counts are not small", r"k! \le 6"),
    ("numbers are not small", r"a \le 3"),
    ("cases the wrong way", r"\max(a,b) = \begin{cases} b & a \ge b \\ a & \text{otherwise} \end{cases}"),
)
DENSITIES_RIGHT = of(
    "two-densities",
    ("value", r"V(D) = \mathbb{E}_{f_1(x)}[\log D(x)] + \mathbb{E}_{f_0(x)}[\log(1-D(x))]"),
    (
        "value with draws",
        r"V(D) = \mathbb{E}_{x\sim f_1}\big[\log D(x)\big] + \mathbb{E}_{x\sim f_0}\big[\log(1-D(x))\big]",
    ),
    ("value as a sum", r"V(D) = \sum_x \left(f_1(x)\log D(x) + f_0(x)\log\left(1-D(x)\right)\right)"),
    ("value of p", r"V(D) = \int p_1(x)\log D(x)\,\mathrm dx + \int p_0(x)\log(1-D(x))\,\mathrm dx"),
    ("best discriminator", r"D^*(x) = \frac{f_1(x)}{f_0(x)+f_1(x)}"),
    ("best discriminator, star in braces", r"D^{*}(x) = f_1(x)/(f_1(x)+f_0(x))"),
    ("best discriminator, star", r"D^\star(x) = \left(1 + \frac{f_0(x)}{f_1(x)}\right)^{-1}"),
    ("best value is largest", r"V(D) \le V(D^*) \le 0"),
    (
        "JSD",
        (
            r"\mathrm{JSD}(f_0,f_1) = \tfrac12 D_{\mathrm{KL}}\left(f_0\,\|\,\tfrac12(f_0+f_1)\right)"
            r" + \tfrac12 D_{\mathrm{KL}}\left(f_1\,\|\,\tfrac12(f_0+f_1)\right)"
        ),
    ),
    (
        "JSD with a named mixture",
        r"D_{\mathrm{JS}}(f_0\|f_1) = \frac{1}{2}\mathrm{KL}(f_0\|M) + \frac{1}{2}\mathrm{KL}(f_1\|M)",
        "",
        "M",
    ),
    (
        "JSD from entropies",
        (
            r"\mathrm{JSD}(f_0,f_1) = \mathrm{H}\left(\tfrac12(f_0+f_1)\right) -"
            r" \tfrac12\mathrm{H}(f_0) - \tfrac12\mathrm{H}(f_1)"
        ),
    ),
    ("JSD is bounded", r"0 \le \mathrm{JSD}(f_0, f_1) \le \log 2"),
    ("JSD is symmetric", r"\mathrm{JSD}(f_0,f_1) = \mathrm{JSD}(f_1,f_0)"),
    ("JSD from the best value", r"\mathrm{JSD}(f_0, f_1) = \log 2 + \frac12 V(D^*)"),
    ("best value from JSD", r"V(D^*) = -\log 4 + 2\,\mathrm{JSD}(f_0, f_1) = 2\,\mathrm{JSD}(f_0\,\|\,f_1) - 2\log 2"),
    ("any discriminator bounds JSD", r"\log 2 + \frac{V(D)}{2} \le \mathrm{JSD}(f_0,f_1)"),
    (
        "the gap of a discriminator",
        r"""\begin{aligned}
\mathrm{JSD}(f_0,f_1) - \log 2 - \tfrac12 V(D) = \mathbb{E}_{x\sim\frac12(f_0+f_1)}\Big[
&D^*(x)\log\frac{D^*(x)}{D(x)} \\
&+ (1-D^*(x))\log\frac{1-D^*(x)}{1-D(x)}\Big]
\end{aligned}""",
    ),
    ("density ratio", r"\frac{f_1(x)}{f_0(x)} = \frac{D^*(x)}{1-D^*(x)}"),
    ("density from the other", r"f_1(x) = f_0(x)\,\frac{D^*(x)}{1-D^*(x)}", "f_0 > 0"),
    (
        "KL to the mixture",
        r"D_{\mathrm{KL}}\left(f_0\,\|\,\tfrac{1}{2}(f_0+f_1)\right) = \mathbb{E}_{x\sim f_0}[\log(2(1-D^*(x)))]",
    ),
    (
        "cost that does not saturate",
        (
            r"-\mathbb{E}_{x\sim f_0}[\log D^*(x)] = \mathrm{KL}(f_0\|f_1) -"
            r" \mathrm{KL}\left(f_0\,\Big\|\,\frac{f_0+f_1}{2}\right) + \log 2"
        ),
    ),
    ("total variation", r"D_{\mathrm{TV}}(f_0,f_1) = \frac12\sum_x \left|f_0(x)-f_1(x)\right|"),
    ("Pinsker", r"D_{TV}(f_0,f_1) \le \sqrt{\tfrac12 D_{KL}(f_0\|f_1)}"),
    ("JSD and total variation", r"\tfrac12 D_{TV}(f_0,f_1)^2 \le \mathrm{JSD}(f_0,f_1) \le D_{TV}(f_0,f_1)\log 2"),
    ("KL and chi-squared", r"D_{KL}(f_0\|f_1) \le \log(1+D_{\chi^2}(f_0\|f_1)) \le D_{\chi^2}(f_0\|f_1)"),
    (
        "change of measure",
        r"\mathbb{E}_{x\sim f_1}\left[\frac{f_0(x)}{f_1(x)}\,g(x)\right] = \mathbb{E}_{x\sim f_0}[g(x)]",
        "f_0 << f_1",
    ),
    ("value of a guess", r"\log 2 + \tfrac12 V(D) \le \mathrm{JSD}(f_0,f_1) = \log 2 + \tfrac12 V(D^*)"),
)
OF_ONE_POINT = r"\left(f_1(x)\log y + f_0(x)\log(1-y)\right)"
FIRST_VARIATION = r"\left.\frac{\mathrm{d}}{\mathrm{d}\epsilon}V(D_\epsilon)\right|_{\epsilon=0}"
SECOND_VARIATION = r"\left.\frac{\mathrm{d}^2}{\mathrm{d}\epsilon^2}V(D_\epsilon)\right|_{\epsilon=0}"
DENSITIES_RIGHT += of(
    "two-densities",
    ("slope of the log of a chance", r"\frac{\mathrm{d}}{\mathrm{d}t}\log(1-\sigma(t)) = -\sigma(t)", "", "sigma"),
    (
        "slope of the value at a point",
        rf"\frac{{\mathrm d}}{{\mathrm dy}}{OF_ONE_POINT} = \frac{{f_1(x)}}{{y}}-\frac{{f_0(x)}}{{1-y}}",
    ),
    (
        "curvature of the value at a point",
        rf"\frac{{d^2}}{{dy^2}}{OF_ONE_POINT} = -\frac{{f_1(x)}}{{y^2}}-\frac{{f_0(x)}}{{(1-y)^2}} < 0",
    ),
    (
        "first variation of the value",
        FIRST_VARIATION + r" = \int\left(\frac{f_1(x)}{D(x)}-\frac{f_0(x)}{1-D(x)}\right)h(x)\,\mathrm{d}x",
        "0 < D < 1",
        "moved D",
    ),
    (
        "second variation of the value",
        SECOND_VARIATION
        + r" = -\int\left(\frac{f_1(x)}{D(x)^2}+\frac{f_0(x)}{(1-D(x))^2}\right)h(x)^2\,\mathrm{d}x \le 0",
        "0 < D < 1",
        "moved D",
    ),
)
DENSITIES_WRONG = of(
    "two-densities",
    ("slope with the other sign", r"\frac{\mathrm{d}}{\mathrm{d}t}\log(1-\sigma(t)) = \sigma(t)", "", "sigma"),
    ("slope of the other label", r"\frac{\mathrm{d}}{\mathrm{d}t}\log(1-\sigma(t)) = 1-\sigma(t)", "", "sigma"),
    (
        "slope with the laws swapped",
        rf"\frac{{\mathrm d}}{{\mathrm dy}}{OF_ONE_POINT} = \frac{{f_0(x)}}{{y}}-\frac{{f_1(x)}}{{1-y}}",
    ),
    (
        "slope without the inner one",
        rf"\frac{{\mathrm d}}{{\mathrm dy}}{OF_ONE_POINT} = \frac{{f_1(x)}}{{y}}+\frac{{f_0(x)}}{{1-y}}",
    ),
    ("slope that is everywhere 0", rf"\frac{{\mathrm d}}{{\mathrm dy}}{OF_ONE_POINT} = 0"),
    ("convex value at a point", rf"\frac{{d^2}}{{dy^2}}{OF_ONE_POINT} > 0"),
    (
        "first variation without a support",
        FIRST_VARIATION + r" = \int\left(\frac{f_1(x)}{D(x)}-\frac{f_0(x)}{1-D(x)}\right)h(x)\,\mathrm{d}x",
        "",
        "moved D",
    ),
    ("any discriminator is stationary", FIRST_VARIATION + " = 0", "0 < D < 1", "moved D"),
    (
        "second variation halved",
        SECOND_VARIATION
        + r" = -\frac12\int\left(\frac{f_1(x)}{D(x)^2}+\frac{f_0(x)}{(1-D(x))^2}\right)h(x)^2\,\mathrm{d}x",
        "0 < D < 1",
        "moved D",
    ),
    (
        "value with the labels swapped",
        r"V(D) = \mathbb{E}_{f_0(x)}[\log D(x)] + \mathbb{E}_{f_1(x)}[\log(1-D(x))]",
        "positive",
    ),
    ("value with log D twice", r"V(D) = \mathbb{E}_{f_1(x)}[\log D(x)] + \mathbb{E}_{f_0(x)}[\log D(x)]"),
    ("best discriminator of the other law", r"D^*(x) = \frac{f_0(x)}{f_0(x)+f_1(x)}"),
    ("best discriminator is a half", r"D^*(x) = \frac12"),
    (
        "JSD without the halves",
        (
            r"\mathrm{JSD}(f_0,f_1) = D_{\mathrm{KL}}\left(f_0\|\tfrac12(f_0+f_1)\right)"
            r" + D_{\mathrm{KL}}\left(f_1\|\tfrac12(f_0+f_1)\right)"
        ),
    ),
    (
        "JSD to the sum",
        r"\mathrm{JSD}(f_0,f_1) = \tfrac12\mathrm{KL}(f_0\|f_0+f_1) + \tfrac12\mathrm{KL}(f_1\|f_0+f_1)",
    ),
    (
        "JSD is the mean of both KL",
        r"\mathrm{JSD}(f_0,f_1) = \tfrac12\mathrm{KL}(f_0\|f_1) + \tfrac12\mathrm{KL}(f_1\|f_0)",
        "positive",
    ),
    (
        "JSD with its arguments swapped",
        (
            r"\mathrm{JSD}(f_0,f_1) = \tfrac12 D_{KL}\left(\tfrac12(f_0+f_1)\|f_0\right)"
            r" + \tfrac12 D_{KL}\left(\tfrac12(f_0+f_1)\|f_1\right)"
        ),
        "positive",
    ),
    ("best value with one JSD", r"V(D^*) = -\log 4 + \mathrm{JSD}(f_0,f_1)"),
    ("best value with log 2", r"V(D^*) = -\log 2 + 2\,\mathrm{JSD}(f_0,f_1)"),
    ("JSD with a whole value", r"\mathrm{JSD}(f_0,f_1) = \log 2 + V(D^*)"),
    ("any discriminator bounds JSD from above", r"\log 2 + \frac{V(D)}{2} \ge \mathrm{JSD}(f_0,f_1)"),
    ("any discriminator gives JSD", r"\log 2 + \tfrac12 V(D) = \mathrm{JSD}(f_0,f_1)", "positive"),
    ("JSD is below log 2", r"\mathrm{JSD}(f_0,f_1) < \log 2"),
    ("JSD can be infinite", r"\mathrm{JSD}(f_0,f_1) \ge D_{KL}(f_0\|f_1)"),
    ("needs f_0 > 0", r"f_1(x) = f_0(x)\,\frac{D^*(x)}{1-D^*(x)}"),
    ("density ratio inverted", r"f_1(x) = f_0(x)\,\frac{1-D^*(x)}{D^*(x)}", "positive"),
    ("density ratio without the odds", r"\frac{f_1(x)}{f_0(x)} = D^*(x)", "positive"),
    ("KL swapped", r"\mathrm{KL}(f_0\|f_1) = \mathrm{KL}(f_1\|f_0)", "positive"),
    ("total variation without the half", r"D_{TV}(f_0,f_1) = \sum_x |f_0(x)-f_1(x)|"),
    ("Pinsker without the half", r"D_{TV}(f_0,f_1)^2 \le \tfrac14 D_{KL}(f_0\|f_1)"),
    (
        "change of measure needs support",
        r"\mathbb{E}_{x\sim f_1}\left[\frac{f_0(x)}{f_1(x)}\,g(x)\right] = \mathbb{E}_{x\sim f_0}[g(x)]",
    ),
)
DETERMINANT = r"\left|\det\frac{\partial F(u)}{\partial u}\right|"
BIJECTION_RIGHT = of(
    "bijection",
    ("KL is invariant", r"D_{\mathrm{KL}}(P_X\,\|\,P_{F(U)}) = D_{\mathrm{KL}}(P_{F^{-1}(X)}\,\|\,P_U)"),
    (
        "KL is invariant, densities",
        r"D_{KL}\left[p_X \Vert p_{F(U)}\right] = D_{KL}\left[p_{F^{-1}(X)} \Vert p_U\right]",
    ),
    ("reverse KL is invariant", r"\mathrm{KL}(P_{F(U)}\|P_X) = \mathrm{KL}\bigl(P_U\,\big\|\,P_{F^{-1}(X)}\bigr)"),
    ("density of F(U) at F(u)", rf"p_{{F(U)}}(F(u)) = p_U(u)\,{DETERMINANT}^{{-1}}"),
    ("density of F(U), fraction", rf"p_{{F(U)}}(F(u)) = \frac{{p_U(u)}}{{{DETERMINANT}}}"),
    ("density of F(U) at x", r"p_{F(U)}(x) = p_U(F^{-1}(x))\left|\det\frac{\partial F^{-1}(x)}{\partial x}\right|"),
    ("density of the inverse", r"p_{F^{-1}(X)}(u) = p_X(F(u))\,\lvert\det J_F(u)\rvert"),
    ("log-density", r"\log p_{F(U)}(F(u)) = \log p_U(u) - \log\left|\det J_F(u)\right|"),
    (
        "determinants of inverse maps",
        r"\left|\det\frac{\partial F^{-1}(x)}{\partial x}\right| = |\det J_F(F^{-1}(x))|^{-1}",
    ),
    ("inverse", r"F(F^{-1}(x)) = x, \qquad F^{-1}(F(u)) = u"),
    ("law of the unconscious statistician", r"\mathbb{E}_{x\sim p_{F(U)}}[g(x)] = \mathbb{E}_{u\sim p_U}[g(F(u))]"),
    (
        "law of the unconscious statistician, random variables",
        r"\mathbb{E}_{x\sim P_{F(U)}(x)}[g(x)] = \mathbb{E}_{U}[g(F(U))]",
    ),
    ("forward KL", r"D_{\mathrm{KL}}(P_X\|P_{F(U)}) = \mathbb{E}_{X}[\log p_X(X) - \log p_{F(U)}(X)]"),
    (
        "reverse KL needs no inverse",
        (
            rf"D_{{\mathrm{{KL}}}}(P_{{F(U)}}\|P_X) = \mathbb{{E}}_{{u\sim p_U(u)}}\left[\log"
            rf" p_U(u) - \log{DETERMINANT} - \log p_X(F(u))\right]"
        ),
    ),
    (
        "the submitted proof, repaired",
        rf"""\begin{{aligned}}
D_{{\mathrm{{KL}}}}(P_X\,\|\,P_{{F(U)}})
&= \int p_X(x)\log\frac{{p_X(x)}}{{p_{{F(U)}}(x)}}\,\mathrm dx \\
&= \int p_X(F(u))\,{DETERMINANT}\log\frac{{p_X(F(u))}}{{p_{{F(U)}}(F(u))}}\,\mathrm du && \text{{substitute}} \\
&= \int p_{{F^{{-1}}(X)}}(u)\log\frac{{p_{{F^{{-1}}(X)}}(u)}}{{p_U(u)}}\,\mathrm du
= D_{{\mathrm{{KL}}}}(P_{{F^{{-1}}(X)}}\,\|\,P_U)
\end{{aligned}}""",
    ),
    ("total mass", r"\int p_{F(U)}(x)\,dx = 1"),
    ("total variation is invariant", r"D_{\mathrm{TV}}(P_X,P_{F(U)}) = D_{\mathrm{TV}}(P_{F^{-1}(X)},P_U)"),
    ("masses of a permutation", r"\sum_x \left|p_{F(U)}(x) - p_U(F^{-1}(x))\right| = 0"),
)
BIJECTION_WRONG = of(
    "bijection",
    ("KL swapped", r"D_{\mathrm{KL}}(P_X\,\|\,P_{F(U)}) = D_{\mathrm{KL}}(P_U\,\|\,P_{F^{-1}(X)})", "positive"),
    ("forward is reverse", r"D_{\mathrm{KL}}(P_X\,\|\,P_{F(U)}) = D_{\mathrm{KL}}(P_{F(U)}\,\|\,P_X)", "positive"),
    (
        "without F",
        r"D_{\mathrm{KL}}(P_X\,\|\,P_{F(U)}) = D_{\mathrm{KL}}(P_{F^{-1}(X)}\,\|\,P_{F^{-1}(X)})",
        "positive",
    ),
    ("missing determinant", r"p_{F(U)}(F(u)) = p_U(u)"),
    ("missing determinant at x", r"p_{F(U)}(x) = p_U(F^{-1}(x))"),
    ("determinant inverted", rf"p_{{F(U)}}(F(u)) = p_U(u)\,{DETERMINANT}"),
    ("determinant inverted at x", r"p_{F^{-1}(X)}(u) = p_X(F(u))\left|\det J_F(u)\right|^{-1}"),
    ("determinant without bars", r"p_{F^{-1}(X)}(u) = p_X(F(u))\,\det J_F(u)"),
    ("log-density with a plus", r"\log p_{F(U)}(F(u)) = \log p_U(u) + \log\left|\det J_F(u)\right|"),
    (
        "determinant inside the expectation",
        rf"""D_{{\mathrm{{KL}}}}(P_X\|P_{{F(U)}}) = \mathbb{{E}}_{{u\sim P_{{F^{{-1}}(X)}}(u)}}\left[{DETERMINANT}
\log\frac{{p_X(F(u))}}{{p_{{F(U)}}(F(u))}}\right]""",
    ),
    (
        "reverse KL with the determinant added",
        (
            rf"D_{{\mathrm{{KL}}}}(P_{{F(U)}}\|P_X) = \mathbb{{E}}_{{u\sim p_U(u)}}\left[\log"
            rf" p_U(u) + \log{DETERMINANT} - \log p_X(F(u))\right]"
        ),
    ),
    ("the wrong base", r"\mathbb{E}_{x\sim p_X}[g(x)] = \mathbb{E}_{u\sim p_U}[g(F(u))]"),
    ("needs a bijection's density", r"\int p_X(F(u))\,du = 1"),
)
GAUSSIAN_RIGHT = of(
    "linear-gaussian",
    ("marginal", r"p(x) = \int p(x\mid z)\,p(z)\,\mathrm dz = \int_{-\infty}^{\infty} p(x,z)\,dz"),
    ("Bayes", r"p(z\mid x) = \frac{p(x\mid z)p(z)}{\int p(x\mid z')p(z')\,\mathrm dz'}"),
    (
        "log-evidence is ELBO plus KL",
        (
            r"\log p_\theta(x) = \mathbb{E}_{q_\phi(z\mid x)}\left[\log\frac{p_\theta(x,z)}{q_\phi(z\mid"
            r" x)}\right] + D_{KL}(q_\phi(z|x)\|p_\theta(z|x))"
        ),
    ),
    ("reconstruction minus KL", r"\log p(x) \ge \int q(z\mid x)\log p(x\mid z)\,dz - \mathrm{KL}[q(z\mid x)\|p(z)]"),
    ("two draws are better", r"\log p(x) \ge \mathcal{L}_2(x) \ge \mathcal{L}_1(x)", "", "L"),
    ("mean of the weight", r"\mathbb{E}_{q(z\mid x)}\left[\frac{p(x,z)}{q(z\mid x)}\right] = p(x)"),
)
GAUSSIAN_WRONG = of(
    "linear-gaussian",
    ("a free z under an integral", r"p(x) = \int p(x\mid z')\,p(z)\,\mathrm dz'"),
    ("KL swapped", r"D_{KL}(q(z|x)\|p(z|x)) = D_{KL}(p(z|x)\|q(z|x))"),
    ("reconstruction plus KL", r"\log p(x) \ge \int q(z\mid x)\log p(x\mid z)\,dz + \mathrm{KL}[q(z\mid x)\|p(z)]"),
    ("two draws are strictly better", r"\mathcal{L}_2(x) > \mathcal{L}_1(x)", "", "L"),
    ("density is at most 1", r"\log p(z\mid x) \le -1"),
)
EMBEDDINGS_RIGHT = of(
    "embeddings",
    (
        "similarity",
        r"\mathrm{sim}(z_i,z_j) = \frac{z_i^\top z_j}{\lVert z_i\rVert\,\lVert z_j\rVert} = \mathrm{sim}(z_j,z_i)",
    ),
    ("similarity with a slash", r"\mathrm{sim}(z_i, z_j) = z_i^{\top} z_j / (\|z_i\| \|z_j\|)"),
    ("distance on the sphere", r"\left\|z_i - z_j\right\|^2 = 2 - 2\,\mathrm{sim}(z_i,z_j)", "unit"),
    (
        "loss as log-sum-exp",
        (
            r"\ell_{i,j} = -\frac{\mathrm{sim}(z_i,z_j)}{\tau} + \log\sum_{\substack{k=1\\k\neq"
            r" i}}^{2N}\exp(\mathrm{sim}(z_i,z_k)/\tau)"
        ),
        "",
        "ell",
    ),
    (
        "loss as the paper writes it",
        (
            r"\ell_{i,j} = -\log\frac{\exp(\mathrm{sim}(z_i,z_j)/\tau)}{\sum_{k=1}^{2N}\mathbb{1}_{[k\neq"
            r" i]}\exp(\mathrm{sim}(z_i,z_k)/\tau)}"
        ),
        "",
        "ell",
    ),
    ("chances add to one", r"\sum_{j=1}^{2N}\mathbf{1}[j\neq i]\,\exp(-\ell_{i,j}) = 1", "", "ell"),
    ("collapsed", r"\ell_{1,2} = \log(2N-1)", "collapsed", "ell"),
    ("not negative", r"\ell_{2n-1,2n} \ge 0", "", "ell"),
    ("positive among several", r"\ell_{1,2} > 0", "N >= 2", "ell"),
    (
        "mean over both orders",
        r"\mathcal{L} := \frac{1}{2N}\sum_{n=1}^{N}[\ell_{2n-1,2n}+\ell_{2n,2n-1}], \qquad \mathcal{L} \ge 0",
        "",
        "ell",
    ),
)
EMBEDDINGS_WRONG = of(
    "embeddings",
    (
        "loss with the view itself",
        r"\ell_{i,j} = -\log\frac{\exp(\mathrm{sim}(z_i,z_j)/\tau)}{\sum_{k=1}^{2N}\exp(\mathrm{sim}(z_i,z_k)/\tau)}",
        "",
        "ell",
    ),
    (
        "loss without a temperature",
        (
            r"\ell_{i,j} = -\log\frac{\exp(\mathrm{sim}(z_i,z_j))}{\sum_{k=1}^{2N}\mathbf"
            r" 1[k\neq i]\exp(\mathrm{sim}(z_i,z_k))}"
        ),
        "",
        "ell",
    ),
    ("loss is symmetric", r"\ell_{i,j} = \ell_{j,i}", "", "ell"),
    ("collapsed among 2N", r"\ell_{1,2} = \log(2N)", "collapsed", "ell"),
    ("collapsed among N", r"\ell_{1,2} = \log N", "collapsed", "ell"),
    ("positive", r"\ell_{2n-1,2n} > 0", "", "ell"),
    ("distance without the root", r"\lVert z_i - z_j\rVert = 2 - 2\,\mathrm{sim}(z_i,z_j)", "unit"),
    ("distance off the sphere", r"\lVert z_i - z_j\rVert^2 = 2 - 2\,\mathrm{sim}(z_i,z_j)"),
)
OFFSETS_RIGHT = of(
    "offsets",
    ("masks", r"B = A \cup \{(0,0)\}, \quad |A| = 4, \quad |B| = 5"),
    ("masks by members", r"A = \{(-1,-1),(-1,0),(-1,1),(0,-1)\}"),
    ("sizes of two layers", r"|A\oplus A| = 9, \quad |A\oplus B| = |B\oplus A| = 11, \quad |B\oplus B| = 12"),
    ("order of sets does not matter", r"M_1\oplus M_2 = M_2\oplus M_1"),
    ("leak", r"(0,0) \in B\oplus B, \qquad (0,0)\notin A\oplus B, \qquad (0,0)\notin A\oplus A"),
    ("receptive field in the interior", r"R_o = o + M_2\oplus M_1", "interior"),
    ("sum of sets by members", r"M_1\oplus M_2 = \{a+b : a\in M_1,\ b\in M_2\}"),
    ("blind spot of an output", r"m(W,r,c) = \sum_{t=1}^{r-1}\max(0, W-c-t)"),
    ("blind spot of a map", r"\sum_{r=1}^{n}\sum_{c=1}^{n} m(n,r,c) = \frac{n(n-1)(n-2)(3n-1)}{24}"),
)
OFFSETS_WRONG = of(
    "offsets",
    ("sizes multiply", r"|A\oplus A| = |A|^2"),
    ("sizes of two layers, one short", r"|A\oplus A| = 8"),
    ("A and B see what B and B see", r"A\oplus B = B\oplus B"),
    ("one layer sees it all", r"R_o = o + M_1", "interior"),
    ("receptive field at the border", r"R_o = o + M_2\oplus M_1"),
    ("no leak", r"(0,0)\notin B\oplus B"),
    ("blind spot one too wide", r"m(W,r,c) = \sum_{t=1}^{r-1}\max(0, W-c-t+1)"),
    ("blind spot twice", r"\sum_{r=1}^{n}\sum_{c=1}^{n} m(n,r,c) = \frac{n(n-1)(n-2)(3n-1)}{12}"),
)
# ---- one meaning in many spellings ----

RATIO = r"\left[\log\frac{p(x,z)}{q(z\mid x)}\right]"
DIVERGENCES = (
    r"KL(q(z|x)\|p(z))",
    r"\text{KL}(q(z|x)\|p(z))",
    r"\mathit{KL}\left[q(z|x)\,\middle\|\,p(z)\right]",
    r"\mathbb{KL}(q(z|x)\|p(z))",
    r"{\rm KL}(q(z|x)\,\big\|\,p(z))",
    r"\mathop{\mathrm{KL}}(q(z|x)||p(z))",
    r"D_{\mathbb{KL}}(q(z|x)\|p(z))",
    r"D_{\mathsf{KL}}(q(z|x)\mathrel{\|}p(z))",
    r"D_{\mathit{KL}}(q(z|x)\mid\mid p(z))",
    r"D_{\rm KL}(q(z|x)\mathrel{\Vert}p(z))",
    r"\mathcal{D}_{KL}(q(z|x)\|p(z))",
    r"\mathrm{D_{KL}}(q(z|x)\|p(z))",
)
MEANS = (
    r"E_{q(z|x)}",
    r"E_q",
    r"\text{E}_{q(z|x)}",
    r"\mathsf{E}_{q(z|x)}",
    r"\mathop{\mathbb E}_{z\sim q(z|x)}",
    r"\mathop{\mathbb E}\limits_{z\sim q(z|x)}",
    r"\operatorname*{\mathbb{E}}_{z\sim q(z|x)}",
    r"\underset{z\sim q(z\mid x)}{\operatorname*{\mathbb{E}}}",
)
ENTROPIES = (r"H(q(z|x))", r"\mathcal H(q(z\mid x))", r"\mathcal{H}\left[q(z|x)\right]", r"\mathbb{H}[q(z|x)]")
VARIANCES = (r"\mathbb V", r"\mathbb V\mathrm{ar}", r"\mathbb{V}\text{ar}")
INDICATORS = (
    r"\mathbb 1_{\{k\neq i\}}",
    r"\mathbb{1}_{k\neq i}",
    r"1\{k\neq i\}",
    r"1[k\neq i]",
    r"\mathrm 1[k\neq i]",
    r"[k\neq i]",
)
DERIVATIVES = (
    r"\frac{dF(u)}{du}",
    r"\frac{dF}{du}",
    r"\frac{{\rm d}F(u)}{{\rm d}u}",
    r"\frac{\partial F}{\partial u}",
    r"\frac{\partial F(u)}{\partial u^\top}",
    r"\frac{\partial F(u)}{\partial u^{\top}}",
)
PARAMETERS = (r"\mathcal{L}(\theta,\phi;x)", r"\mathcal L(x;\theta,\phi)", r"\mathcal{L}_{\theta,\phi}(x)")
BOUND = r"\mathbb E_{z_{1:k}\sim q(z|x)}\left[\log\frac1k\sum_{j=1}^k\frac{p(x,z_j)}{q(z_j|x)}\right]"
FLOW = r"p_{F(U)}(x) = p_U(F^{-1}(x))\,"
SPELLED_RIGHT = of(
    "latent",
    *((f"divergence {way}", rf"{way} = \mathbb{{E}}_{{q(z|x)}}[\log q(z|x) - \log p(z)]") for way in DIVERGENCES),
    *((f"mean {way}", rf"{way}{RATIO} \le \log p(x)") for way in MEANS),
    *((f"entropy {way}", rf"{way} = -\sum_z q(z\mid x)\log q(z\mid x)") for way in ENTROPIES),
    *((f"variance {way}", rf"{way}_{{p(z)}}[p(x|z)] = \sum_z p(z)\,p(x|z)^2 - p(x)^2") for way in VARIANCES),
    *(
        (
            f"parameters {way}",
            rf"{way} := \mathbb E_{{q_\phi(z|x)}}[\log p_\theta(x,z) - \log q_\phi(z|x)],"
            rf" \quad {way} \le \log p_\theta(x)",
        )
        for way in PARAMETERS
    ),
    (
        "an index and parameters",
        rf"\mathcal L_k(x;\phi) := {BOUND}, \quad \mathcal L_2(x;\phi) \ge \mathcal L_1(x;\phi)",
    ),
    ("an index above", rf"\mathcal L^{{(k)}} := {BOUND}, \quad \mathcal L^{{(k+1)}} \ge \mathcal L^{{(k)}}"),
    (
        "draws with an index above",
        r"\mathbb{E}_{z^{(1:k)}\sim q(z|x)}\left[\prod_{j=1}^k\frac{p(x,z^{(j)})}{q(z^{(j)}|x)}\right] \le p(x)^k",
    ),
    ("a maximum with dots", r"\max_{j=1,\dots,n} w_j \ge w_1 \ge \min_{j=1,...,n} w_j", "", "w"),
    ("a differential in roman", r"p(x) = \int p(x,z)\,{\rm d}z = \int_z p(x,z)\,dz"),
    ("for all", r"p(x) \le 1 \quad\text{for all } x, z."),
    ("a row that ends in a sign", r"\begin{aligned} p(x) = \\ \sum_{z'} p(x,z') \ge p(x,z) + \\ 0 \end{aligned}"),
    ("a phantom", r"\begin{aligned} a + b &= b \\ &\phantom{={}} + a \end{aligned}"),
    ("a box", r"\boxed{p(x) = \sum_z p(x,z)}, \quad 2\boxed{a+b} = 2a + 2b"),
    ("a definition with a triangle", r"w \triangleq p(x), \quad w \leqq 1 \geqq w"),
    ("rows in braces", r"{\begin{aligned} p(x) &= \sum_z p(x,z) \\ &\le 1\end{aligned}}"),
    ("log of a factorial", r"\log n! = \sum_{j=1}^n \log j"),
    ("log of a fraction of a mean", r"\log\frac12\mathbf{E}_{p(z)}[p(x|z)] = \log\frac{p(x)}{2}"),
    ("a joint draw", r"\mathbb{E}_{x,z\sim p(x,z)}[p(x|z)] = \sum_{x,z} p(x,z)\,p(x|z) = \mathbb{E}_{p(x,z)}[p(x|z)]"),
    ("a joint draw of a product", r"\mathbb{E}_{z,x\sim p(x)q(z|x)}[p(x|z)] = \sum_{x,z} p(x)\,q(z|x)\,p(x|z)"),
    (
        "independent draws",
        r"\mathbb{E}_{z,z'\sim q(z\mid x)}[p(x|z)\,p(x|z')] = \left(\mathbb{E}_{q(z\mid x)}[p(x|z)]\right)^2",
    ),
    (
        "named spaces",
        r"p(x) = \sum_{z'\in\mathcal Z} p(x,z') = \int_{\mathcal Z} p(x,z)\,dz, \sum_{x\in\mathcal{X}} p(x) = 1",
    ),
    (
        "a slash in a product's brackets",
        r"\prod_{j=1}^k (j/2) = \frac{k!}{2^k}, \quad \left(\prod_{j=1}^k j\right)/2 = k!/2",
    ),
    (
        "a slash in a product's bars",
        r"\prod_{j=1}^k |j/2| = \prod_{j=1}^k \frac{1}{2/j}, \quad \max_{1\le j\le k} j = k/1",
    ),
    ("a slash behind a sum", r"\sum_{j=1}^k j/2 = \frac{k(k+1)}{4}"),
    (
        "notes",
        r"\underbrace{a}_{\text{known}} \overset{(a)}{=} \overbrace{a}^{\mathrm{nothing}} \stackrel{\Delta}{=} a",
    ),
    ("a definition that the notation has", r"\mathrm{KL}(q(z|x)\|p(z)) := \sum_z q(z|x)\log\frac{q(z|x)}{p(z)} \ge 0"),
    ("bars in calls in bars", r"f(a) := |a|, \quad |f(|a|)| = |a|, \quad \|(a + \|b\|)\| \le \|a\| + \|b\|"),
)
SPELLED_RIGHT += of(
    "two-densities",
    ("divergence in letters", r"\text{JSD}(f_0,f_1) = JSD(f_1,f_0) = \mathrm{JSD}(f_0\|f_1)"),
    (
        "a definition that the notation has",
        r"\mathrm{JSD}(f_0,f_1) := \tfrac12\mathrm{KL}(f_0\|M) + \tfrac12\mathrm{KL}(f_1\|M) \le \log 2",
        "",
        "M",
    ),
    ("random variables with numbers", r"\mathbb E_{X_1}[\log D(X_1)] + \mathbb{E}_{X_{0}}[\log(1-D(X_0))] = V(D)"),
    ("a Greek letter in two forms", r"\varepsilon + t = t + \epsilon"),
)
SPELLED_RIGHT += of(
    "bijection",
    *((f"derivative {way}", rf"p_{{F(U)}}(F(u)) = p_U(u)\left|\det{way}\right|^{{-1}}") for way in DERIVATIVES),
    ("derivative of an argument", FLOW + r"\left|\det\frac{\partial F}{\partial u}(F^{-1}(x))\right|^{-1}"),
    ("derivative at a point", r"p_{F(U)}(F(u)) = p_U(u)\left|\det\frac{\partial F}{\partial u}(u)\right|^{-1}"),
    ("derivative at", FLOW + r"\left|\det\left.\frac{\partial F(u)}{\partial u}\right|_{u=F^{-1}(x)}\right|^{-1}"),
    ("determinant at", FLOW + r"\left|\det\frac{\partial F}{\partial u}\right|_{u=F^{-1}(x)}^{-1}"),
)
LOSS = r"\ell_{i,j} = -\log\frac{\exp(\mathrm{sim}(z_i,z_j)/\tau)}{\sum_{k=1}^{2N}%s\exp(\mathrm{sim}(z_i,z_k)/\tau)}"
SPELLED_RIGHT += of(
    "embeddings",
    *((f"indicator {way}", LOSS % way, "", "ell") for way in INDICATORS),
    ("inner product", r"\langle z_i,z_j\rangle = z_i^\top z_j = z_i^{\mathsf T} z_j"),
)
SPELLED_RIGHT += of("offsets", ("subsets", r"A \subset B"))
SPELLED_WRONG = [
    *of(
        "latent",
        *((f"divergence {way}", rf"{way} = \mathbb{{E}}_{{q(z|x)}}[\log p(z) - \log q(z|x)]") for way in DIVERGENCES),
        *((f"mean {way}", rf"{way}{RATIO} \ge \log p(x)") for way in MEANS),
        *((f"entropy {way}", rf"{way} = \sum_z q(z\mid x)\log q(z\mid x)") for way in ENTROPIES),
        *((f"variance {way}", rf"{way}_{{p(z)}}[p(x|z)] = \sum_z p(z)\,p(x|z)^2 - p(x)") for way in VARIANCES),
        *(
            (
                f"parameters {way}",
                rf"{way} := \mathbb E_{{q_\phi(z|x)}}[\log p_\theta(x,z) - \log q_\phi(z|x)],"
                rf" \quad {way} \le \log p_{{\theta'}}(x)",
            )
            for way in PARAMETERS
        ),
        ("an index above", rf"\mathcal L^{{(k)}} := {BOUND}, \quad \mathcal L^{{(1)}} \ge \mathcal L^{{(k)}}"),
        ("draws with an index above", r"\mathbb{E}_{z^{(1:k)}\sim q(z|x)}\left[p(z^{(1)})\right] \le p(z)"),
        ("a minimum with dots", r"\min_{j=1,\dots,n} w_j \ge w_1", "", "w"),
        ("a differential in roman", r"p(x) = \int p(z)\,{\rm d}z"),
        ("for all", r"p(x) < 1 \quad\text{for all } x"),
        ("a row that ends in a sign", r"\begin{aligned} p(x) = \\ p(x,z) + \\ 0 \end{aligned}"),
        ("a phantom", r"\begin{aligned} a + b &= b \\ &\phantom{={}} - a \end{aligned}"),
        ("a box", r"\boxed{p(x) = 1}"),
        ("a definition with a triangle", r"w \triangleq p(x), \quad w \geqq 1"),
        ("rows in braces", r"{\begin{aligned} p(x) &= \sum_z p(x,z) \\ &\ge 1\end{aligned}}"),
        ("log of a factorial", r"\log n! = n \log n"),
        ("log of a fraction of a mean", r"\log\frac12\mathbf{E}_{p(z)}[p(x|z)] = \frac12\log p(x)"),
    ),
    *of(
        "latent", ("a joint draw", r"\mathbb{E}_{x,z\sim p(x,z)}[p(x|z)] = \mathbb{E}_{x\sim p(x),z\sim p(z)}[p(x|z)]")
    ),
    *of(
        "two-densities",
        ("divergence in letters", r"\text{JSD}(f_0,f_1) = 2\,JSD(f_0,f_1)"),
        ("a definition of another meaning", r"\mathrm{JSD}(f_0,f_1) := \mathrm{KL}(f_0\|f_1) + \mathrm{KL}(f_1\|f_0)"),
        (
            "a divergence defined the other way",
            r"D_{\mathrm{KL}}(f_0\,\|\,f_1) := \mathbb{E}_{x\sim f_1}[\log\frac{f_1(x)}{f_0(x)}]",
        ),
        ("random variables with numbers", r"\mathbb E_{X_0}[\log D(X_0)] + \mathbb{E}_{X_1}[\log(1-D(X_1))] = V(D)"),
    ),
    *of(
        "bijection",
        *((f"derivative {way}", rf"p_{{F(U)}}(F(u)) = p_U(u)\left|\det{way}\right|") for way in DERIVATIVES),
        ("derivative of an argument", FLOW + r"\left|\det\frac{\partial F}{\partial u}(F^{-1}(x))\right|"),
        ("derivative at", FLOW + r"\left|\det\left.\frac{\partial F(u)}{\partial u}\right|_{u=F^{-1}(x)}\right|"),
        ("determinant at", FLOW + r"\left|\det\frac{\partial F}{\partial u}\right|_{u=F^{-1}(x)}"),
    ),
    *of(
        "embeddings",
        *((f"indicator {way}", LOSS % way.replace(r"\neq", "="), "", "ell") for way in INDICATORS),
        ("inner product", r"\langle z_i,z_j\rangle \ge 0"),
    ),
    *of("offsets", ("subsets", r"B \subset A")),
]
RIGHT = [*LATENT_RIGHT, *DENSITIES_RIGHT, *BIJECTION_RIGHT, *GAUSSIAN_RIGHT, *EMBEDDINGS_RIGHT, *OFFSETS_RIGHT]
RIGHT += SPELLED_RIGHT
WRONG = [*LATENT_WRONG, *DENSITIES_WRONG, *BIJECTION_WRONG, *GAUSSIAN_WRONG, *EMBEDDINGS_WRONG, *OFFSETS_WRONG]
WRONG += SPELLED_WRONG


REVIEWED = outcomes()


def checked_claims():
    """Each claim with what its check left behind: how many instances, how close, which counterexample."""
    return {claim.text: outcome(check(claim.latex, claim.model, claim.assume, claim.given)) for claim in RIGHT + WRONG}


def test_no_outcome_is_of_a_claim_that_is_gone():
    assert {claim.text for claim in RIGHT + WRONG} == REVIEWED.keys()


@pytest.mark.parametrize("claim", known(RIGHT))
def test_a_right_formula_is_checked(claim):
    record = check(claim.latex, claim.model, claim.assume, claim.given)
    assert record.status == "checked", record.message or record.counterexample
    assert record.ok
    assert record.instances >= (200 if claim.model in ("latent", "two-densities", "embeddings", "offsets") else 5)
    assert not set(record.idle) & set(record.assume)
    assert outcome(record) == REVIEWED[claim.text]


@pytest.mark.parametrize("claim", known(WRONG))
def test_a_wrong_formula_is_refuted(claim):
    record = check(claim.latex, claim.model, claim.assume, claim.given)
    assert record.status == "refuted", record.message
    assert not record.ok
    found = record.counterexample
    assert found.left
    assert found.right
    assert "nan" not in f"{found.instance} {found.left} {found.right}"
    assert outcome(record) == REVIEWED[claim.text]


# ---- text that must be an error ----

ERRORS = {  # formula: column of the error, and words of its message
    "unclosed brace": (r"p(x) = \frac{1}{2", 16, ["'{'", "not closed"]),
    "brace that closes nothing": (r"p(x)} = 1", 5, ["'}'"]),
    "unclosed bracket": (r"p(x = 1", 5, ["')'", "'='"]),
    "unclosed square bracket": (r"\mathbb{E}_{p(z)}[p(x\mid z) = 1", 30, ["']'", "'='"]),
    "brackets of two kinds": (r"2(a+b] = 1", 6, ["')'", "']'"]),
    "truncated after a sign": (r"p(x) =", 7, ["the end"]),
    "truncated in an operator": (r"p(x) = \sum_z", 14, ["the end", r"\sum"]),
    "truncated in a fraction": (r"p(x) = \frac{1}", 16, ["the end"]),
    "truncated after a function": (r"a = \log", 9, ["the end"]),
    "begins with a sign": (r"= p(x)", 1, ["expression", "'='"]),
    "two signs": (r"a = = b", 5, ["expression", "'='"]),
    "no sign": (r"p(x)\,p(z\mid x)", 1, ["relation"]),
    "text for a name": (r"\text{ELBO}(x) = x", 1, ["ELBO"]),
    "two superscripts": (r"2^3^2 = 64", 4, ["'^'", "braces"]),
    "two subscripts": (r"z_1_2 = z_1", 4, ["'_'"]),
    "divergence from a number": (r"D_{\mathrm{KL}}(q(z\mid x)\,\|\,2) = 1", None, ["law"]),
    "definition of a divergence": (r"\mathrm{JSD}(a,b) := 7", None, ["law"]),
    "definition of a multiple of a divergence": (r"2\,\mathrm{JSD}(p(z),q(z)) := 7", 1, ["name to define"]),
    "definition of an expectation": (r"\mathbb{E}_{p(z)}[a] := 7", 1, [r"\mathbb{E}", "redefined"]),
    "definition of the expectation": (r"\mathbb{E} := 7", 1, [r"\mathbb{E}", "redefined"]),
    "digit of another alphabet": ("a = ٣", 5, ["'٣'"]),
    "nothing": ("  ", 3, ["a formula", "the end"]),
    "only text": (r"\text{trivial}", 15, ["a formula", "the end"]),
    "unknown letter": (r"p(x) = s", 8, ["s", "latent"]),
    "unknown greek letter": (r"\gamma = 1", 1, [r"\gamma", "latent"]),
    "unknown law": (r"r(x) = 1", 1, ["r", "latent"]),
    "unknown function": (r"p(x) = f(x)", 8, ["f", "latent"]),
    "law of the wrong variables": (r"q(x\mid z) = 1", 1, ["q(z|x)", "q(x | z)"]),
    "unknown word": (r"\mathrm{blub}(x) = 1", 1, ["blub"]),
    "unknown command": (r"a = \blub{b}", 5, [r"\blub"]),
    "unknown environment": ("\\begin{tikzpicture}\na = b\n\\end{tikzpicture}", 1, ["tikzpicture"]),
    "environment not closed": ("\\begin{aligned}\na = a", 1, ["aligned"]),
    "environment closed by another": (r"\begin{aligned} a = a \end{gathered}", 23, ["gathered"]),
    "reason without text": (r"\begin{aligned} a &= a && algebra \end{aligned}", 27, [r"\text"]),
    "log and a dot": (r"\log a\,b\cdot c = 1", 9, ["brackets", r"\log"]),
    "log and a slash": (r"\log a/b = 1", 7, ["brackets", r"\log"]),
    "log and a product": (r"\log a b = 1", 8, ["brackets", r"\log"]),
    "log of a product of logs": (r"\log p(x)\,\log q(z\mid x) = 1", 12, ["brackets", r"\log"]),
    "log of a negative": (r"\log -a = 1", 1, ["brackets", r"\log"]),
    "log and a power of a bracket": (r"\log (a)^2 = 1", 9, ["power"]),
    "power of a log": (r"\log^2 a = 1", 1, ["power"]),
    "slash and a product": (r"a/bc = 1", 2, [r"\frac"]),
    "two slashes": (r"a/b/c = 1", 2, [r"\frac"]),
    "slash and a dot": (r"a/b\cdot c = 1", 2, [r"\frac"]),
    "expectation without brackets": (r"\mathbb{E}_{q(z\mid x)} \log p(x,z) = 1", 25, ["brackets"]),
    "expectation without a law": (r"\mathbb{E}[p(x)] = 1", 1, ["law"]),
    "variance without brackets": (r"\operatorname{Var}_{q} a = 1", 24, ["brackets"]),
    "divergence of one law": (r"D_{\mathrm{KL}}(q(z\mid x)) = 1", 16, ["two laws"]),
    "divergence of different variables": (r"D_{\mathrm{KL}}(q(z\mid x)\,\|\,p(x)) = 1", None, ["same variables"]),
    "divergence of what is no law": (r"D_{\mathrm{KL}}(a\,\|\,b) = 1", 17, ["law"]),
    "approximately": (r"p(x) \approx 1", 6, [r"\approx", "test"]),
    "limit": (r"a \to b", 3, [r"\to", "test"]),
    "limit of a sequence": (r"\lim_{k\to\infty} a = a", 1, [r"\lim", "test"]),
    "dots": (r"a = a + \dots + a", 9, [r"\dots", "test"]),
    "proportional": (r"p(z\mid x) \propto p(x,z)", 12, [r"\propto", "test"]),
    "plus or minus": (r"a = \pm b", 5, [r"\pm", "test"]),
    "plus or minus between": (r"a \pm b = a", 3, [r"\pm", "test"]),
    "drawn from a law": (r"z \sim q(z\mid x)", 3, [r"\sim", "test"]),
    "implies": (r"a = b \implies b = a", 7, [r"\implies", "test"]),
    "sum without bounds": (r"\sum_{j=1} j = 1", 7, ["upper"]),
    "sum without a lower bound": (r"\sum_j^k j = 1", 6, ["lower"]),
    "sum without a body": (r"\sum_{j=1}^k = 1", 14, [r"\sum"]),
    "integral without a differential": (r"\int p(x,z) = p(x)", 13, [r"\mathrm dz"]),
    "function between factors": (r"\max a = 1", 6, ["brackets"]),
    "determinant of a number": (r"\det a = 1", 1, ["derivative"]),
    "law redefined": (r"p(x) := 1", 1, ["latent", "redefined"]),
    "conditional law redefined": (r"q(z\mid x) := p(z)", 1, ["latent", "redefined"]),
    "variable redefined": (r"x := 1", 1, ["latent", "redefined"]),
    "definition of what is no name": (r"1 := 2", 1, ["name"]),
    "definition in terms of itself": (r"\mathcal{L} := \mathcal{L} + 1", 16, [r"\mathcal{L}"]),
    "definition of an unknown": (r"\mathcal{L} := s", 16, ["s"]),
    "NUL": ("a = \0b", 5, [r"'\x00'"]),
    "letter of another alphabet": ("a = ж", 5, ["'ж'"]),
    "comment sign": ("a = b % no", 7, ["'%'"]),
    "dollar": ("a = $b$", 5, ["'$'"]),
    "bound that is not whole": (r"\sum_{j=1}^{1.5} j = 1", None, ["whole"]),
    "plain letters before no laws": (r"KL(a) = 1", 2, ["L", "latent"]),
    "text before no laws": (r"\text{KL}(a,b) = 1", None, ["law"]),
    "definition of a written divergence": (r"\mathrm{D}_{\mathrm{KL}}(a) := 2", 25, ["two laws"]),
    "other parameters": (r"f(\theta;a) := a, \quad f(\phi;a) = a", 25, [r"f_{;\phi}"]),
    "parameters left out": (r"f(\theta;a) := a, \quad f(a) = a", 25, ["f", "latent"]),
    "indices above and below": (r"z_1^{(2)} = z_1", 4, ["indices", "z"]),
    "sum to infinity": (r"\sum_{j=1}^\infty 2^{-j} = 1", 7, ["infinitely", "test"]),
    "second derivative": (r"\frac{\partial z}{\partial x^2} = 1", 30, ["'2'", "derivative"]),
    "log of a factorial and a factor": (r"\log n! k = 1", 9, ["brackets", r"\log"]),
    "log and a factorial of a bracket": (r"\log (n)! = 1", 9, ["factorial"]),
    "double factorial": (r"n!! = 1", 3, ["factorials"]),
    "integral from a bound": (r"\int_0 a\,da = 1", 1, ["two bounds"]),
    "integral backwards": (r"\int_{\infty}^{-\infty} p(x,z)\,dz = p(x)", 1, [r"-\infty"]),
    "text for a bracket": (r"a = \text{(} b)", 5, [r"\text{(}"]),
    "aligned inside a bracket": (r"a = {b + \begin{aligned} a \end{aligned}}", 10, ["aligned"]),
    "a condition behind a text": (r"a = a \quad\text{for } b \in s", 30, ["s"]),
    "logs in logs": (r"\log" * 100 + " a = 1", None, ["60 deep"]),
    "sums in sums": (r"\sum_{j=1}^2" * 100 + " j = 1", None, ["60 deep"]),
    "bars in bars": (r"\left|" * 61 + "a" + r"\right|" * 61 + " = a", None, ["60 deep"]),
    "transposes": (r"a^\top " * 100 + "b = 1", None, ["60 deep"]),
    "unions": (r"[k] \cup " * 100 + "[k] = [k]", None, ["60 deep"]),
    "annotations in annotations": (r"\overset{a}{" * 61 + "=" + "}" * 61, None, ["60 deep"]),
    "too many relations": ("a" + " = a" * 201, 803, ["200 relation signs"]),
    "too many arguments": (r"\max(" + "a, " * 1000 + "a) = a", None, ["1000 members"]),
    "too many cases": (r"a = \begin{cases}" + r"a \\" * 1001 + r"\end{cases}", None, ["1000 members"]),
    "claim below a brace": (r"\underbrace{\log p(x)}_{\ge 0} = \log p(x)", 25, [r"\ge", "not read"]),
    "claim above a brace": (r"\overbrace{p(x)}^{=1} = p(x)", 19, ["=", "not read"]),
    "claim above a sign": (r"a \overset{\ge5}{=} a", 12, [r"\ge", "not read"]),
    "claim below a sign": (r"a \underset{b\approx0}{=} a", 14, [r"\approx", "not read"]),
    "denial above a sign": (r"a \overset{\text{not}}{=} a", 18, ["'not'", "not read"]),
    "denial on a sign": (r"a \stackrel{!}{\text{never }=} a", 22, ["'never'", "not read"]),
    "denial below a brace": (r"\underbrace{a}_{\text{No bound}} = a", 23, ["'No'", "not read"]),
    "slash behind a product": (r"\prod_{j=1}^k j/2 = 1", 16, ["brackets", r"\frac"]),
    "slash behind a product of sums": (r"\prod_{j=1}^k \sum_{i=1}^j i/2 = 1", 29, ["brackets", r"\frac"]),
    "slash behind a maximum": (r"\max_z p(z)/2 = 1", 12, ["brackets", r"\frac"]),
    "slash behind a minimum": (r"\min_{1\le j\le k} j/2 = 1", 21, ["brackets", r"\frac"]),
    "sum over the space of another variable": (r"\sum_{z\in\mathcal X} p(x,z) = p(x)", 11, [r"\mathcal{X}", "z"]),
    "one of two spaces": (r"\sum_{x,z'\in\mathcal{X}} p(x,z') = 1", 14, [r"\mathcal{X}", "z'"]),
    "integral over the space of another": (r"\int_{\mathcal X} p(x,z)\,\mathrm dz = p(x)", 7, [r"\mathcal{X}", "z"]),
    "one drawn from a joint law": (r"\mathbb{E}_{z\sim p(x,z)}[a] = a", 13, ["exactly the variables"]),
    "two drawn from a law of others": (r"\mathbb{E}_{x',z'\sim p(x,z)}[a] = a", 13, ["exactly the variables"]),
    "a joint draw and another": (r"\mathbb{E}_{x,z\sim p(x,z),z'\sim p(z')}[a] = a", 13, ["alone"]),
    "second line": ("\\begin{aligned}\np(x) &= p(x) \\\\\n&= s\n\\end{aligned}", (3, 4), ["s", "latent"]),
}


@pytest.mark.parametrize(("latex", "column", "words"), ERRORS.values(), ids=ERRORS)
def test_an_error_says_where_and_what(latex, column, words):
    record = check(latex)
    assert record.status == "error", record
    assert not record.ok
    line, column = column if isinstance(column, tuple) else (1, column)
    where = re.match(r"page\.md:(\d+):(\d+): ", record.message)
    assert where, record.message
    assert int(where[1]) == line + 1  # below the fence
    assert column is None or int(where[2]) == column, record.message
    assert all(word in record.message for word in words), record.message
    assert "Error" not in record.message
    assert "Traceback" not in record.message


def test_a_derivative_by_another_variable_is_an_error():
    record = check(r"\left|\det\frac{\partial F}{\partial x}(u)\right| = 1", "bijection")
    assert record.status == "error"
    assert "by x must not be taken at u" in record.message


PAGES = {  # pages on which something is an error, and words of its message
    "unknown model": ('```math model="lattent"\na = a\n```', ["lattent", "latent"]),
    "two models, one unknown": ('```math model="latent other"\na = a\n```', ["other"]),
    "unknown option": ('```math model="latent" asume="positive"\na = a\n```', ["asume"]),
    "unknown assumption": ('```math model="latent" assume="sunny"\na = a\n```', ["sunny", "q << posterior"]),
    "no instance": ('```math model="latent" assume="p(x) = 2"\na = a\n```', ["instances", "got 0"]),
    "expectation of something else": ('```math model="latent" expect="no"\na = a\n```', ["expect", "no"]),
    "option without quotes": ('```math model="latent" assume=positive\na = a\n```', ["assume=positive"]),
    "option given twice": ('```math model="latent" model="offsets"\na = a\n```', ["model", "twice"]),
    "fence that is not closed": ('Text\n\n```math model="latent"\na = b\n', ["closed"]),
    "unbound fence": ('```math id="free"\na = a\n```', ["model", "test", "cite"]),
    "unbound dollars": ("Text\n\n$$\na = a\n$$\n", ["model", "test", "cite"]),
    "missing test": ('```math test="tests/test_none.py::test_none"\na \\to b\n```', ["tests/test_none.py::test_none"]),
    "id used twice": (
        '```math id="a" model="latent"\na = a\n```\n\n```math id="a" model="latent"\nb = b\n```',
        ["a", "twice"],
    ),
    "name defined twice": (
        '```math id="a" model="latent"\nw := 1\n```\n\n```math id="b" model="latent"\nw := 2\n```',
        ["w", "twice"],
    ),
    "used before its definition": (
        '```math id="a" model="latent"\nw = 1\n```\n\n```math id="b" model="latent"\nw := 1\n```',
        ["w", "latent"],
    ),
    "implemented by nothing": ('```math model="latent" implements="hw.none.f"\nw := 1\n```', ["hw.none.f"]),
}


@pytest.mark.parametrize(("page", "words"), PAGES.values(), ids=PAGES)
def test_a_page_with_an_error_says_where_and_what(page, words):
    records = [record for record in check_text(page, "page.md") if record.status == "error"]
    assert len(records) == 1, records
    assert re.match(r"page\.md:\d+(:\d+)?: ", records[0].message), records[0].message
    assert all(word in records[0].message for word in words), records[0].message


def test_a_wrong_formula_that_is_shown_as_wrong_is_as_the_page_says():
    wrong = check(r"\log p(x) = \mathbb{E}_{q(z\mid x)}[\log p(x,z)]", options='expect="false"')
    assert (wrong.status, wrong.ok) == ("refuted", True)
    right = check(r"\log p(x) \ge \mathbb{E}_{q(z\mid x)}[\log p(x,z)]", options='expect="false"')
    assert (right.status, right.ok) == ("checked", False)


def test_an_assumption_says_what_happens_without_it():
    latex = r"\mathbb{E}_{q(z\mid x)}\left[\frac{p(x,z)}{q(z\mid x)}\right] = p(x)"
    needed = check(latex, assume="posterior << q")
    assert (needed.status, needed.idle) == ("checked", ())
    assert needed.unassumed
    idle = check(r"p(x) \le 1", assume="posterior << q")
    assert (idle.status, idle.idle) == ("checked", ("posterior << q",))


def test_a_definition_that_fails_changes_no_name():
    names = Names(MODELS["latent"].vocabulary)
    with pytest.raises(FormulaError):
        parse(r"f(w_{1:k}) := \blub", names)
    assert (names.functions, names.families, names.labeled) == (set(), set(), set())


def test_a_condition_may_be_an_assumption():
    assert check(r"\mathcal{L}_{k}(x) \ge \mathcal{L}_m(x)", given="L").status == "checked"
    assert check(r"\frac1m - \frac1k > 0", assume="k > m").status == "checked"
    assert check(r"\frac1m - \frac1k > 0").status == "refuted"
