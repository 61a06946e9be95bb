"""What lowering gives: a network, and where in the module each of its parts stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from compiler.ir.network import Network

if TYPE_CHECKING:
    from compiler.frontends.wiring import Path


@dataclass(frozen=True)
class Origin:
    """Where a site's states stand in the module's nested state: path, and which units of the flattened arrays.

    signs: what the module's states are multiplied by to give the network's; -1 where the module filters signed
    spikes, while the network has the sign in the weights behind.
    """

    path: Path
    units: slice | np.ndarray = field(default_factory=lambda: slice(None))
    signs: np.ndarray | float = field(default=1.0, compare=False)

    def of(self, rows: np.ndarray) -> np.ndarray:
        """The site's states from the module's flattened ones [..., n]."""
        return rows[..., self.units] * self.signs


@dataclass
class Lowered:
    """A network and where its parts came from.

    ports: input of the network -> input port of the module. origins: site -> where its states stand. emissions:
    population and port -> dotted path of the (unsigned) values it emits. currents: population -> dotted path of the sum
    that reaches it, where the module has one. synapses: site of plastic synapses and state -> where that state stands,
    the path complete.
    """

    network: Network
    ports: dict[str, str] = field(default_factory=dict)
    origins: dict[str, Origin] = field(default_factory=dict)
    emissions: dict[tuple[str, str], str] = field(default_factory=dict)
    currents: dict[str, str] = field(default_factory=dict)
    synapses: dict[tuple[str, str], Origin] = field(default_factory=dict)

    def sharing(self, site: str) -> list[str]:
        """The sites whose states add up to the same array of the module: filters of several origins."""
        return [name for name, origin in self.origins.items() if origin == self.origins[site]]

    def state_path(self, site: str, state: str) -> str:
        """Dotted path of a state."""
        own = self.synapses.get((site, state))
        return ".".join(own.path if own else (*self.origins[site].path, state))

    def state_origin(self, site: str, state: str) -> Origin:
        """What to take from the array at `state_path`."""
        return self.synapses.get((site, state)) or self.origins[site]
