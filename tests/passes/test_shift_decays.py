"""Decays by shifts: sums of at most two powers of two, as near as these come, and reported."""

import numpy as np
import pytest

from compiler.options import Options
from compiler.passes import shift_decays
from compiler.passes.shift_decays import by_shifts
from tests.passes.texts import network

TEXT = """
program @leak(current: f64, v: state f64 = 0.0, decay: param f64, theta: param f64) {
  %a = mul decay, v : f64
  %b = add %a, current : f64
  %s = gt %b, theta : bool
  %w = select %s, 0.0, %b : f64
  v' = %w
  emit spikes = %s
}

input %input[2] : spikes

population %pop[2] = @leak(decay=0.951229424500714, theta=0.5; v=0.0)

projection %input_pop: %input.spikes -> %pop.current  one_to_one(#w)  delay=0

output %output = %pop.spikes
"""


def terms(decay: float) -> int:
    """Least number of signed powers of two that 1 - decay, or decay, is the sum of (non-adjacent form)."""
    def digits(value: int) -> int:
        count = 0
        while value:
            if value & 1:
                count += 1
                value -= 2 - (value & 3)
            value >>= 1
        return count

    return min(digits(round((1 - decay) * 2**48)), digits(round(decay * 2**48)))


@pytest.mark.parametrize("tau", [1.0, 3.3, 6.0, 10.0, 20.0, 50.0, 333.0, 1e4])
def test_the_decay_is_the_nearest_sum_of_at_most_two_powers_of_two(tau):
    decay = np.exp(-1 / tau)
    found = float(by_shifts(np.array(decay)))
    assert terms(found) <= 2

    def error(value):
        return abs(-1 / np.log(value) / tau - 1)

    trials = [1 - 2.0**-j + sign * 2.0**-k for j in range(1, 20) for k in range(j + 1, 21) for sign in (0, 1, -1)]
    best = min(error(value) for value in trials if 0 < value < 1)
    assert error(found) <= max(best, 0.01) + 1e-12


def test_only_parameters_that_multiply_a_state_change_and_only_if_asked():
    from compiler.formats import F64
    from compiler.ir.network import Tensor

    before = network(TEXT, w=Tensor(F64, np.ones(2)))
    assert shift_decays.run(before, Options()) is before
    site = shift_decays.run(before, Options(decay="shifts")).node("pop").site
    assert site.arguments == {"decay": 0.953125, "theta": 0.5}
