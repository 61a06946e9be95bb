"""Random dynamics programs: LIF-like neurons, filters, traces and arbitrary operations, at both levels.

Every `proved` is true by the formats of the operands alone; everything else saturates or wraps.
"""

from __future__ import annotations

from random import Random

import numpy as np

from compiler.formats import BOOL, F64, BoolType, Format, Type
from compiler.ir.exact import EXACT_BITS, Range, exact_bits, exact_range, range_of_number, range_of_type, rounded
from compiler.ir.network import Tensor
from compiler.ir.ops import COMPARISONS
from compiler.ir.program import Declaration, Emit, Op, Operand, Program, State, TensorRef

Inputs = tuple[Declaration, ...]
Tables = dict[str, Tensor]

NEAREST = ("floor", "zero", "even", "away")
NUMERIC = ("add", "sub", "mul", "neg", "abs", "sign", "min", "max", "convert", "floor", "ceil", "round")
LOGIC = ("and", "or", "xor", "not")
FLOAT_ONLY = ("div", "exp", "expm1", "log", "log1p", "sqrt", "tanh", "logistic", "pow", "sin", "cos")


def random_format(rng: Random, widest: int = 32) -> Format:
    """A format whose raw values fit an int32; widths of both ends are as likely as the middle."""
    signed = rng.random() < 0.75
    width = rng.choice((rng.randint(2, 8), rng.randint(2, widest), widest))
    return Format(signed, width if signed else min(width, 31), rng.randint(-5, 14))


class ProgramBuilder:
    """Collects declarations and ops under fresh names."""

    def __init__(self, rng: Random, level: str, inputs: Inputs, tables: Tables):
        self.rng, self.level = rng, level
        self.inputs, self.tables = inputs, tables
        self.states: list[State] = []
        self.params: list[Declaration] = []
        self.ops: list[Op] = []
        self.updates: dict[str, Operand] = {}
        self.types: dict[str, Type] = {item.name: item.type for item in inputs}

    def state(self, name: str, type_: Type, initial: float | bool = 0.0) -> str:
        self.states.append(State(name, type_, initial))
        self.types[name] = type_
        return name

    def param(self, name: str, type_: Type) -> str:
        self.params.append(Declaration(name, type_))
        self.types[name] = type_
        return name

    def names(self, boolean: bool = False) -> list[str]:
        return [name for name, type_ in self.types.items() if isinstance(type_, BoolType) == boolean]

    def number(self, literals: bool = True) -> Operand:
        """A random operand: a name, or now and then a literal."""
        if literals and self.rng.random() < 0.1:
            return self.rng.choice((0.0, 1, -3, 0.5, -0.375, 6.0))
        return self.rng.choice(self.names())

    def truth(self) -> Operand:
        known = self.names(boolean=True)
        return self.rng.choice(known) if known and self.rng.random() < 0.95 else self.rng.random() < 0.5

    def emit_op(self, opcode: str, operands: tuple[Operand, ...], type_: Type) -> str:
        name = f"x{len(self.ops)}"
        self.ops.append(Op(name, opcode, operands, type_))
        self.types[name] = type_
        return name

    def exact(self, opcode: str, operands: tuple[Operand, ...]) -> Range:
        return exact_range(opcode, [self.range_of(item) for item in operands])

    def range_of(self, operand: Operand) -> Range:
        if isinstance(operand, str):
            return range_of_type(self.types[operand])
        if isinstance(operand, TensorRef):
            table = self.tables[operand.name]
            return Range(int(table.data.min()), int(table.data.max()), getattr(table.type, "fraction", 0))
        return range_of_number(float(operand))

    def apply(self, opcode: str, operands: tuple[Operand, ...], grid: Type) -> str:
        """An op whose result lies on the grid, with random rounding and an overflow mode that is true of it.

        Raises OverflowError where the exact result would need more bits than engines have.
        """
        if not isinstance(grid, Format):
            return self.emit_op(opcode, operands, grid)
        exact = self.exact(opcode, operands)
        if exact_bits(exact, grid.fraction) > EXACT_BITS or exact.fraction - grid.fraction > EXACT_BITS:
            raise OverflowError(opcode)
        rounding = self.rng.choice(NEAREST)
        proved = always_fits(exact, grid.with_modes(rounding, "proved"))
        modes = ("proved", "proved", "saturate", "wrap") if proved else ("saturate", "wrap")
        return self.emit_op(opcode, operands, grid.with_modes(rounding, self.rng.choice(modes)))

    def compare(self, opcode: str, left: Operand, right: Operand) -> str:
        if self.level != "model" and self.exact(opcode, (left, right)).width > EXACT_BITS:
            raise OverflowError(opcode)
        return self.emit_op(opcode, (left, right), BOOL)

    def finish(self, name: str, emits: list[Emit]) -> Program:
        updates = tuple((state.name, self.updates[state.name]) for state in self.states)
        parts = (tuple(self.states), tuple(self.params), tuple(self.ops))
        return Program(name, self.inputs, *parts, updates, tuple(emits))


