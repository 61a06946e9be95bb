"""Rules of start skews and of the mapped level: one slot for every unit, one unit for every slot."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from compiler.diagnostics import Diagnostic, Place, declare
from compiler.ir.network import Network, Population, Projection
from compiler.ir.rules.base import NUMBERS, TYPES, is_count, projection_place, rule
from compiler.results.results import skew_of, source_delays

E270 = declare("E270", "a unit is not placed once")
E271 = declare("E271", "two units share a slot")
E272 = declare("E272", "a start skew does not fit the delays")
E273 = declare("E273", "a retimed bias does not say when it starts")


@rule("population", stage=TYPES, levels=("mapped",))
def every_unit_is_placed_once(network: Network, population: Population) -> Iterator[Diagnostic]:
    expected = 0
    for part in sorted(population.placement, key=lambda part: (part.start, part.stop)):
        if part.start != expected or part.stop <= part.start or part.slot < 0 or min(part.core) < 0:
            break
        expected = part.stop
    else:
        if expected == population.size:
            return
    found = " ".join(f"{part.start}:{part.stop}" for part in population.placement) or "nowhere"
    yield Diagnostic(E270, f"%{population.name} is not placed once", Place(path=f"population %{population.name}"),
                     found, f"segments that cover 0:{population.size} once, on cores and slots from 0")


@rule("network", stage=NUMBERS, levels=("mapped",))
def slots_hold_one_unit(network: Network, _: Network) -> Iterator[Diagnostic]:
    cores: dict[tuple[int, int], list[tuple[int, int, str]]] = defaultdict(list)
    for item in network.populations:
        for part in item.placement:
            cores[part.core].append((part.slot, part.slot + part.stop - part.start, item.name))
    for core, ranges in sorted(cores.items()):
        ranges.sort()
        for (start, stop, name), (after, end, other) in zip(ranges, ranges[1:], strict=False):
            if after < stop:
                yield Diagnostic(E271, f"%{name} and %{other} share slots of core {core}",
                                 Place(path=f"population %{other}"), f"slots {start}:{stop} and {after}:{end}",
                                 "slots that do not overlap")


@rule("population", stage=TYPES)
def skews_are_steps(network: Network, population: Population) -> Iterator[Diagnostic]:
    if not is_count(population.skew):
        yield Diagnostic(E272, f"%{population.name} starts at no step", Place(path=f"population %{population.name}"),
                         str(population.skew), "a whole number, 0 or more")


@rule("projection", stage=NUMBERS)
def skews_leave_no_delay_negative(network: Network, projection: Projection) -> Iterator[Diagnostic]:
    """Source delay = delay - skew of the target + skew of the source (semantics 6)."""
    delays = source_delays(network, projection)
    if delays.size and int(delays.min()) < 0:
        skews = [skew_of(network, name) for name in (projection.source, projection.target)]
        yield Diagnostic(E272, f"%{projection.name} would need values from the future", projection_place(projection),
                         f"delay {int(network.delays(projection).min())}, skew {skews[0]} at its source, "
                         f"{skews[1]} at its target", "skew of the target at most delay + skew of the source")


@rule("projection", stage=NUMBERS)
def retimed_biases_say_when_they_start(network: Network, projection: Projection) -> Iterator[Diagnostic]:
    skewed = any(skew_of(network, name) for name in (projection.source, projection.target))
    if skewed and projection.bias is not None and projection.bias_start is None:
        yield Diagnostic(E273, f"the bias of %{projection.name} does not say when it starts",
                         projection_place(projection), "no bias_start, but start skews",
                         "bias_start in source steps", "retiming writes it out before it changes delays")
