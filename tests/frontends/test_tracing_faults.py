"""What a user reads when a step cannot become a program: the primitive or mistake, and the line it stands on."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from compiler.diagnostics import Diagnostic, DiagnosticError
from compiler.frontends.trace import trace

OUTSIDE = np.array([1.0, 2.0, 3.0])


def fault(change, state=None, params=None) -> Diagnostic:
    """The diagnostic of a step that changes v."""
    state = {"v": np.zeros(4)} if state is None else state

    def step(state, inputs, params):
        return state | {"v": change(state["v"], inputs["current"], params)}, {"spikes": state["v"] > 1}

    with pytest.raises(DiagnosticError) as caught:
        trace(step, state, {"current": np.zeros(4)}, params or {"p": np.ones(4)}, "mine")
    (found,) = caught.value.diagnostics
    return found


def test_an_unsupported_primitive_is_named_with_the_line():
    found = fault(lambda v, i, p: jnp.arctan(v) + i)
    assert found.code == "E111" and found.found == "atan"
    assert found.message == "the step of `mine` uses `atan`, which no dynamics program has"
    assert found.place.file.endswith("test_tracing_faults.py")
    assert "jnp.arctan(v) + i" in found.place.excerpt
    assert found.place.excerpt[found.place.column - 1 :].startswith("jnp.arctan(v)")


def test_an_unsupported_primitive_inside_a_jitted_function_of_jax_is_placed_at_the_call():
    found = fault(lambda v, i, p: v % 2.0)
    assert found.code == "E111" and found.found == "rem"
    assert "v % 2.0" in found.place.excerpt


@pytest.mark.parametrize("change", [
    lambda v, i, p: v + i - jnp.mean(i),
    lambda v, i, p: v[::-1],
    lambda v, i, p: jnp.roll(v, 1),
    lambda v, i, p: jnp.cumsum(v),
    lambda v, i, p: jnp.where(v == jnp.max(v), 1.0, 0.0),
    lambda v, i, p: jnp.dot(v, v) + i,
    lambda v, i, p: v + jnp.arange(v.size),
    lambda v, i, p: jnp.sort(v),
    lambda v, i, p: jax.nn.softmax(v),
])
def test_units_that_see_each_other_are_an_error(change):
    found = fault(change)
    assert found.code in ("E112", "E113")
    assert found.hint == "use a projection" or "elementwise" in found.hint
    assert found.place.file.endswith("test_tracing_faults.py")


def test_a_mean_over_units_is_told_to_be_a_projection():
    found = fault(lambda v, i, p: v + i - jnp.mean(i))
    assert found.code == "E112"
    assert found.message == "units must not see each other: `reduce_sum` in the step of `mine`"
    assert found.found == "reduce_sum: float64[3] -> float64[]"


def test_what_depends_on_the_number_of_units_is_an_error():
    found = fault(lambda v, i, p: v / v.size)
    assert found.code == "E112"
    assert found.message == "the step of `mine` computes something else for 3 units than for 5 units"
    assert (found.found, found.expected) == ("div v, 3.0", "div v, 5.0")


def test_an_array_from_outside_is_an_error_even_where_its_shape_fits():
    found = fault(lambda v, i, p: v + OUTSIDE)
    assert found.code == "E112" and "an array of shape (3,) from outside" in found.message
    assert "make it a parameter" in found.hint and "v + OUTSIDE" in found.place.excerpt


def test_branching_in_python_is_told_to_use_where():
    found = fault(lambda v, i, p: 0.0 * v if v > 1 else v)
    assert found.code == "E113" and "branches in Python" in found.message
    assert found.hint == "use jnp.where(condition, a, b)"
    assert "if v > 1" in found.place.excerpt


@pytest.mark.parametrize("change", [lambda v, i, p: jax.lax.cond(v > 1, lambda x: x * 2, lambda x: x, v),
                                    lambda v, i, p: jax.lax.fori_loop(0, 3, lambda k, x: x * 0.5, v)])
def test_control_flow_is_an_error(change):
    assert fault(change).code in ("E111", "E113")


def test_a_missing_parameter_is_named():
    found = fault(lambda v, i, p: v * p["tau"])
    assert found.code == "E113" and found.found == "KeyError: 'tau'"
    assert 'p["tau"]' in found.place.excerpt


def test_a_state_that_changes_its_number_type_is_an_error():
    found = fault(lambda v, i, p: v * 1.0, state={"v": np.zeros(4, np.int32)})
    assert found.code == "E114" and (found.found, found.expected) == ("f64", "s32.0/wrap")


def test_a_state_that_is_not_returned_is_an_error():
    def step(state, inputs, params):
        return {"v": state["v"]}, {}

    with pytest.raises(DiagnosticError, match="state `w` of `mine` goes in and comes out differently"):
        trace(step, {"v": 0.0, "w": 0.0}, {}, {}, "mine")


def test_bitwise_operations_on_integers_are_an_error():
    found = fault(lambda v, i, p: v & 1, state={"v": np.zeros(4, np.int32)})
    assert found.code == "E111" and found.found == "bitwise and of integers"


def test_half_precision_inside_a_step_is_an_error():
    assert fault(lambda v, i, p: v.astype(jnp.float16).astype(v.dtype)).code == "E111"


def test_complex_states_are_an_error():
    found = fault(lambda v, i, p: v, state={"v": np.zeros(4, complex)})
    assert found.code == "E113" and "numbers of type complex128" in found.message
