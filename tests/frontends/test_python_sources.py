"""Reading Python sources: what is found in them, and what is said about everything that can be wrong."""

from __future__ import annotations

import textwrap
from pathlib import Path

import numpy as np
import pytest

from compiler import npz
from compiler.diagnostics import Diagnostic, DiagnosticError
from compiler.source import load_source, split_spec

GOOD = """
    import numpy as np
    from spark.nn.brain import Sequential
    from spark.nn.neurons import LIFNeuron

    def small():
        return Sequential([LIFNeuron(units=(5,), dtype="float64", synapses__scale=4000.0)], input_shape=(2, 2))

    model = small()
"""


@pytest.fixture
def source(tmp_path: Path, monkeypatch):
    """Writes a source file into the working directory and gives its name."""
    monkeypatch.chdir(tmp_path)

    def write(text: str, name: str = "net.py") -> str:
        (tmp_path / name).write_text(textwrap.dedent(text))
        return name

    return write


def faults(spec: str, **options) -> list[Diagnostic]:
    with pytest.raises(DiagnosticError) as caught:
        load_source(spec, **options)
    return caught.value.diagnostics


def fault(spec: str, **options) -> Diagnostic:
    (found,) = faults(spec, **options)
    return found


# -- what is right --------------------------------------------------------------------------------------------------


def test_the_default_name_is_model(source):
    found = load_source(source(GOOD))
    assert (found.name, found.precision, found.calibration) == ("model", "float64", None)
    assert [item.name for item in found.lower().populations] == ["layer_0"]
    assert len(found.digest) == 64


def test_a_function_without_arguments_is_called(source):
    assert load_source(source(GOOD) + ":small").lower() == load_source("net.py").lower()


def test_the_same_file_gives_the_same_network_and_digest(source):
    first, second = load_source(source(GOOD)), load_source("net.py")
    assert first.digest == second.digest and first.lower() == second.lower()


def test_modules_beside_the_file_can_be_imported(source):
    source("SCALE = 10.0", "sizes_of_net.py")
    assert load_source(source(f"\n    from sizes_of_net import SCALE{GOOD}")).name == "model"


@pytest.mark.parametrize("text", [
    "calibration = np.ones((3, 20, 2, 2))",
    "calibration = {'input': np.ones((3, 20, 4), bool)}",
    "def calibration(): return np.ones((3, 20, 4))",
    "np.savez('data.npz', input=np.ones((3, 20, 4)))\n    calibration = 'data.npz'",
])
def test_calibration_is_an_array_a_dict_a_function_or_a_file(source, text: str):
    found = load_source(source(f"{GOOD}\n    {text}\n"))
    assert found.calibration is not None and found.calibration_origin == "net.py:calibration"
    np.testing.assert_array_equal(found.calibration["input"], np.ones((3, 20, 4)))


def test_precision_and_readout_are_taken_from_the_options(source):
    found = load_source(source(GOOD), precision="float32", readout="count")
    assert found.precision == "float32"
    assert [item.readout for item in found.lower().outputs] == ["count"]


def test_the_reference_of_a_source_runs_its_module(source):
    found = load_source(source(GOOD))
    inputs = np.ones((2, 30, 4))
    assert found.module is not None
    expected = np.abs(np.asarray(found.module.run(inputs.reshape(2, 30, 2, 2)).outputs["output"]))
    np.testing.assert_array_equal(found.run({"input": inputs}).outputs["output"], expected)
    assert expected.any()


def test_the_name_stands_behind_a_colon():
    assert split_spec("a/b.py:net") == (Path("a/b.py"), "net")
    assert split_spec("a/b.py") == (Path("a/b.py"), "")
    assert split_spec("c:/b.py") == (Path("c:/b.py"), "")


# -- what is wrong --------------------------------------------------------------------------------------------------


def test_a_missing_file(source):
    source(GOOD, "digits.py")
    found = fault("digit.py")
    assert (found.code, found.found, str(found.place)) == ("E101", "no such file", "digit.py")
    assert found.hint == "there is digits.py"


