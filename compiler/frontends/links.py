"""The links of a projection that each connection of spark becomes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from compiler.formats import Format
from compiler.frontends.program_book import ProgramBook
from compiler.ir.connections.base import Connection as Link
from compiler.ir.connections.conv1d import Conv1d
from compiler.ir.connections.conv2d import Conv2d
from compiler.ir.connections.dense import Dense
from compiler.ir.connections.one_to_one import OneToOne
from compiler.ir.connections.sparse import Sparse
from compiler.ir.connections.sum_pool2d import SumPool2d
from spark.nn.components import connections
from spark.nn.components.connections import Connection

Links = tuple[Link, ...]

INDEX = Format(True, 32)


def links_of(module: Connection[Any], name: str, book: ProgramBook) -> Links:
    """Links of a built connection without a delay; its tensors are called `name.weight` and the like."""
    for kind, make in _LINKS.items():
        if isinstance(module, kind):
            return make(module, name, book)
    raise TypeError(f"no links for {type(module).__name__}")


def _linear(module: connections.Linear, name: str, book: ProgramBook) -> Links:
    weight = np.asarray(module.params["weight"], np.float64)
    if weight.ndim == 2:
        return (Dense(book.tensor(f"{name}.weight", weight)),)
    groups, outs, ins = int(np.prod(weight.shape[:-2])), *weight.shape[-2:]
    sources = np.arange(groups)[:, None, None] * ins + np.arange(ins)
    sources = np.broadcast_to(sources, (groups, outs, ins)).reshape(-1)
    starts = np.arange(groups * outs + 1) * ins
    return (Sparse(book.tensor(f"{name}.weight", weight.reshape(-1)), book.tensor(f"{name}.starts", starts, INDEX),
                   book.tensor(f"{name}.sources", sources, INDEX)),)


def _convolution(module: Any, name: str, book: ProgramBook) -> Links:
    weight = np.asarray(module.params["weight"], np.float64)
    kind = Conv1d if weight.ndim == 3 else Conv2d
    return (kind(book.tensor(f"{name}.weight", weight), module.input_shape, tuple(module.config.stride),
                 _flat(module.padding), tuple(module.config.dilation), module.config.groups),)


def _pool(module: connections.SumPool2d, name: str, book: ProgramBook) -> Links:
    config = module.config
    pool = SumPool2d(module.input_shape, tuple(config.kernel_size), tuple(config.stride),  # type: ignore[arg-type]
                     _flat(module.padding))
    if not isinstance(module, connections.AvgPool2d):
        return (pool,)
    share = np.full(int(np.prod(module.output_specs["current"].shape)), 1 / float(np.prod(config.kernel_size)))
    return pool, OneToOne(book.tensor(f"{name}.share", share))


def _flat(padding: tuple[tuple[int, int], ...]) -> Any:
    return tuple(zeros for sides in padding for zeros in sides)


def _scale(module: connections.Scale, name: str, book: ProgramBook) -> Links:
    return (OneToOne(book.tensor(f"{name}.weight", np.asarray(module.params["scale"]).reshape(-1))),)


def _nothing(module: Connection[Any], name: str, book: ProgramBook) -> Links:
    return ()


_LINKS: dict[type, Callable[[Any, str, ProgramBook], Links]] = {
    connections.Linear: _linear,
    connections.Conv1d: _convolution,
    connections.Conv2d: _convolution,
    connections.SumPool2d: _pool,
    connections.Scale: _scale,
    connections.Flatten: _nothing,
    connections.Sum: _nothing,
}
