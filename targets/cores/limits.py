"""Whether a network fits a chip: every limit it breaks, all at once, before it is mapped and after."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from compiler.analysis.occupancy import by_core, demand_on, exceeded, needs_of
from compiler.analysis.routes import fan_out, routes
from compiler.analysis.sums import Sum, sums_of
from compiler.analysis.synapses import Synapses, all_synapses
from compiler.chips import Chip
from compiler.diagnostics import Diagnostic, DiagnosticError, Place, declare
from compiler.formats import BoolType, Format, Type, smallest_format
from compiler.ir.network import Network
from compiler.ir.program import Program
from compiler.options import Options
from compiler.passes import partition, place, retime, route

E403 = declare("E403", "a weight is wider than the chip stores")
E404 = declare("E404", "a state or parameter is wider than the chip stores")
E405 = declare("E405", "a weighted sum is wider than the chip's accumulators")
E406 = declare("E406", "a value is wider than the chip's events carry")
E407 = declare("E407", "a delay is longer than the chip's delay slots")
E408 = declare("E408", "a unit has more synapses than the chip allows")
E409 = declare("E409", "a program has more operations than the chip's cores hold")
E411 = declare("E411", "a rounding that the chip's arithmetic does not have")
E412 = declare("E412", "delays of a projection's synapses differ by more than the chip's delay field")
E413 = declare("E413", "the chip's cores cannot execute a site or an operation")
E414 = declare("E414", "a core is over one of its limits")

_LARGER = "or take a larger chip (--chip)"


def check(network: Network, chip: Chip) -> list[Diagnostic]:
    """Every limit of the chip that a fixed or mapped network breaks."""
    retimed, findings = network, []
    if network.level == "fixed":
        try:
            retimed = retime.run(network, Options(chip=chip))
        except DiagnosticError as error:
            findings += error.diagnostics
    synapses = all_synapses(retimed, chip)
    for rule in _RULES:
        findings += rule(retimed, chip, synapses)
    mapping = _mapped if network.level == "mapped" else _mappable
    return findings + list(mapping(retimed, chip, synapses))


def _over(code: str, what: str, path: str, amount: int, limit: int, unit: str, hint: str) -> Diagnostic:
    return Diagnostic(code, what, Place(path=path), f"{amount} {unit}", f"at most {limit} {unit}", hint)


def _weights(network: Network, chip: Chip, synapses: dict[str, Synapses]) -> Iterator[Diagnostic]:
    for name, item in synapses.items():
        if item.weight.width > chip.weight_bits and network.projection(name).synapse is None:
            yield _over(
                E403,
                f"weights of projection {name} are too wide for {chip.name}",
                name,
                item.weight.width,
                chip.weight_bits,
                "bits",
                f"quantize to fewer bits (--weights), {_LARGER}",
            )


def _states(network: Network, chip: Chip, synapses: dict[str, Synapses]) -> Iterator[Diagnostic]:
    for site, item, _ in network.sites():
        program = network.programs[item.program]
        for declared in (*program.states, *program.params):
            if _width(declared.type) > chip.state_bits:
                yield _over(
                    E404,
                    f"{declared.name} of {site} is too wide for {chip.name}",
                    f"{site}.{declared.name}",
                    _width(declared.type),
                    chip.state_bits,
                    "bits",
                    f"use fewer bits (--states), {_LARGER}",
                )


def _sums(network: Network, chip: Chip, synapses: dict[str, Synapses]) -> Iterator[Diagnostic]:
    for population in network.populations:
        for item in sums_of(network, population):
            width = _sum_width(network, item, synapses)
            if width > chip.accumulator_bits:
                yield _over(
                    E405,
                    f"sums of {', '.join(item.projections)} are too wide for {chip.name}",
                    item.name,
                    width,
                    chip.accumulator_bits,
                    "bits",
                    f"use narrower weights or smaller values, {_LARGER}",
                )


def _sum_width(network: Network, item: Sum, synapses: dict[str, Synapses]) -> int:
    """Bits that the accumulated integers can need: as declared where that is proved, else from all weights at once."""
    low = high = 0
    for name in item.projections:
        declared = network.projection(name).accumulator
        shift = item.fraction - (declared.fraction if isinstance(declared, Format) else item.fraction)
        if isinstance(declared, Format) and declared.overflow == "proved" and shift >= 0:
            low, high = low + (declared.low << shift), high + (declared.high << shift)
        else:
            bound = _largest_sum(network, synapses[name]) << max(0, shift)
            low, high = low - bound, high + bound
    return smallest_format(low, high).width


def _largest_sum(network: Network, item: Synapses) -> int:
    """A bound on the magnitude of a unit's weighted sum."""
    carried = network.emitted_type(item.projection.source, item.projection.source_port)
    if item.projection.pre is not None:
        carried = network.programs[item.projection.pre.program].emit_type()
    rows = abs(item.matrix.astype(np.int64)).sum(axis=1)
    return int(rows.max(initial=0)) * (1 << _width(carried))


def _events(network: Network, chip: Chip, synapses: dict[str, Synapses]) -> Iterator[Diagnostic]:
    ports = sorted({(item.source, item.source_port) for item in network.projections})
    for node, port in ports:
        width = _width(network.emitted_type(node, port))
        if width > chip.event_bits:
            yield _over(
                E406,
                f"events of {node}.{port} are too wide for {chip.name}",
                f"{node}.{port}",
                width,
                chip.event_bits,
                "bits",
                f"send spikes instead of values, {_LARGER}",
            )


