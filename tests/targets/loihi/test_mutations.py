"""Plausible mistakes about the chip's arithmetic: each one is caught by a recorded case."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from compiler import reference
from compiler.arithmetic import OverflowFault
from compiler.checking import conformance
from compiler.formats import Format
from compiler.ir.network import Network
from compiler.ir.program import Op
from targets.loihi import case_populations, case_projections
from targets.loihi.cases import read_case
from targets.loihi.weights import Grid

FOLDER = Path(__file__).parents[2] / "data" / "loihi"


def _caught(name: str, change: Callable[[Network], Network] = lambda network: network, weights: bool = True) -> bool:
    """Whether a case differs, or leaves its formats, after a change. weights: whether stored weights are looked at."""
    case = read_case(FOLDER / f"{name}.npz")
    case = case if weights else replace(case, weights={})
    records = [record for names in case.expected for record in conformance.parts(names)]
    network = change(case.network)
    stored = {one: network.tensors[f"{one}.weights"].data for names in case.weights
               for one in conformance.parts(names)}
    try:
        result = reference.run(network, case.inputs, record=records)
    except OverflowFault:
        return True
    return not conformance.compared(case, "mutant", result, stored).equal


def _ops(change: Callable[[Op], Op | None]) -> Callable[[Network], Network]:
    """A network in which every operation is changed, or left as it is where the change gives None."""

    def changed(network: Network) -> Network:
        copy = network.copy()
        for name, program in copy.programs.items():
            copy.programs[name] = replace(program, ops=tuple(change(op) or op for op in program.ops))
        return copy

    return changed


def _op(result: str, **values) -> Callable[[Network], Network]:
    """One operation, by its result, with other fields."""
    return _ops(lambda op: replace(op, **values) if op.result == result else None)


def _typed(op: Op, **modes: str) -> Format:
    assert isinstance(op.type, Format)
    return op.type.with_modes(**modes)


def _rounded(result: str, rounding: str) -> Callable[[Network], Network]:
    return _ops(lambda op: replace(op, type=_typed(op, rounding=rounding)) if op.result == result else None)


def _wrapping_v(op: Op) -> Op | None:
    """Two's complement instead of clipping."""
    if op.result == "v_raised":
        return replace(op, opcode="convert", operands=op.operands[:1])
    if op.result == "v_new" and op.opcode == "min":
        return replace(op, opcode="convert", operands=op.operands[:1], type=_typed(op, overflow="wrap"))
    return None


def _saturating_u(op: Op) -> Op | None:
    bounds = {"u_less": 1 << 23, "u_more": -(1 << 23)}
    return replace(op, opcode="convert", operands=(bounds[op.result],)) if op.result in bounds else None


def _with_old_u(op: Op) -> Op | None:
    operands = tuple("u" if item == "u_new" else item for item in op.operands)
    return replace(op, operands=operands) if op.result in ("v_driven", "v_sum") else None


def _u_reset(network: Network) -> Network:
    """A spike that clears u too."""
    copy = network.copy()
    for name, program in copy.programs.items():
        if any(op.result == "v_after" for op in program.ops):
            clear = Op("u_cleared", "select", ("spike", 0, "u_new"), program.state("u").type)
            updates = tuple((key, "u_cleared" if key == "u" else value) for key, value in program.updates)
            copy.programs[name] = replace(program, ops=(*program.ops, clear), updates=updates)
    return copy


def _argument(name: str, add: float) -> Callable[[Network], Network]:
    """A register of every population, off by something."""

    def changed(network: Network) -> Network:
        copy = network.copy()
        for item in network.populations:
            arguments = item.site.arguments | {name: item.site.arguments[name] + add}  # pyright: ignore
            copy.add(replace(item, site=replace(item.site, arguments=arguments)))
        return copy

    return changed


def _delayed(steps: int) -> Callable[[Network], Network]:
    def changed(network: Network) -> Network:
        copy = network.copy()
        for item in network.projections:
            if isinstance(item.delay, int):
                copy.add(replace(item, delay=item.delay + steps))
        return copy

    return changed


def _not_reset(network: Network) -> Network:
    return _op("v_after", operands=("spike", "v_new", "v_new"))(network)


