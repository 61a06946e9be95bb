"""Decodes the words of a core's memory into what an event does: accumulators, delays and weights per axon."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sparse

from targets.cores.tables import Tables, unfit

DENSE_SHARE = 0.2
"""Where more than this share of (axon, column) pairs are synapses, a plain array is faster than a sparse one."""

SILENT_SHARE = 0.02
"""Where fewer than this share of the axons carry a value, only those are looked at."""

EXACT = 1 << 53


@dataclass
class Decoded:
    """Synapses of one core, one entry each: in-axon of the core, accumulator, delay, weight (all int64)."""

    axon: np.ndarray
    accumulator: np.ndarray
    delay: np.ndarray
    weight: np.ndarray


@dataclass
class Fan:
    """What events of some axons do: matrix [axons, columns], and the (delay, accumulators) of column ranges.

    A matrix with most entries present is kept in float64, which holds every integer below 2**53: as long as
    no sum can reach that, its fast product is exact. largest: the greatest sum of magnitudes of a column.
    """

    matrix: Any
    parts: list[tuple[int, slice, np.ndarray]]
    largest: int

    def deliver(self, events: np.ndarray) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """events [batch, axons] -> (delay, accumulators, sums [batch, accumulators]) of every delay."""
        if not events.any():
            return
        sums = self._weighted(events)
        for delay, columns, accumulators in self.parts:
            yield delay, accumulators, sums[:, columns]

    def _weighted(self, events: np.ndarray) -> np.ndarray:
        if not isinstance(self.matrix, np.ndarray):
            return (sparse.csr_array(events) @ self.matrix).toarray()
        if self.largest * int(np.abs(events).max()) >= EXACT:
            return events @ self.matrix.astype(np.int64)
        if np.count_nonzero(events) < SILENT_SHARE * events.size:
            return np.asarray(sparse.csr_array(events.astype(np.float64)) @ self.matrix).astype(np.int64)
        return (events.astype(np.float64) @ self.matrix).astype(np.int64)


def decode(tables: Tables, core: int) -> Decoded:
    """Every synapse in the memory of a core. Errors: E542 where a list leaves the memory."""
    first, last = tables.get("axons", "core.axons")[core : core + 2]
    lists = tables.get("axons", "axon.lists")[first : last + 1]
    chosen = slice(lists[0], lists[-1])
    owners = np.repeat(np.arange(last - first), np.diff(lists))
    columns = {
        name: tables.arrays["axons"][f"list.{name}"][chosen].astype(np.int64)
        for name in ("pointer", "length", "format", "first")
    }
    columns["delay"] = tables.arrays["delays"]["list.delay"][chosen].astype(np.int64)
    low, high = tables.get("synapses", "core.words")[core : core + 2]
    memory = tables.arrays["synapses"]["words"][low:high]
    parts = []
    for number, row in enumerate(tables.index["formats"]):
        mine = columns["format"] == number
        if mine.any():
            picked = {name: values[mine] for name, values in columns.items()}
            parts.append(_decode_lists(tables, memory, owners[mine], picked, row))
    return Decoded(
        *(np.concatenate([np.zeros(0, np.int64), *fields]) for fields in zip(*parts, strict=True))
        if parts
        else (np.zeros(0, np.int64),) * 4
    )


def _decode_lists(
    tables: Tables, memory: np.ndarray, owners: np.ndarray, lists: dict[str, np.ndarray], row: dict[str, Any]
) -> tuple[np.ndarray, ...]:
    """Lists of one format, entry by entry."""
    weight_bits, delay_bits, index_bits = row["weight_bits"], row["delay_bits"], row["index_bits"]
    width = weight_bits + delay_bits + index_bits
    lengths = lists["length"]
    within = np.arange(int(lengths.sum())) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    entries = _fields(tables, memory, lists["pointer"], lengths, within, width)
    weights = entries & ((1 << weight_bits) - 1)
    if row["signed"]:
        weights -= (weights >> (weight_bits - 1)) << weight_bits
    delays = np.repeat(lists["delay"], lengths) + ((entries >> weight_bits) & ((1 << delay_bits) - 1))
    places = (entries >> (weight_bits + delay_bits)) if index_bits else within + np.repeat(lists["first"], lengths)
    return np.repeat(owners, lengths), places, delays, weights << row["shift"]


def _fields(
    tables: Tables, memory: np.ndarray, pointers: np.ndarray, lengths: np.ndarray, within: np.ndarray, width: int
) -> np.ndarray:
    """Entries of `width` bits: a window of 64 bits from the byte each begins in, shifted and cut."""
    word_bits = tables.index["chip"]["word_bits"]
    ends = pointers * word_bits + lengths * width
    if len(ends) and (pointers.min() < 0 or lengths.min() < 0 or ends.max() > len(memory) * word_bits):
        raise unfit(
            tables.folder,
            "axons.list.pointer",
            "a synapse list leaves the memory of its core",
            f"bit {ends.max()}",
            f"{len(memory) * word_bits} bits",
        )
    data = np.concatenate([np.ascontiguousarray(memory).view(np.uint8), np.zeros(8, np.uint8)])
    windows = np.ndarray((len(data) - 7,), "<u8", data, strides=(1,))
    offsets = np.repeat(pointers * word_bits, lengths) + within * width
    shifted = windows[offsets >> 3] >> (offsets & 7).astype(np.uint64)
    return (shifted & np.uint64((1 << width) - 1)).astype(np.int64)


def fan(decoded: Decoded, axons: np.ndarray, accumulators: int) -> Fan:
    """The synapses of some axons of a core (ascending) as one matrix with a column per delay and accumulator."""
    place = np.full(int(max(axons.max(initial=-1), decoded.axon.max(initial=-1))) + 1, -1)
    place[axons] = np.arange(len(axons))
    mine = place[decoded.axon] >= 0
    row, weight = place[decoded.axon[mine]], decoded.weight[mine]
    code = decoded.delay[mine] * accumulators + decoded.accumulator[mine]
    used = np.flatnonzero(np.bincount(code)) if len(code) else np.zeros(0, np.int64)
    column = np.searchsorted(used, code)
    parts = []
    for value in np.unique(used // max(accumulators, 1)):
        begin, end = np.searchsorted(used, [value * accumulators, (value + 1) * accumulators])
        parts.append((int(value), slice(begin, end), used[begin:end] - value * accumulators))
    magnitudes = np.bincount(column, np.abs(weight), minlength=1)
    return Fan(_matrix(row, column, weight, (len(axons), len(used))), parts, int(magnitudes.max()))


def _matrix(
    row: np.ndarray, column: np.ndarray, weight: np.ndarray, shape: tuple[int, int]
) -> np.ndarray | sparse.csr_array:
    """Synapses as a matrix; those that share an axon, an accumulator and a delay add up."""
    if len(row) <= DENSE_SHARE * shape[0] * shape[1]:
        return sparse.csr_array(sparse.coo_array((weight, (row, column)), shape=shape))
    return np.bincount(row * shape[1] + column, weight, minlength=shape[0] * shape[1]).reshape(shape)
