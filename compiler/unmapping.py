"""A network as it was before it was mapped to a chip: the inverse of retiming and placement."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from compiler.formats import Format
from compiler.ir.network import Network, Tensor
from compiler.ir.program import TensorRef
from compiler.results.results import source_delays


def unmapped(network: Network) -> Network:
    """The network before it was placed: source delays, no skews, cores or axons. Names and integers stay."""
    plain = network.copy()
    plain.level, plain.chip = ("fixed" if network.level == "mapped" else network.level), ""
    for item in network.populations:
        plain.add(replace(item, skew=0, placement=()))
    for item in network.projections:
        delay = source_delays(network, item)
        changed = replace(item, axons=(), delay=int(delay) if delay.ndim == 0 else item.delay)
        if item.bias is not None and item.bias_start == int(delay.min()):
            changed = replace(changed, bias_start=None)
        shift = int(np.ravel(delay - network.delays(item))[0])
        if delay.ndim and shift and isinstance(item.delay, TensorRef):
            name = item.delay.name.removesuffix(f".after{-shift}").removesuffix(f".before{shift}")
            plain.tensors.pop(item.delay.name, None)
            plain.tensors[name] = Tensor(Format(True, 32), delay.astype(np.int32))
            changed = replace(changed, delay=TensorRef(name))
        plain.add(changed)
    return plain
