"""How many fraction bits the values of a population get, from an error budget and from the values seen."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from compiler.analysis.homogeneity import Degrees, infer
from compiler.analysis.linearity import passes_on
from compiler.formats import Format
from compiler.ir.network import Network, Population, Projection
from compiler.ir.ops import COMPARISONS
from compiler.ir.program import Site
from compiler.options import Options
from compiler.quantization.tensors import WIDEST_VALUE

STOCHASTIC = "stochastic"

_STEPS_PER_THRESHOLD = 4096
_COARSEST_THRESHOLD = 256
_LASTING = 192
"""Steps of the states below the threshold for every step that an error lasts: 0.3 % of the threshold are lost."""
_LONGEST = 4096.0
_LOSING = ("zero", "floor")
"""Roundings whose errors all point the same way."""
_COARSER = 2
"""Bits of a nonlinear population's fraction given for a proof at most."""
_OUTLYING = 16
_SPARE_BITS = 8
"""Room for intermediate results above the states of a nonlinear program."""


@dataclass(frozen=True)
class Fractions:
    """Fraction bits of real values of degree 1 (they carry the unit's scale) and of degree 0.

    limits: the most of a single result. states: formats of states that are settled.
    """

    scaled: int
    plain: int
    limits: Mapping[str, int] = field(default_factory=dict)
    states: Mapping[str, Format] = field(default_factory=dict)

    def of(self, degree: int | None) -> int:
        return self.plain if degree == 0 else self.scaled


class FractionChoice:
    """The fractions of one population with what ends in it."""

    def __init__(self, network: Network, population: Population, incoming: list[Projection], options: Options):
        self.network, self.population, self.incoming, self.options = network, population, incoming, options

    def held(self, name: str) -> int | None:
        """A fraction that is not to be chosen."""
        return self.options.decided.fractions.get(name) if self.options.decided else None

    def first_and_coarsest(self) -> tuple[int, int]:
        """Fraction to try first, and the coarsest one that is better than saturating.

        The first is fine beside the threshold, and never coarser than the weights that arrive.
        """
        held = self.held(self.population.name)
        held = self.options.state_fraction if held is None else held
        if held is not None:
            return held, held
        if not self.population.site.scaled and not self._learns_linearly():
            finest = self._finest()
            return finest, finest
        reference = self._reference()
        wanted = math.ceil(math.log2(self._steps_per_threshold() / reference))
        coarsest = math.ceil(math.log2(_COARSEST_THRESHOLD / reference))
        return max(0, min(24, wanted)), min(coarsest, self._reaching(reference))

    def _steps_per_threshold(self) -> float:
        """Steps of the states below the threshold. Rounding that always loses adds up for as long as states last."""
        if self.options.rounding not in _LOSING:
            return _STEPS_PER_THRESHOLD
        posts = [item.post for item in self.incoming if item.post is not None]
        lasting = self._lasting(self.population.site) * max([self._lasting(item) for item in posts], default=1.0)
        return max(_STEPS_PER_THRESHOLD, _LASTING * min(lasting, _LONGEST))

    def _lasting(self, site: Site) -> float:
        """Steps for which a change of a state lasts: 1/(1 - d) of the slowest decay d of the site, 1 without any."""
        program = self.network.programs[site.program]
        states, found = {item.name for item in program.states}, [1.0]
        for op in program.ops:
            if op.opcode == "mul" and states & set(op.names):
                factors = [self.network.real(site.arguments[item]) for item in op.names if item in site.arguments]
                factors += [np.asarray(item) for item in op.operands if isinstance(item, float)]
                found += [float(np.median(1 / (1 - item))) for item in factors if ((item > 0) & (item < 1)).all()]
        return max(found)

    def spare(self, fraction: int) -> int:
        """Bits by which the fraction of a nonlinear population may be coarser for its states to be proved: it stays
        finer than what a threshold needs."""
        free = self.held(self.population.name) is None and self.options.state_fraction is None
        if not free or self.population.site.scaled or self._learns_linearly():
            return 0
        wanted = math.ceil(math.log2(self._steps_per_threshold() / self._reference()))
        return max(0, min(_COARSER, fraction - wanted))

    def _reaching(self, reference: float) -> int:
        """The finest fraction at which the narrowest state reaches the thresholds, with a factor of two to spare.

        A unit that needs far more than most does not make all others coarse.
        """
        own = [width for name, width in self.options.bits.items() if name.rpartition(".")[0] == self.population.name]
        largest = min(max(reference, self._thresholds().max(initial=0.0)), _OUTLYING * reference)
        return min([self.options.state_bits, *own]) - 2 - math.ceil(math.log2(largest))

    def _learns_linearly(self) -> bool:
        """Whether it is a population that could be scaled, were its weights not learned."""
        ports = {item.target_port for item in self.incoming}
        learned = any(item.synapse is not None for item in self.incoming)
        program = self.network.programs[self.population.site.program]
        return learned and infer(program, {port for port in ports if not passes_on(program, port)}) is not None

    def _finest(self) -> int:
        """Fraction that leaves a factor of two above every value seen."""
        seen = [max(abs(low), abs(high)) for name, (low, high) in self.network.observed.items()
                if name.startswith(f"{self.population.name}.")]
        largest = max([*seen, self._reference()])
        bits = min(self.options.state_bits, WIDEST_VALUE - _SPARE_BITS)
        return min(24, bits - 2 - math.ceil(math.log2(largest)))

    def dimensionless(self) -> int:
        """Fraction of real states of degree 0: all bits below the largest value seen."""
        name = f"{self.population.name} plain"
        held = self.held(name)
        return self.network.decided.note(name, self._finest_plain() if held is None else held)

    def _finest_plain(self) -> int:
        seen = [max(abs(low), abs(high)) for name, (low, high) in self.network.observed.items()
                if name.startswith(f"{self.population.name}.")]
        return self.options.state_bits - 2 - math.ceil(math.log2(max([*seen, 1.0])))

    def _reference(self) -> float:
        """Magnitude the error is measured against: thresholds, else the largest state seen, else 1."""
        thresholds = self._thresholds()
        if thresholds.size:
            return float(np.quantile(thresholds, 0.1))
        seen = [max(abs(low), abs(high)) for name, (low, high) in self.network.observed.items()
                if name.startswith(f"{self.population.name}.")]
        return max([*seen, 0.0]) or 1.0

    def _thresholds(self) -> np.ndarray:
        """Magnitudes above 0 of what values are compared with, at their start."""
        site = self.population.site
        degrees = self.degrees()
        found = []
        for op in self.network.programs[site.program].ops:
            if op.opcode in COMPARISONS:
                for name in op.names:
                    given = site.arguments.get(name, site.initial.get(name))
                    if given is not None and (degrees is None or degrees.names[name]):
                        found.append(np.abs(self.network.real(given)).ravel())
        values = np.concatenate([*found, np.zeros(0)])
        return values[values > 0]

    def degrees(self) -> Degrees | None:
        if not self.population.site.scaled:
            return None
        ports = {item.target_port for item in self.incoming}
        return infer(self.network.programs[self.population.site.program], ports)
