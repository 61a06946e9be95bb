"""Synapses without memory."""

from __future__ import annotations

from spark.core.module import Params
from spark.nn.components.synapses.base import Synapses, SynapsesConfig


class LinearSynapsesConfig(SynapsesConfig):
    """Parameters of LinearSynapses."""


class LinearSynapses(Synapses[LinearSynapsesConfig]):
    """The weighted sum of the spikes of this step.

    Dynamics: I_i = scale · Σ_j W_ij s_j. It is a current of *one step*: the charge a spike brings is scale·W·dt, so its
    effect shrinks with dt. Use TracedSynapses where dt may change.

    Parameters: kernel (signed, units + input shape), scale (pA per unit weight). No state. Input spikes [*pre] or
    [*post, *pre]; output current [units] pA. Errors: ConfigError. Source: Neuronal Dynamics, section 1.3.

    >>> synapses = LinearSynapses(units=(1,), kernel=[[1.0, 2.0, 3.0]], scale=10.0)
    >>> synapses([1, 0, 1])["current"].value.tolist()
    [40.0]
    """

    config_class = LinearSynapsesConfig

    def filter_params(self) -> Params:
        return {}
