"""One site of a hybrid: its program executed with some components quantized and the others exact."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from compiler import counter_hash
from compiler.analysis.homogeneity import infer
from compiler.arithmetic import EXACT, Fixed
from compiler.explain.exact_form import ExactForm
from compiler.explain.numbers import (
    Chance,
    Number,
    cut,
    exact_fraction,
    exact_literal,
    fitted,
    native,
    number_of,
    real,
    same_literal,
    whole,
)
from compiler.explain.pairing import PairedOp, PairedProgram
from compiler.float_arithmetic import evaluate
from compiler.formats import BoolType, FloatType, Format, Type
from compiler.ir.network import Network
from compiler.ir.program import Argument, Op, Operand, Site, TensorRef

Values = dict[str, Number]


@dataclass(frozen=True)
class Pair:
    """The same network twice: with exact numbers (`scaled`, model level) and quantized (`fixed`).

    form: where the exact one is a chip's own program, what it has to do with the `model`.
    """

    scaled: Network
    fixed: Network
    model: Network | None = None
    form: ExactForm | None = None


@dataclass
class HybridSite:
    """quantized: the components that are. weight: the state that is a weight, "" where there is none. saturated: by
    value, how often it was cut off, [units]."""

    name: str
    networks: Pair
    sites: tuple[Site, Site]
    programs: PairedProgram
    units: int
    quantized: frozenset[str]
    weight: str = ""
    saturated: dict[str, np.ndarray] = field(default_factory=dict)
    steps: int = 0
    chance: Chance | None = None

    def __post_init__(self) -> None:
        self.rounds = "states" in self.quantized
        self.at_random = any(isinstance(op.type, Format) and op.type.rounding == "stochastic"
                             for op in self.programs.fixed.ops)
        self.model_types, self.fixed_types = self.programs.model.types(), self.programs.fixed.types()
        degrees = infer(self.programs.model, set(self.sites[0].scaled)) if self.sites[0].scaled else None
        self.arguments: Values = {}
        for item in self.programs.model.params:
            degree = degrees.names.get(item.name) if degrees else None
            self.arguments[item.name] = self._argument(item.name, "thresholds" if degree == 1 else "decays")
        self._tables = {ref: self._table(ref, self.networks.scaled) for ref in self.programs.model.uses()
                        if isinstance(ref, TensorRef)}
        self._tables |= {ref: self._table(ref, self.networks.fixed) for ref in self.programs.fixed.uses()
                         if isinstance(ref, TensorRef)}

    def _argument(self, name: str, component: str) -> Number:
        quantized, follows = component in self.quantized, "decays" in self.quantized
        after = self.networks.form.after_decays.get(f"{self.name}.{name}") if self.networks.form else None
        if after is None or quantized and follows:
            return self._constant(name, int(quantized))
        exact = after if follows else real(self._constant(name, 0))
        return exact + (real(self._constant(name, 1)) - after if quantized else 0.0)

    def _constant(self, name: str, index: int) -> Number:
        network = (self.networks.scaled, self.networks.fixed)[index]
        types = (self.model_types, self.fixed_types)[index]
        return constant(network, self.sites[index].arguments[name], types[name])

    def _table(self, reference: TensorRef, network: Network) -> Number:
        return constant(network, reference, network.tensor(reference).type)

    def initial_states(self, rows: int) -> Values:
        """State arrays [rows, n] of time zero."""
        return {item.name: spread(self._start(item.name), rows, self.units) for item in self.programs.model.states}

    def _start(self, name: str) -> Number:
        index = int(("weights" if name == self.weight else "states") in self.quantized)
        network, site = (self.networks.scaled, self.networks.fixed)[index], self.sites[index]
        state = (self.programs.model, self.programs.fixed)[index].state(name)
        return fitted(constant(network, site.initial.get(name, state.initial), state.type), state.type)[0]

    def step(self, inputs: Mapping[str, Number], states: Values, own: Mapping[str, np.ndarray] | None
             ) -> tuple[Values, Values, Values]:
        """One step: new states, emitted values, every value by name. own: spikes that replace what would be emitted."""
        rows = max((len(real(value)) for value in (*inputs.values(), *states.values())), default=1)
        if self.at_random:
            self.chance = Chance(counter_hash.noise(
                self.networks.fixed.seed, self.name, self.units, self.steps, rows))
        self.steps += 1
        values: Values = {name: self._arrived(name, value) for name, value in inputs.items()}
        values |= states | self.arguments
        forced = {item.value: own[item.port] for item in self.programs.model.emits
                  if own and item.port in own and isinstance(self.model_types.get(str(item.value)), BoolType)}
        for pair in self.programs.ops:
            values[pair.model.result] = self._computed(pair, values)
            if pair.model.result in forced:
                values[pair.model.result] = whole(forced[pair.model.result] != 0)
        updated = self._updated(values)
        emitted = {item.port: self._operand(item.value, None, values) for item in self.programs.model.emits}
        return ({name: spread(value, rows, self.units) for name, value in updated.items()},
                {port: spread(value, rows, self.units) for port, value in emitted.items()}, values)

    def _arrived(self, name: str, value: Number) -> Number:
        """Sums are exact; only integers are cut to the port's format, as they are in the fixed network."""
        return self._fit(name, value, self.fixed_types[name]) if isinstance(value, Fixed) else value

    def _computed(self, pair: PairedOp, values: Values) -> Number:
        model, last = pair.model, pair.fixed[-1]
        if pair.component is not None and pair.component in self.quantized:
            found = self._replaced(pair, values)
            if pair.component == "states":
                self._count(self._state_behind(model.result), self._cut_off(model, values, found))
            return found if self.rounds or not isinstance(model.type, FloatType) else real(found)
        operands = [self._operand(item, _at(last, index) if pair.component is None else None, values)
                    for index, item in enumerate(model.operands)]
        if pair.component is None and all(isinstance(item, Fixed) for item in operands) and self._is_whole(model.type):
            return self._fit(model.result, EXACT[model.opcode](*operands), last.type)
        found = self._evaluated(model, operands)
        if isinstance(model.type, FloatType):
            return self._settled(model.result, found, last.type, self._exact_fraction(last)) if self.rounds else found
        return whole(found)

    def _exact_fraction(self, op: Op) -> int:
        """Fraction bits that the fixed network has before it rounds a result."""
        return exact_fraction(op, [self._fraction(item) for item in op.operands])

    def _fraction(self, operand: Operand) -> int:
        if isinstance(operand, str):
            type_ = self.fixed_types[operand]
            return type_.fraction if isinstance(type_, Format) else 0
        number = self._tables[operand] if isinstance(operand, TensorRef) else exact_literal(operand)
        return number.fraction if isinstance(number, Fixed) else 0

    def _settled(self, name: str, value: Number, type_: Type, fraction: int) -> Number:
        """A value as the fixed network keeps it. What is exact there, because its bits fit, is not rounded here
        either, where an unquantized part before it has put it beside the grid."""
        if isinstance(value, Fixed) or not isinstance(type_, Format) or fraction > type_.fraction:
            return self._fit(name, value, type_, fraction - type_.fraction if isinstance(type_, Format) else 0)
        inside, clipped = cut(value, type_)
        self._count(name, clipped)
        return inside

    def _is_whole(self, type_: Type) -> bool:
        """Whether integers hold the exact result: rounding is on, or there is nothing to round."""
        return self.rounds or not isinstance(type_, FloatType)

    def _evaluated(self, op: Op, operands: list[Number]) -> np.ndarray:
        types = [self.model_types.get(item, None) if isinstance(item, str) else None for item in op.operands]
        given = [native(value, type_ or _literal_type(item, op))
                 for value, type_, item in zip(operands, types, op.operands, strict=True)]
        return evaluate(op.opcode, given, op.type)

    def _replaced(self, pair: PairedOp, values: Values) -> Number:
        """Several integer operations, on operands brought to the formats they are made for."""
        own = dict(values)
        inside = {op.result for op in pair.fixed}
        for name in {item for op in pair.fixed for item in op.names} - inside:
            if not isinstance(own[name], Fixed):
                own[name] = fitted(own[name], self.fixed_types[name])[0]
        for op in pair.fixed:
            operands = [self._fixed_operand(item, own) for item in op.operands]
            own[op.result] = fitted(EXACT[op.opcode](*operands), op.type, self.chance)[0]
        return own[pair.model.result]

    def _cut_off(self, model: Op, values: Values, found: Number) -> np.ndarray | None:
        """Where a value did not stay what it was, to stay in its register."""
        operands = [self._fixed_operand(item, values) for item in model.operands]
        if not all(isinstance(item, Fixed) for item in operands):
            return None
        return real(found) != real(EXACT[model.opcode](*operands))

    def _state_behind(self, result: str) -> str:
        """The state that takes a value, itself or after a reset; else the value."""
        program = self.programs.fixed
        ops = {op.result: op for op in program.ops}
        for name, value in program.updates:
            if value == result or isinstance(value, str) and value in ops and result in ops[value].names:
                return name
        return result

    def _fixed_operand(self, operand: Operand, values: Values) -> Number:
        if isinstance(operand, str):
            return values[operand]
        return self._tables[operand] if isinstance(operand, TensorRef) else exact_literal(operand)

    def _operand(self, operand: Operand, fixed: Operand | None, values: Values) -> Number:
        """A name's value; a literal or table as the component `decays` has it."""
        if isinstance(operand, str):
            return values[operand]
        quantized = fixed is not None and not isinstance(fixed, str) and "decays" in self.quantized
        if isinstance(operand, TensorRef):
            return self._tables[fixed if quantized and isinstance(fixed, TensorRef) else operand]
        if quantized or same_literal(operand, fixed):
            return exact_literal(fixed)  # pyright: ignore[reportArgumentType]
        return number_of(operand)

    def _updated(self, values: Values) -> Values:
        if not self.rounds:
            updates = {name: self._operand(item, None, values) for name, item in self.programs.model.updates}
            return {name: value if isinstance(self.model_types[name], FloatType) else
                    self._fit(name, value, self.fixed_types[name]) for name, value in updates.items()}
        states = {item: name for name, item in self.programs.fixed.updates if isinstance(item, str)}
        for op in self.programs.conversions:
            value = self._fixed_operand(op.operands[0], values)
            name = states.get(op.result, op.result)
            values[op.result] = self._settled(name, value, op.type, self._exact_fraction(op))
        found = {}
        for name, item in self.programs.fixed.updates:
            value = self._fixed_operand(item, values)
            found[name] = self._settled(name, value, self.fixed_types[name], self._fraction(item))
        return found

    def _fit(self, name: str, value: Number, type_: Type, dropped: int = 0) -> Number:
        found, clipped = fitted(value, type_, self.chance, dropped)
        self._count(name, clipped)
        return found

    def _count(self, name: str, clipped: np.ndarray | None) -> None:
        if clipped is not None:
            counts = clipped.sum(axis=0) if clipped.ndim == 2 else clipped
            self.saturated[name] = self.saturated.get(name, np.zeros(self.units, np.int64)) + counts


