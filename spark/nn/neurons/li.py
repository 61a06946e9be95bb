"""Leaky integrators: neurons that never fire."""

from __future__ import annotations

from typing import Any

from spark.core.config import Fault, between, nested, quantity
from spark.core.payloads import PotentialArray
from spark.nn.components.somas.base import SomaConfig
from spark.nn.components.somas.leaky import LeakyIntegratorSomaConfig
from spark.nn.components.synapses.base import SynapsesConfig
from spark.nn.components.synapses.linear import LinearSynapsesConfig
from spark.nn.neurons.base import Neuron, NeuronConfig


class LINeuronConfig(NeuronConfig):
    """Parameters of LINeuron: those of NeuronConfig; soma LeakyIntegrator and synapses Linear unless given."""

    inhibitory_rate: float = quantity(0.0, bound=between(0, 0), extent="scalar", doc="Always 0: nothing is fired.")
    soma: SomaConfig = nested(LeakyIntegratorSomaConfig, base=SomaConfig, doc="Soma with a potential as output.")
    synapses: SynapsesConfig = nested(LinearSynapsesConfig, base=SynapsesConfig, doc="Synapses.")

    def check(self) -> list[Fault]:
        faults = super().check()
        if self.learning_rule is not None:
            faults.append(Fault("learning_rule", type(self.learning_rule).__name__, "None",
                                "a rule needs postsynaptic spikes"))
        return faults


class LINeuron(Neuron[LINeuronConfig]):
    """A pool of leaky integrators, for reading spikes out as potentials.

    Dynamics: see LeakyIntegratorSoma and LinearSynapses, its defaults.

    Parameters: units; soma, synapses, delays; dt (ms), dtype, seed. State and errors as Neuron. Input port in_spikes;
    output port out_potentials [units], mV relative to rest. Source: Neuronal Dynamics, eq. 1.5.

    >>> neuron = LINeuron(units=(1,), synapses__kernel=[[1.0]], soma__resistance=1.0).build(1)
    >>> round(float(neuron([1])["out_potentials"].value[0]), 6)
    0.048771
    """

    config_class = LINeuronConfig
    soma_port = "potential"
    output_ports = {"out_potentials": PotentialArray}

    def __init__(self, config: LINeuronConfig | None = None, **keywords: Any) -> None:
        super().__init__(config, **keywords)

    def _emitted(self, soma_outputs: dict[str, Any], params: Any) -> dict[str, Any]:
        return {"out_potentials": soma_outputs["potential"]}
