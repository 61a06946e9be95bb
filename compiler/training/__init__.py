"""Training in the loop: the integers of the compiled network forward, the module's own step backward.

`quantized_step` is the step for any loop of training; `source_of` makes a source of a module that is in memory.
"""

from compiler.training.sources import source_of
from compiler.training.step import QuantizedStep, quantized_step

__all__ = ["QuantizedStep", "quantized_step", "source_of"]
