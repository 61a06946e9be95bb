"""Rules of sites: arguments, starts and scales have the shape of the units and values that the program can hold."""

from __future__ import annotations

import math
from collections.abc import Iterator

from compiler.diagnostics import Diagnostic, Place, declare
from compiler.formats import FloatType, Type
from compiler.ir.network import Network
from compiler.ir.program import Argument, TensorRef
from compiler.ir.rules.base import NUMBERS, TYPES, SiteEntry, listed, rule
from compiler.ir.rules.operations import same_bits
from compiler.ir.rules.widths import is_value_of

E235 = declare("E235", "a number is not a value of its type")
E242 = declare("E242", "a tensor does not have one value per unit")
E243 = declare("E243", "a tensor has another type than what it is used for")
E280 = declare("E280", "the scale of a site is not a positive number for names that it has")


def _values(network: Network, entry: SiteEntry) -> Iterator[tuple[str, Type, Argument]]:
    """Arguments and starts with the type they must have."""
    types = network.programs[entry.site.program].types()
    for values in (entry.site.arguments, entry.site.initial):
        yield from ((name, types[name], value) for name, value in sorted(values.items()))


@rule("site", stage=TYPES)
def tensors_of_a_site_have_one_value_per_unit(network: Network, entry: SiteEntry) -> Iterator[Diagnostic]:
    site = entry.site
    for name, value in [*site.arguments.items(), *site.initial.items(), ("scale", site.scale)]:
        if isinstance(value, TensorRef) and network.tensor(value).data.shape not in entry.shapes:
            yield Diagnostic(E242, f"{name} does not have one value per unit", Place(path=entry.owner),
                             f"{value}{list(network.tensor(value).data.shape)}",
                             " or ".join(str(list(shape)) for shape in dict.fromkeys(entry.shapes)))


@rule("site", stage=TYPES)
def tensors_of_a_site_have_the_declared_type(network: Network, entry: SiteEntry) -> Iterator[Diagnostic]:
    for name, type_, value in _values(network, entry):
        if isinstance(value, TensorRef) and not same_bits(type_, network.tensor(value).type):
            yield Diagnostic(E243, f"{name} is given by a tensor of another type", Place(path=entry.owner),
                             f"{value}: {network.tensor(value).type}", str(type_))


@rule("site", stage=NUMBERS)
def numbers_of_a_site_are_values_of_the_declared_type(network: Network, entry: SiteEntry) -> Iterator[Diagnostic]:
    for name, type_, value in _values(network, entry):
        if not isinstance(value, TensorRef) and not is_value_of(value, type_):
            yield Diagnostic(E235, f"{name} cannot have this value", Place(path=entry.owner), str(value),
                             f"a value of {type_}", "round it to the format first")


@rule("site", stage=TYPES)
def scaled_names_exist(network: Network, entry: SiteEntry) -> Iterator[Diagnostic]:
    program, site = network.programs[entry.site.program], entry.site
    known = {item.name for item in (*program.inputs, *program.states, *program.params)}
    known |= {item.port for item in program.emits}
    for name in sorted({*site.scaled} - known):
        yield Diagnostic(E280, f"{name} cannot be scaled", Place(path=entry.owner), name,
                         f"one of {listed(sorted(known))}")
    if site.scale is None and site.scaled:
        yield Diagnostic(E280, "names are scaled, but by nothing", Place(path=entry.owner), listed(site.scaled),
                         "a scale for them")


@rule("site", stage=NUMBERS)
def scales_are_positive_numbers(network: Network, entry: SiteEntry) -> Iterator[Diagnostic]:
    scale = entry.site.scale
    if isinstance(scale, TensorRef):
        tensor = network.tensor(scale)
        sound = isinstance(tensor.type, FloatType) and bool((tensor.data > 0).all())
    else:
        sound = scale is None or _is_positive(scale)
    if not sound:
        yield Diagnostic(E280, "a scale is not positive", Place(path=entry.owner), str(scale),
                         "a finite number above 0, or a float tensor of such")


def _is_positive(scale: object) -> bool:
    return isinstance(scale, int | float) and math.isfinite(scale) and scale > 0
