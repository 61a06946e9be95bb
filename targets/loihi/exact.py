"""Compartments on exact numbers: what the chip would compute if registers held reals of any size.

    model -> exact form: the chip's program, u and v of any size, decays, weights, thresholds and biases as asked for
    exact form -> fixed: registers and mantissas instead

`compare` blames the second step part by part, and the first as the chip's own update rule. Units are those of the
fixed network: integers of u and v, no longer whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from compiler.explain.exact_form import ExactForm, Reading
from compiler.formats import F64, Format
from compiler.ir.network import Network, Population, Projection, Tensor
from compiler.ir.program import Argument, Op, Operand, Program, TensorRef
from compiler.options import Options
from targets.loihi.arrivals import Arrival, arrivals_of
from targets.loihi.neuron import Neuron, recognise
from targets.loihi.population_scale import unit_of
from targets.loihi.ports import quantized_inputs
from targets.loihi.registers import ONE, registers_of

_COUNTERS = frozenset({"wait", "held", "wait_less", "wait_left", "next_wait", "negative", "sign"})
"""Values that are whole numbers in the model, too."""
_WRAPS = frozenset({"u_above", "u_below", "u_less", "u_more", "u_raised"})


def exact_form(model: Network, fixed: Network, options: Options) -> ExactForm:
    """The exact form of a network that `legalise_loihi` made from a model with these options."""
    asked = quantized_inputs(model, options)
    parts = [_Compartment(asked, fixed, population) for population in fixed.populations]
    network = fixed.copy()
    network.level = "model"
    for item in fixed.inputs:
        network.add(model.node(item.name))
    for part in parts:
        part.add_to(network)
    gathered = {key: {name: value for part in parts for name, value in getattr(part, key)()}
                for key in ("values", "margins", "rests", "after_decays", "origins")}
    return ExactForm(network, **gathered)


class _Compartment:
    """One population. step: integers of v that `unit` stands for, the same for all units."""

    def __init__(self, asked: Network, fixed: Network, population: Population):
        self.fixed, self.population, self.name = fixed, population, population.name
        before = asked.node(self.name)
        assert isinstance(before, Population)
        self.neuron: Neuron = recognise(asked, self.name, before.site)
        self.unit = unit_of(self.neuron, population.size)
        self.arrivals: list[Arrival] = arrivals_of(asked, self.name, self.neuron, self.unit)
        self.ports = [item.name for item in asked.programs[before.site.program].inputs]
        self.scale = np.broadcast_to(fixed.real(population.site.scale), self.unit.shape)  # pyright: ignore
        self.step = float((self.unit / self.scale)[0])
        self.leak = next((item.kept for item in self.arrivals if np.any(item.kept)), self.neuron.kept_current)
        self.program = fixed.programs[population.site.program]
        self.tensors: dict[str, Tensor] = {}
        starts = asked.programs[before.site.program]
        self.starts = {name: asked.real(before.site.initial.get(name, starts.state(name).initial))
                       for name in (self.neuron.membrane, self.neuron.current) if name}

    # -- the network

    def add_to(self, network: Network) -> None:
        program = _real(self.program)
        network.programs[program.name] = program
        site = self.population.site
        arguments = {name: self._argument(name, value) for name, value in site.arguments.items()}
        initial = dict(site.initial) | {name: self._number(f"{name}0", value) for name, value in self._initial()}
        network.add(replace(self.population, site=replace(site, program=program.name, arguments=arguments,
                                                          initial=initial)))
        for item in self.arrivals:
            network.add(self._projection(item))
        network.tensors.update(self.tensors)

    def _argument(self, name: str, fixed: Argument) -> Argument:
        exact = {"kept_u": self.leak, "kept_v": self.neuron.kept, "bias": self._bias(self.neuron.kept),
                 "offset": self.neuron.offset / self.scale}
        if self.neuron.threshold is not None:
            exact["threshold"] = (self.neuron.threshold - self.neuron.rest) / self.scale
        if self.neuron.low_threshold is not None:
            exact["low_threshold"] = (self.neuron.low_threshold - self.neuron.rest) / self.scale
        return self._number(name, _held(exact[name], self.fixed.real(fixed))) if name in exact else fixed

    def _number(self, name: str, value: np.ndarray) -> Argument:
        value = np.asarray(value, np.float64).reshape(-1)
        if (value == value[0]).all():
            return float(value[0])
        self.tensors[f"{self.name}.{name}.exact"] = Tensor(F64, value)
        return TensorRef(f"{self.name}.{name}.exact")

    def _bias(self, kept: np.ndarray) -> np.ndarray:
        """On the membrane, in integers of v: the neuron's own, the settled ones of projections, the leak towards the
        chip's 0 instead of the model's."""
        settled = sum((item.bias / (1 - self.leak) for item in self.arrivals), np.zeros(()))
        return (self.neuron.bias - (1 - kept) * self.neuron.rest) / self.scale + settled * self.step

    def _initial(self) -> Iterator[tuple[str, np.ndarray]]:
        v = self.starts[self.neuron.membrane] - self.neuron.rest
        yield "v", np.broadcast_to(v, self.unit.shape) / self.scale
        u = sum((item.start - self._unsettled(item) for item in self.arrivals), np.zeros(self.unit.shape)) * self.step
        if self.neuron.current:
            u = u + self.starts[self.neuron.current] * self.neuron.current_gain / self.scale
        yield "u", u

    def _unsettled(self, item: Arrival) -> np.ndarray:
        """As `legalise` starts the current: a settled bias is taken back until it begins."""
        leaks = np.asarray(self.leak > 0)
        given = item.projection.bias_start
        start = int(self.fixed.delays(self.fixed.projection(item.projection.name)).min()) if given is None else given
        settled = np.where(leaks, item.bias / (1 - self.leak), 0.0)
        return settled / np.where(leaks & (start == 1), self.leak, 1.0)

    def _projection(self, item: Arrival) -> Projection:
        fixed = self.fixed.projection(item.projection.name)
        name = f"{fixed.name}.exact"
        held = self.fixed.tensor(fixed.chain[item.link].weights).values  # pyright: ignore[reportArgumentType]
        self.tensors[name] = Tensor(F64, _held(np.asarray(item.values, np.float64) * self.step, held))
        link = replace(fixed.chain[item.link], weight=TensorRef(name))  # pyright: ignore[reportCallIssue]
        return replace(fixed, chain=(*fixed.chain[: item.link], link, *fixed.chain[item.link + 1 :]), accumulator=None)

    # -- the model's values

    def values(self) -> Iterator[tuple[str, Reading]]:
        yield f"{self.name}.v", self._membrane(f"{self.name}.{self.neuron.membrane}", 0)
        yield f"{self.name}.u", self._current()
        for kind, port in self.neuron.emits:
            record = f"{self.name}.{port}"
            if kind == "signed":
                yield record, Reading(((record, np.ones(())),))
            elif kind != "spikes":
                yield record, self._membrane(record, int(kind == "potential"))

    def _membrane(self, record: str, since: int) -> Reading:
        return Reading(((record, 1 / self.scale),), -self.neuron.rest / self.scale, np.zeros(self.unit.shape), since)

    def _current(self) -> Reading:
        """A current of the neuron's own, or what its ports bring; less the biases, which are on the membrane."""
        settled = sum((item.bias / (1 - self.leak) for item in self.arrivals), np.zeros(self.unit.shape))
        if self.neuron.current:
            terms = ((f"{self.name}.{self.neuron.current}", self.neuron.current_gain / self.scale),)
        else:
            terms = tuple((f"{self.name}.{port}", self.neuron.gains[port] / self.scale) for port in self.ports)
        return Reading(terms, -settled * self.step)

    def margins(self) -> Iterator[tuple[str, Reading]]:
        """v less a threshold, from what the model compares."""
        ternary = self.neuron.low_threshold is not None
        for key, (atom, factor) in self.neuron.compared.items():
            threshold = self.neuron.threshold if key == "threshold" else self.neuron.low_threshold
            assert threshold is not None
            op = "under" if key == "low_threshold" else "over" if ternary else "spike"
            at_rest = -np.broadcast_to(threshold - self.neuron.rest, self.unit.shape) / self.scale
            terms = ((f"{self.name}.{atom}", factor / self.scale),)
            yield f"{self.name}.{op}", Reading(terms, np.zeros(()), at_rest, 1)

    def rests(self) -> Iterator[tuple[str, np.ndarray]]:
        if np.any(self.neuron.held):
            yield self.name, np.broadcast_to(self.neuron.held, self.unit.shape)

    def after_decays(self) -> Iterator[tuple[str, np.ndarray]]:
        kept = (ONE - registers_of(self.fixed, self.population).dv) / ONE
        if "bias" in self.population.site.arguments and np.any(self.neuron.rest):
            yield f"{self.name}.bias", self._bias(kept)

    def origins(self) -> Iterator[tuple[str, np.ndarray]]:
        rest = np.broadcast_to(self.neuron.rest, self.unit.shape)
        shown = [port for kind, port in self.neuron.emits if kind in ("potential", "membrane")]
        for name in ("v", "threshold", "low_threshold", *shown):
            yield f"{self.name}.{name}", rest