def _at(op: Op, index: int) -> Operand | None:
    return op.operands[index] if index < len(op.operands) else None


def _literal_type(operand: Operand, op: Op) -> Type:
    if isinstance(operand, bool):
        return BoolType()
    whole_result = isinstance(op.type, Format) and isinstance(operand, int | float) and float(operand).is_integer()
    return op.type if whole_result else FloatType()


def constant(network: Network, argument: Argument, type_: Type) -> Number:
    """An argument of a site: exact integers at the fixed level, float64 (or whole numbers) at the model level."""
    if isinstance(argument, TensorRef):
        tensor = network.tensor(argument)
        data = tensor.data.reshape(-1)
        if isinstance(tensor.type, FloatType):
            return data.astype(np.float64)
        return Fixed(data.astype(np.int64), tensor.type.fraction if isinstance(tensor.type, Format) else 0)
    if isinstance(type_, FloatType):
        return np.asarray(float(argument))
    value = exact_literal(argument)
    return fitted(value, type_)[0] if isinstance(type_, Format) else value


def spread(value: Number, rows: int, units: int) -> Number:
    """[rows, units]."""
    if isinstance(value, Fixed):
        return Fixed(np.broadcast_to(value.raw, (rows, units)), value.fraction)
    return np.broadcast_to(value, (rows, units))
