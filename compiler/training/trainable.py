"""Where the parameters of a module stand in its quantized network: what training in the loop has to know.

Found by asking, not by knowing neurons: the module is lowered with other numbers in one parameter, and what changes in
the network shows what the parameter became. Weights come out as gain times parameter, entry by entry; whatever else
changes (thresholds, biases, decays) is computed anew by the passes themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from compiler import discovery
from compiler.diagnostics import declare, fail
from compiler.formats import Format
from compiler.frontends.lower import lower
from compiler.ir.network import Network
from compiler.ir.program import TensorRef
from compiler.options import Options
from compiler.pipeline import MODEL_PASSES, SCALING_PASSES
from compiler.quantization.decisions import Decisions
from compiler.quantization.weights import largest_integer
from spark.core.config import ConfigError
from spark.core.module import SparkModule
from spark.core.tree import flatten, map_leaves

E341 = declare("E341", "a parameter cannot be trained in the loop")


@dataclass(frozen=True)
class Piece:
    """Weights of one link that a parameter became: entry `index` of the parameter for each, -1 for none."""

    tensor: str
    type: Format
    index: np.ndarray
    population: str
    unit: np.ndarray


@dataclass(frozen=True)
class Weights:
    """A parameter that is weights: raw integer = parameter * gain, clipped to lowest … levels, all by entry.

    used: entries that are weights at all. population and unit: whose scale an entry has, "" where none is learned.
    """

    path: str
    shape: tuple[int, ...]
    pieces: tuple[Piece, ...]
    lowest: np.ndarray = field(repr=False)
    levels: np.ndarray = field(repr=False)
    used: np.ndarray = field(repr=False)
    unit: np.ndarray = field(repr=False)
    population: str

    def gain(self, scaled: Mapping[str, np.ndarray]) -> np.ndarray:
        """Gains by entry, from the network's weights for parameters of 1."""
        gain = np.zeros(self.used.size)
        for piece in self.pieces:
            there = piece.index >= 0
            gain[piece.index[there]] = np.ldexp(scaled[piece.tensor][there], piece.type.fraction)
        return gain


