"""The program of a plastic synapse: a neuron's learning rule as a scalar function of one synapse.

Its state `w` is the weight as the network has it (with the sign of an inhibitory presynaptic unit), the others are the
rule's traces and eligibilities. Traces of units are kept by every synapse: their inputs are those of the unit, so the
numbers are the unit's. Inputs: `pre`, the value that arrives after the delay; every other one is called like a port
that the target emits, such as its spikes, or `modulation`, which the target passes on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jax.numpy as jnp
import numpy as np

from compiler.diagnostics import Diagnostic, Place, declare
from compiler.frontends.lowered import Origin
from compiler.frontends.program_book import ProgramBook, kind_of
from compiler.ir.network import PRE, WEIGHT, Network
from compiler.ir.program import Site
from spark.nn.components.learning_rules.base import LearningRule
from spark.nn.components.synapses.base import Synapses
from spark.nn.neurons.base import MODULATION, Neuron

if TYPE_CHECKING:
    from compiler.frontends.program_book import Arrays

E115 = declare("E115", "a part of a module cannot be compiled")

ROLES = ("pre", "post", "synapse")


def unsupported(neuron: Neuron[Any], path: str) -> Iterator[Diagnostic]:
    """What of a plastic neuron has no counterpart in a network."""
    rule, synapses = neuron.learning_rule, neuron.synapses
    if rule is None:
        return
    if type(rule).step is not LearningRule.step:
        yield Diagnostic(E115, f"{type(rule).__name__} has a step of its own", Place(path=f"{path}.learning_rule"),
                         expected="the step of LearningRule", hint="write pre_step, post_step and synapse_step")
    if type(synapses).weights is not Synapses.weights:
        yield Diagnostic(E115, f"{type(synapses).__name__} has weights of its own, and they are learned",
                         Place(path=f"{path}.synapses"), expected="kernel * scale",
                         hint="put what is special into the filter")
    if synapses.site == "synapse":
        yield Diagnostic(E115, "filters of single synapses with weights that are learned are not compiled",
                         Place(path=f"{path}.synapses"), found="one filter for each pair of units",
                         expected="time constants per post or per pre unit")


def uses_modulation(neuron: Neuron[Any]) -> bool:
    """Whether the learning rule reads the neuron's port `modulation`."""
    if neuron.learning_rule is None:
        return False
    probe = _Rule(neuron.learning_rule, neuron, {MODULATION: MODULATION}, signed=False)
    book = ProgramBook(Network())
    site = book.site("probe", "probe", probe.step, *probe.scalars(), ())
    return any(MODULATION in op.names for op in book.network.programs[site.program].ops)


def passing_on(step: Any) -> Any:
    """The step of a soma that passes on what arrives at `modulation`."""

    def passing(state: Any, inputs: Any, params: Any) -> tuple[Any, Any]:
        rest = {key: value for key, value in inputs.items() if key != MODULATION}
        state, outputs = step(state, rest, params)
        return state, {**outputs, MODULATION: inputs[MODULATION]}

    return passing


