"""Leaky integrate-and-fire neurons."""

from __future__ import annotations

from typing import Any

from spark.core.config import nested
from spark.nn.components.somas.base import SomaConfig
from spark.nn.components.somas.leaky import RefractoryLeakySomaConfig
from spark.nn.components.synapses.base import SynapsesConfig
from spark.nn.components.synapses.traced import TracedSynapsesConfig
from spark.nn.neurons.base import Neuron, NeuronConfig


class LIFNeuronConfig(NeuronConfig):
    """Parameters of LIFNeuron: those of NeuronConfig; soma RefractoryLeaky and synapses Traced unless given."""

    soma: SomaConfig = nested(RefractoryLeakySomaConfig, base=SomaConfig, doc="Soma.")
    synapses: SynapsesConfig = nested(lambda: TracedSynapsesConfig(scale=150.0), base=SynapsesConfig, doc="Synapses.")


class LIFNeuron(Neuron[LIFNeuronConfig]):
    """A pool of leaky integrate-and-fire units.

    Dynamics: see RefractoryLeakySoma and TracedSynapses, its defaults; any soma and any synapses fit.

    Parameters: units; inhibitory_rate (0…1, 0.2); soma, synapses, delays, learning_rule; dt (ms), dtype, seed. State,
    ports and errors as Neuron. Source: Neuronal Dynamics, section 1.3.

    >>> neuron = LIFNeuron(units=(64,)).build(100)
    >>> import numpy as np
    >>> outputs, state = neuron.run(np.random.default_rng(0).random((500, 100)) < 0.02)
    >>> bool(0.002 < np.abs(outputs["out_spikes"]).mean() < 0.04)
    True
    """

    config_class = LIFNeuronConfig

    def __init__(self, config: LIFNeuronConfig | None = None, **keywords: Any) -> None:
        super().__init__(config, **keywords)
