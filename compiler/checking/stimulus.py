"""Random stimulus that makes a network work hard: sparse to dense inputs, and inputs aimed at single units."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from compiler.checking.current_gain import current_gain, takes_currents
from compiler.formats import Format
from compiler.ir.network import Input, Network, Projection

_SPARSEST, _DENSEST = 0.02, 0.8
_AIMED = 0.9


_WEIGHTS_READ = 5e8
"""Weights that a float run may read: every step reads all of them, however few its samples."""


_RECORDED = 3e7
"""Values of plastic synapses that a check may record."""


def affordable_samples(network: Network, steps: int, most: int, budget: float = 1e10) -> int:
    """How many samples of so many steps stay within a budget of synaptic operations; at least 4."""
    most = min(most, int(_RECORDED / max(_plastic_values(network) * steps, 1)))
    return int(np.clip(budget / max(count_synapses(network) * steps, 1), 4, max(most, 4)))


def _plastic_values(network: Network) -> int:
    """States of all plastic synapses: every check records them."""
    sites = [(site, units) for name, site, units in network.sites() if name.endswith(".synapse")]
    return sum(units * len(network.programs[site.program].states) for site, units in sites)


def affordable_steps(network: Network, most: int) -> int:
    """How many steps of a float run are quick; at least 16, or all there are."""
    return min(most, max(16, int(_WEIGHTS_READ / max(count_synapses(network), 1))))


def affordable(network: Network, inputs: Mapping[str, np.ndarray], most: int) -> dict[str, np.ndarray]:
    """The first samples and steps of inputs [B, T, n] that are quickly run, at most so many samples."""
    longest = next((rows.shape[1] for rows in inputs.values()), 1)
    steps = affordable_steps(network, longest)
    samples = affordable_samples(network, steps, most)
    return {name: rows[:samples, :steps] for name, rows in inputs.items()}


def count_synapses(network: Network) -> int:
    """Synapses of all links of all projections, at most."""
    total = 0
    for item in network.projections:
        shape = network.shape_of(item.source)
        for link in item.chain:
            total += link.synapses(shape, network.tensors)
            shape = link.output_shape(shape, network.tensors)
    return total


def random_inputs(network: Network, samples: int, steps: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Inputs by name, [samples, steps, n]: raw integers (floats for currents at the model level).

    Activity grows from sample to sample. In every second one the inputs are aimed: those that excite one unit of a
    directly driven population fire often, those that inhibit it are quiet. Currents are as strong as it takes to make
    units fire.
    """
    generator = np.random.default_rng(seed)
    density = np.geomspace(_SPARSEST, _DENSEST, samples)
    generator.shuffle(density)
    inputs = {item.name: _rows(network, item, density, steps, generator) for item in network.inputs}
    if not takes_currents(network):
        return inputs
    gain = current_gain(network, inputs, count_synapses(network))
    return {item.name: inputs[item.name] * gain if item.port.kind == "current" else inputs[item.name]
            for item in network.inputs}


def _rows(network: Network, item: Input, density: np.ndarray, steps: int, generator) -> np.ndarray:
    rate = np.repeat(density[:, None], item.size, axis=1)
    aims = [row for projection in network.out_of(item.name) for row in _aims(network, projection)]
    for sample in range(1, len(density), 2):
        if aims:
            excites = aims[generator.integers(len(aims))]()
            rate[sample] = np.where(excites > 0, max(_AIMED * generator.random() ** 0.5, 0.2), 0.01)
    shape = (len(density), steps, item.size)
    active = generator.random(shape) < rate[:, None, :]
    return _values(item, active, generator)


def _values(item: Input, active: np.ndarray, generator) -> np.ndarray:
    kind = item.port
    if kind.kind == "spikes":
        return active.astype(np.uint8)
    if kind.kind == "signed":
        return np.where(active, generator.choice([-1, 1], active.shape), 0).astype(np.int32)
    if kind.kind == "events":
        return np.where(active, generator.integers(1, kind.maximum + 1, active.shape), 0).astype(np.int32)
    return _currents(kind.type, active, generator)


def _currents(type_: object, active: np.ndarray, generator) -> np.ndarray:
    """Noise around a level of each unit and sample, of size 1; at fixed level over the port's format."""
    level = generator.uniform(-0.5, 1.5, (len(active), 1, active.shape[2]))
    noise = active * (level + 0.5 * generator.normal(size=active.shape))
    if not isinstance(type_, Format):
        return noise
    # The format has room for twice what calibration data showed.
    return np.clip(np.rint(noise * (type_.high / 4)), type_.low, type_.high).astype(np.int32)


def _aims(network: Network, projection: Projection):
    """For each postsynaptic unit a function giving the summed sign of its weights over the presynaptic units."""
    if len(projection.chain) != 1 or projection.chain[0].weights is None:
        return []
    matrix = projection.chain[0].matrix(network.shape_of(projection.source), network.tensors)

    def row(unit: int) -> np.ndarray:
        return matrix[unit] if isinstance(matrix, np.ndarray) else matrix[[unit]].toarray().ravel()

    def aim(unit: int):
        return lambda: np.sign(row(unit))

    return [aim(unit) for unit in range(network.size_of(projection.target))]
