"""Range analysis against what the golden model does: no value is ever outside its interval."""

import numpy as np
import pytest

from compiler import reference
from compiler.analysis.network_ranges import ranges_of
from tests.strategies import random_inputs, random_network


@pytest.mark.parametrize("seed", range(40))
def test_no_value_of_a_random_network_leaves_its_interval(seed):
    network = random_network(seed, "fixed")
    ranges = ranges_of(network)
    outside = []

    def observe(site: str, name: str, raw: np.ndarray) -> None:
        interval = ranges[site].values[name]
        if (raw < interval.low).any() or (raw > interval.high).any():
            outside.append((site, name, int(raw.min()), int(raw.max()), interval))

    reference.run(network, random_inputs(network, seed, 4, 30), observer=observe)
    assert not outside
