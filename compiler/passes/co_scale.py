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

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from compiler.analysis.homogeneity import Degrees, infer
from compiler.analysis.linearity import passes_on
from compiler.analysis.value_order import value_order
from compiler.formats import F64, BoolType
from compiler.ir.connections.base import Connection
from compiler.ir.connections.one_to_one import OneToOne
from compiler.ir.network import Network, Population, Projection, Tensor
from compiler.ir.program import Declaration, Emit, Op, Program, Site, TensorRef
from compiler.ir.rewrite import fresh_name
from compiler.options import Options

LEVELS = ("model",)

_CLIPS = np.linspace(1.0, 0.3, 15)
_CLIPPED_BELOW = 6
"""Bits above which clipping never pays: the largest weight costs less than one level."""


def largest_integer(bits: int) -> int:
    """Largest weight of a symmetric signed format."""
    return (1 << (bits - 1)) - 1


def bits_of(projection: Projection, options: Options) -> int:
    return options.bits.get(projection.name, options.weight_bits)


def weight_name(projection: Projection, others: Iterable[Connection]) -> str:
    """A name for the last weights of a projection that none of the other links of its chain has taken."""
    name, taken = f"{projection.name}.weight", {ref for link in others for ref in link.references()}
    while name in taken:
        name += "_"
    return name


def run(network: Network, options: Options) -> Network:
    scaled = network.copy()
    # A population read as a value multiplies the weights of its readers, whose scales are chosen after that.
    for name in value_order(network):
        _Scaling(scaled, scaled.node(name), options).apply()  # pyright: ignore[reportArgumentType]
    return scaled


