"""Small networks that learn, compiled as far as a test needs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from compiler.frontends.lower import lower
from compiler.ir.network import Network
from compiler.options import Options
from compiler.pipeline import Compilation, compile_source, lowered, quantized
from compiler.source import Source
from spark.core.module import SparkModule
from spark.nn.neurons import LIFNeuron

PRE, POST = 6, 4


def learning(rule: Any, neuron: type = LIFNeuron, **keywords: Any) -> Any:
    """A few neurons with random, partly missing synapses, loud enough to spike."""
    rng = np.random.default_rng(1)
    kernel = rng.random((POST, PRE)) * (rng.random((POST, PRE)) < 0.85) + np.eye(POST, PRE)
    given = {"synapses__kernel": kernel, "synapses__scale": 2000.0, "inhibitory_rate": 0.0, "seed": 3}
    return neuron(units=(POST,), learning_rule=rule, **(given | keywords)).build(PRE)


def source_of(module: SparkModule) -> Source:
    return Source(Path("memory.py"), "model", "0" * 64, lower(module), "float64", module, None, lambda: None)


def fixed_of(module: SparkModule, **options: Any) -> Network:
    """At fixed level."""
    return quantized(source_of(module), Options(**options))


def model_of(module: SparkModule) -> Network:
    """At model level, after its passes."""
    return lowered(source_of(module), Options())


def compiled(module: SparkModule, **options: Any) -> Compilation:
    """Compiled and checked for no chip."""
    return compile_source(source_of(module), Options(**options))


def stimulus(network: Network, batch: int = 3, steps: int = 40, seed: int = 0) -> dict[str, np.ndarray]:
    """Raw inputs of any level: spikes half of the time, large values now and then."""
    rng, rows = np.random.default_rng(seed), {}
    for item in network.inputs:
        shape = (batch, steps, item.size)
        if item.port.kind == "spikes":
            rows[item.name] = (rng.random(shape) < 0.5).astype(np.uint8)
        elif network.level == "model":
            rows[item.name] = rng.normal(size=shape) * (rng.random(shape) < 0.5)
        else:
            rows[item.name] = rng.integers(-(1 << 13), 1 << 13, shape).astype(np.int32)
    return rows


def states_of(network: Network) -> list[str]:
    """Records of all states."""
    sites = [(name, network.programs[site.program]) for name, site, _ in network.sites()]
    return [f"{name}.{state.name}" for name, program in sites for state in program.states]
