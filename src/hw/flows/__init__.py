r"""Normalizing flows: bijections of $\mathbb{R}^d$ with their log-determinants, and the laws they carry, in nats.

`bijection` says what every bijection offers and combines them; `affine`, `planar`, `coupling` and `autoregressive` are
the kinds, the last two on the masked `networks`; `flow` makes a law of a base and a bijection; `estimators` and
`fitting` compare it with a target by either divergence. What a reader of the pages needs is imported from here.

References:
    Papamakarios et al. (2021), *Normalizing Flows for Probabilistic Modeling and Inference*,
    <https://arxiv.org/abs/1912.02762>.
"""

from hw.flows.affine import Affine
from hw.flows.autoregressive import MaskedAutoregressive
from hw.flows.bijection import Bijection, Compose, Inverse, Permute
from hw.flows.coupling import AffineCoupling
from hw.flows.estimators import Estimate, forward_kl, reverse_kl
from hw.flows.fitting import Fit, fit_forward, fit_reverse
from hw.flows.flow import Flow, StandardNormal
from hw.flows.planar import Planar

__all__ = [
    "Affine",
    "AffineCoupling",
    "Bijection",
    "Compose",
    "Estimate",
    "Fit",
    "Flow",
    "Inverse",
    "MaskedAutoregressive",
    "Permute",
    "Planar",
    "StandardNormal",
    "fit_forward",
    "fit_reverse",
    "forward_kl",
    "reverse_kl",
]
