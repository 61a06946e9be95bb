"""One known fault at a time: blame names it, and the parts account for the whole."""

import functools
from dataclasses import replace

import numpy as np
import pytest

from compiler import discovery, interpreter, reference
from compiler.explain import engine
from compiler.explain.blame import blame
from compiler.explain.errors import Runs, deciding, errors_of, state_records
from compiler.explain.explanation import explain
from compiler.explain.pairing import COMPONENTS
from compiler.explain.preparation import pair_of
from compiler.explain.site import Pair
from compiler.formats import Format
from compiler.frontends.lower import lower
from compiler.ir.network import Network, Tensor
from compiler.ir.program import Op, TensorRef
from compiler.options import Options
from compiler.pipeline import MODEL_PASSES
from spark.nn.brain import Brain, ModuleSpecs, PortMap
from spark.nn.neurons import AdExNeuron, LIFNeuron, LINeuron

FINE = {"weight_bits": 16, "state_bits": 30, "coefficient_bits": 24, "weight_rounding": "nearest"}


def brain(first: type, seed: int = 0) -> Brain:
    """Two populations, the second driven by the first."""
    return Brain(inputs={"input": 16}, outputs={"output": PortMap("out", "out_spikes")}, modules=[
        ModuleSpecs("hid", first(units=(12,), inhibitory_rate=0.0, seed=seed), {"in_spikes": [
            PortMap("__call__", "input")]}),
        ModuleSpecs("out", LIFNeuron(units=(4,), inhibitory_rate=0.0, seed=seed + 1),
                    {"in_spikes": [PortMap("hid", "out_spikes")]})])


@functools.cache
def lowered(first: type) -> Network:
    return lower(brain(first)).network


def made(first: type = LIFNeuron, **options) -> tuple[Pair, dict[str, np.ndarray]]:
    return prepared(lowered(first), **options)


def prepared(network: Network, **options) -> tuple[Pair, dict[str, np.ndarray]]:
    """The network with exact numbers and fixed, and inputs."""
    rows = np.random.default_rng(3).random((6, 40, 16)) < np.linspace(0.1, 0.7, 6)[:, None, None]
    inputs = {"input": rows.astype(np.float64)}
    given = Options(calibration=inputs, **{**FINE, **options})
    for name in (*MODEL_PASSES, "invert_divisors"):
        network = discovery.passes()[name].run(network, given)
    scaled = discovery.passes()["co_scale"].run(network, given)
    fixed = scaled
    for name in ("calibrate", "fit_weights", "quantize"):
        fixed = discovery.passes()[name].run(fixed, given)
    return Pair(scaled, fixed), inputs


def runs_of(pair: Pair, inputs) -> Runs:
    records = state_records(pair)
    margins = [name for names in deciding(pair.scaled).values() for name in names]
    free = engine.run(pair, (), inputs, records, margins)
    return Runs(free, engine.run(pair, COMPONENTS, inputs, records),
                engine.run(pair, COMPONENTS, inputs, records, margins, free.emitted))


def blamed(pair: Pair, inputs):
    return blame(pair, inputs, runs_of(pair, inputs), None)


@pytest.mark.parametrize("culprit, options", [
    ("weights", {"weight_bits": 3}),
    ("decays", {"coefficient_bits": 4}),
    ("states", {"state_fraction": -6, "rounding": "floor"}),
])
def test_blame_names_the_only_coarse_part(culprit, options):
    found = blamed(*made(**options))
    assert found.culprit == culprit
    total = found.total.decision_error
    cost = next(item for item in found.components if item.name == culprit)
    assert cost.alone.decision_error == pytest.approx(total, rel=0.2)
    assert cost.put_back.decision_error < 0.1 * total
    assert abs(found.remainder("alone")["decision_error"]) < 0.2 * total


@pytest.mark.parametrize("coarse, options", [
    ({"weights", "decays"}, {"weight_bits": 4, "coefficient_bits": 6}),
    ({"weights", "states"}, {"weight_bits": 6, "state_fraction": 0, "rounding": "even"}),
])
def test_several_coarse_parts_account_for_the_whole_error(coarse, options):
    found = blamed(*made(**options))
    for way in ("alone", "put_back"):
        assert abs(found.remainder(way)["decision_error"]) < 0.35 * found.total.decision_error
    alone = {item.name: item.alone.decision_error for item in found.components if item.alone}
    assert set(sorted(alone, key=alone.get)[-2:]) == coarse


