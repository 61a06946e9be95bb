"""Networks in registers are taken apart: exact form against model and golden model, planted faults, errors."""

import functools
from dataclasses import replace

import numpy as np
import pytest

from compiler import chips, discovery, interpreter, reference
from compiler.explain import engine
from compiler.explain.blame import Blame, blame
from compiler.explain.errors import Runs, deciding, errors_of, state_records
from compiler.explain.explanation import explain
from compiler.explain.model_run import model_run, same_to_rounding
from compiler.explain.pairing import COMPONENTS
from compiler.explain.site import Pair
from compiler.formats import F64, Format
from compiler.frontends.lower import lower
from compiler.input_files import as_port
from compiler.ir.network import Input, Network, PortKind, Tensor
from compiler.options import Options
from compiler.page.pictures import pictures
from compiler.pipeline import MODEL_PASSES, compile_source
from compiler.settings import Settings
from spark.nn.brain import Brain, ModuleSpecs, PortMap
from spark.nn.components.somas.leaky import RefractoryLeakySomaConfig, StrictRefractoryLeakySomaConfig
from spark.nn.neurons import LIFNeuron
from targets.loihi.exact import exact_form
from tests.passes.texts import network
from tests.targets.loihi.models import CUBA, INTEGRATOR, LEAKY, TERNARY, model

SUBTRACT = LEAKY.replace("%r = select %s, {reset}, %b", "%d = sub %b, {threshold} : f64\n      %r = select %s, %d, %b")
FILTERED = LEAKY + """
    program @filter(x: f64, z: state f64 = 0.0) {{
      %a = mul {leak}, z : f64
      %b = add %a, x : f64
      z' = %b
      emit y = %b
    }}
"""
TEXTS = {"leaky": (LEAKY, {}), "integrate": (LEAKY, {"kept": 1.0}), "current": (CUBA, {}), "ternary": (TERNARY, {}),
         "reads": (INTEGRATOR, {"port": "y"}), "rests below": (LEAKY, {"reset": -0.5}), "subtracts": (SUBTRACT, {}),
         "clips": (INTEGRATOR, {"port": "y", "kept": 1.0})}
NAMES = (*TEXTS, "biased", "filtered", "graded", "strict", "cooling")


def biased(delay: int = 0, leak: float = 0.7) -> Network:
    """Recurrent, with biases in front of synaptic currents; the first is there after so many steps."""
    text = CUBA.format(kept=0.9, leak=leak, threshold=1.0) + f"""
    input %in[9] : spikes
    population %p[6] = @q()
    projection %w: %in.spikes -> %p.x  dense(#w)  bias=#b  delay={delay}
    projection %z: %p.spikes -> %p.x  dense(#z)  bias=#b  delay=1
    output %out = %p.spikes
    """
    rng = np.random.default_rng(0)
    weights = {name: Tensor(F64, rng.normal(0.05, 0.2, (6, size))) for name, size in (("w", 9), ("z", 6))}
    return network(text, **weights, b=Tensor(F64, np.linspace(-0.02, 0.05, 6)))


def resting(soma: type) -> Network:
    """Two populations that rest after a spike, from another potential than that they reset to."""
    part = [LIFNeuron(units=(units,), inhibitory_rate=0.0, soma=soma(cooldown=3.0), seed=units,
                      synapses__scale=12000.0) for units in (6, 4)]
    wires = [PortMap("__call__", "input"), PortMap("p", "out_spikes")]
    brain = Brain(inputs={"input": 9}, outputs={"output": PortMap("q", "out_spikes")}, modules=[
        ModuleSpecs(name, item, {"in_spikes": wire}) for name, item, wire in zip("pq", part, wires, strict=True)])
    source = lower(brain).network
    for name in MODEL_PASSES:
        source = discovery.passes()[name].run(source, Options())
    return source


def source_of(name: str) -> Network:
    if name in ("strict", "cooling"):
        return resting(StrictRefractoryLeakySomaConfig if name == "strict" else RefractoryLeakySomaConfig)
    if name == "biased":
        return biased()
    if name == "filtered":
        return model(FILTERED, "projection %w: %in.spikes -> %p.x  dense(#w)  post=@filter()  delay=2")
    program, numbers = TEXTS.get(name, (LEAKY, {}))
    source = model(program, **numbers)
    if name == "graded":
        source.add(Input("in", (9,), PortKind("current", type=F64)))
        link = source.projection("w")
        source.add(replace(link, source_port="current"))
    return source


def taken_apart(source: Network, **options) -> tuple[Pair, dict[str, np.ndarray]]:
    [item] = source.inputs
    rows = np.random.default_rng(0).random((4, 60, item.size))
    inputs = {item.name: rows if item.port.kind == "current" else (rows < 0.3).astype(np.float64)}
    given = Options(chip=chips.load("loihi2"), calibration=inputs, **options)
    fixed = discovery.passes()["legalise_loihi"].run(source, given)
    form = exact_form(source, fixed, given)
    return Pair(form.network, fixed, source, form), inputs


