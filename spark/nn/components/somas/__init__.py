"""Somas by name."""

from spark.nn.components.somas.base import Soma, SomaConfig
from spark.nn.components.somas.exponential import (
    AdaptiveExponentialSoma,
    AdaptiveExponentialSomaConfig,
    ExponentialSoma,
    ExponentialSomaConfig,
    RefractoryExponentialSoma,
    RefractoryExponentialSomaConfig,
    SimplifiedAdaptiveExponentialSoma,
    SimplifiedAdaptiveExponentialSomaConfig,
)
from spark.nn.components.somas.integrate import (
    CubaLeakySoma,
    CubaLeakySomaConfig,
    IntegrateSoma,
    IntegrateSomaConfig,
)
from spark.nn.components.somas.izhikevich import IzhikevichSoma, IzhikevichSomaConfig
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
    "AdaptiveExponentialSoma", "AdaptiveExponentialSomaConfig", "AdaptiveLeakySoma", "AdaptiveLeakySomaConfig",
    "CubaLeakySoma", "CubaLeakySomaConfig", "ExponentialSoma", "ExponentialSomaConfig", "IntegrateSoma",
    "IntegrateSomaConfig", "IzhikevichSoma", "IzhikevichSomaConfig", "LeakyIntegratorSoma", "LeakyIntegratorSomaConfig",
    "LeakySoma", "LeakySomaConfig", "RefractoryExponentialSoma", "RefractoryExponentialSomaConfig",
    "RefractoryLeakySoma", "RefractoryLeakySomaConfig", "SimplifiedAdaptiveExponentialSoma",
    "SimplifiedAdaptiveExponentialSomaConfig", "Soma", "SomaConfig", "StrictRefractoryLeakySoma",
    "StrictRefractoryLeakySomaConfig",
]
