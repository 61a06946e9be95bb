"""Rules of pairs of spikes: Hebbian, Oja's, spike-timing-dependent plasticity."""

from __future__ import annotations

from typing import Any

from spark.core.module import Params, State
from spark.nn.components.learning_rules.base import LearningRule, PairRuleConfig, rate


class HebbianRuleConfig(PairRuleConfig):
    """Parameters of HebbianRule."""

    eta: float = rate(0.01, "Learning rate, weight per pair of spikes.")


class HebbianRule(LearningRule[HebbianRuleConfig]):
    """Spikes that come together strengthen the synapse, whichever comes first.

    Dynamics: x ← exp(−dt/τ_pre)·x + s_pre; y ← exp(−dt/τ_post)·y + s_post; ΔW = η(y·s_pre + x·s_post).

    Parameters: eta (0.01 per pair), pre_tau, post_tau (ms, 20), w_max (10). State: pre.x, post.y, and the neuron's
    `kernel`. Shapes and errors as LearningRule. Source: Hebb 1949; Neuronal Dynamics, section 19.2.

    >>> from spark.nn.neurons import LIFNeuron
    >>> neuron = LIFNeuron(units=(1,), learning_rule=HebbianRuleConfig(), synapses__kernel=[[1.0]],
    ...                    synapses__scale=1e5).build(1)
    >>> _, state = neuron.run([[1]])
    >>> round(float(state["kernel"][0, 0]), 4)
    1.02
    """

    config_class = HebbianRuleConfig

    def rule_params(self) -> Params:
        config = self.config
        return {"eta": config.eta, "tau_pre": config.pre_tau, "tau_post": config.post_tau}

    def synapse_step(self, state: State, inputs: dict[str, Any], params: Params) -> tuple[State, dict[str, Any]]:
        pairs = inputs["y"] * inputs["s_pre"] + inputs["x"] * inputs["s_post"]
        return state, {"change": params["eta"] * pairs}


class OjaRuleConfig(PairRuleConfig):
    """Parameters of OjaRule."""

    eta: float = rate(0.01, "Learning rate, weight per pair of spikes.")


class OjaRule(LearningRule[OjaRuleConfig]):
    """Hebbian growth, with a decay that keeps the weights of a unit in proportion.

    Dynamics: x, y as HebbianRule; ΔW = η·y·s_pre − dt·η·W·y². The second term is a drift and carries dt.

    Parameters: eta (0.01 per pair; 0.01/ms in the drift), pre_tau, post_tau (ms, 20), w_max (10). State: pre.x, post.y,
    and the neuron's `kernel`. Shapes and errors as LearningRule. Source: Oja 1982; Neuronal Dynamics, section 19.2.

    >>> from spark.nn.neurons import LIFNeuron
    >>> neuron = LIFNeuron(units=(1,), learning_rule=OjaRuleConfig(), synapses__kernel=[[1.0]],
    ...                    synapses__scale=1e5).build(1)
    >>> _, state = neuron.run([[1]] + [[0]] * 9)
    >>> bool(state["kernel"][0, 0] < 1.0)
    True
    """

    config_class = OjaRuleConfig

    def rule_params(self) -> Params:
        config = self.config
        return {"eta": config.eta, "tau_pre": config.pre_tau, "tau_post": config.post_tau}

    def synapse_step(self, state: State, inputs: dict[str, Any], params: Params) -> tuple[State, dict[str, Any]]:
        y = inputs["y"]
        change = params["eta"] * (y * inputs["s_pre"] - params["dt"] * inputs["w"] * y * y)
        return state, {"change": change}


class STDPRuleConfig(PairRuleConfig):
    """Parameters of STDPRule."""

    a_plus: float = rate(0.01, "Weight gained per pair, pre before post.")
    a_minus: float = rate(0.0105, "Weight lost per pair, post before pre.")


class STDPRule(LearningRule[STDPRuleConfig]):
    """Pair-based spike-timing-dependent plasticity, all pairs.

    Dynamics: x, y as HebbianRule; ΔW = A₊·x·s_post − A₋·y·s_pre. A pair with post − pre = Δt changes the weight by
    A₊·exp(−Δt/τ_pre) for Δt ≥ 0, and by −A₋·exp(Δt/τ_post) for Δt ≤ 0; in one step, both.

    Parameters: a_plus (0.01), a_minus (0.0105), pre_tau, post_tau (ms, 20), w_max (10). State: pre.x, post.y, and the
    neuron's `kernel`. Shapes and errors as LearningRule. Source: Song, Miller & Abbott 2000, eq. 1.

    >>> rule = STDPRule(units=(1,)).build({"pre": (1,), "post": (1,), "kernel": (1, 1)})
    >>> round(float(rule(pre=[1], post=[1], kernel=[[1.0]])["kernel"].value[0, 0]), 4)
    0.9995
    """

    config_class = STDPRuleConfig

    def rule_params(self) -> Params:
        config = self.config
        return {"a_plus": config.a_plus, "a_minus": config.a_minus, "tau_pre": config.pre_tau,
                "tau_post": config.post_tau}

    def synapse_step(self, state: State, inputs: dict[str, Any], params: Params) -> tuple[State, dict[str, Any]]:
        gained = params["a_plus"] * inputs["x"] * inputs["s_post"]
        lost = params["a_minus"] * inputs["y"] * inputs["s_pre"]
        return state, {"change": gained - lost}
