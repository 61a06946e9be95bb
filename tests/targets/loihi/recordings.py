"""Recorded cases made up at random, and a plain model of the chip that records them: loops over steps, nothing shared
with the compiler. Equations: lava-nc 0.10, bit-accurate `LIF`, `LIFReset`, `TernaryLIF`, `Dense`, `DelayDense`."""

import json
from pathlib import Path

import numpy as np

from compiler import npz

LIMIT = 1 << 23
MODES = (None, "M", "E", "I", "mixed", "excitatory", "inhibitory")


def decayed(x: np.ndarray, d: int) -> np.ndarray:
    return np.sign(x) * ((np.abs(x) * (4096 - d)) >> 12)


def stored(weights: np.ndarray, mode: str | None, bits: int) -> np.ndarray:
    """Weights after clipping and cutting."""
    letter = (mode or ("E" if weights.min() >= 0 else "I" if weights.max() <= 0 else "M"))[0].upper()
    low, high = {"M": (-256, 255), "E": (0, 255), "I": (-255, 0)}[letter]
    clipped, cut = np.clip(weights, low, high), 8 - bits + (letter == "M")
    return -((-clipped >> cut) << cut) if letter == "I" else (clipped >> cut) << cut


class _Population:
    def __init__(self, meta: dict, arrays: dict):
        self.meta, n = meta, meta["n"]
        self.u, self.v = (arrays.get(f"{meta['name']}.{key}0", np.zeros(n)).astype(np.int64) for key in "uv")
        mantissa = arrays.get(f"{meta['name']}.bias_mant", np.zeros(n)).astype(np.int64)
        exponent = arrays.get(f"{meta['name']}.bias_exp", np.zeros(n)).astype(np.int64)
        self.bias = np.array([m << e if e >= 0 else m >> -e for m, e in zip(mantissa, exponent, strict=True)])
        self.wait = np.zeros(n, np.int64)
        self.spikes = np.zeros(n, np.int64)

    def step(self, a: np.ndarray, t: int) -> None:
        kind = self.meta["model"]
        if kind == "lif_refractory":
            return self._refractory(a)
        if kind == "lif_reset" and (t - self.meta["reset_offset"]) % self.meta["reset_interval"] == 0:
            self.u[:], self.v[:] = 0, 0
        u = decayed(self.u, self.meta["du"] + 1) + (a << 6)
        self.u = np.where(u > LIMIT, u - 2 * LIMIT, np.where(u <= -LIMIT, u + 2 * LIMIT, u))
        v = np.clip(decayed(self.v, self.meta["dv"]) + self.u + self.bias, 1 - LIMIT, LIMIT - 1)
        if kind == "ternary_lif":
            self.spikes = (v > self.meta["vth_hi"] << 6).astype(np.int64) - (v < self.meta["vth_lo"] << 6)
        else:
            self.spikes = (v > self.meta["vth"] << 6).astype(np.int64)
        self.v = np.where(self.spikes != 0, 0, v)

    def _refractory(self, a: np.ndarray) -> None:
        self.u = a
        self.v = np.where(self.wait > 0, 0, self.v + self.u + self.bias)
        self.spikes = (self.v > self.meta["vth"]).astype(np.int64)
        self.v = np.where(self.spikes > 0, 0, self.v)
        self.wait = np.where(self.spikes > 0, self.meta["refractory_period"], np.maximum(self.wait - 1, 0))


def record(meta: dict, arrays: dict) -> dict:
    """Everything that a file holds beside what is given: effective weights, and every row."""
    populations = {item["name"]: _Population(item, arrays) for item in meta["populations"]}
    history = {item["name"]: arrays[f"{item['name']}.spikes"].astype(np.int64) for item in meta["inputs"]}
    history |= {name: np.zeros((meta["T"], item.meta["n"]), np.int64) for name, item in populations.items()}
    rows: dict = {f"{name}.{key}": [] for name in populations for key in ("spikes", "u", "v")}
    rows |= {f"{item['name']}.a": [] for item in meta["projections"]}
    effective = {item["name"]: stored(arrays[f"{item['name']}.weights"].astype(np.int64), item.get("sign_mode"),
                                      item.get("num_weight_bits", 8)) for item in meta["projections"]}
    for t in range(meta["T"]):
        arriving = {name: np.zeros(item.meta["n"], np.int64) for name, item in populations.items()}
        for item in meta["projections"]:
            a = _arriving(item, effective[item["name"]], arrays.get(f"{item['name']}.delays"), history[item["pre"]], t)
            rows[f"{item['name']}.a"].append(a)
            arriving[item["post"]] += a
        for name, item in populations.items():
            item.step(arriving[name], t + 1)
            for key in ("spikes", "u", "v"):
                rows[f"{name}.{key}"].append(getattr(item, key).copy())
            history[name][t] = item.spikes
    return {f"{name}.weights_eff": value for name, value in effective.items()} | {
        key: np.array(value) for key, value in rows.items()}


