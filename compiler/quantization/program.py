"""How one dynamics program becomes an integer program: fractions, coefficients, then widths from ranges."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from compiler import discovery
from compiler.analysis.homogeneity import Degrees
from compiler.analysis.intervals import Interval
from compiler.analysis.ranges import SiteRanges
from compiler.diagnostics import DiagnosticError, declare, fail
from compiler.formats import BOOL, BoolType, FloatType, Format, Type, smallest_format, storage_dtype
from compiler.functions.builder import Builder
from compiler.ir.network import Network, Tensor
from compiler.ir.ops import OPS
from compiler.ir.program import Declaration, Op, Operand, Program, Site, State, TensorRef
from compiler.ir.rewrite import fresh_name
from compiler.options import Options

E301 = declare("E301", "an operation has no integer form")

STOCHASTIC = "stochastic"
WIDE = 62
WIDEST_VALUE = 32


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


def quantized_values(values: np.ndarray, fraction: int) -> Tensor:
    """Real numbers rounded to nearest at a fraction, in the narrowest format."""
    raw = np.rint(np.ldexp(np.asarray(values, np.float64), fraction)).astype(np.int64)
    type_ = smallest_format(min(0, int(raw.min(initial=0))), max(0, int(raw.max(initial=0))), fraction)
    return Tensor(type_, raw.astype(storage_dtype(type_)))


def coefficient_fraction(values: np.ndarray, bits: int) -> int:
    """Fraction bits that give the largest number `bits` significant bits."""
    largest = float(np.abs(values).max(initial=0.0))
    return bits - math.frexp(largest)[1] if largest else bits


def quantized_coefficients(values: np.ndarray, bits: int, fraction: int | None = None) -> Tensor:
    """Real numbers at a fraction, or at `bits` significant bits of the largest; trailing zero bits dropped."""
    if not np.any(values):
        return quantized_values(values, 0)
    fraction = coefficient_fraction(values, bits) if fraction is None else fraction
    raw = np.rint(np.ldexp(np.asarray(values, np.float64), fraction)).astype(np.int64)
    joined = int(np.bitwise_or.reduce(np.abs(raw).ravel()))
    spare = min((joined & -joined).bit_length() - 1 if joined else 0, max(fraction, 0))
    return quantized_values(values, fraction - spare)


def typed_program(
    network: Network,
    name: str,
    site: Site,
    input_fractions: dict[str, int],
    fractions: Fractions,
    degrees: Degrees | None,
    options: Options,
    saturate: bool,
) -> tuple[Program, Site, dict[str, Tensor]]:
    """The site's program with a fraction for every value, wide enough for anything, and integer arguments."""
    typing = _Typing(network, name, site, input_fractions, fractions, degrees, options, saturate)
    return typing.program(), typing.site(), typing.tensors


