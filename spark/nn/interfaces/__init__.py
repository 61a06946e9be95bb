"""Encoders and read-outs."""

from spark.nn.interfaces.base import Encoder, InterfaceConfig
from spark.nn.interfaces.encoders import LinearSpiker, LinearSpikerConfig, PoissonSpiker, PoissonSpikerConfig
from spark.nn.interfaces.readouts import ExponentialIntegrator, ExponentialIntegratorConfig

__all__ = [
    "Encoder", "ExponentialIntegrator", "ExponentialIntegratorConfig", "InterfaceConfig", "LinearSpiker",
    "LinearSpikerConfig", "PoissonSpiker", "PoissonSpikerConfig",
]
