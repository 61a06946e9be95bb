"""Everything that can be said about a source and a compile, on the command line or in Python.

Light to import; what is slow is imported when a source is loaded.
"""

from __future__ import annotations

import difflib
import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compiler.diagnostics import Diagnostic, DiagnosticError, Place, declare, fail
from compiler.source_options import SourceOptions

if TYPE_CHECKING:
    from compiler.ir.network import Network
    from compiler.options import Options
    from compiler.quantization.decisions import Decisions
    from compiler.source import Source

E170 = declare("E170", "a setting does not exist")
E171 = declare("E171", "a setting has a value that is not allowed")
E172 = declare("E172", "`--bits` names no projection or site of the network")
E173 = declare("E173", "no target of that name")
E174 = declare("E174", "a chip of another target family")
E175 = declare("E175", "widths are asked for where a source brings its integers along")

TARGET, CHIP = "jax_fixed", "generic"
RESETS = ("file", "zero", "subtract")
PRECISIONS = ("float32", "float64")
RECURRENT_STARTS = ("empty", "bias")
READOUTS = ("count", "first", "last", "max", "mean", "sum", "step")
WEIGHT_ROUNDINGS = ("fitted", "nearest")
WEIGHT_SCALES = ("channel", "tensor", "power-of-two")
DECAYS = ("multiplier", "shifts")
ROUNDINGS = ("floor", "zero", "even", "away", "stochastic")
WEIGHT_BITS, STATE_BITS, COEFFICIENT_BITS = (2, 16), (4, 32), (4, 30)
USUAL_STATES = 24
READING = tuple(item.name for item in fields(SourceOptions))
"""Settings that say how a source is read."""

LOGGER = logging.getLogger("sparkc")
"""Tells what was assumed in reading a source; the command line prints it."""


@dataclass(frozen=True, kw_only=True)
class Settings(SourceOptions):
    """How to read a source and how to compile it; None leaves the decision to the source.

    target: a folder of `targets`. chip: a chip file's name, or `none`; None: `generic`, or the first chip of a
    target that has others. weights: bits. states: bits, or a format (`compiler.quantization.state_formats`); None: 24.
    bits: by name, of the weights of a projection, of the states of a site (`pop`, `proj.post`) or of one state
    (`pop.v`). rounding: of states. weight_scale: one scale for each `channel`, for a whole `tensor`, or a
    `power-of-two` for each channel. coefficients: significant bits of decays and other constants. decay: by
    `multiplier`, or by one or two `shifts`. weight_rounding: `fitted` to the activity that calibration data show, or
    `nearest`. calibration: an `.npz` file, or inputs by name [T, n] or [B, T, n]. quantization: a file of scales and
    fractions to hold, as training in the loop writes it; its bits and rounding come before those given here.
    seed: of random stimuli and of stochastic rounding. The others are those of SourceOptions.
    """

    target: str = TARGET
    chip: str | None = None
    weights: int = 8
    states: int | str | None = None
    bits: Mapping[str, int] = field(default_factory=dict)
    rounding: str = "zero"
    weight_rounding: str = "fitted"
    weight_scale: str = "channel"
    coefficients: int = 24
    decay: str = "multiplier"
    calibration: str | Path | Mapping[str, Any] | None = None
    quantization: str | Path | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        findings = list(self._findings())
        if findings:
            raise DiagnosticError(findings)

    def _findings(self) -> Iterable[Diagnostic]:
        choices = {"reset": RESETS, "recurrent_start": RECURRENT_STARTS, "precision": PRECISIONS, "readout": READOUTS,
                   "rounding": ROUNDINGS, "weight_rounding": WEIGHT_ROUNDINGS, "weight_scale": WEIGHT_SCALES,
                   "decay": DECAYS}
        for name, allowed in choices.items():
            value = getattr(self, name)
            if value is not None and value not in allowed:
                yield _not_allowed(name, value, ", ".join(allowed))
        widths = {"weights": (self.weights, WEIGHT_BITS), "coefficients": (self.coefficients, COEFFICIENT_BITS)}
        widths |= {"states": (self.states, STATE_BITS)} if not isinstance(self.states, str | None) else {}
        widths |= {f"bits.{name}": (value, (WEIGHT_BITS[0], STATE_BITS[1])) for name, value in self.bits.items()}
        for name, (value, (low, high)) in widths.items():
            if type(value) is not int or not low <= value <= high:
                yield _not_allowed(name, value, f"an integer {low}..{high}")
        if self.dt is not None and not 0 < self.dt < float("inf"):
            yield _not_allowed("dt", self.dt, "a time step above 0 ms")
        if type(self.seed) is not int or not 0 <= self.seed < 2**32:
            yield _not_allowed("seed", self.seed, "an integer 0..4294967295")
        if self.recurrent_delay is not None and self.recurrent_delay < 1:
            yield _not_allowed("recurrent_delay", self.recurrent_delay, "at least 1 step")

    def load(self, spec: str) -> Source:
        """The source `file.py[:name]` (or another language's file), with these settings."""
        from compiler.source import load_source

        given = {name: getattr(self, name) for name in READING if getattr(self, name) is not None}
        source = load_source(spec, **given)
        for note in source.notes:
            LOGGER.info("%s: %s", source.path.name, note)
        return source

    def options(self, source: Source) -> Options:
        """The options of a compile of this source. Errors: E172, E175, E430, E15x and E16x of the
        calibration.
        """
        from compiler import chips
        from compiler.options import Options
        from compiler.quantization.state_formats import parse_states

        if source.fixed is not None:
            self._require_no_widths(source)
        if self.bits:
            _check_names(self.bits, source.lower())
        name = chip_for(self.target, self.chip)
        chip = None if name == "none" else chips.load(name)
        states = parse_states(USUAL_STATES if self.states is None else self.states)
        options = Options(chip=chip, weight_bits=self.weights, state_bits=states.bits, state_fraction=states.fraction,
                          rounding=states.rounding or self.rounding, weight_rounding=self.weight_rounding,
                          weight_scale=self.weight_scale, coefficient_bits=self.coefficients, decay=self.decay,
                          bits=dict(self.bits), calibration=self._calibration(source), readout=self.readout or "",
                          seed=self.seed)
        held = self._decided(source)
        return options if held is None else replace(options, decided=held, **held.settings)

    def _decided(self, source: Source) -> Decisions | None:
        """Decisions to hold: those of a file given, else of the file that the source names. Errors: E15x, E340."""
        from compiler.quantization import decisions

        file = source.quantization if self.quantization is None else self.quantization
        return None if file is None else decisions.load(file)

    def _require_no_widths(self, source: Source) -> None:
        """Errors: E175 for every width that the source has decided already."""
        usual = {item.name: item.default for item in fields(self)}
        names = ("weights", "states", "rounding", "coefficients", "decay")
        given = [f"--{name} {getattr(self, name)}" for name in names if getattr(self, name) != usual[name]]
        given += [f"--bits {name}={width}" for name, width in self.bits.items()]
        if given:
            raise DiagnosticError(
                Diagnostic(E175, "the source brings its integers along", Place(file=str(source.path)), word,
                           "no widths", "remove its side file to quantize anew") for word in given)

    def _calibration(self, source: Source) -> Mapping[str, Any] | None:
        """Inputs to calibrate with: those given, else the source's own, else None (a random stimulus)."""
        from compiler.input_files import read_stimulus, stimulus

        if self.calibration is None:
            return source.calibration
        if isinstance(self.calibration, Mapping):
            return stimulus(self.calibration, source.lower()).inputs
        return read_stimulus(Path(self.calibration), source.lower()).inputs


