"""Multiplies links of a chain that stand side by side into one, where the result is no larger.

Rewrite: identity beside anything -> nothing; factors per unit beside dense, convolved or listed weights -> in the
weights (beside a convolution only one factor per channel); a factor equal for all units -> into any weights of the
chain; two dense matrices -> their product, where that has no more entries than both.
  before  sum_pool2d(…) | one_to_one(#share) | conv2d(#w)        share = 0.25 for every unit
  after   sum_pool2d(…) | conv2d(#w)                             0.25 * w
Inner weights above 1 are divided by a power of two, and the last ones multiplied by it.

So weights are rounded once when they are quantized. Levels: model. Preserves: every weighted sum, to rounding.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from compiler.formats import F64
from compiler.ir.connections.base import Connection
from compiler.ir.connections.conv1d import Conv1d
from compiler.ir.connections.conv2d import Conv2d
from compiler.ir.connections.dense import Dense
from compiler.ir.connections.identity import Identity
from compiler.ir.connections.one_to_one import OneToOne
from compiler.ir.connections.sparse import Sparse
from compiler.ir.network import Network, Projection, Tensor
from compiler.ir.program import TensorRef
from compiler.ir.rewrite import fresh_name
from compiler.options import Options

LEVELS = ("model",)

_LARGEST_INNER = 1.0
"""Weights that are not the last of their chain are quantized without a scale of their own."""

Shape = tuple[int, ...]


def run(network: Network, options: Options) -> Network:
    """The network with short chains."""
    merged = network.copy()
    for projection in network.projections:
        if len(projection.chain) > 1:
            merged.add(replace(projection, chain=_Chain(merged, projection).merged()))
    used = {name for item in merged.projections for link in item.chain for name in link.references()}
    before = {name for item in network.projections for link in item.chain for name in link.references()}
    merged.tensors = {name: tensor for name, tensor in merged.tensors.items() if name in used or name not in before}
    return merged


@dataclass
class _Chain:
    network: Network
    projection: Projection

    def merged(self) -> tuple[Connection, ...]:
        """Links are merged from the left until nothing changes."""
        links = self._with_common_factors(list(self.projection.chain))
        changed = True
        while changed and len(links) > 1:
            changed = False
            shape = self.network.shape_of(self.projection.source)
            for index, (one, other) in enumerate(zip(links, links[1:], strict=False)):
                found = self._pair(one, other, shape)
                if found is not None:
                    links[index : index + 2] = [found]
                    changed = True
                    break
                shape = one.output_shape(shape, self.network.tensors)
        return tuple(self._with_small_weights(links))

    def _values(self, link: Connection) -> np.ndarray:
        assert link.weights is not None
        return np.asarray(self.network.tensor(link.weights).values, np.float64)

    def _with(self, link: Connection, values: np.ndarray) -> Connection:
        """The link with other weights, under a name that nobody else uses."""
        assert link.weights is not None
        name = link.weights.name
        users = [item for item in self.network.projections for other in item.chain if name in other.references()]
        if len(users) > 1:
            name = fresh_name(f"{self.projection.name}.weight", self.network.tensors)
        self.network.tensors[name] = Tensor(F64, np.ascontiguousarray(values, np.float64))
        return replace(link, weight=TensorRef(name))  # pyright: ignore[reportCallIssue]

    # -- a factor for all units -------------------------------------------------------------------------------------

    def _with_common_factors(self, links: list[Connection]) -> list[Connection]:
        """Factors that are the same for all units go into other weights."""
        for index in range(len(links) - 1, -1, -1):
            others = [i for i, link in enumerate(links) if link.weights is not None and i != index]
            if not isinstance(links[index], OneToOne) or not others:
                continue
            values = self._values(links[index])
            if values.size and np.all(values == values.flat[0]):
                nearest = min(others, key=lambda i: (abs(i - index), -i))
                links[nearest] = self._with(links[nearest], self._values(links[nearest]) * values.flat[0])
                del links[index]
        return links or list(self.projection.chain)

    def _with_small_weights(self, links: list[Connection]) -> list[Connection]:
        """Powers of two taken out of inner weights, into the last ones: those have a scale of their own."""
        weighted = [index for index, link in enumerate(links) if link.weights is not None]
        for index in weighted[:-1]:
            largest = float(np.abs(self._values(links[index])).max(initial=0.0))
            if largest > _LARGEST_INNER:
                factor = 2.0 ** np.ceil(np.log2(largest / _LARGEST_INNER))
                links[index] = self._with(links[index], self._values(links[index]) / factor)
                links[weighted[-1]] = self._with(links[weighted[-1]], self._values(links[weighted[-1]]) * factor)
        return links

    # -- pairs ------------------------------------------------------------------------------------------------------

    def _pair(self, one: Connection, other: Connection, shape: Shape) -> Connection | None:
        """One link in place of two, None where there is none."""
        if isinstance(one, Identity):
            return other
        if isinstance(other, Identity):
            return one
        if isinstance(one, Dense) and isinstance(other, Dense):
            return self._dense(one, other)
        if isinstance(other, OneToOne):
            return self._scaled_behind(one, self._values(other).reshape(-1), shape)
        if isinstance(one, OneToOne):
            return self._scaled_before(other, self._values(one).reshape(-1))
        return None

    def _dense(self, one: Dense, other: Dense) -> Connection | None:
        inner, outer = self._values(one), self._values(other)
        if len(outer) * inner.shape[1] > inner.size + outer.size:
            return None
        return self._with(other, outer @ inner)

    def _scaled_behind(self, link: Connection, factors: np.ndarray, shape: Shape) -> Connection | None:
        """W x, then times a factor for each unit."""
        if link.weights is None:
            return None
        weight_channel, unit_channel = link.channels(shape, self.network.tensors)
        per_channel = np.zeros(int(unit_channel.max()) + 1)
        per_channel[unit_channel] = factors
        if not np.array_equal(per_channel[unit_channel], factors):
            return None
        return self._with(link, self._values(link) * per_channel[weight_channel])

    def _scaled_before(self, link: Connection, factors: np.ndarray) -> Connection | None:
        """x times a factor for each unit, then W."""
        make = _BEFORE.get(type(link))
        spread = None if make is None else make(link, factors, self.network)
        return None if spread is None else self._with(link, self._values(link) * spread)


def _before_convolution(link: Conv1d | Conv2d, factors: np.ndarray, network: Network) -> np.ndarray | None:
    channels = factors.reshape(link.shape[0], -1)
    if not np.all(channels == channels[:, :1]):
        return None
    weight = network.tensor(link.weight).data
    outs, ins = len(weight) // link.groups, weight.shape[1]
    sources = (np.arange(len(weight)) // outs * ins)[:, None] + np.arange(ins)
    return channels[:, 0][sources].reshape(*sources.shape, *[1] * (weight.ndim - 2))


_BEFORE: dict[type, Callable[..., np.ndarray | None]] = {
    Dense: lambda link, factors, network: factors,
    Sparse: lambda link, factors, network: factors[network.tensor(link.sources).data],
    Conv1d: _before_convolution,
    Conv2d: _before_convolution,
}
