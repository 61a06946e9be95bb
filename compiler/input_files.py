"""Inputs from files and arrays: what a port can hold, rank rules, batches (semantics 15)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from compiler import npz
from compiler.diagnostics import Diagnostic, DiagnosticError, Place, declare
from compiler.formats import Format
from compiler.ir.network import Input, Network

E160 = declare("E160", "an input is missing, or an array belongs to no input")
E161 = declare("E161", "an input array has a shape that does not fit its port")
E162 = declare("E162", "an input array holds a value that its port cannot hold")
E163 = declare("E163", "inputs of one run disagree in steps or batch")


@dataclass(frozen=True)
class Stimulus:
    """Inputs of a run by name, [B, T, n]; batched: whether they came with a batch axis. label: [B], where given."""

    inputs: dict[str, np.ndarray]
    batched: bool = True
    label: np.ndarray | None = None

    @property
    def samples(self) -> int:
        return next(iter(self.inputs.values())).shape[0]

    @property
    def steps(self) -> int:
        return next(iter(self.inputs.values())).shape[1]


def read_stimulus(path: Path, network: Network) -> Stimulus:
    """The inputs of a file: one array per input name, or `input` where there is one input.

    Errors: E150–E153 of the file, E160–E163 of its arrays, all at once.
    """
    return stimulus(npz.read(path), network, str(path))


def stimulus(arrays: Mapping[str, np.ndarray], network: Network, where: str = "") -> Stimulus:
    """Arrays as inputs of a network: [T, n] or [B, T, n], units flat or in the shape of the port."""
    ports = network.inputs
    named = _named(arrays, ports, where)
    findings: list[Diagnostic] = []
    fitted, unbatched = {}, []
    for port in ports:
        place = Place(file=where, path=port.name)
        shaped = _shaped(named[port.name], port, place)
        if isinstance(shaped, Diagnostic):
            findings.append(shaped)
            continue
        rows, batched = shaped
        fault = _first_fault(rows if batched else rows[0], port, place)
        findings += [fault] if fault else []
        if not fault:
            fitted[port.name] = as_port(rows, port)
            unbatched.append(not batched)
    findings += _disagreements(fitted, where)
    if findings:
        raise DiagnosticError(findings)
    return Stimulus(fitted, not all(unbatched), _labels(arrays))


def _named(arrays: Mapping[str, np.ndarray], ports: list[Input], where: str) -> dict[str, np.ndarray]:
    """The array of every input; a lone input may be called `input` whatever its name."""
    named = {port.name: arrays[port.name] for port in ports if port.name in arrays}
    if len(ports) == 1 and not named and "input" in arrays:
        named = {ports[0].name: arrays["input"]}
    missing = [port.name for port in ports if port.name not in named]
    if missing:
        found = ", ".join(arrays) or "nothing"
        raise DiagnosticError(
            Diagnostic(E160, "no array for this input", Place(file=where, path=port.name), found,
                       expected=f"an array {port.name!r} [T, {port.size}] or [B, T, {port.size}]",
                       hint=f"write it with `numpy.savez(file, {port.name}=array)`")
            for port in ports if port.name in missing
        )
    return named


def _shaped(array: np.ndarray, port: Input, place: Place) -> tuple[np.ndarray, bool] | Diagnostic:
    """[B, T, n] and whether it came with a batch axis."""
    if array.dtype.kind not in "biuf":
        return Diagnostic(E162, "the array holds no real numbers", place, found=str(array.dtype), expected="numbers")
    for shape in (port.shape, (port.size,)):
        leading = array.ndim - len(shape)
        if leading in (1, 2) and array.shape[leading:] == shape:
            rows = array.reshape(*array.shape[:leading], port.size)
            if 0 in rows.shape:
                return Diagnostic(E161, "the array is empty", place, str(array.shape), "at least one step")
            return (rows, True) if leading == 2 else (rows[None], False)
    units = ", ".join(str(extent) for extent in port.shape)
    return Diagnostic(E161, "the array does not fit the port", place, found=str(array.shape),
                      expected=f"[T, {units}] or [B, T, {units}]", hint="units stand last, steps before them")


def bounds(port: Input) -> tuple[float, float]:
    """Least and greatest value that a port holds."""
    if port.port.kind == "signed":
        return -1, 1
    if port.port.kind == "current":
        type_ = port.port.type
        return (type_.low * type_.lsb, type_.high * type_.lsb) if isinstance(type_, Format) else (-np.inf, np.inf)
    return 0, port.port.maximum if port.port.kind == "events" else 1


def _first_fault(rows: np.ndarray, port: Input, place: Place) -> Diagnostic | None:
    """The first value that the port cannot hold, by its index in the array as it was given."""
    low, high = bounds(port)
    wrong = ~np.isfinite(rows) if rows.dtype.kind == "f" else np.zeros(rows.shape, bool)
    if port.port.kind == "current":
        slack = port.port.type.lsb / 2 if isinstance(port.port.type, Format) else 0.0
        wrong |= (rows < low - slack) | (rows >= high + slack)
        expected = f"{low:g}..{high:g} ({port.port.type})"
    else:
        wrong |= (rows < low) | (rows > high)
        wrong |= rows != np.floor(rows) if rows.dtype.kind == "f" else False
        expected = f"integers {low}..{high} (port kind {port.port.kind})"
    if not wrong.any():
        return None
    index = tuple(int(i) for i in np.unravel_index(int(wrong.argmax()), wrong.shape))
    message = f"the port cannot hold this value ({int(wrong.sum())} such values)"
    return Diagnostic(E162, message, place, found=f"{rows[index]} at [{', '.join(map(str, index))}]", expected=expected)


def as_port(rows: np.ndarray, port: Input) -> np.ndarray:
    """Checked values as the port holds them: integers; currents rounded to the port's format, ties to even."""
    if port.port.kind != "current":
        return rows.astype(np.int8 if bounds(port)[1] <= 127 else np.int32)
    if not isinstance(port.port.type, Format):
        return rows.astype(np.float64)
    scaled = np.rint(np.ldexp(rows.astype(np.float64), port.port.type.fraction))
    return np.clip(scaled, port.port.type.low, port.port.type.high).astype(np.int32)


def _disagreements(fitted: Mapping[str, np.ndarray], where: str) -> list[Diagnostic]:
    extents = {name: rows.shape[:2] for name, rows in fitted.items()}
    if len(set(extents.values())) < 2:
        return []
    found = ", ".join(f"{name}: {batch} samples, {steps} steps" for name, (batch, steps) in extents.items())
    return [Diagnostic(E163, "inputs of one run disagree", Place(file=where), found, "equal steps and batch")]


def _labels(arrays: Mapping[str, np.ndarray]) -> np.ndarray | None:
    label = arrays.get("label")
    return None if label is None or label.dtype.kind not in "iu" else label.reshape(-1)


def integers_of(network: Network, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Inputs [B, T, n] that fit the ports of the model as the ports of this network hold them."""
    return {item.name: as_port(np.asarray(inputs[item.name]), item) for item in network.inputs}
