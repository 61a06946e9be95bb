"""Random chains of linear maps, with the exact range of what they can deliver."""

from __future__ import annotations

import math
from random import Random

import numpy as np

from compiler.formats import F32, F64, Format, storage_dtype
from compiler.ir.connections.base import Connection
from compiler.ir.connections.conv1d import Conv1d
from compiler.ir.connections.conv2d import Conv2d
from compiler.ir.connections.dense import Dense
from compiler.ir.connections.identity import Identity
from compiler.ir.connections.one_to_one import OneToOne
from compiler.ir.connections.select import Select
from compiler.ir.connections.sparse import Sparse
from compiler.ir.connections.sum_pool2d import SumPool2d
from compiler.ir.connections.windows import Windows
from compiler.ir.exact import Range
from compiler.ir.network import Network, Tensor
from compiler.ir.program import TensorRef


def random_raw(rng: Random, format_: Format, shape: tuple[int, ...]) -> Tensor:
    """Raw integers over the whole format, both ends likely."""
    low, high = format_.low, format_.high
    values = [rng.choice((low, high, 0, *(rng.randint(low, high) for _ in "ab"))) for _ in range(math.prod(shape))]
    return Tensor(format_, np.array(values, np.int64).reshape(shape).astype(storage_dtype(format_)))


def _weights(rng: Random, network: Network, name: str, shape: tuple[int, ...]) -> TensorRef:
    if network.level == "model":
        type_ = F32 if rng.random() < 0.2 else F64
        values = [round(rng.uniform(-1.5, 2.0), 3) for _ in range(math.prod(shape))]
        network.tensors[name] = Tensor(type_, np.array(values).reshape(shape).astype(f"f{type_.width // 8}"))
    else:
        signed = rng.random() < 0.8
        format_ = Format(signed, rng.randint(2 if signed else 1, 8), rng.randint(-2, 6))
        network.tensors[name] = random_raw(rng, format_, shape)
    return TensorRef(name)


def _sparse(rng: Random, network: Network, name: str, pre: int, post: int) -> Sparse:
    rows = [sorted(rng.sample(range(pre), rng.randint(0, pre))) for _ in range(post)]
    starts = np.cumsum([0, *(len(row) for row in rows)]).astype(np.int32)
    sources = np.array([unit for row in rows for unit in row], np.int32)
    network.tensors[f"{name}.starts"] = Tensor(Format(True, 32), starts)
    network.tensors[f"{name}.sources"] = Tensor(Format(True, 32), sources)
    weight = _weights(rng, network, name, (len(sources),))
    return Sparse(weight, TensorRef(f"{name}.starts"), TensorRef(f"{name}.sources"))


def _factors(rng: Random, units: int, axes: int) -> tuple[int, ...]:
    """Extents of an array of so many units."""
    extents = []
    for _ in range(axes - 1):
        extents.append(rng.choice([size for size in range(1, units + 1) if units % size == 0]))
        units //= extents[-1]
    return (*extents, units)


