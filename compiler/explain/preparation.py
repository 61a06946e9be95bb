"""The two networks that a hybrid is made of, taken from a compile, and which components differ between them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from compiler import discovery
from compiler.analysis.homogeneity import infer
from compiler.diagnostics import fail
from compiler.explain.arrival import E311
from compiler.explain.numbers import real, same_literal
from compiler.explain.pairing import PairedProgram, paired
from compiler.explain.site import Pair, constant
from compiler.formats import FloatType
from compiler.ir.network import Network, Projection
from compiler.ir.program import Operand, Site, TensorRef
from compiler.pipeline import QUANTIZATION_PASSES
from compiler.results.results import source_delays

if TYPE_CHECKING:
    from compiler.pipeline import Compilation

_LAST_EXACT_PASS = "co_scale"


def pair_of(compilation: Compilation) -> Pair:
    """The network with exact numbers and the fixed one of a compile: co-scaled, or in its chip's own form.

    Errors: E311 where the source brings its integers along, or the family offers no such form.
    """
    own = _own_form(compilation)
    if own is not None:
        return own
    if _LAST_EXACT_PASS not in compilation.passes:
        raise fail(E311, "the integers were not made from the model operation by operation", compilation.target,
                   found=", ".join(compilation.passes[-4:]), expected=f"a network that {_LAST_EXACT_PASS} prepared",
                   hint="errors are told all the same, blame is not")
    scaled, options = compilation.model, replace(compilation.options, decay="multiplier")
    for name in QUANTIZATION_PASSES[: QUANTIZATION_PASSES.index(_LAST_EXACT_PASS) + 1]:
        scaled = discovery.passes()[name].run(scaled, options)
    return Pair(scaled, compilation.fixed)


def _own_form(compilation: Compilation) -> Pair | None:
    family = compilation.options.chip.family if compilation.options.chip else ""
    offered = getattr(discovery.target(family), "exact_form", None) if family else None
    if offered is None or f"legalise_{family}" not in compilation.passes:
        return None
    form = offered(compilation.model, compilation.fixed, compilation.options)
    return Pair(form.network, compilation.fixed, compilation.model, form)


def differing(pair: Pair) -> set[str]:
    """Components in which the two networks differ at all; every other one costs nothing. What a chip's program does
    other than the model is found by running both."""
    found = {"states"}
    for scaled in pair.scaled.projections:
        fixed = pair.fixed.projection(scaled.name)
        found |= set(_of_projection(pair, scaled, fixed))
    for _, sites, _ in sites_of(pair):
        programs = paired(pair.scaled.programs[sites[0].program], pair.fixed.programs[sites[1].program])
        found |= {"order"} if programs is None else set(_of_site(pair, sites, programs))
    return found


def sites_of(pair: Pair) -> Iterator[tuple[str, tuple[Site, Site], int]]:
    """Sites of the model with their counterparts: name, both sites, units."""
    fixed = {name: site for name, site, _ in pair.fixed.sites()}
    for name, site, units in pair.scaled.sites():
        yield name, (site, fixed[name]), units


def _of_projection(pair: Pair, scaled: Projection, fixed: Projection) -> Iterator[str]:
    for before, after in zip(scaled.chain, fixed.chain, strict=True):
        if before.weights is not None and after.weights is not None and not np.array_equal(
                pair.scaled.tensor(before.weights).values, pair.fixed.tensor(after.weights).values):
            yield "weights"
    if not np.array_equal(source_delays(pair.scaled, scaled), source_delays(pair.fixed, fixed)):
        yield "delays"
    if scaled.bias is not None and fixed.bias is not None and not _close(
            pair.scaled.real(scaled.bias), pair.fixed.real(fixed.bias)):
        yield "thresholds"


def _close(a: np.ndarray, b: np.ndarray) -> bool:
    return bool((np.broadcast_arrays(a, b)[0] == np.broadcast_arrays(a, b)[1]).all())


def _of_site(pair: Pair, sites: tuple[Site, Site], programs: PairedProgram) -> Iterator[str]:
    degrees = infer(programs.model, set(sites[0].scaled)) if sites[0].scaled else None
    for before, after in zip(programs.model.params, programs.fixed.params, strict=True):
        values = (constant(pair.scaled, sites[0].arguments[before.name], before.type),
                  constant(pair.fixed, sites[1].arguments[after.name], after.type))
        if not _close(real(values[0]), real(values[1])):
            yield "thresholds" if degrees and degrees.names.get(before.name) == 1 else "decays"
    for pair_of_ops in programs.ops:
        if pair_of_ops.component is not None:
            yield pair_of_ops.component
            continue
        for before, after in zip(pair_of_ops.model.operands, pair_of_ops.fixed[-1].operands, strict=True):
            if not isinstance(before, str) and not _same(pair, before, after):
                yield "decays"


def _same(pair: Pair, before: Operand, after: Operand) -> bool:
    if isinstance(before, TensorRef) and isinstance(after, TensorRef):
        return bool(np.array_equal(_values(pair.scaled, before), _values(pair.fixed, after)))
    return same_literal(before, after)


def _values(network: Network, reference: TensorRef) -> np.ndarray:
    return real(constant(network, reference, FloatType()))
