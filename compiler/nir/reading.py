"""How a graph is read: the choices that a NIR file leaves open, with their defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

DT = 0.1
"""ms; the published graphs were trained with it."""


@dataclass(frozen=True)
class Reading:
    """Choices of a reader.

    dt: ms. reset: `file` (to v_reset), `zero`, or `subtract` (v − (θ − v_reset)). recurrent_delay: steps on the edge
    that closes a cycle. recurrent_start: what that edge carries before anything came back: `empty` nothing, `bias` the
    biases behind it. round_delays: take delays that are no whole number of steps. dtype: of a run. resets: nodes of
    which a side file says `value` or `subtraction`.
    """

    dt: float = DT
    reset: str = "file"
    recurrent_delay: int = 1
    recurrent_start: str = "empty"
    round_delays: bool = False
    repair: bool = False
    dtype: str = "float64"
    resets: Mapping[str, str] = field(default_factory=dict)

    def reset_by(self, node: str) -> str:
        """How a node resets: `value` or `subtraction`."""
        return self.resets.get(node, "subtraction" if self.reset == "subtract" else "value")

    @property
    def seconds(self) -> float:
        """The time step in seconds."""
        return self.dt / 1000
