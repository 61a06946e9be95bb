"""The text form of a network (grammar: `text.lark`). Equal networks have equal text; `parse` reads it back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, Field, fields

import numpy as np

from compiler.ir.connections.base import Connection
from compiler.ir.network import Input, Network, Output, Population, Projection
from compiler.ir.program import Operand, Program, Site, TensorRef
from compiler.ir.tensors import tensor_hash

VERSION = 1


def print_network(network: Network) -> str:
    """The canonical text, ending in a newline. Tensors stand by name, type, shape and hash."""
    chip = f"  chip={network.chip}" if network.chip else ""
    seed = f"  seed={network.seed}" if network.seed else ""
    groups = [
        [f"snn {VERSION}  level={network.level}  dt={number(network.dt)}{chip}{seed}"],
        [_tensor(name, network) for name in sorted(network.tensors)],
        *([print_program(network.programs[name])] for name in sorted(network.programs)),
        [_input(item) for item in _by_name(network.inputs)],
        [_population(item) for item in _by_name(network.populations)],
        [_projection(item) for item in _by_name(network.projections)],
        [_output(item) for item in _by_name(network.outputs)],
    ]
    return "\n\n".join("\n".join(group) for group in groups if group) + "\n"


def print_program(program: Program) -> str:
    """A dynamics program alone, over several lines, without a newline at the end."""
    results = {op.result for op in program.ops}

    def operand(value: Operand) -> str:
        return f"%{value}" if isinstance(value, str) and value in results else number(value)

    declared = [f"{item.name}: {item.type}" for item in program.inputs]
    declared += [f"{item.name}: state {item.type} = {number(item.initial)}" for item in program.states]
    declared += [f"{item.name}: param {item.type}" for item in program.params]
    lines = [f"%{op.result} = {op.opcode} {', '.join(map(operand, op.operands))} : {op.type}" for op in program.ops]
    lines += [f"{name}' = {operand(value)}" for name, value in program.updates]
    lines += [f"emit {item.port} = {operand(item.value)}" for item in program.emits]
    body = "".join(f"  {line}\n" for line in lines)
    return f"program @{program.name}({', '.join(declared)}) {{\n{body}}}"


def number(value: object) -> str:
    """A literal or a tensor reference; floats are told from integers by a point or an exponent."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, int | float) else str(value)


def _by_name(items: Iterable) -> list:
    return sorted(items, key=lambda item: item.name)


def _tensor(name: str, network: Network) -> str:
    tensor = network.tensors[name]
    return f"tensor #{name} : {tensor.type}{_shape(tensor.data.shape)} sha256:{tensor_hash(tensor)}"


def _shape(shape: Iterable[int]) -> str:
    return f"[{','.join(str(int(extent)) for extent in shape)}]"


def _input(item: Input) -> str:
    extra = {"events": f"({item.port.maximum})", "current": f" {item.port.type}"}.get(item.port.kind, "")
    return f"input %{item.name}{_shape(item.shape)} : {item.port.kind}{extra}"


def _population(item: Population) -> str:
    parts = [f"population %{item.name}{_shape(item.shape)} = {_site(item.site)}"]
    parts += [f"skew={item.skew}"] if item.skew else []
    parts += [
        f"@core{_core(part.core)} slot {part.slot} units {part.start}:{part.stop}" for part in item.placement
    ]
    return " ".join(parts)


def _projection(item: Projection) -> str:
    ends = f"%{item.source}.{item.source_port} -> %{item.target}.{item.target_port}"
    parts = [" | ".join(map(_connection, item.chain)), f"delay={number(item.delay)}"]
    parts += [f"bias={number(item.bias)}"] if item.bias is not None else []
    parts += [f"bias_start={item.bias_start}"] if item.bias_start is not None else []
    parts += [f"accumulator={item.accumulator}"] if item.accumulator is not None else []
    parts += [f"{name}={_site(site)}" for name, site in item.sites()]
    groups = [f"core{_core(group.core)}: {group.axons} bits {group.bits}" for group in item.axons]
    parts += [f"axons {' '.join(groups)}"] if groups else []
    return f"projection %{item.name}: {ends}  {'  '.join(parts)}"


def _core(core: tuple[int, int]) -> str:
    return f"({core[0]},{core[1]})"


def _connection(item: Connection) -> str:
    """Leading tensors by position, the rest by name; what equals its default is left out."""
    declared = list(fields(item))
    positional: list[str] = []
    while declared and isinstance(getattr(item, declared[0].name), TensorRef):
        positional.append(number(getattr(item, declared.pop(0).name)))
    named = [(field.name, getattr(item, field.name)) for field in declared if not _is_default(item, field)]
    return f"{item.keyword}({', '.join([*positional, *(f'{name}={_field(value)}' for name, value in named)])})"


def _is_default(item: Connection, field: Field) -> bool:
    default = field.default if field.default_factory is MISSING else field.default_factory()
    return default is not MISSING and getattr(item, field.name) == default


def _field(value: object) -> str:
    return f"[{', '.join(map(number, value))}]" if isinstance(value, tuple) else number(value)


def _site(site: Site) -> str:
    initial = f"; {_arguments(site.initial)}" if site.initial else ""
    scale = f" scale={number(site.scale)}[{', '.join(site.scaled)}]" if site.scale is not None else ""
    return f"@{site.program}({_arguments(site.arguments)}{initial}){scale}"


def _arguments(values: Mapping) -> str:
    return ", ".join(f"{name}={number(values[name])}" for name in sorted(values))


def _output(item: Output) -> str:
    readout = f" readout={item.readout}" if item.readout else ""
    return f"output %{item.name} = %{item.source}.{item.port}{readout}"
