"""spark: a spiking neuron library in JAX; every module is a pure step with a thin stateful face."""

from spark.core.config import ConfigError, SparkConfig
from spark.core.module import SparkModule
from spark.core.parts import merge, split
from spark.core.payloads import CurrentArray, FloatArray, PotentialArray, SpikeArray
from spark.core.serialization import load, save
from spark.core.specs import ModuleSpecs, PortMap, PortSpecs

__all__ = [
    "ConfigError", "CurrentArray", "FloatArray", "ModuleSpecs", "PortMap", "PortSpecs", "PotentialArray", "SparkConfig",
    "SparkModule", "SpikeArray", "load", "merge", "save", "split",
]
