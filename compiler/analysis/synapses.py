"""The synapses of a projection as a chip stores them: one list per axon and core, in two forms.

A *dense* list holds one weight for each of consecutive accumulators; a *sparse* one holds an index with
every weight. Per-synapse delays add a delay field, counted from the list's least delay. A chain of linear
maps is multiplied out. Plain dense matrices are never copied: every count about them has a closed form.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sparse

from compiler.chips import Chip
from compiler.formats import Format, smallest_format
from compiler.ir.connections.dense import Dense
from compiler.ir.network import Network, Projection


@dataclass(frozen=True)
class Synapses:
    """Synapses of one projection.

    matrix: [post, pre] raw weights, an array where lists are dense, CSR where they are sparse. fraction: of
    the weights. delays: chip delays, scalar, [pre] or [post, pre]. weight: format of a stored weight.
    """

    projection: Projection
    matrix: Any
    fraction: int
    delays: np.ndarray
    weight: Format
    chip: Chip

    @property
    def is_dense(self) -> bool:
        return isinstance(self.matrix, np.ndarray)

    @property
    def presynaptic(self) -> int:
        return self.matrix.shape[1]

    @cached_property
    def delay_bits(self) -> int:
        """Bits of the delay field of one synapse; 0 where a list has one delay."""
        if self.delays.ndim < 2:
            return 0
        return int(self.delays.max() - self.delays.min()).bit_length()

    @property
    def entry_bits(self) -> int:
        """Bits of one synapse in memory."""
        return self.weight.width + self.delay_bits + (0 if self.is_dense else self.chip.index_bits)

    @property
    def count(self) -> int:
        """Synapses in all."""
        return int(self.matrix.size) if self.is_dense else int(self.matrix.nnz)

    def fan_in(self) -> np.ndarray:
        """Synapses of every postsynaptic unit."""
        if self.is_dense:
            return np.full(self.matrix.shape[0], self.presynaptic)
        return np.diff(self.matrix.indptr)

    def list_lengths(self, start: int, stop: int) -> np.ndarray:
        """Synapses that every presynaptic unit has on units start..stop: int64 [pre]."""
        if self.is_dense:
            return np.full(self.presynaptic, stop - start, np.int64)
        begin, end = self.matrix.indptr[start], self.matrix.indptr[stop]
        return np.bincount(self.matrix.indices[begin:end], minlength=self.presynaptic)

    def bits(self, start: int, stop: int) -> int:
        """Synapse memory of units start..stop on one core: every list rounded up to whole words."""
        if self.is_dense:
            return self.presynaptic * int(list_bits(self.chip, stop - start, self.entry_bits))
        return int(list_bits(self.chip, self.list_lengths(start, stop), self.entry_bits).sum())

    def sources(self, start: int, stop: int) -> np.ndarray | None:
        """Which presynaptic units reach units start..stop: bool [pre], None for all of them."""
        return None if self.is_dense else self.list_lengths(start, stop) > 0


def list_bits(chip: Chip, lengths, entry_bits: int) -> np.ndarray:
    """Bits of synapse lists of so many synapses: blocks with their heads, in whole words."""
    lengths = np.asarray(lengths)
    if not chip.block_synapses:
        return _block_bits(chip, lengths, entry_bits)
    rest = lengths % chip.block_synapses
    last = np.where(rest > 0, _block_bits(chip, rest, entry_bits), 0)
    return lengths // chip.block_synapses * _block_bits(chip, chip.block_synapses, entry_bits) + last


def _block_bits(chip: Chip, length, entry_bits: int):
    return -(-(length * entry_bits + chip.block_head_bits) // chip.word_bits) * chip.word_bits


def synapses(network: Network, projection: Projection, chip: Chip) -> Synapses:
    """The synapses of a projection in the form that takes fewer bits."""
    matrix, weight = _product(network, projection)
    delays = network.delays(projection)
    made = Synapses(projection, matrix, weight_fraction(network, projection), delays, weight, chip)
    return made if _is_smaller_dense(made) == made.is_dense else _other_form(made)


def all_synapses(network: Network, chip: Chip) -> dict[str, Synapses]:
    """Of every projection, by name in name order."""
    projections = sorted(network.projections, key=lambda item: item.name)
    return {item.name: synapses(network, item, chip) for item in projections}


def weight_fraction(network: Network, projection: Projection) -> int:
    """Fraction bits of the multiplied-out weights."""
    types = (network.tensor(item.weights).type for item in projection.chain if item.weights is not None)
    return sum(item.fraction for item in types if isinstance(item, Format))


def _product(network: Network, projection: Projection) -> tuple[Any, Format]:
    """The chain as one matrix [post, pre] and the narrowest declared or found format of its weights."""
    chain = projection.chain
    if len(chain) == 1 and isinstance(chain[0], Dense):
        tensor = network.tensor(chain[0].weight)
        return tensor.data, _stored(tensor.type, tensor.data)
    shape = network.shape_of(projection.source)
    product: Any = chain[0].matrix(shape, network.tensors)
    for before, connection in zip(chain, chain[1:], strict=False):
        shape = before.output_shape(shape, network.tensors)
        product = connection.matrix(shape, network.tensors) @ product
    if not isinstance(product, np.ndarray):
        product = sparse.csr_array(product)
        product.sort_indices()
    only = chain[0].weights if len(chain) == 1 else None
    declared = None if only is None else network.tensor(only).type
    return product, _stored(declared, product if isinstance(product, np.ndarray) else product.data)


def _stored(declared, weights: np.ndarray) -> Format:
    """Format of a weight in memory: as declared for a single map, else the narrowest that holds every weight."""
    if isinstance(declared, Format):
        return Format(declared.signed, declared.width)
    return smallest_format(int(weights.min(initial=0)), int(weights.max(initial=0)))


def _is_smaller_dense(made: Synapses) -> bool:
    """Whether one weight for every pair takes no more bits than an index with every weight that is there."""
    matrix, field = made.matrix, made.weight.width + made.delay_bits
    there = np.count_nonzero(matrix) if isinstance(matrix, np.ndarray) else matrix.nnz
    return matrix.shape[0] * matrix.shape[1] * field <= there * (field + made.chip.index_bits)


def _other_form(made: Synapses) -> Synapses:
    matrix = made.matrix
    other = sparse.csr_array(matrix) if isinstance(matrix, np.ndarray) else matrix.toarray()
    return Synapses(made.projection, other, made.fraction, made.delays, made.weight, made.chip)
