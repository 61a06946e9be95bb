"""Runs a NIR graph in norse, in an interpreter that has it: norse_runner.py GRAPH INPUTS.npz OUTPUTS.npz DT RESET.

Of this project nothing is imported. DT in seconds; RESET is `value` or `subtract`. The array `input` [T, *shape] goes
in step by step, `output` [T, n] comes out, everything in float64.
"""

import sys

import nir
import norse.torch
import numpy as np
import torch
from norse.torch.functional.reset import reset_subtract, reset_value


def main(graph, inputs, outputs, dt, reset):
    torch.set_default_dtype(torch.float64)
    read = nir.read(graph)
    how = {"value": reset_value, "subtract": reset_subtract}[reset]
    module = norse.torch.from_nir(read, dt=float(dt), reset_method=how).double()
    rows, state, seen = torch.from_numpy(np.load(inputs)["input"].astype(np.float64)), None, []
    with torch.no_grad():
        for row in rows:
            value, state = module(row[None], state)
            seen.append(value.numpy().reshape(-1))
    np.savez_compressed(outputs, output=np.array(seen).astype(np.uint8))


if __name__ == "__main__":
    main(*sys.argv[1:])
