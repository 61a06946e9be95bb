"""The target `jax_fixed`: a readable, stand-alone fixed-point JAX program."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from compiler import npz
from compiler.diagnostics import Diagnostic
from compiler.ir.network import Network
from targets.jax_fixed.emit import program_text
from targets.jax_fixed.limits import check
from targets.jax_fixed.runner import load, run

if TYPE_CHECKING:
    from targets.jax_fixed.traced import TracedProgram

ENGINE = "program"


def emit(network: Network, chip=None) -> dict[str, bytes]:
    """program.py and tensors.npz for a network of integers. The chip does not matter."""
    tensors = {name: network.tensors[name].data for name in sorted(network.tensors)}
    return {"program.py": program_text(network).encode(), "tensors.npz": npz.packed(tensors)}


def stored_weights(folder: Path, network: Network, name: str, chip=None) -> np.ndarray:
    """Raw weights [post, pre] of a projection with one link, as tensors.npz of a folder holds them."""
    tensor = npz.read(folder / "tensors.npz")[network.projection(name).chain[0].weights.name]  # pyright: ignore
    return tensor.astype(np.int64)


def training_program(network: Network) -> TracedProgram:
    """The program with weights and parameters that JAX traces: what training in the loop runs forward."""
    from targets.jax_fixed.traced import TracedProgram

    return TracedProgram(network)


__all__ = ["ENGINE", "Diagnostic", "check", "emit", "load", "run", "stored_weights", "training_program"]
