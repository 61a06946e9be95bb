"""The parts of a neuron."""
