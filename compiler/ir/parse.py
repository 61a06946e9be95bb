"""Reading the text form of a network (grammar: `text.lark`), as untrusted input: every fault is a diagnostic.

`parse` gives the network as it is written; whether it makes sense is the verifier's question.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping

import numpy as np
from lark import Lark, Token, UnexpectedInput, UnexpectedToken

from compiler.diagnostics import Diagnostic, DiagnosticError, Place, declare, fail
from compiler.formats import storage_dtype
from compiler.ir.definitions import Definition, Header, Source, TensorLine
from compiler.ir.network import LEVELS, Input, Network, Output, Population, Projection, Tensor
from compiler.ir.print import VERSION
from compiler.ir.program import Program
from compiler.ir.syntax import E203, Reader
from compiler.ir.tensors import tensor_hash

E201 = declare("E201", "the text of a network does not follow the grammar")
E202 = declare("E202", "a network of another version or level of the text form")
E206 = declare("E206", "a tensor of the text is missing beside it")
E207 = declare("E207", "a tensor differs from what the text says about it")
E211 = declare("E211", "a name that nothing defines")

Places = Mapping[str, Place]
"""Where things stand in the text, by the labels that the verifier uses: `program @leaky`, `projection %in_hid`."""


def parse(text: str | bytes, tensors: Mapping[str, np.ndarray | Tensor], file: str = "") -> Network:
    """The network of a text. tensors: raw arrays by name; file: what diagnostics call the text.

    `parse(print_network(n), n.tensors) == n`. Errors: E201–E207, E211, all of the same stage at once.
    """
    return parse_with_places(text, tensors, file)[0]


def parse_with_places(
    text: str | bytes, tensors: Mapping[str, np.ndarray | Tensor], file: str = ""
) -> tuple[Network, Places]:
    """`parse`, and where every definition stands, for the diagnostics of the verifier."""
    source = Source(_decoded(text, file), file)
    header, definitions = _definitions(source)
    build = _Build(Network(header.level, header.dt, header.chip, header.seed), source, tensors)
    for definition in definitions:
        build.add(definition)
    build.check_ends()
    if build.findings:
        raise DiagnosticError(build.findings)
    return build.network, {label: source.place(token, label) for label, token in build.tokens.items()}


# ---- grammar


@functools.cache
def _grammar() -> Lark:
    return Lark.open("text.lark", rel_to=__file__, parser="lalr")


def _decoded(text: str | bytes, file: str) -> str:
    try:
        return text.decode() if isinstance(text, bytes) else text
    except UnicodeDecodeError as error:
        found = f"byte 0x{error.object[error.start]:02x} at position {error.start}"
        raise fail(E201, "the text is not UTF-8", Place(file=file), found=found, expected="UTF-8 text") from error


def _definitions(source: Source) -> tuple[Header, list[Definition]]:
    reader = Reader(source)
    try:
        tree = _grammar().parse(source.text)
        header, definitions = reader.transform(tree)
    except UnexpectedInput as error:
        raise _syntax_error(error, source) from error
    _check_header(header, reader)
    if reader.findings:
        raise DiagnosticError(reader.findings)
    return header, definitions


def _check_header(header: Header, reader: Reader) -> None:
    if header.version != VERSION:
        reader.fault(E202, header.token, "another version of the text form", str(header.version), str(VERSION))
    if header.level not in LEVELS:
        reader.fault(E202, header.token, "no such level", header.level, ", ".join(LEVELS))


def _syntax_error(error: UnexpectedInput, source: Source) -> DiagnosticError:
    """What stands there, and what could."""
    allowed: Iterable[str] = ()
    if isinstance(error, UnexpectedToken):
        allowed, found = error.accepts or error.expected, _shown(str(error.token))
        line, column = error.token.line or 0, error.token.column or 0
    else:
        allowed, found = getattr(error, "allowed", None) or (), _shown(getattr(error, "char", ""))
        line, column = error.line, error.column
    if line < 1 or found == "":
        line, column, found = len(source.lines), len(source.lines[-1]) + 1, "the end of the text"
    hint = "the grammar, with an example, stands in compiler/ir/text.lark"
    return fail(E201, "the text does not follow the grammar", source.at(line, column), found=found,
                expected=" or ".join(sorted({_described(name) for name in allowed})), hint=hint)


def _shown(text: str) -> str:
    return repr(text[:40]) if text else ""


def _described(terminal: str) -> str:
    """A terminal as a person would write it."""
    if terminal == "$END":
        return "the end"
    words = {
        "NODE": "%name", "PROGRAM": "@program", "TENSOR": "#tensor", "NAME": "a name", "CHIP": "a chip",
        "TYPE": "a type", "HASH": "64 hexadecimal digits", "WHOLE": "a whole number", "NUMBER": "a number",
    }
    return words.get(terminal) or repr(_grammar().get_terminal(terminal).pattern.value)


# ---- the network


class _Build:
    """Adds definitions to a network; collects every fault on the way."""

    def __init__(self, network: Network, source: Source, tensors: Mapping[str, np.ndarray | Tensor]):
        self.network, self.source, self.tensors = network, source, tensors
        self.tokens: dict[str, Token] = {}
        self.taken: dict[tuple[str, str], Token] = {}
        self.projections: list[tuple[Token, Projection]] = []
        self.findings: list[Diagnostic] = []

    def add(self, item: Definition) -> None:
        kind = "node" if isinstance(item.value, Input | Population | Output) else item.kind
        first = self.taken.setdefault((kind, item.name), item.token)
        self.tokens[item.label] = item.token
        if first is not item.token:
            self.findings.append(Diagnostic(
                E203, f"{item.token} is defined twice", self.source.place(item.token, item.label),
                found=f"first in line {first.line}, again in line {item.token.line}", expected="one definition"))
        elif isinstance(item.value, TensorLine):
            self.add_tensor(item, item.value)
        elif isinstance(item.value, Program):
            self.network.programs[item.name] = item.value
        elif isinstance(item.value, Projection):
            self.projections.append((item.token, item.value))
        else:
            self.network.add(item.value)

    def add_tensor(self, item: Definition, line: TensorLine) -> None:
        place = self.source.place(item.token, item.label)
        if item.name not in self.tensors:
            self.findings.append(Diagnostic(E206, f"the data of {item.token} is missing", place, "nothing",
                                            f"{line.type}{list(line.shape)}",
                                            "the tensors of a text lie beside it, in tensors.npz"))
            return
        given = self.tensors[item.name]
        tensor = Tensor(line.type, given.data if isinstance(given, Tensor) else given)
        expected = f"{storage_dtype(line.type)}{list(line.shape)}, sha256 {line.hash}"
        found = f"{tensor.data.dtype}{list(tensor.data.shape)}, sha256 {tensor_hash(tensor)}"
        if found != expected:
            self.findings.append(Diagnostic(E207, f"the data of {item.token} is not what the text says", place, found,
                                            expected, "text and tensors belong to different networks, or are damaged"))
        self.network.tensors[item.name] = tensor

    def check_ends(self) -> None:
        """Adds the projections whose ends exist."""
        nodes = {item.name for item in (*self.network.inputs, *self.network.populations)}
        for token, item in self.projections:
            for end in (item.source, item.target):
                if end not in nodes:
                    self.undefined(token, "projection", end)
            if {item.source, item.target} <= nodes:
                self.network.add(item)
        for item in self.network.outputs:
            if item.source not in nodes:
                self.undefined(self.taken["node", item.name], "output", item.source)

    def undefined(self, token: Token, kind: str, end: str) -> None:
        place = self.source.place(token, f"{kind} {token}")
        self.findings.append(Diagnostic(E211, f"nothing defines %{end}", place, f"%{end}",
                                        "an input or a population of that name"))