@dataclass
class _Incoming:
    """One projection into the population, with its last weights by channel."""

    projection: Projection
    weight_channel: np.ndarray
    unit_channel: np.ndarray

    @property
    def weight(self) -> TensorRef:
        return self.projection.chain[-1].weights  # pyright: ignore[reportReturnType]


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
                scale = self._decided(item.projection.name, [item], False)
                self._gain(item, scale)
            return
        one_scale = _reads_values(self.network, self.population, degrees)
        scale = self._decided(self.population.name, incoming, one_scale)
        for item in incoming:
            self._divide(item, scale, posts.get(item.projection.name))
        site = self._scaled_site(self.population.site, degrees, scale, self.population.name)
        self.network.add(replace(self.population, site=site))
        self._multiply_readers(degrees, scale)

    def _decided(self, name: str, incoming: list[_Incoming], one_scale: bool) -> np.ndarray:
        """Scale per unit: the one that is held, else the best; noted."""
        held = self.options.decided.scale(name, self.population.size) if self.options.decided else None
        labels = self._labels(incoming, one_scale or self.options.weight_scale == "tensor")
        scale = self._scale(incoming, labels) if held is None else held
        self.network.decided.scales[name], self.network.decided.groups[name] = scale, labels
        return scale

    def _weighted(self, projection: Projection) -> _Incoming:
        """The projection with a weight per unit or channel in its last link; ones are added where there is none."""
        if projection.chain[-1].weights is None:
            name = weight_name(projection, projection.chain)
            self.network.tensors[name] = Tensor(F64, np.ones(self.population.size))
            projection = replace(projection, chain=(*projection.chain, OneToOne(TensorRef(name))))
        projection = self._with_whole_links(projection)
        shape = self.network.shape_of(projection.source)
        for link in projection.chain[:-1]:
            shape = link.output_shape(shape, self.network.tensors)
        return _Incoming(projection, *projection.chain[-1].channels(shape, self.network.tensors))

    def _with_whole_links(self, projection: Projection) -> Projection:
        """Weights of every link but the last one over the number that makes the largest one the largest integer; the
        last link takes the numbers."""
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

    def _degrees(self, incoming: list[_Incoming]) -> tuple[Degrees | None, dict[str, Degrees]]:
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

    def _labels(self, incoming: list[_Incoming], one_scale: bool) -> np.ndarray:
        """Units that must share a scale have the same label."""
        size = self.population.size
        if one_scale:
            return np.zeros(size, np.int64)
        rows, columns, offset = [], [], size
        for item in incoming:
            rows.append(np.arange(size))
            columns.append(item.unit_channel + offset)
            offset += int(item.unit_channel.max()) + 1
        links = np.concatenate(rows), np.concatenate(columns)
        graph = coo_array((np.ones(len(links[0])), links), shape=(offset, offset))
        return connected_components(graph, directed=False)[1][:size]

    def _scale(self, incoming: list[_Incoming], labels: np.ndarray) -> np.ndarray:
        """Scale per unit: what makes the largest weight that is kept the largest integer."""
        need = np.zeros(self.population.size)
        for item in incoming:
            largest = self._largest(item) / largest_integer(bits_of(item.projection, self.options))
            need = np.maximum(need, largest[item.unit_channel])
        shared = np.zeros(int(labels.max()) + 1)
        np.maximum.at(shared, labels, need)
        scale = shared[labels]
        present = scale[scale > 0]
        scale = np.where(scale > 0, scale, np.median(present) if present.size else 1.0)
        return self._power_of_two(incoming, labels, scale) if self.options.weight_scale == "power-of-two" else scale

    def _power_of_two(self, incoming: list[_Incoming], labels: np.ndarray, scale: np.ndarray) -> np.ndarray:
        """The power of two next to each scale, above or below, that has the least squared error."""
        above = 2.0 ** np.ceil(np.log2(scale))
        errors = [np.bincount(labels, sum(self._error(item, trial) for item in incoming)) for trial in
                  (above, above / 2)]
        return np.where((errors[1] < errors[0])[labels], above / 2, above)

    def _error(self, item: _Incoming, scale: np.ndarray) -> np.ndarray:
        """Squared error of one projection's weights at these scales, by unit."""
        weights = np.abs(np.asarray(self.network.tensor(item.weight).values, np.float64))
        count, levels = int(item.unit_channel.max()) + 1, largest_integer(bits_of(item.projection, self.options))
        kept = np.zeros(count)
        kept[item.unit_channel] = scale * levels
        channel = np.broadcast_to(item.weight_channel, weights.shape)
        return _error(weights, channel, kept, levels, count)[item.unit_channel]

    def _largest(self, item: _Incoming) -> np.ndarray:
        """Largest magnitude kept per channel: the maximum, or less where clipping has the least squared error."""
        weights = np.abs(np.asarray(self.network.tensor(item.weight).values, np.float64))
        channel = np.broadcast_to(item.weight_channel, weights.shape)
        count = int(item.unit_channel.max()) + 1
        largest = _largest_by(channel, weights, count)
        bits = bits_of(item.projection, self.options)
        if bits > _CLIPPED_BELOW:
            return largest
        errors = [_error(weights, channel, largest * clip, largest_integer(bits), count) for clip in _CLIPS]
        return largest * _CLIPS[np.argmin(errors, axis=0)]

    def _divide(self, item: _Incoming, scale: np.ndarray, post: Degrees | None) -> None:
        projection = self._divided(item, scale)
        if projection.bias is not None:
            bias = np.broadcast_to(self.network.real(projection.bias), scale.shape) / scale
            self.network.tensors[f"{projection.name}.bias"] = Tensor(F64, bias)
            projection = replace(projection, bias=TensorRef(f"{projection.name}.bias"))
        if post is not None and projection.post is not None:
            site = self._scaled_site(projection.post, post, scale, f"{projection.name}.post")
            projection = replace(projection, post=site)
        self.network.add(projection)

    def _divided(self, item: _Incoming, scale: np.ndarray) -> Projection:
        per_channel = np.ones(int(item.unit_channel.max()) + 1)
        per_channel[item.unit_channel] = scale
        values = np.asarray(self.network.tensor(item.weight).values, np.float64)
        name = weight_name(item.projection, item.projection.chain[:-1])
        self.network.tensors[name] = Tensor(F64, values / per_channel[item.weight_channel])
        last = replace(item.projection.chain[-1], weight=TensorRef(name))  # pyright: ignore[reportCallIssue]
        return replace(item.projection, chain=(*item.projection.chain[:-1], last))

    def _gain(self, item: _Incoming, scale: np.ndarray) -> None:
        """Keep the scale as a factor on the weighted sum."""
        projection = self._divided(item, scale)
        name = f"{projection.name}.gain"
        self.network.tensors[name] = Tensor(F64, scale)
        if projection.bias is not None:
            bias = np.broadcast_to(self.network.real(projection.bias), scale.shape) / scale
            self.network.tensors[f"{projection.name}.bias"] = Tensor(F64, bias)
            projection = replace(projection, bias=TensorRef(f"{projection.name}.bias"))
        program, site = self._gained(projection.post)
        self.network.programs[program.name] = program
        arguments = {**site.arguments, program.params[-1].name: TensorRef(name)}
        self.network.add(replace(projection, post=replace(site, arguments=arguments)))

    def _gained(self, post: Site | None) -> tuple[Program, Site]:
        """The post program, or a new one, with its input multiplied by a gain first."""
        gain = Declaration("gain", F64)
        if post is None:
            op = Op("gained", "mul", ("total", "gain"), F64)
            total = Declaration("total", F64)
            program = Program("gain", (total,), (), (gain,), (op,), (), (Emit("current", "gained"),))
            return program, Site("gain")
        old = self.network.programs[post.program]
        name = old.inputs[0].name
        gain, gained = Declaration(fresh_name("gain", old.types()), F64), fresh_name("gained", old.types())

        def through(operand):
            return gained if operand == name else operand

        ops = tuple(replace(op, operands=tuple(map(through, op.operands))) for op in old.ops)
        program = replace(
            old,
            name=f"{old.name}_gain",
            params=(*old.params, gain),
            ops=(Op(gained, "mul", (name, gain.name), F64), *ops),
            updates=tuple((state, through(value)) for state, value in old.updates),
            emits=tuple(replace(item, value=through(item.value)) for item in old.emits),
        )
        return program, replace(post, program=program.name)

    def _scaled_site(self, site: Site, degrees: Degrees, scale: np.ndarray, name: str) -> Site:
        """The site with degree-1 arguments and initial states divided, literals of degree 1 made arguments."""
        program = self.network.programs[site.program]
        program, literals = _lifted(program, degrees)
        self.network.programs[program.name] = program
        arguments = {key: site.arguments[key] for key in site.arguments} | literals
        grown = {key for key, degree in degrees.names.items() if degree} | set(literals)
        initial = {item.name: site.initial.get(item.name, item.initial) for item in program.states}
        reference = TensorRef(f"{name}.scale")
        if scale.size > 1:
            self.network.tensors[reference.name] = Tensor(F64, scale)
        emitted = {item.port for item in program.emits if isinstance(item.value, str) and item.value in grown}
        return replace(
            site,
            program=program.name,
            arguments={key: self._over(value, scale, f"{name}.{key}") if key in grown else value
                       for key, value in arguments.items()},
            initial={key: self._over(value, scale, f"{name}.{key}0") for key, value in initial.items() if key in grown}
            | {key: value for key, value in site.initial.items() if key not in grown},
            scale=reference if scale.size > 1 else float(scale[0]),
            scaled=tuple(sorted((grown & {d.name for d in (*program.inputs, *program.states)}) | emitted)),
        )

    def _over(self, value, scale: np.ndarray, name: str):
        """value / scale per unit; zero stays zero."""
        real = self.network.real(value)
        if not real.any():
            return 0.0
        self.network.tensors[name] = Tensor(F64, np.broadcast_to(real, scale.shape) / scale)
        return TensorRef(name)

    def _multiply_readers(self, degrees: Degrees, scale: np.ndarray) -> None:
        """Projections that carry a scaled value multiply their weights by the scale (one for all units)."""
        program = self.network.programs[self.population.site.program]
        ports = {item.port for item in program.emits if isinstance(item.value, str) and degrees.names[item.value]}
        for projection in self.network.out_of(self.population.name):
            if projection.source_port not in ports:
                continue
            index = next((i for i, link in enumerate(projection.chain) if link.weights is not None), None)
            if index is None:
                name = f"{projection.name}.weight"
                count = self.network.size_of(projection.target)
                self.network.tensors[name] = Tensor(F64, np.full(count, scale[0]))
                chain = (*projection.chain, OneToOne(TensorRef(name)))
            else:
                link = projection.chain[index]
                name = f"{projection.name}.weight{index}"
                values = np.asarray(self.network.tensor(link.weights).values) * scale[0]  # pyright: ignore
                self.network.tensors[name] = Tensor(F64, values)
                scaled = replace(link, weight=TensorRef(name))  # pyright: ignore[reportCallIssue]
                chain = (*projection.chain[:index], scaled, *projection.chain[index + 1 :])
            self.network.add(replace(projection, chain=chain))



