"""Neurons: pools of units made of delays, synapses, a soma and a learning rule."""

from __future__ import annotations

import inspect
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, Self, TypedDict, TypeVar

import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from spark.core import registry
from spark.core.config import (
    ConfigError,
    Fault,
    SparkConfig,
    above,
    between,
    choice,
    integer,
    nested,
    quantity,
    shape,
)
from spark.core.module import Params, SparkModule, State
from spark.core.payloads import FloatArray, Payload, SpikeArray
from spark.core.precision import DTYPES
from spark.core.seeds import SEED_LIMIT, generator
from spark.core.specs import PortSpecs, as_specs
from spark.core.taps import step_child
from spark.nn.components.delays.base import Delays, DelaysConfig
from spark.nn.components.learning_rules.base import LearningRule, LearningRuleConfig
from spark.nn.components.somas.base import Soma, SomaConfig
from spark.nn.components.synapses.base import Synapses, SynapsesConfig

MODULATION = "modulation"


class NeuronOutput(TypedDict):
    """What calling a neuron returns."""

    out_spikes: SpikeArray


class NeuronConfig(SparkConfig):
    """Fields of every neuron. `dt`, `dtype`, `units` and `seed` reach the components unless these say otherwise."""

    units: tuple[int, ...] = shape(doc="Shape of the pool.")
    dt: float = quantity(1.0, unit="ms", bound=above(0), extent="scalar", inherited=True, doc="Time step.")
    dtype: str = choice("float32", options=DTYPES, inherited=True, doc="Number type of a run.")
    seed: int = integer(0, bound=between(0, SEED_LIMIT), inherited=True, doc="Seed of everything drawn.")
    inhibitory_rate: float = quantity(0.2, bound=between(0, 1), extent="scalar",
                                      doc="Share of inhibitory units; above 0 the kernel must not be negative.")
    soma: SomaConfig = nested(base=SomaConfig, doc="Soma.")
    synapses: SynapsesConfig = nested(base=SynapsesConfig, doc="Synapses.")
    delays: DelaysConfig | None = nested(None, optional=True, base=DelaysConfig, doc="Delays, or None.")
    learning_rule: LearningRuleConfig | None = nested(None, optional=True, base=LearningRuleConfig,
                                                      doc="Learning rule, or None.")

    def check(self) -> list[Fault]:
        return [Fault(f"{name}.{field}", getattr(child, field), f"{getattr(self, field)}, as in the neuron")
                for name, child in self.children().items() for field in ("units", "dt", "dtype")
                if field in child.fields and getattr(child, field) != getattr(self, field)]


NeuronConfigType = TypeVar("NeuronConfigType", bound=NeuronConfig)


