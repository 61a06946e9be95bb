"""The neuron primitives of NIR, discretised by forward Euler.

Potentials are absolute and start at 0, whatever the leak potential is. Within a step: the synaptic current first, then
the membrane with the *new* current, then the compare, then the reset.
Pedersen, Abreu, Jobst et al., Neuromorphic Intermediate Representation, Nature Communications 15, 2024, table 1.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import jax.numpy as jnp
import numpy as np

from spark.core.config import Fault, Quantity, between, choice, quantity
from spark.core.module import Params, State
from spark.core.payloads import PotentialArray
from spark.nn.components.base import TIME_CONSTANT
from spark.nn.components.somas.base import Soma, SomaConfig, SomaConfigType
from spark.nn.components.somas.refractory import ResettingSoma

NUMBER = between(-1e12, 1e12)
STEEPEST = 2.0
"""dt/τ from which on a forward Euler step grows instead of decaying."""


def unstable(config: Any, name: str) -> list[Fault]:
    """The fault of a time constant under which forward Euler diverges."""
    tau = getattr(config, name)
    if hasattr(tau, "sample") or np.all(config.dt < STEEPEST * np.asarray(tau)):
        return []
    return [Fault(name, tau, f"> dt/2 ({config.dt / STEEPEST:g}) ms for forward Euler", "take a smaller dt")]


class Integrating:
    """The membrane without a leak: v ← v + R·I."""

    def membrane_params(self: Any) -> Params:
        return {"R": self.quantities("resistance")[0]}

    def advance(self, v: Any, current: Any, params: Params) -> Any:
        """The potential one step later."""
        return v + params["R"] * current


class Leaking:
    """The membrane with a leak: v ← v + (dt/τ)(v_leak − v + R·I)."""

    def membrane_params(self: Any) -> Params:
        resistance, tau, leak = self.quantities("resistance", "potential_tau", "potential_leak")
        return {"R": resistance, "dt": self.dt, "tau": tau, "leak": leak}

    def advance(self, v: Any, current: Any, params: Params) -> Any:
        """The potential one step later."""
        return v + params["dt"] / params["tau"] * (params["leak"] - v + params["R"] * current)


class CurrentBased:
    """What precedes a membrane: i ← i + (dt/τ_syn)(w_in·I − i), and the membrane sees the new i."""

    def physical_params(self: Any) -> Params:
        tau, gain = self.quantities("current_tau", "current_gain")
        return super().physical_params() | {"tau_syn": tau, "w_in": gain}  # type: ignore[misc]

    def initial_state(self: Any) -> State:
        return super().initial_state() | {"i": np.zeros(self.units)}  # type: ignore[misc]

    def step(self, state: State, inputs: dict[str, Any], params: Params) -> tuple[State, dict[str, Any]]:
        i = state["i"]
        i = i + params["dt"] / params["tau_syn"] * (params["w_in"] * inputs["current"] - i)
        new_state, outputs = super().step(state, {"current": i}, params)  # type: ignore[misc]
        return new_state | {"i": i}, outputs


class Reading(Soma[SomaConfigType]):
    """A primitive that is read out: its potential is the output."""

    output_ports = {"potential": PotentialArray}

    @abstractmethod
    def membrane_params(self) -> Params:
        """The parameters of `advance`."""

    @abstractmethod
    def advance(self, v: Any, current: Any, params: Params) -> Any:
        """The potential one step later."""

    def physical_params(self) -> Params:
        return self.membrane_params()

    def step(self, state: State, inputs: dict[str, Any], params: Params) -> tuple[State, dict[str, Any]]:
        v = self.advance(state["v"], inputs["current"], params)
        return {"v": v}, {"potential": v}


class Firing(ResettingSoma[SomaConfigType]):
    """A primitive that fires: S = v > θ; then v ← v_reset, or v ← v − (θ − v_reset), within the same step."""

    @abstractmethod
    def membrane_params(self) -> Params:
        """The parameters of `advance`."""

    def physical_params(self) -> Params:
        theta, reset = self.quantities("threshold", "potential_reset")
        return self.membrane_params() | {"theta": theta, "reset": reset}

    def after_spike(self, v: Any, fired: Any, params: Params) -> Any:
        if getattr(self.config, "reset_by", "value") == "value":
            return super().after_spike(v, fired, params)
        return jnp.where(fired, v - (params["theta"] - params["reset"]), v)


# -- configurations ---------------------------------------------------------------------------------------------------


def current_tau_field() -> Any:
    return quantity(5.0, unit="ms", bound=TIME_CONSTANT, doc="Time constant of the synaptic current.")


class ISomaConfig(SomaConfig):
    """Parameters of ISoma."""

    resistance: Quantity = quantity(1.0, bound=NUMBER, doc="R: what one unit of input leads to.")


class LISomaConfig(ISomaConfig):
    """Parameters of LISoma."""

    potential_tau: Quantity = quantity(20.0, unit="ms", bound=TIME_CONSTANT, doc="Membrane time constant.")
    potential_leak: Quantity = quantity(0.0, bound=NUMBER, doc="Potential that the leak leads to.")

    def check(self) -> list[Fault]:
        return super().check() + unstable(self, "potential_tau")


class CubaLISomaConfig(LISomaConfig):
    """Parameters of CubaLISoma."""

    current_tau: Quantity = current_tau_field()
    current_gain: Quantity = quantity(1.0, bound=NUMBER, doc="Weight of the input of the synaptic current, w_in.")

    def check(self) -> list[Fault]:
        return super().check() + unstable(self, "current_tau")


class FiringConfig(SomaConfig):
    """Fields of every primitive that fires."""

    threshold: Quantity = quantity(1.0, bound=NUMBER, doc="Potential above which a spike is fired.")
    potential_reset: Quantity = quantity(0.0, bound=NUMBER, doc="Potential right after a spike.")
    reset_by: str = choice("value", options=("value", "subtraction"),
                           doc="After a spike: set v to the reset potential, or take threshold − reset off it.")


class IFSomaConfig(FiringConfig, ISomaConfig):
    """Parameters of IFSoma."""


class LIFSomaConfig(FiringConfig, LISomaConfig):
    """Parameters of LIFSoma."""


class CubaLIFSomaConfig(FiringConfig, CubaLISomaConfig):
    """Parameters of CubaLIFSoma."""


class ThresholdConfig(SomaConfig):
    """Parameters of Threshold."""

    threshold: Quantity = quantity(0.0, bound=NUMBER, doc="Value above which a spike is fired.")


# -- primitives -------------------------------------------------------------------------------------------------------


class ISoma(Integrating, Reading[ISomaConfig]):
    """Integrator, primitive I: a sum that is read out.

    Dynamics: v ← v + R·I per step (dt does not enter). The potential is the output.

    Parameters: resistance, a scalar, an array of shape `units`, or an initializer. State: v [units], 0 at the start.
    Input current [units]; output potential [units]. Errors: ConfigError. Source: NIR, primitive I.

    >>> soma = ISoma(units=(1,), resistance=2.0)
    >>> soma.run(np.ones((3, 1)))[0]["potential"][:, 0].tolist()
    [2.0, 4.0, 6.0]
    """

    config_class = ISomaConfig


class LISoma(Leaking, Reading[LISomaConfig]):
    """Leaky integrator, primitive LI: a filter that is read out.

    Dynamics: v ← v + (dt/τ)(v_leak − v + R·I). The potential is the output.

    Parameters: resistance, potential_tau (ms, > dt/2), potential_leak; each a scalar, an array of shape `units`, or an
    initializer. State, ports and errors as ISoma. Source: NIR, primitive LI.

    >>> soma = LISoma(units=(1,), potential_tau=2.0)
    >>> soma.run(np.ones((3, 1)))[0]["potential"][:, 0].tolist()
    [0.5, 0.75, 0.875]
    """

    config_class = LISomaConfig


class CubaLISoma(CurrentBased, LISoma):
    """Leaky integrator behind a synaptic current, primitive CubaLI.

    Dynamics: i ← i + (dt/τ_syn)(−i + w_in·I); v ← v + (dt/τ)(v_leak − v + R·i) with the new i. The potential is the
    output.

    Parameters: those of LISoma, current_tau (ms, > dt/2), current_gain w_in. State: v, i [units], 0 at the start. Ports
    and errors as ISoma. Source: NIR, primitive CubaLI.

    >>> soma = CubaLISoma(units=(1,), potential_tau=2.0, current_tau=2.0)
    >>> soma.run(np.ones((3, 1)))[0]["potential"][:, 0].tolist()
    [0.25, 0.5, 0.6875]
    """

    config_class = CubaLISomaConfig


class IFSoma(Integrating, Firing[IFSomaConfig]):
    """Integrate-and-fire, primitive IF.

    Dynamics: v ← v + R·I per step (dt does not enter); S = v > θ; v ← v_reset where S (or v ← v − (θ − v_reset) with
    `reset_by='subtraction'`).

    Parameters: resistance, threshold, potential_reset; each a scalar, an array of shape `units`, or an initializer.
    State: v [units], 0 at the start. Input current [units]; output spikes [units]. Errors: ConfigError.
    Source: NIR, primitive IF.

    >>> soma = IFSoma(units=(1,), threshold=2.5, reset_by="subtraction")
    >>> soma.run(np.ones((6, 1)))[0]["spikes"][:, 0].tolist()
    [0.0, 0.0, 1.0, 0.0, 0.0, 1.0]
    """

    config_class = IFSomaConfig


class LIFSoma(Leaking, Firing[LIFSomaConfig]):
    """Leaky integrate-and-fire, primitive LIF.

    Dynamics: v ← v + (dt/τ)(v_leak − v + R·I); S = v > θ; v ← v_reset where S (or v ← v − (θ − v_reset) with
    `reset_by='subtraction'`).

    Parameters: those of LISoma and of IFSoma. State, ports and errors as IFSoma. Source: NIR, primitive LIF.

    >>> soma = LIFSoma(units=(1,), potential_tau=2.0, threshold=0.7)
    >>> soma.run(np.ones((5, 1)))[0]["spikes"][:, 0].tolist()
    [0.0, 1.0, 0.0, 1.0, 0.0]
    """

    config_class = LIFSomaConfig


class CubaLIFSoma(CurrentBased, LIFSoma):
    """Leaky integrate-and-fire behind a synaptic current, primitive CubaLIF.

    Dynamics: i ← i + (dt/τ_syn)(−i + w_in·I); v ← v + (dt/τ)(v_leak − v + R·i) with the new i; compare and reset as
    LIFSoma, i is not reset.

    Parameters: those of CubaLISoma and of LIFSoma. State: v, i [units], 0 at the start. Ports and errors as IFSoma.
    Source: NIR, primitive CubaLIF.

    >>> soma = CubaLIFSoma(units=(1,), potential_tau=2.0, current_tau=2.0, threshold=0.45)
    >>> soma.run(np.ones((3, 1)))[0]["spikes"][:, 0].tolist()
    [0.0, 1.0, 0.0]
    """

    config_class = CubaLIFSomaConfig


class Threshold(Soma[ThresholdConfig]):
    """Spikes where the input exceeds a value, without a state: S = I > θ.

    Parameters: threshold, a scalar, an array of shape `units`, or an initializer. State: none. Input current [units];
    output spikes [units]. Errors: ConfigError. Source: NIR, primitive Threshold.

    >>> Threshold(units=(3,), threshold=0.5).run(np.array([[0.4, 0.5, 0.6]]))[0]["spikes"].tolist()
    [[0.0, 0.0, 1.0]]
    """

    config_class = ThresholdConfig

    def physical_params(self) -> Params:
        return {"theta": self.quantities("threshold")[0]}

    def initial_state(self) -> State:
        return {}

    def step(self, state: State, inputs: dict[str, Any], params: Params) -> tuple[State, dict[str, Any]]:
        return {}, {"spikes": self.fire(inputs["current"], params["theta"])}
