"""One population with everything that ends in it: fractions are tried from fine to coarse until the widths fit."""

from __future__ import annotations

from dataclasses import dataclass, replace

from compiler.analysis.intervals import EXACT
from compiler.diagnostics import declare, fail
from compiler.formats import BoolType
from compiler.ir.network import Network, Population, Projection, Tensor
from compiler.options import Options
from compiler.quantization.arriving import CARRIED_BITS, Arriving
from compiler.quantization.fractions import FractionChoice, Fractions
from compiler.quantization.incoming_weights import IncomingWeights
from compiler.quantization.sites import quantized_site
from compiler.quantization.tensors import WIDEST_VALUE

E302 = declare("E302", "a value needs more bits than integer engines have")


@dataclass
class _Attempt:
    """One choice of fraction with what followed from it."""

    projections: list[Projection]
    population: Population
    programs: list
    tensors: dict[str, Tensor]
    excess: int

    @property
    def saturating(self) -> int:
        """States that may be cut off."""
        return sum(getattr(item.type, "overflow", "") == "saturate" for program in self.programs
                   for item in program.states)


class PopulationQuantizer:
    """Quantizes one population with everything that ends in it."""

    def __init__(self, network: Network, name: str, options: Options):
        self.network, self.options = network, options
        self.population: Population = network.node(name)  # pyright: ignore[reportAttributeAccessIssue]
        self.incoming = network.into(name)
        bits = options.bits.get(name, options.state_bits)
        self.options = replace(options, state_bits=min(bits, CARRIED_BITS) if self._carries_values() else bits)
        self.arriving = Arriving(network, self.population, self.options)

    def _carries_values(self) -> bool:
        """Whether a projection carries anything but spikes away from here."""
        program = self.network.programs[self.population.site.program]
        ports = {item.source_port for item in self.network.out_of(self.population.name)}
        return any(not isinstance(program.emit_type(port), BoolType) for port in ports)

    def apply(self) -> None:
        self.incoming = [self.arriving.pre(item) for item in self.incoming]
        weights = IncomingWeights(self.network, self.population, self.incoming, self.options)
        self.incoming = [weights.rounded(item) for item in self.incoming]
        self.choice = FractionChoice(self.network, self.population, self.incoming, self.options)
        fraction, coarsest = self.choice.first_and_coarsest()
        if self.options.training:
            self._accept(self._attempt(fraction, True), fraction)
            return
        attempt = self._attempt(fraction, False)
        while attempt.excess and fraction > coarsest:
            fraction = max(coarsest, fraction - attempt.excess)
            attempt = self._attempt(fraction, False)
        if attempt.excess:
            fraction, attempt = self._least_saturating(fraction)
        if attempt.excess:
            raise fail(E302, f"%{self.population.name} needs values wider than {WIDEST_VALUE} bits",
                       self.population.name, found=f"{WIDEST_VALUE + attempt.excess} bits",
                       expected=f"at most {WIDEST_VALUE}", hint="use fewer weight or state bits, or less fan-in")
        self._accept(attempt, fraction)

    def _least_saturating(self, fraction: int) -> tuple[int, _Attempt]:
        """The finest of a few fractions at which the fewest states may be cut off, and what follows from it."""
        best = fraction, self._attempt(fraction, True)
        for coarser in range(fraction - 1, fraction - 1 - self.choice.spare(fraction), -1):
            if not best[1].saturating:
                break
            trial = self._attempt(coarser, True)
            if (trial.excess > 0, trial.saturating) < (best[1].excess > 0, best[1].saturating):
                best = coarser, trial
        return best

    def _attempt(self, fraction: int, saturate: bool) -> _Attempt:
        """Everything with the population's fraction at `fraction`; `excess`: bits above the widest allowed."""
        projections, programs, tensors, sums = [], [], {}, {}
        excess = 0
        for item in self.incoming:
            item, arriving, extra = self.arriving.arriving(item, fraction, saturate, programs, tensors)
            port = item.target_port
            sums[port] = EXACT["add"](sums[port], arriving) if port in sums else arriving
            projections.append(item)
            excess = max(excess, extra)
        fractions = Fractions(fraction, self.choice.dimensionless())
        program, site, extra, new = quantized_site(
            self.network, self.population.name, self.population.site, self.population.size, sums, fractions,
            self.choice.degrees(), self.options, saturate,
        )
        tensors.update(new)
        population = replace(self.population, site=site)
        return _Attempt(projections, population, [*programs, program], tensors, max(excess, extra))

    def _accept(self, attempt: _Attempt, fraction: int) -> None:
        self.network.decided.note(self.population.name, fraction)
        for program in attempt.programs:
            self.network.programs[program.name] = program
        self.network.tensors.update(attempt.tensors)
        for item in (*attempt.projections, attempt.population):
            self.network.add(item)
