"""Links of a chain that can be one link become one, and the sums stay."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler import interpreter
from compiler.formats import F64
from compiler.ir.network import Network, Tensor
from compiler.passes import merge_links
from tests.passes.texts import applied, network
from tests.passes.unchanged import require_one_step
from tests.strategies import networks

RNG = np.random.default_rng(0)
TENSORS = {
    "w": RNG.uniform(-1, 1, (4, 12)), "big": 5 * RNG.uniform(-1, 1, (3, 12)), "out": RNG.uniform(-1, 1, (4, 3)),
    "wide": RNG.uniform(-1, 1, (30, 12)), "back": RNG.uniform(-1, 1, (4, 30)), "pooled": RNG.uniform(-1, 1, (4, 3)),
    "pre": RNG.normal(size=12), "post": RNG.normal(size=4), "same": np.full(12, 0.25), "quarter": np.full(3, 0.25),
    "kernel": RNG.uniform(-1, 1, (4, 3, 2, 2)), "channels": np.repeat([1.0, -2.0, 3.0], 4),
    "uneven": np.arange(12.0),
}
POOL = "sum_pool2d(shape=[3, 2, 2], kernel=[2, 2], stride=[2, 2], padding=[0, 0, 0, 0])"
CONVOLVED = "conv2d(#kernel, shape=[3, 2, 2], stride=[1, 1], padding=[0, 0, 0, 0], dilation=[1, 1])"


def net(chain: str) -> Network:
    used = {name: Tensor(F64, value) for name, value in TENSORS.items() if f"#{name})" in chain or f"#{name}," in chain}
    return network(f"""
        program @sum(x: f64, v: state f64 = 0.0) {{
          %u = add v, x : f64
          v' = %u
          emit y = %u
        }}
        input %in[12] : current f64
        population %p[4] = @sum()
        projection %in_p: %in.current -> %p.x  {chain}  delay=0
        output %out = %p.y
    """, **used)


def sums_stay(before: Network, after: Network) -> None:
    inputs = {"in": np.random.default_rng(1).normal(size=(2, 3, 12))}
    left, right = (interpreter.run(item, inputs).outputs["out"] for item in (before, after))
    np.testing.assert_allclose(right, left, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("chain, merged", [
    ("identity() | dense(#w)", ["dense"]),
    ("one_to_one(#pre) | dense(#w)", ["dense"]),
    ("dense(#w) | one_to_one(#post)", ["dense"]),
    (f"{POOL} | one_to_one(#quarter) | dense(#pooled)", ["sum_pool2d", "dense"]),
    (f"one_to_one(#same) | {POOL} | dense(#pooled)", ["sum_pool2d", "dense"]),
    (f"one_to_one(#channels) | {CONVOLVED}", ["conv2d"]),
    (f"{CONVOLVED} | one_to_one(#post)", ["conv2d"]),
    (f"one_to_one(#uneven) | {CONVOLVED}", ["one_to_one", "conv2d"]),
    ("dense(#wide) | dense(#back)", ["dense"]),
    ("dense(#big) | dense(#out)", ["dense"]),
    (f"{CONVOLVED}", ["conv2d"]),
])
def test_links_that_stand_side_by_side_become_one(chain, merged):
    before = net(chain)
    after = applied(merge_links.run, before)
    assert [link.keyword for link in after.projection("in_p").chain] == merged
    assert all(name in after.tensors for link in after.projection("in_p").chain for name in link.references())
    sums_stay(before, after)


def test_two_matrices_stay_two_where_their_product_is_larger():
    TENSORS["narrow"], TENSORS["again"] = RNG.uniform(-1, 1, (1, 12)), RNG.uniform(-1, 1, (4, 1))
    before = net("dense(#narrow) | dense(#again)")
    after = applied(merge_links.run, before)
    assert len(after.projection("in_p").chain) == 2
    sums_stay(before, after)


def test_inner_weights_above_one_are_divided_by_a_power_of_two():
    TENSORS["large"], TENSORS["again"] = 5 * RNG.uniform(-1, 1, (1, 12)), RNG.uniform(-1, 1, (4, 1))
    before = net("dense(#large) | dense(#again)")
    after = applied(merge_links.run, before)
    inner = after.tensor(after.projection("in_p").chain[0].weights).data  # pyright: ignore[reportArgumentType]
    factors = TENSORS["large"] / inner
    assert np.abs(inner).max() <= 1
    assert np.all(factors == factors[0, 0]) and np.log2(factors[0, 0]) % 1 == 0
    sums_stay(before, after)


@given(networks("model"), st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=50)
def test_one_step_of_a_random_network_is_the_same(random_net: Network, seed: int):
    require_one_step(merge_links.run, random_net, seed)
