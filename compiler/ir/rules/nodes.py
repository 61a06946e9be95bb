"""Rules of nodes: they have units, and inputs carry what their port can say."""

from __future__ import annotations

from collections.abc import Iterator

from compiler.diagnostics import Diagnostic, Place, declare
from compiler.formats import FloatType, Format
from compiler.ir.network import Input, Network, Population
from compiler.ir.rules.base import TYPES, is_count, rule
from compiler.ir.rules.widths import fits_int32

E238 = declare("E238", "an input carries values that no port has")
E252 = declare("E252", "a node has no units, or too many")

KINDS = ("spikes", "signed", "events", "current")
MOST_UNITS = 2**31 - 1


@rule("input", "population", stage=TYPES)
def nodes_have_units(network: Network, node: Input | Population) -> Iterator[Diagnostic]:
    sound = all(is_count(extent) and extent > 0 for extent in node.shape)
    if not sound or node.size > MOST_UNITS:
        kind = type(node).__name__.lower()
        yield Diagnostic(E252, f"%{node.name} has an impossible shape", Place(path=f"{kind} %{node.name}"),
                         str(list(node.shape)), f"positive extents, at most {MOST_UNITS} units in all")


@rule("input", stage=TYPES)
def inputs_carry_values_of_a_port(network: Network, node: Input) -> Iterator[Diagnostic]:
    port, place = node.port, Place(path=f"input %{node.name}")
    if port.kind not in KINDS:
        yield Diagnostic(E238, f"%{node.name} is no kind of input", place, port.kind, " or ".join(KINDS))
    if port.kind == "events" and not 1 <= port.maximum < 2**31:
        yield Diagnostic(E238, f"%{node.name} has an impossible maximum", place, str(port.maximum), "1 to 2147483647")
    if port.kind == "current" and not _suits(port.type, network.level):
        yield Diagnostic(E238, f"the current of %{node.name} has no type of level {network.level}", place,
                         str(port.type), "a float or a number format" if network.level == "model"
                         else "a number format of at most 32 bits")


def _suits(type_: object, level: str) -> bool:
    if isinstance(type_, FloatType):
        return level == "model"
    return isinstance(type_, Format) and fits_int32(type_)
