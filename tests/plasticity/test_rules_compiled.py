"""Learning rules compiled: the float network learns as spark does, all engines agree on every state and every bit."""

import dataclasses
import tempfile
from pathlib import Path

import numpy as np
import pytest

from compiler import chips, float_engine, interpreter
from compiler.analysis.bounds import weight_type
from compiler.certificates import certificate, checker
from compiler.diagnostics import DiagnosticError
from compiler.formats import Format
from compiler.frontends.lower import lower
from compiler.ir.parse import parse
from compiler.ir.print import print_network
from compiler.ir.verify import verify
from spark.core.specs import ModuleSpecs, PortMap
from spark.nn.brain import Brain
from spark.nn.components.delays import N2NDelaysConfig, NDelaysConfig
from spark.nn.components.learning_rules import (
    HebbianRuleConfig,
    OjaRuleConfig,
    QuadrupletRuleConfig,
    STDPRuleConfig,
    ThreeFactorHebbianRuleConfig,
    ZenkeRuleConfig,
)
from targets import jax_fixed
from tests.plasticity.small import compiled, fixed_of, learning, model_of, states_of, stimulus
from tests.targets.jax_fixed.programs import differing, golden, joined

RULES = [HebbianRuleConfig(), OjaRuleConfig(), STDPRuleConfig(), ThreeFactorHebbianRuleConfig(), QuadrupletRuleConfig(),
         ZenkeRuleConfig()]
NAMES = [type(rule).__name__.removesuffix("RuleConfig") for rule in RULES]
DELAYS = [None, NDelaysConfig(max_delay=3.0), N2NDelaysConfig(max_delay=3.0)]


@pytest.mark.parametrize(("rule", "delays"), list(zip(RULES, [*DELAYS, *DELAYS[::-1]], strict=True)), ids=NAMES)
def test_the_lowered_network_learns_as_spark_does(rule, delays):
    module = learning(rule, delays=delays)
    lowered = lower(module)
    inputs, records = stimulus(lowered.network, 2), states_of(lowered.network)
    found = interpreter.run(lowered.network, inputs, record=records)
    expected = float_engine.run(module, lowered, inputs, record=records)
    weights = next(rows for name, rows in found.records.items() if name.endswith(".synapse.w"))
    assert (weights[:, -1] != weights[:, 0]).any()
    for name in records:
        np.testing.assert_allclose(found.records[name], expected.records[name], rtol=1e-9, atol=1e-9, err_msg=name)


def run_of(network, inputs, state=None) -> tuple:
    """The golden model's run and the program's, with everything recorded."""
    expected = golden(network, inputs, state)
    with tempfile.TemporaryDirectory() as folder:
        for path, data in jax_fixed.emit(network).items():
            (Path(folder) / path).write_bytes(data)
        return expected, jax_fixed.run(Path(folder), inputs, state, list(expected.records))


@pytest.mark.parametrize("rule", [ThreeFactorHebbianRuleConfig(), ZenkeRuleConfig()], ids=["ThreeFactor", "Zenke"])
def test_program_and_certificate_agree_with_the_golden_model(rule):
    network = fixed_of(learning(rule, delays=N2NDelaysConfig(max_delay=3.0)))
    assert not verify(network)
    assert not checker.check(network, certificate.build(network))
    inputs = stimulus(network)
    expected, found = run_of(network, inputs)
    assert not differing(expected, found)
    weights = next(rows for name, rows in expected.records.items() if name.endswith(".synapse.w"))
    assert (weights[:, -1] != weights[:, 0]).mean() > 0.5
    assert parse(print_network(network), network.tensors) == network


def test_a_plastic_run_continues_bit_for_bit():
    network = fixed_of(learning(STDPRuleConfig(), delays=NDelaysConfig(max_delay=3.0)))
    inputs = stimulus(network, 2, 20)
    first = golden(network, {name: rows[:, :9] for name, rows in inputs.items()})
    rest = {name: rows[:, 9:] for name, rows in inputs.items()}
    assert not differing(golden(network, inputs), joined(first, golden(network, rest, first.state)))
    expected, found = run_of(network, rest, first.state)
    assert not differing(expected, found)


