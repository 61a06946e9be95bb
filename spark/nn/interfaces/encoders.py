"""Encoders: from a signal to spikes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from spark.core.config import Fault, above, quantity
from spark.core.counter_random import random_bits, start, uniform
from spark.core.module import Params, State
from spark.nn.interfaces.base import Encoder, InterfaceConfig


class SpikerConfig(InterfaceConfig):
    """Fields of encoders with a highest rate."""

    max_freq: float = quantity(100.0, unit="Hz", bound=above(0), extent="scalar", doc="Rate at signal 1.")

    def check(self) -> list[Fault]:
        highest = 1000 / self.dt
        if self.max_freq <= highest:
            return []
        return [Fault("max_freq", self.max_freq, f"<= {highest:g} Hz, one spike per step of {self.dt:g} ms")]


class PoissonSpikerConfig(SpikerConfig):
    """Parameters of PoissonSpiker."""


class PoissonSpiker(Encoder[PoissonSpikerConfig]):
    """Independent spikes with a probability that follows the signal (a Bernoulli process per step).

    Dynamics: S = u < signal·max_freq·dt with u uniform in [0, 1), drawn from a counter hash of seed, unit, step and
    sample: the same in every run, different between units, steps and samples of a batch.

    Parameters: max_freq (Hz, > 0, at most one spike per step). State: step, sample (int32; `run` numbers the samples of
    a batch). Input signal, any shape, 0 … 1 (beyond it: clipped by what a probability can be); output spikes of that
    shape. Errors: ConfigError. Source: Neuronal Dynamics, section 7.2.

    >>> outputs, _ = PoissonSpiker(max_freq=200.0).build(3).run(np.full((2000, 3), 0.5))
    >>> bool(abs(outputs["spikes"].mean() - 0.1) < 0.01)
    True
    """

    config_class = PoissonSpikerConfig
    draws = True

    def _build(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        super()._build(shapes)
        self._hold(probability=self.config.max_freq * self.dt / 1000, begun=start(self.config.seed, "PoissonSpiker"))

    def initial_state(self) -> State:
        self._require_built()
        return {"step": np.zeros((), np.int32), "sample": np.zeros((), np.int32)}

    def step(self, state: State, inputs: dict[str, Any], params: Params) -> tuple[State, dict[str, Any]]:
        signal = inputs["signal"]
        bits = random_bits(params["begun"], math.prod(self.shape), state["step"], state["sample"])
        drawn = uniform(bits, signal.dtype).reshape(self.shape)
        spikes = (drawn < signal * params["probability"]).astype(signal.dtype)
        return state | {"step": state["step"] + 1}, {"spikes": spikes}


class LinearSpikerConfig(SpikerConfig):
    """Parameters of LinearSpiker."""


class LinearSpiker(Encoder[LinearSpikerConfig]):
    """Regular spikes at a rate that follows the signal.

    Dynamics: p ← p + signal·max_freq·dt; S = p ≥ 1; p ← p − 1 where S. A constant signal gives regular spikes, the
    first after one whole interval.

    Parameters: max_freq (Hz, > 0, at most one spike per step). State: p, the phase, 0 … 1. Input signal, any shape,
    0 … 1; output spikes of that shape. Errors: ConfigError. Source: the perfect integrate-and-fire encoder; Lapicque
    1907.

    >>> outputs, _ = LinearSpiker(max_freq=250.0).build(1).run(np.ones((9, 1)))
    >>> outputs["spikes"][:, 0].tolist()
    [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0]
    """

    config_class = LinearSpikerConfig

    def _build(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        super()._build(shapes)
        self._hold(advance=self.config.max_freq * self.dt / 1000)

    def initial_state(self) -> State:
        self._require_built()
        return {"p": np.zeros(self.shape)}

    def step(self, state: State, inputs: dict[str, Any], params: Params) -> tuple[State, dict[str, Any]]:
        phase = state["p"] + jnp.clip(inputs["signal"], 0, 1) * params["advance"]
        # Ten additions of 0.1 make 0.9999999…: a hair below one is one.
        hair = min(64 * float(jnp.finfo(phase.dtype).eps), 0.01)
        spikes = (phase >= 1 - hair).astype(phase.dtype)
        return {"p": jnp.maximum(phase - spikes, 0)}, {"spikes": spikes}
