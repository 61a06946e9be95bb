"""Options that commands share, gathered into one `Settings`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from compiler import settings
from compiler.durations import milliseconds
from compiler.settings import Settings

SOURCE_NAMES = (*settings.READING, "calibration")
COMPILE_NAMES = ("target", "chip", "weights", "states", "bits", "rounding", "weight_rounding", "weight_scale",
                 "coefficients", "decay", "quantization", "seed", "config")


class _Duration(click.ParamType):
    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            return float(value) if isinstance(value, int | float) else milliseconds(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class _States(click.ParamType):
    name = "format"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | str:
        text = str(value)
        if not text.isdigit():
            return text
        return click.IntRange(*settings.STATE_BITS).convert(int(text), param, ctx)


_SOURCE = (
    click.option("--dt", type=_Duration(), metavar="MS", help="Time step in ms (or 1e-4s, 100us), where the source "
                 "leaves it open."),
    click.option("--reset", type=click.Choice(settings.RESETS), help="What a spike does to the membrane."),
    click.option("--recurrent-delay", type=click.IntRange(1), metavar="N",
                 help="Steps on a recurrent edge that has none."),
    click.option("--recurrent-start", type=click.Choice(settings.RECURRENT_STARTS),
                 help="What a recurrent edge carries in the first step."),
    click.option("--precision", type=click.Choice(settings.PRECISIONS), help="Numbers of the float reference."),
    click.option("--readout", type=click.Choice(settings.READOUTS), help="How a class is read from the output."),
    click.option("--input-kind", metavar="KIND", help="What inputs carry: spikes, signed, events:15, current; or "
                 "NAME=KIND,… (where the source leaves it open)."),
    click.option("--repair", is_flag=True, default=None, help="Read an inconsistent file in its one sensible way."),
    click.option("--round-delays", is_flag=True, default=None, help="Take delays that are no whole number of steps."),
    click.option("--calibration", type=click.Path(), metavar="FILE.npz", help="Inputs that show the usual activity."),
)
_COMPILE = (
    click.option("--target", metavar="NAME", help="Target family (sparkc list targets)."),
    click.option("--chip", metavar="NAME", help="Chip to map to (sparkc list chips), or none (generic)."),
    click.option("--weights", type=click.IntRange(*settings.WEIGHT_BITS), metavar="N", help="Bits of weights (8)."),
    click.option("--states", type=_States(), metavar="FORMAT", help="Bits of states (24), or their format: s24.8, "
                 "accum, Q15.8 (sign apart), ap_fixed<24,16>."),
    click.option("--bits", multiple=True, metavar="SITE=N",
                 help="Bits of one projection's weights, of a population's states (pop) or of one state (pop.v); "
                 "repeatable."),
    click.option("--rounding", type=click.Choice(settings.ROUNDINGS), help="Rounding of states (zero)."),
    click.option("--weight-rounding", type=click.Choice(settings.WEIGHT_ROUNDINGS),
                 help="Weights rounded to what calibration data show (fitted), or each alone (nearest)."),
    click.option("--weight-scale", type=click.Choice(settings.WEIGHT_SCALES),
                 help="One scale of weights for each output channel, for a whole tensor, or a power of two (channel)."),
    click.option("--coefficients", type=click.IntRange(*settings.COEFFICIENT_BITS), metavar="N",
                 help="Significant bits of decays and other constants (24)."),
    click.option("--decay", type=click.Choice(settings.DECAYS),
                 help="Decays by a multiplier, or by one or two shifts (multiplier)."),
    click.option("--quantization", type=click.Path(), metavar="FILE.npz",
                 help="Scales and fractions to hold, as training in the loop wrote them."),
    click.option("--seed", type=int, metavar="N", help="Seed of random stimuli and of stochastic rounding (0)."),
    click.option("--config", type=click.Path(), metavar="FILE.toml", help="Any of these options from a file."),
)


def compile_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Options of every command that compiles; passed on as `settings`."""
    return _gathered(function, (*_SOURCE, *_COMPILE), (*SOURCE_NAMES, *COMPILE_NAMES))


def without(names: set[str]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """`compile_options` less the options that a command spells in its own way."""
    pairs = [(option, name) for option, name in zip((*_SOURCE, *_COMPILE), (*SOURCE_NAMES, *COMPILE_NAMES), strict=True)
             if name not in names]
    options, kept = zip(*pairs, strict=True)
    return lambda function: _gathered(function, options, kept)


def _gathered(function: Callable[..., Any], options: tuple, names: tuple[str, ...]) -> Callable[..., Any]:
    @functools.wraps(function)
    def command(*arguments: Any, **given: Any) -> Any:
        own = {name: given.pop(name) for name in names}
        return function(*arguments, settings=_settings(own), **given)

    wrapped: Callable[..., Any] = command
    for option in reversed(options):
        wrapped = option(wrapped)
    return wrapped


def _settings(given: dict[str, Any]) -> Settings:
    """Settings of a file, overridden by what stands on the command line."""
    config = given.pop("config", None)
    values = settings.from_toml(Path(config)) if config else {}
    bits = dict(values.pop("bits", {})) | settings.parse_bits(given.pop("bits", ()))
    values |= {name: value for name, value in given.items() if value is not None}
    return Settings(**values, bits=bits)
