"""How a source is read."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SourceOptions:
    """How to read a source; None leaves the decision to the file.

    dt: ms. reset: `file`, `zero` or `subtract`. recurrent_delay: steps, recurrent_start: `empty` or `bias`, of cycles
    that say no delay. precision: of the floating-point reference. readout: how classes are read from outputs.
    input_kind: what inputs carry (`spikes`, `signed`, `events:15`, `current`; or by name, `a=spikes,b=current`).
    repair: read an inconsistent file in its one sensible way. round_delays: take delays that are no whole number of
    steps.
    """

    dt: float | None = None
    reset: str | None = None
    recurrent_delay: int | None = None
    recurrent_start: str | None = None
    precision: str | None = None
    readout: str | None = None
    input_kind: str | None = None
    repair: bool | None = None
    round_delays: bool | None = None
