"""Recorded cases of the chip and its emulators (`.npz`) as networks of the fixed level with what they must give.

A file holds `meta` (JSON: inputs, populations with their registers, projections) and arrays: `in.spikes` [T, n],
`<projection>.weights` [post, pre], `.weights_eff`, `.delays`; `<population>.bias_mant`, `.bias_exp`, `.u0`, `.v0`; and
what was recorded: `<population>.spikes`, `.u`, `.v` [T, n], `<projection>.a` [T, post], where row t of `a` arrives in
step t. No limit of a chip is enforced: some cases leave them on purpose.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from compiler.checking.conformance import RecordedCase
from compiler.formats import smallest_format
from compiler.ir.network import Input, Network, Output, PortKind
from targets.loihi import case_populations, case_projections
from targets.loihi.case_chip import chip_of
from targets.loihi.case_file import CaseFile, Entry, read
from targets.loihi.case_populations import CasePopulation
from targets.loihi.case_projections import CaseProjection
from targets.loihi.trace import trace_of

MOST_STEPS, MOST_UNITS = 1 << 20, 1 << 16


def read_case(path: Path) -> RecordedCase:
    """Read a case. Errors: E140, E150 to E153."""
    file = read(path)
    return trace_of(file) if "registers" in file.meta else _case(file)


def _case(file: CaseFile) -> RecordedCase:
    steps = Entry(file, "meta", file.meta).integer("T", 1, MOST_STEPS)
    file.require_different_names("inputs", "populations")
    file.require_different_names("projections")
    populations = {item.name: item for item in case_populations.of(file)}
    stimuli = {item.name: _rows(file, item, steps) for item in file.entries("inputs")}
    sizes = {name: rows.shape[1] for name, rows in stimuli.items()}
    sizes |= {name: item.size for name, item in populations.items()}
    projections = case_projections.of(file, sizes)
    network, inputs, graded_names = Network(level="fixed"), {}, {}
    for name, rows in stimuli.items():
        graded_names[name] = _free(f"{name}_graded", sizes)
        for graded in sorted({item.graded for item in projections if item.source == name} or {False}):
            node = _input(graded_names[name] if graded else name, rows, graded)
            network.add(node)
            inputs[node.name] = (rows if graded else rows != 0).astype(np.int32)[None]
    for name, item in populations.items():
        parts = [part for one in projections if one.target == name for part in one.parts]
        arriving = sum((part.bound(_largest(part, stimuli)) for part in parts), np.zeros(item.size, np.int64))
        item.add_to(network, arriving)
        network.add(Output(_free(f"{name}_out", network.graph), name, item.port(True)))
    for item in projections:
        source = populations.get(item.source)
        port = source.port(item.graded) if source else "current" if item.graded else "spikes"
        node = graded_names[item.source] if item.graded and not source else item.source
        item.add_to(network, node, port, populations[item.target].shift, _largest(item, stimuli))
    return _recorded(file, network, inputs, populations, projections, steps)


def _rows(file: CaseFile, item: Entry, steps: int) -> np.ndarray:
    return file.integers(f"{item.name}.spikes", (steps, item.integer("n", 1, MOST_UNITS)))


def _input(name: str, rows: np.ndarray, graded: bool) -> Input:
    """A port of spikes, or of the values that graded spikes carry."""
    if not graded:
        return Input(name, (rows.shape[1],))
    carries = smallest_format(min(int(rows.min()), -1), max(int(rows.max()), 1))
    return Input(name, (rows.shape[1],), PortKind("current", type=carries))


def _free(name: str, taken) -> str:
    """A name that no node has."""
    while name in taken:
        name += "_"
    return name


def _largest(item: CaseProjection, stimuli: Mapping[str, np.ndarray]) -> int:
    """Largest magnitude that a synapse of the projection meets."""
    graded = item.graded and item.source in stimuli
    return max(1, int(np.abs(stimuli[item.source]).max())) if graded else 1


def _recorded(
    file: CaseFile, network: Network, inputs: Mapping[str, np.ndarray], populations: Mapping[str, CasePopulation],
    projections: list[CaseProjection], steps: int,
) -> RecordedCase:
    """The case with what its file says must come out."""
    labels = {f"{name}.{item.port(True)}": f"{name}.spikes" for name, item in populations.items()}
    labels |= {f"{name}.{state}": f"{name}.{state}" for name in populations for state in ("u", "v")}
    labels |= {" + ".join(f"{part.name}.post.a" for part in item.parts): f"{item.name}.a" for item in projections}
    size = {f"{name}.{value}": item.size for name, item in populations.items() for value in ("spikes", "u", "v")}
    size |= {f"{item.name}.a": len(item.weights) for item in projections}
    expected = {record: file.integers(label, (steps, size[label])) for record, label in labels.items()
                if label in file.arrays}
    held = {" + ".join(part.name for part in item.parts): item for item in projections}
    labels |= {names: f"{item.name}.weights_eff" for names, item in held.items()}
    weights = {names: file.integers(labels[names], item.weights.shape) for names, item in held.items()
               if labels[names] in file.arrays}
    if not expected:
        raise file.fault("", "nothing was recorded", ", ".join(sorted(file.arrays)), ", ".join(labels.values()))
    name = str(file.meta.get("id", file.path.stem))
    return RecordedCase(name, network, chip_of(network), inputs, expected, weights, labels)
