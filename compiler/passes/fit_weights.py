"""Round the weights of a projection together, so that their errors cancel on the activity that the data show.

Rewrite: every weight of a channel -> the grid its format has, one presynaptic unit after the other; what rounding one
costs is made up for by those not rounded yet, in the least squares of the weighted sums (GPTQ: Frantar, Ashkboos,
Hoefler & Alistarh 2023, algorithm 1, after Hassibi & Stork 1993). Nothing is changed that cannot be seen in the data:
a share of `DAMPING` of the mean activity is added to that of every unit, which keeps weights of silent units at their
nearest.
  before  W = [[3.4, 3.4]]   both units always active together        nearest: [[3, 3]]
  after   W = [[3.0, 4.0]]

Only with calibration data (not with a random stimulus), up to 8 bits, and where the last link of the chain is dense or
a convolution. Levels: model, scaled. Preserves: nothing bit for bit; the error it lowers is the one `model → fixed`
measures.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from compiler.formats import F64, Format
from compiler.interpreter import run as interpret
from compiler.ir.connections.conv1d import Conv1d
from compiler.ir.connections.conv2d import Conv2d
from compiler.ir.connections.dense import Dense
from compiler.ir.network import Input, Network, Projection, Tensor
from compiler.ir.program import TensorRef
from compiler.options import Options
from compiler.quantization.weights import bits_of, largest_integer, quantized_weights, weight_name

LEVELS = ("model",)

DAMPING = 1.0
"""Chosen on recorded tactile data (benchmarks/nir_braille.py): less fits the samples, more does nothing."""

WIDEST_WEIGHTS = 8
MOST_UNITS = 2048
"""Presynaptic units of a channel; the work grows with their third power."""
MOST_VALUES = 1 << 25
"""Values of activity that are looked at, over all units."""
PATCH_ROWS = 1 << 14
"""Places of a convolution that are looked at."""

Kernels = Conv1d | Conv2d


def run(network: Network, options: Options) -> Network:
    if not options.calibration or options.weight_rounding != "fitted":
        return network
    fitted = network.copy()
    projections = [item for item in network.projections if _can_be_fitted(network, item, options)]
    activity = _Activity(network, options, projections)
    for group in _groups(projections):
        rows = [activity.seen(item) for item in group]
        _fit(fitted, group, rows, options)
    return fitted


def _can_be_fitted(network: Network, item: Projection, options: Options) -> bool:
    last = item.chain[-1]
    if item.synapse is not None:
        return False
    if not isinstance(last, Dense | Kernels) or bits_of(item, options) > WIDEST_WEIGHTS or item.pre is not None:
        return False
    if isinstance(last, Kernels) and last.groups > 1 or network.delays(item).ndim == 2:
        return False
    return int(np.prod(network.tensor(last.weight).data.shape[1:])) <= MOST_UNITS


def _groups(projections: list[Projection]) -> Iterator[list[Projection]]:
    """Dense projections into one port are rounded together, since their sums add up; convolutions alone."""
    joined: dict[tuple[str, str], list[Projection]] = {}
    for item in projections:
        if isinstance(item.chain[-1], Dense) and item.post is None:
            joined.setdefault((item.target, item.target_port), []).append(item)
        else:
            yield [item]
    yield from joined.values()


@dataclass
class _Activity:
    """What arrives at the last link of every projection while the network runs on the calibration data."""

    network: Network
    options: Options
    projections: list[Projection]

    def __post_init__(self) -> None:
        ports = {f"{item.source}.{item.source_port}" for item in self.projections
                 if not isinstance(self.network.node(item.source), Input)}
        units = sum(item.size for item in (*self.network.populations, *self.network.inputs))
        calibration = self.options.calibration or {}
        steps = max((rows.shape[1] for rows in calibration.values()), default=1)
        samples = max(1, MOST_VALUES // (units * steps))
        self.inputs = {name: np.asarray(rows[:samples], np.float64) for name, rows in calibration.items()}
        self.records = interpret(self.network, self.inputs, record=sorted(ports)).records if self.projections else {}

    def seen(self, item: Projection) -> np.ndarray:
        """Rows of what the last weights multiply: [rows, columns of the weights]."""
        source = self.network.node(item.source)
        emitted = self.inputs[item.source] if isinstance(source, Input) else \
            self.records[f"{item.source}.{item.source_port}"]
        late = _late(np.asarray(emitted, np.float64), self.network.delays(item))
        values, shape = late.reshape(-1, late.shape[2]), self.network.shape_of(item.source)
        for link in item.chain[:-1]:
            values = np.asarray((link.matrix(shape, self.network.tensors) @ values.T).T, np.float64)
            shape = link.output_shape(shape, self.network.tensors)
        last = item.chain[-1]
        return _patches(last, values, self.network) if isinstance(last, Kernels) else values


def _late(rows: np.ndarray, delay: np.ndarray) -> np.ndarray:
    late = np.zeros_like(rows)
    for steps in np.unique(delay):
        units = np.broadcast_to(delay == steps, rows.shape[2:])
        late[:, steps:, units] = rows[:, : rows.shape[1] - steps, units]
    return late


def _patches(link: Kernels, values: np.ndarray, network: Network) -> np.ndarray:
    """What the windows of a convolution see, a row for each place; evenly chosen rows where there are many."""
    data = network.tensor(link.weight).data
    windows = link.windows(data)
    places = int(np.prod(windows.positions))
    values = values[:: max(1, len(values) * places // PATCH_ROWS)]
    images = values.reshape(-1, *link.shape)
    seen = np.zeros((len(images), *windows.positions, *data.shape[1:]))
    for index, inside, where in windows.places():
        part = images[(slice(None), slice(None), *where)]
        seen[(slice(None), *inside, slice(None), *index)] = np.moveaxis(part, 1, -1)
    return seen.reshape(-1, int(np.prod(data.shape[1:])))


def _fit(network: Network, group: list[Projection], rows: list[np.ndarray], options: Options) -> None:
    """Replace the weights of projections whose sums add up."""
    tensors = [network.tensor(item.chain[-1].weights) for item in group]  # pyright: ignore[reportArgumentType]
    formats = [_grid(tensor, bits_of(item, options)) for tensor, item in zip(tensors, group, strict=True)]
    weights = [tensor.values.reshape(len(tensor.data), -1) for tensor in tensors]
    steps = np.concatenate([np.full(matrix.shape[1], format_.lsb)
                            for matrix, format_ in zip(weights, formats, strict=True)])
    most = np.concatenate([np.full(matrix.shape[1], largest_integer(format_.width))
                           for matrix, format_ in zip(weights, formats, strict=True)])
    arriving = np.concatenate(rows, axis=1)
    moments = arriving.T @ arriving / max(len(arriving), 1)
    if not moments.any() or len(steps) > MOST_UNITS:
        return
    # In units of each weight's own step everything is rounded to whole numbers.
    found = rounded_together(np.concatenate(weights, axis=1) / steps, moments * np.outer(steps, steps), most) * steps
    start = 0
    for item, tensor, matrix in zip(group, tensors, weights, strict=True):
        part = found[:, start : start + matrix.shape[1]].reshape(tensor.data.shape)
        start += matrix.shape[1]
        name = weight_name(item, item.chain[:-1])
        network.tensors[name] = Tensor(F64, np.ascontiguousarray(part))
        last = replace(item.chain[-1], weight=TensorRef(name))  # pyright: ignore[reportCallIssue]
        network.add(replace(item, chain=(*item.chain[:-1], last)))


def _grid(tensor: Tensor, bits: int) -> Format:
    """The format that these weights are going to have."""
    type_ = quantized_weights(tensor.values, bits).type
    assert isinstance(type_, Format)
    return type_


def rounded_together(weights: np.ndarray, moments: np.ndarray, most: np.ndarray) -> np.ndarray:
    """Whole numbers [channels, n] within ±most [n] for weights [channels, n], moments [n, n] the mean products of what
    they multiply: little of (weights - result) @ moments @ (weights - result).T is left.

    >>> rounded_together(np.array([[3.4, 3.4]]), np.ones((2, 2)), np.full(2, 127.0))
    array([[3., 4.]])
    """
    moments = moments + DAMPING * np.mean(np.diag(moments)) * np.eye(len(moments))
    # The busiest first: what comes last has nobody to make up for it.
    order = np.argsort(-np.diag(moments), kind="stable")
    upper = np.linalg.cholesky(np.linalg.inv(moments[np.ix_(order, order)])).T
    left, result, most = weights[:, order].astype(np.float64), np.zeros(weights.shape), most[order]
    for column in range(len(order)):
        result[:, column] = np.clip(np.rint(left[:, column]), -most[column], most[column])
        error = (left[:, column] - result[:, column]) / upper[column, column]
        left[:, column:] -= np.outer(error, upper[column, column:])
    undone = np.empty_like(result)
    undone[:, order] = result
    return undone
