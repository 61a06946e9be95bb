"""What arrives at a neuron: one matrix of real weights for each projection, with the leak of the current behind it.

A filter behind a projection (`post`) is the chip's current where it leaks into a sum of what arrives; a factor on the
way, there or on the neuron's port, belongs into the weights. The chip has one current for a compartment, so all
projections into a neuron leak alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sparse

from compiler.diagnostics import Diagnostic, DiagnosticError, Place, declare
from compiler.formats import F64, BoolType, Format
from compiler.ir.connections.base import Connection
from compiler.ir.connections.dense import Dense
from compiler.ir.connections.one_to_one import OneToOne
from compiler.ir.connections.sparse import Sparse
from compiler.ir.network import Input, Network, Projection, Tensor
from compiler.ir.program import TensorRef
from targets.loihi.affine import NotAffineError, names, outcomes
from targets.loihi.neuron import Neuron

_Weighted = tuple[tuple[Connection, ...], int, np.ndarray]

E331 = declare("E331", "a projection does more than synapses of the chip can")

DENSE_SHARE = 0.3
LARGEST = 1 << 26
"""Entries of a matrix that is multiplied out."""


@dataclass(frozen=True)
class Arrival:
    """One projection, on a membrane measured in `unit`s (its threshold).

    link: position in the chain of the one link with weights; values: its real weights. matrix: the whole map
    [post, pre], real, with every factor: what one unit of the source adds to the membrane. kept:
    share of the current left after a step, 0 where it acts once. start: current at the start [post]. bias: what it adds
    in every step, to the current where there is one [post]. largest: of the integers that the source sends; fraction:
    their fraction bits.
    """

    projection: Projection
    link: int
    values: np.ndarray
    matrix: np.ndarray | sparse.csr_array
    kept: np.ndarray
    start: np.ndarray
    bias: np.ndarray
    largest: int
    is_signed: bool
    fraction: int


def arrivals_of(network: Network, name: str, neuron: Neuron, unit: np.ndarray) -> list[Arrival]:
    """Every projection into a neuron. unit: what counts as 1 on the membrane [post]. Errors: E331, all at once."""
    found, findings = [], []
    for projection in network.into(name):
        try:
            found.append(_arrival(network, projection, neuron, unit))
        except DiagnosticError as error:
            findings += error.diagnostics
    if not findings:
        findings = list(_contradictions(name, found, neuron))
    if findings:
        raise DiagnosticError(findings)
    return found


def _refusal(projection: Projection, reason: str, found: str, expected: str, hint: str = "") -> DiagnosticError:
    return DiagnosticError(Diagnostic(E331, f"synapses of the chip cannot do what {projection.name} does: {reason}",
                                      Place(path=projection.name), found, expected, hint))


def _contradictions(name: str, found: list[Arrival], neuron: Neuron) -> Iterator[Diagnostic]:
    """Leaks that one current cannot have."""
    kept = {item.projection.name: item.kept for item in found}
    if neuron.current:
        kept[f"{name}.{neuron.current}"] = neuron.kept_current
    shown = {key: float(np.median(value)) for key, value in kept.items()}
    first = next(iter(kept.values()), np.zeros(()))
    filtered = [key for key, item in kept.items() if np.any(item)]
    if neuron.current and any(np.any(item.kept) for item in found):
        yield Diagnostic(E331, f"%{name} filters its input twice", Place(path=name), ", ".join(filtered),
                         "one current for a compartment", "use synapses without a filter")
    elif not neuron.current and not all(np.allclose(item, first, rtol=1e-9, atol=0) for item in kept.values()):
        yield Diagnostic(E331, f"projections into %{name} leak differently", Place(path=name), str(shown),
                         "one current for a compartment", "give all of them the same time constant")


def _arrival(network: Network, projection: Projection, neuron: Neuron, unit: np.ndarray) -> Arrival:
    for part in ("pre", "synapse"):
        site = getattr(projection, part)
        if site is not None:
            raise _refusal(projection, f"a program {part}", f"@{site.program}", "plain weights",
                           "filter behind the weights: a filter that is the same for all units can stand there")
    kept, factor, start = _filter(network, projection)
    units = network.size_of(projection.target)
    onto = neuron.gains[projection.target_port] / unit
    gain = np.broadcast_to(onto * factor, (units,))
    chain, link, values = _weighted(network, projection, gain)
    tensors = network.tensors | {chain[link].weights.name: Tensor(F64, values)}  # pyright: ignore
    matrix = _multiplied(network, replace(projection, chain=chain), tensors)
    bias = np.zeros(()) if projection.bias is None else network.real(projection.bias)
    largest, is_signed, fraction = _carried(network, projection)
    return Arrival(replace(projection, chain=chain), link, values, matrix, kept,
                   np.broadcast_to(start * onto, (units,)),
                   np.broadcast_to(bias * gain, (units,)), largest, is_signed, fraction)


def _carried(network: Network, projection: Projection) -> tuple[int, bool, int]:
    """Largest integer that is sent, whether negative ones are, and their fraction bits."""
    node, type_ = network.node(projection.source), network.emitted_type(projection.source, projection.source_port)
    if isinstance(node, Input) and node.port.kind == "events":
        return node.port.maximum, False, 0
    if isinstance(type_, BoolType):
        return 1, False, 0
    if isinstance(type_, Format):
        signed = isinstance(node, Input) and node.port.kind == "signed" or type_.width == 2
        return (1 if signed else max(type_.high, -type_.low)), type_.signed, type_.fraction
    raise _refusal(projection, "it carries values that are not spikes", f"{projection.source}.{projection.source_port}",
                   "spikes", "read values out of the network, do not send them on")


def _filter(network: Network, projection: Projection) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(share kept, factor, start) of the program behind a projection: z <- kept * z + x, passed on times a factor."""
    if projection.post is None:
        return np.zeros(()), np.ones(()), np.zeros(())
    program, where = network.programs[projection.post.program], "a leaky sum of what arrives"
    try:
        cases = outcomes(network, projection.post, {})
    except NotAffineError as error:
        raise _refusal(projection, error.reason, f"%{error.op.result} = {error.op.opcode}", where) from error
    if len(cases) != 1 or len(program.states) > 1:
        raise _refusal(projection, "its filter compares, or has several states", f"@{program.name}", where)
    port, emitted = program.inputs[0].name, cases[0].number(program.emits[0].value)
    if np.any(emitted.constant) or set(names(emitted.terms)) - {port, *(item.name for item in program.states)}:
        raise _refusal(projection, "its filter adds a constant", f"@{program.name}", where)
    if not program.states:
        return np.zeros(()), emitted.coefficient(port), np.zeros(())
    state = program.states[0]
    after = cases[0].number(program.update_of(state.name))
    if not np.all(after.coefficient(port)) or np.any(after.constant):
        raise _refusal(projection, "its filter does not take everything in", f"@{program.name}", where)
    factor = emitted.coefficient(port) / after.coefficient(port)
    if not emitted.close_to(after * factor):
        raise _refusal(projection, "its filter passes on what it was before the step", f"@{program.name}", where)
    start = network.real(projection.post.initial.get(state.name, state.initial))
    return after.coefficient(state.name), factor * after.coefficient(port), factor * start