class Neuron(SparkModule[NeuronConfigType]):
    """Base of the neurons. One step: delays → synapses → soma → learning rule → sign.

    The learning rule sees the delayed spikes and the soma's spikes; new weights act from the next step. The output is
    signed by the pool's inhibition mask: floor(N·inhibitory_rate) units, drawn once from the seed.

    Attributes: config, units, soma, delays (or None), synapses, learning_rule (or None), inhibition_mask (booleans
    [units]), input_shape. State: that of the parts, and `kernel` if there is a learning rule: the weights as learned so
    far, which `reset` keeps. Input ports: in_spikes, and modulation (a scalar, optional, for rules that use it). Output
    port: out_spikes. Errors: ConfigError, also for negative weights with inhibitory_rate > 0 (Dale's principle).
    """

    config_class = NeuronConfig
    input_ports = {"in_spikes": SpikeArray, MODULATION: FloatArray}
    output_ports: Mapping[str, type[Payload]] = {"out_spikes": SpikeArray}
    optional_ports = (MODULATION,)
    shape_is_free = True
    soma_port = "spikes"
    """The output port its soma must have."""

    @abstractmethod
    def __init__(self, config: NeuronConfigType | None = None, **keywords: Any) -> None:
        super().__init__(config, **keywords)
        self.units: tuple[int, ...] = self.config.units
        self.soma: Soma[Any] = made(self.config.soma, Soma)
        self.synapses: Synapses[Any] = made(self.config.synapses, Synapses)
        self.delays: Delays[Any] | None = made(self.config.delays, Delays)
        self.learning_rule: LearningRule[Any] | None = made(self.config.learning_rule, LearningRule)
        self._check_soma()
        self.inhibition_mask = self._draw_mask()

    def _check_soma(self) -> None:
        if self.soma_port not in self.soma.output_ports:
            bound = f"a soma with the output port {self.soma_port!r}"
            raise ConfigError(type(self).__name__, [Fault("soma", type(self.soma).__name__, bound)])

    def _draw_mask(self) -> np.ndarray:
        total = int(np.prod(self.units))
        mask = np.zeros(total, dtype=bool)
        # The slack keeps floor(10 · 0.3) at 3 where the product comes out as 2.9999999999999996.
        count = int(np.floor(total * self.config.inhibitory_rate + 1e-9))
        mask[generator(self.config.seed, "inhibition").permutation(total)[:count]] = True
        return mask.reshape(self.units)

    def build(self, input_specs: Any) -> Self:
        """Fix the input's shape and draw the weights: `build(64)`, `build((8, 8))` or by port."""
        specs = as_specs(input_specs, self.input_ports)
        if self.learning_rule is not None:
            specs.setdefault(MODULATION, PortSpecs((), FloatArray))
        size = specs[MODULATION].shape if MODULATION in specs else ()
        if int(np.prod(size)) != 1:
            raise ValueError(f"{type(self).__name__}.{MODULATION}: shape {size}, expected one number")
        super().build(specs)
        self._check_params(self.params)
        return self

    def _build(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        self.input_shape = shapes["in_spikes"]
        if self.delays is not None:
            self.delays.build(self.input_shape)
        arriving = self.input_shape if self.delays is None else self.delays.steps_shape
        if arriving == self.input_shape:
            self.synapses.build(self.input_shape)
        else:
            self.synapses.build_paired(self.input_shape)
        if self.learning_rule is not None:
            kernel = self.synapses.params["kernel"]
            self.learning_rule.build({"pre": arriving, "post": self.units, "kernel": kernel.shape, MODULATION: ()})
            self.learning_rule.set_existing(kernel)
        self._hold(inhibition_mask=self.inhibition_mask)

    def children(self) -> dict[str, SparkModule]:
        parts = {"delays": self.delays, "synapses": self.synapses, "soma": self.soma,
                 "learning_rule": self.learning_rule}
        return {name: part for name, part in parts.items() if part is not None}

    def _adopt(self, children: dict[str, SparkModule]) -> None:
        for name, child in children.items():
            setattr(self, name, child)

    @property
    def output_specs(self) -> dict[str, PortSpecs]:
        return {port: PortSpecs(self.units, payload) for port, payload in self.output_ports.items()}

    def prepared(self, params: Params) -> Params:
        # What is learned changes from step to step.
        return params if self.learning_rule is not None else super().prepared(params)

    def initial_state(self) -> State:
        state = super().initial_state()
        if self.learning_rule is not None:
            kernel = np.asarray(self.synapses.params["kernel"])
            state |= {"kernel": kernel, "learning_rule": self.learning_rule.initial_state_for(kernel)}
        return state

    def reset(self) -> None:
        """Back to the initial state; weights stay, learned ones included."""
        if self.learning_rule is not None and self._state is not None:
            learned = np.asarray(self._state["kernel"])
            self.synapses.params = self.synapses.params | {"kernel": learned}
        super().reset()

    def _check_params(self, params: Params) -> None:
        kernel = params["synapses"]["kernel"]
        if self.config.inhibitory_rate > 0:
            require_no_negative(kernel, type(self).__name__, "where spikes are signed by inhibition",
                                "set inhibitory_rate=0 for signed weights")
        if self.learning_rule is not None:
            require_no_negative(kernel, type(self).__name__, "where a learning rule keeps weights in 0 … w_max")

    # -- the step -------------------------------------------------------------------------------------------------

    def step(self, state: State, inputs: dict[str, Any], params: Params) -> tuple[State, dict[str, Any]]:
        new_state: State = {}
        arriving = inputs["in_spikes"]
        if self.delays is not None:
            new_state["delays"], out = step_child(
                "delays", self.delays, state["delays"], {"in_spikes": arriving}, params["delays"])
            arriving = out["out_spikes"]
        weights = params["synapses"]
        if self.learning_rule is not None:
            weights = weights | {"kernel": state["kernel"]}
        new_state["synapses"], out = step_child(
            "synapses", self.synapses, state["synapses"], {"spikes": arriving}, weights)
        new_state["soma"], out = step_child("soma", self.soma, state["soma"], {"current": out["current"]},
                                            params["soma"])
        if self.learning_rule is not None:
            seen = {"pre": jnp.abs(arriving), "post": out["spikes"], "kernel": state["kernel"]}
            seen |= {MODULATION: jnp.reshape(inputs[MODULATION], ())} if MODULATION in inputs else {}
            new_state["learning_rule"], learned = step_child(
                "learning_rule", self.learning_rule, state["learning_rule"], seen, params["learning_rule"])
            new_state["kernel"] = learned["kernel"]
        return new_state, self._emitted(out, params)

    def _emitted(self, soma_outputs: dict[str, Any], params: Params) -> dict[str, Any]:
        """The neuron's outputs from the soma's: spikes, signed by the mask."""
        spikes = soma_outputs["spikes"]
        if self.config.inhibitory_rate == 0:
            return {"out_spikes": spikes}
        return {"out_spikes": jnp.where(params["inhibition_mask"], -spikes, spikes)}

    def _wrap(self, port: str, value: Any) -> Payload:
        return SpikeArray(value, self.inhibition_mask) if port == "out_spikes" else super()._wrap(port, value)


def made(config: Any, base: type) -> Any:
    """The component a configuration belongs to. Errors: ConfigError if it is the configuration of a base class."""
    if config is None:
        return None
    module = registry.module_of(type(config))
    if module is None or not issubclass(module, base) or inspect.isabstract(module):
        fault = Fault(type(config).__name__, config, f"the configuration of a {base.__name__} that can be made")
        raise ConfigError(base.__name__, [fault])
    return module(config)


def require_no_negative(kernel: Any, subject: str, why: str, hint: str = "", path: str = "synapses.kernel") -> None:
    """Dale's principle: a unit's sign is in its spikes, so no weight may be negative. Errors: ConfigError."""
    if isinstance(kernel, Tracer):
        return  # Inside a transformation there are no numbers to look at.
    lowest = float(np.min(np.asarray(kernel))) if np.size(kernel) else 0.0
    if lowest < 0:
        raise ConfigError(subject, [Fault(path, lowest, f">= 0 {why}", hint)])
