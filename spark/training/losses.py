"""Losses and scores over the outputs of a run, [B, T, units]."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import optax

Loss = Callable[[dict[str, Any], Any], Any]


def counts(outputs: dict[str, Any], port: str | None = None) -> Any:
    """Sums over time of one output port (the first unless named): [B, units]. Signs of inhibition do not count."""
    values = outputs[next(iter(outputs)) if port is None else port]
    return jnp.sum(jnp.abs(values), axis=1).reshape(values.shape[0], -1)


def means(outputs: dict[str, Any], port: str | None = None) -> Any:
    """Means over time of one output port (the first unless named): [B, units]."""
    values = outputs[next(iter(outputs)) if port is None else port]
    return jnp.mean(values, axis=1).reshape(values.shape[0], -1)


def count_cross_entropy(scale: float = 1.0, port: str | None = None) -> Loss:
    """Softmax cross-entropy of scaled spike counts against integer labels [B]."""
    def loss(outputs: dict[str, Any], labels: Any) -> Any:
        logits = scale * counts(outputs, port)
        return jnp.mean(optax.softmax_cross_entropy_with_integer_labels(logits, labels))

    return loss


def value_cross_entropy(scale: float = 1.0, port: str | None = None) -> Loss:
    """Softmax cross-entropy of scaled means over time (of potentials, say) against integer labels [B]."""
    def loss(outputs: dict[str, Any], labels: Any) -> Any:
        return jnp.mean(optax.softmax_cross_entropy_with_integer_labels(scale * means(outputs, port), labels))

    return loss


def count_mean_square(port: str | None = None) -> Loss:
    """Mean square of spike counts against wanted counts [B, units]."""
    def loss(outputs: dict[str, Any], wanted: Any) -> Any:
        return jnp.mean(jnp.square(counts(outputs, port) - wanted))

    return loss


def accuracy(outputs: dict[str, Any], labels: Any) -> Any:
    """Share of samples whose largest spike count (lowest index among equals) is at the label."""
    return jnp.mean(jnp.argmax(counts(outputs), axis=1) == labels)


def value_accuracy(outputs: dict[str, Any], labels: Any) -> Any:
    """Share of samples whose largest mean over time (lowest index among equals) is at the label."""
    return jnp.mean(jnp.argmax(means(outputs), axis=1) == labels)
