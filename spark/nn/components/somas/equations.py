"""Somas given by equations in text."""

from spark.equations.config import EquationSomaConfig
from spark.equations.soma import EquationSoma

__all__ = ["EquationSoma", "EquationSomaConfig"]