def _reads_values(network: Network, population: Population, degrees: Degrees) -> bool:
    """Whether anything reads a value of degree 1 from the population."""
    program = network.programs[population.site.program]
    types = program.types()
    ports = {item.port for item in program.emits if isinstance(item.value, str)
             and not isinstance(types[item.value], BoolType) and degrees.names[item.value]}
    read = {item.source_port for item in network.out_of(population.name)}
    read |= {item.port for item in network.outputs if item.source == population.name}
    return bool(ports & read)


def _lifted(program: Program, degrees: Degrees) -> tuple[Program, dict[str, float]]:
    """Literals of degree 1 become parameters; returns their values. The program gets a name of its own then."""
    uses = {use for use, degree in degrees.literals.items() if degree}
    if not uses:
        return program, {}
    values: dict[str, float] = {}

    def lift(operand, use):
        if use not in uses:
            return operand
        name = f"{use[0]}_{'constant' if use[1] < 0 else use[1]}"
        values[name] = float(operand)
        return name

    ops = tuple(replace(op, operands=tuple(lift(item, (op.result, i)) for i, item in enumerate(op.operands)))
                for op in program.ops)
    updates = tuple((state, lift(value, (state, -1))) for state, value in program.updates)
    params = (*program.params, *(Declaration(name, F64) for name in values))
    name = program.name if program.name.endswith("_scaled") else f"{program.name}_scaled"
    return replace(program, name=name, params=params, ops=ops, updates=updates), values


def _largest_by(channel: np.ndarray, values: np.ndarray, count: int) -> np.ndarray:
    """Maximum of values by channel."""
    if values.ndim == 2 and count == len(values) and (channel[:, :1] == np.arange(count)[:, None]).all():
        return values.max(axis=1, initial=0.0)
    largest = np.zeros(count)
    np.maximum.at(largest, channel.ravel(), values.ravel())
    return largest


def _error(weights: np.ndarray, channel: np.ndarray, kept: np.ndarray, levels: int, count: int) -> np.ndarray:
    """Squared rounding and clipping error by channel when `kept` becomes the largest integer."""
    step = np.where(kept > 0, kept / levels, 1.0)[channel]
    rounded = np.clip(np.rint(weights / step), -levels, levels) * step
    return np.bincount(channel.ravel(), ((weights - rounded) ** 2).ravel(), minlength=count)
