"""The models that give symbols their meaning, by name."""

from hw.checked_math.models.bijection import BIJECTION
from hw.checked_math.models.embeddings import EMBEDDINGS
from hw.checked_math.models.latent import LATENT
from hw.checked_math.models.linear_gaussian import LINEAR_GAUSSIAN
from hw.checked_math.models.model import Model
from hw.checked_math.models.offsets import OFFSETS
from hw.checked_math.models.two_densities import TWO_DENSITIES

__all__ = ["MODELS"]

MODELS: dict[str, Model] = {
    model.name: model for model in (LATENT, LINEAR_GAUSSIAN, BIJECTION, TWO_DENSITIES, EMBEDDINGS, OFFSETS)
}
