"""One step many times: runs, batches, halves, precision, recordings, split and merge."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spark.core.parts import merge, split
from spark.core.payloads import SpikeArray
from spark.core.simulation import recordable
from spark.core.tree import flatten
from spark.nn.brain import Brain, ModuleSpecs, PortMap
from spark.nn.components.delays import N2NDelaysConfig, NDelaysConfig
from spark.nn.neurons import ALIFNeuron, LIFNeuron, LINeuron

PRE, POST, STEPS, BATCH = 6, 5, 40, 3


def a_brain():
    return Brain(
        inputs={"input": PRE}, outputs={"output": PortMap("b", "out_spikes"), "potential": ("read", "out_potentials")},
        modules=[
            ModuleSpecs("a", LIFNeuron(units=(POST,), synapses__scale=400.0, delays=NDelaysConfig(max_delay=3.0)),
                        {"in_spikes": [PortMap("__call__", "input"), PortMap("b", "out_spikes", 2)]}),
            ModuleSpecs("b", ALIFNeuron(units=(2, 2), synapses__scale=600.0),
                        {"in_spikes": PortMap("a", "out_spikes")}),
            ModuleSpecs("read", LINeuron(units=(2,)), {"in_spikes": PortMap("b", "out_spikes", 0)}),
        ])


def pool(neuron, delays):
    return neuron(units=(POST,), synapses__scale=400.0, delays=delays).build(PRE)


MODULES = {
    "lif": lambda: pool(LIFNeuron, None),
    "delayed": lambda: pool(LIFNeuron, NDelaysConfig(max_delay=3.0)),
    "paired": lambda: pool(ALIFNeuron, N2NDelaysConfig(max_delay=3.0)),
    "brain": a_brain,
}


@pytest.fixture(params=MODULES)
def module(request):
    return MODULES[request.param]()


@pytest.fixture
def spikes():
    return np.random.default_rng(5).random((BATCH, STEPS, PRE)) < 0.3


def same(one, other):
    left, right = flatten(one), flatten(other)
    assert left.keys() == right.keys()
    for path in left:
        np.testing.assert_array_equal(left[path], right[path], err_msg=path)


def test_a_run_is_the_repeated_call(module, spikes):
    outputs, state = module.run(spikes[0])
    assert any(np.abs(values).sum() > 0 for values in outputs.values())
    called = [module(SpikeArray(row)) for row in spikes[0]]
    for port, values in outputs.items():
        np.testing.assert_allclose(np.stack([out[port].value for out in called]), values, rtol=1e-5, atol=1e-6)
    for path, leaf in flatten(state).items():
        np.testing.assert_allclose(leaf, flatten(module.state)[path], rtol=1e-5, atol=1e-6, err_msg=path)


def test_a_batch_is_the_loop_of_its_samples(module, spikes):
    outputs, state = module.run(spikes)
    for i, sample in enumerate(spikes):
        one, final = module.run(sample)
        for port in outputs:
            np.testing.assert_allclose(outputs[port][i], one[port], rtol=1e-5, atol=1e-6)
        for path, leaf in flatten(state).items():
            ours = leaf if path.endswith("cursor") else leaf[i]
            np.testing.assert_allclose(ours, flatten(final)[path], rtol=1e-5, atol=1e-6, err_msg=path)


def test_two_halves_are_one_run(module, spikes):
    for inputs, axis in ((spikes, 1), (spikes[0], 0)):
        first, second = np.split(inputs, 2, axis=axis)
        outputs, state = module.run(inputs)
        early, middle = module.run(first)
        late, final = module.run(second, state=middle)
        same(final, state)
        for port in outputs:
            np.testing.assert_array_equal(np.concatenate([early[port], late[port]], axis=axis), outputs[port])


def test_an_unbatched_state_starts_every_sample(module, spikes):
    _, middle = module.run(spikes[0, :10])
    outputs, _ = module.run(spikes[:, 10:], state=middle)
    again, _ = module.run(spikes[0, 10:], state=middle)
    for port in outputs:
        np.testing.assert_allclose(outputs[port][0], again[port], rtol=1e-5, atol=1e-6)


def test_a_run_leaves_the_modules_own_state(module, spikes):
    before = module.state
    module.run(spikes)
    same(module.state, before)


def test_reset_returns_to_the_initial_state_with_the_same_shapes(module, spikes):
    before = module.initial_state()
    for row in spikes[0, :5]:
        module(row)
    shapes = {path: np.shape(leaf) for path, leaf in flatten(module.state).items()}
    module.reset()
    same(module.state, before)
    assert shapes == {path: np.shape(leaf) for path, leaf in flatten(module.state).items()}


def test_merge_undoes_split(module, spikes):
    for row in spikes[0, :5]:
        module(row)
    structure, params, state = split(module)
    twin = merge(structure, params, state)
    same(twin.params, module.params)
    same(twin.state, module.state)
    for row in spikes[0, 5:]:
        left, right = module(row), twin(row)
        for port in left:
            np.testing.assert_array_equal(left[port].value, right[port].value)


def test_a_structure_serves_a_loop_of_ones_own(module, spikes):
    structure, params, state = split(module)
    step = jax.jit(structure.step)
    state, params = jax.tree.map(jnp.asarray, (state, params))
    expected, _ = module.run(spikes[0])
    for t, row in enumerate(spikes[0]):
        state, outputs = step(state, {next(iter(module.input_specs)): row.astype(np.float32)}, params)
        for port in outputs:
            np.testing.assert_allclose(outputs[port], expected[port][t], rtol=1e-5, atol=1e-6)


def test_double_precision_runs_in_double_precision_and_nothing_leaks(spikes):
    neuron = LIFNeuron(units=(POST,), dtype="float64").build(PRE)
    outputs, state = neuron.run(spikes)
    assert {str(leaf.dtype) for leaf in flatten(state).values()} == {"float64", "int32"}
    assert str(outputs["out_spikes"].dtype) == "float64"
    assert neuron(spikes[0, 0])["out_spikes"].value is not None
    assert jnp.ones(1).dtype == jnp.float32


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_a_run_keeps_its_number_type(dtype, spikes):
    neuron = ALIFNeuron(units=(POST,), dtype=dtype, delays=NDelaysConfig()).build(PRE)
    outputs, state = neuron.run(spikes)
    kinds = {str(leaf.dtype) for leaf in flatten(state).values()} | {str(outputs["out_spikes"].dtype)}
    assert kinds == {dtype, "int32"}


@pytest.mark.parametrize("kind", [bool, np.uint8, np.int64, np.float64, np.float32])
def test_any_numeric_type_of_input_gives_the_same(kind, module, spikes):
    same(module.run(spikes.astype(kind))[0], module.run(spikes)[0])


def test_recordings_have_a_row_for_the_end_of_each_step(spikes):
    brain = a_brain()
    paths = ("a.soma.v", "b.soma.theta", "a.synapses.current", "b.out_spikes", "output")
    outputs, state, recorded = brain.run(spikes, record=paths)
    assert set(recorded) == set(paths) <= recordable(brain)
    np.testing.assert_array_equal(recorded["a.soma.v"][:, -1], state["a"]["soma"]["v"])
    np.testing.assert_array_equal(recorded["b.out_spikes"], outputs["output"])


def test_recording_does_not_change_the_outputs(module, spikes):
    everything = tuple(sorted(recordable(module)))
    same(module.run(spikes, record=everything).outputs, module.run(spikes).outputs)


def test_unknown_paths_ports_and_shapes_are_errors(module, spikes):
    port = next(iter(module.input_specs))
    with pytest.raises(ValueError, match="record"):
        module.run(spikes, record=("nowhere.v",))
    with pytest.raises(ValueError, match="wrong_port"):
        module.run({port: spikes, "wrong_port": spikes})
    with pytest.raises(ValueError, match="shape"):
        module.run(spikes[..., :2])
    with pytest.raises(ValueError, match="shape"):
        module.run(spikes[0, 0])
    with pytest.raises(ValueError, match="shape"):
        module(spikes[0, 0, :2])


def test_states_and_parameters_that_do_not_fit_are_errors(module, spikes):
    with pytest.raises(ValueError, match="states do not fit"):
        module.run(spikes, state={})
    with pytest.raises(ValueError, match="missing"):
        module.run(spikes, params={})
    with pytest.raises(ValueError, match="missing"):
        module.state = {}


def test_running_before_the_shape_is_known_is_an_error():
    with pytest.raises(ValueError, match="build"):
        LIFNeuron(units=(3,)).run(np.ones((4, 3)))


def test_calling_builds_and_takes_exactly_one_step():
    neuron = LIFNeuron(units=(2,))
    neuron([1, 1, 1])
    _, state = LIFNeuron(units=(2,)).build(3).run(np.ones((1, 3)))
    np.testing.assert_allclose(neuron.state["synapses"]["z"], state["synapses"]["z"], rtol=1e-6)


def test_parameters_handed_out_cannot_change_the_module():
    neuron = LIFNeuron(units=(2,)).build(3)
    with pytest.raises(ValueError, match="read-only"):
        neuron.params["synapses"]["kernel"][0, 0] = 9.0
    params = neuron.params
    params["synapses"]["kernel"] = np.ones((2, 3))
    assert not np.array_equal(neuron.params["synapses"]["kernel"], np.ones((2, 3)))
    neuron.params = params
    assert np.array_equal(neuron.params["synapses"]["kernel"], np.ones((2, 3)))


def test_new_parameters_take_effect_in_calls_and_runs(spikes):
    neuron = LIFNeuron(units=(POST,), synapses__scale=400.0).build(PRE)
    assert neuron.run(spikes)[0]["out_spikes"].any()
    params = neuron.params
    params["synapses"]["kernel"] = np.zeros((POST, PRE))
    neuron.params = params
    assert not neuron.run(spikes)[0]["out_spikes"].any()
    assert not any(neuron(row)["out_spikes"].spikes.any() for row in spikes[0])


def test_a_run_compiles_once_per_shape(module, spikes):
    module.run(spikes)
    (compiled,) = module._compiled.values()
    module.run(spikes + 0)
    module.run(~spikes)
    assert len(module._compiled) == 1
    assert compiled._cache_size() <= 2


def test_new_parameters_do_not_compile_again(spikes):
    neuron = LIFNeuron(units=(POST,)).build(PRE)
    neuron.run(spikes)
    (compiled,) = neuron._compiled.values()
    neuron.params = neuron.params
    neuron.run(spikes)
    assert list(neuron._compiled.values()) == [compiled] and compiled._cache_size() == 1


def test_merging_calling_and_splitting_work_inside_a_transformation(module, spikes):
    structure, params, state = split(module)

    @jax.jit
    def step(params, state, row):
        twin = merge(structure, params, state)
        outputs = twin(row)
        return {port: payload.value for port, payload in outputs.items()}, twin.state

    expected, _ = module.run(spikes[0, :3])
    state, params = module._device_state(), module.device_params()
    for t in range(3):
        outputs, state = step(params, state, spikes[0, t])
        for port in outputs:
            np.testing.assert_allclose(outputs[port], expected[port][t], rtol=1e-5, atol=1e-6)


def test_a_run_can_be_differentiated(spikes):
    neuron = LIFNeuron(units=(POST,), inhibitory_rate=0.0, synapses__scale=400.0).build(PRE)

    def count(kernel):
        params = neuron.params | {"synapses": neuron.params["synapses"] | {"kernel": kernel}}
        return jnp.sum(neuron.run(spikes, params=params).outputs["out_spikes"])

    gradient = jax.grad(count)(jnp.asarray(neuron.params["synapses"]["kernel"], jnp.float32))
    assert np.all(np.isfinite(gradient)) and np.any(gradient != 0)
