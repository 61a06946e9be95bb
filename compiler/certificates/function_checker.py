"""The independent check of what a certificate says about nonlinear functions; shares no code with what wrote it.

For every entry: the operations between arguments and result are found again, run over the stated domain in the
arithmetic of the check, and compared with float64 mathematics; the domain must hold every value that the arguments
take in any case of a step (`reached`, collected by the check of the site).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from compiler.certificates.numbers import COMPARES, INTERVAL, fraction_of, ratio, rounded
from compiler.formats import Format
from compiler.ir.network import Network
from compiler.ir.program import Op, Program, TensorRef

Reached = Mapping[tuple[str, str], tuple[int, int]]
Array = tuple[np.ndarray, int]

_EVERY = 1 << 20
_AT_ONCE = 1 << 15
_MATHEMATICS = {
    "exp": lambda x: np.exp(x), "expm1": lambda x: np.expm1(x), "log": lambda x: np.log(x),
    "log1p": lambda x: np.log1p(x), "sqrt": lambda x: np.sqrt(x), "tanh": lambda x: np.tanh(x),
    "logistic": lambda x: 1 / (1 + np.exp(-x)), "pow": lambda x, y: x**y, "div": lambda x, y: x / y,
    "sin": lambda x: np.sin(x), "cos": lambda x: np.cos(x),
}

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
            expected = list(_tried_densely(item, entry["arguments"]))
            if item["dense"] != expected:
                yield f"{place}({item['name']}).dense", item["dense"], expected
        key = repr([entry[name] for name in ("opcode", "operands", "arguments")]) + repr(operations_of(program, entry))
        seen[key] = seen.get(key) or _recomputed(network, program, entry)
        for name, value in seen[key].items():
            if entry.get(name) != value:
                yield f"{place}.{name}", entry.get(name), value


def _recomputed(network: Network, program: Program, entry: Mapping[str, Any]) -> dict[str, Any]:
    types, arguments = program.types(), entry["arguments"]
    result = types[entry["result"]]
    if not isinstance(result, Format) or entry["opcode"] not in _MATHEMATICS:
        return {"format": str(result)}
    points, method = _points([(item["low"], item["high"]) for item in arguments])
    worst = 0.0
    for start in range(0, len(points[0]), _AT_ONCE):
        values = {item["name"]: (raw[start : start + _AT_ONCE], fraction_of(types[item["name"]]))
                  for item, raw in zip(arguments, points, strict=True)}
        worst = max(worst, _worst(network, program, entry, result, values))
    return {"format": str(result), "bound": math.ceil(worst * 1e4) / 1e4, "method": method, "points": len(points[0])}


def _worst(network: Network, program: Program, entry: Mapping[str, Any], result: Format, values: dict[str, Array]
           ) -> float:
    given = [values[item][0] * 2.0 ** -values[item][1] if isinstance(item, str) else float(item)
             for item in entry["operands"]]
    for op in operations_of(program, entry):
        values[op.result] = _fit(_executed(network, op, values), op.type)
    with np.errstate(all="ignore"):
        truth = _MATHEMATICS[entry["opcode"]](*given) * 2.0**result.fraction
    finite = np.isfinite(truth)
    wanted = np.minimum(np.maximum(truth[finite], result.low), result.high)
    return float(np.abs(values[entry["result"]][0][finite] - wanted).max(initial=0.0))


def operations_of(program: Program, entry: Mapping[str, Any]) -> list[Op]:
    """Operations between the arguments and the result, last to first marked, first to last returned."""
    wanted, chosen = {entry["result"]}, []
    arguments = {item["name"] for item in entry["arguments"]}
    for op in reversed(program.ops):
        if op.result in wanted and op.result not in arguments:
            chosen.append(op)
            wanted |= set(op.names)
    return chosen[::-1]


def _tried_densely(item: Mapping[str, Any], arguments: list[dict[str, Any]]) -> tuple[int, int]:
    if math.prod(other["high"] - other["low"] + 1 for other in arguments) <= _EVERY:
        return item["low"], item["high"]
    return _dense(item["low"], item["high"], int(_EVERY ** (1 / len(arguments))))


def _points(domain: list[tuple[int, int]]) -> tuple[list[np.ndarray], str]:
    count = math.prod(high - low + 1 for low, high in domain)
    if count <= _EVERY:
        axes, method = [np.arange(low, high + 1) for low, high in domain], "enumerated"
    else:
        axes, method = [_some(low, high, int(_EVERY ** (1 / len(domain)))) for low, high in domain], "sampled"
    return [axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")], method


def _some(low: int, high: int, count: int) -> np.ndarray:
    """What is dense, and a quarter of the count spread evenly."""
    first, last = _dense(low, high, count)
    quarter = count // 4
    even = {low + index * (high - low) // max(quarter - 1, 1) for index in range(quarter)}
    return np.array(sorted({*range(first, last + 1), *even, low, high}), np.int64)


def _dense(low: int, high: int, count: int) -> tuple[int, int]:
    """Three eighths of the count on each side of zero, or of the end next to it."""
    middle = min(max(0, low), high)
    return max(low, middle - 3 * count // 8), min(high, middle + 3 * count // 8)


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
