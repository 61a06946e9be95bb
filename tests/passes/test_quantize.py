"""Co-scaling and quantization of random networks, against the float interpreter and the golden model."""

from dataclasses import replace
from pathlib import Path

import nir
import numpy as np
import pytest

from compiler import interpreter, reference
from compiler.diagnostics import DiagnosticError
from compiler.formats import F64, BoolType
from compiler.input_files import as_port
from compiler.ir.connections.dense import Dense
from compiler.ir.connections.one_to_one import OneToOne
from compiler.ir.network import Network, Tensor
from compiler.ir.program import TensorRef
from compiler.ir.verify import verify
from compiler.nir.importing import import_tree
from compiler.options import Options
from compiler.passes import calibrate, co_scale, quantize
from compiler.pipeline import lowered
from compiler.source import Source
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


def values_read(names: tuple[str, str]) -> tuple[Network, dict[str, np.ndarray]]:
    """A large potential that firing units read through small weights; which of the two stands first is up to names."""
    rng, (reading, firing) = np.random.default_rng(0), names
    nodes = {
        "in": nir.Input(np.array([5])), "out": nir.Output(np.array([3])),
        "w1": nir.Linear(rng.normal(size=(4, 5)) * 2e4), "w2": nir.Linear(rng.normal(size=(3, 4)) * 5e-5),
        reading: nir.LI(np.full(4, 1e-3), np.ones(4), np.zeros(4)),
        firing: nir.LIF(np.full(3, 1e-3), np.full(3, 2.0), np.zeros(3), np.full(3, 0.1)),
    }
    edges = [("in", "w1"), ("w1", reading), (reading, "w2"), ("w2", firing), (firing, "out")]
    found = import_tree(nir.NIRGraph(nodes, edges).to_dict())
    network = lowered(Source(Path("graph.nir"), "graph", "", found.lowered), Options())
    return network, {"in": (rng.random((20, 60, 5)) < 0.3).astype(float)}


@pytest.mark.parametrize("names", [("a", "z"), ("z", "a")])
def test_a_value_is_scaled_before_its_readers_whatever_they_are_called(names):
    network, inputs = values_read(names)
    options = Options(calibration=inputs)
    fixed = quantize.run(calibrate.run(co_scale.run(network, options), options), options)
    spikes = reference.run(fixed, {"in": inputs["in"].astype(np.int64)}).outputs["out"]
    assert (spikes != interpreter.run(network, inputs).outputs["out"]).mean() < 0.01


@pytest.mark.parametrize("size", [1.0, 0.0005])
def test_weights_before_the_last_link_keep_their_bits_however_small_they_are(size):
    network, inputs = values_read(("a", "z"))
    item, rng = network.projection("w1"), np.random.default_rng(0)
    network.tensors["w1.weight"] = Tensor(F64, rng.normal(size=(4, 5)) * size)
    network.tensors["gain"] = Tensor(F64, rng.random(4) + 0.5)
    network.add(replace(item, chain=(Dense(TensorRef("w1.weight")), OneToOne(TensorRef("gain")))))
    options = Options(calibration=inputs)
    fixed = quantize.run(calibrate.run(co_scale.run(network, options), options), options)
    raw = [fixed.tensor(link.weights).data for link in fixed.projection("w1").chain]
    assert [rows.shape for rows in raw] == [(4, 5), (4,)] and np.abs(raw[0]).max() == 127
