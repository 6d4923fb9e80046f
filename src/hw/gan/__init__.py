r"""Generative adversarial networks: losses from logits, the best discriminator, and what its logit says of two laws.

Label 1 belongs to the data and the law $p_1$, label 0 to the generator and $p_0$; a discriminator is
$D = \operatorname{sigmoid}(\text{logit})$, the chance of label 1. All values are in nats. Half precision is computed
and returned in float32.

References:
    Goodfellow et al. (2014), *Generative Adversarial Nets*, <https://arxiv.org/abs/1406.2661>.
"""

from hw.gan.losses import discriminator_loss, generator_loss, optimal_logit, value
from hw.gan.ratio import DensityRatio, Estimate, fit_density_ratio, jsd_from_logits, log_density_ratio

__all__ = [
    "DensityRatio",
    "Estimate",
    "discriminator_loss",
    "fit_density_ratio",
    "generator_loss",
    "jsd_from_logits",
    "log_density_ratio",
    "optimal_logit",
    "value",
]
