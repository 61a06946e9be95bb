"""What one projection of a hybrid adds to its port, with some components quantized and the others exact."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from compiler import counter_hash
from compiler.arithmetic import EXACT, Fixed
from compiler.diagnostics import declare, fail
from compiler.explain.numbers import Chance, Number, exact_literal, fitted, real
from compiler.explain.pairing import paired
from compiler.explain.site import HybridSite, Pair, Values, constant
from compiler.formats import BoolType, FloatType, Format
from compiler.ir.network import PRE, WEIGHT, Network, Projection, Tensor
from compiler.ir.program import Site, TensorRef
from compiler.results.results import source_delays
from compiler.site_runner import WeightedSum, through

E311 = declare("E311", "a fixed network cannot be taken apart, so nothing can be blamed")

Keep = Callable[[str, int, Values], None]
"""Called with a site, a row and every value of the step there."""

_MOST_VALUES = 1 << 25
"""Weighted sums of one projection that are held at a time."""


def site_of(pair: Pair, name: str, sites: tuple[Site, Site], units: int, quantized: frozenset[str], weight: str = ""
            ) -> HybridSite:
    """A site ready to step. Errors: E311."""
    programs = paired(pair.scaled.programs[sites[0].program], pair.fixed.programs[sites[1].program])
    if programs is None:
        raise fail(E311, f"the operations of {name} are not those of the model", name,
                   found=pair.fixed.programs[sites[1].program].name, expected="the model's operations in integers",
                   hint="the integers were not made from this model; errors are told, blame is not")
    return HybridSite(name, pair, sites, programs, units, quantized, weight)


def added(a: Number, b: Number) -> Number:
    """The sum, exact where both numbers are."""
    if isinstance(a, Fixed) and isinstance(b, Fixed):
        return EXACT["add"](a, b)
    return real(a) + real(b)


class Arrival:
    """A projection: delays, weights (of the moment, where they are learned), bias, and the programs of its sites."""

    def __init__(self, pair: Pair, name: str, quantized: frozenset[str]):
        self.pair, self.quantized = pair, quantized
        scaled, fixed = pair.scaled.projection(name), pair.fixed.projection(name)
        self.projection, self.integer = (fixed if "weights" in quantized else scaled), "weights" in quantized
        network = pair.fixed if self.integer else pair.scaled
        self.network, self.projection = _with_delay(
            network, self.projection, *((pair.fixed, fixed) if "delays" in quantized else (pair.scaled, scaled)))
        self.sum = WeightedSum(self.network, self.projection)
        self.delays = source_delays(self.network, self.projection)
        self.start = int(self.delays.min()) if scaled.bias_start is None else scaled.bias_start
        self.bias = _bias(pair, scaled, fixed, "thresholds" in quantized)
        self.learns = scaled.synapse is not None
        cuts = "states" in quantized if self.learns else self.integer
        self.accumulator = fixed.accumulator if cuts else None
        self.sources, self.units = pair.scaled.size_of(scaled.source), pair.scaled.size_of(scaled.target)
        sizes = {"pre": self.sources, "post": self.units, "synapse": self.sources * self.units}
        others = dict(fixed.sites())
        self.sites = {key: site_of(pair, f"{name}.{key}", (site, others[key]), sizes[key], quantized,
                                   WEIGHT if key == "synapse" else "") for key, site in scaled.sites()}
        self.rounding = None
        if fixed.post is not None and scaled.post is None and "states" in quantized:
            self.rounding = pair.fixed.programs[fixed.post.program].ops[0].type
        self.states: dict[str, Values] = {}
        self._products: Number | None = None
        self._arrived: Number = np.zeros(())

    def value(self, source: np.ndarray, known: bool, row: int, keep: Keep) -> Number:
        """The sum at one step, from everything that the source emits [B, T, n]; known: before the run."""
        total = self._weighted(source, known, row, keep)
        if self.bias is not None and row >= self.start:
            total = added(total, self.bias)
        if isinstance(total, Fixed) and self.accumulator is not None:
            total = fitted(total, self.accumulator)[0]
        if isinstance(self.rounding, Format):
            total = self._rounded(total, self.rounding, row)
        return self._through("post", total, row, keep)

    def learn(self, emitted: Mapping[str, Number], row: int, keep: Keep) -> None:
        """One step of plastic synapses: what arrived in this row, and what the target has emitted [B, n]."""
        if "synapse" not in self.sites:
            return
        given = {port: _repeated(value, self.sources) for port, value in emitted.items()} | {PRE: self._arrived}
        site = self.sites["synapse"]
        inputs = {item.name: given[item.name] for item in site.programs.model.inputs}
        self.states["synapse"], _, values = site.step(inputs, self.states["synapse"], None)
        keep(f"{self.projection.name}.synapse", row, values | self.states["synapse"])

    def _weighted(self, source: np.ndarray, known: bool, row: int, keep: Keep) -> Number:
        if self.learns:
            return self._learned(source, row, keep)
        return self._at_once(source, row) if known and self._is_small(source) else self._by_step(source, row, keep)

    def _learned(self, source: np.ndarray, row: int, keep: Keep) -> Number:
        """The sum with the weights of the moment, [B, post * pre] like what arrives at the synapses."""
        if "synapse" not in self.states:
            self.states["synapse"] = self.sites["synapse"].initial_states(len(source))
        self._arrived = self._as_number(self._at_synapses(_late(source, row, self.delays)))
        values = self._arrived
        if "pre" in self.sites:
            value = self._through("pre", _late(source, row, self.delays), row, keep)
            values = Fixed(self._at_synapses(value.raw), value.fraction) if isinstance(value, Fixed) \
                else self._at_synapses(value)
        weights = self.states["synapse"][WEIGHT]
        if isinstance(weights, Fixed) and isinstance(values, Fixed):
            return Fixed(self._summed(weights.raw * values.raw), weights.fraction + values.fraction)
        return self._summed(real(weights) * real(values))

    def _at_synapses(self, value: np.ndarray) -> np.ndarray:
        """[B, pre], or [B, post, pre], as [B, post * pre]."""
        if value.ndim < 3:
            value = np.repeat(value[:, None], self.units, axis=1)
        return value.reshape(len(value), -1)

    def _summed(self, products: np.ndarray) -> np.ndarray:
        return products.reshape(len(products), self.units, self.sources).sum(axis=2)

    def _rounded(self, total: Number, type_: Format, row: int) -> Number:
        """A sum as the fixed network's own program behind it rounds it."""
        chance = Chance(counter_hash.noise(self.pair.fixed.seed, f"{self.projection.name}.post", self.units, row,
                                           len(real(total)))) if type_.rounding == "stochastic" else None
        return fitted(total, type_, chance)[0]

    def _is_small(self, source: np.ndarray) -> bool:
        return "pre" not in self.sites and source.shape[0] * source.shape[1] * self.units < _MOST_VALUES

    def _at_once(self, source: np.ndarray, row: int) -> Number:
        """The weighted sums of all steps in one product, where what arrives does not depend on the run."""
        if self._products is None:
            products: Number = Fixed(np.zeros((1, 1), np.int64))
            for delay, matrices in self.sum.parts:
                late = np.stack([_late(source, step, delay) for step in range(source.shape[1])])
                arriving = self._as_number(late.reshape(-1, source.shape[2]))
                products = added(products, self._weighed(arriving, matrices))
            self._products = products
        rows = slice(row * len(source), (row + 1) * len(source))
        if isinstance(self._products, Fixed):
            return Fixed(self._products.raw[rows], self._products.fraction)
        return self._products[rows]

    def _by_step(self, source: np.ndarray, row: int, keep) -> Number:
        arriving = [self._through("pre", _late(source, row, delay), row, keep) for delay, _ in self.sum.parts]
        total: Number = Fixed(np.zeros((len(source), 1), np.int64))
        for value, (_, matrices) in zip(arriving, self.sum.parts, strict=True):
            total = added(total, self._weighed(value, matrices))
        return total

    def _weighed(self, value: Number, matrices: list) -> Number:
        """Integer weights times integers are integers; float64 holds their sums exactly."""
        if not self.integer:
            return through(matrices, real(value))
        fraction = sum(_fraction(self.pair.fixed.tensor(link.weights).type) for link in self.projection.chain
                       if link.weights is not None)
        if isinstance(value, Fixed):
            return Fixed(np.rint(through(matrices, value.raw.astype(np.float64))).astype(np.int64),
                         value.fraction + fraction)
        return np.ldexp(through(matrices, value), -fraction)

    def _through(self, key: str, value: Number, row: int, keep) -> Number:
        if key not in self.sites:
            return self._as_number(value) if key == "pre" else value
        site = self.sites[key]
        value = self._as_number(value) if key == "pre" else value
        if key not in self.states:
            self.states[key] = site.initial_states(len(real(value)))
        program = site.programs.model
        self.states[key], emitted, values = site.step({program.inputs[0].name: value}, self.states[key], None)
        keep(f"{self.projection.name}.{key}", row, values | self.states[key] | emitted)
        return emitted[program.emits[0].port]

    def _as_number(self, value: Number) -> Number:
        """Spikes and whole events are integers in both worlds; other values are exact at the format they left in."""
        if isinstance(value, Fixed):
            return value
        type_ = self.pair.fixed.emitted_type(self.projection.source, self.projection.source_port)
        if isinstance(type_, FloatType):
            return value
        fraction = type_.fraction if isinstance(type_, Format) else 0
        raw = np.ldexp(value, fraction)
        exact = isinstance(type_, BoolType) or bool((raw == np.rint(raw)).all())
        return Fixed(raw.astype(np.int64), fraction) if exact else value


