"""An artifact that was read or written, and the engines that run it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from compiler.diagnostics import Place, declare, fail

if TYPE_CHECKING:
    from compiler.ir.network import Network
    from compiler.results.recording import Engine
    from compiler.results.results import Result

E507 = declare("E507", "an artifact does not hold what an engine needs")


@dataclass(frozen=True)
class Artifact:
    """A checked artifact. folder: where its files lie; network: at mapped level, what all engines run."""

    folder: Path
    manifest: dict[str, Any]
    report: dict[str, Any]
    certificate: dict[str, Any]
    network: Network

    def run(
        self,
        inputs: Mapping[str, Any] | Any,
        engine: str = "program",
        state: Mapping[str, np.ndarray] | None = None,
        record: Iterable[str] = (),
    ) -> Result:
        """Run T steps on `program`, `reference` or `cores`; all give the same integers.

        inputs: one array [T, n] or [B, T, n], or one per input name. record: `pop.v`, `pop.spikes`, … .
        Returns raw integers [B, T, n] and the state to continue from. Errors: E160–E163, E155, E507.
        """
        from compiler.input_files import stimulus
        from compiler.results.archive import parse_records

        arrays = inputs if isinstance(inputs, Mapping) else {"input": np.asarray(inputs)}
        given = stimulus({name: np.asarray(value) for name, value in arrays.items()}, self.network)
        names = [item.name for item in parse_records(record, self.network)]
        return engine_of(self.folder, self.network, engine)(given.inputs, state, names)


def engine_of(folder: Path, network: Network, engine: str) -> Engine:
    """The engine of this name for an artifact's folder, to be called with checked inputs, state and records.

    Errors: E507 where there is no such engine, or the folder does not hold what it runs.
    """
    from compiler import discovery, reference

    if engine == "reference":
        return lambda inputs, state, record: reference.run(network, inputs, state, record)
    found = {module.ENGINE: module for module in discovery.targets().values()}
    if engine not in found:
        raise fail(E507, "no such engine", Place(path=engine), found=engine, expected=", ".join(["reference", *found]))
    part = {"program": "program.py"}.get(engine, engine)
    if not (folder / part).exists():
        raise fail(E507, f"the artifact holds no {part}", Place(file=str(folder)), found="nothing", expected=part,
                   hint="it was compiled with `--chip none`, or for another target")
    return lambda inputs, state, record: found[engine].run(folder, inputs, state, record)
