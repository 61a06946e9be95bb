"""What a compile can be told; one frozen record that every pass receives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from compiler.chips import Chip
    from compiler.quantization.decisions import Decisions


@dataclass(frozen=True)
class Options:
    """Options of a compile.

    weight_bits, state_bits: widths for every projection and state; `bits` overrides them by site or
    projection name. state_fraction: fraction bits of every state, None: chosen for each population. coefficient_bits:
    significant bits of constants and derived parameters. rounding: of states. weight_rounding: `fitted` to the activity
    that calibration data show, or `nearest`. calibration: inputs by name [B, T, n]; None: a random stimulus is
    searched. weight_scale: one scale for each `channel`, for a whole population (`tensor`), or a `power-of-two` for
    each channel. decay: by `multiplier`, or by `shifts`. decided: scales and fractions that are held instead of being
    chosen. training: formats that hold whatever weights and parameters may become; everything saturates.
    """

    chip: Chip | None = None
    weight_bits: int = 8
    state_bits: int = 24
    state_fraction: int | None = None
    coefficient_bits: int = 24
    rounding: str = "zero"
    weight_rounding: str = "fitted"
    weight_scale: str = "channel"
    decay: str = "multiplier"
    bits: Mapping[str, int] = field(default_factory=dict)
    calibration: Mapping[str, np.ndarray] | None = None
    readout: str = ""
    seed: int = 0
    decided: Decisions | None = None
    training: bool = False
