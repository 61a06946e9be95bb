"""The meaning of every operation at the `model` level, in NumPy: float64, whole numbers and truth values.

The counterpart of `arithmetic` (which is exact, for the fixed level). Whole numbers (fraction 0) are held
as int64 and fitted into their format; floats are rounded by IEEE 754 in the width of their type.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import scipy.special

from compiler.formats import BoolType, FloatType, Format, Type


def _divide(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """True division; of whole numbers the quotient toward zero, 0 where the divisor is 0."""
    if a.dtype.kind == "f" or b.dtype.kind == "f":
        return np.divide(a, b)
    quotient = np.abs(a) // np.where(b == 0, 1, np.abs(b))
    return np.where(b == 0, 0, np.sign(a) * np.sign(b) * quotient)


def _lookup(a: np.ndarray, table: np.ndarray) -> np.ndarray:
    return table[np.clip(np.floor(a), 0, len(table) - 1).astype(np.int64)]


FUNCTIONS: dict[str, Callable[..., np.ndarray]] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": _divide,
    "neg": np.negative,
    "abs": np.abs,
    "sign": np.sign,
    "min": np.minimum,
    "max": np.maximum,
    "convert": np.asarray,
    "select": np.where,
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
    "eq": np.equal,
    "ne": np.not_equal,
    "and": np.logical_and,
    "or": np.logical_or,
    "xor": np.logical_xor,
    "not": np.logical_not,
    "exp": np.exp,
    "expm1": np.expm1,
    "log": np.log,
    "log1p": np.log1p,
    "sqrt": np.sqrt,
    "tanh": np.tanh,
    "logistic": scipy.special.expit,
    "pow": np.power,
    "floor": np.floor,
    "ceil": np.ceil,
    "round": np.rint,
    "sin": np.sin,
    "cos": np.cos,
    "lookup": _lookup,
}


def native_dtype(type_: Type) -> np.dtype:
    """The NumPy type that values of a type are computed in."""
    if isinstance(type_, FloatType):
        return np.dtype(f"float{type_.width}")
    return np.dtype(bool) if isinstance(type_, BoolType) else np.dtype(np.int64)


def evaluate(opcode: str, operands: Sequence[np.ndarray], type_: Type) -> np.ndarray:
    """One operation on arrays that broadcast against each other, result of `type_`.

    Raises KeyError for an operation without a meaning in floating point.

    >>> from compiler.formats import F64, parse_type
    >>> float(evaluate("add", [np.float64(0.25), np.float64(0.5)], F64))
    0.75
    >>> int(evaluate("convert", [np.float64(-2.75)], parse_type("s32.0/zero/saturate")))
    -2
    """
    with np.errstate(all="ignore"):
        return fit(np.asarray(FUNCTIONS[opcode](*operands)), type_)


def fit(value: np.ndarray, type_: Type) -> np.ndarray:
    """A value in another type: floats are rounded, whole numbers rounded and fitted, truth is `!= 0`.

    A value that does not fit a `proved` format stays as it is: at the model level nothing is proved yet.
    Raises ValueError for a format with fraction bits.
    """
    if not isinstance(type_, Format):
        return value.astype(native_dtype(type_), copy=False)
    if type_.fraction:
        raise ValueError(f"{type_} is a format of the fixed level")
    whole = _whole(value, type_.rounding)
    if type_.overflow == "saturate":
        return np.clip(whole, type_.low, type_.high)
    if type_.overflow == "wrap":
        return ((whole - type_.low) & ((1 << type_.width) - 1)) + type_.low
    return whole


_ROUND = {"zero": np.trunc, "floor": np.floor, "even": np.rint, "away": lambda a: np.trunc(a + np.copysign(0.5, a))}


def _whole(value: np.ndarray, rounding: str) -> np.ndarray:
    if value.dtype.kind != "f":
        return value.astype(np.int64)
    limit = float(1 << 62)
    return np.clip(np.nan_to_num(_ROUND[rounding](value), nan=0.0), -limit, limit).astype(np.int64)
