"""From the syntax tree of a network's text to its definitions, in the order they are written."""

from __future__ import annotations

import functools
import types
import typing
from dataclasses import MISSING, Field, dataclass, fields, replace
from typing import Any

from lark import Token, Transformer, v_args

from compiler.diagnostics import Diagnostic, Place, declare
from compiler.formats import F64, Type, parse_type
from compiler.ir.connections.base import Connection, find
from compiler.ir.network import AxonGroup, Input, Output, Population, PortKind, Projection, Segment
from compiler.ir.program import Declaration, Emit, Op, Program, Site, State, TensorRef

E203 = declare("E203", "a name is defined twice")
E204 = declare("E204", "a connection or an argument is not written as it must be")
E205 = declare("E205", "a type is not a number format")

LONGEST_EXCERPT = 200


@dataclass(frozen=True)
class Source:
    """The text and its file name, to tell where a token stands."""

    text: str
    file: str = ""

    @functools.cached_property
    def lines(self) -> list[str]:
        return self.text.split("\n")

    def place(self, token: Token, path: str = "") -> Place:
        return self.at(token.line or 0, token.column or 0, path)

    def at(self, line: int, column: int, path: str = "") -> Place:
        """A place with its line as excerpt, made printable: the text may be anybody's."""
        shown = 0 < line <= len(self.lines) and column <= LONGEST_EXCERPT
        excerpt = self.lines[line - 1][:LONGEST_EXCERPT] if shown else ""
        return Place(self.file, line, column, "".join(c if c.isprintable() else " " for c in excerpt), path)


@dataclass(frozen=True)
class Header:
    version: int
    level: str
    dt: float
    chip: str
    seed: int
    token: Token


@dataclass(frozen=True)
class TensorLine:
    """What the text says about a tensor; its data stands elsewhere."""

    type: Type
    shape: tuple[int, ...]
    hash: str


@dataclass(frozen=True)
class Definition:
    """A named thing of the text and the token of its name, with its sigil."""

    kind: str
    token: Token
    value: Any

    @property
    def name(self) -> str:
        return str(self.token)[1:]

    @property
    def label(self) -> str:
        return f"{self.kind} {self.token}"


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
        kinds = _connection_kinds()
        values = [item for item in given if item is not None]
        if keyword not in kinds:
            self.fault(E204, keyword, "no connection of that name", str(keyword), ", ".join(sorted(kinds)))
            return None
        arguments = self.fields_of(keyword, kinds[keyword], values)
        return None if arguments is None else kinds[keyword](**arguments)

    def fields_of(self, keyword: Token, kind: type[Connection], given: list) -> dict[str, Any] | None:
        """Values of a connection's fields by name: leading ones by position, the others by name."""
        names = [item.name for item in fields(kind)]
        values: dict[str, Any] = {}
        for index, (key, value) in enumerate(given):
            name = str(key) if key is not None else (names[index] if index < len(names) else "")
            if name not in names or name in values:
                self.fault(E204, keyword, "no such field, or one given twice", name or str(value), ", ".join(names))
                return None
            values[name] = value
        missing = [item.name for item in fields(kind) if item.name not in values and _required(item)]
        wrong = [name for name in values if not _is_a(values[name], typing.get_type_hints(kind)[name])]
        if missing or wrong:
            self.fault(E204, keyword, f"{keyword} lacks fields, or they are of the wrong kind",
                       ", ".join([*(f"no {name}" for name in missing), *(f"{n}={values[n]}" for n in wrong)]),
                       ", ".join(f"{item.name}: {item.type}" for item in fields(kind)))
            return None
        return values

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


@functools.cache
def _connection_kinds() -> dict[str, type[Connection]]:
    return find()


def _required(item: Field) -> bool:
    return item.default is MISSING and item.default_factory is MISSING


def _is_a(value: Any, kind: Any) -> bool:
    """Whether a value of the text belongs to the declared type of a connection's field."""
    origin, of = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return any(_is_a(value, item) for item in of)
    if origin is tuple:
        kinds = of[:1] * len(value) if isinstance(value, tuple) and of[1:] == (...,) else of
        return isinstance(value, tuple) and len(value) == len(kinds) and all(map(_is_a, value, kinds))
    if kind in (int, float) and isinstance(value, bool):
        return False
    return isinstance(value, (int, float) if kind is float else kind)


def _number(token: str) -> int | float:
    return int(token) if token.lstrip("-").isdigit() else float(token)
