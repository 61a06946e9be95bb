"""Neurons in the chip's registers: what the registers are, and that the network computes what the chip does."""

import numpy as np
import pytest

from compiler import discovery, interpreter, reference
from compiler.diagnostics import DiagnosticError
from compiler.formats import F64, Format
from compiler.frontends.lower import lower
from compiler.ir.network import Network, Tensor
from compiler.options import Options
from compiler.pipeline import MODEL_PASSES
from spark.nn.brain import Brain, ModuleSpecs, PortMap
from spark.nn.components.somas.leaky import RefractoryLeakySomaConfig, StrictRefractoryLeakySomaConfig
from spark.nn.neurons import LIFNeuron
from targets.loihi.registers import registers_of
from targets.loihi.synapses import synapses_of
from tests.passes.texts import network
from tests.targets.loihi import recordings
from tests.targets.loihi.models import CUBA, INTEGRATOR, LEAKY, TERNARY, as_case, legalised, model

MODELS = {"leaky": (LEAKY, {}), "integrate": (LEAKY, {"kept": 1.0}), "current": (CUBA, {}), "ternary": (TERNARY, {}),
          "reads": (INTEGRATOR, {"port": "y"}), "rests below": (LEAKY, {"reset": -0.5})}


def _registers(fixed: Network):
    return registers_of(fixed, fixed.node("p"))  # pyright: ignore[reportArgumentType]


def _spikes(steps: int, samples: int = 1, inputs: int = 9) -> np.ndarray:
    return (np.random.default_rng(0).random((samples, steps, inputs)) < 0.3).astype(np.int32)


@pytest.mark.parametrize("name", MODELS)
def test_a_legalised_network_computes_what_the_chip_does(name):
    """A plain model of the chip, given the registers, records the same u, v and spikes; u wraps and v clips nowhere."""
    program, numbers = MODELS[name]
    fixed, rows = legalised(model(program, **numbers)), _spikes(60)
    port = fixed.programs[fixed.node("p").site.program].emits[0].port  # pyright: ignore[reportAttributeAccessIssue]
    result = reference.run(fixed, {"in": rows}, record=["p.u", "p.v", f"p.{port}"])
    skew = fixed.node("p").skew  # pyright: ignore[reportAttributeAccessIssue]
    recorded = recordings.record(*_cased(fixed, rows[0], skew))
    for part in ("u", "v"):
        assert np.array_equal(recorded[f"p.{part}"][skew:], result.records[f"p.{part}"][0]), part
    if port == "spikes":
        assert np.array_equal(recorded["p.spikes"][skew:], result.records["p.spikes"][0])
        assert recorded["p.spikes"].any()


def _cased(fixed: Network, rows: np.ndarray, skew: int) -> tuple[dict, dict]:
    """The case of the chip's steps: as many more as the population waits for its input."""
    return as_case(fixed, np.concatenate([rows, np.zeros((skew, rows.shape[1]), rows.dtype)]))


@pytest.mark.parametrize("name", MODELS)
def test_a_legalised_network_does_what_the_model_does(name):
    program, numbers = MODELS[name]
    source, rows = model(program, **numbers), _spikes(60, samples=8)
    port = source.programs["q"].emits[0].port
    expected = interpreter.run(source, {"in": rows}).outputs["out"]
    fixed = legalised(source)
    found = reference.run(fixed, {"in": rows}).outputs["out"].astype(np.float64)
    if port == "y":
        found *= fixed.real(fixed.node("p").site.scale)  # pyright: ignore
        assert np.abs(found - expected).max() < 0.01 * np.abs(expected).max()
    else:
        assert np.count_nonzero(expected) > 300
        assert (expected != found).mean() < 0.03


def test_decays_are_nearest_and_thresholds_exact():
    found = _registers(legalised(model(CUBA, kept=0.9123, leak=0.7)))
    assert found.dv.tolist() == [4096 - round(0.9123 * 4096)] * 6
    assert found.du.tolist() == [4095 - round(0.7 * 4096)] * 6
    assert found.threshold is not None and len(set(found.threshold.tolist())) == 1


