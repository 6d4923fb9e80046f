"""Contrastive losses on the unit sphere: exact, streaming over tiles, and right across processes; all in nats.

Vectors come as the network gives them and are compared by their directions. Logits are computed in tiles of at most
512 × 512, on a GPU 4096 × 4096, so for a larger batch no matrix of all pairs is formed, neither for the value nor for
the gradient. Half precision is computed and returned in float32. The device must have float64; on a GPU the digits are
those of its matrix products, so `torch.set_float32_matmul_precision` should be at its default, `"highest"`.

References:
    Chen, Kornblith, Norouzi and Hinton (2020), *A Simple Framework for Contrastive Learning of Visual Representations*,
    <https://arxiv.org/abs/2002.05709>.
"""

from hw.contrastive.gradient import nt_xent_gradient
from hw.contrastive.losses import info_nce, nt_xent
from hw.contrastive.sphere import alignment, uniformity

__all__ = ["alignment", "info_nce", "nt_xent", "nt_xent_gradient", "uniformity"]
