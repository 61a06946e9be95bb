"""Runs what a function of state becomes, in the golden model's arithmetic."""

import importlib

import numpy as np

from compiler.arithmetic import EXACT, Fixed, fit, literal
from compiler.diagnostics import Place
from compiler.formats import Format, parse_type
from compiler.functions.builder import Builder
from compiler.ir.program import TensorRef


def format_of(name: str) -> Format:
    type_ = parse_type(name)
    assert isinstance(type_, Format)
    return type_


def expanded(name: str, argument: Format, result: Format) -> Builder:
    """Operations and tables of function `name`, of x or of x and y, into e."""
    names = ("x", "y") if name == "div" else ("x",)
    builder = Builder("e", {item: argument for item in names}, Place())
    importlib.import_module(f"compiler.functions.{name}").expand(builder, names, result)
    return builder


def evaluated(name: str, raws: list[np.ndarray], argument: Format, result: Format) -> np.ndarray:
    """Raw results of function `name` on raw arguments of one format."""
    builder = expanded(name, argument, result)
    values = {item: Fixed(raw, argument.fraction) for item, raw in zip(("x", "y"), raws, strict=False)}
    for op in builder.ops:
        operands = [_operand(item, values, builder) for item in op.operands]
        values[op.result] = fit(EXACT[op.opcode](*operands), op.type)
    return values["e"].raw


def _operand(item, values: dict[str, Fixed], builder: Builder) -> Fixed:
    if isinstance(item, TensorRef):
        table = builder.tables[item.name]
        return Fixed(table.data.astype(np.int64), table.type.fraction)  # pyright: ignore
    return values[item] if isinstance(item, str) else literal(item)


TRUTHS = {
    "div": np.divide,
    "exp": np.exp,
    "log": np.log,
    "logistic": lambda x: 1 / (1 + np.exp(-x)),
    "sqrt": np.sqrt,
    "tanh": np.tanh,
}


def largest_error(name: str, raws: list[np.ndarray], argument: Format, result: Format) -> float:
    """In last bits, against long doubles, where the function has a value."""
    with np.errstate(all="ignore"):
        truth = TRUTHS[name](*(raw.astype(np.longdouble) * argument.lsb for raw in raws)) / np.longdouble(result.lsb)
    error = np.abs(evaluated(name, raws, argument, result) - np.clip(truth, result.low, result.high))
    return float(np.max(error, where=np.isfinite(truth), initial=0))
