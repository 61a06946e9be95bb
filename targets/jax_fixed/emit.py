"""Puts a program together: header, arithmetic, populations, layers, and the functions that run them."""

from __future__ import annotations

from compiler.ir.network import Network
from compiler.results import history_depths, record_dtype
from targets.jax_fixed import library
from targets.jax_fixed.document import header, tables
from targets.jax_fixed.layers import LayerText, write_layer
from targets.jax_fixed.names import TAKEN, Names
from targets.jax_fixed.program_text import ProgramText
from targets.jax_fixed.expressions import converted
from targets.jax_fixed.schedule import layers
from targets.jax_fixed.sites import stored
from targets.jax_fixed.writer import Writer
from compiler.ir.exact import Range, range_of_type

BLOCK_BYTES = 1 << 23
"""Weighted sums of one population that a block computes at once."""

BLOCK_ROWS = 2048
"""Rows of a block at most: more gain nothing in a product of bytes."""


def program_text(network: Network) -> str:
    """The whole of program.py."""
    own = {"TENSORS", "WEIGHTS", "PORTS", "BLOCK_ROWS", "block", "run", "step", "_advance", "DT", "RECORDS", "STATE_RANGES",  "initial_state", "INPUTS", "OUTPUTS"}
    out = ProgramText(network, Names(TAKEN | library.names() | own))
    ports = {f"{item.name}.{item.port.kind}": _input_range(item) for item in network.inputs}
    written = []
    for layer in layers(network):
        text = write_layer(out, layer, ports)
        ports |= text.ports
        written.append(text)
    starts = _write_starts(out)
    main = Writer()
    _write_main(main, out, written, starts)
    body = out.code.text() + main.text()
    head = header(network)
    return "\n".join([head, library.text_for(body), body])


def _input_range(item) -> Range:
    low, high = {"signed": (-1, 1), "events": (0, item.port.maximum)}.get(item.port.kind, (0, 0))
    return Range(low, high) if high else range_of_type(item.port.carries)


def _write_starts(out: ProgramText) -> dict[str, str]:
    """Constants of where the states start. Gives the text of every state, by its key."""
    network, starts = out.network, {}
    out.code.line()
    out.code.line()
    out.code.line("# ---- where states start")
    out.code.line()
    for name, site, units in network.sites():
        for item in network.programs[site.program].states:
            initial = site.initial.get(item.name, item.initial)
            value = out.argument(initial, None, f"{name}_{item.name}_0", f"{name}.{item.name}: {item.type}")
            value = converted(value, item.type)
            starts[f"{name}.{item.name}"] = stored(value, units)
    for (node, port), depth in history_depths(network).items():
        dtype = record_dtype(network.emitted_type(node, port))
        shape = f"(batch, {depth}, {network.size_of(node)})"
        starts[f"history.{node}.{port}"] = f"jnp.zeros({shape}, jnp.{dtype})"
    return starts


def _write_main(code: Writer, out: ProgramText, written: list[LayerText], starts: dict[str, str]) -> None:
    network = out.network
    code.line()
    code.line()
    code.line("# ---- the network over time")
    code.line()
    with code.block("WEIGHTS = {"):
        for name, text in out.weights.items():
            code.line(f"{name!r}: {text},")
    code.line("}")
    code.line(f"BLOCK_ROWS = {_rows(network)}", "steps times samples that are computed together")
    code.line(f"PORTS = {_needed_ports(network)!r}", "what later layers and outputs read")
    code.line(f"DT = {network.dt!r}", "ms")
    tables(code, network)
    _write_initial_state(code, starts)
    _write_block(code, network, written)
    code.lines(DRIVER.rstrip("\n").split("\n"))


def _rows(network: Network) -> int:
    widest = max((item.size for item in network.populations), default=1)
    return max(1, min(BLOCK_ROWS, BLOCK_BYTES // (4 * widest)))


def _needed_ports(network: Network) -> tuple[str, ...]:
    needed = {f"{item.source}.{item.source_port}" for item in network.projections}
    needed |= {f"{item.source}.{item.port}" for item in network.outputs}
    return tuple(sorted(needed))


def _write_initial_state(code: Writer, starts: dict[str, str]) -> None:
    code.line()
    code.line()
    with code.block("def initial_state(batch):"):
        code.documented(["The state before the first step: every array [batch, units], history oldest row first."])
        with code.block("return {"):
            code.line('"step": jnp.int32(0),')
            for key, text in starts.items():
                code.line(f"{key!r}: {text},")
        code.line("}")


def _write_block(code: Writer, network: Network, written: list[LayerText]) -> None:
    needed, depths = set(_needed_ports(network)), history_depths(network)
    code.line()
    code.line()
    with code.block("def block(weights, keep, state, inputs):"):
        code.documented(["Some consecutive steps of the whole network, layer after layer.", "",
                         "inputs: {name: [steps, batch, units]}. Returns the state after them and the rows that `keep` names."])
        code.line("steps, batch, _ = next(iter(inputs.values())).shape")
        code.line("wanted, keep = keep, {*keep, *PORTS}")
        code.line("emitted, rows, after = {}, {}, {}")
        for item in network.inputs:
            port = f"{item.name}.{item.port.kind}"
            code.line(f"rows[{port!r}] = inputs[{item.name!r}]")
            code.line(f"emitted[{port!r}] = joined(state, {port!r}, rows[{port!r}])")
        for text in written:
            code.line(f"changed, kept = {text.function}(weights, state, emitted, steps, batch, keep)")
            code.line("after |= changed")
            code.line("rows |= kept")
            for port in text.ports:
                if port in needed:
                    code.line(f"emitted[{port!r}] = joined(state, {port!r}, rows[{port!r}])")
        for (node, port), depth in depths.items():
            name = f"{node}.{port}"
            code.line(f"after[{f'history.{name}'!r}] = remembered(emitted[{name!r}], {depth})")
        code.line('after["step"] = state["step"] + steps')
        code.line("return after, {name: rows[name] for name in wanted}")



DRIVER = '''

@partial(jax.jit, static_argnums=0)
def _advance(keep, weights, state, inputs):
    return in_blocks(partial(block, weights, keep), state, inputs, BLOCK_ROWS)


def run(inputs, state=None, record=()):
    """Run all steps of inputs {name: raw integers [batch, steps, units]}.

    record: names of RECORDS. Returns (outputs, records, state): {name: [batch, steps, units]} twice, uint8 for spikes
    and else int32, and the state to continue from.
    """
    kinds = {name: jnp.uint8 if port[1] == "spikes" else jnp.int32 for name, port in INPUTS.items()}
    inputs = {name: jnp.asarray(inputs[name], kind) for name, kind in kinds.items()}
    state = initial_state(next(iter(inputs.values())).shape[0]) if state is None else state
    keep = tuple(sorted({*OUTPUTS.values(), *record}))
    state, rows = _advance(keep, WEIGHTS, {name: jnp.asarray(state[name]) for name in state}, inputs)
    return {name: rows[port] for name, port in OUTPUTS.items()}, {name: rows[name] for name in record}, state


def step(state, inputs):
    """One step on inputs {name: raw integers [batch, units]}. Returns (state, outputs {name: [batch, units]})."""
    outputs, _, state = run({name: jnp.asarray(inputs[name])[:, None] for name in INPUTS}, state)
    return state, {name: rows[:, 0] for name, rows in outputs.items()}


if __name__ == "__main__":
    command_line(
        "Run this network on a file.", run, initial_state, INPUTS, STATE_RANGES, (RECORDS, TENSORS, DT, OUTPUTS)
    )
'''