def _arriving(item: dict, weights: np.ndarray, delays: np.ndarray | None, sent: np.ndarray, t: int) -> np.ndarray:
    values = sent if item.get("num_message_bits", 0) else (sent != 0).astype(np.int64)
    exponent, total = item["weight_exp"], np.zeros(len(weights), np.int64)
    delays = np.zeros(weights.shape, np.int64) if delays is None else delays
    for delay in np.unique(delays):
        if t - 1 - delay < 0:
            continue
        acc = np.where(delays == delay, weights, 0) @ values[t - 1 - delay]
        total += acc << exponent if exponent >= 0 else acc >> -exponent
    return total


def random_case(seed: int) -> tuple[dict, dict]:
    """(meta, arrays) of a network with every liberty that the format leaves."""
    rng = np.random.default_rng(seed)
    steps = int(rng.integers(20, 60))
    inputs = [{"name": f"in{i}", "n": int(rng.integers(1, 20))} for i in range(rng.integers(1, 3))]
    arrays = {f"{item['name']}.spikes": _stimulus(rng, steps, item["n"]) for item in inputs}
    populations = [_population(rng, f"p{i}", arrays) for i in range(rng.integers(1, 4))]
    projections = []
    for index, target in enumerate(populations):
        sources = [*inputs, *populations[:index], target] if rng.random() < 0.5 else [*inputs, *populations[:index]]
        for source in sources:
            if rng.random() < 0.7:
                projections.append(_projection(rng, f"w{len(projections)}", source, target, arrays))
    meta = {"id": f"random_{seed}", "T": steps, "inputs": inputs, "populations": populations,
            "projections": projections}
    return meta, arrays | record(meta, arrays)


def _stimulus(rng, steps: int, n: int) -> np.ndarray:
    fires = rng.random((steps, n)) < 0.3
    values = rng.integers(-60, 61, (steps, n)) if rng.random() < 0.4 else 1
    return (fires * values).astype(np.int8)


def _population(rng, name: str, arrays: dict) -> dict:
    n, kind = int(rng.integers(1, 40)), str(rng.choice(["lif", "lif", "lif", "lif_reset", "ternary_lif",
                                                        "lif_refractory"]))
    meta = {"name": name, "n": n, "model": kind, "du": int(rng.choice([0, 1, 500, 2047, 4094, 4095])),
            "dv": int(rng.choice([0, 1, 77, 900, 4095])), "vth": int(rng.choice([1, 40, 700, 3000, 131071]))}
    if kind == "lif_reset":
        meta |= {"reset_interval": int(rng.integers(1, 30)), "reset_offset": int(rng.integers(0, 40))}
    if kind == "ternary_lif":
        meta |= {"vth": None, "vth_hi": int(rng.integers(1, 3000)), "vth_lo": -int(rng.integers(1, 3000))}
    if kind == "lif_refractory":
        meta |= {"du": 1, "dv": 0, "vth": int(rng.integers(1, 2000)), "refractory_period": int(rng.integers(0, 9))}
    if rng.random() < 0.6:
        arrays[f"{name}.bias_mant"] = rng.integers(-4096, 4096, n).astype(np.int16) >> int(rng.integers(0, 6))
    if f"{name}.bias_mant" in arrays and rng.random() < 0.6:
        arrays[f"{name}.bias_exp"] = rng.integers(-3, 8 if kind != "lif_refractory" else 1, n).astype(np.int8)
    for key in "uv":
        if kind != "lif_refractory" and rng.random() < 0.3:
            arrays[f"{name}.{key}0"] = rng.integers(1 - LIMIT, LIMIT, n).astype(np.int32)
    return meta


def _projection(rng, name: str, source: dict, target: dict, arrays: dict) -> dict:
    low, high = [(-256, 255), (0, 255), (-255, 0), (-400, 400)][rng.integers(4)]
    arrays[f"{name}.weights"] = rng.integers(low, high + 1, (target["n"], source["n"])).astype(np.int16)
    if rng.random() < 0.4:
        arrays[f"{name}.delays"] = rng.integers(0, rng.choice([2, 8, 63]), (target["n"], source["n"])).astype(np.int16)
    meta = {"name": name, "pre": source["name"], "post": target["name"], "weight_exp": int(rng.integers(-7, 8)),
            "sign_mode": MODES[rng.integers(len(MODES))]}
    if rng.random() < 0.6:
        meta["num_weight_bits"] = int(rng.integers(1, 9))
    if rng.random() < 0.4:
        meta["num_message_bits"] = int(rng.choice([0, 2, 8]))
    if target["model"] == "lif_refractory":
        meta["weight_exp"] = 0
    return meta


def write(path: Path, meta: dict, arrays: dict) -> Path:
    npz.write(path, arrays | {"meta": np.array(json.dumps(meta))})
    return path