def test_a_folder_that_looks_like_a_file(tmp_path):
    (tmp_path / "x.py").mkdir()
    assert fault(str(tmp_path / "x.py")).found == "a folder"


@pytest.mark.parametrize("name", ["net.txt", "net"])
def test_an_unknown_ending(source, name: str):
    found = fault(source(GOOD, name))
    assert found.code == "E102" and ".py" in found.expected and ".snn" in found.expected


def test_a_source_that_raises_is_shown_at_its_own_line(source):
    found = fault(source("""
        import numpy as np

        def weights():
            return np.zeros(3)[7]

        model = weights()
    """))
    assert found.code == "E103"
    assert (found.place.file, found.place.line) == ("net.py", 5)
    assert found.place.excerpt == "return np.zeros(3)[7]"
    assert found.found == "IndexError: index 7 is out of bounds for axis 0 with size 3"


def test_an_error_inside_a_library_is_shown_at_the_users_line(source):
    found = fault(source("import numpy as np\nmodel = np.load('nothing.npz')\n"))
    assert found.code == "E103" and found.place.line == 2 and "FileNotFoundError" in found.found


def test_a_syntax_error_is_shown_where_it_is(source):
    found = fault(source("x = 1\nmodel = (1 +\n"))
    assert found.code == "E103" and found.place.line == 2
    assert found.found == "SyntaxError: '(' was never closed"


def test_a_source_that_leaves_is_an_error(source):
    assert fault(source("import sys\nsys.exit(3)\n")).found == "SystemExit: 3"


def test_a_function_that_raises_is_shown_at_its_line(source):
    found = fault(source("def model():\n    return 1 / 0\n"))
    assert found.code == "E103" and found.place.line == 2


def test_a_source_without_a_model_lists_what_it_defines(source):
    found = fault(source(GOOD.replace("model = small()", "other = small()")))
    assert found.code == "E104" and found.message == "the source defines no `model`"
    assert found.found == "other, small" and "net.py:NAME" in found.hint


def test_an_empty_source(source):
    assert fault(source("")).found == "nothing of the kind"


@pytest.mark.parametrize("text, found", [
    ("model = {'a': 1}", "{'a': 1}"),
    ("def model(): return 3", "3"),
    ("from spark.nn.neurons import LIFNeuron as model", "the class LIFNeuron"),
])
def test_a_model_of_another_type(source, text: str, found: str):
    given = fault(source(text))
    assert (given.code, given.message, given.found) == ("E105", "`model` is no spark module", found)


def test_a_function_that_needs_arguments(source):
    found = fault(source("def model(width, depth=2): ..."))
    assert found.code == "E105" and found.found == "width" and found.hint == "give them default values"


def test_every_fault_of_a_configuration_at_once(source):
    found = faults(source("""
        from spark.nn.neurons import LIFNeuron
        model = LIFNeuron(units=(3,), inhibitory_rate=2.0, dt=-1.0, soma__cooldwon=3).build(4)
    """))
    assert {item.code for item in found} == {"E110"}
    by_path = {item.place.path: item for item in found}
    assert by_path["inhibitory_rate"].found == "2.0" and "<= 1" in by_path["inhibitory_rate"].expected
    assert "dt" in by_path and by_path["soma.cooldwon"].hint == "did you mean 'cooldown'?"
    assert all(item.place.line == 3 and item.place.excerpt.startswith("model = ") for item in found)


WIRED = """
    from spark.nn.brain import Brain, ModuleSpecs, PortMap
    from spark.nn.neurons import LIFNeuron

    model = Brain(inputs={{"input": 3}}, outputs={{"output": PortMap("a", "out_spikes")}}, modules=[
        ModuleSpecs("a", LIFNeuron(units=(2,){keywords}), {{"in_spikes": [
            PortMap("__call__", "input"), PortMap("b", "out_spikes", {delay})]}}),
        ModuleSpecs("b", LIFNeuron(units=(4,)), {{"in_spikes": PortMap("a", "out_spikes", 0)}})])
"""


