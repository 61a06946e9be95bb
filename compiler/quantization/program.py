"""How one dynamics program becomes an integer program: a fraction for every value, wide enough for anything."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from compiler import discovery
from compiler.analysis.homogeneity import Degrees
from compiler.diagnostics import DiagnosticError, declare, fail
from compiler.formats import BOOL, BoolType, FloatType, Format, Type
from compiler.functions.builder import Builder
from compiler.ir.network import Network, Tensor
from compiler.ir.ops import OPS
from compiler.ir.program import Declaration, Op, Operand, Program, Site, State, TensorRef
from compiler.ir.rewrite import fresh_name
from compiler.options import Options
from compiler.quantization.arguments import Arguments
from compiler.quantization.fractions import STOCHASTIC, Fractions
from compiler.quantization.tensors import WIDEST_VALUE, quantized_coefficients, quantized_values, rounded_at
from compiler.quantization.widths import WIDE

E301 = declare("E301", "an operation has no integer form")


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
        arguments = Arguments(network, name, site, fractions.scaled, degrees, options)
        self.arguments = {item.name: arguments.value(item) for item in self.source.params}
        self.tensors: dict[str, Tensor] = arguments.tensors
        self.types: dict[str, Type] = {key: Format(True, WIDE, item) for key, item in input_fractions.items()}
        self.types |= {item.name: arguments.type(item) for item in self.source.params}
        self.types |= {item.name: self._state_type(item) for item in self.source.states}

    def program(self) -> Program:
        ops: list[Op] = []
        for op in self.source.ops:
            if not OPS[op.opcode].fixed:
                ops += self._expanded(op)
                continue
            operands = tuple(self._operand(item, op, index) for index, item in enumerate(op.operands))
            if op.opcode == "mul" and self.saturate:
                cuts, operands = self._cut_factors(operands)
                ops += cuts
            self.types[op.result] = self._result_type(op, operands)
            ops.append(replace(op, operands=operands, type=self.types[op.result]))
        inputs = tuple(Declaration(item.name, self.types[item.name]) for item in self.source.inputs)
        states = tuple(self._state(item) for item in self.source.states)
        params = tuple(Declaration(item.name, self.types[item.name]) for item in self.source.params)
        ops, updates = self._fitted_updates(ops)
        ops = _numbered(ops)
        name = f"{self.source.name}.{self.name}"
        return Program(name, inputs, states, params, tuple(ops), updates, self.source.emits)

    def _cut_factors(self, operands: tuple[Operand, ...]) -> tuple[list[Op], tuple[Operand, ...]]:
        """Two factors whose exact product would be too wide are cut off one bit earlier than their formats do."""
        types = [self.types[item] if isinstance(item, str) else None for item in operands]
        wide = [item for item in types if isinstance(item, Format) and item.overflow == "saturate"]
        if len(wide) < 2 or sum(item.width for item in wide) <= WIDE:
            return [], operands
        cuts: dict[Operand, Op] = {}
        for item, type_ in zip(operands, wide, strict=True):
            if item not in cuts and type_.width > WIDE // 2:
                cut = fresh_name(f"{item}_cut", self.types)
                self.types[cut] = Format(True, WIDE // 2, type_.fraction, "floor", "saturate")
                cuts[item] = Op(cut, "convert", (item,), self.types[cut])
        return list(cuts.values()), tuple(cuts[item].result if item in cuts else item for item in operands)

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
                initial[key] = rounded_at(value, type_)
        program = f"{self.source.name}.{self.name}"
        return replace(self.old_site, program=program, arguments=self.arguments, initial=initial)

    def _degree(self, name: str) -> int | None:
        return None if self.degrees is None else self.degrees.names.get(name)

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
        return State(item.name, self.types[item.name], rounded_at(item.initial, self.types[item.name]))

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
            updates.append((state, value if isinstance(value, str) else rounded_at(value, type_)))
        return ops, tuple(updates)


def _numbered(ops: list[Op]) -> list[Op]:
    """Every operation that rounds at random gets a site of its own."""
    return [replace(op, type=replace(op.type, site=number)) if _is_random(op.type) else op
            for number, op in enumerate(ops)]


def _is_random(type_: Type) -> bool:
    return isinstance(type_, Format) and type_.rounding == STOCHASTIC


def _same_grid(a: Type, b: Format) -> bool:
    return isinstance(a, Format) and (a.width, a.fraction, a.overflow) == (b.width, b.fraction, b.overflow)
