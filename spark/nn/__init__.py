"""Neurons, their components, interfaces and brains."""
