"""Collects what stands several times in a sum: one coefficient for each value.

Rewrite: an affine expression in which a value stands more than once -> the sum of every value times one coefficient,
the coefficients computed from parameters (`fold_constants` evaluates them). Terms whose parameter is 0 at every site
are left out.
  before  %a = sub leak, v   %b = add %a, current   %c = mul gain, %b   %u = add v, %c
  after   %decay = sub 1.0, gain   %d = mul %decay, v   %e = mul gain, current   %u = add %d, %e      (leak=0.0)

So interval analysis sees each value once (in v + k(... - v) it diverges, numerics.md), an integer engine rounds once,
and a gain on an input ends in its weights. Expressions with products of values are left as they are.

Levels: model. Preserves: every value to rounding, as long as the sums do not overflow.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace

from compiler.formats import FloatType, Type
from compiler.ir.network import Network
from compiler.ir.program import Op, Operand, Program
from compiler.ir.rewrite import fresh_name, prune_arguments, share_programs, sites_of, without_unused
from compiler.options import Options

LEVELS = ("model",)

_SUMS = ("add", "sub", "neg", "mul")
_PLAIN = ("add", "sub", "neg", "select", "convert", "min", "max")
"""Operations whose results may be collected; those of others are nonlinear in states."""

_ONE = ""
"""The value that constant terms are coefficients of."""

Monomial = tuple[float, tuple[str, ...]]
Form = list[tuple[str, Monomial]]
"""Terms of a sum, in order: a value and its coefficient, a number times parameters."""


def run(network: Network, options: Options) -> Network:
    """The network with collected sums in its programs."""
    collected = network.copy()
    for name, program in network.programs.items():
        collected.programs[name] = _Collecting(program, _zeros(network, program)).program()
    prune_arguments(collected)
    share_programs(collected)
    return collected


def _zeros(network: Network, program: Program) -> set[str]:
    """Parameters that are 0 at every site."""
    sites = [site for _, site, _ in sites_of(network, program.name)]
    return {item.name for item in program.params
            if sites and not any(network.real(site.arguments[item.name]).any() for site in sites)}


@dataclass
class _Collecting:
    source: Program
    zeros: set[str]
    ops: list[Op] = field(default_factory=list)

    def program(self) -> Program:
        program = self.source
        self.types = dict(program.types())
        self.params = {item.name for item in program.params if isinstance(item.type, FloatType)}
        self.defined = {op.result: op for op in program.ops}
        self.uses = Counter(item for item in program.uses() if isinstance(item, str))
        self.uses.update(value for _, value in program.updates if isinstance(value, str))
        self.uses.update(item.value for item in program.emits if isinstance(item.value, str))
        inner = {item for op in program.ops if self._is_sum(op) for item in op.names if self._opens(item)}
        for op in program.ops:
            form = self._form(op.result, top=True) if self._is_sum(op) and op.result not in inner else None
            if form is None or not self._worth(form):
                self.ops.append(op)
            else:
                self._write(op, form)
        return without_unused(replace(program, ops=tuple(self.ops)))

    def _is_sum(self, op: Op) -> bool:
        return op.opcode in _SUMS and isinstance(op.type, FloatType)

    def _opens(self, name: str) -> bool:
        """Whether a value exists for one sum only."""
        return name in self.defined and self.uses[name] == 1 and self._is_sum(self.defined[name])

    # -- reading ----------------------------------------------------------------------------------------------------

    def _form(self, operand: Operand, top: bool = False) -> Form:
        if not isinstance(operand, str):
            return [(_ONE, (float(operand), ()))]  # type: ignore[arg-type]
        if operand in self.params:
            return [(_ONE, (1.0, (operand,)))]
        if not top and not self._opens(operand):
            return [(operand, (1.0, ()))]
        op = self.defined[operand]
        parts = [self._form(item) for item in op.operands]
        if op.opcode == "add":
            return parts[0] + parts[1]
        if op.opcode == "sub":
            return parts[0] + _times(parts[1], (-1.0, ()))
        if op.opcode == "neg":
            return _times(parts[0], (-1.0, ()))
        return self._product(operand, *parts)

    def _product(self, name: str, left: Form, right: Form) -> Form:
        for factor, other in ((left, right), (right, left)):
            if all(value == _ONE for value, _ in factor):
                return [term for _, monomial in factor for term in _times(other, monomial)]
        return [(name, (1.0, ()))]

    def _worth(self, form: Form) -> bool:
        """Whether a value stands twice, and every value is a plain one."""
        values = Counter(value for value, _ in form if value != _ONE)
        plain = all(value not in self.defined or self.defined[value].opcode in _PLAIN for value in values)
        return plain and max(values.values(), default=0) > 1

    # -- writing ----------------------------------------------------------------------------------------------------

    def _write(self, root: Op, form: Form) -> None:
        kept = [(value, term) for value, term in form if not self.zeros.intersection(term[1])]
        total: Operand | None = None
        for value in sorted(dict.fromkeys(value for value, _ in kept), key=lambda value: value == _ONE):
            coefficient = self._coefficient([term for other, term in kept if other == value], value, root)
            if coefficient == 0:
                continue
            part = coefficient if value == _ONE else self._times(coefficient, value, root)
            total = part if total is None else self._add("add", (total, part), root)
        if total is None or self.ops[-1].result != total:
            self.ops.append(replace(root, opcode="add", operands=(0.0 if total is None else total, 0.0)))
        else:
            self.ops[-1] = replace(self.ops[-1], result=root.result, place=root.place)

    def _coefficient(self, terms: list[Monomial], value: str, root: Op) -> Operand:
        number = sum(factor for factor, names in terms if not names)
        total: Operand = number
        for factor, names in (term for term in terms if term[1]):
            product: Operand = names[0]
            for name in names[1:]:
                product = self._add("mul", (product, name), root)
            product = product if abs(factor) == 1 else self._add("mul", (abs(factor), product), root)
            if total == 0:
                total = product if factor > 0 else self._add("neg", (product,), root)
            else:
                total = self._add("add" if factor > 0 else "sub", (total, product), root)
        if isinstance(total, str) and self._continues(value, root) and self.ops and self.ops[-1].result == total:
            decay = fresh_name("decay", self.types)
            self.types[decay] = self.types[total]
            self.ops[-1] = replace(self.ops[-1], result=decay)
            return decay
        return total

    def _continues(self, value: str, root: Op) -> bool:
        """Whether the sum is the next value of a state, or becomes it after a reset."""
        next_value = dict(self.source.updates).get(value)
        op = self.defined.get(next_value) if isinstance(next_value, str) else None
        return next_value == root.result or op is not None and op.opcode == "select" and root.result in op.operands

    def _times(self, coefficient: Operand, value: str, root: Op) -> Operand:
        return value if coefficient == 1 else self._add("mul", (coefficient, value), root)

    def _add(self, opcode: str, operands: tuple[Operand, ...], root: Op) -> str:
        number = 1
        while f"{opcode}_{number}" in self.types:
            number += 1
        name = f"{opcode}_{number}"
        type_: Type = root.type
        self.types[name] = type_
        self.ops.append(Op(name, opcode, operands, type_, root.place))
        return name


def _times(form: Form, factor: Monomial) -> Form:
    return [(value, (number * factor[0], tuple(sorted((*names, *factor[1]))))) for value, (number, names) in form]
