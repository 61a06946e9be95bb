"""Partition, placement and routing: every limit kept, every unit placed, nothing but the mapping changed."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, assume, given, settings

from compiler import chips
from compiler.analysis.cost import core_uses, resources
from compiler.analysis.occupancy import RESOURCES
from compiler.analysis.routes import hops, router_load, routes, tree
from compiler.analysis.synapses import all_synapses
from compiler.diagnostics import DiagnosticError
from compiler.ir.verify import verify
from compiler.options import Options
from compiler.passes import partition, place, retime, route
from tests.layered import connect, layered
from tests.strategies import networks
from tests.targets.cores.mapping import mapped, small_chips

TINY = chips.load("tiny")


def _cores_of(network, name):
    return len(network.node(name).placement)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(networks(), small_chips())
def test_every_limit_holds_on_every_core_and_only_the_mapping_changes(network, chip):
    try:
        retimed = retime.run(network, Options(chip=chip))
    except DiagnosticError:
        assume(False)
        raise
    placed = mapped(network, chip)
    assert verify(placed) == []
    for use in core_uses(placed, chip):
        assert all(use.used[name] <= getattr(chip, name) for name in RESOURCES), use
        assert use.core[0] < chip.width and use.core[1] < chip.height
    for item in placed.populations:
        placed.add(replace(item, placement=()))
    for item in placed.projections:
        placed.add(replace(item, axons=()))
    placed.level, placed.chip = "fixed", ""
    assert placed == retimed


def test_a_layer_is_cut_where_a_core_is_full():
    placed = partition.run(layered([8, 40]), Options(chip=TINY))
    assert [(item.start, item.stop, item.slot) for item in placed.node("l0").placement] == [
        (0, 16, 0),
        (16, 32, 0),
        (32, 40, 0),
    ]


def test_what_is_left_of_a_layer_shares_a_core():
    """l0 leaves 8 units, l1 has 3: they fit one core."""
    placed = partition.run(layered([8, 40, 3]), Options(chip=TINY))
    assert len(core_uses(placed, TINY)) == 3
    assert placed.node("l1").placement[0].core == placed.node("l0").placement[2].core
    assert placed.node("l1").placement[0].slot == 8


def test_left_overs_go_where_their_axons_are():
    """`c` hears the same input units as `a`, not those of `b`."""
    network = layered([8, 10])
    network.add(replace(network.node("l0"), name="near", shape=(4,)))
    network.add(replace(network.node("l0"), name="far", shape=(11,)))
    network.add(replace(network.inputs[0], name="other"))
    connect(network, "input", "near")
    connect(network, "other", "far")
    placed = partition.run(network, Options(chip=TINY))
    assert placed.node("near").placement[0].core == placed.node("l0").placement[0].core


@pytest.mark.parametrize(
    ("limit", "value", "cores"),
    [
        ("synapse_memory", 64 * 8 * 5, 4),
        ("neuron_memory", 26 * 7, 3),
        ("accumulators", 4, 5),
        ("neurons", 20, 1),
    ],
)
def test_each_limit_alone_decides_how_many_cores_a_layer_takes(limit, value, cores):
    """64 presynaptic units, 20 units of 26 bits, 8-bit weights in words of 8 bits."""
    chip = replace(TINY, **{"neurons": 64, "accumulators": 64, "word_bits": 8, limit: value})
    assert _cores_of(partition.run(layered([64, 20]), Options(chip=chip)), "l0") == cores


def test_out_axons_cut_a_layer_that_feeds_many_cores():
    """Each unit of l0 feeds the 4 cores of l1, so a core with 20 out-axons holds 5 of them."""
    chip = replace(TINY, out_axons=20)
    placed = partition.run(layered([8, 16, 64]), Options(chip=chip))
    assert _cores_of(placed, "l1") == 4
    assert _cores_of(placed, "l0") == 4
    assert max(item.used["out_axons"] for item in core_uses(placed, chip)) <= 20


def test_a_network_with_too_many_cores_names_its_populations():
    with pytest.raises(DiagnosticError) as caught:
        partition.run(layered([8, 512, 496, 20]), Options(chip=TINY))
    assert [(item.code, item.place.path) for item in caught.value.diagnostics] == [
        ("E401", "l0"),
        ("E401", "l1"),
        ("E401", "l2"),
    ]
    assert str(caught.value.diagnostics[0]) == (
        "error[E401]: population l0 takes part in 32 of the 65 cores that are needed, tiny has 64\n"
        "  --> l0\n"
        "  found:    65 cores, 32 with units of l0\n"
        "  expected: at most 64 cores\n"
        "  hint: use fewer units or narrower weights, or a larger chip (--chip)"
    )


def test_populations_that_fit_no_core_and_those_that_need_too_many_are_named_together():
    with pytest.raises(DiagnosticError) as caught:
        partition.run(layered([8, 1600, 40]), Options(chip=TINY))
    assert [(item.code, item.place.path) for item in caught.value.diagnostics] == [("E402", "l1"), ("E401", "l0")]


def test_a_unit_that_fits_no_core_is_named_with_every_limit_it_breaks():
    chip = replace(TINY, in_axons=100, synapse_memory=1000)
    with pytest.raises(DiagnosticError) as caught:
        partition.run(layered([200, 4]), Options(chip=chip))
    assert str(caught.value) == (
        "error[E402]: unit 0 of population l0 does not fit an empty core of tiny\n"
        "  --> l0\n"
        "  found:    synapse_memory 6400, in_axons 200\n"
        "  expected: at most synapse_memory 1000, in_axons 100\n"
        "  hint: use fewer presynaptic units, narrower weights or states, or a larger chip (--chip)"
    )


def test_placement_takes_no_more_links_than_the_order_of_partition():
    options = Options(chip=TINY)
    network = layered([32, 96, 96, 32])
    connect(network, "l1", "l0", delay=4, share=0.2)
    before = partition.run(retime.run(network, options), options)
    after = place.run(before, options)
    links = [resources(item, TINY)["traffic"]["multicast_hops"] for item in (before, after)]
    assert links[1] < links[0]
    assert place.run(before, options) == after


def test_routes_write_axons_and_memory_of_every_core():
    options = Options(chip=TINY)
    routed = route.run(place.run(partition.run(layered([64, 24]), options), options), options)
    found = {item.core: (item.axons, item.bits) for item in routed.projection("input_l0").axons}
    cores = {item.core: item.stop - item.start for item in routed.node("l0").placement}
    assert found == {core: (64, 64 * 8 * units) for core, units in cores.items()}


def test_a_full_router_is_named():
    options = Options(chip=replace(TINY, routes=3))
    network = layered([16, 128])
    connect(network, "l0", "l0", delay=1)
    placed = place.run(partition.run(retime.run(network, options), options), options)
    with pytest.raises(DiagnosticError, match="E410.*router"):
        route.run(placed, options)
    load = router_load(routes(placed, all_synapses(placed, TINY)))
    assert max(load.values()) > 3


def test_a_tree_reaches_every_core_once_and_its_length_is_counted():
    cores = [(0, 0), (3, 1), (3, 4), (1, 2), (5, 0), (2, 2)]
    links = tree((2, 2), cores)
    steps = {0: (1, 0), 1: (-1, 0), 2: (0, 1), 3: (0, -1)}
    reached = {(2, 2)}
    for x, y, direction in links:
        assert (x, y) in reached
        there = (x + steps[direction][0], y + steps[direction][1])
        assert there not in reached
        reached.add(there)
    assert set(cores) <= reached
    assert hops((2, 2), cores) == len(links)


def test_a_dense_network_of_ten_thousand_units_maps_in_closed_form():
    """No matrix is touched: the weights are a view of a single number."""
    import numpy as np

    from compiler.ir.network import Tensor

    network = layered([4, 4, 4, 4])
    sizes = {"input": 1000, "l0": 4000, "l1": 4000, "l2": 2000}
    network.add(replace(network.inputs[0], shape=(1000,)))
    for item in network.populations:
        network.add(replace(item, shape=(sizes[item.name],)))
    for item in network.projections:
        old = network.tensors[item.name]
        shape = (sizes[item.target], sizes[item.source])
        network.tensors[item.name] = Tensor(old.type, np.broadcast_to(np.int8(1), shape))
    chip = chips.load("generic_large")
    placed = mapped(network, chip)
    assert resources(placed, chip)["cores"]["gap"] <= 3
