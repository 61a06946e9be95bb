"""Rows of a run as they come: kept in memory, or on disk where they are many, then written as one file."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

import numpy as np

from compiler import npz
from compiler.input_files import Stimulus
from compiler.ir.network import Network
from compiler.results import archive
from compiler.results.archive import Record
from compiler.results.results import Result

IN_MEMORY = 1 << 28
"""Bytes of rows that stay in memory; longer recordings go to disk in parts of this size."""

Engine = Callable[[Mapping[str, np.ndarray], Mapping[str, np.ndarray] | None, Sequence[str]], Result]
"""Runs inputs [B, T, n] from a state; returns raw integers (floats at the model level)."""


class Recording:
    """Collects results of consecutive parts of a run; `save` writes what one run of all steps would have written.

    steps, samples: of the whole run. records: what to keep beside the outputs. `with` removes the disk space.
    """

    def __init__(self, network: Network, records: Sequence[Record], stimulus: Stimulus, raw: bool) -> None:
        self.network, self.records, self.raw = network, records, raw
        self.samples, self.steps, self.batched = stimulus.samples, stimulus.steps, stimulus.batched
        self.part = max(1, min(self.steps, IN_MEMORY // max(1, self._bytes_per_step())))
        self.arrays: dict[str, np.ndarray] = {}
        self.done = 0
        self._meta: np.ndarray | None = None
        self._cleanup = ExitStack()
        self._folder: Path | None = None

    def __enter__(self) -> Recording:
        return self

    def __exit__(self, *error: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.arrays.clear()
        self._cleanup.close()

    def _bytes_per_step(self) -> int:
        known = archive.recordable(self.network)
        units = sum(self.network.size_of(item.name) for item in self.network.outputs)
        return 8 * self.samples * (units + sum(known[item.name] for item in self.records))

    def parts(self) -> Iterator[slice]:
        """Ranges of steps to run one after another; one range where everything fits into memory."""
        return (slice(start, min(start + self.part, self.steps)) for start in range(0, self.steps, self.part))

    def add(self, result: Result) -> None:
        """Append the rows of the next part."""
        rows = archive.arrays(self.network, result, self._shifted(), self.raw, batched=True)
        self._meta = self._meta if self._meta is not None else self._described(result)
        for name, block in rows.items():
            if name != "meta":
                self._append(name, block)
        self.done += next(iter(result.outputs.values())).shape[1]

    def _shifted(self) -> list[Record]:
        """Records whose first row falls on a multiple of `every` in the whole run."""
        return [item.from_step(-self.done % item.every) for item in self.records]

    def _described(self, result: Result) -> np.ndarray:
        return archive.meta(self.network, result, self.records, self.raw)

    def _append(self, name: str, block: np.ndarray) -> None:
        every = next((item.every for item in self.records if item.name == name), 1)
        if name not in self.arrays:
            self.arrays[name] = self._room(block, -(-self.steps // every))
        start = -(-self.done // every)
        self.arrays[name][:, start : start + block.shape[1]] = block

    def _room(self, block: np.ndarray, rows: int) -> np.ndarray:
        if self.part == self.steps:
            return np.empty_like(block)
        folder = self._folder or Path(self._cleanup.enter_context(tempfile.TemporaryDirectory(prefix="sparkc-")))
        self._folder = folder
        path, shape = folder / f"{len(self.arrays)}.npy", (block.shape[0], rows, block.shape[2])
        return np.lib.format.open_memmap(path, "w+", block.dtype, shape)

    def save(self, path: Path) -> None:
        """Write the output file, complete or not at all. Errors: E154."""
        kept = {name: rows if self.batched else rows[0] for name, rows in self.arrays.items()}
        npz.write(path, kept | {"meta": self._meta if self._meta is not None else np.array("{}")})


def record_run(
    engine: Engine, recording: Recording, stimulus: Stimulus, state: Mapping[str, np.ndarray] | None,
    progress: Callable[[str, float], None] | None = None,
) -> Mapping[str, np.ndarray]:
    """Run all steps, part by part, into a recording; returns the state to continue from."""
    names = [item.name for item in recording.records]
    for part in recording.parts():
        if progress:
            progress("simulate", part.start / recording.steps)
        result = engine({name: rows[:, part] for name, rows in stimulus.inputs.items()}, state, names)
        recording.add(result)
        state = result.state
    return state or {}
