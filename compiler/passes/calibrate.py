"""Observe what every value does on calibration data.

Rewrite: none; `network.observed` gains (lowest, highest) of every state, emitted port and input: the float run
on `options.calibration` (arrays [B, T, n] by input name), or on as many of its samples as are quickly run.
Levels: model. Preserves: everything.
"""

from __future__ import annotations

from compiler.checking.stimulus import affordable
from compiler.interpreter import run as interpret
from compiler.ir.network import Network
from compiler.options import Options

LEVELS = ("model",)

_SAMPLES = 256


def run(network: Network, options: Options) -> Network:
    if not options.calibration:
        return network
    names = [f"{site}.{name}" for site, names in _recordable(network) for name in names]
    inputs = affordable(network, options.calibration, _SAMPLES)
    seen = dict(interpret(network, inputs, record=names).records)
    seen |= {f"{item.name}.{item.port.kind}": inputs[item.name] for item in network.inputs if item.name in inputs}
    observed = network.copy()
    observed.observed = {name: (float(rows.min()), float(rows.max())) for name, rows in seen.items() if rows.size}
    return observed


def _recordable(network: Network):
    for site, item, _ in network.sites():
        program = network.programs[item.program]
        yield site, [*(state.name for state in program.states), *(emit.port for emit in program.emits)]
