"""What certificates prove: grades, bits between bound and largest value seen, witnesses, time of a large network.

Run from the project's root:

    python benchmarks/certificates.py [--states 24] [--large 3200]
    python benchmarks/certificates.py --functions

Prints three tables. *Linear neurons*: every state of the example and of each linear neuron of the library, feed-forward
and recurrent, with inhibition. *Nonlinear neurons*: AdEx with default parameters and with those of Naud et al. 2008
(Biological Cybernetics 99:335, table 1), Izhikevich with those of his 2003 paper (figure 2). *Large*: a dense layer of
so many inputs and units. At each end of an interval: log2 of the bound over the value nearest to it that was really
reached, in a run of stimulus or by the witness, a drive of the inputs; `-` where nothing reached has the sign of the
bound. The end farther from zero (marked *) is the one that costs bits. A state that saturates is marked `seen` where a
witness shows that it is really cut off.

With --functions, instead: the largest error of every function of state over the whole domain of some formats, argument
and result in the same, and the seconds of proof and check.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

from compiler import discovery, reference  # noqa: E402
from compiler.analysis.homogeneity import infer  # noqa: E402
from compiler.analysis.network_ranges import ranges_of  # noqa: E402
from compiler.certificates import certificate, checker  # noqa: E402
from compiler.certificates.covering import Task  # noqa: E402
from compiler.certificates.function_checker import agrees, recomputed  # noqa: E402
from compiler.certificates.functions import error_of, stated  # noqa: E402
from compiler.checking.stimulus import random_inputs  # noqa: E402
from compiler.diagnostics import Place  # noqa: E402
from compiler.formats import Format, parse_type  # noqa: E402
from compiler.frontends.lower import lower  # noqa: E402
from compiler.functions.builder import Builder  # noqa: E402
from compiler.input_files import as_port  # noqa: E402
from compiler.ir.network import Network, Tensor  # noqa: E402
from compiler.ir.program import Declaration, Op, Program, TensorRef  # noqa: E402
from compiler.options import Options  # noqa: E402
from compiler.pipeline import MODEL_PASSES, QUANTIZATION_PASSES  # noqa: E402
from compiler.settings import Settings  # noqa: E402
from spark.core.faults import ConfigError  # noqa: E402
from spark.nn import neurons  # noqa: E402
from spark.nn.brain import Brain, ModuleSpecs, PortMap  # noqa: E402

LINEAR = ("LIFNeuron", "ALIFNeuron", "CubaLIFNeuron", "IFNeuron", "LINeuron")
NAUD = {
    "tonic": (200, 10, -70, -50, 2, 2, 30, 0, -58), "adapting": (200, 12, -70, -50, 2, 2, 300, 60, -58),
    "initial burst": (130, 18, -58, -50, 2, 4, 150, 120, -50), "bursting": (200, 10, -58, -50, 2, 2, 120, 100, -46),
    "accelerating": (200, 12, -70, -50, 2, -10, 300, 0, -58),
    "delayed bursting": (100, 10, -65, -50, 2, -10, 90, 30, -47),
    "transient": (100, 10, -65, -50, 2, 10, 90, 100, -47), "irregular": (100, 12, -60, -50, 2, -11, 130, 30, -48),
}
"""C pF, g_L nS, E_L mV, V_T mV, Δ_T mV, a nS, τ_w ms, b pA, V_r mV."""
IZHIKEVICH = {
    "regular spiking": (0.02, 0.2, -65, 8), "intrinsically bursting": (0.02, 0.2, -55, 4),
    "chattering": (0.02, 0.2, -50, 2), "fast spiking": (0.1, 0.2, -65, 2),
    "low threshold": (0.02, 0.25, -65, 2), "resonator": (0.1, 0.26, -65, 2),
}
STEPS, SAMPLES, HIDDEN = 200, 12, 24


@dataclass(frozen=True)
class Row:
    """A state: grade, bits to spare in its format, and at each end bits of its bound above what was reached."""

    network: str
    state: str
    format: str
    grade: str
    slack: int
    ends: dict[str, float]
    farther: str
    shown: bool
    seconds: float
    faults: int
    functions: list[dict[str, Any]]

    @property
    def tight(self) -> bool:
        """Within 2 bits of a value that was really reached, by the stimulus or by the witness, at the farther end."""
        return self.ends[self.farther] <= 2

    def end(self, name: str) -> str:
        """Bits of the bound above what was reached."""
        if name not in self.ends:
            return "0"
        bits = "-" if np.isinf(self.ends[name]) else f"{max(0.0, self.ends[name]):.1f}"
        return bits + "*" * (name == self.farther)


def brain(kind: str, recurrent: bool, seed: int, **config: Any) -> Brain:
    """32 inputs into HIDDEN units, a quarter of them inhibitory, and for linear neurons 6 more behind them."""
    make = getattr(neurons, kind)
    share = {} if kind == "LINeuron" else {"inhibitory_rate": 0.25}
    wires = [PortMap("__call__", "input")]
    wires += [PortMap("hid", "out_spikes", delay=1)] if recurrent and kind != "LINeuron" else []
    modules = [ModuleSpecs("hid", make(units=(HIDDEN,), seed=seed, **share, **config), {"in_spikes": wires})]
    if kind not in LINEAR or kind == "LINeuron":
        port = "out_potentials" if kind == "LINeuron" else "out_spikes"
        return Brain(inputs={"input": 32}, outputs={"output": PortMap("hid", port)}, modules=modules)
    modules.append(ModuleSpecs("out", make(units=(6,), seed=seed + 1, **share, **config),
                               {"in_spikes": [PortMap("hid", "out_spikes")]}))
    return Brain(inputs={"input": 32}, outputs={"output": PortMap("out", "out_spikes")}, modules=modules)


def quantized(network: Network, states: int) -> tuple[Network, Network, dict[str, np.ndarray]]:
    """After the model passes, at fixed level, and the inputs it was calibrated on."""
    inputs = random_inputs(network, SAMPLES, STEPS)
    options = Options(calibration=inputs, state_bits=states, weight_rounding="nearest")
    for name in MODEL_PASSES:
        network = discovery.passes()[name].run(network, options)
    model = network
    for name in QUANTIZATION_PASSES:
        network = discovery.passes()[name].run(network, options)
    return model, network, inputs


def rows(name: str, network: Network, states: int) -> Iterator[Row]:
    """One for every state that is a number."""
    model, fixed, inputs = quantized(network, states)
    start = time.perf_counter()
    proof = certificate.build(fixed, ranges_of(fixed), model)
    faults = len(checker.check(fixed, proof))
    seconds = time.perf_counter() - start
    records = [f"{site}.{state}" for site, entry in proof["sites"].items() for state in entry["states"]]
    raw = {item.name: as_port(inputs[item.name], item) for item in fixed.inputs}
    raw = {key: np.concatenate([rows, np.ones_like(rows[:1]) * rows.max()]) for key, rows in raw.items()}
    seen = reference.run(fixed, raw, record=records).records
    programs = {site: fixed.programs[item.program] for site, item, _ in fixed.sites()}
    for site, entry in proof["sites"].items():
        for state, told in entry["states"].items():
            type_ = programs[site].types()[state]
            if isinstance(type_, Format) and type_.fraction == 0 and type_.width <= 4:
                continue
            ends = _ends(told, seen[f"{site}.{state}"])
            farther = "high" if int(np.max(told["high"])) >= -int(np.min(told["low"])) else "low"
            yield Row(name, f"{site}.{state}", told["format"], told["grade"], told["slack"], ends, farther,
                      _is_shown(type_, told), seconds, faults, proof["functions"])


def _ends(told: dict[str, Any], seen: np.ndarray) -> dict[str, float]:
    """Bits of the bound above what was reached, by end that is away from zero: of all units, or of the witness's."""
    found = {}
    for end, sign, bound in (("low", -1, -int(np.min(told["low"]))), ("high", 1, int(np.max(told["high"])))):
        if bound > 0:
            share = max(told["witness"][end]["reached"], int((sign * seen.astype(np.int64)).max()) / bound)
            found[end] = float(-np.log2(share)) if share > 0 else float("inf")
    return found