def test_a_network_without_currents_clears_u_every_step():
    assert _registers(legalised(model(LEAKY))).du.tolist() == [4095] * 6


def test_weights_lie_on_the_grid_that_all_emulators_share():
    """Mixed weights are even; scaled back they are nearest, by the exponent of least error."""
    source = model(LEAKY)
    fixed = legalised(source)
    found, registers = synapses_of(fixed, fixed.projection("w")), _registers(fixed)
    assert registers.threshold is not None
    real = found.values * 2.0**found.exponent / registers.threshold[0]
    step = 2 * 2.0**found.exponent / registers.threshold[0]
    assert found.mode == "mixed" and not (found.values % 2).any() and found.bits == 8
    assert np.abs(found.values).max() > 120
    assert np.abs(real - source.tensors["w"].values).max() <= step / 2 + 1e-12


@pytest.mark.parametrize(("sign", "mode"), [(1, "excitatory"), (-1, "inhibitory")])
def test_weights_of_one_sign_use_all_eight_bits(sign, mode):
    weights = sign * np.random.default_rng(1).uniform(0.01, 0.5, (6, 9))
    source = model(LEAKY)
    source.tensors["w"] = Tensor(F64, weights)
    found = synapses_of(fixed := legalised(source), fixed.projection("w"))
    assert found.mode == mode and (found.values % 2).any() and np.abs(found.values).max() > 127


@pytest.mark.parametrize("bits", [2, 4, 6])
def test_fewer_weight_bits_keep_low_bits_at_zero(bits):
    fixed = legalised(model(LEAKY), weight_bits=bits)
    found = synapses_of(fixed, fixed.projection("w"))
    assert found.bits <= bits and not (found.values % (1 << (9 - bits))).any()


@pytest.mark.parametrize(("chip", "bits", "stored"), [("loihi1", 4, 4), ("loihi1", 7, 8), ("loihi2", 4, 8)])
def test_weights_are_stored_in_a_width_that_the_chip_has(chip, bits, stored):
    fixed = legalised(model(LEAKY), chip, weight_bits=bits)
    assert fixed.tensors["w.q"].type == Format(True, stored, fixed.tensors["w.q"].type.fraction)  # pyright: ignore


@pytest.mark.parametrize(("refractory", "soma"), [("strict", StrictRefractoryLeakySomaConfig),
                                                  ("leaky", RefractoryLeakySomaConfig)])
def test_a_rest_after_a_spike_is_the_refractory_register(refractory, soma):
    """The least distance of two spikes is the register's value, and that of the source."""
    neuron = LIFNeuron(units=(6,), inhibitory_rate=0.0, soma=soma(cooldown=3.0)).build(9)
    brain = Brain(inputs={"input": 9}, outputs={"output": PortMap("p", "out_spikes")},
                  modules=[ModuleSpecs("p", neuron, {"in_spikes": PortMap("__call__", "input")})])
    source = lower(brain).network
    for name in MODEL_PASSES:
        source = discovery.passes()[name].run(source, Options())
    source.tensors["input_p.weight"] = Tensor(F64, np.full((6, 9), 400.0))
    fixed, rows = legalised(source), np.ones((1, 60, 9), np.int32)
    spikes = reference.run(fixed, {"input": rows}).outputs["output"][0, :, 0]
    expected = interpreter.run(source, {"input": rows}).outputs["output"][0, :, 0]
    least = np.diff(np.flatnonzero(expected)).min()
    assert np.diff(np.flatnonzero(spikes)).min() == least == _registers(fixed).held[0] + 1