def test_what_quantizing_leaves_alone_is_called_the_same():
    found = blamed(*made())
    same = {item.name for item in found.components if item.alone is None}
    assert {"tables", "delays", "order"} <= same


def changed(network: Network, name: str, **fields) -> Network:
    other = network.copy()
    other.add(replace(other.projection(name), **fields))
    return other


def test_a_delay_that_differs_is_blamed_on_delays():
    pair, inputs = made()
    found = blamed(Pair(pair.scaled, changed(pair.fixed, "hid_out", delay=3)), inputs)
    assert found.culprit == "delays"


def test_a_threshold_that_differs_is_blamed_on_thresholds():
    pair, inputs = made()
    site = pair.fixed.node("hid").site
    old = pair.fixed.tensor(site.arguments["theta"])
    fixed = pair.fixed.copy()
    fixed.tensors["theta.other"] = Tensor(old.type, (old.data * 0.8).astype(old.data.dtype))
    fixed.add(replace(fixed.node("hid"), site=replace(site, arguments={
        **site.arguments, "theta": TensorRef("theta.other")})))
    assert blamed(Pair(pair.scaled, fixed), inputs).culprit == "thresholds"


def test_a_coarse_exp_is_blamed_on_tables(monkeypatch):
    def coarse(builder, operands, result: Format) -> str:
        """e**x as a parabola."""
        wide = Format(True, 32, 14, "even", "saturate")
        square = builder.op("square", "mul", operands[0], operands[0], type=wide)
        half = builder.op("half", "mul", square, 0.5, type=wide)
        line = builder.op("line", "add", half, operands[0], type=wide)
        return builder.op("", "add", line, 1.0, type=result.with_modes("even", "saturate"))

    monkeypatch.setattr(discovery.modules("compiler.functions")["exp"], "expand", coarse)
    assert blamed(*made(AdExNeuron)).culprit == "tables"


def test_another_program_cannot_be_taken_apart():
    from compiler.diagnostics import DiagnosticError

    pair, inputs = made()
    fixed = pair.fixed.copy()
    name = fixed.node("hid").site.program
    program = fixed.programs[name]
    fixed.programs[name] = replace(program, ops=tuple(
        Op(f"{op.result}_other", op.opcode, op.operands, op.type) for op in program.ops))
    with pytest.raises(DiagnosticError, match="E311"):
        blamed(Pair(pair.scaled, fixed), inputs)


def test_closed_loop_errors_are_those_between_the_two_engines():
    pair, inputs = made(weight_bits=5)
    found = errors_of(pair, runs_of(pair, inputs), {})
    record = ["hid.v", "hid.spikes", "out.v"]
    left = interpreter.run(pair.scaled, inputs, record=record)
    right = reference.run(pair.fixed, {name: rows.astype(int) for name, rows in inputs.items()}, record=record)
    for population in ("hid", "out"):
        types = pair.fixed.programs[pair.fixed.node(population).site.program].types()
        difference = right.records[f"{population}.v"] - left.records[f"{population}.v"] * 2.0 ** types["v"].fraction
        state = found[population].states[f"{population}.v"]
        assert state.closed_rms == pytest.approx(float(np.sqrt((difference**2).mean())))
        assert state.closed_max == pytest.approx(float(np.abs(difference).max()))
    rates = [run.records["hid.spikes"].mean(axis=(0, 1)) for run in (left, right)]
    assert found["hid"].rate_distance == pytest.approx(float(np.abs(rates[0] - rates[1]).mean()))


def test_with_the_spikes_fed_in_errors_do_not_cascade():
    pair, inputs = made(bits={"input_hid": 3})
    found = errors_of(pair, runs_of(pair, inputs), {})
    state = found["out"].states["hid_out.post.z"]
    assert 0 < state.forced_rms < 0.1 * state.closed_rms


