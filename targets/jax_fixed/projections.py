"""A projection as Python: its weighted sums as a function, its delays as the rows that it reads."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType

import numpy as np

from compiler.formats import Format
from compiler.ir.connections.base import Connection
from compiler.ir.exact import Range
from compiler.ir.network import Network, Projection
from compiler.ir.program import TensorRef
from compiler.results.results import source_delays
from targets.jax_fixed.connections.base import Chain, find
from targets.jax_fixed.exact_results import exact
from targets.jax_fixed.expressions import converted
from targets.jax_fixed.fitting import finish
from targets.jax_fixed.program_text import ProgramText, ends
from targets.jax_fixed.sites import SiteText, emitted_range, write_site
from targets.jax_fixed.synapses import sums_of
from targets.jax_fixed.values import INT32, Value, fits
from targets.jax_fixed.writer import quoted


@dataclass(frozen=True)
class ProjectionText:
    """A projection whose functions were written.

    function: its weighted sums; "" where its weights change in the scan. sums: what they can be. bias: a value to add
    from source row `bias_start` on.
    delays: scalar, or text of the array of them. kinds: every delay that occurs.
    """

    projection: Projection
    function: str
    sums: Value
    bias: Value | None
    bias_start: int
    kinds: tuple[int, ...]
    delays: str
    pre: SiteText | None = None
    post: SiteText | None = None

    @property
    def port(self) -> str:
        """The port that it reads, as rows are named."""
        return f"{self.projection.source}.{self.projection.source_port}"

    def rows(self, rows_of: str) -> str:
        """Text of the values that arrive. rows_of: text of a function of the delay, or with {} of one delay."""
        if self.delays:
            mixed = f"lambda delay: {rows_of.format('delay')}"
            if self._by_synapse:
                return f"side_by_side({mixed}, {self.kinds})"
            return f"by_unit({mixed}, {self.delays})"
        return rows_of.format(self.kinds[0])

    @property
    def _by_synapse(self) -> bool:
        return self.delays.startswith("SYNAPSE")


def write_projection(out: ProgramText, item: Projection, source: Range) -> ProjectionText:
    """Write what belongs to one projection alone. source: range of the values that it reads."""
    network = out.network
    pre, post = None, None
    arrays = source_delays(network, item)
    kinds = tuple(int(delay) for delay in np.unique(arrays))
    delays = _write_delays(out, item, arrays)
    values = source
    if item.pre is not None:
        program = network.programs[item.pre.program]
        arriving = converted(Value("x", source), program.inputs[0].type)
        ranges = {program.inputs[0].name: arriving.range}
        pre = write_site(out, f"{item.name}.pre", item.pre, network.size_of(item.source), ranges)
        values = emitted_range(pre.first, program.emit_type())
    if item.synapse is not None:
        function, sums = "", sums_of(out, item, values)
    else:
        function, sums = _write_sums(out, item, values, kinds if arrays.ndim == 2 else (), delays)
    bias, start = _write_bias(out, item, arrays)
    text = ProjectionText(item, function, sums, bias, start, kinds, delays, pre)
    if item.post is None:
        return text
    program = network.programs[item.post.program]
    arriving = converted(delivered(text, sums), program.inputs[0].type)
    ranges = {program.inputs[0].name: arriving.range}
    post = write_site(out, f"{item.name}.post", item.post, network.size_of(item.target), ranges)
    return ProjectionText(item, function, sums, bias, start, kinds, delays, pre, post)


def delivered(text: ProjectionText, sums: Value, gate: str = "") -> Value:
    """The weighted sums with their bias in the accumulator. gate: text of whether the bias is there yet."""
    result = exact("convert", (sums,))
    if text.bias is not None:
        bias = text.bias
        if text.bias_start > 0:
            both = Range(min(0, bias.range.low), max(0, bias.range.high), bias.range.fraction)
            bias = Value(f"jnp.where({gate}, {bias.text}, 0)", both, sampled=False)
        result = exact("add", (sums, bias))
    accumulator = text.projection.accumulator
    return finish(result, accumulator or Format(True, 63, result.range.fraction))


def _write_delays(out: ProgramText, item: Projection, delays: np.ndarray) -> str:
    """Name of the array of delays of the source network, "" for a scalar."""
    if not isinstance(item.delay, TensorRef):
        return ""
    shift = int(delays.reshape(-1)[0] - out.network.delays(item).reshape(-1)[0])
    kind = "SYNAPSE" if delays.ndim == 2 else "UNIT"
    name = out.names.fresh(f"{kind}_DELAYS_{item.name}".upper())
    moved = f" {'+' if shift > 0 else '-'} {abs(shift)}" if shift else ""
    out.code.line(f"{name} = TENSORS[{quoted(item.delay.name)}].astype(np.int32){moved}", "steps in source time")
    return name


def _write_bias(out: ProgramText, item: Projection, delays: np.ndarray) -> tuple[Value | None, int]:
    start = int(delays.min()) if item.bias_start is None else item.bias_start
    if item.bias is None:
        return None, start
    note = f"bias, from step {start} on" if start else "bias"
    return out.argument(item.bias, None, f"{item.name}_bias", note), start


def _write_sums(
    out: ProgramText, item: Projection, source: Range, kinds: tuple[int, ...], delays: str
) -> tuple[str, Value]:
    """The function of the weighted sums, and what they can be."""
    network = out.network
    units, shape = network.size_of(item.source), network.shape_of(item.source)
    ones = np.ones(units, np.int64)
    chain = Chain(network, item.name, "values", shape, min(source.low, 0) * ones, max(source.high, 0) * ones,
                  free=out.free)
    if kinds:
        _by_synapse(item, chain, kinds, delays)
    else:
        for link in item.chain:
            _lowering(link).lower(link, chain)
    out.weights |= chain.weights
    out.row_bytes = max(out.row_bytes, chain.row_bytes)
    function = out.names.fresh(item.name)
    fraction = source.fraction + sum(_fraction(network, link) for link in item.chain)
    range_ = Range(int(chain.low.min()), int(chain.high.max()), fraction)
    if not fits(range_):
        range_ = Range(INT32.low, INT32.high, fraction)
    with out.code.function(f"{function}(weights, values)", _documentation(network, item, range_)):
        out.code.lines(chain.lines[:-1])
        last = chain.lines[-1].removeprefix("sums = ") if chain.lines else chain.text
        out.code.line(f"return {last}" if chain.weights else f"return {last}.astype(jnp.int32)")
    return function, Value("sums", range_)


def _documentation(network: Network, item: Projection, sums: Range) -> list[str]:
    kinds = []
    for link in item.chain:
        references = [f"#{name}: {network.tensors[name].type}{list(network.tensors[name].data.shape)}"
                      for name in link.references()]
        kinds.append(f"{link.keyword}({', '.join(references)})")
    ports = f"{item.source}.{item.source_port} -> {item.target}.{item.target_port}"
    return [f"{ports}: {' | '.join(kinds) or 'identity'}.", "", f"Exact sums, {ends(sums)}, as int32 [..., units]."]


def _fraction(network: Network, link: Connection) -> int:
    type_ = network.tensor(link.weights).type if link.weights is not None else None
    return type_.fraction if isinstance(type_, Format) else 0


def _lowering(link: Connection) -> ModuleType:
    module = find(link)
    if module is None:
        raise TypeError(f"connection {link.keyword} has no lowering")
    return module


def _by_synapse(item: Projection, chain: Chain, kinds: tuple[int, ...], delays: str) -> None:
    """The chain as one matrix whose columns stand once for every delay."""
    text, ends_ = "", chain.ends
    for link in item.chain:
        own = _lowering(link).matrix_text(link, chain.shape)
        text = f"{own}.astype(np.int64) @ {text}" if text else own
        chain.low, chain.high = link.reach(chain.low, chain.high, chain.shape, chain.network.tensors)
        chain.shape = link.output_shape(chain.shape, chain.network.tensors)
    weights = chain.weigh(f"weight_digits(by_delay({text}, {delays}, {kinds}))")
    chain.lines.append(f"sums = product(values, {weights}, {ends_})")
    chain.hold(4 * len(chain.low))
