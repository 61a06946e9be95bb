"""Registers of compartments: from real numbers, and read back from the parameters of a compartment's program."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from compiler.formats import Format
from compiler.ir.network import Network, Population
from compiler.ir.program import Argument
from targets.loihi.dynamics import SHIFT

ONE = 4096
"""1 in the registers of decays."""

BIAS_LIMIT, BIAS_EXPONENTS = (1 << 12) - 1, range(8)


def kept_current(share: np.ndarray) -> np.ndarray:
    """What a current keeps in a step, in 4096ths: 4095 - du, so never all of it.

    >>> kept_current(np.array([0.5, 1.0])).tolist()
    [2048, 4095]
    """
    return np.clip(np.rint(np.asarray(share) * ONE), 0, ONE - 1).astype(np.int64)


def kept_membrane(share: np.ndarray) -> np.ndarray:
    """What a membrane keeps in a step, in 4096ths: 4096 - dv, so never nothing.

    >>> kept_membrane(np.array([0.0, 1.0])).tolist()
    [1, 4096]
    """
    return np.clip(np.rint(np.asarray(share) * ONE), 1, ONE).astype(np.int64)


def bias_mantissas(bias: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mantissa and the least exponent that holds it, for whole biases rounded to the nearest.

    Values beyond the largest are cut; the caller compares.

    >>> [item.tolist() for item in bias_mantissas(np.array([5.4, -9001.0]))]
    [[5, -2250], [0, 2]]
    """
    bias = np.asarray(bias, np.float64)
    mantissas, exponents = np.zeros(bias.shape, np.int64), np.zeros(bias.shape, np.int64)
    for exponent in reversed(BIAS_EXPONENTS):
        mantissa = np.rint(bias / (1 << exponent))
        fits = np.abs(mantissa) <= BIAS_LIMIT
        kept = fits | (exponent == BIAS_EXPONENTS[-1])
        mantissas = np.where(kept, np.clip(mantissa, -BIAS_LIMIT, BIAS_LIMIT).astype(np.int64), mantissas)
        exponents = np.where(kept, exponent, exponents)
    return mantissas, exponents


@dataclass(frozen=True)
class Registers:
    """Of every unit of a population, int64 [n] each; thresholds that there are not are None. held: steps of rest."""

    du: np.ndarray
    dv: np.ndarray
    threshold: np.ndarray | None
    low_threshold: np.ndarray | None
    offset: np.ndarray | None
    bias_mantissa: np.ndarray
    bias_exponent: np.ndarray
    held: np.ndarray
    u0: np.ndarray
    v0: np.ndarray

    @property
    def bias(self) -> np.ndarray:
        return self.bias_mantissa << self.bias_exponent

    @property
    def profiles(self) -> np.ndarray:
        """What compartments share by profile, one row per unit."""
        parts = [self.du, self.dv, self.held]
        parts += [item for item in (self.low_threshold, self.offset) if item is not None]
        return np.stack(parts, axis=1)


def is_compartment(network: Network, population: Population) -> bool:
    """Whether a population computes what a compartment of the chip does: its parameters and states have those names."""
    program = network.programs[population.site.program]
    params, states = {item.name for item in program.params}, {item.name for item in program.states}
    return {"kept_u", "kept_v"} <= params and {"u", "v"} <= states <= {"u", "v", "wait", "phase"}


def registers_of(network: Network, population: Population) -> Registers:
    """The registers that stand in a compartment's parameters."""
    site, units = population.site, population.size
    program = network.programs[site.program]
    types = program.types()

    def raw(argument: Argument, name: str) -> np.ndarray:
        type_ = types[name]
        fraction = type_.fraction if isinstance(type_, Format) else 0
        values = np.rint(np.ldexp(network.real(argument), fraction)).astype(np.int64)
        return np.broadcast_to(values, (units,))

    def register(name: str) -> np.ndarray | None:
        return raw(site.arguments[name], name) if name in site.arguments else None

    zero = np.zeros(units, np.int64)
    bias, held = register("bias"), register("held")
    mantissa, exponent = bias_mantissas(zero if bias is None else bias)
    kept_u, kept_v = register("kept_u"), register("kept_v")
    assert kept_u is not None and kept_v is not None
    starts = {item.name: raw(site.initial.get(item.name, item.initial), item.name) for item in program.states}
    return Registers(ONE - 1 - kept_u, ONE - kept_v, register("threshold"), register("low_threshold"),
                     register("offset"), mantissa, exponent, zero if held is None else held, starts["u"], starts["v"])


def is_at_rest(found: Registers) -> bool:
    """Whether a step without input changes nothing and spikes nowhere, in any unit."""
    v = np.sign(found.v0) * (np.abs(found.v0) * (ONE - found.dv) >> 12) + found.bias
    spikes = np.zeros(v.shape, bool)
    if found.threshold is not None:
        spikes |= v > shifted(found.threshold)
    if found.low_threshold is not None:
        spikes |= v < shifted(found.low_threshold)
    return not found.u0.any() and bool((v == found.v0).all()) and not spikes.any()


def shifted(mantissa: np.ndarray) -> np.ndarray:
    """A threshold as v sees it."""
    return mantissa << SHIFT
