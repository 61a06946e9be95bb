"""One population with everything that ends in it, in registers of the chip."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from compiler.analysis import bounds
from compiler.analysis.intervals import EXACT, Interval, point
from compiler.analysis.ranges import SiteRanges, analyse
from compiler.diagnostics import DiagnosticError
from compiler.formats import F64, Format, smallest_format, storage_dtype
from compiler.ir.network import Network, Population, Projection, Tensor
from compiler.ir.program import Argument, Program, Site, TensorRef
from compiler.options import Options
from targets.loihi.arrivals import Arrival, arrivals_of
from targets.loihi.dynamics import LIMIT, SHIFT, WORD, Form, compartment
from targets.loihi.neuron import Neuron, recognise
from targets.loihi.population_scale import PopulationScale, unit_of
from targets.loihi.registers import ONE, bias_mantissas
from targets.loihi.room import out_of_range, require_bias, require_mantissa, require_span
from targets.loihi.scaling import Synapses, quantized
from targets.loihi.sums import LARGEST, largest_of, observed_sum
from targets.loihi.weights import WIDEST

SETTLING = 1 << 16
"""Steps after which a membrane that is at rest no longer moves."""


@dataclass
class Legalised:
    """What replaces a population: nodes, programs and tensors."""

    population: Population
    program: Program
    projections: list[Projection]
    tensors: dict[str, Tensor] = field(default_factory=dict)
    observed: dict[str, tuple[float, float]] = field(default_factory=dict)

    def add_to(self, network: Network) -> None:
        network.programs[self.program.name] = self.program
        network.tensors.update(self.tensors)
        network.observed.update(self.observed)
        for item in (*self.projections, self.population):
            network.add(item)


def legalised(network: Network, population: Population, options: Options) -> Legalised:
    """A population of the model in registers; its inputs carry integers already. Errors: E330 to E332."""
    neuron = recognise(network, population.name, population.site)
    findings = list(out_of_range(population, neuron))
    if findings:
        raise DiagnosticError(findings)
    unit = unit_of(neuron, population.size)
    arrivals = arrivals_of(network, population.name, neuron, unit)
    return _Population(network, population, neuron, arrivals, unit, options).legalised()


class _Population:
    def __init__(self, network, population, neuron, arrivals, unit, options):
        self.network: Network = network
        self.population: Population = population
        self.neuron: Neuron = neuron
        self.arrivals: list[Arrival] = arrivals
        self.unit: np.ndarray = unit
        self.options: Options = options
        self.name: str = population.name
        self.tensors: dict[str, Tensor] = {}
        self.port: str = network.programs[population.site.program].inputs[0].name
        self.scale = PopulationScale(network, neuron, arrivals, unit, options)

    def legalised(self) -> Legalised:
        mantissa = self.scale.mantissa
        self.step = mantissa * (1 << SHIFT)
        """The threshold in integers of v."""
        made = [quantized(item.values * mantissa * 2.0**-item.fraction, grid)
                for item, grid in zip(self.arrivals, self.scale.grids, strict=True)]
        require_span(self.name, self.arrivals, made, mantissa)
        projections = [self._projection(item, found) for item, found in zip(self.arrivals, made, strict=True)]
        arriving = self._arriving(projections)
        arguments, form = self._registers(arriving)
        initial = self._initial(arguments)
        form = self._fitted(form, arguments, initial, arriving)
        program = compartment(f"compartment_{self.name}", form)
        population = replace(self.population, site=self._site(form, arguments, initial))
        return Legalised(population, program, projections, self.tensors, self._observed(arriving))

    def _observed(self, arriving: Interval) -> dict[str, tuple[float, float]]:
        """A note of the largest |a| on calibration data, where it cannot be bounded for every input."""
        if largest_of(arriving) <= LARGEST or not self.scale.shown:
            return {}
        most = self.scale.shown * self.scale.mantissa
        return {observed_sum(self.name): (-most, most)}

    # -- synapses

    def _projection(self, item: Arrival, made: Synapses) -> Projection:
        """The projection with its mantissas: integers of the grid's step, so that no bit is stored that is always 0."""
        step = made.grid.step
        fraction = -(SHIFT + made.exponent + step.bit_length() - 1) - item.fraction
        width = self._stored_bits(made.grid.bits) + (made.grid.mode == "inhibitory")
        type_ = Format(made.grid.mode != "excitatory", width, fraction)
        name = f"{item.projection.name}.q"
        self.tensors[name] = Tensor(type_, (made.mantissas // step).astype(storage_dtype(type_)))
        link = replace(item.projection.chain[item.link], weight=TensorRef(name))  # pyright: ignore[reportCallIssue]
        chain = (*item.projection.chain[: item.link], link, *item.projection.chain[item.link + 1 :])
        bare = replace(item.projection, chain=chain, target_port=self.port, bias=None, bias_start=None, post=None)
        total = self._sum(bare, item)
        low, high = min(-1, int(total.low.min())), max(1, int(total.high.max()))
        return replace(bare, accumulator=smallest_format(low, high, total.fraction))

    def _stored_bits(self, bits: int) -> int:
        """Bits that a weight takes in synapse memory: the least width that the chip has."""
        widths = self.options.chip.facts["weight_widths"] if self.options.chip else (WIDEST,)
        return min((item for item in widths if item >= bits), default=WIDEST)

    def _sum(self, projection: Projection, item: Arrival) -> Interval:
        scratch = self.network.copy()
        scratch.tensors.update(self.tensors)
        least = -item.largest if item.is_signed else 0
        carried = Interval(np.asarray(least), np.asarray(item.largest), item.fraction)
        return bounds.weighted(scratch, projection, carried)

    def _arriving(self, projections: list[Projection]) -> Interval:
        total = point(np.zeros(self.population.size, np.int64), -SHIFT)
        for projection, item in zip(projections, self.arrivals, strict=True):
            total = EXACT["add"](total, self._sum(projection, item))
        return total

    # -- registers

    def _registers(self, arriving: Interval) -> tuple[dict[str, Argument], Form]:
        neuron = self.neuron
        width = smallest_format(min(-1, int(arriving.low.min())), max(1, int(arriving.high.max())), arriving.fraction)
        form = Form(port=self.port, reset=neuron.reset, ternary=neuron.low_threshold is not None, emits=neuron.emits,
                    sum=width)
        found: dict[str, Argument] = {"kept_u": self._argument("kept_u", self.scale.kept_u, form.kept_u),
                                      "kept_v": self._argument("kept_v", self.scale.kept_v, form.kept_v)}
        if neuron.threshold is not None:
            found["threshold"] = float(self.step)
        if neuron.low_threshold is not None:
            found["low_threshold"] = self._of_threshold("low_threshold", neuron.low_threshold - neuron.rest, form)
        if neuron.reset == "subtract":
            found["offset"] = self._of_threshold("offset", neuron.offset, form)
        if np.any(neuron.held):
            held = np.asarray(neuron.held, np.int64)
            form = replace(form, refractory=smallest_format(0, max(1, int(held.max()))))
            found["held"] = self._argument("held", held, form.refractory)
        mantissa, exponent = bias_mantissas(self.scale.bias * self.step)
        bias = mantissa << exponent
        if bias.any():
            require_bias(self.name, self.scale.bias * self.step, bias)
            form = replace(form, bias=smallest_format(min(0, int(bias.min())), max(0, int(bias.max()))))
            found["bias"] = self._argument("bias", bias, form.bias)
        return found, form

    def _of_threshold(self, name: str, value: np.ndarray, form: Form) -> Argument:
        """A potential as a mantissa, shifted like the threshold."""
        mantissa = np.rint(value / self.unit * self.scale.mantissa).astype(np.int64)
        require_mantissa(self.name, name, mantissa, form.threshold.high)
        return self._argument(name, mantissa, form.threshold)

    def _argument(self, name: str, raw: np.ndarray, type_: Format | None) -> Argument:
        """Raw integers as a number where all units have the same, else as a tensor."""
        assert type_ is not None
        raw = np.asarray(raw, np.int64)
        if (raw == raw.reshape(-1)[0]).all():
            value = float(np.ldexp(float(raw.reshape(-1)[0]), -type_.fraction))
            return int(value) if type_.fraction == 0 else value
        self.tensors[f"{self.name}.{name}"] = Tensor(type_, raw.astype(storage_dtype(type_)))
        return TensorRef(f"{self.name}.{name}")

    # -- start

    def _initial(self, arguments: Mapping[str, Argument]) -> dict[str, np.ndarray]:
        """u and v at the start, integers [n]."""
        site, program = self.population.site, self.network.programs[self.population.site.program]
        units = self.unit.shape

        def start(name: str) -> np.ndarray:
            return self.network.real(site.initial.get(name, program.state(name).initial))

        u = sum((item.start - self.scale.unsettled(item) for item in self.arrivals), np.zeros(units))
        if self.neuron.current:
            u = u + start(self.neuron.current) * self.neuron.current_gain / self.unit
        v = np.broadcast_to((start(self.neuron.membrane) - self.neuron.rest) / self.unit, units)
        found = {"u": np.rint(u * self.step).astype(np.int64), "v": np.rint(v * self.step).astype(np.int64)}
        moves = np.abs(v - (self.scale.kept_v / ONE * v + self.scale.bias)) > 1e-9 * np.maximum(np.abs(v), 1e-3)
        if not found["u"].any() and not moves.any():
            found["v"] = self._settled(found["v"], arguments)
        return found

    def _settled(self, v: np.ndarray, arguments: Mapping[str, Argument]) -> np.ndarray:
        """Where a membrane at rest stays, rounding included: the chip cannot freeze it until input comes."""
        bias = self._whole(arguments.get("bias", 0))
        for _ in range(SETTLING):
            product = v * self.scale.kept_v
            following = np.sign(product) * (np.abs(product) // ONE) + bias
            if (following == v).all():
                break
            v = following
        return v

    def _whole(self, argument: Argument) -> np.ndarray:
        if isinstance(argument, TensorRef):
            return self.tensors[argument.name].data.astype(np.int64)
        return np.asarray(int(argument), np.int64)

    # -- ranges

    def _fitted(
        self, form: Form, arguments: Mapping[str, Argument], initial: Mapping[str, np.ndarray], arriving: Interval
    ) -> Form:
        """The form without wrap and clip where no input can cause them, and with states as narrow as their ranges."""
        plain = replace(form, wraps=False, clips=False, u=WORD, v=WORD)
        ranges = self._ranges(plain, arguments, initial, arriving)
        u, v = ranges.values["u_new"], ranges.values["v_sum" if "v_sum" in ranges.values else "v_new"]
        if not (ranges.proved["u"] and _inside(u, 1 - LIMIT, LIMIT)):
            return form
        form = replace(form, wraps=False, u=_holding(*(ranges.values[name] for name in ("u", "u_kept", "u_new"))))
        if not (ranges.proved["v"] and _inside(v, 1 - LIMIT, LIMIT - 1)):
            return form
        own = ("v", "v_kept", "v_sum", "v_new", "v_left", "v_after")
        return replace(form, clips=False, v=_holding(*(ranges.values[name] for name in own if name in ranges.values)))

    def _ranges(
        self, form: Form, arguments: Mapping[str, Argument], initial: Mapping[str, np.ndarray], arriving: Interval
    ) -> SiteRanges:
        scratch = self.network.copy()
        program = compartment("compartment", form)
        scratch.programs[program.name] = program
        site = replace(self._site(form, arguments, initial), program=program.name)
        scratch.tensors.update(self.tensors)
        return analyse(scratch, site, self.population.size, {self.port: arriving})

    def _site(self, form: Form, arguments: Mapping[str, Argument], initial: Mapping[str, np.ndarray]) -> Site:
        starts = {key: self._argument(f"{key}0", value, getattr(form, key)) for key, value in initial.items()
                  if value.any()}
        scale: float | TensorRef = float(self.unit[0] / self.step)
        if not (self.unit == self.unit[0]).all():
            scale = TensorRef(f"{self.name}.scale")
            self.tensors[scale.name] = Tensor(F64, self.unit / self.step)
        shown = [port for kind, port in form.emits if kind in ("potential", "membrane")]
        scaled = tuple(sorted({self.port, "u", "v", *shown}))
        return Site(f"compartment_{self.name}", dict(arguments), starts, scale, scaled)


def _inside(values: Interval, low: int, high: int) -> bool:
    return bool(values.bounded and (values.low >= low).all() and (values.high <= high).all())


def _holding(*values: Interval) -> Format:
    low = min(-1, *(int(item.low.min()) for item in values))
    return smallest_format(low, max(1, *(int(item.high.max()) for item in values)))
