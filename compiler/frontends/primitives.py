"""What each primitive of a traced step becomes: one rule per primitive of the closed list.

A rule takes the writer, the operands, the type of the result, the primitive's own parameters and the
user's place, and gives the operand that stands for the result.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from compiler.diagnostics import Place
from compiler.formats import BOOL, F32, F64, BoolType, FloatType, Format, Type
from compiler.ir.ops import OPS
from compiler.ir.program import Op, Operand


class UnsupportedPrimitive(Exception):
    """A primitive of the list, used in a way that is not on it."""

    def __init__(self, reason: str, hint: str = ""):
        super().__init__(reason)
        self.hint = hint


def type_of_dtype(dtype: Any) -> Type:
    """IR type of an array type: integers wrap in at most 32 bits, as they do in JAX by default."""
    dtype = np.dtype(dtype)
    if dtype == np.float64 or dtype == np.float32:
        return F64 if dtype == np.float64 else F32
    if dtype.kind == "b":
        return BOOL
    if dtype.kind in "iu":
        return Format(dtype.kind == "i", min(32, 8 * dtype.itemsize), overflow="wrap")
    raise UnsupportedPrimitive(f"numbers of type {dtype}", "use the dtype of the state")


class Writer:
    """Collects ops; results are called %0, %1, … until `names` gives them their own."""

    def __init__(self, types: Mapping[str, Type]):
        self.declared = tuple(types)
        self.types: dict[str, Type] = dict(types)
        self.ops: list[Op] = []
        self.hints: dict[str, str] = {}
        self._hinted: dict[tuple[str, Place], str] = {}

    def write(self, opcode: str, operands: list[Operand], type_: Type, place: Place) -> Operand:
        """Append an op and give its result."""
        result = f"%{len(self.ops)}"
        self.types[result] = BOOL if OPS[opcode].result == "bool" else type_
        self.ops.append(Op(result, opcode, tuple(operands), self.types[result], place))
        return result

    def type_of(self, operand: Operand) -> Type:
        if isinstance(operand, str):
            return self.types[operand]
        if isinstance(operand, bool):
            return BOOL
        return Format(True, 32, overflow="wrap") if isinstance(operand, int) else F64

    def hint(self, operand: Operand, name: str, place: Place) -> None:
        """Suggest a name for a result. Of several results of one assignment the last one takes the name."""
        if not isinstance(operand, str) or not operand.startswith("%"):
            return
        earlier = self._hinted.get((name, place), operand)
        if operand in self.hints and earlier == operand:
            return
        self.hints.pop(earlier, None)
        self.hints[operand] = name
        self._hinted[name, place] = operand

    def names(self) -> dict[str, str]:
        """A name for every result: the user's variable, else opcode and number."""
        taken, names = set(self.declared), {}
        for op in self.ops:
            wish = self.hints.get(op.result, "")
            wish = f"{wish}_next" if wish in self.declared else wish
            names[op.result] = _free(wish or f"{op.opcode}_1", taken, wish or op.opcode)
        return names


def _free(wish: str, taken: set[str], stem: str) -> str:
    number = 1
    while wish in taken:
        number += 1
        wish = f"{stem}_{number}"
    taken.add(wish)
    return wish


Rule = Callable[[Writer, list[Operand], Type, Mapping[str, Any], Place], Operand]


def _plain(opcode: str) -> Rule:
    """The op of the same meaning on numbers."""

    def rule(writer, operands, type_, _, place):
        if isinstance(type_, BoolType) and OPS[opcode].result == "number":
            raise UnsupportedPrimitive(f"{opcode} of truth values", "use &, | and ~")
        return writer.write(opcode, operands, type_, place)

    return rule


def _arithmetic(opcode: str, on_bools: str) -> Rule:
    """Numbers by one op, truth values by another."""

    def rule(writer, operands, type_, _, place):
        return writer.write(on_bools if isinstance(type_, BoolType) else opcode, operands, type_, place)

    return rule


def _real(opcode: str) -> Rule:
    """A function of real numbers."""

    def rule(writer, operands, type_, _, place):
        if not isinstance(type_, FloatType):
            raise UnsupportedPrimitive(f"{opcode} of integers", "convert to a float first")
        return writer.write(opcode, operands, type_, place)

    return rule


def _logical(opcode: str) -> Rule:
    def rule(writer, operands, type_, _, place):
        if not isinstance(type_, BoolType):
            raise UnsupportedPrimitive(f"bitwise {opcode} of integers", "use it on truth values")
        return writer.write(opcode, operands, type_, place)

    return rule


def _comparison(opcode: str) -> Rule:
    """Truth values are compared for equality as they are, for order as 0 and 1."""

    def rule(writer, operands, _, __, place):
        if opcode not in ("eq", "ne"):
            operands = [_as_number(writer, item, place) for item in operands]
        return writer.write(opcode, operands, BOOL, place)

    return rule


def _as_number(writer: Writer, operand: Operand, place: Place) -> Operand:
    if not isinstance(writer.type_of(operand), BoolType):
        return operand
    return int(operand) if isinstance(operand, bool) else writer.write("convert", [operand], Format(False, 1), place)


