"""One step of the parts of a plan. Right-hand sides use values at the start of the step."""

from __future__ import annotations

import operator
from functools import reduce
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from spark.core.faults import ConfigError, Fault
from spark.equations.evaluate import Numbers, Values
from spark.equations.model import DT, READY, Model
from spark.equations.plan import Part
from spark.equations.propagator import propagator

HELD = "__held"


def advanced(model: Model, part: Part, numbers: Numbers, params: Numbers) -> dict[str, Any]:
    """The states of a part one step later; those marked `unless refractory` only where ready."""
    moved = _METHODS["coupled" if part.coupled else part.method](model, part, numbers, params)
    return {name: jnp.where(numbers[READY], value, numbers[name]) if model.equations[name].frozen else value
            for name, value in moved.items()}


def _euler(model: Model, part: Part, numbers: Numbers, _: Numbers) -> dict[str, Any]:
    """x ← x + h·f(x). Order 1."""
    values = Values(model, numbers)
    return {name: numbers[name] + numbers[DT] * values.of(model.equations[name].expression) for name in part.states}


def _midpoint(model: Model, part: Part, numbers: Numbers, _: Numbers) -> dict[str, Any]:
    """x ← x + h·f(x + h/2·f(x)), the explicit midpoint rule (Runge 1895). Order 2."""
    half = _euler(model, part, {**numbers, DT: numbers[DT] / 2}, {})
    held = {name: jnp.where(numbers[READY], half[name], numbers[name]) if model.equations[name].frozen else half[name]
            for name in part.states}
    values = Values(model, {**numbers, **held})
    return {name: numbers[name] + numbers[DT] * values.of(model.equations[name].expression) for name in part.states}


def _exponential(model: Model, part: Part, numbers: Numbers, _: Numbers) -> dict[str, Any]:
    """x ← exp(ah)·x + (exp(ah) − 1)/a·b for dx/dt = a·x + b with a and b held. Order 1; exact where they are
    constant. Source: Certaine 1960; Hochbruck & Ostermann 2010, eq. 1.6 (exponential Euler)."""
    values = Values(model, numbers)
    name, form, dt = part.states[0], part.forms[0], numbers[DT]
    rest = values.of(form.rest)
    if name not in form.coefficients:
        return {name: numbers[name] + dt * rest}
    exponent = values.of(form.coefficients[name]) * dt
    decayed = jnp.exp(exponent) * numbers[name]
    return {name: decayed if _is_nought(rest) else decayed + dt * mean_growth(exponent) * rest}


def mean_growth(z: Any) -> Any:
    """(exp(z) − 1)/z, and 1 at 0: the mean of exp(zs) over 0 ≤ s ≤ 1."""
    nought = z == 0
    return jnp.where(nought, 1.0, jnp.expm1(z) / jnp.where(nought, 1.0, z))


def _is_nought(value: Any) -> bool:
    return isinstance(value, float) and value == 0


# -- coupled linear systems -------------------------------------------------------------------------------------------


def _coupled(model: Model, part: Part, numbers: Numbers, params: Numbers) -> dict[str, Any]:
    """x ← P·x + Φ·b for dx/dt = A·x + b with b held; P = exp(Ah) and Φ were computed when the soma was built.

    No gradient reaches the parameters that A contains: they would move b and leave P where it is.
    """
    fixed = {name for node in part.matrix_nodes() for name in model.needs(node)} & set(model.parameters)
    values = Values(model, {**numbers, **{name: lax.stop_gradient(numbers[name]) for name in fixed}})
    rests = [values.of(form.rest) for form in part.forms]
    moved = {}
    for row, name in enumerate(part.states):
        moved[name] = _row(part, row, rests, numbers, params, "")
        if _influenced(model, part, row):
            held = _row(part, row, _unfrozen(model, part, rests), numbers, params, HELD)
            moved[name] = jnp.where(numbers[READY], moved[name], held)
    return moved


def _row(part: Part, row: int, rests: list[Any], numbers: Numbers, params: Numbers, suffix: str) -> Any:
    name, terms = part.states[row], []
    for column in part.reached(row):
        other = part.states[column]
        terms.append(lax.stop_gradient(params[f"{name}__from__{other}{suffix}"]) * numbers[other])
        if not _is_nought(rests[column]):
            terms.append(lax.stop_gradient(params[f"{name}__driven__{other}{suffix}"]) * rests[column])
    return reduce(operator.add, terms)


def _influenced(model: Model, part: Part, row: int) -> bool:
    """Whether a state moves on while another one, that it depends on, stands still."""
    frozen = [model.equations[name].frozen for name in part.states]
    return not frozen[row] and any(frozen[column] for column in part.reached(row))


def _unfrozen(model: Model, part: Part, rests: list[Any]) -> list[Any]:
    return [0.0 if model.equations[name].frozen else rest for name, rest in zip(part.states, rests, strict=True)]


def propagators(model: Model, part: Part, numbers: Numbers) -> dict[str, np.ndarray]:
    """The entries of P and Φ of a coupled part as parameters, float64, scalar or per unit as its parameters are.

    Errors: ConfigError if the system grows beyond float64 within a step.
    """
    coefficients = matrix(model, part, numbers)
    found = _entries(part, coefficients, float(numbers[DT]), list(range(len(part.states))), "")
    influenced = [row for row in range(len(part.states)) if _influenced(model, part, row)]
    if influenced:
        frozen = [model.equations[name].frozen for name in part.states]
        held = np.where(np.array(frozen)[:, None], 0.0, coefficients)
        found |= _entries(part, held, float(numbers[DT]), influenced, HELD)
    if not all(np.all(np.isfinite(entry)) for entry in found.values()):
        raise ConfigError("equations", [Fault(", ".join(part.states), "infinite", "finite after one step",
                                              "the linear system explodes; take a smaller dt")])
    return found


def matrix(model: Model, part: Part, numbers: Numbers) -> np.ndarray:
    """A [*units, n, n], or [n, n] where every parameter is one number."""
    values = Values(model, numbers, np)
    nought = np.float64(0)
    rows = [[np.asarray(values.of(form.coefficients[other]) if other in form.coefficients else nought)
             for other in part.states] for form in part.forms]
    entries = np.broadcast_arrays(*(entry for row in rows for entry in row))
    size = len(part.states)
    return np.stack(entries, axis=-1).reshape(*entries[0].shape, size, size).astype(np.float64)


def _entries(part: Part, matrix: np.ndarray, dt: float, rows: list[int], suffix: str) -> dict[str, np.ndarray]:
    with np.errstate(over="ignore", invalid="ignore"):
        transfer, gain = propagator(matrix, dt)
    found = {}
    for row in rows:
        for column in part.reached(row):
            names = part.states[row], part.states[column]
            found[f"{names[0]}__from__{names[1]}{suffix}"] = transfer[..., row, column]
            found[f"{names[0]}__driven__{names[1]}{suffix}"] = gain[..., row, column]
    return found


_METHODS = {"euler": _euler, "midpoint": _midpoint, "exact": _exponential, "exponential_euler": _exponential,
            "coupled": _coupled}
