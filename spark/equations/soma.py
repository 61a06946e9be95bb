"""A soma whose step is given by equations in text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from spark.core.faults import ConfigError
from spark.core.module import Params, SparkModule, State
from spark.core.payloads import Payload, PotentialArray, SpikeArray
from spark.core.seeds import generator
from spark.core.tree import flatten
from spark.equations.config import EquationSomaConfig, quantity_field
from spark.equations.evaluate import Values
from spark.equations.integrators import advanced, propagators
from spark.equations.model import DT, READY, Model
from spark.equations.plan import Part, plan
from spark.equations.stability import require_stable
from spark.equations.statements import Assignment
from spark.equations.tree import Node
from spark.nn.components.somas.base import Soma


class EquationSoma(Soma[EquationSomaConfig]):
    """A soma given by equations in text.

    Dynamics, per step: every dx/dt = … is integrated from the values at the start of the step; then the threshold is
    tested, and where it holds the assignments of the reset are carried out in order, x ← …; with a refractory time,
    C = round(refractory/dt), no spike for C − 1 steps, while states marked `unless refractory` stand still: two spikes
    are at least C steps apart. Without a threshold the output is a potential. `integrator`: `automatic` is exact (a
    matrix exponential) for the linear subsystem, exponential Euler for what is linear in itself, else Euler.

    Parameters: equations, the text; integrator; what the text declares, in the units it declares, each a scalar, an
    array of shape `units`, or an initializer. State: what the text gives a differential equation, in ms, mV, pA, GΩ,
    nS, pF (whatever unit the text writes), as absolute as the text says; n (int32) with a refractory time. Input
    current [units], in those units; output spikes or potential [units]. Errors: EquationError, ConfigError.
    Source: the text; semantics as Brian2 (Stimberg, Brette & Goodman 2019).

    >>> soma = EquationSoma(units=(2,), equations='''
    ...     dv/dt = (I - v)/tau : 1
    ...     tau = 20 ms in (0, 1000]
    ...     input I : 1
    ...     threshold: v > 1
    ...     reset: v = 0
    ... ''')
    >>> outputs, state = soma.run(np.full((40, 2), 1.5))
    >>> np.nonzero(outputs["spikes"][:, 0])[0].tolist()
    [21]
    """

    config_class = EquationSomaConfig

    @property
    def model(self) -> Model:
        """The equations, elaborated."""
        return self.config.model

    @property
    def parts(self) -> tuple[Part, ...]:
        """What is integrated together, how, and in which order."""
        return plan(self.model, self.config.chosen_integrator)

    @property
    def output_ports(self) -> Mapping[str, type[Payload]]:  # type: ignore[override]
        return {"potential": PotentialArray} if self.model.threshold is None else {"spikes": SpikeArray}

    # -- parameters and state ------------------------------------------------------------------------------------

    def physical_params(self) -> Params:
        """dt, the declared parameters in inner units, and the matrix exponentials of coupled linear parts."""
        numbers: Params = {DT: np.asarray(float(self.dt))}
        for name, parameter in self.model.parameters.items():
            numbers[name] = self._drawn(name, self.units) * parameter.unit.scale
        require_stable(self.model, self.parts, numbers)
        return numbers | self._propagators(numbers)

    def _propagators(self, numbers: Params) -> Params:
        found: Params = {}
        for part in self.parts:
            if part.coupled:
                found |= propagators(self.model, part, numbers)
        return found

    def _drawn(self, name: str, size: tuple[int, ...]) -> np.ndarray:
        value = getattr(self.config, name)
        if not hasattr(value, "sample"):
            return np.asarray(value, dtype=np.float64)
        drawn = np.asarray(value.sample(generator(self.config.seed, f"{self.role}.{name}"), size), dtype=np.float64)
        faults = quantity_field(name, self.model.parameters[name]).check_array(name, drawn, None)
        if faults:
            raise ConfigError(type(self).__name__, faults)
        return drawn

    @property
    def params(self) -> Params:
        """dt, the declared parameters in inner units, and what follows from them.

        Setting them works out the matrix exponentials anew.
        """
        return super().params

    @params.setter
    def params(self, params: Params) -> None:
        SparkModule.params.__set__(self, params)
        if not any(isinstance(leaf, Tracer) for leaf in flatten(self._params).values()):
            self._hold(**{**self._params, **self._propagators(self._params)})

    def initial_state(self) -> State:
        values = Values(self.model, self._params, np)
        starts = {name: values.of(self.model.starts[name]) if name in self.model.starts else 0.0
                  for name in self.model.equations}
        state: State = {name: np.array(np.broadcast_to(start, self.units), dtype=np.float64)
                 for name, start in starts.items()}
        if self.model.refractory is not None:
            limit = np.maximum(np.round(values.of(self.model.refractory) / self._params[DT]) - 1, 0)
            state[self.model.counter] = np.array(np.broadcast_to(limit, self.units), dtype=np.int32)
        return state

    # -- the step --------------------------------------------------------------------------------------------------

    def step(self, state: State, inputs: dict[str, Any], params: Params) -> tuple[State, dict[str, Any]]:
        model, current = self.model, inputs["current"]
        numbers = {**params, **state, model.input: current} | {f"old {name}": state[name] for name in model.equations}
        counter = state.get(model.counter) if model.refractory is not None else None
        if counter is not None:
            limit = self._limit(numbers, counter)
            numbers[READY] = counter >= limit
        moved: State = {}
        for part in self.parts:
            news = {f"new {name}": value for name, value in moved.items()}
            moved |= advanced(model, part, numbers | news, params)
        numbers |= moved | {f"new {name}": value for name, value in moved.items()}
        if model.threshold is None:
            return moved, {"potential": moved[model.output]}
        fired, spikes = self._fired(numbers, jnp.result_type(current))
        moved = self._reset(moved, numbers, fired, spikes)
        if counter is not None:
            moved[model.counter] = jnp.where(fired, 0, jnp.minimum(counter + 1, limit))
        return {name: moved[name] for name in state}, {"spikes": spikes}

    def _limit(self, numbers: dict[str, Any], counter: Any) -> Any:
        """The count from which on a unit is ready: C − 1, for it is 0 right after a spike."""
        assert self.model.refractory is not None
        steps = jnp.round(Values(self.model, numbers).of(self.model.refractory) / numbers[DT])
        return jnp.maximum(steps.astype(counter.dtype) - 1, 0)

    def _fired(self, numbers: dict[str, Any], dtype: Any) -> tuple[Any, Any]:
        """Where the threshold holds, as truth values and as spikes 0/1 with a surrogate gradient."""
        threshold = self.model.threshold
        assert threshold is not None
        values = Values(self.model, numbers)
        fired, spikes = values.of(threshold), self._spikes(threshold, values, dtype)
        if READY not in numbers:
            return fired, spikes
        return numbers[READY] & fired, jnp.where(numbers[READY], spikes, 0)

    def _spikes(self, node: Node, values: Values, dtype: Any) -> Any:
        """A condition as 0/1; each comparison of sizes carries a surrogate gradient."""
        if node.op in ("and", "or", "not"):
            parts = [self._spikes(part, values, dtype) for part in node.parts]
            return 1 - parts[0] if node.op == "not" else (jnp.minimum if node.op == "and" else jnp.maximum)(*parts)
        if node.op in (">", "<", ">=", "<="):
            one, other = (jnp.asarray(values.of(part), dtype) for part in node.parts)
            high, low = (one, other) if node.op in (">", "<=") else (other, one)
            spikes = self.fire(high, low)
            return spikes if node.op in (">", "<") else 1 - spikes
        return jnp.asarray(values.of(node), dtype)

    def _reset(self, moved: State, numbers: dict[str, Any], fired: Any, spikes: Any) -> State:
        """States after the assignments, each seeing what the ones before it did."""
        for assignment in self.model.resets:
            values = Values(self.model, numbers | moved)
            moved = moved | {assignment.name: self._assigned(assignment, moved, values, fired, spikes)}
        return moved

    def _assigned(self, assignment: Assignment, moved: State, values: Values, fired: Any, spikes: Any) -> Any:
        before, value = moved[assignment.name], values.of(assignment.expression)
        constant = self.model.is_constant(assignment.expression)
        if constant and assignment.operator in ("+=", "-="):
            # As a product with the spikes, so that a gradient reaches the spikes through what they add.
            return before + value * spikes if assignment.operator == "+=" else before - value * spikes
        return jnp.where(fired, _CHANGED[assignment.operator](before, value), before)


_CHANGED = {
    "=": lambda before, value: value,
    "+=": lambda before, value: before + value,
    "-=": lambda before, value: before - value,
    "*=": lambda before, value: before * value,
    "/=": lambda before, value: before / value,
}
