"""Rules of weighted sums: exact from the source through accumulator and filters to the port they are added in."""

from __future__ import annotations

import math
from collections.abc import Iterator

from compiler.diagnostics import Diagnostic, declare
from compiler.formats import BoolType, FloatType, Format, Type
from compiler.ir.exact import Range, range_of_type
from compiler.ir.network import Input, Network, Population, Projection
from compiler.ir.program import Program, TensorRef
from compiler.ir.rules.base import INTEGER_LEVELS, NUMBERS, TYPES, projection_place, rule
from compiler.ir.rules.operations import belongs
from compiler.ir.rules.sites import E242, E243
from compiler.ir.rules.widths import E235, fits_int32, is_value_of

E217 = declare("E217", "a program beside a projection has not one input and one port")
E236 = declare("E236", "the accumulator of a projection cannot hold its sum exactly")
E237 = declare("E237", "what arrives at an input cannot be held there exactly")


def fraction_of(type_: Type) -> int:
    """Fraction bits; a truth value counts as a whole number."""
    return type_.fraction if isinstance(type_, Format) else 0


def carried_type(network: Network, projection: Projection) -> Type:
    """Type of the values that the weights meet."""
    if projection.pre is not None:
        return network.programs[projection.pre.program].emit_type()
    return network.emitted_type(projection.source, projection.source_port)


def delivered_type(network: Network, projection: Projection) -> Type | None:
    """Type of the values that a projection adds to its port."""
    if projection.post is not None:
        return network.programs[projection.post.program].emit_type()
    return projection.accumulator


@rule("projection", stage=TYPES)
def programs_beside_a_projection_pass_one_value(network: Network, projection: Projection) -> Iterator[Diagnostic]:
    for name in ("pre", "post"):
        site = getattr(projection, name)
        program = network.programs[site.program] if site else None
        if program and (len(program.inputs), len(program.emits)) != (1, 1):
            yield Diagnostic(E217, f"the {name} program of %{projection.name} does not pass one value on",
                             projection_place(projection),
                             f"{len(program.inputs)} inputs, {len(program.emits)} ports", "one of each")


@rule("projection", stage=TYPES)
def biases_have_one_value_per_unit(network: Network, projection: Projection) -> Iterator[Diagnostic]:
    if not isinstance(projection.bias, TensorRef):
        return
    tensor, target = network.tensor(projection.bias), projection.target
    if tensor.data.shape not in {(network.size_of(target),), network.shape_of(target)}:
        yield Diagnostic(E242, f"the bias of %{projection.name} does not have one value per unit",
                         projection_place(projection), f"{projection.bias}{list(tensor.data.shape)}",
                         f"[{network.size_of(target)}], the size of %{target}")
    if isinstance(tensor.type, BoolType) or not belongs(tensor.type, network.level):
        yield Diagnostic(E243, f"the bias of %{projection.name} has no type of level {network.level}",
                         projection_place(projection), f"{projection.bias}: {tensor.type}", "a number type")


@rule("projection", stage=NUMBERS)
def biases_are_numbers(network: Network, projection: Projection) -> Iterator[Diagnostic]:
    bias = projection.bias
    sound = isinstance(bias, int | float) and not isinstance(bias, bool) and math.isfinite(bias)
    if bias is not None and not isinstance(bias, TensorRef) and not sound:
        yield Diagnostic(E235, f"the bias of %{projection.name} is no number", projection_place(projection), str(bias),
                         "a finite number")


@rule("projection", stage=TYPES)
def accumulators_belong_to_the_level(network: Network, projection: Projection) -> Iterator[Diagnostic]:
    type_ = projection.accumulator
    sound = isinstance(type_, Format) if network.level != "model" else type_ is None or isinstance(type_, FloatType)
    if not sound:
        yield Diagnostic(E236, f"%{projection.name} has no accumulator of level {network.level}",
                         projection_place(projection), str(type_),
                         "none, or a float" if network.level == "model" else "a number format")
    elif type_ is not None and not fits_int32(type_):
        yield Diagnostic(E236, f"the accumulator of %{projection.name} does not fit an int32",
                         projection_place(projection), str(type_), "at most s32 or u31")


@rule("projection", stage=NUMBERS, levels=INTEGER_LEVELS)
def accumulators_hold_every_bit_of_the_sum(network: Network, projection: Projection) -> Iterator[Diagnostic]:
    weights = [network.tensor(link.weights).type for link in projection.chain if link.weights is not None]
    needed = fraction_of(carried_type(network, projection)) + sum(map(fraction_of, weights))
    if isinstance(projection.bias, TensorRef):
        needed = max(needed, fraction_of(network.tensor(projection.bias).type))
    type_ = projection.accumulator
    if isinstance(type_, Format) and type_.fraction < needed:
        yield Diagnostic(E236, f"the accumulator of %{projection.name} is too coarse", projection_place(projection),
                         str(type_), f"at least {needed} fraction bits: values, weights and bias together",
                         "sums are exact; round in the program that reads them")
    if isinstance(projection.bias, int | float) and type_ is not None and not is_value_of(projection.bias, type_):
        yield Diagnostic(E235, f"the bias of %{projection.name} is no value of its accumulator",
                         projection_place(projection), str(projection.bias), f"a value of {type_}")


@rule("projection", stage=NUMBERS, levels=INTEGER_LEVELS)
def pre_programs_take_what_is_emitted(network: Network, projection: Projection) -> Iterator[Diagnostic]:
    """Every value of the source, as there is no sum that could be known to be smaller."""
    if projection.pre is None:
        return
    given, taken = _emitted_range(network, projection), _input_type(network.programs[projection.pre.program])
    source = network.emitted_type(projection.source, projection.source_port)
    if isinstance(taken, BoolType):
        sound = isinstance(source, BoolType)
    else:
        kept = range_of_type(taken)
        sound = given.fraction <= kept.fraction and kept.union(given) == kept
    if not sound:
        yield Diagnostic(E237, f"the pre program of %{projection.name} cannot take every value",
                         projection_place(projection), f"{source} from {given.low} to {given.high}",
                         f"values of {taken}")


def _emitted_range(network: Network, projection: Projection) -> Range:
    node = network.node(projection.source)
    if isinstance(node, Input) and node.port.kind == "signed":
        return Range(-1, 1)
    if isinstance(node, Input) and node.port.kind == "events":
        return Range(0, node.port.maximum)
    return range_of_type(network.emitted_type(projection.source, projection.source_port))


def _input_type(program: Program) -> Type:
    return program.inputs[0].type


@rule("projection", stage=NUMBERS, levels=INTEGER_LEVELS)
def inputs_hold_every_bit_of_what_arrives(network: Network, projection: Projection) -> Iterator[Diagnostic]:
    if projection.post is not None and projection.accumulator is not None:
        taken = _input_type(network.programs[projection.post.program])
        yield from _coarse(projection, projection.accumulator, taken, "the post program")
    target, given = network.node(projection.target), delivered_type(network, projection)
    assert isinstance(target, Population)
    taken = network.programs[target.site.program].types()[projection.target_port]
    if given is not None:
        yield from _coarse(projection, given, taken, f"%{projection.target}.{projection.target_port}")


def _coarse(projection: Projection, given: Type, taken: Type, where: str) -> Iterator[Diagnostic]:
    if not isinstance(taken, Format) or taken.fraction < fraction_of(given):
        yield Diagnostic(E237, f"%{projection.name} brings more bits than {where} takes",
                         projection_place(projection), str(given),
                         f"a number format with at least {fraction_of(given)} fraction bits, not {taken}",
                         "sums are exact; round in the program that reads them")