class Parameters:
    """The trained parameters `paths` of a module, and the network `training` that they quantize to."""

    def __init__(self, module: SparkModule, ports: Mapping[str, Any], options: Options, training: Network,
                 paths: list[str]):
        self.module, self.ports, self.training = module, ports, training
        self.options = replace(options, decided=training.decided)
        self.params = {path: np.asarray(leaf, np.float64) for path, leaf in flatten(module.params).items()}
        self.paths = paths
        found = {path: self._weights(path) for path in paths}
        self.weights = {path: item for path, item in found.items() if item is not None}
        self.others = [path for path, item in found.items() if item is None]
        self._require_fixed_starts()

    # -- asking ---------------------------------------------------------------------------------------------------

    def scaled(self, values: Mapping[str, np.ndarray], decided: Decisions | None = None) -> Network:
        """The network before it is quantized, with other numbers in some parameters."""
        twin = self.module._twin()
        twin.params = map_leaves(lambda path, leaf: np.asarray(values.get(path, self.params[path])), twin.params)
        options = self.options if decided is None else replace(self.options, decided=decided)
        network = lower(twin, ports=self.ports).network
        for name in (*MODEL_PASSES, *SCALING_PASSES):
            network = discovery.passes()[name].run(network, options)
        return network

    def ones(self, values: Mapping[str, np.ndarray] = {}) -> Network:  # noqa: B006
        """The same with 1 for every weight."""
        return self.scaled({path: np.ones(self.params[path].shape) for path in self.weights} | dict(values))

    def link_weights(self, network: Network) -> dict[str, np.ndarray]:
        """Real weights by the name that they have in the trained network."""
        found = {tensor: network.projection(name).chain[index].weights for name, index, tensor in self._links}
        return {tensor: np.asarray(network.tensor(reference).values, np.float64)
                for tensor, reference in found.items() if reference is not None}

    @cached_property
    def _links(self) -> list[tuple[str, int, str]]:
        """(projection, place in its chain, tensor) of all weights."""
        return [(item.name, index, link.weights.name) for item in self.training.projections
                for index, link in enumerate(item.chain) if link.weights is not None]

    def reals(self, network: Network) -> dict[str, np.ndarray]:
        """Real parameters, biases and starts by the name of their integers in the trained network."""
        sites = {name: site for name, site, _ in network.sites()}
        found: dict[str, Any] = {}
        for name, site, _ in self.training.sites():
            held = {**site.arguments, **site.initial}
            given = {**sites[name].arguments, **sites[name].initial} if name in sites else {}
            found |= {item.name: given[key] for key, item in held.items() if isinstance(item, TensorRef)}
        found |= {item.bias.name: network.projection(item.name).bias for item in self.training.projections
                  if isinstance(item.bias, TensorRef)}
        tensors = self.training.tensors
        return {name: np.broadcast_to(network.real(value), tensors[name].data.shape).astype(np.float64)
                for name, value in found.items() if isinstance(tensors[name].type, Format)}

    def _weights(self, path: str) -> Weights | None:
        """What a parameter became, None where it is no (or not only) weights."""
        size = self.params[path].size
        base = self.scaled({path: np.ones(self.params[path].shape)})
        other = self.scaled({path: np.arange(2.0, size + 2).reshape(self.params[path].shape)})
        real, changed = self.reals(base), self.reals(other)
        if any(not np.array_equal(real[name], changed[name]) for name in real):
            return None
        one, many = self.link_weights(base), self.link_weights(other)
        found = [self._piece(name, index, tensor, one[tensor], many[tensor], size)
                 for name, index, tensor in self._links if not np.array_equal(one[tensor], many[tensor])]
        pieces = tuple(item for item in found if item is not None)
        if not found:
            raise fail(E341, f"nothing in the network depends on {path}", path, hint="name other parameters to train")
        return self._joined(path, pieces) if len(pieces) == len(found) else self._refused(path)

    def _piece(self, name: str, place: int, tensor: str, one: np.ndarray, many: np.ndarray, size: int) -> Piece | None:
        """None where weights are not a multiple of one entry each."""
        index = np.full(one.shape, -1, np.int64)
        np.rint(np.divide(many, one, out=np.ones(one.shape), where=one != 0) - 2, out=index, casting="unsafe")
        index[one == 0] = -1
        exact = np.allclose(many, one * (index + 2), rtol=1e-9, atol=0)
        if not exact or index.max(initial=-1) >= size or (index[one != 0] < 0).any():
            return None
        type_ = self.training.tensors[tensor].type
        assert isinstance(type_, Format)
        projection = self.training.projection(name)
        if place != len(projection.chain) - 1 or projection.target not in self.training.decided.scales:
            return Piece(tensor, type_, index, "", np.zeros(one.shape, np.int64))
        return Piece(tensor, type_, index, projection.target, self._units(name, one.shape))

    def _units(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        """A unit whose scale each of the last weights of a projection has."""
        projection = self.training.projection(name)
        before = self.training.shape_of(projection.source)
        for link in projection.chain[:-1]:
            before = link.output_shape(before, self.training.tensors)
        of_weight, of_unit = projection.chain[-1].channels(before, self.training.tensors)
        unit = np.zeros(int(of_unit.max()) + 1, np.int64)
        unit[of_unit] = np.arange(of_unit.size)
        return np.broadcast_to(unit[of_weight], shape)

    def _joined(self, path: str, pieces: tuple[Piece, ...]) -> Weights:
        size = self.params[path].size
        levels, unit, seen = np.ones(size), np.zeros(size, np.int64), np.zeros(size, np.int64)
        for piece in pieces:
            there = piece.index >= 0
            np.add.at(seen, piece.index[there], 1)
            levels[piece.index[there]] = largest_integer(piece.type.width)
            unit[piece.index[there]] = piece.unit[there]
        if seen.max() > 1 or len({piece.population for piece in pieces}) > 1:
            return self._refused(path)
        lowest = -levels if self._may_be_negative(path) else 0 * levels
        return Weights(path, self.params[path].shape, pieces, lowest, levels, seen > 0, unit, pieces[0].population)

    def _may_be_negative(self, path: str) -> bool:
        """Whether the module takes negative numbers there (Dale's principle forbids them)."""
        twin = self.module._twin()
        try:
            twin.params = map_leaves(lambda own, leaf: -np.ones(np.shape(leaf)) if own == path else leaf, twin.params)
        except ConfigError:
            return False
        return True

    def _refused(self, path: str) -> Any:
        raise fail(E341, f"{path} stands in several weights at once", path,
                   expected="weights that are each a multiple of one entry",
                   hint="train the network without joined or shared weights, or leave this parameter as it is")

    def _require_fixed_starts(self) -> None:
        """Initial states cannot depend on what is trained: states are there before the parameters."""
        starts = {item.name for _, site, _ in self.training.sites() for item in site.initial.values()
                  if isinstance(item, TensorRef)}
        for path in self.others:
            base, other = (self.reals(self.scaled({path: self.params[path] * factor})) for factor in (1.0, 1.01))
            if any(not np.array_equal(base[name], other[name]) for name in starts & base.keys()):
                raise fail(E341, f"the first state depends on {path}", path,
                           hint="leave this parameter as it is, or start at rest")

    # -- scales ---------------------------------------------------------------------------------------------------

    def learnable_scales(self) -> list[str]:
        """Populations whose scales may change: homogeneous, started at 0, read by no projection as values."""
        return [item.name for item in self.training.populations
                if item.name in self.training.decided.scales and self._is_free(item.name)]

    def _is_free(self, name: str) -> bool:
        program = self.training.programs[self.training.node(name).site.program]  # pyright: ignore
        values = any(isinstance(program.emit_type(item.source_port), Format) for item in self.training.out_of(name))
        sites = [site for key, site, _ in self.training.sites() if self.population_of(key) == name]
        starts = any(isinstance(value, TensorRef) for site in sites for value in site.initial.values())
        return not values and not starts

    def population_of(self, site: str) -> str:
        """The population whose scale a site's values have; "" before the weights."""
        name, _, kind = site.rpartition(".")
        if kind == "post":
            return self.training.projection(name).target
        return "" if kind in ("pre", "synapse") else site

    def scaled_tensors(self, names: list[str]) -> dict[str, str]:
        """Population of each real parameter that is divided by the population's scale, by tensor."""
        twice = self.training.decided.copy()
        twice.scales |= {name: 2 * twice.scales[name] for name in names}
        base, other = self.reals(self.scaled({})), self.reals(self.scaled({}, twice))
        owners = {item.name: self.population_of(key) for key, site, _ in self.training.sites()
                  for item in site.arguments.values() if isinstance(item, TensorRef)}
        owners |= {item.bias.name: item.target for item in self.training.projections
                   if isinstance(item.bias, TensorRef)}
        return {name: owners[name] for name in base if not np.array_equal(base[name], other[name])}