def _held(exact: np.ndarray, fixed: np.ndarray) -> np.ndarray:
    """Numbers that a register holds but for the rounding of float64 are what it holds."""
    exact, fixed = np.broadcast_arrays(np.asarray(exact, np.float64), fixed)
    return np.where(np.isclose(exact, fixed, rtol=1e-12, atol=0), fixed, exact)


def _real(program: Program) -> Program:
    """A compartment's program on real numbers, without wrap and clip."""
    ops = tuple(_real_op(op) for op in _unbounded(program.ops))
    declared = {kind: tuple(item if item.name in _COUNTERS else replace(item, type=F64)
                            for item in getattr(program, kind)) for kind in ("inputs", "states", "params")}
    return replace(program, name=f"{program.name}.exact", ops=ops, **declared)


def _unbounded(ops: tuple[Op, ...]) -> Iterator[Op]:
    """Without what keeps u and v in their registers."""
    found = {op.result: op for op in ops}
    whole = {"u_new": "u_sum"} if "u_sum" in found else {}
    if "v_raised" in found:
        whole["v_clipped" if "v_clipped" in found else "v_new"] = "v_sum"
    dropped = {*_WRAPS, "v_raised", *whole.values()}
    for op in ops:
        if op.result in whole:
            yield replace(found[whole[op.result]], result=op.result)
        elif op.result not in dropped:
            yield op


def _real_op(op: Op) -> Op:
    if op.result in _COUNTERS or not isinstance(op.type, Format):
        return op
    return replace(op, type=F64, operands=tuple(_real_operand(item) for item in op.operands))


def _real_operand(item: Operand) -> Operand:
    return float(item) if isinstance(item, int) and not isinstance(item, bool) else item
