"""The network of the spoken-digit benchmark, and its front end: mel bands whose level is above a threshold spike.

A clip (8 kHz) is cut into frames of 32 ms, 16 ms apart; the energy in each of 24 mel bands, in decibels below the
loudest band of the clip, is compared with four levels, so a frame is 96 spikes or silence, and a clip 48 steps.
96 inputs, 160 recurrent leaky integrate-and-fire units, 10 leaky integrators; the class is the largest mean potential.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spark.nn.brain import Brain, ModuleSpecs, PortMap
from spark.nn.components.somas.leaky import LeakyIntegratorSomaConfig, LeakySomaConfig
from spark.nn.components.synapses.linear import LinearSynapsesConfig
from spark.nn.initializers import Uniform
from spark.nn.neurons import LIFNeuron, LINeuron

RATE, FRAME, HOP, STEPS = 8000, 256, 128, 48
BANDS, LEVELS = 24, (-44.0, -34.0, -24.0, -14.0)
"""Mel bands, and the levels in dB below the loudest band of a clip above which a band spikes."""
HIDDEN = 160


def weights_file(seed: int) -> Path:
    return Path(__file__).with_name("data") / f"fsdd{seed}.npz"


def network(seed: int = 0) -> Brain:
    """The untrained network, weights in units of the threshold."""
    soma = LeakySomaConfig(potential_rest=-60.0, potential_reset=-60.0, threshold=-50.0, potential_tau=12.0,
                           reset_by="subtraction", surrogate="fast_sigmoid", surrogate_slope=4.0)
    hidden = LIFNeuron(units=(HIDDEN,), inhibitory_rate=0.0, seed=2 * seed, soma=soma, synapses=synapses(12.0, 0.12))
    out = LINeuron(units=(10,), seed=2 * seed + 1, soma=LeakyIntegratorSomaConfig(potential_tau=20.0),
                   synapses=synapses(20.0, 0.1))
    return Brain(inputs={"input": BANDS * len(LEVELS)}, outputs={"output": PortMap("out", "out_potentials")}, modules=[
        ModuleSpecs("hidden", hidden, {"in_spikes": [PortMap("__call__", "input"), PortMap("hidden", "out_spikes")]}),
        ModuleSpecs("out", out, {"in_spikes": PortMap("hidden", "out_spikes", delay=0)}),
    ])


def synapses(tau: float, reach: float) -> LinearSynapsesConfig:
    """Linear synapses of which a weight of 1 lifts a membrane by 10 mV in one step."""
    return LinearSynapsesConfig(scale=float(10.0 / (1 - np.exp(-1 / tau)) / 0.1),
                                kernel=Uniform(low=-reach, high=reach))


def model(seed: int = 0) -> Brain:
    """The network trained from a seed; its weights are stored in 16 bits."""
    brain = network(seed)
    params = brain.params
    with np.load(weights_file(seed), allow_pickle=False) as stored:
        for name in stored.files:
            params[name]["synapses"]["kernel"] = stored[name].astype(np.float64)
    brain.params = params
    return brain


@dataclass(frozen=True)
class Clips:
    """Recordings of one kind: samples as floats, and the digit spoken."""

    sounds: list[np.ndarray]
    digits: np.ndarray

    def spikes(self) -> np.ndarray:
        """uint8 [clips, 48, 96]."""
        return np.stack([encode(sound) for sound in self.sounds])


def read(folder: Path) -> tuple[Clips, Clips]:
    """Training and test clips of `fsdd/fsdd.npz` in a folder; the official split: recordings 0 to 4 are the test."""
    with np.load(folder / "fsdd" / "fsdd.npz", allow_pickle=False) as data:
        low, high = data["delta_lo"].astype(np.uint16), data["delta_hi"].astype(np.uint16)
        sound = np.cumsum((low | high << 8).view(np.int16), dtype=np.int16).astype(np.float32)
        ends, digits, test = np.cumsum(data["length"].astype(np.int64)), data["digit"].astype(int), data["index"] < 5
    sounds = np.split(sound, ends[:-1])
    part = [Clips([sounds[i] for i in np.flatnonzero(rows)], digits[rows]) for rows in (~test, test)]
    return part[0], part[1]


def decibels(sound: np.ndarray) -> np.ndarray:
    """Energy of mel bands [frames, bands], in dB below the loudest."""
    padded = np.pad(sound, (0, max(0, FRAME - len(sound))))
    starts = np.arange(0, len(padded) - FRAME + 1, HOP)
    frames = padded[starts[:, None] + np.arange(FRAME)] * np.hanning(FRAME)
    power = np.abs(np.fft.rfft(frames, axis=1)) ** 2
    energy = 10 * np.log10(power @ mel_bands().T + 1.0)
    return energy - energy.max()


def mel_bands() -> np.ndarray:
    """Triangles [bands, frequencies] between 100 Hz and 3800 Hz, equally wide on the mel scale (O'Shaughnessy 1987)."""
    mel = np.linspace(2595 * np.log10(1 + 100 / 700), 2595 * np.log10(1 + 3800 / 700), BANDS + 2)
    corners = 700 * (10 ** (mel / 2595) - 1)
    frequency = np.fft.rfftfreq(FRAME, 1 / RATE)
    rise = (frequency - corners[:-2, None]) / np.diff(corners)[:-1, None]
    fall = (corners[2:, None] - frequency) / np.diff(corners)[1:, None]
    return np.maximum(0, np.minimum(rise, fall))


def encode(sound: np.ndarray) -> np.ndarray:
    """A clip as spikes, uint8 [48, 96]; longer ones lose their end."""
    levels = decibels(sound)[:STEPS, :, None] > np.array(LEVELS)
    spikes = np.zeros((STEPS, BANDS * len(LEVELS)), np.uint8)
    spikes[: len(levels)] = levels.reshape(len(levels), -1)
    return spikes


def distorted(clips: Clips, generator: np.random.Generator) -> Clips:
    """Every clip a little faster or slower, later, and with some noise."""
    return Clips([_distorted(sound, generator) for sound in clips.sounds], clips.digits)


def _distorted(sound: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    speed, late = generator.uniform(0.85, 1.15), generator.integers(0, 6 * HOP)
    places = np.arange(0, len(sound) - 1, speed)
    moved = np.interp(places, np.arange(len(sound)), sound)
    noise = generator.normal(size=len(moved)) * np.abs(moved).max(initial=1) * generator.uniform(0, 0.01)
    return np.concatenate([np.zeros(late), moved + noise]).astype(np.float32)
