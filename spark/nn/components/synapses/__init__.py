"""Synapses by name."""

from spark.nn.components.synapses.base import Synanpses, SynanpsesConfig, Synapses, SynapsesConfig
from spark.nn.components.synapses.linear import LinearSynapses, LinearSynapsesConfig
from spark.nn.components.synapses.traced import (
    RDTracedSynapses,
    RDTracedSynapsesConfig,
    RFSTracedSynapses,
    RFSTracedSynapsesConfig,
    TracedSynapses,
    TracedSynapsesConfig,
)

__all__ = [
    "LinearSynapses", "LinearSynapsesConfig", "RDTracedSynapses", "RDTracedSynapsesConfig", "RFSTracedSynapses",
    "RFSTracedSynapsesConfig", "Synanpses", "SynanpsesConfig", "Synapses", "SynapsesConfig", "TracedSynapses",
    "TracedSynapsesConfig",
]