@functools.cache
def prepared(name: str) -> tuple[Pair, dict[str, np.ndarray]]:
    return taken_apart(source_of(name))


def records(pair: Pair) -> list[str]:
    """Every state and port of the fixed network."""
    return [f"{item.name}.{value}" for item in pair.fixed.populations
            for value in (*(state.name for state in pair.fixed.programs[item.site.program].states),
                          *(emit.port for emit in pair.fixed.programs[item.site.program].emits))]


@pytest.mark.parametrize("name", NAMES)
def test_with_everything_quantized_a_hybrid_is_the_golden_model_bit_for_bit(name):
    pair, inputs = prepared(name)
    names = records(pair)
    golden = reference.run(pair.fixed, {item.name: as_port(inputs[item.name], item) for item in pair.fixed.inputs},
                           record=names)
    hybrid = engine.run(pair, COMPONENTS, inputs, names)
    for record in names:
        population, _, value = record.rpartition(".")
        program = pair.fixed.programs[pair.fixed.node(population).site.program]
        type_ = program.types().get(value) or program.emit_type(value)
        expected = np.ldexp(golden.records[record].astype(float), -type_.fraction if isinstance(type_, Format) else 0)
        np.testing.assert_array_equal(hybrid.records[record], expected, record)
    assert any(golden.records[record].any() for record in names)


@pytest.mark.parametrize("name", NAMES)
def test_with_nothing_quantized_a_hybrid_is_the_float_interpreter_in_the_chips_units(name):
    """Spikes, emitted values, membranes and currents, and what is compared with thresholds."""
    pair, inputs = prepared(name)
    margins = [margin for names in deciding(pair.scaled).values() for margin in names]
    exact = engine.run(pair, (), inputs, state_records(pair), margins)
    told = model_run(pair, inputs, state_records(pair), margins)
    assert same_to_rounding(told, exact)
    assert told.records.keys() == exact.records.keys() and told.records
    for record, rows in told.records.items():
        np.testing.assert_allclose(exact.records[record], rows, atol=1e-7 * np.abs(rows).max(), err_msg=record)
    spikes = {record: rows for record, rows in exact.emitted.items() if record.endswith("spikes")}
    expected = interpreter.run(pair.model, inputs, record=spikes).records
    for record, rows in spikes.items():
        assert rows.any()
        np.testing.assert_array_equal(rows, expected[record])


def runs_of(pair: Pair, inputs) -> Runs:
    margins = [margin for names in deciding(pair.scaled).values() for margin in names]
    exact = engine.run(pair, (), inputs, state_records(pair), margins)
    told = model_run(pair, inputs, state_records(pair), margins)
    return Runs(told, engine.run(pair, COMPONENTS, inputs, state_records(pair)),
                engine.run(pair, COMPONENTS, inputs, state_records(pair), margins, told.emitted),
                None if same_to_rounding(told, exact) else exact)


def blamed(pair: Pair, inputs) -> Blame:
    return blame(pair, inputs, runs_of(pair, inputs), None)


def cost(found: Blame, name: str):
    return next(item for item in found.components if item.name == name)


def on_the_grid(**numbers: float) -> Network:
    """Weights, threshold and decay that registers hold exactly, but for what is given."""
    source = model(LEAKY, **{"kept": 0.75, "threshold": 1000.0} | numbers)
    weights = 2.0 * np.random.default_rng(4).integers(-60, 127, (6, 9))
    weights[0, 0] = 254.0
    source.tensors["w"] = Tensor(F64, weights)
    return source


def test_what_registers_hold_exactly_costs_nothing_but_rounding():
    pair, inputs = taken_apart(on_the_grid())
    found = blamed(pair, inputs)
    assert {item.name for item in found.components if item.alone} == {"states"}
    assert found.total.decision_error < 1e-6


def test_twelve_bits_of_a_decay_are_blamed_on_decays():
    found = blamed(*taken_apart(on_the_grid(kept=0.9 + 0.4 / 4096)))
    assert found.culprit == "decays"
    assert cost(found, "decays").put_back.decision_error < 0.1 * found.total.decision_error
    assert cost(found, "decays").alone.decision_error == pytest.approx(found.total.decision_error, rel=0.2)
    assert cost(found, "weights").alone is None


def test_coarse_weights_are_blamed_on_weights():
    found = blamed(*taken_apart(model(LEAKY, kept=0.75), weight_bits=4))
    assert found.culprit == "weights"
    assert cost(found, "weights").put_back.decision_error < 0.1 * found.total.decision_error


