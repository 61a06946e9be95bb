"""What NIR node a dynamics program is, decided by what it computes and never by its name.

A program is read as affine forms of its states and its input, rounding aside; a truth value is a compare of such a form
with 0. What then has the shape of a primitive is that primitive, whoever wrote it and at whatever level.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from compiler.diagnostics import Diagnostic, DiagnosticError, Place, declare
from compiler.formats import Format
from compiler.ir.network import Network
from compiler.ir.program import Op, Operand, Program, Site

E190 = declare("E190", "no NIR node does what a population does")


@dataclass(frozen=True)
class Form:
    """A sum of names times coefficients, and a constant; arrays over units."""

    terms: Mapping[str, np.ndarray]
    constant: np.ndarray

    def plus(self, other: Form, sign: float = 1.0) -> Form:
        names = [*self.terms, *(name for name in other.terms if name not in self.terms)]
        zero = np.zeros(())
        terms = {name: self.terms.get(name, zero) + sign * other.terms.get(name, zero) for name in names}
        terms = {name: value for name, value in terms.items() if np.any(value)}
        return Form(terms, self.constant + sign * other.constant)

    def times(self, factor: np.ndarray) -> Form:
        return Form({name: value * factor for name, value in self.terms.items()}, self.constant * factor)

    def of(self, name: str) -> np.ndarray:
        return self.terms.get(name, np.zeros(()))

    def has_terms_of(self, other: Form) -> bool:
        return self.terms.keys() == other.terms.keys() and all(
            np.allclose(value, other.terms[name], rtol=1e-12, atol=0) for name, value in self.terms.items())


@dataclass(frozen=True)
class Truth:
    """form > 0; flipped: the opposite."""

    form: Form
    flipped: bool = False


@dataclass(frozen=True)
class Choice:
    """One of two forms."""

    truth: Truth
    then: Form
    otherwise: Form


Meaning = Form | Truth | Choice


@dataclass(frozen=True)
class Dynamics:
    """A primitive: its kind, its fields (arrays over units; time constants in ms) and how it resets.

    kind `Relay`: passes the input on, times field `scale`.
    """

    kind: str
    fields: dict[str, np.ndarray] = field(default_factory=dict)
    reset: str = ""


class _Unlike(Exception):
    """No primitive does this; the text says what it was."""


def dynamics_of(network: Network, name: str, site: Site, ports: set[str]) -> Dynamics:
    """The primitive that a site is, in physical units. ports: those that somebody reads. Errors: E190."""
    program = network.programs[site.program]
    try:
        return _Matching(network, program, site, ports).dynamics()
    except _Unlike as unlike:
        raise DiagnosticError(Diagnostic(
            E190, f"no NIR node does what {name} does", Place(path=name), f"{unlike}{_states(program)}",
            "a linear membrane, with at most one synaptic current in front, a threshold, and a reset to a value or by "
            "subtraction", "NIR has no refractory time, adaptation, or nonlinear dynamics")) from None


def _states(program: Program) -> str:
    names = ", ".join(item.name for item in program.states)
    return f" (states {names})" if names else ""


class _Matching:
    def __init__(self, network: Network, program: Program, site: Site, ports: set[str]):
        self.network, self.program, self.site = network, program, site
        if len(program.inputs) != 1:
            raise _Unlike(f"{len(program.inputs)} input ports")
        self.input = program.inputs[0].name
        emits = [item for item in program.emits if not ports or item.port in ports]
        if len(emits) != 1:
            raise _Unlike(f"emits {', '.join(item.port for item in emits) or 'nothing'}")
        self.values: dict[str, Meaning] = {name: Form({name: np.ones(())}, np.zeros(())) for name in
                                           (self.input, *(item.name for item in program.states))}
        for op in program.ops:
            self.values[op.result] = _meaning(op, [self.read(item) for item in op.operands], self._step(op))
        self.emitted, self.port = self.read(emits[0].value), emits[0].port
        self.updates = {state: self.read(value) for state, value in program.updates}
        self._require_rest()

    def _step(self, op: Op) -> float:
        """The least difference of the operands of a compare, 0 for real numbers."""
        types = self.program.types()
        formats = [types[name] for name in op.names]
        return min((item.lsb for item in formats if isinstance(item, Format)), default=0.0)

    def read(self, operand: Operand) -> Meaning:
        if isinstance(operand, str) and operand in self.values:
            return self.values[operand]
        if isinstance(operand, str):
            return Form({}, self.network.real(self.site.arguments[operand]))
        if isinstance(operand, bool) or not isinstance(operand, int | float):
            raise _Unlike(f"the operand {operand}")
        return Form({}, np.asarray(float(operand)))

    def _require_rest(self) -> None:
        for item in self.program.states:
            start = self.network.real(self.site.initial.get(item.name, item.initial)).ravel()
            if np.any(start):
                first = float(start[np.argmax(start != 0)])
                raise _Unlike(f"state {item.name} starts at {first:g}, states of NIR start at 0")

    # -- units --------------------------------------------------------------------------------------------------------

    def scale(self, name: str) -> np.ndarray:
        """What one unit of a value is physically."""
        if name not in self.site.scaled or self.site.scale is None:
            return np.ones(())
        return self.network.real(self.site.scale)

    # -- matching -----------------------------------------------------------------------------------------------------

    def dynamics(self) -> Dynamics:
        if isinstance(self.emitted, Truth):
            return self._firing(self.emitted)
        if not isinstance(self.emitted, Form):
            raise _Unlike("emits a value that depends on a compare")
        return self._reading(self.emitted)

    def _reading(self, emitted: Form) -> Dynamics:
        if not self.updates:
            if np.any(emitted.constant) or set(emitted.terms) - {self.input}:
                raise _Unlike("adds a constant to its input")
            return Dynamics("Relay", {"scale": emitted.of(self.input) * self.scale(self.port) / self.scale(self.input)})
        membrane = next((state for state, update in self.updates.items() if isinstance(update, Form)
                         and update.has_terms_of(emitted) and np.allclose(update.constant, emitted.constant)), None)
        if membrane is None:
            raise _Unlike("emits something else than the new value of a state")
        kind, fields = self._membrane(membrane, emitted)
        return Dynamics(kind, fields)

    def _firing(self, emitted: Truth) -> Dynamics:
        if emitted.flipped:
            raise _Unlike("fires while its potential is below a threshold")
        resets = {state: update for state, update in self.updates.items() if isinstance(update, Choice)}
        if not self.updates:
            return self._threshold(emitted.form)
        if len(resets) != 1:
            raise _Unlike(f"{len(resets)} states are reset by a spike" if resets else "no state is reset by a spike")
        (membrane, choice), = resets.items()
        if choice.truth.form is not emitted.form:
            raise _Unlike(f"state {membrane} is reset by something else than the spike")
        fired, kept = (choice.otherwise, choice.then) if choice.truth.flipped else (choice.then, choice.otherwise)
        if not kept.has_terms_of(emitted.form):
            raise _Unlike("compares something else than the potential")
        theta = kept.constant - emitted.form.constant
        how, reset = ("value", fired.constant) if not fired.terms else ("subtraction", theta - kept.constant +
                                                                        fired.constant)
        if fired.terms and not fired.has_terms_of(kept):
            raise _Unlike("resets the potential to something that depends on it in another way than subtraction")
        kind, fields = self._membrane(membrane, kept)
        unit = self.scale(membrane)
        return Dynamics(f"{kind}F", fields | {"v_threshold": theta * unit, "v_reset": reset * unit}, how)

    def _threshold(self, form: Form) -> Dynamics:
        factor = form.of(self.input)
        if set(form.terms) - {self.input} or not np.all(factor > 0):
            raise _Unlike("a threshold on something else than its input")
        return Dynamics("Threshold", {"threshold": -form.constant / factor * self.scale(self.input)})

    def _membrane(self, v: str, form: Form) -> tuple[str, dict[str, np.ndarray]]:
        """Kind without F, and fields, of the membrane v whose new value before a reset is the form."""
        others = [state for state in self.updates if state != v]
        if set(form.terms) - {v, self.input, *others}:
            raise _Unlike(f"the potential depends on {', '.join(sorted(form.terms))}")
        unit, decay = self.scale(v), form.of(v)
        gain = form.of(self.input) * unit / self.scale(self.input)
        fields: dict[str, np.ndarray] = {}
        if others:
            gain, fields = self._current(others, form, unit)
        if np.all(decay == 1) and not fields and not np.any(form.constant):
            return "I", {"r": gain}
        if np.any(decay >= 1) or np.any(decay <= -1):
            raise _Unlike(f"a potential that does not decay ({float(np.max(decay)):g} of it is left after a step)")
        share = 1 - decay
        membrane = {"r": gain / share, "v_leak": form.constant * unit / share}
        if fields:
            return "CubaLI", membrane | fields | {"tau_mem": self.network.dt / share}
        return "LI", membrane | {"tau": self.network.dt / share}

    def _current(self, others: list[str], form: Form, unit: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """The gain of the synaptic current in the membrane, and the current's own fields."""
        if len(others) > 1:
            raise _Unlike(f"states {', '.join(others)} beside the potential")
        i, update = others[0], self.updates[others[0]]
        if not isinstance(update, Form) or np.any(update.constant) or set(update.terms) - {i, self.input}:
            raise _Unlike(f"state {i} is no decaying sum of the input")
        decay, arriving = update.of(i), update.of(self.input)
        if np.any(decay >= 1) or np.any(decay <= -1):
            raise _Unlike(f"state {i} does not decay")
        with np.errstate(all="ignore"):
            gain = np.where(arriving != 0, form.of(self.input) / arriving, form.of(i) / decay)
        seen = gain * decay, gain * arriving
        if not all(np.allclose(*pair, rtol=1e-9) for pair in zip(seen, (form.of(i), form.of(self.input)), strict=True)):
            raise _Unlike(f"the potential sees the old value of {i}, in NIR it sees the new one")
        share = 1 - decay
        arriving = arriving * self.scale(i) / self.scale(self.input)
        return gain * unit / self.scale(i), {"tau_syn": self.network.dt / share, "w_in": arriving / share}


