"""The backbone: every module is a pure step with a thin stateful face."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Generic, Self, TypeVar

import jax
import numpy as np

from spark.core import registry
from spark.core.config import ConfigError, Fault, SparkConfig
from spark.core.fields import QuantityField
from spark.core.payloads import Payload
from spark.core.precision import cast, precision, released
from spark.core.seeds import generator
from spark.core.simulation import Run, simulate_module
from spark.core.specs import PortSpecs, as_specs
from spark.core.tree import checked_like, flatten, frozen

ConfigType = TypeVar("ConfigType", bound=SparkConfig)
State = dict[str, Any]
Params = dict[str, Any]


class SparkModule(ABC, Generic[ConfigType]):
    """Base of everything that has a step.

    A subclass declares `config_class`, `input_ports`, `output_ports` and defines `step` and `initial_state`; a leaf
    puts its parameters into `_params` when it is built, a composite returns its parts from `children`.

    `step(state, inputs, params) -> (state, outputs)` is pure, one time step, without batch; states and parameters are
    nested dicts, inputs and outputs dicts by port. All right-hand sides use the values at the start of the step unless
    a class says otherwise. `run` repeats it by one `lax.scan`, batched by `vmap`; calling the module advances its own
    `state` by one step and returns payloads.

    Errors: `ConfigError` for a wrong configuration, `ValueError` for inputs that do not fit.
    """

    config_class: ClassVar[type[SparkConfig]] = SparkConfig
    input_ports: ClassVar[Mapping[str, type[Payload]]] = {}
    output_ports: ClassVar[Mapping[str, type[Payload]]] = {}
    optional_ports: ClassVar[tuple[str, ...]] = ()
    config: ConfigType

    def __init_subclass__(cls, **rest: Any) -> None:
        super().__init_subclass__(**rest)
        registry.note(cls)
        if "config_class" in vars(cls):
            registry.belongs(cls.config_class, cls)

    def __init__(self, config: ConfigType | None = None, **keywords: Any) -> None:
        self.config = self._configured(config, keywords)
        self.input_specs: dict[str, PortSpecs] = {}
        self._params: Params = {}
        self._state: State | None = None
        self._forget()

    def _configured(self, config: Any, keywords: dict[str, Any]) -> Any:
        if config is None:
            return self.config_class(**keywords)
        if not isinstance(config, self.config_class):
            bound = f"a {self.config_class.__name__}"
            raise ConfigError(type(self).__name__, [Fault("config", type(config).__name__, bound)])
        return config.replace(**keywords) if keywords else config

    # -- structure ------------------------------------------------------------------------------------------------

    @property
    def built(self) -> bool:
        """Whether the shapes of its inputs are known, and with them its parameters and state."""
        return bool(self.input_specs)

    def build(self, input_specs: Any) -> Self:
        """Fix the shapes of the inputs and draw the parameters. No step is taken.

        `input_specs`: a shape or a size for the only (or first) port, or a mapping of ports to shapes or `PortSpecs`.
        """
        specs = as_specs(input_specs, self.input_ports)
        self._check_ports(specs)
        self.input_specs = specs
        self._build({port: spec.shape for port, spec in specs.items()})
        self.forget_state()
        return self

    def _check_ports(self, given: Mapping[str, Any]) -> None:
        unknown = [port for port in given if port not in self.input_ports]
        missing = [port for port in self.input_ports if port not in given and port not in self.optional_ports]
        if unknown or missing:
            raise ValueError(f"{type(self).__name__} has the input ports {list(self.input_ports)}: "
                             f"missing {missing}, unknown {unknown}")

    def _build(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        """Draw the parameters for these input shapes; leaves override it."""

    def children(self) -> dict[str, SparkModule]:
        """The modules inside this one, by name."""
        return {}

    @property
    @abstractmethod
    def output_specs(self) -> dict[str, PortSpecs]:
        """What each output port carries; known before `build` where it does not depend on the inputs."""

    shape_is_free: ClassVar[bool] = False
    """Whether `output_specs` is known before `build`."""

    @property
    def dtype(self) -> str:
        return getattr(self.config, "dtype", "float32")

    @property
    def dt(self) -> float:
        """The time step in ms."""
        return getattr(self.config, "dt", 1.0)

    # -- the pure face --------------------------------------------------------------------------------------------

    @abstractmethod
    def step(self, state: Any, inputs: dict[str, Any], params: Any) -> tuple[Any, dict[str, Any]]:
        """One time step: `(state, inputs, params) -> (state, outputs)`. Pure; unbatched."""

    def prepared(self, params: Params) -> Params:
        """Parameters with what follows from them and holds for a whole run of one sample, worked out before its steps.

        `step` takes them with or without. Pure; only where no gradient is asked for.
        """
        return params | {name: child.prepared(params[name]) for name, child in self.children().items()}

    def initial_state(self) -> State:
        """The state of time zero, as nested dicts of arrays (float64 and int32)."""
        self._require_built()
        return {name: child.initial_state() for name, child in self.children().items()}

    def run(self, inputs: Any, state: State | None = None, params: Params | None = None,
            record: Sequence[str] = ()) -> Run:
        """Many steps by one `lax.scan`.

        `inputs`: one array, or one per port, [T, *shape] or [B, T, *shape]; any numeric type. `state`: where to start
        (default the initial state; a final state of an earlier run continues it). `params`: instead of the module's
        own. `record`: paths of inner states or outputs (`'soma.v'`, `'synapses.current'`).

        Returns a `Run`: `outputs` by port, batched as the inputs, row t the end of step t; `state`, the final state;
        `recorded` by path. It unpacks as `outputs, state`, or `outputs, state, recorded` if anything was recorded.
        The module's own state stays as it is. Errors: `ValueError` for wrong ports, shapes or paths.
        """
        self._require_built()
        return simulate_module(self, inputs, state, params, tuple(record))

    # -- the stateful face ----------------------------------------------------------------------------------------

    def __call__(self, *args: Any, **inputs: Any) -> dict[str, Any]:
        """One step of the module's own state. Arguments by port, in order or by name; returns payloads by port."""
        given = dict(zip(self.input_ports, args, strict=False)) | inputs
        if len(args) > len(self.input_ports):
            raise ValueError(f"{type(self).__name__} takes {len(self.input_ports)} inputs, not {len(args)}")
        self._check_ports(given)
        payloads = {port: value if isinstance(value, Payload) else self.input_ports[port].from_value(value)
                    for port, value in given.items()}
        if not self.built:
            self.build(payloads)
        self._check_shapes(payloads)
        with precision(self.dtype):
            arrays = cast({port: payload.value for port, payload in payloads.items()}, self.dtype)
            new_state, outputs = self._jitted_step(self._device_state(), arrays, self.device_params())
        self._state, outputs = released((new_state, outputs), self.dtype)
        return {port: self._wrap(port, value) for port, value in outputs.items()}

    def _check_shapes(self, payloads: Mapping[str, Payload]) -> None:
        for port, payload in payloads.items():
            expected = self.input_specs[port].shape
            if payload.shape != expected:
                raise ValueError(f"{type(self).__name__}.{port}: shape {payload.shape}, expected {expected}")

    def _wrap(self, port: str, value: Any) -> Payload:
        return self.output_ports[port].from_value(value)

    @property
    def state(self) -> State:
        """The module's own current state (nested dict)."""
        return self.initial_state() if self._state is None else self._state

    @state.setter
    def state(self, state: State) -> None:
        self._state = checked_like(self.initial_state(), state, f"states of {type(self).__name__}")

    def _device_state(self) -> State:
        return cast(self.state, self.dtype)

    def reset(self) -> None:
        """Back to the initial state. Weights stay as they are, learned ones included."""
        self.forget_state()

    def forget_state(self) -> None:
        self._state = None

    # -- parameters -----------------------------------------------------------------------------------------------

    @property
    def params(self) -> Params:
        """Weights and physical parameters, nested dict of arrays (float64 until a run casts them)."""
        self._require_built()
        return {name: child.params for name, child in self.children().items()} | dict(self._params)

    @params.setter
    def params(self, params: Params) -> None:
        given = checked_like(self.params, params, f"parameters of {type(self).__name__}")
        self._check_params(given)
        for name, child in self.children().items():
            child.params = given[name]
        self._params = {name: frozen(given[name]) for name in self._params}

    def _check_params(self, params: Params) -> None:
        """Raise `ConfigError` for parameters that break a rule of the whole; composites override it."""

    def device_params(self) -> Params:
        """The parameters in the module's number type, kept until they change."""
        current = self.params
        leaves = list(flatten(current).values())
        held = self._cast_params
        if held is None or any(a is not b for a, b in zip(self._cast_leaves, leaves, strict=True)):
            with precision(self.dtype):
                held = cast(current, self.dtype)
            self._cast_params, self._cast_leaves = held, leaves
        return held

    def _hold(self, **params: Any) -> None:
        """Keep these as the module's own parameters."""
        self._params = {name: frozen(np.asarray(value)) for name, value in params.items()}
        self._forget()

    def _drawn(self, name: str, size: tuple[int, ...]) -> np.ndarray:
        """The configured quantity as numbers: scalar or array as given, or drawn in shape `size`.

        Errors: `ConfigError` if a drawn number is out of the field's bound.
        """
        value = getattr(self.config, name)
        if not hasattr(value, "sample"):
            return np.asarray(value, dtype=np.float64)
        seed = getattr(self.config, "seed", 0)
        drawn = np.asarray(value.sample(generator(seed, f"{self.role}.{name}"), size), dtype=np.float64)
        field = self.config.fields[name]
        faults = field.check_array(name, drawn, None) if isinstance(field, QuantityField) else []
        if faults:
            raise ConfigError(type(self).__name__, faults)
        return drawn

    @property
    def role(self) -> str:
        """Names the stream of random numbers this module draws from."""
        return type(self).__name__

    # -- inside ---------------------------------------------------------------------------------------------------

    def _require_built(self) -> None:
        if not self.built:
            raise ValueError(f"{type(self).__name__} does not know its input shape yet: call build(input_shape) first")

    def _forget(self) -> None:
        self._cast_params: Params | None = None
        self._cast_leaves: list[Any] = []
        self._compiled: dict[Any, Any] = {}
        self._jitted_step = jax.jit(self.step)

    def _twin(self) -> Self:
        """A copy that shares nothing that changes."""
        twin = copy.copy(self)
        twin._adopt({name: child._twin() for name, child in self.children().items()})
        twin._forget()
        return twin

    def _adopt(self, children: dict[str, SparkModule]) -> None:
        """Take these as the children; composites override it."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.config!r})"