def test_a_bias_in_front_of_a_current_acts_as_it_did():
    """b / (1 - k) on the membrane, and a current that leaks away: the drive of every step is that of the model."""
    bias = Tensor(F64, np.linspace(-0.02, 0.05, 6))
    text = CUBA.format(kept=0.9, leak=0.7, threshold=1.0) + """
    input %in[9] : spikes
    population %p[6] = @q()
    projection %w: %in.spikes -> %p.x  dense(#w)  bias=#b  delay=0
    projection %z: %p.spikes -> %p.x  dense(#z)  bias=#b  delay=1
    output %out = %p.spikes
    """
    rng = np.random.default_rng(0)
    weights = {name: Tensor(F64, rng.normal(0, 0.05, (6, size))) for name, size in (("w", 9), ("z", 6))}
    source = network(text, **weights, b=bias)
    fixed, rows = legalised(source), _spikes(40)
    expected = interpreter.run(source, {"in": rows}, record=["p.i"]).records["p.i"][0]
    found = reference.run(fixed, {"in": rows}, record=["p.u"]).records["p.u"][0]
    registers = _registers(fixed)
    drive = (found + registers.bias) * fixed.real(fixed.node("p").site.scale)  # pyright: ignore
    assert registers.u0.any() and registers.bias.any()
    assert np.abs(drive - expected)[:10].max() < 0.002 and np.abs(expected).max() > 0.15


@pytest.mark.parametrize(("program", "code", "words"), [
    (LEAKY.replace("%a = mul {kept}, v", "%a = mul v, v"), "E330", "`mul` of values that change"),
    (LEAKY.replace("gt %b", "gt v"), "E330", "not the new membrane potential"),
    (LEAKY.replace("emit spikes = %s", "emit spikes = %s\n      emit y = %a"), "E330", "neither spikes nor"),
    (LEAKY.replace("{kept}", "1.5"), "E332", "share of the membrane kept"),
    (LEAKY.replace("{threshold}", "-1.0"), "E332", "threshold"),
    (CUBA.replace("{leak}", "1.0"), "E332", "share of the current kept"),
])
def test_what_no_compartment_computes_is_refused_with_its_reason(program, code, words):
    with pytest.raises(DiagnosticError) as caught:
        legalised(model(program))
    assert (caught.value.diagnostics[0].code, words in str(caught.value)) == (code, True), str(caught.value)


def test_a_threshold_that_rises_is_refused_with_its_reason():
    program = """
    program @q(x: f64, v: state f64 = 0.0, t: state f64 = 1.0) {{
      %a = mul {kept}, v : f64
      %b = add %a, x : f64
      %s = gt %b, t : bool
      %r = select %s, 0.0, %b : f64
      %t2 = add t, 0.1 : f64
      %t3 = select %s, %t2, t : f64
      v' = %r
      t' = %t3
      emit spikes = %s
    }}
    """
    with pytest.raises(DiagnosticError, match="E330(?s:.*)threshold does not change"):
        legalised(model(program))


def test_a_bias_that_no_register_holds_is_refused():
    program = LEAKY.replace("%b = add %a, x", "%k = add %a, 1000000.0 : f64\n      %b = add %k, x")
    with pytest.raises(DiagnosticError, match="E332(?s:.*)the bias of %p has no register"):
        legalised(model(program))


def test_weights_beyond_every_exponent_are_refused():
    source = model(LEAKY)
    source.tensors["w"] = Tensor(F64, source.tensors["w"].values * 1e6)
    with pytest.raises(DiagnosticError, match="E332(?s:.*)have no place beside the threshold"):
        legalised(source)


def test_projections_that_leak_differently_are_refused():
    lines = ["projection %w: %in.spikes -> %p.x  dense(#w)  post=@filter(k=0.5)  delay=0",
             "projection %z: %in.spikes -> %p.x  dense(#w)  post=@filter(k=0.8)  delay=0"]
    program = LEAKY + """
    program @filter(x: f64, z: state f64 = 0.0, k: param f64) {{
      %a = mul k, z : f64
      %b = add %a, x : f64
      z' = %b
      emit y = %b
    }}
    """
    with pytest.raises(DiagnosticError, match="E331(?s:.*)leak differently"):
        legalised(model(program, *lines))
