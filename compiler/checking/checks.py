"""The checks of every compile: adjacent stages side by side, on calibration data and a searched stimulus."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from compiler import discovery, interpreter, reference
from compiler.certificates import checker
from compiler.checking.coverage import Coverage, shortfall
from compiler.checking.measured import measured
from compiler.checking.source_check import check_source
from compiler.checking.stimulus import affordable, affordable_samples, random_inputs
from compiler.checking.verdicts import Verdict, bit_for_bit
from compiler.diagnostics import declare, fail
from compiler.formats import BoolType, FloatType, Format
from compiler.input_files import as_port
from compiler.ir.network import Network
from compiler.options import Options
from compiler.results.results import Result

if TYPE_CHECKING:
    from compiler.pipeline import Compilation

E290 = declare("E290", "a pass changed what the network does")

_SAMPLES = 100
_STEPS = 32
_BUDGET = 1e10
"""Synaptic operations the golden model may spend on a check."""
_ROUNDS = 3


def run(compilation: Compilation, raw: Network, progress: Callable[[str, float], None]) -> list[Verdict]:
    """Verdicts of every stage: source = model, model -> fixed, fixed = program = cores."""
    verdicts = []
    calibration = compilation.options.calibration or {}
    if compilation.source.module is not None:
        progress("check source = model", 0.55)
        verdicts.append(check_source(compilation.source, raw, _first(calibration, _SAMPLES)))
    progress("check model → fixed", 0.62)
    shown = affordable(compilation.model, calibration, _SAMPLES)
    verdicts.append(measured(compilation.model, compilation.fixed, shown, _at_ports))
    progress("search a stimulus", 0.68)
    inputs, expected, coverage = exercise(compilation.mapped, calibration, compilation.options.seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path, data in compilation.files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(data)
        for index, target in enumerate(_engines(compilation)):
            progress(f"check fixed = {target.ENGINE}", 0.75 + 0.1 * index)
            found = target.run(folder, inputs, record=list(expected.records))
            verdicts.append(bit_for_bit(f"fixed = {target.ENGINE}", expected, found, coverage))
    return verdicts


def certified(network: Network, certificate: Mapping[str, Any]) -> Verdict:
    """The certificate looked at by the independent check."""
    findings = checker.check(network, certificate)
    states = sum(len(site["states"]) for site in certificate["sites"].values())
    detail = findings[0].message if findings else "every interval is inductive, every value fits its format"
    return Verdict("certificate", "different" if findings else "equal", states, 0, {}, None, detail)


def _engines(compilation: Compilation) -> list:
    chip = compilation.options.chip
    names = ["jax_fixed", *([chip.family] if chip else [])]
    return [discovery.targets()[name] for name in names]


def exercise(
    network: Network, calibration: Mapping[str, np.ndarray], seed: int
) -> tuple[dict[str, np.ndarray], Result, dict]:
    """A stimulus that reaches the units, the golden run on it with every record, and its coverage.

    Half of the samples are calibration data where there are any. Longer runs are tried until 90 % of the units
    are active.
    """
    steps, best = _STEPS, None
    for turn in range(_ROUNDS):
        samples = affordable_samples(network, steps, _SAMPLES + 4, _BUDGET)
        inputs = random_inputs(network, samples, steps, seed + turn)
        inputs = _mixed(inputs, _at_ports(network, calibration) if calibration else {})
        observer = Coverage(network)
        result = reference.run(network, inputs, record=every_record(network), observer=observer.observe)
        coverage = observer.summary(inputs, result)
        if best is None or coverage["units"] > best[2]["units"]:
            best = inputs, result, coverage
        if not shortfall(coverage):
            break
        steps *= 2
    assert best is not None
    return best


def every_record(network: Network) -> list[str]:
    """Every state and every port of every site."""
    names = []
    for site, item, _ in network.sites():
        program = network.programs[item.program]
        declared = (*program.states, *program.inputs) if "." not in site else program.states
        names += [f"{site}.{declaration.name}" for declaration in declared]
        names += [f"{site}.{emit.port}" for emit in program.emits if "." not in site]
    return names


def _mixed(inputs: dict[str, np.ndarray], calibration: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Half of the samples replaced by calibration data, cut or padded with silence to the same steps."""
    mixed = dict(inputs)
    for name, rows in inputs.items():
        given = calibration.get(name)
        if given is None:
            continue
        count, steps = min(len(given), len(rows) // 2), min(given.shape[1], rows.shape[1])
        mixed[name] = rows.copy()
        mixed[name][:count] = 0
        mixed[name][:count, :steps] = given[:count, :steps]
    return mixed


def _at_ports(network: Network, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Inputs as the ports of a network hold them: integers at fixed level."""
    return {item.name: as_port(inputs[item.name], item) for item in network.inputs}


def _first(inputs: Mapping[str, np.ndarray], samples: int) -> dict[str, np.ndarray]:
    return {name: rows[:samples] for name, rows in inputs.items()}


def _type_of(network: Network, record: str):
    population, _, port = record.rpartition(".")
    return network.programs[network.node(population).site.program].emit_type(port)  # pyright: ignore


def check_pass(name: str, before: Network, after: Network, options: Options) -> None:
    """Execute a network before and after a pass. Raises E290 with the first output that differs."""
    inputs = random_inputs(before, 4, 16, options.seed)
    left, right = _executed(before, inputs), _executed(after, inputs)
    if before.level == "model" and after.level != "model":
        return
    for output, expected in left.outputs.items():
        same = _same(before, output, expected, right.outputs[output])
        if not same.all():
            index = tuple(np.argwhere(~same)[0])
            place = f"sample {index[0]}, step {index[1]}, unit {index[2]}"
            raise fail(E290, f"pass {name} changed output {output}", place, found=str(right.outputs[output][index]),
                       expected=str(expected[index]), hint="this is a fault of the compiler; please report the source")


def _executed(network: Network, inputs: Mapping[str, np.ndarray]) -> Result:
    if network.level == "model":
        return interpreter.run(network, inputs)
    return reference.run(network, _at_ports(network, inputs))


def _same(network: Network, output: str, expected: np.ndarray, found: np.ndarray) -> np.ndarray:
    node = next(item for item in network.outputs if item.name == output)
    type_ = _type_of(network, f"{node.source}.{node.port}")
    if isinstance(type_, (BoolType, Format)):
        return expected == found
    assert isinstance(type_, FloatType)
    return np.isclose(expected, found, rtol=1e-9, atol=1e-12)
