"""What quantizing decides: scales of units and fractions of formats. Held fixed, two compiles give the same integers.

Training in the loop holds them, so that the trained network compiles to the bits that it was trained with; a file of
them (`--quantization`) holds them for any compile.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from compiler.diagnostics import Place, declare, fail
from compiler.formats import ROUNDINGS

if TYPE_CHECKING:
    from compiler.options import Options

E340 = declare("E340", "decisions about formats that do not belong to the network")

FINEST = 62
SCALE, FRACTION, SETTINGS = "scale:", "fraction:", "settings"
HELD = ("weight_bits", "state_bits", "state_fraction", "coefficient_bits", "rounding", "weight_rounding", "decay",
        "bits")
"""Fields of `Options` that decisions were taken under; whoever holds them holds these too."""


@dataclass
class Decisions:
    """scales: by population, or by projection where a population is not homogeneous; float64, one for each unit.

    fractions: fraction bits by name: `population` of its scaled values, `population plain` of the others,
    `projection weights 0` of a link's weights, `site argument` of a coefficient, `input` of a current.
    settings: the fields `HELD` of the options. groups: units that share a scale have the same number; not stored.
    """

    scales: dict[str, np.ndarray] = field(default_factory=dict)
    fractions: dict[str, int] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    groups: dict[str, np.ndarray] = field(default_factory=dict)

    def copy(self) -> Decisions:
        return Decisions(dict(self.scales), dict(self.fractions), dict(self.settings), dict(self.groups))

    def note(self, name: str, fraction: int) -> int:
        """Take note of a fraction; gives it."""
        self.fractions[name] = fraction
        return fraction

    def scale(self, name: str, units: int) -> np.ndarray | None:
        """Scale of each unit, None where nothing was decided. Errors: E340 for another number of units."""
        found = self.scales.get(name)
        if found is not None and found.shape != (units,):
            raise fail(E340, f"scales of %{name} do not fit", name, found=f"{found.size} scales",
                       expected=f"{units} units", hint="the file belongs to another network")
        return found


def settings_of(options: Options) -> dict[str, Any]:
    """The fields of the options that decisions depend on."""
    return {name: dict(value) if isinstance(value := getattr(options, name), Mapping) else value for name in HELD}


def _are_settings(found: Any) -> bool:
    """Whether what was read are the fields `HELD`, of their types."""
    if not isinstance(found, dict) or set(found) != set(HELD) or not isinstance(found["bits"], dict):
        return False
    widths = [found["weight_bits"], found["state_bits"], found["coefficient_bits"], *found["bits"].values()]
    fraction = found["state_fraction"]
    choices = {"decay": ("multiplier", "shifts"), "rounding": ROUNDINGS, "weight_rounding": ("fitted", "nearest")}
    return (all(type(width) is int and 2 <= width <= 32 for width in widths)
            and (fraction is None or type(fraction) is int and abs(fraction) <= FINEST)
            and all(found[name] in allowed for name, allowed in choices.items()))


def save(decisions: Decisions, file: str | Path) -> None:
    """Write decisions to an `.npz` file."""
    arrays = {SCALE + name: scale for name, scale in decisions.scales.items()}
    arrays |= {FRACTION + name: np.asarray(value) for name, value in decisions.fractions.items()}
    with Path(file).open("wb") as stream:
        np.savez_compressed(stream, **{SETTINGS: np.array(json.dumps(decisions.settings))}, **arrays)  # type: ignore


def load(file: str | Path) -> Decisions:
    """Read what `save` wrote. Errors: E150 and others of `.npz` files, E340 for other contents."""
    from compiler import npz

    arrays = npz.read(Path(file))
    try:
        settings = json.loads(str(arrays.pop(SETTINGS)))
        scales = {name.removeprefix(SCALE): np.asarray(value, np.float64) for name, value in arrays.items()
                  if name.startswith(SCALE)}
        fractions = {name.removeprefix(FRACTION): int(value) for name, value in arrays.items()
                     if name.startswith(FRACTION)}
        wrong = any(value.ndim != 1 or not (value > 0).all() or not np.isfinite(value).all()
                    for value in scales.values())
        if not _are_settings(settings) or wrong or any(abs(value) > FINEST for value in fractions.values()):
            raise ValueError("settings or scales are not what quantizing writes")
    except (KeyError, ValueError, TypeError) as error:
        raise fail(E340, "the file holds no decisions about formats", Place(file=str(file)), found=str(error),
                   expected="a file that `QuantizedStep.save` wrote beside a trained network") from error
    return Decisions(scales, fractions, settings)
