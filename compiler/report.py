"""The report of a compile: formats, proved ranges, realised constants, resources; and warnings with names.

Everything in it is JSON-able and the same for the same input (semantics 20).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from compiler import discovery
from compiler.analysis.cost import resources
from compiler.analysis.homogeneity import infer
from compiler.analysis.ranges import SiteRanges
from compiler.certificates.certificate import cuts
from compiler.diagnostics import Diagnostic
from compiler.formats import FloatType, Format
from compiler.ir.network import Network
from compiler.ir.program import Program, Site
from compiler.report_warnings import warnings_about

if TYPE_CHECKING:
    from compiler.pipeline import Compilation


def build(compilation: Compilation, ranges: dict[str, SiteRanges], proof: Mapping[str, Any]
          ) -> tuple[dict[str, Any], list[Diagnostic]]:
    """The report and the warnings. ranges: of every site of the mapped network; proof: its certificate."""
    fixed, cut = compilation.mapped, cuts(proof)
    populations = [_population(compilation, item.name, ranges, cut) for item in fixed.populations]
    projections = [_projection(compilation, item.name) for item in fixed.projections]
    sites = [_site(fixed, name, ranges[name], cut) | {"constants": list(constants(compilation, name))}
             for name, _, _ in fixed.sites() if name in ranges]
    warnings = list(warnings_about(populations, projections, sites, _cut_off(compilation)))
    chip = compilation.options.chip
    family = _family(compilation, ranges)
    warnings += family.warnings if family else []
    content = {
        "target": compilation.target,
        "chip": chip.name if chip else "none",
        "dt": fixed.dt,
        "calibration": _calibration(compilation),
        "assumed": list(compilation.source.notes),
        "populations": populations,
        "projections": projections,
        "sites": sites,
        "resources": resources(fixed, chip, _rates(compilation)) if chip else {},
        "family": family.data | {"sections": family.sections} if family else {},
        "warnings": [item.as_json() for item in warnings],
        "verdicts": [item.as_json() for item in compilation.verdicts],
    }
    return content, warnings


def _family(compilation: Compilation, ranges: dict[str, SiteRanges]) -> Any:
    """What the family of the chip has to say beyond what every chip has (`describe` of its folder): data, sections of
    text, warnings. None where it has nothing to say."""
    chip = compilation.options.chip
    describe = getattr(discovery.targets()[chip.family], "describe", None) if chip else None
    if describe is None:
        return None
    inputs = compilation.options.calibration or {}
    return describe(compilation.model, compilation.mapped, chip, ranges, _rates(compilation), inputs)


def _calibration(compilation: Compilation) -> dict[str, Any]:
    samples, steps = next((rows.shape[:2] for rows in (compilation.options.calibration or {}).values()), (0, 0))
    return {"origin": compilation.source.calibration_origin, "samples": samples, "steps": steps}


def _measured(compilation: Compilation) -> dict[str, Any]:
    """What the stage model → fixed found."""
    return next((item.coverage for item in compilation.verdicts if item.stage == "model → fixed"), {})


def _cut_off(compilation: Compilation) -> Mapping[str, float]:
    """How often states that saturate are cut off on the calibration data, a share of their values."""
    return _measured(compilation).get("cut_off", {})


def _rates(compilation: Compilation, key: str = "spike_rate") -> dict[str, float]:
    """Mean spike rate of every port on the calibration data, by record name: of the float or of the fixed run."""
    populations = _measured(compilation).get("populations", {})
    calibration = compilation.options.calibration or {}
    inputs = {f"{item.name}.{item.port.kind}": float((np.asarray(calibration[item.name]) != 0).mean())
              for item in compilation.mapped.inputs if item.name in calibration}
    return inputs | {name: item[key] for name, item in populations.items()}


def _population(compilation: Compilation, name: str, ranges: dict[str, SiteRanges], cut: Mapping[str, bool]
                ) -> dict[str, Any]:
    network = compilation.mapped
    population = network.node(name)
    content = {"name": name, "units": network.size_of(name), "skew": population.skew}  # pyright: ignore
    content |= _site(network, name, ranges[name], cut)
    content["constants"] = list(constants(compilation, name))
    content["spike_rate"] = {key: rate for key, rate in _rates(compilation).items() if key.startswith(f"{name}.")}
    content["fixed_spike_rate"] = {key: rate for key, rate in _rates(compilation, "fixed_spike_rate").items()
                                   if key.startswith(f"{name}.")}
    content["counts_off"] = {key: share for key, share in _rates(compilation, "counts_off").items()
                             if key.startswith(f"{name}.")}
    return content


def _site(network: Network, name: str, ranges: SiteRanges, cut: Mapping[str, bool]) -> dict[str, Any]:
    site = _site_of(network, name)
    assert site is not None
    program = network.programs[site.program]
    values = [_value(program, item, ranges, cut.get(f"{name}.{item}")) for item in program.types()
              if item in ranges.values]
    return {"site": name, "program": program.name, "values": [item for item in values if item]}


def _value(program: Program, name: str, ranges: SiteRanges, harmless: bool | None) -> dict[str, Any] | None:
    """A value with its grade: `harmless` where it may be cut off and nobody could tell, `within` inside a function
    whose error bound speaks for it. harmless: what the certificate says of it, None where it says nothing."""
    type_ = program.types()[name]
    if not isinstance(type_, Format) or name in {item.name for item in program.params}:
        return None
    interval = ranges.values[name]
    low, high = int(interval.low.min()), int(interval.high.max())
    is_state = name in {item.name for item in program.states}
    cut = type_.overflow == "saturate" and (low <= type_.low or high >= type_.high)
    grade = "proved" if not cut else "within" if harmless is None else "harmless" if harmless else "saturates"
    if is_state or name in {value for _, value in program.updates}:
        grade = "saturates" if type_.overflow == "saturate" else "proved"
    return {"name": name, "state": is_state, "format": str(type_), "grade": grade, "low": low, "high": high,
            "real_low": low * type_.lsb, "real_high": high * type_.lsb}


def constants(compilation: Compilation, name: str) -> Iterator[dict[str, Any]]:
    """What was asked for and what the integers realise, for every parameter that both levels have."""
    before, after = _site_of(compilation.model, name), _site_of(compilation.mapped, name)
    if before is None or after is None:
        return
    program = compilation.mapped.programs[after.program]
    asked_types = {item.name: item.type for item in compilation.model.programs[before.program].params}
    for parameter in (item.name for item in program.params):
        if not isinstance(asked_types.get(parameter), FloatType):
            continue
        asked = compilation.model.real(before.arguments[parameter])
        found = compilation.mapped.real(after.arguments[parameter])
        if _degree(program, after, parameter) == 1 and after.scale is not None:
            found = found * compilation.mapped.real(after.scale)
        linear = after.scale is not None and multiplies_state(program, parameter)
        yield constant_entry(parameter, asked, found, compilation.mapped.dt if linear else None)


def constant_entry(name: str, asked: np.ndarray, found: np.ndarray, dt: float | None) -> dict[str, Any]:
    """What was asked for of a parameter and what is realised: medians, largest relative error. dt: of the step, in ms,
    where the parameter multiplies a state, so that it stands for a time constant."""
    error = np.abs(found - asked) / np.where(asked == 0, 1.0, np.abs(asked))
    entry = {"name": name, "asked": _middle(asked), "realised": _middle(found), "error": float(error.max()),
             "worst": _worst(asked, found, error), "lost": int(((found == 0) & (asked != 0)).sum())}
    if dt is not None and _is_decay(asked) and _is_decay(found):
        times = -dt / np.log(asked), -dt / np.log(found)
        off = np.abs(times[1] / times[0] - 1)
        entry |= {"time_constant": _middle(times[0]), "realised_time_constant": _middle(times[1]),
                  "time_constant_error": float(off.max()), "worst": _worst(*times, off)}
    return entry


def _site_of(network: Network, name: str) -> Site | None:
    return next((site for key, site, _ in network.sites() if key == name), None)


def _worst(asked: np.ndarray, found: np.ndarray, error: np.ndarray) -> dict[str, Any]:
    """The unit that is furthest off, and its two values."""
    asked, found, error = (np.ravel(item) for item in np.broadcast_arrays(asked, found, error))
    unit = int(error.argmax())
    return {"unit": unit, "asked": float(asked[unit]), "realised": float(found[unit])}


def _degree(program: Program, site: Site, name: str) -> int:
    degrees = infer(program, {item.name for item in program.inputs if item.name in site.scaled})
    return degrees.names.get(name, 0) if degrees else 0


def _middle(values: np.ndarray) -> float:
    return float(np.median(values))


def _is_decay(values: np.ndarray) -> bool:
    return bool(((values > 0) & (values < 1)).all())


def multiplies_state(program: Program, parameter: str) -> bool:
    states = {item.name for item in program.states}
    return any(op.opcode == "mul" and parameter in op.operands and states & set(op.names) for op in program.ops)


def _projection(compilation: Compilation, name: str) -> dict[str, Any]:
    network = compilation.mapped
    projection = network.projection(name)
    content: dict[str, Any] = {"name": name, "source": projection.source, "target": projection.target}
    content["delay"] = [int(network.delays(projection).min()), int(network.delays(projection).max())]
    content["accumulator"] = str(projection.accumulator)
    content["connections"] = [link.keyword for link in projection.chain]
    # On cores every synapse is spelled out, also those of a convolution.
    content["synapse_bits"] = sum(group.bits for group in projection.axons)
    content["weights"] = []
    model = {item.name: item for item in compilation.model.projections}
    asked = model[name].chain if name in model else ()
    for index, link in enumerate(projection.chain):
        if link.weights is None:
            continue
        tensor = network.tensor(link.weights)
        entry = {"format": str(tensor.type), "count": int(tensor.data.size), "zero": int((tensor.data == 0).sum())}
        if index < len(asked) and (before := asked[index].weights) is not None:
            values = compilation.model.tensor(before).values
            # A source that brings its integers along may have merged what its graph tells apart.
            if values.size == tensor.data.size:
                entry |= _dead(tensor.data, values.reshape(tensor.data.shape), link.keyword == "dense")
        content["weights"].append(entry)
    return content


def _dead(rounded: np.ndarray, asked: np.ndarray, dense: bool) -> dict[str, int]:
    """Weights that became zero, and units (of dense projections) that lost every one."""
    found = {"became_zero": int(((rounded == 0) & (asked != 0)).sum())}
    if dense:
        found["cut_off"] = int(((rounded == 0).all(axis=1) & (asked != 0).any(axis=1)).sum())
    return found
