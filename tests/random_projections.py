"""Random projections whose worst-case sums fit 32 bits, and random arguments for programs."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from random import Random

import numpy as np

from compiler.formats import F64, BoolType, Format, Type, smallest_format
from compiler.ir.exact import Range, range_of_type
from compiler.ir.network import Network, Projection, Tensor
from compiler.ir.program import Argument, Program, Site, TensorRef
from tests.random_connections import delivered, magnitude, random_chain, random_raw
from tests.random_programs import leaky_filter


@dataclass
class Draft:
    """A network under construction. without: features that must not occur."""

    rng: Random
    network: Network
    without: frozenset[str]

    @property
    def fixed(self) -> bool:
        return self.network.level != "model"

    def may(self, feature: str, probability: float) -> bool:
        return self.rng.random() < probability and feature not in self.without

    def tensor(self, name: str, value: Tensor) -> TensorRef:
        self.network.tensors[name] = value
        return TensorRef(name)


def random_projection(
    draft: Draft, ends: Projection, sizes: tuple[int, int], values: Range, least: int
) -> tuple[Projection, list[Range]] | None:
    """Completes a projection of which only the ends are given; its tensors and programs go into the network.

    sizes: pre and post units. values: range of what the source port emits. least: the least delay.
    Returns it with the exact range that reaches every unit of the target, None where 32 bits could not hold that.
    Ranges mean nothing at model level.
    """
    before = dict(draft.network.tensors), dict(draft.network.programs)
    item, values = _with_pre(draft, ends, sizes[0], values)
    chain = random_chain(draft.rng, draft.network, f"{item.name}.w", *sizes)
    item = replace(item, chain=chain, delay=_random_delay(draft, item, sizes, least))
    sums = delivered(draft.network, chain, sizes[0], values) if draft.fixed else [Range(0, 1)] * sizes[1]
    item, sums = _with_bias(draft, item, sums)
    if draft.fixed:
        largest = max(abs(values.low), abs(values.high))
        if magnitude(draft.network, chain, sizes[0], largest) >= 1 << 31 or holding(sums) is None:
            draft.network.tensors, draft.network.programs = before
            return None
        item = replace(item, accumulator=holding(sums, draft.rng.choice((0, 0, 1))) or holding(sums))
    return _with_post(draft, item, sums)


def holding(sums: list[Range], finer: int = 0) -> Format | None:
    """The narrowest signed format for all of the ranges, on a grid so many bits finer; None above 32 bits."""
    total = Range(-1, 0, finer + max(item.fraction for item in sums))
    for item in sums:
        total = total.union(item)
    format_ = smallest_format(total.low, total.high, total.fraction)
    return format_ if format_.width <= 32 else None


def added(groups: list[list[Range]]) -> list[Range]:
    """Unit by unit, the range of the sum of what several projections deliver."""
    fraction = max(item.fraction for group in groups for item in group)
    rows = zip(*([item.at(fraction) for item in group] for group in groups), strict=True)
    return [Range(sum(item.low for item in row), sum(item.high for item in row), fraction) for row in rows]


def _with_pre(draft: Draft, item: Projection, units: int, values: Range) -> tuple[Projection, Range]:
    if not draft.may("pre", 0.2):
        return item, values
    result: Type = Format(True, draft.rng.randint(4, 12), draft.rng.randint(-2, 6)) if draft.fixed else F64
    source: Type = smallest_format(values.low, values.high, values.fraction) if draft.fixed else F64
    program = leaky_filter(draft.rng, draft.network.level, f"trace_{item.name}", source, "trace", result)
    site = random_site(draft, program, units, f"{item.name}.pre")
    return replace(item, pre=site), range_of_type(result) if draft.fixed else values


def _with_post(draft: Draft, item: Projection, sums: list[Range]) -> tuple[Projection, list[Range]]:
    if not draft.may("post", 0.25):
        type_ = item.accumulator
        return item, [entry.at(type_.fraction) for entry in sums] if isinstance(type_, Format) else sums
    result: Type = Format(True, draft.rng.randint(6, 24), draft.rng.randint(-2, 6)) if draft.fixed else F64
    source: Type = item.accumulator or F64
    program = leaky_filter(draft.rng, draft.network.level, f"filter_{item.name}", source, "current", result)
    site = random_site(draft, program, len(sums), f"{item.name}.post")
    arriving = [range_of_type(result)] * len(sums) if draft.fixed else sums
    return replace(item, post=site), arriving


def _random_delay(draft: Draft, item: Projection, sizes: tuple[int, int], least: int) -> int | TensorRef:
    most = least + draft.rng.randint(0, 4)
    if not draft.may("delays", 0.4):
        return draft.rng.randint(least, most)
    by_synapse = item.pre is None and draft.rng.random() < 0.5
    shape = (sizes[1], sizes[0]) if by_synapse else (sizes[0],)
    steps = [draft.rng.randint(least, most) for _ in range(math.prod(shape))]
    delays = np.array(steps, np.uint16).reshape(shape)
    return draft.tensor(f"{item.name}.delay", Tensor(Format(False, 12), delays))


def _with_bias(draft: Draft, item: Projection, sums: list[Range]) -> tuple[Projection, list[Range]]:
    """A number or one value per unit, absent at first: so both with and without it must fit."""
    if not draft.may("bias", 0.4):
        return item, sums
    type_ = Format(True, draft.rng.randint(2, 10), sums[0].fraction - draft.rng.randint(0, 2))
    bias = random_argument(draft, type_ if draft.fixed else F64, len(sums), f"{item.name}.bias")
    item = replace(item, bias=bias, bias_start=draft.rng.choice((None, 0, 1, 3)))
    if not draft.fixed:
        return item, sums
    raw = np.broadcast_to(np.ldexp(draft.network.real(bias), type_.fraction), len(sums))
    values = [Range(int(value), int(value), type_.fraction) for value in raw]
    return item, [both.union(added([[both], [value]])[0]) for both, value in zip(sums, values, strict=True)]


def random_site(draft: Draft, program: Program, units: int, name: str) -> Site:
    """The program (which joins the network) at work on so many units, with random arguments and starts."""
    draft.network.programs[program.name] = program
    arguments = {item.name: random_argument(draft, item.type, units, f"{name}.{item.name}") for item in program.params}
    initial = {
        item.name: random_argument(draft, item.type, units, f"{name}.{item.name}.0")
        for item in program.states
        if draft.rng.random() < 0.3
    }
    scale, scaled = None, ()
    if draft.fixed and draft.may("scale", 0.3):
        names = [item.name for item in (*program.inputs, *program.states) if not isinstance(item.type, BoolType)]
        scaled = tuple(sorted(draft.rng.sample(names, draft.rng.randint(1, len(names))))) if names else ()
        values = np.array([draft.rng.choice((0.25, 0.01, 0.3)) for _ in range(units)])
        scale = draft.rng.choice((0.125, draft.tensor(f"{name}.scale", Tensor(F64, values)))) if scaled else None
    return Site(program.name, arguments, initial, scale, scaled)


def random_argument(draft: Draft, type_: Type, units: int, name: str) -> Argument:
    """A number, or a tensor of one value per unit, that the type holds exactly."""
    if isinstance(type_, BoolType):
        return draft.rng.random() < 0.5
    per_unit = draft.rng.random() < 0.4
    if isinstance(type_, Format):
        plain = type_.with_modes("floor", "proved")
        raw = random_raw(draft.rng, plain, (units,))
        return draft.tensor(name, raw) if per_unit else float(np.ldexp(float(raw.data[0]), -plain.fraction))
    values = np.array([round(draft.rng.uniform(0.1, 0.95), 4) for _ in range(units)])
    return draft.tensor(name, Tensor(F64, values)) if per_unit else float(values[0])
