"""Choose one scale per postsynaptic unit and take it out of the numbers.

Rewrite: W, bias, thresholds, resets, initial states of a homogeneous population -> the same divided by scale[unit];
the scale is noted on its sites. W of a population that is not homogeneous -> W / scale with a `gain` program that
multiplies the weighted sum by scale[unit] again. Afterwards the largest weight of a unit is the largest integer of
its weight format, so that rounding the weights is quantizing them.
Levels: model. Preserves: every spike, and every value divided by its scale, to rounding (semantics 14).
A population read as a value has one scale for all units. Where bits are few, the scale clips: the factor with the
least squared error of a grid (numerics.md, order of steps 2).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from compiler.analysis.homogeneity import Degrees, infer
from compiler.analysis.linearity import passes_on
from compiler.analysis.value_order import value_order
from compiler.formats import F64, BoolType
from compiler.ir.connections.one_to_one import OneToOne
from compiler.ir.network import Network, Population, Projection, Tensor
from compiler.ir.program import TensorRef
from compiler.options import Options
from compiler.quantization.scaled_sites import gained, scaled_site
from compiler.quantization.scales import Incoming, best_scales, shared_scales
from compiler.quantization.weights import bits_of, largest_integer, weight_name

LEVELS = ("model",)


def run(network: Network, options: Options) -> Network:
    scaled = network.copy()
    # A population read as a value multiplies the weights of its readers, whose scales are chosen after that.
    for name in value_order(network):
        _Scaling(scaled, scaled.node(name), options).apply()  # pyright: ignore[reportArgumentType]
    return scaled


class _Scaling:
    def __init__(self, network: Network, population: Population, options: Options):
        self.network, self.population, self.options = network, population, options

    def apply(self) -> None:
        arriving = self.network.into(self.population.name)
        # Weights that are learned keep their own unit: nothing that meets them can carry a scale.
        learned = any(item.synapse is not None for item in arriving)
        if learned:
            program = self.network.programs[self.population.site.program]
            arriving = [item for item in arriving
                        if item.synapse is None and not passes_on(program, item.target_port)]
        incoming = [self._weighted(item) for item in arriving]
        if not incoming:
            return
        degrees, posts = (None, {}) if learned else self._degrees(incoming)
        if degrees is None:
            for item in incoming:
                scale = self._decided(item.projection.name, [item], False, np.zeros(self.population.size))
                self._gain(item, scale)
            return
        one_scale = _reads_values(self.network, self.population, degrees)
        scale = self._decided(self.population.name, incoming, one_scale, self._levels(degrees, incoming))
        for item in incoming:
            self._divide(item, scale, posts.get(item.projection.name))
        site = scaled_site(self.network, self.population.site, degrees, scale, self.population.name)
        self.network.add(replace(self.population, site=site))
        self._multiply_readers(degrees, scale)

    def _decided(self, name: str, incoming: list[Incoming], one_scale: bool, levels: np.ndarray) -> np.ndarray:
        """Scale per unit: the one that is held, else the best; noted."""
        held = self.options.decided.scale(name, self.population.size) if self.options.decided else None
        labels = shared_scales(incoming, self.population.size, one_scale or self.options.weight_scale == "tensor")
        scale = best_scales(self.network, incoming, labels, self.options, levels) if held is None else held
        self.network.decided.scales[name], self.network.decided.groups[name] = scale, labels
        return scale

    def _levels(self, degrees: Degrees, incoming: list[Incoming]) -> np.ndarray:
        """By unit, the largest number that its scale divides beside weights: thresholds, resets, starts, biases."""
        site = self.population.site
        states = self.network.programs[site.program].states
        named = site.arguments | {item.name: site.initial.get(item.name, item.initial) for item in states}
        found = [self.network.real(value) for name, value in named.items() if degrees.names.get(name)]
        found += [self.network.real(item.projection.bias) for item in incoming if item.projection.bias is not None]
        return np.max([np.zeros(self.population.size), *(np.abs(item) + np.zeros(self.population.size)
                                                         for item in found)], axis=0)

    def _weighted(self, projection: Projection) -> Incoming:
        """The projection with a weight per unit or channel in its last link; ones are added where there is none."""
        if projection.chain[-1].weights is None:
            name = weight_name(projection, projection.chain)
            self.network.tensors[name] = Tensor(F64, np.ones(self.population.size))
            projection = replace(projection, chain=(*projection.chain, OneToOne(TensorRef(name))))
        projection = self._with_whole_links(projection)
        shape = self.network.shape_of(projection.source)
        for link in projection.chain[:-1]:
            shape = link.output_shape(shape, self.network.tensors)
        return Incoming(projection, *projection.chain[-1].channels(shape, self.network.tensors))

    def _with_whole_links(self, projection: Projection) -> Projection:
        """The projection with the weights of every link but the last over a number; the last link takes the numbers.

        Each makes the largest weight of its link the largest integer.
        """
        chain, factor = list(projection.chain), 1.0
        most = largest_integer(bits_of(projection, self.options))
        for index, link in enumerate(chain):
            last = index == len(chain) - 1
            if link.weights is None or last and factor == 1.0:
                continue
            values = np.asarray(self.network.tensor(link.weights).values, np.float64)
            unit = factor if last else 1.0 / (float(np.abs(values).max(initial=0.0)) / most or 1.0)
            factor /= 1.0 if last else unit
            name = f"{weight_name(projection, chain[index + 1 :])}{'' if last else index}"
            self.network.tensors[name] = Tensor(F64, values * unit)
            chain[index] = replace(link, weight=TensorRef(name))  # pyright: ignore[reportCallIssue]
        return replace(projection, chain=tuple(chain))

    def _degrees(self, incoming: list[Incoming]) -> tuple[Degrees | None, dict[str, Degrees]]:
        """Degrees of the population and of every post program, None unless all are homogeneous."""
        posts: dict[str, Degrees] = {}
        for item in incoming:
            post = item.projection.post
            if post is None:
                continue
            program = self.network.programs[post.program]
            degrees = infer(program, {program.inputs[0].name})
            value = program.emits[0].value
            if degrees is None or not isinstance(value, str) or degrees.names[value] != 1:
                return None, {}
            posts[item.projection.name] = degrees
        ports = {item.projection.target_port for item in incoming}
        return infer(self.network.programs[self.population.site.program], ports), posts

    def _divide(self, item: Incoming, scale: np.ndarray, post: Degrees | None) -> None:
        projection = self._divided(item, scale)
        if post is not None and projection.post is not None:
            site = scaled_site(self.network, projection.post, post, scale, f"{projection.name}.post")
            projection = replace(projection, post=site)
        self.network.add(projection)

    def _divided(self, item: Incoming, scale: np.ndarray) -> Projection:
        """The projection with its last weights and its bias over the scale."""
        per_channel = np.ones(int(item.unit_channel.max()) + 1)
        per_channel[item.unit_channel] = scale
        values = np.asarray(self.network.tensor(item.weight).values, np.float64)
        name = weight_name(item.projection, item.projection.chain[:-1])
        self.network.tensors[name] = Tensor(F64, values / per_channel[item.weight_channel])
        last = replace(item.projection.chain[-1], weight=TensorRef(name))  # pyright: ignore[reportCallIssue]
        projection = replace(item.projection, chain=(*item.projection.chain[:-1], last))
        if projection.bias is None:
            return projection
        bias = np.broadcast_to(self.network.real(projection.bias), scale.shape) / scale
        self.network.tensors[f"{projection.name}.bias"] = Tensor(F64, bias)
        return replace(projection, bias=TensorRef(f"{projection.name}.bias"))

    def _gain(self, item: Incoming, scale: np.ndarray) -> None:
        """Keep the scale as a factor on the weighted sum."""
        projection = self._divided(item, scale)
        name = f"{projection.name}.gain"
        self.network.tensors[name] = Tensor(F64, scale)
        program, site = gained(self.network, projection.post)
        self.network.programs[program.name] = program
        arguments = {**site.arguments, program.params[-1].name: TensorRef(name)}
        self.network.add(replace(projection, post=replace(site, arguments=arguments)))

    def _multiply_readers(self, degrees: Degrees, scale: np.ndarray) -> None:
        """Projections that carry a scaled value multiply their weights by the scale (one for all units)."""
        program = self.network.programs[self.population.site.program]
        ports = {item.port for item in program.emits if isinstance(item.value, str) and degrees.names[item.value]}
        for projection in self.network.out_of(self.population.name):
            if projection.source_port in ports:
                self.network.add(self._multiplied(projection, scale[0]))

    def _multiplied(self, projection: Projection, factor: float) -> Projection:
        """The projection with its first weights times a factor; weights of their own where it has none."""
        chain = list(projection.chain)
        index = next((i for i, link in enumerate(chain) if link.weights is not None), None)
        if index is None:
            name = f"{projection.name}.weight"
            self.network.tensors[name] = Tensor(F64, np.full(self.network.size_of(projection.target), factor))
            return replace(projection, chain=(*chain, OneToOne(TensorRef(name))))
        name = f"{projection.name}.weight{index}"
        values = np.asarray(self.network.tensor(chain[index].weights).values) * factor  # pyright: ignore
        self.network.tensors[name] = Tensor(F64, values)
        chain[index] = replace(chain[index], weight=TensorRef(name))  # pyright: ignore[reportCallIssue]
        return replace(projection, chain=tuple(chain))


def _reads_values(network: Network, population: Population, degrees: Degrees) -> bool:
    """Whether anything reads a value of degree 1 from the population."""
    program = network.programs[population.site.program]
    types = program.types()
    ports = {item.port for item in program.emits if isinstance(item.value, str)
             and not isinstance(types[item.value], BoolType) and degrees.names[item.value]}
    read = {item.source_port for item in network.out_of(population.name)}
    read |= {item.port for item in network.outputs if item.source == population.name}
    return bool(ports & read)