def _is_shown(type_: Any, told: dict[str, Any]) -> bool:
    """Whether a witness leads to an end of the format."""
    return any(item["value"] in (type_.low, type_.high) for item in told["witness"].values())


def linear(states: int) -> Iterator[Row]:
    for kind in LINEAR:
        for recurrent in (False, True):
            if recurrent and kind == "LINeuron":
                continue
            name = f"{kind}{', recurrent' if recurrent else ''}"
            yield from rows(name, lower(brain(kind, recurrent, seed=3)).network, states)
    for name, network in examples():
        if is_homogeneous(network):
            yield from rows(name, network, states)


def examples() -> Iterator[tuple[str, Network]]:
    for path in sorted((Path(__file__).parent.parent / "examples").glob("*.py")):
        if "def model" in path.read_text() or "\nmodel =" in path.read_text():
            yield path.name, Settings().load(str(path)).lower()


def is_homogeneous(network: Network) -> bool:
    """Whether a factor on the inputs of a population is one on its states: what leaky integrators have in common."""
    programs = [network.programs[item.site.program] for item in network.populations]
    return all(infer(program, {item.name for item in program.inputs}) for program in programs)


def nonlinear(states: int) -> Iterator[Row]:
    yield from rows("AdEx, default", lower(brain("AdExNeuron", False, 3)).network, states)
    for name, (c, g, rest, knee, slope, a, tau, b, reset) in NAUD.items():
        config = {"soma__potential_rest": rest, "soma__rheobase_threshold": knee,
                  "soma__spike_slope": slope, "soma__potential_tau": c / g, "soma__resistance": 1 / g,
                  "soma__adaptation_subthreshold": a, "soma__adaptation_tau": tau, "soma__adaptation_delta": b,
                  "soma__potential_reset": reset, "soma__threshold": 0.0}
        try:
            yield from rows(f"AdEx, {name}", lower(brain("AdExNeuron", False, 3, **config)).network, states)
        except ConfigError as error:
            print(f"AdEx, {name}: {error.faults[0]}", file=sys.stderr)
    yield from rows("Izhikevich, default", lower(brain("IzhikevichNeuron", False, 3)).network, states)
    for name, (a, b, c, d) in IZHIKEVICH.items():
        config = {"soma__recovery_timescale": a, "soma__recovery_sensitivity": b, "soma__potential_reset": c,
                  "soma__recovery_update": d}
        yield from rows(f"Izhikevich, {name}", lower(brain("IzhikevichNeuron", False, 3, **config)).network, states)
    for name, network in examples():
        if not is_homogeneous(network):
            yield from rows(name, network, states)


