"""What a chip family with an arithmetic of its own offers, so that its networks can be taken apart.

The fixed network of such a family is not made operation by operation from the model, so there are three networks: the
model, the *exact form*, which is the chip's own program on exact numbers, and the fixed network. Between the exact form
and the fixed network everything is blamed as on any target; what the exact form does other than the model is the
component `order`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from compiler.ir.network import Network


@dataclass(frozen=True)
class Reading:
    """A value of the exact form, `pop.v`, as the model shows it: sum of factor * record, plus an offset; all [n].

    at_rest: what it is taken for while a unit rests after a spike, when it decides nothing; None: what it is. since:
    steps after the spike from which it rests.
    """

    terms: tuple[tuple[str, np.ndarray], ...]
    offset: np.ndarray = field(default_factory=lambda: np.zeros(()))
    at_rest: np.ndarray | None = None
    since: int = 0


@dataclass(frozen=True)
class ExactForm:
    """The fixed network on exact numbers, operation by operation, and where its values stand in the model.

    network: level model, units and names of the fixed network. values: readings of its states and of the values that
    it emits (spikes are the model's own). margins: of its comparisons `pop.op`, left minus right. rests: steps of rest
    after a spike by population, [n]. after_decays: parameters `pop.name` that depend on decays, as they are exact for
    the quantized ones, [n]. origins: what a value of 0 is in the model's unit, by record or threshold, [n].
    """

    network: Network
    values: Mapping[str, Reading]
    margins: Mapping[str, Reading]
    rests: Mapping[str, np.ndarray]
    after_decays: Mapping[str, np.ndarray]
    origins: Mapping[str, np.ndarray]
