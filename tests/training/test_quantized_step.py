"""Training in the loop: forward is the compiled network, bit for bit, before, while and after it is trained."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import compiler
from compiler import pipeline, reference
from compiler.diagnostics import DiagnosticError
from compiler.input_files import integers_of
from compiler.quantization import decisions
from compiler.quantization.decisions import Decisions
from compiler.training import quantized_step
from spark.core.tree import flatten
from spark.nn.brain import Brain, ModuleSpecs, PortMap, Sequential
from spark.nn.components.connections import Affine, Conv2d, Flatten
from spark.nn.components.delays.n import N2NDelaysConfig
from spark.nn.components.somas.leaky import LeakySomaConfig
from spark.nn.components.somas.primitives import IFSoma, LIFSoma
from spark.nn.components.synapses.linear import LinearSynapsesConfig
from spark.nn.initializers import Uniform
from spark.nn.neurons import ALIFNeuron, CubaLIFNeuron, IzhikevichNeuron, LIFNeuron, LINeuron
from spark.training import count_cross_entropy, fit

STEPS = 20


def lif(units, seed=0, reset_by="value"):
    soma = LeakySomaConfig(potential_rest=-60.0, potential_reset=-60.0, threshold=-50.0, potential_tau=6.0,
                           reset_by=reset_by, surrogate_slope=4.0)
    synapses = LinearSynapsesConfig(scale=650.0, kernel=Uniform(low=-0.4, high=0.5))
    return LIFNeuron(units=(units,), inhibitory_rate=0.0, seed=seed, soma=soma, synapses=synapses)


def recurrent():
    """Delays, recurrence, both kinds of reset, two projections from one kernel."""
    wires = [PortMap("__call__", "input"), PortMap("__call__", "input", 3), PortMap("hid", "out_spikes")]
    return Brain(inputs={"input": 6}, outputs={"output": PortMap("out", "out_spikes")}, modules=[
        ModuleSpecs("hid", lif(9), {"in_spikes": wires}),
        ModuleSpecs("out", lif(3, 1, "subtraction"), {"in_spikes": PortMap("hid", "out_spikes")})])


def read_out():
    """A population of values behind one of spikes, within the step."""
    out = LINeuron(units=(3,), seed=2, synapses=LinearSynapsesConfig(scale=50.0, kernel=Uniform(low=-1.0, high=1.0)))
    return Sequential({"hid": lif(8), "out": out}, input_shape=6)


def inhibitory():
    """Traced synapses, refractory somas, Dale's principle, a delay of every synapse."""
    first = LIFNeuron(units=(8,), seed=3, inhibitory_rate=0.3, synapses__scale=400.0,
                      delays=N2NDelaysConfig(max_delay=4), synapses__kernel=Uniform(low=0.0, high=4.0))
    second = ALIFNeuron(units=(3,), seed=4, synapses__scale=2000.0, synapses__kernel=Uniform(low=0.0, high=4.0))
    return Sequential({"a": first, "b": second}, input_shape=6)


def others():
    """Current-based synapses, and a soma that is not homogeneous: its scale stays a factor."""
    first = CubaLIFNeuron(units=(6,), seed=5, inhibitory_rate=0.0, synapses__kernel=Uniform(low=-10.0, high=20.0))
    second = IzhikevichNeuron(units=(3,), seed=6, synapses__scale=5.0, inhibitory_rate=0.0,
                              synapses__kernel=Uniform(low=-1.0, high=2.0))
    return Sequential({"a": first, "b": second}, input_shape=6)


def convolution():
    """Connections of their own, with biases; one scale for each channel."""
    generator = np.random.default_rng(7)
    return Sequential({
        "conv": Conv2d(weight=generator.normal(0.3, 0.4, (2, 1, 2, 2)), bias=[0.05, -0.03]),
        "hid": IFSoma(units=(2, 2, 1), reset_by="subtraction"),
        "flat": Flatten(),
        "read": Affine(weight=generator.normal(0.2, 0.5, (3, 4)), bias=generator.normal(0, 0.1, 3)),
        "out": LIFSoma(units=(3,), potential_tau=3.0, threshold=0.05)}, input_shape=(1, 3, 2))