def grid_of(builder: ProgramBuilder, widest: int = 32) -> Type:
    return F64 if builder.level == "model" else random_format(builder.rng, widest)


def lif(rng: Random, level: str, name: str, inputs: Inputs, emits: dict[str, Type]) -> Program:
    """A leaky integrator with threshold, one of two resets and, at times, a refractory counter."""
    b = ProgramBuilder(rng, level, inputs, {})
    fixed = level != "model"
    grid = Format(True, rng.randint(10, 32), rng.randint(-2, 8)) if fixed else F64
    bits = rng.randint(4, 14)
    v = b.state("v", grid, rng.choice((0.0, 300 * grid.lsb if isinstance(grid, Format) else 0.5)))
    d = b.param("d", Format(False, bits, bits) if fixed else F64)
    theta = b.param("theta", Format(False, rng.randint(4, 12), rng.randint(-2, 4)) if fixed else F64)
    u = b.apply("mul", rng.choice(((d, v), (v, d))), grid)
    for item in inputs:
        u = b.apply("add", (u, item.name), grid)
    spike = b.compare(rng.choice(("gt", "ge")), u, theta)
    if rng.random() < 0.4:
        spike = _refractory(b, spike, 0.0 if not fixed else 0)
    if rng.random() < 0.5:
        reset: Operand = b.param("r", Format(True, 6, 0) if fixed else F64)
    else:
        reset = b.apply("sub", (u, theta), grid)
    b.updates[v] = b.apply("select", (spike, reset, u), grid)
    return b.finish(name, [_emit(b, port, type_, spike, u) for port, type_ in emits.items()])


def _refractory(b: ProgramBuilder, over: str, zero: float) -> str:
    grid: Type = Format(False, 3) if b.level != "model" else F64
    n = b.state("n", grid, 0.0)
    spike = b.emit_op("and", (over, b.compare("eq", n, zero)), BOOL)
    if isinstance(grid, Format):
        less = b.emit_op("sub", (n, 1), grid.with_modes(overflow="saturate"))
    else:
        less = b.apply("max", (b.apply("sub", (n, 1), grid), 0.0), grid)
    b.updates[n] = b.apply("select", (spike, b.rng.randint(1, 5), less), grid)
    return spike


def _emit(b: ProgramBuilder, port: str, type_: Type, spike: str, value: Operand) -> Emit:
    return Emit(port, spike if isinstance(type_, BoolType) else b.apply("convert", (value,), type_))


def leaky_filter(rng: Random, level: str, name: str, source: Type, port: str, result: Type) -> Program:
    """z' = d z + x, emitted: a synaptic filter after the weights or a trace before them."""
    b = ProgramBuilder(rng, level, (Declaration("x", source),), {})
    grid = result.with_modes("floor", "proved") if isinstance(result, Format) else result
    z, d = b.state("z", grid, 0.0), b.param("d", Format(False, 8, 8) if level != "model" else F64)
    decayed = b.apply("mul", (d, z), grid)
    b.updates[z] = b.apply("add", (decayed, "x"), result)
    return b.finish(name, [Emit(port, b.updates[z])])


def arbitrary(
    rng: Random, level: str, name: str, inputs: Inputs, emits: dict[str, Type], tables: Tables | None
) -> Program:
    """Random operations on random formats; at model level every state is clamped to [-8, 8].

    A lookup adds its table to `tables`; there is none where that is None.
    """
    b = ProgramBuilder(rng, level, inputs, {} if tables is None else tables)
    for index in range(rng.randint(1, 3)):
        boolean = rng.random() < 0.15
        b.state(f"s{index}", BOOL if boolean else grid_of(b), False if boolean else 0.0)
    for index in range(rng.randint(0, 3)):
        b.param(f"p{index}", grid_of(b))
    if not b.names():
        b.param("p", grid_of(b))
    for _ in range(rng.randint(2, 14)):
        _random_op(b)
    if tables is not None and rng.random() < 0.2:
        _lookup(b, f"{name}.table")
    for state in b.states:
        b.updates[state.name] = _last(b, state.type)
    return b.finish(name, [Emit(port, _last(b, type_)) for port, type_ in emits.items()])


