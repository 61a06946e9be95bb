"""Rules with a third factor that arrives at the neuron's port `modulation`."""

from __future__ import annotations

from typing import Any

from spark.core.module import Params, State
from spark.nn.components.learning_rules.base import LearningRule, PairRuleConfig, rate, trace_tau, traced


class ThreeFactorHebbianRuleConfig(PairRuleConfig):
    """Parameters of ThreeFactorHebbianRule."""

    eta: float = rate(0.01, "Learning rate, weight per pair of spikes and unit of modulator.")
    eligibility_tau: float = trace_tau(200.0, "Time constant of the eligibility e.")


class ThreeFactorHebbianRule(LearningRule[ThreeFactorHebbianRuleConfig]):
    """Pairs of spikes make a synapse eligible; a modulator turns eligibility into weight.

    Dynamics: x, y as HebbianRule; e ← exp(−dt/τ_e)·e + (y·s_pre + x·s_post); ΔW = η·M·e. M is what the port
    `modulation` brings in this step, 0 if it is absent.

    Parameters: eta (0.01), pre_tau, post_tau (ms, 20), eligibility_tau (ms, 200), w_max (10). State: pre.x, post.y,
    synapse.e, and the neuron's `kernel`. Shapes and errors as LearningRule. Source: Izhikevich 2007; Frémaux & Gerstner
    2016.

    >>> from spark.nn.neurons import LIFNeuron
    >>> neuron = LIFNeuron(units=(1,), learning_rule=ThreeFactorHebbianRuleConfig(), synapses__kernel=[[1.0]],
    ...                    synapses__scale=1e5).build(1)
    >>> _, state = neuron.run({"in_spikes": [[1], [0]], "modulation": [0.0, 1.0]})
    >>> round(float(state["kernel"][0, 0]), 4)
    1.0199
    """

    config_class = ThreeFactorHebbianRuleConfig
    synapse_traces = ("e",)

    def rule_params(self) -> Params:
        config = self.config
        return {"eta": config.eta, "tau_pre": config.pre_tau, "tau_post": config.post_tau,
                "tau_e": config.eligibility_tau}

    def synapse_step(self, state: State, inputs: dict[str, Any], params: Params) -> tuple[State, dict[str, Any]]:
        pairs = inputs["y"] * inputs["s_pre"] + inputs["x"] * inputs["s_post"]
        e = traced(state["e"], pairs, params["dt"], params["tau_e"])
        return {"e": e}, {"change": params["eta"] * inputs["modulation"] * e}


class QuadrupletRuleConfig(PairRuleConfig):
    """Parameters of QuadrupletRule."""

    pre_tau: float = trace_tau(10.0, "Time constant of the presynaptic trace x.")
    post_tau: float = trace_tau(10.0, "Time constant of the postsynaptic trace y.")
    eta: float = rate(0.1, "Learning rate, weight per event and unit of modulator.")
    q_alpha: float = rate(1.0, "Factor of a presynaptic spike.")
    q_beta: float = rate(1.0, "Factor of a presynaptic spike after a postsynaptic one.")
    q_gamma: float = rate(1.0, "Factor of a postsynaptic spike.")
    q_delta: float = rate(1.0, "Factor of a postsynaptic spike after a presynaptic one.")


class QuadrupletRule(LearningRule[QuadrupletRuleConfig]):
    """The four terms of first and second order in the spikes, gated by a modulator.

    Dynamics: x, y as HebbianRule; ΔW = η·m·(α·s_pre + β·y·s_pre + γ·s_post + δ·x·s_post). m is what the port
    `modulation` brings in this step, 0 if it is absent.

    Parameters: eta (0.1), q_alpha, q_beta, q_gamma, q_delta (1), pre_tau, post_tau (ms, 10), w_max (10). State: pre.x,
    post.y, and the neuron's `kernel`. Shapes and errors as LearningRule. Source: Neuronal Dynamics, eq. 19.2 (expansion
    to second order, with traces for rates).

    >>> rule = QuadrupletRule(units=(1,)).build({"pre": (1,), "post": (1,), "kernel": (1, 1), "modulation": ()})
    >>> round(float(rule(pre=[1], post=[0], kernel=[[1.0]], modulation=0.5)["kernel"].value[0, 0]), 4)
    1.05
    """

    config_class = QuadrupletRuleConfig

    def rule_params(self) -> Params:
        config = self.config
        factors = {name: getattr(config, f"q_{name}") for name in ("alpha", "beta", "gamma", "delta")}
        return factors | {"eta": config.eta, "tau_pre": config.pre_tau, "tau_post": config.post_tau}

    def synapse_step(self, state: State, inputs: dict[str, Any], params: Params) -> tuple[State, dict[str, Any]]:
        of_pre = (params["alpha"] + params["beta"] * inputs["y"]) * inputs["s_pre"]
        of_post = (params["gamma"] + params["delta"] * inputs["x"]) * inputs["s_post"]
        return state, {"change": params["eta"] * inputs["modulation"] * (of_pre + of_post)}