def samples(count=12, seed=0):
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 3, count)
    rates = np.full((count, 6), 0.15)
    rates[np.arange(count), 2 * labels] = rates[np.arange(count), 2 * labels + 1] = 0.7
    return (generator.random((count, STEPS, 6)) < rates[:, None]).astype(np.uint8), labels


def task_of(model, **settings):
    return quantized_step(model, chip="none", calibration={"input": samples()[0]}, **settings)


@cache
def runner(task):
    def sample(params, rows):
        prepared = task.prepare(params)

        def step(state, row):
            state, outputs = task.step(state, {"input": row}, prepared)
            return state, (outputs["output"], state["raw"])

        return jax.lax.scan(step, task.initial_state, rows)[1]

    return jax.jit(jax.vmap(sample, (None, 0)))


def rows_of(task, params, inputs):
    """Outputs, and every integer state after every step, [B, T, n]."""
    outputs, states = runner(task)(params, inputs.astype(np.float32))
    return np.asarray(outputs), {name: np.asarray(rows)[:, :, 0] for name, rows in states.items() if rows.ndim == 4}


def assert_same_bits(task, params):
    """The exported network, compiled by the ordinary passes, steps as the training step does."""
    inputs = samples(6, seed=9)[0]
    outputs, states = rows_of(task, params, inputs)
    fixed = pipeline.quantized(task.source(params), task.options(params))
    names = [f"{site}.{item.name}" for site, own, _ in fixed.sites() for item in fixed.programs[own.program].states]
    found = reference.run(fixed, integers_of(fixed, {"input": inputs}), record=names)
    assert names and set(names) <= set(states)
    for name in names:
        np.testing.assert_array_equal(states[name], found.records[name], err_msg=name)
    emitted = found.outputs["output"]
    if emitted.dtype == np.uint8:
        np.testing.assert_array_equal(np.abs(outputs), emitted)
        assert 0 < emitted.mean() < 1
    return states


def trained(task, epochs, count=4, **more):
    """Parameters after every epoch, which is one step of the optimizer."""
    after = []
    fit(task, samples(count), loss=count_cross_entropy(0.3), optimizer=optax.adam(0.02), batch_size=count,
        epochs=epochs, on_epoch=lambda epoch, entry, params: after.append(jax.tree.map(np.asarray, params)), **more)
    return after


@pytest.mark.parametrize(("model", "weights"), [
    (inhibitory, 4), (others, 5), (convolution, 4),
    pytest.param(recurrent, 2, marks=pytest.mark.slow), pytest.param(read_out, 3, marks=pytest.mark.slow)])
def test_the_trained_network_compiles_to_the_bits_it_was_trained_with(model, weights):
    task = task_of(model(), weights=weights)
    before = assert_same_bits(task, task.params)
    one, *_, several = trained(task, 6)
    assert_same_bits(task, one)
    after = assert_same_bits(task, several)
    assert any(not np.array_equal(before[name], after[name]) for name in before)


def test_time_constants_thresholds_and_step_sizes_are_trained_as_they_are_compiled():
    task = task_of(recurrent(), weights=4, trainable=("kernel", "tau", "theta"), learn_step_sizes=True)
    params = trained(task, 2)[-1]
    for name in ("tau", "theta"):
        assert params["hid"]["soma"][name] != task.params["hid"]["soma"][name]
    assert set(params["step_sizes"]) == {"hid", "out"} and np.any(params["step_sizes"]["hid"] != 1)
    assert np.any(task.decisions(params).scales["hid"] != task.decisions(task.params).scales["hid"])
    assert_same_bits(task, task.params)
    assert_same_bits(task, params)


def test_a_seed_gives_the_same_result_and_a_checkpoint_continues_to_it(tmp_path):
    task = task_of(recurrent(), weights=3)
    whole = trained(task, 3, seed=4)[-1]
    part = tmp_path / "part.npz"
    trained(task, 1, seed=4, checkpoint=part)
    continued = trained(task, 3, seed=4, checkpoint=part)[-1]
    for path, leaf in flatten(whole).items():
        np.testing.assert_array_equal(leaf, flatten(continued)[path])
    with pytest.raises(ValueError, match="another run"):
        trained(task, 4, seed=5, checkpoint=part)


