"""Draws the figures of spark's pages: `python docs/figures.py` writes `docs/figures/*.svg`.

One trace of every neuron, and the window of spike-timing-dependent plasticity.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from spark.core.registry import neurons
from spark.nn.components.learning_rules import STDPRule
from spark.nn.neurons import LINeuron

FOLDER = Path(__file__).parent / "figures"
WIDTH, HEIGHT, LEFT, BETWEEN = 640, 130, 64, 24
DT, STEPS, INPUTS = 0.1, 3000, 100
TELLING = 4
"""Spikes from which on a trace tells something; the synapses are made stronger until there are so many."""


@dataclass(frozen=True)
class Panel:
    """One curve over x, with ticks above it where something happened."""

    label: str
    x: np.ndarray
    y: np.ndarray
    ticks: Sequence[float] = ()


def drawing(panels: Sequence[Panel], axis: str) -> str:
    """The panels below each other as an SVG document."""
    height = len(panels) * (HEIGHT + BETWEEN) + BETWEEN
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" font-family="sans-serif" '
             f'font-size="11">', f'<rect width="{WIDTH}" height="{height}" fill="white"/>']
    for number, panel in enumerate(panels):
        parts += _panel(panel, BETWEEN + number * (HEIGHT + BETWEEN))
    parts.append(f'<text x="{WIDTH - 8}" y="{height - 6}" text-anchor="end">{axis}</text></svg>')
    return "\n".join(parts) + "\n"


def _panel(panel: Panel, top: int) -> list[str]:
    low, high = float(panel.y.min()), float(panel.y.max())
    span = (high - low) or 1.0
    start, length = float(panel.x[0]), float(panel.x[-1] - panel.x[0])

    def across(x: float) -> str:
        return f"{LEFT + (x - start) / length * (WIDTH - LEFT - 8):.1f}"

    def down(y: float) -> str:
        return f"{top + HEIGHT - (y - low) / span * (HEIGHT - 12):.1f}"

    points = " ".join(f"{across(x)},{down(y)}" for x, y in zip(panel.x, panel.y, strict=True))
    ticks = [f'<line x1="{across(x)}" x2="{across(x)}" y1="{top}" y2="{top + 8}" stroke="#b03030"/>'
             for x in panel.ticks]
    return [f'<text x="{LEFT}" y="{top - 6}">{panel.label}</text>',
            *(f'<text x="{LEFT - 6}" y="{down(y)}" text-anchor="end">{y:.3g}</text>' for y in (low, high)),
            *(f'<text x="{across(x)}" y="{top + HEIGHT + 13}">{x:.0f}</text>' for x in (start, start + length / 2)),
            f'<polyline points="{points}" fill="none" stroke="#2050a0" stroke-width="1"/>', *ticks]


def trace(neuron_class: type) -> str:
    """Current and potential of one unit under 100 inputs that fire at 20 Hz from 50 ms to 250 ms."""
    spikes = np.random.default_rng(0).random((STEPS, INPUTS)) < 0.02 * DT
    spikes[:500] = spikes[2500:] = False
    silent = issubclass(neuron_class, LINeuron)
    for factor in (1.0, 1.5, 2.0, 3.0, 5.0, 8.0, 12.0, 20.0):
        run = _unit(neuron_class, factor).run(spikes, record=("synapses.current", "soma.v"))
        fired = [] if silent else DT * np.nonzero(np.asarray(run.outputs["out_spikes"]))[0]
        if silent or len(fired) >= TELLING:
            break
    time = DT * np.arange(STEPS)[::5]
    current, v = (np.asarray(run.recorded[name])[::5, 0] for name in ("synapses.current", "soma.v"))
    return drawing([Panel("input of the soma", time, current), Panel("potential v, mV; spikes", time, v, fired)],
                   "time, ms")


def _unit(neuron_class: type, factor: float) -> Any:
    """One unit of a neuron with equal weights, which add up to `factor` times what its defaults add up to."""
    build: Callable[..., Any] = neuron_class
    synapses = build(units=(64,), dt=DT).build(INPUTS).synapses
    weight = float(np.mean(synapses.weights(synapses.params)))
    return build(units=(1,), dt=DT, inhibitory_rate=0.0, synapses__kernel=np.ones((1, INPUTS)),
                 synapses__scale=factor * weight).build(INPUTS)


def window() -> str:
    """Change of a weight by one pair of spikes, against post − pre."""
    apart = np.arange(-80, 81)
    changes = np.array([_change(int(steps)) for steps in apart])
    return drawing([Panel("change of the weight by one pair", apart.astype(float), changes)],
                   "post − pre, ms")


def _change(apart: int) -> float:
    rule = STDPRule(units=(1,), dtype="float64").build({"pre": (1,), "post": (1,), "kernel": (1, 1)})
    spikes = {name: np.zeros((100, 1)) for name in ("pre", "post")}
    spikes["pre"][max(0, -apart)], spikes["post"][max(0, apart)] = 1, 1
    state, kernel = rule.initial_state(), np.ones((1, 1))
    for pre, post in zip(spikes["pre"], spikes["post"], strict=True):
        state, out = rule.step(state, {"pre": pre, "post": post, "kernel": kernel}, rule.params)
        kernel = np.asarray(out["kernel"])
    return float(kernel[0, 0] - 1)


def figures() -> dict[str, Callable[[], str]]:
    """What to draw, by the name of the class."""
    return {name: lambda cls=cls: trace(cls) for name, cls in neurons().items()} | {"STDPRule": window}


def main() -> None:
    for name, draw in figures().items():
        (FOLDER / f"{name}.svg").write_text(draw(), encoding="utf-8")
        print(f"wrote docs/figures/{name}.svg")


if __name__ == "__main__":
    main()
