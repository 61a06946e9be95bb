"""Networks of one population from short texts, legalised, and their registers as a case that a plain model runs."""

import numpy as np

from compiler import chips, discovery
from compiler.formats import F64
from compiler.ir.network import Network, Tensor
from compiler.options import Options
from targets.loihi.registers import registers_of
from targets.loihi.synapses import synapses_of
from tests.passes.texts import network

LEAKY = """
    program @q(x: f64, v: state f64 = 0.0) {{
      %a = mul {kept}, v : f64
      %b = add %a, x : f64
      %s = gt %b, {threshold} : bool
      %r = select %s, {reset}, %b : f64
      v' = %r
      emit spikes = %s
    }}
"""
CUBA = """
    program @q(x: f64, v: state f64 = 0.0, i: state f64 = 0.0) {{
      %i2 = mul {leak}, i : f64
      %i3 = add %i2, x : f64
      %a = mul {kept}, v : f64
      %b = add %a, %i3 : f64
      %s = gt %b, {threshold} : bool
      %r = select %s, 0.0, %b : f64
      v' = %r
      i' = %i3
      emit spikes = %s
    }}
"""
TERNARY = """
    program @q(x: f64, v: state f64 = 0.0) {{
      %a = mul {kept}, v : f64
      %b = add %a, x : f64
      %s = gt %b, {threshold} : bool
      %t = lt %b, {low} : bool
      %e = or %s, %t : bool
      %n = select %t, -1.0, 0.0 : f64
      %g = select %s, 1.0, %n : f64
      %r = select %e, 0.0, %b : f64
      v' = %r
      emit spikes = %g
    }}
"""
INTEGRATOR = """
    program @q(x: f64, v: state f64 = 0.0) {{
      %a = mul {kept}, v : f64
      %b = add %a, x : f64
      v' = %b
      emit y = %b
    }}
"""


def model(program: str, *tail: str, units: int = 6, inputs: int = 9, port: str = "spikes", **numbers: float) -> Network:
    """One population behind a dense projection, with random weights; `tail` are more lines."""
    weights = np.random.default_rng(units).normal(0.1, 0.4, (units, inputs))
    numbers = {"kept": 0.9, "leak": 0.7, "threshold": 1.0, "low": -0.6, "reset": 0.0} | numbers
    lines = [f"input %in[{inputs}] : spikes", f"population %p[{units}] = @q()",
             "projection %w: %in.spikes -> %p.x  dense(#w)  delay=0" if not tail else tail[0], *tail[1:],
             f"output %out = %p.{port}"]
    return network(program.format(**numbers) + "\n".join(lines), w=Tensor(F64, weights))


def legalised(source: Network, chip: str = "loihi2", **options) -> Network:
    """At fixed level, with the step that a spike takes."""
    chosen = Options(chip=chips.load(chip), **options)
    for name in ("legalise_loihi", "retime"):
        source = discovery.passes()[name].run(source, chosen)
    return source


def as_case(fixed: Network, inputs: np.ndarray) -> tuple[dict, dict]:
    """(meta, arrays) of the population %p, its registers read back. inputs: [T, n], of the chip's steps."""
    population, [projection] = fixed.node("p"), fixed.into("p")
    found, synapses = registers_of(fixed, population), synapses_of(fixed, projection)  # pyright: ignore
    meta = {"name": "p", "n": len(found.du), "model": "lif", "du": int(found.du[0]), "dv": int(found.dv[0])}
    if found.low_threshold is not None and found.threshold is not None:
        meta |= {"model": "ternary_lif", "vth_hi": int(found.threshold[0]), "vth_lo": int(found.low_threshold[0])}
    else:
        meta["vth"] = 1 << 22 if found.threshold is None else int(found.threshold[0])
    arrays = {"in.spikes": inputs, "w.weights": synapses.mantissas, "p.bias_mant": found.bias_mantissa,
              "p.bias_exp": found.bias_exponent, "p.u0": found.u0, "p.v0": found.v0}
    link = {"name": "w", "pre": "in", "post": "p", "weight_exp": synapses.exponent, "num_weight_bits": 8,
            "sign_mode": synapses.mode}
    return {"T": len(inputs), "inputs": [{"name": "in", "n": inputs.shape[1]}], "populations": [meta],
            "projections": [link]}, arrays
