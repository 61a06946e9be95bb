"""What a certificate says about nonlinear functions of state: the largest error of each over its arguments.

The integer operations that stand for a function are executed on arguments of its whole domain and compared with
float64 mathematics. `certificates.function_checker` does it again, with code of its own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import scipy.special

from compiler import arithmetic
from compiler.analysis.intervals import Interval
from compiler.analysis.ranges import SiteRanges
from compiler.formats import BoolType, Format, Type
from compiler.ir.network import Network
from compiler.ir.ops import OPS
from compiler.ir.program import Op, Operand, Program, TensorRef

MOST_TRIED = 1 << 20
"""Arguments of which every one is tried; of larger domains so many: three quarters of them next to zero, where
functions change, the others evenly spread."""
_TOGETHER = 1 << 15
"""Arguments tried at a time: what the operations make of them stays in the cache."""

TRUTH = {
    "exp": np.exp, "expm1": np.expm1, "log": np.log, "log1p": np.log1p, "sqrt": np.sqrt, "tanh": np.tanh,
    "logistic": scipy.special.expit, "pow": np.power, "div": np.divide, "sin": np.sin, "cos": np.cos,
}


def functions_of(model: Network, fixed: Network, ranges: Mapping[str, SiteRanges]) -> list[dict[str, Any]]:
    """An entry for every nonlinear operation of the model that integer operations of the fixed network stand for.

    `domain` are the integers its arguments can be, `bound` the largest error in last bits of the result, `method`
    `enumerated` (every argument was tried) or `sampled` (every one between the ends of `dense`, others here and there),
    `points` how many were.
    """
    sites = {name: site for name, site, _ in fixed.sites()}
    found: list[dict[str, Any]] = []
    known: dict[tuple, dict[str, Any]] = {}
    for name, site, _ in model.sites():
        if name not in sites or name not in ranges:
            continue
        program = fixed.programs[sites[name].program]
        for op in _nonlinear(model.programs[site.program], program):
            slice_ = operations_behind(program, op.result, op.names)
            if slice_ is None:
                continue
            domain = [_hull(ranges[name].values[item]) for item in dict.fromkeys(op.names)]
            key = op.opcode, op.operands, slice_, tuple(domain)
            known[key] = known.get(key) or _entry(fixed, program, op, slice_, domain)
            found.append({"site": name, "result": op.result, "opcode": op.opcode, **known[key]})
    return found


def _nonlinear(model: Program, fixed: Program) -> Iterator[Op]:
    """Operations without an integer form of their own; a division by what does not change has become a product."""
    opcodes = {op.result: op.opcode for op in fixed.ops}
    constants = {item.name for item in model.params}
    for op in model.ops:
        by_constant = op.opcode == "div" and (not isinstance(op.operands[1], str) or op.operands[1] in constants)
        real = op.opcode in TRUTH and not OPS[op.opcode].fixed and isinstance(fixed.types().get(op.result), Format)
        if real and op.names and not by_constant and opcodes.get(op.result) not in (None, op.opcode):
            yield op


def operations_behind(program: Program, result: str, arguments: tuple[str, ...]) -> tuple[Op, ...] | None:
    """The operations that a value is computed by from its arguments; None where something else goes in."""
    ops = {op.result: op for op in program.ops}
    needed, waiting = set(), [result]
    while waiting:
        name = waiting.pop()
        if name in arguments or name in needed:
            continue
        if name not in ops:
            return None
        needed.add(name)
        waiting += ops[name].names
    return tuple(op for op in program.ops if op.result in needed)


def names_inside(network: Network, entry: Mapping[str, Any]) -> set[str]:
    """The values between the arguments and the result of an entry: what the bound of its error speaks for."""
    program = network.programs[next(site for name, site, _ in network.sites() if name == entry["site"]).program]
    arguments = tuple(item["name"] for item in entry["arguments"])
    return {op.result for op in operations_behind(program, entry["result"], arguments) or ()} - {entry["result"]}


def _hull(interval: Interval) -> tuple[int, int]:
    return int(interval.low.min()), int(interval.high.max())


def _entry(network: Network, program: Program, op: Op, slice_: tuple[Op, ...], domain: list[tuple[int, int]]
           ) -> dict[str, Any]:
    types, names = program.types(), list(dict.fromkeys(op.names))
    arguments, method = tried(domain)
    bound = 0.0
    for start in range(0, len(arguments[0]), _TOGETHER):
        part = {name: arithmetic.Fixed(raw[start : start + _TOGETHER], fraction_of(types[name]))
                for name, raw in zip(names, arguments, strict=True)}
        bound = max(bound, _largest_error(network, op, slice_, types[op.result], part))
    told = [{"name": name, "low": ends[0], "high": ends[1],
             "dense": list(ends if method == "enumerated" else dense(*ends, _each(domain)))}
            for name, ends in zip(names, domain, strict=True)]
    return {"operands": list(op.operands), "arguments": told, "format": str(types[op.result]),
            "bound": math.ceil(bound * 1e4) / 1e4, "method": method, "points": len(arguments[0])}


def _each(domain: list[tuple[int, int]]) -> int:
    """Values to try of one argument."""
    return int(MOST_TRIED ** (1 / len(domain)))


def _largest_error(network: Network, op: Op, slice_: tuple[Op, ...], result: Type,
                   arguments: Mapping[str, arithmetic.Fixed]) -> float:
    """Over some arguments, in last bits of the result; where the function has no value nothing is demanded."""
    values = dict(arguments)
    for item in slice_:
        operands = [operand_of(network, operand, values) for operand in item.operands]
        values[item.result] = arithmetic.fit(arithmetic.EXACT[item.opcode](*operands), item.type)
    assert isinstance(result, Format)
    given = [np.ldexp(arguments[item].raw.astype(np.float64), -arguments[item].fraction) if isinstance(item, str) else
             np.float64(item) for item in op.operands]  # pyright: ignore[reportArgumentType]
    with np.errstate(all="ignore"):
        truth = np.ldexp(TRUTH[op.opcode](*given), result.fraction)
    error = np.abs(values[op.result].raw - np.clip(truth, result.low, result.high))
    return float(np.max(error, where=np.isfinite(truth), initial=0.0))


def tried(domain: list[tuple[int, int]]) -> tuple[list[np.ndarray], str]:
    """Arguments to try, one array for each, and whether they are all there are."""
    sizes = [high - low + 1 for low, high in domain]
    if math.prod(sizes) <= MOST_TRIED:
        grid = np.meshgrid(*(np.arange(low, high + 1) for low, high in domain), indexing="ij")
        return [item.ravel() for item in grid], "enumerated"
    points = [_chosen(low, high, _each(domain)) for low, high in domain]
    return [item.ravel() for item in np.meshgrid(*points, indexing="ij")], "sampled"


def _chosen(low: int, high: int, count: int) -> np.ndarray:
    """Every point next to zero (or the end nearest to it), and a quarter of the count evenly from end to end."""
    first, last = dense(low, high, count)
    spread = low + np.arange(count // 4) * (high - low) // max(count // 4 - 1, 1)
    return np.unique(np.concatenate([np.arange(first, last + 1), spread, [low, high]]))


def dense(low: int, high: int, count: int) -> tuple[int, int]:
    """Ends of the part of a domain of which every point is tried."""
    near, reach = min(max(0, low), high), 3 * count // 8
    return max(low, near - reach), min(high, near + reach)


def operand_of(network: Network, operand: Operand, values: Mapping[str, arithmetic.Fixed]) -> arithmetic.Fixed:
    """The exact value of an operand: a name's, a tensor's, or a number's."""
    if isinstance(operand, str):
        return values[operand]
    if isinstance(operand, TensorRef):
        tensor = network.tensor(operand)
        return arithmetic.Fixed(tensor.data.astype(np.int64), fraction_of(tensor.type))
    return arithmetic.literal(operand)


def fraction_of(type_) -> int:
    return type_.fraction if isinstance(type_, Format) and not isinstance(type_, BoolType) else 0