# -- operations -------------------------------------------------------------------------------------------------------


def _meaning(op: Op, operands: list[Meaning], step: float) -> Meaning:
    rule = _RULES.get(op.opcode)
    found = None if rule is None else rule(step, *operands)
    if found is None:
        raise _Unlike(f"%{op.result} = {op.opcode} {', '.join(map(str, op.operands))}")
    return found


def _sum(sign: float) -> Callable[..., Meaning | None]:
    def of(step: float, left: Meaning, right: Meaning) -> Meaning | None:
        return left.plus(right, sign) if isinstance(left, Form) and isinstance(right, Form) else None

    return of


def _product(step: float, left: Meaning, right: Meaning) -> Meaning | None:
    if not (isinstance(left, Form) and isinstance(right, Form)):
        return None
    if not right.terms:
        return left.times(right.constant)
    return None if left.terms else right.times(left.constant)


def _compare(swapped: bool, equal_passes: bool) -> Callable[..., Meaning | None]:
    def of(step: float, left: Meaning, right: Meaning) -> Meaning | None:
        if not (isinstance(left, Form) and isinstance(right, Form)):
            return None
        form = right.plus(left, -1.0) if swapped else left.plus(right, -1.0)
        constant = form.constant
        if step:
            # Between the last integer that does not fire and the first that does: whoever computes with these numbers
            # in floating point never has to decide a tie.
            constant = constant + (step / 2 if equal_passes else -step / 2)
        elif equal_passes:
            # v >= theta is v > the number before theta.
            constant = np.nextafter(constant, np.inf)
        return Truth(Form(form.terms, constant))

    return of


def _select(step: float, truth: Meaning, then: Meaning, otherwise: Meaning) -> Meaning | None:
    if isinstance(truth, Truth) and isinstance(then, Form) and isinstance(otherwise, Form):
        return Choice(truth, then, otherwise)
    return None


_RULES: dict[str, Callable[..., Meaning | None]] = {
    "add": _sum(1.0), "sub": _sum(-1.0), "mul": _product,
    "neg": lambda step, value: value.times(np.asarray(-1.0)) if isinstance(value, Form) else None,
    "convert": lambda step, value: value,
    "not": lambda step, value: Truth(value.form, not value.flipped) if isinstance(value, Truth) else None,
    "gt": _compare(False, False), "ge": _compare(False, True), "lt": _compare(True, False), "le": _compare(True, True),
    "select": _select,
}
