"""Words of synapse memory hold what was packed: the emulator's decoder against plain Python integers."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from compiler import chips
from targets.cores.emission import emit
from targets.cores.packing import pack_lists, pack_rows
from targets.cores.synapse_memory import decode
from targets.cores.tables import read
from tests.layered import connect, layered
from tests.targets.cores.mapping import mapped, written


def _as_words(entries: list[int], width: int, word_bits: int) -> list[int]:
    """Entries bit after bit as one big integer, cut into words."""
    whole = sum(value << (index * width) for index, value in enumerate(entries))
    count = -(-len(entries) * width // word_bits)
    return [(whole >> (index * word_bits)) & ((1 << word_bits) - 1) for index in range(count)]


@given(
    st.data(), st.integers(1, 57), st.sampled_from((8, 16, 32, 64)), st.lists(st.integers(1, 9), min_size=1, max_size=4)
)
def test_lists_of_any_length_are_packed_bit_after_bit(data, width, word_bits, lengths):
    lists = [data.draw(st.lists(st.integers(0, (1 << width) - 1), min_size=n, max_size=n)) for n in lengths]
    flat = np.array([value for item in lists for value in item], np.int64)
    expected = [word for item in lists for word in _as_words(item, width, word_bits)]
    assert pack_lists(flat, np.array(lengths), width, word_bits).tolist() == expected
    rows = np.array([lists[0]] * 3, np.int64)
    assert pack_rows(rows, width, word_bits).tolist() == [_as_words(lists[0], width, word_bits)] * 3


def test_negative_weights_are_twos_complement():
    assert pack_rows(np.array([[-1, -8, 7]], np.int8), 4, 16).tolist() == [[0x78F]]
    assert pack_rows(np.array([[-1, 1]], np.int8), 8, 16).tolist() == [[0x01FF]]


def test_decoded_memory_holds_exactly_the_weights_and_delays_of_the_network(tmp_path):
    """Dense, sparse with a delay for every synapse, and parallel: summed per (pre, post, delay) over all cores."""
    chip = chips.load("tiny")
    network = layered([12, 40])
    rng = np.random.default_rng(4)
    connect(network, "input", "l0", share=0.1, delay=rng.integers(0, 9, (40, 12)), weight_bits=5, seed=2)
    connect(network, "l0", "l0", delay=rng.integers(1, 4, 40), seed=3)
    placed = mapped(network, chip)
    tables = read(written(placed, chip, tmp_path))
    found: dict[tuple, int] = {}
    for core, layout in enumerate(_layouts(placed, chip)):
        sources = {
            layout.first_axon[key] + index: (key[0], int(unit))
            for key, units in layout.axons.items()
            for index, unit in enumerate(units)
        }
        base = layout.bases["l0.current"]
        decoded = decode(tables, core)
        for axon, place, delay, weight in zip(
            decoded.axon, decoded.accumulator, decoded.delay, decoded.weight, strict=True
        ):
            key = (*sources[int(axon)], int(layout.rows["l0"][place - base]), int(delay))
            found[key] = found.get(key, 0) + int(weight)
    assert {key: value for key, value in found.items() if value} == _expected(placed)


def _layouts(placed, chip):
    from compiler.analysis.synapses import all_synapses
    from targets.cores.layout import layouts

    return layouts(placed, all_synapses(placed, chip))


def _expected(placed) -> dict[tuple, int]:
    summed: dict[tuple, int] = {}
    for item in placed.projections:
        matrix = item.chain[0].matrix(placed.shape_of(item.source), placed.tensors)
        matrix = matrix if isinstance(matrix, np.ndarray) else matrix.toarray()
        delays = np.broadcast_to(placed.delays(item), matrix.shape)
        for post, pre in np.argwhere(matrix):
            key = (item.source, int(pre), int(post), int(delays[post, pre]))
            summed[key] = summed.get(key, 0) + int(matrix[post, pre])
    return {key: value for key, value in summed.items() if value}


def test_memory_is_as_large_as_the_route_pass_says():
    chip = chips.load("tiny")
    network = layered([12, 40])
    connect(network, "input", "l0", share=0.2, weight_bits=5)
    placed = mapped(network, chip)
    from compiler import npz

    starts = npz.read(emit(placed, chip)["cores/synapses.npz"])["core.words"]
    by_core: dict[tuple[int, int], int] = {}
    for item in placed.projections:
        for group in item.axons:
            by_core[group.core] = by_core.get(group.core, 0) + group.bits
    assert sorted(by_core.values()) == sorted((np.diff(starts) * chip.word_bits).tolist())
