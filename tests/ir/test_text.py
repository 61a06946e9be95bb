"""The text form: read back equal, canonical, and safe to read from anybody."""

from __future__ import annotations

import re
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.diagnostics import DiagnosticError
from compiler.formats import F64, Format
from compiler.ir.network import Input, Network, PortKind, Projection, Tensor
from compiler.ir.parse import parse, parse_with_places
from compiler.ir.print import print_network
from compiler.ir.program import Declaration, Emit, Op, Program, TensorRef
from compiler.ir.tensors import read_tensors, tensor_hash, to_bytes
from compiler.ir.verify import verify
from tests.strategies import networks, random_network

LEVELS = ("model", "fixed", "mapped")


def parses_or_explains(text: str | bytes, network: Network) -> None:
    """Whatever parses can be printed and verified; everything else is a diagnostic."""
    try:
        again, places = parse_with_places(text, network.tensors, "fuzz.snn")
    except DiagnosticError as error:
        findings = error.diagnostics
    else:
        print_network(again)
        findings = verify(again, places)
    assert all(item.code.startswith("E2") and str(item) for item in findings)


@pytest.mark.parametrize("level", LEVELS)
@given(data=st.data())
@settings(deadline=None, max_examples=40)
def test_text_reads_back_equal_and_prints_the_same_bytes(level: str, data: st.DataObject):
    network = data.draw(networks(level))
    text = print_network(network)
    again = parse(text, read_tensors(to_bytes(network.tensors)))
    assert again == network
    assert print_network(again) == text


@given(networks("fixed"), st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=20)
def test_text_does_not_depend_on_the_order_of_construction(network: Network, seed: int):
    rng = Random(seed)
    shuffled = Network(network.level, network.dt, network.chip)
    for name in rng.sample(sorted(network.programs), len(network.programs)):
        shuffled.programs[name] = network.programs[name]
    for name in rng.sample(sorted(network.tensors), len(network.tensors)):
        shuffled.tensors[name] = network.tensors[name]
    nodes = [*network.inputs, *network.populations, *network.outputs]
    for item in [*rng.sample(nodes, len(nodes)), *rng.sample(network.projections, len(network.projections))]:
        shuffled.add(item)
    assert print_network(shuffled) == print_network(network)


@given(st.integers(0, 2**32 - 1), st.sampled_from(LEVELS))
@settings(deadline=None, max_examples=150)
def test_mutated_bytes_parse_or_give_a_diagnostic(seed: int, level: str):
    rng = Random(seed)
    network = random_network(rng.randint(0, 20), level, populations=2, units=4)
    text = bytearray(print_network(network).encode())
    for _ in range(rng.randint(1, 4)):
        where, kind = rng.randrange(len(text)), rng.random()
        if kind < 0.4:
            text[where] = rng.choice((rng.randrange(256), rng.choice(b"%@#[](){}=:,.'/|;-0159 \n")))
        elif kind < 0.7:
            del text[where : where + rng.randint(1, 12)]
        else:
            other = rng.randrange(len(text))
            text[where:where] = text[other : other + rng.randint(1, 30)]
    parses_or_explains(bytes(text), network)


@given(st.integers(0, 2**32 - 1), st.sampled_from(LEVELS))
@settings(deadline=None, max_examples=150)
def test_mutated_words_parse_or_give_a_diagnostic(seed: int, level: str):
    """Words taken from elsewhere in the text parse more often than bytes do, and reach the verifier."""
    rng = Random(seed)
    network = random_network(rng.randint(0, 20), level, populations=2, units=4)
    words = re.split(r"([%@#]?[\w.]+)", print_network(network))
    odd = ["0", "-1", "4096", "1.5", "inf", "nan", "true", "1e300", "99999999999999", "s63.0", "u32.-9", "f32", "bool"]
    for _ in range(rng.randint(1, 3)):
        where = rng.randrange(1, len(words), 2)
        words[where] = rng.choice(words[1::2] + odd * 4)
    parses_or_explains("".join(words), network)


