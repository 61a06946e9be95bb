"""Random valid networks, for every test that compares two engines, two levels or two texts.

`random_network(seed, level)` is a plain function of its arguments; `networks(level)` is the hypothesis strategy
over it. Whatever the IR allows occurs: several projections per port, recurrence, self loops, the three kinds
of delay, biases, filters and traces, chains, two ports, every rounding but stochastic, every overflow mode.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from random import Random

import numpy as np
from hypothesis import strategies as st

from compiler.formats import BOOL, F64, Format, Type
from compiler.ir.exact import Range, range_of_type
from compiler.ir.network import AxonGroup, Input, Network, Output, Population, PortKind, Projection, Segment, Tensor
from compiler.ir.program import Declaration, Program, TensorRef
from compiler.results.results import skew_of
from tests.random_programs import arbitrary, lif
from tests.random_projections import Draft, added, holding, random_projection, random_site

FEATURES = ("arbitrary", "pre", "post", "delays", "bias", "graded", "scale", "signed", "events", "current", "lookup")


@st.composite
def networks(draw: st.DrawFn, level: str = "fixed", without: tuple[str, ...] = ()) -> Network:
    """Random networks, shrinking towards few and small populations."""
    populations, units = draw(st.integers(1, 4)), draw(st.integers(1, 12))
    return random_network(draw(st.integers(0, 2**32 - 1)), level, populations, units, without)


def random_network(
    seed: int, level: str = "fixed", populations: int = 4, units: int = 12, without: tuple[str, ...] = ()
) -> Network:
    """A valid network at level `model`, `fixed` or `mapped`, of at most so many populations and units in each.

    without: features of FEATURES that must not occur.
    """
    rng = Random(f"network {seed}")
    network = Network(level="model" if level == "model" else "fixed", dt=rng.choice((1.0, 0.5, 0.1)))
    draft = Draft(rng, network, frozenset(without))
    _add_inputs(draft, units)
    names = rng.sample(["hid", "out", "a", "b2", "z_last", "Mid"], rng.randint(1, populations))
    plans = [_plan(draft, name, units) for name in names]
    _add_projections(draft, plans)
    _add_populations(draft, plans)
    _add_outputs(draft, plans)
    return _mapped(rng, network) if level == "mapped" else network


def random_inputs(network: Network, seed: int, batch: int = 2, steps: int = 8) -> dict[str, np.ndarray]:
    """Values [batch, steps, units] for every input: raw int32, float64 at model level."""
    rng = np.random.default_rng(seed)
    return {item.name: _values(rng, item, (batch, steps, item.size), network.level) for item in network.inputs}


def _values(rng: np.random.Generator, item: Input, shape: tuple[int, ...], level: str) -> np.ndarray:
    if item.port.kind == "current" and level == "model":
        return rng.normal(0.5, 1.0, shape)
    limits = _limits(item.port)
    values = rng.integers(limits.low, limits.high, shape, endpoint=True)
    return np.where(rng.random(shape) < 0.3, 0, values).astype(np.float64 if level == "model" else np.int32)


def _limits(port: PortKind) -> Range:
    """Values of a port, fewer than its type holds for signed and event ports."""
    special = {"signed": Range(-1, 1), "events": Range(0, port.maximum)}
    return special.get(port.kind) or range_of_type(port.carries)


@dataclass
class _Plan:
    """A population before its program: what it emits is settled, what its ports receive is being collected."""

    name: str
    shape: tuple[int, ...]
    emits: dict[str, Type]
    arriving: dict[str, list[list[Range]]] = field(default_factory=dict)

    @property
    def size(self) -> int:
        return math.prod(self.shape)


def _random_shape(rng: Random, units: int) -> tuple[int, ...]:
    size = rng.randint(1, units)
    return (2, size // 2) if size % 2 == 0 and rng.random() < 0.2 else (size,)


def _add_inputs(draft: Draft, units: int) -> None:
    rng = draft.rng
    for name in rng.sample(["input", "Extra"], rng.choice((1, 1, 2))):
        special = [kind for kind in ("signed", "events", "current") if kind not in draft.without]
        port = PortKind(rng.choice(["spikes", "spikes", *special]))
        if port.kind == "events":
            port = PortKind("events", maximum=rng.randint(1, 20))
        if port.kind == "current":
            narrow = Format(True, rng.randint(3, 12), rng.randint(-2, 6))
            port = PortKind("current", type=narrow if draft.fixed else F64)
        draft.network.add(Input(name, _random_shape(rng, units), port))


def _plan(draft: Draft, name: str, units: int) -> _Plan:
    rng = draft.rng
    emits: dict[str, Type] = {"spikes": BOOL}
    if draft.may("graded", 0.4):
        width, signed = rng.randint(2, rng.choice((12, 12, 32))), rng.random() < 0.8
        narrow = Format(signed, width if signed else min(width, 31), rng.randint(-3, 6))
        emits = {"potential": narrow if draft.fixed else F64} | (emits if rng.random() < 0.6 else {})
    ports = rng.choice((["current"], ["current"], ["current", "gate"]))
    return _Plan(name, _random_shape(rng, units), emits, {port: [] for port in ports})


def _add_projections(draft: Draft, plans: list[_Plan]) -> None:
    """Forward edges may have no delay; backward edges and self loops have at least one step."""
    rng, inputs = draft.rng, draft.network.inputs
    for index, plan in enumerate(plans):
        forward = [*inputs, *plans[:index]]
        for source in rng.sample(forward, rng.randint(1, len(forward))):
            _project(draft, source, plan, 0)
        for source in plans[index:]:
            if rng.random() < 0.3:
                _project(draft, source, plan, 1)
        while rng.random() < 0.3:
            _project(draft, rng.choice(forward), plan, 0)


def _project(draft: Draft, source: Input | _Plan, plan: _Plan, least: int) -> None:
    """One more projection, unless 32 bits could not hold what then reaches the port."""
    emits = {source.port.kind: source.port.carries} if isinstance(source, Input) else source.emits
    port, type_ = draft.rng.choice(sorted(emits.items(), key=lambda item: item[0]))
    values = Range(0, 1)
    if draft.fixed:
        values = _limits(source.port) if isinstance(source, Input) else range_of_type(type_)
    target_port = draft.rng.choice(sorted(plan.arriving))
    ends = Projection(_fresh_name(draft.network, source.name, plan.name), source.name, port, plan.name, target_port, ())
    found = random_projection(draft, ends, (source.size, plan.size), values, least)
    if found is None:
        return
    groups = [*plan.arriving[target_port], found[1]]
    if draft.fixed and holding(added(groups)) is None:
        return
    plan.arriving[target_port] = groups
    draft.network.add(found[0])


def _fresh_name(network: Network, source: str, target: str) -> str:
    taken = {item.name for item in network.projections}
    base = f"{source}_{target}"
    return next(name for name in (base, *(f"{base}_{n}" for n in range(2, 99))) if name not in taken)


def _add_populations(draft: Draft, plans: list[_Plan]) -> None:
    """Programs of their own, or the program of an earlier population that fits as well."""
    for plan in plans:
        inputs = tuple(Declaration(port, _port_type(draft, groups)) for port, groups in plan.arriving.items())
        known = draft.network.programs.values()
        shared = [item for item in known if item.inputs == inputs and _emitted(item) == plan.emits]
        program = draft.rng.choice(shared) if shared and draft.rng.random() < 0.5 else _program(draft, plan, inputs)
        site = random_site(draft, program, plan.size, plan.name)
        draft.network.add(Population(plan.name, plan.shape, site))


def _emitted(program: Program) -> dict[str, Type]:
    return {item.port: program.emit_type(item.port) for item in program.emits}


def _port_type(draft: Draft, groups: list[list[Range]]) -> Type:
    if not draft.fixed:
        return F64
    if not groups:
        return Format(True, 8, 0)
    sums = added(groups)
    return holding(sums, draft.rng.choice((0, 0, 1))) or holding(sums) or F64


def _program(draft: Draft, plan: _Plan, inputs: tuple[Declaration, ...]) -> Program:
    level = draft.network.level
    if draft.may("arbitrary", 0.5):
        tables = None if "lookup" in draft.without else draft.network.tensors
        return arbitrary(draft.rng, level, f"ops_{plan.name}", inputs, plan.emits, tables)
    return lif(draft.rng, level, f"lif_{plan.name}", inputs, plan.emits)


def _add_outputs(draft: Draft, plans: list[_Plan]) -> None:
    rng = draft.rng
    for index in range(rng.choice((1, 1, 2, 3))):
        plan = plans[-1] if index == 0 else rng.choice(plans)
        port = rng.choice(sorted(plan.emits))
        draft.network.add(Output(f"output{index or ''}", plan.name, port, rng.choice(("", "count", "last"))))


# ---- mapped level


def _mapped(rng: Random, network: Network) -> Network:
    """The network with skews and the delays that undo them, every unit in a slot, biases with a written start."""
    result = network.copy()
    result.level, result.chip = "mapped", "generic"
    skews = _possible_skews(rng, network)
    slots: dict[tuple[int, int], int] = {}
    for item in network.populations:
        result.add(replace(item, skew=skews[item.name], placement=_segments(rng, item.size, slots)))
    for item in network.projections:
        shift = skews[item.target] - skews.get(item.source, 0)
        axons = tuple(AxonGroup((x, 0), rng.randint(1, 9), rng.randint(1, 999)) for x in range(rng.randint(1, 2)))
        start = int(network.delays(item).min()) if item.bias_start is None else item.bias_start
        fresh = replace(item, delay=_shifted(result, item, shift), axons=axons)
        result.add(replace(fresh, bias_start=start if item.bias is not None else None))
    return result


def _possible_skews(rng: Random, network: Network) -> dict[str, int]:
    """Start skews under which no chip delay is negative."""
    for _ in range(20):
        skews = {item.name: rng.randint(0, 3) for item in network.populations}
        shifts = [
            int(network.delays(item).min()) + skews[item.target] - skews.get(item.source, 0)
            for item in network.projections
        ]
        if min(shifts, default=0) >= 0:
            return skews
    return {item.name: skew_of(network, item.name) for item in network.populations}


def _shifted(network: Network, item: Projection, shift: int) -> int | TensorRef:
    if not isinstance(item.delay, TensorRef):
        return item.delay + shift
    old = network.tensor(item.delay)
    network.tensors[item.delay.name] = Tensor(old.type, (old.data.astype(np.int64) + shift).astype(old.data.dtype))
    return item.delay


def _segments(rng: Random, size: int, slots: dict[tuple[int, int], int]) -> tuple[Segment, ...]:
    cut = rng.randint(1, size)
    segments = []
    for start, stop in ((0, cut), (cut, size)):
        if start < stop:
            core = (rng.randint(0, 1), rng.randint(0, 1))
            slot = slots.get(core, 0)
            segments.append(Segment(start, stop, core, slot))
            slots[core] = slot + stop - start
    return tuple(segments)
