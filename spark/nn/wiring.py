"""The wiring of a brain, from what a user wrote to edges, shapes and an order of steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spark.core.config import ConfigError, Fault, SparkConfig, above, choice, integer, quantity
from spark.core.faults import closest
from spark.core.fields import Field, Rejected, ShapeField
from spark.core.module import SparkModule
from spark.core.precision import DTYPES
from spark.core.seeds import derived
from spark.core.specs import BRAIN_INPUT, Edge, ModuleSpecs, PortMap, PortSpecs

RESERVED = ("latency", BRAIN_INPUT)


class InputsField(Field):
    kind = "shapes by input name"

    def parse(self, value: Any) -> dict[str, tuple[int, ...]]:
        if not isinstance(value, Mapping):
            raise Rejected(self.kind)
        shapes = {name: spec.shape if isinstance(spec, PortSpecs) else spec for name, spec in value.items()}
        return {str(name): () if size == () else ShapeField().parse(size) for name, size in shapes.items()}


class OutputsField(Field):
    kind = "a PortMap (or module and port) by output name"

    def parse(self, value: Any) -> dict[str, PortMap]:
        if not isinstance(value, Mapping) or not value:
            raise Rejected(self.kind)
        pairs = {name: source if isinstance(source, PortMap) else PortMap(*source) for name, source in value.items()}
        return {str(name): PortMap(source.origin, source.port) for name, source in pairs.items()}


class ModulesField(Field):
    kind = "a list of ModuleSpecs, at least one"

    def parse(self, value: Any) -> tuple[ModuleSpecs, ...]:
        specs = tuple(value)
        if not specs or not all(isinstance(spec, ModuleSpecs) for spec in specs):
            raise Rejected(self.kind)
        return specs

    def check(self, path: str, value: Any, config: Any) -> list[Fault]:
        names = [spec.name for spec in value]
        faults = [Fault(f"{path}.{name}", name, "unique") for name in sorted(set(names)) if names.count(name) > 1]
        return faults + [Fault(f"{path}.{name}", name, "a name without dots, none of " + ", ".join(RESERVED))
                         for name in names if name in RESERVED or "." in name or not name]


class BrainConfig(SparkConfig):
    """The wiring of a Brain. `dt`, `dtype` and `seed` reach the modules that are given as classes."""

    inputs: dict[str, tuple[int, ...]] = InputsField(doc="Shapes of the inputs by name.")  # type: ignore[assignment]
    modules: tuple[ModuleSpecs, ...] = ModulesField(doc="The modules, in order.")  # type: ignore[assignment]
    outputs: dict[str, PortMap] = OutputsField(doc="Where each output comes from.")  # type: ignore[assignment]
    dt: float | None = quantity(None, optional=True, unit="ms", bound=above(0), extent="scalar", doc="Time step.")
    dtype: str | None = choice(None, optional=True, options=DTYPES, doc="Number type of a run.")
    seed: int = integer(0, doc="Seed; each module without one gets its own from it and from its name.")


def modules_of(config: BrainConfig) -> dict[str, SparkModule]:
    """The modules by name. Errors: ConfigError if their time steps or number types differ."""
    modules = {spec.name: _made(spec, config) for spec in config.modules}
    faults = []
    for aspect in ("dt", "dtype"):
        values = {name: getattr(module, aspect) for name, module in modules.items()}
        if len(set(values.values())) > 1:
            faults.append(Fault(f"modules.{aspect}", values, "the same in all modules"))
    if faults:
        raise ConfigError("Brain", faults)
    return modules


def _made(spec: ModuleSpecs, brain: BrainConfig) -> SparkModule:
    if isinstance(spec.module_cls, SparkModule):
        return spec.module_cls._twin()
    config = spec.module_cls.config_class() if spec.config is None else spec.config
    handed = {"dt": brain.dt, "dtype": brain.dtype, "seed": derived(brain.seed, spec.name)}
    wanted = {name: value for name, value in handed.items()
              if value is not None and name in config.fields and not config.given(name)}
    return spec.module_cls(config.replace(**wanted))


def resolve(config: BrainConfig, modules: Mapping[str, SparkModule]) -> list[Edge]:
    """Every wire, in list order, with its delay. Errors: ConfigError with every name that does not exist."""
    faults: list[Fault] = []
    edges = []
    for spec in config.modules:
        module = modules[spec.name]
        wires = spec.wires()
        faults += [Fault(f"modules.{spec.name}.{port}", None, "wired", "give it a PortMap") for port
                   in module.input_ports if port not in wires and port not in module.optional_ports]
        for port, maps in wires.items():
            where = f"modules.{spec.name}.inputs.{port}"
            if port not in module.input_ports:
                faults.append(Fault(where, port, f"an input port of {spec.name}", closest(port, module.input_ports)))
            for source in maps:
                faults += _source_faults(where, source, config, modules)
                edges.append(Edge(source.origin, source.port, spec.name, port, _delay(source)))
    for name, source in config.outputs.items():
        faults += _source_faults(f"outputs.{name}", source, config, modules, from_input=False)
    if faults:
        raise ConfigError("Brain", faults)
    return edges


def _delay(source: PortMap) -> int:
    if source.delay is not None:
        return source.delay
    return 0 if source.origin == BRAIN_INPUT else 1


def _source_faults(where: str, source: PortMap, config: BrainConfig, modules: Mapping[str, SparkModule],
                   from_input: bool = True) -> list[Fault]:
    faults = []
    if isinstance(source.delay, bool) or not isinstance(source.delay, (int, type(None))) or (source.delay or 0) < 0:
        faults.append(Fault(f"{where}.delay", source.delay, "a whole number of steps >= 0, or None"))
    if source.origin == BRAIN_INPUT and from_input:
        if source.port not in config.inputs:
            faults.append(Fault(where, source.port, "an input of the brain", closest(source.port, config.inputs)))
    elif source.origin not in modules:
        known = [*modules, BRAIN_INPUT] if from_input else modules
        faults.append(Fault(where, source.origin, "a module", closest(source.origin, known)))
    elif source.port not in modules[source.origin].output_ports:
        ports = modules[source.origin].output_ports
        faults.append(Fault(where, source.port, f"an output port of {source.origin}", closest(source.port, ports)))
    return faults


def step_order(modules: Mapping[str, SparkModule], edges: list[Edge]) -> list[str]:
    """Modules in an order in which edges of delay 0 act within the step. Errors: ConfigError naming a cycle."""
    sources = {name: [e.origin for e in edges if e.target == name and e.delay == 0 and e.origin in modules]
               for name in modules}
    done: list[str] = []
    while len(done) < len(modules):
        ready = [name for name in modules if name not in done and all(source in done for source in sources[name])]
        if not ready:
            cycle = _cycle(sources, done)
            raise ConfigError("Brain", [Fault("modules", " -> ".join(cycle), "without a cycle of delay 0",
                                              "give one of these edges a delay of at least 1")])
        done += ready
    return done


def _cycle(sources: Mapping[str, list[str]], done: list[str]) -> list[str]:
    """One cycle among what is left: walk against the edges until a name comes back."""
    name = next(name for name in sources if name not in done)
    walk = [name]
    while True:
        name = next(source for source in sources[name] if source not in done)
        if name in walk:
            return [*walk[walk.index(name):], name][::-1]
        walk.append(name)


def shapes_of(modules: Mapping[str, SparkModule], edges: list[Edge], inputs: Mapping[str, tuple[int, ...]]
              ) -> dict[str, tuple[int, ...]]:
    """Build every module and return the shape of every source `origin.port`.

    A module whose outputs do not depend on its inputs (any neuron) is known at once, so cycles are no obstacle.
    Errors: ConfigError if modules wait for each other's shapes.
    """
    shapes = {f"{BRAIN_INPUT}.{name}": size for name, size in inputs.items()}
    waiting = dict(modules)
    for name, module in modules.items():
        if module.shape_is_free:
            shapes |= {f"{name}.{port}": spec.shape for port, spec in module.output_specs.items()}
    while waiting:
        ready = [name for name in waiting if all(
            f"{e.origin}.{e.port}" in shapes for e in edges if e.target == name)]
        if not ready:
            raise ConfigError("Brain", [Fault("modules", sorted(waiting), "without a cycle of unknown shapes",
                                              "one module of the cycle must have units of its own")])
        for name in ready:
            module = waiting.pop(name)
            _build_one(module, name, edges, shapes)
            shapes |= {f"{name}.{port}": spec.shape for port, spec in module.output_specs.items()}
    return shapes


def _build_one(module: SparkModule, name: str, edges: list[Edge], shapes: Mapping[str, tuple[int, ...]]) -> None:
    ports: dict[str, list[tuple[int, ...]]] = {}
    for edge in edges:
        if edge.target == name:
            ports.setdefault(edge.target_port, []).append(shapes[f"{edge.origin}.{edge.port}"])
    sizes = {port: parts[0] if len(parts) == 1 else (sum(_count(part) for part in parts),)
             for port, parts in ports.items()}
    if module.built and {port: spec.shape for port, spec in module.input_specs.items() if port in sizes} == sizes:
        return
    if module.built:
        given = {port: spec.shape for port, spec in module.input_specs.items()}
        raise ConfigError("Brain", [Fault(f"modules.{name}", given, f"built for {sizes}, as wired")])
    module.build(sizes)


def _count(size: tuple[int, ...]) -> int:
    total = 1
    for extent in size:
        total *= extent
    return total
