"""Leaky integrate-and-fire neurons with an adaptive threshold."""

from __future__ import annotations

from typing import Any

from spark.core.config import nested
from spark.nn.components.somas.base import SomaConfig
from spark.nn.components.somas.leaky import AdaptiveLeakySomaConfig
from spark.nn.components.synapses.base import SynapsesConfig
from spark.nn.components.synapses.traced import TracedSynapsesConfig
from spark.nn.neurons.base import Neuron, NeuronConfig


class ALIFNeuronConfig(NeuronConfig):
    """Parameters of ALIFNeuron: those of NeuronConfig; soma AdaptiveLeaky and synapses Traced unless given."""

    soma: SomaConfig = nested(AdaptiveLeakySomaConfig, base=SomaConfig, doc="Soma.")
    synapses: SynapsesConfig = nested(lambda: TracedSynapsesConfig(scale=200.0), base=SynapsesConfig, doc="Synapses.")


class ALIFNeuron(Neuron[ALIFNeuronConfig]):
    """A pool of leaky integrate-and-fire units whose threshold rises with every spike.

    Dynamics: see AdaptiveLeakySoma and TracedSynapses, its defaults; any soma and any synapses fit.

    Parameters, state, ports and errors as LIFNeuron. Source: Neuronal Dynamics, section 5.1.

    >>> neuron = ALIFNeuron(units=(3,), soma__threshold_delta=50.0).build(2)
    >>> neuron([1, 0])["out_spikes"].shape
    (3,)
    """

    config_class = ALIFNeuronConfig

    def __init__(self, config: ALIFNeuronConfig | None = None, **keywords: Any) -> None:
        super().__init__(config, **keywords)
