"""What a compile says about the chip: registers realised, ranges proved or looked at, an estimate with its sources."""

from dataclasses import replace

import numpy as np
import pytest

from compiler import chips, discovery
from compiler.analysis.network_ranges import ranges_of
from compiler.diagnostics import DiagnosticError
from compiler.formats import F64
from compiler.ir.network import Network, Tensor
from compiler.options import Options
from compiler.page import tables
from targets.loihi.agreement import agreement
from targets.loihi.description import Description, describe
from targets.loihi.estimate import estimate
from tests.passes.texts import network
from tests.targets.loihi.models import CUBA, LEAKY, legalised, model

RATES = {"in.spikes": 0.25, "p.spikes": 0.5}


def _mapped(source: Network, chip: str = "loihi1") -> Network:
    fixed = legalised(source, chip)
    for name in ("partition", "place", "route"):
        fixed = discovery.passes()[name].run(fixed, Options(chip=chips.load(chip)))
    return fixed


def _described(source: Network, chip: str = "loihi1") -> Description:
    mapped = _mapped(source, chip)
    rows = (np.random.default_rng(0).random((4, 30, source.size_of("in"))) < 0.25).astype(np.int32)
    return describe(source, mapped, chips.load(chip), ranges_of(mapped), RATES, {"in": rows})


def test_time_constants_and_thresholds_stand_beside_what_was_asked():
    found = _described(model(CUBA, kept=0.9123, leak=0.7))
    [registers] = found.data["registers"]
    asked, given = -1 / np.log(0.9123), -1 / np.log(round(0.9123 * 4096) / 4096)
    entry = registers["realised"]["dv"]
    assert (entry["asked"], entry["realised"]) == (pytest.approx(asked), pytest.approx(given))
    assert entry["error"] == pytest.approx(abs(given / asked - 1))
    assert registers["realised"]["vth"]["error"] < 1e-12
    assert any("p.du" in row[0] and "off by" in row[-1] for row in found.sections[0][1])


def test_the_page_of_a_compile_shows_the_registers():
    found = _described(model(LEAKY))
    page = str(tables.family({"chip": "loihi1", "family": {"sections": found.sections}}))
    assert "p.vth" in page and "nJ" in page and tables.family({"chip": "generic", "family": {}}) is None


def test_the_error_of_weights_is_that_of_the_stored_mantissas():
    source = model(LEAKY)
    [found] = _described(source).data["synapses"]
    asked, spacing = source.tensors["w"].values, 2.0 ** found["exponent"] * 2
    scale = np.abs(asked).max() / (max(-found["least"], found["largest"]) * 2.0 ** found["exponent"])
    off = asked - np.rint(asked / scale / spacing) * spacing * scale
    assert found["error"] == pytest.approx(np.sqrt(np.square(off).mean()) / np.abs(asked).max(), rel=0.2)
    assert found["mode"] == "mixed" and found["delays"] == (0, 0)


def test_sums_that_are_bounded_are_proved():
    found = _described(model(LEAKY))
    assert [item["proved"] for item in found.data["agreement"]] == [True] and found.warnings == []


def _unproved() -> Network:
    """So many inputs that no exponent keeps every sum inside 16 bits."""
    text = LEAKY.format(kept=0.9, threshold=1.0, reset=0.0) + """
    input %in[3000] : spikes
    population %p[3] = @q()
    projection %w: %in.spikes -> %p.x  dense(#w)  delay=0
    output %out = %p.spikes
    """
    return network(text, w=Tensor(F64, np.random.default_rng(0).choice([-0.02, 0.02], (3, 3000))))


def test_sums_that_are_not_bounded_are_looked_at_on_data_and_said():
    found = _described(_unproved(), "loihi2")
    [entry] = found.data["agreement"]
    assert entry["sum"] > 32767 >= entry["shown_sum"] > 0 and not entry["proved"]
    assert [item.code for item in found.warnings] == ["W440"]
    assert "not proved" in str(found.sections[2][1])


def test_data_that_leave_the_range_are_an_error():
    mapped = _mapped(_unproved(), "loihi2")
    signs = (mapped.tensors["w.q"].data[0] > 0).astype(np.int32)
    with pytest.raises(DiagnosticError, match="E443(?s:.*)leave the chip's registers"):
        agreement(mapped, ranges_of(mapped), {"in": np.broadcast_to(signs, (1, 20, 3000))})


def test_a_population_that_moves_before_its_input_is_said():
    """A bias drives it while the chip waits for the first spike."""
    moving = CUBA.replace("%i3 = add %i2, x", "%i3 = add %i2, x").replace("v: state f64 = 0.0", "v: state f64 = 0.5")
    assert [item.code for item in _described(model(moving)).warnings] == ["W441"]
    assert _described(model(CUBA)).warnings == []


def test_a_reset_that_is_not_confirmed_is_said_on_that_chip_only():
    program = LEAKY.replace("%r = select %s, {reset}, %b", "%l = sub %b, 0.5 : f64\n      %r = select %s, %l, %b")
    assert [item.code for item in _described(model(program), "loihi1").warnings] == ["W442"]
    assert _described(model(program), "loihi2").warnings == []


def test_the_estimate_is_events_times_published_costs():
    """6 compartments, 9 inputs at 0.25 a step, each with 6 synapses on the core at the corner, where inputs start."""
    chip = chips.load("loihi1")
    found = estimate(_mapped(model(LEAKY)), chip, RATES)
    events, spikes, axons = 9 * 6 * 0.25, 6 * 0.5, 9 * 0.25
    assert (found.compartments, found.spikes, found.axons, found.synaptic_events) == (6, spikes, axons, events)
    assert found.tile_hops == (0, 0)
    fixed = 6 * (51.2 + 21.6) + spikes * 69.3 + axons * 111.0
    assert found.energy_pj == pytest.approx((fixed + events * 24.0, fixed + events * 35.5))
    assert found.time_ns == pytest.approx((600 + spikes * 30 + events * 3.1, 1800 + spikes * 30 + events * 4.7))
    assert all(found.sources) and any("SANA-FE" in text for text in found.sources)


def test_hops_between_tiles_cost_by_direction():
    """Cores of 2 x 2 share a tile; a core in the third column and row is one tile east and one south."""
    chip, mapped = chips.load("loihi1"), _mapped(model(LEAKY))
    item = mapped.node("p")
    moved = tuple(replace(part, core=(2, 3)) for part in item.placement)  # pyright: ignore
    mapped.add(replace(item, placement=moved))  # pyright: ignore
    near, far = estimate(_mapped(model(LEAKY)), chip, RATES), estimate(mapped, chip, RATES)
    assert far.tile_hops == (9 * 0.25, 9 * 0.25)
    assert far.energy_pj[0] - near.energy_pj[0] == pytest.approx(9 * 0.25 * (3.0 + 4.2))
    assert far.time_ns[0] - near.time_ns[0] == pytest.approx(4.1 + 6.5)
