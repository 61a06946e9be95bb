"""Chains of a projection as linear maps of exact integers, in float arithmetic where that cannot round."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sparse

from compiler.ir.network import Network, Projection
from compiler.results.results import source_delays


class ExactMap:
    """One linear map [post, pre] of exact integers.

    A float of 24 (53) bits holds every integer below 2**24 (2**53), so where the sums stay below it its fast product
    is exact.
    """

    def __init__(self, matrix: np.ndarray | sparse.csr_array):
        self.exact = matrix
        self.row_bound = int(np.asarray(abs(matrix).sum(axis=1)).max(initial=0))
        self.bits, dtype = (24, np.float32) if self.row_bound < 1 << 24 else (53, np.float64)
        self.floats = matrix.T.astype(dtype) if isinstance(matrix, np.ndarray) else None

    def times(self, values: np.ndarray) -> np.ndarray:
        """values [B, pre] -> [B, post]."""
        if self.floats is None:
            return np.asarray((self.exact @ values.T).T)
        if self.row_bound * int(np.abs(values).max(initial=0)) < 1 << self.bits:
            return (values.astype(self.floats.dtype) @ self.floats).astype(np.int64)
        return values @ self.exact.T


def matrices(network: Network, projection: Projection) -> dict[int | None, list[ExactMap]]:
    """The chain as matrices, under None; with per-synapse delays one masked matrix per delay."""
    shape, chain = network.shape_of(projection.source), []
    for connection in projection.chain:
        chain.append(connection.matrix(shape, network.tensors))
        shape = connection.output_shape(shape, network.tensors)
    delays = source_delays(network, projection)
    if delays.ndim < 2:
        return {None: [ExactMap(item) for item in chain]}
    whole = _multiplied_out(chain)
    return {int(d): [ExactMap(np.where(delays == d, whole, 0))] for d in np.unique(delays)}


def _multiplied_out(chain: list) -> np.ndarray:
    """The chain as one dense matrix [post, pre]."""
    dense = [item.toarray() if sparse.issparse(item) else item for item in chain]
    whole = dense[0]
    for matrix in dense[1:]:
        whole = matrix @ whole
    return whole
