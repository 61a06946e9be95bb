"""The CPU model of lava-nc that is exact to the bit, on two layers of LIF: what `loihi_speed.py` is compared with.

Run by a Python that has lava-nc 0.10 (3.10 at most), from registers in a file:

    python3.10 benchmarks/lava_mlp.py registers.npz rows.npz

registers.npz: `input` [T, n], and for layer i `w<i>` [post, pre], `e<i>`, `du<i>`, `dv<i>`, `vth<i>`. rows.npz gets
spikes and v of the last layer [T, n], and `seconds` of every timed run of T steps.
"""

import sys
import time

import numpy as np
from lava.magma.core.run_conditions import RunSteps
from lava.magma.core.run_configs import Loihi2SimCfg
from lava.proc.dense.process import Dense
from lava.proc.io.source import RingBuffer
from lava.proc.lif.process import LIF
from lava.proc.monitor.process import Monitor

REPETITIONS = 5


def network(given):
    """Layers behind a source that repeats the input."""
    source = RingBuffer(data=given["input"].T.astype(np.int32))
    port, made = source.s_out, []
    for layer in range(2):
        weights = given[f"w{layer}"].astype(np.int32)
        dense = Dense(weights=weights, weight_exp=int(given[f"e{layer}"]), num_weight_bits=8)
        neurons = LIF(shape=weights.shape[:1], du=int(given[f"du{layer}"]), dv=int(given[f"dv{layer}"]),
                      vth=int(given[f"vth{layer}"]), bias_mant=0, bias_exp=0)
        port.connect(dense.s_in)
        dense.a_out.connect(neurons.a_in)
        port = neurons.s_out
        made.append(neurons)
    return made[-1]


def recorded(given, steps):
    """Spikes and v of the last layer, from two runs: a monitor probes one variable."""
    rows = {}
    for name in ("s_out", "v"):
        last, monitor = network(given), Monitor()
        monitor.probe(getattr(last, name), steps)
        last.run(RunSteps(num_steps=steps), run_cfg=Loihi2SimCfg(select_tag="fixed_pt"))
        rows[name] = monitor.get_data()[last.name][name]
        last.stop()
    return rows


def timed(given, steps):
    """Seconds of runs of so many steps, the first left out: it builds the processes."""
    last, found = network(given), []
    for _ in range(REPETITIONS + 1):
        start = time.perf_counter()
        last.run(RunSteps(num_steps=steps), run_cfg=Loihi2SimCfg(select_tag="fixed_pt"))
        found.append(time.perf_counter() - start)
    last.stop()
    return found[1:]


if __name__ == "__main__":
    GIVEN = dict(np.load(sys.argv[1]))
    STEPS = len(GIVEN["input"])
    ROWS = recorded(GIVEN, STEPS)
    np.savez(sys.argv[2], spikes=ROWS["s_out"], v=ROWS["v"], seconds=timed(GIVEN, STEPS))