@given(st.text(max_size=60))
@settings(max_examples=60)
def test_any_text_gives_a_diagnostic(text: str):
    parses_or_explains(text, Network())
    parses_or_explains(f"snn 1 level=fixed dt=1.0\n{text}", Network())


@pytest.mark.parametrize("digits", ["9" * 5000, "0." + "1" * 5000, "1e99999", "-inf"])
def test_absurd_numbers_are_read_or_refused(digits: str):
    parses_or_explains(f"snn 1 level=fixed dt={digits}\ninput %a[{digits}] : spikes", Network())


@given(st.floats(allow_nan=False))
def test_floats_of_any_size_read_back_equal(value: float):
    network = Network(dt=value)
    assert parse(print_network(network), {}) == network


def test_numbers_keep_their_kind():
    op = Op("x", "max", (1, np.float64(1.0)), F64)
    other = Op("y", "not", (True,), F64)
    program = Program("p", (), (), (), (op, other), (), ())
    again = parse(print_network(Network(programs={"p": program})), {}).programs["p"]
    kinds = [[type(item) for item in entry.operands] for entry in again.ops]
    assert kinds == [[int, float], [bool]]


def test_keywords_may_be_names():
    words = ("state", "param", "delay", "bias", "core", "units", "slot", "scale", "input", "snn", "level", "sha256")
    program = Program(
        "program", tuple(Declaration(word, F64) for word in words), (), (),
        tuple(Op(f"{word}_x", "neg", (word,), F64) for word in words), (), (Emit("emit", "state"),),
    )
    network = Network(programs={"program": program})
    network.add(Input("output", (3,), PortKind("events", 4)))
    assert parse(print_network(network), {}) == network


def test_places_lead_back_to_the_text():
    network = random_network(3)
    _, places = parse_with_places(print_network(network), network.tensors, "net.snn")
    lines = print_network(network).splitlines()
    for label, place in places.items():
        assert place.file == "net.snn" and label in lines[place.line - 1]


def test_tensors_with_any_name_and_shape_pack_to_the_same_bytes():
    tensors = {name: Tensor(F64, np.ones(shape)) for name, shape in {"file": (), "b.c": (0, 2), "a": (3,)}.items()}
    packed = to_bytes(tensors)
    assert packed == to_bytes(dict(reversed(tensors.items())))
    read = read_tensors(packed)
    assert {name: Tensor(F64, data) for name, data in read.items()} == tensors


def test_hash_knows_type_shape_and_data():
    data = np.arange(6, dtype=np.int8)
    tensor = Tensor(Format(True, 8), data)
    others = [
        Tensor(Format(True, 8, 1), data),
        Tensor(Format(True, 8), data.reshape(2, 3)),
        Tensor(Format(True, 8), data[::-1]),
    ]
    assert tensor_hash(tensor) not in {tensor_hash(item) for item in others}
    assert tensor_hash(Tensor(F64, np.arange(3.0).astype(">f8"))) == tensor_hash(Tensor(F64, np.arange(3.0)))


def test_connection_defaults_are_left_out_and_values_are_typed():
    network = Network(tensors={"w": Tensor(F64, np.ones((2, 2)))})
    network.add(Input("a", (2,)))
    text = print_network(network)
    for wrong in ("dense()", "dense(3)", "dense(#w, #w)", "select(start=1.5, stop=true)", "select(0)", "identity(a=1)"):
        with pytest.raises(DiagnosticError, match=r"E204"):
            parse(f"{text}projection %p: %a.spikes -> %a.x {wrong}", network.tensors)
    read = parse(f"{text}projection %p: %a.spikes -> %a.x select(stop=2, start=0) bias=#w delay=2", network.tensors)
    item: Projection = read.projection("p")
    assert (item.delay, item.bias) == (2, TensorRef("w"))
