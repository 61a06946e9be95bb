"""The independent check of what a certificate says about nonlinear functions; shares no code with what wrote it.

For every entry: the operations between arguments and result are found again, run over the stated domain in the
arithmetic of the check, or bounded on blocks of it (`certificates.cover_checker`), and compared with float64
mathematics; the domain must hold every value that the arguments take in any case of a step (`reached`, collected by the
check of the site).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from compiler.certificates.cover_checker import Subject, bounded, single
from compiler.certificates.numbers import COMPARES, INTERVAL, fraction_of, ratio, rounded
from compiler.certificates.taylor import FUNCTIONS, value
from compiler.formats import Format
from compiler.ir.network import Network
from compiler.ir.program import Op, Program, TensorRef

Reached = Mapping[tuple[str, str], tuple[int, int]]
Array = tuple[np.ndarray, int]

_EVERY, _PARTS, _SMALL = 1 << 21, 12, 1 << 20
_AT_ONCE = 1 << 15
_FLOATS_DIFFER, _STEPS = 2e-4, 1000
"""How far two evaluations of one bound of blocks may lie apart, and in what steps of a last bit it is stated."""
Fault = tuple[str, object, object]
"""Place, stated, recomputed."""


def faults(network: Network, entries: list[dict[str, Any]], reached: Reached) -> Iterator[Fault]:
    """Everything stated about functions that is not so."""
    sites = {name: site for name, site, _ in network.sites()}
    seen: dict[str, dict[str, Any]] = {}
    for entry in entries:
        place = f"{entry['site']}.{entry['result']}"
        if entry["site"] not in sites:
            yield place, entry["site"], "a site of the network"
            continue
        program = network.programs[sites[entry["site"]].program]
        for item in entry["arguments"]:
            low, high = reached.get((entry["site"], item["name"]), (item["low"], item["high"]))
            if not item["low"] <= low <= high <= item["high"]:
                yield f"{place}({item['name']})", f"[{item['low']}, {item['high']}]", f"[{low}, {high}]"
        key = alike(program, entry)
        seen[key] = seen.get(key) or recomputed(network, program, entry)
        for name, found in seen[key].items():
            if not agrees(name, entry.get(name), found, seen[key].get("method")):
                yield f"{place}.{name}", entry.get(name), found


def agrees(name: str, stated: object, found: object, method: object) -> bool:
    """A bound of blocks must be what is stated or less, and not less by more than rounding and float64 explain."""
    if name != "bound" or method != "covered":
        return stated == found
    if not isinstance(stated, float) or not isinstance(found, float) or stated != round(stated * _STEPS) / _STEPS:
        return False
    return found <= stated <= found + 1 / _STEPS + _FLOATS_DIFFER


def alike(program: Program, entry: Mapping[str, Any]) -> str:
    """Equal for functions whose operations, arguments and formats are, whatever their names."""
    types, arguments, ops = program.types(), entry["arguments"], operations_of(program, entry)
    names = [item["name"] for item in arguments] + [op.result for op in ops]
    short = {name: f"%{place}" for place, name in enumerate(names)}
    text = [entry["opcode"], [short.get(item, item) for item in entry["operands"]]]
    text += [(item["low"], item["high"], str(types[item["name"]])) for item in arguments]
    text += [(op.opcode, str(op.type), [short.get(item, item) if isinstance(item, str) else str(item)
                                        for item in op.operands]) for op in ops]
    return repr(text)


def recomputed(network: Network, program: Program, entry: Mapping[str, Any]) -> dict[str, Any]:
    """What an entry should state; a bound of blocks as it came out, before it is rounded up."""
    types, arguments = program.types(), entry["arguments"]
    result = types[entry["result"]]
    if entry["opcode"] not in FUNCTIONS:
        return {"opcode": ", ".join(FUNCTIONS)}
    if not isinstance(result, Format):
        return {"format": str(result)}
    subject = Subject(network, entry, operations_of(program, entry), result,
                      {item["name"]: fraction_of(types[item["name"]]) for item in arguments})
    ends, aside, blocks = np.array([[(item["low"], item["high"]) for item in arguments]], np.int64), 0.0, 0
    size = math.prod(item["high"] - item["low"] + 1 for item in arguments)
    if len(arguments) == 1:
        ends, aside, blocks = _without_constant(subject, *(int(end) for end in ends[0, 0]))
    count = sum(math.prod(high - low + 1 for low, high in block) for block in ends.tolist())
    if count > _EVERY:
        bound, more, tried = bounded(subject, ends, lambda values: _worst(subject, values))
        return {"format": str(result), "bound": float(max(bound, aside)), "method": "covered", "points": size,
                "tried": tried, "blocks": blocks + more}
    worst = max((_worst(subject, part) for part in _parts(subject, ends)), default=0.0)
    return {"format": str(result), "bound": math.ceil(max(worst, aside) * 1e4) / 1e4, "method": "enumerated",
            "points": size, "tried": count, "blocks": blocks}


def _without_constant(subject: Subject, low: int, high: int) -> tuple[np.ndarray, float, int]:
    """Blocks of a large domain that the operations make more than one number of; error and count of the others."""
    if high - low < _SMALL:
        return np.array([[[low, high]]], np.int64), 0.0, 0
    size = 1 << (high - low).bit_length() - _PARTS
    firsts = range(low // size, high // size + 1)
    ends = np.array([[[max(low, part * size), min(high, (part + 1) * size - 1)]] for part in firsts], np.int64)
    same, error = single(subject, ends)
    return ends[~same], float(error[same].max(initial=0.0)), int(same.sum())


def _parts(subject: Subject, ends: np.ndarray) -> Iterator[dict[str, np.ndarray]]:
    """Every argument, not too many at a time."""
    for block in ends.tolist():
        *others, (low, high) = block
        rest = [np.arange(first, last + 1) for first, last in others]
        step = max(_AT_ONCE // math.prod(len(item) for item in rest), 1)
        for start in range(low, high + 1, step):
            axes = [*rest, np.arange(start, min(start + step, high + 1))]
            grid = np.meshgrid(*axes, indexing="ij")
            yield {name: axis.ravel() for name, axis in zip(subject.fractions, grid, strict=True)}


def _worst(subject: Subject, arguments: dict[str, np.ndarray]) -> float:
    values = {name: (raw, subject.fractions[name]) for name, raw in arguments.items()}
    given = [values[item][0] * 2.0 ** -values[item][1] if isinstance(item, str) else np.float64(item)
             for item in subject.entry["operands"]]
    for op in subject.ops:
        values[op.result] = _fit(_executed(subject.network, op, values), op.type)
    opcode, result = subject.entry["opcode"], subject.result
    with np.errstate(all="ignore"):
        truth = given[0] / given[1] if opcode == "div" else value(opcode, np.asarray(given[0]))
        truth = np.asarray(truth) * 2.0**result.fraction
    exists = np.isfinite(truth) | ((truth == np.inf) & (opcode == "exp"))
    wanted = np.minimum(np.maximum(truth[exists], result.low), result.high)
    return float(np.abs(values[subject.entry["result"]][0][exists] - wanted).max(initial=0.0))


def operations_of(program: Program, entry: Mapping[str, Any]) -> list[Op]:
    """Operations between the arguments and the result, last to first marked, first to last returned."""
    wanted, chosen = {entry["result"]}, []
    arguments = {item["name"] for item in entry["arguments"]}
    for op in reversed(program.ops):
        if op.result in wanted and op.result not in arguments:
            chosen.append(op)
            wanted |= set(op.names)
    return chosen[::-1]


def _executed(network: Network, op: Op, values: Mapping[str, Array]) -> Array:
    operands = [_operand(network, item, values) for item in op.operands]
    if op.opcode == "lookup":
        (raw, fraction), (table, own) = operands
        index = raw >> fraction if fraction >= 0 else raw << -fraction
        return table[np.minimum(np.maximum(index, 0), len(table) - 1)], own
    if op.opcode == "select":
        (condition, _), (a, fa), (b, fb) = operands
        fraction = max(fa, fb)
        return np.where(condition == 1, a << (fraction - fa), b << (fraction - fb)), fraction
    if op.opcode in COMPARES:
        (a, fa), (b, fb) = operands
        fraction = max(fa, fb)
        a, b = a << (fraction - fa), b << (fraction - fb)
        found = {"lt": a < b, "le": a <= b, "gt": a > b, "ge": a >= b, "eq": a == b, "ne": a != b}[op.opcode]
        return found * 1, 0
    low, _, fraction = INTERVAL[op.opcode](*((raw, raw, bits) for raw, bits in operands))
    return low, fraction


def _operand(network: Network, operand, values: Mapping[str, Array]) -> Array:
    if isinstance(operand, str):
        return values[operand]
    if isinstance(operand, TensorRef):
        tensor = network.tensor(operand)
        return tensor.data.astype(np.int64), fraction_of(tensor.type)
    top, fraction = ratio(operand)
    return np.array(top, np.int64), fraction


def _fit(value: Array, type_) -> Array:
    raw, fraction = value
    if not isinstance(type_, Format):
        return value
    raw = rounded(raw, fraction - type_.fraction, type_.rounding)
    if type_.overflow == "saturate":
        raw = np.minimum(np.maximum(raw, type_.low), type_.high)
    if type_.overflow == "wrap":
        raw = (raw - type_.low) % (1 << type_.width) + type_.low
    return raw, type_.fraction
