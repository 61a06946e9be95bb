"""Inputs with real values: graded spikes of 8 bits."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from compiler.formats import FloatType, Format
from compiler.ir.network import Input, Network
from compiler.options import Options

GRADED_BITS = 8


def quantized_inputs(network: Network, options: Options) -> Network:
    """A copy of the network whose current inputs carry integers, over the range that calibration shows."""
    fixed = network.copy()
    for item in network.inputs:
        if item.port.kind == "current" and isinstance(item.port.type, FloatType):
            fixed.add(_quantized(item, options))
    return fixed


def _quantized(item: Input, options: Options) -> Input:
    shown = np.abs(np.asarray((options.calibration or {}).get(item.name, 1.0), np.float64)).max(initial=0.0)
    fraction = GRADED_BITS - 1 - math.ceil(math.log2(max(float(shown), 2.0**-20)))
    return replace(item, port=replace(item.port, type=Format(True, GRADED_BITS, fraction, "even", "saturate")))