class _Typing:
    def __init__(self, network, name, site, input_fractions, fractions, degrees, options, saturate):
        self.network: Network = network
        self.name, self.old_site, self.fractions = name, site, fractions
        self.degrees: Degrees | None = degrees
        self.options: Options = options
        self.saturate = saturate
        self.source = network.programs[site.program]
        self.tensors: dict[str, Tensor] = {}
        self.arguments = {item.name: self._argument(item) for item in self.source.params}
        self.types: dict[str, Type] = {key: Format(True, WIDE, item) for key, item in input_fractions.items()}
        self.types |= {item.name: self._argument_type(item) for item in self.source.params}
        self.types |= {item.name: self._state_type(item) for item in self.source.states}

    def program(self) -> Program:
        ops: list[Op] = []
        for op in self.source.ops:
            if not OPS[op.opcode].fixed:
                ops += self._expanded(op)
                continue
            operands = tuple(self._operand(item, op, index) for index, item in enumerate(op.operands))
            self.types[op.result] = self._result_type(op, operands)
            ops.append(replace(op, operands=operands, type=self.types[op.result]))
        inputs = tuple(Declaration(item.name, self.types[item.name]) for item in self.source.inputs)
        states = tuple(self._state(item) for item in self.source.states)
        params = tuple(Declaration(item.name, self.types[item.name]) for item in self.source.params)
        ops, updates = self._fitted_updates(ops)
        ops = _numbered(ops)
        name = f"{self.source.name}.{self.name}"
        return Program(name, inputs, states, params, tuple(ops), updates, self.source.emits)

    def _expanded(self, op: Op) -> list[Op]:
        """A nonlinear operation as integer operations. Raises E301 where there is no file for it."""
        functions = discovery.modules("compiler.functions")
        if op.opcode not in functions:
            raise self._no_integer_form(op, [name for name, item in functions.items() if hasattr(item, "expand")])
        builder = Builder(op.result, self.types, op.place)
        operands = tuple(self._operand(item, op, index) for index, item in enumerate(op.operands))
        result = Format(True, WIDEST_VALUE, self.fractions.of(self._degree(op.result)), "even", "saturate")
        functions[op.opcode].expand(builder, operands, result)
        self.tensors |= builder.tables
        return builder.ops

    def _no_integer_form(self, op: Op, functions: list[str]) -> DiagnosticError:
        place = op.place if str(op.place) else self.name
        integer = ", ".join([*(name for name, spec in OPS.items() if spec.fixed), *functions])
        return fail(E301, f"`{op.opcode}` has no integer form", place, found=f"%{op.result} = {op.opcode}",
                    expected=integer, hint="write the dynamics with these operations, or run the source in float")

    def site(self) -> Site:
        initial = {}
        for key, value in self.old_site.initial.items():
            type_ = self.types[key]
            if isinstance(value, TensorRef) and isinstance(type_, Format):
                tensor = quantized_values(self.network.real(value), type_.fraction)
                self.tensors[f"{self.name}.{key}0.q"] = tensor
                initial[key] = TensorRef(f"{self.name}.{key}0.q")
            else:
                initial[key] = _at(value, type_)
        program = f"{self.source.name}.{self.name}"
        return replace(self.old_site, program=program, arguments=self.arguments, initial=initial)

    def _argument(self, item: Declaration):
        value = self.old_site.arguments[item.name]
        if isinstance(item.type, BoolType) and not isinstance(value, TensorRef):
            return bool(value)
        real = self.network.real(value)
        tensor = self._quantized_argument(item, real)
        if self.options.training:
            real = real.reshape(-1)
            tensor = _free(tensor, item.type, real, self._argument_fraction(item, real), self.options.coefficient_bits)
        if real.ndim == 0:
            return float(tensor.values)
        self.tensors[f"{self.name}.{item.name}.q"] = tensor
        return TensorRef(f"{self.name}.{item.name}.q")

    def _quantized_argument(self, item: Declaration, real: np.ndarray) -> Tensor:
        if isinstance(item.type, BoolType):
            return Tensor(BOOL, real.astype(bool))
        if isinstance(item.type, Format):
            return quantized_values(real, item.type.fraction)
        fraction = self._argument_fraction(item, real)
        if self._is_level(item.name):
            return quantized_values(real, fraction)
        return quantized_coefficients(real, self.options.coefficient_bits, fraction)

    def _argument_fraction(self, item: Declaration, real: np.ndarray) -> int:
        """Fraction of a real parameter: that of states where it is one of their levels, else its own."""
        if self._is_level(item.name):
            return self.fractions.scaled
        name = f"{self.name} {item.name}"
        held = self.options.decided.fractions.get(name) if self.options.decided else None
        own = coefficient_fraction(real, self.options.coefficient_bits) if held is None else held
        return self.network.decided.note(name, own)

    def _argument_type(self, item: Declaration) -> Type:
        if isinstance(item.type, BoolType):
            return BOOL
        if self.options.training:
            return self.tensors[f"{self.name}.{item.name}.q"].type
        return self._quantized_argument(item, self.network.real(self.old_site.arguments[item.name])).type

    def _degree(self, name: str) -> int | None:
        return None if self.degrees is None else self.degrees.names.get(name)

    def _is_level(self, name: str) -> bool:
        """Whether a parameter is a value that states take or are compared with; a factor needs digits of its own."""
        return self._degree(name) == 1 and not any(op.opcode == "mul" and name in op.names for op in self.source.ops)

    def _state_type(self, item: State) -> Type:
        if not isinstance(item.type, FloatType):
            return item.type if isinstance(item.type, BoolType) else self._counter(item.type.fraction)
        if item.name in self.fractions.states:
            return self.fractions.states[item.name]
        fraction = self.fractions.of(self._degree(item.name))
        if self.saturate:
            bits = self.options.bits.get(f"{self.name}.{item.name}", self.options.state_bits)
            return Format(True, bits, fraction, self._kept_rounding(), "saturate")
        return Format(True, WIDE, fraction, self._kept_rounding())

    def _kept_rounding(self) -> str:
        """Rounding of a state's type: operations round at random, a state is what one of them gave."""
        return "floor" if self.options.rounding == STOCHASTIC else self.options.rounding

    def _counter(self, fraction: int) -> Format:
        """What was an integer before: counters, which ranges narrow afterwards."""
        return Format(True, WIDEST_VALUE if self.options.training else WIDE, fraction)

    def _state(self, item: State) -> State:
        return State(item.name, self.types[item.name], _at(item.initial, self.types[item.name]))

    def _operand(self, operand: Operand, op: Op, index: int) -> Operand:
        """A literal becomes a number that integers hold: a level at the fraction of states, a factor as coefficient."""
        if isinstance(operand, TensorRef):
            return self._table(operand)
        if not isinstance(operand, float) or operand == int(operand):
            return operand
        degree = self.degrees.literals.get((op.result, index)) if self.degrees else None
        if degree == 1 and op.opcode != "mul":
            return float(quantized_values(np.asarray(operand), self.fractions.scaled).values)
        return float(quantized_coefficients(np.asarray(operand), self.options.coefficient_bits).values)

    def _table(self, reference: TensorRef) -> TensorRef:
        """A table of real numbers as coefficients; one of integers stays."""
        tensor = self.network.tensor(reference)
        if not isinstance(tensor.type, FloatType):
            return reference
        self.tensors[f"{reference.name}.q"] = quantized_coefficients(tensor.values, self.options.coefficient_bits)
        return TensorRef(f"{reference.name}.q")

    def _result_type(self, op: Op, operands: tuple[Operand, ...]) -> Type:
        if isinstance(op.type, BoolType):
            return BOOL
        if isinstance(op.type, Format):
            return self._counter(op.type.fraction)
        exact = self._exact_fraction(op, operands)
        fraction = min(exact, self.fractions.limits.get(op.result, self.fractions.of(self._degree(op.result))))
        rounding = self.options.rounding if exact > fraction else "floor"
        if self.saturate and fraction == self.fractions.of(self._degree(op.result)):
            return Format(True, WIDEST_VALUE, fraction, rounding, "saturate")
        return Format(True, WIDE, fraction, rounding)

    def _exact_fraction(self, op: Op, operands: tuple[Operand, ...]) -> int:
        values = operands[1:] if op.opcode == "select" else operands
        found = [self._fraction(item) for item in values]
        if op.opcode in ("floor", "ceil", "round", "sign"):
            return 0
        return sum(found) if op.opcode == "mul" else max(found)

    def _fraction(self, operand: Operand) -> int:
        if isinstance(operand, str):
            type_ = self.types[operand]
            return type_.fraction if isinstance(type_, Format) else 0
        if isinstance(operand, TensorRef):
            type_ = (self.tensors if operand.name in self.tensors else self.network.tensors)[operand.name].type
            return type_.fraction if isinstance(type_, Format) else 0
        return float(operand).as_integer_ratio()[1].bit_length() - 1

    def _at_random(self) -> bool:
        return self.options.rounding == STOCHASTIC

    def _fitted_updates(self, ops: list[Op]):
        """Every state is updated by a value of its own fraction and overflow; a conversion stands where it is not."""
        updates = []
        for state, value in self.source.updates:
            type_ = self.types[state]
            if isinstance(value, str) and isinstance(type_, Format) and not _same_grid(self.types[value], type_):
                name = fresh_name(f"{state}_next", self.types)
                own = self.types[value]
                loses = isinstance(own, Format) and own.fraction > type_.fraction
                made = replace(type_, rounding=self.options.rounding) if loses and self._at_random() else type_
                ops = [*ops, Op(name, "convert", (value,), made)]
                self.types[name] = type_
                value = name
            updates.append((state, value if isinstance(value, str) else _at(value, type_)))
        return ops, tuple(updates)


