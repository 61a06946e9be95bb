"""Weights as synapses of the chip hold them: clipped to what the sign mode spans, low bits cut off.

| mode | span | kept at zero |
| --- | --- | --- |
| mixed | -256 … 255 | 8 - bits + 1 low bits (rounded down) |
| excitatory | 0 … 255 | 8 - bits low bits |
| inhibitory | -255 … 0 | 8 - bits low bits (toward zero) |

With 8 bits the mixed weights are the even numbers.
Source: lava-nc 0.10, `Dense`; Davies et al., IEEE Micro 38(1), 2018.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

WIDEST = 8
MODES = ("mixed", "excitatory", "inhibitory")


@dataclass(frozen=True)
class Grid:
    """The weights that a sign mode and a number of bits can hold: multiples of `step` from `low` to `high`."""

    mode: str
    bits: int = WIDEST

    @property
    def step(self) -> int:
        return 1 << (WIDEST - self.bits + (self.mode == "mixed"))

    @property
    def low(self) -> int:
        return {"mixed": -256, "excitatory": 0, "inhibitory": -(255 // self.step * self.step)}[self.mode]

    @property
    def high(self) -> int:
        return 0 if self.mode == "inhibitory" else 255 // self.step * self.step

    def truncated(self, weights: np.ndarray) -> np.ndarray:
        """Any integers as the chip takes them: clipped, then cut to the grid.

        >>> Grid("mixed").truncated(np.array([-400, -3, 3, 400])).tolist()
        [-256, -4, 2, 254]
        >>> Grid("inhibitory", 6).truncated(np.array([-400, -7, 3])).tolist()
        [-252, -4, 0]
        """
        spans = {"mixed": (-256, 255), "excitatory": (0, 255), "inhibitory": (-255, 0)}
        clipped = np.clip(np.asarray(weights, np.int64), *spans[self.mode])
        if self.mode == "inhibitory":
            return -(-clipped // self.step * self.step)
        return clipped // self.step * self.step

    def nearest(self, values: np.ndarray) -> np.ndarray:
        """Real numbers, in units of weight 1, rounded to the grid: nearest, ties to the even multiple.

        >>> Grid("mixed").nearest(np.array([-300.0, 2.9, 3.1])).tolist()
        [-256, 2, 4]
        """
        multiples = np.rint(np.asarray(values, np.float64) / self.step)
        return np.clip(multiples, self.low // self.step, self.high // self.step).astype(np.int64) * self.step


def mode_of(weights: np.ndarray) -> str:
    """The mode that is taken where none is named: the narrowest that holds every sign."""
    if weights.size == 0 or weights.min() >= 0:
        return "excitatory"
    return "inhibitory" if weights.max() <= 0 else "mixed"
