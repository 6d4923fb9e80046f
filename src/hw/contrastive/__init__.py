"""Contrastive losses on the unit sphere: exact, streaming over tiles, and right across processes; all in nats.

Vectors come as the network gives them and are compared by their directions. The losses form no matrix of all pairs, in
their value or in their gradient. Half precision is computed and returned in float32.

References:
    Chen, Kornblith, Norouzi and Hinton (2020), *A Simple Framework for Contrastive Learning of Visual Representations*,
    <https://arxiv.org/abs/2002.05709>.
"""

from hw.contrastive.gradient import nt_xent_gradient
from hw.contrastive.losses import info_nce, nt_xent
from hw.contrastive.sphere import alignment, uniformity

__all__ = ["alignment", "info_nce", "nt_xent", "nt_xent_gradient", "uniformity"]
