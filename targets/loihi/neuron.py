"""What a neuron does, found from its operations: a leak, at most one synaptic current, thresholds, reset, rest.

    f <- kept_f * f + sum of gain[port] * port          (current, where there is one)
    v <- kept * v + f  (or + sum of gain[port] * port) + bias
    spikes where v > threshold; then v <- reset, and v is deaf for `held` steps; or v <- v - offset

Nothing is asked of a neuron's name or class: the program is evaluated as affine maps for every outcome of its
comparisons, and every state, counters included, is followed by what it does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from compiler.diagnostics import Diagnostic, DiagnosticError, Place, declare
from compiler.formats import FloatType
from compiler.ir.network import Network
from compiler.ir.program import Emit, Program, Site
from targets.loihi.affine import ORDERED, Affine, NotAffineError, Outcome, names, outcomes

E330 = declare("E330", "a neuron is not one of those that the chip's compartments compute")

LONGEST_REST = 4096


@dataclass(frozen=True)
class Neuron:
    """Real values, one for all units or one per unit.

    membrane, current: names of the states (current "": none). kept, kept_current: shares left after a step. gains: of
    every port, on the membrane. threshold, low_threshold: None where there is none. reset: `zero` (to `rest`),
    `subtract` (by `offset`), `none`. rest: where v is after a spike and its rest. held: steps of rest. emits: (what,
    port), what as in `dynamics.Form`. compared: of each threshold the comparison behind it, and the factor that makes
    its left less its right side the membrane less the threshold.
    """

    membrane: str
    kept: np.ndarray
    bias: np.ndarray
    gains: Mapping[str, np.ndarray]
    current: str = ""
    kept_current: np.ndarray = field(default_factory=lambda: np.zeros(()))
    current_gain: np.ndarray = field(default_factory=lambda: np.ones(()))
    threshold: np.ndarray | None = None
    low_threshold: np.ndarray | None = None
    reset: str = "none"
    rest: np.ndarray = field(default_factory=lambda: np.zeros(()))
    offset: np.ndarray = field(default_factory=lambda: np.zeros(()))
    held: np.ndarray = field(default_factory=lambda: np.zeros((), np.int64))
    emits: tuple[tuple[str, str], ...] = ()
    compared: Mapping[str, tuple[str, np.ndarray]] = field(default_factory=dict)


def recognise(network: Network, name: str, site: Site) -> Neuron:
    """The neuron that a site's program is. Errors: E330 with what stands in the way and where."""
    try:
        return _Reader(network, name, site).neuron()
    except NotAffineError as error:
        place = error.op.place if str(error.op.place) else Place(path=name)
        raise DiagnosticError(_refusal(name, error.reason, place, f"%{error.op.result} = {error.op.opcode}")) from error


def _refusal(name: str, reason: str, place: Place, found: str = "") -> Diagnostic:
    return Diagnostic(
        E330, f"%{name} is no neuron of this chip: {reason}", place, found,
        "leaky membrane, at most one leaky current, fixed thresholds, reset, rest after a spike",
        "the chip's compartments have this one form; take another neuron, or another target",
    )