def test_only_existing_synapses_change_and_weights_stay_in_their_bounds():
    module = learning(HebbianRuleConfig(eta=2.0, w_max=3.0))
    network = fixed_of(module)
    weights = next(rows for name, rows in golden(network, stimulus(network)).records.items()
                   if name.endswith(".synapse.w"))
    type_ = weight_of(network)
    missing = np.asarray(module.synapses.params["kernel"]).reshape(-1) == 0
    assert missing.any() and not weights[..., missing].any()
    assert weights.max() * type_.lsb == 3.0 and weights.min() >= 0


def weight_of(network) -> Format:
    type_ = weight_type(network, network.projections[0])
    assert isinstance(type_, Format)
    return type_


def test_signs_of_inhibitory_units_stay_with_their_weights():
    first = learning(None, inhibitory_rate=0.25)
    second = type(first)(units=(3,), inhibitory_rate=0.0, learning_rule=STDPRuleConfig(),
                         synapses__kernel=np.ones((3, 4)), synapses__scale=9000.0)
    lowered = lower(brain_of(first, second))
    inputs, records = stimulus(lowered.network), ["a_b.synapse.w", "a_b.synapse.x"]
    found = interpreter.run(lowered.network, inputs, record=records)
    signs = np.tile(np.where(first.inhibition_mask, -1, 1), 3)
    assert (np.sign(found.records["a_b.synapse.w"]) == signs).all()
    assert np.ptp(found.records["a_b.synapse.w"], axis=1).any()
    network = fixed_of(brain_of(first, second))
    assert not differing(*run_of(network, stimulus(network)))


def brain_of(first, second) -> Brain:
    return Brain(inputs={"input": 6}, outputs={"output": ("b", "out_spikes")}, modules=[
        ModuleSpecs("a", first, {"in_spikes": PortMap("__call__", "input")}),
        ModuleSpecs("b", second, {"in_spikes": PortMap("a", "out_spikes")})])


def test_a_compile_checks_what_was_learned():
    compilation = compiled(learning(ThreeFactorHebbianRuleConfig()))
    verdicts = {item.stage: item for item in compilation.verdicts}
    assert [verdicts[name].equal for name in ("certificate", "source = model", "fixed = program")] == ["equal"] * 3
    assert min(verdicts["fixed = program"].coverage["weights_changed"].values()) > 0.5


def test_weights_get_as_many_bits_as_they_are_told():
    for bits in (10, 16):
        network = fixed_of(learning(STDPRuleConfig()), bits={"input_neuron.synapse": bits})
        assert weight_of(network).width == bits


def test_a_network_whose_weights_do_not_start_as_its_link_says_is_refused():
    network = model_of(learning(STDPRuleConfig()))
    projection = network.projections[0]
    assert projection.synapse is not None
    network.add(dataclasses.replace(projection, synapse=dataclasses.replace(projection.synapse, initial={"w": 0.25})))
    assert "E218" in {item.code for item in verify(network)}


def test_a_network_whose_rule_reads_what_nobody_brings_is_refused():
    network = model_of(learning(STDPRuleConfig()))
    name = next(name for name in network.programs if name.startswith("stdp"))
    program = network.programs[name]
    inputs = tuple(dataclasses.replace(item, name=item.name.replace("spikes", "reward")) for item in program.inputs)
    ops = tuple(dataclasses.replace(op, operands=tuple("reward" if item == "spikes" else item for item in op.operands))
                for op in program.ops)
    network.programs[name] = dataclasses.replace(program, inputs=inputs, ops=ops)
    found = [item for item in verify(network) if item.code == "E218"]
    assert "reward" in found[0].message


def test_a_chip_that_cannot_learn_is_said():
    with pytest.raises(DiagnosticError, match="E413.*program of their own"):
        compiled(learning(STDPRuleConfig()), chip=chips.load("generic"))


@pytest.mark.parametrize("part", ["step", "weights"])
def test_parts_that_no_synapse_program_can_be_made_of_are_refused(part):
    module = learning(STDPRuleConfig())
    owner = module.learning_rule if part == "step" else module.synapses
    owner.__class__ = type("Special", (type(owner),), {part: lambda self, *given: given})
    with pytest.raises(DiagnosticError, match="E115.*of its own"):
        lower(module)
