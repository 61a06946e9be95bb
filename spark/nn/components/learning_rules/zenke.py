"""The orchestrated plasticity of Zenke, Agnes & Gerstner."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from spark.core.config import above
from spark.core.module import Params, State
from spark.nn.components.learning_rules.base import LearningRule, PairRuleConfig, rate, trace_tau


class ZenkeRuleConfig(PairRuleConfig):
    """Parameters of ZenkeRule."""

    slow_tau: float = trace_tau(100.0, "Time constant of the slow postsynaptic trace.")
    consolidation_tau: float = trace_tau(1.2e6, "Time constant of the reference weight.")
    a: float = rate(1e-3, "Rate of triplet potentiation, A.")
    b: float = rate(1e-3, "Rate of doublet depression, B.")
    beta: float = rate(0.05, "Rate of heterosynaptic plasticity, β.")
    delta: float = rate(2e-5, "Weight gained per presynaptic spike, δ.")
    potential: float = rate(20.0, "Strength of the double-well potential, P.")
    well: float = rate(0.5, "Upper stable reference weight, w_P.", bound=above(0))


class ZenkeRule(LearningRule[ZenkeRuleConfig]):
    """Triplet potentiation, doublet depression, heterosynaptic and transmitter-induced plasticity, with consolidation.

    Dynamics: x, z, z_slow: traces of s_pre, s_post (τ_pre, τ_post, τ_slow);
    ΔW = A·x·z_slow·s_post − B·z·s_pre − β(W − W̃)z³·s_post + δ·s_pre, with z_slow, and z in the cubic term, as they are
    just before this step's spike; W̃ ← W̃ + (dt/τ_c)[W − W̃ − P·W̃(w_P/2 − W̃)(w_P − W̃)], from old values; W̃ = W at the
    start. W is in units of a reference weight.

    Parameters: a (1e-3), b (1e-3), beta (0.05), delta (2e-5), potential P (20), well w_P (0.5), pre_tau, post_tau (ms,
    20), slow_tau (ms, 100), consolidation_tau (ms, 1.2e6), w_max (10). State: pre.x, post.z, post.z_slow,
    synapse.reference, and the neuron's `kernel`. Shapes and errors as LearningRule.
    Source: Zenke, Agnes & Gerstner 2015, Methods (without its homeostasis of B).

    >>> rule = ZenkeRule(units=(1,)).build({"pre": (1,), "post": (1,), "kernel": (1, 1)})
    >>> round(float(rule(pre=[1], post=[0], kernel=[[0.5]])["kernel"].value[0, 0]), 6)
    0.50002
    """

    config_class = ZenkeRuleConfig
    post_traces = ("z", "z_slow")
    synapse_traces = ("reference",)

    def rule_params(self) -> Params:
        config = self.config
        taus = {"tau_pre": config.pre_tau, "tau_post": config.post_tau, "tau_slow": config.slow_tau,
                "tau_c": config.consolidation_tau}
        return taus | {name: getattr(config, name) for name in ("a", "b", "beta", "delta", "potential", "well")}

    def initial_state_for(self, kernel: np.ndarray) -> State:
        return self.initial_state() | {"synapse": {"reference": np.asarray(kernel)}}

    def post_step(self, state: State, inputs: dict[str, Any], params: Params) -> tuple[State, dict[str, Any]]:
        z_before = jnp.exp(-params["dt"] / params["tau_post"]) * state["z"]
        slow_before = jnp.exp(-params["dt"] / params["tau_slow"]) * state["z_slow"]
        z = z_before + inputs["spikes"]
        new_state = {"z": z, "z_slow": slow_before + inputs["spikes"]}
        return new_state, {"z": z, "z_before": z_before, "slow_before": slow_before}

    def synapse_step(self, state: State, inputs: dict[str, Any], params: Params) -> tuple[State, dict[str, Any]]:
        w, reference, z_before = inputs["w"], state["reference"], inputs["z_before"]
        triplet = params["a"] * inputs["x"] * inputs["slow_before"]
        elsewhere = params["beta"] * (w - reference) * z_before * z_before * z_before
        of_pre = params["delta"] - params["b"] * inputs["z"]
        change = (triplet - elsewhere) * inputs["s_post"] + of_pre * inputs["s_pre"]
        well = params["well"]
        pull = params["potential"] * reference * (well / 2 - reference) * (well - reference)
        moved = reference + params["dt"] / params["tau_c"] * (w - reference - pull)
        return {"reference": moved}, {"change": change}