def table(found: list[Row]) -> Iterator[str]:
    yield "| network | state | format | grade | bits to spare | low end | high end | proof and check s |"
    yield "|---|---|---|---|---|---|---|---|"
    for row in found:
        check = f"{row.seconds:.1f}" if not row.faults else f"{row.seconds:.1f}, {row.faults} faults"
        grade = "saturates, seen" if row.grade == "saturates" and row.shown else row.grade
        yield (f"| {row.network} | {row.state} | {row.format} | {grade} | {row.slack} | {row.end('low')} | "
               f"{row.end('high')} | {check} |")


def large(units: int, states: int) -> Iterator[str]:
    """A dense layer of units × units synapses: range analysis, certificate and check."""
    layer = neurons.LIFNeuron(units=(units,), inhibitory_rate=0.0, seed=1)
    network = lower(Brain(inputs={"input": units}, outputs={"output": PortMap("out", "out_spikes")}, modules=[
        ModuleSpecs("out", layer, {"in_spikes": [PortMap("__call__", "input")]})])).network
    inputs = {item.name: rows[:, :16] for item in network.inputs
              for rows in [random_inputs(network, 2, 16)[item.name]]}
    options = Options(calibration=inputs, state_bits=states, weight_rounding="nearest")
    for name in (*MODEL_PASSES, *QUANTIZATION_PASSES):
        network = discovery.passes()[name].run(network, options)
    seconds = {}
    start = time.perf_counter()
    ranges = ranges_of(network)
    seconds["range analysis"] = time.perf_counter() - start
    start = time.perf_counter()
    proof = certificate.build(network, ranges)
    seconds["certificate"] = time.perf_counter() - start
    start = time.perf_counter()
    findings = checker.check(network, proof)
    seconds["check"] = time.perf_counter() - start
    parts = ", ".join(f"{name} {value:.1f} s" for name, value in seconds.items())
    yield f"{units * units:,} synapses: {parts}, together {sum(seconds.values()):.1f} s; {len(findings)} faults"


