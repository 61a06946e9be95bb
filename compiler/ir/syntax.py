"""From the syntax tree of a network's text to its definitions, in the order they are written."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from lark import Token, Transformer, v_args

from compiler.diagnostics import Diagnostic, declare
from compiler.formats import F64, Type, parse_type
from compiler.ir.connections.base import Connection, find
from compiler.ir.connections.written import fields_of
from compiler.ir.definitions import Definition, Header, Source, TensorLine
from compiler.ir.network import AxonGroup, Input, Output, Population, PortKind, Projection, Segment
from compiler.ir.program import Declaration, Emit, Op, Program, Site, State, TensorRef

E203 = declare("E203", "a name is defined twice")
E204 = declare("E204", "a connection or an argument is not written as it must be")
E205 = declare("E205", "a type is not a number format")


class Reader(Transformer):
    """Turns rules of the grammar into definitions; `findings` collects what the grammar cannot exclude."""

    def __init__(self, source: Source):
        super().__init__()
        self.source = source
        self.findings: list[Diagnostic] = []

    def fault(self, code: str, token: Token, message: str, found: str, expected: str, hint: str = "") -> None:
        self.findings.append(Diagnostic(code, message, self.source.place(token), found, expected, hint))

    # ---- the whole

    def start(self, children):
        return children[0], children[1:]

    @v_args(inline=True)
    def header(self, version, level, dt, chip, seed):
        return Header(int(version), str(level), _number(dt), str(chip or ""), int(seed or 0), level)

    @v_args(inline=True)
    def tensor(self, name, type_, shape, digest):
        return Definition("tensor", name, TensorLine(self.type_of(type_), shape, str(digest)))

    # ---- programs

    def program(self, children):
        token, *rest = (child for child in children if child is not None)
        parts: dict[type, list] = {kind: [] for kind in (Declaration, State, _Param, Op, tuple, Emit)}
        for part in rest:
            parts[type(part)].append(part)
        params = tuple(Declaration(item.name, item.type) for item in parts[_Param])
        inputs, states, ops, updates, emits = (tuple(parts[k]) for k in (Declaration, State, Op, tuple, Emit))
        ops = tuple(replace(op, place=replace(op.place, path=f"program {token}, %{op.result}")) for op in ops)
        return Definition("program", token, Program(str(token)[1:], inputs, states, params, ops, updates, emits))

    @v_args(inline=True)
    def declared_input(self, name, type_):
        return Declaration(str(name), self.type_of(type_))

    @v_args(inline=True)
    def declared_state(self, name, type_, initial):
        return State(str(name), self.type_of(type_), self.literal(name, initial))

    @v_args(inline=True)
    def declared_param(self, name, type_):
        return _Param(str(name), self.type_of(type_))

    @v_args(inline=True)
    def op(self, result, opcode, *rest):
        *operands, type_ = rest
        place = self.source.place(result)
        return Op(str(result)[1:], str(opcode), tuple(operands), self.type_of(type_), place)

    @v_args(inline=True)
    def update(self, name, value):
        return str(name), value

    @v_args(inline=True)
    def emit(self, port, value):
        return Emit(str(port), value)

    # ---- nodes

    @v_args(inline=True)
    def input(self, name, shape, kind, maximum, type_):
        port = PortKind(str(kind), int(maximum or 1), self.type_of(type_) if type_ else F64)
        if (maximum is not None) != (kind == "events") or (type_ is not None) != (kind == "current"):
            self.fault(E204, kind, "this kind of input is not written like this", str(kind),
                       "spikes, signed, events(MAXIMUM) or current TYPE")
        return Definition("input", name, Input(str(name)[1:], shape, port))

    @v_args(inline=True)
    def population(self, name, shape, site, skew, *segments):
        return Definition("population", name, Population(str(name)[1:], shape, site, int(skew or 0), segments))

    @v_args(inline=True)
    def segment(self, core, slot, start, stop):
        return Segment(int(start), int(stop), core, int(slot))

    @v_args(inline=True)
    def output(self, name, source, port, readout):
        return Definition("output", name, Output(str(name)[1:], str(source)[1:], str(port), str(readout or "")))

    # ---- projections

    @v_args(inline=True)
    def projection(self, name, source, source_port, target, target_port, *rest):
        chain = tuple(item for item in rest if isinstance(item, Connection))
        attributes: dict[str, Any] = {}
        for key, value in (item for item in rest if isinstance(item, tuple)):
            if key in attributes:
                self.fault(E203, name, f"{key} is given twice", str(value), "once")
            attributes[key] = value
        for key in ("delay", "bias"):
            if isinstance(attributes.get(key), str):
                self.fault(E204, name, f"{key} is no name", attributes.pop(key), "a number or a tensor")
        ends = (str(source)[1:], str(source_port), str(target)[1:], str(target_port))
        return Definition("projection", name, Projection(str(name)[1:], *ends, chain, **attributes))

    @v_args(inline=True)
    def connection(self, keyword, *given):
        kinds = find()
        values = [item for item in given if item is not None]
        if keyword not in kinds:
            self.fault(E204, keyword, "no connection of that name", str(keyword), ", ".join(sorted(kinds)))
            return None
        arguments = fields_of(keyword, kinds[keyword], values, lambda *said: self.fault(E204, keyword, *said))
        return None if arguments is None else kinds[keyword](**arguments)


    @v_args(inline=True)
    def field(self, key, value):
        return key, value

    def sequence(self, children):
        return tuple(item for item in children if item is not None)

    delay, bias, pre, post, synapse = (
        v_args(inline=True)(lambda self, value, _key=key: (_key, value))
        for key in ("delay", "bias", "pre", "post", "synapse")
    )

    @v_args(inline=True)
    def bias_start(self, value):
        return "bias_start", int(value)

    @v_args(inline=True)
    def accumulator(self, type_):
        return "accumulator", self.type_of(type_)

    def axons(self, children):
        return "axons", tuple(children)

    @v_args(inline=True)
    def axon_group(self, core, axons, bits):
        return AxonGroup(core, int(axons), int(bits))

    # ---- sites and what everything is made of

    @v_args(inline=True)
    def site(self, program, arguments, initial, scale, scaled):
        if isinstance(scale, str):
            self.fault(E204, program, "a scale is no name", scale, "a number or a tensor")
            scale = None
        return Site(str(program)[1:], arguments, initial or {}, scale, scaled or ())

    def arguments(self, children):
        values: dict[str, Any] = {}
        for token, value in (item for item in children if item is not None):
            if str(token) in values:
                self.fault(E203, token, f"argument {token} is given twice", str(value), "once")
            if isinstance(value, str):
                self.fault(E204, token, f"argument {token} is no name", value, "a number or a tensor")
            values[str(token)] = value
        return values

    @v_args(inline=True)
    def argument(self, name, value):
        return name, value

    def names(self, children):
        return tuple(str(item) for item in children if item is not None)

    @v_args(inline=True)
    def core(self, x, y):
        return int(x), int(y)

    def shape(self, children):
        return tuple(int(item) for item in children if item is not None)

    def type_of(self, token: Token) -> Type:
        try:
            return parse_type(str(token))
        except ValueError as error:
            self.fault(E205, token, "not a number format", str(error), "such as s16.8, u8.0/zero/saturate, bool, f64")
            return F64

    def literal(self, name: Token, value: Any) -> Any:
        if isinstance(value, str | TensorRef):
            self.fault(E204, name, f"the start of {name} is no literal", str(value), "a number, true or false")
            return 0.0
        return value

    number = v_args(inline=True)(lambda self, token: _number(token))
    true = v_args(inline=True)(lambda self: True)
    false = v_args(inline=True)(lambda self: False)
    result = v_args(inline=True)(lambda self, token: str(token)[1:])
    name = v_args(inline=True)(lambda self, token: str(token))
    tensor_reference = v_args(inline=True)(lambda self, token: TensorRef(str(token)[1:]))


@dataclass(frozen=True)
class _Param:
    name: str
    type: Type


def _number(token: str) -> int | float:
    return int(token) if token.lstrip("-").isdigit() else float(token)
