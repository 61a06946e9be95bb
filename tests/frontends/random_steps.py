"""Random neuron steps in JAX: what a user might write, over every operation that is traced."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

Step = Callable[[dict[str, Any], dict[str, Any], dict[str, Any]], tuple[dict[str, Any], dict[str, Any]]]

UNARY: dict[str, Callable[[Any], Any]] = {
    "neg": lambda a: -a, "abs": jnp.abs, "sign": jnp.sign, "square": jnp.square, "cube": lambda a: a**3,
    "reciprocal": lambda a: (1.5 + jnp.abs(a)) ** -2, "exp": lambda a: jnp.exp(-jnp.abs(a)), "expm1": jnp.tanh,
    "tanh": jnp.tanh, "sigmoid": jax.nn.sigmoid, "softplus": jax.nn.softplus, "relu": jax.nn.relu,
    "sqrt": lambda a: jnp.sqrt(jnp.abs(a)), "log1p": lambda a: jnp.log1p(jnp.abs(a)),
    "log": lambda a: jnp.log(jnp.abs(a) + 0.5), "round": jnp.round, "floor": jnp.floor, "ceil": jnp.ceil,
    "clip": lambda a: jnp.clip(a, -1, 2), "clamp": lambda a: jax.lax.clamp(-1.0, a, 1.0),
    "stop": jax.lax.stop_gradient, "sin": jnp.sin, "cos": jnp.cos, "one_minus": lambda a: 1 - a,
    "power": lambda a: (jnp.abs(a) + 0.1) ** 0.3, "single": lambda a: a + np.float32(0.1), "whole": lambda a: a * 2,
    "rsqrt": lambda a: jax.lax.rsqrt(1.0 + a * a), "minus_small_exp": lambda a: jnp.expm1(-jnp.abs(a)),
}
BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "add": lambda a, b: a + b, "sub": lambda a, b: a - b, "mul": lambda a, b: a * b,
    "div": lambda a, b: a / (1 + jnp.abs(b)), "minimum": jnp.minimum, "maximum": jnp.maximum,
}
COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "lt": lambda a, b: a < b, "le": lambda a, b: a <= b, "gt": lambda a, b: a > b, "ge": lambda a, b: a >= b,
}
LOGIC: dict[str, Callable[[Any, Any], Any]] = {
    "and": lambda a, b: a & b, "or": lambda a, b: a | b, "xor": lambda a, b: a ^ b, "not": lambda a, _: ~a,
    "equal": lambda a, b: a == b, "product": lambda a, b: a * b, "then": lambda a, b: jnp.where(a, b, False),
}
MIXED: dict[str, Callable[[Any, Any, Any], Any]] = {
    "gate": lambda c, a, _: a * c, "where": jnp.where, "both": lambda c, a, b: jnp.where(c, a, 0) + b * ~c,
    "flag": lambda c, _, __: c.astype(jnp.float64), "shut": lambda c, a, _: a * (1 - c),
}


def random_step(seed: int, length: int = 14) -> Step:
    """A step with states v, w (float), n (int32) and b (bool), input current, parameters p (per unit), q (scalar)."""
    rng = Random(f"step {seed}")
    plan = [(rng.choice(["unary", "binary", "binary", "compare", "logic", "mixed", "mixed", "counter"]),
             rng.random(), [rng.random() for _ in range(3)]) for _ in range(length)]

    def step(state, inputs, params):
        numbers = [state["v"], state["w"], inputs["current"], params["p"], params["q"], state["n"] * 0.25]
        truths = [state["b"], state["v"] > params["q"], state["n"] >= 2]
        n = state["n"]
        for kind, choice, picks in plan:
            a, b = numbers[int(picks[0] * len(numbers))], numbers[int(picks[1] * len(numbers))]
            c, d = truths[int(picks[2] * len(truths))], truths[int(picks[0] * len(truths))]
            if kind == "unary":
                numbers.append(_pick(UNARY, choice)(a))
            elif kind == "binary":
                numbers.append(_pick(BINARY, choice)(a, b))
            elif kind == "compare":
                truths.append(_pick(COMPARE, choice)(a, b))
            elif kind == "logic":
                truths.append(_pick(LOGIC, choice)(c, d))
            elif kind == "mixed":
                numbers.append(_pick(MIXED, choice)(c, a, b))
            else:
                n = jnp.where(c, 0, jnp.minimum(n + 1, 5))
        new_state = {"v": jnp.clip(numbers[-1], -4, 4), "w": jnp.tanh(numbers[-2]), "n": n, "b": truths[-1]}
        return new_state, {"spikes": jnp.where(truths[-1], 1.0, 0.0), "level": numbers[-1]}

    return step


def _pick(table: dict[str, Any], choice: float) -> Any:
    names = sorted(table)
    return table[names[int(choice * len(names))]]


def random_values(seed: int, units: int) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """State, inputs and parameters [units] for a random step."""
    rng = np.random.default_rng(seed)
    state = {"v": rng.normal(0, 2, units), "w": rng.normal(0, 1, units),
             "n": rng.integers(0, 6, units, dtype=np.int32), "b": rng.random(units) < 0.5}
    return state, {"current": rng.normal(0, 2, units)}, {"p": rng.normal(0, 1, units), "q": np.float64(rng.normal())}
