"""What every class found by its file must do, alone and together."""

import doctest
import importlib
import inspect
import itertools
import pkgutil
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import spark
from spark.core.config import SparkConfig
from spark.core.fields import ConfigField
from spark.core.module import SparkModule
from spark.core.registry import concrete, find, module_of, name_of, neurons
from spark.core.simulation import scan_steps
from spark.core.tree import flatten
from spark.nn.components.delays import Delays
from spark.nn.components.learning_rules import LearningRule
from spark.nn.components.somas import Soma
from spark.nn.components.synapses import Synapses
from spark.nn.neurons import Neuron

MODULES = concrete(SparkModule)
CONFIGS = concrete(SparkConfig)
SYNAPSES, DELAYS, RULES = (concrete(base) for base in (Synapses, Delays, LearningRule))
PARTS = {" = |←": (Soma, Synapses, LearningRule), "Parameters": (Soma, Synapses, Delays, LearningRule, Neuron),
         "Errors": (Soma, Synapses, Delays, LearningRule, Neuron),
         "Source": (Soma, Synapses, LearningRule), ">>>": (Soma, Synapses, Delays, LearningRule)}


@pytest.mark.parametrize("name", MODULES)
def test_every_class_is_found_by_name_and_documented(name):
    cls = MODULES[name]
    assert find(name) is cls and name_of(cls) == name
    text = inspect.getdoc(cls) or ""
    assert text.split("\n")[0].endswith(".")
    for part, bases in PARTS.items():
        if issubclass(cls, bases):
            assert re.search(part, text, re.IGNORECASE), f"{name} does not state {part}"


@pytest.mark.parametrize("name", CONFIGS)
def test_every_field_has_a_sentence(name):
    for field in CONFIGS[name].fields.values():
        assert field.doc.endswith("."), f"{name}.{field.name}"
        if isinstance(field, ConfigField):
            assert issubclass(field.base_class, SparkConfig)


def test_every_configuration_of_a_module_leads_back_to_it():
    for cls in MODULES.values():
        module = module_of(cls.config_class)
        assert module is not None and issubclass(cls, module) or cls.config_class is module.config_class


def test_the_library_stands_on_its_own():
    for entry in pkgutil.walk_packages(spark.__path__, "spark."):
        source = inspect.getsource(importlib.import_module(entry.name))
        assert "import compiler" not in source and "from compiler" not in source and "from targets" not in source


def test_doctests_are_there():
    found = sum(len(test.examples) > 0 for name in MODULES for test in doctest.DocTestFinder(recurse=False).find(
        MODULES[name]))
    assert found > 20


def built(neuron_class, synapses, delays, rule, **keywords):
    return neuron_class(
        units=(4,), synapses=SYNAPSES[synapses].config_class(kernel=np.full((4, 5), 0.5), scale=5e3),
        delays=DELAYS[delays].config_class(max_delay=3.0) if delays else None,
        learning_rule=RULES[rule].config_class() if rule else None, **keywords).build(5)


def stimulus(neuron, steps=25):
    inputs = {"in_spikes": jnp.asarray(np.random.default_rng(0).random((steps, 5)) < 0.4, jnp.float32)}
    return inputs | ({"modulation": jnp.full(steps, 0.1)} if neuron.learning_rule is not None else {})


FIRING = [name for name, cls in neurons().items() if "out_spikes" in cls.output_ports]
KINDS = (FIRING, list(SYNAPSES), [None, *DELAYS], [None, *RULES])
COMBINATIONS = list(itertools.product(*KINDS))


@pytest.mark.parametrize("turn", range(16))
def test_combinations_run_and_learn_and_have_gradients(turn):
    check_combination(*(kinds[turn * step % len(kinds)] for kinds, step in zip(KINDS, (1, 1, 2, 3), strict=True)))


@pytest.mark.slow
@pytest.mark.parametrize("index", range(len(COMBINATIONS)))
def test_all_combinations_run_and_learn_and_have_gradients(index):
    check_combination(*COMBINATIONS[index])
    jax.clear_caches()  # Hundreds of compiled runs would fill the memory.


def check_combination(neuron, synapses, delays, rule):
    """It spikes, stays finite, learns where it has a rule, and has a gradient; all from one compiled run."""
    module = built(neurons()[neuron], synapses, delays, rule)
    params, start = module.device_params(), module._device_state()

    def count(kernel):
        held = params | {"synapses": params["synapses"] | {"kernel": kernel}}
        state = start | ({"kernel": kernel} if rule else {})
        final, outputs = scan_steps(module.step, state, stimulus(module), held)
        return jnp.sum(jnp.abs(outputs["out_spikes"])), final

    (spikes, final), gradient = jax.jit(jax.value_and_grad(count, has_aux=True))(params["synapses"]["kernel"])
    assert spikes > 0
    for path, leaf in flatten(final).items():
        assert np.all(np.isfinite(leaf)), path
    assert not rule or np.any(final["kernel"] != start["kernel"])
    assert np.all(np.isfinite(gradient)) and np.any(gradient != 0)


@pytest.mark.parametrize("neuron", neurons())
def test_every_neuron_resets_saves_loads_and_runs_the_same(neuron, tmp_path):
    module = neurons()[neuron](units=(2, 2)).build((3, 2))
    spikes = np.random.default_rng(1).random((40, 3, 2)) < 0.5
    first = module.run(spikes).outputs
    for row in spikes[:5]:
        module(row)
    module.reset()
    spark.save(module, tmp_path / "neuron.npz")
    again = spark.load(tmp_path / "neuron.npz")
    assert again.config == module.config
    for port, values in first.items():
        np.testing.assert_array_equal(again.run(spikes).outputs[port], values)


@pytest.mark.parametrize("neuron", neurons())
def test_every_neurons_configuration_survives_a_file(neuron, tmp_path):
    config = neurons()[neuron].config_class(units=(2, 3), dt=0.5, seed=3)
    config.write(tmp_path / "a.scfg", compressed=True)
    assert SparkConfig.read(tmp_path / "a.scfg") == config


@pytest.mark.parametrize("name", concrete(Soma))
def test_every_soma_traces_elementwise_with_scalars(name):
    soma = concrete(Soma)[name](units=(3,))
    state = {key: jax.ShapeDtypeStruct((), jnp.result_type(value)) for key, value in soma._device_state().items()}
    params = {key: jax.ShapeDtypeStruct((), jnp.result_type(value)) for key, value in soma.device_params().items()}
    inputs = {port: jax.ShapeDtypeStruct((), jnp.float32) for port in soma.input_ports}
    new_state, outputs = jax.eval_shape(soma.step, state, inputs, params)
    assert set(new_state) == set(state) and set(outputs) == set(soma.output_ports)
    for key, value in new_state.items():
        assert (value.shape, value.dtype) == ((), state[key].dtype), key
    program = jax.make_jaxpr(soma.step)(state, inputs, params)
    refused = {"reduce_sum", "dot_general", "gather", "scatter", "slice", "concatenate", "while", "cond"}
    assert not refused & {equation.primitive.name for equation in program.eqns}
