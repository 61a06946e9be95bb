"""Populations of a recorded case: registers of its description as compartments."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from compiler.formats import Format, smallest_format, storage_dtype
from compiler.ir.network import Network, Population, Tensor
from compiler.ir.program import Argument, Site, TensorRef
from targets.loihi.case_file import CaseFile, Entry
from targets.loihi.dynamics import LIMIT, SHIFT, WORD, Form, compartment

MOST_UNITS = 1 << 16
ONE = 4096
"""1 in the registers of decays."""

Arguments = dict[str, Argument]


@dataclass(frozen=True)
class CasePopulation:
    """One population with its form, the arguments of its program, and where its counters start.

    shift: left shift of its weighted sums.
    """

    entry: Entry
    size: int
    form: Form
    arguments: Arguments
    starts: Arguments
    shift: int = SHIFT

    @property
    def name(self) -> str:
        return self.entry.name

    def port(self, graded: bool) -> str:
        """The port whose values a synapse meets."""
        return "signed" if self.form.ternary and graded else "spikes"

    def add_to(self, network: Network, arriving: np.ndarray) -> None:
        """Add the population. arriving: largest magnitude of the weighted sums together, before the shift [n]."""
        file, name = self.entry.file, self.name
        most = int(arriving.max(initial=0))
        if most << self.shift >= 1 << 30:
            raise file.fault(name, "sums that may arrive do not fit 32 bits", most, f"below {1 << (30 - self.shift)}")
        form = replace(self.form, sum=smallest_format(-max(most, 1), max(most, 1), -self.shift))
        starts = {key: self._start(key) for key in ("u", "v")}
        if self.form.wraps and most << self.shift <= 2 * LIMIT and np.abs(starts["u"]).max() <= LIMIT:
            form = replace(form, u=Format(True, 25))
        arguments, form = self._biased(network, form)
        initial = {key: _argument(network, f"{name}.{key}0", value, getattr(form, key))
                   for key, value in starts.items() if value.any()}
        program = compartment(f"{name}_compartment", form)
        network.programs[program.name] = program
        network.add(Population(name, (self.size,), Site(program.name, arguments, initial | self.starts)))

    def _start(self, key: str) -> np.ndarray:
        """u or v at the start. Errors: E140 where no register holds it."""
        file, name = self.entry.file, f"{self.name}.{key}0"
        found = file.integers(name, (self.size,), default=0)
        low, high = getattr(self.form, key).low, getattr(self.form, key).high
        if found.min() < low or found.max() > high:
            raise file.fault(name, "a start is out of range", f"{found.min()}..{found.max()}", f"{low}..{high}")
        return found

    def _biased(self, network: Network, form: Form) -> tuple[Arguments, Form]:
        file, name = self.entry.file, self.name
        mantissa = file.integers(f"{name}.bias_mant", (self.size,), default=0)
        exponent = np.clip(file.integers(f"{name}.bias_exp", (self.size,), default=0), -31, 31)
        bias = np.where(exponent >= 0, mantissa << np.maximum(exponent, 0), mantissa >> np.maximum(-exponent, 0))
        if not bias.any():
            return self.arguments, form
        if np.abs(bias).max() >= 1 << 30:
            raise file.fault(f"{name}.bias_mant", "a bias does not fit 32 bits", np.abs(bias).max(), f"below {1 << 30}")
        type_ = smallest_format(min(0, int(bias.min())), max(0, int(bias.max())))
        return self.arguments | {"bias": _argument(network, f"{name}.bias", bias, type_)}, replace(form, bias=type_)


def _argument(network: Network, name: str, values: np.ndarray, type_: Format) -> Argument:
    """Whole numbers as an argument: one number where all are the same."""
    if (values == values[0]).all():
        return int(values[0])
    network.tensors[name] = Tensor(type_, values.astype(storage_dtype(type_)))
    return TensorRef(name)


def of(file: CaseFile) -> Iterator[CasePopulation]:
    """Every population of a case. Errors: E140."""
    for entry in file.entries("populations"):
        yield entry.choice("model", MODELS)(entry, entry.integer("n", 1, MOST_UNITS))


def _decays(entry: Entry) -> Arguments:
    kept_u = (ONE - 1 - entry.integer("du", 0, ONE - 1)) / ONE
    return {"kept_u": kept_u, "kept_v": (ONE - entry.integer("dv", 0, ONE)) / ONE}


def _threshold(entry: Entry, key: str, shift: int = SHIFT) -> float:
    return float(entry.integer(key, -(1 << 23), (1 << 23) - 1) << shift)


def _for(form: Form, thresholds: Arguments) -> Form:
    """The form with room for thresholds beyond those of the register."""
    wide = max(abs(int(value)) for value in thresholds.values() if isinstance(value, float)) >> SHIFT
    return replace(form, threshold=Format(True, max(18, wide.bit_length() + 1), -SHIFT))


def _leaky(entry: Entry, size: int) -> CasePopulation:
    thresholds: Arguments = {"threshold": _threshold(entry, "vth")}
    return CasePopulation(entry, size, _for(Form(u=WORD), thresholds), _decays(entry) | thresholds, {})


def _ternary(entry: Entry, size: int) -> CasePopulation:
    thresholds: Arguments = {"threshold": _threshold(entry, "vth_hi"), "low_threshold": _threshold(entry, "vth_lo")}
    form = Form(ternary=True, emits=(("spikes", "spikes"), ("signed", "signed")), u=WORD)
    return CasePopulation(entry, size, _for(form, thresholds), _decays(entry) | thresholds, {})


def _resetting(entry: Entry, size: int) -> CasePopulation:
    """u and v are 0 before step t (from 1) where t = offset modulo interval."""
    plain = _leaky(entry, size)
    interval = entry.integer("reset_interval", 1, 1 << 20)
    offset = entry.integer("reset_offset", 0, 1 << 30, default=0)
    form = replace(plain.form, interval=smallest_format(0, max(1, interval - 1)))
    arguments = plain.arguments | {"last_phase": interval - 1}
    return replace(plain, form=form, arguments=arguments, starts={"phase": (offset - 1) % interval})


def _refractory(entry: Entry, size: int) -> CasePopulation:
    """The float model that was recorded: nothing is shifted, wrapped or clipped; v stays 0 for `refractory_period`."""
    whole = {"du": entry.integer("du", 1, 1), "dv": entry.integer("dv", 0, 0)}
    period = entry.integer("refractory_period", 0, 1 << 20)
    held = smallest_format(0, max(1, period))
    form = Form(refractory=held, wraps=False, clips=False, u=WORD, v=WORD, threshold=Format(True, 32))
    arguments: Arguments = {"kept_u": float(1 - whole["du"]), "kept_v": float(1 - whole["dv"]), "held": period,
                            "threshold": _threshold(entry, "vth", 0)}
    return CasePopulation(entry, size, form, arguments, {}, shift=0)


MODELS: dict[Any, Callable[[Entry, int], CasePopulation]] = {
    "lif": _leaky,
    "ternary_lif": _ternary,
    "lif_reset": _resetting,
    "lif_refractory": _refractory,
}
