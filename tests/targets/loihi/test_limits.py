"""Limits of the chips: registers, weights, cores, all violations at once; what recorded cases break is refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from compiler import chips, discovery
from compiler.diagnostics import DiagnosticError
from compiler.formats import F64, Format
from compiler.ir.network import Network, Population, Tensor
from compiler.ir.program import TensorRef
from compiler.options import Options
from targets.loihi.cases import read_case
from targets.loihi.limits import check
from tests.passes.texts import network
from tests.targets.loihi.models import LEAKY, legalised, model

FOLDER = Path(__file__).parents[2] / "data" / "loihi"
LOIHI1, LOIHI2 = chips.load("loihi1"), chips.load("loihi2")


def _population(fixed: Network) -> Population:
    found = fixed.node("p")
    assert isinstance(found, Population)
    return found


def _with(fixed: Network, **arguments) -> Network:
    """The network with other registers."""
    item, copy = _population(fixed), fixed.copy()
    copy.add(replace(item, site=replace(item.site, arguments=item.site.arguments | arguments)))
    return copy


def _codes(fixed: Network, chip=LOIHI1) -> list[str]:
    return [item.code for item in check(fixed, chip)]


def test_what_was_legalised_fits():
    assert _codes(legalised(model(LEAKY)), LOIHI1) == _codes(legalised(model(LEAKY)), LOIHI2) == []


@pytest.mark.parametrize(("case", "codes"), [
    ("edge_08", {"E443"}),
    ("overflow_04", {"E443"}),
    ("single_07", set()),
])
def test_recorded_cases_beyond_the_chip_are_refused_when_they_are_compiled(case, codes):
    """|a| beyond 16 bits; `conform` runs them all the same."""
    assert {item.code for item in check(read_case(FOLDER / f"{case}.npz").network, LOIHI2)} == codes


def test_weights_that_no_exponent_holds_are_refused():
    fixed = legalised(model(LEAKY))
    fixed.tensors["w.q"] = Tensor(Format(True, 16, -12), fixed.tensors["w.q"].data.astype(np.int16) * 7)
    assert "E442" in _codes(fixed)


@pytest.mark.parametrize(("register", "value", "words"), [
    ("threshold", float((1 << 17) << 6), "vth of %p"),
    ("kept_v", 0.0, "dv of %p"),
])
def test_a_register_that_holds_no_such_number_is_named(register, value, words):
    fixed = legalised(model(LEAKY))
    program = _population(fixed).site.program
    wide = replace(fixed.programs[program], params=tuple(
        replace(item, type=Format(True, 20, -6)) if item.name == "threshold" else item
        for item in fixed.programs[program].params))
    fixed = _with(fixed, **{register: value})
    fixed.programs[program] = wide
    [found] = [item for item in check(fixed, LOIHI1) if item.code == "E441"]
    assert words in found.message and ".." in found.expected


def test_all_violations_come_at_once():
    """A leak that loses everything, and sums beyond 16 bits."""
    case = read_case(FOLDER / "edge_08.npz").network
    item = case.populations[0]
    case.add(replace(item, site=replace(item.site, arguments=item.site.arguments | {"kept_v": 0.0})))
    assert {"E441", "E443"} <= {found.code for found in check(case, LOIHI1)}


def test_thresholds_and_profiles_of_a_core_are_counted():
    fixed = legalised(model(LEAKY, units=40), "loihi1")
    fixed.tensors["t"] = Tensor(Format(True, 18, -6), np.arange(100, 140, dtype=np.int32))
    fixed.tensors["k"] = Tensor(Format(False, 13, 12), np.arange(3000, 3040, dtype=np.uint16))
    changed = _with(fixed, threshold=TensorRef("t"), kept_v=TensorRef("k"))
    found = {item.message.split("too many ")[1]: item.found for item in check(changed, LOIHI1) if item.code == "E444"}
    assert found == {"thresholds for loihi1": "40 thresholds", "profiles for loihi1": "40 profiles"}
    assert "E444" not in _codes(changed, LOIHI2)


def test_thresholds_of_all_populations_on_a_core_count_together():
    """Seventeen small populations share a core; each has a threshold of its own."""
    lines = [f"population %p{i}[2] = @q()\nprojection %w{i}: %in.spikes -> %p{i}.x  dense(#w{i})  delay=0\n"
             f"output %out{i} = %p{i}.spikes" for i in range(17)]
    text = LEAKY.format(kept=0.9, threshold=1.0, reset=0.0) + "input %in[9] : spikes\n" + "\n".join(lines)
    rng = np.random.default_rng(0)
    weights = {f"w{i}": Tensor(F64, rng.normal(0, 1, (2, 9))) for i in range(17)}
    found = [item for item in check(legalised(network(text, **weights), "loihi1"), LOIHI1)]
    assert [(item.code, item.found) for item in found] == [("E444", "17 thresholds")]


def test_a_reset_that_a_chip_does_not_have_is_refused():
    program = LEAKY.replace("%r = select %s, {reset}, %b", "%l = sub %b, 0.5 : f64\n      %r = select %s, %l, %b")
    fixed = legalised(model(program))
    never = replace(LOIHI1, facts=LOIHI1.facts | {"reset_by_subtraction": "no"})
    assert (_codes(fixed, never), _codes(fixed, LOIHI1), _codes(fixed, LOIHI2)) == (["E445"], [], [])


def test_a_population_that_is_no_compartment_is_refused():
    source = model(LEAKY)
    for name in ("invert_divisors", "co_scale", "quantize", "retime"):
        source = discovery.passes()[name].run(source, Options(chip=LOIHI1))
    assert "E440" in _codes(source)


def test_delays_and_synapse_memory_are_those_of_the_chip():
    """62 steps after that of arrival; blocks of 64 synapses, each with a head, in words of 64 bits."""
    tail = "projection %w: %in.spikes -> %p.x  dense(#w)  delay={}"
    assert _codes(legalised(model(LEAKY, tail.format(63)))) == []
    assert "E407" in _codes(legalised(model(LEAKY, tail.format(64))))
    fixed = legalised(model(LEAKY, units=200, inputs=7))
    for name in ("partition", "place", "route"):
        fixed = discovery.passes()[name].run(fixed, Options(chip=LOIHI1))
    from compiler.analysis.cost import resources

    block, rest = -(-(64 * 8 + 10) // 64) * 64, -(-(8 * 8 + 10) // 64) * 64
    assert resources(fixed, LOIHI1)["per_core"]["synapse_memory"]["max"] == 7 * (3 * block + rest)


def test_a_network_that_is_too_large_is_refused_with_every_limit():
    text = LEAKY.format(kept=0.9, threshold=1.0, reset=0.0) + """
    input %in[5000] : spikes
    population %p[4] = @q()
    projection %w: %in.spikes -> %p.x  dense(#w)  delay=0
    output %out = %p.spikes
    """
    source = network(text, w=Tensor(F64, np.random.default_rng(0).normal(0, 1, (4, 5000))))
    found = {chip.name: str(DiagnosticError(check(legalised(source, chip.name), chip))) for chip in (LOIHI1, LOIHI2)}
    assert all("E443" in text for text in found.values())
    assert ["in-axons" in text or "in_axons" in text for text in found.values()] == [True, False]