def wired(delay: str = "1", keywords: str = "") -> str:
    return WIRED.format(delay=delay, keywords=keywords)


def test_the_wired_source_is_right_as_it_stands(source):
    assert load_source(source(wired())).name == "model"


@pytest.mark.parametrize("delay", ["-1", "1.5"])
def test_a_negative_or_fractional_delay(source, delay: str):
    found = fault(source(wired(delay)))
    assert found.code == "E110" and found.found == delay and "whole number of steps" in found.expected
    assert found.place.path == "modules.a.inputs.in_spikes.delay" and found.place.line == 5


def test_delays_of_a_neuron_that_are_no_whole_steps(source):
    text = "\n    from spark.nn.components.delays.n import NDelaysConfig" + wired(
        keywords=", delays=NDelaysConfig(steps=[0, 1, 2, 3, 0, 1, 2.5])")
    found = fault(source(text))
    assert (found.code, found.place.path, found.expected) == ("E110", "steps", "whole numbers of steps")
    assert found.place.excerpt[found.place.column - 1 :].startswith("NDelaysConfig(steps=")


def test_a_cycle_without_delay(source):
    found = fault(source(wired("0")))
    assert found.code == "E110" and found.found == "'a -> b -> a'" and "cycle" in found.expected


def test_shapes_that_do_not_fit(source):
    found = fault(source("\n    import numpy as np" + wired(keywords=", synapses__kernel=np.ones((2, 5))")))
    assert found.code == "E110" and "(2, 5)" in found.found and "(2, 7)" in found.expected


def test_weights_that_are_not_finite(source):
    found = fault(source(wired() + """
    import numpy as np
    params = model.params
    kernel = np.array(params["b"]["synapses"]["kernel"])
    kernel[3, 1] = np.nan
    params["b"]["synapses"]["kernel"] = kernel
    model.params = params
    """))
    assert found.code == "E107" and found.found == "nan at [3, 1]"
    assert str(found.place) == "net.py (model.b.synapses.kernel)"


def test_a_step_with_an_unsupported_primitive(source):
    found = fault(source("""
        import jax.numpy as jnp
        from spark.nn.components.somas.leaky import LeakySoma, LeakySomaConfig
        from spark.nn.neurons import LIFNeuron

        class OddConfig(LeakySomaConfig):
            pass

        class OddSoma(LeakySoma):
            config_class = OddConfig

            def step(self, state, inputs, params):
                v = jnp.arctan(state["v"] + inputs["current"])
                return {"v": v}, {"spikes": self.fire(v, params["theta"])}

        model = LIFNeuron(units=(2,), soma=OddConfig()).build(3)
    """))
    assert found.code == "E111" and found.found == "atan"
    assert (found.place.file, found.place.line) == ("net.py", 13)
    assert found.place.excerpt == 'v = jnp.arctan(state["v"] + inputs["current"])'


def test_settings_that_the_file_decides(source):
    found = faults(source(GOOD), dt=0.5, reset="zero")
    assert [(item.code, item.place.path) for item in found] == [("E116", "--dt"), ("E116", "--reset")]
    assert load_source("net.py", dt=1.0, reset="file").name == "model"


def test_calibration_data_that_are_no_arrays(source):
    found = fault(source(f"{GOOD}\n    calibration = {{'input': 'x.npz'}}\n"))
    assert (found.code, found.found) == ("E118", "input: str")


def test_calibration_data_that_the_port_cannot_hold(source):
    found = fault(source(f"{GOOD}\n    calibration = np.full((1, 5, 4), 2)\n"))
    assert found.code == "E162" and found.found == "2 at [0, 0, 0]"
    assert "calibration" in str(found.place)


def test_calibration_of_a_pickled_file_is_refused(source):
    source(GOOD)
    np.savez("data.npz", input=np.array([{}], dtype=object))
    assert fault(source(f"{GOOD}\n    calibration = 'data.npz'\n")).code == npz.E152
