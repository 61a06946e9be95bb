"""A neuron whose dynamics use every function: certified, and the same integers on every engine."""

from compiler.pipeline import compile_source
from compiler.settings import Settings

TEXT = """\
units = 2
dv/dt = (-v + R*I + tanh(v/(5 mV))*2 mV)/(10 ms) : mV
dw/dt = (sqrt(abs(v)/(1 mV))*1 mV - w)/(20 ms) : mV
R = 0.1 GΩ
threshold: v > 10 mV + w*log(1 + abs(v)/(1 mV))/4 + v/(w + 1 mV)*1 mV
reset: v = 0 mV
"""


def test_every_engine_agrees_on_a_neuron_of_functions(tmp_path):
    path = tmp_path / "soft.eq"
    path.write_text(TEXT, encoding="utf-8")
    settings = Settings()
    source = settings.load(str(path))
    compilation = compile_source(source, settings.options(source), settings.target)
    found = {item.stage: item for item in compilation.verdicts}
    assert {found[stage].equal for stage in ("certificate", "source = model", "fixed = program", "fixed = cores")} \
        == {"equal"}
    spikes = found["model → fixed"].coverage["populations"]["module.spikes"]
    assert spikes["spike_rate"] > 0.002
    assert spikes["spike_disagreement"] < 0.002
