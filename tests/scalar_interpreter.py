"""An independent float interpreter, one unit and one synapse at a time, as literal as the IR page: slow."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from compiler.formats import BoolType, Format
from compiler.ir.network import Network, Projection
from compiler.ir.program import Site, TensorRef

OPERATIONS: dict[str, Callable[..., Any]] = {
    "add": lambda a, b: a + b, "sub": lambda a, b: a - b, "mul": lambda a, b: a * b, "neg": lambda a: -a,
    "div": lambda a, b: a / b if b else math.copysign(math.inf, a) * math.copysign(1, b) if a else math.nan,
    "abs": abs, "sign": lambda a: int(a > 0) - int(a < 0), "min": min, "max": max, "convert": lambda a: a,
    "select": lambda c, a, b: a if c else b, "lt": lambda a, b: a < b, "le": lambda a, b: a <= b,
    "gt": lambda a, b: a > b, "ge": lambda a, b: a >= b, "eq": lambda a, b: a == b, "ne": lambda a, b: a != b,
    "and": lambda a, b: a and b, "or": lambda a, b: a or b, "xor": lambda a, b: a != b, "not": lambda a: not a,
    "exp": np.exp, "expm1": np.expm1, "log": np.log, "log1p": np.log1p, "sqrt": np.sqrt, "tanh": np.tanh,
    "logistic": lambda a: 1 / (1 + np.exp(-a)), "pow": np.power, "floor": np.floor, "ceil": np.ceil,
    "round": np.rint, "sin": np.sin, "cos": np.cos,
    "lookup": lambda a, table: table[int(min(max(math.floor(a), 0), len(table) - 1))],
}


class Scalar:
    """One sample of a network; `run` gives outputs [T, n] and every state after every step."""

    def __init__(self, network: Network):
        self.network = network
        self.states = {name: [self.start(site, unit) for unit in range(units)] for name, site, units in network.sites()}
        self.emitted: dict[tuple[str, str], list[list[float]]] = {
            (item.name, emit.port): [] for item in network.populations
            for emit in network.programs[item.site.program].emits}

    def argument(self, value: Any, unit: int) -> Any:
        if not isinstance(value, TensorRef):
            return value
        values = np.asarray(self.network.tensor(value).values).reshape(-1)
        return values[unit].item() if values.size > 1 else values[0].item()

    def start(self, site: Site, unit: int) -> dict[str, Any]:
        states = self.network.programs[site.program].states
        return {item.name: self.argument(site.initial.get(item.name, item.initial), unit) for item in states}

    def step(self, name: str, site: Site, unit: int, inputs: dict[str, float]) -> dict[str, Any]:
        """One step of one unit of a site; gives what it emits by port."""
        program = self.network.programs[site.program]
        values: dict[Any, Any] = {key: self.argument(site.arguments[key], unit) for key in
                                  (item.name for item in program.params)}
        values |= inputs | self.states[name][unit]

        def operand(item: Any) -> Any:
            if isinstance(item, TensorRef):
                return np.asarray(self.network.tensor(item).values).reshape(-1)
            return values[item] if isinstance(item, str) else item

        for op in program.ops:
            result = OPERATIONS[op.opcode](*(operand(item) for item in op.operands))
            if isinstance(op.type, BoolType):
                result = bool(result)
            else:
                result = int(result) if isinstance(op.type, Format) else float(result)
            values[op.result] = result
        self.states[name][unit] = {key: operand(item) for key, item in program.updates}
        return {item.port: operand(item.value) for item in program.emits}

    def matrix(self, projection: Projection) -> np.ndarray:
        shape, whole = self.network.shape_of(projection.source), None
        for connection in projection.chain:
            part = connection.matrix(shape, self.network.tensors)
            part = np.asarray(part.toarray() if hasattr(part, "toarray") else part, float)
            whole = part if whole is None else part @ whole
            shape = connection.output_shape(shape, self.network.tensors)
        assert whole is not None
        return whole

    def arriving(self, projection: Projection, row: int) -> list[float]:
        """What a projection adds to each unit of its target in a step."""
        weights, delays = self.matrix(projection), self.network.delays(projection)
        post, pre = weights.shape[0], self.network.size_of(projection.source)
        spread = np.broadcast_to(delays, (self.network.size_of(projection.target), pre))
        rows = self.emitted[projection.source, projection.source_port]

        def past(unit: int, delay: int) -> float:
            return float(rows[row - delay][unit]) if row >= delay else 0.0

        if projection.pre is not None:
            sent = [self.through(projection, "pre", projection.pre, j, past(j, int(spread[0, j]))) for j in range(pre)]
            sums = [sum(weights[i, j] * sent[j] for j in range(pre)) for i in range(post)]
        else:
            sums = [sum(weights[i, j] * past(j, int(spread[i, j])) for j in range(pre)) for i in range(post)]
        start = int(delays.min()) if projection.bias_start is None else projection.bias_start
        if projection.bias is not None and row >= start:
            sums = [value + self.argument(projection.bias, i) for i, value in enumerate(sums)]
        if projection.post is not None:
            sums = [self.through(projection, "post", projection.post, i, value) for i, value in enumerate(sums)]
        return sums

    def through(self, projection: Projection, key: str, site: Site, unit: int, value: float) -> float:
        program = self.network.programs[site.program]
        emitted = self.step(f"{projection.name}.{key}", site, unit, {program.inputs[0].name: value})
        return emitted[program.emits[0].port]

    def run(self, inputs: dict[str, np.ndarray], order: list[str]) -> tuple[dict[str, np.ndarray], dict[str, list]]:
        """inputs: [T, n] by name. order: populations, those first whose values act within the step."""
        steps = len(next(iter(inputs.values())))
        recorded: dict[str, list] = {name: [] for name in self.states}
        for item in self.network.inputs:
            self.emitted[item.name, item.port.kind] = [list(row) for row in inputs[item.name]]
        for row in range(steps):
            for name in order:
                self.population(name, row)
            for name, units in self.states.items():
                recorded[name].append([dict(unit) for unit in units])
        outputs = {item.name: np.array(self.emitted[item.source, item.port], float) for item in self.network.outputs}
        return outputs, recorded

    def population(self, name: str, row: int) -> None:
        node = self.network.node(name)
        program = self.network.programs[node.site.program]  # type: ignore[union-attr]
        units = self.network.size_of(name)
        sums = {item.name: [0.0] * units for item in program.inputs}
        for projection in self.network.into(name):
            added = self.arriving(projection, row)
            sums[projection.target_port] = [a + b for a, b in zip(sums[projection.target_port], added, strict=True)]
        emitted = [self.step(name, node.site, unit, {port: values[unit] for port, values in sums.items()})  # type: ignore
                   for unit in range(units)]
        for item in program.emits:
            self.emitted[name, item.port].append([unit[item.port] for unit in emitted])
