"""sparkc: a compiler from spiking networks to checked fixed-point programs and core tables.

`compiler.compile(source, output)` gives an `Artifact`, `artifact.run(inputs)` runs it, `compiler.load(folder)` reads
one back, `compiler.compare(source, data)` tells what the bits cost, `compiler.quantized_step(model)` is the compiled
step for training. Each is imported when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from compiler.training.step import quantized_step
    from compiler.verbs import compare, compile, load

__version__ = "0.1.0"
__all__ = ["compare", "compile", "load", "quantized_step"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'compiler' has no attribute {name!r}")
    home = "compiler.training" if name == "quantized_step" else "compiler.verbs"
    return getattr(importlib.import_module(home), name)
