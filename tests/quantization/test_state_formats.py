"""Formats of states as people write them, what is refused, and what the compiled states are."""

import doctest

import numpy as np
import pytest

from compiler import pipeline
from compiler.diagnostics import DiagnosticError
from compiler.quantization import state_formats
from compiler.quantization.state_formats import StateFormat, parse_states
from compiler.settings import Settings
from spark.nn.brain import Sequential
from spark.nn.components.somas.leaky import LeakySomaConfig
from spark.nn.components.synapses.linear import LinearSynapsesConfig
from spark.nn.components.synapses.traced import TracedSynapsesConfig
from spark.nn.initializers import Uniform
from spark.nn.neurons import LIFNeuron


@pytest.mark.parametrize(("text", "found"), [
    (24, StateFormat(24)), ("20", StateFormat(20)), ("accum", StateFormat(32, 15)), ("s32.15", StateFormat(32, 15)),
    ("Q16.15", StateFormat(32, 15)), ("q0.15", StateFormat(16, 15)), ("s24.8/even", StateFormat(24, 8, "even")),
    ("ap_fixed<32,17>", StateFormat(32, 15)), ("ap_fixed<16, 8, AP_TRN_ZERO, AP_SAT>", StateFormat(16, 8, "zero")),
])
def test_a_format_is_read(text, found):
    assert parse_states(text) == found


@pytest.mark.parametrize("text", ["s16.15", "u16.8", "Q30.15", "3", "ap_fixed<16,8,AP_RND>", "ap_fixed<16,8,AP_TRN,"
                                  "AP_WRAP>", "s24.8/wrap", "half"])
def test_what_cannot_be_read_is_refused_with_what_can(text):
    with pytest.raises(DiagnosticError, match="E177") as caught:
        parse_states(text)
    assert caught.value.diagnostics[0].found == text and "accum" in caught.value.diagnostics[0].expected


def test_the_ambiguous_one_says_both_readings():
    with pytest.raises(DiagnosticError) as caught:
        parse_states("s16.15")
    assert "s32.15" in caught.value.diagnostics[0].hint and "Q0.15" in caught.value.diagnostics[0].hint


def test_the_examples_hold():
    assert doctest.testmod(state_formats).failed == 0


def two_layers():
    soma = LeakySomaConfig(potential_rest=-60.0, potential_reset=-60.0, threshold=-50.0, potential_tau=9.0)
    synapses = LinearSynapsesConfig(scale=700.0, kernel=Uniform(low=-0.4, high=0.5))
    layers = {name: LIFNeuron(units=(4,), inhibitory_rate=0.0, seed=seed, soma=soma, synapses=synapses)
              for seed, name in enumerate("ab")}
    return Sequential(layers, input_shape=5)


def fixed_with(**settings):
    from compiler.training import source_of

    source = source_of(two_layers())
    options = Settings(chip="none", **settings).options(source)
    return pipeline.quantized(source, options)


def state(network, population):
    return network.programs[network.node(population).site.program].states[0].type


def test_states_get_the_format_that_is_asked_for():
    network = fixed_with(states="accum")
    assert state(network, "a").fraction == state(network, "b").fraction == 15
    assert state(network, "a").width <= 32


def test_one_state_gets_bits_of_its_own():
    network = fixed_with(states="s24.15", bits={"b.v": 18})
    assert state(network, "b").width == 18 < state(network, "a").width
    assert state(network, "b").overflow == "saturate"
    with pytest.raises(DiagnosticError, match="E172"):
        fixed_with(bits={"b.w": 18})


def test_scales_are_one_for_a_tensor_or_powers_of_two():
    channel, tensor, power = (fixed_with(weight_scale=name) for name in ("channel", "tensor", "power-of-two"))
    assert len(np.unique(channel.decided.scales["a"])) == 4
    assert len(np.unique(tensor.decided.scales["a"])) == 1
    assert (np.log2(power.decided.scales["a"]) % 1 == 0).all()
    for network in (tensor, power):
        weights = network.tensor(network.projection("input_a").chain[0].weights)
        assert np.abs(weights.data).max() in range(64, 128)


def test_decays_by_shifts_are_compiled_and_reported():
    from compiler.training import source_of

    source = source_of(two_layers())
    options = Settings(chip="none", decay="shifts").options(source)
    compilation = pipeline.compile_source(source, options, checked=False)
    entry = next(item for item in compilation.report["populations"][0]["constants"] if "time_constant" in item)
    assert entry["time_constant"] == pytest.approx(9.0)
    assert 0 < entry["time_constant_error"] < 0.06
    raw = compilation.mapped.real(compilation.mapped.node("a").site.arguments["decay"])
    assert float(raw) * 2**12 % 1 == 0


def test_the_states_behind_a_projection_get_bits_of_their_own():
    from compiler.training import source_of

    synapses = TracedSynapsesConfig(scale=700.0, kernel=Uniform(low=-0.4, high=0.5))
    soma = LeakySomaConfig(potential_rest=-60.0, potential_reset=-60.0, threshold=-50.0, potential_tau=9.0)
    layer = LIFNeuron(units=(4,), inhibitory_rate=0.0, soma=soma, synapses=synapses)
    source = source_of(Sequential({"a": layer}, input_shape=5))
    name, first = next((name, site) for name, site, _ in source.network.sites() if name.endswith(".post"))
    states = {item.name for item in source.network.programs[first.program].states}
    network = pipeline.quantized(source, Settings(chip="none", bits={name: 14}).options(source))
    site = next(site for found, site, _ in network.sites() if found == name)
    widths = {item.name: item.type.width for item in network.programs[site.program].states}
    assert set(widths) == states and all(width <= 14 for width in widths.values())
    assert state(network, "a").width > 14


@pytest.mark.parametrize("given", [{"states": 8}, {"bits": {"a.v": 8}}])
def test_a_threshold_is_reached_with_few_bits(given):
    network = fixed_with(**given)
    kept = state(network, "a")
    theta = network.real(network.node("a").site.arguments["theta"])
    assert kept.width == 8 and kept.overflow == "saturate"
    assert (2 * theta <= (kept.high + 1) * kept.lsb).all()
