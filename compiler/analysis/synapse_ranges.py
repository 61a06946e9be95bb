"""Ranges of plastic synapses: states in the order in which they depend on each other, alike synapses once.

A trace does not depend on the weight that it changes: each state (or knot of states) gets its invariant with those it
depends on already bounded, where a common iteration would have to guess a limit of what still grows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import networkx as nx
import numpy as np

from compiler.analysis.evaluate import Step
from compiler.analysis.intervals import Interval
from compiler.analysis.ranges import SiteRanges, fixed_values, invariant, start_of, tables_of
from compiler.formats import BoolType
from compiler.ir.network import Network
from compiler.ir.program import Program, Site


def analyse_synapses(network: Network, site: Site, units: int, inputs: Mapping[str, Interval],
                     narrow: bool = True) -> SiteRanges:
    """Ranges of a synapse program for any inputs inside the given intervals. narrow: look for the smallest."""
    program = network.programs[site.program]
    given = fixed_values(network, site, program) | dict(inputs)
    starts = {item.name: start_of(network, site, item, units) for item in program.states}
    first, group = _alike([*given.values()], units)
    fixed = {name: _at(value, first) for name, value in given.items()}
    begun = {name: _joined(value, group, len(first)) for name, value in starts.items()}
    tables, proved, parts = tables_of(network, program), {}, []
    truths = _alike([fixed[item.name] for item in program.params if isinstance(item.type, BoolType)], len(first))[1]
    for kind in range(int(truths.max()) + 1):  # What is known to be true or false is no case to be distinguished.
        members = np.flatnonzero(truths == kind)
        values, sure = _analysed(program, {name: _at(value, members) for name, value in fixed.items()},
                                 {name: _at(value, members) for name, value in begun.items()}, tables, narrow)
        proved = {name: proved.get(name, True) and item for name, item in sure.items()}
        parts.append((members, values))
    merged = {name: _merged([(members, values[name]) for members, values in parts], len(first)) for name in parts[0][1]}
    return SiteRanges({name: _at(value, group) for name, value in merged.items()}, proved)


def _analysed(program: Program, fixed: dict[str, Interval], begun: dict[str, Interval], tables: dict[str, Interval],
              narrow: bool) -> tuple[dict[str, Interval], dict[str, bool]]:
    """Ranges of every value, and which states' are proved."""
    states: dict[str, Interval] = {}
    proved: dict[str, bool] = {}
    for part in _in_order(program):
        own = replace(program, states=tuple(item for item in program.states if item.name in part),
                      updates=tuple(item for item in program.updates if item[0] in part))
        found, sure = invariant(own, fixed | states, {name: begun[name] for name in part}, tables, narrow)
        states, proved = states | found, proved | sure
    step = Step(program, fixed | states, tables)
    return fixed | states | {op.result: step.value(op.result) for op in program.ops}, proved


def _merged(parts: list[tuple[np.ndarray, Interval]], units: int) -> Interval:
    low, high = np.zeros(units, np.int64), np.zeros(units, np.int64)
    for members, value in parts:
        low[members], high[members] = value.low, value.high
    return Interval(low, high, parts[0][1].fraction)


def _in_order(program: Program) -> list[list[str]]:
    """States in knots that depend on each other, each after those that it depends on."""
    ops, states = {op.result: op for op in program.ops}, [item.name for item in program.states]
    graph = nx.DiGraph()
    graph.add_nodes_from(states)
    for state, value in program.updates:
        waiting, seen = [value], set()
        while waiting:
            name = waiting.pop()
            if name in seen or not isinstance(name, str):
                continue
            seen.add(name)
            waiting += ops[name].names if name in ops else ()
            if name in states:
                graph.add_edge(name, state)
    knots: nx.DiGraph = nx.condensation(graph)
    return [[name for name in states if name in knots.nodes[knot]["members"]] for knot in nx.topological_sort(knots)]


def _alike(values: list[Interval], units: int) -> tuple[np.ndarray, np.ndarray]:
    """One unit of every kind that differs in the bounds of anything, and the kind of every unit."""
    ends = [np.broadcast_to(end, (units,)) for item in values for end in (item.low, item.high)]
    rows = np.stack(ends, axis=1) if ends else np.zeros((units, 1), np.int64)
    _, first, group = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    return first, group.reshape(-1)


def _at(value: Interval, units: np.ndarray) -> Interval:
    if np.ndim(value.low) == 0:
        return value
    if value.low.size == 1:
        return Interval(value.low.reshape(()), value.high.reshape(()), value.fraction)
    return Interval(value.low[units], value.high[units], value.fraction)


def _joined(value: Interval, group: np.ndarray, kinds: int) -> Interval:
    """Bounds of a start over all units of each kind."""
    low, high = np.full(kinds, np.iinfo(np.int64).max), np.full(kinds, np.iinfo(np.int64).min)
    np.minimum.at(low, group, value.low)
    np.maximum.at(high, group, value.high)
    return Interval(low, high, value.fraction)