def _repeated(value: Number, times: int) -> Number:
    """[B, n] as [B, n * times], for every synapse of a unit."""
    if isinstance(value, Fixed):
        return Fixed(np.repeat(value.raw, times, axis=1), value.fraction)
    return np.repeat(value, times, axis=1)


def _fraction(type_) -> int:
    return type_.fraction if isinstance(type_, Format) else 0


def _late(source: np.ndarray, row: int, delay: np.ndarray) -> np.ndarray:
    """[B, n] of what was emitted `delay` steps (a number, or one per unit) before a row; nothing before the start.

    With a delay per synapse [B, post, pre].
    """
    if delay.ndim == 0:
        return source[:, row - int(delay)] if row >= delay else np.zeros_like(source[:, 0])
    rows = row - delay
    return np.where(rows >= 0, source[:, np.maximum(rows, 0), np.arange(source.shape[2])], 0.0)


def _bias(pair: Pair, scaled: Projection, fixed: Projection, quantized: bool) -> Number | None:
    if scaled.bias is None or fixed.bias is None:
        return None
    if not quantized:
        return constant(pair.scaled, scaled.bias, FloatType())
    if isinstance(fixed.bias, TensorRef):
        return constant(pair.fixed, fixed.bias, pair.fixed.tensor(fixed.bias).type)
    return exact_literal(fixed.bias)


def _with_delay(network: Network, projection: Projection, other: Network, source: Projection
                ) -> tuple[Network, Projection]:
    """The projection with the delays it has in another network."""
    if network is other or np.array_equal(network.delays(projection), other.delays(source)):
        return network, projection
    delays = other.delays(source)
    if delays.ndim == 0:
        return network, replace(projection, delay=int(delays))
    changed = network.copy()
    name = f"{projection.name}.delay.other"
    changed.tensors[name] = Tensor(Format(False, 31), delays.astype(np.int64))
    return changed, replace(projection, delay=TensorRef(name))
