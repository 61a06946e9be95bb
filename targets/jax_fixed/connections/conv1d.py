"""Convolution over one axis: written like that over two."""

from __future__ import annotations

from targets.jax_fixed.connections.conv2d import lower, matrix_text

__all__ = ["lower", "matrix_text"]
