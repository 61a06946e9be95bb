"""Arrays get their smallest shapes, and say the same as before."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler import interpreter
from compiler.formats import F64, Format
from compiler.ir.network import Network, Tensor
from compiler.ir.program import TensorRef
from compiler.passes import infer_shapes
from tests.passes.texts import applied, network, values
from tests.strategies import networks, random_inputs

STEPS = Format(False, 8)


def net(**tensors: Tensor) -> Network:
    delay, delays = ("delay=#d", tensors) if "d" in tensors else ("delay=1", tensors)
    return network(f"""
        program @q(x: f64, v: state f64 = 0.0, k: param f64) {{
          %r = mul k, x : f64
          v' = %r
          emit y = v
        }}
        input %in[3] : current f64
        population %p[2] = @q(k=#k; v=#v)
        projection %in_p: %in.current -> %p.x  dense(#w)  {delay}  bias=#b
        output %out = %p.y
    """, **({"k": Tensor(F64, values(2, 3)), "v": Tensor(F64, values(0, 1)), "b": Tensor(F64, values(1, 2)),
             "w": Tensor(F64, np.ones((2, 3)))} | delays))


def test_what_is_the_same_for_all_units_is_one_number():
    after = applied(infer_shapes.run, net(k=Tensor(F64, values(2, 2)), v=Tensor(F64, values(1, 1)),
                                          b=Tensor(F64, values(3, 3))))
    site = after.populations[0].site
    assert (site.arguments, site.initial, after.projections[0].bias) == ({"k": 2.0}, {"v": 1.0}, 3.0)


def test_what_differs_stays():
    assert applied(infer_shapes.run, net()) == net()


def test_delays_of_pairs_that_depend_on_one_side_become_delays_of_that_side():
    after = applied(infer_shapes.run, net(d=Tensor(STEPS, np.array([[1, 2, 3], [1, 2, 3]], np.uint8))))
    np.testing.assert_array_equal(after.delays(after.projections[0]), [1, 2, 3])
    after = applied(infer_shapes.run, net(d=Tensor(STEPS, np.full((2, 3), 4, np.uint8))))
    assert after.projections[0].delay == 4
    mixed = net(d=Tensor(STEPS, np.array([[1, 2, 3], [1, 2, 4]], np.uint8)))
    assert applied(infer_shapes.run, mixed).projections[0].delay == TensorRef("d")


def test_one_number_in_a_tensor_becomes_a_number():
    before = net()
    before.tensors["k"] = Tensor(F64, values(7))
    assert infer_shapes.run(before, None).populations[0].site.arguments == {"k": 7.0}  # type: ignore[arg-type]


@given(networks("model"), st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=40)
def test_no_output_changes_but_for_the_order_of_sums(network: Network, seed: int):
    # Truth values would jump where a sum in another order crosses a threshold, so only single steps are compared.
    after = applied(infer_shapes.run, network)
    inputs = random_inputs(network, seed, steps=1)
    before_run, after_run = interpreter.run(network, inputs), interpreter.run(after, inputs)
    for name, rows in before_run.outputs.items():
        np.testing.assert_allclose(after_run.outputs[name], rows, rtol=1e-9, atol=1e-9, err_msg=name)