def test_gradients_are_those_of_the_float_step_at_the_rounded_weights():
    """Away from thresholds and rounding, the straight-through gradient is the plain one of the dequantized network."""
    task = task_of(read_out(), weights=5, states=30)
    inputs = jnp.asarray(samples(1)[0][0], jnp.float32)

    def value(params, step, state):
        def body(carry, row):
            carry, outputs = step(carry, {"input": row}, params)
            return carry, outputs["output"]

        return jnp.sum(jax.lax.scan(body, state, inputs)[1][:, 0])

    exact = jax.grad(lambda params: value(task.prepare(params), task.step, task.initial_state))(task.params)
    module = task.trained(task.params)
    held = module.params

    def plain(kernel):
        own = held | {"out": held["out"] | {"synapses": held["out"]["synapses"] | {"kernel": kernel}}}
        return value(jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float32), own), module.step,
                     jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float32), module.initial_state()))

    expected = jax.grad(plain)(jnp.asarray(held["out"]["synapses"]["kernel"], jnp.float32))
    assert np.any(expected != 0)
    np.testing.assert_allclose(exact["out"]["synapses"]["kernel"], expected, rtol=1e-3, atol=1e-6)


def test_the_step_is_a_pure_function_for_any_loop():
    task = task_of(recurrent(), weights=4)
    row = samples(1)[0][0, 0].astype(np.float32)
    state, outputs = jax.jit(task)(task.params, task.initial_state, row)
    again, same = jax.jit(task)(task.params, task.initial_state, {"input": row})
    assert outputs["output"].shape == (3,)
    for path, leaf in flatten(state).items():
        np.testing.assert_array_equal(leaf, flatten(again)[path])
    np.testing.assert_array_equal(outputs["output"], same["output"])


def test_a_saved_network_compiles_from_its_files(tmp_path):
    task = task_of(recurrent(), weights=3, learn_step_sizes=True)
    params = trained(task, 1)[-1]
    beside = task.save(params, tmp_path / "net.npz")
    (tmp_path / "net.py").write_text(
        "from pathlib import Path\nfrom spark.core import serialization\n"
        f"quantization = {beside.name!r}\ndef model():\n"
        "    return serialization.load(Path(__file__).with_name('net.npz'))\n")
    inputs = samples(6, seed=9)[0]
    built = compiler.compile(tmp_path / "net.py", tmp_path / "net", chip="none", calibration={"input": inputs})
    np.testing.assert_array_equal(built.run({"input": inputs}).outputs["output"], rows_of(task, params, inputs)[0])
    assert built.manifest["options"]["held"] and built.manifest["options"]["weight_bits"] == 3


def test_what_cannot_be_trained_is_said():
    with pytest.raises(DiagnosticError, match="E341"):
        task_of(recurrent(), trainable=("nothing",))
    with pytest.raises(DiagnosticError, match="E341"):
        task_of(others(), trainable=("dt_of_nothing", "potential_start"))


def test_decisions_of_another_network_or_kind_of_file_are_refused(tmp_path):
    task = task_of(recurrent(), weights=3)
    decided = task.decisions(task.params)
    decisions.save(decided, tmp_path / "own.npz")
    read = decisions.load(tmp_path / "own.npz")
    assert read.fractions == decided.fractions and read.settings == decided.settings
    for name, scale in decided.scales.items():
        np.testing.assert_array_equal(read.scales[name], scale)
    other = Decisions({"hid": np.ones(4)}, {}, decided.settings)
    with pytest.raises(DiagnosticError, match="E340"):
        other.scale("hid", 9)
    np.savez(tmp_path / "wrong.npz", settings=np.array("{}"))
    with pytest.raises(DiagnosticError, match="E340"):
        decisions.load(tmp_path / "wrong.npz")
