"""Executes tables of micro-operations on plain int64 arrays; the emulator's own arithmetic.

A register holds int64 [batch, compartments] or one value per compartment. An operand is
`[register or integer, left shift]`; a result is rounded, then fitted, as its row says.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from compiler.diagnostics import declare, fail

E544 = declare("E544", "a value left the range that the core tables promise")

Registers = dict[str, np.ndarray]


NO_NOISE = np.zeros(1, np.int64)


def execute(
    program: Mapping[str, Any], registers: Registers, lookups: Mapping[str, np.ndarray], where: str, noise: np.ndarray
) -> None:
    """Run every micro-operation in order; results join `registers`. noise: see `random_bits`. Errors: E544."""
    for row in program["code"]:
        registers[row["to"]] = result(row, registers, lookups, where, noise)


def result(
    row: Mapping[str, Any], registers: Registers, lookups: Mapping[str, np.ndarray], where: str,
    noise: np.ndarray = NO_NOISE,
) -> np.ndarray:
    """Value of one row. Errors: E544."""
    operands = [operand(name, shift, registers) for name, shift in row["from"]]
    if row["op"] == "lookup":
        table = lookups[row["table"]]
        exact = table[np.clip(operands[0] >> row["bits"], 0, len(table) - 1)]
    elif "bits" in row:
        exact = WHOLE[row["op"]](operands[0], row["bits"])
    else:
        exact = EXACT[row["op"]](*operands)
    return fitted(exact, row, where, noise)


def operand(name: str | int, shift: int, registers: Registers) -> np.ndarray:
    value = registers[name] if isinstance(name, str) else np.int64(name)
    return np.asarray(value) << shift if shift else np.asarray(value)


def fitted(exact: np.ndarray, row: Mapping[str, Any], where: str, noise: np.ndarray = NO_NOISE) -> np.ndarray:
    """Drop bits, then fit into low..high. Errors: E544 for a range that was said to be proved."""
    drop = row["drop"]
    if drop > 0 and row["rounding"] == "stochastic":
        raw = _at_random(exact, drop, scrambled(noise ^ row["site"]))
    else:
        raw = ROUNDINGS[row["rounding"]](exact, drop) if drop > 0 else exact << -drop
    low, high = row["low"], row["high"]
    if row["overflow"] == "saturate":
        return np.minimum(np.maximum(raw, low), high)
    if row["overflow"] == "wrap":
        return _wrapped(raw, low, high)
    if row["overflow"] == "proved" and raw.size and (raw.min() < low or raw.max() > high):
        raise fail(
            E544,
            "a value leaves its range",
            where,
            found=f"[{raw.min()}, {raw.max()}]",
            expected=f"[{low}, {high}]",
            hint="the tables are damaged, or a proof of the compiler is wrong",
        )
    return raw


def _wrapped(raw: np.ndarray, low: int, high: int) -> np.ndarray:
    """Two's complement of the width of low..high: keep the low bits, extend the sign."""
    if low == 0:
        return raw & high
    spare = 64 - (high - low).bit_length()
    return (raw << spare) >> spare


def _toward_zero(raw: np.ndarray, bits: int) -> np.ndarray:
    return (raw + ((raw >> 63) & ((1 << bits) - 1))) >> bits


def _half_to_even(raw: np.ndarray, bits: int) -> np.ndarray:
    return (raw + ((1 << bits - 1) - 1) + ((raw >> bits) & 1)) >> bits


def _half_away(raw: np.ndarray, bits: int) -> np.ndarray:
    return np.sign(raw) * ((np.abs(raw) + (1 << bits - 1)) >> bits)


def scrambled(word: np.ndarray) -> np.ndarray:
    """The mixing of the counter hash on 32-bit words held in int64: lowbias32 of C. Wellons."""
    for right, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        word = word ^ (word >> right)
        high = (word * (factor >> 16)) & 0xFFFF
        word = ((high << 16) + word * (factor & 0xFFFF)) & 0xFFFFFFFF
    return word ^ (word >> 16)


def random_bits(seed: int, site: str, units: np.ndarray, step: int, batch: int) -> np.ndarray:
    """The part of the counter hash that all roundings of a site share in a step, [batch, compartments]."""
    word = np.asarray((seed & 0xFFFFFFFF) ^ zlib.crc32(site.encode()), np.int64)
    word = scrambled(scrambled(scrambled(word) ^ units.astype(np.int64)) ^ np.int64(step & 0xFFFFFFFF))
    return scrambled(word ^ np.arange(batch, dtype=np.int64)[:, None])


def _at_random(raw: np.ndarray, bits: int, random: np.ndarray) -> np.ndarray:
    """Down, or up with the probability of what is dropped, of which the upper 24 bits count."""
    counted = min(bits, 24)
    lost = (raw >> (bits - counted)) & ((1 << counted) - 1)
    return (raw >> bits) + (lost > (random & ((1 << counted) - 1)))


ROUNDINGS: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {
    "floor": lambda raw, bits: raw >> bits,
    "zero": _toward_zero,
    "even": _half_to_even,
    "away": _half_away,
}

WHOLE: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {
    "floor": lambda raw, bits: raw >> bits,
    "ceil": lambda raw, bits: -(-raw >> bits),
    "round": lambda raw, bits: _half_to_even(raw, bits) if bits else raw,
}


def _truth(relation) -> Callable[..., np.ndarray]:
    return lambda a, b: relation(a, b).astype(np.int64)


EXACT: dict[str, Callable[..., np.ndarray]] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "neg": np.negative,
    "abs": np.abs,
    "sign": np.sign,
    "min": np.minimum,
    "max": np.maximum,
    "convert": lambda a: a,
    "select": lambda chosen, a, b: np.where(chosen == 1, a, b),
    "lt": _truth(np.less),
    "le": _truth(np.less_equal),
    "gt": _truth(np.greater),
    "ge": _truth(np.greater_equal),
    "eq": _truth(np.equal),
    "ne": _truth(np.not_equal),
    "and": np.bitwise_and,
    "or": np.bitwise_or,
    "xor": np.bitwise_xor,
    "not": lambda a: a ^ 1,
}
