"""What has no place in the chip's registers: leaks, thresholds, biases and weights beyond them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from compiler.diagnostics import Diagnostic, DiagnosticError, Place, declare
from compiler.ir.network import Population
from targets.loihi.arrivals import Arrival
from targets.loihi.neuron import Neuron
from targets.loihi.scaling import EXPONENTS, Synapses

E332 = declare("E332", "a number has no place in the chip's registers")

BIAS_SLACK = 1 << 7
"""What the largest bias exponent rounds away at most, twice."""


def out_of_range(population: Population, neuron: Neuron) -> Iterator[Diagnostic]:
    """Leaks and thresholds that no register holds."""
    checks = [("share of the membrane kept in a step", neuron.kept, (neuron.kept >= 0) & (neuron.kept <= 1), "0..1"),
              ("share of the current kept in a step", neuron.kept_current,
               (neuron.kept_current >= 0) & (neuron.kept_current < 1), "0 to below 1")]
    if neuron.threshold is not None:
        above = np.asarray(neuron.threshold > neuron.rest)
        checks.append(("threshold", neuron.threshold - neuron.rest, above, "above where the membrane is after a spike"))
    for what, values, good, expected in checks:
        if not np.all(good):
            worst = float(np.asarray(values)[~np.asarray(good)].reshape(-1)[0])
            yield Diagnostic(E332, f"the {what} of %{population.name} has no register", Place(path=population.name),
                             f"{worst:.6g}", expected)


def require_span(name: str, arrivals: Sequence[Arrival], made: Sequence[Synapses], mantissa: float) -> None:
    """Demand an exponent that holds every weight; a smaller one may still cut a few where that is the lesser error.

    mantissa: of the threshold. Errors: E332.
    """
    for item, found in zip(arrivals, made, strict=True):
        wanted = float(np.abs(item.values).max(initial=0.0)) * mantissa * 2.0**-item.fraction
        held = (max(found.grid.high, -found.grid.low) + found.grid.step) * 2.0 ** EXPONENTS[-1]
        if wanted > held:
            raise DiagnosticError(Diagnostic(
                E332, f"weights of {item.projection.name} have no place beside the threshold of %{name}",
                Place(path=item.projection.name), f"{wanted / mantissa:.6g} thresholds",
                f"at most {held / mantissa:.6g}", "smaller weights, or a larger threshold"))


def require_bias(name: str, asked: np.ndarray, found: np.ndarray) -> None:
    """Demand that biases are what was asked for, rounding aside. Integers of v [n]. Errors: E332."""
    worst = int(np.argmax(np.abs(asked - found)))
    if abs(asked[worst] - found[worst]) > BIAS_SLACK:
        raise DiagnosticError(Diagnostic(
            E332, f"the bias of %{name} has no register", Place(path=name), f"{asked[worst]:.6g}",
            f"at most {found[worst]} in magnitude", "a smaller bias, or a larger threshold"))


def require_mantissa(name: str, register: str, mantissa: np.ndarray, most: int) -> None:
    """Demand that a potential has a mantissa. Errors: E332."""
    if np.any(np.abs(mantissa) > most):
        raise DiagnosticError(Diagnostic(
            E332, f"the {register} of %{name} has no register", Place(path=name),
            f"{float(np.abs(mantissa).max()):.6g}", f"at most {most}"))