def chip_for(target: str, chip: str | None) -> str:
    """The chip to compile to. Errors: E173 where there is no such target, E174 where the chip is another family's."""
    from compiler import chips, discovery

    if target not in discovery.targets():
        raise fail(E173, "there is no such target", Place(path=target), found=target,
                   expected=", ".join(discovery.targets()), hint="`sparkc list targets` prints them")
    family = chips_of(target)
    if chip in (None, "none"):
        return chip or (CHIP if CHIP in family or not family else family[0])
    other = chips.load(chip).family
    if family and other != target:
        raise fail(E174, f"{chip} is no chip of {target}", Place(path=chip), found=f"a chip of {other}",
                   expected=", ".join(family))
    return chip


def chips_of(target: str) -> list[str]:
    """Names of the chips of a target family."""
    from compiler import discovery

    return [name for name, path in discovery.chip_files().items() if path.parent.parent.name == target]


def _not_allowed(name: str, value: object, expected: str) -> Diagnostic:
    return Diagnostic(E171, "a setting has a value that is not allowed", Place(path=name), str(value), expected)


def _check_names(bits: Mapping[str, int], network: Network) -> None:
    """Demand that every key of `--bits` is a projection or a site. Errors: E172, all at once."""
    known = [*(item.name for item in network.projections), *(name for name, _, _ in network.sites())]
    known += [f"{name}.{item.name}" for name, site, _ in network.sites()
              for item in network.programs[site.program].states]
    unknown = [name for name in bits if name not in known]
    if unknown:
        raise DiagnosticError(
            Diagnostic(E172, "nothing with bits has this name", Place(path=f"--bits {name}"), found=name,
                       expected=", ".join(known), hint=_nearest(name, known)) for name in unknown)


def _nearest(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"did you mean {near[0]}?" if near else ""


def parse_bits(texts: Iterable[str]) -> dict[str, int]:
    """`SITE=N` words as a mapping. Errors: E171.

    >>> parse_bits(["in_hid=4", "hid=16"])
    {'in_hid': 4, 'hid': 16}
    """
    bits = {}
    for text in texts:
        match = re.fullmatch(r"([A-Za-z_][\w.]*)=(\d{1,2})", text)
        if match is None:
            raise fail(E171, "`--bits` names a site or projection and a width", "--bits", found=text, expected="SITE=N")
        bits[match[1]] = int(match[2])
    return bits


def from_toml(path: Path) -> dict[str, Any]:
    """Settings of a file: the long options as keys, dashes or underscores, `[bits]` a table. Errors: E150, E170."""
    import tomllib

    from compiler.npz import E150

    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise fail(E150, "the settings file cannot be read", Place(file=str(path)), found=str(error)) from error
    known = [item.name for item in fields(Settings)]
    given = {key.replace("-", "_"): value for key, value in data.items()}
    unknown = [key for key in given if key not in known]
    if unknown:
        raise DiagnosticError(
            Diagnostic(E170, "there is no such setting", Place(file=str(path), path=key), found=key,
                       expected=", ".join(known), hint=_nearest(key, known)) for key in unknown)
    return given
