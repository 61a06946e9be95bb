"""Adaptive exponential integrate-and-fire neurons."""

from __future__ import annotations

from typing import Any

from spark.core.config import nested
from spark.nn.components.somas.base import SomaConfig
from spark.nn.components.somas.exponential import AdaptiveExponentialSomaConfig
from spark.nn.components.synapses.base import SynapsesConfig
from spark.nn.components.synapses.traced import TracedSynapsesConfig
from spark.nn.neurons.base import Neuron, NeuronConfig


class AdExNeuronConfig(NeuronConfig):
    """Parameters of AdExNeuron: those of NeuronConfig; soma AdaptiveExponential and synapses Traced unless given."""

    soma: SomaConfig = nested(AdaptiveExponentialSomaConfig, base=SomaConfig, doc="Soma.")
    synapses: SynapsesConfig = nested(lambda: TracedSynapsesConfig(scale=28.0), base=SynapsesConfig, doc="Synapses.")


class AdExNeuron(Neuron[AdExNeuronConfig]):
    """A pool of adaptive exponential integrate-and-fire units.

    Dynamics: see AdaptiveExponentialSoma and TracedSynapses, its defaults; any soma and any synapses fit.

    Parameters, state, ports and errors as LIFNeuron. Source: Brette & Gerstner 2005.

    >>> neuron = AdExNeuron(units=(2,), dt=0.1, soma__adaptation_delta=20.0).build(3)
    >>> neuron([1, 0, 1])["out_spikes"].shape
    (2,)
    """

    config_class = AdExNeuronConfig

    def __init__(self, config: AdExNeuronConfig | None = None, **keywords: Any) -> None:
        super().__init__(config, **keywords)
