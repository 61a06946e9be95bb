"""A learning rule of one's own, in one file: spike-timing-dependent plasticity with soft bounds.

    sparkc compile examples/own_rule.py --chip none -o build/own_rule
"""

from __future__ import annotations

from typing import Any

import numpy as np

from spark.nn.components.learning_rules.base import LearningRule, PairRuleConfig, rate
from spark.nn.components.synapses import TracedSynapsesConfig
from spark.nn.neurons import LIFNeuron


class SoftRuleConfig(PairRuleConfig):
    """Parameters of SoftRule."""

    grows: float = rate(0.02, "Share of what is left to w_max that a pair adds, pre before post.")
    fades: float = rate(0.02, "Share of the weight that a pair takes, post before pre.")


class SoftRule(LearningRule[SoftRuleConfig]):
    """The nearer a weight is to a bound, the less it moves there.

    Dynamics: ΔW = grows·(w_max − W)·x·s_post − fades·W·y·s_pre, with the traces of all pair rules.

    Source: van Rossum, Bi & Turrigiano 2000; Neuronal Dynamics, section 19.2.2.
    """

    config_class = SoftRuleConfig

    def rule_params(self) -> dict[str, Any]:
        config = self.config
        return {"grows": config.grows, "fades": config.fades, "tau_pre": config.pre_tau, "tau_post": config.post_tau}

    def synapse_step(self, state: Any, inputs: dict[str, Any], params: Any) -> tuple[Any, dict[str, Any]]:
        room = params["w_max"] - inputs["w"]
        gained = params["grows"] * room * inputs["x"] * inputs["s_post"]
        lost = params["fades"] * inputs["w"] * inputs["y"] * inputs["s_pre"]
        return state, {"change": gained - lost}


def model() -> LIFNeuron:
    """Three units over eight inputs."""
    kernel = np.random.default_rng(0).uniform(0.2, 0.8, (3, 8))
    return LIFNeuron(units=(3,), inhibitory_rate=0.0, learning_rule=SoftRuleConfig(w_max=1.0),
                     synapses=TracedSynapsesConfig(kernel=kernel, scale=2500.0)).build(8)
