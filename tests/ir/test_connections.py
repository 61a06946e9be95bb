"""Facts that hold for every kind of connection, over random chains."""

import math
from random import Random

import numpy as np
import pytest

from compiler.ir.network import Network
from tests.random_connections import random_chain


@pytest.mark.parametrize("level", ["model", "fixed"])
@pytest.mark.parametrize("seed", range(40))
def test_counts_bounds_and_channels_agree_with_the_list_of_synapses(seed, level):
    rng, network = Random(seed), Network(level=level)
    shape: tuple[int, ...] = (rng.randint(1, 24),)
    for link in random_chain(rng, network, "w", shape[0], rng.randint(1, 12)):
        matrix = link.matrix(shape, network.tensors)
        dense = np.asarray(matrix if isinstance(matrix, np.ndarray) else matrix.toarray())
        assert dense.shape == (math.prod(link.output_shape(shape, network.tensors)), math.prod(shape))
        assert getattr(matrix, "nnz", matrix.size) <= link.synapses(shape, network.tensors) <= dense.size
        low = np.array([rng.randint(-3, 1) for _ in range(dense.shape[1])])
        if level == "fixed":
            least, most = link.reach(low, low + 2, shape, network.tensors)
            assert np.array_equal(least, np.minimum(dense * low, dense * (low + 2)).sum(1))
            assert np.array_equal(most, np.maximum(dense * low, dense * (low + 2)).sum(1))
        if link.weights is not None:
            check_channels(link, shape, network, dense)
        shape = link.output_shape(shape, network.tensors)


def check_channels(link, shape, network, dense):
    """Scaling the weights of a channel scales exactly its units."""
    weight_channel, unit_channel = link.channels(shape, network.tensors)
    tensor = network.tensor(link.weights)
    factor = np.where(weight_channel == unit_channel[0], 2, 1)
    scaled = dict(network.tensors)
    scaled[link.weights.name] = type(tensor)(tensor.type, (tensor.data * factor).astype(tensor.data.dtype))
    matrix = link.matrix(shape, scaled)
    found = np.asarray(matrix if isinstance(matrix, np.ndarray) else matrix.toarray())
    if tensor.data.dtype.kind == "f":
        np.testing.assert_allclose(found, dense * np.where(unit_channel == unit_channel[0], 2, 1)[:, None], rtol=1e-6)