def _delays(network: Network, chip: Chip, synapses: dict[str, Synapses]) -> Iterator[Diagnostic]:
    for name, item in synapses.items():
        longest = int(item.delays.max())
        if longest > chip.longest_delay:
            yield _over(
                E407,
                f"projection {name} has, after retiming, a longer delay than {chip.name} allows",
                name,
                longest,
                chip.longest_delay,
                "steps",
                f"shorten it, or the paths it runs beside, {_LARGER}",
            )
        if item.delay_bits > chip.delay_bits:
            yield _over(
                E412,
                f"delays of the synapses of {name} differ too much for {chip.name}",
                name,
                item.delay_bits,
                chip.delay_bits,
                "bits",
                f"use a narrower range of delays, {_LARGER}",
            )


def _fan_in(network: Network, chip: Chip, synapses: dict[str, Synapses]) -> Iterator[Diagnostic]:
    for population in network.populations:
        counts = sum(
            (synapses[item.name].fan_in() for item in network.into(population.name)),
            np.zeros(population.size, np.int64),
        )
        if int(counts.max(initial=0)) > chip.fan_in:
            unit = int(counts.argmax())
            yield _over(
                E408,
                f"unit {unit} of population {population.name} has too many synapses for {chip.name}",
                population.name,
                int(counts[unit]),
                chip.fan_in,
                "synapses",
                f"connect fewer units, {_LARGER}",
            )


def _programs(network: Network, chip: Chip, synapses: dict[str, Synapses]) -> Iterator[Diagnostic]:
    for name in sorted({site.program for _, site, _ in network.sites()}):
        program = network.programs[name]
        if len(program.ops) > chip.program_operations:
            yield _over(
                E409,
                f"program {name} is too long for {chip.name}",
                name,
                len(program.ops),
                chip.program_operations,
                "operations",
                f"simplify the neuron, {_LARGER}",
            )
        yield from _roundings(program, chip)


def _roundings(program: Program, chip: Chip) -> Iterator[Diagnostic]:
    declared = (*program.inputs, *program.states, *program.params)
    for name, type_ in [(item.name, item.type) for item in declared] + [(op.result, op.type) for op in program.ops]:
        if isinstance(type_, Format) and type_.rounding not in chip.roundings:
            yield Diagnostic(
                E411,
                f"{chip.name} does not round like %{name} of program {program.name}",
                Place(path=f"{program.name}.{name}"),
                type_.rounding,
                ", ".join(chip.roundings),
                "choose another rounding (--rounding)",
            )


def _sites(network: Network, chip: Chip, synapses: dict[str, Synapses]) -> Iterator[Diagnostic]:
    for item in network.projections:
        if item.synapse is not None:
            yield Diagnostic(
                E413,
                f"synapses of {item.name} have a program of their own, {chip.name} stores weights only",
                Place(path=f"{item.name}.synapse"),
                f"@{item.synapse.program}",
                "weights that do not change",
                "compile for no chip (--chip none), or learn first and compile with learning_rule=None",
            )
        if item.pre is not None and network.delays(item).ndim == 2:
            yield Diagnostic(
                E413,
                f"{item.name} has a pre program and a delay for every synapse",
                Place(path=item.name),
                "delays [post, pre]",
                "one delay per presynaptic unit, so that a trace has one clock",
                "give the projection one delay per presynaptic unit",
            )


def _mappable(network: Network, chip: Chip, synapses: dict[str, Synapses]) -> Iterator[Diagnostic]:
    """What partition and routing find when they are tried."""
    options = Options(chip=chip)
    try:
        route.run(place.run(partition.run(network, options), options), options)
    except DiagnosticError as error:
        yield from error.diagnostics


def _mapped(network: Network, chip: Chip, synapses: dict[str, Synapses]) -> Iterator[Diagnostic]:
    """Cores and routers of a placement that exists, wherever it comes from."""
    needs = needs_of(network, chip, fan_out(network, synapses))
    for core, segments in by_core(network).items():
        names = ", ".join(dict.fromkeys(name for name, _ in segments))
        if core[0] >= chip.width or core[1] >= chip.height:
            yield Diagnostic(
                E414,
                f"core {core} of {names} lies outside {chip.name}",
                Place(path=names),
                str(core),
                f"a mesh of {chip.width} x {chip.height}",
                "map the network to this chip",
            )
        for name, (amount, limit) in exceeded(network, demand_on(needs, segments), chip).items():
            yield Diagnostic(
                E414,
                f"core {core} with {names} is over its {name}",
                Place(path=names),
                str(amount),
                f"at most {limit}",
                "map the network to this chip",
            )
    yield from route.full_routers(routes(network, synapses), chip)


def _width(type_: Type) -> int:
    if isinstance(type_, BoolType):
        return 1
    return type_.width if isinstance(type_, Format) else 64


_Rule = Callable[[Network, Chip, dict[str, Synapses]], Iterator[Diagnostic]]
_RULES: tuple[_Rule, ...] = (_weights, _states, _sums, _events, _delays, _fan_in, _programs, _sites)
