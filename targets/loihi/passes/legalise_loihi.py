"""Give every neuron the registers of a compartment of Intel's Loihi, and every weight the chip's grid.

Rewrite: a population of leaky neurons, found by what its operations do -> a compartment (`dynamics`) with its
registers as parameters; a filter behind its projections -> the compartment's current u; real weights -> mantissas on
the grid of their sign mode with the exponent of least error; biases -> the compartment's bias.
  before  v = 0.9 v + z;  z = 0.8 z + W s;  spike v > 1, v <- 0
  after   du = 819, dv = 410, vth, mantissas m with s * m * 2**(6 + e) close to W, threshold = s * (vth << 6)
A reset to another potential than 0 moves v's origin there; the leak towards 0 becomes a bias.
Levels: model -> fixed. Preserves: behaviour up to the measured error of the report. Thresholds are exact; decays are
rounded to 1/4096; `v >= threshold` becomes `v > threshold`, which is less than a step of v's grid away.
Source: design of lava-nc's float-to-fixed models; Davies et al., IEEE Micro 38(1), 2018.
"""

from __future__ import annotations

from compiler.diagnostics import DiagnosticError
from compiler.ir.network import Network
from compiler.options import Options
from compiler.passes import eliminate_dead
from targets.loihi.legalise import Legalised, legalised
from targets.loihi.ports import quantized_inputs

LEVELS = ("model",)


def run(network: Network, options: Options) -> Network:
    """The network in registers of `options.chip`. Errors: E330 to E332, of every population at once."""
    fixed = quantized_inputs(network, options)
    made: list[Legalised] = []
    findings = []
    for population in network.populations:
        try:
            made.append(legalised(fixed, population, options))
        except DiagnosticError as error:
            findings += error.diagnostics
    if findings:
        raise DiagnosticError(findings)
    fixed.level = "fixed"
    for item in made:
        item.add_to(fixed)
    return eliminate_dead.run(fixed, options)
