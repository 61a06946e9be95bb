"""Whether a network fits a chip: its registers and weights, and every limit of its cores, all at once."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from compiler import discovery
from compiler.analysis.occupancy import by_core
from compiler.checking.conformance import lifted
from compiler.chips import UNKNOWN, Chip
from compiler.diagnostics import Diagnostic, DiagnosticError, Place, declare
from compiler.ir.network import Network, Population
from compiler.options import Options
from compiler.pipeline import MAPPING_PASSES
from targets.loihi.agreement import E443
from targets.loihi.registers import Registers, is_compartment, registers_of
from targets.loihi.sums import LARGEST, largest_sum, observed_sum
from targets.loihi.synapses import SynapseRegisters, synapses_of

E440 = declare("E440", "a population does not compute what a compartment of the chip does")
E441 = declare("E441", "a register holds no such number")
E442 = declare("E442", "a weight is not one of the chip's")
E444 = declare("E444", "a core has too many different thresholds or profiles")
E445 = declare("E445", "the chip cannot do what a spike does to the membrane")


def check(network: Network, chip: Chip) -> list[Diagnostic]:
    """Every limit of the chip that a fixed or mapped network breaks."""
    found = []
    for population in network.populations:
        if not is_compartment(network, population):
            found.append(_no_compartment(network, population, chip))
            continue
        registers = registers_of(network, population)
        found += _registers(population, registers, chip)
        found += _reset(population, registers, chip)
        found += _sums(network, population, chip)
    for projection in network.projections:
        found += _weights(projection.name, synapses_of(network, projection), chip)
    return found + _cores(network, chip) + list(_per_core(network, chip))


def _cores(network: Network, chip: Chip) -> list[Diagnostic]:
    """The limits that every chip of networked cores has; widths are those of registers, looked at above."""
    wide = lifted(chip, weight_bits=32, state_bits=32, accumulator_bits=48)
    return discovery.targets()["cores"].check(network, wide)


def _no_compartment(network: Network, population: Population, chip: Chip) -> Diagnostic:
    program = network.programs[population.site.program]
    return Diagnostic(E440, f"%{population.name} is no compartment of {chip.name}", Place(path=population.name),
                      f"@{program.name} with states {', '.join(item.name for item in program.states)}",
                      "a network that was compiled for this family", "compile the source with --target loihi")


def _registers(population: Population, found: Registers, chip: Chip) -> Iterator[Diagnostic]:
    facts = chip.facts
    decay = (1 << facts["decay_bits"]) - 1
    threshold = (1 << facts["threshold_bits"]) - 1
    bias = 1 << (facts["bias_bits"] - 1)
    ranges = {
        "du": (found.du, 0, decay), "dv": (found.dv, 0, decay),
        "vth": (found.threshold, 0, threshold), "low vth": (found.low_threshold, -threshold, threshold),
        "reset offset": (found.offset, 0, threshold),
        "bias mantissa": (found.bias_mantissa, -bias, bias - 1),
        "bias exponent": (found.bias_exponent, 0, facts["bias_exponent"]),
        "refractory": (found.held + 1, 1, facts["longest_refractory"]),
    }
    for name, (values, low, high) in ranges.items():
        if values is None or (low <= values.min() and values.max() <= high):
            continue
        worst = int(values.max() if values.max() > high else values.min())
        yield Diagnostic(E441, f"{name} of %{population.name} has no such value on {chip.name}",
                         Place(path=population.name), str(worst), f"{low}..{high}", _HINTS.get(name, ""))


_HINTS = {"refractory": "a shorter rest after a spike, or a longer time step",
          "vth": "a smaller threshold beside the weights"}


def _reset(population: Population, found: Registers, chip: Chip) -> Iterator[Diagnostic]:
    if found.offset is not None and chip.facts["reset_by_subtraction"] == "no":
        yield Diagnostic(E445, f"%{population.name} takes its threshold off at a spike, {chip.name} resets to 0",
                         Place(path=population.name), "reset by subtraction", "reset to a potential",
                         "reset by value in the source")


def _sums(network: Network, population: Population, chip: Chip) -> Iterator[Diagnostic]:
    """Sums beyond the accumulator, unless calibration data stayed inside: then the report says so."""
    most, (_, seen) = largest_sum(network, population), network.observed.get(observed_sum(population.name), (0, np.inf))
    if most > LARGEST and seen > LARGEST:
        yield Diagnostic(E443, f"sums into %{population.name} may leave the accumulators of {chip.name}",
                         Place(path=population.name), f"|a| <= {most}", f"|a| <= {LARGEST}",
                         "smaller weights or a smaller exponent; a source that is compiled is scaled to fit")


def _per_core(network: Network, chip: Chip) -> Iterator[Diagnostic]:
    """Different thresholds and profiles on one core, of all populations that share it."""
    for core, segments in by_core(_mapped(network, chip)).items():
        found = {name: registers_of(network, network.node(name)) for name, _ in segments  # pyright: ignore
                 if is_compartment(network, network.node(name))}  # pyright: ignore[reportArgumentType]
        parts = [(found[name], item.start, item.stop) for name, item in segments if name in found]
        thresholds = {int(value) for item, start, stop in parts if item.threshold is not None
                      for value in item.threshold[start:stop]}
        profiles = {tuple(row) for item, start, stop in parts for row in item.profiles[start:stop].tolist()}
        limits = {"thresholds": (len(thresholds), chip.facts["thresholds"]),
                  "profiles": (len(profiles), UNKNOWN if "profiles" in chip.unknown else chip.profiles)}
        for name, (most, limit) in limits.items():
            if limit != UNKNOWN and most > limit:
                names = ", ".join(f"%{item}" for item in dict.fromkeys(name for name, _ in segments))
                yield Diagnostic(E444, f"core {core} with {names} has too many {name} for {chip.name}",
                                 Place(path=segments[0][0]), f"{most} {name}", f"at most {limit} {name}",
                                 "fewer different thresholds and time constants in the source")


def _mapped(network: Network, chip: Chip) -> Network:
    """The network on cores; as it is where it cannot be mapped, which is told elsewhere."""
    try:
        for name in MAPPING_PASSES if network.level == "fixed" else ():
            network = discovery.passes()[name].run(network, Options(chip=chip))
    except DiagnosticError:
        pass
    return network


def _weights(name: str, found: SynapseRegisters, chip: Chip) -> Iterator[Diagnostic]:
    least, most = chip.facts["weight_exponents"]
    if not least <= found.exponent <= most:
        yield Diagnostic(E442, f"the weight exponent of {name} does not exist on {chip.name}", Place(path=name),
                         str(found.exponent), f"{least}..{most}", "weights and thresholds nearer to each other")
    if found.bits > chip.weight_bits:
        yield Diagnostic(E442, f"weights of {name} are too wide for {chip.name}", Place(path=name),
                         f"{found.values.min()}..{found.values.max()}, {found.bits} bits",
                         f"{chip.weight_bits} bits", "one link with weights, or fewer weight bits (--weights)")