def _windows(rng: Random, extent: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    """Kernel, stride, padding and dilation of windows that fit."""
    kernel = tuple(rng.randint(1, min(3, size)) for size in extent)
    dilation = tuple(rng.randint(1, 2) if 2 * width - 1 <= size else 1
                     for width, size in zip(kernel, extent, strict=True))
    stride = tuple(rng.randint(1, 2) for _ in extent)
    padding = tuple(rng.randint(0, 1) for _ in (*extent, *extent))
    return kernel, stride, padding, dilation


def _pool(rng: Random, pre: int) -> SumPool2d:
    shape = _factors(rng, pre, 3)
    kernel, stride, padding, _ = _windows(rng, shape[1:])
    return SumPool2d(shape, kernel, stride, padding)  # pyright: ignore[reportArgumentType]


def _convolution(rng: Random, network: Network, name: str, pre: int, post: int) -> Connection | None:
    """A convolution to exactly so many units, None where the windows that were drawn do not lead there."""
    axes = rng.randint(1, 2)
    shape = _factors(rng, pre, axes + 1)
    kernel, stride, padding, dilation = _windows(rng, shape[1:])
    places = math.prod(Windows(shape[1:], kernel, stride, padding, dilation).positions)
    if post % places:
        return None
    outs = post // places
    groups = rng.choice([size for size in range(1, 4) if outs % size == 0 and shape[0] % size == 0])
    weight = _weights(rng, network, name, (outs, shape[0] // groups, *kernel))
    kind = Conv1d if axes == 1 else Conv2d
    return kind(weight, shape, stride, padding, dilation, groups)  # pyright: ignore[reportArgumentType]


def random_chain(rng: Random, network: Network, name: str, pre: int, post: int) -> tuple[Connection, ...]:
    """One to three linear maps from pre to post units; their tensors go into the network."""
    chain: list[Connection] = []
    if rng.random() < 0.25:
        start = rng.randint(0, pre - 1)
        stop = rng.randint(start + 1, pre)
        chain.append(Select(start, stop))
        pre = stop - start
    if rng.random() < 0.15:
        chain.append(OneToOne(_weights(rng, network, f"{name}.scale", (pre,))))
    elif rng.random() < 0.15:
        middle = rng.randint(1, 6)
        chain.append(Dense(_weights(rng, network, f"{name}.middle", (middle, pre))))
        pre = middle
    if pre == post and rng.random() < 0.4:
        same = (Identity(), OneToOne(_weights(rng, network, name, (pre,))))
        return (*chain, rng.choice(same)) if len(chain) < 3 else tuple(chain)
    # Windows are drawn apart, so that networks without them stay what they were.
    apart = Random(sum(rng.getstate()[1][:8]))
    last = _sparse(rng, network, name, pre, post) if rng.random() < 0.35 else None
    last = last or Dense(_weights(rng, network, name, (post, pre)))
    if apart.random() < 0.3 and len(chain) < 2:
        pool = _pool(apart, pre)
        convolution = _convolution(apart, network, name, math.prod(pool.output_shape((pre,), {})), post)
        return (*chain, pool, convolution) if convolution else (*chain, last)
    return (*chain, apart.random() < 0.3 and _convolution(apart, network, name, pre, post) or last)


def combined(network: Network, chain: tuple[Connection, ...], pre: int) -> np.ndarray:
    """The chain as one matrix [post, pre] of Python integers (floats at model level)."""
    total = np.eye(pre, dtype=np.int64).astype(object)
    shape: tuple[int, ...] = (pre,)
    for item in chain:
        step = item.matrix(shape, network.tensors)
        step = np.asarray(step if isinstance(step, np.ndarray) else step.toarray()).astype(object)
        total, shape = step @ total, item.output_shape(shape, network.tensors)
    return total


def magnitude(network: Network, chain: tuple[Connection, ...], pre: int, largest: int) -> int:
    """Bound of every partial sum within the chain."""
    total = np.full(pre, largest, dtype=object)
    bound, shape = largest, (pre,)
    for item in chain:
        step = item.matrix(shape, network.tensors)
        step = np.asarray(step if isinstance(step, np.ndarray) else step.toarray()).astype(object)
        total, shape = np.abs(step) @ total, item.output_shape(shape, network.tensors)
        bound = max(bound, *total)
    return bound


def chain_fraction(network: Network, chain: tuple[Connection, ...]) -> int:
    """Fraction bits that the weights of a chain add."""
    weights = [item.weights for item in chain if item.weights is not None]
    return sum(getattr(network.tensor(item).type, "fraction", 0) for item in weights)


def delivered(network: Network, chain: tuple[Connection, ...], pre: int, source: Range) -> list[Range]:
    """Exact range of the weighted sum of every post unit; absent values count as 0."""
    low, high = min(source.low, 0), max(source.high, 0)
    fraction = source.fraction + chain_fraction(network, chain)
    rows = combined(network, chain, pre)
    ends = [[(int(w) * low, int(w) * high) for w in row] for row in rows]
    return [Range(sum(min(e) for e in row), sum(max(e) for e in row), fraction) for row in ends]
