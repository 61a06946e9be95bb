"""Delays of presynaptic units, and delays of single synapses."""

from __future__ import annotations

from spark.nn.components.delays.base import Delays, DelaysConfig


class NDelaysConfig(DelaysConfig):
    """Parameters of NDelays."""


class NDelays(Delays[NDelaysConfig]):
    """One delay for each presynaptic unit: everybody who listens to it hears it k steps later.

    Parameters: max_delay (ms, > 0, at most 4095 steps) or steps (scalar or [*pre]). Input spikes [*pre]; output spikes
    [*pre]. State and errors as Delays.

    >>> delays = NDelays(units=(1,), steps=[1, 2]).build(2)
    >>> outputs, _ = delays.run([[1, 1], [0, 0], [0, 0]])
    >>> outputs["out_spikes"].tolist()
    [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]
    """

    config_class = NDelaysConfig

    @property
    def steps_shape(self) -> tuple[int, ...]:
        return self.input_shape


class N2NDelaysConfig(DelaysConfig):
    """Parameters of N2NDelays."""


class N2NDelays(Delays[N2NDelaysConfig]):
    """One delay for each pair of units.

    Parameters: max_delay (ms, > 0, at most 4095 steps) or steps (scalar or [*post, *pre]). Input spikes [*pre]; output
    spikes [*post, *pre], as each postsynaptic unit hears them. State and errors as Delays.

    >>> delays = N2NDelays(units=(2,), steps=[[1], [2]]).build(1)
    >>> outputs, _ = delays.run([[1], [0], [0]])
    >>> outputs["out_spikes"][:, :, 0].tolist()
    [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]
    """

    config_class = N2NDelaysConfig

    @property
    def steps_shape(self) -> tuple[int, ...]:
        return self.units + self.input_shape