def _weighted(network: Network, projection: Projection, gain: np.ndarray) -> _Weighted:
    """The chain with exactly one link that has weights, that link's position, and its weights times the gain."""
    chain = projection.chain
    weighted = [index for index, link in enumerate(chain) if link.weights is not None]
    uniform = bool((gain == gain[0]).all())
    if not weighted:
        return (*chain, OneToOne(TensorRef(f"{projection.name}.weight"))), len(chain), gain.copy()
    values = np.asarray(network.tensor(chain[weighted[0]].weights).values, np.float64)  # pyright: ignore
    if len(weighted) == 1 and uniform:
        return chain, weighted[0], values * gain[0]
    if len(chain) == 1 and isinstance(chain[0], Dense):
        return chain, 0, values * gain[:, None]
    if len(chain) == 1 and isinstance(chain[0], OneToOne):
        return chain, 0, values * gain.reshape(values.shape)
    return _listed(network, projection, gain)


def _listed(network: Network, projection: Projection, gain: np.ndarray) -> _Weighted:
    """The chain multiplied out: one dense link, or a list of synapses."""
    size = network.size_of(projection.source) * network.size_of(projection.target)
    matrix = _multiplied(network, projection, network.tensors)
    stored = size if isinstance(matrix, np.ndarray) else matrix.nnz
    if stored > LARGEST:
        raise _refusal(projection, "its maps would have to be multiplied out", f"{stored} synapses",
                       f"at most {LARGEST}", "use fewer links with weights of their own")
    matrix = sparse.csr_array(matrix) * gain[:, None]
    matrix = sparse.csr_array(matrix)
    matrix.sort_indices()
    name = f"{projection.name}.weight"
    if matrix.nnz > DENSE_SHARE * size:
        return (Dense(TensorRef(name)),), 0, matrix.toarray()
    bits = Format(False, 32)
    network.tensors[f"{name}.starts"] = Tensor(bits, matrix.indptr.astype(np.uint32))
    network.tensors[f"{name}.sources"] = Tensor(bits, matrix.indices.astype(np.uint32))
    link = Sparse(TensorRef(name), TensorRef(f"{name}.starts"), TensorRef(f"{name}.sources"))
    return (link,), 0, matrix.data


def _multiplied(network: Network, projection: Projection, tensors) -> np.ndarray | sparse.csr_array:
    """The chain as one real matrix [post, pre]."""
    shape, product = network.shape_of(projection.source), None
    for link in projection.chain:
        matrix = link.matrix(shape, tensors)
        product = matrix if product is None else matrix @ product
        shape = link.output_shape(shape, tensors)
    assert product is not None
    return product if isinstance(product, np.ndarray) else sparse.csr_array(product)
