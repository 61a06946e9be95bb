"""What can be done about the part of quantizing that costs most."""

from __future__ import annotations

from compiler.options import Options

_TRUNCATING = ("zero", "floor")
_CHIP_WEIGHT_BITS = 8


def remedy(component: str | None, options: Options, on_chip: bool) -> str:
    """What to try against a component of `pairing.COMPONENTS`; empty where no option helps.

    on_chip: the arithmetic is the chip's own, so no option changes it but the bits of weights, up to 8.
    """
    wider = "more bits of weights (--weights, --bits PROJECTION=N)"
    if on_chip:
        return wider if component == "weights" and options.weight_bits < _CHIP_WEIGHT_BITS else ""
    found = {"weights": f"{wider}, or training in the loop", "decays": _decays(options), "states": _states(options),
             "thresholds": "more bits of states (--states)"}
    return found.get(component or "", "")


def _decays(options: Options) -> str:
    wider = f"more bits of coefficients (--coefficients, now {options.coefficient_bits})"
    return f"--decay multiplier, or {wider}" if options.decay == "shifts" else wider


def _states(options: Options) -> str:
    wider = "more bits of states (--states, --bits SITE=N)"
    truncated = options.rounding in _TRUNCATING
    return f"--rounding even (states are truncated, always the same way), or {wider}" if truncated else wider
