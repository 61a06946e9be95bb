"""What a person reads in a program, and what the target refuses to generate."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from compiler.formats import FloatType, parse_type
from compiler.ir.network import Network, Tensor
from compiler.ir.program import Op, Site, TensorRef
from targets import jax_fixed
from targets.jax_fixed.names import Names
from targets.jax_fixed.schedule import layers
from tests.strategies import random_network
from tests.targets.jax_fixed.programs import leaky, two_layers


@pytest.fixture(scope="module")
def text() -> str:
    return jax_fixed.emit(two_layers())["program.py"].decode()


def test_the_head_of_a_program_names_every_part_and_format(text):
    head = text.split('"""')[1]
    for line in (
        "input                [20] spikes bool",
        "hid                  [16] @leaky emits spikes bool, potential s24.0",
        "output               out.spikes, read as count",
        "hid.spikes -> out.current dense, delay 1",
        "hid.d                        u12.12",
    ):
        assert line in head


def test_a_step_function_mirrors_the_operations_of_its_program(text):
    step = text[text.index("def hid_step"): text.index("def layer_hid")]
    assert "decayed = split_zero(HID_D, v, 12, 12)" in step
    for op in leaky().ops:
        assert f"# {op.opcode} {', '.join(map(str, op.operands))} : {op.type}" in step


def test_a_program_holds_only_the_arithmetic_that_it_uses(text):
    assert "def split_zero" in text and "def split_even" not in text and "def pair_add" not in text


def test_equal_networks_give_equal_bytes(text):
    assert jax_fixed.emit(two_layers())["program.py"].decode() == text
    assert jax_fixed.emit(two_layers()) == jax_fixed.emit(two_layers().copy())


def test_programs_define_what_they_use(tmp_path):
    """Operations that nobody uses stay readable, and cost nothing."""
    for seed in range(12):
        (tmp_path / f"p{seed}.py").write_bytes(jax_fixed.emit(random_network(seed))["program.py"])
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--select=F,E9", "--ignore=F841", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_names_that_python_or_the_program_use_get_a_number():
    names = Names(frozenset({"lambda", "jnp"}))
    assert [names.fresh(name) for name in ("lambda", "jnp", "v", "v", "a.b", "1st")] == [
        "lambda_2", "jnp_2", "v", "v_2", "a_b", "_1st"]


def test_layers_are_the_strongly_connected_components_in_order():
    network = two_layers()
    assert [(item.names, len(item.inside)) for item in layers(network)] == [(("hid",), 2), (("out",), 0)]


def codes(network: Network) -> list[str]:
    return sorted(item.code for item in jax_fixed.check(network))


def test_a_network_that_can_be_generated_has_no_findings():
    assert codes(two_layers()) == []


def test_everything_that_cannot_be_generated_is_reported_at_once():
    network = two_layers()
    program = network.programs["leaky"]
    ops = (*program.ops, Op("root", "sqrt", ("u",), FloatType(64)))
    states = (replace(program.states[0], type=parse_type("s40.0")),)
    network.programs["leaky"] = replace(program, ops=ops, states=states)
    assert codes(network) == ["E480", "E481"]


def test_a_scale_is_named_in_the_table_of_records():
    network = two_layers()
    network.tensors["scale"] = Tensor(parse_type("f64"), np.ones(16))
    site = network.node("hid").site
    network.add(replace(network.node("hid"), site=Site("leaky", site.arguments, {}, TensorRef("scale"), ("v",))))
    text = jax_fixed.emit(network)["program.py"].decode()
    assert '"hid.v": (16, "s24.0", 0, "scale")' in text and '"out.v": (5, "s24.0", 0, None)' in text


def test_sums_that_may_leave_32_bits_before_saturating_are_refused():
    network = two_layers()
    wide = Tensor(parse_type("s32.0"), np.full((16, 20), 1 << 28, np.int32))
    network.tensors["w0"] = wide
    exact = replace(network.projection("input_hid_0"), accumulator=parse_type("s32.0"))
    network.add(exact)
    assert codes(network) == []
    network.add(replace(exact, accumulator=parse_type("s32.0/saturate")))
    assert codes(network) == ["E483"]
