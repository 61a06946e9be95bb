"""Real numbers as integers: at a fraction, or with so many significant bits."""

from __future__ import annotations

import math

import numpy as np

from compiler.formats import FloatType, Format, Type, smallest_format, storage_dtype
from compiler.ir.network import Tensor
from compiler.ir.program import TensorRef

WIDEST_VALUE = 32
"""Bits of the widest value that integer engines hold."""


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


def free_tensor(tensor: Tensor, type_: Type, real: np.ndarray, fraction: int, bits: int) -> Tensor:
    """A parameter in a format that holds whatever training may make of it."""
    if not isinstance(type_, FloatType):
        return Tensor(tensor.type, tensor.data.reshape(-1))
    values = np.rint(np.ldexp(real, fraction)).astype(np.int64)
    width = max(bits + 2, int(np.abs(values).max(initial=0)).bit_length() + 1)
    return Tensor(Format(True, min(WIDEST_VALUE, width), fraction), values.astype(np.int32))


def rounded_at(value, type_: Type):
    """A number rounded to what a type holds, cut off at its ends where it saturates."""
    if not isinstance(type_, Format) or isinstance(value, TensorRef):
        return value
    raw = np.rint(np.ldexp(float(value), type_.fraction))
    if type_.overflow == "saturate":
        raw = np.clip(raw, type_.low, type_.high)
    return float(np.ldexp(raw, -type_.fraction))