def test_a_membrane_that_leaves_its_register_is_blamed_on_state_width_and_counted():
    pair, inputs = prepared("clips")
    runs = runs_of(pair, {name: np.concatenate([rows] * 40, axis=1) for name, rows in inputs.items()})
    found = blame(pair, {name: np.concatenate([rows] * 40, axis=1) for name, rows in inputs.items()}, runs, None)
    saturated = errors_of(pair, runs, {})["p"].saturated
    assert found.culprit == "states" and saturated["p.v"] > 0
    limit = (1 << 23) - 1
    assert np.abs(runs.closed.records["p.v"]).max() == limit
    assert saturated["p.v"] >= (np.abs(runs.closed.records["p.v"]) == limit).sum() * 0.5


def test_a_threshold_that_differs_is_blamed_on_thresholds():
    pair, inputs = taken_apart(on_the_grid())
    fixed = pair.fixed.copy()
    item = fixed.node("p")
    fixed.add(replace(item, site=replace(item.site, arguments={
        **item.site.arguments, "threshold": item.site.arguments["threshold"] * 0.75})))
    assert blamed(replace(pair, fixed=fixed), inputs).culprit == "thresholds"


def test_a_delay_that_differs_is_blamed_on_delays():
    pair, inputs = taken_apart(on_the_grid())
    fixed = pair.fixed.copy()
    fixed.add(replace(fixed.projection("w"), delay=4))
    assert blamed(replace(pair, fixed=fixed), inputs).culprit == "delays"


def test_a_bias_that_counts_from_the_first_step_on_is_blamed_on_the_update_rule():
    """The model's bias comes with its input, four steps late; the chip's is on the membrane."""
    pair, inputs = taken_apart(biased(delay=4))
    found = blamed(pair, inputs)
    rule = cost(found, "order")
    assert found.culprit == "order" and rule.alone.decision_error > 0
    assert rule.put_back.decision_error < found.total.decision_error
    assert cost(blamed(*prepared("biased")), "order").alone is None


def test_a_rest_below_the_reset_makes_no_error_of_its_own():
    """The leak towards another origin is in the bias: it goes with the decay, not with the bias."""
    pair, inputs = taken_apart(model(LEAKY, reset=-0.5, kept=0.9 + 0.4 / 4096))
    runs = {name: engine.run(pair, {name}, inputs, ["p.v"]).records["p.v"] for name in ("decays", "thresholds")}
    exact = engine.run(pair, (), inputs, ["p.v"]).records["p.v"]
    source = model(LEAKY, reset=-0.5, kept=round((0.9 + 0.4 / 4096) * 4096) / 4096)
    scale = pair.fixed.real(pair.fixed.node("p").site.scale)
    expected = (interpreter.run(source, inputs, record=["p.v"]).records["p.v"] + 0.5) / scale
    np.testing.assert_allclose(runs["decays"], expected, atol=1e-6 * np.abs(expected).max())
    assert np.median(np.abs(runs["thresholds"] - exact)) <= 8


def test_errors_of_states_are_told_in_bits_and_in_the_models_unit():
    pair, inputs = prepared("rests below")
    found = errors_of(pair, runs_of(pair, inputs), {})["p"]
    scale = float(pair.fixed.real(pair.fixed.node("p").site.scale))
    left = interpreter.run(pair.model, inputs, record=["p.v"]).records["p.v"]
    right = reference.run(pair.fixed, {"in": inputs["in"].astype(int)}, record=["p.v"]).records["p.v"]
    error = np.abs(right - (left + 0.5) / scale)
    assert found.states["p.v"].lsb == pytest.approx(scale)
    assert found.states["p.v"].closed_rms == pytest.approx(float(np.sqrt((error**2).mean())))
    assert found.states["p.v"].forced_rms < found.states["p.v"].closed_rms
    assert found.grey_zone is not None and found.divergence is not None and found.divergence.margin is not None


def test_a_compile_for_the_chip_is_explained_and_drawn():
    settings = Settings(target="loihi", chip="loihi1")
    source = settings.load("tests/cli/sources/small.py")
    compilation = compile_source(source, settings.options(source), "loihi", checked=False)
    inputs = {"input": (np.random.default_rng(0).random((6, 30, 12)) < 0.4).astype(float)}
    found = explain(compilation, inputs, np.zeros(6, int))
    assert found.blame is not None and found.blame.culprit == "weights" and found.accuracy is not None
    assert {"hid.u", "hid.v"} <= found.populations["hid"].states.keys()
    names = {entry["name"] for entry in found.populations["hid"].constants}
    assert {"kept_v", "threshold"} <= names
    [shown] = [item for item in pictures(found, compilation.model) if item.population == "hid"]
    assert shown.state == "hid.v" and shown.threshold == pytest.approx(
        float(np.median(compilation.model.real(compilation.model.node("hid").site.arguments["theta"]))))
