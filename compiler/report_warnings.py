"""Warnings about what a report says: each names a population or projection, both values, and what helps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from compiler.diagnostics import Diagnostic, Place, declare
from compiler.percent import percent

W301 = declare("W301", "weights became zero")
W302 = declare("W302", "a population is silent on the calibration data")
W303 = declare("W303", "a state saturates")
W304 = declare("W304", "a threshold or time constant is far from what was asked for")
W305 = declare("W305", "a population fires in nearly every step on the calibration data")
W306 = declare("W306", "every weight of a projection into a unit became zero")
W307 = declare("W307", "spike counts of a population differ on integers, on the calibration data")

_MANY_DEAD = 0.05
_FAR = 0.01
_COUNTS_OFF = 0.2
_BIASED = 0.05
_SATURATED_RATE = 0.9
_WIDER = "give the state more bits (--states) or less fan-in"


def warnings_about(populations: list[dict[str, Any]], projections: list[dict[str, Any]], sites: list[dict[str, Any]],
                   cut_off: Mapping[str, float]) -> Iterator[Diagnostic]:
    """Warnings about entries of a report. cut_off: share of the values of each state that were cut off."""
    for item in projections:
        for weights in item["weights"]:
            dead = weights.get("became_zero", 0)
            present = weights["count"] - weights["zero"] + dead
            if dead > _MANY_DEAD * present:
                yield Diagnostic(W301, f"{dead} of {present} weights of {item['name']} into %{item['target']} "
                                 "became zero", Place(path=item["name"]), found=weights["format"],
                                 hint="use more weight bits")
            if lost := weights.get("cut_off", 0):
                yield Diagnostic(W306, f"every weight of {item['name']} into {_units(lost)} of %{item['target']} "
                                 "became zero", Place(path=item["name"]), found=weights["format"],
                                 hint=f"use more weight bits for it (--bits {item['name']}=N)")
    for item in populations:
        yield from _of_population(item, cut_off)
    yield from _of_projection_sites(sites, cut_off)


def _units(count: int) -> str:
    return f"{count} unit{'s' if count > 1 else ''}"


def _of_projection_sites(sites: list[dict[str, Any]], cut_off: Mapping[str, float]) -> Iterator[Diagnostic]:
    """States of filters and synapses that saturate, and their constants."""
    for item in sites:
        if not item["site"].endswith((".pre", ".post", ".synapse")):
            continue
        hint = "nothing bounds it; it saturates well above what the calibration data show" \
            if item["site"].endswith(".synapse") else _WIDER
        yield from _saturating(item["site"], item["site"], item["values"], cut_off, hint)
        yield from _of_constants(item["site"], item["site"], item["constants"])


def _saturating(site: str, words: str, values: list, cut_off: Mapping[str, float], hint: str) -> Iterator[Diagnostic]:
    """States that are cut off at the ends of their formats, and whether the calibration data lead them there."""
    for value in values:
        if value["state"] and value["grade"] == "saturates":
            share = cut_off.get(f"{site}.{value['name']}")
            seen = "" if share is None else f", cut off in {percent(share)} of its values on the calibration data"
            yield Diagnostic(W303, f"{value['name']} of {words} saturates", Place(path=site),
                             found=f"{value['format']}{seen}", expected="a proved range", hint=hint)


def _of_population(item: dict[str, Any], cut_off: Mapping[str, float]) -> Iterator[Diagnostic]:
    place = Place(path=item["name"])
    for name, rate in item["spike_rate"].items():
        if rate == 0:
            yield Diagnostic(W302, f"%{item['name']} never spikes on the calibration data", place,
                             found=f"{name} rate 0", hint="give --calibration data that drives it, or larger weights")
        elif item["fixed_spike_rate"].get(name) == 0:
            yield Diagnostic(W302, f"%{item['name']} is silent on integers, but not in floating point", place,
                             found=f"{name} rate 0", expected=f"rate {rate:.2g}",
                             hint="more bits for weights or states; `sparkc compare` tells which of them are to blame")
        else:
            yield from _of_counts(item, name, rate, place)
        integers = item["fixed_spike_rate"].get(name, rate)
        if max(rate, integers) > _SATURATED_RATE:
            where = "" if rate > _SATURATED_RATE else " on integers, but not in floating point"
            yield Diagnostic(W305, f"%{item['name']} spikes in nearly every step{where}", place,
                             found=f"rate {integers:.2f}", expected=f"rate {rate:.2f}" if where else "",
                             hint="its threshold may be lost in rounding, or its input too strong")
    yield from _saturating(item["name"], f"%{item['name']}", item["values"], cut_off, _WIDER)
    yield from _of_constants(item["name"], f"%{item['name']}", item["constants"])


def _of_counts(item: dict[str, Any], name: str, rate: float, place: Place) -> Iterator[Diagnostic]:
    """Spike counts that scatter, or all of them too few or too many: a bias tells more than scatter."""
    share, bias = item["counts_off"].get(name, 0.0), item["fixed_spike_rate"].get(name, rate) / rate - 1
    if share > _COUNTS_OFF or share > _BIASED and abs(bias) > _BIASED:
        yield Diagnostic(W307, f"spike counts of %{item['name']} differ on integers", place,
                         found=f"off by {percent(share)}, mean over samples and units; "
                         f"{percent(abs(bias))} {'fewer' if bias < 0 else 'more'} spikes in all",
                         expected=f"at most {percent(_COUNTS_OFF)}, and {percent(_BIASED)} in all",
                         hint="`sparkc compare` tells which part of quantizing does it, and what may help")


def _of_constants(site: str, words: str, constants: list[dict[str, Any]]) -> Iterator[Diagnostic]:
    place = Place(path=site)
    for constant in constants:
        error, worst = constant.get("time_constant_error", constant["error"]), constant["worst"]
        name = f"{constant['name']} (τ in ms)" if "time_constant" in constant else constant["name"]
        if constant["lost"]:
            yield Diagnostic(W304, f"{constant['name']} of {words} is lost in rounding", place,
                             found=f"0 for {_units(constant['lost'])}", expected=f"{constant['asked']:.6g}",
                             hint="give the state more bits (--states)")
        elif error > _FAR:
            yield Diagnostic(W304, f"{name} of {words} is off by {percent(error)}", place,
                             found=f"{worst['realised']:.6g} (unit {worst['unit']})",
                             expected=f"{worst['asked']:.6g}", hint="give the state more bits (--states)")