def _division(writer, operands, type_, _, place):
    """Of floats; of integers toward zero."""
    if isinstance(type_, BoolType):
        raise UnsupportedPrimitive("div of truth values")
    exact = type_.with_modes(rounding="zero") if isinstance(type_, Format) else type_
    return writer.write("div", operands, exact, place)


def _convert(writer, operands, type_, _, place):
    """To bool: not 0. Float to integer: toward zero, saturating. Same type: nothing."""
    (operand,) = operands
    given = writer.type_of(operand)
    if isinstance(operand, str) and given == type_:
        return operand
    if isinstance(type_, BoolType):
        zero = 0 if isinstance(given, Format) else 0.0
        return bool(operand) if not isinstance(operand, str) else writer.write("ne", [operand, zero], BOOL, place)
    if not isinstance(operand, str):
        return _literal(operand, type_)
    if isinstance(type_, Format) and isinstance(given, FloatType):
        type_ = type_.with_modes(rounding="zero", overflow="saturate")
    return writer.write("convert", operands, type_, place)


def _literal(value: Any, type_: Type) -> Operand:
    if isinstance(type_, Format):
        return int(np.clip(np.trunc(value), type_.low, type_.high))
    return float(np.float32(value)) if type_ == F32 else float(value)


def _select(writer, operands, type_, _, place):
    """select_n(which, on_false, on_true)."""
    which, *cases = operands
    if len(cases) != 2 or not isinstance(writer.type_of(which), BoolType):
        raise UnsupportedPrimitive(f"select_n by an integer among {len(cases)}", "use jnp.where with a condition")
    return writer.write("select", [which, cases[1], cases[0]], type_, place)


def _clamp(writer, operands, type_, _, place):
    """clamp(low, a, high)."""
    low, value, high = operands
    return writer.write("min", [writer.write("max", [value, low], type_, place), high], type_, place)


def _round(writer, operands, type_, params, place):
    if int(params["rounding_method"]) != 1:
        raise UnsupportedPrimitive("round with ties away from zero", "use jnp.round: ties to even")
    return writer.write("round", operands, type_, place)


def _integer_power(writer, operands, type_, params, place):
    """A chain of products, by squaring; of a negative exponent the reciprocal."""
    exponent = int(params["y"])
    if exponent == 0:
        return _literal(1, type_)
    power = _power(writer, operands[0], abs(exponent), type_, place)
    return writer.write("div", [1.0, power], type_, place) if exponent < 0 else power


def _power(writer: Writer, base: Operand, exponent: int, type_: Type, place: Place) -> Operand:
    """base ** exponent for exponent >= 1."""
    if exponent == 1:
        return base
    half = _power(writer, base, exponent // 2, type_, place)
    square = writer.write("mul", [half, half], type_, place)
    return writer.write("mul", [square, base], type_, place) if exponent % 2 else square


def _alias(writer, operands, type_, _, __):
    return operands[0]


_SAME = ("exp", "expm1", "log", "log1p", "sqrt", "tanh", "logistic", "pow", "floor", "ceil", "sin", "cos")

RULES: dict[str, Rule] = {
    "add": _arithmetic("add", "or"),
    "mul": _arithmetic("mul", "and"),
    "max": _arithmetic("max", "or"),
    "min": _arithmetic("min", "and"),
    "sub": _plain("sub"),
    "neg": _plain("neg"),
    "abs": _plain("abs"),
    "sign": _plain("sign"),
    "div": _division,
    "square": lambda w, o, t, p, place: w.write("mul", [o[0], o[0]], t, place),
    "rsqrt": lambda w, o, t, p, place: w.write("div", [1.0, w.write("sqrt", o, t, place)], t, place),
    "exp2": lambda w, o, t, p, place: w.write("pow", [2.0, o[0]], t, place),
    "integer_pow": _integer_power,
    "round": _round,
    "clamp": _clamp,
    "select_n": _select,
    "convert_element_type": _convert,
    **{name: _comparison(name) for name in ("lt", "le", "gt", "ge", "eq", "ne")},
    **{name: _logical(name) for name in ("and", "or", "xor", "not")},
    **{name: _real(name) for name in _SAME},
    **{name: _alias for name in ("copy", "copy_p", "stop_gradient", "optimization_barrier", "broadcast_in_dim")},
}

_INTERNAL = {"convert_element_type": "astype", "select_n": "where", "integer_pow": "**"}
_UNSPOKEN = ("broadcast_in_dim", "copy", "copy_p", "optimization_barrier", "exp2", "rsqrt")


def spoken_rules() -> str:
    """The closed list, in the words of somebody who writes a step."""
    return " ".join(sorted(_INTERNAL.get(name, name) for name in RULES if name not in _UNSPOKEN))


_ACROSS = ("arg", "conv_", "cum", "dot_", "dynamic_", "gather", "reduce_", "scatter", "select_and_", "sort", "top_k")
_ACROSS_EXACTLY = ("concatenate", "expand_dims", "iota", "pad", "reshape", "rev", "slice", "split", "squeeze",
                   "transpose", "triangular_solve")


def sees_other_units(primitive: str) -> bool:
    """Whether a primitive moves or combines values between units."""
    return primitive in _ACROSS_EXACTLY or (primitive.startswith(_ACROSS) and primitive != "reduce_precision")
