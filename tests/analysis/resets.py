"""Random neurons that are reset, whose value before the reset saturates: at fixed level, from text."""

from __future__ import annotations

import numpy as np

from compiler.ir.network import Network
from compiler.ir.parse import parse
from compiler.ir.verify import verify


def random_reset(seed: int, units: int = 3) -> Network:
    """A population %p with states v and w, quadratic in v, coupled; v may be as narrow as the threshold allows.

    `drive` and `before` saturate; in every third network the cut value goes on into w, where the cut does matter.
    """
    rng = np.random.default_rng(seed)
    theta, reset = int(rng.integers(8, 28)), int(rng.integers(-24, 4))
    square, pull, decay, gain = (round(float(item) * 64) / 64 for item in rng.uniform(
        (0.03, 0.1, 0.75, -0.1), (0.3, 0.9, 0.98, 0.2)))
    jump, width = int(rng.integers(0, 6)), int(rng.integers(11, 14))
    rounding = str(rng.choice(["zero", "even", "floor"]))
    kept = "%before" if seed % 3 == 0 else "v"
    modes = f"{'' if rounding == 'floor' else '/' + rounding}/saturate"
    text = f"""snn 1  level=fixed  dt=1.0
program @q(x: s9.4, v: state s{width}.4{modes} = 0.0, w: state s13.4{modes} = 0.0) {{
  %square = mul v, v : s16.4{modes}
  %drive = mul {square}, %square : s14.4{modes}
  %own = mul {1 - pull}, v : s20.4/{'zero' if rounding == 'floor' else rounding}
  %less = sub x, w : s15.4
  %rest = add %own, %less : s22.4
  %before = add %drive, %rest : s{int(rng.integers(12, 15))}.4/saturate
  %fires = gt %before, {theta} : bool
  %after = select %fires, {reset}, %before : s16.4
  %v_next = convert %after : s{width}.4{modes}
  %step = select %fires, {jump}, 0 : s5.0
  %slow = mul {decay}, w : s13.4{modes}
  %fast = mul {gain}, {kept} : s16.4/zero
  %sum = add %slow, %fast : s18.4
  %more = add %sum, %step : s19.4
  %w_next = convert %more : s13.4{modes}
  v' = %v_next
  w' = %w_next
  emit spikes = %fires
}}
input %in[{units}] : current s9.4
population %p[{units}] = @q()
projection %in_p: %in.current -> %p.x  identity()  delay=0  accumulator=s9.4
output %out = %p.spikes
"""
    network = parse(text, {})
    assert verify(network) == [], verify(network)[0]
    return network
