"""What lowering gives: a network, and where in the module each of its states stands."""

from __future__ import annotations

from dataclasses import dataclass, field

from compiler.frontends.wiring import Path
from compiler.ir.network import Network


@dataclass(frozen=True)
class Origin:
    """Where a site's states stand in the module's nested state: path, and which units of the flattened arrays."""

    path: Path
    units: slice = field(default_factory=lambda: slice(None))


@dataclass
class Lowered:
    """A network and where its parts came from.

    origins: site name -> state in the module. emissions: population -> path of the module that emits, output port.
    """

    network: Network
    origins: dict[str, Origin] = field(default_factory=dict)
    emissions: dict[str, tuple[Path, str]] = field(default_factory=dict)