def _random_op(b: ProgramBuilder) -> None:
    """One more op of any kind; nothing where the draw would exceed the exact width."""
    try:
        kind = b.rng.random()
        if kind < 0.2:
            b.compare(b.rng.choice(sorted(COMPARISONS)), b.number(literals=False), b.number())
        elif kind < 0.3:
            opcode = b.rng.choice(LOGIC)
            b.emit_op(opcode, tuple(b.truth() for _ in range(1 if opcode == "not" else 2)), BOOL)
        elif kind < 0.35:
            b.emit_op("select", (b.truth(), b.truth(), b.truth()), BOOL)
        elif kind < 0.4:
            b.emit_op(b.rng.choice(("eq", "ne")), (b.truth(), b.truth()), BOOL)
        elif kind < 0.55:
            _on_some_grid(b, "select", (b.truth(), b.number(), b.number()))
        elif kind < 0.6:
            _on_some_grid(b, "convert", (b.truth(),))
        elif b.level == "model" and kind < 0.7:
            _float_op(b, b.rng.choice(FLOAT_ONLY))
        else:
            opcode = b.rng.choice(NUMERIC)
            arity = 2 if opcode in ("add", "sub", "mul", "min", "max") else 1
            first = b.number(literals=False)
            _on_some_grid(b, opcode, (first, *(b.number() for _ in range(arity - 1))))
    except OverflowError:
        return


def _lookup(b: ProgramBuilder, table: str) -> None:
    if b.level == "model":
        b.tables[table] = Tensor(F64, np.round(np.linspace(-2.0, b.rng.uniform(2, 4), b.rng.randint(2, 9)), 3))
    else:
        entries = [b.rng.randint(-128, 127) for _ in range(b.rng.randint(2, 9))]
        b.tables[table] = Tensor(Format(True, 8, 5), np.array(entries, np.int8))
    _on_some_grid(b, "lookup", (b.number(literals=False), TensorRef(table)))


def _on_some_grid(b: ProgramBuilder, opcode: str, operands: tuple[Operand, ...]) -> None:
    """Half of the time the exact result's own grid where 32 bits hold it, else any."""
    grid = grid_of(b)
    if b.level != "model" and b.rng.random() < 0.5:
        exact = b.exact(opcode, operands)
        width = exact.union(Range(-1, -1, exact.fraction)).width
        if width <= 32:
            grid = Format(True, width, exact.fraction)
    b.apply(opcode, operands, grid)


def _float_op(b: ProgramBuilder, opcode: str) -> None:
    """A floating-point operation with operands kept where it is defined and moderate."""
    a = b.number(literals=False)
    if opcode in ("exp", "expm1", "div", "pow", "log", "log1p", "sqrt"):
        a = b.apply("min", (b.apply("abs", (a,), F64), 4.0), F64)
    if opcode in ("log", "pow"):
        a = b.apply("add", (a, 0.5), F64)
    if opcode == "div":
        divisor = b.apply("add", (a, 1.0), F64)
        b.apply("div", (b.number(), divisor), F64)
    else:
        b.apply(opcode, (a, 1.5) if opcode == "pow" else (a,), F64)


def _last(b: ProgramBuilder, type_: Type) -> Operand:
    """A late value brought to a type."""
    if isinstance(type_, BoolType):
        return next(reversed(b.names(boolean=True)), False)
    late = b.rng.choice(b.names()[-4:])
    if isinstance(type_, Format):
        try:
            return b.apply("convert", (late,), type_)
        except OverflowError:
            return b.apply("convert", (b.rng.choice((0.0, 1.0)),), type_)
    return b.apply("max", (b.apply("min", (late, 8.0), F64), -8.0), F64)


def always_fits(exact: Range, result: Format) -> bool:
    """Whether every value of `exact`, rounded, lies in the result format."""
    drop = exact.fraction - result.fraction
    low, high = (rounded(raw, drop, result.rounding) for raw in (exact.low, exact.high))
    if result.rounding == "stochastic" and drop > 0:
        high = -(-exact.high >> drop)
    return result.low <= low and high <= result.high
