"""A traced program computes what the step computes in JAX, on the same names and number types."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.formats import BOOL, F64
from compiler.frontends.leaves import declared_names
from compiler.frontends.program_book import ProgramBook
from compiler.frontends.trace import trace
from compiler.ir.network import Network
from compiler.ir.verify import verify
from compiler.site_runner import SiteRunner
from spark.core.precision import precision
from spark.training.surrogate import fire
from tests.frontends.random_steps import random_step, random_values


@given(st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=60)
def test_a_random_step_computes_the_same_as_in_jax(seed: int):
    step, units = random_step(seed), 40
    state, inputs, params = random_values(seed, units)
    network = Network()
    site = ProgramBook(network).site("pop", "random", step, state, inputs, params, (units,))
    runner = SiteRunner(network, site, units)
    new_state, emitted, _ = runner.step({"current": inputs["current"][None]},
                                        {name: value[None] for name, value in state.items()})
    with precision("float64"):
        wanted_state, wanted = jax.tree.map(np.asarray, step(*jax.tree.map(jnp.asarray, (state, inputs, params))))
    for name, value in wanted_state.items():
        np.testing.assert_allclose(new_state[name][0], value, rtol=1e-11, atol=1e-11, err_msg=name)
    for name, value in wanted.items():
        np.testing.assert_allclose(emitted[name][0], value, rtol=1e-11, atol=1e-11, err_msg=name)


def leaky(state, inputs, params):
    decay = jnp.exp(-params["dt"] / params["tau"])
    v = decay * state["v"] + (1 - decay) * inputs["current"]
    spikes = fire(v, params["theta"])
    return {"v": jnp.where(spikes > 0, 0, v)}, {"spikes": spikes}


STATE, INPUTS = {"v": np.zeros(4)}, {"current": np.zeros(4)}
PARAMS = {"dt": 1.0, "tau": np.full(4, 20.0), "theta": np.float32(1.0)}


def test_results_are_named_after_the_users_variables():
    names = [op.result for op in trace(leaky, STATE, INPUTS, PARAMS).ops]
    assert "decay" in names and "v_next" in names and "spikes" in names


def test_every_op_stands_on_its_line_of_the_users_file():
    program = trace(leaky, STATE, INPUTS, PARAMS)
    place = program.op("decay").place
    assert place.file.endswith("test_tracing.py")
    assert place.excerpt == 'decay = jnp.exp(-params["dt"] / params["tau"])'
    assert place.excerpt[place.column - 1 :].startswith("jnp.exp")
    gate = next(op for op in program.ops if op.opcode == "select")
    assert gate.place.excerpt.startswith("return {")


def test_python_numbers_and_arrays_give_the_same_program():
    numbers = trace(leaky, {"v": 0.0}, {"current": 0.0}, {"dt": 1.0, "tau": 20.0, "theta": 1.0})
    assert numbers == trace(leaky, STATE, INPUTS, PARAMS)


def test_the_program_does_not_depend_on_the_precision_switched_on_around_it():
    with precision("float64"):
        within = trace(leaky, STATE, INPUTS, PARAMS)
    assert within == trace(leaky, STATE, INPUTS, PARAMS)
    assert not jax.config.read("jax_enable_x64")


def test_integer_and_boolean_states_stay_what_they_are():
    def step(state, inputs, params):
        return {"n": jnp.where(state["b"], 0, state["n"] + 1), "b": state["n"] > 3}, {"spikes": state["b"]}

    program = trace(step, {"n": np.int64(0), "b": np.zeros(3, bool)}, {}, {})
    assert [(item.name, str(item.type)) for item in program.states] == [("n", "s32.0/wrap"), ("b", "bool")]
    assert program.emit_type("spikes") == BOOL


def test_unused_parameters_are_left_out():
    program = trace(leaky, STATE, INPUTS, PARAMS | {"unused": 3.0})
    assert [item.name for item in program.params] == ["dt", "tau", "theta"]


def test_a_parameter_called_like_a_state_gets_another_name():
    def step(state, inputs, params):
        return {"theta": state["theta"] + params["theta"]}, {"spikes": state["theta"] > 1}

    program = trace(step, {"theta": 0.0}, {}, {"theta": 1.0})
    assert [item.name for item in program.states + program.params] == ["theta", "theta_0"]
    assert declared_names({"theta": 0.0}, {}, {"theta": 1.0})["param"] == {("theta",): "theta_0"}


def test_nested_states_are_joined():
    def step(state, inputs, params):
        return {"a": {"x": state["a"]["x"] + 1.0}}, {"out": state["a"]["x"]}

    assert trace(step, {"a": {"x": 0.0}}, {}, {}).states[0].name == "a_x"


def test_a_port_that_emits_a_number_has_a_name_for_it():
    program = trace(lambda state, inputs, params: (state, {"out": 0.5}), {"v": 0.0}, {}, {})
    assert program.emit_type("out") == F64


@pytest.mark.parametrize("power", [-3, -1, 1, 2, 5, 7])
def test_whole_powers_become_products(power: int):
    program = trace(lambda state, inputs, params: ({"v": state["v"] ** power}, {}), {"v": 2.0}, {}, {})
    assert {op.opcode for op in program.ops} <= {"mul", "div"}
    network = Network(programs={program.name: program})
    from compiler.ir.program import Site
    updated, _, _ = SiteRunner(network, Site(program.name), 3).step({}, {"v": np.array([[2.0, -3.0, 0.5]])})
    np.testing.assert_allclose(updated["v"], np.array([[2.0, -3.0, 0.5]]) ** power, rtol=1e-15)


def test_what_nobody_needs_is_not_traced():
    def step(state, inputs, params):
        jnp.arctan(state["v"]).sum()
        return {"v": state["v"]}, {}

    assert trace(step, {"v": np.zeros(3)}, {}, {}).ops == ()


def test_a_jitted_part_keeps_its_own_lines():
    @jax.jit
    def halved(value):
        half = value * 0.5
        return half

    program = trace(lambda state, inputs, params: ({"v": halved(state["v"]) + 1}, {}), {"v": 0.0}, {}, {})
    assert program.op("half").place.excerpt == "half = value * 0.5"


@given(st.integers(0, 10_000))
@settings(deadline=None, max_examples=15)
def test_traced_programs_are_valid(seed: int):
    network = Network()
    state, inputs, params = random_values(seed, 3)
    ProgramBook(network).site("pop", "random", random_step(seed), state, inputs, params, (3,))
    assert [str(item) for item in verify(network) if "program" in item.place.path] == []