def test_what_a_population_emits_as_values_is_compared_and_not_replaced():
    """A leaky integrator decides nothing: fed with the same spikes it runs as it runs freely."""
    network = lower(Brain(inputs={"input": 16}, outputs={"output": PortMap("read", "out_potentials")}, modules=[
        ModuleSpecs("read", LINeuron(units=(3,)), {"in_spikes": [PortMap("__call__", "input")]})])).network
    pair, inputs = prepared(network, weight_bits=5)
    runs = runs_of(pair, inputs)
    found = errors_of(pair, runs, {})["read"]
    assert found.rates is None and found.grey_zone is None
    [state] = [item for name, item in found.states.items() if name == "read.v"]
    assert 0 < state.forced_rms == state.closed_rms
    np.testing.assert_array_equal(runs.forced.emitted["read.potential"], runs.closed.emitted["read.potential"])
    assert blame(pair, inputs, runs, None).culprit == "weights"


def test_the_grey_zone_counts_decisions_nearer_to_the_threshold_than_the_error():
    pair, inputs = made(weight_bits=4)
    found = errors_of(pair, runs_of(pair, inputs), {})["hid"]
    program = pair.scaled.programs[pair.scaled.node("hid").site.program]
    compare = program.op(deciding(pair.scaled)["hid"][0].split(".")[1])
    values = interpreter.run(pair.scaled, inputs, record=[f"hid.{compare.names[0]}"])
    theta = pair.scaled.real(pair.scaled.node("hid").site.arguments["theta"])
    lsb = min(item.lsb for name, item in pair.fixed.programs[pair.fixed.node("hid").site.program].types().items()
              if name in compare.names)
    distance = np.abs(values.records[f"hid.{compare.names[0]}"] - theta) / lsb
    assert found.grey_zone == pytest.approx(float((distance <= found.zone).mean()), abs=1e-3)
    assert 0 < found.grey_zone < 1


def test_saturations_are_those_that_an_observer_of_the_golden_model_counts():
    pair, inputs = made(state_bits=8, state_fraction=4)
    program = pair.fixed.programs[pair.fixed.node("hid").site.program]
    state = program.types()["v"]
    before = program.op(program.update_of("v")).names[0]
    assert isinstance(state, Format) and state.overflow == "saturate" and program.types()[before].fraction == 4
    seen = []

    def observe(site, name, raw):
        if (site, name) == ("hid", before):
            seen.append(((raw < state.low) | (raw > state.high)).sum(axis=0))

    reference.run(pair.fixed, {"input": inputs["input"].astype(int)}, observer=observe)
    counted = engine.run(pair, COMPONENTS, inputs).saturated["hid.v"]
    assert counted.sum() > 0
    np.testing.assert_array_equal(counted, np.sum(seen, axis=0))


def test_an_explanation_of_a_compile_says_how_much_it_measured():
    from compiler.pipeline import compile_source
    from compiler.settings import Settings

    settings = Settings(chip="none", weights=4)
    source = settings.load("tests/cli/sources/small.py")
    compilation = compile_source(source, settings.options(source), checked=False)
    inputs = {"input": (np.random.default_rng(0).random((6, 20, 12)) < 0.4).astype(float)}
    found = explain(compilation, inputs, np.zeros(6, int), most=4)
    assert (found.samples, found.steps) == (4, 20)
    assert pair_of(compilation).fixed is compilation.fixed
    told = found.as_json()
    assert set(told["blame"]["components"]) == set(COMPONENTS)
    assert set(told["populations"]) == {"hid", "out"}
    assert told["populations"]["hid"]["constants"]


def test_decays_by_shifts_are_blamed_on_decays():
    from compiler.pipeline import compile_source
    from compiler.settings import Settings

    settings = Settings(chip="none", weights=16, states=30, decay="shifts")
    source = settings.load("tests/cli/sources/small.py")
    compilation = compile_source(source, settings.options(source), checked=False)
    inputs = {"input": (np.random.default_rng(0).random((6, 30, 12)) < 0.4).astype(float)}
    found = explain(compilation, inputs).blame
    assert found is not None and found.culprit == "decays"
    [cost] = [item for item in found.components if item.name == "decays"]
    assert cost.put_back.decision_error < 0.05 * found.total.decision_error
