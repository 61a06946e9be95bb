"""Builds the synapse memory and the axon tables of one core."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from compiler.analysis.sums import Sum, pre_sum, weighted_fraction
from compiler.analysis.synapses import Synapses
from compiler.chips import Chip
from compiler.ir.network import Network
from targets.cores.layout import Layout
from targets.cores.packing import pack_lists, pack_rows, words_of

LIST_FIELDS = ("axon", "pointer", "length", "format", "first", "delay")


@dataclass
class CoreMemory:
    """Words of a core, and its synapse lists as columns: the in-axon each belongs to, first word, entries,
    format, first accumulator (dense lists), least delay. local: pre compartments as (site, unit, axon)."""

    words: list[np.ndarray] = field(default_factory=list)
    lists: dict[str, list[np.ndarray]] = field(default_factory=lambda: {name: [] for name in LIST_FIELDS})
    local: list[tuple[str, np.ndarray, np.ndarray]] = field(default_factory=list)
    axon_count: int = 0
    word_count: int = 0

    def append(self, axons: np.ndarray, words: np.ndarray, sizes: np.ndarray, **columns: Any) -> None:
        """Add lists whose words follow each other; sizes: words of every list."""
        columns |= {"axon": axons, "pointer": self.word_count + np.cumsum(sizes) - sizes}
        for name in LIST_FIELDS:
            self.lists[name].append(np.broadcast_to(columns[name], axons.shape).astype(np.int64))
        self.words.append(words.reshape(-1))
        self.word_count += words.size

    def column(self, name: str) -> np.ndarray:
        """One column over all lists, lists of an axon together."""
        if not self.lists["axon"]:
            return np.zeros(0, np.int64)
        order = np.argsort(np.concatenate(self.lists["axon"]), kind="stable")
        return np.concatenate(self.lists[name])[order]


@dataclass
class Formats:
    """Synapse formats of all cores; equal ones are kept once."""

    rows: list[dict[str, Any]] = field(default_factory=list)

    def number(self, **row: Any) -> int:
        if row not in self.rows:
            self.rows.append(row)
        return self.rows.index(row)


def core_memory(
    network: Network, chip: Chip, layout: Layout, synapses: dict[str, Synapses], sums: dict[str, Sum], formats: Formats
) -> CoreMemory:
    """Synapse lists of every projection onto a core. sums: by projection name, what its synapses add to."""
    made = CoreMemory(axon_count=layout.axon_count)
    targets = list(dict.fromkeys(name for name, _ in layout.segments))
    for projection in (item for name in targets for item in network.into(name)):
        found = synapses[projection.name]
        if f"{projection.name}.pre" in layout.rows:
            base = layout.bases[pre_sum(network, projection).name]
            _feed_traces(made, chip, layout, found, formats, base)
        shift = sums[projection.name].fraction - weighted_fraction(network, projection)
        row = {"weight_bits": found.weight.width, "signed": found.weight.signed, "delay_bits": found.delay_bits}
        number = formats.number(**row, index_bits=0 if found.is_dense else chip.index_bits, shift=shift)
        base = layout.bases[sums[projection.name].name]
        for name, segment in layout.segments:
            if name == projection.target:
                first = base + layout.row_of(name, segment.start)
                _add_lists(made, chip, layout, found, (segment.start, segment.stop), first, number)
    return made


def _feed_traces(made: CoreMemory, chip: Chip, layout: Layout, found: Synapses, formats: Formats, base: int) -> None:
    """One synapse of weight 1 from every presynaptic unit to its trace, and an axon from the trace onwards."""
    projection = found.projection
    site, key = f"{projection.name}.pre", (projection.source, projection.source_port)
    units = layout.rows[site]
    number = formats.number(weight_bits=1, signed=False, delay_bits=0, index_bits=chip.index_bits, shift=0)
    entries = 1 | (base + np.arange(len(units))) << 1
    ones = np.ones(len(units), np.int64)
    words = pack_lists(entries, ones, 1 + chip.index_bits, chip.word_bits)
    delays = np.broadcast_to(found.delays, found.presynaptic)[units]
    sizes = words_of(ones, 1 + chip.index_bits, chip.word_bits)
    made.append(layout.axons_of(key, units), words, sizes, length=1, format=number, first=0, delay=delays)
    made.local.append((site, units, made.axon_count + np.arange(len(units))))
    made.axon_count += len(units)


def _axons_into(made: CoreMemory, layout: Layout, found: Synapses, units: np.ndarray) -> np.ndarray:
    """The axons that carry a projection's values to its synapses: from traces where it has them."""
    projection = found.projection
    site = f"{projection.name}.pre"
    for name, traced, axons in made.local:
        if name == site:
            return axons[np.searchsorted(traced, units)]
    return layout.axons_of((projection.source, projection.source_port), units)


def _add_lists(
    made: CoreMemory, chip: Chip, layout: Layout, found: Synapses, units: tuple[int, int], first: int, number: int
) -> None:
    """The synapses on units start..stop, whose accumulators begin at `first`: one list per presynaptic unit."""
    start, stop = units
    reached = found.sources(start, stop)
    sources = np.arange(found.presynaptic) if reached is None else np.flatnonzero(reached)
    if not len(sources):
        return
    delays = _list_delays(found, sources)
    axons = _axons_into(made, layout, found, sources)
    if found.is_dense:
        words = pack_rows(_dense_entries(found, start, stop), found.entry_bits, chip.word_bits)
        sizes = np.full(len(sources), words.shape[1])
        made.append(axons, words, sizes, length=stop - start, format=number, first=first, delay=delays)
        return
    entries, lengths = _sparse_entries(found, start, stop, first)
    words = pack_lists(entries, lengths, found.entry_bits, chip.word_bits)
    sizes = words_of(lengths, found.entry_bits, chip.word_bits)
    made.append(axons, words, sizes, length=lengths, format=number, first=0, delay=delays)


def _list_delays(found: Synapses, sources: np.ndarray) -> np.ndarray:
    """Least delay of every list; a trace has waited already, so its synapses act at once."""
    if found.projection.pre is not None:
        return np.zeros(len(sources), np.int64)
    if found.delays.ndim == 1:
        return found.delays[sources]
    return np.full(len(sources), int(found.delays.min()))


def _dense_entries(found: Synapses, start: int, stop: int) -> np.ndarray:
    """Entries [pre, units] of consecutive accumulators."""
    weights = found.matrix[start:stop].T
    if found.delay_bits == 0:
        return weights
    fields = found.delays[start:stop].T - found.delays.min()
    return _weight_field(found, weights) | fields << found.weight.width


def _sparse_entries(found: Synapses, start: int, stop: int, first: int) -> tuple[np.ndarray, np.ndarray]:
    """Entries of all lists one after the other, and the length of every list that is not empty."""
    columns = found.matrix[start:stop].tocsc()  # pyright: ignore[reportAttributeAccessIssue]
    columns.sort_indices()
    lengths = np.diff(columns.indptr).astype(np.int64)
    posts = columns.indices.astype(np.int64)
    entries = _weight_field(found, columns.data)
    if found.delay_bits:
        pres = np.repeat(np.arange(found.presynaptic), lengths)
        entries |= (found.delays[start + posts, pres] - found.delays.min()) << found.weight.width
    entries |= (first + posts) << (found.weight.width + found.delay_bits)
    return entries, lengths[lengths > 0]


def _weight_field(found: Synapses, weights: np.ndarray) -> np.ndarray:
    return weights.astype(np.int64) & ((1 << found.weight.width) - 1)
