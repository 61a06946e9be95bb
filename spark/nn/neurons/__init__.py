"""Neurons by name."""

from spark.nn.neurons.adex import AdExNeuron, AdExNeuronConfig
from spark.nn.neurons.alif import ALIFNeuron, ALIFNeuronConfig
from spark.nn.neurons.base import Neuron, NeuronConfig, NeuronOutput
from spark.nn.neurons.integrate import CubaLIFNeuron, CubaLIFNeuronConfig, IFNeuron, IFNeuronConfig
from spark.nn.neurons.izhikevich import IzhikevichNeuron, IzhikevichNeuronConfig
from spark.nn.neurons.li import LINeuron, LINeuronConfig
from spark.nn.neurons.lif import LIFNeuron, LIFNeuronConfig

__all__ = [
    "ALIFNeuron", "ALIFNeuronConfig", "AdExNeuron", "AdExNeuronConfig", "CubaLIFNeuron", "CubaLIFNeuronConfig",
    "IFNeuron", "IFNeuronConfig", "IzhikevichNeuron", "IzhikevichNeuronConfig", "LIFNeuron", "LIFNeuronConfig",
    "LINeuron", "LINeuronConfig", "Neuron", "NeuronConfig", "NeuronOutput",
]
