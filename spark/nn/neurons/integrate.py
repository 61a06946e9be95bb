"""Integrate-and-fire neurons without a leak, and with a synaptic current of their own."""

from __future__ import annotations

from typing import Any

from spark.core.config import nested
from spark.nn.components.somas.base import SomaConfig
from spark.nn.components.somas.integrate import CubaLeakySomaConfig, IntegrateSomaConfig
from spark.nn.components.synapses.base import SynapsesConfig
from spark.nn.components.synapses.linear import LinearSynapsesConfig
from spark.nn.neurons.base import Neuron, NeuronConfig


class IFNeuronConfig(NeuronConfig):
    """Parameters of IFNeuron: those of NeuronConfig; soma Integrate and synapses Linear unless given."""

    soma: SomaConfig = nested(IntegrateSomaConfig, base=SomaConfig, doc="Soma.")
    synapses: SynapsesConfig = nested(lambda: LinearSynapsesConfig(scale=12.0), base=SynapsesConfig, doc="Synapses.")


class IFNeuron(Neuron[IFNeuronConfig]):
    """A pool of integrate-and-fire units without a leak.

    Dynamics: see IntegrateSoma and LinearSynapses, its defaults; any soma and any synapses fit.

    Parameters, state, ports and errors as LIFNeuron. Source: Lapicque 1907; NIR, primitive IF.

    >>> neuron = IFNeuron(units=(1,), synapses__kernel=[[1.0]], synapses__scale=10.0, soma__threshold=2.5).build(1)
    >>> neuron.run([[1]] * 6)[0]["out_spikes"][:, 0].tolist()
    [0.0, 0.0, 1.0, 0.0, 0.0, 1.0]
    """

    config_class = IFNeuronConfig

    def __init__(self, config: IFNeuronConfig | None = None, **keywords: Any) -> None:
        super().__init__(config, **keywords)


class CubaLIFNeuronConfig(NeuronConfig):
    """Parameters of CubaLIFNeuron: those of NeuronConfig; soma CubaLeaky and synapses Linear unless given."""

    soma: SomaConfig = nested(CubaLeakySomaConfig, base=SomaConfig, doc="Soma.")
    synapses: SynapsesConfig = nested(lambda: LinearSynapsesConfig(scale=1000.0), base=SynapsesConfig, doc="Synapses.")


class CubaLIFNeuron(Neuron[CubaLIFNeuronConfig]):
    """A pool of leaky integrate-and-fire units, each behind a synaptic current of its own.

    Dynamics: see CubaLeakySoma and LinearSynapses, its defaults; any soma and any synapses fit.

    Parameters, state, ports and errors as LIFNeuron. Source: NIR (Pedersen et al. 2024), primitive CubaLIF.

    >>> neuron = CubaLIFNeuron(units=(2,), soma__current_tau=3.0).build(3)
    >>> sorted(neuron.state["soma"])
    ['i', 'v']
    """

    config_class = CubaLIFNeuronConfig

    def __init__(self, config: CubaLIFNeuronConfig | None = None, **keywords: Any) -> None:
        super().__init__(config, **keywords)
