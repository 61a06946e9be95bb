"""What the user reads for every code of chips, mapping and core tables.

A case is a file of `errors/`, named by its code. UPDATE_GOLDEN=1 writes the messages anew; read the difference
before you keep it.
"""

from __future__ import annotations

import importlib
import os
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from compiler import chips, npz
from compiler.diagnostics import DiagnosticError
from compiler.ir.program import Site
from compiler.options import Options
from compiler.passes import partition, place, retime, route
from targets import cores
from targets.cores import emulator, launch
from tests.layered import connect, layered
from tests.targets.cores.mapping import mapped, written

FOLDER = Path(__file__).parent / "errors"
TINY = chips.load("tiny")
MODULES = (
    *(f"compiler.passes.{name}" for name in ("retime", "partition", "place", "route")),
    "compiler.chips",
    *(f"targets.cores.{name}" for name in ("limits", "tables", "emulator", "microcode", "launch")),
)


def _checked(**limits) -> Callable[[Path], None]:
    """The findings of `check` for 8 -> 4 -> 3 units on a chip with other limits."""

    def case(folder: Path) -> None:
        raise DiagnosticError(cores.check(layered([8, 4, 3]), replace(TINY, **limits)))

    return case


def _projected(**projection) -> Callable[[Path], None]:
    """The same with one more projection from the input to l0."""

    def case(folder: Path) -> None:
        network = layered([8, 4, 3])
        connect(network, "input", "l0", **projection)
        raise DiagnosticError(cores.check(network, replace(TINY, delay_bits=4)))

    return case


def _plastic(folder: Path) -> None:
    network = layered([8, 4])
    network.add(replace(network.projection("input_l0"), synapse=Site("leaky", {"d": 0.5, "theta": 1.0})))
    raise DiagnosticError(cores.check(network, TINY))


def _graded(folder: Path) -> None:
    network = layered([8, 4, 3])
    program = network.programs["leaky"]
    network.programs["leaky"] = replace(program, emits=(replace(program.emits[0], value="u"),))
    raise DiagnosticError(cores.check(network, replace(TINY, event_bits=16)))


def _too_fast(folder: Path) -> None:
    network = layered([8, 4, 3])
    connect(network, "l1", "l0", delay=1)
    retime.run(network, Options(chip=TINY))


def _full_router(folder: Path) -> None:
    options = Options(chip=replace(TINY, routes=1))
    route.run(place.run(partition.run(retime.run(layered([8, 4, 3]), options), options), options), options)


def _over(folder: Path) -> None:
    raise DiagnosticError(cores.check(mapped(layered([8, 20]), TINY), replace(TINY, neurons=12)))


def _chip_text(folder: Path) -> None:
    path = folder / "odd.toml"
    path.write_text(chips.known()["tiny"].read_text(encoding="utf-8").replace("fan_in", "fan_inn"), encoding="utf-8")
    chips.read(path)


def _tables(folder: Path) -> Path:
    return written(mapped(layered([8, 4]), TINY), TINY, folder)


def _missing(folder: Path) -> None:
    (_tables(folder) / "cores" / "axons.npz").unlink()
    emulator.run(folder, {}, {}, [])


def _damaged(folder: Path) -> None:
    (_tables(folder) / "cores" / "routes.npz").write_bytes(b"nothing")
    emulator.run(folder, {}, {}, [])


def _contradicting(folder: Path) -> None:
    def change(arrays: dict[str, np.ndarray]) -> None:
        arrays["slot"] += 1

    _with_changed(folder, "neurons", change)


def _outside_its_range(folder: Path) -> None:
    def change(arrays: dict[str, np.ndarray]) -> None:
        arrays["state.l0.v"] = np.array([1 << 30])

    _with_changed(folder, "neurons", change)


def _with_changed(folder: Path, table: str, change: Callable[[dict[str, np.ndarray]], None]) -> None:
    """Run tables of which one was changed and its hash made right again."""
    import hashlib
    import json

    root = _tables(folder) / "cores"
    arrays = npz.read(root / f"{table}.npz")
    change(arrays)
    npz.write(root / f"{table}.npz", arrays)
    index = json.loads((root / "index.json").read_text(encoding="utf-8"))
    index["tables"][f"{table}.npz"] = hashlib.sha256((root / f"{table}.npz").read_bytes()).hexdigest()
    (root / "index.json").write_text(json.dumps(index), encoding="utf-8")
    emulator.run(folder, {"input": np.ones((1, 3, 8), np.int32)}, {}, [])


def _wrong_input(folder: Path) -> None:
    emulator.run(_tables(folder), {"input": np.full((1, 3, 8), 2, np.int32)}, {}, [])


def _no_result(folder: Path) -> None:
    launch._execute([sys.executable, "-c", "import sys; sys.exit('killed: out of memory')"])


CASES: dict[str, Callable[[Path], None]] = {
    "E401": _checked(neurons=1, width=1, height=5),
    "E402": _checked(in_axons=6, synapse_memory=60),
    "E403": _projected(weight_bits=20),
    "E404": _checked(state_bits=20),
    "E405": _checked(accumulator_bits=12),
    "E406": _graded,
    "E407": _projected(delay=40),
    "E408": _checked(fan_in=7),
    "E409": _checked(program_operations=3),
    "E410": _full_router,
    "E411": _checked(roundings=("floor",)),
    "E412": _projected(delay=np.array([[0] * 8, [20] * 8] * 2)),
    "E413": _plastic,
    "E414": _over,
    "E420": _too_fast,
    "E430": lambda folder: chips.load("tinny") and None,
    "E431": _chip_text,
    "E540": _missing,
    "E541": _damaged,
    "E542": _contradicting,
    "E543": _wrong_input,
    "E544": _outside_its_range,
    "E545": _no_result,
}


def _declared() -> Iterator[str]:
    for name in MODULES:
        yield from (key for key in vars(importlib.import_module(name)) if re.fullmatch(r"E\d{3}", key))


def test_every_code_has_a_case():
    assert sorted(CASES) == sorted(set(_declared()))


@pytest.mark.parametrize("code", CASES)
def test_the_message_is_what_it_was(code, tmp_path):
    with pytest.raises(DiagnosticError) as caught:
        CASES[code](tmp_path)
    assert code in {item.code for item in caught.value.diagnostics}
    text = str(caught.value).replace(str(tmp_path), "FOLDER").replace(", ".join(chips.known()), "CHIPS") + "\n"
    path = FOLDER / f"{code}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")
