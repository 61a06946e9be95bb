"""Bounds of a function's error over its whole domain: never below the truth, hardly above it, found twice alike."""

import math
from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler import discovery
from compiler.certificates import function_checker, functions
from compiler.certificates.covering import Task, cut
from compiler.certificates.expansions import FUNCTIONS
from compiler.diagnostics import Place
from compiler.formats import Format
from compiler.functions import tanh
from compiler.functions.builder import Builder
from compiler.ir.network import Network
from compiler.ir.program import Declaration, Op, Program
from tests.functions.evaluation import expanded, format_of, largest_error


class Subject:
    """A function from one format to another, as producer and check see it."""

    def __init__(self, name: str, argument: Format, result: Format):
        builder = expanded(name, argument, result)
        self.name, self.names = name, ("x", "y") if name == "div" else ("x",)
        self.argument, self.ops, self.tables = argument, tuple(builder.ops), builder.tables
        self.domain = [(argument.low, argument.high)] * len(self.names)

    @property
    def network(self) -> Network:
        return cast(Network, SimpleNamespace(tensor=lambda reference: self.tables[reference.name]))

    def stated(self) -> dict:
        """The entry of a certificate."""
        result = self.ops[-1].type
        assert isinstance(result, Format)
        task = Task(self.network, Op("e", self.name, self.names, result), self.ops, result,
                    {item: self.argument.fraction for item in self.names})
        method, found = functions.error_of(task, self.domain)
        arguments = [{"name": item, "low": low, "high": high}
                     for item, (low, high) in zip(self.names, self.domain, strict=True)]
        return {"opcode": self.name, "operands": list(self.names), "result": "e", "arguments": arguments,
                "format": str(result), "method": method, "bound": functions.stated(method, found.bound),
                "points": math.prod(high - low + 1 for low, high in self.domain), "tried": found.points,
                "blocks": found.blocks}

    def differences(self, entry: dict) -> list[str]:
        """What the check finds otherwise."""
        inputs = tuple(Declaration(item, self.argument) for item in self.names)
        program = Program("p", inputs, (), (), self.ops, (), ())
        found = function_checker.recomputed(self.network, program, entry)
        return [name for name, value in found.items()
                if not function_checker.agrees(name, entry.get(name), value, found.get("method"))]

    def every_argument(self) -> list[np.ndarray]:
        axes = [np.arange(low, high + 1) for low, high in self.domain]
        return [axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")]


@pytest.fixture
def blocks_only(monkeypatch):
    """Small domains are covered too."""
    monkeypatch.setattr(functions, "MOST_TRIED", 0)
    monkeypatch.setattr(function_checker, "_EVERY", 0)


@pytest.mark.parametrize("name, argument, result", [
    ("exp", "s16.8", "s24.12"), ("exp", "s18.14", "s32.24"), ("log", "s16.8", "s24.16"), ("log", "s16.12", "s32.26"),
    ("sqrt", "s16.8", "s24.12"), ("sqrt", "s18.9", "s32.20"), ("tanh", "s16.10", "s24.16"),
    ("tanh", "s18.14", "s32.28"),
    ("logistic", "s16.10", "s24.16"), ("div", "s8.4", "s16.8"), ("div", "s8.3", "s24.12"),
])
def test_blocks_bound_the_error_of_every_argument_and_little_more(blocks_only, name, argument, result):
    subject = Subject(name, format_of(argument), format_of(result))
    entry = subject.stated()
    assert entry["method"] == "covered"
    largest = largest_error(name, subject.every_argument(), format_of(argument), format_of(result))
    assert largest <= entry["bound"] <= largest + (0.03 if result.startswith("s24") else 0.1)
    assert subject.differences(entry) == []


@settings(max_examples=25)
@given(st.sampled_from(sorted(FUNCTIONS)), st.integers(5, 12), st.integers(0, 40), st.integers(8, 32), st.data())
def test_no_format_has_an_error_above_its_bound(name, width, fraction, wide, data):
    argument = Format(True, width, fraction)
    result = Format(True, wide, data.draw(st.integers(0, wide)), data.draw(st.sampled_from(["floor", "even"])))
    subject = Subject(name, argument, result)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(functions, "MOST_TRIED", 0)
        patch.setattr(function_checker, "_EVERY", 0)
        entry = subject.stated()
        assert subject.differences(entry) == []
    assert largest_error(name, subject.every_argument(), argument, result) <= entry["bound"]
    tried = subject.stated()
    assert tried["method"] == "enumerated" and tried["bound"] <= entry["bound"] + 1e-3
    assert subject.differences(tried) == []


@pytest.mark.parametrize("name, argument, result, domain", [
    ("exp", "s32.15", "s32.15", (-(1 << 30), 819_200)), ("log", "s32.15", "s32.15", (-(1 << 29), (1 << 29) - 1)),
    ("tanh", "s32.28", "s32.28", (-(1 << 29), (1 << 29) - 1)), ("sqrt", "s32.0", "s24.8", (0, (1 << 31) - 1)),
])
def test_domains_of_a_milliard_arguments_are_proved_too(name, argument, result, domain):
    subject = Subject(name, format_of(argument), format_of(result))
    subject.domain = [domain]
    entry = subject.stated()
    assert subject.differences(entry) == []
    assert entry["method"] == ("enumerated" if name == "exp" else "covered")
    generator = np.random.default_rng(1)
    near = np.arange(max(domain[0], -100_000), min(domain[1], 100_000))
    raw = np.concatenate([generator.integers(domain[0], domain[1], 100_000), near, domain])
    found = largest_error(name, [raw], format_of(argument), format_of(result))
    assert entry["bound"] - 0.05 <= found <= entry["bound"]


@pytest.mark.parametrize("limit", [0, 1 << 21], ids=["covered", "enumerated"])
@pytest.mark.parametrize("name, what", [("exp", "table.exp_high"), ("sqrt", "table.root1_c0"), ("exp", "e_half"),
                                        ("log", "e_turns")])
def test_a_wrong_entry_or_coefficient_is_found_by_both_methods(monkeypatch, limit, name, what):
    """The certificate of the right operations does not hold for the wrong ones, and theirs says what is wrong."""
    monkeypatch.setattr(functions, "MOST_TRIED", limit)
    monkeypatch.setattr(function_checker, "_EVERY", limit)
    subject = Subject(name, format_of("s16.8"), format_of("s24.12"))
    right = subject.stated()
    if what.startswith("table"):
        table = next(item for key, item in subject.tables.items() if key.startswith(what))
        table.data[len(table.data) // 2] += 1 << 20
    else:
        changed = next(op for op in subject.ops if op.result == what)
        changed = replace(changed, operands=(changed.operands[0], float(str(changed.operands[1])) + 2.0**-6))
        subject.ops = tuple(changed if op.result == what else op for op in subject.ops)
    assert "bound" in subject.differences(right)
    wrong = subject.stated()
    assert wrong["bound"] > right["bound"] + 0.4
    assert subject.differences(wrong) == []


def test_a_block_is_cut_at_the_roundest_number_on_either_side_of_zero():
    low, high = np.array([-5, 0, 9, -12, 6]), np.array([9, 1, 15, -9, 7])
    assert cut(low, high).tolist() == [0, 1, 12, -11, 7]


def test_every_function_of_state_has_an_expansion_in_both():
    found = {name for name, item in discovery.modules("compiler.functions").items() if hasattr(item, "expand")}
    assert found == {*FUNCTIONS, "div"} == set(function_checker.FUNCTIONS)


def test_equal_functions_under_other_names_are_worked_out_once():
    """Where operations, formats and domains are equal; not where the argument has another format."""
    ops, produced, checked = [], [], []
    formats = {"x": format_of("s16.8"), "y": format_of("s16.8"), "z": format_of("s16.9")}
    inputs = tuple(Declaration(name, type_) for name, type_ in formats.items())
    for item in inputs:
        builder = Builder(f"of_{item.name}", dict(formats), Place())
        tanh.expand(builder, (item.name,), format_of("s16.12"))
        ops += builder.ops
    program = Program("p", inputs, (), (), tuple(ops), (), ())
    for item in inputs:
        result = f"of_{item.name}"
        slice_ = functions.operations_behind(program, result, (item.name,))
        assert slice_ is not None
        produced.append(functions.key(program, Op(result, "tanh", (item.name,), slice_[-1].type), slice_))
        entry = {"opcode": "tanh", "operands": [item.name], "result": result,
                 "arguments": [{"name": item.name, "low": -9, "high": 9}]}
        checked.append(function_checker.alike(program, entry))
    assert produced[0] == produced[1] != produced[2]
    assert checked[0] == checked[1] != checked[2]
