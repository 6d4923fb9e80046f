"""Lower bounds on the log-evidence, from log-weights and in exactly solvable models, in nats.

`weights` makes bounds of log-weights, `streaming` does so without holding all draws, `models` has two models whose
bounds are known exactly, by the integral of `frullani`, `gradients` estimates their gradients. What a reader of the
pages needs is imported from here.
"""

from hw.bounds.gradients import dreg_surrogate, iwae_surrogate, signal_to_noise, stl_surrogate
from hw.bounds.models import DiscreteModel, LinearGaussian
from hw.bounds.streaming import streaming_iwlb
from hw.bounds.weights import elbo, iwlb, kl_gap

__all__ = [
    "DiscreteModel",
    "LinearGaussian",
    "dreg_surrogate",
    "elbo",
    "iwae_surrogate",
    "iwlb",
    "kl_gap",
    "signal_to_noise",
    "stl_surrogate",
    "streaming_iwlb",
]
