"""What one compartment of the chip computes in a step, as operations of the IR.

    u = dec(u, du + 1) + (a << 6)      one wrap by 2**24 into (-2**23, 2**23]
    v = dec(v, dv) + u + bias          clipped to ±(2**23 - 1)
    s = v > (vth << 6);  v = 0 where s

dec(x, d) = x·(4096 - d)/4096, rounded toward zero. Registers stand in the program as they are: the parameter
`kept_u` is (4095 - du)/4096 (`u12.12`), `kept_v` (4096 - dv)/4096 (`u13.12`), `threshold` has fraction -6, so that its
integer is vth; `a` arrives with fraction -6, so that its integer is a. Where the ranges show that u never wraps or v
never clips, `Form` leaves that out.
Source: lava-nc 0.10 `LIF`, bit-accurate model; Davies et al., IEEE Micro 38(1), 2018.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from compiler.formats import BOOL, Format, Type
from compiler.ir.program import Declaration, Emit, Op, Operand, Program, State

SHIFT = 6
"""Bits that a weighted sum and a threshold are shifted left."""

LIMIT = 1 << 23
"""Beyond it u wraps; v is clipped one below."""

KEPT_U, KEPT_V = Format(False, 12, 12), Format(False, 13, 12)
THRESHOLD = Format(True, 18, -SHIFT)
WORD, WRAPPED, CLIPPED = Format(True, 32), Format(True, 25), Format(True, 24)
REPORTED = 128
"""What the chip shows as v in the step of a spike; a counter lies there (design page of the recorded cases)."""


@dataclass(frozen=True)
class Form:
    """Which parts a compartment has.

    port: input port. reset: `zero`, `subtract` (v - offset), or `none`. refractory: v is held at 0 for `held` steps
    after a spike. interval: u and v start anew every `interval` steps. emits: `spikes` (bool), `signed` (ternary),
    `potential` (v before the reset), `membrane` (after it), `reported` (v as the chip shows it), each under a port's
    name. wraps, clips: whether u can wrap and v can clip. sum, u, v, bias: formats.
    """

    port: str = "a"
    reset: str = "zero"
    ternary: bool = False
    refractory: Format | None = None
    interval: Format | None = None
    emits: tuple[tuple[str, str], ...] = (("spikes", "spikes"),)
    wraps: bool = True
    clips: bool = True
    sum: Format = WORD
    u: Format = WRAPPED
    v: Format = CLIPPED
    bias: Format | None = None
    kept_u: Format = KEPT_U
    kept_v: Format = KEPT_V
    threshold: Format = THRESHOLD


def compartment(name: str, form: Form) -> Program:
    """The program of a compartment. States u, v, and `wait` or `phase` where the form needs them."""
    return _Writer(name, form).program()


class _Writer:
    def __init__(self, name: str, form: Form):
        self.name, self.form = name, form
        self.ops: list[Op] = []
        self.states = [State("u", form.u), State("v", form.v)]
        self.params = [Declaration("kept_u", form.kept_u), Declaration("kept_v", form.kept_v)]
        self.updates: list[tuple[str, Operand]] = []

    def program(self) -> Program:
        old_u, old_v = self._restarted()
        u = self._current(old_u)
        v = self._potential(old_v, u)
        spikes = self._spikes(v)
        after = self._after(v, spikes)
        self.updates += [("u", u), ("v", after)]
        self._refract(spikes)
        order = {item.name: index for index, item in enumerate(self.states)}
        updates = tuple(sorted(self.updates, key=lambda pair: order[pair[0]]))
        inputs = (Declaration(self.form.port, self.form.sum),)
        emits = self._emits(v, after, spikes)
        return Program(self.name, inputs, tuple(self.states), tuple(self.params), tuple(self.ops), updates, emits)

    def _op(self, result: str, opcode: str, *operands: Operand, type_: Type = BOOL) -> str:
        self.ops.append(Op(result, opcode, operands, type_))
        return result

    def _restarted(self) -> tuple[str, str]:
        """u and v of the step before, 0 where an interval begins."""
        interval = self.form.interval
        if interval is None:
            return "u", "v"
        self.states.append(State("phase", interval))
        self.params.append(Declaration("last_phase", interval))
        due = self._op("due", "eq", "phase", 0)
        signed = replace(interval, signed=True, width=interval.width + 1)
        earlier = self._op("earlier", "max", self._op("before", "sub", "phase", 1, type_=signed), 0, type_=interval)
        self.updates.append(("phase", self._op("next_phase", "select", due, "last_phase", earlier, type_=interval)))
        return (self._op("started_u", "select", due, 0, "u", type_=self.form.u),
                self._op("started_v", "select", due, 0, "v", type_=self.form.v))

    def _current(self, old: str) -> str:
        form, fits = self.form, replace(self.form.u, rounding="zero")
        kept = self._op("u_kept", "mul", "kept_u", old, type_=fits)
        if not form.wraps:
            return self._op("u_new", "add", kept, form.port, type_=form.u)
        total = self._op("u_sum", "add", kept, form.port, type_=WORD)
        above = self._op("u_above", "gt", total, LIMIT)
        below = self._op("u_below", "le", total, -LIMIT)
        less = self._op("u_less", "sub", total, 2 * LIMIT, type_=WORD)
        more = self._op("u_more", "add", total, 2 * LIMIT, type_=WORD)
        raised = self._op("u_raised", "select", below, more, total, type_=WORD)
        return self._op("u_new", "select", above, less, raised, type_=form.u)

    def _potential(self, old: str, u: str) -> str:
        form = self.form
        kept = self._op("v_kept", "mul", "kept_v", old, type_=replace(form.v, rounding="zero"))
        wide = WORD if form.clips or form.refractory else form.v
        last = "v_sum" if form.clips or form.refractory else "v_new"
        if form.bias is not None:
            self.params.append(Declaration("bias", form.bias))
            driven = self._op("v_driven", "add", kept, u, type_=WORD)
            v = self._op(last, "add", driven, "bias", type_=wide)
        else:
            v = self._op(last, "add", kept, u, type_=wide)
        if form.clips:
            raised = self._op("v_raised", "max", v, 1 - LIMIT, type_=WORD)
            v = self._op("v_clipped" if form.refractory else "v_new", "min", raised, LIMIT - 1, type_=form.v)
        return self._held(v)

    def _held(self, v: str) -> str:
        """0 while the compartment is refractory."""
        refractory = self.form.refractory
        if refractory is None:
            return v
        self.states.append(State("wait", refractory))
        self.params.append(Declaration("held", refractory))
        waiting = self._op("waiting", "gt", "wait", 0)
        return self._op("v_new", "select", waiting, 0, v, type_=self.form.v)

    def _spikes(self, v: str) -> str:
        if not any(kind in ("spikes", "signed", "reported") for kind, _ in self.form.emits):
            return ""
        self.params.append(Declaration("threshold", self.form.threshold))
        over = self._op("spike" if not self.form.ternary else "over", "gt", v, "threshold")
        if not self.form.ternary:
            return over
        self.params.append(Declaration("low_threshold", self.form.threshold))
        under = self._op("under", "lt", v, "low_threshold")
        negative = self._op("negative", "select", under, -1, 0, type_=Format(True, 2))
        self._op("sign", "select", over, 1, negative, type_=Format(True, 2))
        return self._op("spike", "or", over, under)

    def _after(self, v: str, spikes: str) -> str:
        if not spikes or self.form.reset == "none":
            return v
        if self.form.reset == "zero":
            return self._op("v_after", "select", spikes, 0, v, type_=self.form.v)
        self.params.append(Declaration("offset", self.form.threshold))
        left = self._op("v_left", "sub", v, "offset", type_=self.form.v)
        return self._op("v_after", "select", spikes, left, v, type_=self.form.v)

    def _refract(self, spikes: str) -> None:
        refractory = self.form.refractory
        if refractory is None:
            return
        signed = replace(refractory, signed=True, width=refractory.width + 1)
        less = self._op("wait_less", "sub", "wait", 1, type_=signed)
        left = self._op("wait_left", "max", less, 0, type_=refractory)
        self.updates.append(("wait", self._op("next_wait", "select", spikes, "held", left, type_=refractory)))

    def _emits(self, v: str, after: str, spikes: str) -> tuple[Emit, ...]:
        values = {"spikes": spikes, "signed": "sign", "potential": v, "membrane": after, "reported": "v_reported"}
        if any(kind == "reported" for kind, _ in self.form.emits):
            self._op("v_reported", "select", spikes, REPORTED, v, type_=self.form.v)
        return tuple(Emit(port, values[kind]) for kind, port in self.form.emits)