FORMATS = ("s16.8", "s24.12", "s32.15", "s32.24")


@dataclass(frozen=True)
class Tables:
    """As much of a network as the operations of one function ask for."""

    tensors: dict[str, Tensor]

    def tensor(self, reference: TensorRef) -> Tensor:
        return self.tensors[reference.name]


def functions() -> Iterator[str]:
    """Bound and seconds of proof and check, of every function and format."""
    yield f"| function | {' | '.join(FORMATS)} |"
    yield "|---" * (len(FORMATS) + 1) + "|"
    for name, module in discovery.modules("compiler.functions").items():
        if hasattr(module, "expand"):
            cells = [_function(name, module.expand, format_) for format_ in map(parse_type, FORMATS)]
            yield f"| {name} | {' | '.join(cells)} |"


def _function(name: str, expand: Callable[..., str], format_: Any) -> str:
    names = ("x", "y") if name == "div" else ("x",)
    builder = Builder("of", {item: format_ for item in names}, Place())
    expand(builder, names, format_)
    network: Any = Tables(builder.tables)
    ops, domain = tuple(builder.ops), [(format_.low, format_.high)] * len(names)
    result = builder.types["of"]
    assert isinstance(result, Format)
    start = time.perf_counter()
    task = Task(network, Op("of", name, names, result), ops, result, {item: format_.fraction for item in names})
    method, found = error_of(task, domain)
    proof = time.perf_counter() - start
    arguments = [{"name": item, "low": low, "high": high} for item, (low, high) in zip(names, domain, strict=True)]
    entry = {"opcode": name, "operands": list(names), "result": "of", "bound": stated(method, found.bound),
             "arguments": arguments}
    program = Program("p", tuple(Declaration(item, format_) for item in names), (), (), ops, (), ())
    again = recomputed(network, program, entry)
    check = time.perf_counter() - start - proof
    agreed = "" if agrees("bound", entry["bound"], again["bound"], again["method"]) else ", not found by the check"
    return f"{entry['bound']:g} ({method}, {proof:.1f} + {check:.1f} s{agreed})"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--states", type=int, default=24, help="bits of states")
    parser.add_argument("--large", type=int, default=3200, help="inputs and units of the large layer")
    parser.add_argument("--functions", action="store_true", help="errors of functions of state, by format")
    given = parser.parse_args()
    if given.functions:
        for line in functions():
            print(line, flush=True)
        return
    found = list(linear(given.states))
    print("Linear neurons\n", *table(found), sep="\n", flush=True)
    proved = [row for row in found if row.grade == "proved"]
    print(f"\n{len(proved)} of {len(found)} states proved without contract, {sum(row.tight for row in proved)} of "
          "these bounds within 2 bits of a value that was reached\n", flush=True)
    found = list(nonlinear(given.states))
    print("Nonlinear neurons\n", *table(found), sep="\n", flush=True)
    bounds = {entry["opcode"]: max(item["bound"] for row in found for item in row.functions
                                   if item["opcode"] == entry["opcode"]) for row in found for entry in row.functions}
    print("\nLargest error of a function, last bits of its result: "
          + ", ".join(f"{name} {bound:g}" for name, bound in sorted(bounds.items())), flush=True)
    print("\nLarge\n", *large(given.large, given.states), sep="\n", flush=True)


if __name__ == "__main__":
    main()
