"""Training of any differentiable pure step."""

from spark.training.fit import Differentiable, Fit, fit
from spark.training.losses import (
    accuracy,
    count_cross_entropy,
    count_mean_square,
    value_accuracy,
    value_cross_entropy,
)
from spark.training.surrogate import SURROGATES, fire

__all__ = [
    "SURROGATES", "Differentiable", "Fit", "accuracy", "count_cross_entropy", "count_mean_square", "fire", "fit",
    "value_accuracy", "value_cross_entropy",
]
