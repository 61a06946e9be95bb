"""Izhikevich neurons."""

from __future__ import annotations

from typing import Any

from spark.core.config import nested
from spark.nn.components.somas.base import SomaConfig
from spark.nn.components.somas.izhikevich import IzhikevichSomaConfig
from spark.nn.components.synapses.base import SynapsesConfig
from spark.nn.components.synapses.traced import TracedSynapsesConfig
from spark.nn.neurons.base import Neuron, NeuronConfig


class IzhikevichNeuronConfig(NeuronConfig):
    """Parameters of IzhikevichNeuron: those of NeuronConfig; soma Izhikevich and synapses Traced unless given.

    The unit of the synapses' scale is here mV/ms, that of the soma's current.
    """

    soma: SomaConfig = nested(IzhikevichSomaConfig, base=SomaConfig, doc="Soma.")
    synapses: SynapsesConfig = nested(lambda: TracedSynapsesConfig(scale=4.0), base=SynapsesConfig, doc="Synapses.")


class IzhikevichNeuron(Neuron[IzhikevichNeuronConfig]):
    """A pool of units of Izhikevich's simple model.

    Dynamics: see IzhikevichSoma and TracedSynapses, its defaults; any soma and any synapses fit.

    Parameters, state, ports and errors as LIFNeuron. Source: Izhikevich 2003.

    >>> neuron = IzhikevichNeuron(units=(2,), soma__recovery_update=2.0, soma__potential_reset=-50.0).build(3)
    >>> neuron([1, 0, 1])["out_spikes"].shape
    (2,)
    """

    config_class = IzhikevichNeuronConfig

    def __init__(self, config: IzhikevichNeuronConfig | None = None, **keywords: Any) -> None:
        super().__init__(config, **keywords)
