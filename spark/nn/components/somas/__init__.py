"""Somas by name."""

from spark.nn.components.somas.base import Soma, SomaConfig
from spark.nn.components.somas.leaky import (
    AdaptiveLeakySoma,
    AdaptiveLeakySomaConfig,
    LeakyIntegratorSoma,
    LeakyIntegratorSomaConfig,
    LeakySoma,
    LeakySomaConfig,
    RefractoryLeakySoma,
    RefractoryLeakySomaConfig,
    StrictRefractoryLeakySoma,
    StrictRefractoryLeakySomaConfig,
)

__all__ = [
    "AdaptiveLeakySoma", "AdaptiveLeakySomaConfig", "LeakyIntegratorSoma", "LeakyIntegratorSomaConfig", "LeakySoma",
    "LeakySomaConfig", "RefractoryLeakySoma", "RefractoryLeakySomaConfig", "Soma", "SomaConfig",
    "StrictRefractoryLeakySoma", "StrictRefractoryLeakySomaConfig",
]
