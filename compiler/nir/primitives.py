"""Every NIR primitive as a spark module."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from compiler.diagnostics import Diagnostic, DiagnosticError, declare
from compiler.nir.graph import E132, Graph, Node
from compiler.nir.reading import Reading
from spark.core.config import ConfigError
from spark.core.faults import brief
from spark.core.module import SparkModule
from spark.nn.components import connections
from spark.nn.components.delays.base import DEEPEST
from spark.nn.components.somas import primitives

E134 = declare("E134", "shapes in a NIR graph do not fit each other")
E136 = declare("E136", "a delay of a NIR graph is no whole number of steps")

SLACK = 1e-3
"""Of a step: how far a delay may be from a whole number of them."""

TIMES = ("tau", "tau_mem", "tau_syn")
SOMAS: dict[str, tuple[type[SparkModule], dict[str, str]]] = {
    "I": (primitives.ISoma, {"r": "resistance"}),
    "IF": (primitives.IFSoma, {"r": "resistance", "v_threshold": "threshold", "v_reset": "potential_reset"}),
    "LI": (primitives.LISoma, {"r": "resistance", "tau": "potential_tau", "v_leak": "potential_leak"}),
    "LIF": (primitives.LIFSoma, {
        "r": "resistance", "tau": "potential_tau", "v_leak": "potential_leak", "v_threshold": "threshold",
        "v_reset": "potential_reset"}),
    "CubaLI": (primitives.CubaLISoma, {
        "r": "resistance", "tau_mem": "potential_tau", "v_leak": "potential_leak", "tau_syn": "current_tau",
        "w_in": "current_gain"}),
    "CubaLIF": (primitives.CubaLIFSoma, {
        "r": "resistance", "tau_mem": "potential_tau", "v_leak": "potential_leak", "tau_syn": "current_tau",
        "w_in": "current_gain", "v_threshold": "threshold", "v_reset": "potential_reset"}),
    "Threshold": (primitives.Threshold, {"threshold": "threshold"}),
}
"""The soma of each primitive that has one unit for each of its parameters: fields of the file -> of the soma."""

DEFAULTS = {"v_reset": 0.0, "w_in": 1.0}
"""Fields that a file may leave out."""

MAPS: dict[str, tuple[type[SparkModule], tuple[str, ...]]] = {
    "Linear": (connections.Linear, ("weight",)),
    "Affine": (connections.Affine, ("weight", "bias")),
    "Scale": (connections.Scale, ("scale",)),
    "Conv1d": (connections.Conv1d, ("weight", "bias", "stride", "padding", "dilation", "groups")),
    "Conv2d": (connections.Conv2d, ("weight", "bias", "stride", "padding", "dilation", "groups")),
    "SumPool2d": (connections.SumPool2d, ("kernel_size", "stride", "padding")),
    "AvgPool2d": (connections.AvgPool2d, ("kernel_size", "stride", "padding")),
    "Flatten": (connections.Flatten, ("start_dim", "end_dim")),
}


def module_of(graph: Graph, node: Node, reading: Reading, units: tuple[int, ...] | None = None) -> SparkModule:
    """The module of a primitive, not built yet. units: of a soma whose parameters are to be spread.

    Errors: E132 for fields, E134 for shapes of fields, E136 for delays; all of the node at once.
    """
    try:
        if node.kind in SOMAS:
            return _soma(graph, node, reading, units)
        if node.kind == "Delay":
            return connections.Delay(steps=_steps(graph, node, reading), **_common(reading))
        kind, names = MAPS[node.kind]
        given = {name: _plain(graph, node, name) for name in names if name in node.fields}
        return kind(**given, **_common(reading))
    except ConfigError as error:
        raise DiagnosticError(config_faults(graph, node, error)) from error


def config_faults(graph: Graph, node: Node, error: ConfigError) -> Iterator[Diagnostic]:
    """Faults of a configuration under the names that the file has for them."""
    spoken = {own: name for name, own in SOMAS[node.kind][1].items()} if node.kind in SOMAS else {}
    for fault in error.faults:
        name = spoken.get(fault.path, fault.path)
        value = getattr(fault.value, "value", fault.value)
        unit = " (ms here, s in the file)" if name in TIMES else ""
        yield Diagnostic(E132, f"a field of {node.kind} is out of bounds", graph.place(f"{node.name}.{name}"),
                         brief(value) + unit, fault.bound, fault.hint)


def _common(reading: Reading) -> dict[str, Any]:
    return {"dt": reading.dt, "dtype": reading.dtype}


# -- somas ------------------------------------------------------------------------------------------------------------


def _soma(graph: Graph, node: Node, reading: Reading, units: tuple[int, ...] | None) -> SparkModule:
    kind, names = SOMAS[node.kind]
    values = {name: _numbers(graph, node, name) for name in names}
    units = units or unit_shape(graph, node, reading.repair)
    fields = {own: _parameter(name, values[name], units, reading) for name, own in names.items()}
    if "reset_by" in kind.config_class.fields:
        fields["reset_by"] = reading.reset_by(node.name)
        if reading.reset == "zero":
            fields["potential_reset"] = 0.0
    return kind(units=units, **fields, **_common(reading))


def unit_shape(graph: Graph, node: Node, repair: bool) -> tuple[int, ...]:
    """The shape that the parameters of a soma agree in. Errors: E134 naming the fields that differ.

    repair: parameters of one number hold for all units.
    """
    shapes = {name: np.shape(_numbers(graph, node, name)) for name in SOMAS[node.kind][1] if name in node.fields}
    firm = {name: shape for name, shape in shapes.items() if not _spreads(name, shape, repair)}
    first = next(iter(firm), next(iter(shapes)))
    expected = shapes[first]
    wrong = {name: shape for name, shape in firm.items() if shape != expected}
    if wrong:
        hint = "--repair lets parameters of one number hold for all units"
        raise DiagnosticError(
            Diagnostic(E134, f"parameters of {node.kind} differ in shape", graph.place(f"{node.name}.{name}"),
                       f"shape {list(shape)}", f"shape {list(expected)}, as {first}",
                       hint if not repair and 1 in (np.prod(shape), np.prod(expected)) else "")
            for name, shape in wrong.items())
    for name, shape in shapes.items():
        if shape != expected and name != "w_in":
            graph.repairs.append(f"{node.name}.{name}: shape {list(shape)} read as {list(expected)}, as {first}")
    return expected or (1,)


def _spreads(name: str, shape: tuple[int, ...], repair: bool) -> bool:
    """Whether a parameter takes the shape of the others. NIR itself allows it for w_in."""
    return name == "w_in" and shape == () or repair and int(np.prod(shape)) == 1


def _parameter(name: str, value: np.ndarray, units: tuple[int, ...], reading: Reading) -> Any:
    """One number where all units agree, else an array over them; times in ms."""
    if value.size and np.all(value == value.reshape(-1)[0]):
        value = value.reshape(-1)[0]
    value = milliseconds(np.asarray(value), reading) if name in TIMES else value
    return np.asarray(value).reshape(units) if np.ndim(value) else float(value)


def milliseconds(tau: np.ndarray, reading: Reading) -> np.ndarray:
    """Time constants in ms, such that dt/τ is the number that it is in seconds, to the last bit where one gives that.

    A conversion rounds, and a potential could end on the other side of its threshold than it does for those who compute
    in seconds.
    """
    with np.errstate(all="ignore"):
        ratio = reading.seconds / tau
        best = tau * 1000.0
        for toward in (-np.inf, np.inf):
            other = tau * 1000.0
            for _ in range(3):
                other = np.nextafter(other, toward)
                best = np.where((reading.dt / best != ratio) & (reading.dt / other == ratio), other, best)
    return best


# -- fields -----------------------------------------------------------------------------------------------------------


def _numbers(graph: Graph, node: Node, name: str) -> np.ndarray:
    """A numeric field, float64. Errors: E132."""
    value = node.fields.get(name, DEFAULTS.get(name))
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise DiagnosticError(Diagnostic(E132, f"a field of {node.kind} is no array of numbers",
                                         graph.place(f"{node.name}.{name}"), brief(value), "numbers"))
    return array.astype(np.float64)


def _plain(graph: Graph, node: Node, name: str) -> Any:
    """A field of a map: numbers of weights as they are, counts as integers, words as words."""
    value = node.fields[name]
    if isinstance(value, str) and name == "padding":
        return value
    array = _numbers(graph, node, name)
    if name in ("weight", "bias", "scale"):
        return array
    if np.any(array != np.rint(array)) or array.size == 0:
        raise DiagnosticError(Diagnostic(E132, f"a field of {node.kind} is no whole number",
                                         graph.place(f"{node.name}.{name}"), brief(value), "whole numbers"))
    whole = array.astype(np.int64).reshape(-1).tolist()
    return whole[0] if len(whole) == 1 else tuple(whole)


def _steps(graph: Graph, node: Node, reading: Reading) -> Any:
    """Delays in steps. Errors: E136 where they are no whole number of steps, below 0 or too long."""
    exact = _numbers(graph, node, "delay") / reading.seconds
    steps = np.rint(exact)
    off = np.abs(exact - steps) > SLACK
    message, expected, hint = "a delay is no whole number of steps", "whole numbers of steps", ""
    if off.any() and reading.round_delays:
        worst = float(np.max(np.abs(exact - steps)))
        graph.repairs.append(f"{node.name}.delay: rounded to whole steps, by at most {worst:.3g} of one")
        off[...] = False
    elif off.any():
        hint = "--round-delays takes the nearest, another --dt may fit"
    wrong = off | ~np.isfinite(exact) | (steps < 0) | (steps > DEEPEST)
    if wrong.any():
        index = tuple(int(i) for i in np.argwhere(wrong)[0]) if wrong.ndim else ()
        if not off.any():
            message, expected = "a delay is out of bounds", f"0 … {DEEPEST} steps"
        found = f"{exact[index]:g} steps of {reading.dt:g} ms" + (f" at {list(index)}" if index else "")
        raise DiagnosticError(Diagnostic(E136, message, graph.place(f"{node.name}.delay"), found, expected, hint))
    return int(steps.reshape(-1)[0]) if steps.size and np.all(steps == steps.reshape(-1)[0]) else steps
