"""Neurons by name."""

from spark.nn.neurons.alif import ALIFNeuron, ALIFNeuronConfig
from spark.nn.neurons.base import Neuron, NeuronConfig, NeuronOutput
from spark.nn.neurons.li import LINeuron, LINeuronConfig
from spark.nn.neurons.lif import LIFNeuron, LIFNeuronConfig

__all__ = [
    "ALIFNeuron", "ALIFNeuronConfig", "LIFNeuron", "LIFNeuronConfig", "LINeuron", "LINeuronConfig", "Neuron",
    "NeuronConfig", "NeuronOutput",
]
