"""Co-scaling and quantization of random networks, against the float interpreter and the golden model."""

import numpy as np
import pytest

from compiler import interpreter, reference
from compiler.diagnostics import DiagnosticError
from compiler.formats import BoolType
from compiler.input_files import as_port
from compiler.ir.network import Network
from compiler.ir.verify import verify
from compiler.options import Options
from compiler.passes import calibrate, co_scale, quantize
from tests.strategies import random_inputs, random_network

ACCEPTED = {"E302", "E310"}
"""Values (not spikes) in a cycle, and sums wider than integer engines: refused, with the reason."""


def spikes_of(network: Network, result) -> dict[str, np.ndarray]:
    ports = {item.name: network.programs[network.node(item.source).site.program].emit_type(item.port)
             for item in network.outputs}
    return {name: result.outputs[name] for name, type_ in ports.items() if isinstance(type_, BoolType)}


@pytest.mark.parametrize("seed", range(30))
def test_co_scaling_changes_no_spike(seed):
    network = random_network(seed, "model", without=("arbitrary",))
    inputs = random_inputs(network, seed, 4, 20)
    scaled = co_scale.run(network, Options())
    assert not verify(scaled)
    before, after = interpreter.run(network, inputs), interpreter.run(scaled, inputs)
    for name, rows in spikes_of(network, before).items():
        assert (rows == after.outputs[name]).all()


@pytest.mark.parametrize("seed", range(30))
def test_a_quantized_network_is_valid_and_never_leaves_its_proved_formats(seed):
    network = random_network(seed, "model", without=("arbitrary",))
    inputs = random_inputs(network, seed, 4, 40)
    options = Options(calibration=inputs, weight_bits=2 + seed % 7)
    try:
        fixed = quantize.run(calibrate.run(co_scale.run(network, options), options), options)
    except DiagnosticError as error:
        assert {item.code for item in error.diagnostics} <= ACCEPTED
        return
    assert not verify(fixed)
    reference.run(fixed, {item.name: as_port(inputs[item.name], item) for item in fixed.inputs})


def test_more_bits_come_closer_to_the_float_network():
    network = random_network(5, "model", without=("arbitrary", "graded", "signed", "events", "current", "pre"))
    inputs = random_inputs(network, 5, 16, 60)
    errors = []
    for bits in (3, 6, 12):
        options = Options(calibration=inputs, weight_bits=bits, state_bits=26)
        fixed = quantize.run(calibrate.run(co_scale.run(network, options), options), options)
        record = [f"{item.name}.spikes" for item in network.populations
                  if "spikes" in {emit.port for emit in network.programs[item.site.program].emits}]
        left = interpreter.run(network, inputs, record=record)
        right = reference.run(fixed, inputs, record=record)
        errors.append(np.mean([np.mean(left.records[name] != right.records[name]) for name in record]))
    assert errors[0] > errors[1] >= errors[2]
    assert errors[2] < errors[0] / 4
