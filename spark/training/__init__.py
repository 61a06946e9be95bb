"""Training of any differentiable pure step."""

from spark.training.fit import Differentiable, Fit, fit
from spark.training.losses import accuracy, count_cross_entropy, count_mean_square
from spark.training.surrogate import SURROGATES, fire

__all__ = [
    "SURROGATES", "Differentiable", "Fit", "accuracy", "count_cross_entropy", "count_mean_square", "fire", "fit",
]
