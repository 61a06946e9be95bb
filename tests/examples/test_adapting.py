"""The example in equations: what couples its states keeps its digits on integers."""

from pathlib import Path

from compiler.pipeline import compile_source
from compiler.settings import Settings

EXAMPLE = Path(__file__).parents[2] / "examples" / "adapting.eq"


def test_the_adaptation_reaches_the_membrane_on_integers():
    """A factor between two states is far below the membrane's last bit; as one of its levels it would be 0."""
    settings = Settings()
    source = settings.load(str(EXAMPLE))
    compilation = compile_source(source, settings.options(source))
    assert compilation.warnings == []
    found = {item.stage: item for item in compilation.verdicts}
    assert all(verdict.equal == "equal" for stage, verdict in found.items() if "→" not in stage)
    assert found["model → fixed"].coverage["populations"]["module.spikes"]["spike_disagreement"] < 3e-4