def _free(tensor: Tensor, type_: Type, real: np.ndarray, fraction: int, bits: int) -> Tensor:
    """A parameter in a format that holds whatever training may make of it."""
    if not isinstance(type_, FloatType):
        return Tensor(tensor.type, tensor.data.reshape(-1))
    values = np.rint(np.ldexp(real, fraction)).astype(np.int64)
    width = max(bits + 2, int(np.abs(values).max(initial=0)).bit_length() + 1)
    return Tensor(Format(True, min(WIDEST_VALUE, width), fraction), values.astype(np.int32))


def _numbered(ops: list[Op]) -> list[Op]:
    """Every operation that rounds at random gets a site of its own."""
    return [replace(op, type=replace(op.type, site=number)) if _is_random(op.type) else op
            for number, op in enumerate(ops)]


def _is_random(type_: Type) -> bool:
    return isinstance(type_, Format) and type_.rounding == STOCHASTIC


def _same_grid(a: Type, b: Format) -> bool:
    return isinstance(a, Format) and (a.width, a.fraction, a.overflow) == (b.width, b.fraction, b.overflow)


def _at(value, type_: Type):
    """A number rounded to what a type holds."""
    if not isinstance(type_, Format) or isinstance(value, TensorRef):
        return value
    return float(np.ldexp(np.rint(np.ldexp(float(value), type_.fraction)), -type_.fraction))


