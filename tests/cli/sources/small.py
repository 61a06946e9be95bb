"""A small recurrent network: 12 inputs, 8 hidden units with a loop of delay 2, 3 outputs."""

import numpy as np

from spark.nn.brain import Brain, ModuleSpecs, PortMap
from spark.nn.components.synapses.linear import LinearSynapsesConfig
from spark.nn.neurons import LIFNeuron

_random = np.random.default_rng(0)


def _neuron(units: int, inputs: int) -> LIFNeuron:
    synapses = LinearSynapsesConfig(scale=400.0)
    neuron = LIFNeuron(units=(units,), inhibitory_rate=0.0, synapses=synapses, soma__cooldown=1.0).build(inputs)
    neuron.params = neuron.params | {"synapses": neuron.params["synapses"] | {
        "kernel": _random.normal(0.3, 0.6, (units, inputs))}}
    return neuron


model = Brain(
    inputs={"input": 12},
    outputs={"output": PortMap("out", "out_spikes")},
    modules=[
        ModuleSpecs("hid", _neuron(8, 20), {"in_spikes": [PortMap("__call__", "input"),
                                                          PortMap("hid", "out_spikes", delay=2)]}),
        ModuleSpecs("out", _neuron(3, 8), {"in_spikes": [PortMap("hid", "out_spikes")]}),
    ],
)
