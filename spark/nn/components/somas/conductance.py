"""Somas whose input is a conductance: the current depends on how far the potential is from where it is drawn to."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from spark.core.config import Quantity, flag, quantity
from spark.core.module import Params
from spark.nn.components.base import POTENTIAL
from spark.nn.components.somas.base import Soma, SomaConfig, SomaConfigType


class ConductanceConfig(SomaConfig):
    """Fields of somas that take a conductance instead of a current, on demand."""

    conductance: bool = flag(False, doc="The input is a conductance g in nS; the current is abs(g)·(E − v).")
    reversal_excitatory: Quantity = quantity(0.0, unit="mV", bound=POTENTIAL, doc="E where g > 0.")
    reversal_inhibitory: Quantity = quantity(-80.0, unit="mV", bound=POTENTIAL, doc="E where g < 0.")


class ConductanceSoma(Soma[SomaConfigType]):
    """A soma that takes a conductance on demand.

    Dynamics with `conductance=True`: I = |g|·(E − v) with v of the start of the step, E the excitatory reversal
    potential where the summed input g (nS) is positive, the inhibitory one where it is negative. A conductance so large
    that the potential would step over E takes it to E. Source: Neuronal Dynamics, eq. 3.1, in one Euler step.
    """

    def reversal_params(self, rest: Any) -> Params:
        """The reversal potentials relative to rest; nothing where the input is a current."""
        if not self.config.conductance:  # type: ignore[attr-defined]
            return {}
        excitatory, inhibitory = self.quantities("reversal_excitatory", "reversal_inhibitory")
        return {"E": excitatory - rest, "E_inhibitory": inhibitory - rest}

    def received(self, v: Any, arriving: Any, share: Any, params: Params) -> Any:
        """The current (pA) that an input brings. `share`: rise of v in a step per mV that R·I lies above it."""
        if not self.config.conductance:  # type: ignore[attr-defined]
            return arriving
        towards = jnp.where(arriving > 0, params["E"], params["E_inhibitory"]) - v
        return jnp.minimum(jnp.abs(arriving), 1 / (share * params["R"])) * towards