class _Reader:
    def __init__(self, network: Network, name: str, site: Site):
        self.network, self.name, self.site = network, name, site
        self.program: Program = network.programs[site.program]
        self.floats = [item.name for item in self.program.states if isinstance(item.type, FloatType)]
        self.counters = [item.name for item in self.program.states if not isinstance(item.type, FloatType)]

    def refuse(self, reason: str, found: str = "") -> DiagnosticError:
        return DiagnosticError(_refusal(self.name, reason, Place(path=self.name), found))

    def neuron(self) -> Neuron:
        start = {name: self._initial(name) for name in self.counters}
        cases = outcomes(self.network, self.site, start)
        firing = [item for item in cases if self._fires(item).any()]
        quiet = [item for item in cases if not self._fires(item).any()]
        if len(quiet) != 1 and firing:
            raise self.refuse("its comparisons decide more than when it spikes", ", ".join(cases[0].differences))
        if not firing and len(cases) > 1:
            raise self.refuse("it compares values and never spikes", ", ".join(cases[0].differences))
        if firing and not all(self._fires(item).all() for item in firing if self._is_possible(item)):
            raise self.refuse("some of its units rest at the start")
        membrane = self._membrane(quiet[0], firing)
        linear = self._linear(quiet[0], membrane, cases)
        emits = tuple(self._emit(item, quiet[0], firing, membrane) for item in self.program.emits)
        if not firing:
            return Neuron(**linear, emits=emits)
        parts = self._thresholds(quiet[0], firing, membrane) | self._reset(quiet[0], firing, membrane)
        return Neuron(**linear, **parts, emits=emits)

    def _initial(self, name: str) -> np.ndarray:
        return self.network.real(self.site.initial.get(name, self.program.state(name).initial))

    def _next(self, outcome: Outcome, state: str) -> Affine:
        return outcome.number(self.program.update_of(state))

    def _fires(self, outcome: Outcome) -> np.ndarray:
        """In which units something is emitted that is a spike: a truth, or a number that nothing changes."""
        found = np.zeros((), bool)
        for item in self.program.emits:
            truth, number = outcome.truth(item.value), outcome.number(item.value)
            if truth is not None or number.is_constant:
                found = found | (number.constant != 0)
        return found

    @staticmethod
    def _is_possible(outcome: Outcome) -> bool:
        """Two thresholds cannot both be passed."""
        return sum(outcome.truths.values()) < 2

    # -- membrane and current

    def _membrane(self, quiet: Outcome, firing: list[Outcome]) -> str:
        """The state that is compared, or shown where nothing is."""
        if firing:
            difference = next(iter(quiet.differences.values()), None)
            if difference is None:
                raise self.refuse("it spikes whatever arrives")
            known = [name for name in self.floats if _scaled(difference, self._next(quiet, name)) is not None]
            if not known:
                changing = ", ".join(f"%{name}" for name in names(difference.terms) if name in self.floats)
                raise self.refuse("what it compares with its threshold is not the new membrane potential alone: a "
                                  "compartment's threshold does not change, and nothing but v is compared", changing)
            return known[0]
        shown = [quiet.number(item.value) for item in self.program.emits]
        for name in self.floats:
            if any(self._next(quiet, name).close_to(value) for value in shown):
                return name
        raise self.refuse("it emits neither spikes nor its membrane potential")

    def _linear(self, quiet: Outcome, membrane: str, cases: list[Outcome]) -> dict:
        """Leak, current, gains and bias."""
        after = self._next(quiet, membrane)
        ports = [item.name for item in self.program.inputs]
        others = [name for name in names(after.terms) if name not in (*ports, membrane)]
        currents = [name for name in self.floats if name != membrane and self._feeds(quiet, name, after, ports)]
        if len(currents) > 1 or set(others) - set(currents):
            raise self.refuse("more than one state drives the membrane", ", ".join(f"%{name}" for name in others))
        extra = [name for name in self.floats if name not in (membrane, *currents)]
        if extra:
            shown = ", ".join(f"%{name}" for name in extra)
            raise self.refuse("a state that the chip's compartments do not have", shown)
        found = {"membrane": membrane, "kept": after.coefficient(membrane), "bias": after.constant,
                 "gains": {port: after.coefficient(port) for port in ports}}
        return found | (self._current(quiet, membrane, currents[0], ports, cases) if currents else {})

    def _feeds(self, quiet: Outcome, name: str, after: Affine, ports: list[str]) -> bool:
        """Whether a state is a current: it takes ports in and drives the membrane."""
        own = self._next(quiet, name)
        return any(np.any(own.coefficient(port)) for port in ports)

    def _current(self, quiet: Outcome, membrane: str, name: str, ports: list[str], cases: list[Outcome]) -> dict:
        """u = gain * current, where the membrane takes the new current."""
        own, after = self._next(quiet, name), self._next(quiet, membrane)
        if np.any(own.constant) or set(names(own.terms)) - {name, *ports}:
            raise self.refuse("its current depends on more than its inputs", f"%{name}")
        if not all(self._next(item, name).close_to(own) for item in cases):
            raise self.refuse("a spike changes its current", f"%{name}")
        port = max(ports, key=lambda item: float(np.abs(own.coefficient(item)).max(initial=0.0)))
        gain = after.coefficient(port) / own.coefficient(port)
        driven = Affine(after.constant, {membrane: after.coefficient(membrane)}) + own * gain
        if not after.close_to(driven):
            raise self.refuse("its membrane does not take the current of the same step", f"%{name}")
        return {"current": name, "kept_current": own.coefficient(name), "current_gain": gain}

    # -- thresholds, reset, rest

    def _thresholds(self, quiet: Outcome, firing: list[Outcome], membrane: str) -> dict:
        after, found, compared = self._next(quiet, membrane), {}, {}
        for atom, difference in quiet.differences.items():
            up = not quiet.truths[atom]
            scaled = _scaled(difference, after)
            if scaled is None:
                raise self.refuse("it compares something else than its new membrane potential", f"%{atom}")
            factor, threshold = scaled
            above = (factor > 0).all() == up
            if not ((factor > 0).all() or (factor < 0).all()):
                raise self.refuse("some of its units spike above and some below a threshold", f"%{atom}")
            key = "threshold" if above else "low_threshold"
            if key in found:
                raise self.refuse("it has two thresholds on one side", f"%{atom}")
            found[key] = threshold
            compared[key] = atom, ORDERED[self.program.op(atom).opcode] / factor
        if "threshold" not in found:
            raise self.refuse("it spikes below a threshold only")
        return found | {"compared": compared}

    def _reset(self, quiet: Outcome, firing: list[Outcome], membrane: str) -> dict:
        possible = [item for item in firing if self._is_possible(item)]
        after = [self._next(item, membrane) for item in possible]
        if not all(item.close_to(after[0]) for item in after):
            raise self.refuse("its two thresholds reset it differently")
        held, rest = self._rest(possible[0], membrane, after[0])
        if after[0].is_constant:
            return {"reset": "zero", "rest": rest, "held": held}
        left = self._next(quiet, membrane) - after[0]
        if not left.is_constant and left.size > 1e-9 * after[0].size or np.any(held):
            raise self.refuse("a spike does neither reset nor lower its membrane potential" if not np.any(held) else
                              "its membrane potential goes on changing while it rests")
        if not np.any(left.constant):
            raise self.refuse("a spike leaves its membrane potential as it is")
        return {"reset": "subtract", "offset": left.constant}

    def _rest(self, fired: Outcome, membrane: str, after: Affine) -> tuple[np.ndarray, np.ndarray]:
        """Steps in which units cannot fire, and where their membrane is at the end of them."""
        counters = {name: self._next(fired, name).constant for name in self.counters}
        value, held = after.constant, np.zeros((), np.int64)
        if not self.counters:
            return held, value
        for _ in range(LONGEST_REST):
            cases = outcomes(self.network, self.site, counters)
            resting = ~np.logical_or.reduce([self._fires(item) for item in cases])
            if not resting.any():
                return held, value
            value = np.where(resting, self._at_rest(cases, membrane, value, resting), value)
            held = held + resting
            counters = {name: self._next(cases[0], name).constant for name in self.counters}
        raise self.refuse("it rests for ever after a spike")

    def _at_rest(self, cases: list[Outcome], membrane: str, value: np.ndarray, resting: np.ndarray) -> np.ndarray:
        nothing = Affine(np.zeros(()))
        steps = [self._next(item, membrane).where(resting, nothing) for item in cases]
        if not all(item.close_to(steps[0]) for item in steps):
            raise self.refuse("its membrane potential passes a threshold while it rests, and that changes it")
        if set(names(steps[0].terms)) - {membrane}:
            raise self.refuse("it takes input in while it rests after a spike")
        return steps[0].coefficient(membrane) * value + steps[0].constant

    # -- ports

    def _emit(self, item: Emit, quiet: Outcome, firing: list[Outcome], membrane: str) -> tuple[str, str]:
        """What a port carries."""
        possible = [outcome for outcome in firing if self._is_possible(outcome)]
        if quiet.truth(item.value) is not None:
            told = all(outcome.number(item.value).constant.all() for outcome in possible)
            if len(quiet.differences) == 2 and not told:
                raise self.refuse("a port tells one of its two thresholds only", item.port)
            return "spikes", item.port
        values = [outcome.number(item.value) for outcome in (quiet, *possible)]
        if all(value.is_constant for value in values):
            self._require_sign(item, quiet, possible, membrane)
            return "signed", item.port
        before = self._next(quiet, membrane)
        if all(value.close_to(before) for value in values):
            return "potential", item.port
        after = [self._next(outcome, membrane) for outcome in (quiet, *possible)]
        if all(value.close_to(own) for value, own in zip(values, after, strict=True)):
            return "membrane", item.port
        raise self.refuse("it emits what is neither spikes nor its membrane potential", item.port)

    def _require_sign(self, item: Emit, quiet: Outcome, possible: list[Outcome], membrane: str) -> None:
        """1 above the threshold, -1 below the low one, else 0."""
        after = self._next(quiet, membrane)
        wrong = np.any(quiet.number(item.value).constant != 0)
        for outcome in possible:
            passed = next(atom for atom in outcome.truths if outcome.truths[atom] != quiet.truths[atom])
            scaled = _scaled(quiet.differences[passed], after)
            up = scaled is not None and (scaled[0] > 0).all() == outcome.truths[passed]
            wrong |= np.any(outcome.number(item.value).constant != (1 if up else -1))
        if wrong:
            raise self.refuse("it emits other numbers than 1 above its threshold and -1 below", item.port)


def _scaled(difference: Affine, value: Affine) -> tuple[np.ndarray, np.ndarray] | None:
    """(factor, threshold) with difference = factor * (value - threshold), None where that cannot be."""
    key = max(value.terms, key=lambda name: float(np.abs(value.terms[name]).min()), default=None)
    if key is None or not np.all(value.terms[key]):
        return None
    factor = np.asarray(difference.coefficient(key) / value.terms[key])
    if not np.all(factor):
        return None
    rest = difference - value * factor
    constant = Affine(rest.constant)
    if (rest - constant).size > 1e-9 * max(difference.size, 1e-300):
        return None
    return factor, -rest.constant / factor
