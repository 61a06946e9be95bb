"""Puts a program together: header, arithmetic, populations, layers, and the functions that run them over time."""

from __future__ import annotations

from compiler.ir.exact import Range, range_of_type
from compiler.ir.network import Input, Network
from compiler.results.results import history_depths, record_dtype
from targets.jax_fixed import library
from targets.jax_fixed.document import header
from targets.jax_fixed.driver import DRIVER, write_tables
from targets.jax_fixed.expressions import converted
from targets.jax_fixed.layer_function import write_layer_function
from targets.jax_fixed.layers import LayerText, write_parts
from targets.jax_fixed.names import LOCAL, PROGRAM, TAKEN, Names
from targets.jax_fixed.program_text import ProgramText
from targets.jax_fixed.schedule import layers
from targets.jax_fixed.sites import stored
from targets.jax_fixed.writer import quoted

BLOCK_BYTES = 1 << 23
"""What values may take on their way through the weights of one projection: more would leave the caches."""

BLOCK_ROWS = 2048
"""Rows of a block at most: a product of bytes gains nothing from more."""


def program_text(network: Network) -> str:
    """The whole of program.py."""
    out = written(network)
    write_tables(out)
    body = out.code.text()
    parts = [header(network), library.text_before(body + DRIVER), body, library.text_after(DRIVER), DRIVER]
    return "\n\n".join(part.strip("\n") + "\n" for part in parts)


def written(network: Network, free: bool = False) -> ProgramText:
    """Everything that computes: step functions, layers, start and the function `block`."""
    out = ProgramText(network, Names(TAKEN | PROGRAM | LOCAL | library.names()), free=free)
    ports = {f"{item.name}.{item.port.kind}": _input_range(item) for item in network.inputs}
    layer_texts: dict[str, LayerText] = {}
    for layer in layers(network):
        text = write_parts(out, layer, ports)
        layer_texts[write_layer_function(out, text)] = text
        ports |= text.ports
    _write_start(out)
    _write_network(out, layer_texts)
    return out


def _input_range(item: Input) -> Range:
    narrower = {"signed": Range(-1, 1), "events": Range(0, item.port.maximum)}
    return narrower.get(item.port.kind) or range_of_type(item.port.carries)


def _write_start(out: ProgramText) -> None:
    """Where every state starts."""
    network, starts = out.network, {}
    out.code.heading("the network")
    for name, site, units in network.sites():
        for item in network.programs[site.program].states:
            initial = site.initial.get(item.name, item.initial)
            value = out.argument(initial, item.type, f"{name}_{item.name}_start", f"{name}.{item.name}: {item.type}")
            starts[f"{name}.{item.name}"] = stored(converted(value, item.type), units)
    for (node, port), depth in history_depths(network).items():
        dtype = record_dtype(network.emitted_type(node, port))
        starts[f"history.{node}.{port}"] = f"jnp.zeros((batch, {depth}, {network.size_of(node)}), jnp.{dtype})"
    documentation = ["The state before the first step.", "",
                     "States are [batch, units]; a history holds the last rows of a port, the oldest first."]
    with out.code.function("initial_state(batch)", documentation), out.code.table("return "):
        out.code.line('"step": jnp.int32(0),')
        out.code.lines(f"{quoted(key)}: {text}," for key, text in starts.items())


def _write_network(out: ProgramText, written: dict[str, LayerText]) -> None:
    """What calls the layers in order."""
    code, network = out.code, out.network
    needed = {f"{item.source}.{item.source_port}" for item in network.projections}
    needed |= {f"{item.source}.{item.port}" for item in network.outputs}
    ports = ", ".join(quoted(port) for port in sorted(needed))
    code.line(f"PORTS = [{ports}]", "what layers and outputs read")
    documentation = ["Some consecutive steps of the whole network, layer after layer.", "",
                     "inputs: {name: [steps, batch, units]}. Returns the state after them and the rows of `wanted`."]
    with code.function("block(weights, wanted, state, inputs)", documentation):
        code.line("steps, batch, _ = next(iter(inputs.values())).shape")
        code.line("keep = {*wanted, *PORTS}")
        code.line("emitted, rows, after = {}, {}, {}")
        for item in network.inputs:
            port = quoted(f"{item.name}.{item.port.kind}")
            code.line(f"rows[{port}] = inputs[{quoted(item.name)}]")
            code.line(f"emitted[{port}] = joined(state, {port}, rows[{port}])")
        for function, text in written.items():
            code.line(f"changed, kept = {function}(weights, state, emitted, steps, batch, keep)")
            code.line("after, rows = after | changed, rows | kept")
            code.lines(f"emitted[{quoted(port)}] = joined(state, {quoted(port)}, rows[{quoted(port)}])"
                       for port in text.emitted if port in needed)
        for (node, port), depth in history_depths(network).items():
            name = f"{node}.{port}"
            code.line(f"after[{quoted(f'history.{name}')}] = remembered(emitted[{quoted(name)}], {depth})")
        code.line('after["step"] = state["step"] + steps')
        code.line("return after, {name: rows[name] for name in wanted}")
    with code.table("WEIGHTS = "):
        code.lines(f"{quoted(name)}: {text}," for name, text in out.weights.items())
    rows = max(1, min(BLOCK_ROWS, BLOCK_BYTES // out.row_bytes))
    code.line(f"BLOCK_ROWS = {rows}", "steps times samples that are computed together")
