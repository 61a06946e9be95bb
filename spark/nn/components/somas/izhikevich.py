"""Izhikevich's simple model."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from spark.core.config import Fault, Quantity, between, flag, quantity
from spark.core.module import Params, State
from spark.nn.components.somas.base import Soma, SomaConfig
from spark.nn.components.somas.refractory import below_threshold

POTENTIAL = between(-200, 200)
OVERSHOOT = 1e4
"""How far above the threshold (mV) a half step may go; a few thousand is ordinary, beyond it u would explode."""
LONGEST_STEP = 2.0
"""Longest time step (ms) for which the published parameters make sense."""


class IzhikevichSomaConfig(SomaConfig):
    """Parameters of IzhikevichSoma."""

    potential_start: Quantity = quantity(-65.0, unit="mV", bound=POTENTIAL, doc="v at the start; u = b·v there.")
    potential_reset: Quantity = quantity(-65.0, unit="mV", bound=POTENTIAL, doc="Potential right after a spike, c.")
    threshold: Quantity = quantity(30.0, unit="mV", bound=POTENTIAL, doc="Potential above which a spike is fired.")
    recovery_timescale: Quantity = quantity(0.02, unit="1/ms", bound=between(0, 10), doc="Rate of the recovery, a.")
    recovery_sensitivity: Quantity = quantity(0.2, bound=between(-5, 5), doc="Coupling of the recovery to v, b.")
    recovery_update: Quantity = quantity(8.0, bound=between(-100, 100), doc="Recovery added at a spike, d.")
    quadratic: Quantity = quantity(0.04, unit="1/(mV·ms)", bound=between(1e-3, 1), doc="Coefficient of v².")
    linear: Quantity = quantity(5.0, unit="1/ms", bound=between(0, 20), doc="Coefficient of v.")
    constant: Quantity = quantity(140.0, unit="mV/ms", bound=between(-1000, 1000), doc="Constant term.")
    half_steps: bool = flag(False, doc="Two half steps for v, then u from the new v, as in Izhikevich 2003.")

    def check(self) -> list[Fault]:
        faults = super().check() + below_threshold(self)
        if self.dt > LONGEST_STEP:
            faults.append(Fault("dt", self.dt, f"<= {LONGEST_STEP:g} ms for Izhikevich's equations"))
        rate = self.recovery_timescale
        if not hasattr(rate, "sample") and np.any(np.asarray(rate) * self.dt > 1):
            faults.append(Fault("recovery_timescale", rate, f"<= 1/dt ({1 / self.dt:g}) for Euler steps"))
        return faults or self.coupling_faults()

    def coupling_faults(self) -> list[Fault]:
        """The fault of a recovery that answers a step of v with more than half of it: dt²·a·|b| > 1/2."""
        rate, coupling = self.recovery_timescale, self.recovery_sensitivity
        if hasattr(rate, "sample") or hasattr(coupling, "sample"):
            return []
        if np.all(np.asarray(rate) * np.abs(np.asarray(coupling)) * self.dt**2 <= 0.5):
            return []
        return [Fault("recovery_sensitivity", coupling, "at most 1/(2·dt²·a) in magnitude", "v and u would explode")]


class IzhikevichSoma(Soma[IzhikevichSomaConfig]):
    """Izhikevich's simple model of a spiking neuron.

    Dynamics (v in mV, not relative to rest): v ← v + dt(0.04v² + 5v + 140 − u + I); u ← u + dt·a(b·v − u), both from
    old values; where v > 30: v ← c, u ← u + d. The coefficients are parameters. `half_steps=True` is the published
    scheme: two half steps for v, then u from the new v.

    Parameters: potential_start (mV), potential_reset c (mV, < threshold), threshold (mV), recovery_timescale a (1/ms,
    ≤ 1/dt), recovery_sensitivity b (dt²·a·|b| ≤ 1/2), recovery_update d, quadratic, linear, constant; each a scalar, an
    array of shape `units`, or an initializer. State: v (mV), u (mV/ms) [units]. Input current [units], mV/ms; output
    spikes [units]. Errors: ConfigError. Source: Izhikevich 2003, eq. 1–3.

    >>> soma = IzhikevichSoma(units=(1,), dt=0.5)
    >>> outputs, _ = soma.run(np.full((400, 1), 10.0))
    >>> int(outputs["spikes"].sum())
    5
    """

    config_class = IzhikevichSomaConfig

    def physical_params(self) -> Params:
        names = {"reset": "potential_reset", "theta": "threshold", "a": "recovery_timescale",
                 "b": "recovery_sensitivity", "d": "recovery_update", "k2": "quadratic", "k1": "linear",
                 "k0": "constant"}
        return {"dt": self.dt} | dict(zip(names, self.quantities(*names.values()), strict=True))

    def initial_state(self) -> State:
        start = np.array(np.broadcast_to(self.quantities("potential_start")[0], self.units))
        return {"v": start, "u": np.asarray(self._params["b"]) * start}

    def step(self, state: State, inputs: dict[str, Any], params: Params) -> tuple[State, dict[str, Any]]:
        v_old, u_old, dt = state["v"], state["u"], params["dt"]
        if self.config.half_steps:
            ceiling = params["theta"] + OVERSHOOT
            v = jnp.minimum(self.advance(v_old, u_old, inputs["current"], dt / 2, params), ceiling)
            v = jnp.minimum(self.advance(v, u_old, inputs["current"], dt / 2, params), ceiling)
            u = u_old + dt * (params["a"] * (params["b"] * v - u_old))
        else:
            v = self.advance(v_old, u_old, inputs["current"], dt, params)
            u = u_old + dt * (params["a"] * (params["b"] * v_old - u_old))
        spikes = self.fire(v, params["theta"])
        return {"v": jnp.where(v > params["theta"], params["reset"], v), "u": u + params["d"] * spikes}, {
            "spikes": spikes}

    @staticmethod
    def advance(v: Any, u: Any, current: Any, dt: Any, params: Params) -> Any:
        """One Euler step of the potential. The order of the sum is Brian2's, which some of its courses depend on."""
        return v + dt * (params["k0"] + (current + params["k2"] * v**2 + params["k1"] * v) - u)
