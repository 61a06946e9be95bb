"""Projections of the IR as rows of NIR nodes, from their source to their target."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import nir
import numpy as np

from compiler.diagnostics import Diagnostic, DiagnosticError, Place
from compiler.formats import Format
from compiler.ir.connections.conv1d import Conv1d
from compiler.ir.connections.conv2d import Conv2d
from compiler.ir.connections.dense import Dense
from compiler.ir.connections.identity import Identity
from compiler.ir.connections.one_to_one import OneToOne
from compiler.ir.connections.sum_pool2d import SumPool2d
from compiler.ir.network import Network, Projection
from compiler.nir.draft import Shape, compact, spread
from compiler.nir.recognition import E190, Dynamics
from compiler.results.results import source_delays

if TYPE_CHECKING:
    from compiler.nir.from_network import Drawing

LARGEST = 1 << 26
"""Entries of a matrix that is written out."""


@dataclass
class Way:
    """One projection being drawn: a row of nodes from its source to its target."""

    drawing: Drawing
    item: Projection
    end: str = ""
    shape: Shape = ()
    named: bool = False
    pending: int | np.ndarray = 0

    @property
    def network(self) -> Network:
        return self.drawing.network

    def draw(self) -> None:
        item, drawing = self.item, self.drawing
        self.end, self.shape = drawing.nodes[item.source], drawing.shapes[item.source]
        before, after = self._delays()
        self.pending = before
        if item.pre is not None:
            self.put(f"{item.name}_pre", drawing.filter(item, "pre"))
        unit = drawing.scale_of(item.source, item.source_port)
        if item.pre is None and np.any(unit != 1):
            self._factor(1 / unit)
        target = drawing.scale_of(item.target, item.target_port) if item.post is None else self._post_unit()
        self._links(target * drawing.resistances.get(item.target, 1.0))
        post = drawing.filters.get(item.name)
        if post is not None:
            self.put(f"{item.name}_post", post)
        self.pending = after
        self.connect(drawing.nodes[item.target])

    def _post_unit(self) -> np.ndarray:
        post = self.item.post
        assert post is not None
        port = self.network.programs[post.program].inputs[0].name
        return np.ones(()) if post.scale is None or port not in post.scaled else self.network.real(post.scale)

    def _delays(self) -> tuple[Any, int]:
        """Steps before the links, and after their bias."""
        item = self.item
        delay = source_delays(self.network, item)
        if delay.ndim == 2:
            raise self.unlike("delays of single synapses", "one delay, or one for each presynaptic unit")
        least = int(delay.min())
        if item.bias is None and delay.ndim:
            return delay.reshape(self.shape), 0
        start = least if item.bias is None or item.bias_start is None else item.bias_start
        if start > least:
            raise self.unlike(f"a bias from step {start} on, behind a delay of {least}", "a bias that starts no later")
        before = delay - start
        return (int(before) if before.ndim == 0 else before.reshape(self.shape)), start

    # -- nodes --------------------------------------------------------------------------------------------------------

    def connect(self, name: str) -> None:
        self.drawing.draft.wire(self.end, name, self.shape, self.pending)
        self.pending = 0

    def put(self, wish: str, node: Any, shape: Shape | None = None) -> None:
        """Append a node (or the node of a primitive)."""
        if isinstance(node, Dynamics):
            name = self.drawing.node(wish, node, self.shape)
        else:
            name = self.drawing.draft.add(wish, node)
        self.connect(name)
        self.end, self.shape = name, shape or self.shape

    def _name(self, keyword: str, weighted: bool) -> str:
        """The first node with weights is called like the projection."""
        if weighted and not self.named:
            self.named = True
            return self.item.name
        return f"{self.item.name}_{keyword}"

    def _factor(self, factor: np.ndarray) -> None:
        self.put(self._name("scale", False), nir.Scale(spread(factor, self.shape)))

    def _links(self, unit: np.ndarray) -> None:
        """The chain with its bias. unit: what one unit of the sum is physically, a number or one for each unit."""
        item, tensors = self.item, self.network.tensors
        bias = None if item.bias is None else self.network.real(item.bias) * unit
        # Links know the shapes of the network, nodes those that were drawn.
        shape: Shape = self.network.shape_of(item.source)
        for link in item.chain[:-1]:
            self._link(link, shape, np.ones(()), None)
            shape = link.output_shape(shape, tensors)
        last = item.chain[-1]
        scalable = bool(np.all(unit == 1)) or self._is_scalable(last, shape, unit)
        taken = self._link(last, shape, unit if scalable else np.ones(()), bias if scalable else None)
        if not scalable:
            self._factor(np.broadcast_to(unit, (int(np.prod(self.shape)),)).reshape(self.shape) if unit.ndim else unit)
        if bias is not None and not taken:
            self._biased(bias)
        self._reshaped(self.drawing.shapes[item.target])

    def is_scalable(self, unit: np.ndarray) -> bool:
        """Whether the last weights can take a factor for each unit of the target."""
        shape: Shape = self.network.shape_of(self.item.source)
        for link in self.item.chain[:-1]:
            shape = link.output_shape(shape, self.network.tensors)
        return self._is_scalable(self.item.chain[-1], shape, unit)

    def _is_scalable(self, link: Any, shape: Shape, unit: np.ndarray) -> bool:
        """Whether the weights of a link can take a factor for each unit."""
        if link.weights is None:
            return False
        _, channel = link.channels(shape, self.network.tensors)
        values = np.broadcast_to(unit, channel.shape)
        first = np.zeros(int(channel.max()) + 1)
        first[channel] = values
        return np.array_equal(first[channel], values)

    def _weights(self, link: Any, shape: Shape, unit: np.ndarray) -> np.ndarray:
        """Real weights, times the unit of the channel that each belongs to."""
        weight_channel, channel = link.channels(shape, self.network.tensors)
        factors = np.ones(int(channel.max()) + 1)
        factors[channel] = np.broadcast_to(unit, channel.shape)
        return np.asarray(self.network.tensor(link.weights).values) * factors[weight_channel]

    def _link(self, link: Any, shape: Shape, unit: np.ndarray, bias: np.ndarray | None) -> bool:
        """Append a link, its weights times a unit; whether it took the bias."""
        out = link.output_shape(shape, self.network.tensors)
        if isinstance(link, Identity):
            return False
        if isinstance(link, SumPool2d):
            self._reshaped(link.shape)
            self._pool(link, out)
            return False
        if isinstance(link, Conv1d | Conv2d):
            self._reshaped(link.shape)
            return self._convolution(link, self._weights(link, shape, unit), out, bias)
        if isinstance(link, OneToOne):
            factors = self._weights(link, shape, unit).reshape(self.shape)
            self.put(self._name("scale", True), nir.Scale(compact(factors)))
            return False
        matrix = self._weights(link, shape, unit) if isinstance(link, Dense) else self._matrix(link, shape, unit)
        self._reshaped((matrix.shape[1],))
        return self._dense(matrix, bias, self._name(link.keyword, True))

    def _matrix(self, link: Any, shape: Shape, unit: np.ndarray) -> np.ndarray:
        """A link without a node of its own, written out."""
        matrix = link.matrix(shape, self.network.tensors)
        posts, pres = matrix.shape
        if posts * pres > LARGEST:
            raise self.unlike(f"{link.keyword} of {posts} x {pres} units",
                              f"a matrix of at most {LARGEST} entries, as NIR has no lists of synapses")
        type_ = None if link.weights is None else self.network.tensor(link.weights).type
        lsb = type_.lsb if isinstance(type_, Format) else 1.0
        return matrix.toarray() * lsb * np.broadcast_to(unit, (posts,)).reshape(-1, 1)

    def _dense(self, matrix: np.ndarray, bias: np.ndarray | None, name: str) -> bool:
        if bias is None:
            self.put(name, nir.Linear(compact(matrix)), (len(matrix),))
            return False
        self.put(name, nir.Affine(compact(matrix), spread(bias, (len(matrix),))), (len(matrix),))
        return True

    def _convolution(self, link: Conv1d | Conv2d, weights: np.ndarray, out: Shape, bias: np.ndarray | None) -> bool:
        per_channel = None if bias is None else np.broadcast_to(bias, (int(np.prod(out)),)).reshape(out[0], -1)
        taken = per_channel is not None and bool(np.all(per_channel == per_channel[:, :1]))
        biases = per_channel[:, 0] if per_channel is not None and taken else np.zeros(out[0])
        padding = self._padding(link, weights.shape[2:])
        name, kernel = self._name(link.keyword, True), compact(weights)
        if isinstance(link, Conv1d):
            padding = padding if isinstance(padding, str) else padding[0]
            node = nir.Conv1d(link.shape[1], kernel, link.stride[0], padding, link.dilation[0], link.groups,
                              compact(biases))
        else:
            node = nir.Conv2d(link.shape[1:], kernel, link.stride, padding, link.dilation, link.groups, compact(biases))
        self.put(name, node, out)
        return taken

    def _padding(self, link: Any, kernel: Shape) -> Any:
        before, after = link.padding[::2], link.padding[1::2]
        if before == after:
            return tuple(before)
        spans = [step * (size - 1) for size, step in zip(kernel, link.dilation, strict=True)]
        if set(link.stride) == {1} and before == tuple(span // 2 for span in spans) \
                and after == tuple(span - span // 2 for span in spans):
            return "same"
        raise self.unlike(f"padding {list(link.padding)} of {link.keyword}", "the same padding at both ends, or 'same'")

    def _pool(self, link: SumPool2d, out: Shape) -> None:
        if link.padding[::2] != link.padding[1::2]:
            raise self.unlike(f"padding {list(link.padding)} of {link.keyword}", "the same padding at both ends")
        node = nir.SumPool2d(np.array(link.kernel), np.array(link.stride), np.array(link.padding[::2]))
        self.put(self._name("pool", False), node, out)

    def _biased(self, bias: np.ndarray) -> None:
        """A bias that no node before can take: the identity with a bias."""
        units = int(np.prod(self.shape))
        if units * units > LARGEST or len(self.shape) > 1 and self.drawing.shapes[self.item.target] == self.shape:
            raise self.unlike(f"a bias of its own for each of {units} units", "one for each channel")
        self._reshaped((units,))
        self.put(self._name("bias", False), nir.Affine(np.eye(units, dtype=np.float32), spread(bias, (units,))))

    def _reshaped(self, shape: Iterable[int]) -> None:
        """Flatten where the next node wants a vector. NIR has no way back from one."""
        wanted = tuple(shape)
        if wanted == self.shape:
            return
        if wanted != (int(np.prod(self.shape)),):
            raise self.unlike(f"units {list(self.shape)} read as {list(wanted)}", "a flattened shape")
        self.put(self._name("flatten", False), nir.Flatten({"input": np.array(self.shape)}, 0, -1), wanted)

    def unlike(self, found: str, expected: str) -> DiagnosticError:
        return DiagnosticError(Diagnostic(E190, f"no NIR node does what {self.item.name} does",
                                          Place(path=self.item.name), found, expected))
