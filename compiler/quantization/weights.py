"""Weights as integers of few bits, with the power-of-two fraction of the least squared error."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from compiler.formats import Format
from compiler.ir.connections.base import Connection
from compiler.ir.network import Projection, Tensor
from compiler.options import Options

LARGEST_SHIFT = 8
_SAMPLE = 1 << 18


def largest_integer(bits: int) -> int:
    """Largest weight of a symmetric signed format."""
    return (1 << (bits - 1)) - 1


def bits_of(projection: Projection, options: Options) -> int:
    return options.bits.get(projection.name, options.weight_bits)


def weight_name(projection: Projection, others: Iterable[Connection]) -> str:
    """A name for the last weights of a projection that none of the other links of its chain has taken."""
    name, taken = f"{projection.name}.weight", {ref for link in others for ref in link.references()}
    while name in taken:
        name += "_"
    return name


def quantized_weights(values: np.ndarray, bits: int, fraction: int | None = None) -> Tensor:
    """Integers of `bits` with a power-of-two fraction, that of the least squared error unless one is given.

    The fraction stays 0 unless the weights are more than 4 times smaller than their format allows.
    """
    levels = largest_integer(bits)
    shift = _best_shift(values, levels) if fraction is None else fraction
    dtype = np.int8 if bits <= 8 else np.int16 if bits <= 16 else np.int32
    return Tensor(Format(True, bits, shift), _rounded(values, levels, shift).astype(dtype))


def _best_shift(values: np.ndarray, levels: int) -> int:
    sample = values.ravel()[:: max(1, values.size // _SAMPLE)]
    shifts = [0, *range(2, LARGEST_SHIFT + 1)]
    errors = [float(((_rounded(sample, levels, k) * 2.0**-k - sample) ** 2).sum()) for k in shifts]
    return shifts[int(np.argmin(errors))]


def _rounded(values: np.ndarray, levels: int, shift: int) -> np.ndarray:
    return np.clip(np.rint(values * 2.0**shift), -levels, levels)