def with_ranges(
    program: Program, ranges: SiteRanges, inputs: dict[str, Interval], state_bits: int, own: Mapping[str, int] = {}
) -> tuple[Program, int]:
    """The program with every format as narrow as its range; and how many bits the widest exceeds what is allowed.

    own: bits of single states, by name.
    """
    own = {**own, **{value: own[state] for state, value in program.updates if state in own and isinstance(value, str)}}
    excess = 0
    types: dict[str, Type] = {}
    states = {item.name for item in program.states} | {value for _, value in program.updates if isinstance(value, str)}
    for name, type_ in program.types().items():
        types[name] = narrowed = _narrowed(type_, ranges.values[name])
        if isinstance(narrowed, Format) and name not in {item.name for item in program.params}:
            allowed = own.get(name, state_bits) if name in states else WIDEST_VALUE
            excess = max(excess, narrowed.width - allowed, signed_width(narrowed) - WIDEST_VALUE)
    for state, value in program.updates:
        if isinstance(value, str):
            held, given = types[state], types[value]
            fixed = isinstance(held, Format) and isinstance(given, Format)
            types[value] = rounding_like(held, given) if fixed else held  # pyright: ignore[reportArgumentType]
    for name, interval in inputs.items():
        types[name] = _narrowed(Format(True, WIDE, interval.fraction), ranges.values[name])
    return _retyped(program, types), excess


def signed_width(type_: Format) -> int:
    """Bits of a signed format that holds every value: engines compute in signed integers."""
    return type_.width + (not type_.signed)


def _narrowed(type_: Type, interval: Interval) -> Type:
    if not isinstance(type_, Format):
        return type_
    low, high = min(0, int(interval.low.min())), max(0, int(interval.high.max()))
    if type_.overflow == "saturate" and (low <= type_.low or high >= type_.high):
        return type_
    overflow = "wrap" if type_.overflow == "wrap" else "proved"
    return rounding_like(smallest_format(low, high, type_.fraction).with_modes(overflow=overflow), type_)


def rounding_like(type_: Format, other: Format) -> Format:
    """A format with the rounding of another, its rounding site included."""
    return replace(type_, rounding=other.rounding, site=other.site)


def _retyped(program: Program, types: dict[str, Type]) -> Program:
    return replace(
        program,
        inputs=tuple(replace(item, type=types[item.name]) for item in program.inputs),
        states=tuple(replace(item, type=types[item.name]) for item in program.states),
        params=tuple(replace(item, type=types[item.name]) for item in program.params),
        ops=tuple(replace(op, type=types[op.result]) for op in program.ops),
    )