MUTANTS = {
    "u decays rounding down": ("single_07", _rounded("u_kept", "floor")),
    "v decays rounding down": ("single_08", _rounded("v_kept", "floor")),
    "u decays to nearest": ("single_07", _rounded("u_kept", "even")),
    "v decays to nearest": ("single_08", _rounded("v_kept", "even")),
    "a spike at the threshold": ("single_08", _op("spike", opcode="ge")),
    "no step between spike and arrival": ("single_07", _delayed(-1)),
    "two steps between spike and arrival": ("single_07", _delayed(1)),
    "v wraps": ("overflow_04", _ops(_wrapping_v)),
    "v is clipped one lower": ("overflow_04", _op("v_raised", operands=("v_sum", -(1 << 23)))),
    "u saturates": ("overflow_04", _ops(_saturating_u)),
    "u does not wrap": ("overflow_04", _op("u_new", opcode="convert", operands=("u_sum",))),
    "u wraps in two's complement above": ("edge_08", _op("u_above", opcode="ge")),
    "u wraps in two's complement below": ("edge_08", _op("u_below", opcode="lt")),
    "v takes the old u": ("single_07", _ops(_with_old_u)),
    "a spike clears u": ("single_08", _u_reset),
    "a spike leaves v": ("single_08", _not_reset),
    "du counts as dv does": ("single_07", _argument("kept_u", 1 / 4096)),
    "dv counts as du does": ("single_08", _argument("kept_v", -1 / 4096)),
    "exponents round toward zero": ("delay_02", _rounded("shifted", "zero")),
    "exponents round to nearest": ("delay_02", _rounded("shifted", "even")),
    "an interval begins a step late": ("reset_00", _op("due", operands=("phase", 1))),
    "an interval leaves u": ("reset_00", _op("started_u", operands=("due", "u", "u"))),
    "refractory a step longer": ("refractory_02", _argument("held", 1)),
    "refractory a step shorter": ("refractory_02", _argument("held", -1)),
    "refractory stops u": ("refractory_02", _op("u_new", opcode="mul", operands=("kept_u", "u"))),
    "ternary without a sign": ("ternary_02", _op("negative", operands=("under", 1, 0))),
    "ternary resets at the high threshold only": ("ternary_02", _op("v_after", operands=("over", 0, "v_new"))),
}


@pytest.mark.parametrize("case", sorted({case for case, _ in MUTANTS.values()}))
def test_without_a_mistake_nothing_is_caught(case):
    assert not _caught(case)


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_mistake_in_the_dynamics_is_caught(mutant):
    case, change = MUTANTS[mutant]
    assert _caught(case, change)


@pytest.mark.parametrize(("case", "step"), [
    ("single_08", lambda grid: 1),
    ("wbits_06", lambda grid: 1 << (8 - grid.bits + 1)),
    ("wbits_04", lambda grid: 1 << (8 - grid.bits)),
    ("graded_00", lambda grid: 1 << (8 - grid.bits)),
], ids=["every integer", "inhibitory bits as mixed", "mixed bits as one sign", "odd mixed weights"])
def test_a_mistake_in_the_bits_of_weights_is_caught(monkeypatch, case, step):
    monkeypatch.setattr(Grid, "step", property(step))
    assert _caught(case)


def test_weights_that_round_to_nearest_are_caught(monkeypatch):
    monkeypatch.setattr(Grid, "truncated", Grid.nearest)
    assert _caught("graded_00")


def test_a_wrong_sign_mode_is_caught(monkeypatch):
    monkeypatch.setattr(case_projections, "mode_of", lambda weights: "mixed")
    assert _caught("single_07") or _caught("single_19")


def test_a_bias_that_rounds_toward_zero_is_caught(monkeypatch):
    """Negative exponents round down."""
    original = case_populations.np.clip
    assert not _caught("edge_06")
    monkeypatch.setattr(case_populations.np, "clip", lambda values, low, high: original(values, max(low, 0), high))
    assert _caught("edge_06")


def test_exponents_after_the_sum_of_all_delays_are_caught(monkeypatch):
    monkeypatch.setattr(case_projections.CaseProjection, "parts", property(lambda self: [self]))
    assert _caught("delay_02")


def test_an_exponent_on_every_weight_instead_of_the_sum_is_caught(monkeypatch):
    """Bits of a negative exponent are lost once, after the sum."""
    original = case_projections.CaseProjection._add

    def shifted(self, *given) -> None:
        lost = max(0, -self.exponent)
        original(replace(self, weights=self.weights >> lost << lost), *given)

    assert not _caught("delay_02", weights=False)
    monkeypatch.setattr(case_projections.CaseProjection, "_add", shifted)
    assert _caught("delay_02", weights=False)


def test_delays_that_are_left_out_are_caught(monkeypatch):
    monkeypatch.setattr(case_projections.CaseProjection, "_delay", lambda self, network: case_projections.ARRIVAL)
    assert _caught("delay_02")


def test_graded_spikes_taken_as_spikes_are_caught(monkeypatch):
    original = case_projections._projection
    monkeypatch.setattr(case_projections, "_projection", lambda *given: replace(original(*given), graded=False))
    assert _caught("graded_00")
