"""Every core table matters: changed, with its hash made right again, the run differs or is refused."""

from __future__ import annotations

import hashlib
import json
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler import chips, npz, reference
from compiler.diagnostics import DiagnosticError
from compiler.ir.network import Network
from targets.cores import emission, emulator
from targets.cores.tables import NAMES
from tests.strategies import random_inputs, random_network
from tests.targets.cores.mapping import arrays_of, differing, mapped, records_of, written

CHIP = chips.load("tiny")


@cache
def _networks() -> list[tuple[Network, Network, dict[str, bytes]]]:
    """The first random networks that fill every table between them, at least four: fixed, mapped, files."""
    found, missing = [], {*_arrays_of(NAMES), ("lookups", "")}
    for seed in range(400):
        network = random_network(seed)
        try:
            placed = mapped(network, CHIP)
        except DiagnosticError:
            continue
        files = emission.emit(placed, CHIP)
        tables = {name: npz.read(files[f"cores/{name}.npz"]) for name in NAMES}
        filled = {(table, name) for table, name in missing if (tables[table][name].size if name else tables[table])}
        if filled or len(found) < 4:
            found.append((network, placed, files))
            missing -= filled
        if not missing and len(found) >= 4:
            return found
    raise AssertionError(f"no random network fills {missing}")


def _arrays_of(tables) -> list[tuple[str, str]]:
    """Arrays that every folder has."""
    known = {
        "neurons": ("site", "core", "slot", "unit", "sum.core", "sum.sum", "sum.first"),
        "synapses": ("words", "core.words"),
        "axons": (
            "list.pointer",
            "list.length",
            "list.format",
            "list.first",
            "core.axons",
            "axon.lists",
            "local.core",
            "local.site",
            "local.unit",
            "local.axon",
            "emitter.port",
            "emitter.unit",
            "emitter.core",
            "emitter.route",
            "emitter.targets",
            "target.core",
            "target.axon",
        ),
        "routes": ("origin.x", "origin.y", "route.links", "link.x", "link.y", "link.direction"),
        "delays": ("list.delay", "node.skew", "port.history"),
        "biases": ("core", "accumulator", "value", "start"),
        "lookups": (),
    }
    return [(table, name) for table in tables for name in known[table]]


@cache
def _expected(number: int) -> list[tuple[dict[str, np.ndarray], dict[str, np.ndarray]]]:
    """What the golden model gives for a fresh run and for one that continues it, so that histories count."""
    network, state, found = _networks()[number][0], {}, []
    for _ in range(2):
        result = reference.run(network, random_inputs(network, 3), state, records_of(network))
        found.append((state, arrays_of(result)))
        state = result.state
    return found


def _is_equal(files: dict[str, bytes], number: int, folder: Path) -> bool:
    """Whether these tables still give what the golden model gives."""
    network = _networks()[number][0]
    _write(files, folder)
    try:
        found = [
            emulator.run(folder, random_inputs(network, 3), state, records_of(network))
            for state, _ in _expected(number)
        ]
    except DiagnosticError:
        return False
    return all(
        differing(expected, arrays) == [] for (_, expected), arrays in zip(_expected(number), found, strict=True)
    )


def _corrupted(files: dict[str, bytes], table: str, name: str) -> dict[str, bytes]:
    """One array changed in every place, its hash written into the index."""
    path = f"cores/{table}.npz"
    arrays = npz.read(files[path])
    arrays[name] = arrays[name] ^ arrays[name].dtype.type(1)
    data = npz.packed(arrays)
    index = json.loads(files["cores/index.json"])
    index["tables"][f"{table}.npz"] = hashlib.sha256(data).hexdigest()
    return files | {path: data, "cores/index.json": json.dumps(index).encode()}


def _write(files: dict[str, bytes], folder: Path) -> Path:
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


def test_unchanged_tables_are_equal(tmp_path):
    assert all(_is_equal(files, number, tmp_path) for number, (_, _, files) in enumerate(_networks()))


@pytest.mark.parametrize(("table", "name"), [pytest.param(*item, id=".".join(item)) for item in _arrays_of(NAMES)])
def test_a_changed_array_is_noticed(table, name, tmp_path):
    """On every one of a few networks that has it and on which it can matter."""
    filled = [
        number for number, (_, _, files) in enumerate(_networks()) if npz.read(files[f"cores/{table}.npz"])[name].size
    ]
    assert filled
    outcomes = [
        _is_equal(_corrupted(_networks()[number][2], table, name), number, tmp_path / f"{number}") for number in filled
    ]
    assert not all(outcomes)


@pytest.mark.parametrize("kind", ["param", "state"])
def test_changed_parameters_and_first_states_are_noticed(kind, tmp_path):
    changed = (
        (_corrupted(files, "neurons", name), number)
        for number, (_, _, files) in enumerate(_networks())
        for name in npz.read(files["cores/neurons.npz"])
        if name.startswith(f"{kind}.")
    )
    assert any(not _is_equal(files, number, tmp_path) for files, number in changed)


def test_changed_lookup_tables_are_noticed(tmp_path):
    outcomes = []
    for number, (_, _, files) in enumerate(_networks()):
        names = npz.read(files["cores/lookups.npz"])
        outcomes += [_is_equal(_corrupted(files, "lookups", name), number, tmp_path / f"{number}") for name in names]
    assert outcomes and not all(outcomes)


@pytest.mark.parametrize("table", NAMES)
def test_a_flipped_byte_does_not_pass_the_hash(table, tmp_path):
    _, placed, _ = _networks()[0]
    path = written(placed, CHIP, tmp_path) / "cores" / f"{table}.npz"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(DiagnosticError, match="E541"):
        emulator.run(tmp_path, {}, {}, [])


@pytest.mark.parametrize("table", NAMES)
def test_a_missing_table_is_named(table, tmp_path):
    _, placed, _ = _networks()[0]
    (written(placed, CHIP, tmp_path) / "cores" / f"{table}.npz").unlink()
    with pytest.raises(DiagnosticError, match=f"E540.*(?s:.*){table}.npz"):
        emulator.run(tmp_path, {}, {}, [])


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"version": 2}', b"\xff"])
def test_an_index_that_is_none_is_refused(text, tmp_path):
    (tmp_path / "cores").mkdir()
    (tmp_path / "cores" / "index.json").write_bytes(text)
    with pytest.raises(DiagnosticError, match="E540"):
        emulator.run(tmp_path, {}, {}, [])


def _leaves(value, path=()):
    """Paths of everything in the index that is neither a list nor an object."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = [leaf for key, item in items for leaf in _leaves(item, (*path, key))]
    return found or [path]


@settings(max_examples=80, deadline=None)
@given(st.data(), st.sampled_from((0, 1)), st.sampled_from((None, "x", -1, 0, 3, 10**9, 2.5, [], {}, True)))
def test_an_index_changed_anywhere_is_refused_or_runs_without_a_traceback(data, number, value):
    network, _, files = _networks()[number]
    index = json.loads(files["cores/index.json"])
    path = data.draw(st.sampled_from([leaf for leaf in _leaves(index) if leaf[0] not in ("tables", "version")]))
    place = index
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with tempfile.TemporaryDirectory() as name:
        folder = _write(files | {"cores/index.json": json.dumps(index).encode()}, Path(name))
        with suppress(DiagnosticError):
            emulator.run(folder, random_inputs(network, 3), {}, records_of(network))
