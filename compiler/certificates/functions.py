"""What a certificate says about nonlinear functions of state: the largest error of each over its arguments.

The integer operations that stand for a function are executed on arguments of its whole domain and compared with
float64 mathematics. `certificates.function_checker` does it again, with code of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from compiler import arithmetic
from compiler.analysis.intervals import Interval
from compiler.analysis.ranges import SiteRanges
from compiler.certificates.covering import Cover, Task, covered, points, settled
from compiler.certificates.expansions import FUNCTIONS
from compiler.formats import BoolType, Format
from compiler.ir.network import Network
from compiler.ir.ops import OPS
from compiler.ir.program import Op, Operand, Program, TensorRef

MOST_TRIED = 1 << 21
"""Arguments that are tried one by one, if no more are left once blocks of one and the same result are set aside."""
_GRID, _SMALL = 12, 1 << 20
"""Such blocks are looked for among 2**12, in domains of more arguments than this."""
_NOISE = 1e-4
_TOGETHER = 1 << 15
"""Arguments tried at a time: what the operations make of them stays in the cache."""

TRUTH: dict[str, Callable[..., np.ndarray]] = {
    **{name: function.of for name, function in FUNCTIONS.items()}, "div": np.divide}


def functions_of(model: Network, fixed: Network, ranges: Mapping[str, SiteRanges]) -> list[dict[str, Any]]:
    """An entry for every nonlinear operation of the model that integer operations of the fixed network stand for.

    `arguments` are the integers they can be, `bound` is the largest error in last bits of the result, `method`
    `enumerated` (every argument was tried) or `covered` (blocks that cover all arguments were each bounded as a whole).
    Of `points` arguments so many were `tried` one by one; the others lie in `blocks`, bounded, or of one result.
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
            alike = key(program, op, slice_), *domain
            known[alike] = known.get(alike) or _entry(fixed, program, op, slice_, domain)
            names = dict.fromkeys(op.names)
            told = [entry | {"name": item} for entry, item in zip(known[alike]["arguments"], names, strict=True)]
            found.append({"site": name, "result": op.result, "opcode": op.opcode, **known[alike],
                          "operands": list(op.operands), "arguments": told})
    return found


def key(program: Program, op: Op, slice_: tuple[Op, ...]) -> tuple:
    """Equal for the same operations under other names."""
    types, names = program.types(), [*dict.fromkeys(op.names), *(item.result for item in slice_)]
    number = {name: f"%{place}" for place, name in enumerate(names)}
    ops = tuple((item.opcode, str(item.type), *(number.get(part, part) for part in item.operands)) for item in slice_)  # pyright: ignore
    arguments = tuple(str(types[name]) for name in dict.fromkeys(op.names))
    return op.opcode, tuple(number.get(item, item) for item in op.operands), arguments, ops  # pyright: ignore


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
    types = program.types()
    result = types[op.result]
    assert isinstance(result, Format)
    names = list(dict.fromkeys(op.names))
    task = Task(network, op, slice_, result, {name: fraction_of(types[name]) for name in names})
    told = [{"name": name, "low": low, "high": high} for name, (low, high) in zip(names, domain, strict=True)]
    method, found = error_of(task, domain)
    return {"operands": list(op.operands), "arguments": told, "format": str(result), "method": method,
            "bound": stated(method, found.bound), "points": math.prod(high - low + 1 for low, high in domain),
            "tried": found.points, "blocks": found.blocks}


def error_of(task: Task, domain: list[tuple[int, int]]) -> tuple[str, Cover]:
    """The largest error over a domain, last bits, and how it was found."""
    constant, box = Cover(0.0, 0, 0), np.array([domain], np.int64)
    if len(domain) == 1:
        constant, box = _set_aside(task, *domain[0])
    sizes = (box[:, :, 1] - box[:, :, 0] + 1).tolist()
    count = sum(math.prod(size) for size in sizes)
    if count > MOST_TRIED:
        found = covered(task, box, lambda values: _largest_error(task, values))
        return "covered", Cover(max(constant.bound, found.bound), constant.blocks + found.blocks, found.points)
    arguments = list(points(box))
    bound = constant.bound
    for start in range(0, count, _TOGETHER):
        part = {name: raw[start : start + _TOGETHER] for name, raw in zip(task.names, arguments, strict=True)}
        bound = max(bound, _largest_error(task, part))
    return "enumerated", Cover(bound, constant.blocks, count)


def _set_aside(task: Task, low: int, high: int) -> tuple[Cover, np.ndarray]:
    """Of equal blocks those with one and the same result, and what is left. Small domains are left whole."""
    if high - low < _SMALL:
        return Cover(0.0, 0, 0), np.array([[(low, high)]], np.int64)
    bits = (high - low).bit_length() - _GRID
    starts = np.arange(low >> bits, (high >> bits) + 1) << bits
    box = np.stack([np.maximum(starts, low), np.minimum(starts + (1 << bits) - 1, high)], axis=1)[:, None, :]
    done, error = settled(task, box)
    return Cover(float(error.max(where=done, initial=0.0)), int(done.sum()), 0), box[~done]


def stated(method: str, bound: float) -> float:
    """A bound as it is written: the largest error up to the fourth digit, a bound of blocks up to the third.

    Polynomials are evaluated in float64, so another evaluation of the same bound differs by less than what is added.
    """
    return math.ceil(bound * 1e4) / 1e4 if method == "enumerated" else math.ceil((bound + _NOISE) * 1e3) / 1e3


def _largest_error(task: Task, arguments: Mapping[str, np.ndarray]) -> float:
    """Over some arguments, in last bits of the result; where the function has no value nothing is demanded.

    What float64 does not hold of exp is larger than anything a format does.
    """
    values = {name: arithmetic.Fixed(raw, task.fractions[name]) for name, raw in arguments.items()}
    given = [np.ldexp(values[item].raw.astype(np.float64), -values[item].fraction) if isinstance(item, str) else
             np.float64(item) for item in task.op.operands]  # pyright: ignore[reportArgumentType]
    for item in task.slice_:
        operands = [operand_of(task.network, operand, values) for operand in item.operands]
        values[item.result] = arithmetic.fit(arithmetic.EXACT[item.opcode](*operands), item.type)
    result = task.result
    with np.errstate(all="ignore"):
        truth = np.ldexp(TRUTH[task.op.opcode](*given), result.fraction)
    error = np.abs(values[task.op.result].raw - np.clip(truth, result.low, result.high))
    there = ~np.isnan(truth) if task.op.opcode == "exp" else np.isfinite(truth)
    return float(np.max(error, where=there, initial=0.0))


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
