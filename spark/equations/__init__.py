"""Neuron models as equations in text; the result is an ordinary soma.

>>> soma = neuron('''
...     dv/dt = (v_rest - v + R*I)/tau : mV
...     v_rest = -65 mV
...     tau = 20 ms in (0, 1000]
...     R = 0.1 GΩ
...     v(0) = v_rest
...     threshold: v > -50 mV
...     reset: v = v_rest
...     refractory: 2 ms
... ''', units=(4,), dt=0.1, tau=10)
>>> soma.units, soma.config.tau
((4,), 10.0)
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from spark.core.faults import ConfigError
from spark.equations.config import EquationSomaConfig
from spark.equations.elaborate import elaborated
from spark.equations.errors import EquationError
from spark.equations.model import INTEGRATORS
from spark.equations.models import gallery, gallery_text
from spark.equations.plan import plan
from spark.equations.soma import EquationSoma

SUFFIX = ".eq"


def neuron(text: str, **keywords: Any) -> EquationSoma:
    """The soma that a text of equations describes.

    `keywords`: parameters that the text declares, and fields of a soma (`units`, `dt`, `dtype`, `seed`, `integrator`,
    `surrogate`). One unit where `units` are not given. Its `config` fits into any neuron:
    `LIFNeuron(units=(64,), soma=neuron(text).config)`. Errors: EquationError with every fault of the text, each with
    line, column, caret and hint; ConfigError for the keywords.
    """
    if keywords.get("integrator") in INTEGRATORS and isinstance(text, str):
        plan(elaborated(text), keywords["integrator"])
    config = EquationSomaConfig(equations=text, **keywords)
    if config.units is None:
        # Not as if it was given: a neuron around it hands its own units down.
        config._values["units"] = (1,)
        if faults := config.faults():
            raise ConfigError("equations", faults)
    return EquationSoma(config)


def read(path: Any, **keywords: Any) -> EquationSoma:
    """The soma of a file of equations (`.eq`, UTF-8). `keywords` and errors as `neuron`; OSError."""
    return neuron(Path(path).read_text(encoding="utf-8"), **keywords)


__all__ = ["SUFFIX", "EquationError", "EquationSoma", "EquationSomaConfig", "gallery", "gallery_text", "neuron", "read"]
