"""Bad input, end to end: a code, a place, both values and a hint on standard error; status 1; nothing written."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]

BRAIN = """
import numpy as np
from spark.nn.brain import Brain, ModuleSpecs, PortMap, Sequential
from spark.nn.neurons import LIFNeuron

def neuron(units, inputs):
    return LIFNeuron(units=(units,), inhibitory_rate=0.0).build(inputs)

def brain(delay):
    return Brain(inputs={"input": 5}, outputs={"output": PortMap("a", "out_spikes")}, modules=[
        ModuleSpecs("a", neuron(4, 9), {"in_spikes": [PortMap("__call__", "input"),
                                                      PortMap("a", "out_spikes", delay=delay)]})])
"""

SOMA = """
import jax.numpy as jnp
from jax import lax
from spark.nn.components.somas.leaky import LeakySoma, LeakySomaConfig
from spark.nn.neurons import LIFNeuron

class OddConfig(LeakySomaConfig):
    "Parameters of Odd."

class Odd(LeakySoma):
    config_class = OddConfig
    def step(self, state, inputs, params):
        v = state["v"] + {term}
        return {{"v": v}}, {{"spikes": self.fire(v, params["theta"])}}

model = LIFNeuron(units=(3,), soma=OddConfig()).build(4)
"""

WEIGHTS = BRAIN + """
model = neuron(4, 7)
kernel = np.array(model.params["synapses"]["kernel"])
kernel[2, 3] = VALUE
model.params = model.params | {"synapses": model.params["synapses"] | {"kernel": kernel}}
"""

SOURCES = {
    "a source that raises": ("import numpy as np\nmodel = np.zeros(3)[7]", "E103",
                             ["model.py:2", "np.zeros(3)[7]", "IndexError"]),
    "a syntax error": ("def model(:", "E103", ["model.py:1", "def model(:"]),
    "no Python": ("\0", "E103", ["model.py"]),
    "a source that ends the process": ("import sys\nsys.exit(0)", "E103", ["model.py:2", "SystemExit"]),
    "no model": ("net = 3", "E104", ["model.py", "`model`"]),
    "a model of another kind": ("model = 3", "E105", ["model.py", "found:    3"]),
    "an unsupported primitive": (SOMA.format(term='lax.erf_inv(inputs["current"])'), "E111",
                                 ["erf_inv", "model.py:13", 'lax.erf_inv(inputs["current"])']),
    "units that see each other": (SOMA.format(term='inputs["current"] - jnp.mean(inputs["current"])'), "E112",
                                  ["model.py:13", "jnp.mean"]),
    "mismatched shapes": (BRAIN + "model = Sequential([neuron(4, 7), neuron(2, 5)], input_shape=7)", "E110",
                          ["(5,)", "(4,)"]),
    "a weight that is no number": (WEIGHTS.replace("VALUE", "np.nan"), "E107", ["kernel", "nan at [2, 3]"]),
    "an infinite weight": (WEIGHTS.replace("VALUE", "-np.inf"), "E107", ["kernel", "-inf at [2, 3]"]),
    "a cycle without delay": (BRAIN + "model = brain(0)", "E110", ["a -> a", "delay"]),
    "a negative delay": (BRAIN + "model = brain(-1)", "E110", ["delay", "-1"]),
    "half a delay": (BRAIN + "model = brain(1.5)", "E110", ["delay", "1.5"]),
}


@pytest.mark.parametrize("case", SOURCES)
def test_a_bad_source_is_told_by_code_place_and_value(sparkc, tmp_path, case):
    text, code, words = SOURCES[case]
    (tmp_path / "model.py").write_text(text)
    done = sparkc("compile", "model.py", "-o", "out", "--chip", "none")
    assert done.status == 1 and set(done.codes()) == {code}, done.err
    assert "Traceback" not in done.err and all(word in done.err for word in words), done.err
    assert [path.name for path in tmp_path.iterdir() if path.name != "__pycache__"] == ["model.py"]


def test_every_fault_of_a_configuration_is_told_at_once(sparkc, tmp_path):
    text = BRAIN + "model = LIFNeuron(units=(4,), soma__potential_tau=-3.0, soma__tresh=1, dt=0)"
    (tmp_path / "model.py").write_text(text)
    place = f"model.py:{len(text.splitlines())}"
    done = sparkc("compile", "model.py")
    assert done.status == 1 and set(done.codes()) == {"E110"}
    for words in ("tresh", "did you mean 'threshold'?", "potential_tau", "-3.0", "(dt)", place):
        assert words in done.err


def test_a_missing_source_is_told(sparkc):
    done = sparkc("compile", "missing.py")
    assert done.status == 1 and done.codes() == ["E101"] and "missing.py" in done.err


def test_a_network_too_large_is_told_with_limit_and_population(sparkc, tmp_path):
    (tmp_path / "model.py").write_text(BRAIN + "model = Sequential([neuron(2000, 8), neuron(4, 2000)], input_shape=8)")
    done = sparkc("compile", "model.py", "-o", "out", "--chip", "tiny")
    assert done.status == 1 and all(code.startswith("E4") for code in done.codes())
    assert "layer_0" in done.err and "layer_1" in done.err and "found:" in done.err and "expected:" in done.err
    assert not (tmp_path / "out").exists()
    done = sparkc("check", "model.py", "--chip", "tiny", "--json", "f.json")
    assert done.status == 1 and "no, " in done.out
    assert json.loads((tmp_path / "f.json").read_text())["fits"][0]["violations"]


@pytest.mark.parametrize(("array", "code", "words"), [
    (np.zeros((20, 11)), "E161", ["(20, 11)", "[T, 12]"]),
    (np.zeros(12), "E161", ["(12,)"]),
    (np.full((5, 20, 12), 2), "E162", ["2 at [0, 0, 0]", "0..1"]),
    (np.full((20, 12), np.nan), "E162", ["nan at [0, 0]"]),
    (np.array([{}] * 12, dtype=object), "E152", ["object"]),
])
@pytest.mark.parametrize("engine", ["program", "reference", "cores"])
def test_an_input_that_a_port_cannot_hold_is_told(sparkc, built, tmp_path, engine, array, code, words):
    np.savez(tmp_path / "x.npz", input=array)
    done = sparkc("simulate", built, "--engine", engine, "--input", "x.npz", "--output", "y.npz")
    assert done.status == 1 and done.codes() == [code] and all(word in done.err for word in ["x.npz", *words])
    assert not (tmp_path / "y.npz").exists()


@pytest.mark.parametrize(("words", "code"), [
    (["simulate", "{built}", "--input", "missing.npz"], "E150"),
    (["simulate", "{built}", "--input", "text.npz"], "E151"),
    (["simulate", "missing", "--input", "{inputs}"], "E501"),
    (["simulate", "{built}", "--input", "{inputs}", "--output", "text.npz/y.npz"], "E154"),
    (["simulate", "{built}", "--input", "{inputs}", "--state-out", "text.npz/s.npz"], "E154"),
    (["simulate", "{built}", "--input", "{inputs}", "--record", "hid.w"], "E155"),
    (["simulate", "{built}", "--input", "{inputs}", "--state-in", "{inputs}"], "E156"),
    (["simulate", "{built}", "--input", "{inputs}", "--engine", "float"], "E185"),
    (["inspect", "{built}", "--level", "model"], "E186"),
    (["check", "--certificate", "missing"], "E508"),
    (["check", "--certificate", "text.npz"], "E508"),
    (["check", "--certificate", "{built}/report.json"], "E320"),
    (["compare", "{small}", "--data", "labels.npz"], "E181"),
    (["compile", "{small}", "--chip", "tinny"], "E430"),
    (["compile", "{small}", "--target", "abacus"], "E173"),
    (["compile", "{small}", "--bits", "hid_ou=4"], "E172"),
    (["compile", "{small}", "--bits", "hid_out"], "E171"),
    (["compile", "{small}", "--config", "text.npz"], "E150"),
    (["compile", "{small}", "--config", "unknown.toml"], "E170"),
    (["compile", "{small}", "--config", "wrong.toml"], "E171"),
    (["compile", "{small}", "--seed", "-1"], "E171"),
    (["compile", "{small}", "-o", "text.npz/out"], "E154"),
    (["compile", "{small}", "-o", "text.npz"], "E506"),
    (["compile", "{small}", "--json", "text.npz/r.json"], "E154"),
    (["compile", "{small}", "--calibration", "labels.npz"], "E161"),
    (["list", "chips", "--json", "text.npz/r.json"], "E154"),
])
def test_a_bad_argument_is_told(sparkc, small, built, inputs, tmp_path, words, code):
    (tmp_path / "text.npz").write_text("no arrays\n")
    (tmp_path / "unknown.toml").write_text("wieghts = 4")
    (tmp_path / "wrong.toml").write_text('weights = "many"\nreset = "never"')
    np.savez(tmp_path / "labels.npz", input=np.zeros((5, 3, 12 if "compare" in words else 11)), label=np.full(5, 9))
    before = sorted(path.name for path in tmp_path.iterdir())
    done = sparkc(*(word.format(small=small, built=built, inputs=inputs) for word in words))
    assert done.status == 1 and set(done.codes()) == {code}, done.err
    assert "Traceback" not in done.err and sorted(path.name for path in tmp_path.iterdir()) == before


def test_a_damaged_artifact_is_told(sparkc, built, inputs, tmp_path):
    folder = shutil.copytree(built, tmp_path / "copy")
    content = (folder / "tensors.npz").read_bytes()
    (folder / "tensors.npz").write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    for words in (["simulate", folder, "--input", inputs], ["inspect", folder]):
        done = sparkc(*words)
        assert done.status == 1 and done.codes() == ["E504"] and "tensors.npz" in done.err


def test_diagnostics_go_to_the_json_file_too(sparkc, tmp_path):
    assert sparkc("compile", "missing.py", "--json", "r.json").status == 1
    [told] = json.loads((tmp_path / "r.json").read_text())["diagnostics"]
    assert told.keys() == {"code", "message", "place", "found", "expected", "hint"} and told["code"] == "E101"


HEARING = """
import signal
from compiler import cli
signal.signal(signal.SIGINT, signal.default_int_handler)
cli.main()
"""
"""A shell starts what runs in the background deaf to interrupts, and that is inherited."""


def test_an_interrupted_compile_leaves_nothing(tmp_path):
    """The source says that it runs, and waits to be interrupted."""
    (tmp_path / "model.py").write_text("import pathlib, time\npathlib.Path('started').touch()\ntime.sleep(60)\n")
    words = [sys.executable, "-c", HEARING, "compile", "model.py", "-o", "out"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(words, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 60
        while not (tmp_path / "started").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=30)
    assert process.returncode == 130 and told.strip() == "interrupted; nothing half-written is left"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.py", "started"]
