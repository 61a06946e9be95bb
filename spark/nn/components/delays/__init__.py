"""Delays by name."""

from spark.nn.components.delays.base import Delays, DelaysConfig
from spark.nn.components.delays.n import N2NDelays, N2NDelaysConfig, NDelays, NDelaysConfig

__all__ = ["Delays", "DelaysConfig", "N2NDelays", "N2NDelaysConfig", "NDelays", "NDelaysConfig"]