@dataclass
class _Rule:
    """A rule with the names that its parts have in a program.

    ports: input of the program -> what it is to the rule, beside `pre`. signed: whether weights carry a sign.
    """

    rule: LearningRule[Any]
    neuron: Neuron[Any]
    ports: dict[str, str]
    signed: bool
    masked: bool = True

    def __post_init__(self) -> None:
        self.initial = self.rule.initial_state_for(np.asarray(self.neuron.synapses.params["kernel"], np.float64))
        self.names: dict[tuple[str, str], str] = {}
        taken = {WEIGHT, PRE, "spikes", *self.ports}
        for role in ROLES:
            for key in self.initial.get(role, {}):
                name = key if key not in taken else f"{role}_{key}"
                taken.add(name)
                self.names[role, key] = name

    def step(self, state: Arrays, inputs: Arrays, params: Arrays) -> tuple[dict[str, Any], dict[str, Any]]:
        """One synapse: {'w', traces…}, {'pre', ports of the target…} → the same states."""
        own = {role: {key: state[name] for (part, key), name in self.names.items() if part == role} for role in ROLES}
        sign = params["sign"] if self.signed else 1
        given = {"exists": True} | {key: value for key, value in params.items() if key != "sign"}
        seen = {PRE: jnp.abs(inputs[PRE]), "kernel": state[WEIGHT] * sign}
        seen |= {meaning: inputs[port] for port, meaning in self.ports.items()}
        seen.setdefault("post", jnp.zeros_like(seen[PRE]))
        new, outputs = self.rule.one_synapse(own, seen, given)
        states = {name: new[role][key] for (role, key), name in self.names.items()}
        return {WEIGHT: outputs["kernel"] * sign} | states, {}

    def params(self) -> dict[str, Any]:
        """The rule's parameters; `exists` only where a synapse is missing."""
        return {key: value for key, value in self.rule.params.items() if key != "exists" or self.masked}

    def scalars(self) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        """States, inputs and parameters of one synapse, for tracing."""
        state = dict.fromkeys((WEIGHT, *self.names.values()), np.zeros(()))
        params = {key: np.asarray(value).reshape(-1)[0] for key, value in self.params().items()}
        return state, dict.fromkeys((PRE, *self.ports), np.zeros(())), params


class Plasticity:
    """The synapse programs of one neuron. ports: input of the programs -> what it is to the rule, beside `pre`."""

    def __init__(self, neuron: Neuron[Any], ports: dict[str, str], book: ProgramBook, path: tuple[str, ...]):
        assert neuron.learning_rule is not None
        self.neuron, self.rule, self.ports, self.book, self.path = neuron, neuron.learning_rule, ports, book, path
        self.post = int(np.prod(neuron.units))
        self.pre = int(np.prod(neuron.input_shape))

    def site(self, name: str, columns: slice, signs: np.ndarray | None) -> tuple[Site, dict[str, Origin]]:
        """The site of the synapses from some presynaptic units, and where the module has its states."""
        exists = self._by_synapse(self.rule.params["exists"])[:, columns]
        traced = _Rule(self.rule, self.neuron, self.ports, signs is not None, not exists.all())
        kernel = self._by_synapse(self.neuron.synapses.params["kernel"])[:, columns]
        sign = 1.0 if signs is None else np.broadcast_to(signs, kernel.shape)
        state = {WEIGHT: kernel * sign} | {
            own: self._spread(role, traced.initial[role][key])[:, columns] for (role, key), own in traced.names.items()}
        params = traced.params() | ({"exists": exists} if traced.masked else {})
        params |= {} if signs is None else {"sign": np.asarray(sign)}
        inputs = dict.fromkeys((PRE, *self.ports), np.zeros(()))
        site = self.book.site(f"{name}.synapse", kind_of(self.rule, "Rule"), traced.step, state, inputs, params,
                              kernel.shape)
        return site, dict(self._origins(traced, columns, sign))

    def _origins(self, traced: _Rule, columns: slice, sign: Any) -> Iterator[tuple[str, Origin]]:
        index = np.arange(self.post * self.pre).reshape(self.post, self.pre)
        yield WEIGHT, Origin((*self.path, "kernel"), index[:, columns].reshape(-1), np.asarray(sign).reshape(-1))
        for (role, key), name in traced.names.items():
            units = self._spread(role, np.arange(np.size(traced.initial[role][key])))[:, columns]
            yield name, Origin((*self.path, "learning_rule", role, key), units.reshape(-1).astype(np.int64))

    def _by_synapse(self, value: Any) -> np.ndarray:
        return np.asarray(value).reshape(self.post, self.pre)

    def _spread(self, role: str, value: Any) -> np.ndarray:
        """[post, pre] of what a unit or a synapse has."""
        value = np.asarray(value)
        if role == "post":
            value = value.reshape(self.post, 1)
        elif value.size == self.pre and value.ndim == len(self.neuron.input_shape):
            value = value.reshape(1, self.pre)
        return np.broadcast_to(value.reshape(value.shape if value.shape in ((self.post, 1), (1, self.pre)) else
                                             (self.post, self.pre)), (self.post, self.pre))
