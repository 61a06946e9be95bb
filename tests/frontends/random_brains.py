"""Random brains: every soma, synapse and delay of the library, recurrence, concatenated ports, brains in brains."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np

from spark.nn.brain import Brain, ModuleSpecs, PortMap
from spark.nn.components.delays.n import N2NDelaysConfig, NDelaysConfig
from spark.nn.components.somas import leaky
from spark.nn.components.synapses.linear import LinearSynapsesConfig
from spark.nn.components.synapses.traced import TracedSynapsesConfig
from spark.nn.neurons import LIFNeuron, LINeuron

Shape = tuple[int, ...]

SHAPES = [(3,), (4,), (2, 3), (5,), (1,)]
SOMAS = (leaky.LeakySomaConfig, leaky.RefractoryLeakySomaConfig, leaky.StrictRefractoryLeakySomaConfig,
         leaky.AdaptiveLeakySomaConfig)


def random_brain(seed: int, depth: int = 0, signed: bool | None = None) -> Brain:
    """A brain of one to four neurons, float64, with one input; at depth 0 one module may be a brain itself."""
    rng = Random(f"brain {seed} {depth}")
    names = [f"n{index}" for index in range(rng.randint(1, 4))]
    shapes = {name: rng.choice(SHAPES) for name in names}
    inputs = {"input": rng.choice(SHAPES)}
    signed = rng.random() < 0.5 if signed is None else signed
    modules, ready = [], {"__call__.input": inputs["input"]}
    for index, name in enumerate(names):
        origins = {f"{other}.out_spikes": shapes[other] for other in names} | ready
        chosen = [rng.choice(sorted(origins)) for _ in range(rng.choice((1, 1, 2, 3)))]
        if index == 0 and "__call__.input" not in chosen:
            chosen.append("__call__.input")
        maps = [_port_map(rng, origin, name, names[:index]) for origin in chosen]
        arriving = [origins[origin] for origin in chosen]
        incoming = arriving[0] if len(arriving) == 1 else (sum(int(np.prod(shape)) for shape in arriving),)
        modules.append(ModuleSpecs(name, _neuron(rng, shapes[name], incoming, signed), {"in_spikes": maps}))
    outputs = {"output": PortMap(rng.choice(names), "out_spikes")}
    if rng.random() < 0.4:
        modules.append(ModuleSpecs("reading", _integrator(rng, shapes[names[0]]), {"in_spikes": PortMap(
            names[0], "out_spikes", rng.choice((None, 0)))}))
        outputs["potential"] = PortMap("reading", "out_potentials")
    if depth == 0 and rng.random() < 0.4:
        modules.append(_nested(rng, seed, shapes))
        outputs["inner"] = PortMap("nested", "output")
    return Brain(inputs=inputs, outputs=outputs, modules=modules)


def _port_map(rng: Random, origin: str, target: str, earlier: list[str]) -> PortMap:
    module, port = origin.split(".")
    choices = [None, 1, 2, 5]
    if module in earlier or module == "__call__":
        choices.append(0)
    return PortMap(module, port, rng.choice(choices))


def _nested(rng: Random, seed: int, shapes: dict[str, Shape]) -> ModuleSpecs:
    """A brain with an input as wide as a neuron of the outer one, or as several of them together."""
    inner = random_brain(seed, depth=1, signed=True)
    sources = [name for name, shape in shapes.items() if shape == inner.inputs["input"]]
    if not sources:
        return _nested(rng, seed + 1, shapes)
    return ModuleSpecs("nested", inner, {"input": PortMap(rng.choice(sources), "out_spikes")})


def _neuron(rng: Random, units: Shape, incoming: Shape, signed: bool) -> LIFNeuron:
    numbers = np.random.default_rng(rng.randrange(2**32))
    delays = _delays(rng, numbers, units, incoming)
    paired = isinstance(delays, N2NDelaysConfig)
    low = -0.4 if signed else 0.0
    kernel = numbers.uniform(low, 1.0, units + incoming)
    return LIFNeuron(units=units, dtype="float64", inhibitory_rate=0.0 if signed else rng.choice((0.0, 0.4)),
                     seed=rng.randrange(1000), dt=0.5, soma=_soma(rng, numbers, units), delays=delays,
                     synapses=_synapses(rng, numbers, units, incoming, kernel, paired))


def _soma(rng: Random, numbers: np.random.Generator, units: Shape) -> Any:
    kind = rng.choice(SOMAS)
    fields: dict[str, Any] = {"potential_tau": rng.choice((10.0, numbers.uniform(5, 30, units)))}
    fields["threshold"] = rng.choice((-50.0, numbers.uniform(-52, -45, units)))
    fields["potential_reset"] = rng.choice((-60.0, -55.0))
    fields["reset_by"] = rng.choice(("value", "subtraction"))
    if kind is not leaky.LeakySomaConfig:
        fields["cooldown"] = rng.choice((None, 0.0, 1.0, numbers.uniform(0, 3, units)))
    if kind is leaky.AdaptiveLeakySomaConfig:
        fields["threshold_delta"] = 5.0
    return kind(**fields)


def _delays(rng: Random, numbers: np.random.Generator, units: Shape, incoming: Shape) -> Any:
    kind = rng.choice((None, None, NDelaysConfig, N2NDelaysConfig))
    if kind is None:
        return None
    size = incoming if kind is NDelaysConfig else units + incoming
    return rng.choice((kind(max_delay=3.0), kind(steps=numbers.integers(0, 6, size)), kind(steps=2)))


def _synapses(rng: Random, numbers: np.random.Generator, units: Shape, incoming: Shape, kernel: np.ndarray,
              paired: bool) -> Any:
    scale = rng.choice((1200.0, numbers.uniform(800, 1500, units)))
    if rng.random() < 0.4:
        return LinearSynapsesConfig(kernel=kernel, scale=scale)
    taus = [4.0, numbers.uniform(2, 6, units)]
    if not paired and incoming != units:
        taus.append(numbers.uniform(2, 6, incoming))
    return TracedSynapsesConfig(kernel=kernel, scale=scale, tau=rng.choice(taus))


def _integrator(rng: Random, incoming: Shape) -> LINeuron:
    numbers = np.random.default_rng(rng.randrange(2**32))
    return LINeuron(units=(2,), dtype="float64", dt=0.5, synapses__kernel=numbers.uniform(0, 1, (2, *incoming)))


def random_spikes(brain: Brain, seed: int, batch: int = 3, steps: int = 40) -> dict[str, np.ndarray]:
    """Spikes [batch, steps, n] by input name."""
    rng = np.random.default_rng(seed)
    return {name: (rng.random((batch, steps, int(np.prod(shape)))) < 0.4).astype(float)
            for name, shape in brain.inputs.items()}
