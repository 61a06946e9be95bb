"""Files of equations as sources: they compile, every engine agrees, and what is wrong is a diagnostic."""

from pathlib import Path

import numpy as np
import pytest

from compiler.diagnostics import DiagnosticError
from compiler.pipeline import compile_source
from compiler.settings import Settings
from compiler.source import load_source
from spark.equations import gallery

FILE = """\
# A neuron with a moving threshold.
dt: 0.5 ms
units: (2, 3)
dv/dt = (v_rest - v + R*(I if v > -55 mV else 2*I))/tau : mV (unless refractory)
dw/dt = (abs(v - v_rest)/(1 mV) - w)/(50 ms) : 1
tau = 20 ms in (0, 1000]
R = 0.1 GΩ
v_rest = -60 mV
v(0) = v_rest
threshold: v > -40 mV and w < 100
reset: v = -50 mV; w += 1
refractory: 2 ms
"""


def written(folder: Path, text: str) -> str:
    path = folder / "cell.eq"
    path.write_text(text, encoding="utf-8")
    return str(path)


def compiled(source: str):
    chosen = Settings()
    loaded = chosen.load(source)
    return compile_source(loaded, chosen.options(loaded), chosen.target)


@pytest.fixture(scope="module")
def compilation(tmp_path_factory):
    return compiled(written(tmp_path_factory.mktemp("source"), FILE))


def assert_all_equal(compilation) -> None:
    found = {item.stage: item for item in compilation.verdicts}
    assert {"source = model", "fixed = program", "fixed = cores"} <= found.keys()
    for name, verdict in found.items():
        assert verdict.equal == ("measured" if "→" in name else "equal"), f"{name}: {verdict.detail}"


def test_a_file_compiles_and_every_engine_agrees(compilation):
    assert_all_equal(compilation)
    assert compilation.verdicts[-1].coverage["units"] == 1.0


@pytest.mark.slow
@pytest.mark.parametrize("name", gallery())
def test_every_text_of_the_gallery_compiles_and_every_engine_agrees(name, tmp_path):
    assert_all_equal(compiled(written(tmp_path, gallery()[name])))


def test_a_threshold_that_moves_before_it_is_compared_has_a_certificate(tmp_path):
    """What was computed from a state is known better once a compare has narrowed the state."""
    text = gallery()["AdaptiveLeakySoma"]
    verdict = next(item for item in compiled(written(tmp_path, text)).verdicts if item.stage == "certificate")
    assert verdict.equal == "equal", verdict.detail


def test_units_and_time_step_stand_in_the_file_and_the_command_line_goes_before(tmp_path):
    source = load_source(written(tmp_path, FILE))
    assert source.precision == "float64" and source.module is not None and source.module.units == (2, 3)
    assert source.lower().dt == 0.5 and source.name == "cell"
    assert load_source(written(tmp_path, FILE), dt=1.0).lower().dt == 1.0


def test_a_current_is_as_strong_as_it_takes_and_kept_to_sixteen_bits_of_its_range(compilation):
    rows = compilation.options.calibration["input"]
    assert 100 < np.abs(rows).max() < 1e5, "pA that make it fire"
    port, largest = compilation.mapped.inputs[0].port.type, np.abs(rows).max()
    assert port.width == 16 and 1 < port.high / 2**port.fraction / largest < 5


def test_faults_are_diagnostics_with_file_line_and_caret(tmp_path):
    with pytest.raises(DiagnosticError) as caught:
        load_source(written(tmp_path, FILE.replace("R*(I", "Q*(I").replace("reset: v", "reset: q")))
    text = str(caught.value)
    assert "cell.eq:4:23" in text and "cell.eq:11:8" in text and text.count("error[E125]") == 2 and "^" in text


@pytest.mark.parametrize("content, shown", [(b"\xff\xfe", "is not UTF-8"), (b"", "no differential equation")])
def test_a_file_that_is_no_text_is_a_diagnostic(tmp_path, content, shown):
    (tmp_path / "cell.eq").write_bytes(content)
    with pytest.raises(DiagnosticError, match=shown):
        load_source(str(tmp_path / "cell.eq"))


def test_the_reset_stands_in_the_file(tmp_path):
    with pytest.raises(DiagnosticError, match="E126.*equations say themselves"):
        load_source(written(tmp_path, FILE), reset="zero")
