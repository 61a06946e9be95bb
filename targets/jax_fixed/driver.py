"""How a program is used: the functions `run` and `step`, the command line, and the tables that these read."""

from __future__ import annotations

from compiler.formats import BoolType, Format
from compiler.ir.network import Input, Network
from compiler.results import archive
from targets.jax_fixed.program_text import ProgramText
from targets.jax_fixed.writer import quoted

DRIVER = '''
@partial(jax.jit, static_argnums=0)
def advance(wanted, weights, state, inputs):
    """All steps of inputs {name: [batch, steps, units]}. Returns the state after them and the rows asked for."""
    start = initial_state(next(iter(inputs.values())).shape[0])
    state = start if state is None else {name: state[name].astype(start[name].dtype) for name in start}
    return in_blocks(partial(block, weights, wanted), state, inputs, BLOCK_ROWS)


def run(inputs, state=None, record=()):
    """Run all steps of inputs {name: raw integers [batch, steps, units]}, from a state of an earlier run or afresh.

    record: names of RECORDS. Returns (outputs, records, state): {name: [batch, steps, units]} twice, spikes as uint8
    and all else as raw int32, and the state to continue from.
    """
    kinds = {name: jnp.uint8 if port[1] == "spikes" else jnp.int32 for name, port in INPUTS.items()}
    inputs = {name: jnp.asarray(inputs[name], kind) for name, kind in kinds.items()}
    if state is not None:
        state = {name: jnp.asarray(value) for name, value in state.items()}
    state, rows = advance(tuple(sorted({*OUTPUTS.values(), *record})), WEIGHTS, state, inputs)
    return {name: rows[port] for name, port in OUTPUTS.items()}, {name: rows[name] for name in record}, state


def step(state, inputs):
    """One step on inputs {name: raw integers [batch, units]}. Returns (state, outputs {name: [batch, units]})."""
    outputs, _, state = run({name: jnp.asarray(inputs[name])[:, None] for name in INPUTS}, state)
    return state, {name: rows[:, 0] for name, rows in outputs.items()}


if __name__ == "__main__":
    command_line(run, initial_state, INPUTS, STATE_RANGES, (RECORDS, TENSORS, DT, OUTPUTS))
'''


def write_tables(out: ProgramText) -> None:
    """Write what running and the command line must know about ports, records and states."""
    code, network = out.code, out.network
    code.line(f"DT = {network.dt!r}", "ms")
    with code.table("INPUTS = "):
        code.line("# name: (shape, kind, least, greatest raw integer, fraction bits)")
        code.lines(f"{quoted(item.name)}: {_port(item)}," for item in network.inputs)
    outputs = {item.name: f"{item.source}.{item.port}" for item in network.outputs}
    with code.table("OUTPUTS = "):
        code.lines(f"{quoted(name)}: {quoted(port)}," for name, port in sorted(outputs.items()))
    with code.table("RECORDS = "):
        code.line("# name: (units, format, fraction bits, scale of one raw unit: a number, a tensor, or None for 1)")
        code.lines(f"{quoted(name)}: {record}," for name, record in _records(network, outputs).items())
    with code.table("STATE_RANGES = "):
        for name, site, _ in network.sites():
            for item in network.programs[site.program].states:
                low, high = (item.type.low, item.type.high) if isinstance(item.type, Format) else (0, 1)
                code.line(f"{quoted(f'{name}.{item.name}')}: ({low}, {high}),")


def _port(item: Input) -> str:
    low, high = {"signed": (-1, 1), "events": (0, item.port.maximum)}.get(item.port.kind, (0, 1))
    fraction, type_ = 0, item.port.type
    if item.port.kind == "current" and isinstance(type_, Format):
        low, high, fraction = type_.low, type_.high, type_.fraction
    return f"({item.shape}, {quoted(item.port.kind)}, {low}, {high}, {fraction})"


def _records(network: Network, outputs: dict[str, str]) -> dict[str, str]:
    """Everything that may be recorded, and the ports of inputs that are outputs as they are."""
    units = archive.recordable(network)
    records = {name: _record(network, name, units[name]) for name in units}
    for port in outputs.values():
        node, _, own = port.rpartition(".")
        if port not in records:
            type_ = network.emitted_type(node, own)
            records[port] = f'({network.size_of(node)}, "{type_}", {getattr(type_, "fraction", 0)}, None)'
    return records


def _record(network: Network, name: str, units: int) -> str:
    type_ = archive.type_of(network, name)
    site_name, _, own = name.rpartition(".")
    site = next(site for key, site, _ in network.sites() if key == site_name)
    scale = site.scale if own in site.scaled else None
    shown = repr(scale) if scale is None or isinstance(scale, float | int) else quoted(scale.name)
    fraction = type_.fraction if isinstance(type_, Format) and not isinstance(type_, BoolType) else 0
    return f'({units}, "{type_}", {fraction}, {shown})'
