"""Learning rules: how a weight changes with the spikes on both of its sides."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import jax.numpy as jnp
import numpy as np

from spark.core.config import Bound, above, between, quantity
from spark.core.module import Params, State
from spark.core.payloads import FloatArray, SpikeArray
from spark.core.specs import PortSpecs
from spark.nn.components.base import TIME_CONSTANT, Part, PartConfig


class LearningRuleConfig(PartConfig):
    """Fields of all learning rules."""

    w_max: float = quantity(10.0, bound=above(0), extent="scalar", doc="Largest weight (kernel units).")


FACTOR = between(-1e6, 1e6)


def trace_tau(default: float, doc: str) -> Any:
    return quantity(default, unit="ms", bound=TIME_CONSTANT, extent="scalar", doc=doc)


def rate(default: float, doc: str, bound: Bound = FACTOR) -> Any:
    return quantity(default, bound=bound, extent="scalar", doc=doc)


class PairRuleConfig(LearningRuleConfig):
    """Fields of rules with one trace on each side."""

    pre_tau: float = trace_tau(20.0, "Time constant of the presynaptic trace x.")
    post_tau: float = trace_tau(20.0, "Time constant of the postsynaptic trace y.")


LearningRuleConfigType = TypeVar("LearningRuleConfigType", bound=LearningRuleConfig)


class LearningRule(Part[LearningRuleConfigType]):
    """Base of the learning rules: W ← clip(W + ΔW, 0, w_max), only where a synapse exists.

    A rule is three scalar functions, each elementwise at its site: `pre_step` (one presynaptic unit; of a pair, if
    delays differ from synapse to synapse), `post_step` (one postsynaptic unit) and `synapse_step` (one synapse).
    Terms with a spike are per event and carry no dt; drift terms do. Traces are updated before they are used, so
    that coincident spikes count both ways.

    `modulation` is the amount of modulator released in this step, an event like a spike: a level m that lasts is m·dt.

    Input ports: `pre` (spikes 0/1, [*pre] or [*post, *pre]), `post` [*post], `kernel` [*post, *pre], and `modulation`
    (a scalar, 0 if absent). Output: `kernel`. Parameter `exists`: booleans [*post, *pre], the synapses there are.
    """

    config_class = LearningRuleConfig
    input_ports = {"pre": SpikeArray, "post": SpikeArray, "kernel": FloatArray, "modulation": FloatArray}
    output_ports = {"kernel": FloatArray}
    optional_ports = ("modulation",)

    def _build(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        self.pre_shape, self.post_shape, self.kernel_shape = shapes["pre"], shapes["post"], shapes["kernel"]
        self._hold(exists=np.ones(self.kernel_shape, bool), w_max=self.config.w_max, dt=self.dt, **self.rule_params())

    def set_existing(self, kernel: np.ndarray) -> None:
        """Only synapses with a weight here exist; the others never grow."""
        self.params = self.params | {"exists": np.asarray(kernel) != 0}

    @property
    def role(self) -> str:
        return "learning_rule"

    @property
    def output_specs(self) -> dict[str, PortSpecs]:
        return {"kernel": PortSpecs(self.kernel_shape, FloatArray)}

    def initial_state_for(self, kernel: np.ndarray) -> State:
        """The initial state of a rule that starts from these weights."""
        return self.initial_state()

    def initial_state(self) -> State:
        self._require_built()
        return {"pre": self.trace_state(self.pre_traces, self.pre_shape),
                "post": self.trace_state(self.post_traces, self.post_shape),
                "synapse": self.trace_state(self.synapse_traces, self.kernel_shape)}

    pre_traces: tuple[str, ...] = ("x",)
    post_traces: tuple[str, ...] = ("y",)
    synapse_traces: tuple[str, ...] = ()

    @staticmethod
    def trace_state(names: tuple[str, ...], size: tuple[int, ...]) -> State:
        return {name: np.zeros(size) for name in names}

    @abstractmethod
    def rule_params(self) -> Params:
        """The rule's own parameters: scalars."""

    def pre_step(self, state: State, inputs: dict[str, Any], params: Params) -> tuple[State, dict[str, Any]]:
        """Presynaptic trace: {'spikes': s} → {'x': x}, x ← exp(−dt/τ)·x + s."""
        x = traced(state["x"], inputs["spikes"], params["dt"], params["tau_pre"])
        return {"x": x}, {"x": x}

    def post_step(self, state: State, inputs: dict[str, Any], params: Params) -> tuple[State, dict[str, Any]]:
        """Postsynaptic trace: {'spikes': S} → {'y': y}, y ← exp(−dt/τ)·y + S."""
        y = traced(state["y"], inputs["spikes"], params["dt"], params["tau_post"])
        return {"y": y}, {"y": y}

    @abstractmethod
    def synapse_step(self, state: State, inputs: dict[str, Any], params: Params) -> tuple[State, dict[str, Any]]:
        """One synapse: {'w', 's_pre', 's_post', 'modulation', and both sides' names} → {'change': ΔW}."""

    def step(self, state: State, inputs: dict[str, Any], params: Params) -> tuple[State, dict[str, Any]]:
        return self._learned(state, inputs, params, self._spread)

    def one_synapse(self, state: State, inputs: dict[str, Any], params: Params) -> tuple[State, dict[str, Any]]:
        """`step` for one synapse: every port, state and parameter is a scalar. This is what a compiler traces."""
        return self._learned(state, inputs, params, lambda value: value)

    def _learned(self, state: State, inputs: dict[str, Any], params: Params, spread: Callable[[Any], Any]
                 ) -> tuple[State, dict[str, Any]]:
        kernel = inputs["kernel"]
        pre_state, pre = self.pre_step(state["pre"], {"spikes": inputs["pre"]}, params)
        post_state, post = self.post_step(state["post"], {"spikes": inputs["post"]}, params)
        seen = {name: spread(value) for name, value in (post | {"s_post": inputs["post"]}).items()}
        seen |= pre | {"s_pre": inputs["pre"], "w": kernel, "modulation": inputs.get("modulation", 0)}
        synapse_state, out = self.synapse_step(state["synapse"], seen, params)
        changed = jnp.clip(kernel + out["change"], 0, params["w_max"])
        new_state = {"pre": pre_state, "post": post_state, "synapse": synapse_state}
        return new_state, {"kernel": jnp.where(params["exists"], changed, kernel)}

    def _spread(self, post: Any) -> Any:
        """A postsynaptic value, shaped so that it meets every presynaptic one."""
        return jnp.reshape(post, self.post_shape + (1,) * (len(self.kernel_shape) - len(self.post_shape)))


def traced(trace: Any, spikes: Any, dt: Any, tau: Any) -> Any:
    """A trace one step later, this step's spike included."""
    return jnp.exp(-dt / tau) * trace + spikes
