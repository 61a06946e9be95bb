"""Weights of a fixed network as the chip stores them: mantissas, exponent, sign mode."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sparse

from compiler.analysis.bounds import fraction_of, type_fraction
from compiler.ir.network import Network, Projection
from targets.loihi.dynamics import SHIFT
from targets.loihi.weights import WIDEST, mode_of

SPANS = {"mixed": (-256, 256), "excitatory": (0, 256), "inhibitory": (-256, 0)}
MOST = 7
"""Largest weight exponent."""


@dataclass(frozen=True)
class SynapseRegisters:
    """Synapses of a projection: mantissas [post, pre] (an array, or a sparse one) with the exponent of all.

    bits: of a weight as the chip counts them; more than 8 where mantissas lie outside what it holds.
    """

    mantissas: np.ndarray | sparse.csr_array
    exponent: int
    mode: str
    bits: int

    @property
    def values(self) -> np.ndarray:
        """Every mantissa that is stored."""
        return values_of(self.mantissas)


def values_of(matrix: np.ndarray | sparse.csr_array) -> np.ndarray:
    return matrix if isinstance(matrix, np.ndarray) else matrix.data


def synapses_of(network: Network, projection: Projection) -> SynapseRegisters:
    """The weights that a projection's tensors stand for.

    A stored integer m with fraction -(6 + s) adds m << s to a. It is mantissa m << k with exponent s - k: in mixed mode
    k is at least 1, as the lowest bit of a mantissa is 0 there; beyond that k is as large as mantissas and exponent
    allow, so that weights of few bits have the most low bits at zero.
    """
    matrix = multiplied(network, projection)
    mode = mode_of(values_of(matrix))
    weights = sum(fraction_of(network, link.weights) for link in projection.chain)
    carried = type_fraction(network.emitted_type(projection.source, projection.source_port))
    shift, own = -(weights + carried) - SHIFT, int(mode == "mixed")
    lift = max(own, shift - MOST)
    while shift - lift > 0 and _fits(values_of(matrix) * (1 << lift + 1), mode):
        lift += 1
    mantissas = matrix * (1 << lift)
    return SynapseRegisters(mantissas, shift - lift, mode, _bits(values_of(mantissas), mode, own))


def _fits(mantissas: np.ndarray, mode: str) -> bool:
    low, high = SPANS[mode]
    return bool((mantissas >= low).all() and (mantissas < max(1, high)).all() and mantissas.any())


def _bits(mantissas: np.ndarray, mode: str, own: int) -> int:
    low, high = SPANS[mode]
    outside = 0
    while (mantissas < low << outside).any() or (mantissas > max(0, (high << outside) - 1)).any():
        outside += 1
    common = int(np.bitwise_or.reduce(np.abs(mantissas).ravel(), initial=0)) or 1 << WIDEST
    zeros = (common & -common).bit_length() - 1
    return max(1, WIDEST + own - zeros) + outside


def multiplied(network: Network, projection: Projection) -> np.ndarray | sparse.csr_array:
    """The chain as one matrix [post, pre] of stored integers."""
    shape, product = network.shape_of(projection.source), None
    for link in projection.chain:
        matrix = link.matrix(shape, network.tensors)
        product = matrix if product is None else matrix @ product
        shape = link.output_shape(shape, network.tensors)
    assert product is not None
    return product if isinstance(product, np.ndarray) else sparse.csr_array(product)
