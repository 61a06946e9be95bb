"""The command line of a generated program: inputs, records and states from files, checked, and results into a file."""

# pyright: reportOptionalSubscript=false, reportOptionalMemberAccess=false

from __future__ import annotations

import argparse
import difflib
import json
import os
import re
import sys
import tempfile
import zipfile

import numpy as np


def refuse(message):
    """End with one line for the user and status 1."""
    sys.exit(f"error: {message}")


def read_arrays(path):
    """All arrays of a .npz file, without pickle."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, TypeError, AttributeError, zipfile.BadZipFile) as fault:
        refuse(f"{path}: cannot be read as arrays (.npz): {fault}")


def write_arrays(path, arrays):
    """Write arrays in the order given, completely or not at all; equal arrays give equal bytes."""
    folder = os.path.dirname(os.path.abspath(path))
    temporary = None
    try:
        os.makedirs(folder, exist_ok=True)
        with tempfile.NamedTemporaryFile("wb", dir=folder, delete=False) as stream:
            temporary = stream.name
            np.savez(stream, **arrays)
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)
        os.replace(temporary, path)
        temporary = None
    except OSError as fault:
        refuse(f"{path}: cannot be written: {fault.strerror}")
    finally:
        if temporary is not None:
            os.unlink(temporary)


def checked_input(name, array, port):
    """One input as raw integers [batch, steps, units], and whether it came with a batch axis."""
    shape, kind, low, high, fraction = port
    units = int(np.prod(shape))
    if array.dtype.kind not in "biuf":
        refuse(f"input {name}: holds {array.dtype}, not numbers")
    fitting = [own for own in (shape, (units,)) if array.ndim - len(own) in (1, 2) and array.shape[-len(own) :] == own]
    if not fitting or 0 in array.shape:
        steps = ", ".join(str(extent) for extent in shape)
        refuse(f"input {name}: shape {array.shape} is not [T, {steps}] or [B, T, {steps}]")
    batched = array.ndim - len(fitting[0]) == 2
    rows = array.reshape(*array.shape[: 1 + batched], units)
    scaled = rows * 2.0**fraction if kind == "current" else rows
    slack = 0.5 if kind == "current" else 0
    wrong = ~np.isfinite(scaled) | (scaled < low - slack) | (scaled >= high + slack if slack else scaled > high)
    if not slack and rows.dtype.kind == "f":
        wrong |= rows != np.floor(rows)
    if wrong.any():
        index = tuple(int(i) for i in np.argwhere(wrong)[0])
        limits = f"{low * 2.0**-fraction:g} … {high * 2.0**-fraction:g}" if slack else f"integers {low} … {high}"
        refuse(f"input {name}: {rows[index]} at {list(index)}; a port of kind {kind} holds {limits}")
    raw = np.clip(np.rint(scaled), low, high) if slack else rows
    raw = raw.astype(np.uint8 if kind == "spikes" else np.int32)
    return (raw if batched else raw[None]), batched


def checked_inputs(arrays, ports):
    """All inputs of a file as raw integers, and whether they came with a batch axis."""
    if len(ports) == 1 and "input" in arrays and not ports.keys() & arrays.keys():
        arrays = {next(iter(ports)): arrays["input"]}
    missing = [name for name in ports if name not in arrays]
    if missing:
        refuse(f"no array for input {missing[0]}; the file holds {', '.join(arrays) or 'nothing'}")
    checked = {name: checked_input(name, arrays[name], port) for name, port in ports.items()}
    extents = {name: rows.shape[:2] for name, (rows, _) in checked.items()}
    if len(set(extents.values())) > 1:
        refuse(f"inputs disagree in samples and steps: {extents}")
    return {name: rows for name, (rows, _) in checked.items()}, any(batched for _, batched in checked.values())


def checked_state(path, start, ranges):
    """A state from a file: the arrays, shapes and ranges of this network."""
    state = read_arrays(path)
    for name in sorted(start.keys() | state.keys()):
        if name not in state or name not in start:
            refuse(f"{path}: not a state of this network: {name} is {'missing' if name in start else 'unknown'}")
        if state[name].shape != start[name].shape or state[name].dtype.kind not in "biu":
            refuse(f"{path}: {name} is {state[name].dtype}{state[name].shape}, not integers {start[name].shape}")
        low, high = ranges.get(name, (-(2**31), 2**31 - 1))
        if state[name].size and (state[name].min() < low or state[name].max() > high):
            refuse(f"{path}: {name} leaves its range {low} … {high}")
    return {name: state[name].astype(start[name].dtype) for name in start}


def parsed_record(text, records):
    """`name[start:stop]@every=k` as (name, start, stop, every)."""
    match = re.fullmatch(r"([\w.]+)(\[(\d+)?:(\d+)?\])?(@every=([1-9]\d*))?", text)
    if match is None or match[1] not in records:
        near = difflib.get_close_matches(text, records, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(records)}"
        refuse(f"nothing to record is called {text}; {hint}")
    units, start, stop = records[match[1]][0], int(match[3] or 0), int(match[4]) if match[4] else None
    if not start < (units if stop is None else stop) <= units:
        refuse(f"{text}: {match[1]} has units 0:{units}")
    return match[1], start, stop, int(match[6] or 1)


def physical(raw, record, tensors):
    """Raw integers in physical units: raw * 2**-fraction * scale in float64; spikes as they are."""
    _, format_text, fraction, scale = record
    if format_text == "bool":
        return raw
    values = np.ldexp(raw.astype(np.float64), -fraction)
    if scale is None:
        return values
    return values * (tensors[scale].astype(np.float64).reshape(-1) if isinstance(scale, str) else scale)


def result_arrays(outputs, kept, wanted, tables, raw, batched):
    """What is written: outputs by name, records in the order asked for, and `meta` with their formats."""
    records, tensors, dt, output_ports = tables
    sources = {name: output_ports[name] for name in sorted(outputs)}
    arrays = {
        name: outputs[name] if raw else physical(outputs[name], records[port], tensors)
        for name, port in sources.items()
    }
    formats = {name: records[port][1] for name, port in sources.items()}
    chosen = {}
    for name, start, stop, every in wanted:
        rows = kept[name] if raw else physical(kept[name], records[name], tensors)
        arrays[name] = rows[:, ::every, start:stop]
        formats[name] = records[name][1]
        chosen[name] = {"start": start, "stop": stop, "every": every}
    arrays = {name: np.ascontiguousarray(rows if batched else rows[0]) for name, rows in arrays.items()}
    meta = {"dt": dt, "raw": raw, "formats": formats, "records": chosen}
    return arrays | {"meta": np.array(json.dumps(meta, sort_keys=True))}


def arguments():
    """What was asked for on the command line."""
    parser = argparse.ArgumentParser(
        description="Run this network on a file.",
        epilog="example: python program.py --input x.npz --output y.npz --record hid.v",
    )
    parser.add_argument("--input", required=True, metavar="X.npz", help="one array per input, [T, n] or [B, T, n]")
    parser.add_argument("--output", metavar="Y.npz", help="where outputs and records go")
    parser.add_argument("--record", action="extend", nargs="+", default=[], metavar="NAME", help="pop.v[0:8]@every=10")
    parser.add_argument("--raw", action="store_true", help="raw integers instead of physical units")
    parser.add_argument("--state-in", metavar="F.npz", help="continue from the state of an earlier run")
    parser.add_argument("--state-out", metavar="F.npz", help="write the state after the last step")
    return parser.parse_args()


def command_line(run, initial_state, ports, state_ranges, tables):
    """Run the network on files. tables: (records, tensors, dt, ports of the outputs)."""
    asked = arguments()
    inputs, batched = checked_inputs(read_arrays(asked.input), ports)
    wanted = [parsed_record(text, tables[0]) for text in asked.record]
    batch = next(iter(inputs.values())).shape[0]
    state = initial_state(batch)
    if asked.state_in:
        state = checked_state(asked.state_in, state, state_ranges)
    outputs, kept, state = run(inputs, state, tuple(name for name, *_ in wanted))
    outputs, kept = ({name: np.asarray(rows) for name, rows in part.items()} for part in (outputs, kept))
    arrays = result_arrays(outputs, kept, wanted, tables, asked.raw, batched)
    if asked.output:
        write_arrays(asked.output, arrays)
    if asked.state_out:
        write_arrays(asked.state_out, {name: np.asarray(state[name]) for name in sorted(state)})
    for name in sorted(outputs):
        print(f"{name}: {list(arrays[name].shape)}, sum {arrays[name].sum():g}")
