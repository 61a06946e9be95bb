"""What is suggested against the part of quantizing that costs most."""

import pytest

from compiler.explain.pairing import COMPONENTS
from compiler.explain.remedies import remedy
from compiler.options import Options


def test_truncated_states_are_to_be_rounded_to_nearest_first():
    assert remedy("states", Options(rounding="floor"), False).startswith("--rounding even")
    assert "--rounding" not in remedy("states", Options(rounding="even"), False)


def test_shifts_are_to_become_multipliers():
    assert remedy("decays", Options(decay="shifts"), False).startswith("--decay multiplier")
    assert "12" in remedy("decays", Options(coefficient_bits=12), False)


@pytest.mark.parametrize("component", [*COMPONENTS, None])
def test_on_a_chip_with_its_own_arithmetic_only_narrow_weights_can_be_widened(component):
    assert bool(remedy(component, Options(weight_bits=4), True)) == (component == "weights")
    assert not remedy(component, Options(weight_bits=8), True)
