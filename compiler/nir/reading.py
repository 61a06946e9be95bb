"""How a graph is read: the choices that a NIR file leaves open, with their defaults."""

from __future__ import annotations

from dataclasses import dataclass

DT = 0.1
"""ms; the published graphs were trained with it."""


@dataclass(frozen=True)
class Reading:
    """Choices of a reader.

    dt: ms. reset: `file` (to v_reset), `zero`, or `subtract` (v − (θ − v_reset)). recurrent_delay: steps on the edge
    that closes a cycle. recurrent_start: what that edge carries before anything came back: `empty` nothing, `bias` the
    biases behind it. round_delays: take delays that are no whole number of steps. dtype: of a run.
    """

    dt: float = DT
    reset: str = "file"
    recurrent_delay: int = 1
    recurrent_start: str = "empty"
    round_delays: bool = False
    repair: bool = False
    dtype: str = "float64"

    @property
    def seconds(self) -> float:
        """The time step in seconds."""
        return self.dt / 1000
