"""Replace what a state is multiplied by in every step by sums of powers of two.

Rewrite: a parameter d between 0 and 1 that multiplies a state -> 1 - 2^-j, or 1 - 2^-j ± 2^-k where one term misses the
time constant by more than 1 %; so d * x is shifts of x and additions, rounded once at the end.
  before  decay = 0.951229   τ = 20 steps
  after   decay = 0.953125   1 - 2^-4 + 2^-6, τ = 20.8 steps: the nearest that two terms give

Only with `--decay shifts`; the time constants that result stand in the report beside those asked for.
Levels: model. Preserves: nothing but the form; the error of every time constant is reported.
Source: numerics.md, decay by multiplier or shifts.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from compiler.formats import F64, FloatType
from compiler.ir.network import Network, Tensor
from compiler.ir.program import Argument, Program, Site, TensorRef
from compiler.ir.rewrite import map_sites
from compiler.options import Options

LEVELS = ("model",)

FINEST = 24
"""The smallest term is 2^-24."""
ENOUGH = 0.01
"""Error of a time constant that one term may leave."""


def run(network: Network, options: Options) -> Network:
    if options.decay != "shifts":
        return network
    shifted = network.copy()
    map_sites(shifted, lambda name, site, _: _shifted(shifted, name, site))
    return shifted


def _shifted(network: Network, name: str, site: Site) -> Site:
    decays = decays_of(network.programs[site.program])
    arguments = {key: _nearest(network, f"{name}.{key}.shifts", value) if key in decays else value
                 for key, value in site.arguments.items()}
    return replace(site, arguments=arguments)


def decays_of(program: Program) -> set[str]:
    """Real parameters that multiply a state."""
    states = {item.name for item in program.states}
    real = {item.name for item in program.params if isinstance(item.type, FloatType)}
    return {operand for op in program.ops if op.opcode == "mul" and states & set(op.names)
            for operand in op.names if operand in real}


def _nearest(network: Network, name: str, value: Argument) -> Argument:
    """Values between 0 and 1 as sums of powers of two; others stay."""
    real = network.real(value)
    if not ((real > 0) & (real < 1)).all():
        return value
    found = by_shifts(real)
    if found.ndim == 0:
        return float(found)
    network.tensors[name] = Tensor(F64, found)
    return TensorRef(name)


def by_shifts(decays: np.ndarray) -> np.ndarray:
    """The nearest 1 - 2^-j, or 1 - 2^-j ± 2^-k, in the time constant -1 / ln d.

    >>> by_shifts(np.array([0.5, 0.9375])).tolist()
    [0.5, 0.9375]
    """
    unique, place = np.unique(decays, return_inverse=True)
    one, two = _one_term(), _two_terms()
    first, second = (_closest(unique, candidates) for candidates in (one, two))
    found = np.where(np.abs(_error(first, unique)) <= ENOUGH, first, second)
    return found[place].reshape(np.shape(decays))


def _one_term() -> np.ndarray:
    return 1 - 2.0 ** -np.arange(1, FINEST + 1)


def _two_terms() -> np.ndarray:
    exponents = 2.0 ** -np.arange(1, FINEST + 1)
    pairs = [1 - first + sign * second for index, first in enumerate(exponents) for second in exponents[index + 1:]
             for sign in (1, -1)]
    found = np.unique(np.concatenate([_one_term(), pairs, exponents]))
    return found[(found > 0) & (found < 1)]


def _error(found: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Relative error of the time constant."""
    return np.log(wanted) / np.log(found) - 1


def _closest(wanted: np.ndarray, candidates: np.ndarray) -> np.ndarray:
    return candidates[np.abs(_error(candidates[None], wanted[:, None])).argmin(axis=1)]
